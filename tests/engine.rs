//! The apply engine through the real program on a lab: the lock, journals, events, signals at a terminal, streams that
//! cannot be written. `AKU_CASES` asks for more repetitions, `AKU_SEED` repeats a run.
#![allow(clippy::unwrap_used)] // Helpers of tests panic where a test would.

#[path = "engine/hooks.rs"]
mod hooks;
mod life;

use std::{
    fs::{self, OpenOptions},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use aku::{
    db::wire::{Cell, Response},
    events::{Line, What},
    lab::{
        fault::{Fault, Party},
        process::wait_until,
    },
};
use life::{Dice, PATIENCE, Run, Stage, Style, TABLES, Writer, cases, converge, fill, pod, started};

fn yes(on: u8) -> String {
    format!("--yes --approve deletes-rows=altibase-sts/{on}")
}

/// With a journal and events in files of their own.
fn recorded(stage: &Stage, on: u8, args: &str, name: &str) -> Command {
    let mut command = stage.command(on, args);
    command.env("AKU_STATE_DIR", state(stage)).env("AKU_CLI_EVENTS", stage.dir().join(name));
    command
}

fn state(stage: &Stage) -> PathBuf {
    stage.dir().join("state")
}

fn lines(path: &Path) -> Vec<Line> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}"))).collect()
}

/// Gapless, begins with the beginning, ends with the end and this exit code, and is what the schema says.
fn check_events(path: &Path, code: i32) -> Vec<Line> {
    let lines = lines(path);
    let seqs: Vec<u64> = lines.iter().map(|l| l.seq).collect();
    assert_eq!(seqs, (1..=lines.len() as u64).collect::<Vec<_>>());
    assert!(matches!(lines[0].what, What::RunStart { .. }), "{:?}", lines[0]);
    let ends: Vec<_> = lines.iter().filter(|l| matches!(l.what, What::RunEnd { .. })).collect();
    assert_eq!(ends.len(), 1);
    let What::RunEnd { exit_code, .. } = lines[lines.len() - 1].what else { panic!("{:?}", lines.last()) };
    assert_eq!(i32::from(exit_code), code);
    let mut compiler = boon::Compiler::new();
    let schema = serde_json::from_str(&aku::events::schema::text()).unwrap();
    compiler.add_resource("event.json", schema).unwrap();
    let mut schemas = boon::Schemas::new();
    let index = compiler.compile("event.json", &mut schemas).unwrap();
    for line in fs::read_to_string(path).unwrap().lines() {
        let value = serde_json::from_str(line).unwrap();
        schemas.validate(&value, index).unwrap_or_else(|e| panic!("{line}\n{e}"));
    }
    lines
}

fn slow(stage: &Stage, on: u8, millis: u32) {
    stage.lab.fault(pod(on), None, Fault::Latency { from: Party::Clients, millis }).unwrap();
}

fn wait(child: Child) -> Run {
    child.wait_with_output().unwrap().into()
}

fn piped(mut command: Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Whether a journal says that a statement beginning so is about to be sent.
fn intended(stage: &Stage, sql: &str) -> bool {
    let what = format!("\"sql\":\"{sql}");
    let Ok(entries) = fs::read_dir(state(stage).join("runs")) else { return false };
    entries.flatten().any(|e| fs::read_to_string(e.path()).is_ok_and(|t| t.contains(&what)))
}

#[test]
fn two_pods_that_start_at_once_are_both_joined() {
    let mut dice = Dice::new("two_at_once");
    let stage = started(1, 3);
    fill(&stage, 0, 60);
    for case in 0..cases(3) {
        let first = 1 + u8::try_from(dice.below(2)).unwrap();
        let second = 3 - first;
        println!("case {case}: pod {first}, then pod {second}");
        let one = piped(stage.command(first, "-p start"));
        thread::sleep(Duration::from_millis(dice.below(400)));
        let two = piped(stage.command(second, "-p start"));
        for (on, child) in [(first, one), (second, two)] {
            let run = wait(child);
            assert_eq!(run.code, Some(0), "pod {on}\n{}{}", run.out, run.err);
        }
        stage.equal(&[0, 1, 2]);
        for on in [1, 2] {
            stage.ok(on, "plan start --exit-code");
        }
        for on in [first, second] {
            match dice.below(2) {
                0 => drop(stage.ok(on, "-p end")),
                _ => stage.restart(on),
            }
        }
    }
}

#[test]
fn a_second_run_is_told_who_is_at_it() {
    let stage = started(1, 3);
    slow(&stage, 1, 200);
    let first = piped(recorded(&stage, 1, "-p start", "first"));
    assert!(wait_until(PATIENCE, || intended(&stage, "")));
    let run = stage.aku(2, &format!("apply start {}", yes(2)));
    assert_eq!(run.code, Some(6), "{}{}", run.out, run.err);
    let id = lines(&stage.dir().join("first"))[0].run_id.clone();
    for words in
        ["error[locked]", "the start of pod 1", &id, &format!("pid {}", first.id()), "--lock-timeout", "exit 6"]
    {
        assert!(run.err.contains(words), "{words} not in\n{}", run.err);
    }
    let patient = recorded(&stage, 2, &format!("apply start {} --lock-timeout 1m", yes(2)), "second").output().unwrap();
    let patient = Run::from(patient);
    assert_eq!(patient.code, Some(0), "{}{}", patient.out, patient.err);
    assert!(patient.err.contains("waiting for the start of pod 1"), "{}", patient.err);
    assert_eq!(wait(first).code, Some(0));
    let events = check_events(&stage.dir().join("second"), 0);
    let locks = events.iter().filter(|l| matches!(l.what, What::Lock { .. })).count();
    assert!(locks >= 2, "{locks}");
    stage.lab.clear_all(pod(1)).unwrap();
    stage.equal(&[0, 1, 2]);
}

#[test]
fn a_run_that_lost_its_lock_begins_nothing_new() {
    let stage = started(2, 3);
    fill(&stage, 0, 20);
    slow(&stage, 2, 120);
    let child = piped(recorded(&stage, 2, "-p start", "events"));
    assert!(wait_until(PATIENCE, || intended(&stage, "")));
    let find = "SELECT ID FROM V$SESSION WHERE CLIENT_APP_INFO LIKE 'aku lock %'";
    let one = |sql: &str| stage.select(0, sql).remove(0).remove(0);
    let (Cell::Int(id), Cell::Text(name)) = (one(find), one("SELECT DB_NAME FROM V$DATABASE")) else {
        panic!("nobody holds the lock on pod 0")
    };
    stage.sql(0, &format!("ALTER DATABASE {} SESSION CLOSE {id}", name.trim()));
    let run = wait(child);
    assert_eq!(run.code, Some(8), "{}{}", run.out, run.err);
    assert!(run.out.contains("the lock on pod 0 was lost"), "{}", run.out);
    check_events(&stage.dir().join("events"), 8);
    stage.lab.clear_all(pod(2)).unwrap();
    converge(&stage, 2);
    stage.equal(&[0, 1, 2]);
}

#[test]
fn events_are_whole_however_a_run_ends() {
    let stage = started(1, 2);
    fill(&stage, 0, 10);
    let table = [
        (1, format!("apply start {} --conf none.conf", yes(1)), 66),
        (1, "apply start --no-input".to_owned(), 3),
        (1, format!("apply start {}", yes(1)), 0),
        (1, format!("apply start {}", yes(1)), 0),
        (1, "-p start".to_owned(), 3),
        (1, "-p end".to_owned(), 0),
        (1, "apply none.json --yes".to_owned(), 66),
        (1, format!("apply start {} --deadline 1ms", yes(1)), 8),
    ];
    for (i, (on, args, code)) in table.iter().enumerate() {
        let name = format!("events-{i}");
        let run = Run::from(recorded(&stage, *on, args, &name).output().unwrap());
        assert_eq!(run.code, Some(*code), "{args}\n{}{}", run.out, run.err);
        let events = check_events(&stage.dir().join(&name), *code);
        assert_eq!(events.iter().any(|l| matches!(l.what, What::Diagnostic { .. })), ![0, 8].contains(code), "{args}");
    }
    // On standard output, and nothing else there.
    let run = stage.ok(1, &format!("apply start {} --events -", yes(1)));
    let path = stage.dir().join("stdout");
    fs::write(&path, &run.out).unwrap();
    check_events(&path, 0);
    let run = stage.aku(1, "apply end --yes --events fd:1");
    fs::write(&path, run.out.lines().filter(|l| l.starts_with("{\"seq\"")).fold(String::new(), |t, l| t + l + "\n"))
        .unwrap();
    check_events(&path, 0);
    let list = Run::from(recorded(&stage, 1, "runs list", "x").output().unwrap());
    assert_eq!(list.out.lines().count(), table.len(), "{}", list.out);
    assert!(list.out.contains("aku -p end") && list.out.contains("done"), "{}", list.out);
    let gc = Run::from(recorded(&stage, 1, "runs gc --keep 2", "x").output().unwrap());
    assert!(gc.out.starts_with(&format!("removed {} journals", table.len() - 2)), "{}", gc.out);
}

#[test]
fn a_killed_run_leaves_evidence_and_the_next_one_looks() {
    let stage = started(2, 3);
    fill(&stage, 0, 30);
    slow(&stage, 2, 250);
    let mut child = piped(recorded(&stage, 2, "-p start", "first"));
    assert!(wait_until(PATIENCE, || intended(&stage, "ALTER SYSTEM SET REPLICATION_DDL_ENABLE = 1")));
    child.kill().unwrap();
    child.wait().unwrap();
    stage.lab.clear_all(pod(2)).unwrap();
    let show = Run::from(recorded(&stage, 2, "runs show", "x").output().unwrap());
    assert_eq!(show.code, Some(0), "{}", show.err);
    for words in ["no end", "no outcome", "ALTER SYSTEM SET REPLICATION_DDL_ENABLE = 1", "it was killed", "not run"] {
        assert!(show.out.contains(words), "{words} not in\n{}", show.out);
    }
    let again = Run::from(recorded(&stage, 2, "-p start", "second").output().unwrap());
    assert_eq!(again.code, Some(0), "{}{}", again.out, again.err);
    assert!(again.out.contains("ended in the middle of 1 statement"), "{}", again.out);
    let events = check_events(&stage.dir().join("second"), 0);
    assert!(events.iter().any(|l| matches!(l.what, What::Resolved { .. })));
    stage.equal(&[0, 1, 2]);
    let third = Run::from(recorded(&stage, 2, "apply start --yes", "third").output().unwrap());
    assert!(!third.err.contains("in the middle"), "{}", third.err);
}

#[test]
fn ends_and_cleans_killed_anywhere_converge() {
    let mut dice = Dice::new("ends_killed");
    let stage = started(3, 3);
    fill(&stage, 0, 40);
    for case in 0..cases(3) {
        let lines = 3 + usize::try_from(dice.below(16)).unwrap();
        println!("case {case}: the end is killed after line {lines}");
        let first = 1_000_000 + i64::try_from(case).unwrap() * 100_000;
        let writer = Writer::new(&stage, 2, TABLES[0], first, Style::Autocommit);
        thread::sleep(Duration::from_millis(100));
        stage.killed_after(2, "-p end", lines);
        stage.ok(2, "-p end");
        let written = writer.thrown_out();
        stage.equal(&[0, 1]);
        assert_eq!(written.missing(&stage.table(1, TABLES[0])), [0_i64; 0]);
        let clean = 3 + usize::try_from(dice.below(6)).unwrap();
        stage.killed_after(2, "-p clean", clean);
        stage.ok(2, "-p clean");
        assert_eq!(stage.select(2, "SELECT REPLICATION_NAME FROM SYSTEM_.SYS_REPLICATIONS_").len(), 0);
        stage.restart(2);
        converge(&stage, 2);
        stage.equal(&[0, 1, 2]);
    }
}

#[test]
fn what_cannot_be_written_stops_no_statement() {
    type Spoil<'a> = Box<dyn Fn(&mut Command) + 'a>;
    let stage = started(1, 2);
    fill(&stage, 0, 10);
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    let table: [(&str, i32, Spoil); 4] = [
        (
            "standard output is full",
            74,
            Box::new(|c| {
                c.stdout(full());
            }),
        ),
        (
            "standard error is full",
            0,
            Box::new(|c| {
                c.stderr(full());
            }),
        ),
        (
            "the events are full",
            74,
            Box::new(|c| {
                c.env("AKU_CLI_EVENTS", "/dev/full");
            }),
        ),
        (
            "there is no place for the journal",
            0,
            Box::new(|c| {
                c.env("AKU_STATE_DIR", "/proc/nowhere");
            }),
        ),
    ];
    for (what, code, spoil) in table {
        for args in ["-p start", "-p end"] {
            let mut command = stage.command(1, args);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            spoil(&mut command);
            let run = Run::from(command.output().unwrap());
            assert_eq!(run.code, Some(code), "{what}: {args}\n{}{}", run.out, run.err);
            if what.contains("journal") {
                assert!(run.out.contains("the journal of this run cannot be written"), "{}", run.out);
            }
        }
        assert_eq!(stage.select(1, "SELECT REPLICATION_NAME FROM SYSTEM_.SYS_REPLICATIONS_ WHERE XSN <> -1").len(), 0);
    }
    // A reader that goes away in the middle.
    let mut child = piped(stage.command(1, "-p start"));
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    stage.equal(&[0, 1]);
}

/// The program at a terminal of its own.
struct Terminal {
    pty: pty_process::blocking::Pty,
    child: Child,
    _over: std::sync::mpsc::Sender<()>,
}

impl Terminal {
    fn new(stage: &Stage, on: u8, args: &str, events: &str) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(24, 100)).unwrap();
        let plain = recorded(stage, on, args, events);
        let mut command = pty_process::blocking::Command::new(plain.get_program());
        command = command.args(plain.get_args()).current_dir(plain.get_current_dir().unwrap()).env("TERM", "xterm");
        for (name, value) in plain.get_envs() {
            command = match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let child = command.env_remove("CI").spawn(pts).unwrap();
        let (over, is_over) = std::sync::mpsc::channel::<()>();
        let pid = child.id().to_string();
        // A read from a terminal has no bound of its own.
        thread::spawn(move || {
            if is_over.recv_timeout(Duration::from_secs(150)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                Command::new("kill").args(["-9", &pid]).status().unwrap();
            }
        });
        Self { child, pty, _over: over }
    }

    fn until(&mut self, words: &str) -> String {
        let mut seen = String::new();
        let mut piece = [0; 4096];
        while !seen.contains(words) {
            let n = self.pty.read(&mut piece).unwrap_or(0);
            assert!(n > 0, "{words} did not come:\n{seen}");
            seen += &String::from_utf8_lossy(&piece[..n]);
        }
        seen
    }

    fn interrupt(&mut self) {
        self.pty.write_all(&[3]).unwrap();
    }

    /// Reads on, so that nothing blocks, until it ends.
    fn end(mut self) -> (i32, String) {
        let mut seen = Vec::new();
        // The terminal of a process that ended answers with an error.
        let _ = self.pty.read_to_end(&mut seen);
        (self.child.wait().unwrap().code().unwrap(), String::from_utf8_lossy(&seen).into_owned())
    }
}

#[test]
fn control_c_in_every_phase() {
    let stage = started(2, 3);
    fill(&stage, 0, 50);
    // While a person is asked: at once, and nothing was changed.
    let before = [0, 1, 2].map(|n| stage.state(n));
    let mut terminal = Terminal::new(&stage, 2, "apply start", "asked");
    terminal.until("anything else stops");
    terminal.interrupt();
    let (code, seen) = terminal.end();
    assert_eq!(code, 8, "{seen}");
    assert!(seen.contains("before anything was changed"), "{seen}");
    check_events(&stage.dir().join("asked"), 8);
    assert_eq!([0, 1, 2].map(|n| stage.state(n)), before);
    // While actions run: in good order.
    slow(&stage, 2, 300);
    let mut terminal = Terminal::new(&stage, 2, &format!("apply start {}", yes(2)), "acting");
    terminal.until("^C stops");
    assert!(wait_until(PATIENCE, || intended(&stage, "ALTER SYSTEM SET REPLICATION_DDL_ENABLE = 1")));
    terminal.interrupt();
    let (code, seen) = terminal.end();
    assert_eq!(code, 8, "{seen}");
    let events = check_events(&stage.dir().join("acting"), 8);
    assert!(events.iter().any(|l| matches!(&l.what, What::Signal { name, .. } if name == "SIGINT")));
    let ddl = "SELECT VALUE1 FROM V$PROPERTY WHERE NAME = 'REPLICATION_DDL_ENABLE'";
    assert_eq!(stage.select(2, ddl), [[Cell::Text("0".to_owned())]], "{seen}");
    // Twice, while no server answers at all.
    let mut terminal = Terminal::new(&stage, 2, &format!("apply start {} --connect-timeout 30s", yes(2)), "twice");
    let twice = stage.dir().join("twice");
    assert!(wait_until(Duration::from_secs(120), || {
        fs::read_to_string(&twice).is_ok_and(|t| t.contains("\"action_start\""))
    }));
    for n in 0..3 {
        stage.lab.fault(pod(n), None, Fault::Freeze).unwrap();
    }
    terminal.interrupt();
    assert!(wait_until(PATIENCE, || fs::read_to_string(&twice).is_ok_and(|t| t.contains("\"signal\""))));
    let began = Instant::now();
    terminal.interrupt();
    let (code, seen) = terminal.end();
    let took = began.elapsed();
    assert_eq!(code, 130, "{seen}");
    // A second by contract, and another for a busy machine.
    assert!(took < Duration::from_secs(2), "{took:?}");
    check_events(&twice, 130);
    for n in 0..3 {
        stage.lab.clear_all(pod(n)).unwrap();
    }
    converge(&stage, 2);
    stage.equal(&[0, 1, 2]);
}

#[test]
fn the_password_is_in_no_journal_event_log_or_process_list() {
    let stage = started(1, 2);
    let canary = "Canary-83#x";
    for n in [0, 1] {
        let changed = stage.sql(n, &format!("ALTER USER SYS IDENTIFIED BY \"{canary}\""));
        assert!(matches!(changed, Response::Done { .. }));
    }
    let secret = stage.dir().join("secret");
    fs::write(&secret, canary).unwrap();
    for (args, variable) in [("-p start --verbose --verbose", true), ("apply end --yes -vv --log-format json", false)] {
        let mut command = recorded(&stage, 1, args, "events");
        if variable {
            command.env("AKU_SYS_PASSWORD", canary);
        } else {
            command.env("AKU_SYS_PASSWORD_FILE", &secret);
        }
        let child = piped(command);
        let cmdline = fs::read_to_string(format!("/proc/{}/cmdline", child.id())).unwrap_or_default();
        let run = wait(child);
        assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
        assert!(run.err.contains("statement"), "no statement is logged: {}", run.err);
        let mut seen = vec![cmdline, run.out, run.err, fs::read_to_string(stage.dir().join("events")).unwrap()];
        for entry in fs::read_dir(state(&stage).join("runs")).unwrap().flatten() {
            seen.push(fs::read_to_string(entry.path()).unwrap());
        }
        assert!(seen.iter().all(|text| !text.contains("83#x")), "{args}");
        assert!(seen.iter().any(|text| text.contains("\"intent\"")));
    }
}
