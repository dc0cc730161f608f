//! A small ODBC driver for lab pods, so that tests drive the production road (unixODBC and `OdbcConnector`) end to end.
//!
//! It speaks `crates/db/src/wire.rs` to a pod and behaves at the ODBC border as the real Altibase driver was seen to behave,
//! its traps included (`options` lists them), and on demand as the worst that ODBC allows (`worst`). It stays free of dependencies. Narrow functions only, and no exported function may call another one: with a
//! dynamic libodbc such a call would land in the driver manager.

mod connection_api;
mod diag;
mod ffi;
mod handle;
mod link;
mod options;
mod result;
mod statement_api;
mod worst;

// Only the client's half of the protocol is used here.
#[allow(dead_code)]
#[path = "../../../crates/db/src/wire.rs"]
mod wire;
