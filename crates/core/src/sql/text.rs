//! The text of every statement.

use std::fmt;

use super::{ChangeSql, PROPERTIES, ReadSql, ledger};
use crate::{
    attributes::GroupMode,
    conf::Switch,
    topology::{Identifier, Target},
};

pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn list(names: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    names.into_iter().map(|n| literal(n.as_ref())).collect::<Vec<_>>().join(", ")
}

pub(super) fn users(names: &[Identifier]) -> String {
    list(names.iter().map(Identifier::as_str))
}

/// V$DATABASE spells the name as it was typed at creation, and the statement was measured with that spelling bare
/// (`measured.md` 2); only a name that is no plain word is quoted.
fn database_name(name: &Identifier) -> String {
    let plain = name.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain { name.as_str().to_owned() } else { name.to_string() }
}

fn from(target: &Target) -> String {
    let table = target.table_sql();
    target.partition.as_ref().map_or_else(|| table.clone(), |p| format!("{table} PARTITION ({p})"))
}

fn count(index: usize, target: &Target) -> String {
    format!("SELECT {index} AS N, COUNT(*) AS ROWS_NOW FROM {}", from(target))
}

fn any(index: usize, target: &Target) -> String {
    format!("SELECT {index} AS N, COUNT(*) AS ROWS_NOW FROM (SELECT 1 AS X FROM {} LIMIT 1)", from(target))
}

const OF_REPLICATIONS: &str = "FROM SYSTEM_.SYS_REPLICATIONS_ R \
     LEFT OUTER JOIN SYSTEM_.SYS_REPL_HOSTS_ H ON R.REPLICATION_NAME = H.REPLICATION_NAME \
     ORDER BY R.REPLICATION_NAME, H.HOST_NO";

impl fmt::Display for ReadSql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FactBatch(facts) => f.write_str(&facts.sql()),
            Self::Definitions => write!(
                f,
                "SELECT R.REPLICATION_NAME, R.IS_STARTED, R.XSN, R.ITEM_COUNT, R.HOST_COUNT, R.CONFLICT_RESOLUTION, \
                 R.REPL_MODE, R.ROLE, R.OPTIONS, R.GIVE_UP_TIME, R.GIVE_UP_XSN, R.PARALLEL_APPLIER_COUNT, \
                 R.APPLIER_INIT_BUFFER_SIZE, H.HOST_NO, \
                 H.HOST_IP, H.PORT_NO {OF_REPLICATIONS}"
            ),
            Self::DefinitionsOfOld => write!(f, "SELECT R.*, H.HOST_NO, H.HOST_IP, H.PORT_NO {OF_REPLICATIONS}"),
            Self::Properties => write!(f, "SELECT NAME, VALUE1 FROM V$PROPERTY WHERE NAME IN ({})", list(PROPERTIES)),
            Self::ServerAndLocale => f.write_str(
                "SELECT V.PRODUCT_VERSION, V.REPL_PROTOCOL_VERSION, I.STARTUP_TIME_SEC, D.DB_NAME, D.DB_SIGNATURE, \
                 N.NLS_CHARACTERSET, N.NLS_NCHAR_CHARACTERSET, S.TIME_ZONE \
                 FROM V$VERSION V, V$INSTANCE I, V$DATABASE D, V$NLS_PARAMETERS N, V$SESSION S \
                 WHERE N.SESSION_ID = SESSION_ID() AND S.ID = SESSION_ID()",
            ),
            Self::Server => f.write_str(
                "SELECT V.PRODUCT_VERSION, V.REPL_PROTOCOL_VERSION, I.STARTUP_TIME_SEC, D.DB_NAME, D.DB_SIGNATURE \
                 FROM V$VERSION V, V$INSTANCE I, V$DATABASE D",
            ),
            Self::Hosts => f.write_str(
                "SELECT REPLICATION_NAME, HOST_NO, HOST_IP, PORT_NO FROM SYSTEM_.SYS_REPL_HOSTS_ \
                 ORDER BY REPLICATION_NAME, HOST_NO",
            ),
            Self::Items => f.write_str(
                "SELECT REPLICATION_NAME, LOCAL_USER_NAME, LOCAL_TABLE_NAME, LOCAL_PARTITION_NAME, REMOTE_USER_NAME, \
                 REMOTE_TABLE_NAME, REMOTE_PARTITION_NAME, REPLICATION_UNIT FROM SYSTEM_.SYS_REPL_ITEMS_ \
                 ORDER BY REPLICATION_NAME",
            ),
            Self::Senders => f.write_str(
                "SELECT REP_NAME, START_FLAG, NET_ERROR_FLAG, XSN, STATUS FROM V$REPSENDER ORDER BY REP_NAME",
            ),
            Self::Receivers => f.write_str(
                "SELECT REP_NAME, APPLY_XSN, INSERT_FAILURE_COUNT, UPDATE_FAILURE_COUNT, DELETE_FAILURE_COUNT \
                 FROM V$REPRECEIVER ORDER BY REP_NAME",
            ),
            Self::Gaps => f.write_str("SELECT REP_NAME, REP_GAP, REP_SN, REP_LAST_SN FROM V$REPGAP ORDER BY REP_NAME"),
            Self::SyncProgress => {
                f.write_str("SELECT REP_NAME, SYNC_TABLE, SYNC_PARTITION, SYNC_RECORD_COUNT FROM V$REPSYNC")
            }
            Self::Tables(owners) => write!(
                f,
                "SELECT U.USER_NAME, T.TABLE_NAME, T.TABLE_TYPE, T.IS_PARTITIONED, T.REPLICATION_COUNT \
                 FROM SYSTEM_.SYS_TABLES_ T, SYSTEM_.SYS_USERS_ U \
                 WHERE T.USER_ID = U.USER_ID AND U.USER_NAME IN ({})",
                users(owners)
            ),
            Self::Constraints(owners) => write!(
                f,
                "SELECT U.USER_NAME, T.TABLE_NAME, C.CONSTRAINT_TYPE \
                 FROM SYSTEM_.SYS_CONSTRAINTS_ C, SYSTEM_.SYS_TABLES_ T, SYSTEM_.SYS_USERS_ U \
                 WHERE C.TABLE_ID = T.TABLE_ID AND T.USER_ID = U.USER_ID AND C.CONSTRAINT_TYPE IN (0, 3, 5) \
                 AND U.USER_NAME IN ({})",
                users(owners)
            ),
            Self::Partitions(owners) => write!(
                f,
                "SELECT U.USER_NAME, T.TABLE_NAME, P.PARTITION_NAME \
                 FROM SYSTEM_.SYS_TABLE_PARTITIONS_ P, SYSTEM_.SYS_TABLES_ T, SYSTEM_.SYS_USERS_ U \
                 WHERE P.TABLE_ID = T.TABLE_ID AND T.USER_ID = U.USER_ID AND P.PARTITION_NAME IS NOT NULL \
                 AND U.USER_NAME IN ({})",
                users(owners)
            ),
            Self::Columns(owners) => write!(
                f,
                "SELECT U.USER_NAME, T.TABLE_NAME, C.COLUMN_NAME, C.DATA_TYPE, C.PRECISION, C.SCALE, C.IS_NULLABLE \
                 FROM SYSTEM_.SYS_COLUMNS_ C, SYSTEM_.SYS_TABLES_ T, SYSTEM_.SYS_USERS_ U \
                 WHERE C.TABLE_ID = T.TABLE_ID AND T.USER_ID = U.USER_ID AND T.TABLE_TYPE = 'T' \
                 AND C.IS_HIDDEN = 'F' AND U.USER_NAME IN ({}) ORDER BY C.TABLE_ID, C.COLUMN_ORDER",
                users(owners)
            ),
            Self::KeyColumns(owners) => write!(
                f,
                "SELECT U.USER_NAME, T.TABLE_NAME, L.COLUMN_NAME \
                 FROM SYSTEM_.SYS_CONSTRAINTS_ C, SYSTEM_.SYS_CONSTRAINT_COLUMNS_ K, SYSTEM_.SYS_COLUMNS_ L, \
                 SYSTEM_.SYS_TABLES_ T, SYSTEM_.SYS_USERS_ U \
                 WHERE C.CONSTRAINT_ID = K.CONSTRAINT_ID AND C.TABLE_ID = K.TABLE_ID AND K.COLUMN_ID = L.COLUMN_ID \
                 AND C.TABLE_ID = T.TABLE_ID AND T.USER_ID = U.USER_ID AND C.CONSTRAINT_TYPE = 3 \
                 AND U.USER_NAME IN ({}) ORDER BY K.TABLE_ID, K.CONSTRAINT_COL_ORDER",
                users(owners)
            ),
            Self::Page(page) => page.fmt(f),
            Self::Sessions => f.write_str(
                "SELECT ID, TRANS_ID, DB_USERNAME, SYSDBA_FLAG, CLIENT_APP_INFO, COMM_NAME, SESSION_ID() AS OWN \
                 FROM V$SESSION ORDER BY ID",
            ),
            Self::SessionId => f.write_str("SELECT SESSION_ID() FROM DUAL"),
            Self::LockRequest(id) => write!(f, "SELECT USER_LOCK_REQUEST({id}) FROM DUAL"),
            Self::SessionsOf(app) => write!(
                f,
                "SELECT ID, TASK_STATE, LOGIN_TIME, CLIENT_APP_INFO, COMM_NAME FROM V$SESSION \
                 WHERE CLIENT_APP_INFO LIKE {} ORDER BY LOGIN_TIME, ID",
                literal(&format!("{app}%"))
            ),
            Self::OpenWriters => f.write_str("SELECT ID, SESSION_ID FROM V$TRANSACTION WHERE UPDATE_STATUS = 1"),
            Self::CountRows(targets) => {
                let parts: Vec<_> = targets.iter().enumerate().map(|(i, t)| count(i, t)).collect();
                f.write_str(&parts.join(" UNION ALL "))
            }
            Self::AnyRows(targets) => {
                let parts: Vec<_> = targets.iter().enumerate().map(|(i, t)| any(i, t)).collect();
                f.write_str(&parts.join(" UNION ALL "))
            }
            Self::OfflineDirectories(name) => write!(
                f,
                "SELECT PATH FROM SYSTEM_.SYS_REPL_OFFLINE_DIR_ WHERE REPLICATION_NAME = {}",
                literal(name.as_str())
            ),
            Self::OfflineStatus(name) => write!(
                f,
                "SELECT STATUS, SUCCESS_TIME FROM V$REPOFFLINE_STATUS WHERE REP_NAME = {}",
                literal(name.as_str())
            ),
            Self::Ledger => ledger::read(f),
            Self::Property(name) => write!(f, "SELECT VALUE1 FROM V$PROPERTY WHERE NAME = {}", literal(name)),
            Self::Shape(name) => write!(
                f,
                "SELECT IS_STARTED, XSN, REPL_MODE, ROLE, OPTIONS, CONFLICT_RESOLUTION, PARALLEL_APPLIER_COUNT, \
                 APPLIER_INIT_BUFFER_SIZE FROM SYSTEM_.SYS_REPLICATIONS_ WHERE REPLICATION_NAME = {}",
                literal(name.as_str())
            ),
            Self::Replication(name) => write!(
                f,
                "SELECT IS_STARTED, XSN, GIVE_UP_TIME, REPL_MODE, OPTIONS FROM SYSTEM_.SYS_REPLICATIONS_ WHERE REPLICATION_NAME = {}",
                literal(name.as_str())
            ),
        }
    }
}

impl fmt::Display for ChangeSql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateReplication { name, host, port, targets, shape } => {
                let mode = match shape.mode {
                    GroupMode::Lazy => "",
                    GroupMode::Eager => "EAGER ",
                };
                write!(f, "CREATE {mode}REPLICATION {name} ")?;
                for clause in shape.clauses() {
                    write!(f, "{clause} ")?;
                }
                write!(f, "WITH {}, {port} ", literal(host))?;
                let items: Vec<_> = targets.iter().map(|t| format!("FROM {t} TO {t}")).collect();
                f.write_str(&items.join(", "))
            }
            Self::DropReplication(name) => write!(f, "DROP REPLICATION {name}"),
            Self::AddTable { name, target } => {
                write!(f, "ALTER REPLICATION {name} ADD TABLE FROM {target} TO {target}")
            }
            Self::DropTable { name, target, remote } => {
                write!(f, "ALTER REPLICATION {name} DROP TABLE FROM {target} TO {remote}")
            }
            Self::AddHost { name, host, port } => {
                write!(f, "ALTER REPLICATION {name} ADD HOST {}, {port}", literal(host))
            }
            Self::DropHost { name, host, port } => {
                write!(f, "ALTER REPLICATION {name} DROP HOST {}, {port}", literal(host))
            }
            Self::ClearOption { name, option } => {
                write!(f, "ALTER REPLICATION {name} SET {option} {}", option.off())
            }
            Self::SetOption { name, option } => write!(f, "ALTER REPLICATION {name} SET {}", option.on()),
            Self::SetOffline { name, path } => {
                write!(f, "ALTER REPLICATION {name} SET OFFLINE ENABLE WITH {}", literal(path.as_str()))
            }
            Self::StartOffline(name) => write!(f, "ALTER REPLICATION {name} START WITH OFFLINE"),
            Self::Start(name) => write!(f, "ALTER REPLICATION {name} START"),
            Self::StartRetry(name) => write!(f, "ALTER REPLICATION {name} START RETRY"),
            Self::Stop(name) => write!(f, "ALTER REPLICATION {name} STOP"),
            Self::Reset(name) => write!(f, "ALTER REPLICATION {name} RESET"),
            Self::Flush { name, wait_s } => write!(f, "ALTER REPLICATION {name} FLUSH WAIT {wait_s}"),
            Self::Sync { name, parallel } => write!(f, "ALTER REPLICATION {name} SYNC PARALLEL {parallel}"),
            Self::SyncTables { name, parallel, targets } => {
                let tables: Vec<_> = targets.iter().map(ToString::to_string).collect();
                write!(f, "ALTER REPLICATION {name} SYNC PARALLEL {parallel} TABLE {}", tables.join(", "))
            }
            Self::Truncate(target) => match &target.partition {
                None => write!(f, "TRUNCATE TABLE {}", target.table_sql()),
                Some(p) => write!(f, "ALTER TABLE {} TRUNCATE PARTITION {p}", target.table_sql()),
            },
            Self::SetSystem { property, value } => write!(f, "ALTER SYSTEM SET {property} = {value}"),
            Self::CloseSession { database, session } => {
                write!(f, "ALTER DATABASE {} SESSION CLOSE {session}", database_name(database))
            }
            Self::SessionQueryTimeout(s) => write!(f, "ALTER SESSION SET QUERY_TIMEOUT = {s}"),
            Self::SessionReplicationOff => f.write_str("ALTER SESSION SET REPLICATION = FALSE"),
            Self::SessionIdleTimeout(s) => write!(f, "ALTER SESSION SET IDLE_TIMEOUT = {s}"),
            Self::SessionAutocommit(Switch::Off) => f.write_str("ALTER SESSION SET AUTOCOMMIT = FALSE"),
            Self::SessionAutocommit(Switch::On) => f.write_str("ALTER SESSION SET AUTOCOMMIT = TRUE"),
            Self::LockTable { table, wait_s: 0 } => write!(f, "LOCK TABLE {} IN SHARE MODE NOWAIT", table.table_sql()),
            Self::LockTable { table, wait_s } => {
                write!(f, "LOCK TABLE {} IN SHARE MODE WAIT {wait_s}", table.table_sql())
            }
            Self::Commit => f.write_str("COMMIT"),
            Self::Rollback => f.write_str("ROLLBACK"),
            Self::InsertRow(row) => row.insert(f),
            Self::UpdateRow(row) => row.update(f),
            Self::DeleteRow(row) => row.delete(f),
            Self::CreateLedger => ledger::create(f),
            Self::InsertLedger(row) => ledger::insert(f, row),
            Self::UpdateLedger(row) => ledger::update(f, row),
            Self::BeatLedger { before, after } => ledger::beat(f, before, after),
        }
    }
}
