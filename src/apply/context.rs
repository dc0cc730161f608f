//! Everything a run needs besides the plan, as arguments. Decides nothing.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use super::clock::Clock;
use crate::db::{Connector, Login};

/// What a run works with.
#[derive(Clone)]
pub struct Context {
    /// Opens sessions on every pod.
    pub connector: Arc<dyn Connector>,
    /// How; the privilege is chosen by the server's ADMIN_MODE. `query_timeout` is AKU_QUERY_TIMEOUT. Both time limits
    /// are raised above the longest FLUSH of the plan, and a SYNC has neither.
    pub login: Login,
    /// AKU_QUERY_RETRY_COUNT and AKU_QUERY_RETRY_DELAY_MSEC.
    pub retry: Retry,
    /// Nothing new begins after this moment of `clock`, and waits and copies are cancelled.
    pub deadline: Option<Instant>,
    /// Where the start marker is; `None` when the run is not on that pod.
    pub marker: Option<Marker>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Bounds and paces.
    pub limits: Limits,
}

/// How often a failed statement is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Attempts after the first, 0 = none.
    pub count: u32,
    /// Pause before each.
    pub delay: Duration,
}

/// The file that the startup probe looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// Path, normally `/tmp/aku_start_completed`.
    pub path: PathBuf,
    /// What is written: pid, start time of the server, digest of the configuration.
    pub text: String,
}

/// Bounds and paces of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions on a pod that admits ordinary ones, at least 1. A pod in ADMIN_MODE has one (DESIGN D8).
    pub lanes: usize,
    /// A SYNC that copies no row for so long is cancelled.
    pub no_progress: Duration,
    /// Longest silence between two progress events of one action.
    pub progress: Duration,
    /// Pause between two looks at the same thing.
    pub poll: Duration,
    /// Bound on closing the sessions behind a fence.
    pub fence: Duration,
    /// Bound on receivers that linger after their peer was stopped or killed.
    pub quiet: Duration,
    /// Bound on V$REPGAP becoming 0 after a FLUSH.
    pub no_gap: Duration,
    /// Bound on a pinned sender to disappear.
    pub pin: Duration,
    /// How long a cancelled statement may take to come back before it is left alone.
    pub cancel: Duration,
    /// The same after a second signal.
    pub abort: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lanes: 4,
            no_progress: Duration::from_secs(120),
            progress: Duration::from_secs(10),
            poll: Duration::from_millis(100),
            fence: Duration::from_secs(10),
            quiet: Duration::from_secs(30),
            no_gap: Duration::from_secs(10),
            pin: Duration::from_secs(15),
            cancel: Duration::from_secs(10),
            abort: Duration::from_millis(700),
        }
    }
}

impl Limits {
    /// The defaults; a SYNC may stand still for AKU_QUERY_TIMEOUT where that is longer.
    #[must_use]
    pub fn for_query_timeout(query_timeout: Duration) -> Self {
        let limits = Self::default();
        Self { no_progress: limits.no_progress.max(query_timeout), ..limits }
    }
}
