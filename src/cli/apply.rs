//! `aku apply`: plans anew, or takes a reviewed plan that still holds; asks; carries it out; reports.

use std::path::Path;

use super::{
    args::{ApplyArgs, Common},
    gate::{self, Ask, Said, Yes},
    goal_args::Wish,
    outcome,
    plan::{apply_command, placed, talk},
    scene::{Scene, refused},
    show::unreadable,
    stale,
    stream::{Look, Patient, Streams, fail, shown, tell},
    watch::{Bars, Show, Watch},
    wiring::World,
};
use crate::{
    desired::Goal,
    exit::Exit,
    observe::Observed,
    plan::{Plan, saved::Saved},
    render::{self, Head, Layout, Sql, Trouble},
};

/// Runs it.
pub fn run(args: &ApplyArgs, common: &Common, world: &dyn World, look: &Look, s: &mut Streams<'_>) -> Exit {
    let wish = args.wish().expect("the command line was checked when it was read");
    let result = match wish {
        Some(wish) => fresh(wish, args, common, world, look, s),
        None => reviewed(Path::new(&args.what), args, common, world, look, s),
    };
    match result {
        Ok(exit) => exit,
        Err(trouble) => fail(s, look, &trouble),
    }
}

fn fresh(
    wish: Wish,
    args: &ApplyArgs,
    common: &Common,
    world: &dyn World,
    look: &Look,
    s: &mut Streams<'_>,
) -> Result<Exit, Trouble> {
    let scene = open(&placed(wish, common), |pod| wish.goal(pod), world, look, s)?;
    if let Goal::Start(_) = scene.desired.goal {
        scene.check_address(world, &mut |text| talk(look, s, text))?;
    }
    let (plan, observed) = plan(&scene, world, look, s)?;
    let command = apply_command(&plan, common);
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
    let again = format!("aku plan {}", saved.plan.goal.command());
    let old = |text: String| {
        Trouble::new(Exit::Stale, "stale", text)
            .fact("changed", "nothing")
            .next(format!("{again} -o {}", path.display()))
    };
    if saved.expired(world.now()) {
        return Err(old(format!("this plan was to be applied before {}", saved.expires_at)));
    }
    let common = Common { ordinal: Some(saved.plan.goal.pod()), ..common.clone() };
    let goal: Goal = saved.plan.goal;
    let scene = open(&common, |_| goal, world, look, s)?;
    if scene.digest != saved.conf_digest {
        return Err(old("aku.conf means something else than when this plan was made".to_owned())
            .fact("then", saved.conf_digest.clone())
            .fact("now", scene.digest.clone()));
    }
    let (now, observed) = plan(&scene, world, look, s)?;
    if now.is_empty() {
        return Ok(nothing_to_do(&now, &scene, world, look, s));
    }
    let differences = stale::differences(&saved.plan, &now);
    if let Some(first) = differences.first() {
        let text = "this plan was made for a different situation; nothing was changed".to_owned();
        let trouble = old(text).fact("differs", first.to_string());
        return Err(differences.iter().skip(1).fold(trouble, |t, d| t.fact("", d.to_string())));
    }
    let command = format!("aku apply {}", path.display());
    go(&now, &observed, &scene, &command, args, world, look, s)
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
    command: &str,
    args: &ApplyArgs,
    world: &dyn World,
    look: &Look,
    s: &mut Streams<'_>,
) -> Result<Exit, Trouble> {
    if plan.is_empty() {
        return Ok(nothing_to_do(plan, scene, world, look, s));
    }
    let mut patient = Patient::default();
    let sql = if args.sql { Sql::Shown } else { Sql::Hidden };
    patient.write(s, &plan_text(plan, scene, world, look, sql));
    gate::pass(plan, &said(args, world, s), command, s)?;
    patient.write(s, "\n");
    let job = scene.job(world, observed, args.deadline);
    let show = if s.terminal.err { Show::Bars(Bars::new(plan)) } else { Show::Lines(&mut *s.err) };
    let now = || world.now();
    let mut watch = Watch::new(plan, look, show, &now);
    let report = scene.cluster.apply(plan, &job, &mut |event| watch.event(event));
    let exit = outcome::exit(plan, &report, &watch.signals);
    let again = scene_again(scene, command);
    let text = render::report(plan, &report, &again, exit, look.width);
    if exit == Exit::Ok {
        patient.write(s, &shown(&text, look));
    } else {
        tell(s, &text.text(look.err));
    }
    Ok(patient.exit(s, exit))
}

/// What goes on after a run that did not get to its end: never the saved plan, which fits no more.
fn scene_again(scene: &Scene, command: &str) -> String {
    let goal = scene.desired.goal;
    let by_word = format!("aku apply {}", goal.arguments());
    if command.starts_with(&by_word) { command.to_owned() } else { format!("aku apply {}", goal.command()) }
}

fn said(args: &ApplyArgs, world: &dyn World, s: &Streams<'_>) -> Said {
    let person = s.terminal.input && s.terminal.err && !args.no_input && world.env().var("CI").is_none();
    Said {
        yes: if args.yes { Yes::Given } else { Yes::NotGiven },
        approve: args.approve.clone(),
        ask: if person { Ask::Person } else { Ask::Nobody },
    }
}
