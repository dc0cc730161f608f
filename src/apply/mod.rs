//! Carries out a plan. Makes no choices: what it cannot decide it refuses (DESIGN 2).
//!
//! * [`run`] walks the DAG: actions on different pods side by side, on a pod in service over several sessions.
//! * Every operation looks at the pod right before it acts; what is so already is not done again.
//! * [`retry`] says what is tried again, [`codes`] what can go wrong, [`signals`] how a run is stopped.

mod clock;
pub mod codes;
mod context;
mod control;
mod engine;
mod event;
mod look;
mod op_error;
mod ops;
mod pool;
pub mod remedy;
pub mod retry;
mod schedule;
mod sessions;
pub mod signals;
#[cfg(test)]
pub(crate) mod single;
mod slot;
mod stop;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod turns;
mod work;
mod worker;

pub use clock::{Clock, SystemClock};
pub use context::{Context, IntentLog, Limits, Marker, Retry, spread};
pub use engine::{resume, run};
pub use event::{ActionError, Event, Outcome, Report};
pub use stop::{StopFlag, StopLevel};
