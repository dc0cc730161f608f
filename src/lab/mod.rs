//! The embedded cluster: simulated Altibase servers on SQLite, real processes on loopback (DESIGN D10).
//!
//! It answers the SQL that the program and its users send as the recorded servers answered (`tests/conformance`),
//! and moves rows through a simulated log. It knows nothing of the planner.
//!
//! The engine (`server`) is free of sockets, threads and clocks: inputs and the time go in, outputs come out ([`io`]).
//! `pod` hosts it as a process with real TCP; `sim` hosts many in one thread under a seed.

pub mod conformance;
pub mod data;
pub mod io;
pub mod server;
pub mod sim;
pub mod sql;
pub mod store;
pub mod value;
