//! What happens during a run, as values. Rendering holds no logic; this holds no text layout.

use std::{collections::BTreeMap, time::Duration};

use crate::{db::DbError, plan::ActionId, topology::Ordinal};

/// How an action ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done by this run.
    Done {
        /// Wall time.
        took: Duration,
        /// What was found or done, when there is something worth saying ("1,204 rows").
        said: Option<String>,
    },
    /// It was so already; nothing was sent but SELECTs.
    Already,
    /// It failed, and what it was to do was not done.
    Failed(ActionError),
    /// The link or the time ran out in the middle: it may or may not have been done.
    Unknown(ActionError),
    /// Not begun.
    NotRun {
        /// The failed action it depends on, if that is why.
        because_of: Option<ActionId>,
        /// In words.
        why: String,
    },
    /// Not begun, because what it would take back is needed (an undo of something that worked).
    NotNeeded {
        /// In words.
        why: String,
    },
}

/// What went wrong in an action (DESIGN D13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionError {
    /// Stable code, e.g. `E120`.
    pub code: &'static str,
    /// The pod it happened on.
    pub pod: Ordinal,
    /// The statement, if one was sent.
    pub statement: Option<String>,
    /// The database's words, if it said something.
    pub error: Option<DbError>,
    /// What it means, one sentence.
    pub meaning: String,
    /// What to type or to look at next, one each.
    pub next: Vec<String>,
    /// Attempts made.
    pub attempts: u32,
}

/// Something worth telling while the run goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The run begins.
    RunStart,
    /// An action is begun.
    ActionStart {
        /// Which.
        id: ActionId,
    },
    /// A long action is still at it; at most 10 s apart.
    Progress {
        /// Which.
        id: ActionId,
        /// Since it began.
        elapsed: Duration,
        /// Rows done so far and in all, where known.
        rows: Option<(u64, Option<u64>)>,
        /// What it waits for, in a few words.
        doing: String,
    },
    /// A statement failed in a way that may pass; it is tried again.
    Retry {
        /// Which.
        id: ActionId,
        /// Attempt that failed, from 1.
        attempt: u32,
        /// Pause before the next.
        delay: Duration,
        /// What the database said.
        error: DbError,
    },
    /// An action is over.
    ActionEnd {
        /// Which.
        id: ActionId,
        /// How.
        outcome: Outcome,
    },
    /// A signal came.
    Signal {
        /// `SIGINT`, `SIGTERM`, `SIGHUP`.
        name: &'static str,
    },
    /// The run is over.
    RunEnd,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// One entry for every action of the plan.
    pub outcomes: BTreeMap<ActionId, Outcome>,
    /// Wall time of the whole.
    pub took: Duration,
    /// The signal or deadline that stopped it, in words.
    pub stopped: Option<String>,
}

impl Report {
    /// Actions that ended in a way.
    pub fn ids(&self, is: impl Fn(&Outcome) -> bool) -> Vec<ActionId> {
        self.outcomes.iter().filter(|(_, o)| is(o)).map(|(id, _)| *id).collect()
    }

    /// Whether every action is done, was so already, or turned out not to be needed.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.outcomes.values().all(|o| match o {
            Outcome::Done { .. } | Outcome::Already | Outcome::NotNeeded { .. } => true,
            Outcome::Failed(_) | Outcome::Unknown(_) | Outcome::NotRun { .. } => false,
        })
    }
}
