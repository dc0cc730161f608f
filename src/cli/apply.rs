//! `aku apply`: plans anew, or takes a reviewed plan that still holds; asks; carries it out; reports.

use std::path::Path;

use clap::ValueEnum as _;

use super::{
    args::{ApplyArgs, Common, What},
    gate::{self, Ask, Said, Yes},
    outcome,
    plan::{Made, apply_command, talk},
    policy, reviewed,
    scene::{Scene, goal, refused},
    show::unreadable,
    stream::{Look, Patient, Streams, fail, shown, tell},
    typed,
    watch::{Bars, Show, Watch},
    wiring::World,
};
use crate::{
    desired::Goal,
    exit::Exit,
    observe::Observed,
    plan::{
        Plan,
        policy::{Review, Use},
        saved::Saved,
    },
    render::{self, Head, Layout, Sql, Trouble},
};

/// Runs it.
pub fn run(args: &ApplyArgs, common: &Common, world: &dyn World, look: &Look, s: &mut Streams<'_>) -> Exit {
    let result = match word(args) {
        Some(what) => fresh(what, args, common, world, look, s),
        None => reviewed(Path::new(&args.what), args, common, world, look, s),
    };
    match result {
        Ok(exit) => exit,
        Err(trouble) => fail(s, look, &trouble),
    }
}

fn word(args: &ApplyArgs) -> Option<What> {
    args.what.to_str().and_then(|text| What::from_str(text, true).ok())
}

fn fresh(
    what: What,
    args: &ApplyArgs,
    common: &Common,
    world: &dyn World,
    look: &Look,
    s: &mut Streams<'_>,
) -> Result<Exit, Trouble> {
    let scene = open(common, |pod| goal(what, pod), world, look, s)?;
    if what == What::Start {
        scene.check_address(world, &mut |text| talk(look, s, text))?;
    }
    let (plan, observed) = plan(&scene, world, look, s)?;
    let now = apply_command(&plan, common);
    let review = if world.env().var("CI").is_some() { Review::Impossible } else { Review::Possible };
    let command = Command { again: now.clone(), now, review };
    go(&plan, &observed, &scene, &command, args, world, look, s)
}

fn reviewed(
    path: &Path,
    args: &ApplyArgs,
    common: &Common,
    world: &dyn World,
    look: &Look,
    s: &mut Streams<'_>,
) -> Result<Exit, Trouble> {
    if common.ordinal.is_some() {
        return Err(Trouble::new(Exit::Usage, "usage", "--ordinal has no meaning with a saved plan: it names its pod"));
    }
    let saved = Saved::load(path).map_err(|e| unreadable(path, &e))?;
    let goal: Goal = saved.plan.goal;
    let typed = typed::flags(common);
    let common = Common { ordinal: Some(goal.pod()), ..common.clone() };
    reviewed::before_looking(&saved, path, &common, world.now())?;
    // What was denied when it was made stays denied, whatever rules apply here.
    if let Some(trouble) = policy::refusal(&saved.policy) {
        return Err(trouble);
    }
    let scene = open(&common, |_| goal, world, look, s)?;
    reviewed::same_conf(&saved, &scene, path, &common)?;
    let mut observed = scene.observe(world, &mut |retry| talk(look, s, &retry.to_string()));
    let planned = scene.plan(world, &mut observed);
    if let Ok(now) = &planned
        && now.is_empty()
    {
        return Ok(nothing_to_do(now, &scene, world, look, s));
    }
    reviewed::same_facts(&saved, &scene, &observed, path, &common)?;
    let now = planned.map_err(|refusal| refused(&refusal, &observed, scene.who.pod))?;
    reviewed::same_plan(&saved, &now, path, &common)?;
    let command = Command {
        now: format!("aku apply {}{typed}", typed::shell(path)),
        again: apply_command(&now, &common),
        review: Review::Possible,
    };
    go(&now, &observed, &scene, &command, args, world, look, s)
}

/// What was typed, for messages.
struct Command {
    /// This command.
    now: String,
    /// What goes on after a run that did not get to its end: never the saved plan, which fits no more.
    again: String,
    /// Whether somebody could look at the plan.
    review: Review,
}

fn open(
    common: &Common,
    goal: impl FnOnce(crate::topology::Ordinal) -> Goal,
    world: &dyn World,
    look: &Look,
    s: &mut Streams<'_>,
) -> Result<Scene, Trouble> {
    let mut warnings = String::new();
    let scene = Scene::open(world, common, goal, &mut |w| warnings.push_str(w));
    talk(look, s, warnings.trim_end());
    scene
}

fn plan(scene: &Scene, world: &dyn World, look: &Look, s: &mut Streams<'_>) -> Result<(Plan, Observed), Trouble> {
    let mut observed = scene.observe(world, &mut |retry| talk(look, s, &retry.to_string()));
    match scene.plan(world, &mut observed) {
        Ok(plan) => Ok((plan, observed)),
        Err(refusal) => Err(refused(&refusal, &observed, scene.who.pod)),
    }
}

fn nothing_to_do(plan: &Plan, scene: &Scene, world: &dyn World, look: &Look, s: &mut Streams<'_>) -> Exit {
    let mut patient = Patient::default();
    patient.write(s, &plan_text(plan, scene, world, look, Sql::Hidden));
    patient.exit(s, Exit::Ok)
}

fn plan_text(plan: &Plan, scene: &Scene, world: &dyn World, look: &Look, sql: Sql) -> String {
    let head = Head { command: "aku apply", at: world.now(), here: scene.who.here, conf: &scene.digest, apply: None };
    shown(&render::plan(plan, &head, Layout { width: look.width, sql }), look)
}

#[expect(clippy::too_many_arguments, reason = "the last step needs everything that was found before")]
fn go(
    plan: &Plan,
    observed: &Observed,
    scene: &Scene,
    command: &Command,
    args: &ApplyArgs,
    world: &dyn World,
    look: &Look,
    s: &mut Streams<'_>,
) -> Result<Exit, Trouble> {
    if plan.is_empty() {
        return Ok(nothing_to_do(plan, scene, world, look, s));
    }
    let rules = policy::load(&args.policy)?;
    let made = Made::of(plan.clone(), scene, observed, world.now());
    let how = Use { deadline: args.deadline, review: command.review };
    let saved = Saved::new(made.plan, made.facts, made.origin);
    let found = policy::judge(&args.policy, &rules, &saved, how)?;
    let mut patient = Patient::default();
    let sql = if args.sql { Sql::Shown } else { Sql::Hidden };
    patient.write(s, &plan_text(plan, scene, world, look, sql));
    policy::pass(&found, look, s)?;
    gate::pass(plan, &said(args, world, s), &command.now, s)?;
    patient.write(s, "\n");
    let job = scene.job(world, observed, args.deadline);
    let show = if s.terminal.err { Show::Bars(Bars::new(plan)) } else { Show::Lines(&mut *s.err) };
    let now = || world.now();
    let mut watch = Watch::new(plan, look, show, &now);
    let report = scene.cluster.apply(plan, &job, &mut |event| watch.event(event));
    let exit = outcome::exit(plan, &report, &watch.signals);
    let text = render::report(plan, &report, &command.again, exit, look.width);
    if exit == Exit::Ok {
        patient.write(s, &shown(&text, look));
    } else {
        tell(s, &text.text(look.err));
    }
    Ok(patient.exit(s, exit))
}

/// Whether a person may be asked.
fn person(args: &ApplyArgs, world: &dyn World, s: &Streams<'_>) -> bool {
    s.terminal.input && s.terminal.err && !args.no_input && world.env().var("CI").is_none()
}

fn said(args: &ApplyArgs, world: &dyn World, s: &Streams<'_>) -> Said {
    Said {
        yes: if args.yes { Yes::Given } else { Yes::NotGiven },
        approve: args.approve.clone(),
        ask: if person(args, world, s) { Ask::Person } else { Ask::Nobody },
    }
}
