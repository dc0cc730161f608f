//! What several looks in a row tell that one cannot: for how long the oldest log that a sender did not reach waits, how fast the log
//! grows that a pod keeps, and when a log disk of a given size is full. Holds no clock: the time of a look comes with it.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use aku_core::{
    desired::Desired,
    found::as_found,
    observe::{Observed, Sending, Side},
    topology::{Ordinal, ReplicationName, sn},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::log::{self, kept_by};

/// Growth is measured over this time, or less where nobody looked for so long.
const WINDOW: Duration = Duration::from_secs(600);
/// Looks that are remembered, at most.
const LOOKS: usize = 512;

type Way = (Ordinal, ReplicationName);

/// Looks at one cluster, in the order in which they were made.
#[derive(Clone, Debug, Default)]
pub struct Trend {
    looks: VecDeque<Look>,
    waits: BTreeMap<Way, Wait>,
}

#[derive(Clone, Debug)]
struct Look {
    at: Timestamp,
    kept: BTreeMap<Ordinal, u64>,
    gaps: BTreeMap<Way, u64>,
}

#[derive(Clone, Copy, Debug)]
struct Wait {
    mark: u64,
    since: Timestamp,
    /// As the last look found it.
    lag: Option<Duration>,
}

/// The log ended there at that moment, and the sender had not got so far in any look since. What a later look needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mark {
    /// Whose log.
    pub pod: Ordinal,
    /// The object that sends it.
    pub object: ReplicationName,
    /// The end of the log.
    #[serde(with = "sn")]
    #[schemars(with = "String")]
    pub sn: u64,
    /// When it ended there.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub since: Timestamp,
}

/// When a disk is full at the present pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Full {
    /// Nobody can tell: one look, or one that did not see how much is kept.
    Unknown,
    /// What is kept does not grow.
    NotFilling,
    /// In so many seconds.
    In {
        /// 0: it is full.
        seconds: u64,
    },
}

/// The log that a pod keeps, and where that leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Pace {
    /// Bytes that it keeps; `None` where nobody can tell.
    pub kept: Option<u64>,
    /// Bytes by which that grows in a second, below 0 where it shrinks; `None` where nobody can tell.
    pub growth: Option<i64>,
    /// When a disk of the size that was named is full; `None` where no size was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full: Option<Full>,
}

impl Trend {
    /// Goes on from what an earlier process wrote down.
    pub fn recall(&mut self, marks: &[Mark]) {
        for m in marks {
            self.waits.insert((m.pod, m.object.clone()), Wait { mark: m.sn, since: m.since, lag: None });
        }
    }

    /// What a later process has to know.
    #[must_use]
    pub fn marks(&self) -> Vec<Mark> {
        let one =
            |((pod, object), w): (&Way, &Wait)| Mark { pod: *pod, object: object.clone(), sn: w.mark, since: w.since };
        self.waits.iter().map(one).collect()
    }

    /// One more look. `at`: when; a clock that was put back makes nothing negative.
    pub fn look(&mut self, desired: &Desired, observed: &Observed, at: Timestamp) {
        let desired = &*as_found(desired, observed);
        let mut look = Look { at, kept: BTreeMap::new(), gaps: BTreeMap::new() };
        for pod in desired.pods.keys().copied() {
            look.kept.extend(kept_by(desired, observed, pod).and_then(|k| Some((pod, k.log.bytes?))));
            for (_, object) in desired.objects_of(pod) {
                let way = (pod, object.name.clone());
                if let Some(bytes) = log::gap(observed, pod, &object.name).and_then(|l| l.bytes) {
                    look.gaps.insert(way.clone(), bytes);
                }
                self.wait(way, observed, at);
            }
        }
        let old = |l: &Look| at.duration_since(l.at).unsigned_abs() > WINDOW;
        while self.looks.len() >= LOOKS || self.looks.front().is_some_and(old) {
            self.looks.pop_front();
        }
        self.looks.push_back(look);
    }

    fn wait(&mut self, way: Way, observed: &Observed, at: Timestamp) {
        match observed.side(way.0, &way.1) {
            Side::Missing | Side::Reset | Side::GaveUp => {
                self.waits.remove(&way);
            }
            // Time goes on for what was waiting.
            Side::Unknown => {
                if let Some(w) = self.waits.get_mut(&way) {
                    w.lag = None;
                }
            }
            Side::Live(position) => {
                let before = self.waits.get(&way).copied();
                let after = match (before, sending(observed, &way, position)) {
                    (None, None) => return,
                    (Some(w), None) => Wait { lag: None, ..w },
                    (None, Some(s)) => Wait { mark: s.end, since: at, lag: (s.at >= s.end).then_some(Duration::ZERO) },
                    // It passed the mark, or the log began anew.
                    (Some(w), Some(s)) if s.at >= w.mark || s.end < w.mark => {
                        Wait { mark: s.end, since: at, lag: Some(Duration::ZERO) }
                    }
                    (Some(w), Some(_)) => {
                        let waited = at.duration_since(w.since);
                        Wait { lag: Some(Duration::try_from(waited).unwrap_or_default()), ..w }
                    }
                };
                self.waits.insert(way, after);
            }
        }
    }

    /// For how long, at least, the oldest log that the pod's sender of that object did not reach waits; what came from others is log,
    /// too. Less than the time between two looks counts as none. `None` where the last look did not tell, and where it was the first one and the sender was behind.
    #[must_use]
    pub fn lag(&self, pod: Ordinal, object: &ReplicationName) -> Option<Duration> {
        self.waits.get(&(pod, object.clone()))?.lag
    }

    /// What was left to send in each look, the newest last; `None` where nobody could tell.
    #[must_use]
    pub fn gaps(&self, pod: Ordinal, object: &ReplicationName) -> Vec<Option<u64>> {
        let way = (pod, object.clone());
        self.looks.iter().map(|l| l.gaps.get(&way).copied()).collect()
    }

    /// What a pod keeps, and where that leads. `disk`: bytes of log that the pod's disk holds, where somebody said so.
    #[must_use]
    pub fn pace(&self, pod: Ordinal, disk: Option<u64>) -> Pace {
        let last = self.looks.back();
        let kept = last.and_then(|l| l.kept.get(&pod).copied());
        let first = self.looks.iter().find_map(|l| Some((l.at, *l.kept.get(&pod)?)));
        let growth = last.zip(kept).zip(first).and_then(|((last, kept), (at, then))| {
            let seconds = last.at.duration_since(at).as_secs();
            let more = i64::try_from(i128::from(kept) - i128::from(then)).ok()?;
            more.checked_div(seconds)
        });
        let full = |disk: u64| match (kept, growth) {
            (Some(kept), _) if kept >= disk => Full::In { seconds: 0 },
            (Some(kept), Some(growth)) => match u64::try_from(growth).ok().and_then(|g| (disk - kept).checked_div(g)) {
                Some(seconds) => Full::In { seconds },
                None => Full::NotFilling,
            },
            (None, _) | (_, None) => Full::Unknown,
        };
        Pace { kept, growth, full: disk.map(full) }
    }
}

/// How far a side has got, and where the log ended then. What a stopped sender has to send begins at its position.
fn sending(observed: &Observed, (pod, name): &Way, position: u64) -> Option<Sending> {
    let (seen, found) = (observed.pod(*pod)?, observed.replication(*pod, name)?);
    match (found.gap, found.sending) {
        (Some(0), Some(s)) => Some(Sending { at: s.end, ..s }),
        (Some(0), None) => seen.log_end.map(|end| Sending { at: end, end }),
        (_, Some(s)) => Some(s),
        (_, None) => seen.log_end.map(|end| Sending { at: position, end }),
    }
}

#[cfg(test)]
mod tests {
    use aku_core::desired::Goal;

    use super::*;
    use crate::testing::{Worlds, desired, ord};

    const FILE: u64 = 10 << 20;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    /// The sender of pod 0 towards 1 is at one SN, and the log ends at another.
    fn world(sent: u64, end: u64) -> Worlds {
        let mut w = Worlds::new(desired(Goal::Start(ord(0)), 2, 1)).up(0, 0).up(1, 0).pair(0, 1, "LL");
        w = w.set(0, "LOG_FILE_SIZE", 10 << 20).edit(0, 1, |r| {
            r.gap = Some(i64::from(sent < end));
            r.sending = Some(Sending { at: sent, end });
        });
        w.pod_mut(0).log_end = Some(end);
        w
    }

    struct Seen {
        trend: Trend,
        name: ReplicationName,
    }

    impl Seen {
        fn new() -> Self {
            let name = world(1, 1).desired.objects[0].name.clone();
            Self { trend: Trend::default(), name }
        }

        fn look(&mut self, second: i64, w: &Worlds) -> Option<u64> {
            self.trend.look(&w.desired, &w.observed, at(second));
            self.trend.lag(ord(0), &self.name).map(|d| d.as_secs())
        }
    }

    #[test]
    fn the_oldest_change_that_was_not_sent_waits() {
        let mut s = Seen::new();
        assert_eq!(s.trend.lag(ord(0), &s.name), None);
        assert_eq!(s.look(0, &world(700, 900)), None, "one look cannot tell since when");
        assert_eq!(s.look(10, &world(750, 1500)), Some(10), "900 is not reached");
        assert_eq!(s.look(20, &world(899, 2000)), Some(20));
        assert_eq!(s.look(30, &world(900, 2500)), Some(0), "reached: what waits is younger than a look");
        assert_eq!(s.look(40, &world(1000, 3000)), Some(10));
        assert_eq!(s.look(50, &world(3000, 3000)), Some(0), "everything is sent");
        // Another process goes on where this one was.
        assert_eq!(s.look(60, &world(3000, 3500)), Some(0));
        let mut later = Seen::new();
        later.trend.recall(&s.trend.marks());
        assert_eq!(later.look(90, &world(3100, 4000)), Some(30));
    }

    #[test]
    fn what_was_not_seen_has_no_lag_and_goes_on_waiting() {
        let mut s = Seen::new();
        s.look(0, &world(700, 900));
        let away = Worlds::new(desired(Goal::Start(ord(0)), 2, 1)).up(1, 0);
        assert_eq!(s.look(10, &away), None);
        assert_eq!(s.trend.gaps(ord(0), &s.name), [Some(200), None]);
        assert_eq!(s.look(20, &world(800, 1000)), Some(20));
        let silent = world(800, 1000).edit(0, 1, |r| (r.gap, r.sending) = (Some(7), None));
        let mut silent = silent;
        silent.pod_mut(0).log_end = None;
        assert_eq!(s.look(30, &silent), None);
        // Stopped: what it has to send begins at its position.
        let mut stopped = world(0, 0).edit(0, 1, |r| (r.gap, r.sending) = (None, None));
        stopped.pod_mut(0).log_end = Some(1200);
        assert_eq!(s.look(40, &stopped), Some(40));
        assert_eq!(s.look(50, &world(0, 0).side(0, 1, 'R')), None);
        assert_eq!(s.trend.marks().iter().filter(|m| m.pod == ord(0)).count(), 0);
    }

    #[test]
    fn a_disk_fills_at_the_pace_of_what_is_kept() {
        // XSN is 500 in these worlds.
        let kept = |bytes: u64| {
            let (file, offset) = ((bytes + 500) / FILE, (bytes + 500) % FILE);
            world(1, (file << 32) + offset)
        };
        let mut s = Seen::new();
        let full = |s: &Seen, disk| s.trend.pace(ord(0), Some(disk)).full.unwrap();
        assert_eq!(s.trend.pace(ord(0), None), Pace { kept: None, growth: None, full: None });
        s.look(0, &kept(1000));
        assert_eq!(s.trend.pace(ord(0), None), Pace { kept: Some(1000), growth: None, full: None });
        assert_eq!(full(&s, 1 << 30), Full::Unknown);
        s.look(100, &kept(1000 + 100 * FILE));
        let pace = s.trend.pace(ord(0), Some(201 * FILE + 1000));
        assert_eq!((pace.kept, pace.growth), (Some(1000 + 100 * FILE), Some(i64::try_from(FILE).unwrap())));
        assert_eq!(pace.full, Some(Full::In { seconds: 101 }));
        assert_eq!(full(&s, FILE), Full::In { seconds: 0 });
        s.look(200, &kept(500));
        assert_eq!(s.trend.pace(ord(0), None).growth, Some(-2), "-500 in 200 s, cut");
        assert_eq!(full(&s, FILE), Full::NotFilling);
        // Only what is recent says how fast it is now.
        s.look(2000, &kept(500));
        assert_eq!(s.trend.pace(ord(0), None).growth, None);
        s.look(2010, &kept(500));
        assert_eq!(full(&s, FILE), Full::NotFilling);
        assert_eq!(s.trend.pace(ord(1), Some(FILE)).full, Some(Full::Unknown), "its log was not measured");
    }
}
