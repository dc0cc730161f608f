//! Columns and primary keys of tables, as comparing them between pods needs them. Decides only whether a key can be
//! paged by.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use sha2::{Digest as _, Sha256};

use super::TableName;
use crate::{
    db::{
        DbError, Row, Rows, Session,
        page::{KeyColumn, KeyKind},
    },
    topology::Identifier,
};

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: Identifier,
    /// SYS_COLUMNS_.DATA_TYPE
    pub data_type: i64,
    /// PRECISION
    pub precision: i64,
    /// SCALE
    pub scale: i64,
    /// IS_NULLABLE is `F`.
    pub not_null: bool,
}

impl Column {
    /// As in a CREATE TABLE; types without a name here by their number.
    fn words(&self) -> String {
        let name = match self.data_type {
            1 => "CHAR",
            12 => "VARCHAR",
            -8 => "NCHAR",
            -9 => "NVARCHAR",
            2 | 3 | 10_002 => "NUMERIC",
            4 => "INTEGER",
            5 => "SMALLINT",
            -5 => "BIGINT",
            6 => "FLOAT",
            7 => "REAL",
            8 => "DOUBLE",
            DATE => "DATE",
            30 => "BLOB",
            40 => "CLOB",
            _ => "",
        };
        let name = if name.is_empty() { format!("type {}", self.data_type) } else { name.to_owned() };
        let size = match (self.precision, self.scale) {
            (0, _) => String::new(),
            (p, 0) => format!("({p})"),
            (p, s) => format!("({p}, {s})"),
        };
        format!("{name}{size}{}", if self.not_null { " NOT NULL" } else { "" })
    }
}

/// Columns and primary key of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// In their order.
    pub columns: Vec<Column>,
    /// Names of the key's columns, in its order.
    pub key: Vec<Identifier>,
}

/// DATA_TYPE of DATE.
const DATE: i64 = 9;
/// DATA_TYPE of BLOB and CLOB.
const LOBS: [i64; 2] = [30, 40];

impl Layout {
    /// First eight digits of a SHA-256 over everything that the server's handshake compares.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut text = String::new();
        for c in &self.columns {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{} {} {} {} {}", c.name, c.data_type, c.precision, c.scale, c.not_null);
        }
        for k in &self.key {
            let _ = writeln!(text, "key {k}");
        }
        Sha256::digest(text.as_bytes()).iter().take(4).fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// The key, when rows can be found by it: all its columns are exact numbers, text or points in time. A DOUBLE or REAL
    /// has no text that finds it again exactly.
    ///
    /// # Errors
    /// Why not, as the end of a sentence.
    pub fn paging_key(&self) -> Result<Vec<KeyColumn>, String> {
        if self.key.is_empty() {
            return Err("has no primary key".to_owned());
        }
        self.key
            .iter()
            .map(|name| {
                let column = self.columns.iter().find(|c| c.name == *name);
                // CHAR, VARCHAR; NUMERIC, DECIMAL, INTEGER, SMALLINT, BIGINT, NUMBER.
                let kind = match column.map(|c| c.data_type) {
                    Some(1 | 12) => KeyKind::Text,
                    Some(2 | 3 | 4 | 5 | -5 | 10_002) => KeyKind::Number,
                    Some(DATE) => KeyKind::Time,
                    Some(_) | None => {
                        return Err(format!("has {name} in its primary key, by which rows cannot be found exactly"));
                    }
                };
                Ok(KeyColumn { name: name.clone(), kind })
            })
            .collect()
    }

    /// Columns outside the key whose contents can be compared; large objects cannot.
    #[must_use]
    pub fn comparable(&self) -> Vec<KeyColumn> {
        let rest = self.columns.iter().filter(|c| !self.key.contains(&c.name) && !LOBS.contains(&c.data_type));
        let kind = |c: &Column| if c.data_type == DATE { KeyKind::Time } else { KeyKind::Text };
        rest.map(|c| KeyColumn { name: c.name.clone(), kind: kind(c) }).collect()
    }

    /// Columns outside the key, when every one can be read whole and written exactly as a literal.
    ///
    /// # Errors
    /// Why not, as the end of a sentence.
    pub fn writable(&self) -> Result<Vec<KeyColumn>, String> {
        let rest = self.columns.iter().filter(|c| !self.key.contains(&c.name));
        rest.map(|c| {
            let kind = match c.data_type {
                // CHAR and NCHAR are filled up with blanks by the server.
                1 | -8 => KeyKind::Text,
                // VARCHAR, NVARCHAR: blanks at their end count.
                12 | -9 => KeyKind::Whole,
                2 | 3 | 4 | 5 | -5 | 6 | 10_002 => KeyKind::Number,
                DATE => KeyKind::Time,
                _ => {
                    let words = c.words();
                    let of =
                        words.split(['(', ' ']).next().filter(|w| *w != "type").map_or(words.clone(), str::to_owned);
                    return Err(format!("has {} of type {of}, which cannot be written exactly", c.name));
                }
            };
            Ok(KeyColumn { name: c.name.clone(), kind })
        })
        .collect()
    }

    /// What is not the same in another layout, in a few words each: `V: VARCHAR(20) / VARCHAR(30)`.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let find = |layout: &Self, name: &Identifier| layout.columns.iter().find(|c| c.name == *name).cloned();
        let mut names: Vec<&Identifier> = self.columns.iter().chain(&other.columns).map(|c| &c.name).collect();
        let mut met = BTreeSet::new();
        names.retain(|n| met.insert(*n));
        let of = |c: Option<Column>| c.map_or_else(|| "missing".to_owned(), |c| c.words());
        let mut found: Vec<String> = names
            .into_iter()
            .map(|name| (name, find(self, name), find(other, name)))
            .filter(|(_, here, there)| here != there)
            .map(|(name, here, there)| format!("{name}: {} / {}", of(here), of(there)))
            .collect();
        let list = |key: &[Identifier]| key.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        if self.key != other.key {
            found.push(format!("primary key: ({}) / ({})", list(&self.key), list(&other.key)));
        }
        if found.is_empty() && self.columns != other.columns {
            found.push("the order of the columns".to_owned());
        }
        found
    }

    /// Columns that are not compared.
    #[must_use]
    pub fn large_objects(&self) -> Vec<Identifier> {
        self.columns.iter().filter(|c| LOBS.contains(&c.data_type)).map(|c| c.name.clone()).collect()
    }
}

/// Every table of these owners.
///
/// # Errors
/// A query failed.
pub fn layouts(session: &mut dyn Session, owners: &[Identifier]) -> Result<BTreeMap<TableName, Layout>, DbError> {
    let (columns, keys) = super::gather::columns(session, owners)?;
    Ok(parse(&columns, &keys))
}

pub(super) fn parse(columns: &Rows, keys: &Rows) -> BTreeMap<TableName, Layout> {
    let name = |row: Row<'_>, column| Identifier::exact(row.text(column)?).ok();
    let table = |row| Some(TableName { user: name(row, "USER_NAME")?, table: name(row, "TABLE_NAME")? });
    let mut all: BTreeMap<TableName, Layout> = BTreeMap::new();
    for row in columns.iter() {
        let (Some(table), Some(name)) = (table(row), name(row, "COLUMN_NAME")) else { continue };
        let number = |column| row.int(column).unwrap_or(0);
        all.entry(table).or_default().columns.push(Column {
            name,
            data_type: number("DATA_TYPE"),
            precision: number("PRECISION"),
            scale: number("SCALE"),
            not_null: row.text("IS_NULLABLE").as_deref() == Some("F"),
        });
    }
    for row in keys.iter() {
        if let (Some(table), Some(name)) = (table(row), name(row, "COLUMN_NAME")) {
            all.entry(table).or_default().key.push(name);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Value;

    fn rows(columns: &str, rows: &[&str]) -> Rows {
        let cells = |r: &&str| r.split(' ').map(|c| Value::Text(c.to_owned())).collect();
        Rows { columns: columns.split(' ').map(str::to_owned).collect(), rows: rows.iter().map(cells).collect() }
    }

    #[test]
    fn keys_lobs_and_digests() {
        let head = "USER_NAME TABLE_NAME COLUMN_NAME DATA_TYPE PRECISION SCALE IS_NULLABLE";
        let columns = [
            "SYS T1 ID 4 0 0 F",
            "SYS T1 V 12 20 0 T",
            "SYS T1 L 40 0 0 T",
            "SYS T2 D 9 0 0 F",
            "SYS T3 A 4 0 0 T",
            "SYS T4 F 8 0 0 F",
        ];
        let keys = rows("USER_NAME TABLE_NAME COLUMN_NAME", &["SYS T1 ID", "SYS T2 D", "SYS T4 F"]);
        let of = |columns: &[&str]| parse(&rows(head, columns), &keys);
        let all: Vec<Layout> = of(&columns).into_values().collect();
        let names = |list: Vec<Identifier>| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(all[0].comparable().into_iter().map(|c| c.name).collect()), ["V"]);
        assert_eq!(names(all[0].large_objects()), ["L"]);
        assert_eq!(all[0].paging_key().unwrap()[0].kind, KeyKind::Number);
        assert_eq!(all[1].paging_key().unwrap()[0].kind, KeyKind::Time);
        assert_eq!(all[0].writable().unwrap_err(), "has L of type CLOB, which cannot be written exactly");
        let columns =
            ["SYS T1 ID 4 0 0 F", "SYS T1 V 12 20 0 T", "SYS T1 C 1 3 0 T", "SYS T1 N 2 6 2 T", "SYS T1 D 9 0 0 T"];
        let kinds: Vec<KeyKind> =
            of(&columns).into_values().next().unwrap().writable().unwrap().iter().map(|c| c.kind).collect();
        assert_eq!(kinds, [KeyKind::Whole, KeyKind::Text, KeyKind::Number, KeyKind::Time]);
        for (number, word) in [(8, "DOUBLE"), (7, "REAL"), (20_001, "type 20001"), (10_003, "type 10003")] {
            let odd = format!("SYS T1 X {number} 0 0 T");
            let why = of(&["SYS T1 ID 4 0 0 F", &odd]).into_values().next().unwrap().writable().unwrap_err();
            assert!(why.contains(word), "{why}");
        }
        assert!(all[3].paging_key().unwrap_err().contains("F in its primary key"));
        assert!(all[2].paging_key().unwrap_err().contains("no primary key"));
        let wider = ["SYS T1 ID 4 0 0 F", "SYS T1 V 12 30 0 T", "SYS T1 L 40 0 0 T"];
        let wider: Vec<Layout> = of(&wider).into_values().collect();
        assert_ne!(all[0].digest(), wider[0].digest());
        assert_eq!(all[0].digest().len(), 8);
        assert_eq!(all[0].differences(&wider[0]), ["V: VARCHAR(20) / VARCHAR(30)"]);
        assert_eq!(all[0].differences(&all[0].clone()), Vec::<String>::new());
        let other =
            ["ID: INTEGER NOT NULL / missing", "V: VARCHAR(20) / missing", "L: CLOB / missing", "A: missing / INTEGER"];
        assert_eq!(all[0].differences(&all[2])[..4], other);
        assert_eq!(all[0].differences(&all[2])[4], "primary key: (ID) / ()");
    }
}
