//! Rules about EAGER objects (`measured.md` 9.5). A START of one from -1 makes commits of its pod wait for a peer that may
//! have no rows, and START RETRY is refused: so where log has to be kept for a pod that is copied, START and STOP belong
//! under a lock, everything that the object sends is locked, for less than a receiver waits, and the sender is started when
//! the copy is there.

use aku_core::{
    attributes::GroupMode,
    plan::{Action, RunWhen},
    topology::{Ordinal, ReplicationName, Target},
};

use super::{Checker, Kind, Op};

impl<'a> Checker<'a> {
    /// Whether aku.conf asks for EAGER here.
    pub(super) fn is_eager(&self, name: &ReplicationName) -> bool {
        let group = self.objects.get(name).and_then(|o| self.desired.groups.get(&o.group));
        group.is_some_and(|g| g.attributes.mode() == GroupMode::Eager)
    }

    /// What makes a pod keep its log for a pod that is copied.
    pub(super) fn keeps_log(&self, name: &ReplicationName) -> fn(&Op) -> bool {
        if self.is_eager(name) { |op| matches!(op, Op::Anchor { .. }) } else { |op| matches!(op, Op::Pin { .. }) }
    }

    pub(super) fn pin(&mut self, a: &Action, name: &ReplicationName) {
        if self.is_eager(name) {
            self.broken("eager-pin", format!("{} pins {name}, which is EAGER and takes no START RETRY", a.id));
        }
    }

    pub(super) fn anchor(&mut self, a: &'a Action, name: &'a ReplicationName, joiner: Ordinal) {
        let Op::Anchor { targets, held_s, .. } = &a.op else { return };
        let pod = a.pod;
        if !self.is_eager(name) {
            self.broken("anchor-lazy", format!("{} locks tables for {name}, which is LAZY and can be pinned", a.id));
        }
        if !self.serves(pod) {
            self.broken("anchor-closed", format!("{} needs a second session on pod {pod}, which is closed", a.id));
        }
        let waits = self.observed.pod(pod).and_then(|p| p.property("REPLICATION_LOCK_TIMEOUT"));
        if waits.is_some_and(|s| s <= i64::from(*held_s)) {
            self.broken(
                "anchor-bound",
                format!("{} locks tables on pod {pod} for longer than its receivers wait", a.id),
            );
        }
        let unlocked: Vec<_> = self.sends(pod, name, a).into_iter().filter(|t| !targets.contains(t)).collect();
        if let Some(target) = unlocked.first() {
            self.broken("anchor-locks", format!("{} does not lock {target}, which {name} sends", a.id));
        }
        // A commit under way on one pod waits for the receivers of the others.
        let others = self.desired.pods.keys().flat_map(|k| self.index.of(*k, Kind::Anchor));
        let apart = |b: &Action| b.id == a.id || self.is_before(a, b) || self.is_before(b, a);
        let beside = others.filter(|b| !apart(b)).map(|b| b.id).next();
        // A STOP under the lock would queue behind those of the same server, 1 s for each.
        let stops = self.plan.actions.iter().filter(|b| b.pod == pod && b.run == RunWhen::Normal);
        let stops = stops.filter(|b| matches!(b.op, Op::Stop { .. } | Op::Reset { .. } | Op::Pin { .. }));
        let queued = stops.filter(|b| !apart(b)).map(|b| b.id).next();
        if let Some(beside) = beside {
            self.broken("anchor-apart", format!("{} and {beside} may lock tables at the same time", a.id));
        }
        if let Some(queued) = queued {
            self.broken("anchor-apart", format!("{} may queue behind {queued} with tables of pod {pod} locked", a.id));
        }
        self.started_again(a, name, joiner);
    }

    /// Items of the object as they are when it is anchored.
    fn sends(&self, pod: Ordinal, name: &'a ReplicationName, a: &Action) -> Vec<&'a Target> {
        let observed: &'a aku_core::observe::Observed = self.observed;
        let mut items: Vec<&Target> =
            observed.replication(pod, name).map_or_else(Vec::new, |r| r.items.iter().map(|i| &i.local).collect());
        for b in self.index.about(pod, name).filter(|b| self.is_before(b, a)) {
            match &b.op {
                Op::CreateReplication { targets, .. } => items = targets.iter().collect(),
                Op::AddTable { target, .. } => items.push(target),
                Op::DropTable { target, .. } => items.retain(|t| *t != target),
                _ => {}
            }
        }
        items
    }

    /// It is taken back when the plan breaks off, and sends before users come to the pod that it keeps log for.
    fn started_again(&mut self, a: &Action, name: &'a ReplicationName, joiner: Ordinal) {
        let taken_back = |b: &Action| matches!(&b.run, RunWhen::Undo { armed_by, .. } if *armed_by == a.id);
        if !self.index.about(a.pod, name).any(|b| matches!(b.op, Op::Unpin { .. }) && taken_back(b)) {
            self.broken("pinned", format!("nothing takes {} back", a.id));
        }
        let starts = |b: &&Action| matches!(b.op, Op::Start { .. }) && self.is_before(a, b);
        let start = self.index.about(a.pod, name).find(starts);
        let opens: Vec<_> = self.index.of(joiner, Kind::Open).collect();
        let first = start.is_some_and(|start| opens.iter().all(|open| self.is_before(start, open)));
        if !first {
            let text = format!("{name} on pod {} does not send again before pod {joiner} opens", a.pod);
            self.broken("anchor-sends", text);
        }
    }

    /// A sender that goes on from a position has one, or gets it from a copy, a pin or an anchor of this plan.
    pub(super) fn eager_start(&mut self, a: &Action, name: &'a ReplicationName) {
        if !self.is_eager(name)
            || self.live(a.pod, name) && !self.did(a, a.pod, name, |op| matches!(op, Op::Reset { .. }))
        {
            return;
        }
        let made = |op: &Op| matches!(op, Op::Anchor { .. } | Op::Sync { .. } | Op::SyncTables { .. });
        if !self.did(a, a.pod, name, made) {
            self.broken("anchored", format!("{} starts {name} on pod {}, which is not anchored", a.id, a.pod));
        }
    }
}
