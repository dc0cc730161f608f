//! K101 to K111: the StatefulSet and its place in `aku.conf`.

use super::{Case, Sight};
use crate::{
    lint::{
        Code, Finding,
        view::{Object, fits, words},
    },
    spec::{ClusterSpec, LONGEST_NAME, is_dns_subdomain},
    yaml::{Node, Place},
};

/// The StatefulSet that is meant: that of the name, else the only one.
pub(super) fn chosen<'f>(spec: &ClusterSpec, objects: &[Object<'f>]) -> Option<Object<'f>> {
    let sets: Vec<_> = objects.iter().filter(|o| o.kind == "StatefulSet").collect();
    let named = sets.iter().find(|o| o.name == spec.name);
    named.or(sets.first()).map(|o| **o)
}

/// There is none.
pub(super) fn no_set(spec: &ClusterSpec, objects: &[Object<'_>], sight: Sight, findings: &mut Vec<Finding>) {
    let before = findings.len();
    for o in objects {
        let pod = match o.kind {
            "Deployment" | "DaemonSet" | "ReplicaSet" => o.get(&["spec", "template", "spec"]),
            "Pod" => o.get(&["spec"]),
            _ => None,
        };
        let runs_it = |c: &Node| {
            let image = c.get("image").and_then(Node::text).unwrap_or_default().to_ascii_lowercase();
            image.contains("altibase") || words(c.get("command")).iter().any(|w| w.contains("altibase"))
        };
        if pod.and_then(|p| p.get("containers")).is_some_and(|c| c.items().iter().any(runs_it)) {
            findings.push(o.finding(
                Code::NotStatefulSet,
                o.place(&["kind"]),
                format!("{} {} runs a server", o.kind, o.name),
            ));
        }
    }
    if findings.len() == before && sight.readable {
        let (file, at) = objects.first().map_or(("", Place { line: 1, column: 1 }), |o| (o.file, o.node.at));
        let message = format!("no StatefulSet {} in these files", spec.name);
        findings.push(Finding { code: Code::NoStatefulSet, file: file.to_owned(), at, message });
    }
}

/// Names that Kubernetes refuses, of any object.
pub(super) fn names(objects: &[Object<'_>], findings: &mut Vec<Finding>) {
    for o in objects {
        let too_long = o.kind == "StatefulSet" && o.name.len() > LONGEST_NAME;
        // Roles may be called anything.
        let free =
            o.kind.starts_with("Role") || o.kind.starts_with("ClusterRole") || o.kind == "CustomResourceDefinition";
        if !free && (too_long || !is_dns_subdomain(o.name)) {
            let message = format!("{} is called \"{}\"", o.kind, o.name);
            findings.push(o.finding(Code::BadName, o.place(&["metadata", "name"]), message));
        }
    }
}

pub(super) fn rules(c: &Case<'_>, findings: &mut Vec<Finding>) {
    let set = &c.set;
    let mut found = |code, keys: &[&str], message: String| findings.push(set.finding(code, set.place(keys), message));
    if set.name != c.spec.name {
        found(Code::Name, &["metadata", "name"], format!("the name is {}, AKU_STS_NAME is {}", set.name, c.spec.name));
    }
    let text = |keys: &[&str]| set.get(keys).and_then(Node::text);
    let service = text(&["spec", "serviceName"]).unwrap_or("not set");
    if service != c.spec.service {
        let message = format!("serviceName is {service}, AKU_SVC_NAME is {}", c.spec.service);
        found(Code::ServiceName, &["spec", "serviceName"], message);
    }
    // Absent is 1.
    let replicas = set.get(&["spec", "replicas"]).map_or(Some(1), Node::int);
    if replicas.is_none_or(|n| n > i64::from(c.spec.server_count)) {
        let shown = replicas.map_or_else(|| "no number".to_owned(), |n| n.to_string());
        let message = format!("replicas is {shown}, AKU_SERVER_COUNT is {}", c.spec.server_count);
        found(Code::Replicas, &["spec", "replicas"], message);
    }
    let policy = text(&["spec", "podManagementPolicy"]).unwrap_or("OrderedReady");
    if policy != "OrderedReady" {
        found(Code::Parallel, &["spec", "podManagementPolicy"], format!("podManagementPolicy is {policy}"));
    }
    if let Some(start) = set.get(&["spec", "ordinals", "start"]).filter(|s| s.int() != Some(0)) {
        let start = start.int().map_or_else(|| "no number".to_owned(), |n| n.to_string());
        found(Code::Ordinals, &["spec", "ordinals", "start"], format!("the first pod is {start}"));
    }
    let keys = ["spec", "updateStrategy", "rollingUpdate", "maxUnavailable"];
    if set.get(&keys).is_some() {
        found(Code::MaxUnavailable, &keys, "maxUnavailable is set".to_owned());
    }
    let selector = set.get(&["spec", "selector"]);
    if !selector.is_some_and(|s| !s.entries().is_empty() && fits(Some(s), c.labels())) {
        found(Code::Selector, &["spec", "selector"], "the selector does not match the labels of the pods".to_owned());
    }
    let labels = set.get(&["spec", "selector", "matchLabels"]).map(Node::entries).unwrap_or_default();
    let changing = ["app.kubernetes.io/version", "helm.sh/chart", "version"];
    for label in labels.iter().filter(|l| changing.contains(&l.key.as_str())) {
        findings.push(set.finding(Code::VersionInSelector, label.at, format!("the selector has {}", label.key)));
    }
}
