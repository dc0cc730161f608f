//! The driver kept at arm's length: the one ODBC environment of the process, and panics turned into errors without a
//! word or a backtrace on stderr. What we read of a driver is read without odbc-api (`call`), whose calls panic on
//! return codes that the standard does not allow (`odbc-client.md` 2.2); this is the net below.
#![allow(unsafe_code)] // Sharing the environment handle between threads, which ODBC allows and odbc-api's type does not say.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    sync::{Mutex, Once, OnceLock, PoisonError},
};

use aku_core::sql::DbError;
use odbc_api::{
    handles::{Connection, Environment, SqlResult},
    sys::AttrOdbcVersion,
};

use super::own_error;

/// Runs a piece of driver work; a panic becomes a lost session, because nobody knows what was done.
///
/// # Errors
/// 08S01 after a panic.
pub fn guarded<T>(what: &str, work: impl FnOnce() -> T) -> Result<T, DbError> {
    keep_quiet_about_drivers();
    let outer = GUARDED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(outer);
    outcome.map_err(|_| own_error("08S01", format!("the ODBC driver broke its contract during {what}")))
}

thread_local! {
    /// Whether this thread is inside [`guarded`].
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// A panic that becomes an error is told to the log; all others go to the hook that was there.
fn keep_quiet_about_drivers() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if GUARDED.get() {
                tracing::debug!("{panic}");
            } else {
                before(panic);
            }
        }));
    });
}

struct Shared {
    environment: Environment,
    /// Allocating reports its failures on the environment, so one thread at a time.
    allocating: Mutex<()>,
}

// SAFETY: the driver manager locks its environments itself; what is read from this one is behind `allocating`.
unsafe impl Sync for Shared {}

fn shared() -> Result<&'static Shared, DbError> {
    static SHARED: OnceLock<Result<Shared, DbError>> = OnceLock::new();
    let made = SHARED.get_or_init(|| {
        guarded("the start of unixODBC", || {
            let (SqlResult::Success(environment) | SqlResult::SuccessWithInfo(environment)) = Environment::new() else {
                return Err(own_error("HY001", "unixODBC cannot allocate an environment"));
            };
            match environment.declare_version(AttrOdbcVersion::Odbc3_80) {
                SqlResult::Success(()) | SqlResult::SuccessWithInfo(()) => {
                    Ok(Shared { environment, allocating: Mutex::new(()) })
                }
                _ => Err(own_error("HY000", "the driver manager does not know ODBC 3.8")),
            }
        })?
    });
    made.as_ref().map_err(Clone::clone)
}

/// A connection handle of the process's environment, not yet connected.
///
/// # Errors
/// The driver manager refused.
pub fn allocate_connection() -> Result<Connection<'static>, DbError> {
    let shared = shared()?;
    let _one_at_a_time = shared.allocating.lock().unwrap_or_else(PoisonError::into_inner);
    guarded("SQLAllocHandle", || match shared.environment.allocate_connection() {
        SqlResult::Success(connection) | SqlResult::SuccessWithInfo(connection) => Ok(connection),
        _ => Err(own_error("HY001", "unixODBC cannot allocate a connection")),
    })?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_lost_session() {
        let error = guarded("a test", || panic!("as odbc-api does")).unwrap_err();
        assert!(error.lost_session());
        assert_eq!(guarded("a test", || 7), Ok(7));
    }
}
