//! Broken inputs of every kind that a stranger may hand over: no reader panics, recurses without end, or takes more memory than
//! it should. What is changed are the files of `tests/corpus` and those that the repository has anyway.
//!
//! Each kind is tried for `AKU_FUZZ_SECONDS` (a third of a second). A case that fails prints its kind and seed;
//! `AKU_SEED=n` plays that case alone.

#![allow(unsafe_code)] // An allocator that counts.
#![allow(clippy::unwrap_used)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    fs,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use aku::{
    conf,
    db::{endpoints::Endpoints, wire},
    document::Document as _,
    drift::{accept::Accepts, document::Report},
    journal::runs,
    observe::Capture,
    plan::{policy, saved::Reading},
    sign::Allowed,
};

thread_local! {
    static NOW: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

impl Counting {
    fn more(bytes: usize) {
        let _ = NOW.try_with(|now| {
            now.set(now.get().saturating_add(bytes));
            let _ = PEAK.try_with(|peak| peak.set(peak.get().max(now.get())));
        });
    }
    fn less(bytes: usize) {
        let _ = NOW.try_with(|now| now.set(now.get().saturating_sub(bytes)));
    }
}

// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::more(layout.size());
        // SAFETY: as this function is called.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        Self::less(layout.size());
        // SAFETY: as this function is called.
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::more(size);
        Self::less(layout.size());
        // SAFETY: as this function is called.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that a call had at once beyond what there was before.
fn peak_of(call: impl FnOnce()) -> usize {
    let before = NOW.get();
    PEAK.set(before);
    call();
    PEAK.get() - before
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Files whose names begin and end like that.
fn files(folder: &str, begin: &str, end: &str) -> Vec<Vec<u8>> {
    let mut all: Vec<_> = fs::read_dir(root().join(folder)).unwrap().map(|e| e.unwrap().path()).collect();
    all.sort();
    let named = |path: &Path| {
        path.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with(begin) && n.ends_with(end))
    };
    let found: Vec<_> = all.iter().filter(|p| named(p)).map(|p| fs::read(p).unwrap()).collect();
    assert!(!found.is_empty(), "{folder}/{begin}*{end}");
    found
}

/// A small generator: the same numbers for the same seed on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % (n.max(1) as u64)).unwrap()
    }
    fn of<'t, T: ?Sized>(&mut self, all: &[&'t T]) -> &'t T {
        all[self.below(all.len())]
    }
}

const TOKENS: [&[u8]; 32] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"(",
    b")",
    b"\"",
    b"'",
    b",",
    b":",
    b"=",
    b"\\",
    b"\\u0000",
    b"\0",
    b"\xff",
    b"\xe2\x80\xae",
    b"-1",
    b"0",
    b"18446744073709551616",
    b"4294967295",
    b"1e999",
    b"null",
    b"true",
    b"/*",
    b"*/",
    b"--",
    b"#",
    b"\n",
    b"\r",
    b"\x1b[2J",
    b"\xef\xbb\xbf",
    b"PARTITION",
];

/// A file of the corpus with a few things wrong.
fn broken(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len() + 1);
        let to = (at + random.below(40)).min(bytes.len());
        match random.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 => drop(bytes.drain(at..to)),
            2 => {
                let part = bytes[at..to].to_vec();
                let back = random.below(bytes.len() + 1);
                bytes.splice(back..back, part);
            }
            3 => bytes.truncate(at),
            4 => {
                let other = &corpus[random.below(corpus.len())];
                let from = random.below(other.len() + 1);
                let upto = (from + random.below(200)).min(other.len());
                bytes.splice(at..to, other[from..upto].iter().copied());
            }
            5 => {
                let many = random.of::<[u8]>(&TOKENS).repeat(1 + random.below(300));
                bytes.splice(at..at, many);
            }
            _ => {
                let token = random.of::<[u8]>(&TOKENS);
                bytes.splice(at..to.min(at + token.len()), token.iter().copied());
            }
        }
    }
    bytes
}

fn number(name: &str) -> Option<f64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is \"{text}\"")))
}

/// What a reader may take beyond its input: constants of libraries, messages.
const SPARE: usize = 4 << 20;

/// Tries broken inputs until the time is over. `factor` bounds the memory that a reader takes, in sizes of its input.
fn tried(kind: &str, corpus: &[Vec<u8>], factor: usize, read: impl Fn(&[u8])) {
    let until = Instant::now() + Duration::from_secs_f64(number("AKU_FUZZ_SECONDS").unwrap_or(0.3));
    let alone = std::env::var("AKU_SEED").ok().map(|seed| seed.parse::<u64>().expect("AKU_SEED is a number"));
    let mut seed = alone.unwrap_or(0);
    let mut cases = 0;
    loop {
        let input = broken(corpus, &mut Random(seed));
        let began = Instant::now();
        let mut peak = 0;
        let ran = panic::catch_unwind(AssertUnwindSafe(|| peak = peak_of(|| read(&input))));
        let play = format!("AKU_SEED={seed} cargo test --test fuzz -- {kind}");
        assert!(ran.is_ok(), "{kind}: seed {seed} panicked; {play}");
        let most = factor * input.len() + SPARE;
        assert!(peak <= most, "{kind}: seed {seed} took {peak} bytes for {}; {play}", input.len());
        let took = began.elapsed();
        assert!(took < Duration::from_secs(20), "{kind}: seed {seed} took {took:?}; {play}");
        cases += 1;
        seed += 1;
        if alone.is_some() || Instant::now() >= until {
            break;
        }
    }
    println!("{kind}: {cases} cases from seed {}", seed - cases);
}

fn text(read: impl Fn(&str)) -> impl Fn(&[u8]) {
    move |bytes| read(&String::from_utf8_lossy(bytes))
}

#[test]
fn conf_files() {
    let corpus = [files("conf", "aku.conf", ""), files("snapshots", "captured.conf", "")].concat();
    tried("conf_files", &corpus, 64, |bytes| {
        let parsed = conf::parse("aku.conf", bytes);
        let _ = conf::render_problems(&parsed.problems, &parsed.source, conf::Colour::Never);
    });
}

#[test]
fn plans() {
    let corpus = files("plans", "", ".json");
    tried("plans", &corpus, 64, text(|t| drop(Reading::parse(t))));
}

#[test]
fn captures() {
    tried("captures", &files("snapshots", "captured-", ".json"), 64, text(|t| drop(Capture::parse(t))));
}

#[test]
fn reports_of_drift() {
    tried("reports_of_drift", &files("tests/corpus", "drift", ".json"), 64, text(|t| drop(Report::parse(t))));
}

#[test]
fn endpoints_files() {
    tried(
        "endpoints_files",
        &files("tests/corpus", "endpoints", ".toml"),
        256,
        text(|t| drop(Endpoints::parse(t, "f"))),
    );
}

#[test]
fn accept_files() {
    let corpus = files("tests/corpus", "accept", ".toml");
    tried("accept_files", &corpus, 256, text(|t| drop(Accepts::parse(t, Path::new("f")))));
}

#[test]
fn policies() {
    tried("policies", &files("tests/corpus", "policy", ".toml"), 256, text(|t| drop(policy::parse(t))));
}

#[test]
fn allowed_signers() {
    let zone = jiff::tz::TimeZone::UTC;
    let corpus = files("tests/corpus", "allowed_signers", "");
    tried("allowed_signers", &corpus, 64, text(|t| drop(Allowed::parse(t, &zone))));
}

#[test]
fn signatures() {
    let digest = "sha256:2c4c56dfae838947dad61c973156b8fb5bc82b5a4d65d44524718227fd390a25";
    let corpus = files("tests/corpus", "signature", ".sig");
    tried(
        "signatures",
        &corpus,
        64,
        text(|t| {
            let signature = aku::plan::saved::Signature { digest: String::new(), sshsig: t.to_owned() };
            assert!(aku::sign::fits(&signature, digest).is_err());
        }),
    );
}

#[test]
fn journals() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("runs")).unwrap();
    let id = "20261121T121044Z-1f3a9c".parse().unwrap();
    tried("journals", &files("tests/corpus", "journal", ".ndjson"), 64, |bytes| {
        fs::write(aku::journal::path(dir.path(), &id), bytes).unwrap();
        drop(runs::load(dir.path(), &id));
    });
}

#[test]
fn frames_of_the_wire() {
    let mut corpus = Vec::new();
    let cell = |n: i64| vec![wire::Cell::Null, wire::Cell::Int(n), wire::Cell::Text("x".to_owned())];
    let answers = [
        wire::Response::Connected { session: 7 },
        wire::Response::Done { affected: -1 },
        wire::Response::Rows { columns: vec!["A".into(), "B".into(), "C".into()], rows: (0..9).map(cell).collect() },
        wire::Response::Error { sqlstate: "HY000".into(), native: 1, message: "no".into() },
    ];
    let asked = [
        wire::Request::Connect { options: vec![("UID".into(), "SYS".into()), ("PWD".into(), "x".into())] },
        wire::Request::Execute { sql: "SELECT 1 FROM DUAL".into() },
        wire::Request::Cancel { session: 7 },
    ];
    for answer in &answers {
        let mut bytes = Vec::new();
        answer.write(&mut bytes).unwrap();
        corpus.push(bytes);
    }
    for request in &asked {
        let mut bytes = Vec::new();
        request.write(&mut bytes).unwrap();
        corpus.push(bytes);
    }
    tried("frames_of_the_wire", &corpus, 64, |bytes| {
        drop(wire::Response::read(&mut &*bytes));
        drop(wire::Request::read(&mut &*bytes));
    });
}

#[cfg(feature = "lab")]
#[test]
fn sql_of_the_lab() {
    let corpus: Vec<Vec<u8>> = files("tests/corpus", "lab", ".sql")
        .iter()
        .flat_map(|file| aku::lab::shell::statements(&String::from_utf8_lossy(file)))
        .map(String::into_bytes)
        .collect();
    tried(
        "sql_of_the_lab",
        &corpus,
        4096,
        text(|t| {
            drop(aku::lab::sql::parse(t));
            drop(aku::lab::shell::statements(t));
        }),
    );
}

/// What somebody builds who wants memory: each is several megabytes, and none may take more than thrice its size, itself
/// included.
#[test]
fn large_files_take_no_more_than_thrice_their_size() {
    const SIZE: usize = 6 << 20;
    const MOST: usize = 3;
    let plan = String::from_utf8(fs::read(root().join("plans/first-start.json")).unwrap()).unwrap();
    let many = |head: &str, one: &str, tail: &str| format!("{head}{}{tail}", one.repeat(SIZE / one.len()));
    let start = "{\"kind\":\"aku.plan\",\"format_version\":\"1.2\",\"digest\":\"x\"";
    let shapes = [
        ("brackets", many("", "[", "")),
        ("zeros", many(&format!("{start},\"more\":["), "0,", "0]}")),
        ("empty objects", many(&format!("{start},\"plan\":{{\"actions\":["), "{},", "{}]}}")),
        ("empty texts", many(&format!("{start},\"must_understand\":["), "\"\",", "\"\"]}")),
        ("a long text", many(&format!("{start},\"more\":\""), "x", "\"}")),
        ("a long name", many(&format!("{start},\""), "x", "\":1}")),
        ("escapes", many(&format!("{start},\"more\":\""), "\\u0041", "\"}")),
        ("blanks behind a plan", many(&plan, " ", "")),
        ("nothing", many("", " ", "")),
        (
            "facts",
            many(
                &format!("{start},\"facts\":["),
                "{\"id\":\"F1\",\"key\":\"rows/SYS.T1\",\"pod\":0,\"value\":\"3\",\"volatile\":true},",
                "0]}",
            ),
        ),
    ];
    for (name, text) in shapes {
        let began = Instant::now();
        // The text itself is there as well.
        let peak = text.len() + peak_of(|| drop(Reading::parse(&text)));
        assert!(peak <= MOST * text.len() + (1 << 20), "{name}: {peak} bytes for {}", text.len());
        let peak = text.len() + peak_of(|| drop(Capture::parse(&text)));
        assert!(peak <= MOST * text.len() + (1 << 20), "{name}, as a capture: {peak} bytes for {}", text.len());
        println!("{name}: {} %, {:?}", peak * 100 / text.len().max(1), began.elapsed());
    }
}
