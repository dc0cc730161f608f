//! Numbers of runs: unique enough for a directory of journals, sorted by the time a run began, safe in file names and
//! in V$SESSION.CLIENT_APP_INFO. Nothing depends on their clock but the order in which people see them.

use std::{fmt, hash::BuildHasher as _, str::FromStr};

use jiff::Timestamp;

/// `20261121T121044Z-1f3a9c`: the second in which the run began, UTC, and six hexadecimal digits of chance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(String);

/// The text is no number of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no run id; they look like 20261121T121044Z-1f3a9c (aku runs list)")]
pub struct NoRunId;

impl RunId {
    /// A new one.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        // The keys of the standard hasher are random in each process.
        let chance = std::hash::RandomState::new().hash_one((at.as_nanosecond(), std::process::id()));
        Self(format!("{}-{:06x}", at.strftime("%Y%m%dT%H%M%SZ"), chance & 0xff_ffff))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// When the run began, to the second, by the clock of its machine.
    #[must_use]
    pub fn began(&self) -> Option<Timestamp> {
        Timestamp::strptime("%Y%m%dT%H%M%S%z", self.0[..15].to_owned() + "+0000").ok()
    }
}

impl FromStr for RunId {
    type Err = NoRunId;

    fn from_str(text: &str) -> Result<Self, NoRunId> {
        let fits = |(i, b): (usize, u8)| match i {
            0..=7 | 9..=14 => b.is_ascii_digit(),
            8 => b == b'T',
            15 => b == b'Z',
            16 => b == b'-',
            _ => b.is_ascii_digit() || (b'a'..=b'f').contains(&b),
        };
        if text.len() == 23 && text.bytes().enumerate().all(fits) { Ok(Self(text.to_owned())) } else { Err(NoRunId) }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_tells_its_time_and_survives_being_written() {
        let at: Timestamp = "2026-11-21T12:10:44.5Z".parse().unwrap();
        let id = RunId::new(at);
        assert!(id.as_str().starts_with("20261121T121044Z-"), "{id}");
        assert_eq!(id.as_str().parse::<RunId>().unwrap(), id);
        assert_eq!(id.began().unwrap().to_string(), "2026-11-21T12:10:44Z");
        assert_ne!(RunId::new(at), id);
        for text in ["", "../../etc/passwd-1f3a9cxx", "20261121T121044Z-1f3a9", "20261121T121044Z-1F3A9C"] {
            assert_eq!(text.parse::<RunId>(), Err(NoRunId), "{text}");
        }
    }
}
