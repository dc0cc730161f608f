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
}

impl Listening {
    /// Nobody listens: only the flag can be raised.
    #[must_use]
    pub fn deaf() -> Self {
        Self { stop: StopFlag::new(), acting: Arc::default(), handle: None }
    }

    /// From here on something may be changed, so the first signal does not end the process any more.
    pub fn acts(&self) {
        self.acting.store(true, Ordering::Release);
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(handle) = &self.handle {
            handle.close();
        }
    }
}

/// Starts the thread that listens.
///
/// # Errors
/// The handlers or the thread could not be had.
pub fn listen(last: LastWords) -> io::Result<Listening> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let (handle, stop, acting) = (signals.handle(), StopFlag::new(), Arc::new(AtomicBool::new(false)));
    let (flag, acts) = (stop.clone(), Arc::clone(&acting));
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
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
                let _detached = thread::Builder::new().name("abort".to_owned()).spawn(move || {
                    thread::sleep(ABORT);
                    last.exit(name, exit);
                });
            }
        }
    })?;
    Ok(Listening { stop, acting, handle: Some(handle) })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_signal_raises_the_flag() -> io::Result<()> {
        let listening = listen(LastWords::new(|_, _| {}))?;
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
