//! START, STOP, RESET, and the pin. Never a START that could begin "now" where it should resume.

use std::time::Duration;

use super::super::{
    codes::Code,
    look::{self, Connected, Side},
    op_error::OpError,
    work::{Begun, Ended, Stood, Work},
};
use crate::{
    db::{error::native, sql::ChangeSql},
    observe::Mode,
    plan::Expect,
    topology::{Position, ReplicationName},
};

/// START RETRY, and a look whether it got through: a plain START polls with a sleep of a second (`measured.md` 9.1). START
/// RETRY says yes whatever the peer says, so where the sender is not connected the object is put back to where it stood,
/// and a plain START answers.
pub(super) fn start(work: &mut Work<'_>, name: &ReplicationName, expect: Expect) -> Result<Ended, OpError> {
    let side = look::side_of(work, name)?;
    if let Some(at) = &side.gave_up {
        // The server may have gone on by itself from a later position; its sender then proves nothing.
        return Err(work.told(Code::GaveUp, format!("{name}, at {at}")));
    }
    if let Some(Begun::Start(stood)) = work.memory.begun
        && (side.sender || side.is_started)
    {
        return judge(work, name, stood);
    }
    match (side.sender, side.position.is_live(), expect) {
        (true, true, Expect::Live | Expect::Fresh) => Ok(Ended::Already),
        (true, false, Expect::Live | Expect::Fresh) => {
            Err(work.told(Code::SenderExists, format!("{name} has a sender without a position, as during a SYNC")))
        }
        (false, false, Expect::Live) => Err(work.told(Code::PositionLost, format!("{name} is at -1"))),
        (false, true, Expect::Live) | (false, true | false, Expect::Fresh) => begin(work, name, &side),
    }
}

fn begin(work: &mut Work<'_>, name: &ReplicationName, side: &Side) -> Result<Ended, OpError> {
    let plain = ChangeSql::Start(name.clone());
    // Only a LAZY object takes START RETRY (397601, `measured.md` 9.5).
    if side.mode != Some(Mode::Lazy) || work.memory.begun == Some(Begun::Refused) {
        work.change(&plain)?;
        return Ok(Ended::done());
    }
    let stood = if side.position.is_live() { Stood::Somewhere } else { Stood::Nowhere };
    work.memory.begun = Some(Begun::Start(stood));
    work.change(&ChangeSql::StartRetry(name.clone()))?;
    judge(work, name, stood)
}

/// How long a sender shows an error of its link before it counts as turned away: one that has not dialled yet may show one,
/// too. Six senders were connected 0.16 s after the first START RETRY (`measured.md` 9.1).
const TURNED_AWAY: Duration = Duration::from_millis(300);

/// Whether the sender got through to its peer.
fn judge(work: &mut Work<'_>, name: &ReplicationName, stood: Stood) -> Result<Ended, OpError> {
    work.yield_lane();
    let mut away_since = None;
    let over = work.glance(work.shared.context.limits.connect, |work| {
        work.slot.say(format!("waiting for {name} to connect"));
        Ok(match look::connected(work, name)? {
            Connected::Yes => Some(Connected::Yes),
            Connected::NotYet => {
                away_since = None;
                None
            }
            Connected::No => {
                let now = work.now();
                let since = *away_since.get_or_insert(now);
                (now.saturating_duration_since(since) >= TURNED_AWAY).then_some(Connected::No)
            }
        })
    })?;
    if over == Some(Connected::Yes) {
        return Ok(Ended::done());
    }
    work.change_unless(&ChangeSql::Stop(name.clone()), native::NOT_STARTED)?;
    if stood == Stood::Nowhere {
        forget(work, name)?;
    }
    work.memory.begun = Some(Begun::Refused);
    work.change(&ChangeSql::Start(name.clone()))?;
    Ok(Ended::done())
}

/// RESET after a STOP. That a sender exists is no success of a START then: it is somebody else's.
fn forget(work: &mut Work<'_>, name: &ReplicationName) -> Result<(), OpError> {
    match work.change(&ChangeSql::Reset(name.clone())) {
        Err(OpError::Statement(s)) if s.error.native == native::SENDER_EXISTS => {
            Err(work.told(Code::SenderExists, format!("{name} was started by somebody else meanwhile")))
        }
        other => other,
    }
}

pub(super) fn stop(work: &mut Work<'_>, name: &ReplicationName) -> Result<Ended, OpError> {
    match look::side(work, name)? {
        None => Ok(Ended::Already),
        Some(side) if !side.sender && !side.is_started => Ok(Ended::Already),
        Some(_) => {
            work.change(&ChangeSql::Stop(name.clone()))?;
            Ok(Ended::done())
        }
    }
}

pub(super) fn reset(work: &mut Work<'_>, name: &ReplicationName) -> Result<Ended, OpError> {
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

pub(super) fn unpin(work: &mut Work<'_>, name: &ReplicationName) -> Result<Ended, OpError> {
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

pub(super) fn pin(work: &mut Work<'_>, name: &ReplicationName) -> Result<Ended, OpError> {
    let side = look::side_of(work, name)?;
    if work.memory.begun != Some(Begun::Pin) && !side.is_reset() {
        return Err(old_position(work, name, &side));
    }
    if side.is_reset() {
        work.memory.begun = Some(Begun::Pin);
        work.change(&ChangeSql::StartRetry(name.clone()))?;
    }
    // A sender that ended by itself is as good as a stopped one.
    work.change_unless(&ChangeSql::Stop(name.clone()), native::NOT_STARTED)?;
    let position = pinned(work, name)?;
    Ok(Ended::said(format!("keeps log from SN {position}")))
}

/// A position that this action did not make.
pub(super) fn old_position(work: &Work<'_>, name: &ReplicationName, side: &Side) -> OpError {
    let found = match side {
        Side { sender: true, .. } => "a sender runs".to_owned(),
        Side { gave_up: Some(at), .. } => format!("the server gave up log at {at}"),
        Side { position, .. } => format!("its position is {position}"),
    };
    work.told(Code::OldPosition, format!("{name}: {found}"))
}

/// Where it keeps log from, once V$REPSENDER has no row for it and XSN is live (`measured.md` 1).
pub(super) fn pinned(work: &mut Work<'_>, name: &ReplicationName) -> Result<Position, OpError> {
    let bound = work.shared.context.limits.pin;
    let proved = work.poll(bound, |work| {
        let side = look::side_of(work, name)?;
        let pinned = !side.sender && !side.is_started && side.position.is_live() && side.gave_up.is_none();
        Ok(pinned.then_some(side.position))
    })?;
    proved.ok_or_else(|| work.told(Code::PinNotProved, format!("{name} after {} s", bound.as_secs())))
}
