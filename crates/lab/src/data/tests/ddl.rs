//! Changes of layout, users, named values.

use super::{Database, begin, code, create, fill, new, row, shown, unique};
use crate::{
    data::{Birth, IndexKind, Stop},
    sql::{SqlError, Statement, ast::TableName, parse, statement::Password},
    store::MemoryStore,
};

#[test]
fn truncate_gives_a_new_oid() {
    let (mut db, t) = new();
    fill(&mut db, t, [1, 2]);
    let before = db.table(t).clone();
    db.truncate(t, None).unwrap();
    assert_eq!((db.table(t).id, db.count(None, t)), (before.id, 0));
    assert!(db.table(t).oid > before.oid);
    let tx = begin(&mut db);
    db.insert(tx, t, unique(1, 1)).unwrap();
    assert_eq!(db.truncate(t, None), Err(Stop::Blocked(tx)));
    db.commit(tx);
    let p = create(
        &mut db,
        "CREATE TABLE P (I INT PRIMARY KEY) PARTITION BY LIST (I) (PARTITION A VALUES (1, 2), \
         PARTITION B VALUES DEFAULT)",
    );
    let (a, b) = (db.table(p).partition("A").unwrap().clone(), db.table(p).partition("B").unwrap().clone());
    let tx = begin(&mut db);
    for i in [1, 2, 3] {
        db.insert(tx, p, [i.into()].into()).unwrap();
    }
    db.commit(tx);
    db.truncate(p, Some(a.id)).unwrap();
    assert!(db.table(p).partition("A").unwrap().oid > a.oid);
    assert_eq!(db.table(p).partition("B"), Some(&b));
    assert_eq!(db.scan(None, p).map(|(_, r)| r[0].to_string()).collect::<Vec<_>>(), ["3"]);
}

#[test]
fn partitions_take_their_rows() {
    let (mut db, _) = new();
    let place = |db: &mut Database, sql: &str, i: i64| {
        let t = create(db, sql);
        let table = db.table(t);
        table.partition_of(&[i.into()]).and_then(|id| table.partition_by_id(id)).map(|p| p.name.clone())
    };
    let range = "(I INT) PARTITION BY RANGE (I) (PARTITION A VALUES LESS THAN (10), PARTITION B VALUES LESS THAN (20))";
    let table = [
        (range, 9, Some("A")),
        (range, 10, Some("B")),
        (range, 20, None),
        ("(I INT) PARTITION BY LIST (I) (PARTITION A VALUES (1, 2), PARTITION B VALUES DEFAULT)", 2, Some("A")),
        ("(I INT) PARTITION BY LIST (I) (PARTITION A VALUES (1, 2), PARTITION B VALUES DEFAULT)", 5, Some("B")),
        ("(I INT) PARTITION BY HASH (I) (PARTITION A)", 5, Some("A")),
    ];
    for (n, (sql, i, want)) in table.into_iter().enumerate() {
        assert_eq!(place(&mut db, &format!("CREATE TABLE X{n} {sql}"), i).as_deref(), want, "{sql} {i}");
    }
    let t = db.find_table("SYS", "X0").unwrap().id;
    let tx = begin(&mut db);
    assert_eq!(code(db.insert(tx, t, [20.into()].into())), 201_268);
}

#[test]
fn columns_come_and_go() {
    let (mut db, t) = new();
    fill(&mut db, t, [1, 2]);
    let add = |sql: &str| match parse(sql) {
        Ok(Statement::AddColumns { columns, .. }) => columns,
        other => panic!("{other:?}"),
    };
    db.add_columns(t, &add("ALTER TABLE T ADD COLUMN (D INTEGER DEFAULT 7, E CHAR(2))")).unwrap();
    let text = |db: &Database| db.scan(None, t).map(|(_, r)| format!("{r:?}")).collect::<Vec<_>>().join(" ");
    assert!(text(&db).contains("Int(7), Null"), "{}", text(&db));
    assert_eq!(code(db.add_columns(t, &add("ALTER TABLE T ADD (D INTEGER)"))), 200_739);
    assert_eq!(code(db.add_columns(t, &add("ALTER TABLE T ADD (N INTEGER NOT NULL)"))), 200_820);
    assert_eq!(code(db.drop_columns(t, &["I".to_owned()])), 200_740);
    assert_eq!(code(db.drop_columns(t, &["NOPE".to_owned()])), 200_792);
    db.drop_columns(t, &["C".to_owned(), "E".to_owned()]).unwrap();
    let names: Vec<_> = db.table(t).columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["I", "U", "D"]);
    let tx = begin(&mut db);
    db.insert(tx, t, [3.into(), 30.into(), 1.into()].into()).unwrap();
    assert_eq!(code(db.insert(tx, t, [4.into(), 30.into(), 1.into()].into())), 69_720);
}

#[test]
fn names() {
    let (mut db, t) = new();
    let Ok(Statement::CreateTable(again)) = parse(super::TABLE) else { panic!("a table") };
    assert_eq!(db.create_table("SYS", &again), Err(SqlError::table_exists()));
    assert_eq!(db.create_table("NOBODY", &again), Err(SqlError::no_owner()));
    db.rename_table(t, "T9").unwrap();
    assert!(db.find_table("SYS", "T").is_none());
    let name = |user: Option<&str>| TableName { user: user.map(str::to_owned), name: "T9".to_owned() };
    assert_eq!(db.resolve("SYS", &name(None)).map(|t| t.id), Ok(t));
    assert_eq!(db.resolve("APP", &name(Some("SYS"))).map(|t| t.id), Ok(t));
    assert_eq!(db.resolve("APP", &name(None)).map(|t| t.id), Err(SqlError::no_table()));
    fill(&mut db, t, [1, 2]);
    let (c, u) = (["C".to_owned()], ["U".to_owned()]);
    assert_eq!(code(db.create_index(t, "X", &c, IndexKind::UniqueIndex)), 69_720);
    db.create_index(t, "X", &c, IndexKind::Plain).unwrap();
    assert_eq!(code(db.create_index(t, "X", &u, IndexKind::Plain)), 200_738);
    assert_eq!(db.table_of_index("SYS", "X").map(|t| t.id), Some(t));
    db.drop_index("SYS", "X").unwrap();
    assert_eq!(code(db.drop_index("SYS", "X")), 200_724);
    db.drop_table(t).unwrap();
    assert!(db.find_table_by_id(t).is_none());
}

#[test]
fn users() {
    let (mut db, _) = new();
    let password = |text: &str| match parse(&format!("CREATE USER X IDENTIFIED BY {text}")) {
        Ok(Statement::CreateUser { password, .. }) => password,
        other => panic!("{other:?}"),
    };
    assert_eq!(db.password_matches("SYS", "manager"), Some(true));
    assert_eq!(db.password_matches("SYS", "MANAGER"), Some(true));
    assert_eq!(db.password_matches("SYS", "wrong"), Some(false));
    assert_eq!(db.password_matches("NOBODY", "x"), None);
    let app = db.create_user("APP", &password("APP")).unwrap();
    assert_eq!(db.user("APP").map(|u| u.id), Some(app));
    assert_eq!((db.user("SYSTEM_").map(|u| u.id.0), db.user("SYS").map(|u| u.id.0)), (Some(1), Some(2)));
    assert_eq!(db.create_user("APP", &password("x")), Err(SqlError::user_exists()));
    db.alter_user("APP", &password("\"n e w\"")).unwrap();
    assert_eq!(db.password_matches("APP", "n e w"), Some(true));
    let _: Password = password("x");
    let Ok(Statement::CreateTable(def)) = parse("CREATE TABLE APP.T (I INT)") else { panic!("a table") };
    db.create_table("SYS", &def).unwrap();
    db.drop_user("APP").unwrap();
    assert_eq!(code(db.drop_user("APP")), 200_720);
    assert!(db.tables().all(|t| t.owner == "SYS"));
}

#[test]
fn a_kill_loses_what_was_not_persisted() {
    let store = MemoryStore::default();
    let open = || Database::open(Box::new(store.clone())).unwrap();
    let mut db = open();
    assert_eq!(db.birth(), Birth::Created);
    let t = create(&mut db, super::TABLE);
    fill(&mut db, t, [1]);
    db.put_meta("repl/A", vec![1]);
    db.put_meta("repl/B", vec![2]);
    db.put_meta("x", vec![3]);
    let lost = begin(&mut db);
    db.insert(lost, t, row(9, "never committed")).unwrap();
    db.persist().unwrap();
    let newest = db.last_sn();
    let first = db.oldest_open().expect("a transaction wrote");
    fill(&mut db, t, [2]);
    db.delete_meta("repl/A");
    let db = open();
    assert_eq!(db.birth(), Birth::Found);
    assert_eq!(shown(&db, None, t), "1x");
    let meta: Vec<_> = db.meta_with_prefix("repl/").collect();
    assert_eq!(meta, [("repl/A", &[1_u8][..]), ("repl/B", &[2])]);
    assert_eq!(db.meta("x"), Some(&[3_u8][..]));
    // The lost transaction is over, as everybody who reads the log will see.
    assert_eq!(super::logged(&db, first), "I9 R");
    assert!(db.last_sn() > newest);
    assert_eq!(db.password_matches("SYS", "manager"), Some(true));
}
