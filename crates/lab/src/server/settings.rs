//! ALTER SYSTEM and ALTER SESSION.
//!
//! It decides who may change what; the values themselves are checked by `properties`.

use super::{
    Server, errors,
    execute::Flow,
    sessions::{Autocommit, Forwarding, SessionId},
};
use crate::sql::SqlError;

/// Session properties that are accepted and kept nowhere, because nothing here depends on them.
const ACCEPTED: [&str; 12] = [
    "FETCH_TIMEOUT",
    "UTRANS_TIMEOUT",
    "IDLE_TIMEOUT",
    "DATE_FORMAT",
    "DEFAULT_DATE_FORMAT",
    "EXPLAIN",
    "OPTIMIZER_MODE",
    "TIME_ZONE",
    "STACK_SIZE",
    "NLS_TERRITORY",
    "REPLICATION_DDL_SYNC",
    "REPLICATION_DDL_SYNC_TIMEOUT",
];

impl Server {
    pub(super) fn alter_system(&mut self, id: SessionId, property: &str, value: &str) -> Result<Flow, SqlError> {
        if property == "ADMIN_MODE" && !self.core.sessions.get(id).is_some_and(|s| s.is_sys() || s.user == "SYSTEM_") {
            return Err(errors::admin_mode_change());
        }
        self.core.properties.set(property, value)?;
        self.core.heartbeat = super::sender::Heartbeat::of(&self.core.properties);
        Ok(Flow::done())
    }

    pub(super) fn alter_system_checkpoint(&mut self) -> Flow {
        self.checkpoint();
        Flow::done()
    }

    pub(super) fn alter_session(&mut self, id: SessionId, property: &str, value: &str) -> Result<Flow, SqlError> {
        let number = || -> Result<i64, SqlError> {
            value.trim().parse().map_err(|_| errors::property_not_convertible(property, value))
        };
        let seconds = || u64::try_from(number()?).map_err(|_| errors::property_overflow(property));
        match property {
            "AUTOCOMMIT" => return self.set_autocommit(id, value),
            "REPLICATION" => {
                if self.core.sessions.get(id).is_some_and(|s| s.tx.is_some()) {
                    return Err(errors::session_in_transaction());
                }
                let forwarding = match value {
                    "TRUE" | "DEFAULT" => Forwarding::On,
                    "FALSE" | "NONE" => Forwarding::Off,
                    _ => return Err(errors::session_replication_mode()),
                };
                self.with_session(id, |s| s.forwarding = forwarding);
            }
            "QUERY_TIMEOUT" => {
                let n = seconds()?;
                self.with_session(id, |s| s.query_timeout = n);
            }
            "DDL_TIMEOUT" => {
                let n = seconds()?;
                self.with_session(id, |s| s.ddl_timeout = n);
            }
            "DDL_LOCK_TIMEOUT" if !self.core.is_2018() => {
                let n = number()?;
                if !(-1..=65_535).contains(&n) {
                    return Err(errors::property_overflow(property));
                }
                self.with_session(id, |s| s.ddl_lock_timeout = Some(n));
            }
            _ if ACCEPTED.contains(&property) || self.core.properties.has(property) => {}
            _ => return Err(errors::unknown_property(property)),
        }
        Ok(Flow::done())
    }

    fn with_session(&mut self, id: SessionId, change: impl FnOnce(&mut super::sessions::Session)) {
        if let Some(session) = self.core.sessions.get_mut(id) {
            change(session);
        }
    }

    /// Switching to autocommit ends the open transaction.
    fn set_autocommit(&mut self, id: SessionId, value: &str) -> Result<Flow, SqlError> {
        let autocommit = match value {
            "TRUE" | "ON" | "1" => Autocommit::On,
            "FALSE" | "OFF" | "0" => Autocommit::Off,
            _ => return Err(errors::property_not_convertible("AUTOCOMMIT", value)),
        };
        self.with_session(id, |s| s.autocommit = autocommit);
        match autocommit {
            Autocommit::On => Ok(self.commit(id, -1)),
            Autocommit::Off => Ok(Flow::done()),
        }
    }
}
