//! Server properties: defaults, ranges, what may be changed at run time (`altibase.md` 7, transcripts
//! `*_00_desc`).
//!
//! It decides which values are accepted and with which error others are refused; it must never act on a value. Values
//! live in memory: a restart brings back the defaults and what the host sets at boot.

use std::collections::BTreeMap;

use super::{Generation, errors};
use crate::{
    sql::{SqlError, exec::Relation},
    value::Datum,
};

/// Largest 32-bit value.
const U32: u64 = 4_294_967_295;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    /// ALTER SYSTEM works.
    Dynamic,
    /// Only at boot.
    ReadOnly,
    /// Dynamic, and V$PROPERTY does not show it.
    Hidden,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Both,
    V72,
}

struct Spec {
    name: &'static str,
    default: u64,
    min: i64,
    max: u64,
    change: Change,
    known: Known,
}

const fn both(name: &'static str, default: u64, min: i64, max: u64) -> Spec {
    Spec { name, default, min, max, change: Change::Dynamic, known: Known::Both }
}

const fn fixed(name: &'static str, default: u64, min: i64, max: u64) -> Spec {
    Spec { name, default, min, max, change: Change::ReadOnly, known: Known::Both }
}

const fn hidden(name: &'static str, default: u64, min: i64, max: u64) -> Spec {
    Spec { name, default, min, max, change: Change::Hidden, known: Known::Both }
}

const fn v72(name: &'static str, default: u64, min: i64, max: u64) -> Spec {
    Spec { name, default, min, max, change: Change::Dynamic, known: Known::V72 }
}

const fn v72_fixed(name: &'static str, default: u64, min: i64, max: u64) -> Spec {
    Spec { name, default, min, max, change: Change::ReadOnly, known: Known::V72 }
}

/// Every integer property the lab has, in the order of names.
const SPECS: &[Spec] = &[
    both("ADMIN_MODE", 0, 0, 1),
    both("AUTO_COMMIT", 1, 0, 1),
    both("CHECKPOINT_INTERVAL_IN_SEC", 6000, 3, 25_920_000),
    hidden("CHECK_FK_IN_CREATE_REPLICATION_DISABLE", 0, 0, 1),
    both("DDL_LOCK_TIMEOUT", 0, -1, 65_535),
    both("DDL_TIMEOUT", 0, 0, U32),
    both("FETCH_TIMEOUT", 60, 0, U32),
    both("IDLE_TIMEOUT", 0, 0, U32),
    both("LOGIN_TIMEOUT", 0, 0, U32),
    fixed("LOG_FILE_SIZE", 10_485_760, 65_536, 4_294_967_296),
    fixed("MAX_CLIENT", 1000, 1, 65_535),
    both("NLS_NCHAR_LITERAL_REPLACE", 0, 0, 1),
    fixed("PORT_NO", 20_300, 1024, 65_535),
    both("QUERY_TIMEOUT", 600, 0, U32),
    both("REMOTE_SYSDBA_ENABLE", 1, 0, 1),
    both("REPLICATION_ACK_XLOG_COUNT", 100, 0, U32),
    both("REPLICATION_ALLOW_DUPLICATE_HOSTS", 0, 0, 1),
    hidden("REPLICATION_ALLOW_QUEUE", 0, 0, 1),
    both("REPLICATION_BEFORE_IMAGE_LOG_ENABLE", 0, 0, 1),
    both("REPLICATION_COMMIT_WRITE_WAIT_MODE", 0, 0, 1),
    both("REPLICATION_CONNECT_RECEIVE_TIMEOUT", 60, 0, U32),
    both("REPLICATION_CONNECT_TIMEOUT", 10, 1, U32),
    both("REPLICATION_DDL_ENABLE", 0, 0, 1),
    both("REPLICATION_DDL_ENABLE_LEVEL", 0, 0, 2),
    v72("REPLICATION_DDL_SYNC", 0, 0, 1),
    v72("REPLICATION_DDL_SYNC_TIMEOUT", 7200, 0, U32),
    fixed("REPLICATION_EAGER_PARALLEL_FACTOR", 1, 1, 512),
    both("REPLICATION_EAGER_RECEIVER_MAX_ERROR_COUNT", 5, 0, U32),
    fixed("REPLICATION_FAILBACK_INCREMENTAL_SYNC", 1, 0, 1),
    both("REPLICATION_GAPLESS_ALLOW_TIME", 10_000_000, 0, u64::MAX),
    both("REPLICATION_GAPLESS_MAX_WAIT_TIME", 2000, 0, u64::MAX),
    v72("REPLICATION_GAP_UNIT", 1_048_576, 1, u64::MAX),
    both("REPLICATION_GROUPING_AHEAD_READ_NEXT_LOG_FILE", 2, 1, U32),
    both("REPLICATION_GROUPING_TRANSACTION_MAX_COUNT", 5, 1, 1000),
    both("REPLICATION_HBT_DETECT_HIGHWATER_MARK", 5, 0, U32),
    both("REPLICATION_HBT_DETECT_TIME", 6, 0, U32),
    v72_fixed("REPLICATION_IB_LATENCY", 0, 0, 1),
    v72_fixed("REPLICATION_IB_PORT_NO", 0, 0, 65_535),
    both("REPLICATION_INSERT_REPLACE", 0, 0, 1),
    fixed("REPLICATION_KEEP_ALIVE_CNT", 600, 0, U32),
    both("REPLICATION_LOCK_TIMEOUT", 5, 0, 3600),
    fixed("REPLICATION_LOG_BUFFER_SIZE", 0, 0, 4095),
    fixed("REPLICATION_MAX_COUNT", 32, 0, 10_240),
    fixed("REPLICATION_MAX_LISTEN", 32, 1, 512),
    both("REPLICATION_MAX_LOGFILE", 0, 0, 65_535),
    v72("REPLICATION_META_ITEM_COUNT_DIFF_ENABLE", 0, 0, 1),
    both("REPLICATION_POOL_ELEMENT_COUNT", 10, 1, 1024),
    both("REPLICATION_POOL_ELEMENT_SIZE", 256, 128, 65_536),
    fixed("REPLICATION_PORT_NO", 0, 0, 65_535),
    both("REPLICATION_PREFETCH_LOGFILE_COUNT", 3, 0, 1024),
    both("REPLICATION_RECEIVER_APPLIER_ASSIGN_MODE", 0, 0, 1),
    both("REPLICATION_RECEIVER_APPLIER_QUEUE_SIZE", 20, 2, U32),
    v72("REPLICATION_RECEIVER_APPLIER_YIELD_COUNT", 20_000, 0, U32),
    both("REPLICATION_RECEIVE_TIMEOUT", 7200, 1, U32),
    hidden("REPLICATION_RECONNECT_MAX_COUNT", 0, 0, U32),
    fixed("REPLICATION_RECOVERY_MAX_LOGFILE", 0, 0, U32),
    fixed("REPLICATION_RECOVERY_MAX_TIME", U32, 0, U32),
    fixed("REPLICATION_SENDER_AUTO_START", 1, 0, 1),
    both("REPLICATION_SENDER_COMPRESS_XLOG", 0, 0, 1),
    both("REPLICATION_SENDER_ENCRYPT_XLOG", 0, 0, 1),
    hidden("REPLICATION_SENDER_RETRY_COUNT", 5, 0, U32),
    both("REPLICATION_SENDER_SEND_TIMEOUT", 7200, 0, U32),
    both("REPLICATION_SENDER_SLEEP_TIME", 10_000, 0, U32),
    both("REPLICATION_SENDER_SLEEP_TIMEOUT", 60, 0, U32),
    both("REPLICATION_SENDER_START_AFTER_GIVING_UP", 1, 0, 1),
    fixed("REPLICATION_SERVER_FAILBACK_MAX_TIME", U32, 0, U32),
    both("REPLICATION_SQL_APPLY_ENABLE", 0, 0, 1),
    both("REPLICATION_SYNC_APPLY_METHOD", 0, 0, 1),
    both("REPLICATION_SYNC_LOCK_TIMEOUT", 30, 0, U32),
    fixed("REPLICATION_SYNC_LOG", 0, 0, 1),
    both("REPLICATION_SYNC_TUPLE_COUNT", 500_000, 0, u64::MAX),
    fixed("REPLICATION_THREAD_CPU_AFFINITY", 3, 0, 3),
    both("REPLICATION_TIMESTAMP_RESOLUTION", 1, 0, 1),
    both("REPLICATION_TRANSACTION_POOL_SIZE", 2, 0, U32),
    both("REPLICATION_UPDATE_REPLACE", 0, 0, 1),
    fixed("TRANSACTION_TABLE_SIZE", 1024, 16, 16_384),
    both("USER_LOCK_REQUEST_TIMEOUT", 10, 0, U32),
    both("UTRANS_TIMEOUT", 3600, 0, U32),
    hidden("__REPLICATION_SET_RESTARTSN", 0, 0, 1),
    hidden("__REPLICATION_TX_VICTIM_TIMEOUT", 10, 0, 3600),
    hidden("__REPLICATION_USE_V6_PROTOCOL", 0, 0, 1),
];

/// The values of one server.
#[derive(Clone, Debug)]
pub(crate) struct Properties {
    generation: Generation,
    changed: BTreeMap<&'static str, i128>,
    log_dir: String,
}

impl Spec {
    fn known_to(&self, generation: Generation) -> bool {
        match (self.known, generation) {
            (Known::Both, _) | (Known::V72, Generation::V7_2) => true,
            (Known::V72, Generation::V2018) => false,
        }
    }
}

impl Properties {
    /// Defaults.
    pub(crate) fn new(generation: Generation) -> Self {
        Self { generation, changed: BTreeMap::new(), log_dir: "?/logs".to_owned() }
    }

    /// LOG_DIR, which no statement changes.
    pub(crate) fn with_log_dir(self, log_dir: String) -> Self {
        Self { log_dir, ..self }
    }

    fn spec(&self, name: &str) -> Result<&'static Spec, SqlError> {
        SPECS
            .binary_search_by(|s| s.name.cmp(name))
            .ok()
            .map(|at| &SPECS[at])
            .filter(|s| s.known_to(self.generation))
            .ok_or_else(|| errors::unknown_property(name))
    }

    /// Sets a value as the server's start does: read-only properties, too.
    ///
    /// # Errors
    /// Unknown, no number, out of range.
    pub(crate) fn boot(&mut self, name: &str, value: &str) -> Result<(), SqlError> {
        let spec = self.spec(name)?;
        self.store(spec, value)
    }

    /// ALTER SYSTEM SET.
    ///
    /// # Errors
    /// Unknown, read-only, no number, out of range, in this order.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), SqlError> {
        let spec = self.spec(name)?;
        match spec.change {
            Change::Dynamic | Change::Hidden => self.store(spec, value),
            Change::ReadOnly => Err(errors::read_only_property(name)),
        }
    }

    fn store(&mut self, spec: &'static Spec, value: &str) -> Result<(), SqlError> {
        let number: i128 = value.trim().parse().map_err(|_| errors::property_not_convertible(spec.name, value))?;
        if number < i128::from(spec.min) || number > i128::from(spec.max) {
            return Err(errors::property_overflow(spec.name));
        }
        self.changed.insert(spec.name, number);
        Ok(())
    }

    /// Whether there is such a property in this build.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.spec(name).is_ok()
    }

    fn value(&self, spec: &Spec) -> i128 {
        self.changed.get(spec.name).copied().unwrap_or_else(|| i128::from(spec.default))
    }

    /// A value; 0 for a property that this build does not have, and for negative ones.
    pub(crate) fn get(&self, name: &str) -> u64 {
        self.spec(name).map_or(0, |s| u64::try_from(self.value(s)).unwrap_or(0))
    }

    /// A value that may be negative.
    pub(crate) fn signed(&self, name: &str) -> i64 {
        self.spec(name).map_or(0, |s| i64::try_from(self.value(s)).unwrap_or(i64::MAX))
    }

    /// A value in seconds, as microseconds.
    pub(crate) fn seconds(&self, name: &str) -> u64 {
        self.get(name).saturating_mul(1_000_000)
    }

    /// A switch.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.get(name) != 0
    }

    /// V$PROPERTY.
    pub(crate) fn relation(&self) -> Relation {
        let mut relation = Relation::new(&[
            "NAME",
            "STOREDCOUNT",
            "ATTR",
            "MIN",
            "MAX",
            "VALUE1",
            "VALUE2",
            "VALUE3",
            "VALUE4",
            "VALUE5",
            "VALUE6",
            "VALUE7",
            "VALUE8",
        ]);
        for spec in SPECS.iter().filter(|s| s.known_to(self.generation) && s.change != Change::Hidden) {
            let mut row = vec![
                Datum::from(spec.name),
                Datum::Int(1),
                Datum::Int(0),
                Datum::from(spec.min.to_string()),
                Datum::from(spec.max.to_string()),
                Datum::from(self.value(spec).to_string()),
            ];
            row.resize(relation.columns.len(), Datum::Null);
            relation.push(row);
        }
        let mut row = vec![Datum::from("LOG_DIR"), Datum::Int(1), Datum::Int(1), Datum::Null, Datum::Null];
        row.push(Datum::from(self.log_dir.as_str()));
        row.resize(relation.columns.len(), Datum::Null);
        relation.push(row);
        relation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_and_ranges() {
        let mut p = Properties::new(Generation::V2018);
        let native = |r: Result<(), SqlError>| r.err().map(|e| e.native);
        let cases = [
            ("NO_SUCH_PROPERTY", "1", Some(4171)),
            ("REPLICATION_DDL_SYNC", "1", Some(4171)),
            ("REPLICATION_DDL_ENABLE", "7", Some(4172)),
            ("REPLICATION_DDL_ENABLE", "-1", Some(4172)),
            ("REPLICATION_MAX_COUNT", "5", Some(4174)),
            ("REPLICATION_DDL_ENABLE", "yes", Some(4198)),
            ("DDL_LOCK_TIMEOUT", "-1", None),
            ("REPLICATION_DDL_ENABLE", "1", None),
        ];
        for (name, value, want) in cases {
            assert_eq!(native(p.set(name, value)), want, "{name} = {value}");
        }
        assert!(p.is_on("REPLICATION_DDL_ENABLE"));
        assert_eq!(p.signed("DDL_LOCK_TIMEOUT"), -1);
        assert_eq!(native(p.boot("REPLICATION_MAX_COUNT", "5")), None);
        assert_eq!(p.get("REPLICATION_MAX_COUNT"), 5);
    }

    #[test]
    fn specs_are_sorted_and_defaults_in_range() {
        assert!(SPECS.windows(2).all(|w| w[0].name < w[1].name));
        assert!(SPECS.iter().all(|s| s.default <= s.max));
    }

    #[test]
    fn the_view_hides_internal_properties() {
        let names =
            |g| -> Vec<String> { Properties::new(g).relation().rows.iter().map(|r| r[0].to_string()).collect() };
        let new = names(Generation::V7_2);
        assert!(!new.iter().any(|n| n.starts_with("__")));
        // As `select name from v$property where name like '%REPL%'` counted on the real builds.
        assert_eq!(new.iter().filter(|n| n.contains("REPL")).count(), 58);
        assert_eq!(names(Generation::V2018).iter().filter(|n| n.contains("REPL")).count(), 51);
    }
}
