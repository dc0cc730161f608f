//! ALTER SYSTEM SET. Nothing is set that has the value already.

use super::super::{
    codes::Code,
    look,
    op_error::OpError,
    work::{Ended, Work},
};
use crate::db::{setting::Setting, sql::ChangeSql};

pub(super) fn set_property(work: &mut Work<'_>, setting: Setting, from: i64, to: i64) -> Result<Ended, OpError> {
    let property = setting.name();
    let now = look::property(work, work.action.pod, property)?
        .ok_or_else(|| work.told(Code::NoProperty, property.to_owned()))?;
    if now == to {
        return Ok(Ended::Already);
    }
    work.change(&ChangeSql::SetSystem { property, value: to })?;
    Ok(if now == from { Ended::done() } else { Ended::said(format!("it was {now}, not {from}")) })
}

/// Admits users to the server that this run worked on, and to no other: one that was restarted meanwhile may have come back
/// with another volume.
pub(super) fn open(work: &mut Work<'_>) -> Result<Ended, OpError> {
    let (pod, property) = (work.action.pod, "ADMIN_MODE");
    let now = look::property(work, pod, property)?;
    if work.shared.sessions.restarted(pod) {
        return Err(work.told(Code::Restarted, "V$INSTANCE and V$DATABASE show another life of it"));
    }
    match now {
        None => Err(work.told(Code::NoProperty, property)),
        Some(0) => Ok(Ended::Already),
        Some(_) => {
            work.change(&ChangeSql::SetSystem { property, value: 0 })?;
            Ok(Ended::done())
        }
    }
}
