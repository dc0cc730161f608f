//! The planner's entrance: goal and world in, plan or refusal out. Pure.

use aku_core::{
    desired::{Desired, Goal},
    found::as_found,
    observe::{Observed, PodView},
    plan::{
        Plan, Refusal, RefusalKind,
        reason::{Code, Reason},
    },
    remedy::Remedy,
    topology::{Ordinal, Target},
};

use super::{
    clean, cluster_view::ClusterView, end, everywhere, forget, identity, ledger, links, moves, reconcile, recover,
    recover_log, remedy, repair, start,
};

/// Plans, and lets the independent checker look at the result.
///
/// # Errors
/// A [`Refusal`] when going on could lose rows or cannot reach the goal; it says what to do.
///
/// ```
/// use aku_core::{conf, desired::{Desired, Goal}, document::Document as _, observe::Capture, plan::Decision};
///
/// let file = std::fs::read("../../snapshots/captured.conf")?;
/// let conf = conf::parse("aku.conf", &file).config.expect("a valid file");
/// let seen = Capture::parse(&std::fs::read_to_string("../../snapshots/captured-first-start.json")?)?;
/// let desired = Desired::new(&conf, Goal::Start(seen.pod), |pod| seen.addresses[&pod].clone());
/// let observed = seen.observed_for(seen.pod);
///
/// let plan = aku_planner::make(&desired, &observed).expect("nothing bars this start");
/// // It never joined, so its rows are copied, and what that deletes needs a yes.
/// assert!(matches!(plan.decision, Decision::Full { .. }));
/// assert!(plan.actions.iter().all(|a| a.waits().all(|before| before < a.id)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn make(desired: &Desired, observed: &Observed) -> Result<Plan, Refusal> {
    let desired = &*as_found(desired, observed);
    let plan = draft(desired, observed).map_err(|refusal| with_remedy(refusal, desired.goal))?;
    let violations = aku_check::check(&plan, desired, observed);
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

/// What planners ask, with what a reconcile hands over.
fn view<'a>(desired: &'a Desired, observed: &'a Observed) -> ClusterView<'a> {
    let mut world = ClusterView::new(desired, observed);
    match desired.goal {
        Goal::Reconcile => world.moves = moves::find(&world, &links::active(&world)),
        Goal::Start(_)
        | Goal::End(_)
        | Goal::Clean(_)
        | Goal::CleanEverywhere
        | Goal::Recover(_)
        | Goal::Forget(_)
        | Goal::Repair(_)
        | Goal::RecoverLog(_) => {}
    }
    world
}

/// What is printed below a refusal names the goal that the table of remedies has for it.
fn with_remedy(mut refusal: Refusal, goal: Goal) -> Refusal {
    match remedy::of_refusal(&refusal, goal) {
        Remedy::Goal(other) => {
            // Either spelling: on the pod itself no ordinal is needed.
            let [here, anywhere] =
                [other.arguments(), other.command()].map(|what| [format!("plan {what}"), format!("apply {what}")]);
            let named = |line: &String| here.iter().chain(&anywhere).any(|command| line.contains(command.as_str()));
            let hook = |line: &String| other.as_str() == "start" && line.contains("aku -p start");
            if !refusal.next.iter().any(|line| named(line) || hook(line)) {
                refusal.next.insert(0, Remedy::Goal(other).to_string());
            }
        }
        // The refusal's own words.
        Remedy::Person(_) | Remedy::Wait(_) | Remedy::Nothing => {}
    }
    refusal
}

fn draft(desired: &Desired, observed: &Observed) -> Result<Plan, Refusal> {
    let world = view(desired, observed);
    let plan = of_goal(&world)?;
    let of_another = match desired.goal {
        Goal::End(me) => identity::is_of_another(&world, me),
        Goal::Start(_)
        | Goal::Clean(_)
        | Goal::CleanEverywhere
        | Goal::Reconcile
        | Goal::Recover(_)
        | Goal::Forget(_)
        | Goal::Repair(_)
        | Goal::RecoverLog(_) => false,
    };
    // A copy of another's volume says nothing of the pod that it lies in.
    Ok(if of_another { plan } else { ledger::afterwards(&world, plan) })
}

fn of_goal(world: &ClusterView<'_>) -> Result<Plan, Refusal> {
    let desired = world.desired;
    match desired.goal {
        Goal::Start(me) => {
            seen(world, me)?;
            identity::refuse_clones(world, [me])?;
            start::plan(world, me)
        }
        Goal::End(me) => {
            seen(world, me)?;
            Ok(if identity::is_of_another(world, me) { end::of_another(world, me) } else { end::plan(world, me) })
        }
        Goal::Clean(me) => {
            seen(world, me)?;
            identity::moved(world, me)?;
            Ok(clean::plan(world, me))
        }
        Goal::CleanEverywhere => somebody(world).map(|()| everywhere::plan(world)),
        Goal::Forget(gone) => somebody(world).and_then(|()| forget::plan(world, gone)),
        Goal::RecoverLog(dead) => somebody(world).and_then(|()| recover_log::plan(world, dead)),
        Goal::Reconcile => {
            somebody(world)?;
            identity::refuse_clones(world, world.seen())?;
            reconcile::plan(world)
        }
        Goal::Repair(right) => {
            somebody(world)?;
            identity::refuse_clones(world, world.seen())?;
            repair::plan(world, right)
        }
        Goal::Recover(from) => {
            seen(world, Ordinal::MASTER)?;
            identity::refuse_clones(world, [Ordinal::MASTER])?;
            recover::plan(world, from)
        }
    }
}

/// Whose rows must be counted before [`make`] can decide: both ends of a full transfer, nobody otherwise.
#[must_use]
pub fn row_questions(desired: &Desired, observed: &Observed) -> Vec<(Ordinal, Vec<Target>)> {
    let desired = &*as_found(desired, observed);
    let world = view(desired, observed);
    match desired.goal {
        Goal::Start(me) if seen(&world, me).is_ok() => start::row_questions(&world, me),
        Goal::Recover(_) if seen(&world, Ordinal::MASTER).is_ok() => recover::row_questions(&world),
        Goal::Reconcile => reconcile::row_questions(&world),
        Goal::Start(_)
        | Goal::Recover(_)
        | Goal::End(_)
        | Goal::Clean(_)
        | Goal::CleanEverywhere
        | Goal::Forget(_)
        | Goal::Repair(_)
        | Goal::RecoverLog(_) => Vec::new(),
    }
}

/// Nothing can be said about pods of which none was seen.
fn somebody(world: &ClusterView<'_>) -> Result<(), Refusal> {
    if world.seen().next().is_some() {
        return Ok(());
    }
    let mut because = vec![Reason::new(Code::NoPodSeen, "no pod could be looked at; nothing was changed")];
    because.extend(world.observed.pods.iter().filter_map(|(pod, view)| match view {
        PodView::Absent { address, said } => {
            Some(Reason::new(Code::PodAbsent, format!("pod {pod} does not answer at {address}: {said}")))
        }
        PodView::Broken { address, said, .. } => {
            Some(Reason::new(Code::PodBroken, format!("pod {pod} cannot be looked at ({address}): {said}")))
        }
        PodView::Seen(_) => None,
    }));
    let next = vec!["aku status    (shows what each pod answers)".to_owned()];
    Err(Refusal { kind: RefusalKind::CannotTell, because, next })
}

fn seen(world: &ClusterView<'_>, me: Ordinal) -> Result<(), Refusal> {
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
                "if its pods do not begin with 0: remove spec.ordinals.start; pod 0 is the one that all are copied from"
                    .to_owned(),
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
