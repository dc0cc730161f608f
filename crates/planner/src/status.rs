//! What each pod is at this moment, in the words of Galera, and what every pair does. Pure: it reads [`Observed`].
//!
//! | state | when |
//! |---|---|
//! | UNDEFINED | nobody answers; or the server is up, closed, and no pair is live on either side |
//! | JOINER | a SYNC towards it is under way; or its only SYSDBA session is taken while a run of aku is at work on it; or it is closed and some, not all, of its pairs are live (half a join) |
//! | DONOR | a sender on it has STATUS 6: it copies its tables to another pod |
//! | JOINED | its copy is complete (every pair with an open pod is live on both sides), it is closed to users |
//! | SYNCED | open to users, and both senders of every pair with another open pod run |
//! | ERROR | it cannot be looked at; or it is open and a pair with another open pod does not run, unless that one fails with more pods than this; or a peer gave up log it needs |
//!
//! Pods that do not answer are nobody's error: what is kept for them is listed as retained log.

mod identity;
mod log;
mod pairs;
pub mod standing;
mod trend;
mod uneven;

use std::collections::BTreeMap;

use aku_core::{
    desired::{Desired, Object},
    found::as_found,
    observe::{BrokenBy, Observed, Pod, PodView, Sender, Side},
    topology::{Ordinal, ReplicationName},
};
use schemars::JsonSchema;
use serde::Serialize;
use standing::Place;

pub use identity::IdentityStatus;
pub use log::{Kept, Log, gap, kept, kept_by};
pub use pairs::{PairStatus, Retained, SideStatus};
pub use standing::Standing;
pub use trend::{Full, Mark, Pace, Trend};
pub use uneven::Uneven;

/// State of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// No server, or one that never joined.
    Undefined,
    /// It is being copied, or its join is unfinished.
    Joiner,
    /// It copies its tables to another pod.
    Donor,
    /// Copied, not open.
    Joined,
    /// Open, every pair runs.
    Synced,
    /// It cannot be looked at, or a pair failed.
    Error,
}

impl State {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Undefined => "UNDEFINED",
            Self::Joiner => "JOINER",
            Self::Donor => "DONOR",
            Self::Joined => "JOINED",
            Self::Synced => "SYNCED",
            Self::Error => "ERROR",
        }
    }
}

/// State of a pod and what it follows from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PodStatus {
    /// The state.
    pub state: State,
    /// What it is to the cluster.
    pub standing: Standing,
    /// `open` or `closed` to users; `None` when it was not seen.
    pub users: Option<Door>,
    /// Why, in words.
    pub why: String,
}

/// Whether ordinary users get in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Door {
    /// ADMIN_MODE 0
    Open,
    /// ADMIN_MODE 1
    Closed,
}

/// A SYNC that a pod has part in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copying {
    /// None.
    None,
    /// It is the source for that pod.
    To(Ordinal),
    /// That pod is its source.
    From(Ordinal),
}

/// How two pods that both answer are connected, over all groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Both sides live, both senders run.
    Runs,
    /// Both sides live, a sender does not run.
    Stands,
    /// It does not run, and the other pod is the one with more such pairs: that one is in error.
    Theirs,
    /// Some sides live.
    Half,
    /// The peer gave up log that this pod needs.
    Lost,
    /// No side live.
    Nothing,
}

/// What the state of a pod that answers follows from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkFacts {
    /// Whether users get in.
    pub door: Door,
    /// SYNC.
    pub copying: Copying,
    /// Links to the open pods.
    pub open: BTreeMap<Ordinal, Link>,
    /// Links to the closed pods that answer.
    pub closed: BTreeMap<Ordinal, Link>,
}

/// The mapping. The table at the top of this file says the same in words.
#[must_use]
pub fn state(facts: &LinkFacts) -> (State, String) {
    match facts.copying {
        Copying::To(pod) => return (State::Donor, format!("copies its tables to pod {pod}")),
        Copying::From(pod) => return (State::Joiner, format!("is being copied from pod {pod}")),
        Copying::None => {}
    }
    let all = || facts.open.iter().chain(&facts.closed);
    let with = |wanted: &[Link]| -> Vec<Ordinal> {
        facts.open.iter().filter(|(_, l)| wanted.contains(l)).map(|(p, _)| *p).collect()
    };
    if let Some((pod, _)) = all().find(|(_, l)| **l == Link::Lost) {
        return (State::Error, format!("pod {pod} gave up log that this pod needs: it must be copied anew"));
    }
    match facts.door {
        Door::Open => {
            let (stands, apart) = (with(&[Link::Stands]), with(&[Link::Half, Link::Nothing]));
            if !stands.is_empty() {
                return (State::Error, format!("replication with {} does not run", pods(&stands)));
            }
            if !apart.is_empty() {
                return (State::Error, format!("is open, and does not replicate with {}, also open", pods(&apart)));
            }
            let (runs, theirs) = (with(&[Link::Runs]), with(&[Link::Theirs]));
            let why = if runs.is_empty() {
                "no other open pod answers".to_owned()
            } else {
                format!("replicates with {}", pods(&runs))
            };
            let less = if theirs.is_empty() { String::new() } else { format!(", not with {}", pods(&theirs)) };
            (State::Synced, why + &less)
        }
        Door::Closed => match facts.place() {
            Place::None => (State::Undefined, left(facts)),
            Place::All => (State::Joined, "its copy is complete; users are not admitted yet".to_owned()),
            Place::Some | Place::Theirs => (State::Joiner, "its join is not finished".to_owned()),
        },
    }
}

/// `pod 1`, `pods 1, 2`
#[must_use]
pub fn pods(list: &[Ordinal]) -> String {
    let names: Vec<_> = list.iter().map(ToString::to_string).collect();
    format!("pod{} {}", if list.len() == 1 { "" } else { "s" }, names.join(", "))
}

fn door(pod: &Pod) -> Door {
    if pod.admin_mode() { Door::Closed } else { Door::Open }
}

/// A replication that aku.conf does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stranger {
    /// Where.
    pub on: Ordinal,
    /// Its name.
    pub object: ReplicationName,
}

/// Everything that one screen shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Status {
    /// Every pod of the configuration.
    pub pods: BTreeMap<Ordinal, PodStatus>,
    /// Every object, by pair, then group.
    pub pairs: Vec<PairStatus>,
    /// Pins and leftovers: live towards a pod that is not joined.
    pub retained: Vec<Retained>,
    /// Not ours.
    pub strangers: Vec<Stranger>,
    /// Who the data of each pod is, as far as ledgers tell.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub identity: BTreeMap<Ordinal, IdentityStatus>,
    /// What aku.conf asks of the objects of a group beside their tables, by prefix.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Vec<String>>,
    /// Pods whose volume was put back from an older copy, and what shows it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub put_back: BTreeMap<Ordinal, String>,
    /// What the servers that were seen should have in common and have not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uneven: Vec<Uneven>,
}

impl Status {
    /// From what was seen.
    #[must_use]
    pub fn of(desired: &Desired, observed: &Observed) -> Self {
        let desired = &*as_found(desired, observed);
        let mut pods: BTreeMap<_, _> =
            observed.pods.iter().map(|(pod, v)| (*pod, of_pod(desired, observed, *pod, v))).collect();
        for pod in crate::down(desired, observed) {
            if let Some(p) = pods.get_mut(&pod) {
                p.why = format!("{}; it is a member that is down", p.why);
            }
        }
        let pairs: Vec<_> = desired.objects.iter().map(|o| pairs::of(observed, o)).collect();
        let joined = |pod: &Ordinal| {
            let state = pods.get(pod).map(|p| p.state);
            matches!(state, Some(State::Donor | State::Joined | State::Synced))
                || (state == Some(State::Error) && observed.pod(*pod).is_some())
        };
        let retained: Vec<Retained> = pairs
            .iter()
            .flat_map(|p| [(&p.low, &p.high), (&p.high, &p.low)].map(|(mine, theirs)| (p, mine, theirs)))
            .filter_map(|(p, mine, theirs)| match mine.side {
                Side::Live(since_xsn) if !joined(&theirs.pod) => Some(Retained {
                    on: mine.pod,
                    towards: theirs.pod,
                    object: p.object.clone(),
                    since_xsn,
                    log: mine.kept,
                }),
                Side::Live(_) | Side::Missing | Side::Reset | Side::GaveUp | Side::Unknown => None,
            })
            .collect();
        for (pod, p) in pods.iter_mut().filter(|(_, p)| p.state == State::Undefined) {
            let mut keepers: Vec<_> = retained.iter().filter(|r| r.towards == *pod).map(|r| r.on).collect();
            keepers.sort();
            keepers.dedup();
            if !keepers.is_empty() {
                p.why = format!("{}; log is kept for it on {}", p.why, self::pods(&keepers));
            }
        }
        Self {
            strangers: strangers(desired, observed),
            identity: identity::of(desired, observed),
            attributes: desired
                .groups
                .values()
                .filter(|g| !g.attributes.is_default())
                .map(|g| (g.prefix.clone(), g.attributes.words()))
                .collect(),
            put_back: crate::put_back(desired, observed),
            uneven: uneven::of(observed),
            pods,
            pairs,
            retained,
        }
    }
}

fn left(facts: &LinkFacts) -> String {
    let kept: Vec<Ordinal> =
        facts.open.iter().chain(&facts.closed).filter(|(_, l)| **l != Link::Nothing).map(|(k, _)| *k).collect();
    if kept.is_empty() {
        "the server is up; it has not joined, or has left".to_owned()
    } else {
        format!("has left; what {} could not take before is kept", pods(&kept))
    }
}

fn of_pod(desired: &Desired, observed: &Observed, pod: Ordinal, view: &PodView) -> PodStatus {
    let standing = standing::of(desired, observed, pod);
    let seen = match view {
        PodView::Seen(seen) => seen,
        PodView::Absent { address, .. } => {
            let why = format!("nobody answers at {address}");
            return PodStatus { state: State::Undefined, standing, users: None, why };
        }
        PodView::Broken { failure: BrokenBy::SysdbaBusy, .. } if worked_on(desired, observed, pod) => {
            let why = "its only SYSDBA session is taken, and a run of aku is at work on it".to_owned();
            return PodStatus { state: State::Joiner, standing, users: Some(Door::Closed), why };
        }
        PodView::Broken { address, said, .. } => {
            let said = said.lines().next().unwrap_or_default();
            let who = if address.is_empty() { "it" } else { address };
            let why = format!("{who} cannot be looked at: {said}");
            return PodStatus { state: State::Error, standing, users: None, why };
        }
    };
    let (state, why) = match standing {
        Standing::Lost => {
            (State::Error, "has no place in the log, and others hold places towards it: its volume is lost".to_owned())
        }
        Standing::Left => (State::Undefined, left(&facts(desired, observed, pod, seen))),
        Standing::InService
        | Standing::Apart
        | Standing::Closed
        | Standing::Unfinished
        | Standing::Joining
        | Standing::NotThere
        | Standing::Down
        | Standing::Unseen => state(&facts(desired, observed, pod, seen).judged(|k| failing(desired, observed, k))),
    };
    PodStatus { state, standing, users: Some(door(seen)), why }
}

/// Whether a pod is `JOINED`: its copy is complete, and it is closed to users.
#[must_use]
pub fn is_joined_and_closed(desired: &Desired, observed: &Observed, pod: Ordinal) -> bool {
    observed.pod(pod).is_some_and(|seen| {
        door(seen) == Door::Closed && state(&facts(desired, observed, pod, seen)).0 == State::Joined
    })
}

/// A run of aku that may hold its session shows itself on another pod, or a peer copies its tables to it.
fn worked_on(desired: &Desired, observed: &Observed, pod: Ordinal) -> bool {
    let syncs = |(peer, o): (Ordinal, &Object)| {
        observed.replication(peer, &o.name).is_some_and(|r| r.sender == Sender::Syncing)
    };
    observed.is_worked_on(pod) || desired.objects_of(pod).any(syncs)
}

fn facts(desired: &Desired, observed: &Observed, me: Ordinal, seen: &Pod) -> LinkFacts {
    let mut facts =
        LinkFacts { door: door(seen), copying: Copying::None, open: BTreeMap::new(), closed: BTreeMap::new() };
    let syncs =
        |pod, object: &Object| observed.replication(pod, &object.name).is_some_and(|r| r.sender == Sender::Syncing);
    for (other, object) in desired.objects_of(me) {
        if syncs(other, object) {
            facts.copying = Copying::From(other);
        } else if syncs(me, object) && facts.copying == Copying::None {
            facts.copying = Copying::To(other);
        }
        let Some(peer) = observed.pod(other) else { continue };
        let links = match door(peer) {
            Door::Open => &mut facts.open,
            Door::Closed => &mut facts.closed,
        };
        let new = link(observed, me, other, object);
        links.entry(other).and_modify(|old| *old = both(*old, new)).or_insert(new);
    }
    facts
}

impl LinkFacts {
    /// What the pairs with the open pods hold; where none is open, those with the closed ones.
    fn place(&self) -> Place {
        let towards: Vec<Link> =
            if self.open.is_empty() { self.closed.values() } else { self.open.values() }.copied().collect();
        let lost = self.open.values().chain(self.closed.values()).any(|l| *l == Link::Lost);
        let live = towards.iter().filter(|l| matches!(l, Link::Runs | Link::Stands)).count();
        let nothing = towards.iter().filter(|l| **l == Link::Nothing).count();
        if lost {
            Place::Some
        } else if nothing == towards.len() {
            Place::None
        } else if live == towards.len() {
            Place::All
        } else {
            Place::Some
        }
    }

    /// A pair that does not run has two pods, and often one culprit: the one that fails with more open pods. With as
    /// many on both sides nobody can tell, and both are in error.
    fn judged(mut self, failing: impl Fn(Ordinal) -> usize) -> Self {
        let mine = self.open.values().filter(|l| l.fails()).count();
        for (pod, link) in &mut self.open {
            if link.fails() && failing(*pod) > mine {
                *link = Link::Theirs;
            }
        }
        self
    }
}

impl Link {
    fn fails(self) -> bool {
        match self {
            Self::Stands | Self::Half | Self::Nothing => true,
            Self::Runs | Self::Theirs | Self::Lost => false,
        }
    }
}

/// Open pods with which that open pod does not replicate as it should.
fn failing(desired: &Desired, observed: &Observed, pod: Ordinal) -> usize {
    observed.pod(pod).map_or(0, |seen| facts(desired, observed, pod, seen).open.values().filter(|l| l.fails()).count())
}

fn link(observed: &Observed, me: Ordinal, other: Ordinal, object: &Object) -> Link {
    let runs = |pod| observed.replication(pod, &object.name).is_some_and(|r| r.sender == Sender::Running);
    match (observed.side(me, &object.name), observed.side(other, &object.name)) {
        (_, Side::GaveUp) => Link::Lost,
        (Side::Live(_), Side::Live(_)) if runs(me) && runs(other) => Link::Runs,
        (Side::Live(_), Side::Live(_)) => Link::Stands,
        (Side::Live(_) | Side::GaveUp, _) | (_, Side::Live(_)) => Link::Half,
        (Side::Missing | Side::Reset | Side::Unknown, Side::Missing | Side::Reset | Side::Unknown) => Link::Nothing,
    }
}

/// Over two groups.
fn both(a: Link, b: Link) -> Link {
    match (a, b) {
        (Link::Lost, _) | (_, Link::Lost) => Link::Lost,
        (Link::Runs, Link::Runs) => Link::Runs,
        (Link::Runs | Link::Stands, Link::Runs | Link::Stands) => Link::Stands,
        (Link::Nothing, Link::Nothing) => Link::Nothing,
        (Link::Half | Link::Nothing, _) | (_, Link::Half | Link::Nothing) => Link::Half,
        (Link::Theirs, _) | (_, Link::Theirs) => Link::Theirs,
    }
}

fn strangers(desired: &Desired, observed: &Observed) -> Vec<Stranger> {
    let mut all = Vec::new();
    for pod in observed.pods.keys() {
        let Some(seen) = observed.pod(*pod) else { continue };
        let ours = |name: &ReplicationName| desired.objects_of(*pod).any(|(_, o)| o.name == *name);
        all.extend(seen.replications.keys().filter(|n| !ours(n)).map(|n| Stranger { on: *pod, object: n.clone() }));
    }
    all
}

#[cfg(test)]
mod tests;
