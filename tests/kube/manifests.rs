//! What is played is what is printed: read by Kubernetes' own types without a loss, and understood by the model to the last
//! field.

use std::collections::BTreeSet;

use aku_kube::yaml;
use aku_stateful::manifest::{self, NO_BEARING, NO_BEARING_KINDS};
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    batch::v1::CronJob,
    core::v1::{ConfigMap, Service},
    policy::v1::PodDisruptionBudget,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

use crate::stage::printed;

/// Sets of flags that bring about everything that can be printed.
const FLAGS: [&[&str]; 3] = [
    &[],
    &["--monitoring", "--per-pod", "--create-database", "--pre-stop-sleep", "5s", "--licence-secret", "licence"],
    &["--storage-class", "fast", "--access-mode", "ReadWriteOncePod", "--namespace", "db", "--no-drift"],
];

/// As Kubernetes reads it: a field that it does not know would be lost.
fn round_trip<T: Serialize + DeserializeOwned>(document: &Json) {
    let typed: T = serde_json::from_value(document.clone()).unwrap_or_else(|e| panic!("{e}\n{document:#}"));
    let mut read = serde_json::to_value(typed).unwrap();
    // Its type of a claim always says what it is.
    let claims = read.pointer_mut("/spec/volumeClaimTemplates").and_then(Json::as_array_mut);
    for claim in claims.into_iter().flatten() {
        claim.as_object_mut().unwrap().retain(|key, _| key != "apiVersion" && key != "kind");
    }
    assert_eq!(read, *document);
}

#[test]
fn everything_that_is_printed_is_understood() {
    let (mut left_out, mut kinds) = (BTreeSet::new(), BTreeSet::new());
    for flags in FLAGS {
        let text = printed(flags);
        for document in yaml::read(&text).unwrap() {
            let document = document.to_json();
            let kind = document["kind"].as_str().unwrap().to_owned();
            match kind.as_str() {
                "StatefulSet" => round_trip::<StatefulSet>(&document),
                "CronJob" => round_trip::<CronJob>(&document),
                "ConfigMap" => round_trip::<ConfigMap>(&document),
                "Service" => round_trip::<Service>(&document),
                "PodDisruptionBudget" => round_trip::<PodDisruptionBudget>(&document),
                _ => assert!(NO_BEARING_KINDS.iter().any(|(known, _)| *known == kind), "{kind}"),
            }
            kinds.insert(kind);
        }
        manifest::read(&text).unwrap();
        left_out.extend(manifest::left_out(&text).unwrap());
    }
    assert_eq!(kinds.len(), 5 + NO_BEARING_KINDS.len(), "{kinds:?}");
    // No entry of the list stays behind when its field is not printed any more.
    let listed: BTreeSet<_> = NO_BEARING.iter().map(|(kind, path, _)| (*kind, *path)).collect();
    assert_eq!(left_out, listed);
}

#[test]
fn what_is_not_understood_is_a_failure() {
    let good = printed(FLAGS[1]);
    for (old, new, told) in [
        (
            "      automountServiceAccountToken",
            "      hostNetwork: true\n      automountServiceAccountToken",
            "hostNetwork",
        ),
        ("      containers:", "      initContainers: []\n      containers:", "initContainers"),
        ("OrderedReady", "Parallel", "Parallel"),
        ("type: RollingUpdate", "type: OnDelete", "OnDelete"),
        ("type: RollingUpdate", "type: RollingUpdate\n    rollingUpdate:\n      partition: 1", "rollingUpdate"),
        (
            "            periodSeconds: 5",
            "            initialDelaySeconds: 5\n            periodSeconds: 5",
            "initialDelaySeconds",
        ),
        ("            exec:\n", "            httpGet:\n", "httpGet"),
        ("fieldPath: metadata.name", "fieldPath: status.podIP", "status.podIP"),
        ("ReadWriteOnce", "ReadWriteMany", "ReadWriteMany"),
        ("kind: PodMonitor", "kind: Gateway", "the kind"),
        ("clusterIP: None", "clusterIP: 10.0.0.1", "10.0.0.1"),
        (
            "        - name: altibase\n",
            "        - name: exporter\n          command:\n            - e\n        - name: altibase\n",
            "more than one container",
        ),
        ("            - altibase\n", "            - /opt/altibase\n", "a path among the words"),
        ("whenScaled: Retain", "whenScaled: Keep", "Keep"),
    ] {
        assert!(good.contains(old), "{old}");
        let Err(e) = manifest::read(&good.replacen(old, new, 1)) else { panic!("{new} was taken") };
        assert!(e.to_string().contains(told), "{told}: {e}");
    }
}
