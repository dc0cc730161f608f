//! Whether standard output was closed when the process began (`>&-`). The runtime puts `/dev/null` in the place of a closed
//! stream before `main`, so an answer would vanish and the exit code would say that all is well.

#![allow(unsafe_code)] // The table of functions that run before the runtime, and a descriptor that is only looked at.

use std::{
    io::{self, Write},
    os::fd::BorrowedFd,
    sync::atomic::{AtomicBool, Ordering},
};

static CLOSED: AtomicBool = AtomicBool::new(false);

extern "C" fn look() {
    // SAFETY: the descriptor is only asked whether it is open.
    let stdout = unsafe { BorrowedFd::borrow_raw(1) };
    CLOSED.store(rustix::io::fcntl_getfd(stdout).is_err(), Ordering::Relaxed);
}

// SAFETY: the function needs nothing that the runtime sets up, and allocates nothing.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

/// What stands for a standard output that was closed: it takes nothing. `None` where there is one.
#[must_use]
pub fn stdout() -> Option<Box<dyn Write + Send>> {
    CLOSED.load(Ordering::Relaxed).then(|| -> Box<dyn Write + Send> { Box::new(Closed) })
}

struct Closed;

impl Closed {
    fn refuse<T>() -> io::Result<T> {
        Err(rustix::io::Errno::BADF.into())
    }
}

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Self::refuse()
    }

    fn flush(&mut self) -> io::Result<()> {
        Self::refuse()
    }
}
