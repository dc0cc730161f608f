//! Objects that aku.conf does not have (any more) and through which something of its tables is still due: a table went to
//! another group, or names changed, while a pod of the pair was away. Their positions are as good as those of our own objects:
//! what they hold back is delivered before it is deleted, and a gap in them is a gap.

use std::collections::{BTreeMap, BTreeSet};

use aku_core::{
    desired::Object,
    observe::{Replication, Side},
    plan::{
        action::{ActionId, Op},
        reason::Code,
    },
    topology::{Ordinal, Pair, ReplicationName, Target},
};

use super::{
    build::{Builder, Dependencies, why},
    cluster_view::{ClusterView, Sides, runs},
    deliver::{self, Delivery},
    unmanaged::{self, Kind, Stray},
};

/// Names of one pair that are not among the objects of aku.conf and hold one of its tables.
fn names<'a>(world: &ClusterView<'a>, a: Ordinal, b: Ordinal) -> Vec<Stray<'a>> {
    let of_pair = |s: &Stray<'_>| match s.kind {
        Kind::OldGroup(peer) | Kind::Twin(peer) => peer == if s.pod == a { b } else { a },
        Kind::Surplus(_) | Kind::Foreign => false,
    };
    let mut found: Vec<Stray<'a>> =
        [a, b].into_iter().flat_map(|pod| unmanaged::of(world, pod)).filter(of_pair).collect();
    found.sort_by_key(|s| s.name);
    found.dedup_by_key(|s| s.name);
    found
}

/// A stray as an object. Its group is the first of aku.conf that has one of its tables; nothing here asks for more of it.
fn object(world: &ClusterView<'_>, stray: &Stray<'_>, pair: Pair) -> Option<Object> {
    let tables = |group: &aku_core::desired::Group| group.targets.iter().any(|t| holds(stray.found, t));
    let group = world.desired.groups.iter().find(|(_, g)| tables(g)).map(|(id, _)| *id)?;
    Some(Object { name: stray.name.clone(), group, pair })
}

fn holds(found: &Replication, target: &Target) -> bool {
    found.items.iter().any(|i| i.local == *target)
}

/// Whether an object of aku.conf brings a table both ways.
fn is_connected(world: &ClusterView<'_>, a: Ordinal, b: Ordinal, target: &Target) -> bool {
    let mut ours = world.desired.objects_between(a, b);
    ours.any(|o| {
        world.sides(a, b, o).both_live()
            && [a, b].iter().all(|pod| world.replication(*pod, o).is_some_and(|r| holds(r, target)))
    })
}

/// Whether what `from` committed to tables of aku.conf is kept for `to` by this object and by none of ours.
fn is_due(world: &ClusterView<'_>, from: Ordinal, to: Ordinal, name: &ReplicationName) -> bool {
    let Some(found) = world.observed.replication(from, name) else { return false };
    let mut tables = world.desired.targets().filter(|t| holds(found, t));
    tables.any(|t| !is_connected(world, from, to, t))
}

/// Objects between our pods for groups that aku.conf had once, by what is due through them.
#[derive(Default)]
pub(super) struct Leftovers {
    /// Something is due, in one direction at least.
    pub due: Vec<Object>,
    /// Nothing is: our own objects bring it, or nothing is kept.
    pub stale: Vec<Object>,
    /// Sides of `due` whose FLUSH can return.
    pub deliverable: BTreeSet<(Ordinal, ReplicationName)>,
    /// What is due and cannot be delivered, in words, by the pod that keeps it.
    pub stuck: BTreeMap<Ordinal, Vec<String>>,
}

pub(super) fn leftovers(world: &ClusterView<'_>) -> Leftovers {
    let mut all = Leftovers::default();
    let of_pair = |s: &Stray<'_>| match s.kind {
        Kind::OldGroup(peer) => Pair::new(s.pod, peer),
        Kind::Surplus(_) | Kind::Twin(_) | Kind::Foreign => None,
    };
    let pairs: BTreeSet<Pair> = unmanaged::all(world).iter().filter_map(of_pair).collect();
    for pair in pairs {
        let (low, high) = (pair.low(), pair.high());
        let old = names(world, low, high).into_iter().filter(|s| of_pair(s).is_some());
        let old: Vec<Object> = old.filter_map(|s| object(world, &s, pair)).collect();
        let mut due: BTreeSet<ReplicationName> = BTreeSet::new();
        for (pod, peer) in [(low, high), (high, low)] {
            let passes = deliverable(world, pod, peer);
            for object in from(world, pod, peer).into_iter().filter(|o| old.contains(o)) {
                if passes.contains(&object) {
                    all.deliverable.insert((pod, object.name.clone()));
                } else {
                    all.stuck.entry(pod).or_default().push(format!(
                        "{} to pod {peer} (aku.conf does not have it, and its two sides do not go together)",
                        object.name
                    ));
                }
                due.insert(object.name);
            }
        }
        let (due, stale): (Vec<_>, Vec<_>) = old.into_iter().partition(|o| due.contains(&o.name));
        all.due.extend(due);
        all.stale.extend(stale);
    }
    all
}

/// All of a pair where one of the pods keeps a position.
pub(super) fn positions(world: &ClusterView<'_>, a: Ordinal, b: Ordinal) -> Vec<Object> {
    let Some(pair) = Pair::new(a, b) else { return Vec::new() };
    let kept = |s: &Stray<'_>| [a, b].iter().any(|pod| world.observed.side(*pod, s.name).has_position());
    names(world, a, b).iter().filter(|s| kept(s)).filter_map(|s| object(world, s, pair)).collect()
}

/// Those through which `from` still has to deliver to `to`.
pub(super) fn from(world: &ClusterView<'_>, from: Ordinal, to: Ordinal) -> Vec<Object> {
    let live = |o: &Object| world.observed.side(from, &o.name).is_live() && is_due(world, from, to, &o.name);
    positions(world, from, to).into_iter().filter(live).collect()
}

/// The same, of which a FLUSH can return.
pub(super) fn deliverable(world: &ClusterView<'_>, from: Ordinal, to: Ordinal) -> Vec<Object> {
    let there = |o: &Object| {
        world.observed.side(to, &o.name) != Side::Missing && deliver::delivery(world, from, to, o) == Delivery::Possible
    };
    self::from(world, from, to).into_iter().filter(there).collect()
}

/// What is kept besides and is not due: our own objects bring it. A pod that leaves or is copied anew forgets such positions
/// before it flushes the others, on both sides: what stayed would later look like a connection, and what was sent through
/// it once more would bring old values back.
pub(super) fn forget_stale(
    world: &ClusterView<'_>,
    build: &mut Builder,
    [me, k]: [Ordinal; 2],
    objects: Objects,
    first: &Dependencies,
) -> Vec<ActionId> {
    let due: Vec<_> = self::from(world, me, k).into_iter().map(|o| o.name).collect();
    let twin = |o: &Object| world.desired.renames.values().any(|wanted| *wanted == o.name);
    let stale = positions(world, me, k).into_iter().filter(|o| !due.contains(&o.name) && !twin(o));
    stale.flat_map(|o| forget(world, build, &o, [me, k], objects, first)).map(|(_, id)| id).collect()
}

/// Both sides of such an object stop and forget, `me` first, and where `objects` says so its side there goes. The steps, by
/// pod.
pub(super) fn forget(
    world: &ClusterView<'_>,
    build: &mut Builder,
    object: &Object,
    [me, k]: [Ordinal; 2],
    objects: Objects,
    first: &Dependencies,
) -> Vec<(Ordinal, ActionId)> {
    let because = || why(Code::Moved, "other objects of the pair have everything that is kept here");
    let mut done = Vec::new();
    let mut last = first.clone();
    for (pod, peer) in [(me, k), (k, me)] {
        if world.is_started(pod, object) {
            let op = Op::Stop { name: object.name.clone(), peer };
            let id = build.add(pod, op, because(), last.clone());
            last = last.and([id], "RESET needs a stopped sender");
            done.push((pod, id));
        }
        if world.observed.side(pod, &object.name).has_position() {
            let op = Op::Reset { name: object.name.clone(), peer };
            let id = build.add(pod, op, because(), last.clone());
            last = last.and([id], "one change of an object at a time");
            done.push((pod, id));
        }
        if pod == me && objects == Objects::Go && world.replication(me, object).is_some() {
            let op = Op::DropReplication { name: object.name.clone(), peer };
            let id = build.add(pod, op, because(), last.clone());
            last = last.and([id], "the pod that leaves goes first");
        }
    }
    done
}

/// Those with a gap: a table of aku.conf that no object of ours brings in both directions went through it, and one of its
/// sides has a position and the other has none.
pub(super) fn gaps(world: &ClusterView<'_>, me: Ordinal, k: Ordinal) -> Vec<(Object, Sides)> {
    let torn = |o: Object| {
        let sides = world.sides(me, k, &o);
        let mut held = [me, k].into_iter().filter_map(|pod| world.replication(pod, &o));
        let open = held.any(|r| world.desired.targets().any(|t| holds(r, t) && !is_connected(world, me, k, t)));
        (open && !sides.both_live() && sides.mine != Side::Unknown && sides.theirs != Side::Unknown)
            .then_some((o, sides))
    };
    positions(world, me, k).into_iter().filter_map(torn).collect()
}

/// What a change of names that broke off left between two pods: senders and places of an object through which nothing is
/// due, because the one that it was to take over from still has everything. They go; the object as well, where `objects`
/// says so.
pub(super) fn remove_twins(
    world: &ClusterView<'_>,
    build: &mut Builder,
    ends: [(Ordinal, Ordinal); 2],
    objects: Objects,
    first: &Dependencies,
) -> Vec<ActionId> {
    let text = "a change of the name broke off, and the object under the old name has everything";
    let twins: Vec<(Stray<'_>, Ordinal)> = ends
        .into_iter()
        .flat_map(|(pod, peer)| unmanaged::of(world, pod).into_iter().map(move |s| (s, peer)))
        .filter(|(s, peer)| s.kind == Kind::Twin(*peer))
        .filter(|(s, peer)| !is_stuck(world, s, *peer))
        .collect();
    let mut done = Vec::new();
    // What was due through it was flushed, for which a sender was started.
    let sends = |s: &Stray<'_>, peer| {
        runs(s.found) || from(world, s.pod, peer).iter().any(|o| s.pod == ends[0].0 && o.name == *s.name)
    };
    for (twin, peer) in twins.iter().filter(|(s, peer)| sends(s, *peer)) {
        let op = Op::Stop { name: twin.name.clone(), peer: *peer };
        done.push(build.add(twin.pod, op, why(Code::Moved, text), first.clone()));
    }
    let stopped = first.clone().and(done.iter().copied(), "neither side may be sending");
    // Pod 0 forgets no place when it ends: its twins go with the next reconcile. The first of the ends is the pod that leaves.
    let leaves = ends[0].0;
    let kept = |twin: &Stray<'_>| objects == Objects::Stay && leaves.is_master() && twin.pod == leaves;
    for (twin, peer) in twins.iter().filter(|(twin, _)| !kept(twin)) {
        let mut waits = stopped.clone();
        if unmanaged::side(world, twin).has_position() {
            let op = Op::Reset { name: twin.name.clone(), peer: *peer };
            let id = build.add(twin.pod, op, why(Code::Moved, text), waits);
            waits = Dependencies::on([id], "one change of an object at a time");
            done.push(id);
        }
        if objects == Objects::Go {
            let op = Op::DropReplication { name: twin.name.clone(), peer: *peer };
            done.push(build.add(twin.pod, op, why(Code::Moved, text), waits));
        }
    }
    done
}

/// Whether something is due through a twin that cannot be delivered: it stays as it is.
fn is_stuck(world: &ClusterView<'_>, twin: &Stray<'_>, peer: Ordinal) -> bool {
    let named = |all: Vec<Object>| all.iter().any(|o| o.name == *twin.name);
    named(from(world, twin.pod, peer)) && !named(deliverable(world, twin.pod, peer))
}

/// Whether the objects go as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Objects {
    Stay,
    Go,
}
