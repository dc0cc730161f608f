//! The rows of one table in memory: newest versions, who changed them, unique indexes, frozen readers.
//!
//! Decides which version a reader sees. Only [`Heap::set`] changes rows, so that no index and no frozen reader can
//! miss a change. Knows nothing of the log, of constraints other than uniqueness, and of other tables.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    ops::Bound::{Excluded, Unbounded},
};

use super::{
    event::LockMode,
    ids::{PartitionId, SnapshotId, TxId},
    key::Key,
    table::{Index, IndexKind, Table},
};
use crate::value::Row;

/// A row that an open transaction changed.
#[derive(Debug)]
pub(super) struct Dirty {
    /// Who holds the row.
    pub tx: TxId,
    /// What is committed; `None` when the row is new.
    pub before: Option<Row>,
}

/// A frozen view: what is committed when it is made.
#[derive(Debug)]
struct Frozen {
    partition: Option<PartitionId>,
    /// Last key given.
    cursor: Option<Key>,
    /// What stood at keys behind the cursor that were changed since; `None` for nothing.
    held: BTreeMap<Key, Option<Row>>,
}

/// A unique index beside the primary key: its values and the row that has them.
#[derive(Debug)]
struct Unique {
    columns: Vec<usize>,
    entries: BTreeMap<Key, Key>,
}

/// The rows of one table.
#[derive(Debug, Default)]
pub(super) struct Heap {
    rows: BTreeMap<Key, Row>,
    dirty: BTreeMap<Key, Dirty>,
    uniques: Vec<Unique>,
    frozen: BTreeMap<SnapshotId, Frozen>,
    next_hidden: i64,
    /// Table locks held.
    pub locks: Vec<(TxId, LockMode)>,
    /// Requests for table locks that wait, oldest first.
    pub queue: Vec<(TxId, LockMode)>,
}

impl Heap {
    /// A heap with these rows, which are all committed and in key order.
    pub fn load(table: &Table, rows: Vec<(Key, Row)>) -> Self {
        let next_hidden = match rows.last() {
            Some((Key::Int(n), _)) if table.primary_key().is_none() => n + 1,
            _ => 0,
        };
        let mut heap = Self { rows: rows.into_iter().collect(), next_hidden, ..Self::default() };
        heap.reindex(table);
        heap
    }

    /// Builds the unique indexes anew. Returns whether all rows were unique.
    pub fn reindex(&mut self, table: &Table) -> Uniqueness {
        let mut result = Uniqueness::Unique;
        let unique = |i: &&Index| matches!(i.kind, IndexKind::UniqueConstraint | IndexKind::UniqueIndex);
        self.uniques = table.indexes.iter().filter(unique).map(|i| Unique::new(&i.columns)).collect();
        for unique in &mut self.uniques {
            for (key, row) in &self.rows {
                if unique.add(key, row).is_some() {
                    result = Uniqueness::Duplicates;
                }
            }
        }
        result
    }

    /// A key for a row of a table without primary key.
    pub fn hidden_key(&mut self) -> Key {
        self.next_hidden += 1;
        Key::Int(self.next_hidden - 1)
    }

    /// Newest version, committed or not.
    pub fn newest(&self, key: &Key) -> Option<&Row> {
        self.rows.get(key)
    }

    /// Who holds a row.
    pub fn holder(&self, key: &Key) -> Option<TxId> {
        self.dirty.get(key).map(|d| d.tx)
    }

    /// The version that `tx` sees.
    pub fn visible(&self, tx: Option<TxId>, key: &Key) -> Option<&Row> {
        match self.dirty.get(key) {
            Some(d) if Some(d.tx) != tx => d.before.as_ref(),
            _ => self.rows.get(key),
        }
    }

    /// Rows that `tx` sees with keys in a range, in order.
    pub fn scan(&self, tx: Option<TxId>, range: impl std::ops::RangeBounds<Key> + Clone) -> Scan<'_> {
        let mut dirty = if self.dirty.is_empty() { None } else { Some(self.dirty.range(range.clone())) };
        let next_dirty = dirty.as_mut().and_then(Iterator::next);
        Scan { tx, rows: self.rows.range(range), peeked: None, dirty, next_dirty }
    }

    /// How many rows `tx` sees.
    pub fn count(&self, tx: Option<TxId>) -> usize {
        let others = self.dirty.iter().filter(|(_, d)| Some(d.tx) != tx);
        let (hidden, shown) = others.fold((0, 0), |(hidden, shown), (key, d)| {
            (hidden + usize::from(self.rows.contains_key(key)), shown + usize::from(d.before.is_some()))
        });
        self.rows.len() - hidden + shown
    }

    /// The row that stands in the way of `row` in a unique index; `own` is its own key.
    pub fn unique_conflict(&self, tx: TxId, own: &Key, row: &Row) -> Option<InTheWay> {
        self.uniques.iter().find_map(|unique| {
            let wanted = unique.key(row)?;
            if let Some(owner) = unique.entries.get(&wanted).filter(|owner| *owner != own) {
                let other = self.holder(owner).filter(|t| *t != tx);
                return Some(other.map_or(InTheWay::Row, InTheWay::Holder));
            }
            // A value that another open transaction gave up may come back with its rollback.
            let freed =
                |d: &&Dirty| d.tx != tx && d.before.as_ref().and_then(|r| unique.key(r)).as_ref() == Some(&wanted);
            self.dirty.values().find(freed).map(|d| InTheWay::Holder(d.tx))
        })
    }

    /// Puts a version (or its absence) at a key, keeps the unique indexes right and remembers the old version for
    /// frozen readers. Gives the old version.
    #[allow(clippy::needless_pass_by_value)] // the row is kept
    pub fn set(&mut self, key: &Key, row: Option<Row>) -> Option<Row> {
        let old = match &row {
            Some(row) => self.rows.insert(key.clone(), row.clone()),
            None => self.rows.remove(key),
        };
        for unique in &mut self.uniques {
            if let Some(old) = &old {
                unique.remove(key, old);
            }
            if let Some(row) = &row {
                unique.add(key, row);
            }
        }
        for frozen in self.frozen.values_mut() {
            if frozen.cursor.as_ref().is_none_or(|c| key > c) {
                frozen.held.entry(key.clone()).or_insert_with(|| old.clone());
            }
        }
        old
    }

    /// Marks a row as held by `tx`; `before` is what is committed. Gives whether that is new.
    pub fn hold(&mut self, tx: TxId, key: &Key, before: Option<&Row>) -> Held {
        match self.dirty.entry(key.clone()) {
            Entry::Occupied(_) => Held::Before,
            Entry::Vacant(place) => {
                place.insert(Dirty { tx, before: before.cloned() });
                Held::Now
            }
        }
    }

    /// Lets go of a row. `None` when it was not held.
    pub fn release(&mut self, key: &Key) -> Option<Dirty> {
        self.dirty.remove(key)
    }

    /// Freezes what is committed.
    pub fn freeze(&mut self, id: SnapshotId, partition: Option<PartitionId>) {
        let held = self.dirty.iter().map(|(key, d)| (key.clone(), d.before.clone())).collect();
        self.frozen.insert(id, Frozen { partition, cursor: None, held });
    }

    /// Ends a frozen view.
    pub fn unfreeze(&mut self, id: SnapshotId) {
        self.frozen.remove(&id);
    }

    /// The next rows of a frozen view; empty at its end.
    pub fn read_frozen(&mut self, id: SnapshotId, table: &Table, max: usize) -> Vec<Row> {
        let Some(frozen) = self.frozen.get_mut(&id) else { return Vec::new() };
        let mut out = Vec::with_capacity(max.min(self.rows.len()));
        let from = |cursor: &Option<Key>| (cursor.clone().map_or(Unbounded, Excluded), Unbounded);
        let mut last = None;
        {
            let mut rows = self.rows.range(from(&frozen.cursor)).peekable();
            let mut held = frozen.held.range(from(&frozen.cursor)).peekable();
            while out.len() < max {
                let held_first = match (rows.peek(), held.peek()) {
                    (None, None) => break,
                    (Some((r, _)), Some((h, _))) => h <= r,
                    (None, Some(_)) => true,
                    (Some(_), None) => false,
                };
                let (key, row) = if held_first {
                    let (key, row) = held.next().expect("peeked");
                    if rows.peek().is_some_and(|(r, _)| *r == key) {
                        rows.next();
                    }
                    (key, row.as_ref())
                } else {
                    rows.next().map(|(key, row)| (key, Some(row))).expect("peeked")
                };
                last = Some(key);
                let wanted = |row: &&Row| frozen.partition.is_none_or(|p| table.partition_of(row) == Some(p));
                out.extend(row.filter(wanted).cloned());
            }
        }
        if let Some(last) = last.cloned() {
            frozen.held = frozen.held.split_off(&last);
            frozen.held.remove(&last);
            frozen.cursor = Some(last);
        }
        out
    }

    /// All that frozen readers still want, for a table that is about to lose its rows.
    pub fn thaw(&mut self, table: &Table) -> Vec<(SnapshotId, Vec<Row>)> {
        let ids: Vec<_> = self.frozen.keys().copied().collect();
        let thawed = ids.into_iter().map(|id| (id, self.read_frozen(id, table, usize::MAX))).collect();
        self.frozen.clear();
        thawed
    }

    /// All rows and indexes are gone; locks stay. For a table that nobody holds rows of.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.uniques.iter_mut().for_each(|u| u.entries.clear());
    }
}

/// Whether the rows of a table are unique where they must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Uniqueness {
    Unique,
    Duplicates,
}

/// What is in the way of a unique value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InTheWay {
    /// A row that stays.
    Row,
    /// A row that this transaction holds.
    Holder(TxId),
}

/// Whether a row was held already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    Before,
    Now,
}

impl Unique {
    fn new(columns: &[usize]) -> Self {
        Self { columns: columns.to_vec(), entries: BTreeMap::new() }
    }

    /// `None` for a row with a NULL: those are never equal.
    fn key(&self, row: &Row) -> Option<Key> {
        Some(Key::of(row, &self.columns)).filter(|k| !k.has_null())
    }

    fn add(&mut self, key: &Key, row: &Row) -> Option<Key> {
        self.key(row).and_then(|value| self.entries.insert(value, key.clone()))
    }

    fn remove(&mut self, key: &Key, row: &Row) {
        if let Some(value) = self.key(row) {
            // The value may belong to another row by now (a multi-row UPDATE that swaps values).
            if self.entries.get(&value) == Some(key) {
                self.entries.remove(&value);
            }
        }
    }
}

/// See [`Heap::scan`].
pub(super) struct Scan<'a> {
    tx: Option<TxId>,
    rows: std::collections::btree_map::Range<'a, Key, Row>,
    peeked: Option<(&'a Key, &'a Row)>,
    dirty: Option<std::collections::btree_map::Range<'a, Key, Dirty>>,
    next_dirty: Option<(&'a Key, &'a Dirty)>,
}

impl<'a> Iterator for Scan<'a> {
    type Item = (&'a Key, &'a Row);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some((key, dirty)) = self.next_dirty else {
                return self.peeked.take().or_else(|| self.rows.next());
            };
            if self.peeked.is_none() {
                self.peeked = self.rows.next();
            }
            if self.peeked.is_some_and(|(row_key, _)| row_key < key) {
                return self.peeked.take();
            }
            let newest = self.peeked.take_if(|(row_key, _)| *row_key == key).map(|(_, row)| row);
            self.next_dirty = self.dirty.as_mut().and_then(Iterator::next);
            let seen = if Some(dirty.tx) == self.tx { newest } else { dirty.before.as_ref() };
            if let Some(row) = seen {
                return Some((key, row));
            }
        }
    }
}
