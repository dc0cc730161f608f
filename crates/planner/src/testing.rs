//! Worlds and plans built by hand, and what is saved of them.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use aku_core::plan::Plan;
pub use aku_core::testing::*;

use crate::{
    facts::Facts,
    policy::{self, Policy, Subject, Use},
    saved::{Origin, Saved},
};

/// A plan as it is saved, made on pod 2, with the facts of a world in which pod 2 never joined.
pub fn saved(plan: Plan) -> Saved {
    let world = Worlds::new(desired(plan.goal, 4, 1)).up(0, 0).up(1, 0).up(2, 1).pair(0, 1, "LL").side(0, 2, 'R');
    let facts = Facts::of(&plan, &world.desired, &world.observed);
    let origin = Origin {
        observer: Some(plans::pod(2)),
        service: "altibase-svc".to_owned(),
        conf_digest: "sha256:9f2c41aa0000".to_owned(),
        at: "2026-11-20T23:41:07.123Z".parse().unwrap(),
    };
    let saved = Saved::new(plan, facts, origin);
    let found =
        policy::judge(&Policy::default(), Subject { facts: &saved.facts, plan: Some(&saved.plan) }, Use::default());
    saved.judged(Policy::default(), found)
}
