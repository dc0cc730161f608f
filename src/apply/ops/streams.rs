//! START, STOP, RESET, and the pin. Never a START that could begin "now" where it should resume.

use super::super::{
    codes::Code,
    look::{self, Side},
    trouble::Trouble,
    work::{Begun, Ended, Work},
};
use crate::{
    db::{error::native, sql::ChangeSql},
    plan::Expect,
    topology::ReplicationName,
};

pub(super) fn start(work: &mut Work<'_>, name: &ReplicationName, expect: Expect) -> Result<Ended, Trouble> {
    let side = look::side_of(work, name)?;
    if let Some(at) = &side.gave_up {
        // The server may have gone on by itself from a later position; its sender then proves nothing.
        return Err(work.told(Code::GaveUp, format!("{name}, at {at}")));
    }
    match (side.sender, side.position.is_live(), expect) {
        (true, true, Expect::Live | Expect::Fresh) => Ok(Ended::Already),
        (true, false, Expect::Live | Expect::Fresh) => {
            Err(work.told(Code::SenderExists, format!("{name} has a sender without a position, as during a SYNC")))
        }
        (false, false, Expect::Live) => Err(work.told(Code::PositionLost, format!("{name} is at -1"))),
        (false, true, Expect::Live) | (false, true | false, Expect::Fresh) => {
            work.change(&ChangeSql::Start(name.clone()))?;
            Ok(Ended::done())
        }
    }
}

pub(super) fn stop(work: &mut Work<'_>, name: &ReplicationName) -> Result<Ended, Trouble> {
    match look::side(work, name)? {
        None => Ok(Ended::Already),
        Some(side) if !side.sender && !side.is_started => Ok(Ended::Already),
        Some(_) => {
            work.change(&ChangeSql::Stop(name.clone()))?;
            Ok(Ended::done())
        }
    }
}

pub(super) fn reset(work: &mut Work<'_>, name: &ReplicationName) -> Result<Ended, Trouble> {
    match look::side(work, name)? {
        None => Ok(Ended::Already),
        Some(side) if side.sender => {
            Err(work.told(Code::SenderExists, format!("{name} cannot be reset while it sends")))
        }
        Some(side) if side.is_reset() => Ok(Ended::Already),
        Some(_) => {
            work.change(&ChangeSql::Reset(name.clone()))?;
            Ok(Ended::done())
        }
    }
}

pub(super) fn unpin(work: &mut Work<'_>, name: &ReplicationName) -> Result<Ended, Trouble> {
    match look::side(work, name)? {
        None => Ok(Ended::Already),
        Some(side) if side.is_reset() => Ok(Ended::Already),
        Some(side) => {
            if side.sender || side.is_started {
                work.change_unless(&ChangeSql::Stop(name.clone()), native::NOT_STARTED)?;
            }
            work.change(&ChangeSql::Reset(name.clone()))?;
            Ok(Ended::done())
        }
    }
}

pub(super) fn pin(work: &mut Work<'_>, name: &ReplicationName) -> Result<Ended, Trouble> {
    let side = look::side_of(work, name)?;
    if work.memory.begun != Some(Begun::Pin) && !side.is_reset() {
        let found = match side {
            Side { sender: true, .. } => "a sender runs".to_owned(),
            Side { gave_up: Some(at), .. } => format!("the server gave up log at {at}"),
            Side { position, .. } => format!("its position is {position}"),
        };
        return Err(work.told(Code::OldPosition, format!("{name}: {found}")));
    }
    if side.is_reset() {
        work.memory.begun = Some(Begun::Pin);
        work.change(&ChangeSql::StartRetry(name.clone()))?;
    }
    // A sender that ended by itself is as good as a stopped one.
    work.change_unless(&ChangeSql::Stop(name.clone()), native::NOT_STARTED)?;
    let bound = work.shared.context.limits.pin;
    let proved = work.poll(bound, |work| {
        let side = look::side_of(work, name)?;
        let pinned = !side.sender && !side.is_started && side.position.is_live() && side.gave_up.is_none();
        Ok(pinned.then_some(side.position))
    })?;
    match proved {
        Some(position) => Ok(Ended::said(format!("keeps log from SN {position}"))),
        None => Err(work.told(Code::PinNotProved, format!("{name} after {} s", bound.as_secs()))),
    }
}
