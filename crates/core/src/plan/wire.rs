//! How a plan is written as JSON and read again. Its actions and milestones refer to each other by number, so a milestone is
//! written once, however many actions wait for it. Plans of format 1.0 have no milestones, and each action names all others
//! that it waits for: they are read as well.

use std::borrow::Cow;

use foldhash::{HashMap, HashMapExt as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use super::{
    Approval, Decision, PodLine,
    action::{self, ActionId, Op},
    milestone::{self, Before, MilestoneId, Numbers},
    reason::Reason,
};
use crate::{desired::Goal, topology::Ordinal};

/// What is to be done, and why. Immutable once made.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Plan")]
pub struct Plan<'a, A = Action<'a>> {
    /// What it is for.
    goal: Goal,
    /// AKU_STS_NAME
    statefulset: Cow<'a, str>,
    /// How the pod's rows come to be right, and why.
    decision: Cow<'a, Decision>,
    /// Every pod with what was seen of it.
    pods: Cow<'a, [PodLine]>,
    /// Things a person should know that are no actions.
    notes: Cow<'a, [Reason]>,
    /// What must be approved by name before this plan may be applied.
    approvals: Cow<'a, [Approval]>,
    /// Points that many actions lead to and that others wait for; no actions themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    milestones: Vec<Milestone>,
    /// The actions; an action's `after` names earlier ones only.
    actions: Vec<A>,
    /// How many objects were looked at and are right already.
    already_right: usize,
}

/// A point that is reached when all its actions are over.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Milestone {
    /// Its number.
    id: MilestoneId,
    /// The actions that lead to it.
    actions: Vec<ActionId>,
}

/// A step.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Action")]
pub struct Action<'a, B = Cow<'a, Reason>> {
    /// Its number.
    id: ActionId,
    /// The pod it is sent to.
    pod: Ordinal,
    /// What is done.
    #[serde(flatten)]
    op: Cow<'a, Op>,
    /// Why.
    because: B,
    /// What it waits for.
    after: Vec<After<'a>>,
    /// When it runs.
    #[serde(default, skip_serializing_if = "RunWhen::is_normal")]
    run: RunWhen,
}

/// An edge of the DAG: either an action or a milestone.
#[derive(Serialize, Deserialize, JsonSchema)]
struct After<'a> {
    /// The action that must be over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    action: Option<ActionId>,
    /// The milestone that must be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    milestone: Option<MilestoneId>,
    /// Why, in a few words ("sync needs empty tables").
    because: Cow<'a, str>,
}

/// When an action runs.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "when")]
enum RunWhen {
    /// When everything it waits for is done.
    #[default]
    Normal,
    /// When everything it waits for is over (done, failed, not run), provided that `armed_by` was begun.
    /// For settings that are put back whatever happens.
    Always {
        /// The action that makes it necessary.
        armed_by: ActionId,
    },
    /// Only when `armed_by` sent a changing statement and `until` did not finish, once everything it waits for is over; on
    /// signals too. For pins of a join whose SYNC has not returned (DESIGN D15); a position that this run did not make is
    /// never taken back.
    Undo {
        /// The action that it takes back.
        armed_by: ActionId,
        /// Actions that, once all are done, make it unnecessary.
        until: Until,
    },
}

impl RunWhen {
    fn is_normal(&self) -> bool {
        matches!(self, Self::Normal)
    }
}

/// A few actions, or a milestone.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Until {
    /// All of them.
    Actions(Vec<ActionId>),
    /// When it is reached.
    Milestone(MilestoneId),
}

/// Fewer than this are written out where they are waited for.
pub const FEW: usize = 4;

impl<'a, B> Action<'a, B> {
    /// As it is written, with that reason.
    fn of(a: &'a action::Action, because: B, numbers: &mut Numbers) -> Self {
        let after = a.after.iter().map(|after| {
            let (action, milestone) = match &after.before {
                Before::Action(id) => (Some(*id), None),
                Before::Milestone(milestone) => (None, Some(numbers.of(milestone))),
            };
            After { action, milestone, because: Cow::Borrowed(&after.because) }
        });
        let after = after.collect();
        let run = match &a.run {
            action::RunWhen::Normal => RunWhen::Normal,
            action::RunWhen::Always { armed_by } => RunWhen::Always { armed_by: *armed_by },
            action::RunWhen::Undo { armed_by, until } => {
                let until = match until.actions().len() {
                    0..FEW => Until::Actions(until.actions().to_vec()),
                    FEW.. => Until::Milestone(numbers.of(until)),
                };
                RunWhen::Undo { armed_by: *armed_by, until }
            }
        };
        Self { id: a.id, pod: a.pod, op: Cow::Borrowed(&a.op), because, after, run }
    }
}

impl<'a, A> Plan<'a, A> {
    /// As it is written, with each action and its reason as `shown` makes them.
    pub fn of<B>(
        plan: &'a super::Plan,
        because: impl Fn(&'a action::Action) -> B,
        shown: impl Fn(&'a action::Action, Action<'a, B>) -> A,
    ) -> Self {
        let mut numbers = Numbers::default();
        let written = |a: &'a action::Action| shown(a, Action::of(a, because(a), &mut numbers));
        let actions = plan.actions.iter().map(written).collect();
        let milestones = numbers.all().map(|(id, m)| Milestone { id, actions: m.actions().to_vec() }).collect();
        Self {
            goal: plan.goal,
            statefulset: Cow::Borrowed(&plan.statefulset),
            decision: Cow::Borrowed(&plan.decision),
            pods: Cow::Borrowed(&plan.pods),
            notes: Cow::Borrowed(&plan.notes),
            approvals: Cow::Borrowed(&plan.approvals),
            milestones,
            actions,
            already_right: plan.already_right,
        }
    }
}

impl Serialize for super::Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Plan::of(self, |a| Cow::Borrowed(&a.because), |_, written| written).serialize(serializer)
    }
}

impl TryFrom<Plan<'_>> for super::Plan {
    type Error = String;
    fn try_from(plan: Plan<'_>) -> Result<Self, String> {
        let mut milestones: HashMap<MilestoneId, milestone::Milestone> = HashMap::with_capacity(plan.milestones.len());
        for m in &plan.milestones {
            if milestones.insert(m.id, milestone::Milestone::of(m.actions.iter().copied())).is_some() {
                return Err(format!("milestone {} occurs twice", m.id));
            }
        }
        let find = |id: MilestoneId| milestones.get(&id).cloned().ok_or_else(|| format!("there is no milestone {id}"));
        let after = |a: After<'_>| {
            let before = match (a.action, a.milestone) {
                (Some(id), None) => Before::Action(id),
                (None, Some(id)) => Before::Milestone(find(id)?),
                (Some(_), Some(_)) | (None, None) => {
                    return Err("an action waits for an action or a milestone".to_owned());
                }
            };
            Ok(milestone::After { before, because: a.because.into_owned().into() })
        };
        let action = |a: Action<'_>| {
            let run = match a.run {
                RunWhen::Normal => action::RunWhen::Normal,
                RunWhen::Always { armed_by } => action::RunWhen::Always { armed_by },
                RunWhen::Undo { armed_by, until } => {
                    let until = match until {
                        Until::Actions(all) => milestone::Milestone::of(all.iter().copied()),
                        Until::Milestone(id) => find(id)?,
                    };
                    action::RunWhen::Undo { armed_by, until }
                }
            };
            let after = a.after.into_iter().map(after).collect::<Result<_, String>>()?;
            let (op, because) = (a.op.into_owned(), a.because.into_owned());
            Ok(action::Action { id: a.id, pod: a.pod, op, because, after, run })
        };
        let actions = plan.actions.into_iter().map(action).collect::<Result<_, String>>()?;
        Ok(Self {
            goal: plan.goal,
            statefulset: plan.statefulset.into_owned(),
            decision: plan.decision.into_owned(),
            pods: plan.pods.into_owned(),
            notes: plan.notes.into_owned(),
            approvals: plan.approvals.into_owned(),
            actions,
            already_right: plan.already_right,
        })
    }
}
