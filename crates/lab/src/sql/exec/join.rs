//! Joins the sources of a SELECT: conditions are checked as early as their columns are there, equal columns are
//! looked up instead of tried.

use std::collections::BTreeMap;

use super::{
    bound::{Bound, Comparison, Joined, Padding, Source, Term},
    eval::{Context, Frame, holds},
    run,
    scan::TableScan,
};
use crate::{
    data::Stop,
    value::{Datum, Row},
};

/// Rows of all terms together; columns are numbered from the block's start on.
pub(super) fn rows(ctx: &Context<'_>, block: &Joined, outer: Option<&Frame<'_>>) -> Result<Vec<Row>, Stop> {
    let mut open: Vec<_> = block.conditions.iter().collect();
    let mut joined: Option<Vec<Row>> = None;
    for term in &block.terms {
        let inside = |(low, high): (usize, usize)| low >= term.start && high <= term.end;
        let mut own: Vec<&Bound> = Vec::new();
        open.retain(|c| {
            let early = !c.whole && c.columns.is_some_and(inside);
            own.extend(early.then_some(&c.expr));
            !early
        });
        let right = term_rows(ctx, term, &own, outer)?;
        let Some(left) = joined.take() else {
            joined = Some(right);
            continue;
        };
        let mut ready: Vec<&Bound> = Vec::new();
        open.retain(|c| {
            let early = !c.whole && c.columns.is_some_and(|(_, high)| high <= term.end);
            ready.extend(early.then_some(&c.expr));
            !early
        });
        let sides = Sides { left: &left, right: &right, start: block.start, mid: term.start, end: term.end };
        joined = Some(sides.join(ctx, &ready, outer, Unmatched::Drop)?);
    }
    let mut rows = joined.unwrap_or_default();
    if !open.is_empty() {
        let mut kept = Vec::new();
        for row in rows {
            let frame = Frame::of(&row, block.start, outer);
            if all_hold(ctx, open.iter().map(|c| &c.expr), &frame)? {
                kept.push(row);
            }
        }
        rows = kept;
    }
    Ok(rows)
}

pub(super) fn all_hold<'b>(
    ctx: &Context<'_>,
    conditions: impl IntoIterator<Item = &'b Bound>,
    frame: &Frame<'_>,
) -> Result<bool, Stop> {
    for condition in conditions {
        if !holds(ctx, condition, frame)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn term_rows(ctx: &Context<'_>, term: &Term, own: &[&Bound], outer: Option<&Frame<'_>>) -> Result<Vec<Row>, Stop> {
    let found = match &term.source {
        Source::Table { table, partition } => {
            let mut rows = Vec::new();
            let scan = TableScan { table: *table, partition: *partition, conditions: own, base: term.start, outer };
            scan.each(ctx, |_, row| {
                rows.push(row.clone());
                Ok(())
            })?;
            return Ok(rows);
        }
        Source::Rows(rows) => rows.clone(),
        Source::Levels(condition) => {
            let mut rows = Vec::new();
            each_level(ctx, condition, outer, |row| {
                let kept = all_hold(ctx, own.iter().copied(), &Frame::of(row, term.start, outer))?;
                rows.extend(kept.then(|| Row::from(row)));
                Ok(())
            })?;
            return Ok(rows);
        }
        Source::Query(plan) => run::rows(ctx, plan, outer)?,
        Source::Outer { left, right, on } => {
            let (left_rows, right_rows) = (rows(ctx, left, outer)?, rows(ctx, right, outer)?);
            let sides =
                Sides { left: &left_rows, right: &right_rows, start: left.start, mid: right.start, end: right.end };
            sides.join(ctx, &on.iter().collect::<Vec<_>>(), outer, Unmatched::Keep)?
        }
    };
    if own.is_empty() {
        return Ok(found);
    }
    let mut kept = Vec::new();
    for row in found {
        if all_hold(ctx, own.iter().copied(), &Frame::of(&row, term.start, outer))? {
            kept.push(row);
        }
    }
    Ok(kept)
}

/// DUAL's X and LEVEL, level by level, without keeping any. The first level is the root: a server gives it unasked and
/// then asks the condition about each next level.
pub(super) fn each_level(
    ctx: &Context<'_>,
    condition: &Bound,
    outer: Option<&Frame<'_>>,
    mut see: impl FnMut(&[Datum]) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let mut row = [Datum::from("X"), Datum::Int(1)];
    for level in 2.. {
        see(&row)?;
        row[1] = Datum::Int(level);
        if !holds(ctx, condition, &Frame::of(&row, 0, outer))? {
            break;
        }
    }
    Ok(())
}

/// What becomes of a left row without a partner.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unmatched {
    Drop,
    Keep,
}

struct Sides<'a> {
    left: &'a [Row],
    right: &'a [Row],
    start: usize,
    mid: usize,
    end: usize,
}

impl Sides<'_> {
    fn join(
        &self,
        ctx: &Context<'_>,
        conditions: &[&Bound],
        outer: Option<&Frame<'_>>,
        unmatched: Unmatched,
    ) -> Result<Vec<Row>, Stop> {
        let lookup = self.lookup(conditions);
        let nulls = vec![Datum::Null; self.end - self.mid];
        let mut out = Vec::new();
        for left in self.left {
            let before = out.len();
            let mut try_right = |right: &Row| {
                let row = concat(left, right);
                if all_hold(ctx, conditions.iter().copied(), &Frame::of(&row, self.start, outer))? {
                    out.push(row);
                }
                Ok::<_, Stop>(())
            };
            match &lookup {
                None => self.right.iter().try_for_each(&mut try_right)?,
                Some((pairs, map)) => {
                    let key: Vec<Datum> = pairs.iter().map(|p| normal(&left[p.left], p.padding)).collect();
                    let matches = map.get(&key).map_or(&[][..], Vec::as_slice);
                    matches.iter().try_for_each(|&i| try_right(&self.right[i]))?;
                }
            }
            if out.len() == before && unmatched == Unmatched::Keep {
                out.push(concat(left, &nulls));
            }
        }
        Ok(out)
    }

    /// The right rows by the columns that must equal left ones. `None` when no columns must, or when values of
    /// different kinds meet there: those are equal in other ways than by order.
    fn lookup(&self, conditions: &[&Bound]) -> Option<Lookup> {
        let pairs: Vec<Pair> = conditions.iter().filter_map(|c| self.pair(c)).filter(|p| self.one_kind(p)).collect();
        if pairs.is_empty() {
            return None;
        }
        let mut map = BTreeMap::<Vec<Datum>, Vec<usize>>::new();
        for (i, row) in self.right.iter().enumerate() {
            let key = pairs.iter().map(|p| normal(&row[p.right], p.padding)).collect();
            map.entry(key).or_default().push(i);
        }
        Some((pairs, map))
    }

    fn pair(&self, condition: &Bound) -> Option<Pair> {
        let Bound::Compare { op: Comparison::Eq, left, right, padding } = condition else { return None };
        let (Bound::Column { depth: 0, index: a }, Bound::Column { depth: 0, index: b }) = (&**left, &**right) else {
            return None;
        };
        let (low, high) = (*a.min(b), *a.max(b));
        let crosses = (self.start..self.mid).contains(&low) && (self.mid..self.end).contains(&high);
        crosses.then(|| Pair { left: low - self.start, right: high - self.mid, padding: *padding })
    }

    fn one_kind(&self, pair: &Pair) -> bool {
        let lefts = self.left.iter().map(|row| &row[pair.left]);
        let rights = self.right.iter().map(|row| &row[pair.right]);
        let (mut texts, mut numbers) = (false, false);
        for value in lefts.chain(rights) {
            match value {
                Datum::Null => {}
                Datum::Text(_) => texts = true,
                Datum::Int(_) | Datum::Double(_) => numbers = true,
            }
        }
        !(texts && numbers)
    }
}

/// Columns that must be equal, and the right rows by their values there.
type Lookup = (Vec<Pair>, BTreeMap<Vec<Datum>, Vec<usize>>);

struct Pair {
    left: usize,
    right: usize,
    padding: Padding,
}

fn normal(value: &Datum, padding: Padding) -> Datum {
    match (value, padding) {
        (Datum::Text(t), Padding::Blank) if t.ends_with(' ') => Datum::Text(t.trim_end_matches(' ').into()),
        _ => value.clone(),
    }
}

fn concat(left: &[Datum], right: &[Datum]) -> Row {
    left.iter().chain(right).cloned().collect()
}
