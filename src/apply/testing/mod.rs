//! A scripted cluster for the tests of this module: enough of replication, sessions and ADMIN_MODE to see what the
//! executor does, and rules that make statements fail, vanish, hang or panic. It sends nothing anywhere.

mod answers;
mod changes;
pub(crate) mod lab;
mod scripted;

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering as Atomic},
    },
    thread,
    time::{Duration, Instant},
};

pub(crate) use scripted::{FakePod, Object, ScriptedPods};

use crate::{
    apply::Clock,
    db::{
        Cancel, ConnectError, ConnectFailure, Connector, DbError, Login, Privilege, Rows, Session,
        sql::{ChangeSql, ReadSql},
    },
    topology::Ordinal,
};

/// Changes the world in each round, and says when it was enough.
pub(crate) type Enough = Box<dyn FnMut(&mut ScriptedPods, u32) -> bool + Send>;

/// What happens to a statement that a rule matches.
pub(crate) enum Then {
    /// Refused with that native code, nothing done.
    Refuse(i32),
    /// The link goes down before the server sees it.
    LoseBefore,
    /// It is done, and the answer is lost.
    LoseAfter,
    /// It hangs until it is cancelled; virtual time passes by so much each round.
    Hang(Duration),
    /// It hangs and cannot be cancelled; ends when the test lets go.
    Stuck,
    /// The driver panics.
    Panic,
    /// The world changes first, then it is done as usual.
    First(Box<dyn FnMut(&mut ScriptedPods) + Send>),
    /// It waits until so many statements with this counter are under way at once, then is done as usual.
    Meet(Arc<AtomicU64>, u64),
    /// The world changes, again and again, until that says "enough"; then it is done as usual.
    Until(Enough),
}

/// A rule: the next statement on `pod` whose text starts with `text`, after `skip` others.
pub(crate) struct Rule {
    pub pod: u8,
    pub text: &'static str,
    pub skip: u32,
    pub then: Then,
}

/// Time that flows as usual and jumps when somebody sleeps.
#[derive(Default)]
pub(crate) struct TestClock {
    ahead_us: AtomicU64,
}

impl Clock for TestClock {
    fn now(&self) -> Instant {
        Instant::now() + Duration::from_micros(self.ahead_us.load(Atomic::Acquire))
    }

    fn sleep(&self, d: Duration) {
        self.ahead_us.fetch_add(u64::try_from(d.as_micros()).unwrap_or(u64::MAX), Atomic::AcqRel);
        thread::sleep(Duration::from_micros(100));
    }
}

/// The cluster, shared by its sessions and the test.
#[derive(Default)]
pub(crate) struct Cluster {
    world: Mutex<ScriptedPods>,
    rules: Mutex<VecDeque<Rule>>,
    pub clock: Arc<TestClock>,
    /// Lets stuck statements go.
    pub release: AtomicBool,
}

impl Cluster {
    pub fn new(world: ScriptedPods) -> Arc<Self> {
        Arc::new(Self { world: Mutex::new(world), ..Self::default() })
    }

    pub fn world(&self) -> MutexGuard<'_, ScriptedPods> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn rule(&self, pod: u8, text: &'static str, then: Then) {
        self.rule_after(0, pod, text, then);
    }

    pub fn rule_after(&self, skip: u32, pod: u8, text: &'static str, then: Then) {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).push_back(Rule { pod, text, skip, then });
    }

    fn matching(&self, pod: Ordinal, text: &str) -> Option<Then> {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let at = rules.iter_mut().position(|rule| {
            let fits = rule.pod == pod.get() && text.starts_with(rule.text);
            if fits && rule.skip > 0 {
                rule.skip -= 1;
                return false;
            }
            fits
        })?;
        rules.remove(at).map(|rule| rule.then)
    }
}

pub(super) fn db_error(sqlstate: &str, native: i32) -> DbError {
    DbError { sqlstate: sqlstate.to_owned(), native, message: format!("scripted {native}") }
}

fn lost() -> DbError {
    db_error("08S01", 331_843)
}

/// Opens scripted sessions.
pub(crate) struct FakeConnector(pub Arc<Cluster>);

impl Connector for FakeConnector {
    fn connect(&self, pod: Ordinal, login: &Login) -> Result<Box<dyn Session>, ConnectError> {
        let mut world = self.0.world();
        let refused = |failure, native| {
            let error = db_error("HY000", native);
            Err(ConnectError { pod, address: format!("10.0.0.{pod}:20300"), failure, error })
        };
        let Some(here) = world.pods.get_mut(&pod) else { return refused(ConnectFailure::Absent, 327_730) };
        if let Some(Some((failure, native))) = here.connect_errors.pop_front() {
            return refused(failure, native);
        }
        let admin = here.properties.get("ADMIN_MODE").is_some_and(|v| *v != 0);
        let sysdba = login.privilege == Privilege::Sysdba;
        if admin && !sysdba {
            return refused(ConnectFailure::AdminMode, 266_350);
        }
        if sysdba && here.sessions.values().any(|s| s.sysdba) {
            return refused(ConnectFailure::SysdbaBusy, 266_305);
        }
        let id = here.new_session(&login.app_info, sysdba);
        here.logins.push((login.privilege, login.query_timeout, login.silence_timeout));
        Ok(Box::new(FakeSession { cluster: Arc::clone(&self.0), pod, id, state: Arc::default() }))
    }
}

#[derive(Default)]
struct StatementState {
    running: AtomicBool,
    cancelled: AtomicBool,
}

impl Cancel for StatementState {
    fn cancel(&self) {
        if self.running.load(Atomic::Acquire) {
            self.cancelled.store(true, Atomic::Release);
        }
    }
}

struct FakeSession {
    cluster: Arc<Cluster>,
    pod: Ordinal,
    id: i64,
    state: Arc<StatementState>,
}

impl Drop for FakeSession {
    fn drop(&mut self) {
        if let Some(pod) = self.cluster.world().pods.get_mut(&self.pod) {
            pod.end_session(self.id);
        }
    }
}

impl FakeSession {
    fn run<T>(
        &self,
        text: &str,
        mut effect: impl FnMut(&mut ScriptedPods) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        self.state.cancelled.store(false, Atomic::Release);
        self.state.running.store(true, Atomic::Release);
        let answer = self.scripted(text, &mut effect);
        self.state.running.store(false, Atomic::Release);
        answer
    }

    fn lose<T>(&self) -> Result<T, DbError> {
        if let Some(pod) = self.cluster.world().pods.get_mut(&self.pod) {
            pod.end_session(self.id);
        }
        Err(lost())
    }

    fn scripted<T>(
        &self,
        text: &str,
        effect: &mut dyn FnMut(&mut ScriptedPods) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        let rule = self.cluster.matching(self.pod, text);
        if !self.cluster.world().pods.get(&self.pod).is_some_and(|p| p.sessions.contains_key(&self.id)) {
            return Err(db_error("08004", 4163));
        }
        match rule {
            None => effect(&mut self.cluster.world()),
            Some(Then::Refuse(native)) => Err(db_error("HY000", native)),
            Some(Then::LoseBefore) => self.lose(),
            Some(Then::LoseAfter) => {
                let _ = effect(&mut self.cluster.world());
                self.lose()
            }
            Some(Then::Hang(pass)) => loop {
                if self.state.cancelled.load(Atomic::Acquire) {
                    return Err(db_error("HY008", 4202));
                }
                self.wait(pass);
            },
            Some(Then::Stuck) => {
                while !self.cluster.release.load(Atomic::Acquire) {
                    thread::sleep(Duration::from_millis(1));
                }
                Err(lost())
            }
            Some(Then::Panic) => panic!("scripted panic"),
            Some(Then::First(mut change)) => {
                let mut world = self.cluster.world();
                change(&mut world);
                effect(&mut world)
            }
            Some(Then::Meet(met, wanted)) => {
                met.fetch_add(1, Atomic::AcqRel);
                let patience = Instant::now() + Duration::from_secs(20);
                while met.load(Atomic::Acquire) < wanted {
                    if Instant::now() > patience {
                        return Err(db_error("HY000", 1));
                    }
                    thread::sleep(Duration::from_micros(200));
                }
                effect(&mut self.cluster.world())
            }
            Some(Then::Until(mut enough)) => {
                for round in 1.. {
                    if self.state.cancelled.load(Atomic::Acquire) {
                        return Err(db_error("HY008", 4202));
                    }
                    if enough(&mut self.cluster.world(), round) {
                        break;
                    }
                    self.wait(Duration::ZERO);
                }
                effect(&mut self.cluster.world())
            }
        }
    }

    fn wait(&self, pass: Duration) {
        if pass.is_zero() {
            thread::sleep(Duration::from_micros(200));
        } else {
            self.cluster.clock.sleep(pass);
        }
    }
}

impl Session for FakeSession {
    fn query(&mut self, sql: &ReadSql) -> Result<Rows, DbError> {
        let (pod, id) = (self.pod, self.id);
        self.run(&sql.to_string(), |world| answers::answer(world, pod, id, sql))
    }

    fn execute(&mut self, sql: &ChangeSql) -> Result<(), DbError> {
        let (pod, text) = (self.pod, sql.to_string());
        self.run(&text, |world| {
            world.changes.push((pod.get(), text.clone()));
            changes::change(world, pod, sql)
        })
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        let state: Arc<StatementState> = Arc::clone(&self.state);
        state
    }
}
