//! What stands in the log, what a receiver applies, and how a request can end. Types only.

use super::{
    ids::{PartitionId, Sn, TableId, TxId},
    key::Key,
};
use crate::{
    sql::SqlError,
    value::{Datum, Row},
};

/// Who made a change. A sender forwards only what clients made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A client.
    Client,
    /// A client whose session has REPLICATION switched off.
    Unreplicated,
    /// A receiver: the change came from a peer (`measured.md` 7: received rows are not forwarded).
    Replication,
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogRecord {
    /// Its place; larger than that of every record before it.
    pub sn: Sn,
    /// Transaction.
    pub tx: TxId,
    /// Who made the change.
    pub origin: Origin,
    /// What happened.
    pub event: Event,
}

/// What happened. A row keeps its primary key and its partition in an `Update`; a change of either is logged as
/// `Delete` and `Insert`.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A new row.
    Insert {
        /// Table.
        table: TableId,
        /// Partition; `None` for a plain table.
        partition: Option<PartitionId>,
        /// The row.
        row: Row,
    },
    /// A changed row.
    Update {
        /// Table.
        table: TableId,
        /// Partition; `None` for a plain table.
        partition: Option<PartitionId>,
        /// Before.
        before: Row,
        /// After.
        after: Row,
    },
    /// A removed row.
    Delete {
        /// Table.
        table: TableId,
        /// Partition; `None` for a plain table.
        partition: Option<PartitionId>,
        /// What it was.
        before: Row,
    },
    /// The changes of the transaction with a larger SN than this are undone (ROLLBACK TO SAVEPOINT).
    UndoTo(Sn),
    /// The transaction is committed.
    Commit,
    /// The transaction is undone.
    Rollback,
    /// TRUNCATE, or another change of the table's layout; `tx` stands alone.
    Ddl {
        /// Table.
        table: TableId,
    },
}

/// One changed column of a row that a peer updated.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnChange {
    /// Position in the local table.
    pub column: usize,
    /// What the sender had.
    pub before: Datum,
    /// What it has now.
    pub after: Datum,
}

/// A change that came from a peer, in terms of the local table.
#[derive(Clone, Debug, PartialEq)]
pub enum Incoming {
    /// Insert this row.
    Insert(Row),
    /// Change these columns. Only columns listed are compared and set; a peer lists those that its UPDATE changed.
    Update {
        /// Primary key.
        key: Key,
        /// Columns.
        columns: Vec<ColumnChange>,
    },
    /// Delete the row.
    Delete {
        /// Primary key.
        key: Key,
    },
}

/// What an arriving change does when the local row is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// The local row stays.
    Keep,
    /// The arriving row wins.
    Replace,
}

/// Conflict rules of one receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Insert of a key that exists.
    pub insert: OnConflict,
    /// Update of a row whose old values differ.
    pub update: OnConflict,
    /// Whether a TIMESTAMP column decides before both.
    pub stamps: Stamps,
}

/// What a TIMESTAMP column is good for (REPLICATION_TIMESTAMP_RESOLUTION).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamps {
    /// It is a column as any other.
    Ignored,
    /// The later one wins.
    Decide,
}

impl Policy {
    /// Nothing is replaced: the default, and what a master does with changes of its slave.
    pub const KEEP: Self = Self { insert: OnConflict::Keep, update: OnConflict::Keep, stamps: Stamps::Ignored };
    /// Everything is replaced: what a slave does with changes of its master.
    pub const REPLACE: Self =
        Self { insert: OnConflict::Replace, update: OnConflict::Replace, stamps: Stamps::Ignored };
}

/// What became of an arriving change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Done.
    Done,
    /// Done against a conflict: the arriving row won.
    Replaced,
    /// A conflict; nothing changed.
    Conflict,
    /// This transaction holds the row or the table; nothing changed.
    Blocked(TxId),
}

/// Why a statement did not get to its end. It has changed nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// Refused.
    Error(SqlError),
    /// This transaction holds a row or a table; try again when it has ended.
    Blocked(TxId),
    /// A function of the server has to wait; try again later.
    Wait,
}

impl From<SqlError> for Stop {
    fn from(e: SqlError) -> Self {
        Self::Error(e)
    }
}

/// Modes of a table lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LockMode {
    /// IS, ROW SHARE
    IntentShare,
    /// IX, ROW EXCLUSIVE: what INSERT, UPDATE and DELETE take.
    IntentExclusive,
    /// S, SHARE
    Share,
    /// SIX, SHARE ROW EXCLUSIVE
    ShareIntentExclusive,
    /// X, EXCLUSIVE
    Exclusive,
}

/// What a request for a table lock does when the lock is not free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// Stands in line: later requests of other transactions that do not go with it wait behind it, until it is granted
    /// (ask again), given up ([`Database::stop_waiting`](super::Database::stop_waiting)) or its transaction ends.
    Join,
    /// Leaves no trace.
    Try,
}

/// An open transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxInfo {
    /// Number.
    pub id: TxId,
    /// Who.
    pub origin: Origin,
    /// SN of its first change; `None` while it has written nothing (UPDATE_STATUS 0).
    pub begin: Option<Sn>,
    /// Whom it waits for since its last refused request.
    pub waits_for: Vec<TxId>,
    /// Tables it holds locks on.
    pub locks: Vec<(TableId, LockMode)>,
}
