//! A cluster: what the API server knows, nodes, volumes, names, and what people do to it.
//!
//! Names reach pods in two files: the endpoints file (what aku looks up) and a hosts file (what servers look up). A pod that is
//! made anew has another address. Secrets are what a person made with `kubectl create secret`.

mod mounts;
mod people;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs, io,
    net::Ipv4Addr,
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use aku_core::topology::ServerCount;
use aku_lab::{Lab, LabError, LabOptions, Pace, process::PodProgram};
use rustix::process::Pid;

pub use crate::sandbox::Came;
use crate::{
    controller::{self, Next, Phase, Revision, Seen, Step, Wanted},
    kubelet::{self, Kubelet, Message},
    manifest::{Access, Objects, PodTemplate, Unclear},
    sandbox::{Image, Sandbox},
};
pub use people::{Cordon, Hang, How, PodView, Pods};

/// Databases that are made beforehand: each first start and each lost volume takes one.
const SEEDS: u8 = 8;
/// Numbers of pods that names are kept for.
const PODS: u8 = 8;
/// Addresses of pods begin this much after the lab's own.
const ADDRESSES: u32 = 40;

/// Why a cluster is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The manifests.
    #[error(transparent)]
    Unclear(#[from] Unclear),
    /// The lab that makes databases.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// The system.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// How a cluster is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its directory.
    pub dir: PathBuf,
    /// The program aku.
    pub program: PathBuf,
    /// Names of the nodes.
    pub nodes: Vec<String>,
    /// How fast servers answer.
    pub pace: Pace,
    /// Rows a second that a copy of a table takes in; `None`: as the pace says.
    pub copy_pace: Option<NonZeroU32>,
}

/// A pod as the API server knows it.
#[derive(Debug)]
pub(crate) struct Pod {
    pub uid: u64,
    pub revision: Revision,
    pub node: String,
    pub ip: Ipv4Addr,
    pub phase: Phase,
    pub ready: bool,
    pub terminating: bool,
    pub restarts: u32,
    pub message: String,
    pub container: Option<Arc<Sandbox>>,
    pub first: Option<Pid>,
    pub inbox: Sender<Message>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Since the cluster began.
    pub at: Duration,
    /// `altibase-sts-1: Ready`
    pub text: String,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    objects: Option<Arc<Objects>>,
    revision: Revision,
    templates: BTreeMap<Revision, Arc<PodTemplate>>,
    pub(crate) pods: BTreeMap<u8, Pod>,
    /// Names of nodes; whether pods may be put there.
    nodes: BTreeMap<String, bool>,
    /// Who has mounted a claim, and where.
    mounted: BTreeMap<u8, BTreeMap<u64, String>>,
    /// Claims that go as soon as nobody has mounted them.
    doomed: BTreeSet<u8>,
    secrets: BTreeMap<String, BTreeMap<String, String>>,
    /// Pods whose name no name server tells.
    silent: BTreeSet<u8>,
    events: Vec<Event>,
    made: u64,
    /// Deleted by force; their containers may live on.
    forgotten: Vec<Pod>,
    threads: Vec<JoinHandle<()>>,
    over: bool,
}

/// What the threads of a cluster share.
#[derive(Debug)]
pub(crate) struct Shared {
    dir: PathBuf,
    image: Image,
    pace: Pace,
    copy_pace: Option<NonZeroU32>,
    /// Made the databases, and has the addresses.
    lab: Lab,
    began: Instant,
    state: Mutex<State>,
    changed: Condvar,
}

/// A cluster.
#[derive(Debug)]
pub struct Cluster {
    shared: Arc<Shared>,
}

impl Cluster {
    /// A cluster without objects.
    ///
    /// # Errors
    /// The system, or the lab that makes databases.
    pub fn new(options: Options) -> Result<Self, ClusterError> {
        let dir = options.dir;
        for name in ["seeds", "names", "volumes", "logs"] {
            fs::create_dir_all(dir.join(name))?;
        }
        let count = ServerCount::new(SEEDS).ok_or_else(|| io::Error::other("a lab has at least one pod"))?;
        let lab = Lab::up(LabOptions::new(dir.join("lab"), count, PodProgram::aku(options.program.clone())))?;
        for pod in lab.pods() {
            lab.stop(pod)?;
            let seed = dir.join("seeds").join(pod.to_string());
            fs::create_dir(&seed)?;
            for file in fs::read_dir(lab.pod_dir(pod))? {
                let file = file?;
                if file.file_name().to_string_lossy().starts_with("data.db") {
                    fs::rename(file.path(), seed.join(file.file_name()))?;
                }
            }
        }
        let image = Image::make(&dir, &options.program, &dir.join("seeds"))?;
        let nodes = options.nodes.into_iter().map(|name| (name, true)).collect();
        let state = Mutex::new(State { nodes, ..State::default() });
        let (pace, copy_pace) = (options.pace, options.copy_pace);
        let shared = Shared { dir, image, pace, copy_pace, lab, began: Instant::now(), state, changed: Condvar::new() };
        let shared = Arc::new(shared);
        let controller = Arc::clone(&shared);
        shared.lock().threads.push(thread::spawn(move || controller.control()));
        Ok(Self { shared })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let threads = {
            let mut state = self.shared.lock();
            state.over = true;
            for pod in state.pods.values().chain(&state.forgotten) {
                if let Some(container) = &pod.container {
                    container.kill_all();
                }
                let _ = pod.inbox.send(Message::Stop(Duration::ZERO));
            }
            self.shared.changed.notify_all();
            std::mem::take(&mut state.threads)
        };
        for thread in threads {
            let _ = thread.join();
        }
    }
}

impl State {
    fn seen(&self) -> BTreeMap<u8, Seen> {
        let one = |p: &Pod| Seen { revision: p.revision, phase: p.phase, ready: p.ready, terminating: p.terminating };
        self.pods.iter().map(|(n, pod)| (*n, one(pod))).collect()
    }

    /// The pod of that number, if it is still the one that is meant.
    fn of(&mut self, uid: u64, pod: u8) -> Option<&mut Pod> {
        self.pods.get_mut(&pod).filter(|p| p.uid == uid)
    }

    /// The node that has the fewest pods, of those that take any.
    fn node(&self) -> Option<String> {
        let load = |node: &String| self.pods.values().filter(|p| p.node == *node).count();
        self.nodes.iter().filter(|(_, open)| **open).map(|(name, _)| name.clone()).min_by_key(load)
    }

    fn labels(&self, name: &str, revision: Revision) -> BTreeMap<String, String> {
        let mut labels = self.templates.get(&revision).map(|t| t.metadata.labels.clone()).unwrap_or_default();
        labels.insert("statefulset.kubernetes.io/pod-name".to_owned(), name.to_owned());
        labels
    }

    /// The addresses that a Service leads to.
    fn addresses(&self, service: &str) -> BTreeMap<u8, Ipv4Addr> {
        let Some(objects) = &self.objects else { return BTreeMap::new() };
        let Some(service) = objects.services.get(service) else { return BTreeMap::new() };
        let selected = |(n, pod): (&u8, &Pod)| {
            let labels = self.labels(&format!("{}-{n}", objects.name), pod.revision);
            let chosen = service.selector.iter().all(|(k, v)| labels.get(k) == Some(v));
            let shown = service.publish_not_ready_addresses || (pod.ready && !pod.terminating);
            (chosen && shown).then_some((*n, pod.ip))
        };
        self.pods.iter().filter_map(selected).collect()
    }
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, state: &mut State, text: String) {
        state.events.push(Event { at: self.began.elapsed(), text });
    }

    fn name(state: &State, pod: u8) -> String {
        state.objects.as_ref().map_or_else(|| pod.to_string(), |o| format!("{}-{pod}", o.name))
    }

    /// Tells everybody that something changed, name servers among them.
    fn tell(&self, state: &mut State) {
        if let Err(e) = self.publish(state) {
            self.note(state, format!("the names cannot be told: {e}"));
        }
        self.changed.notify_all();
    }

    /// Writes the names that there are.
    fn publish(&self, state: &State) -> io::Result<()> {
        let Some(objects) = &state.objects else { return Ok(()) };
        let known = state.addresses(&objects.set.service_name);
        let (mut endpoints, mut hosts) = (String::new(), String::new());
        for pod in 0..PODS {
            let host = match known.get(&pod) {
                _ if state.silent.contains(&pod) => "no-name-server.lab.invalid".to_owned(),
                Some(ip) => ip.to_string(),
                None => "no-such-name.lab.invalid".to_owned(),
            };
            let name = format!("{}-{pod}.{}", objects.name, objects.set.service_name);
            // Writing to a String cannot fail.
            let _ = write!(
                endpoints,
                "[pod.{pod}]\ntransport = \"lab\"\nhost = \"{host}\"\nreplication_host = \"{name}\"\n"
            );
            if !host.ends_with(".invalid") {
                let _ = writeln!(hosts, "{host} {name}");
            }
        }
        replace(&self.endpoints(), &endpoints)?;
        replace(&self.hosts(), &hosts)
    }

    fn endpoints(&self) -> PathBuf {
        self.dir.join("names/endpoints.toml")
    }

    fn hosts(&self) -> PathBuf {
        self.dir.join("names/hosts")
    }

    fn claim(&self, state: &State, pod: u8) -> PathBuf {
        let claim = state.objects.as_ref().and_then(|o| o.set.volume_claim_templates.first()?.metadata.name.clone());
        self.dir.join("volumes").join(format!("{}-{}", claim.unwrap_or_default(), Self::name(state, pod)))
    }

    /// The StatefulSet controller.
    fn control(self: &Arc<Self>) {
        let mut state = self.lock();
        while !state.over {
            match self.next(&mut state) {
                Some(step) => self.act(&mut state, step),
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn next(&self, state: &mut State) -> Option<Step> {
        let objects = Arc::clone(state.objects.as_ref()?);
        let wanted = Wanted { replicas: objects.set.replicas, update: state.revision };
        let seen = state.seen();
        let there = (0..PODS).filter(|pod| self.claim(state, *pod).exists()).collect();
        let kept = objects.set.persistent_volume_claim_retention_policy.when_scaled;
        for pod in controller::surplus_claims(kept, wanted.replicas, &seen, &there) {
            self.drop_claim(state, pod);
        }
        match controller::next(&wanted, &seen) {
            Next::Do(step) => Some(step),
            Next::Wait(_) | Next::Settled => None,
        }
    }

    fn act(self: &Arc<Self>, state: &mut State, step: Step) {
        match step {
            Step::Create { pod } => self.create(state, pod),
            Step::Delete { pod, why } => {
                let grace =
                    state.pods.get(&pod).and_then(|p| state.templates.get(&p.revision)).map(|t| kubelet::grace(t));
                self.delete(state, pod, grace.unwrap_or_default(), &format!("{why:?}"));
            }
        }
    }

    fn create(self: &Arc<Self>, state: &mut State, pod: u8) {
        let revision = state.revision;
        let Some(template) = state.templates.get(&revision).map(Arc::clone) else { return };
        state.made += 1;
        let uid = state.made;
        let (send, inbox) = mpsc::channel();
        let first = self.lab.file().first_ip.to_bits() + ADDRESSES;
        let ip = Ipv4Addr::from_bits(first + u32::try_from(uid % 200).unwrap_or_default());
        state.pods.insert(
            pod,
            Pod {
                uid,
                revision,
                node: String::new(),
                ip,
                phase: Phase::Pending,
                ready: false,
                terminating: false,
                restarts: 0,
                message: String::new(),
                container: None,
                first: None,
                inbox: send.clone(),
            },
        );
        let kubelet = Kubelet { shared: Arc::clone(self), uid, pod, template, send, inbox };
        state.threads.push(thread::spawn(move || kubelet.run()));
        let name = Self::name(state, pod);
        self.note(state, format!("{name}: created"));
        self.tell(state);
    }

    fn delete(&self, state: &mut State, pod: u8, grace: Duration, why: &str) {
        let name = Self::name(state, pod);
        let Some(found) = state.pods.get_mut(&pod) else { return };
        found.terminating = true;
        // Nobody is there when the pod is just gone.
        let _ = found.inbox.send(Message::Stop(grace));
        self.note(state, format!("{name}: deleted ({why})"));
        self.tell(state);
    }

    /// Waits until the pod has a node and its volume. False: it is to end before that.
    pub(crate) fn mounted(&self, uid: u64, pod: u8, inbox: &Receiver<Message>) -> bool {
        let mut state = self.lock();
        loop {
            if state.over || matches!(inbox.try_recv(), Ok(Message::Stop(_))) {
                return false;
            }
            if state.of(uid, pod).is_some_and(|p| p.node.is_empty())
                && let Some(node) = state.node()
                && let Some(found) = state.of(uid, pod)
            {
                found.node = node;
            }
            let node = state.of(uid, pod).map(|p| p.node.clone()).unwrap_or_default();
            let access = state
                .objects
                .as_ref()
                .and_then(|o| o.set.volume_claim_templates.first()?.spec.access_modes.first().copied());
            let others = state.mounted.entry(pod).or_default();
            let free = match access {
                // Pods of one node may.
                Some(Access::ReadWriteOnce) => others.values().all(|other| *other == node),
                Some(Access::ReadWriteOncePod) => others.is_empty(),
                None => true,
            };
            if free && !node.is_empty() {
                others.insert(uid, node);
                return true;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The pod is gone, and its volume is free.
    pub(crate) fn gone(&self, uid: u64, pod: u8) {
        let mut state = self.lock();
        let name = Self::name(&state, pod);
        if state.of(uid, pod).is_some() {
            state.pods.remove(&pod);
        }
        if let Some(others) = state.mounted.get_mut(&pod) {
            others.remove(&uid);
            if others.is_empty() && state.doomed.remove(&pod) {
                self.drop_claim(&mut state, pod);
            }
        }
        self.note(&mut state, format!("{name}: gone"));
        self.tell(&mut state);
    }

    fn drop_claim(&self, state: &mut State, pod: u8) {
        let name = Self::name(state, pod);
        let text = match fs::remove_dir_all(self.claim(state, pod)) {
            Ok(()) => format!("{name}: its volume is deleted"),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return,
            Err(e) => format!("{name}: its volume cannot be deleted: {e}"),
        };
        self.note(state, text);
    }

    /// Notes what became of a pod.
    pub(crate) fn change(&self, uid: u64, pod: u8, text: &str, how: impl FnOnce(&mut Pod)) {
        let mut state = self.lock();
        let name = Self::name(&state, pod);
        match state.of(uid, pod) {
            Some(found) => {
                how(found);
                self.note(&mut state, format!("{name}: {text}"));
            }
            None => self.note(&mut state, format!("{name} (forgotten): {text}")),
        }
        self.tell(&mut state);
    }

    pub(crate) fn set_ready(&self, uid: u64, pod: u8, ready: bool) {
        let mut state = self.lock();
        let name = Self::name(&state, pod);
        if let Some(found) = state.of(uid, pod)
            && found.ready != ready
        {
            found.ready = ready;
            let word = if ready { "Ready" } else { "not Ready" };
            self.note(&mut state, format!("{name}: {word}"));
            self.tell(&mut state);
        }
    }

    /// The container of a pod, as its template says, for its `n`-th start.
    pub(crate) fn sandbox(&self, uid: u64, pod: u8, n: u32, template: &PodTemplate) -> io::Result<Sandbox> {
        let state = self.lock();
        let name = Self::name(&state, pod);
        let dir = kubelet::pod_dir(&self.dir, &name, uid);
        let ip = state.pods.get(&pod).filter(|p| p.uid == uid).map_or(Ipv4Addr::LOCALHOST, |p| p.ip);
        let mounts = Self::mounts(&state, &dir, template, Some(&self.claim(&state, pod)))?;
        let log = self.log_file(&name);
        drop(state);
        let mut sandbox = Sandbox::make(&dir.join(format!("c{n}")), &self.image, log, &mounts)?;
        self.variables(&mut sandbox, template, &name, ip)?;
        self.server(&sandbox, pod, &name, ip)?;
        Ok(sandbox)
    }

    fn log_file(&self, name: &str) -> PathBuf {
        self.dir.join("logs").join(name)
    }
}

/// Nobody reads half a file.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    let fresh = path.with_extension("new");
    fs::write(&fresh, text)?;
    fs::rename(fresh, path)
}
