//! The password of SYS in a whole life of a cluster: it is seen nowhere. Not in what is printed, logged or written to
//! files, not in the command line or the environment of any process that was not given it, not in what a panic prints.
#![allow(clippy::unwrap_used)] // Helpers of tests panic where a test would.

mod life;

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use aku::{
    conf,
    db::{Login, Privilege, client::Options, connector, endpoints::Endpoints, lab::LabConnector, wire::Response},
    lab::fault::{Fault, Party},
};
use life::{Stage, pod};

/// Hard to write in every grammar it goes through, with a part that survives any of them.
const PASSWORD: &str = "Zq#;=\"(x) 한 7'";
/// The same without what the ODBC driver has no escape for.
const OVER_ODBC: &str = "Zq#;=(x) 한 7'";
/// What no byte we write may contain: the parts that quoting and masking could leave.
const PARTS: [&str; 3] = ["Zq#", "한", "x) "];
/// One that can stand in aku.conf.
const IN_CONF: &str = "Canary-in-the-conf-77";
const WRONG: &str = "Wrong-Canary-31";

/// Everything that was written, with where.
#[derive(Default)]
struct Seen(Vec<(String, Vec<u8>)>);

impl Seen {
    fn add(&mut self, whence: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.push((whence.into(), bytes.into()));
    }

    /// What the last run printed.
    fn last_output(&self) -> String {
        let last = &self.0[self.0.len().saturating_sub(2)..];
        last.iter().map(|(_, bytes)| String::from_utf8_lossy(bytes)).collect()
    }

    /// Every file below, those apart that a server or the test itself keeps.
    fn files(&mut self, dir: &Path, not: &[PathBuf]) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let kind = fs::symlink_metadata(&path).unwrap();
            if not.contains(&path) {
                continue;
            }
            if kind.is_dir() {
                self.files(&path, not);
            } else if kind.is_file() {
                self.add(path.display().to_string(), fs::read(&path).unwrap());
            }
        }
    }

    fn check(&self) {
        assert!(self.0.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() > 10_000, "almost nothing was looked at");
        for (whence, bytes) in &self.0 {
            let text = String::from_utf8_lossy(bytes);
            for part in PARTS.into_iter().chain([IN_CONF, WRONG]) {
                assert!(!text.contains(part), "{part} in {whence}:\n{text}");
            }
        }
    }
}

/// How the program is given the password.
#[derive(Clone, Copy)]
enum Given<'a> {
    File(&'a Path),
    Variable(&'a str),
}

fn given(command: &mut Command, how: Given<'_>) {
    match how {
        Given::File(path) => command.env("AKU_SYS_PASSWORD_FILE", path),
        Given::Variable(value) => command.env_remove("AKU_SYS_PASSWORD_FILE").env("AKU_SYS_PASSWORD", value),
    };
}

/// Runs it and keeps everything: its output, and what `/proc` shows of it while it runs.
fn run(stage: &Stage, on: u8, args: &str, how: Given<'_>, seen: &mut Seen) -> Option<i32> {
    let mut command = stage.command(on, args);
    given(&mut command, how);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut err = child.stderr.take().unwrap();
    let errors = thread::spawn(move || {
        let mut bytes = Vec::new();
        err.read_to_end(&mut bytes).unwrap();
        bytes
    });
    let (mut out, mut bytes, mut buffer) = (child.stdout.take().unwrap(), Vec::new(), [0; 512]);
    loop {
        let of = |file: &str| fs::read(format!("/proc/{}/{file}", child.id())).unwrap_or_default();
        seen.add(format!("cmdline of aku {args}"), of("cmdline"));
        match how {
            // What a process was given is in its own environment, and there is no taking it away.
            Given::Variable(_) => {}
            Given::File(_) => seen.add(format!("environ of aku {args}"), of("environ")),
        }
        match out.read(&mut buffer).unwrap() {
            0 => break,
            n => bytes.extend_from_slice(&buffer[..n]),
        }
    }
    let code = child.wait().unwrap().code();
    seen.add(format!("standard output of aku {args}"), bytes);
    seen.add(format!("standard error of aku {args}"), errors.join().unwrap());
    code
}

fn with_password(pods: u8, password: &str) -> (Stage, PathBuf) {
    let stage = Stage::new(pods);
    let quoted = password.replace('"', "\"\"");
    for n in 0..pods {
        let changed = stage.sql(n, &format!("ALTER USER SYS IDENTIFIED BY \"{quoted}\""));
        assert!(matches!(changed, Response::Done { .. }));
    }
    let file = stage.dir().join("secret");
    fs::write(&file, format!("{password}\n")).unwrap();
    (stage, file)
}

#[test]
fn the_password_is_seen_nowhere_in_a_whole_life() {
    let (stage, file) = with_password(2, PASSWORD);
    let (from_file, from_variable) = (Given::File(&file), Given::Variable(PASSWORD));
    let mut seen = Seen::default();
    // Slow enough for `/proc` to be looked at.
    for n in [0, 1] {
        stage.lab.fault(pod(n), None, Fault::Latency { from: Party::Clients, millis: 3 }).unwrap();
    }
    let steps = [
        (0, "-p start --verbose", from_variable, 0),
        (1, "check", from_file, 0),
        (1, "plan -o p.json --verbose", from_file, 0),
        (1, "plan --format json --log-format json --verbose", from_file, 0),
        (1, "plan --sql", from_variable, 0),
        (1, "show p.json", from_file, 0),
        (1, "show p.json --format json", from_file, 0),
        (1, "show p.json --format md", from_file, 0),
        (1, "show p.json --format dot", from_file, 0),
        (1, "show p.json --format mermaid", from_file, 0),
        (1, "show p.json --format html", from_file, 0),
        (1, "capture -o c.json --verbose", from_file, 0),
        (1, "plan --from c.json --against p.json", from_file, 0),
        (1, "apply p.json --yes --verbose --log-format json", from_file, 0),
        (1, "status --verbose", from_file, 0),
        (1, "status --format json", from_variable, 0),
        (1, "verify", from_file, 0),
        (1, "-i", from_variable, 0),
        (1, "-i", from_file, 0),
        (1, "validate", from_variable, 0),
        (1, "apply end --yes --verbose", from_variable, 0),
        (1, "plan clean --sql", from_file, 0),
        (1, "-p start --verbose", from_file, 0),
        (1, "-p end --verbose", from_file, 0),
        (1, "apply clean --yes --approve removes-definition=altibase-sts/1", from_file, 0),
        // A wrong one is no less of a secret.
        (1, "-p start", Given::Variable(WRONG), 77),
        (1, "plan --verbose", Given::Variable(WRONG), 77),
        (1, "status --verbose", Given::Variable(WRONG), 77),
        (1, "apply start --yes", Given::Variable("Zq#"), 77),
    ];
    for (on, args, how, want) in steps {
        let code = run(&stage, on, args, how, &mut seen);
        assert!(code == Some(want), "pod {on}: aku {args}: {code:?}\n{}", seen.last_output());
    }
    let of_servers = [0, 1].map(|n| stage.lab.pod_dir(pod(n)));
    let not = [std::slice::from_ref(&file), of_servers.as_slice()].concat();
    seen.files(stage.dir(), &not);
    // What the pods of a lab log is ours as well.
    for dir in of_servers {
        seen.add("pod.log", fs::read(dir.join("pod.log")).unwrap());
        seen.add("cmdline of a pod", fs::read(format!("/proc/{}/cmdline", pid(&dir))).unwrap());
        seen.add("environ of a pod", fs::read(format!("/proc/{}/environ", pid(&dir))).unwrap());
    }
    seen.check();
}

fn pid(pod: &Path) -> String {
    let text = fs::read_to_string(pod.join("pod.pid")).unwrap();
    text.split_whitespace().next().unwrap().to_owned()
}

/// The messages that quote aku.conf, and the production road, whose connection string has the password in it.
#[test]
fn neither_broken_files_nor_the_odbc_road_show_it() {
    let (stage, file) = with_password(2, OVER_ODBC);
    let mut seen = Seen::default();
    let conf = stage.lab.dir().join("aku.conf");
    let good = fs::read_to_string(&conf).unwrap();
    let line = format!("AKU_SYS_PASSWORD        = {IN_CONF}");
    let good = good.replace("AKU_SYS_PASSWORD        = manager  # the default of a new database", &line);
    assert!(good.contains(IN_CONF));
    let broken = [
        (good.replace(&line, &format!("{line}\n{line}")), 65),
        (good.replace(&line, &line.replace("PASSWORD", "PASSWROD")), 65),
        (good.replace(&line, &line.replace(" = ", "   ")), 65),
        (good.replace(&line, &format!("{line}\nAKU_NONSENSE = 1")), 65),
        (good.replace("AKU_SERVER_COUNT        = 2", "AKU_SERVER_COUNT = two"), 65),
        (good.clone(), 0),
    ];
    for (n, (text, want)) in broken.into_iter().enumerate() {
        fs::write(&conf, text).unwrap();
        for (args, want) in [("validate", want), ("-i", want), ("plan --verbose", if want == 0 { 77 } else { want })] {
            let mut command = stage.command(1, args);
            let output = command.env_remove("AKU_SYS_PASSWORD_FILE").output().unwrap();
            seen.add(format!("aku {args} with broken file {n}"), [&*output.stdout, &output.stderr].concat());
            let said = String::from_utf8_lossy(&seen.0.last().unwrap().1);
            assert_eq!(output.status.code(), Some(want), "aku {args} with broken file {n}: {said}");
        }
    }
    // Over the driver manager, from here on.
    fs::write(&conf, good.replace(&format!("{line}\n"), "")).unwrap();
    let endpoints = stage.dir().join("odbc.toml");
    let text = fs::read_to_string(stage.lab.dir().join("endpoints.toml")).unwrap();
    fs::write(&endpoints, text.replace("transport = \"lab\"", "transport = \"odbc\"")).unwrap();
    let driver = format!("--odbc-driver {}", aku::db::testing::lab_driver().display());
    let road = format!("--endpoints {} {driver}", endpoints.display());
    for (on, args, how, want) in [
        (0, "-p start --verbose", Given::File(&file), 0),
        (1, "plan --verbose", Given::Variable(PASSWORD), 7),
        (1, "apply start --yes --verbose", Given::Variable(OVER_ODBC), 0),
        (1, "status --verbose", Given::Variable(WRONG), 77),
        (1, "-p end --verbose", Given::File(&file), 0),
        (1, "plan --odbc-driver /nowhere.so", Given::File(&file), 66),
    ] {
        let args = if args.contains("--odbc-driver") {
            format!("{args} --endpoints {}", endpoints.display())
        } else {
            format!("{args} {road}")
        };
        let code = run(&stage, on, &args, how, &mut seen);
        assert!(code == Some(want), "pod {on}: aku {args}: {code:?}\n{}", seen.last_output());
    }
    let not = [0, 1].map(|n| stage.lab.pod_dir(pod(n)));
    seen.files(stage.dir(), &[std::slice::from_ref(&file), not.as_slice()].concat());
    seen.check();
}

/// A panic prints values by `Debug`; so do `expect` and every `{:?}` in a log line.
#[test]
fn no_value_that_holds_it_shows_it() {
    let password = || secrecy::SecretString::from(IN_CONF);
    let text = format!(
        "AKU_STS_NAME = a\nAKU_SVC_NAME = b\nAKU_SERVER_COUNT = 2\nAKU_SYS_PASSWORD = {IN_CONF}\nAKU_PORT_NO = 20300\n\
         AKU_REPLICATION_PORT_NO = 20301\nREPLICATIONS = (\n REPLICATION_NAME_PREFIX = R\n SYNC_PARALLEL_COUNT = 1\n (\n SYS.T1\n )\n)\n"
    );
    let parsed = conf::parse("aku.conf", text.as_bytes());
    let conf = parsed.config.as_ref().unwrap();
    assert!(conf.sys_password.is_some());
    let endpoints = Endpoints::default().resolve_all(conf);
    let login = Login {
        privilege: Privilege::Normal,
        connect_timeout: std::time::Duration::from_secs(1),
        query_timeout: None,
        silence_timeout: None,
        app_info: String::new(),
    };
    let lab = LabConnector::new(&endpoints, password());
    let nobody = |_| Err::<Box<dyn aku::db::Connector>, _>("no driver");
    let failed = connector(endpoints, [pod(0)], password(), nobody).err();
    let mut seen = Seen::default();
    for value in [
        format!("{:?}", Options::new("SYS", password())),
        format!("{conf:#?}"),
        format!("{lab:?} {login:?} {failed:?}"),
        format!("{:?}", conf::render_problems(&parsed.problems, &parsed.source, conf::Colour::Never)),
    ] {
        assert!(!value.is_empty());
        seen.0.push(("a Debug".to_owned(), value.into_bytes()));
    }
    for (whence, bytes) in &seen.0 {
        let text = String::from_utf8_lossy(bytes);
        assert!(!text.contains(IN_CONF), "{whence}: {text}");
    }
}
