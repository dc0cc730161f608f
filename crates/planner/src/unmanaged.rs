//! Objects on our pods that aku.conf does not ask for: of pods beyond AKU_SERVER_COUNT, of groups that aku.conf had once,
//! and those of others. Tells them apart; decides nothing about them.
//!
//! An object counts as ours only when name and address agree: `<prefix>_<i><j>` on one of the pods i and j, and the
//! address is that of the other one, or the prefix is one of aku.conf. Everything else belongs to somebody.

use aku_core::{
    found::parts,
    observe::{Replication, Side},
    topology::{Ordinal, ReplicationName},
};

use super::cluster_view::ClusterView;

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
