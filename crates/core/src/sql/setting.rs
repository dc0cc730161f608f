//! Server properties that a run changes for a while and puts back. They live in memory only: a restart of the server puts
//! them back, too.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Such a property. Nothing else is ever set for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Setting {
    /// 1 allows TRUNCATE of a replicated table (ERR-312C4).
    #[serde(rename = "REPLICATION_DDL_ENABLE")]
    DdlEnable,
    /// Seconds that a SYNC waits for the locks on its tables; 0 takes no lock (`measured.md` 1).
    #[serde(rename = "REPLICATION_SYNC_LOCK_TIMEOUT")]
    SyncLockTimeout,
}

impl Setting {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::DdlEnable, Self::SyncLockTimeout];

    /// The server's name for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DdlEnable => "REPLICATION_DDL_ENABLE",
            Self::SyncLockTimeout => "REPLICATION_SYNC_LOCK_TIMEOUT",
        }
    }

    /// What a run needs it to be. Found while no run is at work, it was left behind.
    #[must_use]
    pub fn during(self) -> i64 {
        match self {
            Self::DdlEnable => 1,
            Self::SyncLockTimeout => 0,
        }
    }

    /// The server's default, in its own unit.
    #[must_use]
    pub fn default_value(self) -> i64 {
        match self {
            Self::DdlEnable => 0,
            Self::SyncLockTimeout => 30,
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
