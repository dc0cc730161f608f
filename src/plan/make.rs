//! The planner's entrance: goal and world in, plan or refusal out. Pure.

use super::{
    Plan, Refusal, RefusalKind, check, clean, end,
    reason::{Code, Reason},
    start,
    world::World,
};
use crate::{
    desired::{Desired, Goal},
    observe::{Observed, PodView},
    topology::{Ordinal, Target},
};

/// Plans, and lets the independent checker look at the result.
///
/// # Errors
/// A [`Refusal`] when going on could lose rows or cannot reach the goal; it says what to do.
pub fn make(desired: &Desired, observed: &Observed) -> Result<Plan, Refusal> {
    let plan = draft(desired, observed)?;
    let violations = check::check(&plan, desired, observed);
    if violations.is_empty() {
        return Ok(plan);
    }
    let mut because = vec![Reason::new(
        Code::PlannerBug,
        "the plan that was made breaks a rule that protects rows; it is not shown as a proposal and nothing was changed",
    )];
    because.extend(violations.into_iter().map(|v| Reason::new(Code::PlannerBug, v.to_string())));
    Err(Refusal {
        kind: RefusalKind::OurBug,
        because,
        next: vec!["please report this with the output of `aku plan --format json` of every pod".to_owned()],
    })
}

fn draft(desired: &Desired, observed: &Observed) -> Result<Plan, Refusal> {
    let world = World::new(desired, observed);
    let me = desired.goal.pod();
    seen(&world, me)?;
    match desired.goal {
        Goal::Start(_) => start::plan(&world, me),
        Goal::End(_) => Ok(end::plan(&world, me)),
        Goal::Clean(_) => Ok(clean::plan(&world, me)),
    }
}

/// Whose rows must be counted before [`make`] can decide: both ends of a full transfer, nobody otherwise.
#[must_use]
pub fn row_questions(desired: &Desired, observed: &Observed) -> Vec<(Ordinal, Vec<Target>)> {
    let world = World::new(desired, observed);
    let me = desired.goal.pod();
    match desired.goal {
        Goal::Start(_) if seen(&world, me).is_ok() => start::row_questions(&world, me),
        Goal::Start(_) | Goal::End(_) | Goal::Clean(_) => Vec::new(),
    }
}

fn seen(world: &World<'_>, me: Ordinal) -> Result<(), Refusal> {
    let count = world.desired.pods.len();
    let refuse = |kind, code, text: String, next: Vec<String>| {
        Err(Refusal { kind, because: vec![Reason::new(code, text)], next })
    };
    if !world.desired.pods.contains_key(&me) {
        return refuse(
            RefusalKind::Refused,
            Code::SurplusPod,
            format!(
                "this is pod {me}, but AKU_SERVER_COUNT is {count}: pods 0 to {} take part",
                count.saturating_sub(1)
            ),
            vec![
                format!("scale the StatefulSet to at most {count} replicas"),
                "or raise AKU_SERVER_COUNT in aku.conf of every pod".to_owned(),
            ],
        );
    }
    match world.observed.pods.get(&me) {
        Some(PodView::Seen(_)) => Ok(()),
        Some(PodView::Absent { address, said }) => refuse(
            RefusalKind::CannotTell,
            Code::SelfUnseen,
            format!("pod {me} itself does not answer at {address}: {said}"),
            vec![format!("start the Altibase server of pod {me} first")],
        ),
        Some(PodView::Broken { address, said, .. }) => refuse(
            RefusalKind::CannotTell,
            Code::SelfUnseen,
            format!("pod {me} itself cannot be looked at ({address}): {said}"),
            vec![
                "see what the database said above; a DBA's SYSDBA session or a wrong password are the usual causes"
                    .to_owned(),
            ],
        ),
        None => {
            refuse(RefusalKind::CannotTell, Code::SelfUnseen, format!("pod {me} itself was not looked at"), Vec::new())
        }
    }
}
