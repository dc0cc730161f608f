//! The process-wide sender latch (`altibase.md` 9): one verb at a time, monitoring waits behind it.
//!
//! It decides only whose turn it is. Waiting is first come, first served and cannot be interrupted.

use std::collections::VecDeque;

use super::sessions::SessionId;

/// How the latch is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// For a look; held no longer than one call.
    Shared,
    /// For a verb; held until it says so.
    Exclusive,
}

/// The latch.
#[derive(Debug, Default)]
pub(crate) struct Latch {
    holder: Option<SessionId>,
    queue: VecDeque<SessionId>,
}

impl Latch {
    /// Takes the latch, or stands in line; whoever stands in line asks again after [`Latch::next`] named them.
    pub(crate) fn take(&mut self, who: SessionId, mode: Mode) -> bool {
        let first = self.queue.front().is_none_or(|q| *q == who);
        let free = self.holder.is_none_or(|h| h == who);
        if !(first && free) {
            if !self.queue.contains(&who) {
                self.queue.push_back(who);
            }
            return false;
        }
        self.queue.retain(|q| *q != who);
        match mode {
            Mode::Shared => {}
            Mode::Exclusive => self.holder = Some(who),
        }
        true
    }

    /// Gives the latch back, if it is theirs, and leaves the line.
    pub(crate) fn leave(&mut self, who: SessionId) {
        if self.holder == Some(who) {
            self.holder = None;
        }
        self.queue.retain(|q| *q != who);
    }

    /// Who has it.
    pub(crate) fn holder(&self) -> Option<SessionId> {
        self.holder
    }

    /// Who may take it now.
    pub(crate) fn next(&self) -> Option<SessionId> {
        if self.holder.is_some() { None } else { self.queue.front().copied() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_come_first_served() {
        let mut latch = Latch::default();
        assert!(latch.take(1, Mode::Exclusive));
        assert!(latch.take(1, Mode::Exclusive), "who holds it has it");
        assert!(!latch.take(2, Mode::Shared));
        assert!(!latch.take(3, Mode::Exclusive));
        assert_eq!(latch.next(), None);
        latch.leave(1);
        assert_eq!(latch.next(), Some(2));
        assert!(!latch.take(3, Mode::Exclusive), "not before its turn");
        assert!(latch.take(2, Mode::Shared));
        assert_eq!(latch.next(), Some(3));
        latch.leave(3);
        assert_eq!(latch.next(), None);
        assert!(latch.take(4, Mode::Exclusive));
    }
}
