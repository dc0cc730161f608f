//! How many rows a table or partition holds, as far as anybody waited for the answer. Decides nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A number of rows. In files: a number, `{"at-least": n}`, or null.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RowCount {
    /// Counted to the end.
    Counted(u64),
    /// It is not empty; counting it took too long.
    AtLeast {
        /// A lower bound, 1 or more.
        #[serde(rename = "at-least")]
        at_least: u64,
    },
    /// Not even whether it is empty is known.
    NotCounted,
}

impl From<u64> for RowCount {
    fn from(n: u64) -> Self {
        Self::Counted(n)
    }
}

impl RowCount {
    /// So many at least.
    #[must_use]
    pub fn at_least(self) -> u64 {
        match self {
            Self::Counted(n) | Self::AtLeast { at_least: n } => n,
            Self::NotCounted => 0,
        }
    }

    /// The exact number.
    #[must_use]
    pub fn exact(self) -> Option<u64> {
        match self {
            Self::Counted(n) => Some(n),
            Self::AtLeast { .. } | Self::NotCounted => None,
        }
    }

    /// Whether it is empty, where that is known.
    #[must_use]
    pub fn is_empty(self) -> Option<bool> {
        match self {
            Self::Counted(n) => Some(n == 0),
            Self::AtLeast { .. } => Some(false),
            Self::NotCounted => None,
        }
    }

    /// All together; not counted when one of them is not.
    #[must_use]
    pub fn sum(counts: impl IntoIterator<Item = Self>) -> Self {
        counts.into_iter().fold(Self::Counted(0), |sum, n| match (sum, n) {
            (Self::NotCounted, _) | (_, Self::NotCounted) => Self::NotCounted,
            (Self::Counted(a), Self::Counted(b)) => Self::Counted(a + b),
            (a, b) => Self::AtLeast { at_least: a.at_least() + b.at_least() },
        })
    }
}

/// `1,204,332`
#[must_use]
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_files() {
        let (three, more) = (RowCount::Counted(3), RowCount::AtLeast { at_least: 1 });
        assert_eq!(RowCount::sum([three, three]), RowCount::Counted(6));
        assert_eq!(RowCount::sum([three, more]), RowCount::AtLeast { at_least: 4 });
        assert_eq!(RowCount::sum([more, RowCount::NotCounted, three]), RowCount::NotCounted);
        for (count, file) in [(three, "3"), (more, r#"{"at-least":1}"#), (RowCount::NotCounted, "null")] {
            assert_eq!(serde_json::to_string(&count).unwrap(), file);
            assert_eq!(serde_json::from_str::<RowCount>(file).unwrap(), count);
        }
        assert_eq!([three, more, RowCount::NotCounted].map(RowCount::is_empty), [Some(false), Some(false), None]);
    }
}
