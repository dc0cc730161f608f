//! The worst that a driver may do: breaches of the ODBC contract on demand, one at a time.
//!
//! `APP_INFO=lab-fault:NAME` in the connection string or AKU_LAB_ODBC_FAULT=NAME in the environment arms one. NAME is a
//! name of the table below, or `FUNCTION:CODE`: that function returns that code and does nothing else.

use crate::ffi::{NULL_DATA, Return};

/// One breach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The function returns the code.
    Code {
        function: String,
        code: Return,
    },
    Breach(Breach),
}

/// What is written wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    AllocSilent,
    ColumnsSilent,
    ColumnsNegative,
    ColumnsMany,
    DescribeSilent,
    NameLengthHuge,
    NameLengthNegative,
    NameUnterminated,
    FetchEndless,
    /// Lengths and NULL in 32 of the 64 bits.
    LengthsOf32Bits,
    LengthSilent,
    LengthNegative,
    LengthHuge,
    LengthShort,
    LengthLong,
    NoTotal,
    TextUnterminated,
    /// A NUL behind the last byte that the driver may write.
    NulBeyond,
    PiecesEmpty,
    PiecesEndless,
    PiecesShort,
    DiagEndless,
    DiagDifferentEndless,
    DiagSilent,
    DiagState,
    DiagStateUnterminated,
    DiagLengthHuge,
    DiagLengthNegative,
    DiagLong,
    DiagNoUtf8,
    ConnectLength,
}

const NAMED: [(&str, Breach); 31] = [
    ("alloc-silent", Breach::AllocSilent),
    ("columns-silent", Breach::ColumnsSilent),
    ("columns-negative", Breach::ColumnsNegative),
    ("columns-many", Breach::ColumnsMany),
    ("describe-silent", Breach::DescribeSilent),
    ("name-length-huge", Breach::NameLengthHuge),
    ("name-length-negative", Breach::NameLengthNegative),
    ("name-unterminated", Breach::NameUnterminated),
    ("fetch-endless", Breach::FetchEndless),
    ("lengths-of-32-bits", Breach::LengthsOf32Bits),
    ("length-silent", Breach::LengthSilent),
    ("length-negative", Breach::LengthNegative),
    ("length-huge", Breach::LengthHuge),
    ("length-short", Breach::LengthShort),
    ("length-long", Breach::LengthLong),
    ("no-total", Breach::NoTotal),
    ("text-unterminated", Breach::TextUnterminated),
    ("nul-beyond", Breach::NulBeyond),
    ("pieces-empty", Breach::PiecesEmpty),
    ("pieces-endless", Breach::PiecesEndless),
    ("pieces-short", Breach::PiecesShort),
    ("diag-endless", Breach::DiagEndless),
    ("diag-different-endless", Breach::DiagDifferentEndless),
    ("diag-silent", Breach::DiagSilent),
    ("diag-state", Breach::DiagState),
    ("diag-state-unterminated", Breach::DiagStateUnterminated),
    ("diag-length-huge", Breach::DiagLengthHuge),
    ("diag-length-negative", Breach::DiagLengthNegative),
    ("diag-long", Breach::DiagLong),
    ("diag-no-utf8", Breach::DiagNoUtf8),
    ("connect-length", Breach::ConnectLength),
];

/// The variable of the environment that arms a breach.
const VARIABLE: &str = "AKU_LAB_ODBC_FAULT";

impl Fault {
    /// The fault of that name.
    ///
    /// # Errors
    /// A name that nobody knows.
    pub fn of(name: &str) -> Result<Self, String> {
        if let Some((_, breach)) = NAMED.iter().find(|(known, _)| *known == name) {
            return Ok(Self::Breach(*breach));
        }
        let code = name.split_once(':').and_then(|(function, code)| Some((function, code.parse().ok()?)));
        let (function, code) = code.ok_or_else(|| format!("no fault {name:?}"))?;
        Ok(Self::Code { function: function.to_owned(), code })
    }

    /// The fault that the environment arms.
    ///
    /// # Errors
    /// As [`Fault::of`].
    pub fn of_environment() -> Result<Option<Self>, String> {
        std::env::var(VARIABLE).ok().map(|name| Self::of(&name)).transpose()
    }
}

/// What a length or indicator holds after the driver wrote `value` into it with this breach.
pub fn length(breach: Option<Breach>, before: isize, value: isize) -> isize {
    match breach {
        Some(Breach::LengthsOf32Bits) => lower_half(before, value),
        Some(Breach::LengthSilent) => before,
        Some(Breach::LengthNegative) => -7,
        Some(Breach::LengthHuge) if value != NULL_DATA => isize::MAX,
        Some(Breach::LengthShort) if value > 0 => value - 1,
        Some(Breach::LengthLong) if value >= 0 => value + 1,
        Some(Breach::NoTotal) if value != NULL_DATA => -4,
        _ => value,
    }
}

/// `before` with its lower 32 bits overwritten: what the real driver does for three attributes of a column.
pub fn lower_half(before: isize, value: isize) -> isize {
    const LOWER: isize = 0xFFFF_FFFF;
    (before & !LOWER) | (value & LOWER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_have_names() {
        assert_eq!(Fault::of("no-total"), Ok(Fault::Breach(Breach::NoTotal)));
        assert_eq!(Fault::of("SQLFetch:-2"), Ok(Fault::Code { function: "SQLFetch".to_owned(), code: -2 }));
        assert!(Fault::of("nothing").is_err() && Fault::of("SQLFetch:x").is_err());
    }

    #[test]
    fn half_a_number_leaves_the_other_half() {
        assert_eq!(lower_half(0, -5), 4_294_967_291);
        assert_eq!(lower_half(-1, 12), -4_294_967_284);
    }
}
