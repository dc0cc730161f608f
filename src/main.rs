//! Parse, run, exit.

use std::{io, process::ExitCode};

use aku::cli::{Env, Streams, Terminal, closed, run, wiring::Real};

fn main() -> ExitCode {
    let (out, err) = (&mut closed::stdout(), &mut io::stderr());
    let mut streams = Streams { out, err, input: &mut io::BufReader::new(io::stdin()), terminal: Terminal::detect() };
    run(std::env::args_os(), &Real::new(Env::of_process()), &mut streams).into()
}
