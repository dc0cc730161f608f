//! The text of the statements about the ledger's table (`docs/ledger.md`).

use std::fmt;

use super::text::literal;
use crate::ledger::{LAYOUT, Ledger, OWNER, PEERS_BYTES, TABLE};

fn table() -> String {
    format!("{OWNER}.{TABLE}")
}

/// Columns of the row and their values as SQL, LAYOUT apart.
fn cells(row: &Ledger) -> Vec<(&'static str, String)> {
    let number = |n: Option<u64>| n.map_or_else(|| "NULL".to_owned(), |n| n.to_string());
    vec![
        ("CLUSTER_ID", literal(&row.cluster.to_string())),
        ("POD_NO", row.pod.to_string()),
        ("SIGNATURE", literal(&row.signature)),
        ("INCARNATION", row.incarnation.to_string()),
        ("RUN_NO", row.run.to_string()),
        ("STANDING", literal(row.standing.as_str())),
        ("COPIED_FROM", number(row.copied.map(|c| c.from.get().into()))),
        ("COPIED_RUN", number(row.copied.map(|c| c.run))),
        ("PEERS", literal(&row.peers_text())),
        ("WRITTEN_AT", "SYSDATE".to_owned()),
    ]
}

pub(super) fn read(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(
        f,
        "SELECT L.LAYOUT, L.CLUSTER_ID, L.POD_NO, L.SIGNATURE, L.INCARNATION, L.RUN_NO, L.STANDING, L.COPIED_FROM, \
         L.COPIED_RUN, L.PEERS, F.CUR_WRITE_LF_NO, F.CUR_WRITE_LF_OFFSET FROM {} L, V$LFG F",
        table()
    )
}

pub(super) fn create(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(
        f,
        "CREATE TABLE {} (LAYOUT INTEGER PRIMARY KEY, CLUSTER_ID VARCHAR(36), POD_NO INTEGER, SIGNATURE VARCHAR(64), \
         INCARNATION BIGINT, RUN_NO BIGINT, STANDING VARCHAR(16), COPIED_FROM INTEGER, COPIED_RUN BIGINT, \
         PEERS VARCHAR({PEERS_BYTES}), WRITTEN_AT DATE)",
        table()
    )
}

pub(super) fn insert(f: &mut fmt::Formatter<'_>, row: &Ledger) -> fmt::Result {
    let (columns, values): (Vec<_>, Vec<_>) = cells(row).into_iter().unzip();
    write!(f, "INSERT INTO {} (LAYOUT, {}) VALUES ({LAYOUT}, {})", table(), columns.join(", "), values.join(", "))
}

pub(super) fn update(f: &mut fmt::Formatter<'_>, row: &Ledger) -> fmt::Result {
    let sets: Vec<_> = cells(row).into_iter().map(|(c, v)| format!("{c} = {v}")).collect();
    write!(f, "UPDATE {} SET {} WHERE LAYOUT = {LAYOUT}", table(), sets.join(", "))
}

/// Whoever wrote the row since wins: a run, or another beat.
pub(super) fn beat(f: &mut fmt::Formatter<'_>, before: &Ledger, after: &Ledger) -> fmt::Result {
    write!(
        f,
        "UPDATE {} SET PEERS = {}, WRITTEN_AT = SYSDATE WHERE LAYOUT = {LAYOUT} AND RUN_NO = {} AND PEERS = {}",
        table(),
        literal(&after.peers_text()),
        before.run,
        literal(&before.peers_text())
    )
}
