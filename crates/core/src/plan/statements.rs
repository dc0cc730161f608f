//! Which changing statements an operation sends.

use super::Op;
use crate::{conf::Switch, desired::ReplicationAddress, sql::ChangeSql, topology::Target};

impl Op {
    /// The changing statements it sends, in order, as far as they are known before it runs (a fence closes whatever
    /// sessions it finds, and a ledger that is not there is made first). Empty for steps that only look, wait, or touch the marker.
    #[must_use]
    pub fn statements(&self) -> Vec<ChangeSql> {
        match self {
            Self::CreateReplication { name, host, port, targets, shape, .. } => vec![ChangeSql::CreateReplication {
                name: name.clone(),
                host: host.clone(),
                port: *port,
                targets: targets.clone(),
                shape: shape.clone(),
            }],
            Self::DropReplication { name, .. } => vec![ChangeSql::DropReplication(name.clone())],
            Self::AddTable { name, target, .. } => {
                vec![ChangeSql::AddTable { name: name.clone(), target: target.clone() }]
            }
            Self::DropTable { name, target, remote, .. } => {
                vec![ChangeSql::DropTable { name: name.clone(), target: target.clone(), remote: remote.clone() }]
            }
            Self::ChangeHost { name, host, port, old, .. } => {
                let add = ChangeSql::AddHost { name: name.clone(), host: host.clone(), port: *port };
                let drop = |a: &ReplicationAddress| ChangeSql::DropHost {
                    name: name.clone(),
                    host: a.host.clone(),
                    port: a.port,
                };
                std::iter::once(add).chain(old.iter().map(drop)).collect()
            }
            Self::ClearOption { name, option, .. } => {
                vec![ChangeSql::ClearOption { name: name.clone(), option: *option }]
            }
            Self::SetOption { name, option, .. } => {
                vec![ChangeSql::SetOption { name: name.clone(), option: *option }]
            }
            Self::SetLogPath { name, path, .. } => {
                vec![ChangeSql::SetOffline { name: name.clone(), path: path.clone() }]
            }
            Self::ReadLogs { name, .. } => vec![ChangeSql::StartOffline(name.clone())],
            Self::Start { name, .. } | Self::Retry { name, .. } => vec![ChangeSql::StartRetry(name.clone())],
            Self::Pin { name, .. } => vec![ChangeSql::StartRetry(name.clone()), ChangeSql::Stop(name.clone())],
            Self::Anchor { name, targets, lock_s, held_s, .. } => {
                let lock = |(i, table)| ChangeSql::LockTable { table, wait_s: if i == 0 { *lock_s } else { 0 } };
                [ChangeSql::SessionIdleTimeout(*held_s), ChangeSql::SessionAutocommit(Switch::Off)]
                    .into_iter()
                    .chain(Target::tables(targets).into_iter().enumerate().map(lock))
                    .chain([ChangeSql::Start(name.clone()), ChangeSql::Stop(name.clone()), ChangeSql::Commit])
                    .collect()
            }
            Self::Stop { name, .. } => vec![ChangeSql::Stop(name.clone())],
            Self::Reset { name, .. } => vec![ChangeSql::Reset(name.clone())],
            Self::Unpin { name, .. } => vec![ChangeSql::Stop(name.clone()), ChangeSql::Reset(name.clone())],
            Self::Flush { name, wait_s, .. } => vec![ChangeSql::Flush { name: name.clone(), wait_s: *wait_s }],
            Self::SetProperty { property, to, .. } => {
                vec![ChangeSql::SetSystem { property: property.name(), value: *to }]
            }
            Self::Truncate { target, .. } => vec![ChangeSql::Truncate(target.clone())],
            Self::Sync { name, parallel, .. } => vec![ChangeSql::Sync { name: name.clone(), parallel: *parallel }],
            Self::SyncTables { name, parallel, targets, .. } => {
                vec![ChangeSql::SyncTables { name: name.clone(), parallel: *parallel, targets: targets.clone() }]
            }
            Self::CheckContents { names, wait_s, .. } => {
                names.iter().map(|name| ChangeSql::Flush { name: name.clone(), wait_s: *wait_s }).collect()
            }
            Self::Fence => vec![ChangeSql::SetSystem { property: "ADMIN_MODE", value: 1 }],
            Self::Open => vec![ChangeSql::SetSystem { property: "ADMIN_MODE", value: 0 }],
            Self::WriteLedger { ledger } => vec![ChangeSql::UpdateLedger(ledger.clone())],
            // Behind it, a statement for each row: its values are read from the right pod when it runs.
            Self::MendRows(_) | Self::DeleteRows(_) => vec![ChangeSql::SessionReplicationOff],
            Self::Drain { .. }
            | Self::CheckQuiet { .. }
            | Self::CheckEmpty { .. }
            | Self::CheckHolds { .. }
            | Self::CheckDelivered { .. }
            | Self::Delay { .. }
            | Self::WriteMarker
            | Self::RemoveMarker => Vec::new(),
        }
    }
}
