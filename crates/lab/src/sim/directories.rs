//! The volumes of simulated pods as other pods find them: by the directory of their logs.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::store::{LogDirectories, LogDirectory, MemoryStore, Store as _};

/// Clones share what they know.
#[derive(Clone, Debug, Default)]
pub(super) struct Directories(Arc<Mutex<BTreeMap<String, MemoryStore>>>);

impl Directories {
    pub(super) fn show(&self, path: String, store: &MemoryStore) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(path, store.clone());
    }
}

impl LogDirectories for Directories {
    fn open(&self, path: &str) -> LogDirectory {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(path).map(|store| store.copy().load()) {
            None => LogDirectory::Missing,
            Some(Ok(Some(image))) => LogDirectory::Logs(Box::new(image)),
            Some(Ok(None) | Err(_)) => LogDirectory::Empty,
        }
    }
}
