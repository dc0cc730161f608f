//! SQL names as the catalog stores them, and how they are written in SQL text.
//!
//! This is the only place where a name is quoted (DESIGN D7).

use std::{collections::BTreeSet, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use smol_str::SmolStr;

/// A user, table or partition name, spelt as the catalog spells it: upper case unless it was quoted.
/// At most 128 bytes, never empty, without `'` and `"` (the server's lexer allows neither, `altibase.md` 1). A name of up to
/// 23 bytes is stored in place and a longer one is shared: a large cluster holds the same names a million times.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(with = "String")]
pub struct Identifier(SmolStr);

/// Why a text is not a usable name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentError {
    /// Nothing there.
    #[error("a name is empty")]
    Empty,
    /// Too many bytes: actual, allowed.
    #[error("name \"{name}\" has {bytes} bytes, the limit is {limit}")]
    TooLong {
        /// The name.
        name: String,
        /// Its length.
        bytes: usize,
        /// The server's limit.
        limit: usize,
    },
    /// A quote or a control character.
    #[error("name \"{name}\" holds {what}, which no Altibase name can")]
    BadCharacter {
        /// The name.
        name: String,
        /// What is wrong, in words.
        what: &'static str,
    },
}

fn checked(name: &str, limit: usize) -> Result<SmolStr, IdentError> {
    if name.is_empty() {
        return Err(IdentError::Empty);
    }
    if name.len() > limit {
        return Err(IdentError::TooLong { bytes: name.len(), limit, name: name.to_owned() });
    }
    let what = if name.contains(['"', '\'']) {
        "a quote"
    } else if name.chars().any(char::is_control) {
        "a control character"
    } else {
        return Ok(name.into());
    };
    Err(IdentError::BadCharacter { name: name.to_owned(), what })
}

/// Reads a name as it stands in a file, without a copy of it in between: large files are mostly names.
struct NameVisitor(usize);

impl de::Visitor<'_> for NameVisitor {
    type Value = SmolStr;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<SmolStr, E> {
        checked(name, self.0).map_err(E::custom)
    }
}

impl Serialize for Identifier {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Identifier {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_str(NameVisitor(Self::MAX_BYTES)).map(Self)
    }
}

impl Serialize for ReplicationName {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ReplicationName {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_str(NameVisitor(Self::MAX_BYTES)).map(Self)
    }
}

fn is_plain(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'_' | b'$');
    name.bytes().next().is_some_and(|b| b.is_ascii_uppercase() || b == b'_')
        && name.bytes().all(plain)
        && !is_reserved(name)
}

/// Words that the server's grammar may take for something else where we write a name.
fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "ALL"
            | "ALTER"
            | "AND"
            | "AS"
            | "BY"
            | "CHECK"
            | "COLUMN"
            | "CREATE"
            | "DATE"
            | "DEFAULT"
            | "DELETE"
            | "DROP"
            | "FROM"
            | "GROUP"
            | "IN"
            | "INDEX"
            | "INSERT"
            | "INTO"
            | "KEY"
            | "LEVEL"
            | "NOT"
            | "NULL"
            | "OR"
            | "ORDER"
            | "PARTITION"
            | "SELECT"
            | "SET"
            | "TABLE"
            | "TO"
            | "UPDATE"
            | "USER"
            | "WITH"
    )
}

fn write_sql(name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if is_plain(name) { f.write_str(name) } else { write!(f, "\"{name}\"") }
}

impl Identifier {
    /// Longest name in bytes (`altibase.md` 1).
    pub const MAX_BYTES: usize = 128;

    /// A name exactly as the catalog holds it (it was quoted, or it comes from the catalog).
    ///
    /// # Errors
    /// See [`IdentError`].
    pub fn exact(name: impl AsRef<str>) -> Result<Self, IdentError> {
        checked(name.as_ref(), Self::MAX_BYTES).map(Self)
    }

    /// A name that was written without quotes: folded to upper case as the server folds it (ASCII letters only).
    ///
    /// # Errors
    /// See [`IdentError`].
    pub fn folded(name: &str) -> Result<Self, IdentError> {
        Self::exact(name.to_ascii_uppercase())
    }

    /// The catalog's spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Identifier {
    type Error = IdentError;
    fn try_from(s: String) -> Result<Self, IdentError> {
        Self::exact(s)
    }
}

impl From<Identifier> for String {
    fn from(i: Identifier) -> Self {
        i.0.into()
    }
}

/// As SQL text: bare when the server would read it back unchanged, otherwise in double quotes.
impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_sql(&self.0, f)
    }
}

/// Name of a replication object, at most 40 bytes; both pods of a pair use the same one (`aku-behaviour.md` A.4).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(with = "String")]
pub struct ReplicationName(SmolStr);

impl ReplicationName {
    /// Server limit in bytes (QC_MAX_NAME_LEN).
    pub const MAX_BYTES: usize = 40;

    /// A name as the catalog holds it.
    ///
    /// # Errors
    /// See [`IdentError`].
    pub fn exact(name: impl AsRef<str>) -> Result<Self, IdentError> {
        checked(name.as_ref(), Self::MAX_BYTES).map(Self)
    }

    /// The catalog's spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ReplicationName {
    type Error = IdentError;
    fn try_from(s: String) -> Result<Self, IdentError> {
        Self::exact(s)
    }
}

impl From<ReplicationName> for String {
    fn from(i: ReplicationName) -> Self {
        i.0.into()
    }
}

/// As SQL text, quoted where needed.
impl fmt::Display for ReplicationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_sql(&self.0, f)
    }
}

/// What is replicated: a table, or one partition of it. Names are equal on both sides of a pair.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Target {
    /// Owner.
    pub user: Identifier,
    /// Table.
    pub table: Identifier,
    /// The single partition that is replicated; `None` for the whole table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<Identifier>,
}

impl Target {
    /// `USER.TABLE` as SQL text, without the partition.
    #[must_use]
    pub fn table_sql(&self) -> String {
        format!("{}.{}", self.user, self.table)
    }

    /// The whole tables of these, each once, sorted.
    #[must_use]
    pub fn tables<'t>(targets: impl IntoIterator<Item = &'t Self>) -> Vec<Self> {
        let tables: BTreeSet<Self> = targets.into_iter().map(|t| Self { partition: None, ..t.clone() }).collect();
        tables.into_iter().collect()
    }

    /// Who owns these, each once, sorted.
    #[must_use]
    pub fn owners<'t>(targets: impl IntoIterator<Item = &'t Self>) -> Vec<Identifier> {
        let owners: BTreeSet<&Identifier> = targets.into_iter().map(|t| &t.user).collect();
        owners.into_iter().cloned().collect()
    }
}

/// `USER.TABLE` or `USER.TABLE PARTITION P`, as SQL text.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.user, f)?;
        f.write_str(".")?;
        fmt::Display::fmt(&self.table, f)?;
        self.partition.as_ref().map_or(Ok(()), |p| write!(f, " PARTITION {p}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_only_where_needed() {
        let sql = |s: &str| Identifier::exact(s).map(|i| i.to_string());
        assert_eq!(sql("T1"), Ok("T1".to_owned()));
        assert_eq!(sql("Low Case"), Ok("\"Low Case\"".to_owned()));
        assert_eq!(sql("t1"), Ok("\"t1\"".to_owned()));
        assert_eq!(sql("1T"), Ok("\"1T\"".to_owned()));
        assert_eq!(sql("A.B"), Ok("\"A.B\"".to_owned()));
        assert_eq!(sql("주문"), Ok("\"주문\"".to_owned()));
        assert_eq!(sql("TABLE"), Ok("\"TABLE\"".to_owned()));
        assert_eq!(Identifier::folded("t1").map(|i| i.to_string()), Ok("T1".to_owned()));
        assert!(matches!(sql("a\"b"), Err(IdentError::BadCharacter { .. })));
        assert_eq!(sql(""), Err(IdentError::Empty));
        assert!(matches!(sql(&"x".repeat(129)), Err(IdentError::TooLong { bytes: 129, limit: 128, .. })));
        assert!(ReplicationName::exact("R".repeat(40)).is_ok());
        assert!(ReplicationName::exact("R".repeat(41)).is_err());
    }
}
