//! TRUNCATE under the last-copy rule, and the proofs about rows.

use super::*;
use crate::{apply::testing::Then, db::setting::Setting, plan::RowsAtStake};

fn truncate() -> Op {
    Op::Truncate { target: target("T1"), source: pod(0) }
}

/// Pod 1 holds rows that are to go.
fn stage() -> Stage {
    let stage = Stage::new(2);
    stage.cluster.world().pod(1).rows.insert(target("T1"), 4);
    stage
}

#[test]
fn truncate_looks_at_the_source_first() {
    let stage = stage();
    assert_eq!(stage.word(truncate()), "done: 4 rows deleted, 10 on pod 0");
    assert_eq!(stage.word(truncate()), "already");
    assert_eq!(stage.changes(), ["1 TRUNCATE TABLE SYS.T1"]);
}

#[test]
fn an_unfit_source_stops_the_truncate() {
    type Spoil = fn(&mut ScriptedPods);
    let spoil: [(&str, Spoil); 4] = [
        ("failed E140", |world| {
            world.pod(0).properties.insert("ADMIN_MODE", 1);
        }),
        ("failed E140", |world| {
            world.pod(0).properties.remove("ADMIN_MODE");
        }),
        ("failed E140", |world| {
            world.pod(0).rows.remove(&target("T1"));
        }),
        ("failed E101", |world| {
            world.pods.remove(&pod(0));
        }),
    ];
    for (want, spoil) in spoil {
        let stage = stage();
        spoil(&mut stage.cluster.world());
        let run = stage.run(vec![act(1, 1, truncate(), &[])]);
        assert_eq!(run.word(1), want);
        let Outcome::Failed(error) = &run.report.outcomes[&ActionId(1)] else { unreachable!() };
        assert_eq!(error.pod, pod(0));
        assert_eq!(stage.changes(), Vec::<String>::new());
    }
}

#[test]
fn a_source_that_lost_its_rows_since_the_plan_stops_the_truncate() {
    let stage = stage();
    stage.cluster.world().pod(0).rows.insert(target("T1"), 0);
    let rows = |source: u64| vec![RowsAtStake { target: target("T1"), joiner: 4.into(), source: source.into() }];
    let full = |source| {
        let decision = Decision::Full { source: pod(0), because: Vec::new(), rows: rows(source), unsent: Vec::new() };
        Plan { decision, ..plan(vec![act(1, 1, truncate(), &[])]) }
    };
    assert_eq!(stage.run_plan(&full(10), |_| {}).word(1), "failed E145");
    assert_eq!(stage.changes(), Vec::<String>::new());
    // Empty when planned: the plan was approved as such.
    assert_eq!(stage.run_plan(&full(0), |_| {}).word(1), "done: 4 rows deleted, 0 on pod 0");
}

#[test]
fn truncate_of_a_locked_table_is_tried_again() {
    let stage = stage();
    stage.cluster.rule(1, "TRUNCATE", Then::Refuse(69_749));
    assert_eq!(stage.word(truncate()), "done: 4 rows deleted, 10 on pod 0");
    stage.cluster.world().pod(1).rows.insert(target("T1"), 4);
    stage.cluster.world().pod(1).properties.insert("REPLICATION_DDL_ENABLE", 0);
    assert_eq!(stage.word(truncate()), "failed E142");
}

#[test]
fn the_source_is_looked_at_again_before_every_attempt() {
    let stage = stage();
    stage.cluster.rule(1, "TRUNCATE", Then::LoseBefore);
    stage.cluster.rule_after(
        1,
        0,
        "SELECT VALUE1",
        Then::First(Box::new(|world| {
            world.pod(0).properties.insert("ADMIN_MODE", 1);
        })),
    );
    // The doubt about the first attempt is gone only when the pod itself was looked at again.
    assert_eq!(stage.word(truncate()), "unknown E105");
    assert_eq!(stage.cluster.world().pod(1).rows[&target("T1")], 4);
}

#[test]
fn a_truncate_whose_answer_was_lost_is_seen_to_be_done() {
    let stage = stage();
    stage.cluster.rule(1, "TRUNCATE", Then::LoseAfter);
    assert_eq!(stage.word(truncate()), "done: the answer was lost; the pod shows that it was done");
    assert_eq!(stage.changes().len(), 1);
}

#[test]
fn empty_means_every_target() {
    let check = || Op::CheckEmpty { targets: targets() };
    let stage = stage();
    let run = stage.run(vec![act(1, 1, check(), &[])]);
    assert_eq!((run.word(1).as_str(), run.meaning(1).ends_with("SYS.T1 holds 4 rows")), ("failed E143", true));
    stage.cluster.world().pod(1).rows.insert(target("T1"), 0);
    assert_eq!(stage.word(check()), "done");
    stage.cluster.world().pod(1).rows.remove(&target("T2"));
    assert_eq!(stage.word(check()), "failed E108");
}

fn contents(stage: &Stage) -> Run {
    compared(stage, Code::ProveContents)
}

/// Why rows are compared tells a copy from a return.
fn compared(stage: &Stage, because: Code) -> Run {
    {
        let mut world = stage.cluster.world();
        let object = world.object(0, "R_01");
        (object.sender, object.is_started, object.xsn) = (true, true, 50);
    }
    let op = Op::CheckContents {
        source: pod(0),
        names: vec![name("R_01")],
        targets: targets(),
        wait_s: 10,
        depth: Depth::Counts,
    };
    let why = Reason::new(because, "a test");
    stage.run(vec![Action { because: why, ..act(1, 1, op, &[]) }])
}

/// Sets the rows of T1 on a pod at its nth count.
fn at_count(stage: &Stage, nth: u32, on: u8, rows: u64) {
    let change = move |world: &mut ScriptedPods| {
        world.pod(on).rows.insert(target("T1"), rows);
    };
    stage.cluster.rule_after(nth, on, "SELECT 0 AS N", Then::First(Box::new(change)));
}

fn copied(t1: u64) -> Stage {
    let stage = Stage::new(2);
    stage.cluster.world().pod(1).rows.extend([(target("T1"), t1), (target("T2"), 10)]);
    stage
}

#[test]
fn equal_contents_are_proved_at_once() {
    let stage = copied(10);
    assert_eq!(contents(&stage).word(1), "done: 20 rows in 2 targets");
    assert_eq!(stage.changes(), ["0 R_01 FLUSH WAIT 10"]);
}

#[test]
fn the_joiner_may_lie_between_two_counts_of_a_moving_source() {
    let stage = copied(12);
    at_count(&stage, 1, 0, 13);
    assert_eq!(contents(&stage).word(1), "done: 22 rows in 2 targets");
}

#[test]
fn a_joiner_that_catches_up_is_proved_at_the_second_try() {
    let stage = copied(9);
    at_count(&stage, 1, 1, 10);
    assert_eq!(contents(&stage).word(1), "done: 20 rows in 2 targets");
    assert_eq!(stage.changes().len(), 2);
}

#[test]
fn a_shortfall_while_nothing_changes_is_a_failure() {
    for rows in [9, 11] {
        let stage = copied(rows);
        let run = contents(&stage);
        assert_eq!(run.word(1), "failed E144");
        let want = format!("SYS.T1 has 10 rows on pod 0 and {rows} on pod 1");
        assert!(run.meaning(1).ends_with(&want), "{}", run.meaning(1));
        assert_eq!(stage.changes().len(), 3);
        // A pod that comes back was not copied, and a new copy is for a person to decide.
        assert_eq!(compared(&copied(rows), Code::CompareFirst).word(1), "failed E148");
    }
}

#[test]
fn a_shortfall_under_load_is_not_proved() {
    let stage = copied(9);
    at_count(&stage, 3, 0, 14);
    assert_eq!(contents(&stage).word(1), "done: 19 rows in 2 targets; SYS.T1 not proved under load, run aku verify");
}

#[test]
fn contents_are_not_compared_without_a_flush() {
    let stage = copied(10);
    stage.cluster.world().pod(0).gaps.insert(name("R_01"), 5);
    let run = contents(&stage);
    assert_eq!(run.word(1), "failed E131");
    let Outcome::Failed(error) = &run.report.outcomes[&ActionId(1)] else { unreachable!() };
    assert_eq!(error.pod, pod(0));
}

/// TRUNCATE of both targets, a copy by hand, and the check: the run knows what the source held before.
fn after_truncate(t1: u64, change: impl FnOnce(&Stage)) -> (Run, Vec<String>) {
    let stage = stage();
    stage.cluster.world().pod(1).rows.insert(target("T2"), 1);
    {
        let mut world = stage.cluster.world();
        let object = world.object(0, "R_01");
        (object.sender, object.is_started, object.xsn) = (true, true, 50);
        world.pod(1).properties.insert("REPLICATION_DDL_ENABLE", 1);
    }
    let fill = move |world: &mut ScriptedPods| world.pod(1).rows.extend([(target("T1"), t1), (target("T2"), 10)]);
    stage.cluster.rule(1, "ALTER SYSTEM SET REPLICATION_DDL_ENABLE = 0", Then::First(Box::new(fill)));
    change(&stage);
    let empty = |id, t, after: &[u32]| act(id, 1, Op::Truncate { target: target(t), source: pod(0) }, after);
    let copy = Op::SetProperty { property: Setting::DdlEnable, from: 1, to: 0 };
    let op = Op::CheckContents {
        source: pod(0),
        names: vec![name("R_01")],
        targets: targets(),
        wait_s: 10,
        depth: Depth::Counts,
    };
    let run = stage.run(vec![empty(1, "T1", &[]), empty(2, "T2", &[1]), act(3, 1, copy, &[2]), act(4, 1, op, &[3])]);
    let flushes = stage.changes().into_iter().filter(|c| c.contains("FLUSH")).collect();
    (run, flushes)
}

#[test]
fn a_source_that_stood_still_since_before_the_copy_needs_no_flush() {
    let (run, flushes) = after_truncate(10, |_| {});
    assert_eq!((run.word(4).as_str(), flushes.len()), ("done: 20 rows in 2 targets", 0));
    // A shortfall there stays a failure, after FLUSH and further counts.
    let (run, flushes) = after_truncate(9, |_| {});
    assert_eq!((run.word(4).as_str(), flushes.len()), ("failed E144", 2));
}

#[test]
fn what_changed_since_before_the_copy_is_said_at_once_and_not_called_a_shortfall() {
    // Another pod's row came to the source during the copy; the joiner gets it from that pod. Nothing changes any more.
    let (run, flushes) = after_truncate(10, |stage| at_count(stage, 1, 0, 11));
    assert_eq!(
        (run.word(4).as_str(), flushes.len()),
        ("done: 20 rows in 2 targets; SYS.T1 not proved under load, run aku verify", 0)
    );
}
