//! `aku demo --kube`: the life of a StatefulSet in a minute. A kubelet and a controller (`aku_stateful`) play the manifests that this
//! program prints; pods are `aku run` over servers of the lab; clients come by the Service and write all the time.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    net::Ipv4Addr,
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use aku_stateful::cluster::{Cluster, Options};

use super::{
    DemoArgs, DemoError,
    claims::{claim, kept, of_table},
    writer::{Book, KEYS_PER_POD, Known, statement, sys},
};
use crate::{db::client::Client, lab::Pace};

const SERVICE: &str = "altibase-sts-client";
const PORT: u16 = 20300;
const CONF: &str = "\
AKU_STS_NAME                 = altibase-sts
AKU_SVC_NAME                 = altibase-svc
AKU_SERVER_COUNT             = 4
AKU_PORT_NO                  = 20300
AKU_REPLICATION_PORT_NO      = 20301
AKU_ADDRESS_CHECK_COUNT      = 60
AKU_REPLICATION_RESET_AT_END = 0
REPLICATIONS = (
    REPLICATION_NAME_PREFIX = AKU_REP
    SYNC_PARALLEL_COUNT     = 1
    ( SYS.T1, SYS.T2, SYS.T3 )
)
";
/// Longest wait for streams to deliver.
const SETTLE: Duration = Duration::from_secs(20);

pub(super) fn tell(args: &DemoArgs, program: &Path, out: &mut dyn Write) -> Result<(), DemoError> {
    let began = Instant::now();
    let home = tempfile::Builder::new().prefix("aku-demo-").tempdir()?;
    let options = Options {
        dir: home.path().join("cluster"),
        program: program.to_owned(),
        nodes: ["node-a", "node-b", "node-c"].map(str::to_owned).into(),
        pace: Pace::Fast,
        copy_pace: None,
    };
    let cluster = Arc::new(Cluster::new(options)?);
    let mut story =
        Story { cluster, program, out, full: args.full, conf: home.path().join("aku.conf"), told: 0, steps: 0 };
    fs::write(&story.conf, CONF)?;
    story.all()?;
    let Story { cluster, out, .. } = story;
    drop(cluster);
    home.close()?;
    writeln!(
        out,
        "\nEverything that was claimed was checked. {:.0} s; no process and no file is left.",
        began.elapsed().as_secs_f64()
    )?;
    Ok(())
}

struct Story<'a> {
    cluster: Arc<Cluster>,
    program: &'a Path,
    out: &'a mut dyn Write,
    full: bool,
    conf: std::path::PathBuf,
    /// Events that were shown.
    told: usize,
    steps: usize,
}

impl Story<'_> {
    fn all(&mut self) -> Result<(), DemoError> {
        self.step("An aku.conf becomes the objects of a cluster")?;
        let yaml = self.manifests(&["--create-database", "--replicas", "3"])?;
        writeln!(self.out, "  {} objects, {} lines", yaml.matches("\nkind: ").count(), yaml.lines().count())?;

        self.step("Install: a kubelet and a StatefulSet controller play them; each pod is `aku run` with a server")?;
        self.cluster.secret("altibase-sys", "password", "manager")?;
        let clients = Clients::start(&self.cluster);
        self.cluster.apply(&yaml)?;
        self.settled(3)?;
        self.ok("pod after pod, each joined before the next began; clients write on every pod that is ready")?;

        self.step("Scale up to 4 under load: kubectl scale sts altibase-sts --replicas=4")?;
        clients.work(self.out)?;
        self.cluster.scale(4);
        self.settled(4)?;
        let copies = self.copies();

        self.step("Rolling restart under load: the template changes")?;
        let yaml = self.manifests(&["--replicas", "4"])?;
        self.cluster.apply(&yaml)?;
        self.settled(4)?;
        claim(self.copies() == copies, || "a pod was copied anew".to_owned())?;
        self.ok(
            "from the highest number down, pod 0 last; each ended, stopped, came back and caught up: no full copy",
        )?;

        self.step("The node of pod 0 is drained")?;
        clients.work(self.out)?;
        let Some(before) = self.cluster.pods().remove(&0) else {
            return Err(DemoError::Claim("there is no pod 0".to_owned()));
        };
        let node = before.node;
        writeln!(self.out, "  $ kubectl drain {node}")?;
        self.cluster.drain(&node)?;
        self.settled(4)?;
        let moved = self.cluster.pods().get(&0).is_some_and(|p| p.node != node && p.ip != before.ip);
        claim(moved, || "pod 0 did not move".to_owned())?;
        self.ok("its pods are on other nodes, with other addresses, one after another")?;

        self.step("Scale down to 2")?;
        clients.work(self.out)?;
        self.cluster.scale(2);
        self.settled(2)?;
        let book = clients.finish();
        let rows = self.equal()?;
        let kept = kept(&rows, &book)?;
        claim(kept > 0, || "nobody wrote anything".to_owned())?;
        self.ok(&format!(
            "both pods that are left hold the same {} rows: of {kept} rows that clients were told about on four pods, none is lost",
            rows.len()
        ))
    }

    fn step(&mut self, what: &str) -> Result<(), DemoError> {
        self.steps += 1;
        writeln!(self.out, "\n== {}. {what}", self.steps)?;
        Ok(())
    }

    fn ok(&mut self, what: &str) -> Result<(), DemoError> {
        writeln!(self.out, "ok: {what}")?;
        Ok(())
    }

    fn manifests(&mut self, flags: &[&str]) -> Result<String, DemoError> {
        writeln!(self.out, "\n$ aku k8s manifests --conf aku.conf {}", flags.join(" "))?;
        let mut command = Command::new(self.program);
        let done = command.args(["k8s", "manifests", "--conf"]).arg(&self.conf).args(flags).output()?;
        claim(done.status.success(), || String::from_utf8_lossy(&done.stderr).into_owned())?;
        String::from_utf8(done.stdout).map_err(|e| DemoError::Claim(e.to_string()))
    }

    /// Waits for so many pods, and shows what happened meanwhile.
    fn settled(&mut self, replicas: u8) -> Result<(), DemoError> {
        let came = self.cluster.settled(replicas);
        let events = self.cluster.events();
        let worth = |text: &str| {
            ["Ready", "deleted", "gone", "SIGKILL"].iter().any(|w| text.contains(w)) && !text.ends_with("not Ready")
        };
        for event in events.iter().skip(self.told).filter(|e| self.full || worth(&e.text)) {
            write!(self.out, "  {event}")?;
        }
        self.told = events.len();
        Ok(came?)
    }

    /// Full copies so far, by pod.
    fn copies(&self) -> Vec<usize> {
        (0..4).map(|pod| self.cluster.log(pod).matches("Truncate tables for replications.").count()).collect()
    }

    /// Waits until all pods hold the same rows.
    fn equal(&self) -> Result<BTreeMap<i64, i64>, DemoError> {
        let deadline = Instant::now() + SETTLE;
        loop {
            let pods = self.cluster.pods();
            let all: Vec<_> = pods.values().map(|pod| rows(pod.ip)).collect::<Result<_, _>>()?;
            if let Some(first) = all.first().filter(|first| all.iter().all(|r| r == *first)) {
                return Ok(first.clone());
            }
            claim(Instant::now() < deadline, || "the pods do not hold the same rows".to_owned())?;
            thread::sleep(Duration::from_millis(50));
        }
    }
}

fn rows(ip: Ipv4Addr) -> Result<BTreeMap<i64, i64>, DemoError> {
    let failed = |e: crate::db::DbError| DemoError::Claim(format!("{ip}: {e}"));
    let mut client = Client::connect(&ip.to_string(), PORT, &sys()).map_err(failed)?;
    of_table(&client.execute("SELECT I1, C3 FROM T1").map_err(failed)?)
        .ok_or_else(|| DemoError::Claim(format!("{ip} returned rows of another shape")))
}

/// One client for each pod; each comes by the Service whenever the pod is ready.
struct Clients {
    stop: Arc<AtomicBool>,
    book: Arc<Mutex<Book>>,
    threads: Vec<JoinHandle<()>>,
}

impl Clients {
    fn start(cluster: &Arc<Cluster>) -> Self {
        let (stop, book) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Book::new())));
        let client = |pod: u8| {
            let (cluster, stop, book) = (Arc::clone(cluster), Arc::clone(&stop), Arc::clone(&book));
            thread::spawn(move || {
                let mut round = 0;
                while !stop.load(Ordering::SeqCst) {
                    let address = cluster.addresses(SERVICE).get(&pod).copied();
                    match address.and_then(|ip| Client::connect(&ip.to_string(), PORT, &sys()).ok()) {
                        Some(client) => round = write(client, pod, round, &stop, &book),
                        // It comes again.
                        None => thread::sleep(Duration::from_millis(20)),
                    }
                }
            })
        };
        let threads = (0..4).map(client).collect();
        Self { stop, book, threads }
    }

    fn rows(&self) -> usize {
        self.book.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Lets them work for a moment: the life of a client, not a wait for something.
    fn work(&self, out: &mut dyn Write) -> Result<(), DemoError> {
        thread::sleep(Duration::from_millis(500));
        writeln!(out, "  clients were told that {} rows are safe", self.rows())?;
        Ok(())
    }

    fn finish(self) -> Book {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads {
            // A client that panicked has told what it knew.
            let _ = thread.join();
        }
        std::mem::take(&mut *self.book.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Writes until the session is lost or nobody wants more; the round that it came to. After a change without an answer it goes on
/// with the next nine rounds, which touch nothing of the nine before.
fn write(mut client: Client, pod: u8, from: i64, stop: &AtomicBool, book: &Mutex<Book>) -> i64 {
    let mut round = from;
    while !stop.load(Ordering::SeqCst) {
        round += 1;
        let (sql, key, after) = statement(i64::from(pod) * KEYS_PER_POD, round);
        let done = client.execute(&sql).is_ok();
        book.lock().unwrap_or_else(PoisonError::into_inner).insert(key, if done { after } else { Known::Unknown });
        if !done {
            return (round / 9 + 1) * 9;
        }
        thread::sleep(Duration::from_millis(2));
    }
    round
}
