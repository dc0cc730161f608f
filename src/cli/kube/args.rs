//! The flags of `aku k8s`: what `aku.conf` has no words for.

use std::{path::PathBuf, time::Duration};

use aku_kube::{
    Access, Cluster, ClusterSpec, Members, Options, Quantity, SecretKey, SpecError, StopSignal, Wanted, lint::Limits,
};
use clap::{Args, Subcommand, ValueEnum};

use crate::{cli::time, exit::Exit, render::Diagnostic};

/// Flags of `aku k8s`.
#[derive(Args, Clone, Debug)]
pub struct KubeArgs {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Clone, Debug, Subcommand)]
pub(super) enum Command {
    /// Print the objects: StatefulSet, Services, ConfigMap, budget, policy, drift job; with comments that say why
    Manifests(OptionArgs),
    /// Write a Helm chart; its names, ports and times are those of aku.conf
    Chart(FolderArgs),
    /// Write a kustomization: a base, and an overlay to begin with
    Kustomize(FolderArgs),
    /// Judge manifests that somebody wrote against aku.conf: exit 2 for errors, 65 for what cannot be read
    Lint(LintArgs),
}

/// Flags of `chart` and `kustomize`.
#[derive(Args, Clone, Debug)]
pub(super) struct FolderArgs {
    /// Where to; new, empty, or written by this command before. Overlays that are there are kept
    pub dir: PathBuf,
    #[command(flatten)]
    pub options: OptionArgs,
}

/// What the installer says.
#[expect(clippy::struct_excessive_bools, reason = "flags are what they are")]
#[derive(Args, Clone, Debug)]
pub(super) struct OptionArgs {
    /// Namespace of the objects [default: none, the installer says it]
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// The image with Altibase and aku, see conf/container/Dockerfile
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// Pods at first [default: 2, at most AKU_SERVER_COUNT]
    #[arg(long, value_name = "N")]
    replicas: Option<u8>,
    /// ALTIBASE_HOME in the image
    #[arg(long, value_name = "DIR")]
    home: Option<String>,
    /// The number of the user and group that the server runs as
    #[arg(long, value_name = "UID", value_parser = clap::value_parser!(u32).range(1..))]
    user: Option<u32>,
    /// ALTIBASE_NLS_USE
    #[arg(long, value_name = "NAME")]
    charset: Option<String>,
    /// Memory of a pod, e.g. 4Gi
    #[arg(long, value_name = "AMOUNT")]
    memory: Option<Quantity>,
    /// CPU that a pod asks for, e.g. 500m
    #[arg(long, value_name = "AMOUNT")]
    cpu: Option<Quantity>,
    /// Size of a volume, e.g. 20Gi
    #[arg(long, value_name = "AMOUNT")]
    storage: Option<Quantity>,
    /// Storage class [default: that of the cluster]
    #[arg(long, value_name = "NAME")]
    storage_class: Option<String>,
    /// Who may mount a volume
    #[arg(long, value_enum, value_name = "MODE")]
    access_mode: Option<AccessMode>,
    /// A pod that is scaled away leaves nothing: its volume goes with it
    #[arg(long)]
    ephemeral: bool,
    /// The Secret with the password of SYS [default: altibase-sys/password]
    #[arg(long, value_name = "NAME[/KEY]", value_parser = |text: &str| SecretKey::parse(text, "password"))]
    password_secret: Option<SecretKey>,
    /// The Secret with the licence
    #[arg(long, value_name = "NAME[/KEY]", value_parser = |text: &str| SecretKey::parse(text, "license"))]
    licence_secret: Option<SecretKey>,
    /// How long a clean stop of the server may take [default: 120s]
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    server_stop: Option<Duration>,
    /// What stops the server in order: INT, for Altibase and for a pod of the lab
    #[arg(long, value_enum, value_name = "SIGNAL", ignore_case = true)]
    stop_signal: Option<Signal>,
    /// How long a pod waits before it ends, for slow load balancers [default: 0]
    #[arg(long, value_name = "TIME", value_parser = time::parse_or_nothing)]
    pre_stop_sleep: Option<Duration>,
    /// The longest join there may be [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    startup_limit: Option<Duration>,
    /// Create a database where there are no data files: for the first installation
    #[arg(long)]
    create_database: bool,
    /// A Service for each pod
    #[arg(long)]
    per_pod: bool,
    /// No NetworkPolicy
    #[arg(long)]
    no_network_policy: bool,
    /// No CronJob that looks for drift
    #[arg(long)]
    no_drift: bool,
    /// When it looks [default: */15 * * * *]
    #[arg(long, value_name = "CRON", conflicts_with = "no_drift")]
    drift_schedule: Option<String>,
    /// Metrics of each pod, PodMonitor and PrometheusRule
    #[arg(long)]
    monitoring: bool,
    /// What runs as the server [default: altibase -n]
    #[arg(last = true, value_name = "SERVER COMMAND")]
    server: Vec<String>,
}

/// Who may mount a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum AccessMode {
    /// Pods of one node.
    ReadWriteOnce,
    /// One pod; the driver has to know it.
    ReadWriteOncePod,
}

/// What stops the server in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
enum Signal {
    /// Altibase.
    Int,
    /// A crash to Altibase and to a pod of the lab.
    Term,
    /// Something else.
    Quit,
}

/// Flags of `lint`.
#[derive(Args, Clone, Debug)]
pub(super) struct LintArgs {
    /// Manifests; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Form of the findings
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// How long a clean stop of the server may take, where aku run is not told [default: 120s]
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    server_stop: Option<Duration>,
    /// The longest join there may be [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    startup_limit: Option<Duration>,
}

/// Forms of findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Text for people.
    #[default]
    Text,
    /// One JSON document.
    Json,
    /// SARIF 2.1.0, which code hosts show beside the lines.
    Sarif,
}

/// Whole seconds; a part of one counts as one.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

fn wanted(flag: bool) -> Wanted {
    if flag { Wanted::Yes } else { Wanted::No }
}

impl OptionArgs {
    fn options(&self, spec: &ClusterSpec) -> Options {
        let a = self.clone();
        let d = Options::default();
        Options {
            namespace: a.namespace,
            image: a.image.unwrap_or(d.image),
            server: if a.server.is_empty() { d.server } else { a.server },
            home: a.home.unwrap_or(d.home),
            user: a.user.unwrap_or(d.user),
            charset: a.charset.unwrap_or(d.charset),
            replicas: a.replicas.unwrap_or(d.replicas.min(spec.server_count)),
            memory: a.memory.unwrap_or(d.memory),
            cpu: a.cpu.unwrap_or(d.cpu),
            storage: a.storage.unwrap_or(d.storage),
            storage_class: a.storage_class,
            access: match a.access_mode {
                Some(AccessMode::ReadWriteOnce) => Access::ReadWriteOnce,
                Some(AccessMode::ReadWriteOncePod) => Access::ReadWriteOncePod,
                None => d.access,
            },
            members: if a.ephemeral { Members::Ephemeral } else { Members::Durable },
            password: a.password_secret.unwrap_or(d.password),
            licence: a.licence_secret,
            server_stop: a.server_stop.map_or(d.server_stop, seconds),
            stop_signal: match a.stop_signal {
                Some(Signal::Int) => StopSignal::Int,
                Some(Signal::Term) => StopSignal::Term,
                Some(Signal::Quit) => StopSignal::Quit,
                None => d.stop_signal,
            },
            pre_stop_sleep: a.pre_stop_sleep.map_or(d.pre_stop_sleep, seconds),
            startup_limit: a.startup_limit.map_or(d.startup_limit, seconds),
            create_database: wanted(a.create_database),
            per_pod: wanted(a.per_pod),
            network_policy: wanted(!a.no_network_policy),
            drift: wanted(!a.no_drift),
            drift_schedule: a.drift_schedule.unwrap_or(d.drift_schedule),
            monitoring: wanted(a.monitoring),
        }
    }
}

/// A cluster that can be written.
pub(super) fn cluster(spec: ClusterSpec, args: &OptionArgs) -> Result<Cluster, Diagnostic> {
    let options = args.options(&spec);
    Cluster::new(spec, options).map_err(|wrong| {
        let by_flag = |e: &SpecError| match e {
            SpecError::Replicas { .. } | SpecError::Image(_) | SpecError::EphemeralKeeps | SpecError::Option { .. } => {
                true
            }
            SpecError::Name { .. } | SpecError::ServiceTaken(_) | SpecError::Password => false,
        };
        let exit = if wrong.iter().all(by_flag) { Exit::Usage } else { Exit::BadData };
        let said: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        Diagnostic::new(exit, "k8s", said.join("; "))
    })
}

impl LintArgs {
    pub(super) fn limits(&self) -> Limits {
        let d = Limits::default();
        Limits {
            server_stop: self.server_stop.map_or(d.server_stop, seconds),
            longest_join: self.startup_limit.map_or(d.longest_join, seconds),
        }
    }
}
