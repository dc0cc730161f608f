//! Expressions and queries whose names are resolved: columns are numbers, relations are at hand.

use std::cell::OnceCell;

use super::functions::Builtin;
use crate::{
    data::{PartitionId, TableId},
    sql::ast::Aggregate,
    value::{Datum, Row},
};

/// Comparison operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// Arithmetic operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
}

/// How two texts are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Padding {
    /// Byte by byte.
    Exact,
    /// Blanks at the end do not count: one side is a CHAR column.
    Blank,
}

/// An expression.
#[derive(Debug, PartialEq)]
pub(super) enum Bound {
    Const(Datum),
    /// Column of the row `depth` queries further out.
    Column {
        depth: usize,
        index: usize,
    },
    RowNum,
    Not(Box<Bound>),
    Negate(Box<Bound>),
    And(Box<Bound>, Box<Bound>),
    Or(Box<Bound>, Box<Bound>),
    Compare {
        op: Comparison,
        left: Box<Bound>,
        right: Box<Bound>,
        padding: Padding,
    },
    Arithmetic {
        op: Arithmetic,
        left: Box<Bound>,
        right: Box<Bound>,
    },
    Concat(Box<Bound>, Box<Bound>),
    IsNull {
        expr: Box<Bound>,
        negated: bool,
    },
    In {
        expr: Box<Bound>,
        list: Vec<Bound>,
        negated: bool,
        padding: Padding,
    },
    InQuery {
        expr: Box<Bound>,
        query: SubQuery,
        negated: bool,
        padding: Padding,
    },
    Exists {
        query: SubQuery,
        negated: bool,
    },
    Scalar(SubQuery),
    Like {
        expr: Box<Bound>,
        pattern: Box<Bound>,
        escape: Option<char>,
        negated: bool,
    },
    Case {
        operand: Option<Box<Bound>>,
        branches: Vec<(Bound, Bound)>,
        otherwise: Option<Box<Bound>>,
    },
    Builtin {
        function: Builtin,
        args: Vec<Bound>,
    },
    Host {
        name: String,
        args: Vec<Bound>,
    },
    /// Result of an aggregate of the select around.
    Slot(usize),
}

/// A query inside of an expression.
#[derive(Debug)]
pub(super) struct SubQuery {
    pub plan: Box<QueryPlan>,
    /// Its rows, once known; only for queries that do not look at the rows around them.
    pub cache: OnceCell<Vec<Row>>,
}

/// Two queries are never taken for the same one.
impl PartialEq for SubQuery {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

/// A query.
#[derive(Debug)]
pub(super) struct QueryPlan {
    pub columns: Vec<String>,
    pub body: BodyPlan,
    /// Sort by output columns; for a single SELECT, columns behind the visible ones may be named.
    pub order_by: Vec<(usize, Direction)>,
    pub limit: Option<(u64, u64)>,
    /// Whether it looks at the rows around it.
    pub correlated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Ascending,
    Descending,
}

#[derive(Debug)]
pub(super) enum BodyPlan {
    Select(Box<SelectPlan>),
    Union { left: Box<BodyPlan>, right: Box<BodyPlan>, all: bool },
    Nested(Box<QueryPlan>),
}

/// One SELECT.
#[derive(Debug)]
pub(super) struct SelectPlan {
    pub from: Joined,
    /// Conditions with ROWNUM, in order, after all others.
    pub late: Vec<Bound>,
    /// Output columns, then hidden ones to sort by.
    pub outputs: Vec<Bound>,
    pub distinct: bool,
    /// How many of the outputs are visible.
    pub visible: usize,
    pub grouping: Option<Grouping>,
}

/// GROUP BY, HAVING and the aggregates in use.
#[derive(Debug)]
pub(super) struct Grouping {
    pub keys: Vec<Bound>,
    pub aggregates: Vec<AggregatePlan>,
    pub having: Option<Bound>,
}

#[derive(Debug, PartialEq)]
pub(super) struct AggregatePlan {
    pub function: Aggregate,
    pub distinct: bool,
    pub argument: Option<Bound>,
}

/// Terms that are joined by conditions; columns are numbered through all terms of a SELECT.
#[derive(Debug)]
pub(super) struct Joined {
    pub terms: Vec<Term>,
    pub conditions: Vec<Condition>,
    pub start: usize,
    pub end: usize,
}

/// One operand of AND.
#[derive(Debug)]
pub(super) struct Condition {
    pub expr: Bound,
    /// Columns it needs: from the first to before the last; `None` for no column.
    pub columns: Option<(usize, usize)>,
    /// It must wait for all columns.
    pub whole: bool,
}

#[derive(Debug)]
pub(super) struct Term {
    pub source: Source,
    pub start: usize,
    pub end: usize,
}

#[derive(Debug)]
pub(super) enum Source {
    Table {
        table: TableId,
        partition: Option<PartitionId>,
    },
    Rows(Vec<Row>),
    /// DUAL's row and its LEVEL, from 1 to before the first later level that does not satisfy the condition.
    Levels(Bound),
    Query(Box<QueryPlan>),
    /// LEFT OUTER JOIN
    Outer {
        left: Box<Joined>,
        right: Box<Joined>,
        on: Vec<Bound>,
    },
}
