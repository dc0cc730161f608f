//! `aku diff A B`, `aku diff A --live` and `aku plan --against FILE`: whether two plans say the same. Changes nothing.

use std::path::Path;

use super::{
    common::Common,
    file_args::DiffArgs,
    made::Made,
    plan_args::Format,
    scene::{CommandContext, refused},
    show::unreadable,
    stream::talk,
    stream::{OutputStyle, Streams, answer, fail, shown},
    wiring::Platform,
};
use crate::{
    exit::Exit,
    files,
    plan::{
        diff::{Change, diff},
        saved::Saved,
    },
    printed::{DiffDocument, Printed as _},
    render::{self, Diagnostic},
};

/// Runs `aku diff`.
pub fn run(args: &DiffArgs, common: &Common, world: &dyn Platform, look: &OutputStyle, s: &mut Streams<'_>) -> Exit {
    match compared(args, common, world, look, s) {
        Ok((then, now, name)) => {
            let changes = diff(&then.plan, &now.plan);
            let names = (args.then.display().to_string(), name);
            let text = match args.format {
                Format::Human => shown(&render::diff(&changes, (&names.0, &names.1)), look),
                Format::Json => {
                    let changes = changes.clone();
                    let document = DiffDocument { then: then.digest(), now: now.digest(), changes }.document();
                    format!("{document:#}\n")
                }
            };
            said(&text, &changes, s)
        }
        Err(trouble) => fail(s, look, &trouble),
    }
}

/// Both plans, and what the second one is called.
fn compared(
    args: &DiffArgs,
    common: &Common,
    world: &dyn Platform,
    look: &OutputStyle,
    s: &mut Streams<'_>,
) -> Result<(Saved, Saved, String), Diagnostic> {
    let load = |path: &Path| files::saved(path).map_err(|e| unreadable(path, &e));
    let then = load(&args.then)?;
    if let Some(now) = &args.now {
        let name = now.display().to_string();
        return Ok((then, load(now)?, name));
    }
    let goal = then.plan.goal;
    let common = Common { ordinal: Some(goal.pod()), ..common.clone() };
    let mut warnings = String::new();
    let scene = CommandContext::open(world, &common, |_| goal, &mut |w| warnings.push_str(w));
    talk(look, s, warnings.trim_end());
    let mut scene = scene?;
    scene.compared = then.plan.compared().map(|c| Box::new(c.clone()));
    scene.log_paths = then.plan.log_paths().cloned().unwrap_or_default();
    let mut observed = scene.observe(world, &mut |retry| talk(look, s, &retry.to_string()));
    let plan = scene.plan(world, &mut observed).map_err(|r| refused(&r, &observed, scene.who.pod))?;
    let made = Made::of(plan, &scene, &observed, world.now());
    Ok((then, Saved::new(made.plan, made.facts, made.origin), "the plan made now".to_owned()))
}

/// Compares the plan that was just made with a saved one.
pub(super) fn against(made: &Saved, path: &Path, look: &OutputStyle, s: &mut Streams<'_>) -> Exit {
    let then = match files::saved(path) {
        Ok(then) => then,
        Err(e) => return fail(s, look, &unreadable(path, &e)),
    };
    let changes = diff(&then.plan, &made.plan);
    let doc = render::diff(&changes, (&path.display().to_string(), "the plan made now"));
    said(&shown(&doc, look), &changes, s)
}

fn said(text: &str, changes: &[Change], s: &mut Streams<'_>) -> Exit {
    let exit = if changes.is_empty() { Exit::Ok } else { Exit::Changes };
    match answer(s, text) {
        // The reader went away: what was found is still the answer.
        Ok(()) | Err(Exit::Ok) => exit,
        Err(other) => other,
    }
}
