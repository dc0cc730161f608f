//! What kind of operation each is: its word, its effect, its object.

use super::{action::Op, effect::Effect};
use crate::topology::ReplicationName;

impl Op {
    /// Its word in the file of a plan.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::CreateReplication { .. } => "create-replication",
            Self::DropReplication { .. } => "drop-replication",
            Self::AddTable { .. } => "add-table",
            Self::DropTable { .. } => "drop-table",
            Self::ChangeHost { .. } => "change-host",
            Self::ClearOption { .. } => "clear-option",
            Self::SetOption { .. } => "set-option",
            Self::SetLogPath { .. } => "set-log-path",
            Self::ReadLogs { .. } => "read-logs",
            Self::Retry { .. } => "retry",
            Self::Start { .. } => "start",
            Self::Pin { .. } => "pin",
            Self::Anchor { .. } => "anchor",
            Self::Drain { .. } => "drain",
            Self::Stop { .. } => "stop",
            Self::Reset { .. } => "reset",
            Self::Unpin { .. } => "unpin",
            Self::Flush { .. } => "flush",
            Self::SetProperty { .. } => "set-property",
            Self::CheckQuiet { .. } => "check-quiet",
            Self::Truncate { .. } => "truncate",
            Self::CheckEmpty { .. } => "check-empty",
            Self::Sync { .. } => "sync",
            Self::SyncTables { .. } => "sync-tables",
            Self::CheckContents { .. } => "check-contents",
            Self::CheckHolds { .. } => "check-holds",
            Self::Fence => "fence",
            Self::CheckDelivered { .. } => "check-delivered",
            Self::Delay { .. } => "delay",
            Self::Open => "open",
            Self::WriteMarker => "write-marker",
            Self::RemoveMarker => "remove-marker",
            Self::WriteLedger { .. } => "write-ledger",
            Self::MendRows(_) => "mend-rows",
            Self::DeleteRows(_) => "delete-rows",
        }
    }

    /// What it can do.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match self {
            Self::CreateReplication { .. }
            | Self::AddTable { .. }
            | Self::DropTable { .. }
            | Self::ChangeHost { .. }
            | Self::ClearOption { .. }
            | Self::SetOption { .. }
            | Self::SetLogPath { .. } => Effect::Define,
            Self::DropReplication { .. } => Effect::RemovesDefinition,
            Self::Start { .. }
            | Self::Pin { .. }
            | Self::Anchor { .. }
            | Self::Stop { .. }
            | Self::Flush { .. }
            | Self::Retry { .. } => Effect::Run,
            Self::Reset { .. } | Self::Unpin { .. } => Effect::ForgetsPosition,
            Self::SetProperty { .. } | Self::Fence | Self::Open => Effect::Setting,
            Self::Truncate { .. } | Self::DeleteRows(_) => Effect::DeletesRows,
            Self::Sync { .. } | Self::SyncTables { .. } | Self::MendRows(_) | Self::ReadLogs { .. } => {
                Effect::CopiesRows
            }
            Self::Drain { .. }
            | Self::CheckQuiet { .. }
            | Self::CheckEmpty { .. }
            | Self::CheckContents { .. }
            | Self::CheckHolds { .. }
            | Self::CheckDelivered { .. }
            | Self::Delay { .. } => Effect::Observe,
            Self::WriteMarker | Self::RemoveMarker | Self::WriteLedger { .. } => Effect::Marks,
        }
    }

    /// The replication object it is about, if it is about one.
    #[must_use]
    pub fn object(&self) -> Option<&ReplicationName> {
        match self {
            Self::CreateReplication { name, .. }
            | Self::DropReplication { name, .. }
            | Self::Start { name, .. }
            | Self::Pin { name, .. }
            | Self::Anchor { name, .. }
            | Self::Stop { name, .. }
            | Self::Reset { name, .. }
            | Self::Unpin { name, .. }
            | Self::Flush { name, .. }
            | Self::AddTable { name, .. }
            | Self::DropTable { name, .. }
            | Self::ChangeHost { name, .. }
            | Self::ClearOption { name, .. }
            | Self::SetOption { name, .. }
            | Self::SetLogPath { name, .. }
            | Self::ReadLogs { name, .. }
            | Self::Retry { name, .. }
            | Self::SyncTables { name, .. }
            | Self::Sync { name, .. } => Some(name),
            Self::Drain { .. }
            | Self::SetProperty { .. }
            | Self::CheckQuiet { .. }
            | Self::Truncate { .. }
            | Self::CheckEmpty { .. }
            | Self::CheckContents { .. }
            | Self::CheckHolds { .. }
            | Self::Fence
            | Self::CheckDelivered { .. }
            | Self::Delay { .. }
            | Self::Open
            | Self::WriteMarker
            | Self::RemoveMarker
            | Self::WriteLedger { .. }
            | Self::MendRows(_)
            | Self::DeleteRows(_) => None,
        }
    }
}
