//! Whether a pod that leaves was in service, and what may be said of it afterwards. Read from what was seen; plans nothing.

use aku_core::{conf::Switch, desired::Object, observe::Side, topology::Ordinal};

use super::{
    cluster_view::ClusterView,
    deliver::{self, Passable, Way},
    identity,
};

/// Whether users were on the pod when its end began. One that never opened since its server came up is closed because its start
/// was refused or ended too early: why is to be seen again by the next start, so nothing is forgotten.
fn was_there(world: &ClusterView<'_>, me: Ordinal) -> bool {
    world.pod(me).is_some_and(|p| !p.admin_mode()) || world.observed.shut_out.contains(&me)
}

/// Whether a slave that left lets users in: it has objects and a position in no stream, so nobody gets what they commit.
pub(super) fn admits_unkept(world: &ClusterView<'_>, me: Ordinal) -> bool {
    let sides = || world.desired.objects_of(me).map(|(_, o)| world.observed.side(me, &o.name));
    let left = sides().any(|side| side == Side::Reset)
        && sides().all(|side| matches!(side, Side::Reset | Side::Missing | Side::Unknown));
    !me.is_master() && left && world.pod(me).is_some_and(|p| !p.admin_mode())
}

/// Whether an end may forget positions: the pod was in service, or it keeps none itself, and what the others keep for it is of no
/// use to anybody (a start that broke off in the middle of its copy).
pub(super) fn may_forget(world: &ClusterView<'_>, me: Ordinal) -> bool {
    let kept = |(_, o): (Ordinal, &Object)| world.observed.side(me, &o.name).has_position();
    was_there(world, me) || !world.desired.objects_of(me).any(kept)
}

/// Whether the pod leaves in order: what it committed is with everybody who is there, and its rows are those that the cluster
/// knows of.
pub(super) fn is_in_order(world: &ClusterView<'_>, me: Ordinal) -> bool {
    let live = |o: &Object| world.observed.side(me, &o.name).is_live();
    let stuck = |(k, o): (Ordinal, &Object)| {
        let way = Way { from: me, to: k, object: o };
        world.pod(k).is_some() && live(o) && matches!(deliver::passable(world, way), Passable::No(_))
    };
    // What is not flushed is not delivered. One that has forgotten everybody finishes an end that broke off.
    world.desired.flush_at_end == Switch::On
        && may_forget(world, me)
        && identity::behind(world, me).is_none()
        && !world.desired.objects_of(me).any(stuck)
}
