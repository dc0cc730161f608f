//! `aku capture`: saves what the pods look like, so that plans can be made from it without them. Changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    common::Common,
    file_args::CaptureArgs,
    scene::CommandContext,
    stream::talk,
    stream::{OutputStyle, Streams, fail},
    wiring::Platform,
};
use crate::{
    desired::{Desired, Goal},
    document::Document as _,
    exit::Exit,
    files,
    observe::{Capture, Observed, PodView},
    plan,
    render::{Diagnostic, words::counted},
    topology::{Ordinal, Target},
};

/// Runs it.
pub fn run(args: &CaptureArgs, common: &Common, world: &dyn Platform, look: &OutputStyle, s: &mut Streams<'_>) -> Exit {
    match captured(common, world, look, s) {
        Ok(capture) => match files::store(&capture.text(), &args.output) {
            Ok(()) => {
                talk(look, s, &format!("saved {} to {}", summary(&capture.observed), args.output.display()));
                Exit::Ok
            }
            Err(e) => {
                let text = format!("the capture cannot be saved to {}: {e}", args.output.display());
                fail(s, look, &Diagnostic::new(Exit::Output, "output", text))
            }
        },
        Err(trouble) => fail(s, look, &trouble),
    }
}

fn captured(
    common: &Common,
    world: &dyn Platform,
    look: &OutputStyle,
    s: &mut Streams<'_>,
) -> Result<Capture, Diagnostic> {
    let mut warnings = String::new();
    let scene = CommandContext::open(world, common, Goal::Start, &mut |w| warnings.push_str(w));
    talk(look, s, warnings.trim_end());
    let scene = scene?;
    let mut observed = scene.observe(world, &mut |retry| talk(look, s, &retry.to_string()));
    if !observed.pods.values().any(|v| matches!(v, PodView::Seen(_))) {
        let said = observed.pods.iter().find_map(|(pod, view)| match view {
            PodView::Absent { address, said } | PodView::Broken { address, said, .. } => {
                Some(format!("pod {pod} at {address}: {said}"))
            }
            PodView::Seen(_) => None,
        });
        let trouble = Diagnostic::new(Exit::Unavailable, "no-pod", "no pod answered, so there is nothing to save");
        return Err(trouble.fact("first", said.unwrap_or_default()));
    }
    let questions = questions(&scene.desired, &observed);
    scene.count(&mut observed, &questions);
    let now = world.now();
    Ok(Capture {
        created_at: Timestamp::from_second(now.as_second()).unwrap_or(now),
        producer: env!("CARGO_PKG_VERSION").to_owned(),
        here: scene.who.here,
        pod: scene.who.pod,
        conf_digest: scene.digest.clone(),
        addresses: scene.desired.pods.clone(),
        observed,
    })
}

/// Whatever any goal would have to count.
fn questions(desired: &Desired, observed: &Observed) -> Vec<(Ordinal, Vec<Target>)> {
    let mut wanted: BTreeMap<Ordinal, BTreeSet<Target>> = BTreeMap::new();
    let starts = desired.pods.keys().map(|pod| Goal::Start(*pod));
    for goal in starts.chain([Goal::Reconcile, Goal::Recover(None)]) {
        let goal = Desired { goal, ..desired.clone() };
        for (on, targets) in plan::row_questions(&goal, observed) {
            wanted.entry(on).or_default().extend(targets);
        }
    }
    wanted.into_iter().map(|(pod, targets)| (pod, targets.into_iter().collect())).collect()
}

fn summary(observed: &Observed) -> String {
    let seen = observed.pods.values().filter(|v| matches!(v, PodView::Seen(_))).count();
    format!("what {} of {} answered", seen, counted(observed.pods.len(), "pod"))
}
