//! Which Altibase ODBC driver is loaded. Decides from what the user said; touches the disk in [`check`] only.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
};

/// Where the driver lies below `$ALTIBASE_HOME`. The ul32 twin has a 32-bit SQLLEN (`rust-feasibility.md` 2.6).
const BELOW_HOME: &str = "lib/libaltibase_odbc-64bit-ul64.so";

/// Why there is no driver to load.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DriverError {
    /// Nobody named one.
    #[error(
        "no ODBC driver is named: give --odbc-driver PATH, or set AKU_ODBC_DRIVER to the path of \
         libaltibase_odbc-64bit-ul64.so, or set ALTIBASE_HOME to the directory that Altibase is installed in"
    )]
    Unnamed,
    /// The file cannot be read.
    #[error(
        "the ODBC driver {path} cannot be read ({why}): install the Altibase client, or give the right path with \
         --odbc-driver, AKU_ODBC_DRIVER or ALTIBASE_HOME"
    )]
    Unreadable {
        /// As looked for.
        path: String,
        /// What the system said.
        why: String,
    },
    /// The twin with the 32-bit SQLLEN, which would corrupt lengths and NULLs.
    #[error("the ODBC driver {0} has 32-bit lengths and cannot be used: name the one that ends in ul64.so instead")]
    Ul32(String),
    /// A path that odbc.ini cannot hold.
    #[error("the path of the ODBC driver {0:?} cannot be written to odbc.ini: use one without control characters")]
    Unwritable(String),
}

/// The driver's path: the flag `--odbc-driver`, else AKU_ODBC_DRIVER, else below ALTIBASE_HOME. Empty values count as
/// not given.
///
/// # Errors
/// [`DriverError::Unnamed`].
pub fn choose(
    flag: Option<&Path>,
    env_driver: Option<&OsStr>,
    altibase_home: Option<&OsStr>,
) -> Result<PathBuf, DriverError> {
    let given = |text: &&OsStr| !text.is_empty();
    flag.map(Path::as_os_str)
        .filter(given)
        .or(env_driver.filter(given))
        .map(PathBuf::from)
        .or_else(|| altibase_home.filter(given).map(|home| Path::new(home).join(BELOW_HOME)))
        .ok_or(DriverError::Unnamed)
}

/// Makes the path absolute and makes sure that a usable file is there, so that nobody waits for a connect to learn it.
///
/// # Errors
/// What is wrong with the path or the file.
pub fn check(driver: &Path) -> Result<PathBuf, DriverError> {
    let shown = driver.display().to_string();
    let unreadable = |e: io::Error| DriverError::Unreadable { path: shown.clone(), why: e.to_string() };
    let name = driver.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if name.contains("ul32") {
        return Err(DriverError::Ul32(shown));
    }
    let path = std::path::absolute(driver).map_err(unreadable)?;
    if path.as_os_str().as_encoded_bytes().iter().any(u8::is_ascii_control) {
        return Err(DriverError::Unwritable(shown));
    }
    let file = std::fs::File::open(&path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_file() {
        Ok(path)
    } else {
        Err(unreadable(io::Error::other("not a file")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_wins_over_the_environment_and_that_over_the_home() {
        let lib = "/opt/altibase/lib/libaltibase_odbc-64bit-ul64.so";
        let table = [
            (Some("/f.so"), Some("/e.so"), Some("/opt/altibase"), Ok("/f.so")),
            (None, Some("/e.so"), Some("/opt/altibase"), Ok("/e.so")),
            (None, None, Some("/opt/altibase"), Ok(lib)),
            (Some(""), Some(""), Some("/opt/altibase"), Ok(lib)),
            (None, Some(""), Some(""), Err(DriverError::Unnamed)),
            (None, None, None, Err(DriverError::Unnamed)),
        ];
        for (flag, env, home, expected) in table {
            let chosen = choose(flag.map(Path::new), env.map(OsStr::new), home.map(OsStr::new));
            assert_eq!(chosen, expected.map(PathBuf::from), "{flag:?} {env:?} {home:?}");
        }
    }

    #[test]
    fn the_message_says_what_to_do() {
        let message = DriverError::Unnamed.to_string();
        for word in ["--odbc-driver", "AKU_ODBC_DRIVER", "ALTIBASE_HOME", "ul64.so"] {
            assert!(message.contains(word), "{message}");
        }
    }

    #[test]
    fn the_32_bit_twin_is_refused_by_name_even_when_it_exists() {
        let dir = tempfile::tempdir().unwrap();
        let twin = dir.path().join("libaltibase_odbc-64bit-ul32.so");
        std::fs::write(&twin, "").unwrap();
        assert!(matches!(check(&twin), Err(DriverError::Ul32(_))));
    }

    #[test]
    fn a_missing_file_and_a_directory_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let missing = check(&dir.path().join("no.so")).unwrap_err().to_string();
        assert!(missing.contains("no.so") && missing.contains("--odbc-driver"), "{missing}");
        assert!(matches!(check(dir.path()), Err(DriverError::Unreadable { .. })));
    }

    #[test]
    fn an_existing_file_becomes_absolute() {
        assert!(check(Path::new("Cargo.toml")).unwrap().is_absolute());
        assert!(matches!(check(Path::new("a\nb.so")), Err(DriverError::Unwritable(_))));
    }
}
