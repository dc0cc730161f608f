//! A result set into [`Rows`]. Every cell is read as text, which every driver can give, and becomes a number by the
//! type of its column. Must never cut a value short in silence, and never believe a length.
#![allow(unsafe_code)] // odbc-api panics on what drivers write here (`docs/odbc.md`), so the calls are made by hand.

use aku_core::sql::{DbError, Rows, Value};
use odbc_api::sys::{
    CDataType, NO_TOTAL, NULL_DATA, SQLDescribeCol, SQLFetch, SQLGetData, SQLNumResultCols, SqlDataType,
};

use super::{
    call::{Said, Text, UNWRITTEN, UNWRITTEN_16, broken, done, said, written},
    diagnostics::Scrub,
    session::Statement,
};

/// First piece of a cell, bytes; most cells are shorter.
const FIRST_PIECE: usize = 512;
/// Each further piece, bytes.
const PIECE: usize = 16 * 1024;
/// What a piece is full of before each call: a byte that is in no UTF-8.
const UNTOUCHED: u8 = 0xFF;
/// Bytes behind a piece that the driver is not told of.
const SPARE: usize = 16;

/// Room for a column's name, bytes; a longer one is asked for again with the most that ODBC can say.
const NAME: i16 = 256;

/// The most rows of one answer: what we read comes in pages or is a catalog. A driver that never ends is an error.
const MOST_ROWS: usize = 1_000_000;
/// The most pieces of one value: more than are needed for the most bytes, and few enough to come to an end.
const MOST_PIECES: usize = 100_000;
/// The most bytes of one answer.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// How a column's text becomes a value.
#[derive(Clone, Copy)]
enum Kind {
    Integer,
    Text,
}

/// One column of the result.
struct Column {
    number: u16,
    name: String,
    kind: Kind,
}

/// Everything the statement returned; no columns when it was not a query.
///
/// # Errors
/// What the driver said, or how it broke its contract.
pub fn all_rows(statement: &Statement, scrub: &Scrub) -> Result<Rows, DbError> {
    let width = width(statement, scrub)?;
    let columns = (1..=width).map(|n| describe(statement, n, scrub)).collect::<Result<Vec<_>, _>>()?;
    let mut rows = Vec::new();
    if columns.is_empty() {
        return Ok(Rows::default());
    }
    let (mut piece, mut left) = (vec![0; PIECE + SPARE], MOST_BYTES);
    // SAFETY: no buffers are bound, so nothing has to stay valid.
    while said("SQLFetch", unsafe { SQLFetch(statement.as_sys()) }, statement, scrub)? != Said::NoData {
        if rows.len() == MOST_ROWS {
            return Err(broken("SQLFetch", format!("gave more than {MOST_ROWS} rows")));
        }
        let own = columns.len() * size_of::<Value>();
        left = left.checked_sub(own).ok_or_else(|| broken("SQLFetch", "gave no end of the rows"))?;
        let row = columns.iter().map(|column| cell(statement, column, &mut piece, &mut left, scrub));
        rows.push(row.collect::<Result<_, _>>()?);
    }
    Ok(Rows { columns: columns.into_iter().map(|c| c.name).collect(), rows })
}

fn width(statement: &Statement, scrub: &Scrub) -> Result<u16, DbError> {
    let mut width = UNWRITTEN_16;
    // SAFETY: the pointer is valid for the call.
    done("SQLNumResultCols", unsafe { SQLNumResultCols(statement.as_sys(), &raw mut width) }, statement, scrub)?;
    match u16::try_from(width) {
        Ok(n) if width != UNWRITTEN_16 => Ok(n),
        _ => Err(broken("SQLNumResultCols", "gave no number of columns")),
    }
}

/// A column by SQLDescribeCol. SQLColAttribute of the real driver writes half of a number (`measured.md` 8).
fn describe(statement: &Statement, number: u16, scrub: &Scrub) -> Result<Column, DbError> {
    let mut text = Text::new(NAME);
    let mut kind = ask(statement, number, &mut text, scrub)?;
    if text.is_full() {
        text = Text::new(i16::MAX);
        kind = ask(statement, number, &mut text, scrub)?;
    }
    Ok(Column { number, name: readable(text.bytes()), kind })
}

fn ask(statement: &Statement, number: u16, name: &mut Text, scrub: &Scrub) -> Result<Kind, DbError> {
    const UNSEEN: SqlDataType = SqlDataType(UNWRITTEN_16);
    let mut column = UNSEEN;
    // Not looked at, but some drivers write without asking whether they may.
    let (mut length, mut digits, mut size, mut nullable) = (0, 0, 0, odbc_api::sys::Nullability::UNKNOWN);
    let room = name.room();
    // SAFETY: each pointer is valid for the call, and the buffer has the room that is told.
    let code = unsafe {
        SQLDescribeCol(
            statement.as_sys(),
            number,
            name.start(),
            room,
            &raw mut length,
            &raw mut column,
            &raw mut size,
            &raw mut digits,
            &raw mut nullable,
        )
    };
    match (said("SQLDescribeCol", code, statement, scrub)?, column) {
        (Said::NoData, _) | (_, UNSEEN) => Err(broken("SQLDescribeCol", format!("gave no type of column {number}"))),
        (
            Said::Success | Said::WithInfo,
            SqlDataType::EXT_TINY_INT | SqlDataType::SMALLINT | SqlDataType::INTEGER | SqlDataType::EXT_BIG_INT,
        ) => Ok(Kind::Integer),
        (Said::Success | Said::WithInfo, _) => Ok(Kind::Text),
    }
}

/// Bytes as text. What is no UTF-8 becomes U+FFFD and the byte in hexadecimal, so that different values stay different
/// and none of them can be taken for a good one.
fn readable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push(char::REPLACEMENT_CHARACTER);
            text.extend([byte >> 4, byte & 15].map(|digit| char::from(b"0123456789ABCDEF"[usize::from(digit)])));
        }
    }
    text
}

fn cell(
    statement: &Statement,
    column: &Column,
    piece: &mut [u8],
    left: &mut usize,
    scrub: &Scrub,
) -> Result<Value, DbError> {
    let Some(bytes) = cell_bytes(statement, column, piece, left, scrub)? else { return Ok(Value::Null) };
    let text = readable(&bytes);
    let text = text.trim_end_matches(' ');
    match column.kind {
        Kind::Integer => Ok(text.trim_start().parse().map_or_else(|_| Value::Text(text.to_owned()), Value::Int)),
        Kind::Text => Ok(Value::Text(text.to_owned())),
    }
}

/// The whole value, however many calls it takes; `None` for NULL.
fn cell_bytes(
    statement: &Statement,
    column: &Column,
    piece: &mut [u8],
    left: &mut usize,
    scrub: &Scrub,
) -> Result<Option<Vec<u8>>, DbError> {
    let wrong = |what: &str| broken("SQLGetData", format!("{what} of column {} ({})", column.number, column.name));
    let mut whole = Vec::new();
    for _ in 0..MOST_PIECES {
        let first = whole.is_empty();
        let told = if first { FIRST_PIECE } else { piece.len() - SPARE };
        let mut length = UNWRITTEN;
        piece.fill(UNTOUCHED);
        // SAFETY: the buffer has more room than is told, and the length is valid for the call.
        let code = unsafe {
            SQLGetData(
                statement.as_sys(),
                column.number,
                CDataType::Char,
                piece.as_mut_ptr().cast(),
                told.cast_signed(),
                &raw mut length,
            )
        };
        let outcome = said("SQLGetData", code, statement, scrub)?;
        let room = told - 1;
        let got = match (outcome, written(length)) {
            (Said::NoData, _) if first => return Err(wrong("gave no value")),
            // The piece before was the last one.
            (Said::NoData, _) => return Ok(Some(whole)),
            (Said::Success | Said::WithInfo, None) => return Err(wrong("gave no length")),
            (Said::Success | Said::WithInfo, Some(n)) => match usize::try_from(n) {
                // Cut before there was need to: a driver may keep a character whole.
                Ok(n) if n <= room && outcome == Said::WithInfo && ends_beyond_text(&piece[..=n]) => Got::Piece,
                Ok(n) if n <= room => Got::Rest(n),
                Ok(_) => Got::Piece,
                Err(_) if n == NULL_DATA as i64 && first => return Ok(None),
                Err(_) if n == NO_TOTAL as i64 => Got::Piece,
                Err(_) => return Err(wrong(&format!("gave the length {n}"))),
            },
        };
        let bytes = match got {
            Got::Rest(n) if !matches!(piece[n], 0 | UNTOUCHED) => {
                return Err(wrong("gave a length that is shorter than the text"));
            }
            Got::Rest(n) if ends_beyond_text(&piece[..=n]) => {
                return Err(wrong("gave a length that is longer than the text"));
            }
            Got::Rest(n) => &piece[..n],
            // What was written, not what is claimed.
            Got::Piece => {
                let is_text = |b: &u8| !matches!(*b, 0 | UNTOUCHED);
                let end = piece[..told].iter().rposition(is_text).map_or(0, |last| last + 1);
                &piece[..end]
            }
        };
        *left = left.checked_sub(bytes.len()).ok_or_else(|| wrong("gave no end of the value"))?;
        whole.extend_from_slice(bytes);
        match (got, outcome) {
            (Got::Rest(_), _) => return Ok(Some(whole)),
            // Nothing was cut, whatever the length says.
            (Got::Piece, Said::Success) if bytes.len() < room => return Ok(Some(whole)),
            (Got::Piece, _) if bytes.is_empty() => return Err(wrong("does not give the rest")),
            (Got::Piece, _) => {}
        }
    }
    Err(wrong("gave no end of the value"))
}

/// Whether a text and the byte behind it show that less was written: the last byte was not, or it is the final NUL.
fn ends_beyond_text(text_and_next: &[u8]) -> bool {
    match text_and_next {
        [.., last, next] => *last == UNTOUCHED || (*last == 0 && *next == UNTOUCHED),
        _ => false,
    }
}

/// What one call gave.
#[derive(Clone, Copy)]
enum Got {
    /// All that was left, bytes.
    Rest(usize),
    /// As much as there was room for, or of an unknown length.
    Piece,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_beyond_the_text_shows() {
        let table: [(&[u8], bool); 6] = [
            (b"ab\0", false),
            // Not terminated, and a value that ends in a NUL of its own.
            (b"ab\xFF", false),
            (b"ab\0\0", false),
            (b"ab\0\xFF", true),
            (b"ab\0\xFF\xFF", true),
            (b"\0", false),
        ];
        for (bytes, beyond) in table {
            assert_eq!(ends_beyond_text(bytes), beyond, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_text_is_shown_and_stays_different() {
        assert_eq!(readable("한글 ☃".as_bytes()), "한글 ☃");
        assert_eq!(readable(b"a\xFF\xFEb"), "a\u{FFFD}FF\u{FFFD}FEb");
        assert_ne!(readable(b"\xFF"), readable(b"\xFE"));
        // A character that was cut in its middle.
        assert_eq!(readable(&"한".as_bytes()[..2]), "\u{FFFD}ED\u{FFFD}95");
    }
}
