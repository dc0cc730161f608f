//! The plan: a DAG of actions, each with a reason. Types and their order; making one is the planner's.

pub mod action;
mod direct;
mod effect;
pub mod graph;
mod kinds;
mod milestone;
pub mod reason;
mod row_repair;
mod statements;
pub mod wire;
pub mod words;

pub use action::{Action, ActionId, Depth, Expect, Op, RunWhen};
pub use direct::Direct;
pub use effect::Effect;
pub use graph::{Graph, GraphError, Point, critical_path, order};
pub use milestone::{After, Before, Milestone, MilestoneId, Numbers, Thinned};
pub use reason::{Code, Reason};
pub use row_repair::RowRepair;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::{
    desired::Goal,
    logs::LogPath,
    observe::{Compared, RowCount, Side},
    topology::{Ordinal, ReplicationName, Target},
};

/// What is to be done, and why. Immutable once made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "wire::Plan<'_>")]
#[schemars(with = "wire::Plan<'_>")]
pub struct Plan {
    /// What it is for.
    pub goal: Goal,
    /// AKU_STS_NAME
    pub statefulset: String,
    /// How the pod's rows come to be right, and why.
    pub decision: Decision,
    /// Every pod with what was seen of it.
    pub pods: Vec<PodLine>,
    /// Things a person should know that are no actions.
    pub notes: Vec<Reason>,
    /// What must be approved by name before this plan may be applied.
    pub approvals: Vec<Approval>,
    /// The actions; an action's `after` names earlier ones only.
    pub actions: Vec<Action>,
    /// How many objects were looked at and are right already.
    pub already_right: usize,
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// Pods that the plan does not know enough of: those that cannot be looked at, and, where it is about the whole cluster,
    /// members that are down (DESIGN D19).
    pub fn unknown(&self) -> impl Iterator<Item = &PodLine> {
        let whole = self.goal.single().is_none();
        self.pods.iter().filter(move |line| match line.state {
            PodState::Broken => true,
            PodState::MemberDown => whole,
            PodState::Joined | PodState::JoinedClosed | PodState::NotJoined | PodState::Absent => false,
        })
    }

    /// What it was planned from, where it repairs rows.
    #[must_use]
    pub fn compared(&self) -> Option<&Compared> {
        match &self.decision {
            Decision::Repair { compared, .. } => Some(compared),
            Decision::None { .. } | Decision::CatchUp { .. } | Decision::Full { .. } | Decision::Logs { .. } => None,
        }
    }

    /// Where its survivors read the logs of a dead pod, where it is about that.
    #[must_use]
    pub fn log_paths(&self) -> Option<&BTreeMap<Ordinal, LogPath>> {
        match &self.decision {
            Decision::Logs { paths, .. } => Some(paths),
            Decision::None { .. } | Decision::CatchUp { .. } | Decision::Full { .. } | Decision::Repair { .. } => None,
        }
    }

    /// The action with that id.
    #[must_use]
    pub fn action(&self, id: ActionId) -> Option<&Action> {
        // The planner numbers them in order, from 1.
        let at = usize::try_from(id.0).ok()?.checked_sub(1);
        let there = at.and_then(|at| self.actions.get(at)).filter(|a| a.id == id);
        there.or_else(|| self.actions.iter().find(|a| a.id == id))
    }
}

/// One pod in the head of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PodLine {
    /// Which.
    pub pod: Ordinal,
    /// What it is.
    pub state: PodState,
    /// Server version, address or what the driver said, in a few words.
    pub detail: String,
}

/// What a pod is to the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PodState {
    /// In service and live with the source in both directions.
    Joined,
    /// Its copy is complete, and users are not admitted: `JOINED` of `aku status`.
    JoinedClosed,
    /// Answers, but is not joined: starting, ended, or never started.
    NotJoined,
    /// Nobody there, and nobody keeps log for it: not created yet, or left in an orderly way.
    Absent,
    /// Nobody there, but a joined pod keeps log for it (DESIGN D1).
    MemberDown,
    /// Cannot be looked at.
    Broken,
}

/// How the rows of the pod come to be right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "transfer")]
pub enum Decision {
    /// No rows need to move (pod 0, an end, a clean, or nothing to do).
    None {
        /// Why.
        because: Vec<Reason>,
    },
    /// Both sides kept their place in the log: the senders deliver what is missing (Galera: IST).
    CatchUp {
        /// Why.
        because: Vec<Reason>,
    },
    /// The targets are emptied and copied anew from `source` (Galera: SST).
    Full {
        /// The pod rows are copied from.
        source: Ordinal,
        /// Why.
        because: Vec<Reason>,
        /// What is at stake, per target.
        rows: Vec<RowsAtStake>,
        /// Sides of the joiner whose unsent rows cannot be delivered before they are deleted.
        unsent: Vec<Unsent>,
    },
    /// Single rows are made the same.
    Repair {
        /// What is done in which table, on which pod.
        because: Vec<Reason>,
        /// What was seen of the rows.
        compared: Box<Compared>,
    },
    /// Survivors read the logs of a dead pod in its stead.
    Logs {
        /// Whose logs they are, and how that is known, for each survivor.
        because: Vec<Reason>,
        /// The directory, for each survivor that reads one.
        #[serde(deserialize_with = "paths_by_text")]
        paths: BTreeMap<Ordinal, LogPath>,
    },
}

/// A map as JSON holds it: inside a tagged decision serde no longer takes its keys for numbers.
fn paths_by_text<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<Ordinal, LogPath>, D::Error> {
    let keyed = BTreeMap::<String, LogPath>::deserialize(from)?;
    let pod = |text: &str| text.parse().map_err(|_| D::Error::custom(format!("\"{text}\" is no number of a pod")));
    keyed.into_iter().map(|(text, path)| Ok((pod(&text)?, path))).collect()
}

/// Rows of one target in a full transfer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RowsAtStake {
    /// The table or partition.
    pub target: Target,
    /// Rows that will be deleted on the joiner.
    pub joiner: RowCount,
    /// Rows of the surviving copy.
    pub source: RowCount,
}

/// A side of the joiner that cannot deliver what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unsent {
    /// The object.
    pub name: ReplicationName,
    /// The pod that will lack the rows.
    pub peer: Ordinal,
    /// What the joiner's side looks like.
    pub side: Side,
}

/// Something a person must say yes to by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Approval {
    /// What kind of thing it is.
    pub class: ApprovalClass,
    /// `<statefulset>/<ordinal>`; of `deletes-surplus` with table and number of rows behind it.
    pub scope: String,
    /// What would happen, in one sentence.
    pub because: String,
}

/// Classes of approval (`--approve CLASS[=SCOPE]`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalClass {
    /// TRUNCATE of a replica whose surviving copy is named in the plan.
    DeletesRows,
    /// DROP REPLICATION.
    RemovesDefinition,
    /// Joining or ending beside a member that is down.
    MemberDown,
    /// Copying over a pod that has rows from a source that is empty, or that may have begun anew.
    EmptySource,
    /// Rows that were never sent are deleted, or a copy is made without them.
    LosesUnsent,
    /// Copying from a pod that may hold only part of the rows.
    UnprovedSource,
    /// Rows that the right pod does not have are deleted: `<statefulset>/<ordinal>/<table>/<rows>`.
    DeletesSurplus,
    /// Logs are read of which a person has to know whose they are, and that they are whole.
    UnprovedLogs,
}

impl ApprovalClass {
    /// The word of the flag.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeletesRows => "deletes-rows",
            Self::RemovesDefinition => "removes-definition",
            Self::MemberDown => "member-down",
            Self::EmptySource => "empty-source",
            Self::LosesUnsent => "loses-unsent",
            Self::UnprovedSource => "unproved-source",
            Self::DeletesSurplus => "deletes-surplus",
            Self::UnprovedLogs => "unproved-logs",
        }
    }
}

/// No plan: going on could lose rows, or cannot reach the goal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refusal {
    /// Whether the answer is "no" or "cannot tell".
    pub kind: RefusalKind,
    /// The first is the headline, the rest are details; all of them are reasons.
    pub because: Vec<Reason>,
    /// What to do, one sentence or command each.
    pub next: Vec<String>,
}

/// Why there is no plan, as the exit code tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalKind {
    /// Protection: exit 3.
    Refused,
    /// The view is incomplete: exit 7.
    CannotTell,
    /// The checker caught the planner: exit 1.
    OurBug,
}
