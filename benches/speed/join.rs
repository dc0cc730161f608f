//! A start of pod 5 of 6 with four groups on a real lab that is 5 ms away, against the bound of its own durations, and
//! against the same plan one action at a time.

use std::{
    collections::BTreeMap,
    error::Error,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use aku::{
    apply::{self, Event, Limits, Outcome, StopFlag},
    conf::{self, Config},
    db::{self, Connector},
    desired::{Desired, Goal, ReplicationAddress},
    lab::{
        Lab, LabOptions,
        fault::{Fault, Party},
        layout,
        pace::Pace,
        process::PodProgram,
    },
    observe::{self, Gathering, MarkerView},
    plan::{self, ActionId, After, Op, Plan, RunWhen},
    topology::{Ordinal, ServerCount},
};

use super::{
    Done, bound, fake,
    table::{Gate, Series, Table, Unit, ms},
};

const PODS: u8 = 6;
const JOINER: u8 = PODS - 1;
const GROUPS: u8 = 4;
const DELAY_MS: u32 = 5;
/// In each of the twelve tables: little, because a lab of seven processes on few cores has no processor to spare for rows.
const ROWS: u32 = 300;
/// At the pace of real servers a start takes half a minute, and one action at a time several.
const ROUNDS: usize = 2;

struct Stage {
    lab: Lab,
    conf: Config,
    connector: Arc<dyn Connector>,
    _dir: tempfile::TempDir,
}

/// One run of a plan.
struct Run {
    wall: Duration,
    plan: Plan,
    took: bound::Durations,
    /// From the first SYNC sent to the last one back.
    syncs: Duration,
}

fn ordinal(n: u8) -> Ordinal {
    Ordinal::new(n).expect("few pods")
}

impl Stage {
    fn new() -> Result<Self, Box<dyn Error>> {
        let dir = tempfile::tempdir()?;
        let program = PodProgram::aku(PathBuf::from(env!("CARGO_BIN_EXE_aku")));
        let pods = ServerCount::new(PODS).expect("few pods");
        let options =
            LabOptions { groups: GROUPS, pace: Pace::Real, ..LabOptions::new(dir.path().join("lab"), pods, program) };
        let lab = Lab::up(options)?;
        let parsed = conf::parse("aku.conf", &std::fs::read(lab.dir().join("aku.conf"))?);
        let conf = parsed.config.ok_or("the configuration of the lab is not valid")?;
        let endpoints = lab.endpoints().resolve_all(&conf);
        let connector =
            db::connector(endpoints, lab.pods(), layout::PASSWORD.to_owned().into(), |_| Err("no pod needs ODBC"))?;
        let stage = Self { lab, conf, connector: Arc::from(connector), _dir: dir };
        for pod in 0..JOINER {
            stage.carry_out(&stage.plan(Goal::Start(ordinal(pod)))?, Limits::default().lanes)?;
        }
        let mut client =
            stage.lab.client(ordinal(0), &db::client::Options::new("SYS", layout::PASSWORD.to_owned().into()))?;
        client.execute("ALTER SESSION SET AUTOCOMMIT = FALSE").map_err(|e| e.to_string())?;
        for table in (0..GROUPS).flat_map(layout::LabFile::tables) {
            for key in 0..ROWS {
                let sql = format!("INSERT INTO SYS.{table} VALUES ({key}, 'a row', {key})");
                client.execute(&sql).map_err(|e| e.to_string())?;
            }
        }
        client.execute("COMMIT").map_err(|e| e.to_string())?;
        for pod in stage.lab.pods() {
            stage.lab.fault(pod, None, Fault::Latency { from: Party::Everyone, millis: DELAY_MS })?;
        }
        Ok(stage)
    }

    fn plan(&self, goal: Goal) -> Result<Plan, Box<dyn Error>> {
        let address = |pod: Ordinal| ReplicationAddress {
            host: self.lab.file().ip(pod).to_string(),
            port: self.lab.file().replication_port(),
        };
        let desired = Desired::new(&self.conf, goal, address);
        let how = Gathering { login: fake::login(), marker: MarkerView::Elsewhere };
        let mut observed = observe::observe(&*self.connector, &desired, &how);
        let questions = plan::row_questions(&desired, &observed);
        observe::count_rows(&*self.connector, &mut observed, &questions, &how);
        plan::make(&desired, &observed).map_err(|r| format!("no plan: {r:?}").into())
    }

    fn carry_out(&self, plan: &Plan, lanes: usize) -> Result<Run, Box<dyn Error>> {
        let context = fake::context(Arc::clone(&self.connector), lanes);
        let mut at: BTreeMap<ActionId, (Instant, Instant)> = BTreeMap::new();
        let began = Instant::now();
        let report = apply::run(plan, &context, &StopFlag::new(), &mut |event| {
            let now = Instant::now();
            match event {
                Event::ActionStart { id } => {
                    at.insert(*id, (now, now));
                }
                Event::ActionEnd { id, .. } => {
                    if let Some((_, end)) = at.get_mut(id) {
                        *end = now;
                    }
                }
                _ => {}
            }
        });
        let wall = began.elapsed();
        let bad: Vec<_> =
            report.outcomes.values().filter(|o| matches!(o, Outcome::Failed(_) | Outcome::Unknown(_))).collect();
        if !report.complete() {
            return Err(format!("{} did not get to its end: {bad:?}", plan.goal.as_str()).into());
        }
        let syncs = plan.actions.iter().filter(|a| matches!(a.op, Op::Sync { .. })).filter_map(|a| at.get(&a.id));
        let (first, last) = (syncs.clone().map(|(b, _)| *b).min(), syncs.map(|(_, e)| *e).max());
        let syncs = first.zip(last).map_or(Duration::ZERO, |(b, e)| e - b);
        let took = at.into_iter().map(|(id, (b, e))| (id, e - b)).collect();
        Ok(Run { wall, plan: plan.clone(), took, syncs })
    }
}

/// The same actions, each after the one before. What takes a pin back runs only when something fails.
fn serial(plan: &Plan) -> Result<Plan, Box<dyn Error>> {
    let mut plan = plan.clone();
    let mut before: Option<ActionId> = None;
    for id in plan::order(&plan.actions)? {
        let Some(action) = plan.actions.iter_mut().find(|a| a.id == id) else { continue };
        match action.run {
            RunWhen::Undo { .. } => continue,
            RunWhen::Normal | RunWhen::Always { .. } => {}
        }
        if let Some(action_before) = before {
            action.after.push(After::one(action_before, "one at a time"));
        }
        before = Some(id);
    }
    Ok(plan)
}

/// Measures.
pub fn run(table: &mut Table) -> Done {
    let stage = Stage::new()?;
    let goal = Goal::Start(ordinal(JOINER));
    let end = || -> Done {
        stage.carry_out(&stage.plan(Goal::End(ordinal(JOINER)))?, Limits::default().lanes)?;
        Ok(())
    };
    let (mut side_by_side, mut in_turn) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        side_by_side.push(stage.carry_out(&stage.plan(goal)?, Limits::default().lanes)?);
        end()?;
        in_turn.push(stage.carry_out(&serial(&stage.plan(goal)?)?, 1)?);
        end()?;
    }
    let lanes =
        |pod: Ordinal| if pod.get() == JOINER { 1 } else { u32::try_from(Limits::default().lanes).unwrap_or(1) };
    let bounds: Vec<_> = side_by_side.iter().map(|r| bound::of(&r.plan, &r.took, lanes)).collect();
    if side_by_side.iter().zip(&bounds).any(|(r, b)| r.wall < b.lanes) {
        return Err("a run was faster than its bound, so the bound is wrong".into());
    }
    let n = side_by_side[0].plan.actions.len();
    let all = |runs: &[Run], f: fn(&Run) -> Duration| Series::new(runs.iter().map(|r| ms(f(r))).collect());
    let walls = all(&side_by_side, |r| r.wall);
    table.line(&format!("start of pod 5 of 6, 4 groups, {n} actions: wall"), Unit::Ms, &walls, Gate::None);
    let chains = Series::new(bounds.iter().map(|b| ms(b.chain)).collect());
    table.line("longest chain of its DAG", Unit::Ms, &chains, Gate::None);
    let lanes = Series::new(bounds.iter().map(|b| ms(b.lanes)).collect());
    table.line("bound with lanes (the joiner has one)", Unit::Ms, &lanes, Gate::None);
    let ratios = side_by_side.iter().zip(&bounds).map(|(r, b)| ms(r.wall) / ms(b.lanes));
    table.line("wall / bound", Unit::Times, &Series::new(ratios.collect()), Gate::AtMost(1.15));
    let serial_walls = all(&in_turn, |r| r.wall);
    table.line("the same, one action at a time: wall", Unit::Ms, &serial_walls, Gate::None);
    let faster = Series::new(vec![serial_walls.median() / walls.median()]);
    table.line("one at a time / side by side", Unit::Times, &faster, Gate::None);
    let (together, turn) = (all(&side_by_side, |r| r.syncs), all(&in_turn, |r| r.syncs));
    table.line("the four SYNCs side by side", Unit::Ms, &together, Gate::None);
    table.line("the four SYNCs in turn", Unit::Ms, &turn, Gate::None);
    let faster = Series::new(vec![turn.median() / together.median()]);
    table.line("SYNCs in turn / side by side", Unit::Times, &faster, Gate::AtLeast(2.0));
    Ok(())
}
