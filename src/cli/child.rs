//! A program of somebody else that is asked one question. Its time and the size of its answer are bounded, and whatever
//! it has started ends with it: it may be asked while this run holds the lock.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::process::CommandExt as _,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        atomic::{AtomicBool, AtomicI32, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::render::words;

/// Largest answer, bytes.
const ANSWER: u64 = 1 << 20;
/// Time between two looks at it.
const LOOK: Duration = Duration::from_millis(10);
/// How long its pipes may stay open once it and its group are gone.
const LEFTOVER: Duration = Duration::from_secs(1);

/// The group of the program that runs; 0 when none does. One thread asks, so there is never a second.
static GROUP: AtomicI32 = AtomicI32::new(0);

/// Whether this process is about to end.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Longest time between [`end_all`] and the end of the process.
const FAREWELL: Duration = Duration::from_secs(5);

/// Ends what runs, for a process that ends at once.
pub(super) fn end_all() {
    ENDING.store(true, Ordering::Release);
    end_group();
}

fn end_group() {
    if let Some(group) = Pid::from_raw(GROUP.load(Ordering::Acquire)) {
        // Gone is as good as ended.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// How a program ended, and what it wrote to its standard output.
pub(super) struct Answer {
    pub status: ExitStatus,
    pub text: Vec<u8>,
}

/// Runs it with `question` on its standard input, for at most `time`.
///
/// # Errors
/// In words: it cannot be started, takes too long, answers too much, or does not take the question.
pub(super) fn ask(mut command: Command, question: String, time: Duration) -> Result<Answer, String> {
    let until = Instant::now() + time;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|e| format!("it cannot be started: {e}"))?;
    GROUP.store(i32::try_from(child.id()).unwrap_or(0), Ordering::Release);
    let answer = answered(&mut child, question, until).map_err(|late| match late {
        Late::Time => format!("it did not end within {}", words::duration(time)),
        Late::Size => format!("its answer is larger than {ANSWER} bytes"),
        Late::Other(said) => said,
    });
    end_group();
    // Reaped after its group was ended: until then nobody else has its number.
    let status = child.wait();
    // It did not end by itself: whoever ends this process says why, and nobody else says anything.
    if ENDING.load(Ordering::Acquire) {
        thread::sleep(FAREWELL);
    }
    GROUP.store(0, Ordering::Release);
    let (text, fed) = answer?;
    match fed {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => return Err(format!("it did not take the question: {e}")),
        Ok(()) | Err(_) => {}
    }
    Ok(Answer { status: status.map_err(|e| e.to_string())?, text })
}

enum Late {
    Time,
    Size,
    Other(String),
}

type Fed = io::Result<()>;

fn answered(child: &mut Child, question: String, until: Instant) -> Result<(Vec<u8>, Fed), Late> {
    let no_thread = |e: io::Error| Late::Other(format!("there is no thread for it: {e}"));
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Late::Other("it has no pipes".to_owned()));
    };
    let ((tell_fed, fed), (tell_read, read)) = (mpsc::channel(), mpsc::channel());
    // Fed from a thread of its own: a program may answer before it has read everything.
    thread::Builder::new()
        .name("question".to_owned())
        .spawn(move || drop(tell_fed.send(stdin.write_all(question.as_bytes()))))
        .map_err(no_thread)?;
    thread::Builder::new()
        .name("answer".to_owned())
        .spawn(move || {
            let mut text = Vec::new();
            let done = stdout.take(ANSWER + 1).read_to_end(&mut text);
            let _ = tell_read.send(done.map(|_| text));
        })
        .map_err(no_thread)?;
    let mut text = None;
    let late = |text: &Option<io::Result<Vec<u8>>>| matches!(text, Some(Ok(t)) if t.len() as u64 > ANSWER);
    while !ended(child) {
        text = text.or_else(|| read.try_recv().ok());
        if late(&text) {
            return Err(Late::Size);
        }
        if Instant::now() >= until {
            return Err(Late::Time);
        }
        thread::sleep(LOOK);
    }
    // What it started and left behind would keep its pipes open.
    end_group();
    let text = text.or_else(|| read.recv_timeout(LEFTOVER).ok());
    if late(&text) {
        return Err(Late::Size);
    }
    let fed = fed.recv_timeout(LEFTOVER).unwrap_or(Ok(()));
    match text {
        Some(Ok(text)) => Ok((text, fed)),
        Some(Err(e)) => Err(Late::Other(format!("its answer cannot be read: {e}"))),
        None => Err(Late::Other("its answer has no end".to_owned())),
    }
}

/// Whether it ended. It is not reaped.
fn ended(child: &Child) -> bool {
    let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else { return true };
    let how = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::Pid(pid), how), Ok(None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script);
        command
    }

    #[test]
    fn whatever_it_does_it_ends() {
        let long = Duration::from_secs(60);
        let short = Duration::from_millis(200);
        let said = |script: &str, time| {
            let began = Instant::now();
            let answer = ask(shell(script), "question".repeat(100_000), time);
            assert!(began.elapsed() < time + Duration::from_secs(10), "{script}: {:?}", began.elapsed());
            answer.map(|a| (a.status.code(), String::from_utf8(a.text).unwrap()))
        };
        assert_eq!(said("cat >/dev/null; echo yes; exit 2", long), Ok((Some(2), "yes\n".to_owned())));
        assert_eq!(said("exit 0", long), Ok((Some(0), String::new())), "it need not listen");
        assert_eq!(said("kill -9 $$", long), Ok((None, String::new())));
        assert_eq!(said("sleep 600", short), Err("it did not end within 200 ms".to_owned()));
        assert_eq!(
            said("trap '' TERM INT; sleep 600 & sleep 600", short),
            Err("it did not end within 200 ms".to_owned())
        );
        assert_eq!(said("cat /dev/zero", long), Err("its answer is larger than 1048576 bytes".to_owned()));
        assert_eq!(said("sleep 600 & echo yes", long), Ok((Some(0), "yes\n".to_owned())), "what it left behind");
    }
}
