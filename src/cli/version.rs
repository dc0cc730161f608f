//! `aku --version --verbose`: what a program was built from, for a report of a fault.

use std::ffi::OsString;

use crate::{document::Document as _, observe::Capture, plan::saved};

/// The servers that this program knows, and where that comes from.
const SERVERS: &str = "Altibase 7.1 to 7.3, by their manuals; measured on 7.2 of 2021 and a build of 2018";

/// The commit, where whoever built the program told it; `.ci/release` does.
const COMMIT: Option<&str> = option_env!("AKU_COMMIT");

/// Whether the command line asks for nothing but the version, with everything.
pub(super) fn is_asked(args: &[OsString]) -> bool {
    let args = || args.iter().skip(1);
    let verbose = |a: &OsString| a == "--verbose";
    let version = |a: &OsString| a == "-v" || a == "-V" || a == "--version";
    args().any(verbose) && args().any(version) && args().all(|a| verbose(a) || version(a))
}

/// What stands behind the name of the program.
pub(super) fn long() -> String {
    let features: Vec<&str> = [
        ("lab", cfg!(feature = "lab")),
        ("odbc-vendored", cfg!(feature = "odbc-vendored")),
        ("odbc-system", cfg!(feature = "odbc-system")),
    ]
    .into_iter()
    .filter_map(|(name, there)| there.then_some(name))
    .collect();
    let odbc =
        if cfg!(feature = "odbc-vendored") { "unixODBC, compiled in" } else { "libodbc of this machine, linked" };
    format!(
        "{}\ncommit:    {}\nfeatures:  {}\nmanager:   {odbc}\nservers:   {SERVERS}\ndocuments: plan {}, capture {}",
        env!("CARGO_PKG_VERSION"),
        COMMIT.unwrap_or("not recorded"),
        features.join(", "),
        saved::FORMAT_VERSION,
        Capture::KIND.version,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_command_line_of_nothing_else_asks_for_everything() {
        let asked = |line: &str| is_asked(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        for line in ["aku -v --verbose", "aku --verbose -V", "aku --version --verbose"] {
            assert!(asked(line), "{line}");
        }
        for line in ["aku -v", "aku --verbose", "aku status --verbose -v", "aku -v --verbose status"] {
            assert!(!asked(line), "{line}");
        }
        let text = long();
        assert!(text.contains("servers:   Altibase") && text.contains("documents: plan 1."), "{text}");
    }
}
