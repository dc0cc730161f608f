//! The start marker, `/tmp/aku_start_completed`: where it is, what it says, whether it belongs to this life of the
//! server (`aku-behaviour.md` B.9). Reads the file; writing and deleting are actions of a plan.
//!
//! The startup probe only asks whether the file exists. Ours also holds `key=value` lines, so that a marker which
//! outlived its server is recognised; an empty file (an older tool, `touch`) counts as belonging to this life. A start opens
//! the pod before it writes the marker, so a marker beside a closed pod (ADMIN_MODE 1) is always stale: the server came back
//! within the second that V$INSTANCE tells, or somebody closed the pod from elsewhere, as a recovery does.

use std::{
    collections::BTreeSet,
    fs, io,
    io::Write as _,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::env::{Env, read_small};
use crate::{
    exit::Exit,
    observe::{MarkerView, Pod},
    render::Diagnostic,
    topology::Ordinal,
};

/// The documented path.
const PATH: &str = "/tmp/aku_start_completed";
/// Variable with another path.
pub const PATH_VARIABLE: &str = "AKU_MARKER";
/// Variable with a directory that holds one marker for each pod (labs: several pods on one machine).
pub const DIR_VARIABLE: &str = "AKU_MARKER_DIR";
const STARTED: &str = "server_started_at";
/// What stands behind the marker's name in that of the file in which `aku run` says how it is.
pub const STATUS: &str = ".run";
/// And of the file in which a start or an end leaves its reason for `aku run`.
pub const REASON: &str = ".reason";

/// The marker of the pod whose container this is, as it is known.
///
/// # Errors
/// There is a directory for the markers of several pods, and it is not clear which pod this is (exit 64).
pub fn of_container(env: &Env, pod: Option<Ordinal>) -> Result<PathBuf, Diagnostic> {
    let which = pod.or_else(|| env.var(DIR_VARIABLE).is_none().then_some(Ordinal::MASTER));
    which.and_then(|pod| path(env, pod, which)).ok_or_else(|| {
        Diagnostic::new(Exit::Usage, "usage", "it is not clear which pod this is")
            .fact("because", format!("{DIR_VARIABLE} is a directory for the markers of several pods"))
            .next(format!("set {}=N", super::who::VARIABLE))
    })
}

/// A file beside the marker.
#[must_use]
pub fn beside(marker: &Path, ending: &str) -> PathBuf {
    let mut name = marker.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The marker of `pod`; `None` when it is on another machine.
#[must_use]
pub fn path(env: &Env, pod: Ordinal, here: Option<Ordinal>) -> Option<PathBuf> {
    if let Some(dir) = env.var(DIR_VARIABLE) {
        return Some(PathBuf::from(dir).join(format!("aku_start_completed-{pod}")));
    }
    let own = || env.var(PATH_VARIABLE).map_or_else(|| PathBuf::from(PATH), PathBuf::from);
    (here == Some(pod)).then(own)
}

/// What is written to it.
#[must_use]
pub fn text(pid: u32, server_started_at: Option<i64>, conf_digest: &str) -> String {
    let started = server_started_at.map_or_else(String::new, |t| format!("{STARTED}={t}\n"));
    format!("pid={pid}\n{started}conf={conf_digest}\n")
}

/// The pods whose markers are on this machine and there.
pub fn here(env: &Env, pods: impl Iterator<Item = Ordinal>, here: Option<Ordinal>) -> BTreeSet<Ordinal> {
    pods.filter(|pod| path(env, *pod, here).is_some_and(|path| path.exists())).collect()
}

/// Whether the marker could be written now: before a run changes anything that it would end without.
///
/// # Errors
/// It could not (exit 74).
pub fn probe(path: &Path) -> Result<(), Diagnostic> {
    could_be_written(path).map_err(|e| {
        Diagnostic::new(Exit::Output, "marker", format!("the start marker cannot be written: {}: {e}", path.display()))
            .fact("because", "the startup probe looks for it, so the pod would be open and never ready")
            .fact("changed", "nothing: it was tried before the first statement")
            .next("make the directory writable for this user, or remove what is in its place")
            .next(format!("or name another file: {PATH_VARIABLE}=FILE, the same in the startup probe"))
    })
}

fn could_be_written(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(b"probe\n")?;
    let there = match fs::symlink_metadata(path) {
        Ok(there) => there,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    if there.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    // In a directory such as /tmp only the owner replaces a file.
    let (me, folder) = (rustix::process::geteuid().as_raw(), fs::metadata(folder)?);
    if folder.mode() & 0o1000 != 0 && me != 0 && ![there.uid(), folder.uid()].contains(&me) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("it belongs to user {}", there.uid())));
    }
    Ok(())
}

/// What is there. `server`: the pod now, when it was seen.
#[must_use]
pub fn view(path: Option<&PathBuf>, server: Option<&Pod>) -> MarkerView {
    let Some(path) = path else { return MarkerView::Elsewhere };
    let text = match read_small(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return MarkerView::Missing,
        // It exists, and that is all a probe asks for.
        Err(_) => String::new(),
    };
    let said = text.lines().find_map(|l| l.strip_prefix(STARTED)?.strip_prefix('=')?.trim().parse::<i64>().ok());
    let restarted = |server: &Pod| said.zip(server.server.started_at_s).is_some_and(|(then, now)| then != now);
    match server {
        Some(server) if server.admin_mode() || restarted(server) => MarkerView::Stale,
        Some(_) | None => MarkerView::Present,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        desired::Goal,
        plan::testing::{Worlds, desired, ord},
    };

    #[test]
    fn where_it_is() {
        let pod = |n| Ordinal::new(n).unwrap();
        let none = Env::fixed::<&str, &str>([]);
        let file = Env::fixed([(PATH_VARIABLE, "/x/m")]);
        let dir = Env::fixed([(DIR_VARIABLE, "/x"), (PATH_VARIABLE, "/y")]);
        let table = [
            (&none, Some(pod(2)), Some(PATH)),
            (&none, Some(pod(1)), None),
            (&none, None, None),
            (&file, Some(pod(2)), Some("/x/m")),
            (&file, None, None),
            (&dir, None, Some("/x/aku_start_completed-2")),
        ];
        for (env, here, want) in table {
            assert_eq!(path(env, pod(2), here), want.map(PathBuf::from));
        }
    }

    #[test]
    fn whose_life_it_belongs_to() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("m");
        let server = |started, admin_mode| {
            let mut w = Worlds::new(desired(Goal::Start(ord(0)), 1, 1)).up(0, admin_mode);
            w.pod_mut(0).server.started_at_s = started;
            w.pod_mut(0).clone()
        };
        let (open, closed) = (server(Some(5), 0), server(Some(5), 1));
        assert_eq!(view(None, Some(&open)), MarkerView::Elsewhere);
        assert_eq!(view(Some(&file), Some(&open)), MarkerView::Missing);
        let table = [
            (String::new(), MarkerView::Present),
            ("garbage\u{0}".to_owned(), MarkerView::Present),
            (text(1, Some(5), "sha256:0"), MarkerView::Present),
            (text(1, Some(4), "sha256:0"), MarkerView::Stale),
            (text(1, Some(6), "sha256:0"), MarkerView::Stale),
            (text(1, None, "sha256:0"), MarkerView::Present),
        ];
        for (content, want) in table {
            fs::write(&file, &content).unwrap();
            assert_eq!(view(Some(&file), Some(&open)), want, "{content:?}");
            assert_eq!(view(Some(&file), None), MarkerView::Present, "{content:?}");
            assert_eq!(view(Some(&file), Some(&server(None, 0))), MarkerView::Present, "{content:?}");
            // Nobody opened this life of the server, or somebody closed it since.
            assert_eq!(view(Some(&file), Some(&closed)), MarkerView::Stale, "{content:?}");
        }
    }

    #[test]
    fn a_marker_that_cannot_be_written_is_found_first() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("m");
        probe(&file).unwrap();
        assert!(!file.exists() && fs::read_dir(dir.path()).unwrap().next().is_none(), "the probe leaves nothing");
        fs::write(&file, "old").unwrap();
        probe(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        for bad in [dir.path().to_owned(), dir.path().join("none/m")] {
            let trouble = probe(&bad).unwrap_err();
            assert_eq!((trouble.exit, trouble.code.as_str()), (Exit::Output, "marker"));
            assert!(trouble.headline.contains(&bad.display().to_string()), "{}", trouble.headline);
        }
    }
}
