//! The wish to stop, as seen by every thread of a run. Decides nothing; [`engine`](super::engine) acts on it.

use std::sync::{Arc, Mutex, PoisonError};

/// How urgent the wish is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopLevel {
    /// Carry on.
    #[default]
    Go,
    /// Begin nothing new but what puts things back; waits and copies are cancelled, other statements finish.
    Finish,
    /// As [`Finish`](Self::Finish), and the time that running statements had is over: they are cancelled, too. What puts
    /// things back still runs.
    Hurry,
    /// Cancel everything and return within a second.
    Abort,
}

/// Shared flag: 0 at first, up by one level with each signal, never down. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<Mutex<Vec<&'static str>>>);

impl StopFlag {
    /// A flag that nobody raised.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Raises it by one level and remembers what did (`SIGTERM`).
    pub fn raise(&self, name: &'static str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(name);
    }

    /// How urgent it is by now.
    #[must_use]
    pub fn level(&self) -> StopLevel {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).len() {
            0 => StopLevel::Go,
            1 => StopLevel::Finish,
            _ => StopLevel::Abort,
        }
    }

    /// Everything that raised it, in order.
    #[must_use]
    pub fn raised_by(&self) -> Vec<&'static str> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_up_and_never_beyond_abort() {
        let flag = StopFlag::new();
        let seen: Vec<_> = ["SIGINT", "SIGTERM", "SIGHUP"]
            .into_iter()
            .map(|name| {
                let before = flag.level();
                flag.clone().raise(name);
                (before, flag.level())
            })
            .collect();
        assert_eq!(
            seen,
            [
                (StopLevel::Go, StopLevel::Finish),
                (StopLevel::Finish, StopLevel::Abort),
                (StopLevel::Abort, StopLevel::Abort)
            ]
        );
        assert_eq!(flag.raised_by(), ["SIGINT", "SIGTERM", "SIGHUP"]);
    }
}
