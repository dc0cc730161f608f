//! The password of SYS around a command: where it comes from, files that others can read or write, and a process that nobody
//! looks into. Never prints it.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::OnceLock,
    time::Duration,
};

use aku_core::stable_codes;
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use secrecy::SecretString;

use super::{
    common::Common,
    confpath,
    env::{Env, read_small},
};
use crate::{
    bounded,
    conf::{
        Config,
        password::{self, PasswordError, PasswordOrigin},
    },
};

stable_codes! {
    /// Files that others could read or change.
    pub enum Exposure;
    /// Other users of the machine can read a file that holds the password of SYS. Take the right away: `chmod o-r FILE`; in
    /// Kubernetes `defaultMode: 0400` of the volume, or `0440` with an `fsGroup`.
    Readable = "S101-readable-by-others";
    /// Others than the owner can write a file that says where the password goes, or what it is. Whoever writes aku.conf sends
    /// the password of SYS to a server of his own: `chmod go-w FILE`.
    Writable = "S102-writable-by-others";
}

/// Longest password that is read from a descriptor, bytes.
const LONGEST: u64 = 4096;
/// How long whoever writes to the descriptor may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Finds the password: the descriptor of `--password-fd`, else as [`password::resolve`] says.
///
/// # Errors
/// See [`PasswordError`].
pub(super) fn find(common: &Common, env: &Env, conf: &Config) -> Result<(SecretString, PasswordOrigin), PasswordError> {
    match common.password_fd {
        Some(n) => password::given(descriptor(n), PasswordOrigin::Descriptor(n)),
        None => password::resolve(|name| env.var(name).map(Into::into), read_small, conf),
    }
}

/// What is in a descriptor. It is read once: a pipe is empty afterwards, and a command may ask again.
fn descriptor(n: u32) -> io::Result<Vec<u8>> {
    static READ: OnceLock<Result<Vec<u8>, String>> = OnceLock::new();
    let read = move || {
        let mut bytes = Vec::with_capacity(usize::try_from(LONGEST).unwrap_or_default() + 1);
        File::open(format!("/dev/fd/{n}"))?.take(LONGEST + 1).read_to_end(&mut bytes)?;
        Ok::<_, io::Error>(bytes)
    };
    let bounded = || bounded::within(PATIENCE, read).and_then(|read| read).map_err(|e| e.to_string());
    match READ.get_or_init(bounded) {
        Ok(bytes) if bytes.len() as u64 > LONGEST => Err(io::ErrorKind::FileTooLarge.into()),
        Ok(bytes) => Ok(bytes.clone()),
        Err(said) => Err(io::Error::other(said.clone())),
    }
}

/// Warnings about the files that the password depends on, a line each.
pub(super) fn exposed(common: &Common, env: &Env, conf: &Config) -> String {
    let mut all = Vec::new();
    let file = env.var(password::FILE_VARIABLE).map(Path::new).filter(|_| common.password_fd.is_none());
    if let Ok((path, _)) = confpath::locate(common.conf.as_deref(), env) {
        let holds = if conf.sys_password.is_some() { Holds::Password } else { Holds::Names };
        all.extend(of_file(&path, holds));
    }
    if let Some(path) = file {
        all.extend(of_file(path, Holds::Password));
    }
    if let Some(path) = &common.endpoints {
        all.extend(of_file(path, Holds::Names));
    }
    all.concat()
}

/// What is in a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// The password.
    Password,
    /// Where it is sent.
    Names,
}

fn of_file(path: &Path, holds: Holds) -> Option<String> {
    // What cannot be looked at is told by whoever reads it.
    let there = fs::metadata(path).ok()?;
    let exposure = match there.mode() {
        mode if mode & 0o022 != 0 => Exposure::Writable,
        mode if mode & 0o004 != 0 && holds == Holds::Password => Exposure::Readable,
        _ => return None,
    };
    let what = match exposure {
        Exposure::Writable => "others than its owner can write it",
        Exposure::Readable => "other users can read the password in it",
    };
    let (word, mode) = (exposure.as_str(), there.mode() & 0o777);
    Some(format!("warning[{word}] {}: {what} (mode {mode:04o})\n", path.display()))
}

/// Keeps others out of this process: no core file, no look into its memory and environment by processes of the same user.
pub(super) fn keep_others_out(args: impl Iterator<Item = std::ffi::OsString>) {
    // Where the system has no such thing, what it has holds.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    // A limit is inherited, and a server that is started may want its core files.
    let starts_servers = |arg: std::ffi::OsString| ["run", "lab", "demo"].iter().any(|word| arg == *word);
    if !args.into_iter().any(starts_servers) {
        let limit = getrlimit(Resource::Core);
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), ..limit });
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn files_that_others_can_read_or_write_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("aku.conf");
        fs::write(&path, "x").unwrap();
        let table = [
            (0o600, Holds::Password, None),
            (0o640, Holds::Password, None),
            (0o644, Holds::Password, Some("S101")),
            (0o644, Holds::Names, None),
            (0o660, Holds::Names, Some("S102")),
            (0o666, Holds::Password, Some("S102")),
        ];
        for (mode, holds, code) in table {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let said = of_file(&path, holds);
            assert_eq!(said.as_deref().and_then(|s| s.get(8..12)), code, "{mode:o}");
        }
        assert_eq!(of_file(&dir.path().join("none"), Holds::Password), None);
    }
}
