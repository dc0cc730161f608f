//! The executor's way to a simulated cluster: real servers of the lab under virtual time, and one thing that goes wrong.
//!
//! Statements run one at a time, whole, so a run differs from another only in the order in which its threads come. A
//! strike is tied to a statement by the action that sends it and by its place among that action's statements.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering as Atomic},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    apply::{Clock, IntentLog},
    db::{
        Cancel, ConnectError, ConnectFailure, Connector, DbError, Login, Privilege, Rows, Session,
        error::native,
        lab::rows,
        sql::{ChangeSql, ReadSql},
        wire::Response,
    },
    lab::sim::{ClientId, Sim},
    plan::ActionId,
    topology::Ordinal,
};

/// A changing statement of a run: its action, and its place among that action's statements, from 0.
pub(crate) type Place = (ActionId, usize);

/// What goes wrong at a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strike {
    /// The program dies before it wrote down what it is about to send.
    DieBeforeIntent,
    /// It dies when that is written down and nothing is sent.
    DieBeforeSend,
    /// It dies while the server executes.
    DieBeforeReply,
    /// It dies with the answer in hand.
    DieBeforeOutcome,
    /// It dies when the outcome is written down.
    DieAfterOutcome,
    /// A server dies before the statement comes in.
    KillBefore(usize),
    /// A server dies when the statement is done.
    KillAfter(usize),
    /// The server's volume is lost; it comes back empty.
    Wipe,
    /// The link goes down before the server sees the statement.
    LoseBefore,
    /// The link goes down before the answer comes.
    LoseAfter,
    /// The server refuses with this code and does nothing.
    Refuse(&'static str, i32),
    /// Time passes before the statement comes in, seconds.
    Slow(u64),
}

#[derive(Default)]
struct Plot {
    strike: Option<(Place, Strike)>,
    /// Statements seen so far.
    counts: BTreeMap<ActionId, usize>,
    seen: Vec<(Place, Ordinal, String)>,
    /// The statement that is struck when it comes to a session.
    armed: Option<(Ordinal, String, Strike)>,
    /// The struck statement's number as a witness.
    struck: Option<u64>,
    next: u64,
}

/// The cluster.
pub(crate) struct LabCluster {
    sim: Mutex<Sim>,
    plot: Mutex<Plot>,
    /// The program is dead: nothing it sends arrives.
    dead: AtomicBool,
    open: Mutex<Vec<ClientId>>,
    base: Instant,
}

fn whole<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lost() -> DbError {
    DbError { sqlstate: "08S01".to_owned(), native: native::LINK_LOST, message: "scripted".to_owned() }
}

impl LabCluster {
    pub fn new(sim: Sim) -> Arc<Self> {
        Arc::new(Self {
            sim: Mutex::new(sim),
            plot: Mutex::default(),
            dead: AtomicBool::new(false),
            open: Mutex::default(),
            base: Instant::now(),
        })
    }

    pub fn sim(&self) -> MutexGuard<'_, Sim> {
        whole(&self.sim)
    }

    /// A new life of the program, with that in store for it.
    pub fn begin(&self, strike: Option<(Place, Strike)>) {
        *whole(&self.plot) = Plot { strike, ..Plot::default() };
        self.dead.store(false, Atomic::Release);
    }

    /// Changing statements that the program was about to send in this life.
    pub fn seen(&self) -> Vec<(Place, Ordinal, String)> {
        whole(&self.plot).seen.clone()
    }

    /// Ends this life: every session it holds is closed.
    pub fn die(&self) {
        self.dead.store(true, Atomic::Release);
        let mut sim = self.sim();
        for client in std::mem::take(&mut *whole(&self.open)) {
            sim.close(client);
        }
        // The servers notice.
        sim.run_for(1_000_000);
    }
}

impl Clock for LabCluster {
    fn now(&self) -> Instant {
        // Real time does not count: a slow machine is no slow server.
        self.base + Duration::from_micros(self.sim().now() % 1_000_000_000_000)
    }

    fn sleep(&self, d: Duration) {
        // Never nothing: a loop that waits for the end of a microsecond would wait for ever.
        self.sim().run_for(u64::try_from(d.as_micros()).unwrap_or(u64::MAX).max(1));
        thread::yield_now();
    }
}

impl IntentLog for LabCluster {
    fn intent(&self, id: ActionId, pod: Ordinal, sql: &str) -> u64 {
        let mut plot = whole(&self.plot);
        plot.next += 1;
        let number = plot.next;
        if self.dead.load(Atomic::Acquire) {
            return number;
        }
        let count = plot.counts.entry(id).or_default();
        let place = (id, *count);
        *count += 1;
        plot.seen.push((place, pod, sql.to_owned()));
        let strike = plot.strike.filter(|(at, _)| *at == place).map(|(_, strike)| strike);
        let Some(strike) = strike else { return number };
        plot.struck = Some(number);
        match strike {
            Strike::DieBeforeIntent | Strike::DieBeforeSend => {
                drop(plot);
                self.die();
            }
            _ => plot.armed = Some((pod, sql.to_owned(), strike)),
        }
        number
    }

    fn came_back(&self, statement: u64, _: Result<(), &DbError>) {
        let plot = whole(&self.plot);
        let dies = matches!(plot.strike, Some((_, Strike::DieBeforeOutcome | Strike::DieAfterOutcome)));
        if dies && plot.struck == Some(statement) {
            drop(plot);
            self.die();
        }
    }
}

/// Opens sessions on the cluster.
pub(crate) struct LabConnector(pub Arc<LabCluster>);

impl Connector for LabConnector {
    fn connect(&self, pod: Ordinal, login: &Login) -> Result<Box<dyn Session>, ConnectError> {
        let failed = |error: DbError| {
            Err(ConnectError { pod, address: "sim".to_owned(), failure: ConnectFailure::classify(&error), error })
        };
        let mut sim = self.0.sim();
        if self.0.dead.load(Atomic::Acquire) {
            return failed(DbError { native: native::BAD_PASSWORD, ..lost() });
        }
        let mut options = vec![("UID", "SYS"), ("PWD", "manager"), ("APP_INFO", login.app_info.as_str())];
        if login.privilege == Privilege::Sysdba {
            options.push(("PRIVILEGE", "SYSDBA"));
        }
        let bound = login.query_timeout.map(|t| t.as_secs().to_string());
        options.extend(bound.as_deref().map(|seconds| ("QUERY_TIMEOUT", seconds)));
        match sim.connect(usize::from(pod.get()), &options) {
            Ok(client) => {
                whole(&self.0.open).push(client);
                Ok(Box::new(LabSession { cluster: Arc::clone(&self.0), pod, client }))
            }
            Err(Response::Error { sqlstate, native, message }) => failed(DbError { sqlstate, native, message }),
            Err(other) => panic!("{other:?}"),
        }
    }
}

struct LabSession {
    cluster: Arc<LabCluster>,
    pod: Ordinal,
    client: ClientId,
}

impl Drop for LabSession {
    fn drop(&mut self) {
        self.cluster.sim().close(self.client);
    }
}

struct NoCancel;

impl Cancel for NoCancel {
    fn cancel(&self) {}
}

impl LabSession {
    fn send(&self, sim: &mut Sim, sql: &str) -> Result<Rows, DbError> {
        match sim.execute(self.client, sql) {
            Response::Error { sqlstate, native, message } => Err(DbError { sqlstate, native, message }),
            answer => Ok(rows(answer)),
        }
    }
}

impl Session for LabSession {
    fn query(&mut self, sql: &ReadSql) -> Result<Rows, DbError> {
        let mut sim = self.cluster.sim();
        if self.cluster.dead.load(Atomic::Acquire) { Err(lost()) } else { self.send(&mut sim, &sql.to_string()) }
    }

    fn execute(&mut self, sql: &ChangeSql) -> Result<(), DbError> {
        let text = sql.to_string();
        let armed = {
            let mut plot = whole(&self.cluster.plot);
            let ours = plot.armed.as_ref().is_some_and(|(pod, sql, _)| *pod == self.pod && *sql == text);
            if ours { plot.armed.take().map(|(_, _, strike)| strike) } else { None }
        };
        let mut sim = self.cluster.sim();
        if self.cluster.dead.load(Atomic::Acquire) {
            return Err(lost());
        }
        match armed {
            Some(Strike::Refuse(sqlstate, native)) => {
                return Err(DbError { sqlstate: sqlstate.to_owned(), native, message: "scripted".to_owned() });
            }
            Some(Strike::LoseBefore) => {
                sim.close(self.client);
                return Err(lost());
            }
            Some(Strike::KillBefore(pod)) => sim.kill(pod),
            Some(Strike::Wipe) => {
                let pod = usize::from(self.pod.get());
                sim.wipe(pod);
                sim.start(pod).unwrap();
            }
            Some(Strike::Slow(seconds)) => sim.run_for(seconds * 1_000_000),
            _ => {}
        }
        let answer = self.send(&mut sim, &text).map(|_| ());
        match armed {
            Some(Strike::DieBeforeReply) => {
                drop(sim);
                self.cluster.die();
                Err(lost())
            }
            Some(Strike::LoseAfter) => {
                sim.close(self.client);
                Err(lost())
            }
            Some(Strike::KillAfter(pod)) => {
                sim.kill(pod);
                answer
            }
            _ => answer,
        }
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        Arc::new(NoCancel)
    }
}
