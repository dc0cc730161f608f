//! Writes the files of a chart or a kustomization. A folder that holds something else is never touched; what an earlier
//! run wrote and this one does not is removed, so that no pod too many stays behind.

use std::{
    fs, io,
    path::{Component, Path},
};

use aku_kube::File;

use crate::{bounded, exit::Exit, files, render::Diagnostic};

/// The list of what was written, in the folder itself.
const LIST: &str = ".aku-k8s";
/// What people change.
const KEPT: &str = "overlays/";
/// Largest list that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

pub(super) fn write(dir: &Path, wanted: &[File]) -> Result<(), Diagnostic> {
    let trouble =
        |path: &Path, e: &io::Error| Diagnostic::new(Exit::Output, "folder", format!("{}: {e}", path.display()));
    let earlier = match earlier(dir) {
        Ok(earlier) => earlier,
        Err(e) => return Err(trouble(dir, &e)),
    };
    let Some(earlier) = earlier else {
        let words = format!("{} is not empty, and not written by this command", dir.display());
        return Err(Diagnostic::new(Exit::Usage, "folder", words).next("name a new or an empty directory"));
    };
    let put = |path: &Path, text: &str| -> io::Result<()> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        files::store_public(text, path)
    };
    // The list first: a run that breaks off leaves a folder that the next one knows.
    let is_ours = |file: &&File| !file.path.starts_with(KEPT);
    let list: String = wanted.iter().filter(is_ours).flat_map(|f| [f.path.as_str(), "\n"]).collect();
    let both: String = earlier.iter().flat_map(|path| [path.as_str(), "\n"]).collect::<String>() + &list;
    let list_path = dir.join(LIST);
    put(&list_path, &both).map_err(|e| trouble(&list_path, &e))?;
    for file in wanted {
        let path = dir.join(&file.path);
        if !is_ours(&file) && path.exists() {
            continue;
        }
        put(&path, &file.text).map_err(|e| trouble(&path, &e))?;
    }
    for path in earlier.iter().filter(|path| wanted.iter().all(|f| f.path != **path)) {
        let path = dir.join(path);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(trouble(&path, &e)),
        }
    }
    put(&list_path, &list).map_err(|e| trouble(&list_path, &e))
}

/// What an earlier run wrote; nothing for a new or empty folder; `None` for one that is somebody else's.
fn earlier(dir: &Path) -> io::Result<Option<Vec<String>>> {
    match bounded::text(&dir.join(LIST), MAX_BYTES) {
        Ok(list) => Ok(Some(list.lines().filter(|path| stays_inside(path)).map(str::to_owned).collect())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => match fs::read_dir(dir) {
            Ok(mut entries) => Ok(entries.next().is_none().then(Vec::new)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Some(Vec::new())),
            Err(e) => Err(e),
        },
        Err(e) => Err(e),
    }
}

/// A list that somebody changed must not lead out of the folder.
fn stays_inside(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|c| matches!(c, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.into(), text: text.into() }
    }

    fn there(dir: &Path) -> Vec<String> {
        let mut found: Vec<_> = ["a", "b/c", "overlays/x/y", LIST]
            .iter()
            .filter(|p| dir.join(p).exists())
            .map(|p| (*p).to_owned())
            .collect();
        found.sort();
        found
    }

    #[test]
    fn a_second_run_replaces_the_first_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("new/chart");
        write(&dir, &[file("a", "1"), file("b/c", "1"), file("overlays/x/y", "1")]).unwrap();
        assert_eq!(there(&dir), [LIST, "a", "b/c", "overlays/x/y"]);
        fs::write(dir.join("overlays/x/y"), "mine").unwrap();
        fs::write(dir.join("also mine"), "mine").unwrap();
        write(&dir, &[file("a", "2"), file("overlays/x/y", "2")]).unwrap();
        assert_eq!(there(&dir), [LIST, "a", "overlays/x/y"]);
        let text = |path: &str| fs::read_to_string(dir.join(path)).unwrap();
        assert_eq!([text("a"), text("overlays/x/y"), text("also mine")], ["2", "mine", "mine"]);
    }

    #[test]
    fn a_folder_of_somebody_else_is_not_touched() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "precious").unwrap();
        let trouble = write(dir.path(), &[file("a", "1")]).unwrap_err();
        assert_eq!(
            (trouble.exit, fs::read_to_string(dir.path().join("a")).unwrap().as_str()),
            (Exit::Usage, "precious")
        );
    }

    #[test]
    fn a_list_leads_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let (inside, outside) = (dir.path().join("in"), dir.path().join("out"));
        fs::create_dir(&inside).unwrap();
        fs::write(&outside, "precious").unwrap();
        fs::write(inside.join(LIST), format!("../out\n{}\n\n", outside.display())).unwrap();
        write(&inside, &[file("a", "1")]).unwrap();
        assert_eq!(fs::read_to_string(&outside).unwrap(), "precious");
    }
}
