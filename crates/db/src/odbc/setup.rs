//! How unixODBC finds the driver: a private odbc.ini, because `Driver=` in the connection string hides the real
//! connect error and a bare `Server=` is refused (`odbc-client.md` 2.6). Sets process-wide environment variables,
//! so it must run before any thread exists, and never in commands that need no database.
#![allow(unsafe_code)] // std::env::set_var: unixODBC takes the place of odbc.ini from the environment only.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tempfile::TempDir;

use super::driver::{self, DriverError};

/// Section of the private odbc.ini.
const SECTION: &str = "aku";

/// The private odbcinst.ini. unixODBC reads `~/.odbcinst.ini` after it and skips the sections that it has already, so
/// this also keeps out what a user's file says.
const ODBCINST_INI: &str = "[ODBC]\nThreading=0\nTrace=No\n";

/// Why unixODBC could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// No usable driver.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The private odbc.ini could not be written.
    #[error("cannot write a private odbc.ini in {dir}: {why} (TMPDIR names the directory)")]
    Write {
        /// The directory for temporary files.
        dir: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// A data source of the user's without a file that defines it.
    #[error("the data source {0:?} needs ODBCINI to name the odbc.ini that defines it")]
    NoOdbcIni(String),
    /// A name that a connection string cannot hold.
    #[error("{0:?} is no name of a data source: use letters, digits, `_`, `-` and `.`, at most 32 of them")]
    BadName(String),
}

/// unixODBC knows where the driver is. The private directory lives as long as this value and its clones.
#[derive(Clone, Debug)]
pub struct OdbcSetup {
    dsn: String,
    _private: Option<Arc<TempDir>>,
}

impl OdbcSetup {
    /// The data source to name in connection strings.
    pub(super) fn dsn(&self) -> &str {
        &self.dsn
    }
}

/// Writes a private odbc.ini that names `driver` and points ODBCINI at it. ODBCSYSINI and ODBCINSTINI point at a
/// private odbcinst.ini: a machine's `[ODBC] Threading=3` would make every connect wait for the others and every
/// cancel wait for its statement, and its `Trace` would write statements to a file.
///
/// Call it first thing in `main`, before any thread exists: reading the environment elsewhere at the same time would
/// be a race. The variables stay set for the life of the process.
///
/// # Errors
/// The driver is missing or of no use, or the file cannot be written.
pub fn prepare(driver: &Path) -> Result<OdbcSetup, SetupError> {
    let driver = driver::check(driver)?;
    let private = tempfile::Builder::new().prefix("aku-odbc-").tempdir();
    let failed = |why| SetupError::Write { dir: std::env::temp_dir(), why };
    let private = private.map_err(failed)?;
    let ini = private.path().join("odbc.ini");
    std::fs::write(&ini, odbc_ini(&driver)).map_err(failed)?;
    std::fs::write(private.path().join("odbcinst.ini"), ODBCINST_INI).map_err(failed)?;
    // SAFETY: the contract above: no other thread exists yet that could read the environment.
    unsafe {
        std::env::set_var("ODBCINI", &ini);
        std::env::set_var("ODBCSYSINI", private.path());
        std::env::set_var("ODBCINSTINI", "odbcinst.ini");
    }
    Ok(OdbcSetup { dsn: SECTION.to_owned(), _private: Some(Arc::new(private)) })
}

/// Uses a data source that the user defined, and leaves the environment alone. The vendored unixODBC does not look
/// into the home directory, so ODBCINI must be set.
///
/// # Errors
/// A name that cannot stand in a connection string, or no ODBCINI.
pub fn keep_user_dsn(dsn: &str, odbcini: Option<&OsStr>) -> Result<OdbcSetup, SetupError> {
    const MAX: usize = 32; // SQL_MAX_DSN_LENGTH
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    if dsn.is_empty() || dsn.len() > MAX || !dsn.bytes().all(plain) {
        return Err(SetupError::BadName(dsn.to_owned()));
    }
    if odbcini.is_none_or(OsStr::is_empty) {
        return Err(SetupError::NoOdbcIni(dsn.to_owned()));
    }
    Ok(OdbcSetup { dsn: dsn.to_owned(), _private: None })
}

fn odbc_ini(driver: &Path) -> Vec<u8> {
    let mut text = format!("[{SECTION}]\nDriver=").into_bytes();
    text.extend_from_slice(driver.as_os_str().as_encoded_bytes());
    text.push(b'\n');
    text
}

/// A warning when an odbcinst.ini serialises everything (`[ODBC] Threading=3`). Only needed with a data source of the
/// user's: [`prepare`] keeps odbcinst.ini out.
#[must_use]
pub fn threading_warning(odbcinst_ini: &str) -> Option<&'static str> {
    let mut section = String::new();
    let mut level = None;
    for line in odbcinst_ini.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            section = name.trim().to_ascii_lowercase();
        } else if let Some((key, value)) = line.split_once('=').filter(|_| section == "odbc")
            && key.trim().eq_ignore_ascii_case("threading")
        {
            level = value.trim().parse::<i64>().ok();
        }
    }
    (level == Some(3)).then_some(
        "odbcinst.ini says [ODBC] Threading=3: one unreachable pod makes all others wait, and statements cannot be \
         cancelled; use 0, 1 or 2",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_private_file_names_the_driver_only() {
        let text = odbc_ini(Path::new("/opt/with space/x.so"));
        assert_eq!(String::from_utf8(text).unwrap(), "[aku]\nDriver=/opt/with space/x.so\n");
    }

    #[test]
    fn only_level_3_of_the_odbc_section_is_warned_about() {
        let table = [
            ("[ODBC]\nThreading=3\n", true),
            ("[odbc]\n threading = 3 \n[Other]\nThreading=0", true),
            ("[ODBC]\nThreading=2\n", false),
            ("[ODBC]\n;Threading=3\n", false),
            ("[Altibase]\nThreading=3\n", false),
            ("", false),
        ];
        for (text, warned) in table {
            assert_eq!(threading_warning(text).is_some(), warned, "{text}");
        }
    }

    #[test]
    fn a_user_data_source_needs_its_file_and_a_plain_name() {
        let ini = Some(OsStr::new("/etc/odbc.ini"));
        assert_eq!(keep_user_dsn("pods", ini).unwrap().dsn(), "pods");
        assert!(matches!(keep_user_dsn("pods", None), Err(SetupError::NoOdbcIni(_))));
        assert!(matches!(keep_user_dsn("a;b", ini), Err(SetupError::BadName(_))));
        assert!(matches!(keep_user_dsn("", ini), Err(SetupError::BadName(_))));
    }

    #[test]
    fn a_missing_driver_is_told_before_anything_is_written() {
        let before = std::env::var_os("ODBCINI");
        assert!(matches!(prepare(Path::new("/nonexistent/x.so")), Err(SetupError::Driver(_))));
        assert_eq!(std::env::var_os("ODBCINI"), before);
    }
}
