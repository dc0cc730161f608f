//! Synchronisation is no longer wanted on a pod: its objects go, and nobody keeps log for it. No rows are touched.
//!
//! Without pod 0 there is no source. What its slaves commit from then on is on no pod that a copy is taken from: pod 0
//! either refuses to start beside them, or, once they are closed, is copied over them. So that clean needs a yes for every
//! slave, and what both sides committed so far is delivered first.

use std::collections::BTreeSet;

use aku_core::{
    desired::Object,
    observe::{MarkerView, Sender, Side},
    plan::{
        Approval, ApprovalClass, Decision, Plan,
        action::Op,
        reason::{Code, Reason},
    },
    topology::Ordinal,
};

use super::{
    build::{Builder, Waits, pods, why},
    world::World,
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
    let objects = if dropped == 1 { "replication object is" } else { "replication objects are" };
    let because = format!("{dropped} {objects} dropped on pod {me}; it is no longer kept in sync");
    let mut approvals = Vec::new();
    if dropped > 0 {
        approvals.push(Approval { class: ApprovalClass::RemovesDefinition, scope, because });
    }
    approvals.extend(undelivered(world, me));
    if me.is_master() {
        approvals.extend(left_behind(world, &mut notes));
    }
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

/// A yes for what a pod has not sent to a pod that is not there: it is never sent once the objects are gone. A stopped
/// sender to a pod that is there asks for nothing, because a clean that broke off leaves just that.
pub(super) fn undelivered(world: &World<'_>, me: Ordinal) -> Option<Approval> {
    let live = |o: &Object| matches!(world.observed.side(me, &o.name), Side::Live(_));
    let stuck = |k: Ordinal, o: &Object| live(o) && world.pod(k).is_none();
    let peers: BTreeSet<_> = world.desired.objects_of(me).filter(|(k, o)| stuck(*k, o)).map(|(k, _)| k).collect();
    (!peers.is_empty()).then(|| Approval {
        class: ApprovalClass::LosesUnsent,
        scope: format!("{}/{me}", world.desired.statefulset),
        because: format!(
            "what pod {me} has not sent to {} cannot be delivered now, and is never sent once its objects are gone",
            pods(&peers)
        ),
    })
}

/// Slaves that lose their source: a yes for each, and what to do instead.
fn left_behind(world: &World<'_>, notes: &mut Vec<Reason>) -> Vec<Approval> {
    let source = Ordinal::MASTER;
    let holds = |k: &Ordinal| {
        let live = |o: &Object| matches!(world.observed.side(*k, &o.name), Side::Live(_) | Side::GaveUp);
        world.desired.objects_between(source, *k).any(live)
    };
    let slaves: Vec<_> = world.seen_others(source).filter(holds).collect();
    if slaves.is_empty() {
        return Vec::new();
    }
    let them = if slaves.len() == 1 { "it" } else { "them" };
    notes.push(Reason::new(
        Code::Afterwards,
        format!(
            "{} would be left without a source; `aku plan clean --everywhere` takes {them} out of the synchronisation as well, and `aku plan end` on pod 0 keeps every place in the log",
            pods(&slaves)
        ),
    ));
    let approval = |k: Ordinal| {
        let unsent = |o: &Object| {
            let runs = world.replication(k, o).is_some_and(|r| r.sender == Sender::Running);
            matches!(world.observed.side(k, &o.name), Side::GaveUp)
                || (world.observed.side(k, &o.name) != Side::Missing && !runs)
        };
        let what = if world.desired.objects_between(source, k).any(unsent) {
            "has not sent yet and what it commits from then on never reach pod 0, and are deleted"
        } else {
            "commits from then on never reaches pod 0, and is deleted"
        };
        Approval {
            class: ApprovalClass::LosesUnsent,
            scope: format!("{}/{k}", world.desired.statefulset),
            because: format!(
                "pod {k} loses its place towards pod 0, the source of all copies: what pod {k} {what} when pod {k} joins again"
            ),
        }
    };
    slaves.into_iter().map(approval).collect()
}

fn clean_object(world: &World<'_>, build: &mut Builder, me: Ordinal, k: Ordinal, object: &Object) {
    let name = &object.name;
    let both_seen = world.pod(k).is_some();
    let mut flush = |pod: Ordinal, peer: Ordinal| {
        let running = world.replication(pod, object).is_some_and(|r| r.sender == Sender::Running);
        (running && both_seen).then(|| {
            let op = Op::Flush { name: name.clone(), peer, wait_s: world.desired.flush_wait_s() };
            let text = format!("what pod {pod} committed so far reaches pod {peer}");
            build.add(pod, op, why(Code::FlushBeforeStop, text), Waits::none())
        })
    };
    let mut flushed: Vec<_> = flush(me, k).into_iter().collect();
    if me.is_master() {
        // What others still have for a slave that leaves is of no use to it; pod 0 is the source of the copies to come.
        flushed.extend(flush(k, me));
    }
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
