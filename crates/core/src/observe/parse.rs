//! Catalog rows to values. Columns by name; what an older server lacks is absent, not an error (DESIGN D9).

use std::collections::BTreeMap;

use foldhash::HashSet;

use super::{
    Items, TableName,
    model::{CharacterSets, Client, Conflicts, GiveUp, Item, Mode, Replication, Sender, Sending, Server, Stamp, Table},
};
use crate::{
    attributes::ObjectOption,
    desired::ReplicationAddress,
    ledger,
    sql::{Row, Rows},
    topology::{Identifier, Position, ReplicationName, Target},
};

/// The raw answers about replication objects of one pod.
pub struct Catalog<'a> {
    pub replications: &'a Rows,
    pub hosts: &'a Rows,
    pub items: &'a Rows,
    pub senders: &'a Rows,
    pub receivers: &'a Rows,
    pub gaps: &'a Rows,
    /// What aku.conf names, so that the same names are kept once for all pods.
    pub wanted: &'a [Target],
}

fn name(row: Row<'_>, column: &str) -> Option<ReplicationName> {
    ReplicationName::exact(row.text(column)?).ok()
}

pub fn server(rows: &Rows) -> Server {
    rows.iter().next().map_or_else(Server::default, |row| Server {
        version: row.text("PRODUCT_VERSION"),
        replication_protocol: row.text("REPL_PROTOCOL_VERSION"),
        started_at_s: row.int("STARTUP_TIME_SEC"),
        database: row.text("DB_NAME"),
        signature: row.text("DB_SIGNATURE"),
        characters: characters(row),
        time_zone: row.text("TIME_ZONE").filter(|zone| !["OS_TZ", "DB_TZ"].contains(&zone.as_str())),
    })
}

fn characters(row: Row<'_>) -> Option<CharacterSets> {
    Some(CharacterSets { database: row.text("NLS_CHARACTERSET")?, national: row.text("NLS_NCHAR_CHARACTERSET")? })
}

pub fn properties(rows: &Rows) -> BTreeMap<String, String> {
    rows.iter().filter_map(|row| Some((row.text("NAME")?, row.text("VALUE1")?))).collect()
}

/// What a row of V$REPSENDER says of its sender.
pub fn sender(row: Row<'_>) -> Sender {
    match (row.int("STATUS"), row.int("NET_ERROR_FLAG")) {
        (Some(6), _) => Sender::Syncing,
        (Some(0 | 2) | None, _) | (_, Some(1)) => Sender::Trying,
        _ => Sender::Running,
    }
}

fn target(row: Row<'_>, side: &str, unit_is_partition: bool) -> Option<Target> {
    let part = |what: &str| row.text(&format!("{side}_{what}_NAME")).and_then(|n| Identifier::exact(n).ok());
    Some(Target {
        user: part("USER")?,
        table: part("TABLE")?,
        partition: if unit_is_partition { part("PARTITION") } else { None },
    })
}

/// What is left to send, V$REPGAP.REP_GAP. A sender that retries and never connected shows a number below zero as a size in
/// MiB, which wraps (`measured.md` 9.8): that means "unknown", and so does every negative number.
pub fn gap(row: Row<'_>) -> Option<i64> {
    const WRAPPED: std::ops::RangeInclusive<i64> = (1 << 44) - (1 << 24)..=1 << 44;
    row.int("REP_GAP").filter(|n| *n >= 0 && !WRAPPED.contains(n))
}

/// How far a sender is. One that never connected shows REP_SN -1; one that is at the end may be ahead of the number beside it.
fn sending(row: Row<'_>) -> Option<Sending> {
    let sn = |column| row.int(column).and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0);
    let (at, end) = (sn("REP_SN")?, sn("REP_LAST_SN")?);
    Some(Sending { at: at.min(end), end })
}

/// A row of the catalog that cannot be read, so that nobody can tell what the pod holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} of SYS_REPLICATIONS_ or its items cannot be read, so what this pod holds is not known")]
pub struct Unreadable {
    what: String,
}

fn unreadable(what: impl Into<String>) -> Unreadable {
    Unreadable { what: what.into() }
}

fn shared(known: &mut HashSet<Target>, target: Target) -> Target {
    if let Some(same) = known.get(&target) {
        return same.clone();
    }
    known.insert(target.clone());
    target
}

/// Every object. What is not there is told by an answer without rows, never by one that cannot be read.
pub fn replications(c: &Catalog<'_>) -> Result<BTreeMap<ReplicationName, Replication>, Unreadable> {
    for (rows, column) in [(c.replications, "REPLICATION_NAME"), (c.items, "REPLICATION_NAME")] {
        if !rows.columns.iter().any(|c| c.eq_ignore_ascii_case(column)) {
            return Err(unreadable("an answer without columns"));
        }
    }
    let mut all = BTreeMap::new();
    for row in c.replications.iter() {
        let name = name(row, "REPLICATION_NAME").ok_or_else(|| unreadable("the name of an object"))?;
        let read = bare(row).ok_or_else(|| unreadable(format!("XSN or IS_STARTED of {name}")))?;
        all.entry(name).or_insert(read);
    }
    for row in c.hosts.iter() {
        let Some(r) = name(row, "REPLICATION_NAME").and_then(|n| all.get_mut(&n)) else { continue };
        let port = row.int("PORT_NO").and_then(|p| u16::try_from(p).ok());
        if let (Some(host), Some(port)) = (row.text("HOST_IP"), port) {
            r.hosts.push(ReplicationAddress { host, port });
        }
    }
    // The same table is an item of one object per peer: kept once.
    let mut known: HashSet<Target> = c.wanted.iter().cloned().collect();
    for row in c.items.iter() {
        let Some(r) = name(row, "REPLICATION_NAME").and_then(|n| all.get_mut(&n)) else { continue };
        let partition = row.text("REPLICATION_UNIT").as_deref() == Some("P");
        let (Some(local), Some(remote)) = (target(row, "LOCAL", partition), target(row, "REMOTE", partition)) else {
            return Err(unreadable("an item"));
        };
        r.items.insert(Item { local: shared(&mut known, local), remote: shared(&mut known, remote) });
    }
    for row in c.senders.iter() {
        if let Some(r) = name(row, "REP_NAME").and_then(|n| all.get_mut(&n)) {
            r.sender = sender(row);
        }
    }
    for row in c.receivers.iter() {
        let count = |column| row.int(column).unwrap_or(0);
        if let Some(r) = name(row, "REP_NAME").and_then(|n| all.get_mut(&n)) {
            let applied = row.int("APPLY_XSN").and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0);
            r.applied = r.applied.max(applied);
            r.receiver = Some(Conflicts {
                insert: count("INSERT_FAILURE_COUNT"),
                update: count("UPDATE_FAILURE_COUNT"),
                delete: count("DELETE_FAILURE_COUNT"),
            });
        }
    }
    for row in c.gaps.iter() {
        if let Some(r) = name(row, "REP_NAME").and_then(|n| all.get_mut(&n)) {
            r.gap = gap(row);
            r.sending = sending(row);
        }
    }
    Ok(all)
}

/// An object without its hosts and items. `None` where the two columns that every release has are no numbers.
pub fn bare(row: Row<'_>) -> Option<Replication> {
    let number = |column| row.int(column).unwrap_or(0);
    Some(Replication {
        is_started: row.int("IS_STARTED")? != 0,
        position: Position::from_catalog(row.int("XSN")?),
        gave_up: row.text("GIVE_UP_TIME").map(|at| GiveUp { at, xsn: row.int("GIVE_UP_XSN") }),
        mode: Mode::from_catalog(number("REPL_MODE")),
        role: number("ROLE"),
        options: number("OPTIONS"),
        conflict_resolution: number("CONFLICT_RESOLUTION"),
        parallel_applier: number("PARALLEL_APPLIER_COUNT"),
        applier_buffer: row
            .int("APPLIER_INIT_BUFFER_SIZE")
            .filter(|_| number("OPTIONS") & ObjectOption::Parallel.bit() != 0),
        hosts: Vec::new(),
        items: Items::default(),
        sender: Sender::None,
        receiver: None,
        gap: None,
        sending: None,
        applied: None,
    })
}

pub fn tables(tables: &Rows, constraints: &Rows, partitions: &Rows) -> BTreeMap<TableName, Table> {
    let key = |row: Row<'_>| {
        Some(TableName {
            user: Identifier::exact(row.text("USER_NAME")?).ok()?,
            table: Identifier::exact(row.text("TABLE_NAME")?).ok()?,
        })
    };
    let mut all: BTreeMap<_, Table> = tables
        .iter()
        // Our own table is nobody's target.
        .filter(|row| {
            let is = |column, name| row.text(column).as_deref() == Some(name);
            !(is("USER_NAME", ledger::OWNER) && is("TABLE_NAME", ledger::TABLE))
        })
        .filter_map(|row| {
            let is_table = row.text("TABLE_TYPE").as_deref() == Some("T");
            Some((key(row)?, Table { is_table, timestamp: Stamp::Lacks, ..Table::default() }))
        })
        .collect();
    for row in constraints.iter() {
        let Some(table) = key(row).and_then(|k| all.get_mut(&k)) else { continue };
        match row.int("CONSTRAINT_TYPE") {
            Some(0) => table.foreign_key = true,
            Some(3) => table.primary_key = true,
            Some(5) => table.timestamp = Stamp::Has,
            _ => {}
        }
    }
    for row in partitions.iter() {
        let partition = row.text("PARTITION_NAME").and_then(|n| Identifier::exact(n).ok());
        if let (Some(table), Some(partition)) = (key(row).and_then(|k| all.get_mut(&k)), partition) {
            table.partitions.insert(partition);
        }
    }
    all
}

/// Everybody but the session that asked; the server's own threads have no user.
pub fn clients(rows: &Rows) -> Vec<Client> {
    let mut kinds: BTreeMap<(String, String, String, bool), usize> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.int("ID") != row.int("OWN")) {
        let Some(user) = row.text("DB_USERNAME") else { continue };
        let from = row.text("COMM_NAME").unwrap_or_default();
        let from = from.rsplit_once(':').map_or(from.as_str(), |(host, _port)| host).to_owned();
        let app = row.text("CLIENT_APP_INFO").unwrap_or_default();
        *kinds.entry((user, app, from, row.int("SYSDBA_FLAG") == Some(1))).or_default() += 1;
    }
    let client = |((user, app, from, sysdba), sessions)| Client { user, app, from, sysdba, sessions };
    kinds.into_iter().map(client).collect()
}
