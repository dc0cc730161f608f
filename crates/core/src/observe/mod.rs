//! What was seen of the pods: answers parsed into [`Observed`]. Asks nobody and decides nothing about what to do.

mod capture;
mod compared;
mod items;
pub mod ledger;
mod left;
mod model;
pub mod parse;
mod rows;
mod table_name;
mod unlike;
mod view;

pub use capture::Capture;
pub use compared::{Compared, ComparedTable, RowPrint, SeenRow, Undelivered};
pub use items::Items;
pub use ledger::of as ledger_of;
pub use left::{Known, LeftBehind};
pub use model::{
    BrokenBy, CharacterSets, Client, Conflicts, GiveUp, Item, MarkerView, Mode, Observed, Pod, PodView, Remembered,
    Replication, Sender, Sending, Server, Side, Stamp, Table,
};
pub use parse::{bare as object_of, gap as gap_of, sender as sender_of};
pub use rows::{RowCount, grouped};
pub use table_name::TableName;
pub use unlike::{Fixed, Unlike};
