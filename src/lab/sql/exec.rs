//! Runs queries and row changes against a [`Database`] and the relations of a [`Host`].

use super::{
    SqlError, Statement,
    ast::{Query, TableName},
};
use crate::{
    db::wire::Response,
    lab::{
        data::{Database, Stop, TxId},
        value::{Datum, Row},
    },
};

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
    let _ = (db, scope, query);
    todo!()
}

/// Runs INSERT, UPDATE or DELETE inside of `tx` and gives the number of rows. A statement that stops has changed nothing.
///
/// # Errors
/// As [`query`], and [`Stop::Blocked`] when another transaction holds a row or the table: run the same statement again
/// when that transaction has ended, or give up with [`SqlError::lock_timeout`].
///
/// # Panics
/// For any other kind of statement: a programming error of the caller.
pub fn change(db: &mut Database, scope: &mut Scope<'_>, tx: TxId, statement: &Statement) -> Result<u64, Stop> {
    let _ = (db, scope, tx, statement);
    todo!()
}

/// The relations that a statement reads or changes, subqueries included, in the order written; for waits that belong
/// to a V$ view.
#[must_use]
pub fn relations(statement: &Statement) -> Vec<TableName> {
    let _ = statement;
    todo!()
}

/// The value of a constant expression such as a DEFAULT or a partition bound.
///
/// # Errors
/// 31058 when it names a column, and whatever computing it says.
pub fn constant(expr: &super::ast::Expr) -> Result<Datum, SqlError> {
    let _ = expr;
    todo!()
}
