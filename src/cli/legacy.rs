//! The documented front door, `aku -p start|end|clean`: documented first and last lines, log lines in between, the
//! marker, and the same plan that `aku apply` would carry out (DESIGN D14).
//!
//! It approves what a pod hook has always done by itself: emptying the pod's own targets before a copy, and removing
//! the pod's own definitions at `clean`. Anything else that loses something needs a person and `aku apply`.

use std::{
    io::{self, Write},
    path::Path,
    sync::Arc,
};

use clap::ValueEnum as _;

use super::{
    common::{Common, What},
    down, gate,
    gate::Approve,
    legacy_71::{self, Style},
    legacy_log::{About, Level, Log},
    legacy_phase::Phases,
    made::Made,
    outcome, own_start,
    policy::{self, PolicyArgs},
    reason,
    run_args::{self, Door, RunArgs, RunOptions},
    running::{Ended, News, RunGuard},
    scene::{CommandContext, goal, refused},
    stream::Streams,
    turn, who,
    wiring::{Job, Platform},
};
use crate::{
    apply::{Event, Outcome, Report},
    desired::Goal,
    exit::Exit,
    journal::recorder::EventsTo,
    lock::{Held, Waiting},
    observe::{MarkerView, Observed},
    outlet,
    plan::{self, ApprovalClass, Code, Plan, Refusal, policy::Use, resume::CompletedActions, saved::Saved},
    render::{self, Again, Colour, Diagnostic, op, words},
};

/// Columns of messages inside log lines: wide, because a log line is long anyway.
const WIDTH: usize = 160;

/// Runs it. `typed` is the word that was typed when it is not the documented one; without a `style` the variable says whose
/// lines are printed.
pub fn run(
    what: What,
    typed: Option<&str>,
    style: Option<Style>,
    common: &Common,
    world: &dyn Platform,
    s: &mut Streams<'_>,
) -> Exit {
    outlet::everything_is_a_log();
    let (option, function) = match what {
        What::Start => ("START", "akuRunStart"),
        What::End => ("END", "akuRunEnd"),
        What::Clean => ("CLEAN", "akuRunClean"),
    };
    let options = RunOptions::new(&RunArgs::default(), world.env(), Door::Hook);
    let mut nothing = io::sink();
    let events_only = options.as_ref().is_ok_and(|o| o.events == Some(EventsTo::Stdout));
    let out: &mut dyn Write = if events_only { &mut nothing } else { &mut *s.out };
    let s = &mut Streams { out, err: &mut *s.err, input: &mut *s.input, terminal: s.terminal };
    let wished = run_args::variable(world.env(), STYLE_VARIABLE, |text| Style::from_str(text, false));
    let of = style.or(wished.as_ref().ok().copied().flatten()).unwrap_or_default();
    let mut log = Log::new(world, function, of, s);
    log.bare(&format!("AKU started with {option} option."));
    let command = format!("aku -p {}", option.to_lowercase());
    if let Some(typed) = typed {
        log.write(Level::Warn, About::default(), &format!("-p {typed} means -p {}", option.to_lowercase()));
    }
    let goodbye = match of {
        Style::V73 => FAILED,
        Style::V71 => "",
    };
    let running = wished.and(options).and_then(|options| {
        let begin = |options| RunGuard::begin(&command, options, goodbye, world);
        // A pod is not left as it is because nobody can be told of it.
        let silent = options.events.is_some().then(|| RunOptions { events: None, ..options.clone() });
        begin(options).or_else(|trouble| match silent {
            Some(silent) if trouble.exit == Exit::Output => {
                log.write(
                    Level::Warn,
                    About::default(),
                    &format!("{}; the run goes on without them", trouble.headline),
                );
                begin(silent)
            }
            Some(_) | None => Err(trouble),
        })
    });
    let exit = match running {
        Ok(running) => recorded(what, common, world, &mut log, running),
        Err(trouble) => {
            let text = text(&trouble, log.style());
            reason::leave(world.env(), &text);
            log.write(Level::Error, About::default(), &text);
            trouble.exit
        }
    };
    if exit == Exit::Ok {
        log.bare("AKU run successfully.");
    } else {
        log.bare(FAILED.trim_end());
    }
    log.finish(exit)
}

/// Whose lines a hook prints.
const STYLE_VARIABLE: &str = "AKU_CLI_OUTPUT_STYLE";

/// The documented last line of a run that did not reach its goal.
const FAILED: &str = "AKU failed to run.\n";

fn recorded(
    what: What,
    common: &Common,
    world: &dyn Platform,
    log: &mut Log<'_, '_, '_>,
    mut running: RunGuard,
) -> Exit {
    if let Some(text) = running.no_journal() {
        log.write(Level::Warn, About::default(), &text);
    }
    let ended = goes(what, common, world, log, &mut running).unwrap_or_else(|trouble| {
        let text = text(&trouble, log.style());
        reason::leave(world.env(), &text);
        log.write(Level::Error, About::default(), &text);
        running.trouble(&trouble);
        Ended::at_once(trouble.exit)
    });
    let (exit, wrong) = running.finish(&ended);
    if let Some(text) = wrong {
        log.write(Level::Error, About::default(), &text);
    }
    exit
}

/// The block of a trouble, after the documented words for it.
fn text(trouble: &Diagnostic, style: Style) -> String {
    let block = render::trouble(trouble, WIDTH).text(Colour::Plain);
    match documented(&trouble.code, style) {
        Some(line) => format!("{line}\n{block}"),
        None => block,
    }
}

/// The documented words for a refusal, where there are any (`aku-behaviour.md` A.5).
fn documented(code: &str, style: Style) -> Option<&'static str> {
    (code == Code::MasterFailed.as_str()).then_some(match style {
        Style::V73 => "The MASTER server is detected to have failed. Check and perform a manual recovery.",
        Style::V71 => "The master pod is detected to have failed. Check and perform a manual recovery.",
    })
}

fn goes(
    what: What,
    common: &Common,
    world: &dyn Platform,
    log: &mut Log<'_, '_, '_>,
    running: &mut RunGuard,
) -> Result<Ended, Diagnostic> {
    let mut warnings = String::new();
    let scene = CommandContext::open(world, common, |pod| goal(what, pod), &mut |w| warnings.push_str(w));
    log.write(Level::Warn, About::default(), &warnings);
    let mut scene = scene?;
    scene.run = Some(running.run().clone());
    if scene.who.here.is_none() {
        // A host with its own name (hostNetwork). A hook runs in its pod, so the marker is written where its probe looks.
        scene.who.here = Some(scene.who.pod);
        log.info(&format!(
            "The name of this host is not that of a pod; a hook runs in its pod, so this is taken as pod {} ({}={} says so, too).",
            scene.who.pod,
            who::VARIABLE,
            scene.who.pod
        ));
    }
    log.of_71(legacy_71::begins(scene.who.pod));
    log.info(if scene.who.pod.is_master() { "Start as MASTER Pod." } else { "Start as SLAVE Pod." });
    if what == What::Start {
        scene.check_address(world, &mut |text| log.info(&format!("Address check: {text}")))?;
    }
    let again = format!("aku apply {}", scene.desired.goal.as_str());
    let turn::Made { held, observed, planned } =
        turn::take(&scene, world, running, &again, &mut |news| match (news, what) {
            (News::Words(text), _) => log.write(Level::Warn, About::default(), text),
            (News::Taken(waiting), What::End) => prestop(&scene, world, waiting, log, running),
            (News::Taken(_), What::Start | What::Clean) => {}
        })?;
    log.of_71(&legacy_71::not_connected(&scene.conf, &observed));
    if what == What::Start {
        may_start(&observed, &planned, &scene, scene.marker_path(world).as_deref(), log)?;
    }
    let plan = planned.map_err(|refusal| refused(&refusal, &observed, scene.who.pod))?;
    for note in &plan.notes {
        log.write(Level::Warn, About::default(), &format!("{} [{}]", note.text, note.code.as_str()));
    }
    if let Some(text) = running.planned(&plan, None, &CompletedActions::new()) {
        log.write(Level::Warn, About::default(), &text);
    }
    if plan.is_empty() {
        log.info("Nothing to do: everything is as it should be.");
        return Ok(Ended::at_once(Exit::Ok));
    }
    approved(&plan, what, (&scene, &observed), world, log)?;
    judged(&plan, &scene, &observed, world, log, running)?;
    scene.probe_marker(world, &plan)?;
    let job = running.job(&scene, world, &observed, held);
    Ok(carried_out(&plan, &job, &scene, world, log, running))
}

/// The rules of a site, where variables name them: a hook has no flags. Nobody can review what a hook does, and that is
/// no finding: it may do what `approved` lets it.
fn judged(
    plan: &Plan,
    scene: &CommandContext,
    observed: &Observed,
    world: &dyn Platform,
    log: &mut Log<'_, '_, '_>,
    running: &RunGuard,
) -> Result<(), Diagnostic> {
    let judges = PolicyArgs::default().or_env(world.env());
    if judges.policy.is_none() && judges.policy_cmd.is_none() {
        return Ok(());
    }
    let rules = policy::load(&judges)?;
    let made = Made::of(plan.clone(), scene, observed, world.now());
    let saved = Saved::new(made.plan, made.facts, made.origin);
    let found = policy::judge(&judges, &rules, &saved, Use { deadline: running.left(), ..Use::default() })?;
    if let Some(trouble) = policy::refusal(&found) {
        return Err(trouble);
    }
    for f in &found {
        log.write(Level::Warn, About::default(), &format!("{} [{}]", f.text, f.code));
    }
    Ok(())
}

/// The documented conditions of a start: not started before in this life of the server, and closed to users.
fn may_start(
    observed: &Observed,
    planned: &Result<Plan, Refusal>,
    scene: &CommandContext,
    marker: Option<&Path>,
    log: &mut Log<'_, '_, '_>,
) -> Result<(), Diagnostic> {
    let marker = marker.map_or_else(|| "the marker".to_owned(), |path| path.display().to_string());
    // What cannot be seen may have been started anew since; the planner says why it cannot be seen.
    let seen = observed.pod(scene.who.pod);
    match observed.marker {
        MarkerView::Present if seen.is_some() => {
            return Err(refusal(
                Code::AlreadyStarted,
                format!("pod {} has been started already: the start marker exists", scene.who.pod),
            )
            .next("aku plan start    (shows whether anything is wrong with it)")
            .next(format!("remove {marker} only if the server was started anew since"))
            .next("aku apply start   (repairs what is wrong while the pod is in service)"));
        }
        MarkerView::Stale => log.write(
            Level::Warn,
            About::default(),
            "the start marker is not of now: the server was started or closed since; it is taken as not there",
        ),
        MarkerView::Present | MarkerView::Missing | MarkerView::Elsewhere => {}
    }
    let knows_more = |refusal: &Refusal| {
        let is_open = refusal.because.iter().any(|r| r.code == Code::NotAdminMode);
        is_open && refusal.next.iter().any(|n| n.starts_with("aku apply end"))
    };
    match seen {
        // The planner knows more of a pod that has left and lets users in.
        Some(pod) if !pod.admin_mode() && planned.as_ref().is_err_and(knows_more) => Ok(()),
        Some(pod) if !pod.admin_mode() => Err(refusal(
            Code::NotAdminMode,
            format!(
                "ADMIN_MODE is 0 on pod {}, and it must be 1 when a pod is started: users may be writing",
                scene.who.pod
            ),
        )
        .next("boot the server with ADMIN_MODE = 1 (ALTIBASE_ADMIN_MODE=1), so that users wait until aku opens the pod")
        .next("aku apply start   (for a start that was broken off after it had opened the pod)")),
        Some(_) | None => Ok(()),
    }
}

fn refusal(code: Code, text: String) -> Diagnostic {
    Diagnostic::new(Exit::Refused, code.as_str(), text).fact("changed", "nothing: only SELECTs were sent")
}

/// What a hook approves by itself.
fn hook_approves(what: What, scope: &str) -> Vec<Approve> {
    let own = |class: ApprovalClass| Approve { class: class.as_str().to_owned(), scope: scope.to_owned() };
    match what {
        What::Start => vec![own(ApprovalClass::DeletesRows)],
        What::Clean => vec![own(ApprovalClass::RemovesDefinition)],
        What::End => Vec::new(),
    }
}

fn approved(
    plan: &Plan,
    what: What,
    (scene, observed): (&CommandContext, &Observed),
    world: &dyn Platform,
    log: &mut Log<'_, '_, '_>,
) -> Result<(), Diagnostic> {
    let scope = format!("{}/{}", plan.statefulset, scene.who.pod);
    let said = hook_approves(what, &scope);
    let waits = down::Waits::of(plan, scene, observed, world);
    let by_policy = if what == What::Start { waits.approves() } else { Vec::new() };
    let open = gate::open(plan, &[said, by_policy].concat());
    let Some(first) = open.first() else {
        for text in waits.goes_on() {
            log.write(Level::Warn, About::default(), &text);
        }
        return Ok(());
    };
    let mut trouble =
        Diagnostic::new(Exit::Refused, "not-approved", "this needs a person: a pod hook does not approve it")
            .fact("because", format!("{} ({})", first.because, first.class.as_str()));
    for approval in open.iter().skip(1) {
        trouble = trouble.fact("", format!("{} ({})", approval.because, approval.class.as_str()));
    }
    for text in waits.waits_for() {
        trouble = trouble.fact("policy", text);
    }
    let flags = render::approval_flags(plan).join(" ");
    Err(trouble
        .fact("changed", "nothing: only SELECTs were sent")
        .next(format!("aku plan {} --ordinal {}", plan.goal.as_str(), scene.who.pod))
        .next(format!("aku apply {} --ordinal {} --yes {flags}", plan.goal.as_str(), scene.who.pod)))
}

/// Another run has the lock, and the grace time of this pod runs: its own start is stopped; beside any other run users are
/// shut out and what they committed is delivered at once, because that is safe beside it. The rest waits for the lock.
fn prestop(
    scene: &CommandContext,
    world: &dyn Platform,
    waiting: &Waiting,
    log: &mut Log<'_, '_, '_>,
    running: &RunGuard,
) {
    let me = scene.who.pod;
    if let Some(holder) = &waiting.holder
        && holder.app.pod == me
        && holder.app.goal == Goal::Start(me).as_str()
    {
        let text = match own_start::stop(scene, waiting.pod, holder, running.host()) {
            Ok(how) => {
                format!("the start of this pod is under way (run {}): it is stopped first, {how}", holder.app.run)
            }
            Err(why) => {
                format!("the start of this pod is under way (run {}) and cannot be stopped: {why}", holder.app.run)
            }
        };
        log.write(Level::Warn, About::default(), &text);
        return;
    }
    let mut observed = scene.look(world);
    let Ok(plan) = scene.plan_once(&mut observed) else { return };
    let first = plan::before_the_lock(&plan);
    if first.is_empty() {
        return;
    }
    log.info(
        "Another run has the lock: users are shut out and what they committed is delivered before it is waited for.",
    );
    let job = running.job(scene, world, &observed, Arc::new(Held::nothing()));
    let (report, _signals) = walked(&first, &job, scene, log, running);
    // The look under the lock finds the pod closed.
    scene.shut_out.set(observed.pod(me).is_some_and(|p| !p.admin_mode()));
    let state = render::state_now(&plan, &report).join(" ");
    log.info(&state);
    running.waits_again(state);
}

fn carried_out(
    plan: &Plan,
    job: &Job,
    scene: &CommandContext,
    world: &dyn Platform,
    log: &mut Log<'_, '_, '_>,
    running: &RunGuard,
) -> Ended {
    let (report, signals) = walked(plan, job, scene, log, running);
    let exit = outcome::exit(plan, &report, &signals);
    let again = Again::anew(format!("aku -p {}", plan.goal.as_str()));
    if exit == Exit::Ok {
        if let Goal::End(_) = plan.goal {
            log.info(&render::state_now(plan, &report).join(" "));
        }
    } else {
        let block = render::report(plan, &report, &again, exit, WIDTH).text(Colour::Plain);
        reason::leave(world.env(), &block);
        log.write(Level::Error, About::default(), &block);
    }
    if let Some(text) = running.no_journal() {
        log.write(Level::Warn, About::default(), &text);
    }
    Ended { exit, report: Some(report), resume: (exit != Exit::Ok).then_some(again.command) }
}

/// Carries it out, with a log line for what happens.
fn walked(
    plan: &Plan,
    job: &Job,
    scene: &CommandContext,
    log: &mut Log<'_, '_, '_>,
    running: &RunGuard,
) -> (Report, Vec<&'static str>) {
    running.acts();
    let mut phases = Phases::new(plan);
    let mut signals = Vec::new();
    let report = scene.cluster.apply(plan, job, &mut |event| {
        running.event(plan, event);
        if let Event::Signal { name } = event {
            signals.push(*name);
        }
        for text in phases.before(event) {
            log.info(text);
        }
        told(plan, event, log);
        log.of_71(&legacy_71::told(plan, &scene.conf, event));
        for text in phases.after(event) {
            log.info(text);
        }
    });
    (report, signals)
}

/// One log line for what a person watching `kubectl logs` wants to see of an event.
fn told(plan: &Plan, event: &Event, log: &mut Log<'_, '_, '_>) {
    let (id, level, text) = match event {
        Event::RunStart | Event::RunEnd | Event::ActionStart { .. } => return,
        Event::Progress { id, elapsed, rows, doing } => {
            let rows = rows.map_or_else(String::new, |(done, all)| match all {
                Some(all) => format!(", {} of {}", words::number(done), words::count(all, "row")),
                None => format!(", {}", words::count(done, "row")),
            });
            (id, Level::Info, format!("{} so far{rows}: {doing}", words::duration(*elapsed)))
        }
        Event::Retry { id, attempt, delay, error } => {
            (id, Level::Warn, format!("attempt {attempt} failed, again in {}: {error}", words::duration(*delay)))
        }
        Event::ActionEnd { id, outcome } => match outcome {
            Outcome::Done { took, said } => {
                let said = said.as_ref().map(|s| format!(", {s}")).unwrap_or_default();
                (id, Level::Info, format!("done in {}{said}", words::duration(*took)))
            }
            Outcome::Already => (id, Level::Info, "already so".to_owned()),
            Outcome::Failed(e) => (id, Level::Error, format!("failed: {}", e.meaning)),
            Outcome::Unknown(e) => (id, Level::Error, format!("it is not known whether it was done: {}", e.meaning)),
            Outcome::NotRun { .. } | Outcome::NotNeeded { .. } => return,
        },
        Event::Signal { name } => {
            log.write(Level::Warn, About::default(), &format!("{name}: nothing new is started"));
            return;
        }
    };
    let Some(action) = plan.action(*id) else { return };
    let pod = format!("{}-{}", plan.statefulset, action.pod);
    let about = About { pod: Some(&pod), object: action.op.object() };
    log.write(level, about, &format!("{id} {}: {text}", op::short(&action.op)));
}
