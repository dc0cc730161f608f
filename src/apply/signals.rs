//! SIGINT, SIGTERM and SIGHUP raise the [`StopFlag`]. Nothing is done in a handler: a thread of its own waits for
//! signals.
//!
//! Before anything is changed, the first signal ends the process. Afterwards it only raises the flag, and the engine
//! stops in good order; when a second one comes and the process is still there most of a second later, whatever it hangs
//! in, it is ended here.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::{Handle, Signals},
    low_level,
};

use super::stop::StopFlag;
use crate::exit::Exit;

/// How long a run has to end by itself after the second signal; above `Limits::abort`.
const ABORT: Duration = Duration::from_millis(850);

/// What is still said when a signal ends the process. Must come back soon.
#[derive(Clone)]
pub struct LastWords(Arc<dyn Fn(&'static str, Exit) + Send + Sync>);

impl LastWords {
    /// Called with the signal and the exit code.
    pub fn new(say: impl Fn(&'static str, Exit) + Send + Sync + 'static) -> Self {
        Self(Arc::new(say))
    }

    fn exit(&self, signal: &'static str, exit: Exit) -> ! {
        (self.0)(signal, exit);
        // Not `process::exit`: handlers of libraries would run beside the threads that use them.
        low_level::exit(exit as i32)
    }
}

/// Signals of a run. While it lives, they raise the flag; afterwards they are swallowed (the previous handlers do not come
/// back).
#[derive(Debug)]
pub struct Listening {
    /// What they raise.
    pub stop: StopFlag,
    acting: Arc<AtomicBool>,
    handle: Option<Handle>,
    /// Dropped when the run is over.
    _deadline: Option<mpsc::Sender<()>>,
}

impl Listening {
    /// Nobody listens: only the flag can be raised.
    #[must_use]
    pub fn deaf() -> Self {
        Self { stop: StopFlag::new(), acting: Arc::default(), handle: None, _deadline: None }
    }

    /// From here on something may be changed, so the first signal does not end the process any more.
    pub fn acts(&self) {
        self.acting.store(true, Ordering::Release);
    }

    /// Nothing is under way any more, so a signal may end the process again.
    pub fn rests(&self) {
        self.acting.store(false, Ordering::Release);
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(handle) = &self.handle {
            handle.close();
        }
    }
}

/// When a run has to be over, whatever it hangs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// From now on.
    pub deadline: Duration,
    /// What running statements may take beyond it.
    pub grace: Duration,
    /// How a process ends that has changed nothing by then.
    pub exit: Exit,
}

/// How long after deadline and grace a run that still has not ended is ended. The engine is over before
/// (`Limits::overtime`).
const OVERTIME: Duration = Duration::from_millis(1600);

/// Ends the process when a run outlives its limit: before anything was changed at the deadline, afterwards when the grace
/// time is over as well and the run did not end by itself.
fn watch(limit: Limit, last: LastWords, acting: Arc<AtomicBool>) -> io::Result<mpsc::Sender<()>> {
    let (over, ended) = mpsc::channel::<()>();
    let late = move |time| ended.recv_timeout(time) == Err(mpsc::RecvTimeoutError::Timeout);
    thread::Builder::new().name("deadline".to_owned()).spawn(move || {
        if !late(limit.deadline) {
            return;
        }
        if !acting.load(Ordering::Acquire) {
            last.exit(DEADLINE, limit.exit);
        }
        if late(limit.grace.saturating_add(OVERTIME)) {
            last.exit(DEADLINE, Exit::Partial);
        }
    })?;
    Ok(over)
}

/// As a run's deadline, for a command that only looks. It holds until the guard is dropped.
///
/// # Errors
/// There is no thread to be had.
pub fn deadline(limit: Limit, last: LastWords) -> io::Result<Guard> {
    watch(limit, last, Arc::default()).map(Guard)
}

/// Ends a deadline when it is dropped.
#[derive(Debug)]
pub struct Guard(#[expect(dead_code, reason = "it is dropped, and that is all")] mpsc::Sender<()>);

/// What stands in the place of a signal's name.
pub const DEADLINE: &str = "the deadline passed";

/// Starts the threads that listen, and that look at the clock.
///
/// # Errors
/// The handlers or a thread could not be had.
pub fn listen(last: LastWords, limit: Option<Limit>) -> io::Result<Listening> {
    // Threads first: handlers without one would swallow signals.
    let acting = Arc::new(AtomicBool::new(false));
    let deadline = limit.map(|limit| watch(limit, last.clone(), Arc::clone(&acting))).transpose()?;
    let (give, handlers) = mpsc::channel::<Signals>();
    let (stop, acts) = (StopFlag::new(), Arc::clone(&acting));
    let flag = stop.clone();
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if let Ok(signals) = handlers.recv() {
            wait(signals, &last, &flag, &acts);
        }
    })?;
    let signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let handle = signals.handle();
    give.send(signals).map_err(|_| io::Error::other("nobody listens to signals"))?;
    Ok(Listening { stop, acting, handle: Some(handle), _deadline: deadline })
}

fn wait(mut signals: Signals, last: &LastWords, flag: &StopFlag, acts: &AtomicBool) {
    for signal in signals.forever() {
        let name = match signal {
            SIGINT => "SIGINT",
            SIGHUP => "SIGHUP",
            _ => "SIGTERM",
        };
        flag.raise(name);
        if !acts.load(Ordering::Acquire) {
            last.exit(name, Exit::Stopped);
        }
        if flag.raised_by().len() == 2 {
            let last = last.clone();
            let exit = if name == "SIGTERM" { Exit::Terminated } else { Exit::Interrupted };
            let end = last.clone();
            let waits = thread::Builder::new().name("abort".to_owned()).spawn(move || {
                thread::sleep(ABORT);
                end.exit(name, exit);
            });
            if waits.is_err() {
                last.exit(name, exit);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_signal_raises_the_flag() -> io::Result<()> {
        let listening = listen(LastWords::new(|_, _| {}), None)?;
        listening.acts();
        let flag = listening.stop.clone();
        low_level::raise(SIGHUP)?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while flag.raised_by().is_empty() && Instant::now() < deadline {
            thread::yield_now();
        }
        assert_eq!(flag.raised_by(), ["SIGHUP"]);
        Ok(())
    }
}
