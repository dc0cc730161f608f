//! How we talk to a pod: sessions, what may be sent on them, and what a failure means.
//!
//! Two transports implement [`Connector`]: `odbc` (production) and `lab` (the embedded cluster over TCP).
//! Statements are the types of [`sql`]; a [`ReadSql`] cannot change anything (DESIGN D7).

pub mod bounded;
pub mod client;
mod connector;
mod dial;
mod each;
pub mod endpoints;
pub mod lab;
pub mod odbc;
mod resolve;
pub mod session_keeper;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod timed;
pub mod wire;

use std::{sync::Arc, time::Duration};

pub use aku_core::sql::{
    self, ConnectError, ConnectFailure, DbError, Privilege, Row, Rows, Value, error, facts, page, rows, setting,
};
use aku_core::topology::Ordinal;

pub use connector::connector;
pub use each::each_pod;
use sql::{ChangeSql, ReadSql};

/// How one session is opened.
#[derive(Clone, Debug)]
pub struct Login {
    /// Ordinary or SYSDBA.
    pub privilege: Privilege,
    /// Bound on the whole connect (LOGIN_TIMEOUT), whole seconds at least 1.
    pub connect_timeout: Duration,
    /// Server-side bound on a statement (connection keyword QUERY_TIMEOUT, s); `None` = unlimited.
    pub query_timeout: Option<Duration>,
    /// Client-side bound on silence from the server (CONNECTION_TIMEOUT, s); the session is lost when it fires.
    pub silence_timeout: Option<Duration>,
    /// Shown in V$SESSION.CLIENT_APP_INFO, at most 128 bytes.
    pub app_info: String,
}

/// Cancels the statement that runs on a session, from another thread. May block for the connect timeout, because the
/// real driver opens a second connection for it: never call it from the thread that talks to the user.
pub trait Cancel: Send + Sync {
    /// Asks the server to cancel. Nothing happens when no statement runs.
    fn cancel(&self);
}

/// One session on one pod. Owned by one thread at a time.
pub trait Session: Send {
    /// Runs a statement that only reads.
    ///
    /// # Errors
    /// What the database or the link said.
    fn query(&mut self, sql: &ReadSql) -> Result<Rows, DbError>;

    /// Runs a statement that changes something. Success means the server said so; for SYNC that is not proof of contents.
    ///
    /// # Errors
    /// What the database or the link said. After a lost link the outcome is unknown.
    fn execute(&mut self, sql: &ChangeSql) -> Result<(), DbError>;

    /// A handle that can cancel what runs here.
    fn canceller(&self) -> Arc<dyn Cancel>;
}

/// Opens sessions. One value serves all pods and all threads.
pub trait Connector: Send + Sync {
    /// Opens a session on `pod`.
    ///
    /// # Errors
    /// See [`ConnectError`]; `failure` tells absent from broken (DESIGN D3, D19).
    fn connect(&self, pod: Ordinal, login: &Login) -> Result<Box<dyn Session>, ConnectError>;
}

/// Opens a SYS session: ordinary first, SYSDBA only when the server says that ADMIN_MODE is on (DESIGN D8).
///
/// # Errors
/// As [`Connector::connect`].
pub fn connect_sys(
    connector: &dyn Connector,
    pod: Ordinal,
    login: &Login,
) -> Result<(Box<dyn Session>, Privilege), ConnectError> {
    let as_who = |privilege| Login { privilege, ..login.clone() };
    match connector.connect(pod, &as_who(Privilege::Normal)) {
        Ok(session) => Ok((session, Privilege::Normal)),
        Err(e) if e.failure == ConnectFailure::AdminMode => {
            Ok((connector.connect(pod, &as_who(Privilege::Sysdba))?, Privilege::Sysdba))
        }
        Err(e) => Err(e),
    }
}
