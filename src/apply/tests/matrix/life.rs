//! A cluster of simulated servers at a moment of its life, and how it gets to another.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::super::super::{
    Clock, Context, IntentLog, Limits, Outcome, Report, Retry, StopFlag, run,
    testing::lab::{LabCluster, LabConnector},
};
use crate::{
    conf::Switch,
    db::{
        Login, Privilege,
        wire::{Cell, Response},
    },
    desired::{Desired, Goal},
    lab::{
        server::{Generation, PodConfig},
        sim::Sim,
    },
    observe::{Gathering, MarkerView, Observed, count_rows, observe},
    plan::{self, Code, Plan, Refusal, RefusalKind, testing},
    render::op,
    topology::Ordinal,
};

pub const PODS: u8 = 3;
pub const TABLES: [&str; 2] = ["T1", "T2"];
/// A person who goes by what the messages say needs few rounds.
const ROUNDS: usize = 5;

/// When a goal was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// There was nothing to do.
    Before,
    /// By what was done now.
    Now,
}

/// A cluster, and what its configuration says.
pub struct Life {
    pub cluster: Arc<LabCluster>,
    wants: fn(Goal) -> Desired,
}

pub fn pod(n: u8) -> Ordinal {
    Ordinal::new(n).unwrap()
}

pub fn login() -> Login {
    Login {
        privilege: Privilege::Normal,
        connect_timeout: Duration::from_secs(3),
        query_timeout: Some(Duration::from_secs(60)),
        silence_timeout: None,
        app_info: "aku test".to_owned(),
    }
}

/// One group with T1 and T2; without ledgers, which `apply/tests/ledger` tries.
pub fn ordinary(goal: Goal) -> Desired {
    Desired { ledger: Switch::Off, ..testing::desired(goal, PODS, 1) }
}

impl Life {
    /// Empty servers in ADMIN_MODE, as a container boots them; rows on pod 0, and old ones on pod 2.
    pub fn booted() -> Self {
        let mut sim = Sim::new(7);
        for n in 0..PODS {
            let mut config = PodConfig::new(Generation::V7_2, format!("10.0.0.{n}"));
            config.boot_properties.insert("ADMIN_MODE".to_owned(), "1".to_owned());
            sim.add_pod(config).unwrap();
        }
        let life = Self { cluster: LabCluster::new(sim), wants: ordinary };
        for n in 0..PODS {
            life.tables(n);
        }
        for key in 0..5 {
            life.sql(0, &format!("INSERT INTO T1 VALUES ({key}, 'first')"));
            life.sql(2, &format!("INSERT INTO T2 VALUES ({}, 'stale')", 900 + key));
        }
        life
    }

    pub fn tables(&self, on: u8) {
        for table in TABLES {
            self.table(on, table);
        }
    }

    pub fn table(&self, on: u8, table: &str) {
        self.sql(on, &format!("CREATE TABLE {table} (I1 INTEGER PRIMARY KEY, C2 VARCHAR(20))"));
    }

    pub fn started(pods: u8) -> Self {
        let life = Self::booted();
        life.start(pods);
        life
    }

    pub fn start(&self, pods: u8) {
        for n in 0..pods {
            self.reach(Goal::Start(pod(n)));
        }
    }

    /// Another configuration from here on.
    pub fn wanting(mut self, wants: fn(Goal) -> Desired) -> Self {
        self.wants = wants;
        self
    }

    pub fn sql(&self, on: u8, text: &str) -> Response {
        let mut sim = self.cluster.sim();
        let options = [("UID", "SYS"), ("PWD", "manager"), ("PRIVILEGE", "SYSDBA")];
        let on = usize::from(on);
        let client =
            sim.connect_sys(on).or_else(|_| sim.connect(on, &options)).unwrap_or_else(|e| panic!("{on}: {e:?}"));
        let answer = sim.execute(client, text);
        sim.close(client);
        sim.run_for(1000);
        assert!(!matches!(answer, Response::Error { .. }), "pod {on}: {text}: {answer:?}");
        answer
    }

    pub fn select(&self, on: u8, text: &str) -> Vec<Vec<Cell>> {
        let Response::Rows { rows, .. } = self.sql(on, text) else { panic!("{text}") };
        rows
    }

    pub fn property(&self, on: u8, name: &str) -> String {
        match self.select(on, &format!("SELECT VALUE1 FROM V$PROPERTY WHERE NAME = '{name}'")).concat().as_slice() {
            [Cell::Text(value)] => value.clone(),
            other => panic!("{name}: {other:?}"),
        }
    }

    /// Time goes by.
    pub fn pass(&self, seconds: u64) {
        self.cluster.sim().run_for(seconds * 1_000_000);
    }

    fn look(&self, goal: Goal) -> (Desired, Observed) {
        let desired = (self.wants)(goal);
        let connector = LabConnector(Arc::clone(&self.cluster));
        let how = Gathering { login: login(), marker: MarkerView::Elsewhere };
        let mut observed = observe(&connector, &desired, &how);
        let questions = plan::row_questions(&desired, &observed);
        count_rows(&connector, &mut observed, &questions, &how);
        (desired, observed)
    }

    fn try_plan(&self, goal: Goal) -> Result<Plan, Refusal> {
        let (desired, observed) = self.look(goal);
        let made = plan::make(&desired, &observed);
        if let Err(refusal) = &made {
            assert_ne!(refusal.kind, RefusalKind::OurBug, "{goal:?}: {refusal:#?}");
        }
        made
    }

    pub fn plan(&self, goal: Goal) -> Plan {
        self.try_plan(goal).unwrap_or_else(|r| panic!("{goal:?}: {r:?}"))
    }

    pub fn run(&self, plan: &Plan) -> Report {
        let witness: Arc<dyn IntentLog> = Arc::clone(&self.cluster) as Arc<dyn IntentLog>;
        let context = Context {
            connector: Arc::new(LabConnector(Arc::clone(&self.cluster))),
            login: login(),
            retry: Retry { count: 2, delay: Duration::from_secs(1), seed: 1 },
            deadline: None,
            marker: None,
            marked_here: BTreeMap::new(),
            lock: None,
            witness: Some(witness),
            clock: Arc::clone(&self.cluster) as Arc<dyn Clock>,
            limits: Limits::default(),
        };
        run(plan, &context, &StopFlag::new(), &mut |_| {})
    }

    /// Asks for a goal until there is nothing to do.
    pub fn reach(&self, goal: Goal) {
        let _now = self.try_reach(goal).unwrap_or_else(|r| panic!("{goal:?}: {r:?}"));
    }

    /// As [`reach`](Self::reach), and the refusal when there is one: what a person is told then is the planner's affair.
    pub fn try_reach(&self, goal: Goal) -> Result<Reached, Refusal> {
        let mut last = None;
        for _ in 0..3 {
            self.cluster.begin(None);
            let plan = match self.try_plan(goal) {
                Err(refusal) if is_sound(&refusal) => return Ok(Reached::Before),
                made => made?,
            };
            if plan.is_empty() {
                return Ok(if last.is_none() { Reached::Before } else { Reached::Now });
            }
            let report = self.run(&plan);
            let done = report.complete();
            last = Some((plan, report));
            if done {
                break;
            }
        }
        let (plan, report) = last.unwrap();
        assert!(report.complete(), "{}: {}", goal.title(), unfinished(&plan, &report));
        match self.try_plan(goal) {
            Ok(again) => assert!(again.is_empty(), "{} is not at rest: {}", goal.title(), words(&again)),
            Err(refusal) if is_sound(&refusal) => {}
            Err(refusal) => return Err(refusal),
        }
        Ok(Reached::Now)
    }

    /// Asks for each of these in turn, again and again until none has anything to do: what one waits for, another does.
    pub fn mend(&self, goals: &[Goal]) -> Result<(), Refusal> {
        let mut refused = None;
        for _ in 0..ROUNDS {
            refused = None;
            let mut at_rest = true;
            for goal in goals {
                match self.try_reach(*goal) {
                    Ok(reached) => at_rest &= reached == Reached::Before,
                    Err(refusal) => {
                        println!("  {} is refused: {}", goal.title(), refusal.because[0].code.as_str());
                        refused.get_or_insert(refusal);
                    }
                }
            }
            if at_rest && refused.is_none() {
                return Ok(());
            }
        }
        match refused {
            Some(refusal) => Err(refusal),
            None => panic!("{goals:?} never come to rest together"),
        }
    }

    /// Whoever is down comes back as a restarted container does; `gone` stays away for good.
    pub fn revive(&self, gone: Option<u8>) {
        let down: Vec<u8> =
            (0..PODS).filter(|n| Some(*n) != gone && !self.cluster.sim().is_up(usize::from(*n))).collect();
        for &n in &down {
            self.cluster.sim().start(usize::from(n)).unwrap();
        }
        self.pass(3);
    }

    /// Rows that one pod has and some other in service has not (or has otherwise): lost with that pod's volume, and
    /// meanwhile delivered to all of the others, to some or to none.
    pub fn only_on(&self, on: u8) -> BTreeSet<i64> {
        let others: Vec<_> = (0..PODS)
            .filter(|n| *n != on && self.cluster.sim().is_up(usize::from(*n)))
            .map(|n| self.contents(n))
            .collect();
        let alone = |row: &Vec<Cell>| others.iter().any(|held| !held.contains(row));
        self.contents(on).iter().filter(|row| alone(row)).map(|row| key(row)).collect()
    }

    pub fn contents(&self, on: u8) -> Vec<Vec<Cell>> {
        TABLES.iter().flat_map(|t| self.select(on, &format!("SELECT I1, C2 FROM {t} ORDER BY I1"))).collect()
    }

    /// Everything that is under way arrives, and then these pods hold the same rows.
    pub fn equal(&self, pods: &[u8], what: &str) {
        self.equal_but(pods, &BTreeSet::new(), what);
    }

    /// As [`equal`](Self::equal), whatever became of the rows with these keys.
    pub fn equal_but(&self, pods: &[u8], lost: &BTreeSet<i64>, what: &str) {
        self.pass(20);
        let kept = |n| -> Vec<_> { self.contents(n).into_iter().filter(|row| !lost.contains(&key(row))).collect() };
        let first = kept(pods[0]);
        for &n in &pods[1..] {
            assert_eq!(kept(n), first, "{what}: pods {} and {n}", pods[0]);
        }
    }
}

/// The primary key; those of the two tables differ.
fn key(row: &[Cell]) -> i64 {
    match row {
        [Cell::Int(key), ..] => *key,
        other => panic!("{other:?}"),
    }
}

fn words(plan: &Plan) -> String {
    let all: Vec<_> = plan.actions.iter().map(|a| format!("{} pod {} {}", a.id, a.pod, op::short(&a.op))).collect();
    all.join("\n  ")
}

/// What was not done, and why.
fn unfinished(plan: &Plan, report: &Report) -> String {
    let line = |a: &plan::Action| match &report.outcomes[&a.id] {
        Outcome::Failed(e) | Outcome::Unknown(e) => {
            Some(format!("\n  {} pod {} {}: {} {}", a.id, a.pod, op::short(&a.op), e.code, e.meaning))
        }
        Outcome::Done { .. } | Outcome::Already | Outcome::NotRun { .. } | Outcome::NotNeeded { .. } => None,
    };
    plan.actions.iter().filter_map(line).collect()
}

/// A recovery that has nothing to recover is refused by that.
fn is_sound(refusal: &Refusal) -> bool {
    matches!(refusal.because[0].code, Code::NotFailed | Code::NotAdminMode)
}
