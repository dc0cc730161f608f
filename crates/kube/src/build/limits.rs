//! Who may evict pods, and who may talk to them.

use super::{
    Manifest,
    labels::{Part, map, meta, of, servers},
    manifest,
};
use crate::{
    api::{BudgetSpec, Egress, Ingress, NetworkPolicySpec, Object, Peer, PolicyPort, Selector, Spec},
    spec::{Cluster, METRICS_PORT, Wanted},
};

pub(super) fn budget(c: &Cluster) -> Manifest {
    let object = Object {
        api_version: "policy/v1",
        kind: "PodDisruptionBudget",
        metadata: meta(c, c.spec.name.clone(), Part::Database),
        rest: Spec {
            spec: BudgetSpec { max_unavailable: 1, unhealthy_pod_eviction_policy: "AlwaysAllow", selector: servers(c) },
        },
    };
    let why = [
        ("spec.maxUnavailable", "Drains take one pod at a time, and each takes its whole grace period."),
        (
            "spec.unhealthyPodEvictionPolicy",
            "A pod that hangs in its join must not hold up a drain; a broken join starts anew, so nothing is lost.",
        ),
    ];
    manifest("poddisruptionbudget.yaml", &object, &why)
}

pub(super) fn network_policy(c: &Cluster) -> Manifest {
    let tcp = |port| PolicyPort { protocol: "TCP", port };
    let peer = |part| Peer { pod_selector: Selector { match_labels: of(c, part) } };
    let (sql, replication) = (c.spec.port, c.spec.replication_port);
    let mut ingress = vec![
        Ingress { from: vec![peer(Part::Database)], ports: vec![tcp(replication)] },
        Ingress { from: Vec::new(), ports: vec![tcp(sql)] },
    ];
    match c.options.monitoring {
        Wanted::Yes => ingress.push(Ingress { from: Vec::new(), ports: vec![tcp(METRICS_PORT)] }),
        Wanted::No => {}
    }
    let egress = vec![
        Egress { to: vec![peer(Part::Database)], ports: vec![tcp(sql), tcp(replication)] },
        Egress { to: Vec::new(), ports: vec![PolicyPort { protocol: "UDP", port: 53 }, tcp(53)] },
    ];
    let pods = map([("app.kubernetes.io/name", "altibase"), ("app.kubernetes.io/instance", &c.spec.name)]);
    let object = Object {
        api_version: "networking.k8s.io/v1",
        kind: "NetworkPolicy",
        metadata: meta(c, c.spec.name.clone(), Part::Database),
        rest: Spec {
            spec: NetworkPolicySpec {
                pod_selector: Selector { match_labels: pods },
                policy_types: vec!["Ingress", "Egress"],
                ingress,
                egress,
            },
        },
    };
    let why = [
        (
            "spec.podSelector",
            "The servers and the look for drift. A cluster whose network does not enforce policies ignores this.",
        ),
        ("spec.ingress[0]", "Replication has no password: whoever reaches this port can send rows."),
        ("spec.ingress[1]", "Clients from anywhere, by password; add from: to let in only some."),
        ("spec.egress[1]", "DNS, wherever it is: a node's own cache has an address outside of the pod network."),
    ];
    manifest("networkpolicy.yaml", &object, &why)
}
