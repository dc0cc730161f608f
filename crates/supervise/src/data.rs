//! Whether there is a database: decided by data files, never by a directory that is there or is not. Only reads, but for the
//! note that a creation is under way; never deletes a file that it did not write.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The note in the first directory while a database is made.
const UNDER_WAY: &str = ".aku-creating";
/// The file in the first directory that is locked by the container whose volume it is.
const CLAIM: &str = ".aku-run";

/// How a data file or a log anchor is called: `SYS_TBS_MEM_DATA-0-0`, `system001.dbf`, `undo001.dbf`, `loganchor0`, `logfile0`.
fn is_data(name: &str) -> bool {
    let tablespace = name.contains('-') && name.starts_with("SYS_TBS");
    let ends = Path::new(name).extension().is_some_and(|e| e.eq_ignore_ascii_case("dbf"));
    tablespace || ends || name.starts_with("loganchor") || name.starts_with("logfile")
}

/// What is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// This many data files, the first of them by name.
    There(usize, PathBuf),
    /// None at all.
    Empty,
    /// A database was being made when the container was killed: half of one is no database.
    HalfMade(PathBuf),
}

/// Why it is not known what is there.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be looked through: {source}", path = path.display())]
pub struct Unreadable {
    /// The directory.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// Looks through the directories of data files.
///
/// # Errors
/// One is there and cannot be read: that is not the same as empty.
pub fn look(dirs: &[PathBuf]) -> Result<Data, Unreadable> {
    if let Some(note) = dirs.first().map(|dir| dir.join(UNDER_WAY))
        && note.try_exists().map_err(|source| Unreadable { path: note.clone(), source })?
    {
        return Ok(Data::HalfMade(note));
    }
    let mut found = Vec::new();
    for dir in dirs {
        let unreadable = |source| Unreadable { path: dir.clone(), source };
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(unreadable(e)),
        };
        for entry in entries {
            let entry = entry.map_err(unreadable)?;
            if is_data(&entry.file_name().to_string_lossy()) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    let count = found.len();
    Ok(found.into_iter().next().map_or(Data::Empty, |first| Data::There(count, first)))
}

/// Why the volume is not this container's.
#[derive(Debug)]
pub enum NotOurs {
    /// Another container of the pod lives on.
    Taken(PathBuf),
    /// It cannot be told.
    Unknown(io::Error),
}

/// Takes the volume for as long as the answer is kept: two servers on the same files destroy them. Kubernetes starts a pod beside
/// one of the same name that was deleted by force, and a volume of ReadWriteOnce may be mounted twice on one node. `None`: there
/// are no directories yet.
///
/// # Errors
/// See [`NotOurs`].
pub fn claim(dirs: &[PathBuf]) -> Result<Option<fs::File>, NotOurs> {
    let Some(dir) = dirs.first().filter(|dir| dir.exists()) else { return Ok(None) };
    let path = dir.join(CLAIM);
    let open = fs::File::options().create(true).truncate(false).write(true).open(&path);
    let file = open.map_err(NotOurs::Unknown)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Err(NotOurs::Taken(path)),
        Err(fs::TryLockError::Error(e)) => Err(NotOurs::Unknown(e)),
    }
}

/// Notes that a database is made from now on.
///
/// # Errors
/// The volume cannot be written.
pub fn begin_creation(dirs: &[PathBuf]) -> io::Result<()> {
    let Some(dir) = dirs.first() else { return Ok(()) };
    fs::create_dir_all(dir)?;
    let note = fs::File::create(dir.join(UNDER_WAY))?;
    note.sync_all()
}

/// The program that makes one came to its end.
///
/// # Errors
/// The note cannot be removed.
pub fn end_creation(dirs: &[PathBuf]) -> io::Result<()> {
    let Some(dir) = dirs.first() else { return Ok(()) };
    fs::remove_file(dir.join(UNDER_WAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_decide_and_directories_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let dirs = [dir.path().join("dbs"), dir.path().join("logs")];
        assert_eq!(look(&dirs).unwrap(), Data::Empty, "no directories");
        for d in &dirs {
            fs::create_dir_all(d.join("lost+found")).unwrap();
        }
        fs::write(dirs[0].join("README"), "").unwrap();
        assert_eq!(look(&dirs).unwrap(), Data::Empty, "what every volume has");
        for (at, name) in [(1, "loganchor0"), (0, "SYS_TBS_MEM_DATA-0-0"), (0, "system001.dbf")] {
            let file = dirs[at].join(name);
            fs::write(&file, "").unwrap();
            assert_eq!(look(&dirs).unwrap(), Data::There(1, file.clone()), "{name}");
            fs::remove_file(file).unwrap();
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_empty() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("dbs");
        fs::write(&file, "").unwrap();
        assert_eq!(look(std::slice::from_ref(&file)).unwrap_err().path, file.join(UNDER_WAY));
        assert!(look(&[dir.path().to_owned(), file]).is_err());
    }

    #[test]
    fn a_volume_has_one_container() {
        let dir = tempfile::tempdir().unwrap();
        let dirs = [dir.path().join("dbs")];
        assert!(claim(&dirs).unwrap().is_none(), "nothing to take yet");
        fs::create_dir(&dirs[0]).unwrap();
        let first = claim(&dirs).unwrap().unwrap();
        assert!(matches!(claim(&dirs), Err(NotOurs::Taken(path)) if path.ends_with(".aku-run")));
        assert_eq!(look(&dirs).unwrap(), Data::Empty, "it is no data file");
        drop(first);
        assert!(claim(&dirs).unwrap().is_some());
    }

    #[test]
    fn half_a_database_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let dirs = [dir.path().join("dbs")];
        begin_creation(&dirs).unwrap();
        fs::write(dirs[0].join("system001.dbf"), "").unwrap();
        assert_eq!(look(&dirs).unwrap(), Data::HalfMade(dirs[0].join(UNDER_WAY)));
        end_creation(&dirs).unwrap();
        assert!(matches!(look(&dirs).unwrap(), Data::There(1, _)));
    }
}
