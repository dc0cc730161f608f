//! The log as the engine reads it.

use super::{Database, event::LogRecord, event::Origin, ids::Sn, log::Log};

/// The log.
impl Database {
    /// SN of the newest record. A replication that starts "now" reads from the next one on.
    #[must_use]
    pub fn last_sn(&self) -> Sn {
        self.log.last()
    }

    /// Records that are still kept, from `from` on, in order.
    pub fn log_from(&self, from: Sn) -> impl Iterator<Item = &LogRecord> {
        self.log.from(from)
    }

    /// Keeps records from this SN on; `None` when nobody needs any. Records of open transactions that clients began are
    /// kept in any case. To be set after `open`; until then everything is kept.
    pub fn retain_from(&mut self, from: Option<Sn>) {
        self.log.retain_from(from);
        self.trim_log();
    }

    pub(super) fn trim_log(&mut self) {
        let open = self.txs.values().filter(|t| t.origin == Origin::Client).filter_map(|t| t.begin).min();
        self.log.trim(open);
    }

    /// SN below which records are gone.
    #[must_use]
    pub fn lowest_sn(&self) -> Sn {
        self.log.floor()
    }

    /// Bytes of log before the record `sn` (or before the first one after it) since the database was made; for gaps.
    #[must_use]
    pub fn log_position(&self, sn: Sn) -> u64 {
        self.log.position(sn)
    }

    /// Log file that holds a byte position: files of 10 MB, the first is 0.
    #[must_use]
    pub fn log_file(position: u64) -> u64 {
        Log::file(position)
    }

    /// Files in use: the oldest that is kept and the one being written (V$LFG).
    #[must_use]
    pub fn log_files(&self) -> (u64, u64) {
        self.log.files()
    }

    /// Takes an SN without a record, e.g. for a change of the catalog.
    pub fn advance_sn(&mut self) -> Sn {
        self.log.advance()
    }
}
