//! The start marker, `/tmp/aku_start_completed`: where it is, what it says, whether it belongs to this life of the
//! server (`aku-behaviour.md` B.9). Reads the file; writing and deleting are actions of a plan.
//!
//! The startup probe only asks whether the file exists. Ours also holds `key=value` lines, so that a marker which
//! outlived its server is recognised; an empty file (an older tool, `touch`) counts as belonging to this life.

use std::{io, path::PathBuf};

use super::env::{Env, read_small};
use crate::{observe::MarkerView, topology::Ordinal};

/// The documented path.
const PATH: &str = "/tmp/aku_start_completed";
/// Variable with another path.
pub const PATH_VARIABLE: &str = "AKU_MARKER";
/// Variable with a directory that holds one marker for each pod (labs: several pods on one machine).
pub const DIR_VARIABLE: &str = "AKU_MARKER_DIR";
const STARTED: &str = "server_started_at";

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

/// What is there. `server_started_at` is the start time of the pod's server now, when it was seen.
#[must_use]
pub fn view(path: Option<&PathBuf>, server_started_at: Option<i64>) -> MarkerView {
    let Some(path) = path else { return MarkerView::Elsewhere };
    let text = match read_small(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return MarkerView::Missing,
        // It exists, and that is all a probe asks for.
        Err(_) => String::new(),
    };
    let said = text.lines().find_map(|l| l.strip_prefix(STARTED)?.strip_prefix('=')?.trim().parse::<i64>().ok());
    match (said, server_started_at) {
        (Some(then), Some(now)) if then != now => MarkerView::Stale,
        (Some(_) | None, _) => MarkerView::Present,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(view(None, Some(5)), MarkerView::Elsewhere);
        assert_eq!(view(Some(&file), Some(5)), MarkerView::Missing);
        let table = [
            (String::new(), MarkerView::Present),
            ("garbage\u{0}".to_owned(), MarkerView::Present),
            (text(1, Some(5), "sha256:0"), MarkerView::Present),
            (text(1, Some(4), "sha256:0"), MarkerView::Stale),
            (text(1, Some(6), "sha256:0"), MarkerView::Stale),
            (text(1, None, "sha256:0"), MarkerView::Present),
        ];
        for (content, want) in table {
            std::fs::write(&file, &content).unwrap();
            assert_eq!(view(Some(&file), Some(5)), want, "{content:?}");
            assert_eq!(view(Some(&file), None), MarkerView::Present, "{content:?}");
        }
    }
}
