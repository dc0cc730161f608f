//! The supervisor over real processes: shell scripts stand for the server and for the programs that join and end its pod.
//!
//! The server notes every signal; to it SIGINT is a stop in order after it is in SERVICE and a crash before, a second SIGINT
//! kills, SIGTERM is always a crash (`measured.md` 9.3).
#![allow(clippy::unwrap_used)] // Helpers of tests panic where a test would.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// Passing it means that the test hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// A server as Altibase is, in SERVICE as soon as it runs.
const SERVER: &str = r#"
trap 'echo INT >> "$DIR/signals"; trap "echo SECOND >> \"$DIR/signals\"; exit 99" INT; end=1' INT
trap 'echo TERM >> "$DIR/signals"; exit 255' TERM
echo $$ > "$DIR/server"; : > "$DIR/up"
while [ -z "$end" ]; do sleep 0.02; done
sleep "${STOPS:-0.05}"; echo STOPPED >> "$DIR/signals"; exit 0
"#;
/// A start that joins.
const START: &str = r#"echo start >> "$DIR/calls"; : > "$DIR/marker""#;
/// An end that ends.
const END: &str = r#"echo end >> "$DIR/calls"; rm -f "$DIR/marker""#;
/// Answers as soon as the server runs.
const LOOK: &str = r#"test -e "$DIR/up""#;

struct Pod {
    dir: tempfile::TempDir,
    process: Child,
}

impl Pod {
    fn new(env: &[(&str, &str)]) -> Self {
        Self::in_dir(tempfile::tempdir().unwrap(), env)
    }

    fn in_dir(dir: tempfile::TempDir, env: &[(&str, &str)]) -> Self {
        let mut all = BTreeMap::from([("SERVER", SERVER), ("START", START), ("END", END), ("LOOK", LOOK)]);
        all.extend(env.iter().copied());
        let out = fs::File::create(dir.path().join("out")).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_alone"))
            .env("DIR", dir.path())
            .envs(all)
            .stdin(Stdio::null())
            .stdout(out)
            .spawn()
            .unwrap();
        Self { dir, process }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn lines(&self, name: &str) -> Vec<String> {
        self.text(name).lines().map(str::to_owned).collect()
    }

    fn wait(&self, what: &str, mut until: impl FnMut(&Self) -> bool) {
        let end = Instant::now() + LIMIT;
        while !until(self) {
            assert!(Instant::now() < end, "still waiting for {what}:\n{}", self.text("out"));
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    fn state(&self) -> String {
        self.text("status").lines().find_map(|l| l.strip_prefix("state=").map(str::to_owned)).unwrap_or_default()
    }

    fn wait_for_state(&self, state: &str) {
        self.wait(state, |pod| pod.state() == state);
    }

    fn wait_for_file(&self, name: &str) {
        self.wait(name, |pod| pod.path(name).exists());
    }

    fn signal(&self, signal: Signal) {
        kill_process(pid(self.process.id()), signal).unwrap();
    }

    fn server(&self) -> Pid {
        self.wait("the server", |pod| pod.text("server").ends_with('\n'));
        pid(self.text("server").trim().parse().unwrap())
    }

    /// The exit code; nothing that it started is left.
    fn exit(&mut self) -> Option<i32> {
        let end = Instant::now() + LIMIT;
        let status = loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "it does not end:\n{}", self.text("out"));
            std::thread::sleep(Duration::from_millis(3));
        };
        let mark = format!("DIR={}", self.dir.path().display());
        let end = Instant::now() + LIMIT;
        while let Some(left) = with_environment(&mark) {
            assert!(Instant::now() < end, "{left} is left:\n{}", self.text("out"));
            std::thread::sleep(Duration::from_millis(3));
        }
        status.code()
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        // A test that failed leaves nothing behind.
        if let Ok(None) = self.process.try_wait() {
            let _ = self.process.kill();
            let _ = self.process.wait();
            if let Ok(server) = self.text("server").trim().parse() {
                let _ = rustix::process::kill_process_group(pid(server), Signal::KILL);
            }
        }
    }
}

fn pid(n: u32) -> Pid {
    Pid::from_raw(i32::try_from(n).unwrap()).unwrap()
}

/// A process with that variable, zombies apart.
fn with_environment(mark: &str) -> Option<String> {
    let is_it = |dir: &Path| {
        let environ = fs::read(dir.join("environ")).unwrap_or_default();
        environ.split(|b| *b == 0).any(|v| v == mark.as_bytes())
    };
    let mut processes = fs::read_dir("/proc").unwrap().filter_map(|e| Some(e.ok()?.path()));
    processes.find(|p| is_it(p)).map(|p| fs::read_to_string(p.join("cmdline")).unwrap_or_default().replace('\0', " "))
}

#[test]
fn a_pod_is_joined_ended_and_stopped() {
    let mut pod = Pod::new(&[]);
    fs::write(pod.path("unrelated"), "").unwrap();
    pod.wait_for_state("SERVE");
    pod.signal(Signal::TERM);
    assert_eq!(pod.exit(), Some(0), "{}", pod.text("out"));
    assert_eq!(pod.lines("calls"), ["start", "end"]);
    assert_eq!(pod.lines("signals"), ["INT", "STOPPED"]);
    assert_eq!(pod.text("termination"), "");
    assert!(!pod.path("status").exists());
}

#[test]
fn a_marker_of_an_earlier_life_is_gone_before_there_is_a_server() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("marker"), "").unwrap();
    let server = format!(r#"test -e "$DIR/marker" && echo stale > "$DIR/stale"; {SERVER}"#);
    let pod = Pod::in_dir(dir, &[("SERVER", &server)]);
    pod.wait_for_state("SERVE");
    assert!(!pod.path("stale").exists());
}

#[test]
fn before_service_nothing_is_sent_to_the_server() {
    // It never comes up: killed when the grace is all but over, and not before.
    let mut pod = Pod::new(&[("LOOK", "exit 69"), ("GRACE", "1200"), ("SERVER_STOP", "100")]);
    pod.wait_for_file("up");
    let began = Instant::now();
    pod.signal(Signal::TERM);
    pod.wait_for_state("STOP");
    pod.signal(Signal::TERM);
    assert_eq!(pod.exit(), Some(137));
    assert!(began.elapsed() >= Duration::from_millis(600), "half of the grace, not {:?}", began.elapsed());
    assert_eq!(pod.text("signals"), "");
    assert!(pod.text("termination").contains("SIGKILL"), "{}", pod.text("termination"));

    // It comes up in time: stopped in order, never joined.
    let mut pod = Pod::new(&[("LOOK", r#"test -e "$DIR/late""#)]);
    pod.wait_for_file("up");
    pod.signal(Signal::TERM);
    pod.wait_for_state("STOP");
    assert_eq!(pod.text("signals"), "");
    fs::write(pod.path("late"), "").unwrap();
    assert_eq!(pod.exit(), Some(0));
    assert_eq!(
        (pod.text("calls"), pod.lines("signals")),
        (String::new(), vec!["INT".to_owned(), "STOPPED".to_owned()])
    );
}

#[test]
fn a_start_under_way_puts_back_what_it_did_and_no_end_follows() {
    let start =
        r#"trap 'sleep 0.1; echo back >> "$DIR/calls"; exit 8' TERM; : > "$DIR/joining"; while :; do sleep 0.02; done"#;
    let mut pod = Pod::new(&[("START", start)]);
    pod.wait_for_file("joining");
    pod.signal(Signal::TERM);
    assert_eq!(pod.exit(), Some(0));
    assert_eq!(pod.lines("calls"), ["back"]);
    assert_eq!(pod.lines("signals"), ["INT", "STOPPED"]);

    // One that does not stop is killed; the server is not.
    let deaf = r#"trap '' TERM; : > "$DIR/joining"; while :; do sleep 0.02; done"#;
    let mut pod = Pod::new(&[("START", deaf), ("GRACE", "2000"), ("SERVER_STOP", "1700")]);
    pod.wait_for_file("joining");
    pod.signal(Signal::TERM);
    assert_eq!(pod.exit(), Some(0), "{}", pod.text("out"));
    assert_eq!(pod.lines("signals"), ["INT", "STOPPED"]);
}

#[test]
fn a_refused_start_parks_the_pod_until_it_is_mended() {
    let start = r#"echo start >> "$DIR/calls"; test -e "$DIR/mended" && { : > "$DIR/marker"; exit 0; }
        printf '\nerror[refused]: pod 0 lost its volume\n  more\n' > "$DIR/reason"; exit 3"#;
    let mut pod = Pod::new(&[("START", start), ("RETRY", "2000")]);
    pod.wait_for_state("PARKED");
    let status = pod.text("status");
    assert!(status.contains("reason=error[refused]: pod 0 lost its volume\n"), "{status}");
    let message = pod.text("termination");
    assert!(message.starts_with("PARKED: ") && message.contains("\n  more\n"), "{message}");
    // The server lives on, and SIGHUP tries again at once, not after 12 x RETRY.
    let server = pod.server();
    pod.signal(Signal::HUP);
    pod.wait("a second start", |pod| pod.lines("calls").len() == 2);
    pod.wait_for_state("PARKED");
    fs::write(pod.path("mended"), "").unwrap();
    pod.signal(Signal::HUP);
    pod.wait_for_state("SERVE");
    assert_eq!(pod.text("termination"), "", "all is well again");
    assert!(!pod.text("status").contains("reason="));
    assert_eq!(pod.server(), server);
    pod.signal(Signal::TERM);
    assert_eq!(pod.exit(), Some(0));
}

#[test]
fn a_start_that_may_succeed_later_is_tried_again_and_a_parked_pod_stops_without_an_end() {
    let start = r#"echo start >> "$DIR/calls"; test $(wc -l < "$DIR/calls") -ge 3 || exit 69; : > "$DIR/marker""#;
    let pod = Pod::new(&[("START", start), ("RETRY", "20")]);
    pod.wait_for_state("SERVE");
    assert_eq!(pod.lines("calls").len(), 3);

    let mut pod = Pod::new(&[("START", "exit 77"), ("RETRY", "60000")]);
    pod.wait_for_state("PARKED");
    pod.signal(Signal::TERM);
    assert_eq!(pod.exit(), Some(0));
    assert_eq!((pod.text("calls"), pod.lines("signals").len()), (String::new(), 2));
}

#[test]
fn a_pod_that_somebody_else_joined_serves() {
    // As `aku -p start` does beside a marker that was written meanwhile.
    let start = r#"echo start >> "$DIR/calls"; exit 3"#;
    let mut pod = Pod::new(&[("START", start), ("RETRY", "60000")]);
    pod.wait_for_state("PARKED");
    fs::write(pod.path("marker"), "").unwrap();
    pod.signal(Signal::HUP);
    pod.wait_for_state("SERVE");
    assert_eq!(pod.text("termination"), "");
    pod.signal(Signal::TERM);
    assert_eq!(pod.exit(), Some(0));
    assert_eq!(pod.lines("calls"), ["start", "start", "end"]);
}

/// State, scripts, and the file that says that it is so far.
type Case = (&'static str, &'static [(&'static str, &'static str)], &'static str);

#[test]
fn a_dead_server_ends_the_container_at_once_with_its_code() {
    const HANGS: &str = r#"trap '' TERM INT; : > "$DIR/hangs"; while :; do sleep 0.02; done"#;
    let cases: [Case; 5] = [
        ("BOOT", &[("LOOK", "exit 69")], "up"),
        ("JOIN", &[("START", HANGS)], "hangs"),
        ("PARKED", &[("START", "exit 3"), ("RETRY", "60000")], "up"),
        ("SERVE", &[], "up"),
        ("END", &[("END", HANGS)], "hangs"),
    ];
    for (state, env, ready) in cases {
        for (signal, want) in [(Signal::KILL, 137), (Signal::TERM, 255)] {
            let mut pod = Pod::new(env);
            if state == "END" {
                pod.wait_for_state("SERVE");
                pod.signal(Signal::TERM);
            }
            pod.wait_for_state(state);
            pod.wait_for_file(ready);
            kill_process(pod.server(), signal).unwrap();
            assert_eq!(pod.exit(), Some(want), "{state}: {}", pod.text("out"));
        }
    }
}

#[test]
fn a_second_sigterm_cuts_the_end_short_and_the_server_gets_one_signal() {
    let end = r#"trap 'echo cut >> "$DIR/calls"; exit 143' TERM; : > "$DIR/ending"; while :; do sleep 0.02; done"#;
    let mut pod = Pod::new(&[("END", end), ("STOPS", "0.3")]);
    pod.wait_for_state("SERVE");
    pod.signal(Signal::TERM);
    pod.wait_for_file("ending");
    pod.signal(Signal::TERM);
    pod.wait("the stop signal", |pod| pod.text("signals").starts_with("INT"));
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT] {
        pod.signal(signal);
    }
    assert_eq!(pod.exit(), Some(8), "{}", pod.text("out"));
    assert_eq!(pod.lines("signals"), ["INT", "STOPPED"]);
    assert_eq!(pod.lines("calls"), ["start", "cut"]);
    assert!(pod.text("termination").contains("not everything was delivered"), "{}", pod.text("termination"));
}

#[test]
fn an_end_has_its_share_of_the_grace_and_the_server_the_rest() {
    let hangs = r#"trap '' TERM; echo "$LEFT" > "$DIR/left"; while :; do sleep 0.02; done"#;
    let (grace, stop) = (3000, 1800);
    let mut pod = Pod::new(&[("END", hangs), ("GRACE", "3000"), ("SERVER_STOP", "1800"), ("STOPS", "60")]);
    pod.wait_for_state("SERVE");
    let began = Instant::now();
    pod.signal(Signal::TERM);
    pod.wait("the stop signal", |pod| pod.text("signals").starts_with("INT"));
    let asked = began.elapsed().as_millis();
    assert_eq!(pod.exit(), Some(137));
    let ended = began.elapsed().as_millis();
    // The end was told how long it may take, got it, and the server was killed at half of so short a grace at the earliest.
    let left: u128 = pod.text("left").trim().parse().unwrap();
    assert!((grace - stop) * 2 / 3 <= left && left <= grace - stop, "{left}");
    assert!(asked >= grace - stop, "the end was cut short: {asked}");
    assert!(ended >= grace / 2, "the server was killed early: {ended}");
    let message = pod.text("termination");
    assert!(message.contains("SIGKILL") && message.contains("not everything was delivered"), "{message}");
}

#[test]
fn orphans_are_reaped_and_a_wrapper_around_the_server_is_waited_for() {
    // Children of children that outlive them, ten of them, and nobody is a zombie.
    let start = r#"for i in 1 2 3 4 5 6 7 8 9 10; do (setsid sleep 0.0$i & ) ; done; : > "$DIR/marker""#;
    let mut pod = Pod::new(&[("START", start)]);
    pod.wait_for_state("SERVE");
    let children = format!("/proc/{0}/task/{0}/children", pod.process.id());
    pod.wait("one child only", |_| fs::read_to_string(&children).is_ok_and(|t| t.split_whitespace().count() == 1));
    pod.signal(Signal::TERM);
    assert_eq!(pod.exit(), Some(0));

    // A shell that ends at the signal while the server below it still stops.
    let wrapped = r#"trap ': > "$DIR/asked"; exit 0' INT
        { until test -e "$DIR/asked"; do sleep 0.02; done; sleep 0.3; echo STOPPED >> "$DIR/signals"; } &
        : > "$DIR/up"; while :; do sleep 0.02; done"#;
    let mut pod = Pod::new(&[("SERVER", wrapped)]);
    pod.wait_for_state("SERVE");
    pod.signal(Signal::TERM);
    assert_eq!(pod.exit(), Some(0));
    assert_eq!(pod.lines("signals"), ["STOPPED"], "{}", pod.text("out"));
}

#[test]
fn a_database_is_made_where_there_is_no_data_file() {
    let create = r#"echo create >> "$DIR/calls"; mkdir -p "$DATA"; : > "$DATA/system001.dbf""#;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("dbs");
    fs::create_dir(&data).unwrap();
    let data = data.to_str().unwrap().to_owned();
    let mut pod = Pod::in_dir(dir, &[("DATA", &data), ("CREATE", create)]);
    pod.wait_for_state("SERVE");
    assert_eq!(pod.lines("calls"), ["create", "start"]);
    pod.signal(Signal::TERM);
    assert_eq!(pod.exit(), Some(0));

    // Not told to: it ends and says why.
    let dir = tempfile::tempdir().unwrap();
    let none = dir.path().join("none").to_str().unwrap().to_owned();
    let mut pod = Pod::in_dir(dir, &[("DATA", &none)]);
    assert_eq!(pod.exit(), Some(66));
    assert!(pod.text("termination").contains("--create-database"), "{}", pod.text("termination"));
    assert!(!pod.path("server").exists());

    // Killed in the middle: half a database is not booted and not deleted.
    let killed = r#": > "$DATA/system001.dbf"; kill -9 $$"#;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap().to_owned();
    let mut pod = Pod::in_dir(dir, &[("DATA", &data), ("CREATE", killed)]);
    assert_eq!(pod.exit(), Some(65), "{}", pod.text("out"));
    assert!(pod.path("system001.dbf").exists() && !pod.path("server").exists());
    assert!(pod.text("termination").contains("half") || pod.text("termination").contains("was being made"));
}

#[test]
fn what_is_wrong_before_a_server_is_started() {
    let mut pod = Pod::new(&[("UNFIT", "aku.conf is not valid")]);
    assert_eq!(pod.exit(), Some(65));
    assert!(pod.text("termination").contains("aku.conf is not valid"));
    let mut pod = Pod::new(&[("SERVER", "exec /no/such/server")]);
    assert_eq!(pod.exit(), Some(127), "the shell's word for it");
}

#[test]
fn the_beat_goes_on_while_the_pod_serves_and_not_beside_an_end() {
    let beat = r#"echo beat >> "$DIR/beats"; test $(wc -l < "$DIR/beats") = 3 && exec sleep 60; exit 1"#;
    let end = r#"pgrep -f "$DIR/none" ; echo end >> "$DIR/calls"; cp "$DIR/beats" "$DIR/before"; rm -f "$DIR/marker""#;
    let mut pod = Pod::new(&[("BEAT", beat), ("END", end)]);
    // The third one hangs; an end does not wait for it.
    pod.wait("three beats", |pod| pod.lines("beats").len() == 3);
    pod.signal(Signal::TERM);
    assert_eq!(pod.exit(), Some(0), "{}", pod.text("out"));
    assert_eq!(pod.lines("beats").len(), 3);
}
