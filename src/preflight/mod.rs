//! Every question that should be answered well before replication is set up, about all pods at once. Pure: it reads what
//! was seen, sends nothing, changes nothing, and names the fix of what is wrong.

mod properties;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    conf::Config,
    desired::Desired,
    found::as_found,
    observe::{Observed, Pod, PodView, TableName, layout::Layout},
    plan,
    remedy::Remedy,
    topology::Ordinal,
};

/// How a question was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// As it should be.
    Pass,
    /// It works, but look at it.
    Warn,
    /// A pod cannot be looked at, so nobody knows.
    Unknown,
    /// Replication cannot be set up, or would be wrong.
    Fail,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// The question, in two or three words.
    pub question: &'static str,
    /// The answer's class.
    pub level: Level,
    /// Pods it is about; empty for all.
    pub pods: Vec<Ordinal>,
    /// The answer.
    pub said: String,
    /// What ends it.
    pub remedy: Remedy,
    /// The same as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// What is asked about.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The configuration.
    pub conf: &'a Config,
    /// The same as objects.
    pub desired: &'a Desired,
    /// What was seen.
    pub observed: &'a Observed,
    /// Columns and keys, of the pods that gave them.
    pub layouts: &'a BTreeMap<Ordinal, BTreeMap<TableName, Layout>>,
}

impl<'a> Scope<'a> {
    fn seen(self) -> impl Iterator<Item = (Ordinal, &'a Pod)> {
        self.observed.pods.keys().filter_map(move |pod| Some((*pod, self.observed.pod(*pod)?)))
    }
}

/// Answers to one question under way.
struct Answers {
    question: &'static str,
    found: Vec<Finding>,
}

impl Answers {
    fn to(question: &'static str) -> Self {
        Self { question, found: Vec::new() }
    }

    fn add(&mut self, level: Level, pods: Vec<Ordinal>, said: impl Into<String>, remedy: Remedy) {
        let fix = Some(remedy.to_string()).filter(|f| !f.is_empty());
        self.found.push(Finding { question: self.question, level, pods, said: said.into(), remedy, fix });
    }

    /// Nobody has to do anything about it, or what has to be done is told elsewhere.
    fn mind(&mut self, level: Level, pods: Vec<Ordinal>, said: impl Into<String>) {
        self.add(level, pods, said, Remedy::Nothing);
    }

    /// A person has to do that.
    fn ask(&mut self, level: Level, pods: Vec<Ordinal>, said: impl Into<String>, fix: impl Into<String>) {
        self.add(level, pods, said, Remedy::person(fix));
    }

    /// All answers, or one that says that all is well.
    fn or_pass(self, said: impl Into<String>) -> Vec<Finding> {
        if !self.found.is_empty() {
            return self.found;
        }
        vec![Finding {
            question: self.question,
            level: Level::Pass,
            pods: Vec::new(),
            said: said.into(),
            remedy: Remedy::Nothing,
            fix: None,
        }]
    }
}

/// Every answer, in the order of the questions.
#[must_use]
pub fn examine(scope: Scope<'_>) -> Vec<Finding> {
    let desired = &*as_found(scope.desired, scope.observed);
    let scope = Scope { desired, ..scope };
    let mut all = configuration(scope);
    all.extend(answering(scope));
    if scope.seen().next().is_some() {
        all.extend(properties::examine(scope));
        all.extend(tables::examine(scope));
    }
    all
}

/// The worst level.
#[must_use]
pub fn worst(findings: &[Finding]) -> Level {
    findings.iter().map(|f| f.level).max().unwrap_or(Level::Pass)
}

/// The file was read without an error, or nothing would have come this far.
fn configuration(scope: Scope<'_>) -> Vec<Finding> {
    let (pods, groups) = (scope.desired.pods.len(), scope.desired.groups.len());
    let targets = scope.desired.targets().count();
    let mut conf = Answers::to("aku.conf");
    if pods > usize::from(crate::topology::ServerCount::DOCUMENTED_MAX) {
        let said = format!("AKU_SERVER_COUNT is {pods}; the manuals know at most 6");
        conf.mind(Level::Warn, Vec::new(), said);
    }
    let mut all = conf.or_pass(format!("valid; pods: {pods}, groups: {groups}, targets: {targets}"));
    let longest = scope.desired.objects.iter().map(|o| o.name.as_str().len()).max().unwrap_or(0);
    let names = Answers::to("names");
    all.extend(names.or_pass(format!("the longest replication name has {longest} bytes, the limit is 40")));
    all
}

fn answering(scope: Scope<'_>) -> Vec<Finding> {
    let down = plan::down(scope.desired, scope.observed);
    let mut answers = Answers::to("pods answer");
    for (pod, view) in &scope.observed.pods {
        match view {
            PodView::Seen(_) => {}
            PodView::Absent { address, .. } if down.contains(pod) => {
                let said = format!("nobody answers at {address}, and it is a member that is down: not checked");
                let or = if pod.is_master() { "" } else { "; if it left for good: aku plan forget with its number" };
                let fix = format!("bring its server up{or}");
                answers.ask(Level::Unknown, vec![*pod], said, fix);
            }
            PodView::Absent { address, .. } => {
                answers.mind(Level::Warn, vec![*pod], format!("nobody answers at {address}: not checked"));
            }
            PodView::Broken { said, .. } => {
                let said = said.lines().next().unwrap_or_default();
                let fix = "see why the server does not let us look, then run aku check again";
                answers.ask(Level::Unknown, vec![*pod], format!("cannot be looked at: {said}"), fix);
            }
        }
    }
    answers.or_pass("all of them")
}

/// Pods by the value they have, for what should be equal everywhere.
fn by_value<T: Ord>(values: impl Iterator<Item = (Ordinal, T)>) -> BTreeMap<T, Vec<Ordinal>> {
    let mut groups: BTreeMap<T, Vec<Ordinal>> = BTreeMap::new();
    for (pod, value) in values {
        groups.entry(value).or_default().push(pod);
    }
    groups
}

/// `7.2 on pods 0, 1; 7.3 on pod 2`
fn told<T: std::fmt::Display>(groups: &BTreeMap<T, Vec<Ordinal>>) -> String {
    let parts: Vec<_> = groups.iter().map(|(v, on)| format!("{v} on {}", crate::status::pods(on))).collect();
    parts.join("; ")
}
