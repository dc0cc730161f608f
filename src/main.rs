//! Parse, run, exit.

use std::{io, process::ExitCode};

use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A cluster of simulated Altibase servers on this machine
    Lab(aku::cli::lab::LabArgs),
}

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(Cli { command: Command::Lab(args) }) => {
            aku::cli::lab::run(args, &mut io::stdout().lock(), &mut io::stderr().lock()).into()
        }
        Err(e) => {
            // Help and version go to standard output and are no error.
            let _ = e.print();
            if e.use_stderr() { aku::exit::Exit::Usage.into() } else { ExitCode::SUCCESS }
        }
    }
}
