//! What is told while a plan is applied, one line per event, for logs (`contract.md` 3.4).

mod board;

use jiff::Timestamp;

pub use board::Board;

use super::{
    op,
    style::{Line, Role},
    words::{count, duration, number},
};
use crate::{
    apply::{Event, Outcome},
    plan::{Action, ActionId, Op, Plan},
};

/// Column where the outcome of an action begins, where there is room.
const OUTCOME_AT: usize = 76;
/// Columns of most outcomes.
const OUTCOME: usize = 24;

/// The line of an event, for so many columns; `None` when it is not worth one.
#[must_use]
pub fn event(plan: &Plan, event: &Event, at: Timestamp, width: usize) -> Option<Line> {
    match event {
        Event::RunStart | Event::RunEnd => None,
        Event::ActionStart { id } => {
            let action = plan.action(*id)?;
            is_long(&action.op).then(|| dotted(plan, *id, at, width, Line::default().with(Role::Wait, "started")))
        }
        Event::Progress { id, elapsed, rows, doing } => {
            let mut line = lead(plan, *id, at);
            let mut parts = Vec::new();
            if let Some((done, all)) = rows {
                parts.extend(copied(*done, *all, elapsed.as_secs()));
            }
            if !doing.is_empty() {
                parts.push(doing.clone());
            }
            parts.push(format!("{} so far", duration(*elapsed)));
            line.push(Role::Wait, format!("  {}", parts.join(", ")));
            Some(line)
        }
        Event::Retry { id, attempt, delay, error } => {
            let mut line = lead(plan, *id, at);
            let text = format!("  attempt {attempt} failed, again in {}: {error}", duration(*delay));
            line.push(Role::Change, text);
            Some(line)
        }
        Event::ActionEnd { id, outcome } => ended(plan, *id, outcome, at, width),
        Event::Signal { name } => Some(
            Line::default().with(Role::Dim, clock(at)).with(Role::Change, format!(" {name}: nothing new is started")),
        ),
    }
}

/// Whether it usually takes long enough that its beginning is worth a line.
fn is_long(op: &Op) -> bool {
    matches!(
        op,
        Op::Sync { .. } | Op::Flush { .. } | Op::Drain { .. } | Op::CheckContents { .. } | Op::Delay { .. } | Op::Fence
    )
}

/// `31 %, 405,311 of 1,307,466 rows, 40,531 rows/s, about 22 s left`
fn copied(done: u64, all: Option<u64>, seconds: u64) -> Vec<String> {
    let mut parts = Vec::new();
    match all {
        Some(all) if all > 0 => {
            parts.push(format!("{} %", (u128::from(done) * 100 / u128::from(all)).min(100)));
            parts.push(format!("{} of {}", number(done), count(all, "row")));
        }
        Some(_) | None => parts.push(count(done, "row")),
    }
    if let Some(rate) = done.checked_div(seconds).filter(|r| *r > 0) {
        parts.push(format!("{} rows/s", number(rate)));
        if let Some(left) = all.and_then(|all| all.checked_sub(done)).filter(|left| *left > 0) {
            parts.push(format!("about {} s left", number(left.div_ceil(rate))));
        }
    }
    parts
}

fn ended(plan: &Plan, id: ActionId, outcome: &Outcome, at: Timestamp, width: usize) -> Option<Line> {
    let end = match outcome {
        Outcome::Done { took, said } => {
            let said = said.as_ref().map(|s| format!("  {s}")).unwrap_or_default();
            Line::default().with(Role::Add, "done").with(Role::Plain, format!("{:>10}{said}", duration(*took)))
        }
        Outcome::Already => Line::default().with(Role::Dim, "already so"),
        Outcome::Failed(e) => {
            Line::default().with(Role::Destroy, "FAILED").with(Role::Plain, format!("  {}", e.meaning))
        }
        Outcome::Unknown(e) => {
            Line::default().with(Role::Destroy, "UNKNOWN").with(Role::Plain, format!("  {}", e.meaning))
        }
        // What was not run is listed once, in the final report.
        Outcome::NotRun { .. } | Outcome::NotNeeded { .. } => return None,
    };
    Some(dotted(plan, id, at, width, end))
}

fn dotted(plan: &Plan, id: ActionId, at: Timestamp, width: usize, end: Line) -> Line {
    let mut line = lead(plan, id, at);
    let dots = OUTCOME_AT.min(width.saturating_sub(OUTCOME)).saturating_sub(line.width() + 2).max(3);
    line.push(Role::Dim, format!(" {} ", ".".repeat(dots)));
    line.extend(end);
    line
}

fn lead(plan: &Plan, id: ActionId, at: Timestamp) -> Line {
    let (pod, what) = plan
        .action(id)
        .map_or_else(|| ("pod ?".to_owned(), String::new()), |a: &Action| (format!("pod {}", a.pod), op::short(&a.op)));
    let id = id.to_string();
    Line::default().with(Role::Dim, clock(at)).with(Role::Plain, format!(" {pod}  {id:<4} {what}"))
}

/// `23:41:09.113Z`
fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S.%3fZ").to_string()
}
