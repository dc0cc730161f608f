//! A stream behind a bounded queue with a thread of its own, so that a reader who does not read holds nobody up: the two
//! standard streams of the process, and the events of a run (DESIGN D20).
//!
//! An answer waits for its reader, as with any program. What is written beside work that goes on is a log: what has no
//! room in the queue is dropped and counted, and the work goes on. Order and errors are those of a stream that is written
//! at once, as long as somebody reads.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::closed;

/// Bytes that wait for a reader, at most, apart from a single larger piece.
const ROOM: usize = 256 << 10;

/// For how long in all a log waits for its reader, so that what stands on two streams keeps its order.
const PATIENCE: Duration = Duration::from_secs(1);

/// What happens to a piece that has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The writer waits, for as long as the reader takes.
    Wait,
    /// It is dropped and its lines are counted.
    Drop,
}

/// What is said in the place of what was dropped.
pub type Notice = fn(u64) -> String;

/// One stream. Clones write to the same one.
#[derive(Clone)]
pub struct Outlet(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    notice: Option<Notice>,
    /// Held while something is written: never taken while `state` is.
    out: Mutex<Box<dyn Write + Send>>,
}

/// Who writes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// Nothing was written yet.
    Nobody,
    /// A thread.
    Thread,
    /// Whoever calls: there is no thread to be had.
    Caller,
}

struct State {
    writer: Writer,
    queue: VecDeque<Vec<u8>>,
    /// In the queue and under way.
    bytes: usize,
    full: Full,
    /// What is left of [`PATIENCE`].
    patience: Duration,
    /// The first error; nothing is written after it.
    failed: Option<(io::ErrorKind, String)>,
    /// Lines dropped since the last notice, and in all.
    dropped: u64,
    dropped_in_all: u64,
    closed: bool,
}

impl State {
    fn failure(&self) -> io::Result<()> {
        self.failed.as_ref().map_or(Ok(()), |(kind, said)| Err(io::Error::new(*kind, said.clone())))
    }

    fn fits(&self, len: usize) -> bool {
        self.bytes == 0 || self.bytes + len <= ROOM
    }

    fn push(&mut self, piece: Vec<u8>) {
        self.bytes += piece.len();
        self.queue.push_back(piece);
    }

    fn fail(&mut self, e: &io::Error) {
        self.failed.get_or_insert((e.kind(), e.to_string()));
        self.queue.clear();
        self.bytes = 0;
    }
}

impl Outlet {
    /// A stream that `writer` stands for. `notice` is what is said in the place of dropped lines.
    #[must_use]
    pub fn new(writer: Box<dyn Write + Send>, full: Full, notice: Option<Notice>) -> Self {
        let state = State {
            writer: Writer::Nobody,
            queue: VecDeque::new(),
            bytes: 0,
            full,
            patience: PATIENCE,
            failed: None,
            dropped: 0,
            dropped_in_all: 0,
            closed: false,
        };
        Self(Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), notice, out: Mutex::new(writer) }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on pieces without room are dropped, and nobody waits for a reader any more.
    pub fn is_a_log(&self) {
        self.lock().full = Full::Drop;
        self.0.changed.notify_all();
    }

    /// Lines dropped so far.
    #[must_use]
    pub fn dropped_in_all(&self) -> u64 {
        self.lock().dropped_in_all
    }

    /// Waits until everything is written, for at most `time`.
    ///
    /// # Errors
    /// What the stream said; `TimedOut` when nobody reads, or did not for a while.
    pub fn drain(&self, time: Duration) -> io::Result<()> {
        let until = Instant::now() + time;
        let mut state = self.lock();
        while state.bytes > 0 && state.failed.is_none() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "nobody reads it"));
            }
            state = self.0.changed.wait_timeout(state, left).map_or_else(|e| e.into_inner().0, |(state, _)| state);
        }
        state.failure()?;
        match state.dropped_in_all {
            0 => Ok(()),
            n => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("{n} lines were dropped, because nobody read them"),
            )),
        }
    }

    /// The end of a process: an answer waits for its reader, a log for at most `time`.
    ///
    /// # Errors
    /// As [`drain`](Self::drain).
    pub fn end(&self, time: Duration) -> io::Result<()> {
        let full = self.lock().full;
        match full {
            Full::Wait => self.clone().flush(),
            Full::Drop => self.drain(time),
        }
    }

    /// As [`drain`](Self::drain), and nothing is written afterwards.
    ///
    /// # Errors
    /// As [`drain`](Self::drain).
    pub fn close(&self, time: Duration) -> io::Result<()> {
        let drained = self.drain(time);
        self.lock().closed = true;
        self.0.changed.notify_all();
        drained
    }

    /// Whether a thread writes, or will.
    #[must_use]
    pub fn has_thread(&self) -> bool {
        self.begin(&mut self.lock()) == Writer::Thread
    }

    /// Writes without waiting for anything, not even for who writes at this moment. For a panic.
    pub fn at_once(&self, text: &str) {
        let Ok(mut state) = self.0.state.try_lock() else { return };
        if self.begin(&mut state) == Writer::Thread {
            self.put(&mut state, text.as_bytes());
            return;
        }
        drop(state);
        if let Ok(mut out) = self.0.out.try_lock() {
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        }
    }

    fn put(&self, state: &mut State, piece: &[u8]) {
        if state.dropped > 0
            && let Some(notice) = self.0.notice
        {
            state.push(notice(state.dropped).into_bytes());
            state.dropped = 0;
        }
        state.push(piece.to_vec());
        self.0.changed.notify_all();
    }

    fn begin(&self, state: &mut State) -> Writer {
        if state.writer == Writer::Nobody {
            let shared = Arc::clone(&self.0);
            let spawned = thread::Builder::new().name("stream".to_owned()).spawn(move || shared.write_on());
            state.writer = if spawned.is_ok() { Writer::Thread } else { Writer::Caller };
        }
        state.writer
    }
}

impl Write for Outlet {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let mut state = self.lock();
        state.failure()?;
        if self.begin(&mut state) != Writer::Thread {
            drop(state);
            let written = self.0.write_now(piece);
            if let Err(e) = &written {
                self.lock().fail(e);
            }
            return written.map(|()| piece.len());
        }
        while !state.fits(piece.len()) {
            if state.full == Full::Drop {
                let lines = piece.split(|b| *b == b'\n').count().saturating_sub(1).max(1) as u64;
                state.dropped += lines;
                state.dropped_in_all += lines;
                return Ok(piece.len());
            }
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.failure()?;
        }
        self.put(&mut state, piece);
        Ok(piece.len())
    }

    /// Waits until everything is written: an answer for as long as that takes; a log as long as it has patience, and then
    /// it says `TimedOut`, which is no failure yet.
    fn flush(&mut self) -> io::Result<()> {
        let mut state = self.lock();
        while state.bytes > 0 && state.failed.is_none() {
            state = match state.full {
                Full::Wait => self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Full::Drop if state.patience.is_zero() => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "nobody reads it"));
                }
                Full::Drop => {
                    let (began, patience) = (Instant::now(), state.patience);
                    let (mut state, _) =
                        self.0.changed.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner);
                    state.patience = state.patience.saturating_sub(began.elapsed());
                    state
                }
            };
        }
        state.failure()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_now(&self, piece: &[u8]) -> io::Result<()> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(piece).and_then(|()| out.flush())
    }

    fn write_on(&self) {
        let mut state = self.lock();
        loop {
            let Some(piece) = state.queue.pop_front() else {
                if state.closed {
                    return;
                }
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(state);
            let written = self.write_now(&piece);
            state = self.lock();
            state.bytes = state.bytes.saturating_sub(piece.len());
            if let Err(e) = written {
                state.fail(&e);
            }
            self.changed.notify_all();
        }
    }
}

/// The standard streams of this process.
pub struct Standard {
    /// Standard output: answers.
    pub out: Outlet,
    /// Standard error: a log, always.
    pub err: Outlet,
}

static STANDARD: OnceLock<Standard> = OnceLock::new();

/// The only way to the standard streams.
pub fn standard() -> &'static Standard {
    let missing =
        |n: u64| format!("... {n} {} missing here: nobody read them\n", if n == 1 { "line is" } else { "lines are" });
    // A descriptor of our own: nobody else's lock is in the way.
    let of = |own: io::Result<std::os::fd::OwnedFd>, plain: Box<dyn Write + Send>| match own {
        Ok(fd) => Box::new(File::from(fd)),
        Err(_) => plain,
    };
    STANDARD.get_or_init(|| Standard {
        out: Outlet::new(
            closed::stdout().unwrap_or_else(|| of(io::stdout().as_fd().try_clone_to_owned(), Box::new(io::stdout()))),
            Full::Wait,
            Some(missing),
        ),
        err: Outlet::new(
            of(io::stderr().as_fd().try_clone_to_owned(), Box::new(io::stderr())),
            Full::Drop,
            Some(missing),
        ),
    })
}

/// A run begins that holds pods: from here on nothing that this process says waits for a reader.
pub fn everything_is_a_log() {
    // Streams that nobody opened are none of this process's.
    if let Some(standard) = STANDARD.get() {
        standard.out.is_a_log();
    }
}

/// Whether a reader who does not read would hold this process up: there are no threads for its streams.
#[must_use]
pub fn could_be_held_up() -> bool {
    STANDARD.get().is_some_and(|s| !s.out.has_thread() || !s.err.has_thread())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A pipe whose reader takes a piece whenever the test lets it.
    struct Gate {
        open: mpsc::Receiver<()>,
        seen: Arc<Mutex<String>>,
    }

    impl Write for Gate {
        fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
            self.open.recv().map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
            self.seen.lock().unwrap().push_str(std::str::from_utf8(piece).unwrap());
            Ok(piece.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn gate(full: Full) -> (Outlet, mpsc::Sender<()>, Arc<Mutex<String>>) {
        let (open, wait) = mpsc::channel();
        let seen = Arc::new(Mutex::new(String::new()));
        let gate = Gate { open: wait, seen: Arc::clone(&seen) };
        (Outlet::new(Box::new(gate), full, Some(|n| format!("({n} lines)\n"))), open, seen)
    }

    const PATIENT: Duration = Duration::from_secs(60);

    #[test]
    fn a_log_drops_and_counts_and_says_so_where_it_goes_on() {
        let (mut log, open, seen) = gate(Full::Drop);
        let line = format!("{}\n", "x".repeat(1023));
        // One is under way or waits; no more than the room is kept.
        for _ in 0..(ROOM / 1024 + 10) {
            log.write_all(line.as_bytes()).unwrap();
        }
        assert_eq!(log.dropped_in_all(), 10);
        assert_eq!(log.flush().unwrap_err().kind(), io::ErrorKind::TimedOut);
        // Patience is spent once, not at each line.
        let began = Instant::now();
        for _ in 0..100 {
            assert!(log.flush().is_err());
        }
        assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
        for _ in 0..ROOM {
            let _ = open.send(());
        }
        let late = log.drain(PATIENT).unwrap_err();
        assert!(late.to_string().contains("10 lines were dropped"), "{late}");
        log.write_all(b"after\n").unwrap();
        let _ = log.drain(PATIENT);
        assert!(seen.lock().unwrap().ends_with("x\n(10 lines)\nafter\n"));
    }

    #[test]
    fn an_answer_waits_for_its_reader_and_is_whole() {
        let (mut answer, open, seen) = gate(Full::Wait);
        let wrote = thread::spawn(move || {
            for n in 0..2000 {
                answer.write_all(format!("{n:0300}\n").as_bytes()).unwrap();
            }
            answer.flush().unwrap();
            answer.dropped_in_all()
        });
        for _ in 0..2000 {
            open.send(()).unwrap();
        }
        assert_eq!(wrote.join().unwrap(), 0);
        assert_eq!(seen.lock().unwrap().lines().count(), 2000);
    }

    #[test]
    fn an_answer_that_becomes_a_log_waits_no_longer() {
        let (mut answer, _open, _seen) = gate(Full::Wait);
        answer.write_all(b"plan\n").unwrap();
        let log = answer.clone();
        let waits = thread::spawn(move || answer.flush().map_err(|e| e.kind()));
        log.is_a_log();
        assert_eq!(waits.join().unwrap(), Err(io::ErrorKind::TimedOut));
    }

    #[test]
    fn the_first_error_stays() {
        let (mut log, open, _seen) = gate(Full::Drop);
        drop(open);
        let _ = log.write_all(b"one\n");
        assert_eq!(log.drain(PATIENT).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(log.write_all(b"two\n").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        // Nothing waits, whoever holds what.
        log.at_once("three\n");
        assert!(log.close(PATIENT).is_err());
    }
}
