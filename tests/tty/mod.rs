//! The program in a terminal of its own, as a person has it: keys go in, a screen comes out.

use std::{
    io::{Read as _, Write as _},
    num::NonZeroU16,
    process::{Child, ExitStatus},
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use pty_process::{
    Size,
    blocking::{self, Pty},
};
use rustix::{
    process::{Pid, Signal, kill_process},
    termios::{self, Termios},
};

use super::life::{PATIENCE, Stage};

/// Control-C.
pub const INTERRUPT: &str = "\u{3}";
/// Rows and columns of a large window.
pub const LARGE: (u16, u16) = (50, 140);

#[derive(Default)]
struct Seen {
    bytes: Vec<u8>,
    over: bool,
}

/// A running program and its terminal.
pub struct Tty {
    child: Child,
    pty: Option<Arc<Pty>>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    reader: Option<JoinHandle<()>>,
    closing: Arc<AtomicBool>,
    before: Termios,
    size: (u16, u16),
}

/// What is left when the program has ended.
pub struct Left {
    pub status: ExitStatus,
    /// Everything it wrote, without colours and cursor movements, one line each; what was drawn over is still there.
    pub text: String,
    /// What the screen shows at the end.
    pub screen: String,
    /// From the last key or signal to the end.
    pub took: Duration,
}

impl Tty {
    /// Runs `aku` on a pod.
    pub fn run(stage: &Stage, on: u8, args: &str) -> Self {
        Self::sized(stage, on, args, LARGE)
    }

    /// As [`run`](Self::run), in a window of so many rows and columns.
    pub fn sized(stage: &Stage, on: u8, args: &str, size: (u16, u16)) -> Self {
        let (pty, pts) = blocking::open().unwrap();
        pty.resize(Size::new(size.0, size.1)).unwrap();
        let before = termios::tcgetattr(&pty).unwrap();
        let command = stage.command(on, args);
        let mut in_terminal = blocking::Command::new(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            in_terminal = match value {
                Some(value) => in_terminal.env(name, value),
                None => in_terminal.env_remove(name),
            };
        }
        let in_terminal = in_terminal.env("TERM", "xterm-256color").env_remove("NO_COLOR").env_remove("CI");
        let child = in_terminal.current_dir(command.get_current_dir().unwrap()).spawn(pts).unwrap();
        let (pty, seen) = (Arc::new(pty), Arc::<(Mutex<Seen>, Condvar)>::default());
        let closing = Arc::new(AtomicBool::new(false));
        let (from, to, stop) = (Arc::clone(&pty), Arc::clone(&seen), Arc::clone(&closing));
        let reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            // A terminal whose last process is gone answers with an error.
            while let Ok(n @ 1..) = (&*from).read(&mut buffer) {
                to.0.lock().unwrap().bytes.extend_from_slice(&buffer[..n]);
                to.1.notify_all();
                if stop.load(Ordering::Relaxed) {
                    return;
                }
            }
            to.0.lock().unwrap().over = true;
            to.1.notify_all();
        });
        Self { child, pty: Some(pty), seen, reader: Some(reader), closing, before, size }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.0.lock().unwrap()
    }

    /// Waits until it has written this, however it is coloured.
    pub fn wait_for(&self, text: &str) -> &Self {
        self.wait_until(text, |plain| plain.contains(text))
    }

    /// Waits until the line of that pod showed an action.
    pub fn wait_for_begun(&self, on: u8, action: &str) -> &Self {
        let lead = format!("pod {on} ");
        let is = |line: &str| {
            let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
            // "pod 2 3/14 A7 flush AKU_REP_12 ..."
            let (counter, rest) = words.strip_prefix(&lead)?.split_once(' ')?;
            let (id, rest) = rest.split_once(' ')?;
            Some(counter.contains('/') && id.starts_with('A') && rest.starts_with(action))
        };
        self.wait_for_screen(action, |screen| screen.lines().any(|line| is(line) == Some(true)));
        self
    }

    fn wait_until(&self, what: &str, is: impl Fn(&str) -> bool) -> &Self {
        let until = Instant::now() + PATIENCE;
        let mut seen = self.seen();
        loop {
            let plain = plain(&seen.bytes);
            if is(&plain) {
                return self;
            }
            assert!(!seen.over && Instant::now() < until, "\"{what}\" was not seen (over: {}):\n{plain}", seen.over);
            seen = self.seen.1.wait_timeout(seen, Duration::from_millis(200)).unwrap().0;
        }
    }

    /// Waits until the screen, as a person sees it, is like that.
    pub fn wait_for_screen(&self, what: &str, is: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + PATIENCE;
        let mut seen = self.seen();
        loop {
            let now = rows(&screen(&seen.bytes, self.size));
            if is(&now) {
                return now;
            }
            assert!(!seen.over && Instant::now() < until, "{what} (over: {}):\n{now}", seen.over);
            seen = self.seen.1.wait_timeout(seen, Duration::from_millis(200)).unwrap().0;
        }
    }

    /// Types keys.
    pub fn types(&self, keys: &str) -> &Self {
        let mut pty = &**self.pty.as_ref().unwrap();
        pty.write_all(keys.as_bytes()).unwrap();
        self
    }

    /// Sends a signal to the program alone.
    pub fn signal(&self, signal: Signal) -> &Self {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        self
    }

    /// Closes the window: the system then sends SIGHUP, and nothing can be written any more.
    pub fn hang_up(mut self) -> ExitStatus {
        self.closing.store(true, Ordering::Relaxed);
        // The reading thread holds the terminal as well; the echo of a key wakes it.
        self.types("x");
        self.reader.take().unwrap().join().unwrap();
        drop(Arc::into_inner(self.pty.take().unwrap()).unwrap());
        self.wait()
    }

    fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            if Instant::now() > until {
                self.child.kill().unwrap();
                panic!("it does not end:\n{}", plain(&self.seen().bytes));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end, and sees that the terminal is as it was.
    pub fn end(mut self) -> Left {
        let began = Instant::now();
        let status = self.wait();
        let took = began.elapsed();
        let after = termios::tcgetattr(&**self.pty.as_ref().unwrap()).unwrap();
        let modes = |t: &Termios| (t.input_modes, t.output_modes, t.control_modes, t.local_modes);
        assert_eq!(modes(&after), modes(&self.before), "the terminal is not as it was");
        self.reader.take().unwrap().join().unwrap();
        let bytes = std::mem::take(&mut self.seen().bytes);
        let screen = screen(&bytes, self.size);
        assert!(!screen.hide_cursor(), "the cursor is hidden");
        assert!(!screen.alternate_screen() && !screen.bracketed_paste(), "a mode of the terminal was left on");
        Left { status, text: plain(&bytes), screen: rows(&screen), took }
    }
}

impl Left {
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// No bar is left on the screen.
    pub fn is_clean(&self) -> bool {
        !self.screen.contains("^C stops")
    }
}

fn screen(bytes: &[u8], (rows, columns): (u16, u16)) -> vt100::Screen {
    let cells = |n| NonZeroU16::new(n).unwrap();
    let mut parser = vt100::Parser::new(cells(rows), cells(columns), 0);
    parser.process(bytes);
    parser.screen().clone()
}

/// Row by row: what is drawn up to the edge is not what goes on in the next row.
fn rows(screen: &vt100::Screen) -> String {
    let (_, columns) = screen.size();
    screen.rows(0, columns.into()).map(|row| row.trim_end().to_owned() + "\n").collect()
}

/// Without escape sequences; a return to the start of the line begins a new one.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => {
                // CSI: parameters, then one letter. Nothing else is written by us.
                if chars.next() == Some('[') {
                    chars.by_ref().find(char::is_ascii_alphabetic);
                }
            }
            '\r' => out.push('\n'),
            c => out.push(c),
        }
    }
    out
}
