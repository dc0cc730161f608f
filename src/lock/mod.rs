//! One run at a time: a user lock on every pod that can be asked, taken before anything is looked at.
//!
//! On a pod that admits ordinary sessions the lock lives in a session of its own; on the pod that the run is about, when
//! it is in ADMIN_MODE, in the single SYSDBA session, which is kept and lent to everything else the run does there
//! (`measured.md` 4). It dies with its session, so a crash leaves nothing behind. Taken in ordinal order, so two runs
//! never wait for each other in a circle. The lock is no fence: every action still looks before it acts.
//!
//! Another pod in ADMIN_MODE is not locked, because its only SYSDBA session would have to be held for the whole run: a copy
//! of an hour would keep the start script of that pod out, its own `aku -p start`, and a person who wants to help. Nothing
//! is lost by it. Two runs meet on every pod that is in service. Where none is, that single session is itself the lock of
//! its pod: nobody changes anything there without it, the run of that pod holds it from here to its end, and any other run
//! from its first action there.

mod held;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use sha2::{Digest as _, Sha256};

pub use aku_core::app_info::{self as app, App, AtWork, PREFIX, is_of_a_run, shortened, working};
pub use held::Held;

use crate::{
    db::{
        ConnectError, ConnectFailure, Connector as _, DbError, Login, Privilege, Session, each_pod, error::native,
        session_keeper::SessionKeeper, sql::ReadSql,
    },
    topology::Ordinal,
};

/// Number of the lock: the same for everything that works on the same StatefulSet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockId(i64);

impl LockId {
    /// From AKU_STS_NAME and AKU_SVC_NAME; within the range of an INTEGER, never 0.
    #[must_use]
    pub fn of(statefulset: &str, service: &str) -> Self {
        let hash = Sha256::digest(format!("aku/{statefulset}/{service}"));
        let number = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]) & 0x7fff_ffff;
        Self(i64::from(number.max(1)))
    }
}

/// What is locked, and how patiently.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Number of the lock.
    pub id: LockId,
    /// Every pod of the configuration.
    pub pods: Vec<Ordinal>,
    /// The pod that the run is about.
    pub own: Ordinal,
    /// Who we are.
    pub app: App,
    /// Bound on each connect.
    pub connect_timeout: Duration,
    /// How long to wait for somebody else's lock.
    pub patience: Duration,
}

/// Somebody else has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The pod whose lock it is.
    pub pod: Ordinal,
    /// Who, when it can be seen.
    pub holder: Option<Holder>,
    /// How long this run has waited by now.
    pub waited: Duration,
}

/// Who has the lock, from V$SESSION.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The run.
    pub app: App,
    /// V$SESSION.ID
    pub session: i64,
    /// COMM_NAME, `TCP address:port`.
    pub from: String,
}

/// The server's own bound on one request: a waiting run looks around once a second. A server that does not mind it
/// answers after USER_LOCK_REQUEST_TIMEOUT, 10 s by default.
const REQUEST: Duration = Duration::from_secs(1);
/// Longest silence of a server before its session counts as lost; above USER_LOCK_REQUEST_TIMEOUT.
const SILENCE: Duration = Duration::from_secs(30);
/// Shortest time between two requests, for servers that refuse at once.
const PACE: Duration = Duration::from_millis(100);

/// Takes the lock on every pod that can be asked. `tell` hears of each round of waiting.
///
/// # Errors
/// Another run has it for longer than `patience`.
pub fn acquire(
    keeper: &Arc<SessionKeeper>,
    wanted: &Wanted,
    tell: &mut dyn FnMut(&Waiting),
) -> Result<Held, Box<Waiting>> {
    let normal = login(wanted, Privilege::Normal);
    let mut links = each_pod(wanted.pods.iter().copied(), |pod| keeper.connect(pod, &normal));
    let mut held = Held::new(Arc::clone(keeper), wanted.id);
    let began = Instant::now();
    for &pod in &wanted.pods {
        let mut attempt = links.remove(&pod);
        // A session that was lost while this run waited for another pod is opened once more.
        for round in 0..2 {
            let Some(link) = attempt.take() else { break };
            let (session, privilege) = match opened(keeper, wanted, pod, link) {
                Ok(opened) => opened,
                Err(why) => {
                    held.without(pod, why);
                    break;
                }
            };
            match one(wanted, pod, session, began, tell)? {
                Got::Lock(session) => match privilege {
                    Privilege::Normal => held.add(pod, session),
                    Privilege::Sysdba => held.keep(pod, session, login(wanted, Privilege::Sysdba)),
                },
                Got::Nothing(e) if e.lost_session() && round == 0 => attempt = Some(keeper.connect(pod, &normal)),
                Got::Nothing(e) => held.without(pod, e.to_string()),
            }
        }
    }
    held.waited = began.elapsed();
    Ok(held)
}

fn login(wanted: &Wanted, privilege: Privilege) -> Login {
    Login {
        privilege,
        connect_timeout: wanted.connect_timeout,
        query_timeout: Some(REQUEST),
        silence_timeout: match privilege {
            Privilege::Normal => Some(SILENCE),
            // It serves the whole run, and a FLUSH or a TRUNCATE may take its time; borrowers bound it themselves.
            Privilege::Sysdba => None,
        },
        app_info: wanted.app.to_string(),
    }
}

type Link = Result<Box<dyn Session>, ConnectError>;

/// The session that is to hold the lock; in words why there is none.
fn opened(
    keeper: &SessionKeeper,
    wanted: &Wanted,
    pod: Ordinal,
    link: Link,
) -> Result<(Box<dyn Session>, Privilege), String> {
    match link {
        Ok(session) => Ok((session, Privilege::Normal)),
        Err(e) if e.failure == ConnectFailure::AdminMode && pod == wanted.own => keeper
            .connect(pod, &login(wanted, Privilege::Sysdba))
            .map(|session| (session, Privilege::Sysdba))
            .map_err(|e| e.to_string()),
        // See above.
        Err(e) if e.failure == ConnectFailure::AdminMode => Err("it is in ADMIN_MODE".to_owned()),
        Err(e) => Err(e.to_string()),
    }
}

enum Got {
    Lock(Box<dyn Session>),
    /// This server gives no lock: the session is lost, or it knows no such function.
    Nothing(DbError),
}

fn one(
    wanted: &Wanted,
    pod: Ordinal,
    mut session: Box<dyn Session>,
    began: Instant,
    tell: &mut dyn FnMut(&Waiting),
) -> Result<Got, Box<Waiting>> {
    loop {
        let asked = Instant::now();
        match request(&mut *session, wanted.id) {
            Ok(Answer::Ours) => return Ok(Got::Lock(session)),
            Ok(Answer::Others) => {}
            Err(e) => return Ok(Got::Nothing(e)),
        }
        let waiting = Waiting { pod, holder: holder(&mut *session, &wanted.app), waited: began.elapsed() };
        if waiting.waited >= wanted.patience {
            return Err(Box::new(waiting));
        }
        tell(&waiting);
        thread::sleep(PACE.saturating_sub(asked.elapsed()));
    }
}

/// What a request found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Ours,
    Others,
}

fn request(session: &mut dyn Session, id: LockId) -> Result<Answer, DbError> {
    let refused = |answer: Option<i64>| DbError {
        sqlstate: "HY000".to_owned(),
        native: 0,
        message: format!("USER_LOCK_REQUEST answered {answer:?}"),
    };
    match session.query(&ReadSql::LockRequest(id.0)) {
        Ok(rows) => match rows.single_int() {
            Some(0 | 4) => Ok(Answer::Ours),
            Some(1) => Ok(Answer::Others),
            other => Err(refused(other)),
        },
        // The session's own bound fired while it waited.
        Err(e) if [native::QUERY_TIMEOUT, native::CANCELLED].contains(&e.native) => Ok(Answer::Others),
        Err(e) => Err(e),
    }
}

/// The run that has the lock: of the sessions that ask for it, the one that does not wait.
fn holder(session: &mut dyn Session, own: &App) -> Option<Holder> {
    let rows = session.query(&ReadSql::SessionsOf(PREFIX)).ok()?;
    let mut others: Vec<(bool, Holder)> = rows
        .iter()
        .filter_map(|row| {
            let app: App = row.text("CLIENT_APP_INFO")?.parse().ok()?;
            let waits = row.text("TASK_STATE").is_some_and(|t| t.trim() == "EXECUTING");
            let holder = Holder { app, session: row.int("ID")?, from: row.text("COMM_NAME").unwrap_or_default() };
            (holder.app.run != own.run).then_some((waits, holder))
        })
        .collect();
    // Sorted by login; stable, so the earliest of those that do not wait.
    others.sort_by_key(|(waits, _)| *waits);
    others.into_iter().next().map(|(_, holder)| holder)
}

/// Sessions by pod, as the lock leaves them to a run.
pub type SessionIds = BTreeMap<Ordinal, i64>;
