//! `aku drift`: compares the pods with aku.conf, for cron. Sends nothing but SELECTs, and proposes nothing.
//!
//! The metrics file is written on every run, also on one that did not get as far as the pods.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::{
    args::Common,
    env::read_small,
    look,
    plan::talk,
    policy,
    scene::Scene,
    stream::{Look, Streams, answer, fail, shown},
    wiring::World,
};
use crate::{
    document::{self, Fault},
    drift::{self, Accept, Report, Run},
    exit::Exit,
    observe::Observed,
    plan::{
        facts::Facts,
        policy::{Policy, Subject, Use},
    },
    render::{self, Nagios, Trouble},
};

/// Flags of `aku drift`.
#[derive(Args, Clone, Debug)]
pub struct DriftArgs {
    /// Form of the report on standard output
    #[arg(long, value_enum, default_value_t)]
    pub format: DriftFormat,
    /// Also save the report, to be compared with by the next run
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The report of the run before: tells what is new; none there counts as the first run
    #[arg(long, value_name = "FILE")]
    pub previous: Option<PathBuf>,
    /// Differences that are accepted for a while: a TOML file
    #[arg(long, value_name = "FILE")]
    pub accept: Option<PathBuf>,
    /// Write metrics for Prometheus' node exporter, e.g. /var/lib/node_exporter/aku.prom
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,
    /// Levels of rules (off, warn, deny): a TOML file
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// One line and the exit codes 0 to 3 of monitoring plugins
    #[arg(long, conflicts_with = "format")]
    pub nagios: bool,
}

/// Forms of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DriftFormat {
    /// Text for people.
    #[default]
    Human,
    /// One JSON document.
    Json,
}

/// What the files say.
struct Files {
    policy: Policy,
    accepts: Vec<Accept>,
    previous: Option<Report>,
}

/// Runs it.
pub fn run(args: &DriftArgs, common: &Common, world: &dyn World, look: &Look, s: &mut Streams<'_>) -> Exit {
    let began = world.now();
    let (exit, metrics) = match looked(args, common, world, look, s) {
        Ok((scene, observed, report)) => {
            let took = elapsed(began, world.now());
            let exit = said(args, &report, took, look, s);
            let last_success = if report.ends() == Exit::Unknown { success_before(args) } else { Some(report.at) };
            let run = Run { at: began, took, exit: report.ends(), last_success };
            (exit, drift::metrics(&scene.desired, &observed, &report, run))
        }
        Err(exit) => {
            let took = elapsed(began, world.now());
            let run = Run { at: began, took, exit, last_success: success_before(args) };
            let exit = if args.nagios { NAGIOS_UNKNOWN } else { exit };
            (exit, drift::without_pods(run))
        }
    };
    match &args.metrics {
        Some(path) => match publish(&metrics, path) {
            Ok(()) => exit,
            Err(e) => {
                let text = format!("the metrics cannot be written to {}: {e}", path.display());
                fail(s, look, &Trouble::new(Exit::Output, "output", text))
            }
        },
        None => exit,
    }
}

/// UNKNOWN of monitoring plugins is 3.
const NAGIOS_UNKNOWN: Exit = Exit::Refused;

fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    to.duration_since(from).try_into().unwrap_or_default()
}

fn looked(
    args: &DriftArgs,
    common: &Common,
    world: &dyn World,
    look: &Look,
    s: &mut Streams<'_>,
) -> Result<(Scene, Observed, Report), Exit> {
    let files = files(args, look, s).map_err(|t| fail(s, look, &t))?;
    let scene = look::open(common, world, look, s)?;
    let at = world.now();
    let observed = look::observe(&scene, world, look, s);
    let facts = Facts::of_cluster(&scene.desired, &observed);
    let rules = crate::plan::policy::judge(&files.policy, Subject { facts: &facts, plan: None }, Use::default());
    let found = drift::find(&scene.desired, &observed);
    let seen = (&scene.desired, &observed);
    let previous = files.previous.as_ref().filter(|p| p.statefulset == scene.desired.statefulset);
    let report = Report::new(seen, &scene.digest, found, rules, &files.accepts, previous, at);
    Ok((scene, observed, report))
}

fn files(args: &DriftArgs, look: &Look, s: &mut Streams<'_>) -> Result<Files, Trouble> {
    let policy = policy::load(&policy::PolicyArgs { file: args.policy.clone(), program: None })?;
    let accepts = match &args.accept {
        None => Vec::new(),
        Some(path) => accepts(path)?,
    };
    let previous = match &args.previous {
        None => None,
        Some(path) => previous(path, look, s)?,
    };
    Ok(Files { policy, accepts, previous })
}

fn accepts(path: &Path) -> Result<Vec<Accept>, Trouble> {
    let trouble = |exit, text: String| Trouble::new(exit, "accept", text).fact("file", path.display().to_string());
    let bytes = read_small(path)
        .map_err(|e| trouble(Exit::NoInput, format!("the accepted differences cannot be read: {e}")))?;
    let text = String::from_utf8(bytes).map_err(|_| trouble(Exit::BadData, "the file is not text".to_owned()))?;
    drift::parse_accepts(&text)
        .map_err(|e| trouble(Exit::BadData, format!("the accepted differences are not valid: {e}")))
}

fn previous(path: &Path, look: &Look, s: &mut Streams<'_>) -> Result<Option<Report>, Trouble> {
    let trouble =
        |exit, e: &Fault| Trouble::new(exit, "previous", e.to_string()).fact("file", path.display().to_string());
    if !path.exists() {
        talk(look, s, &format!("{} is not there: everything found is new", path.display()));
        return Ok(None);
    }
    let text = document::read(path, drift::DOCUMENT).map_err(|e| trouble(Exit::NoInput, &e))?;
    Report::parse(&text).map(Some).map_err(|e| trouble(Exit::BadData, &e))
}

/// Prints and saves the report; the exit code.
fn said(args: &DriftArgs, report: &Report, took: Duration, look: &Look, s: &mut Streams<'_>) -> Exit {
    let text = match (args.nagios, args.format) {
        (true, _) => render::nagios(report),
        (false, DriftFormat::Json) => report.text(),
        (false, DriftFormat::Human) => shown(&render::drift(report, took, look.width), look),
    };
    let exit = match args.nagios {
        // The codes of plugin runners, by their numbers.
        true => match render::nagios_status(report) {
            Nagios::Ok => Exit::Ok,
            Nagios::Warning => Exit::Internal,
            Nagios::Critical => Exit::Changes,
            Nagios::Unknown => NAGIOS_UNKNOWN,
        },
        false => report.ends(),
    };
    if let Some(path) = &args.output
        && let Err(e) = document::store(&report.text(), path)
    {
        let text = format!("the report cannot be saved to {}: {e}", path.display());
        return fail(s, look, &Trouble::new(Exit::Output, "output", text));
    }
    match answer(s, &text) {
        // The reader went away: what was found is still the answer.
        Ok(()) | Err(Exit::Ok) => exit,
        Err(other) => other,
    }
}

/// Whole or not at all, readable for the exporter, which is another user.
fn publish(text: &str, path: &Path) -> std::io::Result<()> {
    document::store_public(text, path)
}

/// When a run could tell last, as the metrics file of the run before says.
fn success_before(args: &DriftArgs) -> Option<Timestamp> {
    const NAME: &str = "aku_last_success_timestamp_seconds ";
    let text = std::fs::read_to_string(args.metrics.as_ref()?).ok()?;
    let seconds: i64 = text.lines().find_map(|l| l.strip_prefix(NAME))?.trim().parse().ok()?;
    Timestamp::from_second(seconds).ok().filter(|_| seconds > 0)
}
