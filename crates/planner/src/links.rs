//! The pairs that a reconcile looks at, and what the two sides of an object are to each other.

use std::collections::BTreeSet;

use aku_core::{desired::Object, observe::Side, topology::Ordinal};

use super::cluster_view::ClusterView;

/// What the two sides of an object are to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Both kept their place.
    Live,
    /// Neither has one: never connected.
    None,
    /// One has and the other has not, or a server gave up log: only a new copy helps.
    Half,
}

pub(super) fn link(world: &ClusterView<'_>, object: &Object) -> Link {
    let sides = world.sides(object.pair.low(), object.pair.high(), object);
    match (sides.mine, sides.theirs) {
        (Side::Live(_), Side::Live(_)) => Link::Live,
        (Side::Missing | Side::Reset, Side::Missing | Side::Reset) => Link::None,
        (Side::Live(_), Side::Missing | Side::Reset | Side::GaveUp | Side::Unknown)
        | (Side::Missing | Side::Reset, Side::Live(_) | Side::GaveUp | Side::Unknown)
        | (Side::GaveUp | Side::Unknown, _) => Link::Half,
    }
}

/// Pods that take part: members that admit users, and those that a reconcile closed and did not get to open again: the two
/// sides of a pair differ, or it still replicates what aku.conf does not have, which bars every copy of another pod.
pub(super) fn active(world: &ClusterView<'_>) -> BTreeSet<Ordinal> {
    let open = |k: Ordinal| world.pod(k).is_some_and(|p| !p.admin_mode());
    let members: BTreeSet<_> = world.seen().filter(|k| world.is_member(*k)).collect();
    let broken_off = |k: Ordinal| {
        world.desired.objects_of(k).filter(|(other, _)| members.contains(other)).any(|(other, o)| {
            let held = |pod| world.replication(pod, o);
            let extra = |pod| world.items_against(pod, o).is_some_and(|unlike| !unlike.1.is_empty());
            world.sides(k, other, o).both_live()
                && (held(k).map(|r| &r.items) != held(other).map(|r| &r.items) || extra(k))
        })
    };
    members.iter().copied().filter(|k| open(*k) || (!k.is_master() && broken_off(*k))).collect()
}

/// Objects whose two pods both take part.
pub(super) fn pairs<'a>(world: &ClusterView<'a>, active: &'a BTreeSet<Ordinal>) -> impl Iterator<Item = &'a Object> {
    world.desired.objects.iter().filter(|o| active.contains(&o.pair.low()) && active.contains(&o.pair.high()))
}

/// Both pods of an object with their peers.
pub(super) fn sides(object: &Object) -> [(Ordinal, Ordinal); 2] {
    let (low, high) = (object.pair.low(), object.pair.high());
    [(low, high), (high, low)]
}

/// A side in words.
pub(super) fn word(side: Side) -> String {
    match side {
        Side::Missing => "has no object".to_owned(),
        Side::Reset => "at XSN -1".to_owned(),
        Side::Live(sn) => format!("live at XSN {sn}"),
        Side::GaveUp => "gave up".to_owned(),
        Side::Unknown => "not seen".to_owned(),
    }
}
