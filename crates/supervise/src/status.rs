//! What the supervisor says of itself in a file, for probes: its state, its process and the server's, and why the pod
//! waits. Lines `key=value`. It is beside the marker, and believed only while the process that wrote it lives.

use std::fmt::Write as _;

use crate::process::ProcessId;

/// The state of a container, as its file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Word of the state, as [`crate::machine::State::word`].
    pub state: String,
    /// Who wrote it.
    pub supervisor: ProcessId,
    /// The server, when there is one.
    pub server: Option<ProcessId>,
    /// Why the pod waits; one line.
    pub reason: Option<String>,
}

impl Status {
    /// As in the file.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("state={}\nsupervisor={}\n", self.state, self.supervisor);
        if let Some(server) = self.server {
            let _ = writeln!(text, "server={server}");
        }
        if let Some(reason) = &self.reason {
            let _ = writeln!(text, "reason={}", one_line(reason));
        }
        text
    }

    /// From the file.
    ///
    /// # Errors
    /// In words: what is missing or is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value = |key: &str| {
            text.lines().find_map(|line| line.split_once('=').filter(|(k, _)| *k == key).map(|(_, value)| value))
        };
        let process = |key: &str| {
            value(key).map(|v| v.parse::<ProcessId>().map_err(|()| format!("{key}={v} is no process"))).transpose()
        };
        Ok(Self {
            state: value("state").ok_or("it names no state")?.to_owned(),
            supervisor: process("supervisor")?.ok_or("it names no supervisor")?,
            server: process("server")?,
            reason: value("reason").map(str::to_owned),
        })
    }
}

/// The first line of a text that says something, cut to what fits into a line of a log.
#[must_use]
pub fn one_line(text: &str) -> &str {
    let line = text.lines().map(str::trim).find(|l| !l.is_empty()).unwrap_or_default();
    crate::note::head(line, 500)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_is_written() {
        let process = |pid| ProcessId { pid, started: 4711 };
        let full = Status {
            state: "PARKED".to_owned(),
            supervisor: process(1),
            server: Some(process(7)),
            reason: Some("refused: a=b\nmore".to_owned()),
        };
        assert_eq!(full.text(), "state=PARKED\nsupervisor=1 4711\nserver=7 4711\nreason=refused: a=b\n");
        let read = Status::parse(&full.text()).unwrap();
        assert_eq!(read, Status { reason: Some("refused: a=b".to_owned()), ..full.clone() });
        let least = Status { server: None, reason: None, ..full };
        assert_eq!(Status::parse(&least.text()), Ok(least));
        for bad in ["", "state=SERVE\n", "state=SERVE\nsupervisor=x\n", "state=SERVE\nsupervisor=1 1\nserver=1\n"] {
            assert!(Status::parse(bad).is_err(), "{bad:?}");
        }
    }
}
