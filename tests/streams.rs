//! Readers that die, streams that are closed, disks that are full. What only looks ends quietly; what changes pods goes
//! on to its end first (`plan-apply-anchors.md` 2.5).
#![allow(clippy::unwrap_used)] // Helpers of tests panic where a test would.

mod life;

use std::{
    fs::{self, OpenOptions},
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
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
        // The same with a stream that was closed before; nothing else may be taken for standard output.
        let run = behind_shell(&stage, 1, args, "", ">&-");
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "aku {args} >&-");
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
    assert_eq!((run.code, run.out, run.err), (Some(0), String::new(), String::new()));
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
