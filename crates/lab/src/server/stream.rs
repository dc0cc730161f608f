//! The stream of changes: from the log to the link, as they happen.
//!
//! It decides what a sender ships: changes that clients made to its items, with their transactions, beginning with its
//! SN. Records before that SN are not sent even when their transaction ends later (`measured.md` 1: why a pin needs a
//! drain). What a receiver applied is never forwarded.

use super::{
    Server, errors,
    message::{Batch, Message, Op, OpKind},
    sender::{EagerState, ItemMap, Phase, Sender},
};
use crate::{
    data::{Database, Event, Key, LogRecord, Origin, Sn, TableId},
    io::Micros,
    value::{Datum, Row},
};

/// Batches under way at most; more changes gather while these are.
const WINDOW: usize = 8;
/// The same where the peer confirms only now and then.
const REAL_WINDOW: usize = 4 * super::confirm::CONFIRM_EVERY;
/// Changes of one batch at most.
const BATCH_OPS: usize = 2_000;
/// Log records read for one batch at most.
const BATCH_RECORDS: usize = 20_000;
/// How often a moving position is written to the catalog (`altibase.md` 1.1: it lags behind).
const SAVE_EVERY: Micros = 1_000_000;

/// A key of a row; item tables have primary keys, so `None` only when one was dropped meanwhile.
fn key(db: &Database, table: TableId, row: &Row) -> Option<Key> {
    db.find_table_by_id(table)?.key_of(row)
}

/// Positions and values of the columns that an UPDATE changed.
fn changed(before: &Row, after: &Row) -> Vec<(usize, Datum, Datum)> {
    let pairs = before.iter().zip(after.iter()).enumerate();
    pairs.filter(|(_, (b, a))| b != a).map(|(i, (b, a))| (i, b.clone(), a.clone())).collect()
}

/// The change as the peer gets it; `None` when it is not for this sender.
fn change(db: &Database, items: &ItemMap, record: &LogRecord) -> Option<OpKind> {
    match &record.event {
        Event::Insert { table, partition, row } => {
            let item = items.find(*table, *partition, record.sn.0)?;
            Some(OpKind::Insert { item, row: row.clone() })
        }
        Event::Update { table, partition, before, after } => {
            let item = items.find(*table, *partition, record.sn.0)?;
            Some(OpKind::Update { item, key: key(db, *table, before)?, columns: changed(before, after) })
        }
        Event::Delete { table, partition, before } => {
            let item = items.find(*table, *partition, record.sn.0)?;
            Some(OpKind::Delete { item, key: key(db, *table, before)? })
        }
        Event::UndoTo(_) | Event::Commit | Event::Rollback | Event::Ddl { .. } => None,
    }
}

impl Sender {
    /// Takes one record into the batch.
    fn take(&mut self, db: &Database, record: &LogRecord, ops: &mut Vec<Op>) {
        self.read_count += 1;
        self.cursor = record.sn.0 + 1;
        if record.origin != Origin::Client || self.skip.contains(&record.tx) {
            return;
        }
        let sn = record.sn.0;
        if sn <= self.skip_to && !self.open.contains_key(&record.tx) {
            self.skip.insert(record.tx);
            return;
        }
        let kind = match &record.event {
            Event::Insert { .. } | Event::Update { .. } | Event::Delete { .. } => {
                let Some(kind) = change(db, &self.items, record) else { return };
                self.open.entry(record.tx).or_insert(sn);
                kind
            }
            Event::UndoTo(to) => {
                if !self.open.contains_key(&record.tx) {
                    return;
                }
                OpKind::UndoTo(to.0)
            }
            Event::Commit => {
                let Some(begin) = self.open.remove(&record.tx) else { return };
                self.unacked.push_back((sn, begin));
                self.commit_xsn = sn;
                OpKind::Commit
            }
            Event::Rollback => {
                if self.open.remove(&record.tx).is_none() {
                    return;
                }
                OpKind::Rollback
            }
            Event::Ddl { .. } => return,
        };
        ops.push(Op { sn, tx: record.tx.0, kind });
    }
}

impl Server {
    /// Ships what is in the log; whether anything moved.
    pub(super) fn pump_senders(&mut self) -> bool {
        let names: Vec<_> = self
            .core
            .senders
            .values()
            .filter(|s| match s.phase {
                Phase::Running => s.cursor <= self.db.last_sn().0 || s.eager == EagerState::Failback,
                Phase::Copying => s.sync.is_some(),
                Phase::Preparing { .. }
                | Phase::Dialling
                | Phase::Greeting { .. }
                | Phase::Sleeping { .. }
                | Phase::Locking { .. }
                | Phase::Stopping => false,
            })
            .map(|s| s.name.clone())
            .collect();
        let mut moved = false;
        for name in names {
            moved |= match self.core.senders.get(&name).map(|s| s.phase) {
                Some(Phase::Running) => self.pump(&name),
                Some(Phase::Copying) => self.pump_copy(&name),
                _ => false,
            };
        }
        self.release_eager();
        moved
    }

    fn pump(&mut self, name: &str) -> bool {
        let now = self.core.now;
        let last = self.db.last_sn().0;
        let window = if self.core.is_real_time() { REAL_WINDOW } else { WINDOW };
        let Some(sender) = self.core.senders.get_mut(name) else { return false };
        let Some(link) = sender.link else { return false };
        let mut moved = false;
        let mut messages = Vec::new();
        while sender.cursor <= last && sender.in_flight.len() < window {
            let mut ops = Vec::new();
            let mut read = 0;
            for record in self.db.log_from(Sn(sender.cursor)) {
                sender.take(&self.db, record, &mut ops);
                read += 1;
                if ops.len() >= BATCH_OPS || read >= BATCH_RECORDS {
                    break;
                }
            }
            if read < BATCH_RECORDS && ops.len() < BATCH_OPS {
                // SNs without a record were passed, too.
                sender.cursor = sender.cursor.max(last + 1);
            }
            moved = true;
            sender.moved_at = now;
            if ops.is_empty() {
                continue;
            }
            sender.send_count += ops.len() as u64;
            let upto = sender.cursor - 1;
            sender.passed = sender.cursor;
            sender.in_flight.push_back(upto);
            messages.push(Message::Changes(Batch { upto, ops }));
        }
        for message in &messages {
            self.core.send(link, message);
        }
        self.eager_caught_up(name);
        if moved {
            self.ask_to_confirm(name);
        }
        if moved && messages.is_empty() {
            self.refresh_xsn(name);
        }
        moved
    }

    /// An eager sender that has caught up: from now on commits wait for the peer.
    fn eager_caught_up(&mut self, name: &str) {
        let last = self.db.last_sn().0;
        let Some(sender) = self.core.senders.get_mut(name) else { return };
        if sender.eager == EagerState::Failback && sender.cursor > last && sender.in_flight.is_empty() {
            sender.eager = EagerState::Idle;
            self.started(name);
        }
    }

    /// Commits that an eager peer could not take in without a conflict, while somebody waits for them (`measured.md` 9.5). What a
    /// sender delivers while it catches up has nobody who waits.
    pub(super) fn refuse_commits(&mut self, refused: &[u64]) {
        use super::sessions::Wait;
        for sn in refused {
            for id in self.core.sessions.waiting(|w| matches!(w, Wait::Eager { sn: mine, .. } if mine == sn)) {
                self.complete(id, Err(errors::eager_conflict()));
            }
        }
    }

    /// Commits that waited for eager peers and need not wait any more.
    fn release_eager(&mut self) {
        use super::sessions::Wait;
        use aku_db::wire::Response;
        for id in self.core.sessions.waiting(|w| matches!(w, Wait::Eager { .. })) {
            let wait = self.core.sessions.get(id).and_then(|s| s.running.as_ref()).and_then(|r| r.wait.clone());
            if let Some(Wait::Eager { sn, affected }) = wait
                && !self.core.eager_behind(sn)
            {
                self.finish(id, Response::Done { affected });
            }
        }
    }

    /// Writes a running sender's position to the catalog now and then.
    pub(super) fn refresh_xsn(&mut self, name: &str) {
        let now = self.core.now;
        let Some(sender) = self.core.senders.get_mut(name) else { return };
        if sender.phase != Phase::Running || now < sender.saved_at + SAVE_EVERY {
            return;
        }
        sender.saved_at = now;
        let from = sender.needed_from();
        self.save_xsn(name, from);
        self.retain_log();
    }
}
