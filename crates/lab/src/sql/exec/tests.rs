//! Queries and row changes, from text to answer.

use super::{Host, Relation, Scope, change, query, relations};
use crate::{
    data::{Database, Origin, Stop, TxId},
    sql::{Statement, parse},
    store::MemoryStore,
    value::Datum,
};

/// Catalog and functions of a small server.
struct Server {
    calls: u32,
}

impl Host for Server {
    fn relation(&self, db: &Database, schema: Option<&str>, name: &str) -> Option<Relation> {
        let mut relation = match (schema, name) {
            (Some("SYSTEM_"), "SYS_TABLES_") => Relation::new(&["TABLE_ID", "TABLE_NAME", "USER_ID"]),
            (Some("SYSTEM_"), "SYS_USERS_") => Relation::new(&["USER_ID", "USER_NAME"]),
            (None, "V$PROPERTY") => Relation::new(&["NAME", "VALUE1"]),
            (None, "V$VERSION") => Relation::new(&["PRODUCT_VERSION"]),
            _ => return None,
        };
        match name {
            "SYS_TABLES_" => {
                let owner = |t: &str| db.user(t).map_or(0, |u| i64::from(u.id.0));
                db.tables().for_each(|t| {
                    relation.push([i64::from(t.id.0).into(), t.name.as_str().into(), owner(&t.owner).into()]);
                });
            }
            "SYS_USERS_" => {
                db.users().for_each(|u| relation.push([i64::from(u.id.0).into(), u.name.as_str().into()]));
            }
            "V$PROPERTY" => {
                for (name, value) in [("ADMIN_MODE", "0"), ("REPLICATION_PORT_NO", "20301"), ("X", "")] {
                    relation.push([name.into(), value.into()]);
                }
            }
            _ => relation.push(["7.2.0.0.0".into()]),
        }
        Some(relation)
    }

    fn call(&mut self, name: &str, args: &[Datum]) -> Option<Result<Datum, Stop>> {
        self.calls += 1;
        match name {
            "SESSION_ID" => Some(Ok(Datum::Int(7))),
            "USER_LOCK_REQUEST" => Some(if args == [Datum::Int(1)] { Ok(Datum::Int(0)) } else { Err(Stop::Wait) }),
            _ => None,
        }
    }
}

struct Lab {
    db: Database,
    server: Server,
}

fn stopped(stop: Stop) -> String {
    match stop {
        Stop::Error(e) => format!("{} {}", e.sqlstate, e.native),
        Stop::Blocked(tx) => format!("blocked by {tx}"),
        Stop::Wait => "wait".to_owned(),
    }
}

impl Lab {
    fn new(script: &[&str]) -> Self {
        let db = Database::open(Box::new(MemoryStore::default())).unwrap();
        let mut lab = Self { db, server: Server { calls: 0 } };
        for sql in script {
            assert!(!lab.run(sql).contains(' '), "{sql}: {}", lab.run(sql));
        }
        lab
    }

    fn change(&mut self, tx: TxId, statement: &Statement) -> Result<u64, Stop> {
        let mut scope = Scope { user: "SYS", tx: Some(tx), host: &mut self.server };
        change(&mut self.db, &mut scope, tx, statement)
    }

    /// In autocommit; the answer as text: `columns | row | row`, a number of rows, or the error.
    fn run(&mut self, sql: &str) -> String {
        match parse(sql).unwrap() {
            Statement::CreateTable(def) => self
                .db
                .create_table("SYS", &def)
                .map_or_else(|e| format!("{} {}", e.sqlstate, e.native), |_| "ok".into()),
            Statement::Query(q) => self.query(None, &q),
            other => {
                let tx = self.db.begin(Origin::Client);
                let done = self.change(tx, &other);
                self.db.commit(tx);
                done.map_or_else(stopped, |n| n.to_string())
            }
        }
    }

    fn query(&mut self, tx: Option<TxId>, q: &crate::sql::ast::Query) -> String {
        let mut scope = Scope { user: "SYS", tx, host: &mut self.server };
        let relation = match query(&self.db, &mut scope, q) {
            Ok(relation) => relation,
            Err(stop) => return stopped(stop),
        };
        let cell = |v: &Datum| if v.is_null() { "-".to_owned() } else { v.to_string() };
        let row = |row: &crate::value::Row| row.iter().map(cell).collect::<Vec<_>>().join(",");
        let lines = std::iter::once(relation.columns.join(",")).chain(relation.rows.iter().map(row));
        lines.collect::<Vec<_>>().join(" | ")
    }
}

fn sample() -> Lab {
    Lab::new(&[
        "CREATE TABLE T1 (I1 INTEGER PRIMARY KEY, C2 VARCHAR(20), N3 NUMERIC(6,2))",
        "CREATE TABLE T2 (A INTEGER, B CHAR(4), PRIMARY KEY (A, B))",
        "CREATE TABLE HEAP (X INTEGER)",
        "CREATE TABLE P (I1 INTEGER PRIMARY KEY, C VARCHAR(9)) PARTITION BY RANGE (I1) \
         (PARTITION P1 VALUES LESS THAN (100), PARTITION P2 VALUES DEFAULT)",
        "INSERT INTO T1 VALUES (1, 'one', 1.5), (2, 'two', 2), (3, 'three', NULL), (4, NULL, 2)",
        "INSERT INTO T2 VALUES (1, 'a'), (1, 'b'), (2, 'a')",
        "INSERT INTO HEAP VALUES (5), (5), (6)",
        "INSERT INTO P VALUES (1, 'in P1'), (150, 'in P2'), (2, 'x')",
    ])
}

#[test]
fn queries() {
    let mut lab = sample();
    let table = [
        ("SELECT * FROM T1", "I1,C2,N3 | 1,one,1.5 | 2,two,2 | 3,three,- | 4,-,2"),
        ("SELECT I1, C2 FROM T1 ORDER BY I1 DESC", "I1,C2 | 4,- | 3,three | 2,two | 1,one"),
        ("SELECT C2 FROM T1 ORDER BY 1", "C2 | one | three | two | -"),
        ("SELECT C2 AS X FROM T1 ORDER BY X DESC LIMIT 2", "X | - | two"),
        ("SELECT C2 FROM T1 ORDER BY I1 * -1", "C2 | - | three | two | one"),
        ("SELECT I1 FROM T1 LIMIT 2, 2", "I1 | 2 | 3"),
        ("SELECT I1 FROM T1 WHERE ROWNUM <= 2", "I1 | 1 | 2"),
        ("SELECT ROWNUM, I1 FROM T1 WHERE I1 > 2", "ROWNUM,I1 | 1,3 | 2,4"),
        ("SELECT COUNT(*) FROM T1", "COUNT(*) | 4"),
        (
            "select count(*), count(c2), sum(i1), min(c2), max(n3), avg(i1) from t1",
            "COUNT(*),COUNT(C2),SUM(I1),MIN(C2),MAX(N3),AVG(I1) | 4,3,10,one,2,2.5",
        ),
        ("SELECT COUNT(*) FROM T1 WHERE I1 > 100", "COUNT(*) | 0"),
        ("SELECT SUM(I1) FROM T1 WHERE I1 > 100", "SUM(I1) | -"),
        ("SELECT COUNT(DISTINCT N3) FROM T1", "COUNT(DISTINCT N3) | 2"),
        ("SELECT N3, COUNT(*) C FROM T1 GROUP BY N3 ORDER BY N3", "N3,C | 1.5,1 | 2,2 | -,1"),
        ("SELECT N3 FROM T1 GROUP BY N3 HAVING COUNT(*) > 1", "N3 | 2"),
        ("SELECT N3 + 1 FROM T1 GROUP BY N3 + 1 ORDER BY COUNT(*) DESC LIMIT 1", "N3+1 | 3"),
        ("SELECT DISTINCT A FROM T2", "A | 1 | 2"),
        ("SELECT SUBSTR(PRODUCT_VERSION, 1, 3) FROM V$VERSION", "SUBSTR(PRODUCT_VERSION,1,3) | 7.2"),
        (
            "SELECT NAME, VALUE1 FROM V$PROPERTY WHERE NAME IN ('X', 'ADMIN_MODE') ORDER BY NAME",
            "NAME,VALUE1 | ADMIN_MODE,0 | X,-",
        ),
        ("SELECT NAME FROM V$PROPERTY WHERE VALUE1 = 20301", "NAME | REPLICATION_PORT_NO"),
        ("SELECT NAME FROM V$PROPERTY WHERE VALUE1 IS NULL", "NAME | X"),
        ("SELECT NAME FROM V$PROPERTY WHERE NAME LIKE '%REPL%'", "NAME | REPLICATION_PORT_NO"),
        (
            "SELECT U.USER_NAME, T.TABLE_NAME FROM SYSTEM_.SYS_TABLES_ T, SYSTEM_.SYS_USERS_ U \
             WHERE T.USER_ID = U.USER_ID AND U.USER_NAME = 'SYS' AND T.TABLE_NAME LIKE 'T%' ORDER BY 2",
            "USER_NAME,TABLE_NAME | SYS,T1 | SYS,T2",
        ),
        ("SELECT X.I1, Y.B FROM T1 X JOIN T2 Y ON X.I1 = Y.A WHERE Y.B = 'a'", "I1,B | 1,a    | 2,a   "),
        (
            "SELECT X.I1, Y.B FROM T1 X LEFT OUTER JOIN T2 Y ON X.I1 = Y.A AND Y.B = 'b' ORDER BY 1",
            "I1,B | 1,b    | 2,- | 3,- | 4,-",
        ),
        ("SELECT COUNT(*) FROM T1 A, T1 B WHERE A.I1 < B.I1", "COUNT(*) | 6"),
        ("SELECT I1 FROM T1 WHERE I1 IN (SELECT A FROM T2)", "I1 | 1 | 2"),
        ("SELECT I1 FROM T1 WHERE I1 NOT IN (SELECT A FROM T2)", "I1 | 3 | 4"),
        ("SELECT I1 FROM T1 X WHERE EXISTS (SELECT 1 FROM T2 WHERE A = X.I1 AND B = 'b')", "I1 | 1"),
        ("SELECT I1, (SELECT COUNT(*) FROM T2 WHERE A = T1.I1) N FROM T1 WHERE I1 <= 2", "I1,N | 1,2 | 2,1"),
        ("SELECT MAX(N) FROM (SELECT COUNT(*) N FROM T2 GROUP BY A) X", "MAX(N) | 2"),
        (
            "SELECT 0 AS N, COUNT(*) AS C FROM T1 UNION ALL SELECT 1 AS N, COUNT(*) FROM P PARTITION (P1)",
            "N,C | 0,4 | 1,2",
        ),
        ("SELECT X FROM HEAP UNION SELECT A FROM T2 ORDER BY 1", "X | 1 | 2 | 5 | 6"),
        ("SELECT I1 FROM T1 WHERE I1 BETWEEN 2 AND 3 AND NOT C2 = 'two'", "I1 | 3"),
        ("SELECT I1 FROM T1 WHERE I1 >= 2 AND 4 > I1", "I1 | 2 | 3"),
        ("SELECT I1 FROM T1 WHERE I1 > 3 AND I1 < 2", "I1"),
        ("SELECT I1 FROM T1 WHERE I1 = '3'", "I1 | 3"),
        ("SELECT I1 FROM T1 WHERE I1 = 1.5", "I1"),
        ("SELECT I1 FROM T1 WHERE I1 = NULL", "I1"),
        ("SELECT B FROM T2 WHERE A = 1 AND B = 'b'", "B | b   "),
        ("SELECT CASE WHEN I1 = 1 THEN 'x' ELSE C2 || '!' END V FROM T1 WHERE I1 < 3", "V | x | two!"),
        ("SELECT CASE I1 WHEN 1 THEN 'x' END V FROM T1 WHERE I1 < 3", "V | x | -"),
        (
            "SELECT NVL(C2, 'none'), MOD(I1, 3), -I1, I1 / 8 FROM T1 WHERE I1 = 4",
            "NVL(C2,'none'),MOD(I1,3),-I1,I1/8 | none,1,-4,0.5",
        ),
        ("SELECT T1.*, B FROM T1, T2 WHERE I1 = A AND I1 = 2", "I1,C2,N3,B | 2,two,2,a   "),
        ("SELECT SESSION_ID() FROM DUAL", "SESSION_ID() | 7"),
        ("SELECT USER_LOCK_REQUEST(1) FROM DUAL", "USER_LOCK_REQUEST(1) | 0"),
        ("SELECT USER_LOCK_REQUEST(2) FROM DUAL", "wait"),
        ("SELECT * FROM DUAL", "X | X"),
        ("SELECT C FROM SYS.P PARTITION (P2)", "C | in P2"),
        ("SELECT NO_SUCH_COLUMN FROM T1", "42S22 200792"),
        ("SELECT * FROM SYSTEM_.NO_SUCH_TABLE_", "42S02 200753"),
        ("SELECT * FROM P PARTITION (NOPE)", "HY000 201307"),
        ("SELECT I1 FROM T1 A, T1 B", "42000 200793"),
        ("SELECT I1, COUNT(*) FROM T1", "42000 200801"),
        ("SELECT NO_SUCH_FUNCTION(1) FROM DUAL", "42000 200761"),
        ("SELECT I1 FROM T1 WHERE C2 = 1", "22018 135185"),
        ("SELECT (SELECT I1 FROM T1) FROM DUAL", "HY000 200803"),
    ];
    for (sql, want) in table {
        assert_eq!(lab.run(sql), want, "{sql}");
    }
}

#[test]
fn changes() {
    let mut lab = sample();
    let table = [
        ("INSERT INTO T1 VALUES (9, 'nine')", "42000 200750"),
        ("INSERT INTO T1 (C2, I1) VALUES ('nine', 9)", "1"),
        ("SELECT * FROM T1 WHERE I1 = 9", "I1,C2,N3 | 9,nine,-"),
        ("INSERT INTO T1 VALUES (9, 'again', 1)", "23000 69720"),
        ("INSERT INTO T1 VALUES (NULL, 'null', 1)", "23000 200820"),
        ("INSERT INTO T1 VALUES (10, 'this is longer than twenty', 1)", "22026 135273"),
        ("INSERT INTO T1 VALUES (10, 'x', 12345)", "22003 135184"),
        ("INSERT INTO T1 VALUES (3000000000, 'x', 1)", "22003 135184"),
        ("INSERT INTO T1 VALUES ('ten', 'x', 1)", "22018 135185"),
        ("INSERT INTO T1 (I1, NOPE) VALUES (10, 1)", "42S22 200792"),
        ("INSERT INTO NOSUCH VALUES (1)", "42S02 200753"),
        // Several rows: all or none.
        ("INSERT INTO T1 VALUES (20, 'a', 1), (9, 'b', 1)", "23000 69720"),
        ("SELECT COUNT(*) FROM T1", "COUNT(*) | 5"),
        ("INSERT INTO T1 SELECT I1 + 100, UPPER(C2), N3 FROM T1 WHERE I1 < 3", "2"),
        ("SELECT C2 FROM T1 WHERE I1 > 100", "C2 | ONE | TWO"),
        ("UPDATE T1 SET C2 = 'x', N3 = N3 + 0.126 WHERE I1 > 100", "2"),
        ("SELECT C2, N3 FROM T1 WHERE I1 > 100", "C2,N3 | x,1.63 | x,2.13"),
        ("UPDATE T1 SET I1 = 3 WHERE I1 = 4", "23000 69720"),
        ("UPDATE T1 SET I1 = 44 WHERE I1 = 4", "1"),
        ("UPDATE T1 SET C2 = (SELECT MAX(B) FROM T2) WHERE I1 = 44", "1"),
        ("SELECT C2 FROM T1 WHERE I1 = 44", "C2 | b"),
        ("UPDATE T1 SET C2 = DEFAULT WHERE I1 = 44", "1"),
        ("UPDATE T1 SET C2 = 'y' WHERE I1 = 999", "0"),
        ("DELETE FROM T1 WHERE I1 > 40", "3"),
        ("DELETE FROM P PARTITION (P1) WHERE C = 'x'", "1"),
        ("DELETE FROM HEAP WHERE X = 5 AND ROWNUM <= 1", "1"),
        ("SELECT X FROM HEAP", "X | 5 | 6"),
        ("DELETE FROM T1", "4"),
        ("SELECT COUNT(*) FROM T1", "COUNT(*) | 0"),
    ];
    for (sql, want) in table {
        let got = lab.run(sql);
        let got = if want.starts_with("C2") { got.replace("   ", "") } else { got };
        assert_eq!(got, want, "{sql}");
    }
}

#[test]
fn own_changes_only() {
    let mut lab = sample();
    let Ok(Statement::Query(count)) = parse("SELECT COUNT(*) FROM T1") else { panic!("a query") };
    let insert = parse("INSERT INTO T1 VALUES (9, 'nine', NULL)").unwrap();
    let update = parse("UPDATE T1 SET C2 = 'mine' WHERE I1 = 1").unwrap();
    let all = parse("UPDATE T1 SET C2 = 'all'").unwrap();
    let (a, b) = (lab.db.begin(Origin::Client), lab.db.begin(Origin::Client));
    assert_eq!(lab.change(a, &insert), Ok(1));
    assert_eq!(lab.change(a, &update), Ok(1));
    assert_eq!(lab.query(Some(a), &count), "COUNT(*) | 5");
    assert_eq!(lab.query(Some(b), &count), "COUNT(*) | 4");
    assert_eq!(lab.query(None, &count), "COUNT(*) | 4");
    assert_eq!(lab.change(b, &insert), Err(Stop::Blocked(a)));
    assert_eq!(lab.change(b, &all), Err(Stop::Blocked(a)));
    assert_eq!(lab.run("SELECT C2 FROM T1 WHERE I1 = 1"), "C2 | one");
    lab.db.commit(a);
    assert_eq!(lab.change(b, &all), Ok(5));
    lab.db.rollback(b);
    assert_eq!(lab.run("SELECT C2 FROM T1 WHERE I1 = 1"), "C2 | mine");
}

#[test]
fn keys_are_looked_up() {
    let mut lab = Lab::new(&["CREATE TABLE T (I1 INTEGER PRIMARY KEY, C2 VARCHAR(20))"]);
    let tx = lab.db.begin(Origin::Client);
    for n in 0..50_000 {
        let row = [Datum::Int(n), Datum::from("x")].into();
        let table = lab.db.find_table("SYS", "T").unwrap().id;
        lab.db.insert(tx, table, row).unwrap();
    }
    lab.db.commit(tx);
    // SESSION_ID() is asked once for each row that is looked at.
    lab.server.calls = 0;
    assert_eq!(lab.run("SELECT I1 FROM T WHERE I1 = 777 AND SESSION_ID() = 7"), "I1 | 777");
    assert_eq!(lab.run("UPDATE T SET C2 = 'y' WHERE SESSION_ID() = 7 AND 5 = I1"), "1");
    assert_eq!(lab.run("DELETE FROM T WHERE I1 = 3 + 3 AND SESSION_ID() = 7"), "1");
    assert_eq!(lab.run("SELECT COUNT(*) FROM T WHERE I1 > 10 AND I1 <= 20 AND SESSION_ID() = 7"), "COUNT(*) | 10");
    assert_eq!(lab.server.calls, 13);
}

#[test]
fn levels() {
    let mut lab = sample();
    let table = [
        ("CREATE TABLE S1 (I1 INTEGER PRIMARY KEY, C2 VARCHAR(20))", "ok"),
        ("SELECT LEVEL FROM DUAL CONNECT BY LEVEL <= 3", "LEVEL | 1 | 2 | 3"),
        ("SELECT LEVEL FROM SYS.DUAL CONNECT BY LEVEL < 3", "LEVEL | 1 | 2"),
        ("SELECT LEVEL FROM DUAL CONNECT BY 2 >= LEVEL", "LEVEL | 1 | 2"),
        ("SELECT * FROM DUAL CONNECT BY LEVEL <= 2", "X | X | X"),
        ("SELECT D.X, D.LEVEL FROM DUAL D CONNECT BY LEVEL < 2", "X,LEVEL | X,1"),
        ("SELECT 'x'||LEVEL, MOD(LEVEL, 2) M FROM DUAL CONNECT BY LEVEL <= 1 + 2", "'x'||LEVEL,M | x1,1 | x2,0 | x3,1"),
        ("SELECT LEVEL L FROM DUAL WHERE MOD(LEVEL, 2) = 0 CONNECT BY LEVEL <= 5 ORDER BY L DESC", "L | 4 | 2"),
        ("SELECT LEVEL FROM DUAL WHERE LEVEL > 2 AND ROWNUM <= 2 CONNECT BY LEVEL <= 9", "LEVEL | 3 | 4"),
        ("SELECT ROWNUM, LEVEL FROM DUAL CONNECT BY LEVEL <= 2 LIMIT 1", "ROWNUM,LEVEL | 1,1"),
        ("SELECT DISTINCT MOD(LEVEL, 2) D FROM DUAL CONNECT BY LEVEL <= 5", "D | 1 | 0"),
        ("SELECT COUNT(*), SUM(LEVEL) FROM DUAL CONNECT BY LEVEL <= 100", "COUNT(*),SUM(LEVEL) | 100,5050"),
        ("SELECT N FROM (SELECT LEVEL N FROM DUAL CONNECT BY LEVEL <= 3) V, T1 WHERE I1 = N AND N > 2", "N | 3"),
        // The hierarchy ends where the whole condition fails for the first time.
        ("SELECT LEVEL FROM DUAL CONNECT BY LEVEL <= 9 AND LEVEL <> 3", "LEVEL | 1 | 2"),
        ("SELECT LEVEL FROM DUAL CONNECT BY LEVEL <= 0", "LEVEL | 1"),
        ("SELECT LEVEL FROM DUAL CONNECT BY LEVEL <= NULL", "LEVEL | 1"),
        ("SELECT LEVEL FROM DUAL", "42S22 200792"),
        ("insert into s1 select level, 'src'||level from dual connect by level <= 10;", "10"),
        ("SELECT MIN(C2), MAX(I1), COUNT(*) FROM S1", "MIN(C2),MAX(I1),COUNT(*) | src1,10,10"),
        ("insert into s1 select level, 'row'||level from dual connect by level <= 200000;", "23000 69720"),
        ("SELECT COUNT(*) FROM S1", "COUNT(*) | 10"),
    ];
    for (sql, want) in table {
        assert_eq!(lab.run(sql), want, "{sql}");
    }
}

/// A page by key is not read further than its last row, and is what sorting everything gives.
#[test]
fn pages_of_a_table() {
    let mut lab = sample();
    assert_eq!(
        lab.run("INSERT INTO P SELECT MOD(LEVEL * 7919, 90001) + 200, 'r'||LEVEL FROM DUAL CONNECT BY LEVEL <= 300"),
        "300"
    );
    for (what, by) in [("I1", "I1"), ("I1, C", "I1"), ("C, I1 AS K", "K"), ("C", "I1")] {
        for place in
            ["P", "P WHERE I1 > 150", "P WHERE I1 > 20000 AND I1 <= 50000", "P WHERE C > 'r2'", "P PARTITION (P2)"]
        {
            for limit in ["LIMIT 0", "LIMIT 1", "LIMIT 7", "LIMIT 3, 20", "LIMIT 500"] {
                let page = lab.run(&format!("SELECT {what} FROM {place} ORDER BY {by} {limit}"));
                let sorted = lab.run(&format!("SELECT {what} FROM {place} ORDER BY {by}, I1 + 0 {limit}"));
                assert_eq!(page, sorted, "{what} {place} {by} {limit}");
            }
        }
    }
    // What is behind the last row is not looked at: there, a text is no number.
    let sql = "SELECT I1 FROM P WHERE C = 'in P1' OR C + 0 > 1 ORDER BY I1 LIMIT 1";
    assert_eq!(lab.run(sql), "I1 | 1");
}

/// Levels are looked at one by one: those that WHERE refuses take no room.
#[test]
fn many_levels() {
    let mut lab = sample();
    let sql = "SELECT LEVEL FROM DUAL WHERE LEVEL = 1000000 CONNECT BY LEVEL <= 1000000";
    assert_eq!(lab.run(sql), "LEVEL | 1000000");
    let sql = "INSERT INTO T1 SELECT LEVEL + 10, 'row'||LEVEL, MOD(LEVEL, 7) FROM DUAL CONNECT BY LEVEL <= 100000";
    assert_eq!(lab.run(sql), "100000");
    assert_eq!(lab.run("SELECT C2, N3 FROM T1 WHERE I1 = 100010"), "C2,N3 | row100000,5");
}

#[test]
fn relations_of_a_statement() {
    let table = [
        ("SELECT * FROM V$REPSENDER", "V$REPSENDER"),
        ("SELECT (SELECT 1 FROM A) FROM B, (SELECT * FROM C) D WHERE X IN (SELECT Y FROM SYSTEM_.E)", "A B C E"),
        ("SELECT 1 FROM A UNION ALL SELECT 1 FROM B LEFT JOIN C ON EXISTS (SELECT 1 FROM D)", "A B C D"),
        ("INSERT INTO A SELECT * FROM B", "A B"),
        ("UPDATE A SET X = (SELECT 1 FROM B) WHERE Y = 1", "A B"),
        ("DELETE FROM A WHERE EXISTS (SELECT 1 FROM B)", "A B"),
        ("SELECT LEVEL FROM DUAL CONNECT BY LEVEL < 3", "DUAL"),
        ("COMMIT", ""),
    ];
    for (sql, want) in table {
        let names: Vec<_> = relations(&parse(sql).unwrap()).into_iter().map(|t| t.name).collect();
        assert_eq!(names.join(" "), want, "{sql}");
    }
}
