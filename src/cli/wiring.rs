//! What the commands need from outside, as one trait: the only file that knows how its parts are put together.
//!
//! Decides nothing. Tests bring their own world; the real one reads the process, opens sessions and runs the engine.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    hash::{BuildHasher as _, RandomState},
    io,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use jiff::{Timestamp, tz::TimeZone};
use secrecy::SecretString;

use super::env::Env;
use crate::{
    apply::{
        self, Clock as _, Context, Event, IntentLog, Limits, Marker, Report, StopFlag, SystemClock,
        signals::{self, LastWords, Limit, Listening},
    },
    db::{
        self, ConnectError, ConnectFailure, Connector, Login, Privilege, Session,
        endpoints::Endpoint,
        odbc::{self, OdbcConnector},
        session_keeper::SessionKeeper,
    },
    desired::Desired,
    exit::Exit,
    lock::{self, Held, Waiting, Wanted},
    observe::{self, Gathering, Observed},
    plan::{Plan, resume::CompletedActions},
    render::Diagnostic,
    topology::{Ordinal, Target},
};

/// The surroundings of a run.
pub trait Platform {
    /// Variables of the environment.
    fn env(&self) -> &Env;
    /// The machine's name.
    fn hostname(&self) -> OsString;
    /// The time.
    fn now(&self) -> Timestamp;
    /// Where the log of the documented front door has its time of day from.
    fn zone(&self) -> TimeZone;
    /// Waits.
    fn sleep(&self, time: Duration);
    /// Begins to listen to signals, and to look at the clock.
    ///
    /// # Errors
    /// There is no thread to be had.
    fn listen(&self, last: LastWords, limit: Option<Limit>) -> io::Result<Listening>;
    /// The way to the pods.
    ///
    /// # Errors
    /// Something is missing before anything can be tried, e.g. the ODBC driver.
    fn cluster(&self, way: Way) -> Result<Box<dyn Cluster>, Diagnostic>;
}

/// How the pods are reached.
pub struct Way {
    /// Every pod.
    pub endpoints: BTreeMap<Ordinal, Endpoint>,
    /// Pods that take part.
    pub pods: Vec<Ordinal>,
    /// `--odbc-driver`
    pub driver: Option<PathBuf>,
    /// Of SYS.
    pub password: SecretString,
}

/// The pods.
pub trait Cluster {
    /// Looks at every pod.
    fn observe(&self, desired: &Desired, how: &Gathering) -> Observed;
    /// Counts rows and notes them.
    fn count(&self, observed: &mut Observed, wanted: &[(Ordinal, Vec<Target>)], how: &Gathering);
    /// What an ordinary login finds at each pod. Takes nobody's SYSDBA session.
    fn doors(&self, login: &Login) -> BTreeMap<Ordinal, Admission>;
    /// An ordinary session on one pod. Takes nobody's SYSDBA session.
    ///
    /// # Errors
    /// Why there is none.
    fn enter(&self, pod: Ordinal, login: &Login) -> Result<Box<dyn Session>, ConnectError>;
    /// Opens a session and closes it.
    ///
    /// # Errors
    /// Why there is none.
    fn reach(&self, pod: Ordinal, login: &Login) -> Result<(), ConnectError>;
    /// Opens a session to read with.
    ///
    /// # Errors
    /// Why there is none.
    fn connect(&self, pod: Ordinal, login: &Login) -> Result<Box<dyn Session>, ConnectError>;
    /// Takes the lock of a run. From then on the session that is kept for it serves everything else.
    ///
    /// # Errors
    /// Another run has it.
    fn lock(&self, wanted: &Wanted, tell: &mut dyn FnMut(&Waiting)) -> Result<Held, Box<Waiting>>;
    /// Carries out a plan.
    fn apply(&self, plan: &Plan, job: &Job, on_event: &mut dyn FnMut(&Event)) -> Report;
}

/// How a plan is carried out.
#[derive(Clone)]
pub struct Job {
    /// How sessions are opened.
    pub login: Login,
    /// AKU_QUERY_TIMEOUT
    pub query_timeout: Duration,
    /// AKU_QUERY_RETRY_COUNT
    pub retry_count: u32,
    /// AKU_QUERY_RETRY_DELAY_MSEC
    pub retry_delay: Duration,
    /// What is left of `--deadline`.
    pub deadline: Option<Duration>,
    /// `--grace`
    pub grace: Duration,
    /// Longest silence of an action that goes on; `None` leaves it to the engine.
    pub progress: Option<Duration>,
    /// The lock.
    pub lock: Arc<Held>,
    /// Who is told of statements before they are sent.
    pub witness: Option<Arc<dyn IntentLog>>,
    /// What signals raise.
    pub stop: StopFlag,
    /// What earlier runs of the plan did.
    pub earlier: CompletedActions,
    /// Where the start marker is and what is written to it; `None` when it is none of this run's business.
    pub marker: Option<(PathBuf, String)>,
    /// Start markers of any pods that are on this machine.
    pub marked_here: BTreeMap<Ordinal, PathBuf>,
}

/// The real world.
pub struct Real {
    env: Env,
}

impl Real {
    /// This process.
    #[must_use]
    pub fn new(env: Env) -> Self {
        Self { env }
    }
}

impl Platform for Real {
    fn env(&self) -> &Env {
        &self.env
    }

    fn hostname(&self) -> OsString {
        self.env.var(super::who::POD_NAME).map_or_else(gethostname::gethostname, OsStr::to_owned)
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn zone(&self) -> TimeZone {
        TimeZone::system()
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }

    fn listen(&self, last: LastWords, limit: Option<Limit>) -> io::Result<Listening> {
        signals::listen(last, limit)
    }

    fn cluster(&self, way: Way) -> Result<Box<dyn Cluster>, Diagnostic> {
        let password = way.password.clone();
        let (driver, takes_part) = (way.driver, way.pods.clone());
        let connector = db::connector(way.endpoints, way.pods, way.password, |pods| {
            let setup = odbc::driver::choose(
                driver.as_deref(),
                self.env.var("AKU_ODBC_DRIVER"),
                self.env.var(super::confpath::HOME_VARIABLE),
            );
            let setup = setup.map_err(|e| no_driver(&e, &pods))?;
            let setup = odbc::setup::prepare(&setup).map_err(|e| no_driver(&e, &pods))?;
            let address = |e: Endpoint| odbc::Address { host: e.host, port: e.port };
            let pods = pods.into_iter().map(|(pod, e)| (pod, address(e))).collect();
            Ok::<Box<dyn Connector>, Diagnostic>(Box::new(OdbcConnector::new(setup, pods, password)))
        })?;
        Ok(Box::new(Pods { connector: Arc::new(SessionKeeper::new(Arc::from(connector))), pods: takes_part }))
    }
}

fn no_driver(e: &dyn std::error::Error, pods: &BTreeMap<Ordinal, Endpoint>) -> Diagnostic {
    let names: Vec<_> = pods.keys().map(ToString::to_string).collect();
    let whom = format!("pod {}: no endpoints file names another transport", names.join(", "));
    Diagnostic::new(Exit::NoInput, "odbc", e.to_string())
        .fact("needed for", whom)
        .fact("changed", "nothing: no pod was contacted")
}

/// Pods behind a connector.
struct Pods {
    connector: Arc<SessionKeeper>,
    /// That take part.
    pods: Vec<Ordinal>,
}

impl Cluster for Pods {
    fn observe(&self, desired: &Desired, how: &Gathering) -> Observed {
        observe::observe(&*self.connector, desired, how)
    }

    fn count(&self, observed: &mut Observed, wanted: &[(Ordinal, Vec<Target>)], how: &Gathering) {
        observe::count_rows(&*self.connector, observed, wanted, how);
    }

    fn doors(&self, login: &Login) -> BTreeMap<Ordinal, Admission> {
        let login = Login { privilege: Privilege::Normal, ..login.clone() };
        db::each_pod(self.pods.iter().copied(), |pod| match self.connector.connect(pod, &login) {
            Ok(_) => Admission::Open,
            Err(e) if e.failure == ConnectFailure::AdminMode => Admission::Closed,
            Err(_) => Admission::Away,
        })
    }

    fn enter(&self, pod: Ordinal, login: &Login) -> Result<Box<dyn Session>, ConnectError> {
        self.connector.connect(pod, &Login { privilege: Privilege::Normal, ..login.clone() })
    }

    fn reach(&self, pod: Ordinal, login: &Login) -> Result<(), ConnectError> {
        db::connect_sys(&*self.connector, pod, login).map(|_| ())
    }

    fn connect(&self, pod: Ordinal, login: &Login) -> Result<Box<dyn Session>, ConnectError> {
        db::connect_sys(&*self.connector, pod, login).map(|(session, _)| session)
    }

    fn lock(&self, wanted: &Wanted, tell: &mut dyn FnMut(&Waiting)) -> Result<Held, Box<Waiting>> {
        lock::acquire(&self.connector, wanted, tell)
    }

    fn apply(&self, plan: &Plan, job: &Job, on_event: &mut dyn FnMut(&Event)) -> Report {
        let clock = SystemClock;
        let connector: Arc<SessionKeeper> = Arc::clone(&self.connector);
        let limits = Limits::for_query_timeout(job.query_timeout);
        let seed = RandomState::new().hash_one(std::process::id());
        let context = Context {
            connector,
            login: job.login.clone(),
            retry: apply::Retry { count: job.retry_count, delay: job.retry_delay, seed },
            deadline: job.deadline.map(|d| clock.now() + d),
            marker: job.marker.clone().map(|(path, text)| Marker { path, text }),
            marked_here: job.marked_here.clone(),
            lock: Some(Arc::clone(&job.lock)),
            witness: job.witness.clone(),
            clock: Arc::new(clock),
            limits: Limits { grace: job.grace, progress: job.progress.unwrap_or(limits.progress), ..limits },
        };
        apply::resume(plan, &job.earlier, &context, &job.stop, on_event)
    }
}

/// What an ordinary login finds at a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It gets in.
    Open,
    /// ADMIN_MODE is on.
    Closed,
    /// Nobody answers, or something else is wrong.
    Away,
}
