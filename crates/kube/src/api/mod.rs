//! The fields of Kubernetes that we write, and no others: what a field is not here for cannot be written by mistake.
//! Names are those of the API; its reference says what they mean.
#![allow(missing_docs)]

pub mod apps;
pub mod meta;
pub mod monitoring;
pub mod net;
pub mod pod;

pub use apps::*;
pub use meta::*;
pub use monitoring::*;
pub use net::*;
pub use pod::*;
