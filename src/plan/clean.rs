//! Synchronisation is no longer wanted on a pod: its objects go, and nobody keeps log for it. No rows are touched.

use super::{
    Approval, ApprovalClass, Decision, Plan,
    action::{Op, Until},
    build::{Builder, Waits, why},
    reason::{Code, Reason},
    world::World,
};
use crate::{
    desired::Object,
    observe::{MarkerView, Sender, Side},
    topology::Ordinal,
};

pub(super) fn plan(world: &World<'_>, me: Ordinal) -> Plan {
    let mut build = Builder::default();
    let mut notes = world.notes(Some(me));
    let mut dropped = 0;
    for (k, object) in world.desired.objects_of(me) {
        dropped += usize::from(world.replication(me, object).is_some());
        clean_object(world, &mut build, me, k, object);
        if world.pod(k).is_none() && world.replication(me, object).is_some() {
            notes.push(Reason::new(
                Code::LogKept,
                format!("pod {k} is not reachable; if it holds {}, it keeps log for pod {me} until somebody stops and resets it there", object.name),
            ));
        }
    }
    match world.observed.marker {
        MarkerView::Present | MarkerView::Stale => {
            let last = build.last();
            build.add(
                me,
                Op::RemoveMarker,
                why(Code::Marker, "the pod is no longer kept in sync"),
                Waits::on(last, "at the end"),
            );
        }
        MarkerView::Missing | MarkerView::Elsewhere => {}
    }
    let scope = format!("{}/{me}", world.desired.statefulset);
    let because = format!("{dropped} replication objects are dropped on pod {me}; it is no longer kept in sync");
    let approvals = if dropped == 0 {
        Vec::new()
    } else {
        vec![Approval { class: ApprovalClass::RemovesDefinition, scope, because }]
    };
    Plan {
        goal: world.desired.goal,
        statefulset: world.desired.statefulset.clone(),
        decision: Decision::None {
            because: vec![why(
                Code::CleanObject,
                format!("pod {me} is no longer kept in sync; its tables stay as they are"),
            )],
        },
        pods: world.lines(Some(me)),
        notes,
        approvals,
        actions: build.finish(),
        already_right: 0,
    }
}

fn clean_object(world: &World<'_>, build: &mut Builder, me: Ordinal, k: Ordinal, object: &Object) {
    let name = &object.name;
    let seen = world.pod(k).is_some();
    let running = world.replication(me, object).is_some_and(|r| r.sender == Sender::Running);
    let flushed = (running && seen).then(|| {
        let op = Op::Flush { name: name.clone(), peer: k, until: Until::Issued, wait_s: world.desired.flush_wait_s() };
        build.add(
            me,
            op,
            why(Code::FlushBeforeStop, format!("what pod {me} committed so far reaches pod {k}")),
            Waits::none(),
        )
    });
    let waits = Waits::on(flushed, "everything is delivered before the streams stop");
    let mut stop = |pod: Ordinal, peer: Ordinal| {
        world.is_started(pod, object).then(|| {
            let op = Op::Stop { name: name.clone(), peer };
            build.add(pod, op, why(Code::CleanObject, format!("pod {me} is no longer kept in sync")), waits.clone())
        })
    };
    // The server has had crashes when DROP met a receiver or an incoming START (BUG-50058, BUG-50862): peers stop first.
    let theirs = stop(k, me);
    let mine = stop(me, k);
    if world.replication(me, object).is_some() {
        let waits = waits.and(theirs, "the peer must not be sending").and(mine, "DROP needs a stopped sender");
        let op = Op::DropReplication { name: name.clone(), peer: k };
        build.add(me, op, why(Code::CleanObject, format!("pod {me} is no longer kept in sync")), waits);
    }
    match world.observed.side(k, name) {
        Side::Live(_) | Side::GaveUp => {
            let op = Op::Reset { name: name.clone(), peer: me };
            let text = format!("otherwise pod {k} would keep log for pod {me} for ever");
            build.add(k, op, why(Code::CleanPeer, text), Waits::on(theirs, "RESET needs a stopped sender"));
        }
        Side::Missing | Side::Reset | Side::Unknown => {}
    }
}
