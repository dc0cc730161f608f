//! Parse, run, exit.

use std::{io, process::ExitCode};

use aku::cli::{Env, info, lab, validate};
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check aku.conf
    Validate(validate::ValidateArgs),
    /// Show aku.conf
    Info(info::InfoArgs),
    /// A cluster of simulated Altibase servers on this machine
    Lab(lab::LabArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let (env, out, err) = (Env::of_process(), &mut io::stdout().lock(), &mut io::stderr().lock());
    match cli.command {
        Command::Validate(args) => validate::run(&args, &env, out, err),
        Command::Info(args) => info::run(&args, &env, out, err),
        Command::Lab(args) => lab::run(args, out, err),
    }
    .into()
}
