//! How the grace of a pod is shared out, and how long the supervisor waits for what. Arithmetic only.

use std::time::Duration;

use crate::model::Death;

/// What is left when the server is killed: the kubelet kills everything at the end of the grace.
const LAST: Duration = Duration::from_secs(3);
/// How long a start that is broken off may take to put back what it did, at most.
const PUT_BACK: Duration = Duration::from_secs(20);
/// Nobody listens at the server's port: the code of a look that was cheap.
pub const NOBODY: Death = Death::Code(69);
/// Looks that were not cheap are this many times rarer.
const DEAR: u32 = 3;
/// Pauses after failed starts double up to this many times the first one.
const LONGEST_PAUSE: u32 = 12;

/// The time between the first SIGTERM and the kubelet's SIGKILL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    /// All of it: terminationGracePeriodSeconds less what a preStop hook takes.
    pub grace: Duration,
    /// What the server needs to stop.
    pub server_stop: Duration,
}

impl Budget {
    /// When a server that has not stopped is killed, after the first SIGTERM: 3 s before the grace is over, never before
    /// half of it.
    #[must_use]
    pub fn kill(&self) -> Duration {
        self.grace.saturating_sub(LAST).max(self.grace / 2)
    }

    /// How long an end may take: what the server does not need, at least half of the time there is.
    #[must_use]
    pub fn end(&self) -> Duration {
        self.grace.saturating_sub(self.server_stop).clamp(self.kill() / 2, self.kill())
    }

    /// How long a start that is broken off may take.
    #[must_use]
    pub fn put_back(&self) -> Duration {
        self.end().min(PUT_BACK)
    }
}

/// Whether a database is made where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Creation {
    /// Never: no data is a reason not to start.
    Forbidden,
    /// When there is no data file at all.
    WhenEmpty,
}

/// What the supervisor goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rules {
    /// The grace.
    pub budget: Budget,
    /// Pause after the first failed start.
    pub retry: Duration,
    /// Pause between two looks at a server that boots.
    pub look: Duration,
    /// How often it is said that the pod still waits.
    pub remind: Duration,
    /// How often the ledger is beaten; `None` for never.
    pub beat: Option<Duration>,
    /// Whether a database may be made.
    pub creation: Creation,
}

impl Rules {
    /// The pause after `failed` starts in a row (from 1) that may succeed by themselves.
    #[must_use]
    pub fn pause(&self, failed: u32) -> Duration {
        let doubled = 1_u32.checked_shl(failed.saturating_sub(1)).unwrap_or(LONGEST_PAUSE);
        self.retry * doubled.clamp(1, LONGEST_PAUSE)
    }

    /// The pause after a look that ended so.
    #[must_use]
    pub fn next_look(&self, how: Death) -> Duration {
        if how == NOBODY { self.look } else { self.look * DEAR }
    }

    /// The pause after a start that somebody has to do something about.
    #[must_use]
    pub fn long_pause(&self) -> Duration {
        self.retry * LONGEST_PAUSE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn the_grace_is_shared_out() {
        let table = [
            // grace, server stop; end, kill
            (436, 120, 316, 433),
            (346, 30, 316, 343),
            // More for the server than there is: both get half.
            (60, 120, 28, 57),
            (30, 30, 13, 27),
            (120, 1, 117, 117),
        ];
        for (grace, stop, end, kill) in table {
            let budget = Budget { grace: seconds(grace), server_stop: seconds(stop) };
            let got = (budget.end().as_secs(), budget.kill().as_secs());
            assert_eq!(got, (end, kill), "{grace} {stop}");
        }
        let least = Budget { grace: seconds(2), server_stop: seconds(120) };
        assert_eq!(
            (least.kill(), least.end()),
            (seconds(1), Duration::from_millis(500)),
            "what the kubelet always leaves"
        );
        for grace in 0..500 {
            for stop in [0, 1, 30, 120, 600] {
                let b = Budget { grace: seconds(grace), server_stop: seconds(stop) };
                assert!(b.put_back() <= b.end() && b.end() <= b.kill() && b.kill() <= b.grace, "{grace} {stop}");
                assert!(b.end() * 2 >= b.kill(), "{grace} {stop}");
            }
        }
    }

    #[test]
    fn pauses_double_and_end() {
        let budget = Budget { grace: seconds(60), server_stop: seconds(30) };
        let rules = Rules {
            budget,
            retry: seconds(5),
            look: seconds(1),
            remind: seconds(60),
            beat: None,
            creation: Creation::Forbidden,
        };
        let pauses: Vec<u64> = [1, 2, 3, 4, 5, 6, 40, u32::MAX].map(|n| rules.pause(n).as_secs()).into();
        assert_eq!(pauses, [5, 10, 20, 40, 60, 60, 60, 60]);
        assert_eq!(rules.long_pause(), seconds(60));
    }
}
