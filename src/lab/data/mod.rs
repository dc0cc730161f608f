//! The rows and the catalog of one lab server: tables, users, transactions, locks, the log.
//!
//! Everything lives in memory; [`Database::persist`] writes what was committed since the last call to a
//! [`Store`](super::store::Store). Nothing here knows the time, replication objects, sessions or SQL text.
//! What waits, waits outside: a request that meets a lock comes back as `Blocked` and is made again.

mod api;
pub mod codec;
mod event;
mod ids;
mod key;
mod table;

pub use api::{Database, Savepoint, User};
pub use event::{
    Applied, ColumnChange, Event, Incoming, LockMode, LogRecord, OnConflict, Origin, Policy, Queue, Stop, TxInfo,
};
pub use ids::{ConstraintId, Oid, PartitionId, Sn, SnapshotId, TableId, TxId, UserId};
pub use key::Key;
pub use table::{Column, ForeignKey, Index, IndexKind, Partition, Partitioning, Table};
