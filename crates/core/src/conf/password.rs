//! Which password of SYS counts: a file named by the environment, the environment, `aku.conf`, in this order.
//!
//! The environment and the disk arrive as arguments. No error holds a secret.

use std::{
    ffi::OsString,
    fmt, io,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::{Config, problem, property::Property};

/// Variable with the path of a file that holds the password, such as a mounted Secret.
pub const FILE_VARIABLE: &str = "AKU_SYS_PASSWORD_FILE";
/// Variable with the password.
pub const VARIABLE: &str = "AKU_SYS_PASSWORD";

/// Where the password was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordOrigin {
    /// The file that [`FILE_VARIABLE`] names.
    File(PathBuf),
    /// A descriptor that was named on the command line.
    Descriptor(u32),
    /// [`VARIABLE`].
    Environment,
    /// AKU_SYS_PASSWORD of `aku.conf`.
    Conf,
}

impl fmt::Display for PasswordOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file {} ({FILE_VARIABLE})", path.display()),
            Self::Descriptor(n) => write!(f, "descriptor {n} (--password-fd)"),
            Self::Environment => write!(f, "environment {VARIABLE}"),
            Self::Conf => f.write_str("aku.conf"),
        }
    }
}

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The file cannot be read. A weaker source is not tried: the person named this one.
    #[error("cannot read {}, which {FILE_VARIABLE} names: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The descriptor cannot be read.
    #[error("cannot read descriptor {number}, which --password-fd names: {error}")]
    NoDescriptor {
        /// Its number.
        number: u32,
        /// What the system said.
        error: io::Error,
    },
    /// The descriptor has nothing in it.
    #[error("descriptor {number}, which --password-fd names, is empty")]
    EmptyDescriptor {
        /// Its number.
        number: u32,
    },
    /// The file has nothing in it.
    #[error("{}, which {FILE_VARIABLE} names, is empty", path.display())]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },
    /// Not a password: not UTF-8, more than one line, or control characters.
    #[error("the password in {origin} {what}")]
    Unusable {
        /// Where.
        origin: PasswordOrigin,
        /// What is wrong, in words, without the password.
        what: &'static str,
    },
    /// Nobody gives one. The message is the documented one.
    #[error("{}", problem::missing(Property::SysPassword.name()).message)]
    Missing,
}

/// Finds the password. An empty variable counts as not set; one line end after the file's text is dropped.
///
/// # Errors
/// See [`PasswordError`].
pub fn resolve(
    var: impl Fn(&str) -> Option<OsString>,
    read: impl Fn(&Path) -> io::Result<Vec<u8>>,
    config: &Config,
) -> Result<(SecretString, PasswordOrigin), PasswordError> {
    let set = |name: &str| var(name).filter(|v| !v.is_empty());
    if let Some(path) = set(FILE_VARIABLE).map(PathBuf::from) {
        return given(read(&path), PasswordOrigin::File(path));
    }
    if let Some(value) = set(VARIABLE) {
        return usable(value.into_string().ok(), PasswordOrigin::Environment);
    }
    match &config.sys_password {
        Some(password) => usable(Some(password.expose_secret().to_owned()), PasswordOrigin::Conf),
        None => Err(PasswordError::Missing),
    }
}

/// A password from the bytes of a file or descriptor; one line end behind it is dropped. The bytes are overwritten.
///
/// # Errors
/// See [`PasswordError`].
pub fn given(
    read: io::Result<Vec<u8>>,
    origin: PasswordOrigin,
) -> Result<(SecretString, PasswordOrigin), PasswordError> {
    let bytes = match (read.map(Zeroizing::new), &origin) {
        (Ok(bytes), _) => bytes,
        (Err(error), PasswordOrigin::File(path)) => {
            return Err(PasswordError::Unreadable { path: path.clone(), error });
        }
        (Err(error), PasswordOrigin::Descriptor(number)) => {
            return Err(PasswordError::NoDescriptor { number: *number, error });
        }
        (Err(_), PasswordOrigin::Environment | PasswordOrigin::Conf) => return Err(PasswordError::Missing),
    };
    let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    match (text.is_empty(), &origin) {
        (false, _) => usable(std::str::from_utf8(text).ok().map(str::to_owned), origin),
        (true, PasswordOrigin::File(path)) => Err(PasswordError::EmptyFile { path: path.clone() }),
        (true, PasswordOrigin::Descriptor(number)) => Err(PasswordError::EmptyDescriptor { number: *number }),
        (true, PasswordOrigin::Environment | PasswordOrigin::Conf) => Err(PasswordError::Missing),
    }
}

fn usable(text: Option<String>, origin: PasswordOrigin) -> Result<(SecretString, PasswordOrigin), PasswordError> {
    let text = match text {
        Some(text) => SecretString::from(text),
        None => return Err(PasswordError::Unusable { origin, what: "is not UTF-8" }),
    };
    let what = if text.expose_secret().contains(['\n', '\r']) {
        "has more than one line"
    } else if text.expose_secret().chars().any(char::is_control) {
        "holds a control character"
    } else {
        return Ok((text, origin));
    };
    Err(PasswordError::Unusable { origin, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONF: &[u8] = b"AKU_STS_NAME=a AKU_SVC_NAME=b REPLICATIONS=(REPLICATION_NAME_PREFIX=R(SYS.T1))\n";

    fn config(password: &str) -> Config {
        let text = [CONF, format!("AKU_SYS_PASSWORD = {password}").as_bytes()].concat();
        super::super::parse("f", &text).config.expect("a valid configuration")
    }

    fn found(vars: &[(&str, &str)], file: io::Result<&[u8]>, conf: &str) -> Result<(String, PasswordOrigin), String> {
        let var = |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v));
        let file = file.map(<[u8]>::to_vec);
        let read = |_: &Path| file.as_ref().cloned().map_err(|e| io::Error::from(e.kind()));
        resolve(var, read, &config(conf)).map(|(p, o)| (p.expose_secret().to_owned(), o)).map_err(|e| e.to_string())
    }

    #[test]
    fn the_file_comes_before_the_variable_before_the_conf() {
        let both = [(FILE_VARIABLE, "/s"), (VARIABLE, "from-env")];
        let file = PasswordOrigin::File("/s".into());
        assert_eq!(found(&both, Ok(b"from file\n"), "c"), Ok(("from file".into(), file.clone())));
        assert_eq!(found(&both, Ok(b" x\r\n"), "c"), Ok((" x".into(), file)));
        assert_eq!(found(&both[1..], Ok(b""), "c"), Ok(("from-env".into(), PasswordOrigin::Environment)));
        let empty = [(FILE_VARIABLE, ""), (VARIABLE, "")];
        assert_eq!(found(&empty, Ok(b"x"), "c"), Ok(("c".into(), PasswordOrigin::Conf)));
    }

    #[test]
    fn a_named_file_that_fails_is_an_error_with_its_path() {
        let vars = [(FILE_VARIABLE, "/s"), (VARIABLE, "from-env")];
        let cases: [(io::Result<&[u8]>, &str); 5] = [
            (Err(io::ErrorKind::NotFound.into()), "cannot read /s,"),
            (Ok(b"\n"), "is empty"),
            (Ok(b"one\ntwo\n"), "more than one line"),
            (Ok(b"\xFF"), "not UTF-8"),
            (Ok(b"a\0b"), "control character"),
        ];
        for (file, words) in cases {
            let error = found(&vars, file, "c").unwrap_err();
            assert!(error.contains("/s") && error.contains(words), "{error}");
            assert!(!error.contains("two"), "{error}");
        }
    }

    #[test]
    fn nobody_gives_one() {
        let want = "Property [AKU_SYS_PASSWORD] should be specified by configuration.";
        assert_eq!(found(&[], Ok(b""), "\"\""), Err(want.to_owned()));
    }
}
