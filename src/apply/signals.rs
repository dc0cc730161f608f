//! SIGINT, SIGTERM and SIGHUP raise the [`StopFlag`]. Nothing is decided here, and nothing is done in a handler: a
//! thread of its own waits for signals.

use std::{io, thread};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::{Handle, Signals},
};

use super::stop::StopFlag;

/// While it lives, signals raise the flag; afterwards they are swallowed (the previous handlers do not come back).
#[derive(Debug)]
pub struct Installed {
    handle: Handle,
}

impl Drop for Installed {
    fn drop(&mut self) {
        self.handle.close();
    }
}

/// Starts the thread that listens.
///
/// # Errors
/// The handlers or the thread could not be had.
pub fn install(flag: &StopFlag) -> io::Result<Installed> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let handle = signals.handle();
    let flag = flag.clone();
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            flag.raise(match signal {
                SIGINT => "SIGINT",
                SIGHUP => "SIGHUP",
                _ => "SIGTERM",
            });
        }
    })?;
    Ok(Installed { handle })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_signal_raises_the_flag() -> io::Result<()> {
        let flag = StopFlag::new();
        let _installed = install(&flag)?;
        signal_hook::low_level::raise(SIGHUP)?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while flag.raised_by().is_empty() && Instant::now() < deadline {
            thread::yield_now();
        }
        assert_eq!(flag.raised_by(), ["SIGHUP"]);
        Ok(())
    }
}
