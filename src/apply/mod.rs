//! Carries out a plan. Makes no choices: what it cannot decide it refuses (DESIGN 2).

mod event;

pub use event::{ActionError, Event, Outcome, Report};
