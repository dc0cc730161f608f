//! What a receiver applies, and frozen tables.

use proptest::prelude::*;

use super::{Database, begin, create, fill, key, logged, new, row, shown, unique};
use crate::{
    data::{Applied, Incoming, OnConflict, Origin, Policy, Sn, SnapshotId, Stamps, TableId, TxId, changed_columns},
    value::{Datum, Row},
};

fn update(before: &Row, after: &Row) -> Incoming {
    let Datum::Int(i) = before[0] else { panic!("an integer key") };
    Incoming::Update { key: key(i), columns: changed_columns(before, after) }
}

fn apply(db: &mut Database, table: TableId, change: Incoming, policy: Policy) -> Applied {
    let tx = db.begin(Origin::Replication);
    let applied = db.apply(tx, table, change, policy);
    db.commit(tx);
    applied
}

#[test]
fn conflicts() {
    // A table of before: no TIMESTAMP column, so nothing changes by what the property says.
    let stamped = Policy { stamps: Stamps::Decide, ..Policy::KEEP };
    let replace_inserts = Policy { insert: OnConflict::Replace, ..Policy::KEEP };
    let replace_updates = Policy { update: OnConflict::Replace, ..Policy::KEEP };
    let old = |c: &str| row(1, c);
    let table = [
        (Incoming::Insert(row(2, "new")), Policy::KEEP, Applied::Done, "1x 2new"),
        (Incoming::Insert(row(1, "new")), Policy::KEEP, Applied::Conflict, "1x"),
        (Incoming::Insert(row(1, "new")), stamped, Applied::Conflict, "1x"),
        (Incoming::Insert(row(1, "new")), replace_updates, Applied::Conflict, "1x"),
        (Incoming::Insert(row(1, "new")), replace_inserts, Applied::Replaced, "1new"),
        (Incoming::Insert(row(1, "new")), Policy::REPLACE, Applied::Replaced, "1new"),
        (update(&old("x"), &old("new")), Policy::KEEP, Applied::Done, "1new"),
        (update(&old("y"), &old("new")), Policy::KEEP, Applied::Conflict, "1x"),
        (update(&old("y"), &old("new")), replace_inserts, Applied::Conflict, "1x"),
        (update(&old("y"), &old("new")), replace_updates, Applied::Replaced, "1new"),
        (update(&row(9, "y"), &row(9, "new")), Policy::REPLACE, Applied::Conflict, "1x"),
        // Only what the sender changed is compared.
        (update(&old("x"), &old("x")), Policy::KEEP, Applied::Done, "1x"),
        (Incoming::Delete { key: key(1) }, Policy::KEEP, Applied::Done, ""),
        (Incoming::Delete { key: key(9) }, Policy::REPLACE, Applied::Conflict, "1x"),
    ];
    for (change, policy, want, rows) in table {
        let (mut db, t) = new();
        fill(&mut db, t, [1]);
        assert_eq!(apply(&mut db, t, change.clone(), policy), want, "{change:?} {policy:?}");
        assert_eq!(shown(&db, None, t), rows, "{change:?} {policy:?}");
    }
}

#[test]
fn another_unique_value_in_the_way_is_a_conflict() {
    let (mut db, t) = new();
    let tx = begin(&mut db);
    db.insert(tx, t, unique(1, 10)).unwrap();
    db.commit(tx);
    assert_eq!(apply(&mut db, t, Incoming::Insert(unique(2, 10)), Policy::REPLACE), Applied::Conflict);
    assert_eq!(apply(&mut db, t, Incoming::Insert(unique(2, 20)), Policy::KEEP), Applied::Done);
    assert_eq!(apply(&mut db, t, update(&unique(2, 20), &unique(2, 10)), Policy::REPLACE), Applied::Conflict);
}

#[test]
fn locks_hold_a_receiver_up() {
    let (mut db, t) = new();
    fill(&mut db, t, [1, 2]);
    let client = begin(&mut db);
    db.update(client, t, &key(1), row(1, "mine")).unwrap();
    let receiver = db.begin(Origin::Replication);
    let change = update(&row(1, "x"), &row(1, "theirs"));
    assert_eq!(db.apply(receiver, t, change.clone(), Policy::KEEP), Applied::Blocked(client));
    assert_eq!(db.apply(receiver, t, Incoming::Delete { key: key(2) }, Policy::KEEP), Applied::Done);
    db.rollback(client);
    assert_eq!(db.apply(receiver, t, change, Policy::KEEP), Applied::Done);
    let from = Sn(0);
    let origins: Vec<_> = db.log_from(from).filter(|r| r.tx == receiver).map(|r| r.origin).collect();
    assert_eq!(origins, [Origin::Replication, Origin::Replication]);
    db.commit(receiver);
    assert_eq!(shown(&db, None, t), "1theirs");
    assert!(logged(&db, from).ends_with("D2 R U1 C"));
}

fn read_all(db: &mut Database, id: SnapshotId, max: usize) -> Vec<i64> {
    let mut keys = Vec::new();
    loop {
        let rows = db.read_snapshot(id, max);
        if rows.is_empty() {
            return keys;
        }
        keys.extend(rows.iter().filter_map(|r| r[0].as_i64()));
    }
}

#[test]
fn snapshots_of_partitions_and_lost_tables() {
    let (mut db, t) = new();
    let sql = "CREATE TABLE P (I INTEGER PRIMARY KEY, C VARCHAR(9), U INTEGER) PARTITION BY RANGE (I) \
               (PARTITION P1 VALUES LESS THAN (10), PARTITION P2 VALUES DEFAULT)";
    let p = create(&mut db, sql);
    fill(&mut db, t, 0..5);
    fill(&mut db, p, [1, 2, 50, 60]);
    let second = db.table(p).partition("P2").map(|p| p.id);
    let (whole, part, dropped) = (db.snapshot(t, None), db.snapshot(p, second), db.snapshot(t, None));
    assert_eq!(db.read_snapshot(dropped, 2).len(), 2);
    db.truncate(p, second).unwrap();
    assert_eq!(db.count(None, p), 2);
    db.drop_table(t).unwrap();
    assert_eq!(read_all(&mut db, whole, 2), [0, 1, 2, 3, 4]);
    assert_eq!(read_all(&mut db, part, 2), [50, 60]);
    assert_eq!(read_all(&mut db, dropped, 2), [2, 3, 4]);
    db.close_snapshot(whole);
    assert!(db.read_snapshot(whole, 1).is_empty());
}

/// One step of a writer beside a reader.
#[derive(Clone, Copy, Debug)]
enum Step {
    Insert(usize, i64),
    Update(usize, i64),
    Delete(usize, i64),
    Commit(usize),
    Rollback(usize),
    Read(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let tx = 0..2_usize;
    let key = 0..30_i64;
    prop_oneof![
        (tx.clone(), key.clone()).prop_map(|(t, k)| Step::Insert(t, k)),
        (tx.clone(), key.clone()).prop_map(|(t, k)| Step::Update(t, k)),
        (tx.clone(), key).prop_map(|(t, k)| Step::Delete(t, k)),
        tx.clone().prop_map(Step::Commit),
        tx.prop_map(Step::Rollback),
        (1..8_usize).prop_map(Step::Read),
    ]
}

fn take(db: &mut Database, txs: &mut [TxId; 2], table: TableId, step: Step) {
    // A step that is refused or blocked changes nothing, which is fine here.
    match step {
        Step::Insert(t, k) => drop(db.insert(txs[t], table, row(k, "new"))),
        Step::Update(t, k) => drop(db.update(txs[t], table, &key(k), row(k, "upd"))),
        Step::Delete(t, k) => drop(db.delete(txs[t], table, &key(k))),
        Step::Commit(t) => {
            db.commit(txs[t]);
            txs[t] = db.begin(Origin::Client);
        }
        Step::Rollback(t) => {
            db.rollback(txs[t]);
            txs[t] = db.begin(Origin::Client);
        }
        Step::Read(_) => {}
    }
}

proptest! {
    /// Whatever writers do before and meanwhile, a snapshot gives what was committed when it was taken.
    #[test]
    fn snapshots_stand_still(
        before in prop::collection::vec(step(), 0..40),
        after in prop::collection::vec(step(), 0..60),
    ) {
        let (mut db, t) = new();
        fill(&mut db, t, (0..30).step_by(3));
        let mut txs = [db.begin(Origin::Client), db.begin(Origin::Client)];
        for step in before {
            take(&mut db, &mut txs, t, step);
        }
        let want: Vec<Row> = db.scan(None, t).map(|(_, r)| r.clone()).collect();
        let id = db.snapshot(t, None);
        let mut got = Vec::new();
        for step in after {
            if let Step::Read(max) = step {
                got.extend(db.read_snapshot(id, max));
            }
            take(&mut db, &mut txs, t, step);
        }
        loop {
            let rows = db.read_snapshot(id, 7);
            if rows.is_empty() { break }
            got.extend(rows);
        }
        prop_assert_eq!(got, want);
    }
}
