//! `OdbcConnector` through unixODBC and the lab's ODBC driver, against pods that answer from a script.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.
#![allow(unsafe_code)] // std::env::set_var, to make this machine a badly set up one.

mod fake_pod;

use std::{
    collections::BTreeMap,
    net::TcpListener,
    path::Path,
    sync::{Arc, LazyLock, mpsc},
    time::{Duration, Instant},
};

use aku::{
    db::{
        Cancel, ConnectError, ConnectFailure, Connector, Login, Privilege, Rows, Session, Value, connect_sys,
        error::native,
        odbc::{
            Address, OdbcConnector,
            setup::{OdbcSetup, prepare},
        },
        sql::{ChangeSql, ReadSql},
        testing::lab_driver,
        wire::{Cell, Request, Response},
    },
    topology::Ordinal,
};
use fake_pod::{FakePod, Reply};
use secrecy::SecretString;

const PASSWORD: &str = "pa;ss'wórd=1";
/// Far above what anything here takes; passing it means that something hangs.
const GENEROUS: Duration = Duration::from_secs(60);

fn setup() -> OdbcSetup {
    // Every test takes this first, before it touches ODBC, so that no thread reads the environment meanwhile.
    static SETUP: LazyLock<OdbcSetup> = LazyLock::new(|| {
        // A static is never dropped: its directory shall be left below `target`, not in the system's.
        let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
        tempfile::env::override_temp_dir(temporary).unwrap();
        // A user whose unixODBC does everything in turn: it must not matter.
        let home = temporary.join("serial-home");
        std::fs::create_dir_all(&home).unwrap();
        std::fs::write(home.join(".odbcinst.ini"), "[ODBC]\nThreading=3\n").unwrap();
        // SAFETY: as for `prepare`.
        unsafe { std::env::set_var("HOME", &home) };
        prepare(&lab_driver()).unwrap()
    });
    SETUP.clone()
}

fn connector(ports: &[u16]) -> OdbcConnector {
    let address = |port: &u16| Address { host: "127.0.0.1".to_owned(), port: *port };
    let pods: BTreeMap<_, _> = (0..).map(|n| Ordinal::new(n).unwrap()).zip(ports.iter().map(address)).collect();
    OdbcConnector::new(setup(), pods, SecretString::from(PASSWORD))
}

fn login() -> Login {
    Login {
        privilege: Privilege::Normal,
        connect_timeout: GENEROUS,
        query_timeout: Some(Duration::from_secs(60)),
        silence_timeout: None,
        app_info: "aku test;1".to_owned(),
    }
}

fn refused(result: Result<Box<dyn Session>, ConnectError>) -> ConnectError {
    let error = result.err().expect("the connect fails");
    assert_no_password(&format!("{error} {error:?}"));
    error
}

fn assert_no_password(text: &str) {
    assert!(!text.contains(PASSWORD), "{text}");
}

fn error(sqlstate: &str, native: i32, message: &str) -> Reply {
    Reply::Send(Response::Error { sqlstate: sqlstate.to_owned(), native, message: message.to_owned() })
}

fn rows(columns: &[&str], rows: Vec<Vec<Cell>>) -> Reply {
    Reply::Send(Response::Rows { columns: columns.iter().map(|&c| c.to_owned()).collect(), rows })
}

/// A pod that lets everybody in and answers statements by `answer`.
fn open_pod(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> FakePod {
    FakePod::start(move |request| match request {
        Request::Connect { .. } => Reply::Welcome,
        Request::Execute { sql } => answer(sql),
        Request::Cancel { .. } => unreachable!("the pod handles cancels itself"),
    })
}

fn session_on(pod: &FakePod, login: &Login) -> Box<dyn Session> {
    connector(&[pod.port]).connect(Ordinal::MASTER, login).unwrap()
}

fn option<'a>(request: &'a Request, key: &str) -> Option<&'a str> {
    let Request::Connect { options } = request else { return None };
    options.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
}

#[test]
fn a_login_reaches_the_pod_as_meant() {
    let pod = open_pod(|_| rows(&["SESSION_ID"], vec![vec![Cell::Int(7)]]));
    let mut session = session_on(&pod, &login());
    assert_eq!(session.query(&ReadSql::SessionId).unwrap().single_int(), Some(7));
    let requests = pod.requests();
    let sent = |key| option(&requests[0], key);
    assert_eq!((sent("UID"), sent("PWD"), sent("NLS_USE")), (Some("SYS"), Some(PASSWORD), Some("UTF8")));
    // 60 would not be sent by the real driver, nor by this one.
    assert_eq!((sent("QUERY_TIMEOUT"), sent("APP_INFO")), (Some("61"), Some("aku test_1")));
    assert_eq!((sent("PRIVILEGE"), sent("DRIVER"), sent("SERVER")), (None, None, None));
    assert_eq!(requests[1], Request::Execute { sql: ReadSql::SessionId.to_string() });
}

#[test]
fn a_dropped_session_hangs_up() {
    let pod = open_pod(|_| Reply::Send(Response::Done { affected: -1 }));
    drop(session_on(&pod, &login()));
    pod.wait_until_all_hung_up();
}

#[test]
fn login_failures_get_their_class_by_native_code() {
    let table = [
        (error("28000", native::BAD_PASSWORD, "Invalid password"), ConnectFailure::LoginRefused),
        (error("3D000", native::NO_USER, "User not found"), ConnectFailure::LoginRefused),
        (error("HY000", native::ADMIN_MODE, "ADMIN_MODE"), ConnectFailure::AdminMode),
        (error("HY000", native::SYSDBA_BUSY, "Another SYSDBA session is already running."), ConnectFailure::SysdbaBusy),
        (error("HY000", native::NOT_IN_SERVICE, "starting up"), ConnectFailure::Other),
        (Reply::HangUp, ConnectFailure::Other),
    ];
    for (reply, failure) in table {
        let expected = match &reply {
            Reply::Send(Response::Error { native, .. }) => *native,
            _ => native::LINK_LOST,
        };
        let pod = FakePod::start(move |_| reply.clone());
        let error = refused(connector(&[pod.port]).connect(Ordinal::MASTER, &login()));
        assert_eq!((error.failure, error.error.native), (failure, expected), "{error}");
        assert_eq!(error.address, format!("127.0.0.1:{}", pod.port));
    }
}

#[test]
fn the_password_is_masked_when_the_server_repeats_it() {
    let pod = FakePod::start(|request| {
        let password = option(request, "PWD").unwrap_or_default();
        error("28000", native::BAD_PASSWORD, &format!("Invalid password {password}"))
    });
    let error = refused(connector(&[pod.port]).connect(Ordinal::MASTER, &login()));
    assert_eq!(error.error.message, "Invalid password ***");
    let pod = open_pod(|_| error_with_password());
    let error = session_on(&pod, &login()).query(&ReadSql::Server).unwrap_err();
    assert_eq!(error.message, "you said ***");
    assert_no_password(&format!("{:?}", connector(&[pod.port])));
}

fn error_with_password() -> Reply {
    error("HY000", 1, &format!("you said {PASSWORD}"))
}

#[test]
fn a_password_with_a_double_quote_is_refused_before_any_connect() {
    let pods = BTreeMap::from([(Ordinal::MASTER, Address { host: "127.0.0.1".to_owned(), port: 9 })]);
    let connector = OdbcConnector::new(setup(), pods, SecretString::from("se\"cret"));
    let error = connector.connect(Ordinal::MASTER, &login()).err().unwrap();
    assert_eq!((error.failure, error.error.sqlstate.as_str()), (ConnectFailure::Other, "HY090"));
    assert!(!format!("{error} {error:?}").contains("cret"), "{error}");
}

#[test]
fn sysdba_is_tried_only_when_admin_mode_is_on() {
    let pod = FakePod::start(|request| match option(request, "PRIVILEGE") {
        Some("SYSDBA") => Reply::Welcome,
        _ => error("HY000", native::ADMIN_MODE, "The server is in ADMIN_MODE."),
    });
    let (_session, privilege) = connect_sys(&connector(&[pod.port]), Ordinal::MASTER, &login()).unwrap();
    assert_eq!((privilege, pod.requests().len()), (Privilege::Sysdba, 2));

    let wrong = FakePod::start(|_| error("28000", native::BAD_PASSWORD, "Invalid password"));
    let failed = connect_sys(&connector(&[wrong.port]), Ordinal::MASTER, &login()).err().unwrap();
    assert_eq!((failed.failure, wrong.requests().len()), (ConnectFailure::LoginRefused, 1));
}

#[test]
fn nobody_there_is_absent_and_known_at_once() {
    // Bound and dropped: nothing listens there now.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let start = Instant::now();
    let error = refused(connector(&[port]).connect(Ordinal::MASTER, &login()));
    assert_eq!((error.failure, error.error.native), (ConnectFailure::Absent, native::CONNECT_FAILED));
    assert!(error.error.message.contains("errno=111"), "{error}");
    assert!(start.elapsed() < GENEROUS / 2);
}

#[test]
fn an_unknown_pod_is_an_error_of_ours() {
    let error = refused(connector(&[]).connect(Ordinal::MASTER, &login()));
    assert_eq!(error.failure, ConnectFailure::Other);
}

#[test]
fn a_silent_server_costs_the_connect_timeout() {
    // The kernel accepts for it; nobody ever answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (start, limit) = (Instant::now(), Duration::from_secs(1));
    let login = Login { connect_timeout: limit, ..login() };
    let error = refused(connector(&[listener.local_addr().unwrap().port()]).connect(Ordinal::MASTER, &login));
    assert_eq!((error.failure, error.error.native), (ConnectFailure::Timeout, native::SILENT));
    assert!((limit..GENEROUS).contains(&start.elapsed()), "{:?}", start.elapsed());
}

#[test]
fn rows_come_back_as_they_are() {
    let long = "가나다라".repeat(2500);
    assert_eq!(long.len(), 30_000);
    let sent = long.clone();
    let pod = open_pod(move |_| {
        let text = |t: &str| Cell::Text(t.to_owned());
        rows(
            &["NAME", "N", "NOTHING", "LONG", "'ABC'"],
            vec![
                vec![text("한글 이름   "), Cell::Int(i64::MIN), Cell::Null, text(&sent), text("")],
                vec![Cell::Null, Cell::Null, Cell::Null, text("12"), text("  x")],
                vec![text("a\nb"), Cell::Int(5), Cell::Null, Cell::Null, Cell::Null],
            ],
        )
    });
    let text = |t: &str| Value::Text(t.to_owned());
    let expected = Rows {
        columns: ["NAME", "N", "NOTHING", "LONG", "'ABC'"].map(str::to_owned).to_vec(),
        rows: vec![
            vec![text("한글 이름"), Value::Int(i64::MIN), Value::Null, text(&long), text("")],
            vec![Value::Null, Value::Null, Value::Null, text("12"), text("  x")],
            vec![text("a\nb"), Value::Int(5), Value::Null, Value::Null, Value::Null],
        ],
    };
    assert_eq!(session_on(&pod, &login()).query(&ReadSql::Items).unwrap(), expected);
}

#[test]
fn an_empty_result_keeps_its_columns_and_a_long_column_name() {
    let name = "C".repeat(300);
    let sent = name.clone();
    let pod = open_pod(move |_| rows(&[&sent, "B"], vec![]));
    let got = session_on(&pod, &login()).query(&ReadSql::Items).unwrap();
    assert_eq!((got.columns, got.rows), (vec![name, "B".to_owned()], vec![]));
}

#[test]
fn ten_thousand_rows_come_in_order() {
    let pod = open_pod(|_| rows(&["N"], (0..10_000).map(|n| vec![Cell::Int(n)]).collect()));
    let got = session_on(&pod, &login()).query(&ReadSql::Items).unwrap();
    assert!(got.rows.iter().zip(0..).all(|(row, n)| row == &[Value::Int(n)]));
    assert_eq!(got.rows.len(), 10_000);
}

#[test]
fn a_change_of_no_rows_is_success() {
    let pod = open_pod(|_| Reply::Send(Response::Done { affected: 0 }));
    session_on(&pod, &login()).execute(&ChangeSql::SessionQueryTimeout(5)).unwrap();
}

#[test]
fn an_error_keeps_its_code_and_its_lines_and_the_session_lives_on() {
    let message = "SQL syntax error\n\nline 1: parse error\nSELEC 1\n^   ^\n";
    let pod = open_pod(move |sql| {
        if sql.contains("QUERY_TIMEOUT") {
            error("42000", native::SYNTAX, message)
        } else {
            rows(&["N"], vec![vec![Cell::Int(1)]])
        }
    });
    let mut session = session_on(&pod, &login());
    let failed = session.execute(&ChangeSql::SessionQueryTimeout(5)).unwrap_err();
    assert_eq!((failed.sqlstate.as_str(), failed.native), ("42000", native::SYNTAX));
    assert_eq!(failed.message, message.trim_end());
    assert!(!failed.lost_session());
    assert_eq!(session.query(&ReadSql::SessionId).unwrap().single_int(), Some(1));
}

#[test]
fn a_cancel_from_another_thread_ends_the_statement_only() {
    let pod = open_pod(|sql| {
        if sql == ReadSql::SessionId.to_string() {
            rows(&["N"], vec![vec![Cell::Int(1)]])
        } else {
            Reply::UntilCancelled
        }
    });
    let mut session = session_on(&pod, &login());
    let canceller: Arc<dyn Cancel> = session.canceller();
    canceller.cancel(); // Nothing runs: nothing happens.
    let (done, finished) = mpsc::channel();
    let worker = std::thread::spawn(move || {
        done.send(session.query(&ReadSql::Items).unwrap_err()).unwrap();
        session
    });
    pod.wait_for_statement();
    canceller.cancel();
    let failed = finished.recv_timeout(GENEROUS).unwrap();
    assert_eq!((failed.sqlstate.as_str(), failed.native), ("HY008", native::CANCELLED));
    let mut session = worker.join().unwrap();
    assert_eq!(session.query(&ReadSql::SessionId).unwrap().single_int(), Some(1));
    drop(session);
    canceller.cancel(); // The session is gone: nothing happens.
}

#[test]
fn silence_beyond_the_limit_loses_the_session() {
    let pod = open_pod(|_| Reply::Silence);
    let mut session = session_on(&pod, &Login { silence_timeout: Some(Duration::from_millis(500)), ..login() });
    let failed = session.query(&ReadSql::Senders).unwrap_err();
    assert_eq!((failed.sqlstate.as_str(), failed.native), ("HYT01", native::SILENT));
    assert!(failed.lost_session());
    assert!(session.query(&ReadSql::Senders).unwrap_err().lost_session());
    assert_eq!(pod.requests().len(), 2, "nothing is sent on a lost session");
    drop(session);
    pod.wait_until_all_hung_up();
}

#[test]
fn a_server_that_dies_in_mid_statement_loses_the_session() {
    for reply in [Reply::HangUp, Reply::HalfAnAnswer] {
        let pod = open_pod(move |_| reply.clone());
        let mut session = session_on(&pod, &login());
        let failed = session.execute(&ChangeSql::SessionQueryTimeout(5)).unwrap_err();
        assert_eq!((failed.sqlstate.as_str(), failed.native), ("08S01", native::LINK_LOST));
        assert!(failed.lost_session());
        drop(session);
    }
}

/// What the real driver does with the number of SQLColAttribute (`measured.md` 8). If this fails, the driver stopped
/// imitating, and nothing would show that the program does not believe it.
#[test]
fn the_drivers_attributes_of_a_column_are_written_as_by_the_real_one() {
    use odbc_api::{
        handles::{AnyHandle as _, Statement as _},
        sys,
    };
    let _ = setup();
    let pod = open_pod(|_| rows(&["N"], vec![vec![Cell::Int(1)]]));
    let environment = odbc_api::environment().unwrap();
    let text = format!("DSN=aku;Server=127.0.0.1;PORT_NO={};UID=SYS;PWD=\"x\"", pod.port);
    let connection = environment.connect_with_connection_string(&text, odbc_api::ConnectionOptions::default()).unwrap();
    let mut statement = connection.preallocate().unwrap().into_handle();
    assert!(!statement.as_handle().0.is_null());
    // SAFETY: nothing is bound.
    assert!(!unsafe { statement.exec_direct(&odbc_api::handles::SqlText::new("SELECT 1")) }.is_err());
    let of = |field: sys::Desc, before: isize| {
        let (mut value, null) = (before, std::ptr::null_mut());
        // SAFETY: a numeric attribute, and the pointer is valid for the call.
        let code = unsafe {
            sys::SQLColAttribute(statement.as_sys(), 1, field, null, 0, std::ptr::null_mut(), &raw mut value)
        };
        assert_eq!(code, sys::SqlReturn::SUCCESS);
        value
    };
    let poison = isize::from_ne_bytes([0x5A; size_of::<isize>()]);
    assert_eq!(of(sys::Desc::ConciseType, 0), 4_294_967_291, "BIGINT");
    for field in [sys::Desc::ConciseType, sys::Desc::Type, sys::Desc::Nullable] {
        assert_eq!(of(field, poison) >> 32, poison >> 32, "{field:?}");
    }
    for field in [sys::Desc::Length, sys::Desc::OctetLength, sys::Desc::DisplaySize] {
        assert_eq!(of(field, poison), 1, "{field:?}");
    }
}

#[test]
fn thirty_three_pods_side_by_side() {
    let pods: Vec<FakePod> = (0..33i64)
        .map(|n| open_pod(move |_| rows(&["N", "T"], vec![vec![Cell::Int(n), Cell::Text("값".repeat(100))]])))
        .collect();
    let connector = connector(&pods.iter().map(|pod| pod.port).collect::<Vec<_>>());
    let work = |n: u8| {
        for _ in 0..5 {
            let mut session = connector.connect(Ordinal::new(n).unwrap(), &login()).unwrap();
            for _ in 0..3 {
                let rows = session.query(&ReadSql::Server).unwrap();
                assert_eq!(rows.rows, [[Value::Int(n.into()), Value::Text("값".repeat(100))]]);
            }
        }
    };
    std::thread::scope(|scope| {
        for n in 0..33 {
            scope.spawn(move || work(n));
        }
    });
}

/// One black-holed pod must not hold up the others (`[ODBC] Threading=3` would).
#[test]
fn a_connect_that_hangs_does_not_stop_others() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let good = open_pod(|_| rows(&["N"], vec![vec![Cell::Int(1)]]));
    let connector = connector(&[silent.local_addr().unwrap().port(), good.port]);
    let patient = Login { connect_timeout: GENEROUS, ..login() };
    std::thread::scope(|scope| {
        let hanging = scope.spawn(|| connector.connect(Ordinal::MASTER, &patient).map(|_| ()));
        // The client's request arrives here, so the connect is under way; it stays unanswered until we are done.
        let (stream, _) = silent.accept().unwrap();
        assert!(Request::read(&mut &stream).unwrap().is_some());
        let mut session = connector.connect(Ordinal::new(1).unwrap(), &login()).unwrap();
        assert_eq!(session.query(&ReadSql::SessionId).unwrap().single_int(), Some(1));
        assert!(!hanging.is_finished());
        drop(stream);
        assert!(hanging.join().unwrap().is_err());
    });
}

/// The traps of the real driver, met by going round the connector. If these stop failing, the driver stopped imitating.
#[test]
fn the_traps_that_the_connector_avoids_are_real() {
    let _ = setup();
    let pod = FakePod::start(|_| error("28000", native::BAD_PASSWORD, "Invalid password"));
    let environment = odbc_api::environment().unwrap();
    let connect = |text: String| {
        let failed = environment.connect_with_connection_string(&text, odbc_api::ConnectionOptions::default());
        match failed.expect_err("the connect fails") {
            odbc_api::Error::Diagnostics { record, .. } => (record.state.as_str().to_owned(), record.native_error),
            other => panic!("{other}"),
        }
    };
    let driver = lab_driver();
    let driver = driver.display();
    let rest = format!("Server=127.0.0.1;PORT_NO={};UID=SYS;PWD=\"x\"", pod.port);
    assert_eq!(connect(format!("Driver={driver};DSN=127.0.0.1;{rest}")), ("01S00".to_owned(), 335_971));
    assert_eq!(connect(format!("DSN=aku;{rest}")), ("28000".to_owned(), native::BAD_PASSWORD));
    assert_eq!(connect(format!("DSN=aku;{}", rest.replace("\"x\"", "{x}"))).0, "HY090");
    assert_eq!(connect(format!("Driver={driver};LAB_LENIENT=ON;{rest}")).1, native::BAD_PASSWORD);
}
