//! Rows that differ between pods, as a comparison saw them: keys and prints, never the values of other columns. A repair
//! is planned from this.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::topology::{Identifier, Ordinal, ReplicationName, Target};

/// A row in a few digits: two rows with the same print hold the same values. It tells nobody what they are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct RowPrint(pub String);

/// One row that is not the same on all pods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SeenRow {
    /// Values of its primary key, as the server writes them.
    pub key: Vec<String>,
    /// What each pod holds, in the order of the pods; `null` where it has no such row.
    pub seen: Vec<Option<RowPrint>>,
}

/// What a comparison of all pods found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Compared {
    /// Pods whose rows were read, in order.
    pub pods: Vec<Ordinal>,
    /// Pods that may hold a copy and could not be read.
    pub unread: Vec<Ordinal>,
    /// Tables and partitions that are not the same everywhere, or of which nobody can tell.
    pub tables: Vec<ComparedTable>,
}

/// What was found in one table or partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ComparedTable {
    /// Which.
    pub target: Target,
    /// Columns of its primary key, in its order.
    pub by: Vec<Identifier>,
    /// Rows that stayed different while they were looked at again.
    pub rows: Vec<SeenRow>,
    /// Further rows that differed at first sight and are not listed.
    pub left: u64,
    /// Rows that changed whenever they were looked at: they are left alone.
    pub changing: u64,
    /// Why nothing can be repaired here; the end of a sentence.
    pub cannot: Option<String>,
    /// Streams of it whose FLUSH did not return before the rows were read for the last time: what they carry may be on its way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undelivered: Vec<Undelivered>,
}

/// A stream between two pods that were compared, which is not known to be empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Undelivered {
    /// The pod that sends.
    pub pod: Ordinal,
    /// The replication object.
    pub name: ReplicationName,
    /// The database's words.
    pub said: String,
}
