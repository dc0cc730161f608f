//! Whether a text is JSON that means the same to every reader: no name twice in an object, no deeper than we write, no object
//! with more members than anything of ours has. Walks the text once and keeps nothing but the names of the objects
//! that are open.

use std::{fmt, hash::BuildHasher as _};

use foldhash::{HashSet, HashSetExt as _, quality::FixedState};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Levels of objects and lists in a document.
const DEPTH: usize = 32;
/// Members of one object.
const MEMBERS: usize = 1 << 20;

/// Looks at a text.
///
/// # Errors
/// It is no JSON, or not sound.
pub(super) fn sound(text: &str) -> serde_json::Result<()> {
    let mut json = serde_json::Deserializer::from_str(text);
    Any { left: DEPTH, open: &mut Vec::new() }.deserialize(&mut json)?;
    json.end()
}

/// Members of an object whose names are walked; with more they are kept as a set.
const FEW: usize = 16;

/// A value of any kind.
struct Any<'n> {
    /// Levels that may still be opened.
    left: usize,
    /// Names of the small objects that are open, the innermost last.
    open: &'n mut Vec<u64>,
}

impl Any<'_> {
    fn inside<E: Error>(&mut self) -> Result<(), E> {
        self.left = self.left.checked_sub(1).ok_or_else(|| E::custom(format!("it is deeper than {DEPTH} levels")))?;
        Ok(())
    }

    fn member(&mut self) -> Any<'_> {
        Any { left: self.left, open: self.open }
    }

    /// The members of an object whose names begin at a place.
    fn members<'de, A: MapAccess<'de>>(&mut self, object: &mut A, from: usize) -> Result<(), A::Error> {
        let mut many = HashSet::new();
        while let Some(name) = object.next_key_seed(Name)? {
            let known = &self.open[from..];
            let few = known.len() < FEW;
            let is_new = if few {
                !known.contains(&name)
            } else {
                if many.is_empty() {
                    many.extend(known);
                }
                many.insert(name)
            };
            if !is_new {
                return Err(A::Error::custom("a name occurs twice in an object"));
            }
            if many.len() > MEMBERS {
                return Err(A::Error::custom(format!("an object has more than {MEMBERS} members")));
            }
            if few {
                self.open.push(name);
            }
            object.next_value_seed(self.member())?;
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Any<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Any<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        self.inside()?;
        while list.next_element_seed(self.member())?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<(), A::Error> {
        self.inside()?;
        let from = self.open.len();
        self.members(&mut object, from)?;
        self.open.truncate(from);
        Ok(())
    }
}

/// The name of a member, as a hash.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = u64;
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<u64, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = u64;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_str<E: Error>(self, name: &str) -> Result<u64, E> {
        Ok(FixedState::default().hash_one(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        let many = |n: usize, more: &str| {
            let members: Vec<_> = (0..n).map(|i| format!("\"m{i}\": {{\"m{i}\": [{{}}], \"b\": 1}}")).collect();
            format!("{{{}{more}}}", members.join(","))
        };
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        let table = [
            ("{\"a\": [1, -2, 0.5, null, true, \"x\", {\"a\": {}}], \"b\": {\"a\": 1}}".to_owned(), None),
            ("{\"a\": 1, \"a\": 1}".to_owned(), Some("twice")),
            (many(FEW, ""), None),
            (many(1000, ""), None),
            (many(FEW, ",\"m0\": {\"m0\": 1}"), Some("twice")),
            (many(FEW + 1, ",\"m16\": 1"), Some("twice")),
            (many(1000, ",\"m999\": 1"), Some("twice")),
            (many(1000, ",\"m3\": 1"), Some("twice")),
            ("[{\"x\": {\"a\": 1, \"b\": 2, \"\\u0061\": 1}}]".to_owned(), Some("twice")),
            (deep(DEPTH), None),
            (deep(DEPTH + 1), Some("deeper")),
            (deep(100_000), Some("deeper")),
            ("{} {}".to_owned(), Some("trailing")),
            ("{\"a\":".to_owned(), Some("EOF")),
        ];
        for (text, wrong) in table {
            let said = sound(&text).err().map(|e| e.to_string());
            match wrong {
                None => assert_eq!(said, None, "{text}"),
                Some(part) => assert!(said.as_ref().is_some_and(|s| s.contains(part)), "{said:?}"),
            }
        }
    }
}
