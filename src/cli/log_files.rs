//! `--log-path`, and what is seen of such a directory from here: names of log files, and rows of `SYS.AKU_LEDGER` that are
//! written in them. Reads files, changes nothing, and decides nothing about whose they are.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, Read},
    path::Path,
    str::FromStr,
    time::{Duration, Instant, SystemTime},
};

use crate::{
    ledger,
    logs::{Contents, LogPath, Remembers, Seen},
    topology::Ordinal,
};

/// Bytes that are read of a directory at most, the newest files first.
const BUDGET: u64 = 4 << 30;
/// How long that takes at most.
const PATIENCE: Duration = Duration::from_secs(30);
/// What is read at once.
const CHUNK: usize = 1 << 20;
/// Shorter than any row.
const SHORT: usize = 14;

/// `--log-path`: one directory for all survivors, or one for a survivor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPathArg {
    /// The survivor; `None` is every one that is not named.
    pub of: Option<Ordinal>,
    /// The directory.
    pub path: LogPath,
}

impl FromStr for LogPathArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((pod, path)) if !pod.is_empty() && pod.bytes().all(|b| b.is_ascii_digit()) => {
                let of = pod.parse().map_err(|e: crate::topology::OrdinalError| e.to_string())?;
                Ok(Self { of: Some(of), path: path.parse()? })
            }
            Some(_) | None => Ok(Self { of: None, path: text.parse()? }),
        }
    }
}

/// The directory of each pod, as they were named; those that were named for one pod first.
///
/// # Errors
/// One pod has two.
pub(super) fn of_pods(
    args: &[LogPathArg],
    pods: impl IntoIterator<Item = Ordinal>,
) -> Result<BTreeMap<Ordinal, LogPath>, String> {
    let mut own: BTreeMap<Option<Ordinal>, &LogPath> = BTreeMap::new();
    for arg in args {
        if own.insert(arg.of, &arg.path).is_some_and(|before| *before != arg.path) {
            let whose = arg.of.map_or_else(|| "all pods".to_owned(), |pod| format!("pod {pod}"));
            return Err(format!("--log-path names two directories for {whose}"));
        }
    }
    let pods: Vec<Ordinal> = pods.into_iter().collect();
    if let Some(odd) = own.keys().flatten().find(|pod| !pods.contains(pod)) {
        return Err(format!("--log-path {odd}=...: pod {odd} is not one that could read it"));
    }
    let path = |pod: Ordinal| own.get(&Some(pod)).or_else(|| own.get(&None)).map(|path| (pod, (*path).clone()));
    Ok(pods.into_iter().filter_map(path).collect())
}

/// What is in a directory on this machine.
pub(super) fn look(path: &LogPath) -> Seen {
    match contents(Path::new(path.as_str())) {
        Ok(contents) => Seen::Read(contents),
        Err(e) => Seen::Unreadable(e.to_string()),
    }
}

fn contents(dir: &Path) -> io::Result<Contents> {
    let mut files = Vec::new();
    let mut numbers = BTreeSet::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let about = entry.metadata()?;
        if !about.is_file() {
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        numbers.extend(name.strip_prefix("logfile").and_then(|n| n.parse::<u64>().ok()));
        files.push((about.modified().unwrap_or(SystemTime::UNIX_EPOCH), entry.path()));
    }
    files.sort();
    let until = Instant::now() + PATIENCE;
    let mut found = Contents { files: numbers.first().copied().zip(numbers.last().copied()), rows: BTreeSet::new() };
    let mut left = BUDGET;
    let mut unread = None;
    for (_, path) in files.into_iter().rev() {
        let read = File::open(path).and_then(|file| rows(&mut file.take(left), &mut left, until, &mut found.rows));
        unread = unread.or(read.err());
    }
    // A row that was found may show that the log is another pod's, whatever else cannot be read.
    match unread {
        Some(e) if found.rows.is_empty() => Err(e),
        Some(_) | None => Ok(found),
    }
}

/// Rows in a file: runs of the characters that the column PEERS is written in.
fn rows(from: &mut impl Read, left: &mut u64, until: Instant, found: &mut BTreeSet<Remembers>) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    let mut run: Vec<u8> = Vec::new();
    while Instant::now() < until {
        let n = from.read(&mut chunk)?;
        *left = left.saturating_sub(n as u64);
        for byte in &chunk[..n] {
            if is_plain(*byte) && run.len() <= ledger::PEERS_BYTES {
                run.push(*byte);
            } else if !run.is_empty() {
                of_run(&run, found);
                run.clear();
                // The one that a run had no room for begins the next.
                run.extend(is_plain(*byte).then_some(*byte));
            }
        }
        if n == 0 {
            break;
        }
    }
    of_run(&run, found);
    Ok(())
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b',' | b';' | b'-' | b':' | b'_' | b'.')
}

/// Parts of a row follow each other with growing numbers; what does not is another row, or none.
fn of_run(run: &[u8], found: &mut BTreeSet<Remembers>) {
    if run.len() < SHORT || !run.contains(&b';') {
        return;
    }
    let text = String::from_utf8_lossy(run);
    let mut row: BTreeMap<Ordinal, String> = BTreeMap::new();
    let mut keep = |row: &mut BTreeMap<Ordinal, String>| {
        if !row.is_empty() {
            found.insert(Remembers(std::mem::take(row)));
        }
    };
    // What stands behind the last semicolon is no part of a row.
    for part in text.rsplit_once(';').map_or("", |(parts, _)| parts).split(';') {
        let Some((pod, signature)) = part_of(part) else {
            keep(&mut row);
            continue;
        };
        if row.last_key_value().is_some_and(|(last, _)| *last >= pod) {
            keep(&mut row);
        }
        row.insert(pod, signature);
    }
    keep(&mut row);
}

/// One pod of a row; what stands before its number is of something else.
fn part_of(part: &str) -> Option<(Ordinal, String)> {
    let mut fields: Vec<&str> = part.rsplitn(6, ',').collect();
    fields.reverse();
    let [first, ..] = fields.as_slice() else { return None };
    let number = first.rfind(|c: char| !c.is_ascii_digit()).map_or(*first, |at| &first[at + 1..]);
    let mut whole = vec![number];
    whole.extend(fields.iter().skip(1));
    let (pod, peer) = ledger::peers_of(&whole.join(",")).ok()?.into_iter().next()?;
    Some((pod, peer.signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(n: u8) -> Ordinal {
        Ordinal::new(n).unwrap()
    }

    fn found(bytes: &[u8]) -> Vec<Vec<(u8, String)>> {
        let mut all = BTreeSet::new();
        let until = Instant::now() + PATIENCE;
        rows(&mut &*bytes, &mut BUDGET.clone(), until, &mut all).unwrap();
        all.into_iter().map(|r| r.0.into_iter().map(|(k, s)| (k.get(), s)).collect()).collect()
    }

    #[test]
    fn rows_are_found_between_other_bytes() {
        let row = |pods: &[u8]| {
            let parts: Vec<String> = pods.iter().map(|k| format!("{k},3,running,390852453446,-,SIG-{k};")).collect();
            parts.concat()
        };
        let named = |pods: &[u8]| pods.iter().map(|k| (*k, format!("SIG-{k}"))).collect::<Vec<_>>();
        assert_eq!(found(b""), Vec::<Vec<(u8, String)>>::new());
        assert_eq!(found(b"\0\0 no row, at; all \xff"), Vec::<Vec<(u8, String)>>::new());
        assert_eq!(found(row(&[0, 1, 3]).as_bytes()), [named(&[0, 1, 3])]);
        let text = format!("running\0{}\0\u{1}ended{}{}\n", row(&[0, 1]), row(&[1, 2]), row(&[0, 2]));
        assert_eq!(found(text.as_bytes()), [named(&[0, 1]), named(&[0, 2]), named(&[1, 2])]);
        // Cut in its middle: fewer pods, never others.
        let cut = row(&[0, 1, 2]);
        for at in 0..cut.len() {
            for row in found(&cut.as_bytes()[at..]) {
                assert!(row.iter().all(|named| named.1 == format!("SIG-{}", named.0)), "{at} {row:?}");
            }
        }
    }

    #[test]
    fn a_row_across_two_reads_is_one() {
        let mut bytes = vec![0; CHUNK - 10];
        bytes.extend_from_slice(b"0,3,running,1,-,A;1,3,ended,-,7,B;");
        assert_eq!(found(&bytes), [[(0, "A".to_owned()), (1, "B".to_owned())]]);
    }

    #[test]
    fn a_directory_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path: LogPath = dir.path().to_str().unwrap().parse().unwrap();
        assert_eq!(look(&path), Seen::Read(Contents::default()));
        fs::write(dir.path().join("loganchor0"), "x").unwrap();
        fs::write(dir.path().join("logfile7"), "\u{1}0,3,running,1,-,A;\u{2}").unwrap();
        fs::write(dir.path().join("logfile12"), "").unwrap();
        let rows = [Remembers([(pod(0), "A".to_owned())].into())].into();
        assert_eq!(look(&path), Seen::Read(Contents { files: Some((7, 12)), rows }));
        let gone: LogPath = "/no/such/directory".parse().unwrap();
        assert!(matches!(look(&gone), Seen::Unreadable(_)));
    }

    #[test]
    fn one_directory_for_all_or_one_for_each() {
        let args = |texts: &[&str]| texts.iter().map(|t| t.parse().unwrap()).collect::<Vec<LogPathArg>>();
        let of = |texts: &[&str]| {
            let all = of_pods(&args(texts), [pod(0), pod(1)]);
            all.map(|m| m.into_iter().map(|(k, p)| format!("{k}={p}")).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(of(&["/a"]).unwrap(), "0=/a 1=/a");
        assert_eq!(of(&["/a", "1=/b"]).unwrap(), "0=/a 1=/b");
        assert_eq!(of(&["1=/b/"]).unwrap(), "1=/b");
        assert!(of(&["/a", "/b"]).is_err() && of(&["1=/a", "1=/b"]).is_err() && of(&["/a", "/a"]).is_ok());
        assert!("b".parse::<LogPathArg>().is_err() && "99=/b".parse::<LogPathArg>().is_err());
        assert_eq!("/x=y".parse::<LogPathArg>().unwrap().of, None);
    }
}
