//! What a person, a pipe and a full disk meet: the real program with real streams. Colour, width, broken pipes, closed
//! and full outputs (2.5 and 2.6 of the contract).

mod golden;

use std::{
    fs::OpenOptions,
    io::Read as _,
    process::{Command, Output, Stdio},
};

use golden::golden;

/// Commands that need no pod, one for each kind of answer.
const ANSWERS: [&str; 10] = [
    "show plans/first-start.json",
    "show plans/first-start.json --sql",
    "show plans/end.json --format md",
    "show plans/end.json --format html",
    "diff plans/first-start.json plans/end.json",
    "graph plans/first-start.json",
    "review plans/first-start.json",
    "plan start --from snapshots/captured-first-start.json --conf snapshots/captured.conf",
    "explain P003",
    "schema plan",
];

fn aku(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aku"));
    command.args(line.split_whitespace()).current_dir(env!("CARGO_MANIFEST_DIR")).env_clear().stdin(Stdio::null());
    command
}

fn run(mut command: Command) -> Output {
    command.output().expect("aku runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn stripped(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn colour_changes_no_byte_of_the_text() {
    for line in ANSWERS {
        let plain = run(aku(line));
        assert!(!text(&plain.stdout).contains('\u{1b}'), "{line}: colour in a pipe");
        let mut forced = aku(line);
        forced.env("CLICOLOR_FORCE", "1");
        let forced = run(forced);
        assert_eq!(stripped(&text(&forced.stdout)), text(&plain.stdout), "{line}");
        assert_eq!(stripped(&text(&forced.stderr)), text(&plain.stderr), "{line}");
        let mut never = aku(line);
        never.env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1");
        assert_eq!(run(never).stdout, plain.stdout, "{line}: NO_COLOR comes before CLICOLOR_FORCE");
    }
    let always = text(&run(aku("show plans/first-start.json --color always")).stdout);
    assert!(always.contains("\u{1b}[1m\u{1b}[97m\u{1b}[41m!!"), "{always:?}");
    let mut zero = aku("show plans/first-start.json");
    zero.env("CLICOLOR_FORCE", "0");
    assert!(!text(&run(zero).stdout).contains('\u{1b}'));
}

#[test]
fn errors_are_coloured_alike() {
    let line = "show none.json";
    let plain = run(aku(line));
    assert_eq!((plain.status.code(), plain.stdout.len()), (Some(66), 0));
    let forced = run({
        let mut c = aku(line);
        c.env("CLICOLOR_FORCE", "1");
        c
    });
    assert_ne!(forced.stderr, plain.stderr);
    assert_eq!(stripped(&text(&forced.stderr)), text(&plain.stderr));
}

/// What arrives at a terminal of that many columns.
fn on_terminal(line: &str, columns: u16, vars: &[(&str, &str)]) -> String {
    let (mut pty, pts) = pty_process::blocking::open().expect("a terminal");
    pty.resize(pty_process::Size::new(50, columns)).expect("a size");
    let command = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_aku"))
        .args(line.split_whitespace())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .envs(vars.iter().copied());
    let mut child = command.spawn(pts).expect("aku runs");
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    // A terminal whose other end is closed reads as an error.
    while let Ok(n) = pty.read(&mut buffer) {
        if n == 0 {
            break;
        }
        seen.extend_from_slice(&buffer[..n]);
    }
    child.wait().expect("aku ends");
    text(&seen).replace("\r\n", "\n")
}

#[test]
fn a_terminal_decides_colour_and_width() {
    let line = "show plans/first-start.json";
    for (columns, width) in [(40, 40), (80, 80), (120, 120), (200, 120)] {
        let seen = on_terminal(line, columns, &[("TERM", "xterm-256color")]);
        assert!(seen.contains('\u{1b}'), "no colour on a terminal");
        let plain = text(&run(aku(&format!("{line} --width {width}"))).stdout);
        assert_eq!(stripped(&seen), plain, "{columns} columns");
    }
    for vars in [&[("TERM", "dumb")][..], &[("TERM", "xterm"), ("NO_COLOR", "1")]] {
        assert!(!on_terminal(line, 80, vars).contains('\u{1b}'), "{vars:?}");
    }
    let narrower = on_terminal(line, 120, &[("TERM", "dumb"), ("COLUMNS", "60")]);
    assert_eq!(narrower, text(&run(aku(&format!("{line} --width 60"))).stdout), "COLUMNS comes before the terminal");
}

#[test]
fn golden_outputs_at_four_widths() {
    use unicode_width::UnicodeWidthStr as _;
    for width in [40, 80, 120, 200] {
        for (name, line) in [
            ("show-first-start", "show plans/first-start.json"),
            ("diff-start-end", "diff plans/first-start.json plans/end.json"),
        ] {
            let done = run(aku(&format!("{line} --width {width}")));
            let said = text(&done.stdout);
            golden().bind(|| insta::assert_snapshot!(format!("{name}-{width}"), said));
            for l in said.lines() {
                assert!(l.width() <= width, "{name} at {width}: {l}");
            }
        }
    }
}

#[test]
fn a_reader_who_went_away_is_no_error() {
    for line in ANSWERS {
        let mut child = aku(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("aku runs");
        drop(child.stdout.take());
        let done = child.wait_with_output().expect("aku ends");
        let want = run(aku(line)).status.code();
        assert_eq!(done.status.code(), want, "{line}: {}", text(&done.stderr));
        assert!(done.stderr.is_empty(), "{line}: {}", text(&done.stderr));
    }
}

#[test]
fn a_full_disk_ends_in_74() {
    for line in ANSWERS.into_iter().chain(["--help", "--version", "plan --help"]) {
        let full = OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
        let done = run({
            let mut c = aku(line);
            c.stdout(full).stderr(Stdio::piped());
            c
        });
        assert_eq!(done.status.code(), Some(74), "{line}: {}", text(&done.stderr));
        assert!(text(&done.stderr).contains("standard output"), "{line}: {}", text(&done.stderr));
    }
    // Nobody can be told when standard error is full too; the code still says it.
    let full = || OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let done = run({
        let mut c = aku("show plans/end.json");
        c.stdout(full()).stderr(full());
        c
    });
    assert_eq!(done.status.code(), Some(74));
}

/// An answer that goes nowhere is no answer, whatever the command.
#[test]
fn closed_streams_are_no_crash() {
    let show = "show plans/end.json";
    let rest =
        [(show, "2>&-", 0), (show, "<&-", 0), (show, ">&- 2>&- <&-", 74), ("validate conf/aku.conf.groups", ">&-", 74)];
    let answers = ANSWERS.into_iter().chain(["--help", "--version", "plan --help", "-i --conf conf/aku.conf.groups"]);
    for (line, closed, want) in answers.map(|line| (line, ">&-", 74)).chain(rest) {
        let shell = format!("exec \"$AKU\" {line} {closed}");
        let done = Command::new("/bin/sh")
            .args(["-c", &shell])
            .env("AKU", env!("CARGO_BIN_EXE_aku"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .expect("a shell");
        // Nothing that was opened in the place of a closed stream is written to.
        assert_eq!(done.status.code(), Some(want), "{line} {closed}: {}", text(&done.stderr));
        assert!(!text(&done.stderr).contains("panicked"), "{line} {closed}: {}", text(&done.stderr));
    }
}

#[test]
fn answers_go_to_one_stream_and_talk_to_the_other() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("p.json");
    let line = "plan start --from snapshots/captured-first-start.json --conf snapshots/captured.conf";
    let saved = format!("{line} -o {}", file.display());
    let loud = run(aku(&saved));
    assert!(text(&loud.stderr).starts_with("saved to "), "{}", text(&loud.stderr));
    let quiet = run(aku(&format!("{saved} --quiet")));
    assert!(quiet.stderr.is_empty(), "{}", text(&quiet.stderr));
    assert_eq!(quiet.stdout, loud.stdout);
    let json = run(aku(&format!("{line} --format json")));
    assert_eq!(json.stdout, std::fs::read(&file).expect("the plan"), "the same document on both roads");
    let unwritable = run(aku(&format!("{line} -o /dev/full")));
    assert_eq!(unwritable.status.code(), Some(74), "{}", text(&unwritable.stderr));
}
