//! One ODBC session: connecting, one statement at a time, hanging up. Decides when a session is lost. Must never
//! panic, block on a dead peer while being dropped, or let a handle outlive its connection.
#![allow(unsafe_code)] // odbc-api panics on what drivers return (`docs/odbc.md`), so the calls are made by hand.

use std::{mem::ManuallyDrop, sync::Arc};

use aku_core::sql::{ChangeSql, DbError, ReadSql, Rows};
use odbc_api::{
    handles::{AnyHandle, Connection},
    sys::{
        ConnectionAttribute, DriverConnectOption, HStmt, Handle, HandleType, SQLAllocHandle, SQLDisconnect,
        SQLDriverConnect, SQLExecDirect, SQLFreeHandle, SQLSetConnectAttr, SqlReturn,
    },
};
use secrecy::{ExposeSecret, SecretString};

use super::{
    call::{broken, done},
    cancel::Canceller,
    diagnostics::Scrub,
    fetch,
    guard::{allocate_connection, guarded},
    own_error, whole_seconds,
};
use crate::{Cancel, Login, Session};

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
    let connection = ManuallyDrop::new(allocate_connection()?);
    let outcome = guarded("the connect", || connect(&connection, connection_string, login, &scrub));
    match outcome {
        Ok(Ok(())) => Ok(OdbcSession { connection, canceller: Arc::default(), scrub, lost: false }),
        Ok(Err(error)) => {
            free(&*connection);
            Err(error)
        }
        // After a panic the handle's state is anybody's guess: it is left alone.
        Err(error) => Err(error),
    }
}

fn connect(
    connection: &Connection<'static>,
    connection_string: &SecretString,
    login: &Login,
    scrub: &Scrub,
) -> Result<(), DbError> {
    let seconds = |limit| std::ptr::without_provenance_mut(whole_seconds(limit) as usize);
    let timeouts = [
        (ConnectionAttribute::LOGIN_TIMEOUT, Some(login.connect_timeout)),
        (ConnectionAttribute::CONNECTION_TIMEOUT, login.silence_timeout),
    ];
    for (attribute, limit) in timeouts {
        let Some(limit) = limit else { continue };
        // SAFETY: integer attributes; their value travels in the pointer.
        let code = unsafe { SQLSetConnectAttr(connection.as_sys(), attribute, seconds(limit), 0) };
        done("SQLSetConnectAttr", code, connection, scrub)?;
    }
    let text = connection_string.expose_secret();
    let length = i16::try_from(text.len()).map_err(|_| own_error("HY090", "the connection string is too long"))?;
    // Not looked at: some drivers write it without asking whether they may.
    let mut completed = 0;
    // SAFETY: the text and the length are valid for the call; no completed string and no window are asked for.
    let code = unsafe {
        SQLDriverConnect(
            connection.as_sys(),
            std::ptr::null_mut(),
            text.as_ptr(),
            length,
            std::ptr::null_mut(),
            0,
            &raw mut completed,
            DriverConnectOption::NoPrompt,
        )
    };
    match code {
        SqlReturn::NO_DATA => Err(own_error("08001", "the ODBC driver broke its contract: SQLDriverConnect gave up")),
        code => done("SQLDriverConnect", code, connection, scrub),
    }
}

/// A statement handle of a session's connection. Not freed by itself: see [`free`].
pub struct Statement(HStmt);

impl Statement {
    pub fn as_sys(&self) -> HStmt {
        self.0
    }
}

// SAFETY: the handle was allocated as a statement and is freed by value only.
unsafe impl AnyHandle for Statement {
    fn as_handle(&self) -> Handle {
        self.0.as_handle()
    }

    fn handle_type(&self) -> HandleType {
        HandleType::Stmt
    }
}

impl OdbcSession {
    /// Runs a statement and reads its answer with `read`.
    fn run<T>(&mut self, sql: &str, read: impl FnOnce(&Statement, &Scrub) -> Result<T, DbError>) -> Result<T, DbError> {
        if self.lost {
            return Err(own_error("08S01", "the session was lost before"));
        }
        let outcome = guarded("a statement", || self.run_one(sql, read)).and_then(|rows| rows);
        self.lost = outcome.as_ref().is_err_and(DbError::lost_session);
        outcome
    }

    fn run_one<T>(&self, sql: &str, read: impl FnOnce(&Statement, &Scrub) -> Result<T, DbError>) -> Result<T, DbError> {
        let statement = self.allocate_statement()?;
        let outcome = self.execute_direct(&statement, sql).and_then(|()| read(&statement, &self.scrub));
        // A lost session's statements go with its connection; freeing one could wait for the dead peer.
        if !outcome.as_ref().is_err_and(DbError::lost_session) {
            free(&statement);
        }
        outcome
    }

    fn allocate_statement(&self) -> Result<Statement, DbError> {
        let mut handle = Handle::null();
        // SAFETY: the connection is alive, and the pointer is valid for the call.
        let code = unsafe { SQLAllocHandle(HandleType::Stmt, self.connection.as_handle(), &raw mut handle) };
        done("SQLAllocHandle", code, &*self.connection, &self.scrub)?;
        if handle == Handle::null() {
            return Err(broken("SQLAllocHandle", "gave no statement"));
        }
        Ok(Statement(handle.as_hstmt()))
    }

    fn execute_direct(&self, statement: &Statement, sql: &str) -> Result<(), DbError> {
        let length = i32::try_from(sql.len()).map_err(|_| own_error("HY090", "the statement is too long for ODBC"))?;
        let code = {
            let _cancellable = self.canceller.register(statement.as_sys());
            // SAFETY: the text is valid for the call; no parameters are bound, so nothing has to stay valid.
            unsafe { SQLExecDirect(statement.as_sys(), sql.as_ptr(), length) }
        };
        // No data: no row was touched, which is no failure.
        done("SQLExecDirect", code, statement, &self.scrub)
    }
}

impl Session for OdbcSession {
    fn query(&mut self, sql: &ReadSql) -> Result<Rows, DbError> {
        self.run(&sql.to_string(), fetch::all_rows)
    }

    /// What a statement answers that changes something is not looked at: when the server did it, it is done.
    fn execute(&mut self, sql: &ChangeSql) -> Result<(), DbError> {
        self.run(&sql.to_string(), |_, _| Ok(()))
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
            return hang_up(&connection, &scrub);
        }
        let hanging_up = std::thread::Builder::new().name("odbc-hang-up".to_owned());
        if let Err(e) = hanging_up.spawn(move || hang_up(&connection, &scrub)) {
            tracing::debug!("a lost session is left open: {e}");
        }
    }
}

/// Disconnects and frees; a connection that does not disconnect is left to the end of the process.
fn hang_up(connection: &Connection<'static>, scrub: &Scrub) {
    let disconnected = guarded("SQLDisconnect", || {
        // SAFETY: the connection is ours alone, and none of its statements is used any more.
        let code = unsafe { SQLDisconnect(connection.as_sys()) };
        done("SQLDisconnect", code, connection, scrub)
    });
    match disconnected.and_then(|done| done) {
        Ok(()) => free(connection),
        Err(e) => tracing::debug!("a session could not be closed: {e}"),
    }
}

/// The handle is ours, and whoever calls this uses it no more. By hand: odbc-api's own drop panics when something fails.
fn free(handle: &impl AnyHandle) {
    // SAFETY: the handle is alive, and no canceller knows it.
    let freed = unsafe { SQLFreeHandle(handle.handle_type(), handle.as_handle()) };
    if freed != SqlReturn::SUCCESS {
        let kind = handle.handle_type();
        tracing::debug!("a handle of ODBC ({kind:?}) could not be freed: return code {}", freed.0);
    }
}
