//! A join and an end where verbs take the time that they take on measured servers (`measured.md` 8 and 9.1).
#![allow(clippy::unwrap_used)] // Helpers of tests panic where a test would.

mod life;

use std::{sync::Arc, time::Instant};

use aku::{
    db::wire::{Cell, Response},
    lab::{pace::Pace, process::wait_until},
};
use life::{PATIENCE, Stage, Style, TABLES, Writer, fill, pod};

#[test]
fn a_pod_joins_and_ends_at_the_measured_pace_under_a_writer() {
    let stage = Arc::new(Stage::at_pace(2, Pace::Real));
    stage.ok(0, "-p start");
    fill(&stage, 0, 100);
    let writer = Writer::new(&stage, 0, TABLES[0], 100_000, Style::Autocommit);
    stage.ok(1, "-p start");
    let own = Writer::new(&stage, 1, TABLES[1], 200_000, Style::Autocommit);
    assert!(wait_until(PATIENCE, || stage.table(1, TABLES[1]).len() > 60));
    stage.ok(1, "-p end");
    let (written, thrown_out) = (writer.stop(), own.thrown_out());
    assert!(written.unknown.is_empty() && !written.acknowledged.is_empty(), "{:?}", written.unknown);
    assert!(!thrown_out.acknowledged.is_empty());
    assert_eq!(written.missing(&stage.table(0, TABLES[0])), [0_i64; 0]);
    assert_eq!(thrown_out.missing(&stage.table(0, TABLES[1])), [0_i64; 0]);
    let started = Instant::now();
    stage.sql(0, "CREATE REPLICATION X WITH '127.0.0.1', 1 FROM SYS.T3 TO SYS.T3");
    stage.sql(0, "ALTER REPLICATION X START RETRY");
    stage.sql(0, "ALTER REPLICATION X STOP");
    assert!(started.elapsed().as_millis() >= 970, "STOP takes its time, or this was no test of it");
}

/// What a restore of one pod's volume does, by the commands that make it (`measured.md` 9.2).
#[test]
fn a_volume_that_was_put_back_lost_rows_and_nobody_says_so() {
    let stage = life::started(2, 2);
    stage.sql(1, "INSERT INTO SYS.T1 VALUES (1, 'kept', 0)");
    stage.flush(&[0, 1]);
    stage.lab.snapshot(pod(1), "before").unwrap();
    stage.sql(1, "INSERT INTO SYS.T1 VALUES (2, 'lost', 0)");
    stage.sql(0, "INSERT INTO SYS.T1 VALUES (3, 'lost', 0)");
    stage.flush(&[0, 1]);
    let signature = |n| stage.select(n, "SELECT DB_SIGNATURE FROM V$DATABASE");
    let before = signature(1);
    stage.lab.restore(pod(1), "before").unwrap();
    assert!(stage.lab.restore(pod(1), "never").unwrap_err().to_string().contains("nothing is kept"));
    stage.lab.start(pod(1)).unwrap();
    let running = "SELECT COUNT(*) FROM V$REPSENDER WHERE STATUS = 1";
    assert!(wait_until(PATIENCE, || stage.select(1, running) == [[Cell::Int(1)]]));
    assert_eq!(stage.table(1, TABLES[0]).into_keys().collect::<Vec<_>>(), [1]);
    assert_eq!(signature(1), before);
    let done = stage.sql(1, "INSERT INTO SYS.T1 VALUES (4, 'dropped', 0)");
    assert!(matches!(done, Response::Done { .. }));
    stage.sql(1, "ALTER REPLICATION AKU_REP_01 FLUSH WAIT 10");
    assert_eq!(stage.table(0, TABLES[0]).into_keys().collect::<Vec<_>>(), [1, 2, 3]);

    stage.lab.clone_volume(pod(0), pod(1)).unwrap();
    stage.lab.start(pod(1)).unwrap();
    assert_eq!(signature(1), signature(0));
    assert_eq!(stage.table(1, TABLES[0]).into_keys().collect::<Vec<_>>(), [1, 2, 3]);
}
