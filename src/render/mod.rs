//! Values to text. Holds no logic of its own and does no I/O: every function here is pure, every output has a golden
//! test in the top-level `snapshots/` directory.

mod check;
mod commands;
mod diagnostic;
mod diff;
mod drift;
mod foreign;
mod graph;
mod html;
mod markdown;
mod metrics;
pub mod op;
mod plan;
mod plan_end;
mod policy;
mod progress;
mod repair;
mod report;
mod review;
mod row;
mod runs;
mod safe;
mod spark;
mod status;
mod style;
mod svg;
mod table;
mod timeline;
mod topology;
mod verify;
mod watched;
pub mod words;

pub use check::check;
pub use diagnostic::{Diagnostic, trouble};
pub use diff::diff;
pub use drift::{drift, plugin_line};
pub use foreign::foreign_plan;
pub use graph::{dot, mermaid};
pub use html::html;
pub use markdown::markdown;
pub use metrics::{Looked, Run, metrics};
pub use plan::{Layout, Sql, plan};
pub use plan_end::Head;
pub use plan_end::approval_flags;
pub use policy::policy;
pub use progress::{Board, event};
pub use report::{Again, GoOn, reached, report, state_now};
pub use review::review;
pub use runs::{run, runs};
pub use spark::Bars;
pub use status::status;
pub use style::{Colour, Doc, Line, Role};
pub use timeline::timeline;
pub use topology::{svg as topology_svg, topology};
pub use verify::verify;
pub use watched::{Watched, watched};

#[cfg(test)]
pub mod fixtures;
#[cfg(test)]
pub mod golden;
#[cfg(test)]
mod golden_drift;
#[cfg(test)]
mod golden_files;
#[cfg(test)]
mod golden_repair;
#[cfg(test)]
mod situations;
