//! K601 to K608: aku.conf, the password, the licence.

use super::{Case, pod::Variable};
use crate::{
    lint::{Code, Finding, view::Object},
    secret,
    spec::ClusterSpec,
    yaml::Node,
};

/// What must not be in a ConfigMap, whoever uses it. No value is ever shown.
pub(super) fn secrets(spec: &ClusterSpec, objects: &[Object<'_>], findings: &mut Vec<Finding>) {
    for o in objects.iter().filter(|o| o.kind == "ConfigMap") {
        for entry in o.get(&["data"]).map(Node::entries).unwrap_or_default() {
            let text = entry.value.text().unwrap_or_default();
            let named = entry.key.to_ascii_uppercase().contains("AKU_SYS_PASSWORD") && !entry.key.ends_with("_FILE");
            let line = secret::in_conf(text);
            if named || line.is_some() {
                let line = line.map_or_else(String::new, |n| format!(", in its line {n}"));
                let message = format!("{} holds the password of SYS{line}", entry.key);
                findings.push(o.finding(Code::PasswordInConfigMap, entry.at, message));
            }
            let key = entry.key.to_ascii_lowercase();
            if key.starts_with("license") || key.starts_with("licence") {
                findings.push(o.finding(Code::LicenceInConfigMap, entry.at, format!("{} is a licence", entry.key)));
            }
            if entry.key == "aku.conf" && essence(text) != essence(&spec.conf) {
                let message = format!("the aku.conf in the ConfigMap {} says something else", o.name);
                findings.push(o.finding(Code::OtherConf, entry.at, message));
            }
        }
    }
}

/// What a text says: no comments, no blanks, no password.
pub(super) fn essence(text: &str) -> Vec<String> {
    let without_comment = |line: &str| match line.split_once('#') {
        // A # within quotes is not a comment.
        Some((before, _)) if before.matches('"').count() % 2 == 0 => before.to_owned(),
        Some(_) | None => line.to_owned(),
    };
    text.lines()
        .filter(|line| secret::in_conf(line).is_none())
        .map(without_comment)
        .map(|line| line.split_whitespace().collect::<String>())
        .filter(|line| !line.is_empty())
        .collect()
}

pub(super) fn rules(c: &Case<'_>, findings: &mut Vec<Finding>) {
    let in_map = findings.iter().any(|f| f.code == Code::PasswordInConfigMap);
    match (c.pod.variable("AKU_SYS_PASSWORD"), c.pod.variable("AKU_SYS_PASSWORD_FILE")) {
        (Variable::Is(_, at), _) if !in_map => {
            findings.push(c.about(Code::PasswordInEnv, at, "AKU_SYS_PASSWORD is written out"));
        }
        (Variable::From(at), _) => findings.push(c.about(Code::PasswordVariable, at, "AKU_SYS_PASSWORD is a variable")),
        (Variable::Unset, Variable::Unset) if !in_map => {
            findings.push(c.about(Code::NoPassword, c.pod.env_place(), "no AKU_SYS_PASSWORD_FILE"));
        }
        (Variable::Is(..) | Variable::Unset | Variable::Unseen(..), _) => {}
    }
    let annotations = c.set.get(&["spec", "template", "metadata", "annotations"]);
    let is_digest = |key: &str| key.contains("checksum") || key.contains("hash") || key.contains("digest");
    let has_digest = annotations.is_some_and(|a| a.entries().iter().any(|e| is_digest(&e.key)));
    let conf = c.pod.config_maps().find(|o| o.get(&["data"]).is_some_and(|d| d.get("aku.conf").is_some()));
    if let Some(conf) = conf.filter(|o| !has_digest && !is_hashed(o)) {
        let at = c.set.place(&["spec", "template", "metadata"]);
        let message = format!("the pods do not change with the aku.conf of the ConfigMap {}", conf.name);
        findings.push(c.about(Code::NoChecksum, at, message));
    }
    for volume in c.pod.volumes() {
        for source in ["configMap", "secret", "projected"] {
            let mode = volume.at(&[source, "defaultMode"]);
            if let Some(mode) = mode.filter(|m| m.int().is_none_or(|n| n & 0o022 != 0)) {
                let shown = mode.int().map_or_else(|| "no number".to_owned(), |n| format!("0{n:o}"));
                findings.push(c.about(Code::OpenMode, mode.at, format!("defaultMode is {shown}")));
            }
        }
    }
}

/// A name that changes with the content, as Kustomize makes it: ten letters and digits at the end.
fn is_hashed(o: &Object<'_>) -> bool {
    let hash = o.name.rsplit('-').next().unwrap_or_default();
    let by_name = hash.len() == 10 && hash.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    by_name && o.name.contains('-') && hash.contains(|c: char| c.is_ascii_digit())
}
