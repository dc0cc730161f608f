//! The log as the engine reads it.

use super::{Database, event::LogRecord, event::Origin, ids::Sn};

/// The log.
impl Database {
    /// Everything up to this SN is in the log. A replication that starts "now" reads from the next one on.
    #[must_use]
    pub fn last_sn(&self) -> Sn {
        Sn(self.log.end().0 - 1)
    }

    /// Where the next record goes (V$LFG.CUR_WRITE_LF_NO and CUR_WRITE_LF_OFFSET).
    #[must_use]
    pub fn next_sn(&self) -> Sn {
        self.log.end()
    }

    /// Bytes of one log file (LOG_FILE_SIZE). To be set after `open`, always to the same.
    pub fn set_log_file_bytes(&mut self, bytes: u64) {
        self.log.set_file_bytes(bytes);
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

    /// Bytes of log before a place since the database was made; for gaps.
    #[must_use]
    pub fn log_bytes_before(&self, sn: Sn) -> u64 {
        self.log.bytes_before(sn)
    }

    /// Takes an SN without a record, e.g. for a change of the catalog.
    pub fn advance_sn(&mut self) -> Sn {
        self.log.advance()
    }
}
