//! What was seen, as a file: `aku plan --from FILE` plans from it without any database.
//!
//! Holds what the pods answered, where their peers reach them, and the digest of the configuration it was made with.
//! Never a secret: nothing in [`Observed`] knows the password. Time is passed in.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{MarkerView, Observed};
use crate::{
    desired::ReplicationAddress,
    document::{Document, Kind},
    topology::Ordinal,
};

/// The kind of these files.
pub const DOCUMENT: Kind = Kind { word: "aku.capture", noun: "capture", version: "1.2" };

/// Everything that a plan is made from, except `aku.conf`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// When it was made.
    pub created_at: Timestamp,
    /// Version of the program that made it.
    pub producer: String,
    /// The pod it was made on, if it was made on one.
    pub here: Option<Ordinal>,
    /// The pod that the start marker is of.
    pub pod: Ordinal,
    /// See `saved::conf_digest`.
    pub conf_digest: String,
    /// Where peers reach each pod.
    pub addresses: BTreeMap<Ordinal, ReplicationAddress>,
    /// What the pods answered, with every row count that a start of any of them hangs on.
    pub observed: Observed,
}

impl Document for Capture {
    const KIND: Kind = DOCUMENT;
}

impl Capture {
    /// What was seen, for a plan about `pod`: the marker of another pod is none of its business.
    #[must_use]
    pub fn observed_for(&self, pod: Ordinal) -> Observed {
        self.clone().into_observed_for(pod)
    }

    /// As [`observed_for`](Self::observed_for), without a copy of what may be large.
    #[must_use]
    pub fn into_observed_for(self, pod: Ordinal) -> Observed {
        let marker = if pod == self.pod { self.observed.marker } else { MarkerView::Elsewhere };
        Observed { marker, ..self.observed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Worlds, desired, ord};
    use crate::{desired::Goal, document::Fault};

    fn capture() -> Capture {
        let desired = desired(Goal::Start(ord(2)), 4, 2);
        let addresses = desired.pods.clone();
        let worlds = Worlds::new(desired).up(0, 0).up(1, 0).up(2, 1).broken(3).pair(0, 1, "LL").side(0, 2, 'R');
        let mut observed = worlds.observed;
        observed.marker = MarkerView::Stale;
        Capture {
            created_at: "2026-11-20T23:41:07Z".parse().unwrap(),
            producer: "0.1.0".to_owned(),
            here: None,
            pod: ord(2),
            conf_digest: "sha256:00".to_owned(),
            addresses,
            observed,
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = capture().text();
        assert_eq!(Capture::parse(&text).unwrap(), capture());
        let edited = text.replacen("stale", "present", 1);
        assert!(matches!(Capture::parse(&edited), Err(Fault::Edited("capture"))));
        assert!(matches!(Capture::parse(&text[..99]), Err(Fault::Truncated { .. })));
    }

    #[test]
    fn the_marker_is_that_of_one_pod() {
        assert_eq!(capture().observed_for(ord(2)).marker, MarkerView::Stale);
        assert_eq!(capture().observed_for(ord(1)).marker, MarkerView::Elsewhere);
    }
}
