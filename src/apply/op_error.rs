//! Why an operation did not get through, on its way to becoming an outcome: from [`OpError`] to an [`ActionError`].
//! Never decides whether to try again; that is [`retry`](super::retry).

use super::{
    codes::Code,
    event::ActionError,
    retry::{Fault, Kind},
};
use crate::{
    db::{ConnectError, ConnectFailure, DbError},
    plan::Action,
    topology::Ordinal,
};

/// What a failed statement was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// A SELECT.
    Read,
    /// A statement that changes something.
    Change,
}

/// A failed statement.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub pod: Ordinal,
    pub sent: Sent,
    pub sql: String,
    pub error: DbError,
}

/// An operation's own finding, in words.
#[derive(Clone, Debug)]
pub(super) struct OpFinding {
    pub code: Code,
    pub pod: Ordinal,
    pub sql: Option<String>,
    pub error: Option<DbError>,
    pub detail: String,
}

/// Why an operation ended without success.
#[derive(Clone, Debug)]
pub(super) enum OpError {
    /// A statement failed.
    Statement(Box<Statement>),
    /// No session.
    NoSession(Box<ConnectError>),
    /// The run is to stop.
    Stopped,
    /// The operation looked and must not, or cannot, go on.
    OpFinding(Box<OpFinding>),
    /// Something was sent, and nobody can tell whether it was done.
    Lost(Box<OpFinding>),
}

impl OpError {
    /// A finding without a statement.
    pub fn told(pod: Ordinal, code: Code, detail: impl Into<String>) -> Self {
        Self::OpFinding(Box::new(OpFinding { code, pod, sql: None, error: None, detail: detail.into() }))
    }

    /// What the database said, if it said something.
    pub fn error(&self) -> Option<&DbError> {
        match self {
            Self::Statement(s) => Some(&s.error),
            Self::NoSession(e) => Some(&e.error),
            Self::OpFinding(t) | Self::Lost(t) => t.error.as_ref(),
            Self::Stopped => None,
        }
    }

    /// The finding as a reader sees it.
    pub fn describe(self, action: &Action, attempts: u32) -> ActionError {
        let told = match self {
            Self::Statement(s) => {
                let Statement { pod, sql, error, .. } = *s;
                let code = code_of(Kind::of(&action.op), &error);
                OpFinding { code, pod, sql: Some(sql), error: Some(error), detail: String::new() }
            }
            Self::NoSession(e) => {
                let ConnectError { pod, address, failure, error } = *e;
                let detail = if address.is_empty() { String::new() } else { format!("tried {address}") };
                OpFinding { code: code_of_connect(failure), pod, sql: None, error: Some(error), detail }
            }
            Self::Stopped => {
                OpFinding { code: Code::Stopped, pod: action.pod, sql: None, error: None, detail: String::new() }
            }
            Self::OpFinding(t) | Self::Lost(t) => *t,
        };
        error(told, action, attempts)
    }
}

pub(super) fn error(told: OpFinding, action: &Action, attempts: u32) -> ActionError {
    let OpFinding { code, pod, sql, error, detail } = told;
    let object = action.op.object().map_or_else(|| "name".to_owned(), ToString::to_string);
    let fill = |text: &&str| text.replace("{pod}", &pod.to_string()).replace("{object}", &object);
    ActionError {
        code: code.as_str(),
        pod,
        statement: sql,
        error,
        meaning: if detail.is_empty() { code.meaning().to_owned() } else { format!("{}: {detail}", code.meaning()) },
        next: code.next().iter().map(fill).collect(),
        attempts,
    }
}

fn code_of_connect(failure: ConnectFailure) -> Code {
    match failure {
        ConnectFailure::Absent | ConnectFailure::Unreachable | ConnectFailure::AdminMode | ConnectFailure::Other => {
            Code::NoSession
        }
        ConnectFailure::LoginRefused => Code::LoginRefused,
        ConnectFailure::SysdbaBusy => Code::SysdbaBusy,
        ConnectFailure::Timeout => Code::Silent,
    }
}

fn code_of(kind: Kind, error: &DbError) -> Code {
    match Fault::of(error) {
        Fault::Lost => Code::LostLink,
        Fault::Locked => Code::Locked,
        Fault::Handshake => Code::Handshake,
        Fault::NoThread => Code::NoThread,
        Fault::SenderExists => Code::SenderExists,
        Fault::ReceiverRuns => Code::NotQuiet,
        Fault::NotStarted => Code::NotStarted,
        Fault::Started => Code::Started,
        Fault::Exists => Code::ObjectDiffers,
        Fault::NoReplication => Code::ObjectMissing,
        Fault::FlushTimeout => Code::FlushTimeout,
        Fault::SyncFailed => Code::SyncFailed,
        Fault::QueryTimeout if kind == Kind::Flush => Code::FlushTimeout,
        Fault::QueryTimeout => Code::QueryTimeout,
        Fault::Cancelled => Code::Stopped,
        Fault::DdlOff => Code::DdlOff,
        Fault::Other => Code::Refused,
    }
}
