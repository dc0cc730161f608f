//! The seconds of a real server, beside what was measured (`measured.md` 5, 8 and 9.1).

use aku_db::wire::Cell;

use super::{ClientId, SECOND, Sim, TABLE, code, create, native, number, ok, rows};
use crate::{
    io::Micros,
    pace::Pace,
    server::{Generation, PodConfig},
};

const MILLI: Micros = 1000;

/// Two pods at that pace with tables T1 to T6, each in a replication of its own, R1 to R6.
fn six(pace: Pace) -> (Sim, [ClientId; 2]) {
    let mut sim = Sim::new(1);
    let clients = [0, 1].map(|pod| {
        let config = PodConfig { pace, ..PodConfig::new(Generation::V7_2, format!("10.0.0.{pod}")) };
        sim.add_pod(config).expect("a pod starts");
        sim.connect_sys(pod).expect("SYS logs in")
    });
    for (pod, client) in clients.into_iter().enumerate() {
        ok(&mut sim, client, "ALTER SYSTEM SET REPLICATION_ALLOW_DUPLICATE_HOSTS = 1");
        for n in 1..=6 {
            ok(&mut sim, client, &TABLE.replace("T1", &format!("T{n}")));
            let host = sim.ip(1 - pod);
            let sql = format!("CREATE REPLICATION R{n} WITH '{host}', 20301 FROM SYS.T{n} TO SYS.T{n}");
            ok(&mut sim, client, &sql);
        }
    }
    (sim, clients)
}

/// How long a statement took.
fn took(sim: &mut Sim, client: ClientId, sql: &str) -> Micros {
    let began = sim.now();
    ok(sim, client, sql);
    sim.now() - began
}

/// The same for one statement on each of R1 to R6, side by side on sessions of their own.
fn side_by_side(sim: &mut Sim, pod: usize, verb: &str) -> Micros {
    let sessions: Vec<_> = (0..6).map(|_| sim.connect_sys(pod).expect("SYS logs in")).collect();
    let began = sim.now();
    for (n, session) in sessions.iter().enumerate() {
        sim.send(*session, &format!("ALTER REPLICATION R{} {verb}", n + 1));
    }
    for session in &sessions {
        assert_eq!(code(&sim.wait(*session)), 0);
    }
    sim.now() - began
}

fn in_turn(sim: &mut Sim, client: ClientId, verb: &str) -> Vec<Micros> {
    (1..=6).map(|n| took(sim, client, &format!("ALTER REPLICATION R{n} {verb}"))).collect()
}

#[test]
fn start_looks_once_a_second_and_stops_queue() {
    let (mut sim, [c, _]) = six(Pace::Real);
    let starts = in_turn(&mut sim, c, "START");
    for start in &starts {
        let instant = (10 * MILLI..=50 * MILLI).contains(start);
        assert!(instant || (1000 * MILLI..=1060 * MILLI).contains(start), "{starts:?}");
    }
    let all: Micros = starts.iter().sum();
    assert!((2_100 * MILLI..=6_300 * MILLI).contains(&all), "{starts:?}");
    let stops: Micros = in_turn(&mut sim, c, "STOP").iter().sum();
    assert!((5_800 * MILLI..=5_950 * MILLI).contains(&stops), "{stops}");
    let together = side_by_side(&mut sim, 0, "START");
    assert!((1_000 * MILLI..=1_200 * MILLI).contains(&together), "{together}");
    let together = side_by_side(&mut sim, 0, "STOP");
    assert!((5_800 * MILLI..=5_950 * MILLI).contains(&together), "{together}");
}

#[test]
fn start_retry_is_quick() {
    let (mut sim, [c, _]) = six(Pace::Real);
    let began = sim.now();
    let retries: Micros = in_turn(&mut sim, c, "START RETRY").iter().sum();
    assert!((80 * MILLI..=100 * MILLI).contains(&retries), "{retries}");
    let connected = "SELECT COUNT(*) FROM V$REPSENDER WHERE STATUS = 1 AND NET_ERROR_FLAG = 0";
    sim.run_until(SECOND, |sim| number(sim, c, connected) == 6);
    assert!(sim.now() - began <= 160 * MILLI, "{}", sim.now() - began);
}

#[test]
fn a_stop_holds_up_starts_and_views_but_not_gaps_and_changes() {
    let (mut sim, [c, _]) = six(Pace::Real);
    in_turn(&mut sim, c, "START RETRY");
    ok(&mut sim, c, "ALTER REPLICATION R6 STOP");
    let other = sim.connect_sys(0).expect("SYS logs in");
    sim.run_for(SECOND);
    sim.send(c, "ALTER REPLICATION R1 STOP");
    sim.run_for(700 * MILLI);
    assert!(took_rows(&mut sim, other, "SELECT REP_GAP FROM V$REPGAP") < MILLI);
    assert!(took(&mut sim, other, "INSERT INTO T2 VALUES (1, 'a')") < MILLI);
    let view = took_rows(&mut sim, other, "SELECT STATUS FROM V$REPSENDER");
    assert!((100 * MILLI..=330 * MILLI).contains(&view), "{view}");
    sim.send(c, "ALTER REPLICATION R2 STOP");
    sim.run_for(100 * MILLI);
    let start = took(&mut sim, other, "ALTER REPLICATION R6 START RETRY");
    assert!((800 * MILLI..=900 * MILLI).contains(&start), "{start}");
}

fn took_rows(sim: &mut Sim, client: ClientId, sql: &str) -> Micros {
    let began = sim.now();
    rows(sim, client, sql);
    sim.now() - began
}

/// FLUSH on pod 1 while only pod 0 is written to: code and time.
fn flush_under(pace: Pace, per_second: u64, flush: &str) -> (i32, Micros) {
    let (mut sim, [writer, c]) = six(pace);
    ok(&mut sim, writer, "ALTER REPLICATION R1 START");
    ok(&mut sim, c, "ALTER REPLICATION R1 START");
    let mut key = 0;
    let mut write = |sim: &mut Sim| {
        key += 1;
        ok(sim, writer, &format!("INSERT INTO T1 VALUES ({key}, 'a')"));
        // Clients keep no beat: between half of the mean and one and a half.
        let mean = SECOND / per_second;
        let wait = mean / 2 + sim.rng().below(mean);
        sim.run_for(wait - 40);
    };
    // Past the wait that follows a START.
    for _ in 0..6 * per_second {
        write(&mut sim);
    }
    let began = sim.now();
    sim.send(c, &format!("ALTER REPLICATION R1 {flush} WAIT 12"));
    while !sim.has_answer(c) {
        write(&mut sim);
    }
    (code(&sim.wait(c)), sim.now() - began)
}

#[test]
fn what_was_received_keeps_flush_all_from_its_end() {
    const TIMEOUT: i32 = 397_429;
    let (real, fast) = (Pace::Real, Pace::Fast);
    let measured = [(10, 0, 1_200 * MILLI), (99, 6_100 * MILLI, 5_000 * MILLI), (441, 12_100 * MILLI, 5_100 * MILLI)];
    for (rate, all, plain) in measured {
        let (refused, time) = flush_under(real, rate, "FLUSH ALL");
        assert_eq!(refused, if rate == 441 { TIMEOUT } else { 0 }, "{rate}/s, {time}");
        assert!(time <= 2 * all + 200 * MILLI, "FLUSH ALL at {rate}/s: {time}");
        let (refused, time) = flush_under(real, rate, "FLUSH");
        assert!(refused == 0 && time <= 2 * plain, "FLUSH at {rate}/s: {refused}, {time}");
    }
    assert_eq!(flush_under(fast, 1000, "FLUSH ALL").0, TIMEOUT, "the load counts at every pace");
    let (refused, time) = flush_under(fast, 441, "FLUSH");
    assert!(refused == 0 && time < 20 * MILLI, "{refused}, {time}");
    let (refused, time) = flush_under(fast, 99, "FLUSH ALL");
    assert!(refused == 0 && time < 50 * MILLI, "{refused}, {time}");
}

#[test]
fn received_changes_are_a_gap_until_they_are_passed() {
    let (mut sim, [writer, c]) = six(Pace::Fast);
    ok(&mut sim, writer, "ALTER REPLICATION R1 START");
    ok(&mut sim, c, "ALTER REPLICATION R1 START");
    ok(&mut sim, writer, "INSERT INTO T1 VALUES (1, 'a')");
    sim.run_for(5 * MILLI);
    assert_eq!(number(&mut sim, c, "SELECT REP_GAP FROM V$REPGAP"), 1);
    assert_eq!(number(&mut sim, writer, "SELECT REP_GAP FROM V$REPGAP"), 0, "what is sent is no gap");
    sim.run_for(100 * MILLI);
    assert_eq!(number(&mut sim, c, "SELECT REP_GAP FROM V$REPGAP"), 0);
    let end = "SELECT CUR_WRITE_LF_NO * 4294967296 + CUR_WRITE_LF_OFFSET FROM V$LFG";
    let end = number(&mut sim, c, end);
    assert_eq!(number(&mut sim, c, "SELECT XSN FROM V$REPSENDER"), end);
    assert_eq!(number(&mut sim, writer, "SELECT APPLY_XSN FROM V$REPRECEIVER"), end);
}

#[test]
fn a_flush_after_changes_waits_up_to_five_seconds_and_several_wait_once() {
    let (mut sim, [c, _]) = six(Pace::Real);
    in_turn(&mut sim, c, "START RETRY");
    let first: Micros = in_turn(&mut sim, c, "FLUSH WAIT 12").iter().sum();
    assert!((3_000 * MILLI..=5_100 * MILLI).contains(&first), "{first}");
    for n in 1..=6 {
        ok(&mut sim, c, &format!("INSERT INTO T{n} VALUES (1, 'a')"));
    }
    let all: Micros = in_turn(&mut sim, c, "FLUSH WAIT 12").iter().sum();
    assert!((2_000 * MILLI..=5_100 * MILLI).contains(&all), "{all}");
    assert!(took(&mut sim, c, "ALTER REPLICATION R1 FLUSH WAIT 12") < MILLI);
}

#[test]
fn a_sync_takes_seventeen_thousand_rows_a_second() {
    let (mut sim, [c, _]) = six(Pace::Real);
    ok(&mut sim, c, "INSERT INTO T1 VALUES (1, 'a')");
    for _ in 0..16 {
        ok(&mut sim, c, "INSERT INTO T1 SELECT I1 + (SELECT MAX(I1) FROM T1), C2 FROM T1");
    }
    let sync = took(&mut sim, c, "ALTER REPLICATION R1 SYNC");
    assert!((3_800 * MILLI..=4_200 * MILLI).contains(&sync), "65,536 rows in {sync}");
}

#[test]
fn start_retry_hides_what_start_says() {
    let sender = "SELECT STATUS, NET_ERROR_FLAG, XSN FROM V$REPSENDER";
    let catalog = "SELECT IS_STARTED FROM SYSTEM_.SYS_REPLICATIONS_ WHERE REPLICATION_NAME = 'R1' AND XSN >= 0";
    let hidden = |flag| vec![vec![Cell::Int(0), Cell::Int(flag), Cell::Int(-1)]];
    let (mut sim, [c, peer]) = six(Pace::Real);
    ok(&mut sim, peer, "DROP REPLICATION R1");
    let began = sim.now();
    assert_eq!(native(&mut sim, c, "ALTER REPLICATION R1 START"), 397_325);
    assert!(sim.now() - began < 100 * MILLI, "a refusal is told at once");
    ok(&mut sim, c, "ALTER REPLICATION R1 START RETRY");
    sim.run_for(50 * MILLI);
    assert_eq!(rows(&mut sim, c, sender), hidden(1));
    assert_eq!(number(&mut sim, c, catalog), 1);
    ok(&mut sim, c, "ALTER REPLICATION R1 STOP");

    create(&mut sim, peer, "R1", 0);
    sim.rules.unroute(1);
    ok(&mut sim, c, "ALTER REPLICATION R2 START RETRY");
    sim.run_for(300 * MILLI);
    assert_eq!(rows(&mut sim, c, sender), hidden(0), "nothing is known yet");
    let gap = rows(&mut sim, c, "SELECT REP_SN, READ_FILE_NO FROM V$REPGAP");
    assert_eq!(gap, [[Cell::Int(-1), Cell::Int(0)]]);
    let stop = took(&mut sim, c, "ALTER REPLICATION R2 STOP");
    assert!((2_700 * MILLI..=3_000 * MILLI).contains(&stop), "{stop}");
    let began = sim.now();
    assert_eq!(native(&mut sim, c, "ALTER REPLICATION R2 START"), 397_325);
    let time = sim.now() - began;
    assert!((3_000 * MILLI..=3_200 * MILLI).contains(&time), "{time}");
}
