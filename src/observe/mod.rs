//! Looks: every pod asked at once, its answers parsed into [`Observed`].
//!
//! Sends nothing but `ReadSql`. Decides nothing about what to do; it only tells absent from broken (DESIGN D3) and
//! names the state of each side of a pair.

mod gather;
pub mod layout;
#[cfg(test)]
mod tests;

pub use aku_core::observe::*;
pub use gather::{Gathering, count_on, count_rows, look, note_counts, observe, observe_pod};
