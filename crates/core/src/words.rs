//! Numbers with their nouns.

use crate::observe::grouped;

/// `1 row`, `2 rows`, `1,204 rows`
#[must_use]
pub fn count(n: u64, one: &str) -> String {
    format!("{} {one}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// As [`count`], for lengths.
#[must_use]
pub fn counted(n: usize, one: &str) -> String {
    count(u64::try_from(n).unwrap_or(u64::MAX), one)
}
