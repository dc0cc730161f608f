//! What differs between `aku.conf` and the pods, for people and machines that look every minute. Pure: it reads what was
//! seen, needs no clock, sends nothing, and proposes nothing that deletes or forgets.
//!
//! Decided here:
//!
//! * What is normal is no difference: a pod that was never created, one that ended in good order (both sides reset), one
//!   that is joining right now. A joining pod is told as such; only [`Kind::JoinStuck`] makes it a difference.
//! * Facts that move by themselves (SN, gap, counts of conflicts) appear in sentences, never in what a difference *is*:
//!   that is kind, pod, object and fact, so it can be told new from known.
//! * What was not seen is neither clean nor resolved ([`compare`]).
//! * A pod that is down while its peers keep log for it is a warning, also when pod 0 ended as it should: the log disks
//!   fill up and somebody has to know, but no row is lost.

pub mod accept;
pub mod compare;
mod definitions;
pub mod document;
mod identity;
mod kind;
pub mod limits;
pub mod remedy;
mod servers;
mod standing;
mod streams;
mod tables;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;

pub use kind::{Kind, Severity};
use remedy::Way;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::status::Standing;

use crate::{
    desired::Desired,
    found::as_found,
    observe::{Observed, Pod},
    remedy::Remedy,
    topology::Ordinal,
};

/// What is compared.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// What aku.conf says.
    pub desired: &'a Desired,
    /// What was seen.
    pub observed: &'a Observed,
}

impl<'a> Scope<'a> {
    fn seen(self) -> impl Iterator<Item = (Ordinal, &'a Pod)> {
        self.observed.pods.keys().filter_map(move |pod| Some((*pod, self.observed.pod(*pod)?)))
    }
}

/// What a difference is, whenever it is seen. Two looks that find the same identity found the same difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// Where.
    pub pod: Ordinal,
    /// Replication or table.
    pub object: Option<String>,
    /// Which fact about it.
    pub fact: String,
    /// In which way.
    pub kind: Kind,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// Stable code.
    pub kind: Kind,
    /// How bad: follows from the kind.
    pub severity: Severity,
    /// Where.
    pub pod: Ordinal,
    /// The other pod, where two have to be seen to tell.
    pub peer: Option<Ordinal>,
    /// Replication or table it is about.
    pub object: Option<String>,
    /// Which fact about it; a stable word such as `started`, `xsn` or `item SYS.T4`.
    pub fact: String,
    /// A few words.
    pub headline: String,
    /// The whole story in a sentence or two; may hold numbers that move.
    pub text: String,
    /// What ends it.
    #[serde(default)]
    pub remedy: Remedy,
    /// The same as text. Never anything that deletes or forgets before a plan has shown it.
    pub next: String,
}

impl Difference {
    fn new(kind: Kind, pod: Ordinal, fact: impl Into<String>, headline: impl Into<String>) -> Self {
        Self {
            kind,
            severity: kind.severity(),
            pod,
            peer: None,
            object: None,
            fact: fact.into(),
            headline: headline.into(),
            text: String::new(),
            remedy: Remedy::Nothing,
            next: String::new(),
        }
    }

    fn peer(self, peer: Ordinal) -> Self {
        Self { peer: Some(peer), ..self }
    }

    fn object(self, object: &dyn std::fmt::Display) -> Self {
        Self { object: Some(object.to_string()), ..self }
    }

    fn text(self, text: impl Into<String>) -> Self {
        Self { text: text.into(), ..self }
    }

    /// What the table says ends it.
    fn mended(self, way: Way) -> Self {
        let remedy = remedy::of(self.kind, self.pod, self.peer, &self.fact, way);
        Self { next: remedy.to_string(), remedy, ..self }
    }

    /// What it is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity { pod: self.pod, object: self.object.clone(), fact: self.fact.clone(), kind: self.kind }
    }
}

/// One pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PodState {
    /// Which.
    pub pod: Ordinal,
    /// What it is.
    pub standing: Standing,
    /// Why, in words; may hold numbers that move.
    pub text: String,
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Checked {
    /// Objects that aku.conf asks for, counted on both pods of each pair.
    pub objects: usize,
    /// Those on pods that were looked at.
    pub looked_at: usize,
    /// Those of them that are there, on pods in service, without any difference.
    pub right: usize,
    /// Those on pods that need not have them yet: not there, not joined, left in good order, or at work on it.
    #[serde(default)]
    pub waiting: usize,
}

/// Everything that one look says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// Every pod of aku.conf.
    pub pods: Vec<PodState>,
    /// By pod, object and fact.
    pub differences: Vec<Difference>,
    /// What could not be looked at although its pod answered.
    pub gaps: BTreeMap<Ordinal, String>,
    /// Counts.
    pub checked: Checked,
}

/// How complete a look was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Completeness {
    /// Every pod was seen, is known to be away, or is joining.
    Full,
    /// A pod that may be in service could not be looked at.
    Partial,
    /// No pod was seen at all.
    None,
}

impl Drift {
    /// How complete the look was.
    #[must_use]
    pub fn completeness(&self) -> Completeness {
        let unseen = self.pods.iter().any(|p| p.standing == Standing::Unseen);
        match (self.pods.iter().any(|p| p.standing.is_seen()), unseen || !self.gaps.is_empty()) {
            (false, _) => Completeness::None,
            (true, true) => Completeness::Partial,
            (true, false) => Completeness::Full,
        }
    }
}

/// Compares.
#[must_use]
pub fn examine(scope: Scope<'_>) -> Drift {
    let desired = &*as_found(scope.desired, scope.observed);
    let scope = Scope { desired, ..scope };
    let pods = standing::of_all(scope);
    let standings: BTreeMap<Ordinal, Standing> = pods.iter().map(|p| (p.pod, p.standing)).collect();
    let mut differences = standing::differences(scope, &pods);
    differences.extend(definitions::examine(scope, &standings));
    differences.extend(streams::examine(scope, &standings));
    differences.extend(servers::examine(scope));
    differences.extend(identity::examine(scope));
    differences.extend(tables::examine(scope, &standings));
    differences.sort_by_key(Difference::identity);
    remedy::close(scope, &mut differences);
    let gaps = tables::gaps(scope, &standings);
    let checked = count(scope, &standings, &differences);
    Drift { pods, differences, gaps, checked }
}

/// What was not looked at, is not there, or is on a pod that is told of is never right.
fn count(scope: Scope<'_>, standings: &BTreeMap<Ordinal, Standing>, differences: &[Difference]) -> Checked {
    let sides = || scope.desired.objects.iter().flat_map(|o| [o.pair.low(), o.pair.high()].map(|pod| (pod, &o.name)));
    let standing = |pod: Ordinal| standings.get(&pod).copied().unwrap_or(Standing::Unseen);
    let wrong = |pod: Ordinal, name: &str| {
        let of_pod = |d: &Difference| d.object.is_none() && d.kind.is_about_a_pod();
        differences.iter().any(|d| d.pod == pod && (d.object.as_deref() == Some(name) || of_pod(d)))
    };
    let mut checked = Checked { objects: 0, looked_at: 0, right: 0, waiting: 0 };
    for (pod, name) in sides() {
        checked.objects += 1;
        checked.looked_at += usize::from(scope.observed.pod(pod).is_some());
        let there = scope.observed.replication(pod, name).is_some();
        match standing(pod) {
            Standing::InService | Standing::Closed | Standing::Apart => {
                checked.right += usize::from(there && !wrong(pod, name.as_str()));
            }
            Standing::Left | Standing::Joining | Standing::NotThere => {
                checked.waiting += usize::from(!wrong(pod, name.as_str()));
            }
            Standing::Unfinished | Standing::Lost | Standing::Down | Standing::Unseen => {}
        }
    }
    checked
}
