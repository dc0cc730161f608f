//! Faults on demand: what can go wrong with a pod, as data.
//!
//! Faults are named, set on a running pod and gone with its process. The pod's host applies them where sockets end
//! and the engine begins, so the engine meets them as it would meet the real thing. Nothing here does I/O.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::io::Micros;
use crate::{db::wire::Response, topology::Ordinal};

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
    fn includes(self, source: Source) -> bool {
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
    fn includes(self, port: Port) -> bool {
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
            Self::Refuse { ports: Ports::Client } => f.write_str("refuses clients"),
            Self::Refuse { ports: Ports::Replication } => f.write_str("refuses other pods"),
            Self::Refuse { ports: Ports::Both } => f.write_str("refuses clients and other pods"),
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

/// What the host does with a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortState {
    /// Accepts.
    Open,
    /// Refuses.
    Closed,
    /// Does not answer connection attempts.
    Hole,
    /// Lets the kernel accept and looks away.
    Ignored,
}

/// When bytes from somewhere may be handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// That long after their arrival, microseconds; 0 is at once.
    After(Micros),
    /// Not while the fault lasts.
    Held,
}

/// What happens to one statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Answer this instead of handing the statement on.
    pub answer: Option<Response>,
    /// Drop the client at this moment.
    pub drop: Option<Moment>,
    /// Kill the process that many milliseconds after this moment.
    pub kill: Option<(Moment, u32)>,
}

/// The faults that are set on a pod.
#[derive(Clone, Debug, Default)]
pub struct Armed(Vec<NamedFault>);

impl Armed {
    /// Sets a fault and returns its name; without a name it is called after its kind.
    ///
    /// # Errors
    /// In words: the name is taken or not a name, or a count is 0.
    ///
    /// # Panics
    /// Never: there are more numbers than faults.
    pub fn set(&mut self, name: Option<String>, fault: Fault) -> Result<String, String> {
        let taken = |name: &str| self.0.iter().any(|f| f.name == name);
        let name = match name {
            Some(name) if taken(&name) => {
                return Err(format!("a fault named \"{name}\" is set already; clear it or choose another name"));
            }
            Some(name) => checked_name(name)?,
            None => {
                let kind = fault.kind();
                (1..=u32::MAX)
                    .map(|n| if n == 1 { kind.to_owned() } else { format!("{kind}-{n}") })
                    .find(|n| !taken(n))
                    .expect("numbers outlast faults")
            }
        };
        let left = match &fault {
            Fault::Drop { times, .. } | Fault::Answer { times, .. } => Some(*times),
            Fault::Kill { nth, .. } => Some(*nth),
            Fault::Refuse { .. }
            | Fault::BlackHole { .. }
            | Fault::Cut { .. }
            | Fault::Latency { .. }
            | Fault::DiskFull
            | Fault::Freeze => None,
        };
        if left == Some(0) {
            return Err("the number of times must be at least 1".to_owned());
        }
        self.0.push(NamedFault { name: name.clone(), fault, left });
        Ok(name)
    }

    /// Clears one fault.
    ///
    /// # Errors
    /// In words: there is no fault of that name.
    pub fn clear(&mut self, name: &str) -> Result<(), String> {
        let before = self.0.len();
        self.0.retain(|f| f.name != name);
        if self.0.len() < before { Ok(()) } else { Err(format!("no fault named \"{name}\" is set on this pod")) }
    }

    /// Clears all.
    pub fn clear_all(&mut self) {
        self.0.clear();
    }

    /// Every fault in the order they were set.
    #[must_use]
    pub fn list(&self) -> &[NamedFault] {
        &self.0
    }

    fn any(&self, test: impl Fn(&Fault) -> bool) -> bool {
        self.0.iter().any(|f| test(&f.fault))
    }

    /// Whether the disk counts as full.
    #[must_use]
    pub fn disk_full(&self) -> bool {
        self.any(|f| matches!(f, Fault::DiskFull))
    }

    /// Whether nothing may leave the pod.
    #[must_use]
    pub fn mute(&self) -> bool {
        self.any(|f| matches!(f, Fault::BlackHole { .. }))
    }

    /// What a port does. A refusal outranks a black hole.
    #[must_use]
    pub fn port(&self, port: Port) -> PortState {
        if self.any(|f| matches!(f, Fault::Refuse { ports } if ports.includes(port))) {
            PortState::Closed
        } else if self.any(|f| matches!(f, Fault::BlackHole { silence: Silence::Syn })) {
            PortState::Hole
        } else if self.mute() {
            PortState::Ignored
        } else {
            PortState::Open
        }
    }

    /// When bytes from `source` may be handed on. Latencies add up.
    #[must_use]
    pub fn passage(&self, source: Source) -> Passage {
        let mut late: Micros = 0;
        for f in &self.0 {
            match &f.fault {
                Fault::BlackHole { .. } => return Passage::Held,
                Fault::Cut { from } if from.includes(source) => return Passage::Held,
                Fault::Latency { from, millis } if from.includes(source) => late += Micros::from(*millis) * 1000,
                Fault::Cut { .. }
                | Fault::Latency { .. }
                | Fault::Refuse { .. }
                | Fault::Drop { .. }
                | Fault::Answer { .. }
                | Fault::Kill { .. }
                | Fault::DiskFull
                | Fault::Freeze => {}
            }
        }
        Passage::After(late)
    }

    /// Judges one statement and counts it; faults that struck for the last time are gone.
    pub fn judge(&mut self, sql: &str) -> Verdict {
        let sql = sql.to_ascii_lowercase();
        let mut verdict = Verdict::default();
        self.0.retain_mut(|f| {
            let (Some(left), Some(matching)) = (&mut f.left, matching(&f.fault)) else { return true };
            if !sql.contains(&matching.to_ascii_lowercase()) {
                return true;
            }
            *left -= 1;
            match &f.fault {
                Fault::Drop { moment, .. } => verdict.drop = verdict.drop.or(Some(*moment)),
                Fault::Answer { sqlstate, native, message, .. } => {
                    let (sqlstate, message) = (sqlstate.clone(), message.clone());
                    verdict.answer.get_or_insert(Response::Error { sqlstate, native: *native, message });
                }
                Fault::Kill { moment, delay_millis, .. } if *left == 0 => verdict.kill = Some((*moment, *delay_millis)),
                Fault::Kill { .. }
                | Fault::Refuse { .. }
                | Fault::BlackHole { .. }
                | Fault::Cut { .. }
                | Fault::Latency { .. }
                | Fault::DiskFull
                | Fault::Freeze => {}
            }
            *left > 0
        });
        verdict
    }
}

fn matching(fault: &Fault) -> Option<&str> {
    match fault {
        Fault::Drop { matching, .. } | Fault::Answer { matching, .. } | Fault::Kill { matching, .. } => Some(matching),
        Fault::Refuse { .. }
        | Fault::BlackHole { .. }
        | Fault::Cut { .. }
        | Fault::Latency { .. }
        | Fault::DiskFull
        | Fault::Freeze => None,
    }
}

fn checked_name(name: String) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'.';
    if (1..=64).contains(&name.len()) && name.bytes().all(plain) {
        Ok(name)
    } else {
        Err("a fault's name is 1 to 64 letters, digits, '-', '_' or '.'".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(n: u8) -> Source {
        Source::Pod(Ordinal::new(n).unwrap())
    }

    fn armed(faults: &[Fault]) -> Armed {
        let mut armed = Armed::default();
        for fault in faults {
            armed.set(None, fault.clone()).unwrap();
        }
        armed
    }

    #[test]
    fn a_cut_has_one_direction_and_latencies_add_up() {
        let zero = Party::Pod(Ordinal::MASTER);
        let slow = |from, millis| Fault::Latency { from, millis };
        let a = armed(&[slow(Party::Everyone, 3), slow(zero, 20), Fault::Cut { from: Party::Clients }]);
        assert_eq!(a.passage(pod(0)), Passage::After(23_000));
        assert_eq!(a.passage(pod(1)), Passage::After(3_000));
        assert_eq!(a.passage(Source::Stranger), Passage::After(3_000));
        assert_eq!(a.passage(Source::Client), Passage::Held);
        assert!(!a.mute());
        assert_eq!(a.port(Port::Client), PortState::Open);
    }

    #[test]
    fn ports_follow_the_faults() {
        let hole = Fault::BlackHole { silence: Silence::Syn };
        let a = armed(&[hole, Fault::Refuse { ports: Ports::Replication }]);
        assert_eq!((a.port(Port::Client), a.port(Port::Replication)), (PortState::Hole, PortState::Closed));
        assert_eq!((a.passage(pod(3)), a.mute()), (Passage::Held, true));
        let a = armed(&[Fault::BlackHole { silence: Silence::Accept }]);
        assert_eq!(a.port(Port::Replication), PortState::Ignored);
    }

    #[test]
    fn statements_are_counted() {
        let answer = Fault::Answer {
            matching: "sync".to_owned(),
            sqlstate: "HY000".to_owned(),
            native: 397_651,
            message: "no".to_owned(),
            times: 2,
        };
        let kill = Fault::Kill { moment: Moment::After, matching: "INSERT".to_owned(), nth: 2, delay_millis: 5 };
        let drop = Fault::Drop { moment: Moment::Before, matching: String::new(), times: 1 };
        let mut a = armed(&[answer, kill, drop]);
        assert_eq!(a.judge("SELECT 1"), Verdict { drop: Some(Moment::Before), ..Verdict::default() });
        assert_eq!(a.judge("SELECT 1"), Verdict::default());
        assert!(a.judge("alter replication R SYNC").answer.is_some());
        assert_eq!(a.judge("insert into t values (1)"), Verdict::default());
        let left: Vec<_> = a.list().iter().map(|f| (f.name.as_str(), f.left)).collect();
        assert_eq!(left, [("answer", Some(1)), ("kill", Some(1))]);
        assert_eq!(a.judge("insert into t values (2)").kill, Some((Moment::After, 5)));
        assert!(a.judge("SYNC").answer.is_some());
        assert_eq!(a.list(), []);
    }

    #[test]
    fn names_are_unique() {
        let mut a = Armed::default();
        assert_eq!(a.set(None, Fault::DiskFull), Ok("disk-full".to_owned()));
        assert_eq!(a.set(None, Fault::DiskFull), Ok("disk-full-2".to_owned()));
        assert!(a.set(Some("disk-full".to_owned()), Fault::DiskFull).unwrap_err().contains("set already"));
        assert!(a.set(Some("a b".to_owned()), Fault::DiskFull).is_err());
        assert_eq!(a.clear("disk-full"), Ok(()));
        assert!(a.clear("disk-full").is_err());
    }

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
