//! FLUSH, and waiting for transactions or for time to pass.

use std::{collections::BTreeSet, time::Duration};

use super::super::{
    codes::Code,
    look,
    op_error::{OpError, OpFinding, Sent},
    work::{Ended, Work},
};
use crate::{
    db::{
        error::native,
        sql::{ChangeSql, ReadSql},
    },
    topology::{Ordinal, ReplicationName},
};

pub(super) fn delay(work: &mut Work<'_>, seconds: u64) -> Result<Ended, OpError> {
    work.slot.say(format!("waiting {seconds} s before users are admitted"));
    work.control.pause(Duration::from_secs(seconds))?;
    Ok(Ended::done())
}

/// Transactions that wrote and have not ended. Those of receivers (SESSION_ID 0, `measured.md` 8; -1 where a server shows
/// nobody's so) are left out: what they apply is in the stream of the pod that it comes from.
pub(super) fn writers(work: &mut Work<'_>) -> Result<BTreeSet<i64>, OpError> {
    Ok(work
        .read(&ReadSql::OpenWriters)?
        .iter()
        .filter(|row| !matches!(row.int("SESSION_ID"), Some(0 | -1)))
        .filter_map(|row| row.int("ID"))
        .collect())
}

/// Waits for the transactions that were open when the action began; later ones travel whole in the pinned stream.
pub(super) fn drain(work: &mut Work<'_>, wait_s: u32) -> Result<Ended, OpError> {
    if work.memory.draining.is_none() {
        let open = writers(work)?;
        let now = work.now();
        work.memory.draining = Some((open, now));
    }
    let (open, since) = work.memory.draining.clone().unwrap_or_else(|| (BTreeSet::new(), work.now()));
    let bound = Duration::from_secs(u64::from(wait_s)).saturating_sub(work.now().saturating_duration_since(since));
    let mut left = BTreeSet::new();
    let ended = work.poll(bound, |work| {
        left = writers(work)?.intersection(&open).copied().collect();
        work.slot.say(format!("{} of {} transactions are still open", left.len(), open.len()));
        Ok(left.is_empty().then_some(()))
    })?;
    if ended.is_some() {
        let n = open.len();
        return Ok(Ended::said(format!("{n} open {}", if n == 1 { "transaction" } else { "transactions" })));
    }
    let whose = owners(work, &left)?;
    Err(work.told(Code::StillOpen, format!("{whose}, after {wait_s} s")))
}

/// The sessions that the transactions belong to, in words.
fn owners(work: &mut Work<'_>, transactions: &BTreeSet<i64>) -> Result<String, OpError> {
    let rows = work.read(&ReadSql::Sessions)?;
    let name = |transaction: &i64| {
        rows.iter().find(|row| row.int("TRANS_ID") == Some(*transaction)).map_or_else(
            || format!("transaction {transaction} (no session)"),
            |row| format!("transaction {transaction} of {}", super::fence::session_words(row)),
        )
    };
    Ok(transactions.iter().map(name).collect::<Vec<_>>().join(", "))
}

/// FLUSH on `pod`; a FLUSH that ran out tells how much is left.
pub(super) fn flush(work: &mut Work<'_>, pod: Ordinal, name: &ReplicationName, wait_s: u32) -> Result<Ended, OpError> {
    let sql = ChangeSql::Flush { name: name.clone(), wait_s };
    match work.change_on(pod, &sql) {
        Ok(()) => Ok(Ended::done()),
        Err(OpError::Statement(s)) if s.sent == Sent::Change && s.error.native == native::FLUSH_TIMEOUT => {
            let gap = match look::gap(work, pod, name) {
                Ok(Some(gap)) => format!("V$REPGAP.REP_GAP of {name} is {gap}"),
                Ok(None) => format!("{name} has no sender any more"),
                Err(_) => format!("the gap of {name} could not be read"),
            };
            let detail = format!("after {wait_s} s {gap}");
            let (sql, error) = (Some(s.sql), Some(s.error));
            Err(OpError::OpFinding(Box::new(OpFinding { code: Code::FlushTimeout, pod, sql, error, detail })))
        }
        Err(other) => Err(other),
    }
}
