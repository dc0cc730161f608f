//! K401 to K408: what probes ask, and what makes the marker lie.

use super::{Case, pod::Variable};
use crate::{
    lint::{
        Code, Finding,
        view::{place, words},
    },
    yaml::Node,
};

/// Where aku puts the marker when nobody says anything.
const MARKER: &str = "/tmp/aku_start_completed";

pub(super) fn rules(c: &Case<'_>, findings: &mut Vec<Finding>) {
    let container = c.pod.container;
    let mut found = |code, key: &str, message: String| findings.push(c.about(code, place(container, &[key]), message));
    let marker = marker(c);
    match container.get("startupProbe") {
        None => found(Code::NoStartup, "startupProbe", "no startup probe".to_owned()),
        Some(probe) => {
            if !asks(probe, "startup", &marker) {
                found(Code::StartupMarker, "startupProbe", "the startup probe does not ask for the marker".to_owned());
            }
            let number =
                |key, default| probe.get(key).map_or(Some(default), Node::int).and_then(|n| u64::try_from(n).ok());
            let limit = number("periodSeconds", 10)
                .zip(number("failureThreshold", 3))
                .and_then(|(period, threshold)| period.checked_mul(threshold));
            if limit.is_none_or(|l| l < c.limits.longest_join) {
                let shown = limit.map_or_else(|| "no number".to_owned(), |l| format!("{l} s"));
                let message =
                    format!("the startup probe waits {shown}, the longest join may take {} s", c.limits.longest_join);
                found(Code::StartupLimit, "startupProbe", message);
            }
        }
    }
    match container.get("readinessProbe") {
        None => found(Code::NoReadiness, "readinessProbe", "no readiness probe".to_owned()),
        Some(probe) if !asks(probe, "ready", &marker) => {
            found(
                Code::ReadinessMarker,
                "readinessProbe",
                "the readiness probe does not ask for the marker".to_owned(),
            );
        }
        Some(_) => {}
    }
    if let Some(probe) = container.get("livenessProbe") {
        let command = words(probe.at(&["exec", "command"])).join(" ");
        let harmless = probe.get("tcpSocket").is_some()
            || command.ends_with("aku probe live")
            || probe.at(&["httpGet", "path"]).and_then(Node::text) == Some("/livez");
        if !harmless {
            found(Code::Liveness, "livenessProbe", "the liveness probe looks at more than the process".to_owned());
        }
    }
    if container.at(&["lifecycle", "postStart"]).is_some() {
        let at = place(container, &["lifecycle", "postStart"]);
        findings.push(c.about(Code::PostStart, at, "a postStart hook"));
    }
    if let Some(mount) = over_marker(c) {
        let path = mount.get("mountPath").and_then(Node::text).unwrap_or_default();
        findings.push(c.about(
            Code::MarkerOnVolume,
            mount.at,
            format!("the marker {marker} is on the volume at {path}"),
        ));
    }
}

fn marker(c: &Case<'_>) -> String {
    match (c.pod.variable("AKU_MARKER_DIR"), c.pod.variable("AKU_MARKER")) {
        (Variable::Is(dir, _), _) if !dir.is_empty() => dir,
        (_, Variable::Is(path, _)) if !path.is_empty() => path,
        (Variable::Is(..) | Variable::From(_) | Variable::Unset | Variable::Unseen(..), _) => MARKER.to_owned(),
    }
}

/// The mount that the marker would be on, whatever kind of volume it is.
pub(super) fn over_marker<'f>(c: &Case<'f>) -> Option<&'f Node> {
    let marker = marker(c);
    c.pod.mounts().iter().find(|m| {
        let path = m.get("mountPath").and_then(Node::text).unwrap_or_default().trim_end_matches('/');
        !path.is_empty() && marker.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Whether a probe asks for the marker: by aku, or by its file.
fn asks(probe: &Node, word: &str, marker: &str) -> bool {
    let command = words(probe.at(&["exec", "command"])).join(" ");
    let by_http = probe.at(&["httpGet", "path"]).and_then(Node::text) == Some("/readyz");
    command.ends_with(&format!("aku probe {word}")) || command.contains(marker) || by_http
}
