//! The pod host with real sockets, files and processes around a fake database.
#![allow(clippy::unwrap_used)] // Helpers of tests panic where a test would.

mod fake;

use std::{
    net::Ipv4Addr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use aku::{
    db::{
        Connector, DbError, Login, Privilege, Value,
        client::{Client, Options},
        connector,
        endpoints::{Endpoint, Transport},
        sql::{ChangeSql, ReadSql},
        wire::{Cell, Response},
    },
    lab::{
        fault::{Fault, Moment, Party, Ports, Silence},
        pace::Pace,
        pod::{Answer, PodConfig, Release, Request, request, run_pod},
        process::{self, Life, PodProgram, ProcessId, wait_until},
    },
    topology::{Ordinal, ReplicationName},
};
use tempfile::TempDir;

/// Pods of one test on addresses of their own; each test takes the next block of the process's range.
struct Pods {
    dirs: Vec<TempDir>,
    ips: Vec<Ipv4Addr>,
}

const PORT: u16 = 20310;
const LIMIT: Duration = Duration::from_secs(10);

impl Pods {
    fn prepare(count: u8) -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let block = NEXT.fetch_add(1, Ordering::Relaxed);
        // Low bits of the pid keep parallel runs of this test apart.
        let low = u8::try_from(std::process::id() % 200).unwrap();
        let ips: Vec<_> = (1..=count).map(|n| Ipv4Addr::new(127, 20 + low, block, n)).collect();
        let dirs: Vec<_> = ips.iter().map(|_| tempfile::tempdir().unwrap()).collect();
        for (n, dir) in dirs.iter().enumerate() {
            let hosts = ips.iter().enumerate().map(|(i, &ip)| (format!("sts-{i}.svc"), ip)).collect();
            let config = PodConfig {
                ordinal: Ordinal::new(u8::try_from(n).unwrap()).unwrap(),
                server: Release::R72,
                ip: ips[n],
                port: PORT,
                replication_port: PORT + 1,
                pods: ips.clone(),
                hosts,
                hosts_file: None,
                properties: std::collections::BTreeMap::new(),
                pace: Pace::Fast,
                copy_pace: None,
                locale: aku::lab::Locale::default(),
                owner: Some(ProcessId::this().unwrap()),
            };
            config.save(dir.path()).unwrap();
        }
        Self { dirs, ips }
    }

    /// Pods as threads of this process.
    fn threads(count: u8) -> Self {
        let pods = Self::prepare(count);
        for (n, dir) in pods.dirs.iter().enumerate() {
            let path = dir.path().to_owned();
            thread::spawn(move || run_pod(&path, |boot| fake::Fake::open(boot.dir)).unwrap());
            pods.ready(n);
        }
        pods
    }

    /// Pods as processes: this test program again, running only `pod_process`.
    fn processes(count: u8) -> Self {
        let pods = Self::prepare(count);
        (0..usize::from(count)).for_each(|n| pods.spawn(n));
        pods
    }

    fn spawn(&self, n: usize) {
        let program = PodProgram {
            program: std::env::current_exe().unwrap(),
            args: ["pod_process", "--exact", "--ignored"].map(Into::into).to_vec(),
        };
        process::reap(program.spawn(self.dir(n)).unwrap());
        self.ready(n);
    }

    fn ready(&self, n: usize) {
        assert!(wait_until(LIMIT, || self.login(n, 500).is_ok()), "pod {n}: {}", process::log_tail(self.dir(n)));
    }

    fn dir(&self, n: usize) -> &Path {
        self.dirs[n].path()
    }

    fn login(&self, n: usize, ms: u64) -> Result<Client, DbError> {
        let options = Options {
            connect_timeout: Duration::from_millis(ms),
            silence_timeout: Some(LIMIT),
            ..Options::new("SYS", "manager".to_owned().into())
        };
        Client::connect(&self.ips[n].to_string(), PORT, &options)
    }

    fn client(&self, n: usize) -> Client {
        self.login(n, 5000).unwrap()
    }

    fn ask(&self, n: usize, sql: &str) -> Vec<String> {
        lines(self.client(n).execute(sql).unwrap())
    }

    fn control(&self, n: usize, what: &Request) -> Answer {
        request(self.dir(n), what).unwrap()
    }

    fn set(&self, n: usize, fault: Fault) -> String {
        match self.control(n, &Request::Set { name: None, fault }) {
            Answer::Named(name) => name,
            other => panic!("{other:?}"),
        }
    }

    fn clear(&self, n: usize, name: &str) {
        assert_eq!(self.control(n, &Request::Clear(name.to_owned())), Answer::Done);
    }

    /// Waits until pod `n` reports an event.
    fn sees(&self, n: usize, event: &str) {
        let seen = || self.ask(n, "EVENTS").iter().any(|e| e == event);
        assert!(wait_until(LIMIT, seen), "pod {n} never saw \"{event}\": {:?}", self.ask(n, "EVENTS"));
    }
}

impl Drop for Pods {
    fn drop(&mut self) {
        for dir in &self.dirs {
            // A pod that runs as a thread has our own pid and is told to stop; a process is killed.
            if process::life(dir.path()).pid() == Some(std::process::id()) {
                let _ = request(dir.path(), &Request::Stop);
            } else {
                let _ = process::kill(dir.path());
            }
        }
    }
}

fn lines(response: Response) -> Vec<String> {
    let Response::Rows { rows, .. } = response else { return Vec::new() };
    let text = |c: Cell| match c {
        Cell::Text(t) => t,
        Cell::Int(n) => n.to_string(),
        Cell::Null => "NULL".to_owned(),
    };
    rows.into_iter().flatten().map(text).collect()
}

fn code(result: Result<impl Sized, DbError>) -> (String, i32) {
    result.map(|_| ()).map_err(|e| (e.sqlstate, e.native)).expect_err("an error was expected")
}

/// Not a test: the body of a pod process. The working directory is the pod's.
#[test]
#[ignore = "run as a pod by the other tests"]
fn pod_process() {
    // Started by hand, with --ignored, there is no pod here.
    if Path::new("pod.toml").exists() {
        let dir = std::env::current_dir().unwrap();
        run_pod(&dir, |boot| fake::Fake::open(boot.dir)).unwrap();
    }
}

#[test]
fn statements_cancel_and_timers() {
    let pods = Pods::threads(1);
    let mut client = pods.client(0);
    assert_eq!(client.execute("PUT one"), Ok(Response::Done { affected: 1 }));
    assert_eq!(lines(client.execute("LIST").unwrap()), ["one"]);
    assert_eq!(code(client.execute("NONSENSE")), ("42000".to_owned(), 200_705));
    assert_eq!(client.execute("LATER 20"), Ok(Response::Done { affected: -1 }));

    let cancel = client.cancel_handle();
    let waiting = thread::spawn(move || {
        let answer = client.execute("WAIT");
        (answer, client)
    });
    // Until the statement has arrived there is nothing to cancel.
    assert!(wait_until(LIMIT, || {
        cancel.send().unwrap();
        waiting.is_finished()
    }));
    let (answer, mut client) = waiting.join().unwrap();
    assert_eq!(code(answer), ("HY008".to_owned(), 4202));
    assert_eq!(lines(client.execute("LIST").unwrap()), ["one"]);
    assert_eq!(code(client.execute("CLOSE")), ("08S01".to_owned(), 331_843));
}

#[test]
fn the_lab_transport_looks_like_any_other() {
    let pods = Pods::threads(1);
    let host = pods.ips[0].to_string();
    let endpoint = Endpoint {
        transport: Transport::Lab,
        host: host.clone(),
        port: PORT,
        replication_host: host,
        replication_port: PORT + 1,
    };
    let endpoints = [(Ordinal::MASTER, endpoint)].into();
    let no_odbc = |_| -> Result<Box<dyn Connector>, DbError> { panic!("no pod needs ODBC") };
    let connector = connector(endpoints, [Ordinal::MASTER], "manager".to_owned().into(), no_odbc).unwrap();
    let login = |silence| Login {
        privilege: Privilege::Normal,
        connect_timeout: LIMIT,
        query_timeout: Some(Duration::from_secs(3)),
        silence_timeout: silence,
        app_info: "test".to_owned(),
    };
    let mut session = connector.connect(Ordinal::MASTER, &login(Some(LIMIT))).unwrap();
    let rows = session.query(&ReadSql::SessionId).unwrap();
    let row = rows.iter().next().unwrap();
    assert_eq!((rows.single_int(), row.get("name")), (Some(1), &Value::Text("padded".to_owned())));
    let start = ChangeSql::Start(ReplicationName::exact("R").unwrap());
    let cancel = session.canceller();
    let running = thread::spawn({
        let start = start.clone();
        move || {
            let answer = session.execute(&start);
            (answer, session.query(&ReadSql::SessionId))
        }
    });
    assert!(wait_until(LIMIT, || {
        cancel.cancel();
        running.is_finished()
    }));
    let (answer, after) = running.join().unwrap();
    assert_eq!(code(answer), ("HY008".to_owned(), 4202));
    assert!(after.is_ok(), "the session survives a cancel");

    let mut session = connector.connect(Ordinal::MASTER, &login(Some(Duration::from_millis(50)))).unwrap();
    let silent = session.execute(&start).unwrap_err();
    assert!(silent.lost_session() && silent.native == 331_853, "{silent}");
    assert_eq!(code(session.query(&ReadSql::SessionId)), ("08S01".to_owned(), 331_843));
}

#[test]
fn links_carry_messages_and_show_who_calls() {
    let pods = Pods::threads(2);
    pods.ask(0, &format!("DIAL sts-1.svc {} 5000", PORT + 1));
    pods.sees(0, &format!("up {} to {}", pods.ips[0], pods.ips[1]));
    pods.sees(1, &format!("accepted {} at {}", pods.ips[0], pods.ips[1]));
    pods.ask(0, "SAY hello");
    pods.ask(1, "SAY back");
    pods.sees(1, "heard hello");
    pods.sees(0, "heard back");
    pods.ask(0, "DIAL no-such-host.invalid 1 5000");
    pods.sees(0, "failed Refused");
    pods.control(1, &Request::Stop);
    pods.sees(0, "down");
}

#[test]
fn a_cut_has_one_direction_and_heals() {
    let pods = Pods::threads(2);
    let dial = |ms| format!("DIAL {} {} {ms}", pods.ips[1], PORT + 1);
    pods.ask(0, &dial(5000));
    pods.sees(0, &format!("up {} to {}", pods.ips[0], pods.ips[1]));
    let cut = pods.set(1, Fault::Cut { from: Party::Pod(Ordinal::MASTER) });
    pods.ask(0, "SAY lost?");
    pods.ask(1, "SAY works");
    pods.sees(0, "heard works");
    pods.ask(0, &dial(50));
    pods.sees(0, "failed Timeout");
    assert!(!pods.ask(1, "EVENTS").contains(&"heard lost?".to_owned()));
    pods.clear(1, &cut);
    pods.sees(1, "heard lost?");

    // Late messages keep their order and are not early.
    pods.set(1, Fault::Latency { from: Party::Pod(Ordinal::MASTER), millis: 80 });
    let start = Instant::now();
    pods.ask(0, "SAY a");
    pods.ask(0, "SAY b");
    pods.sees(1, "heard b");
    assert!(start.elapsed() >= Duration::from_millis(80));
    let heard: Vec<_> = pods.ask(1, "EVENTS").into_iter().filter(|e| e.starts_with("heard ")).collect();
    assert_eq!(heard, ["heard lost?", "heard a", "heard b"]);
}

#[test]
fn refusals_and_black_holes() {
    let pods = Pods::threads(1);
    let mut old = pods.client(0);
    let refuse = pods.set(0, Fault::Refuse { ports: Ports::Client });
    assert_eq!(code(pods.login(0, 1000)), ("08001".to_owned(), 327_730));
    assert!(old.execute("LIST").is_ok(), "a refusal leaves sessions alone");
    pods.clear(0, &refuse);
    assert!(pods.login(0, 5000).is_ok());

    let hole = pods.set(0, Fault::BlackHole { silence: Silence::Syn });
    let error = pods.login(0, 100).unwrap_err();
    assert!(error.native == 327_730 && error.message.contains("errno=110"), "{error}");
    pods.clear(0, &hole);
    assert!(pods.login(0, 5000).is_ok());

    let hole = pods.set(0, Fault::BlackHole { silence: Silence::Accept });
    assert_eq!(code(pods.login(0, 100)), ("HYT01".to_owned(), 331_853));
    pods.clear(0, &hole);
    assert!(pods.login(0, 5000).is_ok());
    assert!(old.execute("LIST").is_ok(), "what was silent goes on");
}

#[test]
fn statement_faults_strike_and_are_used_up() {
    let pods = Pods::threads(1);
    let drop = |moment, part: &str| Fault::Drop { moment, matching: part.to_owned(), times: 1 };
    pods.set(0, drop(Moment::Before, "put before"));
    pods.set(0, drop(Moment::After, "put after"));
    for sql in ["PUT before", "PUT after"] {
        assert_eq!(code(pods.client(0).execute(sql)), ("08S01".to_owned(), 331_843), "{sql}");
    }
    assert_eq!(pods.ask(0, "LIST"), ["after"]);
    let answer = Fault::Answer {
        matching: "CONNECT SYS".to_owned(),
        sqlstate: "HY000".to_owned(),
        native: 266_305,
        message: "Another SYSDBA session is already running.".to_owned(),
        times: 1,
    };
    pods.set(0, answer);
    assert_eq!(code(pods.login(0, 5000)), ("HY000".to_owned(), 266_305));
    assert!(pods.login(0, 5000).is_ok());
    assert_eq!(pods.control(0, &Request::List), Answer::Faults(Vec::new()));
    let frozen = pods.control(0, &Request::Set { name: None, fault: Fault::Freeze });
    assert!(matches!(frozen, Answer::Refused(_)));
}

#[test]
fn a_kill_keeps_what_was_acknowledged() {
    let pods = Pods::processes(1);
    let kill = |moment| Fault::Kill { moment, matching: "PUT".to_owned(), nth: 2, delay_millis: 0 };
    for (moment, kept) in [(Moment::Before, vec!["a"]), (Moment::After, vec!["a", "a", "b"])] {
        pods.set(0, kill(moment));
        let mut client = pods.client(0);
        assert!(client.execute("PUT a").is_ok());
        assert_eq!(code(client.execute("PUT b")), ("08S01".to_owned(), 331_843));
        assert!(wait_until(LIMIT, || process::life(pods.dir(0)) == Life::Down));
        assert_eq!(code(pods.login(0, 1000)), ("08001".to_owned(), 327_730));
        pods.spawn(0);
        assert_eq!(pods.ask(0, "LIST"), kept);
    }
}

#[test]
fn a_full_disk_ends_the_process_before_it_acknowledges() {
    let pods = Pods::processes(1);
    let full = pods.set(0, Fault::DiskFull);
    assert!(pods.ask(0, "LIST").is_empty(), "reading works");
    pods.clear(0, &full);
    pods.ask(0, "PUT fits");
    pods.set(0, Fault::DiskFull);
    assert_eq!(code(pods.client(0).execute("PUT more")), ("08S01".to_owned(), 331_843));
    assert!(wait_until(LIMIT, || process::life(pods.dir(0)) == Life::Down));
    pods.spawn(0);
    assert_eq!(pods.ask(0, "LIST"), ["fits"]);
}

#[test]
fn a_frozen_pod_is_silent_until_it_thaws() {
    let pods = Pods::processes(2);
    assert!(process::freeze(pods.dir(1)).unwrap());
    assert!(matches!(process::life(pods.dir(1)), Life::Frozen(_)));
    assert_eq!(code(pods.login(1, 100)), ("HYT01".to_owned(), 331_853));
    // The kernel of a frozen process still takes connections; the link is not up without its hello.
    pods.ask(0, &format!("DIAL {} {} 50", pods.ips[1], PORT + 1));
    pods.sees(0, "failed Timeout");
    assert!(process::thaw(pods.dir(1)).unwrap());
    assert!(pods.login(1, 5000).is_ok());
    // A second process for the same pod finds the ports taken and leaves the first alone.
    let second = PodProgram {
        program: std::env::current_exe().unwrap(),
        args: ["pod_process", "--exact", "--ignored"].map(Into::into).to_vec(),
    };
    assert!(!second.spawn(pods.dir(1)).unwrap().wait().unwrap().success());
    assert!(matches!(process::life(pods.dir(1)), Life::Up(_)));
}

#[test]
fn many_clients_are_served_in_bursts() {
    let pods = Arc::new(Pods::threads(1));
    let writers: Vec<_> = (0..8)
        .map(|w| {
            let pods = Arc::clone(&pods);
            thread::spawn(move || {
                let mut client = pods.client(0);
                (0..200).for_each(|n| assert!(client.execute(&format!("PUT {w}-{n}")).is_ok()));
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    assert_eq!(pods.ask(0, "LIST").len(), 1600);
}
