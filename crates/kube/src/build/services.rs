//! The names of the pods, and the ways of clients to them.

use super::{
    Manifest,
    labels::{Part, map, meta, of},
    manifest,
};
use crate::{
    api::{Object, PortRef, ServicePort, ServiceSpec, Spec},
    spec::Cluster,
};

/// Name of the port of SQL.
pub(super) const SQL: &str = "sql";
/// Name of the port of replication.
pub(super) const REPLICATION: &str = "replication";

fn service(c: &Cluster, name: String, spec: ServiceSpec) -> Object<Spec<ServiceSpec>> {
    Object { api_version: "v1", kind: "Service", metadata: meta(c, name, Part::Database), rest: Spec { spec } }
}

fn port(name: &'static str, port: u16) -> ServicePort {
    ServicePort { name, port, target_port: PortRef::Name(name) }
}

/// The headless Service: `<pod>.<service>` is how pods find each other.
pub(super) fn peers(c: &Cluster) -> Manifest {
    let spec = ServiceSpec {
        kind: "ClusterIP",
        cluster_ip: Some("None"),
        publish_not_ready_addresses: Some(true),
        selector: of(c, Part::Database),
        ports: vec![port(SQL, c.spec.port), port(REPLICATION, c.spec.replication_port)],
    };
    let why = [
        ("spec.clusterIP", "Headless: DNS gives the address of each pod, which replication needs."),
        (
            "spec.publishNotReadyAddresses",
            "A pod that joins is not ready, and one that ends is not either: both have to be found by the others.",
        ),
    ];
    manifest("service-peers.yaml", &service(c, c.spec.service.clone(), spec), &why)
}

fn for_clients(c: &Cluster, selector: crate::api::Map) -> ServiceSpec {
    ServiceSpec {
        kind: "ClusterIP",
        cluster_ip: None,
        publish_not_ready_addresses: None,
        selector,
        ports: vec![port(SQL, c.spec.port)],
    }
}

/// The Service of the clients.
pub(super) fn clients(c: &Cluster) -> Manifest {
    let spec = for_clients(c, of(c, Part::Database));
    let why = [(
        "spec",
        "Only ready pods: a pod that joins refuses clients, and what is written to one that ends could be lost. Clients \
         that change the same row by different pods make conflicts; give such clients one pod.",
    )];
    manifest("service-clients.yaml", &service(c, c.client_service(), spec), &why)
}

/// A Service for each pod that there may ever be.
pub(super) fn per_pod(c: &Cluster) -> Vec<Manifest> {
    (0..c.spec.server_count)
        .map(|n| {
            let mut selector = of(c, Part::Database);
            selector.extend(map([("statefulset.kubernetes.io/pod-name", &format!("{}-{n}", c.spec.name))]));
            let name = format!("{}-{n}-client", c.spec.name);
            let why = [(
                "spec",
                "For clients that stay with one pod. It is there before the pod is, and leads nowhere until then.",
            )];
            manifest(format!("service-pod-{n}.yaml"), &service(c, name, for_clients(c, selector)), &why)
        })
        .collect()
}
