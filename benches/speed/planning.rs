//! What a plan costs when the facts are in memory, and as a whole process that reads them from a file. No network.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use aku::{
    apply::{self, StopFlag},
    conf::{self, Config},
    db::Privilege,
    desired::{Desired, Goal, ReplicationAddress},
    document::Document,
    observe::{self, Capture, Item, MarkerView, Mode, Observed, Pod, PodView, Replication, Sender, Server, TableName},
    plan::{
        self, Plan, cost, diff,
        facts::Facts,
        policy::{self, Policy, Subject, Use},
        resume::{CompletedActions, PriorOutcome},
        saved::{self, Origin, Reading, Saved},
    },
    render::{self, Colour, Head, Layout, Sql},
    review,
    topology::{Ordinal, Position, ServerCount},
};
use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

use super::{
    Done, fake, process,
    shapes::{self, Shape},
    table::{Gate, Series, Table, Unit, ms},
};

const RUNS: usize = 15;

/// A cluster in which every pod but the last is in service, and the last one starts for the first time.
pub struct Sample {
    text: String,
    conf: Config,
    desired: Desired,
    observed: Observed,
}

fn ordinal(n: u8) -> Ordinal {
    Ordinal::new(n).expect("at most 33 pods")
}

/// Pods, groups (a configuration has 128 at most), and tables of each group.
type Extent = (u8, u16, u16);

/// A configuration of that extent.
fn text((pods, groups, tables): Extent) -> String {
    let group = |g: u16| {
        let targets: Vec<_> = (1..=tables).map(|t| format!("SYS.G{g}_T{t}")).collect();
        format!("(REPLICATION_NAME_PREFIX = AKU_REP{g} SYNC_PARALLEL_COUNT = 1 ({}))", targets.join(", "))
    };
    let groups: Vec<_> = (1..=groups).map(group).collect();
    format!(
        "AKU_STS_NAME = altibase-sts\nAKU_SVC_NAME = altibase-svc\nAKU_SERVER_COUNT = {pods}\n\
         AKU_SYS_PASSWORD = manager\nAKU_PORT_NO = 20300\nAKU_REPLICATION_PORT_NO = 20301\n\
         REPLICATIONS = {}\n",
        groups.join(",\n    ")
    )
}

impl Sample {
    /// A cluster of that extent.
    pub fn new(extent: Extent) -> Self {
        let text = text(extent);
        let parsed = conf::parse("aku.conf", text.as_bytes());
        let conf = parsed.config.expect("the configuration is valid");
        let pods = extent.0;
        let joiner = ordinal(pods - 1);
        let address = |pod: Ordinal| ReplicationAddress { host: format!("10.0.0.{}", pod.get() + 1), port: 20301 };
        let desired = Desired::new(&conf, Goal::Start(joiner), address);
        let seen = |pod: Ordinal| (pod, PodView::Seen(Box::new(seen(&desired, pod, joiner))));
        let views = ServerCount::new(pods).expect("at most 33 pods").ordinals().map(seen).collect();
        let observed = Observed::new(views, MarkerView::Missing);
        Self { text, conf, desired, observed }
    }

    fn plan(&self) -> Plan {
        plan::make(&self.desired, &self.observed).unwrap_or_else(|r| panic!("no plan: {r:?}"))
    }

    /// Writes `aku.conf` and a capture.
    pub fn store(&self, dir: &Path) -> std::io::Result<Files> {
        let files = Files { conf: dir.join("aku.conf"), capture: dir.join("capture.json") };
        fs::write(&files.conf, &self.text)?;
        let capture = Capture {
            created_at: Timestamp::now(),
            producer: env!("CARGO_PKG_VERSION").to_owned(),
            here: None,
            pod: self.desired.goal.pod(),
            conf_digest: saved::conf_digest(&self.conf),
            addresses: self.desired.pods.clone(),
            observed: self.observed.clone(),
        };
        fs::write(&files.capture, capture.text())?;
        Ok(files)
    }

    /// Number of actions of its plan.
    pub fn actions(&self) -> usize {
        self.plan().actions.len()
    }
}

/// A world on disk.
pub struct Files {
    conf: PathBuf,
    capture: PathBuf,
}

impl Files {
    /// Arguments of a plan from them.
    pub fn arguments(&self) -> Vec<String> {
        let text = |p: &Path| p.display().to_string();
        ["plan", "start", "--from", &text(&self.capture), "--conf", &text(&self.conf)].map(str::to_owned).into()
    }
}

fn seen(desired: &Desired, pod: Ordinal, joiner: Ordinal) -> Pod {
    let admin = i64::from(pod == joiner);
    let properties = [
        ("ADMIN_MODE", admin),
        ("REPLICATION_PORT_NO", 20301),
        ("REPLICATION_MAX_COUNT", 10240),
        ("REPLICATION_ALLOW_DUPLICATE_HOSTS", 1),
        ("REPLICATION_DDL_ENABLE", 0),
        ("REPLICATION_SYNC_LOCK_TIMEOUT", 30),
    ];
    let table = observe::Table { is_table: true, primary_key: true, ..observe::Table::default() };
    let live = |(peer, object): (Ordinal, &aku::desired::Object)| {
        let items = desired.groups[&object.group].targets.iter();
        let replication = Replication {
            is_started: true,
            position: Position::Live(500),
            gave_up: None,
            mode: Mode::Lazy,
            role: 0,
            options: 0,
            conflict_resolution: 0,
            parallel_applier: 0,
            applier_buffer: None,
            hosts: vec![desired.pods[&peer].clone()],
            items: items.map(|t| Item { local: t.clone(), remote: t.clone() }).collect(),
            sender: Sender::Running,
            receiver: None,
            gap: Some(0),
            sending: None,
            applied: None,
        };
        (object.name.clone(), replication)
    };
    let joined = desired.objects_of(pod).filter(|(peer, _)| pod != joiner && *peer != joiner);
    Pod {
        privilege: if pod == joiner { Privilege::Sysdba } else { Privilege::Normal },
        server: Server {
            version: Some("7.3.0.1.2".to_owned()),
            database: Some("mydb".to_owned()),
            ..Server::default()
        },
        properties: properties.map(|(name, value)| (name.to_owned(), value.to_string())).into(),
        replications: joined.map(live).collect(),
        tables: desired.targets().map(|t| (TableName::of(t), table.clone())).collect(),
        rows: desired.targets().map(|t| (t.clone(), if pod == joiner { 0 } else { 1000 }.into())).collect(),
        clients: Vec::new(),
        ledger: aku::ledger::View::default(),
        log_end: None,
    }
}

/// Time that this thread had a processor.
fn cpu() -> Duration {
    let t = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(t.tv_sec.unsigned_abs(), u32::try_from(t.tv_nsec).unwrap_or_default())
}

fn cpu_of<T>(work: impl FnOnce() -> T) -> Duration {
    let began = cpu();
    std::hint::black_box(work());
    cpu().saturating_sub(began)
}

fn origin() -> Origin {
    Origin {
        observer: None,
        service: "altibase-svc".to_owned(),
        conf_digest: "sha256:00".to_owned(),
        at: Timestamp::UNIX_EPOCH,
    }
}

/// Order, depth, and the document with every statement and its digest.
fn written(plan: Plan, facts: Facts) -> usize {
    let graph = plan::Graph::new(&plan.actions).ok();
    let order = graph.as_ref().map_or(0, |g| g.order().len() + g.critical_path().len());
    order + Saved::new(plan, facts, origin()).text().len()
}

/// A world with everything that is made of it.
struct Case {
    world: Sample,
    plan: Plan,
    saved: Saved,
    text: String,
    /// All actions, as an earlier run did them.
    past: CompletedActions,
}

impl Case {
    fn new(extent: Extent) -> Self {
        let world = Sample::new(extent);
        let plan = world.plan();
        let facts = Facts::of(&plan, &world.desired, &world.observed);
        let saved = Saved::new(plan.clone(), facts, origin());
        let text = saved.text();
        let past = plan.actions.iter().map(|a| (a.id, PriorOutcome::Did)).collect();
        Self { world, plan, saved, text, past }
    }

    fn size(&self) -> usize {
        self.plan.actions.len()
    }

    fn human(&self) -> usize {
        let head = Head {
            command: "aku plan",
            at: Timestamp::UNIX_EPOCH,
            here: None,
            conf: &self.saved.conf_digest,
            apply: Some("aku apply start"),
        };
        render::plan(&self.saved.plan, &head, Layout { width: 100, sql: Sql::Hidden }).text(Colour::Plain).len()
    }

    fn read(&self) -> Reading {
        Reading::parse(&self.text).expect("it was written a moment ago")
    }

    fn judged(reading: &Reading) -> Vec<policy::Finding> {
        let Some(saved) = &reading.saved else { return Vec::new() };
        let subject = Subject { facts: &saved.facts, plan: Some(&saved.plan) };
        policy::judge(&Policy::default(), subject, Use::default())
    }
}

/// What is timed by itself. `usize`: something that has to be worked out.
type Part = (&'static str, fn(&Case) -> usize);
const PARTS: [Part; 14] = [
    ("planner and checker", |c| c.world.plan().actions.len()),
    ("checker", |c| plan::check::check(&c.plan, &c.world.desired, &c.world.observed).len()),
    ("graph, order, depth", |c| {
        let graph = plan::Graph::new(&c.plan.actions).expect("a DAG");
        graph.order().len() + graph.critical_path().len()
    }),
    ("what a reader sees of the edges", |c| {
        let graph = plan::Graph::new(&c.plan.actions).expect("a DAG");
        graph.direct().len()
    }),
    ("turns by measured cost", |c| cost::turns(&c.plan.actions).len()),
    ("rehearsal", |c| plan::rehearse(&c.plan.actions, &BTreeSet::new()).len()),
    ("facts", |c| Facts::of(&c.plan, &c.world.desired, &c.world.observed).all.len()),
    ("digest", |c| c.saved.digest().len()),
    ("JSON, written", |c| c.saved.text().len()),
    ("JSON, read and verified", |c| c.read().misfits.len()),
    ("human output", Case::human),
    ("show", |c| c.read().misfits.len() + c.human()),
    ("diff", |c| diff::diff(&c.plan, &c.saved.plan).len()),
    ("review", |c| {
        let reading = c.read();
        let rules = Case::judged(&reading);
        review::judged(reading, &rules, Timestamp::UNIX_EPOCH).findings.len()
    }),
];

/// The run of a plan of which everything is done: nothing but its schedule.
fn scheduled(case: &Case) -> usize {
    let context = fake::context(Arc::new(fake::Sleepers::new(Duration::ZERO)), shapes::WIDTH);
    apply::resume(&case.plan, &case.past, &context, &StopFlag::new(), &mut |_| ()).outcomes.len()
}

/// Times something until it took long enough to be told, several times.
fn timed(case: &Case, part: fn(&Case) -> usize) -> Series {
    let once = || {
        let (mut took, mut times) = (Duration::ZERO, 0_u32);
        while took < ENOUGH {
            took += cpu_of(|| part(case));
            times += 1;
        }
        took / times
    };
    Series::new((0..SERIES).map(|_| ms(once())).collect())
}

/// The power with which a cost grows: the slope of the line through the logarithms.
fn exponent(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(n, t)| (n.ln(), t.ln())).collect();
    let count = f64::from(u32::try_from(logs.len()).unwrap_or(u32::MAX));
    let mean = |f: fn(&(f64, f64)) -> f64| logs.iter().map(f).sum::<f64>() / count;
    let (x, y) = (mean(|l| l.0), mean(|l| l.1));
    let (up, along) =
        logs.iter().fold((0.0, 0.0), |(up, along), l| (up + (l.0 - x) * (l.1 - y), along + (l.0 - x).powi(2)));
    up / along
}

/// How long a part is timed before its cost is told.
const ENOUGH: Duration = Duration::from_millis(20);
/// How often.
const SERIES: usize = 5;
/// Clusters that grow by objects, to some 4500 actions, and by tables, from some 2000 actions to 50,000: more objects than there may
/// be groups are no configuration. (What takes so little that what does not grow would hide what does is left out.)
const GROWING: [(&str, [Extent; 3]); 2] =
    [("objects", [(6, 16, 3), (6, 64, 3), (6, 128, 3)]), ("tables", [(3, 128, 4), (3, 128, 33), (3, 128, 379)])];

/// The gates of the whole process: CPU in milliseconds, memory in MiB.
const SIZES: [(Extent, f64, f64); 3] =
    [((6, 8, 3), 15.0, 30.0), ((33, 25, 3), 60.0, 80.0), ((3, 128, 379), 500.0, 190.0)];

/// Measures.
pub fn run(table: &mut Table) -> Done {
    let dir = tempfile::tempdir()?;
    for (extent, cpu_gate, memory_gate) in SIZES {
        let world = Sample::new(extent);
        let n = world.actions();
        let files = world.store(dir.path())?;
        drop(world);
        let runs = (0..RUNS).map(|_| process::measure(&files.arguments())).collect::<Result<Vec<_>, _>>()?;
        let series = |f: fn(&process::Cost) -> f64| Series::new(runs.iter().map(f).collect());
        let what = |of: &str| format!("`aku plan --from FILE`, {n} actions, {of}");
        table.line(&what("CPU"), Unit::Ms, &series(|c| ms(c.cpu)), Gate::AtMost(cpu_gate));
        table.line(&what("wall"), Unit::Ms, &series(|c| ms(c.wall)), Gate::None);
        table.line(&what("peak memory"), Unit::MiB, &series(|c| c.peak_mib), Gate::AtMost(memory_gate));
    }
    for (by, extents) in GROWING {
        let cases: Vec<Case> = extents.into_iter().map(Case::new).collect();
        let parts = PARTS.into_iter().chain([("schedule of apply", scheduled as fn(&Case) -> usize)]);
        for (name, part) in parts {
            let mut points = Vec::new();
            for case in &cases {
                let n = case.size();
                let cost = timed(case, part);
                table.line(&format!("{name}, {n} actions, CPU"), Unit::Ms, &cost, Gate::None);
                points.push((f64::from(u32::try_from(n)?), cost.median()));
            }
            let grows = Series::new(vec![exponent(&points)]);
            table.line(&format!("{name}, exponent by {by}"), Unit::Power, &grows, Gate::AtMost(1.1));
        }
    }
    for shape in [Shape::Flat, Shape::FanIn, Shape::Layers, Shape::Chain] {
        let plan = shapes::plan(shape, 1000, 6);
        let one = || ms(cpu_of(|| written(plan.clone(), Facts::default())));
        let series = Series::new((0..RUNS).map(|_| one()).collect());
        table.line(
            &format!("order and document of 1000 actions, {shape:?}, CPU"),
            Unit::Ms,
            &series,
            Gate::AtMost(5.0),
        );
    }
    Ok(())
}
