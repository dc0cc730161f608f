//! Steps that several goals share: objects that are made, streams that are started and flushed, rows that are compared,
//! the door and the marker.

use std::collections::BTreeMap;

use aku_core::{
    conf::{Compare, Switch},
    desired::Object,
    observe::{PodView, Sender, Side},
    plan::{
        action::{ActionId, Depth, Expect, Op},
        reason::{Code, Reason},
    },
    topology::Ordinal,
};

use super::{
    build::{Builder, Dependencies, why},
    cluster_view::ClusterView,
    draft::{Draft, marker_wanted},
    due, ledger,
};

/// CREATE REPLICATION of an object as `pod` should hold it.
pub(super) fn create_op(world: &ClusterView<'_>, pod: Ordinal, object: &Object) -> Op {
    let peer = object.pair.other(pod);
    let address = &world.desired.pods[&peer];
    Op::CreateReplication {
        name: object.name.clone(),
        peer,
        host: address.host.clone(),
        port: address.port,
        targets: match world.targets_of(object.group) {
            [] => world.desired.groups[&object.group].targets.clone(),
            agreed => agreed.to_vec(),
        },
        shape: world.desired.shape(pod, object),
    }
}

/// CREATE REPLICATION where it is missing. On one pod they follow each other: they lock the same tables,
/// and nothing more is sent after the first that fails (BUG-50950).
pub(super) fn create(world: &ClusterView<'_>, build: &mut Builder, creating: &[(Ordinal, &Object)]) -> Vec<ActionId> {
    let mut created: Vec<ActionId> = Vec::new();
    let mut last: BTreeMap<Ordinal, ActionId> = BTreeMap::new();
    for (pod, object) in creating {
        let peer = object.pair.other(*pod);
        let op = create_op(world, *pod, object);
        let seen = match world.observed.pods.get(&peer) {
            Some(PodView::Seen(_)) => "",
            Some(PodView::Absent { .. }) | None => "; the peer is absent, so this is the definition only",
            Some(PodView::Broken { .. }) => "; the peer cannot be looked at, so this is the definition only",
        };
        let because = why(Code::ObjectMissing, format!("aku.conf asks for it and pod {pod} does not have it{seen}"));
        let before = last.get(pod).copied();
        let waits = Dependencies::on(before, "they lock the same tables, and the first failure ends it");
        let id = build.add(*pod, op, because, waits);
        last.insert(*pod, id);
        created.push(id);
    }
    created
}

/// Starts what should run and does not, and flushes in both directions when the pod is not open yet. Returns what the
/// opening waits for.
pub(super) fn streams(world: &ClusterView<'_>, draft: &mut Draft, waits: &Dependencies) -> Vec<ActionId> {
    let me = draft.me;
    let closed = world.pod(me).is_some_and(aku_core::observe::Pod::admin_mode);
    let flush = closed && world.desired.flush_at_start == Switch::On;
    let mut done = Vec::new();
    for k in world.seen_others(me).collect::<Vec<_>>() {
        let (live, unlike): (Vec<_>, Vec<_>) = world
            .desired
            .objects_between(me, k)
            .filter(|o| world.sides(me, k, o).both_live())
            .partition(|o| world.unmatched(o).is_empty());
        for object in unlike {
            let text = format!("{}; `aku plan reconcile` brings both to aku.conf", unlike_sides(world, object));
            draft.notes.push(Reason::new(Code::Differs, text));
        }
        // A pod that has ended connects its pairs when it starts; starting them here would only undo its end.
        let ended = !closed && ended(world, me, k, &live);
        if ended {
            draft.notes.push(Reason::new(
                Code::PeerEnded,
                format!("pod {k} is closed and its streams with pod {me} are stopped, as after an end; they run again when pod {k} starts"),
            ));
            continue;
        }
        for object in live {
            for (from, to) in [(me, k), (k, me)] {
                let started = start_if_down(world, draft, from, to, object, waits);
                done.extend(started);
                if flush {
                    done.push(flush_stream(world, draft, from, to, object, started));
                }
            }
        }
    }
    if closed && world.desired.flush_at_start == Switch::Off && !done.is_empty() {
        draft.notes.push(Reason::new(
            Code::OpensWithGap,
            format!("AKU_FLUSH_AT_START is 0: pod {me} admits users before it has everything its peers committed"),
        ));
    }
    for (k, object) in world.desired.objects_of(me) {
        if world.pod(k).is_none()
            && let Side::Live(sn) = world.observed.side(me, &object.name)
        {
            let is = match world.observed.pods.get(&k) {
                Some(PodView::Broken { .. }) => "cannot be looked at",
                Some(PodView::Seen(_) | PodView::Absent { .. }) | None => "is not there",
            };
            draft.notes.push(Reason::new(
                Code::LogKept,
                format!("pod {k} {is}; pod {me} keeps its log for {} from SN {sn} on", object.name),
            ));
        }
    }
    done
}

/// The same for objects that aku.conf does not have, through which something of its tables is due between the pod and those
/// that are there. They go on after it: a reconcile hands their tables over.
pub(super) fn due(world: &ClusterView<'_>, draft: &mut Draft) -> Vec<ActionId> {
    let me = draft.me;
    let closed = world.pod(me).is_some_and(aku_core::observe::Pod::admin_mode);
    let flush = closed && world.desired.flush_at_start == Switch::On;
    let mut done = Vec::new();
    for k in world.seen_others(me).filter(|k| world.is_member(*k)).collect::<Vec<_>>() {
        for (from, to) in [(me, k), (k, me)] {
            for object in due::deliverable(world, from, to) {
                let started = start_if_down(world, draft, from, to, &object, &Dependencies::none());
                done.extend(started);
                if flush {
                    done.push(flush_stream(world, draft, from, to, &object, started));
                }
            }
        }
    }
    done
}

fn start_if_down(
    world: &ClusterView<'_>,
    draft: &mut Draft,
    from: Ordinal,
    to: Ordinal,
    object: &Object,
    waits: &Dependencies,
) -> Option<ActionId> {
    let sender = world.replication(from, object).map(|r| r.sender);
    match sender {
        Some(Sender::None) => {
            let op = Op::Start { name: object.name.clone(), peer: to, expect: Expect::Live };
            let because =
                why(Code::SenderDown, format!("pod {from} has no sender to pod {to}; it resumes where it stopped"));
            Some(draft.build.add(from, op, because, waits.clone()))
        }
        // A sender that is retrying is left to itself: FLUSH WAIT judges it (DESIGN D1).
        Some(Sender::Trying | Sender::Running | Sender::Syncing) | None => None,
    }
}

fn flush_stream(
    world: &ClusterView<'_>,
    draft: &mut Draft,
    from: Ordinal,
    to: Ordinal,
    object: &Object,
    started: Option<ActionId>,
) -> ActionId {
    let me = draft.me;
    // The manuals say FLUSH ALL; it has no end while others are written to, because what is received counts (`measured.md` 8).
    let op = Op::Flush { name: object.name.clone(), peer: to, wait_s: world.desired.flush_wait_s() };
    let because =
        why(Code::CatchUpFirst, format!("pod {me} opens only when pod {to} has everything pod {from} committed"));
    draft.build.add(from, op, because, Dependencies::on(started, "only a running sender can be flushed"))
}

/// AKU_COMPARE_AT_START: a pod that comes back compares its rows with a joined pod before users come in. An older copy of its
/// volume looks whole to the server (`measured.md` 9.2), and to the ledger as well where nobody noted anything since.
pub(super) fn compare(world: &ClusterView<'_>, draft: &mut Draft, waits: Dependencies) -> Option<ActionId> {
    let me = draft.me;
    let (depth, cost) = match world.desired.compare_at_start {
        Compare::Off => return None,
        Compare::Counts => (Depth::Counts, "rows are counted, about 0.7 s for half a million"),
        Compare::Contents => (Depth::Contents, "every row is read on both, about 1 s for 35,000"),
    };
    let closed = world.pod(me).is_some_and(aku_core::observe::Pod::admin_mode);
    if !closed || world.desired.flush_at_start == Switch::Off {
        return None;
    }
    let carries = |k: Ordinal| {
        let alike = move |o: &&Object| world.sides(me, k, o).both_live() && world.unmatched(o).is_empty();
        world.objects_between(me, k).filter(alike).collect::<Vec<_>>()
    };
    let joined = world.seen_others(me).filter(|k| world.is_joined(*k));
    let (with, objects) = joined.map(|k| (k, carries(k))).find(|(_, objects)| !objects.is_empty())?;
    let targets = objects.iter().flat_map(|o| world.targets_of(o.group)).cloned().collect();
    let names = objects.iter().map(|o| o.name.clone()).collect();
    let op = Op::CheckContents { source: with, names, targets, wait_s: world.desired.flush_wait_s(), depth };
    let text = format!(
        "pod {me} compares its rows with pod {with} before users come in, because an older copy of its volume would look whole to the server; {cost} (AKU_COMPARE_AT_START)"
    );
    Some(draft.build.add(me, op, why(Code::CompareFirst, text), waits))
}

/// AKU_DELAY_START_COMPLETE_TIME, when the pod is about to open.
pub(super) fn delay(world: &ClusterView<'_>, draft: &mut Draft, waits: Dependencies) -> Option<ActionId> {
    let closed = world.pod(draft.me).is_some_and(aku_core::observe::Pod::admin_mode);
    let seconds = world.desired.delay_start_complete_s;
    (closed && seconds > 0).then(|| {
        let because = why(Code::Delay, "AKU_DELAY_START_COMPLETE_TIME");
        draft.build.add(draft.me, Op::Delay { seconds }, because, waits)
    })
}

/// ADMIN_MODE 0, when it is 1.
pub(super) fn open(world: &ClusterView<'_>, draft: &mut Draft, waits: Dependencies) -> Option<ActionId> {
    let closed = world.pod(draft.me).is_some_and(aku_core::observe::Pod::admin_mode);
    closed.then(|| {
        let noted = ledger::before_opening(world, &mut draft.build, draft.me, draft.copied_from, &waits);
        let waits = waits.and(noted, "the ledger knows of it before users do");
        draft.build.add(draft.me, Op::Open, why(Code::Open, "the rows are right, so users are admitted"), waits)
    })
}

/// The marker that the startup probe looks for.
pub(super) fn marker(world: &ClusterView<'_>, draft: &mut Draft, opened: Option<ActionId>) {
    if marker_wanted(world) {
        let because = why(Code::Marker, "the startup probe takes the pod as ready when it finds the marker");
        let last = draft.build.last();
        let waits = Dependencies::on(opened.or(last), "the marker says that everything before it is done");
        draft.build.add(draft.me, Op::WriteMarker, because, waits);
    }
}

/// How the two sides of an object differ, where they do.
pub(super) fn unlike_sides(world: &ClusterView<'_>, object: &Object) -> String {
    let only: Vec<_> =
        world.unmatched(object).iter().map(|(pod, i)| format!("{} only on pod {pod}", i.local)).collect();
    format!(
        "{} on pods {} and {} does not have the same tables ({}), so neither can send to the other",
        object.name,
        object.pair.low(),
        object.pair.high(),
        only.join(", ")
    )
}

/// Closed, and nothing of the pair runs on either side.
fn ended(world: &ClusterView<'_>, me: Ordinal, k: Ordinal, live: &[&Object]) -> bool {
    let closed = world.pod(k).is_some_and(aku_core::observe::Pod::admin_mode);
    closed && !live.is_empty() && !live.iter().any(|o| world.is_started(me, o) || world.is_started(k, o))
}
