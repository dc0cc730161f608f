//! How long an end may take, so that Kubernetes gives the pod that time. Arithmetic only.

use std::{fmt, time::Duration};

use super::{Config, Switch};

/// A FLUSH never gets less: a healthy pair of 7.2 servers needs about 6 s (`measured.md` 5).
pub const LEAST_FLUSH: Duration = Duration::from_secs(10);
/// The bound of a FLUSH when AKU_FLUSH_TIMEOUT_AT_START is 0.
pub const DEFAULT_FLUSH: Duration = Duration::from_secs(300);

const FENCE: u64 = 10;
const PER_PAIR: u64 = 2;
const SERVER_STOP: u64 = 30;

/// Seconds that the steps of an end may take on one pod; its `Display` is the sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndBudget {
    /// ADMIN_MODE 1 and closing the sessions.
    pub fence: u64,
    /// The bound of FLUSH. Those of several peers wait side by side, so it counts once.
    pub flush: u64,
    /// (servers - 1) x groups.
    pub pairs: u64,
    /// STOP and RESET of all pairs; on one server they queue (`measured.md` 5).
    pub stop_reset: u64,
    /// Stopping the server afterwards.
    pub server_stop: u64,
}

/// How long a FLUSH may wait: AKU_FLUSH_TIMEOUT_AT_START, 0 meaning [`DEFAULT_FLUSH`], at least [`LEAST_FLUSH`].
#[must_use]
pub fn flush_bound(c: &Config) -> Duration {
    match c.flush_timeout_at_start {
        0 => DEFAULT_FLUSH,
        n => Duration::from_secs(u64::from(n)).max(LEAST_FLUSH),
    }
}

/// What an end needs with this configuration.
#[must_use]
pub fn end_budget(c: &Config) -> EndBudget {
    let pairs = u64::from(c.server_count.get() - 1) * c.groups.len() as u64;
    let flush = match c.flush_at_end {
        Switch::On if pairs > 0 => flush_bound(c).as_secs(),
        Switch::On | Switch::Off => 0,
    };
    EndBudget { fence: FENCE, flush, pairs, stop_reset: pairs * PER_PAIR, server_stop: SERVER_STOP }
}

impl EndBudget {
    /// What terminationGracePeriodSeconds has to be at least.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.fence + self.flush + self.stop_reset + self.server_stop
    }
}

impl fmt::Display for EndBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "fence {} + flush {} + stop and reset {} ({} x {PER_PAIR}) + server stop {} = {} s",
            self.fence,
            self.flush,
            self.stop_reset,
            self.pairs,
            self.server_stop,
            self.total()
        )
    }
}
