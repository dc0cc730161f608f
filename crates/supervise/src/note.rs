//! Small files that are replaced whole: the state, the termination message, the reason that a start leaves behind.

use std::{
    fs, io,
    io::{Read as _, Write as _},
    path::Path,
};

/// What the kubelet takes of a termination message, bytes.
pub const TERMINATION_MESSAGE: usize = 4096;

/// Replaces a file whole, so that a reader sees the old text or the new one.
///
/// # Errors
/// I/O.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    // What a run that was killed left, or somebody put there: a link would be followed.
    match fs::remove_file(&fresh) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        Ok(()) | Err(_) => {}
    }
    fs::OpenOptions::new().write(true).create_new(true).open(&fresh)?.write_all(text.as_bytes())?;
    fs::rename(&fresh, path)
}

/// Writes over a file that must stay the same one: the kubelet reads the termination message through a mount.
///
/// # Errors
/// I/O.
pub fn overwrite(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.write_all(head(text, TERMINATION_MESSAGE).as_bytes())
}

/// A small text file; `None` when it is not there.
///
/// # Errors
/// I/O, or no text. No more than 64 KiB of it is read.
pub fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::File::open(path) {
        Ok(file) => {
            let mut text = String::new();
            file.take(64 << 10).read_to_string(&mut text)?;
            Ok(Some(text))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// As much of a text as fits into `most` bytes.
#[must_use]
pub fn head(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_and_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        assert_eq!(read(&path).unwrap(), None);
        replace(&path, "one").unwrap();
        replace(&path, "two").unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some("two"));
        overwrite(&path, &"é".repeat(5000)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), TERMINATION_MESSAGE as u64);
        overwrite(&path, "").unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some(""));
        assert_eq!((head("é", 1), head("ab", 9)), ("", "ab"));
    }
}
