//! A judgement of a saved plan, for people.

use super::{
    policy::finding,
    style::{Doc, Line},
    words::counted,
};
use crate::{exit::Exit, plan::policy::Level, review::Review};

/// Every finding, then one line that says how it ends.
#[must_use]
pub fn review(review: &Review, file: &str, width: usize) -> Doc {
    let mut doc = Doc::default();
    let what = review.saved.as_ref().map_or_else(String::new, |s| {
        format!(
            "   {} pod {} of {}   plan {}",
            s.plan.goal.as_str(),
            s.plan.goal.pod(),
            s.plan.statefulset,
            s.plan_id()
        )
    });
    doc.line(Line::plain(format!("aku review   {file}{what}")));
    doc.gap();
    for f in &review.findings {
        finding(&mut doc, f, width);
    }
    doc.gap();
    let count = |level| review.findings.iter().filter(|f| f.level == level).count();
    let (denied, warned) = (count(Level::Deny), count(Level::Warn));
    let verdict = match review.exit {
        Exit::Ok => "Review: may be applied",
        _ => "Review: must not be applied",
    };
    doc.line(Line::plain(format!(
        "{verdict}; {denied} denied, {}. Exit {}",
        counted(warned, "warning"),
        review.exit as u8
    )));
    doc
}
