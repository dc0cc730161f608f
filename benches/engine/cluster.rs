//! A start of pod 5 of 6 with four groups, on a lab of real processes with 5 ms of delay to every client.
//!
//! The critical path is that of the run itself: the events tell how long each action took, and these times are scheduled
//! anew on the plan's DAG with the same lanes, by somebody who loses no time in between.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    process::Command,
    time::Duration,
};

use aku::{
    events::{ActionOutcome, Line, What},
    lab::{
        Lab, LabOptions,
        fault::{Fault, Party},
        process::PodProgram,
    },
    plan::ActionId,
    topology::{Ordinal, ServerCount},
};

use crate::{Figure, Sense};

const LANES: usize = 4;

struct Step {
    pod: Ordinal,
    what: String,
    after: Vec<ActionId>,
    began: f64,
    ended: f64,
    took: f64,
}

fn seconds(ts: &str) -> f64 {
    let at: jiff::Timestamp = ts.parse().unwrap();
    let since = at.as_microsecond() % 86_400_000_000;
    Duration::from_micros(u64::try_from(since).unwrap()).as_secs_f64()
}

fn steps(lines: &[Line]) -> BTreeMap<ActionId, Step> {
    let mut steps = BTreeMap::new();
    for line in lines {
        match &line.what {
            What::Plan { actions, .. } => {
                for a in actions {
                    let step = Step {
                        pod: a.ordinal,
                        what: a.what.clone(),
                        after: a.after.clone(),
                        began: 0.0,
                        ended: 0.0,
                        took: 0.0,
                    };
                    steps.insert(a.id, step);
                }
            }
            What::ActionStart { id, .. } => steps.get_mut(id).unwrap().began = seconds(&line.ts),
            What::ActionEnd { id, outcome, .. } => {
                assert!(matches!(outcome, ActionOutcome::Done | ActionOutcome::Already), "{line:?}");
                let step = steps.get_mut(id).unwrap();
                step.ended = seconds(&line.ts);
                step.took = step.ended - step.began;
            }
            _ => {}
        }
    }
    // What was not needed took no time and hinders nobody.
    steps
}

/// Length of the run if every action began the moment it could, smaller ids first.
fn ideal(steps: &BTreeMap<ActionId, Step>, single: Ordinal) -> f64 {
    let mut over: BTreeMap<ActionId, f64> = BTreeMap::new();
    let mut waiting: BTreeSet<ActionId> = steps.keys().copied().collect();
    let mut lanes: BTreeMap<Ordinal, Vec<f64>> = BTreeMap::new();
    while !waiting.is_empty() {
        // The action that can begin first.
        let ready = waiting.iter().filter(|id| steps[id].after.iter().all(|a| over.contains_key(a)));
        let start = |id: &ActionId| {
            let step = &steps[id];
            let after = step.after.iter().map(|a| over[a]).fold(0.0, f64::max);
            let free = lanes.get(&step.pod).map_or(0.0, |l| l.iter().copied().fold(f64::MAX, f64::min));
            after.max(free)
        };
        let (id, at) = ready.map(|id| (*id, start(id))).min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0))).unwrap();
        waiting.remove(&id);
        let step = &steps[&id];
        over.insert(id, at + step.took);
        let many = if step.pod == single { 1 } else { LANES };
        let lane = lanes.entry(step.pod).or_insert_with(|| vec![0.0; many]);
        *lane.iter_mut().min_by(|a, b| a.total_cmp(b)).unwrap() = at + step.took;
    }
    over.values().copied().fold(0.0, f64::max)
}

pub fn figures() -> Vec<Figure> {
    let temp = tempfile::tempdir().unwrap();
    let program = PodProgram::aku(PathBuf::from(env!("CARGO_BIN_EXE_aku")));
    let mut options = LabOptions::new(temp.path().join("lab"), ServerCount::new(6).unwrap(), program);
    options.groups = 4;
    options.properties.insert("REPLICATION_ALLOW_DUPLICATE_HOSTS".to_owned(), 1);
    let lab = Lab::up(options).unwrap();
    let pod = |n| Ordinal::new(n).unwrap();
    let start = |n: u8| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aku"));
        command.args(["-p", "start"]).envs(lab.environment()).env("AKU_ORDINAL", n.to_string());
        command.env("AKU_CLI_EVENTS", temp.path().join("events")).env("AKU_STATE_DIR", temp.path());
        let out = command.output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
    };
    for n in 0..5 {
        start(n);
    }
    let mut client = lab.client(pod(0), &aku::db::client::Options::new("SYS", "manager".to_owned().into())).unwrap();
    client.execute("ALTER SESSION SET AUTOCOMMIT = FALSE").unwrap();
    for table in (1..=12).map(|n| format!("SYS.T{n}")) {
        for key in 0..2000 {
            client.execute(&format!("INSERT INTO {table} VALUES ({key}, 'row', {key})")).unwrap();
        }
    }
    client.execute("COMMIT").unwrap();
    for n in 0..6 {
        lab.fault(pod(n), None, Fault::Latency { from: Party::Clients, millis: 5 }).unwrap();
    }
    start(5);
    let text = fs::read_to_string(temp.path().join("events")).unwrap();
    let lines: Vec<Line> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let steps = steps(&lines);
    let ran = || steps.values().filter(|s| s.took > 0.0);
    let wall = ran().map(|s| s.ended).fold(0.0, f64::max) - ran().map(|s| s.began).fold(f64::MAX, f64::min);
    let serial: f64 = ran().map(|s| s.took).sum();
    let path = ideal(&steps, pod(5));
    let syncs: Vec<&Step> = ran().filter(|s| s.what.starts_with("sync")).collect();
    let span =
        syncs.iter().map(|s| s.ended).fold(0.0, f64::max) - syncs.iter().map(|s| s.began).fold(f64::MAX, f64::min);
    let one_by_one: f64 = syncs.iter().map(|s| s.took).sum();
    println!(
        "start of pod 5 of 6, 4 groups: {} actions, wall {wall:.3} s, path {path:.3} s, serial {serial:.3} s, {} SYNCs",
        ran().count(),
        syncs.len()
    );
    vec![
        Figure {
            what: "start of pod 5 of 6: wall / critical path",
            got: wall / path,
            bound: 1.15,
            sense: Sense::AtMost,
        },
        Figure {
            what: "the same, one action after another / wall",
            got: serial / wall,
            bound: 1.0,
            sense: Sense::AtLeast,
        },
        Figure {
            what: "four SYNCs one after another / side by side",
            got: one_by_one / span,
            bound: 2.0,
            sense: Sense::AtLeast,
        },
    ]
}
