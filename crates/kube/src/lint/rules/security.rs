//! K801 to K809: the restricted profile and what goes beyond it.

use super::Case;
use crate::{
    lint::{
        Code, Finding,
        view::{Object, place},
    },
    yaml::Node,
};

/// Permissions that nothing here needs.
pub(super) fn rbac(objects: &[Object<'_>], findings: &mut Vec<Finding>) {
    for o in objects.iter().filter(|o| matches!(o.kind, "Role" | "RoleBinding" | "ClusterRole" | "ClusterRoleBinding"))
    {
        findings.push(o.finding(Code::Rbac, o.place(&["kind"]), format!("{} {}", o.kind, o.name)));
    }
}

pub(super) fn rules(c: &Case<'_>, findings: &mut Vec<Finding>) {
    let pod = c.pod.spec.get("securityContext");
    let at_pod = place(c.pod.spec, &["securityContext"]);
    for container in c.pod.containers() {
        let name = container.get("name").and_then(Node::text).unwrap_or_default();
        let own = container.get("securityContext");
        let at = if own.is_some() { place(container, &["securityContext"]) } else { container.at };
        // What a container says outweighs what the pod says.
        let either = |keys: &[&str]| own.and_then(|o| o.at(keys)).or_else(|| pod?.at(keys));
        let non_root = either(&["runAsNonRoot"]).and_then(Node::bool) == Some(true);
        if !non_root || either(&["runAsUser"]).is_some_and(|u| u.int() == Some(0)) {
            findings.push(c.about(
                Code::RunsAsRoot,
                if pod.is_some() { at_pod } else { at },
                format!("{name} may run as root"),
            ));
        }
        if either(&["seccompProfile", "type"]).and_then(Node::text).is_none_or(|t| t == "Unconfined") {
            findings.push(c.about(
                Code::Seccomp,
                if pod.is_some() { at_pod } else { at },
                format!("{name} has no seccomp profile"),
            ));
        }
        let says = |key| own.and_then(|o| o.get(key)?.bool());
        if says("allowPrivilegeEscalation") != Some(false) {
            findings.push(c.about(Code::Escalation, at, format!("{name} may get more privileges")));
        }
        let drops = own.and_then(|o| o.at(&["capabilities", "drop"]));
        let adds = own.and_then(|o| o.at(&["capabilities", "add"])).map(Node::items).unwrap_or_default();
        if !drops.is_some_and(|d| d.texts().any(|w| w == "ALL")) || !adds.is_empty() {
            findings.push(c.about(Code::Capabilities, at, format!("{name} keeps capabilities")));
        }
        if says("privileged") == Some(true) {
            findings.push(c.about(Code::Privileged, at, format!("{name} is privileged")));
        }
    }
    if c.pod.spec.get("automountServiceAccountToken").and_then(Node::bool) != Some(false) {
        let at = place(c.pod.spec, &["automountServiceAccountToken"]);
        findings.push(c.about(Code::Token, at, "the pods get a token of Kubernetes"));
    }
    for volume in c.pod.volumes().iter().filter(|v| v.entry("hostPath").is_some()) {
        let name = volume.get("name").and_then(Node::text).unwrap_or_default();
        findings.push(c.about(Code::HostPath, volume.at, format!("the volume {name} is a directory of the node")));
    }
    if let Some(sysctls) = pod.and_then(|p| p.entry("sysctls")) {
        findings.push(c.about(Code::Sysctls, sysctls.at, "sysctls"));
    }
}
