//! The flags of the commands that are about files: show, review, graph, capture, diff, schema, completions, man.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use clap_complete::Shell;

use super::{plan_args::Format, policy::PolicyArgs, time};

/// Flags of `aku show`.
#[derive(Args, Clone, Debug)]
pub struct ShowArgs {
    /// A file saved by `aku plan -o`
    pub file: PathBuf,
    /// Form of the plan on standard output
    #[arg(long, value_enum, default_value_t)]
    pub format: ShowFormat,
    /// Show every statement
    #[arg(long, conflicts_with = "format")]
    pub sql: bool,
}

/// Forms of a saved plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ShowFormat {
    /// Text for people.
    #[default]
    Human,
    /// One JSON document.
    Json,
    /// Markdown that fits a comment of a pull request.
    Md,
    /// The order as a graph for Graphviz.
    Dot,
    /// The order as a graph for Mermaid.
    Mermaid,
    /// One page without network and script.
    Html,
    /// The digest alone: what a signature is over.
    Digest,
}

/// Flags of `aku review`.
#[derive(Args, Clone, Debug)]
pub struct ReviewArgs {
    /// A file saved by `aku plan -o`
    pub file: PathBuf,
    /// Form of the findings on standard output
    #[arg(long, value_enum, default_value_t)]
    pub format: ReviewFormat,
    /// The deadline that the plan will be applied with
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub deadline: Option<Duration>,
    /// Say yes: where the review finds nothing that refuses, sign the plan with this ssh key (ed25519, without passphrase)
    #[arg(long, value_name = "KEY", conflicts_with = "add_signature")]
    pub sign: Option<PathBuf>,
    /// Say yes with a signature made by: aku show FILE --format digest | ssh-keygen -Y sign -n aku-plan -f KEY
    #[arg(long, value_name = "SIGNATURE")]
    pub add_signature: Option<PathBuf>,
    #[command(flatten)]
    pub policy: PolicyArgs,
}

/// Forms of findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ReviewFormat {
    /// Text for people.
    #[default]
    Text,
    /// One JSON document.
    Json,
    /// SARIF 2.1.0, which code hosts show beside a file.
    Sarif,
}

/// Flags of `aku graph`.
#[derive(Args, Clone, Debug)]
pub struct GraphArgs {
    /// A file saved by `aku plan -o`
    pub file: PathBuf,
    /// Form of the graph on standard output
    #[arg(long, value_enum, default_value_t)]
    pub format: GraphFormat,
}

/// Forms of a graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// For Graphviz.
    #[default]
    Dot,
    /// For Mermaid.
    Mermaid,
}

/// Flags of `aku capture`.
#[derive(Args, Clone, Debug)]
pub struct CaptureArgs {
    /// The file to write; it holds no password
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

/// Flags of `aku diff`.
#[derive(Args, Clone, Debug)]
pub struct DiffArgs {
    /// A file saved by `aku plan -o`
    #[arg(value_name = "THEN")]
    pub then: PathBuf,
    /// Another one
    #[arg(value_name = "NOW", required_unless_present = "live", conflicts_with = "live")]
    pub now: Option<PathBuf>,
    /// Compare with the plan that would be made of the pods now
    #[arg(long)]
    pub live: bool,
    /// Form of the differences on standard output
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Flags of `aku schema`.
#[derive(Args, Clone, Debug)]
pub struct SchemaArgs {
    /// Of which kind of file
    #[arg(value_enum)]
    pub of: SchemaOf,
}

/// Kinds of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// Saved plans.
    Plan,
    /// Lines of `--events` and of journals.
    Event,
    /// Reports of `aku drift --format json`.
    Drift,
    /// `aku status --format json`.
    Status,
    /// `aku check --format json`.
    Check,
    /// `aku verify --format json`.
    Verify,
    /// `aku plan --format json` where there is no plan.
    Refusal,
    /// `aku review --format json`.
    Review,
    /// `aku diff --format json`.
    Diff,
}

/// Flags of `aku completions`.
#[derive(Args, Clone, Debug)]
pub struct CompletionsArgs {
    /// The shell they are for
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Flags of `aku man`.
#[derive(Args, Clone, Debug)]
pub struct ManArgs {
    /// Directory for the pages, one for each command; made when it is not there
    pub dir: PathBuf,
}
