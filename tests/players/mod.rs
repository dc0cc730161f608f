//! Players of recordings on pods that are real processes: over the `lab` transport and through the ODBC driver.
//!
//! One value plays one recording. It carries statements and kills; it must never look at what they say.

mod odbc;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use aku::{
    db::{
        DbError, Privilege,
        client::{Client, Options},
        wire::Response,
    },
    lab::{
        Lab, LabOptions,
        conformance::{Login, Player},
        pod::Release,
        process::PodProgram,
    },
    topology::{Ordinal, ServerCount},
};
use tempfile::TempDir;

pub use odbc::Odbc;

/// A session that takes any text.
pub trait Talk: Sized {
    /// Logs in.
    fn login(host: &str, port: u16, login: &Login) -> Result<Self, DbError>;
    /// Runs one statement.
    fn talk(&mut self, sql: &str) -> Result<Response, DbError>;
}

impl Talk for Client {
    fn login(host: &str, port: u16, login: &Login) -> Result<Self, DbError> {
        let options = Options {
            privilege: login.privilege,
            connect_timeout: CONNECT,
            ..Options::new(&login.uid, login.pwd.clone().into())
        };
        Self::connect(host, port, &options)
    }

    fn talk(&mut self, sql: &str) -> Result<Response, DbError> {
        self.execute(sql)
    }
}

/// ERR-41081: somebody has the one SYSDBA session.
const OTHER_SYSDBA: i32 = 266_305;

/// Far above what a login takes; passing it means that something hangs.
pub const CONNECT: Duration = Duration::from_secs(30);

/// Fresh pods and the sessions on them.
pub struct Pods<T> {
    sessions: BTreeMap<(usize, String), T>,
    /// Those of them that are the one SYSDBA session of their pod.
    dbas: BTreeSet<(usize, String)>,
    lab: Lab,
    began: Instant,
    _dir: TempDir,
}

impl<T: Talk> Pods<T> {
    /// That many empty pods, properties at the server's defaults.
    pub fn up(server: Release, pods: usize) -> Result<Self, String> {
        let count = u8::try_from(pods).ok().and_then(ServerCount::new).ok_or(format!("{pods} pods cannot be"))?;
        let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
        let program = PodProgram::aku(PathBuf::from(env!("CARGO_BIN_EXE_aku")));
        let mut options = LabOptions::new(dir.path().join("lab"), count, program);
        options.server = server;
        options.groups = 0;
        options.properties.clear();
        let lab = Lab::up(options).map_err(|e| e.to_string())?;
        Ok(Self { sessions: BTreeMap::new(), dbas: BTreeSet::new(), lab, began: Instant::now(), _dir: dir })
    }
}

fn ordinal(pod: usize) -> Ordinal {
    u8::try_from(pod).ok().and_then(|n| Ordinal::new(n).ok()).expect("a recording names its own pods only")
}

fn refusal(error: DbError) -> Response {
    let DbError { sqlstate, native, message } = error;
    Response::Error { sqlstate, native, message }
}

impl<T: Talk> Player for Pods<T> {
    fn connect(&mut self, login: &Login) -> Result<(), Response> {
        let (host, port) = self.lab.address(ordinal(login.pod));
        let ours = self.dbas.iter().any(|(pod, _)| *pod == login.pod);
        let begun = Instant::now();
        let session = loop {
            match T::login(&host, port, login) {
                // None of ours has it any more: the server is about to hear that the last one was closed.
                Err(e) if e.native == OTHER_SYSDBA && !ours && begun.elapsed() < CONNECT => thread::yield_now(),
                session => break session.map_err(refusal)?,
            }
        };
        let name = (login.pod, login.session.clone());
        // One of that name that was there before goes.
        self.dbas.remove(&name);
        if login.privilege == Privilege::Sysdba {
            self.dbas.insert(name.clone());
        }
        self.sessions.insert(name, session);
        Ok(())
    }

    fn close(&mut self, pod: usize, session: &str) {
        let name = (pod, session.to_owned());
        self.sessions.remove(&name);
        self.dbas.remove(&name);
    }

    fn execute(&mut self, pod: usize, session: &str, sql: &str) -> Response {
        match self.sessions.get_mut(&(pod, session.to_owned())) {
            Some(session) => session.talk(sql).unwrap_or_else(refusal),
            None => refusal(DbError {
                sqlstate: "08003".to_owned(),
                native: 331_830,
                message: "Connection does not exist".to_owned(),
            }),
        }
    }

    fn kill(&mut self, pod: usize) {
        self.lab.kill(ordinal(pod)).expect("our own processes can be killed");
        self.sessions.retain(|(p, _), _| *p != pod);
        self.dbas.retain(|(p, _)| *p != pod);
    }

    fn start(&mut self, pod: usize) {
        // When it does not come up, every following answer says so.
        if let Err(e) = self.lab.start(ordinal(pod)) {
            eprintln!("{e}");
        }
    }

    fn sleep(&mut self, time: Duration) {
        thread::sleep(time);
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn host(&self, pod: usize) -> String {
        self.lab.address(ordinal(pod)).0
    }

    fn replication_port(&self) -> u16 {
        self.lab.file().replication_port()
    }
}
