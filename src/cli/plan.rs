//! `aku plan`: looks, plans, shows. Changes nothing.

use std::path::Path;

use super::{
    common::Common,
    diff,
    goal_args::GoalArgs,
    made::{Made, placed},
    offline::{self, Nothing},
    plan_args::{Format, PlanArgs},
    policy,
    scene::{CommandContext, refused},
    signing,
    stream::talk,
    stream::{OutputStyle, Streams, answer, fail, shown},
    typed,
    wiring::Platform,
};
use crate::{
    exit::Exit,
    files,
    plan::{Plan, Refusal, policy::Use, saved::Saved},
    printed::{Printed as _, RefusalDocument},
    render::{self, Diagnostic, Head, Layout, Sql},
};

/// Runs it.
pub fn run(args: &PlanArgs, common: &Common, world: &dyn Platform, look: &OutputStyle, s: &mut Streams<'_>) -> Exit {
    match planned(args, common, world, look, s) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn planned(
    args: &PlanArgs,
    common: &Common,
    world: &dyn Platform,
    look: &OutputStyle,
    s: &mut Streams<'_>,
) -> Result<Exit, Exit> {
    let made = match args.capture() {
        None => live(args, common, world, look, s)?,
        Some(path) => match offline::made(path, wish(args), common, world, look, s) {
            Ok(made) => made,
            Err(Nothing::Diagnostic(trouble)) => return Err(fail(s, look, &trouble)),
            Err(Nothing::Refused(both)) => return Err(no_plan(args, &both.0, &both.1, look, s)?),
        },
    };
    let exit = match (made.plan.unknown().next(), args.exit_code && !made.plan.is_empty()) {
        // A pod that cannot be looked at may be what the plan should have known of.
        (Some(_), _) => Exit::Unknown,
        (None, true) => Exit::Changes,
        (None, false) => Exit::Ok,
    };
    let saved = Saved::new(made.plan, made.facts, made.origin);
    let judges = args.policy.or_env(world.env());
    let rules = policy::load(&judges).map_err(|t| fail(s, look, &t))?;
    let found = policy::judge(&judges, &rules, &saved, Use::default()).map_err(|t| fail(s, look, &t))?;
    let denied = policy::refusal(&found);
    let mut saved = saved.judged(rules, found);
    if let Some(key) = &args.sign
        && denied.is_none()
    {
        saved = signing::signed(saved, key, args.output.as_deref()).map_err(|t| fail(s, look, &t))?;
    }
    if let Some(path) = &args.output {
        store(&saved, path, look, s)?;
    }
    if let Some(path) = &args.against {
        return Ok(diff::against(&saved, path, look, s));
    }
    let apply = match &args.output {
        Some(path) => {
            let common = Common { ordinal: None, ..common.clone() };
            format!("aku apply {}{}", typed::shell(path), typed::flags(&common))
        }
        None => apply_command(&saved.plan, common),
    };
    let text = match args.format {
        Format::Json => saved.text(),
        Format::Human => {
            let head = Head {
                command: "aku plan",
                at: saved.created_at,
                here: saved.observer,
                conf: &saved.conf_digest,
                apply: Some(&apply),
            };
            let sql = if args.sql { Sql::Shown } else { Sql::Hidden };
            let mut doc = render::plan(&saved.plan, &head, Layout { width: look.width, sql });
            let rules = render::policy(&saved.policy, look.width);
            if !rules.lines().is_empty() {
                doc.gap();
                doc.append(rules);
            }
            shown(&doc, look)
        }
    };
    match (answer(s, &text), denied) {
        (Err(other), _) if other != Exit::Ok => Err(other),
        (_, Some(trouble)) => Err(fail(s, look, &trouble)),
        // The reader went away: what was found is still the answer.
        (Ok(()) | Err(_), None) => Ok(exit),
    }
}

fn live(
    args: &PlanArgs,
    common: &Common,
    world: &dyn Platform,
    look: &OutputStyle,
    s: &mut Streams<'_>,
) -> Result<Made, Exit> {
    let scene = open(args, common, world, look, s)?;
    let mut observed = scene.observe(world, &mut |retry| talk(look, s, &retry.to_string()));
    match scene.plan(world, &mut observed) {
        Ok(plan) => Ok(Made::of(plan, &scene, &observed, world.now())),
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
    trouble: &Diagnostic,
    look: &OutputStyle,
    s: &mut Streams<'_>,
) -> Result<Exit, Exit> {
    if args.format == Format::Json {
        answer(s, &refusal_json(refusal, trouble.exit))?;
    }
    Ok(fail(s, look, trouble))
}

fn open(
    args: &PlanArgs,
    common: &Common,
    world: &dyn Platform,
    look: &OutputStyle,
    s: &mut Streams<'_>,
) -> Result<CommandContext, Exit> {
    let mut warnings = String::new();
    let wish = wish(args);
    let common = placed(wish, common);
    let scene = CommandContext::open(world, &common, |pod| wish.goal(pod), &mut |w| warnings.push_str(w));
    talk(look, s, warnings.trim_end());
    let mut scene = scene.map_err(|trouble| fail(s, look, &trouble))?;
    scene.log_paths = typed::log_paths(&args.log_path, &scene.desired).map_err(|trouble| fail(s, look, &trouble))?;
    Ok(scene)
}

fn wish(args: &PlanArgs) -> GoalArgs {
    args.wish().expect("the command line was checked when it was read")
}

pub(super) fn store(saved: &Saved, path: &Path, look: &OutputStyle, s: &mut Streams<'_>) -> Result<(), Exit> {
    match files::store(&saved.text(), path) {
        Ok(()) => {
            talk(look, s, &format!("saved to {}, to be applied before {}", path.display(), saved.expires_at));
            Ok(())
        }
        Err(e) => {
            let text = format!("the plan cannot be saved to {}: {e}", path.display());
            Err(fail(s, look, &Diagnostic::new(Exit::Output, "output", text)))
        }
    }
}

/// The command that applies a plan made by these flags.
pub(super) fn apply_command(plan: &Plan, common: &Common) -> String {
    format!("aku apply {}", typed::of_plan(plan, common))
}

fn refusal_json(refusal: &Refusal, exit: Exit) -> String {
    let document = RefusalDocument { refusal: refusal.clone(), exit: exit as u8 }.document();
    format!("{document:#}\n")
}
