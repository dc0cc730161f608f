//! Faults on demand: what can go wrong with a pod, as data.
//!
//! Faults are named, set on a running pod and gone with its process. The pod's host applies them where sockets end
//! and the engine begins, so the engine meets them as it would meet the real thing. Nothing here does I/O.

use std::{fmt, str::FromStr};

use aku_core::topology::Ordinal;
use serde::{Deserialize, Serialize};

/// Whose traffic a fault concerns, as the pod that holds the fault sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Party {
    /// Every client.
    Clients,
    /// One other pod.
    Pod(Ordinal),
    /// All clients and all pods.
    Everyone,
}

impl Party {
    pub(super) fn includes(self, source: Source) -> bool {
        match (self, source) {
            (Self::Everyone, _) | (Self::Clients, Source::Client) => true,
            (Self::Pod(a), Source::Pod(b)) => a == b,
            (Self::Clients, Source::Pod(_) | Source::Stranger) | (Self::Pod(_), Source::Client | Source::Stranger) => {
                false
            }
        }
    }
}

/// Where bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A client.
    Client,
    /// A pod of this lab.
    Pod(Ordinal),
    /// A replication link from an address outside the lab.
    Stranger,
}

/// Which listening port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ports {
    /// The service port.
    Client,
    /// The replication port.
    Replication,
    /// Both.
    Both,
}

impl Ports {
    pub(super) fn includes(self, port: Port) -> bool {
        match (self, port) {
            (Self::Both, _) | (Self::Client, Port::Client) | (Self::Replication, Port::Replication) => true,
            (Self::Client, Port::Replication) | (Self::Replication, Port::Client) => false,
        }
    }
}

/// One listening port of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// The service port.
    Client,
    /// The replication port.
    Replication,
}

/// How a black-holed pod keeps silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Silence {
    /// Connection attempts get no answer at all (clients see errno=110).
    Syn,
    /// Connections are made and then nothing comes (clients see HYT01).
    Accept,
}

/// When a fault strikes, seen from the statement it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// The statement arrived; the server does not see it.
    Before,
    /// It took effect and is durable; its answer is not sent.
    After,
}

/// Something that is wrong with one pod. Statements are matched by a substring, without regard to case; a login is
/// matched as `CONNECT <user>` or `CONNECT <user> AS SYSDBA`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// New connections are refused; those that exist go on.
    Refuse {
        /// Where.
        ports: Ports,
    },
    /// New connections are made and closed at once; those that exist go on.
    HangUp {
        /// Where.
        ports: Ports,
    },
    /// Nothing gets in or out, on no connection, and nobody is told.
    BlackHole {
        /// What a new connection meets.
        silence: Silence,
    },
    /// Bytes from `from` do not arrive here. As with TCP they arrive when the cut is healed, unless the other side
    /// gave up meanwhile. The other direction works.
    Cut {
        /// The sending side.
        from: Party,
    },
    /// Bytes from `from` arrive that much later, in order.
    Latency {
        /// The sending side.
        from: Party,
        /// Milliseconds, added to each message.
        millis: u32,
    },
    /// The client's connection is dropped at a matching statement.
    Drop {
        /// Before or after it took effect.
        moment: Moment,
        /// Part of the statement; empty matches all.
        matching: String,
        /// How many times, at least 1.
        times: u32,
    },
    /// A matching statement is answered with an error and does not reach the server.
    Answer {
        /// Part of the statement; empty matches all.
        matching: String,
        /// SQLSTATE
        sqlstate: String,
        /// Vendor code.
        native: i32,
        /// The words.
        message: String,
        /// How many times, at least 1.
        times: u32,
    },
    /// kill -9 at the n-th matching statement.
    Kill {
        /// Before: at its arrival. After: when its answer would be sent.
        moment: Moment,
        /// Part of the statement; empty matches all.
        matching: String,
        /// Which one, from 1.
        nth: u32,
        /// Milliseconds between that moment and the kill. With a delay the statement runs on meanwhile.
        delay_millis: u32,
    },
    /// No file of the pod can grow any more (RLIMIT_FSIZE 0); the first change then ends the process.
    DiskFull,
    /// The process is stopped by SIGSTOP: the kernel still accepts connections, nobody answers.
    Freeze,
}

impl Fault {
    /// The word that names this kind on the command line and in default names.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Refuse { .. } => "refuse",
            Self::HangUp { .. } => "hang-up",
            Self::BlackHole { .. } => "black-hole",
            Self::Cut { .. } => "cut",
            Self::Latency { .. } => "latency",
            Self::Drop { .. } => "drop",
            Self::Answer { .. } => "answer",
            Self::Kill { .. } => "kill",
            Self::DiskFull => "disk-full",
            Self::Freeze => "freeze",
        }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clients => f.write_str("clients"),
            Self::Pod(o) => write!(f, "pod {o}"),
            Self::Everyone => f.write_str("everyone"),
        }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "clients",
            Self::Replication => "other pods",
            Self::Both => "clients and other pods",
        })
    }
}

/// `clients`, `everyone`, `2` or `pod-2`.
impl FromStr for Party {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "clients" => Ok(Self::Clients),
            "everyone" => Ok(Self::Everyone),
            pod => super::pod_ordinal(pod).map(Self::Pod),
        }
    }
}

/// In words, for people.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |m: &Moment| match m {
            Moment::Before => "before",
            Moment::After => "after",
        };
        match self {
            Self::Refuse { ports } => write!(f, "refuses {ports}"),
            Self::HangUp { ports } => write!(f, "hangs up on {ports}"),
            Self::BlackHole { silence: Silence::Syn } => f.write_str("black hole: connection attempts get no answer"),
            Self::BlackHole { silence: Silence::Accept } => f.write_str("black hole: accepts and stays silent"),
            Self::Cut { from } => write!(f, "nothing arrives from {from}"),
            Self::Latency { from, millis } => write!(f, "{millis} ms late from {from}"),
            Self::Drop { moment, matching, times } => {
                write!(f, "drops the client {} \"{matching}\", {times} times", at(moment))
            }
            Self::Answer { matching, sqlstate, native, times, .. } => {
                write!(f, "answers \"{matching}\" with {sqlstate} native {native}, {times} times")
            }
            Self::Kill { moment, matching, nth, delay_millis } => {
                write!(f, "kill -9 {} \"{matching}\" number {nth}", at(moment))?;
                if *delay_millis > 0 { write!(f, ", {delay_millis} ms later") } else { Ok(()) }
            }
            Self::DiskFull => f.write_str("the disk is full"),
            Self::Freeze => f.write_str("frozen (SIGSTOP)"),
        }
    }
}

/// A fault with its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedFault {
    /// Unique on its pod.
    pub name: String,
    /// What is wrong.
    pub fault: Fault,
    /// How often it may still strike, for kinds that count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_travel_as_json() {
        let text = r#"{"kind":"cut","from":{"pod":2}}"#;
        let fault: Fault = serde_json::from_str(text).unwrap();
        assert_eq!(fault, Fault::Cut { from: Party::Pod(Ordinal::new(2).unwrap()) });
        assert_eq!(serde_json::to_string(&fault).unwrap(), text);
        assert!(serde_json::from_str::<Fault>(r#"{"kind":"cut","from":{"pod":40}}"#).is_err());
        assert_eq!("pod-2".parse(), Ok(Party::Pod(Ordinal::new(2).unwrap())));
    }
}
