//! Drivers that do the worst: one breach of the ODBC contract at a time (`tests/odbc-driver/src/worst.rs`), through
//! unixODBC and `OdbcConnector`. Each ends in the right rows or in an error that names the call; and through the real
//! program in right rows or in an error that names the pod as well, without a panic, a backtrace, or an endless wait.
//! `docs/odbc.md` is the list of what is believed of a driver.

#![allow(clippy::unwrap_used)]

mod fake_pod;

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::LazyLock,
    time::Duration,
};

use aku::{
    db::testing::lab_driver,
    db::{
        Connector, DbError, Login, Privilege, Rows, Session, Value,
        odbc::{
            Address, OdbcConnector,
            setup::{OdbcSetup, prepare},
        },
        sql::{ChangeSql, ReadSql},
        wire::{Cell, Request, Response},
    },
    lab::{
        Lab, LabOptions,
        process::{PodProgram, wait_until},
    },
    topology::{Ordinal, ServerCount},
};
use fake_pod::{FakePod, Reply};
use secrecy::SecretString;

/// Far above what anything here takes; passing it means that something hangs.
const GENEROUS: Duration = Duration::from_secs(60);

/// What a breach has to end in.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The right rows, as if nothing were wrong.
    Rows,
    /// An error with this word, the call's name as a rule.
    Error(&'static str),
}
use End::{Error, Rows as Right};

/// Breaches while a good answer is read.
const READING: [(&str, End); 40] = [
    ("SQLAllocHandle:-2", Error("SQLAllocHandle")),
    ("SQLAllocHandle:77", Error("SQLAllocHandle")),
    // unixODBC gives a handle of its own all the same.
    ("alloc-silent", Error("SQLExecDirect")),
    ("SQLExecDirect:-2", Error("SQLExecDirect")),
    ("SQLExecDirect:-1", Error("SQLExecDirect")),
    ("SQLExecDirect:2", Error("SQLExecDirect")),
    ("SQLExecDirect:99", Error("SQLExecDirect")),
    ("SQLExecDirect:77", Error("SQLExecDirect")),
    ("SQLNumResultCols:-1", Error("SQLNumResultCols")),
    ("SQLNumResultCols:77", Error("SQLNumResultCols")),
    ("SQLNumResultCols:100", Error("SQLNumResultCols")),
    ("columns-silent", Error("SQLNumResultCols")),
    ("columns-negative", Error("SQLNumResultCols")),
    ("columns-many", Error("Invalid descriptor index")),
    ("SQLDescribeCol:-1", Error("SQLDescribeCol")),
    ("SQLDescribeCol:77", Error("SQLDescribeCol")),
    ("SQLDescribeCol:100", Error("SQLDescribeCol")),
    ("describe-silent", Error("SQLDescribeCol")),
    // Nothing of it is asked, so nothing is wrong.
    ("SQLColAttribute:-1", Right),
    ("SQLRowCount:-1", Right),
    ("SQLFreeHandle:-1", Right),
    ("SQLDisconnect:-1", Right),
    ("name-length-huge", Right),
    ("name-length-negative", Right),
    ("name-unterminated", Right),
    ("connect-length", Right),
    ("SQLFetch:-1", Error("SQLFetch")),
    ("SQLFetch:-2", Error("SQLFetch")),
    ("SQLFetch:77", Error("SQLFetch")),
    ("fetch-endless", Error("gave no end")),
    ("SQLGetData:-1", Error("SQLGetData")),
    ("SQLGetData:77", Error("SQLGetData")),
    ("SQLGetData:100", Error("SQLGetData")),
    ("lengths-of-32-bits", Right),
    ("length-silent", Error("SQLGetData")),
    ("length-negative", Error("SQLGetData")),
    ("length-huge", Right),
    ("length-short", Error("SQLGetData")),
    ("length-long", Error("SQLGetData")),
    ("no-total", Right),
];

/// More of them, about the pieces of a value.
const PIECES: [(&str, End); 5] = [
    ("text-unterminated", Right),
    ("nul-beyond", Right),
    ("pieces-empty", Error("SQLGetData")),
    ("pieces-endless", Error("SQLGetData")),
    ("pieces-short", Right),
];

/// Breaches while an error is told.
const TELLING: [(&str, &str); 13] = [
    ("SQLGetDiagRec:-2", "SQLExecDirect"),
    ("SQLGetDiagRec:77", "SQLExecDirect"),
    ("SQLGetDiagRec:-1", "SQLExecDirect"),
    ("SQLGetDiagRec:100", "SQLExecDirect"),
    ("diag-endless", "no such thing"),
    ("diag-different-endless", "no such thing (record 16)"),
    ("diag-silent", "SQLGetDiagRec"),
    ("diag-state", "SQLGetDiagRec"),
    ("diag-state-unterminated", "SQLGetDiagRec"),
    ("diag-length-huge", "no such thing"),
    ("diag-length-negative", "no such thing"),
    ("diag-long", "long long"),
    ("diag-no-utf8", "\u{FFFD}\u{FFFD}table \u{FFFD}hing"),
];

fn setup() -> OdbcSetup {
    // Every test takes this first, before it touches ODBC, so that no thread reads the environment meanwhile.
    static SETUP: LazyLock<OdbcSetup> = LazyLock::new(|| {
        // A static is never dropped: its directory shall be left below `target`, not in the system's.
        tempfile::env::override_temp_dir(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap();
        prepare(&lab_driver()).unwrap()
    });
    SETUP.clone()
}

fn connect(pod: &FakePod, fault: &str) -> Result<Box<dyn Session>, aku::db::ConnectError> {
    let pods = BTreeMap::from([(Ordinal::MASTER, Address { host: "127.0.0.1".to_owned(), port: pod.port })]);
    let login = Login {
        privilege: Privilege::Normal,
        connect_timeout: GENEROUS,
        query_timeout: None,
        silence_timeout: None,
        app_info: if fault.is_empty() { "aku".to_owned() } else { format!("lab-fault:{fault}") },
    };
    OdbcConnector::new(setup(), pods, SecretString::from("manager")).connect(Ordinal::MASTER, &login)
}

const COLUMNS: [&str; 4] = ["NAME", "N", "NOTHING", "LONG"];

/// Longer than any piece, with characters that no piece ends at.
fn long() -> String {
    "가나다라☃".repeat(2500)
}

fn answering() -> FakePod {
    FakePod::start(|request| match request {
        Request::Connect { .. } => Reply::Welcome,
        Request::Cancel { .. } => unreachable!("the pod handles cancels itself"),
        Request::Execute { sql } if sql.contains("QUERY_TIMEOUT") => {
            let (sqlstate, message) = ("42S02".to_owned(), "no such thing".to_owned());
            Reply::Send(Response::Error { sqlstate, native: 200_753, message })
        }
        Request::Execute { .. } => {
            let text = |t: &str| Cell::Text(t.to_owned());
            let rows = vec![
                vec![text("한글 이름   "), Cell::Int(-5), Cell::Null, Cell::Text(long())],
                vec![Cell::Null, Cell::Int(i64::MIN), Cell::Null, text("")],
                vec![text("b"), Cell::Int(7), Cell::Null, Cell::Null],
            ];
            Reply::Send(Response::Rows { columns: COLUMNS.map(str::to_owned).to_vec(), rows })
        }
    })
}

fn expected() -> Rows {
    let text = |t: &str| Value::Text(t.to_owned());
    Rows {
        columns: COLUMNS.map(str::to_owned).to_vec(),
        rows: vec![
            vec![text("한글 이름"), Value::Int(-5), Value::Null, text(&long())],
            vec![Value::Null, Value::Int(i64::MIN), Value::Null, text("")],
            vec![text("b"), Value::Int(7), Value::Null, Value::Null],
        ],
    }
}

fn assert_said(fault: &str, error: &DbError, word: &str) {
    assert!(error.message.contains(word), "{fault}: {error}");
    assert!(error.sqlstate.len() == 5 && error.message.len() < 100_000, "{fault}: {error}");
}

#[test]
fn every_breach_while_reading_ends_in_right_rows_or_names_the_call() {
    let pod = answering();
    for (fault, end) in READING.into_iter().chain(PIECES) {
        let mut session = connect(&pod, fault).unwrap();
        match (session.query(&ReadSql::Items), end) {
            (Ok(rows), Right) => assert!(rows == expected(), "{fault}: {rows:?}"),
            (Err(error), Error(word)) => assert_said(fault, &error, word),
            (Ok(rows), Error(_)) => panic!("{fault}: {} rows", rows.rows.len()),
            (Err(error), Right) => panic!("{fault}: {error}"),
        }
        drop(session);
        assert_eq!(connect(&pod, "").unwrap().query(&ReadSql::Items), Ok(expected()), "after {fault}");
    }
}

#[test]
fn every_breach_while_an_error_is_told_ends_in_an_error() {
    let pod = answering();
    for (fault, word) in TELLING {
        let mut session = connect(&pod, fault).unwrap();
        let error = session.execute(&ChangeSql::SessionQueryTimeout(5)).unwrap_err();
        assert_said(fault, &error, word);
        // The statement failed, the session did not.
        assert_eq!(session.query(&ReadSql::Items), Ok(expected()), "after {fault}");
    }
}

#[test]
fn what_the_program_reads_of_an_error_has_an_end() {
    let pod = answering();
    let said = |fault| connect(&pod, fault).unwrap().execute(&ChangeSql::SessionQueryTimeout(5)).unwrap_err();
    assert_eq!(said("diag-endless").message, "no such thing");
    assert_eq!(said("diag-different-endless").message.lines().count(), 16);
    assert_eq!((said("diag-state").sqlstate, said("diag-state").native), ("HY000".to_owned(), 200_753));
}

#[test]
fn every_breach_while_connecting_is_an_error_of_that_pod() {
    let pod = answering();
    for code in [-2, -1, 2, 77, 99, 100] {
        let fault = format!("SQLDriverConnect:{code}");
        let error = connect(&pod, &fault).err().unwrap();
        assert!(error.error.message.contains("SQLDriverConnect"), "{fault}: {error}");
        assert!(error.to_string().contains("pod 0 at 127.0.0.1"), "{fault}: {error}");
    }
}

/// A change that the server has done is done, whatever the driver says of its answer.
#[test]
fn what_is_not_read_cannot_go_wrong() {
    let pod = FakePod::start(|request| match request {
        Request::Connect { .. } => Reply::Welcome,
        _ => Reply::Send(Response::Done { affected: 1 }),
    });
    for fault in ["columns-silent", "columns-negative", "SQLNumResultCols:77", "SQLFetch:77", "SQLRowCount:-2"] {
        let done = connect(&pod, fault).unwrap().execute(&ChangeSql::SessionQueryTimeout(5));
        assert_eq!(done, Ok(()), "{fault}");
    }
}

/// The program itself: `plan` and `status` before a driver that breaks its contract.
#[test]
fn the_program_names_the_pod_and_never_panics() {
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = PodProgram::aku(env!("CARGO_BIN_EXE_aku").into());
    let lab = Lab::up(LabOptions::new(home.path().join("lab"), ServerCount::new(1).unwrap(), program)).unwrap();
    let text = fs::read_to_string(lab.dir().join("endpoints.toml")).unwrap();
    let endpoints = home.path().join("odbc.toml");
    fs::write(&endpoints, text.replace("transport = \"lab\"", "transport = \"odbc\"")).unwrap();
    let connecting = [("SQLDriverConnect:77", Error("SQLDriverConnect")), ("SQLGetInfo:77", Right)];
    // The million rows that are taken before it is told take half a minute here.
    let quick = READING.into_iter().chain(PIECES).filter(|(fault, _)| *fault != "fetch-endless");
    for (fault, end) in quick.chain(connecting) {
        let out = fs::File::create(home.path().join("out")).unwrap();
        let mut child = Command::new("sh")
            // Memory has an end, KiB: a driver's claim of a length must not be believed.
            .args(["-c", "ulimit -v 6000000; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_aku")])
            .args(["plan", "start", "--ordinal", "0"])
            .envs(lab.environment())
            .env("AKU_ENDPOINTS", &endpoints)
            .env("AKU_ODBC_DRIVER", lab_driver())
            .env("AKU_LAB_ODBC_FAULT", fault)
            .env("RUST_BACKTRACE", "1")
            .stdout(Stdio::from(out.try_clone().unwrap()))
            .stderr(Stdio::from(out))
            .spawn()
            .unwrap();
        let ended = wait_until(GENEROUS, || child.try_wait().unwrap().is_some());
        child.kill().unwrap();
        let status = child.wait().unwrap();
        let said = fs::read_to_string(home.path().join("out")).unwrap();
        assert!(ended, "{fault}: no end\n{said}");
        assert!(!said.contains("panicked") && !said.contains("backtrace"), "{fault}:\n{said}");
        match end {
            Right => assert_eq!(status.code(), Some(0), "{fault}:\n{said}"),
            Error(word) => {
                assert!(status.code().is_some_and(|c| c != 0), "{fault}: {status}\n{said}");
                assert!(said.contains("pod 0") && said.contains(word), "{fault}:\n{said}");
            }
        }
    }
}
