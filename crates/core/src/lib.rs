//! The nouns of aku, correct by construction: what `aku.conf` declares, what was seen of the pods, the statements that may
//! be sent, and the types of a plan. Pure: no I/O, no threads, no clock, no environment (`clippy.toml` forbids them here).
//!
//! * [`attributes`]: mode, roles and options of a group. * [`topology`]: pods, pairs, names, positions. * [`ledger`]: who the data of a pod is. [`logs`]: where a dead pod's logs are. * [`conf`]: the file.
//! * [`desired`]: what it means for a goal. [`found`]: the names under which its objects are there. * [`sql`]: statements, their answers and what a failure means.
//! * [`observe`]: what was seen. * [`plan`]: a DAG of actions, each with a reason. * [`remedy`]: what ends a finding. * [`document`]: texts with a digest.
//! * [`app_info`] and [`run_id`]: how a run introduces itself.

pub mod app_info;
pub mod attributes;
pub mod conf;
pub mod desired;
pub mod document;
pub mod found;
pub mod ledger;
pub mod logs;
pub mod observe;
pub mod plan;
pub mod remedy;
pub mod run_id;
pub mod safe;
pub mod sql;
pub mod stable_codes;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod topology;
pub mod words;
