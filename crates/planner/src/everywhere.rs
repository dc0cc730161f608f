//! Synchronisation is no longer wanted on any pod: every object of aku.conf goes, on every pod that is seen. No row is
//! touched, and each pod keeps the tables as they are.

use aku_core::{
    desired::Object,
    observe::{MarkerView, PodView, Sender},
    plan::{
        Approval, ApprovalClass, Decision, Plan,
        action::{ActionId, Op},
        reason::{Code, Reason},
    },
    topology::Ordinal,
};

use super::{
    build::{Builder, Waits, why},
    clean,
    world::World,
};

const GONE: &str = "the pods are no longer kept in sync; their tables stay as they are";

pub(super) fn plan(world: &World<'_>) -> Plan {
    let mut build = Builder::default();
    let mut notes = world.notes(None);
    // Nobody is to be connected.
    notes.retain(|n| n.code != Code::NotConnected);
    for object in &world.desired.objects {
        clean_pair(world, &mut build, object);
    }
    for (pod, view) in &world.observed.pods {
        if !matches!(view, PodView::Seen(_)) {
            notes.push(Reason::new(
                Code::LogKept,
                format!("pod {pod} was not seen; if it holds objects, they stay until `aku apply clean --ordinal {pod}` is run with the pod there"),
            ));
        }
    }
    match world.observed.marker {
        MarkerView::Present | MarkerView::Stale => {
            let last = build.last();
            let because = why(Code::Marker, "the pod is no longer kept in sync");
            build.add(Ordinal::MASTER, Op::RemoveMarker, because, Waits::on(last, "at the end"));
        }
        MarkerView::Missing | MarkerView::Elsewhere => {}
    }
    let mut approvals: Vec<_> = world
        .seen()
        .filter_map(|pod| {
            let n = world.desired.objects_of(pod).filter(|(_, o)| world.replication(pod, o).is_some()).count();
            let objects = if n == 1 { "replication object is" } else { "replication objects are" };
            (n > 0).then(|| Approval {
                class: ApprovalClass::RemovesDefinition,
                scope: format!("{}/{pod}", world.desired.statefulset),
                because: format!("{n} {objects} dropped on pod {pod}; it is no longer kept in sync"),
            })
        })
        .collect();
    approvals.extend(world.seen().filter_map(|pod| clean::undelivered(world, pod)));
    Plan {
        goal: world.desired.goal,
        statefulset: world.desired.statefulset.clone(),
        decision: Decision::None { because: vec![why(Code::CleanObject, GONE)] },
        pods: world.lines(None),
        notes,
        approvals,
        actions: build.finish(),
        already_right: 0,
    }
}

/// FLUSH both ways where both are there, STOP both, and only then DROP: a server has crashed when DROP met a receiver or
/// an incoming START (BUG-50058, BUG-50862).
fn clean_pair(world: &World<'_>, build: &mut Builder, object: &Object) {
    let (low, high) = (object.pair.low(), object.pair.high());
    let sides = [(low, high), (high, low)];
    let name = &object.name;
    let mut flushed: Vec<ActionId> = Vec::new();
    for (pod, peer) in sides {
        let running = world.replication(pod, object).is_some_and(|r| r.sender == Sender::Running);
        if running && world.pod(peer).is_some() {
            let wait_s = world.desired.flush_wait_s();
            let op = Op::Flush { name: name.clone(), peer, wait_s };
            let text = format!("what pod {pod} committed so far reaches pod {peer}");
            flushed.push(build.add(pod, op, why(Code::FlushBeforeStop, text), Waits::none()));
        }
    }
    let waits = Waits::on(flushed, "everything is delivered before the streams stop");
    let mut stopped: Vec<ActionId> = Vec::new();
    for (pod, peer) in sides.into_iter().filter(|(pod, _)| world.is_started(*pod, object)) {
        let op = Op::Stop { name: name.clone(), peer };
        stopped.push(build.add(pod, op, why(Code::CleanObject, GONE), waits.clone()));
    }
    let waits = Waits::on(stopped, "neither side may be sending");
    for (pod, peer) in sides.into_iter().filter(|(pod, _)| world.replication(*pod, object).is_some()) {
        let op = Op::DropReplication { name: name.clone(), peer };
        build.add(pod, op, why(Code::CleanObject, GONE), waits.clone());
    }
}
