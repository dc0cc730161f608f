//! Values to text. Holds no logic of its own and does no I/O: every function here is pure, every output has a golden
//! test in the top-level `snapshots/` directory.

pub mod op;
mod plan;
mod progress;
mod report;
mod row;
mod style;
mod trouble;
pub mod words;

pub use plan::{Head, Layout, Sql, approval_flags, plan};
pub use progress::event;
pub use report::{reached, report, state_now};
pub use style::{Colour, Doc, Line, Role};
pub use trouble::{Trouble, trouble};

#[cfg(test)]
pub mod fixtures;
#[cfg(test)]
pub mod golden;
