//! A cluster with the manifests of an aku.conf in it, and clients.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::Command,
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
        let temp = tempfile::Builder::new().prefix("aku-kube-").tempdir().unwrap();
        let dir = temp.path().to_owned();
        let nodes = ["node-a", "node-b"].map(str::to_owned).into();
        let program = PathBuf::from(env!("CARGO_BIN_EXE_aku"));
        let cluster = Arc::new(Cluster::new(Options { dir: dir.join("c"), program, nodes, pace }).unwrap());
        cluster.secret("altibase-sys", "password", "manager").unwrap();
        let clients = Some(Clients::new(&cluster, 4));
        Self { cluster, clients, conf: CONF.to_owned(), name, began: Instant::now(), _temp: temp, dir }
    }

    /// Changes a line of aku.conf.
    pub fn conf(&mut self, property: &str, value: &str) {
        let mut lines: Vec<_> = self.conf.lines().filter(|l| l.split_whitespace().next() != Some(property)).map(str::to_owned).collect();
        lines.insert(0, format!("{property} = {value}"));
        self.conf = lines.join("\n") + "\n";
    }

    /// What `aku k8s manifests` prints, and nothing else.
    pub fn manifests(&self, flags: &[&str]) -> String {
        let conf = self.dir.join("aku.conf");
        fs::write(&conf, &self.conf).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_aku"));
        let out = command.args(["k8s", "manifests", "--conf"]).arg(&conf).args(flags).env_clear().output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
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

    fn logs(&self) -> String {
        (0..4).map(|pod| format!("== log of pod {pod}\n{}", self.cluster.log(pod))).collect()
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
        let clients = self.clients.as_ref().unwrap();
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
            assert!(missing.is_empty(), "pod {pod} lost {} rows: {:?}{}", missing.len(), &missing[..missing.len().min(9)], self.logs());
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
