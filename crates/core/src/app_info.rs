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
    AtWork::of(app_info).is_some()
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

/// A changing run of aku, as one of its sessions names it: the one that asks for the lock, or one that works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtWork {
    /// Its number.
    pub run: RunId,
    /// `start`, `end`, ...
    pub goal: String,
    /// The pod it is about.
    pub pod: Ordinal,
}

impl AtWork {
    /// The run behind a session's CLIENT_APP_INFO; `None` for somebody else, and for commands that only look.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        if let Ok(App { run, goal, pod, .. }) = text.parse() {
            return Some(Self { run, goal, pod });
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        let ["aku", _version, goal, "pod", pod, "pid", _, "run", run] = words.as_slice() else { return None };
        Some(Self { run: run.parse().ok()?, goal: (*goal).to_owned(), pod: pod.parse().ok()? })
    }

    /// Whether the run may hold the only SYSDBA session of that pod: a start and an end that of their own pod, every other
    /// goal that of any.
    #[must_use]
    pub fn concerns(&self, pod: Ordinal) -> bool {
        !matches!(self.goal.as_str(), "start" | "end") || self.pod == pod
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_told_from_looks_and_from_people() {
        let run: RunId = "20261121T121044Z-1f3a9c".parse().unwrap();
        let pod = |n| Ordinal::new(n).unwrap();
        let lock = App { run: run.clone(), goal: "start".to_owned(), pod: pod(2), pid: 7, host: "h".to_owned() };
        let table = [
            (lock.to_string(), Some((2, [false, true]))),
            (working("end", pod(1), 7, Some(&run)), Some((1, [true, false]))),
            (working("reconcile", pod(0), 7, Some(&run)), Some((0, [true, true]))),
            // A look names itself after pod 0.
            (working("start", pod(0), 7, None), None),
            ("isql".to_owned(), None),
            (String::new(), None),
        ];
        for (text, want) in table {
            let found = AtWork::of(&text);
            let got = found.as_ref().map(|w| (w.pod.get(), [1, 2].map(|n| w.concerns(pod(n)))));
            assert_eq!(got, want, "{text}");
        }
    }
}
