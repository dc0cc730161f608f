//! Everything that stands before a plan: the configuration, the pods' addresses, who we are, what is there.
//!
//! Sends nothing but SELECTs. Repeats a look at a pod whose only SYSDBA slot is taken, because that usually passes
//! (`aku-behaviour.md` B.0); everything else is taken as seen.

mod near;

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use super::{
    common::{Common, What},
    confpath, marker, secret, time,
    who::{self, Who, who},
    wiring::{Cluster, Platform, Way},
};
use crate::{
    conf::{self, Config, password},
    db::{
        ConnectFailure, Login, Privilege,
        endpoints::{Endpoint, Endpoints, EndpointsError, Transport},
    },
    desired::{Desired, Goal, ReplicationAddress},
    exit::Exit,
    journal::runs,
    lock::{self},
    logs::LogPath,
    observe::{BrokenBy, Compared, Gathering, MarkerView, Observed, PodView},
    plan::{self, Op, Plan, saved},
    render::Diagnostic,
    run_id::RunId,
    topology::{Ordinal, ServerCount, Target},
};

/// Variable with the endpoints file.
const ENDPOINTS_VARIABLE: &str = "AKU_ENDPOINTS";

/// What is known before anything is asked.
pub struct CommandContext {
    /// The configuration.
    pub conf: Config,
    /// Its digest.
    pub digest: String,
    /// Who we are.
    pub who: Who,
    /// What is wanted.
    pub desired: Desired,
    /// The pods.
    pub cluster: Box<dyn Cluster>,
    connect_timeout: Duration,
    /// The run that changes something, if it is one.
    pub run: Option<RunId>,
    /// What a comparison saw of single rows: a plan of repair is made again from it.
    pub compared: Option<Box<Compared>>,
    /// Where survivors find the logs of a dead pod, as somebody named them.
    pub log_paths: BTreeMap<Ordinal, LogPath>,
    /// Whether this run, an end, has shut users out of its pod already.
    pub shut_out: Cell<bool>,
    /// Pods that are where this program is, so that a path here is a path there.
    near: BTreeSet<Ordinal>,
}

/// Reads a configuration. What is only odd about it goes to `warn`.
///
/// # Errors
/// It cannot be found or is invalid; the headline then shows the lines with carets.
pub fn read_conf(world: &dyn Platform, common: &Common, warn: &mut dyn FnMut(&str)) -> Result<Config, Diagnostic> {
    let (path, bytes) = confpath::read(common.conf.as_deref(), world.env())
        .map_err(|e| Diagnostic::new(Exit::from(&e), "conf", e.to_string()))?;
    let parsed = conf::parse(&path, &bytes);
    let Some(config) = parsed.config else {
        let blocks = conf::render_problems(&parsed.problems, &parsed.source, conf::Colour::Never);
        let headline = format!("{path} is not valid\n{}", blocks.trim_end());
        return Err(Diagnostic::new(Exit::BadData, "conf", headline).next("aku validate    (after correcting it)"));
    };
    warn(&conf::problem_lines(&parsed.problems, &parsed.source));
    Ok(config)
}

/// The addresses of all pods, and whether a file names them.
fn endpoints(
    world: &dyn Platform,
    common: &Common,
    conf: &Config,
) -> Result<(BTreeMap<Ordinal, Endpoint>, bool), Diagnostic> {
    let named = common.endpoints.clone().or_else(|| world.env().var(ENDPOINTS_VARIABLE).map(Into::into));
    let given = named.is_some();
    let endpoints = match named {
        Some(path) => Endpoints::load(&path).map_err(|e| {
            let exit = match &e {
                EndpointsError::Read { .. } => Exit::NoInput,
                EndpointsError::Invalid { .. } => Exit::BadData,
            };
            Diagnostic::new(exit, "endpoints", e.to_string())
        })?,
        None => Endpoints::default(),
    };
    Ok((endpoints.resolve_all(conf), given))
}

/// What a container knows of its own pod before there is a server.
pub struct OwnPod {
    /// The configuration.
    pub conf: Config,
    /// Which pod it is.
    pub who: Who,
    /// Where its server is.
    pub endpoint: Endpoint,
    /// Whether a file says so.
    pub endpoints_given: bool,
}

/// Reads everything that a start of this pod will read, and opens no connection.
///
/// # Errors
/// As [`CommandContext::open`], the driver apart.
pub fn own_pod(world: &dyn Platform, common: &Common, warn: &mut dyn FnMut(&str)) -> Result<OwnPod, Diagnostic> {
    let env = world.env();
    let conf = read_conf(world, common, warn)?;
    let who = who(common.ordinal, env.var(who::VARIABLE), &world.hostname(), &conf)?;
    let (mut endpoints, endpoints_given) = endpoints(world, common, &conf)?;
    warn(&secret::exposed(common, env, &conf));
    secret::find(common, env, &conf).map_err(|e| Diagnostic::new(password_exit(&e), "password", e.to_string()))?;
    // Nothing could ever join it: a server, or a new database, would be there for nothing.
    let address = |_| ReplicationAddress { host: String::new(), port: conf.replication_port_no };
    refuse_surplus(&Desired::new(&conf, Goal::Start(who.pod), address))
        .map_err(|trouble| Diagnostic { exit: Exit::BadData, ..trouble })?;
    let endpoint = endpoints
        .remove(&who.pod)
        .ok_or_else(|| Diagnostic::new(Exit::BadData, "endpoints", format!("nothing says where pod {} is", who.pod)))?;
    Ok(OwnPod { conf, who, endpoint, endpoints_given })
}

/// Whether a pod of a lab runs on this machine. What a forwarded port leads to is somewhere else.
fn is_near(endpoint: &Endpoint) -> bool {
    let loopback = endpoint.host.parse::<IpAddr>().map_or(endpoint.host == "localhost", |ip| ip.is_loopback());
    match endpoint.transport {
        Transport::Lab => loopback,
        Transport::Odbc => false,
    }
}

/// Goal of a word about a pod.
#[must_use]
pub fn goal(what: What, pod: Ordinal) -> Goal {
    match what {
        What::Start => Goal::Start(pod),
        What::End => Goal::End(pod),
        What::Clean => Goal::Clean(pod),
    }
}

/// A pod that leaves, or that is dead, counts as one of the others although aku.conf has the smaller count already: what it
/// committed has to be delivered or read all the same.
fn with_who_leaves(mut conf: Config, goal: Goal) -> Config {
    let leaves = match goal {
        Goal::End(pod) | Goal::RecoverLog(pod) => pod,
        Goal::Start(_)
        | Goal::Clean(_)
        | Goal::CleanEverywhere
        | Goal::Reconcile
        | Goal::Recover(_)
        | Goal::Forget(_)
        | Goal::Repair(_) => return conf,
    };
    if let Some(count) = ServerCount::new(leaves.get() + 1) {
        conf.server_count = conf.server_count.max(count);
    }
    conf
}

impl CommandContext {
    /// Reads what there is to read and opens no connection. `what` is asked once the pod is known.
    ///
    /// # Errors
    /// Configuration, endpoints, password, ordinal or driver are missing or wrong; the pod is surplus.
    pub fn open(
        world: &dyn Platform,
        common: &Common,
        what: impl FnOnce(Ordinal) -> Goal,
        warn: &mut dyn FnMut(&str),
    ) -> Result<Self, Diagnostic> {
        let env = world.env();
        let conf = read_conf(world, common, warn)?;
        let who = who(common.ordinal, env.var(who::VARIABLE), &world.hostname(), &conf)?;
        let goal = what(who.pod);
        let digest = saved::conf_digest(&conf);
        let conf = with_who_leaves(conf, goal);
        let (endpoints, _) = endpoints(world, common, &conf)?;
        let address = |pod: Ordinal| {
            let e = &endpoints[&pod];
            ReplicationAddress { host: e.replication_host.clone(), port: e.replication_port }
        };
        let desired = Desired::new(&conf, goal, address);
        refuse_surplus(&desired)?;
        warn(&secret::exposed(common, env, &conf));
        let (password, _) = secret::find(common, env, &conf)
            .map_err(|e| Diagnostic::new(password_exit(&e), "password", e.to_string()))?;
        let near = desired.pods.keys().copied().filter(|k| who.here == Some(*k) || is_near(&endpoints[k])).collect();
        let pods = desired.pods.keys().copied().collect();
        let way = Way { endpoints, pods, driver: common.odbc_driver.clone(), password };
        let cluster = world.cluster(way)?;
        Ok(Self {
            conf,
            digest,
            who,
            desired,
            cluster,
            connect_timeout: common.connect_timeout,
            run: None,
            compared: None,
            log_paths: BTreeMap::new(),
            shut_out: Cell::new(false),
            near,
        })
    }

    /// How sessions are opened.
    #[must_use]
    pub fn login(&self) -> Login {
        Login {
            privilege: Privilege::Normal,
            connect_timeout: self.connect_timeout,
            query_timeout: (!self.conf.query_timeout.is_zero()).then_some(self.conf.query_timeout),
            silence_timeout: None,
            app_info: lock::working(self.desired.goal.as_str(), self.who.pod, std::process::id(), self.run.as_ref()),
        }
    }

    /// Looks at every pod. `retry` is told before each repeated look.
    pub fn observe(&self, world: &dyn Platform, retry: &mut dyn FnMut(Retry)) -> Observed {
        let mut observed = self.look(world);
        for attempt in 1..=self.conf.query_retry_count {
            let busy: Vec<Ordinal> = busy(&observed);
            if busy.is_empty() {
                break;
            }
            retry(Retry { pods: busy.clone(), attempt, of: self.conf.query_retry_count });
            world.sleep(self.varied(attempt));
            observed = self.look(world);
        }
        observed
    }

    /// AKU_QUERY_RETRY_DELAY_MSEC, differently for each process: who met once does not meet again.
    fn varied(&self, attempt: u32) -> Duration {
        let seed = u64::from(std::process::id()) ^ u64::from(self.who.pod.get()) << 32;
        time::varied(seed, attempt, self.conf.query_retry_delay)
    }

    /// Looks at every pod once.
    pub fn look(&self, world: &dyn Platform) -> Observed {
        let mut observed = self.pods();
        observed.marker = marker::view(self.marker_path(world).as_ref(), observed.pod(self.who.pod));
        observed.marked_here = marker::here(world.env(), self.desired.pods.keys().copied(), self.who.here);
        observed.compared.clone_from(&self.compared);
        observed.logs = self.logs();
        self.without_own_run(&mut observed);
        observed.shut_out = self.shut_out(world, &observed).into_iter().collect();
        if !observed.left_behind().is_empty()
            && let Some(state) = confpath::state(world.env())
        {
            observed.remembered = runs::settings_before(&state, &self.desired.statefulset).unwrap_or_default();
        }
        tracing::debug!(pods = observed.pods.len(), "looked at the pods");
        observed
    }

    /// Whoever changes something holds the lock before it looks: what it sees of other runs are those that wait for it.
    fn without_own_run(&self, observed: &mut Observed) {
        let Some(own) = &self.run else { return };
        for view in observed.pods.values_mut() {
            if let PodView::Seen(pod) = view {
                pod.clients.retain(|c| !c.app.starts_with(lock::PREFIX) && c.at_work().is_none_or(|w| w.run != *own));
            }
        }
    }

    /// Plans from what was seen, after counting the rows that the decision hangs on. A pod whose SYSDBA slot was taken
    /// between the look and the count (another start looks at it, too) is looked at and counted again.
    ///
    /// # Errors
    /// The planner's refusal.
    pub fn plan(&self, world: &dyn Platform, observed: &mut Observed) -> Result<Plan, plan::Refusal> {
        let mut left = self.conf.query_retry_count;
        let mut missed = false;
        loop {
            let questions = self.counted(observed);
            let busy = busy(observed);
            missed |= questions.iter().any(|(pod, _)| busy.contains(pod));
            if busy.is_empty() || !missed || left == 0 {
                break;
            }
            left -= 1;
            world.sleep(self.varied(left));
            observed.pods = self.pods().pods;
        }
        plan::make(&self.desired, observed)
    }

    /// As [`plan`](Self::plan), from one look: whoever holds a lock gives it back before the next.
    ///
    /// # Errors
    /// The planner's refusal.
    pub fn plan_once(&self, observed: &mut Observed) -> Result<Plan, plan::Refusal> {
        self.counted(observed);
        plan::make(&self.desired, observed)
    }

    fn counted(&self, observed: &mut Observed) -> Vec<(Ordinal, Vec<Target>)> {
        let questions = plan::row_questions(&self.desired, observed);
        self.count(observed, &questions);
        questions
    }

    /// Counts rows and notes them.
    pub fn count(&self, observed: &mut Observed, questions: &[(Ordinal, Vec<Target>)]) {
        if !questions.is_empty() {
            self.cluster.count(observed, questions, &self.counting(observed));
        }
    }

    /// Looks at every pod, not only at those that were busy: what keeps a slot busy is usually another start, so the
    /// other pods have changed as well, and two ages in one picture show pods that are not connected.
    fn pods(&self) -> Observed {
        self.cluster.observe(&self.desired, &self.gathering())
    }

    /// A count may take as long as any other statement. The server's own bound should fire first: it says why.
    fn counting(&self, observed: &Observed) -> Gathering {
        let silence = self.login().query_timeout.map(|t| t + COUNT_MARGIN);
        let login = Login { silence_timeout: silence, ..self.login() };
        Gathering { login, marker: observed.marker.clone() }
    }

    fn gathering(&self) -> Gathering {
        let login = Login { silence_timeout: Some(CATALOG_SILENCE.max(self.connect_timeout)), ..self.login() };
        Gathering { login, marker: MarkerView::Elsewhere }
    }

    /// Where this pod's marker is, when it is on this machine.
    #[must_use]
    pub fn marker_path(&self, world: &dyn Platform) -> Option<std::path::PathBuf> {
        marker::path(world.env(), self.who.pod, self.who.here)
    }

    /// Whether the marker that a plan writes at its end could be written.
    ///
    /// # Errors
    /// It could not; nothing was changed yet.
    pub fn probe_marker(&self, world: &dyn Platform, plan: &Plan) -> Result<(), Diagnostic> {
        match self.marker_path(world) {
            Some(path) if plan.actions.iter().any(|a| a.op == Op::WriteMarker) => marker::probe(&path),
            Some(_) | None => Ok(()),
        }
    }

    /// Connects to the pod's own service address until that works, as the documents ask before a start: peers reach
    /// the pod by the same name. Only an absence is waited for; what else is wrong is for the planner to say.
    ///
    /// # Errors
    /// It never worked (exit 69).
    pub fn check_address(&self, world: &dyn Platform, tell: &mut dyn FnMut(&str)) -> Result<(), Diagnostic> {
        let (pod, attempts) = (self.who.pod, self.conf.address_check_count.max(1));
        let mut last = None;
        for attempt in 1..=attempts {
            match self.cluster.reach(pod, &self.login()) {
                Err(e) if e.failure == ConnectFailure::Absent => {
                    tell(&format!("pod {pod} is not reachable at {} yet, attempt {attempt} of {attempts}", e.address));
                    last = Some(e);
                }
                Ok(()) | Err(_) => return Ok(()),
            }
            if attempt < attempts {
                world.sleep(ADDRESS_CHECK_PAUSE);
            }
        }
        let text = format!("pod {pod} cannot be reached at its own service address after {attempts} attempts");
        let trouble = Diagnostic::new(Exit::Unavailable, "address-check", text);
        let said = last.map(|e| trouble_of_absence(trouble.clone(), &e.address, &e.error.to_string()));
        Err(said.unwrap_or(trouble))
    }
}

/// How long the catalog may be silent before a server counts as frozen. It answers in milliseconds, but V$REPSENDER
/// waits behind a START towards a black-holed peer, which takes 10 s (`measured.md` 5).
const CATALOG_SILENCE: Duration = Duration::from_secs(30);

/// How much longer than AKU_QUERY_TIMEOUT we wait for a count.
const COUNT_MARGIN: Duration = Duration::from_secs(5);

/// Interval of the address check; the documents do not say, one second is assumed (`aku-behaviour.md` B.10).
const ADDRESS_CHECK_PAUSE: Duration = Duration::from_secs(1);

fn trouble_of_absence(trouble: Diagnostic, address: &str, said: &str) -> Diagnostic {
    trouble
        .fact("where", address)
        .fact("database", said)
        .fact("changed", "nothing: no statement was sent")
        .next("see that the server runs and that the headless Service has publishNotReadyAddresses: true")
        .next("AKU_ADDRESS_CHECK_COUNT says how often this is tried, one second apart")
}

/// A look that is repeated because a SYSDBA slot is taken.
#[derive(Clone, Debug)]
pub struct Retry {
    /// The pods.
    pub pods: Vec<Ordinal>,
    /// From 1.
    pub attempt: u32,
    /// AKU_QUERY_RETRY_COUNT
    pub of: u32,
}

impl std::fmt::Display for Retry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pods: Vec<String> = self.pods.iter().map(ToString::to_string).collect();
        write!(
            f,
            "{} {} busy: another SYSDBA session holds the only slot (ERR-41041), attempt {} of {}",
            if pods.len() == 1 { format!("pod {}", pods[0]) } else { format!("pods {}", pods.join(", ")) },
            if pods.len() == 1 { "is" } else { "are" },
            self.attempt,
            self.of
        )
    }
}

pub(super) fn busy(observed: &Observed) -> Vec<Ordinal> {
    let is_busy = |view: &PodView| match view {
        PodView::Broken { failure, .. } => *failure == BrokenBy::SysdbaBusy,
        PodView::Seen(_) | PodView::Absent { .. } => false,
    };
    observed.pods.iter().filter(|(_, view)| is_busy(view)).map(|(pod, _)| *pod).collect()
}

fn password_exit(e: &password::PasswordError) -> Exit {
    use password::PasswordError as E;
    match e {
        E::Unreadable { .. } | E::NoDescriptor { .. } => Exit::NoInput,
        E::EmptyDescriptor { .. } | E::EmptyFile { .. } | E::Unusable { .. } | E::Missing => Exit::BadData,
    }
}

/// A pod beyond the configured count is told so before anything is opened (`aku-behaviour.md` F 30).
fn refuse_surplus(desired: &Desired) -> Result<(), Diagnostic> {
    let surplus = match desired.goal {
        Goal::Start(pod) | Goal::End(pod) | Goal::Clean(pod) => !desired.pods.contains_key(&pod),
        // A pod that left may be one that aku.conf no longer has.
        Goal::CleanEverywhere
        | Goal::Reconcile
        | Goal::Recover(_)
        | Goal::Forget(_)
        | Goal::Repair(_)
        | Goal::RecoverLog(_) => false,
    };
    if !surplus {
        return Ok(());
    }
    let nothing = Observed::new(BTreeMap::new(), MarkerView::Elsewhere);
    match plan::make(desired, &nothing) {
        Err(refusal) => Err(Diagnostic::from(&refusal)),
        Ok(_) => Ok(()),
    }
}

/// The trouble behind a refusal. Where nothing could be seen at all, the exit code says why (`contract.md`
/// 2.3: 69 and 77).
#[must_use]
pub fn refused(refusal: &plan::Refusal, observed: &Observed, pod: Ordinal) -> Diagnostic {
    let trouble = Diagnostic::from(refusal);
    let own = observed.pods.get(&pod);
    let any_seen = observed.pods.values().any(|v| matches!(v, PodView::Seen(_)));
    let exit = match (trouble.exit, own) {
        (Exit::Unknown, Some(PodView::Broken { failure: BrokenBy::LoginRefused, .. })) => Exit::Auth,
        (Exit::Unknown, Some(PodView::Absent { .. })) if !any_seen => Exit::Unavailable,
        (exit, _) => exit,
    };
    Diagnostic { exit, ..trouble }
}
