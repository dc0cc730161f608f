//! Computes expressions.

use std::cell::RefCell;

use super::{
    Host, Relation,
    bound::{Arithmetic, Bound, Padding, SubQuery},
    compare::{as_number, compare, from_truth, like, truth},
    run,
};
use crate::{
    data::{Database, Stop, TxId},
    sql::SqlError,
    value::{Datum, Row},
};

/// What a statement runs in.
pub(super) struct Context<'a> {
    pub db: &'a Database,
    pub user: &'a str,
    pub tx: Option<TxId>,
    pub host: &'a dyn Shared,
}

/// A host that many parts of a statement use in turn.
pub(super) trait Shared {
    fn relation(&self, db: &Database, schema: Option<&str>, name: &str) -> Option<Relation>;
    fn call(&self, name: &str, args: &[Datum]) -> Option<Result<Datum, Stop>>;
}

impl Shared for RefCell<&mut dyn Host> {
    fn relation(&self, db: &Database, schema: Option<&str>, name: &str) -> Option<Relation> {
        self.borrow().relation(db, schema, name)
    }

    fn call(&self, name: &str, args: &[Datum]) -> Option<Result<Datum, Stop>> {
        self.borrow_mut().call(name, args)
    }
}

/// The row at hand, and those of the queries around.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    /// Values from column number `base` on.
    pub row: &'a [Datum],
    pub base: usize,
    /// Results of aggregates.
    pub slots: &'a [Datum],
    pub rownum: i64,
    pub outer: Option<&'a Frame<'a>>,
}

impl<'a> Frame<'a> {
    /// A frame without aggregates.
    pub fn of(row: &'a [Datum], base: usize, outer: Option<&'a Frame<'a>>) -> Self {
        Self { row, base, slots: &[], rownum: 0, outer }
    }

    fn column(&self, depth: usize, index: usize) -> &Datum {
        let mut frame = self;
        for _ in 0..depth {
            frame = frame.outer.expect("a name found further out has a frame there");
        }
        &frame.row[index - frame.base]
    }
}

/// Whether a condition holds: unknown is no.
pub(super) fn holds(ctx: &Context<'_>, expr: &Bound, frame: &Frame<'_>) -> Result<bool, Stop> {
    Ok(truth(&eval(ctx, expr, frame)?) == Some(true))
}

fn all(ctx: &Context<'_>, exprs: &[Bound], frame: &Frame<'_>) -> Result<Vec<Datum>, Stop> {
    exprs.iter().map(|e| eval(ctx, e, frame)).collect()
}

/// The value of an expression.
pub(super) fn eval(ctx: &Context<'_>, expr: &Bound, frame: &Frame<'_>) -> Result<Datum, Stop> {
    let value = |e: &Bound| eval(ctx, e, frame);
    Ok(match expr {
        Bound::Const(value) => value.clone(),
        Bound::Column { depth, index } => frame.column(*depth, *index).clone(),
        Bound::RowNum => Datum::Int(frame.rownum),
        Bound::Slot(slot) => frame.slots[*slot].clone(),
        Bound::Not(e) => from_truth(truth(&value(e)?).map(|t| !t)),
        Bound::Negate(e) => match as_number(&value(e)?)? {
            Datum::Int(n) => n.checked_neg().map(Datum::Int).ok_or_else(SqlError::value_overflow)?,
            Datum::Double(n) => Datum::number(-n),
            _ => Datum::Null,
        },
        Bound::And(a, b) => from_truth(match truth(&value(a)?) {
            Some(false) => Some(false),
            first => both(first, truth(&value(b)?)),
        }),
        Bound::Or(a, b) => from_truth(match truth(&value(a)?) {
            Some(true) => Some(true),
            // a OR b is NOT (NOT a AND NOT b)
            first => both(first.map(|t| !t), truth(&value(b)?).map(|t| !t)).map(|t| !t),
        }),
        Bound::Compare { op, left, right, padding } => {
            from_truth(compare(&value(left)?, &value(right)?, *padding)?.map(|o| op.holds(o)))
        }
        Bound::Arithmetic { op, left, right } => arithmetic(*op, &value(left)?, &value(right)?)?,
        Bound::Concat(a, b) => Datum::text(format!("{}{}", value(a)?, value(b)?)),
        Bound::IsNull { expr, negated } => Datum::Int(i64::from(value(expr)?.is_null() != *negated)),
        Bound::In { expr, list, negated, padding } => {
            let needle = value(expr)?;
            let candidates = list.iter().map(value);
            from_truth(among(&needle, candidates, *padding)?.map(|t| t != *negated))
        }
        Bound::InQuery { .. } | Bound::Exists { .. } | Bound::Scalar(_) => subquery(ctx, expr, frame)?,
        Bound::Like { expr, pattern, escape, negated } => match (value(expr)?, value(pattern)?) {
            (Datum::Null, _) | (_, Datum::Null) => Datum::Null,
            (text, pattern) => {
                let found = like(&text.to_string(), &pattern.to_string(), *escape);
                Datum::Int(i64::from(found != *negated))
            }
        },
        Bound::Case { operand, branches, otherwise } => {
            return case(ctx, operand.as_deref(), branches, otherwise.as_deref(), frame);
        }
        Bound::Builtin { function, args } => function.call(&all(ctx, args, frame)?)?,
        Bound::Host { name, args } => {
            let args = all(ctx, args, frame)?;
            let called = ctx.host.call(name, &args);
            called.unwrap_or_else(|| Err(SqlError::no_function().into()))?
        }
    })
}

/// AND of three truth values.
fn both(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        (None, _) | (_, None) => None,
    }
}

fn case(
    ctx: &Context<'_>,
    operand: Option<&Bound>,
    branches: &[(Bound, Bound)],
    otherwise: Option<&Bound>,
    frame: &Frame<'_>,
) -> Result<Datum, Stop> {
    let operand = operand.map(|o| eval(ctx, o, frame)).transpose()?;
    for (when, then) in branches {
        let when = eval(ctx, when, frame)?;
        let chosen = match &operand {
            Some(operand) => compare(operand, &when, Padding::Exact)?.is_some_and(std::cmp::Ordering::is_eq),
            None => truth(&when) == Some(true),
        };
        if chosen {
            return eval(ctx, then, frame);
        }
    }
    otherwise.map_or(Ok(Datum::Null), |o| eval(ctx, o, frame))
}

/// An expression that is a subquery; NULL for any other.
fn subquery(ctx: &Context<'_>, expr: &Bound, frame: &Frame<'_>) -> Result<Datum, Stop> {
    match expr {
        Bound::InQuery { expr, query, negated, padding } => {
            let needle = eval(ctx, expr, frame)?;
            let found = with_rows(ctx, query, frame, |rows| {
                among(&needle, rows.iter().map(|row| Ok(row[0].clone())), *padding)
            })?;
            Ok(from_truth(found.map(|t| t != *negated)))
        }
        Bound::Exists { query, negated } => {
            let found = with_rows(ctx, query, frame, |rows| Ok(!rows.is_empty()))?;
            Ok(Datum::Int(i64::from(found != *negated)))
        }
        Bound::Scalar(query) => with_rows(ctx, query, frame, |rows| match rows {
            [] => Ok(Datum::Null),
            [row] => Ok(row[0].clone()),
            _ => Err(SqlError::single_row_wanted().into()),
        }),
        _ => Ok(Datum::Null),
    }
}

/// IN: unknown when nothing matches and something is NULL.
fn among(
    needle: &Datum,
    candidates: impl Iterator<Item = Result<Datum, Stop>>,
    padding: Padding,
) -> Result<Option<bool>, Stop> {
    let mut unknown = false;
    let mut any = false;
    for candidate in candidates {
        any = true;
        match compare(needle, &candidate?, padding)? {
            Some(ordering) if ordering.is_eq() => return Ok(Some(true)),
            Some(_) => {}
            None => unknown = true,
        }
    }
    Ok(if any && unknown { None } else { Some(false) })
}

fn with_rows<T>(
    ctx: &Context<'_>,
    query: &SubQuery,
    frame: &Frame<'_>,
    use_rows: impl FnOnce(&[Row]) -> Result<T, Stop>,
) -> Result<T, Stop> {
    if query.plan.correlated {
        return use_rows(&run::rows(ctx, &query.plan, Some(frame))?);
    }
    if let Some(rows) = query.cache.get() {
        return use_rows(rows);
    }
    let rows = run::rows(ctx, &query.plan, Some(frame))?;
    use_rows(query.cache.get_or_init(|| rows))
}

fn arithmetic(op: Arithmetic, a: &Datum, b: &Datum) -> Result<Datum, SqlError> {
    if a.is_null() || b.is_null() {
        return Ok(Datum::Null);
    }
    let (a, b) = (as_number(a)?, as_number(b)?);
    if let (Datum::Int(a), Datum::Int(b)) = (&a, &b) {
        let exact = match op {
            Arithmetic::Add => a.checked_add(*b),
            Arithmetic::Sub => a.checked_sub(*b),
            Arithmetic::Mul => a.checked_mul(*b),
            Arithmetic::Div => a.checked_rem(*b).filter(|rest| *rest == 0).and_then(|_| a.checked_div(*b)),
        };
        if let Some(n) = exact {
            return Ok(Datum::Int(n));
        }
    }
    let (Some(a), Some(b)) = (a.as_f64(), b.as_f64()) else { return Err(SqlError::invalid_literal()) };
    let n = match op {
        Arithmetic::Add => a + b,
        Arithmetic::Sub => a - b,
        Arithmetic::Mul => a * b,
        Arithmetic::Div if b == 0.0 => return Err(SqlError::divide_by_zero()),
        Arithmetic::Div => a / b,
    };
    if n.is_finite() { Ok(Datum::number(n)) } else { Err(SqlError::value_overflow()) }
}
