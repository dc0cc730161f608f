//! Whether one action may go on. Every wait of the engine goes through here, so that none outlives a signal.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use super::{
    clock::Clock,
    context::Context,
    op_error::OpError,
    stop::{StopFlag, StopLevel},
};
use crate::{
    lock::Held,
    plan::{Action, Op, RunWhen},
};

/// Longest sleep between two looks at the flag.
const SLICE: Duration = Duration::from_millis(50);

/// Everything that can make a run stop.
#[derive(Clone)]
pub(super) struct StopSource {
    pub stop: StopFlag,
    pub deadline: Option<Instant>,
    pub lock: Option<Arc<Held>>,
    pub grace: Duration,
    /// See `Limits::overtime`.
    pub overtime: Duration,
    pub clock: Arc<dyn Clock>,
    /// When it was first seen.
    since: Arc<OnceLock<Instant>>,
}

impl StopSource {
    pub fn new(context: &Context, stop: StopFlag) -> Self {
        Self {
            stop,
            deadline: context.deadline,
            lock: context.lock.clone(),
            grace: context.limits.grace,
            overtime: context.limits.overtime,
            clock: Arc::clone(&context.clock),
            since: Arc::default(),
        }
    }

    fn late(&self) -> bool {
        self.deadline.is_some_and(|d| self.clock.now() >= d)
    }

    /// The flag, the deadline or the lock, whichever is stronger.
    pub fn level(&self) -> StopLevel {
        let lost = || self.lock.as_ref().is_some_and(|held| held.lost().is_some());
        let said = self.stop.level();
        let wished = if said == StopLevel::Go && (self.late() || lost()) { StopLevel::Finish } else { said };
        if wished != StopLevel::Finish {
            return wished;
        }
        let now = self.clock.now();
        if self.deadline.is_some_and(|d| now >= d + self.grace + self.overtime) {
            return StopLevel::Abort;
        }
        let since = *self.since.get_or_init(|| now);
        if now >= since + self.grace { StopLevel::Hurry } else { StopLevel::Finish }
    }

    /// In words.
    pub fn why(&self) -> Option<String> {
        let signals = self.stop.raised_by();
        if !signals.is_empty() {
            return Some(signals.join(", "));
        }
        if self.late() {
            return Some("the deadline passed".to_owned());
        }
        self.lock.as_ref()?.lost()
    }
}

/// The level at which a running action is cancelled. Waits and copies can be repeated, so they go at once; a statement
/// that changes a state has the grace time to finish; what puts things back is only given up in an abort.
pub(super) fn yields_at(action: &Action) -> StopLevel {
    match action.run {
        RunWhen::Always { .. } | RunWhen::Undo { .. } => return StopLevel::Abort,
        RunWhen::Normal => {}
    }
    match action.op {
        // It ends by itself while it waits for its lock; between its START and its STOP nothing may come.
        Op::Anchor { .. } => StopLevel::Abort,
        Op::Sync { .. }
        | Op::SyncTables { .. }
        | Op::Flush { .. }
        | Op::Drain { .. }
        | Op::Delay { .. }
        | Op::CheckQuiet { .. }
        | Op::CheckContents { .. }
        | Op::CheckHolds { .. }
        | Op::CheckDelivered { .. }
        // Between two of its transactions.
        | Op::MendRows(_)
        | Op::DeleteRows(_) => StopLevel::Finish,
        Op::CreateReplication { .. }
        | Op::DropReplication { .. }
        | Op::AddTable { .. }
        | Op::DropTable { .. }
        | Op::ChangeHost { .. }
        | Op::ClearOption { .. }
        | Op::SetOption { .. }
        | Op::SetLogPath { .. }
        | Op::ReadLogs { .. }
        | Op::Retry { .. }
        | Op::Start { .. }
        | Op::Pin { .. }
        | Op::Stop { .. }
        | Op::Reset { .. }
        | Op::Unpin { .. }
        | Op::SetProperty { .. }
        | Op::Truncate { .. }
        | Op::CheckEmpty { .. }
        | Op::Fence
        | Op::Open
        | Op::WriteMarker
        | Op::RemoveMarker
        | Op::WriteLedger { .. } => StopLevel::Hurry,
    }
}

/// One action's view of the wish to stop.
#[derive(Clone)]
pub(super) struct Control {
    pub wish: StopSource,
    pub yields_at: StopLevel,
}

impl Control {
    pub fn level(&self) -> StopLevel {
        self.wish.level()
    }

    /// Whether this action is to end now.
    pub fn stopped(&self) -> bool {
        self.level() >= self.yields_at
    }

    /// Waits, or ends the action.
    pub fn pause(&self, d: Duration) -> Result<(), OpError> {
        let until = self.wish.clock.now() + d;
        loop {
            if self.stopped() {
                return Err(OpError::Stopped);
            }
            let now = self.wish.clock.now();
            if now >= until {
                return Ok(());
            }
            self.wish.clock.sleep(SLICE.min(until - now));
        }
    }
}
