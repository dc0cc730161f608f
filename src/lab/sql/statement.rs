//! Every statement a lab server understands, parsed: names folded, numbers read, options in the order written.
//!
//! A value of these types says only what was written. Whether it may be done is decided where it is done.

use std::fmt;

use super::ast::{Delete, Expr, Insert, Query, TableName, Update};
use crate::lab::{data::LockMode, value::ColumnType};

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// SELECT
    Query(Box<Query>),
    /// INSERT
    Insert(Box<Insert>),
    /// UPDATE
    Update(Box<Update>),
    /// DELETE
    Delete(Box<Delete>),
    /// LOCK TABLE t IN mode MODE; held to the end of the transaction.
    LockTable {
        /// Table.
        table: TableName,
        /// Mode.
        mode: LockMode,
        /// NOWAIT is `Some(0)`, WAIT n is `Some(n)` seconds.
        wait_s: Option<u64>,
    },
    /// COMMIT
    Commit,
    /// ROLLBACK, or ROLLBACK TO SAVEPOINT name.
    Rollback {
        /// Savepoint.
        to: Option<String>,
    },
    /// SAVEPOINT name
    Savepoint(String),
    /// CREATE TABLE
    CreateTable(Box<CreateTable>),
    /// DROP TABLE
    DropTable(TableName),
    /// TRUNCATE TABLE t, or ALTER TABLE t TRUNCATE PARTITION p.
    Truncate {
        /// Table.
        table: TableName,
        /// Partition.
        partition: Option<String>,
    },
    /// ALTER TABLE t ADD [COLUMN] (...)
    AddColumns {
        /// Table.
        table: TableName,
        /// New columns, in order.
        columns: Vec<ColumnDef>,
    },
    /// ALTER TABLE t DROP [COLUMN] c
    DropColumns {
        /// Table.
        table: TableName,
        /// Columns to drop.
        columns: Vec<String>,
    },
    /// RENAME t TO u, or ALTER TABLE t RENAME TO u.
    RenameTable {
        /// Table.
        table: TableName,
        /// New name.
        to: String,
    },
    /// CREATE [UNIQUE] INDEX
    CreateIndex {
        /// Name of the index.
        name: TableName,
        /// Table.
        table: TableName,
        /// Columns in order.
        columns: Vec<String>,
        /// UNIQUE
        unique: bool,
    },
    /// DROP INDEX
    DropIndex(TableName),
    /// CREATE USER
    CreateUser {
        /// Name.
        name: String,
        /// Password.
        password: Password,
    },
    /// ALTER USER .. IDENTIFIED BY
    AlterUser {
        /// Name.
        name: String,
        /// New password.
        password: Password,
    },
    /// DROP USER [CASCADE]
    DropUser {
        /// Name.
        name: String,
        /// CASCADE: the tables go too.
        cascade: bool,
    },
    /// GRANT
    Grant(Privileges),
    /// REVOKE
    Revoke(Privileges),
    /// ALTER SYSTEM SET p = v
    AlterSystem {
        /// Property, upper case.
        property: String,
        /// Value as written, without quotes.
        value: String,
    },
    /// ALTER SYSTEM CHECKPOINT
    Checkpoint,
    /// ALTER SESSION SET p = v, AUTOCOMMIT included.
    AlterSession {
        /// Property, upper case.
        property: String,
        /// Value as written, without quotes; words in upper case.
        value: String,
    },
    /// ALTER DATABASE d SESSION CLOSE ...
    CloseSession {
        /// Database name.
        database: String,
        /// Which sessions.
        which: Sessions,
    },
    /// CREATE REPLICATION
    CreateReplication(Box<CreateReplication>),
    /// DROP REPLICATION
    DropReplication(String),
    /// ALTER REPLICATION name ...
    AlterReplication {
        /// Name.
        name: String,
        /// What to do.
        action: Box<ReplicationAction>,
    },
    /// ALTER REPLICATION TEMPORARY GET TABLE (7.2).
    TemporaryGetTable {
        /// Tables or partitions.
        items: Vec<ItemRef>,
        /// From which server.
        host: Host,
    },
}

/// A password as written. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub(crate) String);

impl Password {
    /// The text, for the comparison at login and for storing.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Which sessions ALTER DATABASE d SESSION CLOSE closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sessions {
    /// One, by V$SESSION.ID.
    Id(i64),
    /// All of a user.
    User(String),
    /// ALL: every session but this one.
    All,
}

/// GRANT or REVOKE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Privileges {
    /// Privileges or roles, words joined by single blanks, upper case.
    pub privileges: Vec<String>,
    /// Object after ON.
    pub on: Option<TableName>,
    /// Users or roles.
    pub users: Vec<String>,
}

/// CREATE TABLE
#[derive(Clone, Debug, PartialEq)]
pub struct CreateTable {
    /// Name.
    pub table: TableName,
    /// Columns in order.
    pub columns: Vec<ColumnDef>,
    /// Table-level constraints, then those written inside of columns.
    pub constraints: Vec<Constraint>,
    /// PARTITION BY
    pub partitions: Option<PartitionBy>,
}

/// One column of CREATE TABLE or ADD COLUMN.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnDef {
    /// Name.
    pub name: String,
    /// Type.
    pub column_type: ColumnType,
    /// NOT NULL was written (PRIMARY KEY implies it, too, but is not counted here).
    pub not_null: bool,
    /// DEFAULT; a constant expression.
    pub default: Option<Expr>,
    /// UNIQUE was written (ADD COLUMN; CREATE TABLE lists it among the constraints, too).
    pub unique: bool,
}

/// A constraint over columns of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// CONSTRAINT name
    pub name: Option<String>,
    /// Columns, in order.
    pub columns: Vec<String>,
    /// What it says.
    pub kind: ConstraintKind,
}

/// Kinds of constraints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConstraintKind {
    /// PRIMARY KEY
    PrimaryKey,
    /// UNIQUE, LOCALUNIQUE
    Unique,
    /// FOREIGN KEY .. REFERENCES; columns may be left out for the parent's primary key.
    References {
        /// Parent.
        table: TableName,
        /// Its columns.
        columns: Vec<String>,
    },
}

/// PARTITION BY
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionBy {
    /// RANGE, LIST or HASH.
    pub method: PartitionMethod,
    /// Key columns.
    pub columns: Vec<String>,
    /// Partitions in order.
    pub partitions: Vec<PartitionDef>,
}

/// How a table is partitioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionMethod {
    /// By upper bounds.
    Range,
    /// By listed values.
    List,
    /// By a hash of the key.
    Hash,
}

/// One partition of CREATE TABLE.
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionDef {
    /// Name.
    pub name: String,
    /// Upper bound (RANGE), values (LIST); empty for VALUES DEFAULT and for HASH.
    pub values: Vec<Expr>,
}

/// CREATE REPLICATION
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateReplication {
    /// Name, at most 40 bytes.
    pub name: String,
    /// Mode word; `None` when not written (LAZY).
    pub mode: Option<ReplicationMode>,
    /// FOR ...
    pub purpose: Option<Purpose>,
    /// AS ...
    pub role: Option<Role>,
    /// OPTIONS, in the order written, repetitions included.
    pub options: Vec<ReplicationOption>,
    /// WITH; empty for UNIX_DOMAIN.
    pub hosts: Vec<Host>,
    /// Items; 7.2 allows none.
    pub items: Vec<ItemPair>,
}

/// Mode words before REPLICATION.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicationMode {
    /// LAZY
    Lazy,
    /// EAGER
    Eager,
    /// NOWAIT (7.2)
    NoWait,
    /// CONSISTENT (7.2)
    Consistent,
}

/// FOR ...
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// ANALYSIS
    Analysis,
    /// ANALYSIS PROPAGATION (7.2)
    AnalysisPropagation,
    /// PROPAGABLE LOGGING
    PropagableLogging,
    /// PROPAGATION
    Propagation,
}

/// AS ...
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// MASTER
    Master,
    /// SLAVE
    Slave,
}

/// One option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplicationOption {
    /// RECOVERY
    Recovery,
    /// GAPLESS
    Gapless,
    /// GROUPING
    Grouping,
    /// OFFLINE 'dir', ...
    Offline(Vec<String>),
    /// PARALLEL n [size unit]
    Parallel(ParallelOption),
    /// LOCAL peer
    Local(String),
    /// DDL_REPLICATE (7.2)
    DdlReplicate,
    /// V6_PROTOCOL (7.2)
    V6Protocol,
    /// META_LOGGING (late releases, ANALYSIS only)
    MetaLogging,
}

/// PARALLEL n [size {K|M|G}]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParallelOption {
    /// Appliers; not checked here.
    pub count: i64,
    /// Buffer in bytes.
    pub buffer: Option<u64>,
}

/// One address of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Address or host name as written.
    pub host: String,
    /// Port; any 32-bit number, not checked here.
    pub port: i64,
    /// USING TCP or USING IB [n] (7.2).
    pub using: Option<Transport>,
}

/// USING ...
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP
    Tcp,
    /// IB with its latency number.
    Ib(i64),
}

/// One side of an item: `user.table [PARTITION p]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemRef {
    /// Owner.
    pub user: String,
    /// Table.
    pub table: String,
    /// Partition.
    pub partition: Option<String>,
}

/// `FROM local TO remote`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemPair {
    /// Here.
    pub local: ItemRef,
    /// At the peer.
    pub remote: ItemRef,
}

/// ENABLE or DISABLE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// ENABLE
    Enable,
    /// DISABLE
    Disable,
}

/// What follows ALTER REPLICATION name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplicationAction {
    /// ADD TABLE
    AddTable(ItemPair),
    /// DROP TABLE
    DropTable(ItemPair),
    /// ADD HOST
    AddHost(Host),
    /// DROP HOST
    DropHost(Host),
    /// SET HOST
    SetHost(Host),
    /// SET MODE
    SetMode(ReplicationMode),
    /// SET RECOVERY
    SetRecovery(Switch),
    /// SET GAPLESS
    SetGapless(Switch),
    /// SET GROUPING
    SetGrouping(Switch),
    /// SET DDL_REPLICATE (7.2)
    SetDdlReplicate(Switch),
    /// SET PARALLEL
    SetParallel(ParallelOption),
    /// SET OFFLINE ENABLE WITH 'dir', ...
    SetOffline(Vec<String>),
    /// SET OFFLINE DISABLE
    UnsetOffline,
    /// START ...
    Start(Start),
    /// QUICKSTART
    QuickStart,
    /// QUICKSTART RETRY
    QuickStartRetry,
    /// SYNC ...
    Sync(Sync),
    /// STOP
    Stop,
    /// STOP IMMEDIATE (7.2)
    StopImmediate,
    /// RESET
    Reset,
    /// FLUSH ...
    Flush(Flush),
    /// FAILBACK (7.2)
    Failback,
    /// FAILOVER (7.2)
    Failover,
    /// DELETE ITEM_REPLACE_HISTORY (7.2)
    DeleteHistory,
}

/// START ...
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// START
    Now,
    /// START RETRY
    Retry,
    /// START AT SN (n)
    AtSn(u64),
    /// START WITH OFFLINE
    Offline,
    /// START CONDITIONAL (7.2)
    Conditional,
}

/// SYNC ...
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sync {
    /// What happens after the copy.
    pub then: AfterSync,
    /// PARALLEL n, at least 1; 1 when not written.
    pub parallel: u32,
    /// TABLE list; empty for all items.
    pub tables: Vec<ItemRef>,
}

/// What SYNC does after the copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterSync {
    /// The sender goes on.
    Start,
    /// ONLY: it ends.
    Stop,
    /// CONDITIONAL (7.2).
    Conditional,
}

/// FLUSH ...
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flush {
    /// What to wait for.
    pub until: FlushUntil,
    /// WAIT n, seconds; `None` for ever.
    pub wait_s: Option<u64>,
}

/// What FLUSH waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushUntil {
    /// What is in the log when the statement arrives.
    Issued,
    /// ALL: no gap at all.
    NoGap,
    /// FROM XLOGFILE (7.2).
    XLogFile,
}

/// Which builds know a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Since {
    /// Both generations.
    Always,
    /// Only 7.2; a syntax error (31001) before.
    V72,
}
