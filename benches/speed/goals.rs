//! What five goals take by the measured costs (`aku::plan::cost`), beside what they must keep to: four pods, two groups, writers
//! on all. Computed, not timed, so it is the same on every machine.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use aku::{
    conf::{self, Config},
    db::Privilege,
    desired::{Desired, Goal, Object, ReplicationAddress},
    lab::layout::LabFile,
    observe::{
        Item, MarkerView, Mode, Observed, Pod, PodView, Replication, Sender, Server, Table as Columns, TableName,
    },
    plan::{self, Action, Op, RunWhen, cost},
    topology::{Ordinal, Position},
};

use super::{
    Done,
    table::{Gate, Series, Table, Unit},
};

const PODS: u8 = 4;
const ROWS: u64 = 20_000;

/// What a side of a pair is.
#[derive(Clone, Copy)]
enum Side {
    Reset,
    Stopped,
    Runs,
}

struct Case {
    name: &'static str,
    goal: Goal,
    closed: u8,
    /// Side of the first pod towards the second.
    side: fn(u8, u8) -> Side,
    /// Seconds, SYNC apart.
    gate: f64,
}

fn pod(n: u8) -> Ordinal {
    Ordinal::new(n).expect("at most 33 pods")
}

fn cases() -> [Case; 5] {
    let (start, nobody) = (|n| Goal::Start(pod(n)), PODS);
    [
        Case {
            name: "full join of pod 3",
            goal: start(3),
            closed: 3,
            side: |a, b| if a == 3 || b == 3 { Side::Reset } else { Side::Runs },
            gate: 4.0,
        },
        Case {
            name: "join of pod 3 with unsent rows (salvage)",
            goal: start(3),
            closed: 3,
            side: |a, b| match (a, b) {
                (3, _) => Side::Stopped,
                (_, 3) => Side::Reset,
                _ => Side::Runs,
            },
            gate: 14.0,
        },
        Case {
            name: "restart of pod 0",
            goal: start(0),
            closed: 0,
            side: |a, b| if a == 0 || b == 0 { Side::Stopped } else { Side::Runs },
            gate: 8.0,
        },
        Case { name: "end of pod 3", goal: Goal::End(pod(3)), closed: nobody, side: |_, _| Side::Runs, gate: 9.0 },
        Case {
            name: "catch-up of pod 1",
            goal: start(1),
            closed: 1,
            side: |a, _| if a == 1 { Side::Stopped } else { Side::Runs },
            gate: 8.0,
        },
    ]
}

fn conf() -> (LabFile, Config) {
    let lab = LabFile {
        aku_lab: 1,
        pods: PODS,
        server: aku::lab::pod::Release::default(),
        first_ip: Ipv4Addr::new(10, 0, 0, 1),
        port: 20300,
        groups: 2,
        properties: BTreeMap::new(),
        pace: aku::lab::Pace::default(),
        copy_pace: None,
        owner: None,
    };
    let parsed = conf::parse("aku.conf", lab.conf().as_bytes());
    (lab, parsed.config.expect("the configuration of a lab is valid"))
}

fn replication(desired: &Desired, peer: Ordinal, object: &Object, side: Side) -> Replication {
    let items = desired.groups[&object.group].targets.iter();
    let (position, sender) = match side {
        Side::Reset => (Position::Reset, Sender::None),
        Side::Stopped => (Position::Live(500), Sender::None),
        Side::Runs => (Position::Live(500), Sender::Running),
    };
    Replication {
        is_started: sender == Sender::Running,
        position,
        gave_up: None,
        mode: Mode::Lazy,
        role: 0,
        options: 0,
        conflict_resolution: 0,
        parallel_applier: 0,
        applier_buffer: None,
        hosts: vec![desired.pods[&peer].clone()],
        items: items.map(|t| Item { local: t.clone(), remote: t.clone() }).collect(),
        sender,
        receiver: None,
        gap: Some(0),
        sending: None,
        applied: None,
    }
}

fn seen(desired: &Desired, case: &Case, here: Ordinal) -> Pod {
    let closed = here.get() == case.closed;
    let properties = [
        ("ADMIN_MODE", i64::from(closed)),
        ("REPLICATION_PORT_NO", 20301),
        ("REPLICATION_MAX_COUNT", 10240),
        ("REPLICATION_ALLOW_DUPLICATE_HOSTS", 1),
        ("REPLICATION_DDL_ENABLE", 0),
        ("REPLICATION_SYNC_LOCK_TIMEOUT", 30),
    ];
    let side = |peer: Ordinal| (case.side)(here.get(), peer.get());
    let objects = desired.objects_of(here);
    let table = Columns { is_table: true, primary_key: true, ..Columns::default() };
    Pod {
        privilege: if closed { Privilege::Sysdba } else { Privilege::Normal },
        server: Server::default(),
        properties: properties.map(|(name, value)| (name.to_owned(), value.to_string())).into(),
        replications: objects.map(|(p, o)| (o.name.clone(), replication(desired, p, o, side(p)))).collect(),
        tables: desired.targets().map(|t| (TableName::of(t), table.clone())).collect(),
        rows: desired.targets().map(|t| (t.clone(), ROWS.into())).collect(),
        clients: Vec::new(),
        ledger: aku::ledger::View::default(),
        log_end: None,
    }
}

/// From the first SYNC to the last one's end, milliseconds.
fn copying(actions: &[Action], times: &plan::Times) -> u64 {
    let syncs = actions.iter().filter(|a| matches!(a.op, Op::Sync { .. })).filter_map(|a| times.get(&a.id));
    let (begins, ends): (Vec<u64>, Vec<u64>) = syncs.copied().unzip();
    ends.into_iter().max().unwrap_or(0) - begins.into_iter().min().unwrap_or(0)
}

/// Prints what each goal takes, SYNC apart, and its critical path.
pub fn run(table: &mut Table) -> Done {
    let (lab, conf) = conf();
    for case in cases() {
        let address = |pod: Ordinal| ReplicationAddress { host: lab.ip(pod).to_string(), port: 20301 };
        let desired = Desired::new(&conf, case.goal, address);
        let view = |p: &Ordinal| (*p, PodView::Seen(Box::new(seen(&desired, &case, *p))));
        let observed = Observed {
            shut_out: BTreeSet::new(),
            pods: desired.pods.keys().map(view).collect(),
            marker: MarkerView::Missing,
            marked_here: BTreeSet::new(),
            remembered: BTreeMap::new(),
            compared: None,
            logs: BTreeMap::new(),
        };
        let plan = plan::make(&desired, &observed).map_err(|r| format!("no plan for {}: {r:?}", case.name))?;
        let closed: BTreeSet<Ordinal> = desired.pods.keys().copied().filter(|p| p.get() == case.closed).collect();
        let times = plan::rehearse(&plan.actions, &closed);
        let whole = times.values().map(|(_, end)| *end).max().unwrap_or(0);
        let seconds = f64::from(u32::try_from(whole - copying(&plan.actions, &times))?) / 1_000.0;
        table.line(case.name, Unit::Seconds, &Series::new(vec![seconds]), Gate::AtMost(case.gate));
        let (path, millis) = cost::critical_path(&plan.actions)?;
        let steps = path.iter().filter_map(|id| plan.action(*id)).filter(|a| a.run == RunWhen::Normal);
        let steps: Vec<_> =
            steps.map(|a| format!("{} {:.2}", aku::render::op::short(&a.op), secs(cost::millis(a)))).collect();
        Table::note(&format!("critical path {:.2} s: {}", secs(millis), steps.join(", ")));
    }
    Ok(())
}

fn secs(millis: u64) -> f64 {
    f64::from(u32::try_from(millis).unwrap_or(u32::MAX)) / 1_000.0
}
