//! Time as an argument, so that tests own it. Decides nothing.

use std::{
    thread,
    time::{Duration, Instant},
};

/// What a run knows of time.
pub trait Clock: Send + Sync {
    /// A moment; never goes back.
    fn now(&self) -> Instant;
    /// Waits. The engine sleeps in slices of at most 50 ms, so that a signal is seen at once.
    fn sleep(&self, d: Duration);
}

/// The machine's monotonic clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, d: Duration) {
        thread::sleep(d);
    }
}
