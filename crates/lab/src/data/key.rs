//! Where a row stands in its table: the values of its primary key, or a hidden number.

use std::{cmp::Ordering, sync::Arc};

use crate::value::Datum;

/// A row's place. Orders as its values do, so a table is read in primary key order.
#[derive(Clone, Debug)]
pub enum Key {
    /// A key of one integer column, or the hidden number of a row in a table without primary key.
    Int(i64),
    /// Anything else.
    Values(Arc<[Datum]>),
}

impl Key {
    /// The key that these columns of a row make.
    #[must_use]
    pub fn of(row: &[Datum], columns: &[usize]) -> Self {
        if let [column] = columns
            && let Datum::Int(n) = row[*column]
        {
            return Self::Int(n);
        }
        Self::Values(columns.iter().map(|&c| row[c].clone()).collect())
    }

    /// The key of these values.
    #[must_use]
    pub fn from_values(values: &[Datum]) -> Self {
        if let [Datum::Int(n)] = values { Self::Int(*n) } else { Self::Values(values.into()) }
    }

    /// Whether a value in it is NULL (only in unique indexes; NULLs are never equal there).
    #[must_use]
    pub fn has_null(&self) -> bool {
        match self {
            Self::Int(_) => false,
            Self::Values(values) => values.iter().any(Datum::is_null),
        }
    }

    /// Its values.
    #[must_use]
    pub fn values(&self) -> Vec<Datum> {
        match self {
            Self::Int(n) => vec![Datum::Int(*n)],
            Self::Values(values) => values.to_vec(),
        }
    }
}

impl Ord for Key {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Values(a), Self::Values(b)) => a.cmp(b),
            (Self::Int(a), Self::Values(b)) => [Datum::Int(*a)][..].cmp(b),
            (Self::Values(a), Self::Int(b)) => a[..].cmp(&[Datum::Int(*b)]),
        }
    }
}

impl PartialOrd for Key {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key {}
