//! Cancelling from another thread. Decides when a statement may be cancelled: while it executes and at no other time.
//! Must never let a statement be freed while a cancel looks at it.
#![allow(unsafe_code)] // SQLCancel has no safe wrapper, and a statement handle must cross threads for it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use odbc_api::sys::{HStmt, SQLCancel, SqlReturn};

use crate::Cancel;

struct StatementHandle(HStmt);

// SAFETY: SQLCancel is the one ODBC call that may come from another thread while the statement executes.
unsafe impl Send for StatementHandle {}

/// The statement that a session executes now, if any.
#[derive(Default)]
pub struct Canceller(Mutex<Option<StatementHandle>>);

/// A statement is registered for as long as this lives. Dropping it waits for a cancel that is under way, which the
/// real driver bounds by the login timeout.
pub struct Registered<'a>(&'a Canceller);

impl Canceller {
    fn slot(&self) -> MutexGuard<'_, Option<StatementHandle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a statement that is about to execute.
    pub fn register(&self, statement: HStmt) -> Registered<'_> {
        *self.slot() = Some(StatementHandle(statement));
        Registered(self)
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        *self.0.slot() = None;
    }
}

impl Cancel for Canceller {
    /// A cancel that comes before the server has the statement is lost; ask again until the statement has returned.
    fn cancel(&self) {
        // Held across the call, so that the statement cannot be freed underneath.
        let slot = self.slot();
        let Some(StatementHandle(statement)) = &*slot else { return };
        // SAFETY: a registered statement is allocated, and stays so while the slot is locked.
        match unsafe { SQLCancel(*statement) } {
            SqlReturn::SUCCESS | SqlReturn::SUCCESS_WITH_INFO => tracing::debug!("statement cancelled"),
            // Its records belong to the thread that executes; reading them here would be a race.
            other => tracing::warn!("a cancel failed with return code {}", other.0),
        }
    }
}
