//! What the lab must carry, measured over real processes: `cargo test --release --test scale -- --ignored --nocapture`.
//!
//! Ignored in the usual run because they look at the clock and at memory: the bounds are those that the lab promises for a
//! release build on a machine with two cores. Each prints what it measured. Run them one at a time (`--test-threads 1`).
#![allow(clippy::unwrap_used)] // Helpers of tests panic where a test would.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use aku::{
    db::{
        client::{Client, Options},
        wire::{Cell, Response},
    },
    lab::{
        Lab, LabOptions,
        process::{PodProgram, ProcessId},
    },
    topology::{Ordinal, ServerCount},
};

const ZERO: Ordinal = Ordinal::MASTER;
const TABLE: &str = "CREATE TABLE S1 (I1 INTEGER PRIMARY KEY, C2 VARCHAR(40), N INTEGER)";

fn one() -> Ordinal {
    Ordinal::new(1).unwrap()
}

fn lab(pods: u8) -> (tempfile::TempDir, Lab) {
    let temp = tempfile::tempdir().unwrap();
    let program = PodProgram::aku(PathBuf::from(env!("CARGO_BIN_EXE_aku")));
    let mut options = LabOptions::new(temp.path().join("lab"), ServerCount::new(pods).unwrap(), program);
    options.properties.insert("ADMIN_MODE".to_owned(), 0);
    let lab = Lab::up(options).unwrap();
    (temp, lab)
}

/// A session that waits as long as the amounts here take.
fn client(lab: &Lab, pod: Ordinal) -> Client {
    let options = Options::new("SYS", "manager".to_owned().into());
    let mut client = lab.client(pod, &options).unwrap();
    client.execute("ALTER SESSION SET QUERY_TIMEOUT = 0").unwrap();
    client
}

fn number(client: &mut Client, sql: &str) -> i64 {
    match client.execute(sql).unwrap() {
        Response::Rows { rows, .. } => match rows[..] {
            [ref row] => match row[0] {
                Cell::Int(n) => n,
                ref other => panic!("{other:?}"),
            },
            ref other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// Both pods have S1 and a replication R of it towards each other.
fn pair(lab: &Lab) -> (Client, Client) {
    let (mut a, mut b) = (client(lab, ZERO), client(lab, one()));
    for (client, peer) in [(&mut a, one()), (&mut b, ZERO)] {
        let (ip, port) = (lab.file().ip(peer), lab.file().replication_port());
        client.execute(TABLE).unwrap();
        client.execute(&format!("CREATE REPLICATION R WITH '{ip}', {port} FROM SYS.S1 TO SYS.S1")).unwrap();
    }
    (a, b)
}

/// Rows 1 to `count`.
fn fill(client: &mut Client, count: u32) {
    client
        .execute(&format!("INSERT INTO S1 SELECT LEVEL, 'row'||LEVEL, 0 FROM DUAL CONNECT BY LEVEL <= {count}"))
        .unwrap();
}

/// Resident memory of all pods, bytes.
fn resident(lab: &Lab) -> u64 {
    let of_pod = |pod| {
        let id = ProcessId::of_pod(&lab.pod_dir(pod)).unwrap().pid;
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
    };
    lab.pods().map(of_pod).sum()
}

fn measured(what: &str, took: Duration, bound: Duration) {
    println!("{what}: {:.2} s (bound {} s)", took.as_secs_f64(), bound.as_secs());
    assert!(took < bound, "{what}: {took:?}");
}

#[test]
#[ignore = "looks at the clock"]
fn thirty_three_pods_come_up() {
    let began = Instant::now();
    let (_temp, lab) = lab(33);
    measured("33 pods up", began.elapsed(), Duration::from_secs(5));
    let bytes = resident(&lab);
    println!("33 pods: {} MB resident", bytes >> 20);
    assert!(bytes < 2 << 30, "{bytes}");
}

#[test]
#[ignore = "takes long"]
fn ten_thousand_tables_in_one_replication() {
    let (_temp, lab) = lab(2);
    let (mut a, mut b) = (client(&lab, ZERO), client(&lab, one()));
    let items: Vec<_> = (0..10_000).map(|n| format!("FROM SYS.W{n} TO SYS.W{n}")).collect();
    for (client, peer) in [(&mut a, one()), (&mut b, ZERO)] {
        let began = Instant::now();
        for n in 0..10_000 {
            client.execute(&format!("CREATE TABLE W{n} (I1 INTEGER PRIMARY KEY, C2 VARCHAR(20))")).unwrap();
        }
        println!("10,000 tables made: {:.2} s", began.elapsed().as_secs_f64());
        let (ip, port) = (lab.file().ip(peer), lab.file().replication_port());
        let began = Instant::now();
        client.execute(&format!("CREATE REPLICATION R WITH '{ip}', {port} {}", items.join(", "))).unwrap();
        println!("CREATE REPLICATION: {:.2} s", began.elapsed().as_secs_f64());
    }
    let began = Instant::now();
    a.execute("ALTER REPLICATION R START").unwrap();
    b.execute("ALTER REPLICATION R START").unwrap();
    println!("START both ways: {:.2} s", began.elapsed().as_secs_f64());
    let began = Instant::now();
    for n in (0..10_000).step_by(10) {
        a.execute(&format!("INSERT INTO W{n} VALUES ({n}, 'a')")).unwrap();
        b.execute(&format!("INSERT INTO W{} VALUES ({n}, 'b')", n + 1)).unwrap();
    }
    a.execute("ALTER REPLICATION R FLUSH ALL WAIT 60").unwrap();
    b.execute("ALTER REPLICATION R FLUSH ALL WAIT 60").unwrap();
    println!("2,000 rows over 2,000 tables: {:.2} s", began.elapsed().as_secs_f64());
    for n in (0..10_000).step_by(10) {
        assert_eq!(number(&mut b, &format!("SELECT I1 FROM W{n}")), n);
        assert_eq!(number(&mut a, &format!("SELECT I1 FROM W{}", n + 1)), n);
    }
    lab.kill(ZERO).unwrap();
    let began = Instant::now();
    lab.start(ZERO).unwrap();
    println!("a killed pod is back: {:.2} s", began.elapsed().as_secs_f64());
    assert_eq!(number(&mut client(&lab, ZERO), "SELECT ITEM_COUNT FROM SYSTEM_.SYS_REPLICATIONS_"), 10_000);
}

#[test]
#[ignore = "looks at the clock"]
fn a_million_rows_are_copied() {
    let (_temp, lab) = lab(2);
    let (mut a, mut b) = pair(&lab);
    fill(&mut a, 1_000_000);
    let began = Instant::now();
    a.execute("ALTER REPLICATION R SYNC").unwrap();
    measured("SYNC of 1,000,000 rows", began.elapsed(), Duration::from_secs(10));
    a.execute("ALTER REPLICATION R FLUSH ALL WAIT 60").unwrap();
    assert_eq!(number(&mut b, "SELECT COUNT(*) FROM S1"), 1_000_000);
    println!("2 pods with 1,000,000 rows each: {} MB resident", resident(&lab) >> 20);
}

#[test]
#[ignore = "looks at the clock"]
fn many_changes_pass_through_one_pair() {
    let (_temp, lab) = lab(2);
    let (mut a, mut b) = pair(&lab);
    a.execute("ALTER REPLICATION R START").unwrap();
    let began = Instant::now();
    fill(&mut a, 100_000);
    a.execute("UPDATE S1 SET N = I1 WHERE I1 <= 50000").unwrap();
    a.execute("DELETE FROM S1 WHERE I1 > 50000").unwrap();
    a.execute("ALTER REPLICATION R FLUSH ALL WAIT 60").unwrap();
    measured("200,000 changes of few statements", began.elapsed(), Duration::from_secs(10));
    equal(&mut a, &mut b, 50_000);
}

#[test]
#[ignore = "takes long"]
fn many_small_statements_pass_through_one_pair() {
    let (_temp, lab) = lab(2);
    let (mut a, mut b) = pair(&lab);
    a.execute("ALTER REPLICATION R START").unwrap();
    let began = Instant::now();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let mut c = client(&lab, ZERO);
            scope.spawn(move || {
                for n in 0..25_000 {
                    let key = writer * 25_000 + n;
                    c.execute(&format!("INSERT INTO S1 VALUES ({key}, 'row', 0)")).unwrap();
                    c.execute(&format!("UPDATE S1 SET N = 1 WHERE I1 = {key}")).unwrap();
                }
            });
        }
    });
    println!("200,000 statements answered: {:.2} s", began.elapsed().as_secs_f64());
    a.execute("ALTER REPLICATION R FLUSH ALL WAIT 60").unwrap();
    // No promise: most of it is the clients' way to the pod and back.
    println!("200,000 changes, each a statement and a transaction: {:.2} s", began.elapsed().as_secs_f64());
    equal(&mut a, &mut b, 100_000);
}

/// Same rows on both pods, and so many.
fn equal(a: &mut Client, b: &mut Client, count: i64) {
    assert_eq!(number(a, "SELECT COUNT(*) FROM S1"), count);
    let rows = |c: &mut Client| c.execute("SELECT * FROM S1 ORDER BY I1").unwrap();
    assert!(rows(a) == rows(b), "pods differ");
}

/// Three pods of a million rows, of which a thousand differ: compared, planned, repaired and compared again.
#[test]
#[ignore = "looks at the clock"]
fn a_thousand_rows_of_a_million_are_repaired_within_a_minute() {
    let temp = tempfile::tempdir().unwrap();
    let program = PodProgram::aku(PathBuf::from(env!("CARGO_BIN_EXE_aku")));
    let lab = Lab::up(LabOptions::new(temp.path().join("lab"), ServerCount::new(3).unwrap(), program)).unwrap();
    let aku = |on: u8, args: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_aku"));
        command.args(args.split_whitespace()).envs(lab.environment()).env("AKU_ORDINAL", on.to_string());
        let out = command.env_remove("AKU_SYS_PASSWORD").current_dir(temp.path()).output().unwrap();
        (out.status.code(), String::from_utf8_lossy(&out.stdout).into_owned())
    };
    for n in 0..3 {
        assert_eq!(aku(n, "-p start").0, Some(0));
    }
    for n in 0..3 {
        let mut client = client(&lab, Ordinal::new(n).unwrap());
        client.execute("ALTER SESSION SET REPLICATION = FALSE").unwrap();
        let rows = "SELECT LEVEL, 'row'||LEVEL, 0 FROM DUAL CONNECT BY LEVEL <= 1000000";
        client.execute(&format!("INSERT INTO SYS.T1 {rows}")).unwrap();
        if n == 1 {
            client.execute("UPDATE SYS.T1 SET C3 = 5 WHERE I1 > 500000 AND I1 <= 500600").unwrap();
            client.execute("DELETE FROM SYS.T1 WHERE I1 > 900000 AND I1 <= 900300").unwrap();
            let more = "SELECT LEVEL + 2000000, 'extra', 0 FROM DUAL CONNECT BY LEVEL <= 100";
            client.execute(&format!("INSERT INTO SYS.T1 {more}")).unwrap();
        }
    }
    let began = Instant::now();
    let (code, out) = aku(0, "verify --plan --right majority -o r.json");
    assert_eq!(code, Some(2), "{out}");
    let planned = began.elapsed();
    let yes = "--yes --approve deletes-surplus=altibase-sts/1/SYS.T1/100";
    let (code, out) = aku(0, &format!("apply r.json {yes}"));
    assert_eq!(code, Some(0), "{out}");
    let took = began.elapsed();
    println!("compared and planned in {planned:?}, repaired after {took:?}");
    assert_eq!(aku(0, "verify").0, Some(0));
    assert!(took < Duration::from_secs(60), "{took:?}");
}
