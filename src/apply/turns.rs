//! Whose turn it is at a table of a pod. CREATE REPLICATION, ADD TABLE and DROP TABLE lock the table, and one that finds it
//! locked fails at once (ERR-11075), so of those that may run side by side each waits for the others.

use std::{
    collections::BTreeSet,
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

use super::{control::Control, op_error::OpError};
use crate::topology::{Ordinal, Target};

/// Longest sleep while somebody else is at the table.
const WAIT: Duration = Duration::from_millis(20);

/// A table of a pod; a partition locks its table.
type Table = (Ordinal, Target);

/// Who is at which table.
#[derive(Default)]
pub(super) struct Turns {
    taken: Mutex<BTreeSet<Table>>,
    freed: Condvar,
}

/// A turn; over when dropped.
pub(super) struct Turn<'t> {
    turns: &'t Turns,
    tables: BTreeSet<Table>,
}

impl Turns {
    /// Waits until nobody is at any of the tables of these targets on the pod.
    pub fn take(&self, pod: Ordinal, targets: &[Target], control: &Control) -> Result<Turn<'_>, OpError> {
        let tables: BTreeSet<Table> = targets.iter().map(|t| (pod, Target { partition: None, ..t.clone() })).collect();
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while !taken.is_disjoint(&tables) {
            if control.stopped() {
                return Err(OpError::Stopped);
            }
            // The condition variable only saves time; the loop is what decides.
            (taken, _) = self.freed.wait_timeout(taken, WAIT).unwrap_or_else(PoisonError::into_inner);
        }
        taken.extend(tables.iter().cloned());
        Ok(Turn { turns: self, tables })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut taken = self.turns.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.retain(|table| !self.tables.contains(table));
        drop(taken);
        self.turns.freed.notify_all();
    }
}
