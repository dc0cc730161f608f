//! `aku lab` from a user's point of view, on real processes with a fake database inside.
#![allow(clippy::unwrap_used)] // Helpers of tests panic where a test would.

mod fake;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use aku::{
    cli::lab::{LabArgs, run_with},
    exit::Exit,
    lab::{
        Lab, LabError, LabOptions,
        fault::Fault,
        pod::run_pod,
        process::{Life, PodProgram, ProcessId, wait_until},
    },
    topology::{Ordinal, ServerCount},
};
use clap::Parser;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    lab: LabArgs,
}

/// Not a test: the body of a pod process. The working directory is the pod's.
#[test]
#[ignore = "run as a pod by the other tests"]
fn pod_process() {
    // Started by hand, with --ignored, there is no pod here.
    if Path::new("pod.toml").exists() {
        let dir = std::env::current_dir().unwrap();
        run_pod(&dir, |boot| fake::Fake::open(boot.dir)).unwrap();
    }
}

fn program() -> PodProgram {
    PodProgram {
        program: std::env::current_exe().unwrap(),
        args: ["pod_process", "--exact", "--ignored"].map(Into::into).to_vec(),
    }
}

struct Shell<'a> {
    dir: &'a Path,
}

impl Shell<'_> {
    fn typed(&self, line: &str, input: &str) -> (Exit, String) {
        let words = ["aku", "--dir", self.dir.to_str().unwrap()].into_iter().chain(line.split(' '));
        let args = Cli::try_parse_from(words).unwrap().lab;
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = run_with(args, program(), &mut input.as_bytes(), &mut out, &mut err);
        out.extend(err);
        (exit, String::from_utf8(out).unwrap().replace(self.dir.to_str().unwrap(), "DIR"))
    }

    fn ok(&self, line: &str) -> String {
        let (exit, text) = self.typed(line, "");
        assert_eq!(exit, Exit::Ok, "aku lab {line}: {text}");
        text
    }

    fn fails(&self, line: &str) -> (Exit, String) {
        let (exit, text) = self.typed(line, "");
        assert_ne!(exit, Exit::Ok, "aku lab {line}: {text}");
        (exit, text)
    }
}

#[test]
fn the_life_of_a_lab() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().canonicalize().unwrap().join("my lab");
    let lab = Shell { dir: &dir };
    let (exit, text) = lab.fails("status");
    assert_eq!(
        (exit, text.as_str()),
        (Exit::NoInput, "error: there is no lab in DIR; make one with: aku lab up --dir DIR\n")
    );
    assert_eq!(lab.ok("down"), "no lab in DIR, nothing to take down\n");

    let text = lab.ok("up --pods 2 --server 2018");
    assert!(text.starts_with("2 pods (2018) are up in DIR after "), "{text}");
    let (exit, text) = lab.fails("up");
    assert_eq!(exit, Exit::Refused);
    assert!(text.contains("a lab of 2 pods is already in DIR"), "{text}");

    let listed = lab.ok("sql 0 LIST");
    let rows: Vec<_> = listed.lines().skip(2).collect();
    assert_eq!(rows, ["| table SYS.T1 |", "| table SYS.T2 |", "| table SYS.T3 |", "3 rows."]);
    let (exit, text) = lab.typed("sql pod-1", "PUT ';'; -- nothing\nNONSENSE;\nPUT b");
    assert_eq!(
        (exit, text.as_str()),
        (Exit::Partial, "Done.\n[ERR-31001 : no statement -- nothing\nNONSENSE]\nDone.\n")
    );

    assert_eq!(lab.ok("kill 1 0"), "pod-1 killed\npod-0 killed\n");
    assert_eq!(lab.ok("kill 1"), "pod-1 killed\n");
    let (exit, text) = lab.fails("sql 1 LIST");
    assert_eq!(
        (exit, text.as_str()),
        (Exit::Unavailable, "error: pod 1 is not running; start it with: aku lab start 1\n")
    );
    assert_eq!(lab.ok("start pod-1"), "pod-1 started\n");
    assert!(lab.ok("sql 1 LIST").contains("| b "));
    assert!(lab.fails("start 1").1.contains("running already"));
    assert_eq!(lab.fails("start 2").0, Exit::Usage);

    lab.ok("wipe 1");
    lab.ok("start 1");
    assert!(lab.ok("sql 1 LIST").contains("0 rows."));
    lab.ok("stop 1");
    lab.ok("wipe 1");
    lab.ok("start 1 --tables");
    assert!(lab.ok("sql 1 LIST").contains("3 rows."));

    let exports: Vec<_> = lab.ok("env").lines().map(str::to_owned).collect();
    assert_eq!(exports[1], "export AKU_ENDPOINTS='DIR/endpoints.toml'");
    assert_eq!(exports[4], "export AKU_LAB_DIR='DIR'");
    assert_eq!(exports.len(), 5);

    // A file of somebody else keeps the directory, not the lab.
    fs::write(dir.join("plan.json"), "{}").unwrap();
    assert!(lab.ok("down").contains("holds files of others"));
    assert!(dir.join("plan.json").exists());
    let (exit, text) = lab.fails("up");
    assert_eq!(
        (exit, text.as_str()),
        (Exit::Refused, "error: DIR holds files and is not a lab; choose another directory with --dir\n")
    );
}

#[test]
fn faults_by_name() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().canonicalize().unwrap().join("lab");
    let lab = Shell { dir: &dir };
    lab.ok("up --pods 2");
    assert_eq!(lab.ok("fault list"), "no faults are set\n");
    lab.ok("fault set 0 --name slow latency --from pod-1 --ms 5");
    lab.ok("fault set 0 answer --matching put --native 0x61153 --times 2");
    lab.ok("fault set 1 freeze");
    assert_eq!(
        lab.ok("fault list"),
        "POD    NAME    FAULT                                            LEFT\n\
         pod-0  slow    5 ms late from pod 1                             -\n\
         pod-0  answer  answers \"put\" with HY000 native 397651, 2 times  2\n\
         pod-1  freeze  frozen (SIGSTOP)                                 -\n"
    );
    let (exit, text) = lab.fails("sql 0 PUT");
    assert_eq!((exit, text.as_str()), (Exit::Partial, "[ERR-61153 : Error on demand.]\n"));
    let status = lab.ok("status");
    let words: Vec<Vec<&str>> = status.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!((words[1][1], words[1][4]), ("up", "open"));
    assert_eq!((words[2][1], words[2][5]), ("frozen", "freeze"));
    assert!(lab.fails("fault clear nothing").1.contains("no fault named \"nothing\" is set"));
    assert_eq!(lab.ok("fault clear freeze"), "\"freeze\" is cleared on pod-1\n");
    assert_eq!(lab.ok("fault clear --all"), "no faults are left\n");
    assert_eq!(lab.ok("fault list"), "no faults are set\n");
    lab.ok("fault set 1 black-hole");
    assert!(lab.ok("status").contains("no answer"));
    assert!(lab.ok("down").contains("2 pods are down"));
    assert!(!dir.exists());
}

#[test]
fn a_lab_goes_with_its_handle() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("lab");
    let one = ServerCount::new(1).unwrap();
    let lab = Lab::up(LabOptions::new(&dir, one, program())).unwrap();
    let pod_dir = lab.pod_dir(Ordinal::MASTER);
    let ProcessId { pid, started } = ProcessId::of_pod(&pod_dir).unwrap();
    assert_eq!(lab.life(Ordinal::MASTER), Life::Up(pid));
    assert!(lab.fault(Ordinal::MASTER, None, Fault::Freeze).is_ok());
    assert!(matches!(Lab::open(&dir, program()).unwrap().life(Ordinal::MASTER), Life::Frozen(_)));
    drop(lab);
    assert!(!ProcessId { pid, started }.lives());
    assert!(!pod_dir.exists() && !dir.exists());

    // One whose directory was removed under its feet ends by itself.
    let lab = Lab::up(LabOptions::new(&dir, one, program())).unwrap();
    let id = ProcessId::of_pod(&pod_dir).unwrap();
    fs::remove_dir_all(&dir).unwrap();
    assert!(wait_until(Duration::from_secs(20), || !id.lives()));
    drop(lab);

    // A pod program that fails tells why, and nothing stays behind.
    let broken = PodProgram { program: "/bin/false".into(), args: Vec::new() };
    let error = Lab::up(LabOptions::new(&dir, one, broken)).unwrap_err();
    assert!(matches!(error, LabError::NotUp { .. }), "{error}");
    assert!(error.to_string().contains("the process ended (exit status: 1)"), "{error}");
    assert!(!dir.exists());
}

#[test]
fn thirty_three_pods_come_up() {
    let temp = tempfile::tempdir().unwrap();
    let all = ServerCount::new(ServerCount::MAX).unwrap();
    let start = Instant::now();
    let lab = Lab::up(LabOptions::new(temp.path().join("lab"), all, program())).unwrap();
    let took = start.elapsed();
    println!("33 pods in {took:?}");
    let last = Ordinal::new(32).unwrap();
    assert!(lab.sql(last, "LIST").is_ok());
    assert!(lab.try_login(Ordinal::MASTER, Duration::from_secs(5)).is_ok());
}
