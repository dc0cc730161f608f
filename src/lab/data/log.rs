//! The log in memory: records in SN order, how far back they are kept, and how large they pretend to be.
//!
//! Decides SNs and retention. Knows nothing of rows and of who reads.

use std::collections::VecDeque;

use super::{
    event::{Event, LogRecord, Origin},
    ids::{Sn, TxId},
};
use crate::lab::value::{Datum, Row};

/// Bytes of a log file, as the lab pretends.
const FILE_BYTES: u64 = 10 << 20;
/// Bytes of a record beside its rows, as the lab pretends.
const RECORD_BYTES: u64 = 64;

/// See the module.
#[derive(Debug)]
pub(super) struct Log {
    records: VecDeque<LogRecord>,
    last: Sn,
    /// Bytes written since the database was made.
    end: u64,
    /// What the engine wants kept: `None` for nothing.
    wanted: Option<Sn>,
    /// Records up to here are in the store.
    stored: Sn,
    /// Records below this are not kept.
    floor: Sn,
}

impl Log {
    /// A log with these records. Keeps everything until it is told otherwise.
    pub fn load(records: Vec<LogRecord>, last: Sn, end: u64, floor: Sn) -> Self {
        Self { records: records.into(), last, end, wanted: Some(Sn(0)), stored: last, floor }
    }

    pub fn last(&self) -> Sn {
        self.last
    }

    pub fn end(&self) -> u64 {
        self.end
    }

    pub fn floor(&self) -> Sn {
        self.floor
    }

    /// Takes the next SN without a record.
    pub fn advance(&mut self) -> Sn {
        self.last.0 += 1;
        self.last
    }

    pub fn append(&mut self, tx: TxId, origin: Origin, event: Event) -> Sn {
        let sn = self.advance();
        let position = self.end;
        self.end += RECORD_BYTES + payload(&event);
        self.records.push_back(LogRecord { sn, position, tx, origin, event });
        sn
    }

    /// Takes back the newest records down to, not including, `to`. Only for records that nobody has read yet.
    pub fn take_back(&mut self, to: Sn) {
        while self.records.back().is_some_and(|r| r.sn > to) {
            if let Some(record) = self.records.pop_back() {
                self.end = record.position;
            }
        }
    }

    pub fn from(&self, sn: Sn) -> impl Iterator<Item = &LogRecord> {
        self.records.range(self.index(sn)..)
    }

    pub fn position(&self, sn: Sn) -> u64 {
        self.records.get(self.index(sn)).map_or(self.end, |r| r.position)
    }

    fn index(&self, sn: Sn) -> usize {
        self.records.partition_point(|r| r.sn < sn)
    }

    pub fn retain_from(&mut self, wanted: Option<Sn>) {
        self.wanted = wanted;
    }

    /// Drops what nobody needs; `open` is the oldest open transaction's first record.
    pub fn trim(&mut self, open: Option<Sn>) {
        let next = Sn(self.last.0 + 1);
        let needed = self.wanted.unwrap_or(next).min(open.unwrap_or(next)).min(next);
        self.floor = self.floor.max(needed);
        while self.records.front().is_some_and(|r| r.sn < self.floor) {
            self.records.pop_front();
        }
    }

    /// Records that the store does not have yet.
    pub fn unstored(&self) -> impl Iterator<Item = &LogRecord> {
        self.from(Sn(self.stored.0 + 1))
    }

    /// The store has everything now.
    pub fn set_stored(&mut self) {
        self.stored = self.last;
    }

    /// Oldest kept and newest file.
    pub fn files(&self) -> (u64, u64) {
        (Self::file(self.position(self.floor)), Self::file(self.end))
    }

    pub fn file(position: u64) -> u64 {
        position / FILE_BYTES
    }
}

fn payload(event: &Event) -> u64 {
    match event {
        Event::Insert { row, .. } | Event::Delete { before: row, .. } => bytes(row),
        Event::Update { before, after, .. } => bytes(before) + bytes(after),
        Event::UndoTo(_) | Event::Commit | Event::Rollback | Event::Ddl { .. } => 0,
    }
}

fn bytes(row: &Row) -> u64 {
    row.iter().map(|value| value.as_text().map_or(8, |t| t.len() as u64 + 2) * u64::from(*value != Datum::Null)).sum()
}
