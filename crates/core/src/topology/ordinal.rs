//! Pod numbers and pairs of them.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Number of a pod inside its StatefulSet, `0..=32`. Pod 0 is the master.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u8", into = "u8")]
pub struct Ordinal(u8);

/// Why a number or a host name is not an [`Ordinal`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrdinalError {
    /// The host name does not end in `-<number>`.
    #[error("host name \"{0}\" does not end in -<number>, so the pod's ordinal cannot be read from it")]
    NoSuffix(String),
    /// The number is above [`Ordinal::MAX`].
    #[error("\"{0}\" is no pod number; they go from 0 to one less than AKU_SERVER_COUNT, {max} at most", max = Ordinal::MAX)]
    OutOfRange(String),
}

impl Ordinal {
    /// Largest ordinal: 33 pods, because a server keeps at most 32 replications by default
    /// (REPLICATION_MAX_COUNT, `aku-behaviour.md` A.6).
    pub const MAX: u8 = 32;
    /// The pod whose copy all others start from.
    pub const MASTER: Self = Self(0);

    /// # Errors
    /// [`OrdinalError::OutOfRange`] above [`Ordinal::MAX`].
    pub fn new(n: u8) -> Result<Self, OrdinalError> {
        if n <= Self::MAX { Ok(Self(n)) } else { Err(OrdinalError::OutOfRange(n.to_string())) }
    }

    /// Reads the ordinal from a pod's host name such as `altibase-sts-2` or `altibase-sts-2.altibase-svc`.
    ///
    /// # Errors
    /// [`OrdinalError::NoSuffix`] when no number follows the last `-`; [`OrdinalError::OutOfRange`] above the maximum.
    pub fn from_hostname(host: &str) -> Result<Self, OrdinalError> {
        let short = host.split('.').next().unwrap_or(host);
        let (_, tail) = short.rsplit_once('-').ok_or_else(|| OrdinalError::NoSuffix(host.to_owned()))?;
        if tail.is_empty() || !tail.bytes().all(|b| b.is_ascii_digit()) {
            return Err(OrdinalError::NoSuffix(host.to_owned()));
        }
        tail.parse()
    }

    /// The plain number.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }

    /// Whether this is pod 0.
    #[must_use]
    pub fn is_master(self) -> bool {
        self == Self::MASTER
    }
}

impl TryFrom<u8> for Ordinal {
    type Error = OrdinalError;
    fn try_from(n: u8) -> Result<Self, OrdinalError> {
        Self::new(n)
    }
}

impl From<Ordinal> for u8 {
    fn from(o: Ordinal) -> Self {
        o.0
    }
}

impl FromStr for Ordinal {
    type Err = OrdinalError;
    fn from_str(s: &str) -> Result<Self, OrdinalError> {
        s.parse::<u8>().map_err(|_| OrdinalError::OutOfRange(s.to_owned())).and_then(Self::new)
    }
}

impl fmt::Display for Ordinal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many pods the StatefulSet may have, `1..=33`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerCount(u8);

impl ServerCount {
    /// Largest count this program accepts.
    pub const MAX: u8 = Ordinal::MAX + 1;
    /// Largest count the manuals document (7.3); above it `aku validate` warns.
    pub const DOCUMENTED_MAX: u8 = 6;

    /// `None` outside `1..=33`.
    #[must_use]
    pub fn new(n: u8) -> Option<Self> {
        (1..=Self::MAX).contains(&n).then_some(Self(n))
    }

    /// The plain number.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }

    /// Every ordinal from 0 on.
    pub fn ordinals(self) -> impl DoubleEndedIterator<Item = Ordinal> + Clone {
        (0..self.0).map(Ordinal)
    }

    /// Whether `pod` belongs to a set of this size.
    #[must_use]
    pub fn contains(self, pod: Ordinal) -> bool {
        pod.0 < self.0
    }
}

/// Two different pods, the smaller ordinal first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pair {
    low: Ordinal,
    high: Ordinal,
}

impl Pair {
    /// `None` when both are the same pod.
    #[must_use]
    pub fn new(a: Ordinal, b: Ordinal) -> Option<Self> {
        (a != b).then(|| Self { low: a.min(b), high: a.max(b) })
    }

    /// The smaller ordinal.
    #[must_use]
    pub fn low(self) -> Ordinal {
        self.low
    }

    /// The larger ordinal.
    #[must_use]
    pub fn high(self) -> Ordinal {
        self.high
    }

    /// The one that is not `pod`, which must be one of the two.
    #[must_use]
    pub fn other(self, pod: Ordinal) -> Ordinal {
        if self.low == pod { self.high } else { self.low }
    }

    /// Whether `pod` is one of the two.
    #[must_use]
    pub fn contains(self, pod: Ordinal) -> bool {
        self.low == pod || self.high == pod
    }

    /// All pairs that `pod` forms with the other pods of a set of `count`, in ordinal order of the other.
    pub fn of(pod: Ordinal, count: ServerCount) -> impl Iterator<Item = (Ordinal, Self)> + Clone {
        count.ordinals().filter_map(move |k| Self::new(pod, k).map(|pair| (k, pair)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinal_from_hostname() {
        let ok = [("altibase-sts-0", 0), ("altibase-sts-2", 2), ("a-b-31.altibase-svc.ns", 31)];
        for (host, want) in ok {
            assert_eq!(Ordinal::from_hostname(host).map(Ordinal::get), Ok(want), "{host}");
        }
        let no_suffix = |h: &str| Err(OrdinalError::NoSuffix(h.to_owned()));
        for host in ["altibase", "altibase-", "altibase-x", "altibase-+1", ""] {
            assert_eq!(Ordinal::from_hostname(host), no_suffix(host), "{host}");
        }
        assert_eq!(Ordinal::from_hostname("a-33"), Err(OrdinalError::OutOfRange("33".to_owned())));
        assert_eq!(Ordinal::from_hostname("a-300"), Err(OrdinalError::OutOfRange("300".to_owned())));
    }

    #[test]
    fn pairs_of_a_pod() {
        let (one, four) = (Ordinal(1), ServerCount(4));
        let pairs: Vec<_> = Pair::of(one, four).map(|(k, p)| (k.get(), p.low().get(), p.high().get())).collect();
        assert_eq!(pairs, [(0, 0, 1), (2, 1, 2), (3, 1, 3)]);
        assert_eq!(Pair::new(one, one), None);
        assert_eq!(ServerCount::new(0), None);
        assert_eq!(ServerCount::new(34), None);
    }
}
