//! A plan with everything that was known when it was made.

use jiff::Timestamp;

use super::{common::Common, goal_args::GoalArgs, scene::CommandContext};
use crate::{
    observe::Observed,
    plan::{Plan, facts::Facts, saved::Origin},
    topology::Ordinal,
};

/// A plan with what it was made from.
pub(super) struct Made {
    /// The plan.
    pub(super) plan: Plan,
    /// What it rests on.
    pub(super) facts: Facts,
    /// Where and when.
    pub(super) origin: Origin,
}

impl Made {
    /// A plan of a scene, made now.
    pub(super) fn of(plan: Plan, scene: &CommandContext, observed: &Observed, at: Timestamp) -> Self {
        let facts = Facts::of(&plan, &scene.desired, observed);
        let origin = Origin {
            observer: scene.who.here,
            service: scene.desired.service.clone(),
            conf_digest: scene.digest.clone(),
            at,
        };
        Self { plan, facts, origin }
    }
}

/// A scene needs a pod to be about; where the goal is about all pods, pod 0 stands for the cluster.
pub(super) fn placed(wish: GoalArgs, common: &Common) -> Common {
    match wish {
        GoalArgs::Own(_) => common.clone(),
        GoalArgs::Given(_) => Common { ordinal: Some(Ordinal::MASTER), ..common.clone() },
    }
}
