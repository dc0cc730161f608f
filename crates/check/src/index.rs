//! Finds actions of a plan without walking through all of them: by pod and kind, by object, by what they prove, and what
//! comes before each. Decides nothing.

use std::{collections::BTreeMap, iter};

use aku_core::{
    plan::{
        self,
        action::{Action, ActionId, Op, RunWhen},
    },
    topology::{Ordinal, ReplicationName, Target},
};
use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};

/// A set of actions by their place in the plan: the bits from the first word to the last that has one.
#[derive(Default)]
struct Set {
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
    Anchor,
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
        Op::Anchor { .. } => Some(Kind::Anchor),
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
        | Op::ClearOption { .. }
        | Op::SetOption { .. }
        | Op::SetLogPath { .. }
        | Op::ReadLogs { .. }
        | Op::Retry { .. }
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
        | Op::WriteLedger { .. }
        | Op::MendRows(_)
        | Op::DeleteRows(_) => None,
    }
}

/// Actions and milestones, as they are written.
pub(super) type Waits = (Vec<ActionId>, Vec<usize>);

/// What must have succeeded before an action.
enum Before {
    /// What it waits for by itself; few actions are before those, or they are kept there.
    Near(Vec<usize>),
    /// All of it: which of the sets.
    All(usize),
}

/// So many actions are walked; with more before it an action keeps what is before it as a set.
const WALK: usize = 24;

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
    /// For every action, what must have succeeded before it runs.
    before: Vec<Before>,
    /// What [`Before::All`] points into.
    sets: Vec<Set>,
    kinds: HashMap<(Ordinal, Kind), Vec<usize>>,
    objects: HashMap<(Ordinal, &'a ReplicationName), Vec<usize>>,
    /// SYNCs and SYNC TABLEs, by the pod that gets the rows.
    copies: BTreeMap<Ordinal, Vec<usize>>,
    /// CheckEmpty by pod and target.
    proofs: HashMap<(Ordinal, &'a Target), Vec<usize>>,
    /// CheckDelivered by pod and object.
    delivered: HashMap<(Ordinal, &'a ReplicationName), Vec<usize>>,
    /// CheckContents by the pod that got the rows, the pod they came from, and object.
    contents: HashMap<(Ordinal, Ordinal, &'a ReplicationName), Vec<usize>>,
    /// What each CheckContents compares.
    compared: HashMap<usize, HashSet<&'a Target>>,
}

impl<'a> Index<'a> {
    /// # Errors
    /// When the edges make no DAG: ids are unique, and every edge leads back.
    pub fn new(actions: &'a [Action]) -> Result<Self, BadEdges> {
        let mut index = Self {
            actions,
            place: HashMap::with_capacity(actions.len()),
            before: Vec::with_capacity(actions.len()),
            sets: Vec::new(),
            kinds: HashMap::new(),
            objects: HashMap::new(),
            copies: BTreeMap::new(),
            proofs: HashMap::new(),
            delivered: HashMap::new(),
            contents: HashMap::new(),
            compared: HashMap::new(),
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
            if let Op::CheckDelivered { names } = &a.op {
                for name in names {
                    index.delivered.entry((a.pod, name)).or_default().push(i);
                }
            }
            if let Op::CheckContents { source, names, targets, .. } = &a.op {
                for name in names {
                    index.contents.entry((a.pod, *source, name)).or_default().push(i);
                }
                index.compared.insert(i, targets.iter().collect());
            }
        }
        Ok(index)
    }

    /// One pass fills `before`, because every edge leads back.
    fn edges(&mut self) -> Result<(), BadEdges> {
        let mut milestones: HashMap<usize, usize> = HashMap::new();
        let mut steps: Vec<usize> = Vec::with_capacity(self.actions.len());
        for (i, a) in self.actions.iter().enumerate() {
            let (mut waits, mut behind) = (Vec::new(), Vec::new());
            for after in &a.after {
                match &after.before {
                    plan::Before::Action(id) => {
                        waits.push(*self.place.get(id).ok_or(BadEdges::NotBefore(a.id, *id))?);
                    }
                    // What many wait for is worked out once. All of it is before the first that waits for it, or none of
                    // those may.
                    plan::Before::Milestone(m) => behind.push(if let Some(known) = milestones.get(&m.identity()) {
                        *known
                    } else {
                        let find = |id: &ActionId| self.place.get(id).copied().ok_or(BadEdges::NotBefore(a.id, *id));
                        let members = m.actions().iter().map(find).collect::<Result<Vec<_>, _>>()?;
                        let all = self.union(&members, &[]);
                        milestones.insert(m.identity(), all);
                        all
                    }),
                }
            }
            if self.place.insert(a.id, i).is_some() {
                return Err(BadEdges::Twice(a.id));
            }
            let normal = |w: &&usize| self.actions[**w].run == RunWhen::Normal;
            let walk = waits.len() + waits.iter().filter(normal).map(|w| steps[*w]).sum::<usize>();
            let before = match behind.as_slice() {
                [all] if waits.is_empty() => Before::All(*all),
                [] if walk <= WALK => Before::Near(waits),
                _ => Before::All(self.union(&waits, &behind)),
            };
            steps.push(match &before {
                Before::Near(_) => walk,
                Before::All(_) => 1,
            });
            self.before.push(before);
        }
        Ok(())
    }

    /// A new set of these actions and all that must have succeeded before them, beside what is known already.
    fn union(&mut self, actions: &[usize], known: &[usize]) -> usize {
        let mut all = Set::default();
        let mut added: HashSet<usize> = HashSet::new();
        let mut add = |all: &mut Set, set: usize| {
            if added.insert(set) {
                all.add(&self.sets[set]);
            }
        };
        for set in known {
            add(&mut all, *set);
        }
        let mut open = actions.to_vec();
        let mut walked: HashSet<usize> = HashSet::new();
        while let Some(i) = open.pop() {
            if !walked.insert(i) {
                continue;
            }
            all.insert(i);
            // An action that runs whatever happens does not vouch for what it waited for.
            if self.actions[i].run == RunWhen::Normal {
                match &self.before[i] {
                    Before::Near(earlier) => open.extend(earlier),
                    Before::All(set) => add(&mut all, *set),
                }
            }
        }
        self.sets.push(all);
        self.sets.len() - 1
    }

    /// Where an action of the plan stands; the planner numbers them in order, from 1.
    fn place(&self, id: ActionId) -> usize {
        let guess = usize::try_from(id.0).unwrap_or(usize::MAX).wrapping_sub(1);
        if self.actions.get(guess).is_some_and(|a| a.id == id) { guess } else { self.place[&id] }
    }

    /// Whether `earlier` has succeeded when `later` runs.
    pub fn is_before(&self, earlier: &Action, later: &Action) -> bool {
        let (earlier, later) = (self.place(earlier.id), self.place(later.id));
        match &self.before[later] {
            Before::All(set) => self.sets[*set].contains(earlier),
            Before::Near(waits) => waits.iter().any(|w| self.leads(earlier, *w)),
        }
    }

    /// Whether it is that action, or has succeeded before that one succeeds.
    fn leads(&self, earlier: usize, later: usize) -> bool {
        // Every edge leads back, so what comes later in the plan is not before.
        earlier == later
            || earlier < later
                && self.actions[later].run == RunWhen::Normal
                && match &self.before[later] {
                    Before::All(set) => self.sets[*set].contains(earlier),
                    Before::Near(waits) => waits.iter().any(|w| self.leads(earlier, *w)),
                }
    }

    /// What an action waits for, equal for actions that wait for the same: what must have succeeded before one of them must
    /// have before the others.
    pub fn waits(a: &Action) -> Waits {
        let milestone = |before: &plan::Before| match before {
            plan::Before::Action(_) => None,
            plan::Before::Milestone(m) => Some(m.identity()),
        };
        let single = |before: &plan::Before| match before {
            plan::Before::Action(id) => Some(*id),
            plan::Before::Milestone(_) => None,
        };
        let before = || a.after.iter().map(|after| &after.before);
        (before().filter_map(single).collect(), before().filter_map(milestone).collect())
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

    /// Actions that prove that a pod has delivered through an object.
    pub fn delivered(&self, pod: Ordinal, name: &'a ReplicationName) -> impl Iterator<Item = &'a Action> {
        self.at(self.delivered.get(&(pod, name)))
    }

    /// Actions that compare what a pod got from another through an object.
    pub fn contents(
        &self,
        pod: Ordinal,
        source: Ordinal,
        name: &'a ReplicationName,
    ) -> impl Iterator<Item = &'a Action> {
        self.at(self.contents.get(&(pod, source, name)))
    }

    /// Whether such an action compares the target.
    pub fn compares(&self, check: &Action, target: &Target) -> bool {
        self.compared.get(&self.place(check.id)).is_some_and(|targets| targets.contains(target))
    }

    /// Actions that prove the target empty on the pod.
    pub fn proofs(&self, pod: Ordinal, target: &'a Target) -> impl Iterator<Item = &'a Action> {
        self.at(self.proofs.get(&(pod, target)))
    }
}
