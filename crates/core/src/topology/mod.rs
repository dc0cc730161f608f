//! The nouns of the field, correct by construction: ordinals, pairs, names, targets, log positions.
//!
//! Everything that comes from outside (a host name, a line of `aku.conf`, a catalog row) is parsed into one of
//! these types at the border; inside, plain strings and integers do not travel. Nothing here does I/O.

mod ident;
pub mod optional_sn;
mod ordinal;
mod position;
pub mod sn;

pub use ident::{IdentError, Identifier, ReplicationName, Target};
pub use ordinal::{Ordinal, OrdinalError, Pair, ServerCount};
pub use position::Position;
