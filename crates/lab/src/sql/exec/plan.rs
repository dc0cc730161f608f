//! Resolves a query: its sources, which condition can be checked where, what is grouped and sorted.

use super::{
    bind::Binder,
    bound::{BodyPlan, Bound, Condition, Direction, Grouping, Joined, QueryPlan, SelectPlan, Source, Term},
    eval::Context,
    names::{Columns, Names},
};
use crate::{
    data::Stop,
    sql::{
        SqlError,
        ast::{BinaryOp, Expr, From, OrderBy, Query, QueryBody, Select, SelectItem, TableName},
    },
    value::Datum,
};

pub(super) fn query(ctx: &Context<'_>, query: &Query, outer: Option<&Names<'_>>) -> Result<QueryPlan, Stop> {
    let limit = query.limit.as_ref().map(|l| (l.skip, l.count));
    if let QueryBody::Select(s) = &query.body {
        let (columns, select, order_by, correlated) = select(ctx, s, &query.order_by, outer)?;
        return Ok(QueryPlan { columns, body: BodyPlan::Select(select.into()), order_by, limit, correlated });
    }
    let mut correlated = false;
    let (columns, body) = body(ctx, &query.body, outer, &mut correlated)?;
    let order_by = query.order_by.iter().map(|term| {
        let at = match &term.expr {
            Expr::Literal(Datum::Int(n)) => position(*n, columns.len()),
            Expr::Column { qualifier: None, name } => columns.iter().position(|c| c == name),
            _ => None,
        };
        at.map(|at| (at, direction(term))).ok_or_else(SqlError::no_column)
    });
    let order_by = order_by.collect::<Result<_, _>>()?;
    Ok(QueryPlan { columns, body, order_by, limit, correlated })
}

fn direction(term: &OrderBy) -> Direction {
    if term.descending { Direction::Descending } else { Direction::Ascending }
}

fn position(n: i64, columns: usize) -> Option<usize> {
    usize::try_from(n).ok()?.checked_sub(1).filter(|at| *at < columns)
}

fn body(
    ctx: &Context<'_>,
    body_: &QueryBody,
    outer: Option<&Names<'_>>,
    correlated: &mut bool,
) -> Result<(Vec<String>, BodyPlan), Stop> {
    match body_ {
        QueryBody::Select(s) => {
            let (columns, plan, _, reaches_out) = select(ctx, s, &[], outer)?;
            *correlated |= reaches_out;
            Ok((columns, BodyPlan::Select(plan.into())))
        }
        QueryBody::Nested(q) => {
            let plan = query(ctx, q, outer)?;
            *correlated |= plan.correlated;
            Ok((plan.columns.clone(), BodyPlan::Nested(plan.into())))
        }
        QueryBody::Union { left, right, all } => {
            let (columns, left) = body(ctx, left, outer, correlated)?;
            let (others, right) = body(ctx, right, outer, correlated)?;
            if columns.len() != others.len() {
                return Err(SqlError::value_count().into());
            }
            Ok((columns, BodyPlan::Union { left: left.into(), right: right.into(), all: *all }))
        }
    }
}

type Selected = (Vec<String>, SelectPlan, Vec<(usize, Direction)>, bool);

fn select(ctx: &Context<'_>, s: &Select, order: &[OrderBy], outer: Option<&Names<'_>>) -> Result<Selected, Stop> {
    let mut names = Names::new(outer);
    let mut pending = Vec::new();
    let mut from = joined(ctx, &s.from.iter().collect::<Vec<_>>(), &mut names, &mut pending)?;
    pending.extend(&s.filter);
    let mut late = Vec::new();
    for part in pending.into_iter().flat_map(conjuncts) {
        let condition = condition(ctx, part, &names)?;
        if has_rownum(&condition.expr) { late.push(condition.expr) } else { from.conditions.push(condition) }
    }
    let keys = Binder::new(ctx, &names).all(&s.group_by)?;
    let aggregating = !keys.is_empty() || s.having.is_some() || s.items.iter().any(item_aggregates);
    let mut binder = Binder::new(ctx, &names);
    if aggregating {
        binder.aggregates = Some(Vec::new());
        binder.grouped = Some(&keys);
    }
    let mut columns = Vec::new();
    let mut outputs = Vec::new();
    for item in &s.items {
        output(item, &names, &mut binder, &mut columns, &mut outputs)?;
    }
    let visible = outputs.len();
    let mut order_by = Vec::with_capacity(order.len());
    for term in order {
        let at = match &term.expr {
            Expr::Literal(Datum::Int(n)) => position(*n, visible).ok_or_else(SqlError::no_column)?,
            Expr::Column { qualifier: None, name } if columns.contains(name) => {
                columns.iter().position(|c| c == name).unwrap_or_default()
            }
            expr => {
                outputs.push(binder.bind(expr)?);
                outputs.len() - 1
            }
        };
        order_by.push((at, direction(term)));
    }
    let having = s.having.as_ref().map(|h| binder.bind(h)).transpose()?;
    let aggregates = binder.aggregates.take();
    drop(binder);
    let grouping = aggregates.map(|aggregates| Grouping { keys, aggregates, having });
    let reaches_out = names.reaches_out.get() || reaches_out(&from);
    let plan = SelectPlan { from, late, outputs, distinct: s.distinct, visible, grouping };
    Ok((columns, plan, order_by, reaches_out))
}

/// Subqueries in FROM see the queries around, not their neighbours.
fn reaches_out(from: &Joined) -> bool {
    from.terms.iter().any(|term| match &term.source {
        Source::Query(plan) => plan.correlated,
        Source::Outer { left, right, .. } => reaches_out(left) || reaches_out(right),
        Source::Table { .. } | Source::Rows(_) | Source::Levels(_) => false,
    })
}

fn output(
    item: &SelectItem,
    names: &Names<'_>,
    binder: &mut Binder<'_>,
    columns: &mut Vec<String>,
    outputs: &mut Vec<Bound>,
) -> Result<(), Stop> {
    let wanted = match item {
        SelectItem::Expr { expr, name } => {
            outputs.push(binder.bind(expr)?);
            columns.push(name.clone());
            return Ok(());
        }
        SelectItem::All => None,
        SelectItem::AllOf(qualifier) => Some(qualifier),
    };
    let mut any = false;
    for source in names.sources.iter().filter(|s| wanted.is_none() || s.qualifier.as_ref() == wanted) {
        any = true;
        for (at, name) in source.columns.names().into_iter().enumerate() {
            if binder.grouped.is_some() {
                return Err(SqlError::not_grouped().into());
            }
            outputs.push(Bound::Column { depth: 0, index: source.start + at });
            columns.push(name.to_owned());
        }
    }
    if any { Ok(()) } else { Err(SqlError::no_table().into()) }
}

/// Terms of FROM; conditions of inner joins go to `pending`, because they mean the same as WHERE.
fn joined<'q>(
    ctx: &Context<'_>,
    from: &[&'q From],
    names: &mut Names<'_>,
    pending: &mut Vec<&'q Expr>,
) -> Result<Joined, Stop> {
    let start = names.width();
    let mut terms = Vec::new();
    for term in from {
        add_term(ctx, term, names, &mut terms, pending)?;
    }
    Ok(Joined { terms, conditions: Vec::new(), start, end: names.width() })
}

fn add_term<'q>(
    ctx: &Context<'_>,
    from: &'q From,
    names: &mut Names<'_>,
    terms: &mut Vec<Term>,
    pending: &mut Vec<&'q Expr>,
) -> Result<(), Stop> {
    let start = names.width();
    let source = match from {
        From::Table { table, partition, alias } => {
            let (source, columns) = relation(ctx, table, partition.as_deref())?;
            names.add(Some(alias.as_ref().unwrap_or(&table.name).clone()), columns);
            source
        }
        From::Levels { condition, alias } => {
            let mut own = Names::new(names.outer);
            own.add(alias.clone(), Columns::Levels);
            names.add(Some(alias.as_deref().unwrap_or("DUAL").to_owned()), Columns::Levels);
            Source::Levels(Binder::new(ctx, &own).bind(condition)?)
        }
        From::Query { query: q, alias } => {
            let plan = query(ctx, q, names.outer)?;
            names.add(alias.clone(), Columns::List(plan.columns.clone()));
            Source::Query(plan.into())
        }
        From::Join { left, right, on, outer: false } => {
            add_term(ctx, left, names, terms, pending)?;
            add_term(ctx, right, names, terms, pending)?;
            pending.extend(on);
            return Ok(());
        }
        From::Join { left, right, on, outer: true } => {
            let mut left = inner_block(ctx, left, names)?;
            let mut right = inner_block(ctx, right, names)?;
            for (block, pending) in [&mut left, &mut right] {
                for part in pending.drain(..).flat_map(conjuncts) {
                    block.conditions.push(condition(ctx, part, names)?);
                }
            }
            let mut binder = Binder::new(ctx, names);
            let on = on.iter().flat_map(conjuncts).map(|e| binder.bind(e)).collect::<Result<_, _>>()?;
            Source::Outer { left: left.0.into(), right: right.0.into(), on }
        }
    };
    terms.push(Term { source, start, end: names.width() });
    Ok(())
}

fn inner_block<'q>(ctx: &Context<'_>, from: &'q From, names: &mut Names<'_>) -> Result<(Joined, Vec<&'q Expr>), Stop> {
    let mut pending = Vec::new();
    let block = joined(ctx, &[from], names, &mut pending)?;
    Ok((block, pending))
}

fn relation(ctx: &Context<'_>, table: &TableName, partition: Option<&str>) -> Result<(Source, Columns), Stop> {
    if let Ok(found) = ctx.db.resolve(ctx.user, table) {
        let partition = match partition {
            None => None,
            Some(name) => Some(found.partition(name).ok_or_else(SqlError::no_partition)?.id),
        };
        return Ok((Source::Table { table: found.id, partition }, Columns::Table(ctx.db.definition(found.id))));
    }
    if partition.is_some() {
        return Err(SqlError::no_table().into());
    }
    if table.name == "DUAL" && table.user.as_deref().is_none_or(|u| u == "SYS" || u == "SYSTEM_") {
        return Ok((Source::Rows(vec![[Datum::from("X")].into()]), Columns::List(vec!["X".to_owned()])));
    }
    let found = ctx.host.relation(ctx.db, table.user.as_deref(), &table.name);
    let found = found.ok_or_else(SqlError::no_table)?;
    Ok((Source::Rows(found.rows), Columns::List(found.columns)))
}

/// The operands of AND, one by one.
pub(super) fn conjuncts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Binary { left, op: BinaryOp::And, right } => {
            let mut parts = conjuncts(left);
            parts.extend(conjuncts(right));
            parts
        }
        other => vec![other],
    }
}

pub(super) fn condition(ctx: &Context<'_>, expr: &Expr, names: &Names<'_>) -> Result<Condition, Stop> {
    let expr = Binder::new(ctx, names).bind(expr)?;
    let mut columns: Option<(usize, usize)> = None;
    let mut whole = false;
    visit(&expr, &mut |e| match e {
        Bound::Column { depth: 0, index } => {
            let (low, high) = columns.unwrap_or((*index, index + 1));
            columns = Some((low.min(*index), high.max(index + 1)));
        }
        // What a subquery looks at is not followed.
        Bound::InQuery { .. } | Bound::Exists { .. } | Bound::Scalar(_) => whole = true,
        _ => {}
    });
    Ok(Condition { expr, columns, whole })
}

pub(super) fn has_rownum(expr: &Bound) -> bool {
    let mut found = false;
    visit(expr, &mut |e| found |= matches!(e, Bound::RowNum));
    found
}

/// Every part of an expression, subqueries aside.
pub(super) fn visit(expr: &Bound, see: &mut impl FnMut(&Bound)) {
    see(expr);
    match expr {
        Bound::Const(_)
        | Bound::Column { .. }
        | Bound::RowNum
        | Bound::Slot(_)
        | Bound::Exists { .. }
        | Bound::Scalar(_) => {}
        Bound::Not(e) | Bound::Negate(e) | Bound::IsNull { expr: e, .. } | Bound::InQuery { expr: e, .. } => {
            visit(e, see);
        }
        Bound::And(a, b)
        | Bound::Or(a, b)
        | Bound::Concat(a, b)
        | Bound::Compare { left: a, right: b, .. }
        | Bound::Arithmetic { left: a, right: b, .. }
        | Bound::Like { expr: a, pattern: b, .. } => {
            visit(a, see);
            visit(b, see);
        }
        Bound::In { expr, list, .. } => {
            visit(expr, see);
            for e in list {
                visit(e, see);
            }
        }
        Bound::Case { operand, branches, otherwise } => {
            for e in operand.iter().chain(otherwise) {
                visit(e, see);
            }
            for (when, then) in branches {
                visit(when, see);
                visit(then, see);
            }
        }
        Bound::Builtin { args, .. } | Bound::Host { args, .. } => {
            for e in args {
                visit(e, see);
            }
        }
    }
}

fn item_aggregates(item: &SelectItem) -> bool {
    match item {
        SelectItem::All | SelectItem::AllOf(_) => false,
        SelectItem::Expr { expr, .. } => aggregates(expr),
    }
}

/// Whether an aggregate stands in the expression itself, not in a subquery.
fn aggregates(expr: &Expr) -> bool {
    match expr {
        Expr::Aggregate { .. } => true,
        Expr::Literal(_) | Expr::Column { .. } | Expr::RowNum | Expr::Exists { .. } | Expr::Scalar(_) => false,
        Expr::Not(e) | Expr::Negate(e) | Expr::IsNull { expr: e, .. } | Expr::InQuery { expr: e, .. } => aggregates(e),
        Expr::Binary { left, right, .. } => aggregates(left) || aggregates(right),
        Expr::Like { expr, pattern, .. } => aggregates(expr) || aggregates(pattern),
        Expr::InList { expr, list, .. } => aggregates(expr) || list.iter().any(aggregates),
        Expr::Between { expr, low, high, .. } => aggregates(expr) || aggregates(low) || aggregates(high),
        Expr::Case { operand, branches, otherwise } => {
            operand.iter().chain(otherwise).any(|e| aggregates(e))
                || branches.iter().any(|(when, then)| aggregates(when) || aggregates(then))
        }
        Expr::Call { args, .. } => args.iter().any(aggregates),
    }
}
