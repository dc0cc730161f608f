//! How much log: what a sender has left to send, and what a server has to keep because of it. An SN is the number of a file
//! and an offset in it (`measured.md` 9.8), so this is known of stopped senders, too.

use std::collections::BTreeMap;

use aku_core::{
    desired::Desired,
    observe::{Observed, Pod, Side},
    topology::{Ordinal, ReplicationName},
};
use schemars::JsonSchema;
use serde::Serialize;

/// An amount of log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Log {
    /// Files between its beginning and its end; 0 within one file.
    pub files: u64,
    /// Bytes; `None` where nobody knows how large a file is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

impl Log {
    const NONE: Self = Self { files: 0, bytes: Some(0) };

    /// From one SN to another; `None` where the second lies before the first. `file`: bytes of a file.
    fn between(from: u64, end: u64, file: Option<u64>) -> Option<Self> {
        let (number, offset) = (|sn: u64| sn >> 32, |sn: u64| sn & u64::from(u32::MAX));
        let files = number(end).checked_sub(number(from))?;
        if files == 0 {
            return Some(Self { files, bytes: Some(offset(end).checked_sub(offset(from))?) });
        }
        let whole = file.and_then(|file| file.checked_mul(files)?.checked_add(offset(end)));
        Some(Self { files, bytes: whole.and_then(|whole| whole.checked_sub(offset(from))) })
    }
}

fn file_size(seen: &Pod) -> Option<u64> {
    seen.property("LOG_FILE_SIZE").and_then(|n| u64::try_from(n).ok())
}

/// What a pod keeps of its log because of one object: from the position on. Nothing without a position; `None` where it is not
/// known where the position or the end of the log is.
#[must_use]
pub fn kept(observed: &Observed, pod: Ordinal, name: &ReplicationName) -> Option<Log> {
    let seen = observed.pod(pod)?;
    match observed.side(pod, name) {
        Side::Live(sn) => Log::between(sn, seen.log_end?, file_size(seen)),
        Side::Reset | Side::Missing => Some(Log::NONE),
        Side::GaveUp | Side::Unknown => None,
    }
}

/// What the sender of an object has left to send. `None` without a sender, and where the server does not say how far it is.
#[must_use]
pub fn gap(observed: &Observed, pod: Ordinal, name: &ReplicationName) -> Option<Log> {
    let (seen, found) = (observed.pod(pod)?, observed.replication(pod, name)?);
    match (found.gap, found.sending) {
        (Some(0), _) => Some(Log::NONE),
        (Some(_), Some(sending)) => Log::between(sending.at, sending.end, file_size(seen)),
        (None, _) | (_, None) => None,
    }
}

/// The log that a pod keeps: as much as the object that is furthest behind needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// How much.
    pub log: Log,
    /// For whom, and the object; `None` where nothing is kept.
    pub by: Option<(Ordinal, ReplicationName)>,
}

/// What a pod keeps over all of its objects. `None` where it was not seen, or one of them cannot be measured: it may be the one
/// that is furthest behind. Log that was given up is not kept.
#[must_use]
pub fn kept_by(desired: &Desired, observed: &Observed, pod: Ordinal) -> Option<Kept> {
    observed.pod(pod)?;
    let mut most = Kept { log: Log::NONE, by: None };
    let all: BTreeMap<_, _> = desired.objects_of(pod).map(|(peer, o)| (&o.name, peer)).collect();
    for (name, peer) in all {
        match observed.side(pod, name) {
            Side::Reset | Side::Missing | Side::GaveUp => {}
            Side::Unknown => return None,
            Side::Live(_) => {
                let log = kept(observed, pod, name)?;
                if log > most.log {
                    most = Kept { log, by: Some((peer, name.clone())) };
                }
            }
        }
    }
    Some(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: Option<u64> = Some(10 << 20);

    #[test]
    fn an_sn_is_a_file_and_an_offset() {
        let sn = |file: u64, offset: u64| (file << 32) + offset;
        let log = |files, bytes| Some(Log { files, bytes });
        let table = [
            (sn(7, 100), sn(7, 100), FILE, log(0, Some(0))),
            (sn(7, 100), sn(7, 350), None, log(0, Some(250))),
            (sn(7, 100), sn(9, 50), FILE, log(2, Some((20 << 20) - 50))),
            (sn(7, 100), sn(9, 50), None, log(2, None)),
            // A file size that cannot be.
            (sn(7, 100), sn(8, 50), Some(7), log(1, None)),
            (sn(7, 100), sn(7, 99), FILE, None),
            (sn(7, 100), sn(6, 200), FILE, None),
            (0, u64::MAX, Some(u64::MAX), log(u64::from(u32::MAX), None)),
        ];
        for (from, end, file, want) in table {
            assert_eq!(Log::between(from, end, file), want, "{from} {end} {file:?}");
        }
    }
}
