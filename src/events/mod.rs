//! What a run tells programs: one JSON document per line, in the file of `--events` and in the journal
//! (`contract.md` 2.8, 2.9). Decides the shapes; writes nothing. Never holds a secret: statements have none.
//!
//! The first line is [`What::RunStart`], the last always [`What::RunEnd`]; `seq` counts from 1 without gaps. Readers
//! ignore fields and events that they do not know.

mod of;
pub mod schema;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    plan::{ActionId, MilestoneId, PodState},
    topology::Ordinal,
};

/// Version of the shapes; grows only when a reader of an older one would go wrong.
pub const VERSION: u32 = 1;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "aku event")]
pub struct Line {
    /// From 1, without gaps.
    pub seq: u64,
    /// UTC with microseconds, by the clock of the machine; may go back when that clock is set.
    #[schemars(extend("format" = "date-time"))]
    pub ts: String,
    /// The run.
    pub run_id: String,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// The run begins.
    RunStart {
        /// Version of the shapes.
        v: u32,
        /// Version of the program.
        aku: String,
        /// Its process.
        pid: u32,
        /// Its machine.
        host: String,
        /// What was asked for, e.g. `aku apply start`.
        command: String,
    },
    /// The lock of the run.
    Lock {
        /// What became of it.
        state: LockState,
        /// Pods: those it is held on, or the one that is waited for.
        pods: Vec<Ordinal>,
        /// Who has it instead.
        holder: Option<String>,
        /// Milliseconds.
        waited_ms: u64,
    },
    /// One pod as the plan sees it.
    Pod {
        /// Which.
        ordinal: Ordinal,
        /// What it is.
        state: PodState,
        /// In a few words.
        detail: String,
    },
    /// What is going to be done.
    Plan {
        /// `start`, `end`, ...
        goal: String,
        /// The pod it is about.
        ordinal: Ordinal,
        /// AKU_STS_NAME
        statefulset: String,
        /// `none`, `catch-up` or `full`.
        transfer: String,
        /// Digest of the file it comes from; none for a plan that was made by the run itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        digest: Option<String>,
        /// Points that many actions lead to and that others wait for; no actions themselves.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        milestones: Vec<Reached>,
        /// Every action.
        actions: Vec<Planned>,
    },
    /// An action is begun.
    ActionStart {
        /// Which.
        id: ActionId,
        /// The pod it is sent to.
        ordinal: Ordinal,
        /// In words.
        what: String,
    },
    /// A changing statement is about to be sent (journal only).
    Intent {
        /// Counts the statements of the run, from 1.
        statement: u64,
        /// The action.
        id: ActionId,
        /// The pod.
        ordinal: Ordinal,
        /// Its text.
        sql: String,
    },
    /// It came back (journal only). An intent without this one is unknown.
    StatementEnd {
        /// Which.
        statement: u64,
        /// How.
        outcome: StatementOutcome,
        /// What the database said.
        error: Option<DbFault>,
    },
    /// A long action is still at it; at most 10 s apart.
    ActionProgress {
        /// Which.
        id: ActionId,
        /// Milliseconds since it began.
        elapsed_ms: u64,
        /// Rows so far, where known.
        rows_done: Option<u64>,
        /// Rows in all, where known.
        rows_total: Option<u64>,
        /// What it waits for.
        doing: String,
    },
    /// An attempt failed in a way that may pass.
    ActionRetry {
        /// Which.
        id: ActionId,
        /// The attempt that failed, from 1.
        attempt: u32,
        /// Pause before the next, milliseconds.
        delay_ms: u64,
        /// What the database said.
        error: DbFault,
    },
    /// An action is over.
    ActionEnd {
        /// Which.
        id: ActionId,
        /// How.
        outcome: ActionOutcome,
        /// Microseconds, where it was done.
        took_us: Option<u64>,
        /// What was found or done.
        said: Option<String>,
        /// What went wrong.
        error: Option<ActionFault>,
    },
    /// An action was not begun.
    ActionSkipped {
        /// Which.
        id: ActionId,
        /// Whether somebody misses it.
        kind: SkipKind,
        /// The failed action behind it.
        because_of: Option<ActionId>,
        /// In words.
        why: String,
    },
    /// A signal came.
    Signal {
        /// `SIGINT`, `SIGTERM` or `SIGHUP`.
        name: String,
        /// The how manieth, from 1.
        count: u32,
    },
    /// Something a person should know.
    Diagnostic {
        /// How bad.
        severity: Severity,
        /// Stable word.
        code: String,
        /// What, one sentence.
        text: String,
        /// What to do.
        next: Vec<String>,
    },
    /// A statement of an earlier run whose outcome nobody knew, after a look at the pods.
    Resolved {
        /// The earlier run.
        of_run: String,
        /// Its action.
        id: ActionId,
        /// In words.
        what: String,
        /// What the look showed.
        verdict: Verdict,
    },
    /// The run is over; nothing follows.
    RunEnd {
        /// How.
        outcome: RunOutcome,
        /// Exit code of the process.
        exit_code: u8,
        /// Actions that were done or were so already.
        done: Vec<ActionId>,
        /// Actions that failed.
        failed: Vec<ActionId>,
        /// Actions that may or may not have been done.
        unknown: Vec<ActionId>,
        /// Actions that were not begun.
        not_run: Vec<ActionId>,
        /// What to type to go on.
        resume_cmd: Option<String>,
    },
}

/// One action of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Planned {
    /// Its number.
    pub id: ActionId,
    /// The pod it is sent to.
    pub ordinal: Ordinal,
    /// In words.
    pub what: String,
    /// Actions that it waits for.
    pub after: Vec<ActionId>,
    /// Milestones that it waits for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub milestones: Vec<MilestoneId>,
}

/// A point that many actions lead to and that others wait for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reached {
    /// Its number.
    pub id: MilestoneId,
    /// The actions that lead to it.
    pub actions: Vec<ActionId>,
}

/// What became of the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LockState {
    /// Another run has it.
    Waiting,
    /// It is held.
    Held,
    /// It was not had in time.
    Refused,
}

/// How a statement came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatementOutcome {
    /// The server said that it is done.
    Ok,
    /// The server refused it.
    Failed,
    /// The link was lost: it may or may not have been done.
    Lost,
}

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionOutcome {
    /// Done by this run.
    Done,
    /// It was so already.
    Already,
    /// It was not done.
    Failed,
    /// It may or may not have been done.
    Unknown,
}

/// Why an action was not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SkipKind {
    /// What it needs was not done, or the run was stopped.
    NotRun,
    /// What it would take back is needed.
    NotNeeded,
}

/// How bad a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The run ends without its goal.
    Error,
    /// To be minded.
    Warning,
}

/// What a look showed of a statement whose outcome nobody knew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The new plan has the same step: it was not done, or has to be done again.
    PlannedAgain,
    /// The new plan does without it: it was done, or is not needed any more.
    NotNeeded,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// The goal is reached.
    Done,
    /// Nothing was to be done.
    NothingToDo,
    /// Some actions failed.
    Partial,
    /// Stopped by a signal or a deadline.
    Stopped,
    /// Broken off by a second signal.
    Aborted,
    /// Nothing was changed: refused, locked, stale, bad input, out of reach.
    Refused,
    /// A defect of the program.
    Internal,
}

/// What the database said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DbFault {
    /// Five characters.
    pub sqlstate: String,
    /// Vendor code.
    pub native: i32,
    /// Its words.
    pub message: String,
}

/// What went wrong in an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActionFault {
    /// Stable code, e.g. `E120`.
    pub code: String,
    /// The pod it happened on.
    pub ordinal: Ordinal,
    /// The statement, if one was sent.
    pub sql: Option<String>,
    /// What the database said.
    pub database: Option<DbFault>,
    /// What it means.
    pub meaning: String,
    /// What to do next.
    pub next: Vec<String>,
    /// Attempts made.
    pub attempts: u32,
}
