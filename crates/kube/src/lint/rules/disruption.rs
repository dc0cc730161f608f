//! K701 to K714: drains, nodes, volumes, resources.

use super::{Case, Sight, probes::over_marker};
use crate::{
    build::database::MEMBERS,
    lint::{
        Code, Finding,
        view::{place, selects},
    },
    spec::AtEnd,
    yaml::Node,
};

pub(super) fn rules(c: &Case<'_>, sight: Sight, findings: &mut Vec<Finding>) {
    budget(c, sight, findings);
    spread(c, findings);
    volumes(c, findings);
    resources(c, findings);
}

fn budget(c: &Case<'_>, sight: Sight, findings: &mut Vec<Finding>) {
    let mut all = c
        .of_kind("PodDisruptionBudget")
        .filter(|o| selects(o.get(&["spec", "selector", "matchLabels"]), c.labels()))
        .peekable();
    if all.peek().is_none() && sight.readable {
        let at = c.set.place(&["metadata", "name"]);
        findings.push(c.about(Code::NoBudget, at, "no PodDisruptionBudget for the pods in these files"));
    }
    for o in all {
        let most = o.get(&["spec", "maxUnavailable"]).and_then(Node::int);
        if most != Some(1) || o.get(&["spec", "minAvailable"]).is_some() {
            findings.push(o.finding(Code::Budget, o.place(&["spec", "maxUnavailable"]), "not one pod at a time"));
        }
        let policy = o.get(&["spec", "unhealthyPodEvictionPolicy"]).and_then(Node::text);
        if policy != Some("AlwaysAllow") {
            let at = o.place(&["spec", "unhealthyPodEvictionPolicy"]);
            findings.push(o.finding(Code::BudgetUnhealthy, at, "pods that are not ready cannot be evicted"));
        }
    }
}

fn spread(c: &Case<'_>, findings: &mut Vec<Finding>) {
    let constraints = c.pod.spec.get("topologySpreadConstraints").map(Node::items).unwrap_or_default();
    let affinity = c.pod.spec.at(&["affinity", "podAntiAffinity"]);
    if constraints.is_empty() && affinity.is_none() {
        let at = place(c.pod.spec, &["topologySpreadConstraints"]);
        findings.push(c.about(Code::NoSpread, at, "nothing keeps the pods apart"));
    }
    let hard = constraints
        .iter()
        .find(|k| k.get("whenUnsatisfiable").and_then(Node::text) != Some("ScheduleAnyway"))
        .or_else(|| affinity?.get("requiredDuringSchedulingIgnoredDuringExecution"));
    if let Some(hard) = hard {
        findings.push(c.about(Code::HardSpread, hard.at, "a pod without a node of its own stays pending"));
    }
}

fn volumes(c: &Case<'_>, findings: &mut Vec<Finding>) {
    let set = &c.set;
    let policy = |key| set.get(&["spec", "persistentVolumeClaimRetentionPolicy", key]).and_then(Node::text);
    let annotation = set.get(&["metadata", "annotations", MEMBERS]).and_then(Node::text);
    let is_ephemeral = annotation == Some("ephemeral") && c.spec.at_end == AtEnd::Reset;
    let at = |key| set.place(&["spec", "persistentVolumeClaimRetentionPolicy", key]);
    if policy("whenDeleted").is_some_and(|p| p != "Retain") {
        findings.push(c.about(Code::Retention, at("whenDeleted"), "volumes are deleted with the StatefulSet"));
    }
    if policy("whenScaled").is_some_and(|p| p != "Retain") {
        let code = if is_ephemeral { Code::Ephemeral } else { Code::Retention };
        findings.push(c.about(code, at("whenScaled"), "the volume of a pod that is scaled away is deleted"));
    }
    let claims = set.get(&["spec", "volumeClaimTemplates"]).map(Node::items).unwrap_or_default();
    for claim in claims {
        let modes = claim.at(&["spec", "accessModes"]);
        let fits = |m: &Node| matches!(m.text(), Some("ReadWriteOnce" | "ReadWriteOncePod"));
        if !modes.is_some_and(|m| !m.items().is_empty() && m.items().iter().all(fits)) {
            let at = place(claim, &["spec", "accessModes"]);
            findings.push(c.about(Code::AccessMode, at, "several nodes may mount the volume"));
        }
    }
    let shared = c.pod.volumes().iter().find(|v| v.get("persistentVolumeClaim").is_some());
    match (claims.is_empty(), shared) {
        // Beside volumes of their own, pods may share one, e.g. for backups.
        (false, _) => {}
        (true, Some(volume)) => {
            let name = volume.get("name").and_then(Node::text).unwrap_or_default();
            findings.push(c.about(Code::SharedVolume, volume.at, format!("the volume {name} is one for all pods")));
        }
        (true, None) => {
            let at = set.place(&["spec", "volumeClaimTemplates"]);
            findings.push(c.about(Code::NoVolume, at, "no volume outlives a pod"));
        }
    }
    // A marker on it is the greater evil, and has its own rule.
    let told = over_marker(c).and_then(|m| m.get("name")?.text());
    for volume in c.pod.volumes().iter().filter(|v| v.entry("emptyDir").is_some()) {
        let name = volume.get("name").and_then(Node::text);
        if name != told {
            let message = format!("the volume {} is an emptyDir", name.unwrap_or_default());
            findings.push(c.about(Code::EmptyDir, volume.at, message));
        }
    }
    match c.spec.at_end {
        AtEnd::Reset if !is_ephemeral => {
            let what = rolling_update(c.spec.server_count, c.spec.targets);
            let message = format!("AKU_REPLICATION_RESET_AT_END is 1: {what}");
            findings.push(c.about(Code::ResetAtEnd, set.place(&["spec", "updateStrategy"]), message));
        }
        AtEnd::Reset | AtEnd::Keep => {}
    }
}

/// What a rolling update does when each end resets.
fn rolling_update(pods: u8, tables: usize) -> String {
    let tables = if tables == 1 { "1 table".to_owned() } else { format!("{tables} tables") };
    match pods {
        0 | 1 => format!("the only pod keeps its {tables}, any further one would delete and copy them at each restart"),
        2 => format!("a rolling update of 2 pods deletes and copies {tables} once"),
        n => format!("a rolling update of {n} pods deletes and copies {tables} {} times", n - 1),
    }
}

fn resources(c: &Case<'_>, findings: &mut Vec<Finding>) {
    let container = c.pod.container;
    let of = |keys: &[&str]| container.at(keys).map(|n| &n.value);
    if of(&["resources", "limits", "cpu"]).is_some() {
        let at = place(container, &["resources", "limits", "cpu"]);
        findings.push(c.about(Code::CpuLimit, at, "a limit on CPU"));
    }
    let (request, limit) = (of(&["resources", "requests", "memory"]), of(&["resources", "limits", "memory"]));
    // A limit alone is a request, too.
    if limit.is_none() || request.is_some_and(|r| Some(r) != limit) {
        let at = place(container, &["resources", "limits", "memory"]);
        findings.push(c.about(Code::Memory, at, "memory that is asked for and memory that may be used differ"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_rolling_update() {
        let table = [
            ((1, 3), "the only pod keeps its 3 tables, any further one would delete and copy them at each restart"),
            ((2, 1), "a rolling update of 2 pods deletes and copies 1 table once"),
            ((4, 3), "a rolling update of 4 pods deletes and copies 3 tables 3 times"),
        ];
        for ((pods, tables), want) in table {
            assert_eq!(rolling_update(pods, tables), want);
        }
    }
}
