//! How fast a lab server does what it does.
//!
//! Data only: where the seconds are spent is decided in `server`.

use std::{fmt, num::NonZeroU32, str::FromStr};

use serde::{Deserialize, Serialize};

/// How fast a server answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pace {
    /// As fast as it goes.
    #[default]
    Fast,
    /// With the waits of the measured 7.2 servers (`measured.md` 5, 8 and 9.1): START, STOP, FLUSH and SYNC.
    Real,
}

impl Pace {
    /// Rows a second that a SYNC of one object takes in; `None`: as fast as it goes. Four objects of 60,000 rows took
    /// 14.1 s one after another (`measured.md` 5).
    #[must_use]
    pub fn copy_rows(self) -> Option<NonZeroU32> {
        match self {
            Self::Fast => None,
            Self::Real => NonZeroU32::new(17_000),
        }
    }
}

impl FromStr for Pace {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "fast" => Ok(Self::Fast),
            "real" => Ok(Self::Real),
            other => Err(format!("no pace \"{other}\"; there are fast and real")),
        }
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fast => "fast",
            Self::Real => "real",
        })
    }
}
