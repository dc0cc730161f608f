//! Runs queries and row changes against a [`Database`] and the relations of a [`Host`].

mod bind;
mod bound;
mod change;
mod compare;
mod eval;
mod functions;
mod join;
mod names;
mod plan;
mod run;
mod scan;
#[cfg(test)]
mod tests;
mod walk;

use std::cell::RefCell;

use aku_db::wire::Response;

use self::eval::Context;
use super::{
    SqlError,
    ast::{Expr, Query},
};
use crate::{
    data::{Database, Stop, TxId},
    value::{Datum, Row},
};
pub use change::change;
pub use walk::relations;

/// A relation: what a query gives, and what a [`Host`] offers as a catalog table or V$ view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relation {
    /// Column names, in order.
    pub columns: Vec<String>,
    /// Rows, each as long as `columns`.
    pub rows: Vec<Row>,
}

impl Relation {
    /// An empty relation with these columns.
    #[must_use]
    pub fn new(columns: &[&str]) -> Self {
        Self { columns: columns.iter().map(|&c| c.to_owned()).collect(), rows: Vec::new() }
    }

    /// Appends a row.
    ///
    /// # Panics
    /// When the row is not as long as the columns: a programming error of the caller.
    pub fn push(&mut self, row: impl Into<Row>) {
        let row = row.into();
        assert_eq!(row.len(), self.columns.len(), "a row is as long as its relation has columns");
        self.rows.push(row);
    }

    /// As the answer to a client.
    #[must_use]
    pub fn response(self) -> Response {
        let rows = self.rows.iter().map(|row| row.iter().map(Datum::cell).collect()).collect();
        Response::Rows { columns: self.columns, rows }
    }
}

/// What the server around the database supplies while a statement runs.
pub trait Host {
    /// The catalog table or V$ view of that name (upper case), or `None` when there is none. Asked only when the
    /// database has no table of that name; DUAL is built in.
    fn relation(&self, db: &Database, schema: Option<&str>, name: &str) -> Option<Relation>;

    /// A function that depends on the session or the clock: SESSION_ID, USER_LOCK_REQUEST, USER_LOCK_RELEASE, SYSDATE
    /// and the like. `None` when there is no such function. Asked only for names that are not built in.
    /// [`Stop::Wait`] stops the statement; run it again when what it waits for may have happened.
    fn call(&mut self, name: &str, args: &[Datum]) -> Option<Result<Datum, Stop>>;
}

/// [`Host::call`] of the moment that a TIMESTAMP column gets.
pub(crate) const STAMP: &str = "(timestamp)";

/// Who runs a statement, and inside of what.
pub struct Scope<'a> {
    /// User, upper case; unqualified tables are this user's.
    pub user: &'a str,
    /// The transaction whose own changes are visible; `None` sees what is committed.
    pub tx: Option<TxId>,
    /// The server around.
    pub host: &'a mut dyn Host,
}

/// Runs a query.
///
/// # Errors
/// [`Stop::Error`] for unknown names, bad conversions and the like; [`Stop::Wait`] when a host function says so.
pub fn query(db: &Database, scope: &mut Scope<'_>, query: &Query) -> Result<Relation, Stop> {
    let host: RefCell<&mut dyn Host> = RefCell::new(&mut *scope.host);
    let ctx = Context { db, user: scope.user, tx: scope.tx, host: &host };
    let plan = plan::query(&ctx, query, None)?;
    let rows = run::rows(&ctx, &plan, None)?;
    Ok(Relation { columns: plan.columns, rows })
}

/// The value of a constant expression such as a DEFAULT or a partition bound: literals, signs and built-in functions
/// of them. A word that only the server knows the value of, such as SYSDATE, gives NULL.
///
/// # Errors
/// 31058 for anything else, and whatever computing it says.
pub fn constant(expr: &Expr) -> Result<Datum, SqlError> {
    match expr {
        Expr::Literal(value) => Ok(value.clone()),
        Expr::Negate(inner) => match constant(inner)? {
            Datum::Int(n) => n.checked_neg().map(Datum::Int).ok_or_else(SqlError::value_overflow),
            Datum::Double(n) => Ok(Datum::number(-n)),
            Datum::Null => Ok(Datum::Null),
            Datum::Text(_) => Err(SqlError::invalid_literal()),
        },
        Expr::Call { args, .. } if args.is_empty() => Ok(Datum::Null),
        _ => Err(SqlError::no_column()),
    }
}
