//! Tests of the database, and what they share.

mod ddl;
mod locks;
mod model;
mod replication;
mod speed;

use super::{Database, Event, Key, Origin, Sn, Stop, TableId, TxId};
use crate::{
    sql::{Statement, parse},
    store::MemoryStore,
    value::{Datum, Row},
};

/// `CREATE TABLE T (I INTEGER PRIMARY KEY, C VARCHAR(20), U INTEGER UNIQUE)`
const TABLE: &str = "CREATE TABLE T (I INTEGER PRIMARY KEY, C VARCHAR(20), U INTEGER UNIQUE)";

fn create(db: &mut Database, sql: &str) -> TableId {
    let Ok(Statement::CreateTable(def)) = parse(sql) else { panic!("{sql}") };
    db.create_table("SYS", &def).unwrap()
}

fn new() -> (Database, TableId) {
    let mut db = Database::open(Box::new(MemoryStore::default())).unwrap();
    let table = create(&mut db, TABLE);
    (db, table)
}

fn row(i: i64, c: &str) -> Row {
    [Datum::Int(i), Datum::from(c), Datum::Null].into()
}

fn unique(i: i64, u: i64) -> Row {
    [Datum::Int(i), Datum::Null, Datum::Int(u)].into()
}

fn key(i: i64) -> Key {
    Key::Int(i)
}

fn begin(db: &mut Database) -> TxId {
    db.begin(Origin::Client)
}

/// Inserts and commits.
fn fill(db: &mut Database, table: TableId, keys: impl IntoIterator<Item = i64>) {
    let tx = begin(db);
    keys.into_iter().for_each(|i| db.insert(tx, table, row(i, "x")).unwrap());
    db.commit(tx);
}

/// Keys and second column, as `tx` sees them: `1a 2b`.
fn shown(db: &Database, tx: Option<TxId>, table: TableId) -> String {
    db.scan(tx, table).map(|(_, r)| format!("{}{}", r[0], r[1])).collect::<Vec<_>>().join(" ")
}

fn code<T: std::fmt::Debug>(result: Result<T, Stop>) -> i32 {
    match result {
        Err(Stop::Error(e)) => e.native,
        other => panic!("no error: {other:?}"),
    }
}

/// The log from an SN on, in letters: `I1 U1 D1 C R <n (undo) L (layout)`, each with its transaction.
fn logged(db: &Database, from: Sn) -> String {
    let word = |event: &Event| match event {
        Event::Insert { row, .. } => format!("I{}", row[0]),
        Event::Update { before, after, .. } => {
            assert_eq!(before[0], after[0], "an update keeps its key");
            format!("U{}", after[0])
        }
        Event::Delete { before, .. } => format!("D{}", before[0]),
        Event::UndoTo(_) => "<".to_owned(),
        Event::Commit => "C".to_owned(),
        Event::Rollback => "R".to_owned(),
        Event::Ddl { .. } => "L".to_owned(),
    };
    db.log_from(from).map(|r| word(&r.event)).collect::<Vec<_>>().join(" ")
}
