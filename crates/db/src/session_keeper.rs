//! A connector that keeps the single SYSDBA session of a pod in ADMIN_MODE and lends it to whoever connects.
//!
//! The lock of a run lives in that session (`measured.md` 4), and the server admits no second one, so looking, counting
//! and applying have to take turns on it. Pods without a kept session are passed through. Never opens a session that
//! nobody asked for, and never lends one that was lost.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aku_core::{
    sql::{ChangeSql, ConnectError, ConnectFailure, DbError, Privilege, ReadSql, Rows, error::native},
    topology::Ordinal,
};

use super::{Cancel, Connector, Login, Session, timed};

/// What happens on a session that was opened in the place of a lost one, before anybody gets it.
pub type Reopened = dyn Fn(&mut dyn Session) -> Result<(), DbError> + Send + Sync;

struct Kept {
    /// `None` while it is lent, or after it was lost.
    session: Option<Box<dyn Session>>,
    lent: bool,
    /// The server's bound on a statement that is in force on it.
    query_timeout: Option<Duration>,
    /// How it is opened again.
    login: Login,
    reopened: Arc<Reopened>,
}

type Idle = Arc<Mutex<BTreeMap<Ordinal, Kept>>>;

/// Lends kept sessions, passes everything else through.
pub struct SessionKeeper {
    inner: Arc<dyn Connector>,
    idle: Idle,
}

fn locked(idle: &Idle) -> MutexGuard<'_, BTreeMap<Ordinal, Kept>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SessionKeeper {
    /// Keeps nothing yet.
    #[must_use]
    pub fn new(inner: Arc<dyn Connector>) -> Self {
        Self { inner, idle: Idle::default() }
    }

    /// Keeps the SYSDBA session of `pod`. `login` is how it was opened; `reopened` runs on each session that takes its
    /// place after it was lost.
    pub fn keep(&self, pod: Ordinal, session: Box<dyn Session>, login: Login, reopened: Arc<Reopened>) {
        let query_timeout = login.query_timeout;
        let kept = Kept { session: Some(session), lent: false, query_timeout, login, reopened };
        let before = locked(&self.idle).insert(pod, kept);
        // Closing a session may block, so not under the lock.
        drop(before);
    }

    /// Closes every kept session that is not lent; lent ones are closed when they come back.
    pub fn release(&self) {
        let kept = std::mem::take(&mut *locked(&self.idle));
        drop(kept);
    }

    fn busy(pod: Ordinal, failure: ConnectFailure, native: i32, message: &str) -> ConnectError {
        let error = DbError { sqlstate: "HY000".to_owned(), native, message: message.to_owned() };
        ConnectError { pod, address: "the session that this run keeps".to_owned(), failure, error }
    }

    fn lend(&self, pod: Ordinal, wanted: &Login) -> Option<Result<Box<dyn Session>, ConnectError>> {
        let mut kept = locked(&self.idle);
        let entry = kept.get_mut(&pod)?;
        if entry.lent {
            let text = "this run uses its only SYSDBA session already";
            return Some(Err(Self::busy(pod, ConnectFailure::SysdbaBusy, native::SYSDBA_BUSY, text)));
        }
        entry.lent = true;
        let (session, in_force) = (entry.session.take(), entry.query_timeout);
        let (login, reopened) = (entry.login.clone(), Arc::clone(&entry.reopened));
        drop(kept);
        let opened = match session {
            Some(session) => Ok((session, in_force)),
            None => self.again(pod, &login, &*reopened).map(|session| (session, login.query_timeout)),
        };
        Some(match opened.and_then(|(session, in_force)| self.fit(pod, session, in_force, wanted)) {
            Ok(session) => {
                let silence = wanted.silence_timeout;
                let canceller = session.canceller();
                Ok(Box::new(Lent {
                    idle: Arc::clone(&self.idle),
                    pod,
                    session: Some(session),
                    canceller,
                    silence,
                    lost: false,
                }))
            }
            Err(e) => {
                if let Some(entry) = locked(&self.idle).get_mut(&pod) {
                    entry.lent = false;
                }
                Err(e)
            }
        })
    }

    fn again(&self, pod: Ordinal, login: &Login, reopened: &Reopened) -> Result<Box<dyn Session>, ConnectError> {
        let mut session = timed::connect(&self.inner, pod, login)?;
        let failed = |error| ConnectError { pod, address: String::new(), failure: ConnectFailure::Other, error };
        reopened(&mut *session).map_err(failed)?;
        if let Some(entry) = locked(&self.idle).get_mut(&pod) {
            entry.query_timeout = login.query_timeout;
        }
        Ok(session)
    }

    /// The server's bound is a property of the session, so it is set anew for each borrower who wants another one.
    fn fit(
        &self,
        pod: Ordinal,
        mut session: Box<dyn Session>,
        in_force: Option<Duration>,
        wanted: &Login,
    ) -> Result<Box<dyn Session>, ConnectError> {
        if in_force == wanted.query_timeout {
            return Ok(session);
        }
        let seconds = wanted.query_timeout.map_or(0, |t| u32::try_from(t.as_secs().max(1)).unwrap_or(u32::MAX));
        let failed = |error| ConnectError { pod, address: String::new(), failure: ConnectFailure::Other, error };
        session.execute(&ChangeSql::SessionQueryTimeout(seconds)).map_err(failed)?;
        if let Some(entry) = locked(&self.idle).get_mut(&pod) {
            entry.query_timeout = wanted.query_timeout;
        }
        Ok(session)
    }
}

impl Connector for SessionKeeper {
    fn connect(&self, pod: Ordinal, login: &Login) -> Result<Box<dyn Session>, ConnectError> {
        match login.privilege {
            Privilege::Sysdba => match self.lend(pod, login) {
                Some(lent) => lent,
                None => timed::connect(&self.inner, pod, login),
            },
            Privilege::Normal if locked(&self.idle).contains_key(&pod) => {
                let text = "this run keeps the SYSDBA session";
                Err(Self::busy(pod, ConnectFailure::AdminMode, native::ADMIN_MODE, text))
            }
            Privilege::Normal => timed::connect(&self.inner, pod, login),
        }
    }
}

/// A kept session in use; goes back when dropped, unless it was lost.
struct Lent {
    idle: Idle,
    pod: Ordinal,
    session: Option<Box<dyn Session>>,
    canceller: Arc<dyn Cancel>,
    silence: Option<Duration>,
    lost: bool,
}

impl Drop for Lent {
    fn drop(&mut self) {
        let session = self.session.take();
        let mut kept = locked(&self.idle);
        let leftover = match kept.get_mut(&self.pod) {
            Some(entry) => {
                entry.lent = false;
                if self.lost {
                    session
                } else {
                    entry.session = session;
                    None
                }
            }
            None => session,
        };
        drop(kept);
        drop(leftover);
    }
}

impl Lent {
    fn run<T: Send + 'static>(
        &mut self,
        run: impl FnOnce(&mut dyn Session) -> Result<T, DbError> + Send + 'static,
    ) -> Result<T, DbError> {
        // The kept session was opened without a bound on silence, so the bound is kept here.
        let answer = timed::call(&mut self.session, self.silence, run);
        self.lost |= answer.as_ref().is_err_and(DbError::lost_session);
        answer
    }
}

impl Session for Lent {
    fn query(&mut self, sql: &ReadSql) -> Result<Rows, DbError> {
        let sql = sql.clone();
        self.run(move |session| session.query(&sql))
    }

    fn execute(&mut self, sql: &ChangeSql) -> Result<(), DbError> {
        let sql = sql.clone();
        self.run(move |session| session.execute(&sql))
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        Arc::clone(&self.canceller)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU32, Ordering as Atomic},
        thread,
    };

    use super::{timed::lost_before, *};

    #[derive(Default)]
    struct Counts {
        opened: AtomicU32,
        closed: AtomicU32,
        reopened: AtomicU32,
        timeouts: Mutex<Vec<u32>>,
    }

    struct One {
        counts: Arc<Counts>,
    }

    struct Nothing;

    impl Cancel for Nothing {
        fn cancel(&self) {}
    }

    impl Drop for One {
        fn drop(&mut self) {
            self.counts.closed.fetch_add(1, Atomic::SeqCst);
        }
    }

    impl Session for One {
        fn query(&mut self, sql: &ReadSql) -> Result<Rows, DbError> {
            match sql {
                ReadSql::Gaps => Err(lost_before()),
                ReadSql::Hosts => {
                    thread::sleep(Duration::from_millis(300));
                    Ok(Rows::default())
                }
                _ => Ok(Rows::default()),
            }
        }
        fn execute(&mut self, sql: &ChangeSql) -> Result<(), DbError> {
            if let ChangeSql::SessionQueryTimeout(s) = sql {
                self.counts.timeouts.lock().unwrap().push(*s);
            }
            Ok(())
        }
        fn canceller(&self) -> Arc<dyn Cancel> {
            Arc::new(Nothing)
        }
    }

    struct Opens(Arc<Counts>);

    impl Connector for Opens {
        fn connect(&self, _: Ordinal, _: &Login) -> Result<Box<dyn Session>, ConnectError> {
            self.0.opened.fetch_add(1, Atomic::SeqCst);
            Ok(Box::new(One { counts: Arc::clone(&self.0) }))
        }
    }

    fn login(privilege: Privilege, query: Option<u64>, silence_ms: Option<u64>) -> Login {
        Login {
            privilege,
            connect_timeout: Duration::from_secs(1),
            query_timeout: query.map(Duration::from_secs),
            silence_timeout: silence_ms.map(Duration::from_millis),
            app_info: String::new(),
        }
    }

    fn stage() -> (Arc<Counts>, SessionKeeper, Ordinal) {
        let counts = Arc::new(Counts::default());
        let keeper = SessionKeeper::new(Arc::new(Opens(Arc::clone(&counts))));
        let (pod, seen) = (Ordinal::new(2).unwrap(), Arc::clone(&counts));
        let reopened: Arc<Reopened> = Arc::new(move |_| {
            seen.reopened.fetch_add(1, Atomic::SeqCst);
            Ok(())
        });
        let session = Box::new(One { counts: Arc::clone(&counts) });
        keeper.keep(pod, session, login(Privilege::Sysdba, Some(1), None), reopened);
        (counts, keeper, pod)
    }

    #[test]
    fn one_session_serves_everybody_in_turn() {
        let (counts, keeper, pod) = stage();
        let normal = keeper.connect(pod, &login(Privilege::Normal, None, None)).map(drop).unwrap_err();
        assert_eq!(normal.failure, ConnectFailure::AdminMode);
        let first = keeper.connect(pod, &login(Privilege::Sysdba, Some(9), None)).unwrap();
        let second = keeper.connect(pod, &login(Privilege::Sysdba, None, None)).map(drop).unwrap_err();
        assert_eq!(second.failure, ConnectFailure::SysdbaBusy);
        drop(first);
        for query in [Some(9), None, None] {
            drop(keeper.connect(pod, &login(Privilege::Sysdba, query, None)).unwrap());
        }
        // The bound is set only when it changes.
        assert_eq!(*counts.timeouts.lock().unwrap(), [9, 0]);
        assert_eq!((counts.opened.load(Atomic::SeqCst), counts.closed.load(Atomic::SeqCst)), (0, 0));
        let lent = keeper.connect(pod, &login(Privilege::Sysdba, None, None)).unwrap();
        keeper.release();
        assert_eq!(counts.closed.load(Atomic::SeqCst), 0);
        drop(lent);
        assert_eq!(counts.closed.load(Atomic::SeqCst), 1);
        let other = Ordinal::new(1).unwrap();
        drop(keeper.connect(other, &login(Privilege::Normal, None, None)).unwrap());
        assert_eq!(counts.opened.load(Atomic::SeqCst), 1);
    }

    #[test]
    fn a_lost_or_silent_session_is_never_lent_again() {
        for (sql, silence) in [(ReadSql::Gaps, None), (ReadSql::Hosts, Some(20))] {
            let (counts, keeper, pod) = stage();
            let mut lent = keeper.connect(pod, &login(Privilege::Sysdba, Some(1), silence)).unwrap();
            assert!(lent.query(&sql).unwrap_err().lost_session());
            if silence.is_some() {
                assert!(lent.query(&ReadSql::SessionId).unwrap_err().lost_session());
            }
            drop(lent);
            let mut again = keeper.connect(pod, &login(Privilege::Sysdba, Some(1), None)).unwrap();
            again.query(&ReadSql::SessionId).unwrap();
            let seen = (counts.opened.load(Atomic::SeqCst), counts.reopened.load(Atomic::SeqCst));
            assert_eq!(seen, (1, 1), "{sql:?}");
        }
    }
}
