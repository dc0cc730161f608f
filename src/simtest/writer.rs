//! Clients that write while a run goes on, and remember what was acknowledged. Each has keys of its own, so that what
//! it knows to be committed is what every member must hold in the end.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    db::wire::Response,
    lab::sim::{ClientId, Sim},
};

/// A row: table number and key.
pub type Place = (usize, i64);

/// Keys of one writer.
const KEYS: i64 = 100_000;
/// Longest pause between two statements, microseconds.
const THINK: u64 = 20_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Autocommit,
    Transactions,
}

enum Sent {
    Change(Place, Option<String>),
    Commit,
}

pub struct Writer {
    pub pod: usize,
    client: ClientId,
    style: Style,
    tables: Vec<usize>,
    base: i64,
    next: i64,
    /// What it knows to be committed.
    pub rows: BTreeMap<Place, String>,
    /// Every row it ever sent a change of.
    pub touched: BTreeSet<Place>,
    /// Rows of which nobody knows whether the last change was committed.
    pub doubt: BTreeSet<Place>,
    /// Codes of statements that were refused.
    pub refused: Vec<i32>,
    open: Vec<(Place, Option<String>)>,
    sent: Option<Sent>,
    not_before: u64,
    left: u64,
    pub alive: bool,
    resting: bool,
}

impl Writer {
    pub fn new(sim: &mut Sim, pod: usize, number: i64, tables: Vec<usize>, style: Style) -> Option<Self> {
        let autocommit = match style {
            Style::Autocommit => "ON",
            Style::Transactions => "OFF",
        };
        let options = [("UID", "SYS"), ("PWD", "manager"), ("AUTOCOMMIT", autocommit)];
        let client = sim.connect(pod, &options).ok()?;
        Some(Self {
            pod,
            client,
            style,
            tables,
            base: number * KEYS,
            next: 0,
            rows: BTreeMap::new(),
            touched: BTreeSet::new(),
            doubt: BTreeSet::new(),
            refused: Vec::new(),
            open: Vec::new(),
            sent: None,
            not_before: sim.now(),
            left: 25,
            alive: true,
            resting: false,
        })
    }

    /// When it wants to be looked at; `None` when it has nothing more to do.
    pub fn due(&self, now: u64) -> Option<u64> {
        let idle = !self.alive || (self.sent.is_none() && self.open.is_empty() && (self.left == 0 || self.resting));
        if idle {
            None
        } else if self.sent.is_some() {
            Some(now + 300)
        } else {
            Some(self.not_before.max(now + 1))
        }
    }

    /// Takes an answer, sends what is next.
    pub fn tick(&mut self, sim: &mut Sim) {
        if !self.alive {
            return;
        }
        if let Some(answer) = sim.take(self.client) {
            self.settle(&answer);
        }
        if !self.alive || self.sent.is_some() || sim.now() < self.not_before {
            return;
        }
        if !sim.is_open(self.client) {
            // Closed between two statements: what was open is rolled back.
            self.open.clear();
            self.alive = false;
            return;
        }
        let end = self.resting || self.left == 0;
        if !self.open.is_empty() && (end || sim.rng().percent(30)) {
            sim.send(self.client, "COMMIT");
            self.sent = Some(Sent::Commit);
        } else if !end {
            self.left -= 1;
            self.change(sim);
        }
        self.not_before = sim.now() + sim.rng().below(THINK);
    }

    fn change(&mut self, sim: &mut Sim) {
        let value = format!("w{}", sim.rng().below(1_000_000));
        let open: BTreeSet<Place> = self.open.iter().map(|(p, _)| *p).collect();
        let mut own = self.rows.keys().filter(|p| !open.contains(p)).copied().collect::<Vec<_>>();
        let pick = usize::try_from(sim.rng().below(own.len() as u64)).unwrap_or(0);
        let old = if own.is_empty() { None } else { Some(own.swap_remove(pick)) };
        let (sql, place, value) = match (old, sim.rng().below(10)) {
            (Some((t, k)), 0..3) => (format!("UPDATE T{t} SET C2 = '{value}' WHERE I1 = {k}"), (t, k), Some(value)),
            (Some((t, k)), 3..5) => (format!("DELETE FROM T{t} WHERE I1 = {k}"), (t, k), None),
            _ => {
                self.next += 1;
                let at = usize::try_from(self.next).unwrap_or(0) % self.tables.len();
                let (t, k) = (self.tables[at], self.base + self.next);
                (format!("INSERT INTO T{t} (I1, C2) VALUES ({k}, '{value}')"), (t, k), Some(value))
            }
        };
        self.touched.insert(place);
        sim.send(self.client, &sql);
        self.sent = Some(Sent::Change(place, value));
    }

    fn settle(&mut self, answer: &Response) {
        let Some(sent) = self.sent.take() else { return };
        if let Response::Error { sqlstate, native, .. } = answer {
            self.refused.push(*native);
            match sent {
                Sent::Change(place, _) if self.style == Style::Autocommit => drop(self.doubt.insert(place)),
                Sent::Commit => self.doubt.extend(self.open.drain(..).map(|(p, _)| p)),
                Sent::Change(..) => {}
            }
            // A refused statement (a lock not had in time) leaves the session; a lost one ends the writer.
            if sqlstate.starts_with("08") || self.style == Style::Transactions {
                self.open.clear();
                self.alive = false;
            }
            return;
        }
        match (sent, self.style) {
            (Sent::Change(place, value), Style::Autocommit) => self.put(place, value),
            (Sent::Change(place, value), Style::Transactions) => self.open.push((place, value)),
            (Sent::Commit, _) => {
                for (place, value) in std::mem::take(&mut self.open) {
                    self.put(place, value);
                }
            }
        }
    }

    fn put(&mut self, place: Place, value: Option<String>) {
        match value {
            Some(value) => self.rows.insert(place, value),
            None => self.rows.remove(&place),
        };
    }

    /// It goes on for as long as a run may take.
    pub fn keep_on(&mut self) {
        self.left = 2_000;
    }

    /// It finishes its transaction and sends nothing more.
    pub fn rest(&mut self) {
        self.resting = true;
    }

    pub fn close(&mut self, sim: &mut Sim) {
        self.alive = false;
        sim.close(self.client);
    }
}
