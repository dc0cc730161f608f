//! What each pod is to the cluster, and the differences that are about a pod as a whole.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Difference, Kind, PodState, RECOVER, Scope, forget, start};
use crate::{
    observe::{BrokenBy, Pod, PodView, Sender, Side},
    plan,
    status::{State, Status, pods},
    topology::Ordinal,
};

/// What a pod is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// A start or an end is at work on it.
    Joining,
    /// It answers and has not joined, or has left in good order.
    Left,
    /// Nobody there, and nobody waits for it: not created yet, or left in good order.
    NotThere,
    /// Nobody there, and pods in service keep log for it.
    Down,
    /// It cannot be looked at.
    Unseen,
}

impl Standing {
    /// The word of the document.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::InService => "in-service",
            Self::Apart => "apart",
            Self::Closed => "closed",
            Self::Unfinished => "unfinished",
            Self::Joining => "joining",
            Self::Left => "left",
            Self::NotThere => "not-there",
            Self::Down => "down",
            Self::Unseen => "unseen",
        }
    }

    /// Whether something on it was looked at. A joining pod may be busy with its only session.
    #[must_use]
    pub fn is_seen(self) -> bool {
        match self {
            Self::InService | Self::Apart | Self::Closed | Self::Unfinished | Self::Left => true,
            Self::Joining | Self::NotThere | Self::Down | Self::Unseen => false,
        }
    }

    /// Whether its tables matter now.
    #[must_use]
    pub fn holds_tables(self) -> bool {
        match self {
            Self::InService | Self::Apart | Self::Closed | Self::Unfinished => true,
            Self::Joining | Self::Left | Self::NotThere | Self::Down | Self::Unseen => false,
        }
    }
}

/// Every pod.
pub(super) fn of_all(scope: Scope<'_>) -> Vec<PodState> {
    let status = Status::of(scope.desired, scope.observed);
    let members = plan::called_members(scope.desired, scope.observed);
    let one = |(pod, view): (&Ordinal, &PodView)| {
        let known = status.pods.get(pod);
        let state = known.map(|p| p.state);
        let standing = match view {
            PodView::Absent { .. } if members.contains(pod) || is_down(scope, *pod) => Standing::Down,
            PodView::Absent { .. } => Standing::NotThere,
            // Whose session it is that holds the only slot may not be known: a DBA's is no start.
            PodView::Broken { failure: BrokenBy::SysdbaBusy, .. } if state == Some(State::Joiner) => Standing::Joining,
            PodView::Broken { .. } => Standing::Unseen,
            PodView::Seen(seen) if seen.admin_mode() => closed(scope, *pod, state),
            PodView::Seen(_) if is_apart(scope, *pod) => Standing::Apart,
            PodView::Seen(_) => Standing::InService,
        };
        PodState { pod: *pod, standing, text: known.map_or_else(String::new, |p| p.why.clone()) }
    };
    scope.observed.pods.iter().map(one).collect()
}

fn closed(scope: Scope<'_>, pod: Ordinal, state: Option<State>) -> Standing {
    if scope.desired.objects_of(pod).any(|(other, o)| syncs(scope, other, &o.name)) {
        return Standing::Joining;
    }
    match state {
        Some(State::Joined | State::Donor | State::Synced) => Standing::Closed,
        Some(State::Joiner | State::Error) => Standing::Unfinished,
        Some(State::Undefined) | None => Standing::Left,
    }
}

/// Whether a SYNC runs there.
pub(super) fn syncs(scope: Scope<'_>, pod: Ordinal, name: &crate::topology::ReplicationName) -> bool {
    scope.observed.replication(pod, name).is_some_and(|r| r.sender == Sender::Syncing)
}

fn open(scope: Scope<'_>) -> impl Iterator<Item = (Ordinal, &Pod)> {
    scope.seen().filter(|(_, p)| !p.admin_mode())
}

fn live(scope: Scope<'_>, a: Ordinal, b: Ordinal) -> bool {
    scope.desired.objects_between(a, b).any(|o| {
        let any = |pod| matches!(scope.observed.side(pod, &o.name), Side::Live(_) | Side::GaveUp);
        any(a) || any(b) || syncs(scope, a, &o.name) || syncs(scope, b, &o.name)
    })
}

/// Open, other open pods answer, and nothing connects it with any of them. Between pod 0 and a single other pod it is
/// the other one that is apart; pod 0 is apart only when others are together without it.
fn is_apart(scope: Scope<'_>, me: Ordinal) -> bool {
    let others: Vec<Ordinal> = open(scope).map(|(pod, _)| pod).filter(|pod| *pod != me).collect();
    if others.is_empty() || others.iter().any(|other| live(scope, me, *other)) {
        return false;
    }
    !me.is_master() || others.iter().any(|a| others.iter().any(|b| a < b && live(scope, *a, *b)))
}

/// Who keeps log for a pod, with the lowest SN.
fn keepers(scope: Scope<'_>, pod: Ordinal) -> BTreeMap<Ordinal, u64> {
    let mut all = BTreeMap::new();
    for (other, o) in scope.desired.objects_of(pod) {
        if let Side::Live(sn) = scope.observed.side(other, &o.name) {
            all.entry(other).and_modify(|old: &mut u64| *old = sn.min(*old)).or_insert(sn);
        }
    }
    all
}

/// An absent pod is down when the source keeps log for it; without the source, when anybody does. What others keep
/// while the source does not is a leftover.
fn is_down(scope: Scope<'_>, pod: Ordinal) -> bool {
    let keepers = keepers(scope, pod);
    if pod.is_master() || scope.observed.pod(Ordinal::MASTER).is_none() {
        !keepers.is_empty()
    } else {
        keepers.contains_key(&Ordinal::MASTER)
    }
}

/// Differences about pods.
pub(super) fn differences(scope: Scope<'_>, states: &[PodState]) -> Vec<Difference> {
    let in_service = states.iter().filter(|p| p.standing == Standing::InService).count();
    let one = |p: &PodState| {
        let pod = p.pod;
        match p.standing {
            Standing::Apart if pod.is_master() => Some(master_lost(pod, "is open to users")),
            Standing::Left if pod.is_master() && in_service > 0 => Some(master_lost(pod, "is closed")),
            // An empty volume: the others kept their places towards it, and it has none.
            Standing::Unfinished if pod.is_master() && in_service > 0 && placeless(scope, pod) => {
                Some(master_lost(pod, "is closed"))
            }
            Standing::Apart => Some(
                Difference::new(Kind::NotJoined, pod, "joined", "open to users, but replicates with no other pod")
                    .text(format!("what users write on pod {pod} stays there, and what others write does not arrive"))
                    .next(start(pod)),
            ),
            Standing::Closed => Some(
                Difference::new(Kind::Closed, pod, "ADMIN_MODE", "joined, but closed to users (ADMIN_MODE 1)")
                    .text("a start or an end did not finish, or a restarted server waits for its start script")
                    .next(start(pod)),
            ),
            Standing::Unfinished => Some(
                Difference::new(Kind::JoinUnfinished, pod, "joined", "closed in the middle of a join")
                    .text(format!("{}; no session is at work on it", p.text))
                    .next(start(pod)),
            ),
            Standing::Down => Some(down(scope, pod)),
            Standing::InService | Standing::Joining | Standing::Left | Standing::NotThere | Standing::Unseen => None,
        }
    };
    states.iter().filter_map(one).collect()
}

/// Whether a pod has no place in the log towards anybody.
pub(super) fn placeless(scope: Scope<'_>, pod: Ordinal) -> bool {
    scope.desired.objects_of(pod).all(|(_, o)| match scope.observed.side(pod, &o.name) {
        Side::Missing | Side::Reset | Side::Unknown => true,
        Side::Live(_) | Side::GaveUp => false,
    })
}

fn master_lost(pod: Ordinal, door: &str) -> Difference {
    Difference::new(Kind::MasterLost, pod, "joined", "lost its place while other pods are in service")
        .text(format!("pod {pod} {door} and has no live pair; it is the source of every copy, so no pod can join"))
        .next(RECOVER)
}

/// Pod 0 cannot be forgotten: it is the source of every copy.
fn back(pod: Ordinal) -> String {
    if pod.is_master() {
        return format!("bring pod {pod} back; its start script lets it catch up; if its volume is lost: {RECOVER}");
    }
    format!("bring pod {pod} back; its start script lets it catch up; if it left for good: {}", forget(pod))
}

fn down(scope: Scope<'_>, pod: Ordinal) -> Difference {
    let keepers = keepers(scope, pod);
    let from: Vec<_> = keepers.iter().map(|(k, sn)| format!("pod {k} from SN {sn}")).collect();
    let all: Vec<Ordinal> = keepers.keys().copied().collect();
    Difference::new(Kind::MemberDown, pod, "up", "not there, and log is kept for it")
        .text(format!("{} keep{} it until pod {pod} is back: {} [P007]", pods(&all), plural(&all), from.join(", ")))
        .next(back(pod))
}

fn plural(pods: &[Ordinal]) -> &'static str {
    if pods.len() == 1 { "s" } else { "" }
}
