//! Rows of one table that a repair touches on one pod.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    observe::SeenRow,
    topology::{Identifier, Ordinal, Target},
};

/// Rows of one table that are made the same as on another pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RowRepair {
    /// Table or partition.
    pub target: Target,
    /// The pod that holds what is right.
    pub right: Ordinal,
    /// The pods that were compared, in the order of each row's prints.
    pub pods: Vec<Ordinal>,
    /// Columns of the primary key, in its order.
    pub by: Vec<Identifier>,
    /// The rows. One that any pod shows otherwise by then is left alone.
    pub rows: Vec<SeenRow>,
}
