//! Which Altibase ODBC driver is loaded. Decides from what the user said; touches the disk in [`check`] only. Must never
//! let a file be loaded that would end the process: the loader maps what the headers say, and a page beyond the end of
//! the file is a SIGBUS.

use std::{
    env::consts,
    ffi::OsStr,
    fs::File,
    io,
    path::{Path, PathBuf},
};

use object::{
    Architecture, Endianness, Object as _, ObjectKind, ObjectSymbol as _, ReadCache,
    read::{
        FileKind, ReadRef,
        elf::{FileHeader, ProgramHeader as _, SectionHeader as _},
    },
};

/// Where the driver lies below `$ALTIBASE_HOME`. The ul32 twin has a 32-bit SQLLEN (`odbc-client.md` 2.6).
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
    /// A file that cannot be loaded, or not as a driver for this program.
    #[error(
        "the ODBC driver {path} cannot be loaded: {why}. Copy libaltibase_odbc-64bit-ul64.so again from an Altibase \
         client of this machine's kind, or give the right path with --odbc-driver, AKU_ODBC_DRIVER or ALTIBASE_HOME"
    )]
    NoDriver {
        /// As looked for.
        path: String,
        /// What is wrong with it.
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
    // A FIFO would wait for a writer.
    if !std::fs::metadata(&path).map_err(unreadable)?.is_file() {
        return Err(unreadable(io::Error::other("not a file")));
    }
    let file = File::open(&path).map_err(unreadable)?;
    loadable(&file).map_err(|why| DriverError::NoDriver { path: shown, why })?;
    Ok(path)
}

/// The function that every ODBC driver has and that we connect with.
const ENTRY: &[u8] = b"SQLDriverConnect";

/// Whether the system's loader can map the file, all of it, and finds a driver there.
fn loadable(file: &File) -> Result<(), String> {
    let data = &ReadCache::new(file);
    let broken = |e: object::Error| format!("it is cut short or damaged ({e})");
    if data.len() == Ok(0) {
        return Err("the file is empty".to_owned());
    }
    match (FileKind::parse(data), cfg!(target_pointer_width = "64")) {
        (Ok(FileKind::Elf64), true) => headers::<object::elf::FileHeader64<Endianness>>(data)?,
        (Ok(FileKind::Elf32), false) => headers::<object::elf::FileHeader32<Endianness>>(data)?,
        (Ok(FileKind::Elf64 | FileKind::Elf32), _) => {
            return Err(format!("it is not built for the {} bits of this program", usize::BITS));
        }
        _ => return Err("it is no shared library (ELF)".to_owned()),
    }
    let library = object::File::parse(data).map_err(broken)?;
    if library.kind() != ObjectKind::Dynamic {
        return Err("it is no shared library".to_owned());
    }
    let ours = match consts::ARCH {
        "x86_64" => Some(Architecture::X86_64),
        "aarch64" => Some(Architecture::Aarch64),
        _ => None,
    };
    if ours.is_some_and(|ours| ours != library.architecture()) {
        return Err(format!("it is built for {:?}, and this program for {}", library.architecture(), consts::ARCH));
    }
    let has_entry = library.dynamic_symbols().any(|symbol| symbol.is_definition() && symbol.name_bytes() == Ok(ENTRY));
    if has_entry { Ok(()) } else { Err("it is no ODBC driver: it has no SQLDriverConnect".to_owned()) }
}

/// Every segment that the loader maps and every section lie within the file. Sections come last in a file, so one that
/// was cut anywhere fails here.
fn headers<'d, H: FileHeader<Endian = Endianness>>(data: impl ReadRef<'d>) -> Result<(), String> {
    let broken = |e: object::Error| format!("it is cut short or damaged ({e})");
    let header = H::parse(data).map_err(broken)?;
    let endian = header.endian().map_err(broken)?;
    let segments = header.program_headers(endian, data).map_err(broken)?;
    if segments.is_empty() {
        return Err("it has nothing to load".to_owned());
    }
    if segments.iter().any(|segment| segment.data(endian, data).is_err()) {
        return Err("it is cut short: a segment reaches beyond the end of the file".to_owned());
    }
    let sections = header.section_headers(endian, data).map_err(broken)?;
    if sections.iter().any(|section| section.data(endian, data).is_err()) {
        return Err("it is cut short: a section reaches beyond the end of the file".to_owned());
    }
    Ok(())
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

    /// The lab's driver, which the build makes.
    use crate::testing::lab_driver;

    #[test]
    fn an_existing_driver_becomes_absolute() {
        assert!(check(&lab_driver()).unwrap().is_absolute());
        assert!(matches!(check(Path::new("a\nb.so")), Err(DriverError::Unwritable(_))));
    }

    /// What `check` says of these bytes; `None` when it takes them.
    fn said_of(bytes: &[u8]) -> Option<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("libaltibase_odbc-64bit-ul64.so");
        std::fs::write(&path, bytes).unwrap();
        match check(&path) {
            Ok(_) => None,
            Err(DriverError::NoDriver { path: shown, why }) => {
                assert_eq!(Path::new(&shown), path);
                Some(why)
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_driver_that_was_cut_anywhere_is_not_loaded() {
        let whole = std::fs::read(lab_driver()).unwrap();
        assert_eq!(said_of(&whole), None);
        let step = whole.len() / 97;
        let cuts = (0..97).map(|n| n * step).chain([1, 4, 16, 63, 64, 65, whole.len() - 1]);
        for cut in cuts {
            assert!(said_of(&whole[..cut]).is_some(), "the first {cut} of {} bytes", whole.len());
        }
    }

    #[test]
    fn what_is_no_driver_of_this_machine_is_told_in_plain_words() {
        let whole = std::fs::read(lab_driver()).unwrap();
        let changed = |at: usize, bytes: &[u8]| {
            let mut copy = whole.clone();
            copy[at..at + bytes.len()].copy_from_slice(bytes);
            said_of(&copy).unwrap_or_default()
        };
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let table = [
            (said_of(b"").unwrap(), "empty"),
            (said_of(b"#!/bin/sh\nexit 0\n").unwrap(), "no shared library"),
            // EI_CLASS, EI_VERSION, e_machine (SPARC), e_phoff, e_phnum, e_type (relocatable).
            (changed(4, &[1]), "bits"),
            (changed(18, &[2, 0]), "built for"),
            (changed(32, &[0xFF; 8]), "damaged"),
            (changed(56, &[0, 0]), "nothing to load"),
            (changed(16, &[1, 0]), "no shared library"),
            (said_of(&program).unwrap(), "no ODBC driver"),
        ];
        for (why, word) in table {
            assert!(why.contains(word), "{why:?} has no {word:?}");
        }
    }
}
