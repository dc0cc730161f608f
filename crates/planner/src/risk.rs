//! What a plan can cost, as figures.

use aku_core::plan::{Decision, Op, Plan};
use serde::Serialize;

/// What a plan can cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Risk {
    /// Rows that are deleted on the joining pod, or single ones by a repair; text, because it may exceed what JSON readers keep.
    pub rows_deleted: String,
    /// Whether every row was counted.
    pub rows_deleted_is: Exactness,
    /// Tables and partitions that are emptied.
    pub targets_emptied: usize,
    /// Definitions that are removed.
    pub definitions_removed: usize,
    /// Sides whose unsent rows cannot be delivered any more.
    pub sides_lost: usize,
}

/// Whether a number is the whole truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Exactness {
    /// Yes.
    Exact,
    /// Something was not counted.
    AtLeast,
}

impl Risk {
    /// Of a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let (rows, lost) = match &plan.decision {
            Decision::Full { rows, unsent, .. } => (rows.as_slice(), unsent.len()),
            Decision::None { .. } | Decision::CatchUp { .. } | Decision::Repair { .. } | Decision::Logs { .. } => {
                (&[][..], 0)
            }
        };
        let single: usize =
            plan.actions.iter().map(|a| if let Op::DeleteRows(repair) = &a.op { repair.rows.len() } else { 0 }).sum();
        let known = rows.iter().map(|r| r.joiner.at_least()).sum::<u64>() + u64::try_from(single).unwrap_or(u64::MAX);
        let exact = rows.iter().all(|r| r.joiner.exact().is_some());
        let count = |is: fn(&Op) -> bool| plan.actions.iter().filter(|a| is(&a.op)).count();
        Self {
            rows_deleted: known.to_string(),
            rows_deleted_is: if exact { Exactness::Exact } else { Exactness::AtLeast },
            targets_emptied: count(|op| matches!(op, Op::Truncate { .. })),
            definitions_removed: count(|op| matches!(op, Op::DropReplication { .. })),
            sides_lost: lost,
        }
    }
}
