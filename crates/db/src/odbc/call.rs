//! What an ODBC call returned, and what it wrote, read with suspicion (`docs/odbc.md`). A return code that the standard
//! does not allow and a value that the driver did not write are errors that name the call; must never panic.

use aku_core::sql::DbError;
use odbc_api::{
    handles::AnyHandle,
    sys::{Len, SqlReturn},
};

use super::{
    diagnostics::{Scrub, decide, records},
    own_error,
};

/// How a call ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// SQL_SUCCESS.
    Success,
    /// SQL_SUCCESS_WITH_INFO: a warning, or text that was cut.
    WithInfo,
    /// SQL_NO_DATA.
    NoData,
}

/// The outcome of the call `function` on `handle`.
///
/// # Errors
/// What the handle's records say; a lost session when the return code is none that we can be given, because nobody
/// knows then what was done.
pub fn said(function: &'static str, code: SqlReturn, handle: &impl AnyHandle, scrub: &Scrub) -> Result<Said, DbError> {
    match code {
        SqlReturn::SUCCESS => Ok(Said::Success),
        SqlReturn::SUCCESS_WITH_INFO => Ok(Said::WithInfo),
        SqlReturn::NO_DATA => Ok(Said::NoData),
        SqlReturn::ERROR => Err(decide(function, records(handle, scrub))),
        SqlReturn(other) => {
            Err(own_error("08S01", format!("the ODBC driver broke its contract: {function} returned {other}")))
        }
    }
}

/// As [`said`]; warnings go to the log.
///
/// # Errors
/// As [`said`].
pub fn done(function: &'static str, code: SqlReturn, handle: &impl AnyHandle, scrub: &Scrub) -> Result<(), DbError> {
    if said(function, code, handle, scrub)? == Said::WithInfo {
        for record in records(handle, scrub) {
            tracing::debug!(sqlstate = record.sqlstate, native = record.native, "{}", record.message);
        }
    }
    Ok(())
}

/// A driver that breaks its contract in what it writes, not in what it returns: the statement itself is done.
pub fn broken(function: &str, what: impl std::fmt::Display) -> DbError {
    own_error("HY000", format!("the ODBC driver broke its contract: {function} {what}"))
}

/// What a length or a number holds before a call, so that it shows what the driver wrote.
pub const UNWRITTEN: Len = Len::from_ne_bytes([0x5A; size_of::<Len>()]);

/// As [`UNWRITTEN`], for 16 bits.
pub const UNWRITTEN_16: i16 = 0x5A5A;

/// A length that was [`UNWRITTEN`] before the call; `None` when it still is. A driver that writes the lower half only,
/// as the real one does for three attributes of SQLColAttribute (`measured.md` 8), meant that half.
#[must_use]
pub fn written(after: Len) -> Option<i64> {
    const LOWER: i64 = 0xFFFF_FFFF;
    let (before, after) = (UNWRITTEN as i64, after as i64);
    if after == before {
        None
    } else if after & !LOWER == before & !LOWER {
        // The lower 32 bits with their sign.
        Some(after << 32 >> 32)
    } else {
        Some(after)
    }
}

/// Bytes of a text buffer that no driver is told of: a NUL too many does no harm.
const SPARE: usize = 16;

/// Room for a text that a driver writes. Its length is never believed: the text ends at the first NUL, and the buffer
/// is full of them before each call.
pub struct Text(Vec<u8>);

impl Text {
    /// Room for `room` bytes with the final NUL, at most 32,767.
    #[must_use]
    pub fn new(room: i16) -> Self {
        Self(vec![0; usize::from(room.unsigned_abs()) + SPARE])
    }

    /// What the driver is told.
    pub fn room(&self) -> i16 {
        i16::try_from(self.0.len() - SPARE).unwrap_or(i16::MAX)
    }

    /// Where the driver writes; empties the buffer.
    pub fn start(&mut self) -> *mut u8 {
        self.0.fill(0);
        self.0.as_mut_ptr()
    }

    /// What was written.
    pub fn bytes(&self) -> &[u8] {
        let told = &self.0[..self.0.len() - SPARE];
        let end = told.iter().position(|b| *b == 0).unwrap_or(told.len());
        &told[..end]
    }

    /// Whether there may be more: nothing but a final NUL would have had room.
    pub fn is_full(&self) -> bool {
        self.bytes().len() + SPARE + 1 >= self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_number_is_a_number_and_none_is_none() {
        let half = |n: i32| {
            let upper = UNWRITTEN as i64 & !0xFFFF_FFFF;
            Len::try_from(upper | i64::from(n.cast_unsigned())).unwrap()
        };
        for n in [-5, -1, 0, 1, 5, 4096, i32::MAX, i32::MIN] {
            assert_eq!(written(half(n)), Some(i64::from(n)), "32 bits of {n}");
            assert_eq!(written(n as Len), Some(i64::from(n)), "64 bits of {n}");
        }
        assert_eq!(written(Len::MAX), Some(Len::MAX as i64));
        assert_eq!(written(UNWRITTEN), None);
    }

    #[test]
    fn a_text_ends_at_its_nul_or_with_its_buffer() {
        let mut text = Text::new(8);
        assert_eq!((text.room(), text.bytes(), text.is_full()), (8, &b""[..], false));
        text.start();
        text.0[..3].copy_from_slice(b"abc");
        assert_eq!((text.bytes(), text.is_full()), (&b"abc"[..], false));
        text.0[..7].copy_from_slice(b"abcdefg");
        assert_eq!((text.bytes(), text.is_full()), (&b"abcdefg"[..], true));
        text.0[..12].copy_from_slice(b"abcdefghijkl");
        assert_eq!((text.bytes(), text.is_full()), (&b"abcdefgh"[..], true));
        text.start();
        assert_eq!(text.bytes(), b"");
    }
}
