//! The SQL of a lab server: text to [`Statement`], and the execution of queries and row changes.
//!
//! Replication statements, properties, users and sessions are only parsed here; the server decides about them.
//! Nothing here knows the time, a socket or a session: what depends on those comes through [`exec::Host`].

pub mod ast;
mod error;
pub mod exec;
pub mod statement;

pub use error::SqlError;
pub use statement::Statement;

/// Reads one statement. A single `;` may follow it.
///
/// # Errors
/// 31001 for what is no statement, for two statements in one text, and for an empty one; 3118B for names that are too
/// long; 312B1 for an unknown replication option.
pub fn parse(text: &str) -> Result<Statement, SqlError> {
    let _ = text;
    todo!()
}
