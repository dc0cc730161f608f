//! A lab and the real program in front of it, and clients that write and remember what was acknowledged.
#![allow(dead_code)] // Each test program uses a part of it.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use aku::{
    db::{
        client::{Client, Options},
        error::native,
        wire::{Cell, Response},
    },
    lab::{
        Lab, LabError, LabOptions, Pace,
        process::{PodProgram, wait_until},
    },
    topology::{Ordinal, ServerCount},
};

pub const PATIENCE: Duration = Duration::from_secs(30);
pub const TABLES: [&str; 3] = ["SYS.T1", "SYS.T2", "SYS.T3"];

pub fn pod(n: u8) -> Ordinal {
    Ordinal::new(n).unwrap()
}

pub fn as_sys() -> Options {
    Options::new("SYS", "manager".to_owned().into())
}

/// A lab whose pods are in ADMIN_MODE, as a container's start script boots them.
pub struct Stage {
    pub lab: Lab,
    temp: tempfile::TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub struct Run {
    /// `None` when it was killed.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Run {
    fn from(o: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: o.status.code(), out: text(o.stdout), err: text(o.stderr) }
    }
}

impl Stage {
    pub fn new(pods: u8) -> Self {
        Self::at_pace(pods, Pace::Fast)
    }

    /// A lab whose servers answer that fast.
    pub fn at_pace(pods: u8, pace: Pace) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let program = PodProgram::aku(PathBuf::from(env!("CARGO_BIN_EXE_aku")));
        let options = LabOptions::new(temp.path().join("lab"), ServerCount::new(pods).unwrap(), program);
        let options = LabOptions { pace, ..options };
        let stage = Self { lab: Lab::up(options).unwrap(), temp };
        // Killed pods are asked again; a test need not wait a second each time.
        stage.conf("AKU_QUERY_RETRY_DELAY_MSEC = 20");
        stage
    }

    /// Adds a line to aku.conf.
    pub fn conf(&self, line: &str) {
        let path = self.lab.dir().join("aku.conf");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, format!("{line}\n{text}")).unwrap();
    }

    /// A place for files of the test.
    pub fn dir(&self) -> &Path {
        self.temp.path()
    }

    /// The program, on a pod.
    pub fn command(&self, on: u8, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aku"));
        command.args(args.split_whitespace()).envs(self.lab.environment()).env("AKU_ORDINAL", on.to_string());
        command.env_remove("AKU_SYS_PASSWORD").current_dir(self.dir());
        command
    }

    pub fn aku(&self, on: u8, args: &str) -> Run {
        self.command(on, args).output().unwrap().into()
    }

    pub fn ok(&self, on: u8, args: &str) -> Run {
        let run = self.aku(on, args);
        assert_eq!(run.code, Some(0), "pod {on}: aku {args}\n{}{}", run.out, run.err);
        run
    }

    /// Kills the program with -9 as soon as it printed `lines` lines; `None` when it ended by itself before.
    pub fn killed_after(&self, on: u8, args: &str, lines: usize) -> Option<()> {
        let mut child = self.command(on, args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let seen = BufReader::new(child.stdout.take().unwrap()).lines().take(lines).count();
        child.kill().unwrap();
        child.wait().unwrap();
        (seen == lines).then_some(())
    }

    /// Kills the program with -9 as soon as it printed a line with these words; `None` when it ended by itself before.
    pub fn killed_at(&self, on: u8, args: &str, words: &str) -> Option<()> {
        let mut child = self.command(on, args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let seen = lines.any(|line| line.contains(words));
        child.kill().unwrap();
        child.wait().unwrap();
        seen.then_some(())
    }

    /// What a restarted container is: a server that booted anew and an empty /tmp.
    pub fn restart(&self, on: u8) {
        self.lab.kill(pod(on)).unwrap();
        self.forget_marker(on);
        self.lab.start(pod(on)).unwrap();
    }

    /// As [`Stage::restart`], and the volume is lost.
    pub fn wipe(&self, on: u8) {
        self.lab.wipe(pod(on)).unwrap();
        self.forget_marker(on);
        self.lab.start_with_tables(pod(on)).unwrap();
    }

    pub fn marker(&self, on: u8) -> PathBuf {
        self.lab.dir().join("marker").join(format!("aku_start_completed-{on}"))
    }

    fn forget_marker(&self, on: u8) {
        match std::fs::remove_file(self.marker(on)) {
            Ok(()) => {}
            Err(e) => assert_eq!(e.kind(), std::io::ErrorKind::NotFound),
        }
    }

    /// A session that has just ended may hold the only SYSDBA slot for a moment longer.
    pub fn sql(&self, on: u8, text: &str) -> Response {
        for _ in 0..500 {
            match self.lab.sql(pod(on), text) {
                Ok(answer) => return answer,
                Err(LabError::Db { error, .. }) if error.native == native::SYSDBA_BUSY => {
                    thread::sleep(Duration::from_millis(10));
                }
                Err(e) => panic!("pod {on}: {text}: {e}"),
            }
        }
        panic!("pod {on}: {text}: the SYSDBA slot is never free")
    }

    pub fn select(&self, on: u8, text: &str) -> Vec<Vec<Cell>> {
        let Response::Rows { rows, .. } = self.sql(on, text) else { panic!("no rows: {text}") };
        rows
    }

    /// Rows of a table as key and the rest.
    pub fn table(&self, on: u8, table: &str) -> BTreeMap<i64, (String, i64)> {
        let rows = self.select(on, &format!("SELECT I1, C2, C3 FROM {table}"));
        let row = |row: Vec<Cell>| match row.as_slice() {
            [Cell::Int(key), Cell::Text(text), Cell::Int(n)] => (*key, (text.trim_end().to_owned(), *n)),
            other => panic!("{other:?}"),
        };
        rows.into_iter().map(row).collect()
    }

    /// Everything the catalog says of replications, and how far the log goes.
    pub fn state(&self, on: u8) -> Vec<Vec<Cell>> {
        let mut state = self.select(
            on,
            "SELECT REPLICATION_NAME, IS_STARTED, XSN, ITEM_COUNT FROM SYSTEM_.SYS_REPLICATIONS_ ORDER BY 1",
        );
        state.extend(self.select(on, "SELECT REP_NAME, REP_LAST_SN FROM V$REPGAP ORDER BY 1"));
        state.extend(self.select(on, "SELECT NAME, VALUE1 FROM V$PROPERTY ORDER BY 1"));
        state
    }

    /// Whether the pod's side of a replication has a place in the log.
    pub fn is_live(client: &mut Client, name: &str) -> bool {
        let sql = format!("SELECT XSN FROM SYSTEM_.SYS_REPLICATIONS_ WHERE REPLICATION_NAME = '{name}'");
        match client.execute(&sql) {
            Ok(Response::Rows { rows, .. }) => {
                matches!(rows.first().map(Vec::as_slice), Some([Cell::Int(n)]) if *n >= 0)
            }
            _ => false,
        }
    }

    /// Delivers everything that is still under way between these pods.
    pub fn flush(&self, pods: &[u8]) {
        for &a in pods {
            for &b in pods.iter().filter(|b| **b != a) {
                let name = format!("AKU_REP_{}{}", a.min(b), a.max(b));
                self.sql(a, &format!("ALTER REPLICATION {name} FLUSH ALL WAIT 30"));
            }
        }
    }

    /// All pods hold the same rows.
    pub fn equal(&self, pods: &[u8]) {
        self.flush(pods);
        for table in TABLES {
            let first = self.table(pods[0], table);
            for &other in &pods[1..] {
                let there = self.table(other, table);
                let odd: Vec<_> = first.iter().filter(|(k, v)| there.get(k) != Some(v)).take(5).collect();
                let extra: Vec<_> = there.iter().filter(|(k, v)| first.get(k) != Some(v)).take(5).collect();
                assert_eq!(
                    first.len(),
                    there.len(),
                    "{table}: pods {} and {other}; {odd:?} against {extra:?}",
                    pods[0]
                );
                assert!(odd.is_empty(), "{table}: pod {} has {odd:?}, pod {other} has {extra:?}", pods[0]);
            }
        }
    }

    pub fn client(&self, on: u8) -> Client {
        self.lab.client(pod(on), &as_sys()).unwrap()
    }
}

/// How a client writes.
#[derive(Clone, Copy)]
pub enum Style {
    /// Each statement for itself.
    Autocommit,
    /// Transactions of several statements that stay open until the named replication has a place in the log of the
    /// client's pod, or for a fifth of a second.
    Spanning(&'static str),
}

/// What a client wrote.
#[derive(Default, Debug)]
pub struct Written {
    /// Rows whose last change was acknowledged; `None` is a deleted one.
    pub acknowledged: BTreeMap<i64, Option<(String, i64)>>,
    /// Keys whose last change was not.
    pub unknown: Vec<i64>,
}

impl Written {
    /// What was acknowledged and is not there.
    pub fn missing(&self, rows: &BTreeMap<i64, (String, i64)>) -> Vec<i64> {
        let known = self.acknowledged.iter().filter(|(key, _)| !self.unknown.contains(key));
        known.filter(|(key, row)| rows.get(key) != row.as_ref()).map(|(key, _)| *key).collect()
    }
}

/// A client at work until it is told to stop or is thrown out.
pub struct Writer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Written>,
}

impl Writer {
    /// `first` is its first key; it uses no other than the 100,000 from there on.
    pub fn new(stage: &Arc<Stage>, on: u8, table: &'static str, first: i64, style: Style) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stage, told) = (Arc::clone(stage), Arc::clone(&stop));
        let mut client = stage.client(on);
        let thread = thread::spawn(move || {
            let mut written = Written::default();
            if matches!(style, Style::Spanning(_)) {
                client.execute("ALTER SESSION SET AUTOCOMMIT = FALSE").unwrap();
            }
            let mut key = first;
            while !told.load(Ordering::Relaxed) {
                if !round(&mut client, table, &mut key, style, &mut written) {
                    break;
                }
            }
            written
        });
        Self { stop, thread }
    }

    pub fn stop(self) -> Written {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }

    /// Waits until the server threw it out.
    pub fn thrown_out(self) -> Written {
        assert!(wait_until(PATIENCE, || self.thread.is_finished()), "the writer still writes");
        self.thread.join().unwrap()
    }
}

/// Two new rows, a change and a removal; false when the session is lost.
fn round(client: &mut Client, table: &str, key: &mut i64, style: Style, w: &mut Written) -> bool {
    let (a, b) = (*key, *key + 1);
    *key += 2;
    let row = |n| Some((format!("row {a}"), n));
    let steps = [
        (format!("INSERT INTO {table} VALUES ({a}, 'row {a}', 0)"), a, row(0)),
        (format!("INSERT INTO {table} VALUES ({b}, 'row {a}', 1)"), b, row(1)),
        (format!("UPDATE {table} SET C3 = 2 WHERE I1 = {a}"), a, row(2)),
        (format!("DELETE FROM {table} WHERE I1 = {b}"), b, None),
    ];
    let mut pending = Vec::new();
    for (i, (sql, key, after)) in steps.into_iter().enumerate() {
        let done = client.execute(&sql).is_ok();
        match (style, done) {
            (Style::Autocommit, true) => drop(w.acknowledged.insert(key, after)),
            (Style::Spanning(name), true) => {
                pending.push((key, after));
                if i == 1 {
                    wait_until(Duration::from_millis(200), || Stage::is_live(client, name));
                }
            }
            (_, false) => {
                w.unknown.extend([a, b]);
                return false;
            }
        }
    }
    if matches!(style, Style::Spanning(_)) {
        if client.execute("COMMIT").is_err() {
            w.unknown.extend([a, b]);
            return false;
        }
        w.acknowledged.extend(pending);
    }
    true
}

pub fn fill(stage: &Stage, on: u8, rows: i64) {
    let mut client = stage.client(on);
    client.execute("ALTER SESSION SET AUTOCOMMIT = FALSE").unwrap();
    for (n, table) in TABLES.iter().enumerate() {
        for key in 0..rows >> n {
            client.execute(&format!("INSERT INTO {table} VALUES ({key}, 'old', {key})")).unwrap();
        }
    }
    client.execute("COMMIT").unwrap();
}

pub fn started(pods: u8, of: u8) -> Arc<Stage> {
    let stage = Arc::new(Stage::new(of));
    for n in 0..pods {
        stage.ok(n, "-p start");
    }
    stage
}

/// A small generator: the tests need a seed that can be given again, not good numbers.
pub struct Dice(u64);

impl Dice {
    pub fn new(name: &str) -> Self {
        let seed = std::env::var("AKU_SEED").ok().and_then(|s| s.parse().ok());
        let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(name)) | 1;
        println!("{name}: AKU_SEED={seed}");
        Self(seed)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

pub fn cases(default: usize) -> usize {
    std::env::var("AKU_CASES").ok().and_then(|s| s.parse().ok()).unwrap_or(default)
}

/// Runs start until it has nothing to do; what a person does who reads the message.
pub fn converge(stage: &Stage, on: u8) {
    let run = stage.aku(on, "-p start");
    match run.code {
        Some(0) => {}
        // It was killed after it had opened the pod.
        Some(3) if run.out.contains("X202") => drop(stage.ok(on, "apply start --yes")),
        // A clean had noted that the pod is no longer kept in sync: what is on it needs the yes that the message names.
        Some(3) if run.out.contains("was cleaned") => {
            let yes = |class: &str| format!("--approve {class}=altibase-sts/{on}");
            drop(stage.ok(on, &format!("apply start --yes {} {}", yes("deletes-rows"), yes("loses-unsent"))));
        }
        // It was killed when it had done everything.
        Some(3) if run.out.contains("X210") => {}
        other => panic!("{other:?}\n{}{}", run.out, run.err),
    }
    stage.ok(on, "plan start --exit-code");
}
