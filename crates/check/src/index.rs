//! Finds actions of a plan without walking through all of them: by pod and kind, by object, by what they prove, and what
//! comes before each. Decides nothing.

use std::{collections::BTreeMap, iter, rc::Rc};

use aku_core::{
    plan::action::{Action, ActionId, Op, RunWhen},
    topology::{Ordinal, ReplicationName, Target},
};
use foldhash::{HashMap, HashMapExt as _};

/// A set of actions by their place in the plan: the bits from the first word to the last that has one.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Set {
    first: usize,
    words: Vec<u64>,
}

impl Set {
    fn cover(&mut self, from: usize, to: usize) {
        if self.words.is_empty() {
            self.first = from;
        }
        if from < self.first {
            self.words.splice(0..0, iter::repeat_n(0, self.first - from));
            self.first = from;
        }
        let length = to + 1 - self.first;
        if self.words.len() < length {
            self.words.resize(length, 0);
        }
    }

    fn insert(&mut self, i: usize) {
        self.cover(i / 64, i / 64);
        self.words[i / 64 - self.first] |= 1 << (i % 64);
    }

    fn add(&mut self, other: &Self) {
        if other.words.is_empty() {
            return;
        }
        self.cover(other.first, other.first + other.words.len() - 1);
        for (a, b) in self.words[other.first - self.first..].iter_mut().zip(&other.words) {
            *a |= b;
        }
    }

    fn contains(&self, i: usize) -> bool {
        let word = (i / 64).checked_sub(self.first).and_then(|at| self.words.get(at));
        word.is_some_and(|w| w & (1 << (i % 64)) != 0)
    }
}

/// Kinds of actions that rules look for on a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Fence,
    Drain,
    CheckQuiet,
    CheckEmpty,
    CheckContents,
    CheckDelivered,
    CheckHolds,
    Open,
    Sync,
    Truncate,
    Setting,
}

fn kind(op: &Op) -> Option<Kind> {
    match op {
        Op::Fence => Some(Kind::Fence),
        Op::Drain { .. } => Some(Kind::Drain),
        Op::CheckQuiet { .. } => Some(Kind::CheckQuiet),
        Op::CheckEmpty { .. } => Some(Kind::CheckEmpty),
        Op::CheckContents { .. } => Some(Kind::CheckContents),
        Op::CheckDelivered { .. } => Some(Kind::CheckDelivered),
        Op::CheckHolds { .. } => Some(Kind::CheckHolds),
        Op::Open => Some(Kind::Open),
        Op::Sync { .. } => Some(Kind::Sync),
        Op::Truncate { .. } => Some(Kind::Truncate),
        Op::SetProperty { .. } => Some(Kind::Setting),
        Op::CreateReplication { .. }
        | Op::DropReplication { .. }
        | Op::AddTable { .. }
        | Op::DropTable { .. }
        | Op::ChangeHost { .. }
        | Op::Start { .. }
        | Op::Pin { .. }
        | Op::Stop { .. }
        | Op::Reset { .. }
        | Op::Unpin { .. }
        | Op::Flush { .. }
        | Op::SyncTables { .. }
        | Op::Delay { .. }
        | Op::WriteMarker
        | Op::RemoveMarker
        | Op::WriteLedger { .. } => None,
    }
}

/// What is wrong with the edges.
pub(super) enum BadEdges {
    /// An action waits for one that is not before it.
    NotBefore(ActionId, ActionId),
    /// An id occurs twice.
    Twice(ActionId),
}

/// The actions of a plan, to be asked for.
pub(super) struct Index<'a> {
    actions: &'a [Action],
    /// Where an action stands in the plan.
    place: HashMap<ActionId, usize>,
    /// For every action, all actions that must have succeeded before it runs; shared by those that wait for the same.
    before: Vec<Rc<Set>>,
    kinds: HashMap<(Ordinal, Kind), Vec<usize>>,
    objects: HashMap<(Ordinal, &'a ReplicationName), Vec<usize>>,
    /// SYNCs and SYNC TABLEs, by the pod that gets the rows.
    copies: BTreeMap<Ordinal, Vec<usize>>,
    /// CheckEmpty by pod and target.
    proofs: HashMap<(Ordinal, &'a Target), Vec<usize>>,
}

impl<'a> Index<'a> {
    /// # Errors
    /// When the edges make no DAG: ids are unique, and every edge leads back.
    pub fn new(actions: &'a [Action]) -> Result<Self, BadEdges> {
        let mut index = Self {
            actions,
            place: HashMap::with_capacity(actions.len()),
            before: Vec::with_capacity(actions.len()),
            kinds: HashMap::new(),
            objects: HashMap::new(),
            copies: BTreeMap::new(),
            proofs: HashMap::new(),
        };
        index.edges()?;
        for (i, a) in actions.iter().enumerate() {
            if let Some(kind) = kind(&a.op) {
                index.kinds.entry((a.pod, kind)).or_default().push(i);
            }
            if let Some(name) = a.op.object() {
                index.objects.entry((a.pod, name)).or_default().push(i);
            }
            if let Op::Sync { peer, .. } | Op::SyncTables { peer, .. } = &a.op {
                index.copies.entry(*peer).or_default().push(i);
            }
            if let Op::CheckEmpty { targets } = &a.op {
                for target in targets {
                    index.proofs.entry((a.pod, target)).or_default().push(i);
                }
            }
        }
        Ok(index)
    }

    /// One pass fills `before`, because every edge leads back.
    fn edges(&mut self) -> Result<(), BadEdges> {
        let mut shared: HashMap<Vec<usize>, Rc<Set>> = HashMap::new();
        for (i, a) in self.actions.iter().enumerate() {
            let mut waits = Vec::with_capacity(a.after.len());
            for after in &a.after {
                let earlier = self.place.get(&after.action).ok_or(BadEdges::NotBefore(a.id, after.action))?;
                waits.push(*earlier);
            }
            if self.place.insert(a.id, i).is_some() {
                return Err(BadEdges::Twice(a.id));
            }
            let (actions, before) = (self.actions, &self.before);
            let all = shared.entry(waits).or_insert_with_key(|waits| {
                let mut all = Set::default();
                for &earlier in waits {
                    // An action that runs whatever happens does not vouch for what it waited for.
                    if actions[earlier].run == RunWhen::Normal {
                        all.add(&before[earlier]);
                    }
                    all.insert(earlier);
                }
                Rc::new(all)
            });
            let all = Rc::clone(all);
            self.before.push(all);
        }
        Ok(())
    }

    /// Where an action of the plan stands; the planner numbers them in order, from 1.
    fn place(&self, id: ActionId) -> usize {
        let guess = usize::try_from(id.0).unwrap_or(usize::MAX).wrapping_sub(1);
        if self.actions.get(guess).is_some_and(|a| a.id == id) { guess } else { self.place[&id] }
    }

    /// Whether `earlier` has succeeded when `later` runs.
    pub fn is_before(&self, earlier: &Action, later: &Action) -> bool {
        self.before[self.place(later.id)].contains(self.place(earlier.id))
    }

    /// What must have succeeded before `a` runs.
    pub fn before(&self, a: &Action) -> Rc<Set> {
        Rc::clone(&self.before[self.place(a.id)])
    }

    fn at<'s>(&self, places: Option<&'s Vec<usize>>) -> impl Iterator<Item = &'a Action> + use<'s, 'a> {
        let actions = self.actions;
        places.map_or(&[][..], Vec::as_slice).iter().map(move |i| &actions[*i])
    }

    /// Actions of a kind on a pod, in the order of the plan.
    pub fn of(&self, pod: Ordinal, kind: Kind) -> impl Iterator<Item = &'a Action> {
        self.at(self.kinds.get(&(pod, kind)))
    }

    /// Actions on a pod about that object.
    pub fn about(&self, pod: Ordinal, name: &'a ReplicationName) -> impl Iterator<Item = &'a Action> {
        self.at(self.objects.get(&(pod, name)))
    }

    /// SYNCs and SYNC TABLEs into a pod.
    pub fn copies_to(&self, pod: Ordinal) -> impl Iterator<Item = &'a Action> {
        self.at(self.copies.get(&pod))
    }

    /// Actions that prove the target empty on the pod.
    pub fn proofs(&self, pod: Ordinal, target: &'a Target) -> impl Iterator<Item = &'a Action> {
        self.at(self.proofs.get(&(pod, target)))
    }
}
