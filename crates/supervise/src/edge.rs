//! The edge of the state machine: processes, signals, clocks, files. Decides nothing; does what the machine says.
//!
//! One thread does everything; another turns signals into messages. Children are reaped here and nowhere else, orphans
//! among them. Nothing waits: what a reader of the log or a file could hold up belongs to whoever gives the [`World`].

mod companion;
mod signals;

use std::{
    collections::{BTreeMap, VecDeque},
    fs, io,
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Command, Stdio},
    sync::mpsc::RecvTimeoutError,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, WaitOptions, WaitStatus, getpid, getrlimit,
    kill_process_group, set_child_subreaper, setrlimit, test_kill_process_group, wait, waitid,
};

use self::signals::{Woken, listen};
use crate::{
    data::{self, Data, NotOurs},
    machine::{Machine, State, Stopping},
    model::{Child, Death, Effect, Input, Inspection, News, Sent, Timer},
    note,
    process::ProcessId,
    rules::{NOBODY, Rules},
    status::{Status, one_line},
    words::{self, Facts, Level, Message},
};

/// How often it is looked whether what a server left behind in its group is gone, while it is stopped.
const LINGER: Duration = Duration::from_millis(20);

/// Exit codes of what is found before a server is started (`contract.md` 2.3).
const BAD_DATA: u8 = 65;
const NO_INPUT: u8 = 66;
const LOCKED: u8 = 6;
/// Before a companion that ended is started again.
const COMPANION: Duration = Duration::from_secs(5);

/// Why a pod cannot be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// Exit code.
    pub code: u8,
    /// Why.
    pub words: String,
}

/// Whether somebody listens at the server's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knock {
    /// Certainly nobody.
    Nobody,
    /// Somebody, or it cannot be told so cheaply.
    Perhaps,
}

/// What the supervisor needs of whoever runs it. Nothing of it may wait for long.
pub trait World {
    /// Whether there is everything that the server and the start of its pod need, data files apart.
    ///
    /// # Errors
    /// Something is missing.
    fn check(&mut self) -> Result<(), Unfit>;
    /// The program of a child. `left`: how long an end may take.
    fn command(&mut self, child: Child, left: Duration) -> Command;
    /// A look at the server's port.
    fn knock(&mut self) -> Knock;
    /// A program that runs beside a pod that serves or waits, and changes nothing about it. It is started again when it ends.
    fn companion(&mut self) -> Option<Command> {
        None
    }
    /// A line of the log.
    fn log(&mut self, level: Level, text: &str);
}

/// Files of the supervisor.
#[derive(Clone, Debug)]
pub struct Files {
    /// The start marker.
    pub marker: PathBuf,
    /// Where the supervisor says how it is.
    pub status: PathBuf,
    /// Where a start or an end leaves in words why it failed.
    pub reason: PathBuf,
    /// The termination message, where there is one.
    pub termination: Option<PathBuf>,
    /// Directories of data files; none when they are not to be looked at.
    pub data: Vec<PathBuf>,
}

/// What the supervisor goes by.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Times.
    pub rules: Rules,
    /// What stops the server.
    pub stop_signal: Signal,
    /// Its name.
    pub stop_signal_name: &'static str,
    /// Files.
    pub files: Files,
}

/// Runs until the container is to end; the exit code.
///
/// # Errors
/// There are no signals or no threads to be had. Nothing was started then.
pub fn run(setup: &Setup, world: &mut dyn World) -> io::Result<u8> {
    let inbox = listen()?;
    // Not the first process, as in a lab: orphans come here all the same.
    set_child_subreaper(Some(getpid()))?;
    let mut edge = Edge {
        setup,
        world,
        machine: Machine::new(),
        inputs: VecDeque::new(),
        running: BTreeMap::new(),
        lingers: None,
        clocks: BTreeMap::new(),
        reason: None,
        message: String::new(),
        this: ProcessId::of(std::process::id()),
        published: None,
        exit: None,
        volume: None,
        companion: None,
        next_companion: Instant::now(),
    };
    edge.more_files();
    let first = edge.machine.begin();
    edge.perform(&first);
    loop {
        edge.reap();
        edge.ring();
        edge.work();
        edge.accompany();
        edge.publish();
        if let Some(code) = edge.exit {
            edge.leave();
            return Ok(code);
        }
        let woken = match edge.next_ring() {
            Some(time) => inbox.recv_timeout(time),
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match woken {
            Ok(Woken::Wished(wish)) => edge.inputs.push_back(Input::Wished(wish)),
            Ok(Woken::Child) | Err(RecvTimeoutError::Timeout) => {}
            // The thread of the signals never ends; without it children are still looked at.
            Err(RecvTimeoutError::Disconnected) => thread::sleep(LINGER),
        }
    }
}

struct Edge<'a> {
    setup: &'a Setup,
    world: &'a mut dyn World,
    machine: Machine,
    inputs: VecDeque<Input>,
    running: BTreeMap<Child, Pid>,
    /// A server that ended while others of its process group are still stopping.
    lingers: Option<(Pid, Death)>,
    clocks: BTreeMap<Timer, Instant>,
    /// What somebody said last about why the pod is not joined or not ended.
    reason: Option<String>,
    message: String,
    /// This process; `None` without `/proc`.
    this: Option<ProcessId>,
    published: Option<Status>,
    exit: Option<u8>,
    /// Held while this process lives: the volume is ours.
    volume: Option<fs::File>,
    companion: Option<Pid>,
    next_companion: Instant,
}

impl Edge<'_> {
    /// Feeds the machine until nothing is left.
    fn work(&mut self) {
        while let Some(input) = self.inputs.pop_front() {
            if self.exit.is_some() {
                return;
            }
            self.before(input);
            let effects = self.machine.step(&self.setup.rules, input);
            self.perform(&effects);
        }
    }

    /// What has to be known or done before the machine hears of it.
    fn before(&mut self, input: Input) {
        match input {
            // No program looked, so none left a reason.
            Input::Ended(Child::Look, how) if how == NOBODY => self.reason = None,
            Input::Ended(Child::Look | Child::Start | Child::End, _) => self.reason = self.left_reason(),
            // Killed in the middle, it left half a database: the note stays.
            Input::Ended(Child::Create, Death::Code(_)) => {
                if let Err(e) = data::end_creation(&self.setup.files.data) {
                    self.world.log(Level::Error, &format!("the note of the creation cannot be removed: {e}"));
                }
            }
            Input::Inspected(_)
            | Input::Wished(_)
            | Input::Ended(Child::Create | Child::Server | Child::Beat, _)
            | Input::Marked(_)
            | Input::NoChild(_)
            | Input::Rang(_) => {}
        }
    }

    fn perform(&mut self, effects: &[Effect]) {
        for effect in effects {
            match *effect {
                Effect::DeleteMarker => self.delete(&self.setup.files.marker),
                Effect::Inspect => self.inspect(),
                Effect::Spawn(child) => self.spawn(child),
                Effect::Send(child, what) => self.send(child, what),
                Effect::Arm(timer, time) => {
                    self.clocks.insert(timer, Instant::now() + time);
                }
                Effect::Tell(news) => self.tell(news),
                Effect::Exit(code) => self.exit = Some(code),
            }
        }
    }

    fn delete(&mut self, path: &PathBuf) {
        match fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                self.world.log(Level::Error, &format!("{} cannot be deleted: {e}", path.display()));
            }
            Ok(()) | Err(_) => {}
        }
    }

    fn inspect(&mut self) {
        let (found, words) = self.inspected();
        self.reason = words;
        self.inputs.push_back(Input::Inspected(found));
    }

    fn inspected(&mut self) -> (Inspection, Option<String>) {
        if let Err(unfit) = self.world.check() {
            return (Inspection::Unfit(unfit.code), Some(unfit.words));
        }
        // A marker that cannot be deleted would say that the pod is joined.
        if self.setup.files.marker.exists() {
            let words = format!("the marker of an earlier life stays: {}", self.setup.files.marker.display());
            return (Inspection::Unfit(BAD_DATA), Some(words));
        }
        let dirs = &self.setup.files.data;
        if dirs.is_empty() {
            return (Inspection::NotLooked, None);
        }
        if self.volume.is_none() {
            match data::claim(dirs) {
                Ok(volume) => self.volume = volume,
                Err(NotOurs::Taken(path)) => {
                    let words = format!("another container has this volume: {} is locked", path.display());
                    return (Inspection::Unfit(LOCKED), Some(words));
                }
                // A file system without locks: nothing says that anybody else is there.
                Err(NotOurs::Unknown(e)) => {
                    self.world
                        .log(Level::Warn, &format!("it cannot be told whether another container has this volume: {e}"));
                }
            }
        }
        match data::look(dirs) {
            Ok(Data::There(count, first)) => {
                (Inspection::Data, Some(format!("{count} data files, the first is {}", first.display())))
            }
            Ok(Data::Empty) => {
                let names: Vec<_> = dirs.iter().map(|d| d.display().to_string()).collect();
                (Inspection::Empty, Some(format!("no data file in {}", names.join(" and "))))
            }
            Ok(Data::HalfMade(note)) => {
                let words = format!(
                    "a database was being made when the container was killed; look at the volume, and remove the data files \
                     and {} if there is nothing in it",
                    note.display()
                );
                (Inspection::Unfit(BAD_DATA), Some(words))
            }
            Err(e) => (Inspection::Unfit(NO_INPUT), Some(e.to_string())),
        }
    }

    fn spawn(&mut self, child: Child) {
        match child {
            Child::Look if self.world.knock() == Knock::Nobody => {
                self.inputs.push_back(Input::Ended(Child::Look, NOBODY));
                return;
            }
            Child::Look | Child::Start | Child::End => self.delete(&self.setup.files.reason),
            Child::Create => {
                if let Err(e) = data::begin_creation(&self.setup.files.data) {
                    self.reason = Some(format!("the volume cannot be written: {e}"));
                    self.inputs.push_back(Input::NoChild(child));
                    return;
                }
            }
            Child::Server | Child::Beat => {}
        }
        let left = self.left(Timer::End);
        let mut command = self.world.command(child, left);
        match command.stdin(Stdio::null()).process_group(0).spawn() {
            Ok(process) => match i32::try_from(process.id()).ok().and_then(Pid::from_raw) {
                Some(pid) => {
                    self.running.insert(child, pid);
                }
                None => self.inputs.push_back(Input::NoChild(child)),
            },
            Err(e) => {
                self.reason = Some(format!("{}: {e}", command.get_program().display()));
                if child == Child::Create {
                    // Nothing was made.
                    let _ = data::end_creation(&self.setup.files.data);
                }
                self.inputs.push_back(Input::NoChild(child));
            }
        }
    }

    fn send(&mut self, child: Child, what: Sent) {
        let signal = match what {
            Sent::Stop => self.setup.stop_signal,
            Sent::Term => Signal::TERM,
            Sent::Kill => Signal::KILL,
        };
        let lingering = self.lingers.filter(|_| child == Child::Server).map(|(pid, _)| pid);
        if let Some(group) = self.running.get(&child).copied().or(lingering) {
            // Gone is as good as signalled.
            let _ = kill_process_group(group, signal);
        }
    }

    /// Reaps everything that ended: children in their order, then orphans.
    fn reap(&mut self) {
        for (child, pid) in self.running.clone() {
            let how = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            // What it left behind ends with it, before its number can be another's. A server is looked at below.
            if child != Child::Server && matches!(waitid(WaitId::Pid(pid), how), Ok(Some(_))) {
                let _ = kill_process_group(pid, Signal::KILL);
            }
        }
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if self.companion == Some(pid) {
                self.companion = None;
                self.next_companion = Instant::now() + COMPANION;
            }
            let Some(child) = self.running.iter().find(|(_, p)| **p == pid).map(|(child, _)| *child) else { continue };
            let Some(how) = death(status) else { continue };
            self.running.remove(&child);
            if child == Child::Server && test_kill_process_group(pid).is_ok() {
                if self.machine.state() == State::Stop(Stopping::Server) {
                    self.world
                        .log(Level::Warn, "the server's first process ended; others of its group are still stopping");
                    self.lingers = Some((pid, how));
                    continue;
                }
                let _ = kill_process_group(pid, Signal::KILL);
            }
            let marked = child == Child::Start && how != Death::Code(0) && self.setup.files.marker.exists();
            self.inputs.push_back(if marked { Input::Marked(how) } else { Input::Ended(child, how) });
        }
        if let Some((group, how)) = self.lingers
            && test_kill_process_group(group).is_err()
        {
            self.lingers = None;
            self.inputs.push_back(Input::Ended(Child::Server, how));
        }
    }

    fn ring(&mut self) {
        let now = Instant::now();
        let due: Vec<Timer> = self.clocks.iter().filter(|(_, at)| **at <= now).map(|(timer, _)| *timer).collect();
        for timer in due {
            self.clocks.remove(&timer);
            self.inputs.push_back(Input::Rang(timer));
        }
    }

    fn next_ring(&self) -> Option<Duration> {
        let again = (self.companion.is_none() && self.welcome()).then_some(&self.next_companion);
        let again = again.filter(|at| **at > Instant::now());
        let next = self.clocks.values().chain(again).min().map(|at| at.saturating_duration_since(Instant::now()));
        match (next, self.lingers) {
            (next, Some(_)) => Some(next.map_or(LINGER, |n| n.min(LINGER))),
            (next, None) => next,
        }
    }

    fn left(&self, timer: Timer) -> Duration {
        self.clocks.get(&timer).map_or(self.setup.rules.budget.end(), |at| at.saturating_duration_since(Instant::now()))
    }

    fn left_reason(&mut self) -> Option<String> {
        match note::read(&self.setup.files.reason) {
            Ok(text) => text.filter(|t| !t.trim().is_empty()),
            Err(e) => Some(format!("{} cannot be read: {e}", self.setup.files.reason.display())),
        }
    }

    fn tell(&mut self, news: News) {
        if news == News::Serving {
            self.reason = None;
        }
        let facts = Facts {
            budget: self.setup.rules.budget,
            end_left: self.left(Timer::End),
            reason: self.reason.as_deref(),
            stop_signal: self.setup.stop_signal_name,
        };
        let told = words::told(news, &facts);
        self.world.log(told.level, &told.text);
        match told.message {
            Message::Stays => return,
            Message::Cleared => self.message.clear(),
            Message::Replaced => {
                let reason = self.reason.as_deref().unwrap_or_default();
                self.message = format!("{}\n{reason}\n", told.text);
            }
            Message::Added => {
                // First things last: the tail is cut.
                self.message = format!("{}\n{}", told.text, self.message);
            }
        }
        if let Some(path) = &self.setup.files.termination
            && let Err(e) = note::overwrite(path, &self.message)
        {
            self.world.log(Level::Warn, &format!("{} cannot be written: {e}", path.display()));
        }
    }

    /// Says in the file of the state how it is, when that changed.
    fn publish(&mut self) {
        let id = |pid: &Pid| u32::try_from(pid.as_raw_nonzero().get()).ok().and_then(ProcessId::of);
        let Some(supervisor) = self.this else { return };
        let state = self.machine.state();
        let reason = match state {
            State::Boot | State::Parked(_) | State::Join => self.reason.as_deref().map(|r| one_line(r).to_owned()),
            State::Init(_) | State::Serve | State::End | State::Stop(_) | State::Over(_) => None,
        };
        let known = self.published.as_ref().and_then(|p| p.server);
        let server = self.running.get(&Child::Server).and_then(|pid| known.or_else(|| id(pid)));
        let status = Status { state: state.word().to_owned(), supervisor, server, reason };
        if self.published.as_ref() == Some(&status) {
            return;
        }
        if let Err(e) = note::replace(&self.setup.files.status, &status.text()) {
            self.world.log(Level::Error, &format!("{} cannot be written: {e}", self.setup.files.status.display()));
            return;
        }
        self.published = Some(status);
    }

    /// As many open files as may be had: the limits of the samples are set where a container does not look.
    fn more_files(&mut self) {
        let limit = getrlimit(Resource::Nofile);
        if limit.current < limit.maximum
            && let Err(e) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
        {
            self.world.log(Level::Warn, &format!("the limit of open files stays at {:?}: {e}", limit.current));
        }
    }

    /// Nobody is left behind where this is not the first process.
    fn leave(&mut self) {
        for pid in self.running.values().chain(&self.companion) {
            let _ = kill_process_group(*pid, Signal::KILL);
        }
        let until = Instant::now() + Duration::from_secs(1);
        while (!self.running.is_empty() || self.companion.is_some()) && Instant::now() < until {
            self.reap();
            thread::sleep(Duration::from_millis(2));
        }
        let _ = fs::remove_file(&self.setup.files.status);
    }
}

fn death(status: WaitStatus) -> Option<Death> {
    let small = |n: i32| u8::try_from(n & 0xff).unwrap_or(u8::MAX);
    status
        .exit_status()
        .map(|code| Death::Code(small(code)))
        .or_else(|| status.terminating_signal().map(|signal| Death::Signal(small(signal))))
}
