//! The tables of schema SYSTEM_ that describe users, tables, keys and partitions (transcripts `*_00_desc`).
//!
//! It decides columns and their order; it knows nothing of replication and must never change anything.

use super::{
    items::method_number,
    performance::{int, text},
};
use crate::{
    data::{Database, IndexKind, Table},
    sql::exec::Relation,
    value::{ColumnType, Datum},
};

pub(super) fn flag(set: bool) -> Datum {
    text(if set { "T" } else { "F" })
}

pub(super) fn user_id(db: &Database, table: &Table) -> Datum {
    db.user(&table.owner).map_or(Datum::Null, |u| int(u.id.0))
}

pub(super) fn users(db: &Database) -> Relation {
    let mut relation =
        Relation::new(&["USER_ID", "USER_NAME", "DEFAULT_TBS_ID", "TEMP_TBS_ID", "USER_TYPE", "DISABLE_TCP"]);
    for u in db.users() {
        relation.push(vec![int(u.id.0), text(&u.name), Datum::Int(2), Datum::Int(4), text("U"), text("F")]);
    }
    relation
}

pub(super) fn columns(db: &Database) -> Relation {
    let mut relation = Relation::new(&[
        "COLUMN_ID",
        "DATA_TYPE",
        "LANG_ID",
        "OFFSET",
        "SIZE",
        "USER_ID",
        "TABLE_ID",
        "PRECISION",
        "SCALE",
        "COLUMN_ORDER",
        "COLUMN_NAME",
        "IS_NULLABLE",
        "DEFAULT_VAL",
        "IS_HIDDEN",
    ]);
    for t in db.tables() {
        for (order, c) in t.columns.iter().enumerate() {
            let id = i64::from(t.id.0) * 1024 + i64::try_from(order).unwrap_or(0);
            relation.push(vec![
                int(id),
                int(c.column_type.catalog_id()),
                Datum::Int(0),
                Datum::Int(0),
                int(c.column_type.size()),
                user_id(db, t),
                int(t.id.0),
                int(c.column_type.precision()),
                int(c.column_type.scale()),
                int(order),
                text(&c.name),
                flag(!c.not_null),
                Datum::from(c.default.to_string()),
                text("F"),
            ]);
        }
    }
    relation
}

/// CONSTRAINT_TYPE; `None` for an index that is no constraint.
fn constraint_type(kind: IndexKind) -> Option<i64> {
    match kind {
        IndexKind::PrimaryKey => Some(3),
        IndexKind::UniqueConstraint => Some(2),
        IndexKind::UniqueIndex | IndexKind::Plain => None,
    }
}

pub(super) fn constraints(db: &Database) -> Relation {
    let mut relation = Relation::new(&[
        "USER_ID",
        "TABLE_ID",
        "CONSTRAINT_ID",
        "CONSTRAINT_NAME",
        "CONSTRAINT_TYPE",
        "INDEX_ID",
        "COLUMN_CNT",
        "REFERENCED_TABLE_ID",
        "REFERENCED_INDEX_ID",
        "DELETE_RULE",
        "CHECK_CONDITION",
        "VALIDATED",
    ]);
    for t in db.tables() {
        for i in &t.indexes {
            let Some(kind) = constraint_type(i.kind) else { continue };
            relation.push(vec![
                user_id(db, t),
                int(t.id.0),
                int(i.id.0),
                text(&i.name),
                int(kind),
                int(i.id.0),
                int(i.columns.len()),
                Datum::Int(0),
                Datum::Int(0),
                Datum::Int(0),
                Datum::Null,
                text("T"),
            ]);
        }
        for f in &t.foreign_keys {
            relation.push(vec![
                user_id(db, t),
                int(t.id.0),
                int(f.id.0),
                text(&f.name),
                Datum::Int(0),
                Datum::Int(0),
                int(f.columns.len()),
                int(f.parent.0),
                Datum::Int(0),
                Datum::Int(0),
                Datum::Null,
                text("T"),
            ]);
        }
        let of_columns = t.columns.iter().enumerate().flat_map(|(n, c)| {
            let not_null = (c.not_null && !is_key(t, n)).then_some((n, c, 1, "NOT_NULL"));
            let timestamp = (c.column_type == ColumnType::Timestamp).then_some((n, c, 5, "TIMESTAMP"));
            not_null.into_iter().chain(timestamp)
        });
        for (n, c, kind, word) in of_columns {
            let id = i64::from(t.id.0) * 1024 + i64::try_from(n).unwrap_or(0);
            relation.push(vec![
                user_id(db, t),
                int(t.id.0),
                int(id),
                Datum::from(format!("__SYS_CON_{word}_ID_{id}_{}", c.name)),
                Datum::Int(kind),
                Datum::Int(0),
                Datum::Int(1),
                Datum::Int(0),
                Datum::Int(0),
                Datum::Int(0),
                Datum::Null,
                text("T"),
            ]);
        }
    }
    relation
}

fn is_key(table: &Table, column: usize) -> bool {
    table.primary_key().is_some_and(|pk| pk.columns.contains(&column))
}

pub(super) fn constraint_columns(db: &Database) -> Relation {
    let mut relation = Relation::new(&["USER_ID", "TABLE_ID", "CONSTRAINT_ID", "CONSTRAINT_COL_ORDER", "COLUMN_ID"]);
    for t in db.tables() {
        let of_indexes = t.indexes.iter().filter(|i| constraint_type(i.kind).is_some()).map(|i| (i.id, &i.columns));
        for (id, columns) in of_indexes.chain(t.foreign_keys.iter().map(|f| (f.id, &f.columns))) {
            for (order, c) in columns.iter().enumerate() {
                let column = i64::from(t.id.0) * 1024 + i64::try_from(*c).unwrap_or(0);
                relation.push(vec![user_id(db, t), int(t.id.0), int(id.0), int(order), int(column)]);
            }
        }
    }
    relation
}

pub(super) fn indices(db: &Database) -> Relation {
    let mut relation = Relation::new(&[
        "USER_ID",
        "TABLE_ID",
        "INDEX_ID",
        "INDEX_NAME",
        "INDEX_TYPE",
        "IS_UNIQUE",
        "COLUMN_CNT",
        "IS_RANGE",
        "IS_PERS",
        "IS_DIRECTKEY",
        "TBS_ID",
        "IS_PARTITIONED",
        "INDEX_TABLE_ID",
    ]);
    for t in db.tables() {
        for i in &t.indexes {
            relation.push(vec![
                user_id(db, t),
                int(t.id.0),
                int(i.id.0),
                text(&i.name),
                Datum::Int(1),
                flag(i.kind != IndexKind::Plain),
                int(i.columns.len()),
                text("T"),
                text("F"),
                text("F"),
                Datum::Int(2),
                flag(t.partitioning.is_some()),
                Datum::Int(0),
            ]);
        }
    }
    relation
}

pub(super) fn index_columns(db: &Database) -> Relation {
    let mut relation =
        Relation::new(&["USER_ID", "INDEX_ID", "COLUMN_ID", "INDEX_COL_ORDER", "SORT_ORDER", "TABLE_ID"]);
    for t in db.tables() {
        for i in &t.indexes {
            for (order, c) in i.columns.iter().enumerate() {
                let column = i64::from(t.id.0) * 1024 + i64::try_from(*c).unwrap_or(0);
                relation.push(vec![user_id(db, t), int(i.id.0), int(column), int(order), text("A"), int(t.id.0)]);
            }
        }
    }
    relation
}

pub(super) fn part_tables(db: &Database) -> Relation {
    let mut relation =
        Relation::new(&["USER_ID", "TABLE_ID", "PARTITION_METHOD", "PARTITION_KEY_COUNT", "ROW_MOVEMENT"]);
    for t in db.tables() {
        if let Some(p) = &t.partitioning {
            relation.push(vec![
                user_id(db, t),
                int(t.id.0),
                int(method_number(p.method)),
                int(p.columns.len()),
                text("F"),
            ]);
        }
    }
    relation
}
