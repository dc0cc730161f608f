//! What `status`, `check` and `verify` share: they are about all pods, so none has to be named.

use super::{
    common::Common,
    scene::{CommandContext, goal},
    stream::talk,
    stream::{OutputStyle, Streams, fail},
    wiring::Platform,
};
use crate::{
    desired::Desired,
    exit::Exit,
    observe::{BrokenBy, Observed, PodView},
    plan,
    topology::Ordinal,
};

/// The pods, nobody looked at yet.
///
/// # Errors
/// The exit code, after the trouble was told.
pub(super) fn open(
    common: &Common,
    world: &dyn Platform,
    look: &OutputStyle,
    s: &mut Streams<'_>,
) -> Result<CommandContext, Exit> {
    let mut warnings = String::new();
    // Pod 0 stands for the cluster: a scene needs a pod to be about.
    let common = Common { ordinal: Some(Ordinal::MASTER), ..common.clone() };
    let scene = CommandContext::open(world, &common, |pod| goal(super::common::What::Start, pod), &mut |w| {
        warnings.push_str(w);
    });
    talk(look, s, warnings.trim_end());
    scene.map_err(|trouble| fail(s, look, &trouble))
}

/// Looks until no pod had to be asked twice, at most this often.
const LOOKS: usize = 3;

/// A look at every pod. A pod that was busy is seen later than the others, and a join may have ended in between; then
/// all are looked at once more.
pub(super) fn observe(
    scene: &CommandContext,
    world: &dyn Platform,
    look: &OutputStyle,
    s: &mut Streams<'_>,
) -> Observed {
    let mut observed = None;
    for _ in 0..LOOKS {
        let mut retried = 0;
        observed = Some(scene.observe(world, &mut |retry| {
            retried += 1;
            talk(look, s, &retry.to_string());
        }));
        if retried == 0 {
            break;
        }
    }
    observed.expect("the loop runs at least once")
}

/// How complete the view is: 0; 7 when a pod cannot be looked at, or a member is down; 69 when none answers, 77 when none
/// lets us in.
pub(super) fn view(desired: &Desired, observed: &Observed) -> Exit {
    let broken: Vec<BrokenBy> = observed
        .pods
        .values()
        .filter_map(|v| match v {
            PodView::Broken { failure, .. } => Some(*failure),
            PodView::Seen(_) | PodView::Absent { .. } => None,
        })
        .collect();
    let any_seen = observed.pods.values().any(|v| matches!(v, PodView::Seen(_)));
    match (any_seen, broken.is_empty() && plan::down(desired, observed).is_empty()) {
        (true, true) => Exit::Ok,
        (true, false) => Exit::Unknown,
        (false, _) if broken.contains(&BrokenBy::LoginRefused) => Exit::Auth,
        (false, _) => Exit::Unavailable,
    }
}
