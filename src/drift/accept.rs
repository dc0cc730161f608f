//! What a person accepts for a while, with a reason and an end: a TOML file.
//!
//! ```toml
//! [[accept]]
//! object = "AKU_REP_03"
//! pod = 0
//! fact = "stopped"
//! reason = "pod 3 in repair"
//! until = 2026-12-01
//! ```
//!
//! What cannot be looked at cannot be accepted.

use jiff::civil::Date;
use serde::Deserialize;

use super::{Item, Kind};
use crate::topology::Ordinal;

/// One entry. What is not named matches anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accept {
    /// Replication object.
    pub object: Option<String>,
    /// Pod.
    pub pod: Option<Ordinal>,
    /// Kind of difference.
    pub kind: Option<Kind>,
    /// Why.
    pub reason: String,
    /// The first day, in UTC, on which it is not accepted any more.
    pub until: Date,
}

/// Why a file is no list of accepted differences.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// No TOML, or an unknown key.
    #[error("{0}")]
    Malformed(String),
    /// One entry is not usable.
    #[error("entry {n}: {what}")]
    Entry {
        /// From 1.
        n: usize,
        /// What is wrong.
        what: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    accept: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    object: Option<String>,
    pod: Option<Ordinal>,
    fact: Option<String>,
    reason: String,
    until: Until,
}

/// A date, bare or quoted.
#[derive(Deserialize)]
#[serde(untagged)]
enum Until {
    Bare(toml::value::Datetime),
    Quoted(String),
}

/// Reads the file.
///
/// # Errors
/// See [`AcceptError`].
pub fn parse(text: &str) -> Result<Vec<Accept>, AcceptError> {
    let file: File = toml::from_str(text).map_err(|e| AcceptError::Malformed(e.to_string().trim_end().to_owned()))?;
    file.accept.into_iter().enumerate().map(|(i, entry)| of_entry(i + 1, entry)).collect()
}

fn of_entry(n: usize, entry: Entry) -> Result<Accept, AcceptError> {
    let wrong = |what: String| AcceptError::Entry { n, what };
    let kind = match &entry.fact {
        None => None,
        Some(word) => Some(known(word).map_err(wrong)?),
    };
    if entry.object.is_none() && entry.pod.is_none() && kind.is_none() {
        return Err(wrong("it names neither an object nor a pod nor a fact, so it would accept everything".to_owned()));
    }
    if entry.reason.trim().is_empty() {
        return Err(wrong("the reason is empty".to_owned()));
    }
    let until = match &entry.until {
        Until::Bare(d) => d.to_string(),
        Until::Quoted(d) => d.clone(),
    };
    let until = until.parse().map_err(|_| wrong(format!("\"{until}\" is no date such as 2026-12-01")))?;
    Ok(Accept { object: entry.object, pod: entry.pod, kind, reason: entry.reason, until })
}

fn known(word: &str) -> Result<Kind, String> {
    if word == Kind::CannotTell.word() {
        return Err("what cannot be looked at cannot be accepted".to_owned());
    }
    Kind::ALL.iter().find(|k| k.word() == word).copied().ok_or_else(|| {
        let words: Vec<&str> = Kind::ALL.iter().filter(|k| **k != Kind::CannotTell).map(|k| k.word()).collect();
        format!("there is no fact \"{word}\"; known are {}", words.join(", "))
    })
}

impl Accept {
    /// Whether the entry is about the difference.
    #[must_use]
    pub fn covers(&self, item: &Item) -> bool {
        let object = self.object.as_deref();
        item.kind != Kind::CannotTell
            && self.pod.is_none_or(|p| p == item.pod)
            && self.kind.is_none_or(|k| k == item.kind)
            && object
                .is_none_or(|o| item.object.as_ref().is_some_and(|name| name.to_string() == o || name.as_str() == o))
    }

    /// What it is about, in words.
    #[must_use]
    pub fn about(&self) -> String {
        let parts = [self.pod.map(|p| format!("pod {p}")), self.object.clone(), self.kind.map(|k| k.word().to_owned())];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}
