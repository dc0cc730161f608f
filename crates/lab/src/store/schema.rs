//! Table definitions and log records as bytes, for stores that keep bytes.
//!
//! Keys get a second form that sorts as bytes the way keys sort.

use crate::{
    data::{
        Column, ConstraintId, Event, ForeignKey, Index, IndexKind, Key, LogRecord, Oid, Origin, Partition, PartitionId,
        Partitioning, Sn, Table, TableId, TxId,
        codec::{put_datum, put_row, put_text, put_u64, take_datum, take_row, take_text, take_u64},
    },
    sql::statement::PartitionMethod,
    value::ColumnType,
};

fn put_list<T>(out: &mut Vec<u8>, items: &[T], mut put: impl FnMut(&mut Vec<u8>, &T)) {
    put_u64(out, items.len() as u64);
    for item in items {
        put(out, item);
    }
}

fn take_list<T>(bytes: &mut &[u8], mut take: impl FnMut(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    (0..take_u64(bytes)?).map(|_| take(bytes)).collect()
}

fn put_positions(out: &mut Vec<u8>, columns: &[usize]) {
    put_list(out, columns, |out, c| put_u64(out, *c as u64));
}

fn take_positions(bytes: &mut &[u8]) -> Option<Vec<usize>> {
    take_list(bytes, |b| usize::try_from(take_u64(b)?).ok())
}

fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    u32::try_from(take_u64(bytes)?).ok()
}

fn take_string(bytes: &mut &[u8]) -> Option<String> {
    take_text(bytes).map(str::to_owned)
}

fn put_type(out: &mut Vec<u8>, column_type: ColumnType) {
    let (tag, a, b): (u64, u64, u64) = match column_type {
        ColumnType::SmallInt => (0, 0, 0),
        ColumnType::Integer => (1, 0, 0),
        ColumnType::BigInt => (2, 0, 0),
        ColumnType::Numeric { precision, scale: None } => (3, precision.into(), 0),
        ColumnType::Numeric { precision, scale: Some(s) } => (4, precision.into(), s.cast_unsigned().into()),
        ColumnType::Double => (5, 0, 0),
        ColumnType::Char(n) => (6, n.into(), 0),
        ColumnType::Varchar(n) => (7, n.into(), 0),
        ColumnType::Date => (8, 0, 0),
        ColumnType::Blob => (9, 0, 0),
        ColumnType::Clob => (10, 0, 0),
        ColumnType::Timestamp => (11, 0, 0),
    };
    for n in [tag, a, b] {
        put_u64(out, n);
    }
}

fn take_type(bytes: &mut &[u8]) -> Option<ColumnType> {
    let (tag, a, b) = (take_u64(bytes)?, take_u32(bytes)?, take_u64(bytes)?);
    Some(match tag {
        0 => ColumnType::SmallInt,
        1 => ColumnType::Integer,
        2 => ColumnType::BigInt,
        3 => ColumnType::Numeric { precision: u8::try_from(a).ok()?, scale: None },
        4 => ColumnType::Numeric { precision: u8::try_from(a).ok()?, scale: Some(u8::try_from(b).ok()?.cast_signed()) },
        5 => ColumnType::Double,
        6 => ColumnType::Char(a),
        7 => ColumnType::Varchar(a),
        8 => ColumnType::Date,
        9 => ColumnType::Blob,
        10 => ColumnType::Clob,
        11 => ColumnType::Timestamp,
        _ => return None,
    })
}

fn put_column(out: &mut Vec<u8>, column: &Column) {
    put_text(out, &column.name);
    put_type(out, column.column_type);
    out.push(u8::from(column.not_null));
    put_datum(out, &column.default);
}

fn take_byte(bytes: &mut &[u8]) -> Option<u8> {
    let (&byte, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(byte)
}

fn take_column(bytes: &mut &[u8]) -> Option<Column> {
    Some(Column {
        name: take_string(bytes)?,
        column_type: take_type(bytes)?,
        not_null: take_byte(bytes)? == 1,
        default: take_datum(bytes)?,
    })
}

const INDEX_KINDS: [IndexKind; 4] =
    [IndexKind::PrimaryKey, IndexKind::UniqueConstraint, IndexKind::UniqueIndex, IndexKind::Plain];
const METHODS: [PartitionMethod; 3] = [PartitionMethod::Range, PartitionMethod::List, PartitionMethod::Hash];
const ORIGINS: [Origin; 3] = [Origin::Client, Origin::Unreplicated, Origin::Replication];

fn put_choice<T: PartialEq>(out: &mut Vec<u8>, choices: &[T], choice: &T) {
    put_u64(out, choices.iter().position(|c| c == choice).map_or(u64::MAX, |i| i as u64));
}

fn take_choice<T: Copy>(bytes: &mut &[u8], choices: &[T]) -> Option<T> {
    choices.get(usize::try_from(take_u64(bytes)?).ok()?).copied()
}

/// A definition as bytes.
pub fn put_table(out: &mut Vec<u8>, table: &Table) {
    put_u64(out, table.id.0.into());
    put_u64(out, table.oid.0);
    put_text(out, &table.owner);
    put_text(out, &table.name);
    put_list(out, &table.columns, put_column);
    put_list(out, &table.indexes, |out, index| {
        put_u64(out, index.id.0.into());
        put_text(out, &index.name);
        put_positions(out, &index.columns);
        put_choice(out, &INDEX_KINDS, &index.kind);
    });
    put_list(out, &table.foreign_keys, |out, fk| {
        put_u64(out, fk.id.0.into());
        put_text(out, &fk.name);
        put_positions(out, &fk.columns);
        put_u64(out, fk.parent.0.into());
        put_positions(out, &fk.parent_columns);
    });
    let partitioning: Vec<&Partitioning> = table.partitioning.iter().collect();
    put_list(out, &partitioning, |out, p| {
        put_choice(out, &METHODS, &p.method);
        put_positions(out, &p.columns);
        put_list(out, &p.partitions, |out, partition| {
            put_u64(out, partition.id.0.into());
            put_u64(out, partition.oid.0);
            put_text(out, &partition.name);
            put_list(out, &partition.values, put_datum);
        });
    });
}

/// What [`put_table`] wrote.
pub fn take_table(bytes: &mut &[u8]) -> Option<Table> {
    Some(Table {
        id: TableId(take_u32(bytes)?),
        oid: Oid(take_u64(bytes)?),
        owner: take_string(bytes)?,
        name: take_string(bytes)?,
        columns: take_list(bytes, take_column)?,
        indexes: take_list(bytes, |b| {
            Some(Index {
                id: ConstraintId(take_u32(b)?),
                name: take_string(b)?,
                columns: take_positions(b)?,
                kind: take_choice(b, &INDEX_KINDS)?,
            })
        })?,
        foreign_keys: take_list(bytes, |b| {
            Some(ForeignKey {
                id: ConstraintId(take_u32(b)?),
                name: take_string(b)?,
                columns: take_positions(b)?,
                parent: TableId(take_u32(b)?),
                parent_columns: take_positions(b)?,
            })
        })?,
        partitioning: take_list(bytes, take_partitioning)?.pop(),
    })
}

fn take_partitioning(bytes: &mut &[u8]) -> Option<Partitioning> {
    Some(Partitioning {
        method: take_choice(bytes, &METHODS)?,
        columns: take_positions(bytes)?,
        partitions: take_list(bytes, |b| {
            Some(Partition {
                id: PartitionId(take_u32(b)?),
                oid: Oid(take_u64(b)?),
                name: take_string(b)?,
                values: take_list(b, take_datum)?,
            })
        })?,
    })
}

const INSERT: u8 = 0;
const UPDATE: u8 = 1;
const DELETE: u8 = 2;
const UNDO: u8 = 3;
const COMMIT: u8 = 4;
const ROLLBACK: u8 = 5;
const DDL: u8 = 6;

fn put_place(out: &mut Vec<u8>, tag: u8, table: TableId, partition: Option<PartitionId>) {
    out.push(tag);
    put_u64(out, table.0.into());
    // Partition numbers start at 1.
    put_u64(out, partition.map_or(0, |p| p.0.into()));
}

/// A log record as bytes, its SN aside.
pub fn put_record(out: &mut Vec<u8>, record: &LogRecord) {
    put_u64(out, record.tx.0);
    put_choice(out, &ORIGINS, &record.origin);
    match &record.event {
        Event::Insert { table, partition, row } => {
            put_place(out, INSERT, *table, *partition);
            put_row(out, row);
        }
        Event::Update { table, partition, before, after } => {
            put_place(out, UPDATE, *table, *partition);
            put_row(out, before);
            put_row(out, after);
        }
        Event::Delete { table, partition, before } => {
            put_place(out, DELETE, *table, *partition);
            put_row(out, before);
        }
        Event::UndoTo(sn) => {
            out.push(UNDO);
            put_u64(out, sn.0);
        }
        Event::Commit => out.push(COMMIT),
        Event::Rollback => out.push(ROLLBACK),
        Event::Ddl { table } => {
            out.push(DDL);
            put_u64(out, table.0.into());
        }
    }
}

/// What [`put_record`] wrote.
pub fn take_record(sn: Sn, bytes: &mut &[u8]) -> Option<LogRecord> {
    let (tx, origin) = (TxId(take_u64(bytes)?), take_choice(bytes, &ORIGINS)?);
    let place = |b: &mut &[u8]| {
        let (table, partition) = (TableId(take_u32(b)?), take_u32(b)?);
        Some((table, Some(partition).filter(|p| *p != 0).map(PartitionId)))
    };
    let event = match take_byte(bytes)? {
        INSERT => {
            let (table, partition) = place(bytes)?;
            Event::Insert { table, partition, row: take_row(bytes)? }
        }
        UPDATE => {
            let (table, partition) = place(bytes)?;
            Event::Update { table, partition, before: take_row(bytes)?, after: take_row(bytes)? }
        }
        DELETE => {
            let (table, partition) = place(bytes)?;
            Event::Delete { table, partition, before: take_row(bytes)? }
        }
        UNDO => Event::UndoTo(Sn(take_u64(bytes)?)),
        COMMIT => Event::Commit,
        ROLLBACK => Event::Rollback,
        DDL => Event::Ddl { table: TableId(take_u32(bytes)?) },
        _ => return None,
    };
    Some(LogRecord { sn, tx, origin, event })
}

/// A key as bytes: equal keys give equal bytes, and a table is written in the order that it is filled.
pub fn put_key(out: &mut Vec<u8>, key: &Key) {
    match key {
        Key::Int(n) => out.extend((n.cast_unsigned() ^ (1 << 63)).to_be_bytes()),
        // Never as long as an integer key, so the two cannot be taken for each other.
        Key::Values(values) => {
            out.push(0);
            put_row(out, values);
            out.resize(out.len().max(9), 0);
        }
    }
}

/// The hidden number of a row in a table without primary key; `None` for other keys.
pub fn take_hidden_key(bytes: &[u8]) -> Option<Key> {
    let bytes = <[u8; 8]>::try_from(bytes).ok()?;
    Some(Key::Int((u64::from_be_bytes(bytes) ^ (1 << 63)).cast_signed()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Datum, Row};

    fn table() -> Table {
        let column = |name: &str, column_type, not_null, default: Datum| Column {
            name: name.to_owned(),
            column_type,
            not_null,
            default,
        };
        let index = |id, kind, columns: &[usize]| Index {
            id: ConstraintId(id),
            name: format!("I{id}"),
            columns: columns.to_vec(),
            kind,
        };
        let partition = |id, values: &[i64]| Partition {
            id: PartitionId(id),
            oid: Oid(u64::from(id) * 1000),
            name: format!("P{id}"),
            values: values.iter().map(|&n| Datum::Int(n)).collect(),
        };
        Table {
            id: TableId(7),
            oid: Oid(1 << 40),
            owner: "SYS".to_owned(),
            name: "Low Case".to_owned(),
            columns: vec![
                column("I1", ColumnType::Integer, true, Datum::Null),
                column("C2", ColumnType::Varchar(20), false, Datum::from("x")),
                column("N3", ColumnType::Numeric { precision: 10, scale: Some(-2) }, false, Datum::Double(1.5)),
                column("N4", ColumnType::Numeric { precision: 38, scale: None }, false, Datum::Null),
            ],
            indexes: vec![index(1, IndexKind::PrimaryKey, &[0]), index(2, IndexKind::Plain, &[2, 1])],
            foreign_keys: vec![ForeignKey {
                id: ConstraintId(3),
                name: "F".to_owned(),
                columns: vec![2],
                parent: TableId(7),
                parent_columns: vec![0],
            }],
            partitioning: Some(Partitioning {
                method: PartitionMethod::Range,
                columns: vec![0],
                partitions: vec![partition(4, &[100]), partition(5, &[])],
            }),
        }
    }

    #[test]
    fn definitions_come_back() {
        let mut out = vec![];
        put_table(&mut out, &table());
        assert_eq!(take_table(&mut &out[..]), Some(table()));
        for cut in 0..out.len() {
            assert_eq!(take_table(&mut &out[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn records_come_back() {
        let (table, kept) = (TableId(3), Row::from([Datum::Int(1), Datum::from("a")]));
        let row = || kept.clone();
        let events = [
            Event::Insert { table, partition: None, row: row() },
            Event::Update { table, partition: Some(PartitionId(9)), before: row(), after: row() },
            Event::Delete { table, partition: None, before: row() },
            Event::UndoTo(Sn(5)),
            Event::Commit,
            Event::Rollback,
            Event::Ddl { table },
        ];
        for (event, origin) in events.into_iter().zip(ORIGINS.into_iter().cycle()) {
            let record = LogRecord { sn: Sn(17), tx: TxId(4), origin, event };
            let mut out = vec![];
            put_record(&mut out, &record);
            assert_eq!(take_record(Sn(17), &mut &out[..]), Some(record));
        }
    }
}
