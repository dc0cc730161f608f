//! The log of a pod as its directory holds it, for whoever reads it in the pod's stead.

use std::{fmt::Debug, fs, io, path::Path};

use super::{Image, SqliteStore, Store as _};

/// What a directory turned out to be.
#[derive(Debug)]
pub enum LogDirectory {
    /// There is none.
    Missing,
    /// It holds no log.
    Empty,
    /// It holds one.
    Logs(Box<Image>),
}

/// Finds directories of logs by their paths.
pub trait LogDirectories: Debug + Send + Sync {
    /// What is there.
    fn open(&self, path: &str) -> LogDirectory;
}

/// No directory exists.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDirectories;

impl LogDirectories for NoDirectories {
    fn open(&self, _: &str) -> LogDirectory {
        LogDirectory::Missing
    }
}

/// Directories of pods on this machine, each with a database of that file name.
#[derive(Clone, Copy, Debug)]
pub struct PodDirectories(pub &'static str);

impl LogDirectories for PodDirectories {
    fn open(&self, path: &str) -> LogDirectory {
        let dir = Path::new(path);
        if !dir.is_dir() {
            return LogDirectory::Missing;
        }
        self.read(dir).ok().flatten().map_or(LogDirectory::Empty, |image| LogDirectory::Logs(Box::new(image)))
    }
}

impl PodDirectories {
    /// Reads a copy: the pod may live, and a database that is opened is changed.
    fn read(self, dir: &Path) -> io::Result<Option<Image>> {
        let copy = tempfile::tempdir()?;
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(self.0) {
                fs::copy(entry.path(), copy.path().join(entry.file_name()))?;
            }
        }
        let file = copy.path().join(self.0);
        if file.exists() { SqliteStore::open(&file)?.load() } else { Ok(None) }
    }
}
