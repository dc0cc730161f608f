//! The SQL of a lab server: text to [`Statement`], and the execution of queries and row changes.
//!
//! Replication statements, properties, users and sessions are only parsed here; the server decides about them.
//! Nothing here knows the time, a socket or a session: what depends on those comes through [`exec::Host`].

pub mod ast;
mod connect_by;
mod cursor;
mod error;
pub mod exec;
mod lower;
mod lower_dml;
mod parse;
mod replication;
pub mod statement;
mod tables;
#[cfg(test)]
mod tests;

pub use error::SqlError;
pub use parse::{parse, parse_once};
pub use statement::Statement;
