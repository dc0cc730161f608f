//! What an action waits for: single actions, and milestones, which are points that many actions lead to and many others wait
//! for. So a stage of n actions behind a stage of m costs n + m and not n times m, in memory, in the file and in time.

use std::{
    borrow::Cow,
    fmt,
    hash::{Hash, Hasher},
    slice,
    sync::Arc,
};

use foldhash::HashMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::action::ActionId;

/// Actions that others wait for together, sorted. A copy is the same list, not another one.
#[derive(Clone, Debug)]
pub struct Milestone(Arc<[ActionId]>);

impl Milestone {
    /// It is reached when all of them are over.
    #[must_use]
    pub fn of(actions: impl IntoIterator<Item = ActionId>) -> Self {
        let mut actions: Vec<_> = actions.into_iter().collect();
        actions.sort_unstable();
        actions.dedup();
        Self(actions.into())
    }

    /// Sorted, each once.
    #[must_use]
    pub fn actions(&self) -> &[ActionId] {
        &self.0
    }

    /// Equal for copies of one milestone, whatever it holds: what is known of one is known of the other.
    #[must_use]
    pub fn identity(&self) -> usize {
        self.0.as_ptr().addr()
    }
}

impl PartialEq for Milestone {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Eq for Milestone {}

impl Hash for Milestone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// One action, or several that are waited for together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// One.
    Action(ActionId),
    /// All of them.
    Milestone(Milestone),
}

impl Before {
    /// All of them, sorted.
    #[must_use]
    pub fn actions(&self) -> &[ActionId] {
        match self {
            Self::Action(id) => slice::from_ref(id),
            Self::Milestone(milestone) => milestone.actions(),
        }
    }
}

/// Edges of the DAG that lead to one action and have one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// What must be over.
    pub before: Before,
    /// Why, in a few words ("sync needs empty tables").
    pub because: Cow<'static, str>,
}

impl After {
    /// Waits for one action.
    pub fn one(action: ActionId, because: impl Into<Cow<'static, str>>) -> Self {
        Self { before: Before::Action(action), because: because.into() }
    }

    /// Waits for several, which may be many.
    pub fn all(milestone: Milestone, because: impl Into<Cow<'static, str>>) -> Self {
        Self { before: Before::Milestone(milestone), because: because.into() }
    }
}

/// Number of a milestone inside its plan, from 1; written as `M1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^M[0-9]+$"))]
pub struct MilestoneId(pub usize);

impl fmt::Display for MilestoneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "M{}", self.0)
    }
}

impl From<MilestoneId> for String {
    fn from(id: MilestoneId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for MilestoneId {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let number = text.strip_prefix('M').and_then(|n| n.parse().ok());
        number.map(Self).ok_or_else(|| format!("\"{text}\" is no number of a milestone"))
    }
}

/// Numbers milestones in the order in which they are met. Those that hold the same actions are one.
#[derive(Default)]
pub struct Numbers {
    by_identity: HashMap<usize, MilestoneId>,
    by_actions: HashMap<Milestone, MilestoneId>,
    all: Vec<Milestone>,
    /// Kept, so that no other milestone comes to have the identity of one that has a number.
    twins: Vec<Milestone>,
}

impl Numbers {
    /// Its number.
    pub fn of(&mut self, milestone: &Milestone) -> MilestoneId {
        let (by_actions, all, twins) = (&mut self.by_actions, &mut self.all, &mut self.twins);
        *self.by_identity.entry(milestone.identity()).or_insert_with(|| {
            twins.push(milestone.clone());
            *by_actions.entry(milestone.clone()).or_insert_with(|| {
                all.push(milestone.clone());
                MilestoneId(all.len())
            })
        })
    }

    /// Those that have a number, each once.
    pub fn all(&self) -> impl Iterator<Item = (MilestoneId, &Milestone)> {
        (1..).map(MilestoneId).zip(&self.all)
    }
}

/// Takes actions out of waits; a milestone that many share is looked through once.
pub struct Thinned<'f> {
    gone: &'f dyn Fn(ActionId) -> bool,
    known: HashMap<usize, (Milestone, Option<Before>)>,
}

impl<'f> Thinned<'f> {
    /// Without those that are `gone`.
    #[must_use]
    pub fn without(gone: &'f dyn Fn(ActionId) -> bool) -> Self {
        Self { gone, known: HashMap::default() }
    }

    /// What is left of them.
    pub fn thin(&mut self, after: &mut Vec<After>) {
        after.retain_mut(|a| {
            let left = match &a.before {
                Before::Action(id) => return !(self.gone)(*id),
                Before::Milestone(milestone) => self.left(milestone),
            };
            left.is_some_and(|left| {
                a.before = left;
                true
            })
        });
    }

    fn left(&mut self, milestone: &Milestone) -> Option<Before> {
        let gone = self.gone;
        let found = self.known.entry(milestone.identity()).or_insert_with(|| {
            let left: Vec<_> = milestone.actions().iter().copied().filter(|id| !gone(*id)).collect();
            let left = match left.as_slice() {
                [] => None,
                [one] => Some(Before::Action(*one)),
                all if all.len() == milestone.actions().len() => Some(Before::Milestone(milestone.clone())),
                _ => Some(Before::Milestone(Milestone::of(left))),
            };
            // Kept beside it, so that its identity stays taken.
            (milestone.clone(), left)
        });
        found.1.clone()
    }
}
