//! `aku run` and `aku probe` over servers of the lab, as containers of a StatefulSet: joined, ended, killed, parked, begun
//! anew. What is a matter of the state machine alone is played in `crates/supervise/tests`.
#![allow(clippy::unwrap_used)] // Helpers of tests panic where a test would.

mod life;

use std::{
    fs,
    path::PathBuf,
    process::{Child, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use aku::{
    db::wire::Cell,
    lab::{Pace, process},
};
use life::{Run, Stage, Style, Writer, fill, pod};
use rustix::process::{Pid, Signal, kill_process};

/// Passing it means that the test hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// A container of a pod: `aku run` over the pod's server.
struct Container<'a> {
    stage: &'a Stage,
    on: u8,
    process: Child,
}

impl<'a> Container<'a> {
    /// The pod's server is down.
    fn new(stage: &'a Stage, on: u8) -> Self {
        Self::with(stage, on, &[], &[])
    }

    fn with(stage: &'a Stage, on: u8, flags: &[&str], env: &[(&str, &str)]) -> Self {
        let out = fs::OpenOptions::new().create(true).append(true).open(stage.dir().join(format!("out-{on}"))).unwrap();
        let termination = stage.dir().join(format!("termination-{on}"));
        let mut command = stage.command(on, "run");
        command.envs([("AKU_GRACE", "60"), ("AKU_SERVER_STOP", "10"), ("AKU_RETRY", "200ms")]);
        command.args(flags).arg("--termination-log").arg(termination);
        command.arg("--").arg(env!("CARGO_BIN_EXE_aku")).args(["lab", "pod"]).arg(stage.lab.pod_dir(pod(on)));
        let err = out.try_clone().unwrap();
        let process = command.envs(env.iter().copied()).stdin(Stdio::null()).stdout(out).stderr(err).spawn().unwrap();
        Self { stage, on, process }
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.stage.dir().join(format!("{name}-{}", self.on))).unwrap_or_default()
    }

    fn status(&self) -> String {
        let mut path = self.stage.marker(self.on).into_os_string();
        path.push(".run");
        fs::read_to_string(PathBuf::from(path)).unwrap_or_default()
    }

    fn wait(&self, what: &str, mut until: impl FnMut(&Self) -> bool) {
        let end = Instant::now() + LIMIT;
        while !until(self) {
            assert!(Instant::now() < end, "pod {}: still waiting for {what}:\n{}", self.on, self.text("out"));
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn wait_for_state(&self, state: &str) {
        let line = format!("state={state}\n");
        self.wait(state, |c| c.status().contains(&line));
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    fn server(&self) -> Pid {
        let status = self.status();
        let server = status.lines().find_map(|l| l.strip_prefix("server=")?.split(' ').next()).unwrap().to_owned();
        Pid::from_raw(server.parse().unwrap()).unwrap()
    }

    fn exit(&mut self) -> Option<i32> {
        let end = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < end, "pod {} does not end:\n{}", self.on, self.text("out"));
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn probe(&self, what: &str) -> Run {
        self.stage.aku(self.on, &format!("probe {what}"))
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        if let Ok(None) = self.process.try_wait() {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}

/// A lab whose servers are down: containers start them.
fn stage(pods: u8, pace: Pace) -> Stage {
    let stage = Stage::at_pace(pods, pace);
    for on in 0..pods {
        stage.lab.kill(pod(on)).unwrap();
    }
    stage
}

/// Ordered start of all pods.
fn up(stage: &Stage, pods: u8) -> Vec<Container<'_>> {
    let start = |on| {
        let container = Container::new(stage, on);
        container.wait_for_state("SERVE");
        container
    };
    (0..pods).map(start).collect()
}

#[test]
fn containers_come_and_go_under_a_writer_and_nothing_is_lost() {
    let stage = Arc::new(stage(3, Pace::Fast));
    stage.conf("AKU_REPLICATION_RESET_AT_END = 0");
    let mut all = up(&stage, 3);
    let writer = Writer::new(&stage, 0, "SYS.T1", 1, Style::Autocommit);
    for on in [2, 1] {
        let container = &mut all[usize::from(on)];
        assert_eq!(container.probe("ready").code, Some(0));
        container.signal(Signal::TERM);
        assert_eq!(container.exit(), Some(0), "{}", container.text("out"));
        assert!(!stage.marker(on).exists(), "the end removed it");
        assert_eq!(stage.lab.life(pod(on)), process::Life::Down);
        assert_eq!(container.text("termination"), "");
        // A restart: data are there, and the pod catches up.
        *container = Container::new(&stage, on);
        container.wait_for_state("SERVE");
    }
    let written = writer.stop();
    stage.equal(&[0, 1, 2]);
    for on in 0..3 {
        assert_eq!(written.missing(&stage.table(on, "SYS.T1")), [0_i64; 0], "pod {on}");
    }
    // The last lines that Kubernetes keeps.
    let out = all[1].text("out");
    for words in
        ["[run:", "BOOT: ", "JOIN: ", "SERVE: ", "END: the pod is ended", "STOP: the server gets SIGINT, this once"]
    {
        assert!(out.contains(words), "{words}:\n{out}");
    }
    assert_eq!(out.matches("STOP: the server gets").count(), 1);
}

#[test]
fn probes_follow_a_container() {
    let stage = stage(1, Pace::Fast);
    // A marker of an earlier life on a volume that outlived it, and nobody there.
    fs::write(stage.marker(0), "").unwrap();
    let nobody = stage.aku(0, "probe startup");
    assert_eq!(nobody.code, Some(7), "{}", nobody.out);
    assert_eq!(stage.aku(0, "probe live").code, Some(0), "that is no reason to kill a server");
    let mut container = Container::new(&stage, 0);
    container.wait_for_state("SERVE");
    for what in ["startup", "ready", "live"] {
        let came = container.probe(what);
        assert_eq!((came.code, came.out.as_str(), came.err.as_str()), (Some(0), "yes: SERVE\n", ""), "{what}");
    }
    // A hook, or a person, ended the pod: clients go elsewhere, and the container is left alone.
    stage.ok(0, "-p end");
    let came = container.probe("ready");
    assert_eq!(came.code, Some(69));
    assert!(came.out.contains("the start marker is gone"), "{}", came.out);
    assert_eq!(container.probe("live").code, Some(0));
    // The second end has nothing to do.
    container.signal(Signal::TERM);
    assert_eq!(container.exit(), Some(0), "{}", container.text("out"));
}

#[test]
fn a_wrong_password_parks_the_pod_until_it_is_mended() {
    let stage = stage(1, Pace::Fast);
    let secret = stage.dir().join("password");
    fs::write(&secret, "not-this-1").unwrap();
    let file = secret.to_str().unwrap().to_owned();
    let mut container = Container::with(&stage, 0, &["--retry", "60s"], &[("AKU_SYS_PASSWORD_FILE", file.as_str())]);
    container.wait_for_state("PARKED");
    let server = container.server();
    let came = container.probe("ready");
    assert_eq!(came.code, Some(69));
    assert!(came.out.starts_with("no: PARKED: error["), "{}", came.out);
    assert!(came.out.ends_with('\n') && came.out.lines().count() == 1, "{}", came.out);
    assert_eq!(container.probe("live").code, Some(0), "a joiner is never killed");
    let message = container.text("termination");
    assert!(message.starts_with("PARKED: ") && message.contains("exit 77"), "{message}");
    for text in [&message, &container.text("out")] {
        assert!(!text.contains("not-this-1"), "the password is told: {text}");
    }
    fs::write(&secret, "manager").unwrap();
    container.signal(Signal::HUP);
    container.wait_for_state("SERVE");
    assert_eq!((container.text("termination").as_str(), container.server()), ("", server));
    container.signal(Signal::TERM);
    assert_eq!(container.exit(), Some(0));
}

#[test]
fn a_pod_whose_source_is_away_waits_for_it() {
    let stage = stage(2, Pace::Fast);
    // A start waits for its source by itself, too.
    let second = Container::with(&stage, 1, &[], &[("AKU_CLI_LOCK_TIMEOUT", "300ms")]);
    second.wait_for_state("PARKED");
    let first = Container::new(&stage, 0);
    first.wait_for_state("SERVE");
    second.wait_for_state("SERVE");
    stage.equal(&[0, 1]);
}

#[test]
fn sigterm_while_a_pod_joins_lets_the_start_put_back_what_it_did() {
    let stage = stage(2, Pace::Real);
    let _first = up(&stage, 1);
    fill(&stage, 0, 5000);
    let mut second = Container::with(&stage, 1, &["--grace", "12", "--server-stop", "4"], &[]);
    second.wait("the copy", |c| c.text("out").contains("Sync tables from MASTER Server."));
    // The source hangs in the middle of the copy.
    assert!(process::freeze(&stage.lab.pod_dir(pod(0))).unwrap());
    second.signal(Signal::TERM);
    let code = second.exit();
    let out = second.text("out");
    process::thaw(&stage.lab.pod_dir(pod(0))).unwrap();
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("STOP: the start is broken off"), "{out}");
    // It was never opened, so there is nothing to end, and its server stopped in order.
    assert!(!out.contains("END: ") && !out.contains("SIGKILL") && !out.contains("SERVE: "), "{out}");
    let second = Container::new(&stage, 1);
    second.wait_for_state("SERVE");
    stage.equal(&[0, 1]);
}

/// Between runs a pod that serves notes what it has applied of the others, and a copy of its volume from before is known
/// by that (`measured.md` 9.2).
#[test]
fn a_volume_put_back_from_after_the_last_run_is_noticed() {
    let stage = stage(2, Pace::Fast);
    let mut all: Vec<_> = (0..2)
        .map(|on| {
            let container = Container::with(&stage, on, &["--beat", "100ms"], &[]);
            container.wait_for_state("SERVE");
            container
        })
        .collect();
    stage.lab.snapshot(pod(1), "early").unwrap();
    let end = match stage.select(1, "SELECT CUR_WRITE_LF_NO, CUR_WRITE_LF_OFFSET FROM V$LFG")[0].as_slice() {
        [Cell::Int(file), Cell::Int(offset)] => (file << 32) + offset,
        other => panic!("{other:?}"),
    };
    for key in 0..50 {
        stage.sql(1, &format!("INSERT INTO SYS.T1 VALUES ({key}, 'row', 0)"));
    }
    // Pod, incarnation, standing, end of its log, applied here, signature.
    let applied = || match stage.select(0, "SELECT PEERS FROM SYS.AKU_LEDGER")[0].as_slice() {
        [Cell::Text(peers)] => peers.split(',').nth(4).and_then(|n| n.parse::<i64>().ok()),
        other => panic!("{other:?}"),
    };
    all[0].wait("a beat", |_| applied().is_some_and(|n| n > end));
    stage.equal(&[0, 1]);
    kill_process(all[1].server(), Signal::KILL).unwrap();
    all[1].exit();
    stage.lab.restore(pod(1), "early").unwrap();
    all[1] = Container::new(&stage, 1);
    all[1].wait_for_state("SERVE");
    let out = all[1].text("out");
    assert!(out.contains("Truncate tables for replications."), "it was not copied anew:\n{out}");
    stage.equal(&[0, 1]);
    assert_eq!(stage.table(1, "SYS.T1").len(), 50);
}

#[test]
fn a_dead_server_ends_the_container_with_its_code_and_the_next_one_catches_up() {
    let stage = stage(2, Pace::Fast);
    let mut all = up(&stage, 2);
    for (signal, want) in [(Signal::KILL, 137), (Signal::TERM, 255)] {
        let second = &mut all[1];
        kill_process(second.server(), signal).unwrap();
        assert_eq!(second.exit(), Some(want), "{}", second.text("out"));
        stage.sql(0, &format!("INSERT INTO SYS.T1 VALUES ({want}, 'missed', 0)"));
        *second = Container::new(&stage, 1);
        second.wait_for_state("SERVE");
        stage.equal(&[0, 1]);
    }
}

#[test]
fn a_second_sigterm_cuts_an_end_short() {
    let stage = stage(2, Pace::Real);
    let mut all = up(&stage, 2);
    let second = &mut all[1];
    second.signal(Signal::TERM);
    second.wait_for_state("END");
    second.wait("the end", |c| c.text("out").contains("AKU started with END option."));
    second.signal(Signal::TERM);
    let code = second.exit();
    let out = second.text("out");
    // The server was stopped in order, once; the pod was not ended wholly.
    assert_eq!(code, Some(8), "{out}");
    assert_eq!(out.matches("STOP: the server gets SIGINT").count(), 1, "{out}");
    assert!(!out.contains("SIGKILL"), "{out}");
    *second = Container::new(&stage, 1);
    second.wait_for_state("SERVE");
    stage.equal(&[0, 1]);
}

#[test]
fn what_is_wrong_is_said_before_there_is_a_server() {
    let stage = stage(1, Pace::Fast);
    let code = |env: &[(&str, &str)], flags: &[&str]| {
        let mut container = Container::with(&stage, 0, flags, env);
        let code = container.exit();
        assert_eq!(stage.lab.life(pod(0)), process::Life::Down);
        (code, container.text("termination"))
    };
    let none = stage.dir().join("none");
    let none = none.to_str().unwrap();
    let (exit, message) = code(&[("AKU_CONF", none)], &[]);
    assert!(exit == Some(66) && message.contains(none), "{exit:?} {message}");
    let bad = stage.dir().join("bad.conf");
    fs::write(&bad, "AKU_SERVER_COUNT = many\n").unwrap();
    let (exit, message) = code(&[("AKU_CONF", bad.to_str().unwrap())], &[]);
    assert!(exit == Some(65) && message.contains("AKU_SERVER_COUNT"), "{exit:?} {message}");
    let (exit, message) = code(&[], &["--data", none]);
    assert!(exit == Some(66) && message.contains("--create-database"), "{exit:?} {message}");
    let (exit, _) = code(&[("AKU_GRACE", "soon")], &[]);
    assert_eq!(exit, Some(60 + 4));
}

#[test]
fn nobody_is_left_and_orphans_are_reaped() {
    let stage = stage(1, Pace::Fast);
    // A server behind a shell that leaves a grandchild behind.
    let dir = stage.lab.pod_dir(pod(0));
    let script = format!("(setsid sleep 0.1 &); exec \"$0\" lab pod '{}'", dir.display());
    let mut command = stage.command(0, "run --grace 60 --server-stop 10 -- sh -c");
    let process = command.arg(script).arg(env!("CARGO_BIN_EXE_aku")).stdout(Stdio::null()).spawn().unwrap();
    let mut container = Container { stage: &stage, on: 0, process };
    container.wait_for_state("SERVE");
    let children = format!("/proc/{0}/task/{0}/children", container.process.id());
    container.wait("one child", |_| fs::read_to_string(&children).is_ok_and(|t| t.split_whitespace().count() == 1));
    container.signal(Signal::TERM);
    assert_eq!(container.exit(), Some(0));
}

/// What `aku run` and a probe cost; bounds are far above what is measured, so that a busy machine does not break them.
#[test]
fn they_are_small() {
    let stage = stage(1, Pace::Fast);
    let container = Container::new(&stage, 0);
    container.wait_for_state("SERVE");
    let status = fs::read_to_string(format!("/proc/{}/status", container.process.id())).unwrap();
    let of = |key: &str| -> u64 {
        let line = status.lines().find_map(|l| l.strip_prefix(key)).unwrap();
        line.trim_start_matches(':').split_whitespace().next().unwrap().parse().unwrap()
    };
    let (anonymous, resident) = (of("RssAnon"), of("VmRSS"));
    let mut command = stage.command(0, "probe ready");
    let each = timed(|| assert_eq!(command.stdout(Stdio::null()).status().unwrap().code(), Some(0)));
    // A server that ends at once: what is left is what `aku run` takes around it.
    let mut around = stage.command(0, "run --grace 60 --server-stop 10 -- true");
    around.env("AKU_MARKER_DIR", stage.dir());
    let around =
        timed(|| assert_eq!(around.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().code(), Some(0)));
    let mut print = stage.command(0, "k8s manifests");
    let print =
        timed(|| assert_eq!(print.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().code(), Some(0)));
    println!(
        "aku run: {anonymous} kB of its own, {resident} kB resident, {around:?} around a server that ends at once; \
         aku probe ready: {each:?}; aku k8s manifests: {print:?}"
    );
    assert!(anonymous < 20_000, "{anonymous} kB");
    for time in [each, around, print] {
        assert!(time < Duration::from_millis(250), "{each:?} {around:?} {print:?}");
    }
}

/// The mean of twenty.
fn timed(mut what: impl FnMut()) -> Duration {
    let began = Instant::now();
    for _ in 0..20 {
        what();
    }
    began.elapsed() / 20
}
