//! Commands that a person can copy: what was typed, with the flags that lead to the same pods.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    common::Common,
    log_files::{self, LogPathArg},
};
use crate::{
    desired::{Desired, Goal},
    exit::Exit,
    logs::LogPath,
    plan::Plan,
    render::Diagnostic,
    topology::Ordinal,
};

/// The flags of `common` that say which cluster and which pod, each with a blank before it.
pub(super) fn flags(common: &Common) -> String {
    let path = |flag: &str, value: &Option<PathBuf>| match value {
        Some(v) => format!(" {flag} {}", shell(v)),
        None => String::new(),
    };
    let ordinal = common.ordinal.map_or_else(String::new, |pod| format!(" --ordinal {pod}"));
    format!(
        "{}{}{}{ordinal}",
        path("--conf", &common.conf),
        path("--endpoints", &common.endpoints),
        path("--odbc-driver", &common.odbc_driver)
    )
}

/// A goal with those flags; what is about all pods has no pod of its own.
pub(super) fn goal(goal: Goal, common: &Common) -> String {
    let common = match goal {
        Goal::Start(_) | Goal::End(_) | Goal::Clean(_) => common.clone(),
        Goal::CleanEverywhere
        | Goal::Reconcile
        | Goal::Recover(_)
        | Goal::Forget(_)
        | Goal::Repair(_)
        | Goal::RecoverLog(_) => Common { ordinal: None, ..common.clone() },
    };
    format!("{}{}", goal.arguments(), flags(&common))
}

/// The same with the directories that were named.
pub(super) fn about(goal: Goal, paths: &BTreeMap<Ordinal, LogPath>) -> String {
    match goal {
        Goal::RecoverLog(dead) => {
            let first = paths.values().next();
            // One entry may stand for one pod alone.
            let one = first.filter(|first| paths.len() > 1 && paths.values().all(|path| path == *first));
            let words: Vec<String> = match one {
                Some(path) => vec![shell(Path::new(path.as_str()))],
                None => paths.iter().map(|(k, path)| shell(Path::new(&format!("{k}={path}")))).collect(),
            };
            words.iter().fold(format!("recover-log {dead}"), |text, word| format!("{text} --log-path {word}"))
        }
        Goal::Start(_)
        | Goal::End(_)
        | Goal::Clean(_)
        | Goal::CleanEverywhere
        | Goal::Reconcile
        | Goal::Recover(_)
        | Goal::Forget(_)
        | Goal::Repair(_) => goal.as_str().to_owned(),
    }
}

/// A plan's goal as it is typed, with the flags that lead to the same pods.
pub(super) fn of_plan(plan: &Plan, common: &Common) -> String {
    match plan.log_paths() {
        None => goal(plan.goal, common),
        Some(paths) => {
            format!("{}{}", about(plan.goal, paths), flags(&Common { ordinal: None, ..common.clone() }))
        }
    }
}

/// The directories that were named, by pod.
///
/// # Errors
/// They contradict each other.
pub(super) fn log_paths(args: &[LogPathArg], desired: &Desired) -> Result<BTreeMap<Ordinal, LogPath>, Diagnostic> {
    let survivors = desired.pods.keys().copied().filter(|k| Some(*k) != desired.goal.single());
    log_files::of_pods(args, survivors).map_err(|text| Diagnostic::new(Exit::Usage, "usage", text))
}

/// What makes a plan for the goal anew, and writes it there.
pub(super) fn plan_anew(of: Goal, common: &Common, path: &Path) -> String {
    match of {
        Goal::Repair(right) => {
            let flags = flags(&Common { ordinal: None, ..common.clone() });
            format!("aku verify --plan --right {right} -o {}{flags}", shell(path))
        }
        Goal::Start(_)
        | Goal::End(_)
        | Goal::Clean(_)
        | Goal::CleanEverywhere
        | Goal::Reconcile
        | Goal::Recover(_)
        | Goal::Forget(_)
        | Goal::RecoverLog(_) => format!("aku plan {} -o {}", goal(of, common), shell(path)),
    }
}

/// A path as a shell reads it.
pub(super) fn shell(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:@%,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_what_was_meant() {
        let table = [("/a/b.json", "/a/b.json"), ("a b", "'a b'"), ("it's", "'it'\\''s'"), ("", "''"), ("$x", "'$x'")];
        for (path, want) in table {
            assert_eq!(shell(Path::new(path)), want);
        }
    }
}
