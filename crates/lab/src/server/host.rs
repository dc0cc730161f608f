//! What statements see of the server around the database: catalog tables, V$ views, functions of the session.

use super::{Core, sessions::SessionId, userlock::Found};
use crate::{
    data::{Database, Stop},
    sql::{
        SqlError,
        exec::{Host, Relation},
    },
    value::Datum,
};

/// One session's view of the server.
pub(super) struct SessionHost<'a> {
    pub(super) core: &'a mut Core,
    pub(super) session: SessionId,
}

impl Host for SessionHost<'_> {
    fn relation(&self, db: &Database, schema: Option<&str>, name: &str) -> Option<Relation> {
        match schema {
            Some("SYSTEM_") => self.core.catalog_table(db, name),
            None | Some("SYS") if name.starts_with("V$") || name.starts_with("X$") => self.core.view(db, name),
            None | Some(_) => None,
        }
    }

    fn call(&mut self, name: &str, args: &[Datum]) -> Option<Result<Datum, Stop>> {
        match name {
            "SESSION_ID" => Some(Ok(Datum::Int(i64::from(self.session)))),
            "USER_ID" => {
                let id = self.core.sessions.get(self.session).map(|s| i64::from(s.user_id));
                Some(Ok(Datum::from(id)))
            }
            "USER_NAME" => {
                let user = self.core.sessions.get(self.session).map(|s| s.user.clone());
                Some(Ok(Datum::from(user)))
            }
            "SYSDATE" | "SYSTIMESTAMP" | "UNIX_DATE" | "CURRENT_DATE" => Some(Ok(Datum::from(date(self.core.now)))),
            // What a TIMESTAMP column gets; no name that SQL can spell.
            crate::sql::exec::STAMP => Some(Ok(Datum::from(format!("{:016X}", self.core.now)))),
            "USER_LOCK_REQUEST" => Some(self.user_lock(args, Self::request)),
            "USER_LOCK_RELEASE" => Some(self.user_lock(args, Self::release)),
            _ => None,
        }
    }
}

impl SessionHost<'_> {
    fn user_lock(&mut self, args: &[Datum], what: fn(&mut Self, i64) -> Result<Datum, Stop>) -> Result<Datum, Stop> {
        match args {
            [lock] => {
                let lock = lock.as_i64().ok_or_else(SqlError::invalid_literal)?;
                what(self, lock)
            }
            _ => Err(SqlError::no_function().into()),
        }
    }

    /// 0 got it, 4 had it already, 1 timed out.
    fn request(&mut self, lock: i64) -> Result<Datum, Stop> {
        match self.core.user_locks.request(lock, self.session) {
            Found::Free => Ok(Datum::Int(0)),
            Found::Mine => Ok(Datum::Int(4)),
            Found::Others => {
                let running = self.core.sessions.get(self.session).and_then(|s| s.running.as_ref());
                let expired = running.and_then(|r| r.lock_deadline).is_some_and(|at| at <= self.core.now);
                if expired { Ok(Datum::Int(1)) } else { Err(Stop::Wait) }
            }
        }
    }

    /// 0 given back, 4 not ours.
    #[allow(clippy::unnecessary_wraps)] // as `request`, which may wait
    fn release(&mut self, lock: i64) -> Result<Datum, Stop> {
        match self.core.user_locks.release(lock, self.session) {
            Found::Mine => {
                self.core.user_lock_freed = true;
                Ok(Datum::Int(0))
            }
            Found::Free | Found::Others => Ok(Datum::Int(4)),
        }
    }
}

/// A moment as the server writes a DATE.
pub(super) fn date(micros: u64) -> String {
    let seconds = i64::try_from(micros / 1_000_000).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map(|t| t.strftime("%Y/%m/%d %H:%M:%S").to_string()).unwrap_or_default()
}
