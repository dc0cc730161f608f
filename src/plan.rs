//! Plans as the rest of the program knows them: their types, who makes them, and who verifies them.

pub use aku_check as check;
pub use aku_core::plan::*;
pub use aku_planner::*;
