//! The start of a pod that is to end: it is asked to stop before the end goes on. Nothing is sent to a process or a session
//! that is not certainly that run.

use std::{fs, io};

use rustix::process::{Pid, Signal, kill_process};

use super::scene::CommandContext;
use crate::{
    db::sql::{ChangeSql, ReadSql},
    lock::{Holder, shortened},
    topology::{Identifier, Ordinal},
};

/// Stops it, and says how. A run that is stopped puts back what it has to, and then lets go of its lock.
///
/// # Errors
/// In words.
pub(super) fn stop(scene: &CommandContext, lock_on: Ordinal, holder: &Holder, host: &str) -> Result<String, String> {
    let here = holder.app.host == shortened(host);
    match i32::try_from(holder.app.pid).ok().and_then(Pid::from_raw).filter(|pid| here && is_our_program(*pid)) {
        Some(pid) => kill_process(pid, Signal::TERM)
            .map(|()| format!("with SIGTERM to process {}", holder.app.pid))
            .map_err(|e| format!("process {}: {e}", holder.app.pid)),
        // In another container, or on another machine: a run that lost its lock begins nothing new.
        None => close(scene, lock_on, holder)
            .map(|()| format!("by closing session {} on pod {lock_on}, which holds its lock", holder.session)),
    }
}

/// A number says little: another container has processes of its own.
fn is_our_program(pid: Pid) -> bool {
    let exe = |pid: &str| fs::read_link(format!("/proc/{pid}/exe"));
    // A run lets nobody look into it (`secret`), so of another one only its name can be read, unless this one may everything.
    let name = |pid: &str| {
        let first = |path: &str| Some(fs::read(path).ok()?.split(|b| *b == 0).next()?.to_vec());
        Some((first(&format!("/proc/{pid}/comm"))?, first(&format!("/proc/{pid}/cmdline"))?))
    };
    let pid = pid.as_raw_nonzero().to_string();
    match (exe(&pid), exe("self")) {
        (Ok(theirs), Ok(ours)) => theirs == ours,
        (Err(e), Ok(_)) if e.kind() == io::ErrorKind::PermissionDenied => {
            name(&pid).is_some_and(|theirs| Some(theirs) == name("self"))
        }
        (Err(_), _) | (_, Err(_)) => false,
    }
}

fn close(scene: &CommandContext, pod: Ordinal, holder: &Holder) -> Result<(), String> {
    let words = |e: &dyn std::fmt::Display| format!("pod {pod}: {e}");
    let mut session = scene.cluster.connect(pod, &scene.login()).map_err(|e| e.to_string())?;
    let rows = session.query(&ReadSql::Server).map_err(|e| words(&e))?;
    let name = rows.iter().next().and_then(|row| row.text("DB_NAME"));
    let database =
        name.and_then(|n| Identifier::exact(n).ok()).ok_or_else(|| words(&"V$DATABASE.DB_NAME cannot be read"))?;
    session.execute(&ChangeSql::CloseSession { database, session: holder.session }).map_err(|e| words(&e))
}
