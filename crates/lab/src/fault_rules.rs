//! The faults that are set on a pod, and what they mean for a port, for bytes and for a statement.
//!
//! Pure: the host asks and acts. A fault that counts is gone when it struck for the last time.

use aku_db::wire::Response;

use super::{
    fault::{Fault, Moment, NamedFault, Port, Silence, Source},
    io::Micros,
};

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
    /// Accepts and closes at once.
    Curt,
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
            | Fault::HangUp { .. }
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

    /// What a port does. A refusal outranks a black hole, and that a hang-up.
    #[must_use]
    pub fn port(&self, port: Port) -> PortState {
        if self.any(|f| matches!(f, Fault::Refuse { ports } if ports.includes(port))) {
            PortState::Closed
        } else if self.any(|f| matches!(f, Fault::BlackHole { silence: Silence::Syn })) {
            PortState::Hole
        } else if self.mute() {
            PortState::Ignored
        } else if self.any(|f| matches!(f, Fault::HangUp { ports } if ports.includes(port))) {
            PortState::Curt
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
                | Fault::HangUp { .. }
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
                | Fault::HangUp { .. }
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
        | Fault::HangUp { .. }
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
    use crate::fault::{Party, Ports};
    use aku_core::topology::Ordinal;

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
        let a = armed(&[Fault::HangUp { ports: Ports::Client }]);
        assert_eq!((a.port(Port::Client), a.port(Port::Replication)), (PortState::Curt, PortState::Open));
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
}
