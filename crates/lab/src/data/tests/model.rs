//! Random histories with kills, in both stores: what comes back is what was persisted, nothing else.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Database, Origin, TableId, create, key};
use crate::{
    data::{Event, Sn, TxId},
    store::{MemoryStore, SqliteStore, Store},
    value::{Datum, Row},
};

#[derive(Clone, Debug)]
enum Step {
    Insert(usize, i64, String),
    Update(usize, i64, String),
    Delete(usize, i64),
    Commit(usize),
    Rollback(usize),
    Truncate,
    Meta(u8, u8),
    Retain,
    Persist,
    Kill,
}

fn step() -> impl Strategy<Value = Step> {
    let tx = || 0..3_usize;
    let key = || -5..20_i64;
    let text = || "[a-z]{0,5}";
    prop_oneof![
        4 => (tx(), key(), text()).prop_map(|(t, k, c)| Step::Insert(t, k, c)),
        3 => (tx(), key(), text()).prop_map(|(t, k, c)| Step::Update(t, k, c)),
        2 => (tx(), key()).prop_map(|(t, k)| Step::Delete(t, k)),
        4 => tx().prop_map(Step::Commit),
        1 => tx().prop_map(Step::Rollback),
        1 => Just(Step::Truncate),
        1 => (0..3_u8, any::<u8>()).prop_map(|(k, v)| Step::Meta(k, v)),
        1 => Just(Step::Retain),
        3 => Just(Step::Persist),
        1 => Just(Step::Kill),
    ]
}

/// What must be there: committed rows, hidden ones, named values, and the log's committed changes.
#[derive(Clone, Debug, Default, PartialEq)]
struct State {
    rows: Vec<Row>,
    heap: Vec<Row>,
    meta: Vec<(String, Vec<u8>)>,
    last: Sn,
}

fn state(db: &Database, tables: [TableId; 2]) -> State {
    let rows = |t| db.scan(None, t).map(|(_, r)| r.clone()).collect();
    State {
        rows: rows(tables[0]),
        heap: rows(tables[1]),
        meta: db.meta_with_prefix("").map(|(k, v)| (k.to_owned(), v.to_vec())).collect(),
        last: db.last_sn(),
    }
}

fn text(i: i64, c: &str) -> Row {
    [Datum::Int(i), Datum::from(c), Datum::Null].into()
}

/// The rows that the committed part of the log makes, from the newest TRUNCATE on.
fn replayed(db: &Database, table: TableId) -> BTreeMap<i64, Row> {
    let mut open: BTreeMap<TxId, Vec<&Event>> = BTreeMap::new();
    let mut rows = BTreeMap::new();
    let number = |row: &Row| row[0].as_i64().unwrap();
    for record in db.log_from(Sn(0)) {
        match &record.event {
            Event::Ddl { table: t } if *t == table => rows.clear(),
            Event::Ddl { .. } => {}
            Event::Rollback => drop(open.remove(&record.tx)),
            Event::Commit => {
                for event in open.remove(&record.tx).unwrap_or_default() {
                    match event {
                        Event::Insert { table: t, row, .. } if *t == table => {
                            assert_eq!(rows.insert(number(row), row.clone()), None);
                        }
                        Event::Update { table: t, before, after, .. } if *t == table => {
                            assert_eq!(rows.insert(number(after), after.clone()).as_ref(), Some(before));
                        }
                        Event::Delete { table: t, before, .. } if *t == table => {
                            assert_eq!(rows.remove(&number(before)).as_ref(), Some(before));
                        }
                        _ => {}
                    }
                }
            }
            change => open.entry(record.tx).or_default().push(change),
        }
    }
    rows
}

fn check(steps: Vec<Step>, mut reopen: impl FnMut() -> Box<dyn Store>) {
    let mut db = Database::open(reopen()).unwrap();
    let tables =
        [create(&mut db, super::TABLE), create(&mut db, "CREATE TABLE HEAP (I INTEGER, C VARCHAR(9), X DOUBLE)")];
    let [table, heap] = tables;
    db.persist().unwrap();
    let mut kept = state(&db, tables);
    let mut whole_log = true;
    let mut txs = [0; 3].map(|_| db.begin(Origin::Client));
    for step in steps {
        match step {
            Step::Insert(t, k, c) => {
                drop(db.insert(txs[t], table, text(k, &c)));
                db.insert(txs[t], heap, text(k, &c)).unwrap();
            }
            Step::Update(t, k, c) => drop(db.update(txs[t], table, &key(k), text(k, &c))),
            Step::Delete(t, k) => {
                drop(db.delete(txs[t], table, &key(k)));
                let first = db.scan(Some(txs[t]), heap).next().map(|(k, _)| k.clone());
                if let Some(k) = first {
                    drop(db.delete(txs[t], heap, &k));
                }
            }
            Step::Commit(t) => {
                db.commit(txs[t]);
                txs[t] = db.begin(Origin::Client);
            }
            Step::Rollback(t) => {
                db.rollback(txs[t]);
                txs[t] = db.begin(Origin::Client);
            }
            Step::Truncate => drop(db.truncate(table, None)),
            Step::Meta(k, 0) => db.delete_meta(&k.to_string()),
            Step::Meta(k, v) => db.put_meta(&k.to_string(), vec![v]),
            Step::Retain => {
                db.retain_from(Some(Sn(db.last_sn().0 / 2)));
                whole_log = false;
            }
            Step::Persist => {
                db.persist().unwrap();
                kept = state(&db, tables);
            }
            Step::Kill => {
                drop(db);
                db = Database::open(reopen()).unwrap();
                assert!(db.last_sn() >= kept.last);
                let found = State { last: kept.last, ..state(&db, tables) };
                assert_eq!(found, kept);
                txs = [0; 3].map(|_| db.begin(Origin::Client));
            }
        }
        if whole_log {
            let rows: Vec<_> = db.scan(None, table).map(|(_, r)| r.clone()).collect();
            assert_eq!(replayed(&db, table).into_values().collect::<Vec<_>>(), rows);
        }
    }
}

proptest! {
    #[test]
    fn memory(steps in prop::collection::vec(step(), 0..60)) {
        let store = MemoryStore::default();
        check(steps, || Box::new(store.clone()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn sqlite(steps in prop::collection::vec(step(), 0..60)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lab.db");
        check(steps, || Box::new(SqliteStore::open(&path).unwrap()));
    }
}
