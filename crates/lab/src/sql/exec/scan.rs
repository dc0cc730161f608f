//! Reads one base table: by primary key where the conditions allow it, otherwise all of it.

use std::{
    cmp::Ordering,
    ops::{
        Bound::{Excluded, Included, Unbounded},
        ControlFlow,
    },
};

use super::{
    bound::{Bound, Comparison},
    compare::as_number,
    eval::{Context, Frame, eval, holds},
    plan::visit,
};
use crate::{
    data::{Key, PartitionId, Stop, Table, TableId},
    value::{ColumnType, Datum, Row},
};

/// A bound and whether it is inside.
type Limit = (Datum, bool);
type Limits = (std::ops::Bound<Key>, std::ops::Bound<Key>);

/// How the rows are found.
enum Path {
    /// No row can match.
    Nothing,
    /// The row with this key.
    Point(Key),
    /// Rows with keys in a range.
    Range(Limits),
    /// All rows.
    Full,
}

/// What is read, and under which conditions.
pub(super) struct TableScan<'a> {
    pub table: TableId,
    pub partition: Option<PartitionId>,
    /// All of them must hold; columns are numbered from `base` on.
    pub conditions: &'a [&'a Bound],
    pub base: usize,
    pub outer: Option<&'a Frame<'a>>,
}

impl TableScan<'_> {
    /// Every row that the transaction sees and that matches, in primary key order.
    pub fn each(&self, ctx: &Context<'_>, mut see: impl FnMut(&Key, &Row) -> Result<(), Stop>) -> Result<(), Stop> {
        self.until(ctx, |key, row| see(key, row).map(ControlFlow::Continue))
    }

    /// The first `most` rows, in primary key order. No further row is looked at.
    pub fn first(&self, ctx: &Context<'_>, most: usize) -> Result<Vec<Row>, Stop> {
        let mut rows = Vec::new();
        if most > 0 {
            self.until(ctx, |_, row| {
                rows.push(row.clone());
                Ok(if rows.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
            })?;
        }
        Ok(rows)
    }

    /// Whether the rows are found in the order of these columns, ascending: the first ones of a primary key of numbers,
    /// whose order is that of their values.
    pub fn comes_in_order_of(&self, ctx: &Context<'_>, columns: &[usize]) -> bool {
        let definition = ctx.db.table(self.table);
        let number = |at: &usize| !is_text(definition.columns[*at].column_type);
        definition.primary_key().is_some_and(|key| key.columns.starts_with(columns) && columns.iter().all(number))
    }

    fn until(
        &self,
        ctx: &Context<'_>,
        mut see: impl FnMut(&Key, &Row) -> Result<ControlFlow<()>, Stop>,
    ) -> Result<(), Stop> {
        let definition = ctx.db.table(self.table);
        let mut check = |key: &Key, row: &Row| {
            if self.partition.is_some() && definition.partition_of(row) != self.partition {
                return Ok(ControlFlow::Continue(()));
            }
            let frame = Frame::of(row, self.base, self.outer);
            for condition in self.conditions {
                if !holds(ctx, condition, &frame)? {
                    return Ok(ControlFlow::Continue(()));
                }
            }
            see(key, row)
        };
        match self.path(ctx, definition)? {
            Path::Nothing => {}
            Path::Point(key) => {
                if let Some(row) = ctx.db.get(ctx.tx, self.table, &key) {
                    let _ = check(&key, row)?;
                }
            }
            Path::Range(limits) => {
                for (key, row) in ctx.db.range(ctx.tx, self.table, limits) {
                    if check(key, row)?.is_break() {
                        break;
                    }
                }
            }
            Path::Full => {
                for (key, row) in ctx.db.scan(ctx.tx, self.table) {
                    if check(key, row)?.is_break() {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    fn path(&self, ctx: &Context<'_>, definition: &Table) -> Result<Path, Stop> {
        let Some(primary) = definition.primary_key() else { return Ok(Path::Full) };
        let mut values = Vec::with_capacity(primary.columns.len());
        for &column in &primary.columns {
            let Some(value) = self.compared_with(ctx, column, |op| op == Comparison::Eq)?.pop() else { break };
            values.push((column, value.1));
        }
        if values.len() == primary.columns.len() {
            return Ok(point(definition, values));
        }
        if let [column] = primary.columns[..] {
            let bounds = self.compared_with(ctx, column, |op| {
                matches!(op, Comparison::Lt | Comparison::Le | Comparison::Gt | Comparison::Ge)
            })?;
            return Ok(range(definition.columns[column].column_type, bounds));
        }
        Ok(Path::Full)
    }

    /// Values that a column is compared with in conditions of its own.
    fn compared_with(
        &self,
        ctx: &Context<'_>,
        column: usize,
        wanted: impl Fn(Comparison) -> bool,
    ) -> Result<Vec<(Comparison, Datum)>, Stop> {
        let mut found = Vec::new();
        for condition in self.conditions {
            let Bound::Compare { op, left, right, .. } = condition else { continue };
            let own = |e: &Bound| *e == Bound::Column { depth: 0, index: self.base + column };
            let (op, value) = if own(left) {
                (*op, right)
            } else if own(right) {
                (mirrored(*op), left)
            } else {
                continue;
            };
            if wanted(op) && is_fixed(value) {
                found.push((op, eval(ctx, value, &Frame::of(&[], 0, self.outer))?));
            }
        }
        Ok(found)
    }
}

fn mirrored(op: Comparison) -> Comparison {
    match op {
        Comparison::Eq | Comparison::Ne => op,
        Comparison::Lt => Comparison::Gt,
        Comparison::Le => Comparison::Ge,
        Comparison::Gt => Comparison::Lt,
        Comparison::Ge => Comparison::Le,
    }
}

/// Whether an expression has the same value for every row, and computing it once more does nothing.
fn is_fixed(expr: &Bound) -> bool {
    let mut fixed = true;
    visit(expr, &mut |e| {
        fixed &= !matches!(
            e,
            Bound::Column { depth: 0, .. }
                | Bound::RowNum
                | Bound::Slot(_)
                | Bound::Host { .. }
                | Bound::InQuery { .. }
                | Bound::Exists { .. }
                | Bound::Scalar(_)
        );
    });
    fixed
}

fn is_text(column_type: ColumnType) -> bool {
    match column_type {
        ColumnType::SmallInt
        | ColumnType::Integer
        | ColumnType::BigInt
        | ColumnType::Numeric { .. }
        | ColumnType::Double => false,
        ColumnType::Char(_)
        | ColumnType::Varchar(_)
        | ColumnType::Date
        | ColumnType::Timestamp
        | ColumnType::Blob
        | ColumnType::Clob => true,
    }
}

/// The conditions are checked once more on what is found, so this may find too much but never too little.
fn point(definition: &Table, values: Vec<(usize, Datum)>) -> Path {
    let mut key = Vec::with_capacity(values.len());
    for (column, value) in values {
        let column = &definition.columns[column];
        if value.is_null() {
            return Path::Nothing;
        }
        if is_text(column.column_type) && value.as_text().is_none() {
            return Path::Full;
        }
        match column.column_type.fit(&column.name, value) {
            Ok(value) => key.push(value),
            // Let the condition itself say what is wrong.
            Err(_) => return Path::Full,
        }
    }
    Path::Point(Key::from_values(&key))
}

fn range(column_type: ColumnType, bounds: Vec<(Comparison, Datum)>) -> Path {
    if matches!(column_type, ColumnType::Char(_)) {
        return Path::Full;
    }
    let mut low: Option<Limit> = None;
    let mut high: Option<Limit> = None;
    for (op, value) in bounds {
        let value = match (is_text(column_type), &value) {
            (_, Datum::Null) => return Path::Nothing,
            (true, Datum::Text(_)) => value,
            (true, _) => return Path::Full,
            (false, _) => match as_number(&value) {
                Ok(number) => number,
                Err(_) => return Path::Full,
            },
        };
        let inclusive = matches!(op, Comparison::Le | Comparison::Ge);
        let (side, tighter) = match op {
            Comparison::Gt | Comparison::Ge => (&mut low, Ordering::Greater),
            Comparison::Lt | Comparison::Le => (&mut high, Ordering::Less),
            Comparison::Eq | Comparison::Ne => continue,
        };
        let replace = side.as_ref().is_none_or(|(old, old_inclusive)| match value.cmp(old) {
            Ordering::Equal => *old_inclusive && !inclusive,
            other => other == tighter,
        });
        if replace {
            *side = Some((value, inclusive));
        }
    }
    if let (Some((low, low_in)), Some((high, high_in))) = (&low, &high)
        && (low > high || (low == high && !(*low_in && *high_in)))
    {
        return Path::Nothing;
    }
    let limit = |side: Option<Limit>| match side {
        None => Unbounded,
        Some((value, true)) => Included(Key::from_values(&[value])),
        Some((value, false)) => Excluded(Key::from_values(&[value])),
    };
    match (limit(low), limit(high)) {
        (Unbounded, Unbounded) => Path::Full,
        limits => Path::Range(limits),
    }
}
