//! The thread that owns a run: begins what is ready, listens, watches what hangs, tells what happens.
//!
//! It never touches a session itself, so nothing that a server does can hold it up. Threads that do not come back are
//! left alone, never joined.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    codes::Code,
    context::Context,
    control::{self, Control, StopSource},
    event::{ActionError, Event, Outcome, Report},
    op_error::{OpFinding, error},
    ops,
    pool::Pool,
    schedule::{Admit, Schedule, SideEffect},
    sessions::Sessions,
    slot::Slot,
    stop::{StopFlag, StopLevel},
    turns::Turns,
    work::{Message, Shared, Work},
    worker,
};
use crate::{
    db::Login,
    plan::{Action, ActionId, Decision, Graph, GraphError, Op, Plan, RunWhen, cost, resume::CompletedActions},
    topology::Ordinal,
};

/// How often the engine looks around when nothing is reported.
const TICK: Duration = Duration::from_millis(20);
/// Pause between two attempts to cancel the same statement.
const CANCEL_AGAIN: Duration = Duration::from_millis(250);
/// Most actions of one pod that look now and then beside those that take up a lane.
const MOST_LOOKING: usize = 16;
/// What a statement may take beyond the longest bound that it carries itself.
const MARGIN: Duration = Duration::from_secs(30);

/// Carries out a plan. Every action ends in exactly one outcome, whatever happens.
///
/// The caller holds no session on a pod in ADMIN_MODE: there is only one to be had.
///
/// `on_event` is called on this thread: [`Event::RunStart`] first, [`Event::RunEnd`] last. Returns within a second
/// after `stop` has been raised twice.
///
/// ```
/// use std::sync::Arc;
///
/// use aku::{apply::{self, Context, Limits, Retry, StopFlag, SystemClock}, db::{self, Connector}, topology::Ordinal};
/// # use aku::{conf, desired::{Desired, Goal}, document::Document as _, observe::Capture, plan};
/// # let file = std::fs::read("snapshots/captured.conf")?;
/// # let conf = conf::parse("aku.conf", &file).config.expect("a valid file");
/// # let seen = Capture::parse(&std::fs::read_to_string("snapshots/captured-first-start.json")?)?;
/// # let desired = Desired::new(&conf, Goal::Start(seen.pod), |pod| seen.addresses[&pod].clone());
/// # let observed = seen.observed_for(seen.pod);
/// # let plan = plan::make(&desired, &observed).expect("nothing bars this start");
///
/// /// Nobody answers any more.
/// struct Gone;
///
/// impl Connector for Gone {
///     fn connect(&self, pod: Ordinal, _: &db::Login) -> Result<Box<dyn db::Session>, db::ConnectError> {
///         let error = db::DbError { sqlstate: "08001".to_owned(), native: 327_730, message: "refused".to_owned() };
///         Err(db::ConnectError { pod, address: "nowhere".to_owned(), failure: db::ConnectFailure::Absent, error })
///     }
/// }
///
/// let second = std::time::Duration::from_secs(1);
/// let context = Context {
///     connector: Arc::new(Gone),
///     login: db::Login {
///         privilege: db::Privilege::Normal,
///         connect_timeout: second,
///         query_timeout: None,
///         silence_timeout: None,
///         app_info: "example".to_owned(),
///     },
///     retry: Retry { count: 0, delay: second, seed: 0 },
///     deadline: None,
///     marker: None,
///     marked_here: std::collections::BTreeMap::new(),
///     lock: None,
///     witness: None,
///     clock: Arc::new(SystemClock),
///     limits: Limits::default(),
/// };
/// let report = apply::run(&plan, &context, &StopFlag::new(), &mut |_event| {});
/// // Every action has an outcome, whatever happened.
/// assert!(!report.complete());
/// assert_eq!(report.outcomes.len(), plan.actions.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn run(plan: &Plan, context: &Context, stop: &StopFlag, on_event: &mut dyn FnMut(&Event)) -> Report {
    resume(plan, &CompletedActions::new(), context, stop, on_event)
}

/// As [`run`], with actions that earlier runs of the same plan did: they end at once as [`Outcome::Already`] and are not
/// begun.
pub fn resume(
    plan: &Plan,
    earlier: &CompletedActions,
    context: &Context,
    stop: &StopFlag,
    on_event: &mut dyn FnMut(&Event),
) -> Report {
    let (send, receive) = mpsc::channel();
    let graph = Graph::new(&plan.actions);
    let turns = cost::turns_of(&plan.actions, graph.as_ref().ok());
    let mut engine = Engine {
        actions: plan.actions.iter().map(|a| (a.id, a)).collect(),
        shared: Arc::new(shared(plan, context)),
        wish: StopSource::new(context, stop.clone()),
        schedule: Schedule::going_on(&plan.actions, &turns, |a| ops::needs_session(&a.op).then_some(a.pod), earlier),
        running: BTreeMap::new(),
        outcomes: BTreeMap::new(),
        send,
        receive,
        on_event,
        signals_told: 0,
        aborted: None,
        too_late: None,
        pool: Pool::default(),
    };
    let began = context.clock.now();
    engine.emit(&Event::RunStart);
    engine.record(earlier.keys().map(|id| (*id, Outcome::Already)).collect());
    engine.run_to_end(graph.as_ref().err());
    let stopped = engine.why_stopped();
    let Engine { shared, outcomes, aborted, .. } = engine;
    let took = context.clock.now().saturating_duration_since(began);
    let report = Report { outcomes, took, stopped };
    // A signal after the last action stopped nothing.
    let report = if report.complete() { Report { stopped: None, ..report } } else { report };
    if aborted.is_some() {
        // Closing a session on a dead server blocks. Without a thread they are closed with the process.
        let _detached = thread::Builder::new().name("close".to_owned()).spawn(move || shared.sessions.close());
    } else {
        shared.sessions.close();
    }
    on_event(&Event::RunEnd);
    report
}

pub(super) fn shared(plan: &Plan, context: &Context) -> Shared {
    let flush = |op: &Op| match op {
        Op::Flush { wait_s, .. } | Op::CheckContents { wait_s, .. } => Some(Duration::from_secs(u64::from(*wait_s))),
        _ => None,
    };
    let longest = plan.actions.iter().filter_map(|a| flush(&a.op)).max().map_or(Duration::ZERO, |d| d + MARGIN);
    let login = Login {
        query_timeout: context.login.query_timeout.map(|t| t.max(longest)),
        silence_timeout: context.login.silence_timeout.map(|t| t.max(longest)),
        ..context.login.clone()
    };
    let bound = login.query_timeout.max(login.silence_timeout).map(|t| t + MARGIN);
    let mut wanted = BTreeMap::new();
    for action in plan.actions.iter().filter(|a| ops::needs_session(&a.op)) {
        *wanted.entry(action.pod).or_insert(0) += 1;
    }
    let fenced: BTreeSet<Ordinal> = plan.actions.iter().filter(|a| a.op == Op::Fence).map(|a| a.pod).collect();
    let opened = plan.actions.iter().filter(|a| a.op == Op::Open).map(|a| a.pod).collect();
    let planned = match &plan.decision {
        Decision::Full { rows, .. } => rows.iter().map(|r| (r.target.clone(), r.source.at_least())).collect(),
        Decision::None { .. } | Decision::CatchUp { .. } | Decision::Repair { .. } | Decision::Logs { .. } => {
            Vec::new()
        }
    };
    let sessions = Arc::new(Sessions::new(context.clone(), login, fenced, opened));
    let (turns, before_copy) = (Turns::default(), Mutex::default());
    Shared { context: context.clone(), sessions, bound, planned, wanted, turns, before_copy }
}

fn finding(action: &Action, code: Code, detail: String) -> ActionError {
    error(OpFinding { code, pod: action.pod, sql: None, error: None, detail }, action, 1)
}

/// An action under way.
struct Running {
    pod: Ordinal,
    takes_lane: bool,
    slot: Arc<Slot>,
    yields_at: StopLevel,
    began: Instant,
    told: Instant,
    /// When it was cancelled last, and whether that call came back.
    cancelled: Option<(Instant, Arc<AtomicBool>)>,
    /// Since when it has been asked to end.
    stopping: Option<Instant>,
}

/// What became of the actions that were ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    /// They were begun, or wait for a session.
    Only,
    /// Some ended without being begun.
    AndEnded,
}

struct Engine<'a> {
    actions: BTreeMap<ActionId, &'a Action>,
    shared: Arc<Shared>,
    wish: StopSource,
    schedule: Schedule,
    running: BTreeMap<ActionId, Running>,
    outcomes: BTreeMap<ActionId, Outcome>,
    send: mpsc::Sender<Message>,
    receive: mpsc::Receiver<Message>,
    on_event: &'a mut dyn FnMut(&Event),
    signals_told: usize,
    aborted: Option<Instant>,
    /// What was not begun because the deadline is too near.
    too_late: Option<String>,
    pool: Pool,
}

impl Engine<'_> {
    fn emit(&mut self, event: &Event) {
        (self.on_event)(event);
    }

    fn now(&self) -> Instant {
        self.shared.context.clock.now()
    }

    fn level(&self) -> StopLevel {
        self.wish.level()
    }

    fn why_stopped(&self) -> Option<String> {
        self.wish.why().or_else(|| self.too_late.clone())
    }

    fn admit(&self) -> Admit {
        let why = || {
            let what = self.why_stopped().unwrap_or_default();
            format!("not begun, because the run was stopped ({what})")
        };
        match self.level() {
            StopLevel::Go => Admit::All,
            StopLevel::Finish | StopLevel::Hurry => Admit::PutBack(why()),
            StopLevel::Abort => Admit::Nothing(why()),
        }
    }

    /// `no_dag`: why nothing can be begun.
    fn run_to_end(&mut self, no_dag: Option<&GraphError>) {
        if let Some(e) = no_dag {
            let given_up = self.schedule.give_up(&e.to_string());
            self.record(given_up);
        }
        loop {
            self.tell_signals();
            let admit = self.admit();
            let settled = self.schedule.settle(&admit);
            self.record(settled);
            if self.begin_ready() == Round::AndEnded {
                // What waits for them is looked at before anything is given up: it may put something back.
                continue;
            }
            if self.running.is_empty() {
                if self.schedule.waiting() {
                    let given_up = self.schedule.give_up("the actions wait for each other in a circle");
                    self.record(given_up);
                }
                return;
            }
            self.listen();
            self.watch();
            if self.abort_is_over() {
                self.abandon_all();
            }
        }
    }

    fn tell_signals(&mut self) {
        let raised = self.wish.stop.raised_by();
        for name in raised.iter().skip(self.signals_told) {
            self.emit(&Event::Signal { name });
        }
        self.signals_told = raised.len();
    }

    fn record(&mut self, ended: Vec<(ActionId, Outcome)>) {
        for (id, outcome) in ended {
            self.emit(&Event::ActionEnd { id, outcome: outcome.clone() });
            self.outcomes.insert(id, outcome);
        }
    }

    fn over(&mut self, id: ActionId, outcome: Outcome, trace: SideEffect) {
        if self.running.remove(&id).is_some() {
            self.schedule.end(id, &outcome, trace);
            self.record(vec![(id, outcome)]);
        }
    }

    fn begin_ready(&mut self) -> Round {
        let mut round = Round::Only;
        let mut used: BTreeMap<Ordinal, usize> = BTreeMap::new();
        let mut looking: BTreeMap<Ordinal, usize> = BTreeMap::new();
        for running in self.running.values() {
            let count = if running.takes_lane { &mut used } else { &mut looking };
            *count.entry(running.pod).or_default() += 1;
        }
        let of = |counts: &BTreeMap<Ordinal, usize>, pod| counts.get(&pod).copied().unwrap_or(0);
        let free = |pod| {
            let lanes = self.shared.sessions.lanes(pod).saturating_sub(of(&used, pod));
            lanes.min(MOST_LOOKING.saturating_sub(of(&looking, pod)))
        };
        for id in self.schedule.ready(free) {
            let Some(action) = self.actions.get(&id).copied() else { continue };
            if let Some(why) = self.cannot_finish(action) {
                let outcome = Outcome::NotRun { because_of: None, why };
                self.schedule.end(id, &outcome, SideEffect::None);
                self.record(vec![(id, outcome)]);
                round = Round::AndEnded;
            } else {
                self.begin(action, ops::needs_session(&action.op));
            }
        }
        round
    }

    /// Why an action cannot be over before the deadline, where its shortest time is known.
    fn cannot_finish(&mut self, action: &Action) -> Option<String> {
        let (Op::Delay { seconds }, RunWhen::Normal) = (&action.op, &action.run) else { return None };
        let left = self.shared.context.deadline?.saturating_duration_since(self.now());
        if Duration::from_secs(*seconds) <= left {
            return None;
        }
        self.too_late = Some(format!("the deadline is {} s away", left.as_secs()));
        Some(format!("not begun, because it takes {seconds} s and the deadline is {} s away", left.as_secs()))
    }

    fn begin(&mut self, action: &Action, takes_lane: bool) {
        let id = action.id;
        self.schedule.begin(id);
        let slot = Arc::new(Slot::default());
        let now = self.now();
        let yields_at = control::yields_at(action);
        let running = Running {
            pod: action.pod,
            takes_lane,
            slot: Arc::clone(&slot),
            yields_at,
            began: now,
            told: now,
            cancelled: None,
            stopping: None,
        };
        self.running.insert(id, running);
        self.emit(&Event::ActionStart { id });
        let control = Control { wish: self.wish.clone(), yields_at };
        let (shared, send, owned) = (Arc::clone(&self.shared), self.send.clone(), action.clone());
        let spawned = self.pool.run(move || {
            let mut work = Work::new(&shared, &owned, control, &slot, &send);
            let outcome = worker::carry_out(&mut work);
            let trace = if work.memory.sent { SideEffect::Some } else { SideEffect::None };
            // Sessions go back before the engine hears of it, so that the next action finds them.
            drop(work);
            let _ = send.send(Message::Over(owned.id, Box::new(outcome), trace));
        });
        if let Err(e) = spawned {
            let outcome = Outcome::Failed(finding(action, Code::Internal, format!("no thread: {e}")));
            self.over(id, outcome, SideEffect::None);
        }
    }

    fn listen(&mut self) {
        let mut next = self.receive.recv_timeout(TICK).ok();
        while let Some(message) = next {
            match message {
                Message::Event(event) => {
                    if let Event::Retry { id, .. } = &event
                        && self.running.contains_key(id)
                    {
                        self.emit(&event);
                    }
                }
                Message::Wake => {}
                Message::Yields(id) => {
                    if let Some(running) = self.running.get_mut(&id) {
                        running.takes_lane = false;
                    }
                }
                Message::Over(id, outcome, trace) => self.over(id, *outcome, trace),
            }
            next = self.receive.try_recv().ok();
        }
    }

    fn watch(&mut self) {
        let (now, level, limits) = (self.now(), self.level(), self.shared.context.limits);
        if level == StopLevel::Abort && self.aborted.is_none() {
            self.aborted = Some(now);
        }
        let mut hung = Vec::new();
        let mut progress = Vec::new();
        for (id, running) in &mut self.running {
            let overdue = running.slot.overdue(now);
            if level >= running.yields_at {
                running.stopping.get_or_insert(now);
            }
            let given_up = |since: Option<Instant>| since.is_some_and(|s| now >= s + limits.cancel);
            if given_up(overdue) || given_up(running.stopping) {
                hung.push(*id);
            } else if overdue.is_some() || running.stopping.is_some() {
                running.cancel(now);
            }
            if now + TICK >= running.told + limits.progress {
                running.told = now;
                let (doing, rows) = running.slot.report();
                let elapsed = now.saturating_duration_since(running.began);
                progress.push(Event::Progress { id: *id, elapsed, rows, doing });
            }
        }
        for event in progress {
            self.emit(&event);
        }
        for id in hung {
            self.abandon(id);
        }
    }

    fn abort_is_over(&self) -> bool {
        self.aborted.is_some_and(|since| self.now() >= since + self.shared.context.limits.abort)
    }

    fn abandon_all(&mut self) {
        for id in self.running.keys().copied().collect::<Vec<_>>() {
            self.abandon(id);
        }
    }

    /// Nobody waits for it any more. Its thread and its session are left alone.
    fn abandon(&mut self, id: ActionId) {
        let Some(action) = self.actions.get(&id).copied() else { return };
        let doing = self.running.get(&id).map(|r| r.slot.report().0).unwrap_or_default();
        let outcome = Outcome::Unknown(finding(action, Code::Abandoned, doing));
        self.shared.sessions.abandon(id);
        self.over(id, outcome, SideEffect::Some);
    }
}

impl Running {
    /// Cancels what runs, from a thread of its own: the driver opens a second connection for it.
    fn cancel(&mut self, now: Instant) {
        let again =
            self.cancelled.as_ref().is_none_or(|(at, back)| now >= *at + CANCEL_AGAIN && back.load(Ordering::Acquire));
        let cancels = self.slot.cancels();
        if !again || cancels.is_empty() {
            return;
        }
        let back = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&back);
        let spawned = thread::Builder::new().name("cancel".to_owned()).spawn(move || {
            for cancel in cancels {
                cancel.cancel();
            }
            done.store(true, Ordering::Release);
        });
        // Without a thread it is tried again.
        back.fetch_or(spawned.is_err(), Ordering::AcqRel);
        self.cancelled = Some((now, back));
    }
}
