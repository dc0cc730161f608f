//! What a failure means. Native codes decide, never message text (DESIGN D13).

use crate::topology::Ordinal;

/// Native codes we act upon (`altibase.md` 0 and appendix A, `measured.md` 6).
pub mod native {
    /// Refused, no route, or any other errno (08001).
    pub const CONNECT_FAILED: i32 = 327_730;
    /// Host name cannot be resolved: there is none, or nobody could be asked (HY024).
    pub const UNKNOWN_HOST: i32 = 332_178;
    /// Server accepts and stays silent, or CONNECTION_TIMEOUT fired (HYT01).
    pub const SILENT: i32 = 331_853;
    /// Link lost in the middle (08S01).
    pub const LINK_LOST: i32 = 331_843;
    /// Another communication error (08S01).
    pub const LINK_ERROR: i32 = 331_855;
    /// Session closed by the server (08004).
    pub const SESSION_CLOSED: i32 = 4163;
    /// QUERY_TIMEOUT (HYT00).
    pub const QUERY_TIMEOUT: i32 = 4164;
    /// Cancelled (HY008).
    pub const CANCELLED: i32 = 4202;
    /// Wrong password (28000).
    pub const BAD_PASSWORD: i32 = 266_286;
    /// Invalid user (28000).
    pub const BAD_USER: i32 = 266_285;
    /// User not found (3D000).
    pub const NO_USER: i32 = 200_720;
    /// ADMIN_MODE is 1 and this is not SYSDBA.
    pub const ADMIN_MODE: i32 = 266_350;
    /// The single SYSDBA session is taken.
    pub const SYSDBA_BUSY: i32 = 266_305;
    /// SYSDBA asked by another user than SYS.
    pub const SYSDBA_NOT_SYS: i32 = 266_307;
    /// REMOTE_SYSDBA_ENABLE is 0.
    pub const SYSDBA_NOT_LOCAL: i32 = 266_441;
    /// Server not in SERVICE phase.
    pub const NOT_IN_SERVICE: i32 = 266_304;
    /// Too many sessions.
    pub const TOO_MANY_SESSIONS: i32 = 266_393;
    /// ERR-6100A: a sender thread exists already.
    pub const SENDER_EXISTS: i32 = 397_322;
    /// ERR-61027: not started.
    pub const NOT_STARTED: i32 = 397_351;
    /// ERR-6100D: handshake with the peer failed.
    pub const HANDSHAKE: i32 = 397_325;
    /// ERR-61153: SYNC failed while copying.
    pub const SYNC_FAILED: i32 = 397_651;
    /// ERR-61075: FLUSH WAIT ran out.
    pub const FLUSH_TIMEOUT: i32 = 397_429;
    /// ERR-61100: the replication exists.
    pub const REPLICATION_EXISTS: i32 = 397_568;
    /// ERR-6111B: no such replication (START, STOP, RESET, FLUSH, DROP).
    pub const NO_REPLICATION: i32 = 397_595;
    /// ERR-61126: no such replication (SYNC, ADD/DROP TABLE, ADD HOST).
    pub const REPLICATION_NOT_FOUND: i32 = 397_606;
    /// ERR-610FE: started, so no DDL on it.
    pub const STARTED: i32 = 397_566;
    /// ERR-11075: table lock not had in time.
    pub const LOCK_TIMEOUT: i32 = 69_749;
    /// ERR-11058: a unique value is taken.
    pub const UNIQUE_VIOLATION: i32 = 69_720;
    /// ERR-11041: deadlock.
    pub const DEADLOCK: i32 = 69_697;
    /// ERR-31031: no such table or view.
    pub const NO_TABLE: i32 = 200_753;
    /// Column not found (42S22).
    pub const NO_COLUMN: i32 = 200_792;
    /// SQL syntax error (42000).
    pub const SYNTAX: i32 = 200_705;
}

/// Nothing for 0: that is what a driver manager says, which has no codes.
fn vendor_code(native: i32) -> String {
    if native == 0 { String::new() } else { format!(" native {native} (ERR-{native:05X})") }
}

/// One failed statement, in the database's words. Never holds credentials: the drivers scrub what they return.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sqlstate}{code}: {message}", code = vendor_code(*.native))]
pub struct DbError {
    /// Five characters, e.g. `HY000`.
    pub sqlstate: String,
    /// Vendor code, e.g. 397325.
    pub native: i32,
    /// The message; further diagnostic records follow on lines of their own.
    pub message: String,
}

impl DbError {
    /// The system's number in a failed connect; the driver gives it no native code of its own
    /// (`altibase.md` 6.4).
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        let (_, rest) = self.message.split_once("errno=")?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    }

    /// Whether the session cannot be used any more and the outcome of the statement is unknown.
    #[must_use]
    pub fn lost_session(&self) -> bool {
        use native::{LINK_ERROR, LINK_LOST, SESSION_CLOSED, SILENT};
        [LINK_ERROR, LINK_LOST, SESSION_CLOSED, SILENT].contains(&self.native) || self.sqlstate == "08S01"
    }
}

/// Why no session could be opened (DESIGN D3, D19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectFailure {
    /// Nobody there: a host that answers refused, or whoever knows says that there is no such name. Normal for pods that
    /// were not created yet.
    Absent,
    /// The way there does not work, or nobody can be asked for the name: that says nothing of the pod.
    Unreachable,
    /// Wrong user or password, or SYSDBA not allowed for us.
    LoginRefused,
    /// ADMIN_MODE is on: only SYSDBA gets in.
    AdminMode,
    /// Another SYSDBA session holds the only slot.
    SysdbaBusy,
    /// No answer within the time limit (black hole, frozen server).
    Timeout,
    /// Anything else, e.g. the driver cannot be loaded.
    Other,
}

/// ECONNREFUSED and ETIMEDOUT on Linux.
const REFUSED: i32 = 111;
const TIMED_OUT: i32 = 110;

impl ConnectFailure {
    /// Classifies a failed connect by what the driver said alone. A name that could not be resolved is not known to be
    /// absent by that: whoever connects asks the resolver.
    #[must_use]
    pub fn classify(e: &DbError) -> Self {
        match e.native {
            native::CONNECT_FAILED => match e.errno() {
                Some(REFUSED) => Self::Absent,
                Some(TIMED_OUT) => Self::Timeout,
                // No route, no network, no port or permission of this process, or a number that nobody knows.
                Some(_) | None => Self::Unreachable,
            },
            // Out of descriptors, among others.
            native::UNKNOWN_HOST | native::LINK_ERROR => Self::Unreachable,
            native::BAD_PASSWORD
            | native::BAD_USER
            | native::NO_USER
            | native::SYSDBA_NOT_SYS
            | native::SYSDBA_NOT_LOCAL => Self::LoginRefused,
            native::ADMIN_MODE => Self::AdminMode,
            native::SYSDBA_BUSY => Self::SysdbaBusy,
            native::SILENT => Self::Timeout,
            _ => Self::Other,
        }
    }
}

/// No session on a pod.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot connect to pod {pod} at {address}: {error}")]
pub struct ConnectError {
    /// Which pod.
    pub pod: Ordinal,
    /// `host:port` as used.
    pub address: String,
    /// The class of the failure.
    pub failure: ConnectFailure,
    /// What the driver said.
    pub error: DbError,
}
