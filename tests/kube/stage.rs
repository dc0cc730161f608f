//! A cluster with the manifests of an aku.conf in it, and clients.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    num::NonZeroU32,
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use aku::db::{
    client::Client,
    wire::{Cell, Response},
};
use aku_lab::Pace;
use aku_stateful::cluster::{Came, Cluster, Options};

use crate::account::{Clients, Rows, SERVICE, connect};

/// A lab's own tables.
const CONF: &str = "\
AKU_STS_NAME                 = altibase-sts
AKU_SVC_NAME                 = altibase-svc
AKU_SERVER_COUNT             = 4
AKU_SYS_PASSWORD             = manager
AKU_PORT_NO                  = 20300
AKU_REPLICATION_PORT_NO      = 20301
AKU_QUERY_RETRY_DELAY_MSEC   = 20
AKU_ADDRESS_CHECK_COUNT      = 60
AKU_REPLICATION_RESET_AT_END = 0
REPLICATIONS = ( REPLICATION_NAME_PREFIX = AKU_REP SYNC_PARALLEL_COUNT = 1 ( SYS.T1, SYS.T2, SYS.T3 ) )
";

/// What `aku k8s manifests` prints for the aku.conf of these tests.
pub fn printed(flags: &[&str]) -> String {
    let temp = tempfile::tempdir().unwrap();
    let conf = temp.path().join("aku.conf");
    fs::write(&conf, CONF).unwrap();
    let words = [&["k8s", "manifests", "--conf", conf.to_str().unwrap()], flags].concat();
    let (code, out) = aku(&words, "");
    assert_eq!(code, Some(0), "{out}");
    out
}

/// The program, outside of any pod: its exit code and what it says.
pub fn aku(words: &[&str], input: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aku"));
    let (from, to) = (Stdio::piped(), Stdio::piped());
    let mut child = command.args(words).env_clear().stdin(from).stdout(to).stderr(Stdio::piped()).spawn().unwrap();
    // A command that does not read closes its end.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let out = child.wait_with_output().unwrap();
    (out.status.code(), String::from_utf8([out.stdout, out.stderr].concat()).unwrap())
}

/// An answer of a web server: its status line and its text.
pub fn get(ip: Ipv4Addr, port: u16, path: &str) -> Option<(String, String)> {
    let mut stream = TcpStream::connect((ip, port)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.lines().next()?.to_owned(), body.to_owned()))
}

pub struct Stage {
    pub cluster: Arc<Cluster>,
    pub clients: Option<Clients>,
    conf: String,
    name: &'static str,
    began: Instant,
    _temp: tempfile::TempDir,
    dir: PathBuf,
}

impl Stage {
    /// Nothing is installed yet; clients wait for pods.
    pub fn new(name: &'static str) -> Self {
        Self::at_pace(name, Pace::Fast)
    }

    pub fn at_pace(name: &'static str, pace: Pace) -> Self {
        Self::copying(name, pace, None)
    }

    /// Copies take in so many rows a second.
    pub fn copying(name: &'static str, pace: Pace, copy_pace: Option<NonZeroU32>) -> Self {
        let temp = tempfile::Builder::new().prefix("aku-kube-").tempdir().unwrap();
        let dir = temp.path().to_owned();
        let nodes = ["node-a", "node-b"].map(str::to_owned).into();
        let program = PathBuf::from(env!("CARGO_BIN_EXE_aku"));
        let cluster = Arc::new(Cluster::new(Options { dir: dir.join("c"), program, nodes, pace, copy_pace }).unwrap());
        cluster.secret("altibase-sys", "password", "manager").unwrap();
        let clients = Some(Clients::new(&cluster, 4));
        Self { cluster, clients, conf: CONF.to_owned(), name, began: Instant::now(), _temp: temp, dir }
    }

    /// Changes a line of aku.conf.
    pub fn conf(&mut self, property: &str, value: &str) {
        let mut lines: Vec<_> =
            self.conf.lines().filter(|l| l.split_whitespace().next() != Some(property)).map(str::to_owned).collect();
        lines.insert(0, format!("{property} = {value}"));
        self.conf = lines.join("\n") + "\n";
    }

    /// What `aku k8s manifests` prints, and nothing else.
    pub fn manifests(&self, flags: &[&str]) -> String {
        let conf = self.conf_file();
        let (code, out) = aku(&[&["k8s", "manifests", "--conf", &conf], flags].concat(), "");
        assert_eq!(code, Some(0), "{out}");
        out
    }

    pub fn conf_file(&self) -> String {
        let conf = self.dir.join("aku.conf");
        fs::write(&conf, &self.conf).unwrap();
        conf.display().to_string()
    }

    /// Installs so many pods, with databases of their own, and waits for them.
    pub fn install(&self, replicas: u8) {
        self.cluster.apply(&self.manifests(&["--create-database", "--replicas", &replicas.to_string()])).unwrap();
        self.settled(replicas);
    }

    pub fn settled(&self, replicas: u8) {
        self.good(self.cluster.settled(replicas));
    }

    pub fn good<T>(&self, came: Result<T, aku_stateful::cluster::Hang>) -> T {
        came.unwrap_or_else(|hang| panic!("{hang}{}", self.logs()))
    }

    pub fn wait(&self, what: &str, until: impl FnMut(&aku_stateful::cluster::Pods) -> bool) {
        self.good(self.cluster.wait(what, until));
    }

    /// Looks until it is so.
    pub fn until(&self, what: &str, mut so: impl FnMut() -> bool) {
        let end = Instant::now() + Duration::from_secs(120);
        while !so() {
            assert!(Instant::now() < end, "still waiting for {what}{}{}", self.told(), self.logs());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn told(&self) -> String {
        self.cluster.events().iter().map(ToString::to_string).collect()
    }

    /// The termination message as it is now.
    pub fn last_words(&self, pod: u8) -> String {
        self.cluster.file(pod, "/dev/termination-log")
    }

    /// The state that `aku run` is in; empty without one.
    pub fn state(&self, pod: u8) -> String {
        let text = self.cluster.file(pod, "/tmp/aku_start_completed.run");
        text.lines().find_map(|l| l.strip_prefix("state=")).unwrap_or_default().to_owned()
    }

    pub fn clients(&self) -> &Clients {
        self.clients.as_ref().unwrap()
    }

    fn logs(&self) -> String {
        (0..5).map(|pod| format!("\n== log of pod {pod}\n{}", self.cluster.log(pod))).collect::<Vec<_>>().concat()
    }

    pub fn session(&self, pod: u8) -> Client {
        let ip = self.cluster.pods()[&pod].ip;
        connect(ip).unwrap_or_else(|| panic!("pod {pod} lets nobody in{}", self.logs()))
    }

    pub fn sql(&self, pod: u8, sql: &str) -> Vec<Vec<Cell>> {
        match self.session(pod).execute(sql) {
            Ok(Response::Rows { rows, .. }) => rows,
            Ok(_) => Vec::new(),
            Err(e) => panic!("pod {pod}: {sql}: {e}{}", self.logs()),
        }
    }

    pub fn rows(&self, pod: u8) -> Rows {
        let row = |row: Vec<Cell>| match row.as_slice() {
            [Cell::Int(key), Cell::Text(text), Cell::Int(n)] => (*key, (text.trim_end().to_owned(), *n)),
            other => panic!("{other:?}"),
        };
        self.sql(pod, "SELECT I1, C2, C3 FROM SYS.T1").into_iter().map(row).collect()
    }

    /// Everything on the way between these pods has arrived.
    pub fn flush(&self, pods: &[u8]) {
        for &a in pods {
            for &b in pods.iter().filter(|b| **b != a) {
                self.sql(a, &format!("ALTER REPLICATION AKU_REP_{}{} FLUSH WAIT 30", a.min(b), a.max(b)));
            }
        }
    }

    /// Clients get some work done: at least so many more changes.
    pub fn let_write(&self) {
        let clients = self.clients();
        let (before, end) = (clients.changes(), Instant::now() + Duration::from_secs(60));
        while clients.changes() < before + 40 {
            assert!(Instant::now() < end, "nobody writes{}", self.logs());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn exec(&self, pod: u8, words: &[&str]) -> (Option<i32>, String) {
        match self.cluster.exec(pod, words).unwrap() {
            (Came::Code(code), out) => (Some(code), out),
            (Came::Late, out) => (None, out),
        }
    }

    /// How many times a pod was copied anew.
    pub fn copies(&self, pod: u8) -> usize {
        self.cluster.log(pod).matches("Truncate tables for replications.").count()
    }

    /// Pods that were made, started, ready, deleted, in their order: `1 Ready`.
    pub fn story(&self, words: &[&str]) -> Vec<String> {
        let told = |e: &aku_stateful::cluster::Event| {
            let (name, text) = e.text.split_once(": ")?;
            let word = words.iter().find(|w| text.starts_with(**w))?;
            Some(format!("{} {word}", name.rsplit('-').next()?))
        };
        self.cluster.events().iter().filter_map(told).collect()
    }

    /// Under the clients, `aku verify` finds the pods equal; then the clients stop, and all rows are what was acknowledged.
    pub fn end(mut self, pods: u8) {
        self.let_write();
        let (code, out) = self.exec(0, &["aku", "verify"]);
        assert_eq!(code, Some(0), "{out}");
        let account = self.clients.take().unwrap().stop();
        let all: Vec<u8> = (0..pods).collect();
        self.flush(&all);
        let rows: BTreeMap<u8, Rows> = all.iter().map(|pod| (*pod, self.rows(*pod))).collect();
        for pod in &all {
            let missing = account.missing(&rows[pod]);
            assert!(
                missing.is_empty(),
                "pod {pod} lost {} rows: {:?}{}",
                missing.len(),
                &missing[..missing.len().min(9)],
                self.logs()
            );
            assert!(rows[pod] == rows[&0], "pods 0 and {pod} differ{}", self.logs());
        }
        // No container is killed at the end of its grace, unless that is the scenario.
        println!(
            "{}: {pods} pods equal, {} acknowledged changes, none lost; {:.1} s",
            self.name,
            account.changes(),
            self.began.elapsed().as_secs_f64()
        );
        assert!(account.changes() > 0 && self.cluster.addresses(SERVICE).len() == all.len());
    }
}
