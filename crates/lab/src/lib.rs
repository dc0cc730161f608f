//! The embedded cluster: simulated Altibase servers on SQLite, real processes on loopback (DESIGN D10).
//!
//! It answers the SQL that the program and its users send as the recorded servers answered (`tests/conformance`),
//! and moves rows through a simulated log. It knows nothing of the planner.
//!
//! The engine (`server`) is free of sockets, threads and clocks: inputs and the time go in, outputs come out ([`io`]).
//! `pod` hosts it as a process with real TCP; `sim` hosts many in one thread under a seed.

pub mod conformance;
mod control;
pub mod data;
pub mod fault;
mod fault_rules;
pub mod io;
mod lab_error;
pub mod layout;
mod locale;
mod orders;
pub mod pace;
pub mod pod;
pub mod process;
mod serve;
pub mod server;
pub mod shell;
pub mod sim;
pub mod sql;
pub mod store;
pub mod value;
mod volumes;

pub use aku_db::client;
pub use control::{Lab, LabOptions, Lifetime};
pub use lab_error::LabError;
pub use layout::pod_ordinal;
pub use locale::Locale;
pub use pace::Pace;
pub use serve::serve;
