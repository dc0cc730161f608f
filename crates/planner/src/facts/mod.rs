//! The facts that a plan rests on: which of them each action needs and what it makes of them, so that a reviewed plan
//! can be held against the world again. Pure.
//!
//! A fact that moves by itself while clients write (row counts, positions, senders that come and go) is *volatile*: it is
//! shown and never bars anything. What an action needs is decided in `needs`; this file only collects and compares.

mod needs;
mod read;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use aku_core::{
    desired::Desired,
    observe::Observed,
    plan::{Action, ActionId, Plan},
    topology::Ordinal,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use needs::Key;
use needs::Needs;
use read::Reader;
pub use read::{AS_CONFIGURED, NO_OBJECT};

/// Number of a fact inside its plan, from 1; written as `F1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^F[0-9]+$"))]
pub struct FactId(pub u32);

impl fmt::Display for FactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "F{}", self.0)
    }
}

impl From<FactId> for String {
    fn from(id: FactId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for FactId {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let number = text.strip_prefix('F').and_then(|n| n.parse().ok());
        number.map(Self).ok_or_else(|| format!("\"{text}\" is no number of a fact"))
    }
}

/// Something that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fact {
    /// Its number.
    pub id: FactId,
    /// The pod it was seen on.
    pub pod: Ordinal,
    /// What it is about, e.g. `replication/AKU_REP_02/side`.
    pub key: String,
    /// What it was. Always text, so that no reader rounds an SN.
    pub value: String,
    /// It moves while clients write, and never bars anything.
    pub volatile: bool,
}

/// The value of a fact after an action when it depends on what was there before.
pub const ANYTHING: &str = "anything";

/// What an action makes of a fact when it is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Post {
    /// The pod.
    pub pod: Ordinal,
    /// See [`Fact::key`].
    pub key: String,
    /// What it is then; [`ANYTHING`] when that depends on what was there.
    pub value: String,
}

/// The facts of one action.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Uses {
    /// What must hold before it runs.
    pub pre: Vec<FactId>,
    /// What it was decided from.
    pub because: Vec<FactId>,
    /// What holds after it.
    pub post: Vec<Post>,
}

/// Every fact of a plan and what its actions have to do with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// By pod, then key; numbers follow that order.
    pub all: Vec<Fact>,
    /// One entry for every action.
    pub uses: BTreeMap<ActionId, Uses>,
}

/// A fact that is not what a plan expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Its number in the plan.
    pub id: FactId,
    /// The pod.
    pub pod: Ordinal,
    /// See [`Fact::key`].
    pub key: String,
    /// What the plan expects.
    pub then: String,
    /// What it is.
    pub now: String,
    /// The actions that need it.
    pub used_by: Vec<ActionId>,
}

/// How the world differs from what a plan expects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Changes that bar actions.
    pub matter: Vec<Changed>,
    /// How many facts changed that bar nothing.
    pub idle: usize,
    /// Actions that look done already, because what they make is so and was not so before.
    pub done: Vec<ActionId>,
}

impl Facts {
    /// The facts of a plan. Which facts there are follows from plan and configuration alone; only the values come from
    /// what was seen, so the same plan always has the same numbers.
    #[must_use]
    pub fn of(plan: &Plan, desired: &Desired, observed: &Observed) -> Self {
        let reader = Reader::new(desired, observed);
        let needs = Needs::new(plan, desired);
        let mut keys: BTreeSet<(Ordinal, Key)> = needs.informative().collect();
        let per_action: Vec<_> = plan.actions.iter().map(|a| (a, needs.pre(a), needs.because(a))).collect();
        for (_, pre, because) in &per_action {
            keys.extend(pre.iter().chain(because).cloned());
        }
        let mut sorted: Vec<_> = keys.into_iter().map(|(pod, key)| (pod, key.to_string(), key)).collect();
        sorted.sort();
        let numbered: BTreeMap<(Ordinal, &Key), FactId> =
            (1..).zip(&sorted).map(|(n, (pod, _, key))| ((*pod, key), FactId(n))).collect();
        let ids = |list: &[(Ordinal, Key)]| {
            let mut ids: Vec<_> = list.iter().filter_map(|(p, k)| numbered.get(&(*p, k)).copied()).collect();
            ids.sort();
            ids.dedup();
            ids
        };
        let uses = per_action
            .iter()
            .map(|(a, pre, because)| (a.id, Uses { pre: ids(pre), because: ids(because), post: Needs::post(a) }))
            .collect();
        let all = sorted
            .iter()
            .map(|(pod, text, key)| Fact {
                id: numbered[&(*pod, key)],
                pod: *pod,
                key: text.clone(),
                value: reader.value(*pod, key),
                volatile: key.volatile(),
            })
            .collect();
        Self { all, uses }
    }

    /// What is known of the whole cluster, for rules and reports that are about no plan.
    #[must_use]
    pub fn of_cluster(desired: &Desired, observed: &Observed) -> Self {
        let reader = Reader::new(desired, observed);
        let all = (1..)
            .zip(needs::whole_cluster(desired))
            .map(|(n, (pod, key))| Fact {
                id: FactId(n),
                pod,
                key: key.to_string(),
                value: reader.value(pod, &key),
                volatile: key.volatile(),
            })
            .collect();
        Self { all, uses: BTreeMap::new() }
    }

    /// The value of a fact.
    #[must_use]
    pub fn value(&self, pod: Ordinal, key: &str) -> Option<&str> {
        self.all.iter().find(|f| f.pod == pod && f.key == key).map(|f| f.value.as_str())
    }

    /// Facts that an action needs or was decided from, and that do not move by themselves.
    pub fn footprint(&self) -> impl Iterator<Item = &Fact> {
        let used: BTreeSet<FactId> = self.uses.values().flat_map(|u| u.pre.iter().chain(&u.because)).copied().collect();
        self.all.iter().filter(move |f| !f.volatile && used.contains(&f.id))
    }

    /// Whether both are about the same facts, used by the same actions, whatever their values.
    #[must_use]
    pub fn same_questions(&self, other: &Self) -> bool {
        let keys = |f: &Self| -> Vec<(FactId, Ordinal, String, bool)> {
            f.all.iter().map(|f| (f.id, f.pod, f.key.clone(), f.volatile)).collect()
        };
        self.uses == other.uses && keys(self) == keys(other)
    }

    /// How the world (`now`, the facts of the same plan) differs from what is expected once the actions in `done` are
    /// over. With an empty `done` this is whether a plan may begin; with those of a journal, whether it may go on.
    #[must_use]
    pub fn changes(&self, now: &Self, done: &BTreeSet<ActionId>) -> Changes {
        let seen: BTreeMap<(Ordinal, &str), &str> =
            now.all.iter().map(|f| ((f.pod, f.key.as_str()), f.value.as_str())).collect();
        let mut expected: BTreeMap<(Ordinal, &str), &str> =
            self.all.iter().map(|f| ((f.pod, f.key.as_str()), f.value.as_str())).collect();
        let planned = expected.clone();
        for (_, uses) in self.uses.iter().filter(|(id, _)| done.contains(id)) {
            expected.extend(uses.post.iter().map(|p| ((p.pod, p.key.as_str()), p.value.as_str())));
        }
        let mut users: BTreeMap<FactId, Vec<ActionId>> = BTreeMap::new();
        for (action, uses) in self.uses.iter().filter(|(id, _)| !done.contains(id)) {
            for fact in uses.pre.iter().chain(&uses.because).collect::<BTreeSet<_>>() {
                users.entry(*fact).or_default().push(*action);
            }
        }
        let mut changes = Changes::default();
        for f in &self.all {
            let at = (f.pod, f.key.as_str());
            let (then, now) = (expected[&at], seen.get(&at).copied().unwrap_or("not looked at"));
            if then == now || then == ANYTHING {
                continue;
            }
            match users.get(&f.id) {
                Some(used_by) if !f.volatile => changes.matter.push(Changed {
                    id: f.id,
                    pod: f.pod,
                    key: f.key.clone(),
                    then: then.to_owned(),
                    now: now.to_owned(),
                    used_by: used_by.clone(),
                }),
                Some(_) | None => changes.idle += 1,
            }
        }
        let is_done = |u: &Uses| {
            let differs = |p: &Post| planned.get(&(p.pod, p.key.as_str())).is_some_and(|then| *then != p.value);
            let holds =
                |p: &Post| p.value == ANYTHING || seen.get(&(p.pod, p.key.as_str())).is_some_and(|now| *now == p.value);
            u.post.iter().any(differs) && u.post.iter().all(holds)
        };
        changes.done = self.uses.iter().filter(|(id, u)| !done.contains(id) && is_done(u)).map(|(id, _)| *id).collect();
        changes
    }
}

/// Actions in the order of their numbers, for tests and callers that hold a journal.
#[must_use]
pub fn ids(actions: &[Action]) -> BTreeSet<ActionId> {
    actions.iter().map(|a| a.id).collect()
}
