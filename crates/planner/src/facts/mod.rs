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
    sync::Arc,
};

use aku_core::{
    desired::Desired,
    found::as_found,
    observe::Observed,
    plan::{Action, ActionId, Plan},
    topology::Ordinal,
};
use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// What must hold before it runs.
    pub pre: Vec<FactId>,
    /// What it was decided from.
    pub because: FactList,
    /// What holds after it.
    pub post: Vec<Post>,
}

/// Facts that several actions were decided from, in order. A copy is the same list, not another one.
#[derive(Clone, Debug, Eq)]
pub struct FactList(Arc<[FactId]>);

impl FactList {
    /// Sorted, each once.
    #[must_use]
    pub fn facts(&self) -> &[FactId] {
        &self.0
    }

    /// Equal for copies of one list: what is known of one is known of the other.
    #[must_use]
    pub fn identity(&self) -> usize {
        self.0.as_ptr().addr()
    }
}

impl Default for FactList {
    fn default() -> Self {
        Self(Arc::from([]))
    }
}

impl FromIterator<FactId> for FactList {
    fn from_iter<I: IntoIterator<Item = FactId>>(facts: I) -> Self {
        Self(facts.into_iter().collect())
    }
}

impl PartialEq for FactList {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
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
        let desired = &*as_found(desired, observed);
        let reader = Reader::new(desired, observed);
        let needs = Needs::new(plan, desired);
        let mut mentioned = Mentioned::default();
        mentioned.all(needs.informative());
        // All that were decided were decided from the same.
        let decision = if plan.actions.iter().any(Needs::is_decided) { needs.decision() } else { Vec::new() };
        let decision = mentioned.all(decision);
        let per_action: Vec<_> = plan.actions.iter().map(|a| (a, mentioned.all(needs.pre(a)))).collect();
        let mut sorted: Vec<_> =
            mentioned.0.into_iter().map(|((pod, key), place)| (pod, key.to_string(), key, place)).collect();
        sorted.sort_unstable();
        let mut numbers = vec![FactId(0); sorted.len()];
        for ((_, _, _, place), n) in sorted.iter().zip(1..) {
            numbers[*place] = FactId(n);
        }
        let ids = |places: &[usize]| {
            let mut ids: Vec<_> = places.iter().map(|place| numbers[*place]).collect();
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        let (decided, undecided) = (ids(&decision).into_iter().collect::<FactList>(), FactList::default());
        let uses = per_action
            .iter()
            .map(|(a, pre)| {
                let because = if Needs::is_decided(a) { &decided } else { &undecided };
                (a.id, Uses { pre: ids(pre), because: because.clone(), post: Needs::post(a) })
            })
            .collect();
        let all = (1..)
            .zip(sorted)
            .map(|(n, (pod, text, key, _))| Fact {
                id: FactId(n),
                pod,
                key: text,
                value: reader.value(pod, &key),
                volatile: key.volatile(),
            })
            .collect();
        Self { all, uses }
    }

    /// What is known of the whole cluster, for rules and reports that are about no plan.
    #[must_use]
    pub fn of_cluster(desired: &Desired, observed: &Observed) -> Self {
        let desired = &*as_found(desired, observed);
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
        let (mut used, mut lists) = (HashSet::<FactId>::new(), HashSet::<usize>::new());
        for u in self.uses.values() {
            used.extend(&u.pre);
            if lists.insert(u.because.identity()) {
                used.extend(u.because.facts());
            }
        }
        self.all.iter().filter(move |f| !f.volatile && used.contains(&f.id))
    }

    /// Whether both are about the same facts, used by the same actions, whatever their values.
    #[must_use]
    pub fn same_questions(&self, other: &Self) -> bool {
        let key = |f: &Fact| (f.id, f.pod, f.volatile);
        let same = |(a, b): (&Fact, &Fact)| key(a) == key(b) && a.key == b.key;
        let mut known: HashMap<(usize, usize), bool> = HashMap::new();
        let mut used = |((id, a), (other, b)): ((&ActionId, &Uses), (&ActionId, &Uses))| {
            let lists = (a.because.identity(), b.because.identity());
            id == other
                && a.pre == b.pre
                && a.post == b.post
                && *known.entry(lists).or_insert_with(|| a.because == b.because)
        };
        self.uses.len() == other.uses.len()
            && self.uses.iter().zip(&other.uses).all(&mut used)
            && self.all.len() == other.all.len()
            && self.all.iter().zip(&other.all).all(same)
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
        let users = Users::of(self.uses.iter().filter(|(id, _)| !done.contains(id)));
        let mut changes = Changes::default();
        for f in &self.all {
            let at = (f.pod, f.key.as_str());
            let (then, now) = (expected[&at], seen.get(&at).copied().unwrap_or("not looked at"));
            if then == now || then == ANYTHING {
                continue;
            }
            match users.of_fact(f.id) {
                used_by if !used_by.is_empty() && !f.volatile => changes.matter.push(Changed {
                    id: f.id,
                    pod: f.pod,
                    key: f.key.clone(),
                    then: then.to_owned(),
                    now: now.to_owned(),
                    used_by,
                }),
                _ => changes.idle += 1,
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

/// Facts in the order in which they were first mentioned.
#[derive(Default)]
struct Mentioned(HashMap<(Ordinal, Key), usize>);

impl Mentioned {
    /// The places of these; new ones come last.
    fn all(&mut self, facts: impl IntoIterator<Item = (Ordinal, Key)>) -> Vec<usize> {
        let facts = facts.into_iter();
        // Collected, they would stand where the facts stood, which take twenty times as much.
        let mut places = Vec::with_capacity(facts.size_hint().0);
        places.extend(facts.map(|fact| {
            let new = self.0.len();
            *self.0.entry(fact).or_insert(new)
        }));
        places
    }
}

/// Which actions need a fact.
struct Users<'a> {
    pre: HashMap<FactId, Vec<ActionId>>,
    /// Lists of what was decided from, with the actions that were.
    because: HashMap<usize, (&'a FactList, Vec<ActionId>)>,
}

impl<'a> Users<'a> {
    fn of(uses: impl Iterator<Item = (&'a ActionId, &'a Uses)>) -> Self {
        let mut users = Self { pre: HashMap::new(), because: HashMap::new() };
        for (action, uses) in uses {
            for fact in &uses.pre {
                users.pre.entry(*fact).or_default().push(*action);
            }
            let list = users.because.entry(uses.because.identity()).or_insert_with(|| (&uses.because, Vec::new()));
            list.1.push(*action);
        }
        users
    }

    fn of_fact(&self, fact: FactId) -> Vec<ActionId> {
        let lists = self.because.values().filter(|(list, _)| list.facts().binary_search(&fact).is_ok());
        let decided = lists.flat_map(|(_, actions)| actions);
        let all: BTreeSet<ActionId> = self.pre.get(&fact).into_iter().flatten().chain(decided).copied().collect();
        all.into_iter().collect()
    }
}

/// Actions in the order of their numbers, for tests and callers that hold a journal.
#[must_use]
pub fn ids(actions: &[Action]) -> BTreeSet<ActionId> {
    actions.iter().map(|a| a.id).collect()
}
