//! Diagnostic records into a [`DbError`]. Decides which record names the cause; must never let the password through.

#![allow(unsafe_code)] // odbc-api panics on what drivers write here (`docs/odbc.md`), so the call is made by hand.

use std::fmt;

use aku_core::sql::DbError;
use odbc_api::{
    handles::AnyHandle,
    sys::{SQLGetDiagRec, SqlReturn},
};
use secrecy::{ExposeSecret, SecretString};

use super::{call::Text, own_error};

/// "Connection string pair ... ignored": never the cause of anything (`odbc-client.md` 2.6).
const IGNORED_KEYWORD: &str = "01S00";

/// What stands in place of the password.
const MASK: &str = "***";

/// Takes the password out of texts.
pub struct Scrub(SecretString);

impl Scrub {
    pub fn new(password: SecretString) -> Self {
        Self(password)
    }

    pub fn clean(&self, text: &str) -> String {
        match self.0.expose_secret() {
            "" => text.to_owned(),
            password => text.replace(password, MASK),
        }
    }
}

impl fmt::Debug for Scrub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrub")
    }
}

/// One diagnostic record, scrubbed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub sqlstate: String,
    pub native: i32,
    pub message: String,
}

/// The most records that are read; a driver may have no end of them.
const MOST_RECORDS: i16 = 16;
/// Room for a message, bytes; a longer one is asked for again with the most that ODBC can say.
const MESSAGE: i16 = 1024;
/// Room for an SQLSTATE with its NUL.
const STATE: i16 = 6;

/// The records of a handle, at most [`MOST_RECORDS`] and none twice in a row.
pub fn records(handle: &impl AnyHandle, scrub: &Scrub) -> Vec<Record> {
    let mut found = Vec::new();
    for number in 1..=MOST_RECORDS {
        match record(handle, number, scrub) {
            Some(record) if found.last() != Some(&record) => found.push(record),
            _ => break,
        }
    }
    found
}

fn record(handle: &impl AnyHandle, number: i16, scrub: &Scrub) -> Option<Record> {
    let (mut state, mut message) = (Text::new(STATE), Text::new(MESSAGE));
    let mut native = ask(handle, number, &mut state, &mut message)?;
    if message.is_full() {
        message = Text::new(i16::MAX);
        native = ask(handle, number, &mut state, &mut message)?;
    }
    let words = String::from_utf8_lossy(message.bytes());
    let mut message = scrub.clean(without_prefix(&words).trim_end());
    let sqlstate = match std::str::from_utf8(state.bytes()) {
        // Class 00 is success; unixODBC puts it there before it asks the driver.
        Ok(state)
            if state.len() == 5 && !state.starts_with("00") && state.bytes().all(|b| b.is_ascii_alphanumeric()) =>
        {
            state.to_owned()
        }
        _ => {
            message.push_str(" (the ODBC driver broke its contract: SQLGetDiagRec gave no SQLSTATE)");
            "HY000".to_owned()
        }
    };
    Some(Record { sqlstate, native, message })
}

/// One call; `None` when there is no such record, or when the driver fails to say what failed.
fn ask(handle: &impl AnyHandle, number: i16, state: &mut Text, message: &mut Text) -> Option<i32> {
    let room = message.room();
    // The length is not looked at: drivers count characters, or padding, or what there would be.
    let (mut native, mut length) = (0, 0);
    // SAFETY: the handle is alive, each pointer is valid for the call, and the buffers have the room that is told.
    let code = unsafe {
        SQLGetDiagRec(
            handle.handle_type(),
            handle.as_handle(),
            number,
            state.start(),
            &raw mut native,
            message.start(),
            room,
            &raw mut length,
        )
    };
    matches!(code, SqlReturn::SUCCESS | SqlReturn::SUCCESS_WITH_INFO).then_some(native)
}

/// The driver's own words: unixODBC puts its name before some of them. Before its own words the name stays.
fn without_prefix(message: &str) -> &str {
    match message.strip_prefix("[unixODBC]") {
        Some(words) if !words.starts_with("[Driver Manager]") => words,
        _ => message,
    }
}

/// The error that the records tell: the first that is not 01S00 gives state and code, the others follow on lines of
/// their own. `function` names what failed when the driver says nothing.
pub fn decide(function: &str, mut records: Vec<Record>) -> DbError {
    let cause = records.iter().position(|r| r.sqlstate != IGNORED_KEYWORD).unwrap_or(0);
    if records.is_empty() {
        return own_error("HY000", format!("{function} failed and the driver gave no reason"));
    }
    let Record { sqlstate, native, mut message } = records.remove(cause);
    for other in records {
        message.push('\n');
        message.push_str(&other.message);
    }
    DbError { sqlstate, native, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(sqlstate: &str, native: i32, message: &str) -> Record {
        Record { sqlstate: sqlstate.to_owned(), native, message: message.to_owned() }
    }

    #[test]
    fn an_ignored_keyword_does_not_hide_the_cause() {
        let ignored = record("01S00", 335_971, "ignored");
        let cause = record("28000", 266_286, "Invalid password");
        let error = decide("SQLDriverConnect", vec![ignored.clone(), cause.clone()]);
        assert_eq!((error.native, error.message.as_str()), (266_286, "Invalid password\nignored"));
        assert_eq!(decide("SQLDriverConnect", vec![cause, ignored.clone()]).native, 266_286);
        assert_eq!(decide("SQLDriverConnect", vec![ignored]).native, 335_971);
    }

    #[test]
    fn the_first_record_decides_and_all_are_kept() {
        let error = decide("SQLExecDirect", vec![record("HY000", 1, "first\n  ^"), record("HY000", 2, "second")]);
        assert_eq!((error.native, error.message.as_str()), (1, "first\n  ^\nsecond"));
    }

    #[test]
    fn only_the_driver_managers_own_words_keep_its_name() {
        assert_eq!(without_prefix("[unixODBC]Table not found"), "Table not found");
        assert_eq!(without_prefix("[unixODBC][Driver Manager]No DSN"), "[unixODBC][Driver Manager]No DSN");
        assert_eq!(without_prefix("[Sender] failed"), "[Sender] failed");
    }

    #[test]
    fn a_silent_driver_is_an_error_all_the_same() {
        assert!(decide("SQLFetch", vec![]).message.contains("SQLFetch"));
    }

    #[test]
    fn the_password_is_masked_everywhere() {
        let scrub = Scrub::new(SecretString::from("s3cret"));
        assert_eq!(scrub.clean("PWD = s3cret, s3cret"), "PWD = ***, ***");
        assert_eq!(format!("{scrub:?}"), "Scrub");
        assert_eq!(Scrub::new(SecretString::from("")).clean("as it is"), "as it is");
    }
}
