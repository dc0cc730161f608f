//! FLUSH (`altibase.md` 3.13, `measured.md` 5, recordings `lifecycle`, `peer-down`).
//!
//! It decides when a FLUSH is over: the peer confirmed everything, or the time or the sender is gone. How the peer comes
//! to confirm is in `confirm`.

use super::{
    Server, errors,
    execute::Flow,
    sender::{Beat, Phase, Sender},
    sessions::{FlushTarget, SessionId, Wait},
};
use crate::sql::{
    SqlError,
    statement::{Flush, FlushUntil},
};

impl Server {
    pub(super) fn flush(&mut self, id: SessionId, name: &str, flush: Flush) -> Result<Flow, SqlError> {
        self.defined(name)?;
        let target = match flush.until {
            FlushUntil::Issued => FlushTarget::Sn(self.db.last_sn().0),
            FlushUntil::NoGap => FlushTarget::NoGap,
            FlushUntil::XLogFile => return Err(errors::flush_xlogfile()),
        };
        if self.core.properties.get("REPLICATION_PORT_NO") == 0 {
            return Err(errors::disabled());
        }
        if !self.core.latch.take(id, super::latch::Mode::Shared) {
            return Ok(Flow::Wait(Wait::Latch));
        }
        let sender = self.core.senders.get(name).ok_or_else(errors::not_started)?;
        if sender.phase == Phase::Stopping || sender.ending {
            return Err(errors::not_started());
        }
        if flush.wait_s == Some(0) {
            return Err(errors::flush_timeout());
        }
        if self.is_flushed(sender, target) {
            return Ok(Flow::done());
        }
        let deadline = flush.wait_s.map(|s| self.core.now.saturating_add(s.saturating_mul(1_000_000)));
        self.wake(name);
        self.set_wait(id, Wait::Flush { name: name.to_owned(), until: target, deadline });
        self.ask_to_confirm(name);
        Ok(Flow::Wait(Wait::Flush { name: name.to_owned(), until: target, deadline }))
    }

    fn is_flushed(&self, sender: &Sender, target: FlushTarget) -> bool {
        let wanted = match target {
            FlushTarget::Sn(sn) => sn,
            FlushTarget::NoGap => self.db.last_sn().0,
        };
        // A FLUSH right after a START waits for the first answer of the peer (`measured.md` 8).
        let answered = matches!(sender.beat, Beat::Next(_)) || !self.core.is_real_time();
        sender.phase == Phase::Running && answered && sender.acked >= wanted
    }

    /// Whether a FLUSH waits for that sender: it does not sleep long then.
    pub(super) fn flush_waits(&self, name: &str) -> bool {
        let hit = |w: &Wait| matches!(w, Wait::Flush { name: n, .. } if n == name);
        !self.core.sessions.waiting(hit).is_empty()
    }

    /// Answers what is over; whether anything was.
    pub(super) fn check_flushes(&mut self) -> bool {
        let mut moved = false;
        for id in self.core.sessions.waiting(|w| matches!(w, Wait::Flush { .. })) {
            let wait = self.core.sessions.get(id).and_then(|s| s.running.as_ref()).and_then(|r| r.wait.clone());
            let Some(Wait::Flush { name, until, .. }) = wait else { continue };
            let result = match self.core.senders.get(&name) {
                None => Err(errors::not_started()),
                Some(sender) if self.is_flushed(sender, until) => Ok(()),
                Some(_) => continue,
            };
            self.complete(id, result);
            moved = true;
        }
        moved
    }
}
