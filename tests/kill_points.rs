//! kill -9 of real pods at random points under load: no acknowledged row is lost, and a pair is equal again afterwards.
//!
//! `AKU_CASES` asks for more cases, `AKU_SEED` plays one seed first: statements, the points of the kills and their moments
//! come from it. What a client has an answer for must be there; what was under way when the pod died may be or not.
#![allow(clippy::unwrap_used)] // Helpers of tests panic where a test would.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{BuildHasher as _, RandomState},
    path::PathBuf,
    time::Duration,
};

use aku::{
    db::{
        client::{Client, Options},
        wire::{Cell, Response},
    },
    lab::{
        Lab, LabOptions,
        fault::{Fault, Moment},
        process::{Life, PodProgram, wait_until},
    },
    topology::{Ordinal, ServerCount},
};

const ZERO: Ordinal = Ordinal::MASTER;
const PATIENCE: Duration = Duration::from_secs(30);
/// Kills in one case.
const KILLS: u64 = 3;
/// Writers, each with keys of its own.
const WRITERS: i64 = 3;

/// A small generator: the tests need a seed that can be given again, not good numbers.
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// Seeds of the cases to play, printed so that one can be given again.
fn seeds(name: &str, default: u64) -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|s| s.parse::<u64>().ok());
    let first = number("AKU_SEED").unwrap_or_else(|| RandomState::new().hash_one(name) >> 16);
    println!("{name}: AKU_SEED={first}");
    (0..number("AKU_CASES").unwrap_or(default)).map(|n| first + n).collect()
}

fn lab(pods: u8) -> (tempfile::TempDir, Lab) {
    let temp = tempfile::tempdir().unwrap();
    let program = PodProgram::aku(PathBuf::from(env!("CARGO_BIN_EXE_aku")));
    let mut options = LabOptions::new(temp.path().join("lab"), ServerCount::new(pods).unwrap(), program);
    options.properties.insert("ADMIN_MODE".to_owned(), 0);
    (temp, Lab::up(options).unwrap())
}

fn client(lab: &Lab, pod: Ordinal) -> Option<Client> {
    lab.client(pod, &Options::new("SYS", "manager".to_owned().into())).ok()
}

type Rows = BTreeMap<i64, i64>;

/// One client's rows as it knows them.
#[derive(Default)]
struct Writer {
    number: i64,
    /// What was answered.
    rows: Rows,
    /// Keys of the statement or transaction that had no answer when the pod died.
    doubtful: BTreeSet<i64>,
    next: i64,
}

impl Writer {
    /// A statement, and what the rows are after it.
    fn choose(&mut self, dice: &mut Dice, rows: &mut Rows, touched: &mut BTreeSet<i64>) -> String {
        let (value, old) = (i64::try_from(dice.below(1_000_000)).unwrap(), dice.below(rows.len().max(1) as u64));
        let key = rows.keys().nth(usize::try_from(old).unwrap()).copied();
        let (key, sql) = match (dice.below(10), key) {
            (0..=1, Some(key)) => {
                rows.remove(&key);
                (key, format!("DELETE FROM SYS.T1 WHERE I1 = {key}"))
            }
            (2..=5, Some(key)) => {
                rows.insert(key, value);
                (key, format!("UPDATE SYS.T1 SET C3 = {value} WHERE I1 = {key}"))
            }
            _ => {
                let key = self.number * 1_000_000 + self.next;
                self.next += 1;
                rows.insert(key, value);
                (key, format!("INSERT INTO SYS.T1 VALUES ({key}, 'w', {value})"))
            }
        };
        touched.insert(key);
        sql
    }

    /// Writes until the pod is gone; some in autocommit, some in transactions that may be rolled back.
    fn write(&mut self, lab: &Lab, pod: Ordinal, mut dice: Dice) {
        let Some(mut client) = client(lab, pod) else { return };
        loop {
            let length = if dice.below(3) == 0 { 1 + dice.below(6) } else { 0 };
            let (mut rows, mut touched) = (self.rows.clone(), BTreeSet::new());
            let mut script = Vec::new();
            if length > 0 {
                script.push("ALTER SESSION SET AUTOCOMMIT = FALSE".to_owned());
            }
            for _ in 0..length.max(1) {
                script.push(self.choose(&mut dice, &mut rows, &mut touched));
            }
            let undone = length > 0 && dice.below(5) == 0;
            if length > 0 {
                script.push(if undone { "ROLLBACK" } else { "COMMIT" }.to_owned());
                script.push("ALTER SESSION SET AUTOCOMMIT = TRUE".to_owned());
            }
            let committed = script.len() - usize::from(length > 0);
            for (n, sql) in script.iter().enumerate() {
                if client.execute(sql).is_err() {
                    // Only the statement that commits can have taken effect without an answer.
                    if n + 1 == committed && !undone {
                        self.doubtful.extend(touched);
                    } else if n + 1 > committed && !undone {
                        self.rows = rows;
                    }
                    return;
                }
            }
            if !undone {
                self.rows = rows;
            }
        }
    }
}

fn contents(lab: &Lab, pod: Ordinal) -> Rows {
    let Response::Rows { rows, .. } = lab.sql(pod, "SELECT I1, C3 FROM SYS.T1").unwrap() else { panic!() };
    let int = |c: &Cell| if let Cell::Int(n) = c { *n } else { panic!("{c:?}") };
    rows.iter().map(|row| (int(&row[0]), int(&row[1]))).collect()
}

/// Lets the writers write on pod 0 until `victim` is killed at a random point.
fn round(lab: &Lab, dice: &mut Dice, writers: &mut [Writer], victim: Ordinal) {
    let moment = if dice.below(2) == 0 { Moment::Before } else { Moment::After };
    let nth = u32::try_from(1 + dice.below(400)).unwrap();
    let delay_millis = if dice.below(2) == 0 { 0 } else { u32::try_from(dice.below(40)).unwrap() };
    let seeds: Vec<_> = writers.iter().map(|_| Dice(dice.below(u64::MAX >> 1) | 1)).collect();
    lab.fault(ZERO, None, Fault::Kill { moment, matching: String::new(), nth, delay_millis }).unwrap();
    std::thread::scope(|scope| {
        if victim != ZERO {
            // The other pod dies somewhere in the middle of what pod 0 sends.
            let pause = Duration::from_millis(dice.below(30));
            scope.spawn(move || {
                std::thread::sleep(pause);
                lab.kill(victim).unwrap();
            });
        }
        for (writer, dice) in writers.iter_mut().zip(seeds) {
            scope.spawn(move || writer.write(lab, ZERO, dice));
        }
    });
    for pod in [ZERO, victim] {
        assert!(wait_until(PATIENCE, || lab.life(pod) == Life::Down), "pod {pod} is still there");
        if lab.life(pod) == Life::Down {
            lab.start(pod).unwrap();
        }
        if victim == ZERO {
            break;
        }
    }
}

/// Every answered row is there, and nothing else but what was in doubt; the writers then know what is.
fn check(kept: &Rows, writers: &mut [Writer], seed: u64) {
    for writer in writers {
        let mine = writer.number * 1_000_000..(writer.number + 1) * 1_000_000;
        let kept: Rows = kept.range(mine).map(|(k, v)| (*k, *v)).collect();
        let differs = |key: &i64| kept.get(key) != writer.rows.get(key) && !writer.doubtful.contains(key);
        let wrong: Vec<_> = kept.keys().chain(writer.rows.keys()).filter(|k| differs(k)).collect();
        assert!(wrong.is_empty(), "seed {seed}, writer {}: rows {wrong:?}", writer.number);
        writer.rows = kept;
        writer.doubtful.clear();
    }
}

fn writers() -> Vec<Writer> {
    (1..=WRITERS).map(|number| Writer { number, ..Writer::default() }).collect()
}

#[test]
fn a_killed_pod_keeps_every_acknowledged_row() {
    let (_temp, lab) = lab(1);
    let mut writers = writers();
    for seed in seeds("a_killed_pod", 2) {
        let mut dice = Dice(seed | 1);
        for _ in 0..KILLS {
            round(&lab, &mut dice, &mut writers, ZERO);
            check(&contents(&lab, ZERO), &mut writers, seed);
        }
    }
    assert!(writers.iter().all(|w| w.next > 0), "nothing was written");
}

#[test]
fn a_killed_pair_is_equal_and_keeps_every_acknowledged_row() {
    let (_temp, lab) = lab(2);
    let one = Ordinal::new(1).unwrap();
    for (pod, peer) in [(ZERO, one), (one, ZERO)] {
        let (ip, port) = (lab.file().ip(peer), lab.file().replication_port());
        lab.sql(pod, &format!("CREATE REPLICATION R WITH '{ip}', {port} FROM SYS.T1 TO SYS.T1")).unwrap();
    }
    for pod in [ZERO, one] {
        lab.sql(pod, "ALTER REPLICATION R START").unwrap();
    }
    let mut writers = writers();
    for seed in seeds("a_killed_pair", 2) {
        let mut dice = Dice(seed | 1);
        for _ in 0..KILLS {
            let victim = if dice.below(2) == 0 { ZERO } else { one };
            round(&lab, &mut dice, &mut writers, victim);
            for pod in [ZERO, one] {
                lab.sql(pod, "ALTER REPLICATION R FLUSH ALL WAIT 30").unwrap();
            }
            let kept = contents(&lab, ZERO);
            check(&kept, &mut writers, seed);
            assert!(kept == contents(&lab, one), "seed {seed}: pods differ");
        }
    }
    assert!(writers.iter().all(|w| w.next > 0), "nothing was written");
}
