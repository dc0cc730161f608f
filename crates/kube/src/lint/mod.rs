//! Manifests that somebody wrote, compared with `aku.conf` and with what is known of servers in pods. A rule speaks
//! only of what it sees; what it cannot see is told, too, and never counts as right.

mod codes;
mod near;
mod report;
mod rules;
mod shell;
mod view;

use crate::{
    spec::{ClusterSpec, Options},
    yaml::{self, Node, Place},
};

pub use codes::Code;
pub use report::{json, sarif, text};

/// How bad a breach is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Rows, or the cluster, are in danger; or Kubernetes refuses it.
    Error,
    /// Something to know.
    Warning,
}

impl Severity {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One breach of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub code: Code,
    /// The file, as it was given.
    pub file: String,
    /// Where in it.
    pub at: Place,
    /// What is there, in one sentence.
    pub message: String,
}

/// A file to be judged.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// What `aku.conf` does not say and manifests are measured by.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Seconds that a clean stop of the server may take, where the manifest does not say it.
    pub server_stop: u64,
    /// Seconds that the longest join may take.
    pub longest_join: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let options = Options::default();
        Self { server_stop: options.server_stop, longest_join: options.startup_limit }
    }
}

/// Everything that was found, and in how many objects it was looked for.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// In the order of the files.
    pub findings: Vec<Finding>,
    /// Objects that were read.
    pub objects: usize,
}

impl Judgement {
    /// How many findings are so bad.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|f| f.code.severity() == severity).count()
    }

    /// Whether a file could not be read.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        self.findings.iter().any(|f| f.code == Code::Unreadable)
    }
}

/// Judges files together: objects of one may be named in another.
#[must_use]
pub fn lint(spec: &ClusterSpec, limits: Limits, files: &[Input]) -> Judgement {
    let mut findings = Vec::new();
    let mut documents: Vec<(&str, Node)> = Vec::new();
    for file in files {
        match yaml::read(&file.text) {
            Ok(nodes) if nodes.is_empty() => findings.push(Finding {
                code: Code::Unreadable,
                file: file.name.clone(),
                at: Place { line: 1, column: 1 },
                message: "the file is empty".to_owned(),
            }),
            Ok(nodes) => documents.extend(nodes.into_iter().map(|node| (file.name.as_str(), node))),
            Err(e) => {
                let template = if file.text.contains("{{") { "; this looks like a template of Helm" } else { "" };
                findings.push(Finding {
                    code: Code::Unreadable,
                    file: file.name.clone(),
                    at: e.at,
                    message: format!("{}{template}", e.message),
                });
            }
        }
    }
    let objects = view::objects(&documents, &mut findings);
    let readable = !findings.iter().any(|f| matches!(f.code, Code::Unreadable | Code::NoObject));
    rules::all(spec, limits, &objects, rules::Sight { readable }, &mut findings);
    let order = |f: &Finding| files.iter().position(|i| i.name == f.file).unwrap_or(usize::MAX);
    findings.sort_by_key(|f| (order(f), f.at, f.code));
    Judgement { findings, objects: objects.len() }
}

#[cfg(test)]
mod tests;
