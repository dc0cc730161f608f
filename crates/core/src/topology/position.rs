//! Where a replication's sender stands in the log.

use std::fmt;

use serde::{Deserialize, Serialize};

/// XSN of one side of a pair, as `SYSTEM_.SYS_REPLICATIONS_.XSN` holds it (`altibase.md` 8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Position {
    /// -1: no restart point; the next START begins "now" and the server keeps no log for it.
    Reset,
    /// The server keeps its log from this SN on.
    Live(#[serde(with = "super::sn")] u64),
}

impl Position {
    /// From the catalog's number: negative means reset.
    #[must_use]
    pub fn from_catalog(xsn: i64) -> Self {
        u64::try_from(xsn).map_or(Self::Reset, Self::Live)
    }

    /// Whether the server keeps a restart point.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Live(_))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reset => f.write_str("-1"),
            Self::Live(sn) => sn.fmt(f),
        }
    }
}
