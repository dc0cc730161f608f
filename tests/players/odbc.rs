//! A session through unixODBC and the lab's ODBC driver that takes any text, which the program's own road does not.
//!
//! `prepare` of `aku::db::odbc::setup` must have run. Cells are read as text and become numbers by their column's type,
//! as on the program's own road.

use aku::db::{
    DbError, Privilege,
    wire::{Cell, Response},
};
use odbc_api::{ColumnDescription, ConnectionOptions, Cursor, CursorRow, DataType, Error};

use super::{CONNECT, Talk};

/// One ODBC connection.
pub struct Odbc(odbc_api::Connection<'static>);

fn own(words: &(impl ToString + ?Sized)) -> DbError {
    DbError { sqlstate: "HY000".to_owned(), native: 0, message: words.to_string() }
}

/// What the driver said, without the name that unixODBC puts before it.
fn told(error: Error) -> DbError {
    match error {
        Error::Diagnostics { record, .. } => {
            let message = String::from_utf8_lossy(&record.message).into_owned();
            let message = message.strip_prefix("[unixODBC]").unwrap_or(&message).to_owned();
            DbError { sqlstate: record.state.as_str().to_owned(), native: record.native_error, message }
        }
        other => own(&other),
    }
}

impl Talk for Odbc {
    fn login(host: &str, port: u16, login: &aku::lab::conformance::Login) -> Result<Self, DbError> {
        let privilege = match login.privilege {
            Privilege::Normal => "",
            Privilege::Sysdba => ";PRIVILEGE=SYSDBA",
        };
        let (uid, pwd) = (&login.uid, &login.pwd);
        let text = format!("DSN=aku;Server={host};PORT_NO={port};UID={uid};PWD=\"{pwd}\";NLS_USE=UTF8{privilege}");
        let seconds = u32::try_from(CONNECT.as_secs()).ok();
        let options = ConnectionOptions { login_timeout_sec: seconds, ..ConnectionOptions::default() };
        let environment = odbc_api::environment().map_err(told)?;
        environment.connect_with_connection_string(&text, options).map(Self).map_err(told)
    }

    fn talk(&mut self, sql: &str) -> Result<Response, DbError> {
        match self.0.execute(sql, (), None).map_err(told)? {
            Some(cursor) => all(cursor).map_err(told),
            None => Ok(Response::Done { affected: -1 }),
        }
    }
}

fn all(mut cursor: impl Cursor) -> Result<Response, Error> {
    let width = u16::try_from(cursor.num_result_cols()?).unwrap_or_default();
    let (mut columns, mut numbers) = (Vec::new(), Vec::new());
    for column in 1..=width {
        columns.push(cursor.col_name(column)?);
        // Not `col_data_type`: the real driver and this one write half of the attribute that it asks for.
        let mut described = ColumnDescription::default();
        cursor.describe_col(column, &mut described)?;
        numbers.push(matches!(described.data_type, DataType::SmallInt | DataType::Integer | DataType::BigInt));
    }
    let (mut rows, mut bytes) = (Vec::new(), Vec::new());
    while let Some(mut row) = cursor.next_row()? {
        let cell = |(column, number): (u16, &bool)| cell(&mut row, column, *number, &mut bytes);
        rows.push((1..).zip(&numbers).map(cell).collect::<Result<_, _>>()?);
    }
    Ok(Response::Rows { columns, rows })
}

fn cell(row: &mut CursorRow<'_>, column: u16, number: bool, bytes: &mut Vec<u8>) -> Result<Cell, Error> {
    if !row.get_text(column, bytes)? {
        return Ok(Cell::Null);
    }
    let text = String::from_utf8_lossy(bytes).into_owned();
    Ok(match text.trim().parse() {
        Ok(n) if number => Cell::Int(n),
        _ => Cell::Text(text),
    })
}
