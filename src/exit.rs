//! Exit codes: public API (`contract.md` 2.3). Never renumber.

use std::process::ExitCode;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Goal reached, plan made, nothing wrong.
    Ok = 0,
    /// Our bug, or an error without a class.
    Internal = 1,
    /// `plan --exit-code`, `drift`, `diff`: differences exist.
    Changes = 2,
    /// Policy, protection or a missing approval.
    Refused = 3,
    /// Some actions done, one or more failed.
    Partial = 4,
    /// A saved plan no longer fits.
    Stale = 5,
    /// Another live run holds the lock.
    Locked = 6,
    /// The view is incomplete; cannot decide.
    Unknown = 7,
    /// Signal or deadline; work in flight was finished.
    Stopped = 8,
    /// Wrong flags.
    Usage = 64,
    /// `aku.conf` or a plan file is invalid.
    BadData = 65,
    /// A file is missing.
    NoInput = 66,
    /// No pod could be reached.
    Unavailable = 69,
    /// A result stream could not be written.
    Output = 74,
    /// Login refused.
    Auth = 77,
    /// Second SIGINT.
    Interrupted = 130,
    /// Second SIGTERM.
    Terminated = 143,
}

/// How the process ends: by what it did itself, or as the container that it ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Its own.
    Own(Exit),
    /// Of a container: that of its server, where it ended by itself.
    Container(u8),
}

impl From<Exit> for Code {
    fn from(e: Exit) -> Self {
        Self::Own(e)
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        match code {
            Code::Own(e) => Self::from(e as u8),
            Code::Container(code) => Self::from(code),
        }
    }
}
