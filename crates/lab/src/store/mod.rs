//! Where a lab database lives when its process does not: a SQLite file, or memory in simulations.
//!
//! A store keeps what it is given, in order, and gives it back at the next start. It decides nothing about it.

mod directory;
mod memory;
mod schema;
mod sqlite;

use std::{collections::BTreeMap, io};

use super::{
    data::{Key, LogRecord, Oid, Sn, Table, TableId, TxId, User},
    value::Row,
};
pub use directory::{LogDirectories, LogDirectory, NoDirectories, PodDirectories};
pub use memory::MemoryStore;
pub use sqlite::SqliteStore;

/// A place that keeps a database.
pub trait Store: Send {
    /// Everything kept so far; `None` when nothing was ever kept. Called once, first.
    ///
    /// # Errors
    /// It cannot be read, or what is read makes no sense.
    fn load(&mut self) -> io::Result<Option<Image>>;

    /// Keeps a batch: all of it or, when the process dies in the middle, nothing.
    ///
    /// # Errors
    /// It cannot be written.
    fn append(&mut self, batch: &Batch<'_>) -> io::Result<()>;
}

/// Numbers that go on where they stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Where the next log record goes.
    pub log_end: Sn,
    /// Log records below this are not kept.
    pub log_floor: Sn,
    /// Transaction number given last.
    pub last_tx: TxId,
    /// Table, partition, index or constraint number given last.
    pub last_number: u32,
    /// OID given last.
    pub last_oid: Oid,
}

/// One change of what is kept, log and counters aside.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// A new or changed definition.
    PutTable(Table),
    /// A table with its rows is gone.
    DropTable(TableId),
    /// A new or changed row.
    PutRow {
        /// Table.
        table: TableId,
        /// Place.
        key: Key,
        /// Row.
        row: Row,
    },
    /// A row is gone; it may never have been kept.
    DeleteRow {
        /// Table.
        table: TableId,
        /// Place.
        key: Key,
    },
    /// All rows of a table are gone.
    ClearRows(TableId),
    /// A new or changed user.
    PutUser(User),
    /// A user is gone.
    DropUser(String),
    /// A named value.
    PutMeta {
        /// Name.
        key: String,
        /// Value.
        value: Vec<u8>,
    },
    /// A named value is gone.
    DeleteMeta {
        /// Name.
        key: String,
    },
}

/// What is kept at once.
pub struct Batch<'a> {
    /// Changes, in order.
    pub ops: &'a [Op],
    /// New log records, in order.
    pub log: &'a [&'a LogRecord],
    /// New values.
    pub counters: Counters,
}

/// Everything that is kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Image {
    /// In order of id.
    pub tables: Vec<Table>,
    /// Rows in key order.
    pub rows: BTreeMap<TableId, Vec<(Key, Row)>>,
    /// In any order.
    pub users: Vec<User>,
    /// By name.
    pub meta: BTreeMap<String, Vec<u8>>,
    /// In SN order, none below the floor.
    pub log: Vec<LogRecord>,
    /// Counters.
    pub counters: Counters,
}
