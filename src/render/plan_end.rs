//! The end of a plan for people: what it comes to in numbers, and what to type to apply it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    op,
    style::{Doc, Line, Role},
    words::{counted, number, rows_in_all, sentence, wrapped},
};
use crate::{
    observe::RowCount,
    plan::{Action, Decision, Graph, Op, Plan, RowsAtStake, RunWhen},
    topology::Ordinal,
};

/// Kinds in the order in which a summary names them.
const KINDS: [&str; 29] = [
    "TRUNCATE",
    "DELETE ROWS",
    "mend rows",
    "DROP",
    "create",
    "add table",
    "drop table",
    "change host",
    "clear option",
    "set option",
    "set log path",
    "read logs",
    "sync",
    "sync table",
    "start",
    "start retry",
    "stop",
    "reset",
    "pin",
    "anchor",
    "unpin",
    "flush",
    "set",
    "fence",
    "open",
    "check",
    "wait",
    "note",
    "mark",
];

pub(super) fn summary(doc: &mut Doc, plan: &Plan, graph: Option<&Graph<'_>>, width: usize) {
    if plan.already_right > 0 {
        doc.line(
            Line::default().with(Role::Dim, format!(".  {} already right", counted(plan.already_right, "object"))),
        );
        doc.gap();
    }
    let pods: BTreeSet<Ordinal> = plan.actions.iter().map(|a| a.pod).collect();
    let undo = plan.actions.iter().filter(|a| is_undo(a)).count();
    let deep = graph.map_or(0, |graph| graph.critical_path().len());
    let mut parts = vec![format!(
        "{} on {}, {} deep, {}.",
        counted(plan.actions.len() - undo, "action"),
        counted(pods.len(), "pod"),
        counted(deep, "step"),
        counted(plan.notes.len(), "warning")
    )];
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for a in plan.actions.iter().filter(|a| !is_undo(a)) {
        *kinds.entry(op::kind(&a.op)).or_default() += 1;
    }
    let kinds: Vec<String> =
        KINDS.into_iter().filter_map(|k| kinds.get(k).map(|n| format!("{n} {k}{}", rows_behind(plan, k)))).collect();
    parts.push(format!("{}.", kinds.join(", ")));
    if undo > 0 {
        parts.push(format!("{} more only if the run stops in between.", number(undo as u64)));
    }
    labelled(doc, "Plan: ", Role::Plain, &parts, width);
}

fn rows_behind(plan: &Plan, kind: &str) -> String {
    let single = plan.actions.iter().filter(|a| op::kind(&a.op) == kind).filter_map(|a| match &a.op {
        Op::MendRows(repair) | Op::DeleteRows(repair) => Some(repair.rows.len()),
        _ => None,
    });
    let single: usize = single.sum();
    if single > 0 {
        return format!(" ({})", counted(single, "row"));
    }
    let Decision::Full { rows, .. } = &plan.decision else { return String::new() };
    let sum = |of: fn(&RowsAtStake) -> RowCount| rows_in_all(RowCount::sum(rows.iter().map(of)));
    let said = |rows: Option<String>, what| rows.map(|rows| format!(" ({rows} {what})")).unwrap_or_default();
    match kind {
        "TRUNCATE" => said(sum(|r| r.joiner), "deleted"),
        "sync" => said(sum(|r| r.source), "copied"),
        _ => String::new(),
    }
}

/// The flags that say yes to everything the plan asks.
#[must_use]
pub fn approval_flags(plan: &Plan) -> Vec<String> {
    plan.approvals.iter().map(|a| format!("--approve {}={}", a.class.as_str(), in_a_shell(&a.scope))).collect()
}

/// A scope may hold the name of a table, with blanks and quotes.
fn in_a_shell(scope: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:@%,".contains(c);
    if scope.chars().all(plain) { scope.to_owned() } else { format!("'{}'", scope.replace('\'', "'\\''")) }
}

pub(super) fn to_apply(doc: &mut Doc, plan: &Plan, head: &Head<'_>, width: usize) {
    for a in &plan.approvals {
        labelled(doc, "Approve: ", Role::Destroy, &[sentence(&a.because)], width);
    }
    let Some(apply) = head.apply else { return };
    doc.gap();
    doc.line(Line::plain("To apply it:"));
    let mut command = vec![format!("{apply} --yes")];
    command.extend(approval_flags(plan));
    let line = format!("  {}", command.join(" "));
    let text = if line.len() <= width { line } else { format!("  {}", command.join(" \\\n    ")) };
    for line in text.lines() {
        doc.line(Line::plain(line));
    }
}

/// What is said around a plan.
#[derive(Clone, Debug)]
pub struct Head<'a> {
    /// `aku plan`, `aku apply`, `aku show`.
    pub command: &'a str,
    /// When it was made.
    pub at: Timestamp,
    /// The pod this runs on, when it runs on one.
    pub here: Option<Ordinal>,
    /// Digest of the configuration.
    pub conf: &'a str,
    /// What applies this plan, e.g. `aku apply start`; `None` when it is being applied.
    pub apply: Option<&'a str>,
}

/// Each part on lines of its own behind a common label.
pub(super) fn labelled(doc: &mut Doc, label: &str, role: Role, parts: &[String], width: usize) {
    let lines = parts.iter().flat_map(|p| wrapped(p, width.saturating_sub(label.len()).max(20)));
    for (i, text) in lines.enumerate() {
        let mut line = Line::default();
        if i == 0 {
            line.push(role, label.trim_end());
        }
        line.pad_to(label.len());
        line.push(Role::Plain, text);
        doc.line(line);
    }
}

pub(super) fn is_undo(a: &Action) -> bool {
    match a.run {
        RunWhen::Undo { .. } => true,
        RunWhen::Normal | RunWhen::Always { .. } => false,
    }
}
