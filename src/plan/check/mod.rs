//! Verifies a finished plan against the rules that protect rows. Shares no code with the planner on purpose: what it
//! knows, it reads from the actions, their edges and the observed world. A plan that fails here is a bug of the planner
//! and must be neither printed as a proposal nor applied.
//!
//! Here: that it is a DAG, acts on seen pods only and puts settings back. `copy` is about deleting and copying rows,
//! `place` about positions, definitions and users.

mod copy;
mod place;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Plan,
    action::{Action, ActionId, Expect, Op, RunWhen},
};
use crate::{
    desired::{Desired, Object},
    observe::{Observed, PodView},
    topology::{Ordinal, ReplicationName},
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
    let objects = desired.objects.iter().map(|o| (&o.name, o)).collect();
    let mut c = Checker {
        plan,
        desired,
        observed,
        objects,
        place: BTreeMap::new(),
        before: Vec::new(),
        seen: BTreeSet::new(),
        found: Vec::new(),
    };
    if !c.edges() {
        return c.found;
    }
    c.reachable();
    c.settings();
    for action in &plan.actions {
        match &action.op {
            Op::Truncate { target, source } => c.truncate(action, target, *source),
            Op::Sync { name, peer, .. } => c.sync(action, name, *peer),
            Op::SyncTables { name, peer, targets, .. } => c.sync_tables(action, name, *peer, targets),
            Op::AddTable { name, peer, target } => c.add_table(action, name, *peer, target),
            Op::Reset { name, peer } => c.reset(action, name, *peer),
            Op::DropReplication { name, peer } => c.drop_replication(action, name, *peer),
            Op::Start { name, expect: Expect::Fresh, .. } => c.fresh_start(action, name),
            Op::Open => c.open(action),
            Op::CreateReplication { .. }
            | Op::DropTable { .. }
            | Op::ChangeHost { .. }
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

/// A set of actions by their place in the plan.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Set(Vec<u64>);

impl Set {
    fn new(n: usize) -> Self {
        Self(vec![0; n.div_ceil(64)])
    }

    fn insert(&mut self, i: usize) {
        self.0[i / 64] |= 1 << (i % 64);
    }

    fn add(&mut self, other: &Self) {
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            *a |= b;
        }
    }

    fn contains(&self, i: usize) -> bool {
        self.0[i / 64] & (1 << (i % 64)) != 0
    }
}

struct Checker<'a> {
    plan: &'a Plan,
    desired: &'a Desired,
    observed: &'a Observed,
    objects: BTreeMap<&'a ReplicationName, &'a Object>,
    /// Where an action stands in the plan.
    place: BTreeMap<ActionId, usize>,
    /// For every action, all actions that must have succeeded before it runs.
    before: Vec<Set>,
    /// What was looked at for a TRUNCATE: joiner, source, and what comes before.
    seen: BTreeSet<(Ordinal, Ordinal, Set)>,
    found: Vec<Violation>,
}

impl<'a> Checker<'a> {
    fn broken(&mut self, rule: &'static str, detail: String) {
        self.found.push(Violation { rule, detail });
    }

    /// Ids are unique and every edge leads back: then it is a DAG, and `before` can be filled in one pass.
    fn edges(&mut self) -> bool {
        for (i, a) in self.plan.actions.iter().enumerate() {
            let mut all = Set::new(self.plan.actions.len());
            for after in &a.after {
                let Some(&earlier) = self.place.get(&after.action) else {
                    self.broken("dag", format!("{} waits for {}, which is not before it", a.id, after.action));
                    return false;
                };
                // An action that runs whatever happens does not vouch for what it waited for.
                if self.plan.actions[earlier].run == RunWhen::Normal {
                    all.add(&self.before[earlier]);
                }
                all.insert(earlier);
            }
            if self.place.insert(a.id, i).is_some() {
                self.broken("dag", format!("{} occurs twice", a.id));
                return false;
            }
            self.before.push(all);
        }
        true
    }

    /// Whether `earlier` has succeeded when `later` runs.
    fn is_before(&self, earlier: &Action, later: &Action) -> bool {
        self.before[self.place[&later.id]].contains(self.place[&earlier.id])
    }

    fn has_before(&self, a: &Action, is: impl Fn(&Action) -> bool) -> bool {
        let before = &self.before[self.place[&a.id]];
        self.plan.actions.iter().enumerate().any(|(i, b)| before.contains(i) && is(b))
    }

    /// An action on that pod about that object comes before.
    fn did(&self, a: &Action, pod: Ordinal, name: &ReplicationName, is: fn(&Op) -> bool) -> bool {
        self.has_before(a, |b| b.pod == pod && b.op.object() == Some(name) && is(&b.op))
    }

    fn fenced(&self, a: &Action, pod: Ordinal) -> bool {
        self.has_before(a, |b| b.pod == pod && b.op == Op::Fence)
    }

    /// Objects of a pair.
    fn between(&self, a: Ordinal, b: Ordinal) -> impl Iterator<Item = &'a Object> + use<'a> {
        self.desired.objects_between(a, b)
    }

    fn live(&self, pod: Ordinal, name: &ReplicationName) -> bool {
        self.observed.replication(pod, name).is_some_and(|r| r.position.is_live())
    }

    fn gave_up(&self, pod: Ordinal, name: &ReplicationName) -> bool {
        self.observed.replication(pod, name).is_some_and(|r| r.gave_up.is_some())
    }

    /// Whether a pod admits users, as far as was seen.
    fn serves(&self, pod: Ordinal) -> bool {
        self.observed.pod(pod).is_some_and(|p| p.property("ADMIN_MODE") == Some(0))
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
}
