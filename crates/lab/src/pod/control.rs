//! The control socket of a pod: faults are set, listed and cleared over it, and a stop is asked for.
//!
//! One line of JSON each way on a Unix socket in the pod's directory, so only those who may enter the directory can
//! use it.

use std::{
    fs, io,
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::fault::{Fault, NamedFault};

/// Name of the socket in the pod's directory.
pub(super) const SOCKET: &str = "control.sock";

/// What may be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Set a fault; without a name it is called after its kind.
    Set {
        /// Its name.
        name: Option<String>,
        /// The fault.
        fault: Fault,
    },
    /// Clear one fault.
    Clear(String),
    /// Clear all faults.
    ClearAll,
    /// List the faults.
    List,
    /// End the process in good order.
    Stop,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Done.
    Done,
    /// The fault is set under this name.
    Named(String),
    /// The faults in the order they were set.
    Faults(Vec<NamedFault>),
    /// Refused, in words.
    Refused(String),
}

/// A path to the socket that is short enough for the kernel's 108 bytes, however deep the directory is.
pub(super) fn socket_path(dir: &Path) -> io::Result<(PathBuf, fs::File)> {
    use std::os::fd::AsRawFd;
    let handle = fs::File::open(dir)?;
    Ok((PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", handle.as_raw_fd())), handle))
}

/// Asks the pod of `dir`.
///
/// # Errors
/// Nobody listens there, or no answer within 5 s (a frozen pod).
pub fn request(dir: &Path, request: &Request) -> io::Result<Answer> {
    let (path, _handle) = socket_path(dir)?;
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut line = serde_json::to_string(request)?;
    line.push('\n');
    stream.write_all(line.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(serde_json::from_str(&answer)?)
}
