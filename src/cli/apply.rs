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
    policy, resume,
    reviewed::Reviewed,
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
    let mut apply = Apply { args, world, look, s, running: &mut running, patient: &mut patient };
    let result = match (wish, &required) {
        (Some(wish), Some(required)) => {
            let goal = wish.goal(common.ordinal.unwrap_or(Ordinal::MASTER));
            Err(required.nobody_signed(&typed::goal(goal, common)))
        }
        (Some(wish), None) => apply.fresh(wish, common),
        (None, required) => apply.reviewed(Path::new(&args.what), required.as_ref(), common),
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

/// A run of `aku apply`, and what it speaks with.
struct Apply<'a, 's> {
    args: &'a ApplyArgs,
    world: &'a dyn Platform,
    look: &'a OutputStyle,
    s: &'a mut Streams<'s>,
    running: &'a mut RunGuard,
    patient: &'a mut AnswerWriter,
}

impl Apply<'_, '_> {
    fn fresh(&mut self, wish: GoalArgs, common: &Common) -> Result<Ended, Diagnostic> {
        let mut scene = self.open(&placed(wish, common), |pod| wish.goal(pod))?;
        scene.log_paths = typed::log_paths(&self.args.log_path, &scene.desired)?;
        if let Goal::Start(_) = scene.desired.goal {
            scene.check_address(self.world, &mut |text| talk(self.look, self.s, text))?;
        }
        let again = format!("aku apply {}", typed::about(scene.desired.goal, &scene.log_paths));
        let turn::Made { held, observed, planned } =
            turn::take(&scene, self.world, self.running, &again, &mut |news| told_of(&news, self.look, self.s))?;
        let plan = planned.map_err(|refusal| refused(&refusal, &observed, scene.who.pod))?;
        let now = apply_command(&plan, common);
        let review = if self.world.env().var("CI").is_some() { Review::Impossible } else { Review::Possible };
        let command = Command { again: Again::anew(now.clone()), now, review };
        self.go(&Todo::all(&plan), &observed, &scene, held, &command)
    }

    fn reviewed(&mut self, path: &Path, required: Option<&Required>, common: &Common) -> Result<Ended, Diagnostic> {
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
        let file = Reviewed { saved: &saved, path, common: &common };
        file.before_looking(self.world.now())?;
        if let Some(required) = required {
            required.check(&saved, path, self.world, &mut |text| talk(self.look, self.s, text))?;
        }
        // What was denied when it was made stays denied, whatever rules apply here.
        if let Some(trouble) = policy::refusal(&saved.policy) {
            return Err(trouble);
        }
        let half = if self.args.resume { Some(resume::find(&file, self.running)?) } else { None };
        let mut scene = self.open(&common, |_| goal)?;
        scene.compared = saved.plan.compared().map(|c| Box::new(c.clone()));
        scene.log_paths = saved.plan.log_paths().cloned().unwrap_or_default();
        file.same_conf(&scene)?;
        let on = resume::command(path, &Common { ordinal: None, ..common.clone() });
        let command = if self.args.resume { on.clone() } else { format!("aku apply {}{typed}", typed::shell(path)) };
        // Whether the plan still holds is looked at under the lock.
        let turn::Made { held, observed, planned } =
            turn::take(&scene, self.world, self.running, &command, &mut |news| told_of(&news, self.look, self.s))?;
        if let Ok(now) = &planned
            && now.is_empty()
            && !saved.plan.is_empty()
        {
            return Ok(self.nothing_to_do(now, &scene));
        }
        let again = Again { command: on, how: GoOn::Rest };
        let command = Command { now: command, again, review: Review::Possible };
        let digest = saved.digest();
        let refuse = |refusal| refused(&refusal, &observed, scene.who.pod);
        let Some(half) = half else {
            let holds = file.same_facts(&scene, &observed).and_then(|()| match &planned {
                Ok(now) => file.same_plan(now).and_then(|()| file.same_document(&scene, &observed)),
                Err(_) => Ok(()),
            });
            holds.map_err(|trouble| {
                resume::or_resume(trouble, &file, &scene, &observed, planned.as_ref().ok(), self.running)
            })?;
            let now = planned.map_err(refuse)?;
            let todo = Todo { digest: Some(&digest), ..Todo::all(&now) };
            return self.go(&todo, &observed, &scene, held, &command);
        };
        let done = resume::done(&file, &half, &scene, &observed)?;
        let fresh = planned.map_err(refuse)?;
        resume::no_further(&file, &done, &fresh)?;
        let mut intro = Doc::default();
        intro.line(Line::plain(resume::words(&half, &saved.plan, &done)));
        intro.line(Line::default());
        self.patient.write(self.s, &shown(&intro, self.look));
        let todo = Todo { whole: &saved.plan, rest: resume::rest(&saved.plan, &done), done, digest: Some(&digest) };
        self.go(&todo, &observed, &scene, held, &command)
    }

    fn open(&mut self, common: &Common, goal: impl FnOnce(Ordinal) -> Goal) -> Result<CommandContext, Diagnostic> {
        let mut warnings = String::new();
        let scene = CommandContext::open(self.world, common, goal, &mut |w| warnings.push_str(w));
        talk(self.look, self.s, warnings.trim_end());
        let mut scene = scene?;
        scene.run = Some(self.running.run().clone());
        Ok(scene)
    }

    fn nothing_to_do(&mut self, plan: &Plan, scene: &CommandContext) -> Ended {
        let text = self.plan_text(plan, scene, Sql::Hidden);
        self.patient.write(self.s, &text);
        Ended::at_once(self.seen_whole(plan, Exit::Ok))
    }

    /// What is about the whole cluster did not reach its goal where a pod could not be looked at.
    fn seen_whole(&mut self, plan: &Plan, exit: Exit) -> Exit {
        if exit != Exit::Ok || plan.goal.single().is_some() {
            return exit;
        }
        let unknown: Vec<Ordinal> = plan.unknown().map(|line| line.pod).collect();
        if unknown.is_empty() {
            return exit;
        }
        let again = match plan.goal {
            Goal::Repair(_) => "run `aku verify` again when they answer".to_owned(),
            Goal::Start(_)
            | Goal::End(_)
            | Goal::Clean(_)
            | Goal::CleanEverywhere
            | Goal::Reconcile
            | Goal::Recover(_)
            | Goal::Forget(_)
            | Goal::RecoverLog(_) => format!("run `aku apply {}` again when they answer", plan.goal.as_str()),
        };
        talk(
            self.look,
            self.s,
            &format!("{} could not be looked at and may differ from aku.conf: {again}", status::pods(&unknown)),
        );
        Exit::Unknown
    }

    fn plan_text(&self, plan: &Plan, scene: &CommandContext, sql: Sql) -> String {
        let head =
            Head { command: "aku apply", at: self.world.now(), here: scene.who.here, conf: &scene.digest, apply: None };
        shown(&render::plan(plan, &head, Layout { width: self.look.width, sql }), self.look)
    }

    fn go(
        &mut self,
        todo: &Todo<'_>,
        observed: &Observed,
        scene: &CommandContext,
        held: Arc<Held>,
        command: &Command,
    ) -> Result<Ended, Diagnostic> {
        let plan = todo.whole;
        if let Some(text) = self.running.planned(plan, todo.digest, &todo.done) {
            talk(self.look, self.s, &text);
        }
        if plan.is_empty() {
            return Ok(self.nothing_to_do(plan, scene));
        }
        let judges = self.args.policy.or_env(self.world.env());
        let rules = policy::load(&judges)?;
        let made = Made::of(plan.clone(), scene, observed, self.world.now());
        let how = Use { deadline: self.running.left(), review: command.review };
        let saved = Saved::new(made.plan, made.facts, made.origin);
        let found = policy::judge(&judges, &rules, &saved, how)?;
        let sql = if self.args.sql { Sql::Shown } else { Sql::Hidden };
        let text = self.plan_text(&todo.rest, scene, sql);
        self.patient.write(self.s, &text);
        policy::pass(&found, self.look, self.s)?;
        gate::pass(plan, &self.said(), &command.now, self.s)?;
        scene.probe_marker(self.world, plan)?;
        if observed.marker == MarkerView::Elsewhere && plan.actions.iter().any(|a| a.op == Op::Open) {
            let pod = scene.who.pod;
            let text = format!(
                "The start marker of pod {pod} is in its container and is not written from here: its startup probe passes when `aku -p start` runs there, or when this runs there with {}={pod}.",
                who::VARIABLE
            );
            talk(self.look, self.s, &text);
        }
        self.patient.write(self.s, "\n");
        let progress = self.s.terminal.err.then_some(BAR_PACE);
        let job = Job { progress, earlier: todo.done.clone(), ..self.running.job(scene, self.world, observed, held) };
        self.running.acts();
        let show =
            if self.s.terminal.err { Show::Bars(Box::new(Bars::new(plan))) } else { Show::Lines(&mut *self.s.err) };
        let now = || self.world.now();
        let mut watch = Watch::new(plan, self.look, show, &now);
        let report = scene.cluster.apply(plan, &job, &mut |event| {
            // First what lasts, then what is shown.
            self.running.event(plan, event);
            watch.event(event);
        });
        let exit = outcome::exit(plan, &report, &watch.signals);
        let text = render::report(plan, &report, &command.again, exit, self.look.width);
        if exit == Exit::Ok {
            self.patient.write(self.s, &shown(&text, self.look));
        } else {
            tell(self.s, &told(&text, self.look));
        }
        let exit = self.seen_whole(plan, exit);
        if let Some(text) = self.running.no_journal() {
            talk(self.look, self.s, &format!("warning: {text}"));
        }
        let resume = (exit != Exit::Ok).then(|| command.again.command.clone());
        Ok(Ended { exit, report: Some(report), resume })
    }

    /// Whether a person may be asked.
    fn person(&self) -> bool {
        self.s.terminal.input && self.s.terminal.err && !self.args.no_input && self.world.env().var("CI").is_none()
    }

    fn said(&self) -> Said {
        Said {
            yes: if self.args.yes { Yes::Given } else { Yes::NotGiven },
            approve: self.args.approve.clone(),
            ask: if self.person() { Ask::Person } else { Ask::Nobody },
        }
    }
}

fn told_of(news: &News<'_>, look: &OutputStyle, s: &mut Streams<'_>) {
    match news {
        News::Words(text) => talk(look, s, text),
        // A person decides what is done meanwhile.
        News::Taken(_) => {}
    }
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
