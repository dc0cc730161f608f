//! What a comparison of all targets came to, as it is shown and written. Decides the exit code.

use std::{collections::BTreeMap, fmt::Write as _};

use schemars::JsonSchema;
use serde::Serialize;

use super::{Compared, Kind, Shape, Versus};
use crate::{db::Value, exit::Exit, observe::Undelivered, topology::Ordinal};

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Report {
    /// The pod that the others are compared with; `None` when there are not two.
    pub reference: Option<Ordinal>,
    /// Pods that were left out, and why.
    pub left_out: Vec<LeftOut>,
    /// Every target, in the order of the file.
    pub targets: Vec<TargetReport>,
}

/// A pod that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LeftOut {
    /// The pod.
    pub pod: Ordinal,
    /// Whether its absence leaves a question open.
    pub because: Because,
    /// In words.
    pub why: String,
}

/// Why a pod was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Because {
    /// It has no complete copy, and nobody expects one.
    NotJoined,
    /// It may have one, and cannot be looked at.
    CannotBeSeen,
}

/// One target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TargetReport {
    /// As in aku.conf.
    pub target: String,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What came of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Outcome {
    /// It was read everywhere.
    Compared {
        /// Rows on the reference.
        rows: u64,
        /// The other pods.
        pods: BTreeMap<Ordinal, PodReport>,
        /// Columns that were not compared (large objects).
        not_compared: Vec<String>,
        /// Streams whose FLUSH did not return: what differs may be on its way.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        undelivered: Vec<Undelivered>,
    },
    /// It was not.
    CannotTell {
        /// Why.
        why: String,
    },
}

/// One pod against the reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PodReport {
    /// In a word.
    pub verdict: Verdict,
    /// Rows there.
    pub rows: u64,
    /// Keys that both have, with other columns that differ.
    pub differs: Vec<String>,
    /// Keys that only the reference has.
    pub only_reference: Vec<String>,
    /// Keys that only this pod has.
    pub only_here: Vec<String>,
    /// Further rows that disagreed at first sight and were not read again.
    pub beyond: u64,
    /// Keys that changed whenever they were read.
    pub changing: u64,
}

/// How a pod compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The same rows.
    Equal,
    /// Other rows, and they stay that way.
    Different,
    /// Rows are on their way, or change too fast.
    Unsettled,
}

fn key_text(shape: &Shape, key: &[Value]) -> String {
    let mut text = String::new();
    for (column, value) in shape.key.iter().zip(key) {
        let between = if text.is_empty() { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = match value {
            Value::Null => write!(text, "{between}{} = NULL", column.name),
            Value::Int(n) => write!(text, "{between}{} = {n}", column.name),
            Value::Text(t) => write!(text, "{between}{} = '{t}'", column.name),
        };
    }
    text
}

impl PodReport {
    fn new(shape: &Shape, v: &Versus) -> Self {
        let keys = |wanted: Kind| {
            v.found.iter().filter(|(kind, _)| *kind == wanted).map(|(_, key)| key_text(shape, key)).collect()
        };
        let verdict = match (v.found.is_empty(), v.beyond + v.changing) {
            (true, 0) => Verdict::Equal,
            (true, _) => Verdict::Unsettled,
            (false, _) => Verdict::Different,
        };
        Self {
            verdict,
            rows: v.rows,
            differs: keys(Kind::Differs),
            only_reference: keys(Kind::OnlyReference),
            only_here: keys(Kind::OnlyOther),
            beyond: v.beyond,
            changing: v.changing,
        }
    }
}

impl TargetReport {
    /// Of a comparison.
    #[must_use]
    pub fn compared(shape: &Shape, compared: &Compared, not_compared: Vec<String>) -> Self {
        let pods = compared.others.iter().map(|(pod, v)| (*pod, PodReport::new(shape, v))).collect();
        let outcome =
            Outcome::Compared { rows: compared.rows, pods, not_compared, undelivered: compared.undelivered.clone() };
        Self { target: shape.target.to_string(), outcome }
    }
}

impl Report {
    /// 7 when something could not be compared, else 2 when something differs, else 0 (`contract.md` 2.3).
    #[must_use]
    pub fn exit(&self) -> Exit {
        let verdicts = || {
            self.targets.iter().flat_map(|t| match &t.outcome {
                Outcome::Compared { pods, .. } => pods.values().map(|p| p.verdict).collect::<Vec<_>>(),
                Outcome::CannotTell { .. } => vec![Verdict::Unsettled],
            })
        };
        let unseen = self.left_out.iter().any(|l| l.because == Because::CannotBeSeen);
        if self.reference.is_none() || unseen || verdicts().any(|v| v == Verdict::Unsettled) {
            Exit::Unknown
        } else if verdicts().any(|v| v == Verdict::Different) {
            Exit::Changes
        } else {
            Exit::Ok
        }
    }
}
