//! Every statement a lab server understands, parsed: names folded, numbers read, options in the order written.
//!
//! A value of these types says only what was written. Whether it may be done is decided where it is done.

mod replication;

use std::fmt;

use super::ast::{Delete, Expr, Insert, Query, TableName, Update};
use crate::{data::LockMode, value::ColumnType};
pub use replication::{
    AfterSync, CreateReplication, Flush, FlushUntil, Host, ItemPair, ItemRef, ParallelOption, Purpose,
    ReplicationAction, ReplicationMode, ReplicationOption, Role, Since, Start, Switch, Sync, Transport,
};

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
    /// `ALTER TABLE t ADD [COLUMN] (...)`
    AddColumns {
        /// Table.
        table: TableName,
        /// New columns, in order.
        columns: Vec<ColumnDef>,
    },
    /// `ALTER TABLE t DROP [COLUMN] c`
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
    /// `CREATE [UNIQUE] INDEX`
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
    /// `DROP USER [CASCADE]`
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
