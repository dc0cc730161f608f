//! A session whose calls end when they should, whatever the driver does: a bound on silence starts anew with every byte
//! that comes, so a server that drips bytes would hold a driver for ever (DESIGN D20).
//!
//! A call that does not come back is left alone with its session, which is lost from then on. Sessions without a bound are
//! passed through: whoever opens one watches it.

use std::{io, sync::Arc, time::Duration};

use aku_core::{
    sql::{ChangeSql, ConnectError, ConnectFailure, DbError, ReadSql, Rows, error::native},
    topology::Ordinal,
};

use super::{Cancel, Connector, Login, Session};
use crate::bounded;

/// What a driver may take beyond the bound that it was given: its own bound says more.
const MARGIN: Duration = Duration::from_secs(1);

/// Opens a session within the login's bounds.
///
/// # Errors
/// As [`Connector::connect`]; `Timeout` when the driver does not come back.
pub fn connect(connector: &Arc<dyn Connector>, pod: Ordinal, login: &Login) -> Result<Box<dyn Session>, ConnectError> {
    let (driver, how) = (Arc::clone(connector), login.clone());
    let failed = |e: &io::Error| {
        let (failure, address) = match e.kind() {
            io::ErrorKind::TimedOut => (ConnectFailure::Timeout, "?"),
            _ => (ConnectFailure::Other, "on this machine"),
        };
        ConnectError { pod, address: address.to_owned(), failure, error: error(e) }
    };
    let session = bounded::within(login.connect_timeout + MARGIN, move || driver.connect(pod, &how))
        .unwrap_or_else(|e| Err(failed(&e)))?;
    Ok(match login.silence_timeout {
        Some(bound) => {
            let canceller = session.canceller();
            Box::new(Timed { session: Some(session), canceller, bound: bound + MARGIN })
        }
        None => session,
    })
}

fn error(e: &io::Error) -> DbError {
    if e.kind() == io::ErrorKind::TimedOut {
        let message = "Connection timeout.".to_owned();
        return DbError { sqlstate: "HYT01".to_owned(), native: native::SILENT, message };
    }
    DbError {
        sqlstate: "08S01".to_owned(),
        native: native::LINK_LOST,
        message: format!("there is no thread for it: {e}"),
    }
}

/// Makes a call on a session, and gives the session up when that takes longer than `bound`.
pub(super) fn call<T: Send + 'static>(
    slot: &mut Option<Box<dyn Session>>,
    bound: Option<Duration>,
    run: impl FnOnce(&mut dyn Session) -> Result<T, DbError> + Send + 'static,
) -> Result<T, DbError> {
    let Some(mut session) = slot.take() else { return Err(lost_before()) };
    let Some(bound) = bound else {
        let answer = run(&mut *session);
        *slot = Some(session);
        return answer;
    };
    // When nobody waits any more, the session is closed where it came back.
    let work = move || {
        let answer = run(&mut *session);
        (session, answer)
    };
    match bounded::within(bound, work) {
        Ok((session, answer)) => {
            *slot = Some(session);
            answer
        }
        Err(e) => Err(error(&e)),
    }
}

pub(super) fn lost_before() -> DbError {
    let message = "Communication link failure. (the session was lost before)".to_owned();
    DbError { sqlstate: "08S01".to_owned(), native: native::LINK_LOST, message }
}

struct Timed {
    session: Option<Box<dyn Session>>,
    canceller: Arc<dyn Cancel>,
    bound: Duration,
}

impl Session for Timed {
    fn query(&mut self, sql: &ReadSql) -> Result<Rows, DbError> {
        let sql = sql.clone();
        call(&mut self.session, Some(self.bound), move |session| session.query(&sql))
    }

    fn execute(&mut self, sql: &ChangeSql) -> Result<(), DbError> {
        let sql = sql.clone();
        call(&mut self.session, Some(self.bound), move |session| session.execute(&sql))
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        Arc::clone(&self.canceller)
    }
}
