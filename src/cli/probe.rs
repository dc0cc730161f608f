//! `aku probe startup|ready|live`: what the kubelet asks every few seconds, in milliseconds and without a connection.
//!
//! Two more are for `aku run` itself, and log in: whether the server is in SERVICE, and a beat of the ledger.

use std::path::PathBuf;

use aku_supervise::{
    note,
    probe::{self, Answer, Probe, Seen},
    process::ProcessId,
    status::Status,
};
use clap::{Args, ValueEnum};

use super::{
    beat,
    common::Common,
    marker, reason,
    scene::CommandContext,
    stream::{OutputStyle, Streams, answer, fail},
    who,
    wiring::Platform,
};
use crate::{
    db::{ConnectError, ConnectFailure},
    desired::Goal,
    exit::Exit,
    render::Diagnostic,
};

/// Flags of `aku probe`.
#[derive(Args, Clone, Debug)]
pub struct ProbeArgs {
    /// startup: was the pod joined in this life? ready: may clients come? live: is there a reason to begin anew?
    #[arg(value_enum, value_name = "startup|ready|live", hide_possible_values = true)]
    pub what: Question,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Question {
    /// Startup probe.
    Startup,
    /// Readiness probe.
    Ready,
    /// Liveness probe.
    Live,
    /// By `aku run`: is the server in SERVICE?
    #[value(hide = true)]
    Server,
    /// By `aku run`: beat the ledger.
    #[value(hide = true)]
    Beat,
}

/// Answers.
pub fn run(args: &ProbeArgs, common: &Common, world: &dyn Platform, look: &OutputStyle, s: &mut Streams<'_>) -> Exit {
    match args.what {
        Question::Startup => told(Probe::Startup, common, world, s),
        Question::Ready => told(Probe::Ready, common, world, s),
        Question::Live => told(Probe::Live, common, world, s),
        Question::Server => match in_service(common, world) {
            Ok(()) => Exit::Ok,
            Err(trouble) => {
                reason::leave(world.env(), &reason::text(&trouble));
                fail(s, look, &trouble)
            }
        },
        Question::Beat => beaten(common, world, look, s),
    }
}

/// A server that is busy or closed is no news, once in five seconds.
fn beaten(common: &Common, world: &dyn Platform, look: &OutputStyle, s: &mut Streams<'_>) -> Exit {
    match beat::run(common, world) {
        Ok(()) => Exit::Ok,
        Err(trouble) if trouble.exit == Exit::Unknown => trouble.exit,
        Err(trouble) => fail(s, look, &trouble),
    }
}

fn told(what: Probe, common: &Common, world: &dyn Platform, s: &mut Streams<'_>) -> Exit {
    let seen = match own_marker(common, world) {
        Ok(marker) => seen(&marker),
        Err(why) => Seen { status: Err(why.clone()), marker: Err(why) },
    };
    let (verdict, words) = probe::judge(what, &seen, ProcessId::lives);
    let (exit, word) = match verdict {
        Answer::Yes => (Exit::Ok, "yes"),
        Answer::No => (Exit::Unavailable, "no"),
        Answer::Unknown => (Exit::Unknown, "cannot tell"),
    };
    // The answer is the exit code; a reader who went away changes nothing about the pod.
    let _ = answer(s, &format!("{word}: {words}\n"));
    exit
}

fn own_marker(common: &Common, world: &dyn Platform) -> Result<PathBuf, String> {
    let pod = who::unchecked(common.ordinal, world.env().var(who::VARIABLE), &world.hostname());
    marker::of_container(world.env(), pod).map_err(|t| t.headline)
}

fn seen(path: &std::path::Path) -> Seen {
    let status = match note::read(&marker::beside(path, marker::STATUS)) {
        Ok(text) => text.map(|t| Status::parse(&t)).transpose(),
        Err(e) => Err(e.to_string()),
    };
    Seen { status, marker: path.try_exists().map_err(|e| e.to_string()) }
}

/// Whether the server of this pod lets people in, or says why not them.
fn in_service(common: &Common, world: &dyn Platform) -> Result<(), Diagnostic> {
    let scene = CommandContext::open(world, common, Goal::Start, &mut |_| {})?;
    let pod = scene.who.pod;
    match scene.cluster.enter(pod, &scene.login()) {
        Ok(_) => Ok(()),
        Err(e) => judged(e.failure, &e),
    }
}

fn judged(failure: ConnectFailure, e: &ConnectError) -> Result<(), Diagnostic> {
    match failure {
        // Who is refused by name was looked up in the catalog: it is in SERVICE.
        ConnectFailure::AdminMode | ConnectFailure::SysdbaBusy | ConnectFailure::LoginRefused => Ok(()),
        // Not 69, which is for a port where nobody listens.
        ConnectFailure::Absent | ConnectFailure::Unreachable | ConnectFailure::Timeout | ConnectFailure::Other => {
            Err(Diagnostic::new(Exit::Unknown, "not-in-service", format!("the server does not let anybody in: {e}")))
        }
    }
}
