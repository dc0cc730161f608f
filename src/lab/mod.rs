//! The embedded cluster: simulated Altibase servers on SQLite, real processes on loopback (DESIGN D10).
//!
//! It answers the SQL that the program and its users send as the recorded servers answered (`tests/conformance`),
//! and moves rows through a simulated log. It knows nothing of the planner.
//!
//! The engine (`server`) is free of sockets, threads and clocks: inputs and the time go in, outputs come out ([`io`]).
//! `pod` hosts it as a process with real TCP; `sim` hosts many in one thread under a seed.

pub mod io;

pub mod fault;
pub mod pod;
pub mod process;

pub use crate::db::client;

/// Reads a pod's number as people type it: `2` or `pod-2`.
///
/// # Errors
/// In words, when it is neither.
pub fn pod_ordinal(text: &str) -> Result<crate::topology::Ordinal, String> {
    let number = text.strip_prefix("pod-").unwrap_or(text);
    number.parse().map_err(|_| format!("\"{text}\" is not a pod; write 2 or pod-2"))
}
