//! Transactions: what they changed, how that is made visible or undone.
//!
//! Decides visibility and atomicity. Constraints are checked before anything gets here.

use super::{
    Database,
    event::{Event, Origin, TxInfo},
    heap::Held,
    ids::{Sn, TableId, TxId},
    key::Key,
};
use crate::{store::Op, value::Row};

/// One physical change, as it is undone.
#[derive(Debug)]
struct Undo {
    table: TableId,
    key: Key,
    /// What stood there before this change.
    before: Option<Row>,
    /// Whether this change took the row's lock.
    held: Held,
}

/// An open transaction.
#[derive(Debug)]
pub(super) struct Tx {
    pub origin: Origin,
    /// SN of its first record.
    pub begin: Option<Sn>,
    undo: Vec<Undo>,
    /// Tables it holds locks on.
    pub locks: Vec<TableId>,
    /// Whom it waits for.
    pub waits: Vec<TxId>,
}

/// A point inside a transaction to go back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Savepoint {
    undo: usize,
    sn: Sn,
}

/// Transactions. Cheap to begin: one that writes nothing leaves no trace.
impl Database {
    /// Opens a transaction.
    pub fn begin(&mut self, origin: Origin) -> TxId {
        self.counters.last_tx.0 += 1;
        let id = self.counters.last_tx;
        let tx = Tx { origin, begin: None, undo: Vec::new(), locks: Vec::new(), waits: Vec::new() };
        self.txs.insert(id, tx);
        id
    }

    /// Makes its changes visible and lets go of its locks. The SN of the commit record, `None` when it wrote nothing.
    ///
    /// # Panics
    /// When the transaction is not open.
    pub fn commit(&mut self, tx: TxId) -> Option<Sn> {
        let ended = self.end(tx);
        for undo in &ended.undo {
            let heap = &mut self.entry_mut(undo.table).heap;
            if heap.release(&undo.key).is_none() {
                continue; // an earlier change of the same row was first
            }
            let (table, key) = (undo.table, undo.key.clone());
            let op = match heap.newest(&undo.key) {
                Some(row) => Op::PutRow { table, key, row: row.clone() },
                None => Op::DeleteRow { table, key },
            };
            self.pending.push(op);
        }
        ended.begin.map(|_| self.log.append(tx, ended.origin, Event::Commit))
    }

    /// Undoes its changes and lets go of its locks. The SN of the rollback record, `None` when it wrote nothing.
    ///
    /// # Panics
    /// When the transaction is not open.
    pub fn rollback(&mut self, tx: TxId) -> Option<Sn> {
        self.undo_to(tx, 0);
        let ended = self.end(tx);
        ended.begin.map(|_| self.log.append(tx, ended.origin, Event::Rollback))
    }

    fn end(&mut self, tx: TxId) -> Tx {
        let ended = self.txs.remove(&tx).expect("the transaction is open");
        for table in &ended.locks {
            self.entry_mut(*table).heap.locks.retain(|(t, _)| *t != tx);
        }
        if !ended.waits.is_empty() {
            self.stop_waiting(tx);
        }
        self.releases += 1;
        ended
    }

    /// Where the transaction stands.
    #[must_use]
    pub fn savepoint(&self, tx: TxId) -> Savepoint {
        Savepoint { undo: self.tx(tx).undo.len(), sn: self.last_sn() }
    }

    /// Undoes what came after `to`; table locks stay. Leaves `UndoTo` in the log when there was something to undo.
    pub fn rollback_to(&mut self, tx: TxId, to: Savepoint) {
        if self.tx(tx).undo.len() > to.undo {
            self.undo_to(tx, to.undo);
            let origin = self.tx(tx).origin;
            self.log.append(tx, origin, Event::UndoTo(to.sn));
            self.releases += 1;
        }
    }

    /// Undoes a statement that failed in the middle, as if it had never begun: its log records go, too.
    pub(crate) fn undo_statement(&mut self, tx: TxId, start: Savepoint) {
        self.undo_to(tx, start.undo);
        self.log.take_back(start.sn);
        let open = self.tx_mut(tx);
        open.begin = open.begin.filter(|begin| *begin <= start.sn);
    }

    fn undo_to(&mut self, tx: TxId, length: usize) {
        let undone = self.tx_mut(tx).undo.split_off(length);
        for undo in undone.into_iter().rev() {
            let heap = &mut self.entry_mut(undo.table).heap;
            heap.set(&undo.key, undo.before);
            match undo.held {
                Held::Now => drop(heap.release(&undo.key)),
                Held::Before => {}
            }
        }
    }

    /// Open transactions in order of id.
    pub fn transactions(&self) -> impl Iterator<Item = TxInfo> {
        self.txs.iter().map(|(id, tx)| TxInfo {
            id: *id,
            origin: tx.origin,
            begin: tx.begin,
            waits_for: tx.waits.clone(),
            locks: tx
                .locks
                .iter()
                .flat_map(|t| self.entry(*t).heap.locks.iter().filter(|(tx, _)| tx == id).map(|(_, m)| (*t, *m)))
                .collect(),
        })
    }

    /// Whether a transaction is open.
    #[must_use]
    pub fn is_open(&self, tx: TxId) -> bool {
        self.txs.contains_key(&tx)
    }

    /// Who opened a transaction; `None` when it is not open.
    #[must_use]
    pub fn origin(&self, tx: TxId) -> Option<Origin> {
        self.txs.get(&tx).map(|t| t.origin)
    }

    /// SN of the first change of the oldest open transaction that wrote, receivers' included; `None` when none did.
    #[must_use]
    pub fn oldest_open(&self) -> Option<Sn> {
        self.txs.values().filter_map(|t| t.begin).min()
    }

    /// Grows whenever a transaction ends, a lock is given back or a wait is given up. Blocked requests are worth making
    /// again only after it grew.
    #[must_use]
    pub fn releases(&self) -> u64 {
        self.releases
    }

    pub(super) fn tx(&self, tx: TxId) -> &Tx {
        self.txs.get(&tx).expect("the transaction is open")
    }

    pub(super) fn tx_mut(&mut self, tx: TxId) -> &mut Tx {
        self.txs.get_mut(&tx).expect("the transaction is open")
    }

    /// Puts a version at a key for `tx`, which must have the right to it, and logs what happened.
    pub(super) fn write(&mut self, tx: TxId, table: TableId, key: Key, row: Option<Row>) {
        let entry = self.tables.get_mut(&table).expect("the table exists");
        let before = entry.heap.set(&key, row.clone());
        let held = entry.heap.hold(tx, &key, before.as_ref());
        let place = |row: &Row| entry.table.partition_of(row);
        let events = match (&before, row) {
            (None, None) => [None, None],
            (None, Some(row)) => [Some(Event::Insert { table, partition: place(&row), row }), None],
            (Some(old), None) => [Some(Event::Delete { table, partition: place(old), before: old.clone() }), None],
            (Some(old), Some(row)) => {
                let (from, to) = (place(old), place(&row));
                if from == to {
                    [Some(Event::Update { table, partition: to, before: old.clone(), after: row }), None]
                } else {
                    let deleted = Event::Delete { table, partition: from, before: old.clone() };
                    [Some(deleted), Some(Event::Insert { table, partition: to, row })]
                }
            }
        };
        let open = self.txs.get_mut(&tx).expect("the transaction is open");
        open.waits.clear();
        for event in events.into_iter().flatten() {
            let sn = self.log.append(tx, open.origin, event);
            open.begin.get_or_insert(sn);
        }
        open.undo.push(Undo { table, key, before, held });
    }
}
