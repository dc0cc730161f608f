//! SYNC at its target (`measured.md` 3, recording `sync`, transcripts `7.2_08_syncflush` and `2018_x_03_sync_loss`).
//!
//! Rows go in as one bulk insert per table and commit. It decides what a row does whose key exists: before the first
//! row that went in, it is passed over; after that, 2018 throws away the rows of this bulk so far and goes on, silently,
//! and 7.2 fails the whole SYNC. No counter moves.

use super::{
    Server,
    apply::Progress,
    message::Message,
    receiver::{Receiver, Work},
};
use crate::{
    data::{Incoming, OnConflict, Origin, Policy, Stop, TxId},
    value::Row,
};

/// The bulk insert under way.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    /// Its transaction.
    pub(crate) tx: Option<TxId>,
    /// Rows that went in.
    pub(crate) inserted: u64,
    /// 7.2: a key was in the way; nothing more is taken.
    pub(crate) failed: bool,
}

impl Server {
    pub(super) fn take_rows(
        &mut self,
        name: &str,
        receiver: &mut Receiver,
        item: usize,
        rows: Vec<Row>,
        mut done: usize,
    ) -> Progress {
        let policy = self.policy(name);
        let per_commit = self.core.properties.get("REPLICATION_SYNC_TUPLE_COUNT").max(1);
        while let Some(row) = rows.get(done) {
            if !receiver.intake.failed && !self.take_row(receiver, item, row, policy) {
                return Progress::Blocked(Work::Rows { item, rows, done });
            }
            receiver.blocked_until = None;
            done += 1;
            if receiver.intake.inserted >= per_commit {
                self.end_item(receiver);
            }
        }
        let taken = rows.len() as u64;
        self.core.send(receiver.link, &Message::SyncAck { rows: taken });
        if let Some(pace) = self.core.config.copy_pace.or(self.core.config.pace.copy_rows()) {
            receiver.busy_until = Some(self.core.now + taken * 1_000_000 / u64::from(pace.get()));
        }
        Progress::Done
    }

    /// Whether the row is behind us.
    fn take_row(&mut self, receiver: &mut Receiver, item: usize, row: &Row, policy: Policy) -> bool {
        let Some(Some(target)) = receiver.targets.get(item) else { return true };
        let (table, row) = (target.table, target.row(row));
        let tx = *receiver.intake.tx.get_or_insert_with(|| self.db.begin(Origin::Replication));
        let result = match policy.insert {
            OnConflict::Keep => self.db.insert(tx, table, row),
            OnConflict::Replace => {
                use crate::data::Applied;
                match self.db.apply(tx, table, Incoming::Insert(row), policy) {
                    Applied::Blocked(by) => Err(Stop::Blocked(by)),
                    Applied::Done | Applied::Replaced | Applied::Conflict => Ok(()),
                }
            }
        };
        match result {
            Ok(()) => receiver.intake.inserted += 1,
            Err(Stop::Blocked(_) | Stop::Wait) => {
                if !self.lock_wait_over(receiver) {
                    return false;
                }
                self.db.stop_waiting(tx);
                self.in_the_way(receiver);
            }
            Err(Stop::Error(_)) => self.in_the_way(receiver),
        }
        true
    }

    /// A row could not go in.
    fn in_the_way(&mut self, receiver: &mut Receiver) {
        if receiver.intake.inserted == 0 {
            return;
        }
        if let Some(tx) = receiver.intake.tx.take() {
            self.db.rollback(tx);
        }
        receiver.intake.inserted = 0;
        receiver.intake.failed = !self.core.is_2018();
    }

    /// Commits what went in so far.
    pub(super) fn end_item(&mut self, receiver: &mut Receiver) {
        if let Some(tx) = receiver.intake.tx.take() {
            self.db.commit(tx);
        }
        receiver.intake.inserted = 0;
    }
}
