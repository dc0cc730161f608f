//! As [`super::sn`], for a number that may not be known. Use with `#[serde(default, with = "...")]`.

use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

/// As decimal text, or null.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(sn: &Option<u64>, s: S) -> Result<S::Ok, S::Error> {
    match sn {
        Some(sn) => s.collect_str(sn),
        None => s.serialize_none(),
    }
}

/// Decimal text, or null.
///
/// # Errors
/// It is neither.
pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u64>, D::Error> {
    let text: Option<String> = Option::deserialize(d)?;
    text.map(|t| t.parse().map_err(|_| D::Error::custom(format!("\"{t}\" is no SN")))).transpose()
}
