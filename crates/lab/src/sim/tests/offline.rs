//! The off-line replicator (`measured.md` 9.6).

use aku_db::wire::Cell;

use super::{SECOND, Sim, TABLE, contents, create, native, number, ok, pods, rows};
use crate::server::Generation;

#[test]
fn a_survivor_delivers_what_a_dead_pod_committed() {
    let (mut sim, c) = pods(Generation::V7_2, 2, 1);
    for (client, peer) in [(c[0], 1), (c[1], 0)] {
        ok(&mut sim, client, TABLE);
        create(&mut sim, client, "R01", peer);
    }
    for client in &c {
        ok(&mut sim, *client, "ALTER REPLICATION R01 START");
    }
    ok(&mut sim, c[1], "INSERT INTO T1 VALUES (1, 'sent')");
    sim.run_for(SECOND);
    ok(&mut sim, c[1], "ALTER REPLICATION R01 STOP");
    ok(&mut sim, c[1], "INSERT INTO T1 VALUES (2, 'committed')");
    ok(&mut sim, c[1], "UPDATE T1 SET C2 = 'changed' WHERE I1 = 1");
    ok(&mut sim, c[1], "ALTER SESSION SET AUTOCOMMIT = FALSE");
    ok(&mut sim, c[1], "INSERT INTO T1 VALUES (3, 'open')");
    sim.kill(1);
    sim.run_for(SECOND);

    let logs = Sim::log_directory(1);
    let enable = |path: &str| format!("ALTER REPLICATION R01 SET OFFLINE ENABLE WITH '{path}'");
    let start = "ALTER REPLICATION R01 START WITH OFFLINE";
    assert_eq!(native(&mut sim, c[0], start), 397_322, "started");
    ok(&mut sim, c[0], "ALTER REPLICATION R01 STOP");
    assert_eq!(native(&mut sim, c[0], start), 397_610, "the option is not set");
    ok(&mut sim, c[0], &enable("/nowhere"));
    assert_eq!(native(&mut sim, c[0], start), 397_391, "told only now");
    assert_eq!(number(&mut sim, c[0], "SELECT STATUS FROM V$REPOFFLINE_STATUS"), 3);
    ok(&mut sim, c[0], "ALTER REPLICATION R01 SET OFFLINE DISABLE");
    ok(&mut sim, c[0], &enable(&logs));
    assert_eq!(native(&mut sim, c[0], &enable(&logs)), 397_603);
    let catalog = "SELECT XSN FROM SYSTEM_.SYS_REPLICATIONS_";
    let before = number(&mut sim, c[0], catalog);
    for _ in 0..2 {
        ok(&mut sim, c[0], start);
        let there = contents(&mut sim, c[0]);
        let want = [(1, "changed"), (2, "committed")].map(|(k, t)| vec![Cell::Int(k), Cell::Text(t.to_owned())]);
        assert_eq!(there, want, "the open transaction stays away, and again is harmless");
    }
    assert_eq!(number(&mut sim, c[0], "SELECT STATUS FROM V$REPOFFLINE_STATUS"), 2);
    assert_eq!(number(&mut sim, c[0], "SELECT IS_STARTED FROM SYSTEM_.SYS_REPLICATIONS_"), 0);
    assert_eq!(number(&mut sim, c[0], catalog), before);

    ok(&mut sim, c[0], "ALTER REPLICATION R01 SET OFFLINE DISABLE");
    sim.start(1).expect("the pod starts");
    ok(&mut sim, c[0], "ALTER REPLICATION R01 START");
    let back = sim.connect_sys(1).expect("SYS logs in");
    ok(&mut sim, back, "ALTER REPLICATION R01 START");
    ok(&mut sim, back, "INSERT INTO T1 VALUES (4, 'new')");
    ok(&mut sim, back, "ALTER REPLICATION R01 FLUSH WAIT 5");
    let failures = "SELECT INSERT_FAILURE_COUNT, UPDATE_FAILURE_COUNT FROM V$REPRECEIVER";
    assert_eq!(rows(&mut sim, c[0], failures), [[0, 0].map(Cell::Int)], "what was delivered is skipped");
    assert_eq!(contents(&mut sim, c[0]).len(), 3);
}

#[test]
fn a_survivor_that_booted_since_knows_nobody() {
    let (mut sim, c) = pods(Generation::V7_2, 1, 1);
    ok(&mut sim, c[0], TABLE);
    ok(&mut sim, c[0], "CREATE REPLICATION R01 WITH '10.0.0.9', 20301 FROM SYS.T1 TO SYS.T1");
    ok(&mut sim, c[0], "ALTER REPLICATION R01 SET OFFLINE ENABLE WITH '/nowhere'");
    assert_eq!(native(&mut sim, c[0], "ALTER REPLICATION R01 START WITH OFFLINE"), 397_506);
}
