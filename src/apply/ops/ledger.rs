//! The row of the ledger: written as the plan has it, unless a later run wrote it.

use super::super::{
    codes::Code,
    op_error::OpError,
    work::{Ended, Work},
};
use crate::{
    db::{
        error::native,
        sql::{ChangeSql, ReadSql},
    },
    ledger::{Ledger, View},
    observe,
};

pub(super) fn write(work: &mut Work<'_>, ledger: &Ledger) -> Result<Ended, OpError> {
    let row = || Box::new(ledger.clone());
    match look(work)? {
        // Written by an earlier attempt; the pod may have beaten since.
        View::Held(there) if there.is_beaten_from(ledger) => Ok(Ended::Already),
        View::Held(there) if there.cluster == ledger.cluster && there.run >= ledger.run => {
            let text = format!("it was written by run {}, and this is run {}", there.run, ledger.run);
            Err(work.told(Code::Ledger, text))
        }
        View::Held(_) => change(work, &ChangeSql::UpdateLedger(row())),
        View::Empty => change(work, &ChangeSql::InsertLedger(row())),
        View::Missing => {
            // A table that somebody made since is looked at again by the next attempt.
            work.change(&ChangeSql::CreateLedger)?;
            change(work, &ChangeSql::InsertLedger(row()))
        }
        View::NotRead => Err(work.told(Code::Ledger, "it was not read")),
        View::Broken { why } => Err(work.told(Code::Ledger, why)),
        View::Newer { layout } => Err(work.told(Code::Ledger, format!("a later release wrote it (layout {layout})"))),
    }
}

fn change(work: &mut Work<'_>, sql: &ChangeSql) -> Result<Ended, OpError> {
    work.change(sql)?;
    Ok(Ended::done())
}

fn look(work: &mut Work<'_>) -> Result<View, OpError> {
    match work.read(&ReadSql::Ledger) {
        Ok(rows) => Ok(observe::ledger_of(&rows)),
        Err(OpError::Statement(s)) if s.error.native == native::NO_TABLE => Ok(View::Missing),
        Err(other) => Err(other),
    }
}
