//! Which column a name means.

use std::{cell::Cell, sync::Arc};

use crate::{data::Table, sql::SqlError, value::ColumnType};

/// The columns of one source.
pub(super) enum Columns {
    Table(Arc<Table>),
    List(Vec<String>),
    /// DUAL's X, and LEVEL, which `*` does not show.
    Levels,
}

impl Columns {
    pub fn len(&self) -> usize {
        match self {
            Self::Table(table) => table.columns.len(),
            Self::List(names) => names.len(),
            Self::Levels => 2,
        }
    }

    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Table(table) => table.columns.iter().map(|c| c.name.as_str()).collect(),
            Self::List(names) => names.iter().map(String::as_str).collect(),
            Self::Levels => vec!["X"],
        }
    }

    fn position(&self, name: &str) -> Option<usize> {
        match self {
            Self::Table(table) => table.column(name),
            Self::List(names) => names.iter().position(|n| n == name),
            Self::Levels => ["X", "LEVEL"].iter().position(|n| *n == name),
        }
    }

    fn is_char(&self, at: usize) -> bool {
        match self {
            Self::Table(table) => matches!(table.columns[at].column_type, ColumnType::Char(_)),
            Self::List(_) | Self::Levels => false,
        }
    }
}

/// One source as names see it.
pub(super) struct Visible {
    /// Alias or table name.
    pub qualifier: Option<String>,
    pub columns: Columns,
    /// Number of its first column.
    pub start: usize,
}

/// The sources of a SELECT, inside of those of the queries around it.
pub(super) struct Names<'a> {
    pub sources: Vec<Visible>,
    pub outer: Option<&'a Names<'a>>,
    /// Whether a name was found further out.
    pub reaches_out: Cell<bool>,
}

/// A column that was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub depth: usize,
    pub index: usize,
    pub is_char: bool,
}

impl<'a> Names<'a> {
    pub fn new(outer: Option<&'a Names<'a>>) -> Self {
        Self { sources: Vec::new(), outer, reaches_out: Cell::new(false) }
    }

    /// Columns so far.
    pub fn width(&self) -> usize {
        self.sources.last().map_or(0, |s| s.start + s.columns.len())
    }

    pub fn add(&mut self, qualifier: Option<String>, columns: Columns) {
        let start = self.width();
        self.sources.push(Visible { qualifier, columns, start });
    }

    pub fn find(&self, qualifier: Option<&str>, name: &str) -> Result<Found, SqlError> {
        let mut found = None;
        for source in &self.sources {
            if qualifier.is_some() && source.qualifier.as_deref() != qualifier {
                continue;
            }
            if let Some(at) = source.columns.position(name) {
                if found.is_some() {
                    return Err(SqlError::ambiguous_column());
                }
                found = Some(Found { depth: 0, index: source.start + at, is_char: source.columns.is_char(at) });
            }
        }
        if let Some(found) = found {
            return Ok(found);
        }
        let outer = self.outer.ok_or_else(SqlError::no_column)?;
        let found = outer.find(qualifier, name)?;
        self.reaches_out.set(true);
        Ok(Found { depth: found.depth + 1, ..found })
    }
}
