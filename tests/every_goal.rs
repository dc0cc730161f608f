//! `kill -9` of the program in the middle of every goal's plan, on a lab: asked again, it converges to equal rows.
//! `AKU_CASES` asks for more kills of each, `AKU_SEED` repeats a run. Starts of new pods, ends and cleans under writers are
//! in `lifecycle` and `engine`.
#![allow(clippy::unwrap_used)] // Helpers of tests panic where a test would.

mod life;

use std::fmt::Write as _;

use aku::lab::process::wait_until;
use life::{Dice, PATIENCE, Stage, TABLES, cases, pod};

/// All three in service, with rows that are everywhere.
fn whole() -> Stage {
    let stage = Stage::new(3);
    for n in 0..3 {
        stage.ok(n, "-p start");
    }
    let mut client = stage.client(0);
    for (n, table) in TABLES.iter().enumerate() {
        for key in 0..24 >> n {
            client.execute(&format!("INSERT INTO {table} VALUES ({key}, 'old', {key})")).unwrap();
        }
    }
    drop(client);
    stage.flush(&[0, 1, 2]);
    stage
}

fn restarted() -> Stage {
    let stage = whole();
    stage.lab.kill(pod(2)).unwrap();
    stage.sql(1, "INSERT INTO SYS.T1 VALUES (500, 'meanwhile', 0)");
    stage.restart(2);
    stage
}

fn alter(stage: &Stage, on: u8, name: &str, what: &str) {
    stage.sql(on, &format!("ALTER REPLICATION {name} {what}"));
}

/// Pod 2 has a row that pod 0 never got, and pod 1 has forgotten pod 2 meanwhile.
fn unsent() -> Stage {
    let stage = whole();
    alter(&stage, 2, "AKU_REP_02", "STOP");
    stage.sql(2, "INSERT INTO SYS.T1 VALUES (600, 'unsent', 0)");
    assert!(wait_until(PATIENCE, || stage.table(1, TABLES[0]).contains_key(&600)));
    for what in ["STOP", "RESET"] {
        for on in [1, 2] {
            alter(&stage, on, "AKU_REP_12", what);
        }
    }
    stage.restart(2);
    assert!(!stage.table(0, TABLES[0]).contains_key(&600), "it was sent after all");
    stage
}

/// Somebody took an empty table out of every object; an address too many; a sender down.
fn astray() -> Stage {
    let stage = whole();
    let pairs = [("AKU_REP_01", 0, 1), ("AKU_REP_02", 0, 2), ("AKU_REP_12", 1, 2)];
    for (name, a, b) in pairs {
        for on in [a, b] {
            alter(&stage, on, name, "STOP");
        }
    }
    for (name, a, b) in pairs {
        for on in [a, b] {
            alter(&stage, on, name, "DROP TABLE FROM SYS.T3 TO SYS.T3");
        }
    }
    for on in [0, 1, 2] {
        stage.sql(on, "DELETE FROM SYS.T3");
    }
    alter(&stage, 1, "AKU_REP_12", "ADD HOST '10.99.0.1', 20301");
    for (name, a, b) in pairs {
        alter(&stage, a, name, "START");
        if b != 2 {
            alter(&stage, b, name, "START");
        }
    }
    stage.sql(1, "INSERT INTO SYS.T1 VALUES (700, 'of pod 1', 0)");
    stage
}

fn lost_master() -> Stage {
    let stage = whole();
    stage.sql(2, "INSERT INTO SYS.T1 VALUES (800, 'of pod 2', 0)");
    stage.flush(&[0, 1, 2]);
    stage.wipe(0);
    stage.sql(1, "INSERT INTO SYS.T1 VALUES (801, 'meanwhile', 0)");
    stage
}

fn abandoned() -> Stage {
    let stage = whole();
    stage.lab.kill(pod(2)).unwrap();
    stage.sql(1, "INSERT INTO SYS.T1 VALUES (900, 'of pod 1', 0)");
    stage
}

/// A goal, the cluster it is asked for in, and what must be there in the end.
struct Case {
    /// On this pod.
    on: u8,
    goal: &'static str,
    stage: fn() -> Stage,
    /// Pods that start afterwards.
    then: &'static [u8],
    joined: &'static [u8],
    /// A row that the goal had to bring everywhere.
    key: Option<i64>,
}

const CASES: [Case; 6] = [
    Case { on: 2, goal: "start", stage: restarted, then: &[], joined: &[0, 1, 2], key: Some(500) },
    Case { on: 2, goal: "start", stage: unsent, then: &[], joined: &[0, 1, 2], key: Some(600) },
    Case { on: 0, goal: "reconcile", stage: astray, then: &[0, 1, 2], joined: &[0, 1, 2], key: Some(700) },
    Case { on: 0, goal: "recover --from 1", stage: lost_master, then: &[0, 1, 2], joined: &[0, 1, 2], key: Some(801) },
    Case { on: 0, goal: "forget 2", stage: abandoned, then: &[], joined: &[0, 1], key: Some(900) },
    Case { on: 1, goal: "clean --everywhere", stage: whole, then: &[], joined: &[], key: None },
];

/// The flags that say yes to what a plan loses; nothing where there is no plan.
fn approvals(stage: &Stage, on: u8, goal: &str) -> String {
    let run = stage.aku(on, &format!("plan {goal} --format json"));
    let plan: serde_json::Value = serde_json::from_str(&run.out).unwrap_or_default();
    let text = |v: &serde_json::Value, key: &str| v[key].as_str().unwrap_or_default().to_owned();
    let all = plan.pointer("/plan/approvals").and_then(|v| v.as_array().cloned()).unwrap_or_default();
    let flags: Vec<_> = all.iter().map(|a| format!(" --approve {}={}", text(a, "class"), text(a, "scope"))).collect();
    flags.concat()
}

fn apply(stage: &Stage, on: u8, goal: &str) -> String {
    format!("apply {goal} --yes{}", approvals(stage, on, goal))
}

/// As a person does it: the goal, and what has to follow, until nothing is left to do.
fn mend(stage: &Stage, case: &Case) {
    let mut told = String::new();
    for _ in 0..5 {
        let mut over = true;
        let starts = case.then.iter().map(|n| (*n, "start"));
        for (on, goal) in std::iter::once((case.on, case.goal)).chain(starts) {
            let run = stage.aku(on, &apply(stage, on, goal));
            // A recovery that has nothing to recover is refused by that.
            let sound = run.code == Some(3) && ["X202", "X213"].iter().any(|code| run.err.contains(code));
            over &= sound || (run.code == Some(0) && run.out.starts_with("Nothing to do"));
            let _ = write!(told, "--- pod {on}: {goal}: {:?}\n{}{}", run.code, run.out, run.err);
        }
        if over {
            return;
        }
    }
    panic!("it does not come to rest\n{told}");
}

#[test]
fn every_goal_killed_anywhere_converges() {
    let mut dice = Dice::new("every_goal");
    for case in &CASES {
        for _ in 0..cases(1) {
            let stage = (case.stage)();
            let args = apply(&stage, case.on, case.goal);
            // Whole plans have 30 to 150 events; most of the kills shall hit.
            let lines = 4 + usize::try_from(dice.below(56)).unwrap();
            let hit = stage.killed_after(case.on, &format!("{args} --events -"), lines).is_some();
            println!("{} on pod {}: killed after event {lines}: {hit}", case.goal, case.on);
            mend(&stage, case);
            if let Some(key) = case.key {
                stage.equal(case.joined);
                assert!(stage.table(case.joined[0], TABLES[0]).contains_key(&key), "{}: row {key} is lost", case.goal);
            } else {
                for on in 0..3 {
                    let objects = stage.select(on, "SELECT REPLICATION_NAME FROM SYSTEM_.SYS_REPLICATIONS_");
                    assert_eq!(objects.len(), 0, "{}: pod {on} {objects:?}", case.goal);
                    assert_eq!(stage.table(on, TABLES[0]).len(), 24, "{}: pod {on} lost rows", case.goal);
                }
            }
        }
    }
}

#[test]
fn a_goal_that_is_reached_is_left_alone() {
    for case in &CASES {
        let stage = (case.stage)();
        stage.ok(case.on, &apply(&stage, case.on, case.goal));
        mend(&stage, case);
        let state = |on: &u8| stage.state(*on);
        let before: Vec<_> = case.joined.iter().map(state).collect();
        mend(&stage, case);
        assert_eq!(case.joined.iter().map(state).collect::<Vec<_>>(), before, "{} changed something", case.goal);
    }
}
