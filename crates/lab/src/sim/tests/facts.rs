//! Facts of the 7.2 servers that no recording shows (`measured.md` 9.4, 9.5, 9.7 and 9.8).

use aku_db::wire::Cell;

use super::{ClientId, SECOND, Sim, TABLE, code, contents, create, native, number, ok, pods, rows};
use crate::server::Generation;

/// Two pods with T1 and R01 on both.
fn pair() -> (Sim, Vec<ClientId>) {
    let (mut sim, c) = pods(Generation::V7_2, 2, 1);
    for (client, peer) in [(c[0], 1), (c[1], 0)] {
        ok(&mut sim, client, TABLE);
        create(&mut sim, client, "R01", peer);
    }
    (sim, c)
}

#[test]
fn a_closed_pod_has_a_table_of_its_own_and_lets_open_sessions_write() {
    let (mut sim, c) = pair();
    ok(&mut sim, c[0], "ALTER REPLICATION R01 START RETRY");
    let open = sim.connect_sys(0).expect("SYS logs in");
    ok(&mut sim, c[0], "ALTER SYSTEM SET ADMIN_MODE = 1");
    ok(&mut sim, open, "INSERT INTO T1 VALUES (1, 'after the fence')");
    assert_eq!(sim.connect_sys(0).err().map(|e| code(&e)), Some(266_350));
    let sysdba = [("UID", "SYS"), ("PWD", "manager"), ("PRIVILEGE", "SYSDBA")];
    let own = sim.connect(0, &sysdba).expect("SYSDBA logs in");
    ok(&mut sim, own, "CREATE TABLE AKU_OWN (I1 INTEGER PRIMARY KEY, C2 VARCHAR(20))");
    ok(&mut sim, own, "INSERT INTO AKU_OWN VALUES (1, 'x')");
    ok(&mut sim, own, "UPDATE AKU_OWN SET C2 = 'y' WHERE I1 = 1");
    assert_eq!(sim.connect(0, &sysdba).err().map(|e| code(&e)), Some(266_305));
    ok(&mut sim, own, "ALTER SYSTEM SET ADMIN_MODE = 0");
    let other = sim.connect_sys(0).expect("SYS logs in");
    assert_eq!(number(&mut sim, other, "SELECT COUNT(*) FROM AKU_OWN WHERE C2 = 'y'"), 1);
}

#[test]
fn a_session_keeps_its_changes_to_itself() {
    let (mut sim, c) = pair();
    ok(&mut sim, c[0], "ALTER REPLICATION R01 START");
    let mode = "SELECT REPLICATION_MODE FROM V$SESSION WHERE ID = SESSION_ID()";
    for (n, (word, kept)) in [("FALSE", 16), ("TRUE", 0), ("NONE", 16), ("DEFAULT", 0)].into_iter().enumerate() {
        ok(&mut sim, c[0], &format!("ALTER SESSION SET REPLICATION = {word}"));
        assert_eq!(number(&mut sim, c[0], mode), kept, "{word}");
        ok(&mut sim, c[0], &format!("INSERT INTO T1 VALUES ({n}, 'a')"));
    }
    ok(&mut sim, c[0], "ALTER REPLICATION R01 FLUSH WAIT 5");
    let there: Vec<_> = contents(&mut sim, c[1]).into_iter().map(|mut row| row.swap_remove(0)).collect();
    assert_eq!(there, [Cell::Int(1), Cell::Int(3)]);
    ok(&mut sim, c[0], "ALTER SESSION SET AUTOCOMMIT = FALSE");
    ok(&mut sim, c[0], "INSERT INTO T1 VALUES (9, 'a')");
    assert_eq!(native(&mut sim, c[0], "ALTER SESSION SET REPLICATION = FALSE"), 266_311);
    ok(&mut sim, c[0], "COMMIT");
    ok(&mut sim, c[0], "ALTER SESSION SET REPLICATION = FALSE");
}

#[test]
fn options_and_their_bits() {
    let (mut sim, c) = pair();
    let bits = "SELECT OPTIONS FROM SYSTEM_.SYS_REPLICATIONS_";
    let alter = |what: &str| format!("ALTER REPLICATION R01 {what}");
    let mut all = 0;
    for (what, bit) in [("SET GAPLESS ENABLE", 4), ("SET PARALLEL 2", 8), ("SET GROUPING ENABLE", 16)] {
        ok(&mut sim, c[0], &alter(what));
        all += bit;
        assert_eq!(number(&mut sim, c[0], bits), all, "{what}");
    }
    assert_eq!(native(&mut sim, c[0], &alter("SET PARALLEL 4")), 397_665, "another number needs 0 first");
    ok(&mut sim, c[0], &alter("SET PARALLEL 0"));
    ok(&mut sim, c[0], &alter("SET PARALLEL 4"));
    ok(&mut sim, c[0], &alter("SET GAPLESS DISABLE"));
    assert_eq!(native(&mut sim, c[0], &alter("SET GAPLESS DISABLE")), 397_662);
    ok(&mut sim, c[0], &alter("SET GROUPING DISABLE"));
    assert_eq!(native(&mut sim, c[0], &alter("SET GROUPING DISABLE")), 397_668);
    assert_eq!(native(&mut sim, c[0], &alter("SET RECOVERY DISABLE")), 397_597);
    assert_eq!(native(&mut sim, c[0], &alter("SET OFFLINE DISABLE")), 397_604);
    for word in ["SET ROLE", "SET MASTER", "SET LAZY"] {
        assert_eq!(native(&mut sim, c[0], &alter(word)), 200_705, "{word}");
    }
    ok(&mut sim, c[0], &alter("START"));
    assert_eq!(native(&mut sim, c[0], &alter("SET GAPLESS ENABLE")), 397_322);
    assert_eq!(native(&mut sim, c[1], &alter("SET GAPLESS ENABLE")), 397_471, "only a receiver here");
}

#[test]
fn kept_log_is_counted_from_the_catalog() {
    let (mut sim, c) = pair();
    ok(&mut sim, c[0], "ALTER REPLICATION R01 START");
    ok(&mut sim, c[0], "ALTER REPLICATION R01 STOP");
    assert!(rows(&mut sim, c[0], "SELECT * FROM V$REPGAP").is_empty());
    assert!(rows(&mut sim, c[0], "SELECT * FROM V$REPSENDER").is_empty());
    let kept = "SELECT (L.CUR_WRITE_LF_NO - TRUNC(R.XSN / 4294967296)) * P.VALUE1 + L.CUR_WRITE_LF_OFFSET \
                - MOD(R.XSN, 4294967296) FROM V$LFG L, SYSTEM_.SYS_REPLICATIONS_ R, V$PROPERTY P \
                WHERE P.NAME = 'LOG_FILE_SIZE'";
    let before = number(&mut sim, c[0], kept);
    assert!((0..1000).contains(&before), "{before}");
    ok(&mut sim, c[0], "INSERT INTO T1 VALUES (1, 'aaaaaaaaaa')");
    for _ in 0..4 {
        ok(&mut sim, c[0], "INSERT INTO T1 SELECT I1 + (SELECT MAX(I1) FROM T1), C2 FROM T1");
    }
    let after = number(&mut sim, c[0], kept);
    assert!(after > before + 16 * 64, "{before}, {after}");
}

#[test]
fn transactions_of_receivers_have_no_session() {
    let (mut sim, c) = pair();
    ok(&mut sim, c[0], "ALTER REPLICATION R01 START");
    ok(&mut sim, c[0], "ALTER SESSION SET AUTOCOMMIT = FALSE");
    ok(&mut sim, c[0], "INSERT INTO T1 VALUES (1, 'open')");
    sim.run_for(SECOND);
    let open = "SELECT SESSION_ID FROM V$TRANSACTION WHERE UPDATE_STATUS = 1";
    assert_eq!(number(&mut sim, c[1], open), 0);
    assert!(number(&mut sim, c[0], open) > 0);
}

#[test]
fn eager_refusals() {
    let (mut sim, c) = pods(Generation::V7_2, 2, 1);
    for (client, peer) in [(c[0], 1), (c[1], 0)] {
        ok(&mut sim, client, TABLE);
        let mode = if peer == 1 { "EAGER " } else { "" };
        let host = sim.ip(peer);
        let sql = format!("CREATE {mode}REPLICATION R01 WITH '{host}', 20301 FROM SYS.T1 TO SYS.T1");
        ok(&mut sim, client, &sql);
    }
    for (what, refused) in [
        ("START RETRY", 397_601),
        ("SET MODE LAZY", 397_567),
        ("START", 397_325),
        ("SET PARALLEL 2", 397_663),
        ("SET GAPLESS ENABLE", 397_660),
        ("SET GROUPING ENABLE", 397_669),
        ("SET RECOVERY ENABLE", 0),
    ] {
        assert_eq!(native(&mut sim, c[0], &format!("ALTER REPLICATION R01 {what}")), refused, "{what}");
    }
    assert_eq!(number(&mut sim, c[0], "SELECT XSN FROM SYSTEM_.SYS_REPLICATIONS_"), -1, "a failed START leaves -1");
}

/// Two pods with an EAGER object, neither started.
fn eager_pair() -> (Sim, Vec<ClientId>) {
    let (mut sim, c) = pods(Generation::V7_2, 2, 1);
    for (client, peer) in [(c[0], 1), (c[1], 0)] {
        ok(&mut sim, client, TABLE);
        let host = sim.ip(peer);
        let sql = format!("CREATE EAGER REPLICATION R01 WITH '{host}', 20301 FROM SYS.T1 TO SYS.T1");
        ok(&mut sim, client, &sql);
    }
    (sim, c)
}

/// What the lock of an anchor is for: a sender that runs towards a pod without rows makes a user's commit fail.
#[test]
fn a_commit_that_conflicts_at_an_eager_peer_is_told_so() {
    let (mut sim, c) = eager_pair();
    ok(&mut sim, c[0], "INSERT INTO T1 VALUES (1, 'before')");
    ok(&mut sim, c[0], "ALTER REPLICATION R01 START");
    assert_eq!(native(&mut sim, c[0], "UPDATE T1 SET C2 = 'x' WHERE I1 = 1"), 397_549);
    ok(&mut sim, c[0], "INSERT INTO T1 VALUES (2, 'new')");
    ok(&mut sim, c[0], "UPDATE T1 SET C2 = 'newer' WHERE I1 = 2");
    let transaction = sim.connect_sys(0).expect("SYS logs in");
    ok(&mut sim, transaction, "ALTER SESSION SET AUTOCOMMIT = FALSE");
    ok(&mut sim, transaction, "DELETE FROM T1 WHERE I1 = 1");
    assert_eq!(native(&mut sim, transaction, "COMMIT"), 397_549);
    // Catching up, nobody waits: repeats are conflicts that are counted.
    ok(&mut sim, c[0], "ALTER REPLICATION R01 STOP");
    ok(&mut sim, c[1], "DELETE FROM T1 WHERE I1 = 2");
    ok(&mut sim, c[0], "UPDATE T1 SET C2 = 'meanwhile' WHERE I1 = 2");
    ok(&mut sim, c[0], "ALTER REPLICATION R01 START");
    assert_eq!(number(&mut sim, c[0], "SELECT STATUS FROM V$REPSENDER"), 9);
}

#[test]
fn an_eager_sender_does_not_start_beside_an_exclusive_lock() {
    let (mut sim, c) = eager_pair();
    let lock = sim.connect_sys(0).expect("SYS logs in");
    ok(&mut sim, lock, "ALTER SESSION SET AUTOCOMMIT = FALSE");
    ok(&mut sim, lock, "LOCK TABLE T1 IN EXCLUSIVE MODE");
    assert_eq!(native(&mut sim, c[0], "ALTER REPLICATION R01 START"), 69_749);
    assert_eq!(number(&mut sim, c[0], "SELECT XSN FROM SYSTEM_.SYS_REPLICATIONS_"), -1);
    ok(&mut sim, lock, "COMMIT");
    ok(&mut sim, lock, "INSERT INTO T1 VALUES (1, 'open')");
    ok(&mut sim, c[0], "ALTER REPLICATION R01 START");
}

/// The anchor of a join to an eager group: no change passes between the lock and the end of the START.
#[test]
fn an_eager_sender_is_anchored_under_a_share_lock() {
    let (mut sim, c) = eager_pair();
    let lock = sim.connect_sys(0).expect("SYS logs in");
    ok(&mut sim, lock, "ALTER SESSION SET AUTOCOMMIT = FALSE");
    ok(&mut sim, lock, "LOCK TABLE T1 IN SHARE MODE");
    let writer = sim.connect_sys(0).expect("SYS logs in");
    sim.send(writer, "INSERT INTO T1 VALUES (1, 'waits')");
    ok(&mut sim, c[0], "ALTER REPLICATION R01 START");
    ok(&mut sim, c[0], "ALTER REPLICATION R01 STOP");
    assert!(number(&mut sim, c[0], "SELECT XSN FROM SYSTEM_.SYS_REPLICATIONS_") > 0);
    assert!(!sim.has_answer(writer));
    ok(&mut sim, lock, "COMMIT");
    assert_eq!(code(&sim.wait(writer)), 0);
    ok(&mut sim, c[0], "ALTER REPLICATION R01 START");
    assert_eq!(contents(&mut sim, c[1]).len(), 1, "what waited for the lock is after the anchor");
    assert_eq!(number(&mut sim, c[0], "SELECT STATUS FROM V$REPSENDER"), 9);
}
