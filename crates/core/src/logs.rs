//! The online logs of a pod that is dead, as its survivors are told where they lie, and what was seen there (`measured.md`
//! 9.6). A server reads whatever directory it is told; whose logs they are is judged by the planner, and said yes to by a person.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::topology::Ordinal;

/// Bytes of a path: its literal takes at most 512 with the quotes (`altibase.md` 3.1).
const MOST_BYTES: usize = 510;

/// A directory on the machine of a server: absolute, without a detour, without what would have to be quoted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct LogPath(String);

impl LogPath {
    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its parts, from the root on.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|part| !part.is_empty())
    }

    /// The same directory as a server names it, as far as the text tells: `?` stands for the server's home there.
    #[must_use]
    pub fn is_same_as(&self, text: &str) -> bool {
        text.parse().is_ok_and(|other: Self| other == *self)
    }
}

impl FromStr for LogPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if !text.starts_with('/') {
            return Err(format!("\"{}\" is no absolute path", text.escape_debug()));
        }
        if text.chars().any(|c| c.is_control() || matches!(c, '\'' | '"')) {
            return Err(format!("\"{}\" has quotes or control characters", text.escape_debug()));
        }
        let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        if parts.contains(&"..") || parts.is_empty() {
            return Err(format!("\"{text}\" is no plain path of a directory"));
        }
        let path = format!("/{}", parts.join("/"));
        if path.len() > MOST_BYTES {
            return Err(format!("a path of {} bytes; the server takes {MOST_BYTES}", path.len()));
        }
        Ok(Self(path))
    }
}

impl TryFrom<String> for LogPath {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<LogPath> for String {
    fn from(path: LogPath) -> Self {
        path.0
    }
}

impl fmt::Display for LogPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where each survivor finds the logs of the dead pod, and what was seen there. Survivors that read nothing are not in it.
pub type DeadLogs = BTreeMap<Ordinal, Directory>;

/// One directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Where.
    pub path: LogPath,
    /// What was seen there.
    pub seen: Seen,
}

/// What was seen of a directory of logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The program is not where that server is: nobody looked.
    NotLooked,
    /// It is where the server is, and cannot read it: why.
    Unreadable(String),
    /// It was read.
    Read(Contents),
}

/// What is in a directory of logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Numbers of the first and of the last file that is called `logfile<n>`. Of the last ones the server may not have
    /// written any yet: it makes files ahead.
    pub files: Option<(u64, u64)>,
    /// Rows of a ledger that were found in the files.
    pub rows: BTreeSet<Remembers>,
}

/// What a row of a ledger says in its column PEERS of whose databases it knows: it names every pod but its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remembers(pub BTreeMap<Ordinal, String>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_absolute_and_plain() {
        let path = |text: &str| text.parse::<LogPath>().map(String::from).ok();
        let table = [
            ("/a/b", Some("/a/b")),
            ("/a//b/./c/", Some("/a/b/c")),
            (" /a ", Some("/a")),
            ("a/b", None),
            ("", None),
            ("/", None),
            ("/a/../b", None),
            ("/it's", None),
            ("/a\nb", None),
        ];
        for (text, want) in table {
            assert_eq!(path(text).as_deref(), want, "{text:?}");
        }
        assert_eq!(path(&format!("/{}", "x".repeat(509))).map(|p| p.len()), Some(510));
        assert_eq!(path(&format!("/{}", "x".repeat(510))), None);
        let logs: LogPath = "/pods/3/logs".parse().unwrap();
        assert!(logs.is_same_as("/pods/3/logs/") && !logs.is_same_as("?/logs") && !logs.is_same_as("/pods/2/logs"));
    }
}
