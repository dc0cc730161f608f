//! The exported functions on statements.

#![allow(non_snake_case)]

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
};

use crate::{
    diag::{Record, Records},
    ffi::{self, ERROR, Handle, INVALID_HANDLE, NO_DATA, Return, SQL_BIGINT, SUCCESS, SUCCESS_WITH_INFO},
    handle::{Dbc, Stmt, lock, see},
    link::{self, lost},
    result::{Copied, ResultSet, Target},
    wire::Response,
    worst::{self, Breach},
};

const ATTR_QUERY_TIMEOUT: i32 = 0;
const ATTR_ROW_BIND_TYPE: i32 = 5;
const ATTR_ROW_STATUS_PTR: i32 = 25;
const ATTR_ROWS_FETCHED_PTR: i32 = 26;
const ATTR_ROW_ARRAY_SIZE: i32 = 27;
const ATTR_APP_ROW_DESC: i32 = 10_010;
const ATTR_IMP_PARAM_DESC: i32 = 10_013;

const COLUMN_CONCISE_TYPE: u16 = 2;
const COLUMN_DISPLAY_SIZE: u16 = 6;
const COLUMN_LABEL: u16 = 18;
const DESC_TYPE: u16 = 1002;
const DESC_LENGTH: u16 = 1003;
const DESC_NULLABLE: u16 = 1008;
const DESC_NAME: u16 = 1011;
const DESC_OCTET_LENGTH: u16 = 1013;

const NULLABLE: i16 = 1;
const CLOSE: u16 = 0;
const UNBIND: u16 = 2;

/// The driver manager wants four descriptors per statement and never looks into them.
static DESCRIPTORS: [u8; 4] = [0; 4];

impl Stmt {
    pub fn new(dbc: Arc<Dbc>) -> Self {
        Self {
            dbc,
            diag: Mutex::new(Records::default()),
            result: Mutex::new(ResultSet::default()),
            running: AtomicBool::new(false),
            ignored_query_timeout: AtomicU32::new(0),
        }
    }
}

/// Starts a call: the records of the call before are gone. `Err` is what the function has to return at once.
unsafe fn enter<'a>(handle: Handle, function: &str) -> Result<&'a Stmt, Return> {
    let stmt = unsafe { see::<Stmt>(handle) }.ok_or(INVALID_HANDLE)?;
    lock(&stmt.diag).clear();
    stmt.dbc.told_to_return(function).map_or(Ok(stmt), Err)
}

fn fail(stmt: &Stmt, record: Record) -> Return {
    lock(&stmt.diag).push(record);
    ERROR
}

fn truncated(stmt: &Stmt) -> Return {
    lock(&stmt.diag).push(Record::new("01004", 0, "String data, right truncated"));
    SUCCESS_WITH_INFO
}

/// Sends the statement and waits; a fatal failure ends the connection.
fn run(stmt: &Stmt, sql: String) -> Result<Response, Record> {
    let silence = *lock(&stmt.dbc.connection_timeout);
    let mut link = lock(&stmt.dbc.link);
    let live = link.as_mut().ok_or_else(|| lost("the connection was lost before"))?;
    stmt.running.store(true, SeqCst);
    let answer = live.execute(sql, silence);
    stmt.running.store(false, SeqCst);
    if answer.as_ref().is_err_and(Record::is_fatal) {
        stmt.dbc.dead.store(true, SeqCst);
        *link = None;
    }
    answer
}

#[unsafe(no_mangle)]
pub unsafe extern "system" fn SQLExecDirect(handle: Handle, text: *const u8, length: i32) -> Return {
    let stmt = match unsafe { enter(handle, "SQLExecDirect") } {
        Ok(stmt) => stmt,
        Err(code) => return code,
    };
    lock(&stmt.result).close();
    let sql = unsafe { ffi::text_in(text, length as isize) };
    let (columns, rows, affected) = match run(stmt, sql) {
        Ok(Response::Rows { columns, rows }) => (columns, rows, -1),
        Ok(Response::Done { affected }) => (Vec::new(), Vec::new(), affected),
        Ok(Response::Connected { .. } | Response::Error { .. }) => {
            return fail(stmt, lost("the pod broke the protocol"));
        }
        Err(record) => return fail(stmt, record),
    };
    let no_row_touched = affected == 0 && columns.is_empty();
    lock(&stmt.result).open(columns, rows, affected);
    if no_row_touched { NO_DATA } else { SUCCESS }
}

/// Looks at one flag and talks over a connection of its own; never waits for the statement.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn SQLCancel(handle: Handle) -> Return {
    let Some(stmt) = (unsafe { see::<Stmt>(handle) }) else { return INVALID_HANDLE };
    if !stmt.running.load(SeqCst) {
        return SUCCESS;
    }
    let peer = *lock(&stmt.dbc.peer);
    match peer.map(link::cancel) {
        None | Some(Ok(())) => SUCCESS,
        Some(Err(record)) => fail(stmt, record),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "system" fn SQLNumResultCols(handle: Handle, count: *mut i16) -> Return {
    let stmt = match unsafe { enter(handle, "SQLNumResultCols") } {
        Ok(stmt) => stmt,
        Err(code) => return code,
    };
    let width = lock(&stmt.result).width();
    let width = match stmt.dbc.breach() {
        Some(Breach::ColumnsSilent) => return SUCCESS,
        Some(Breach::ColumnsNegative) => -1,
        Some(Breach::ColumnsMany) => i16::MAX,
        _ => i16::try_from(width).unwrap_or(i16::MAX),
    };
    unsafe { ffi::put(count, width) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "system" fn SQLRowCount(handle: Handle, count: *mut isize) -> Return {
    let stmt = match unsafe { enter(handle, "SQLRowCount") } {
        Ok(stmt) => stmt,
        Err(code) => return code,
    };
    unsafe { ffi::put(count, isize::try_from(lock(&stmt.result).affected).unwrap_or(-1)) };
    SUCCESS
}

/// Writes a column's name and its length.
unsafe fn put_name(stmt: &Stmt, column: u16, buffer: *mut u8, capacity: i16, length: *mut i16) -> Return {
    let result = lock(&stmt.result);
    let Some(name) = result.name(column) else {
        return fail(stmt, Record::new("07009", 0, "Invalid descriptor index"));
    };
    let breach = stmt.dbc.breach();
    let said = match breach {
        Some(Breach::NameLengthHuge) => i16::MAX,
        Some(Breach::NameLengthNegative) => -1,
        _ => i16::try_from(name.len()).unwrap_or(i16::MAX),
    };
    unsafe { ffi::put(length, said) };
    if breach == Some(Breach::NameUnterminated) && name.len() < usize::try_from(capacity).unwrap_or(0) {
        unsafe { std::ptr::copy_nonoverlapping(name.as_ptr(), buffer, name.len()) };
        return SUCCESS;
    }
    if unsafe { ffi::text_out(name.as_bytes(), buffer, capacity.into()) } || buffer.is_null() {
        SUCCESS
    } else {
        truncated(stmt)
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "system" fn SQLColAttribute(
    handle: Handle,
    column: u16,
    field: u16,
    text: Handle,
    capacity: i16,
    length: *mut i16,
    number: *mut isize,
) -> Return {
    let stmt = match unsafe { enter(handle, "SQLColAttribute") } {
        Ok(stmt) => stmt,
        Err(code) => return code,
    };
    let before = if number.is_null() { 0 } else { unsafe { number.read_unaligned() } };
    // As the real driver: the upper half of these three is not written (measured on real servers).
    let half = |value: i16| worst::lower_half(before, value.into());
    let answer = match field {
        DESC_NAME | COLUMN_LABEL => return unsafe { put_name(stmt, column, text.cast(), capacity, length) },
        COLUMN_CONCISE_TYPE | DESC_TYPE => half(lock(&stmt.result).sql_type(column)),
        DESC_NULLABLE => half(NULLABLE),
        COLUMN_DISPLAY_SIZE | DESC_LENGTH | DESC_OCTET_LENGTH => lock(&stmt.result).longest(column).cast_signed(),
        _ => 0,
    };
    unsafe { ffi::put(number, answer) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "system" fn SQLDescribeCol(
    handle: Handle,
    column: u16,
    name: *mut u8,
    capacity: i16,
    name_length: *mut i16,
    sql_type: *mut i16,
    size: *mut usize,
    digits: *mut i16,
    nullable: *mut i16,
) -> Return {
    let stmt = match unsafe { enter(handle, "SQLDescribeCol") } {
        Ok(stmt) => stmt,
        Err(code) => return code,
    };
    let (kind, longest) = {
        let result = lock(&stmt.result);
        (result.sql_type(column), result.longest(column))
    };
    if stmt.dbc.breach() == Some(Breach::DescribeSilent) {
        return SUCCESS;
    }
    unsafe {
        ffi::put(sql_type, kind);
        ffi::put(size, if kind == SQL_BIGINT { 19 } else { longest });
        ffi::put(digits, 0);
        ffi::put(nullable, NULLABLE);
        put_name(stmt, column, name, capacity, name_length)
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "system" fn SQLBindCol(
    handle: Handle,
    column: u16,
    c_type: i16,
    value: Handle,
    capacity: isize,
    indicator: *mut isize,
) -> Return {
    let stmt = match unsafe { enter(handle, "SQLBindCol") } {
        Ok(stmt) => stmt,
        Err(code) => return code,
    };
    let mut result = lock(&stmt.result);
    if value.is_null() {
        result.bound.remove(&column);
    } else {
        result.bound.insert(column, Target { c_type, value, capacity, indicator });
    }
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "system" fn SQLFetch(handle: Handle) -> Return {
    let stmt = match unsafe { enter(handle, "SQLFetch") } {
        Ok(stmt) => stmt,
        Err(code) => return code,
    };
    let mut result = lock(&stmt.result);
    if result.width() == 0 {
        return fail(stmt, Record::new("24000", 0, "Invalid cursor state"));
    }
    if stmt.dbc.breach() == Some(Breach::FetchEndless) {
        result.rewind();
    }
    let (count, cut) = match unsafe { result.fetch() } {
        Ok(fetched) => fetched,
        Err(record) => return fail(stmt, record),
    };
    unsafe { ffi::put(std::ptr::with_exposed_provenance_mut::<usize>(result.rows_fetched), count) };
    let status = std::ptr::with_exposed_provenance_mut::<u16>(result.row_status);
    for row in (0..result.row_array_size).filter(|_| !status.is_null()) {
        // SQL_ROW_SUCCESS or SQL_ROW_NOROW
        unsafe { ffi::put(status.add(row), if row < count { 0 } else { 3 }) };
    }
    match (count, cut) {
        (0, _) => NO_DATA,
        (_, Copied::Part) => truncated(stmt),
        (_, Copied::Whole | Copied::Nothing) => SUCCESS,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "system" fn SQLGetData(
    handle: Handle,
    column: u16,
    c_type: i16,
    value: Handle,
    capacity: isize,
    indicator: *mut isize,
) -> Return {
    let stmt = match unsafe { enter(handle, "SQLGetData") } {
        Ok(stmt) => stmt,
        Err(code) => return code,
    };
    let breach = stmt.dbc.breach();
    let target = Target { c_type, value, capacity, indicator };
    let copied = unsafe { lock(&stmt.result).get_data(column, target, breach) };
    match copied {
        Ok(Copied::Whole) => SUCCESS,
        Ok(Copied::Part) => truncated(stmt),
        Ok(Copied::Nothing) => NO_DATA,
        Err(record) => fail(stmt, record),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "system" fn SQLGetStmtAttr(
    handle: Handle,
    attribute: i32,
    value: Handle,
    _capacity: i32,
    _length: *mut i32,
) -> Return {
    let stmt = match unsafe { enter(handle, "SQLGetStmtAttr") } {
        Ok(stmt) => stmt,
        Err(code) => return code,
    };
    let number = match attribute {
        ATTR_APP_ROW_DESC..=ATTR_IMP_PARAM_DESC => {
            let index = usize::try_from(attribute - ATTR_APP_ROW_DESC).unwrap_or(0);
            unsafe { ffi::put(value.cast::<*const u8>(), &raw const DESCRIPTORS[index]) };
            return SUCCESS;
        }
        ATTR_QUERY_TIMEOUT => stmt.ignored_query_timeout.load(SeqCst) as usize,
        ATTR_ROW_ARRAY_SIZE => lock(&stmt.result).row_array_size,
        ATTR_ROW_BIND_TYPE => lock(&stmt.result).row_bind_type,
        _ => 0,
    };
    unsafe { ffi::put(value.cast::<usize>(), number) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "system" fn SQLSetStmtAttr(handle: Handle, attribute: i32, value: Handle, _length: i32) -> Return {
    let stmt = match unsafe { enter(handle, "SQLSetStmtAttr") } {
        Ok(stmt) => stmt,
        Err(code) => return code,
    };
    let number = value.expose_provenance();
    let mut result = lock(&stmt.result);
    match attribute {
        ATTR_QUERY_TIMEOUT => {
            stmt.ignored_query_timeout.store(u32::try_from(number).unwrap_or(u32::MAX), SeqCst);
        }
        ATTR_ROW_BIND_TYPE => result.row_bind_type = number,
        ATTR_ROW_STATUS_PTR => result.row_status = number,
        ATTR_ROWS_FETCHED_PTR => result.rows_fetched = number,
        ATTR_ROW_ARRAY_SIZE => result.row_array_size = number.max(1),
        _ => {}
    }
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "system" fn SQLFreeStmt(handle: Handle, option: u16) -> Return {
    let stmt = match unsafe { enter(handle, "SQLFreeStmt") } {
        Ok(stmt) => stmt,
        Err(code) => return code,
    };
    match option {
        CLOSE => lock(&stmt.result).close(),
        UNBIND => lock(&stmt.result).bound.clear(),
        _ => {}
    }
    SUCCESS
}
