//! The off-line replicator over real lab processes: a pod dies with rows that it never sent, its survivors read them from its
//! log, another pod's log is refused, and when the dead pod comes back every row is everywhere.
#![allow(clippy::unwrap_used)] // Helpers of tests panic where a test would.

mod life;

use std::{fs, path::Path, sync::Arc};

use aku::db::wire::Cell;
use life::{Run, Stage, TABLES, fill, pod, started};

/// Keys of the rows that were never sent.
const UNSENT: std::ops::Range<i64> = 10_000..11_000;
/// Key of a row that was never committed.
const OPEN: i64 = 99_999;

/// Three pods in service; pod 2 dies with a thousand committed rows that it never sent, and one that was not committed.
fn dead() -> Arc<Stage> {
    let stage = started(3, 3);
    fill(&stage, 0, 30);
    stage.equal(&[0, 1, 2]);
    for name in ["AKU_REP_02", "AKU_REP_12"] {
        stage.sql(2, &format!("ALTER REPLICATION {name} STOP"));
    }
    let mut client = stage.client(2);
    client.execute("ALTER SESSION SET AUTOCOMMIT = FALSE").unwrap();
    for key in UNSENT {
        client.execute(&format!("INSERT INTO {} VALUES ({key}, 'unsent', {key})", TABLES[0])).unwrap();
    }
    client.execute("COMMIT").unwrap();
    client.execute(&format!("INSERT INTO {} VALUES ({OPEN}, 'open', 0)", TABLES[0])).unwrap();
    let alive = stage.aku(0, &recover_log("plan", &stage.lab.dir().join("pod-2")));
    assert_eq!((alive.code, alive.err.contains("X212")), (Some(3), true), "{}", alive.err);
    stage.lab.kill(pod(2)).unwrap();
    stage
}

fn recover_log(verb: &str, dir: &Path) -> String {
    format!("{verb} recover-log 2 --log-path {}", dir.display())
}

/// The files of a pod's directory under a name that tells nothing.
fn copied(stage: &Stage, of: u8, name: &str) -> std::path::PathBuf {
    let to = stage.dir().join(name);
    fs::create_dir(&to).unwrap();
    for entry in fs::read_dir(stage.lab.dir().join(format!("pod-{of}"))).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().starts_with("data.db") {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
    to
}

fn unsent_on(stage: &Stage, on: u8) -> usize {
    let rows = stage.table(on, TABLES[0]);
    assert!(!rows.contains_key(&OPEN), "what was not committed does not come");
    UNSENT.filter(|key| rows.contains_key(key)).count()
}

/// OPTIONS and IS_STARTED of what a survivor holds towards pod 2.
fn towards_the_dead(stage: &Stage, on: u8) -> Vec<Cell> {
    let sql =
        format!("SELECT OPTIONS, IS_STARTED FROM SYSTEM_.SYS_REPLICATIONS_ WHERE REPLICATION_NAME = 'AKU_REP_{on}2'");
    stage.select(on, &sql).remove(0)
}

fn refused(run: &Run, code: &str) {
    assert_eq!(run.code, Some(3), "{}{}", run.out, run.err);
    assert!(run.err.contains(code), "{code}\n{}", run.err);
}

#[test]
fn what_a_dead_pod_had_not_sent_is_read_from_its_log() {
    let stage = dead();
    let own = stage.lab.dir().join("pod-2");
    // Another pod's, by its name, by its LOG_DIR, and by what is written in it.
    refused(&stage.aku(0, &recover_log("plan", &stage.lab.dir().join("pod-1"))), "X224");
    refused(&stage.aku(0, &recover_log("apply", &copied(&stage, 1, "somebodys"))), "X224");
    refused(&stage.aku(0, &format!("{} --yes", recover_log("apply", &stage.dir().join("nowhere")))), "unproved-logs");
    for on in [0, 1] {
        assert_eq!((unsent_on(&stage, on), towards_the_dead(&stage, on)), (0, vec![Cell::Int(0), Cell::Int(1)]));
    }

    // What is nowhere is told by the server only, and leaves everything as it was.
    let yes = "--yes --approve unproved-logs=altibase-sts/0 --approve unproved-logs=altibase-sts/1";
    let nowhere = stage.aku(0, &format!("{} {yes}", recover_log("apply", &stage.dir().join("nowhere"))));
    assert_eq!(nowhere.code, Some(4), "{}{}", nowhere.out, nowhere.err);
    assert!(nowhere.err.contains("E181") && nowhere.err.contains("397391"), "{}", nowhere.err);
    for on in [0, 1] {
        assert_eq!(towards_the_dead(&stage, on), [Cell::Int(0), Cell::Int(1)]);
    }

    // A copy will do: the log itself says whose it is. Saved, and applied from the file.
    let copy = copied(&stage, 2, "kept");
    stage.ok(0, &format!("{} -o saved.json", recover_log("plan", &copy)));
    stage.ok(0, &format!("apply saved.json {yes}"));
    for on in [0, 1] {
        assert_eq!((unsent_on(&stage, on), towards_the_dead(&stage, on)), (1_000, vec![Cell::Int(0), Cell::Int(1)]));
    }
    // Again is harmless; the short form, and each pod's directory by its name.
    stage.ok(1, &format!("recover-log 2 {yes} --log-path 0={} --log-path 1={}", own.display(), copy.display()));
    for on in [0, 1] {
        assert_eq!(unsent_on(&stage, on), 1_000);
    }
    let drift = stage.aku(0, "drift");
    assert!(!drift.out.contains("OPTIONS"), "{}", drift.out);

    stage.restart(2);
    stage.ok(2, "-p start");
    stage.equal(&[0, 1, 2]);
    assert_eq!(unsent_on(&stage, 2), 1_000);
    for on in [0, 1] {
        let sql = format!("SELECT INSERT_FAILURE_COUNT FROM V$REPRECEIVER WHERE REP_NAME = 'AKU_REP_{on}2'");
        assert_eq!(stage.select(on, &sql), [[Cell::Int(0)]], "pod {on} skips what was delivered");
    }
}

#[test]
fn a_survivor_that_was_restarted_says_so_and_the_other_reads() {
    let stage = dead();
    stage.restart(1);
    let yes = "--yes --approve unproved-logs=altibase-sts/0 --approve unproved-logs=altibase-sts/1";
    let run = stage.aku(0, &format!("{} {yes}", recover_log("apply", &stage.lab.dir().join("pod-2"))));
    assert_eq!(run.code, Some(4), "{}{}", run.out, run.err);
    assert!(run.err.contains("E180") && run.err.contains("397506"), "{}", run.err);
    assert_eq!(unsent_on(&stage, 0), 1_000);
    assert_eq!(towards_the_dead(&stage, 1), [Cell::Int(0), Cell::Int(1)]);
    // As a run that was killed leaves it, drift finds it and a reconcile takes it off, although pod 2 is not there.
    for what in ["STOP", "SET OFFLINE ENABLE WITH '/gone'"] {
        stage.sql(0, &format!("ALTER REPLICATION AKU_REP_02 {what}"));
    }
    let drift = stage.aku(0, "drift");
    assert!(drift.out.contains("OPTIONS is 2"), "{}{}", drift.out, drift.err);
    stage.aku(0, "apply reconcile --yes");
    assert_eq!(towards_the_dead(&stage, 0), [Cell::Int(0), Cell::Int(1)]);
}
