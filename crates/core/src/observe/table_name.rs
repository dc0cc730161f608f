//! The key of what was seen of a table.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Visitor},
};

use crate::topology::{Identifier, Target};

/// Owner and name of a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TableName {
    /// Owner.
    pub user: Identifier,
    /// Table.
    pub table: Identifier,
}

impl TableName {
    /// The table a target belongs to.
    #[must_use]
    pub fn of(target: &Target) -> Self {
        Self { user: target.user.clone(), table: target.table.clone() }
    }
}

/// As text, because it is the key of a map. A control character cannot occur in a name, so the pair survives the round trip.
impl Serialize for TableName {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&format_args!("{}\u{1f}{}", self.user.as_str(), self.table.as_str()))
    }
}

struct TableNameVisitor;

impl Visitor<'_> for TableNameVisitor {
    type Value = TableName;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an owner and a table")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<TableName, E> {
        let (user, table) = text.split_once('\u{1f}').ok_or_else(|| E::custom("a table name needs an owner"))?;
        let name = |n: &str| Identifier::exact(n).map_err(E::custom);
        Ok(TableName { user: name(user)?, table: name(table)? })
    }
}

impl<'de> Deserialize<'de> for TableName {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_str(TableNameVisitor)
    }
}
