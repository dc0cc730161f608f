//! What a database says about its characters and its time: V$NLS_PARAMETERS, and V$SESSION.TIME_ZONE of a session that chose none.

use serde::{Deserialize, Serialize};

/// Character sets and time zone of a server. A real database keeps the sets of its creation for ever; here a pod may be given
/// others at a start, because what has to be tried is two pods that differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Locale {
    /// NLS_CHARACTERSET
    pub charset: String,
    /// NLS_NCHAR_CHARACTERSET
    pub national: String,
    /// TIME_ZONE
    pub time_zone: String,
}

impl Default for Locale {
    fn default() -> Self {
        Self { charset: "UTF8".to_owned(), national: "UTF16".to_owned(), time_zone: "+00:00".to_owned() }
    }
}

impl Locale {
    /// Whether nothing was chosen.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
