//! Which `aku.conf` is meant: the flag, `AKU_CONF`, or `$ALTIBASE_HOME/conf/aku.conf`. Reads it, judges nothing.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::env::{Env, read_small};
use crate::{exit::Exit, journal};

/// Variable with the path of the configuration.
pub const CONF_VARIABLE: &str = "AKU_CONF";
/// Variable with Altibase's home; its `conf/aku.conf` is the documented place.
pub const HOME_VARIABLE: &str = "ALTIBASE_HOME";

/// Why there is no configuration to read.
#[derive(Debug, thiserror::Error)]
pub enum ConfPathError {
    /// Nobody said where it is.
    #[error(
        "which aku.conf? Give --conf FILE, or set {CONF_VARIABLE}, or set {HOME_VARIABLE} \
         (then $ALTIBASE_HOME/conf/aku.conf is read)"
    )]
    NotSaid,
    /// It cannot be read.
    #[error("cannot read {}: {error}\n  (the path comes from {origin})", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Where the path comes from, in words.
        origin: &'static str,
        /// What the system says.
        error: io::Error,
    },
}

impl From<&ConfPathError> for Exit {
    fn from(e: &ConfPathError) -> Self {
        match e {
            ConfPathError::NotSaid | ConfPathError::Unreadable { .. } => Self::NoInput,
        }
    }
}

/// The path, and in words where it comes from.
///
/// # Errors
/// [`ConfPathError::NotSaid`].
pub fn locate(flag: Option<&Path>, env: &Env) -> Result<(PathBuf, &'static str), ConfPathError> {
    if let Some(path) = flag {
        return Ok((path.to_owned(), "the command line"));
    }
    if let Some(path) = env.var(CONF_VARIABLE) {
        return Ok((path.into(), CONF_VARIABLE));
    }
    let home = env.var(HOME_VARIABLE).ok_or(ConfPathError::NotSaid)?;
    Ok((Path::new(home).join("conf/aku.conf"), HOME_VARIABLE))
}

/// The path as messages show it, and the file's bytes.
///
/// # Errors
/// See [`ConfPathError`].
pub fn read(flag: Option<&Path>, env: &Env) -> Result<(String, Vec<u8>), ConfPathError> {
    let (path, origin) = locate(flag, env)?;
    match read_small(&path) {
        Ok(bytes) => Ok((path.display().to_string(), bytes)),
        Err(error) => Err(ConfPathError::Unreadable { path, origin, error }),
    }
}

/// The directory of state, where there is one.
#[must_use]
pub fn state(env: &Env) -> Option<PathBuf> {
    let path = |name| env.var(name).map(Path::new);
    journal::dir(path(journal::DIR_VARIABLE), path(HOME_VARIABLE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flag_before_variable_before_home() {
        let env = Env::fixed([(CONF_VARIABLE, "/b"), (HOME_VARIABLE, "/c")]);
        let found = |flag: Option<&str>, env: &Env| locate(flag.map(Path::new), env).map(|(p, _)| p).ok();
        assert_eq!(found(Some("/a"), &env), Some("/a".into()));
        assert_eq!(found(None, &env), Some("/b".into()));
        assert_eq!(found(None, &Env::fixed([(HOME_VARIABLE, "/c")])), Some("/c/conf/aku.conf".into()));
        let nothing = locate(None, &Env::fixed([(HOME_VARIABLE, "")])).unwrap_err().to_string();
        for word in ["--conf", CONF_VARIABLE, "$ALTIBASE_HOME/conf/aku.conf"] {
            assert!(nothing.contains(word), "{nothing}");
        }
    }
}
