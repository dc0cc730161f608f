//! What a peer has confirmed, and how a sender asks for it.
//!
//! Every change counts as this server's log, also one that came from a peer and is not sent on: a sender has to pass it
//! and its peer to confirm that, and then FLUSH ALL is over only if nothing was logged in between (`measured.md` 8: with
//! 441 received changes a second it never is). It decides when a sender asks; the stream of changes is in `stream`.

use super::{
    Server,
    message::Message,
    sender::{Beat, Phase, Sender},
};
use crate::{io::Micros, pace::Pace};

/// From the question to the peer's answer: what a receiver needs to get to it.
pub(super) const TURNAROUND: Micros = 3_000;
/// At the measured pace every sender asks once in that time, each at moments of its own.
const BEAT: Micros = 5_000_000;
/// At the measured pace a receiver confirms changes after so many of them; otherwise only when it is asked.
pub(super) const CONFIRM_EVERY: usize = 100;

/// How long nothing must be logged until a sender asks by itself.
fn quiet(pace: Pace) -> Micros {
    match pace {
        Pace::Fast => 20_000,
        Pace::Real => 50_000,
    }
}

/// The first moment after `now` at which this sender asks.
pub(super) fn next_beat(now: Micros, name: &str) -> Micros {
    let phase = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |n, b| (n ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    let phase = (phase >> 16) % BEAT;
    now - (now + BEAT - phase) % BEAT + BEAT
}

impl Sender {
    /// Whether the sender passed something that the peer has not confirmed.
    fn is_unconfirmed(&self) -> bool {
        self.cursor > self.acked + 1
    }

    /// When the sender asks next by itself, at this pace; `None` for never.
    pub(super) fn asks_at(&self, pace: Pace) -> Option<Micros> {
        if self.phase != Phase::Running || self.asked.is_some() {
            return None;
        }
        let quiet = (self.is_unconfirmed() && self.in_flight.is_empty()).then(|| self.moved_at + quiet(pace));
        match pace {
            Pace::Fast => quiet,
            Pace::Real => {
                let unconfirmed = self.is_unconfirmed();
                match self.beat {
                    Beat::First(at) => Some(at),
                    Beat::Next(at) => quiet.into_iter().chain(unconfirmed.then_some(at)).min(),
                }
            }
        }
    }
}

impl Server {
    /// Asks the peer to confirm what was passed, when the time has come or a FLUSH waits for it.
    pub(super) fn ask_to_confirm(&mut self, name: &str) {
        let (now, pace) = (self.core.now, self.core.config.pace);
        let waits = match pace {
            Pace::Fast => self.flush_waits(name),
            Pace::Real => false,
        };
        let Some(sender) = self.core.senders.get_mut(name) else { return };
        let wanted = waits && sender.phase == Phase::Running && sender.asked.is_none() && sender.is_unconfirmed();
        let due = sender.asks_at(pace).is_some_and(|at| at <= now);
        let Some(link) = sender.link.filter(|_| (wanted && sender.in_flight.is_empty()) || due) else { return };
        match sender.beat {
            Beat::First(at) | Beat::Next(at) if at <= now => sender.beat = Beat::Next(next_beat(now, name)),
            Beat::First(_) | Beat::Next(_) => {}
        }
        sender.passed = sender.cursor;
        let upto = sender.cursor - 1;
        sender.asked = Some(upto);
        self.core.send(link, &Message::Confirm { upto });
    }

    /// The peer confirmed.
    pub(super) fn confirmed(&mut self, name: &str, upto: u64) {
        if let Some(sender) = self.core.senders.get_mut(name) {
            sender.acknowledge(upto);
        }
        self.refresh_xsn(name);
        self.ask_to_confirm(name);
    }
}

#[test]
fn beats_of_a_sender_are_five_seconds_apart() {
    for name in ["AKU_REP_01", "R"] {
        let first = next_beat(1_000_000_000_000, name);
        assert!(first > 1_000_000_000_000 && first <= 1_000_005_000_000, "{first}");
        assert_eq!(next_beat(first, name), first + BEAT);
        assert_eq!(next_beat(first - 1, name), first);
    }
}
