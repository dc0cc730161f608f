//! Which relations a statement touches.

use crate::sql::{
    Statement,
    ast::{Expr, From, InsertSource, Query, QueryBody, SelectItem, TableName},
};

/// The relations that a query or row change reads or changes, subqueries included, in the order written; empty for
/// other statements. For waits that belong to a V$ view.
#[must_use]
pub fn relations(statement: &Statement) -> Vec<TableName> {
    let mut out = Vec::new();
    match statement {
        Statement::Query(q) => query(q, &mut out),
        Statement::Insert(insert) => {
            out.push(insert.table.clone());
            match &insert.source {
                InsertSource::Values(rows) => rows.iter().flatten().flatten().for_each(|e| expr(e, &mut out)),
                InsertSource::Query(q) => query(q, &mut out),
            }
        }
        Statement::Update(update) => {
            out.push(update.table.clone());
            update.assignments.iter().filter_map(|(_, e)| e.as_ref()).for_each(|e| expr(e, &mut out));
            update.filter.iter().for_each(|e| expr(e, &mut out));
        }
        Statement::Delete(delete) => {
            out.push(delete.table.clone());
            delete.filter.iter().for_each(|e| expr(e, &mut out));
        }
        _ => {}
    }
    out
}

fn query(q: &Query, out: &mut Vec<TableName>) {
    body(&q.body, out);
    q.order_by.iter().for_each(|term| expr(&term.expr, out));
}

fn body(b: &QueryBody, out: &mut Vec<TableName>) {
    match b {
        QueryBody::Nested(q) => query(q, out),
        QueryBody::Union { left, right, .. } => {
            body(left, out);
            body(right, out);
        }
        QueryBody::Select(s) => {
            for item in &s.items {
                match item {
                    SelectItem::All | SelectItem::AllOf(_) => {}
                    SelectItem::Expr { expr: e, .. } => expr(e, out),
                }
            }
            s.from.iter().for_each(|f| from(f, out));
            s.filter.iter().chain(&s.group_by).chain(&s.having).for_each(|e| expr(e, out));
        }
    }
}

fn from(f: &From, out: &mut Vec<TableName>) {
    match f {
        From::Table { table, .. } => out.push(table.clone()),
        From::Levels { condition, .. } => {
            out.push(TableName { user: None, name: "DUAL".to_owned() });
            expr(condition, out);
        }
        From::Query { query: q, .. } => query(q, out),
        From::Join { left, right, on, .. } => {
            from(left, out);
            from(right, out);
            exprs(on, out);
        }
    }
}

fn exprs<'e>(list: impl IntoIterator<Item = &'e Expr>, out: &mut Vec<TableName>) {
    for e in list {
        expr(e, out);
    }
}

fn expr(e: &Expr, out: &mut Vec<TableName>) {
    match e {
        Expr::Literal(_) | Expr::Column { .. } | Expr::RowNum => {}
        Expr::Not(e) | Expr::Negate(e) | Expr::IsNull { expr: e, .. } => expr(e, out),
        Expr::Binary { left, right, .. } => {
            expr(left, out);
            expr(right, out);
        }
        Expr::InList { expr: e, list, .. } => {
            expr(e, out);
            exprs(list, out);
        }
        Expr::InQuery { expr: e, query: q, .. } => {
            expr(e, out);
            query(q, out);
        }
        Expr::Exists { query: q, .. } | Expr::Scalar(q) => query(q, out),
        Expr::Between { expr: e, low, high, .. } => [e, low, high].into_iter().for_each(|e| expr(e, out)),
        Expr::Like { expr: e, pattern, .. } => {
            expr(e, out);
            expr(pattern, out);
        }
        Expr::Case { operand, branches, otherwise } => {
            operand.iter().chain(otherwise).for_each(|e| expr(e, out));
            for (when, then) in branches {
                expr(when, out);
                expr(then, out);
            }
        }
        Expr::Call { args, .. } => exprs(args, out),
        Expr::Aggregate { argument, .. } => argument.iter().for_each(|e| expr(e, out)),
    }
}
