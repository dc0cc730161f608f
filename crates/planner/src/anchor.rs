//! What a pin is to an EAGER object (`measured.md` 9.5): where it is possible, its bounds, and what users are told. Steps
//! and order are `join`'s.
//!
//! Why the lock: from START to STOP of an EAGER sender commits wait for the joiner, which has no rows yet, and one that
//! changes a row would be told of a conflict (HY000/397549). Why its bound: receivers of the pod wait behind it, and skip
//! what they wait for after REPLICATION_LOCK_TIMEOUT (`measured.md` 1). Why one after another, on all pods: a commit of
//! an EAGER group on one member is under way until the others have applied it, so two locks at once could wait for each
//! other's users.

use aku_core::{
    desired::Object,
    observe::Pod,
    plan::{
        Refusal, RefusalKind,
        action::Op,
        reason::{Code, Reason},
    },
    topology::{Ordinal, Target},
};

use super::{
    build::{pods, why},
    cluster_view::ClusterView,
    shapes,
};

/// Longest wait for the first lock, seconds: who comes later waits behind it.
const LOCK_S: u32 = 1;
/// Longest time from the first request of a lock until all are let go, seconds; less than REPLICATION_LOCK_TIMEOUT as shipped
/// (5 s). 1.25 s were measured.
const HELD_S: u32 = 4;
/// Receivers of the pod wait behind the lock and skip what they wait for after so many seconds.
const RECEIVERS_WAIT: &str = "REPLICATION_LOCK_TIMEOUT";

/// How a pod's object is made to keep log for its peer from now on, and why.
pub(super) fn op(world: &ClusterView<'_>, pod: Ordinal, peer: Ordinal, object: &Object) -> (Op, Reason) {
    let name = object.name.clone();
    if !shapes::is_to_be_eager(world, object) {
        let text = format!(
            "from now on pod {pod} keeps its log for pod {peer}, so that nothing it commits during the copy is missed"
        );
        return (Op::Pin { name, peer }, why(Code::Pin, text));
    }
    let text = format!(
        "from now on pod {pod} keeps its log for pod {peer}; an EAGER object takes no START RETRY (ERR-61121), so it starts and stops under a SHARE lock: who writes to its tables on pod {pod} waits, 1 to 2 s as measured, {HELD_S} s at most"
    );
    let targets = locked(world, object);
    (Op::Anchor { name, peer, targets, lock_s: LOCK_S, held_s: HELD_S }, why(Code::Anchor, text))
}

/// What is locked while the object is anchored; nothing for a LAZY one.
fn locked(world: &ClusterView<'_>, object: &Object) -> Vec<Target> {
    match world.targets_of(object.group) {
        _ if !shapes::is_to_be_eager(world, object) => Vec::new(),
        [] => world.desired.groups[&object.group].targets.clone(),
        agreed => agreed.to_vec(),
    }
}

/// A pod on which tables are locked, and which.
pub(super) struct Lock {
    pod: Ordinal,
    tables: Vec<Target>,
}

/// Locks on members while they are anchored for a pod that joins.
pub(super) fn of_members(world: &ClusterView<'_>, joiner: Ordinal, members: &[Ordinal]) -> Vec<Lock> {
    let on = |pod: &Ordinal| {
        let tables: Vec<_> = world.objects_between(joiner, *pod).flat_map(|o| locked(world, o)).collect();
        Lock { pod: *pod, tables: Target::tables(&tables) }
    };
    members.iter().map(on).filter(|lock| !lock.tables.is_empty()).collect()
}

/// Locks on both sides of an object.
pub(super) fn of_pair(world: &ClusterView<'_>, object: &Object) -> Vec<Lock> {
    let tables = Target::tables(&locked(world, object));
    if tables.is_empty() {
        return Vec::new();
    }
    [object.pair.low(), object.pair.high()].map(|pod| Lock { pod, tables: tables.clone() }).into()
}

/// Bars a copy beside a member that cannot be anchored.
pub(super) fn bars(world: &ClusterView<'_>, joiner: Ordinal, members: &[Ordinal]) -> Result<(), Refusal> {
    let (mut because, mut next) = (Vec::new(), Vec::new());
    for Lock { pod: k, .. } in of_members(world, joiner, members) {
        let Some(pod) = world.pod(k) else { continue };
        if pod.admin_mode() {
            let text = format!(
                "pod {k} is a member of an EAGER group and closed (ADMIN_MODE 1): it has one session, and its position for pod {joiner} is fixed under a lock that a second one holds, so rows could be missed while pod {joiner} is copied; nothing was changed"
            );
            because.push(Reason::new(Code::EagerJoin, text));
            // Where both are members and closed, each start would send to the other one.
            if world.is_member(joiner) {
                // An end of a pod that is not in service keeps the positions.
                next.push(format!(
                    "aku apply clean --ordinal {joiner}    (it is copied anew in any case; its start then asks loses-unsent)"
                ));
            }
            next.push(format!("aku apply start --ordinal {k}    (then run this again)"));
        } else if let Some(s) = too_short(pod) {
            let text = format!(
                "the tables of an EAGER group are locked on pod {k} for up to {HELD_S} s, and its receivers skip a change that they cannot apply within {s} s ({RECEIVERS_WAIT}); nothing was changed"
            );
            because.push(Reason::new(Code::EagerJoin, text));
            next.push(format!("on pod {k}: ALTER SYSTEM SET {RECEIVERS_WAIT} = 5, then run this again"));
        }
    }
    if because.is_empty() { Ok(()) } else { Err(Refusal { kind: RefusalKind::Refused, because, next }) }
}

/// How long receivers of the pod wait, where that is no longer than a lock may be held. The look right before the lock knows
/// what was not seen here.
fn too_short(pod: &Pod) -> Option<i64> {
    pod.property(RECEIVERS_WAIT).filter(|s| *s <= i64::from(HELD_S))
}

/// Why the two sides of an object cannot be anchored, and what to type.
pub(super) fn bar(world: &ClusterView<'_>, object: &Object) -> Option<String> {
    let of_pod = |k: Ordinal| {
        match world.pod(k) {
        None => Some(format!("pod {k} was not seen; `aku apply reconcile` when it answers")),
        Some(pod) if pod.admin_mode() => Some(format!(
            "pod {k} is closed, and a closed server has no second session for the lock; `aku apply start --ordinal {k}`, then `aku apply reconcile`"
        )),
        Some(pod) => too_short(pod).map(|s| {
            format!(
                "receivers of pod {k} skip a change after {s} s ({RECEIVERS_WAIT}), and the lock may be held for {HELD_S} s; on pod {k}: ALTER SYSTEM SET {RECEIVERS_WAIT} = 5, then `aku apply reconcile`"
            )
        }),
    }
    };
    [object.pair.low(), object.pair.high()].into_iter().find_map(of_pod)
}

/// What users notice of the locks.
pub(super) fn note(locks: &[Lock]) -> Option<Reason> {
    let first = locks.first()?;
    let tables: Vec<_> = first.tables.iter().map(Target::table_sql).collect();
    let text = format!(
        "on {}, who writes to {} waits while the EAGER objects there are anchored, one after another: 1 to 2 s each as measured, {HELD_S} s at most; where a transaction holds one of these tables for more than {LOCK_S} s the lock is given up and asked for again later; an EAGER commit on another pod waits as long",
        pods(locks.iter().map(|lock| &lock.pod)),
        tables.join(", ")
    );
    Some(Reason::new(Code::UsersWait, text))
}
