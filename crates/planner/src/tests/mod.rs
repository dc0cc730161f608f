//! Situations of `aku-behaviour.md` F and B.8, one line each where possible. Here: how they are told and asked.

mod attributes;
mod checker;
mod conflicts;
mod due;
mod goals;
mod identity;
mod leave;
mod lost_rows;
mod mend;
mod pairs;
mod recover_log;
mod repair;
#[allow(clippy::disallowed_types, clippy::disallowed_methods, clippy::disallowed_macros)] // It measures.
mod scale;
mod settings;
mod start;
mod time;

use aku_check as check;
use aku_core::{desired::Goal, plan::*};

use super::{
    testing::{Worlds, desired, ord},
    *,
};

/// Golden outputs lie in the top-level `snapshots/`, without module names.
pub(crate) fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

fn start(pod: u8, pods: u8) -> Worlds {
    Worlds::new(desired(Goal::Start(ord(pod)), pods, 1))
}

fn end(pod: u8, pods: u8) -> Worlds {
    Worlds::new(desired(Goal::End(ord(pod)), pods, 1))
}

fn made(w: &Worlds) -> Plan {
    let plan = make(&w.desired, &w.observed).unwrap_or_else(|r| panic!("refused: {r:?}"));
    assert_eq!(check::check(&plan, &w.desired, &w.observed), [], "{:#?}", steps(&plan));
    plan
}

fn refused(w: &Worlds) -> Refusal {
    match make(&w.desired, &w.observed) {
        Err(r) => r,
        Ok(p) => panic!("planned: {:?}", steps(&p)),
    }
}

/// `pod:verb OBJECT` of every action, in an order that respects the DAG.
fn steps(plan: &Plan) -> Vec<String> {
    let order = order(&plan.actions).expect("a plan is a DAG");
    order.iter().map(|id| plan.action(*id).map(step).expect("the order names actions of the plan")).collect()
}

fn step(a: &Action) -> String {
    let what = match &a.op {
        Op::CreateReplication { .. } => "create",
        Op::DropReplication { .. } => "drop",
        Op::AddTable { target, name, .. } => return format!("{}:add {target} {name}", a.pod),
        Op::DropTable { target, name, .. } => return format!("{}:remove {target} {name}", a.pod),
        Op::ChangeHost { .. } => "host",
        Op::ClearOption { option, .. } => return format!("{}:clear {option}", a.pod),
        Op::SetOption { option, .. } => return format!("{}:set {option}", a.pod),
        Op::SetLogPath { path, .. } => return format!("{}:logs {path}", a.pod),
        Op::ReadLogs { .. } => "read-logs",
        Op::Retry { .. } => "retry",
        Op::SyncTables { .. } => "sync-tables",
        Op::Start { expect: Expect::Live, .. } => "start",
        Op::Start { expect: Expect::Fresh, .. } => "start-fresh",
        Op::Pin { .. } => "pin",
        Op::Anchor { .. } => "anchor",
        Op::Drain { .. } => "drain",
        Op::Stop { .. } => "stop",
        Op::Reset { .. } => "reset",
        Op::Unpin { .. } => "unpin",
        Op::Flush { .. } => "flush",
        Op::SetProperty { property, to, .. } => return format!("{}:set {property}={to}", a.pod),
        Op::CheckQuiet { .. } => "quiet",
        Op::Truncate { target, .. } => return format!("{}:truncate {target}", a.pod),
        Op::CheckEmpty { .. } => "empty",
        Op::Sync { .. } => "sync",
        Op::CheckContents { .. } => "contents",
        Op::CheckHolds { of, .. } => return format!("{}:holds {of}", a.pod),
        Op::Fence => "fence",
        Op::CheckDelivered { .. } => "delivered",
        Op::Delay { .. } => "delay",
        Op::Open => "open",
        Op::WriteMarker => "mark",
        Op::RemoveMarker => "unmark",
        Op::WriteLedger { .. } => "ledger",
        Op::MendRows(_) => "mend",
        Op::DeleteRows(_) => "delete",
    };
    a.op.object().map_or_else(|| format!("{}:{what}", a.pod), |name| format!("{}:{what} {name}", a.pod))
}

fn codes(reasons: &[Reason]) -> Vec<Code> {
    reasons.iter().map(|r| r.code).collect()
}

/// Whether `later` can only run after `earlier`, by the edges alone.
fn waits(plan: &Plan, later: &str, earlier: &str) -> bool {
    let find = |s: &str| plan.actions.iter().filter(|a| step(a) == s).map(|a| a.id).collect::<Vec<_>>();
    let (from, to) = (find(later), find(earlier));
    assert!(!from.is_empty() && !to.is_empty(), "{later} or {earlier} is not in {:?}", steps(plan));
    let mut reached = from.clone();
    let mut at = 0;
    while at < reached.len() {
        let action = plan.action(reached[at]).unwrap();
        for earlier in action.waits() {
            if !reached.contains(&earlier) {
                reached.push(earlier);
            }
        }
        at += 1;
    }
    to.iter().all(|id| reached.contains(id))
}

/// The same steps, whatever their order.
fn same_steps(plan: &Plan, want: &[&str]) {
    let (mut have, mut want) = (steps(plan), want.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
    have.sort();
    want.sort();
    assert_eq!(have, want);
}
