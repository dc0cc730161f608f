//! What each pod is to the cluster, and the differences that are about a pod as a whole.

use super::{Difference, Kind, PodState, Scope, remedy::Way};
use crate::{
    status::{Standing, Status, pods, standing::keepers},
    topology::Ordinal,
};

/// Every pod.
pub(super) fn of_all(scope: Scope<'_>) -> Vec<PodState> {
    let status = Status::of(scope.desired, scope.observed);
    status.pods.into_iter().map(|(pod, p)| PodState { pod, standing: p.standing, text: p.why }).collect()
}

/// Whether a SYNC runs there.
pub(super) fn syncs(scope: Scope<'_>, pod: Ordinal, name: &crate::topology::ReplicationName) -> bool {
    crate::status::standing::syncs(scope.observed, pod, name)
}

/// Whether a pod has no place in the log towards anybody.
pub(super) fn placeless(scope: Scope<'_>, pod: Ordinal) -> bool {
    crate::status::standing::placeless(scope.desired, scope.observed, pod)
}

/// Differences about pods.
pub(super) fn differences(scope: Scope<'_>, states: &[PodState]) -> Vec<Difference> {
    let in_service = states.iter().filter(|p| p.standing == Standing::InService).count();
    let one = |p: &PodState| {
        let pod = p.pod;
        match p.standing {
            Standing::Apart if pod.is_master() => Some(master_lost(pod, "is open to users")),
            Standing::Left if pod.is_master() && in_service > 0 => Some(master_lost(pod, "is closed")),
            Standing::Lost if in_service > 0 => Some(master_lost(pod, "is closed")),
            Standing::Apart => Some(
                Difference::new(Kind::NotJoined, pod, "joined", "open to users, but replicates with no other pod")
                    .text(format!("what users write on pod {pod} stays there, and what others write does not arrive"))
                    .mended(Way::Usual),
            ),
            Standing::Closed => Some(
                Difference::new(Kind::Closed, pod, "ADMIN_MODE", "joined, but closed to users (ADMIN_MODE 1)")
                    .text("a start or an end did not finish, or a restarted server waits for its start script")
                    .mended(Way::Usual),
            ),
            Standing::Lost | Standing::Unfinished => Some(
                Difference::new(Kind::JoinUnfinished, pod, "joined", "closed in the middle of a join")
                    .text(format!("{}; no session is at work on it", p.text))
                    .mended(Way::Usual),
            ),
            Standing::Down => Some(down(scope, pod)),
            Standing::InService | Standing::Joining | Standing::Left | Standing::NotThere | Standing::Unseen => None,
        }
    };
    let mut all: Vec<Difference> = states.iter().filter_map(one).collect();
    all.extend(nobody_in_service(states));
    all
}

/// Pods answer and none is in service. Silent while one is being joined, and while one that may be in service is hidden.
fn nobody_in_service(states: &[PodState]) -> Option<Difference> {
    let mut closed = Vec::new();
    for p in states {
        match p.standing {
            Standing::InService | Standing::Apart | Standing::Joining | Standing::Unseen => return None,
            Standing::Closed | Standing::Unfinished | Standing::Lost | Standing::Left => closed.push(p.pod),
            Standing::NotThere | Standing::Down => {}
        }
    }
    let first = *closed.first()?;
    let verb = if closed.len() == 1 { "answers and is" } else { "answer and are" };
    let text = format!("{} {verb} closed to users; nothing is served, and nothing replicates", pods(&closed));
    let way = if first.is_master() { Way::Start(first) } else { Way::Usual };
    Some(Difference::new(Kind::NobodyInService, first, "in-service", "no pod is in service").text(text).mended(way))
}

fn master_lost(pod: Ordinal, door: &str) -> Difference {
    Difference::new(Kind::MasterLost, pod, "joined", "lost its place while other pods are in service")
        .text(format!("pod {pod} {door} and has no live pair; it is the source of every copy, so no pod can join"))
        .mended(Way::Usual)
}

fn down(scope: Scope<'_>, pod: Ordinal) -> Difference {
    let keepers = keepers(scope.desired, scope.observed, pod);
    let from: Vec<_> = keepers.iter().filter_map(|(k, sn)| sn.map(|sn| format!("pod {k} from SN {sn}"))).collect();
    let keeping: Vec<Ordinal> = keepers.iter().filter(|(_, sn)| sn.is_some()).map(|(k, _)| *k).collect();
    let gave_up: Vec<Ordinal> = keepers.iter().filter(|(_, sn)| sn.is_none()).map(|(k, _)| *k).collect();
    let mut told = Vec::new();
    if !keeping.is_empty() {
        let s = plural(&keeping);
        told.push(format!("{} keep{s} log until pod {pod} is back: {} [P007]", pods(&keeping), from.join(", ")));
    }
    if !gave_up.is_empty() {
        told.push(format!("{} gave up log for it, so it has to be copied anew", pods(&gave_up)));
    }
    if told.is_empty() {
        told.push("ledgers remember it as running, and nobody keeps log for it".to_owned());
    }
    let headline = if keeping.is_empty() { "not there, and one of us" } else { "not there, and log is kept for it" };
    Difference::new(Kind::MemberDown, pod, "up", headline).text(told.join("; ")).mended(Way::Usual)
}

fn plural(pods: &[Ordinal]) -> &'static str {
    if pods.len() == 1 { "s" } else { "" }
}
