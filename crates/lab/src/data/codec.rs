//! Rows as bytes: what the store keeps and what servers may send to each other. Compact, the same on every machine.
//!
//! A reader takes what it needs from the front of a slice and gives `None` for bytes that no writer made.

use std::sync::Arc;

use super::key::Key;
use crate::value::{Datum, Row};

const NULL: u8 = 0;
const INT: u8 = 1;
const DOUBLE: u8 = 2;
const TEXT: u8 = 3;

/// Appends a number in 1 to 10 bytes, small ones short.
pub fn put_u64(out: &mut Vec<u8>, mut n: u64) {
    loop {
        let [low, ..] = n.to_le_bytes();
        if n < 0x80 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
        n >>= 7;
    }
}

/// Takes what [`put_u64`] wrote.
pub fn take_u64(bytes: &mut &[u8]) -> Option<u64> {
    let mut n = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        n |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(n);
        }
    }
    None
}

/// Appends a signed number.
pub fn put_i64(out: &mut Vec<u8>, n: i64) {
    put_u64(out, (n.cast_unsigned() << 1) ^ (n >> 63).cast_unsigned());
}

/// Takes what [`put_i64`] wrote.
pub fn take_i64(bytes: &mut &[u8]) -> Option<i64> {
    let n = take_u64(bytes)?;
    Some((n >> 1).cast_signed() ^ -(n & 1).cast_signed())
}

/// Appends bytes with their length.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u64(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Takes what [`put_bytes`] wrote.
pub fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_u64(bytes)?).ok()?;
    let (head, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(head)
}

/// Appends a text.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    put_bytes(out, text.as_bytes());
}

/// Takes what [`put_text`] wrote.
pub fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    std::str::from_utf8(take_bytes(bytes)?).ok()
}

/// Appends a value.
pub fn put_datum(out: &mut Vec<u8>, value: &Datum) {
    match value {
        Datum::Null => out.push(NULL),
        Datum::Int(n) => {
            out.push(INT);
            put_i64(out, *n);
        }
        Datum::Double(n) => {
            out.push(DOUBLE);
            out.extend_from_slice(&n.to_le_bytes());
        }
        Datum::Text(t) => {
            out.push(TEXT);
            put_text(out, t);
        }
    }
}

/// Takes what [`put_datum`] wrote.
pub fn take_datum(bytes: &mut &[u8]) -> Option<Datum> {
    let (&tag, rest) = bytes.split_first()?;
    *bytes = rest;
    match tag {
        NULL => Some(Datum::Null),
        INT => take_i64(bytes).map(Datum::Int),
        DOUBLE => {
            let (head, rest) = bytes.split_first_chunk()?;
            *bytes = rest;
            Some(Datum::Double(f64::from_le_bytes(*head)))
        }
        TEXT => take_text(bytes).map(|t| Datum::Text(t.into())),
        _ => None,
    }
}

/// Appends a row.
pub fn put_row(out: &mut Vec<u8>, row: &[Datum]) {
    put_u64(out, row.len() as u64);
    for value in row {
        put_datum(out, value);
    }
}

/// Takes what [`put_row`] wrote.
pub fn take_row(bytes: &mut &[u8]) -> Option<Row> {
    let length = take_u64(bytes)?;
    // Each value is one byte at least: a wrong length is found before memory is taken for it.
    if length > bytes.len() as u64 {
        return None;
    }
    (0..length).map(|_| take_datum(bytes)).collect::<Option<Arc<[Datum]>>>()
}

/// Appends a key.
pub fn put_key(out: &mut Vec<u8>, key: &Key) {
    put_row(out, &key.values());
}

/// Takes what [`put_key`] wrote.
pub fn take_key(bytes: &mut &[u8]) -> Option<Key> {
    take_row(bytes).map(|values| Key::from_values(&values))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub fn datum() -> impl Strategy<Value = Datum> {
        prop_oneof![
            Just(Datum::Null),
            any::<i64>().prop_map(Datum::Int),
            any::<f64>().prop_map(Datum::number),
            ".{0,12}".prop_map(Datum::from),
        ]
    }

    proptest! {
        #[test]
        fn rows_come_back(values in prop::collection::vec(datum(), 0..6)) {
            let mut out = vec![];
            put_row(&mut out, &values);
            let mut rest = &out[..];
            let row = take_row(&mut rest);
            prop_assert_eq!(row.as_deref(), Some(&values[..]));
            prop_assert!(rest.is_empty());
            for cut in 0..out.len() {
                prop_assert!(take_row(&mut &out[..cut]).is_none());
            }
        }
    }
}
