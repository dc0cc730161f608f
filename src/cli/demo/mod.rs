//! `aku demo`: the life of a cluster of four pods, on this machine, in under a minute. With `--kube`, that of a StatefulSet.
//!
//! It runs this very program as a user would and shows what it prints. Every claim it makes is checked on the rows and
//! the catalog before it is printed; the exit code is 0 only when all of them held. It leaves no process and no file.

mod claims;
mod kube;
mod story;
mod writer;

use std::{io::Write, path::PathBuf};

use clap::Args;

use crate::exit::Exit;

/// Arguments of `aku demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Show every plan and report whole, not only the ones worth reading
    #[arg(long)]
    pub full: bool,
    /// The life of a StatefulSet instead: install, scale up, rolling restart, drain, scale down
    #[arg(long)]
    pub kube: bool,
}

/// Why the demo stopped.
#[derive(Debug, thiserror::Error)]
pub(super) enum DemoError {
    /// The lab did not do its part.
    #[error(transparent)]
    Lab(#[from] crate::lab::LabError),
    /// The cluster could not be had.
    #[error(transparent)]
    Cluster(#[from] aku_stateful::cluster::ClusterError),
    /// The manifests were not understood.
    #[error(transparent)]
    Unclear(#[from] aku_stateful::manifest::Unclear),
    /// What was waited for did not come.
    #[error(transparent)]
    Hang(#[from] aku_stateful::cluster::Hang),
    /// A claim did not hold.
    #[error("{0}")]
    Claim(String),
    /// The story could not be written out.
    #[error("output: {0}")]
    Output(#[from] std::io::Error),
}

/// Runs the demo with this executable as `program`.
pub fn run(args: &DemoArgs, program: PathBuf, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let told = if args.kube { kube::tell(args, &program, out) } else { story::tell(args, program, out) };
    match told {
        Ok(()) => Exit::Ok,
        // A reader that went away is no failure of the demo, and there is nobody left to tell.
        Err(DemoError::Output(e)) if e.kind() == std::io::ErrorKind::BrokenPipe => Exit::Ok,
        Err(e) => {
            let exit = if matches!(e, DemoError::Output(_)) { Exit::Output } else { Exit::Internal };
            // Nothing can be done when standard error is gone as well.
            let _ =
                writeln!(err, "error[demo]: {e}\n  the lab was taken down; run `aku demo --full` to see every step");
            exit
        }
    }
}
