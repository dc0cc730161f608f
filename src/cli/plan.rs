//! `aku plan`: looks, plans, shows. Changes nothing.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    args::{Common, Format, PlanArgs},
    scene::{Scene, goal, refused},
    stream::{Look, Streams, Talk, answer, fail, shown, tell},
    wiring::World,
};
use crate::{
    exit::Exit,
    plan::{Plan, Refusal, saved::Saved},
    render::{self, Head, Layout, Sql, Trouble},
};

/// Runs it.
pub fn run(args: &PlanArgs, common: &Common, world: &dyn World, look: &Look, s: &mut Streams<'_>) -> Exit {
    match planned(args, common, world, look, s) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn planned(
    args: &PlanArgs,
    common: &Common,
    world: &dyn World,
    look: &Look,
    s: &mut Streams<'_>,
) -> Result<Exit, Exit> {
    let scene = open(args, common, world, look, s)?;
    let mut observed = scene.observe(world, &mut |retry| talk(look, s, &retry.to_string()));
    let plan = match scene.plan(world, &mut observed) {
        Ok(plan) => plan,
        Err(refusal) => {
            let trouble = refused(&refusal, &observed, scene.who.pod);
            if args.format == Format::Json {
                answer(s, &refusal_json(&refusal, trouble.exit))?;
            }
            return Err(fail(s, look, &trouble));
        }
    };
    let exit = if args.exit_code && !plan.is_empty() { Exit::Changes } else { Exit::Ok };
    let now = world.now();
    let saved = Saved::new(plan, scene.who.here, scene.digest.clone(), now);
    if let Some(path) = &args.output {
        store(&saved, path, look, s)?;
    }
    let apply = match &args.output {
        Some(path) => format!("aku apply {}", path.display()),
        None => apply_command(&saved.plan, common),
    };
    let text = match args.format {
        Format::Json => saved.text(),
        Format::Human => {
            let head =
                Head { command: "aku plan", at: now, here: scene.who.here, conf: &scene.digest, apply: Some(&apply) };
            let sql = if args.sql { Sql::Shown } else { Sql::Hidden };
            shown(&render::plan(&saved.plan, &head, Layout { width: look.width, sql }), look)
        }
    };
    match answer(s, &text) {
        // The reader went away: what was found is still the answer.
        Ok(()) | Err(Exit::Ok) => Ok(exit),
        Err(other) => Err(other),
    }
}

fn open(args: &PlanArgs, common: &Common, world: &dyn World, look: &Look, s: &mut Streams<'_>) -> Result<Scene, Exit> {
    let mut warnings = String::new();
    let scene = Scene::open(world, common, |pod| goal(args.what, pod), &mut |w| warnings.push_str(w));
    talk(look, s, warnings.trim_end());
    scene.map_err(|trouble| fail(s, look, &trouble))
}

/// Tells something that is no error.
pub(super) fn talk(look: &Look, s: &mut Streams<'_>, text: &str) {
    if look.talk == Talk::Full && !text.is_empty() {
        tell(s, &format!("{text}\n"));
    }
}

fn store(saved: &Saved, path: &Path, look: &Look, s: &mut Streams<'_>) -> Result<(), Exit> {
    match saved.store(path) {
        Ok(()) => {
            talk(look, s, &format!("saved to {}, to be applied before {}", path.display(), saved.expires_at));
            Ok(())
        }
        Err(e) => {
            let text = format!("the plan cannot be saved to {}: {e}", path.display());
            Err(fail(s, look, &Trouble::new(Exit::Output, "output", text)))
        }
    }
}

/// The command that applies a plan made by these flags.
pub(super) fn apply_command(plan: &Plan, common: &Common) -> String {
    let mut words = vec![format!("aku apply {}", plan.goal.word())];
    let mut path = |flag: &str, value: &Option<std::path::PathBuf>| {
        if let Some(v) = value {
            words.push(format!("{flag} {}", v.display()));
        }
    };
    path("--conf", &common.conf);
    path("--endpoints", &common.endpoints);
    path("--odbc-driver", &common.odbc_driver);
    if let Some(pod) = common.ordinal {
        words.push(format!("--ordinal {pod}"));
    }
    words.join(" ")
}

fn refusal_json(refusal: &Refusal, exit: Exit) -> String {
    let body = serde_json::to_value(refusal).unwrap_or(Value::Null);
    let document = json!({ "format_version": "1.0", "kind": "aku.refusal", "refusal": body, "exit": exit as u8 });
    format!("{document:#}\n")
}
