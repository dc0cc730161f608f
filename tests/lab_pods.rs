//! Labs of real pods: this program's own processes, real sockets, real kills.
#![allow(clippy::unwrap_used)] // Helpers of tests panic where a test would.

use std::path::PathBuf;

use aku::{
    db::wire::{Cell, Response},
    lab::{
        Lab, LabOptions,
        fault::{Fault, Moment, Party},
        process::{Life, PodProgram, wait_until},
    },
    topology::{Ordinal, ServerCount},
};

const ZERO: Ordinal = Ordinal::MASTER;

fn one() -> Ordinal {
    Ordinal::new(1).unwrap()
}

/// A lab of two pods in service whose T1 is replicated both ways.
fn pair() -> (tempfile::TempDir, Lab) {
    let temp = tempfile::tempdir().unwrap();
    let program = PodProgram::aku(PathBuf::from(env!("CARGO_BIN_EXE_aku")));
    let mut options = LabOptions::new(temp.path().join("lab"), ServerCount::new(2).unwrap(), program);
    options.properties.insert("ADMIN_MODE".to_owned(), 0);
    let lab = Lab::up(options).unwrap();
    for (pod, peer) in [(ZERO, one()), (one(), ZERO)] {
        let (ip, port) = (lab.file().ip(peer), lab.file().replication_port());
        lab.sql(pod, &format!("CREATE REPLICATION R WITH '{ip}', {port} FROM SYS.T1 TO SYS.T1")).unwrap();
    }
    for pod in [ZERO, one()] {
        lab.sql(pod, "ALTER REPLICATION R START").unwrap();
    }
    (temp, lab)
}

fn insert(lab: &Lab, pod: Ordinal, key: i64) -> bool {
    lab.sql(pod, &format!("INSERT INTO SYS.T1 VALUES ({key}, 'from {pod}', 0)")).is_ok()
}

fn keys(lab: &Lab, pod: Ordinal) -> Vec<i64> {
    let Response::Rows { rows, .. } = lab.sql(pod, "SELECT I1 FROM SYS.T1 ORDER BY I1").unwrap() else { panic!() };
    let int = |c: Cell| if let Cell::Int(n) = c { n } else { panic!("{c:?}") };
    rows.into_iter().flatten().map(int).collect()
}

fn flush(lab: &Lab, pod: Ordinal) {
    lab.sql(pod, "ALTER REPLICATION R FLUSH ALL WAIT 30").unwrap();
}

#[test]
fn a_lab_of_two_groups_takes_two_replications_to_one_peer() {
    let temp = tempfile::tempdir().unwrap();
    let program = PodProgram::aku(PathBuf::from(env!("CARGO_BIN_EXE_aku")));
    let mut options = LabOptions::new(temp.path().join("lab"), ServerCount::new(2).unwrap(), program);
    options.properties.insert("ADMIN_MODE".to_owned(), 0);
    options.groups = 2;
    let lab = Lab::up(options).unwrap();
    let (ip, port) = (lab.file().ip(one()), lab.file().replication_port());
    for (name, table) in [("R", "T1"), ("Q", "T2")] {
        lab.sql(ZERO, &format!("CREATE REPLICATION {name} WITH '{ip}', {port} FROM SYS.{table} TO SYS.{table}"))
            .unwrap();
    }
}

#[test]
fn rows_survive_kills_and_cuts_and_arrive() {
    let (_temp, lab) = pair();
    assert!(insert(&lab, ZERO, 1) && insert(&lab, one(), 2));
    lab.kill(one()).unwrap();
    assert!(insert(&lab, ZERO, 3));
    lab.start(one()).unwrap();
    assert!(insert(&lab, one(), 4));
    let cut = lab.fault(one(), None, Fault::Cut { from: Party::Pod(ZERO) }).unwrap();
    assert!(insert(&lab, ZERO, 5));
    let timed_out = lab.sql(ZERO, "ALTER REPLICATION R FLUSH WAIT 1").unwrap_err();
    assert!(timed_out.to_string().contains("ERR-61075"), "{timed_out}");
    lab.clear(one(), &cut).unwrap();
    flush(&lab, ZERO);
    flush(&lab, one());
    assert_eq!(keys(&lab, ZERO), [1, 2, 3, 4, 5]);
    assert_eq!(keys(&lab, one()), [1, 2, 3, 4, 5]);
}

#[test]
fn an_acknowledged_row_outlives_any_kill() {
    let (_temp, lab) = pair();
    let mut acknowledged = Vec::new();
    for (round, moment) in [Moment::Before, Moment::After].into_iter().cycle().take(6).enumerate() {
        let nth = u32::try_from(round).unwrap() + 2;
        lab.fault(ZERO, None, Fault::Kill { moment, matching: "INSERT".to_owned(), nth, delay_millis: 0 }).unwrap();
        let first = i64::try_from(round).unwrap() * 100;
        acknowledged.extend((first..).take_while(|&key| insert(&lab, ZERO, key)));
        assert!(wait_until(std::time::Duration::from_secs(10), || lab.life(ZERO) == Life::Down));
        lab.start(ZERO).unwrap();
    }
    flush(&lab, ZERO);
    let kept = keys(&lab, ZERO);
    assert!(acknowledged.iter().all(|key| kept.contains(key)), "{acknowledged:?} but {kept:?}");
    // What was not acknowledged is there only where the kill came after the effect.
    assert_eq!(kept.len(), acknowledged.len() + 3);
    assert_eq!(keys(&lab, one()), kept);
}

#[test]
fn a_wiped_pod_is_another_database() {
    let (_temp, lab) = pair();
    assert!(insert(&lab, one(), 1));
    let signature = |lab: &Lab| lab.sql(one(), "SELECT DB_SIGNATURE FROM V$DATABASE").unwrap();
    let old = signature(&lab);
    lab.stop(one()).unwrap();
    lab.start(one()).unwrap();
    assert_eq!((signature(&lab), keys(&lab, one())), (old.clone(), vec![1]));
    lab.wipe(one()).unwrap();
    lab.start_with_tables(one()).unwrap();
    assert_ne!(signature(&lab), old);
    assert!(keys(&lab, one()).is_empty());
}

#[test]
fn a_full_disk_ends_the_pod_and_loses_nothing() {
    let (_temp, lab) = pair();
    assert!(insert(&lab, ZERO, 1));
    lab.fault(ZERO, None, Fault::DiskFull).unwrap();
    let mut acknowledged = vec![1];
    acknowledged.extend((2..5000).take_while(|&key| insert(&lab, ZERO, key)));
    assert!(wait_until(std::time::Duration::from_secs(10), || lab.life(ZERO) == Life::Down));
    lab.start(ZERO).unwrap();
    let kept = keys(&lab, ZERO);
    assert!(acknowledged.iter().all(|key| kept.contains(key)), "{} rows of {}", kept.len(), acknowledged.len());
}
