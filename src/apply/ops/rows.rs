//! TRUNCATE, under the last-copy rule (DESIGN D2): in the moment before, the source is looked at again.

use super::super::{
    codes::Code,
    look,
    op_error::{OpError, OpFinding},
    work::{Ended, Work},
};
use crate::{
    db::sql::ChangeSql,
    topology::{Ordinal, Target},
};

pub(super) fn truncate(work: &mut Work<'_>, target: &Target, source: Ordinal) -> Result<Ended, OpError> {
    let kept = source_rows(work, target, source).map_err(|trouble| unfit(source, trouble))?;
    work.remember_source(target, kept);
    let rows = look::count(work, work.action.pod, std::slice::from_ref(target))?[0];
    if rows == 0 {
        return Ok(Ended::Already);
    }
    let planned = work.shared.planned.iter().find(|(t, _)| t == target).map_or(0, |(_, n)| *n);
    if kept == 0 && planned > 0 {
        let detail = format!("{target} had {} on pod {source} and has none now", count(planned, "row"));
        return Err(OpError::told(source, Code::SourceEmptied, detail));
    }
    work.change(&ChangeSql::Truncate(target.clone()))?;
    Ok(Ended::said(format!("{} deleted, {kept} on pod {source}", count(rows, "row"))))
}

fn source_rows(work: &mut Work<'_>, target: &Target, source: Ordinal) -> Result<u64, OpError> {
    match look::property(work, source, "ADMIN_MODE")? {
        Some(0) => Ok(look::count(work, source, std::slice::from_ref(target))?[0]),
        Some(_) => Err(OpError::told(source, Code::SourceUnfit, format!("pod {source} is in ADMIN_MODE"))),
        None => Err(OpError::told(source, Code::SourceUnfit, format!("ADMIN_MODE of pod {source} cannot be read"))),
    }
}

/// A source that cannot be looked at is unfit; what may pass is left to the retries.
fn unfit(source: Ordinal, trouble: OpError) -> OpError {
    match trouble {
        OpError::Statement(s) if !s.error.lost_session() => OpError::OpFinding(Box::new(OpFinding {
            code: Code::SourceUnfit,
            pod: source,
            sql: Some(s.sql),
            error: Some(s.error),
            detail: String::new(),
        })),
        other => other,
    }
}

/// `1 row`, `7 rows`
pub(super) fn count(n: u64, one: &str) -> String {
    format!("{n} {one}{}", if n == 1 { "" } else { "s" })
}
