//! What a plan costs when the facts are in memory, and as a whole process that reads them from a file. No network.

use std::{
    collections::BTreeMap,
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::Duration,
};

use aku::{
    conf::{self, Config},
    db::Privilege,
    desired::{Desired, Goal, ReplicationAddress},
    document::Document,
    lab::layout::LabFile,
    observe::{self, Capture, Item, MarkerView, Mode, Observed, Pod, PodView, Replication, Sender, Server, TableName},
    plan::{
        self, Plan,
        facts::Facts,
        saved::{self, Origin, Saved},
    },
    topology::{Ordinal, Position, ServerCount},
};
use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

use super::{
    Done, process,
    shapes::{self, Shape},
    table::{Gate, Series, Table, Unit, ms},
};

const RUNS: usize = 15;
const SLOW: Duration = Duration::from_secs(1);

/// A cluster in which every pod but the last is in service, and the last one starts for the first time.
pub struct World {
    text: String,
    conf: Config,
    desired: Desired,
    observed: Observed,
}

fn ordinal(n: u8) -> Ordinal {
    Ordinal::new(n).expect("at most 33 pods")
}

impl World {
    /// That many pods and groups of three tables.
    pub fn new(pods: u8, groups: u8) -> Self {
        let lab = LabFile {
            aku_lab: 1,
            pods,
            server: aku::lab::pod::Release::default(),
            first_ip: Ipv4Addr::new(10, 0, 0, 1),
            port: 20300,
            groups,
            properties: BTreeMap::new(),
            pace: aku::lab::Pace::default(),
            copy_pace: None,
            owner: None,
        };
        let text = lab.conf();
        let parsed = conf::parse("aku.conf", text.as_bytes());
        let conf = parsed.config.expect("the configuration of a lab is valid");
        let joiner = ordinal(pods - 1);
        let address = |pod: Ordinal| ReplicationAddress { host: lab.ip(pod).to_string(), port: 20301 };
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
            hosts: vec![desired.pods[&peer].clone()],
            items: items.map(|t| Item { local: t.clone(), remote: t.clone() }).collect(),
            sender: Sender::Running,
            receiver: None,
            gap: Some(0),
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

/// Order, depth, and the document with every statement and its digest.
fn written(plan: Plan, facts: Facts) -> usize {
    let order = plan::order(&plan.actions).map_or(0, |o| o.len());
    let depth = plan::critical_path(&plan.actions).map_or(0, |p| p.len());
    let origin = Origin {
        observer: None,
        service: "altibase-svc".to_owned(),
        conf_digest: "sha256:00".to_owned(),
        at: Timestamp::UNIX_EPOCH,
    };
    order + depth + Saved::new(plan, facts, origin).text().len()
}

fn whole(world: &World) -> Series {
    let one = || {
        let plan = world.plan();
        let facts = Facts::of(&plan, &world.desired, &world.observed);
        written(plan, facts)
    };
    let first = cpu_of(one);
    // What takes so long is told by one run as well as by fifteen.
    let more = if first > SLOW { 0 } else { RUNS };
    Series::new(std::iter::once(first).chain((0..more).map(|_| cpu_of(one))).map(ms).collect())
}

/// Pods and groups whose full join has about so many actions, with the gates of `plan-apply-anchors.md` 5.5: CPU of
/// the pure plan, CPU and memory of the whole process.
type Size = (u8, u8, f64, Option<(f64, f64)>);
const SIZES: [Size; 3] = [(6, 8, 2.0, Some((15.0, 30.0))), (6, 28, 5.0, None), (33, 25, 40.0, Some((120.0, 80.0)))];

/// Measures.
pub fn run(table: &mut Table) -> Done {
    let dir = tempfile::tempdir()?;
    for (pods, groups, gate, process) in SIZES {
        let world = World::new(pods, groups);
        let n = world.actions();
        let what = format!("facts to ordered, digested plan, {n} actions, CPU");
        let cost = whole(&world);
        table.line(&what, Unit::Ms, &cost, Gate::AtMost(gate));
        let plan = world.plan();
        let checker = Series::new(vec![ms(cpu_of(|| plan::check::check(&plan, &world.desired, &world.observed)))]);
        table.line("of which the checker", Unit::Ms, &checker, Gate::None);
        if cost.median() > ms(SLOW) {
            return Err(format!("{n} actions take so long that more of them are not tried").into());
        }
        let Some((cpu_gate, memory_gate)) = process else { continue };
        let files = world.store(dir.path())?;
        let runs = (0..RUNS).map(|_| process::measure(&files.arguments())).collect::<Result<Vec<_>, _>>()?;
        let series = |f: fn(&process::Cost) -> f64| Series::new(runs.iter().map(f).collect());
        let what = |of: &str| format!("`aku plan --from FILE`, {n} actions, {of}");
        table.line(&what("CPU"), Unit::Ms, &series(|c| ms(c.cpu)), Gate::AtMost(cpu_gate));
        table.line(&what("wall"), Unit::Ms, &series(|c| ms(c.wall)), Gate::None);
        table.line(&what("peak memory"), Unit::MiB, &series(|c| c.peak_mib), Gate::AtMost(memory_gate));
    }
    let mut before: Option<(usize, f64)> = None;
    for groups in [2, 4, 8, 16, 32] {
        let world = World::new(33, groups);
        let (n, cost) = (world.actions(), whole(&world).median());
        if cost > ms(SLOW) {
            return Err(format!("{n} actions take {cost:.0} ms, so more of them are not tried").into());
        }
        if let Some((m, half)) = before {
            let ratio = Series::new(vec![cost / half]);
            table.line(&format!("from {m} to {n} actions, CPU"), Unit::Times, &ratio, Gate::AtMost(2.3));
        }
        before = Some((n, cost));
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
