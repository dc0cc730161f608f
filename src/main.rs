//! Parse, run, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    aku::cli::program().into()
}
