//! Clients that write without pause while a test does something else, and remember what was acknowledged.

use std::collections::BTreeMap;

use aku_db::wire::{Cell, Response};

use super::{ClientId, Sim, code};

/// How a writer groups its statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Every statement is a transaction.
    Autocommit,
    /// Transactions of several statements with pauses; a few are rolled back.
    Transactions,
}

/// One writer on its own range of keys.
pub struct Writer {
    client: ClientId,
    style: Style,
    base: i64,
    next: i64,
    /// What it knows to be committed.
    pub rows: BTreeMap<i64, String>,
    /// Changes of the open transaction, in order; `None` deletes.
    open: Vec<(i64, Option<String>)>,
    /// Rows as the open transaction sees them, changes under way included.
    seen: BTreeMap<i64, String>,
    doubt: Vec<i64>,
    left: u64,
    sent: Option<Sent>,
    not_before: u64,
    pub alive: bool,
    /// Statements acknowledged.
    pub done: u64,
}

#[derive(Clone)]
enum Sent {
    Change(i64, Option<String>),
    Commit,
    Rollback,
}

impl Writer {
    pub fn new(sim: &mut Sim, pod: usize, number: i64, style: Style) -> Self {
        let autocommit = match style {
            Style::Autocommit => "ON",
            Style::Transactions => "OFF",
        };
        let options = [("UID", "SYS"), ("PWD", "manager"), ("AUTOCOMMIT", autocommit)];
        let client = sim.connect(pod, &options).expect("a writer logs in");
        Self {
            client,
            style,
            base: number * 1_000_000,
            next: 0,
            rows: BTreeMap::new(),
            open: Vec::new(),
            seen: BTreeMap::new(),
            doubt: Vec::new(),
            left: 0,
            sent: None,
            not_before: 0,
            alive: true,
            done: 0,
        }
    }

    fn settle(&mut self, answer: &Response) {
        let Some(sent) = self.sent.take() else { return };
        if code(answer) != 0 {
            // The session is gone, and the open transaction with it, unless it was being committed.
            self.alive = false;
            self.doubt = match sent {
                Sent::Change(key, _) if self.style == Style::Autocommit => vec![key],
                Sent::Commit => self.open.iter().map(|(key, _)| *key).collect(),
                Sent::Change(..) | Sent::Rollback => Vec::new(),
            };
            return;
        }
        self.done += 1;
        match (sent, self.style) {
            (Sent::Change(key, value), Style::Autocommit) => put(&mut self.rows, key, value),
            (Sent::Change(key, value), Style::Transactions) => self.open.push((key, value)),
            (Sent::Commit, _) => {
                for (key, value) in self.open.drain(..) {
                    put(&mut self.rows, key, value);
                }
            }
            (Sent::Rollback, _) => {
                self.open.clear();
                self.seen = self.rows.clone();
            }
        }
    }

    /// Whether nobody can tell what became of that row.
    pub fn in_doubt(&self, key: i64) -> bool {
        self.doubt.contains(&key)
    }

    /// Takes an answer and sends the next statement.
    pub fn tick(&mut self, sim: &mut Sim) {
        if let Some(answer) = sim.take(self.client) {
            self.settle(&answer);
        }
        if !self.alive || self.sent.is_some() || sim.now() < self.not_before {
            return;
        }
        let (sql, sent) = self.choose(sim);
        sim.send(self.client, &sql);
        self.sent = Some(sent);
    }

    fn choose(&mut self, sim: &mut Sim) -> (String, Sent) {
        if self.style == Style::Transactions {
            if self.left == 0 {
                self.left = 2 + sim.rng().below(8);
            } else {
                self.left -= 1;
                self.not_before = sim.now() + sim.rng().below(8_000);
            }
            if self.left == 0 {
                return if sim.rng().percent(10) {
                    ("ROLLBACK".to_owned(), Sent::Rollback)
                } else {
                    ("COMMIT".to_owned(), Sent::Commit)
                };
            }
        }
        let value = format!("v{}", sim.rng().below(1_000_000));
        let from = self.base + i64::try_from(sim.rng().below(self.next.unsigned_abs() + 1)).unwrap_or(0);
        let some = self.seen.range(from..).next().map(|(k, _)| *k);
        let (sql, key, value) = match (some, sim.rng().below(10)) {
            (Some(key), 0..4) => (format!("UPDATE T1 SET C2 = '{value}' WHERE I1 = {key}"), key, Some(value)),
            (Some(key), 4..6) => (format!("DELETE FROM T1 WHERE I1 = {key}"), key, None),
            _ => {
                self.next += 1;
                let key = self.base + self.next;
                (format!("INSERT INTO T1 VALUES ({key}, '{value}')"), key, Some(value))
            }
        };
        put(&mut self.seen, key, value.clone());
        (sql, Sent::Change(key, value))
    }
}

fn put(rows: &mut BTreeMap<i64, String>, key: i64, value: Option<String>) {
    match value {
        Some(value) => rows.insert(key, value),
        None => rows.remove(&key),
    };
}

/// A simulation with writers.
pub struct Crew {
    pub sim: Sim,
    pub writers: Vec<Writer>,
    resting: bool,
}

/// Time between two looks at the writers, microseconds.
const SLICE: u64 = 100;
/// A statement takes no longer, microseconds.
const PATIENCE: u64 = 5_000_000;

impl Crew {
    pub fn new(sim: Sim, writers: Vec<Writer>) -> Self {
        Self { sim, writers, resting: false }
    }

    pub fn run_for(&mut self, micros: u64) {
        let until = self.sim.now() + micros;
        while self.sim.now() < until {
            for writer in self.writers.iter_mut().filter(|_| !self.resting) {
                writer.tick(&mut self.sim);
            }
            self.sim.run_for(SLICE);
        }
    }

    /// Runs a statement while the writers go on.
    pub fn execute(&mut self, client: ClientId, sql: &str) -> Response {
        let began = self.sim.now();
        self.sim.send(client, sql);
        while self.sim.now() < began + PATIENCE {
            if let Some(answer) = self.sim.take(client) {
                return answer;
            }
            self.run_for(SLICE);
        }
        panic!("{sql} never ends");
    }

    /// Must succeed; an operator takes a little time for each statement.
    pub fn ok(&mut self, client: ClientId, sql: &str) {
        let answer = self.execute(client, sql);
        assert_eq!(code(&answer), 0, "{sql}: {answer:?}");
        self.run_for(2_000);
    }

    /// Lets every writer finish its transaction and stop.
    pub fn rest(&mut self) {
        self.resting = true;
        for _ in 0..100_000 {
            let busy = |w: &Writer| w.alive && (w.sent.is_some() || w.left > 0);
            if !self.writers.iter().any(busy) {
                return;
            }
            for writer in &mut self.writers {
                if let Some(answer) = self.sim.take(writer.client) {
                    writer.settle(&answer);
                }
                if writer.alive && writer.sent.is_none() && writer.left > 0 {
                    writer.left = 0;
                    self.sim.send(writer.client, "COMMIT");
                    writer.sent = Some(Sent::Commit);
                }
            }
            self.sim.run_for(SLICE);
        }
        panic!("writers do not come to rest");
    }
}

/// Keys that differ between what a pod holds and what it should hold: missing, extra, differing.
pub fn compare(got: &[Vec<Cell>], want: &[Vec<Cell>]) -> (usize, usize, usize) {
    let map = |rows: &[Vec<Cell>]| -> BTreeMap<i64, Cell> {
        let pair = |r: &Vec<Cell>| match &r[0] {
            Cell::Int(n) => (*n, r[1].clone()),
            other => panic!("a key is a number: {other:?}"),
        };
        rows.iter().map(pair).collect()
    };
    let (got, want) = (map(got), map(want));
    let missing = want.keys().filter(|k| !got.contains_key(k)).count();
    let extra = got.keys().filter(|k| !want.contains_key(k)).count();
    let differing = want.iter().filter(|(k, v)| got.get(k).is_some_and(|g| g != *v)).count();
    (missing, extra, differing)
}
