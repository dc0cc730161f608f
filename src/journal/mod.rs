//! What a run did, on disk: one file per run, `<state>/runs/<run>.ndjson`, mode 0600, appended to and never changed.
//!
//! Evidence, never truth: what a plan is made from is always what the pods show. An intent is durable before its
//! statement is sent; what follows it is made durable together with the next intent or the end. A journal that cannot
//! be written stops nothing: a pod hook must not keep a database from starting because a directory is missing.

pub mod recorder;
pub mod runs;
pub mod timeline;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use crate::run_id::RunId;

/// Variable with the directory.
pub const DIR_VARIABLE: &str = "AKU_STATE_DIR";
/// The directory below ALTIBASE_HOME.
const DIR: &str = "aku";
/// Where in it the journals are.
const RUNS: &str = "runs";
/// How their names end.
const SUFFIX: &str = ".ndjson";

/// The directory of state: what the variable says, else `aku` in ALTIBASE_HOME, else none.
#[must_use]
pub fn dir(variable: Option<&Path>, altibase_home: Option<&Path>) -> Option<PathBuf> {
    variable.map(Path::to_path_buf).or_else(|| altibase_home.map(|home| home.join(DIR)))
}

/// The journal of a run.
#[must_use]
pub fn path(state: &Path, run: &RunId) -> PathBuf {
    state.join(RUNS).join(format!("{run}{SUFFIX}"))
}

/// Whether journals may be in a folder: somebody who put a link there would choose where we write, and what we take for our
/// own past.
///
/// # Errors
/// It is a link, or no folder.
fn own_folder(folder: &Path) -> io::Result<()> {
    let there = fs::symlink_metadata(folder)?;
    if there.is_dir() {
        return Ok(());
    }
    let what = if there.is_symlink() { "a symbolic link" } else { "no folder" };
    Err(io::Error::new(io::ErrorKind::NotADirectory, format!("{} is {what}", folder.display())))
}

/// When a line is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durable {
    /// When the call returns.
    Now,
    /// With the next line that is [`Durable::Now`].
    Later,
}

#[derive(Default)]
struct State {
    file: Option<File>,
    seq: u64,
    written: u64,
    synced: u64,
    syncing: bool,
    /// The first failure.
    failed: Option<String>,
}

/// An open journal. Several threads may write; those that wait for the disk share one wait.
pub struct Journal {
    path: PathBuf,
    state: Mutex<State>,
    synced: Condvar,
}

impl Journal {
    /// Begins the journal of a run. Directories are made where they are missing, mode 0700.
    ///
    /// # Errors
    /// What the system says.
    pub fn create(state: &Path, run: &RunId) -> io::Result<Self> {
        let path = path(state, run);
        if let Some(folder) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            own_folder(folder)?;
        }
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path)?;
        let state = Mutex::new(State { file: Some(file), ..State::default() });
        Ok(Self { path, state, synced: Condvar::new() })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Why it is incomplete, once that is so.
    #[must_use]
    pub fn failed(&self) -> Option<String> {
        self.lock().failed.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends what `line` makes of the next number. A failure is remembered and hinders nobody.
    pub fn append(&self, durable: Durable, line: impl FnOnce(u64) -> String) {
        let mut state = self.lock();
        state.seq += 1;
        let mut text = line(state.seq);
        if state.failed.is_some() {
            // What was cut off stays a line of its own.
            text.insert(0, '\n');
        }
        let written = match &mut state.file {
            Some(file) => file.write_all(text.as_bytes()),
            None => Ok(()),
        };
        state.written += 1;
        note(&mut state, written);
        if durable == Durable::Now {
            let upto = state.written;
            self.sync(state, upto);
        }
    }

    /// Waits until line number `upto` is on disk; whoever comes first does the work for all that are waiting.
    fn sync<'a>(&'a self, mut state: MutexGuard<'a, State>, upto: u64) {
        while state.synced < upto {
            if state.syncing {
                state = self.synced.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let file = state.file.as_ref().map(File::try_clone).transpose();
            let covers = state.written;
            state.syncing = true;
            drop(state);
            let done = file.and_then(|file| file.map_or(Ok(()), |file| file.sync_data()));
            state = self.lock();
            state.syncing = false;
            state.synced = state.synced.max(covers);
            note(&mut state, done);
            self.synced.notify_all();
        }
    }
}

fn note(state: &mut State, done: io::Result<()>) {
    if let Err(e) = done {
        state.failed.get_or_insert_with(|| e.to_string());
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt as _, sync::Arc, thread};

    use super::*;

    fn run() -> RunId {
        RunId::new("2026-11-21T12:10:44Z".parse().unwrap())
    }

    #[test]
    fn where_it_is() {
        let (a, b) = (Path::new("/state"), Path::new("/altibase"));
        assert_eq!(dir(Some(a), Some(b)), Some("/state".into()));
        assert_eq!(dir(None, Some(b)), Some("/altibase/aku".into()));
        assert_eq!(dir(None, None), None);
    }

    #[test]
    fn many_threads_share_one_file_without_gaps() {
        let dir = tempfile::tempdir().unwrap();
        let id = run();
        let journal = Arc::new(Journal::create(&dir.path().join("new"), &id).unwrap());
        let writers: Vec<_> = (0..4)
            .map(|n| {
                let journal = Arc::clone(&journal);
                thread::spawn(move || {
                    for _ in 0..50 {
                        let durable = if n % 2 == 0 { Durable::Now } else { Durable::Later };
                        journal.append(durable, |seq| format!("{seq}\n"));
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        let text = fs::read_to_string(journal.path()).unwrap();
        let numbers: Vec<u64> = text.lines().map(|l| l.parse().unwrap()).collect();
        assert_eq!(numbers, (1..=200).collect::<Vec<_>>());
        assert_eq!(fs::metadata(journal.path()).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(dir.path().join("new")).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(journal.failed(), None);
        // The same run twice is a mistake somewhere, never a reason to overwrite.
        assert!(Journal::create(&dir.path().join("new"), &id).is_err());
    }

    #[test]
    fn a_full_disk_is_remembered_and_stops_nothing() {
        let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
        let state = Mutex::new(State { file: Some(full), ..State::default() });
        let journal = Journal { path: "/dev/full".into(), state, synced: Condvar::new() };
        for _ in 0..3 {
            journal.append(Durable::Now, |seq| format!("{seq}\n"));
        }
        assert!(journal.failed().unwrap().contains("space"), "{:?}", journal.failed());
    }
}
