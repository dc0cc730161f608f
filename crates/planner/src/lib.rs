//! Makes plans, saves them, compares them, judges them.
//!
//! [`make`] is a pure function of [`Desired`](aku_core::desired::Desired) and [`Observed`](aku_core::observe::Observed): no
//! clock, no I/O, no environment. There is no dry run anywhere: a dry run is a plan that nobody applies.

mod added_targets;
mod alter;
mod anchor;
mod build;
mod catch_up;
mod clean;
mod cluster_view;
pub mod conflicts;
pub mod cost;
mod definition;
mod deliver;
pub mod diff;
mod draft;
mod due;
mod end;
mod everywhere;
pub mod facts;
mod for_a_while;
mod forget;
mod full;
mod handover;
mod identity;
mod initial_copy;
mod join;
mod ledger;
mod ledgers;
mod links;
mod make;
mod master;
mod moved;
mod moves;
mod operations;
pub mod policy;
mod preflight;
mod reconcile;
mod recover;
mod recover_log;
mod rehearse;
pub mod remedy;
mod rename;
mod repair;
pub mod resume;
pub mod risk;
pub mod saved;
pub mod schema;
mod service;
mod shapes;
mod stakes;
mod start;
pub mod status;
mod steps;
mod unmanaged;
mod whose_logs;

#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;

pub use end::before_the_lock;
pub use identity::{called_members, down, put_back, without_quorum};
pub use make::{make, row_questions};
pub use preflight::unfit;
pub use rehearse::{Times, rehearse};
