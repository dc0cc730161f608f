//! `aku plan`: looks, plans, shows. Changes nothing.

use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    args::{Common, Format, PlanArgs},
    diff,
    goal_args::Wish,
    offline::{self, Nothing},
    scene::{Scene, refused},
    stream::{Look, Streams, Talk, answer, fail, shown, tell},
    wiring::World,
};
use crate::{
    exit::Exit,
    plan::{Plan, Refusal, saved::Saved},
    render::{self, Head, Layout, Sql, Trouble},
    topology::Ordinal,
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
    let made = match args.capture() {
        None => live(args, common, world, look, s)?,
        Some(path) => match offline::made(path, wish(args), common, world, look, s) {
            Ok(made) => made,
            Err(Nothing::Trouble(trouble)) => return Err(fail(s, look, &trouble)),
            Err(Nothing::Refused(both)) => return Err(no_plan(args, &both.0, &both.1, look, s)?),
        },
    };
    let exit = if args.exit_code && !made.plan.is_empty() { Exit::Changes } else { Exit::Ok };
    let saved = Saved::new(made.plan, made.here, made.digest, made.at);
    if let Some(path) = &args.output {
        store(&saved, path, look, s)?;
    }
    if let Some(path) = &args.against {
        return Ok(diff::against(&saved, path, look, s));
    }
    let apply = match &args.output {
        Some(path) => format!("aku apply {}", path.display()),
        None => apply_command(&saved.plan, common),
    };
    let text = match args.format {
        Format::Json => saved.text(),
        Format::Human => {
            let head = Head {
                command: "aku plan",
                at: made.at,
                here: made.here,
                conf: &saved.conf_digest,
                apply: Some(&apply),
            };
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

/// A plan with where its facts come from.
pub(super) struct Made {
    /// The plan.
    pub(super) plan: Plan,
    /// The pod that looked.
    pub(super) here: Option<Ordinal>,
    /// Of the configuration.
    pub(super) digest: String,
    /// When the facts were seen.
    pub(super) at: Timestamp,
}

fn live(args: &PlanArgs, common: &Common, world: &dyn World, look: &Look, s: &mut Streams<'_>) -> Result<Made, Exit> {
    let scene = open(args, common, world, look, s)?;
    let mut observed = scene.observe(world, &mut |retry| talk(look, s, &retry.to_string()));
    match scene.plan(world, &mut observed) {
        Ok(plan) => Ok(Made { plan, here: scene.who.here, digest: scene.digest.clone(), at: world.now() }),
        Err(refusal) => {
            let trouble = refused(&refusal, &observed, scene.who.pod);
            Err(no_plan(args, &refusal, &trouble, look, s)?)
        }
    }
}

/// Tells why there is no plan; its exit code.
fn no_plan(
    args: &PlanArgs,
    refusal: &Refusal,
    trouble: &Trouble,
    look: &Look,
    s: &mut Streams<'_>,
) -> Result<Exit, Exit> {
    if args.format == Format::Json {
        answer(s, &refusal_json(refusal, trouble.exit))?;
    }
    Ok(fail(s, look, trouble))
}

fn open(args: &PlanArgs, common: &Common, world: &dyn World, look: &Look, s: &mut Streams<'_>) -> Result<Scene, Exit> {
    let mut warnings = String::new();
    let wish = wish(args);
    let common = placed(wish, common);
    let scene = Scene::open(world, &common, |pod| wish.goal(pod), &mut |w| warnings.push_str(w));
    talk(look, s, warnings.trim_end());
    scene.map_err(|trouble| fail(s, look, &trouble))
}

fn wish(args: &PlanArgs) -> Wish {
    args.wish().expect("the command line was checked when it was read")
}

/// A scene needs a pod to be about; where the goal is about all pods, pod 0 stands for the cluster.
pub(super) fn placed(wish: Wish, common: &Common) -> Common {
    match wish {
        Wish::Own(_) => common.clone(),
        Wish::Given(_) => Common { ordinal: Some(Ordinal::MASTER), ..common.clone() },
    }
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
    let mut words = vec![format!("aku apply {}", plan.goal.arguments())];
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
