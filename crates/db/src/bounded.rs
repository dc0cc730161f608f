//! What the outside could hold up for ever, with an end: a call on a thread of its own, and a file that somebody named.
//!
//! Decides nothing. A call that does not come back is left alone; its thread ends with the process (DESIGN D20).

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

/// How long a file may take to be read: a file server that went away takes for ever.
const FILE: Duration = Duration::from_secs(10);

/// Makes a call that may take `time`.
///
/// # Errors
/// `TimedOut` when it takes longer, else there is no thread to be had.
pub fn within<T: Send + 'static>(time: Duration, call: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (send, answer) = mpsc::channel();
    thread::Builder::new().name("bounded".to_owned()).spawn(move || {
        // Whoever asked may have gone on.
        let _ = send.send(call());
    })?;
    answer.recv_timeout(time).map_err(|e| match e {
        RecvTimeoutError::Timeout => {
            io::Error::new(io::ErrorKind::TimedOut, format!("it did not end within {} s", time.as_secs_f64()))
        }
        RecvTimeoutError::Disconnected => io::Error::other("it ended without an answer"),
    })
}

/// The first `most` bytes of a regular file. A pipe may never end and a device may do anything, so neither is read.
///
/// # Errors
/// What the system says; `InvalidInput` when it is no regular file; `TimedOut`.
pub fn head(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let take = move |path: &Path| {
        let file = regular(path)?;
        let expected = file.metadata()?.len().min(most);
        // One byte more shows the end without a larger buffer.
        let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0).saturating_add(1));
        file.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let owned = path.to_owned();
    match within(FILE, move || take(&owned)) {
        Ok(read) => read,
        Err(e) if e.kind() == io::ErrorKind::TimedOut => Err(e),
        // Without a thread it is read here.
        Err(_) => take(path),
    }
}

/// Opens a regular file.
///
/// # Errors
/// What the system says; `InvalidInput`.
fn regular(path: &Path) -> io::Result<File> {
    // A pipe would be waited for when it is opened.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"))
}

/// A whole file of at most `most` bytes.
///
/// # Errors
/// As [`head`]; `FileTooLarge`.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let bytes = head(path, most.saturating_add(1))?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {most} bytes")));
    }
    Ok(bytes)
}

/// As [`read`], for text.
///
/// # Errors
/// As [`read`]; `InvalidData` when it is not UTF-8.
pub fn text(path: &Path, most: u64) -> io::Result<String> {
    let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not text");
    String::from_utf8(read(path, most)?).map_err(not_text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_ends_or_is_left_alone() {
        assert_eq!(within(Duration::from_secs(60), || 7).unwrap(), 7);
        let (_never, wait) = mpsc::channel::<()>();
        let late = within(Duration::from_millis(1), move || wait.recv()).unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_file_is_read_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, "0123456789").unwrap();
        assert_eq!(text(&path, 10).unwrap(), "0123456789");
        assert_eq!(read(&path, 9).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(head(&path, 4).unwrap(), b"0123");
        let fifo = dir.path().join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let began = std::time::Instant::now();
        for odd in [Path::new("/dev/zero"), Path::new("/dev/null"), &fifo, dir.path()] {
            assert_eq!(read(odd, 1 << 16).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{}", odd.display());
        }
        assert!(began.elapsed() < FILE, "a pipe was waited for");
        std::fs::write(&path, [0xff]).unwrap();
        assert_eq!(text(&path, 10).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
