//! What a pod is to the cluster: one function from what was seen of it, the places that it and others hold, and what ledgers
//! remember. Status, drift, check, the head of a plan and the metrics all say what this says. `docs/states.md` shows every
//! case; a test keeps the two equal. Pure, total, without a default.

use std::collections::BTreeMap;

use aku_core::{
    conf::Switch,
    desired::Desired,
    ledger,
    observe::{BrokenBy, Observed, Pod, PodView, Sender, Side},
    topology::{Ordinal, ReplicationName},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{State, facts, worked_on};

/// What a pod is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Open to users, and replicates with another pod in service, or there is none.
    InService,
    /// Open to users, and replicates with no other pod in service although there are some.
    Apart,
    /// Closed, its copy complete, and nobody at work on it.
    Closed,
    /// Closed, part of its pairs live, and nobody at work on it.
    Unfinished,
    /// Pod 0 is closed and has no place at all, and others hold places towards it: its volume is lost or was cleaned.
    Lost,
    /// A start or an end is at work on it.
    Joining,
    /// It answers and has not joined, or has left in good order.
    Left,
    /// Nobody there, and nobody waits for it: not created yet, or left in good order.
    NotThere,
    /// Nobody there, and pods in service keep log for it, gave it up, or remember it as running.
    Down,
    /// It cannot be looked at.
    Unseen,
}

impl Standing {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::InService,
        Self::Apart,
        Self::Closed,
        Self::Unfinished,
        Self::Lost,
        Self::Joining,
        Self::Left,
        Self::NotThere,
        Self::Down,
        Self::Unseen,
    ];

    /// The word of documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InService => "in-service",
            Self::Apart => "apart",
            Self::Closed => "closed",
            Self::Unfinished => "unfinished",
            Self::Lost => "lost",
            Self::Joining => "joining",
            Self::Left => "left",
            Self::NotThere => "not-there",
            Self::Down => "down",
            Self::Unseen => "unseen",
        }
    }

    /// The words of Galera that a pod of this standing may have on the screen; the first is the usual one.
    #[must_use]
    pub fn states(self) -> &'static [State] {
        match self {
            Self::InService => &[State::Synced, State::Donor, State::Error, State::Joiner],
            Self::Apart => &[State::Error, State::Synced, State::Joiner],
            Self::Closed => &[State::Joined, State::Donor],
            Self::Unfinished => &[State::Joiner, State::Error, State::Donor],
            Self::Lost | Self::Unseen => &[State::Error],
            Self::Joining => &[State::Joiner],
            Self::Left | Self::NotThere | Self::Down => &[State::Undefined],
        }
    }

    /// Whether something on it was looked at. A joining pod may be busy with its only session.
    #[must_use]
    pub fn is_seen(self) -> bool {
        match self {
            Self::InService | Self::Apart | Self::Closed | Self::Unfinished | Self::Lost | Self::Left => true,
            Self::Joining | Self::NotThere | Self::Down | Self::Unseen => false,
        }
    }

    /// Whether its tables matter now.
    #[must_use]
    pub fn holds_tables(self) -> bool {
        match self {
            Self::InService | Self::Apart | Self::Closed | Self::Unfinished | Self::Lost => true,
            Self::Joining | Self::Left | Self::NotThere | Self::Down | Self::Unseen => false,
        }
    }

    /// Whether it answers, or is at work, and neither serves users nor is told of as a pod.
    #[must_use]
    pub fn is_kept_out(self) -> bool {
        match self {
            Self::Joining | Self::Left => true,
            Self::InService
            | Self::Apart
            | Self::Closed
            | Self::Unfinished
            | Self::Lost
            | Self::NotThere
            | Self::Down
            | Self::Unseen => false,
        }
    }
}

/// What a look at the pod showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Nobody answers.
    Absent,
    /// Its only SYSDBA session is taken.
    Busy,
    /// It answers and cannot be looked at otherwise.
    Hidden,
    /// ADMIN_MODE 1.
    Closed,
    /// ADMIN_MODE 0.
    Open,
}

/// Who is at work on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Nobody that shows.
    None,
    /// A run of aku says so, or a pod copies its tables to it.
    Under,
}

/// What the pairs of the pod with the pods that count (the open ones; where there is none, the closed ones) hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// No pair has a place on any side.
    None,
    /// The pod has none; others have some towards it.
    Theirs,
    /// Some pairs are whole, or one side of some is live; or log was given up.
    Some,
    /// Every pair is live on both sides.
    All,
}

/// What others know of the pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Nothing.
    None,
    /// It left: its own ledger, or the newest that remembers it, says that it ended, was cleaned or forgotten.
    Left,
    /// It is one of us: pod 0 (or, without pod 0, anybody) keeps log for it or gave it up, or the newest ledger says that it
    /// runs.
    Member,
}

/// Who stands beside an open pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Around {
    /// No other open pod, or one with which something connects it.
    Fine,
    /// Other open pods, and nothing connects it with any.
    Apart,
}

/// Pod 0, or another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Pod 0
    Master,
    /// Any other.
    Slave,
}

/// Everything that a standing follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inputs {
    /// Which.
    pub who: Who,
    /// What a look showed.
    pub look: Sight,
    /// Who is at work on it.
    pub work: Work,
    /// What its pairs hold.
    pub place: Place,
    /// What others know of it.
    pub memory: Memory,
    /// Who stands beside it.
    pub around: Around,
}

/// The function.
#[must_use]
pub fn decide(i: Inputs) -> Standing {
    match (i.look, i.work) {
        (Sight::Absent, Work::None | Work::Under) => match i.memory {
            Memory::Member => Standing::Down,
            Memory::None | Memory::Left => Standing::NotThere,
        },
        (Sight::Busy | Sight::Closed, Work::Under) => Standing::Joining,
        // Whose session it is that holds the only slot may not be known: a DBA's is no start.
        (Sight::Busy, Work::None) | (Sight::Hidden, Work::None | Work::Under) => Standing::Unseen,
        (Sight::Closed, Work::None) => match (i.place, i.memory, i.who) {
            (Place::All, Memory::None | Memory::Left | Memory::Member, Who::Master | Who::Slave) => Standing::Closed,
            // An end keeps the places of pairs whose peer was not there to take what is unsent.
            (Place::None, Memory::None | Memory::Left | Memory::Member, Who::Master | Who::Slave)
            | (Place::Some, Memory::Left, Who::Slave) => Standing::Left,
            (Place::Some, Memory::None | Memory::Member, Who::Slave)
            | (Place::Some, Memory::None | Memory::Left | Memory::Member, Who::Master)
            | (Place::Theirs, Memory::None | Memory::Left | Memory::Member, Who::Slave) => Standing::Unfinished,
            (Place::Theirs, Memory::None | Memory::Left | Memory::Member, Who::Master) => Standing::Lost,
        },
        (Sight::Open, Work::None | Work::Under) => match i.around {
            Around::Fine => Standing::InService,
            Around::Apart => Standing::Apart,
        },
    }
}

/// Of one pod.
#[must_use]
pub fn of(desired: &Desired, observed: &Observed, pod: Ordinal) -> Standing {
    let Some(view) = observed.pods.get(&pod) else { return Standing::Unseen };
    decide(inputs(desired, observed, pod, view))
}

fn inputs(desired: &Desired, observed: &Observed, pod: Ordinal, view: &PodView) -> Inputs {
    let under = |yes| if yes { Work::Under } else { Work::None };
    let copied = desired.objects_of(pod).any(|(other, o)| syncs(observed, other, &o.name));
    let (look, work, place) = match view {
        PodView::Absent { .. } => (Sight::Absent, Work::None, Place::None),
        PodView::Broken { failure, .. } => {
            let look = match failure {
                BrokenBy::SysdbaBusy => Sight::Busy,
                BrokenBy::LoginRefused | BrokenBy::Timeout | BrokenBy::Unreachable | BrokenBy::Other => Sight::Hidden,
            };
            (look, under(worked_on(desired, observed, pod)), Place::None)
        }
        PodView::Seen(seen) => {
            let look = if seen.admin_mode() { Sight::Closed } else { Sight::Open };
            (look, under(copied || observed.is_worked_on(pod)), place(desired, observed, pod, seen))
        }
    };
    let who = if pod.is_master() { Who::Master } else { Who::Slave };
    let around = if is_apart(desired, observed, pod) { Around::Apart } else { Around::Fine };
    Inputs { who, look, work, place, memory: memory(desired, observed, pod), around }
}

fn place(desired: &Desired, observed: &Observed, pod: Ordinal, seen: &Pod) -> Place {
    match facts(desired, observed, pod, seen).place() {
        Place::Some if placeless(desired, observed, pod) => Place::Theirs,
        other @ (Place::None | Place::Theirs | Place::Some | Place::All) => other,
    }
}

/// Positions first: a ledger forbids and explains, and does not say what is there (DESIGN D18).
fn memory(desired: &Desired, observed: &Observed, pod: Ordinal) -> Memory {
    if is_kept(desired, observed, pod) {
        return Memory::Member;
    }
    if desired.ledger == Switch::Off {
        return Memory::None;
    }
    let own = observed.pod(pod).and_then(|seen| seen.ledger.held()).filter(|l| l.pod == pod).map(|l| l.standing);
    match own.or_else(|| remembered(desired, observed, pod)) {
        Some(ledger::Standing::Running) => Memory::Member,
        Some(ledger::Standing::Ended | ledger::Standing::Cleaned | ledger::Standing::Forgotten) => Memory::Left,
        None => Memory::None,
    }
}

/// What the newest ledger among the open pods says of another.
fn remembered(desired: &Desired, observed: &Observed, pod: Ordinal) -> Option<ledger::Standing> {
    let held = |k: &Ordinal| observed.pod(*k)?.ledger.held().filter(|l| l.pod == *k);
    let newest = desired
        .pods
        .keys()
        .filter(|k| **k != pod)
        .filter_map(held)
        .max_by_key(|l| (l.run, std::cmp::Reverse(l.pod)))?;
    newest.peers.get(&pod).map(|peer| peer.standing)
}

/// Whether a SYNC runs there.
#[must_use]
pub fn syncs(observed: &Observed, pod: Ordinal, name: &ReplicationName) -> bool {
    observed.replication(pod, name).is_some_and(|r| r.sender == Sender::Syncing)
}

fn live(desired: &Desired, observed: &Observed, a: Ordinal, b: Ordinal) -> bool {
    desired.objects_between(a, b).any(|o| {
        let any = |pod| observed.side(pod, &o.name).has_position();
        any(a) || any(b) || syncs(observed, a, &o.name) || syncs(observed, b, &o.name)
    })
}

/// Open, other open pods answer, and nothing connects it with any of them. Between pod 0 and a single other pod it is
/// the other one that is apart; pod 0 is apart only when others are together without it.
fn is_apart(desired: &Desired, observed: &Observed, me: Ordinal) -> bool {
    let open = |pod: &&Ordinal| observed.pod(**pod).is_some_and(|p| !p.admin_mode());
    let others: Vec<Ordinal> = observed.pods.keys().filter(open).copied().filter(|pod| *pod != me).collect();
    let live = |a, b| live(desired, observed, a, b);
    if others.is_empty() || others.iter().any(|other| live(me, *other)) {
        return false;
    }
    !me.is_master() || others.iter().any(|a| others.iter().any(|b| a < b && live(*a, *b)))
}

/// Who keeps log for a pod, with the lowest SN; `None` for one that gave it up.
#[must_use]
pub fn keepers(desired: &Desired, observed: &Observed, pod: Ordinal) -> BTreeMap<Ordinal, Option<u64>> {
    let mut all: BTreeMap<Ordinal, Option<u64>> = BTreeMap::new();
    for (other, o) in desired.objects_of(pod) {
        let kept = match observed.side(other, &o.name) {
            Side::Live(sn) => Some(sn),
            Side::GaveUp => None,
            Side::Missing | Side::Reset | Side::Unknown => continue,
        };
        all.entry(other).and_modify(|old| *old = old.zip(kept).map(|(a, b)| a.min(b))).or_insert(kept);
    }
    all
}

/// Whether the source keeps log for the pod, or gave it up; without the source, whether anybody does. What others keep while
/// the source does not is a leftover.
fn is_kept(desired: &Desired, observed: &Observed, pod: Ordinal) -> bool {
    let keepers = keepers(desired, observed, pod);
    if pod.is_master() || observed.pod(Ordinal::MASTER).is_none() {
        !keepers.is_empty()
    } else {
        keepers.contains_key(&Ordinal::MASTER)
    }
}

/// Whether a pod has no place in the log towards anybody.
#[must_use]
pub fn placeless(desired: &Desired, observed: &Observed, pod: Ordinal) -> bool {
    desired.objects_of(pod).all(|(_, o)| match observed.side(pod, &o.name) {
        Side::Missing | Side::Reset | Side::Unknown => true,
        Side::Live(_) | Side::GaveUp => false,
    })
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // The table is a file of the repository.
#[path = "standing_tests.rs"]
mod tests;
