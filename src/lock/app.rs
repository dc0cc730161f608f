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

/// A machine's name as sessions show it.
#[must_use]
pub fn shortened(host: &str) -> String {
    host.chars().filter(|c| !c.is_whitespace()).take(48).collect()
}

impl fmt::Display for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = shortened(&self.host);
        write!(f, "{PREFIX}{} {} pod {} pid {} on {host}", self.run, self.goal, self.pod, self.pid)
    }
}

/// How sessions of a run that are not its lock introduce themselves: `aku 0.1.0 start pod 1 pid 7 run ..`.
#[must_use]
pub fn working(goal: &str, pod: Ordinal, pid: u32, run: Option<&RunId>) -> String {
    let run = run.map(|run| format!(" run {run}")).unwrap_or_default();
    format!("aku {} {goal} pod {pod} pid {pid}{run}", env!("CARGO_PKG_VERSION"))
}

/// Whether a session with this CLIENT_APP_INFO belongs to a run that changes pods, whichever: such a session changes
/// definitions and positions, never the rows of a user.
#[must_use]
pub fn is_of_a_run(app_info: &str) -> bool {
    let words: Vec<&str> = app_info.split_whitespace().collect();
    let working = match words.as_slice() {
        ["aku", _version, _goal, "pod", pod, "pid", pid, "run", run] => {
            pod.parse::<Ordinal>().is_ok() && pid.parse::<u32>().is_ok() && run.parse::<RunId>().is_ok()
        }
        _ => false,
    };
    working || app_info.parse::<App>().is_ok()
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
