//! Changes of layout: tables, columns, indexes.
//!
//! They belong to no transaction: they are done at once and are durable with the next `persist`. One that needs a table
//! for itself gives `Blocked` while a transaction holds a lock on it. Whether a replicated table may be changed is not
//! decided here.

use std::sync::Arc;

use super::{
    Database, Entry,
    event::{Event, Origin, Stop},
    heap::{Heap, Uniqueness},
    ids::{ConstraintId, Oid, PartitionId, TableId, TxId},
    table::{Column, ForeignKey, Index, IndexKind, Partition, Partitioning, Table},
};
use crate::{
    sql::{
        SqlError,
        ast::TableName,
        exec,
        statement::{ColumnDef, Constraint, ConstraintKind, CreateTable, PartitionBy},
    },
    store::Op,
    value::{Datum, Row},
};

/// Tables by name and number.
impl Database {
    /// All tables in order of id.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.values().map(|e| &*e.table)
    }

    /// A table by number.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn table(&self, id: TableId) -> &Table {
        &self.entry(id).table
    }

    /// A table by number, or `None` when it was dropped.
    #[must_use]
    pub fn find_table_by_id(&self, id: TableId) -> Option<&Table> {
        self.tables.get(&id).map(|e| &*e.table)
    }

    /// A table by catalog spelling.
    #[must_use]
    pub fn find_table(&self, owner: &str, name: &str) -> Option<&Table> {
        self.names.get(owner)?.get(name).map(|id| self.table(*id))
    }

    /// A table as a statement of `user` names it.
    ///
    /// # Errors
    /// 31031.
    pub fn resolve(&self, user: &str, name: &TableName) -> Result<&Table, SqlError> {
        self.find_table(name.user.as_deref().unwrap_or(user), &name.name).ok_or_else(SqlError::no_table)
    }

    /// The definition, shared.
    pub(crate) fn definition(&self, id: TableId) -> Arc<Table> {
        self.entry(id).table.clone()
    }

    /// Tables whose primary key columns cannot be updated, because they are replicated (31055). Replaces what was set
    /// before; not durable: to be set after `open` and after each change.
    pub fn set_replicated(&mut self, tables: impl IntoIterator<Item = TableId>) {
        self.replicated = tables.into_iter().collect();
    }
}

/// Changes of layout.
impl Database {
    /// CREATE TABLE.
    ///
    /// # Errors
    /// The name is taken; no such owner, column or parent; a default or bound that does not fit.
    pub fn create_table(&mut self, user: &str, def: &CreateTable) -> Result<TableId, SqlError> {
        let owner = def.table.user.as_deref().unwrap_or(user);
        if !self.users.contains_key(owner) {
            return Err(SqlError::no_owner());
        }
        if self.find_table(owner, &def.table.name).is_some() {
            return Err(SqlError::table_exists());
        }
        let mut columns: Vec<Column> = Vec::with_capacity(def.columns.len());
        for column in &def.columns {
            if columns.iter().any(|c| c.name == column.name) {
                return Err(SqlError::duplicate_column());
            }
            columns.push(make_column(column)?);
        }
        let id = TableId(self.next_number());
        let mut table = Table {
            id,
            oid: self.next_oid(),
            owner: owner.to_owned(),
            name: def.table.name.clone(),
            columns,
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
            partitioning: None,
        };
        for constraint in &def.constraints {
            self.add_constraint(&mut table, constraint)?;
        }
        table.indexes.sort_by_key(|i| i.kind != IndexKind::PrimaryKey);
        if let Some(by) = &def.partitions {
            table.partitioning = Some(self.make_partitions(&table, by)?);
        }
        self.names.entry(table.owner.clone()).or_default().insert(table.name.clone(), id);
        if !table.foreign_keys.is_empty() {
            self.with_foreign_keys.insert(id);
        }
        self.log.advance();
        self.pending.push(Op::PutTable(table.clone()));
        self.tables.insert(id, Entry { heap: Heap::load(&table, Vec::new()), table: table.into() });
        Ok(id)
    }

    /// DROP TABLE.
    ///
    /// # Errors
    /// `Blocked`; another table refers to it.
    ///
    /// # Panics
    /// When there is no such table.
    pub fn drop_table(&mut self, table: TableId) -> Result<(), Stop> {
        self.alone(table)?;
        if self.children(table).any(|(child, _)| child != table) {
            return Err(SqlError::depended_on().into());
        }
        self.keep_snapshots(table);
        let entry = self.tables.remove(&table).expect("the table exists");
        if let Some(names) = self.names.get_mut(&entry.table.owner) {
            names.remove(&entry.table.name);
        }
        self.with_foreign_keys.remove(&table);
        self.replicated.remove(&table);
        self.pending.push(Op::DropTable(table));
        self.log_ddl(table);
        Ok(())
    }

    /// TRUNCATE of a table, or of one of its partitions. What is truncated gets a new OID.
    ///
    /// # Errors
    /// `Blocked`; another table refers to it and has rows; a partition was named and there are none.
    ///
    /// # Panics
    /// When there is no such table.
    pub fn truncate(&mut self, table: TableId, partition: Option<PartitionId>) -> Result<(), Stop> {
        self.alone(table)?;
        let referenced: Vec<TableId> = self.children(table).map(|(child, _)| child).filter(|c| *c != table).collect();
        if referenced.iter().any(|child| self.count(None, *child) > 0) {
            return Err(SqlError::depended_on().into());
        }
        self.keep_snapshots(table);
        let mut definition = Table::clone(&self.entry(table).table);
        let oid = self.next_oid();
        match (partition, &mut definition.partitioning) {
            (Some(id), Some(p)) => p.partitions.iter_mut().filter(|p| p.id == id).for_each(|p| p.oid = oid),
            (None, None) => definition.oid = oid,
            (None, Some(p)) => {
                definition.oid = oid;
                for partition in &mut p.partitions {
                    partition.oid = self.next_oid();
                }
            }
            (Some(_), None) => return Err(SqlError::no_partition().into()),
        }
        let entry = self.tables.get_mut(&table).expect("the table exists");
        match partition {
            None => {
                entry.heap.clear();
                self.pending.push(Op::ClearRows(table));
            }
            Some(id) => {
                let inside = entry.heap.scan(None, ..).filter(|(_, row)| definition.partition_of(row) == Some(id));
                let keys: Vec<_> = inside.map(|(key, _)| key.clone()).collect();
                for key in keys {
                    entry.heap.set(&key, None);
                    self.pending.push(Op::DeleteRow { table, key });
                }
            }
        }
        self.redefine(definition);
        Ok(())
    }

    /// ADD COLUMN; rows get the default.
    ///
    /// # Errors
    /// `Blocked`; the name is taken; NOT NULL without a default on a table that has rows.
    pub fn add_columns(&mut self, table: TableId, columns: &[ColumnDef]) -> Result<(), Stop> {
        self.alone(table)?;
        let mut definition = Table::clone(&self.entry(table).table);
        let has_rows = self.count(None, table) > 0;
        for column in columns {
            if definition.column(&column.name).is_some() {
                return Err(SqlError::duplicate_column().into());
            }
            let made = make_column(column)?;
            if made.not_null && made.default.is_null() && has_rows {
                return Err(SqlError::null_refused().into());
            }
            if column.unique {
                let at = definition.columns.len();
                let index = self.make_index(&definition, None, vec![at], IndexKind::UniqueConstraint);
                definition.indexes.push(index);
            }
            definition.columns.push(made);
        }
        let first = definition.columns.len() - columns.len();
        let defaults: Vec<Datum> = definition.columns[first..].iter().map(|c| c.default.clone()).collect();
        self.rebuild(definition, |row| row.iter().chain(&defaults).cloned().collect())
    }

    /// DROP COLUMN.
    ///
    /// # Errors
    /// `Blocked`; no such column; the column belongs to a key, an index or the partition key, or is the last one.
    ///
    /// # Panics
    /// When there is no such table.
    pub fn drop_columns(&mut self, table: TableId, columns: &[String]) -> Result<(), Stop> {
        self.alone(table)?;
        let old = self.definition(table);
        let mut gone = Vec::new();
        for name in columns {
            let at = old.column(name).ok_or_else(SqlError::no_column)?;
            let indexed = old.indexes.iter().any(|i| i.columns.contains(&at));
            let bound = old.foreign_keys.iter().any(|f| f.columns.contains(&at))
                || old.partitioning.as_ref().is_some_and(|p| p.columns.contains(&at));
            if indexed || bound {
                return Err(SqlError::column_in_use().into());
            }
            gone.push(at);
        }
        let kept: Vec<usize> = (0..old.columns.len()).filter(|c| !gone.contains(c)).collect();
        if kept.is_empty() {
            return Err(SqlError::column_in_use().into());
        }
        let moved = |c: &usize| kept.iter().position(|k| k == c).expect("columns in use are kept");
        let move_all = |columns: &mut Vec<usize>| columns.iter_mut().for_each(|c| *c = moved(c));
        let mut definition = Table::clone(&old);
        definition.columns = kept.iter().map(|&c| old.columns[c].clone()).collect();
        definition.indexes.iter_mut().for_each(|i| move_all(&mut i.columns));
        definition.foreign_keys.iter_mut().for_each(|f| move_all(&mut f.columns));
        if let Some(p) = &mut definition.partitioning {
            move_all(&mut p.columns);
        }
        self.rebuild(definition, |row| kept.iter().map(|&c| row[c].clone()).collect())
    }

    /// RENAME.
    ///
    /// # Errors
    /// `Blocked`; the name is taken.
    pub fn rename_table(&mut self, table: TableId, to: &str) -> Result<(), Stop> {
        self.alone(table)?;
        let mut definition = Table::clone(&self.entry(table).table);
        if self.find_table(&definition.owner, to).is_some() {
            return Err(SqlError::table_exists().into());
        }
        let names = self.names.entry(definition.owner.clone()).or_default();
        names.remove(&definition.name);
        names.insert(to.to_owned(), table);
        to.clone_into(&mut definition.name);
        self.redefine(definition);
        Ok(())
    }

    /// CREATE INDEX; `kind` is `UniqueIndex` or `Plain`.
    ///
    /// # Errors
    /// `Blocked`; the name is taken; no such column; rows that are not unique (11058).
    pub fn create_index(
        &mut self,
        table: TableId,
        name: &str,
        columns: &[String],
        kind: IndexKind,
    ) -> Result<(), Stop> {
        self.alone(table)?;
        let old = self.definition(table);
        if self.table_of_index(&old.owner, name).is_some() {
            return Err(SqlError::table_exists().into());
        }
        let columns = positions(&old, columns)?;
        let mut definition = Table::clone(&old);
        definition.indexes.push(self.make_index(&old, Some(name), columns, kind));
        let entry = self.entry_mut(table);
        match entry.heap.reindex(&definition) {
            Uniqueness::Duplicates => {
                entry.heap.reindex(&old);
                return Err(SqlError::duplicate_key().into());
            }
            Uniqueness::Unique => {}
        }
        self.redefine(definition);
        Ok(())
    }

    /// DROP INDEX. The index of a constraint cannot be dropped by itself.
    ///
    /// # Errors
    /// `Blocked`; no such index.
    pub fn drop_index(&mut self, owner: &str, name: &str) -> Result<(), Stop> {
        let table = self.table_of_index(owner, name).ok_or_else(SqlError::no_index)?.id;
        self.alone(table)?;
        let mut definition = Table::clone(&self.entry(table).table);
        let droppable = |i: &Index| matches!(i.kind, IndexKind::UniqueIndex | IndexKind::Plain);
        if definition.indexes.iter().any(|i| i.name == name && !droppable(i)) {
            return Err(SqlError::no_index().into());
        }
        definition.indexes.retain(|i| i.name != name);
        self.entry_mut(table).heap.reindex(&definition);
        self.redefine(definition);
        Ok(())
    }

    /// The table of `owner` that has an index of that name.
    #[must_use]
    pub fn table_of_index(&self, owner: &str, name: &str) -> Option<&Table> {
        self.tables().find(|t| t.owner == owner && t.indexes.iter().any(|i| i.name == name))
    }
}

impl Database {
    fn next_number(&mut self) -> u32 {
        self.counters.last_number += 1;
        self.counters.last_number
    }

    fn next_oid(&mut self) -> Oid {
        // Object ids of the server look like addresses: far apart.
        self.counters.last_oid.0 += 1024;
        self.counters.last_oid
    }

    fn log_ddl(&mut self, table: TableId) {
        // A change of layout is a transaction of its own; it has no number that anybody could meet again.
        self.counters.last_tx.0 += 1;
        let tx = TxId(self.counters.last_tx.0);
        self.log.append(tx, Origin::Client, Event::Ddl { table });
    }

    /// Puts a definition in the place of the old one; rows stay as they are.
    fn redefine(&mut self, definition: Table) {
        let table = definition.id;
        self.pending.push(Op::PutTable(definition.clone()));
        self.entry_mut(table).table = definition.into();
        self.log_ddl(table);
    }

    /// Puts a definition in the place of the old one and makes every row anew.
    fn rebuild(&mut self, definition: Table, remake: impl Fn(&Row) -> Row) -> Result<(), Stop> {
        let table = definition.id;
        self.keep_snapshots(table);
        let entry = self.entry_mut(table);
        let rows: Vec<_> = entry.heap.scan(None, ..).map(|(key, row)| (key.clone(), remake(row))).collect();
        let mut heap = Heap::load(&definition, rows.clone());
        if heap.reindex(&definition) == Uniqueness::Duplicates {
            return Err(SqlError::duplicate_key().into());
        }
        heap.queue = std::mem::take(&mut entry.heap.queue);
        entry.heap = heap;
        self.pending.extend(rows.into_iter().map(|(key, row)| Op::PutRow { table, key, row }));
        self.redefine(definition);
        Ok(())
    }

    fn make_index(&mut self, table: &Table, name: Option<&str>, columns: Vec<usize>, kind: IndexKind) -> Index {
        let id = ConstraintId(self.next_number());
        let name = name.map_or_else(|| format!("__SYS_{}_ID_{id}", constraint_word(kind)), str::to_owned);
        debug_assert!(columns.iter().all(|c| *c <= table.columns.len()));
        Index { id, name, columns, kind }
    }

    fn add_constraint(&mut self, table: &mut Table, constraint: &Constraint) -> Result<(), SqlError> {
        let columns = positions(table, &constraint.columns)?;
        let name = constraint.name.as_deref();
        match &constraint.kind {
            ConstraintKind::PrimaryKey => {
                if table.indexes.iter().any(|i| i.kind == IndexKind::PrimaryKey) {
                    return Err(SqlError::second_primary_key());
                }
                for &column in &columns {
                    table.columns[column].not_null = true;
                }
                let index = self.make_index(table, name, columns, IndexKind::PrimaryKey);
                table.indexes.push(index);
            }
            ConstraintKind::Unique => {
                let index = self.make_index(table, name, columns, IndexKind::UniqueConstraint);
                table.indexes.push(index);
            }
            ConstraintKind::References { table: parent, columns: named } => {
                let own =
                    (parent.user.as_deref().unwrap_or(&table.owner), &*parent.name) == (&*table.owner, &*table.name);
                let parent = if own { &*table } else { self.resolve(&table.owner, parent)? };
                let parent_columns = if named.is_empty() {
                    parent.primary_key().map(|pk| pk.columns.clone()).ok_or_else(SqlError::no_parent_key)?
                } else {
                    positions(parent, named)?
                };
                if parent_columns.len() != columns.len() {
                    return Err(SqlError::no_parent_key());
                }
                let parent = parent.id;
                let id = ConstraintId(self.next_number());
                let name = name.map_or_else(|| format!("__SYS_CON_FOREIGN_KEY_ID_{id}"), str::to_owned);
                table.foreign_keys.push(ForeignKey { id, name, columns, parent, parent_columns });
            }
        }
        Ok(())
    }

    fn make_partitions(&mut self, table: &Table, by: &PartitionBy) -> Result<Partitioning, SqlError> {
        let columns = positions(table, &by.columns)?;
        let mut partitions: Vec<Partition> = Vec::new();
        for def in &by.partitions {
            if partitions.iter().any(|p| p.name == def.name) {
                return Err(SqlError::table_exists());
            }
            let typed = |(i, value): (usize, &crate::sql::ast::Expr)| {
                let column = &table.columns[columns[i.min(columns.len() - 1)]];
                exec::constant(value).and_then(|v| column.column_type.fit(&column.name, v))
            };
            let values = def.values.iter().enumerate().map(typed).collect::<Result<_, _>>()?;
            let id = PartitionId(self.next_number());
            partitions.push(Partition { id, oid: self.next_oid(), name: def.name.clone(), values });
        }
        Ok(Partitioning { method: by.method, columns, partitions })
    }
}

fn make_column(def: &ColumnDef) -> Result<Column, SqlError> {
    let default = def.default.as_ref().map_or(Ok(Datum::Null), exec::constant)?;
    Ok(Column {
        name: def.name.clone(),
        column_type: def.column_type,
        not_null: def.not_null,
        default: def.column_type.fit(&def.name, default)?,
    })
}

fn positions(table: &Table, names: &[String]) -> Result<Vec<usize>, SqlError> {
    names.iter().map(|name| table.column(name).ok_or_else(SqlError::no_column)).collect()
}

fn constraint_word(kind: IndexKind) -> &'static str {
    match kind {
        IndexKind::PrimaryKey => "CON_PRIMARY",
        IndexKind::UniqueConstraint => "CON_UNIQUE",
        IndexKind::UniqueIndex | IndexKind::Plain => "IDX",
    }
}
