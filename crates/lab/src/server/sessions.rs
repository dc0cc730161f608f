//! Client sessions: who is logged in, what each one runs and what it waits for.
//!
//! It decides nothing about statements; it only keeps the state that outlives one call of the engine.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    data::{Savepoint, TxId},
    io::{ConnId, Micros},
    sql::{SqlError, Statement},
};

/// SESSION_ID of a session.
pub(crate) type SessionId = u32;

/// Whether each statement is a transaction of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Autocommit {
    On,
    Off,
}

/// Whether changes of a session are for peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forwarding {
    On,
    Off,
}

/// What a statement waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// A row or table lock; tried again when something was let go.
    Lock,
    /// A user lock, until then.
    UserLock,
    /// Its turn at the sender latch.
    Latch,
    /// The peer's answer to a handshake of this replication.
    Handshake(String),
    /// The copy of rows by this replication's sender, locks included.
    Copy(String),
    /// The end of this replication's sender.
    End(String),
    /// FLUSH of this replication.
    Flush { name: String, until: FlushTarget, deadline: Option<Micros> },
    /// The acknowledgement of eager peers for everything up to this SN; then the answer with this count of rows.
    Eager { sn: u64, affected: i64 },
    /// The sender's connection to another host.
    Connected(String),
    /// Nothing but the time at which a real server answers (`seconds`).
    Paced { until: Micros, outcome: Result<(), SqlError> },
}

/// How far a FLUSH waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlushTarget {
    /// Up to this SN.
    Sn(u64),
    /// Until there is no gap.
    NoGap,
}

/// The statement under way.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) statement: Arc<Statement>,
    pub(crate) sql: Arc<str>,
    pub(crate) began: Micros,
    /// When it got the sender latch for a verb.
    pub(crate) acted: Option<Micros>,
    pub(crate) wait: Option<Wait>,
    /// QUERY_TIMEOUT or DDL_TIMEOUT.
    pub(crate) deadline: Option<Micros>,
    /// DDL_LOCK_TIMEOUT, LOCK TABLE .. WAIT, USER_LOCK_REQUEST_TIMEOUT.
    pub(crate) lock_deadline: Option<Micros>,
}

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) conn: ConnId,
    pub(crate) peer: String,
    pub(crate) user: String,
    pub(crate) user_id: u32,
    pub(crate) sysdba: bool,
    pub(crate) app_info: String,
    pub(crate) login_time: Micros,
    pub(crate) autocommit: Autocommit,
    pub(crate) forwarding: Forwarding,
    /// Seconds; 0 is unlimited.
    pub(crate) query_timeout: u64,
    /// Seconds; 0 is unlimited.
    pub(crate) ddl_timeout: u64,
    /// Seconds, -1 for ever; `None` follows the server's property.
    pub(crate) ddl_lock_timeout: Option<i64>,
    pub(crate) tx: Option<TxId>,
    pub(crate) savepoints: Vec<(String, Savepoint)>,
    pub(crate) running: Option<Running>,
}

impl Session {
    /// Whether replication statements are for this user.
    pub(crate) fn is_sys(&self) -> bool {
        self.user == "SYS"
    }
}

/// All sessions of a server.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_id: BTreeMap<SessionId, Session>,
    by_conn: BTreeMap<ConnId, SessionId>,
    last: SessionId,
}

impl Sessions {
    pub(crate) fn next_id(&mut self) -> SessionId {
        self.last += 1;
        self.last
    }

    pub(crate) fn add(&mut self, session: Session) {
        self.by_conn.insert(session.conn, session.id);
        self.by_id.insert(session.id, session);
    }

    pub(crate) fn remove(&mut self, id: SessionId) -> Option<Session> {
        let session = self.by_id.remove(&id)?;
        self.by_conn.remove(&session.conn);
        Some(session)
    }

    pub(crate) fn of_conn(&self, conn: ConnId) -> Option<SessionId> {
        self.by_conn.get(&conn).copied()
    }

    pub(crate) fn get(&self, id: SessionId) -> Option<&Session> {
        self.by_id.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.by_id.get_mut(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Session> {
        self.by_id.values()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Sessions whose statement waits for something of that kind, longest waiting first.
    pub(crate) fn waiting(&self, wanted: impl Fn(&Wait) -> bool) -> Vec<SessionId> {
        let mut found: Vec<_> = self
            .iter()
            .filter_map(|s| {
                let running = s.running.as_ref()?;
                running.wait.as_ref().filter(|w| wanted(w)).map(|_| (running.began, s.id))
            })
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, id)| id).collect()
    }
}
