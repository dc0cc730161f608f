//! What follows from what: the states of the first process, and what is to be done at every input. No clock, no I/O.
//!
//! It must never send a server anything but its stop signal (once, in SERVICE) and, when the grace is over, SIGKILL: SIGTERM
//! is a crash to Altibase, and so is SIGINT before SERVICE (`measured.md` 9.3). It must never start a second server.

mod clocks;

use std::collections::BTreeSet;

use crate::{
    model::{Child, Death, Effect, Input, Inspection, News, Sent, Timer, Wish},
    rules::{Creation, Rules},
    verdict::{self, BROKEN_TRIES, Verdict},
};

/// Exit code: the pod was not ended wholly, and the server was stopped (`contract.md` 2.3).
pub const NOT_ENDED: u8 = 8;
/// Exit code: there is no database.
pub const NO_DATABASE: u8 = 66;
/// Exit code: a program could not be started.
pub const NO_PROGRAM: u8 = 70;

/// Counters stop here: nothing depends on more.
const MANY: u32 = 8;

/// Before there is a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Init {
    /// It is looked whether the pod can start.
    Checking,
    /// A database is made.
    Creating,
    /// It is looked whether there is one now.
    Created,
}

/// What the end of the container waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stopping {
    /// The program that makes a database: half of one would be worse than none.
    Creation,
    /// SERVICE: before it nothing may be sent to the server.
    Service,
    /// A start that puts back what it did.
    PutBack,
    /// The server, which has got its stop signal.
    Server,
    /// Whatever was killed.
    Killed,
}

/// Where the container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Before there is a server.
    Init(Init),
    /// The server boots.
    Boot,
    /// A start runs.
    Join,
    /// No start runs, and the pod is not joined: the server is up and closed to users.
    Parked(Verdict),
    /// The pod is joined and open.
    Serve,
    /// An end runs.
    End,
    /// The container is to end.
    Stop(Stopping),
    /// It ends, with this code.
    Over(u8),
}

impl State {
    /// As in messages, in the file of the state and in the documents.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Init(_) => "INIT",
            Self::Boot => "BOOT",
            Self::Join => "JOIN",
            Self::Parked(_) => "PARKED",
            Self::Serve => "SERVE",
            Self::End => "END",
            Self::Stop(_) => "STOP",
            Self::Over(_) => "EXIT",
        }
    }
}

/// What became of the end of the pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Left {
    /// The pod was never opened, or is open.
    NotDue,
    /// In order.
    InOrder,
    /// With something undelivered.
    Undelivered,
}

/// The state machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Machine {
    state: State,
    left: Left,
    /// Starts in a row that failed and may succeed by themselves.
    later: u32,
    /// Starts in a row that broke.
    broken: u32,
    alive: BTreeSet<Child>,
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

impl Machine {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new() -> Self {
        Self { state: State::Init(Init::Checking), left: Left::NotDue, later: 0, broken: 0, alive: BTreeSet::new() }
    }

    /// In one state, for tables: everything that such a state has started is alive.
    #[must_use]
    pub fn in_state(state: State) -> Self {
        let alive: &[Child] = match state {
            State::Init(Init::Checking | Init::Created) | State::Over(_) => &[],
            State::Init(Init::Creating) | State::Stop(Stopping::Creation) => &[Child::Create],
            State::Boot | State::Stop(Stopping::Service) => &[Child::Server, Child::Look],
            State::Join | State::Stop(Stopping::PutBack) => &[Child::Server, Child::Start],
            State::Parked(_) | State::Stop(Stopping::Server | Stopping::Killed) => &[Child::Server],
            State::Serve => &[Child::Server, Child::Beat],
            State::End => &[Child::Server, Child::End],
        };
        Self { state, alive: alive.iter().copied().collect(), ..Self::new() }
    }

    /// What is done first.
    #[must_use]
    pub fn begin(&self) -> Vec<Effect> {
        vec![Effect::DeleteMarker, Effect::Inspect]
    }

    /// Where it is.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The children that were started and have not ended.
    #[must_use]
    pub const fn alive(&self) -> &BTreeSet<Child> {
        &self.alive
    }

    /// Takes an input, and says what is to be done, in order.
    pub fn step(&mut self, rules: &Rules, input: Input) -> Vec<Effect> {
        match input {
            Input::Ended(child, _) | Input::NoChild(child) => {
                self.alive.remove(&child);
            }
            Input::Marked(_) => {
                self.alive.remove(&Child::Start);
            }
            Input::Inspected(_) | Input::Wished(_) | Input::Rang(_) => {}
        }
        let effects = match input {
            Input::Inspected(found) => self.inspected(rules, found),
            Input::Wished(Wish::Stop) => self.stop(rules),
            Input::Wished(Wish::Again) => self.again(),
            Input::Ended(Child::Create, how) => self.create_ended(how),
            Input::Ended(Child::Server, how) => self.server_ended(how),
            Input::Ended(Child::Look, how) => self.look_ended(rules, how),
            Input::Ended(Child::Start, how) => self.start_ended(rules, Some(how)),
            Input::Marked(_) => self.start_ended(rules, Some(Death::Code(0))),
            Input::Ended(Child::End, how) => self.end_ended(Some(how)),
            Input::Ended(Child::Beat, _) => self.beat_ended(rules),
            Input::NoChild(child) => self.no_child(rules, child),
            Input::Rang(timer) => self.rang(rules, timer),
        };
        for effect in &effects {
            if let Effect::Spawn(child) = effect {
                self.alive.insert(*child);
            }
        }
        effects
    }

    fn over(&mut self, news: Option<News>, code: u8) -> Vec<Effect> {
        self.state = State::Over(code);
        let kills = self.alive.iter().map(|child| Effect::Send(*child, Sent::Kill));
        news.map(Effect::Tell).into_iter().chain(kills).chain([Effect::Exit(code)]).collect()
    }

    fn inspected(&mut self, rules: &Rules, found: Inspection) -> Vec<Effect> {
        let checking = match self.state {
            State::Init(init @ (Init::Checking | Init::Created)) => init,
            State::Init(Init::Creating)
            | State::Boot
            | State::Join
            | State::Parked(_)
            | State::Serve
            | State::End
            | State::Stop(_)
            | State::Over(_) => return Vec::new(),
        };
        match (found, checking, rules.creation) {
            (Inspection::Unfit(code), _, _) => self.over(Some(News::Unfit), code),
            (Inspection::Data | Inspection::NotLooked, _, _) => {
                self.state = State::Boot;
                vec![
                    Effect::Tell(News::Booting),
                    Effect::Spawn(Child::Server),
                    Effect::Arm(Timer::Look, rules.look),
                    Effect::Arm(Timer::Remind, rules.remind),
                ]
            }
            (Inspection::Empty, Init::Created, _) => self.over(Some(News::NotCreated), NO_PROGRAM),
            (Inspection::Empty, Init::Checking, Creation::WhenEmpty) => {
                self.state = State::Init(Init::Creating);
                vec![Effect::Tell(News::Creating), Effect::Spawn(Child::Create)]
            }
            (Inspection::Empty, Init::Checking | Init::Creating, _) => self.over(Some(News::NoDatabase), NO_DATABASE),
        }
    }

    /// The first wish sets the clocks: the grace runs from here.
    fn stop(&mut self, rules: &Rules) -> Vec<Effect> {
        let clocks = [Effect::Arm(Timer::End, rules.budget.end()), Effect::Arm(Timer::Kill, rules.budget.kill())];
        let to = |machine: &mut Self, stopping, more: &[Effect]| {
            machine.state = State::Stop(stopping);
            [&clocks[..], more].concat()
        };
        match self.state {
            State::Init(Init::Checking | Init::Created) => self.over(None, 0),
            State::Init(Init::Creating) => to(self, Stopping::Creation, &[Effect::Tell(News::WaitsForCreation)]),
            State::Boot => to(self, Stopping::Service, &[Effect::Tell(News::WaitsForService)]),
            State::Join => to(
                self,
                Stopping::PutBack,
                &[
                    Effect::Tell(News::BrokenOff),
                    Effect::Send(Child::Start, Sent::Term),
                    Effect::Arm(Timer::PutBack, rules.budget.put_back()),
                ],
            ),
            State::Parked(_) => [clocks.to_vec(), self.ask_server()].concat(),
            State::Serve => [clocks.to_vec(), self.end()].concat(),
            State::End => {
                self.left = Left::Undelivered;
                let hurry = vec![Effect::Tell(News::NotEnded), Effect::Send(Child::End, Sent::Term)];
                [hurry, self.ask_server()].concat()
            }
            State::Stop(Stopping::PutBack) => {
                [vec![Effect::Send(Child::Start, Sent::Term)], self.ask_server()].concat()
            }
            State::Stop(Stopping::Creation | Stopping::Service | Stopping::Server | Stopping::Killed) => {
                vec![Effect::Tell(News::Hurried)]
            }
            State::Over(_) => Vec::new(),
        }
    }

    /// Starts it, unless one is still there.
    fn one(&self, child: Child) -> Vec<Effect> {
        if self.alive.contains(&child) { Vec::new() } else { vec![Effect::Spawn(child)] }
    }

    /// The one place that stops a server. It is in SERVICE, and got nothing yet.
    fn ask_server(&mut self) -> Vec<Effect> {
        self.state = State::Stop(Stopping::Server);
        vec![Effect::Tell(News::Stopping), Effect::Send(Child::Server, Sent::Stop)]
    }

    fn end(&mut self) -> Vec<Effect> {
        self.state = State::End;
        let beat = self.alive.contains(&Child::Beat).then_some(Effect::Send(Child::Beat, Sent::Kill));
        [Effect::Tell(News::Ending)].into_iter().chain(beat).chain([Effect::Spawn(Child::End)]).collect()
    }

    fn join(&mut self) -> Vec<Effect> {
        self.state = State::Join;
        vec![Effect::Tell(News::Joining), Effect::Spawn(Child::Start)]
    }

    fn again(&mut self) -> Vec<Effect> {
        match self.state {
            State::Parked(_) => self.join(),
            State::Init(_)
            | State::Boot
            | State::Join
            | State::Serve
            | State::End
            | State::Stop(_)
            | State::Over(_) => Vec::new(),
        }
    }

    fn create_ended(&mut self, how: Death) -> Vec<Effect> {
        match self.state {
            // The program's exit code says nothing (`server create` ends with 0 whatever happened): the files do.
            State::Init(Init::Creating) => {
                self.state = State::Init(Init::Created);
                vec![Effect::Inspect]
            }
            State::Stop(Stopping::Creation) => self.over(None, 0),
            State::Stop(Stopping::Killed) => self.over(None, how.code()),
            State::Init(Init::Checking | Init::Created)
            | State::Boot
            | State::Join
            | State::Parked(_)
            | State::Serve
            | State::End
            | State::Stop(Stopping::Service | Stopping::PutBack | Stopping::Server)
            | State::Over(_) => Vec::new(),
        }
    }

    fn server_ended(&mut self, how: Death) -> Vec<Effect> {
        let code = match (self.state, how, self.left) {
            (State::Over(_), ..) => return Vec::new(),
            (State::End, Death::Code(0), _) | (State::Stop(_), Death::Code(0), Left::Undelivered) => NOT_ENDED,
            (
                State::Init(_)
                | State::Boot
                | State::Join
                | State::Parked(_)
                | State::Serve
                | State::End
                | State::Stop(_),
                how,
                Left::NotDue | Left::InOrder | Left::Undelivered,
            ) => how.code(),
        };
        self.over(Some(News::ServerGone(how)), code)
    }

    fn look_ended(&mut self, rules: &Rules, how: Death) -> Vec<Effect> {
        let in_service = how == Death::Code(0);
        match (self.state, in_service) {
            (State::Boot, true) => self.join(),
            (State::Stop(Stopping::Service), true) => self.ask_server(),
            (State::Boot | State::Stop(Stopping::Service), false) => {
                vec![Effect::Arm(Timer::Look, rules.next_look(how))]
            }
            (
                State::Init(_)
                | State::Join
                | State::Parked(_)
                | State::Serve
                | State::End
                | State::Stop(Stopping::Creation | Stopping::PutBack | Stopping::Server | Stopping::Killed)
                | State::Over(_),
                _,
            ) => Vec::new(),
        }
    }

    /// `None`: it could not be started.
    fn start_ended(&mut self, rules: &Rules, how: Option<Death>) -> Vec<Effect> {
        let verdict = how.map_or(Verdict::Later, verdict::of_start);
        match (self.state, verdict) {
            (State::Join, Verdict::Joined) => {
                (self.later, self.broken) = (0, 0);
                self.state = State::Serve;
                let beat = rules.beat.map(|every| Effect::Arm(Timer::Beat, every));
                [Effect::Tell(News::Serving)].into_iter().chain(beat).collect()
            }
            (State::Join, Verdict::Later | Verdict::Refused | Verdict::Broken) => self.parked(rules, verdict, how),
            // It was over before it was asked to stop: users may be in, so the pod is ended.
            (State::Stop(Stopping::PutBack), Verdict::Joined) => self.end(),
            (State::Stop(Stopping::PutBack), Verdict::Later | Verdict::Refused | Verdict::Broken) => self.ask_server(),
            (
                State::Init(_)
                | State::Boot
                | State::Parked(_)
                | State::Serve
                | State::End
                | State::Stop(Stopping::Creation | Stopping::Service | Stopping::Server | Stopping::Killed)
                | State::Over(_),
                _,
            ) => Vec::new(),
        }
    }

    fn parked(&mut self, rules: &Rules, verdict: Verdict, how: Option<Death>) -> Vec<Effect> {
        let more = |n: u32| (n + 1).min(MANY);
        (self.later, self.broken) = match verdict {
            Verdict::Later => (more(self.later), 0),
            Verdict::Broken => (0, more(self.broken)),
            Verdict::Refused | Verdict::Joined => (0, 0),
        };
        let pause = match verdict {
            Verdict::Later => rules.pause(self.later),
            Verdict::Broken if self.broken <= BROKEN_TRIES => rules.pause(self.broken),
            Verdict::Broken | Verdict::Refused | Verdict::Joined => rules.long_pause(),
        };
        self.state = State::Parked(verdict);
        vec![Effect::Tell(News::Parked { verdict, how, pause }), Effect::Arm(Timer::Retry, pause)]
    }

    /// `None`: it could not be started.
    fn end_ended(&mut self, how: Option<Death>) -> Vec<Effect> {
        match self.state {
            State::End => {
                let (left, news) = match how {
                    Some(Death::Code(0)) => (Left::InOrder, News::Ended),
                    Some(Death::Code(_) | Death::Signal(_)) | None => (Left::Undelivered, News::NotEnded),
                };
                self.left = left;
                [vec![Effect::Tell(news)], self.ask_server()].concat()
            }
            State::Init(_)
            | State::Boot
            | State::Join
            | State::Parked(_)
            | State::Serve
            | State::Stop(_)
            | State::Over(_) => Vec::new(),
        }
    }

    fn beat_ended(&mut self, rules: &Rules) -> Vec<Effect> {
        match (self.state, rules.beat) {
            (State::Serve, Some(every)) => vec![Effect::Arm(Timer::Beat, every)],
            (
                State::Init(_)
                | State::Boot
                | State::Join
                | State::Parked(_)
                | State::Serve
                | State::End
                | State::Stop(_)
                | State::Over(_),
                _,
            ) => Vec::new(),
        }
    }

    fn no_child(&mut self, rules: &Rules, child: Child) -> Vec<Effect> {
        match (child, self.state) {
            (_, State::Over(_)) => Vec::new(),
            (Child::Server | Child::Create, _) => self.over(Some(News::NoChild(child)), NO_PROGRAM),
            // As an answer that says no.
            (Child::Look, _) => self.look_ended(rules, Death::Code(NO_PROGRAM)),
            (Child::Start, _) => self.start_ended(rules, None),
            (Child::End, _) => self.end_ended(None),
            (Child::Beat, _) => self.beat_ended(rules),
        }
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
