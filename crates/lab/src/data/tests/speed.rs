//! How fast the data plane is. Not run by default:
//! `cargo test --release --lib lab::data::tests::speed -- --ignored --nocapture --test-threads 1`

use std::time::Instant;

use super::{Database, begin, create, fill, key, row};
use crate::{
    data::{Incoming, Origin, Policy, Sn},
    sql::{
        exec::{Host, Relation, Scope, change},
        parse,
    },
    store::{MemoryStore, SqliteStore, Store},
    value::Datum,
};

fn report(what: &str, count: i64, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    #[allow(clippy::cast_precision_loss)] // a report
    let rate = count as f64 / seconds;
    println!("{what}: {count} in {seconds:.2} s, {rate:.0}/s, {:.1} us each", 1e6 / rate);
}

struct Nobody;

impl Host for Nobody {
    fn relation(&self, _: &Database, _: Option<&str>, _: &str) -> Option<Relation> {
        None
    }
    fn call(&mut self, _: &str, _: &[Datum]) -> Option<Result<Datum, crate::data::Stop>> {
        None
    }
}

fn measure(name: &str, mut open: impl FnMut() -> Box<dyn Store>) {
    const BULK: i64 = 1_000_000;
    const SINGLE: i64 = 100_000;
    let mut db = Database::open(open()).unwrap();
    let t = create(&mut db, "CREATE TABLE T (I INTEGER PRIMARY KEY, C VARCHAR(20), U INTEGER)");
    db.retain_from(Some(Sn(0)));

    let start = Instant::now();
    for from in (0..BULK).step_by(1000) {
        fill(&mut db, t, from..from + 1000);
        db.persist().unwrap();
    }
    report(&format!("{name}: rows in bulk, logged"), BULK, start);

    db.retain_from(None);
    db.persist().unwrap();
    let start = Instant::now();
    for i in 0..SINGLE {
        let tx = begin(&mut db);
        db.update(tx, t, &key(i * 7 % BULK), row(i * 7 % BULK, "changed")).unwrap();
        db.commit(tx);
        db.persist().unwrap();
    }
    report(&format!("{name}: single-row commits, not retained"), SINGLE, start);

    db.retain_from(Some(db.last_sn()));
    let start = Instant::now();
    for i in 0..SINGLE {
        let tx = begin(&mut db);
        db.update(tx, t, &key(i * 7 % BULK), row(i * 7 % BULK, "again")).unwrap();
        db.commit(tx);
        db.persist().unwrap();
    }
    report(&format!("{name}: single-row commits, retained"), SINGLE, start);

    let start = Instant::now();
    let id = db.snapshot(t, None);
    let mut rows = 0;
    loop {
        let chunk = db.read_snapshot(id, 1000);
        if chunk.is_empty() {
            break;
        }
        rows += i64::try_from(chunk.len()).unwrap();
    }
    db.close_snapshot(id);
    assert_eq!(rows, BULK);
    report(&format!("{name}: snapshot rows"), rows, start);

    let empty = create(&mut db, "CREATE TABLE R (I INTEGER PRIMARY KEY, C VARCHAR(20), U INTEGER)");
    let start = Instant::now();
    let tx = db.begin(Origin::Replication);
    for i in 0..BULK {
        db.apply(tx, empty, Incoming::Insert(row(i, "applied")), Policy::KEEP);
    }
    db.commit(tx);
    report(&format!("{name}: rows applied"), BULK, start);
    db.persist().unwrap();
    db.truncate(empty, None).unwrap();
    db.persist().unwrap();
    drop(db);

    let start = Instant::now();
    let mut db = Database::open(open()).unwrap();
    report(&format!("{name}: reload rows"), BULK, start);
    assert_eq!(db.count(None, t), usize::try_from(BULK).unwrap());

    db.retain_from(None);
    for template in [
        "INSERT INTO T VALUES (~, 'some text', 5)",
        "UPDATE T SET C = 'other' WHERE I = ~",
        "DELETE FROM T WHERE I = ~",
    ] {
        let start = Instant::now();
        for i in BULK..BULK + SINGLE {
            let statement = parse(&template.replace('~', &i.to_string())).unwrap();
            let tx = begin(&mut db);
            let mut host = Nobody;
            let mut scope = Scope { user: "SYS", tx: Some(tx), host: &mut host };
            assert_eq!(change(&mut db, &mut scope, tx, &statement), Ok(1));
            db.commit(tx);
        }
        report(&format!("{name}: {template}"), SINGLE, start);
        db.persist().unwrap();
    }
}

#[test]
#[ignore = "measures, and takes long"]
fn memory() {
    let store = MemoryStore::default();
    measure("memory", || Box::new(store.clone()));
}

#[test]
#[ignore = "measures, and takes long"]
fn sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lab.db");
    measure("sqlite", || Box::new(SqliteStore::open(&path).unwrap()));
}
