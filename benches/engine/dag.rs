//! Made-up plans on sessions that only sleep: what the engine adds to the time of its statements.

use std::{
    collections::BTreeMap,
    fs,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use aku::{
    apply::{Context, Limits, Outcome, Retry, StopFlag, SystemClock, run},
    db::{
        Cancel, ConnectError, Connector, DbError, Login, Privilege, Rows, Session, Value,
        sql::{ChangeSql, ReadSql},
    },
    desired::Goal,
    plan::{Action, ActionId, After, Code, Decision, Op, Plan, Reason, RunWhen},
    topology::Ordinal,
};

use crate::{Figure, Sense, median, rounds};

const LAYERS: u32 = 6;
const WIDTH: u32 = 10;
const PODS: u32 = 5;
const LANES: usize = 2;
/// A look and a change.
const STATEMENTS: u32 = 2;

struct Sleeper(Duration);

impl Sleeper {
    fn wait(&self) {
        if !self.0.is_zero() {
            thread::sleep(self.0);
        }
    }
}

struct Nothing;

impl Cancel for Nothing {
    fn cancel(&self) {}
}

impl Session for Sleeper {
    fn query(&mut self, _: &ReadSql) -> Result<Rows, DbError> {
        self.wait();
        Ok(Rows { columns: vec!["VALUE1".to_owned()], rows: vec![vec![Value::Int(0)]] })
    }
    fn execute(&mut self, _: &ChangeSql) -> Result<(), DbError> {
        self.wait();
        Ok(())
    }
    fn canceller(&self) -> Arc<dyn Cancel> {
        Arc::new(Nothing)
    }
}

impl Connector for Sleeper {
    fn connect(&self, _: Ordinal, _: &Login) -> Result<Box<dyn Session>, ConnectError> {
        Ok(Box::new(Self(self.0)))
    }
}

fn action(id: u32, pod: u32, after: &[u32]) -> Action {
    let after = after.iter().map(|a| After { action: ActionId(*a), because: String::new() }).collect();
    Action {
        id: ActionId(id),
        pod: Ordinal::new(u8::try_from(pod).unwrap()).unwrap(),
        op: Op::SetProperty { property: "REPLICATION_SYNC_LOCK_TIMEOUT".to_owned(), from: 0, to: 1 },
        because: Reason::new(Code::Copy, ""),
        after,
        run: RunWhen::Normal,
    }
}

fn plan(actions: Vec<Action>) -> Plan {
    Plan {
        goal: Goal::Start(Ordinal::MASTER),
        statefulset: "bench".to_owned(),
        decision: Decision::None { because: Vec::new() },
        pods: Vec::new(),
        notes: Vec::new(),
        approvals: Vec::new(),
        actions,
        already_right: 0,
    }
}

/// Six layers of ten; each action needs two of the layer before.
fn layers() -> Plan {
    let id = |layer: u32, i: u32| layer * WIDTH + i % WIDTH + 1;
    let mut actions = Vec::new();
    for layer in 0..LAYERS {
        for i in 0..WIDTH {
            let after = if layer == 0 { vec![] } else { vec![id(layer - 1, i), id(layer - 1, i + 1)] };
            actions.push(action(id(layer, i), i % PODS, &after));
        }
    }
    plan(actions)
}

fn chain(n: u32) -> Plan {
    plan((1..=n).map(|id| action(id, id % PODS, &if id == 1 { vec![] } else { vec![id - 1] })).collect())
}

fn wall(plan: &Plan, each: Duration) -> Duration {
    let login = Login {
        privilege: Privilege::Normal,
        connect_timeout: Duration::from_secs(3),
        query_timeout: None,
        silence_timeout: None,
        app_info: String::new(),
    };
    let context = Context {
        connector: Arc::new(Sleeper(each)),
        login,
        retry: Retry { count: 0, delay: Duration::ZERO, seed: 0 },
        deadline: None,
        marker: None,
        lock: None,
        witness: None,
        clock: Arc::new(SystemClock),
        limits: Limits { lanes: LANES, ..Limits::default() },
    };
    let began = Instant::now();
    let report = run(plan, &context, &StopFlag::new(), &mut |_| {});
    let took = began.elapsed();
    assert!(report.outcomes.values().all(|o| matches!(o, Outcome::Done { .. })));
    took
}

/// CPU time of this process so far.
fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

pub fn figures() -> Vec<Figure> {
    let each = Duration::from_millis(10);
    let ideal = each * STATEMENTS * LAYERS;
    let plan = layers();
    let walls: Vec<f64> = (0..rounds()).map(|_| wall(&plan, each).as_secs_f64() / ideal.as_secs_f64()).collect();
    let spread: BTreeMap<&str, f64> =
        [("min", walls.iter().copied().fold(f64::MAX, f64::min)), ("max", walls.iter().copied().fold(0.0, f64::max))]
            .into();
    println!("layers: 60 actions, 6 layers, critical path {} ms; wall / path {spread:.3?}", ideal.as_millis());
    let (long, before, began) = (chain(2000), cpu(), Instant::now());
    wall(&long, Duration::ZERO);
    let (cpu, clock) = (cpu() - before, began.elapsed());
    let per = |d: Duration| d.as_secs_f64() * 1e6 / 2000.0;
    println!("chain of 2000 actions without delay: {:.0} us wall each", per(clock));
    vec![
        Figure {
            what: "60 actions in 6 layers, 10 ms per statement: wall / critical path",
            got: median(walls),
            bound: 1.05,
            sense: Sense::AtMost,
        },
        Figure { what: "engine overhead per action, CPU us", got: per(cpu), bound: 200.0, sense: Sense::AtMost },
    ]
}
