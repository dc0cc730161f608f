//! The servers: where they are, how they are killed, booted and wiped, and the program in front of them. Either somebody's
//! own (`AKU_REAL`) or a lab that is reached as they are, through the ODBC driver.

use std::{
    collections::BTreeMap,
    env, fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use aku::{
    db::{Privilege, client::Client, error::native, odbc::setup, wire::Response},
    lab::{conformance::Login, process::wait_until},
};

use crate::players::{Odbc, Talk};

/// Far above what anything takes; passing it means that something hangs.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The user whose tables are used. It is made and dropped here, and nothing of anybody else is touched.
pub const USER: &str = "AKU_REAL";

/// The suite's tables: two in the first group, one in the second, and one that is added later.
pub const TABLES: [&str; 4] = ["T1", "T2", "T3", "T4"];

/// Commands that do to a pod what a cluster does; `{N}` stands for its number.
#[derive(Default)]
struct Commands(BTreeMap<&'static str, String>);

/// What is done to a pod from outside.
pub const VERBS: [&str; 5] = ["KILL", "BOOT", "WIPE", "CUT", "HEAL"];

/// A session that takes any text, on either transport.
pub enum Any {
    Odbc(Box<Odbc>),
    Lab(Box<Client>),
}

impl Any {
    pub fn run(&mut self, sql: &str) -> Result<Response, aku::db::DbError> {
        match self {
            Self::Odbc(session) => session.talk(sql),
            Self::Lab(session) => session.talk(sql),
        }
    }
}

#[derive(Clone, serde::Deserialize)]
struct Entry {
    #[serde(default)]
    transport: Option<String>,
    host: String,
    port: u16,
    replication_port: u16,
}

#[derive(serde::Deserialize)]
struct Endpoints {
    pod: BTreeMap<String, Entry>,
}

/// How fast the suite's own lab is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As fast as it goes.
    Quick,
    /// As measured on real servers, as far as the lab can.
    Real,
}

pub struct Site {
    pods: Vec<Entry>,
    endpoints: PathBuf,
    commands: Commands,
    password: String,
    driver: PathBuf,
    lab: Option<PathBuf>,
    home: tempfile::TempDir,
}

/// How a run of the program ended.
pub struct Run {
    /// `None` when it was killed.
    pub code: Option<i32>,
    pub out: String,
}

const AKU: &str = env!("CARGO_BIN_EXE_aku");

impl Site {
    /// The servers of `AKU_REAL`, or a lab of that many pods.
    pub fn of_environment(pods: u8, port: u16, pace: Pace) -> Self {
        match env::var_os("AKU_REAL") {
            Some(file) if pace == Pace::Real => Self::given(PathBuf::from(file)),
            _ => Self::own_lab(pods, port, pace),
        }
    }

    fn given(endpoints: PathBuf) -> Self {
        let driver = env::var_os("AKU_ODBC_DRIVER").expect("AKU_ODBC_DRIVER names the driver").into();
        let named = |verb: &&'static str| Some((*verb, env::var(format!("AKU_REAL_{verb}")).ok()?));
        let commands = Commands(VERBS.iter().filter_map(named).collect());
        let password = env::var("AKU_SYS_PASSWORD").unwrap_or_else(|_| "manager".to_owned());
        let home = tempfile::tempdir().unwrap();
        Self::new(std::path::absolute(endpoints).unwrap(), commands, password, driver, None, home)
    }

    fn own_lab(pods: u8, port: u16, pace: Pace) -> Self {
        let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let lab = home.path().join("lab");
        let mut up = Command::new(AKU);
        up.args(["lab", "up", "--groups", "2", "--pods", &pods.to_string(), "--port", &port.to_string()]);
        up.arg("--dir").arg(&lab);
        let help = Command::new(AKU).args(["lab", "up", "--help"]).output().unwrap().stdout;
        match (pace, String::from_utf8(help).unwrap().contains("--pace ")) {
            (Pace::Quick, _) => {}
            (Pace::Real, true) => drop(up.args(["--pace", "real"])),
            // Not `--slow-flush`: there a FLUSH waits for a silence that clients do not give.
            (Pace::Real, false) => drop(up.args(["--copy-pace", "2000"])),
        }
        let done = up.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let text = fs::read_to_string(lab.join("endpoints.toml")).unwrap();
        let endpoints = home.path().join("odbc.toml");
        fs::write(&endpoints, text.replace("transport = \"lab\"", "transport = \"odbc\"")).unwrap();
        let verb = |what: &str| format!("'{AKU}' lab --dir '{}' {what}", lab.display());
        let commands = Commands(BTreeMap::from([
            ("KILL", verb("kill {N}")),
            ("BOOT", verb("start {N}")),
            ("WIPE", verb("wipe {N}")),
            ("CUT", verb("fault set {N} --name cut black-hole")),
            ("HEAL", verb("fault clear cut")),
        ]));
        let driver = aku::db::testing::lab_driver();
        Self::new(endpoints, commands, "manager".to_owned(), driver, Some(lab), home)
    }

    fn new(
        endpoints: PathBuf,
        commands: Commands,
        password: String,
        driver: PathBuf,
        lab: Option<PathBuf>,
        home: tempfile::TempDir,
    ) -> Self {
        // A static of the library would be better served by `main`; here the first site is it.
        static SETUP: std::sync::OnceLock<setup::OdbcSetup> = std::sync::OnceLock::new();
        let _ = SETUP.get_or_init(|| setup::prepare(&driver).unwrap());
        let text = fs::read_to_string(&endpoints).unwrap();
        let Endpoints { pod } = toml::from_str(&text).unwrap();
        let pods =
            (0..pod.len()).map(|n| pod.get(&n.to_string()).cloned().expect("pods are numbered from 0")).collect();
        let site = Self { pods, endpoints, commands, password, driver, lab, home };
        site.conf(&[&TABLES[..2], &TABLES[2..3]]);
        site
    }

    pub fn pods(&self) -> u8 {
        u8::try_from(self.pods.len()).unwrap()
    }

    /// Writes aku.conf with these groups of tables.
    pub fn conf(&self, groups: &[&[&str]]) {
        let first = &self.pods[0];
        let group = |(n, tables): (usize, &&[&str])| {
            let prefix = if n == 0 { USER.to_owned() } else { format!("{USER}{}", n + 1) };
            let tables: Vec<_> = tables.iter().map(|t| format!("{USER}.{t}")).collect();
            format!("(\n REPLICATION_NAME_PREFIX = {prefix}\n ({})\n)", tables.join(", "))
        };
        let groups: Vec<_> = groups.iter().enumerate().map(group).collect();
        let text = format!(
            "AKU_STS_NAME = aku-real\nAKU_SVC_NAME = aku-real\nAKU_SERVER_COUNT = {}\nAKU_PORT_NO = {}\n\
             AKU_REPLICATION_PORT_NO = {}\nREPLICATIONS = {}\n",
            self.pods.len(),
            first.port,
            first.replication_port,
            groups.join(", ")
        );
        fs::write(self.home.path().join("aku.conf"), text).unwrap();
    }

    fn command(&self, on: u8, args: &str) -> Command {
        let home = self.home.path();
        let mut command = Command::new(AKU);
        command
            .args(args.split_whitespace())
            .env("AKU_CONF", home.join("aku.conf"))
            .env("AKU_ENDPOINTS", &self.endpoints)
            .env("AKU_STATE_DIR", home.join("state"))
            .env("AKU_MARKER_DIR", self.markers())
            .env("AKU_ODBC_DRIVER", &self.driver)
            .env("AKU_SYS_PASSWORD", &self.password)
            .env("AKU_ORDINAL", on.to_string())
            .current_dir(home);
        command
    }

    fn markers(&self) -> PathBuf {
        let dir = self.home.path().join("marker");
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    /// The program, on a pod, to its end.
    pub fn aku(&self, on: u8, args: &str) -> Run {
        let done = self.command(on, args).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let out = format!("{}{}", text(done.stdout), text(done.stderr));
        assert!(!out.contains("panicked"), "aku {args} on pod {on}:\n{out}");
        Run { code: done.status.code(), out }
    }

    /// As [`Site::aku`], and it must succeed.
    pub fn ok(&self, on: u8, args: &str) -> Run {
        let run = self.aku(on, args);
        assert_eq!(run.code, Some(0), "aku {args} on pod {on}:\n{}", run.out);
        run
    }

    /// The program, on a pod, in the background.
    pub fn spawn(&self, on: u8, args: &str) -> Child {
        self.command(on, args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Whether there is a command for it.
    pub fn can(&self, verb: &str) -> bool {
        self.commands.0.contains_key(verb)
    }

    /// Does it to a pod.
    pub fn does(&self, verb: &str, on: u8) {
        let Some(command) = self.commands.0.get(verb) else { panic!("AKU_REAL_{verb} is not set") };
        let command = command.replace("{N}", &on.to_string());
        let done = Command::new("sh").args(["-c", &command]).output().unwrap();
        assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// A pod that crashed and is back: a server that booted anew and an empty /tmp.
    pub fn reboot(&self, on: u8) {
        self.does("KILL", on);
        self.boot(on);
    }

    /// Boots a pod that is down.
    pub fn boot(&self, on: u8) {
        match fs::remove_file(self.markers().join(format!("aku_start_completed-{on}"))) {
            Ok(()) => {}
            Err(e) => assert_eq!(e.kind(), std::io::ErrorKind::NotFound),
        }
        self.does("BOOT", on);
        let mut last = None;
        let up = wait_until(PATIENCE, || self.login(on).map_err(|e| last = Some(e)).is_ok());
        assert!(up, "pod {on} does not come up: {last:?}");
    }

    /// A lost volume, and the tables of a new one.
    pub fn lose_volume(&self, on: u8) {
        self.does("WIPE", on);
        self.boot(on);
        self.make(on);
    }

    fn login(&self, on: u8) -> Result<Any, aku::db::DbError> {
        match self.login_as(on, Privilege::Normal) {
            Err(e) if e.native == native::ADMIN_MODE => self.login_as(on, Privilege::Sysdba),
            other => other,
        }
    }

    fn login_as(&self, on: u8, privilege: Privilege) -> Result<Any, aku::db::DbError> {
        let pod = &self.pods[usize::from(on)];
        let login = Login {
            pod: usize::from(on),
            uid: "SYS".to_owned(),
            pwd: self.password.clone(),
            session: "suite".to_owned(),
            privilege,
        };
        if pod.transport.as_deref() == Some("lab") {
            Client::login(&pod.host, pod.port, &login).map(Box::new).map(Any::Lab)
        } else {
            Odbc::login(&pod.host, pod.port, &login).map(Box::new).map(Any::Odbc)
        }
    }

    /// An ordinary session, as clients have it.
    pub fn client(&self, on: u8) -> Result<Any, aku::db::DbError> {
        self.login_as(on, Privilege::Normal)
    }

    /// A session, also on a closed pod: one that has just ended may hold the only SYSDBA slot for a moment longer.
    pub fn session(&self, on: u8) -> Any {
        let (mut session, mut last) = (None, None);
        wait_until(PATIENCE, || {
            match self.login(on) {
                Ok(live) => session = Some(live),
                Err(e) => last = Some(e),
            }
            session.is_some()
        });
        session.unwrap_or_else(|| panic!("pod {on}: {last:?}"))
    }

    /// Runs statements that must succeed.
    pub fn sql(&self, on: u8, statements: &[String]) {
        let mut session = self.session(on);
        for sql in statements {
            session.run(sql).unwrap_or_else(|e| panic!("pod {on}: {sql}: {e}"));
        }
    }

    /// The suite's user and empty tables.
    pub fn make(&self, on: u8) {
        self.unmake(on);
        let table = |t: &&str| format!("CREATE TABLE {USER}.{t} (I1 INTEGER PRIMARY KEY, C2 VARCHAR(40), C3 INTEGER)");
        let user = format!("CREATE USER {USER} IDENTIFIED BY {USER}");
        self.sql(on, &std::iter::once(user).chain(TABLES.iter().map(table)).collect::<Vec<_>>());
    }

    /// Drops the suite's user with its tables, where there is one.
    pub fn unmake(&self, on: u8) {
        // What an earlier run left may be replicated still; then the caller learns it from the CREATE.
        drop(self.session(on).run(&format!("DROP USER {USER} CASCADE")));
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(lab) = &self.lab {
            drop(Command::new(AKU).args(["lab", "down", "--dir"]).arg(lab).output());
        }
    }
}
