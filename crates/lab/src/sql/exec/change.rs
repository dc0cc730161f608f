//! Runs INSERT, UPDATE and DELETE: first everything is computed, then it is written, row by row.

use std::{cell::RefCell, sync::Arc};

use super::{
    Host, STAMP, Scope,
    bind::Binder,
    bound::Bound,
    eval::{Context, Frame, eval},
    join,
    names::{Columns, Names},
    plan,
    plan::{condition, conjuncts, has_rownum},
    run,
    scan::TableScan,
};
use crate::{
    data::{Database, Key, PartitionId, Stop, Table, TxId},
    sql::{
        SqlError, Statement,
        ast::{Delete, Expr, Insert, InsertSource, Update},
    },
    value::{ColumnType, Datum, Row},
};

/// Runs INSERT, UPDATE or DELETE inside of `tx` and gives the number of rows. A statement that stops has changed
/// nothing.
///
/// # Errors
/// As [`query`](super::query), and [`Stop::Blocked`] when another transaction holds a row or the table: run the same
/// statement again when that transaction has ended, or give up with [`SqlError::lock_timeout`] and
/// [`Database::stop_waiting`].
///
/// # Panics
/// For any other kind of statement: a programming error of the caller.
pub fn change(db: &mut Database, scope: &mut Scope<'_>, tx: TxId, statement: &Statement) -> Result<u64, Stop> {
    let user = scope.user;
    let host: RefCell<&mut dyn Host> = RefCell::new(&mut *scope.host);
    let start = db.savepoint(tx);
    let ctx = Context { db, user, tx: Some(tx), host: &host };
    let changes = match statement {
        Statement::Insert(insert) => inserts(&ctx, insert),
        Statement::Update(update) => updates(&ctx, update),
        Statement::Delete(delete) => deletes(&ctx, delete),
        other => panic!("not a row change: {other:?}"),
    }?;
    let written = changes.write(db, tx);
    if written.is_err() {
        db.undo_statement(tx, start);
    }
    written
}

/// What a statement does, before it does it.
enum Changes {
    Insert(Arc<Table>, Vec<Row>),
    Update(Arc<Table>, Vec<(Key, Row)>),
    Delete(Arc<Table>, Vec<Key>),
}

impl Changes {
    fn write(self, db: &mut Database, tx: TxId) -> Result<u64, Stop> {
        let count = match self {
            Self::Insert(table, rows) => {
                let count = rows.len();
                rows.into_iter().try_for_each(|row| db.insert(tx, table.id, row))?;
                count
            }
            Self::Update(table, rows) => {
                let count = rows.len();
                rows.into_iter().try_for_each(|(key, row)| db.update(tx, table.id, &key, row))?;
                count
            }
            Self::Delete(table, keys) => {
                keys.iter().try_for_each(|key| db.delete(tx, table.id, key))?;
                keys.len()
            }
        };
        Ok(count as u64)
    }
}

fn column(table: &Table, name: &str) -> Result<usize, SqlError> {
    table.column(name).ok_or_else(SqlError::no_column)
}

fn inserts(ctx: &Context<'_>, insert: &Insert) -> Result<Changes, Stop> {
    let table = ctx.db.definition(ctx.db.resolve(ctx.user, &insert.table)?.id);
    let all = 0..table.columns.len();
    let targets: Vec<usize> = if insert.columns.is_empty() {
        all.collect()
    } else {
        insert.columns.iter().map(|name| column(&table, name)).collect::<Result<_, _>>()?
    };
    let mut rows = Vec::new();
    match &insert.source {
        InsertSource::Values(lists) => {
            let names = Names::new(None);
            let mut binder = Binder::new(ctx, &names);
            let frame = Frame::of(&[], 0, None);
            for list in lists {
                let mut values = Vec::with_capacity(list.len());
                for expr in list {
                    values.push(match expr {
                        None => None,
                        Some(Expr::Literal(value)) => Some(value.clone()),
                        Some(expr) => Some(eval(ctx, &binder.bind(expr)?, &frame)?),
                    });
                }
                rows.push(complete(&table, &targets, values)?);
            }
        }
        InsertSource::Query(query) => {
            let plan = plan::query(ctx, query, None)?;
            for row in run::rows(ctx, &plan, None)? {
                rows.push(complete(&table, &targets, row.iter().cloned().map(Some).collect())?);
            }
        }
    }
    if let Some(at) = stamp(&table) {
        for row in rows.iter_mut().filter(|row| row[at].is_null()) {
            let mut stamped = row.to_vec();
            stamped[at] = moment(ctx)?;
            *row = stamped.into();
        }
    }
    Ok(Changes::Insert(table, rows))
}

/// Position of the TIMESTAMP column.
fn stamp(table: &Table) -> Option<usize> {
    table.columns.iter().position(|c| c.column_type == ColumnType::Timestamp)
}

/// What it gets where the statement does not say.
fn moment(ctx: &Context<'_>) -> Result<Datum, Stop> {
    ctx.host.call(STAMP, &[]).unwrap_or(Ok(Datum::Null))
}

/// A whole row from the values for some columns; `None` is DEFAULT.
fn complete(table: &Table, targets: &[usize], values: Vec<Option<Datum>>) -> Result<Row, SqlError> {
    if values.len() != targets.len() {
        return Err(SqlError::value_count());
    }
    let mut row: Vec<Datum> = if targets.len() == table.columns.len() {
        vec![Datum::Null; targets.len()]
    } else {
        table.columns.iter().map(|c| c.default.clone()).collect()
    };
    for (&target, value) in targets.iter().zip(values) {
        let column = &table.columns[target];
        row[target] = match value {
            Some(value) => column.column_type.fit(&column.name, value)?,
            None => column.default.clone(),
        };
    }
    Ok(row.into())
}

/// Rows that match, as the transaction sees them.
fn matching(
    ctx: &Context<'_>,
    table: &Arc<Table>,
    names: &Names<'_>,
    partition: Option<PartitionId>,
    filter: Option<&Expr>,
) -> Result<Vec<(Key, Row)>, Stop> {
    let mut plain = Vec::new();
    let mut late = Vec::new();
    for part in filter.into_iter().flat_map(conjuncts) {
        let bound = condition(ctx, part, names)?.expr;
        if has_rownum(&bound) { late.push(bound) } else { plain.push(bound) }
    }
    let conditions: Vec<&Bound> = plain.iter().collect();
    let scan = TableScan { table: table.id, partition, conditions: &conditions, base: 0, outer: None };
    let mut found = Vec::new();
    scan.each(ctx, |key, row| {
        let rownum = i64::try_from(found.len()).map_or(i64::MAX, |n| n + 1);
        let frame = Frame { rownum, ..Frame::of(row, 0, None) };
        if join::all_hold(ctx, &late, &frame)? {
            found.push((key.clone(), row.clone()));
        }
        Ok(())
    })?;
    Ok(found)
}

fn names_of(table: &Arc<Table>, alias: Option<&String>) -> Names<'static> {
    let mut names = Names::new(None);
    names.add(Some(alias.unwrap_or(&table.name).clone()), Columns::Table(table.clone()));
    names
}

fn updates(ctx: &Context<'_>, update: &Update) -> Result<Changes, Stop> {
    let table = ctx.db.definition(ctx.db.resolve(ctx.user, &update.table)?.id);
    let names = names_of(&table, update.alias.as_ref());
    let mut binder = Binder::new(ctx, &names);
    let mut assignments = Vec::with_capacity(update.assignments.len());
    for (name, expr) in &update.assignments {
        assignments.push((column(&table, name)?, expr.as_ref().map(|e| binder.bind(e)).transpose()?));
    }
    let mut changed = Vec::new();
    for (key, row) in matching(ctx, &table, &names, None, update.filter.as_ref())? {
        let frame = Frame::of(&row, 0, None);
        let mut after = row.to_vec();
        for (at, expr) in &assignments {
            let column = &table.columns[*at];
            after[*at] = match expr {
                Some(expr) => column.column_type.fit(&column.name, eval(ctx, expr, &frame)?)?,
                None => column.default.clone(),
            };
        }
        if let Some(at) = stamp(&table).filter(|at| assignments.iter().all(|(named, _)| named != at)) {
            after[at] = moment(ctx)?;
        }
        changed.push((key, after.into()));
    }
    Ok(Changes::Update(table, changed))
}

fn deletes(ctx: &Context<'_>, delete: &Delete) -> Result<Changes, Stop> {
    let table = ctx.db.definition(ctx.db.resolve(ctx.user, &delete.table)?.id);
    let partition = match &delete.partition {
        None => None,
        Some(name) => Some(table.partition(name).ok_or_else(SqlError::no_partition)?.id),
    };
    let names = names_of(&table, delete.alias.as_ref());
    let found = matching(ctx, &table, &names, partition, delete.filter.as_ref())?;
    Ok(Changes::Delete(table, found.into_iter().map(|(key, _)| key).collect()))
}
