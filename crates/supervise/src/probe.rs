//! What a probe makes of what it reads: two files and whether two processes live. Pure.
//!
//! Whatever cannot be told is never a reason to call a pod ready, and never a reason to kill its server.

use crate::{process::ProcessId, status::Status};

/// Which question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Was the pod joined in this life of the container?
    Startup,
    /// May clients be sent to it now?
    Ready,
    /// Is there a reason to begin anew?
    Live,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Yes,
    /// No.
    No,
    /// It cannot be told.
    Unknown,
}

/// What a probe saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The file of the supervisor; `None` when it is not there; in words why it cannot be read.
    pub status: Result<Option<Status>, String>,
    /// Whether the start marker is there.
    pub marker: Result<bool, String>,
}

/// Judges; the words are one line.
pub fn judge(probe: Probe, seen: &Seen, lives: impl Fn(ProcessId) -> bool) -> (Answer, String) {
    let status = match &seen.status {
        Ok(Some(status)) => status,
        Ok(None) => return blind(probe, "aku run has left no word here"),
        Err(why) => return blind(probe, &format!("the word of aku run cannot be read: {why}")),
    };
    if !lives(status.supervisor) {
        // Another life of the container left it, or the supervisor was killed; then the container ends as well.
        return blind(probe, &format!("aku run (process {}) is not there any more", status.supervisor.pid));
    }
    let serving = status.state == "SERVE";
    let server = status.server.filter(|server| lives(*server));
    match probe {
        Probe::Live if serving && server.is_none() => (Answer::No, "SERVE, and the server is not there".to_owned()),
        Probe::Live => (Answer::Yes, status.state.clone()),
        Probe::Startup | Probe::Ready if !serving => {
            let why = status.reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default();
            (Answer::No, format!("{}{why}", status.state))
        }
        Probe::Startup | Probe::Ready => match (&seen.marker, server) {
            (_, None) => (Answer::No, "SERVE, and the server is not there".to_owned()),
            (Ok(false), Some(_)) => {
                (Answer::No, "SERVE, and the start marker is gone: the pod is ended or was closed".to_owned())
            }
            (Err(why), Some(_)) => (Answer::Unknown, format!("the start marker cannot be looked at: {why}")),
            (Ok(true), Some(_)) => (Answer::Yes, status.state.clone()),
        },
    }
}

fn blind(probe: Probe, why: &str) -> (Answer, String) {
    match probe {
        Probe::Startup | Probe::Ready => (Answer::Unknown, why.to_owned()),
        Probe::Live => (Answer::Yes, format!("{why}; that is no reason to kill a server")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Lives = fn(ProcessId) -> bool;

    const SUPERVISOR: ProcessId = ProcessId { pid: 1, started: 1 };
    const SERVER: ProcessId = ProcessId { pid: 7, started: 2 };

    #[test]
    fn every_answer() {
        use Answer::{No, Unknown, Yes};
        let status = |state: &str| {
            let (state, server) = (state.to_owned(), (state != "INIT").then_some(SERVER));
            Ok(Some(Status { state, supervisor: SUPERVISOR, server, reason: Some("because".to_owned()) }))
        };
        let all = |_| true;
        let table: [(_, _, Lives, _); 16] = [
            (status("INIT"), Ok(false), all, [No, No, Yes]),
            (status("BOOT"), Ok(false), all, [No, No, Yes]),
            (status("JOIN"), Ok(false), all, [No, No, Yes]),
            // It was written, and the supervisor has not heard of it yet.
            (status("JOIN"), Ok(true), all, [No, No, Yes]),
            (status("PARKED"), Ok(false), all, [No, No, Yes]),
            (status("PARKED"), Ok(true), all, [No, No, Yes]),
            (status("SERVE"), Ok(true), all, [Yes, Yes, Yes]),
            (status("SERVE"), Ok(false), all, [No, No, Yes]),
            (status("SERVE"), Err("why".to_owned()), all, [Unknown, Unknown, Yes]),
            (status("SERVE"), Ok(true), |p| p == SUPERVISOR, [No, No, No]),
            (status("END"), Ok(true), all, [No, No, Yes]),
            (status("STOP"), Ok(false), |p| p == SUPERVISOR, [No, No, Yes]),
            // A marker and a word of an earlier life, on a volume that outlived it.
            (status("SERVE"), Ok(true), |p| p == SERVER, [Unknown, Unknown, Yes]),
            (status("JOIN"), Ok(false), |p| p == SERVER, [Unknown, Unknown, Yes]),
            (Ok(None), Ok(true), all, [Unknown, Unknown, Yes]),
            (Err("why".to_owned()), Ok(true), all, [Unknown, Unknown, Yes]),
        ];
        for (status, marker, lives, want) in table {
            let seen = Seen { status, marker };
            let got = [Probe::Startup, Probe::Ready, Probe::Live].map(|probe| {
                let (verdict, words) = judge(probe, &seen, lives);
                assert!(!words.is_empty() && !words.contains('\n'), "{words:?}");
                verdict
            });
            assert_eq!(got, want, "{seen:?}");
        }
        let seen = Seen { status: status("PARKED"), marker: Ok(false) };
        assert_eq!(judge(Probe::Ready, &seen, all).1, "PARKED: because");
    }
}
