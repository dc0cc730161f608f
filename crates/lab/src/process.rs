//! Pods as processes of this machine: which one lives, and how it is started, stopped, frozen and killed.
//!
//! A process counts as a pod only when its pid and its start time agree with the pid file, so a recycled pid is never
//! signalled. Reads `/proc`; Linux only, as loopback blocks are.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

/// Name of a pod's log in its directory.
pub const LOG: &str = "pod.log";
const PID: &str = "pod.pid";

/// How a pod process is started: `program args.. DIR`, with the pod's directory as working directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodProgram {
    /// The executable.
    pub program: PathBuf,
    /// Arguments before the directory.
    pub args: Vec<OsString>,
}

impl PodProgram {
    /// `PROGRAM lab pod DIR`.
    #[must_use]
    pub fn aku(program: PathBuf) -> Self {
        Self { program, args: vec!["lab".into(), "pod".into()] }
    }

    /// This very executable.
    ///
    /// # Errors
    /// The system does not tell where it is.
    pub fn this() -> io::Result<Self> {
        std::env::current_exe().map(Self::aku)
    }

    /// Starts a pod in a process group of its own, so that Ctrl-C in the terminal does not reach it.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn spawn(&self, dir: &Path) -> io::Result<Child> {
        let log = fs::OpenOptions::new().create(true).append(true).open(dir.join(LOG))?;
        Command::new(&self.program)
            .args(&self.args)
            .arg(dir)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0)
            .spawn()
    }
}

/// State of a pod's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// No process.
    Down,
    /// Runs.
    Up(u32),
    /// Stopped by a signal.
    Frozen(u32),
}

impl Life {
    /// The process, when there is one.
    #[must_use]
    pub fn pid(self) -> Option<u32> {
        match self {
            Self::Down => None,
            Self::Up(pid) | Self::Frozen(pid) => Some(pid),
        }
    }
}

/// State letter and start time (clock ticks since boot) of a process; `None` when nothing of it is left but a zombie.
fn stat(pid: u32) -> Option<(char, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold blanks and parentheses.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // In the line, state is field 3, num_threads 20 and starttime 22.
    let (state, threads, started) = (fields.first()?.chars().next()?, fields.get(17)?, fields.get(19)?);
    // The first thread may be dead while others still hold the sockets.
    let dead = "ZXx".contains(state) && matches!(*threads, "0" | "1");
    if dead { None } else { Some((state, started.parse().ok()?)) }
}

/// A process, safe against recycled pids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// Its number.
    pub pid: u32,
    /// Its start, clock ticks since boot.
    pub started: u64,
}

impl ProcessId {
    /// The calling process.
    ///
    /// # Errors
    /// `/proc` is not there.
    pub fn this() -> io::Result<Self> {
        let pid = std::process::id();
        let (_, started) = stat(pid).ok_or_else(|| io::Error::other("/proc/self/stat cannot be read"))?;
        Ok(Self { pid, started })
    }

    /// What the pid file of `dir` says.
    #[must_use]
    pub fn of_pod(dir: &Path) -> Option<Self> {
        let text = fs::read_to_string(dir.join(PID)).ok()?;
        let (pid, started) = text.trim().split_once(' ')?;
        Some(Self { pid: pid.parse().ok()?, started: started.parse().ok()? })
    }

    /// The letter of its state; `None` when it is gone or only a zombie.
    fn state(self) -> Option<char> {
        stat(self.pid).filter(|&(_, started)| started == self.started).map(|(state, _)| state)
    }

    /// Whether it still exists.
    #[must_use]
    pub fn lives(self) -> bool {
        self.state().is_some()
    }
}

/// Writes the pid file of the calling process into `dir`.
///
/// # Errors
/// I/O.
pub fn write_pid(dir: &Path) -> io::Result<()> {
    let ProcessId { pid, started } = ProcessId::this()?;
    let fresh = dir.join("pod.pid.new");
    fs::write(&fresh, format!("{pid} {started}\n"))?;
    fs::rename(fresh, dir.join(PID))
}

/// Whether the pod of `dir` has a process.
#[must_use]
pub fn life(dir: &Path) -> Life {
    let Some(id) = ProcessId::of_pod(dir) else { return Life::Down };
    match id.state() {
        None => Life::Down,
        Some('T' | 't') => Life::Frozen(id.pid),
        Some(_) => Life::Up(id.pid),
    }
}

fn signal(dir: &Path, signal: Signal) -> io::Result<bool> {
    let Some(pid) = life(dir).pid().and_then(|p| i32::try_from(p).ok()).and_then(Pid::from_raw) else {
        return Ok(false);
    };
    match rustix::process::kill_process(pid, signal) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::SRCH) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

/// kill -9, and waits until the process is gone. `false` when there was none.
///
/// # Errors
/// The signal is not permitted, or the process does not go away within 10 s.
pub fn kill(dir: &Path) -> io::Result<bool> {
    if !signal(dir, Signal::KILL)? {
        return Ok(false);
    }
    if wait_until(Duration::from_secs(10), || life(dir) == Life::Down) {
        Ok(true)
    } else {
        Err(io::Error::new(io::ErrorKind::TimedOut, "the process does not end after SIGKILL"))
    }
}

/// SIGSTOP; returns when the process stands. `false` when there is none.
///
/// # Errors
/// The signal is not permitted.
pub fn freeze(dir: &Path) -> io::Result<bool> {
    Ok(signal(dir, Signal::STOP)? && wait_until(Duration::from_secs(10), || !matches!(life(dir), Life::Up(_))))
}

/// SIGCONT. `false` when there is no process.
///
/// # Errors
/// The signal is not permitted.
pub fn thaw(dir: &Path) -> io::Result<bool> {
    Ok(signal(dir, Signal::CONT)? && wait_until(Duration::from_secs(10), || !matches!(life(dir), Life::Frozen(_))))
}

/// Polls until `done` or the deadline; returns whether it was done.
pub fn wait_until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if done() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// The last lines of a pod's log, for messages.
#[must_use]
pub fn log_tail(dir: &Path) -> String {
    let text = fs::read(dir.join(LOG)).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}

/// Waits for a child in the background, so that it leaves no zombie in a long-lived parent.
pub fn reap(mut child: Child) {
    let waiting = thread::Builder::new().name("reap".to_owned()).stack_size(64 << 10);
    // Without the thread the zombie stays until this process ends; nothing depends on it.
    let _ = waiting.spawn(move || child.wait());
}
