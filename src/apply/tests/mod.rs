//! The executor against the scripted cluster. Every run here is checked for gapless events and for one outcome per
//! action, whatever else the test is about.

mod anchor;
mod dag;
mod define;
mod fence;
mod items;
mod ledger;
mod matrix;
mod offline;
mod rows;
mod steps;
mod stop;
mod streams;
mod sync;
mod waits;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    Clock, Context, Event, Limits, Outcome, Report, Retry, StopFlag, run,
    testing::{Cluster, FakeConnector, Object, ScriptedPods},
};
use crate::{
    db::{Login, Privilege},
    desired::Goal,
    plan::{Action, ActionId, After, Code, Decision, Depth, Milestone, Op, Plan, Reason, RunWhen, cost},
    topology::{Identifier, Ordinal, ReplicationName, Target},
};

fn pod(n: u8) -> Ordinal {
    Ordinal::new(n).unwrap()
}

fn name(n: &str) -> ReplicationName {
    ReplicationName::exact(n).unwrap()
}

fn target(table: &str) -> Target {
    let exact = |n: &str| Identifier::exact(n).unwrap();
    Target { user: exact("SYS"), table: exact(table), partition: None }
}

fn targets() -> Vec<Target> {
    vec![target("T1"), target("T2")]
}

fn act(id: u32, on: u8, op: Op, after: &[u32]) -> Action {
    let after = after.iter().map(|a| After::one(ActionId(*a), "order")).collect();
    let because = Reason::new(Code::Copy, "a test");
    Action { id: ActionId(id), pod: pod(on), op, because, after, run: RunWhen::Normal }
}

fn when(action: Action, run: RunWhen) -> Action {
    Action { run, ..action }
}

fn plan(actions: Vec<Action>) -> Plan {
    Plan {
        goal: Goal::Start(pod(1)),
        statefulset: "altibase-sts".to_owned(),
        decision: Decision::None { because: Vec::new() },
        pods: Vec::new(),
        notes: Vec::new(),
        approvals: Vec::new(),
        actions,
        already_right: 0,
    }
}

/// A cluster and what a run needs.
struct Stage {
    cluster: Arc<Cluster>,
    context: Context,
    stop: StopFlag,
}

/// A run that is over.
struct Run {
    report: Report,
    events: Vec<Event>,
}

impl Stage {
    /// Pods with T1 and T2 (10 rows each on pod 0) and an object `R_ij` for every pair, stopped and reset.
    fn new(pods: u8) -> Self {
        let mut world = ScriptedPods::default();
        for i in 0..pods {
            for t in targets() {
                world.pod(i).rows.insert(t, if i == 0 { 10 } else { 0 });
            }
            for j in (0..pods).filter(|j| *j != i) {
                let object = Object::new(&format!("10.0.0.{j}"), &targets());
                world.pod(i).objects.insert(name(&format!("R_{}{}", i.min(j), i.max(j))), object);
            }
        }
        let cluster = Cluster::new(world);
        let login = Login {
            privilege: Privilege::Normal,
            connect_timeout: Duration::from_secs(3),
            query_timeout: Some(Duration::from_secs(60)),
            silence_timeout: None,
            app_info: "aku test".to_owned(),
        };
        let context = Context {
            connector: Arc::new(FakeConnector(Arc::clone(&cluster))),
            login,
            retry: Retry { count: 2, delay: Duration::from_secs(1), seed: 1 },
            deadline: None,
            marker: None,
            marked_here: BTreeMap::new(),
            lock: None,
            witness: None,
            clock: Arc::clone(&cluster.clock) as Arc<dyn Clock>,
            limits: Limits::default(),
        };
        Self { cluster, context, stop: StopFlag::new() }
    }

    fn run(&self, actions: Vec<Action>) -> Run {
        self.run_plan(&plan(actions), |_| {})
    }

    fn run_plan(&self, plan: &Plan, mut hear: impl FnMut(&Event)) -> Run {
        let mut events = Vec::new();
        let report = run(plan, &self.context, &self.stop, &mut |event| {
            hear(event);
            events.push(event.clone());
        });
        check_events(plan, &report, &events);
        Run { report, events }
    }

    /// One action on pod 1, in words.
    fn word(&self, op: Op) -> String {
        self.run(vec![act(1, 1, op, &[])]).word(1)
    }

    /// Changing statements that reached the servers, session settings apart.
    fn changes(&self) -> Vec<String> {
        let world = self.cluster.world();
        let changes = world.changes.iter().filter(|(_, sql)| !sql.starts_with("ALTER SESSION"));
        changes.map(|(pod, sql)| format!("{pod} {}", sql.replace("ALTER REPLICATION ", ""))).collect()
    }
}

impl Run {
    fn word(&self, id: u32) -> String {
        word(&self.report.outcomes[&ActionId(id)])
    }

    fn words(&self) -> Vec<String> {
        self.report.outcomes.values().map(word).collect()
    }

    fn meaning(&self, id: u32) -> &str {
        match &self.report.outcomes[&ActionId(id)] {
            Outcome::Failed(e) | Outcome::Unknown(e) => &e.meaning,
            other => panic!("{other:?}"),
        }
    }
}

fn word(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done { said: None, .. } => "done".to_owned(),
        Outcome::Done { said: Some(said), .. } => format!("done: {said}"),
        Outcome::Already => "already".to_owned(),
        Outcome::Failed(e) => format!("failed {}", e.code),
        Outcome::Unknown(e) => format!("unknown {}", e.code),
        Outcome::NotRun { because_of: Some(id), .. } => format!("not run, {id}"),
        Outcome::NotRun { because_of: None, .. } => "not run".to_owned(),
        Outcome::NotNeeded { .. } => "not needed".to_owned(),
    }
}

/// First and last, one end per action, a start at most once and before the end, nothing about others.
fn check_events(plan: &Plan, report: &Report, events: &[Event]) {
    assert_eq!(events.first(), Some(&Event::RunStart));
    assert_eq!(events.last(), Some(&Event::RunEnd));
    let mut ended: BTreeMap<ActionId, Outcome> = BTreeMap::new();
    let mut started = std::collections::BTreeSet::new();
    for event in &events[1..events.len() - 1] {
        match event {
            Event::RunStart | Event::RunEnd => panic!("{event:?} in the middle"),
            Event::Signal { .. } => {}
            Event::ActionStart { id } => assert!(!ended.contains_key(id) && started.insert(*id), "{id}"),
            Event::Progress { id, .. } | Event::Retry { id, .. } => {
                assert!(started.contains(id) && !ended.contains_key(id), "{event:?}");
            }
            Event::ActionEnd { id, outcome } => {
                assert_eq!(ended.insert(*id, outcome.clone()), None, "{id} ended twice");
                let begun = !matches!(outcome, Outcome::NotRun { .. } | Outcome::NotNeeded { .. });
                assert_eq!(started.contains(id), begun, "{id} {outcome:?}");
            }
        }
    }
    assert_eq!(ended, report.outcomes);
    let ids: Vec<_> = plan.actions.iter().map(|a| a.id).collect();
    assert!(ids.iter().all(|id| ended.contains_key(id)), "an action has no outcome");
}
