//! What a running action is at, for the thread that watches it: words, rows, and how to cancel.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::db::Cancel;

/// A statement under way.
#[derive(Clone)]
struct Statement {
    since: Instant,
    /// How long it may take; `None` = nobody minds.
    bound: Option<Duration>,
    cancel: Arc<dyn Cancel>,
}

#[derive(Default)]
struct State {
    next: u64,
    statements: BTreeMap<u64, Statement>,
    doing: String,
    rows: Option<(u64, Option<u64>)>,
}

/// Shared between an action's threads and the engine.
#[derive(Default)]
pub(super) struct Slot(Mutex<State>);

impl Slot {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panicking action leaves whole values behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what goes on.
    pub fn say(&self, doing: impl Into<String>) {
        self.lock().doing = doing.into();
    }

    /// Rows done and in all.
    pub fn count(&self, done: u64, all: Option<u64>) {
        self.lock().rows = Some((done, all));
    }

    /// What goes on.
    pub fn report(&self) -> (String, Option<(u64, Option<u64>)>) {
        let state = self.lock();
        (state.doing.clone(), state.rows)
    }

    /// A statement is sent; the key ends it.
    pub fn enter(&self, since: Instant, bound: Option<Duration>, cancel: Arc<dyn Cancel>) -> u64 {
        let mut state = self.lock();
        state.next += 1;
        let key = state.next;
        state.statements.insert(key, Statement { since, bound, cancel });
        key
    }

    /// The statement came back.
    pub fn leave(&self, key: u64) {
        self.lock().statements.remove(&key);
    }

    /// How to cancel what runs.
    pub fn cancels(&self) -> Vec<Arc<dyn Cancel>> {
        self.lock().statements.values().map(|s| Arc::clone(&s.cancel)).collect()
    }

    /// Since when a statement has been over its bound.
    pub fn overdue(&self, now: Instant) -> Option<Instant> {
        let ends = |s: &Statement| s.bound.map(|b| s.since + b);
        self.lock().statements.values().filter_map(ends).filter(|end| *end <= now).min()
    }
}
