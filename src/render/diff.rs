//! The differences between two plans, for people.

use super::{
    style::{Doc, Line, Role},
    words::counted,
};
use crate::plan::diff::Change;

/// Every difference. `names` are what the two plans are called.
#[must_use]
pub fn diff(changes: &[Change], names: (&str, &str)) -> Doc {
    let mut doc = Doc::default();
    if changes.is_empty() {
        doc.line(Line::plain(format!("{} and {} say the same.", names.0, names.1)));
        return doc;
    }
    doc.line(Line::plain(format!("- {}", names.0)));
    doc.line(Line::plain(format!("+ {}", names.1)));
    doc.gap();
    for change in changes {
        one(&mut doc, change);
    }
    doc.gap();
    doc.line(Line::plain(format!("{}.", counted(changes.len(), "difference"))));
    doc
}

fn one(doc: &mut Doc, change: &Change) {
    let head = |sign: &str, role, text: String| Line::default().with(role, sign).with(Role::Plain, format!(" {text}"));
    match change {
        Change::Plan { field, then, now } => {
            doc.line(head("~", Role::Change, (*field).to_owned()));
            texts(doc, then, now);
        }
        Change::ApprovalAdded { flag, because } => {
            doc.line(head("!!", Role::Destroy, format!("needs --approve {flag}: {because}")));
        }
        Change::ApprovalGone { flag } => {
            doc.line(head("-", Role::Change, format!("does not need --approve {flag} any more")));
        }
        Change::Added { id, action, sql, because } => {
            doc.line(head("+", Role::Add, format!("{id} {action}")));
            for s in sql {
                below(doc, s);
            }
            below(doc, &format!("[{}] {}", because.code.as_str(), because.text));
        }
        Change::Gone { id, action, sql } => {
            doc.line(head("-", Role::Change, format!("{id} {action}")));
            for s in sql {
                below(doc, s);
            }
        }
        Change::Changed { ids, action, part, then, now } => {
            doc.line(head("~", Role::Change, format!("{} {action}: {part}", pair(*ids))));
            texts(doc, then, now);
        }
        Change::Reordered { ids, action } => {
            doc.line(head("~", Role::Change, format!("{} {action}: at another place", pair(*ids))));
        }
    }
}

fn pair((a, b): (crate::plan::ActionId, crate::plan::ActionId)) -> String {
    if a == b { a.to_string() } else { format!("{a} -> {b}") }
}

fn below(doc: &mut Doc, text: &str) {
    doc.line(Line::default().with(Role::Plain, "    ").with(Role::Dim, text));
}

/// The lines that only one of the texts has.
fn texts(doc: &mut Doc, then: &str, now: &str) {
    // Each line with its end, so that the last one is compared like the others.
    let [then, now] = [then, now].map(|t| if t.is_empty() { String::new() } else { format!("{t}\n") });
    let diff = similar::TextDiff::from_lines(&then, &now);
    for change in diff.iter_all_changes() {
        let (sign, role) = match change.tag() {
            similar::ChangeTag::Equal => continue,
            similar::ChangeTag::Delete => ("-", Role::Change),
            similar::ChangeTag::Insert => ("+", Role::Add),
        };
        doc.line(Line::plain("    ").with(role, sign).with(Role::Plain, format!(" {}", change.value().trim_end())));
    }
}
