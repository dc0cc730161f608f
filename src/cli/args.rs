//! The flags: one derive parser for the subcommands and for the documented front door (`aku -p start`).
//!
//! Decides what may be combined with what: a flag that would be ignored is an error. Reads no environment and no file.
//! `-v` is the documented version flag, so verbosity has no short form on the front door.

use std::ffi::OsString;

use clap::{
    ArgAction, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum, error::ErrorKind,
    parser::ValueSource,
};

use super::{
    check::CheckArgs,
    common::{Common, ExplainArgs, What},
    demo::DemoArgs,
    drift::DriftArgs,
    file_args::{CaptureArgs, CompletionsArgs, DiffArgs, GraphArgs, ManArgs, ReviewArgs, SchemaArgs, ShowArgs},
    goal_args::{self, GoalArgs},
    info::InfoArgs,
    kube::KubeArgs,
    lab::LabArgs,
    legacy_71::Style,
    plan_args::{ApplyArgs, PlanArgs},
    probe::{ProbeArgs, Question},
    runs::RunsArgs,
    serve::ServeArgs,
    status::StatusArgs,
    supervise::SuperviseArgs,
    validate::ValidateArgs,
    verify::VerifyArgs,
    version,
};

/// Keeps Altibase replication between the pods of a StatefulSet in the state that aku.conf declares.
#[derive(Debug, Parser)]
#[command(
    name = "aku",
    version,
    disable_version_flag = true,
    disable_help_subcommand = true,
    subcommand_negates_reqs = true,
    group = clap::ArgGroup::new("front").required(true),
    max_term_width = 100,
    after_help = "Exit codes: 0 done, 2 changes (plan --exit-code), 3 refused, 4 partly done, 5 stale plan,\n6 another run is at it, 7 cannot \
                  tell, 8 stopped, 64 usage, 65 bad aku.conf or plan, 66 no such file, 69 not reachable,\n74 output, \
                  77 login refused. Every code in a message is explained by: aku explain CODE"
)]
pub struct Cli {
    #[command(flatten)]
    legacy: LegacyFlags,
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The documented flags.
#[derive(Args, Debug)]
#[group(skip)]
struct LegacyFlags {
    /// Start, end or clean the pod this runs on, as pod hooks do
    #[arg(
        short = 'p',
        long = "pod",
        value_name = "start|end|clean",
        hide_possible_values = true,
        ignore_case = true,
        group = "front"
    )]
    pod: Option<What>,
    /// Show aku.conf
    #[arg(short, long, group = "front")]
    info: bool,
    /// With -p: print the lines of that release [default: 7.3; $AKU_CLI_OUTPUT_STYLE]
    #[arg(long, value_enum, value_name = "7.1|7.3", hide_possible_values = true, requires = "pod")]
    output_style: Option<Style>,
    /// With -i: print the password of SYS instead of asterisks
    #[arg(long, requires = "info")]
    show_secrets: bool,
    /// Print the version; with --verbose: commit, features, servers
    #[arg(short = 'v', visible_short_alias = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what would be done, and why; changes nothing
    Plan(PlanArgs),
    /// Do it
    Apply(ApplyArgs),
    /// Show the pods, their pairs and what is kept for whom
    Status(StatusArgs),
    /// Ask every preflight question on every pod
    Check(CheckArgs),
    /// Compare the contents of the tables between the pods
    Verify(VerifyArgs),
    /// Tell what differs between aku.conf and the pods, for cron; changes nothing
    Drift(DriftArgs),
    /// Serve the metrics of drift over HTTP, look after look
    Serve(ServeArgs),
    /// Judge a saved plan: digest, format, expiry, policy
    Review(ReviewArgs),
    /// Show a saved plan
    Show(ShowArgs),
    /// Show the order of a saved plan as a graph
    Graph(GraphArgs),
    /// Save what the pods look like now, to plan from later
    Capture(CaptureArgs),
    /// Tell what differs between two saved plans
    Diff(DiffArgs),
    /// Print the JSON Schema of a kind of file
    Schema(SchemaArgs),
    /// What earlier runs on this machine did, from their journals
    Runs(RunsArgs),
    /// Tell the long story behind a code
    Explain(ExplainArgs),
    /// The first process of a container: the server, its pod's start and end, its stop
    Run(SuperviseArgs),
    /// What a probe of the kubelet asks
    Probe(ProbeArgs),
    /// Check aku.conf
    Validate(ValidateArgs),
    /// Show aku.conf
    Info(InfoArgs),
    /// Objects of Kubernetes from aku.conf: manifests, a Helm chart, a kustomization; and a judgement of others'
    K8s(Box<KubeArgs>),
    /// Print completions for a shell
    Completions(CompletionsArgs),
    /// Write the manual pages
    Man(ManArgs),
    /// A cluster of simulated Altibase servers on this machine
    Lab(LabArgs),
    /// The life of a cluster of four pods, on this machine, in under a minute
    Demo(DemoArgs),
}

/// A command with everything it may know.
#[derive(Debug)]
pub enum Invocation {
    /// `aku plan`
    Plan(PlanArgs),
    /// `aku apply`
    Apply(ApplyArgs),
    /// `aku status`
    Status(StatusArgs),
    /// `aku check`
    Check(CheckArgs),
    /// `aku verify`
    Verify(VerifyArgs),
    /// `aku drift`
    Drift(DriftArgs),
    /// `aku serve`
    Serve(ServeArgs),
    /// `aku review`
    Review(ReviewArgs),
    /// `aku show`
    Show(ShowArgs),
    /// `aku graph`
    Graph(GraphArgs),
    /// `aku capture`
    Capture(CaptureArgs),
    /// `aku diff`
    Diff(DiffArgs),
    /// `aku schema`
    Schema(SchemaArgs),
    /// `aku runs`
    Runs(RunsArgs),
    /// `aku explain`
    Explain(ExplainArgs),
    /// `aku run`
    Run(SuperviseArgs),
    /// `aku probe`
    Probe(ProbeArgs),
    /// `aku validate`
    Validate(ValidateArgs),
    /// `aku info`, `aku -i`
    Info(InfoArgs),
    /// `aku k8s`
    K8s(Box<KubeArgs>),
    /// `aku completions`
    Completions(CompletionsArgs),
    /// `aku man`
    Man(ManArgs),
    /// `aku lab`
    Lab(LabArgs),
    /// `aku demo`
    Demo(DemoArgs),
    /// `aku -p`, the word that was typed when it is not the documented one, and whose lines are printed.
    Legacy(What, Option<String>, Option<Style>),
}

/// Reads a command line.
///
/// # Errors
/// Also for `--help` and `--version`, as clap does: see `clap::Error::exit_code`.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<(Invocation, Common), clap::Error> {
    let args: Vec<OsString> = args.into_iter().collect();
    let at = command_at(&args);
    let args = goal_args::spelt_out(args, at);
    if args.len() < 2 {
        return Err(clap::Error::new(ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand));
    }
    let known =
        if version::is_asked(&args) { Cli::command().version(&*version::long().leak()) } else { Cli::command() };
    let matches = known.try_get_matches_from(short_verbose(args, at))?;
    let cli = Cli::from_arg_matches(&matches)?;
    let conflict = |text: String| Cli::command().error(ErrorKind::ArgumentConflict, text);
    let (name, invocation) = match (cli.command, cli.legacy.pod, cli.legacy.info) {
        (Some(_), Some(_), _) => return Err(conflict("-p/--pod cannot be used with a subcommand".to_owned())),
        (Some(_), None, true) => return Err(conflict("-i/--info cannot be used with a subcommand".to_owned())),
        (Some(command), None, false) => of_command(command, &cli.common),
        (None, Some(what), _) => {
            let typed = matches.get_raw("pod").and_then(|mut raw| Some(raw.next()?.to_string_lossy().to_lowercase()));
            let documented = what.to_possible_value().is_none_or(|v| typed.as_deref() == Some(v.get_name()));
            ("-p/--pod", Invocation::Legacy(what, typed.filter(|_| !documented), cli.legacy.output_style))
        }
        (None, None, _) => {
            let (conf, show_secrets) = (cli.common.conf.clone(), cli.legacy.show_secrets);
            ("-i/--info", Invocation::Info(InfoArgs { conf, show_secrets }))
        }
    };
    let wished = match &invocation {
        Invocation::Plan(a) => a.wish().err(),
        Invocation::Apply(a) => a.wish().err(),
        _ => None,
    };
    if let Some(text) = wished {
        return Err(conflict(text));
    }
    if let Some(flag) = ignored(&matches, &invocation) {
        return Err(conflict(format!("--{flag} has no meaning with {name}")));
    }
    if cli.legacy.output_style.is_some() && cli.legacy.pod.is_none() {
        return Err(conflict("--output-style has no meaning without -p".to_owned()));
    }
    if cli.legacy.show_secrets && !cli.legacy.info {
        return Err(conflict("--show-secrets has no meaning without -i".to_owned()));
    }
    if cli.common.log_format.is_some() && cli.common.verbose == 0 {
        return Err(conflict("--log-format has no meaning without --verbose".to_owned()));
    }
    Ok((invocation, cli.common))
}

/// Where the command stands: the first word that is neither a flag nor the value of one.
fn command_at(args: &[OsString]) -> Option<usize> {
    let known = Cli::command();
    let takes_value = |flag: &str| {
        known.get_arguments().filter(|a| a.get_action().takes_values()).any(|a| {
            a.get_long().is_some_and(|long| flag.strip_prefix("--") == Some(long))
                || a.get_short().is_some_and(|short| flag.strip_prefix('-') == Some(short.encode_utf8(&mut [0; 4])))
        })
    };
    let mut at = 1;
    while let Some(arg) = args.get(at) {
        match arg.to_str() {
            Some(flag) if flag.starts_with('-') => at += if takes_value(flag) { 2 } else { 1 },
            Some(_) | None => return Some(at),
        }
    }
    None
}

/// `-v` is the documented version flag of the front door; after a subcommand it means what it means everywhere.
fn short_verbose(args: Vec<OsString>, at: Option<usize>) -> Vec<OsString> {
    // Behind `run` stands the command line of another program.
    let Some(at) = at.filter(|at| args.get(*at).is_none_or(|command| command.to_str() != Some("run"))) else {
        return args;
    };
    let verbose = |n| std::iter::repeat_n(OsString::from("--verbose"), n).collect::<Vec<_>>();
    let mut all = args;
    let rest = all.split_off(at + 1);
    all.extend(rest.into_iter().flat_map(|arg| match arg.to_str() {
        Some("-v") => verbose(1),
        Some("-vv") => verbose(2),
        _ => vec![arg],
    }));
    all
}

/// Every command and flag, for completions and the manual.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// The whole help, for a command line that says nothing.
#[must_use]
pub fn help() -> String {
    Cli::command().render_help().to_string()
}

fn of_command(command: Command, common: &Common) -> (&'static str, Invocation) {
    match command {
        Command::Plan(a) => ("plan", Invocation::Plan(a)),
        Command::Apply(a) => ("apply", Invocation::Apply(a)),
        Command::Status(a) => ("status", Invocation::Status(a)),
        Command::Check(a) => ("check", Invocation::Check(a)),
        Command::Verify(a) => ("verify", Invocation::Verify(a)),
        Command::Drift(a) => ("drift", Invocation::Drift(a)),
        Command::Serve(a) => ("serve", Invocation::Serve(a)),
        Command::Review(a) => ("review", Invocation::Review(a)),
        Command::Show(a) => ("show", Invocation::Show(a)),
        Command::Graph(a) => ("graph", Invocation::Graph(a)),
        Command::Capture(a) => ("capture", Invocation::Capture(a)),
        Command::Diff(a) => ("diff", Invocation::Diff(a)),
        Command::Schema(a) => ("schema", Invocation::Schema(a)),
        Command::Runs(a) => ("runs", Invocation::Runs(a)),
        Command::Explain(a) => ("explain", Invocation::Explain(a)),
        Command::Run(a) => ("run", Invocation::Run(a)),
        Command::Probe(a) => ("probe", Invocation::Probe(a)),
        Command::Validate(a) => ("validate", Invocation::Validate(a)),
        Command::Info(a) => ("info", Invocation::Info(InfoArgs { conf: a.conf.or_else(|| common.conf.clone()), ..a })),
        Command::K8s(a) => ("k8s", Invocation::K8s(a)),
        Command::Completions(a) => ("completions", Invocation::Completions(a)),
        Command::Man(a) => ("man", Invocation::Man(a)),
        Command::Lab(a) => ("lab", Invocation::Lab(a)),
        Command::Demo(a) => ("demo", Invocation::Demo(a)),
    }
}

/// Every global flag by its id.
const GLOBALS: [&str; 11] = [
    "conf",
    "endpoints",
    "odbc_driver",
    "password_fd",
    "ordinal",
    "connect_timeout",
    "color",
    "width",
    "quiet",
    "verbose",
    "log_format",
];

/// Those that every command takes, wherever they stand: how it talks, not what it does.
const EVERYWHERE: [&str; 4] = ["color", "quiet", "verbose", "log_format"];

/// Those of commands that are about all pods.
const ALL_PODS: [&str; 6] = ["conf", "endpoints", "odbc_driver", "password_fd", "connect_timeout", "width"];

/// The first global flag on the command line that the command does not look at.
fn ignored(matches: &ArgMatches, invocation: &Invocation) -> Option<String> {
    let seen: &[&str] = match invocation {
        Invocation::Plan(a) if a.capture().is_some() => match a.wish() {
            Ok(GoalArgs::Given(_)) => &["conf", "width"],
            Ok(GoalArgs::Own(_)) | Err(_) => &["conf", "ordinal", "width"],
        },
        Invocation::Plan(a) if matches!(a.wish(), Ok(GoalArgs::Given(_))) => &ALL_PODS,
        Invocation::Apply(a) if matches!(a.wish(), Ok(Some(GoalArgs::Given(_)))) => &ALL_PODS,
        Invocation::Plan(_) | Invocation::Apply(_) | Invocation::Capture(_) => &GLOBALS,
        Invocation::Status(_)
        | Invocation::Check(_)
        | Invocation::Verify(_)
        | Invocation::Drift(_)
        | Invocation::Serve(_)
        | Invocation::Diff(DiffArgs { live: true, .. }) => &ALL_PODS,
        Invocation::Show(_)
        | Invocation::Diff(_)
        | Invocation::Review(_)
        | Invocation::Runs(_)
        | Invocation::Explain(_) => &["width"],
        Invocation::Validate(_) | Invocation::Info(_) | Invocation::K8s(_) => &["conf"],
        Invocation::Completions(_)
        | Invocation::Man(_)
        | Invocation::Lab(_)
        | Invocation::Demo(_)
        | Invocation::Graph(_)
        | Invocation::Schema(_) => &[],
        Invocation::Probe(ProbeArgs { what: Question::Startup | Question::Ready | Question::Live }) => &["ordinal"],
        Invocation::Legacy(..)
        | Invocation::Run(_)
        | Invocation::Probe(ProbeArgs { what: Question::Server | Question::Beat }) => {
            &["conf", "endpoints", "odbc_driver", "ordinal", "connect_timeout"]
        }
    };
    let given = |id: &str| {
        let mut at = Some(matches);
        while let Some(m) = at {
            if m.try_contains_id(id).unwrap_or(false) && m.value_source(id) == Some(ValueSource::CommandLine) {
                return true;
            }
            at = m.subcommand().map(|(_, sub)| sub);
        }
        false
    };
    let ignored = |id: &&str| given(id) && !seen.contains(id) && !EVERYWHERE.contains(id);
    GLOBALS.into_iter().find(ignored).map(|id| id.replace('_', "-"))
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
