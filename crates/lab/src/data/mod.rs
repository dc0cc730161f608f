//! The rows and the catalog of one lab server: tables, users, transactions, locks, the log.
//!
//! Everything lives in memory; [`Database::persist`] writes what was committed since the last call to a [`Store`].
//! Nothing here knows the time, replication objects, sessions or SQL text. What waits, waits outside: a request that
//! meets a lock comes back as `Blocked` and is made again.

mod apply;
pub mod codec;
mod ddl;
mod event;
mod heap;
mod ids;
mod key;
mod locks;
mod log;
mod rows;
mod snapshot;
mod table;
#[cfg(test)]
mod tests;
mod tx;
mod users;
mod wal;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    ops::Bound::{Included, Unbounded},
    sync::Arc,
};

use self::{heap::Heap, log::Log, snapshot::Source, tx::Tx};
use super::store::{Batch, Counters, Image, Op, Store};
pub use apply::changed_columns;
pub use event::{
    Applied, ColumnChange, Event, Incoming, LockMode, LogRecord, OnConflict, Origin, Policy, Queue, Stamps, Stop,
    TxInfo,
};
pub use ids::{ConstraintId, Oid, PartitionId, Sn, SnapshotId, TableId, TxId, UserId};
pub use key::Key;
pub use table::{Column, ForeignKey, Index, IndexKind, Partition, Partitioning, Table};
pub use tx::Savepoint;
pub use users::User;

/// A table and its rows.
#[derive(Debug)]
struct Entry {
    table: Arc<Table>,
    heap: Heap,
}

/// One server's database.
pub struct Database {
    store: Box<dyn Store>,
    born: Birth,
    tables: BTreeMap<TableId, Entry>,
    /// Owner, then table name.
    names: BTreeMap<String, BTreeMap<String, TableId>>,
    with_foreign_keys: BTreeSet<TableId>,
    replicated: BTreeSet<TableId>,
    users: BTreeMap<String, User>,
    meta: BTreeMap<String, Vec<u8>>,
    txs: BTreeMap<TxId, Tx>,
    snapshots: BTreeMap<SnapshotId, Source>,
    last_snapshot: SnapshotId,
    log: Log,
    releases: u64,
    counters: Counters,
    /// What the store does not have yet, in order; log records aside.
    pending: Vec<Op>,
}

/// Whether a database was found or made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Birth {
    /// The store was empty.
    Created,
    /// The store had a database.
    Found,
}

/// Life of the database.
impl Database {
    /// Opens what the store holds; an empty store becomes a new database with users SYSTEM_ and SYS (password MANAGER).
    /// Transactions that were not committed count as rolled back: their log gets a `Rollback` record.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn open(mut store: Box<dyn Store>) -> io::Result<Self> {
        let found = store.load()?;
        let born = if found.is_some() { Birth::Found } else { Birth::Created };
        let Image { tables, mut rows, users, meta, log, counters } = found.unwrap_or_default();
        let mut db = Self {
            store,
            born,
            tables: BTreeMap::new(),
            names: BTreeMap::new(),
            with_foreign_keys: tables.iter().filter(|t| !t.foreign_keys.is_empty()).map(|t| t.id).collect(),
            replicated: BTreeSet::new(),
            users: users.into_iter().map(|u| (u.name.clone(), u)).collect(),
            meta,
            txs: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            last_snapshot: SnapshotId(0),
            log: Log::load(log, counters.log_end, counters.log_floor),
            releases: 0,
            counters,
            pending: Vec::new(),
        };
        for table in tables {
            let heap = Heap::load(&table, rows.remove(&table.id).unwrap_or_default());
            db.names.entry(table.owner.clone()).or_default().insert(table.name.clone(), table.id);
            db.tables.insert(table.id, Entry { heap, table: table.into() });
        }
        match born {
            Birth::Created => db.create_built_in_users(),
            Birth::Found => db.end_lost_transactions(),
        }
        Ok(db)
    }

    fn end_lost_transactions(&mut self) {
        let mut lost = BTreeMap::new();
        for record in self.log.from(Sn(0)) {
            match record.event {
                Event::Commit | Event::Rollback => drop(lost.remove(&record.tx)),
                Event::Insert { .. } | Event::Update { .. } | Event::Delete { .. } | Event::UndoTo(_) => {
                    lost.insert(record.tx, record.origin);
                }
                Event::Ddl { .. } => {}
            }
        }
        for (tx, origin) in lost {
            self.log.append(tx, origin, Event::Rollback);
        }
    }

    /// Writes what was committed, logged and set since the last call. After it returned, that survives `kill -9`.
    ///
    /// # Errors
    /// The store cannot be written; the process must end, because memory is ahead of it.
    pub fn persist(&mut self) -> io::Result<()> {
        self.trim_log();
        let counters = Counters { log_end: self.log.end(), log_floor: self.log.floor(), ..self.counters };
        let log: Vec<&LogRecord> = self.log.unstored().collect();
        if self.pending.is_empty() && log.is_empty() && counters == self.counters {
            return Ok(());
        }
        self.store.append(&Batch { ops: &self.pending, log: &log, counters })?;
        self.counters = counters;
        self.pending.clear();
        self.log.set_stored();
        Ok(())
    }

    /// Whether this database was found or made by [`Self::open`].
    #[must_use]
    pub fn birth(&self) -> Birth {
        self.born
    }

    fn entry(&self, table: TableId) -> &Entry {
        self.tables.get(&table).expect("the table exists")
    }

    fn entry_mut(&mut self, table: TableId) -> &mut Entry {
        self.tables.get_mut(&table).expect("the table exists")
    }
}

/// Small named values that the engine keeps: replications, hosts, items, XSNs, DB_SIGNATURE. Durable with `persist`,
/// not part of any transaction.
impl Database {
    /// The value, or `None`.
    #[must_use]
    pub fn meta(&self, key: &str) -> Option<&[u8]> {
        self.meta.get(key).map(Vec::as_slice)
    }

    /// Sets a value.
    pub fn put_meta(&mut self, key: &str, value: Vec<u8>) {
        if self.meta.get(key) != Some(&value) {
            self.pending.push(Op::PutMeta { key: key.to_owned(), value: value.clone() });
            self.meta.insert(key.to_owned(), value);
        }
    }

    /// Removes a value; nothing happens when there is none.
    pub fn delete_meta(&mut self, key: &str) {
        if self.meta.remove(key).is_some() {
            self.pending.push(Op::DeleteMeta { key: key.to_owned() });
        }
    }

    /// Every entry whose key starts with `prefix`, in key order.
    pub fn meta_with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let from = (Included(prefix), Unbounded);
        let entries = self.meta.range::<str, _>(from).take_while(move |(key, _)| key.starts_with(prefix));
        entries.map(|(key, value)| (key.as_str(), value.as_slice()))
    }
}
