//! `aku drift`: what differs between aku.conf and the pods, for cron. Sends nothing but SELECTs; writes the report and
//! the metrics it is asked for and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::Args;
use jiff::Timestamp;

use super::{
    common::Common,
    look,
    plan_args::Format,
    policy::{self, PolicyArgs},
    scene::CommandContext,
    size,
    stream::{OutputStyle, Streams, answer, fail, shown, tell},
    time,
    wiring::Platform,
};
use crate::{
    bounded, conf,
    desired::Goal,
    document::{self, Document as _},
    drift::{
        self, Completeness, Drift, Kind, Scope,
        accept::Accepts,
        compare::{Plugin, Rules, Setting, compare},
        document::{DOCUMENT, Report},
        limits::{self, Limits},
    },
    exit::Exit,
    files,
    observe::{Observed, PodView},
    plan::{
        facts::Facts,
        policy::{Subject, Use, judge},
    },
    remedy::Remedy,
    render::{self, Diagnostic, Looked, Run},
    status::Trend,
    topology::{Ordinal, Target},
};

/// Flags of `aku drift`.
#[derive(Args, Clone, Debug)]
pub struct DriftArgs {
    /// Form of the answer on standard output
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// One line and the exit codes of a monitoring plugin: 0 ok, 1 warning, 2 critical, 3 unknown
    #[arg(long, conflicts_with = "format")]
    pub nagios: bool,
    /// Compare with this report: what is new, known, resolved; may be the file of --output
    #[arg(long, value_name = "FILE")]
    pub previous: Option<PathBuf>,
    /// Save the report as JSON, whole or not at all
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Differences that do not count, each with a reason and an end (TOML, see docs/handbook.md)
    #[arg(long, value_name = "FILE")]
    pub accept: Option<PathBuf>,
    /// Exit 3 when a difference of this kind is there, e.g. D202-foreign-object; may be repeated
    #[arg(long, value_name = "KIND")]
    pub deny: Vec<Kind>,
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// Differences do not count before they are this old, e.g. 15m
    #[arg(long, value_name = "TIME", value_parser = time::parse, requires = "previous")]
    pub since_ok: Option<Duration>,
    /// A pod that joins for longer is a difference (only seen with --previous)
    #[arg(long, value_name = "TIME", value_parser = time::parse, default_value = "2h")]
    pub join_limit: Duration,
    /// A sender that has more log left to send is a difference, e.g. 100M
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub gap_limit: Option<u64>,
    /// A pod that keeps more of its log for others is a difference, e.g. 10G
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub log_limit: Option<u64>,
    /// A sender that is behind for longer is a difference, e.g. 5m (only seen with --previous)
    #[arg(long, value_name = "TIME", value_parser = time::parse, requires = "previous")]
    pub lag_limit: Option<Duration>,
    /// Look again for so long; only what every look finds counts: a pod that is started anew comes back meanwhile
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub patience: Option<Duration>,
    /// Write metrics for the textfile collector of Prometheus, whole or not at all
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,
}

/// Runs it.
pub fn run(args: &DriftArgs, common: &Common, world: &dyn Platform, look: &OutputStyle, s: &mut Streams<'_>) -> Exit {
    let clock = Instant::now();
    let mut trend = Trend::default();
    let (exit, seen) = match looked(args, &mut trend, common, world, look, s) {
        Ok(seen) => (drift::compare::exit(&seen.report), Some(seen)),
        Err(exit) => (exit, None),
    };
    let mut failed = false;
    if let Some(path) = &args.metrics {
        let text = {
            let run = Ended { at: world.now(), took: clock.elapsed(), exit };
            metrics(&run, || last_success(path), seen.as_ref(), &trend, None).0
        };
        failed |= !written(s, "metrics", path, files::store_public(&text, path));
    }
    let Some(seen) = seen else {
        if args.nagios {
            // A plugin says something on standard output, whatever happens.
            let _ = answer(s, &format!("AKU UNKNOWN - it did not come to a look, exit {}\n", exit as u8));
            return Plugin::Unknown.into();
        }
        return exit;
    };
    if let Some(path) = &args.output {
        failed |= !written(s, "output", path, files::store(&seen.report.text(), path));
    }
    let text = match (args.nagios, args.format) {
        (true, _) => render::plugin_line(&seen.report),
        (false, Format::Human) => shown(&render::drift(&seen.report, look.width), look),
        (false, Format::Json) => seen.report.text(),
    };
    let told = answer(s, &text);
    if args.nagios {
        return Plugin::of(&seen.report).into();
    }
    match told {
        Err(Exit::Output) => Exit::Output,
        // The reader went away: what was found is still the answer.
        Ok(()) | Err(_) if failed && exit == Exit::Ok => Exit::Output,
        Ok(()) | Err(_) => exit,
    }
}

/// A plugin's numbers are codes of ours with another meaning.
impl From<Plugin> for Exit {
    fn from(p: Plugin) -> Self {
        match p {
            Plugin::Ok => Self::Ok,
            Plugin::Warning => Self::Internal,
            Plugin::Critical => Self::Changes,
            Plugin::Unknown => Self::Refused,
        }
    }
}

fn written(s: &mut Streams<'_>, flag: &str, path: &Path, outcome: io::Result<()>) -> bool {
    match outcome {
        Ok(()) => true,
        Err(e) => {
            tell(s, &format!("error[output]: --{flag} {} cannot be written: {e}\n", path.display()));
            false
        }
    }
}

/// What came of a look.
struct Seen {
    scene: CommandContext,
    observed: Observed,
    report: Report,
}

fn looked(
    args: &DriftArgs,
    trend: &mut Trend,
    common: &Common,
    world: &dyn Platform,
    look: &OutputStyle,
    s: &mut Streams<'_>,
) -> Result<Seen, Exit> {
    let clock = Instant::now();
    let judges = args.policy.or_env(world.env());
    let read = || {
        let policy = policy::load(&judges)?;
        Ok::<_, Diagnostic>((accepts(args.accept.as_deref())?, previous(args)?, policy))
    };
    let (accepts, previous, policy) = read().map_err(|trouble| fail(s, look, &trouble))?;
    let scene = look::open(common, world, look, s)?;
    if let Some(p) = previous.as_ref().filter(|p| p.statefulset != scene.desired.statefulset) {
        let text = format!("the report of --previous is about {}, not {}", p.statefulset, scene.desired.statefulset);
        return Err(fail(s, look, &Diagnostic::new(Exit::BadData, "previous", text)));
    }
    let (observed, mut drift) = settled(&scene, args, world, look, s);
    trend.recall(previous.as_ref().map_or(&[], |p| &p.marks));
    trend.look(&scene.desired, &observed, world.now());
    if let Some(limit) = args.lag_limit {
        limits::late(Scope { desired: &scene.desired, observed: &observed }, limit, trend, &mut drift);
    }
    let deny: BTreeSet<Kind> = args.deny.iter().copied().collect();
    let facts = Facts::of_cluster(&scene.desired, &observed);
    let rules = Rules {
        policy: judge(&policy, Subject { facts: &facts, plan: None }, Use::default()),
        previous: previous.as_ref(),
        accepts: &accepts,
        deny: &deny,
        since_ok: args.since_ok,
        marks: if args.lag_limit.is_some() { trend.marks() } else { Vec::new() },
        join_limit: args.join_limit,
    };
    let setting = Setting {
        statefulset: scene.desired.statefulset.clone(),
        service: scene.desired.service.clone(),
        observer: scene.who.here,
        conf_digest: scene.digest.clone(),
    };
    let scope = Scope { desired: &scene.desired, observed: &observed };
    let mut report = compare(scope, &drift, setting, rules, world.now(), clock.elapsed());
    let said = policy::verdict(&judges, || report.text()).map_err(|trouble| fail(s, look, &trouble))?;
    report.add(said);
    Ok(Seen { scene, observed, report })
}

fn accepts(path: Option<&Path>) -> Result<Accepts, Diagnostic> {
    let Some(path) = path else { return Ok(Accepts::default()) };
    let text = bounded::text(path, conf::MAX_BYTES as u64).map_err(|e| {
        Diagnostic::new(Exit::NoInput, "accept", format!("cannot read the accept list {}: {e}", path.display()))
    })?;
    Accepts::parse(&text, path).map_err(|e| Diagnostic::new(Exit::BadData, "accept", e.to_string()))
}

/// The look before. A file that is not there yet is fine when this run is to write it; an empty one (`touch`, `mktemp`, a
/// disk that was full) is no look at all.
fn previous(args: &DriftArgs) -> Result<Option<Report>, Diagnostic> {
    let Some(path) = &args.previous else { return Ok(None) };
    if std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() == 0) {
        return Ok(None);
    }
    match files::load::<Report>(path) {
        Ok(report) => Ok(Some(report)),
        Err(document::Fault::Unreadable { error, .. })
            if error.kind() == io::ErrorKind::NotFound && args.output.as_ref() == Some(path) =>
        {
            Ok(None)
        }
        Err(e) => {
            let exit = match &e {
                document::Fault::Unreadable { .. } => Exit::NoInput,
                document::Fault::Truncated { .. }
                | document::Fault::Malformed { .. }
                | document::Fault::OtherKind { .. }
                | document::Fault::UnknownVersion { .. }
                | document::Fault::Edited(_) => Exit::BadData,
            };
            Err(Diagnostic::new(exit, "previous", e.to_string()).next(format!(
                "a first run has no --previous; aku drift -o {} writes a {}",
                path.display(),
                DOCUMENT.noun
            )))
        }
    }
}

/// Looks at most this often, where nobody has patience.
const LOOKS: usize = 3;
/// Between two looks of somebody who has.
const PAUSE: Duration = Duration::from_secs(2);

/// A difference counts when two looks in a row find it on the same object: pods are not seen at one instant, and a start
/// or an end under way moves between the looks.
fn settled(
    scene: &CommandContext,
    args: &DriftArgs,
    world: &dyn Platform,
    look: &OutputStyle,
    s: &mut Streams<'_>,
) -> (Observed, Drift) {
    let (clock, patience) = (Instant::now(), args.patience.unwrap_or_default());
    let limits = Limits { gap: args.gap_limit, log: args.log_limit };
    let (mut observed, mut now) = one(scene, limits, world, look, s);
    let mut looks = 1;
    loop {
        let waits = clock.elapsed() < patience;
        if now.differences.is_empty() || (looks >= LOOKS && !waits) {
            break;
        }
        world.sleep(if waits { scene.conf.query_retry_delay.max(PAUSE) } else { scene.conf.query_retry_delay });
        let before: BTreeSet<_> = now.differences.iter().map(place).collect();
        (observed, now) = one(scene, limits, world, look, s);
        looks += 1;
        let seen = now.differences.len();
        now.differences.retain(|d| before.contains(&place(d)));
        if now.differences.len() == seen && !waits {
            break;
        }
    }
    (observed, now)
}

/// Where a difference is, whatever its kind: a sender that stops and tries in turns is not running.
fn place(d: &drift::Difference) -> (Ordinal, Option<String>, String) {
    (d.pod, d.object.clone(), d.fact.clone())
}

fn one(
    scene: &CommandContext,
    limits: Limits,
    world: &dyn Platform,
    look: &OutputStyle,
    s: &mut Streams<'_>,
) -> (Observed, Drift) {
    let mut observed = look::observe(scene, world, look, s);
    let mut drift = drift::examine(Scope { desired: &scene.desired, observed: &observed });
    if count(scene, &mut observed, &drift) {
        drift = drift::examine(Scope { desired: &scene.desired, observed: &observed });
    }
    limits::examine(Scope { desired: &scene.desired, observed: &observed }, limits, &mut drift);
    (observed, drift)
}

/// Whether a goal helps may hang on rows: those are counted, so that nobody is sent to it in vain. A pod that does not give
/// them now keeps what was seen of it.
fn count(scene: &CommandContext, observed: &mut Observed, drift: &Drift) -> bool {
    let mut wanted: BTreeMap<Ordinal, BTreeSet<Target>> = BTreeMap::new();
    for d in &drift.differences {
        if let Remedy::Goal(goal @ (Goal::Reconcile | Goal::Recover(_))) = d.remedy {
            let scope = Scope { desired: &scene.desired, observed };
            for (pod, targets) in drift::remedy::uncounted(scope, goal) {
                wanted.entry(pod).or_default().extend(targets);
            }
        }
    }
    let questions: Vec<(Ordinal, Vec<Target>)> =
        wanted.into_iter().map(|(pod, targets)| (pod, targets.into_iter().collect())).collect();
    let mut counted = observed.clone();
    scene.count(&mut counted, &questions);
    for (pod, _) in &questions {
        if let (Some(PodView::Seen(seen)), Some(PodView::Seen(slot))) =
            (counted.pods.remove(pod), observed.pods.get_mut(pod))
        {
            slot.rows = seen.rows;
        }
    }
    !questions.is_empty()
}

/// How a look ended.
struct Ended {
    at: Timestamp,
    took: Duration,
    exit: Exit,
}

/// The text, and when everything that matters was seen last. `disk`: see `--log-disk`.
fn metrics(
    run: &Ended,
    before: impl FnOnce() -> Option<Timestamp>,
    seen: Option<&Seen>,
    trend: &Trend,
    disk: Option<u64>,
) -> (String, Option<Timestamp>) {
    let full = seen.is_some_and(|seen| seen.report.view.completeness == Completeness::Full);
    let success = if full { Some(run.at) } else { before() };
    let looked = seen.map(|seen| Looked {
        desired: &seen.scene.desired,
        observed: &seen.observed,
        report: &seen.report,
        trend,
        disk,
    });
    (render::metrics(&Run { at: run.at, success, took: run.took, exit: run.exit }, looked.as_ref()), success)
}

/// What stays between two looks of one process.
pub(super) struct Memory {
    /// When everything was seen last; `None`: never.
    success: Option<Timestamp>,
    trend: Trend,
    /// See `--log-disk`.
    disk: Option<u64>,
}

impl Memory {
    /// Nothing was looked at yet.
    pub(super) fn new(disk: Option<u64>) -> Self {
        Self { success: None, trend: Trend::default(), disk }
    }
}

/// One look, for whoever scrapes: the text as `--metrics` writes it, and how the look ended.
pub(super) fn page(
    args: &DriftArgs,
    memory: &mut Memory,
    common: &Common,
    world: &dyn Platform,
    look: &OutputStyle,
    s: &mut Streams<'_>,
) -> (String, Exit) {
    let clock = Instant::now();
    let (exit, seen) = match looked(args, &mut memory.trend, common, world, look, s) {
        Ok(seen) => (drift::compare::exit(&seen.report), Some(seen)),
        Err(exit) => (exit, None),
    };
    let run = Ended { at: world.now(), took: clock.elapsed(), exit };
    let (text, success) = metrics(&run, || memory.success, seen.as_ref(), &memory.trend, memory.disk);
    memory.success = success;
    (text, exit)
}

/// Largest file of metrics that is read again, bytes.
const METRICS: u64 = 16 << 20;

/// What the file says that this run is to replace.
fn last_success(path: &Path) -> Option<Timestamp> {
    let text = bounded::text(path, METRICS).ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("aku_last_success_timestamp_seconds "))?;
    let second: i64 = line.trim().parse().ok().filter(|s| *s > 0)?;
    Timestamp::from_second(second).ok()
}
