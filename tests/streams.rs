//! Readers that die or read nothing, streams that are closed, disks that are full, programs, files and servers that never
//! come to an end. What only looks ends quietly; what changes pods goes on to its end first (`contract.md` 2.5),
//! and nobody holds it up (DESIGN D20).
#![allow(clippy::unwrap_used)] // Helpers of tests panic where a test would.

mod life;

use std::{
    fs::{self, OpenOptions},
    io::{BufRead as _, BufReader, PipeReader, Write as _},
    net::TcpListener,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use aku::lab::process::wait_until;
use life::{PATIENCE, Run, Stage, TABLES, pod};

fn full() -> Stdio {
    OpenOptions::new().write(true).open("/dev/full").unwrap().into()
}

/// A pipe whose reader is gone already.
fn dead() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// The program behind a shell that prepares it with `setup` and ends with the redirections `streams`.
fn behind_shell(stage: &Stage, on: u8, args: &str, setup: &str, streams: &str) -> Run {
    let program = stage.command(on, args);
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{setup}\nexec \"$0\" \"$@\" {streams}")).arg(program.get_program());
    shell.args(program.get_args()).current_dir(program.get_current_dir().unwrap());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.output().unwrap().into()
}

/// No file can grow any more: what a full disk is to a process. The signal that comes with it is ignored.
const DISK_FULL: &str = "trap '' XFSZ; ulimit -f 0";

fn one_started() -> Stage {
    let stage = Stage::new(2);
    stage.ok(0, "-p start");
    for key in 0..5 {
        stage.sql(0, &format!("INSERT INTO SYS.T1 VALUES ({key}, 'row', 0)"));
    }
    stage
}

fn all_joined(stage: &Stage) {
    stage.equal(&[0, 1]);
    assert_eq!(stage.table(1, TABLES[0]).len(), 5);
    stage.ok(1, "plan start --exit-code");
}

#[test]
fn whoever_only_looks_ends_quietly_when_nobody_reads() {
    let stage = one_started();
    // Those that need no pod are in `output`.
    let commands = ["plan", "plan --format json", "status", "status --format json", "drift", "validate", "-i"];
    for args in commands {
        let run: Run = stage.command(1, args).stdout(dead()).output().unwrap().into();
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "aku {args} | true");
        // A stream that was closed before takes no answer, and nothing else may be taken for standard output.
        let run = behind_shell(&stage, 1, args, "", ">&-");
        assert_eq!(run.code, Some(74), "aku {args} >&-");
        assert!(run.err.contains("error[output]"), "aku {args} >&-: {}", run.err);
        let run: Run = stage.command(1, args).stdout(full()).output().unwrap().into();
        assert_eq!(run.code, Some(74), "aku {args} > /dev/full");
        assert!(run.err.contains("No space left on device"), "aku {args} > /dev/full: {}", run.err);
        // Standard error has nothing to say, and nobody to say it to.
        let code = stage.command(1, args).stdout(Stdio::null()).stderr(full()).status().unwrap().code();
        assert_eq!(code, Some(0), "aku {args} 2> /dev/full");
    }
    // The exit code is the answer where it was asked for.
    let run: Run = stage.command(1, "plan --exit-code").stdout(dead()).output().unwrap().into();
    assert_eq!(run.code, Some(2));
}

#[test]
fn a_run_goes_on_when_nobody_reads() {
    // One line is read, as by `| head -1`. A hook's log may be read as far as anybody likes (`engine`); the result of a
    // command is lost when nobody reads it, and the journal says so.
    let stage = one_started();
    let mut child =
        stage.command(1, "apply start --yes").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    drop(child.stderr.take());
    assert!(first.starts_with("aku apply"), "{first}");
    assert_eq!(child.wait().unwrap().code(), Some(74));
    let journal = stage.ok(1, "runs show").out;
    assert!(journal.contains("standard output could not be written"), "{journal}");
    assert!(stage.marker(1).exists());
    all_joined(&stage);
}

#[test]
fn a_run_goes_on_when_its_streams_are_full_or_closed() {
    // Neither its output nor its progress can be written anywhere.
    let stage = one_started();
    let code = stage.command(1, "apply start --yes").stdout(full()).stderr(full()).status().unwrap().code();
    assert_eq!(code, Some(74));
    all_joined(&stage);
    // Nothing to do is an answer as well.
    let run: Run = stage.command(1, "apply start --yes").stdout(full()).output().unwrap().into();
    assert_eq!(run.code, Some(74), "{}", run.err);
    assert!(run.err.contains("the pods are not affected"), "{}", run.err);
    stage.ok(1, "-p end");

    let run = behind_shell(&stage, 1, "apply start --yes --approve deletes-rows=altibase-sts/1", "", "<&- >&- 2>&-");
    // The work is done, and its report could not be given.
    assert_eq!((run.code, run.out, run.err), (Some(74), String::new(), String::new()));
    all_joined(&stage);
}

#[test]
fn a_full_disk_leaves_the_old_plan_and_no_half_one() {
    let stage = one_started();
    stage.ok(1, "plan start -o p.json");
    let (path, names) = (stage.dir().join("p.json"), || {
        let mut names: Vec<_> = fs::read_dir(stage.dir()).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    });
    let (before, there) = (fs::read(&path).unwrap(), names());
    for args in ["plan start -o p.json", "plan start -o new.json", "capture -o p.json", "capture -o new.json"] {
        let run = behind_shell(&stage, 1, args, DISK_FULL, "");
        assert_eq!(run.code, Some(74), "aku {args}: {}{}", run.out, run.err);
        assert!(run.err.contains(".json: File too large"), "{}", run.err);
        assert_eq!((fs::read(&path).unwrap(), names()), (before.clone(), there.clone()), "aku {args}");
    }
    stage.ok(1, "apply p.json --yes");
    all_joined(&stage);
}

#[test]
fn a_marker_that_cannot_be_written_is_found_before_anything_is_changed() {
    let stage = one_started();
    let catalog = "SELECT COUNT(*) FROM SYSTEM_.SYS_REPLICATIONS_";
    let before = stage.select(1, catalog);
    for door in ["apply start --yes", "-p start"] {
        let run = behind_shell(&stage, 1, door, DISK_FULL, "");
        assert_eq!(run.code, Some(74), "{}{}", run.out, run.err);
        let said = format!("{}{}", run.out, run.err);
        assert!(said.contains("error[marker]") && said.contains("aku_start_completed-1:"), "{said}");
        assert!(said.contains("too large"), "{said}");
        assert_eq!(stage.select(1, catalog), before, "something was changed");
    }
    let folder = stage.marker(1);
    let left: Vec<_> = fs::read_dir(folder.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["aku_start_completed-0"], "a half marker is left");
    stage.ok(1, "apply start --yes");
    assert!(stage.marker(1).exists());
    stage.equal(&[0, 1]);
    all_joined(&stage);
}

#[test]
fn a_lost_terminal_of_a_hook_is_no_reason_to_stop() {
    let stage = one_started();
    // The pod is slow enough for the reader to be gone in the middle.
    let late = aku::lab::fault::Fault::Latency { from: aku::lab::fault::Party::Clients, millis: 20 };
    stage.lab.fault(pod(1), None, late).unwrap();
    let mut child = stage.command(1, "-p start").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("create AKU_REP_01")));
    drop(lines);
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    stage.lab.clear_all(pod(1)).unwrap();
    assert!(wait_until(PATIENCE, || stage.marker(1).exists()));
    all_joined(&stage);
}

/// A pipe with room for `room` bytes whose reader reads nothing.
fn stuck(room: usize) -> (PipeReader, Stdio) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    rustix::pipe::fcntl_setpipe_size(&writer, 4096).unwrap();
    writer.write_all(&vec![b'x'; 4096 - room]).unwrap();
    (reader, writer.into())
}

/// Its exit code, when it ends within this time.
fn within(seconds: u64, child: &mut Child) -> Option<i32> {
    let ended = wait_until(Duration::from_secs(seconds), || child.try_wait().unwrap().is_some());
    assert!(ended, "it is still there after {seconds} s");
    child.wait().unwrap().code()
}

/// Deadline, grace and what a busy machine needs on top: the promise itself is 2 s.
const LIMITS: (&str, &str, u64) = ("20s", "2s", 30);

fn hook(stage: &Stage, on: u8, what: &str) -> Command {
    let mut command = stage.command(on, &format!("-p {what}"));
    command.env("AKU_CLI_DEADLINE", LIMITS.0).env("AKU_CLI_GRACE", LIMITS.1);
    command
}

fn property(stage: &Stage, on: u8, name: &str) -> String {
    let cells = stage.select(on, &format!("SELECT VALUE1 FROM V$PROPERTY WHERE NAME = '{name}'"));
    format!("{:?}", cells[0][0])
}

#[test]
fn a_log_that_nobody_reads_holds_up_neither_a_start_nor_an_end() {
    let stage = one_started();
    // Full from the beginning; full in the middle; both streams and the events.
    for room in [0, 2000, 1] {
        let ((_reader, out), (_other, err), (_events, events)) = (stuck(room), stuck(0), stuck(0));
        let mut command = hook(&stage, 1, "start");
        command.stdout(out);
        if room == 1 {
            command.stderr(err).stdin(events).env("AKU_CLI_EVENTS", "fd:0");
        }
        let code = within(LIMITS.2, &mut command.spawn().unwrap());
        // Events were asked for, and are lost; a log may be.
        assert_eq!(code, Some(if room == 1 { 74 } else { 0 }), "room for {room} bytes");
        assert!(stage.marker(1).exists());
        stage.equal(&[0, 1]);
        assert_eq!(property(&stage, 1, "REPLICATION_DDL_ENABLE"), r#"Text("0")"#);
        assert_eq!(property(&stage, 0, "REPLICATION_SYNC_LOCK_TIMEOUT"), r#"Text("30")"#);
        stage.sql(1, &format!("INSERT INTO SYS.T1 VALUES ({}, 'late', 0)", 100 + room));
        let (_reader, out) = stuck(room);
        assert_eq!(within(LIMITS.2, &mut hook(&stage, 1, "end").stdout(out).spawn().unwrap()), Some(0));
        assert_eq!(property(&stage, 1, "ADMIN_MODE"), r#"Text("1")"#);
        assert!(stage.table(0, TABLES[0]).contains_key(&(100 + i64::try_from(room).unwrap())), "it was not flushed");
    }
    // A result that somebody asked for is lost when nobody reads it.
    let (_reader, out) = stuck(0);
    let mut apply = stage.command(1, "apply start --yes --approve deletes-rows=altibase-sts/1");
    assert_eq!(within(LIMITS.2, &mut apply.stdout(out).spawn().unwrap()), Some(74));
    stage.equal(&[0, 1]);
}

#[test]
fn a_signal_ends_a_run_whose_log_nobody_reads() {
    let stage = one_started();
    let late = aku::lab::fault::Fault::Latency { from: aku::lab::fault::Party::Clients, millis: 100 };
    stage.lab.fault(pod(1), None, late).unwrap();
    let (_reader, out) = stuck(2000);
    let mut command = hook(&stage, 1, "start");
    let mut child = command.stdout(out).env("AKU_STATE_DIR", stage.dir().join("state")).spawn().unwrap();
    let runs = stage.dir().join("state/runs");
    let acts = || {
        let texts = fs::read_dir(&runs).into_iter().flatten().flatten().map(|e| fs::read_to_string(e.path()));
        texts.flatten().any(|t| t.contains("\"intent\""))
    };
    assert!(wait_until(PATIENCE, acts));
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert_eq!(within(20, &mut child), Some(8));
    stage.lab.clear_all(pod(1)).unwrap();
    assert_eq!(property(&stage, 1, "REPLICATION_DDL_ENABLE"), r#"Text("0")"#);
    assert_eq!(property(&stage, 0, "REPLICATION_SYNC_LOCK_TIMEOUT"), r#"Text("30")"#);
    // Nobody has the lock or the session.
    life::converge(&stage, 1);
    all_joined(&stage);
}

/// What takes for ever is struck at every place where a command waits for something outside.
#[test]
fn the_deadline_holds_whatever_a_command_waits_for() {
    let stage = one_started();
    let hangs = stage.dir().join("hangs.sh");
    fs::write(&hangs, "#!/bin/sh\ntrap '' TERM\nsleep 600 & sleep 600\n").unwrap();
    fs::set_permissions(&hangs, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    // One that nobody writes to, and one that nobody reads.
    let (fifo, pipe) = (stage.dir().join("fifo"), stage.dir().join("pipe"));
    assert!(Command::new("mkfifo").arg(&fifo).arg(&pipe).status().unwrap().success());
    let (fifo, pipe, hangs) = (fifo.display(), pipe.display(), hangs.display());
    // Every answer comes a byte at a time.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                while stream.write_all(&[1]).is_ok() {
                    thread::sleep(Duration::from_millis(20));
                }
            });
        }
    });
    let (ip, port) = (address.ip(), address.port());
    let at = format!(
        "transport = \"lab\"\nhost = \"{ip}\"\nport = {port}\nreplication_host = \"{ip}\"\nreplication_port = {port}\n"
    );
    let drips = stage.dir().join("drips.toml");
    fs::write(&drips, format!("[pod.0]\n{at}[pod.1]\n{at}")).unwrap();
    let drips = drips.display();
    // The command, seconds that it may take beside those of a busy machine, and its exit code.
    let table = [
        (format!("apply start --yes --policy-cmd {hangs} --deadline 2s --grace 1s"), 5, 8),
        (format!("apply start --yes --endpoints {drips} --deadline 2s --grace 1s"), 5, 8),
        (format!("apply start --yes --endpoints {drips} --connect-timeout 1s"), 10, 7),
        (format!("status --endpoints {drips} --connect-timeout 1s"), 10, 69),
        (format!("apply start --yes --conf {fifo} --deadline 2s --grace 1s"), 5, 66),
        (format!("apply start --yes --events {pipe}"), 10, 74),
        (format!("show {fifo}"), 5, 66),
        (format!("validate --conf {fifo}"), 5, 66),
        (format!("drift --accept {fifo}"), 5, 66),
        (format!("status --endpoints {fifo}"), 5, 66),
        ("show /dev/zero".to_owned(), 5, 66),
    ];
    // A command that only looks takes its deadline from the environment.
    let looks = [
        (format!("status --endpoints {drips} --connect-timeout 60s"), 8, ""),
        (format!("drift --nagios --endpoints {drips} --connect-timeout 60s"), 3, "AKU UNKNOWN"),
        (format!("plan start --policy-cmd {hangs}"), 8, ""),
    ];
    for (args, code, words) in looks {
        let run: Run = stage.command(1, &args).env("AKU_CLI_DEADLINE", "2s").output().unwrap().into();
        assert_eq!(run.code, Some(code), "aku {args}\n{}{}", run.out, run.err);
        assert!(
            run.out.starts_with(words) && run.err.contains("the deadline passed"),
            "aku {args}\n{}{}",
            run.out,
            run.err
        );
    }
    let began: Vec<_> = table
        .iter()
        .map(|(args, ..)| {
            let mut command = stage.command(1, args);
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            (Instant::now(), command.spawn().unwrap())
        })
        .collect();
    for ((began, mut child), (args, seconds, code)) in began.into_iter().zip(&table) {
        assert!(wait_until(Duration::from_secs(60), || child.try_wait().unwrap().is_some()), "aku {args}: no end");
        let took = began.elapsed();
        let run: Run = child.wait_with_output().unwrap().into();
        assert_eq!(run.code, Some(*code), "aku {args}\n{}{}", run.out, run.err);
        assert!(took < Duration::from_secs(seconds + 15), "aku {args}: {took:?}");
    }
    stage.ok(1, "-p start");
    all_joined(&stage);
}
