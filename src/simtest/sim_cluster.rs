//! The simulated cluster with its writers, as a [`Connector`] and a [`Clock`]: virtual time passes while a statement
//! runs and while somebody sleeps, and writers write meanwhile.
//!
//! After every changing statement the last-copy rule is looked at: for each table, some pod whose volume still exists,
//! running or not, holds every *heirloom*. Heirlooms are rows that were on pod 0 when the case began and that no writer
//! touches, so that nothing but a run of ours (or a volume lost on purpose, which is noted) can make them go.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering as Atomic},
    },
    time::{Duration, Instant},
};

use super::writer::{Place, Writer};
use crate::{
    apply::{Clock, StopFlag},
    db::{
        Cancel, ConnectError, ConnectFailure, Connector, DbError, Login, Privilege, Rows, Session, lab,
        sql::{ChangeSql, ReadSql},
        wire::Response,
    },
    lab::{
        server::{Generation, PodConfig},
        sim::{ClientId, Sim},
        value::Datum,
    },
    topology::Ordinal,
};

/// What befalls a run after that many changing statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nothing.
    Never,
    /// The program is killed.
    Kill(u64),
    /// SIGTERM: what puts things back still runs.
    Signal(u64),
    /// A pod is killed; the program goes on.
    PodDies(u64, usize),
}

/// Rows of one pod.
pub type Contents = BTreeMap<Place, String>;

/// A statement is given up after this much virtual time, microseconds.
const PATIENCE: u64 = 400_000_000;

pub struct Inner {
    pub sim: Sim,
    pub writers: Vec<Writer>,
    pub tables: usize,
    /// Rows that must survive; by table and key.
    pub heirlooms: Contents,
    /// What each pod held when it was last seen running.
    pub kept: Vec<Contents>,
    cut: Cut,
    changes: u64,
    dead: bool,
    stop: StopFlag,
    /// What broke the last-copy rule, with the statement before it.
    pub broken: Vec<String>,
    pub log: Vec<String>,
}

/// Shared by connector, clock and test.
#[derive(Clone)]
pub struct Stage {
    inner: Arc<Mutex<Inner>>,
    clock: Arc<StageClock>,
}

pub struct StageClock {
    base: Instant,
    /// Virtual microseconds that everybody knows of.
    at: AtomicU64,
    began: u64,
    inner: Weak<Mutex<Inner>>,
}

impl StageClock {
    fn publish(&self, now: u64) {
        self.at.fetch_max(now - self.began, Atomic::AcqRel);
    }
}

impl Clock for StageClock {
    fn now(&self) -> Instant {
        self.base + Duration::from_micros(self.at.load(Atomic::Acquire))
    }

    fn sleep(&self, d: Duration) {
        let Some(inner) = self.inner.upgrade() else { return };
        let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.pump(u64::try_from(d.as_micros()).unwrap_or(u64::MAX));
        self.publish(inner.sim.now());
    }
}

impl Stage {
    /// Pods that run, closed to users, with empty tables.
    pub fn new(seed: u64, generation: Generation, pods: usize, tables: usize) -> Self {
        let mut sim = Sim::new(seed);
        for pod in 0..pods {
            let mut config = PodConfig::new(generation, format!("10.0.0.{pod}"));
            config.names.push(format!("10.9.0.{pod}"));
            for property in ["ADMIN_MODE", "REMOTE_SYSDBA_ENABLE", "REPLICATION_ALLOW_DUPLICATE_HOSTS"] {
                config.boot_properties.insert(property.to_owned(), "1".to_owned());
            }
            sim.add_pod(config).expect("a pod starts");
        }
        let began = sim.now();
        let inner = Arc::new(Mutex::new(Inner {
            sim,
            writers: Vec::new(),
            tables,
            heirlooms: Contents::new(),
            kept: vec![Contents::new(); pods],
            cut: Cut::Never,
            changes: 0,
            dead: false,
            stop: StopFlag::new(),
            broken: Vec::new(),
            log: Vec::new(),
        }));
        let clock = StageClock { base: Instant::now(), at: AtomicU64::new(0), began, inner: Arc::downgrade(&inner) };
        Self { inner, clock: Arc::new(clock) }
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn clock(&self) -> Arc<StageClock> {
        Arc::clone(&self.clock)
    }

    pub fn connector(&self) -> Arc<dyn Connector> {
        Arc::new(StageConnector(self.clone()))
    }

    /// A new run begins; what befalls it, and the flag that it looks at.
    pub fn begin(&self, cut: Cut) -> StopFlag {
        let mut inner = self.lock();
        (inner.cut, inner.changes, inner.dead, inner.stop) = (cut, 0, false, StopFlag::new());
        inner.stop.clone()
    }

    /// The run is over: nothing is dead any more. Changing statements that it sent.
    pub fn end(&self) -> u64 {
        let mut inner = self.lock();
        (inner.cut, inner.dead) = (Cut::Never, false);
        inner.pump(2_000);
        inner.changes
    }

    pub fn say(&self, text: impl Into<String>) {
        self.lock().say(text);
    }
}

impl Inner {
    pub fn say(&mut self, text: impl Into<String>) {
        let at = self.sim.now() % 1_000_000_000_000;
        self.log.push(format!("{:>9}.{:03} {}", at / 1_000 % 1_000_000, at % 1_000, text.into()));
    }

    /// Lets virtual time pass, microseconds.
    pub fn pump(&mut self, micros: u64) {
        self.pump_until(micros, |_| false);
    }

    pub fn pump_until(&mut self, micros: u64, mut done: impl FnMut(&Sim) -> bool) -> bool {
        let until = self.sim.now().saturating_add(micros);
        loop {
            if done(&self.sim) {
                return true;
            }
            let now = self.sim.now();
            if now >= until {
                return false;
            }
            for writer in &mut self.writers {
                writer.tick(&mut self.sim);
            }
            let due = self.writers.iter().filter_map(|w| w.due(now)).min().unwrap_or(until).min(until);
            self.sim.run_until(due - now, |sim| done(sim));
        }
    }

    /// One statement on an open connection, writers writing meanwhile.
    pub fn execute(&mut self, client: ClientId, sql: &str) -> Response {
        self.sim.send(client, sql);
        self.pump_until(PATIENCE, |sim| sim.has_answer(client));
        self.sim.take(client).unwrap_or_else(lost)
    }

    /// One statement on a connection of its own, whoever may log in.
    pub fn by_hand(&mut self, pod: usize, sql: &str) -> Response {
        let client = match self.sim.connect_sys(pod) {
            Err(Response::Error { native: crate::db::error::native::ADMIN_MODE, .. }) => {
                self.sim.connect(pod, &[("UID", "SYS"), ("PWD", "manager"), ("PRIVILEGE", "SYSDBA")])
            }
            other => other,
        };
        let client = match client {
            Ok(client) => client,
            Err(refusal) => return refusal,
        };
        let answer = self.execute(client, sql);
        let short = match &answer {
            Response::Error { native, message, .. } => format!("{native} {message}"),
            _ => "ok".to_owned(),
        };
        self.say(format!("by hand on {pod}: {sql}: {short}"));
        self.sim.close(client);
        self.pump(1_000);
        answer
    }

    /// Rows of a pod: now, or when it was last running.
    pub fn contents(&mut self, pod: usize) -> Contents {
        let mut found = Contents::new();
        let Some(db) = self.sim.database(pod) else { return self.kept[pod].clone() };
        for t in 1..=self.tables {
            let Some(table) = db.find_table("SYS", &format!("T{t}")) else { continue };
            for (_, row) in db.scan(None, table.id) {
                if let (Some(key), Some(value)) = (row[0].as_i64(), row.get(1).and_then(Datum::as_text)) {
                    found.insert((t, key), value.to_owned());
                }
            }
        }
        self.kept[pod].clone_from(&found);
        found
    }

    /// The last-copy rule.
    fn check_last_copy(&mut self, after: &str) {
        let all: Vec<_> = (0..self.kept.len()).map(|pod| self.contents(pod)).collect();
        for t in 1..=self.tables {
            let whole = |held: &Contents| self.heirlooms.range((t, 0)..(t + 1, 0)).all(|(p, v)| held.get(p) == Some(v));
            if !all.iter().any(whole) {
                self.broken.push(format!("after {after}: no pod holds every row of T{t}"));
            }
        }
    }

    pub fn kill(&mut self, pod: usize) {
        self.contents(pod);
        self.sim.kill(pod);
    }

    /// Wipes a volume, and notes which heirlooms went with it.
    pub fn wipe(&mut self, pod: usize) {
        self.sim.wipe(pod);
        self.kept[pod].clear();
        self.lost_heirlooms();
    }

    /// Forgets the heirlooms of tables that no volume holds whole any more.
    pub fn lost_heirlooms(&mut self) {
        let others: Vec<_> = (0..self.kept.len()).map(|k| self.contents(k)).collect();
        for t in 1..=self.tables {
            let whole = |held: &Contents| self.heirlooms.range((t, 0)..(t + 1, 0)).all(|(p, v)| held.get(p) == Some(v));
            if !others.iter().any(whole) {
                self.heirlooms.retain(|(table, _), _| *table != t);
            }
        }
    }

    fn changed(&mut self, text: &str) {
        self.changes += 1;
        self.check_last_copy(text);
        match self.cut {
            Cut::Kill(n) if self.changes >= n => {
                self.dead = true;
                for _ in 0..2 {
                    self.stop.raise("SIGKILL");
                }
                self.cut = Cut::Never;
                self.say("--- the program is killed");
            }
            Cut::Signal(n) if self.changes >= n => {
                self.stop.raise("SIGTERM");
                self.cut = Cut::Never;
                self.say("--- SIGTERM");
            }
            Cut::PodDies(n, pod) if self.changes >= n => {
                self.cut = Cut::Never;
                self.say(format!("--- pod {pod} dies"));
                self.kill(pod);
            }
            Cut::Never | Cut::Kill(_) | Cut::Signal(_) | Cut::PodDies(..) => {}
        }
    }
}

fn lost() -> Response {
    Response::Error { sqlstate: "08S01".to_owned(), native: 331_843, message: "no answer".to_owned() }
}

fn error(response: Response) -> Result<Response, DbError> {
    match response {
        Response::Error { sqlstate, native, message } => Err(DbError { sqlstate, native, message }),
        other @ (Response::Done { .. } | Response::Rows { .. } | Response::Connected { .. }) => Ok(other),
    }
}

/// How sessions of ours are opened.
pub fn login() -> Login {
    Login {
        privilege: Privilege::Normal,
        connect_timeout: Duration::from_secs(3),
        query_timeout: Some(Duration::from_secs(60)),
        silence_timeout: None,
        app_info: "aku".to_owned(),
    }
}

struct StageConnector(Stage);

impl Connector for StageConnector {
    fn connect(&self, pod: Ordinal, login: &Login) -> Result<Box<dyn Session>, ConnectError> {
        let mut inner = self.0.lock();
        let index = usize::from(pod.get());
        let mut options = vec![("UID", "SYS"), ("PWD", "manager"), ("APP_INFO", login.app_info.as_str())];
        match login.privilege {
            Privilege::Normal => {}
            Privilege::Sysdba => options.push(("PRIVILEGE", "SYSDBA")),
        }
        let answer = if inner.dead { Err(lost()) } else { inner.sim.connect(index, &options) };
        self.0.clock.publish(inner.sim.now());
        match answer {
            Ok(client) => Ok(Box::new(StageSession { stage: self.0.clone(), pod: index, client })),
            Err(refusal) => {
                let error = error(refusal).expect_err("a refusal is an error");
                Err(ConnectError {
                    pod,
                    address: format!("10.0.0.{pod}:20300"),
                    failure: ConnectFailure::classify(&error),
                    error,
                })
            }
        }
    }
}

struct StageSession {
    stage: Stage,
    pod: usize,
    client: ClientId,
}

struct NoCancel;

impl Cancel for NoCancel {
    fn cancel(&self) {}
}

impl Session for StageSession {
    fn query(&mut self, sql: &ReadSql) -> Result<Rows, DbError> {
        let mut inner = self.stage.lock();
        if inner.dead {
            return error(lost()).map(lab::rows);
        }
        let answer = inner.execute(self.client, &sql.to_string());
        self.stage.clock.publish(inner.sim.now());
        error(answer).map(lab::rows)
    }

    fn execute(&mut self, sql: &ChangeSql) -> Result<(), DbError> {
        let mut inner = self.stage.lock();
        if inner.dead {
            return error(lost()).map(|_| ());
        }
        let text = sql.to_string();
        let answer = inner.execute(self.client, &text);
        match &answer {
            Response::Error { native, message, .. } => {
                inner.say(format!("pod {}: {text}: {native} {message}", self.pod));
            }
            _ => inner.say(format!("pod {}: {text}", self.pod)),
        }
        inner.changed(&text);
        // A SYNC runs beside the thread that watches it: time it took becomes known when its answer is there.
        if !matches!(sql, ChangeSql::Sync { .. }) {
            self.stage.clock.publish(inner.sim.now());
        }
        error(answer).map(|_| ())
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        Arc::new(NoCancel)
    }
}

impl Drop for StageSession {
    fn drop(&mut self) {
        let mut inner = self.stage.lock();
        inner.sim.close(self.client);
    }
}
