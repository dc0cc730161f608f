//! Rules about deleting and copying rows: the last complete copy outlives every action, and a copy misses nothing.

use aku_core::{
    desired::{Desired, Goal, Object},
    observe::{Observed, PodView, RowCount, TableName},
    plan::{Action, Approval, ApprovalClass},
    topology::{Ordinal, ReplicationName, Target},
};
use foldhash::{HashSet, HashSetExt as _};

use super::{Checker, Kind, Op, RunWhen, index::Index};

impl<'a> Checker<'a> {
    pub(super) fn truncate(&mut self, a: &'a Action, target: &'a Target, source: Ordinal) {
        let joiner = a.pod;
        let allowed = match self.desired.goal {
            Goal::Start(pod) => pod == joiner && !joiner.is_master() && source.is_master(),
            Goal::Recover(from) => joiner.is_master() && from.is_none_or(|f| f == source),
            Goal::End(_)
            | Goal::Clean(_)
            | Goal::CleanEverywhere
            | Goal::Reconcile
            | Goal::Forget(_)
            | Goal::Repair(_)
            | Goal::RecoverLog(_) => false,
        };
        if !allowed {
            let rule = if joiner.is_master() { "pod-0" } else { "goal" };
            self.broken(rule, format!("{} empties {target} on pod {joiner}, which this goal may not do", a.id));
        }
        self.surviving_copy(a, target, source);
        self.let_in(a, joiner, source);
        let groups = self.groups.get(target).map_or(&[][..], Vec::as_slice);
        let fills = |b: &Action| matches!(&b.op, Op::Sync { peer, .. } if *peer == joiner && self.is_before(a, b));
        let desired: &'a Desired = self.desired;
        let objects = groups.iter().filter_map(|group| desired.object_between(joiner, source, *group));
        let copied = objects.into_iter().any(|o| self.index.about(source, &o.name).any(fills));
        if !copied {
            self.broken(
                "copied-again",
                format!("{} empties {target} on pod {joiner}, and no SYNC that waits for it fills it again", a.id),
            );
        }
        if !self.after(a, joiner, Kind::CheckQuiet) {
            self.broken("quiet", format!("{} does not wait until nothing sends to pod {joiner}", a.id));
        }
        if !self.fenced(a, joiner) {
            self.broken("fenced", format!("{} does not wait until pod {joiner} is closed to everybody", a.id));
        }
        self.rows_named(a, target, source);
        // What holds for one TRUNCATE holds for all that wait for the same actions.
        if !self.seen.insert((joiner, source, Index::waits(a))) {
            return;
        }
        let holds = |p: &aku_core::observe::Pod| p.rows.iter().any(|(_, n)| n.at_least() > 0);
        if joiner.is_master() && !self.observed.pod(source).is_some_and(holds) {
            self.broken("last-copy", format!("{} empties {target} on pod 0 for an empty pod {source}", a.id));
        }
        self.absent_approved(a, joiner);
        match self.desired.goal {
            Goal::Recover(_) => self.others_left(a, joiner, source),
            Goal::Start(_)
            | Goal::End(_)
            | Goal::Clean(_)
            | Goal::CleanEverywhere
            | Goal::Reconcile
            | Goal::Forget(_)
            | Goal::Repair(_)
            | Goal::RecoverLog(_) => {
                self.members_pinned(a, joiner, source);
                self.cut_off_approved(a, joiner, source);
            }
        }
        self.unsent_delivered(a, joiner, source);
    }

    /// The source is another pod, in service, and holds the table.
    fn surviving_copy(&mut self, a: &'a Action, target: &'a Target, source: Ordinal) {
        let joiner = a.pod;
        let opened = self.after(a, source, Kind::Open);
        let holds = self.observed.pod(source).is_some_and(|p| p.tables.contains_key(&TableName::of(target)));
        if source == joiner || !holds || !(self.serves(source) || opened) {
            self.broken(
                "last-copy",
                format!(
                    "{} empties {target} on pod {joiner}, and pod {source} is no source in service that holds it",
                    a.id
                ),
            );
        }
    }

    /// The handshake refuses a database of other character sets (ERR-610D1), so what is emptied for it stays empty.
    fn let_in(&mut self, a: &'a Action, joiner: Ordinal, source: Ordinal) {
        let sets = |pod| self.observed.pod(pod).and_then(|p| p.server.characters.as_ref());
        if let (Some(mine), Some(theirs)) = (sets(joiner), sets(source))
            && mine != theirs
        {
            let detail = format!("{} empties pod {joiner} ({mine}), and pod {source} ({theirs}) cannot fill it", a.id);
            self.broken("let-in", detail);
        }
    }

    /// Live with the source in some group and half-connected in none: its changes reach the source.
    pub(super) fn is_member(&self, k: Ordinal, source: Ordinal) -> bool {
        if let Some(known) = self.members.borrow().get(&(k, source)) {
            return *known;
        }
        let is = self.looks_like_member(k, source);
        self.members.borrow_mut().insert((k, source), is);
        is
    }

    fn looks_like_member(&self, k: Ordinal, source: Ordinal) -> bool {
        let mut sides = self.between(k, source).map(|o| (self.live(k, &o.name), self.live(source, &o.name))).peekable();
        let all: Vec<_> = std::iter::from_fn(|| sides.next()).collect();
        let lost = self.between(k, source).any(|o| self.gave_up(k, &o.name) || self.gave_up(source, &o.name));
        !lost && all.contains(&(true, true)) && all.iter().all(|(mine, theirs)| mine == theirs)
    }

    /// A pod that is not there while one of us keeps log for it may hold rows that nobody else has: somebody says yes to
    /// going on without it.
    fn absent_approved(&mut self, a: &Action, joiner: Ordinal) {
        let recovery = matches!(self.desired.goal, Goal::Recover(_));
        let keeps = |k: Ordinal| {
            let one_of_us = if recovery { !k.is_master() } else { k.is_master() || self.is_member(k, Ordinal::MASTER) };
            k != joiner && one_of_us
        };
        let absent =
            |p: &Ordinal| !matches!(self.observed.pods.get(p), Some(PodView::Seen(_) | PodView::Broken { .. }));
        let needed: Vec<_> = self
            .desired
            .pods
            .keys()
            .copied()
            .filter(absent)
            .filter(|p| {
                let kept = |(k, o): (Ordinal, &Object)| keeps(k) && self.live(k, &o.name) && !self.gave_up(k, &o.name);
                *p != joiner && (self.desired.objects_of(*p).any(kept) || self.called_running(*p))
            })
            .collect();
        for pod in needed {
            let scope = format!("{}/{pod}", self.desired.statefulset);
            let yes = |y: &Approval| y.class == ApprovalClass::MemberDown && y.scope == scope;
            if !self.plan.approvals.iter().any(yes) {
                self.broken("member-down", format!("{} goes on without pod {pod}, and nobody is asked", a.id));
            }
        }
    }

    /// A pod that sent to the source once and is not connected with it any more: what it committed since is in no stream
    /// that the joiner gets. Somebody says yes to that. (Closed and without a place in some group: it never got users.)
    fn cut_off_approved(&mut self, a: &Action, joiner: Ordinal, source: Ordinal) {
        let other = |k: &Ordinal| *k != joiner && *k != source && self.observed.pod(*k).is_some();
        let unconnected = |k: &Ordinal| other(k) && !self.is_member(*k, source);
        let pods: Vec<_> = self.desired.pods.keys().copied().filter(unconnected).collect();
        for k in pods {
            let sent = self.between(k, source).any(|o| self.live(k, &o.name) || self.gave_up(k, &o.name));
            let half = self.between(k, source).any(|o| !self.live(k, &o.name) && self.live(source, &o.name));
            let scope = format!("{}/{k}", self.desired.statefulset);
            let yes = |y: &Approval| y.class == ApprovalClass::LosesUnsent && y.scope == scope;
            if sent && (self.serves(k) || !half) && !self.plan.approvals.iter().any(yes) {
                self.broken("cut-off", format!("{} copies without what pod {k} has, and nobody is asked", a.id));
            }
        }
    }

    /// Every other pod that is live with the source is pinned, drained and flushed first.
    fn members_pinned(&mut self, a: &Action, joiner: Ordinal, source: Ordinal) {
        let members: Vec<_> = self
            .desired
            .pods
            .keys()
            .copied()
            .filter(|k| *k != joiner && *k != source && self.observed.pod(*k).is_some() && self.is_member(*k, source))
            .collect();
        for k in members {
            let groups: Vec<_> =
                self.between(k, source).filter(|o| self.live(k, &o.name)).map(|o| (o.group, &o.name)).collect();
            let live: HashSet<_> = groups.iter().map(|(group, _)| *group).collect();
            let names: Vec<_> = self.between(k, joiner).filter(|o| live.contains(&o.group)).map(|o| &o.name).collect();
            for name in names {
                let pinned = self.did(a, k, name, self.keeps_log(name));
                if !pinned || !self.is_taken_back(k, name) {
                    self.broken(
                        "pinned",
                        format!("{} does not wait for a pin (an anchor, where it is EAGER) of {name} on pod {k}, or nothing takes the pin back", a.id),
                    );
                }
            }
            let drained = self.after(a, k, Kind::Drain);
            let flushed = groups.iter().all(|(_, n)| {
                self.index
                    .about(k, n)
                    .any(|b| matches!(b.op, Op::Flush { .. }) && self.is_before(b, a) && self.after(b, k, Kind::Drain))
            });
            if !drained || !flushed {
                self.broken(
                    "drained",
                    format!("{} does not wait until pod {k} is drained and flushed to pod {source}", a.id),
                );
            }
        }
    }

    fn is_taken_back(&self, pod: Ordinal, name: &'a ReplicationName) -> bool {
        let takes_back = |b: &Action| matches!((&b.op, &b.run), (Op::Unpin { .. }, RunWhen::Undo { .. }));
        self.index.about(pod, name).any(takes_back)
    }

    /// In a recovery every other slave is closed, has delivered to the source what it can, and sends to nobody.
    fn others_left(&mut self, a: &Action, joiner: Ordinal, source: Ordinal) {
        let others: Vec<_> = self
            .desired
            .pods
            .keys()
            .copied()
            .filter(|k| *k != joiner && *k != source && self.observed.pod(*k).is_some())
            .collect();
        for k in others {
            if self.serves(k) && !self.fenced(a, k) {
                self.broken("others-leave", format!("{} does not wait until pod {k} is closed", a.id));
            }
            self.held_by_source(a, k, source);
            let names: Vec<_> = self.between(k, source).map(|o| &o.name).collect();
            for name in names {
                let deliverable =
                    self.live(k, name) && !self.gave_up(k, name) && self.observed.replication(source, name).is_some();
                let flushed = self.did(a, k, name, |op| matches!(op, Op::Flush { .. }));
                if deliverable && !flushed && !self.may_lose(k) {
                    self.broken(
                        "others-leave",
                        format!("{} does not wait until {name} on pod {k} has delivered", a.id),
                    );
                }
            }
        }
    }

    /// A slave that was counted with more rows of a target may hold what the lost pod 0 sent to nobody else. Either the
    /// source is proved to hold as many once the slave has delivered, or somebody says yes to the loss.
    fn held_by_source(&mut self, a: &Action, k: Ordinal, source: Ordinal) {
        let more = |(target, n): &(Target, RowCount)| {
            let there = self.rows.get(&(source, target)).copied().unwrap_or(RowCount::NotCounted);
            n.at_least() > there.at_least()
        };
        if !self.observed.pod(k).is_some_and(|p| p.rows.iter().any(more)) {
            return;
        }
        let scope = format!("{}/{k}", self.desired.statefulset);
        let yes = |y: &Approval| y.class == ApprovalClass::LosesUnsent && y.scope == scope;
        let proves = |b: &&Action| {
            let names: Vec<_> = self.between(k, source).map(|o| &o.name).filter(|n| self.live(k, n)).collect();
            let flushed = names.iter().all(|n| self.did(b, k, n, |op| matches!(op, Op::Flush { .. })));
            matches!(&b.op, Op::CheckHolds { of, targets } if *of == k && self.desired.targets().all(|t| targets.contains(t)))
                && flushed
                && self.fenced(b, k)
                && self.is_before(b, a)
        };
        // Its place towards the source is what it would deliver from; that towards the lost pod serves nobody.
        let forgets = |b: &&Action| matches!(&b.op, Op::Reset { name, .. } if b.pod == k && self.between(k, source).any(|o| o.name == *name));
        let proof = self.index.of(source, Kind::CheckHolds).find(proves);
        let first = proof
            .is_some_and(|proof| self.plan.actions.iter().filter(forgets).all(|reset| self.is_before(proof, reset)));
        if !first && !self.plan.approvals.iter().any(yes) {
            self.broken("holds", format!("{} goes on although pod {k} may hold rows that pod {source} lacks", a.id));
        }
    }

    /// What the joiner can still deliver is delivered before it is deleted.
    fn unsent_delivered(&mut self, a: &Action, joiner: Ordinal, source: Ordinal) {
        let names: Vec<_> = self.between(joiner, source).map(|o| &o.name).collect();
        for name in names {
            let deliverable = self.observed.replication(source, name).is_some();
            if self.live(joiner, name) && !self.gave_up(joiner, name) && deliverable {
                let flushed = self.did(a, joiner, name, |op| matches!(op, Op::Flush { .. }));
                if !flushed && !self.named_as_loss(name) {
                    self.broken("salvage", format!("{} deletes rows that {name} on pod {joiner} has not sent", a.id));
                }
            }
        }
    }

    pub(super) fn sync(&mut self, a: &'a Action, name: &'a ReplicationName, joiner: Ordinal) {
        let copied = self.copied(a, name);
        self.proved_empty(a, joiner, &copied);
        let forgotten = !self.live(a.pod, name) || self.did(a, a.pod, name, |op| matches!(op, Op::Reset { .. }));
        if !forgotten {
            self.broken(
                "reset-first",
                format!("{} would replay from the old position of {name} on pod {}", a.id, a.pod),
            );
        }
        self.contents(a, name, joiner, &copied);
    }

    /// Targets of aku.conf that a SYNC of the object copies: items of the source's object as the actions before leave them.
    fn copied(&self, a: &'a Action, name: &'a ReplicationName) -> Vec<&'a Target> {
        let observed: &'a Observed = self.observed;
        let desired: &'a Desired = self.desired;
        let mut items: HashSet<&Target> =
            observed.replication(a.pod, name).map_or_else(HashSet::new, |r| r.items.iter().map(|i| &i.local).collect());
        for b in self.index.about(a.pod, name).filter(|b| self.is_before(b, a)) {
            // An object that is made anew has what its CREATE names, and nothing of before.
            if let Op::CreateReplication { targets, .. } = &b.op {
                items = targets.iter().collect();
            }
            if let Op::AddTable { target, .. } = &b.op {
                items.insert(target);
            }
            if let Op::DropTable { target, .. } = &b.op {
                items.remove(target);
            }
        }
        let group = self.objects.get(name).and_then(|o| desired.groups.get(&o.group));
        group.map_or(&[][..], |g| g.targets.as_slice()).iter().filter(|t| items.contains(t)).collect()
    }

    /// Only some items are copied: into a pod that is closed, proved empty in them, and seen by everybody as one that has
    /// to be copied anew should the copy break off.
    pub(super) fn sync_tables(
        &mut self,
        a: &Action,
        name: &'a ReplicationName,
        joiner: Ordinal,
        targets: &'a [Target],
    ) {
        let copied: Vec<_> = targets.iter().collect();
        self.proved_empty(a, joiner, &copied);
        if !self.fenced(a, joiner) {
            self.broken("fenced", format!("{} does not wait until pod {joiner} is closed to everybody", a.id));
        }
        if self.live(joiner, name) && !self.did(a, joiner, name, |op| matches!(op, Op::Reset { .. })) {
            self.broken(
                "half-copy",
                format!("{} could break off and look finished: pod {joiner} keeps its place", a.id),
            );
        }
        if !self.live(a.pod, name) {
            self.broken("position", format!("{} keeps the position of {name} on pod {}, and it has none", a.id, a.pod));
        }
        self.contents(a, name, joiner, &copied);
    }

    /// Every target that is copied is proved empty first.
    fn proved_empty(&mut self, a: &Action, joiner: Ordinal, copied: &[&'a Target]) {
        let some = self.after(a, joiner, Kind::CheckEmpty);
        let proved = |target: &&'a Target| self.index.proofs(joiner, target).any(|b| self.is_before(b, a));
        if !some || !copied.iter().all(proved) {
            self.broken(
                "empty-target",
                format!("{} copies to pod {joiner} without a proof that its targets are empty", a.id),
            );
        }
    }

    /// Every target that was copied is compared with the pod that it came from.
    fn contents(&mut self, a: &Action, name: &'a ReplicationName, joiner: Ordinal, copied: &[&'a Target]) {
        let checks: Vec<_> = self.index.contents(joiner, a.pod, name).filter(|b| self.is_before(a, b)).collect();
        let compared = |target: &Target| checks.iter().any(|b| self.index.compares(b, target));
        if checks.is_empty() || !copied.iter().all(|target| compared(target)) {
            self.broken("contents", format!("nothing checks what {} copied", a.id));
        }
    }

    /// What was in the table before its ADD TABLE is in no stream: either there was nothing, or a copy brings it.
    pub(super) fn add_table(&mut self, a: &Action, name: &'a ReplicationName, peer: Ordinal, target: &'a Target) {
        let pod = a.pod;
        let proved_after = self.index.proofs(pod, target).any(|b| self.is_before(a, b));
        let proved_behind_fence = self.index.proofs(pod, target).any(|b| self.is_before(b, a)) && self.fenced(a, pod);
        let copied = self.index.copies_to(peer).any(|b| {
            let brings = match &b.op {
                Op::SyncTables { peer: to, targets, .. } => *to == peer && targets.contains(target),
                Op::Sync { peer: to, .. } => *to == peer,
                _ => false,
            };
            brings && self.is_before(a, b)
        });
        let never = !self.live(pod, name);
        // Until here another object of the same pods carries it.
        let carried = self.is_carried(a, name, peer, target);
        if !(proved_after || proved_behind_fence || copied || never || carried) {
            self.broken("new-table", format!("{} adds {target} on pod {pod}, and what is in it reaches nobody", a.id));
        }
    }
}
