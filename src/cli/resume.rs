//! `aku apply FILE --resume`: what an earlier run of a reviewed plan left to do, and whether it may still be done. Reads
//! journals and facts; changes nothing.

use std::path::Path;

use super::{
    common::Common,
    reviewed::{self, Reviewed},
    running::RunGuard,
    scene::CommandContext,
    typed,
};
use crate::{
    exit::Exit,
    journal::{
        self,
        runs::{self, Half},
    },
    observe::Observed,
    plan::{
        Action, ActionId, Plan, Thinned,
        resume::{self, CompletedActions},
    },
    render::{
        Diagnostic, op,
        words::{counted, ids},
    },
};

/// Reads the journals.
///
/// # Errors
/// There are none, or none of them is about this plan (exit 66), or somebody else worked on its pod since (exit 5).
pub(super) fn find(file: &Reviewed<'_>, running: &RunGuard) -> Result<Half, Diagnostic> {
    let saved = file.saved;
    let none = |text: String| {
        Diagnostic::new(Exit::NoInput, "no-journal", text)
            .fact("plan", format!("{}, made {}", saved.plan_id(), saved.created_at))
            .fact("changed", "nothing")
            .next(format!("aku apply {}    (from its beginning)", typed::shell(file.path)))
    };
    let Some(state) = running.state() else {
        let text = format!("which actions are done is not known without journals: set {}", journal::DIR_VARIABLE);
        return Err(none(text));
    };
    let pod = saved.plan.goal.pod();
    let half = runs::half(state, &saved.digest(), pod)
        .map_err(|e| none(format!("the journals in {} cannot be read: {e}", state.display())))?
        .ok_or_else(|| none(format!("no run of this machine has begun this plan (journals: {})", state.display())))?;
    match &half.since {
        None => Ok(half),
        Some(other) => {
            let text = format!("run {other} has worked on pod {pod} since this plan was left half done");
            Err(file.old(text))
        }
    }
}

/// One paragraph before what is left of the plan is shown.
pub(super) fn words(half: &Half, plan: &Plan, done: &CompletedActions) -> String {
    let over: Vec<_> = done.keys().copied().collect();
    let again: Vec<_> =
        plan.actions.iter().map(|a| a.id).filter(|id| !done.contains_key(id) && half.past.contains_key(id)).collect();
    let one = |of: &[ActionId], one: &'static str, many: &'static str| {
        format!("{} {}", ids(of), if of.len() == 1 { one } else { many })
    };
    let first = if over.is_empty() {
        format!("Goes on after run {}: nothing of it counts as done.", half.run)
    } else {
        format!("Goes on after run {}: {} done and still so.", half.run, one(&over, "is", "are"))
    };
    if again.is_empty() {
        return first;
    }
    format!("{first} {} done again.", one(&again, "was begun and is", "were begun and are"))
}

/// What of the plan is done. `fresh` is the plan that would be made now.
///
/// # Errors
/// The rest does not hold any more, or goes further than `fresh` (exit 5).
pub(super) fn done(
    file: &Reviewed<'_>,
    half: &Half,
    scene: &CommandContext,
    observed: &Observed,
) -> Result<CompletedActions, Diagnostic> {
    let now = file.facts_now(scene, observed)?;
    resume::done(&file.saved.plan, &file.saved.facts, &now, &half.past).map_err(|changes| {
        let text = "the rest of this plan does not hold any more; nothing was changed";
        reviewed::list(file.old(text), &changes.matter)
    })
}

/// Lets only a rest pass that a plan of now would not fall short of.
///
/// # Errors
/// Exit 5 with the actions.
pub(super) fn no_further(file: &Reviewed<'_>, done: &CompletedActions, fresh: &Plan) -> Result<(), Diagnostic> {
    let beyond = resume::beyond(&file.saved.plan, done, fresh);
    let Some(first) = beyond.first() else { return Ok(()) };
    let text = format!(
        "the rest of this plan would do what a plan of now does without ({}); nothing was changed",
        counted(beyond.len(), "action")
    );
    let line = |a: &&Action| format!("{} pod {} {}", a.id, a.pod, op::short(&a.op));
    let trouble = file.old(text).fact("needless", line(first));
    Err(beyond.iter().skip(1).fold(trouble, |t, a| t.fact("", line(a))))
}

/// The plan without what is done, to be shown.
pub(super) fn rest(plan: &Plan, done: &CompletedActions) -> Plan {
    let mut rest = plan.clone();
    let gone = |id: ActionId| done.contains_key(&id);
    rest.actions.retain(|a| !gone(a.id));
    let mut thinned = Thinned::without(&gone);
    for a in &mut rest.actions {
        thinned.thin(&mut a.after);
    }
    rest
}

/// A refusal to begin a plan that names `--resume` where that would work.
pub(super) fn or_resume(
    trouble: Diagnostic,
    file: &Reviewed<'_>,
    scene: &CommandContext,
    observed: &Observed,
    fresh: Option<&Plan>,
    running: &RunGuard,
) -> Diagnostic {
    let works = || {
        let half = find(file, running).ok()?;
        let done = done(file, &half, scene, observed).ok()?;
        no_further(file, &done, fresh?).ok()?;
        Some(half)
    };
    match works() {
        None => trouble,
        Some(half) => {
            let mut trouble =
                trouble.fact("half done", format!("run {} began this plan, and its rest still holds", half.run));
            trouble.next.insert(0, format!("{}    (does the rest)", command(file.path, file.common)));
            trouble
        }
    }
}

/// What goes on with a plan.
pub(super) fn command(path: &Path, common: &Common) -> String {
    format!("aku apply {} --resume{}", typed::shell(path), typed::flags(&Common { ordinal: None, ..common.clone() }))
}
