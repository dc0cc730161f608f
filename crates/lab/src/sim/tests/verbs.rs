//! What recordings cannot show: waits, time limits, faults (`measured.md` 3 to 7, `altibase.md` 8 and 9).

use aku_db::wire::{Cell, Response};

use super::{BOTH, ClientId, SECOND, Sim, TABLE, code, contents, create, native, number, ok, pods, rows};
use crate::server::{Generation, PodConfig};

/// Two pods with T1 and R01 on both.
fn pair(generation: Generation) -> (Sim, Vec<ClientId>) {
    let (mut sim, clients) = pods(generation, 2, 1);
    for (client, peer) in [(clients[0], 1), (clients[1], 0)] {
        ok(&mut sim, client, TABLE);
        create(&mut sim, client, "R01", peer);
    }
    (sim, clients)
}

fn manual(sim: &mut Sim, pod: usize) -> ClientId {
    sim.connect(pod, &[("UID", "SYS"), ("PWD", "manager"), ("AUTOCOMMIT", "OFF")]).expect("SYS logs in")
}

fn status(sim: &mut Sim, client: ClientId) -> Vec<Vec<Cell>> {
    rows(sim, client, "SELECT STATUS, NET_ERROR_FLAG FROM V$REPSENDER")
}

fn ints(numbers: &[i64]) -> Vec<Vec<Cell>> {
    vec![numbers.iter().map(|n| Cell::Int(*n)).collect()]
}

/// Seconds of virtual time that a statement took, rounded down.
fn seconds(sim: &mut Sim, client: ClientId, sql: &str) -> (i32, u64) {
    let began = sim.now();
    let code = native(sim, client, sql);
    (code, (sim.now() - began) / SECOND)
}

#[test]
fn a_black_hole_holds_the_latch_for_the_connect_timeout() {
    for generation in BOTH {
        let (mut sim, c) = pair(generation);
        sim.rules.black_hole(1);
        let other = sim.connect_sys(0).expect("SYS logs in");
        sim.send(c[0], "ALTER REPLICATION R01 START");
        sim.run_for(SECOND);
        let (_, waited) = seconds(&mut sim, other, "SELECT COUNT(*) FROM V$REPSENDER");
        assert_eq!(waited, 9, "monitoring waits behind START");
        assert_eq!(code(&sim.wait(c[0])), 397_325);
        let catalog = "SELECT IS_STARTED, XSN FROM SYSTEM_.SYS_REPLICATIONS_";
        assert_eq!(rows(&mut sim, c[0], catalog), ints(&[0, -1]));
        assert_eq!(seconds(&mut sim, c[0], "ALTER REPLICATION R01 START RETRY"), (0, 0));
        let (_, waited) = seconds(&mut sim, other, "SELECT COUNT(*) FROM V$REPSENDER");
        assert_eq!(waited, 0, "START RETRY gives the latch back at once");
        let (stopped, waited) = seconds(&mut sim, c[0], "ALTER REPLICATION R01 STOP");
        assert_eq!((stopped, waited), (0, 9), "STOP waits for the connect attempt");
    }
}

#[test]
fn a_silent_cut_is_noticed_late() {
    let (mut sim, c) = pair(Generation::V7_2);
    ok(&mut sim, c[0], "ALTER REPLICATION R01 START");
    sim.run_for(SECOND);
    sim.rules.cut(0, 1);
    sim.rules.cut(1, 0);
    ok(&mut sim, c[0], "INSERT INTO T1 VALUES (1, 'undelivered')");
    sim.run_for(36 * SECOND);
    assert_eq!(status(&mut sim, c[0]), ints(&[1, 0]));
    assert_eq!(native(&mut sim, c[0], "ALTER REPLICATION R01 FLUSH WAIT 1"), 397_429);
    sim.run_for(40 * SECOND);
    assert_eq!(status(&mut sim, c[0]), ints(&[2, 1]));
    sim.heal(0, 1);
    sim.heal(1, 0);
    ok(&mut sim, c[0], "ALTER REPLICATION R01 FLUSH WAIT 30");
    assert_eq!(contents(&mut sim, c[1]).len(), 1);
}

#[test]
fn definitions_that_differ_end_a_retrying_sender() {
    let (mut sim, c) = pods(Generation::V2018, 2, 1);
    ok(&mut sim, c[0], TABLE);
    ok(&mut sim, c[1], "CREATE TABLE T1 (I1 INTEGER PRIMARY KEY, C2 VARCHAR(30))");
    create(&mut sim, c[0], "R01", 1);
    create(&mut sim, c[1], "R01", 0);
    ok(&mut sim, c[0], "ALTER REPLICATION R01 START RETRY");
    sim.run_for(SECOND);
    assert!(status(&mut sim, c[0]).is_empty());
    assert_eq!(number(&mut sim, c[0], "SELECT IS_STARTED FROM SYSTEM_.SYS_REPLICATIONS_"), 1);
    ok(&mut sim, c[0], "ALTER REPLICATION R01 STOP");
}

#[test]
fn a_changed_running_object_sleeps_on_7_2_until_the_peer_matches() {
    let (mut sim, c) = pair(Generation::V7_2);
    for client in &c {
        ok(&mut sim, *client, "CREATE TABLE T2 (I1 INTEGER PRIMARY KEY)");
    }
    ok(&mut sim, c[0], "ALTER REPLICATION R01 START");
    let add = "ALTER REPLICATION R01 ADD TABLE FROM SYS.T2 TO SYS.T2";
    ok(&mut sim, c[0], add);
    ok(&mut sim, c[0], "INSERT INTO T1 VALUES (1, 'late')");
    assert_eq!(native(&mut sim, c[0], "ALTER REPLICATION R01 FLUSH WAIT 5"), 397_429);
    assert_eq!(status(&mut sim, c[0]), ints(&[2, 1]));
    ok(&mut sim, c[1], add);
    ok(&mut sim, c[0], "ALTER REPLICATION R01 FLUSH WAIT 5");
    assert_eq!(contents(&mut sim, c[1]).len(), 1);
}

#[test]
fn rows_come_from_the_xsn_on_even_inside_a_transaction() {
    let (mut sim, c) = pair(Generation::V7_2);
    let writer = manual(&mut sim, 0);
    ok(&mut sim, writer, "INSERT INTO T1 VALUES (1, 'before the pin')");
    ok(&mut sim, c[0], "ALTER REPLICATION R01 START");
    assert_eq!(rows(&mut sim, c[0], "SELECT ID FROM V$TRANSACTION WHERE UPDATE_STATUS = 1").len(), 1);
    ok(&mut sim, writer, "INSERT INTO T1 VALUES (2, 'after')");
    ok(&mut sim, writer, "SAVEPOINT S");
    ok(&mut sim, writer, "INSERT INTO T1 VALUES (3, 'undone')");
    ok(&mut sim, writer, "ROLLBACK TO SAVEPOINT S");
    ok(&mut sim, c[0], "ALTER REPLICATION R01 FLUSH WAIT 5");
    assert!(contents(&mut sim, c[1]).is_empty(), "not committed");
    ok(&mut sim, writer, "COMMIT");
    ok(&mut sim, c[0], "ALTER REPLICATION R01 FLUSH WAIT 5");
    assert_eq!(contents(&mut sim, c[1]), [vec![Cell::Int(2), Cell::Text("after".to_owned())]]);
}

#[test]
fn an_open_transaction_holds_the_xsn_back() {
    let (mut sim, c) = pair(Generation::V7_2);
    ok(&mut sim, c[0], "ALTER REPLICATION R01 START");
    let writer = manual(&mut sim, 0);
    ok(&mut sim, writer, "INSERT INTO T1 VALUES (1000, 'open')");
    let xsn = |sim: &mut Sim| number(sim, c[0], "SELECT XSN FROM SYSTEM_.SYS_REPLICATIONS_");
    let step = |sim: &mut Sim, key: i64| {
        sim.run_for(2 * SECOND);
        ok(sim, c[0], &format!("INSERT INTO T1 VALUES ({key}, 'x')"));
        ok(sim, c[0], "ALTER REPLICATION R01 FLUSH WAIT 5");
    };
    step(&mut sim, 1);
    let held = xsn(&mut sim);
    step(&mut sim, 2);
    step(&mut sim, 3);
    assert_eq!(xsn(&mut sim), held);
    ok(&mut sim, writer, "ROLLBACK");
    step(&mut sim, 4);
    assert!(xsn(&mut sim) > held);
    // A pod that dies now must not repeat what is committed at the peer.
    sim.kill(0);
    sim.start(0).expect("the pod starts");
    let again = sim.connect_sys(0).expect("SYS logs in");
    ok(&mut sim, again, "ALTER REPLICATION R01 FLUSH ALL WAIT 30");
    let failures = "SELECT INSERT_FAILURE_COUNT FROM V$REPRECEIVER";
    assert_eq!(number(&mut sim, c[1], failures), 0);
}

#[test]
fn a_receiver_gives_a_lock_up_and_counts_a_failure() {
    let (mut sim, c) = pair(Generation::V2018);
    ok(&mut sim, c[1], "INSERT INTO T1 VALUES (1, 'a')");
    ok(&mut sim, c[0], "INSERT INTO T1 VALUES (1, 'a')");
    ok(&mut sim, c[0], "ALTER REPLICATION R01 START");
    let holder = manual(&mut sim, 1);
    ok(&mut sim, holder, "UPDATE T1 SET C2 = 'held' WHERE I1 = 1");
    ok(&mut sim, c[0], "UPDATE T1 SET C2 = 'b' WHERE I1 = 1");
    let (flushed, waited) = seconds(&mut sim, c[0], "ALTER REPLICATION R01 FLUSH WAIT 20");
    assert_eq!((flushed, waited), (0, 5));
    assert_eq!(number(&mut sim, c[1], "SELECT UPDATE_FAILURE_COUNT FROM V$REPRECEIVER"), 1);
}

#[test]
fn locks_have_their_time_limits() {
    let (mut sim, c) = pair(Generation::V7_2);
    ok(&mut sim, c[0], "INSERT INTO T1 VALUES (1, 'a')");
    let holder = manual(&mut sim, 0);
    ok(&mut sim, holder, "UPDATE T1 SET C2 = 'held' WHERE I1 = 1");
    ok(&mut sim, c[0], "ALTER SYSTEM SET REPLICATION_DDL_ENABLE = 1");
    assert_eq!(seconds(&mut sim, c[0], "TRUNCATE TABLE T1"), (69_749, 0));
    ok(&mut sim, c[0], "ALTER SESSION SET DDL_LOCK_TIMEOUT = 3");
    assert_eq!(seconds(&mut sim, c[0], "TRUNCATE TABLE T1"), (69_749, 3));
    ok(&mut sim, c[0], "ALTER SESSION SET QUERY_TIMEOUT = 2");
    assert_eq!(seconds(&mut sim, c[0], "UPDATE T1 SET C2 = 'x'"), (4164, 2));
    ok(&mut sim, c[0], "ALTER SESSION SET QUERY_TIMEOUT = 0");
    sim.send(c[0], "UPDATE T1 SET C2 = 'x'");
    sim.run_for(SECOND);
    let id = u32::try_from(number(&mut sim, holder, "SELECT MIN(ID) FROM V$SESSION")).expect("an id");
    sim.cancel(0, id);
    assert_eq!(code(&sim.wait(c[0])), 4202);
    sim.send(c[0], "TRUNCATE TABLE T1");
    ok(&mut sim, holder, "COMMIT");
    assert_eq!(code(&sim.wait(c[0])), 0, "TRUNCATE goes on when the lock is free");
}

#[test]
fn sync_waits_for_open_transactions_and_is_invisible_meanwhile() {
    let (mut sim, c) = pair(Generation::V7_2);
    let holder = manual(&mut sim, 0);
    ok(&mut sim, holder, "INSERT INTO T1 VALUES (1, 'open')");
    sim.send(c[0], "ALTER REPLICATION R01 SYNC");
    sim.run_for(5 * SECOND);
    let watcher = sim.connect_sys(0).expect("SYS logs in");
    assert_eq!(rows(&mut sim, watcher, "SELECT IS_STARTED, XSN FROM SYSTEM_.SYS_REPLICATIONS_"), ints(&[0, -1]));
    assert_eq!(rows(&mut sim, watcher, "SELECT START_FLAG, STATUS FROM V$REPSENDER"), ints(&[2, 6]));
    assert_eq!(native(&mut sim, watcher, "DROP REPLICATION R01"), 397_566);
    ok(&mut sim, holder, "COMMIT");
    assert_eq!(code(&sim.wait(c[0])), 0);
    assert_eq!(contents(&mut sim, c[1]).len(), 1);
    assert_eq!(number(&mut sim, watcher, "SELECT SYNC_RECORD_COUNT FROM V$REPSYNC"), -1);
}

#[test]
fn a_killed_client_and_a_stop_end_a_sync() {
    let (mut sim, c) = pair(Generation::V7_2);
    let holder = manual(&mut sim, 0);
    ok(&mut sim, holder, "INSERT INTO T1 VALUES (1, 'open')");
    let client = sim.connect_sys(0).expect("SYS logs in");
    sim.send(client, "ALTER REPLICATION R01 SYNC");
    sim.run_for(SECOND);
    sim.close(client);
    sim.run_for(SECOND);
    assert!(status(&mut sim, c[0]).is_empty());
    let client = sim.connect_sys(0).expect("SYS logs in");
    sim.send(client, "ALTER REPLICATION R01 SYNC");
    sim.run_for(SECOND);
    ok(&mut sim, c[0], "ALTER REPLICATION R01 STOP");
    assert_eq!(code(&sim.wait(client)), 397_651);
    let client = sim.connect_sys(0).expect("SYS logs in");
    ok(&mut sim, client, "ALTER SESSION SET QUERY_TIMEOUT = 4");
    assert_eq!(seconds(&mut sim, client, "ALTER REPLICATION R01 SYNC"), (4164, 4));
    sim.run_for(SECOND);
    assert!(rows(&mut sim, c[1], "SELECT * FROM V$REPRECEIVER").is_empty());
}

#[test]
fn a_laggard_is_given_up_at_a_checkpoint() {
    for (again, state) in [("1", 1), ("0", 0)] {
        let mut sim = Sim::new(1);
        let mut config = PodConfig::new(Generation::V7_2, "10.0.0.0");
        for (name, value) in [("LOG_FILE_SIZE", "65536"), ("REPLICATION_SENDER_START_AFTER_GIVING_UP", again)] {
            config.boot_properties.insert(name.to_owned(), value.to_owned());
        }
        sim.add_pod(config).expect("a pod starts");
        let c = sim.connect_sys(0).expect("SYS logs in");
        ok(&mut sim, c, TABLE);
        ok(&mut sim, c, "CREATE REPLICATION R01 WITH '10.0.0.9', 20301 FROM SYS.T1 TO SYS.T1");
        ok(&mut sim, c, "ALTER REPLICATION R01 START RETRY");
        let kept = "SELECT CUR_WRITE_LF_NO - LAST_DELETED_LOGFILE FROM V$LFG";
        let before = number(&mut sim, c, kept);
        ok(&mut sim, c, "INSERT INTO T1 VALUES (1, 'aaaaaaaaaaaaaaaaaaaa')");
        for _ in 0..13 {
            ok(&mut sim, c, "INSERT INTO T1 SELECT I1 + (SELECT MAX(I1) FROM T1), C2 FROM T1");
        }
        assert!(number(&mut sim, c, kept) > before + 3, "the log grows");
        ok(&mut sim, c, "ALTER SYSTEM CHECKPOINT");
        let given_up = "SELECT COUNT(*) FROM SYSTEM_.SYS_REPLICATIONS_ WHERE GIVE_UP_TIME IS NOT NULL";
        assert_eq!(number(&mut sim, c, given_up), 0, "unlimited by default");
        ok(&mut sim, c, "ALTER SYSTEM SET REPLICATION_MAX_LOGFILE = 2");
        ok(&mut sim, c, "ALTER SYSTEM CHECKPOINT");
        assert_eq!(number(&mut sim, c, given_up), 1);
        assert_eq!(number(&mut sim, c, "SELECT IS_STARTED FROM SYSTEM_.SYS_REPLICATIONS_"), state);
        assert!(number(&mut sim, c, kept) <= before + 1, "the log is let go");
        if state == 1 {
            ok(&mut sim, c, "ALTER REPLICATION R01 STOP");
        }
        ok(&mut sim, c, "ALTER REPLICATION R01 RESET");
        assert_eq!(number(&mut sim, c, given_up), 0, "RESET clears the evidence");
    }
}

#[test]
fn user_locks_belong_to_sessions() {
    let (mut sim, c) = pods(Generation::V7_2, 1, 1);
    let other = sim.connect_sys(0).expect("SYS logs in");
    let request = "SELECT USER_LOCK_REQUEST(77) FROM DUAL";
    assert_eq!(number(&mut sim, c[0], request), 0);
    assert_eq!(number(&mut sim, c[0], request), 4);
    let began = sim.now();
    assert_eq!(number(&mut sim, other, request), 1);
    assert_eq!((sim.now() - began) / SECOND, 10);
    sim.send(other, request);
    sim.run_for(SECOND);
    sim.close(c[0]);
    assert!(matches!(sim.wait(other), Response::Rows { rows, .. } if rows == ints(&[0])), "free at once");
    assert_eq!(number(&mut sim, other, "SELECT USER_LOCK_RELEASE(77) FROM DUAL"), 0);
}

#[test]
fn sessions_are_listed_and_closed() {
    let (mut sim, c) = pods(Generation::V7_2, 1, 1);
    let options = [("UID", "SYS"), ("PWD", "manager"), ("AUTOCOMMIT", "OFF"), ("APP_INFO", "writer")];
    let victim = sim.connect(0, &options).expect("SYS logs in");
    ok(&mut sim, c[0], TABLE);
    ok(&mut sim, victim, "INSERT INTO T1 VALUES (1, 'lost')");
    let find = "SELECT ID FROM V$SESSION WHERE CLIENT_APP_INFO = 'writer' AND COMM_NAME LIKE 'TCP %:%'";
    let id = number(&mut sim, c[0], find);
    ok(&mut sim, c[0], &format!("ALTER DATABASE mydb SESSION CLOSE {id}"));
    sim.run_for(SECOND);
    assert!(!sim.is_open(victim));
    assert!(rows(&mut sim, c[0], find).is_empty());
    assert!(contents(&mut sim, c[0]).is_empty(), "its transaction is undone");
    let waiting = sim.connect(0, &options).expect("SYS logs in");
    let holder = manual(&mut sim, 0);
    ok(&mut sim, holder, "LOCK TABLE T1 IN EXCLUSIVE MODE");
    sim.send(waiting, "INSERT INTO T1 VALUES (2, 'x')");
    sim.run_for(SECOND);
    let id = number(&mut sim, c[0], find);
    ok(&mut sim, c[0], &format!("ALTER DATABASE mydb SESSION CLOSE {id}"));
    assert_eq!(code(&sim.wait(waiting)), 4163);
}

#[test]
fn a_database_is_known_by_its_signature() {
    let (mut sim, c) = pods(Generation::V7_2, 1, 1);
    let read = "SELECT V.PRODUCT_VERSION, V.REPL_PROTOCOL_VERSION, I.STARTUP_TIME_SEC, D.DB_NAME, D.DB_SIGNATURE \
                FROM V$VERSION V, V$INSTANCE I, V$DATABASE D";
    let first = rows(&mut sim, c[0], read);
    sim.kill(0);
    sim.run_for(SECOND);
    sim.start(0).expect("the pod starts");
    let c = sim.connect_sys(0).expect("SYS logs in");
    let second = rows(&mut sim, c, read);
    assert_eq!(first[0][4], second[0][4]);
    assert_ne!(first[0][2], second[0][2], "a newer start");
    sim.wipe(0);
    sim.start(0).expect("the pod starts");
    let c = sim.connect_sys(0).expect("SYS logs in");
    assert_ne!(rows(&mut sim, c, read)[0][4], second[0][4]);
}

#[test]
fn properties_of_the_boot_hold_and_changes_do_not() {
    let mut sim = Sim::new(1);
    let mut config = PodConfig::new(Generation::V7_2, "10.0.0.0");
    config.boot_properties.insert("ADMIN_MODE".to_owned(), "1".to_owned());
    sim.add_pod(config).expect("a pod starts");
    assert_eq!(sim.connect_sys(0).err().map(|e| code(&e)), Some(266_350));
    let sysdba = [("UID", "SYS"), ("PWD", "manager"), ("PRIVILEGE", "SYSDBA")];
    let c = sim.connect(0, &sysdba).expect("SYSDBA gets in");
    ok(&mut sim, c, "ALTER SYSTEM SET ADMIN_MODE = 0");
    sim.connect_sys(0).expect("SYS logs in");
    ok(&mut sim, c, "ALTER SYSTEM SET REMOTE_SYSDBA_ENABLE = 0");
    sim.close(c);
    sim.run_for(SECOND);
    assert_eq!(sim.connect(0, &sysdba).err().map(|e| code(&e)), Some(266_441));
    sim.kill(0);
    sim.start(0).expect("the pod starts");
    assert_eq!(sim.connect_sys(0).err().map(|e| code(&e)), Some(266_350));
}

/// Each object has a receiver of its own, so copies side by side do not slow each other down.
#[test]
fn a_sync_takes_its_rows_in_at_the_pace_that_is_asked_for() {
    let (mut sim, c) = pods(Generation::V7_2, 2, 1);
    for (pod, client) in c.iter().enumerate() {
        ok(&mut sim, *client, "ALTER SYSTEM SET REPLICATION_ALLOW_DUPLICATE_HOSTS = 1");
        for table in ["T1", "T2"] {
            ok(&mut sim, *client, &TABLE.replace("T1", table));
            let host = sim.ip(1 - pod);
            let sql = format!("CREATE REPLICATION R{table} WITH '{host}', 20301 FROM SYS.{table} TO SYS.{table}");
            ok(&mut sim, *client, &sql);
        }
    }
    for key in 0..3000 {
        ok(&mut sim, c[0], &format!("INSERT INTO T1 VALUES ({key}, 'a')"));
        ok(&mut sim, c[0], &format!("INSERT INTO T2 VALUES ({key}, 'a')"));
    }
    sim.config_mut(1).copy_pace = std::num::NonZeroU32::new(500);
    sim.kill(1);
    sim.start(1).expect("the pod starts");
    let other = sim.connect_sys(0).expect("SYS logs in");
    let began = sim.now();
    sim.send(other, "ALTER REPLICATION RT2 SYNC");
    assert_eq!(seconds(&mut sim, c[0], "ALTER REPLICATION RT1 SYNC"), (0, 6));
    sim.run_until(60 * SECOND, |sim| sim.has_answer(other));
    assert_eq!((sim.now() - began) / SECOND, 6);
    let there = sim.connect_sys(1).expect("SYS logs in");
    assert_eq!(contents(&mut sim, there).len(), 3000);
}

#[test]
fn received_rows_are_not_forwarded_and_unreplicated_ones_not_sent() {
    let (mut sim, c) = pods(Generation::V7_2, 3, 1);
    for (pod, client) in c.iter().enumerate() {
        ok(&mut sim, *client, TABLE);
        for peer in (0..3).filter(|p| *p != pod) {
            let (a, b) = (pod.min(peer), pod.max(peer));
            create(&mut sim, *client, &format!("R{a}{b}"), peer);
        }
    }
    // A chain 0 -> 1 -> 2, nothing from 0 to 2.
    ok(&mut sim, c[0], "ALTER REPLICATION R01 START");
    ok(&mut sim, c[1], "ALTER REPLICATION R12 START");
    ok(&mut sim, c[0], "INSERT INTO T1 VALUES (1, 'from 0')");
    ok(&mut sim, c[0], "ALTER SESSION SET REPLICATION = FALSE");
    ok(&mut sim, c[0], "INSERT INTO T1 VALUES (2, 'kept')");
    ok(&mut sim, c[0], "ALTER REPLICATION R01 FLUSH ALL WAIT 5");
    ok(&mut sim, c[1], "ALTER REPLICATION R12 FLUSH ALL WAIT 5");
    assert_eq!(contents(&mut sim, c[1]).len(), 1);
    assert!(contents(&mut sim, c[2]).is_empty());
}

#[test]
fn a_full_table_of_replications_is_refused() {
    let mut sim = Sim::new(1);
    let mut config = PodConfig::new(Generation::V7_2, "10.0.0.0");
    config.boot_properties.insert("REPLICATION_MAX_COUNT".to_owned(), "2".to_owned());
    sim.add_pod(config).expect("a pod starts");
    let c = sim.connect_sys(0).expect("SYS logs in");
    ok(&mut sim, c, TABLE);
    let codes: Vec<_> = (1..=3)
        .map(|n| {
            native(&mut sim, c, &format!("CREATE REPLICATION R{n} WITH '10.0.0.{n}', 20301 FROM SYS.T1 TO SYS.T1"))
        })
        .collect();
    assert_eq!(codes, [0, 0, 397_570]);
    assert_eq!(native(&mut sim, c, "ALTER SYSTEM SET REPLICATION_MAX_COUNT = 9"), 4174);
}
