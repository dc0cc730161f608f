//! Reading and changing rows under the constraints of their table.
//!
//! Decides whether a change is allowed: locks, keys, NOT NULL, foreign keys, partitions. Values must fit their columns
//! already (`ColumnType::fit`).

use std::ops::RangeBounds;

use super::{
    Database,
    event::Stop,
    heap::InTheWay,
    ids::{TableId, TxId},
    key::Key,
    table::{ForeignKey, Table},
};
use crate::{
    sql::SqlError,
    value::{Datum, Row},
};

/// Rows. `tx` sees its own changes; `None` and others see only what is committed.
impl Database {
    /// One row.
    #[must_use]
    pub fn get(&self, tx: Option<TxId>, table: TableId, key: &Key) -> Option<&Row> {
        self.entry(table).heap.visible(tx, key)
    }

    /// All rows in primary key order.
    pub fn scan(&self, tx: Option<TxId>, table: TableId) -> impl Iterator<Item = (&Key, &Row)> {
        self.entry(table).heap.scan(tx, ..)
    }

    /// Rows with keys in a range, in order.
    pub fn range(
        &self,
        tx: Option<TxId>,
        table: TableId,
        range: impl RangeBounds<Key> + Clone,
    ) -> impl Iterator<Item = (&Key, &Row)> {
        self.entry(table).heap.scan(tx, range)
    }

    /// Number of rows; does not look at them.
    #[must_use]
    pub fn count(&self, tx: Option<TxId>, table: TableId) -> usize {
        self.entry(table).heap.count(tx)
    }

    /// Inserts a row whose values fit their columns.
    ///
    /// # Errors
    /// `Blocked`; 11058; NULL where none may be; a missing parent; no partition that takes the row.
    ///
    /// # Panics
    /// When there is no such table, or the transaction is not open.
    pub fn insert(&mut self, tx: TxId, table: TableId, row: Row) -> Result<(), Stop> {
        self.lock_for_change(tx, table)?;
        let entry = self.tables.get_mut(&table).expect("the table exists");
        check_row(&entry.table, &row)?;
        let key = entry.table.key_of(&row).unwrap_or_else(|| entry.heap.hidden_key());
        self.free_place(tx, table, &key)?;
        self.free_uniques(tx, table, &key, &row)?;
        self.parents_exist(tx, table, &row)?;
        self.write(tx, table, key, Some(row));
        Ok(())
    }

    /// Puts `after` in the place of the row at `key`.
    ///
    /// # Errors
    /// As [`Self::insert`]; 31055 when the key of a replicated table changes. Nothing happens when `tx` sees no row
    /// there.
    pub fn update(&mut self, tx: TxId, table: TableId, key: &Key, after: Row) -> Result<(), Stop> {
        self.lock_for_change(tx, table)?;
        self.own_row(tx, table, key)?;
        let entry = self.entry(table);
        let Some(before) = entry.heap.newest(key).cloned() else { return Ok(()) };
        check_row(&entry.table, &after)?;
        let new_key = entry.table.key_of(&after).unwrap_or_else(|| key.clone());
        if new_key != *key {
            if self.replicated.contains(&table) {
                return Err(SqlError::replicated_key().into());
            }
            self.free_place(tx, table, &new_key)?;
        }
        self.free_uniques(tx, table, key, &after)?;
        self.parents_exist(tx, table, &after)?;
        self.no_orphans(tx, table, &before, Some(&after))?;
        if new_key != *key {
            self.write(tx, table, key.clone(), None);
        }
        self.write(tx, table, new_key, Some(after));
        Ok(())
    }

    /// Deletes the row at `key`.
    ///
    /// # Errors
    /// `Blocked`; rows of a child table refer to it. Nothing happens when `tx` sees no row there.
    pub fn delete(&mut self, tx: TxId, table: TableId, key: &Key) -> Result<(), Stop> {
        self.lock_for_change(tx, table)?;
        self.own_row(tx, table, key)?;
        let Some(before) = self.entry(table).heap.newest(key).cloned() else { return Ok(()) };
        self.no_orphans(tx, table, &before, None)?;
        self.write(tx, table, key.clone(), None);
        Ok(())
    }

    /// No other transaction holds the row.
    pub(super) fn own_row(&mut self, tx: TxId, table: TableId, key: &Key) -> Result<(), Stop> {
        match self.entry(table).heap.holder(key) {
            Some(other) if other != tx => Err(self.blocked_by(tx, vec![other])),
            _ => Ok(()),
        }
    }

    fn free_place(&mut self, tx: TxId, table: TableId, key: &Key) -> Result<(), Stop> {
        self.own_row(tx, table, key)?;
        match self.entry(table).heap.newest(key) {
            Some(_) => Err(SqlError::duplicate_key().into()),
            None => Ok(()),
        }
    }

    pub(super) fn free_uniques(&mut self, tx: TxId, table: TableId, own: &Key, row: &Row) -> Result<(), Stop> {
        match self.entry(table).heap.unique_conflict(tx, own, row) {
            None => Ok(()),
            Some(InTheWay::Row) => Err(SqlError::duplicate_key().into()),
            Some(InTheWay::Holder(other)) => Err(self.blocked_by(tx, vec![other])),
        }
    }

    fn parents_exist(&self, tx: TxId, table: TableId, row: &Row) -> Result<(), Stop> {
        for fk in &self.entry(table).table.foreign_keys {
            let wanted: Vec<&Datum> = fk.columns.iter().map(|&c| &row[c]).collect();
            let parent_is_self = fk.parent == table && matches(row, &fk.parent_columns, &wanted);
            if wanted.iter().any(|v| v.is_null()) || parent_is_self {
                continue;
            }
            if !self.row_with(Some(tx), fk.parent, &fk.parent_columns, &wanted) {
                return Err(SqlError::no_parent().into());
            }
        }
        Ok(())
    }

    fn no_orphans(&self, tx: TxId, table: TableId, before: &Row, after: Option<&Row>) -> Result<(), Stop> {
        for (child, fk) in self.children(table) {
            let old: Vec<&Datum> = fk.parent_columns.iter().map(|&c| &before[c]).collect();
            let kept = after.is_some_and(|row| matches(row, &fk.parent_columns, &old));
            if !kept && self.row_with(Some(tx), child, &fk.columns, &old) {
                return Err(SqlError::has_children().into());
            }
        }
        Ok(())
    }

    /// Foreign keys that refer to a table, with the tables that own them.
    pub(super) fn children(&self, parent: TableId) -> impl Iterator<Item = (TableId, &ForeignKey)> {
        let owners = self.with_foreign_keys.iter().map(|id| (*id, &self.entry(*id).table));
        owners.flat_map(move |(id, t)| t.foreign_keys.iter().filter(move |f| f.parent == parent).map(move |f| (id, f)))
    }

    fn row_with(&self, tx: Option<TxId>, table: TableId, columns: &[usize], values: &[&Datum]) -> bool {
        let entry = self.entry(table);
        if entry.table.primary_key().is_some_and(|pk| pk.columns == columns) {
            let values: Vec<Datum> = values.iter().map(|v| (*v).clone()).collect();
            return entry.heap.visible(tx, &Key::from_values(&values)).is_some();
        }
        entry.heap.scan(tx, ..).any(|(_, row)| matches(row, columns, values))
    }
}

fn matches(row: &Row, columns: &[usize], values: &[&Datum]) -> bool {
    columns.iter().map(|&c| &row[c]).eq(values.iter().copied())
}

fn check_row(table: &Table, row: &Row) -> Result<(), SqlError> {
    debug_assert_eq!(row.len(), table.columns.len());
    if table.columns.iter().zip(row.iter()).any(|(column, value)| column.not_null && value.is_null()) {
        return Err(SqlError::null_refused());
    }
    if table.partitioning.is_some() && table.partition_of(row).is_none() {
        return Err(SqlError::no_partition_for_row());
    }
    Ok(())
}
