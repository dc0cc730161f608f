//! What is a statement, which one, and what is none.

use super::{
    SqlError, Statement,
    ast::TableName,
    parse,
    statement::{
        AfterSync, CreateReplication, Flush, FlushUntil, Host, ItemPair, ItemRef, ParallelOption,
        ReplicationAction as A, ReplicationMode, ReplicationOption, Role, Sessions, Since, Start, Switch, Sync,
        Transport,
    },
};
use crate::{data::LockMode, value::ColumnType};

fn kind(sql: &str) -> &'static str {
    match parse(sql) {
        Err(e) if e.native == 200_705 => "syntax",
        Err(_) => "error",
        Ok(s) => match s {
            Statement::Query(_) => "query",
            Statement::Insert(_) => "insert",
            Statement::Update(_) => "update",
            Statement::Delete(_) => "delete",
            Statement::LockTable { .. } => "lock",
            Statement::Commit | Statement::Rollback { .. } | Statement::Savepoint(_) => "transaction",
            Statement::CreateTable(_) => "create table",
            Statement::DropTable(_) => "drop table",
            Statement::Truncate { .. } => "truncate",
            Statement::AddColumns { .. } | Statement::DropColumns { .. } => "columns",
            Statement::RenameTable { .. } => "rename",
            Statement::CreateIndex { .. } | Statement::DropIndex(_) => "index",
            Statement::CreateUser { .. } | Statement::AlterUser { .. } | Statement::DropUser { .. } => "user",
            Statement::Grant(_) | Statement::Revoke(_) => "grant",
            Statement::AlterSystem { .. } | Statement::Checkpoint => "system",
            Statement::AlterSession { .. } => "session",
            Statement::CloseSession { .. } => "close",
            Statement::CreateReplication(_) => "create replication",
            Statement::DropReplication(_) => "drop replication",
            Statement::AlterReplication { .. } => "alter replication",
            Statement::TemporaryGetTable { .. } => "temporary",
        },
    }
}

/// Every form of statement that the recordings, the transcripts and the program itself send.
#[test]
fn kinds() {
    let table = [
        ("SELECT VALUE1 FROM V$PROPERTY WHERE NAME = 'ADMIN_MODE'", "query"),
        ("SELECT SUBSTR(PRODUCT_VERSION, 1, 3) FROM V$VERSION;", "query"),
        ("SELECT NAME, VALUE1 FROM V$PROPERTY WHERE NAME IN ('A', 'B') ORDER BY NAME", "query"),
        (
            "SELECT U.USER_NAME, T.TABLE_NAME FROM SYSTEM_.SYS_TABLES_ T, SYSTEM_.SYS_USERS_ U \
             WHERE T.USER_ID = U.USER_ID AND U.USER_NAME = 'SYS'",
            "query",
        ),
        ("select name from v$table where name like '%REP%' order by 1", "query"),
        (
            "SELECT 0 AS N, COUNT(*) AS ROWS_NOW FROM SYS.T1 UNION ALL SELECT 1 AS N, COUNT(*) FROM T2 PARTITION (P1)",
            "query",
        ),
        ("SELECT SESSION_ID() FROM DUAL", "query"),
        ("SELECT USER_LOCK_REQUEST(77) FROM DUAL", "query"),
        (
            "SELECT R.REPLICATION_NAME, S.STATUS FROM SYSTEM_.SYS_REPLICATIONS_ R LEFT OUTER JOIN V$REPSENDER S \
             ON S.REP_NAME = R.REPLICATION_NAME ORDER BY R.REPLICATION_NAME",
            "query",
        ),
        ("SELECT * FROM T1 LIMIT 2, 3", "query"),
        ("SELECT * FROM T1 WHERE ROWNUM <= 3 FOR UPDATE", "query"),
        ("SELECT MAX(I1) - MIN(I1), SYSDATE FROM (SELECT I1 FROM T1) X", "query"),
        ("INSERT INTO T1 VALUES (1, 'old session goes on')", "insert"),
        ("insert into sys.t1 (i1, c2) values (1, 'a'), (2, default)", "insert"),
        ("INSERT INTO T1 SELECT I1 + 100, C2 FROM T1 WHERE I1 < 5", "insert"),
        ("UPDATE T1 SET C2 = 'b', C3 = C3 + 1 WHERE I1 = 1", "update"),
        ("DELETE FROM T1", "delete"),
        ("DELETE FROM T1 WHERE I1 BETWEEN 1 AND 3", "delete"),
        ("DELETE FROM T2 PARTITION (P1) WHERE I1 = 3", "delete"),
        ("LOCK TABLE T1 IN EXCLUSIVE MODE", "lock"),
        ("LOCK TABLE SYS.T1 IN SHARE MODE NOWAIT", "lock"),
        ("COMMIT", "transaction"),
        ("COMMIT WORK;", "transaction"),
        ("ROLLBACK", "transaction"),
        ("ROLLBACK TO SAVEPOINT A", "transaction"),
        ("SAVEPOINT A", "transaction"),
        ("CREATE TABLE T1 (I1 INTEGER PRIMARY KEY, C2 VARCHAR(20))", "create table"),
        ("create table t1 (i1 integer primary key, c2 varchar(20), c3 double)", "create table"),
        ("CREATE TABLE NOPK (I1 INTEGER)", "create table"),
        ("CREATE TABLE CHILD (I1 INTEGER PRIMARY KEY, P INTEGER REFERENCES T1(I1))", "create table"),
        ("CREATE TABLE \"Low Case\" (I1 INTEGER PRIMARY KEY)", "create table"),
        (
            "CREATE TABLE T2 (I1 INTEGER PRIMARY KEY, C2 VARCHAR(20)) PARTITION BY RANGE (I1) (PARTITION P1 VALUES \
             LESS THAN (100), PARTITION P2 VALUES LESS THAN (200), PARTITION P3 VALUES DEFAULT)",
            "create table",
        ),
        (
            "CREATE TABLE L (A CHAR(3), N NUMERIC(10,2) DEFAULT -1.5 NOT NULL, CONSTRAINT PK PRIMARY KEY (A)) \
             TABLESPACE X",
            "create table",
        ),
        (
            "CREATE TABLE L (A CHAR(3) UNIQUE CHECK (A > 'a')) PARTITION BY LIST (A) \
             (PARTITION P VALUES ('x', 'y'), PARTITION Q VALUES DEFAULT)",
            "create table",
        ),
        ("CREATE TABLE H (A INT) PARTITION BY HASH (A) (PARTITION P, PARTITION Q) ENABLE ROW MOVEMENT", "create table"),
        ("DROP TABLE T1", "drop table"),
        ("TRUNCATE TABLE T1", "truncate"),
        ("ALTER TABLE T2 TRUNCATE PARTITION P1", "truncate"),
        ("alter table t1 add column (c4 integer)", "columns"),
        ("ALTER TABLE T1 DROP COLUMN C4", "columns"),
        ("rename t1 to t1x", "rename"),
        ("create index t1_idx on t1(c2)", "index"),
        ("CREATE UNIQUE INDEX SYS.X ON SYS.T1 (C2 ASC, I1 DESC)", "index"),
        ("DROP INDEX T1_IDX", "index"),
        ("CREATE USER APP IDENTIFIED BY APP", "user"),
        ("CREATE USER APP IDENTIFIED BY \"a b#c\" DEFAULT TABLESPACE SYS_TBS_DISK_DATA", "user"),
        ("ALTER USER SYS IDENTIFIED BY 'x'", "user"),
        ("DROP USER APP CASCADE", "user"),
        ("grant create session to u1", "grant"),
        ("GRANT SELECT, INSERT ON SYS.T1 TO APP, U2 WITH GRANT OPTION", "grant"),
        ("REVOKE ALL PRIVILEGES FROM APP", "grant"),
        ("ALTER SYSTEM SET ADMIN_MODE = 1", "system"),
        ("ALTER SYSTEM SET REPLICATION_MAX_LOGFILE = -1", "system"),
        ("ALTER SYSTEM CHECKPOINT", "system"),
        ("alter session set replication = false", "session"),
        ("ALTER SESSION SET AUTOCOMMIT = FALSE", "session"),
        ("ALTER SESSION SET QUERY_TIMEOUT = 0", "session"),
        ("ALTER DATABASE MYDB SESSION CLOSE 12", "close"),
        ("ALTER DATABASE mydb SESSION CLOSE SYS", "close"),
        ("CREATE REPLICATION AKU_REP_01 WITH '10.0.0.1', 20301 FROM SYS.T1 TO SYS.T1", "create replication"),
        ("create replication aku_rep_01 with '10.0.0.1', 20301 from sys.t1 to sys.t1", "create replication"),
        ("CREATE EAGER REPLICATION R OPTIONS PARALLEL 2 WITH 'h', 1 FROM SYS.T1 TO SYS.T1", "create replication"),
        ("CREATE REPLICATION R WITH 'h', 1", "create replication"),
        ("DROP REPLICATION AKU_REP_01", "drop replication"),
        ("ALTER REPLICATION NOSUCH SYNC ONLY", "alter replication"),
        ("ALTER REPLICATION TEMPORARY GET TABLE SYS.T1 FROM 'h', 1", "temporary"),
        // Commands of the interactive client, which never reach a server.
        ("desc v$repsender", "syntax"),
        ("set vertical on", "syntax"),
        ("SELEC 1", "syntax"),
        ("SELECT", "syntax"),
        ("SELECT 1", "syntax"),
        ("", "syntax"),
        (";", "syntax"),
        ("COMMIT; COMMIT", "syntax"),
        ("SELECT * FROM T1; SELECT * FROM T1", "syntax"),
        ("SELECT * FROM T1 WHERE", "syntax"),
        ("SELECT 'open FROM T1", "syntax"),
        ("INSERT INTO T1 VALUES (1", "syntax"),
        ("UPDATE T1 SET", "syntax"),
        ("CREATE REPLICATION", "syntax"),
        ("CREATE TABLE T1 ()", "syntax"),
        ("CREATE TABLE T1 (I1 NOTYPE)", "syntax"),
        ("CREATE TABLE T1 (C VARCHAR(0))", "syntax"),
        ("ALTER REPLICATION NOSUCH FROB", "syntax"),
        ("ALTER REPLICATION R SYNC RETRY", "syntax"),
        ("ALTER REPLICATION R START WITH RETRY", "syntax"),
        ("ALTER REPLICATION R SYNC PARALLEL", "syntax"),
        ("ALTER REPLICATION R STOP NOW", "syntax"),
        ("ALTER REPLICATION R ADD TABLE FROM T1 TO T1", "syntax"),
        ("CREATE REPLICATION R WITH 'h', 1 FROM SYS.T1 PARTITION P TO SYS.T1", "syntax"),
        ("CREATE REPLICATION R WITH 'h', 1, 'i', 2 FROM SYS.T1 TO SYS.T1", "syntax"),
        ("CREATE REPLICATION R WITH 'h', 99999999999 FROM SYS.T1 TO SYS.T1", "syntax"),
        ("ALTER SYSTEM SET X", "syntax"),
        ("DROP DATABASE X", "syntax"),
    ];
    for (sql, want) in table {
        assert_eq!(kind(sql), want, "{sql}: {:?}", parse(sql));
    }
}

fn native(sql: &str) -> Result<(), (i32, String)> {
    let first_line = |m: &str| m.lines().next().unwrap_or_default().to_owned();
    parse(sql).map(drop).map_err(|e| (e.native, first_line(&e.message)))
}

#[test]
fn refusals_in_the_servers_words() {
    let long = |n: usize| "R".repeat(n);
    let create = |name: &str, options: &str| {
        format!("CREATE REPLICATION {name} {options} WITH '10.0.0.1', 20301 FROM SYS.T1 TO SYS.T1")
    };
    let too_long = Err((201_099, "The length of the name exceeds the maximum limit. ".to_owned()));
    let table = [
        ("SELEC 1".to_owned(), Err((200_705, "SQL syntax error ".to_owned()))),
        ("ALTER REPLICATION NOSUCH FROB".to_owned(), Err((200_705, "SQL syntax error ".to_owned()))),
        (
            "ALTER REPLICATION R SYNC PARALLEL 0".to_owned(),
            Err((200_705, "SQL syntax error Parallel factor is invalid.".to_owned())),
        ),
        (create(&long(40), ""), Ok(())),
        (create(&long(41), ""), too_long.clone()),
        (format!("DROP TABLE {}", long(128)), Ok(())),
        (format!("DROP TABLE {}", long(129)), too_long.clone()),
        (format!("SELECT * FROM {}", long(129)), too_long),
        (create("R", "OPTIONS NOSUCH"), Err((201_393, "Unsupported replication option name ".to_owned()))),
        (create("R", "OPTIONS PARALLEL 1000"), Ok(())),
    ];
    for (sql, want) in table {
        assert_eq!(native(&sql), want, "{sql}");
    }
    let hint = parse("SELECT *\n FROM T1 WHERE").map(drop);
    assert_eq!(hint, Err(SqlError::syntax("SELECT *\n FROM T1 WHERE", 23)));
}

#[test]
fn hierarchies() {
    let refused = |reason: &str| Err((200_705, format!("SQL syntax error {reason}")));
    let table = [
        ("SELECT LEVEL FROM DUAL CONNECT BY LEVEL <= 10", Ok(())),
        ("insert into t1 select level, 'row'||level, level from dual connect by level <= 200000;", Ok(())),
        ("insert into t1 select level, 'src'||level, 1 from dual connect by level <= 10;", Ok(())),
        ("SELECT LEVEL FROM T1 CONNECT BY LEVEL <= 10", refused("CONNECT BY is supported for DUAL only.")),
        ("SELECT LEVEL FROM DUAL, T1 CONNECT BY LEVEL <= 10", refused("CONNECT BY is supported for DUAL only.")),
        ("SELECT LEVEL FROM DUAL CONNECT BY LEVEL >= 10", refused("CONNECT BY needs LEVEL < n or LEVEL <= n.")),
        ("SELECT LEVEL FROM DUAL CONNECT BY LEVEL < LEVEL + 1", refused("CONNECT BY needs LEVEL < n or LEVEL <= n.")),
        ("SELECT LEVEL FROM DUAL CONNECT BY LEVEL < 3 OR 1 = 1", refused("CONNECT BY needs LEVEL < n or LEVEL <= n.")),
        (
            "SELECT LEVEL FROM DUAL START WITH 1 = 1 CONNECT BY LEVEL < 3",
            refused("START WITH and NOCYCLE are not supported."),
        ),
        ("SELECT LEVEL FROM DUAL CONNECT BY LEVEL <", refused("")),
    ];
    for (sql, want) in table {
        assert_eq!(native(sql), want, "{sql}");
    }
}

fn item(table: &str, partition: Option<&str>) -> ItemRef {
    ItemRef { user: "SYS".to_owned(), table: table.to_owned(), partition: partition.map(str::to_owned) }
}

fn pair(table: &str, partition: Option<&str>) -> ItemPair {
    ItemPair { local: item(table, partition), remote: item(table, partition) }
}

fn host(host: &str, port: i64) -> Host {
    Host { host: host.to_owned(), port, using: None }
}

#[test]
fn create_replication() {
    let sql = "CREATE EAGER REPLICATION r1 AS MASTER OPTIONS GAPLESS PARALLEL 2 10 M GROUPING OFFLINE '/a', '/b' \
               LOCAL r2 \
               WITH '10.0.0.1', 20301 'pod-1', 20302 FROM SYS.\"t 1\" PARTITION p1 TO SYS.\"t 1\" PARTITION p1, \
               FROM sys.t2 TO sys.t2";
    let want = CreateReplication {
        name: "R1".to_owned(),
        mode: Some(ReplicationMode::Eager),
        purpose: None,
        role: Some(Role::Master),
        options: vec![
            ReplicationOption::Gapless,
            ReplicationOption::Parallel(ParallelOption { count: 2, buffer: Some(10 << 20) }),
            ReplicationOption::Grouping,
            ReplicationOption::Offline(vec!["/a".to_owned(), "/b".to_owned()]),
            ReplicationOption::Local("R2".to_owned()),
        ],
        hosts: vec![host("10.0.0.1", 20301), host("pod-1", 20302)],
        items: vec![pair("t 1", Some("P1")), pair("T2", None)],
    };
    assert_eq!(parse(sql), Ok(Statement::CreateReplication(want.into())));
}

#[test]
fn alter_replication() {
    let sync = |then, parallel, tables| A::Sync(Sync { then, parallel, tables });
    let flush = |until, wait_s| A::Flush(Flush { until, wait_s });
    let none = Vec::new;
    let parallel = |count, buffer| ParallelOption { count, buffer };
    let table = [
        ("ADD TABLE FROM SYS.T2 TO SYS.T2", A::AddTable(pair("T2", None))),
        ("DROP TABLE FROM SYS.T2 PARTITION P TO SYS.T2 PARTITION P", A::DropTable(pair("T2", Some("P")))),
        ("ADD HOST 'h', 70000", A::AddHost(host("h", 70000))),
        ("DROP HOST 'h', 1", A::DropHost(host("h", 1))),
        ("SET HOST 'h',1", A::SetHost(host("h", 1))),
        ("ADD HOST 'h', 1 USING IB 1", A::AddHost(Host { using: Some(Transport::Ib(1)), ..host("h", 1) })),
        ("SET MODE LAZY", A::SetMode(ReplicationMode::Lazy)),
        ("SET RECOVERY ENABLE", A::SetRecovery(Switch::Enable)),
        ("SET GAPLESS DISABLE", A::SetGapless(Switch::Disable)),
        ("SET GROUPING ENABLE", A::SetGrouping(Switch::Enable)),
        ("SET PARALLEL 4", A::SetParallel(parallel(4, None))),
        ("SET PARALLEL 4 1G", A::SetParallel(parallel(4, Some(1 << 30)))),
        ("SET OFFLINE ENABLE WITH '/a'", A::SetOffline(vec!["/a".to_owned()])),
        ("SET OFFLINE DISABLE", A::UnsetOffline),
        ("START", A::Start(Start::Now)),
        ("START RETRY", A::Start(Start::Retry)),
        ("START AT SN (17)", A::Start(Start::AtSn(17))),
        ("START WITH OFFLINE", A::Start(Start::Offline)),
        ("START CONDITIONAL", A::Start(Start::Conditional)),
        ("QUICKSTART", A::QuickStart),
        ("QUICKSTART RETRY", A::QuickStartRetry),
        ("SYNC", sync(AfterSync::Start, 1, none())),
        ("SYNC ONLY PARALLEL 2", sync(AfterSync::Stop, 2, none())),
        (
            "SYNC TABLE SYS.T1, SYS.T2 PARTITION P2",
            sync(AfterSync::Start, 1, vec![item("T1", None), item("T2", Some("P2"))]),
        ),
        ("STOP", A::Stop),
        ("STOP IMMEDIATE", A::StopImmediate),
        ("RESET;", A::Reset),
        ("FLUSH", flush(FlushUntil::Issued, None)),
        ("FLUSH WAIT 0", flush(FlushUntil::Issued, Some(0))),
        ("FLUSH ALL", flush(FlushUntil::NoGap, None)),
        ("flush all wait 30", flush(FlushUntil::NoGap, Some(30))),
    ];
    for (action, want) in table {
        let parsed = parse(&format!("ALTER REPLICATION \"r 1\" {action}"));
        let want = Statement::AlterReplication { name: "r 1".to_owned(), action: want.into() };
        assert_eq!(parsed, Ok(want), "{action}");
    }
}

#[test]
fn newer_words() {
    let table = [
        ("CREATE REPLICATION R WITH 'h', 1", Since::V72),
        ("CREATE REPLICATION R WITH 'h', 1 FROM SYS.T1 TO SYS.T1", Since::Always),
        ("CREATE CONSISTENT REPLICATION R WITH 'h', 1 FROM SYS.T1 TO SYS.T1", Since::V72),
        ("CREATE REPLICATION R OPTIONS DDL_REPLICATE WITH 'h', 1 FROM SYS.T1 TO SYS.T1", Since::V72),
        ("ALTER REPLICATION R START CONDITIONAL", Since::V72),
        ("ALTER REPLICATION R START RETRY", Since::Always),
        ("ALTER REPLICATION R FLUSH FROM XLOGFILE", Since::V72),
        ("ALTER REPLICATION R ADD HOST 'h', 1 USING TCP", Since::V72),
        ("SELECT * FROM T1", Since::Always),
    ];
    for (sql, want) in table {
        assert_eq!(parse(sql).map(|s| s.since()), Ok(want), "{sql}");
    }
}

#[test]
fn details() {
    let t1 = || TableName { user: None, name: "T1".to_owned() };
    let table = [
        (
            "LOCK TABLE T1 IN ROW SHARE MODE",
            Statement::LockTable { table: t1(), mode: LockMode::IntentShare, wait_s: None },
        ),
        (
            "LOCK TABLE T1 IN SHARE ROW EXCLUSIVE MODE WAIT 3",
            Statement::LockTable { table: t1(), mode: LockMode::ShareIntentExclusive, wait_s: Some(3) },
        ),
        (
            "alter system set admin_mode = 1",
            Statement::AlterSystem { property: "ADMIN_MODE".to_owned(), value: "1".to_owned() },
        ),
        (
            "ALTER SESSION SET AUTOCOMMIT = false",
            Statement::AlterSession { property: "AUTOCOMMIT".to_owned(), value: "FALSE".to_owned() },
        ),
        (
            "ALTER DATABASE mydb SESSION CLOSE all",
            Statement::CloseSession { database: "MYDB".to_owned(), which: Sessions::All },
        ),
    ];
    for (sql, want) in table {
        assert_eq!(parse(sql), Ok(want), "{sql}");
    }
    let Ok(Statement::CreateTable(t)) = parse(
        "CREATE TABLE T (A SMALLINT, B INT, C BIGINT, D NUMERIC, E NUMERIC(5), F NUMBER(5,-2), G NUMBER, H FLOAT, \
         I REAL, J CHAR, K VARCHAR(7), L DATE, M BLOB, N CLOB)",
    ) else {
        panic!("a table")
    };
    let types: Vec<String> = t.columns.iter().map(|c| c.column_type.to_string()).collect();
    let want = [
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "NUMERIC(38,0)",
        "NUMERIC(5,0)",
        "NUMERIC(5,-2)",
        "NUMBER",
        "NUMBER",
        "DOUBLE",
        "CHAR(1)",
        "VARCHAR(7)",
        "DATE",
        "BLOB",
        "CLOB",
    ];
    assert_eq!(types, want);
    assert_eq!(ColumnType::Varchar(20).size(), 22);
    let secret = parse("CREATE USER U IDENTIFIED BY topsecret").map(|s| format!("{s:?}"));
    assert!(secret.is_ok_and(|text| !text.to_lowercase().contains("topsecret")));
    let refused = parse("ALTER USER SYS IDENTIFIED BY topsecret NOW").map(drop);
    assert_eq!(refused, Err(SqlError::syntax_because("")));
}
