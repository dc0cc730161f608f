//! What to do about a failed statement: pure, by operation and native code, never by message text (DESIGN D13).
//!
//! Only what is transient and repeatable is tried again. "Look first" goes through the idempotence check of the
//! operation before anything is sent again. A SYNC whose copy began is never sent twice: its target is not empty any
//! more.

use crate::{
    db::{ConnectFailure, DbError, error::native},
    plan::Op,
};

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Try again after the pause; the idempotence check runs first in any case.
    Retry,
    /// What was asked is so already.
    AlreadySo,
    /// Nobody knows whether it was done: reconnect if needed, look at the pod, then decide.
    LookFirst,
    /// It will not get better by itself.
    Fail,
}

/// Class of a database failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The session is gone; the outcome of the statement is unknown.
    Lost,
    /// A lock was not had in time, or a deadlock: nothing was done.
    Locked,
    /// 6100D: the peer could not be reached or refused; nothing was changed.
    Handshake,
    /// No free sender or receiver thread, or the thread ended right after it began.
    NoThread,
    /// 6100A
    SenderExists,
    /// 6109F: the peer sends to this object.
    ReceiverRuns,
    /// 61027
    NotStarted,
    /// 610FE
    Started,
    /// 61100
    Exists,
    /// 6111B, 61126
    NoReplication,
    /// 61075
    FlushTimeout,
    /// 61153
    SyncFailed,
    /// QUERY_TIMEOUT
    QueryTimeout,
    /// Cancelled
    Cancelled,
    /// 312C4
    DdlOff,
    /// Anything else.
    Other,
}

/// Codes that `db::error::native` does not name (`altibase.md` A).
mod codes {
    /// ERR-6100B: senders >= REPLICATION_MAX_COUNT.
    pub const NO_SENDER_SLOT: i32 = 397_323;
    /// ERR-61010: the sender thread ended right after the handshake.
    pub const SENDER_ENDED: i32 = 397_328;
    /// ERR-6109F: a receiver of the object runs.
    pub const RECEIVER_RUNS: i32 = 397_471;
    /// ERR-312C4: REPLICATION_DDL_ENABLE is 0.
    pub const DDL_OFF: i32 = 201_412;
}

impl Fault {
    /// Every class, in order.
    pub const ALL: [Self; 16] = [
        Self::Lost,
        Self::Locked,
        Self::Handshake,
        Self::NoThread,
        Self::SenderExists,
        Self::ReceiverRuns,
        Self::NotStarted,
        Self::Started,
        Self::Exists,
        Self::NoReplication,
        Self::FlushTimeout,
        Self::SyncFailed,
        Self::QueryTimeout,
        Self::Cancelled,
        Self::DdlOff,
        Self::Other,
    ];

    /// The class of what the database said.
    #[must_use]
    pub fn of(e: &DbError) -> Self {
        if e.lost_session() {
            return Self::Lost;
        }
        match e.native {
            native::LOCK_TIMEOUT | native::DEADLOCK => Self::Locked,
            native::HANDSHAKE => Self::Handshake,
            codes::NO_SENDER_SLOT | codes::SENDER_ENDED => Self::NoThread,
            native::SENDER_EXISTS => Self::SenderExists,
            codes::RECEIVER_RUNS => Self::ReceiverRuns,
            native::NOT_STARTED => Self::NotStarted,
            native::STARTED => Self::Started,
            native::REPLICATION_EXISTS => Self::Exists,
            native::NO_REPLICATION | native::REPLICATION_NOT_FOUND => Self::NoReplication,
            native::FLUSH_TIMEOUT => Self::FlushTimeout,
            native::SYNC_FAILED => Self::SyncFailed,
            native::QUERY_TIMEOUT => Self::QueryTimeout,
            native::CANCELLED => Self::Cancelled,
            codes::DDL_OFF => Self::DdlOff,
            _ => Self::Other,
        }
    }
}

/// Kind of an operation, as far as repeating it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// CREATE REPLICATION
    Create,
    /// DROP REPLICATION
    Drop,
    /// START
    Start,
    /// START RETRY and STOP, or what an anchor does for an EAGER object
    Pin,
    /// STOP
    Stop,
    /// RESET
    Reset,
    /// STOP and RESET
    Unpin,
    /// FLUSH, alone or before contents are compared
    Flush,
    /// ALTER SYSTEM, open
    Setting,
    /// ADMIN_MODE and SESSION CLOSE
    Fence,
    /// TRUNCATE
    Truncate,
    /// SYNC
    Sync,
    /// Sends only SELECTs, or nothing at all
    Looks,
}

impl Kind {
    /// Every kind, in order.
    pub const ALL: [Self; 13] = [
        Self::Create,
        Self::Drop,
        Self::Start,
        Self::Pin,
        Self::Stop,
        Self::Reset,
        Self::Unpin,
        Self::Flush,
        Self::Setting,
        Self::Fence,
        Self::Truncate,
        Self::Sync,
        Self::Looks,
    ];

    /// The kind of an operation.
    #[must_use]
    pub fn of(op: &Op) -> Self {
        match op {
            // They look first in the same way: what is there is compared with what is wanted.
            Op::CreateReplication { .. }
            | Op::AddTable { .. }
            | Op::ChangeHost { .. }
            | Op::ClearOption { .. }
            | Op::SetOption { .. }
            | Op::SetLogPath { .. }
            | Op::ReadLogs { .. }
            | Op::WriteLedger { .. }
            | Op::MendRows(_)
            | Op::DeleteRows(_) => Self::Create,
            Op::DropReplication { .. } | Op::DropTable { .. } => Self::Drop,
            Op::Start { .. } | Op::Retry { .. } => Self::Start,
            Op::Pin { .. } | Op::Anchor { .. } => Self::Pin,
            Op::Stop { .. } => Self::Stop,
            Op::Reset { .. } => Self::Reset,
            Op::Unpin { .. } => Self::Unpin,
            Op::Flush { .. } | Op::CheckContents { .. } => Self::Flush,
            Op::SetProperty { .. } | Op::Open => Self::Setting,
            Op::Fence => Self::Fence,
            Op::Truncate { .. } => Self::Truncate,
            Op::Sync { .. } | Op::SyncTables { .. } => Self::Sync,
            Op::Drain { .. }
            | Op::CheckQuiet { .. }
            | Op::CheckEmpty { .. }
            | Op::CheckHolds { .. }
            | Op::CheckDelivered { .. }
            | Op::Delay { .. }
            | Op::WriteMarker
            | Op::RemoveMarker => Self::Looks,
        }
    }
}

/// What to do when a changing statement of such an operation failed.
#[must_use]
pub fn decide(kind: Kind, fault: Fault) -> Verdict {
    use Verdict::{AlreadySo, Fail, LookFirst, Retry};
    match fault {
        // The server may or may not have done it. SYNC looks too, but sends nothing again.
        Fault::Lost => LookFirst,
        // A time limit of the server leaves START and STOP in a state that only a look can tell.
        Fault::QueryTimeout => match kind {
            Kind::Flush | Kind::Sync | Kind::Looks => Fail,
            Kind::Create
            | Kind::Drop
            | Kind::Start
            | Kind::Pin
            | Kind::Stop
            | Kind::Reset
            | Kind::Unpin
            | Kind::Setting
            | Kind::Fence
            | Kind::Truncate => LookFirst,
        },
        // Locks are asked for before anything is done, except by SYNC, which may be in the middle.
        Fault::Locked => match kind {
            Kind::Sync => Fail,
            Kind::Create
            | Kind::Drop
            | Kind::Start
            | Kind::Pin
            | Kind::Stop
            | Kind::Reset
            | Kind::Unpin
            | Kind::Flush
            | Kind::Setting
            | Kind::Fence
            | Kind::Truncate
            | Kind::Looks => Retry,
        },
        // The handshake comes before the first row, so a SYNC that failed there has copied nothing.
        Fault::Handshake => match kind {
            Kind::Start | Kind::Pin | Kind::Sync => Retry,
            Kind::Create
            | Kind::Drop
            | Kind::Stop
            | Kind::Reset
            | Kind::Unpin
            | Kind::Flush
            | Kind::Setting
            | Kind::Fence
            | Kind::Truncate
            | Kind::Looks => Fail,
        },
        Fault::NoThread => match kind {
            Kind::Start | Kind::Pin => Retry,
            Kind::Create
            | Kind::Drop
            | Kind::Stop
            | Kind::Reset
            | Kind::Unpin
            | Kind::Flush
            | Kind::Setting
            | Kind::Fence
            | Kind::Truncate
            | Kind::Sync
            | Kind::Looks => Fail,
        },
        Fault::SenderExists => match kind {
            Kind::Start => AlreadySo,
            Kind::Create
            | Kind::Drop
            | Kind::Pin
            | Kind::Stop
            | Kind::Reset
            | Kind::Unpin
            | Kind::Flush
            | Kind::Setting
            | Kind::Fence
            | Kind::Truncate
            | Kind::Sync
            | Kind::Looks => Fail,
        },
        // It was not there a moment ago; the next attempt waits for it to end before anything is sent.
        Fault::ReceiverRuns => match kind {
            Kind::Create | Kind::Drop => Retry,
            Kind::Start
            | Kind::Pin
            | Kind::Stop
            | Kind::Reset
            | Kind::Unpin
            | Kind::Flush
            | Kind::Setting
            | Kind::Fence
            | Kind::Truncate
            | Kind::Sync
            | Kind::Looks => Fail,
        },
        Fault::NotStarted => match kind {
            Kind::Stop => AlreadySo,
            Kind::Create
            | Kind::Drop
            | Kind::Start
            | Kind::Pin
            | Kind::Reset
            | Kind::Unpin
            | Kind::Flush
            | Kind::Setting
            | Kind::Fence
            | Kind::Truncate
            | Kind::Sync
            | Kind::Looks => Fail,
        },
        // Somebody was quicker: its definition is compared with ours.
        Fault::Exists => match kind {
            Kind::Create => LookFirst,
            Kind::Drop
            | Kind::Start
            | Kind::Pin
            | Kind::Stop
            | Kind::Reset
            | Kind::Unpin
            | Kind::Flush
            | Kind::Setting
            | Kind::Fence
            | Kind::Truncate
            | Kind::Sync
            | Kind::Looks => Fail,
        },
        // What is gone neither sends nor keeps log.
        Fault::NoReplication => match kind {
            Kind::Drop | Kind::Stop | Kind::Reset | Kind::Unpin => AlreadySo,
            Kind::Create
            | Kind::Start
            | Kind::Pin
            | Kind::Flush
            | Kind::Setting
            | Kind::Fence
            | Kind::Truncate
            | Kind::Sync
            | Kind::Looks => Fail,
        },
        Fault::Started | Fault::FlushTimeout | Fault::SyncFailed | Fault::Cancelled | Fault::DdlOff | Fault::Other => {
            Fail
        }
    }
}

/// What to do when a SELECT failed: it may always be repeated, but only some failures pass.
#[must_use]
pub fn decide_read(fault: Fault) -> Verdict {
    match fault {
        Fault::Lost => Verdict::LookFirst,
        Fault::Locked => Verdict::Retry,
        Fault::Handshake
        | Fault::NoThread
        | Fault::SenderExists
        | Fault::ReceiverRuns
        | Fault::NotStarted
        | Fault::Started
        | Fault::Exists
        | Fault::NoReplication
        | Fault::FlushTimeout
        | Fault::SyncFailed
        | Fault::QueryTimeout
        | Fault::Cancelled
        | Fault::DdlOff
        | Fault::Other => Verdict::Fail,
    }
}

/// What to do when no session could be opened on a pod that was there when the plan was made.
#[must_use]
pub fn decide_connect(failure: ConnectFailure, error: &DbError) -> Verdict {
    match failure {
        // A restart, a full server, a colleague's SYSDBA session: all of them pass.
        ConnectFailure::Absent
        | ConnectFailure::Unreachable
        | ConnectFailure::Timeout
        | ConnectFailure::SysdbaBusy
        | ConnectFailure::AdminMode => Verdict::Retry,
        ConnectFailure::LoginRefused => Verdict::Fail,
        ConnectFailure::Other => match error.native {
            native::NOT_IN_SERVICE | native::TOO_MANY_SESSIONS => Verdict::Retry,
            _ if error.lost_session() => Verdict::Retry,
            _ => Verdict::Fail,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(sqlstate: &str, native: i32) -> DbError {
        DbError { sqlstate: sqlstate.to_owned(), native, message: "words that decide nothing".to_owned() }
    }

    /// One letter each: Retry, Already so, Look first, - fail. Columns in the order of `Fault::ALL`.
    #[test]
    fn the_whole_table() {
        let letter = |verdict| match verdict {
            Verdict::Retry => 'R',
            Verdict::AlreadySo => 'A',
            Verdict::LookFirst => 'L',
            Verdict::Fail => '-',
        };
        let row = |kind: &Kind| {
            let cells: String = Fault::ALL.into_iter().map(|fault| letter(decide(*kind, fault))).collect();
            format!("{kind:?} {cells}")
        };
        let rows: Vec<_> = Kind::ALL.iter().map(row).collect();
        // Lost, locked, handshake, no thread, sender exists, receiver runs, not started, started, exists, no replication,
        // flush timeout, sync failed, query timeout, cancelled, DDL off, other.
        assert_eq!(
            rows,
            [
                "Create LR---R--L---L---",
                "Drop LR---R---A--L---",
                "Start LRRRA-------L---",
                "Pin LRRR--------L---",
                "Stop LR----A--A--L---",
                "Reset LR-------A--L---",
                "Unpin LR-------A--L---",
                "Flush LR--------------",
                "Setting LR----------L---",
                "Fence LR----------L---",
                "Truncate LR----------L---",
                "Sync L-R-------------",
                "Looks LR--------------",
            ]
        );
        let reads: String = Fault::ALL.into_iter().map(|fault| letter(decide_read(fault))).collect();
        assert_eq!(reads, "LR--------------");
    }

    #[test]
    fn native_codes_decide() {
        let table = [
            ("08S01", 331_843, Fault::Lost),
            ("08S01", 332_302, Fault::Lost),
            ("08004", 4163, Fault::Lost),
            ("HYT01", 331_853, Fault::Lost),
            ("HYT00", 69_749, Fault::Locked),
            ("25S03", 69_697, Fault::Locked),
            ("HY000", 397_325, Fault::Handshake),
            ("HY000", 397_323, Fault::NoThread),
            ("HY000", 397_328, Fault::NoThread),
            ("HY000", 397_322, Fault::SenderExists),
            ("HY000", 397_471, Fault::ReceiverRuns),
            ("HY000", 397_351, Fault::NotStarted),
            ("HY000", 397_566, Fault::Started),
            ("HY000", 397_568, Fault::Exists),
            ("HY000", 397_595, Fault::NoReplication),
            ("HY000", 397_606, Fault::NoReplication),
            ("HY000", 397_429, Fault::FlushTimeout),
            ("HY000", 397_651, Fault::SyncFailed),
            ("HYT00", 4164, Fault::QueryTimeout),
            ("HY008", 4202, Fault::Cancelled),
            ("HY000", 201_412, Fault::DdlOff),
            ("42000", 200_705, Fault::Other),
        ];
        for (state, native, fault) in table {
            assert_eq!(Fault::of(&said(state, native)), fault, "{native}");
        }
        let seen: std::collections::BTreeSet<_> = table.into_iter().map(|(_, _, fault)| fault).collect();
        assert_eq!(seen.len(), Fault::ALL.len());
    }

    #[test]
    fn a_connect_is_tried_again_when_it_may_pass() {
        let table = [
            (ConnectFailure::Absent, native::CONNECT_FAILED, Verdict::Retry),
            (ConnectFailure::Unreachable, native::CONNECT_FAILED, Verdict::Retry),
            (ConnectFailure::LoginRefused, native::BAD_PASSWORD, Verdict::Fail),
            (ConnectFailure::AdminMode, native::ADMIN_MODE, Verdict::Retry),
            (ConnectFailure::SysdbaBusy, native::SYSDBA_BUSY, Verdict::Retry),
            (ConnectFailure::Timeout, native::SILENT, Verdict::Retry),
            (ConnectFailure::Other, native::NOT_IN_SERVICE, Verdict::Retry),
            (ConnectFailure::Other, native::TOO_MANY_SESSIONS, Verdict::Retry),
            (ConnectFailure::Other, native::LINK_LOST, Verdict::Retry),
            (ConnectFailure::Other, native::SYNTAX, Verdict::Fail),
        ];
        for (failure, native, verdict) in table {
            assert_eq!(decide_connect(failure, &said("HY000", native)), verdict, "{failure:?} {native}");
        }
    }
}
