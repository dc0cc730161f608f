//! What tests of sessions need.

use std::path::PathBuf;

/// The ODBC driver of the lab: a dev-dependency, so cargo puts its library beside the test programs.
///
/// # Panics
/// It is not there: the package of the test lacks the dev-dependency `aku-lab-odbc-driver`.
#[must_use]
pub fn lab_driver() -> PathBuf {
    let name = format!("{}aku_lab_odbc_driver{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let program = std::env::current_exe().expect("a test knows its program");
    let beside = program.parent().expect("a program lies in a folder").join(name);
    assert!(beside.exists(), "no ODBC driver of the lab at {}", beside.display());
    beside
}
