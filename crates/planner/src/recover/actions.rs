//! The steps of a recovery, in order.

use aku_core::{
    desired::Object,
    observe::{Pod, Side},
    plan::{
        action::{ActionId, Op},
        reason::Code,
    },
    topology::Ordinal,
};

use super::{Slave, both_ways, delivers, is_on_its_way};
use crate::{
    build::{Dependencies, why},
    cluster_view::ClusterView,
    deliver::{self, Gate, Peer, Way},
    draft::Draft,
};

/// What a recovery is made of.
pub(super) struct Recovery<'w, 'd> {
    pub world: &'w ClusterView<'w>,
    pub source: &'w Slave,
    pub draft: &'d mut Draft,
}

impl Recovery<'_, '_> {
    /// A copy is taken only from a pod in service.
    pub fn open_source(&mut self) -> Vec<ActionId> {
        let closed = self.world.pod(self.source.pod).is_some_and(Pod::admin_mode);
        let open = closed.then(|| {
            let text =
                format!("pod {} is the surviving copy now, and a copy is taken from a pod in service", self.source.pod);
            self.draft.build.add(self.source.pod, Op::Open, why(Code::OneSource, text), Dependencies::none())
        });
        open.into_iter().collect()
    }

    pub fn fence_master(&mut self) -> ActionId {
        let text = "ADMIN_MODE 1 keeps out who comes, not who is there; nobody may write while pod 0 is emptied";
        self.draft.build.add(Ordinal::MASTER, Op::Fence, why(Code::Fence, text), Dependencies::none())
    }

    /// A closed pod is not ready, where its marker is in reach.
    pub fn unmark(&mut self, pod: Ordinal, fenced: ActionId) {
        if self.world.observed.marked_here.contains(&pod) {
            let because = why(Code::Marker, "the pod is no longer started");
            self.draft.build.add(pod, Op::RemoveMarker, because, Dependencies::on([fenced], "right after the fence"));
        }
    }

    /// Every other slave delivers what it committed, and leaves. Pairs with pod 0 are left to the join.
    pub fn others_leave(&mut self, slaves: &[Slave]) -> Vec<ActionId> {
        let (world, source) = (self.world, self.source.pod);
        let others: Vec<_> = slaves.iter().map(|s| s.pod).filter(|k| *k != source).collect();
        let mut done = Vec::new();
        let mut delivered: Vec<(Ordinal, ActionId)> = Vec::new();
        for &k in &others {
            let busy = world
                .desired
                .objects_of(k)
                .any(|(_, o)| world.observed.side(k, &o.name).has_position() || world.is_started(k, o));
            let open = world.pod(k).is_some_and(|p| !p.admin_mode());
            if !busy && !open {
                continue;
            }
            let text = format!("pod {k} leaves, because only one slave can be the source; users are shut out first");
            let fenced = self.draft.build.add(k, Op::Fence, why(Code::OneSource, text), Dependencies::none());
            self.unmark(k, fenced);
            delivered.push((k, self.deliver(k, fenced)));
        }
        let mut proved: Vec<(Ordinal, ActionId)> = Vec::new();
        for other in slaves.iter().filter(|s| s.pod != source && is_on_its_way(world, s, self.source)) {
            let op = Op::CheckHolds { of: other.pod, targets: world.desired.targets().cloned().collect() };
            let text = format!(
                "pod {} had more rows when they were counted; now that it has delivered, pod {source} must hold as many",
                other.pod
            );
            let waits = Dependencies::on(
                delivered.iter().map(|(_, id)| *id),
                "what other pods send arrives on both, or on neither",
            );
            proved.push((other.pod, self.draft.build.add(source, op, why(Code::ProveHolds, text), waits)));
        }
        // A proof stands for all that it waits for.
        delivered.retain(|(k, _)| proved.iter().all(|(p, _)| p != k));
        delivered.extend(proved);
        let after = |k: Ordinal| delivered.iter().find(|(pod, _)| *pod == k).map(|(_, id)| *id);
        for object in &world.desired.objects {
            let (low, high) = (object.pair.low(), object.pair.high());
            let leaves = others.contains(&low) || others.contains(&high);
            if !leaves || low.is_master() {
                continue;
            }
            // The one that leaves forgets first: a kill in between means a new copy, never a gap.
            let (first, second) = if others.contains(&high) { (high, low) } else { (low, high) };
            let waits = Dependencies::on(after(first), "everything is delivered before the streams stop")
                .and(after(second), "everything is delivered before the streams stop");
            let mine = self.forget_side(first, second, object, &waits);
            let waits = waits.and(mine, "the pod that leaves forgets first");
            let theirs = self.forget_side(second, first, object, &waits);
            done.extend(mine.into_iter().chain(theirs));
        }
        done.extend(delivered.into_iter().map(|(_, id)| id));
        done
    }

    /// What `k` committed goes to the source; the id of the proof, or of the fence where nothing can be sent.
    fn deliver(&mut self, k: Ordinal, fenced: ActionId) -> ActionId {
        let (world, source) = (self.world, self.source.pod);
        let (mut flushed, mut names) = (Vec::new(), Vec::new());
        for object in world.desired.objects_between(k, source) {
            if !delivers(world, k, source, object) {
                continue;
            }
            let text = format!("what pod {k} committed goes to pod {source} before pod {k} leaves");
            let because = why(Code::Salvage, text);
            let made = self.draft.build.creates_of(source, &object.name);
            let gate = Gate {
                first: Dependencies::on([fenced], "users are out first"),
                start: Dependencies::on(made, "both sides must be there"),
                peer: if made.is_some() { Peer::Gets } else { Peer::Has },
            };
            let way = Way { from: k, to: source, object };
            let build = &mut self.draft.build;
            flushed.push(deliver::deliver(world, build, way, (because.clone(), because), gate));
            names.push(object.name.clone());
        }
        if names.is_empty() {
            return fenced;
        }
        let waits = Dependencies::on(flushed, "it looks at what they did");
        self.draft.build.add(k, Op::CheckDelivered { names }, deliver::proof(&format!("pod {source}")), waits)
    }

    fn forget_side(&mut self, pod: Ordinal, peer: Ordinal, object: &Object, waits: &Dependencies) -> Option<ActionId> {
        let world = self.world;
        world.pod(pod)?;
        let side = world.observed.side(pod, &object.name);
        // A sender that was down is started to deliver.
        let started = !self.draft.build.starts_of(pod, &object.name).is_empty();
        let stop = (world.is_started(pod, object) || started).then(|| {
            let op = Op::Stop { name: object.name.clone(), peer };
            let text = format!("{}; only one slave can be the source, so the others leave", both_ways(pod, peer));
            self.draft.build.add(pod, op, why(Code::OneSource, text), waits.clone())
        });
        match side {
            Side::Live(_) | Side::GaveUp => {
                let op = Op::Reset { name: object.name.clone(), peer };
                let text = "the pod that leaves is copied anew when it starts, so nobody keeps log for it";
                let waits = waits.clone().and(stop, "RESET needs a stopped sender");
                Some(self.draft.build.add(pod, op, why(Code::ResetAtEnd, text), waits))
            }
            Side::Missing | Side::Reset | Side::Unknown => stop,
        }
    }
}
