//! What a pod shows of one object right now: the idempotence checks stand on this. SELECTs only.

use std::collections::BTreeSet;

use super::{codes::Code, op_error::OpError, work::Work};
use crate::{
    attributes::Shape,
    db::{Row, Rows, sql::ReadSql},
    observe::{Mode, Sender, Unlike, gap_of, object_of, sender_of},
    topology::{Identifier, Ordinal, Position, ReplicationName, Target},
};

/// One object as the catalog and V$REPSENDER show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Side {
    pub is_started: bool,
    pub position: Position,
    pub gave_up: Option<String>,
    /// V$REPSENDER has a row: a sender thread exists, connected or not.
    pub sender: bool,
    /// LAZY or EAGER; `None` where the catalog does not tell.
    pub mode: Option<Mode>,
    /// OPTIONS; `None` where the catalog does not tell.
    pub options: Option<i64>,
}

impl Side {
    /// Nothing sends, and nothing is remembered.
    pub fn is_reset(&self) -> bool {
        !self.sender && !self.is_started && !self.position.is_live() && self.gave_up.is_none()
    }
}

fn rows_of<'r>(rows: &'r Rows, column: &'static str, name: &'r ReplicationName) -> impl Iterator<Item = Row<'r>> {
    rows.iter().filter(move |row| row.text(column).as_deref() == Some(name.as_str()))
}

/// The object on the action's own pod; `None` when there is no such object.
pub(super) fn side(work: &mut Work<'_>, name: &ReplicationName) -> Result<Option<Side>, OpError> {
    // The view before the catalog: a sender that starts in between is then seen as IS_STARTED without a row.
    let sender = sender(work, name)?;
    let rows = work.read(&ReadSql::Replication(name.clone()))?;
    Ok(rows.iter().next().map(|row| Side {
        is_started: row.int("IS_STARTED").unwrap_or(0) != 0,
        position: Position::from_catalog(row.int("XSN").unwrap_or(-1)),
        gave_up: row.text("GIVE_UP_TIME"),
        sender,
        mode: row.int("REPL_MODE").map(Mode::from_catalog),
        options: row.int("OPTIONS"),
    }))
}

/// As [`side`], where a missing object is a failure.
pub(super) fn side_of(work: &mut Work<'_>, name: &ReplicationName) -> Result<Side, OpError> {
    side(work, name)?.ok_or_else(|| work.told(Code::ObjectMissing, name.to_string()))
}

/// How the object on the action's own pod differs from that shape.
pub(super) fn unlike(work: &mut Work<'_>, name: &ReplicationName, shape: &Shape) -> Result<Unlike, OpError> {
    let rows = work.read(&ReadSql::Shape(name.clone()))?;
    let found = rows.iter().next().and_then(object_of);
    let found = found.ok_or_else(|| work.told(Code::ObjectMissing, name.to_string()))?;
    Ok(found.unlike(shape))
}

/// Whether a sender thread exists.
pub(super) fn sender(work: &mut Work<'_>, name: &ReplicationName) -> Result<bool, OpError> {
    let rows = work.read(&ReadSql::Senders)?;
    Ok(rows_of(&rows, "REP_NAME", name).next().is_some())
}

/// What V$REPSENDER says of the object's sender.
pub(super) fn stream(work: &mut Work<'_>, name: &ReplicationName) -> Result<Sender, OpError> {
    let rows = work.read(&ReadSql::Senders)?;
    Ok(rows_of(&rows, "REP_NAME", name).next().map_or(Sender::None, sender_of))
}

/// What became of a sender that START RETRY began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connected {
    /// It is let in by its peer.
    Yes,
    /// Not yet.
    NotYet,
    /// It was turned away: V$REPSENDER shows an error of the link, or no row any more (`measured.md` 9.1).
    No,
}

/// How far the object's sender got.
pub(super) fn connected(work: &mut Work<'_>, name: &ReplicationName) -> Result<Connected, OpError> {
    let rows = work.read(&ReadSql::Senders)?;
    let row = rows_of(&rows, "REP_NAME", name).next();
    Ok(match row.map(|row| (sender_of(row), row.int("NET_ERROR_FLAG"))) {
        Some((Sender::Running, _)) => Connected::Yes,
        Some((Sender::Trying | Sender::Syncing | Sender::None, Some(0) | None)) => Connected::NotYet,
        Some((Sender::Trying | Sender::Syncing | Sender::None, Some(_))) | None => Connected::No,
    })
}

/// Objects among `names` that somebody sends to this pod for.
pub(super) fn receivers<'n>(
    work: &mut Work<'_>,
    names: &'n [ReplicationName],
) -> Result<Vec<&'n ReplicationName>, OpError> {
    let rows = work.read(&ReadSql::Receivers)?;
    Ok(names.iter().filter(|name| rows_of(&rows, "REP_NAME", name).next().is_some()).collect())
}

/// V$REPGAP.REP_GAP on a pod; `None` while there is no sender. The unit differs between releases, so only 0 says much.
pub(super) fn gap(work: &mut Work<'_>, pod: Ordinal, name: &ReplicationName) -> Result<Option<i64>, OpError> {
    let rows = work.read_on(pod, &ReadSql::Gaps)?;
    Ok(rows_of(&rows, "REP_NAME", name).next().and_then(gap_of))
}

/// A server property as a number; `None` when the server has no such property.
pub(super) fn property(work: &mut Work<'_>, pod: Ordinal, name: &'static str) -> Result<Option<i64>, OpError> {
    Ok(work.read_on(pod, &ReadSql::Property(name))?.single_int())
}

/// Targets of one counting query.
const BATCH: usize = 100;

/// Row counts in the order of `targets`; a table that cannot be counted is a failure.
pub(super) fn count(work: &mut Work<'_>, pod: Ordinal, targets: &[Target]) -> Result<Vec<u64>, OpError> {
    let mut counts = Vec::with_capacity(targets.len());
    for batch in targets.chunks(BATCH) {
        let rows = work.read_on(pod, &ReadSql::CountRows(batch.to_vec()))?;
        for (i, target) in batch.iter().enumerate() {
            let here = rows.iter().find(|row| row.int("N").and_then(|n| usize::try_from(n).ok()) == Some(i));
            let n = here.and_then(|row| row.int("ROWS_NOW")).and_then(|n| u64::try_from(n).ok());
            let lost = || OpError::told(pod, Code::Refused, format!("no count came back for {target}"));
            counts.push(n.ok_or_else(lost)?);
        }
    }
    Ok(counts)
}

/// An object's definition, as far as a plan decides it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Definition {
    pub hosts: Vec<(String, u16)>,
    /// Items with the same name on both sides.
    pub targets: BTreeSet<Target>,
    /// Items that are called differently on the two sides, here and there; we never make such.
    pub crossed: BTreeSet<(Target, Target)>,
    /// Items whose names cannot be read.
    pub unread: usize,
}

/// The definition on the action's own pod.
pub(super) fn definition(work: &mut Work<'_>, name: &ReplicationName) -> Result<Definition, OpError> {
    let (hosts, items) = (work.read(&ReadSql::Hosts)?, work.read(&ReadSql::Items)?);
    let address = |row: Row<'_>| Some((row.text("HOST_IP")?, u16::try_from(row.int("PORT_NO")?).ok()?));
    let mut definition = Definition {
        hosts: rows_of(&hosts, "REPLICATION_NAME", name).filter_map(address).collect(),
        targets: BTreeSet::new(),
        crossed: BTreeSet::new(),
        unread: 0,
    };
    for row in rows_of(&items, "REPLICATION_NAME", name) {
        match (target(row, "LOCAL"), target(row, "REMOTE")) {
            (Some(local), Some(remote)) if local == remote => {
                definition.targets.insert(local);
            }
            (Some(local), Some(remote)) => {
                definition.crossed.insert((local, remote));
            }
            (None, _) | (_, None) => definition.unread += 1,
        }
    }
    Ok(definition)
}

fn target(row: Row<'_>, side: &str) -> Option<Target> {
    let part = |what: &str| row.text(&format!("{side}_{what}_NAME")).and_then(|n| Identifier::exact(n).ok());
    // A partitioned table that is replicated as a whole has a row for each partition.
    let single = row.text("REPLICATION_UNIT").as_deref() == Some("P");
    Some(Target {
        user: part("USER")?,
        table: part("TABLE")?,
        partition: if single { part("PARTITION") } else { None },
    })
}
