//! Documents on disk: read whole or not at all, written with mode 0600, whole or not at all, and never through a symbolic
//! link.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use crate::{
    bounded,
    document::{Document, Fault, Kind},
    plan::saved::{DOCUMENT, ReadError, Saved},
};

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 64 << 20;

/// A document from a file.
///
/// # Errors
/// See [`Fault`].
pub fn load<D: Document>(path: &Path) -> Result<D, Fault> {
    D::parse(&read(path, D::KIND)?)
}

/// A saved plan from a file.
///
/// # Errors
/// See [`ReadError`].
pub fn saved(path: &Path) -> Result<Saved, ReadError> {
    Saved::parse(&read(path, DOCUMENT)?)
}

/// Text of a file.
///
/// # Errors
/// It cannot be read, or is no text.
pub fn read(path: &Path, kind: Kind) -> Result<String, Fault> {
    let unreadable = |error| Fault::Unreadable { path: path.display().to_string(), error };
    bounded::text(path, MAX_BYTES).map_err(|e| match e.kind() {
        io::ErrorKind::InvalidData => Fault::Malformed { noun: kind.noun, said: "it is not text".to_owned() },
        _ => unreadable(e),
    })
}

/// Writes a file: mode 0600, whole or not at all, never through a symbolic link.
///
/// # Errors
/// What the system says; a path that is a symbolic link or a directory is refused.
pub fn store(text: &str, path: &Path) -> io::Result<()> {
    store_as(text, path, 0o600)
}

/// As [`store`], with mode 0644: for a file that another user reads, such as metrics.
///
/// # Errors
/// As [`store`].
pub fn store_public(text: &str, path: &Path) -> io::Result<()> {
    store_as(text, path, 0o644)
}

fn store_as(text: &str, path: &Path, mode: u32) -> io::Result<()> {
    let refuse = |what: &str| Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("the path is {what}")));
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_symlink() => return refuse("a symbolic link"),
        Ok(there) if !there.is_file() => return refuse("not a regular file"),
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    // tempfile creates with mode 0600; rename replaces a link instead of following it.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixtures;

    #[test]
    fn stored_privately_and_not_through_links() {
        let plan = fixtures::saved(fixtures::full_join());
        let text = plan.text();
        let dir = tempfile::tempdir().unwrap();
        let (file, link, other) = (dir.path().join("p.json"), dir.path().join("l.json"), dir.path().join("o"));
        store(&text, &file).unwrap();
        store(&text, &file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(saved(&file).unwrap(), plan);
        fs::write(&other, "precious").unwrap();
        std::os::unix::fs::symlink(&other, &link).unwrap();
        assert!(store(&text, &link).is_err());
        assert!(store(&text, dir.path()).is_err());
        assert_eq!(fs::read_to_string(&other).unwrap(), "precious");
        assert!(matches!(saved(&dir.path().join("none")), Err(ReadError::File(Fault::Unreadable { .. }))));
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(left.len(), 3, "a temporary file was left behind: {left:?}");
    }
}
