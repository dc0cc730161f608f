//! The embedded cluster: simulated Altibase servers on SQLite, real processes on loopback (DESIGN D10).
//!
//! It answers the SQL that the program and its users send as the recorded servers answered (`tests/conformance`),
//! and moves rows through a simulated log. It knows nothing of the planner.
//!
//! The engine (`server`) is free of sockets, threads and clocks: inputs and the time go in, outputs come out ([`io`]).
//! `pod` hosts it as a process with real TCP; `sim` hosts many in one thread under a seed.

pub mod io;

mod armed;
mod control;
pub mod fault;
mod lab_error;
pub mod layout;
mod orders;
pub mod pod;
pub mod process;
pub mod shell;

pub use crate::db::client;
pub use control::{Lab, LabOptions, Lifetime};
pub use lab_error::LabError;

/// Reads a pod's number as people type it: `2` or `pod-2`.
///
/// # Errors
/// In words, when it is neither.
pub fn pod_ordinal(text: &str) -> Result<crate::topology::Ordinal, String> {
    let number = text.strip_prefix("pod-").unwrap_or(text);
    number.parse().map_err(|_| format!("\"{text}\" is not a pod; write 2 or pod-2"))
}

/// Runs the pod of `dir` in this process until it is told to stop.
///
/// # Errors
/// As [`pod::run_pod`].
pub fn serve(dir: &std::path::Path) -> std::io::Result<()> {
    pod::run_pod(dir, |_| Err::<NoEngine, _>(std::io::Error::other("this build has no database")))
}

/// Stands where the database will be.
enum NoEngine {}

impl io::Engine for NoEngine {
    fn handle(&mut self, _: io::Micros, _: io::Input, _: &mut Vec<io::Output>) {
        match *self {}
    }

    fn next_deadline(&self) -> Option<io::Micros> {
        match *self {}
    }

    fn persist(&mut self) -> std::io::Result<()> {
        match *self {}
    }
}
