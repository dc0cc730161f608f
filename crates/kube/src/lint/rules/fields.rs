//! K003 to K005: fields that no API server knows.

use std::{collections::HashMap, sync::LazyLock};

use crate::{
    lint::{Code, Finding, near::nearest, view::Object},
    yaml::Node,
};

/// Kinds whose fields are known, with the groups that they are of.
const KINDS: [(&str, &str); 14] = [
    ("ConfigMap", "v1"),
    ("CronJob", "batch/v1"),
    ("DaemonSet", "apps/v1"),
    ("Deployment", "apps/v1"),
    ("Job", "batch/v1"),
    ("NetworkPolicy", "networking.k8s.io/v1"),
    ("PersistentVolumeClaim", "v1"),
    ("Pod", "v1"),
    ("PodDisruptionBudget", "policy/v1"),
    ("ReplicaSet", "apps/v1"),
    ("Secret", "v1"),
    ("Service", "v1"),
    ("ServiceAccount", "v1"),
    ("StatefulSet", "apps/v1"),
];

/// Type, then field, then the type of what is in it.
type Types = HashMap<&'static str, HashMap<&'static str, Option<&'static str>>>;

static TYPES: LazyLock<Types> = LazyLock::new(|| {
    let lines = include_str!("../fields.txt").lines().filter(|l| !l.starts_with('#'));
    lines
        .filter_map(|line| {
            let mut words = line.split(' ');
            let field = |w: &'static str| w.split_once(':').map_or((w, None), |(name, of)| (name, Some(of)));
            Some((words.next()?, words.map(field).collect()))
        })
        .collect()
});

pub(super) fn rules(objects: &[Object<'_>], findings: &mut Vec<Finding>) {
    for o in objects {
        let group = o.get(&["apiVersion"]).and_then(Node::text);
        // Others have kinds of the same name.
        if KINDS.iter().any(|(kind, of)| *kind == o.kind && group.is_none_or(|g| g == *of)) {
            walk(o, o.node, o.kind, findings);
        }
    }
}

fn walk(o: &Object<'_>, node: &Node, of: &str, findings: &mut Vec<Finding>) {
    let Some(known) = TYPES.get(of) else { return };
    for entry in node.entries() {
        let key = entry.key.as_str();
        match known.get(key) {
            Some(Some(inner)) => walk(o, &entry.value, inner, findings),
            Some(None) => {}
            None if key.starts_with(|c: char| c.is_ascii_uppercase()) => {
                findings.push(o.finding(Code::NotAField, entry.at, format!("{key} is no field")));
                // What is in it is meant for the field of that name.
                let small = known.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
                if let Some((_, Some(inner))) = small {
                    walk(o, &entry.value, inner, findings);
                }
            }
            None => {
                let (code, message) = match nearest(key, known.keys().copied()) {
                    Some(meant) => (Code::Misspelt, format!("{key} is no field of {of}; {meant} is one")),
                    None => (Code::UnknownField, format!("{key} is no known field of {of}")),
                };
                findings.push(o.finding(code, entry.at, message));
            }
        }
    }
    for item in node.items() {
        walk(o, item, of, findings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every type that is named is in the table, and every kind.
    #[test]
    fn the_table_is_whole() {
        let named = TYPES.values().flat_map(|fields| fields.values().copied().flatten());
        for of in named.chain(KINDS.iter().map(|(kind, _)| *kind)) {
            assert!(TYPES.contains_key(of), "{of}");
        }
        assert!(TYPES["Container"].contains_key("readinessProbe"));
        assert_eq!(TYPES["PodSpec"]["containers"], Some("Container"));
    }

    /// Kubernetes' own types complain of a wrong value in a field that they know, and of nothing in one that they do not.
    #[test]
    fn kubernetes_knows_the_fields() {
        use k8s_openapi::{api, apimachinery::pkg::apis::meta::v1 as meta};
        fn check<T: serde::de::DeserializeOwned>(of: &str, newer: &[&str]) {
            let knows = |field: &str| serde_json::from_value::<T>(serde_json::json!({ field: 0.5 })).is_err();
            assert!(!knows("noSuchField"), "{of}");
            let unknown: Vec<_> = TYPES[of].keys().copied().filter(|f| !knows(f)).collect();
            let unexpected: Vec<_> = unknown.iter().filter(|f| !newer.contains(f)).collect();
            assert!(unexpected.is_empty(), "{of}: {unexpected:?}");
        }
        check::<api::apps::v1::StatefulSetSpec>("StatefulSetSpec", &[]);
        check::<api::apps::v1::StatefulSetUpdateStrategy>("StatefulSetUpdateStrategy", &[]);
        check::<api::core::v1::Probe>("Probe", &[]);
        check::<api::core::v1::Lifecycle>("Lifecycle", &[]);
        check::<api::core::v1::VolumeMount>("VolumeMount", &["bindMountOptions"]);
        check::<api::core::v1::SecurityContext>("SecurityContext", &[]);
        check::<api::core::v1::ServiceSpec>("ServiceSpec", &[]);
        check::<api::batch::v1::CronJobSpec>("CronJobSpec", &[]);
        check::<api::policy::v1::PodDisruptionBudgetSpec>("PodDisruptionBudgetSpec", &[]);
        check::<api::networking::v1::NetworkPolicySpec>("NetworkPolicySpec", &[]);
        check::<meta::ObjectMeta>("ObjectMeta", &[]);
        // Newer than the release whose types are built here.
        check::<api::core::v1::Container>("Container", &["restartPolicyRules"]);
        check::<api::core::v1::PodSpec>(
            "PodSpec",
            &["evictionResponders", "hostnameOverride", "schedulingGroup", "workloadRef"],
        );
    }
}
