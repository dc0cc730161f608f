//! What is there: every pod asked at once, its answers parsed into [`Observed`].
//!
//! Sends nothing but `ReadSql`. Decides nothing about what to do; it only tells absent from broken (DESIGN D3) and
//! names the state of each side of a pair.

mod capture;
mod gather;
pub mod layout;
mod ledger;
mod left;
mod model;
mod parse;
mod rows;
#[cfg(test)]
mod tests;

pub use capture::Capture;
pub use gather::{Gathering, count_on, count_rows, look, note_counts, observe, observe_pod};
pub use ledger::of as ledger_of;
pub use left::{Known, LeftBehind};
pub use model::{
    BrokenBy, Client, Conflicts, GiveUp, Item, MarkerView, Mode, Observed, Pod, PodView, Remembered, Replication,
    Sender, Server, Side, Table, TableName,
};
pub(crate) use parse::sender as sender_of;
pub use rows::{RowCount, grouped};
