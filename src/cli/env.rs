//! The environment as a value, so that commands can be tested without changing that of the process.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io,
    path::Path,
};

use crate::{
    bounded,
    conf::{self, Colour, Problem, Severity},
};

/// What a command may know of its surroundings.
#[derive(Clone)]
pub struct Env {
    vars: BTreeMap<OsString, OsString>,
    /// Whether what goes to standard error is coloured.
    pub err_colour: Colour,
    /// Whether more than errors goes there.
    pub err_talk: Talk,
}

impl Env {
    /// The process's variables. Colour follows the terminal, `NO_COLOR` and `CLICOLOR_FORCE`.
    #[must_use]
    pub fn of_process() -> Self {
        let err_colour = match anstream::AutoStream::choice(&io::stderr()) {
            anstream::ColorChoice::Never => Colour::Never,
            anstream::ColorChoice::Auto | anstream::ColorChoice::Always | anstream::ColorChoice::AlwaysAnsi => {
                Colour::Always
            }
        };
        Self { vars: std::env::vars_os().collect(), err_colour, err_talk: Talk::Full }
    }

    /// Only these variables, no colour.
    #[must_use]
    pub fn fixed<K: Into<OsString>, V: Into<OsString>>(vars: impl IntoIterator<Item = (K, V)>) -> Self {
        let vars = vars.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
        Self { vars, err_colour: Colour::Never, err_talk: Talk::Full }
    }

    /// Those problems of a file that are told.
    #[must_use]
    pub fn told(&self, problems: &[Problem]) -> Vec<Problem> {
        let is_told = |p: &&Problem| match self.err_talk {
            Talk::Full => true,
            Talk::Quiet => p.severity() == Severity::Error,
        };
        problems.iter().filter(is_told).cloned().collect()
    }

    /// A variable; an empty one counts as not set.
    #[must_use]
    pub fn var(&self, name: &str) -> Option<&OsStr> {
        self.vars.get(OsStr::new(name)).map(OsString::as_os_str).filter(|v| !v.is_empty())
    }
}

/// Reads a file of the size that a configuration or a password may have; the rest of a larger one is left unread.
///
/// # Errors
/// What the system says.
pub fn read_small(path: &Path) -> io::Result<Vec<u8>> {
    bounded::head(path, conf::MAX_BYTES as u64 + 1)
}

/// Whether progress and warnings are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Talk {
    /// Yes.
    Full,
    /// Only errors and questions.
    Quiet,
}
