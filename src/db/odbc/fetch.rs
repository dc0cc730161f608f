//! A result set into [`Rows`]. Every cell is read as text, which every driver can give, and becomes a number by the
//! type of its column. Must never cut a value short in silence.
#![allow(unsafe_code)] // Fetching is an unsafe call of odbc-api: bound buffers would have to live on. None are bound.

use odbc_api::{
    buffers::Indicator,
    handles::{AnyHandle, SqlResult, Statement, StatementImpl, slice_to_cow_utf8},
    parameter::VarCharSliceMut,
    sys::SqlDataType,
};

use super::{
    diagnostics::{Scrub, decide, records},
    own_error,
    session::check,
};
use crate::db::{DbError, Rows, Value};

/// First guess for a cell, bytes; longer ones come in pieces of this size.
const PIECE: usize = 4096;

/// Room for a column's name, bytes; longer ones are asked for again.
const NAME: usize = 128;

/// How a column's text becomes a value.
#[derive(Clone, Copy)]
enum Kind {
    Integer,
    Text,
}

/// Memory that one result may take, bytes. No statement of ours returns nearly as much.
const MEMORY: usize = 256 << 20;

fn take(room: &mut usize, bytes: usize) -> Result<(), DbError> {
    let too_large = || own_error("HY001", format!("the result is larger than {MEMORY} bytes"));
    *room = room.checked_sub(bytes).ok_or_else(too_large)?;
    Ok(())
}

/// Everything the statement returned; no columns when it was not a query.
///
/// # Errors
/// What the driver said.
pub fn all_rows(statement: &mut StatementImpl<'_>, scrub: &Scrub) -> Result<Rows, DbError> {
    let width = value_of(statement.num_result_cols(), statement, scrub)?;
    let width =
        u16::try_from(width).map_err(|_| own_error("HY000", "the driver counts a negative number of columns"))?;
    if width == 0 {
        return Ok(Rows::default());
    }
    let (mut columns, mut kinds) = (Vec::new(), Vec::new());
    for column in 1..=width {
        let mut name = Vec::with_capacity(NAME);
        check(statement.col_name(column, &mut name), statement, scrub)?;
        columns.push(slice_to_cow_utf8(&name).into_owned());
        kinds.push(kind_of(value_of(statement.col_concise_type(column), statement, scrub)?));
    }
    let (mut rows, mut piece) = (Vec::new(), vec![0; PIECE]);
    let mut room = MEMORY;
    loop {
        // SAFETY: no buffers are bound.
        match unsafe { statement.fetch() } {
            SqlResult::NoData => return Ok(Rows { columns, rows }),
            other => check(other, statement, scrub)?,
        }
        let mut row = Vec::with_capacity(kinds.len());
        for (column, kind) in (1..).zip(&kinds) {
            row.push(cell(statement, column, *kind, &mut piece, &mut room, scrub)?);
        }
        rows.push(row);
    }
}

fn value_of<T>(result: SqlResult<T>, handle: &impl AnyHandle, scrub: &Scrub) -> Result<T, DbError> {
    match result {
        SqlResult::Success(value) | SqlResult::SuccessWithInfo(value) => Ok(value),
        SqlResult::Error { function } => Err(decide(function, records(handle, scrub))),
        SqlResult::NoData | SqlResult::NeedData | SqlResult::StillExecuting => {
            Err(own_error("HY000", "the driver does not describe its result"))
        }
    }
}

fn kind_of(column: SqlDataType) -> Kind {
    match column {
        SqlDataType::EXT_TINY_INT | SqlDataType::SMALLINT | SqlDataType::INTEGER | SqlDataType::EXT_BIG_INT => {
            Kind::Integer
        }
        _ => Kind::Text,
    }
}

fn cell(
    statement: &mut StatementImpl<'_>,
    column: u16,
    kind: Kind,
    piece: &mut [u8],
    room: &mut usize,
    scrub: &Scrub,
) -> Result<Value, DbError> {
    take(room, size_of::<Value>())?;
    let Some(bytes) = cell_bytes(statement, column, piece, room, scrub)? else { return Ok(Value::Null) };
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_end_matches(' ');
    match kind {
        Kind::Integer => Ok(text.trim_start().parse().map_or_else(|_| Value::Text(text.to_owned()), Value::Int)),
        Kind::Text => Ok(Value::Text(text.to_owned())),
    }
}

/// The whole value, however many calls it takes; `None` for NULL.
fn cell_bytes(
    statement: &mut StatementImpl<'_>,
    column: u16,
    piece: &mut [u8],
    room: &mut usize,
    scrub: &Scrub,
) -> Result<Option<Vec<u8>>, DbError> {
    let mut whole = Vec::new();
    loop {
        let mut target = VarCharSliceMut::from_buffer(&mut *piece, Indicator::Null);
        match statement.get_data(column, &mut target) {
            // The piece before was the last one.
            SqlResult::NoData => return Ok(Some(whole)),
            // 01004 is what a piece of a longer value reports; it is no news.
            SqlResult::Success(()) | SqlResult::SuccessWithInfo(()) => {}
            other => check(other, statement, scrub)?,
        }
        let Some(bytes) = target.as_bytes() else { return Ok(None) };
        take(room, bytes.len())?;
        whole.extend_from_slice(bytes);
        if target.is_complete() {
            return Ok(Some(whole));
        }
        if bytes.is_empty() {
            return Err(own_error("HY000", format!("the driver does not give the rest of column {column}")));
        }
    }
}
