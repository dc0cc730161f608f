//! What surrounds every run that changes pods: its number, its journal and events, signals, the lock, the end.
//!
//! Begun before anything else and ended after everything else, so that the last event is always the last event. Sends
//! nothing but what the lock needs.

use std::{
    cell::Cell,
    io::{self, Write as _},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{
    child, confpath, marker,
    run_args::RunOptions,
    scene::CommandContext,
    wiring::{Job, Platform},
};
use crate::{
    apply::{
        Event, Report, StopFlag,
        signals::{LastWords, Limit, Listening},
    },
    bounded,
    events::{LockState, Severity, Verdict, What},
    exit::Exit,
    journal::{
        recorder::{Opening, Recorder},
        runs,
    },
    lock::{App, Held, LockId, Waiting, Wanted},
    observe::Observed,
    outlet,
    plan::{Plan, resume::CompletedActions},
    render::{Diagnostic, op, words},
    run_id::RunId,
};

/// Shortest time between two words about waiting for the lock.
const WORDS: Duration = Duration::from_secs(10);

/// A run under way.
pub struct RunGuard {
    recorder: Arc<Recorder>,
    listening: Listening,
    options: RunOptions,
    began: Instant,
    state: Option<std::path::PathBuf>,
    host: String,
    signals: Cell<u32>,
    before: Arc<Before>,
}

/// What a run did before it had the lock, in words.
#[derive(Default)]
struct Before(Mutex<Option<String>>);

impl Before {
    fn words(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What happens while a run waits for its lock.
pub enum News<'a> {
    /// To be told.
    Words(&'a str),
    /// Somebody has it: said once, before anything is waited for.
    Taken(&'a Waiting),
}

/// How a run ended.
pub struct Ended {
    /// Exit code.
    pub exit: Exit,
    /// What became of the actions; `None` when nothing was begun.
    pub report: Option<Report>,
    /// What to type to go on.
    pub resume: Option<String>,
}

impl Ended {
    /// Without a single action.
    #[must_use]
    pub fn at_once(exit: Exit) -> Self {
        Self { exit, report: None, resume: None }
    }
}

impl RunGuard {
    /// Opens journal and events and begins to listen to signals. `goodbye` goes to standard output when a signal ends
    /// the process before anything was changed.
    ///
    /// # Errors
    /// The events cannot be written where they were asked for (exit 74).
    pub fn begin(
        command: &str,
        options: RunOptions,
        goodbye: &'static str,
        world: &dyn Platform,
    ) -> Result<Self, Diagnostic> {
        let host = world.hostname().to_string_lossy().into_owned();
        let env = world.env();
        let state = confpath::state(env);
        let opening = Opening {
            run: RunId::new(world.now()),
            events: options.events.clone(),
            state: state.clone(),
            command: command.to_owned(),
            host: host.clone(),
            now: jiff::Timestamp::now,
        };
        let recorder = Recorder::open(opening).map_err(|e| {
            Diagnostic::new(Exit::Output, "output", format!("the events cannot be written: {e}"))
                .fact("changed", "nothing")
        })?;
        let recorder = Arc::new(recorder);
        let before = Arc::new(Before::default());
        let limit = options.deadline.map(|deadline| Limit { deadline, grace: options.grace, exit: Exit::Stopped });
        let threads = if outlet::could_be_held_up() {
            Err(io::Error::from_raw_os_error(EAGAIN))
        } else {
            world.listen(last_words(&recorder, &before, goodbye), limit)
        };
        let listening = threads.map_err(|e| no_thread(&e))?;
        Ok(Self { recorder, listening, options, began: Instant::now(), state, host, signals: Cell::new(0), before })
    }

    /// The run's number.
    #[must_use]
    pub fn run(&self) -> &RunId {
        self.recorder.run()
    }

    /// Why there is no journal, or why it is incomplete; one sentence.
    #[must_use]
    pub fn no_journal(&self) -> Option<String> {
        let text = |why| format!("the journal of this run cannot be written ({why}); the run goes on without it");
        self.recorder.trouble().map(text)
    }

    /// Who is told of statements.
    #[must_use]
    pub fn recorder(&self) -> Arc<Recorder> {
        Arc::clone(&self.recorder)
    }

    /// What signals raise.
    #[must_use]
    pub fn stop(&self) -> StopFlag {
        self.listening.stop.clone()
    }

    /// See `--grace`.
    #[must_use]
    pub fn grace(&self) -> Duration {
        self.options.grace
    }

    /// Time that is left of `--deadline`.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        self.options.deadline.map(|d| d.saturating_sub(self.began.elapsed()))
    }

    /// From here on a signal stops in good order instead of ending the process.
    pub fn acts(&self) {
        self.listening.acts();
    }

    /// Nothing is under way any more, and the rest waits for the lock. `did`: what was done, and how it stands now.
    pub fn waits_again(&self, did: String) {
        *self.before.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(did);
        self.listening.rests();
    }

    /// The machine this run is on.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// How a plan made from `observed` is carried out.
    #[must_use]
    pub fn job(&self, scene: &CommandContext, world: &dyn Platform, observed: &Observed, lock: Arc<Held>) -> Job {
        let started_at = observed.pod(scene.who.pod).and_then(|p| p.server.started_at_s);
        let text = marker::text(std::process::id(), started_at, &scene.digest);
        Job {
            login: scene.login(),
            query_timeout: scene.conf.query_timeout,
            retry_count: scene.conf.query_retry_count,
            retry_delay: scene.conf.query_retry_delay,
            deadline: self.left(),
            grace: self.grace(),
            progress: None,
            lock,
            witness: Some(self.recorder()),
            stop: self.stop(),
            earlier: CompletedActions::new(),
            marker: scene.marker_path(world).map(|path| (path, text)),
            marked_here: observed
                .marked_here
                .iter()
                .filter_map(|pod| Some((*pod, marker::path(world.env(), *pod, scene.who.here)?)))
                .collect(),
        }
    }

    /// How long this run waits for others in all.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.left().map_or(self.options.lock_timeout, |left| left.min(self.options.lock_timeout))
    }

    /// Takes the lock, and waits for it for as long as `patience`. `tell` hears of the waiting now and then.
    ///
    /// # Errors
    /// Another run has it (exit 6).
    pub fn lock(
        &self,
        scene: &CommandContext,
        again: &str,
        patience: Duration,
        tell: &mut dyn FnMut(News<'_>),
    ) -> Result<Arc<Held>, Diagnostic> {
        let wanted = Wanted {
            id: LockId::of(&scene.desired.statefulset, &scene.desired.service),
            pods: scene.desired.pods.keys().copied().collect(),
            own: scene.who.pod,
            app: App {
                run: self.run().clone(),
                goal: scene.desired.goal.as_str().to_owned(),
                pod: scene.who.pod,
                pid: std::process::id(),
                host: self.host.clone(),
            },
            connect_timeout: scene.login().connect_timeout,
            patience,
        };
        let mut told: Option<Instant> = None;
        let mut waits = |waiting: &Waiting| {
            if told.is_none() {
                tell(News::Taken(waiting));
            }
            if told.is_none_or(|at| at.elapsed() >= WORDS) {
                told = Some(Instant::now());
                let who = waiting.holder.as_ref().map(|h| h.app.to_string());
                self.lock_event(LockState::Waiting, vec![waiting.pod], who, waiting.waited);
                tell(News::Words(&waiting_words(waiting, patience)));
            }
        };
        match scene.cluster.lock(&wanted, &mut waits) {
            Ok(held) => {
                self.lock_event(LockState::Held, held.pods(), None, held.waited);
                for (pod, why) in held.without_pods() {
                    tracing::debug!(%pod, why, "not locked");
                }
                Ok(Arc::new(held))
            }
            Err(waiting) => {
                // Without patience nobody waited, and what needs no lock is not done yet.
                if told.is_none() {
                    tell(News::Taken(&waiting));
                }
                let who = waiting.holder.as_ref().map(|h| h.app.to_string());
                self.lock_event(LockState::Refused, vec![waiting.pod], who, waiting.waited);
                Err(locked(&waiting, again, self.before.words()))
            }
        }
    }

    fn lock_event(&self, state: LockState, pods: Vec<crate::topology::Ordinal>, holder: Option<String>, d: Duration) {
        let waited_ms = u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        self.recorder.record(&What::Lock { state, pods, holder, waited_ms });
    }

    /// The directory of state, if there is one.
    #[must_use]
    pub fn state(&self) -> Option<&std::path::Path> {
        self.state.as_deref()
    }

    /// Writes the plan down (`digest`: of the file it comes from; `done`: what of it is done already), and what it says
    /// about statements of earlier runs that nobody knew the outcome of. Gives back what a person should know of those.
    pub fn planned(&self, plan: &Plan, digest: Option<&str>, done: &CompletedActions) -> Option<String> {
        for what in What::of_plan(plan, digest) {
            self.recorder.record(&what);
        }
        let state = self.state.as_ref()?;
        let mut texts = Vec::new();
        for (last, open) in runs::unresolved(state, &plan.statefulset, self.run()).ok()? {
            texts.push(self.resolve(plan, &last, &open, done));
        }
        (!texts.is_empty()).then(|| texts.join("\n"))
    }

    /// What the pods show of the statements that a run ended in the middle of.
    fn resolve(&self, plan: &Plan, last: &RunId, open: &[runs::OpenIntent], done: &CompletedActions) -> String {
        let mut words = Vec::new();
        for intent in open {
            let left = || plan.actions.iter().filter(|a| !done.contains_key(&a.id));
            let again = left().any(|a| a.pod == intent.pod && op::short(&a.op) == intent.what);
            let verdict = if again { Verdict::PlannedAgain } else { Verdict::NotNeeded };
            let what = format!("{} on pod {}", intent.what, intent.pod);
            words.push(match verdict {
                Verdict::PlannedAgain => format!("  {} {what}: not done, or to be done again", intent.id),
                Verdict::NotNeeded => format!("  {} {what}: done, or not needed any more", intent.id),
            });
            self.recorder.record(&What::Resolved { of_run: last.to_string(), id: intent.id, what, verdict });
        }
        let head =
            format!("Run {last} ended in the middle of {}; the pods show:", words::counted(open.len(), "statement"));
        format!("{head}\n{}", words.join("\n"))
    }

    /// Writes an event of the engine down.
    pub fn event(&self, plan: &Plan, event: &Event) {
        if let Event::Signal { .. } = event {
            self.signals.set(self.signals.get() + 1);
        }
        if let Some(what) = What::of_event(plan, event, self.signals.get()) {
            self.recorder.record(&what);
        }
    }

    /// Writes a trouble down.
    pub fn trouble(&self, trouble: &Diagnostic) {
        self.recorder.record(&What::Diagnostic {
            severity: Severity::Error,
            code: trouble.code.clone(),
            text: trouble.headline.clone(),
            next: trouble.next.clone(),
        });
    }

    /// Writes down something that does not change how the run ends on the pods.
    pub fn warning(&self, code: &str, text: String) {
        let (severity, next) = (Severity::Warning, Vec::new());
        self.recorder.record(&What::Diagnostic { severity, code: code.to_owned(), text, next });
    }

    /// The end. Gives back what is wrong with the events, if something is, and the exit code with that in mind.
    pub fn finish(self, ended: &Ended) -> (Exit, Option<String>) {
        let last = What::end(ended.exit, ended.report.as_ref(), ended.resume.clone());
        match self.recorder.end(&last) {
            Some(e) => {
                let exit = if ended.exit == Exit::Ok { Exit::Output } else { ended.exit };
                (
                    exit,
                    Some(format!("error[output]: the events could not all be written: {e}; the pods are not affected")),
                )
            }
            None => (ended.exit, None),
        }
    }
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        // After a panic; what ended is not ended again.
        let _ = self.recorder.end(&What::end(Exit::Internal, None, None));
    }
}

/// How long the last words of a process may take: a terminal may be stuck.
const FAREWELL: Duration = Duration::from_millis(200);

fn last_words(recorder: &Arc<Recorder>, before: &Arc<Before>, goodbye: &'static str) -> LastWords {
    let (recorder, before) = (Arc::clone(recorder), Arc::clone(before));
    LastWords::new(move |signal, exit| {
        child::end_all();
        let recorder = Arc::clone(&recorder);
        // Whoever is stuck in the middle of writing the journal holds a lock that this needs.
        let _ = bounded::within(FAREWELL, move || recorder.end(&What::end(exit, None, None)));
        let text = match (exit, before.words()) {
            (Exit::Stopped, None) => {
                format!("error[stopped]: {signal} before anything was changed\nexit {}\n", exit as u8)
            }
            (Exit::Stopped, Some(did)) => {
                format!("error[stopped]: {signal} while the rest waited for the lock\n  {did}\nexit {}\n", exit as u8)
            }
            _ => format!(
                "error[aborted]: {signal}, and the run did not end in time; what was under way may or may not have been \
                 done\n  next       aku status\nexit {}\n",
                exit as u8
            ),
        };
        let standard = outlet::standard();
        let _ = standard.err.clone().write_all(text.as_bytes());
        let _ = standard.out.clone().write_all(goodbye.as_bytes());
        let until = Instant::now() + FAREWELL;
        for stream in [&standard.err, &standard.out] {
            let _ = stream.drain(until.saturating_duration_since(Instant::now()));
        }
    })
}

/// What Linux says when there is no thread to be had.
const EAGAIN: i32 = 11;

/// Without threads nothing can be bounded, so nothing is begun.
fn no_thread(e: &io::Error) -> Diagnostic {
    Diagnostic::new(Exit::Unknown, "no-thread", format!("this run cannot have the threads that it needs: {e}"))
        .fact("needed for", "signals, the deadline, and streams whose reader does not read")
        .fact("changed", "nothing: no pod was contacted")
        .next("raise the limit on processes: ulimit -u, pids.max of the pod, podPidsLimit of the kubelet")
}

fn waiting_words(waiting: &Waiting, patience: Duration) -> String {
    let who = waiting.holder.as_ref().map_or_else(
        || "another run".to_owned(),
        |h| format!("the {} of pod {} (run {}, pid {} on {})", h.app.goal, h.app.pod, h.app.run, h.app.pid, h.app.host),
    );
    format!(
        "waiting for {who}, which holds the lock on pod {}: {} of at most {}",
        waiting.pod,
        words::duration(waiting.waited),
        words::duration(patience)
    )
}

fn locked(waiting: &Waiting, again: &str, before: Option<String>) -> Diagnostic {
    let what =
        waiting.holder.as_ref().map(|h| format!(": the {} of pod {}", h.app.goal, h.app.pod)).unwrap_or_default();
    let mut trouble = Diagnostic::new(Exit::Locked, "locked", format!("another run works on these pods{what}"));
    if let Some(h) = &waiting.holder {
        let since = h.app.run.began().map(|at| at.to_string()).unwrap_or_default();
        trouble = trouble
            .fact("holder", format!("run {}, pid {} on {}", h.app.run, h.app.pid, h.app.host))
            .fact("since", since)
            .fact("session", format!("{} on pod {}, {}", h.session, waiting.pod, h.from));
    }
    trouble
        .fact("waited", format!("{} for the lock on pod {}", words::duration(waiting.waited), waiting.pod))
        .fact("changed", before.unwrap_or_else(|| "nothing".to_owned()))
        .next(format!("{again} --lock-timeout 5m    (waits for it)"))
        .next("the lock goes with its session: a run that was killed holds none")
}
