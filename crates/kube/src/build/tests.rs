use serde_json::Value as Json;

use super::*;
use crate::{
    spec::{Access, ClusterSpec, Members, Options, SecretKey},
    testing::{cluster, golden, spec},
    yaml,
};

/// Every optional thing.
fn everything() -> Options {
    Options {
        namespace: Some("db".into()),
        per_pod: Wanted::Yes,
        monitoring: Wanted::Yes,
        pre_stop_sleep: 10,
        storage_class: Some("fast".into()),
        access: Access::ReadWriteOncePod,
        licence: Some(SecretKey { secret: "altibase-licence".into(), key: "license".into() }),
        replicas: 4,
        ..Options::default()
    }
}

#[test]
fn printed() {
    golden("manifests", &stream(&cluster(Options::default())));
    let several = Cluster::new(ClusterSpec { groups: 2, ..spec() }, everything()).unwrap();
    golden("manifests-everything", &stream(&several));
}

#[test]
fn ephemeral_members_differ_in_one_thing() {
    let reset = ClusterSpec { at_end: crate::spec::AtEnd::Reset, ..spec() };
    let with = |members| stream(&Cluster::new(reset.clone(), Options { members, ..Options::default() }).unwrap());
    let (durable, ephemeral) = (with(Members::Durable), with(Members::Ephemeral));
    let differ: Vec<_> =
        ephemeral.lines().filter(|l| !durable.contains(l)).map(str::trim).filter(|l| !l.starts_with('#')).collect();
    assert_eq!(differ, ["aku/members: ephemeral", "whenScaled: Delete"]);
}

#[test]
fn comments_change_nothing() {
    for m in manifests(&cluster(everything())) {
        let without: String =
            m.yaml.lines().filter(|l| !l.trim_start().starts_with("# ")).flat_map(|l| [l, "\n"]).collect();
        if m.file != "configmap.yaml" {
            assert_eq!(
                yaml::read(&without).unwrap()[0].to_json(),
                yaml::read(&m.yaml).unwrap()[0].to_json(),
                "{}",
                m.file
            );
        }
    }
}

#[test]
fn selectors_find_the_pods_and_only_those() {
    let documents: Vec<Json> =
        yaml::read(&stream(&cluster(everything()))).unwrap().iter().map(yaml::Node::to_json).collect();
    let labels =
        |pointer: &str| documents.iter().find_map(|d| d.pointer(pointer)).unwrap().as_object().unwrap().clone();
    let pods = labels("/spec/template/metadata/labels");
    let drift = labels("/spec/jobTemplate/spec/template/metadata/labels");
    let finds = |selector: &serde_json::Map<String, Json>, labels: &serde_json::Map<String, Json>| {
        selector
            .iter()
            .filter(|(k, _)| *k != "statefulset.kubernetes.io/pod-name")
            .all(|(k, v)| labels.get(k) == Some(v))
    };
    let mut seen = 0;
    for d in &documents {
        let selector = match d["kind"].as_str().unwrap() {
            "Service" => &d["spec"]["selector"],
            "StatefulSet" | "PodDisruptionBudget" | "PodMonitor" => &d["spec"]["selector"]["matchLabels"],
            _ => continue,
        };
        let selector = selector.as_object().unwrap();
        assert!(finds(selector, &pods) && !finds(selector, &drift), "{d:#}");
        seen += 1;
    }
    assert_eq!(seen, 2 + 4 + 3);
}

#[test]
fn the_same_number_of_seconds_everywhere() {
    let text = stream(&cluster(everything()));
    assert!(text.contains("terminationGracePeriodSeconds: 446\n"), "{text}");
    // The hook is over when aku hears of the stop.
    assert!(text.contains("- --grace=436s\n") && text.contains("- \"10\"\n"), "{text}");
}

#[test]
fn the_digest_is_that_of_the_file() {
    assert_eq!(config::checksum("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let changed = ClusterSpec { conf: spec().conf + "# x\n", ..spec() };
    let text = stream(&Cluster::new(changed, Options::default()).unwrap());
    assert!(!text.contains(&config::checksum(&spec().conf)), "another file, other pods");
}
