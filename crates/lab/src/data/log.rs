//! The log in memory: records in SN order, how far back they are kept, and where in the log files they pretend to stand.
//!
//! Decides SNs and retention. An SN is a place: log file number x 2^32 + offset (`measured.md` 9.8). Knows nothing of
//! rows and of who reads.

use std::collections::VecDeque;

use super::{
    event::{Event, LogRecord, Origin},
    ids::{Sn, TxId},
};
use crate::value::{Datum, Row};

/// Bytes of a log file unless the engine says otherwise (LOG_FILE_SIZE).
const FILE_BYTES: u64 = 10 << 20;
/// Bytes of a record beside its rows, as the lab pretends.
const RECORD_BYTES: u64 = 64;
/// Where the first record stands: what is before it is the head of the first file.
const FIRST: Sn = Sn::at(0, RECORD_BYTES);

/// See the module.
#[derive(Debug)]
pub(super) struct Log {
    records: VecDeque<LogRecord>,
    /// Where the next record goes.
    end: Sn,
    file_bytes: u64,
    /// What the engine wants kept: `None` for nothing.
    wanted: Option<Sn>,
    /// Records below this are in the store.
    stored: Sn,
    /// Records below this are not kept.
    floor: Sn,
}

impl Log {
    /// A log with these records. Keeps everything until it is told otherwise.
    pub fn load(records: Vec<LogRecord>, end: Sn, floor: Sn) -> Self {
        let end = end.max(FIRST);
        Self { records: records.into(), end, file_bytes: FILE_BYTES, wanted: Some(Sn(0)), stored: end, floor }
    }

    pub fn set_file_bytes(&mut self, bytes: u64) {
        self.file_bytes = bytes.max(1);
    }

    pub fn end(&self) -> Sn {
        self.end
    }

    pub fn floor(&self) -> Sn {
        self.floor
    }

    /// Takes a place in the log without a record that anybody reads.
    pub fn advance(&mut self) -> Sn {
        self.take(RECORD_BYTES)
    }

    pub fn append(&mut self, tx: TxId, origin: Origin, event: Event) -> Sn {
        let sn = self.take(RECORD_BYTES + payload(&event));
        self.records.push_back(LogRecord { sn, tx, origin, event });
        sn
    }

    /// No record reaches over the end of a file.
    fn take(&mut self, bytes: u64) -> Sn {
        let (file, offset) = (self.end.file(), self.end.offset());
        let sn = if offset > 0 && offset + bytes > self.file_bytes { Sn::at(file + 1, 0) } else { self.end };
        self.end = Sn(sn.0 + bytes);
        sn
    }

    /// Takes back the newest records down to, not including, `to`. Only for records that nobody has read yet.
    pub fn take_back(&mut self, to: Sn) {
        while self.records.back().is_some_and(|r| r.sn > to) {
            if let Some(record) = self.records.pop_back() {
                self.end = record.sn;
            }
        }
    }

    pub fn from(&self, sn: Sn) -> impl Iterator<Item = &LogRecord> {
        self.records.range(self.index(sn)..)
    }

    /// Bytes of log before a place, since the database was made.
    pub fn bytes_before(&self, sn: Sn) -> u64 {
        sn.file() * self.file_bytes + sn.offset()
    }

    fn index(&self, sn: Sn) -> usize {
        self.records.partition_point(|r| r.sn < sn)
    }

    pub fn retain_from(&mut self, wanted: Option<Sn>) {
        self.wanted = wanted;
    }

    /// Drops what nobody needs; `open` is the oldest open transaction's first record.
    pub fn trim(&mut self, open: Option<Sn>) {
        let needed = self.wanted.unwrap_or(self.end).min(open.unwrap_or(self.end)).min(self.end);
        self.floor = self.floor.max(needed);
        while self.records.front().is_some_and(|r| r.sn < self.floor) {
            self.records.pop_front();
        }
    }

    /// Records that the store does not have yet.
    pub fn unstored(&self) -> impl Iterator<Item = &LogRecord> {
        self.from(self.stored)
    }

    /// The store has everything now.
    pub fn set_stored(&mut self) {
        self.stored = self.end;
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
