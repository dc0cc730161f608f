//! Functions that need nothing but their arguments.
//!
//! Positions in texts count characters from 1, as the server counts them.

use super::{
    bound::Padding,
    compare::{as_number, compare},
};
use crate::{sql::SqlError, value::Datum};

type Body = fn(&[Datum]) -> Result<Datum, SqlError>;

/// A built-in function.
#[derive(Clone, Copy, Debug)]
pub(super) struct Builtin {
    name: &'static str,
    min: usize,
    max: usize,
    body: Body,
}

impl PartialEq for Builtin {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

const BUILTINS: [Builtin; 28] = [
    builtin("SUBSTR", 2, 3, substr),
    builtin("SUBSTRING", 2, 3, substr),
    builtin("NVL", 2, 2, |a| Ok(if a[0].is_null() { a[1].clone() } else { a[0].clone() })),
    builtin("NVL2", 3, 3, |a| Ok(if a[0].is_null() { a[2].clone() } else { a[1].clone() })),
    builtin("COALESCE", 1, 99, |a| Ok(a.iter().find(|v| !v.is_null()).cloned().unwrap_or(Datum::Null))),
    builtin("DECODE", 3, 99, decode),
    builtin("UPPER", 1, 1, |a| Ok(on_text(&a[0], str::to_uppercase))),
    builtin("LOWER", 1, 1, |a| Ok(on_text(&a[0], str::to_lowercase))),
    builtin("LENGTH", 1, 1, |a| Ok(length(&a[0]))),
    builtin("CHAR_LENGTH", 1, 1, |a| Ok(length(&a[0]))),
    builtin("TRIM", 1, 2, |a| Ok(trim(a, Ends::Both))),
    builtin("LTRIM", 1, 2, |a| Ok(trim(a, Ends::Left))),
    builtin("RTRIM", 1, 2, |a| Ok(trim(a, Ends::Right))),
    builtin("LPAD", 2, 3, |a| pad(a, Ends::Left)),
    builtin("RPAD", 2, 3, |a| pad(a, Ends::Right)),
    builtin("INSTR", 2, 2, |a| Ok(instr(a))),
    builtin("REPLACE", 2, 3, |a| Ok(replace(a))),
    builtin("CONCAT", 2, 2, |a| Ok(Datum::text(format!("{}{}", a[0], a[1])))),
    builtin("TO_CHAR", 1, 2, |a| Ok(on_text(&a[0], str::to_owned))),
    builtin("TO_NUMBER", 1, 1, |a| as_number(&a[0])),
    builtin("TO_DATE", 1, 2, |a| Ok(a[0].clone())),
    builtin("MOD", 2, 2, modulo),
    builtin("ABS", 1, 1, |a| on_number(&a[0], f64::abs)),
    builtin("CEIL", 1, 1, |a| on_number(&a[0], f64::ceil)),
    builtin("FLOOR", 1, 1, |a| on_number(&a[0], f64::floor)),
    builtin("SIGN", 1, 1, |a| on_number(&a[0], |n| if n == 0.0 { 0.0 } else { n.signum() })),
    builtin("ROUND", 1, 2, |a| scaled(a, f64::round)),
    builtin("TRUNC", 1, 2, |a| scaled(a, f64::trunc)),
];

const fn builtin(name: &'static str, min: usize, max: usize, body: Body) -> Builtin {
    Builtin { name, min, max, body }
}

impl Builtin {
    /// The function of that name; `None` when the server around has to know it.
    pub fn find(name: &str) -> Option<Self> {
        BUILTINS.iter().find(|b| b.name == name).copied()
    }

    pub fn takes(self, arguments: usize) -> bool {
        (self.min..=self.max).contains(&arguments)
    }

    /// Arguments must be as many as it takes.
    pub fn call(self, args: &[Datum]) -> Result<Datum, SqlError> {
        (self.body)(args)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    Left,
    Right,
    Both,
}

fn on_text(value: &Datum, f: impl Fn(&str) -> String) -> Datum {
    if value.is_null() { Datum::Null } else { Datum::text(f(&value.to_string())) }
}

fn on_number(value: &Datum, f: impl Fn(f64) -> f64) -> Result<Datum, SqlError> {
    if value.is_null() {
        return Ok(Datum::Null);
    }
    value.as_f64().map(|n| Datum::number(f(n))).ok_or_else(SqlError::invalid_literal)
}

fn int(value: &Datum) -> Result<i64, SqlError> {
    value.as_f64().map(f64::trunc).and_then(|n| Datum::number(n).as_i64()).ok_or_else(SqlError::invalid_literal)
}

fn length(value: &Datum) -> Datum {
    if value.is_null() {
        return Datum::Null;
    }
    Datum::Int(i64::try_from(value.to_string().chars().count()).unwrap_or(i64::MAX))
}

/// A negative start counts from the end.
fn substr(args: &[Datum]) -> Result<Datum, SqlError> {
    if args.iter().any(Datum::is_null) {
        return Ok(Datum::Null);
    }
    let chars: Vec<char> = args[0].to_string().chars().collect();
    let start = int(&args[1])?;
    let count = args.get(2).map_or(Ok(i64::MAX), int)?;
    let all = i64::try_from(chars.len()).unwrap_or(i64::MAX);
    let skip = match start {
        0 => 0,
        1.. => start - 1,
        _ => all + start,
    };
    if skip < 0 || count <= 0 {
        return Ok(Datum::Null);
    }
    let skip = usize::try_from(skip).unwrap_or(usize::MAX);
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    Ok(Datum::text(chars.into_iter().skip(skip).take(count).collect::<String>()))
}

/// `DECODE(value, match, result, ..., [otherwise])`; NULL matches NULL.
fn decode(args: &[Datum]) -> Result<Datum, SqlError> {
    let (value, rest) = (&args[0], &args[1..]);
    for pair in rest.chunks(2) {
        let [wanted, result] = pair else { return Ok(pair[0].clone()) };
        let same = value.is_null() && wanted.is_null()
            || compare(value, wanted, Padding::Exact)?.is_some_and(std::cmp::Ordering::is_eq);
        if same {
            return Ok(result.clone());
        }
    }
    Ok(Datum::Null)
}

fn trim(args: &[Datum], ends: Ends) -> Datum {
    let cut: Vec<char> = args.get(1).map_or_else(|| vec![' '], |c| c.to_string().chars().collect());
    on_text(&args[0], |t| {
        let t = if ends == Ends::Right { t } else { t.trim_start_matches(&cut[..]) };
        if ends == Ends::Left { t } else { t.trim_end_matches(&cut[..]) }.to_owned()
    })
}

fn pad(args: &[Datum], ends: Ends) -> Result<Datum, SqlError> {
    if args.iter().any(Datum::is_null) {
        return Ok(Datum::Null);
    }
    // The server's longest text column bounds what padding can make.
    let width = usize::try_from(int(&args[1])?.clamp(0, 32_000)).unwrap_or(0);
    let text: Vec<char> = args[0].to_string().chars().take(width).collect();
    let filler = args.get(2).map_or_else(|| " ".to_owned(), ToString::to_string);
    let missing = filler.chars().cycle().take(width - text.len());
    let out: String = if ends == Ends::Left {
        missing.chain(text.iter().copied()).collect()
    } else {
        text.iter().copied().chain(missing).collect()
    };
    Ok(Datum::text(out))
}

fn instr(args: &[Datum]) -> Datum {
    if args.iter().any(Datum::is_null) {
        return Datum::Null;
    }
    let text = args[0].to_string();
    let at = text.find(&args[1].to_string()).map_or(0, |at| text[..at].chars().count() + 1);
    Datum::Int(i64::try_from(at).unwrap_or(i64::MAX))
}

fn replace(args: &[Datum]) -> Datum {
    if args[0].is_null() || args[1].is_null() {
        return args[0].clone();
    }
    let to = args.get(2).map(ToString::to_string).unwrap_or_default();
    Datum::text(args[0].to_string().replace(&args[1].to_string(), &to))
}

fn modulo(args: &[Datum]) -> Result<Datum, SqlError> {
    if args.iter().any(Datum::is_null) {
        return Ok(Datum::Null);
    }
    match (as_number(&args[0])?, as_number(&args[1])?) {
        (_, Datum::Int(0)) => Err(SqlError::divide_by_zero()),
        (Datum::Int(a), Datum::Int(b)) => Ok(Datum::Int(a.wrapping_rem(b))),
        (a, b) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => Ok(Datum::number(a % b)),
            _ => Err(SqlError::invalid_literal()),
        },
    }
}

/// `f(number, digits)`
fn scaled(args: &[Datum], f: impl Fn(f64) -> f64) -> Result<Datum, SqlError> {
    if args.iter().any(Datum::is_null) {
        return Ok(Datum::Null);
    }
    if let [Datum::Int(n)] = args {
        return Ok(Datum::Int(*n));
    }
    let digits = args.get(1).map_or(Ok(0), int)?.clamp(-38, 38);
    let unit = 10f64.powi(i32::try_from(digits).unwrap_or(0));
    on_number(&args[0], |n| f(n * unit) / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results() {
        let call = |name: &str, args: &[Datum]| Builtin::find(name).map(|f| f.call(args));
        let t = |text: &str| Datum::from(text);
        let n = Datum::Int;
        let table = [
            ("SUBSTR", vec![t("7.2.0.0.0"), n(1), n(3)], t("7.2")),
            ("SUBSTR", vec![t("abc"), n(-2)], t("bc")),
            ("SUBSTR", vec![t("abc"), n(9)], Datum::Null),
            ("NVL", vec![Datum::Null, n(1)], n(1)),
            ("DECODE", vec![n(2), n(1), t("a"), n(2), t("b"), t("c")], t("b")),
            ("DECODE", vec![n(3), n(1), t("a"), t("c")], t("c")),
            ("LENGTH", vec![t("주문")], n(2)),
            ("TRIM", vec![t("  x ")], t("x")),
            ("RTRIM", vec![t("xyy"), t("y")], t("x")),
            ("LPAD", vec![t("7"), n(3), t("0")], t("007")),
            ("INSTR", vec![t("abcabc"), t("ca")], n(3)),
            ("MOD", vec![n(7), n(3)], n(1)),
            ("ABS", vec![n(-7)], n(7)),
            ("ROUND", vec![Datum::Double(1.256), n(2)], Datum::Double(1.26)),
            ("TO_CHAR", vec![n(12)], t("12")),
            ("TO_NUMBER", vec![t(" 12 ")], n(12)),
            ("REPLACE", vec![t("aba"), t("a"), t("x")], t("xbx")),
        ];
        for (name, args, want) in table {
            assert_eq!(call(name, &args), Some(Ok(want)), "{name}{args:?}");
        }
        assert_eq!(call("MOD", &[n(1), n(0)]), Some(Err(SqlError::divide_by_zero())));
        assert_eq!(call("NO_SUCH", &[]), None);
    }
}
