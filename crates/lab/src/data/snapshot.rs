//! Frozen tables, for SYNC: a consistent copy is read in pieces while writers go on.
//!
//! Writers pay only while a snapshot is open: what they change is remembered for the reader.

use super::{
    Database,
    ids::{PartitionId, SnapshotId, TableId},
};
use crate::value::Row;

/// Where the rows of a snapshot are.
#[derive(Debug)]
pub(super) enum Source {
    /// In the heap of this table.
    Table(TableId),
    /// The table lost its rows: here, the next one last.
    Rest(Vec<Row>),
}

/// Frozen tables, for SYNC.
impl Database {
    /// Freezes the committed rows of a table or of one partition. Several snapshots taken without a change between them
    /// are consistent with each other.
    pub fn snapshot(&mut self, table: TableId, partition: Option<PartitionId>) -> SnapshotId {
        self.last_snapshot.0 += 1;
        let id = self.last_snapshot;
        self.entry_mut(table).heap.freeze(id, partition);
        self.snapshots.insert(id, Source::Table(table));
        id
    }

    /// The next rows in primary key order, at most `max`; empty at the end. Rows come even when the table was
    /// truncated or dropped since.
    ///
    /// # Panics
    /// Never: a table that goes leaves the rest of its snapshots behind.
    pub fn read_snapshot(&mut self, snapshot: SnapshotId, max: usize) -> Vec<Row> {
        match self.snapshots.get_mut(&snapshot) {
            None => Vec::new(),
            Some(Source::Table(table)) => {
                let entry = self.tables.get_mut(table).expect("a dropped table leaves the rest of its snapshots");
                entry.heap.read_frozen(snapshot, &entry.table, max)
            }
            Some(Source::Rest(rows)) => {
                let kept = rows.len().saturating_sub(max);
                rows.split_off(kept).into_iter().rev().collect()
            }
        }
    }

    /// Forgets a snapshot.
    pub fn close_snapshot(&mut self, snapshot: SnapshotId) {
        match self.snapshots.remove(&snapshot) {
            Some(Source::Table(table)) => self.entry_mut(table).heap.unfreeze(snapshot),
            Some(Source::Rest(_)) | None => {}
        }
    }

    /// Saves what snapshots of a table still want, before it loses its rows or its layout changes.
    pub(super) fn keep_snapshots(&mut self, table: TableId) {
        let entry = self.entry_mut(table);
        let definition = entry.table.clone();
        for (id, mut rows) in entry.heap.thaw(&definition) {
            rows.reverse();
            self.snapshots.insert(id, Source::Rest(rows));
        }
    }
}
