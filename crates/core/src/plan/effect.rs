//! What actions can do to rows and definitions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an action can do to people's rows and definitions (`contract.md` 2.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Only looks, or waits.
    Observe,
    /// CREATE REPLICATION, ADD and DROP TABLE, ADD and DROP HOST
    Define,
    /// START, STOP, pin, FLUSH
    Run,
    /// SYNC, INSERT and UPDATE of rows that differ
    CopiesRows,
    /// RESET
    ForgetsPosition,
    /// DROP REPLICATION
    RemovesDefinition,
    /// TRUNCATE, DELETE of rows that differ
    DeletesRows,
    /// ALTER SYSTEM, fence, open
    Setting,
    /// The marker file, the ledger
    Marks,
}
