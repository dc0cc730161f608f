//! What can go wrong with a lab as a whole. Every message says what to do next.

use std::io;

use aku_core::{
    sql::{ConnectFailure, DbError},
    topology::Ordinal,
};

/// Why an operation on a lab failed, and what to do next.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// No marker there.
    #[error("there is no lab in {0}; make one with: aku lab up --dir {0}")]
    NotALab(String),
    /// A lab is there already.
    #[error("a lab of {pods} pods is already in {dir}; look with: aku lab status, remove it with: aku lab down")]
    AlreadyThere {
        /// Directory.
        dir: String,
        /// Its pods.
        pods: u8,
    },
    /// Something else is there.
    #[error("{0} holds files and is not a lab; choose another directory with --dir")]
    NotOurs(String),
    /// The lab has fewer pods.
    #[error("the lab has no pod {pod}; it has pods 0 to {last}")]
    NoSuchPod {
        /// Asked for.
        pod: Ordinal,
        /// Largest ordinal.
        last: u8,
    },
    /// Nothing is kept under that name.
    #[error("nothing is kept of pod {pod} as \"{name}\"; keep it with: aku lab snapshot {pod} {name}")]
    NoSnapshot {
        /// The pod.
        pod: Ordinal,
        /// Asked for.
        name: String,
    },
    /// A volume cannot be copied, in words.
    #[error("{0}")]
    Volume(String),
    /// The pod has no process.
    #[error("pod {0} is not running; start it with: aku lab start {0}")]
    NotRunning(Ordinal),
    /// The pod has a process.
    #[error("pod {0} is running already; look with: aku lab status")]
    Running(Ordinal),
    /// The process ended at once, or never accepted a login.
    #[error("pod {pod} did not come up: {why}\n{log}\nthe whole log: {path}")]
    NotUp {
        /// The pod.
        pod: Ordinal,
        /// In words.
        why: String,
        /// Last lines of its log.
        log: String,
        /// Where the log is.
        path: String,
    },
    /// No block of loopback addresses is free.
    #[error(
        "port {0} is taken on every loopback address tried, perhaps by a server on 0.0.0.0; choose another with --port"
    )]
    NoAddress(u16),
    /// The pod refused a fault, or no pod has a fault of that name.
    #[error("{0}; see: aku lab fault list")]
    Fault(String),
    /// The pod does not answer on its control socket.
    #[error("pod {pod} does not take orders: {source}; if it is frozen, thaw it with: aku lab fault clear --all")]
    Control {
        /// The pod.
        pod: Ordinal,
        /// What the system said.
        source: io::Error,
    },
    /// The database refused.
    #[error("pod {pod} says: {error}{}", hint(error))]
    Db {
        /// The pod.
        pod: Ordinal,
        /// What it said.
        error: DbError,
    },
    /// The system refused.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

pub(super) fn io_error(what: impl Into<String>) -> impl FnOnce(io::Error) -> LabError {
    let what = what.into();
    move |source| LabError::Io { what, source }
}

/// What to do about a refused login or statement; nothing to add where the database's words are enough.
fn hint(error: &DbError) -> &'static str {
    match ConnectFailure::classify(error) {
        ConnectFailure::LoginRefused => {
            "; give another user or password with: aku lab sql POD --user USER --password-stdin"
        }
        ConnectFailure::Timeout | ConnectFailure::Absent | ConnectFailure::Unreachable => {
            "; look with: aku lab status and aku lab fault list"
        }
        ConnectFailure::SysdbaBusy => "; only one SYSDBA session gets in, try again when it has ended",
        ConnectFailure::AdminMode | ConnectFailure::Other => "",
    }
}
