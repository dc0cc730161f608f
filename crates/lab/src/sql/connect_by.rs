//! `FROM DUAL CONNECT BY LEVEL <= n`: rows by counting, the usual way to fill a table.
//!
//! Decides which hierarchical queries this lab reads: those over DUAL alone whose LEVEL has an upper bound. A query
//! that could go on for ever, or that walks a real hierarchy, must never get past here.

use sqlparser::ast as sp;

use super::{
    SqlError,
    ast::{BinaryOp, Expr, From},
    lower::expr,
};

fn refused<T>(reason: &str) -> Result<T, SqlError> {
    Err(SqlError::syntax_because(reason))
}

/// The FROM of a SELECT together with its CONNECT BY.
///
/// # Errors
/// 31001 with the reason for hierarchies that this lab does not read.
pub(super) fn from(from: Vec<From>, clauses: Vec<sp::ConnectByKind>) -> Result<Vec<From>, SqlError> {
    let mut clauses = clauses.into_iter();
    let relationships = match (clauses.next(), clauses.next()) {
        (None, _) => return Ok(from),
        (Some(sp::ConnectByKind::ConnectBy { nocycle: false, relationships, .. }), None) => relationships,
        (Some(_), _) => return refused("START WITH and NOCYCLE are not supported."),
    };
    let mut terms = from.into_iter();
    let (alias, partition) = match (terms.next(), terms.next()) {
        (Some(From::Table { table, partition, alias }), None)
            if table.name == "DUAL" && table.user.as_deref().is_none_or(|u| u == "SYS" || u == "SYSTEM_") =>
        {
            (alias, partition)
        }
        _ => return refused("CONNECT BY is supported for DUAL only."),
    };
    let mut conditions = relationships.into_iter();
    let (Some(condition), None, None) = (conditions.next(), conditions.next(), partition) else {
        return refused("");
    };
    let condition = expr(condition)?;
    if !bounded(&condition) {
        return refused("CONNECT BY needs LEVEL < n or LEVEL <= n.");
    }
    Ok(vec![From::Levels { condition, alias }])
}

/// Whether it ends: one of the operands of AND holds LEVEL below a constant.
fn bounded(condition: &Expr) -> bool {
    let Expr::Binary { left, op, right } = condition else { return false };
    match op {
        BinaryOp::And => bounded(left) || bounded(right),
        BinaryOp::Lt | BinaryOp::Le => is_level(left) && is_constant(right),
        BinaryOp::Gt | BinaryOp::Ge => is_constant(left) && is_level(right),
        BinaryOp::Eq => is_level(left) && is_constant(right) || is_constant(left) && is_level(right),
        BinaryOp::Or
        | BinaryOp::Ne
        | BinaryOp::Add
        | BinaryOp::Sub
        | BinaryOp::Mul
        | BinaryOp::Div
        | BinaryOp::Concat => false,
    }
}

fn is_level(expr: &Expr) -> bool {
    matches!(expr, Expr::Column { name, .. } if name == "LEVEL")
}

/// A literal or arithmetic of literals.
fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(_) => true,
        Expr::Negate(inner) => is_constant(inner),
        Expr::Binary { left, op: BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div, right } => {
            is_constant(left) && is_constant(right)
        }
        _ => false,
    }
}
