//! Errors of the SQL layer, in the server's words and codes.
//!
//! Every code that this part of the lab can raise is named here and nowhere else. Messages end where the recordings'
//! first line ends, trailing blank included; what follows a line break is only a hint at the position.

/// A statement was refused. What a client receives as one error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sqlstate} native {native} (ERR-{native:05X}): {message}")]
pub struct SqlError {
    /// Five characters.
    pub sqlstate: &'static str,
    /// Vendor code.
    pub native: i32,
    /// The message; a position hint may follow on lines of its own.
    pub message: String,
}

impl SqlError {
    /// Any error, for the parts of the lab that know codes of their own.
    pub fn new(sqlstate: &'static str, native: i32, message: impl Into<String>) -> Self {
        Self { sqlstate, native, message: message.into() }
    }

    /// 31001 with the position where the parser gave up: `at` is a byte offset into `text`.
    #[must_use]
    pub fn syntax(text: &str, at: usize) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count();
        let shown = text.lines().nth(line - 1).unwrap_or_default();
        // A statement that holds a password is not repeated.
        if text.to_ascii_uppercase().contains("IDENTIFIED") {
            return Self::syntax_because("");
        }
        let caret = " ".repeat(column);
        Self::new("42000", 200_705, format!("SQL syntax error \n\nline {line}: parse error\n{shown}\n{caret}^"))
    }

    /// 31001 with a reason instead of a position.
    #[must_use]
    pub fn syntax_because(reason: &str) -> Self {
        Self::new("42000", 200_705, format!("SQL syntax error {reason}"))
    }

    /// 3118B: a name has too many bytes.
    #[must_use]
    pub fn name_too_long() -> Self {
        Self::new("42000", 201_099, "The length of the name exceeds the maximum limit. ")
    }

    /// 312B1: OPTIONS with a word that is no option.
    #[must_use]
    pub fn unknown_option() -> Self {
        Self::new("HY000", 201_393, "Unsupported replication option name ")
    }

    /// 31031: no such table, view or catalog table.
    #[must_use]
    pub fn no_table() -> Self {
        Self::new("42S02", 200_753, "Table or view was not found : ")
    }

    /// 31058: no such column.
    #[must_use]
    pub fn no_column() -> Self {
        Self::new("42S22", 200_792, "Column not found ")
    }

    /// 31059: more than one source has a column of that name.
    #[must_use]
    pub fn ambiguous_column() -> Self {
        Self::new("42000", 200_793, "Column is ambiguously defined ")
    }

    /// 3103C: the owner named before a table does not exist.
    #[must_use]
    pub fn no_owner() -> Self {
        Self::new(
            "3D000",
            200_764,
            "Undefined user name. The user specified as the owner of a table or an object was not found in \
             the database. ",
        )
    }

    /// 31010: no such user.
    #[must_use]
    pub fn no_user() -> Self {
        Self::new("3D000", 200_720, "User not found")
    }

    /// 3103D: CREATE USER of an existing name.
    #[must_use]
    pub fn user_exists() -> Self {
        Self::new("HY000", 200_765, "Duplicate user or role names. The user name already exists in the database.")
    }

    /// 31022: CREATE TABLE of an existing name.
    #[must_use]
    pub fn table_exists() -> Self {
        Self::new("42S01", 200_738, "The name is already used by an existing object.")
    }

    /// 3125B: no such partition of the table.
    #[must_use]
    pub fn no_partition() -> Self {
        Self::new("HY000", 201_307, "The table partition does not exist. ")
    }

    /// 31014: no such index.
    #[must_use]
    pub fn no_index() -> Self {
        Self::new("42S12", 200_724, "Index not found")
    }

    /// No such function, or called with the wrong number of arguments.
    #[must_use]
    pub fn no_function() -> Self {
        Self::new("42000", 200_761, "Function not found ")
    }

    /// 11058: a second row with the same primary key or unique value.
    #[must_use]
    pub fn duplicate_key() -> Self {
        Self::new("23000", 69_720, "The row already exists in a unique index.")
    }

    /// NULL for a column that takes none.
    #[must_use]
    pub fn null_refused() -> Self {
        Self::new("23000", 200_820, "Unable to insert (or update) NULL into NOT NULL column.")
    }

    /// 3102A: DDL on a table that a foreign key refers to.
    #[must_use]
    pub fn depended_on() -> Self {
        Self::new("HY000", 200_746, "A foreign key constraint depends on the table or column.")
    }

    /// A row of a child table without its parent row.
    #[must_use]
    pub fn no_parent() -> Self {
        Self::new("23000", 200_822, "The foreign key value does not match any parent key.")
    }

    /// A parent row that child rows refer to.
    #[must_use]
    pub fn has_children() -> Self {
        Self::new("23000", 200_823, "The row is referenced by a foreign key.")
    }

    /// 31055: UPDATE of a primary key column of a replicated table.
    #[must_use]
    pub fn replicated_key() -> Self {
        Self::new(
            "HY000",
            200_789,
            "The primary key of a table cannot be updated when the table is used for replication.",
        )
    }

    /// 11041: this wait would close a circle.
    #[must_use]
    pub fn deadlock() -> Self {
        Self::new("25S03", 69_697, "A deadlock situation has been detected.")
    }

    /// 11075: a lock was not had in time. For the engine, which knows the time limits.
    #[must_use]
    pub fn lock_timeout() -> Self {
        Self::new("HYT00", 69_749, "The transaction has exceeded the lock timeout specified by the user.")
    }

    /// 21069: text longer than its column.
    #[must_use]
    pub fn too_long(column: &str) -> Self {
        Self::new("22026", 135_273, format!("Invalid data type length : {column}."))
    }

    /// Text where a number is wanted.
    #[must_use]
    pub fn invalid_literal() -> Self {
        Self::new("22018", 135_185, "Invalid literal")
    }

    /// A number that does not fit.
    #[must_use]
    pub fn value_overflow() -> Self {
        Self::new("22003", 135_184, "Value overflow")
    }

    /// Division by zero.
    #[must_use]
    pub fn divide_by_zero() -> Self {
        Self::new("22012", 135_186, "Divide by zero.")
    }

    /// A row value list that is not as long as the column list.
    #[must_use]
    pub fn value_count() -> Self {
        Self::new("42000", 200_750, "Mismatched number of columns and values ")
    }

    /// A scalar subquery, or a comparison with one, that gave more than one row.
    #[must_use]
    pub fn single_row_wanted() -> Self {
        Self::new("HY000", 200_803, "Single-row subquery returned more than one row.")
    }

    /// A column beside aggregates that is not in GROUP BY.
    #[must_use]
    pub fn not_grouped() -> Self {
        Self::new("42000", 200_801, "The expression is not a GROUP BY expression. ")
    }

    /// 31023: a column name twice in one table.
    #[must_use]
    pub fn duplicate_column() -> Self {
        Self::new("42S21", 200_739, "Duplicate column name : ")
    }

    /// A column that a key or an index needs.
    #[must_use]
    pub fn column_in_use() -> Self {
        Self::new("HY000", 200_740, "The column is used by a key, an index or the partition key. ")
    }

    /// A second PRIMARY KEY.
    #[must_use]
    pub fn second_primary_key() -> Self {
        Self::new("42000", 200_741, "A table can have only one primary key. ")
    }

    /// REFERENCES without a matching key of the parent.
    #[must_use]
    pub fn no_parent_key() -> Self {
        Self::new("42000", 200_824, "The parent table has no matching primary or unique key. ")
    }

    /// No partition takes the row.
    #[must_use]
    pub fn no_partition_for_row() -> Self {
        Self::new("HY000", 201_268, "No partition takes the row. ")
    }
}
