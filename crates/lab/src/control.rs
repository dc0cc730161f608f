//! A lab as a whole: brought up, looked at, broken, repaired and taken down.
//!
//! The operations behind `aku lab`, and the face for tests and the demo. Works on processes and files; what the pods do
//! with SQL is not its business. Never removes a directory that it did not make.

use std::{
    collections::{BTreeMap, hash_map::RandomState},
    fs,
    hash::BuildHasher,
    io::{self, Write as _},
    net::{Ipv4Addr, TcpListener},
    num::NonZeroU32,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt as _},
    path::{Path, PathBuf},
    process::Child,
    time::{Duration, Instant},
};

use aku_core::{
    sql::{ConnectFailure, DbError},
    topology::{Ordinal, ServerCount},
};
use aku_db::{
    client::{Client, Options},
    endpoints::Endpoints,
    wire::Response,
};

use super::{
    lab_error::{LabError, io_error},
    layout::{self, LabFile},
    pace::Pace,
    pod::{self, Release, Request},
    process::{self, Life, PodProgram, ProcessId},
};

/// How long the pods of a lab run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Until they are told to end.
    Detached,
    /// At most as long as the process that brought the lab up, even when that is killed.
    WithCaller,
}

/// How a lab is to be.
#[derive(Clone, Debug)]
pub struct LabOptions {
    /// Its directory; must not exist or be empty.
    pub dir: PathBuf,
    /// How many pods.
    pub pods: ServerCount,
    /// Which server they imitate.
    pub server: Release,
    /// REPLICATIONS groups in `aku.conf`, `0..=32`, each of three tables; with 0 there are no tables and the
    /// configuration is not a valid one.
    pub groups: u8,
    /// Service port on every address; the replication port is the next. 20300 unless that is taken everywhere.
    pub port: u16,
    /// Properties that every pod boots with.
    pub properties: BTreeMap<String, i64>,
    /// How fast verbs and FLUSH are answered.
    pub pace: Pace,
    /// Rows a second that a SYNC of one object takes in; `None`: as the pace says.
    pub copy_pace: Option<NonZeroU32>,
    /// How long the pods run.
    pub lifetime: Lifetime,
    /// What is started for each pod.
    pub program: PodProgram,
}

impl LabOptions {
    /// A lab as `aku lab up --pods N` makes it: 7.2, one group, booted with ADMIN_MODE = 1 as the documented entry
    /// point of a pod does (`aku-behaviour.md` 0.1, 7.1.0.8.6); but it ends with the calling process.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, pods: ServerCount, program: PodProgram) -> Self {
        let properties = [("ADMIN_MODE", 1), ("REMOTE_SYSDBA_ENABLE", 1)];
        Self {
            dir: dir.into(),
            pods,
            server: Release::default(),
            groups: 1,
            port: 20300,
            properties: properties.map(|(k, v)| (k.to_owned(), v)).into(),
            pace: Pace::default(),
            copy_pace: None,
            lifetime: Lifetime::WithCaller,
            program,
        }
    }
}

/// Bound on the start of a pod.
const BOOT: Duration = Duration::from_secs(20);

/// What becomes of the processes when the handle goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AtDrop {
    TakeDown,
    Leave,
}

/// A lab in a directory. One that was made by [`Lab::up`] is taken down when it is dropped, unless it is
/// [detached](Lab::detach).
#[derive(Debug)]
pub struct Lab {
    dir: PathBuf,
    file: LabFile,
    program: PodProgram,
    at_drop: AtDrop,
}

impl Lab {
    /// Makes the directory, starts every pod, waits until all accept logins, and makes the tables on each.
    ///
    /// # Errors
    /// See [`LabError`]. What was started is then stopped and what was made is removed.
    pub fn up(options: LabOptions) -> Result<Self, LabError> {
        let dir = make_dir(&options.dir)?;
        let first_ip = free_block(options.pods, options.port)?;
        // Two groups are two replications between the same two addresses.
        let duplicates = (options.groups > 1).then(|| ("REPLICATION_ALLOW_DUPLICATE_HOSTS".to_owned(), 1));
        let file = LabFile {
            aku_lab: 1,
            pods: options.pods.get(),
            server: options.server,
            first_ip,
            port: options.port,
            groups: options.groups,
            properties: [("REPLICATION_PORT_NO".to_owned(), i64::from(options.port) + 1)]
                .into_iter()
                .chain(duplicates)
                .chain(options.properties)
                .collect(),
            pace: options.pace,
            copy_pace: options.copy_pace,
            owner: match options.lifetime {
                Lifetime::Detached => None,
                Lifetime::WithCaller => Some(ProcessId::this().map_err(io_error("cannot identify this process"))?),
            },
        };
        file.save(&dir).map_err(io_error(format!("cannot write {}", dir.join(layout::MARKER).display())))?;
        // From here on a failure takes everything down again.
        let lab = Self { dir, file, program: options.program, at_drop: AtDrop::TakeDown };
        lab.write_files().map_err(io_error(format!("cannot write into {}", lab.dir.display())))?;
        let mut booting = Vec::new();
        for pod in lab.pods() {
            booting.push((pod, lab.spawn(pod)?, Instant::now() + BOOT));
        }
        for (pod, mut child, deadline) in booting {
            let outcome = lab.await_login(pod, &mut child, deadline);
            process::reap(child);
            outcome?;
        }
        for pod in lab.pods() {
            lab.make_tables(pod)?;
        }
        Ok(lab)
    }

    /// The lab that is in `dir`.
    ///
    /// # Errors
    /// [`LabError::NotALab`], or the marker cannot be read.
    pub fn open(dir: &Path, program: PodProgram) -> Result<Self, LabError> {
        let shown = dir.display().to_string();
        let file = LabFile::load(dir)
            .map_err(io_error(format!("cannot read {}", dir.join(layout::MARKER).display())))?
            .ok_or_else(|| LabError::NotALab(shown.clone()))?;
        let dir = dir.canonicalize().map_err(io_error(format!("cannot open {shown}")))?;
        Ok(Self { dir, file, program, at_drop: AtDrop::Leave })
    }

    /// Leaves the pods running when this handle goes.
    pub fn detach(&mut self) {
        self.at_drop = AtDrop::Leave;
    }

    fn write_files(&self) -> io::Result<()> {
        // It holds a password.
        let mut how = fs::OpenOptions::new();
        let mut conf = how.write(true).create(true).truncate(true).mode(0o600).open(self.dir.join("aku.conf"))?;
        conf.write_all(self.file.conf().as_bytes())?;
        fs::write(self.dir.join("endpoints.toml"), self.file.endpoints())?;
        fs::create_dir_all(self.dir.join("state"))?;
        fs::create_dir_all(self.dir.join("marker"))?;
        for pod in self.pods() {
            let dir = self.pod_dir(pod);
            fs::create_dir_all(&dir)?;
            self.file.pod_config(pod).save(&dir)?;
        }
        Ok(())
    }

    fn spawn(&self, pod: Ordinal) -> Result<Child, LabError> {
        let what = format!("cannot start {}", self.program.program.display());
        self.program.spawn(&self.pod_dir(pod)).map_err(io_error(what))
    }

    fn await_login(&self, pod: Ordinal, child: &mut Child, deadline: Instant) -> Result<(), LabError> {
        let dir = self.pod_dir(pod);
        let fail = |why: String| LabError::NotUp {
            pod,
            why,
            log: process::log_tail(&dir),
            path: dir.join(process::LOG).display().to_string(),
        };
        let mut ended = None;
        let up = process::wait_until(deadline.saturating_duration_since(Instant::now()), || {
            ended = child.try_wait().ok().flatten();
            ended.is_some() || self.accepts_logins(pod)
        });
        match ended {
            Some(status) => Err(fail(format!("the process ended ({status})"))),
            None if up => Ok(()),
            None => Err(fail(format!("it did not accept a login within {} s", BOOT.as_secs()))),
        }
    }

    /// Whether the pod judges logins; a refusal is an answer too. Takes no SYSDBA slot.
    fn accepts_logins(&self, pod: Ordinal) -> bool {
        match self.login(pod, Duration::from_millis(500)) {
            Ok(_) => true,
            Err(e) => match ConnectFailure::classify(&e) {
                ConnectFailure::AdminMode | ConnectFailure::LoginRefused | ConnectFailure::SysdbaBusy => true,
                ConnectFailure::Absent
                | ConnectFailure::Unreachable
                | ConnectFailure::Timeout
                | ConnectFailure::Other => false,
            },
        }
    }

    fn login(&self, pod: Ordinal, limit: Duration) -> Result<Client, DbError> {
        let options = Options { connect_timeout: limit, ..sys() };
        Client::connect(&self.file.ip(pod).to_string(), self.file.port, &options)
    }

    fn make_tables(&self, pod: Ordinal) -> Result<(), LabError> {
        let mut client = self.client(pod, &sys())?;
        for sql in self.file.table_statements() {
            client.execute(&sql).map_err(|error| LabError::Db { pod, error })?;
        }
        Ok(())
    }

    /// Its directory, absolute.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What its marker says.
    #[must_use]
    pub fn file(&self) -> &LabFile {
        &self.file
    }

    /// Every pod.
    pub fn pods(&self) -> impl DoubleEndedIterator<Item = Ordinal> + Clone + use<> {
        self.file.count().ordinals()
    }

    /// Directory of a pod.
    #[must_use]
    pub fn pod_dir(&self, pod: Ordinal) -> PathBuf {
        layout::pod_dir(&self.dir, pod)
    }

    /// Host and service port of a pod.
    #[must_use]
    pub fn address(&self, pod: Ordinal) -> (String, u16) {
        (self.file.ip(pod).to_string(), self.file.port)
    }

    /// The endpoints of all pods.
    ///
    /// # Panics
    /// Never: the text is our own.
    #[must_use]
    pub fn endpoints(&self) -> Endpoints {
        Endpoints::parse(&self.file.endpoints(), "endpoints.toml").expect("our own endpoints file is valid")
    }

    /// Variables that make the rest of the program work on this lab.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, PathBuf); 5] {
        layout::environment(&self.dir)
    }

    /// # Errors
    /// [`LabError::NoSuchPod`].
    pub fn check(&self, pod: Ordinal) -> Result<(), LabError> {
        if self.file.count().contains(pod) {
            Ok(())
        } else {
            Err(LabError::NoSuchPod { pod, last: self.file.pods - 1 })
        }
    }

    /// State of a pod's process.
    #[must_use]
    pub fn life(&self, pod: Ordinal) -> Life {
        process::life(&self.pod_dir(pod))
    }

    /// How the pod answers a login within `limit`.
    ///
    /// # Errors
    /// What the login met.
    pub fn try_login(&self, pod: Ordinal, limit: Duration) -> Result<(), DbError> {
        self.login(pod, limit).map(|_| ())
    }

    /// A session; as SYSDBA when the pod is in ADMIN_MODE.
    ///
    /// # Errors
    /// [`LabError::NotRunning`] for a refused connection of a pod without a process, else [`LabError::Db`].
    pub fn client(&self, pod: Ordinal, options: &Options) -> Result<Client, LabError> {
        self.check(pod)?;
        let (host, port) = self.address(pod);
        Client::connect_any(&host, port, options).map_err(|error| match self.life(pod) {
            Life::Down => LabError::NotRunning(pod),
            Life::Up(_) | Life::Frozen(_) => LabError::Db { pod, error },
        })
    }

    /// Runs one statement as SYS in a session of its own.
    ///
    /// # Errors
    /// As [`Lab::client`], and what the statement met.
    pub fn sql(&self, pod: Ordinal, text: &str) -> Result<Response, LabError> {
        self.client(pod, &sys())?.execute(text).map_err(|error| LabError::Db { pod, error })
    }

    /// kill -9; returns when the process is gone. Fine when there is none.
    ///
    /// # Errors
    /// The signal is not permitted.
    pub fn kill(&self, pod: Ordinal) -> Result<(), LabError> {
        self.check(pod)?;
        process::kill(&self.pod_dir(pod)).map(|_| ()).map_err(io_error(format!("cannot kill pod {pod}")))
    }

    /// Ends a pod in good order, or with kill -9 when it does not obey within 10 s. Fine when there is none.
    ///
    /// # Errors
    /// The signal is not permitted.
    pub fn stop(&self, pod: Ordinal) -> Result<(), LabError> {
        self.check(pod)?;
        match self.life(pod) {
            Life::Down => return Ok(()),
            Life::Frozen(_) => {}
            Life::Up(_) => {
                let asked = pod::request(&self.pod_dir(pod), &Request::Stop).is_ok();
                if asked && process::wait_until(Duration::from_secs(10), || self.life(pod) == Life::Down) {
                    return Ok(());
                }
            }
        }
        self.kill(pod)
    }

    /// Starts a pod with the state it has and waits until it accepts logins.
    ///
    /// # Errors
    /// [`LabError::Running`], [`LabError::NotUp`].
    pub fn start(&self, pod: Ordinal) -> Result<(), LabError> {
        self.check(pod)?;
        if self.life(pod) != Life::Down {
            return Err(LabError::Running(pod));
        }
        let mut child = self.spawn(pod)?;
        let outcome = self.await_login(pod, &mut child, Instant::now() + BOOT);
        if outcome.is_err() {
            // It is of no use to anybody in this state; the error tells why.
            let _ = child.kill();
        }
        process::reap(child);
        outcome
    }

    /// As [`Lab::start`], then makes the tables of a new lab: what follows a [`Lab::wipe`].
    ///
    /// # Errors
    /// As [`Lab::start`], and when the tables exist.
    pub fn start_with_tables(&self, pod: Ordinal) -> Result<(), LabError> {
        self.start(pod)?;
        self.make_tables(pod)
    }

    /// A lost volume: the pod is killed and its data removed. The next start makes an empty database.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn wipe(&self, pod: Ordinal) -> Result<(), LabError> {
        self.kill(pod)?;
        let dir = self.pod_dir(pod);
        let what = || io_error(format!("cannot wipe {}", dir.display()));
        fs::remove_dir_all(&dir).map_err(what())?;
        fs::create_dir(&dir).map_err(what())?;
        self.file.pod_config(pod).save(&dir).map_err(what())
    }

    /// Kills every pod and removes what the lab made; returns the directory when something foreign keeps it there.
    ///
    /// # Errors
    /// A pod cannot be killed or a file not be removed.
    pub fn down(mut self) -> Result<Option<PathBuf>, LabError> {
        self.detach();
        self.take_down()
    }

    fn take_down(&self) -> Result<Option<PathBuf>, LabError> {
        for pod in self.pods() {
            self.kill(pod)?;
        }
        let gone = |result: io::Result<()>| match result {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        };
        let what = || io_error(format!("cannot remove {}", self.dir.display()));
        let dirs = self.pods().map(|p| self.pod_dir(p)).chain(["state", "marker"].map(|d| self.dir.join(d)));
        let dirs = dirs.chain([layout::snapshots(&self.dir)]);
        for dir in dirs {
            gone(fs::remove_dir_all(dir)).map_err(what())?;
        }
        // The marker goes last, so that a second attempt still knows whose directory it is.
        for name in ["aku.conf", "endpoints.toml", layout::MARKER] {
            gone(fs::remove_file(self.dir.join(name))).map_err(what())?;
        }
        match fs::remove_dir(&self.dir) {
            Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(Some(self.dir.clone())),
            other => gone(other).map(|()| None).map_err(what()),
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        match self.at_drop {
            AtDrop::Leave => {}
            AtDrop::TakeDown => {
                if let Err(error) = self.take_down() {
                    tracing::warn!(%error, "the lab is not quite down");
                }
            }
        }
    }
}

/// SYS with the password of a new database.
fn sys() -> Options {
    Options { app_info: "aku lab".to_owned(), ..Options::new("SYS", layout::PASSWORD.to_owned().into()) }
}

fn make_dir(dir: &Path) -> Result<PathBuf, LabError> {
    let shown = dir.display().to_string();
    let what = || io_error(format!("cannot make {shown}"));
    if let Some(file) = LabFile::load(dir).map_err(io_error(format!("cannot read the marker in {shown}")))? {
        return Err(LabError::AlreadyThere { dir: shown, pods: file.pods });
    }
    match fs::read_dir(dir) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(LabError::NotOurs(shown));
            }
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(what())?;
        }
        Err(e) => return Err(what()(e)),
    }
    dir.canonicalize().map_err(what())
}

/// The first address of a loopback block on which both ports are free for every pod. Chosen at random, so that labs
/// which come up at the same time do not meet.
fn free_block(pods: ServerCount, port: u16) -> Result<Ipv4Addr, LabError> {
    let random = RandomState::new();
    for attempt in 0..64u8 {
        let [a, b, ..] = random.hash_one(attempt).to_le_bytes();
        // 127.0.x.x to 127.15.x.x are where other programs have their addresses.
        let first = Ipv4Addr::new(127, 16 + a % 239, b, 1);
        let free = pods.ordinals().all(|pod| {
            let ip = Ipv4Addr::from_bits(first.to_bits() + u32::from(pod.get()));
            [port, port + 1].into_iter().all(|p| TcpListener::bind((ip, p)).is_ok())
        });
        if free {
            return Ok(first);
        }
    }
    Err(LabError::NoAddress(port))
}
