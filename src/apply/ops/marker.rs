//! The start marker: there or not there, never half written.

use std::{
    fs::{self, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use super::super::{
    codes::Code,
    context::Marker,
    op_error::OpError,
    work::{Ended, Work},
};

fn marker(work: &Work<'_>) -> Result<Marker, OpError> {
    let none = || work.told(Code::Marker, "this run does not know where it is");
    work.shared.context.marker.clone().ok_or_else(none)
}

fn failed(work: &Work<'_>, path: &Path, e: &io::Error) -> OpError {
    work.told(Code::Marker, format!("{}: {e}", path.display()))
}

pub(super) fn write(work: &mut Work<'_>) -> Result<Ended, OpError> {
    let Marker { path, text } = marker(work)?;
    if fs::read_to_string(&path).is_ok_and(|there| there == text) {
        return Ok(Ended::Already);
    }
    replace(&path, &text).map_err(|e| failed(work, &path, &e))?;
    Ok(Ended::done())
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    // The probe may run as another user.
    file.as_file().set_permissions(Permissions::from_mode(0o644))?;
    file.persist(path)?;
    Ok(())
}

pub(super) fn remove(work: &mut Work<'_>) -> Result<Ended, OpError> {
    let elsewhere = work.shared.context.marked_here.get(&work.action.pod).cloned();
    let path = elsewhere.map_or_else(|| Ok(marker(work)?.path), Ok)?;
    match fs::remove_file(&path) {
        Ok(()) => Ok(Ended::done()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Ended::Already),
        Err(e) => Err(failed(work, &path, &e)),
    }
}
