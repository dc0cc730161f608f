//! Transactions, visibility, locks, deadlocks, constraints, the log.

use super::{Database, Sn, begin, code, create, fill, key, logged, new, row, shown, unique};
use crate::{
    data::{LockMode, Origin, Queue, Stop},
    store::MemoryStore,
    value::Datum,
};

#[test]
fn changes_show_after_commit() {
    let (mut db, t) = new();
    fill(&mut db, t, [1, 2]);
    let (a, b) = (begin(&mut db), begin(&mut db));
    db.update(a, t, &key(1), row(1, "a")).unwrap();
    db.delete(a, t, &key(2)).unwrap();
    db.insert(a, t, row(3, "a")).unwrap();
    assert_eq!(shown(&db, Some(a), t), "1a 3a");
    assert_eq!(shown(&db, Some(b), t), "1x 2x");
    assert_eq!((db.count(Some(a), t), db.count(Some(b), t), db.count(None, t)), (2, 2, 2));
    assert_eq!(db.get(Some(b), t, &key(3)), None);
    assert!(db.commit(a).is_some());
    assert_eq!(shown(&db, Some(b), t), "1a 3a");
    assert_eq!(db.commit(b), None);
}

#[test]
fn rollback_puts_everything_back() {
    let (mut db, t) = new();
    fill(&mut db, t, [1, 2]);
    let a = begin(&mut db);
    db.delete(a, t, &key(1)).unwrap();
    db.insert(a, t, row(1, "again")).unwrap();
    db.update(a, t, &key(2), row(22, "moved")).unwrap();
    let point = db.savepoint(a);
    db.delete(a, t, &key(22)).unwrap();
    db.insert(a, t, row(5, "five")).unwrap();
    assert_eq!(shown(&db, Some(a), t), "1again 5five");
    db.rollback_to(a, point);
    assert_eq!(shown(&db, Some(a), t), "1again 22moved");
    assert!(db.rollback(a).is_some());
    assert_eq!(shown(&db, None, t), "1x 2x");
    let b = begin(&mut db);
    db.insert(b, t, row(5, "free")).unwrap();
}

#[test]
fn rows_are_locked() {
    let (mut db, t) = new();
    fill(&mut db, t, [1, 2]);
    let (a, b) = (begin(&mut db), begin(&mut db));
    db.update(a, t, &key(1), row(1, "a")).unwrap();
    db.insert(a, t, row(3, "a")).unwrap();
    assert_eq!(db.update(b, t, &key(1), row(1, "b")), Err(Stop::Blocked(a)));
    assert_eq!(db.delete(b, t, &key(1)), Err(Stop::Blocked(a)));
    assert_eq!(db.insert(b, t, row(3, "b")), Err(Stop::Blocked(a)));
    assert_eq!(db.insert(b, t, row(1, "b")), Err(Stop::Blocked(a)));
    db.update(b, t, &key(2), row(2, "b")).unwrap();
    let before = db.releases();
    db.commit(a);
    assert!(db.releases() > before);
    assert_eq!(code(db.insert(b, t, row(3, "b"))), 69_720);
    db.update(b, t, &key(1), row(1, "b")).unwrap();
    db.commit(b);
    assert_eq!(shown(&db, None, t), "1b 2b 3a");
}

#[test]
fn circles_are_deadlocks() {
    let (mut db, t) = new();
    fill(&mut db, t, [1, 2, 3]);
    let (a, b, c) = (begin(&mut db), begin(&mut db), begin(&mut db));
    for (tx, i) in [(a, 1), (b, 2), (c, 3)] {
        db.update(tx, t, &key(i), row(i, "mine")).unwrap();
    }
    assert_eq!(db.delete(a, t, &key(2)), Err(Stop::Blocked(b)));
    assert_eq!(db.delete(b, t, &key(3)), Err(Stop::Blocked(c)));
    assert_eq!(code(db.delete(c, t, &key(1))), 69_697);
    db.rollback(c);
    db.delete(b, t, &key(3)).unwrap();
    db.commit(b);
    db.delete(a, t, &key(2)).unwrap();
    assert_eq!(shown(&db, Some(a), t), "1mine");
}

#[test]
fn who_got_on_waits_no_more() {
    let (mut db, t) = new();
    fill(&mut db, t, [1, 2]);
    let (a, b) = (begin(&mut db), begin(&mut db));
    let point = db.savepoint(b);
    db.update(a, t, &key(2), row(2, "a")).unwrap();
    db.update(b, t, &key(1), row(1, "b")).unwrap();
    assert_eq!(db.update(a, t, &key(1), row(1, "a")), Err(Stop::Blocked(b)));
    db.rollback_to(b, point);
    db.update(a, t, &key(1), row(1, "a")).unwrap();
    // No circle: `a` has what it waited for.
    assert_eq!(db.update(b, t, &key(2), row(2, "b")), Err(Stop::Blocked(a)));
    let waits: Vec<_> = db.transactions().map(|t| t.waits_for).collect();
    assert_eq!(waits, [vec![], vec![a]]);
}

#[test]
fn table_locks_queue() {
    let (mut db, t) = new();
    fill(&mut db, t, [1]);
    let (writer, sync, late) = (begin(&mut db), begin(&mut db), begin(&mut db));
    db.update(writer, t, &key(1), row(1, "w")).unwrap();
    assert_eq!(db.lock_table(late, t, LockMode::Exclusive, Queue::Try), Err(Stop::Blocked(writer)));
    assert_eq!(db.lock_table(sync, t, LockMode::Share, Queue::Join), Err(Stop::Blocked(writer)));
    // A newcomer waits behind the one that waits; who is inside goes on.
    assert_eq!(db.insert(late, t, row(2, "l")), Err(Stop::Blocked(sync)));
    db.insert(writer, t, row(3, "w")).unwrap();
    db.commit(writer);
    db.lock_table(sync, t, LockMode::Share, Queue::Join).unwrap();
    assert_eq!(db.insert(late, t, row(2, "l")), Err(Stop::Blocked(sync)));
    db.commit(sync);
    db.insert(late, t, row(2, "l")).unwrap();

    let other = begin(&mut db);
    assert_eq!(db.lock_table(other, t, LockMode::Exclusive, Queue::Join), Err(Stop::Blocked(late)));
    let newcomer = begin(&mut db);
    assert_eq!(db.insert(newcomer, t, row(4, "n")), Err(Stop::Blocked(other)));
    db.stop_waiting(other);
    db.insert(newcomer, t, row(4, "n")).unwrap();
    assert_eq!(db.truncate(t, None), Err(Stop::Blocked(late)));
}

#[test]
fn unique_values() {
    let (mut db, t) = new();
    let a = begin(&mut db);
    db.insert(a, t, unique(1, 10)).unwrap();
    db.insert(a, t, row(2, "nulls are never equal")).unwrap();
    db.insert(a, t, row(3, "nulls are never equal")).unwrap();
    let b = begin(&mut db);
    assert_eq!(db.insert(b, t, unique(4, 10)), Err(Stop::Blocked(a)));
    db.commit(a);
    assert_eq!(code(db.insert(b, t, unique(4, 10))), 69_720);
    db.insert(b, t, unique(4, 40)).unwrap();
    assert_eq!(code(db.update(b, t, &key(4), unique(4, 10))), 69_720);
    db.update(b, t, &key(4), unique(4, 41)).unwrap();
    db.commit(b);
    // A value that was given up may come back.
    let (a, b) = (begin(&mut db), begin(&mut db));
    db.delete(a, t, &key(1)).unwrap();
    assert_eq!(db.insert(b, t, unique(5, 10)), Err(Stop::Blocked(a)));
    db.rollback(a);
    assert_eq!(code(db.insert(b, t, unique(5, 10))), 69_720);
}

#[test]
fn foreign_keys() {
    let (mut db, t) = new();
    let child = create(&mut db, "CREATE TABLE CHILD (I INTEGER PRIMARY KEY, P INTEGER REFERENCES T(I))");
    fill(&mut db, t, [1, 2]);
    let a = begin(&mut db);
    let child_row = |i: i64, p: Datum| [Datum::Int(i), p].into();
    assert_eq!(code(db.insert(a, child, child_row(1, Datum::Int(9)))), 200_822);
    db.insert(a, child, child_row(1, Datum::Int(1))).unwrap();
    db.insert(a, child, child_row(2, Datum::Null)).unwrap();
    assert_eq!(code(db.delete(a, t, &key(1))), 200_823);
    db.delete(a, t, &key(2)).unwrap();
    db.commit(a);
    assert_eq!(code(db.truncate(t, None)), 200_746);
    assert_eq!(code(db.drop_table(t)), 200_746);
    db.drop_table(child).unwrap();
    db.drop_table(t).unwrap();
}

#[test]
fn replicated_keys_stay() {
    let (mut db, t) = new();
    fill(&mut db, t, [1]);
    let a = begin(&mut db);
    db.update(a, t, &key(1), row(2, "moved")).unwrap();
    db.rollback(a);
    db.set_replicated([t]);
    let a = begin(&mut db);
    assert_eq!(code(db.update(a, t, &key(1), row(2, "moved"))), 200_789);
    db.update(a, t, &key(1), row(1, "same key")).unwrap();
}

#[test]
fn the_log_tells_all() {
    let (mut db, t) = new();
    let from = Sn(db.last_sn().0 + 1);
    let a = begin(&mut db);
    db.insert(a, t, row(1, "a")).unwrap();
    db.insert(a, t, row(2, "a")).unwrap();
    let point = db.savepoint(a);
    db.update(a, t, &key(1), row(1, "b")).unwrap();
    db.update(a, t, &key(2), row(3, "new key")).unwrap();
    db.rollback_to(a, point);
    db.commit(a);
    let b = begin(&mut db);
    db.delete(b, t, &key(1)).unwrap();
    db.rollback(b);
    db.truncate(t, None).unwrap();
    assert_eq!(logged(&db, from), "I1 I2 U1 D2 I3 < C D1 R L");
    let sns: Vec<_> = db.log_from(Sn(0)).map(|r| r.sn).collect();
    assert!(sns.is_sorted_by(|a, b| a < b));
}

#[test]
fn a_failed_statement_leaves_no_trace_in_the_log() {
    let (mut db, t) = new();
    fill(&mut db, t, [2]);
    let from = Sn(db.last_sn().0 + 1);
    let a = begin(&mut db);
    let start = db.savepoint(a);
    db.insert(a, t, row(1, "a")).unwrap();
    assert_eq!(code(db.insert(a, t, row(2, "a"))), 69_720);
    db.undo_statement(a, start);
    assert_eq!((logged(&db, from).as_str(), db.oldest_open()), ("", None));
    let b = begin(&mut db);
    db.insert(b, t, row(1, "not locked any more")).unwrap();
    assert_eq!(db.commit(a), None);
}

#[test]
fn retention() {
    let mut db = Database::open(Box::new(MemoryStore::default())).unwrap();
    let t = create(&mut db, super::TABLE);
    fill(&mut db, t, 0..10);
    let kept = |db: &Database| db.log_from(Sn(0)).count();
    assert_eq!(kept(&db), 11, "everything is kept until the engine says what it needs");
    db.retain_from(None);
    assert_eq!((kept(&db), db.lowest_sn()), (0, Sn(db.last_sn().0 + 1)));
    let open = begin(&mut db);
    db.insert(open, t, row(100, "open")).unwrap();
    let first = db.oldest_open();
    fill(&mut db, t, 10..20);
    db.persist().unwrap();
    assert_eq!(kept(&db), 12, "an open transaction keeps its records");
    let receiver = db.begin(Origin::Replication);
    db.commit(open);
    db.insert(receiver, t, row(200, "received")).unwrap();
    db.retain_from(None);
    assert_eq!(kept(&db), 0, "a receiver's does not");
    assert!(first.is_some_and(|first| first < db.lowest_sn()));
    let before = db.log_bytes_before(db.next_sn());
    let wanted = Sn(db.last_sn().0 + 1);
    db.retain_from(Some(wanted));
    fill(&mut db, t, 300..400);
    assert_eq!(kept(&db), 101);
    assert!(db.log_bytes_before(db.next_sn()) > before + 100 * 64);
}

#[test]
fn an_sn_is_a_place_in_a_log_file() {
    let (mut db, t) = new();
    db.set_log_file_bytes(1000);
    fill(&mut db, t, 0..100);
    let end = db.next_sn();
    assert!(end.file() > 5 && end.offset() <= 1000, "{end}");
    assert_eq!(db.log_bytes_before(end), end.file() * 1000 + end.offset());
    let over = |sn: Sn| sn.offset() >= 1000;
    assert!(!db.log_from(Sn(0)).any(|r| over(r.sn)), "no record begins after the end of its file");
}
