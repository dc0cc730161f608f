//! The sessions of a run, per pod: opened when first needed, shared by its actions, given back, thrown away when lost.
//!
//! A pod in ADMIN_MODE has one (DESIGN D8). Before a fence everything the run needs on the pod is opened, and then
//! nothing more is (DESIGN D15).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{context::Context, control::Control, op_error::OpError};
use crate::{
    db::{self, ConnectError, ConnectFailure, Login, Privilege, Session, error::native, sql::ReadSql},
    plan::ActionId,
    topology::Ordinal,
};

/// Longest sleep while somebody else holds the only session.
const WAIT: Duration = Duration::from_millis(20);

struct Link {
    session: Box<dyn Session>,
    id: Option<i64>,
}

/// One life of a server on one volume: V$INSTANCE and V$DATABASE.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Instance {
    startup: Option<i64>,
    signature: Option<String>,
}

/// The one SYSDBA session of a pod whose users are out, kept so that nobody else comes as SYSDBA.
#[derive(Default)]
enum Sysdba {
    /// Not taken.
    #[default]
    Free,
    /// Taken, and nobody works on it.
    Kept(Link),
    /// A lane of this run took it over: whoever has it now is this run, or somebody whom the fence sees.
    Lent,
}

impl Sysdba {
    /// The session, where it is kept; it is lent from then on.
    fn lend(&mut self) -> Option<Link> {
        match std::mem::replace(self, Self::Lent) {
            Self::Kept(link) => Some(link),
            Self::Lent => None,
            Self::Free => {
                *self = Self::Free;
                None
            }
        }
    }
}

#[derive(Default)]
struct PodSessions {
    idle: Vec<Link>,
    /// Idle, in use, and being opened.
    open: usize,
    opening: usize,
    own: BTreeSet<i64>,
    /// Only one session is to be had: the SYSDBA one.
    single: bool,
    /// After a fence: no more than this.
    sealed: Option<usize>,
    ever: bool,
    sysdba: Sysdba,
    /// The server that the first session found, where it matters.
    instance: Option<Instance>,
    /// A later session found another one.
    restarted: bool,
    /// Who uses which session.
    used: BTreeMap<u64, ActionId>,
    next: u64,
}

impl PodSessions {
    fn lend(&mut self, holder: ActionId) -> u64 {
        self.next += 1;
        self.used.insert(self.next, holder);
        self.next
    }
}

/// All sessions of a run.
pub(super) struct Sessions {
    context: Context,
    login: Login,
    /// Pods that will be fenced: there, every session must be known by its number.
    fenced: BTreeSet<Ordinal>,
    /// Pods that users will be admitted to: there, a server that was restarted meanwhile is noticed.
    opened: BTreeSet<Ordinal>,
    pods: Mutex<BTreeMap<Ordinal, PodSessions>>,
    freed: Condvar,
}

/// A session in use; goes back when dropped, unless it was lost.
pub(super) struct Lease {
    sessions: Arc<Sessions>,
    pub pod: Ordinal,
    key: u64,
    link: Option<Link>,
    lost: bool,
    age: Age,
}

/// Who has the one SYSDBA session of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// This run.
    Kept,
    /// Somebody else.
    Taken,
    /// Nobody who comes from where we come: the server lets no SYSDBA in from there.
    Closed,
}

/// Whether a session was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// It was opened for this lease.
    New,
    /// Others used it before.
    Used,
}

impl Lease {
    pub fn session(&mut self) -> &mut dyn Session {
        &mut *self.link.as_mut().expect("a lease holds its session until it is dropped").session
    }

    /// Marks it as unusable.
    pub fn lose(&mut self) {
        self.lost = true;
    }

    pub fn is_lost(&self) -> bool {
        self.lost
    }

    pub fn age(&self) -> Age {
        self.age
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(link) = self.link.take() else { return };
        let mut pods = self.sessions.lock();
        let pod = pods.entry(self.pod).or_default();
        let abandoned = pod.used.remove(&self.key).is_none();
        if !self.lost && !abandoned {
            pod.idle.push(link);
            drop(pods);
        } else {
            if !abandoned {
                pod.open -= 1;
            }
            if let Some(id) = link.id {
                pod.own.remove(&id);
            }
            drop(pods);
            // Closing it may block, so not under the lock.
            drop(link);
        }
        self.sessions.freed.notify_all();
    }
}

impl Sessions {
    pub fn new(context: Context, login: Login, fenced: BTreeSet<Ordinal>, opened: BTreeSet<Ordinal>) -> Self {
        Self { context, login, fenced, opened, pods: Mutex::default(), freed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Ordinal, PodSessions>> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many actions may use sessions of `pod` side by side. Until the first session is open nobody knows whether
    /// the pod is in ADMIN_MODE, so it is one.
    pub fn lanes(&self, pod: Ordinal) -> usize {
        let lanes = self.context.limits.lanes.max(1);
        self.lock().get(&pod).map_or(1, |p| match (p.ever && !p.single, p.sealed) {
            (false, _) => 1,
            (true, Some(sealed)) => sealed.clamp(1, lanes),
            (true, None) => lanes,
        })
    }

    /// A session on `pod`: an idle one, a new one, or the one that another action gives back.
    pub fn take(self: &Arc<Self>, pod: Ordinal, holder: ActionId, control: &Control) -> Result<Lease, OpError> {
        loop {
            if control.stopped() {
                return Err(OpError::Stopped);
            }
            let mut pods = self.lock();
            let state = pods.entry(pod).or_default();
            if let Some(link) = state.idle.pop() {
                let key = state.lend(holder);
                return Ok(self.lease(pod, key, link, Age::Used));
            }
            let full = state.open > 0 && (state.single || state.sealed.is_some_and(|n| state.open >= n));
            if full {
                // The condition variable only saves time; the loop is what decides.
                drop(self.freed.wait_timeout(pods, WAIT));
                continue;
            }
            state.open += 1;
            state.opening += 1;
            drop(pods);
            match self.open(pod) {
                Ok(link) => {
                    let key = self.lock().entry(pod).or_default().lend(holder);
                    return Ok(self.lease(pod, key, link, Age::New));
                }
                Err(e) if e.failure == ConnectFailure::SysdbaBusy && self.in_use(pod) => {
                    self.lock().entry(pod).or_default().single = true;
                }
                Err(e) => return Err(OpError::NoSession(Box::new(e))),
            }
        }
    }

    /// A session of its own, without time limits but for `silence`; closed when dropped, never shared.
    pub fn private(
        self: &Arc<Self>,
        pod: Ordinal,
        silence: Option<Duration>,
    ) -> Result<Box<dyn Session>, ConnectError> {
        let login = Login { query_timeout: None, silence_timeout: silence, ..self.login.clone() };
        match db::connect_sys(&*self.context.connector, pod, &login) {
            Err(e) if e.failure == ConnectFailure::SysdbaBusy => self.give_slot(pod).map(|link| link.session).ok_or(e),
            other => other.map(|(session, _)| session),
        }
    }

    /// Takes the one SYSDBA session of a pod and keeps it until the run is over: writers that were shut out came back as
    /// SYSDBA, and what they committed reached some pods and not others. Where this run's only session is that one there is nothing to take.
    pub fn keep_slot(&self, pod: Ordinal) -> Result<Slot, ConnectError> {
        if self.lock().get(&pod).is_some_and(|p| p.single || matches!(p.sysdba, Sysdba::Kept(_))) {
            return Ok(Slot::Kept);
        }
        // A fence may wait long for FLUSH: nothing happens on this session meanwhile.
        let login = Login { privilege: Privilege::Sysdba, silence_timeout: None, ..self.login.clone() };
        let session = match self.context.connector.connect(pod, &login) {
            Ok(session) => session,
            Err(e) => {
                return match e.failure {
                    ConnectFailure::SysdbaBusy
                        if self.lock().get(&pod).is_some_and(|p| matches!(p.sysdba, Sysdba::Lent)) =>
                    {
                        Ok(Slot::Kept)
                    }
                    ConnectFailure::SysdbaBusy => Ok(Slot::Taken),
                    ConnectFailure::LoginRefused => Ok(Slot::Closed),
                    ConnectFailure::Absent
                    | ConnectFailure::Unreachable
                    | ConnectFailure::AdminMode
                    | ConnectFailure::Timeout
                    | ConnectFailure::Other => Err(e),
                };
            }
        };
        let link = Self::numbered(pod, session)?;
        let mut pods = self.lock();
        let state = pods.entry(pod).or_default();
        state.own.extend(link.id);
        state.sysdba = Sysdba::Kept(link);
        Ok(Slot::Kept)
    }

    /// The kept SYSDBA session, where the run needs it: nobody else gets one.
    fn give_slot(&self, pod: Ordinal) -> Option<Link> {
        self.lock().get_mut(&pod)?.sysdba.lend()
    }

    fn numbered(pod: Ordinal, mut session: Box<dyn Session>) -> Result<Link, ConnectError> {
        let failed = |error| ConnectError { pod, address: String::new(), failure: ConnectFailure::Other, error };
        let id = session.query(&ReadSql::SessionId).map_err(failed)?.single_int();
        let id = id.ok_or_else(|| {
            failed(db::DbError {
                sqlstate: "HY000".to_owned(),
                native: native::NO_COLUMN,
                message: "SESSION_ID() gave no number".to_owned(),
            })
        })?;
        Ok(Link { session, id: Some(id) })
    }

    /// Opens sessions until `wanted` are open, then lets nobody open more. Fewer are fine: they take turns.
    pub fn seal(self: &Arc<Self>, pod: Ordinal, wanted: usize, control: &Control) -> Result<(), OpError> {
        self.lock().entry(pod).or_default().sealed = Some(0);
        // A session that is being opened now would not be spared by the fence.
        let patience = control.wish.clock.now() + 2 * self.login.connect_timeout + WAIT;
        while self.lock().get(&pod).is_some_and(|p| p.opening > 0) && control.wish.clock.now() < patience {
            control.pause(WAIT)?;
        }
        loop {
            let mut pods = self.lock();
            let state = pods.entry(pod).or_default();
            if state.open >= wanted || state.single {
                state.sealed = Some(state.open.max(1));
                return Ok(());
            }
            state.open += 1;
            state.opening += 1;
            drop(pods);
            let opened = self.open(pod);
            let mut pods = self.lock();
            let state = pods.entry(pod).or_default();
            let Ok(link) = opened else {
                state.sealed = Some(state.open.max(1));
                return Ok(());
            };
            state.idle.push(link);
        }
    }

    /// Numbers of this run's sessions on a pod that will be fenced.
    pub fn own(&self, pod: Ordinal) -> BTreeSet<i64> {
        let mut own = self.lock().get(&pod).map(|p| p.own.clone()).unwrap_or_default();
        own.extend(self.context.lock.as_ref().and_then(|held| held.session(pod)));
        own
    }

    /// Closes everything that nobody uses. The threads of the last actions may outlive the run by a moment, so this is
    /// not left to the last owner: a pod in ADMIN_MODE admits nobody before its session is closed.
    pub fn close(&self) {
        let of =
            |p: &mut PodSessions| std::mem::take(&mut p.idle).into_iter().chain(p.sysdba.lend()).collect::<Vec<_>>();
        let idle: Vec<Link> = self.lock().values_mut().flat_map(of).collect();
        drop(idle);
    }

    fn in_use(&self, pod: Ordinal) -> bool {
        self.lock().get(&pod).is_some_and(|p| p.open > 0)
    }

    /// An action is given up: its sessions no longer count, and are thrown away if they ever come back.
    pub fn abandon(&self, holder: ActionId) {
        let mut pods = self.lock();
        for pod in pods.values_mut() {
            let before = pod.used.len();
            pod.used.retain(|_, who| *who != holder);
            pod.open -= before - pod.used.len();
        }
        drop(pods);
        self.freed.notify_all();
    }

    fn lease(self: &Arc<Self>, pod: Ordinal, key: u64, link: Link, age: Age) -> Lease {
        Lease { sessions: Arc::clone(self), pod, key, link: Some(link), lost: false, age }
    }

    /// Opens a session that was counted before.
    fn open(&self, pod: Ordinal) -> Result<Link, ConnectError> {
        let opened = self.connect(pod);
        let mut pods = self.lock();
        let state = pods.entry(pod).or_default();
        state.opening -= 1;
        let answer = match opened {
            Ok((link, privilege)) => {
                state.ever = true;
                state.single |= privilege == Privilege::Sysdba;
                state.own.extend(link.id);
                Ok(link)
            }
            Err(e) => {
                state.open -= 1;
                Err(e)
            }
        };
        drop(pods);
        self.freed.notify_all();
        answer
    }

    /// Whether a session of this run found another server than the first one did. Right as soon as the pod was looked at.
    pub fn restarted(&self, pod: Ordinal) -> bool {
        self.lock().get(&pod).is_some_and(|p| p.restarted)
    }

    fn recognise(&self, pod: Ordinal, session: &mut dyn Session) -> Result<(), ConnectError> {
        if !self.opened.contains(&pod) {
            return Ok(());
        }
        let rows = match session.query(&ReadSql::Server) {
            Ok(rows) => rows,
            Err(error) if error.lost_session() => {
                return Err(ConnectError { pod, address: String::new(), failure: ConnectFailure::Other, error });
            }
            // A server that does not tell.
            Err(_) => return Ok(()),
        };
        let row = rows.iter().next();
        let startup = row.and_then(|row| row.int("STARTUP_TIME_SEC"));
        let now = Instance { startup, signature: row.and_then(|row| row.text("DB_SIGNATURE")) };
        let mut pods = self.lock();
        let state = pods.entry(pod).or_default();
        state.restarted |= *state.instance.get_or_insert_with(|| now.clone()) != now;
        Ok(())
    }

    fn connect(&self, pod: Ordinal) -> Result<(Link, Privilege), ConnectError> {
        let (mut session, privilege) = match db::connect_sys(&*self.context.connector, pod, &self.login) {
            Err(e) if e.failure == ConnectFailure::SysdbaBusy => {
                return self.give_slot(pod).map(|link| (link, Privilege::Sysdba)).ok_or(e);
            }
            other => other?,
        };
        self.recognise(pod, &mut *session)?;
        if !self.fenced.contains(&pod) {
            return Ok((Link { session, id: None }, privilege));
        }
        Ok((Self::numbered(pod, session)?, privilege))
    }
}
