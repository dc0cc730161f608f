//! Synchronisation is no longer wanted on any pod: every pod that is seen is closed to users, everything that was committed
//! goes to every peer, and then every object of aku.conf goes. No row is touched, and each pod keeps the tables as they are.
//!
//! Of a pair the slave's place goes first: a kill in between leaves a slave that has to be copied anew from a pod 0 that has
//! everything, never a pod 0 that looks lost.

use std::collections::BTreeMap;

use foldhash::HashSet;

use super::{
    Approval, ApprovalClass, Decision, Plan,
    action::{ActionId, Op},
    build::{Builder, Waits, why},
    catch_up, clean,
    deliver::{self, Gate, Passable, Peer, Way},
    reason::{Code, Reason},
    world::World,
};
use crate::{
    desired::Object,
    observe::{MarkerView, PodView, Side},
    topology::{Ordinal, ReplicationName},
};

const GONE: &str = "the pods are no longer kept in sync; their tables stay as they are";

pub(super) fn plan(world: &World<'_>) -> Plan {
    let mut build = Builder::default();
    let mut notes = world.notes(None);
    // Nobody is to be connected.
    notes.retain(|n| n.code != Code::NotConnected);
    let ways = Ways::new(world);
    let fenced = fence(world, &mut build);
    let delivered = ways.deliver(world, &mut build, &fenced);
    for object in &world.desired.objects {
        clean_pair(world, &mut build, object, &ways, &[&fenced, &delivered]);
    }
    if !fenced.is_empty() {
        notes.push(Reason::new(
            Code::Afterwards,
            "the pods stay closed to users (ADMIN_MODE 1): what is written on one of them from now on is sent to nobody, and is deleted when that pod joins again",
        ));
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

/// Directions in which something is delivered, with what a peer needs first.
struct Ways<'w> {
    all: Vec<(Way<'w>, Passable)>,
    /// Sides that deliver.
    from: HashSet<(Ordinal, &'w ReplicationName)>,
    /// Objects that are made anew for that, and where.
    made: HashSet<(Ordinal, &'w ReplicationName)>,
}

impl<'w> Ways<'w> {
    fn new(world: &'w World<'_>) -> Self {
        let sides = |o: &'w Object| [(o.pair.low(), o.pair.high()), (o.pair.high(), o.pair.low())].map(|e| (e, o));
        let live = |from: Ordinal, o: &Object| matches!(world.observed.side(from, &o.name), Side::Live(_));
        let ways = world.desired.objects.iter().flat_map(sides);
        let ways = ways.filter(|((from, to), o)| live(*from, o) && world.pod(*to).is_some());
        let judged = ways.map(|((from, to), object)| {
            let way = Way { from, to, object };
            (way, deliver::passable(world, way))
        });
        let all: Vec<_> = judged.filter(|(_, how)| !matches!(how, Passable::No(_))).collect();
        let from = all.iter().map(|(way, _)| (way.from, &way.object.name)).collect();
        let makes = |(way, how): &(Way<'w>, Passable)| (*how == Passable::OnceMade).then_some((way.to, &way.object.name));
        let made = all.iter().filter_map(makes).collect();
        Self { all, from, made }
    }

    /// Everything goes out, and each pod sees that nobody is left to commit more.
    fn deliver(
        &self,
        world: &World<'_>,
        build: &mut Builder,
        fenced: &BTreeMap<Ordinal, ActionId>,
    ) -> BTreeMap<Ordinal, ActionId> {
        let lost: Vec<_> =
            self.all.iter().filter(|(_, how)| *how == Passable::OnceMade).map(|(way, _)| (way.to, way.object)).collect();
        let made = catch_up::create(world, build, &lost);
        let made: Vec<(Ordinal, &ReplicationName, ActionId)> =
            lost.iter().zip(made).map(|((pod, o), id)| (*pod, &o.name, id)).collect();
        let mut flushed: BTreeMap<Ordinal, (Vec<ActionId>, Vec<ReplicationName>)> = BTreeMap::new();
        for (way, _) in &self.all {
            let made = made.iter().find(|(pod, name, _)| *pod == way.to && **name == way.object.name).map(|m| m.2);
            let (from, to) = (way.from, way.to);
            let start = format!("pod {from} has no sender to pod {to}, and it keeps a position: what is unsent goes out first");
            let flush = format!("everything pod {from} committed must be on pod {to}");
            let gate = Gate {
                first: Waits::on(fenced.get(&from).copied(), "users are out first"),
                start: Waits::on(made, "both sides must be there"),
                peer: if made.is_some() { Peer::Gets } else { Peer::Has },
            };
            let because = (why(Code::SenderDown, start), why(Code::FlushBeforeStop, flush));
            let (ids, names) = flushed.entry(from).or_default();
            ids.push(deliver::deliver(world, build, *way, because, gate));
            names.push(way.object.name.clone());
        }
        let proved = flushed.into_iter().map(|(pod, (ids, names))| {
            let waits = Waits::on(ids, "it looks at what they did");
            (pod, build.add(pod, Op::CheckDelivered { names }, deliver::proof("every peer"), waits))
        });
        proved.collect()
    }
}

/// Users are shut out wherever something is sent.
fn fence(world: &World<'_>, build: &mut Builder) -> BTreeMap<Ordinal, ActionId> {
    let sends = |pod: &Ordinal| {
        let live = |o: &Object| matches!(world.observed.side(*pod, &o.name), Side::Live(_));
        world.desired.objects_of(*pod).any(|(_, o)| live(o) || world.is_started(*pod, o))
    };
    let text = "what clients commit after the last flush would be lost, so they are shut out first";
    let pods: Vec<_> = world.seen().filter(sends).collect();
    pods.into_iter().map(|pod| (pod, build.add(pod, Op::Fence, why(Code::Fence, text), Waits::none()))).collect()
}

/// STOP both, RESET the higher pod's side, then the other, and only then DROP: a server has crashed when DROP met a receiver
/// or an incoming START (BUG-50058, BUG-50862).
fn clean_pair(
    world: &World<'_>,
    build: &mut Builder,
    object: &Object,
    ways: &Ways<'_>,
    first: &[&BTreeMap<Ordinal, ActionId>],
) {
    let (low, high) = (object.pair.low(), object.pair.high());
    let sides = [(high, low), (low, high)];
    let name = &object.name;
    let both = sides.iter().flat_map(|(pod, _)| first.iter().filter_map(|done| done.get(pod).copied()));
    let waits = Waits::on(both, "users are out and everything is delivered before the streams stop");
    let mut before: Vec<ActionId> = Vec::new();
    // The delivery may have started a sender that was down.
    for (pod, peer) in sides.into_iter().filter(|(pod, _)| world.is_started(*pod, object) || ways.from.contains(&(*pod, name))) {
        let op = Op::Stop { name: name.clone(), peer };
        before.push(build.add(pod, op, why(Code::CleanObject, GONE), waits.clone()));
    }
    for (pod, peer) in sides {
        if matches!(world.observed.side(pod, name), Side::Live(_)) {
            let op = Op::Reset { name: name.clone(), peer };
            let waits = waits.clone().and(before.iter().copied(), "neither side may be sending, and the slave forgets first");
            before.push(build.add(pod, op, why(Code::CleanObject, GONE), waits));
        }
    }
    let is_there = |(pod, _): &(Ordinal, Ordinal)| world.replication(*pod, object).is_some() || ways.made.contains(&(*pod, name));
    for (pod, peer) in sides.into_iter().filter(is_there) {
        let op = Op::DropReplication { name: name.clone(), peer };
        let waits = waits.clone().and(before.iter().copied(), "neither side may be sending or have a place");
        build.add(pod, op, why(Code::CleanObject, GONE), waits);
    }
}
