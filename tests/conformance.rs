//! Plays every recording against fresh lab pods, real processes, over the `lab` transport and through the ODBC driver.
//!
//! ```text
//! cargo test --test conformance                              both builds, and what is derived from the reference
//! cargo test --test conformance -- --server 2018 lifecycle   one build, recordings whose name holds `lifecycle`
//! AKU_CONFORMANCE_DIR=DIR cargo test --test conformance      DIR/*.json, DIR/2018/*.json and DIR/7.2/*.json instead
//! ```
//!
//! It decides which recording is played as which build, and prints one line for each. What is the same answer is the
//! business of `aku::lab::conformance`. It has a `main` of its own because the recordings are data, found at run time,
//! and because unixODBC's environment must be set before any thread exists.

mod players;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::Instant,
};

use aku::{
    db::testing::lab_driver,
    db::{client::Client, odbc::setup},
    lab::{
        conformance::{Recording, Report, play},
        pod::Release,
    },
};
use clap::Parser;
use players::{Odbc, Pods};

/// How many recordings are played at once. They wait more than they work.
const SIDE_BY_SIDE: usize = 8;

/// Flags of its own, and those of libtest that people and tools pass to every test binary.
#[derive(Parser)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of libtest are what they are")]
struct Flags {
    /// Only recordings of this build; a recording that names none is played as this one.
    #[arg(long, env = "AKU_CONFORMANCE_SERVER")]
    server: Option<Release>,
    /// How many recordings are played at once.
    #[arg(long)]
    test_threads: Option<usize>,
    #[arg(long)]
    exact: bool,
    #[arg(long)]
    list: bool,
    #[arg(long)]
    ignored: bool,
    #[arg(long, value_name = "FILTER")]
    skip: Vec<String>,
    #[arg(long, hide = true)]
    nocapture: bool,
    #[arg(long, hide = true)]
    no_capture: bool,
    #[arg(long, hide = true)]
    show_output: bool,
    #[arg(long, hide = true)]
    include_ignored: bool,
    #[arg(short, long, hide = true)]
    quiet: bool,
    #[arg(long, hide = true)]
    color: Option<String>,
    #[arg(long, hide = true)]
    format: Option<String>,
    /// Parts of the names of recordings, such as `7.2/lifecycle`.
    filter: Vec<String>,
}

impl Flags {
    fn wants(&self, name: &str) -> bool {
        let hit = |part: &String| if self.exact { name == part } else { name.contains(part.as_str()) };
        (self.filter.is_empty() || self.filter.iter().any(hit)) && !self.skip.iter().any(hit)
    }
}

#[derive(Clone, Copy)]
enum Transport {
    Lab,
    Odbc,
}

/// One recording, to be played as one build over one transport.
struct Case {
    name: String,
    recording: Recording,
    server: Release,
    transport: Transport,
}

impl Case {
    fn play(&self) -> Result<Report, String> {
        let Self { recording, server, transport, .. } = self;
        Ok(match transport {
            Transport::Lab => play(recording, &mut Pods::<Client>::up(*server, recording.pods)?),
            Transport::Odbc => play(recording, &mut Pods::<Odbc>::up(*server, recording.pods)?),
        })
    }
}

/// The builds that a recording's `server` text names.
fn builds(text: &str, flag: Option<Release>) -> Vec<Release> {
    let all = match text {
        t if t.starts_with("2018 and 7.2") => vec![Release::R2018, Release::R72],
        t if t.starts_with("2018") => vec![Release::R2018],
        t if t.starts_with("7.2") => vec![Release::R72],
        _ => vec![flag.unwrap_or_default()],
    };
    all.into_iter().filter(|build| flag.is_none_or(|f| f == *build)).collect()
}

/// The recordings in `dir` itself and in its directories `2018`, `7.2` and `own`.
fn find(dir: &Path, flags: &Flags) -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    let folders = [(None, "."), (Some(Release::R2018), "2018"), (Some(Release::R72), "7.2"), (None, "own")];
    for (build, folder) in folders {
        let path = dir.join(folder);
        if folder != "." && !path.is_dir() {
            continue;
        }
        for recording in Recording::read_all(&path).map_err(|e| e.to_string())? {
            let servers = match build {
                Some(build) if flags.server.is_none_or(|f| f == build) => vec![build],
                Some(_) => Vec::new(),
                None => builds(&recording.server, flags.server),
            };
            for server in servers {
                let name = match folder {
                    "." | "2018" | "7.2" => format!("{server}/{}", recording.name),
                    folder => format!("{folder}/{server}/{}", recording.name),
                };
                if flags.wants(&name) {
                    let case = |transport| Case { name: name.clone(), recording: recording.clone(), server, transport };
                    cases.extend([Transport::Lab, Transport::Odbc].map(case));
                }
            }
        }
    }
    Ok(cases)
}

/// One line, and what differs.
fn show(case: &Case, outcome: &Result<Report, String>) -> String {
    let over = match case.transport {
        Transport::Lab => "lab",
        Transport::Odbc => "odbc",
    };
    match outcome {
        Ok(Report { steps, mismatches, .. }) => {
            let mut text = format!("{:<32} {over:<4} {steps:>4} steps {:>4} mismatches", case.name, mismatches.len());
            for mismatch in mismatches {
                let _ = write!(text, "\n  {mismatch}");
            }
            text
        }
        Err(why) => format!("{:<32} {over:<4} not played: {why}", case.name),
    }
}

/// Plays all of them, some side by side; prints in the order given. Returns how many had no mismatch.
fn play_all(cases: &[Case], side_by_side: usize) -> usize {
    let (next, (done, finished)) = (AtomicUsize::new(0), mpsc::channel());
    let done = Mutex::new(done);
    thread::scope(|scope| {
        for _ in 0..side_by_side.clamp(1, cases.len().max(1)) {
            scope.spawn(|| {
                let done = done.lock().expect("nobody panics with it").clone();
                while let Some((index, case)) = Some(next.fetch_add(1, Relaxed)).and_then(|i| Some((i, cases.get(i)?)))
                {
                    let outcome = case.play();
                    done.send((index, outcome)).expect("the printer waits for all");
                }
            });
        }
        let (mut early, mut printed, mut passed) = (BTreeMap::new(), 0, 0);
        while printed < cases.len() {
            // A player that panicked sends nothing; the scope passes its panic on.
            let Ok((index, outcome)) = finished.recv() else { break };
            early.insert(index, outcome);
            while let Some(outcome) = early.remove(&printed) {
                println!("{}", show(&cases[printed], &outcome));
                passed += usize::from(outcome.is_ok_and(|report| report.mismatches.is_empty()));
                printed += 1;
            }
        }
        passed
    })
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let given = std::env::var_os("AKU_CONFORMANCE_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let dir = given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance"));
    let cases = match find(&dir, &flags) {
        // libtest calls it so: none of these tests is an ignored one.
        Ok(_) if flags.ignored => Vec::new(),
        Ok(cases) => cases,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    if flags.list {
        for case in &cases {
            println!("{}: test", case.name);
        }
        return ExitCode::SUCCESS;
    }
    let began = Instant::now();
    // Held until the end: with it goes the private odbc.ini.
    let _odbc = match setup::prepare(&lab_driver()) {
        Ok(setup) => setup,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    println!("\nrunning {} recordings of {}", cases.len(), dir.display());
    let passed = play_all(&cases, flags.test_threads.unwrap_or(SIDE_BY_SIDE));
    let failed = cases.len() - passed;
    let word = if failed == 0 { "ok" } else { "FAILED" };
    let time = began.elapsed().as_secs_f64();
    println!("\ntest result: {word}. {passed} passed; {failed} failed; finished in {time:.2}s\n");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
