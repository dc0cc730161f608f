//! `sqlparser`'s trees of whole statements to ours.

use sqlparser::ast as sp;

use super::{
    SqlError, Statement,
    ast::{Delete, Expr, Insert, InsertSource, Update},
    lower::{alias, expr, name, query, single, table_name, unknown},
};

pub(super) fn statement(statement: sp::Statement) -> Result<Statement, SqlError> {
    match statement {
        sp::Statement::Query(q) => query(*q).map(|q| Statement::Query(q.into())),
        sp::Statement::Insert(i) => insert(i).map(|i| Statement::Insert(i.into())),
        sp::Statement::Update(u) => update(u).map(|u| Statement::Update(u.into())),
        sp::Statement::Delete(d) => delete(d).map(|d| Statement::Delete(d.into())),
        _ => unknown(),
    }
}

/// `None` for the bare word DEFAULT.
fn or_default(e: sp::Expr) -> Result<Option<Expr>, SqlError> {
    match &e {
        sp::Expr::Identifier(i) if i.quote_style.is_none() && i.value.eq_ignore_ascii_case("DEFAULT") => Ok(None),
        _ => expr(e).map(Some),
    }
}

fn insert(i: sp::Insert) -> Result<Insert, SqlError> {
    let extra = i.or.is_some() || i.ignore || i.overwrite || i.partitioned.is_some() || i.on.is_some();
    let more = i.returning.is_some() || i.replace_into || i.priority.is_some() || !i.assignments.is_empty() || !i.into;
    let (sp::TableObject::TableName(table), Some(source), false, false) = (&i.table, i.source, extra, more) else {
        return unknown();
    };
    let is_values = matches!(*source.body, sp::SetExpr::Values(_));
    let source = if is_values {
        let sp::SetExpr::Values(values) = *source.body else { return unknown() };
        let row = |row: sp::Parens<Vec<sp::Expr>>| row.content.into_iter().map(or_default).collect();
        InsertSource::Values(values.rows.into_iter().map(row).collect::<Result<_, _>>()?)
    } else {
        InsertSource::Query(query(*source)?.into())
    };
    let columns = i.columns.iter().map(single).collect::<Result<_, _>>()?;
    Ok(Insert { table: table_name(table)?, columns, source })
}

fn update(u: sp::Update) -> Result<Update, SqlError> {
    let extra = u.from.is_some() || u.returning.is_some() || u.or.is_some() || u.limit.is_some();
    let sp::TableFactor::Table { name: table, alias: a, .. } = &u.table.relation else { return unknown() };
    if extra || !u.table.joins.is_empty() || !u.order_by.is_empty() {
        return unknown();
    }
    let assignment = |a: sp::Assignment| match a.target {
        sp::AssignmentTarget::ColumnName(column) => {
            let column = column.0.last().and_then(sp::ObjectNamePart::as_ident).map_or_else(unknown, name)?;
            Ok((column, or_default(a.value)?))
        }
        sp::AssignmentTarget::Tuple(_) => unknown(),
    };
    Ok(Update {
        table: table_name(table)?,
        alias: alias(a.as_ref())?,
        assignments: u.assignments.into_iter().map(assignment).collect::<Result<_, _>>()?,
        filter: u.selection.map(expr).transpose()?,
    })
}

fn delete(d: sp::Delete) -> Result<Delete, SqlError> {
    let extra = d.using.is_some() || d.returning.is_some() || d.limit.is_some() || !d.order_by.is_empty();
    let (sp::FromTable::WithFromKeyword(from) | sp::FromTable::WithoutKeyword(from)) = &d.from;
    let [sp::TableWithJoins { relation: sp::TableFactor::Table { name: table, alias: a, partitions, .. }, joins }] =
        &from[..]
    else {
        return unknown();
    };
    if extra || !joins.is_empty() || !d.tables.is_empty() || partitions.len() > 1 {
        return unknown();
    }
    Ok(Delete {
        table: table_name(table)?,
        partition: partitions.first().map(name).transpose()?,
        alias: alias(a.as_ref())?,
        filter: d.selection.map(expr).transpose()?,
    })
}
