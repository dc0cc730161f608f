//! Advice closes (DESIGN D21): in a random world somebody does blindly what drift prints, one line after the other, and says
//! yes to what only copies rows anew. It ends within a few steps with nothing left, or where only people are asked for, in
//! words. No row is lost on the way.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicUsize, Ordering as Atomic},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use super::{
    conf::Conf,
    play, random,
    scenario::{Ended, Life, Shape, pod},
    sim_cluster::Cut,
};
use crate::{
    apply::{codes, remedy},
    conf::Switch,
    desired::Goal,
    drift::{
        self, Kind, Scope,
        accept::Accepts,
        compare::{Rules, Setting, compare},
        document::Report,
    },
    lab::{server::Generation, sim::Rng},
    plan::{Code, RefusalKind},
    remedy::Remedy,
};

/// Longest way.
const STEPS: usize = 10;

/// A sentence that says why a person is needed is longer than that, bytes.
const SENTENCE: usize = 30;

/// How the following of advice ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Drift is clean.
    Clean,
    /// What is left asks for people.
    Person,
}

static CLEAN: AtomicUsize = AtomicUsize::new(0);
static PERSON: AtomicUsize = AtomicUsize::new(0);

struct Follower<'l> {
    life: &'l mut Life,
    previous: Option<Report>,
    looks: i64,
    /// What was done, for the story of a failure.
    done: Vec<String>,
}

impl Follower<'_> {
    /// A look with all the time in the world since the one before: what only waits is told, too.
    fn look(&mut self) -> Report {
        let desired = self.life.desired(Goal::Reconcile);
        let mut observed = self.life.observe(&desired);
        self.life.count(&desired, &mut observed);
        self.life.stage.lock().pump(2_000_000);
        let scope = Scope { desired: &desired, observed: &observed };
        let drift = drift::examine(scope);
        let rules = Rules {
            previous: self.previous.as_ref(),
            accepts: &Accepts::default(),
            policy: Vec::new(),
            deny: &BTreeSet::new(),
            since_ok: None,
            marks: Vec::new(),
            join_limit: Duration::from_secs(60),
        };
        let setting = Setting {
            statefulset: desired.statefulset.clone(),
            service: desired.service.clone(),
            observer: None,
            conf_digest: String::new(),
        };
        self.looks += 1;
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(self.looks);
        let report = compare(scope, &drift, setting, rules, now, Duration::ZERO);
        self.previous = Some(report.clone());
        report
    }

    fn failed(&self, what: &str, report: &Report) -> ! {
        let told: Vec<_> = report
            .counted()
            .map(|i| {
                let d = &i.difference;
                let object = d.object.as_deref().unwrap_or("-");
                format!("pod {} {} {object} {}: {} -> {}", d.pod, d.kind.as_str(), d.fact, d.headline, d.next)
            })
            .collect();
        panic!("{}", self.life.told(&format!("{what}\ndone: {:#?}\ntold: {told:#?}", self.done)))
    }

    /// The command that is followed: one of those that are printed, whichever comes to hand.
    fn choose(&mut self, report: &Report) -> Option<Goal> {
        let mut goals: Vec<Goal> = Vec::new();
        for item in report.counted() {
            if let Remedy::Goal(goal) = item.difference.remedy
                && !goals.contains(&goal)
            {
                goals.push(goal);
            }
        }
        let n = goals.len();
        (n > 0).then(|| goals[usize::try_from(self.life.rng.below(n as u64)).unwrap_or(0)])
    }

    fn run(&mut self, goal: Goal) -> Ended {
        let of = |pod: crate::topology::Ordinal| usize::from(pod.get());
        match goal {
            Goal::Start(pod) => self.life.start(of(pod), Cut::Never),
            Goal::End(pod) => {
                self.life.still(of(pod));
                self.life.end(of(pod), Cut::Never)
            }
            Goal::Reconcile => self.life.run(Goal::Reconcile, Cut::Never),
            Goal::Recover(_) => self.life.recover(Cut::Never),
            Goal::Forget(pod) => self.life.forget(of(pod), Cut::Never),
            Goal::Clean(_) | Goal::CleanEverywhere | Goal::Repair(_) | Goal::RecoverLog(_) => Ended::Nothing,
        }
    }

    fn follow(&mut self) -> End {
        for _ in 0..STEPS {
            let report = self.look();
            if report.exit == 0 {
                // What only waits is told after a while.
                let report = self.look();
                if report.exit == 0 {
                    return End::Clean;
                }
            }
            let report = self.look();
            let Some(goal) = self.choose(&report) else {
                for item in report.counted() {
                    let (d, said) = (&item.difference, item.difference.next.len());
                    if d.remedy == Remedy::Nothing || said < SENTENCE {
                        self.failed(&format!("{} asks for nothing, and stays", d.kind.as_str()), &report);
                    }
                }
                return End::Person;
            };
            let ended = self.run(goal);
            let told = format!("{}: {}", goal.command(), word(&ended));
            let again = self.done.last() == Some(&told);
            self.done.push(told);
            match ended {
                // It fails as it did before, and what it printed asks for a person.
                Ended::Incomplete(what) if again && asks_a_person(&what, goal) => return End::Person,
                Ended::Done | Ended::Incomplete(_) => {}
                Ended::Nothing => self.failed("a goal that is printed has nothing to do", &report),
                // It asks, by name, what a person has to weigh.
                Ended::Unapproved(asked) => {
                    assert!(asked.iter().all(|a| a.because.len() > SENTENCE), "{asked:?}");
                    return End::Person;
                }
                Ended::Refused(r) => {
                    // Only a plan counts rows.
                    let counted = r.because.iter().any(|b| b.code == Code::NewTableNotEmpty);
                    if counted && r.kind == RefusalKind::Refused {
                        return End::Person;
                    }
                    self.failed(&format!("a goal that is printed is refused: {}", r.because[0].text), &report);
                }
            }
        }
        let report = self.look();
        if report.exit == 0 {
            return End::Clean;
        }
        self.failed("it does not end", &report)
    }
}

/// Whether every action that failed says in words what a person has to do.
fn asks_a_person(failed: &str, goal: Goal) -> bool {
    let codes = codes::Code::ALL.iter().filter(|code| failed.contains(&format!(": {} ", code.as_str())));
    let mut remedies = codes.map(|code| remedy::of(*code, goal)).peekable();
    remedies.peek().is_some() && remedies.all(|remedy| matches!(&remedy, Remedy::Person(what) if what.len() > SENTENCE))
}

fn word(ended: &Ended) -> String {
    match ended {
        Ended::Nothing => "nothing to do".to_owned(),
        Ended::Done => "done".to_owned(),
        Ended::Incomplete(what) => format!("incomplete {what}"),
        Ended::Refused(r) => format!("refused {}", r.because[0].text),
        Ended::Unapproved(asked) => format!("asks {:?}", asked.iter().map(|a| a.class.as_str()).collect::<Vec<_>>()),
    }
}

/// Somebody's hand at what a reconcile is to mend: an option, an address, the mode of a pod that has ended, a setting.
fn spoil(life: &mut Life) {
    let pods = life.pods();
    let pick = |life: &mut Life, n: usize| usize::try_from(life.rng.below(n as u64)).unwrap_or(0);
    let p = pick(life, pods);
    let desired = life.desired(Goal::Reconcile);
    let objects: Vec<_> = desired.objects_of(pod(p)).map(|(k, o)| (k, o.clone())).collect();
    if objects.is_empty() {
        return;
    }
    let (k, object) = objects[pick(life, objects.len())].clone();
    let (name, what) = (&object.name, life.rng.below(5));
    life.stage.say(format!("--- pod {p}: {name} is spoilt ({what})"));
    let mut inner = life.stage.lock();
    let stop = format!("ALTER REPLICATION {name} STOP");
    match what {
        0 => drop(inner.by_hand(p, "ALTER SYSTEM SET REPLICATION_DDL_ENABLE = 1")),
        1 => drop(inner.by_hand(p, "ALTER SYSTEM SET REPLICATION_SYNC_LOCK_TIMEOUT = 0")),
        2 | 3 => {
            for on in [p, usize::from(k.get())] {
                if inner.sim.is_up(on) {
                    inner.by_hand(on, &stop);
                }
            }
            inner.pump(2_000_000);
            let option = if what == 2 { "PARALLEL 2" } else { "GAPLESS ENABLE" };
            inner.by_hand(p, &format!("ALTER REPLICATION {name} SET {option}"));
            for on in [p, usize::from(k.get())] {
                if inner.sim.is_up(on) {
                    let live = inner.by_hand(on, &format!("ALTER REPLICATION {name} FLUSH"));
                    let _ = live;
                }
            }
        }
        _ => {
            // Only where it has no position: a DROP of one that has would lose what is unsent.
            let item = &desired.groups[&object.group].targets[0];
            let held = inner
                .by_hand(p, &format!("SELECT XSN FROM SYSTEM_.SYS_REPLICATIONS_ WHERE REPLICATION_NAME = '{name}'"));
            if format!("{held:?}").contains("-1") {
                inner.by_hand(p, &format!("DROP REPLICATION {name}"));
                let port = 20301;
                inner.by_hand(
                    p,
                    &format!("CREATE EAGER REPLICATION {name} WITH '10.0.0.{k}', {port} FROM {item} TO {item}"),
                );
            }
        }
    }
}

fn case(seed: u64) {
    let mut rng = Rng::new(seed.wrapping_mul(0x9e37_79b9) + 7);
    let mut life = random::lived(seed, &mut rng);
    for _ in 0..rng.below(3) {
        spoil(&mut life);
    }
    life.release();
    life.stage.lock().sim.rules.clear();
    for p in 0..life.pods() {
        life.still(p);
        let there = p < usize::from(life.conf.count);
        let up = life.stage.lock().sim.is_up(p);
        if there && !up && rng.percent(85) {
            life.boot(p);
            life.create_tables(p);
        }
    }
    life.stage.lock().pump(5_000_000);
    let mut follower = Follower { life: &mut life, previous: None, looks: 0, done: Vec::new() };
    let end = follower.follow();
    let told: BTreeMap<usize, String> = follower.done.iter().cloned().enumerate().collect();
    match end {
        End::Clean => CLEAN.fetch_add(1, Atomic::AcqRel),
        End::Person => PERSON.fetch_add(1, Atomic::AcqRel),
    };
    if std::env::var_os("AKU_SEED").is_some() {
        eprintln!("{}", life.told(&format!("seed {seed}: {end:?} {told:#?}")));
    }
    // What was promised is there, whoever goes on from here.
    life.settle(&BTreeSet::new());
}

/// What is done by hand, and the kind that drift tells then.
type Spoilt = (Kind, End, fn(&mut Life));

fn by_hand(life: &mut Life, p: usize, statements: &[&str]) {
    let mut inner = life.stage.lock();
    for sql in statements {
        inner.by_hand(p, sql);
    }
    inner.pump(2_000_000);
}

/// On both pods of a pair, then on one.
fn on_pair(life: &mut Life, (a, b): (usize, usize), first: &str, then: &[&str]) {
    by_hand(life, a, &[first]);
    by_hand(life, b, &[first]);
    by_hand(life, a, then);
}

fn reboot(life: &mut Life, p: usize) {
    life.kill(p);
    life.boot(p);
}

/// Pods 0, 1 and 2 in service, one group of two tables.
fn sound(seed: u64) -> Life {
    let shape = Shape {
        generation: Generation::V7_2,
        pods: 3,
        groups: 1,
        tables: 2,
        flush_at_end: Switch::On,
        reset_at_end: Switch::On,
        flush_at_start: Switch::On,
        ledger: Switch::On,
    };
    let mut life = Life::new(seed, shape, Conf::new(&shape, None));
    for p in 0..3 {
        life.start(p, Cut::Never);
    }
    life
}

/// One of each kind that a goal ends.
fn spoilt() -> Vec<Spoilt> {
    const STOP: &str = "ALTER REPLICATION AKU_REP_12 STOP";
    vec![
        (Kind::Closed, End::Clean, |l| reboot(l, 1)),
        (Kind::NobodyInService, End::Clean, |l| (0..3).for_each(|p| reboot(l, p))),
        (Kind::JoinUnfinished, End::Clean, |l| {
            reboot(l, 2);
            by_hand(l, 0, &["ALTER REPLICATION AKU_REP_02 STOP", "ALTER REPLICATION AKU_REP_02 RESET"]);
        }),
        (Kind::ClosedLong, End::Clean, |l| drop(l.end(2, Cut::Never))),
        (Kind::MasterLost, End::Clean, |l| {
            l.wipe(0);
            l.boot(0);
            l.create_tables(0);
        }),
        // It is open, and nothing of it is sent anywhere: only a person closes it.
        (Kind::NotJoined, End::Person, |l| {
            for (p, name) in [(0, "AKU_REP_02"), (2, "AKU_REP_02"), (1, "AKU_REP_12"), (2, "AKU_REP_12")] {
                let sql = ["STOP", "RESET"].map(|verb| format!("ALTER REPLICATION {name} {verb}"));
                by_hand(l, p, &[&sql[0], &sql[1]]);
            }
        }),
        (Kind::ObjectMissing, End::Clean, |l| {
            by_hand(l, 1, &[STOP, "ALTER REPLICATION AKU_REP_12 RESET", "DROP REPLICATION AKU_REP_12"]);
        }),
        // What was not sent through the object cannot be delivered while its sides differ: that needs a yes by name.
        (Kind::ItemMissing, End::Person, |l| {
            let gone = "ALTER REPLICATION AKU_REP_12 DROP TABLE FROM SYS.T2 TO SYS.T2";
            on_pair(l, (1, 2), STOP, &[gone]);
        }),
        (Kind::ItemExtra, End::Clean, |l| {
            for p in 0..3 {
                by_hand(l, p, &["CREATE TABLE X1 (I1 INTEGER PRIMARY KEY)"]);
            }
            on_pair(l, (1, 2), STOP, &["ALTER REPLICATION AKU_REP_12 ADD TABLE FROM SYS.X1 TO SYS.X1"]);
        }),
        (Kind::Host, End::Clean, |l| {
            let moved = [
                "ALTER REPLICATION AKU_REP_12 ADD HOST '10.0.0.77', 20301",
                "ALTER REPLICATION AKU_REP_12 DROP HOST '10.0.0.2', 20301",
            ];
            on_pair(l, (1, 2), STOP, &moved);
        }),
        (Kind::Port, End::Clean, |l| {
            let moved = [
                "ALTER REPLICATION AKU_REP_12 ADD HOST '10.0.0.2', 20399",
                "ALTER REPLICATION AKU_REP_12 DROP HOST '10.0.0.2', 20301",
            ];
            on_pair(l, (1, 2), STOP, &moved);
        }),
        (Kind::Mode, End::Clean, |l| {
            l.end(2, Cut::Never);
            let eager = "CREATE EAGER REPLICATION AKU_REP_12 WITH '10.0.0.1', 20301 FROM SYS.T1 TO SYS.T1, \
                         FROM SYS.T2 TO SYS.T2";
            by_hand(l, 2, &["DROP REPLICATION AKU_REP_12", eager]);
        }),
        (Kind::OptionSet, End::Clean, |l| {
            on_pair(l, (1, 2), STOP, &["ALTER REPLICATION AKU_REP_12 SET PARALLEL 2"]);
        }),
        // The tables hold rows that were not exchanged: whose count only a person knows (X215).
        (Kind::ConfDiffers, End::Person, |l| {
            for (a, b, name) in [(1, 2, "AKU_REP_12"), (1, 0, "AKU_REP_01")] {
                let stop = format!("ALTER REPLICATION {name} STOP");
                let gone = format!("ALTER REPLICATION {name} DROP TABLE FROM SYS.T2 TO SYS.T2");
                on_pair(l, (a, b), &stop, &[&gone]);
            }
        }),
        (Kind::ObjectSurplus, End::Clean, |l| {
            by_hand(l, 1, &["CREATE REPLICATION AKU_REP_15 WITH '10.0.0.5', 20301 FROM SYS.T1 TO SYS.T1"]);
        }),
        (Kind::ObjectName, End::Clean, |l| l.conf.rename()),
        (Kind::SenderStopped, End::Clean, |l| by_hand(l, 1, &[STOP])),
        (Kind::HalfReset, End::Clean, |l| by_hand(l, 1, &[STOP, "ALTER REPLICATION AKU_REP_12 RESET"])),
        (Kind::NotConnected, End::Clean, |l| {
            for p in [1, 2] {
                by_hand(l, p, &[STOP, "ALTER REPLICATION AKU_REP_12 RESET"]);
            }
        }),
        (Kind::Leftover, End::Clean, |l| {
            l.end(2, Cut::Never);
            by_hand(l, 1, &["ALTER REPLICATION AKU_REP_12 START RETRY", STOP]);
        }),
        (Kind::DdlEnabled, End::Clean, |l| by_hand(l, 1, &["ALTER SYSTEM SET REPLICATION_DDL_ENABLE = 1"])),
        (Kind::SyncLockOff, End::Clean, |l| by_hand(l, 0, &["ALTER SYSTEM SET REPLICATION_SYNC_LOCK_TIMEOUT = 0"])),
    ]
}

#[test]
fn the_remedy_of_a_kind_removes_it() {
    for (seed, (kind, want, spoil)) in (1..).zip(spoilt()) {
        let mut life = sound(seed);
        spoil(&mut life);
        let mut follower = Follower { life: &mut life, previous: None, looks: 0, done: Vec::new() };
        follower.look();
        let told = follower.look();
        if !told.counted().any(|i| i.difference.kind == kind) {
            follower.failed(&format!("{} is not told", kind.as_str()), &told);
        }
        let end = follower.follow();
        let left = follower.look();
        if end != want || (end == End::Clean && left.exit != 0) {
            follower.failed(&format!("{}: {end:?} instead of {want:?}", kind.as_str()), &left);
        }
    }
}

#[test]
fn what_is_printed_leads_to_an_end() {
    play("advice", 200, case);
    let (clean, person) = (CLEAN.load(Atomic::Acquire), PERSON.load(Atomic::Acquire));
    eprintln!("advice: {clean} ended clean, {person} with a person");
    assert!(clean + person < 50 || clean > person, "most advice ends with a person: this test proves little");
}
