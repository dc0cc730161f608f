//! INSERT, UPDATE and DELETE of one row, each conditional on the row being as it was read. The only place where a value
//! of somebody's row becomes text of SQL.

use std::fmt;

use super::{
    Value,
    page::{KeyColumn, KeyKind, literal},
};
use crate::topology::Target;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedRow {
    /// The table or partition.
    pub target: Target,
    /// Primary key, in its order.
    pub key: Vec<KeyColumn>,
    /// Values of the key.
    pub at: Vec<Value>,
    /// The other columns.
    pub rest: Vec<KeyColumn>,
    /// Their values here; empty where the row is not there.
    pub from: Vec<Value>,
    /// Their values afterwards; empty where the row is to go.
    pub to: Vec<Value>,
}

/// Why a row cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// A statement would end there.
    #[error("a value holds a NUL character")]
    Nul,
    /// What should be a number is none.
    #[error("a value is no number, although its column holds numbers")]
    NoNumber,
}

fn equal(column: &KeyColumn, value: &Value) -> String {
    match value {
        Value::Null => format!("{} IS NULL", column.name),
        Value::Int(_) | Value::Text(_) => format!("{} = {}", column.name, literal(column.kind, value)),
    }
}

fn fits(column: &KeyColumn, value: &Value) -> Result<(), Unwritable> {
    match (column.kind, value) {
        (_, Value::Text(t)) if t.contains('\0') => Err(Unwritable::Nul),
        (KeyKind::Number, Value::Text(t)) if t.trim().parse::<f64>().map_or(true, |n| !n.is_finite()) => {
            Err(Unwritable::NoNumber)
        }
        (KeyKind::Number | KeyKind::Text | KeyKind::Whole | KeyKind::Time, _) => Ok(()),
    }
}

impl ChangedRow {
    /// Whether every value can be written as a literal.
    ///
    /// # Errors
    /// The first that cannot.
    pub fn check(&self) -> Result<(), Unwritable> {
        let of = |columns: &[KeyColumn], values: &[Value]| columns.iter().zip(values).try_for_each(|(c, v)| fits(c, v));
        of(&self.key, &self.at)?;
        of(&self.rest, &self.from)?;
        of(&self.rest, &self.to)
    }

    fn place(&self) -> String {
        let partition = self.target.partition.as_ref().map_or_else(String::new, |p| format!(" PARTITION ({p})"));
        format!("{}{partition}", self.target.table_sql())
    }

    /// The row as it was read: key and all values.
    fn as_read(&self) -> String {
        let key = self.key.iter().zip(&self.at);
        let rest = self.rest.iter().zip(&self.from);
        key.chain(rest).map(|(c, v)| equal(c, v)).collect::<Vec<_>>().join(" AND ")
    }

    /// INSERT. A table takes a row into the right partition by itself.
    pub(super) fn insert(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<_> = self.key.iter().chain(&self.rest).map(|c| c.name.to_string()).collect();
        let key = self.key.iter().zip(&self.at);
        let values: Vec<_> = key.chain(self.rest.iter().zip(&self.to)).map(|(c, v)| literal(c.kind, v)).collect();
        write!(f, "INSERT INTO {} ({}) VALUES ({})", self.target.table_sql(), columns.join(", "), values.join(", "))
    }

    /// UPDATE of the columns that differ.
    pub(super) fn update(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let differ = self.rest.iter().zip(self.from.iter().zip(&self.to)).filter(|(_, (from, to))| from != to);
        let set: Vec<_> = differ.map(|(c, (_, to))| format!("{} = {}", c.name, literal(c.kind, to))).collect();
        write!(f, "UPDATE {} SET {} WHERE {}", self.target.table_sql(), set.join(", "), self.as_read())
    }

    /// DELETE.
    pub(super) fn delete(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DELETE FROM {} WHERE {}", self.place(), self.as_read())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{sql::ChangeSql, topology::Identifier};

    fn column(name: &str, kind: KeyKind) -> KeyColumn {
        KeyColumn { name: Identifier::exact(name).unwrap(), kind }
    }

    fn row(at: Vec<Value>, from: Vec<Value>, to: Vec<Value>) -> ChangedRow {
        ChangedRow {
            target: Target {
                user: Identifier::exact("SYS").unwrap(),
                table: Identifier::exact("T1").unwrap(),
                partition: None,
            },
            key: vec![column("ID", KeyKind::Number), column("low k", KeyKind::Text)],
            at,
            rest: vec![
                column("V", KeyKind::Whole),
                column("N", KeyKind::Number),
                column("D", KeyKind::Time),
                column("C", KeyKind::Text),
            ],
            from,
            to,
        }
    }

    fn text(t: &str) -> Value {
        Value::Text(t.to_owned())
    }

    #[test]
    fn text_of_rows() {
        let at = vec![Value::Int(7), text("it's")];
        let old = vec![text("a "), text("1.50"), text("2026-11-21 10:00:00.000001"), Value::Null];
        let new = vec![text("b"), text("1.50"), Value::Null, text("'; DROP TABLE T1; --")];
        let format = "'YYYY-MM-DD HH24:MI:SS.SSSSSS'";
        let insert = ChangeSql::InsertRow(Box::new(row(at.clone(), Vec::new(), new.clone())));
        assert_eq!(
            insert.to_string(),
            "INSERT INTO SYS.T1 (ID, \"low k\", V, N, D, C) VALUES (7, 'it''s', 'b', 1.50, NULL, '''; DROP TABLE T1; --')"
        );
        let as_read = format!(
            "ID = 7 AND \"low k\" = 'it''s' AND V = 'a ' AND N = 1.50 AND D = TO_DATE('2026-11-21 10:00:00.000001', {format}) AND C IS NULL"
        );
        let update = ChangeSql::UpdateRow(Box::new(row(at.clone(), old.clone(), new)));
        assert_eq!(
            update.to_string(),
            format!("UPDATE SYS.T1 SET V = 'b', D = NULL, C = '''; DROP TABLE T1; --' WHERE {as_read}")
        );
        let mut gone = row(at, old, Vec::new());
        gone.target.partition = Some(Identifier::exact("P1").unwrap());
        assert_eq!(
            ChangeSql::DeleteRow(Box::new(gone)).to_string(),
            format!("DELETE FROM SYS.T1 PARTITION (P1) WHERE {as_read}")
        );
    }

    #[test]
    fn what_cannot_be_a_literal_is_told() {
        let with = |at, value: Value| {
            let rest = vec![value, Value::Null, Value::Null, Value::Null];
            row(vec![at, text("k")], Vec::new(), rest).check()
        };
        assert_eq!(with(Value::Int(1), text("plain")), Ok(()));
        assert_eq!(with(Value::Int(1), text("a\0b")), Err(Unwritable::Nul));
        assert_eq!(with(text("1; DROP"), text("plain")), Err(Unwritable::NoNumber));
        assert_eq!(with(text("nan"), text("plain")), Err(Unwritable::NoNumber));
        assert_eq!(with(text("-1.5E+3"), text("plain")), Ok(()));
    }

    /// A statement with its literals taken out, as any reader of SQL takes them out.
    fn skeleton(sql: &str) -> String {
        let mut out = String::new();
        let mut chars = sql.chars().peekable();
        while let Some(c) = chars.next() {
            if c != '\'' {
                out.push(c);
                continue;
            }
            loop {
                match chars.next() {
                    None => return format!("{out} OPEN"),
                    Some('\'') if chars.peek() == Some(&'\'') => drop(chars.next()),
                    Some('\'') => break,
                    Some(_) => {}
                }
            }
            out.push('?');
        }
        out
    }

    proptest! {
        #[test]
        fn no_value_becomes_sql(key in "\\PC{0,20}", value in "[\\PC']{0,30}", other in "['\"; \\-/*\\\\\n]{0,20}") {
            let at = vec![Value::Int(1), text(&key)];
            let old = vec![text(&value), Value::Int(5), Value::Null, text(&other)];
            let new = vec![text(&other), Value::Int(6), Value::Null, text(&value)];
            let plain = |t: &[Value]| t.iter().map(|v| match v {
                Value::Text(_) => text("x"),
                Value::Null | Value::Int(_) => v.clone(),
            }).collect::<Vec<_>>();
            prop_assume!(value != other);
            let same = |make: fn(Box<ChangedRow>) -> ChangeSql, from: &[Value], to: &[Value]| {
                let hostile = make(Box::new(row(at.clone(), from.to_vec(), to.to_vec()))).to_string();
                let mut tame = row(plain(&at), plain(from), plain(to));
                // What differs must differ here as well, to be in the same SET.
                if let Some(first) = tame.to.first_mut() { *first = text("y"); }
                if let Some(last) = tame.to.last_mut() { *last = text("y"); }
                (skeleton(&hostile), skeleton(&make(Box::new(tame)).to_string()))
            };
            let (hostile, tame) = same(ChangeSql::InsertRow, &[], &new);
            prop_assert_eq!(hostile, tame);
            let (hostile, tame) = same(ChangeSql::UpdateRow, &old, &new);
            prop_assert_eq!(hostile, tame);
            let (hostile, tame) = same(ChangeSql::DeleteRow, &old, &[]);
            prop_assert_eq!(hostile, tame);
        }
    }
}
