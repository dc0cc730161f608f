//! Options of a replication object that are put on and taken off where they stand (`measured.md` 9.7). What the others need, role,
//! mode, conflict resolution, LOCAL, is DROP and CREATE.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Such an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectOption {
    /// RECOVERY
    Recovery,
    /// OFFLINE
    Offline,
    /// GAPLESS
    Gapless,
    /// PARALLEL, whatever its number
    Parallel,
    /// GROUPING
    Grouping,
}

impl ObjectOption {
    /// All of them, in the order of their bits.
    pub const ALL: [Self; 5] = [Self::Recovery, Self::Offline, Self::Gapless, Self::Parallel, Self::Grouping];

    /// Its bit in SYS_REPLICATIONS_.OPTIONS.
    #[must_use]
    pub fn bit(self) -> i64 {
        match self {
            Self::Recovery => 1,
            Self::Offline => 2,
            Self::Gapless => 4,
            Self::Parallel => 8,
            Self::Grouping => 16,
        }
    }

    /// The word of the statement.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recovery => "RECOVERY",
            Self::Offline => "OFFLINE",
            Self::Gapless => "GAPLESS",
            Self::Parallel => "PARALLEL",
            Self::Grouping => "GROUPING",
        }
    }

    /// What is written behind the word to take it off.
    #[must_use]
    pub fn off(self) -> &'static str {
        match self {
            Self::Parallel => "0",
            Self::Recovery | Self::Offline | Self::Gapless | Self::Grouping => "DISABLE",
        }
    }

    /// Those of a bit mask, and whether it has other bits.
    #[must_use]
    pub fn of_mask(mask: i64) -> (Vec<Self>, Others) {
        let set: Vec<Self> = Self::ALL.into_iter().filter(|o| mask & o.bit() != 0).collect();
        let known = set.iter().fold(0, |all, o| all | o.bit());
        (set, if mask == known { Others::None } else { Others::Some })
    }
}

/// Whether a mask has bits of options that cannot be taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// It has none.
    None,
    /// It has.
    Some,
}

impl fmt::Display for ObjectOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_fall_apart() {
        assert_eq!(ObjectOption::of_mask(0), (vec![], Others::None));
        assert_eq!(ObjectOption::of_mask(8), (vec![ObjectOption::Parallel], Others::None));
        assert_eq!(ObjectOption::of_mask(31), (ObjectOption::ALL.to_vec(), Others::None));
        assert_eq!(ObjectOption::of_mask(32 + 4), (vec![ObjectOption::Gapless], Others::Some));
    }
}
