//! Rules about places in the log, definitions and users: nothing unsent is forgotten, and users come in last.

use aku_core::{
    desired::Goal,
    observe::Sender,
    plan::{Action, ApprovalClass},
    topology::{Ordinal, ReplicationName},
};

use super::{Checker, Kind, Op, RunWhen};

impl<'a> Checker<'a> {
    /// Whether the peer is connected through an object, whatever else can be seen of it.
    fn has_stream(&self, pod: Ordinal, name: &ReplicationName) -> bool {
        self.observed.replication(pod, name).is_some_and(|r| {
            r.receiver.is_some()
                || match r.sender {
                    Sender::Running | Sender::Syncing => true,
                    Sender::None | Sender::Trying => false,
                }
        })
    }

    /// Whether this plan starts a sender before `a`, and stops none after that (ERR-6101A).
    fn starts_and_never_stops(&self, a: &Action, name: &'a ReplicationName) -> bool {
        let is = |op: fn(&Op) -> bool| move |b: &&Action| op(&b.op);
        let starts = || self.index.about(a.pod, name).filter(is(|op| matches!(op, Op::Start { .. })));
        let stops = || self.index.about(a.pod, name).filter(is(|op| matches!(op, Op::Stop { .. })));
        starts().any(|s| self.is_before(s, a) && !stops().any(|t| self.is_before(s, t) && self.is_before(t, a)))
    }

    /// A position is forgotten only after what it still had to send is delivered, or when the peer gets a new copy.
    pub(super) fn reset(&mut self, a: &Action, name: &'a ReplicationName, peer: Ordinal) {
        let pod = a.pod;
        match self.desired.goal {
            Goal::End(me) | Goal::Start(me) if me.is_master() && pod == me => {
                self.broken("pod-0", format!("{} resets {name} on pod 0", a.id));
            }
            // What is forgotten is copied anew from pod 0.
            Goal::End(_) if !self.serves(Ordinal::MASTER) && self.live(pod, name) => {
                self.broken("end", format!("{} forgets {name} on pod {pod} while pod 0 is not in service", a.id));
            }
            Goal::Forget(gone) if peer != gone || pod == gone || self.serves(gone) => {
                self.broken(
                    "forget",
                    format!("{} forgets {name} on pod {pod}, and pod {gone} is the one that left", a.id),
                );
            }
            // What another pod says of one that does not answer; where it answers, it says so itself.
            Goal::Forget(gone) if self.observed.pod(gone).is_none() && self.has_stream(pod, name) => {
                self.broken(
                    "forget",
                    format!("{} forgets {name} on pod {pod}, which is connected with pod {gone}", a.id),
                );
            }
            Goal::Start(_)
            | Goal::End(_)
            | Goal::Clean(_)
            | Goal::CleanEverywhere
            | Goal::Reconcile
            | Goal::Recover(_)
            | Goal::Forget(_)
            | Goal::Repair(_)
            | Goal::RecoverLog(_) => {}
        }
        if self.starts_and_never_stops(a, name) {
            self.broken("reset-stopped", format!("{} resets {name} on pod {pod}, which this plan starts before", a.id));
        }
        if !self.live(pod, name) || self.is_carried_elsewhere(a, name, peer) {
            return;
        }
        let gave_up = self.gave_up(pod, name);
        let peer_has = self.observed.replication(peer, name).is_some();
        let flushed = self.flushed_for_good(a, pod, name);
        let must = match self.desired.goal {
            Goal::End(me) => {
                if pod == me && !self.proved_delivered(a, pod, name) {
                    self.broken(
                        "unproved",
                        format!("{} forgets {name} on pod {pod} without a proof of delivery", a.id),
                    );
                }
                // Also where the peer lost its object: then it gets it back, or the position is kept.
                pod == me
            }
            // Who is not joined gets a copy of its own later, so nothing is lost that it does not receive now.
            Goal::Start(me) => {
                let joined = peer.is_master() || self.is_member(peer, Ordinal::MASTER);
                pod == me && self.live(peer, name) && !gave_up && joined && !self.named_as_loss(name)
            }
            Goal::Reconcile if self.handed_over_some(a, name, peer) => return,
            Goal::Reconcile => {
                if !self.fenced(a, pod) {
                    self.broken("fenced", format!("{} forgets {name} on pod {pod}, where users may be writing", a.id));
                }
                if !self.proved_delivered(a, pod, name) {
                    self.broken(
                        "unproved",
                        format!("{} forgets {name} on pod {pod} without a proof of delivery", a.id),
                    );
                }
                true
            }
            // Whoever leaves delivers to the source; the source's own log for pods that are copied anew is worth nothing.
            Goal::Recover(_) => {
                let source = self.index.of(Ordinal::MASTER, Kind::Truncate).find_map(|b| match b.op {
                    Op::Truncate { source, .. } => Some(source),
                    _ => None,
                });
                Some(peer) == source && peer_has && !gave_up && !self.may_lose(pod)
            }
            // Without pod 0 nobody takes what a slave commits, and somebody has to say yes to that.
            Goal::Clean(me) if pod != me => {
                self.goes_first(a, me, name);
                if me.is_master() && !self.may_lose(pod) {
                    self.broken("unsent", format!("{} cuts pod {pod} off its source, and nobody is asked", a.id));
                }
                me.is_master()
                    && self.observed.replication(pod, name).is_some_and(|r| r.sender == Sender::Running)
                    && self.observed.pod(me).is_some()
            }
            Goal::Clean(_) | Goal::CleanEverywhere => {
                self.leaves_in_order(a, name, peer);
                return;
            }
            Goal::Forget(_) | Goal::Repair(_) | Goal::RecoverLog(_) => false,
        };
        if must && !flushed {
            self.broken("unsent", format!("{} forgets what pod {pod} has not sent to pod {peer} through {name}", a.id));
        }
    }

    /// A pod that is cleaned leaves as by an end: users are out, and what it can still send to a pod that is there is
    /// delivered behind the fence and proved; what it cannot send is named by a yes about this pod.
    fn leaves_in_order(&mut self, a: &Action, name: &'a ReplicationName, peer: Ordinal) {
        let pod = a.pod;
        // Nothing is sent through it any more.
        if self.gave_up(pod, name) && self.may_lose(pod) {
            return;
        }
        if !self.fenced(a, pod) {
            self.broken("fenced", format!("{} forgets {name} on pod {pod}, where users may be writing", a.id));
        }
        if self.flushed_for_good(a, pod, name) && self.proved_delivered(a, pod, name) {
            return;
        }
        let found = self.observed.replication(pod, name);
        let hopeless = self.observed.pod(peer).is_none() || found.is_some_and(|r| r.sender != Sender::Running);
        if !(hopeless && self.may_lose(pod)) {
            self.broken("unsent", format!("{} forgets what pod {pod} has not sent to pod {peer} through {name}", a.id));
        }
    }

    /// The others forget a pod that is cleaned only when its own object is gone: a DROP that fails leaves them as they are.
    fn goes_first(&mut self, a: &Action, me: Ordinal, name: &'a ReplicationName) {
        let there = self.observed.replication(me, name).is_some();
        if there && !self.did(a, me, name, |op| matches!(op, Op::DropReplication { .. })) {
            self.broken(
                "clean-order",
                format!("{} forgets {name} on pod {} before pod {me} has dropped it", a.id, a.pod),
            );
        }
    }

    /// A FLUSH covers what was committed when it was sent, so it counts only behind the fence. The slaves of a pod 0 that is
    /// cleaned stay in service: what they commit from then on needs a yes of its own.
    fn flushed_for_good(&self, a: &Action, pod: Ordinal, name: &'a ReplicationName) -> bool {
        let fences = match self.desired.goal {
            Goal::Start(_) | Goal::End(_) | Goal::Reconcile | Goal::Recover(_) | Goal::CleanEverywhere => true,
            Goal::Clean(me) => me == pod,
            Goal::Forget(_) | Goal::Repair(_) | Goal::RecoverLog(_) => false,
        };
        let good = |b: &Action| self.is_before(b, a) && (!fences || self.fenced(b, pod));
        self.index.about(pod, name).any(|b| matches!(b.op, Op::Flush { .. }) && good(b))
    }

    /// It was seen that nobody was left who could commit more than the FLUSH covered.
    fn proved_delivered(&self, a: &Action, pod: Ordinal, name: &'a ReplicationName) -> bool {
        self.index.delivered(pod, name).any(|b| self.is_before(b, a))
    }

    /// What cannot be delivered is listed, and somebody has to say yes to it by name.
    pub(super) fn named_as_loss(&self, name: &ReplicationName) -> bool {
        self.lost.contains(name) && self.plan.approvals.iter().any(|a| a.class == ApprovalClass::LosesUnsent)
    }

    /// Somebody has to say yes to it that what this pod has not sent is lost.
    pub(super) fn may_lose(&self, pod: Ordinal) -> bool {
        let scope = format!("{}/{pod}", self.desired.statefulset);
        self.plan.approvals.iter().any(|a| a.class == ApprovalClass::LosesUnsent && a.scope == scope)
    }

    /// A definition goes only when nothing of it runs; one with a position, only after it was delivered or forgotten.
    pub(super) fn drop_replication(&mut self, a: &Action, name: &'a ReplicationName, peer: Ordinal) {
        let Some(found) = self.observed.replication(a.pod, name) else { return };
        let runs = found.is_started || found.sender != Sender::None;
        if runs && !self.did(a, a.pod, name, |op| matches!(op, Op::Stop { .. })) {
            self.broken("drop", format!("{} drops {name} on pod {} while it sends", a.id, a.pod));
        }
        let fed = self.observed.replication(peer, name).is_some_and(|r| r.is_started || r.sender != Sender::None);
        if fed && !self.did(a, peer, name, |op| matches!(op, Op::Stop { .. })) {
            self.broken("drop", format!("{} drops {name} on pod {} while pod {peer} sends to it", a.id, a.pod));
        }
        let delivered = self.did(a, a.pod, name, |op| matches!(op, Op::Flush { .. } | Op::Reset { .. }));
        let named = match self.desired.goal {
            // A RESET before it is judged as one.
            Goal::Clean(_) | Goal::CleanEverywhere => self.gave_up(a.pod, name) && self.may_lose(a.pod),
            Goal::Start(_)
            | Goal::End(_)
            | Goal::Reconcile
            | Goal::Recover(_)
            | Goal::Forget(_)
            | Goal::Repair(_)
            | Goal::RecoverLog(_) => false,
        };
        let forgotten = match self.desired.goal {
            Goal::Clean(_) | Goal::CleanEverywhere => self.did(a, a.pod, name, |op| matches!(op, Op::Reset { .. })),
            Goal::Start(_)
            | Goal::End(_)
            | Goal::Reconcile
            | Goal::Recover(_)
            | Goal::Forget(_)
            | Goal::Repair(_)
            | Goal::RecoverLog(_) => delivered,
        };
        let cleaned = matches!(self.desired.goal, Goal::Clean(_) | Goal::CleanEverywhere);
        let matters = found.position.is_live() || (cleaned && self.gave_up(a.pod, name));
        if matters && !forgotten && !named {
            self.broken(
                "drop",
                format!("{} drops {name} on pod {} with a position that has something to send", a.id, a.pod),
            );
        }
    }

    /// START on -1 begins "now": right only for a joiner whose copy was just proved.
    pub(super) fn fresh_start(&mut self, a: &Action, name: &ReplicationName) {
        let proved = self.after(a, a.pod, Kind::CheckContents);
        if !proved {
            self.broken("fresh-start", format!("{} begins {name} \"now\" on a pod whose copy is not proved", a.id));
        }
    }

    /// A slave opens with a place towards the source in both directions or with a new copy; pod 0 opens only when no slave
    /// has a place that it lost.
    fn opens_right(&mut self, a: &Action, me: Ordinal) {
        let source = Ordinal::MASTER;
        if me.is_master() {
            let ahead = self
                .desired
                .objects
                .iter()
                .filter(|o| o.pair.contains(me))
                .find(|o| self.live(o.pair.high(), &o.name) && !self.live(me, &o.name))
                .map(|o| o.name.clone());
            if let Some(name) = ahead {
                self.broken("master-failed", format!("{} opens pod 0, which lost its place in {name}", a.id));
            }
            return;
        }
        let copied = self.index.copies_to(me).any(|b| matches!(b.op, Op::Sync { .. }));
        if copied || me == source {
            return;
        }
        let sides: Vec<(bool, Option<bool>)> = self
            .between(me, source)
            .map(|o| {
                let theirs = self.observed.pod(source).map(|_| self.live(source, &o.name));
                (self.live(me, &o.name), theirs)
            })
            .collect();
        let whole = sides.iter().all(|(mine, theirs)| theirs.is_none_or(|t| t == *mine));
        if !whole || !sides.iter().any(|(mine, _)| *mine) {
            self.broken(
                "not-joined",
                format!("{} opens pod {me}, which is not connected with pod 0 and gets no copy", a.id),
            );
        }
    }

    /// Users come in after everything that is done to the pod or sent to it.
    pub(super) fn open(&mut self, a: &Action) {
        let source = match self.desired.goal {
            Goal::Recover(_) => !a.pod.is_master(),
            Goal::Start(_)
            | Goal::End(_)
            | Goal::Clean(_)
            | Goal::CleanEverywhere
            | Goal::Reconcile
            | Goal::Forget(_)
            | Goal::Repair(_)
            | Goal::RecoverLog(_) => false,
        };
        self.open_by_the_rules(a);
        if source {
            // The surviving copy of a recovery: its rows are what everybody gets.
            return;
        }
        match self.desired.goal {
            Goal::Start(me) => self.opens_right(a, me),
            Goal::End(_)
            | Goal::Clean(_)
            | Goal::CleanEverywhere
            | Goal::Reconcile
            | Goal::Recover(_)
            | Goal::Forget(_)
            | Goal::Repair(_)
            | Goal::RecoverLog(_) => {}
        }
        let about = |b: &Action| {
            b.pod == a.pod
                || match &b.op {
                    Op::Start { peer, .. }
                    | Op::Flush { peer, .. }
                    | Op::Sync { peer, .. }
                    | Op::SyncTables { peer, .. } => *peer == a.pod,
                    _ => false,
                }
        };
        let must = |b: &Action| {
            b.run == RunWhen::Normal
                && about(b)
                && matches!(
                    b.op,
                    Op::Truncate { .. }
                        | Op::Sync { .. }
                        | Op::SyncTables { .. }
                        | Op::CheckContents { .. }
                        | Op::Start { .. }
                        | Op::Flush { .. }
                        | Op::Delay { .. }
                )
        };
        let late: Vec<_> =
            self.plan.actions.iter().filter(|b| must(b) && !self.is_before(b, a)).map(|b| b.id.to_string()).collect();
        if !late.is_empty() {
            self.broken("open-last", format!("{} admits users without waiting for {}", a.id, late.join(", ")));
        }
    }
}
