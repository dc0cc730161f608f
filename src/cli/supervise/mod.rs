//! `aku run`: the first process of a container. Reads the configuration once, and hands everything else to
//! `aku_supervise`: what is done, and when.
//!
//! This process opens no session and makes no plan. Joining and ending are children of the same program.

mod args;
mod world;

use std::time::Duration;

use aku_supervise::{
    edge::{self, Files, Setup},
    note,
    rules::{Budget, Creation, Rules},
};

pub use self::args::SuperviseArgs;
use self::{
    args::Wanted,
    world::{Container, Ready},
};
use super::{
    common::Common,
    legacy_71::Style,
    legacy_log::{About, Level, Log},
    marker, reason,
    scene::{OwnPod, own_pod},
    stream::{OutputStyle, Streams, fail},
    who,
    wiring::Platform,
};
use crate::{
    conf,
    exit::{Code, Exit},
    outlet,
    render::Diagnostic,
};

/// Between two looks at a server that boots.
const LOOK: Duration = Duration::from_millis(100);
/// How often it is said that the pod waits.
const REMIND: Duration = Duration::from_secs(60);
/// The grace where nothing says what is needed: Kubernetes' own default.
const GRACE: Duration = Duration::from_secs(30);

/// Runs a container to its end.
pub fn run(
    args: &SuperviseArgs,
    common: &Common,
    world: &dyn Platform,
    look: &OutputStyle,
    s: &mut Streams<'_>,
) -> Code {
    let wanted = match Wanted::new(args, world.env()) {
        Ok(wanted) => wanted,
        Err(trouble) => return fail(s, look, &trouble).into(),
    };
    // Nobody who does not read the log holds the first process up (DESIGN D20).
    outlet::standard();
    outlet::everything_is_a_log();
    let mut log = Log::new(world, "run", Style::V73, s);
    let mut warnings = String::new();
    let own = own_pod(world, common, &mut |w| warnings.push_str(w));
    log.write(Level::Warn, About::default(), &warnings);
    let pod = who::unchecked(common.ordinal, world.env().var(who::VARIABLE), &world.hostname());
    let pod = own.as_ref().ok().map(|own| own.who.pod).or(pod);
    let marker = match marker::of_container(world.env(), pod) {
        Ok(marker) => marker,
        Err(trouble) => return stopped(log, &wanted, &own.err().unwrap_or(trouble)),
    };
    let budget = budget(&wanted, own.as_ref().ok(), &mut log);
    let (stop_signal, stop_signal_name) = wanted.stop_signal.signal();
    let setup = Setup {
        rules: Rules {
            budget,
            retry: wanted.retry,
            look: LOOK,
            remind: REMIND,
            beat: wanted.beat,
            creation: if wanted.create.is_some() { Creation::WhenEmpty } else { Creation::Forbidden },
        },
        stop_signal,
        stop_signal_name,
        files: Files {
            status: marker::beside(&marker, marker::STATUS),
            reason: marker::beside(&marker, marker::REASON),
            marker,
            termination: wanted.termination_log.clone(),
            data: wanted.data.clone(),
        },
    };
    let ready = own.map(|own| Ready::new(&own));
    let mut container =
        Container { wanted, common: common.clone(), env: world.env(), ready, files: setup.files.clone(), log };
    match edge::run(&setup, &mut container) {
        Ok(code) => Code::Container(code),
        Err(e) => {
            let text = format!("there are no signals or threads to be had: {e}");
            stopped(container.log, &container.wanted, &Diagnostic::new(Exit::Internal, "no-thread", text))
        }
    }
}

/// Before there is a supervisor.
fn stopped(mut log: Log<'_, '_, '_>, wanted: &Wanted, trouble: &Diagnostic) -> Code {
    let text = reason::text(trouble);
    log.write(Level::Error, About::default(), &text);
    if let Some(path) = &wanted.termination_log {
        // It is in the log as well.
        let _ = note::overwrite(path, &text);
    }
    trouble.exit.into()
}

/// The grace that was named, or what aku.conf needs; says so when the one is less than the other.
fn budget(wanted: &Wanted, own: Option<&OwnPod>, log: &mut Log<'_, '_, '_>) -> Budget {
    let needed = own.map(|own| {
        let end = conf::end_budget(&own.conf);
        Duration::from_secs(end.total() - end.server_stop) + wanted.server_stop
    });
    let budget = Budget { grace: wanted.grace.or(needed).unwrap_or(GRACE), server_stop: wanted.server_stop };
    if let Some(needed) = needed.filter(|needed| *needed > budget.grace) {
        let text = format!(
            "the grace of {} s is less than the {} s that an end with this aku.conf ({} s) and the stop of the server \
             ({} s) may take: an end may be cut short, which loses nothing, and the others keep log for this pod",
            budget.grace.as_secs(),
            needed.as_secs(),
            needed.saturating_sub(wanted.server_stop).as_secs(),
            wanted.server_stop.as_secs(),
        );
        log.write(Level::Warn, About::default(), &text);
    }
    budget
}
