//! Reviewed plans that a failure or a kill left half done: `aku apply FILE --resume` does the rest, or refuses and says
//! what goes on instead. In the end the rows are equal and nothing is left to do, whatever happened.

#![allow(clippy::unwrap_used)] // Helpers of tests panic where a test would.

mod life;

use aku::lab::fault::Fault;
use life::{Dice, Run, Stage, TABLES, cases, fill, pod, started};

// Nobody knows the row of pod 2, so it needs its own yes.
const YES: &str = "--yes --approve deletes-rows=altibase-sts/2 --approve loses-unsent=altibase-sts/2";

fn refuse(stage: &Stage, on: u8, matching: &str, times: u32) {
    let (sqlstate, native) = ("HY000".to_owned(), 1);
    let message = "this test says no".to_owned();
    let fault = Fault::Answer { matching: matching.to_owned(), sqlstate, native, message, times };
    stage.lab.fault(pod(on), None, fault).unwrap();
}

/// Pods 0 and 1 in service, pod 2 with rows of its own and a saved plan of its start.
fn planned() -> std::sync::Arc<Stage> {
    let stage = started(2, 3);
    fill(&stage, 0, 40);
    stage.flush(&[0, 1]);
    stage.sql(2, "INSERT INTO SYS.T1 VALUES (900, 'of nobody', 0)");
    stage.ok(2, "plan start -o plan.json");
    stage
}

fn apply(stage: &Stage, flags: &str) -> Run {
    stage.aku(2, &format!("apply plan.json {flags} {YES}"))
}

fn is(run: &Run, code: i32, words: &[&str]) {
    assert_eq!(run.code, Some(code), "{}{}", run.out, run.err);
    for word in words {
        assert!(run.out.contains(word) || run.err.contains(word), "no {word:?} in\n{}{}", run.out, run.err);
    }
}

fn whole(stage: &Stage) {
    stage.equal(&[0, 1, 2]);
    assert!(!stage.table(2, TABLES[0]).contains_key(&900));
    stage.ok(2, "plan start --exit-code");
    let ddl = stage.select(2, "SELECT VALUE1 FROM V$PROPERTY WHERE NAME = 'REPLICATION_DDL_ENABLE'");
    assert_eq!(ddl, [[aku::db::wire::Cell::Text("0".to_owned())]]);
}

#[test]
fn a_plan_whose_copy_failed_goes_on_from_its_pins() {
    let stage = planned();
    is(&apply(&stage, "--resume"), 66, &["no run of this machine has begun this plan"]);
    refuse(&stage, 0, "SYNC PARALLEL", 1);
    is(&apply(&stage, ""), 4, &["aku apply plan.json --resume"]);
    // Not from the beginning, and not by another plan.
    is(&apply(&stage, ""), 5, &["half done", "aku apply plan.json --resume    (does the rest)"]);
    stage.ok(2, "plan start -o other.json");
    is(&stage.aku(2, &format!("apply other.json --resume {YES}")), 66, &["no run of this machine has begun"]);
    let text = std::fs::read_to_string(stage.dir().join("plan.json")).unwrap();
    std::fs::write(stage.dir().join("edited.json"), text.replacen("AKU_REP_02", "AKU_REP_03", 1)).unwrap();
    is(&stage.aku(2, &format!("apply edited.json --resume {YES}")), 65, &["edited"]);
    // Approval is asked for again: it is another run.
    is(&stage.aku(2, "apply plan.json --resume --yes"), 3, &["deletes-rows=altibase-sts/2"]);
    is(&apply(&stage, "--resume"), 0, &["Goes on after run", "Apply complete"]);
    whole(&stage);
    let again = apply(&stage, "--resume");
    assert!(matches!(again.code, Some(0 | 5)), "{}{}", again.out, again.err);
}

#[test]
fn what_is_copied_is_not_copied_again() {
    let stage = planned();
    refuse(&stage, 2, "AKU_REP_12 START", 1);
    is(&apply(&stage, ""), 4, &["aku apply plan.json --resume"]);
    // Whoever emptied or copied anything now would be told.
    refuse(&stage, 2, "TRUNCATE", 1);
    refuse(&stage, 0, "SYNC PARALLEL", 1);
    stage.sql(0, "INSERT INTO SYS.T1 VALUES (901, 'meanwhile', 0)");
    is(&apply(&stage, "--resume"), 0, &["Apply complete"]);
    assert_eq!((stage.lab.faults(pod(2)).unwrap().len(), stage.lab.faults(pod(0)).unwrap().len()), (1, 1));
    stage.lab.clear_all(pod(2)).unwrap();
    stage.lab.clear_all(pod(0)).unwrap();
    whole(&stage);
}

#[test]
fn a_copy_that_cannot_be_proved_any_more_opens_no_pod() {
    let stage = planned();
    // It sends to nobody yet: pod 0 comes last.
    refuse(&stage, 2, "AKU_REP_12 START", 1);
    is(&apply(&stage, ""), 4, &[]);
    // As if another run, somewhere else, had copied anew and was killed in the middle.
    stage.sql(2, "DELETE FROM SYS.T1 WHERE I1 < 20");
    is(&apply(&stage, "--resume"), 4, &["check rows equal", "CLOSED to users"]);
    stage.ok(2, &format!("apply start {YES}"));
    whole(&stage);
    assert_eq!(stage.table(2, TABLES[0]).len(), 40);
}

#[test]
fn another_run_on_the_pod_ends_a_half_applied_plan() {
    let stage = planned();
    refuse(&stage, 2, "AKU_REP_12 START", 2);
    is(&apply(&stage, ""), 4, &[]);
    assert_ne!(stage.aku(2, &format!("apply start {YES}")).code, Some(0));
    is(&apply(&stage, "--resume"), 5, &["has worked on pod 2 since this plan was left half done"]);
    stage.ok(2, &format!("apply start {YES}"));
    whole(&stage);
}

#[test]
fn what_somebody_else_did_meanwhile_bars_the_rest() {
    let stage = planned();
    refuse(&stage, 2, "AKU_REP_12 START", 1);
    is(&apply(&stage, ""), 4, &[]);
    // The stream that brings what pod 1 wrote meanwhile is gone: going on would lose that.
    stage.sql(1, "INSERT INTO SYS.T1 VALUES (901, 'meanwhile', 0)");
    stage.sql(1, "ALTER REPLICATION AKU_REP_12 STOP");
    stage.sql(1, "ALTER REPLICATION AKU_REP_12 RESET");
    let rows = stage.table(2, TABLES[0]);
    is(
        &apply(&stage, "--resume"),
        5,
        &[
            "the rest of this plan does not hold any more",
            "pod 1 AKU_REP_12 side",
            "aku plan start --ordinal 2 -o plan.json",
        ],
    );
    assert_eq!(stage.table(2, TABLES[0]), rows);
    // Pod 2 had a place towards nobody who heard of it, and the planner says so.
    stage.ok(2, &format!("apply start {YES}"));
    whole(&stage);
    assert!(stage.table(2, TABLES[0]).contains_key(&901));
}

#[test]
fn after_a_kill_the_rest_is_done_or_refused_with_the_way_on() {
    let mut dice = Dice::new("after_a_kill_the_rest_is_done_or_refused_with_the_way_on");
    let stage = planned();
    let mut resumed = 0;
    for _ in 0..cases(3) {
        let lines = 6 + usize::try_from(dice.below(55)).unwrap();
        let killed = stage.killed_after(2, &format!("apply plan.json {YES} --events -"), lines);
        println!("killed after {lines} events: {killed:?}");
        let run = apply(&stage, "--resume");
        match run.code {
            Some(0) => resumed += 1,
            // Nothing was begun, or a copy broke off in the middle: the message says what to type.
            Some(66) => is(&run, 66, &["aku apply plan.json"]),
            Some(5) => is(&run, 5, &["aku plan start --ordinal 2"]),
            other => panic!("{other:?}\n{}{}", run.out, run.err),
        }
        if run.code != Some(0) {
            stage.ok(2, &format!("apply start {YES}"));
        }
        whole(&stage);
        stage.wipe(2);
        stage.sql(2, "INSERT INTO SYS.T1 VALUES (900, 'of nobody', 0)");
        stage.ok(2, "plan start -o plan.json");
    }
    println!("{resumed} went on");
}
