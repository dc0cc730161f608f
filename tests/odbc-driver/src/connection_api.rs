//! The exported functions on environments and connections, and those that serve every kind of handle.

#![allow(non_snake_case)]

use std::{
    sync::{Arc, PoisonError, atomic::Ordering::SeqCst},
    time::Duration,
};

use crate::{
    diag::Record,
    ffi::{
        self, ERROR, HANDLE_DBC, HANDLE_ENV, HANDLE_STMT, Handle, INVALID_HANDLE, NO_DATA, Return, SUCCESS,
        SUCCESS_WITH_INFO,
    },
    handle::{self, Dbc, Env, Stmt, connection, lock, records, see, share, take},
    link::Link,
    options::Options,
    worst::Breach,
};

const ATTR_AUTOCOMMIT: i32 = 102;
const ATTR_LOGIN_TIMEOUT: i32 = 103;
const ATTR_CONNECTION_TIMEOUT: i32 = 113;
const ATTR_CONNECTION_DEAD: i32 = 1209;
/// unixODBC's own buffer for a message: SQL_MAX_MESSAGE_LENGTH and a NUL.
const MANAGERS_ROOM: i16 = 513;
const INFO_DBMS_NAME: u16 = 17;
const INFO_DRIVER_ODBC_VER: u16 = 77;

/// Posts a record on a connection.
pub fn fail_dbc(dbc: &Dbc, record: Record) -> Return {
    lock(&dbc.diag).push(record);
    ERROR
}

#[unsafe(no_mangle)]
pub unsafe extern "system" fn SQLAllocHandle(kind: i16, parent: Handle, out: *mut Handle) -> Return {
    let made = match kind {
        HANDLE_ENV => handle::give(Arc::<Env>::default()),
        HANDLE_DBC => handle::give(Arc::<Dbc>::default()),
        HANDLE_STMT => {
            let Some(dbc) = (unsafe { share::<Dbc>(parent) }) else { return INVALID_HANDLE };
            if let Some(code) = dbc.told_to_return("SQLAllocHandle") {
                return code;
            }
            if dbc.breach() == Some(Breach::AllocSilent) {
                return SUCCESS;
            }
            handle::give(Arc::new(Stmt::new(dbc)))
        }
        _ => return ERROR,
    };
    unsafe { ffi::put(out, made) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "system" fn SQLFreeHandle(kind: i16, handle: Handle) -> Return {
    if handle.is_null() {
        return INVALID_HANDLE;
    }
    if let Some(code) = unsafe { connection(kind, handle) }.and_then(|dbc| dbc.told_to_return("SQLFreeHandle")) {
        return code;
    }
    match kind {
        HANDLE_ENV => unsafe { take::<Env>(handle) },
        HANDLE_DBC => unsafe { take::<Dbc>(handle) },
        HANDLE_STMT => unsafe { take::<Stmt>(handle) },
        _ => return ERROR,
    }
    SUCCESS
}

#[unsafe(no_mangle)]
pub extern "system" fn SQLSetEnvAttr(_env: Handle, _attribute: i32, _value: Handle, _length: i32) -> Return {
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "system" fn SQLSetConnectAttr(handle: Handle, attribute: i32, value: Handle, _length: i32) -> Return {
    let Some(dbc) = (unsafe { see::<Dbc>(handle) }) else { return INVALID_HANDLE };
    lock(&dbc.diag).clear();
    // Integer attributes travel in the pointer itself.
    let number = value.addr();
    match attribute {
        ATTR_LOGIN_TIMEOUT => *lock(&dbc.login_timeout) = Some(Duration::from_secs(number as u64)),
        ATTR_CONNECTION_TIMEOUT => *lock(&dbc.connection_timeout) = Some(Duration::from_secs(number as u64)),
        ATTR_AUTOCOMMIT => return set_manual_commit(dbc, number == 0),
        _ => {}
    }
    SUCCESS
}

/// Tells the pod, when it changes and there is one.
fn set_manual_commit(dbc: &Dbc, manual: bool) -> Return {
    if dbc.manual_commit.swap(manual, SeqCst) == manual || lock(&dbc.link).is_none() {
        return SUCCESS;
    }
    let value = if manual { "FALSE" } else { "TRUE" };
    run_quietly(dbc, format!("ALTER SESSION SET AUTOCOMMIT = {value}"))
}

fn run_quietly(dbc: &Dbc, sql: String) -> Return {
    let silence = *lock(&dbc.connection_timeout);
    let mut link = lock(&dbc.link);
    let Some(live) = link.as_mut() else {
        return fail_dbc(dbc, Record::new("08003", 331_830, "Connection does not exist"));
    };
    match live.execute(sql, silence) {
        Ok(_) => SUCCESS,
        Err(record) => {
            if record.is_fatal() {
                dbc.dead.store(true, SeqCst);
                *link = None;
            }
            fail_dbc(dbc, record)
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "system" fn SQLGetConnectAttr(
    handle: Handle,
    attribute: i32,
    value: Handle,
    _capacity: i32,
    _length: *mut i32,
) -> Return {
    let Some(dbc) = (unsafe { see::<Dbc>(handle) }) else { return INVALID_HANDLE };
    lock(&dbc.diag).clear();
    let seconds = |t: Option<Duration>| t.map_or(0, |t| u32::try_from(t.as_secs()).unwrap_or(u32::MAX));
    let number = match attribute {
        ATTR_CONNECTION_DEAD => u32::from(dbc.dead.load(SeqCst)),
        ATTR_AUTOCOMMIT => u32::from(!dbc.manual_commit.load(SeqCst)),
        ATTR_LOGIN_TIMEOUT => seconds(*lock(&dbc.login_timeout)),
        ATTR_CONNECTION_TIMEOUT => seconds(*lock(&dbc.connection_timeout)),
        _ => return fail_dbc(dbc, Record::new("HYC00", 0, "Optional feature not implemented")),
    };
    unsafe { ffi::put(value.cast::<u32>(), number) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "system" fn SQLDriverConnect(
    handle: Handle,
    _window: Handle,
    text: *const u8,
    length: i16,
    out: *mut u8,
    capacity: i16,
    out_length: *mut i16,
    _completion: u16,
) -> Return {
    let Some(dbc) = (unsafe { see::<Dbc>(handle) }) else { return INVALID_HANDLE };
    lock(&dbc.diag).clear();
    let text = unsafe { ffi::text_in(text, length.into()) };
    // The completed string is never given back: it would hold the password.
    unsafe {
        ffi::text_out(b"", out, capacity.into());
        ffi::put(out_length, 0);
    }
    let mut options = match Options::parse(&text) {
        Ok(options) => options,
        Err(record) => return fail_dbc(dbc, record),
    };
    if dbc.manual_commit.load(SeqCst) {
        options.passed_on.push(("AUTOCOMMIT".to_owned(), "OFF".to_owned()));
    }
    let mut with_info = SUCCESS;
    if let Some(driver) = &options.driver {
        let ignored = format!("Connection string pair [Driver = {driver}] ignored");
        lock(&dbc.diag).push(Record::new("01S00", 335_971, ignored));
        with_info = SUCCESS_WITH_INFO;
    }
    if let Some(timeout) = options.connection_timeout {
        *lock(&dbc.connection_timeout) = Some(timeout);
    }
    *lock(&dbc.fault) = options.fault.take();
    if let Some(code) = dbc.told_to_return("SQLDriverConnect") {
        return code;
    }
    if dbc.breach() == Some(Breach::ConnectLength) {
        unsafe { ffi::put(out_length, i16::MAX) };
    }
    let login_timeout = *lock(&dbc.login_timeout);
    match Link::open(&options, login_timeout) {
        Ok(link) => {
            *lock(&dbc.peer) = Some(link.peer);
            *lock(&dbc.link) = Some(link);
            dbc.dead.store(false, SeqCst);
            with_info
        }
        Err(record) => fail_dbc(dbc, record),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "system" fn SQLDisconnect(handle: Handle) -> Return {
    let Some(dbc) = (unsafe { see::<Dbc>(handle) }) else { return INVALID_HANDLE };
    lock(&dbc.diag).clear();
    if let Some(code) = dbc.told_to_return("SQLDisconnect") {
        return code;
    }
    *lock(&dbc.link) = None;
    *lock(&dbc.peer) = None;
    SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "system" fn SQLEndTran(kind: i16, handle: Handle, completion: i16) -> Return {
    if kind != HANDLE_DBC {
        return SUCCESS;
    }
    let Some(dbc) = (unsafe { see::<Dbc>(handle) }) else { return INVALID_HANDLE };
    lock(&dbc.diag).clear();
    if !dbc.manual_commit.load(SeqCst) {
        return SUCCESS;
    }
    run_quietly(dbc, if completion == 0 { "COMMIT" } else { "ROLLBACK" }.to_owned())
}

#[unsafe(no_mangle)]
pub unsafe extern "system" fn SQLGetInfo(
    handle: Handle,
    info: u16,
    value: Handle,
    capacity: i16,
    length: *mut i16,
) -> Return {
    let Some(dbc) = (unsafe { see::<Dbc>(handle) }) else { return INVALID_HANDLE };
    lock(&dbc.diag).clear();
    let text = match info {
        INFO_DBMS_NAME => "Altibase",
        INFO_DRIVER_ODBC_VER => "03.80",
        // Numbers: cursors close at the end of a transaction, no limits are known.
        _ => {
            unsafe { ffi::put(value.cast::<u16>(), 0) };
            unsafe { ffi::put(length, 2) };
            return SUCCESS;
        }
    };
    unsafe { ffi::put(length, i16::try_from(text.len()).unwrap_or(i16::MAX)) };
    if unsafe { ffi::text_out(text.as_bytes(), value.cast(), capacity.into()) } { SUCCESS } else { SUCCESS_WITH_INFO }
}

/// Writes one record out.
unsafe fn put_record(
    record: &Record,
    state: *mut u8,
    native: *mut i32,
    message: *mut u8,
    capacity: i16,
    length: *mut i16,
) -> Return {
    unsafe {
        ffi::text_out(record.state.as_bytes(), state, 6);
        ffi::put(native, record.native);
        ffi::put(length, i16::try_from(record.message.len()).unwrap_or(i16::MAX));
        if ffi::text_out(record.message.as_bytes(), message, capacity.into()) { SUCCESS } else { SUCCESS_WITH_INFO }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "system" fn SQLGetDiagRec(
    kind: i16,
    handle: Handle,
    number: i16,
    state: *mut u8,
    native: *mut i32,
    message: *mut u8,
    capacity: i16,
    length: *mut i16,
) -> Return {
    let Some(list) = (unsafe { records(kind, handle) }) else { return INVALID_HANDLE };
    let dbc = unsafe { connection(kind, handle) };
    if let Some(code) = dbc.and_then(|dbc| dbc.told_to_return("SQLGetDiagRec")) {
        return code;
    }
    // The driver manager reads every record first, without end or limit of its own (`docs/odbc.md`): it is spared.
    let breach = dbc.and_then(Dbc::breach).filter(|_| capacity != MANAGERS_ROOM);
    let list = lock(list);
    let record = match breach {
        Some(Breach::DiagEndless | Breach::DiagDifferentEndless) => list.get(1).cloned(),
        _ => list.get(number).cloned(),
    };
    let Some(mut record) = record else { return NO_DATA };
    match breach {
        Some(Breach::DiagSilent) => return SUCCESS,
        Some(Breach::DiagDifferentEndless) => record.message.push_str(&format!(" (record {number})")),
        Some(Breach::DiagLong) => record.message = "long ".repeat(8000),
        _ => {}
    }
    let code = unsafe { put_record(&record, state, native, message, capacity, length) };
    unsafe { spoil_record(breach, state, message, capacity, length) };
    code
}

/// What a breach makes of a record that was written out.
unsafe fn spoil_record(breach: Option<Breach>, state: *mut u8, message: *mut u8, capacity: i16, length: *mut i16) {
    let fill = |buffer: *mut u8, bytes: &[u8], room: usize| {
        if !buffer.is_null() {
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), buffer, bytes.len().min(room)) };
        }
    };
    let room = usize::try_from(capacity).unwrap_or(0);
    match breach {
        Some(Breach::DiagState) => fill(state, b"\x01\xFF?\0\0\0", 6),
        Some(Breach::DiagStateUnterminated) => fill(state, b"HY000X", 6),
        Some(Breach::DiagLengthHuge) => unsafe { ffi::put(length, i16::MAX) },
        Some(Breach::DiagLengthNegative) => unsafe { ffi::put(length, -1) },
        Some(Breach::DiagNoUtf8) => fill(message, b"\xFF\xFEtable \xC3", room),
        _ => {}
    }
}

/// There so that the driver manager passes SQLGetDiagRec on, instead of giving the one record of SQLError.
#[unsafe(no_mangle)]
pub extern "system" fn SQLGetDiagField(
    _kind: i16,
    _handle: Handle,
    _number: i16,
    _field: i16,
    _value: Handle,
    _capacity: i16,
    _length: *mut i16,
) -> Return {
    NO_DATA
}

/// ODBC 2: the driver manager asks this one after a failed connect, and so loses every record but the first.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn SQLError(
    env: Handle,
    dbc: Handle,
    stmt: Handle,
    state: *mut u8,
    native: *mut i32,
    message: *mut u8,
    capacity: i16,
    length: *mut i16,
) -> Return {
    let list = if !stmt.is_null() {
        unsafe { records(HANDLE_STMT, stmt) }
    } else if !dbc.is_null() {
        unsafe { records(HANDLE_DBC, dbc) }
    } else {
        unsafe { records(HANDLE_ENV, env) }
    };
    let Some(list) = list else { return INVALID_HANDLE };
    match list.lock().unwrap_or_else(PoisonError::into_inner).only_first() {
        Some(record) => unsafe { put_record(record, state, native, message, capacity, length) },
        None => NO_DATA,
    }
}
