//! Every goal's plan on simulated servers, with one thing going wrong at each of its statements: the program dies, a
//! server dies, the link is lost, a code comes back, time passes. Afterwards the goal is asked for again, and the cluster
//! is as if nothing had happened: the same rows everywhere, settings put back, nothing left to do.

mod cases;
mod life;

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::super::{
    Report,
    testing::lab::{LabConnector, Place, Strike},
};
use crate::{
    db::{Connector as _, wire::Cell},
    desired::Goal,
    plan::{ActionId, After, Before, Milestone, Plan, RunWhen},
    topology::Ordinal,
};
use cases::{Case, cases};
use life::{Life, PODS, login, pod};

/// Longer than AKU_QUERY_TIMEOUT and shorter than what a statement is given up after, seconds.
const PATIENT: u64 = 80;
/// Longer than that: the answer may come too late.
const IMPATIENT: u64 = 100;

/// A statement: where it is sent from, its pod, its text.
type At = (Place, Ordinal, String);

/// Statements of an undisturbed run, and the rows that everything ends with.
fn undisturbed(case: &Case) -> (Vec<At>, Vec<Vec<Cell>>) {
    let life = (case.life)();
    life.cluster.begin(None);
    let plan = life.plan(case.goal);
    let report = life.run(&plan);
    assert!(report.complete(), "{}: {:#?}", case.name, report.outcomes);
    let seen = life.cluster.seen();
    assert!(!seen.is_empty(), "{} sends nothing", case.name);
    again(&life, case).unwrap_or_else(|r| panic!("{}: {r:#?}", case.name));
    life.equal(case.joined, case.name);
    (seen, life.contents(case.joined[0]))
}

/// The goal once more, and what a person does afterwards.
fn again(life: &Life, case: &Case) -> Result<(), crate::plan::Refusal> {
    let goals: Vec<_> = std::iter::once(case.goal).chain(case.then.iter().map(|n| Goal::Start(pod(*n)))).collect();
    life.mend(&goals)
}

/// Strikes, revives, asks again, compares.
fn strike(case: &Case, at: &At, strike: Strike, rows: &[Vec<Cell>]) -> Report {
    let what = format!("{}: {strike:?} at {:?} `{}` on pod {}", case.name, at.0, at.2, at.1);
    println!("{what}");
    let life = (case.life)();
    life.cluster.begin(Some((at.0, strike)));
    let plan = life.plan(case.goal);
    let lost = if strike == Strike::Wipe { life.only_on(at.1.get()) } else { BTreeSet::new() };
    let report = life.run(&plan);
    life.cluster.die();
    life.revive(case.gone);
    // A lost master is refused until somebody recovers it, and a lost peer has to be started anew first.
    if strike == Strike::Wipe && (at.1 != case.goal.pod() || at.1.is_master()) {
        return report;
    }
    if strike == Strike::Wipe {
        life.tables(at.1.get());
    }
    let first: Vec<_> = case.first.iter().map(|n| Goal::Start(pod(*n))).collect();
    let mended = life.mend(&first).and_then(|()| again(&life, case));
    mended.unwrap_or_else(|refusal| panic!("{what}: {refusal:?}"));
    life.equal_but(case.joined, &lost, &what);
    if strike != Strike::Wipe {
        assert_eq!(life.contents(case.joined[0]), rows, "{what}");
    }
    for n in (0..PODS).filter(|n| Some(*n) != case.gone) {
        assert_eq!(life.property(n, "REPLICATION_DDL_ENABLE"), "0", "{what}: pod {n}");
        // A run that was killed beside a SYNC leaves 0 behind, in memory only; nobody knows the old value any more, and
        // every run of ours sets 0 for its SYNC anyway.
        let left = life.property(n, "REPLICATION_SYNC_LOCK_TIMEOUT");
        assert!(["30", "0"].contains(&left.as_str()), "{what}: pod {n}: {left}");
    }
    report
}

/// `AKU_CASE=name` plays one case; `AKU_MATRIX=all` strikes at every statement; otherwise every sixth, each time beginning at another one.
fn chosen<T>(all: Vec<T>, from: usize) -> Vec<T> {
    if std::env::var("AKU_MATRIX").is_ok_and(|v| v == "all") {
        return all;
    }
    all.into_iter().enumerate().filter(|(i, _)| i % 6 == from % 6).map(|(_, t)| t).collect()
}

/// Strikes every case at the chosen statements, and names every strike after which something was wrong.
fn strike_all(strikes: &[Strike], from: impl Fn(usize) -> usize, check: impl Fn(&Case, &At, Strike, &Report)) {
    let (mut played, mut wrong) = (0, Vec::new());
    for case in cases() {
        let (seen, rows) = undisturbed(&case);
        for (i, kind) in strikes.iter().enumerate() {
            for at in chosen(seen.clone(), from(i)) {
                played += 1;
                let one = || check(&case, &at, *kind, &strike(&case, &at, *kind, &rows));
                if catch_unwind(AssertUnwindSafe(one)).is_err() {
                    wrong.push(format!("{}: {kind:?} at {} `{}` on pod {}", case.name, at.0.0, at.2, at.1));
                }
            }
        }
    }
    assert!(played > 0, "nothing was struck");
    assert!(wrong.is_empty(), "{} of {played}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_program_dies_at_every_point() {
    let points = [
        Strike::DieBeforeIntent,
        Strike::DieBeforeSend,
        Strike::DieBeforeReply,
        Strike::DieBeforeOutcome,
        Strike::DieAfterOutcome,
    ];
    strike_all(&points, |i| i, |_, _, _, _| {});
}

#[test]
fn a_server_dies_at_every_point() {
    let strikes: Vec<_> = (0..usize::from(PODS)).flat_map(|n| [Strike::KillBefore(n), Strike::KillAfter(n)]).collect();
    strike_all(&strikes, |i| i / 2 + i % 2, |_, _, _, _| {});
}

#[test]
fn every_statement_meets_every_fault() {
    let faults = [
        Strike::Refuse("HYT00", 4164),
        Strike::LoseBefore,
        Strike::LoseAfter,
        Strike::Refuse("HYT00", 69_749),
        Strike::Refuse("42000", 200_705),
        Strike::Wipe,
        Strike::Slow(PATIENT),
        Strike::Slow(IMPATIENT),
    ];
    strike_all(
        &faults,
        |i| i,
        |case, at, fault, report| match fault {
            // A slow server is no broken one, until the statement is given up.
            Strike::Slow(PATIENT) => assert!(report.complete(), "{}: {at:?} {:#?}", case.name, report.outcomes),
            // Permanent: the action fails with it and is not tried again.
            Strike::Refuse(_, 200_705) => assert!(!report.complete(), "{}: {at:?} went through", case.name),
            _ => {}
        },
    );
}

/// Each action is followed by itself.
fn doubled(plan: &Plan) -> Plan {
    let twin = |id: ActionId| ActionId(id.0 + 1000);
    let later = |id: ActionId| After::one(twin(id), "twice");
    let mut actions = Vec::new();
    for action in &plan.actions {
        let mut first = action.clone();
        first.after = action.waits().map(later).collect();
        let mut second = action.clone();
        second.id = twin(action.id);
        second.after = vec![After::one(action.id, "twice")];
        if let RunWhen::Undo { until, .. } = &mut first.run {
            *until = Milestone::of(until.actions().iter().map(|u| twin(*u)));
        }
        let undone = matches!(second.run, RunWhen::Undo { .. });
        actions.push(first);
        if !undone {
            actions.push(second);
        }
    }
    // What follows an undo follows the undo itself.
    let ids: Vec<ActionId> = actions.iter().map(|a| a.id).collect();
    for action in &mut actions {
        for after in &mut action.after {
            if let Before::Action(id) = &mut after.before
                && !ids.contains(id)
            {
                *id = ActionId(id.0 - 1000);
            }
        }
    }
    Plan { actions, ..plan.clone() }
}

#[test]
fn each_action_twice_is_each_action_once() {
    for case in cases() {
        let (_, rows) = undisturbed(&case);
        let life = (case.life)();
        life.cluster.begin(None);
        let plan = doubled(&life.plan(case.goal));
        let report = life.run(&plan);
        let bad: BTreeMap<_, _> = report
            .outcomes
            .iter()
            .filter(|(_, o)| matches!(o, super::Outcome::Failed(_) | super::Outcome::Unknown(_)))
            .collect();
        // A SYNC that is sent again finds a side that is not reset, a pin an older position: refused, nothing harmed.
        let fine =
            |o: &super::Outcome| matches!(o, super::Outcome::Failed(e) if ["E112", "E117", "E123"].contains(&e.code));
        assert!(bad.values().all(|o| fine(o)), "{}: {bad:#?}", case.name);
        life.revive(case.gone);
        again(&life, &case).unwrap_or_else(|r| panic!("{}: {r:#?}", case.name));
        life.equal(case.joined, case.name);
        assert_eq!(life.contents(case.joined[0]), rows, "{}", case.name);
    }
}

#[test]
fn a_dead_program_holds_nothing() {
    let life = Life::started(1);
    life.cluster.begin(None);
    let session = LabConnector(Arc::clone(&life.cluster)).connect(pod(0), &login()).unwrap();
    life.cluster.die();
    assert!(LabConnector(Arc::clone(&life.cluster)).connect(pod(0), &login()).is_err());
    drop(session);
    life.cluster.begin(None);
    assert!(LabConnector(Arc::clone(&life.cluster)).connect(pod(0), &login()).is_ok());
}
