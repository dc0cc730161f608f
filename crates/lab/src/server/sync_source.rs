//! SYNC at its source: table locks, a frozen copy, the stream of rows (`altibase.md` 3.10, `measured.md` 1
//! and 3, recording `sync`).
//!
//! It decides from which SN the changes after the copy are sent. The catalog says nothing new before the copy is
//! complete.

use super::{
    Server, errors,
    execute::Flow,
    items,
    message::Message,
    object::Unit,
    sender::{Persistence, Phase, Sender, StartFlag, SyncJob},
    sessions::{SessionId, Wait},
};
use crate::{
    data::{Database, LockMode, Origin, Queue, Stop, TableId},
    sql::{
        SqlError,
        statement::{AfterSync, ItemRef, Sync},
    },
};

/// Rows of one message.
const CHUNK: usize = 1_000;
/// Rows under way at most.
const WINDOW: u64 = 16_000;

impl Server {
    pub(super) fn sync(&mut self, id: SessionId, name: &str, sync: &Sync) -> Result<Flow, SqlError> {
        let eager = self.known(name)?.is_eager();
        let chosen = self.sync_items(name, &sync.tables)?;
        let flag = match sync.then {
            AfterSync::Conditional if eager => return Err(errors::conditional_eager()),
            AfterSync::Start | AfterSync::Conditional => StartFlag::Sync,
            AfterSync::Stop => StartFlag::SyncOnly,
        };
        if self.core.properties.get("REPLICATION_PORT_NO") == 0 {
            return Err(errors::disabled());
        }
        if let Some(flow) = self.take_latch(id) {
            return Ok(flow);
        }
        if self.core.senders.contains_key(name) {
            return Err(errors::sender_exists());
        }
        let max = self.core.properties.get("REPLICATION_MAX_COUNT");
        if self.core.senders.len() as u64 >= max {
            return Err(errors::out_of_threads(max));
        }
        let now = self.next_sn();
        let flow = self.begin_and_wait(id, name, flag, now);
        let locks = self.db.begin(Origin::Unreplicated);
        if let Some(sender) = self.core.senders.get_mut(name) {
            sender.sync = Some(SyncJob {
                sent: vec![0; chosen.len()],
                items: chosen,
                whole: sync.tables.is_empty(),
                locks,
                snapshots: Vec::new(),
                at: 0,
                total: 0,
                acknowledged: 0,
                ended: false,
            });
        }
        Ok(flow)
    }

    /// Indexes of the items that a SYNC copies.
    fn sync_items(&self, name: &str, tables: &[ItemRef]) -> Result<Vec<usize>, SqlError> {
        let object = self.known(name)?;
        if tables.is_empty() {
            return Ok((0..object.items.len()).collect());
        }
        let mut chosen = Vec::new();
        for (index, table) in tables.iter().enumerate() {
            if tables[..index].contains(table) {
                return Err(errors::duplicate_tables());
            }
            items::find(&self.db, table)?;
            let names = items::names(table);
            let of_table: Vec<_> =
                object.items.iter().enumerate().filter(|(_, i)| i.local[..2] == names[..2]).collect();
            if of_table.is_empty() {
                return Err(errors::no_items());
            }
            let single = table.partition.is_some();
            let unit = if single { Unit::Partition } else { Unit::Table };
            let hits: Vec<_> = of_table.iter().filter(|(_, i)| !single || i.local[2] == names[2]).collect();
            if hits.is_empty() {
                return Err(errors::no_items());
            }
            if hits.iter().any(|(_, i)| i.unit != unit) {
                return Err(errors::units_mismatch(&names[1]));
            }
            chosen.extend(hits.iter().map(|(n, _)| *n));
        }
        Ok(chosen)
    }

    /// The handshake is done: others may have the latch, and the tables are locked.
    pub(super) fn sync_connected(&mut self, name: &str) {
        let limit = self.core.properties.seconds("REPLICATION_SYNC_LOCK_TIMEOUT");
        let until = self.core.now + limit;
        let Some(sender) = self.core.senders.get_mut(name) else { return };
        sender.phase = Phase::Locking { until: (limit > 0).then_some(until) };
        if let Some(id) = sender.starter {
            self.core.latch.leave(id);
            self.set_wait(id, Wait::Copy(name.to_owned()));
        }
        if limit == 0 {
            // No lock: what is open now is sent from its beginning.
            let from = self.db.oldest_open().map_or_else(|| self.next_sn(), |sn| sn.0);
            self.freeze(name, from);
        } else {
            self.try_sync_locks(name);
        }
    }

    pub(super) fn retry_sync_locks(&mut self) {
        let locking = |s: &&Sender| matches!(s.phase, Phase::Locking { .. });
        let names: Vec<_> = self.core.senders.values().filter(locking).map(|s| s.name.clone()).collect();
        for name in names {
            self.try_sync_locks(&name);
        }
    }

    /// Tables of the items that are copied, each once, in order.
    fn sync_tables(&self, name: &str) -> Vec<TableId> {
        let (Some(object), Some(sender)) = (self.core.objects.get(name), self.core.senders.get(name)) else {
            return Vec::new();
        };
        let chosen = sender.sync.iter().flat_map(|job| &job.items);
        let mut tables: Vec<_> = chosen.filter_map(|i| object.items.get(*i)).map(|i| i.table).collect();
        let mut seen = std::collections::BTreeSet::new();
        tables.retain(|t| seen.insert(*t));
        tables
    }

    /// Shared locks on all tables, waiting in line; when they are had, nothing is open on them.
    fn try_sync_locks(&mut self, name: &str) {
        let tables = self.sync_tables(name);
        let Some(tx) = self.core.senders.get(name).and_then(|s| s.sync.as_ref()).map(|j| j.locks) else { return };
        for table in tables {
            match self.db.lock_table(tx, table, LockMode::Share, Queue::Join) {
                Ok(()) => {}
                Err(Stop::Blocked(_) | Stop::Wait) => return,
                Err(Stop::Error(_)) => return self.end_sender(name, Err(errors::sync_failed())),
            }
        }
        let from = self.next_sn();
        self.freeze(name, from);
    }

    /// Freezes the rows; from here on writers go on, and only changes of layout are kept away.
    fn freeze(&mut self, name: &str, from: u64) {
        let tables = self.sync_tables(name);
        let intent = self.db.begin(Origin::Unreplicated);
        for table in tables {
            // Goes with everything but an exclusive lock, and nobody waits for this one.
            let _ = self.db.lock_table(intent, table, LockMode::IntentShare, Queue::Try);
        }
        let Some(object) = self.core.objects.get(name) else { return };
        let Some(sender) = self.core.senders.get_mut(name) else { return };
        let Some(job) = sender.sync.as_mut() else { return };
        for item in job.items.iter().filter_map(|i| object.items.get(*i)) {
            job.snapshots.push(self.db.snapshot(item.table, item.partition));
        }
        let shared = std::mem::replace(&mut job.locks, intent);
        sender.restart = from;
        sender.cursor = from;
        sender.phase = Phase::Copying;
        self.db.rollback(shared);
        self.retain_log();
    }

    /// Sends rows as long as the peer keeps up; whether anything moved.
    pub(super) fn pump_copy(&mut self, name: &str) -> bool {
        let Some(sender) = self.core.senders.get_mut(name) else { return false };
        let (Some(link), Some(job)) = (sender.link, sender.sync.as_mut()) else { return false };
        let mut messages = Vec::new();
        while !job.ended && job.total - job.acknowledged < WINDOW {
            let Some((snapshot, item)) = job.snapshots.get(job.at).zip(job.items.get(job.at)) else {
                job.ended = true;
                messages.push(Message::SyncEnd);
                break;
            };
            let rows = self.db.read_snapshot(*snapshot, CHUNK);
            if rows.is_empty() {
                messages.push(Message::SyncItemEnd { item: *item });
                job.at += 1;
                continue;
            }
            job.sent[job.at] += rows.len() as u64;
            job.total += rows.len() as u64;
            messages.push(Message::SyncRows { item: *item, rows });
        }
        for message in &messages {
            self.core.send(link, message);
        }
        !messages.is_empty()
    }

    pub(super) fn sync_acknowledged(&mut self, name: &str, rows: u64) {
        if let Some(job) = self.core.senders.get_mut(name).and_then(|s| s.sync.as_mut()) {
            job.acknowledged += rows;
        }
    }

    /// The peer has all rows, or says that it could not take them.
    pub(super) fn sync_result(&mut self, name: &str, failed: bool) {
        if failed {
            return self.end_sender(name, Err(errors::sync_failed()));
        }
        let Some(sender) = self.core.senders.get_mut(name) else { return };
        let (restart, flag) = (sender.restart, sender.start_flag);
        let Some((whole, copied)) = sender.sync.as_ref().map(|j| (j.whole, j.items.clone())) else { return };
        close_sync(&mut self.db, sender);
        let Some(mut object) = self.core.objects.get(name).cloned() else { return };
        object.remote_fault = None;
        if whole {
            object.xsn = Some(restart);
        } else {
            object.xsn = object.xsn.or(Some(restart));
            for item in copied {
                if let Some(item) = object.items.get_mut(item) {
                    item.invalid_max_sn = restart.saturating_sub(1);
                }
            }
        }
        object.is_started = flag != StartFlag::SyncOnly;
        let from = object.xsn.unwrap_or(restart);
        let items = super::sender::ItemMap::new(&object.items);
        self.core.objects.put(&mut self.db, object);
        let Some(sender) = self.core.senders.get_mut(name) else { return };
        sender.items = items.into();
        sender.restart = from;
        sender.start_flag = StartFlag::Normal;
        sender.persistence = Persistence::Retry;
        self.stream_from(name, from, 0, 0);
        if flag == StartFlag::SyncOnly
            && let Some(sender) = self.core.senders.get_mut(name)
        {
            sender.phase = Phase::Stopping;
            if let Some(link) = sender.link {
                self.core.send(link, &Message::Stop);
            }
            return;
        }
        self.started(name);
    }
}

/// Lets go of everything a SYNC held.
pub(super) fn close_sync(db: &mut Database, sender: &mut Sender) {
    if let Some(job) = sender.sync.take() {
        db.rollback(job.locks);
        for snapshot in job.snapshots {
            db.close_snapshot(snapshot);
        }
    }
}
