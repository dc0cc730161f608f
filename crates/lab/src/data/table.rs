//! What a table is: columns, keys, constraints, partitions. No rows.
//!
//! Decides which partition a row belongs to and what a row's primary key is.

use super::{
    ids::{ConstraintId, Oid, PartitionId, TableId},
    key::Key,
};
use crate::{
    sql::statement::PartitionMethod,
    value::{ColumnType, Datum},
};

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Catalog spelling.
    pub name: String,
    /// Type.
    pub column_type: ColumnType,
    /// NULL is refused; true for columns of the primary key, too.
    pub not_null: bool,
    /// Value of a column that INSERT leaves out; NULL without DEFAULT.
    pub default: Datum,
}

/// A primary key, a unique constraint, or a plain index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Constraint and index number.
    pub id: ConstraintId,
    /// Catalog spelling.
    pub name: String,
    /// Positions of its columns in the table, in index order; never empty.
    pub columns: Vec<usize>,
    /// What it enforces.
    pub kind: IndexKind,
}

/// What an index enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexKind {
    /// PRIMARY KEY
    PrimaryKey,
    /// A UNIQUE constraint.
    UniqueConstraint,
    /// CREATE UNIQUE INDEX.
    UniqueIndex,
    /// CREATE INDEX: nothing.
    Plain,
}

/// FOREIGN KEY of the child table that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    /// Constraint number.
    pub id: ConstraintId,
    /// Catalog spelling.
    pub name: String,
    /// Positions of the child's columns.
    pub columns: Vec<usize>,
    /// Parent table; may be the child itself.
    pub parent: TableId,
    /// Positions of the parent's columns.
    pub parent_columns: Vec<usize>,
}

/// PARTITION BY
#[derive(Clone, Debug, PartialEq)]
pub struct Partitioning {
    /// Method.
    pub method: PartitionMethod,
    /// Positions of the key columns.
    pub columns: Vec<usize>,
    /// Partitions in PARTITION_ORDER.
    pub partitions: Vec<Partition>,
}

/// One partition.
#[derive(Clone, Debug, PartialEq)]
pub struct Partition {
    /// PARTITION_ID
    pub id: PartitionId,
    /// PARTITION_OID; TRUNCATE gives a new one.
    pub oid: Oid,
    /// Catalog spelling.
    pub name: String,
    /// RANGE: the exclusive upper bound, one value for each key column. LIST: the values. Empty: VALUES DEFAULT, or
    /// HASH.
    pub values: Vec<Datum>,
}

/// A table without its rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// TABLE_ID
    pub id: TableId,
    /// TABLE_OID; TRUNCATE gives a new one.
    pub oid: Oid,
    /// Owner's catalog spelling.
    pub owner: String,
    /// Catalog spelling.
    pub name: String,
    /// Columns in order; never empty.
    pub columns: Vec<Column>,
    /// Keys and indexes, the primary key first when there is one.
    pub indexes: Vec<Index>,
    /// Foreign keys.
    pub foreign_keys: Vec<ForeignKey>,
    /// Partitions; `None` for a plain table.
    pub partitioning: Option<Partitioning>,
}

impl Table {
    /// The primary key.
    #[must_use]
    pub fn primary_key(&self) -> Option<&Index> {
        self.indexes.first().filter(|i| i.kind == IndexKind::PrimaryKey)
    }

    /// Position of a column by its catalog spelling.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == name)
    }

    /// A partition by its catalog spelling.
    #[must_use]
    pub fn partition(&self, name: &str) -> Option<&Partition> {
        self.partitioning.as_ref()?.partitions.iter().find(|p| p.name == name)
    }

    /// A partition by number.
    #[must_use]
    pub fn partition_by_id(&self, id: PartitionId) -> Option<&Partition> {
        self.partitioning.as_ref()?.partitions.iter().find(|p| p.id == id)
    }

    /// The primary key of a row; `None` when the table has no primary key.
    #[must_use]
    pub fn key_of(&self, row: &[Datum]) -> Option<Key> {
        self.primary_key().map(|pk| Key::of(row, &pk.columns))
    }

    /// The partition that takes a row; `None` for a plain table, and when no partition takes it.
    #[must_use]
    pub fn partition_of(&self, row: &[Datum]) -> Option<PartitionId> {
        self.partitioning.as_ref()?.place(row)
    }
}

impl Partitioning {
    /// The partition that takes a row; `None` when none does.
    #[must_use]
    pub fn place(&self, row: &[Datum]) -> Option<PartitionId> {
        let fallback = || self.partitions.iter().find(|p| p.values.is_empty());
        let found = match self.method {
            PartitionMethod::Range => self
                .partitions
                .iter()
                .find(|p| !p.values.is_empty() && self.columns.iter().map(|&c| &row[c]).lt(p.values.iter()))
                .or_else(fallback),
            PartitionMethod::List => self
                .partitions
                .iter()
                .find(|p| self.columns.first().is_some_and(|&c| p.values.contains(&row[c])))
                .or_else(fallback),
            PartitionMethod::Hash => {
                let hash = self.columns.iter().fold(0xcbf2_9ce4_8422_2325, |h, &c| fnv(h, &row[c].to_string()));
                usize::try_from(hash % (self.partitions.len().max(1) as u64)).ok().and_then(|i| self.partitions.get(i))
            }
        };
        found.map(|p| p.id)
    }
}

/// FNV-1a: the same on every build and machine, which `std`'s hasher does not promise.
fn fnv(hash: u64, text: &str) -> u64 {
    text.bytes().chain([0xff]).fold(hash, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}
