//! How long a plan takes on real servers, played with the measured costs and with what servers do one at a time: sessions of
//! a pod, STOPs, and FLUSHes that wait together once. For figures beside a plan and in the bench; a run decides nothing by it.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
};

use aku_core::{
    plan::{
        Graph,
        action::{Action, ActionId, Op, RunWhen},
        reason::Code,
    },
    topology::Ordinal,
};

use super::cost::{self, Turn};

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
    /// Actions that can begin as soon as there is a session.
    now: BinaryHeap<Reverse<(Turn, usize)>>,
    /// Actions that can begin later.
    soon: BinaryHeap<Waiting>,
}

/// An action that can begin: not before that moment, and when it is its turn.
type Waiting = Reverse<(u64, Turn, usize)>;

impl Pod {
    fn free(&self) -> u64 {
        self.sessions.iter().min().copied().unwrap_or(0)
    }

    /// The moment at which the next action of the pod begins, and its turn.
    fn next(&mut self) -> Option<(u64, Turn)> {
        let free = self.free();
        while self.soon.peek().is_some_and(|Reverse((ready, ..))| *ready <= free) {
            if let Some(Reverse((_, turn, at))) = self.soon.pop() {
                self.now.push(Reverse((turn, at)));
            }
        }
        let now = self.now.peek().map(|Reverse((turn, _))| (free, *turn));
        now.or_else(|| self.soon.peek().map(|Reverse((ready, turn, _))| (*ready, *turn)))
    }

    fn take(&mut self) -> Option<usize> {
        let now = self.now.pop().map(|Reverse((_, at))| at);
        now.or_else(|| self.soon.pop().map(|Reverse((.., at))| at))
    }
}

/// Plays the plan, all going well. `closed`: pods in ADMIN_MODE when it begins, which have one session. Nothing of a plan whose
/// actions are no DAG.
#[must_use]
pub fn rehearse(actions: &[Action], closed: &BTreeSet<Ordinal>) -> Times {
    let Ok(graph) = Graph::new(actions) else { return Times::new() };
    let turns = cost::turns_of(actions, Some(&graph));
    let mut pods: BTreeMap<Ordinal, Pod> = BTreeMap::new();
    for a in actions {
        let sessions = if closed.contains(&a.pod) { 1 } else { SESSIONS };
        pods.entry(a.pod).or_default().sessions = vec![0; sessions];
    }
    let mut times = Times::new();
    let mut left: Vec<usize> = vec![0; graph.len()];
    for (n, _) in graph.points() {
        left[n] = graph.before(n).count();
    }
    let mut ready: Vec<u64> = vec![0; graph.len()];
    // Nodes that nothing holds up any more, with the moment from which on.
    let mut open: Vec<usize> = (0..graph.len()).filter(|n| left[*n] == 0).collect();
    loop {
        while let Some(n) = open.pop() {
            let over = match actions.get(n) {
                // What is only taken back is not played, and nobody waits for it.
                Some(a) if matches!(a.run, RunWhen::Undo { .. }) => 0,
                Some(a) => {
                    if let Some(pod) = pods.get_mut(&a.pod) {
                        pod.soon.push(Reverse((ready[n], turns[&a.id], n)));
                    }
                    continue;
                }
                None => ready[n],
            };
            reach(&graph, n, over, (&mut left, &mut ready, &mut open));
        }
        // Of those that can begin soonest the one whose turn it is.
        let soonest = pods.iter_mut().filter_map(|(k, pod)| Some((pod.next()?, *k))).min();
        let Some(((begin, _), k)) = soonest else { return times };
        let Some(pod) = pods.get_mut(&k) else { return times };
        let Some(at) = pod.take() else { return times };
        let action = &actions[at];
        let (end, holds) = span(action, begin, pod);
        if let Some(session) = pod.sessions.iter_mut().min() {
            *session = holds;
        }
        times.insert(action.id, (begin, end));
        reach(&graph, at, end, (&mut left, &mut ready, &mut open));
    }
}

/// A node is over at that moment: what waits for it waits for one less.
fn reach(graph: &Graph<'_>, n: usize, over: u64, (left, ready, open): (&mut [usize], &mut [u64], &mut Vec<usize>)) {
    for next in graph.behind(n) {
        ready[next] = ready[next].max(over);
        left[next] -= 1;
        if left[next] == 0 {
            open.push(next);
        }
    }
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
        Op::Stop { .. } | Op::Pin { .. } | Op::Anchor { .. } | Op::Unpin { .. } => {
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
        | Op::ClearOption { .. }
        | Op::SetOption { .. }
        | Op::SetLogPath { .. }
        | Op::ReadLogs { .. }
        | Op::Retry { .. }
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
        | Op::MendRows(_)
        | Op::DeleteRows(_)
        | Op::Open => (begin + takes, begin + takes),
    }
}
