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

/// What a working session of a program says of itself. Only a run that changes something has a number.
#[must_use]
pub fn session(goal: &str, pod: Ordinal, run: Option<&RunId>) -> String {
    let run = run.map_or_else(String::new, |run| format!(" run {run}"));
    format!("aku {} {goal} pod {pod} pid {}{run}", env!("CARGO_PKG_VERSION"), std::process::id())
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
            (session("end", pod(1), Some(&run)), Some((1, [true, false]))),
            (session("reconcile", pod(0), Some(&run)), Some((0, [true, true]))),
            // A look names itself after pod 0.
            (session("start", pod(0), None), None),
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
