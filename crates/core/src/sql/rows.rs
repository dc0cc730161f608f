//! Answers of a query. Columns are found by name, because they differ between releases (DESIGN D9).

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// NULL; also what Altibase makes of an empty string.
    Null,
    /// SMALLINT to BIGINT.
    Int(i64),
    /// Everything else, as the server writes it, without trailing blanks.
    Text(String),
}

/// A result set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Column names as the server gives them.
    pub columns: Vec<String>,
    /// Rows; each as long as `columns`.
    pub rows: Vec<Vec<Value>>,
}

/// One row with its column names.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    columns: &'a [String],
    cells: &'a [Value],
}

impl Rows {
    /// Every row.
    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|cells| Row { columns: &self.columns, cells })
    }

    /// The single number of a one-row, one-column answer such as `SELECT COUNT(*)`.
    #[must_use]
    pub fn single_int(&self) -> Option<i64> {
        match self.rows.first()?.first()? {
            Value::Int(n) => Some(*n),
            Value::Text(t) => t.trim().parse().ok(),
            Value::Null => None,
        }
    }
}

impl<'a> Row<'a> {
    /// The cell in that column; `Null` when the server has no such column. Names are compared without case.
    #[must_use]
    pub fn get(self, column: &str) -> &'a Value {
        const NULL: &Value = &Value::Null;
        self.columns.iter().position(|c| c.eq_ignore_ascii_case(column)).map_or(NULL, |i| &self.cells[i])
    }

    /// The cell as a number; `None` for NULL, no such column, or text that is no number.
    #[must_use]
    pub fn int(self, column: &str) -> Option<i64> {
        match self.get(column) {
            Value::Int(n) => Some(*n),
            Value::Text(t) => t.trim().parse().ok(),
            Value::Null => None,
        }
    }

    /// The cell as text without trailing blanks; `None` for NULL, an empty text or no such column.
    #[must_use]
    pub fn text(self, column: &str) -> Option<String> {
        match self.get(column) {
            Value::Int(n) => Some(n.to_string()),
            Value::Text(t) => Some(t.trim_end().to_owned()).filter(|t| !t.is_empty()),
            Value::Null => None,
        }
    }
}
