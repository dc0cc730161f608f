//! `aku`: keeps Altibase replication between the pods of a Kubernetes StatefulSet in the state that `aku.conf` declares.
//!
//! One road, one direction (a module may use what stands before it on the road and nothing after it):
//!
//! ```text
//! aku.conf --conf--> Config --desired--> Desired ---\
//!                                                    >--plan--> Plan --apply--> events --render--> people, files, exit code
//! pods ----db--> rows --observe--> Observed --------/
//! ```
//!
//! * [`topology`]: the nouns, correct by construction. * [`ledger`]: who the data of a pod is. * [`conf`]: the file. * [`db`]: sessions and statements.
//! * [`lab`]: an embedded cluster that answers as Altibase does; it knows nothing of the planner.
//! * [`status`], [`preflight`] and [`verify`] look without a plan: states, questions, contents.
//! * [`lock`]: one run at a time. * [`events`] and [`journal`]: what a run tells programs, and what it leaves behind.
//! * [`sign`] says who said yes to one, [`review`] judges a saved plan, [`drift`] compares the pods with the configuration; neither changes anything.
//! * [`outlet`] and [`bounded`]: streams, calls and files that nobody outside can hold up. * [`cli`]: the commands. * [`exit`]: the exit codes.

pub use aku_core::{app_info, attributes, conf, desired, document, found, ledger, logs, remedy, run_id, topology};
pub use aku_db::{self as db, bounded};
#[cfg(feature = "lab")]
pub use aku_lab as lab;
pub use aku_planner::status;

pub mod apply;
pub mod cli;
mod closed;
pub mod drift;
pub mod events;
pub mod exit;
pub mod files;
pub mod journal;
pub mod lock;
pub mod observe;
pub mod outlet;
pub mod plan;
pub mod preflight;
pub mod printed;
pub mod render;
pub mod review;
pub mod sign;
#[cfg(test)]
mod simtest;
pub mod verify;
