//! Signatures first; bodies follow.
#![allow(clippy::needless_pass_by_ref_mut, clippy::unused_self, unused_variables, dead_code)]
use std::io;

use super::{
    event::{Applied, Incoming, LockMode, LogRecord, Origin, Policy, Queue, Stop, TxInfo},
    ids::{Oid, PartitionId, Sn, SnapshotId, TableId, TxId, UserId},
    key::Key,
    table::Table,
};
use crate::lab::{
    sql::{
        SqlError,
        ast::TableName,
        statement::{ColumnDef, CreateTable, Password},
    },
    store::Store,
    value::Row,
};

/// One server's database.
pub struct Database {}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// USER_ID: SYSTEM_ is 1, SYS is 2.
    pub id: UserId,
    /// Catalog spelling.
    pub name: String,
}

/// A point inside a transaction to go back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Savepoint(usize);

/// Life of the database.
impl Database {
    /// Opens what the store holds; an empty store becomes a new database with users SYSTEM_ and SYS (password MANAGER).
    /// Transactions that were not committed count as rolled back: their log gets a `Rollback` record.
    pub fn open(store: Box<dyn Store>) -> io::Result<Self> {
        todo!()
    }
    /// Writes what was committed, logged and set since the last call. After it returned, that survives `kill -9`.
    pub fn persist(&mut self) -> io::Result<()> {
        todo!()
    }
    /// Whether this database was made by this `open` (its store was empty).
    pub fn is_new(&self) -> bool {
        todo!()
    }
}

/// Small named values that the engine keeps: replications, hosts, items, XSNs, DB_SIGNATURE. Durable with `persist`,
/// not part of any transaction.
impl Database {
    /// The value, or `None`.
    pub fn meta(&self, key: &str) -> Option<&[u8]> {
        todo!()
    }
    /// Sets a value.
    pub fn put_meta(&mut self, key: &str, value: Vec<u8>) {
        todo!()
    }
    /// Removes a value; nothing happens when there is none.
    pub fn delete_meta(&mut self, key: &str) {
        todo!()
    }
    /// Every entry whose key starts with `prefix`, in key order.
    pub fn meta_with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        std::iter::empty()
    }
}

/// Users.
impl Database {
    /// Adds a user.
    /// Errors: 3103D.
    pub fn create_user(&mut self, name: &str, password: &Password) -> Result<UserId, SqlError> {
        todo!()
    }
    /// Sets a password.
    /// Errors: 31010.
    pub fn alter_user(&mut self, name: &str, password: &Password) -> Result<(), SqlError> {
        todo!()
    }
    /// Drops a user and, first, its tables: whoever calls has checked that they may go.
    pub fn drop_user(&mut self, name: &str) -> Result<(), Stop> {
        todo!()
    }
    /// All users in order of id.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        std::iter::empty()
    }
    /// One user by catalog spelling.
    pub fn user(&self, name: &str) -> Option<&User> {
        todo!()
    }
    /// Whether `attempt` is the user's password; letter case does not count. `None` for an unknown user.
    pub fn password_matches(&self, user: &str, attempt: &str) -> Option<bool> {
        todo!()
    }
}

/// Tables. Changes of layout belong to no transaction: they are done at once, and durable with the next `persist`. Those that
/// need a table for themselves give `Blocked` while a transaction holds any lock on it (0 s of DDL_LOCK_TIMEOUT: 11075).
impl Database {
    /// All tables in order of id.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        std::iter::empty()
    }
    /// A table by number. Panics when there is none.
    pub fn table(&self, id: TableId) -> &Table {
        todo!()
    }
    /// A table by number, or `None` when it was dropped.
    pub fn find_table_by_id(&self, id: TableId) -> Option<&Table> {
        todo!()
    }
    /// A table by catalog spelling.
    pub fn find_table(&self, owner: &str, name: &str) -> Option<&Table> {
        todo!()
    }
    /// A table as a statement of `user` names it.
    /// Errors: 31031; 3103C for an unknown owner.
    pub fn resolve(&self, user: &str, name: &TableName) -> Result<&Table, SqlError> {
        todo!()
    }
    /// CREATE TABLE. Errors: name taken, no such column, no such parent, a bad default.
    pub fn create_table(&mut self, user: &str, def: &CreateTable) -> Result<TableId, SqlError> {
        todo!()
    }
    /// DROP TABLE.
    pub fn drop_table(&mut self, table: TableId) -> Result<(), Stop> {
        todo!()
    }
    /// TRUNCATE of a table, or of one of its partitions. What is truncated gets a new OID.
    pub fn truncate(&mut self, table: TableId, partition: Option<PartitionId>) -> Result<(), Stop> {
        todo!()
    }
    /// ADD COLUMN; rows get the default.
    pub fn add_columns(&mut self, table: TableId, columns: &[ColumnDef]) -> Result<(), Stop> {
        todo!()
    }
    /// DROP COLUMN. Errors: no such column; the column belongs to the primary key or to the partition key.
    pub fn drop_columns(&mut self, table: TableId, columns: &[String]) -> Result<(), Stop> {
        todo!()
    }
    /// RENAME.
    pub fn rename_table(&mut self, table: TableId, to: &str) -> Result<(), Stop> {
        todo!()
    }
    /// CREATE INDEX. Errors: name taken, no such column, rows that are not unique.
    pub fn create_index(&mut self, table: TableId, name: &str, columns: &[String], unique: super::IndexKind) -> Result<(), Stop> {
        todo!()
    }
    /// DROP INDEX by name of its owner. Errors: no such index.
    pub fn drop_index(&mut self, owner: &str, name: &str) -> Result<(), Stop> {
        todo!()
    }
    /// The table that holds an index of that name, for checks before `drop_index`.
    pub fn table_of_index(&self, owner: &str, name: &str) -> Option<&Table> {
        todo!()
    }
    /// Tables whose primary key columns cannot be updated, because they are replicated (31055). Replaces what was set
    /// before; not durable: the engine sets it after `open` and after each change.
    pub fn set_replicated(&mut self, tables: &[TableId]) {
        todo!()
    }
}

/// Transactions. Cheap to begin: one that writes nothing leaves no trace.
impl Database {
    /// Opens a transaction.
    pub fn begin(&mut self, origin: Origin) -> TxId {
        todo!()
    }
    /// Makes its changes visible and lets go of its locks. The SN of the commit record, `None` when it wrote nothing.
    pub fn commit(&mut self, tx: TxId) -> Option<Sn> {
        todo!()
    }
    /// Undoes its changes and lets go of its locks. The SN of the rollback record, `None` when it wrote nothing.
    pub fn rollback(&mut self, tx: TxId) -> Option<Sn> {
        todo!()
    }
    /// Where the transaction stands.
    pub fn savepoint(&self, tx: TxId) -> Savepoint {
        todo!()
    }
    /// Undoes what came after `to`; locks stay. Leaves `UndoTo` in the log.
    pub fn rollback_to(&mut self, tx: TxId, to: Savepoint) {
        todo!()
    }
    /// Open transactions in order of id.
    pub fn transactions(&self) -> impl Iterator<Item = TxInfo> {
        std::iter::empty()
    }
    /// Whether a transaction is open.
    pub fn is_open(&self, tx: TxId) -> bool {
        todo!()
    }
    /// SN of the first change of the oldest open transaction that wrote; `None` when none did.
    pub fn oldest_open(&self) -> Option<Sn> {
        todo!()
    }
    /// Number of the change that ended or unblocked something last: grows whenever a transaction ends, a lock is
    /// given back or a wait is given up. Blocked requests are worth making again only after it grew.
    pub fn releases(&self) -> u64 {
        todo!()
    }
}

/// Locks on whole tables.
impl Database {
    /// Takes a lock, held until the transaction ends. A stronger one replaces a weaker one.
    /// Errors: `Blocked`, or 11041 when waiting would close a circle.
    pub fn lock_table(&mut self, tx: TxId, table: TableId, mode: LockMode, queue: Queue) -> Result<(), Stop> {
        todo!()
    }
    /// The transaction waits no more (its statement was given up): it leaves all queues.
    pub fn stop_waiting(&mut self, tx: TxId) {
        todo!()
    }
}

/// Rows. `tx` sees its own changes, `None` and others only what is committed.
impl Database {
    /// One row.
    pub fn get(&self, tx: Option<TxId>, table: TableId, key: &Key) -> Option<Row> {
        todo!()
    }
    /// All rows in primary key order.
    pub fn scan(&self, tx: Option<TxId>, table: TableId) -> impl Iterator<Item = (&Key, &Row)> {
        std::iter::empty()
    }
    /// Number of rows.
    pub fn count(&self, tx: Option<TxId>, table: TableId) -> usize {
        todo!()
    }
    /// Inserts a row whose values fit their columns. Errors: `Blocked`, 11058, NOT NULL, foreign key, no partition.
    pub fn insert(&mut self, tx: TxId, table: TableId, row: Row) -> Result<(), Stop> {
        todo!()
    }
    /// Puts `after` in the place of the row at `key`, which must be visible to `tx`.
    pub fn update(&mut self, tx: TxId, table: TableId, key: &Key, after: Row) -> Result<(), Stop> {
        todo!()
    }
    /// Deletes the row at `key`, which must be visible to `tx`.
    pub fn delete(&mut self, tx: TxId, table: TableId, key: &Key) -> Result<(), Stop> {
        todo!()
    }
    /// Applies a change of a peer inside of a transaction begun with `Origin::Replication`. Takes an IX lock and the row lock.
    /// Foreign keys are not looked at; a second unique key in the way is a conflict.
    pub fn apply(&mut self, tx: TxId, table: TableId, change: Incoming, policy: Policy) -> Applied {
        todo!()
    }
}

/// The log.
impl Database {
    /// SN of the newest record. A replication that starts "now" reads from `Sn(last_sn().0 + 1)` on.
    pub fn last_sn(&self) -> Sn {
        todo!()
    }
    /// Records that are still kept, from `from` on, in order.
    pub fn log_from(&self, from: Sn) -> impl Iterator<Item = &LogRecord> {
        std::iter::empty()
    }
    /// Keeps records from this SN on; `None` when nobody needs any. Records of open transactions that clients began are kept,
    /// too, as long as they are open. Set again after `open`, before anything else is done.
    pub fn retain_from(&mut self, from: Option<Sn>) {
        todo!()
    }
    /// SN below which records may be gone.
    pub fn lowest_sn(&self) -> Sn {
        todo!()
    }
    /// Bytes of log before the record `sn` (or before the first one after it) since the database was made. For gaps in bytes.
    pub fn log_position(&self, sn: Sn) -> u64 {
        todo!()
    }
    /// Log file that holds a byte position: files of 10 MB, the first is 0.
    pub fn log_file(position: u64) -> u64 {
        position / (10 << 20)
    }
    /// Files in use: the oldest that is kept and the one being written (V$LFG).
    pub fn log_files(&self) -> (u64, u64) {
        todo!()
    }
    /// Takes an SN without a record, e.g. for a change of the catalog.
    pub fn advance_sn(&mut self) -> Sn {
        todo!()
    }
}

/// Frozen tables, for SYNC. Writers go on; what they change is remembered for the reader.
impl Database {
    /// Freezes the committed rows of a table or of one partition. Several snapshots taken without a change between them are
    /// consistent with each other.
    pub fn snapshot(&mut self, table: TableId, partition: Option<PartitionId>) -> SnapshotId {
        todo!()
    }
    /// The next rows in primary key order, at most `max`; empty at the end. Rows come even when the table was truncated or dropped since.
    pub fn read_snapshot(&mut self, snapshot: SnapshotId, max: usize) -> Vec<Row> {
        todo!()
    }
    /// Forgets a snapshot.
    pub fn close_snapshot(&mut self, snapshot: SnapshotId) {
        todo!()
    }
}

fn keep_types(_: Oid) {}
