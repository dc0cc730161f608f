//! Collects actions and hands out their numbers. An action can only wait for one that was added before it, so what
//! comes out is a DAG by construction.

use aku_core::{
    plan::{
        action::{Action, ActionId, After, Op, RunWhen},
        reason::{Code, Reason},
    },
    topology::{Ordinal, ReplicationName, Target},
};

/// Actions in the making.
#[derive(Default)]
pub(super) struct Builder {
    actions: Vec<Action>,
}

/// What an action waits for, and why.
#[derive(Clone, Default)]
pub(super) struct Waits(Vec<After>);

impl Waits {
    pub fn none() -> Self {
        Self::default()
    }

    pub fn on(ids: impl IntoIterator<Item = ActionId>, because: &str) -> Self {
        Self::none().and(ids, because)
    }

    pub fn and(mut self, ids: impl IntoIterator<Item = ActionId>, because: &str) -> Self {
        self.0.extend(ids.into_iter().map(|action| After { action, because: because.to_owned() }));
        self
    }

    pub fn and_all(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }
}

impl Builder {
    pub fn add(&mut self, pod: Ordinal, op: Op, because: Reason, waits: Waits) -> ActionId {
        self.add_when(pod, op, because, waits, RunWhen::Normal)
    }

    pub fn add_when(&mut self, pod: Ordinal, op: Op, because: Reason, waits: Waits, run: RunWhen) -> ActionId {
        let id = ActionId(u32::try_from(self.actions.len() + 1).unwrap_or(u32::MAX));
        let mut after = waits.0;
        // The sort is stable: of two reasons to wait for the same action, the first stays.
        after.sort_by_key(|a| a.action);
        after.dedup_by_key(|a| a.action);
        self.actions.push(Action { id, pod, op, because, after, run });
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
        let starts = |a: &&Action| a.pod == pod && matches!(&a.op, Op::Start { name: n, .. } if n == name);
        self.actions.iter().filter(starts).map(|a| a.id).collect()
    }

    /// The CREATE of an object on a pod, where it is created.
    pub fn creates_of(&self, pod: Ordinal, name: &ReplicationName) -> Option<ActionId> {
        let creates = |a: &&Action| a.pod == pod && matches!(&a.op, Op::CreateReplication { name: n, .. } if n == name);
        self.actions.iter().find(creates).map(|a| a.id)
    }

    /// The action that was added last, but for settings that are put back beside everything else.
    pub fn last(&self) -> Option<ActionId> {
        let beside = |a: &&Action| a.run == RunWhen::Normal && matches!(a.op, Op::SetProperty { .. });
        self.actions.iter().rev().find(|a| !beside(a)).map(|a| a.id)
    }

    pub fn finish(self) -> Vec<Action> {
        self.actions
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
