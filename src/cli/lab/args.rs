//! The flags of `aku lab`, and how their values are read. No password is ever an argument.

use std::{num::NonZeroU32, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use crate::{
    lab::{
        fault::{Fault, Moment, Party, Ports, Silence},
        pace::Pace,
        pod::Release,
        pod_ordinal,
    },
    topology::{Ordinal, ServerCount},
};

/// A cluster of simulated Altibase servers on this machine.
#[derive(Args, Debug)]
pub struct LabArgs {
    /// Directory of the lab
    #[arg(long, global = true, env = "AKU_LAB_DIR", default_value = "./aku-lab")]
    pub(super) dir: PathBuf,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Start a new lab
    Up(Up),
    /// Kill every pod and remove the lab
    Down,
    /// Show every pod
    Status,
    /// Run SQL on a pod, as SYS; from standard input when no SQL is given
    Sql(Sql),
    /// kill -9 of pods
    Kill(Pods),
    /// Start pods with the state they have
    Start {
        #[command(flatten)]
        pods: Pods,
        /// Also create the lab's tables (after a wipe)
        #[arg(long)]
        tables: bool,
        /// Change how fast these pods answer from now on: fast or real
        #[arg(long)]
        pace: Option<Pace>,
        /// Give the databases of these pods another character set from now on, e.g. KSC5601
        #[arg(long, value_name = "SET")]
        charset: Option<String>,
        /// Give them another national character set, e.g. UTF8
        #[arg(long, value_name = "SET")]
        national_charset: Option<String>,
        /// Give them another time zone, e.g. +09:00
        #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
        time_zone: Option<String>,
    },
    /// End pods in good order
    Stop(Pods),
    /// Lose the volume of pods: kill them and remove their data
    Wipe(Pods),
    /// Keep a copy of a pod's volume under a name; the pod goes on
    Snapshot(Kept),
    /// Put a kept copy of a pod's volume back: the pod is killed and stays down until it is started
    ///
    /// Everything that the pod and its peers committed since is missing on it, and nobody is told. What is committed on
    /// it after its start is dropped by its peers until its log has grown past what they have seen.
    Restore(Kept),
    /// Give a pod a copy of another pod's volume: TO is killed and stays down until it is started, FROM goes on
    ///
    /// The two then have the same DB_SIGNATURE, as clones of one disk have.
    Clone {
        /// Pod whose volume is copied, as 1 or pod-1
        #[arg(value_parser = pod_ordinal)]
        from: Ordinal,
        /// Pod that gets it, as 2 or pod-2
        #[arg(value_parser = pod_ordinal)]
        to: Ordinal,
    },
    /// Print what to export so that every other command works on the lab
    Env,
    /// Set, list and clear faults
    #[command(subcommand)]
    Fault(FaultCommand),
    /// The process of one pod
    #[command(hide = true)]
    Pod {
        /// Its directory
        dir: PathBuf,
    },
}

#[derive(Args, Debug)]
pub(super) struct Up {
    /// How many pods, 1 to 33
    #[arg(long, default_value = "4", value_parser = pod_count)]
    pub(super) pods: ServerCount,
    /// Which server the pods imitate: 2018 or 7.2
    #[arg(long, default_value = "7.2")]
    pub(super) server: Release,
    /// ADMIN_MODE that every pod boots with; 1 is what the documented entry point of a pod does
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=1))]
    pub(super) admin_mode: u8,
    /// REPLICATIONS groups in aku.conf, three tables each
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=32))]
    pub(super) groups: u8,
    /// Service port of every pod; the replication port is the next
    #[arg(long, default_value_t = 20300, value_parser = clap::value_parser!(u16).range(1024..=65534))]
    pub(super) port: u16,
    /// How fast START, STOP, FLUSH and SYNC are answered: fast, or real with the waits of measured 7.2 servers
    #[arg(long, default_value = "fast")]
    pub(super) pace: Pace,
    /// Rows a second that a SYNC of one object takes in; with --pace real 17000, else as fast as it goes
    #[arg(long, value_name = "ROWS")]
    pub(super) copy_pace: Option<NonZeroU32>,
    /// A property that every pod boots with, NAME=NUMBER; may be repeated
    #[arg(long = "property", value_name = "NAME=NUMBER", value_parser = property)]
    pub(super) properties: Vec<(String, i64)>,
}

#[derive(Args, Debug)]
pub(super) struct Pods {
    /// Pods, as 2 or pod-2
    #[arg(required = true, value_name = "POD", value_parser = pod_ordinal)]
    pub(super) pods: Vec<Ordinal>,
}

#[derive(Args, Debug)]
pub(super) struct Kept {
    /// Pod, as 2 or pod-2
    #[arg(value_parser = pod_ordinal)]
    pub(super) pod: Ordinal,
    /// Name of the copy
    #[arg(default_value = "kept")]
    pub(super) name: String,
}

#[derive(Args, Debug)]
pub(super) struct Sql {
    /// Pod, as 2 or pod-2
    #[arg(value_parser = pod_ordinal)]
    pub(super) pod: Ordinal,
    /// Statements, separated by ';'
    #[arg(value_name = "SQL")]
    pub(super) text: Option<String>,
    /// Log in as this user instead of SYS
    #[arg(long, requires = "password_stdin")]
    pub(super) user: Option<String>,
    /// Read the password from the first line of standard input
    #[arg(long)]
    pub(super) password_stdin: bool,
}

#[derive(Subcommand, Debug)]
pub(super) enum FaultCommand {
    /// Break something on a pod
    Set {
        /// Pod, as 2 or pod-2
        #[arg(value_parser = pod_ordinal)]
        pod: Ordinal,
        /// Name to clear it by; after its kind when left out
        #[arg(long)]
        name: Option<String>,
        #[command(subcommand)]
        kind: Kind,
    },
    /// Show all faults
    List,
    /// Clear a fault by name, on one pod or wherever it is set
    Clear {
        /// Its name
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        name: Option<String>,
        /// Only on this pod
        #[arg(long, value_parser = pod_ordinal)]
        pod: Option<Ordinal>,
        /// Every fault
        #[arg(long)]
        all: bool,
    },
}

#[derive(Subcommand, Debug)]
pub(super) enum Kind {
    /// Refuse new connections
    Refuse {
        /// Which port
        #[arg(long, value_enum, default_value = "both")]
        ports: PortsArg,
    },
    /// Accept new connections and close them at once
    HangUp {
        /// Which port
        #[arg(long, value_enum, default_value = "both")]
        ports: PortsArg,
    },
    /// Let nothing in or out, and tell nobody
    BlackHole {
        /// Accept connections and stay silent, instead of not answering connection attempts
        #[arg(long)]
        accept: bool,
    },
    /// Let nothing arrive from one side
    Cut {
        /// pod (2 or pod-2), clients or everyone
        #[arg(long)]
        from: Party,
    },
    /// Delay what arrives from one side
    Latency {
        /// pod (2 or pod-2), clients or everyone
        #[arg(long, default_value = "everyone")]
        from: Party,
        /// Milliseconds
        #[arg(long)]
        ms: u32,
    },
    /// Drop the client at a matching statement
    Drop {
        /// Before it takes effect, or after
        #[arg(long, value_enum)]
        moment: MomentArg,
        /// Part of the statement
        #[arg(long)]
        matching: String,
        /// How many times
        #[arg(long, default_value_t = 1)]
        times: u32,
    },
    /// Answer a matching statement with an error
    Answer {
        /// Part of the statement
        #[arg(long)]
        matching: String,
        /// SQLSTATE
        #[arg(long, default_value = "HY000")]
        sqlstate: String,
        /// Native code, decimal, or hexadecimal as 0x6100A
        #[arg(long, value_parser = native_code)]
        native: i32,
        /// Text of the error
        #[arg(long, default_value = "Error on demand.")]
        message: String,
        /// How many times
        #[arg(long, default_value_t = 1)]
        times: u32,
    },
    /// kill -9 at the n-th matching statement
    Kill {
        /// Before it takes effect, or after
        #[arg(long, value_enum, default_value = "before")]
        moment: MomentArg,
        /// Part of the statement
        #[arg(long)]
        matching: String,
        /// Which one
        #[arg(long, default_value_t = 1)]
        nth: u32,
        /// Milliseconds later
        #[arg(long, default_value_t = 0)]
        delay_ms: u32,
    },
    /// Let no file grow any more
    DiskFull,
    /// Stop the process (SIGSTOP); clearing the fault lets it run on
    Freeze,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum PortsArg {
    Client,
    Replication,
    Both,
}

impl From<PortsArg> for Ports {
    fn from(ports: PortsArg) -> Self {
        match ports {
            PortsArg::Client => Self::Client,
            PortsArg::Replication => Self::Replication,
            PortsArg::Both => Self::Both,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum MomentArg {
    Before,
    After,
}

impl From<MomentArg> for Moment {
    fn from(m: MomentArg) -> Self {
        match m {
            MomentArg::Before => Self::Before,
            MomentArg::After => Self::After,
        }
    }
}

impl From<Kind> for Fault {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Refuse { ports } => Self::Refuse { ports: ports.into() },
            Kind::HangUp { ports } => Self::HangUp { ports: ports.into() },
            Kind::BlackHole { accept } => {
                Self::BlackHole { silence: if accept { Silence::Accept } else { Silence::Syn } }
            }
            Kind::Cut { from } => Self::Cut { from },
            Kind::Latency { from, ms } => Self::Latency { from, millis: ms },
            Kind::Drop { moment, matching, times } => Self::Drop { moment: moment.into(), matching, times },
            Kind::Answer { matching, sqlstate, native, message, times } => {
                Self::Answer { matching, sqlstate, native, message, times }
            }
            Kind::Kill { moment, matching, nth, delay_ms } => {
                Self::Kill { moment: moment.into(), matching, nth, delay_millis: delay_ms }
            }
            Kind::DiskFull => Self::DiskFull,
            Kind::Freeze => Self::Freeze,
        }
    }
}

fn pod_count(text: &str) -> Result<ServerCount, String> {
    text.parse().ok().and_then(ServerCount::new).ok_or_else(|| format!("a lab has 1 to {} pods", ServerCount::MAX))
}

fn property(text: &str) -> Result<(String, i64), String> {
    let parsed = text.split_once('=').and_then(|(name, value)| Some((name, value.parse().ok()?)));
    parsed
        .map(|(name, value)| (name.to_ascii_uppercase(), value))
        .ok_or_else(|| "write NAME=NUMBER, e.g. REPLICATION_ALLOW_DUPLICATE_HOSTS=1".to_owned())
}

fn native_code(text: &str) -> Result<i32, String> {
    let number = text.strip_prefix("0x").map_or_else(|| text.parse(), |hex| i32::from_str_radix(hex, 16));
    number.map_err(|e| format!("\"{text}\" is not a code: {e}"))
}
