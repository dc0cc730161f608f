//! How long a plan takes on real servers, played with the measured costs and with what servers do one at a time: sessions of
//! a pod, STOPs, and FLUSHes that wait together once. For figures beside a plan and in the bench; a run decides nothing by it.

use std::collections::{BTreeMap, BTreeSet};

use aku_core::{
    plan::{
        action::{Action, ActionId, Op, RunWhen},
        reason::Code,
    },
    topology::Ordinal,
};

use super::cost;

/// Sessions on a pod that admits ordinary ones.
const SESSIONS: usize = 4;
/// How long START RETRY holds its session (`measured.md` 9.1: six took 0.09 s); the sender connects beside it.
const START_HOLDS: u64 = 15;
/// A FLUSH that others have waited for already.
const FLUSH_AT_ONCE: u64 = 30;

/// Begin and end of each action, milliseconds from the start of the run.
pub type Times = BTreeMap<ActionId, (u64, u64)>;

#[derive(Default)]
struct Pod {
    /// Until when each session is in use.
    sessions: Vec<u64>,
    /// STOPs queue behind one latch.
    latch: u64,
    /// When the last sender was started, or the fence was up: a FLUSH waits about 5 s from then.
    fresh: u64,
}

/// Plays the plan, all going well. `closed`: pods in ADMIN_MODE when it begins, which have one session.
#[must_use]
pub fn rehearse(actions: &[Action], closed: &BTreeSet<Ordinal>) -> Times {
    let turns = cost::turns(actions);
    let mut pods: BTreeMap<Ordinal, Pod> = BTreeMap::new();
    for a in actions {
        let sessions = if closed.contains(&a.pod) { 1 } else { SESSIONS };
        pods.entry(a.pod).or_default().sessions = vec![0; sessions];
    }
    let mut times = Times::new();
    let mut left: Vec<&Action> = actions.iter().filter(|a| !matches!(a.run, RunWhen::Undo { .. })).collect();
    let known: BTreeSet<ActionId> = left.iter().map(|a| a.id).collect();
    while !left.is_empty() {
        // Of those that can begin soonest the one whose turn it is.
        let ready = |a: &Action| {
            let waits = a.after.iter().filter(|w| known.contains(&w.action));
            waits.map(|w| times.get(&w.action).map(|(_, end)| *end)).try_fold(0, |t, end| Some(t.max(end?)))
        };
        let soonest = left.iter().enumerate().filter_map(|(at, a)| {
            let free = pods[&a.pod].sessions.iter().min().copied().unwrap_or(0);
            Some((ready(a)?.max(free), turns.get(&a.id)?, at))
        });
        // A circle of edges: nothing more can begin.
        let Some((begin, _, at)) = soonest.min() else { return times };
        let action = left.swap_remove(at);
        let Some(pod) = pods.get_mut(&action.pod) else { continue };
        let (end, holds) = span(action, begin, pod);
        if let Some(session) = pod.sessions.iter_mut().min() {
            *session = holds;
        }
        times.insert(action.id, (begin, end));
    }
    times
}

/// When it is over, and until when it holds its session.
fn span(action: &Action, begin: u64, pod: &mut Pod) -> (u64, u64) {
    let takes = cost::millis(action);
    match &action.op {
        Op::Start { .. } => {
            let end = begin + takes;
            pod.fresh = pod.fresh.max(end);
            (end, begin + START_HOLDS)
        }
        Op::Stop { .. } | Op::Pin { .. } | Op::Unpin { .. } => {
            let end = begin.max(pod.latch) + takes;
            pod.latch = end;
            (end, end)
        }
        Op::Flush { .. } if action.because.code != Code::FlushToSource => {
            let end = (begin + FLUSH_AT_ONCE).max(pod.fresh + takes);
            (end, end)
        }
        Op::Fence => {
            pod.fresh = pod.fresh.max(begin + takes);
            (begin + takes, begin + takes)
        }
        // They take up no session.
        Op::Delay { .. } | Op::WriteMarker | Op::RemoveMarker => (begin + takes, begin),
        Op::CreateReplication { .. }
        | Op::DropReplication { .. }
        | Op::AddTable { .. }
        | Op::DropTable { .. }
        | Op::ChangeHost { .. }
        | Op::Drain { .. }
        | Op::Reset { .. }
        | Op::Flush { .. }
        | Op::SetProperty { .. }
        | Op::CheckQuiet { .. }
        | Op::Truncate { .. }
        | Op::CheckEmpty { .. }
        | Op::Sync { .. }
        | Op::SyncTables { .. }
        | Op::CheckContents { .. }
        | Op::CheckHolds { .. }
        | Op::CheckDelivered { .. }
        | Op::WriteLedger { .. }
        | Op::Open => (begin + takes, begin + takes),
    }
}
