//! The V$ views (`altibase.md` 2, transcripts `*_00_desc`).
//!
//! It decides columns and what they show; it must never change anything. Views whose building needs the sender latch
//! are guarded where statements run.

use super::{
    Core, Generation,
    replication_views::Parallel,
    sessions::{Autocommit, Forwarding, Session, Wait},
};
use crate::{
    Locale,
    data::{Database, LockMode, Origin, Sn},
    sql::exec::Relation,
    value::Datum,
};

/// V$DATABASE.DB_NAME.
pub(super) const DB_NAME: &str = "mydb";

pub(super) fn int(n: impl TryInto<i64>) -> Datum {
    Datum::Int(n.try_into().unwrap_or(i64::MAX))
}

pub(super) fn text(t: &str) -> Datum {
    Datum::from(t)
}

const VIEWS: [&str; 26] = [
    "V$DATABASE",
    "V$INSTANCE",
    "V$LFG",
    "V$LOCK",
    "V$LOCK_STATEMENT",
    "V$LOCK_WAIT",
    "V$NLS_PARAMETERS",
    "V$PROPERTY",
    "V$REPEXEC",
    "V$REPGAP",
    "V$REPGAP_PARALLEL",
    "V$REPLOGBUFFER",
    "V$REPOFFLINE_STATUS",
    "V$REPRECEIVER",
    "V$REPRECEIVER_PARALLEL",
    "V$REPRECEIVER_TRANSTBL",
    "V$REPRECOVERY",
    "V$REPSENDER",
    "V$REPSENDER_PARALLEL",
    "V$REPSENDER_TRANSTBL",
    "V$REPSYNC",
    "V$SESSION",
    "V$STATEMENT",
    "V$TABLE",
    "V$TRANSACTION",
    "V$VERSION",
];

impl Core {
    /// The view of that name.
    pub(super) fn view(&self, db: &Database, name: &str) -> Option<Relation> {
        Some(match name {
            "V$PROPERTY" | "X$PROPERTY" => self.properties.relation(),
            "V$VERSION" => self.version(),
            "V$INSTANCE" => self.instance(),
            "V$DATABASE" => self.database(),
            "V$SESSION" => self.session_view(),
            "V$NLS_PARAMETERS" => self.nls_parameters(),
            "V$SESSIONMGR" => self.session_manager(),
            "V$STATEMENT" => self.statements(),
            "V$TRANSACTION" => self.transactions(db),
            "V$LOCK" => locks(db),
            "V$LOCK_WAIT" => lock_waits(db),
            "V$LOCK_STATEMENT" => self.lock_statements(db),
            "V$LFG" => self.log_files(db),
            "V$TABLE" => tables(),
            "V$REPEXEC" => self.executor(),
            "V$REPSENDER" => self.repsender(Parallel::No),
            "V$REPSENDER_PARALLEL" => self.repsender(Parallel::Yes),
            "V$REPSENDER_TRANSTBL" => self.sender_transactions(),
            "V$REPGAP" | "V$REPGAP_PARALLEL" => self.gaps(db),
            "V$REPSYNC" => self.sync_progress(),
            "V$REPRECEIVER" | "V$REPRECEIVER_PARALLEL" => self.repreceiver(),
            "V$REPRECEIVER_TRANSTBL" => self.receiver_transactions(),
            "V$REPLOGBUFFER" => Relation::new(&["REP_NAME", "BUFFER_MIN_SN", "READ_SN", "BUFFER_MAX_SN"]),
            "V$REPOFFLINE_STATUS" => self.offline_status(),
            "V$REPRECOVERY" => Relation::new(&["REP_NAME", "STATUS", "START_XSN", "XSN", "END_XSN"]),
            _ => return None,
        })
    }

    fn version(&self) -> Relation {
        let mut relation = Relation::new(&[
            "PRODUCT_VERSION",
            "PKG_BUILD_PLATFORM_INFO",
            "PRODUCT_TIME",
            "SM_VERSION",
            "META_VERSION",
            "PROTOCOL_VERSION",
            "REPL_PROTOCOL_VERSION",
        ]);
        let (sm, meta, protocol) = match self.config.generation {
            Generation::V2018 => ("7.2.0", "8.5.1", "7.1.6"),
            Generation::V7_2 => ("7.2.0", "9.3.1", "7.1.8"),
        };
        relation.push(vec![
            text("7.2.0.0.0"),
            text("lab"),
            text(""),
            text(sm),
            text(meta),
            text(protocol),
            text(self.protocol()),
        ]);
        relation
    }

    fn instance(&self) -> Relation {
        let mut relation = Relation::new(&["STARTUP_PHASE", "STARTUP_TIME_SEC", "WORKING_TIME_SEC"]);
        relation.push(vec![text("SERVICE"), int(self.started / 1_000_000), int((self.now - self.started) / 1_000_000)]);
        relation
    }

    fn database(&self) -> Relation {
        let mut relation = Relation::new(&["DB_NAME", "PRODUCT_SIGNATURE", "DB_SIGNATURE", "VERSION_ID"]);
        relation.push(vec![text(DB_NAME), text("lab"), text(&self.signature), Datum::Int(0)]);
        relation
    }

    fn session_view(&self) -> Relation {
        let mut relation = Relation::new(&[
            "ID",
            "TRANS_ID",
            "TASK_STATE",
            "COMM_NAME",
            "QUERY_TIME_LIMIT",
            "DDL_TIME_LIMIT",
            "CLIENT_PID",
            "CLIENT_TYPE",
            "CLIENT_APP_INFO",
            "CLIENT_NLS",
            "DB_USERNAME",
            "DB_USERID",
            "SYSDBA_FLAG",
            "AUTOCOMMIT_FLAG",
            "SESSION_STATE",
            "REPLICATION_MODE",
            "LOGIN_TIME",
            "CLIENT_INFO",
            "MODULE",
            "ACTION",
            "TIME_ZONE",
        ]);
        for s in self.sessions.iter() {
            relation.push(vec![
                int(s.id),
                s.tx.map_or(Datum::Int(-1), |tx| int(tx.0)),
                text(if s.running.is_some() { "EXECUTING" } else { "WAITING" }),
                Datum::from(format!("TCP {}", s.peer)),
                int(s.query_timeout),
                int(s.ddl_timeout),
                Datum::Int(0),
                text("lab"),
                text(&s.app_info),
                text("UTF8"),
                text(&s.user),
                int(s.user_id),
                int(i64::from(s.sysdba)),
                int(i64::from(s.autocommit == Autocommit::On)),
                text("SERVICE"),
                Datum::Int(match s.forwarding {
                    Forwarding::On => 0,
                    Forwarding::Off => 16,
                }),
                int(s.login_time / 1_000_000),
                Datum::Null,
                Datum::Null,
                Datum::Null,
                text(&self.config.locale.time_zone),
            ]);
        }
        relation
    }

    /// The database's character sets, for each session.
    fn nls_parameters(&self) -> Relation {
        let mut relation =
            Relation::new(&["SESSION_ID", "NLS_USE", "NLS_CHARACTERSET", "NLS_NCHAR_CHARACTERSET", "NLS_COMP"]);
        for s in self.sessions.iter() {
            let Locale { charset, national, .. } = &self.config.locale;
            relation.push(vec![int(s.id), text("UTF8"), text(charset), text(national), text("BINARY")]);
        }
        relation
    }

    fn session_manager(&self) -> Relation {
        let mut relation = Relation::new(&["TASK_COUNT", "SESSION_COUNT"]);
        relation.push(vec![int(self.sessions.len()), int(self.sessions.len())]);
        relation
    }

    fn running(&self) -> impl Iterator<Item = (&Session, &super::sessions::Running)> {
        self.sessions.iter().filter_map(|s| Some((s, s.running.as_ref()?)))
    }

    fn statements(&self) -> Relation {
        let mut relation =
            Relation::new(&["ID", "SESSION_ID", "TX_ID", "QUERY", "STATE", "EXECUTE_FLAG", "TOTAL_TIME", "WAITS_FOR"]);
        for (s, r) in self.running() {
            let waits = r.wait.as_ref().map(wait_name);
            relation.push(vec![
                int(i64::from(s.id) << 16),
                int(s.id),
                s.tx.map_or(Datum::Int(-1), |tx| int(tx.0)),
                text(&r.sql),
                Datum::Int(2),
                Datum::Int(1),
                int(self.now - r.began),
                Datum::from(waits),
            ]);
        }
        relation
    }

    fn transactions(&self, db: &Database) -> Relation {
        let mut relation =
            Relation::new(&["ID", "SESSION_ID", "STATUS", "UPDATE_STATUS", "FIRST_UPDATE_SN", "LOG_TYPE"]);
        for tx in db.transactions() {
            let session = self.sessions.iter().find(|s| s.tx == Some(tx.id)).map(|s| s.id);
            relation.push(vec![
                int(tx.id.0),
                // Transactions of the server itself, receivers' above all, have no session (`measured.md` 8).
                session.map_or(Datum::Int(0), int),
                int(i64::from(!tx.waits_for.is_empty()) * 2),
                int(i64::from(tx.begin.is_some())),
                tx.begin.map_or(Datum::Int(-1), |sn| int(sn.0)),
                int(i64::from(tx.origin == Origin::Replication)),
            ]);
        }
        relation
    }

    fn lock_statements(&self, db: &Database) -> Relation {
        let mut relation = Relation::new(&[
            "SESSION_ID",
            "ID",
            "TX_ID",
            "QUERY",
            "STATE",
            "BEGIN_FLAG",
            "LOCK_ITEM_TYPE",
            "TABLE_OID",
            "LOCK_DESC",
        ]);
        for tx in db.transactions() {
            let Some(s) = self.sessions.iter().find(|s| s.tx == Some(tx.id)) else { continue };
            let query = s.running.as_ref().map(|r| r.sql.to_string());
            for (table, mode) in &tx.locks {
                let oid = db.find_table_by_id(*table).map_or(Datum::Null, |t| int(t.oid.0));
                relation.push(vec![
                    int(s.id),
                    int(i64::from(s.id) << 16),
                    int(tx.id.0),
                    Datum::from(query.clone()),
                    Datum::Int(0),
                    Datum::Int(1),
                    text("TBL"),
                    oid,
                    text(lock_name(*mode)),
                ]);
            }
        }
        relation
    }

    /// One log file group. The bytes that a replication keeps are counted from here and from its XSN (`measured.md` 9.8).
    fn log_files(&self, db: &Database) -> Relation {
        let mut relation = Relation::new(&[
            "LFG_ID",
            "CUR_WRITE_LF_NO",
            "CUR_WRITE_LF_OFFSET",
            "LF_OPEN_COUNT",
            "LF_PREPARE_COUNT",
            "LF_PREPARE_WAIT_COUNT",
            "LST_PREPARE_LF_NO",
            "END_LSN_FILE_NO",
            "END_LSN_OFFSET",
            "FIRST_DELETED_LOGFILE",
            "LAST_DELETED_LOGFILE",
            "UPDATE_TX_COUNT",
        ]);
        let end = db.next_sn();
        let kept = self.objects.lowest_xsn().map_or(end, Sn).min(end).file();
        let deleted = kept.saturating_sub(1);
        let writing = db.transactions().filter(|t| t.begin.is_some()).count();
        relation.push(vec![
            Datum::Int(0),
            int(end.file()),
            int(end.offset()),
            int(end.file() - kept + 1),
            Datum::Int(0),
            Datum::Int(0),
            int(end.file()),
            int(end.file()),
            int(end.offset()),
            Datum::Int(0),
            int(deleted),
            int(writing),
        ]);
        relation
    }
}

fn wait_name(wait: &Wait) -> &'static str {
    match wait {
        Wait::Lock => "LOCK",
        Wait::UserLock => "USER LOCK",
        Wait::Latch => "SENDER LATCH",
        Wait::Handshake(_) => "HANDSHAKE",
        Wait::Copy(_) => "SYNC",
        Wait::End(_) => "STOP",
        Wait::Flush { .. } => "FLUSH",
        Wait::Eager { .. } => "EAGER COMMIT",
        Wait::Connected(_) => "SET HOST",
        Wait::Paced { .. } => "SLEEP",
    }
}

fn lock_name(mode: LockMode) -> &'static str {
    match mode {
        LockMode::IntentShare => "IS_LOCK",
        LockMode::IntentExclusive => "IX_LOCK",
        LockMode::Share => "S_LOCK",
        LockMode::ShareIntentExclusive => "SIX_LOCK",
        LockMode::Exclusive => "X_LOCK",
    }
}

fn locks(db: &Database) -> Relation {
    let mut relation = Relation::new(&["LOCK_ITEM_TYPE", "TBS_ID", "TABLE_OID", "TRANS_ID", "LOCK_DESC", "IS_GRANT"]);
    for tx in db.transactions() {
        for (table, mode) in &tx.locks {
            let oid = db.find_table_by_id(*table).map_or(Datum::Null, |t| int(t.oid.0));
            relation.push(vec![text("TBL"), Datum::Int(2), oid, int(tx.id.0), text(lock_name(*mode)), Datum::Int(1)]);
        }
    }
    relation
}

fn lock_waits(db: &Database) -> Relation {
    let mut relation = Relation::new(&["TRANS_ID", "WAIT_FOR_TRANS_ID"]);
    for tx in db.transactions() {
        for other in &tx.waits_for {
            relation.push(vec![int(tx.id.0), int(other.0)]);
        }
    }
    relation
}

fn tables() -> Relation {
    let mut relation = Relation::new(&["NAME", "SLOTSIZE", "COLUMNCOUNT"]);
    for view in VIEWS {
        relation.push(vec![text(view), Datum::Int(0), Datum::Int(0)]);
    }
    relation
}
