//! A database kept in memory that outlives a simulated kill.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Batch, Counters, Image, Op, Store};
use crate::{
    data::{Key, LogRecord, Table, TableId, User},
    value::Row,
};

/// Clones share what they keep: give one to a database, keep one, and open the next database with a clone of it.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Mutex<Kept>>);

#[derive(Clone, Debug, Default)]
struct Kept {
    written: Option<Counters>,
    tables: BTreeMap<TableId, Table>,
    rows: BTreeMap<TableId, BTreeMap<Key, Row>>,
    users: BTreeMap<String, User>,
    meta: BTreeMap<String, Vec<u8>>,
    log: VecDeque<LogRecord>,
}

impl MemoryStore {
    /// A store of its own with what this one keeps now.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())))
    }
}

impl Store for MemoryStore {
    fn load(&mut self) -> io::Result<Option<Image>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = |rows: &BTreeMap<Key, Row>| rows.iter().map(|(k, r)| (k.clone(), r.clone())).collect();
        Ok(kept.written.map(|counters| Image {
            tables: kept.tables.values().cloned().collect(),
            rows: kept.rows.iter().map(|(id, r)| (*id, rows(r))).collect(),
            users: kept.users.values().cloned().collect(),
            meta: kept.meta.clone(),
            log: kept.log.iter().cloned().collect(),
            counters,
        }))
    }

    fn append(&mut self, batch: &Batch<'_>) -> io::Result<()> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        batch.ops.iter().for_each(|op| kept.keep(op));
        let floor = batch.counters.log_floor;
        while kept.log.front().is_some_and(|r| r.sn < floor) {
            kept.log.pop_front();
        }
        kept.log.extend(batch.log.iter().filter(|r| r.sn >= floor).map(|r| (*r).clone()));
        kept.written = Some(batch.counters);
        Ok(())
    }
}

impl Kept {
    fn keep(&mut self, op: &Op) {
        match op {
            Op::PutTable(table) => drop(self.tables.insert(table.id, table.clone())),
            Op::DropTable(table) => {
                self.tables.remove(table);
                self.rows.remove(table);
            }
            Op::PutRow { table, key, row } => {
                self.rows.entry(*table).or_default().insert(key.clone(), row.clone());
            }
            Op::DeleteRow { table, key } => {
                self.rows.entry(*table).or_default().remove(key);
            }
            Op::ClearRows(table) => drop(self.rows.remove(table)),
            Op::PutUser(user) => drop(self.users.insert(user.name.clone(), user.clone())),
            Op::DropUser(name) => drop(self.users.remove(name)),
            Op::PutMeta { key, value } => drop(self.meta.insert(key.clone(), value.clone())),
            Op::DeleteMeta { key } => drop(self.meta.remove(key)),
        }
    }
}
