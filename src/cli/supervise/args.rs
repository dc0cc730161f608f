//! The flags of `aku run`, and where they come from when a container's template sets variables. A flag outweighs its
//! variable. Reads the environment; judges nothing.

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use rustix::process::Signal;

use crate::{
    cli::{env::Env, run_args::variable, serve, size, time},
    render::Diagnostic,
};

/// What makes a database where nobody says it.
const CREATE: &str = "server create UTF8 UTF8";
/// Where the kubelet looks for the last words of a container.
const TERMINATION_LOG: &str = "/dev/termination-log";
/// What a server needs to stop: 23 to 25 s were measured on small ones (`measured.md` 9.3), and it grows with what is dirty.
const SERVER_STOP: Duration = Duration::from_secs(120);
/// Between two beats of the ledger.
const BEAT: Duration = Duration::from_secs(5);
/// Before a start that failed is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Flags of `aku run`.
#[derive(Args, Clone, Debug, Default)]
pub struct SuperviseArgs {
    /// terminationGracePeriodSeconds, less what a preStop hook takes: 436 or 436s [default: $AKU_GRACE, else what aku.conf
    /// needs]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub grace: Option<Duration>,
    /// What is kept of it for stopping the server [default: $AKU_SERVER_STOP, else 120s]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub server_stop: Option<Duration>,
    /// What stops the server in order; TERM is a crash to Altibase and to a pod of the lab [default: $AKU_STOP_SIGNAL, else INT]
    #[arg(long, value_name = "INT|TERM|QUIT", value_enum, ignore_case = true, hide_possible_values = true)]
    pub stop_signal: Option<StopSignal>,
    /// Make a database with this command where there is no data file at all [default command: server create UTF8 UTF8]
    #[arg(long, value_name = "COMMAND", num_args = 0..=1, require_equals = true, default_missing_value = CREATE)]
    pub create_database: Option<String>,
    /// Where data files are looked for; may be repeated [default: $AKU_DATA_DIRS, else dbs and logs below $ALTIBASE_HOME]
    #[arg(long, value_name = "DIR")]
    pub data: Vec<PathBuf>,
    /// How often the ledger is beaten while the pod serves, 0 for never [default: $AKU_BEAT, else 5s]
    #[arg(long, value_name = "TIME", value_parser = time::parse_or_nothing)]
    pub beat: Option<Duration>,
    /// Pause after a start that failed; it doubles, up to 12 times as much [default: $AKU_RETRY, else 5s]
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub retry: Option<Duration>,
    /// Where the reason of a refused start goes [default: $AKU_TERMINATION_LOG, else /dev/termination-log]
    #[arg(long, value_name = "FILE")]
    pub termination_log: Option<PathBuf>,
    /// Serve the metrics of `aku serve` at [HOST]:PORT while the pod serves or waits [default: $AKU_METRICS, else not]
    #[arg(long, value_name = "ADDR", value_parser = serve::address)]
    pub metrics: Option<SocketAddr>,
    /// How much log the disk of a pod holds, for --metrics, e.g. 50G [default: $AKU_LOG_DISK, else unknown]
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub log_disk: Option<u64>,
    /// The server and its arguments [default: altibase -n]
    #[arg(value_name = "SERVER", trailing_var_arg = true)]
    pub server: Vec<OsString>,
}

/// Signals that may stop a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StopSignal {
    /// SIGINT
    Int,
    /// SIGTERM
    Term,
    /// SIGQUIT
    Quit,
}

impl StopSignal {
    /// The signal and its name.
    #[must_use]
    pub fn signal(self) -> (Signal, &'static str) {
        match self {
            Self::Int => (Signal::INT, "SIGINT"),
            Self::Term => (Signal::TERM, "SIGTERM"),
            Self::Quit => (Signal::QUIT, "SIGQUIT"),
        }
    }
}

/// A length of time; a number alone is seconds, as in a pod's template.
fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<u64>() {
        Ok(n) if n > 0 => Ok(Duration::from_secs(n)),
        Ok(_) | Err(_) => time::parse(text),
    }
}

/// The same with the variables, and defaults that need no aku.conf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// `None`: what aku.conf needs.
    pub grace: Option<Duration>,
    /// See `--server-stop`.
    pub server_stop: Duration,
    /// See `--stop-signal`.
    pub stop_signal: StopSignal,
    /// Words of the command; `None` for never.
    pub create: Option<Vec<String>>,
    /// Directories of data files; none when nobody says where they are.
    pub data: Vec<PathBuf>,
    /// `None` for never.
    pub beat: Option<Duration>,
    /// See `--retry`.
    pub retry: Duration,
    /// Where there is one.
    pub termination_log: Option<PathBuf>,
    /// See `--metrics`; `None` for not.
    pub metrics: Option<SocketAddr>,
    /// See `--log-disk`; `None`: unknown.
    pub log_disk: Option<u64>,
    /// Program and arguments; never empty.
    pub server: Vec<OsString>,
}

impl Wanted {
    /// From flags, then variables, then defaults.
    ///
    /// # Errors
    /// A variable that cannot be read (exit 64).
    pub fn new(args: &SuperviseArgs, env: &Env) -> Result<Self, Diagnostic> {
        let grace = variable(env, "AKU_GRACE", seconds)?;
        let server_stop = variable(env, "AKU_SERVER_STOP", seconds)?;
        let stop_signal = variable(env, "AKU_STOP_SIGNAL", |t| StopSignal::from_str(t, true))?;
        let beat = variable(env, "AKU_BEAT", time::parse_or_nothing)?;
        let retry = variable(env, "AKU_RETRY", time::parse)?;
        let metrics = variable(env, "AKU_METRICS", serve::address)?;
        let log_disk = variable(env, "AKU_LOG_DISK", size::parse)?;
        let server = if args.server.is_empty() { vec!["altibase".into(), "-n".into()] } else { args.server.clone() };
        let named = || env.var("AKU_DATA_DIRS").map(|dirs| std::env::split_paths(dirs).collect());
        // Only of Altibase it is known where its data files are.
        let altibase = server.first().is_some_and(|p| PathBuf::from(p).file_name().is_some_and(|n| n == "altibase"));
        let home = || {
            let home = env.var(crate::cli::confpath::HOME_VARIABLE).filter(|_| altibase).map(PathBuf::from)?;
            Some(vec![home.join("dbs"), home.join("logs")])
        };
        let data = if args.data.is_empty() { named().or_else(home).unwrap_or_default() } else { args.data.clone() };
        let given = args.termination_log.clone().or_else(|| env.var("AKU_TERMINATION_LOG").map(PathBuf::from));
        let kubelets = || Some(PathBuf::from(TERMINATION_LOG)).filter(|p| p.exists());
        Ok(Self {
            grace: args.grace.or(grace),
            server_stop: args.server_stop.or(server_stop).unwrap_or(SERVER_STOP),
            stop_signal: args.stop_signal.or(stop_signal).unwrap_or(StopSignal::Int),
            create: args.create_database.as_ref().map(|c| c.split_whitespace().map(str::to_owned).collect()),
            data,
            beat: Some(args.beat.or(beat).unwrap_or(BEAT)).filter(|b| !b.is_zero()),
            retry: args.retry.or(retry).unwrap_or(RETRY),
            termination_log: given.or_else(kubelets),
            metrics: args.metrics.or(metrics),
            log_disk: args.log_disk.or(log_disk),
            server,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    fn wanted(args: &SuperviseArgs, env: &[(&str, &str)]) -> Wanted {
        Wanted::new(args, &Env::fixed(env.iter().copied())).unwrap()
    }

    #[test]
    fn flag_then_variable_then_default() {
        let none = SuperviseArgs::default();
        let w = wanted(&none, &[("ALTIBASE_HOME", "/h")]);
        assert_eq!((w.grace, w.server_stop, w.stop_signal), (None, SERVER_STOP, StopSignal::Int));
        assert_eq!(w.server, ["altibase", "-n"]);
        assert_eq!(w.data, [PathBuf::from("/h/dbs"), PathBuf::from("/h/logs")]);
        let env = [("AKU_GRACE", "436"), ("AKU_STOP_SIGNAL", "term"), ("AKU_BEAT", "0"), ("AKU_DATA_DIRS", "/a:/b")];
        let w = wanted(&none, &env);
        assert_eq!((w.grace, w.stop_signal, w.beat), (Some(Duration::from_secs(436)), StopSignal::Term, None));
        assert_eq!(w.data, [PathBuf::from("/a"), PathBuf::from("/b")]);
        assert_eq!(w.metrics, None);
        let w = wanted(&none, &[("AKU_METRICS", "0.0.0.0:9440")]);
        assert_eq!(w.metrics, Some("0.0.0.0:9440".parse().unwrap()), "as the manifests have it");
        let flags = SuperviseArgs {
            grace: Some(Duration::from_secs(9)),
            server: vec!["/x/server".into()],
            data: vec!["/d".into()],
            ..SuperviseArgs::default()
        };
        let w = wanted(&flags, &env);
        assert_eq!((w.grace, w.data), (Some(Duration::from_secs(9)), vec![PathBuf::from("/d")]));
        // Of another server nobody knows where its data are.
        let other = SuperviseArgs { server: vec!["/x/server".into()], ..SuperviseArgs::default() };
        assert!(wanted(&other, &[("ALTIBASE_HOME", "/h")]).data.is_empty());
        for wrong in [("AKU_GRACE", "0"), ("AKU_STOP_SIGNAL", "KILL"), ("AKU_BEAT", "5"), ("AKU_METRICS", "9440")] {
            let trouble = Wanted::new(&none, &Env::fixed([wrong])).unwrap_err();
            assert_eq!(trouble.exit, Exit::Usage, "{wrong:?}");
        }
    }
}
