//! Where the seconds of a real server go (`measured.md` 5, 8 and 9.1).
//!
//! It decides when a verb that has done its work is answered, and how long the sender latch is kept meanwhile. What a
//! verb does is decided elsewhere, and nothing here happens at [`Pace::Fast`].

use super::{
    Core, Server,
    execute::Flow,
    sessions::{SessionId, Wait},
};
use crate::{io::Micros, pace::Pace, sql::SqlError};

/// START and START RETRY keep the latch that long before their sender dials: six START RETRY took 0.09 s.
pub(super) const BEGIN: Micros = 15_000;
/// START looks for the first time that long after its sender dialled,
const FIRST_LOOK: Micros = 10_000;
/// and then again and again with this sleep between.
const LOOK_EVERY: Micros = 1_000_000;
/// A handshake takes from 5 ms up to this much more, so that one in six is done before the first look.
const HANDSHAKE: (Micros, Micros) = (5_000, 30_000);
/// STOP, all of it under the latch: six took 5.8 to 5.95 s.
const STOP: Micros = 970_000;
/// STOP of a sender that never reached its peer.
const STOP_UNREACHED: Micros = 2_800_000;
/// Views of senders wait only for the last part of a STOP, V$REPGAP not at all.
const STOP_HIDES: Micros = 330_000;

/// How a STOP found its sender.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    Once,
    Never,
}

impl Core {
    pub(super) fn is_real_time(&self) -> bool {
        self.config.pace == Pace::Real
    }

    /// A number that differs between names and moments, and is the same in every run under the same clock.
    fn spread(&self, name: &str) -> u64 {
        let mixed = name.bytes().fold(self.now, |n, b| (n ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        mixed >> 20
    }
}

impl Server {
    /// When the statement of a session got the latch.
    fn acted(&self, id: SessionId) -> Option<Micros> {
        self.core.sessions.get(id).and_then(|s| s.running.as_ref()).and_then(|r| r.acted)
    }

    /// The statement is done; the answer leaves at `until`.
    fn answer_at(&mut self, id: SessionId, until: Micros, outcome: Result<(), SqlError>) {
        if until <= self.core.now {
            self.complete(id, outcome);
        } else {
            self.set_wait(id, Wait::Paced { until, outcome });
        }
    }

    /// The handshake that a START waited for is over: START sees it at its next look.
    pub(super) fn answer_start(&mut self, id: SessionId, name: &str, outcome: Result<(), SqlError>) {
        let of_handshake = |w: &Wait| matches!(w, Wait::Handshake(_));
        let waits = self.core.sessions.get(id).and_then(|s| s.running.as_ref()).and_then(|r| r.wait.as_ref());
        // A refusal is answered at once.
        if !self.core.is_real_time() || !waits.is_some_and(of_handshake) || outcome.is_err() {
            return self.complete(id, outcome);
        }
        let done = self.core.now + HANDSHAKE.0 + self.core.spread(name) % HANDSHAKE.1;
        let first = self.acted(id).unwrap_or(self.core.now) + BEGIN + FIRST_LOOK;
        let looks = done.saturating_sub(first).div_ceil(LOOK_EVERY);
        self.core.latch.leave(id);
        self.answer_at(id, first + looks * LOOK_EVERY, outcome);
    }

    /// When a STOP is answered whose sender has ended.
    fn stop_over(&self, id: SessionId, reached: Reached) -> Micros {
        let takes = match (self.core.config.pace, reached) {
            (Pace::Fast, Reached::Once | Reached::Never) => 0,
            (Pace::Real, Reached::Once) => STOP,
            (Pace::Real, Reached::Never) => STOP_UNREACHED,
        };
        self.acted(id).unwrap_or(self.core.now) + takes
    }

    /// The sender that a STOP waited for has ended; the latch is kept until the answer.
    pub(super) fn answer_stop(&mut self, id: SessionId, reached: Reached) {
        let until = self.stop_over(id, reached);
        self.answer_at(id, until, Ok(()));
    }

    /// The same for a STOP that had nothing to wait for.
    pub(super) fn stopped(&self, id: SessionId, reached: Reached) -> Flow {
        self.done_at(self.stop_over(id, reached))
    }

    /// START RETRY keeps the latch until its sender dials.
    pub(super) fn begun(&self) -> Flow {
        match self.core.config.pace {
            Pace::Fast => Flow::done(),
            Pace::Real => self.done_at(self.core.now + BEGIN),
        }
    }

    pub(super) fn done_at(&self, until: Micros) -> Flow {
        if until <= self.core.now { Flow::done() } else { Flow::Wait(Wait::Paced { until, outcome: Ok(()) }) }
    }

    /// Whether a view may be built although somebody has the latch: V$REPGAP during a STOP, the others during the part
    /// of it that does not hide them.
    pub(super) fn sees_past_stop(&self, view: &str) -> bool {
        let holder = self.core.latch.holder().and_then(|id| self.core.sessions.get(id));
        let Some(running) = holder.and_then(|s| s.running.as_ref()) else { return false };
        match &running.wait {
            Some(Wait::End(_)) => view == "V$REPGAP",
            Some(Wait::Paced { until, .. }) => view == "V$REPGAP" || *until > self.core.now + STOP_HIDES,
            Some(
                Wait::Lock
                | Wait::UserLock
                | Wait::Latch
                | Wait::Handshake(_)
                | Wait::Copy(_)
                | Wait::Flush { .. }
                | Wait::Eager { .. }
                | Wait::Connected(_),
            )
            | None => false,
        }
    }
}
