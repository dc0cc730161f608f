//! One cell of a row, the types of columns, and how a value is made to fit a column.
//!
//! Decides the total order of values, what an empty text is (NULL), and which values a column refuses and with which
//! error. Knows nothing of tables, statements or storage.

use std::{cmp::Ordering, fmt, sync::Arc};

use aku_db::wire::Cell;

use super::sql::SqlError;

/// One value. Cheap to clone: text is shared.
#[derive(Clone, Debug)]
pub enum Datum {
    /// NULL; also what an empty text becomes (`altibase.md` 1).
    Null,
    /// SMALLINT to BIGINT, and NUMERIC without a fraction.
    Int(i64),
    /// DOUBLE, and NUMERIC with a fraction; never NaN.
    Double(f64),
    /// Everything else.
    Text(Arc<str>),
}

/// One row: as many values as its table has columns, in their order.
pub type Row = Arc<[Datum]>;

impl Datum {
    /// Text, or NULL when it is empty.
    #[must_use]
    pub fn text(text: impl AsRef<str> + Into<Arc<str>>) -> Self {
        if text.as_ref().is_empty() { Self::Null } else { Self::Text(text.into()) }
    }

    /// A number from a float: an integer when it has no fraction and fits, NULL when it is not a number.
    #[must_use]
    pub fn number(n: f64) -> Self {
        // 2^63 itself does not fit, so the bound is exclusive.
        const LIMIT: f64 = 9_223_372_036_854_775_808.0;
        if n.is_nan() {
            Self::Null
        } else if n.fract() == 0.0 && (-LIMIT..LIMIT).contains(&n) {
            #[allow(clippy::cast_possible_truncation)] // in range, no fraction
            Self::Int(n as i64)
        } else {
            Self::Double(n)
        }
    }

    /// Whether this is NULL.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// As a float: numbers, and text that reads as one.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Null => None,
            #[allow(clippy::cast_precision_loss)] // comparisons with fractions only
            Self::Int(n) => Some(*n as f64),
            Self::Double(n) => Some(*n),
            Self::Text(t) => t.trim().parse().ok().filter(|n: &f64| n.is_finite()),
        }
    }

    /// As an integer: integers, floats without a fraction, and text that reads as one.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Null => None,
            Self::Int(n) => Some(*n),
            Self::Double(n) => match Self::number(*n) {
                Self::Int(n) => Some(n),
                _ => None,
            },
            Self::Text(t) => {
                let t = t.trim();
                t.parse().ok().or_else(|| t.parse().ok().and_then(|n| Self::number(n).as_i64_exact()))
            }
        }
    }

    fn as_i64_exact(&self) -> Option<i64> {
        if let Self::Int(n) = self { Some(*n) } else { None }
    }

    /// The text inside; `None` for anything else.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(t) = self { Some(t) } else { None }
    }

    /// As a client receives it: text without trailing blanks, a float as text.
    #[must_use]
    pub fn cell(&self) -> Cell {
        match self {
            Self::Null => Cell::Null,
            Self::Int(n) => Cell::Int(*n),
            Self::Double(n) => Cell::Text(n.to_string()),
            Self::Text(t) => Cell::Text(t.trim_end_matches(' ').to_owned()),
        }
    }

    /// 0 = numbers, 1 = text, 2 = NULL: NULL sorts last, as the server sorts it.
    fn rank(&self) -> u8 {
        match self {
            Self::Int(_) | Self::Double(_) => 0,
            Self::Text(_) => 1,
            Self::Null => 2,
        }
    }
}

impl From<i64> for Datum {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}

impl From<&str> for Datum {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Datum {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl<T: Into<Self>> From<Option<T>> for Datum {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Total: numbers by value, then text by bytes, then NULL.
impl Ord for Datum {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Double(a), Self::Double(b)) => float_order(*a, *b),
            (Self::Int(a), Self::Double(b)) => int_float_order(*a, *b),
            (Self::Double(a), Self::Int(b)) => int_float_order(*b, *a).reverse(),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

/// -0.0 equals 0.0, so that equal keys have one place.
fn float_order(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.total_cmp(&b))
}

fn int_float_order(a: i64, b: f64) -> Ordering {
    match Datum::number(b) {
        Datum::Int(b) => a.cmp(&b),
        #[allow(clippy::cast_precision_loss)] // `b` has a fraction or lies outside of i64
        _ => float_order(a as f64, b),
    }
}

impl PartialOrd for Datum {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Datum {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Datum {}

/// As text of an expression: NULL is empty.
impl fmt::Display for Datum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Int(n) => n.fmt(f),
            Self::Double(n) => n.fmt(f),
            Self::Text(t) => f.write_str(t),
        }
    }
}

/// Type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// 16 bits.
    SmallInt,
    /// 32 bits.
    Integer,
    /// 64 bits.
    BigInt,
    /// NUMERIC, NUMBER, DECIMAL, FLOAT with precision: digits in all and behind the point; `None` without a scale.
    Numeric {
        /// Digits, 1..=38.
        precision: u8,
        /// Digits behind the point; `None` for a floating number.
        scale: Option<i8>,
    },
    /// DOUBLE, REAL.
    Double,
    /// CHAR(n), n bytes, padded with blanks.
    Char(u32),
    /// VARCHAR(n), n bytes.
    Varchar(u32),
    /// DATE; kept as the text that was given.
    Date,
    /// TIMESTAMP, BYTE(8): when the row was last changed, 16 digits of which a later moment sorts behind an earlier one. A
    /// statement that does not name it gets the moment of the statement (manual, not measured).
    Timestamp,
    /// BLOB; kept as text.
    Blob,
    /// CLOB; kept as text.
    Clob,
}

impl ColumnType {
    /// SQL name without lengths, as `DESC` writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SmallInt => "SMALLINT",
            Self::Integer => "INTEGER",
            Self::BigInt => "BIGINT",
            Self::Numeric { scale: Some(_), .. } => "NUMERIC",
            Self::Numeric { scale: None, .. } => "NUMBER",
            Self::Double => "DOUBLE",
            Self::Char(_) => "CHAR",
            Self::Varchar(_) => "VARCHAR",
            Self::Date => "DATE",
            Self::Timestamp => "TIMESTAMP",
            Self::Blob => "BLOB",
            Self::Clob => "CLOB",
        }
    }

    /// SYS_COLUMNS_.DATA_TYPE.
    #[must_use]
    pub fn catalog_id(self) -> i64 {
        match self {
            Self::SmallInt => 5,
            Self::Integer => 4,
            Self::BigInt => -5,
            Self::Numeric { scale: Some(_), .. } => 2,
            Self::Numeric { scale: None, .. } => 10002,
            Self::Double => 8,
            Self::Char(_) => 1,
            Self::Varchar(_) => 12,
            Self::Date => 9,
            Self::Timestamp => 20001,
            Self::Blob => 30,
            Self::Clob => 40,
        }
    }

    /// Precision as the handshake compares it: bytes of text, digits of NUMERIC, otherwise 0.
    #[must_use]
    pub fn precision(self) -> u32 {
        match self {
            Self::Char(n) | Self::Varchar(n) => n,
            Self::Numeric { precision, .. } => u32::from(precision),
            Self::Timestamp => 8,
            Self::SmallInt | Self::Integer | Self::BigInt | Self::Double | Self::Date | Self::Blob | Self::Clob => 0,
        }
    }

    /// Scale as the handshake compares it.
    #[must_use]
    pub fn scale(self) -> i32 {
        if let Self::Numeric { scale: Some(scale), .. } = self { i32::from(scale) } else { 0 }
    }

    /// Size in bytes as the handshake compares it; text carries two bytes of length (recording `schema-mismatch`:
    /// VARCHAR(20) has size 22).
    #[must_use]
    pub fn size(self) -> u32 {
        match self {
            Self::SmallInt => 2,
            Self::Integer => 4,
            Self::BigInt | Self::Double | Self::Date => 8,
            Self::Timestamp => 10,
            Self::Numeric { precision, .. } => u32::from(precision).div_ceil(2) + 3,
            Self::Char(n) | Self::Varchar(n) => n + 2,
            Self::Blob | Self::Clob => 16,
        }
    }

    /// Makes a value fit: converts between text and numbers, rounds to the scale, pads CHAR. NULL fits everywhere.
    ///
    /// # Errors
    /// Text longer than the column (native 135273), text that is no number, a number out of range.
    pub fn fit(self, column: &str, value: Datum) -> Result<Datum, SqlError> {
        if value.is_null() {
            return Ok(value);
        }
        match self {
            Self::SmallInt => integer(&value, i64::from(i16::MIN)..=i64::from(i16::MAX)),
            Self::Integer => integer(&value, i64::from(i32::MIN)..=i64::from(i32::MAX)),
            Self::BigInt => integer(&value, i64::MIN..=i64::MAX),
            Self::Numeric { precision, scale } => numeric(&value, precision, scale),
            Self::Double => value.as_f64().map(Datum::number).ok_or_else(SqlError::invalid_literal),
            Self::Char(n) => text(column, value, n).map(|v| pad(v, n)),
            Self::Varchar(n) => text(column, value, n),
            Self::Timestamp => text(column, value, 16),
            Self::Date | Self::Blob | Self::Clob => text(column, value, u32::MAX),
        }
    }
}

fn integer(value: &Datum, range: std::ops::RangeInclusive<i64>) -> Result<Datum, SqlError> {
    let n = if let Some(n) = value.as_i64() {
        n
    } else {
        let n = value.as_f64().ok_or_else(SqlError::invalid_literal)?;
        Datum::number(n.round()).as_i64_exact().ok_or_else(SqlError::value_overflow)?
    };
    if range.contains(&n) { Ok(Datum::Int(n)) } else { Err(SqlError::value_overflow()) }
}

fn numeric(value: &Datum, precision: u8, scale: Option<i8>) -> Result<Datum, SqlError> {
    let n = value.as_f64().ok_or_else(SqlError::invalid_literal)?;
    let Some(scale) = scale else { return Ok(value.as_i64().map_or_else(|| Datum::number(n), Datum::Int)) };
    if n.abs() >= 10f64.powi(i32::from(precision) - i32::from(scale)) {
        return Err(SqlError::value_overflow());
    }
    if scale >= 0
        && let Some(n) = value.as_i64()
    {
        return Ok(Datum::Int(n));
    }
    let unit = 10f64.powi(i32::from(scale));
    Ok(Datum::number((n * unit).round() / unit))
}

fn text(column: &str, value: Datum, bytes: u32) -> Result<Datum, SqlError> {
    let value = if let Datum::Text(_) = value { value } else { Datum::text(value.to_string()) };
    let length = value.as_text().map_or(0, str::len);
    if u32::try_from(length).is_ok_and(|n| n <= bytes) { Ok(value) } else { Err(SqlError::too_long(column)) }
}

fn pad(value: Datum, bytes: u32) -> Datum {
    match &value {
        Datum::Text(t) if t.len() < bytes as usize => {
            let blanks = bytes as usize - t.len();
            Datum::Text(format!("{t}{}", " ".repeat(blanks)).into())
        }
        _ => value,
    }
}

/// As `CREATE TABLE` writes it.
impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Char(n) | Self::Varchar(n) => write!(f, "({n})"),
            Self::Numeric { precision, scale: Some(scale) } => write!(f, "({precision},{scale})"),
            Self::SmallInt
            | Self::Integer
            | Self::BigInt
            | Self::Numeric { scale: None, .. }
            | Self::Double
            | Self::Date
            | Self::Timestamp
            | Self::Blob
            | Self::Clob => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_total() {
        let sorted = [
            Datum::Int(i64::MIN),
            Datum::Double(-1.5),
            Datum::Int(-1),
            Datum::Int(0),
            Datum::Double(0.5),
            Datum::Int(1),
            Datum::Int((1 << 53) + 1),
            Datum::Int((1 << 53) + 2),
            Datum::Double(1e300),
            Datum::from("A"),
            Datum::from("B"),
            Datum::Null,
        ];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(a.cmp(b), i.cmp(&j), "{a:?} {b:?}");
            }
        }
        assert_eq!(Datum::Double(0.0), Datum::Double(-0.0));
        assert_eq!(Datum::text(""), Datum::Null);
    }

    #[test]
    fn values_fit_their_columns() {
        use ColumnType::{BigInt, Char, Double, Integer, Numeric, SmallInt, Varchar};
        let (n, t) = (Datum::Int, |text: &str| Datum::from(text));
        let decimal = Numeric { precision: 5, scale: Some(2) };
        let table = [
            (Integer, t("12"), Ok(n(12))),
            (Integer, Datum::Double(1.5), Ok(n(2))),
            (Integer, n(1 << 31), Err(SqlError::value_overflow())),
            (Integer, t("x"), Err(SqlError::invalid_literal())),
            (SmallInt, n(-32_768), Ok(n(-32_768))),
            (SmallInt, n(32_768), Err(SqlError::value_overflow())),
            (BigInt, n(i64::MAX), Ok(n(i64::MAX))),
            (decimal, t("1.239"), Ok(Datum::Double(1.24))),
            (decimal, n(999), Ok(n(999))),
            (decimal, n(1000), Err(SqlError::value_overflow())),
            (Numeric { precision: 38, scale: None }, Datum::Double(0.25), Ok(Datum::Double(0.25))),
            (Double, t("1e2"), Ok(n(100))),
            (Varchar(3), t("abc"), Ok(t("abc"))),
            (Varchar(3), n(12), Ok(t("12"))),
            (Varchar(3), t("abcd"), Err(SqlError::too_long("C"))),
            (Varchar(3), t("주문"), Err(SqlError::too_long("C"))),
            (Char(3), t("a"), Ok(t("a  "))),
            (Integer, Datum::Null, Ok(Datum::Null)),
        ];
        for (column_type, value, want) in table {
            assert_eq!(column_type.fit("C", value.clone()), want, "{column_type} {value:?}");
        }
    }

    #[test]
    fn cells() {
        let table = [
            (Datum::from("a  "), Cell::Text("a".to_owned())),
            (Datum::Int(1), Cell::Int(1)),
            (Datum::Double(1.5), Cell::Text("1.5".to_owned())),
            (Datum::Null, Cell::Null),
        ];
        for (value, want) in table {
            assert_eq!(value.cell(), want);
        }
    }
}
