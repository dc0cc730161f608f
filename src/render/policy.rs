//! What rules found, for people.

use super::{
    style::{Doc, Line, Role},
    words::{ids, wrap},
};
use crate::plan::policy::{Finding, Level, Rule};

/// Column where a finding's text begins.
const TEXT_AT: usize = 6;

/// One paragraph for each finding; empty without findings. That tables are emptied is said by the plan itself.
#[must_use]
pub fn policy(findings: &[Finding], width: usize) -> Doc {
    let mut doc = Doc::default();
    let told = |f: &&Finding| f.level != Level::Warn || f.code != Rule::Truncate.as_str();
    findings.iter().filter(told).for_each(|f| finding(&mut doc, f, width));
    doc
}

/// Level, code, sentence and the actions it is about.
pub(super) fn finding(doc: &mut Doc, f: &Finding, width: usize) {
    let (word, role) = match f.level {
        Level::Deny => ("deny", Role::Destroy),
        Level::Warn => ("warn", Role::Change),
        Level::Off => ("off", Role::Dim),
    };
    let actions = if f.actions.is_empty() { String::new() } else { format!(" ({})", ids(&f.actions)) };
    let text = format!("{}: {}{actions}", f.code, f.text);
    for (i, text) in wrap(&text, width.saturating_sub(TEXT_AT).max(20)).into_iter().enumerate() {
        let mut line = Line::default();
        if i == 0 {
            line.push(role, word);
        }
        line.pad_to(TEXT_AT);
        line.push(Role::Plain, text);
        doc.line(line);
    }
}
