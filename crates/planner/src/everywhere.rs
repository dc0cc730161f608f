//! Synchronisation is no longer wanted on any pod: every pod that is seen is closed to users, everything that was committed
//! goes to every peer, and then every object of aku.conf goes. No row is touched, and each pod keeps the tables as they are.
//!
//! Of a pair the slave's places go first, in every group: a kill in between leaves a slave that has to be copied anew from a
//! pod 0 that has everything, never a pod 0 that looks lost, or a group that looks as if aku.conf had gained it. For the same
//! reason no object goes while another has a place.

use std::collections::{BTreeMap, BTreeSet};

use aku_core::{
    desired::Object,
    observe::{MarkerView, PodView},
    plan::{
        Approval, ApprovalClass, Decision, Plan,
        action::{ActionId, Op},
        reason::{Code, Reason},
    },
    topology::{Ordinal, ReplicationName},
};
use foldhash::{HashMap, HashMapExt as _, HashSet};

use super::{
    build::{Builder, Dependencies, why},
    clean,
    cluster_view::ClusterView,
    deliver::{self, Gate, Passable, Peer, Way},
    due::{self, Leftovers, Objects},
    identity, steps,
};

const GONE: &str = "the pods are no longer kept in sync; their tables stay as they are";

pub(super) fn plan(world: &ClusterView<'_>) -> Plan {
    let mut build = Builder::default();
    let mut notes = world.notes(None);
    // Nobody is to be connected.
    notes.retain(|n| n.code != Code::NotConnected);
    let old = due::leftovers(world);
    let kept: Vec<&Object> = world.desired.objects.iter().chain(&old.due).collect();
    let objects: Vec<&Object> = kept.iter().copied().chain(&old.stale).collect();
    let ways = Ways::new(world, &old);
    let fenced = fence(world, &objects, &mut build);
    let forgotten = forget_stale(world, &mut build, &old, &fenced);
    let delivered = ways.deliver(world, &mut build, &fenced, &forgotten);
    for pair in world.desired.objects.iter().map(|o| o.pair).collect::<BTreeSet<_>>() {
        let (low, high) = (pair.low(), pair.high());
        let fences = [low, high].into_iter().filter_map(|pod| fenced.get(&pod).copied());
        let first = Dependencies::on(fences, "users are out first");
        due::remove_twins(world, &mut build, [(high, low), (low, high)], Objects::Go, &first);
    }
    let mut places = Places {
        world,
        objects: &objects,
        kept: &kept,
        ways: &ways,
        first: [&fenced, &delivered],
        stale: &forgotten,
        forgotten: Vec::new(),
    };
    let stopped = places.stop(&mut build);
    places.forget(&mut build, &stopped);
    let quiet = places.quiet(&mut build);
    places.drop_objects(&mut build, &stopped, quiet);
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
        MarkerView::Present | MarkerView::Stale if world.pod(Ordinal::MASTER).is_some() => {
            let last = build.last();
            let because = why(Code::Marker, "the pod is no longer kept in sync");
            build.add(Ordinal::MASTER, Op::RemoveMarker, because, Dependencies::on(last, "at the end"));
        }
        // A plan does nothing about a pod that was not seen; its next start, or `clean --ordinal 0`, judges the marker anew.
        MarkerView::Present | MarkerView::Stale | MarkerView::Missing | MarkerView::Elsewhere => {}
    }
    let mut held: BTreeMap<Ordinal, usize> = BTreeMap::new();
    for object in &objects {
        for (pod, _) in sides(object).into_iter().filter(|(pod, _)| world.replication(*pod, object).is_some()) {
            *held.entry(pod).or_default() += 1;
        }
    }
    let mut approvals: Vec<_> = world
        .seen()
        .filter_map(|pod| {
            let n = held.get(&pod).copied().unwrap_or(0);
            let objects = if n == 1 { "replication object is" } else { "replication objects are" };
            (n > 0).then(|| Approval {
                class: ApprovalClass::RemovesDefinition,
                scope: format!("{}/{pod}", world.desired.statefulset),
                because: format!("{n} {objects} dropped on pod {pod}; it is no longer kept in sync"),
            })
        })
        .collect();
    approvals.extend(
        world.seen().filter_map(|pod| clean::undelivered(world, pod, old.stuck.get(&pod).cloned().unwrap_or_default())),
    );
    if !approvals.is_empty() {
        let what = "it goes on replicating, with pods that have forgotten it";
        approvals.extend(identity::quorum_asked(world, None, what));
    }
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
    fn new(world: &'w ClusterView<'_>, old: &'w Leftovers) -> Self {
        let sides = |o: &'w Object| [(o.pair.low(), o.pair.high()), (o.pair.high(), o.pair.low())].map(|e| (e, o));
        let live = |from: Ordinal, o: &Object| world.observed.side(from, &o.name).is_live();
        let ways = world.desired.objects.iter().flat_map(sides);
        let ways = ways.filter(|((from, to), o)| live(*from, o) && world.pod(*to).is_some());
        let judged = ways.map(|((from, to), object)| {
            let way = Way { from, to, object };
            (way, deliver::passable(world, way))
        });
        let ours = judged.filter(|(_, how)| !matches!(how, Passable::No(_)));
        let due = old.due.iter().flat_map(sides);
        let due = due.filter(|((from, _), o)| old.deliverable.contains(&(*from, o.name.clone())));
        let due = due.map(|((from, to), object)| (Way { from, to, object }, Passable::Yes));
        let all: Vec<_> = ours.chain(due).collect();
        let from = all.iter().map(|(way, _)| (way.from, &way.object.name)).collect();
        let makes =
            |(way, how): &(Way<'w>, Passable)| (*how == Passable::OnceMade).then_some((way.to, &way.object.name));
        let made = all.iter().filter_map(makes).collect();
        Self { all, from, made }
    }

    /// Everything goes out, and each pod sees that nobody is left to commit more.
    fn deliver(
        &self,
        world: &ClusterView<'_>,
        build: &mut Builder,
        fenced: &BTreeMap<Ordinal, ActionId>,
        forgotten: &BTreeMap<Ordinal, Vec<ActionId>>,
    ) -> BTreeMap<Ordinal, ActionId> {
        let lost: Vec<_> = self
            .all
            .iter()
            .filter(|(_, how)| *how == Passable::OnceMade)
            .map(|(way, _)| (way.to, way.object))
            .collect();
        let made = steps::create(world, build, &lost);
        let made: Vec<(Ordinal, &ReplicationName, ActionId)> =
            lost.iter().zip(made).map(|((pod, o), id)| (*pod, &o.name, id)).collect();
        let mut flushed: BTreeMap<Ordinal, (Vec<ActionId>, Vec<ReplicationName>)> = BTreeMap::new();
        for (way, _) in &self.all {
            let made = made.iter().find(|(pod, name, _)| *pod == way.to && **name == way.object.name).map(|m| m.2);
            let (from, to) = (way.from, way.to);
            let start =
                format!("pod {from} has no sender to pod {to}, and it keeps a position: what is unsent goes out first");
            let flush = format!("everything pod {from} committed must be on pod {to}");
            let gate = Gate {
                first: Dependencies::on(fenced.get(&from).copied(), "users are out first").and(
                    forgotten.get(&from).into_iter().flatten().copied(),
                    "what is behind is never sent after what is newer",
                ),
                start: Dependencies::on(made, "both sides must be there"),
                peer: if made.is_some() { Peer::Gets } else { Peer::Has },
            };
            let because = (why(Code::SenderDown, start), why(Code::FlushBeforeStop, flush));
            let (ids, names) = flushed.entry(from).or_default();
            ids.push(deliver::deliver(world, build, *way, because, gate));
            names.push(way.object.name.clone());
        }
        let proved = flushed.into_iter().map(|(pod, (ids, names))| {
            let waits = Dependencies::on(ids, "it looks at what they did");
            (pod, build.add(pod, Op::CheckDelivered { names }, deliver::proof("every peer"), waits))
        });
        proved.collect()
    }
}

/// What is kept through objects that aku.conf had once and is not due is forgotten before our own objects are flushed, so that
/// nothing is sent once more after what is newer. By pod.
fn forget_stale(
    world: &ClusterView<'_>,
    build: &mut Builder,
    old: &Leftovers,
    fenced: &BTreeMap<Ordinal, ActionId>,
) -> BTreeMap<Ordinal, Vec<ActionId>> {
    let mut done: BTreeMap<Ordinal, Vec<ActionId>> = BTreeMap::new();
    for object in &old.stale {
        let [(high, low), _] = sides(object);
        let fences = [high, low].into_iter().filter_map(|pod| fenced.get(&pod).copied());
        let first = Dependencies::on(fences, "users are out first");
        for (pod, id) in due::forget(world, build, object, [high, low], Objects::Stay, &first) {
            done.entry(pod).or_default().push(id);
        }
    }
    done
}

/// Users are shut out wherever something is sent.
fn fence(world: &ClusterView<'_>, objects: &[&Object], build: &mut Builder) -> BTreeMap<Ordinal, ActionId> {
    let live = |pod: Ordinal, o: &Object| world.observed.side(pod, &o.name).is_live() || world.is_started(pod, o);
    let send: BTreeSet<Ordinal> = objects
        .iter()
        .flat_map(|o| sides(o).map(|(pod, _)| (pod, *o)))
        .filter(|(pod, o)| live(*pod, o))
        .map(|(pod, _)| pod)
        .collect();
    let text = "what clients commit after the last flush would be lost, so they are shut out first";
    let pods: Vec<_> = world.seen().filter(|pod| send.contains(pod)).collect();
    pods.into_iter().map(|pod| (pod, build.add(pod, Op::Fence, why(Code::Fence, text), Dependencies::none()))).collect()
}

/// What goes, in this order: senders, places, objects.
struct Places<'w, 'a> {
    world: &'w ClusterView<'a>,
    /// Those of aku.conf, and those that it had once.
    objects: &'w [&'w Object],
    /// The same without what has forgotten everything before.
    kept: &'w [&'w Object],
    ways: &'w Ways<'w>,
    /// What a pod does first: users are out, everything is delivered.
    first: [&'w BTreeMap<Ordinal, ActionId>; 2],
    /// By pod, what makes the others forget.
    stale: &'w BTreeMap<Ordinal, Vec<ActionId>>,
    /// RESETs, by the pod.
    forgotten: Vec<(Ordinal, ActionId)>,
}

/// STOPs of an object.
type Stopped<'w> = HashMap<&'w ReplicationName, Vec<ActionId>>;

impl<'w> Places<'w, '_> {
    fn waits(&self, object: &Object) -> Dependencies {
        let pods = [object.pair.low(), object.pair.high()];
        let both = pods.iter().flat_map(|pod| self.first.iter().filter_map(|done| done.get(pod).copied()));
        let stale = pods.iter().filter_map(|pod| self.stale.get(pod)).flatten().copied();
        Dependencies::on(both, "users are out and everything is delivered before the streams stop")
            .and(stale, "what is behind is forgotten first")
    }

    fn stop(&self, build: &mut Builder) -> Stopped<'w> {
        let mut stopped: Stopped<'w> = HashMap::new();
        for object in self.kept {
            let name = &object.name;
            for (pod, peer) in sides(object) {
                // The delivery may have started a sender that was down.
                if self.world.is_started(pod, object) || self.ways.from.contains(&(pod, name)) {
                    let op = Op::Stop { name: name.clone(), peer };
                    let id = build.add(pod, op, why(Code::CleanObject, GONE), self.waits(object));
                    stopped.entry(name).or_default().push(id);
                }
            }
        }
        stopped
    }

    fn forget(&mut self, build: &mut Builder, stopped: &Stopped<'w>) {
        let mut between: BTreeMap<(Ordinal, Ordinal), Vec<&Object>> = BTreeMap::new();
        for object in self.kept {
            between.entry((object.pair.low(), object.pair.high())).or_default().push(object);
        }
        let pods: Vec<Ordinal> = self.world.desired.pods.keys().copied().collect();
        for (i, low) in pods.iter().enumerate() {
            for high in &pods[i + 1..] {
                let mut before: Vec<ActionId> = Vec::new();
                for (pod, peer) in [(*high, *low), (*low, *high)] {
                    let slave = before.clone();
                    for object in between.get(&(*low, *high)).into_iter().flatten() {
                        let name = &object.name;
                        if !self.world.observed.side(pod, name).has_position() {
                            continue;
                        }
                        let op = Op::Reset { name: name.clone(), peer };
                        let waits = self
                            .waits(object)
                            .and(stopped.get(name).into_iter().flatten().copied(), "neither side may be sending")
                            .and(slave.iter().copied(), "the slave forgets first, in every group");
                        let id = build.add(pod, op, why(Code::CleanObject, GONE), waits);
                        before.push(id);
                        self.forgotten.push((pod, id));
                    }
                }
            }
        }
    }

    /// No place is left anywhere. Of several pods the last one to look waits for the others, so that one action says so.
    fn quiet(&self, build: &mut Builder) -> Option<ActionId> {
        let mut last: Vec<ActionId> = Vec::new();
        let pods: BTreeSet<Ordinal> = self.forgotten.iter().map(|(pod, _)| *pod).collect();
        let first = pods.first().copied();
        let mut there: BTreeMap<Ordinal, Vec<ReplicationName>> = BTreeMap::new();
        for object in self.objects {
            for (pod, peer) in sides(object) {
                if self.world.pod(peer).is_some() && self.is_there(pod, object) {
                    there.entry(pod).or_default().push(object.name.clone());
                }
            }
        }
        for pod in pods.iter().rev().copied() {
            let names = there.remove(&pod).unwrap_or_default();
            let own = self.forgotten.iter().filter(|(p, _)| *p == pod).map(|(_, id)| *id);
            let waits = Dependencies::on(own, "it looks at what they did");
            let waits = if Some(pod) == first { waits.and(last.iter().copied(), "on every pod") } else { waits };
            let text = "an object goes only when no pod has a place any more: what is left of a clean that breaks off is then a cluster that was cleaned, never a group that aku.conf seems to have gained";
            last.push(build.add(pod, Op::CheckQuiet { names }, why(Code::CleanObject, text), waits));
        }
        last.last().copied()
    }

    fn is_there(&self, pod: Ordinal, object: &Object) -> bool {
        self.world.replication(pod, object).is_some() || self.ways.made.contains(&(pod, &object.name))
    }

    /// A server has crashed when DROP met a receiver or an incoming START (BUG-50058, BUG-50862): both sides stop first.
    fn drop_objects(&self, build: &mut Builder, stopped: &Stopped<'w>, quiet: Option<ActionId>) {
        for object in self.objects {
            for (pod, peer) in sides(object) {
                if !self.is_there(pod, object) {
                    continue;
                }
                let op = Op::DropReplication { name: object.name.clone(), peer };
                let waits = self
                    .waits(object)
                    .and(stopped.get(&object.name).into_iter().flatten().copied(), "neither side may be sending")
                    .and(quiet, "no place is left anywhere");
                build.add(pod, op, why(Code::CleanObject, GONE), waits);
            }
        }
    }
}

/// The higher pod's side first.
fn sides(object: &Object) -> [(Ordinal, Ordinal); 2] {
    let (low, high) = (object.pair.low(), object.pair.high());
    [(high, low), (low, high)]
}
