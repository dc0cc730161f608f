//! The few ODBC types and constants that a driver needs, and writing text into a caller's buffer.
//! (`odbc-sys` cannot be used: its extern block would link the driver manager into the driver.)

use std::ffi::c_void;

pub type Handle = *mut c_void;
pub type Return = i16;

pub const SUCCESS: Return = 0;
pub const SUCCESS_WITH_INFO: Return = 1;
pub const NO_DATA: Return = 100;
pub const ERROR: Return = -1;
pub const INVALID_HANDLE: Return = -2;

pub const HANDLE_ENV: i16 = 1;
pub const HANDLE_DBC: i16 = 2;
pub const HANDLE_STMT: i16 = 3;

pub const NULL_DATA: isize = -1;

pub const C_CHAR: i16 = 1;
pub const C_LONG: i16 = 4;
pub const C_SLONG: i16 = -16;
pub const C_SBIGINT: i16 = -25;
pub const C_DEFAULT: i16 = 99;

pub const SQL_VARCHAR: i16 = 12;
pub const SQL_BIGINT: i16 = -5;

/// Reads a text argument; a negative length means that it ends at the first NUL.
///
/// # Safety
/// `text` is null or points to `len` bytes, or to a NUL-terminated text when `len` is negative.
pub unsafe fn text_in(text: *const u8, len: isize) -> String {
    if text.is_null() {
        return String::new();
    }
    let bytes = match usize::try_from(len) {
        Ok(len) => unsafe { std::slice::from_raw_parts(text, len) },
        Err(_) => unsafe { std::ffi::CStr::from_ptr(text.cast()) }.to_bytes(),
    };
    String::from_utf8_lossy(bytes).into_owned()
}

/// Copies as much of `text` as fits, always NUL-terminated, and returns whether all of it fitted.
///
/// # Safety
/// `buffer` is null or has `capacity` bytes.
pub unsafe fn text_out(text: &[u8], buffer: *mut u8, capacity: isize) -> bool {
    let Some(room) = usize::try_from(capacity).ok().and_then(|c| c.checked_sub(1)).filter(|_| !buffer.is_null()) else {
        return false;
    };
    let n = text.len().min(room);
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr(), buffer, n);
        buffer.add(n).write(0);
    }
    n == text.len()
}

/// Writes through a pointer that may be null and may be unaligned.
///
/// # Safety
/// `target` is null or may be written.
pub unsafe fn put<T>(target: *mut T, value: T) {
    if !target.is_null() {
        unsafe { target.write_unaligned(value) };
    }
}
