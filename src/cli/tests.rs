//! Commands as a user meets them: command line and surroundings in; streams, files and exit code out.

use std::{
    cell::RefCell,
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
    rc::Rc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{
    env::Env,
    run,
    stream::{Streams, Terminal},
    wiring::{Cluster, Job, Way, World},
};
use crate::{
    apply::{Event, Outcome, Report},
    db::{ConnectError, ConnectFailure, DbError, Login},
    desired::Desired,
    exit::Exit,
    observe::{BrokenBy, Gathering, MarkerView, Observed, PodView},
    plan::{Plan, testing::Worlds},
    render::{
        Trouble,
        fixtures::{self, PASSWORD, settings},
    },
    topology::{Ordinal, Target},
};

type Build = fn(Worlds) -> Worlds;

/// What the pods saw.
#[derive(Default)]
struct Seen {
    looks: usize,
    whole: Option<Desired>,
    reached: usize,
    slept: Vec<Duration>,
    applied: Vec<Job>,
}

/// A cluster that is what a test says it is.
#[derive(Clone)]
struct Fake {
    build: Build,
    /// Looks during which pod 1's SYSDBA slot is taken.
    busy: usize,
    /// Attempts for which the own pod is absent.
    absent: usize,
    /// The action that fails.
    fails: Option<u32>,
    seen: Rc<RefCell<Seen>>,
}

impl Cluster for Fake {
    fn observe(&self, desired: &Desired, _how: &Gathering) -> Observed {
        let mut seen = self.seen.borrow_mut();
        seen.looks += 1;
        // A later look may be at a few pods only; the world they live in is the whole one.
        let whole = seen.whole.get_or_insert_with(|| desired.clone()).clone();
        let whole = if whole.goal == desired.goal { whole } else { desired.clone() };
        let mut observed = (self.build)(Worlds::new(whole)).observed;
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
                let n = if pod.is_master() { 1_204_332 } else { 512 };
                p.rows = targets.iter().map(|t| (t.clone(), n)).collect();
            }
        }
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

struct Lives {
    env: Env,
    dir: tempfile::TempDir,
    host: &'static str,
    fake: Fake,
    now: Timestamp,
}

impl World for Lives {
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
    fn sleep(&self, time: Duration) {
        self.fake.seen.borrow_mut().slept.push(time);
    }
    fn cluster(&self, _way: Way) -> Result<Box<dyn Cluster>, Trouble> {
        Ok(Box::new(self.fake.clone()))
    }
}

/// A stream that fails in a way, or keeps what it gets.
struct Sink(Vec<u8>, Option<io::ErrorKind>);

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
struct Came {
    exit: Exit,
    out: String,
    err: String,
}

impl Lives {
    fn new(build: Build) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let conf = dir.path().join("aku.conf");
        std::fs::write(&conf, conf_text(4, 300)).unwrap();
        let vars = [("AKU_CONF", conf), ("AKU_MARKER", dir.path().join("marker"))];
        let seen = Rc::new(RefCell::new(Seen::default()));
        Self {
            env: Env::fixed(vars),
            host: "altibase-sts-2",
            fake: Fake { build, busy: 0, absent: 0, fails: None, seen },
            now: "2026-11-20T23:41:07.123456Z".parse().unwrap(),
            dir,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn rewrite_conf(&self, count: u8, flush: u32) {
        std::fs::write(self.path("aku.conf"), conf_text(count, flush)).unwrap();
    }

    fn run(&self, line: &str) -> Came {
        self.run_into(line, None, "", Terminal::default())
    }

    fn run_into(&self, line: &str, broken: Option<io::ErrorKind>, typed: &str, terminal: Terminal) -> Came {
        let dir = self.dir.path().display().to_string();
        let args = std::iter::once("aku".to_owned()).chain(line.split_whitespace().map(|w| w.replace('@', &dir)));
        let (mut out, mut err) = (Sink(Vec::new(), broken), Sink(Vec::new(), None));
        let mut input = typed.as_bytes();
        let mut s = Streams { out: &mut out, err: &mut err, input: &mut input, terminal };
        let exit = run(args.map(OsString::from), self, &mut s);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&dir, "@");
        let came = Came { exit, out: text(out.0), err: text(err.0) };
        self.look_for_the_password(&came);
        came
    }

    fn look_for_the_password(&self, came: &Came) {
        assert!(!came.out.contains(PASSWORD) && !came.err.contains(PASSWORD), "{came:?}");
        for entry in std::fs::read_dir(self.dir.path()).unwrap().map(Result::unwrap) {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            assert!(entry.file_name() == "aku.conf" || !text.contains(PASSWORD), "{:?}", entry.path());
        }
        assert!(!format!("{:?}", self.fake.seen.borrow().applied).contains(PASSWORD));
    }

    fn applied(&self) -> usize {
        self.fake.seen.borrow().applied.len()
    }
}

fn conf_text(count: u8, flush: u32) -> String {
    format!(
        "AKU_STS_NAME = altibase-sts\nAKU_SVC_NAME = altibase-svc\nAKU_SERVER_COUNT = {count}\n\
         AKU_SYS_PASSWORD = \"{PASSWORD}\"\nAKU_FLUSH_TIMEOUT_AT_START = {flush}\nAKU_QUERY_RETRY_COUNT = 3\n\
         AKU_ADDRESS_CHECK_COUNT = 4\n\
         REPLICATIONS = ( REPLICATION_NAME_PREFIX = AKU_REP SYNC_PARALLEL_COUNT = 1 ( SYS.T1, SYS.T2 ) )\n"
    )
}

/// Pods 0 and 1 in service, 2 fresh, 3 not created.
fn fresh(w: Worlds) -> Worlds {
    let w = w.up(0, 0).up(1, 0).up(2, 1).pair(0, 1, "LL").side(0, 2, 'R').side(0, 3, 'R');
    w.side(1, 2, 'R').side(1, 3, 'R')
}

/// Everything about pod 2 is right.
fn joined(w: Worlds) -> Worlds {
    let w = fresh(w).set(2, "ADMIN_MODE", 0);
    w.pair(0, 2, "LL").pair(1, 2, "LL").side(2, 3, 'R')
}

fn nobody(w: Worlds) -> Worlds {
    w
}

fn wrong_password(w: Worlds) -> Worlds {
    w.broken(2)
}

fn no_source(w: Worlds) -> Worlds {
    w.up(1, 0).up(2, 1)
}

const TERMINAL: Terminal = Terminal { out: false, err: true, input: true, columns: Some(80) };

#[test]
fn plan_and_its_exit_codes() {
    let table: [(Build, &str, Exit); 9] = [
        (fresh, "plan", Exit::Ok),
        (fresh, "plan --exit-code", Exit::Changes),
        (joined, "plan --exit-code", Exit::Ok),
        (joined, "plan end --exit-code", Exit::Changes),
        (nobody, "plan", Exit::Unavailable),
        (wrong_password, "plan", Exit::Auth),
        (fresh, "plan --ordinal 3", Exit::Unknown),
        (fresh, "plan --ordinal 7", Exit::Refused),
        (fresh, "plan --conf @/none", Exit::NoInput),
    ];
    for (build, line, want) in table {
        let world = Lives::new(build);
        std::fs::write(world.path("marker"), "").unwrap();
        let came = world.run(line);
        assert_eq!(came.exit, want, "{line}: {came:#?}");
        assert_eq!(came.out.is_empty(), !matches!(want, Exit::Ok | Exit::Changes), "{line}: {came:#?}");
        assert_eq!(world.applied(), 0);
    }
    let came = Lives::new(no_source).run("plan");
    assert!(matches!(came.exit, Exit::Refused | Exit::Unknown) && came.err.contains("pod 0"), "{came:#?}");
    let came = Lives::new(fresh).run("plan --sql");
    assert!(came.out.contains("TRUNCATE TABLE SYS.T1;") && came.err.is_empty(), "{came:#?}");
    let coloured = Lives::new(fresh).run("plan --color always");
    assert!(coloured.out.contains('\u{1b}'));
    assert_eq!(anstream::adapter::strip_str(&coloured.out).to_string(), Lives::new(fresh).run("plan").out);
}

#[test]
fn a_reader_who_leaves_and_a_full_disk() {
    let none = Terminal::default();
    let gone = Some(io::ErrorKind::BrokenPipe);
    let full = Some(io::ErrorKind::StorageFull);
    let world = Lives::new(fresh);
    assert_eq!(world.run_into("plan", gone, "", none).exit, Exit::Ok);
    assert_eq!(world.run_into("plan --exit-code", gone, "", none).exit, Exit::Changes);
    assert_eq!(world.run_into("plan", full, "", none).exit, Exit::Output);
    assert_eq!(world.run_into("--help", full, "", none).exit, Exit::Output);
    assert_eq!(world.applied(), 0);
    let yes = "apply --yes --approve deletes-rows";
    assert_eq!(world.run_into(yes, gone, "", none).exit, Exit::Ok);
    assert_eq!(world.run_into(yes, full, "", none).exit, Exit::Output);
    assert_eq!(world.run_into("-p start", full, "", none).exit, Exit::Output);
    assert_eq!(world.applied(), 3);
}

#[test]
fn json_is_one_document() {
    let came = Lives::new(fresh).run("plan --format json");
    let saved = crate::plan::saved::Saved::parse(&came.out).unwrap();
    assert_eq!((saved.observer, saved.plan.goal.pod()), (Some(fixtures::pod(2)), fixtures::pod(2)));
    let refused = Lives::new(nobody).run("plan --format json");
    let document: serde_json::Value = serde_json::from_str(&refused.out).unwrap();
    assert_eq!((document["kind"].as_str(), document["exit"].as_u64()), (Some("aku.refusal"), Some(69)));
    assert!(refused.err.starts_with("error["), "{refused:#?}");
}

#[test]
fn apply_asks_first() {
    let world = Lives::new(fresh);
    for line in ["apply", "apply --yes", "apply --approve deletes-rows", "apply --yes --approve deletes-rows=x/2"] {
        let came = world.run(line);
        assert_eq!(came.exit, Exit::Refused, "{line}: {came:#?}");
        assert!(came.err.contains("aku apply start --yes --approve deletes-rows=altibase-sts/2"), "{came:#?}");
    }
    let declined = world.run_into("apply", None, "no\n", TERMINAL);
    assert_eq!(declined.exit, Exit::Refused, "{declined:#?}");
    let nobody_asked = world.run_into("apply --no-input", None, "altibase-sts/2\nyes\n", TERMINAL);
    assert_eq!((nobody_asked.exit, world.applied()), (Exit::Refused, 0));
    assert_eq!(world.run_into("apply --quiet", None, "altibase-sts/2\nyes\n", TERMINAL).exit, Exit::Ok);
    assert_eq!(world.run("apply --yes --approve deletes-rows=altibase-sts/2 --deadline 90s").exit, Exit::Ok);
    let seen = world.fake.seen.borrow();
    assert_eq!(seen.applied.len(), 2);
    let job = &seen.applied[1];
    assert_eq!((job.deadline, job.retry_count), (Some(Duration::from_secs(90)), 3));
    let (path, text) = job.marker.clone().unwrap();
    assert_eq!(path, world.path("marker"));
    assert!(text.contains("conf=sha256:"), "{text}");
}

#[test]
fn apply_reports() {
    let mut world = Lives::new(fresh);
    let line = "apply --yes --approve deletes-rows";
    let well = world.run(line);
    assert!(well.out.contains("Apply complete") && well.err.contains(" done "), "{well:#?}");
    assert_eq!(world.run(&format!("{line} --quiet")).err, "");
    world.fake.fails = Some(12);
    let badly = world.run(line);
    assert_eq!(badly.exit, Exit::Partial);
    for part in ["error[E120]", "done  ", "failed  ", "not run  ", "unknown  ", "state now  ", "exit 4"] {
        assert!(badly.err.contains(part), "{part}: {badly:#?}");
    }
    assert!(!badly.out.contains("Apply complete"));
    let nothing = Lives::new(joined);
    let came = nothing.run("apply --ordinal 2");
    assert_eq!((came.exit, nothing.applied()), (Exit::Ok, 1), "{came:#?}");
}

#[test]
fn saved_plans() {
    let mut world = Lives::new(fresh);
    let came = world.run("plan -o @/p.json");
    assert_eq!(came.exit, Exit::Ok);
    assert!(came.err.contains("saved to @/p.json") && came.out.contains("aku apply @/p.json --yes"), "{came:#?}");
    let apply = "apply @/p.json --yes --approve deletes-rows";
    assert_eq!((world.run(apply).exit, world.applied()), (Exit::Ok, 1));
    let shown = world.run("show @/p.json");
    assert!(shown.out.contains("digest") || shown.out.contains("sha256:"), "{shown:#?}");
    assert_eq!(world.run("show @/p.json --format json").out, std::fs::read_to_string(world.path("p.json")).unwrap());

    let exit = |world: &Lives| world.run(apply).exit;
    assert_eq!(world.run("apply @/p.json --ordinal 2").exit, Exit::Usage);
    assert_eq!(world.run("apply @/none.json").exit, Exit::NoInput);
    world.rewrite_conf(4, 301);
    assert_eq!(exit(&world), Exit::Stale);
    world.rewrite_conf(4, 300);
    let later = world.now.checked_add(SignedDuration::from_hours(25)).unwrap();
    let made = std::mem::replace(&mut world.now, later);
    assert_eq!(exit(&world), Exit::Stale);
    world.now = made;
    world.fake.build = |w| fresh(w).side(2, 0, 'R');
    let other = world.run(apply);
    assert_eq!(other.exit, Exit::Stale);
    assert!(other.err.contains("- pod 2 create AKU_REP_02 to pod 0: CREATE REPLICATION"), "{other:#?}");
    std::fs::write(world.path("marker"), "").unwrap();
    world.fake.build = joined;
    let done = world.run(apply);
    assert_eq!(done.exit, Exit::Ok, "{done:#?}");
    assert!(done.out.contains("Nothing to do"), "{done:#?}");
    let text = std::fs::read_to_string(world.path("p.json")).unwrap();
    std::fs::write(world.path("p.json"), text.replace("SYS.T1", "SYS.T9")).unwrap();
    assert_eq!(exit(&world), Exit::BadData);
    std::fs::write(world.path("p.json"), &text[..100]).unwrap();
    assert!(world.run(apply).err.contains("plan-truncated"));
    assert_eq!(world.applied(), 1);
    std::os::unix::fs::symlink(world.path("aku.conf"), world.path("link")).unwrap();
    world.fake.build = fresh;
    assert_eq!(world.run("plan -o @/link").exit, Exit::Output);
    std::fs::remove_file(world.path("link")).unwrap();
}

#[test]
fn a_busy_slot_is_looked_at_again() {
    let mut world = Lives::new(fresh);
    world.fake.busy = 2;
    let came = world.run("plan");
    assert_eq!((came.exit, world.fake.seen.borrow().looks), (Exit::Ok, 3));
    assert!(came.err.contains("pod 1 is busy") && came.err.contains("attempt 2 of 3"), "{came:#?}");
    world.fake.busy = usize::MAX;
    let came = world.run("plan");
    assert_ne!(came.exit, Exit::Ok, "{came:#?}");
    assert_eq!(world.fake.seen.borrow().looks, 3 + 4);
}

#[test]
fn own_address_is_checked_before_a_start() {
    for line in ["apply start --yes --approve deletes-rows", "-p start"] {
        let mut world = Lives::new(fresh);
        world.fake.absent = 3;
        assert_eq!(world.run(line).exit, Exit::Ok, "{line}");
        assert_eq!(world.fake.seen.borrow().slept, [Duration::from_secs(1); 3]);
        let mut world = Lives::new(fresh);
        world.fake.absent = 4;
        let came = world.run(line);
        assert_eq!((came.exit, world.applied(), world.fake.seen.borrow().looks), (Exit::Unavailable, 0, 0));
        let text = came.out + &came.err;
        assert!(text.contains("attempt 4 of 4") && text.contains("after 4 attempts"), "{text}");
    }
    let mut world = Lives::new(fresh);
    world.fake.absent = 9;
    assert_eq!((world.run("plan").exit, world.run("apply end --yes").exit), (Exit::Ok, Exit::Ok));
}

/// Log lines with what differs between builds and processes taken out.
fn steady(text: &str) -> String {
    let text = text.replace(&format!("[{}]", std::process::id()), "[THREAD]");
    let mut out = String::new();
    for line in text.lines() {
        let (mut rest, mut steady) = (line, String::new());
        for function in ["akuRunStart:", "akuRunEnd:", "akuRunClean:"] {
            if let Some((before, after)) = rest.split_once(function) {
                steady.push_str(before);
                steady.push_str(function);
                steady.push('N');
                rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
            }
        }
        out.push_str(&steady);
        out.push_str(rest);
        out.push('\n');
    }
    out
}

#[test]
fn front_door() {
    let golden = |name: &str, came: &Came| {
        assert_eq!(came.err, "", "{name}");
        settings().bind(|| insta::assert_snapshot!(format!("legacy-{name}"), steady(&came.out)));
    };
    let mut world = Lives::new(fresh);
    let start = world.run("-p start");
    golden("start", &start);
    assert_eq!((start.exit, world.applied()), (Exit::Ok, 1));
    world.fake.fails = Some(12);
    let failed = world.run("-pstart");
    golden("start-failed", &failed);
    assert_eq!(failed.exit, Exit::Partial);
    let world = Lives::new(joined);
    let end = world.run("--pod=END");
    golden("end", &end);
    assert_eq!(end.exit, Exit::Ok);
    let clean = world.run("-p clean");
    golden("clean", &clean);
    assert_eq!((clean.exit, world.applied()), (Exit::Ok, 2));
}

#[test]
fn what_the_front_door_refuses() {
    let refused = |name: &str, world: &Lives, line: &str, want: Exit| {
        let came = world.run(line);
        assert_eq!((came.exit, world.applied()), (want, 0), "{name}: {came:#?}");
        assert!(came.out.starts_with("AKU started with "), "{came:#?}");
        assert!(came.out.ends_with("AKU failed to run.\n"), "{came:#?}");
        settings().bind(|| insta::assert_snapshot!(format!("legacy-refused-{name}"), steady(&came.out)));
    };
    let world = Lives::new(fresh);
    std::fs::write(world.path("marker"), "").unwrap();
    refused("duplicate", &world, "-p start", Exit::Refused);
    refused("users-inside", &Lives::new(|w| fresh(w).set(2, "ADMIN_MODE", 0)), "-p start", Exit::Refused);
    let mut surplus = Lives::new(fresh);
    surplus.host = "altibase-sts-5";
    refused("surplus", &surplus, "-p start", Exit::Refused);
    assert_eq!(surplus.fake.seen.borrow().looks, 0);
    refused("bad-password", &Lives::new(wrong_password), "-p start", Exit::Auth);
    let world = Lives::new(fresh);
    std::fs::write(world.path("aku.conf"), "AKU_PORT_NO = x\n").unwrap();
    refused("bad-conf", &world, "-p start", Exit::BadData);
    let member_down = Lives::new(|w| fresh(w).side(0, 3, 'L').side(1, 3, 'L'));
    refused("member-down", &member_down, "-p start", Exit::Refused);
}

#[test]
fn a_marker_of_an_earlier_life() {
    fn second_life(w: Worlds) -> Worlds {
        let mut w = fresh(w);
        w.pod_mut(2).server.started_at_s = Some(200);
        w
    }
    let world = Lives::new(second_life);
    std::fs::write(world.path("marker"), "pid=1\nserver_started_at=100\nconf=sha256:0\n").unwrap();
    let came = world.run("-p start");
    assert_eq!((came.exit, world.applied()), (Exit::Ok, 1), "{came:#?}");
    assert!(came.out.contains("before the server was started last"), "{came:#?}");
    std::fs::write(world.path("marker"), "pid=1\nserver_started_at=200\nconf=sha256:0\n").unwrap();
    assert_eq!((world.run("-p start").exit, world.applied()), (Exit::Refused, 1));
    // The marker forbids a second start and nothing else.
    assert_eq!((world.run("-p end").exit, world.applied()), (Exit::Ok, 2));
}

#[test]
fn a_single_pod_starts_without_objects() {
    let mut world = Lives::new(|w| w.up(0, 1));
    world.host = "altibase-sts-0";
    world.rewrite_conf(1, 300);
    let came = world.run("-p start");
    assert_eq!(came.exit, Exit::Ok, "{came:#?}");
    assert!(!came.out.contains("create"), "{came:#?}");
}

#[test]
fn usage_help_and_version() {
    let world = Lives::new(fresh);
    let help = world.run("-h");
    settings().bind(|| {
        insta::assert_snapshot!("help", help.out);
        insta::assert_snapshot!("help-plan", world.run("plan -h").out);
        insta::assert_snapshot!("help-apply", world.run("apply -h").out);
    });
    assert_eq!((help.exit, world.run("--version").exit), (Exit::Ok, Exit::Ok));
    assert_eq!(world.run("-v").out, concat!("aku ", env!("CARGO_PKG_VERSION"), "\n"));
    let bare = world.run("");
    assert_eq!((bare.exit, bare.out.as_str()), (Exit::Usage, ""));
    assert_eq!(bare.err, help.out);
    for line in ["-p restart", "--bogus", "plan --yes", "explain X999", "show"] {
        let came = world.run(line);
        assert_eq!((came.exit, came.out.as_str()), (Exit::Usage, ""), "{line}");
        assert!(came.err.starts_with("error"), "{came:#?}");
    }
    let story = world.run("explain r033");
    assert!(story.out.starts_with("R033-pin "), "{story:#?}");
    assert!(world.run("explain").out.lines().count() > 40);
}

#[test]
fn info_masks_and_validate_answers() {
    let world = Lives::new(fresh);
    let info = world.run("-i");
    assert_eq!(info.exit, Exit::Ok);
    assert!(info.out.contains("[ Server ]"), "{info:#?}");
    assert_eq!(world.run("validate").exit, Exit::Ok);
}
