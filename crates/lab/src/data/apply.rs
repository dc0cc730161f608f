//! Applies what a peer sends, under the conflict rules of a receiver.
//!
//! Decides what a conflict is: the row to insert is there, or the row to change is gone or not what the sender had
//! (`measured.md` 1, recordings `conflicts` and `roles`). Who counts conflicts and who gives up a lock is elsewhere.

use super::{
    Database,
    event::{Applied, ColumnChange, Incoming, OnConflict, Policy, Stamps, Stop},
    ids::{TableId, TxId},
    key::Key,
    table::Table,
};
use crate::value::{ColumnType, Datum, Row};

impl Database {
    /// Applies a change of a peer inside of a transaction begun with `Origin::Replication`. Foreign keys and NOT NULL
    /// are not looked at; another row with the same unique value is a conflict that nothing replaces.
    pub fn apply(&mut self, tx: TxId, table: TableId, change: Incoming, policy: Policy) -> Applied {
        if let Err(stop) = self.lock_for_change(tx, table) {
            return stopped(&stop);
        }
        match change {
            Incoming::Insert(row) => {
                let on_conflict =
                    self.who_wins(policy, table, policy.insert, |stamp| Some(&row[stamp]), |t| t.key_of(&row));
                self.apply_insert(tx, table, row, on_conflict)
            }
            Incoming::Update { key, columns } => {
                let after = |stamp| columns.iter().find(|c| c.column == stamp).map(|c| &c.after);
                let on_conflict = self.who_wins(policy, table, policy.update, after, |_| Some(key.clone()));
                self.apply_update(tx, table, key, &columns, on_conflict)
            }
            Incoming::Delete { key } => {
                if let Err(stop) = self.own_row(tx, table, &key) {
                    return stopped(&stop);
                }
                if self.entry(table).heap.newest(&key).is_none() {
                    return Applied::Conflict;
                }
                self.write(tx, table, key, None);
                Applied::Done
            }
        }
    }

    /// The rule, or the later of two TIMESTAMPs: what arrives wins when its own is not earlier (manual, not measured).
    fn who_wins<'v>(
        &self,
        policy: Policy,
        table: TableId,
        rule: OnConflict,
        arriving: impl Fn(usize) -> Option<&'v Datum>,
        key: impl Fn(&Table) -> Option<Key>,
    ) -> OnConflict {
        let entry = self.entry(table);
        let stamp = entry.table.columns.iter().position(|c| c.column_type == ColumnType::Timestamp);
        let decides = match policy.stamps {
            Stamps::Ignored => None,
            Stamps::Decide => stamp.and_then(|at| Some((at, arriving(at)?))),
        };
        let Some((at, theirs)) = decides else { return rule };
        let here = key(&entry.table).and_then(|key| entry.heap.newest(&key).map(|row| row[at].to_string()));
        match here {
            Some(ours) if theirs.to_string() < ours => OnConflict::Keep,
            Some(_) | None => OnConflict::Replace,
        }
    }

    fn apply_insert(&mut self, tx: TxId, table: TableId, row: Row, on_conflict: OnConflict) -> Applied {
        let entry = self.entry_mut(table);
        let key = entry.table.key_of(&row).unwrap_or_else(|| entry.heap.hidden_key());
        if let Err(stop) = self.own_row(tx, table, &key) {
            return stopped(&stop);
        }
        let taken = self.entry(table).heap.newest(&key).is_some();
        if taken && on_conflict == OnConflict::Keep {
            return Applied::Conflict;
        }
        if let Err(stop) = self.free_uniques(tx, table, &key, &row) {
            return stopped(&stop);
        }
        if taken {
            // The server deletes the row and inserts the new one.
            self.write(tx, table, key.clone(), None);
        }
        self.write(tx, table, key, Some(row));
        if taken { Applied::Replaced } else { Applied::Done }
    }

    fn apply_update(
        &mut self,
        tx: TxId,
        table: TableId,
        key: Key,
        columns: &[ColumnChange],
        on_conflict: OnConflict,
    ) -> Applied {
        if let Err(stop) = self.own_row(tx, table, &key) {
            return stopped(&stop);
        }
        let Some(current) = self.entry(table).heap.newest(&key) else { return Applied::Conflict };
        let expected = columns.iter().all(|c| current[c.column] == c.before);
        if !expected && on_conflict == OnConflict::Keep {
            return Applied::Conflict;
        }
        let mut after: Vec<Datum> = current.to_vec();
        for change in columns {
            after[change.column] = change.after.clone();
        }
        let after: Row = after.into();
        let new_key = self.entry(table).table.key_of(&after).unwrap_or_else(|| key.clone());
        if new_key != key {
            if let Err(stop) = self.own_row(tx, table, &new_key) {
                return stopped(&stop);
            }
            if self.entry(table).heap.newest(&new_key).is_some() {
                return Applied::Conflict;
            }
        }
        if let Err(stop) = self.free_uniques(tx, table, &key, &after) {
            return stopped(&stop);
        }
        if new_key != key {
            self.write(tx, table, key, None);
        }
        self.write(tx, table, new_key, Some(after));
        if expected { Applied::Done } else { Applied::Replaced }
    }
}

/// Blocked stays blocked. Everything else (a unique value taken, a deadlock) is a change that cannot be applied.
fn stopped(stop: &Stop) -> Applied {
    match stop {
        Stop::Blocked(tx) => Applied::Blocked(*tx),
        Stop::Error(_) | Stop::Wait => Applied::Conflict,
    }
}

/// The columns that an UPDATE changed: what a sender ships and a receiver compares.
#[must_use]
pub fn changed_columns(before: &[Datum], after: &[Datum]) -> Vec<ColumnChange> {
    let pairs = before.iter().zip(after).enumerate().filter(|(_, (b, a))| b != a);
    pairs.map(|(column, (b, a))| ColumnChange { column, before: b.clone(), after: a.clone() }).collect()
}
