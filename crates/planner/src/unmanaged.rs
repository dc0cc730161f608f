//! Objects on our pods that aku.conf does not ask for: of pods beyond AKU_SERVER_COUNT, of groups that aku.conf had once,
//! and those of others. Tells them apart; decides nothing about them.
//!
//! An object counts as ours only when name and address agree: `<prefix>_<i><j>` on one of the pods i and j, and the
//! address is that of the other one, or the prefix is one of aku.conf. Everything else belongs to somebody.

use aku_core::{
    desired::Object,
    found::parts,
    observe::{Replication, Side},
    plan::{
        action::{ActionId, Op},
        reason::Code,
    },
    topology::{Ordinal, ReplicationName},
};

use super::{
    build::{Builder, Dependencies, why},
    cluster_view::{ClusterView, runs},
    due,
};

/// One such object as one pod holds it.
#[derive(Clone, Copy)]
pub(super) struct Stray<'a> {
    pub pod: Ordinal,
    pub name: &'a ReplicationName,
    pub kind: Kind,
    pub found: &'a Replication,
}

/// Whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of a group of aku.conf, towards a pod beyond AKU_SERVER_COUNT.
    Surplus(Ordinal),
    /// Made by the same rule towards a pod of aku.conf, for a group that aku.conf does not have.
    OldGroup(Ordinal),
    /// Of the right name, while the object that it is to take over from is still there: a change of the name broke off.
    Twin(Ordinal),
    /// Somebody else's, on one of our tables.
    Foreign,
}

/// All of them on the pods that were seen; what has nothing to do with our tables or names is left out.
pub(super) fn all<'a>(world: &ClusterView<'a>) -> Vec<Stray<'a>> {
    world.seen().flat_map(|pod| of(world, pod)).collect()
}

/// Those of one pod.
pub(super) fn of<'a>(world: &ClusterView<'a>, pod: Ordinal) -> Vec<Stray<'a>> {
    let Some(seen) = world.pod(pod) else { return Vec::new() };
    let stray = |(name, found): (&'a ReplicationName, &'a Replication)| {
        let kind = kind(world, pod, name, found)?;
        Some(Stray { pod, name, kind, found })
    };
    seen.replications.iter().filter(|(name, _)| world.object(name).is_none()).filter_map(stray).collect()
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
        .flat_map(|(pod, peer)| of(world, pod).into_iter().map(move |s| (s, peer)))
        .filter(|(s, peer)| s.kind == Kind::Twin(*peer))
        .filter(|(s, peer)| !is_stuck(world, s, *peer))
        .collect();
    let mut done = Vec::new();
    // What was due through it was flushed, for which a sender was started.
    let sends = |s: &Stray<'_>, peer| {
        runs(s.found) || due::from(world, s.pod, peer).iter().any(|o| s.pod == ends[0].0 && o.name == *s.name)
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
        if side(world, twin).has_position() {
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
    named(due::from(world, twin.pod, peer)) && !named(due::deliverable(world, twin.pod, peer))
}

/// Whether the objects go as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Objects {
    Stay,
    Go,
}

/// The side that a pod holds under such a name.
pub(super) fn side(world: &ClusterView<'_>, stray: &Stray<'_>) -> Side {
    world.observed.side(stray.pod, stray.name)
}

fn kind(world: &ClusterView<'_>, pod: Ordinal, name: &ReplicationName, found: &Replication) -> Option<Kind> {
    let ours = parts(name.as_str()).and_then(|(prefix, low, high)| {
        let peer = match pod {
            p if p == low => high,
            p if p == high => low,
            _ => return None,
        };
        if world.desired.renames.values().any(|wanted| wanted == name) {
            return world.desired.pods.contains_key(&peer).then_some(Kind::Twin(peer));
        }
        let known = world.desired.groups.values().any(|g| g.prefix == prefix);
        match world.desired.pods.get(&peer) {
            None if known => Some(Kind::Surplus(peer)),
            Some(address) if found.hosts.contains(address) => Some(Kind::OldGroup(peer)),
            None | Some(_) => None,
        }
    });
    let touches = || {
        found.items.iter().any(|i| world.desired.targets().any(|t| t.user == i.local.user && t.table == i.local.table))
    };
    ours.or_else(|| touches().then_some(Kind::Foreign))
}
