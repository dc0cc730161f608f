//! Judges a saved plan for a pipeline: is the file what was made, may this release apply it, is it still in time, and
//! what do the rules say. Pure; looks at no pod, so it cannot tell whether the facts still hold (`aku apply` does).

mod sarif;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use aku_core::stable_codes;

use crate::{
    document::Fault,
    exit::Exit,
    plan::{
        policy::{Finding, Level, denied},
        saved::{Misfit, Reading, Saved},
    },
    printed::{Printed as _, ReviewDocument},
};

pub use sarif::sarif;

stable_codes! {
    /// What is checked of a file, by stable codes. None of them can be switched off.
    pub enum Check;
    /// The file cannot be read.
    Unreadable = "V001-unreadable";
    /// The file is no saved plan: it ends too early, is no JSON, lacks a field, or is another kind of document.
    NotAPlan = "V002-not-a-plan";
    /// The file has a format version that this release does not read.
    Version = "V003-format-version";
    /// The file was edited after it was made: its digest does not fit its content.
    Edited = "V004-edited";
    /// The plan is sound, and this release must not apply it: it was made by another planner, holds an operation that
    /// this release does not know, or says of its actions what this release would not say.
    OtherRelease = "V005-other-release";
    /// The plan was to be applied before a time that has passed. Plan again.
    Expired = "V006-expired";
    /// The plan was made at a time that is in the future of this machine's clock: `aku apply` refuses it as well. One of the two
    /// clocks is wrong, or somebody changed the file.
    FromTheFuture = "V007-from-the-future";
}

/// A judgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// The plan, where the file holds one that this release knows.
    pub saved: Option<Saved>,
    /// Everything that was found; what refuses has level deny.
    pub findings: Vec<Finding>,
    /// 0; 3 denied by a rule; 5 expired; 65 or 66 the file itself.
    pub exit: Exit,
}

impl Review {
    /// One document.
    #[must_use]
    pub fn json(&self, file: &str) -> Value {
        let saved = self.saved.as_ref();
        let document = ReviewDocument {
            file: file.to_owned(),
            plan_id: saved.map(|s| s.plan_id().to_owned()),
            digest: saved.map(Saved::digest),
            fingerprint: saved.map(Saved::fingerprint),
            expires_at: saved.map(|s| s.expires_at.to_string()),
            findings: self.findings.clone(),
            exit: self.exit as u8,
        };
        document.document()
    }
}

/// How far the clocks of two machines may be apart.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(5);

/// Whether a plan was made later than it is, by the clock of this machine.
#[must_use]
pub fn from_the_future(saved: &Saved, now: Timestamp) -> bool {
    saved.created_at > now.saturating_add(CLOCKS_DIFFER).unwrap_or(now)
}

fn finding(check: Check, text: impl Into<String>) -> Finding {
    Finding { code: check.as_str().into(), level: Level::Deny, text: text.into(), actions: Vec::new() }
}

/// A file that is no plan.
#[must_use]
pub fn unusable(fault: &Fault) -> Review {
    let (check, exit) = match fault {
        Fault::Unreadable { .. } => (Check::Unreadable, Exit::NoInput),
        Fault::Truncated { .. } | Fault::Malformed { .. } | Fault::OtherKind { .. } => (Check::NotAPlan, Exit::BadData),
        Fault::UnknownVersion { .. } => (Check::Version, Exit::BadData),
        Fault::Edited(_) => (Check::Edited, Exit::BadData),
    };
    Review { saved: None, findings: vec![finding(check, fault.to_string())], exit }
}

/// A file that is a plan. `rules` are what the policy finds in it.
#[must_use]
pub fn judged(reading: Reading, rules: &[Finding], now: Timestamp) -> Review {
    let misfit = |m: &Misfit| finding(Check::OtherRelease, m.to_string());
    let mut findings: Vec<Finding> = reading.misfits.iter().map(misfit).collect();
    let usable = findings.is_empty();
    let expired = reading.saved.as_ref().filter(|s| s.expired(now)).map(|s| s.expires_at);
    findings.extend(expired.map(|at| finding(Check::Expired, format!("the plan was to be applied before {at}"))));
    let future = reading.saved.as_ref().filter(|s| from_the_future(s, now)).map(|s| s.created_at);
    let made = |at| format!("the plan was made at {at}, which is in the future of this machine's clock");
    findings.extend(future.map(|at| finding(Check::FromTheFuture, made(at))));
    // What was denied when the plan was made stays denied, whoever reviews it.
    let before = reading.saved.iter().flat_map(|s| denied(&s.policy)).filter(|f| !rules.contains(f)).cloned();
    let rules: Vec<Finding> = rules.iter().cloned().chain(before).collect();
    let exit = match (usable, denied(&rules).next(), expired.or(future)) {
        (false, _, _) => Exit::BadData,
        (true, Some(_), _) => Exit::Refused,
        (true, None, Some(_)) => Exit::Stale,
        (true, None, None) => Exit::Ok,
    };
    findings.extend(rules);
    Review { saved: reading.saved, findings, exit }
}
