//! The alerts as a file of rules for a Prometheus without an operator: the same as in the PrometheusRule, with unit tests.
//!
//! The unit tests run when promtool is there; AKU_REQUIRE_PROMTOOL=1 insists on it.

#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the edge: files and programs of others"
)]

use std::{env, fs, path::PathBuf, process::Command};

use aku_kube::{AtEnd, Cluster, ClusterSpec, EndSeconds, Options, Wanted, stream, yaml};

fn conf() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../conf"))
}

/// spec of the PrometheusRule that is printed.
fn printed() -> serde_json::Value {
    let spec = ClusterSpec {
        name: "altibase-sts".into(),
        service: "altibase-svc".into(),
        server_count: 4,
        port: 20300,
        replication_port: 20301,
        groups: 1,
        conflict_properties: Vec::new(),
        targets: 3,
        at_end: AtEnd::Keep,
        address_check: 60,
        end: EndSeconds { fence: 10, flush: 300, stop_reset: 6 },
        conf: "AKU_STS_NAME = altibase-sts\n".into(),
    };
    let options = Options { monitoring: Wanted::Yes, ..Options::default() };
    let text = stream(&Cluster::new(spec, options).expect("a cluster that fits"));
    let documents = yaml::read(&text).expect("our own YAML").into_iter().map(|node| node.to_json());
    documents.into_iter().find(|d| d["kind"] == "PrometheusRule").expect("rules")["spec"].take()
}

#[test]
fn the_file_is_what_the_operator_gets() {
    let text = fs::read_to_string(conf().join("alerts.yaml")).expect("conf/alerts.yaml");
    let documents = yaml::read(&text).expect("YAML");
    assert_eq!(documents.first().expect("a document").to_json(), printed(), "conf/alerts.yaml and crates/kube differ");
}

#[test]
fn every_alert_has_a_unit_test_and_passes_it() {
    let tests = fs::read_to_string(conf().join("alerts.test.yaml")).expect("conf/alerts.test.yaml");
    for rule in printed()["groups"][0]["rules"].as_array().expect("rules") {
        let name = rule["alert"].as_str().expect("a name");
        assert!(tests.contains(&format!("alertname: {name}\n")), "{name} has no unit test");
    }
    for args in [["check", "rules", "alerts.yaml"], ["test", "rules", "alerts.test.yaml"]] {
        match Command::new("promtool").args(args).current_dir(conf()).output() {
            Ok(done) => {
                let said = [done.stdout, done.stderr].concat();
                assert!(done.status.success(), "{}", String::from_utf8_lossy(&said));
            }
            Err(e) => {
                assert!(env::var_os("AKU_REQUIRE_PROMTOOL").is_none(), "promtool: {e}");
                eprintln!("promtool is not here, so it was not asked: {e}");
            }
        }
    }
}
