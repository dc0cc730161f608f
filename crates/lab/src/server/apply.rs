//! A peer's changes meet the rows of this server (recordings `conflicts`, `roles`; `measured.md` 1).
//!
//! It decides who wins a conflict and what counts as a failure: a conflict that changed nothing, and a change whose lock
//! was not had within REPLICATION_LOCK_TIMEOUT, which is skipped.

use super::{
    Server,
    confirm::CONFIRM_EVERY,
    message::{Batch, Message, Op, OpKind},
    object::Replication,
    receiver::{Counter, OpenTx, Receiver, Work},
};
use crate::data::{Applied, ColumnChange, Incoming, OnConflict, Origin, Policy, Stamps, TableId, TxId};

/// How far a piece of work got.
pub(super) enum Progress {
    /// To its end.
    Done,
    /// A lock is not to be had; this is left.
    Blocked(Work),
    /// The receiver ends with it.
    Ended,
}

impl Server {
    /// Conflict rules of a replication's receiver.
    pub(super) fn policy(&self, name: &str) -> Policy {
        match self.core.objects.get(name).map_or(0, |o| o.conflict) {
            // We are the slave: the master's rows win. We are the master: ours stay.
            2 => Policy::REPLACE,
            1 => Policy::KEEP,
            _ => {
                let on = |property| {
                    if self.core.properties.is_on(property) { OnConflict::Replace } else { OnConflict::Keep }
                };
                let compared = self.core.properties.is_on("REPLICATION_TIMESTAMP_RESOLUTION");
                let stamps = if compared { Stamps::Decide } else { Stamps::Ignored };
                let (insert, update) = (on("REPLICATION_INSERT_REPLACE"), on("REPLICATION_UPDATE_REPLACE"));
                Policy { insert, update, stamps }
            }
        }
    }

    /// A lock is in the way: begins or continues the wait, or says that it is over.
    pub(super) fn lock_wait_over(&self, receiver: &mut Receiver) -> bool {
        let limit = self.core.properties.seconds("REPLICATION_LOCK_TIMEOUT");
        let until = *receiver.blocked_until.get_or_insert(self.core.now + limit);
        until <= self.core.now
    }

    pub(super) fn apply_batch(
        &mut self,
        name: &str,
        receiver: &mut Receiver,
        batch: Batch,
        mut done: usize,
    ) -> Progress {
        let policy = self.policy(name);
        while let Some(op) = batch.ops.get(done) {
            if !self.apply_op(receiver, op, policy) {
                return Progress::Blocked(Work::Changes { batch, done });
            }
            receiver.blocked_until = None;
            done += 1;
        }
        self.note_processed(name, receiver, batch.upto);
        receiver.unconfirmed += batch.ops.len();
        if receiver.unconfirmed >= CONFIRM_EVERY || self.confirms_at_once(name) {
            receiver.unconfirmed = 0;
            let refused = std::mem::take(&mut receiver.refused);
            self.core.send(receiver.link, &Message::Ack { upto: batch.upto, refused });
        }
        Progress::Done
    }

    /// 7.2 leaves its sender waiting for up to 6 s (`measured.md` 5), unless commits wait for it.
    fn confirms_at_once(&self, name: &str) -> bool {
        let eager = self.core.objects.get(name).is_some_and(Replication::is_eager);
        !self.core.is_real_time() || self.core.is_2018() || eager
    }

    /// Whether the change is behind us: applied, refused or given up.
    fn apply_op(&mut self, receiver: &mut Receiver, op: &Op, policy: Policy) -> bool {
        match &op.kind {
            OpKind::Insert { item, row } => {
                let Some(Some(target)) = receiver.targets.get(*item) else { return true };
                let (table, change) = (target.table, Incoming::Insert(target.row(row)));
                self.apply_change(receiver, op, table, change, policy)
            }
            OpKind::Update { item, key, columns } => {
                let Some(Some(target)) = receiver.targets.get(*item) else { return true };
                let columns = columns
                    .iter()
                    .filter_map(|(theirs, before, after)| {
                        let column = target.columns.get(*theirs).copied().flatten()?;
                        Some(ColumnChange { column, before: before.clone(), after: after.clone() })
                    })
                    .collect();
                let (table, change) = (target.table, Incoming::Update { key: key.clone(), columns });
                self.apply_change(receiver, op, table, change, policy)
            }
            OpKind::Delete { item, key } => {
                let Some(Some(target)) = receiver.targets.get(*item) else { return true };
                let (table, change) = (target.table, Incoming::Delete { key: key.clone() });
                self.apply_change(receiver, op, table, change, policy)
            }
            OpKind::UndoTo(sn) => {
                if let Some(open) = receiver.open.get_mut(&op.tx)
                    && let Some(at) = open.marks.iter().position(|(mark, _)| mark > sn)
                {
                    self.db.rollback_to(open.tx, open.marks[at].1);
                    open.marks.truncate(at);
                }
                true
            }
            OpKind::Commit => {
                if let Some(open) = receiver.open.remove(&op.tx) {
                    self.db.commit(open.tx);
                    if open.skipped {
                        receiver.refused.push(op.sn);
                    }
                }
                receiver.applied = receiver.applied.max(op.sn);
                true
            }
            OpKind::Rollback => {
                if let Some(open) = receiver.open.remove(&op.tx) {
                    self.db.rollback(open.tx);
                }
                true
            }
        }
    }

    /// The local transaction of a sender's; marks the point before its next change.
    fn local_tx(&mut self, receiver: &mut Receiver, op: &Op) -> TxId {
        let open = receiver.open.entry(op.tx).or_insert_with(|| OpenTx {
            tx: self.db.begin(Origin::Replication),
            marks: Vec::new(),
            skipped: false,
        });
        if open.marks.last().is_none_or(|(sn, _)| *sn != op.sn) {
            open.marks.push((op.sn, self.db.savepoint(open.tx)));
        }
        open.tx
    }

    fn apply_change(
        &mut self,
        receiver: &mut Receiver,
        op: &Op,
        table: TableId,
        change: Incoming,
        policy: Policy,
    ) -> bool {
        let kind = counter(&change);
        let tx = self.local_tx(receiver, op);
        match self.db.apply(tx, table, change, policy) {
            Applied::Done | Applied::Replaced => kind(receiver).success += 1,
            Applied::Conflict => {
                kind(receiver).failure += 1;
                receiver.skips(op.tx);
            }
            Applied::Blocked(_) => {
                if !self.lock_wait_over(receiver) {
                    return false;
                }
                self.db.stop_waiting(tx);
                kind(receiver).failure += 1;
                receiver.skips(op.tx);
            }
        }
        true
    }
}

impl Receiver {
    /// A change of that transaction was not taken in.
    fn skips(&mut self, tx: u64) {
        if let Some(open) = self.open.get_mut(&tx) {
            open.skipped = true;
        }
    }
}

/// The counter that a change belongs to.
fn counter(change: &Incoming) -> fn(&mut Receiver) -> &mut Counter {
    match change {
        Incoming::Insert(_) => |r| &mut r.inserts,
        Incoming::Update { .. } => |r| &mut r.updates,
        Incoming::Delete { .. } => |r| &mut r.deletes,
    }
}
