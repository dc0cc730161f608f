//! Rules about tables that change hands between two objects of the same pods: whatever was committed is in one of the two
//! streams. Read from the plan and the catalogs alone.

use aku_core::{
    plan::{Action, RunWhen},
    topology::{Ordinal, ReplicationName, Target},
};

use super::{Checker, Kind, Op};

impl<'a> Checker<'a> {
    /// Tables of an object that aku.conf has, in whatever group.
    fn ours(&self, pod: Ordinal, name: &ReplicationName) -> Vec<&'a Target> {
        let Some(found) = self.observed.replication(pod, name) else { return Vec::new() };
        found.items.iter().filter_map(|i| self.groups.get_key_value(&i.local)).map(|(target, _)| *target).collect()
    }

    /// Objects of the two pods that replicate a table both ways, as far as was seen.
    fn carriers(&self, pod: Ordinal, peer: Ordinal, target: &Target) -> Vec<&'a ReplicationName> {
        let Some(seen) = self.observed.pod(pod) else { return Vec::new() };
        let has = |k: Ordinal, name: &ReplicationName| {
            let found = self.observed.replication(k, name);
            found.is_some_and(|r| r.position.is_live() && r.items.iter().any(|i| i.local == *target))
        };
        // Where one address takes one object, the one that takes over waits with another port: its log is kept all the same.
        let leads = |name: &ReplicationName| {
            let address = self.desired.pods.get(&peer);
            address.is_some_and(|a| seen.replications[name].hosts.iter().any(|h| h.host == a.host))
        };
        seen.replications.keys().filter(|n| has(pod, n) && has(peer, n) && leads(n)).collect()
    }

    /// Every table of it that aku.conf has is with another object from a moment on, what was committed before that was sent
    /// through this one, and what was open by then had ended.
    pub(super) fn handed_over(&self, a: &Action, name: &'a ReplicationName, peer: Ordinal) -> bool {
        self.ours(a.pod, name).into_iter().all(|t| self.goes_over(a, name, peer, t))
    }

    /// The same, of an object that has such tables.
    pub(super) fn handed_over_some(&self, a: &Action, name: &'a ReplicationName, peer: Ordinal) -> bool {
        !self.ours(a.pod, name).is_empty() && self.handed_over(a, name, peer)
    }

    fn goes_over(&self, a: &Action, name: &'a ReplicationName, peer: Ordinal, target: &Target) -> bool {
        let pod = a.pod;
        // A run before this one did it: the other has the table on both sides, and this one no longer has.
        let carriers = self.carriers(pod, peer, target);
        if !carriers.contains(&name) && carriers.iter().any(|n| *n != name) {
            return true;
        }
        let flushes =
            || self.index.about(pod, name).filter(|f| matches!(f.op, Op::Flush { .. }) && self.is_before(f, a));
        let begun = |b: &Action| match &b.op {
            Op::AddTable { name: to, target: t, .. } => to != name && t == target,
            Op::Pin { name: to, peer: p } => to != name && *p == peer && self.will_have(pod, to, target),
            _ => false,
        };
        let pinned = |b: &Action| matches!(b.op, Op::Pin { .. });
        let drained = |b: &Action, f: &Action| {
            self.index.of(pod, Kind::Drain).any(|d| self.is_before(b, d) && self.is_before(d, f))
        };
        self.plan
            .actions
            .iter()
            .filter(|b| b.pod == pod && b.run == RunWhen::Normal && begun(b))
            .any(|b| flushes().any(|f| self.is_before(b, f) && (!pinned(b) || drained(b, f))))
    }

    /// Whether an object has the table when it is pinned: made with it, given it, or had it.
    fn will_have(&self, pod: Ordinal, name: &ReplicationName, target: &Target) -> bool {
        let found = self.observed.replication(pod, name);
        let made = |b: &Action| {
            b.pod == pod
                && match &b.op {
                    Op::CreateReplication { name: n, targets, .. } => n == name && targets.contains(target),
                    Op::AddTable { name: n, target: t, .. } => n == name && t == target,
                    _ => false,
                }
        };
        found.is_some_and(|r| r.items.iter().any(|i| i.local == *target)) || self.plan.actions.iter().any(made)
    }

    /// Nothing is unsent in it that another object of the same pods does not have: it begins anew, while the other still
    /// has its places.
    pub(super) fn is_carried_elsewhere(&self, a: &Action, name: &'a ReplicationName, peer: Ordinal) -> bool {
        let twin = |n: &ReplicationName| self.desired.renames.values().any(|wanted| wanted == n);
        let again = |other: &'a ReplicationName| {
            let flush = |b: &Action| matches!(b.op, Op::Flush { .. }) && self.is_before(a, b);
            self.index.about(a.pod, other).any(flush)
        };
        let ours = self.ours(a.pod, name);
        !ours.is_empty()
            && ours.into_iter().all(|t| {
                self.carriers(a.pod, peer, t).into_iter().any(|other| {
                    let forgotten = |k: Ordinal| {
                        let reset = |b: &Action| matches!(b.op, Op::Reset { .. }) && self.is_before(b, a);
                        self.index.about(k, other).any(reset)
                    };
                    let stays = !forgotten(a.pod) && !forgotten(peer) && !twin(other);
                    other != name && stays && (twin(name) || again(other))
                })
            })
    }

    /// Another object of the same pods carries the table, and delivers what was committed before it goes over.
    pub(super) fn is_carried(&self, a: &Action, name: &'a ReplicationName, peer: Ordinal, target: &Target) -> bool {
        let delivers = |other: &&'a ReplicationName| {
            let flush = |b: &Action| matches!(b.op, Op::Flush { .. }) && self.is_before(a, b);
            **other != *name && self.index.about(a.pod, other).any(flush)
        };
        self.carriers(a.pod, peer, target).iter().any(delivers)
    }

    /// A table that aku.conf has goes out of an object only when another one has it.
    pub(super) fn drop_table(&mut self, a: &Action, name: &'a ReplicationName, peer: Ordinal, target: &'a Target) {
        let live = self.live(a.pod, name) && self.live(peer, name);
        let had = self.carriers(a.pod, peer, target).contains(&name);
        if !live || !had || !self.groups.contains_key(target) || a.run != RunWhen::Normal {
            return;
        }
        // It is put in anew, or another object carries it until here.
        let other = self.carriers(a.pod, peer, target).into_iter().any(|n| n != name);
        let again = |b: &Action| matches!(&b.op, Op::AddTable { target: t, .. } if t == target) && self.is_before(a, b);
        let again = other && self.index.about(a.pod, name).any(again);
        if !again && !self.goes_over(a, name, peer, target) {
            let rule = "handed-over";
            let text =
                format!("{} takes {target} out of {name} on pod {}, and nobody else has its changes", a.id, a.pod);
            self.broken(rule, text);
        }
    }
}
