//! The end of a run: done, failed, not run, unknown, always all four; the state of data and users; what to type next.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    diagnostic::{Failed, fact, failed_action, next},
    op,
    style::{Doc, Line, Role},
    words::{count, counted, duration, ids, number},
};
use crate::{
    apply::{Outcome, Report},
    desired::Goal,
    exit::Exit,
    plan::{Action, ActionId, Decision, Op, Plan, RunWhen},
    topology::Ordinal,
};

/// Whether every action that had to run is done and nothing failed.
#[must_use]
pub fn reached(plan: &Plan, report: &Report) -> bool {
    plan.actions.iter().all(|a| match report.outcomes.get(&a.id) {
        Some(Outcome::Done { .. } | Outcome::Already | Outcome::NotNeeded { .. }) => true,
        Some(Outcome::Failed(_) | Outcome::Unknown(_) | Outcome::NotRun { .. }) | None => false,
    })
}

/// The command that goes on from where a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Again {
    /// To be typed.
    pub command: String,
    /// What it does.
    pub how: GoOn,
}

/// How a command goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoOn {
    /// It makes a new plan.
    Anew,
    /// It does the rest of a reviewed plan.
    Rest,
}

impl Again {
    /// With a plan made anew.
    pub fn anew(command: impl Into<String>) -> Self {
        Self { command: command.into(), how: GoOn::Anew }
    }

    fn text(&self) -> String {
        let what = match self.how {
            GoOn::Anew => "plans anew from what is there",
            GoOn::Rest => "does the rest of the reviewed plan, where that still holds",
        };
        format!("{}    ({what})", self.command)
    }
}

/// The whole report. `again` goes on from here.
#[must_use]
pub fn report(plan: &Plan, report: &Report, again: &Again, exit: Exit, width: usize) -> Doc {
    let mut doc = Doc::default();
    if reached(plan, report) {
        complete(&mut doc, plan, report, width);
        return doc;
    }
    for a in &plan.actions {
        let block = match report.outcomes.get(&a.id) {
            Some(Outcome::Failed(e)) => failed_action(plan, a, e, Failed::No, width),
            Some(Outcome::Unknown(e)) => failed_action(plan, a, e, Failed::Unknown, width),
            Some(Outcome::Done { .. } | Outcome::Already | Outcome::NotRun { .. } | Outcome::NotNeeded { .. })
            | None => {
                continue;
            }
        };
        doc.append(block);
        doc.gap();
    }
    if let Some(why) = &report.stopped {
        doc.line(Line::default().with(Role::Change, "stopped").with(Role::Plain, format!(": {why}")));
        doc.gap();
    }
    four(&mut doc, plan, report, width);
    doc.gap();
    for (i, text) in state_now(plan, report).iter().enumerate() {
        fact(&mut doc, if i == 0 { "state now" } else { "" }, text, width);
    }
    next(&mut doc, &[again.text()], width);
    doc.line(Line::default().with(Role::Dim, format!("exit {}", exit as u8)));
    doc
}

fn is_done(report: &Report, id: ActionId) -> bool {
    matches!(report.outcomes.get(&id), Some(Outcome::Done { .. } | Outcome::Already))
}

/// Whether it was done, or may have been.
fn maybe_done(report: &Report, id: ActionId) -> bool {
    is_done(report, id) || matches!(report.outcomes.get(&id), Some(Outcome::Unknown(_)))
}

/// Whether it was tried.
fn began(report: &Report, id: ActionId) -> bool {
    maybe_done(report, id) || matches!(report.outcomes.get(&id), Some(Outcome::Failed(_)))
}

fn complete(doc: &mut Doc, plan: &Plan, report: &Report, width: usize) {
    let ran = plan.actions.iter().filter(|a| is_done(report, a.id)).count();
    let already = report.ids(|o| matches!(o, Outcome::Already)).len();
    let so = if already > 0 { format!(" ({already} of them were so already)") } else { String::new() };
    doc.line(Line::plain(format!("Done: {}.", kinds(plan, |a| is_done(report, a.id)))));
    if let Some((id, took)) = slowest(report) {
        let what = plan.action(id).map(|a| op::short(&a.op)).unwrap_or_default();
        let text = format!("{} of {} went into {id} {what}.", duration(took), duration(report.took));
        doc.line(Line::default().with(Role::Dim, text));
    }
    for text in state_now(plan, report) {
        fact_line(doc, &text, width);
    }
    // The last line is the one that is read.
    let text = format!(": {ran} of {ran} done in {}{so}.", duration(report.took));
    doc.line(Line::default().with(Role::Add, "Apply complete").with(Role::Plain, text));
}

fn fact_line(doc: &mut Doc, text: &str, width: usize) {
    for line in super::words::wrap(text, width) {
        doc.line(Line::plain(line));
    }
}

fn slowest(report: &Report) -> Option<(ActionId, std::time::Duration)> {
    let took = report.outcomes.iter().filter_map(|(id, o)| match o {
        Outcome::Done { took, .. } => Some((*id, *took)),
        Outcome::Already
        | Outcome::Failed(_)
        | Outcome::Unknown(_)
        | Outcome::NotRun { .. }
        | Outcome::NotNeeded { .. } => None,
    });
    took.max_by_key(|(_, took)| *took).filter(|(_, took)| took.as_secs() > 0)
}

/// `3 create, 3 TRUNCATE, 1 sync (1,307,466 rows)`
fn kinds(plan: &Plan, which: impl Fn(&Action) -> bool) -> String {
    let mut order: Vec<&str> = Vec::new();
    let mut n: BTreeMap<&str, usize> = BTreeMap::new();
    for a in plan.actions.iter().filter(|a| which(a)) {
        let kind = op::kind(&a.op);
        if !order.contains(&kind) {
            order.push(kind);
        }
        *n.entry(kind).or_default() += 1;
    }
    order.into_iter().map(|k| format!("{} {k}", n[k])).collect::<Vec<_>>().join(", ")
}

fn four(doc: &mut Doc, plan: &Plan, report: &Report, width: usize) {
    let of = |is: fn(&Outcome) -> bool| report.ids(is);
    let done = of(|o| matches!(o, Outcome::Done { .. } | Outcome::Already));
    let failed = of(|o| matches!(o, Outcome::Failed(_)));
    let unknown = of(|o| matches!(o, Outcome::Unknown(_)));
    let not_run: Vec<ActionId> = plan
        .actions
        .iter()
        .filter(|a| matches!(report.outcomes.get(&a.id), Some(Outcome::NotRun { .. }) | None))
        .map(|a| a.id)
        .collect();
    let line = |list: &[ActionId]| {
        if list.is_empty() {
            "none".to_owned()
        } else {
            format!("{}  ({})", ids(list), kinds(plan, |a| list.contains(&a.id)))
        }
    };
    fact(doc, "done", &line(&done), width);
    fact(doc, "failed", &line(&failed), width);
    fact(doc, "not run", &format!("{}{}", line(&not_run), needs(report, &not_run)), width);
    fact(doc, "unknown", &line(&unknown), width);
}

/// What the actions that were not run waited for, when that is one thing.
fn needs(report: &Report, not_run: &[ActionId]) -> String {
    let mut causes: Vec<ActionId> = not_run
        .iter()
        .filter_map(|id| match report.outcomes.get(id) {
            Some(Outcome::NotRun { because_of, .. }) => *because_of,
            _ => None,
        })
        .collect();
    causes.sort();
    causes.dedup();
    if causes.is_empty() { String::new() } else { format!(", waiting for {}", ids(&causes)) }
}

/// Where rows and users stand now, in sentences (`contract.md` 3.5).
#[must_use]
pub fn state_now(plan: &Plan, report: &Report) -> Vec<String> {
    match plan.goal {
        Goal::Start(pod) => vec![after_start(plan, report, pod)],
        Goal::End(pod) => vec![after_end(plan, report, pod)],
        Goal::Recover(_) => vec![after_start(plan, report, plan.goal.pod())],
        Goal::Reconcile => vec![after_reconcile(plan, report)],
        Goal::Forget(pod) => vec![after_forget(plan, report, pod)],
        Goal::Repair(_) => vec![after_repair(plan, report)],
        Goal::RecoverLog(dead) => vec![after_reading(plan, report, dead)],
        Goal::Clean(_) | Goal::CleanEverywhere => {
            let whose = plan.goal.single().map_or_else(|| "the pods".to_owned(), |pod| format!("pod {pod}"));
            let all = plan.actions.iter().filter(|a| matches!(a.op, Op::DropReplication { .. }));
            let (gone, all): (Vec<_>, Vec<_>) =
                (all.clone().filter(|a| is_done(report, a.id)).collect(), all.collect());
            let shut: Vec<String> = plan
                .actions
                .iter()
                .filter(|a| matches!(a.op, Op::Fence) && maybe_done(report, a.id))
                .map(|a| format!(" Pod {} is CLOSED to users (ADMIN_MODE 1).", a.pod))
                .collect();
            vec![format!(
                "No row was deleted. {} of {} of {whose} removed.{}",
                number(gone.len() as u64),
                counted(all.len(), "definition"),
                shut.concat()
            )]
        }
    }
}

/// Which survivors read the log of the dead pod to its end.
fn after_reading(plan: &Plan, report: &Report, dead: Ordinal) -> String {
    let all: Vec<&Action> = plan.actions.iter().filter(|a| matches!(a.op, Op::ReadLogs { .. })).collect();
    let done = all.iter().filter(|a| is_done(report, a.id)).count();
    let missing: BTreeSet<Ordinal> = all.iter().filter(|a| !is_done(report, a.id)).map(|a| a.pod).collect();
    let rest = if missing.is_empty() {
        String::new()
    } else {
        let pods: Vec<String> = missing.iter().map(|pod| format!("pod {pod}")).collect();
        format!(" What pod {dead} had not sent may still be missing on {}.", pods.join(", "))
    };
    format!(
        "No row was deleted and no position was forgotten. The log of pod {dead} was read through {} of {}.{rest}",
        number(done as u64),
        counted(all.len(), "object")
    )
}

fn after_start(plan: &Plan, report: &Report, pod: Ordinal) -> String {
    let those = |is: fn(&Op) -> bool| plan.actions.iter().filter(move |a| is(&a.op));
    let truncates = || those(|o| matches!(o, Op::Truncate { .. }));
    let checks = || those(|o| matches!(o, Op::CheckContents { .. }));
    // A recovery also opens its source; this is about the pod that got the rows.
    let opens = || those(|o| matches!(o, Op::Open)).filter(|a| a.pod == pod);
    let shuts = those(|o| matches!(o, Op::Fence)).any(|a| a.pod == pod);
    let surviving = match &plan.decision {
        Decision::Full { source, .. } => format!("The surviving copy is on pod {source}."),
        Decision::None { .. } | Decision::CatchUp { .. } | Decision::Repair { .. } | Decision::Logs { .. } => {
            String::new()
        }
    };
    let copies = matches!(plan.decision, Decision::Full { .. });
    let proved = copies && checks().next().is_some() && checks().all(|a| is_done(report, a.id));
    let rows = if proved {
        format!("Pod {pod} holds {}, compared with its source.", copied_rows(plan))
    } else if truncates().any(|a| matches!(report.outcomes.get(&a.id), Some(Outcome::Done { .. }))) {
        format!("The old rows of pod {pod} are deleted and the copy is NOT complete. {surviving}")
    } else if truncates().any(|a| matches!(report.outcomes.get(&a.id), Some(Outcome::Unknown(_)))) {
        format!("Rows of pod {pod} may have been deleted. {surviving}")
    } else if those(|o| matches!(o, Op::Sync { .. })).any(|a| began(report, a.id)) {
        format!("No row was deleted, but the copy on pod {pod} is NOT complete. {surviving}")
    } else {
        "No row was deleted.".to_owned()
    };
    let users = if opens().next().is_none() {
        match (plan.goal, shuts) {
            (Goal::Recover(_), true) => "It is CLOSED to users (ADMIN_MODE 1); `aku -p start` there opens it.",
            (_, true) => "It is CLOSED to users (ADMIN_MODE 1).",
            (_, false) => "It admits users as before.",
        }
    } else if opens().all(|a| is_done(report, a.id)) {
        "It is OPEN to users."
    } else {
        "It is CLOSED to users (ADMIN_MODE 1)."
    };
    let users = users.replacen("It", &format!("Pod {pod}"), 1);
    format!("{rows} {users}")
}

fn copied_rows(plan: &Plan) -> String {
    let rows: Option<u64> = plan
        .actions
        .iter()
        .filter_map(|a| match &a.op {
            Op::Sync { rows, .. } => Some(*rows),
            _ => None,
        })
        .sum();
    rows.map_or_else(|| "a full copy".to_owned(), |n| format!("a full copy ({} when planned)", count(n, "row")))
}

/// Pods that the plan closed and did not open again, and streams that stand still.
fn after_reconcile(plan: &Plan, report: &Report) -> String {
    let closed: Vec<String> = plan
        .actions
        .iter()
        .filter(|a| matches!(a.op, Op::Fence) && maybe_done(report, a.id))
        .filter(|a| {
            let opened = |b: &&Action| b.pod == a.pod && matches!(b.op, Op::Open);
            !plan.actions.iter().find(opened).is_some_and(|b| is_done(report, b.id))
        })
        .map(|a| {
            format!(
                "Pod {} is CLOSED to users: run `aku plan reconcile` again, or `aku plan start --ordinal {}`.",
                a.pod, a.pod
            )
        })
        .collect();
    let normal = |a: &&Action| !matches!(a.run, RunWhen::Undo { .. });
    let starts = || plan.actions.iter().filter(normal).filter(|a| matches!(a.op, Op::Start { .. }));
    let (done, all) = (starts().filter(|a| is_done(report, a.id)).count(), starts().count());
    let streams = if done < all {
        format!(" {} of {} do not run: log is kept for them.", all - done, counted(all, "stream"))
    } else {
        String::new()
    };
    let closed = if closed.is_empty() { String::new() } else { format!(" {}", closed.join(" ")) };
    format!("No row was deleted.{closed}{streams}")
}

/// Actions of a repair that are told one by one; the board and the journal have all.
const REPAIRS: usize = 12;

/// What became of the rows, as each action found them when it looked again.
fn after_repair(plan: &Plan, report: &Report) -> String {
    let mut sentences: Vec<String> = Vec::new();
    for a in &plan.actions {
        let target = match &a.op {
            Op::MendRows(rows) | Op::DeleteRows(rows) => rows.target.to_string(),
            _ => continue,
        };
        let said = match report.outcomes.get(&a.id) {
            Some(Outcome::Done { said: Some(said), .. }) => said.clone(),
            Some(Outcome::Done { said: None, .. } | Outcome::Already) => "all rows are right".to_owned(),
            Some(Outcome::Unknown(_)) => "not known".to_owned(),
            Some(Outcome::Failed(_)) => "not finished".to_owned(),
            Some(Outcome::NotRun { .. } | Outcome::NotNeeded { .. }) | None => "not begun".to_owned(),
        };
        sentences.push(format!("{target} on pod {}: {said}.", a.pod));
    }
    let more = sentences.len().saturating_sub(REPAIRS);
    sentences.truncate(REPAIRS);
    if more > 0 {
        sentences.push(format!("And {}.", counted(more, "further action")));
    }
    sentences.push("`aku verify` compares the whole tables again.".to_owned());
    sentences.join(" ")
}

fn after_forget(plan: &Plan, report: &Report, pod: Ordinal) -> String {
    let resets = || plan.actions.iter().filter(|a| matches!(a.op, Op::Reset { .. }));
    let (done, all) = (resets().filter(|a| is_done(report, a.id)).count(), resets().count());
    if done < all {
        format!("No row was deleted. {} of {} still keep log for pod {pod}.", all - done, counted(all, "position"))
    } else {
        format!(
            "No row was deleted. No pod that was seen keeps log for pod {pod}; its files go at the next checkpoint."
        )
    }
}

fn after_end(plan: &Plan, report: &Report, pod: Ordinal) -> String {
    let users = match plan.actions.iter().find(|a| matches!(a.op, Op::Fence)) {
        Some(a) if maybe_done(report, a.id) => {
            format!("Pod {pod} is CLOSED to users; `aku -p start` on it opens it again.")
        }
        Some(_) => format!("Pod {pod} is still in service."),
        None => format!("ADMIN_MODE of pod {pod} is as it was."),
    };
    let resets = || plan.actions.iter().filter(|a| matches!(a.op, Op::Reset { .. }));
    let (done, all) = (resets().filter(|a| is_done(report, a.id)).count(), resets().count());
    let log = if done < all {
        format!(" {} of {} are not reset: log is kept for them.", all - done, counted(all, "position"))
    } else {
        String::new()
    };
    format!("No row was deleted. {users}{log}{}", next_start(plan, report, pod))
}

/// What the next start of a pod that ended will do. The side of the pod itself towards pod 0 decides: without a place there
/// all groups are copied (DESIGN D1). It is forgotten before any other.
fn next_start(plan: &Plan, report: &Report, pod: Ordinal) -> String {
    let copies = format!(" The next start of pod {pod} copies everything anew");
    let resets = || plan.actions.iter().filter(|a| matches!(a.op, Op::Reset { .. }));
    let source =
        |a: &&Action| matches!(&a.op, Op::Reset { peer, .. } if *peer == Ordinal::MASTER || a.pod == Ordinal::MASTER);
    let doubt = |a: &Action| matches!(report.outcomes.get(&a.id), Some(Outcome::Unknown(_)));
    let sends = |a: &Action| matches!(a.op, Op::Flush { .. } | Op::Stop { .. });
    match () {
        () if resets().filter(source).any(|a| is_done(report, a.id)) => format!("{copies}."),
        () if resets().filter(source).any(doubt) => {
            format!("{copies} if the RESET towards pod 0 was done, and catches up from the log otherwise.")
        }
        // Pod 0 has no place for it, so it had none when it ended, or pod 0 was not seen.
        () if resets().any(|a| maybe_done(report, a.id)) => {
            format!("{copies} where pod 0 or a pod that it was forgotten on is in service then.")
        }
        () if plan.actions.iter().any(sends) => format!(" The next start of pod {pod} catches up from the log."),
        // It had no place anywhere: nothing is known of what comes next.
        () => String::new(),
    }
}
