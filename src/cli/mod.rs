//! The commands: flags, files, streams, exit codes. No decision about a database is made here.

pub mod confpath;
pub mod demo;
mod env;
pub mod info;
pub mod lab;
pub mod validate;

pub use env::Env;
