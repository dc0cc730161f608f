//! A lock that is held: proves once a second that it still is, and lets go when dropped.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use super::{Answer, LockId, SessionIds, request};
use crate::{
    db::{
        DbError, Login, Session,
        session_keeper::{Reopened, SessionKeeper},
        sql::ReadSql,
    },
    topology::Ordinal,
};

/// Time between two proofs.
const BEAT: Duration = Duration::from_secs(1);

/// Why it is not held any more, once that is so.
type Lost = Arc<Mutex<Option<String>>>;

fn lose(lost: &Lost, why: String) {
    lost.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
}

/// The lock of a run.
pub struct Held {
    id: LockId,
    keeper: Option<Arc<SessionKeeper>>,
    /// Pods whose lock lives in a session of its own.
    sessions: SessionIds,
    ordinary: Vec<Ordinal>,
    kept: Vec<Ordinal>,
    without: BTreeMap<Ordinal, String>,
    lost: Lost,
    /// Dropped to end the beats, each of which closes its session.
    beats: Vec<mpsc::Sender<()>>,
    /// How long it took to get.
    pub waited: Duration,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("pods", &self.pods()).field("without", &self.without).finish_non_exhaustive()
    }
}

impl Held {
    /// Nothing is held, and nothing can be lost: for clusters that nobody else can reach.
    #[must_use]
    pub fn nothing() -> Self {
        Self::on(None, LockId(0))
    }

    pub(super) fn new(keeper: Arc<SessionKeeper>, id: LockId) -> Self {
        Self::on(Some(keeper), id)
    }

    fn on(keeper: Option<Arc<SessionKeeper>>, id: LockId) -> Self {
        Self {
            id,
            keeper,
            sessions: SessionIds::new(),
            ordinary: Vec::new(),
            kept: Vec::new(),
            without: BTreeMap::new(),
            lost: Lost::default(),
            beats: Vec::new(),
            waited: Duration::ZERO,
        }
    }

    /// Pods on which it is held, smaller first.
    #[must_use]
    pub fn pods(&self) -> Vec<Ordinal> {
        let mut pods: Vec<_> = self.ordinary.iter().chain(&self.kept).copied().collect();
        pods.sort();
        pods
    }

    /// Pods that could not be asked, and why.
    #[must_use]
    pub fn without_pods(&self) -> &BTreeMap<Ordinal, String> {
        &self.without
    }

    /// The lock's own session on a pod, which a fence has to spare.
    #[must_use]
    pub fn session(&self, pod: Ordinal) -> Option<i64> {
        self.sessions.get(&pod).copied()
    }

    /// Why it is not held any more.
    #[must_use]
    pub fn lost(&self) -> Option<String> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn without(&mut self, pod: Ordinal, why: String) {
        self.without.insert(pod, why);
    }

    pub(super) fn add(&mut self, pod: Ordinal, mut session: Box<dyn Session>) {
        self.ordinary.push(pod);
        // Without a number the fence would close it, and the run would stop there: nothing is lost.
        let number = session.query(&ReadSql::SessionId).ok().and_then(|rows| rows.single_int());
        self.sessions.extend(number.map(|id| (pod, id)));
        let (stop, stopped) = mpsc::channel();
        let (id, lost) = (self.id, Arc::clone(&self.lost));
        let beat = move || {
            while stopped.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
                match request(&mut *session, id) {
                    Ok(Answer::Others) => lose(&lost, format!("the lock on pod {pod} has gone to somebody else")),
                    Err(e) if e.lost_session() => {
                        return lose(&lost, format!("the lock on pod {pod} was lost with its session: {e}"));
                    }
                    // Ours still, or a busy server: the session, and so the lock, is there.
                    Ok(Answer::Ours) | Err(_) => {}
                }
            }
        };
        match thread::Builder::new().name(format!("lock {pod}")).spawn(beat) {
            Ok(_detached) => self.beats.push(stop),
            Err(e) => lose(&self.lost, format!("the lock on pod {pod} cannot be watched: {e}")),
        }
    }

    pub(super) fn keep(&mut self, pod: Ordinal, session: Box<dyn Session>, login: Login) {
        let Some(keeper) = &self.keeper else { return };
        self.kept.push(pod);
        let (id, lost) = (self.id, Arc::clone(&self.lost));
        // Locks on other pods were held all the time, so nobody came in between; alone, nobody can tell.
        let alone = self.ordinary.is_empty();
        let reopened: Arc<Reopened> = Arc::new(move |session| match request(session, id) {
            Ok(Answer::Ours) if !alone => Ok(()),
            Ok(Answer::Ours) => {
                lose(&lost, format!("the lock on pod {pod} was lost with its session, and it was the only one"));
                Ok(())
            }
            Ok(Answer::Others) => {
                let why = format!("the lock on pod {pod} has gone to somebody else");
                lose(&lost, why.clone());
                Err(DbError { sqlstate: "HY000".to_owned(), native: 0, message: why })
            }
            Err(e) => Err(e),
        });
        keeper.keep(pod, session, login, reopened);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.beats.clear();
        if let Some(keeper) = &self.keeper {
            keeper.release();
        }
    }
}
