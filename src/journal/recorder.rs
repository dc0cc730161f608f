//! One run as others see it: its journal and its stream of events. Decides nothing about the run.
//!
//! The first line is written when it is opened; the last when it ends, whatever ended it, a panic included. A reader
//! that is slow or gone and a disk that is full never hold up a run.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
    str::FromStr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;

use super::{Durable, Journal};
use crate::{
    apply::IntentLog,
    bounded,
    db::DbError,
    events::{self, DbFault, Line, StatementOutcome, What},
    exit::Exit,
    outlet::{self, Full, Outlet},
    plan::ActionId,
    run_id::RunId,
    topology::Ordinal,
};

/// Where events go (`--events`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventsTo {
    /// Standard output; nothing else is written there.
    Stdout,
    /// A file descriptor that the caller opened.
    Descriptor(u32),
    /// A file; made anew.
    File(PathBuf),
}

impl FromStr for EventsTo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("fd:") {
            Some(number) => number
                .parse()
                .map(Self::Descriptor)
                .map_err(|_| "write fd:N with the number of a descriptor".to_owned()),
            None if text == "-" => Ok(Self::Stdout),
            None if text.is_empty() => Err("write FILE, - or fd:N".to_owned()),
            None => Ok(Self::File(PathBuf::from(text))),
        }
    }
}

impl EventsTo {
    fn open(&self) -> io::Result<Outlet> {
        // A gap in the numbers says what was dropped.
        let outlet = |file: File| Outlet::new(Box::new(file), Full::Drop, None);
        let opened = |how: OpenOptions, path: PathBuf| {
            // A pipe that nobody reads lets nobody open it.
            bounded::within(OPEN, move || how.open(path))?.map(outlet)
        };
        let mut how = OpenOptions::new();
        match self {
            Self::Stdout => Ok(outlet::standard().out.clone()),
            // Descriptors are inherited from the shell that asked for this: they are named, not taken over.
            Self::Descriptor(n) => {
                how.append(true);
                opened(how, format!("/dev/fd/{n}").into())
            }
            Self::File(path) => {
                how.write(true).create(true).truncate(true).mode(0o600);
                // What a link leads to is not emptied, except where the system itself has links.
                if !path.starts_with("/dev") {
                    how.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
                }
                opened(how, path.clone())
            }
        }
    }
}

/// How long a file for events may take to be opened.
const OPEN: Duration = Duration::from_secs(5);
/// How long the last events may take to be read when a run is over.
const DRAIN: Duration = Duration::from_secs(1);

/// Numbers the events of a run.
struct Stream {
    seq: u64,
    out: Outlet,
    /// Whether others write there as well.
    shared: bool,
}

impl Stream {
    fn begin(to: &EventsTo) -> io::Result<Self> {
        Ok(Self { seq: 0, out: to.open()?, shared: *to == EventsTo::Stdout })
    }

    fn send(&mut self, line: &str) {
        // What is wrong with it is told at the end.
        let _ = self.out.write_all(line.as_bytes());
    }

    fn end(&mut self) -> Option<io::Error> {
        let ended = if self.shared { self.out.drain(DRAIN) } else { self.out.close(DRAIN) };
        ended.err()
    }
}

/// What a recorder needs.
pub struct Opening {
    /// The run.
    pub run: RunId,
    /// Where events go, if anywhere.
    pub events: Option<EventsTo>,
    /// The directory of state, if there is one.
    pub state: Option<PathBuf>,
    /// What was asked for, e.g. `aku apply start`.
    pub command: String,
    /// The machine.
    pub host: String,
    /// The time of day.
    pub now: fn() -> Timestamp,
}

/// Records one run.
pub struct Recorder {
    run: RunId,
    now: fn() -> Timestamp,
    journal: Option<Journal>,
    no_journal: Option<String>,
    stream: Option<Mutex<Stream>>,
    statements: AtomicU64,
    ended: AtomicBool,
}

impl Recorder {
    /// Opens everything and writes the first line. Without a journal it goes on; see [`trouble`](Self::trouble).
    ///
    /// # Errors
    /// The events cannot be written where they were asked for.
    pub fn open(opening: Opening) -> io::Result<Self> {
        let Opening { run, events, state, command, host, now } = opening;
        let stream = match &events {
            Some(to) => Some(Mutex::new(Stream::begin(to)?)),
            None => None,
        };
        let create = |dir: PathBuf| {
            let (at, of) = (dir.clone(), run.clone());
            // A file server that went away lets nobody begin a file.
            let created = bounded::within(OPEN, move || Journal::create(&at, &of));
            (created.unwrap_or_else(Err), dir)
        };
        let (journal, no_journal) = match state.map(create) {
            Some((Ok(journal), _)) => (Some(journal), None),
            Some((Err(e), dir)) => (None, Some(format!("{}: {e}", dir.display()))),
            None => (None, None),
        };
        let (statements, ended) = (AtomicU64::new(0), AtomicBool::new(false));
        let recorder = Self { run, now, journal, no_journal, stream, statements, ended };
        recorder.record(&What::RunStart {
            v: events::VERSION,
            aku: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            host,
            command,
        });
        Ok(recorder)
    }

    /// The run.
    #[must_use]
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// Where the journal is.
    #[must_use]
    pub fn journal(&self) -> Option<&std::path::Path> {
        self.journal.as_ref().map(Journal::path)
    }

    /// Why there is no journal, or why it is incomplete.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let incomplete =
            || self.journal.as_ref().and_then(|j| Some(format!("{}: {}", j.path().display(), j.failed()?)));
        self.no_journal.clone().or_else(incomplete)
    }

    /// Writes a line to the journal and to the events. Nothing is written after the end.
    pub fn record(&self, what: &What) {
        if !self.ended.load(Ordering::Acquire) {
            self.write(what, Durable::Later);
        }
    }

    fn line(&self, seq: u64, what: &What) -> String {
        let ts = (self.now)().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
        let line = Line { seq, ts, run_id: self.run.to_string(), what: what.clone() };
        // Strings, numbers and lists of them: this cannot fail.
        let mut text = serde_json::to_string(&line).unwrap_or_default();
        text.push('\n');
        text
    }

    fn write(&self, what: &What, durable: Durable) {
        if let Some(stream) = &self.stream {
            let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
            stream.seq += 1;
            let line = self.line(stream.seq, what);
            stream.send(&line);
        }
        self.keep(what, durable);
    }

    fn keep(&self, what: &What, durable: Durable) {
        if let Some(journal) = &self.journal {
            journal.append(durable, |seq| self.line(seq, what));
        }
    }

    /// Writes the last line, once; later calls do nothing. Gives back why the events could not all be written, a reader
    /// who went away apart.
    pub fn end(&self, last: &What) -> Option<io::Error> {
        if self.ended.swap(true, Ordering::AcqRel) {
            return None;
        }
        self.write(last, Durable::Now);
        let failed = self.stream.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner).end();
        failed.filter(|e| e.kind() != io::ErrorKind::BrokenPipe)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // Somebody panicked, or forgot.
        let _ = self.end(&What::end(Exit::Internal, None, None));
    }
}

impl IntentLog for Recorder {
    fn intent(&self, id: ActionId, pod: Ordinal, sql: &str) -> u64 {
        let statement = self.statements.fetch_add(1, Ordering::AcqRel) + 1;
        self.keep(&What::Intent { statement, id, ordinal: pod, sql: sql.to_owned() }, Durable::Now);
        statement
    }

    fn came_back(&self, statement: u64, answer: Result<(), &DbError>) {
        let outcome = match answer {
            Ok(()) => StatementOutcome::Ok,
            Err(e) if e.lost_session() => StatementOutcome::Lost,
            Err(_) => StatementOutcome::Failed,
        };
        let error = answer.err().map(DbFault::from);
        self.keep(&What::StatementEnd { statement, outcome, error }, Durable::Later);
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    fn opening(events: Option<EventsTo>, state: Option<&Path>) -> Opening {
        Opening {
            run: RunId::new("2026-11-21T12:10:44Z".parse().unwrap()),
            events,
            state: state.map(Path::to_path_buf),
            command: "aku apply start".to_owned(),
            host: "altibase-sts-2".to_owned(),
            now: Timestamp::now,
        }
    }

    fn lines(path: &Path) -> Vec<Line> {
        let text = fs::read_to_string(path).unwrap();
        text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
    }

    fn check(lines: &[Line]) {
        let seqs: Vec<_> = lines.iter().map(|l| l.seq).collect();
        assert_eq!(seqs, (1..=lines.len() as u64).collect::<Vec<_>>());
        assert!(matches!(lines[0].what, What::RunStart { .. }));
        assert!(matches!(lines[lines.len() - 1].what, What::RunEnd { .. }));
        assert_eq!(lines.iter().filter(|l| matches!(l.what, What::RunEnd { .. })).count(), 1);
    }

    #[test]
    fn events_and_journal_begin_and_end_whatever_happens() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("events");
        let recorder = Recorder::open(opening(Some(EventsTo::File(to.clone())), Some(dir.path()))).unwrap();
        recorder.record(&What::Signal { name: "SIGINT".to_owned(), count: 1 });
        let n = recorder.intent(ActionId(1), Ordinal::MASTER, "ALTER REPLICATION R STOP");
        recorder.came_back(n, Ok(()));
        let journal = recorder.journal().unwrap().to_path_buf();
        // Nobody called `end`.
        drop(recorder);
        check(&lines(&to));
        check(&lines(&journal));
        assert_eq!((lines(&to).len(), lines(&journal).len()), (3, 5));
        assert!(matches!(lines(&to)[2].what, What::RunEnd { exit_code: 1, .. }));
    }

    #[test]
    fn nothing_follows_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("events");
        let recorder = Recorder::open(opening(Some(EventsTo::File(to.clone())), None)).unwrap();
        assert!(recorder.end(&What::end(Exit::Ok, None, None)).is_none());
        recorder.record(&What::Signal { name: "SIGINT".to_owned(), count: 1 });
        drop(recorder);
        check(&lines(&to));
        assert_eq!(lines(&to).len(), 2);
    }

    #[test]
    fn a_clock_that_is_set_changes_the_times_and_nothing_else() {
        // Hours back and forth with every line.
        fn stepping() -> Timestamp {
            static LOOKS: AtomicU64 = AtomicU64::new(0);
            let hours = [12, 6, 23, 0, 18, 3];
            let look = usize::try_from(LOOKS.fetch_add(1, Ordering::AcqRel)).unwrap();
            Timestamp::from_second(1_795_000_000 + hours[look % hours.len()] * 3600).unwrap()
        }
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("events");
        let with = Opening { now: stepping, ..opening(Some(EventsTo::File(to.clone())), Some(dir.path())) };
        let recorder = Recorder::open(with).unwrap();
        for count in 1..6 {
            recorder.record(&What::Signal { name: "SIGINT".to_owned(), count });
        }
        let journal = recorder.journal().unwrap().to_path_buf();
        assert!(recorder.end(&What::end(Exit::Ok, None, None)).is_none());
        for path in [&to, &journal] {
            let lines = lines(path);
            check(&lines);
            let counts =
                lines.iter().filter_map(|l| if let What::Signal { count, .. } = l.what { Some(count) } else { None });
            assert_eq!(counts.collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
            assert!(lines.windows(2).any(|pair| pair[1].ts < pair[0].ts), "the clock was not set back");
        }
    }

    #[test]
    fn a_full_disk_is_told_at_the_end() {
        let recorder = Recorder::open(opening(Some(EventsTo::File("/dev/full".into())), None)).unwrap();
        let failed = recorder.end(&What::end(Exit::Ok, None, None)).unwrap();
        assert_eq!(failed.kind(), io::ErrorKind::StorageFull);
        let nowhere = Recorder::open(opening(None, Some(Path::new("/proc/nowhere")))).unwrap();
        assert!(nowhere.trouble().unwrap().contains("/proc/nowhere"), "{:?}", nowhere.trouble());
        assert!(Recorder::open(opening(Some(EventsTo::File("/proc/nowhere/e".into())), None)).is_err());
    }

    #[test]
    fn where_events_can_go() {
        assert_eq!("-".parse(), Ok(EventsTo::Stdout));
        assert_eq!("fd:3".parse(), Ok(EventsTo::Descriptor(3)));
        assert_eq!("a b".parse(), Ok(EventsTo::File("a b".into())));
        for text in ["", "fd:", "fd:x", "fd:-1"] {
            assert!(text.parse::<EventsTo>().is_err(), "{text}");
        }
    }
}
