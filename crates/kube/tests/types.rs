//! What is written is what Kubernetes' own types read, field by field.

use std::collections::BTreeSet;

use aku_kube::{Access, AtEnd, Cluster, ClusterSpec, EndSeconds, Options, SecretKey, Wanted, stream, yaml};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

fn cluster(options: Options) -> Cluster {
    let spec = ClusterSpec {
        name: "db".into(),
        service: "db-peers".into(),
        server_count: 4,
        port: 20300,
        replication_port: 20301,
        groups: 2,
        conflict_properties: Vec::new(),
        targets: 3,
        at_end: AtEnd::Keep,
        address_check: 60,
        end: EndSeconds { fence: 10, flush: 300, stop_reset: 6 },
        conf: "AKU_STS_NAME = db\n".into(),
    };
    Cluster::new(spec, options).expect("a cluster that fits")
}

fn everything() -> Options {
    Options {
        namespace: Some("db".into()),
        per_pod: Wanted::Yes,
        monitoring: Wanted::Yes,
        pre_stop_sleep: 10,
        storage_class: Some("fast".into()),
        access: Access::ReadWriteOncePod,
        licence: Some(SecretKey { secret: "licence".into(), key: "license".into() }),
        ..Options::default()
    }
}

/// Reads a document as Kubernetes does, writes it again, and compares: a field that Kubernetes does not know is lost.
fn round_trip<T: Serialize + DeserializeOwned>(document: &Json) {
    let mut document = document.clone();
    let typed: T = serde_json::from_value(document.clone()).unwrap_or_else(|e| panic!("{e}\n{document:#}"));
    let mut read = serde_json::to_value(typed).expect("JSON");
    // Kubernetes' type of a claim always writes what it is.
    let claims = read.pointer_mut("/spec/volumeClaimTemplates").and_then(Json::as_array_mut);
    for claim in claims.into_iter().flatten() {
        claim.as_object_mut().expect("a map").retain(|key, _| key != "apiVersion" && key != "kind");
    }
    assert_eq!(read, document.take());
}

#[test]
fn kubernetes_reads_every_field() {
    use k8s_openapi::api::{
        apps::v1::StatefulSet,
        batch::v1::CronJob,
        core::v1::{ConfigMap, Service},
        networking::v1::NetworkPolicy,
        policy::v1::PodDisruptionBudget,
    };
    let mut kinds = BTreeSet::new();
    for options in [Options::default(), everything()] {
        for node in yaml::read(&stream(&cluster(options))).unwrap() {
            let document = node.to_json();
            let kind = document["kind"].as_str().expect("a kind").to_owned();
            match kind.as_str() {
                "StatefulSet" => round_trip::<StatefulSet>(&document),
                "CronJob" => round_trip::<CronJob>(&document),
                "ConfigMap" => round_trip::<ConfigMap>(&document),
                "Service" => round_trip::<Service>(&document),
                "NetworkPolicy" => round_trip::<NetworkPolicy>(&document),
                "PodDisruptionBudget" => round_trip::<PodDisruptionBudget>(&document),
                // Of the Prometheus operator.
                "PodMonitor" | "PrometheusRule" => assert_eq!(document["apiVersion"], "monitoring.coreos.com/v1"),
                other => panic!("{other}"),
            }
            kinds.insert(kind);
        }
    }
    assert_eq!(kinds.len(), 8);
}

#[test]
#[should_panic(expected = "terminatonGracePeriodSeconds")]
fn a_misspelt_field_would_be_found() {
    let text = stream(&cluster(Options::default())).replace("terminationGrace", "terminatonGrace");
    let document = yaml::read(&text).unwrap().into_iter().map(|n| n.to_json()).find(|d| d["kind"] == "StatefulSet");
    round_trip::<k8s_openapi::api::apps::v1::StatefulSet>(&document.unwrap());
}
