//! Whether one action may go on. Every wait of the engine goes through here, so that none outlives a signal.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    clock::Clock,
    stop::{StopFlag, StopLevel},
    trouble::Trouble,
};
use crate::plan::{Action, Op, RunWhen};

/// Longest sleep between two looks at the flag.
const SLICE: Duration = Duration::from_millis(50);

/// Level of a whole run: the flag, or the deadline, whichever is stronger.
pub(super) fn level(stop: &StopFlag, deadline: Option<Instant>, now: Instant) -> StopLevel {
    let late = deadline.is_some_and(|d| now >= d);
    stop.level().max(if late { StopLevel::Finish } else { StopLevel::Go })
}

/// The level at which a running action is cancelled. Waits and copies can be repeated, so they go at once; a statement
/// that changes a state is let finish; what puts things back is only given up in an abort.
pub(super) fn yields_at(action: &Action) -> StopLevel {
    match action.run {
        RunWhen::Always { .. } | RunWhen::Undo { .. } => return StopLevel::Abort,
        RunWhen::Normal => {}
    }
    match action.op {
        Op::Sync { .. }
        | Op::SyncTables { .. }
        | Op::Flush { .. }
        | Op::Drain { .. }
        | Op::Delay { .. }
        | Op::CheckQuiet { .. }
        | Op::CheckContents { .. }
        | Op::CheckNoGap { .. } => StopLevel::Finish,
        Op::CreateReplication { .. }
        | Op::DropReplication { .. }
        | Op::AddTable { .. }
        | Op::DropTable { .. }
        | Op::ChangeHost { .. }
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
        | Op::RemoveMarker => StopLevel::Abort,
    }
}

/// One action's view of the wish to stop.
#[derive(Clone)]
pub(super) struct Control {
    pub stop: StopFlag,
    pub deadline: Option<Instant>,
    pub clock: Arc<dyn Clock>,
    pub yields_at: StopLevel,
}

impl Control {
    pub fn level(&self) -> StopLevel {
        level(&self.stop, self.deadline, self.clock.now())
    }

    /// Whether this action is to end now.
    pub fn stopped(&self) -> bool {
        self.level() >= self.yields_at
    }

    /// Waits, or ends the action.
    pub fn pause(&self, d: Duration) -> Result<(), Trouble> {
        let until = self.clock.now() + d;
        loop {
            if self.stopped() {
                return Err(Trouble::Stopped);
            }
            let now = self.clock.now();
            if now >= until {
                return Ok(());
            }
            self.clock.sleep(SLICE.min(until - now));
        }
    }
}
