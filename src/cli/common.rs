//! Flags of every command that has to do with a cluster, apart from the commands: whatever runs one may know them.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args, ValueEnum};

use super::time;
use crate::topology::Ordinal;

/// Flags of every command that has to do with a cluster.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// The aku.conf [default: $AKU_CONF, else $ALTIBASE_HOME/conf/aku.conf]
    #[arg(long, global = true, value_name = "FILE")]
    pub conf: Option<PathBuf>,
    /// Where each pod is, when not at <STS>-<n>.<SVC> [default: $AKU_ENDPOINTS]
    #[allow(rustdoc::invalid_html_tags)] // The text of --help.
    #[arg(long, global = true, value_name = "FILE")]
    pub endpoints: Option<PathBuf>,
    /// The Altibase ODBC driver [default: $AKU_ODBC_DRIVER, else below $ALTIBASE_HOME/lib]
    #[arg(long, global = true, value_name = "FILE")]
    pub odbc_driver: Option<PathBuf>,
    /// A descriptor with the password of SYS, before any other source of it; e.g. 3, with 3<FILE behind the command
    #[arg(long, global = true, value_name = "N")]
    pub password_fd: Option<u32>,
    /// The pod that the command is about [default: the number at the end of the host name]
    #[arg(long, global = true, value_name = "N")]
    pub ordinal: Option<Ordinal>,
    /// Bound on connecting to a pod, e.g. 500ms, 3s, 1m
    #[arg(long, global = true, value_name = "TIME", default_value = "3s", value_parser = time::parse)]
    pub connect_timeout: Duration,
    /// Colours
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        hide_possible_values = true,
        help = "Colours: auto, always or never [NO_COLOR and CLICOLOR_FORCE are honoured]"
    )]
    pub color: ColorWhen,
    /// Columns of human output [default: those of the terminal, at most 120; 100 without one]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(20..=1000))]
    pub width: Option<u16>,
    /// Nothing on standard error but errors and questions
    #[arg(long, global = true)]
    pub quiet: bool,
    /// Log what is done to standard error; twice: every statement, too (-v and -vv after a subcommand)
    #[arg(long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Form of that log
    #[arg(long, global = true, value_enum, value_name = "FORM")]
    pub log_format: Option<LogFormat>,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless NO_COLOR says no.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Forms of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line of text per event.
    Text,
    /// One JSON document per event.
    Json,
}

/// What a pod is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Join, or come back.
    Start,
    /// Leave in an orderly way; `stop` means the same.
    #[value(alias = "stop")]
    End,
    /// Remove the pod's replication objects.
    Clean,
}

/// Flags of `aku explain`.
#[derive(Args, Clone, Debug)]
pub struct ExplainArgs {
    /// A code of a plan or a message, whole or its number, e.g. R033; without one all are listed
    pub code: Option<String>,
}
