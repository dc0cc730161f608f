//! A person at a terminal: signals in every phase of a run, and what the terminal looks like afterwards. After each, the
//! settings are back, the pins are gone, a fenced pod stays fenced, and the same command leads to equal rows.
#![allow(clippy::unwrap_used)] // Helpers of tests panic where a test would.

mod life;
mod tty;

use std::time::Duration;

use aku::{
    db::{client::Client, wire::Cell},
    lab::{
        fault::{Fault, Party, Silence},
        process::wait_until,
    },
};
use life::{PATIENCE, Stage, TABLES, as_sys, pod};
use rustix::process::Signal;
use tty::{INTERRUPT, Tty};

/// Pods 0 and 1 of 3 in service, with rows.
fn stage() -> Stage {
    let stage = Stage::new(3);
    stage.ok(0, "-p start");
    stage.ok(1, "-p start");
    let mut client = stage.client(0);
    for (n, table) in TABLES.iter().enumerate() {
        for key in 0..40 >> n {
            client.execute(&format!("INSERT INTO {table} VALUES ({key}, 'old', {key})")).unwrap();
        }
    }
    stage.flush(&[0, 1]);
    stage
}

/// All three in service.
fn whole() -> Stage {
    let stage = stage();
    stage.ok(2, "-p start");
    stage
}

fn property(stage: &Stage, on: u8, name: &str) -> String {
    match stage.select(on, &format!("SELECT VALUE1 FROM V$PROPERTY WHERE NAME = '{name}'")).concat().as_slice() {
        [Cell::Text(value)] => value.clone(),
        other => panic!("{name} on pod {on}: {other:?}"),
    }
}

/// Settings are back everywhere.
fn put_back(stage: &Stage) {
    for n in 0..3 {
        assert_eq!(property(stage, n, "REPLICATION_DDL_ENABLE"), "0", "pod {n}");
        assert_eq!(property(stage, n, "REPLICATION_SYNC_LOCK_TIMEOUT"), "30", "pod {n}");
    }
}

/// What keeps log for pod 2.
fn kept_for_joiner(stage: &Stage) -> usize {
    let live = "SELECT REPLICATION_NAME FROM SYSTEM_.SYS_REPLICATIONS_ WHERE XSN <> -1 AND REPLICATION_NAME LIKE '%2'";
    [0, 1].into_iter().map(|n| stage.select(n, live).len()).sum()
}

fn senders(client: &mut Client, name: &str) -> usize {
    match client.execute(&format!("SELECT REP_NAME FROM V$REPSENDER WHERE REP_NAME = '{name}'")) {
        Ok(aku::db::wire::Response::Rows { rows, .. }) => rows.len(),
        _ => 0,
    }
}

fn is_closed(stage: &Stage, on: u8) -> bool {
    let (host, port) = stage.lab.address(pod(on));
    Client::connect(&host, port, &as_sys()).is_err_and(|e| e.native == 266_350)
}

/// The same command again, and the rows are equal.
fn converges(stage: &Stage) {
    stage.ok(2, "apply start --yes --approve deletes-rows=altibase-sts/2");
    stage.sql(1, "INSERT INTO SYS.T1 VALUES (1000, 'after it', 0)");
    stage.equal(&[0, 1, 2]);
    assert!(stage.table(2, TABLES[0]).contains_key(&1000));
    stage.ok(2, "plan start --exit-code");
}

/// Stopped by itself before anything was changed, at once, and said so.
fn stopped_before_anything(left: &tty::Left) {
    assert_eq!(left.code(), Some(8), "{:?}\n{}", left.status, left.text);
    assert!(left.text.contains("before anything was changed"), "{}", left.text);
    // It takes a moment; the bound is for a busy machine.
    assert!(left.took < Duration::from_secs(3), "{:?}", left.took);
}

#[test]
fn interrupted_while_it_looks() {
    let stage = stage();
    stage.conf("AKU_QUERY_RETRY_COUNT = 1000000");
    let before = [0, 1, 2].map(|n| stage.state(n));
    // A DBA sits on pod 2, so it looks again and again.
    let dba = stage.client(2);
    let tty = Tty::run(&stage, 2, "apply start --yes");
    tty.wait_for("attempt 3 of 1000000").types(INTERRUPT);
    let left = tty.end();
    drop(dba);
    stopped_before_anything(&left);
    assert_eq!([0, 1, 2].map(|n| stage.state(n)), before);
}

#[test]
fn interrupted_when_asked() {
    let stage = stage();
    let before = [0, 1, 2].map(|n| stage.state(n));
    let tty = Tty::run(&stage, 2, "apply start");
    tty.wait_for("Type yes, anything else stops: ").types(INTERRUPT);
    stopped_before_anything(&tty.end());
    // A person who changes his mind.
    let tty = Tty::run(&stage, 2, "apply start");
    tty.wait_for("Type yes, anything else stops: ").types("no\r");
    let left = tty.end();
    assert_eq!(left.code(), Some(3), "{}", left.text);
    assert_eq!([0, 1, 2].map(|n| stage.state(n)), before);
    // And one who agrees: bars come, and go.
    let tty = Tty::run(&stage, 2, "apply start");
    tty.wait_for("Type yes, anything else stops: ").types("yes\r");
    let left = tty.end();
    assert_eq!(left.code(), Some(0), "{}", left.text);
    assert!(left.text.contains("^C stops in good order") && left.is_clean(), "{}", left.screen);
    stage.equal(&[0, 1, 2]);
}

#[test]
fn interrupted_while_it_waits_for_the_lock() {
    let stage = stage();
    let late = Fault::Latency { from: Party::Clients, millis: 300 };
    stage.lab.fault(pod(1), None, late).unwrap();
    let first = Tty::run(&stage, 2, "apply start --yes");
    first.wait_for("^C stops in good order");
    let tty = Tty::run(&stage, 1, "apply end --yes --lock-timeout 10m");
    tty.wait_for("waiting for the start of pod 2").types(INTERRUPT);
    stopped_before_anything(&tty.end());
    // The run that has the lock does not mind.
    stage.lab.clear_all(pod(1)).unwrap();
    let left = first.end();
    assert_eq!(left.code(), Some(0), "{}", left.text);
    stage.equal(&[0, 1, 2]);
}

/// A transaction is open on pod 1, so a join waits before it copies.
fn in_a_drain(stage: &Stage) -> (Client, Tty) {
    let mut open = stage.client(1);
    open.execute("ALTER SESSION SET AUTOCOMMIT = FALSE").unwrap();
    open.execute("INSERT INTO SYS.T1 VALUES (900, 'not committed', 0)").unwrap();
    let tty = Tty::run(stage, 2, "apply start --yes");
    tty.wait_for_begun(1, "wait");
    (open, tty)
}

#[test]
fn interrupted_while_it_waits_for_transactions() {
    let stage = stage();
    let (open, tty) = in_a_drain(&stage);
    tty.types(INTERRUPT);
    let left = tty.end();
    assert_eq!(left.code(), Some(8), "{}", left.text);
    assert!(left.is_clean(), "{}", left.screen);
    drop(open);
    put_back(&stage);
    assert_eq!(kept_for_joiner(&stage), 0, "a pin is left\n{}", left.text);
    assert!(is_closed(&stage, 2) && !stage.marker(2).exists());
    converges(&stage);
}

#[test]
fn interrupted_twice_while_it_waits_for_transactions() {
    let stage = stage();
    let (open, tty) = in_a_drain(&stage);
    // It answers nobody any more, so the pin there cannot be taken back.
    stage.lab.fault(pod(1), None, Fault::Freeze).unwrap();
    tty.types(INTERRUPT).wait_for("SIGINT");
    tty.types(INTERRUPT);
    let left = tty.end();
    assert_eq!(left.code(), Some(130), "{}", left.text);
    println!("ended {:?} after the second Ctrl-C", left.took);
    assert!(left.took < Duration::from_secs(4), "{:?}", left.took);
    stage.lab.clear_all(pod(1)).unwrap();
    drop(open);
    assert!(is_closed(&stage, 2) && !stage.marker(2).exists());
    converges(&stage);
    put_back(&stage);
}

#[test]
fn interrupted_before_a_sync() {
    let stage = stage();
    let late = Fault::Latency { from: Party::Clients, millis: 30 };
    stage.lab.fault(pod(2), None, late).unwrap();
    let tty = Tty::run(&stage, 2, "apply start --yes");
    tty.wait_for("REPLICATION_DDL_ENABLE 0 -> 1 ..").types(INTERRUPT);
    let left = tty.end();
    assert_eq!(left.code(), Some(8), "{}", left.text);
    assert!(left.is_clean(), "{}", left.screen);
    assert!(left.text.contains("SIGINT"), "{}", left.text);
    stage.lab.clear_all(pod(2)).unwrap();
    put_back(&stage);
    assert_eq!(kept_for_joiner(&stage), 0, "a pin is left\n{}", left.text);
    assert!(is_closed(&stage, 2) && !stage.marker(2).exists());
    converges(&stage);
}

/// Starts pod 2 on a link so slow that the SYNC has begun and cannot be over.
fn in_mid_sync(stage: &Stage, signal: impl FnOnce(&Tty)) -> tty::Left {
    in_mid_sync_on(stage, tty::LARGE, signal)
}

fn in_mid_sync_on(stage: &Stage, size: (u16, u16), signal: impl FnOnce(&Tty)) -> tty::Left {
    let from = Party::Pod(pod(0));
    stage.lab.fault(pod(2), Some("slow"), Fault::Latency { from, millis: 2_000 }).unwrap();
    let tty = Tty::sized(stage, 2, "apply start --yes", size);
    let mut client = stage.client(0);
    assert!(wait_until(PATIENCE, || senders(&mut client, "AKU_REP_02") > 0), "no SYNC began");
    stage.lab.fault(pod(2), Some("cut"), Fault::Cut { from }).unwrap();
    tty.wait_for_begun(0, "sync AKU_REP_02");
    signal(&tty);
    tty.end()
}

#[test]
fn interrupted_in_mid_sync() {
    let stage = stage();
    let left = in_mid_sync(&stage, |tty| {
        tty.types(INTERRUPT);
    });
    assert_eq!(left.code(), Some(8), "{}", left.text);
    assert!(left.is_clean(), "{}", left.screen);
    stage.lab.clear_all(pod(2)).unwrap();
    put_back(&stage);
    assert_eq!(kept_for_joiner(&stage), 0, "a pin is left\n{}", left.text);
    assert!(is_closed(&stage, 2) && !stage.marker(2).exists());
    converges(&stage);
}

#[test]
fn a_line_for_each_pod_and_one_for_all() {
    for columns in [80, 40] {
        let stage = stage();
        let left = in_mid_sync_on(&stage, (24, columns), |tty| {
            let heads = ["pod 0 ", "pod 1 ", "pod 2 ", "total "];
            let screen = tty.wait_for_screen("the picture of the run", |screen| {
                let lines: Vec<_> = screen.lines().filter(|line| !line.is_empty()).collect();
                let lines = &lines[lines.len().saturating_sub(heads.len())..];
                lines.len() == heads.len()
                    && lines.iter().zip(heads).all(|(line, head)| line.starts_with(head))
                    && lines[0].contains("sync AKU_REP_02")
                    && lines[1].ends_with("waits")
            });
            println!("{columns} columns:\n{screen}");
            assert_eq!(screen.matches("total ").count(), 1, "an older picture was left standing:\n{screen}");
            tty.types(INTERRUPT);
        });
        assert_eq!(left.code(), Some(8), "{}", left.text);
        assert!(left.is_clean(), "{}", left.screen);
    }
}

#[test]
fn interrupted_twice_in_mid_sync() {
    let stage = stage();
    let left = in_mid_sync(&stage, |tty| {
        // It answers nobody any more, not even a cancel.
        stage.lab.fault(pod(0), None, Fault::Freeze).unwrap();
        tty.types(INTERRUPT).wait_for("SIGINT");
        tty.types(INTERRUPT);
    });
    assert_eq!(left.code(), Some(130), "{}", left.text);
    println!("ended {:?} after the second Ctrl-C", left.took);
    // Generous for a busy machine, and far below the 10 s that a cancelled statement may take.
    assert!(left.took < Duration::from_secs(4), "{:?}", left.took);
    stage.lab.clear_all(pod(0)).unwrap();
    stage.lab.clear_all(pod(2)).unwrap();
    assert!(is_closed(&stage, 2) && !stage.marker(2).exists());
    converges(&stage);
    assert_eq!([0, 1, 2].map(|n| property(&stage, n, "REPLICATION_DDL_ENABLE")), ["0", "0", "0"]);
    // The next run puts back what this one left set.
    assert_eq!(property(&stage, 0, "REPLICATION_SYNC_LOCK_TIMEOUT"), "30");
}

/// Pod 1 comes back, and its peer 2 cannot hear it.
fn in_a_flush(stage: &Stage) -> Tty {
    stage.restart(1);
    stage.lab.fault(pod(1), None, Fault::Cut { from: Party::Pod(pod(2)) }).unwrap();
    stage.sql(2, "INSERT INTO SYS.T1 VALUES (500, 'on its way', 0)");
    let tty = Tty::run(stage, 1, "apply start --yes");
    tty.wait_for_begun(2, "flush AKU_REP_12");
    tty
}

#[test]
fn interrupted_while_a_flush_waits() {
    let stage = whole();
    let tty = in_a_flush(&stage);
    tty.types(INTERRUPT);
    let left = tty.end();
    assert_eq!(left.code(), Some(8), "{}", left.text);
    assert!(left.is_clean(), "{}", left.screen);
    assert!(is_closed(&stage, 1) && !stage.marker(1).exists(), "users are inside although a flush did not return");
    stage.lab.clear_all(pod(1)).unwrap();
    put_back(&stage);
    stage.ok(1, "apply start --yes");
    stage.equal(&[0, 1, 2]);
    assert!(stage.table(1, TABLES[0]).contains_key(&500));
}

#[test]
fn terminated_twice_while_a_flush_waits() {
    let stage = whole();
    let tty = in_a_flush(&stage);
    // Where the FLUSH waits nobody answers any more, not even a cancel.
    stage.lab.fault(pod(2), None, Fault::Freeze).unwrap();
    tty.signal(Signal::TERM).wait_for("SIGTERM");
    tty.signal(Signal::TERM);
    let left = tty.end();
    // A server that does not answer is no longer waited for, so the run may have ended in good order before the second came.
    assert!(matches!(left.code(), Some(143 | 8)), "{}", left.text);
    assert!(is_closed(&stage, 1) && !stage.marker(1).exists());
    stage.lab.clear_all(pod(2)).unwrap();
    stage.lab.clear_all(pod(1)).unwrap();
    put_back(&stage);
    stage.ok(1, "apply start --yes");
    stage.equal(&[0, 1, 2]);
}

/// Every action but the last few is done, and it waits before it opens the pod.
fn in_the_delay(stage: &Stage) -> Tty {
    stage.conf("AKU_DELAY_START_COMPLETE_TIME = 600");
    let tty = Tty::run(stage, 2, "apply start --yes");
    tty.wait_for_begun(2, "wait start delay");
    tty
}

#[test]
fn interrupted_between_actions() {
    let stage = stage();
    let tty = in_the_delay(&stage);
    tty.types(INTERRUPT);
    let left = tty.end();
    assert_eq!(left.code(), Some(8), "{}", left.text);
    assert!(left.is_clean(), "{}", left.screen);
    assert!(is_closed(&stage, 2) && !stage.marker(2).exists());
    put_back(&stage);
    // The copy is finished, so its positions are no pins any more and stay.
    assert_eq!(kept_for_joiner(&stage), 2, "{}", left.text);
    let conf = stage.lab.dir().join("aku.conf");
    let text = std::fs::read_to_string(&conf).unwrap();
    std::fs::write(conf, text.replace("AKU_DELAY_START_COMPLETE_TIME = 600\n", "")).unwrap();
    converges(&stage);
}

#[test]
fn hung_up_between_actions() {
    let stage = stage();
    let tty = in_the_delay(&stage);
    assert_eq!(tty.hang_up().code(), Some(8));
    assert!(is_closed(&stage, 2) && !stage.marker(2).exists());
    put_back(&stage);
}

/// Pod 2 ends, is fenced, and cannot be heard by pod 1.
fn in_an_end(stage: &Stage) -> Tty {
    stage.sql(2, "INSERT INTO SYS.T1 VALUES (700, 'not everywhere yet', 0)");
    stage.lab.fault(pod(1), None, Fault::Cut { from: Party::Pod(pod(2)) }).unwrap();
    stage.sql(2, "INSERT INTO SYS.T1 VALUES (701, 'on its way', 0)");
    let tty = Tty::run(stage, 2, "apply end --yes");
    assert!(wait_until(PATIENCE, || is_closed(stage, 2) && !stage.marker(2).exists()), "pod 2 is not fenced");
    tty.wait_for_begun(2, "flush AKU_REP_12");
    tty
}

#[test]
fn interrupted_in_an_end_after_the_fence() {
    let stage = whole();
    let tty = in_an_end(&stage);
    tty.types(INTERRUPT);
    let left = tty.end();
    assert_eq!(left.code(), Some(8), "{}", left.text);
    assert!(left.is_clean(), "{}", left.screen);
    assert!(is_closed(&stage, 2), "a fenced pod was opened");
    assert!(!stage.marker(2).exists());
    stage.lab.clear_all(pod(1)).unwrap();
    put_back(&stage);
    // What was not flushed is not forgotten.
    assert!(kept_for_joiner(&stage) > 0);
    stage.ok(2, "apply end --yes");
    stage.equal(&[0, 1]);
    assert!(stage.table(0, TABLES[0]).contains_key(&701));
    converges(&stage);
}

#[test]
fn interrupted_twice_in_an_end_after_the_fence() {
    let stage = whole();
    let tty = in_an_end(&stage);
    stage.lab.fault(pod(2), None, Fault::BlackHole { silence: Silence::Accept }).unwrap();
    tty.types(INTERRUPT).wait_for("SIGINT");
    tty.types(INTERRUPT);
    let left = tty.end();
    assert_eq!(left.code(), Some(130), "{}", left.text);
    println!("ended {:?} after the second Ctrl-C", left.took);
    assert!(left.took < Duration::from_secs(4), "{:?}", left.took);
    stage.lab.clear_all(pod(2)).unwrap();
    stage.lab.clear_all(pod(1)).unwrap();
    assert!(wait_until(PATIENCE, || is_closed(&stage, 2)), "a fenced pod was opened");
    // Somebody wants the pod back instead.
    stage.ok(2, "-p start");
    stage.equal(&[0, 1, 2]);
    assert!(stage.table(0, TABLES[0]).contains_key(&701));
}
