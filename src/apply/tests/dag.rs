//! Order, lanes, and what a failure stops: by example and over random DAGs.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{
    apply::{
        schedule::{Admit, Schedule, SideEffect},
        testing::Then,
    },
    plan::Expect,
};

fn stop(id: u32, on: u8, r: &str, after: &[u32]) -> Action {
    act(id, on, Op::Stop { name: name(r), peer: pod(0) }, after)
}

/// Objects `X_0`..`X_5` run on pod 1.
fn busy(pods: u8) -> Stage {
    let stage = Stage::new(pods);
    {
        let mut world = stage.cluster.world();
        for i in 0..6 {
            let mut object = Object::new("10.0.0.0", &targets());
            (object.sender, object.is_started, object.xsn) = (true, true, 50);
            world.pod(1).objects.insert(name(&format!("X_{i}")), object);
        }
    }
    stage
}

fn stops(n: u32) -> Vec<Action> {
    (0..n).map(|i| stop(i + 1, 1, &format!("X_{i}"), &[])).collect()
}

#[test]
fn a_pod_in_service_works_over_four_sessions() {
    let stage = busy(2);
    let met = Arc::default();
    for _ in 0..4 {
        stage.cluster.rule(1, "ALTER REPLICATION X_", Then::Meet(Arc::clone(&met), 4));
    }
    let run = stage.run(stops(6));
    assert_eq!(run.words(), ["done"; 6]);
    assert_eq!(stage.cluster.world().pod(1).logins.len(), 4);
}

#[test]
fn a_pod_in_admin_mode_has_one_session_and_takes_turns() {
    let stage = busy(2);
    stage.cluster.world().pod(1).properties.insert("ADMIN_MODE", 1);
    let run = stage.run(stops(6));
    assert_eq!(run.words(), ["done"; 6]);
    let logins: Vec<_> = stage.cluster.world().pod(1).logins.iter().map(|l| l.0).collect();
    assert_eq!(logins, [Privilege::Sysdba]);
    // Among equals the smaller id first.
    let order: Vec<_> = stage.changes().iter().map(|c| c[2..5].to_owned()).collect();
    assert_eq!(order, ["X_0", "X_1", "X_2", "X_3", "X_4", "X_5"]);
}

#[test]
fn different_pods_run_side_by_side() {
    let stage = Stage::new(4);
    let met = Arc::default();
    let mut actions = Vec::new();
    for on in 1..4 {
        stage.cluster.rule(on, "ALTER REPLICATION", Then::Meet(Arc::clone(&met), 3));
        let r = format!("R_0{on}");
        let op = Op::Start { name: name(&r), peer: pod(0), expect: Expect::Fresh };
        actions.push(act(u32::from(on), on, op, &[]));
    }
    assert_eq!(stage.run(actions).words(), ["done"; 3]);
}

#[test]
fn nothing_to_do_and_no_dag() {
    let stage = Stage::new(2);
    let run = stage.run(Vec::new());
    assert_eq!((run.events.len(), run.report.complete()), (2, true));
    let run = stage.run(vec![stop(1, 1, "R_01", &[2]), stop(2, 1, "R_01", &[1])]);
    assert_eq!(run.words(), ["not run", "not run"]);
    let run = stage.run(vec![stop(1, 1, "R_01", &[9])]);
    assert_eq!(run.words(), ["not run"]);
    // A circle through what an undo waits for.
    let undo = RunWhen::Undo { armed_by: ActionId(2), until: Milestone::of([ActionId(2)]) };
    let run = stage.run(vec![when(stop(1, 1, "R_01", &[]), undo), stop(2, 1, "R_01", &[1])]);
    assert_eq!(run.words(), ["not run", "not run"]);
    assert_eq!(stage.changes(), Vec::<String>::new());
}

#[test]
fn applying_twice_sends_nothing_the_second_time() {
    let stage = busy(2);
    assert_eq!(stage.run(stops(6)).words(), ["done"; 6]);
    let sent = stage.changes().len();
    assert_eq!(stage.run(stops(6)).words(), ["already"; 6]);
    assert_eq!(stage.changes().len(), sent);
}

/// How an action of a random plan ends when it is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Good,
    Bad,
}

#[derive(Clone, Debug)]
struct Sketch {
    edges: Vec<Vec<usize>>,
    fates: Vec<Fate>,
    /// 0: normal; 1: always; 2: undo; armed by the first action it waits for.
    kinds: Vec<u8>,
}

fn sketch() -> impl Strategy<Value = Sketch> {
    (1usize..14).prop_flat_map(|n| {
        let edges: Vec<_> = (0..n).map(|i| prop::collection::vec(0..i.max(1), 0..3)).collect();
        let fates = prop::collection::vec(prop_oneof![3 => Just(Fate::Good), 1 => Just(Fate::Bad)], n);
        let kinds = prop::collection::vec(prop_oneof![6 => Just(0u8), 1 => Just(1u8), 1 => Just(2u8)], n);
        (edges, fates, kinds).prop_map(|(edges, fates, kinds)| Sketch { edges, fates, kinds })
    })
}

fn id(i: usize) -> u32 {
    u32::try_from(i + 1).unwrap()
}

impl Sketch {
    fn actions(&self) -> Vec<Action> {
        let action = |i: usize| {
            let after: BTreeSet<u32> =
                if i == 0 { BTreeSet::new() } else { self.edges[i].iter().map(|e| id(*e)).collect() };
            let after: Vec<u32> = after.into_iter().collect();
            // Neither needs a session, so nothing but the order decides.
            let op = match self.fates[i] {
                Fate::Good => Op::Delay { seconds: 0 },
                // Nobody said where it is.
                Fate::Bad => Op::WriteMarker,
            };
            let run = match (self.kinds[i], after.first()) {
                (1, Some(armed)) => RunWhen::Always { armed_by: ActionId(*armed) },
                (2, Some(armed)) => RunWhen::Undo {
                    armed_by: ActionId(*armed),
                    until: Milestone::of(after[1..].iter().map(|a| ActionId(*a))),
                },
                _ => RunWhen::Normal,
            };
            when(act(id(i), 0, op, &after), run)
        };
        (0..self.fates.len()).map(action).collect()
    }
}

fn good(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Done { .. } | Outcome::Already | Outcome::NotNeeded { .. })
}

fn failed(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(_) | Outcome::Unknown(_))
}

fn begun(outcome: &Outcome) -> bool {
    failed(outcome) || matches!(outcome, Outcome::Done { .. } | Outcome::Already)
}

/// What `plan::RunWhen` promises, for a run that nobody stopped.
fn check_unstopped(actions: &[Action], outcomes: &BTreeMap<ActionId, Outcome>, trace: impl Fn(ActionId) -> SideEffect) {
    for action in actions {
        let outcome = &outcomes[&action.id];
        let before: Vec<_> = action.waits().map(|id| &outcomes[&id]).collect();
        match &action.run {
            RunWhen::Normal => assert_eq!(begun(outcome), before.iter().all(|o| good(o)), "{}", action.id),
            RunWhen::Always { armed_by } => {
                assert_eq!(begun(outcome), begun(&outcomes[armed_by]), "{}", action.id);
            }
            RunWhen::Undo { armed_by, until } => {
                let finished = until.actions().iter().all(|u| good(&outcomes[u]));
                let armed = begun(&outcomes[armed_by]) && trace(*armed_by) == SideEffect::Some;
                assert_eq!(begun(outcome), armed && !finished, "{}", action.id);
            }
        }
        if let Outcome::NotRun { because_of: Some(root), .. } = outcome {
            assert!(failed(&outcomes[root]), "{} blames {root}, which did not fail", action.id);
            assert!(ancestors(actions, action.id).contains(root), "{} does not depend on {root}", action.id);
        }
        if matches!(outcome, Outcome::NotRun { .. }) && action.run == RunWhen::Normal {
            let any = ancestors(actions, action.id).iter().any(|a| !good(&outcomes[a]));
            assert!(any, "{} was not run for no reason", action.id);
        }
    }
}

fn ancestors(actions: &[Action], of: ActionId) -> BTreeSet<ActionId> {
    let mut found = BTreeSet::new();
    let mut open = vec![of];
    while let Some(id) = open.pop() {
        let action = actions.iter().find(|a| a.id == id).unwrap();
        open.extend(action.waits().filter(|a| found.insert(*a)));
    }
    found
}

/// Whether an action of a played plan left a trace: two of three do.
fn left(id: ActionId) -> SideEffect {
    if id.0.is_multiple_of(3) { SideEffect::None } else { SideEffect::Some }
}

/// Plays a schedule through, ending actions in an arbitrary order.
fn play(sketch: &Sketch, picks: &[usize], stop_at: usize, stopped: &Admit) -> BTreeMap<ActionId, Outcome> {
    let actions = sketch.actions();
    let mut schedule = Schedule::new(&actions, &cost::turns(&actions), |a| Some(a.pod));
    let (mut outcomes, mut running, mut step) = (BTreeMap::new(), Vec::new(), 0);
    loop {
        let admit = if step >= stop_at { stopped } else { &Admit::All };
        for (id, outcome) in schedule.settle(admit) {
            assert_eq!(outcomes.insert(id, outcome), None);
        }
        for id in schedule.ready(|_| usize::MAX) {
            schedule.begin(id);
            running.push(id);
        }
        if running.is_empty() {
            assert!(!schedule.waiting(), "somebody waits for nothing");
            return outcomes;
        }
        let id = running.remove(picks[step % picks.len()] % running.len());
        let took = Duration::ZERO;
        let outcome = match sketch.fates[id.0 as usize - 1] {
            Fate::Good => Outcome::Done { took, said: None },
            Fate::Bad => {
                let action = &actions[id.0 as usize - 1];
                let told = crate::apply::op_error::OpError::Stopped;
                Outcome::Failed(told.describe(action, 1))
            }
        };
        schedule.end(id, &outcome, left(id));
        assert_eq!(outcomes.insert(id, outcome), None);
        step += 1;
    }
}

proptest! {
    #[test]
    fn a_failure_stops_what_depends_on_it_and_nothing_else(
        sketch in sketch(), picks in prop::collection::vec(0usize..9, 1..9)
    ) {
        let outcomes = play(&sketch, &picks, usize::MAX, &Admit::All);
        prop_assert_eq!(outcomes.len(), sketch.fates.len());
        check_unstopped(&sketch.actions(), &outcomes, left);
    }

    #[test]
    fn after_a_stop_only_what_puts_back_begins(
        sketch in sketch(), picks in prop::collection::vec(0usize..9, 1..9), at in 0usize..6
    ) {
        let actions = sketch.actions();
        let stopped = play(&sketch, &picks, at, &Admit::PutBack("stopped".to_owned()));
        prop_assert_eq!(stopped.len(), actions.len());
        for action in &actions {
            let outcome = &stopped[&action.id];
            if let RunWhen::Always { armed_by } = &action.run {
                prop_assert_eq!(begun(outcome), begun(&stopped[armed_by]));
            }
            if let RunWhen::Undo { armed_by, until } = &action.run {
                let finished = until.actions().iter().all(|u| good(&stopped[u]));
                let armed = begun(&stopped[armed_by]) && left(*armed_by) == SideEffect::Some;
                prop_assert_eq!(begun(outcome), armed && !finished);
            }
        }
        let aborted = play(&sketch, &picks, at, &Admit::Nothing("aborted".to_owned()));
        prop_assert_eq!(aborted.len(), actions.len());
        if at == 0 {
            prop_assert!(aborted.values().all(|o| !begun(o)));
            let normal = actions.iter().filter(|a| a.run == RunWhen::Normal);
            prop_assert!(normal.into_iter().all(|a| !begun(&stopped[&a.id])));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// The same promises with real threads.
    #[test]
    fn the_engine_keeps_the_promises(sketch in sketch(), pods in 1u8..3) {
        let stage = Stage::new(pods);
        let actions = sketch.actions();
        let run = stage.run(actions.clone());
        // Their operations send nothing.
        check_unstopped(&actions, &run.report.outcomes, |_| SideEffect::None);
    }
}
