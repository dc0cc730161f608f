//! K201 to K208: how pods are found, and where clients are sent.

use super::{Case, Sight};
use crate::{
    lint::{Code, Finding, view::selects},
    yaml::Node,
};

/// A "no such name" may be kept by a cluster's DNS for 30 s; twice that leaves room.
const ADDRESS_CHECKS: u32 = 60;

pub(super) fn rules(c: &Case<'_>, sight: Sight, findings: &mut Vec<Finding>) {
    let publishes = |node: &Node| node.at(&["spec", "publishNotReadyAddresses"]).and_then(Node::bool) == Some(true);
    let at_name = c.set.place(&["spec", "serviceName"]);
    match c.of_kind("Service").find(|s| s.name == c.spec.service) {
        Some(peers) => {
            let mut found = |code, key: &str, message: String| {
                findings.push(peers.finding(code, peers.place(&["spec", key]), message));
            };
            if peers.get(&["spec", "clusterIP"]).and_then(Node::text) != Some("None") {
                found(Code::NotHeadless, "clusterIP", format!("the Service {} is not headless", peers.name));
            }
            if !publishes(peers.node) {
                found(
                    Code::HidesNotReady,
                    "publishNotReadyAddresses",
                    "pods that are not ready have no name".to_owned(),
                );
            }
            let ports: Vec<i64> = peers
                .get(&["spec", "ports"])
                .map(Node::items)
                .unwrap_or_default()
                .iter()
                .filter_map(|p| p.get("port")?.int())
                .collect();
            let wanted = [("AKU_PORT_NO", c.spec.port), ("AKU_REPLICATION_PORT_NO", c.spec.replication_port)];
            let missing: Vec<String> = wanted
                .into_iter()
                .filter(|(_, port)| !ports.contains(&i64::from(*port)))
                .map(|(name, port)| format!("{port} ({name})"))
                .collect();
            if !missing.is_empty() {
                found(
                    Code::PeerPorts,
                    "ports",
                    format!("the Service {} lacks port {}", peers.name, missing.join(" and ")),
                );
            }
            if !selects(peers.get(&["spec", "selector"]), c.labels()) {
                found(Code::PeerSelector, "selector", format!("the Service {} does not select the pods", peers.name));
            }
        }
        None if sight.readable => {
            let message = format!("no Service {} in these files", c.spec.service);
            findings.push(c.about(Code::NoPeerService, at_name, message));
        }
        None => {}
    }
    let mut clients = c
        .of_kind("Service")
        .filter(|s| s.name != c.spec.service && selects(s.get(&["spec", "selector"]), c.labels()))
        .peekable();
    if clients.peek().is_none() && sight.readable {
        findings.push(c.about(Code::NoClientService, at_name, "no Service for clients in these files"));
    }
    for service in clients.filter(|s| publishes(s.node)) {
        let at = service.place(&["spec", "publishNotReadyAddresses"]);
        let message = format!("the Service {} publishes pods that are not ready", service.name);
        findings.push(service.finding(Code::ClientsSeeNotReady, at, message));
    }
    if c.spec.address_check < ADDRESS_CHECKS {
        let message = format!("AKU_ADDRESS_CHECK_COUNT is {}", c.spec.address_check);
        findings.push(c.about(Code::AddressChecks, at_name, message));
    }
}
