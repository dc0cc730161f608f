//! Values to text. Holds no logic of its own and does no I/O: every function here is pure, every output has a golden
//! test in the top-level `snapshots/` directory.

mod diff;
mod graph;
mod html;
mod markdown;
pub mod op;
mod plan;
mod progress;
mod report;
mod row;
mod style;
mod svg;
mod trouble;
pub mod words;

pub use diff::diff;
pub use graph::{dot, mermaid};
pub use html::html;
pub use markdown::markdown;
pub use plan::{Head, Layout, Sql, approval_flags, plan};
pub use progress::event;
pub use report::{reached, report, state_now};
pub use style::{Colour, Doc, Line, Role};
pub use trouble::{Trouble, trouble};

#[cfg(test)]
pub mod fixtures;
#[cfg(test)]
pub mod golden;
#[cfg(test)]
mod golden_files;
