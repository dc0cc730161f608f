//! A process, safe against recycled numbers: its number and when it was started. Reads `/proc`; Linux only.

use std::{fmt, fs, str::FromStr};

/// A process of this container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessId {
    /// Its number.
    pub pid: u32,
    /// When it was started, in clock ticks since the machine booted.
    pub started: u64,
}

impl ProcessId {
    /// The process of that number, if there is one that is no zombie.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        started(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?).map(|started| Self { pid, started })
    }

    /// Whether it is still there.
    #[must_use]
    pub fn lives(self) -> bool {
        Self::of(self.pid) == Some(self)
    }
}

/// Start of the process of a `stat` line; `None` for a dead one.
fn started(stat: &str) -> Option<u64> {
    // The name in parentheses may hold blanks and parentheses.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // In the line, state is field 3, num_threads 20 and starttime 22.
    let (state, threads, started) = (fields.first()?, fields.get(17)?, fields.get(19)?);
    // The first thread may be dead while others live.
    let dead = matches!(*state, "Z" | "X" | "x") && matches!(*threads, "0" | "1");
    if dead { None } else { started.parse().ok() }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pid, self.started)
    }
}

impl FromStr for ProcessId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (pid, started) = text.split_once(' ').ok_or(())?;
        Ok(Self { pid: pid.parse().map_err(|_| ())?, started: started.parse().map_err(|_| ())? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_proc() {
        let line = |state, threads| {
            format!("7 (a ) b) {state} 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 {threads} 0 4711 2596864 192")
        };
        assert_eq!(started(&line("S", "3")), Some(4711));
        assert_eq!(started(&line("Z", "1")), None);
        assert_eq!(started(&line("Z", "2")), Some(4711), "its first thread is dead, and it is not");
        assert_eq!(started("7 (a"), None);
    }

    #[test]
    fn this_process_lives_and_another_of_its_number_does_not() {
        let this = ProcessId::of(std::process::id()).unwrap();
        assert!(this.lives());
        assert!(!ProcessId { started: this.started + 1, ..this }.lives());
        assert_eq!(this.to_string().parse(), Ok(this));
        assert_eq!("x".parse::<ProcessId>(), Err(()));
    }
}
