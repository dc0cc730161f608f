//! The operations. Each looks at the pod right before it acts, so that what is so already is not done again, and
//! refuses what it cannot decide. None decides whether to try again.

mod anchor;
mod checks;
mod contents;
mod define;
mod fence;
mod items;
mod ledger;
mod marker;
mod offline;
mod repair;
mod rows;
mod settings;
mod streams;
mod sync;
mod waits;

use super::{
    op_error::OpError,
    work::{Ended, Work},
};
use crate::plan::{Depth, Op};

/// Carries out one operation, once.
pub(super) fn perform(work: &mut Work<'_>) -> Result<Ended, OpError> {
    let action = work.action;
    match &action.op {
        Op::CreateReplication { name, host, port, targets, shape, .. } => {
            define::create(work, name, (host, *port), targets, shape)
        }
        Op::DropReplication { name, .. } => define::drop(work, name),
        Op::AddTable { name, target, .. } => items::add_table(work, name, target),
        Op::DropTable { name, target, remote, .. } => items::drop_table(work, name, target, remote),
        Op::ChangeHost { name, host, port, old, .. } => items::change_host(work, name, (host, *port), old),
        Op::ClearOption { name, option, .. } => items::clear_option(work, name, *option),
        Op::SetOption { name, option, .. } => items::set_option(work, name, *option),
        Op::SyncTables { name, parallel, targets, rows, .. } => {
            sync::sync_tables(work, name, *parallel, targets, *rows)
        }
        Op::SetLogPath { name, path, .. } => offline::set_log_path(work, name, path),
        Op::ReadLogs { name, path, .. } => offline::read_logs(work, name, path),
        Op::Retry { name, .. } => offline::retry(work, name),
        Op::Start { name, expect, .. } => streams::start(work, name, *expect),
        Op::Pin { name, .. } => streams::pin(work, name),
        Op::Anchor { name, targets, lock_s, held_s, .. } => anchor::anchor(work, name, targets, (*lock_s, *held_s)),
        Op::Stop { name, .. } => streams::stop(work, name),
        Op::Reset { name, .. } => streams::reset(work, name),
        Op::Unpin { name, .. } => streams::unpin(work, name),
        Op::Drain { wait_s } => waits::drain(work, *wait_s),
        Op::Flush { name, wait_s, .. } => waits::flush(work, action.pod, name, *wait_s),
        Op::Delay { seconds } => waits::delay(work, *seconds),
        Op::CheckDelivered { names } => checks::delivered(work, names),
        Op::CheckQuiet { names } => checks::quiet(work, names),
        Op::CheckEmpty { targets } => checks::empty(work, targets),
        Op::CheckContents { source, names, targets, wait_s, depth } => {
            let counted = checks::contents(work, *source, names, targets, *wait_s)?;
            match depth {
                Depth::Counts => Ok(counted),
                Depth::Contents => contents::every_row(work, *source, names, targets, *wait_s),
            }
        }
        Op::CheckHolds { of, targets } => checks::holds(work, *of, targets),
        Op::Truncate { target, source } => rows::truncate(work, target, *source),
        Op::Sync { name, parallel, rows, .. } => sync::sync(work, name, *parallel, *rows),
        Op::SetProperty { property, from, to } => settings::set_property(work, *property, *from, *to),
        Op::Open => settings::open(work),
        Op::Fence => fence::fence(work),
        Op::WriteMarker => marker::write(work),
        Op::RemoveMarker => marker::remove(work),
        Op::WriteLedger { ledger } => ledger::write(work, ledger),
        Op::MendRows(rows) | Op::DeleteRows(rows) => repair::rows(work, rows),
    }
}

/// Whether it uses a session of its pod, and so takes up a lane.
pub(super) fn needs_session(op: &Op) -> bool {
    match op {
        Op::Delay { .. } | Op::WriteMarker | Op::RemoveMarker => false,
        Op::CreateReplication { .. }
        | Op::DropReplication { .. }
        | Op::AddTable { .. }
        | Op::DropTable { .. }
        | Op::ChangeHost { .. }
        | Op::ClearOption { .. }
        | Op::SetOption { .. }
        | Op::SetLogPath { .. }
        | Op::ReadLogs { .. }
        | Op::Retry { .. }
        | Op::SyncTables { .. }
        | Op::Start { .. }
        | Op::Pin { .. }
        | Op::Anchor { .. }
        | Op::Drain { .. }
        | Op::Stop { .. }
        | Op::Reset { .. }
        | Op::Unpin { .. }
        | Op::Flush { .. }
        | Op::SetProperty { .. }
        | Op::CheckQuiet { .. }
        | Op::Truncate { .. }
        | Op::CheckEmpty { .. }
        | Op::Sync { .. }
        | Op::CheckContents { .. }
        | Op::CheckHolds { .. }
        | Op::Fence
        | Op::CheckDelivered { .. }
        | Op::WriteLedger { .. }
        | Op::MendRows(_)
        | Op::DeleteRows(_)
        | Op::Open => true,
    }
}
