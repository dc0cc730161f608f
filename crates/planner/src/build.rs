//! Collects actions and hands out their numbers. An action can only wait for one that was added before it, so what
//! comes out is a DAG by construction.

use aku_core::{
    plan::{
        After, Before, Milestone,
        action::{Action, ActionId, Op, RunWhen},
        reason::{Code, Reason},
        wire::FEW,
    },
    topology::{Ordinal, ReplicationName, Target},
};
use foldhash::HashMap;

/// Actions in the making.
#[derive(Default)]
pub(super) struct Builder {
    actions: Vec<Action>,
    /// The first CREATE of each object on each pod.
    creates: HashMap<(Ordinal, ReplicationName), ActionId>,
    /// The STARTs of each object on each pod.
    starts: HashMap<(Ordinal, ReplicationName), Vec<ActionId>>,
}

/// What an action waits for, and why. A copy costs next to nothing: what many actions wait for is made once, before the loop
/// that adds them, because each call of [`on`](Self::on) and [`and`](Self::and) makes a list.
#[derive(Clone, Default)]
pub(super) struct Dependencies(Vec<After>);

impl Dependencies {
    pub fn none() -> Self {
        Self::default()
    }

    pub fn on(ids: impl IntoIterator<Item = ActionId>, because: &'static str) -> Self {
        Self::none().and(ids, because)
    }

    pub fn and(mut self, ids: impl IntoIterator<Item = ActionId>, because: &'static str) -> Self {
        let mut ids = ids.into_iter();
        let Some(first) = ids.next() else { return self };
        self.0.push(match ids.next() {
            None => After::one(first, because),
            Some(second) => After::all(Milestone::of([first, second].into_iter().chain(ids)), because),
        });
        self
    }

    pub fn and_all(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }
}

impl Builder {
    pub fn add(&mut self, pod: Ordinal, op: Op, because: Reason, waits: Dependencies) -> ActionId {
        self.add_when(pod, op, because, waits, RunWhen::Normal)
    }

    pub fn add_when(&mut self, pod: Ordinal, op: Op, because: Reason, waits: Dependencies, run: RunWhen) -> ActionId {
        let id = ActionId(u32::try_from(self.actions.len() + 1).unwrap_or(u32::MAX));
        if let Op::CreateReplication { name, .. } = &op {
            self.creates.entry((pod, name.clone())).or_insert(id);
        }
        if let Op::Start { name, .. } = &op {
            self.starts.entry((pod, name.clone())).or_default().push(id);
        }
        self.actions.push(Action { id, pod, op, because, after: waits.0, run });
        id
    }

    /// How many there are.
    pub fn next(&self) -> usize {
        self.actions.len()
    }

    /// ADD TABLEs from the `first` action on.
    pub fn added_tables(&self, first: usize) -> Vec<(ActionId, Target)> {
        let added = |a: &Action| match &a.op {
            Op::AddTable { target, .. } => Some((a.id, target.clone())),
            _ => None,
        };
        self.actions[first..].iter().filter_map(added).collect()
    }

    /// What goes to and from a pod so far: streams that start and deliver.
    pub fn streams_of(&self, pod: Ordinal) -> Vec<ActionId> {
        let about = |a: &&Action| match &a.op {
            Op::Start { peer, .. } | Op::Flush { peer, .. } => {
                [a.pod, *peer].contains(&pod) && a.run == RunWhen::Normal
            }
            _ => false,
        };
        self.actions.iter().filter(about).map(|a| a.id).collect()
    }

    /// Where a pod is told to send through an object, so far.
    pub fn starts_of(&self, pod: Ordinal, name: &ReplicationName) -> Vec<ActionId> {
        self.starts.get(&(pod, name.clone())).cloned().unwrap_or_default()
    }

    /// Everything that is done about an object on a pod when all goes well, so far.
    pub fn about(&self, pod: Ordinal, name: &ReplicationName) -> Vec<ActionId> {
        let about = |a: &&Action| a.pod == pod && a.op.object() == Some(name) && !matches!(a.run, RunWhen::Undo { .. });
        self.actions.iter().filter(about).map(|a| a.id).collect()
    }

    /// What makes a server stop a sender, or forget a position, so far.
    pub fn stopping(&self) -> Vec<ActionId> {
        let stops = |a: &&Action| {
            a.run == RunWhen::Normal && matches!(a.op, Op::Stop { .. } | Op::Reset { .. } | Op::Pin { .. })
        };
        self.actions.iter().filter(stops).map(|a| a.id).collect()
    }

    /// Whether a table is taken out of an object on a pod, so far.
    pub fn drops(&self, pod: Ordinal, name: &ReplicationName, target: &Target) -> bool {
        let dropped = |a: &Action| match &a.op {
            Op::DropTable { name: n, target: t, .. } => a.pod == pod && n == name && t == target,
            _ => false,
        };
        self.actions.iter().any(dropped)
    }

    /// The CREATE of an object on a pod, where it is created.
    pub fn creates_of(&self, pod: Ordinal, name: &ReplicationName) -> Option<ActionId> {
        self.creates.get(&(pod, name.clone())).copied()
    }

    /// The action that was added last, but for settings that are put back beside everything else.
    pub fn last(&self) -> Option<ActionId> {
        let beside = |a: &&Action| a.run == RunWhen::Normal && matches!(a.op, Op::SetProperty { .. });
        self.actions.iter().rev().find(|a| !beside(a)).map(|a| a.id)
    }

    /// Lists that several actions wait for become milestones that they share; all others are written out.
    pub fn finish(self) -> Vec<Action> {
        let mut actions = self.actions;
        let mut lists = Lists::default();
        for after in actions.iter().flat_map(|a| &a.after) {
            lists.count(after);
        }
        for a in &mut actions {
            a.after = lists.written(std::mem::take(&mut a.after));
        }
        actions
    }
}

/// How many actions wait for each list. Lists that hold the same are one, wherever they come from.
#[derive(Default)]
struct Lists {
    numbers: HashMap<usize, usize>,
    by_actions: HashMap<Milestone, usize>,
    all: Vec<(Milestone, usize)>,
}

impl Lists {
    fn count(&mut self, after: &After) {
        let Before::Milestone(list) = &after.before else { return };
        let (by_actions, all) = (&mut self.by_actions, &mut self.all);
        let number = *self.numbers.entry(list.identity()).or_insert_with(|| {
            *by_actions.entry(list.clone()).or_insert_with(|| {
                all.push((list.clone(), 0));
                all.len() - 1
            })
        });
        self.all[number].1 += 1;
    }

    /// The list that many share, if this is one.
    fn shared(&self, list: &Milestone) -> Option<Milestone> {
        let (first, users) = &self.all[*self.numbers.get(&list.identity())?];
        (*users > 1 && list.actions().len() >= FEW).then(|| first.clone())
    }

    fn written(&self, waits: Vec<After>) -> Vec<After> {
        let mut after: Vec<After> = Vec::with_capacity(waits.len());
        for wait in waits {
            match &wait.before {
                Before::Action(_) => after.push(wait),
                Before::Milestone(list) => match self.shared(list) {
                    Some(list) => after.push(After::all(list, wait.because)),
                    None => after.extend(list.actions().iter().map(|id| After::one(*id, wait.because.clone()))),
                },
            }
        }
        // The sort is stable: of two reasons to wait for the same, the first stays.
        after.sort_by_key(|a| a.before.actions().first().copied());
        after.dedup_by(|b, a| a.before == b.before);
        let many = |a: &After| match &a.before {
            Before::Action(_) => None,
            Before::Milestone(list) => Some(list.clone()),
        };
        let stages: Vec<Milestone> = after.iter().filter_map(many).collect();
        after.retain(|a| match &a.before {
            Before::Action(id) => !stages.iter().any(|s| s.actions().binary_search(id).is_ok()),
            Before::Milestone(_) => true,
        });
        after
    }
}

/// `pod 1`, `pods 1 and 2`, `pods 1, 2 and 3`.
pub(super) fn pods<'p>(list: impl IntoIterator<Item = &'p Ordinal>) -> String {
    let words: Vec<_> = list.into_iter().map(ToString::to_string).collect();
    match words.as_slice() {
        [one] => format!("pod {one}"),
        [most @ .., last] => format!("pods {} and {last}", most.join(", ")),
        [] => "no pod".to_owned(),
    }
}

pub(super) fn why(code: Code, text: impl Into<String>) -> Reason {
    Reason::new(code, text)
}
