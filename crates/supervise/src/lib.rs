//! The first process of a container (`aku run`): it starts the server, has the pod joined and ended by other processes, and
//! stops the server in order.
//!
//! * [`model`]: the words: children, inputs, effects. * [`machine`]: what follows from what; pure, without a clock.
//! * [`rules`]: how the grace is shared out, how long is waited. * [`verdict`]: what the exit code of a start means.
//! * [`edge`]: processes, signals and timers; the only part that does anything. * [`process`]: a process, safe against
//!   recycled numbers. * [`data`]: whether there is a database.
//! * [`status`]: the file in which the supervisor says how it is. * [`probe`]: what a probe makes of it. * [`words`]: log lines.
//!
//! It never plans, never opens a session, and never starts a dead server again: the kubelet does, and counts it.

pub mod data;
pub mod edge;
pub mod machine;
pub mod model;
pub mod note;
pub mod probe;
pub mod process;
pub mod rules;
pub mod status;
pub mod verdict;
pub mod words;
