//! The off-line replicator (`measured.md` 9.6): the log of a dead pod is read by a survivor in its stead. Whose log it is a
//! person has said yes to; here: that the object is stopped, that nobody sends to it, and that the option names the directory of the
//! plan and no other.

use super::{
    super::{
        codes::Code,
        look,
        op_error::OpError,
        work::{Ended, Work},
    },
    items::quiet,
};
use crate::{
    attributes::ObjectOption,
    db::sql::{ChangeSql, ReadSql},
    logs::LogPath,
    topology::ReplicationName,
};

/// Codes of the off-line replicator.
mod native {
    /// The directory is missing; told at START only.
    pub const NO_DIRECTORY: i32 = 397_391;
    /// No handshake with the dead pod since the server booted.
    pub const NEVER_MET: i32 = 397_506;
    /// The directory is empty, or the reader broke off.
    pub const BROKE_OFF: i32 = 397_511;
    /// With RECOVERY.
    pub const WITH_RECOVERY: i32 = 397_575;
    /// With EAGER.
    pub const WITH_EAGER: i32 = 397_576;
    /// Set to something already.
    pub const SET_ALREADY: i32 = 397_603;
    /// Not set.
    pub const NOT_SET: i32 = 397_610;
    /// Compressed columns.
    pub const COMPRESSED: [i32; 2] = [397_648, 397_649];
}

/// V$REPOFFLINE_STATUS.STATUS
const ENDED: i64 = 2;

pub(super) fn set_log_path(work: &mut Work<'_>, name: &ReplicationName, path: &LogPath) -> Result<Ended, OpError> {
    let there = directories(work, name)?;
    if there.as_deref() == Some(std::slice::from_ref(path)) {
        return Ok(Ended::Already);
    }
    quiet(work, name)?;
    if there.is_some() {
        // Of another run, or of a person: one directory takes the place of another.
        work.change(&ChangeSql::ClearOption { name: name.clone(), option: ObjectOption::Offline })?;
    }
    let set = ChangeSql::SetOffline { name: name.clone(), path: path.clone() };
    work.change(&set).map_err(|e| told(work, name, path, e))?;
    Ok(Ended::done())
}

pub(super) fn read_logs(work: &mut Work<'_>, name: &ReplicationName, path: &LogPath) -> Result<Ended, OpError> {
    let there = directories(work, name)?;
    if there.as_deref() != Some(std::slice::from_ref(path)) {
        return Err(work.told(Code::LogPathDiffers, format!("{name} is not set to {path}")));
    }
    if !look::receivers(work, std::slice::from_ref(name))?.is_empty() {
        return Err(work.told(Code::PeerBack, name.to_string()));
    }
    let sql = ChangeSql::StartOffline(name.clone());
    // It returns when all is read, and the server has a time limit of its own (7.2: 600 s).
    let answer = work.change_with(&sql.to_string(), |session| {
        session.execute(&ChangeSql::SessionQueryTimeout(0))?;
        session.execute(&sql)
    });
    work.close_own();
    answer.map_err(|e| told(work, name, path, e))?;
    match work.read(&ReadSql::OfflineStatus(name.clone()))?.iter().next().and_then(|row| row.int("STATUS")) {
        Some(ENDED) => Ok(Ended::said("read to its end")),
        Some(other) => Err(work.told(Code::LogsNotRead, format!("V$REPOFFLINE_STATUS.STATUS of {name} is {other}"))),
        None => Err(work.told(Code::LogsNotRead, format!("V$REPOFFLINE_STATUS has no row of {name}"))),
    }
}

/// START RETRY, which does not ask the peer. On XSN -1 it would begin now, and what was committed before would be lost.
pub(super) fn retry(work: &mut Work<'_>, name: &ReplicationName) -> Result<Ended, OpError> {
    let side = look::side_of(work, name)?;
    if side.sender || side.is_started {
        return Ok(Ended::Already);
    }
    if !side.position.is_live() {
        return Err(work.told(Code::PositionLost, format!("{name} is at {}", side.position)));
    }
    work.change(&ChangeSql::StartRetry(name.clone()))?;
    Ok(Ended::done())
}

/// Directories of the option; `None` where it is not set. A name that is no path of ours is another one's.
fn directories(work: &mut Work<'_>, name: &ReplicationName) -> Result<Option<Vec<LogPath>>, OpError> {
    let side = look::side_of(work, name)?;
    if side.options.is_none_or(|mask| mask & ObjectOption::Offline.bit() == 0) {
        return Ok(None);
    }
    let rows = work.read(&ReadSql::OfflineDirectories(name.clone()))?;
    let all: Option<Vec<LogPath>> = rows.iter().map(|row| row.text("PATH")?.parse().ok()).collect();
    Ok(Some(all.unwrap_or_default()))
}

/// What the server says, where it is about logs.
fn told(work: &Work<'_>, name: &ReplicationName, path: &LogPath, error: OpError) -> OpError {
    let OpError::Statement(s) = &error else { return error };
    let code = match s.error.native {
        native::NEVER_MET => Code::NeverMet,
        native::NO_DIRECTORY => Code::LogsMissing,
        native::BROKE_OFF => Code::LogsNotRead,
        native::NOT_SET | native::SET_ALREADY => Code::LogPathDiffers,
        native::WITH_RECOVERY | native::WITH_EAGER => Code::OfflineBarred,
        n if native::COMPRESSED.contains(&n) => Code::OfflineBarred,
        _ => return error,
    };
    // What is missing, and from where on, is why it was to be read.
    let mut finding = work.finding(code, format!("{name}, {path}; {}", work.action.because.text));
    finding.sql = Some(s.sql.clone());
    finding.error = Some(s.error.clone());
    OpError::OpFinding(Box::new(finding))
}
