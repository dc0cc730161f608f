//! How long steps take on real servers, as measured (`measured.md` 1, 5, 8, 9), and what follows from it: which of two
//! actions that could begin is begun first, and which chain of actions a run waits for. Decides nothing about rows.
//!
//! Mostly upper values where a range was measured; drain and the FLUSH to pod 0 are such that pin, drain and FLUSH together come to what was
//! measured (0.8 s beside the pin). A plan is right whatever they are.

use std::{cmp::Reverse, collections::BTreeMap};

use aku_core::plan::{
    action::{Action, ActionId, Depth, Op, RunWhen},
    graph::{Graph, GraphError, Point},
    reason::Code,
};

/// Milliseconds that an action takes on a real server, once it is begun.
#[must_use]
pub fn millis(action: &Action) -> u64 {
    match &action.op {
        // Six in one session 0.09 s, connected 0.07 s later (9.1).
        Op::Start { .. } => 90,
        // START RETRY and STOP.
        Op::Pin { .. } => 1_015,
        // Its lock was held for 1.25 s (9.5).
        Op::Anchor { .. } => 1_250,
        // A STOP takes 1.0 s, and those of one server queue (8, 9.1).
        // The log of a dead pod: 1.0 s for 1,000 rows (9.6).
        Op::Stop { .. } | Op::ReadLogs { .. } => 1_000,
        // STOP and RESET.
        Op::Unpin { .. } => 1_010,
        // To pod 0 from a pod in service, whose peer acknowledges all the time: drain and FLUSH took less than 0.8 s (8).
        Op::Flush { .. } if action.because.code == Code::FlushToSource => 300,
        // After a START or behind a fence about 5 s; several that wait together wait once (8).
        Op::Flush { .. } => 5_000,
        // Six in one session 0.09 s (9.1).
        Op::Retry { .. } => 15,
        // 0.3 and 0.5 s (1).
        Op::Drain { .. } => 300,
        // 4.1 s the median (8); 0.9 million rows took 6 s more than few.
        Op::Sync { rows, .. } | Op::SyncTables { rows, .. } => 4_100 + rows.unwrap_or(0) / 150,
        // 0.65 s (8).
        Op::CheckContents { depth: Depth::Counts, .. } | Op::CheckHolds { .. } => 650,
        // 2.5 s for 85,000 rows on four pods, 25 s for 861,000 (8); how many there are is not counted for it.
        Op::CheckContents { depth: Depth::Contents, .. } => 2_500,
        // 13 ms for a session (2), and two looks in a row that find nobody.
        Op::Fence => 200,
        // Like CREATE TABLE, 18.5 ms (9.4), with the looks before.
        Op::CreateReplication { .. }
        | Op::DropReplication { .. }
        | Op::AddTable { .. }
        | Op::DropTable { .. }
        | Op::ChangeHost { .. }
        | Op::ClearOption { .. }
        | Op::SetOption { .. }
        | Op::SetLogPath { .. }
        | Op::Truncate { .. }
        // CREATE TABLE where there is none; INSERT or UPDATE alone takes 0.25 to 5.6 ms (9.4).
        | Op::WriteLedger { .. } => 30,
        // Reads of each row on every pod, and an INSERT or UPDATE of 0.25 to 5.6 ms (9.4).
        Op::MendRows(rows) | Op::DeleteRows(rows) => 10 + 5 * u64::try_from(rows.rows.len()).unwrap_or(u64::MAX / 5 - 2),
        // A few catalog reads at up to 2.3 ms each (5).
        Op::Reset { .. }
        | Op::SetProperty { .. }
        | Op::CheckQuiet { .. }
        | Op::CheckEmpty { .. }
        | Op::CheckDelivered { .. }
        | Op::Open => 10,
        Op::Delay { seconds } => seconds * 1_000,
        Op::WriteMarker | Op::RemoveMarker => 1,
    }
}

/// What takes no longer is done before anything else: it holds nobody up, and others may be waiting for it on other pods.
const QUICK: u64 = 100;

/// Which of several actions that could begin is begun first: the smallest. Quick ones, then those behind which most is left to
/// do; among equals in the order of the plan.
pub type Turn = (bool, Reverse<u64>, ActionId);

/// The turn of each action. So the STARTs of a pod with one session come before its FLUSHes, which then wait together, once;
/// and a RESET that other pods wait for comes before the next STOP.
#[must_use]
pub fn turns(actions: &[Action]) -> BTreeMap<ActionId, Turn> {
    let graph = Graph::new(actions);
    turns_of(actions, graph.as_ref().ok())
}

/// As [`turns`], of a graph that is there already; `None` where the actions are no DAG.
#[must_use]
pub fn turns_of(actions: &[Action], graph: Option<&Graph<'_>>) -> BTreeMap<ActionId, Turn> {
    let tails = graph.map(tails);
    let turn = |(at, a): (usize, &Action)| {
        let behind = tails.as_ref().map_or(0, |t| t[at].0);
        (a.id, (millis(a) > QUICK, Reverse(behind + millis(a)), a.id))
    };
    actions.iter().enumerate().map(turn).collect()
}

/// For each action the milliseconds until everything that waits for it is over, itself included: of two that could begin,
/// the one with more is more urgent. An action in a circle of edges is as urgent as it is long.
#[must_use]
pub fn urgency(actions: &[Action]) -> BTreeMap<ActionId, u64> {
    turns(actions).into_iter().map(|(id, (_, Reverse(left), _))| (id, left)).collect()
}

/// Whether it runs when all goes well.
fn runs(a: &Action) -> bool {
    match a.run {
        RunWhen::Normal | RunWhen::Always { .. } => true,
        RunWhen::Undo { .. } => false,
    }
}

/// For each node of the graph the milliseconds of the longest chain behind it, and the action that this chain begins with.
fn tails(graph: &Graph<'_>) -> Vec<(u64, Option<Reverse<ActionId>>)> {
    let mut tails: Vec<(u64, Option<Reverse<ActionId>>)> = vec![(0, None); graph.len()];
    for (n, point) in graph.points().rev() {
        let mine = match point {
            // What is only taken back does not count: it is not run when all goes well.
            Point::Action(a) if runs(a) => (tails[n].0 + millis(a), Some(Reverse(a.id))),
            Point::Action(_) => continue,
            Point::Milestone(_) => tails[n],
        };
        for before in graph.before(n) {
            tails[before] = tails[before].max(mine);
        }
    }
    tails
}

/// The chain of actions that takes longest, and how long, milliseconds, were every session free.
///
/// # Errors
/// See [`GraphError`].
pub fn critical_path(actions: &[Action]) -> Result<(Vec<ActionId>, u64), GraphError> {
    let graph = Graph::new(actions)?;
    let tails = tails(&graph);
    let next: BTreeMap<ActionId, ActionId> =
        actions.iter().zip(&tails).filter_map(|(a, (_, next))| Some((a.id, (*next)?.0))).collect();
    let takes = |(a, (behind, _)): (&Action, &(u64, _))| (behind + millis(a), Reverse(a.id));
    let first = actions.iter().zip(&tails).filter(|(a, _)| runs(a)).map(takes).max();
    let path = std::iter::successors(first.map(|(_, id)| id.0), |id| next.get(id).copied()).collect();
    Ok((path, first.map_or(0, |(takes, _)| takes)))
}

#[cfg(test)]
mod tests {
    use aku_core::plan::Before;

    use super::*;
    use crate::testing::plans as fixtures;

    #[test]
    fn the_longest_chain_is_one_of_seconds_not_of_steps() {
        let plan = fixtures::full_join();
        let (path, takes) = critical_path(&plan.actions).unwrap();
        let sum: u64 = path.iter().filter_map(|id| plan.action(*id)).map(millis).sum();
        assert_eq!(takes, sum);
        for pair in path.windows(2) {
            let later = plan.action(pair[1]).unwrap();
            assert!(later.waits().any(|id| id == pair[0]), "{pair:?}");
        }
        let sync = plan.actions.iter().find(|a| matches!(a.op, Op::Sync { .. })).unwrap();
        assert!(path.contains(&sync.id));
        // Nothing that is only taken back.
        assert!(path.iter().all(|id| !matches!(plan.action(*id).unwrap().run, RunWhen::Undo { .. })));
    }

    #[test]
    fn starts_are_more_urgent_than_the_flushes_that_wait_for_them() {
        let plan = fixtures::catch_up();
        let turns = turns(&plan.actions);
        let of = |is: fn(&Op) -> bool| {
            let found = plan.actions.iter().filter(|a| is(&a.op)).map(|a| turns[&a.id]);
            found.collect::<Vec<_>>()
        };
        let starts = of(|op| matches!(op, Op::Start { .. }));
        let flushes = of(|op| matches!(op, Op::Flush { .. }));
        assert!(starts.iter().max() < flushes.iter().min(), "{starts:?} {flushes:?}");
    }

    #[test]
    fn a_circle_is_told() {
        let mut plan = fixtures::full_join();
        let again = plan.actions[6].after[0].clone();
        plan.actions[0].after.push(aku_core::plan::After { before: Before::Action(ActionId(7)), ..again });
        assert_eq!(critical_path(&plan.actions), Err(GraphError::Circle));
        assert_eq!(urgency(&plan.actions).len(), plan.actions.len());
    }
}
