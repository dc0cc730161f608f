//! Resolves the names of an expression.

use std::cell::OnceCell;

use super::{
    bound::{AggregatePlan, Arithmetic, Bound, Comparison, Padding, SubQuery},
    eval::Context,
    functions::Builtin,
    names::Names,
    plan,
};
use crate::{
    data::Stop,
    sql::{
        SqlError,
        ast::{BinaryOp, Expr, Query},
    },
    value::Datum,
};

/// What an expression may use.
pub(super) struct Binder<'a> {
    pub ctx: &'a Context<'a>,
    pub names: &'a Names<'a>,
    /// Aggregates found so far; `None` where none may stand.
    pub aggregates: Option<Vec<AggregatePlan>>,
    /// GROUP BY; `None` while every column may be used.
    pub grouped: Option<&'a [Bound]>,
}

impl<'a> Binder<'a> {
    pub fn new(ctx: &'a Context<'a>, names: &'a Names<'a>) -> Self {
        Self { ctx, names, aggregates: None, grouped: None }
    }

    pub fn bind(&mut self, expr: &Expr) -> Result<Bound, Stop> {
        if let Some(keys) = self.grouped {
            // An expression of GROUP BY may be used as a whole.
            let mut plain = Binder::new(self.ctx, self.names);
            if let Ok(bound) = plain.bind(expr)
                && keys.contains(&bound)
            {
                return Ok(bound);
            }
        }
        Ok(match expr {
            Expr::Literal(value) => Bound::Const(value.clone()),
            Expr::Column { qualifier, name } => {
                let found = self.names.find(qualifier.as_deref(), name)?;
                if self.grouped.is_some() && found.depth == 0 {
                    return Err(SqlError::not_grouped().into());
                }
                Bound::Column { depth: found.depth, index: found.index }
            }
            Expr::RowNum => Bound::RowNum,
            Expr::Not(e) => Bound::Not(self.boxed(e)?),
            Expr::Negate(e) => match self.bind(e)? {
                Bound::Const(Datum::Int(n)) => Bound::Const(Datum::Int(n.wrapping_neg())),
                e => Bound::Negate(e.into()),
            },
            Expr::Binary { left, op, right } => self.binary(left, *op, right)?,
            Expr::IsNull { expr, negated } => Bound::IsNull { expr: self.boxed(expr)?, negated: *negated },
            Expr::InList { expr, list, negated } => {
                let padding = self.padding(list.iter().chain([&**expr]));
                Bound::In { expr: self.boxed(expr)?, list: self.all(list)?, negated: *negated, padding }
            }
            Expr::InQuery { expr, query, negated } => {
                let padding = self.padding([&**expr]);
                let query = self.single_column(query)?;
                Bound::InQuery { expr: self.boxed(expr)?, query, negated: *negated, padding }
            }
            Expr::Exists { query, negated } => Bound::Exists { query: self.query(query)?, negated: *negated },
            Expr::Scalar(query) => Bound::Scalar(self.single_column(query)?),
            Expr::Between { expr, low, high, negated } => {
                let above = self.binary(expr, BinaryOp::Ge, low)?;
                let below = self.binary(expr, BinaryOp::Le, high)?;
                let both = Bound::And(above.into(), below.into());
                if *negated { Bound::Not(both.into()) } else { both }
            }
            Expr::Like { expr, pattern, escape, negated } => Bound::Like {
                expr: self.boxed(expr)?,
                pattern: self.boxed(pattern)?,
                escape: *escape,
                negated: *negated,
            },
            Expr::Case { operand, branches, otherwise } => {
                let each = |(when, then): &(Expr, Expr)| Ok((self.bind(when)?, self.bind(then)?));
                let branches = branches.iter().map(each).collect::<Result<_, Stop>>()?;
                let operand = operand.as_ref().map(|e| self.boxed(e)).transpose()?;
                Bound::Case { operand, branches, otherwise: otherwise.as_ref().map(|e| self.boxed(e)).transpose()? }
            }
            Expr::Call { name, args } => self.call(name, args)?,
            Expr::Aggregate { function, distinct, argument } => {
                let mut inner = Binder::new(self.ctx, self.names);
                let argument = argument.as_ref().map(|e| inner.bind(e)).transpose()?;
                self.aggregate(AggregatePlan { function: *function, distinct: *distinct, argument })?
            }
        })
    }

    fn aggregate(&mut self, plan: AggregatePlan) -> Result<Bound, SqlError> {
        let aggregates = self.aggregates.as_mut().ok_or_else(SqlError::not_grouped)?;
        let slot = aggregates.iter().position(|a| *a == plan).unwrap_or(aggregates.len());
        if slot == aggregates.len() {
            aggregates.push(plan);
        }
        Ok(Bound::Slot(slot))
    }

    fn boxed(&mut self, expr: &Expr) -> Result<Box<Bound>, Stop> {
        self.bind(expr).map(Box::new)
    }

    pub fn all(&mut self, exprs: &[Expr]) -> Result<Vec<Bound>, Stop> {
        exprs.iter().map(|e| self.bind(e)).collect()
    }

    fn binary(&mut self, left: &Expr, op: BinaryOp, right: &Expr) -> Result<Bound, Stop> {
        let compare = |op| Kind::Compare(op);
        let kind = match op {
            BinaryOp::And => return Ok(Bound::And(self.boxed(left)?, self.boxed(right)?)),
            BinaryOp::Or => return Ok(Bound::Or(self.boxed(left)?, self.boxed(right)?)),
            BinaryOp::Concat => return Ok(Bound::Concat(self.boxed(left)?, self.boxed(right)?)),
            BinaryOp::Eq => compare(Comparison::Eq),
            BinaryOp::Ne => compare(Comparison::Ne),
            BinaryOp::Lt => compare(Comparison::Lt),
            BinaryOp::Le => compare(Comparison::Le),
            BinaryOp::Gt => compare(Comparison::Gt),
            BinaryOp::Ge => compare(Comparison::Ge),
            BinaryOp::Add => Kind::Arithmetic(Arithmetic::Add),
            BinaryOp::Sub => Kind::Arithmetic(Arithmetic::Sub),
            BinaryOp::Mul => Kind::Arithmetic(Arithmetic::Mul),
            BinaryOp::Div => Kind::Arithmetic(Arithmetic::Div),
        };
        let padding = self.padding([left, right]);
        let (left, right) = (self.boxed(left)?, self.boxed(right)?);
        Ok(match kind {
            Kind::Compare(op) => Bound::Compare { op, left, right, padding },
            Kind::Arithmetic(op) => Bound::Arithmetic { op, left, right },
        })
    }

    /// CHAR columns among the operands make blanks at the end meaningless.
    fn padding<'e>(&self, exprs: impl IntoIterator<Item = &'e Expr>) -> Padding {
        let is_char = |e: &Expr| match e {
            Expr::Column { qualifier, name } => {
                self.names.find(qualifier.as_deref(), name).is_ok_and(|found| found.is_char)
            }
            _ => false,
        };
        if exprs.into_iter().any(is_char) { Padding::Blank } else { Padding::Exact }
    }

    fn call(&mut self, name: &str, args: &[Expr]) -> Result<Bound, Stop> {
        let args = self.all(args)?;
        match Builtin::find(name) {
            Some(function) if function.takes(args.len()) => Ok(Bound::Builtin { function, args }),
            Some(_) => Err(SqlError::no_function().into()),
            None => Ok(Bound::Host { name: name.to_owned(), args }),
        }
    }

    fn query(&mut self, query: &Query) -> Result<SubQuery, Stop> {
        let plan = plan::query(self.ctx, query, Some(self.names))?;
        Ok(SubQuery { plan: plan.into(), cache: OnceCell::new() })
    }

    fn single_column(&mut self, query: &Query) -> Result<SubQuery, Stop> {
        let query = self.query(query)?;
        if query.plan.columns.len() == 1 { Ok(query) } else { Err(SqlError::value_count().into()) }
    }
}

enum Kind {
    Compare(Comparison),
    Arithmetic(Arithmetic),
}
