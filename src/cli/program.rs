//! The process around a command: its streams, what a panic says, the last exit code.
//!
//! Nothing here waits for whoever reads a log.

use std::{
    io::{self, Write as _},
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    thread,
    time::Duration,
};

use super::{Env, Streams, Terminal, run, secret, wiring::Real};
use crate::{
    exit::{Code, Exit},
    outlet,
};

/// How long the end of the process waits for whoever reads its log.
const LAST: Duration = Duration::from_secs(1);

/// Runs the command line of this process.
pub fn program() -> Code {
    secret::keep_others_out(std::env::args_os().skip(1));
    // A file that reaches its limit (`ulimit -f`) is a write that fails, and no death in the middle of a run.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
    let standard = outlet::standard();
    panic::set_hook(Box::new(|info| {
        let thread = thread::current();
        let name = thread.name().unwrap_or("without a name");
        outlet::standard().err.at_once(&format!("error[bug]: thread {name}: {info}\n"));
    }));
    let (out, err) = (&mut standard.out.clone(), &mut standard.err.clone());
    let mut streams = Streams { out, err, input: &mut io::BufReader::new(io::stdin()), terminal: Terminal::detect() };
    let world = Real::new(Env::of_process());
    let ran = panic::catch_unwind(AssertUnwindSafe(|| run(std::env::args_os(), &world, &mut streams)));
    let code = ran.unwrap_or(Code::Own(Exit::Internal));
    let code = match standard.out.end(LAST) {
        Err(e)
            if code == Code::Own(Exit::Ok)
                && ![io::ErrorKind::BrokenPipe, io::ErrorKind::TimedOut].contains(&e.kind()) =>
        {
            let text = format!("error[output]: standard output cannot be written: {e}\n");
            let _ = standard.err.clone().write_all(text.as_bytes());
            Code::Own(Exit::Output)
        }
        Ok(()) | Err(_) => code,
    };
    let _ = standard.err.end(LAST);
    code
}
