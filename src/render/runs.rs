//! Journals for people: a list of runs, and one run with what it did and what nobody knows of it.

use std::collections::BTreeMap;

use super::{
    diagnostic::fact,
    style::{Doc, Line, Role},
    words::{count, counted, duration, ids},
};
use crate::{
    events::{ActionFault, ActionOutcome, RunOutcome, What},
    journal::runs::{OpenIntent, Run},
    plan::ActionId,
};

/// Every run on a line; `all` is how many there are.
#[must_use]
pub fn runs(list: &[Run], all: usize) -> Doc {
    let mut doc = Doc::default();
    if list.is_empty() {
        doc.line(Line::plain("No runs."));
        return doc;
    }
    for run in list {
        let mut line = Line::plain(run.id.to_string());
        line.pad_to(25);
        let (role, how) = ending(run);
        line.push(role, how);
        line.pad_to(43);
        line.push(Role::Plain, run.command().unwrap_or("?"));
        let open = run.open_intents().len();
        if open > 0 {
            line.push(Role::Wait, format!("  {} without an outcome", counted(open, "statement")));
        }
        doc.line(line);
    }
    if list.len() < all {
        doc.line(Line::default().with(Role::Dim, format!("and {} more", all - list.len())));
    }
    doc
}

fn ending(run: &Run) -> (Role, String) {
    match run.ended() {
        Some((outcome, code)) => {
            let (role, word) = match outcome {
                RunOutcome::Done => (Role::Add, "done"),
                RunOutcome::NothingToDo => (Role::Dim, "nothing to do"),
                RunOutcome::Partial => (Role::Destroy, "partly done"),
                RunOutcome::Stopped => (Role::Change, "stopped"),
                RunOutcome::Aborted => (Role::Destroy, "aborted"),
                RunOutcome::Refused => (Role::Change, "refused"),
                RunOutcome::Internal => (Role::Destroy, "defect"),
            };
            (role, if code == 0 { word.to_owned() } else { format!("{word}, {code}") })
        }
        None => (Role::Wait, "no end".to_owned()),
    }
}

/// One run.
#[must_use]
pub fn run(run: &Run, width: usize) -> Doc {
    let mut doc = Doc::default();
    let (role, how) = ending(run);
    let mut head = Line::plain(format!("run {}  {}  ", run.id, run.command().unwrap_or("?")));
    head.push(role, how);
    doc.line(head);
    if let Some(What::RunStart { pid, host, aku, .. }) = run.lines.first().map(|l| &l.what) {
        fact(&mut doc, "by", &format!("aku {aku}, pid {pid} on {host}"), width);
    }
    if let (Some(first), Some(last)) = (run.lines.first(), run.lines.last()) {
        fact(&mut doc, "from", &format!("{} to {}", first.ts, last.ts), width);
    }
    if run.ended().is_none() {
        fact(&mut doc, "end", "none: it was killed, or it still goes on", width);
    }
    if run.unreadable > 0 {
        fact(&mut doc, "unreadable", &count(run.unreadable as u64, "line"), width);
    }
    doc.gap();
    for line in &run.lines {
        told(&mut doc, run, &line.what, width);
    }
    four(&mut doc, run, width);
    doc
}

fn told(doc: &mut Doc, run: &Run, what: &What, width: usize) {
    let action = |id: &ActionId| format!("{id} {}", run.words(*id).unwrap_or_default());
    let (label, text) = match what {
        What::Plan { goal, ordinal, statefulset, transfer, actions, digest: _, milestones: _ } => {
            let actions = counted(actions.len(), "action");
            ("plan", format!("{goal} pod {ordinal} of {statefulset}, transfer {transfer}, {actions}"))
        }
        What::ActionRetry { id, attempt, error, .. } => {
            let said = format!("{} native {}", error.sqlstate, error.native);
            ("retry", format!("{}: attempt {attempt} failed: {said}: {}", action(id), error.message))
        }
        What::ActionEnd { id, outcome, took_us, said, error } => {
            let took = took_us.map(|t| format!(" in {}", duration(std::time::Duration::from_micros(t))));
            let said = said.as_ref().map(|s| format!(": {s}")).unwrap_or_default();
            let fault = |e: &ActionFault| format!(": [{}] {}", e.code, e.meaning);
            let fault = error.as_ref().map(fault).unwrap_or_default();
            let label = match outcome {
                ActionOutcome::Done => "done",
                ActionOutcome::Already => "already so",
                ActionOutcome::Failed => "FAILED",
                ActionOutcome::Unknown => "UNKNOWN",
            };
            (label, format!("{}{}{said}{fault}", action(id), took.unwrap_or_default()))
        }
        What::Signal { name, count } => ("signal", format!("{name}, number {count}")),
        What::Diagnostic { code, text, .. } => ("error", format!("[{code}] {text}")),
        What::Resolved { of_run, id, what, .. } => ("resolved", format!("{id} {what} of run {of_run}")),
        What::RunStart { .. }
        | What::Lock { .. }
        | What::Pod { .. }
        | What::ActionStart { .. }
        | What::Intent { .. }
        | What::StatementEnd { .. }
        | What::ActionProgress { .. }
        | What::ActionSkipped { .. }
        | What::RunEnd { .. } => return,
    };
    fact(doc, label, &text, width);
}

/// What became of the actions, always in four words; a run that was killed says what it did not get to.
fn four(doc: &mut Doc, run: &Run, width: usize) {
    let mut fates: BTreeMap<ActionId, &'static str> = BTreeMap::new();
    for line in &run.lines {
        match &line.what {
            What::Plan { actions, .. } => fates.extend(actions.iter().map(|a| (a.id, "not run"))),
            What::ActionStart { id, .. } => drop(fates.insert(*id, "unknown")),
            What::ActionEnd { id, outcome, .. } => {
                let fate = match outcome {
                    ActionOutcome::Done | ActionOutcome::Already => "done",
                    ActionOutcome::Failed => "failed",
                    ActionOutcome::Unknown => "unknown",
                };
                fates.insert(*id, fate);
            }
            _ => {}
        }
    }
    if fates.is_empty() {
        return;
    }
    doc.gap();
    for fate in ["done", "failed", "not run", "unknown"] {
        let those: Vec<ActionId> = fates.iter().filter(|(_, f)| **f == fate).map(|(id, _)| *id).collect();
        fact(doc, fate, &if those.is_empty() { "none".to_owned() } else { ids(&those) }, width);
    }
    let open: Vec<OpenIntent> = run.open_intents();
    for (i, intent) in open.iter().enumerate() {
        let label = if i == 0 { "no outcome" } else { "" };
        fact(doc, label, &format!("{} on pod {}: {}", intent.id, intent.pod, intent.sql), width);
    }
    if !open.is_empty() {
        fact(doc, "next", "aku plan    (looks at the pods: they decide, not this journal)", width);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        apply::{Event, Outcome},
        events::{DbFault, Line, StatementOutcome},
        exit::Exit,
        plan::Plan,
        render::{Colour, fixtures, golden::every_width},
    };

    fn journal(id: &str, whats: Vec<What>) -> Run {
        let id: crate::run_id::RunId = id.parse().unwrap();
        let lines = whats.into_iter().enumerate().map(|(i, what)| Line {
            seq: i as u64 + 1,
            ts: format!("2026-11-21T12:10:{:02}.000000Z", 44 + i.min(15)),
            run_id: id.to_string(),
            what,
        });
        Run { lines: lines.collect(), id: id.clone(), unreadable: 0 }
    }

    fn began(plan: &Plan) -> Vec<What> {
        let mut whats = vec![What::RunStart {
            v: 1,
            aku: "0.1.0".to_owned(),
            pid: 4711,
            host: "altibase-sts-2".to_owned(),
            command: "aku -p start".to_owned(),
        }];
        whats.extend(What::of_plan(plan, None));
        whats
    }

    fn ended(plan: &Plan, id: u32, outcome: Outcome) -> Option<What> {
        What::of_event(plan, &Event::ActionEnd { id: ActionId(id), outcome }, 0)
    }

    /// A run that was killed while a TRUNCATE was under way.
    fn killed() -> Run {
        let plan = fixtures::full_join();
        let mut whats = began(&plan);
        let took = std::time::Duration::from_millis(4);
        whats.extend(ended(&plan, 1, Outcome::Done { took, said: None }));
        whats.extend(ended(&plan, 2, Outcome::Already));
        let action = &plan.actions[8];
        whats.push(What::ActionStart {
            id: action.id,
            ordinal: action.pod,
            what: crate::render::op::short(&action.op),
        });
        let sql = "TRUNCATE TABLE SYS.T1".to_owned();
        whats.push(What::Intent { statement: 1, id: action.id, ordinal: action.pod, sql });
        journal("20261121T121044Z-1f3a9c", whats)
    }

    /// A run whose SYNC failed.
    fn failed() -> Run {
        let plan = fixtures::full_join();
        let report = fixtures::broken_report(&plan, 13);
        let mut whats = began(&plan);
        let error = DbFault { sqlstate: "HY000".to_owned(), native: 397_325, message: "handshake".to_owned() };
        let sync = plan.actions[13].id;
        let intent =
            |n, sql: &str| What::Intent { statement: n, id: sync, ordinal: plan.actions[13].pod, sql: sql.to_owned() };
        whats.push(intent(1, "ALTER REPLICATION AKU_REP_02 SYNC PARALLEL 1"));
        whats.push(What::StatementEnd { statement: 1, outcome: StatementOutcome::Failed, error: Some(error.clone()) });
        whats.push(What::ActionRetry { id: sync, attempt: 1, delay_ms: 900, error });
        for (id, outcome) in &report.outcomes {
            whats.extend(What::of_event(&plan, &Event::ActionEnd { id: *id, outcome: outcome.clone() }, 0));
        }
        whats.push(What::end(Exit::Partial, Some(&report), Some("aku -p start".to_owned())));
        journal("20261121T110000Z-00ff00", whats)
    }

    #[test]
    fn journals_for_people() {
        let nothing = journal(
            "20261120T000000Z-abcdef",
            vec![began(&fixtures::end()).remove(0), What::end(Exit::Ok, None, None)],
        );
        fixtures::settings().bind(|| {
            insta::assert_snapshot!("runs-list", runs(&[killed(), failed(), nothing], 5).text(Colour::Plain));
            insta::assert_snapshot!("runs-show-killed", run(&killed(), 100).text(Colour::Plain));
            insta::assert_snapshot!("runs-show-failed", run(&failed(), 100).text(Colour::Plain));
        });
        every_width("runs-list", |_| runs(&[killed(), failed()], 5));
        every_width("runs-show", |width| run(&failed(), width));
        assert_eq!(runs(&[], 0).text(Colour::Plain), "No runs.\n");
    }
}
