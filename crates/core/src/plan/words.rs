//! How one action is called: verb, object and details, for people and for events.

use super::{Expect, Op, RowRepair, action::Depth};
use crate::{
    attributes::{GroupMode, Shape},
    topology::{Ordinal, ReplicationName},
    words::{count, counted},
};

/// The parts of an action's line; what is not there is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// What is done, one word.
    pub verb: &'static str,
    /// What it is done to: an object, a table, a property. Never cut.
    pub object: String,
    /// The other pod.
    pub peer: String,
    /// Its address.
    pub address: String,
    /// The rest.
    pub detail: String,
}

fn bound(wait_s: u32) -> String {
    format!("at most {wait_s} s")
}

/// The words of an action.
#[must_use]
pub fn words(op: &Op) -> Words {
    let on = |verb, object: String| Words { verb, object, ..Words::default() };
    let to = |verb, object: &ReplicationName, peer: Ordinal| Words {
        peer: format!("to pod {peer}"),
        ..on(verb, object.to_string())
    };
    match op {
        Op::CreateReplication { name, peer, host, port, targets, shape } => Words {
            address: format!("{host}:{port}"),
            detail: shaped(counted(targets.len(), "target"), shape),
            ..to("create", name, *peer)
        },
        Op::DropReplication { name, peer } => to("drop", name, *peer),
        Op::AddTable { name, peer, target } => Words { detail: target.to_string(), ..to("add table", name, *peer) },
        Op::DropTable { name, peer, target, .. } => {
            Words { detail: target.to_string(), ..to("drop table", name, *peer) }
        }
        Op::ChangeHost { name, peer, host, port, .. } => {
            Words { address: format!("{host}:{port}"), ..to("change host", name, *peer) }
        }
        Op::ClearOption { name, peer, option } => {
            Words { detail: option.to_string(), ..to("clear option", name, *peer) }
        }
        Op::SetOption { name, peer, option } => Words { detail: option.to_string(), ..to("set option", name, *peer) },
        Op::SetLogPath { name, peer, path } => {
            Words { peer: format!("of pod {peer}"), detail: path.to_string(), ..on("set log path", name.to_string()) }
        }
        Op::ReadLogs { name, peer, path } => {
            Words { peer: format!("of pod {peer}"), detail: path.to_string(), ..on("read logs", name.to_string()) }
        }
        Op::Retry { name, peer } => Words { detail: "waits for it".to_owned(), ..to("start retry", name, *peer) },
        Op::Start { name, peer, expect } => Words { detail: starts_at(*expect).to_owned(), ..to("start", name, *peer) },
        Op::Pin { name, peer } => Words { detail: "keeps log from now on".to_owned(), ..to("pin", name, *peer) },
        Op::Anchor { name, peer, targets, held_s, .. } => Words {
            detail: format!("{} locked {}", counted(targets.len(), "target"), bound(*held_s)),
            ..to("anchor", name, *peer)
        },
        Op::Drain { wait_s } => {
            let detail = bound(*wait_s);
            Words { detail, ..on("wait", "open transactions".to_owned()) }
        }
        Op::Stop { name, peer } => to("stop", name, *peer),
        Op::Reset { name, peer } => to("reset", name, *peer),
        Op::Unpin { name, peer } => to("unpin", name, *peer),
        Op::Flush { name, peer, wait_s } => Words { detail: bound(*wait_s), ..to("flush", name, *peer) },
        Op::SetProperty { property, from, to } => {
            Words { detail: format!("{from} -> {to}"), ..on("set", property.to_string()) }
        }
        Op::CheckQuiet { names } => {
            let detail = format!("{} at -1", counted(names.len(), "position"));
            Words { detail, ..on("check", "nothing arrives".to_owned()) }
        }
        Op::Truncate { target, .. } => on("TRUNCATE", target.to_string()),
        Op::CheckEmpty { targets } => {
            Words { detail: counted(targets.len(), "target"), ..on("check", "no row left".to_owned()) }
        }
        Op::Sync { name, peer, parallel, rows } => {
            let rows = rows.map(|n| count(n, "row") + ", ").unwrap_or_default();
            Words { detail: format!("{rows}parallel {parallel}"), ..to("sync", name, *peer) }
        }
        Op::SyncTables { name, peer, parallel, targets, rows } => {
            let rows = rows.map(|n| count(n, "row") + ", ").unwrap_or_default();
            let detail = format!("{rows}{}, parallel {parallel}", counted(targets.len(), "target"));
            Words { detail, ..to("sync table", name, *peer) }
        }
        Op::CheckContents { source, targets, depth, .. } => {
            let detail = format!("pod {source}, {}", counted(targets.len(), "target"));
            let what = match depth {
                Depth::Counts => "rows equal",
                Depth::Contents => "every row equal",
            };
            Words { detail, ..on("check", what.to_owned()) }
        }
        Op::CheckHolds { of, targets } => {
            let detail = format!("pod {of}, {}", counted(targets.len(), "target"));
            Words { detail, ..on("check", "rows not fewer".to_owned()) }
        }
        Op::Fence => Words { detail: "close all other sessions".to_owned(), ..on("fence", "ADMIN_MODE 1".to_owned()) },
        Op::CheckDelivered { names } => {
            Words { detail: counted(names.len(), "sender"), ..on("check", "all delivered".to_owned()) }
        }
        Op::Delay { seconds: s } => Words { detail: format!("{s} s"), ..on("wait", "start delay".to_owned()) },
        Op::Open => Words { detail: "users are admitted".to_owned(), ..on("open", "ADMIN_MODE 0".to_owned()) },
        Op::WriteMarker => on("mark", "start completed".to_owned()),
        Op::RemoveMarker => on("unmark", "start completed".to_owned()),
        Op::WriteLedger { ledger } => Words {
            detail: format!(
                "cluster {}, incarnation {}, {}",
                ledger.cluster.short(),
                ledger.incarnation,
                ledger.standing.as_str()
            ),
            ..on("note", format!("ledger, run {}", ledger.run))
        },
        Op::MendRows(rows) => Words { detail: as_on(rows), ..on("mend rows", rows.target.to_string()) },
        Op::DeleteRows(rows) => Words { detail: as_on(rows), ..on("DELETE ROWS", rows.target.to_string()) },
    }
}

fn as_on(repair: &RowRepair) -> String {
    format!("{}, as on pod {}", counted(repair.rows.len(), "row"), repair.right)
}

/// `2 targets, EAGER, AS MASTER, OPTIONS GAPLESS`
fn shaped(targets: String, shape: &Shape) -> String {
    let mode = match shape.mode {
        GroupMode::Lazy => None,
        GroupMode::Eager => Some(shape.mode.as_str().to_owned()),
    };
    [targets].into_iter().chain(mode).chain(shape.clauses()).collect::<Vec<_>>().join(", ")
}

fn starts_at(expect: Expect) -> &'static str {
    match expect {
        Expect::Live => "from its position",
        Expect::Fresh => "from now",
    }
}

/// `sync AKU_REP_02 to pod 2`, `set REPLICATION_DDL_ENABLE 0 -> 1`, for progress and errors.
#[must_use]
pub fn short(op: &Op) -> String {
    let w = words(op);
    let more = match op {
        Op::SetProperty { .. } => w.detail,
        _ => w.peer,
    };
    let more = if more.is_empty() { more } else { format!(" {more}") };
    format!("{} {}{more}", w.verb, w.object)
}

/// How many of a kind were done, for summaries: `3 created`, `1 row copied` is said elsewhere.
#[must_use]
pub fn kind(op: &Op) -> &'static str {
    match op {
        Op::CreateReplication { .. } => "create",
        Op::DropReplication { .. } => "DROP",
        Op::AddTable { .. } => "add table",
        Op::DropTable { .. } => "drop table",
        Op::ChangeHost { .. } => "change host",
        Op::ClearOption { .. } => "clear option",
        Op::SetOption { .. } => "set option",
        Op::SetLogPath { .. } => "set log path",
        Op::ReadLogs { .. } => "read logs",
        Op::Retry { .. } => "start retry",
        Op::SyncTables { .. } => "sync table",
        Op::Start { .. } => "start",
        Op::Pin { .. } => "pin",
        Op::Anchor { .. } => "anchor",
        Op::Stop { .. } => "stop",
        Op::Reset { .. } => "reset",
        Op::Unpin { .. } => "unpin",
        Op::Flush { .. } => "flush",
        Op::SetProperty { .. } => "set",
        Op::Truncate { .. } => "TRUNCATE",
        Op::Sync { .. } => "sync",
        Op::CheckQuiet { .. }
        | Op::CheckEmpty { .. }
        | Op::CheckContents { .. }
        | Op::CheckHolds { .. }
        | Op::CheckDelivered { .. } => "check",
        Op::Drain { .. } | Op::Delay { .. } => "wait",
        Op::Fence => "fence",
        Op::Open => "open",
        Op::WriteMarker | Op::RemoveMarker => "mark",
        Op::WriteLedger { .. } => "note",
        Op::MendRows(_) => "mend rows",
        Op::DeleteRows(_) => "DELETE ROWS",
    }
}
