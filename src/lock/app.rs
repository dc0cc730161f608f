//! What a lock's session says of its run in V$SESSION.CLIENT_APP_INFO: written by one run, read by another.

use std::{fmt, str::FromStr};

use crate::{run_id::RunId, topology::Ordinal};

/// How the text of every session that asks for the lock begins.
pub const PREFIX: &str = "aku lock ";

/// A run, as others see it. Its text has at most 128 bytes and only characters that need no quoting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Its number.
    pub run: RunId,
    /// `start`, `end`, ...
    pub goal: String,
    /// The pod it is about.
    pub pod: Ordinal,
    /// Its process.
    pub pid: u32,
    /// The machine it runs on.
    pub host: String,
}

impl fmt::Display for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host: String = self.host.chars().filter(|c| !c.is_whitespace()).take(48).collect();
        write!(f, "{PREFIX}{} {} pod {} pid {} on {host}", self.run, self.goal, self.pod, self.pid)
    }
}

/// The text is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotOurs;

impl FromStr for App {
    type Err = NotOurs;

    fn from_str(text: &str) -> Result<Self, NotOurs> {
        let words: Vec<&str> = text.strip_prefix(PREFIX).ok_or(NotOurs)?.split_whitespace().collect();
        let [run, goal, "pod", pod, "pid", pid, "on", host] = words.as_slice() else { return Err(NotOurs) };
        Ok(Self {
            run: run.parse().map_err(|_| NotOurs)?,
            goal: (*goal).to_owned(),
            pod: pod.parse().map_err(|_| NotOurs)?,
            pid: pid.parse().map_err(|_| NotOurs)?,
            host: (*host).to_owned(),
        })
    }
}
