//! ADD and DROP TABLE, ADD and DROP HOST: an object's definition is corrected where it stands.
//!
//! An older server refuses all of them while a sender or a receiver of the object is there (ERR-610FE, ERR-6109F), a newer
//! one allows them and lets the sender trip over the difference (`measured.md` 7): so nothing is sent before both are gone.

use std::sync::Arc;

use super::super::{
    codes::Code,
    look,
    op_error::OpError,
    work::{Ended, Work},
};
use crate::{
    attributes::{GroupOption, ObjectOption, Shape},
    db::sql::ChangeSql,
    desired::ReplicationAddress,
    topology::{ReplicationName, Target},
};

pub(super) fn add_table(work: &mut Work<'_>, name: &ReplicationName, target: &Target) -> Result<Ended, OpError> {
    look::side_of(work, name)?;
    if look::definition(work, name)?.targets.contains(target) {
        return Ok(Ended::Already);
    }
    quiet(work, name)?;
    let shared = Arc::clone(work.shared);
    let _turn = shared.turns.take(work.action.pod, std::slice::from_ref(target), &work.control)?;
    work.change(&ChangeSql::AddTable { name: name.clone(), target: target.clone() })?;
    Ok(Ended::done())
}

pub(super) fn drop_table(
    work: &mut Work<'_>,
    name: &ReplicationName,
    target: &Target,
    remote: &Target,
) -> Result<Ended, OpError> {
    look::side_of(work, name)?;
    let found = look::definition(work, name)?;
    let there = if target == remote {
        found.targets.contains(target)
    } else {
        found.crossed.contains(&(target.clone(), remote.clone()))
    };
    // One whose name cannot be read may be this one; the server then says whether it is.
    if !there && found.unread == 0 {
        return Ok(Ended::Already);
    }
    quiet(work, name)?;
    let shared = Arc::clone(work.shared);
    let _turn = shared.turns.take(work.action.pod, std::slice::from_ref(target), &work.control)?;
    work.change(&ChangeSql::DropTable { name: name.clone(), target: target.clone(), remote: remote.clone() })?;
    Ok(Ended::done())
}

/// The right address is added before the others go: the last one cannot be dropped.
pub(super) fn change_host(
    work: &mut Work<'_>,
    name: &ReplicationName,
    (host, port): (&str, u16),
    old: &[ReplicationAddress],
) -> Result<Ended, OpError> {
    look::side_of(work, name)?;
    let found = look::definition(work, name)?.hosts;
    let known = |h: &str, p: u16| found.iter().any(|(host, port)| host == h && *port == p);
    let gone: Vec<_> = old.iter().filter(|a| known(&a.host, a.port)).collect();
    if known(host, port) && gone.is_empty() {
        return Ok(Ended::Already);
    }
    stopped(work, name)?;
    if !known(host, port) {
        work.change(&ChangeSql::AddHost { name: name.clone(), host: host.to_owned(), port })?;
    }
    for a in gone {
        work.change(&ChangeSql::DropHost { name: name.clone(), host: a.host.clone(), port: a.port })?;
    }
    Ok(Ended::done())
}

/// Taken off; where the catalog does not tell of it, it is not there.
pub(super) fn clear_option(
    work: &mut Work<'_>,
    name: &ReplicationName,
    option: ObjectOption,
) -> Result<Ended, OpError> {
    if look::side_of(work, name)?.options.is_none_or(|mask| mask & option.bit() == 0) {
        return Ok(Ended::Already);
    }
    quiet(work, name)?;
    work.change_unless(&ChangeSql::ClearOption { name: name.clone(), option }, OFFLINE_UNSET)?;
    Ok(Ended::done())
}

/// Put on; where it is there with the same numbers, it is done already.
pub(super) fn set_option(work: &mut Work<'_>, name: &ReplicationName, option: GroupOption) -> Result<Ended, OpError> {
    look::side_of(work, name)?;
    let alone = Shape { options: [option].into(), ..Shape::default() };
    if look::unlike(work, name, &alone)?.set.is_empty() {
        return Ok(Ended::Already);
    }
    quiet(work, name)?;
    work.change(&ChangeSql::SetOption { name: name.clone(), option })?;
    Ok(Ended::done())
}

fn stopped(work: &mut Work<'_>, name: &ReplicationName) -> Result<(), OpError> {
    let side = look::side_of(work, name)?;
    if side.sender || side.is_started {
        return Err(work.told(Code::SenderExists, format!("{name} cannot be changed while it sends")));
    }
    Ok(())
}

/// The option OFFLINE is not set (`measured.md` 9.7).
const OFFLINE_UNSET: i32 = 397_604;

/// Neither a sender here, nor a receiver of the peer's sender, which may linger after its STOP.
pub(super) fn quiet(work: &mut Work<'_>, name: &ReplicationName) -> Result<(), OpError> {
    stopped(work, name)?;
    let names = std::slice::from_ref(name);
    let gone = work.poll(work.shared.context.limits.quiet, |work| {
        let left = look::receivers(work, names)?.len();
        work.slot.say("waiting for the receiver to end");
        Ok((left == 0).then_some(()))
    })?;
    match gone {
        Some(()) => Ok(()),
        None => Err(work.told(Code::NotQuiet, format!("a receiver of {name} still runs"))),
    }
}
