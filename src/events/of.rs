//! From the engine's events and reports to lines. Pure.

use std::time::Duration;

use super::{ActionFault, ActionOutcome, DbFault, Planned, Reached, RunOutcome, SkipKind, What};
use crate::{
    apply::{ActionError, Event, Outcome, Report},
    db::DbError,
    exit::Exit,
    plan::{Action, ActionId, Before, Decision, Numbers, Plan, words},
};

impl From<&DbError> for DbFault {
    fn from(e: &DbError) -> Self {
        Self { sqlstate: e.sqlstate.clone(), native: e.native, message: e.message.clone() }
    }
}

impl From<&ActionError> for ActionFault {
    fn from(e: &ActionError) -> Self {
        Self {
            code: e.code.to_owned(),
            ordinal: e.pod,
            sql: e.statement.clone(),
            database: e.error.as_ref().map(DbFault::from),
            meaning: e.meaning.clone(),
            next: e.next.clone(),
            attempts: e.attempts,
        }
    }
}

fn millis(d: Duration) -> u64 {
    u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
}

impl What {
    /// The head of a plan: its pods, then the plan. `digest` is that of the file it comes from, if it comes from one.
    #[must_use]
    pub fn of_plan(plan: &Plan, digest: Option<&str>) -> Vec<Self> {
        let pods = plan.pods.iter();
        let mut all: Vec<Self> =
            pods.map(|p| Self::Pod { ordinal: p.pod, state: p.state, detail: p.detail.clone() }).collect();
        let transfer = match &plan.decision {
            Decision::None { .. } => "none",
            Decision::CatchUp { .. } => "catch-up",
            Decision::Full { .. } => "full",
            Decision::Repair { .. } => "repair",
            Decision::Logs { .. } => "logs",
        };
        let mut numbers = Numbers::default();
        let actions = plan.actions.iter().map(|a| planned(a, &mut numbers)).collect();
        let reached = |(id, m): (_, &crate::plan::Milestone)| Reached { id, actions: m.actions().to_vec() };
        all.push(Self::Plan {
            goal: plan.goal.as_str().to_owned(),
            ordinal: plan.goal.pod(),
            statefulset: plan.statefulset.clone(),
            transfer: transfer.to_owned(),
            digest: digest.map(str::to_owned),
            milestones: numbers.all().map(reached).collect(),
            actions,
        });
        all
    }

    /// The line of an event; `count` is how many signals came, this one included. None for the engine's own first and
    /// last event: a run is more than its engine.
    #[must_use]
    pub fn of_event(plan: &Plan, event: &Event, count: u32) -> Option<Self> {
        Some(match event {
            Event::RunStart | Event::RunEnd => return None,
            Event::ActionStart { id } => {
                let action = plan.action(*id)?;
                Self::ActionStart { id: *id, ordinal: action.pod, what: words::short(&action.op) }
            }
            Event::Progress { id, elapsed, rows, doing } => Self::ActionProgress {
                id: *id,
                elapsed_ms: millis(*elapsed),
                rows_done: rows.map(|(done, _)| done),
                rows_total: rows.and_then(|(_, all)| all),
                doing: doing.clone(),
            },
            Event::Retry { id, attempt, delay, error } => {
                Self::ActionRetry { id: *id, attempt: *attempt, delay_ms: millis(*delay), error: error.into() }
            }
            Event::ActionEnd { id, outcome } => Self::of_outcome(*id, outcome),
            Event::Signal { name } => Self::Signal { name: (*name).to_owned(), count },
        })
    }

    fn of_outcome(id: ActionId, outcome: &Outcome) -> Self {
        let end =
            |outcome, took: Option<Duration>, said: Option<&String>, error: Option<&ActionError>| Self::ActionEnd {
                id,
                outcome,
                took_us: took.map(|t| u64::try_from(t.as_micros()).unwrap_or(u64::MAX)),
                said: said.cloned(),
                error: error.map(ActionFault::from),
            };
        match outcome {
            Outcome::Done { took, said } => end(ActionOutcome::Done, Some(*took), said.as_ref(), None),
            Outcome::Already => end(ActionOutcome::Already, None, None, None),
            Outcome::Failed(e) => end(ActionOutcome::Failed, None, None, Some(e)),
            Outcome::Unknown(e) => end(ActionOutcome::Unknown, None, None, Some(e)),
            Outcome::NotRun { because_of, why } => {
                Self::ActionSkipped { id, kind: SkipKind::NotRun, because_of: *because_of, why: why.clone() }
            }
            Outcome::NotNeeded { why } => {
                Self::ActionSkipped { id, kind: SkipKind::NotNeeded, because_of: None, why: why.clone() }
            }
        }
    }

    /// The last line. `report` is missing when nothing was begun.
    #[must_use]
    pub fn end(exit: Exit, report: Option<&Report>, resume: Option<String>) -> Self {
        let ids = |is: fn(&Outcome) -> bool| report.map(|r| r.ids(is)).unwrap_or_default();
        Self::RunEnd {
            outcome: outcome(exit, report),
            exit_code: exit as u8,
            done: ids(|o| matches!(o, Outcome::Done { .. } | Outcome::Already)),
            failed: ids(|o| matches!(o, Outcome::Failed(_))),
            unknown: ids(|o| matches!(o, Outcome::Unknown(_))),
            not_run: ids(|o| matches!(o, Outcome::NotRun { .. })),
            resume_cmd: resume,
        }
    }
}

fn outcome(exit: Exit, report: Option<&Report>) -> RunOutcome {
    match (exit, report) {
        (Exit::Ok | Exit::Output | Exit::Changes, Some(_)) => RunOutcome::Done,
        (Exit::Ok | Exit::Output | Exit::Changes, None) => RunOutcome::NothingToDo,
        (Exit::Partial, _) => RunOutcome::Partial,
        (Exit::Stopped, _) => RunOutcome::Stopped,
        (Exit::Interrupted | Exit::Terminated, _) => RunOutcome::Aborted,
        (Exit::Internal, _) => RunOutcome::Internal,
        (
            Exit::Refused
            | Exit::Stale
            | Exit::Locked
            | Exit::Unknown
            | Exit::Usage
            | Exit::BadData
            | Exit::NoInput
            | Exit::Unavailable
            | Exit::Auth,
            _,
        ) => RunOutcome::Refused,
    }
}

fn planned(a: &Action, numbers: &mut Numbers) -> Planned {
    let (mut after, mut milestones) = (Vec::new(), Vec::new());
    for wait in &a.after {
        match &wait.before {
            Before::Action(id) => after.push(*id),
            Before::Milestone(m) => milestones.push(numbers.of(m)),
        }
    }
    Planned { id: a.id, ordinal: a.pod, what: words::short(&a.op), after, milestones }
}
