//! `aku plan --from FILE`: the scene of a plan when it comes from a file. Opens no connection and asks for no password.

use std::path::Path;

use super::{
    common::Common,
    goal_args::GoalArgs,
    made::{Made, placed},
    scene::{read_conf, refused},
    show::fault_code,
    stream::talk,
    stream::{OutputStyle, Streams},
    wiring::Platform,
};
use crate::{
    desired::{Desired, ReplicationAddress},
    exit::Exit,
    files,
    observe::Capture,
    plan::{
        self, Refusal,
        facts::Facts,
        saved::{self, Origin},
    },
    render::Diagnostic,
    topology::Ordinal,
};

/// Why there is no plan.
pub(super) enum Nothing {
    /// Something is wrong with a file.
    Diagnostic(Box<Diagnostic>),
    /// The planner says no.
    Refused(Box<(Refusal, Diagnostic)>),
}

/// Plans from a capture.
pub(super) fn made(
    path: &Path,
    wish: GoalArgs,
    common: &Common,
    world: &dyn Platform,
    look: &OutputStyle,
    s: &mut Streams<'_>,
) -> Result<Made, Nothing> {
    let (capture, desired) =
        opened(path, wish, common, world, look, s).map_err(|t| Nothing::Diagnostic(Box::new(t)))?;
    let pod = desired.goal.pod();
    let (here, conf_digest, created_at) = (capture.here, capture.conf_digest.clone(), capture.created_at);
    let observed = capture.into_observed_for(pod);
    match plan::make(&desired, &observed) {
        // The time is that of the facts: a plan from old facts is as old as they are.
        Ok(plan) => {
            let facts = Facts::of(&plan, &desired, &observed);
            let origin = Origin { observer: here, service: desired.service.clone(), conf_digest, at: created_at };
            Ok(Made { plan, facts, origin })
        }
        Err(refusal) => {
            let trouble = refused(&refusal, &observed, pod);
            Err(Nothing::Refused(Box::new((refusal, trouble))))
        }
    }
}

fn opened(
    path: &Path,
    wish: GoalArgs,
    common: &Common,
    world: &dyn Platform,
    look: &OutputStyle,
    s: &mut Streams<'_>,
) -> Result<(Capture, Desired), Diagnostic> {
    let capture = files::load::<Capture>(path).map_err(|e| {
        let (exit, _) = fault_code(&e);
        Diagnostic::new(exit, "capture", e.to_string()).next("aku capture -o FILE    (makes a new one)")
    })?;
    let mut warnings = String::new();
    let conf = read_conf(world, common, &mut |w| warnings.push_str(w))?;
    talk(look, s, warnings.trim_end());
    let digest = saved::conf_digest(&conf);
    if digest != capture.conf_digest {
        return Err(Diagnostic::new(Exit::Stale, "stale", "aku.conf means something else than when this was captured")
            .fact("then", capture.conf_digest)
            .fact("now", digest)
            .next("--conf FILE    (the aku.conf that it was made with)"));
    }
    let pod = placed(wish, common).ordinal.unwrap_or(capture.pod);
    let address = |p: Ordinal| capture.addresses.get(&p).cloned();
    // Equal digests mean equal pods, so every address is there unless somebody made the file by hand.
    let missing = conf.server_count.ordinals().find(|p| address(*p).is_none());
    if let Some(p) = missing {
        return Err(Diagnostic::new(Exit::BadData, "capture", format!("the capture has no address of pod {p}")));
    }
    let nowhere = || ReplicationAddress { host: String::new(), port: 0 };
    let desired = Desired::new(&conf, wish.goal(pod), |p| address(p).unwrap_or_else(nowhere));
    Ok((capture, desired))
}
