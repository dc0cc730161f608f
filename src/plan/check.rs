//! Verifies a finished plan against the rules that protect rows. Shares no code with the planner on purpose: what it
//! knows, it reads from the actions, their edges and the observed world. A plan that fails here is a bug of the planner
//! and must be neither printed as a proposal nor applied.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ApprovalClass, Decision, Plan,
    action::{Action, ActionId, Expect, Op, RunWhen},
};
use crate::{
    desired::{Desired, Goal},
    observe::{Observed, PodView},
    topology::{Ordinal, ReplicationName, Target},
};

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {detail}")]
pub struct Violation {
    /// Short name of the rule.
    pub rule: &'static str,
    /// What breaks it.
    pub detail: String,
}

/// Every rule that `plan` breaks; empty for a good plan.
#[must_use]
pub fn check(plan: &Plan, desired: &Desired, observed: &Observed) -> Vec<Violation> {
    let mut c = Checker { plan, desired, observed, before: BTreeMap::new(), found: Vec::new() };
    if !c.edges() {
        return c.found;
    }
    c.reachable();
    c.settings();
    for action in &plan.actions {
        match &action.op {
            Op::Truncate { target, source } => c.truncate(action, target, *source),
            Op::Sync { name, peer, .. } => c.sync(action, name, *peer),
            Op::Reset { name, peer } => c.reset(action, name, *peer),
            Op::Start { name, expect: Expect::Fresh, .. } => c.fresh_start(action, name),
            Op::Open => c.open(action),
            Op::CreateReplication { .. }
            | Op::DropReplication { .. }
            | Op::Start { expect: Expect::Live, .. }
            | Op::Pin { .. }
            | Op::Drain { .. }
            | Op::Stop { .. }
            | Op::Unpin { .. }
            | Op::Flush { .. }
            | Op::SetProperty { .. }
            | Op::CheckQuiet { .. }
            | Op::CheckEmpty { .. }
            | Op::CheckContents { .. }
            | Op::Fence
            | Op::CheckNoGap { .. }
            | Op::Delay { .. }
            | Op::WriteMarker
            | Op::RemoveMarker => {}
        }
    }
    c.found
}

struct Checker<'a> {
    plan: &'a Plan,
    desired: &'a Desired,
    observed: &'a Observed,
    /// For every action, all actions that must have succeeded before it runs.
    before: BTreeMap<ActionId, BTreeSet<ActionId>>,
    found: Vec<Violation>,
}

impl Checker<'_> {
    fn broken(&mut self, rule: &'static str, detail: String) {
        self.found.push(Violation { rule, detail });
    }

    /// Ids are unique and every edge leads back: then it is a DAG, and `before` can be filled in one pass.
    fn edges(&mut self) -> bool {
        let mut known: BTreeSet<ActionId> = BTreeSet::new();
        for a in &self.plan.actions {
            let mut all = BTreeSet::new();
            for after in &a.after {
                if !known.contains(&after.action) {
                    self.found.push(Violation {
                        rule: "dag",
                        detail: format!("{} waits for {}, which is not before it", a.id, after.action),
                    });
                    return false;
                }
                let earlier = self.plan.actions.iter().find(|b| b.id == after.action);
                // An action that runs whatever happens does not vouch for what it waited for.
                if earlier.is_some_and(|b| b.run == RunWhen::Normal) {
                    all.extend(self.before[&after.action].iter().copied());
                }
                all.insert(after.action);
            }
            if !known.insert(a.id) {
                self.found.push(Violation { rule: "dag", detail: format!("{} occurs twice", a.id) });
                return false;
            }
            self.before.insert(a.id, all);
        }
        true
    }

    fn earlier<'p>(&'p self, a: &Action) -> impl Iterator<Item = &'p Action> + 'p {
        let ids = self.before[&a.id].clone();
        self.plan.actions.iter().filter(move |b| ids.contains(&b.id))
    }

    fn has_before(&self, a: &Action, is: impl Fn(&Action) -> bool) -> bool {
        self.earlier(a).any(is)
    }

    fn reachable(&mut self) {
        for a in &self.plan.actions {
            if !matches!(self.observed.pods.get(&a.pod), Some(PodView::Seen(_))) {
                self.found.push(Violation {
                    rule: "unseen-pod",
                    detail: format!("{} acts on pod {}, which was not seen", a.id, a.pod),
                });
            }
        }
    }

    /// Every setting that is changed for a while is put back whatever happens.
    fn settings(&mut self) {
        for a in &self.plan.actions {
            let Op::SetProperty { property, from, .. } = &a.op else { continue };
            if a.run != RunWhen::Normal {
                continue;
            }
            let put_back = self.plan.actions.iter().any(|b| {
                b.pod == a.pod
                    && b.run == RunWhen::Always { armed_by: a.id }
                    && matches!(&b.op, Op::SetProperty { property: p, to, .. }
                        if p == property && (to == from || (p == "REPLICATION_DDL_ENABLE" && *to == 0)))
            });
            if !put_back {
                self.found.push(Violation {
                    rule: "put-back",
                    detail: format!("{} changes {property} on pod {} and nothing puts it back", a.id, a.pod),
                });
            }
        }
    }

    fn names_between(&self, a: Ordinal, b: Ordinal) -> Vec<ReplicationName> {
        self.desired
            .objects
            .iter()
            .filter(|o| o.pair.contains(a) && o.pair.contains(b))
            .map(|o| o.name.clone())
            .collect()
    }

    fn live(&self, pod: Ordinal, name: &ReplicationName) -> bool {
        self.observed.replication(pod, name).is_some_and(|r| r.position.is_live())
    }

    fn truncate(&mut self, a: &Action, target: &Target, source: Ordinal) {
        let joiner = a.pod;
        if joiner.is_master() {
            self.broken("pod-0", format!("{} empties {target} on pod 0", a.id));
        }
        let source_ok = source != joiner
            && self.observed.pod(source).is_some_and(|p| {
                p.property("ADMIN_MODE") == Some(0)
                    && p.tables.keys().any(|t| t.user == target.user && t.table == target.table)
            });
        if !source_ok {
            self.broken(
                "last-copy",
                format!(
                    "{} empties {target} on pod {joiner}, and pod {source} is no source in service that holds it",
                    a.id
                ),
            );
        }
        let copied = self.plan.actions.iter().any(|b| {
            matches!(&b.op, Op::Sync { peer, name, .. } if *peer == joiner && b.pod == source && self.before[&b.id].contains(&a.id)
                && self.desired.objects.iter().any(|o| o.name == *name && self.desired.groups[&o.group].targets.contains(target)))
        });
        if !copied {
            self.broken(
                "copied-again",
                format!("{} empties {target} on pod {joiner}, and no SYNC that waits for it fills it again", a.id),
            );
        }
        if !self.has_before(a, |b| matches!(b.op, Op::CheckQuiet { .. }) && b.pod == joiner) {
            self.broken("quiet", format!("{} does not wait until nothing sends to pod {joiner}", a.id));
        }
        self.members_pinned(a, joiner, source);
        self.unsent_delivered(a, joiner);
    }

    /// Every other pod that is live with the source is pinned, drained and flushed first.
    fn members_pinned(&mut self, a: &Action, joiner: Ordinal, source: Ordinal) {
        let members: Vec<_> = self
            .desired
            .pods
            .keys()
            .copied()
            .filter(|k| *k != joiner && *k != source && self.observed.pod(*k).is_some())
            .filter(|k| self.joined_with_source(*k))
            .collect();
        for k in members {
            for name in self.names_between(k, joiner) {
                let pinned =
                    self.has_before(a, |b| b.pod == k && matches!(&b.op, Op::Pin { name: n, .. } if *n == name));
                let undone = self.plan.actions.iter().any(|b| {
                    matches!((&b.op, &b.run), (Op::Unpin { name: n, .. }, RunWhen::Undo { .. }) if *n == name && b.pod == k)
                });
                if !pinned || !undone {
                    self.broken(
                        "pinned",
                        format!("{} does not wait for a pin of {name} on pod {k}, or nothing takes the pin back", a.id),
                    );
                }
            }
            let drained = self.has_before(a, |b| b.pod == k && matches!(b.op, Op::Drain { .. }));
            let flushed = self.names_between(k, source).iter().all(|n| {
                self.has_before(a, |b| {
                    b.pod == k
                        && matches!(&b.op, Op::Flush { name, .. } if name == n)
                        && self.has_before(b, |d| d.pod == k && matches!(d.op, Op::Drain { .. }))
                })
            });
            if !drained || !flushed {
                self.broken(
                    "drained",
                    format!("{} does not wait until pod {k} is drained and flushed to pod {source}", a.id),
                );
            }
        }
    }

    /// What the joiner can still deliver is delivered before it is deleted.
    fn unsent_delivered(&mut self, a: &Action, joiner: Ordinal) {
        for o in self.desired.objects.iter().filter(|o| o.pair.contains(joiner)) {
            let peer = if o.pair.low() == joiner { o.pair.high() } else { o.pair.low() };
            let to_source = peer.is_master();
            let gave_up = self.observed.replication(joiner, &o.name).is_some_and(|r| r.gave_up.is_some());
            let deliverable = self.observed.replication(peer, &o.name).is_some();
            if to_source && self.live(joiner, &o.name) && !gave_up && deliverable {
                let flushed = self
                    .has_before(a, |b| b.pod == joiner && matches!(&b.op, Op::Flush { name, .. } if *name == o.name));
                if !flushed && !self.named_as_loss(&o.name) {
                    self.broken(
                        "salvage",
                        format!("{} deletes rows that {} on pod {joiner} has not sent", a.id, o.name),
                    );
                }
            }
        }
    }

    fn sync(&mut self, a: &Action, name: &ReplicationName, joiner: Ordinal) {
        if !self.has_before(a, |b| b.pod == joiner && matches!(b.op, Op::CheckEmpty { .. })) {
            self.broken(
                "empty-target",
                format!("{} copies to pod {joiner} without a proof that its targets are empty", a.id),
            );
        }
        let forgotten = !self.live(a.pod, name)
            || self.has_before(a, |b| b.pod == a.pod && matches!(&b.op, Op::Reset { name: n, .. } if n == name));
        if !forgotten {
            self.broken(
                "reset-first",
                format!("{} would replay from the old position of {name} on pod {}", a.id, a.pod),
            );
        }
        let checked = self.plan.actions.iter().any(|b| {
            matches!(&b.op, Op::CheckContents { names, .. } if names.contains(name) && self.before[&b.id].contains(&a.id))
        });
        if !checked {
            self.broken("contents", format!("nothing checks what {} copied", a.id));
        }
    }

    /// A position is forgotten only after what it still had to send is delivered, or when the joiner gets a new copy.
    fn reset(&mut self, a: &Action, name: &ReplicationName, peer: Ordinal) {
        let me = self.desired.goal.pod();
        if !self.live(a.pod, name) || a.pod != me {
            return;
        }
        let gave_up = self.observed.replication(me, name).is_some_and(|r| r.gave_up.is_some());
        let peer_has = self.observed.replication(peer, name);
        let peer_live = peer_has.is_some_and(|r| r.position.is_live());
        let flushed = self.has_before(a, |b| b.pod == me && matches!(&b.op, Op::Flush { name: n, .. } if n == name));
        let must = match self.desired.goal {
            Goal::End(_) => peer_has.is_some(),
            // Who is not joined gets a copy of its own later, so nothing is lost that it does not receive now.
            Goal::Start(_) => peer_live && !gave_up && self.joined_with_source(peer) && !self.named_as_loss(name),
            Goal::Clean(_) => false,
        };
        if must && !flushed {
            self.broken("unsent", format!("{} forgets what pod {me} has not sent to pod {peer} through {name}", a.id));
        }
        if me.is_master() && matches!(self.desired.goal, Goal::End(_) | Goal::Start(_)) {
            self.broken("pod-0", format!("{} resets {name} on pod 0", a.id));
        }
    }

    /// What cannot be delivered is listed, and somebody has to say yes to it by name.
    fn named_as_loss(&self, name: &ReplicationName) -> bool {
        let listed =
            matches!(&self.plan.decision, Decision::Full { unsent, .. } if unsent.iter().any(|u| u.name == *name));
        listed && self.plan.approvals.iter().any(|a| a.class == ApprovalClass::LosesUnsent)
    }

    fn joined_with_source(&self, pod: Ordinal) -> bool {
        let source = Ordinal::MASTER;
        // A side that gave up log has a position, and a gap before it.
        let whole = |at: Ordinal, n: &ReplicationName| {
            self.live(at, n) && self.observed.replication(at, n).is_some_and(|r| r.gave_up.is_none())
        };
        self.names_between(pod, source).iter().all(|n| whole(pod, n) && whole(source, n))
    }

    /// START on -1 begins "now": right only for a joiner whose copy was just proved.
    fn fresh_start(&mut self, a: &Action, name: &ReplicationName) {
        let proved = self.has_before(a, |b| b.pod == a.pod && matches!(b.op, Op::CheckContents { .. }));
        if !proved {
            self.broken("fresh-start", format!("{} begins {name} \"now\" on a pod whose copy is not proved", a.id));
        }
    }

    /// Users come in last.
    fn open(&mut self, a: &Action) {
        let must = |b: &Action| {
            b.run == RunWhen::Normal
                && matches!(
                    b.op,
                    Op::Truncate { .. }
                        | Op::Sync { .. }
                        | Op::CheckContents { .. }
                        | Op::Start { .. }
                        | Op::Flush { .. }
                        | Op::Delay { .. }
                )
        };
        let late: Vec<_> = self
            .plan
            .actions
            .iter()
            .filter(|b| must(b) && !self.before[&a.id].contains(&b.id))
            .map(|b| b.id.to_string())
            .collect();
        if !late.is_empty() {
            self.broken("open-last", format!("{} admits users without waiting for {}", a.id, late.join(", ")));
        }
    }
}
