//! Whose database a pod holds, as signatures and ledgers tell: which of two is the younger, whether one is a copy of another
//! or an older copy of itself, and whether two belong to one cluster. Forbids and explains; allows nothing.

use std::collections::{BTreeMap, BTreeSet};

use aku_core::{
    desired::Desired,
    found::as_found,
    ledger::{ClusterId, Ledger, Peer, Standing, View},
    observe::Observed,
    plan::{
        Approval, ApprovalClass, Refusal, RefusalKind,
        reason::{Code, Reason},
    },
    topology::Ordinal,
};

use super::{build::pods, cluster_view::ClusterView};

/// What `k` remembers of `pod`.
pub(super) fn remembered<'w>(world: &'w ClusterView<'_>, k: Ordinal, pod: Ordinal) -> Option<&'w Peer> {
    world.held(k)?.peers.get(&pod)
}

/// Whether both ledgers name one cluster: the rows of both come from the same line, whatever the age of the databases.
pub(super) fn one_cluster(world: &ClusterView<'_>, a: Ordinal, b: Ordinal) -> bool {
    matches!((world.held(a), world.held(b)), (Some(a), Some(b)) if a.cluster == b.cluster)
}

/// The cluster of `pod`, where pod 0 was looked at and does not belong to it, and that of pod 0.
pub(super) fn foreign_source(world: &ClusterView<'_>, pod: Ordinal) -> Option<(ClusterId, Option<ClusterId>)> {
    let source = Ordinal::MASTER;
    let mine = world.held(pod)?.cluster;
    let founder = || world.signature(source).is_some_and(|s| ClusterId::founded_on(s) == mine);
    let theirs = match world.ledger(source) {
        View::NotRead | View::Broken { .. } | View::Newer { .. } => return None,
        // The cluster began with the database that pod 0 has: a run was killed before it noted that there.
        View::Missing | View::Empty if founder() => return None,
        View::Missing | View::Empty => None,
        View::Held(_) => world.held(source).map(|l| l.cluster),
    };
    (theirs != Some(mine)).then_some((mine, theirs))
}

/// Whether pod 0 and the pod itself both noted that the pod left in order, as it is now: pod 0 had everything that the pod
/// had, and what it lacks it lost or deleted since.
pub(super) fn left_in_order(world: &ClusterView<'_>, pod: Ordinal) -> bool {
    let source = Ordinal::MASTER;
    let (Some(mine), Some(theirs)) = (world.held(pod), world.held(source)) else { return false };
    mine.cluster == theirs.cluster
        && mine.standing == Standing::Ended
        && notes_the_end(mine, theirs)
        && theirs.run >= mine.run
        && behind(world, source).is_none()
}

fn notes_the_end(mine: &Ledger, theirs: &Ledger) -> bool {
    theirs.peers.get(&mine.pod).is_some_and(|p| {
        p.standing == Standing::Ended && p.incarnation == mine.incarnation && p.signature == mine.signature
    })
}

/// Whether the pod noted that it left in order, and pod 0, of the same cluster, does not know it: it was there then, so its
/// ledger is older than that, and its rows may be.
pub(super) fn left_unnoted(world: &ClusterView<'_>, pod: Ordinal) -> bool {
    let (Some(mine), Some(theirs)) = (world.held(pod), world.held(Ordinal::MASTER)) else { return false };
    mine.cluster == theirs.cluster && mine.standing == Standing::Ended && !notes_the_end(mine, theirs)
}

/// Whether the pod was cleaned since it was opened last, as itself or pod 0 noted: what was written there since was sent to
/// nobody.
pub(super) fn was_cleaned(world: &ClusterView<'_>, pod: Ordinal) -> bool {
    let own = world.held(pod).is_some_and(|l| l.standing == Standing::Cleaned);
    let mine = world.signature(pod);
    let noted = remembered(world, Ordinal::MASTER, pod)
        .is_some_and(|p| p.standing == Standing::Cleaned && mine == Some(p.signature.as_str()));
    own || noted
}

/// What shows that the volume of a pod is an older copy of itself: others remember more of the same database than it shows.
/// The server itself shows nothing (`measured.md` 9.2).
pub(super) fn behind(world: &ClusterView<'_>, pod: Ordinal) -> Option<String> {
    let mine = world.signature(pod)?;
    let shown = match world.ledger(pod) {
        View::NotRead | View::Broken { .. } | View::Newer { .. } => return None,
        View::Missing | View::Empty => None,
        View::Held(_) => Some(world.held(pod)?),
    };
    let of = |k: Ordinal| {
        let theirs = world.held(k)?;
        let then = theirs.peers.get(&pod).filter(|p| p.signature == mine)?;
        let Some(shown) = shown else {
            return Some(format!(
                "pod {k} remembers incarnation {} of this database, and it has no ledger",
                then.incarnation
            ));
        };
        if shown.cluster != theirs.cluster {
            return None;
        }
        if shown.incarnation < then.incarnation {
            return Some(format!(
                "pod {k} remembers incarnation {} of this database, and it shows {}",
                then.incarnation, shown.incarnation
            ));
        }
        // What was applied elsewhere was in the log once.
        let furthest = then.log_end.max(then.applied)?;
        let now = world.pod(pod)?.log_end?;
        (now < furthest).then(|| format!("pod {k} remembers its log up to SN {furthest}, and it ends at SN {now}"))
    };
    world.seen_others(pod).find_map(of)
}

/// Pods whose volume is an older copy of itself, and what shows it, for commands that make no plan.
pub fn put_back(desired: &Desired, observed: &Observed) -> BTreeMap<Ordinal, String> {
    let desired = &*as_found(desired, observed);
    let world = ClusterView::new(desired, observed);
    world.seen().filter_map(|k| Some((k, behind(&world, k)?))).collect()
}

/// Members that are not there, for commands that make no plan.
#[must_use]
pub fn down(desired: &Desired, observed: &Observed) -> BTreeSet<Ordinal> {
    ClusterView::new(&as_found(desired, observed), observed).pods_down(None).into_iter().collect()
}

/// Pods that the ledgers call members, there or not, for commands that make no plan.
#[must_use]
pub fn called_members(desired: &Desired, observed: &Observed) -> BTreeSet<Ordinal> {
    ClusterView::new(&as_found(desired, observed), observed).called_running()
}

/// As the planner asks it, for whoever says yes by a rule: nobody says yes to these by a rule.
#[must_use]
pub fn without_quorum(desired: &Desired, observed: &Observed) -> BTreeSet<Ordinal> {
    no_quorum(&ClusterView::new(&as_found(desired, observed), observed))
}

/// Pods that the ledgers of this cluster call running and that were not seen, where those that were seen are no majority.
pub(super) fn no_quorum(world: &ClusterView<'_>) -> BTreeSet<Ordinal> {
    no_quorum_without(world, None)
}

/// What somebody says yes to before a position or an object goes while the members that were seen are no majority: whoever
/// looks from the smaller part sees a pod as gone that the others work with. `gone` is what the goal is about and says
/// nothing.
pub(super) fn quorum_asked(world: &ClusterView<'_>, gone: Option<Ordinal>, what: &str) -> Vec<Approval> {
    let away = no_quorum_without(world, gone);
    let approval = |pod: &Ordinal| Approval {
        class: ApprovalClass::MemberDown,
        scope: format!("{}/{pod}", world.desired.statefulset),
        because: format!(
            "no quorum: the ledgers call pod {pod} a running member, and half of the members or more were not seen; {what}"
        ),
    };
    away.iter().map(approval).collect()
}

fn no_quorum_without(world: &ClusterView<'_>, gone: Option<Ordinal>) -> BTreeSet<Ordinal> {
    let mut members = world.called_running();
    if let Some(gone) = gone {
        members.remove(&gone);
    }
    let away: BTreeSet<Ordinal> = members.iter().copied().filter(|k| world.pod(*k).is_none()).collect();
    if away.len() * 2 >= members.len() { away } else { BTreeSet::new() }
}

/// The second in which the database of a pod was created. A signature carries it as a hexadecimal number (`measured.md` 4:
/// `BA35EC821714-6B00DD1A:000E578D-7257D71A`); what does not look so says nothing.
fn born(world: &ClusterView<'_>, pod: Ordinal) -> Option<u32> {
    let (_, rest) = world.signature(pod)?.split_once('-')?;
    u32::from_str_radix(rest.split_once(':')?.0, 16).ok()
}

/// Whether the database of `a` was created after that of `b`, as far as both tell.
pub(super) fn is_younger(world: &ClusterView<'_>, a: Ordinal, b: Ordinal) -> bool {
    matches!((born(world, a), born(world, b)), (Some(a), Some(b)) if a > b)
}

/// A pod beside `me` whose database is older than that of pod 0 and which is connected with pod 0 in both directions: pod 0
/// has the rows of the cluster, although its database is young (a recovery filled it).
pub(super) fn filled_beside(world: &ClusterView<'_>, me: Ordinal) -> Option<Ordinal> {
    let source = Ordinal::MASTER;
    // Whose own rows were copied from pod 0 says nothing of what pod 0 had before.
    let copied = |k: Ordinal| world.held(k).is_some_and(|l| l.copied.is_some_and(|c| c.from == source));
    world.seen_others(me).find(|k| *k != source && world.is_member(*k) && is_younger(world, source, *k) && !copied(*k))
}

/// Other pods that were seen with the database of `pod`.
fn twins(world: &ClusterView<'_>, pod: Ordinal) -> Vec<Ordinal> {
    let Some(mine) = world.signature(pod) else { return Vec::new() };
    world.seen_others(pod).filter(|k| world.signature(*k) == Some(mine)).collect()
}

/// Refuses where one of `concerned` holds the same database as another pod: the server refuses to replicate with itself
/// (ERR-6110C), and rows that both hold tell nothing about who has them.
pub(super) fn refuse_clones(
    world: &ClusterView<'_>,
    concerned: impl IntoIterator<Item = Ordinal>,
) -> Result<(), Refusal> {
    for pod in concerned {
        moved(world, pod)?;
        let mut same = twins(world, pod);
        if same.is_empty() {
            continue;
        }
        same.push(pod);
        same.sort();
        let text = format!(
            "{} hold the same database (signature {}): the volume of one is a copy of the other's, and a server does not replicate with itself (ERR-6110C); nothing was changed",
            pods(&same),
            world.signature(pod).unwrap_or_default()
        );
        // The ledger in it says whose it was; where none does, nobody is named.
        let copy = same.iter().copied().find(|k| is_of_another(world, *k));
        let give = match copy {
            Some(copy) => format!(
                "give the copy a new, empty database, e.g. remove the volume of pod {copy}; its start then copies the rows of pod 0"
            ),
            None => "give the copy, and only the copy, a new, empty database; its start then copies the rows of pod 0"
                .to_owned(),
        };
        return Err(Refusal {
            kind: RefusalKind::Refused,
            because: vec![Reason::new(Code::Cloned, text)],
            next: vec![
                format!(
                    "find out which of {} was there first; it keeps its volume (aku status shows who is connected with whom)",
                    pods(&same)
                ),
                give,
            ],
        });
    }
    Ok(())
}

/// Whether the volume of a pod is that of another one, or a copy of it, by the ledger in it.
pub(super) fn is_of_another(world: &ClusterView<'_>, pod: Ordinal) -> bool {
    moved(world, pod).is_err()
}

/// A volume that belongs to another pod: its ledger says so, although that other pod may not be there.
pub(super) fn moved(world: &ClusterView<'_>, pod: Ordinal) -> Result<(), Refusal> {
    let other = world.ledger(pod).held().filter(|l| l.pod != pod && world.signature(pod) == Some(l.signature.as_str()));
    let Some(ledger) = other else { return Ok(()) };
    let text = format!(
        "the volume of pod {pod} is that of pod {0}, or a copy of it: its ledger was written for pod {0} in this database (signature {1}); nothing was changed",
        ledger.pod, ledger.signature
    );
    Err(Refusal {
        kind: RefusalKind::Refused,
        because: vec![Reason::new(Code::Cloned, text)],
        next: vec![
            format!("if pod {} has its volume still: give pod {pod} a new, empty database", ledger.pod),
            format!(
                "if the volume was moved on purpose and pod {} is gone: DROP TABLE SYS.AKU_LEDGER on pod {pod}, and start it; it is copied anew",
                ledger.pod
            ),
        ],
    })
}
