//! The canonical form of a value: compact JSON with sorted keys (RFC 8785 for the values that occur). Written in one pass, without
//! a tree of values: the members of an object are put in order where they stand in the text.

use std::{
    borrow::Cow,
    cell::RefCell,
    io::{self, Write},
};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

/// The canonical form.
///
/// # Errors
/// The value has keys that are no text.
pub fn of(value: &(impl Serialize + ?Sized)) -> serde_json::Result<Vec<u8>> {
    of_about(value, 0)
}

/// As [`of`], for a form of about so many bytes: a text that grows by doubling takes twice its size.
///
/// # Errors
/// As [`of`].
pub fn of_about(value: &(impl Serialize + ?Sized), bytes: usize) -> serde_json::Result<Vec<u8>> {
    let out = RefCell::new(Vec::with_capacity(bytes));
    let mut serializer =
        Serializer::with_formatter(Out(&out), Sorted { out: &out, open: Vec::new(), members: Vec::new() });
    value.serialize(&mut serializer)?;
    Ok(out.into_inner())
}

/// Writes to the text that [`Sorted`] puts in order.
struct Out<'o>(&'o RefCell<Vec<u8>>);

impl Write for Out<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Sorted<'o> {
    out: &'o RefCell<Vec<u8>>,
    /// For each object that is open, how many members of others there were before it.
    open: Vec<usize>,
    /// Where each member of the open objects begins.
    members: Vec<usize>,
}

impl Formatter for Sorted<'_> {
    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open.push(self.members.len());
        CompactFormatter.begin_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        CompactFormatter.begin_object_key(writer, first)?;
        self.members.push(self.out.borrow().len());
        Ok(())
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        let from = self.open.pop().unwrap_or_default();
        sort(&mut self.out.borrow_mut(), &self.members[from..]);
        self.members.truncate(from);
        CompactFormatter.end_object(writer)
    }
}

/// Puts members in order that begin there; the last ends with the text.
fn sort(text: &mut Vec<u8>, begins: &[usize]) {
    let keys: Vec<Cow<'_, [u8]>> = begins.iter().map(|begin| key(&text[*begin..])).collect();
    if keys.is_sorted() {
        return;
    }
    let ends = begins[1..].iter().map(|next| next - 1).chain([text.len()]);
    let members = begins.iter().zip(ends).map(|(begin, end)| &text[*begin..end]);
    let mut members: Vec<(Cow<'_, [u8]>, &[u8])> = keys.into_iter().zip(members).collect();
    members.sort_by(|a, b| a.0.cmp(&b.0));
    let mut sorted = Vec::with_capacity(text.len() - begins[0]);
    for (i, (_, member)) in members.into_iter().enumerate() {
        if i > 0 {
            sorted.push(b',');
        }
        sorted.extend_from_slice(member);
    }
    text.truncate(begins[0]);
    text.extend_from_slice(&sorted);
}

/// Length of the string at the beginning of a text, quotes included, and whether it holds an escape.
fn string(text: &[u8]) -> (usize, bool) {
    let (mut at, mut escapes) = (1, false);
    loop {
        match text.get(at..).and_then(|rest| rest.iter().position(|b| matches!(b, b'"' | b'\\'))) {
            None => return (text.len(), escapes),
            Some(n) if text[at + n] == b'"' => return (at + n + 1, escapes),
            Some(n) => {
                escapes = true;
                at += n + 2;
            }
        }
    }
}

/// The key at the beginning of a text.
fn key(text: &[u8]) -> Cow<'_, [u8]> {
    let (end, escapes) = string(text);
    if escapes {
        let whole = text.get(..end).unwrap_or_default();
        return serde_json::from_slice::<String>(whole)
            .map_or(Cow::Borrowed(whole), |key| Cow::Owned(key.into_bytes()));
    }
    Cow::Borrowed(text.get(1..end.saturating_sub(1)).unwrap_or_default())
}

/// The canonical form of an object with more members, which it does not have yet: names in order, each with its JSON.
#[must_use]
pub fn with(compact: &[u8], members: &[(&str, String)]) -> Vec<u8> {
    let member = |(name, json): &(&'_ str, String)| format!("\"{name}\":{json}");
    let mut more: Vec<(&[u8], String)> = members.iter().rev().map(|m| (m.0.as_bytes(), member(m))).collect();
    let mut out: Vec<u8> = Vec::with_capacity(compact.len() + 128);
    let mut put = |out: &mut Vec<u8>, before: Option<&[u8]>| {
        while more.last().is_some_and(|(name, _)| before.is_none_or(|key| *name < key)) {
            if let Some((_, member)) = more.pop() {
                if out.last() != Some(&b'{') {
                    out.push(b',');
                }
                out.extend_from_slice(member.as_bytes());
            }
        }
    };
    let (mut depth, mut at, mut copied) = (0_usize, 0, 0);
    while at < compact.len() {
        match compact[at] {
            b'"' => {
                at += string(&compact[at..]).0;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let begins = matches!(compact[at], b'{' | b',') && depth == 1 && compact.get(at + 1) == Some(&b'"');
        if begins {
            // A comma is written with the member behind it.
            let comma = compact[at] == b',';
            out.extend_from_slice(&compact[copied..at + usize::from(!comma)]);
            copied = at + 1;
            put(&mut out, Some(&key(&compact[at + 1..])));
            if out.last() != Some(&b'{') {
                out.push(b',');
            }
        } else if depth == 0 && compact[at] == b'}' {
            out.extend_from_slice(&compact[copied..at]);
            copied = at;
            put(&mut out, None);
        }
        at += 1;
    }
    out.extend_from_slice(compact.get(copied..).unwrap_or_default());
    out
}

/// Compact JSON with line breaks, two blanks for each level, as `{:#}` writes a value.
#[must_use]
pub fn indented(compact: &[u8]) -> String {
    let mut out: Vec<u8> = Vec::with_capacity(compact.len() * 2);
    let mut depth = 0;
    let mut rest = compact;
    let line = |out: &mut Vec<u8>, depth: usize| {
        out.push(b'\n');
        out.resize(out.len() + 2 * depth, b' ');
    };
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b'"' => {
                let (end, _) = string(compact.get(compact.len() - rest.len() - 1..).unwrap_or_default());
                let (text, behind) = rest.split_at(end.saturating_sub(1).min(rest.len()));
                out.push(b'"');
                out.extend_from_slice(text);
                rest = behind;
            }
            b'{' | b'[' => {
                out.push(*byte);
                if let Some((close @ (b'}' | b']'), behind)) = rest.split_first() {
                    out.push(*close);
                    rest = behind;
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(*byte);
            }
            b',' => {
                out.push(b',');
                line(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            other => out.push(*other),
        }
    }
    text(out)
}

/// A text without white space between its values. Whether it is JSON is not looked at.
#[must_use]
pub fn compact(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out: Vec<u8> = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b' ' | b'\n' | b'\r' | b'\t' => at += 1,
            b'"' => {
                let end = (at + string(&bytes[at..]).0).min(bytes.len());
                out.extend_from_slice(&bytes[at..end]);
                at = end;
            }
            byte => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

/// As text.
#[must_use]
pub fn text(json: Vec<u8>) -> String {
    String::from_utf8(json).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

/// Text of a file without white space between its values, without a member `digest` and a member `signatures` of the outermost
/// object. Equal to the canonical form of a text whose keys are in order, as those are that we write. Whether it is
/// JSON is not looked at.
#[must_use]
pub fn stripped(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out: Vec<u8> = Vec::with_capacity(bytes.len());
    let (mut depth, mut at) = (0_usize, 0);
    // Where the member began in which we are, and whether it is left out.
    let (mut begin, mut out_of_it, mut is_key) = (0, false, true);
    while at < bytes.len() {
        match bytes[at] {
            b' ' | b'\n' | b'\r' | b'\t' => at += 1,
            b'"' => {
                let from = at;
                at = (from + string(&bytes[from..]).0).min(bytes.len());
                let string = &bytes[from..at];
                if depth == 1 && is_key {
                    out_of_it = string == b"\"digest\"" || string == b"\"signatures\"";
                    is_key = false;
                }
                out.extend_from_slice(string);
            }
            byte => {
                at += 1;
                let ends = depth == 1 && matches!(byte, b',' | b'}');
                if ends && out_of_it {
                    // With the comma before it, or the one behind it where it is the first.
                    out.truncate(begin);
                    out_of_it = false;
                    if byte == b',' && out.last() == Some(&b'{') {
                        is_key = true;
                        continue;
                    }
                    if byte == b',' {
                        (begin, is_key) = (out.len(), true);
                        out.push(b',');
                        continue;
                    }
                }
                match byte {
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth = depth.saturating_sub(1),
                    b',' if depth == 1 => (begin, is_key) = (out.len(), true),
                    _ => {}
                }
                out.push(byte);
                if byte == b'{' && depth == 1 {
                    (begin, is_key) = (out.len(), true);
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
            "[\"\\\\{}:, \\n]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map("[a-c\"\\\\\u{1f}X_]{0,3}|digest|signatures", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// The same value with its keys turned round.
    struct Reversed<'v>(&'v Value);

    impl Serialize for Reversed<'_> {
        fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
            match self.0 {
                Value::Object(fields) => s.collect_map(fields.iter().rev().map(|(k, v)| (k, Reversed(v)))),
                Value::Array(items) => s.collect_seq(items.iter().map(Reversed)),
                other => other.serialize(s),
            }
        }
    }

    proptest! {
        #[test]
        fn keys_come_out_in_order_whatever_order_they_had(value in values()) {
            // A map of values is sorted already.
            let want = value.to_string();
            prop_assert_eq!(String::from_utf8(of(&value).unwrap()).unwrap(), want.clone());
            prop_assert_eq!(String::from_utf8(of(&Reversed(&value)).unwrap()).unwrap(), want);
        }

        #[test]
        fn lines_are_broken_as_the_library_breaks_them(value in values()) {
            prop_assert_eq!(indented(value.to_string().as_bytes()), format!("{value:#}"));
        }

        #[test]
        fn stripping_is_the_canonical_form_without_the_digest(value in values()) {
            let document = json!({ "a": value, "digest": value, "e": value, "signatures": [value], "z": value });
            let bare = json!({ "a": value, "e": value, "z": value });
            prop_assert_eq!(String::from_utf8(stripped(&format!("{document:#}"))).unwrap(), bare.to_string());
            let first = json!({ "digest": value, "signatures": 1 });
            prop_assert_eq!(stripped(&first.to_string()), b"{}");
            prop_assert_eq!(stripped(&json!({ "digest": 1, "x": value }).to_string()), json!({ "x": value }).to_string().into_bytes());
        }

        #[test]
        fn a_seal_stands_where_the_keys_are_in_order(value in values()) {
            let objects = [
                json!({ "a": value, "e": value, "z": value }),
                json!({ "zz": value }),
                json!({ "a": value }),
                json!({ "dig": [value], "digesu": { "x": value } }),
                json!({}),
            ];
            for bare in objects {
                let mut want = bare.clone();
                want["digest"] = "sha256:0".into();
                want["signatures"] = json!([]);
                let members = [("digest", "\"sha256:0\"".to_owned()), ("signatures", "[]".to_owned())];
                let text = with(bare.to_string().as_bytes(), &members);
                prop_assert_eq!(String::from_utf8(text).unwrap(), want.to_string());
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "[\"\\\\{}\\[\\],: a]{0,20}") {
            let _ = stripped(&text);
            let _ = indented(text.as_bytes());
            let _ = with(text.as_bytes(), &[("a", "1".to_owned())]);
        }
    }
}
