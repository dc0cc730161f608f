//! Every goal's plan on simulated servers, with one thing going wrong at each of its statements: the program dies, a
//! server dies, the link is lost, a code comes back, time passes. Afterwards the goal is asked for again, and the cluster
//! is as if nothing had happened: the same rows everywhere, settings put back, nothing left to do.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::super::{
    Clock, Context, Limits, Report, Retry, StopFlag, Witness, run,
    testing::lab::{LabCluster, LabConnector, Place, Strike},
};
use crate::{
    db::{
        Connector as _, Login, Privilege,
        wire::{Cell, Response},
    },
    desired::{Desired, Goal},
    lab::{
        server::{Generation, PodConfig},
        sim::Sim,
    },
    observe::{Gathering, MarkerView, Observed, count_rows, observe},
    plan::{self, ActionId, After, Plan, Refusal, RunWhen, testing},
    topology::Ordinal,
};

const PODS: u8 = 3;
const TABLES: [&str; 2] = ["T1", "T2"];

/// A cluster at a moment of its life.
struct Life {
    cluster: Arc<LabCluster>,
}

fn pod(n: u8) -> Ordinal {
    Ordinal::new(n).unwrap()
}

fn login() -> Login {
    Login {
        privilege: Privilege::Normal,
        connect_timeout: Duration::from_secs(3),
        query_timeout: Some(Duration::from_secs(60)),
        silence_timeout: None,
        app_info: "aku test".to_owned(),
    }
}

impl Life {
    /// Empty servers in ADMIN_MODE, as a container boots them; rows on pod 0, and old ones on pod 2.
    fn booted() -> Self {
        let mut sim = Sim::new(7);
        for n in 0..PODS {
            let mut config = PodConfig::new(Generation::V7_2, format!("10.0.0.{n}"));
            config.boot_properties.insert("ADMIN_MODE".to_owned(), "1".to_owned());
            sim.add_pod(config).unwrap();
        }
        let life = Self { cluster: LabCluster::new(sim) };
        for n in 0..PODS {
            life.tables(n);
        }
        for key in 0..5 {
            life.sql(0, &format!("INSERT INTO T1 VALUES ({key}, 'first')"));
            life.sql(2, &format!("INSERT INTO T2 VALUES ({}, 'stale')", 900 + key));
        }
        life
    }

    fn tables(&self, on: u8) {
        for table in TABLES {
            self.sql(on, &format!("CREATE TABLE {table} (I1 INTEGER PRIMARY KEY, C2 VARCHAR(20))"));
        }
    }

    fn started(pods: u8) -> Self {
        let life = Self::booted();
        for n in 0..pods {
            life.reach(Goal::Start(pod(n)));
        }
        life
    }

    fn sql(&self, on: u8, text: &str) -> Response {
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

    fn select(&self, on: u8, text: &str) -> Vec<Vec<Cell>> {
        let Response::Rows { rows, .. } = self.sql(on, text) else { panic!("{text}") };
        rows
    }

    fn look(&self, goal: Goal) -> (Desired, Observed) {
        let desired = testing::desired(goal, PODS, 1);
        let connector = LabConnector(Arc::clone(&self.cluster));
        let how = Gathering { login: login(), marker: MarkerView::Elsewhere };
        let mut observed = observe(&connector, &desired, &how);
        let questions = plan::row_questions(&desired, &observed);
        count_rows(&connector, &mut observed, &questions, &how);
        (desired, observed)
    }

    fn try_plan(&self, goal: Goal) -> Result<Plan, Refusal> {
        let (desired, observed) = self.look(goal);
        plan::make(&desired, &observed)
    }

    fn plan(&self, goal: Goal) -> Plan {
        self.try_plan(goal).unwrap_or_else(|r| panic!("{goal:?}: {r:?}"))
    }

    fn run(&self, plan: &Plan) -> Report {
        let witness: Arc<dyn Witness> = Arc::clone(&self.cluster) as Arc<dyn Witness>;
        let context = Context {
            connector: Arc::new(LabConnector(Arc::clone(&self.cluster))),
            login: login(),
            retry: Retry { count: 2, delay: Duration::from_secs(1), seed: 1 },
            deadline: None,
            marker: None,
            lock: None,
            witness: Some(witness),
            clock: Arc::clone(&self.cluster) as Arc<dyn Clock>,
            limits: Limits::default(),
        };
        run(plan, &context, &StopFlag::new(), &mut |_| {})
    }

    /// Asks for a goal until there is nothing to do.
    fn reach(&self, goal: Goal) {
        self.try_reach(goal).unwrap_or_else(|r| panic!("{goal:?}: {r:?}"));
    }

    /// As [`reach`](Self::reach), and the refusal when there is one: what a person is told then is the planner's affair.
    fn try_reach(&self, goal: Goal) -> Result<(), Refusal> {
        let mut last = None;
        for _ in 0..3 {
            self.cluster.begin(None);
            let plan = self.try_plan(goal)?;
            if plan.is_empty() {
                return Ok(());
            }
            let report = self.run(&plan);
            let done = report.complete();
            last = Some((plan, report));
            if done {
                break;
            }
        }
        let (plan, report) = last.unwrap();
        assert!(report.complete(), "{goal:?}: {:#?}\n{:#?}", plan.actions, report.outcomes);
        let again = self.try_plan(goal)?;
        assert!(again.is_empty(), "{goal:?} is not at rest: {:#?}", again.actions);
        Ok(())
    }

    /// Whoever is down comes back as a restarted container does, and starts.
    fn revive(&self) {
        let down: Vec<u8> = (0..PODS).filter(|n| !self.cluster.sim().is_up(usize::from(*n))).collect();
        for &n in &down {
            self.cluster.sim().start(usize::from(n)).unwrap();
        }
        self.cluster.sim().run_for(3_000_000);
    }

    fn contents(&self, on: u8) -> Vec<Vec<Cell>> {
        TABLES.iter().flat_map(|t| self.select(on, &format!("SELECT I1, C2 FROM {t} ORDER BY I1"))).collect()
    }

    /// Everything that is under way arrives, and then these pods hold the same rows.
    fn equal(&self, pods: &[u8], what: &str) {
        self.cluster.sim().run_for(20_000_000);
        let first = self.contents(pods[0]);
        for &n in &pods[1..] {
            assert_eq!(self.contents(n), first, "{what}: pods {} and {n}", pods[0]);
        }
    }
}

/// A goal, the life it is asked for in, and who holds the rows afterwards.
struct Case {
    name: &'static str,
    goal: Goal,
    life: fn() -> Life,
    joined: &'static [u8],
}

fn cases() -> Vec<Case> {
    fn restarted(n: u8) -> Life {
        let life = Life::started(PODS);
        life.sql(1, "INSERT INTO T1 VALUES (100, 'before')");
        life.cluster.sim().run_for(8_000_000);
        life.cluster.sim().kill(usize::from(n));
        life.sql((n + 1) % PODS, "INSERT INTO T1 VALUES (200, 'meanwhile')");
        life.cluster.sim().start(usize::from(n)).unwrap();
        life.cluster.sim().run_for(3_000_000);
        life
    }
    fn ended() -> Life {
        let life = Life::started(PODS);
        life.reach(Goal::End(pod(2)));
        life
    }
    vec![
        Case { name: "first start of the master", goal: Goal::Start(pod(0)), life: Life::booted, joined: &[0] },
        Case {
            name: "full join",
            goal: Goal::Start(pod(2)),
            life: || {
                let life = Life::started(2);
                life.sql(1, "INSERT INTO T1 VALUES (100, 'of pod 1')");
                life
            },
            joined: &[0, 1, 2],
        },
        Case { name: "catch-up of a slave", goal: Goal::Start(pod(2)), life: || restarted(2), joined: &[0, 1, 2] },
        Case { name: "catch-up of the master", goal: Goal::Start(pod(0)), life: || restarted(0), joined: &[0, 1, 2] },
        Case {
            name: "end",
            goal: Goal::End(pod(2)),
            life: || {
                let life = Life::started(PODS);
                life.sql(2, "INSERT INTO T1 VALUES (300, 'of pod 2')");
                life
            },
            joined: &[0, 1],
        },
        Case { name: "clean", goal: Goal::Clean(pod(2)), life: ended, joined: &[0, 1] },
    ]
}

/// Statements with their pods, and where each is sent from.
type Sent = Vec<(Place, Ordinal, String)>;

/// Statements of an undisturbed run, and the rows it ends with.
fn undisturbed(case: &Case) -> (Sent, Vec<Vec<Cell>>) {
    let life = (case.life)();
    life.cluster.begin(None);
    let plan = life.plan(case.goal);
    let report = life.run(&plan);
    assert!(report.complete(), "{}: {:#?}", case.name, report.outcomes);
    let seen = life.cluster.seen();
    assert!(!seen.is_empty(), "{} sends nothing", case.name);
    life.equal(case.joined, case.name);
    (seen, life.contents(case.joined[0]))
}

/// Strikes, revives, asks again, compares.
fn strike(case: &Case, at: &(Place, Ordinal, String), strike: Strike, rows: &[Vec<Cell>]) -> Report {
    let what = format!("{}: {strike:?} at {:?} `{}` on pod {}", case.name, at.0, at.2, at.1);
    println!("{what}");
    let life = (case.life)();
    life.cluster.begin(Some((at.0, strike)));
    let plan = life.plan(case.goal);
    let report = life.run(&plan);
    life.cluster.die();
    life.revive();
    // A lost master is refused until somebody recovers it, and a lost peer has to be started anew first.
    if strike == Strike::Wipe && (at.1 != case.goal.pod() || at.1.is_master()) {
        return report;
    }
    if strike == Strike::Wipe {
        life.tables(at.1.get());
    }
    // Pods that were in service and died come back first, the master before the others, as a StatefulSet does it.
    for n in (0..PODS).filter(|n| pod(*n) != case.goal.pod() && case.joined.contains(n)) {
        match (life.try_reach(Goal::Start(pod(n))), strike) {
            (Ok(()), _) => {}
            // A server that died in the middle may leave what only a person can decide: refused, by a documented code.
            (Err(refusal), Strike::KillBefore(_) | Strike::KillAfter(_)) => {
                println!("  refused: {}", refusal.because[0].code.word());
                return report;
            }
            (Err(refusal), _) => panic!("{what}: {refusal:?}"),
        }
    }
    life.reach(case.goal);
    life.equal(case.joined, &what);
    if strike != Strike::Wipe {
        assert_eq!(life.contents(case.joined[0]), rows, "{what}");
    }
    for n in 0..PODS {
        let value = |name: &str| {
            let rows = life.select(n, &format!("SELECT VALUE1 FROM V$PROPERTY WHERE NAME = '{name}'"));
            rows[0][0].clone()
        };
        assert_eq!(value("REPLICATION_DDL_ENABLE"), Cell::Text("0".to_owned()), "{what}: pod {n}");
        // A run that was killed beside a SYNC leaves 0 behind, in memory only; nobody knows the old value any more, and
        // every run of ours sets 0 for its SYNC anyway.
        let left = [Cell::Text("30".to_owned()), Cell::Text("0".to_owned())];
        assert!(left.contains(&value("REPLICATION_SYNC_LOCK_TIMEOUT")), "{what}: pod {n}");
    }
    report
}

/// `AKU_MATRIX=all` strikes at every statement; otherwise every sixth, each time beginning at another one.
fn chosen<T>(all: Vec<T>, from: usize) -> Vec<T> {
    if std::env::var("AKU_MATRIX").is_ok_and(|v| v == "all") {
        return all;
    }
    all.into_iter().enumerate().filter(|(i, _)| i % 6 == from % 6).map(|(_, t)| t).collect()
}

#[test]
fn the_program_dies_at_every_point() {
    let points = [
        Strike::DieBeforeIntent,
        Strike::DieBeforeSend,
        Strike::DieBeforeReply,
        Strike::DieBeforeOutcome,
        Strike::DieAfterOutcome,
    ];
    for case in cases() {
        let (seen, rows) = undisturbed(&case);
        for (i, point) in points.into_iter().enumerate() {
            for at in chosen(seen.clone(), i) {
                strike(&case, &at, point, &rows);
            }
        }
    }
}

#[test]
fn a_server_dies_at_every_point() {
    for case in cases() {
        let (seen, rows) = undisturbed(&case);
        for n in 0..usize::from(PODS) {
            for (i, point) in [Strike::KillBefore(n), Strike::KillAfter(n)].into_iter().enumerate() {
                for at in chosen(seen.clone(), n + i) {
                    strike(&case, &at, point, &rows);
                }
            }
        }
    }
}

#[test]
fn every_statement_meets_every_fault() {
    let faults = [
        Strike::Refuse("HYT00", 4164),
        Strike::LoseBefore,
        Strike::LoseAfter,
        Strike::Refuse("HYT00", 69_749),
        Strike::Refuse("42000", 200_705),
        Strike::Wipe,
        Strike::Slow(100),
    ];
    for case in cases() {
        let (seen, rows) = undisturbed(&case);
        for (i, fault) in faults.into_iter().enumerate() {
            for at in chosen(seen.clone(), i) {
                let report = strike(&case, &at, fault, &rows);
                match fault {
                    // A slow server is no broken one.
                    Strike::Slow(_) => assert!(report.complete(), "{}: {at:?} {:#?}", case.name, report.outcomes),
                    // Permanent: the action fails with it and is not tried again.
                    Strike::Refuse(_, 200_705) => {
                        assert!(!report.complete(), "{}: {at:?} went through", case.name);
                    }
                    _ => {}
                }
            }
        }
    }
}

/// Each action is followed by itself.
fn doubled(plan: &Plan) -> Plan {
    let twin = |id: ActionId| ActionId(id.0 + 1000);
    let later = |id: &ActionId| After { action: twin(*id), because: "twice".to_owned() };
    let mut actions = Vec::new();
    for action in &plan.actions {
        let mut first = action.clone();
        first.after = action.after.iter().map(|a| later(&a.action)).collect();
        let mut second = action.clone();
        second.id = twin(action.id);
        second.after = vec![After { action: action.id, because: "twice".to_owned() }];
        if let RunWhen::Undo { until, .. } = &mut first.run {
            *until = until.iter().map(|u| twin(*u)).collect();
        }
        let undone = matches!(second.run, RunWhen::Undo { .. });
        actions.push(first);
        if !undone {
            actions.push(second);
        }
    }
    // What follows an undo follows the undo itself.
    let ids: Vec<ActionId> = actions.iter().map(|a| a.id).collect();
    for action in &mut actions {
        for after in &mut action.after {
            if !ids.contains(&after.action) {
                after.action = ActionId(after.action.0 - 1000);
            }
        }
    }
    Plan { actions, ..plan.clone() }
}

#[test]
fn each_action_twice_is_each_action_once() {
    for case in cases() {
        let (_, rows) = undisturbed(&case);
        let life = (case.life)();
        life.cluster.begin(None);
        let plan = doubled(&life.plan(case.goal));
        let report = life.run(&plan);
        let bad: BTreeMap<_, _> = report
            .outcomes
            .iter()
            .filter(|(_, o)| matches!(o, super::Outcome::Failed(_) | super::Outcome::Unknown(_)))
            .collect();
        // A SYNC that is sent again finds a side that is not reset, a pin an older position: refused, nothing harmed.
        let fine =
            |o: &super::Outcome| matches!(o, super::Outcome::Failed(e) if ["E112", "E117", "E123"].contains(&e.code));
        assert!(bad.values().all(|o| fine(o)), "{}: {bad:#?}", case.name);
        life.revive();
        life.reach(case.goal);
        life.equal(case.joined, case.name);
        assert_eq!(life.contents(case.joined[0]), rows, "{}", case.name);
    }
}

#[test]
fn a_dead_program_holds_nothing() {
    let life = Life::started(1);
    life.cluster.begin(None);
    let session = LabConnector(Arc::clone(&life.cluster)).connect(pod(0), &login()).unwrap();
    life.cluster.die();
    assert!(LabConnector(Arc::clone(&life.cluster)).connect(pod(0), &login()).is_err());
    drop(session);
    life.cluster.begin(None);
    assert!(LabConnector(Arc::clone(&life.cluster)).connect(pod(0), &login()).is_ok());
}
