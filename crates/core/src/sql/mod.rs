//! Every statement this program may send, as a type; the text of SQL is produced here and nowhere else (DESIGN D7).
//!
//! [`ReadSql`] cannot change anything, so commands that only hold a `&ReadSql` cannot either. Identifiers quote
//! themselves (`topology::Identifier`); literals are escaped by `literal`.

mod change_row;
pub mod error;
pub mod facts;
mod ledger;
pub mod page;
mod properties;
pub mod rows;
pub mod setting;
#[cfg(test)]
mod tests;
mod text;

use crate::{
    attributes::{GroupOption, ObjectOption, Shape},
    conf::Switch,
    ledger::Ledger,
    logs::LogPath,
    sql::{facts::FactBatch, page::Page},
    topology::{Identifier, ReplicationName, Target},
};
pub use change_row::{ChangedRow, Unwritable};
pub use error::{ConnectError, ConnectFailure, DbError};
pub use properties::PROPERTIES;
pub use rows::{Row, Rows, Value};

/// As whom to log in. The user is always SYS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privilege {
    /// Ordinary login.
    Normal,
    /// SYSDBA: the server admits one at a time, and nobody else while ADMIN_MODE is 1.
    Sysdba,
}

/// A statement that only reads. Its text is its `Display`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadSql {
    /// Several questions at once, see [`FactBatch`].
    FactBatch(FactBatch),
    /// Server properties that matter to us: NAME, VALUE1.
    Properties,
    /// One row: PRODUCT_VERSION, REPL_PROTOCOL_VERSION, STARTUP_TIME_SEC, DB_NAME, DB_SIGNATURE.
    Server,
    /// The same with NLS_CHARACTERSET, NLS_NCHAR_CHARACTERSET and the TIME_ZONE of this session.
    ServerAndLocale,
    /// SYS_REPLICATIONS_ with its SYS_REPL_HOSTS_, one row for each host; HOST_IP is NULL for an object without hosts.
    Definitions,
    /// As [`Self::Definitions`] with whatever columns an older server has.
    DefinitionsOfOld,
    /// SYS_REPL_HOSTS_.
    Hosts,
    /// SYS_REPL_ITEMS_.
    Items,
    /// V$REPSENDER.
    Senders,
    /// V$REPRECEIVER.
    Receivers,
    /// V$REPGAP.
    Gaps,
    /// V$REPSYNC: progress of SYNC.
    SyncProgress,
    /// Tables of these owners: USER_NAME, TABLE_NAME, TABLE_TYPE, IS_PARTITIONED, REPLICATION_COUNT.
    Tables(Vec<Identifier>),
    /// Constraints of these owners' tables: USER_NAME, TABLE_NAME, CONSTRAINT_TYPE (0 foreign key, 3 primary key, 5 TIMESTAMP).
    Constraints(Vec<Identifier>),
    /// Partitions of these owners' tables: USER_NAME, TABLE_NAME, PARTITION_NAME.
    Partitions(Vec<Identifier>),
    /// Columns of these owners' tables in their order: USER_NAME, TABLE_NAME, COLUMN_NAME, DATA_TYPE, PRECISION, SCALE,
    /// IS_NULLABLE.
    Columns(Vec<Identifier>),
    /// Columns of these owners' primary keys in their order: USER_NAME, TABLE_NAME, COLUMN_NAME.
    KeyColumns(Vec<Identifier>),
    /// Rows of a table in the order of its primary key.
    Page(Box<Page>),
    /// V$SESSION: ID, TRANS_ID, DB_USERNAME, SYSDBA_FLAG, CLIENT_APP_INFO, COMM_NAME, and OWN: the number of the session
    /// that asks.
    Sessions,
    /// Number of this session.
    SessionId,
    /// USER_LOCK_REQUEST: 0 got it, 4 had it already, 1 somebody else has it (`measured.md` 4). Belongs to the session
    /// and changes no data.
    LockRequest(i64),
    /// Sessions whose CLIENT_APP_INFO begins with this: ID, TASK_STATE, LOGIN_TIME, CLIENT_APP_INFO, COMM_NAME.
    SessionsOf(&'static str),
    /// Ids of open transactions that wrote: ID.
    OpenWriters,
    /// Row counts, one row per target in order: N (index from 0), ROWS_NOW.
    CountRows(Vec<Target>),
    /// Whether there are rows, one row per target in order: N (index from 0), ROWS_NOW 0 or 1. Does not read on after the
    /// first.
    AnyRows(Vec<Target>),
    /// One property: VALUE1.
    Property(&'static str),
    /// State of one replication: IS_STARTED, XSN, GIVE_UP_TIME.
    Replication(ReplicationName),
    /// What one replication is beside its items: REPL_MODE, ROLE, OPTIONS, CONFLICT_RESOLUTION, PARALLEL_APPLIER_COUNT,
    /// APPLIER_INIT_BUFFER_SIZE; with XSN and IS_STARTED.
    Shape(ReplicationName),
    /// SYS_REPL_OFFLINE_DIR_ of one replication: PATH, one row for each directory (`altibase.md` 2.3).
    OfflineDirectories(ReplicationName),
    /// V$REPOFFLINE_STATUS of one replication: STATUS 0 not started, 1 started, 2 ended, 3 failed; SUCCESS_TIME. A row only
    /// while the object has the option OFFLINE.
    OfflineStatus(ReplicationName),
    /// SYS.AKU_LEDGER (`docs/ledger.md`) and, in the same row, where the log ends: CUR_WRITE_LF_NO, CUR_WRITE_LF_OFFSET.
    Ledger,
}

/// A statement that changes something. Its text is its `Display`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeSql {
    /// CREATE REPLICATION
    CreateReplication {
        /// Object name.
        name: ReplicationName,
        /// The peer's replication host, at most 64 bytes.
        host: String,
        /// The peer's replication port.
        port: u16,
        /// Items; the same name on both sides.
        targets: Vec<Target>,
        /// Mode, role and options.
        shape: Shape,
    },
    /// DROP REPLICATION
    DropReplication(ReplicationName),
    /// ADD TABLE: one more item.
    AddTable {
        /// Object name.
        name: ReplicationName,
        /// The same name on both sides.
        target: Target,
    },
    /// DROP TABLE: one item less; no row is touched.
    DropTable {
        /// Object name.
        name: ReplicationName,
        /// Here.
        target: Target,
        /// There.
        remote: Target,
    },
    /// ADD HOST
    AddHost {
        /// Object name.
        name: ReplicationName,
        /// Replication host of the peer.
        host: String,
        /// Its port.
        port: u16,
    },
    /// DROP HOST
    DropHost {
        /// Object name.
        name: ReplicationName,
        /// Replication host that goes.
        host: String,
        /// Its port.
        port: u16,
    },
    /// SET OFFLINE ENABLE: the directory of the peer's logs. SET OFFLINE DISABLE is [`Self::ClearOption`].
    SetOffline {
        /// Object name.
        name: ReplicationName,
        /// On the machine of the server that it is sent to.
        path: LogPath,
    },
    /// START WITH OFFLINE: reads the directory in the peer's stead, and returns when that is done (`measured.md` 9.6).
    StartOffline(ReplicationName),
    /// SET of an option, off.
    ClearOption {
        /// Object name.
        name: ReplicationName,
        /// Which.
        option: ObjectOption,
    },
    /// SET of an option, on.
    SetOption {
        /// Object name.
        name: ReplicationName,
        /// Which, with its numbers.
        option: GroupOption,
    },
    /// START: resumes from XSN, or from now when it is -1.
    Start(ReplicationName),
    /// START RETRY: fixes XSN without needing the peer.
    StartRetry(ReplicationName),
    /// STOP: keeps XSN.
    Stop(ReplicationName),
    /// RESET: forgets XSN.
    Reset(ReplicationName),
    /// `FLUSH WAIT n`: until the peer acknowledged everything that was logged when it was issued. Never FLUSH ALL: what is
    /// received from others counts as this pod's log, so it has no end while others are written to (`measured.md` 8).
    Flush {
        /// Object name.
        name: ReplicationName,
        /// Bound in seconds.
        wait_s: u32,
    },
    /// SYNC PARALLEL n.
    Sync {
        /// Object name.
        name: ReplicationName,
        /// Threads, 1..=100.
        parallel: u8,
    },
    /// SYNC PARALLEL n TABLE ...: copies only these items and keeps XSN.
    SyncTables {
        /// Object name.
        name: ReplicationName,
        /// Threads, 1..=100.
        parallel: u8,
        /// Items of the object.
        targets: Vec<Target>,
    },
    /// TRUNCATE of a table or of one partition.
    Truncate(Target),
    /// ALTER SYSTEM SET of an integer property; in memory only, gone at the server's restart.
    SetSystem {
        /// Property name.
        property: &'static str,
        /// New value.
        value: i64,
    },
    /// ALTER DATABASE .. SESSION CLOSE.
    CloseSession {
        /// V$DATABASE.DB_NAME.
        database: Identifier,
        /// V$SESSION.ID
        session: i64,
    },
    /// ALTER SESSION SET QUERY_TIMEOUT, seconds, 0 = unlimited.
    SessionQueryTimeout(u32),
    /// ALTER SESSION SET IDLE_TIMEOUT, seconds: the server closes a session that says nothing for so long
    /// (`altibase.md` 6.3).
    SessionIdleTimeout(u32),
    /// ALTER SESSION SET REPLICATION = FALSE: what this session changes is not sent to others (`measured.md` 9.7).
    SessionReplicationOff,
    /// ALTER SESSION SET AUTOCOMMIT. Switching it on ends a transaction.
    SessionAutocommit(Switch),
    /// LOCK TABLE .. IN SHARE MODE: nobody writes to it until the transaction ends; a change that is not committed yet is waited
    /// for.
    LockTable {
        /// The whole table, whatever partition of it is replicated.
        table: Target,
        /// Longest wait, seconds, then HYT00 / 69749; 0 does not wait.
        wait_s: u32,
    },
    /// COMMIT
    Commit,
    /// ROLLBACK
    Rollback,
    /// INSERT of one row.
    InsertRow(Box<ChangedRow>),
    /// UPDATE of one row, where it is as it was read.
    UpdateRow(Box<ChangedRow>),
    /// DELETE of one row, where it is as it was read.
    DeleteRow(Box<ChangedRow>),
    /// CREATE TABLE SYS.AKU_LEDGER.
    CreateLedger,
    /// INSERT of its only row.
    InsertLedger(Box<Ledger>),
    /// UPDATE of its only row, every column.
    UpdateLedger(Box<Ledger>),
    /// UPDATE of what its only row remembers of the others, where nobody wrote it since.
    BeatLedger {
        /// The row as it was read.
        before: Box<Ledger>,
        /// What it is to remember.
        after: Box<Ledger>,
    },
}
