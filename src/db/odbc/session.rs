//! One ODBC session: connecting, one statement at a time, hanging up. Decides when a session is lost. Must never
//! panic, block on a dead peer while being dropped, or let a handle outlive its connection.
#![allow(unsafe_code)] // Executing statements and setting SQL_ATTR_CONNECTION_TIMEOUT are unsafe calls of odbc-api.

use std::{mem::ManuallyDrop, sync::Arc};

use odbc_api::{
    handles::{AnyHandle, Connection, SqlResult, SqlText, Statement, StatementImpl},
    sys::{ConnectionAttribute, HandleType, SQLFreeHandle, SqlReturn},
};
use secrecy::{ExposeSecret, SecretString};

use super::{
    cancel::Canceller,
    diagnostics::{Scrub, decide, records},
    fetch,
    guard::{allocate_connection, guarded},
    own_error, whole_seconds,
};
use crate::db::{
    Cancel, DbError, Login, Rows, Session,
    sql::{ChangeSql, ReadSql},
};

/// A session on a pod.
pub struct OdbcSession {
    /// Taken apart by hand: odbc-api's own drop panics when something fails.
    connection: ManuallyDrop<Connection<'static>>,
    canceller: Arc<Canceller>,
    scrub: Arc<Scrub>,
    lost: bool,
}

/// Connects. The whole of it is bounded by the login timeout, apart from resolving the name.
///
/// # Errors
/// What the driver said, scrubbed.
pub fn open(connection_string: &SecretString, login: &Login, scrub: Arc<Scrub>) -> Result<OdbcSession, DbError> {
    let mut connection = ManuallyDrop::new(allocate_connection()?);
    let outcome = guarded("the connect", || connect(&mut connection, connection_string, login, &scrub));
    match outcome {
        Ok(Ok(())) => Ok(OdbcSession { connection, canceller: Arc::default(), scrub, lost: false }),
        Ok(Err(error)) => {
            free(connection);
            Err(error)
        }
        // After a panic the handle's state is anybody's guess: it is left alone.
        Err(error) => Err(error),
    }
}

fn connect(
    connection: &mut Connection<'static>,
    connection_string: &SecretString,
    login: &Login,
    scrub: &Scrub,
) -> Result<(), DbError> {
    let set = connection.set_login_timeout_sec(whole_seconds(login.connect_timeout));
    check(set, connection, scrub)?;
    if let Some(limit) = login.silence_timeout {
        let seconds = std::ptr::without_provenance_mut(whole_seconds(limit) as usize);
        // SAFETY: an integer attribute; its value travels in the pointer.
        let set = unsafe { connection.set_attribute(ConnectionAttribute::CONNECTION_TIMEOUT, seconds, 0) };
        check(set, connection, scrub)?;
    }
    let connected = connection.connect_with_connection_string(&SqlText::new(connection_string.expose_secret()));
    check(connected, connection, scrub)
}

/// Success, with or without info, and no data are fine; anything else is read from the handle's records.
pub fn check(result: SqlResult<()>, handle: &impl AnyHandle, scrub: &Scrub) -> Result<(), DbError> {
    match result {
        SqlResult::Success(()) | SqlResult::NoData => Ok(()),
        SqlResult::SuccessWithInfo(()) => {
            for record in records(handle, scrub) {
                tracing::debug!(sqlstate = record.sqlstate, native = record.native, "{}", record.message);
            }
            Ok(())
        }
        SqlResult::Error { function } => Err(decide(function, records(handle, scrub))),
        SqlResult::NeedData | SqlResult::StillExecuting => {
            Err(own_error("HY000", "the ODBC driver asked for something that was never offered"))
        }
    }
}

impl OdbcSession {
    fn run(&mut self, sql: &str) -> Result<Rows, DbError> {
        if self.lost {
            return Err(own_error("08S01", "the session was lost before"));
        }
        let outcome = guarded("a statement", || self.run_one(sql)).and_then(|rows| rows);
        self.lost = outcome.as_ref().is_err_and(DbError::lost_session);
        outcome
    }

    fn run_one(&self, sql: &str) -> Result<Rows, DbError> {
        let (SqlResult::Success(statement) | SqlResult::SuccessWithInfo(statement)) =
            self.connection.allocate_statement()
        else {
            return Err(decide("SQLAllocHandle", records(&*self.connection, &self.scrub)));
        };
        let mut statement = ManuallyDrop::new(statement);
        let outcome = self.execute_and_fetch(&mut statement, sql);
        // A lost session's statements go with its connection; freeing one could wait for the dead peer.
        if !outcome.as_ref().is_err_and(DbError::lost_session) {
            free_statement(ManuallyDrop::into_inner(statement));
        }
        outcome
    }

    fn execute_and_fetch(&self, statement: &mut StatementImpl<'_>, sql: &str) -> Result<Rows, DbError> {
        let executed = {
            let _cancellable = self.canceller.register(statement.as_sys());
            // SAFETY: no parameters are bound, so nothing has to stay valid.
            unsafe { statement.exec_direct(&SqlText::new(sql)) }
        };
        check(executed, statement, &self.scrub)?;
        fetch::all_rows(statement, &self.scrub)
    }
}

impl Session for OdbcSession {
    fn query(&mut self, sql: &ReadSql) -> Result<Rows, DbError> {
        self.run(&sql.to_string())
    }

    fn execute(&mut self, sql: &ChangeSql) -> Result<(), DbError> {
        self.run(&sql.to_string()).map(|_| ())
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        Arc::clone(&self.canceller) as Arc<dyn Cancel>
    }
}

impl Drop for OdbcSession {
    /// A healthy session is hung up here. A lost one is hung up by a thread that nobody waits for: its socket should
    /// close, because a server that still lives would keep the only SYSDBA slot, but the driver may hang.
    fn drop(&mut self) {
        // SAFETY: the field is not used again.
        let connection = ManuallyDrop::new(unsafe { ManuallyDrop::take(&mut self.connection) });
        let scrub = Arc::clone(&self.scrub);
        if !self.lost {
            return hang_up(connection, &scrub);
        }
        let hanging_up = std::thread::Builder::new().name("odbc-hang-up".to_owned());
        if let Err(e) = hanging_up.spawn(move || hang_up(connection, &scrub)) {
            tracing::debug!("a lost session is left open: {e}");
        }
    }
}

/// Disconnects and frees; a connection that does not disconnect is left to the end of the process.
fn hang_up(mut connection: ManuallyDrop<Connection<'static>>, scrub: &Scrub) {
    let disconnected = guarded("SQLDisconnect", || {
        let result = connection.disconnect();
        check(result, &*connection, scrub)
    });
    match disconnected.and_then(|done| done) {
        Ok(()) => free(connection),
        Err(e) => tracing::debug!("a session could not be closed: {e}"),
    }
}

fn free(connection: ManuallyDrop<Connection<'static>>) {
    if let Err(e) = guarded("SQLFreeHandle", || drop(ManuallyDrop::into_inner(connection))) {
        tracing::debug!("a connection handle could not be freed: {e}");
    }
}

fn free_statement(statement: StatementImpl<'_>) {
    let handle = statement.into_sys();
    // SAFETY: the statement is ours, and no canceller knows it any more.
    let freed = unsafe { SQLFreeHandle(HandleType::Stmt, handle.as_handle()) };
    if freed != SqlReturn::SUCCESS {
        tracing::debug!("a statement handle could not be freed: return code {}", freed.0);
    }
}
