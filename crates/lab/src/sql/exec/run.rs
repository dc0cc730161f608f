//! Runs a resolved query: rows, groups, outputs, order.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    bound::{AggregatePlan, BodyPlan, Bound, Direction, Grouping, QueryPlan, SelectPlan, Source, Term},
    compare::as_number,
    eval::{Context, Frame, eval},
    join,
    scan::TableScan,
};
use crate::{
    data::Stop,
    sql::{SqlError, ast::Aggregate},
    value::{Datum, Row},
};

/// All rows of a query, in order.
pub(super) fn rows(ctx: &Context<'_>, plan: &QueryPlan, outer: Option<&Frame<'_>>) -> Result<Vec<Row>, Stop> {
    if let Some(rows) = first_of_table(ctx, plan, outer)? {
        return Ok(rows);
    }
    let mut rows = body(ctx, &plan.body, outer)?;
    if !plan.order_by.is_empty() {
        rows.sort_by(|a, b| {
            let each = plan.order_by.iter().map(|(at, direction)| match direction {
                Direction::Ascending => a[*at].cmp(&b[*at]),
                Direction::Descending => b[*at].cmp(&a[*at]),
            });
            each.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        });
    }
    if let Some((skip, count)) = plan.limit {
        let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        rows = rows.into_iter().skip(size(skip)).take(size(count)).collect();
    }
    let visible = plan.columns.len();
    if rows.first().is_some_and(|row| row.len() > visible) {
        rows = rows.iter().map(|row| row[..visible].into()).collect();
    }
    Ok(rows)
}

/// `SELECT .. FROM t WHERE .. ORDER BY key LIMIT n`: the table comes in that order, so nothing behind the last row is
/// read. `None` where it is another query.
fn first_of_table(ctx: &Context<'_>, plan: &QueryPlan, outer: Option<&Frame<'_>>) -> Result<Option<Vec<Row>>, Stop> {
    let (BodyPlan::Select(select), Some((skip, count)), false) = (&plan.body, plan.limit, plan.order_by.is_empty())
    else {
        return Ok(None);
    };
    let ([term], [], None, false) = (&select.from.terms[..], &select.late[..], &select.grouping, select.distinct)
    else {
        return Ok(None);
    };
    let Source::Table { table, partition } = &term.source else { return Ok(None) };
    let inside = |(low, high): (usize, usize)| low >= term.start && high <= term.end;
    if !select.from.conditions.iter().all(|c| !c.whole && c.columns.is_some_and(inside)) {
        return Ok(None);
    }
    let by = plan.order_by.iter().map(|(at, direction)| match (&select.outputs[*at], direction) {
        (Bound::Column { depth: 0, index }, Direction::Ascending) => index.checked_sub(term.start),
        _ => None,
    });
    let Some(by) = by.collect::<Option<Vec<_>>>() else { return Ok(None) };
    let conditions: Vec<&Bound> = select.from.conditions.iter().map(|c| &c.expr).collect();
    let scan = TableScan { table: *table, partition: *partition, conditions: &conditions, base: term.start, outer };
    if !scan.comes_in_order_of(ctx, &by) {
        return Ok(None);
    }
    let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let found = scan.first(ctx, size(skip).saturating_add(size(count)))?;
    let visible = plan.columns.len();
    let shown = found.iter().enumerate().skip(size(skip)).map(|(at, row)| {
        let frame = Frame { rownum: row_number(at), ..Frame::of(row, 0, outer) };
        outputs(ctx, select, &frame).map(|row| row[..visible].into())
    });
    shown.collect::<Result<Vec<_>, _>>().map(Some)
}

fn body(ctx: &Context<'_>, plan: &BodyPlan, outer: Option<&Frame<'_>>) -> Result<Vec<Row>, Stop> {
    match plan {
        BodyPlan::Select(plan) => select(ctx, plan, outer),
        BodyPlan::Nested(plan) => rows(ctx, plan, outer),
        BodyPlan::Union { left, right, all } => {
            let mut rows = body(ctx, left, outer)?;
            rows.extend(body(ctx, right, outer)?);
            if !all {
                let mut seen = BTreeSet::new();
                rows.retain(|row| seen.insert(row.clone()));
            }
            Ok(rows)
        }
    }
}

fn select(ctx: &Context<'_>, plan: &SelectPlan, outer: Option<&Frame<'_>>) -> Result<Vec<Row>, Stop> {
    if let Some(row) = counted(ctx, plan, outer)? {
        return Ok(vec![row]);
    }
    if let ([Term { source: Source::Levels(condition), .. }], None) = (&plan.from.terms[..], &plan.grouping) {
        let mut out = Vec::new();
        let mut before = 0;
        join::each_level(ctx, condition, outer, |row| {
            let frame = Frame { rownum: row_number(before), ..Frame::of(row, 0, outer) };
            let filter = plan.from.conditions.iter().map(|c| &c.expr).chain(&plan.late);
            if join::all_hold(ctx, filter, &frame)? {
                before += 1;
                out.push(outputs(ctx, plan, &frame)?);
            }
            Ok(())
        })?;
        return Ok(distinct(plan, out));
    }
    let mut input = join::rows(ctx, &plan.from, outer)?;
    if !plan.late.is_empty() {
        let mut kept = Vec::new();
        for row in input {
            let rownum = row_number(kept.len());
            let frame = Frame { rownum, ..Frame::of(&row, 0, outer) };
            if join::all_hold(ctx, &plan.late, &frame)? {
                kept.push(row);
            }
        }
        input = kept;
    }
    let out = match &plan.grouping {
        Some(grouping) => grouped(ctx, plan, grouping, &input, outer)?,
        None if copies(plan) => input,
        None => {
            let mut out = Vec::with_capacity(input.len());
            for (at, row) in input.iter().enumerate() {
                let frame = Frame { rownum: row_number(at), ..Frame::of(row, 0, outer) };
                out.push(outputs(ctx, plan, &frame)?);
            }
            out
        }
    };
    Ok(distinct(plan, out))
}

fn distinct(plan: &SelectPlan, mut rows: Vec<Row>) -> Vec<Row> {
    if plan.distinct {
        let mut seen = BTreeSet::new();
        rows.retain(|row| seen.insert(Row::from(&row[..plan.visible])));
    }
    rows
}

fn row_number(before: usize) -> i64 {
    i64::try_from(before).map_or(i64::MAX, |n| n + 1)
}

fn outputs(ctx: &Context<'_>, plan: &SelectPlan, frame: &Frame<'_>) -> Result<Row, Stop> {
    plan.outputs.iter().map(|e| eval(ctx, e, frame)).collect::<Result<Vec<_>, _>>().map(Row::from)
}

/// Whether the outputs are the input as it is.
fn copies(plan: &SelectPlan) -> bool {
    let same = |(at, e): (usize, &Bound)| *e == Bound::Column { depth: 0, index: at };
    plan.outputs.len() == plan.from.end && plan.outputs.iter().enumerate().all(same)
}

/// `SELECT COUNT(*) FROM t`: no row is looked at.
fn counted(ctx: &Context<'_>, plan: &SelectPlan, outer: Option<&Frame<'_>>) -> Result<Option<Row>, Stop> {
    let ([term], [], [], Some(grouping)) =
        (&plan.from.terms[..], &plan.from.conditions[..], &plan.late[..], &plan.grouping)
    else {
        return Ok(None);
    };
    let (Source::Table { table, partition: None }, Grouping { keys, aggregates, having: None }) =
        (&term.source, grouping)
    else {
        return Ok(None);
    };
    let counts_rows = |a: &AggregatePlan| a.function == Aggregate::Count && a.argument.is_none();
    if !keys.is_empty() || !aggregates.iter().all(counts_rows) {
        return Ok(None);
    }
    let count = Datum::Int(i64::try_from(ctx.db.count(ctx.tx, *table)).unwrap_or(i64::MAX));
    let slots = vec![count; aggregates.len()];
    outputs(ctx, plan, &Frame { slots: &slots, ..Frame::of(&[], 0, outer) }).map(Some)
}

fn grouped(
    ctx: &Context<'_>,
    plan: &SelectPlan,
    grouping: &Grouping,
    input: &[Row],
    outer: Option<&Frame<'_>>,
) -> Result<Vec<Row>, Stop> {
    let nothing: Row = vec![Datum::Null; plan.from.end].into();
    let mut groups: BTreeMap<Vec<Datum>, (&Row, Vec<Accumulator>)> = BTreeMap::new();
    let fresh = || grouping.aggregates.iter().map(Accumulator::new).collect::<Vec<_>>();
    if grouping.keys.is_empty() {
        groups.insert(Vec::new(), (&nothing, fresh()));
    }
    for row in input {
        let frame = Frame::of(row, 0, outer);
        let key = grouping.keys.iter().map(|e| eval(ctx, e, &frame)).collect::<Result<Vec<_>, _>>()?;
        let (_, accumulators) = groups.entry(key).or_insert_with(|| (row, fresh()));
        for (accumulator, aggregate) in accumulators.iter_mut().zip(&grouping.aggregates) {
            let value = aggregate.argument.as_ref().map(|e| eval(ctx, e, &frame)).transpose()?;
            accumulator.add(value)?;
        }
    }
    let mut out = Vec::with_capacity(groups.len());
    for (row, accumulators) in groups.into_values() {
        let slots = accumulators.into_iter().map(Accumulator::result).collect::<Vec<_>>();
        let frame = Frame { slots: &slots, rownum: row_number(out.len()), ..Frame::of(row, 0, outer) };
        if join::all_hold(ctx, &grouping.having, &frame)? {
            out.push(outputs(ctx, plan, &frame)?);
        }
    }
    Ok(out)
}

/// One aggregate over one group.
struct Accumulator {
    function: Aggregate,
    seen: Option<BTreeSet<Datum>>,
    count: i64,
    /// Sum, smallest or largest so far.
    value: Datum,
}

impl Accumulator {
    fn new(plan: &AggregatePlan) -> Self {
        Self { function: plan.function, seen: plan.distinct.then(BTreeSet::new), count: 0, value: Datum::Null }
    }

    /// `None` counts a row whatever is in it.
    fn add(&mut self, value: Option<Datum>) -> Result<(), SqlError> {
        let Some(value) = value else {
            self.count += 1;
            return Ok(());
        };
        if value.is_null() || self.seen.as_mut().is_some_and(|seen| !seen.insert(value.clone())) {
            return Ok(());
        }
        self.count += 1;
        let first = self.value.is_null();
        match self.function {
            Aggregate::Min if first || value < self.value => self.value = value,
            Aggregate::Max if first || value > self.value => self.value = value,
            Aggregate::Count | Aggregate::Min | Aggregate::Max => {}
            Aggregate::Sum | Aggregate::Avg => {
                let value = as_number(&value)?;
                self.value = if first { value } else { plus(&self.value, &value)? };
            }
        }
        Ok(())
    }

    fn result(self) -> Datum {
        match (self.function, self.value.as_f64()) {
            (Aggregate::Count, _) => Datum::Int(self.count),
            (Aggregate::Sum | Aggregate::Min | Aggregate::Max, _) => self.value,
            (Aggregate::Avg, None) => Datum::Null,
            #[allow(clippy::cast_precision_loss)] // nobody counts to 2^52 here
            (Aggregate::Avg, Some(sum)) => Datum::number(sum / self.count as f64),
        }
    }
}

fn plus(a: &Datum, b: &Datum) -> Result<Datum, SqlError> {
    if let (Datum::Int(a), Datum::Int(b)) = (a, b)
        && let Some(sum) = a.checked_add(*b)
    {
        return Ok(Datum::Int(sum));
    }
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => Ok(Datum::number(a + b)),
        _ => Err(SqlError::invalid_literal()),
    }
}
