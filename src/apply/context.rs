//! Everything a run needs besides the plan, as arguments. Decides nothing.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use super::clock::Clock;
use crate::{
    db::{Connector, DbError, Login},
    lock::Held,
    plan::ActionId,
    topology::Ordinal,
};

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
    /// Start markers of any pods that are on this machine.
    pub marked_here: BTreeMap<Ordinal, PathBuf>,
    /// The lock of this run; losing it stops new actions, and a fence spares its sessions.
    pub lock: Option<Arc<Held>>,
    /// Who is told of every changing statement before it is sent.
    pub witness: Option<Arc<dyn IntentLog>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Bounds and paces.
    pub limits: Limits,
}

/// Writes down what is about to be sent, so that a crash leaves evidence. Called from many threads.
pub trait IntentLog: Send + Sync {
    /// This statement is about to be sent. Returns its number once that is written down.
    fn intent(&self, id: ActionId, pod: Ordinal, sql: &str) -> u64;
    /// It came back.
    fn came_back(&self, statement: u64, answer: Result<(), &DbError>);
}

/// How often a failed statement is tried again, and how the pauses grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Attempts after the first, 0 = none.
    pub count: u32,
    /// Pause before the first of them; see [`pause`](Self::pause).
    pub delay: Duration,
    /// Decides the jitter.
    pub seed: u64,
}

impl Retry {
    /// How much longer than the first the pauses become.
    const GROWTH: u32 = 8;

    /// Pause after failed attempt number `attempt` (from 1) of an action: doubles each time up to eight times the first,
    /// less up to a quarter, so that pods which failed together do not come back together.
    #[must_use]
    pub fn pause(&self, id: ActionId, attempt: u32) -> Duration {
        let doubled = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX).min(Self::GROWTH);
        let whole = self.delay.saturating_mul(doubled);
        let share = spread(self.seed ^ (u64::from(id.0) << 32) ^ u64::from(attempt));
        let pause = whole.saturating_sub(whole / 4 * share / 0x1_0000);
        // Whole milliseconds: nobody reads the rest.
        Duration::from_millis(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A number below 65,536 for a seed. SplitMix64 (public domain): well spread, and a number of a test gives the same pause
/// again.
#[must_use]
pub fn spread(seed: u64) -> u32 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    u32::try_from((z ^ (z >> 31)) & 0xffff).unwrap_or_default()
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
    /// Bound on what is in the way of the proof after a fence and its FLUSHes: sessions, transactions, a lost link.
    pub delivered: Duration,
    /// Bound on a sender that START RETRY began to connect, before a plain START is asked what is wrong.
    pub connect: Duration,
    /// Bound on a pinned sender to disappear.
    pub pin: Duration,
    /// How long a statement that changes a state may go on after the wish to stop, before it is cancelled (`--grace`).
    pub grace: Duration,
    /// How long beyond the deadline and [`grace`](Self::grace) what puts things back may take, before everything is left
    /// as it is: a deadline is a promise (DESIGN D20). A signal alone sets no such end.
    pub overtime: Duration,
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
            delivered: Duration::from_secs(10),
            connect: Duration::from_secs(3),
            pin: Duration::from_secs(15),
            grace: Self::GRACE,
            overtime: Duration::from_millis(500),
            cancel: Duration::from_secs(10),
            abort: Duration::from_millis(700),
        }
    }
}

impl Limits {
    /// `--grace` when nobody says anything.
    pub const GRACE: Duration = Duration::from_secs(10);

    /// The defaults; a SYNC may stand still for AKU_QUERY_TIMEOUT where that is longer.
    #[must_use]
    pub fn for_query_timeout(query_timeout: Duration) -> Self {
        let limits = Self::default();
        Self { no_progress: limits.no_progress.max(query_timeout), ..limits }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pauses_grow_to_a_bound() {
        let retry = Retry { count: 9, delay: Duration::from_secs(1), seed: 7 };
        let ms = |attempt| retry.pause(ActionId(3), attempt).as_millis();
        let bounds = [(1, 1000), (2, 2000), (3, 4000), (4, 8000), (5, 8000), (40, 8000), (u32::MAX, 8000)];
        for (attempt, whole) in bounds {
            assert!((whole * 3 / 4..=whole).contains(&ms(attempt)), "{attempt}: {} ms", ms(attempt));
        }
        assert_eq!(retry.pause(ActionId(3), 2), retry.pause(ActionId(3), 2));
        let different: std::collections::BTreeSet<_> = (0..20).map(|id| retry.pause(ActionId(id), 1)).collect();
        assert!(different.len() > 15, "{different:?}");
    }

    proptest! {
        #[test]
        fn a_pause_is_never_beyond_its_bounds(seed: u64, id: u32, attempt in 1_u32.., ms in 0_u64..10_000_000) {
            let delay = Duration::from_millis(ms);
            let pause = Retry { count: 1, delay, seed }.pause(ActionId(id), attempt);
            let least = (delay / 4 * 3).saturating_sub(Duration::from_millis(1));
            prop_assert!(pause <= delay * 8 && pause >= least, "{pause:?}");
        }
    }
}
