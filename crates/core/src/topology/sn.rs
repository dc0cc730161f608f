//! Sequence numbers of the log in JSON: as text, because a `u64` exceeds the integers that JSON readers keep exactly.
//! Numbers, as older files hold them, are still read. Use with `#[serde(with = "...")]`.

use std::fmt;

use serde::{
    Deserializer, Serializer,
    de::{Error, Visitor},
};

struct Sn;

impl Visitor<'_> for Sn {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an SN")
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<u64, E> {
        Ok(n)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
        text.parse().map_err(|_| E::custom(format!("\"{text}\" is no SN")))
    }
}

/// As decimal text.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(sn: &u64, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(sn)
}

/// Decimal text or a number.
///
/// # Errors
/// It is neither.
pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<u64, D::Error> {
    d.deserialize_any(Sn)
}

#[cfg(test)]
mod tests {
    use crate::topology::Position;

    #[test]
    fn sequence_numbers_are_text() {
        let live = Position::Live(u64::MAX);
        let text = serde_json::to_string(&live).unwrap();
        assert_eq!(text, r#"{"live":"18446744073709551615"}"#);
        assert_eq!(serde_json::from_str::<Position>(&text).unwrap(), live);
        assert_eq!(serde_json::from_str::<Position>(r#"{"live":500}"#).unwrap(), Position::Live(500));
        assert!(serde_json::from_str::<Position>(r#"{"live":"-1"}"#).is_err());
    }
}
