//! Table locks, who waits for whom, and deadlocks.
//!
//! Decides whether a lock is granted. Waiting itself happens outside.

use super::{
    Database,
    event::{LockMode, Queue, Stop},
    ids::{TableId, TxId},
};
use crate::sql::SqlError;

impl LockMode {
    /// Whether two transactions may hold these at once.
    fn goes_with(self, other: Self) -> bool {
        use LockMode::{Exclusive, IntentExclusive, IntentShare, Share, ShareIntentExclusive};
        match (self, other) {
            (Exclusive, _) | (_, Exclusive) => false,
            (IntentShare, _) | (_, IntentShare) | (IntentExclusive, IntentExclusive) | (Share, Share) => true,
            (IntentExclusive | Share | ShareIntentExclusive, IntentExclusive | Share | ShareIntentExclusive) => false,
        }
    }

    /// The weakest mode that covers both.
    fn with(self, other: Self) -> Self {
        use LockMode::{IntentExclusive, Share, ShareIntentExclusive};
        match (self.min(other), self.max(other)) {
            (IntentExclusive, Share) => ShareIntentExclusive,
            (_, stronger) => stronger,
        }
    }
}

/// Locks on whole tables.
impl Database {
    /// Takes a lock, held until the transaction ends. A stronger one replaces a weaker one.
    ///
    /// # Errors
    /// `Blocked`, or 11041 when waiting would close a circle.
    pub fn lock_table(&mut self, tx: TxId, table: TableId, mode: LockMode, queue: Queue) -> Result<(), Stop> {
        let heap = &mut self.entry_mut(table).heap;
        let held = heap.locks.iter().position(|(t, _)| *t == tx);
        let wanted = held.map_or(mode, |i| heap.locks[i].1.with(mode));
        if held.is_some_and(|i| heap.locks[i].1 == wanted) {
            return Ok(());
        }
        let mut blockers: Vec<TxId> =
            heap.locks.iter().filter(|(t, m)| *t != tx && !m.goes_with(wanted)).map(|(t, _)| *t).collect();
        if blockers.is_empty() && held.is_none() {
            // Who holds a lock already must not wait behind one that waits for it.
            let ahead = heap.queue.iter().take_while(|(t, _)| *t != tx);
            blockers = ahead.filter(|(_, m)| !m.goes_with(wanted)).map(|(t, _)| *t).collect();
        }
        if let Some(&first) = blockers.first() {
            return match queue {
                Queue::Try => Err(Stop::Blocked(first)),
                Queue::Join => {
                    match heap.queue.iter_mut().find(|(t, _)| *t == tx) {
                        Some(entry) => entry.1 = wanted,
                        None => heap.queue.push((tx, wanted)),
                    }
                    Err(self.blocked_by(tx, blockers))
                }
            };
        }
        match held {
            Some(i) => heap.locks[i].1 = wanted,
            None => heap.locks.push((tx, wanted)),
        }
        heap.queue.retain(|(t, _)| *t != tx);
        let own = self.tx_mut(tx);
        own.waits.clear();
        if held.is_none() {
            own.locks.push(table);
        }
        Ok(())
    }

    /// What INSERT, UPDATE and DELETE take first.
    pub(super) fn lock_for_change(&mut self, tx: TxId, table: TableId) -> Result<(), Stop> {
        match self.lock_table(tx, table, LockMode::IntentExclusive, Queue::Try) {
            Err(Stop::Blocked(other)) => Err(self.blocked_by(tx, vec![other])),
            other => other,
        }
    }

    /// The transaction waits no more (its statement was given up): it leaves all queues.
    pub fn stop_waiting(&mut self, tx: TxId) {
        if let Some(open) = self.txs.get_mut(&tx) {
            open.waits.clear();
        }
        for entry in self.tables.values_mut() {
            let before = entry.heap.queue.len();
            entry.heap.queue.retain(|(t, _)| *t != tx);
            self.releases += u64::from(entry.heap.queue.len() != before);
        }
    }

    /// Notes that `tx` waits for these, unless that closes a circle.
    pub(super) fn blocked_by(&mut self, tx: TxId, blockers: Vec<TxId>) -> Stop {
        let first = blockers[0];
        let mut todo = blockers.clone();
        let mut seen = Vec::new();
        while let Some(next) = todo.pop() {
            if next == tx {
                self.stop_waiting(tx);
                return SqlError::deadlock().into();
            }
            if !seen.contains(&next) {
                seen.push(next);
                todo.extend(self.txs.get(&next).into_iter().flat_map(|t| &t.waits));
            }
        }
        self.tx_mut(tx).waits = blockers;
        Stop::Blocked(first)
    }

    /// Whether a change of layout can have the table for itself now.
    pub(super) fn alone(&self, table: TableId) -> Result<(), Stop> {
        let heap = &self.entry(table).heap;
        heap.locks.first().map_or(Ok(()), |(tx, _)| Err(Stop::Blocked(*tx)))
    }
}

#[cfg(test)]
mod tests {
    use super::LockMode::{self, Exclusive, IntentExclusive, IntentShare, Share, ShareIntentExclusive};

    #[test]
    fn modes() {
        let all = [IntentShare, IntentExclusive, Share, ShareIntentExclusive, Exclusive];
        let goes = |a: LockMode| all.map(|b| a.goes_with(b));
        assert_eq!(goes(IntentShare), [true, true, true, true, false]);
        assert_eq!(goes(IntentExclusive), [true, true, false, false, false]);
        assert_eq!(goes(Share), [true, false, true, false, false]);
        assert_eq!(goes(ShareIntentExclusive), [true, false, false, false, false]);
        assert_eq!(goes(Exclusive), [false; 5]);
        assert_eq!(IntentExclusive.with(Share), ShareIntentExclusive);
        assert_eq!(Share.with(IntentShare), Share);
        assert_eq!(Exclusive.with(Share), Exclusive);
    }
}
