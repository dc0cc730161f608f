//! The surroundings of a command under test: a cluster that is what the test says, streams that fail, a fixed clock.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
    rc::Rc,
    time::Duration,
};

use jiff::{Timestamp, tz::TimeZone};

use super::super::{
    env::Env,
    run,
    stream::{Streams, Terminal},
    wiring::Admission,
    wiring::{Cluster, Job, Platform, Way},
};
use crate::{
    apply::{
        Event, Outcome, Report,
        signals::{LastWords, Limit, Listening},
    },
    db::{ConnectError, ConnectFailure, DbError, Login, Session},
    desired::Desired,
    exit::{Code, Exit},
    lock::{Held, Waiting, Wanted},
    observe::{BrokenBy, Gathering, MarkerView, Observed, PodView},
    plan::{Plan, testing::Worlds},
    render::{
        Diagnostic,
        fixtures::{self, PASSWORD},
    },
    topology::{Ordinal, Target},
};

pub(super) type Build = fn(Worlds) -> Worlds;

/// What the pods saw.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) looks: usize,
    pub(super) whole: Option<Desired>,
    pub(super) reached: usize,
    pub(super) slept: Vec<Duration>,
    pub(super) applied: Vec<Job>,
}

/// A cluster that is what a test says it is.
#[derive(Clone)]
pub(super) struct Fake {
    pub(super) build: Build,
    /// What it is at the first look, if something else.
    pub(super) first: Option<Build>,
    /// Looks during which pod 1's SYSDBA slot is taken.
    pub(super) busy: usize,
    /// Attempts for which the own pod is absent.
    pub(super) absent: usize,
    /// The action that fails.
    pub(super) fails: Option<u32>,
    /// Another run that has the lock.
    pub(super) locked: Option<Waiting>,
    pub(super) seen: Rc<RefCell<Seen>>,
}

impl Cluster for Fake {
    fn observe(&self, desired: &Desired, _how: &Gathering) -> Observed {
        let mut seen = self.seen.borrow_mut();
        seen.looks += 1;
        // A later look may be at a few pods only; the world they live in is the whole one.
        let whole = seen.whole.get_or_insert_with(|| desired.clone()).clone();
        let whole = if whole.goal == desired.goal { whole } else { desired.clone() };
        let build = self.first.filter(|_| seen.looks == 1).unwrap_or(self.build);
        let mut observed = build(Worlds::new(whole)).observed;
        observed.marker = MarkerView::Elsewhere;
        observed.pods.retain(|pod, _| desired.pods.contains_key(pod));
        if seen.looks <= self.busy {
            let busy = PodView::Broken {
                address: "x".to_owned(),
                failure: BrokenBy::SysdbaBusy,
                said: "ERR-41041".to_owned(),
            };
            observed.pods.insert(fixtures::pod(1), busy);
        }
        observed
    }

    fn count(&self, observed: &mut Observed, wanted: &[(Ordinal, Vec<Target>)], _how: &Gathering) {
        for (pod, targets) in wanted {
            if let Some(PodView::Seen(p)) = observed.pods.get_mut(pod) {
                let n: u64 = if pod.is_master() { 1_204_332 } else { 512 };
                p.rows = targets.iter().map(|t| (t.clone(), n.into())).collect();
            }
        }
    }

    fn enter(&self, pod: Ordinal, login: &Login) -> Result<Box<dyn Session>, ConnectError> {
        self.connect(pod, login)
    }

    fn doors(&self, _login: &Login) -> BTreeMap<Ordinal, Admission> {
        BTreeMap::new()
    }

    fn reach(&self, pod: Ordinal, _login: &Login) -> Result<(), ConnectError> {
        let mut seen = self.seen.borrow_mut();
        seen.reached += 1;
        if seen.reached > self.absent {
            return Ok(());
        }
        let error = DbError { sqlstate: "08001".to_owned(), native: 327_730, message: "Connection refused".to_owned() };
        Err(ConnectError { pod, address: "pod:20300".to_owned(), failure: ConnectFailure::Absent, error })
    }

    fn connect(&self, pod: Ordinal, _login: &Login) -> Result<Box<dyn Session>, ConnectError> {
        let error = DbError { sqlstate: "HY000".to_owned(), native: 1, message: "no rows in this world".to_owned() };
        Err(ConnectError { pod, address: "pod:20300".to_owned(), failure: ConnectFailure::Other, error })
    }

    fn lock(&self, _wanted: &Wanted, _tell: &mut dyn FnMut(&Waiting)) -> Result<Held, Box<Waiting>> {
        match &self.locked {
            None => Ok(Held::nothing()),
            Some(waiting) => Err(Box::new(waiting.clone())),
        }
    }

    fn apply(&self, plan: &Plan, job: &Job, on_event: &mut dyn FnMut(&Event)) -> Report {
        self.seen.borrow_mut().applied.push(job.clone());
        let report = match self.fails {
            Some(n) => fixtures::broken_report(plan, n - 1),
            None => fixtures::whole_report(plan),
        };
        on_event(&Event::RunStart);
        for a in &plan.actions {
            match &report.outcomes[&a.id] {
                Outcome::NotRun { .. } | Outcome::NotNeeded { .. } => {}
                outcome => {
                    on_event(&Event::ActionStart { id: a.id });
                    on_event(&Event::ActionEnd { id: a.id, outcome: outcome.clone() });
                }
            }
        }
        on_event(&Event::RunEnd);
        report
    }
}

pub(super) struct Lives {
    pub(super) env: Env,
    pub(super) dir: tempfile::TempDir,
    pub(super) host: &'static str,
    pub(super) fake: Fake,
    pub(super) now: Timestamp,
}

impl Platform for Lives {
    fn env(&self) -> &Env {
        &self.env
    }
    fn hostname(&self) -> OsString {
        self.host.into()
    }
    fn now(&self) -> Timestamp {
        self.now
    }
    fn zone(&self) -> TimeZone {
        TimeZone::UTC
    }
    fn listen(&self, _last: LastWords, _limit: Option<Limit>) -> io::Result<Listening> {
        Ok(Listening::deaf())
    }
    fn sleep(&self, time: Duration) {
        self.fake.seen.borrow_mut().slept.push(time);
    }
    fn cluster(&self, _way: Way) -> Result<Box<dyn Cluster>, Diagnostic> {
        Ok(Box::new(self.fake.clone()))
    }
}

/// A stream that fails in a way, or keeps what it gets.
pub(super) struct Sink(Vec<u8>, Option<io::ErrorKind>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.1 {
            Some(kind) => Err(kind.into()),
            None => self.0.write(bytes),
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What came of a command.
#[derive(Debug)]
pub(super) struct Came {
    pub(super) exit: Exit,
    pub(super) out: String,
    pub(super) err: String,
}

impl Lives {
    pub(super) fn new(build: Build) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let conf = dir.path().join("aku.conf");
        std::fs::write(&conf, conf_text(4, 300)).unwrap();
        std::fs::set_permissions(&conf, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let vars = [("AKU_CONF", conf), ("AKU_MARKER", dir.path().join("marker"))];
        let seen = Rc::new(RefCell::new(Seen::default()));
        Self {
            env: Env::fixed(vars),
            host: "altibase-sts-2",
            fake: Fake { build, first: None, busy: 0, absent: 0, fails: None, locked: None, seen },
            now: "2026-11-20T23:41:07.123456Z".parse().unwrap(),
            dir,
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn rewrite_conf(&self, count: u8, flush: u32) {
        std::fs::write(self.path("aku.conf"), conf_text(count, flush)).unwrap();
    }

    pub(super) fn run(&self, line: &str) -> Came {
        self.run_into(line, None, "", Terminal::default())
    }

    /// Without looking for the password in files: there are directories.
    pub(super) fn run_without_look(&self, line: &str) -> Came {
        self.came(line, None, "", Terminal::default())
    }

    pub(super) fn run_into(&self, line: &str, broken: Option<io::ErrorKind>, typed: &str, terminal: Terminal) -> Came {
        let came = self.came(line, broken, typed, terminal);
        self.look_for_the_password(&came);
        came
    }

    fn came(&self, line: &str, broken: Option<io::ErrorKind>, typed: &str, terminal: Terminal) -> Came {
        let dir = self.dir.path().display().to_string();
        let args = std::iter::once("aku".to_owned()).chain(line.split_whitespace().map(|w| w.replace('@', &dir)));
        let (mut out, mut err) = (Sink(Vec::new(), broken), Sink(Vec::new(), None));
        let mut input = typed.as_bytes();
        let mut s = Streams { out: &mut out, err: &mut err, input: &mut input, terminal };
        let Code::Own(exit) = run(args.map(OsString::from), self, &mut s) else {
            panic!("these worlds run no container");
        };
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&dir, "@");
        Came { exit, out: text(out.0), err: text(err.0) }
    }

    pub(super) fn look_for_the_password(&self, came: &Came) {
        assert!(!came.out.contains(PASSWORD) && !came.err.contains(PASSWORD), "{came:?}");
        for entry in std::fs::read_dir(self.dir.path()).unwrap().map(Result::unwrap) {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            assert!(entry.file_name() == "aku.conf" || !text.contains(PASSWORD), "{:?}", entry.path());
        }
        for job in &self.fake.seen.borrow().applied {
            assert!(!format!("{:?} {:?} {:?}", job.login, job.marker, job.lock).contains(PASSWORD));
        }
    }

    pub(super) fn applied(&self) -> usize {
        self.fake.seen.borrow().applied.len()
    }
}

pub(super) fn conf_text(count: u8, flush: u32) -> String {
    format!(
        "AKU_STS_NAME = altibase-sts\nAKU_SVC_NAME = altibase-svc\nAKU_SERVER_COUNT = {count}\n\
         AKU_SYS_PASSWORD = \"{PASSWORD}\"\nAKU_FLUSH_TIMEOUT_AT_START = {flush}\nAKU_QUERY_RETRY_COUNT = 3\n\
         AKU_ADDRESS_CHECK_COUNT = 4\n\
         REPLICATIONS = ( REPLICATION_NAME_PREFIX = AKU_REP SYNC_PARALLEL_COUNT = 1 ( SYS.T1, SYS.T2 ) )\n"
    )
}

/// Pods 0 and 1 in service, 2 fresh, 3 not created.
pub(super) fn fresh(w: Worlds) -> Worlds {
    let w = w.up(0, 0).up(1, 0).up(2, 1).pair(0, 1, "LL").side(0, 2, 'R').side(0, 3, 'R');
    w.side(1, 2, 'R').side(1, 3, 'R')
}

/// Everything about pod 2 is right.
pub(super) fn joined(w: Worlds) -> Worlds {
    let w = fresh(w).set(2, "ADMIN_MODE", 0);
    w.pair(0, 2, "LL").pair(1, 2, "LL").side(2, 3, 'R')
}

pub(super) fn nobody(w: Worlds) -> Worlds {
    w
}

pub(super) fn wrong_password(w: Worlds) -> Worlds {
    w.broken(2)
}

pub(super) fn no_source(w: Worlds) -> Worlds {
    w.up(1, 0).up(2, 1)
}

pub(super) const TERMINAL: Terminal = Terminal { out: false, err: true, input: true, columns: Some(80) };
