//! One page of a table's rows in the order of its primary key: the text of the query, nothing else.
//!
//! A page is found by the key of the row before it, not by counting, so rows that come and go meanwhile move nothing.

use std::fmt;

use super::Value;
use crate::topology::{Identifier, Target};

/// How points in time are written: sorts as it reads, and leaves nothing out.
const TIME: &str = "'YYYY-MM-DD HH24:MI:SS.SSSSSS'";

/// A column that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyColumn {
    /// Its name.
    pub name: Identifier,
    /// How its values are written in SQL.
    pub kind: KeyKind,
}

/// How values of a key column are written in SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// As digits.
    Number,
    /// In quotes.
    Text,
    /// In quotes, and read with a mark behind it: no transport hands over blanks at the end of a text ([`whole`]).
    Whole,
    /// A DATE, which is a point in time down to the microsecond. Every session would write it in a format of its own,
    /// most of them without the time of day.
    Time,
}

/// Which rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Range {
    /// Behind the one key and not behind the other.
    Between {
        /// Not this row and none before it; `None` from the first row on.
        after: Option<Vec<Value>>,
        /// This row and none behind it; `None` to the last row.
        until: Option<Vec<Value>>,
    },
    /// The row with that key.
    Exactly(Vec<Value>),
}

/// A query for rows, ordered by key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Where from.
    pub target: Target,
    /// Primary key, in its order.
    pub key: Vec<KeyColumn>,
    /// The other columns.
    pub rest: Vec<KeyColumn>,
    /// Which rows.
    pub range: Range,
    /// At most this many.
    pub limit: u32,
}

/// Behind a text that is read whole.
const MARK: char = '|';

/// A value of a column that was read as [`KeyKind::Whole`]: without its mark. Without a mark it is not what was asked for.
#[must_use]
pub fn whole(value: &Value) -> Option<Value> {
    match value {
        Value::Text(t) => t.strip_suffix(MARK).map(|t| match t {
            "" => Value::Null,
            t => Value::Text(t.to_owned()),
        }),
        Value::Null | Value::Int(_) => None,
    }
}

pub(super) fn literal(kind: KeyKind, value: &Value) -> String {
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit() || b"+-.Ee".contains(&b));
    match (kind, value) {
        (_, Value::Null) => "NULL".to_owned(),
        (KeyKind::Number, Value::Int(n)) => n.to_string(),
        (KeyKind::Number, Value::Text(t)) if digits(t) => t.clone(),
        (KeyKind::Time, Value::Text(t)) => format!("TO_DATE('{}', {TIME})", t.replace('\'', "''")),
        (KeyKind::Number | KeyKind::Text | KeyKind::Whole, Value::Text(t)) => format!("'{}'", t.replace('\'', "''")),
        (KeyKind::Text | KeyKind::Whole | KeyKind::Time, Value::Int(n)) => format!("'{n}'"),
    }
}

fn read(column: &KeyColumn) -> String {
    match column.kind {
        KeyKind::Number | KeyKind::Text => column.name.to_string(),
        KeyKind::Whole => format!("{} || '{MARK}'", column.name),
        KeyKind::Time => format!("TO_CHAR({}, {TIME})", column.name),
    }
}

impl Page {
    /// `K1 = 1 AND K2 = 'a'`
    fn equal(&self, key: &[Value]) -> String {
        let terms = self.key.iter().zip(key).map(|(c, v)| format!("{} = {}", c.name, literal(c.kind, v)));
        terms.collect::<Vec<_>>().join(" AND ")
    }

    /// Rows on one side of a key: `K1 > 1 OR (K1 = 1 AND K2 > 2)`. `strict` compares the leading columns, `last` the
    /// last one.
    fn beyond(&self, key: &[Value], strict: &str, last: &str) -> String {
        let terms = self.key.iter().zip(key).enumerate().map(|(i, (c, v))| {
            let operator = if i + 1 == self.key.len() { last } else { strict };
            let here = format!("{} {operator} {}", c.name, literal(c.kind, v));
            if i == 0 { here } else { format!("({} AND {here})", self.equal(&key[..i])) }
        });
        format!("({})", terms.collect::<Vec<_>>().join(" OR "))
    }

    fn condition(&self) -> String {
        match &self.range {
            Range::Exactly(key) => self.equal(key),
            Range::Between { after, until } => {
                let after = after.as_ref().map(|k| self.beyond(k, ">", ">"));
                let until = until.as_ref().map(|k| self.beyond(k, "<", "<="));
                after.into_iter().chain(until).collect::<Vec<_>>().join(" AND ")
            }
        }
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key: Vec<_> = self.key.iter().map(|c| c.name.to_string()).collect();
        let columns: Vec<_> = self.key.iter().chain(&self.rest).map(read).collect();
        write!(f, "SELECT {} FROM {}", columns.join(", "), self.target.table_sql())?;
        if let Some(p) = &self.target.partition {
            write!(f, " PARTITION ({p})")?;
        }
        let condition = self.condition();
        if !condition.is_empty() {
            write!(f, " WHERE {condition}")?;
        }
        write!(f, " ORDER BY {} LIMIT {}", key.join(", "), self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_pages() {
        let name = |n: &str| Identifier::exact(n).unwrap();
        let column = |n: &str, kind| KeyColumn { name: name(n), kind };
        let page = |range| Page {
            target: Target { user: name("SYS"), table: name("T1"), partition: Some(name("P1")) },
            key: vec![column("A", KeyKind::Number), column("low b", KeyKind::Text)],
            rest: vec![column("C", KeyKind::Text)],
            range,
            limit: 10,
        };
        let key = |n, t: &str| vec![Value::Int(n), Value::Text(t.to_owned())];
        let head = "SELECT A, \"low b\", C FROM SYS.T1 PARTITION (P1)";
        let tail = " ORDER BY A, \"low b\" LIMIT 10";
        let table = [
            (Range::Between { after: None, until: None }, ""),
            (
                Range::Between { after: Some(key(1, "x'y")), until: Some(key(9, "z")) },
                " WHERE (A > 1 OR (A = 1 AND \"low b\" > 'x''y')) AND (A < 9 OR (A = 9 AND \"low b\" <= 'z'))",
            ),
            (Range::Exactly(key(3, "q")), " WHERE A = 3 AND \"low b\" = 'q'"),
        ];
        for (range, want) in table {
            assert_eq!(page(range).to_string(), format!("{head}{want}{tail}"));
        }
        let at = Value::Text("2026-11-21 10:00:00.000001".to_owned());
        let times = Page {
            key: vec![column("D", KeyKind::Time)],
            rest: vec![column("E", KeyKind::Time)],
            ..page(Range::Exactly(vec![at]))
        };
        let format = "'YYYY-MM-DD HH24:MI:SS.SSSSSS'";
        assert_eq!(
            times.to_string(),
            format!(
                "SELECT TO_CHAR(D, {format}), TO_CHAR(E, {format}) FROM SYS.T1 PARTITION (P1) \
                 WHERE D = TO_DATE('2026-11-21 10:00:00.000001', {format}) ORDER BY D LIMIT 10"
            )
        );
        assert_eq!(literal(KeyKind::Number, &Value::Text("-1.5".to_owned())), "-1.5");
        assert_eq!(literal(KeyKind::Number, &Value::Text("1; DROP".to_owned())), "'1; DROP'");
    }
}
