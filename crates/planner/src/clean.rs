//! Synchronisation is no longer wanted on a pod: an end that also drops (`end`). Users are shut out and stay out, what was
//! committed is delivered to every peer, then positions and objects go here, and only then do the peers forget. No rows are
//! touched, and what cannot be delivered goes with a yes that names it.
//!
//! A clean that broke off is finished by the next one; the ledger says from the first RESET on that it is one.
//!
//! Without pod 0 there is no source. What its slaves commit from then on is on no pod that a copy is taken from: pod 0
//! either refuses to start beside them, or, once they are closed, is copied over them. So that clean needs a yes for every
//! slave, and what both sides committed so far is delivered first.

use std::collections::BTreeMap;

use aku_core::{
    desired::Object,
    observe::{PodView, Sender, Side},
    plan::{
        Approval, ApprovalClass, Decision, Plan,
        action::{ActionId, Op},
        reason::{Code, Reason},
    },
    topology::Ordinal,
};

use super::{
    build::{Dependencies, pods, why},
    cluster_view::ClusterView,
    deliver::{self, Passable, Way},
    due,
    end::{How, Leave},
    identity, ledger,
};

pub(super) fn plan(world: &ClusterView<'_>, me: Ordinal) -> Plan {
    let mut leave = Leave::new(world, me, How::Cleans);
    let (fenced, pairs) = leave.begin();
    leave.make(&pairs);
    let mut flushed: BTreeMap<Ordinal, Vec<ActionId>> = BTreeMap::new();
    for k in pairs {
        flushed.entry(k).or_default().extend(leave.flush(k, fenced));
    }
    let live = |(_, o): (Ordinal, &Object)| world.observed.side(me, &o.name).has_position();
    if world.desired.objects_of(me).any(live) {
        let delivered = flushed.values().flatten().copied();
        let waits = Dependencies::on(delivered, "nothing is forgotten before everything is delivered")
            .and(fenced, "users are out first");
        leave.noted = ledger::before_forgetting(world, &mut leave.build, me, waits);
    }
    if me.is_master() {
        // What others still have for a slave that leaves is of no use to it; pod 0 is the source of the copies to come.
        for (k, object) in world.desired.objects_of(me) {
            flushed.entry(k).or_default().extend(to_source(world, &mut leave, k, object));
        }
        for k in world.seen_others(me) {
            for object in due::deliverable(world, k, me) {
                flushed.entry(k).or_default().extend(to_source(world, &mut leave, k, &object));
            }
        }
    }
    let others: Vec<_> = world.desired.pods.keys().copied().filter(|k| *k != me).collect();
    for k in others {
        let before = flushed.get(&k).map_or(&[][..], Vec::as_slice);
        let twins = leave.remove_twins(k, fenced, before);
        flushed.entry(k).or_default().extend(twins);
        leave.leave(k, fenced, flushed.get(&k).map_or(&[], Vec::as_slice));
    }
    let mut notes = std::mem::take(&mut leave.notes);
    let mut dropped = 0;
    for (k, object) in world.desired.objects_of(me).filter(|(_, o)| world.replication(me, o).is_some()) {
        dropped += 1;
        if world.pod(k).is_none() {
            notes.push(Reason::new(
                Code::LogKept,
                format!("pod {k} is not reachable; if it holds {}, it keeps log for pod {me} until somebody stops and resets it there", object.name),
            ));
        }
    }
    if fenced.is_some() {
        notes.push(Reason::new(
            Code::Afterwards,
            format!("pod {me} stays closed to users (ADMIN_MODE 1): what is written there from now on is sent to nobody, and is deleted when pod {me} joins again"),
        ));
    }
    let scope = format!("{}/{me}", world.desired.statefulset);
    let objects = if dropped == 1 { "replication object is" } else { "replication objects are" };
    let because = format!("{dropped} {objects} dropped on pod {me}; it is no longer kept in sync");
    let mut approvals = Vec::new();
    if dropped > 0 {
        approvals.push(Approval { class: ApprovalClass::RemovesDefinition, scope, because });
        let what = format!("what pod {me} forgets and drops here is judged without it");
        approvals.extend(identity::quorum_asked(world, None, &what));
    }
    approvals.extend(undelivered(world, me, Vec::new()));
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
        actions: leave.build.finish(),
        already_right: 0,
    }
}

/// What a slave committed goes to pod 0 while it still can.
fn to_source(world: &ClusterView<'_>, leave: &mut Leave<'_>, k: Ordinal, object: &Object) -> Option<ActionId> {
    let running = world.replication(k, object).is_some_and(|r| r.sender == Sender::Running);
    running.then(|| {
        let op = Op::Flush { name: object.name.clone(), peer: Ordinal::MASTER, wait_s: world.desired.flush_wait_s() };
        let text = format!("what pod {k} committed so far reaches pod 0");
        leave.build.add(k, op, why(Code::FlushBeforeStop, text), Dependencies::none())
    })
}

/// A yes for what a pod has not sent and cannot deliver: it is never sent once its objects are gone. Each stream is named,
/// with what is known of its length.
/// `besides` are words for objects that aku.conf does not have.
pub(super) fn undelivered(world: &ClusterView<'_>, me: Ordinal, besides: Vec<String>) -> Option<Approval> {
    let lost = |(k, o): (Ordinal, &Object)| {
        let gap = world.replication(me, o).and_then(|r| r.gap).map(|g| format!(", gap {g}")).unwrap_or_default();
        let why = match (world.observed.side(me, &o.name), world.observed.pods.get(&k)) {
            (Side::Missing | Side::Reset | Side::Unknown, _) => return None,
            (Side::GaveUp, _) => format!("pod {me} gave up log for it"),
            (Side::Live(sn), Some(PodView::Broken { .. })) => {
                format!("from SN {sn}{gap}: pod {k} cannot be looked at")
            }
            (Side::Live(sn), Some(PodView::Absent { .. }) | None) => format!("from SN {sn}{gap}: pod {k} is not there"),
            (Side::Live(sn), Some(PodView::Seen(_))) => {
                let way = Way { from: me, to: k, object: o };
                let Passable::No(because) = deliver::passable(world, way) else { return None };
                format!("from SN {sn}{gap}: {because}")
            }
        };
        Some(format!("{} to pod {k} ({why})", o.name))
    };
    let lost: Vec<String> = world.desired.objects_of(me).filter_map(lost).chain(besides).collect();
    (!lost.is_empty()).then(|| Approval {
        class: ApprovalClass::LosesUnsent,
        scope: format!("{}/{me}", world.desired.statefulset),
        because: format!(
            "what pod {me} has not sent cannot be delivered now and is never sent once its objects are gone: {}; those rows stay on pod {me} and may be on no other pod",
            lost.join("; ")
        ),
    })
}

/// Slaves that lose their source: a yes for each, and what to do instead.
fn left_behind(world: &ClusterView<'_>, notes: &mut Vec<Reason>) -> Vec<Approval> {
    let source = Ordinal::MASTER;
    let holds = |k: &Ordinal| {
        let live = |o: &Object| world.observed.side(*k, &o.name).has_position();
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
