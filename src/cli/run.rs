//! From a command line to an exit code. Usage errors are 64, help and version are answers.

use std::ffi::OsString;

use clap::error::ErrorKind;

use super::{
    apply,
    args::{self, Invocation},
    capture, check,
    common::{Common, LogFormat},
    demo, diff, drift, explain, info, kube, lab, legacy, limit, manual, plan, probe, review, runs, schema, serve, show,
    status,
    stream::{OutputStyle, Streams, answer, fail, tell},
    supervise, validate, verify,
    wiring::Platform,
};
use crate::{
    conf,
    exit::{Code, Exit},
    outlet,
    render::Colour,
};

/// Runs a command line, the program's name first.
pub fn run(args: impl IntoIterator<Item = OsString>, world: &dyn Platform, s: &mut Streams<'_>) -> Code {
    let (invocation, common) = match args::parse(args) {
        Ok(parsed) => parsed,
        Err(e) => return not_a_command(&e, s).into(),
    };
    let look = OutputStyle::new(&common, world.env(), s.terminal);
    log_to_stderr(&common);
    let mut env = world.env().clone();
    env.err_colour = match look.err {
        Colour::Ansi => conf::Colour::Always,
        Colour::Plain => conf::Colour::Never,
    };
    env.err_talk = look.talk;
    let _deadline = match limit::set(&invocation, &env) {
        Ok(guard) => guard,
        Err(trouble) => return fail(s, &look, &trouble).into(),
    };
    let exit = match invocation {
        Invocation::Run(a) => return supervise::run(&a, &common, world, &look, s),
        Invocation::Probe(a) => probe::run(&a, &common, world, &look, s),
        Invocation::Plan(a) => plan::run(&a, &common, world, &look, s),
        Invocation::Apply(a) => apply::run(&a, &common, world, &look, s),
        Invocation::Status(a) => status::run(&a, &common, world, &look, s),
        Invocation::Check(a) => check::run(&a, &common, world, &look, s),
        Invocation::Verify(a) => verify::run(&a, &common, world, &look, s),
        Invocation::Serve(a) => serve::run(&a, &common, world, &look, s),
        Invocation::Drift(a) => drift::run(&a, &common, world, &look, s),
        Invocation::Review(a) => review::run(&a, world, &look, s),
        Invocation::Show(a) => show::run(&a, &look, s),
        Invocation::Graph(a) => show::graph(&a, &look, s),
        Invocation::Capture(a) => capture::run(&a, &common, world, &look, s),
        Invocation::Diff(a) => diff::run(&a, &common, world, &look, s),
        Invocation::Schema(a) => schema::run(&a, s),
        Invocation::Runs(a) => runs::run(&a, world, &look, s),
        Invocation::Explain(a) => explain::run(&a, &look, s),
        Invocation::Validate(a) => validate::run(&a, &env, s.out, s.err),
        Invocation::Info(a) => info::run(&a, &env, s.out, s.err),
        Invocation::K8s(a) => kube::run(&a, &common, &env, &look, s),
        Invocation::Completions(a) => manual::completions(&a, s),
        Invocation::Man(a) => manual::man(&a, s),
        Invocation::Lab(a) => lab::run(a, s.out, s.err),
        Invocation::Demo(a) => match std::env::current_exe() {
            Ok(program) => demo::run(&a, program, s.out, s.err),
            Err(e) => {
                tell(s, &format!("error[demo]: this program cannot find itself: {e}\n"));
                Exit::Internal
            }
        },
        Invocation::Legacy(what, typed, style) => legacy::run(what, typed.as_deref(), style, &common, world, s),
    };
    exit.into()
}

fn not_a_command(e: &clap::Error, s: &mut Streams<'_>) -> Exit {
    let text = if e.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        args::help()
    } else {
        e.render().to_string()
    };
    if e.use_stderr() {
        tell(s, &text);
        return Exit::Usage;
    }
    match answer(s, &text) {
        Ok(()) => Exit::Ok,
        Err(exit) => exit,
    }
}

/// The log of what is done, only when asked for. A second call in one process keeps the first log.
fn log_to_stderr(common: &Common) {
    let level = match common.verbose {
        0 => return,
        1 => tracing::Level::DEBUG,
        _ => tracing::Level::TRACE,
    };
    let log =
        tracing_subscriber::fmt().with_writer(|| outlet::standard().err.clone()).with_max_level(level).with_ansi(false);
    let _ = match common.log_format {
        Some(LogFormat::Json) => log.json().try_init(),
        Some(LogFormat::Text) | None => log.try_init(),
    };
}
