//! The deadline of a command that only looks. A run has its own, with time to put things back; this one just ends the
//! process, because nothing was changed and no pod waits for it.

use std::{io::Write as _, time::Duration};

use super::{args::Invocation, child, env::Env, run_args};
use crate::{
    apply::signals::{self, Guard, LastWords, Limit},
    exit::Exit,
    outlet,
    render::Diagnostic,
};

/// How long the last words may take.
const FAREWELL: Duration = Duration::from_millis(200);

/// Sets the deadline that `AKU_CLI_DEADLINE` asks for.
///
/// # Errors
/// The variable cannot be read, or there is no thread to watch the time.
pub(super) fn set(invocation: &Invocation, env: &Env) -> Result<Option<Guard>, Diagnostic> {
    let (exit, line) = match invocation {
        // Runs, servers, and a show for a person. The deadline is one for the children of a container.
        Invocation::Apply(_)
        | Invocation::Legacy(..)
        | Invocation::Run(_)
        | Invocation::Serve(_)
        | Invocation::Lab(_)
        | Invocation::Demo(_) => return Ok(None),
        // A plugin says something on standard output, whatever happens.
        Invocation::Drift(args) if args.nagios => (Exit::Refused, "AKU UNKNOWN - the deadline passed\n"),
        Invocation::Drift(_)
        | Invocation::Plan(_)
        | Invocation::Status(_)
        | Invocation::Check(_)
        | Invocation::Verify(_)
        | Invocation::Review(_)
        | Invocation::Show(_)
        | Invocation::Graph(_)
        | Invocation::Capture(_)
        | Invocation::Diff(_)
        | Invocation::Completions(_)
        | Invocation::Man(_)
        | Invocation::Schema(_)
        | Invocation::Runs(_)
        | Invocation::Explain(_)
        | Invocation::Validate(_)
        | Invocation::Probe(_)
        | Invocation::Info(_)
        | Invocation::K8s(_) => (Exit::Stopped, ""),
    };
    let Some(deadline) = run_args::deadline(env)? else { return Ok(None) };
    let limit = Limit { deadline, grace: Duration::ZERO, exit };
    let last = LastWords::new(move |what, exit| {
        child::end_all();
        outlet::everything_is_a_log();
        let standard = outlet::standard();
        let _ = standard.err.clone().write_all(format!("error[stopped]: {what}\nexit {}\n", exit as u8).as_bytes());
        let _ = standard.out.clone().write_all(line.as_bytes());
        let _ = (standard.err.drain(FAREWELL), standard.out.drain(FAREWELL));
    });
    signals::deadline(limit, last).map(Some).map_err(|e| {
        Diagnostic::new(Exit::Unknown, "no-thread", format!("there is no thread to watch AKU_CLI_DEADLINE with: {e}"))
    })
}
