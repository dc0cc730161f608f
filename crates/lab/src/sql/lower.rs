//! `sqlparser`'s tree of a query to ours. What a lab server does not know is a syntax error here.

use sqlparser::ast as sp;

use super::{
    SqlError,
    ast::{Aggregate, BinaryOp, Expr, From, Limit, OrderBy, Query, QueryBody, Select, SelectItem, TableName},
    connect_by,
    cursor::fold,
};
use crate::value::Datum;

/// What this lab does not read.
pub(super) fn unknown<T>() -> Result<T, SqlError> {
    Err(SqlError::syntax_because(""))
}

fn unless(extra: bool) -> Result<(), SqlError> {
    if extra { unknown() } else { Ok(()) }
}

/// A name as the catalog spells it.
pub(super) fn name(ident: &sp::Ident) -> Result<String, SqlError> {
    if ident.value.len() > 128 {
        return Err(SqlError::name_too_long());
    }
    Ok(fold(&ident.value, ident.quote_style))
}

fn part(part: &sp::ObjectNamePart) -> Result<String, SqlError> {
    part.as_ident().map_or_else(unknown, name)
}

/// A name without dots.
pub(super) fn single(object: &sp::ObjectName) -> Result<String, SqlError> {
    match &object.0[..] {
        [one] => part(one),
        _ => unknown(),
    }
}

pub(super) fn table_name(object: &sp::ObjectName) -> Result<TableName, SqlError> {
    match &object.0[..] {
        [table] => Ok(TableName { user: None, name: part(table)? }),
        [user, table] => Ok(TableName { user: Some(part(user)?), name: part(table)? }),
        _ => unknown(),
    }
}

pub(super) fn alias(alias: Option<&sp::TableAlias>) -> Result<Option<String>, SqlError> {
    let Some(alias) = alias else { return Ok(None) };
    unless(!alias.columns.is_empty())?;
    name(&alias.name).map(Some)
}

/// A number literal.
pub(super) fn number(digits: &str) -> Option<Datum> {
    digits.parse().map(Datum::Int).ok().or_else(|| digits.parse().ok().map(Datum::number))
}

pub(super) fn query(query: sp::Query) -> Result<Query, SqlError> {
    unless(query.with.is_some() || query.for_clause.is_some() || query.settings.is_some())?;
    unless(query.format_clause.is_some() || !query.pipe_operators.is_empty())?;
    let order_by = match query.order_by {
        None => Vec::new(),
        Some(sp::OrderBy { kind: sp::OrderByKind::Expressions(terms), interpolate: None }) => {
            terms.into_iter().map(order_term).collect::<Result<_, _>>()?
        }
        Some(_) => return unknown(),
    };
    let fetch = match query.fetch {
        None => None,
        Some(sp::Fetch { with_ties: false, percent: false, quantity }) => Some(quantity.map_or(Ok(1), row_count)?),
        Some(_) => return unknown(),
    };
    let limit = match (query.limit_clause, fetch) {
        (None, fetch) => fetch.map(|count| Limit { skip: 0, count }),
        (Some(clause), None) => Some(limit(clause)?),
        (Some(_), Some(_)) => return unknown(),
    };
    Ok(Query { body: body(*query.body)?, order_by, limit, for_update: !query.locks.is_empty() })
}

fn order_term(term: sp::OrderByExpr) -> Result<OrderBy, SqlError> {
    unless(term.with_fill.is_some() || term.options.nulls_first == Some(true))?;
    Ok(OrderBy { expr: expr(term.expr)?, descending: term.options.asc == Some(false) })
}

fn row_count(e: sp::Expr) -> Result<u64, SqlError> {
    match expr(e)? {
        Expr::Literal(Datum::Int(n)) => u64::try_from(n).or_else(|_| unknown()),
        _ => unknown(),
    }
}

/// `LIMIT first, count` counts rows from 1.
fn limit(clause: sp::LimitClause) -> Result<Limit, SqlError> {
    match clause {
        sp::LimitClause::LimitOffset { limit: Some(count), offset, limit_by } if limit_by.is_empty() => {
            let skip = offset.map_or(Ok(0), |o| row_count(o.value))?;
            Ok(Limit { skip, count: row_count(count)? })
        }
        sp::LimitClause::OffsetCommaLimit { offset, limit } => {
            Ok(Limit { skip: row_count(offset)?.saturating_sub(1), count: row_count(limit)? })
        }
        sp::LimitClause::LimitOffset { .. } => unknown(),
    }
}

fn body(set: sp::SetExpr) -> Result<QueryBody, SqlError> {
    match set {
        sp::SetExpr::Select(s) => Ok(QueryBody::Select(select(*s)?.into())),
        sp::SetExpr::Query(q) => Ok(QueryBody::Nested(query(*q)?.into())),
        sp::SetExpr::SetOperation { left, op: sp::SetOperator::Union, set_quantifier, right } => {
            let all = match set_quantifier {
                sp::SetQuantifier::All => true,
                sp::SetQuantifier::None => false,
                _ => return unknown(),
            };
            Ok(QueryBody::Union { left: body(*left)?.into(), right: body(*right)?.into(), all })
        }
        _ => unknown(),
    }
}

fn select(s: sp::Select) -> Result<Select, SqlError> {
    unless(s.top.is_some() || s.exclude.is_some() || s.into.is_some() || !s.lateral_views.is_empty())?;
    unless(s.prewhere.is_some() || !s.cluster_by.is_empty())?;
    unless(!s.distribute_by.is_empty() || !s.sort_by.is_empty() || !s.named_window.is_empty())?;
    unless(s.qualify.is_some() || s.value_table_mode.is_some() || s.from.is_empty())?;
    unless(s.flavor != sp::SelectFlavor::Standard || s.select_modifiers.is_some())?;
    let distinct = match s.distinct {
        None | Some(sp::Distinct::All) => false,
        Some(sp::Distinct::Distinct) => true,
        Some(sp::Distinct::On(_)) => return unknown(),
    };
    let group_by = match s.group_by {
        sp::GroupByExpr::Expressions(list, modifiers) if modifiers.is_empty() => exprs(list)?,
        _ => return unknown(),
    };
    let from = s.from.into_iter().map(joined).collect::<Result<_, _>>()?;
    Ok(Select {
        distinct,
        items: s.projection.into_iter().map(select_item).collect::<Result<_, _>>()?,
        from: connect_by::from(from, s.connect_by)?,
        filter: s.selection.map(expr).transpose()?,
        group_by,
        having: s.having.map(expr).transpose()?,
    })
}

fn select_item(item: sp::SelectItem) -> Result<SelectItem, SqlError> {
    use sp::SelectItemQualifiedWildcardKind as Kind;
    let plain = |o: &sp::WildcardAdditionalOptions| {
        o.opt_ilike.is_none() && o.opt_exclude.is_none() && o.opt_except.is_none() && o.opt_replace.is_none()
    };
    match item {
        sp::SelectItem::UnnamedExpr(e) => {
            let name = column_name(&e)?;
            Ok(SelectItem::Expr { expr: expr(e)?, name })
        }
        sp::SelectItem::ExprWithAlias { expr: e, alias } => {
            Ok(SelectItem::Expr { expr: expr(e)?, name: name(&alias)? })
        }
        sp::SelectItem::Wildcard(options) if plain(&options) => Ok(SelectItem::All),
        sp::SelectItem::QualifiedWildcard(Kind::ObjectName(object), options) if plain(&options) => {
            Ok(SelectItem::AllOf(table_name(&object)?.name))
        }
        _ => unknown(),
    }
}

/// What the server calls a column without alias: the column, or the expression's text in upper case without blanks
/// (recording `catalog`: `SUBSTR(PRODUCT_VERSION,1,3)`).
fn column_name(e: &sp::Expr) -> Result<String, SqlError> {
    match e {
        sp::Expr::Identifier(ident) => return name(ident),
        sp::Expr::CompoundIdentifier(parts) => return parts.last().map_or_else(unknown, name),
        _ => {}
    }
    let text = e.to_string();
    let mut out = String::with_capacity(text.len());
    let mut quote = None;
    let mut blank = false;
    let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '#');
    for c in text.chars() {
        if quote.is_some() {
            quote = quote.filter(|q| *q != c);
            out.push(c);
        } else if c.is_whitespace() {
            blank = true;
        } else {
            if blank && word(c) && out.chars().last().is_some_and(word) {
                out.push(' ');
            }
            blank = false;
            quote = Some(c).filter(|c| matches!(c, '\'' | '"'));
            out.push(c.to_ascii_uppercase());
        }
    }
    Ok(out)
}

fn joined(term: sp::TableWithJoins) -> Result<From, SqlError> {
    use sp::{JoinConstraint, JoinOperator};
    let mut left = factor(term.relation)?;
    for join in term.joins {
        unless(join.global)?;
        let right = factor(join.relation)?;
        let (constraint, outer, swap) = match join.join_operator {
            JoinOperator::Join(c) | JoinOperator::Inner(c) | JoinOperator::CrossJoin(c) => (c, false, false),
            JoinOperator::Left(c) | JoinOperator::LeftOuter(c) => (c, true, false),
            JoinOperator::Right(c) | JoinOperator::RightOuter(c) => (c, true, true),
            _ => return unknown(),
        };
        let on = match constraint {
            JoinConstraint::On(condition) => Some(expr(condition)?),
            JoinConstraint::None => None,
            JoinConstraint::Using(_) | JoinConstraint::Natural => return unknown(),
        };
        // A right join is a left join with its sides exchanged; columns are found by name, so only `*` could tell.
        let (a, b) = if swap { (right, left) } else { (left, right) };
        left = From::Join { left: a.into(), right: b.into(), on, outer };
    }
    Ok(left)
}

fn factor(factor: sp::TableFactor) -> Result<From, SqlError> {
    match factor {
        sp::TableFactor::Table {
            name: object, alias: a, args: None, with_hints, version: None, partitions, ..
        } if with_hints.is_empty() && partitions.len() <= 1 => {
            let partition = partitions.first().map(name).transpose()?;
            Ok(From::Table { table: table_name(&object)?, partition, alias: alias(a.as_ref())? })
        }
        sp::TableFactor::Derived { lateral: false, subquery, alias: a, sample: None } => {
            Ok(From::Query { query: query(*subquery)?.into(), alias: alias(a.as_ref())? })
        }
        sp::TableFactor::NestedJoin { table_with_joins, alias: None } => joined(*table_with_joins),
        _ => unknown(),
    }
}

pub(super) fn exprs(list: Vec<sp::Expr>) -> Result<Vec<Expr>, SqlError> {
    list.into_iter().map(expr).collect()
}

fn boxed(e: sp::Expr) -> Result<Box<Expr>, SqlError> {
    expr(e).map(Box::new)
}

fn call(name: &str, args: Vec<Expr>) -> Expr {
    Expr::Call { name: name.to_owned(), args }
}

pub(super) fn expr(e: sp::Expr) -> Result<Expr, SqlError> {
    Ok(match e {
        sp::Expr::Identifier(ident) => word(&ident)?,
        sp::Expr::CompoundIdentifier(parts) => match &parts[..] {
            [qualifier, column] | [_, qualifier, column] => {
                Expr::Column { qualifier: Some(name(qualifier)?), name: name(column)? }
            }
            _ => return unknown(),
        },
        sp::Expr::Value(value) => Expr::Literal(literal(value.value)?),
        sp::Expr::Nested(inner) => expr(*inner)?,
        sp::Expr::UnaryOp { op, expr: inner } => match op {
            sp::UnaryOperator::Not => Expr::Not(boxed(*inner)?),
            sp::UnaryOperator::Minus => Expr::Negate(boxed(*inner)?),
            sp::UnaryOperator::Plus => expr(*inner)?,
            _ => return unknown(),
        },
        sp::Expr::BinaryOp { left, op, right } => {
            Expr::Binary { left: boxed(*left)?, op: binary(&op)?, right: boxed(*right)? }
        }
        sp::Expr::IsNull(inner) => Expr::IsNull { expr: boxed(*inner)?, negated: false },
        sp::Expr::IsNotNull(inner) => Expr::IsNull { expr: boxed(*inner)?, negated: true },
        sp::Expr::InList { expr: inner, list, negated } => {
            Expr::InList { expr: boxed(*inner)?, list: exprs(list)?, negated }
        }
        sp::Expr::InSubquery { expr: inner, subquery, negated } => {
            Expr::InQuery { expr: boxed(*inner)?, query: query(*subquery)?.into(), negated }
        }
        sp::Expr::Between { expr: inner, negated, low, high } => {
            Expr::Between { expr: boxed(*inner)?, low: boxed(*low)?, high: boxed(*high)?, negated }
        }
        sp::Expr::Like { negated, any: false, expr: inner, pattern, escape_char } => Expr::Like {
            expr: boxed(*inner)?,
            pattern: boxed(*pattern)?,
            escape: escape_char.map(escape).transpose()?,
            negated,
        },
        sp::Expr::Case { operand, conditions, else_result, .. } => Expr::Case {
            operand: operand.map(|o| boxed(*o)).transpose()?,
            branches: conditions
                .into_iter()
                .map(|when| Ok((expr(when.condition)?, expr(when.result)?)))
                .collect::<Result<_, SqlError>>()?,
            otherwise: else_result.map(|o| boxed(*o)).transpose()?,
        },
        sp::Expr::Exists { subquery, negated } => Expr::Exists { query: query(*subquery)?.into(), negated },
        sp::Expr::Subquery(subquery) => Expr::Scalar(query(*subquery)?.into()),
        sp::Expr::Function(f) => function(f)?,
        sp::Expr::Substring { expr: inner, substring_from, substring_for, .. } => {
            let rest = substring_from.into_iter().chain(substring_for).map(|a| expr(*a));
            let args = std::iter::once(expr(*inner)).chain(rest).collect::<Result<_, _>>()?;
            call("SUBSTR", args)
        }
        sp::Expr::Trim { trim_where: None, trim_what: None, expr: inner, trim_characters } => {
            let rest = trim_characters.unwrap_or_default();
            call("TRIM", std::iter::once(*inner).chain(rest).map(expr).collect::<Result<_, _>>()?)
        }
        sp::Expr::Ceil { expr: inner, .. } => call("CEIL", vec![expr(*inner)?]),
        sp::Expr::Floor { expr: inner, .. } => call("FLOOR", vec![expr(*inner)?]),
        _ => return unknown(),
    })
}

/// An unqualified name; the words that are no columns are recognised here.
fn word(ident: &sp::Ident) -> Result<Expr, SqlError> {
    let name = name(ident)?;
    Ok(match (ident.quote_style, name.as_str()) {
        (None, "ROWNUM") => Expr::RowNum,
        (None, "SYSDATE" | "SYSTIMESTAMP" | "UNIX_DATE" | "CURRENT_DATE") => call(&name, Vec::new()),
        _ => Expr::Column { qualifier: None, name },
    })
}

fn escape(value: sp::ValueWithSpan) -> Result<char, SqlError> {
    match literal(value.value)? {
        Datum::Text(t) if t.chars().count() == 1 => t.chars().next().map_or_else(unknown, Ok),
        _ => unknown(),
    }
}

fn literal(value: sp::Value) -> Result<Datum, SqlError> {
    match value {
        sp::Value::Number(digits, _) => number(&digits).map_or_else(unknown, Ok),
        sp::Value::SingleQuotedString(text) | sp::Value::NationalStringLiteral(text) => Ok(Datum::text(text)),
        sp::Value::Null => Ok(Datum::Null),
        _ => unknown(),
    }
}

fn binary(op: &sp::BinaryOperator) -> Result<BinaryOp, SqlError> {
    use sp::BinaryOperator as Op;
    Ok(match op {
        Op::And => BinaryOp::And,
        Op::Or => BinaryOp::Or,
        Op::Eq => BinaryOp::Eq,
        Op::NotEq => BinaryOp::Ne,
        Op::Lt => BinaryOp::Lt,
        Op::LtEq => BinaryOp::Le,
        Op::Gt => BinaryOp::Gt,
        Op::GtEq => BinaryOp::Ge,
        Op::Plus => BinaryOp::Add,
        Op::Minus => BinaryOp::Sub,
        Op::Multiply => BinaryOp::Mul,
        Op::Divide => BinaryOp::Div,
        Op::StringConcat => BinaryOp::Concat,
        _ => return unknown(),
    })
}

fn function(f: sp::Function) -> Result<Expr, SqlError> {
    unless(f.filter.is_some() || f.over.is_some() || f.null_treatment.is_some() || !f.within_group.is_empty())?;
    let name = f.name.0.last().map_or_else(unknown, part)?;
    let sp::FunctionArguments::List(list) = f.args else {
        return if matches!(f.args, sp::FunctionArguments::None) { Ok(call(&name, Vec::new())) } else { unknown() };
    };
    unless(!list.clauses.is_empty())?;
    let distinct = list.duplicate_treatment == Some(sp::DuplicateTreatment::Distinct);
    let aggregate = match name.as_str() {
        "COUNT" => Some(Aggregate::Count),
        "SUM" => Some(Aggregate::Sum),
        "MIN" => Some(Aggregate::Min),
        "MAX" => Some(Aggregate::Max),
        "AVG" => Some(Aggregate::Avg),
        _ => None,
    };
    let mut args = Vec::with_capacity(list.args.len());
    for arg in list.args {
        match arg {
            sp::FunctionArg::Unnamed(sp::FunctionArgExpr::Expr(e)) => args.push(Some(expr(e)?)),
            sp::FunctionArg::Unnamed(sp::FunctionArgExpr::Wildcard) => args.push(None),
            _ => return unknown(),
        }
    }
    match (aggregate, args.len()) {
        (Some(function), 1) => {
            let argument = args.pop().flatten().map(Box::new);
            unless(argument.is_none() && function != Aggregate::Count)?;
            Ok(Expr::Aggregate { function, distinct, argument })
        }
        (Some(_), _) => unknown(),
        (None, _) => {
            unless(distinct)?;
            let args = args.into_iter().collect::<Option<Vec<_>>>();
            args.map_or_else(unknown, |args| Ok(call(&name, args)))
        }
    }
}
