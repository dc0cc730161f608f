//! The words between the state machine and the world: children, what happens, what is to be done. Values only.

use std::time::Duration;

use crate::verdict::Verdict;

/// The processes that the supervisor starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Child {
    /// Makes a database.
    Create,
    /// The server.
    Server,
    /// Asks the server whether it is in SERVICE.
    Look,
    /// `aku -p start`
    Start,
    /// `aku -p end`
    End,
    /// Beats the ledger.
    Beat,
}

impl Child {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Create, Self::Server, Self::Look, Self::Start, Self::End, Self::Beat];

    /// In messages.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Server => "server",
            Self::Look => "look",
            Self::Start => "start",
            Self::End => "end",
            Self::Beat => "beat",
        }
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Death {
    /// By itself, with an exit code.
    Code(u8),
    /// By a signal.
    Signal(u8),
}

impl Death {
    /// The exit code that stands for it, as in a shell: 128 + n for a signal.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128_u8.saturating_add(signal),
        }
    }
}

/// Whether there is a database for the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Inspection {
    /// There are data files: a restart.
    Data,
    /// There is not one: a first start.
    Empty,
    /// Nobody said where data files are, so nothing is decided by them.
    NotLooked,
    /// The pod cannot be started; the exit code says why, and the edge has the words.
    Unfit(u8),
}

/// Clocks that ring once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// The server is looked at.
    Look,
    /// A start is tried again.
    Retry,
    /// It is said that the pod still waits.
    Remind,
    /// The ledger is beaten.
    Beat,
    /// A start that was asked to stop has had its time.
    PutBack,
    /// An end has had its time.
    End,
    /// The server is killed.
    Kill,
}

impl Timer {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Look, Self::Retry, Self::Remind, Self::Beat, Self::PutBack, Self::End, Self::Kill];

    /// In messages.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Retry => "retry",
            Self::Remind => "remind",
            Self::Beat => "beat",
            Self::PutBack => "put back",
            Self::End => "end",
            Self::Kill => "kill",
        }
    }
}

/// What somebody outside wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wish {
    /// SIGTERM, SIGINT, SIGQUIT: the pod is to end.
    Stop,
    /// SIGHUP: a start is to be tried now.
    Again,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// The answer to [`Effect::Inspect`].
    Inspected(Inspection),
    /// A signal from outside.
    Wished(Wish),
    /// A child ended and was reaped.
    Ended(Child, Death),
    /// A start ended so, and the marker is there, which is the last thing that a start does: it was killed right after that,
    /// or somebody else joined the pod meanwhile.
    Marked(Death),
    /// A child could not be started.
    NoChild(Child),
    /// A clock.
    Rang(Timer),
}

/// What is sent to a child's process group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sent {
    /// The signal that stops a server in order; only for [`Child::Server`], only in SERVICE, only once
    /// (`measured.md` 9.3).
    Stop,
    /// SIGTERM; never for [`Child::Server`].
    Term,
    /// SIGKILL.
    Kill,
}

/// What is told in the log, and in the termination message when a person should know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum News {
    /// The container cannot start; the edge has the words.
    Unfit,
    /// No data file, and nobody said that a database is to be made.
    NoDatabase,
    /// A database is made.
    Creating,
    /// The program that makes one ended, and there is none.
    NotCreated,
    /// The server was started.
    Booting,
    /// It still boots.
    StillBooting,
    /// The server answers; the pod is joined.
    Joining,
    /// The pod serves.
    Serving,
    /// A start did not join the pod; the next one is tried after the pause.
    Parked {
        /// Why.
        verdict: Verdict,
        /// How it ended; `None` when it could not be started.
        how: Option<Death>,
        /// Until the next one.
        pause: Duration,
    },
    /// The pod still waits.
    StillParked,
    /// The pod is ended.
    Ending,
    /// The pod was ended.
    Ended,
    /// It was not, or not wholly: what it has not delivered stays with it, and the others keep log for it.
    NotEnded,
    /// The server is stopped.
    Stopping,
    /// The pod is to end while it is joined: the start puts back what it did.
    BrokenOff,
    /// The pod is to end before the server is in SERVICE, where a signal is a crash.
    WaitsForService,
    /// The pod is to end while its database is made.
    WaitsForCreation,
    /// Asked once more, and nothing more can be done.
    Hurried,
    /// The time is over.
    Killed,
    /// The server ended.
    ServerGone(Death),
    /// A child could not be started.
    NoChild(Child),
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// The start marker of an earlier life is deleted.
    DeleteMarker,
    /// It is looked whether the pod can start.
    Inspect,
    /// A child is started, in a process group of its own.
    Spawn(Child),
    /// Its process group gets a signal.
    Send(Child, Sent),
    /// A clock is set; it replaces the one before.
    Arm(Timer, Duration),
    /// Something is told.
    Tell(News),
    /// The supervisor ends with this code.
    Exit(u8),
}
