//! How values compare in SQL, and LIKE. NULL compares with nothing.

use std::cmp::Ordering;

use super::bound::{Comparison, Padding};
use crate::{sql::SqlError, value::Datum};

/// `None` when one side is NULL. A number and a text compare as numbers.
pub(super) fn compare(a: &Datum, b: &Datum, padding: Padding) -> Result<Option<Ordering>, SqlError> {
    Ok(Some(match (a, b) {
        (Datum::Null, _) | (_, Datum::Null) => return Ok(None),
        (Datum::Text(a), Datum::Text(b)) => match padding {
            Padding::Exact => a.cmp(b),
            Padding::Blank => a.trim_end_matches(' ').cmp(b.trim_end_matches(' ')),
        },
        (Datum::Text(_), number) => as_number(a)?.cmp(number),
        (number, Datum::Text(_)) => number.cmp(&as_number(b)?),
        (a, b) => a.cmp(b),
    }))
}

/// A text as a number.
pub(super) fn as_number(value: &Datum) -> Result<Datum, SqlError> {
    match value {
        Datum::Text(_) => {
            let exact = value.as_i64().map(Datum::Int);
            exact.or_else(|| value.as_f64().map(Datum::number)).ok_or_else(SqlError::invalid_literal)
        }
        number => Ok(number.clone()),
    }
}

impl Comparison {
    pub fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Eq => ordering.is_eq(),
            Self::Ne => ordering.is_ne(),
            Self::Lt => ordering.is_lt(),
            Self::Le => ordering.is_le(),
            Self::Gt => ordering.is_gt(),
            Self::Ge => ordering.is_ge(),
        }
    }
}

/// A truth value as SQL sees it: `None` is unknown.
pub(super) fn truth(value: &Datum) -> Option<bool> {
    match value {
        Datum::Null => None,
        Datum::Int(n) => Some(*n != 0),
        Datum::Double(n) => Some(*n != 0.0),
        Datum::Text(_) => Some(true),
    }
}

pub(super) fn from_truth(value: Option<bool>) -> Datum {
    value.map_or(Datum::Null, |t| Datum::Int(i64::from(t)))
}

#[derive(Clone, Copy)]
enum Piece {
    Any,
    One,
    Exactly(char),
}

/// LIKE: `%` is any text, `_` any character, what follows the escape character is itself.
pub(super) fn like(text: &str, pattern: &str, escape: Option<char>) -> bool {
    let mut pieces = Vec::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        pieces.push(match c {
            c if Some(c) == escape => Piece::Exactly(chars.next().unwrap_or(c)),
            '%' => Piece::Any,
            '_' => Piece::One,
            c => Piece::Exactly(c),
        });
    }
    let text: Vec<char> = text.chars().collect();
    let (mut t, mut p) = (0, 0);
    // Where to go on when the present attempt fails: behind the last `%`, one character further.
    let mut retry = None;
    while t < text.len() {
        match pieces.get(p) {
            Some(Piece::Any) => {
                retry = Some((t, p));
                p += 1;
                continue;
            }
            Some(Piece::One) => {}
            Some(Piece::Exactly(c)) if *c == text[t] => {}
            Some(Piece::Exactly(_)) | None => {
                let Some((from, any)) = retry else { return false };
                retry = Some((from + 1, any));
                (t, p) = (from + 1, any + 1);
                continue;
            }
        }
        t += 1;
        p += 1;
    }
    pieces[p..].iter().all(|piece| matches!(piece, Piece::Any))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_patterns() {
        let table = [
            ("REPLICATION", "%REPL%", None, true),
            ("REPLICATION", "REPL", None, false),
            ("REPLICATION", "R_P%N", None, true),
            ("A%B", "A!%B", Some('!'), true),
            ("AXB", "A!%B", Some('!'), false),
            ("aaab", "%ab", None, true),
            ("aaab", "%aab%", None, true),
            ("aaab", "%b_", None, false),
            ("", "%", None, true),
            ("", "_", None, false),
        ];
        for (text, pattern, escape, want) in table {
            assert_eq!(like(text, pattern, escape), want, "{text} LIKE {pattern}");
        }
    }

    #[test]
    fn comparisons() {
        let cmp = |a: Datum, b: Datum| compare(&a, &b, Padding::Exact);
        assert_eq!(cmp(Datum::Int(1), Datum::from("01")), Ok(Some(Ordering::Equal)));
        assert_eq!(cmp(Datum::from("a"), Datum::from("b")), Ok(Some(Ordering::Less)));
        assert_eq!(cmp(Datum::Int(1), Datum::Null), Ok(None));
        assert_eq!(cmp(Datum::Int(1), Datum::from("x")), Err(SqlError::invalid_literal()));
        assert_eq!(compare(&"a  ".into(), &"a".into(), Padding::Blank), Ok(Some(Ordering::Equal)));
        assert_eq!(compare(&"a  ".into(), &"a".into(), Padding::Exact), Ok(Some(Ordering::Greater)));
    }
}
