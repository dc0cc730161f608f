//! `aku apply`: plans anew, or takes a reviewed plan that still holds; asks; carries it out; reports.

use std::{
    io::{self, Write},
    path::Path,
    sync::Arc,
};

use super::{
    common::Common,
    gate::{self, Ask, Said, Yes},
    goal_args::GoalArgs,
    made::{Made, placed},
    outcome,
    plan::apply_command,
    plan_args::ApplyArgs,
    policy, resume, reviewed,
    run_args::{Door, RunOptions},
    running::{Ended, News, RunGuard},
    scene::{CommandContext, refused},
    show::unreadable,
    signing::Required,
    stream::talk,
    stream::{AnswerWriter, OutputStyle, Reader, Streams, fail, shown, tell, told},
    turn, typed,
    watch::{BAR_PACE, Bars, Show, Watch},
    who,
    wiring::{Job, Platform},
};
use crate::{
    desired::Goal,
    exit::Exit,
    files,
    journal::recorder::EventsTo,
    lock::Held,
    observe::{MarkerView, Observed},
    outlet,
    plan::{
        Op, Plan,
        policy::{Review, Use},
        resume::CompletedActions,
        saved::Saved,
    },
    render::{self, Again, Diagnostic, Doc, GoOn, Head, Layout, Line, Sql},
    status,
    topology::Ordinal,
};

/// Runs it.
pub fn run(args: &ApplyArgs, common: &Common, world: &dyn Platform, look: &OutputStyle, s: &mut Streams<'_>) -> Exit {
    outlet::everything_is_a_log();
    let wish = args.wish().expect("the command line was checked when it was read");
    let options = match RunOptions::new(&args.run, world.env(), Door::Person) {
        Ok(options) => options,
        Err(trouble) => return fail(s, look, &trouble),
    };
    let mut nothing = io::sink();
    let events_only = options.events == Some(EventsTo::Stdout);
    let out: &mut dyn Write = if events_only { &mut nothing } else { &mut *s.out };
    let s = &mut Streams { out, err: &mut *s.err, input: &mut *s.input, terminal: s.terminal };
    let required = match Required::of(&args.require, world.env()) {
        Ok(required) => required,
        Err(trouble) => return fail(s, look, &trouble),
    };
    let command = format!("aku apply {}", args.what.display());
    let mut running = match RunGuard::begin(&command, options, "", world) {
        Ok(running) => running,
        Err(trouble) => return fail(s, look, &trouble),
    };
    if let Some(text) = running.no_journal() {
        talk(look, s, &format!("warning: {text}"));
    }
    let mut patient = AnswerWriter::new(Reader::Wanted);
    let result = match (wish, &required) {
        (Some(wish), Some(required)) => {
            let goal = wish.goal(common.ordinal.unwrap_or(Ordinal::MASTER));
            Err(required.nobody_signed(&typed::goal(goal, common)))
        }
        (Some(wish), None) => fresh(wish, args, common, world, look, s, &mut running, &mut patient),
        (None, required) => {
            reviewed(Path::new(&args.what), required.as_ref(), args, common, world, look, s, &mut running, &mut patient)
        }
    };
    let ended = result.unwrap_or_else(|trouble| {
        running.trouble(&trouble);
        Ended::at_once(fail(s, look, &trouble))
    });
    patient.settle(s);
    if let Some(text) = patient.lost() {
        running.warning("output", text);
    }
    let ended = Ended { exit: patient.exit(s, ended.exit), ..ended };
    let (exit, wrong) = running.finish(&ended);
    if let Some(text) = wrong {
        tell(s, &format!("{text}\n"));
    }
    exit
}

#[expect(clippy::too_many_arguments, reason = "a run is made of all of these")]
fn fresh(
    wish: GoalArgs,
    args: &ApplyArgs,
    common: &Common,
    world: &dyn Platform,
    look: &OutputStyle,
    s: &mut Streams<'_>,
    running: &mut RunGuard,
    patient: &mut AnswerWriter,
) -> Result<Ended, Diagnostic> {
    let scene = open(&placed(wish, common), |pod| wish.goal(pod), world, look, s, running)?;
    if let Goal::Start(_) = scene.desired.goal {
        scene.check_address(world, &mut |text| talk(look, s, text))?;
    }
    let again = format!("aku apply {}", scene.desired.goal.as_str());
    let turn::Made { held, observed, planned } =
        turn::take(&scene, world, running, &again, &mut |news| told_of(&news, look, s))?;
    let plan = planned.map_err(|refusal| refused(&refusal, &observed, scene.who.pod))?;
    let now = apply_command(&plan, common);
    let review = if world.env().var("CI").is_some() { Review::Impossible } else { Review::Possible };
    let command = Command { again: Again::anew(now.clone()), now, review };
    go(&Todo::all(&plan), &observed, &scene, held, &command, args, world, look, s, running, patient)
}

#[expect(clippy::too_many_arguments, reason = "a run is made of all of these")]
fn reviewed(
    path: &Path,
    required: Option<&Required>,
    args: &ApplyArgs,
    common: &Common,
    world: &dyn Platform,
    look: &OutputStyle,
    s: &mut Streams<'_>,
    running: &mut RunGuard,
    patient: &mut AnswerWriter,
) -> Result<Ended, Diagnostic> {
    if common.ordinal.is_some() {
        return Err(Diagnostic::new(
            Exit::Usage,
            "usage",
            "--ordinal has no meaning with a saved plan: it names its pod",
        ));
    }
    let saved = files::saved(path).map_err(|e| unreadable(path, &e))?;
    let goal: Goal = saved.plan.goal;
    let typed = typed::flags(common);
    let common = Common { ordinal: Some(goal.pod()), ..common.clone() };
    reviewed::before_looking(&saved, path, &common, world.now())?;
    if let Some(required) = required {
        required.check(&saved, path, world, &mut |text| talk(look, s, text))?;
    }
    // What was denied when it was made stays denied, whatever rules apply here.
    if let Some(trouble) = policy::refusal(&saved.policy) {
        return Err(trouble);
    }
    let half = if args.resume { Some(resume::find(&saved, path, &common, running)?) } else { None };
    let scene = open(&common, |_| goal, world, look, s, running)?;
    reviewed::same_conf(&saved, &scene, path, &common)?;
    let on = resume::command(path, &Common { ordinal: None, ..common.clone() });
    let command = if args.resume { on.clone() } else { format!("aku apply {}{typed}", typed::shell(path)) };
    // Whether the plan still holds is looked at under the lock.
    let turn::Made { held, observed, planned } =
        turn::take(&scene, world, running, &command, &mut |news| told_of(&news, look, s))?;
    if let Ok(now) = &planned
        && now.is_empty()
        && !saved.plan.is_empty()
    {
        return Ok(nothing_to_do(now, &scene, world, look, s, patient));
    }
    let again = Again { command: on, how: GoOn::Rest };
    let command = Command { now: command, again, review: Review::Possible };
    let digest = saved.digest();
    let refuse = |refusal| refused(&refusal, &observed, scene.who.pod);
    let Some(half) = half else {
        let holds = reviewed::same_facts(&saved, &scene, &observed, path, &common).and_then(|()| match &planned {
            Ok(now) => reviewed::same_plan(&saved, now, path, &common)
                .and_then(|()| reviewed::same_document(&saved, &scene, &observed, path, &common)),
            Err(_) => Ok(()),
        });
        holds.map_err(|trouble| {
            let place = (path, &common);
            resume::or_resume(trouble, &saved, &scene, &observed, planned.as_ref().ok(), running, place)
        })?;
        let now = planned.map_err(refuse)?;
        let todo = Todo { digest: Some(&digest), ..Todo::all(&now) };
        return go(&todo, &observed, &scene, held, &command, args, world, look, s, running, patient);
    };
    let done = resume::done(&saved, &half, &scene, &observed, path, &common)?;
    let fresh = planned.map_err(refuse)?;
    resume::no_further(&saved, &done, &fresh, path, &common)?;
    let mut intro = Doc::default();
    intro.line(Line::plain(resume::words(&half, &saved.plan, &done)));
    intro.line(Line::default());
    patient.write(s, &shown(&intro, look));
    let todo = Todo { whole: &saved.plan, rest: resume::rest(&saved.plan, &done), done, digest: Some(&digest) };
    go(&todo, &observed, &scene, held, &command, args, world, look, s, running, patient)
}

/// A plan, and how much of it is to be done.
struct Todo<'a> {
    /// All of it.
    whole: &'a Plan,
    /// What is left, as it is shown.
    rest: Plan,
    /// What earlier runs did.
    done: CompletedActions,
    /// Of the file, if it comes from one.
    digest: Option<&'a str>,
}

impl<'a> Todo<'a> {
    fn all(plan: &'a Plan) -> Self {
        Self { whole: plan, rest: plan.clone(), done: CompletedActions::new(), digest: None }
    }
}

/// What was typed, for messages.
struct Command {
    /// This command.
    now: String,
    /// What goes on after a run that did not get to its end.
    again: Again,
    /// Whether somebody could look at the plan.
    review: Review,
}

fn open(
    common: &Common,
    goal: impl FnOnce(crate::topology::Ordinal) -> Goal,
    world: &dyn Platform,
    look: &OutputStyle,
    s: &mut Streams<'_>,
    running: &RunGuard,
) -> Result<CommandContext, Diagnostic> {
    let mut warnings = String::new();
    let scene = CommandContext::open(world, common, goal, &mut |w| warnings.push_str(w));
    talk(look, s, warnings.trim_end());
    let mut scene = scene?;
    scene.run = Some(running.run().clone());
    Ok(scene)
}

fn told_of(news: &News<'_>, look: &OutputStyle, s: &mut Streams<'_>) {
    match news {
        News::Words(text) => talk(look, s, text),
        // A person decides what is done meanwhile.
        News::Taken(_) => {}
    }
}

fn nothing_to_do(
    plan: &Plan,
    scene: &CommandContext,
    world: &dyn Platform,
    look: &OutputStyle,
    s: &mut Streams<'_>,
    patient: &mut AnswerWriter,
) -> Ended {
    patient.write(s, &plan_text(plan, scene, world, look, Sql::Hidden));
    Ended::at_once(seen_whole(plan, Exit::Ok, look, s))
}

/// What is about the whole cluster did not reach its goal where a pod could not be looked at.
fn seen_whole(plan: &Plan, exit: Exit, look: &OutputStyle, s: &mut Streams<'_>) -> Exit {
    if exit != Exit::Ok || plan.goal.single().is_some() {
        return exit;
    }
    let unknown: Vec<Ordinal> = plan.unknown().map(|line| line.pod).collect();
    if unknown.is_empty() {
        return exit;
    }
    let again = format!("run `aku apply {}` again when they answer", plan.goal.as_str());
    talk(look, s, &format!("{} could not be looked at and may differ from aku.conf: {again}", status::pods(&unknown)));
    Exit::Unknown
}

fn plan_text(plan: &Plan, scene: &CommandContext, world: &dyn Platform, look: &OutputStyle, sql: Sql) -> String {
    let head = Head { command: "aku apply", at: world.now(), here: scene.who.here, conf: &scene.digest, apply: None };
    shown(&render::plan(plan, &head, Layout { width: look.width, sql }), look)
}

#[expect(clippy::too_many_arguments, reason = "the last step needs everything that was found before")]
fn go(
    todo: &Todo<'_>,
    observed: &Observed,
    scene: &CommandContext,
    held: Arc<Held>,
    command: &Command,
    args: &ApplyArgs,
    world: &dyn Platform,
    look: &OutputStyle,
    s: &mut Streams<'_>,
    running: &mut RunGuard,
    patient: &mut AnswerWriter,
) -> Result<Ended, Diagnostic> {
    let plan = todo.whole;
    if let Some(text) = running.planned(plan, todo.digest, &todo.done) {
        talk(look, s, &text);
    }
    if plan.is_empty() {
        return Ok(nothing_to_do(plan, scene, world, look, s, patient));
    }
    let judges = args.policy.or_env(world.env());
    let rules = policy::load(&judges)?;
    let made = Made::of(plan.clone(), scene, observed, world.now());
    let how = Use { deadline: running.left(), review: command.review };
    let saved = Saved::new(made.plan, made.facts, made.origin);
    let found = policy::judge(&judges, &rules, &saved, how)?;
    let sql = if args.sql { Sql::Shown } else { Sql::Hidden };
    patient.write(s, &plan_text(&todo.rest, scene, world, look, sql));
    policy::pass(&found, look, s)?;
    gate::pass(plan, &said(args, world, s), &command.now, s)?;
    scene.probe_marker(world, plan)?;
    if observed.marker == MarkerView::Elsewhere && plan.actions.iter().any(|a| a.op == Op::Open) {
        let pod = scene.who.pod;
        let text = format!(
            "The start marker of pod {pod} is in its container and is not written from here: its startup probe passes when `aku -p start` runs there, or when this runs there with {}={pod}.",
            who::VARIABLE
        );
        talk(look, s, &text);
    }
    patient.write(s, "\n");
    let progress = s.terminal.err.then_some(BAR_PACE);
    let job = Job { progress, earlier: todo.done.clone(), ..running.job(scene, world, observed, held) };
    running.acts();
    let show = if s.terminal.err { Show::Bars(Box::new(Bars::new(plan))) } else { Show::Lines(&mut *s.err) };
    let now = || world.now();
    let mut watch = Watch::new(plan, look, show, &now);
    let report = scene.cluster.apply(plan, &job, &mut |event| {
        // First what lasts, then what is shown.
        running.event(plan, event);
        watch.event(event);
    });
    let exit = outcome::exit(plan, &report, &watch.signals);
    let text = render::report(plan, &report, &command.again, exit, look.width);
    if exit == Exit::Ok {
        patient.write(s, &shown(&text, look));
    } else {
        tell(s, &told(&text, look));
    }
    let exit = seen_whole(plan, exit, look, s);
    if let Some(text) = running.no_journal() {
        talk(look, s, &format!("warning: {text}"));
    }
    let resume = (exit != Exit::Ok).then(|| command.again.command.clone());
    Ok(Ended { exit, report: Some(report), resume })
}

/// Whether a person may be asked.
fn person(args: &ApplyArgs, world: &dyn Platform, s: &Streams<'_>) -> bool {
    s.terminal.input && s.terminal.err && !args.no_input && world.env().var("CI").is_none()
}

fn said(args: &ApplyArgs, world: &dyn Platform, s: &Streams<'_>) -> Said {
    Said {
        yes: if args.yes { Yes::Given } else { Yes::NotGiven },
        approve: args.approve.clone(),
        ask: if person(args, world, s) { Ask::Person } else { Ask::Nobody },
    }
}
