//! Queries and row changes as this lab understands them: smaller than `sqlparser`'s tree, names already folded.
//!
//! Nothing here is resolved against a catalog; that happens when a statement runs.

use crate::value::Datum;

/// A table, view or catalog relation as it was written; unquoted parts are in upper case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName {
    /// Owner; `None` when not written.
    pub user: Option<String>,
    /// Table.
    pub name: String,
}

/// SELECT with everything around it.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// One SELECT or several joined by UNION, left to right.
    pub body: QueryBody,
    /// ORDER BY.
    pub order_by: Vec<OrderBy>,
    /// LIMIT.
    pub limit: Option<Limit>,
    /// FOR UPDATE was written; accepted and ignored.
    pub for_update: bool,
}

/// What a query is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum QueryBody {
    /// SELECT ...
    Select(Box<Select>),
    /// UNION or UNION ALL.
    Union {
        /// Left operand.
        left: Box<QueryBody>,
        /// Right operand.
        right: Box<QueryBody>,
        /// ALL: duplicates stay.
        all: bool,
    },
    /// A query in parentheses.
    Nested(Box<Query>),
}

/// One ORDER BY term.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderBy {
    /// A position (integer literal), an output name or any expression.
    pub expr: Expr,
    /// DESC
    pub descending: bool,
}

/// `LIMIT [first,] count` or `LIMIT count OFFSET skip`.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// Rows to leave out.
    pub skip: u64,
    /// Rows to give at most.
    pub count: u64,
}

/// One SELECT.
#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    /// DISTINCT
    pub distinct: bool,
    /// Output columns.
    pub items: Vec<SelectItem>,
    /// FROM; comma separated terms, each a chain of joins. Empty is not legal SQL here.
    pub from: Vec<From>,
    /// WHERE
    pub filter: Option<Expr>,
    /// GROUP BY
    pub group_by: Vec<Expr>,
    /// HAVING
    pub having: Option<Expr>,
}

/// One output column.
#[derive(Clone, Debug, PartialEq)]
pub enum SelectItem {
    /// `*`
    All,
    /// `T.*`
    AllOf(String),
    /// An expression under its name: the alias, or what the server would call it.
    Expr {
        /// What to compute.
        expr: Expr,
        /// Column name in the answer.
        name: String,
    },
}

/// A source of rows.
#[derive(Clone, Debug, PartialEq)]
pub enum From {
    /// A table, view or catalog relation.
    Table {
        /// Its name.
        table: TableName,
        /// `PARTITION (p)`
        partition: Option<String>,
        /// Alias.
        alias: Option<String>,
    },
    /// `DUAL CONNECT BY LEVEL <= n`: DUAL once for each level, from 1 on, under a pseudo column LEVEL.
    Levels {
        /// Asked from level 2 on; it ends where this does not hold, and it bounds LEVEL from above.
        condition: Expr,
        /// Alias.
        alias: Option<String>,
    },
    /// A subquery.
    Query {
        /// The subquery.
        query: Box<Query>,
        /// Alias.
        alias: Option<String>,
    },
    /// INNER JOIN, CROSS JOIN (no condition) or LEFT OUTER JOIN.
    Join {
        /// Left side.
        left: Box<From>,
        /// Right side.
        right: Box<From>,
        /// ON; `None` for CROSS JOIN.
        on: Option<Expr>,
        /// LEFT OUTER: left rows without a partner stay.
        outer: bool,
    },
}

/// An expression. Conditions are expressions too; an unknown truth value is NULL.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A constant.
    Literal(Datum),
    /// `NAME`, `T.NAME` or `U.T.NAME`.
    Column {
        /// Alias or table name before the dot.
        qualifier: Option<String>,
        /// Column name.
        name: String,
    },
    /// ROWNUM
    RowNum,
    /// NOT
    Not(Box<Expr>),
    /// Unary minus.
    Negate(Box<Expr>),
    /// Two operands.
    Binary {
        /// Left operand.
        left: Box<Expr>,
        /// What to do.
        op: BinaryOp,
        /// Right operand.
        right: Box<Expr>,
    },
    /// `IS [NOT] NULL`
    IsNull {
        /// Operand.
        expr: Box<Expr>,
        /// NOT was written.
        negated: bool,
    },
    /// `[NOT] IN (a, b, ...)`
    InList {
        /// Operand.
        expr: Box<Expr>,
        /// Alternatives.
        list: Vec<Expr>,
        /// NOT was written.
        negated: bool,
    },
    /// `[NOT] IN (SELECT ...)`
    InQuery {
        /// Operand.
        expr: Box<Expr>,
        /// Alternatives.
        query: Box<Query>,
        /// NOT was written.
        negated: bool,
    },
    /// `[NOT] EXISTS (SELECT ...)`
    Exists {
        /// The subquery.
        query: Box<Query>,
        /// NOT was written.
        negated: bool,
    },
    /// `[NOT] BETWEEN a AND b`
    Between {
        /// Operand.
        expr: Box<Expr>,
        /// Lower bound, inclusive.
        low: Box<Expr>,
        /// Upper bound, inclusive.
        high: Box<Expr>,
        /// NOT was written.
        negated: bool,
    },
    /// `[NOT] LIKE pattern [ESCAPE c]`
    Like {
        /// Operand.
        expr: Box<Expr>,
        /// Pattern with `%` and `_`.
        pattern: Box<Expr>,
        /// Escape character.
        escape: Option<char>,
        /// NOT was written.
        negated: bool,
    },
    /// CASE
    Case {
        /// `CASE x WHEN 1`: the x.
        operand: Option<Box<Expr>>,
        /// WHEN, THEN.
        branches: Vec<(Expr, Expr)>,
        /// ELSE
        otherwise: Option<Box<Expr>>,
    },
    /// A function that is not an aggregate; a word such as SYSDATE is a call without arguments.
    Call {
        /// Name in upper case.
        name: String,
        /// Arguments.
        args: Vec<Expr>,
    },
    /// COUNT, SUM, MIN, MAX, AVG
    Aggregate {
        /// Which.
        function: Aggregate,
        /// DISTINCT was written.
        distinct: bool,
        /// Operand; `None` for `COUNT(*)`.
        argument: Option<Box<Expr>>,
    },
    /// A subquery that gives one value.
    Scalar(Box<Query>),
}

/// Operators with two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    /// AND
    And,
    /// OR
    Or,
    /// =
    Eq,
    /// <> and !=
    Ne,
    /// <
    Lt,
    /// <=
    Le,
    /// >
    Gt,
    /// >=
    Ge,
    /// +
    Add,
    /// -
    Sub,
    /// *
    Mul,
    /// /
    Div,
    /// ||
    Concat,
}

/// Aggregate functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// Rows, or values that are not NULL.
    Count,
    /// Sum; NULL for no value.
    Sum,
    /// Smallest.
    Min,
    /// Largest.
    Max,
    /// Mean; NULL for no value.
    Avg,
}

/// INSERT
#[derive(Clone, Debug, PartialEq)]
pub struct Insert {
    /// Where to.
    pub table: TableName,
    /// Columns named; empty for all in their order.
    pub columns: Vec<String>,
    /// What.
    pub source: InsertSource,
}

/// What INSERT inserts.
#[derive(Clone, Debug, PartialEq)]
pub enum InsertSource {
    /// VALUES; `None` stands for the word DEFAULT.
    Values(Vec<Vec<Option<Expr>>>),
    /// SELECT
    Query(Box<Query>),
}

/// UPDATE
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// Which table.
    pub table: TableName,
    /// Alias.
    pub alias: Option<String>,
    /// SET; `None` stands for the word DEFAULT.
    pub assignments: Vec<(String, Option<Expr>)>,
    /// WHERE
    pub filter: Option<Expr>,
}

/// DELETE
#[derive(Clone, Debug, PartialEq)]
pub struct Delete {
    /// Which table.
    pub table: TableName,
    /// `PARTITION (p)`
    pub partition: Option<String>,
    /// Alias.
    pub alias: Option<String>,
    /// WHERE
    pub filter: Option<Expr>,
}
