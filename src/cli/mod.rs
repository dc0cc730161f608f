//! The commands: flags, files, streams, exit codes. No decision about a database is made here.
//!
//! [`run`](run::run) takes a command line to an exit code. [`wiring`] is the only file that knows how the parts of the
//! program are put together; tests bring a world of their own.

mod apply;
pub mod args;
mod beat;
mod capture;
pub mod check;
mod child;
mod common;
pub mod confpath;
#[cfg(feature = "lab")]
pub mod demo;
mod diff;
mod down;
mod drift;
mod env;
mod explain;
mod file_args;
pub mod gate;
pub mod goal_args;
pub mod info;
mod kube;
#[cfg(feature = "lab")]
pub mod lab;
mod legacy;
mod legacy_71;
mod legacy_log;
mod legacy_phase;
mod limit;
mod log_files;
mod look;
mod made;
mod manual;
mod marker;
mod offline;
mod outcome;
mod own_start;
mod plan;
mod plan_args;
mod policy;
mod probe;
mod program;
mod reason;
#[cfg(test)]
mod reference;
mod repair;
mod resume;
mod review;
mod reviewed;
mod run;
mod run_args;
mod running;
mod runs;
mod scene;
mod schema;
mod secret;
mod serve;
mod show;
mod signing;
mod size;
mod stale;
pub mod status;
mod stream;
mod supervise;
#[cfg(test)]
mod tests;
mod time;
mod turn;
mod typed;
pub mod validate;
pub mod verify;
mod version;
mod watch;
mod who;
pub mod wiring;
#[cfg(not(feature = "lab"))]
mod without_lab;

pub use env::Env;
pub use program::program;
pub use run::run;
pub use stream::{Streams, Terminal};
#[cfg(not(feature = "lab"))]
pub use without_lab::{demo, lab};
