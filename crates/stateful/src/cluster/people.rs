//! What people do: apply, scale, delete, drain, exec, look; and what happens to machines.

use std::{
    collections::BTreeMap,
    fs, io,
    net::Ipv4Addr,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal};

use super::{Cluster, ClusterError, Event, Pod, Shared, State};
use crate::{
    controller::{Phase, Revision},
    kubelet::{self, Message},
    manifest::{self, Objects, Unclear},
    sandbox::{Came, Sandbox},
};

/// Passing it means that something hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// What was waited for did not come.
#[derive(Debug, thiserror::Error)]
#[error("still waiting for {what}:\n{events}")]
pub struct Hang {
    /// What.
    pub what: String,
    /// What happened until then.
    pub events: String,
}

/// How a pod is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// `kubectl delete pod`: with the grace of its template.
    InOrder,
    /// `kubectl delete pod --force --grace-period=0`: the object is gone at once, the container gets the least there is.
    ByForce,
    /// The same, and the kubelet does not hear of it: the container lives on.
    Unheard,
}

/// A pod as `kubectl get pod -o yaml` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodView {
    /// Another one after the pod was made anew.
    pub uid: u64,
    /// Version of its template.
    pub revision: Revision,
    /// Where it is; empty while no node takes it.
    pub node: String,
    /// Its address.
    pub ip: Ipv4Addr,
    /// Whether its container was ever started.
    pub started: bool,
    /// Its condition Ready.
    pub ready: bool,
    /// Whether it is to go.
    pub terminating: bool,
    /// How often its container was started again.
    pub restarts: u32,
    /// The termination message of the container before this one.
    pub message: String,
}

impl PodView {
    fn is_settled(&self, revision: Revision) -> bool {
        self.ready && !self.terminating && self.revision == revision
    }
}

fn view(pod: &Pod) -> PodView {
    PodView {
        uid: pod.uid,
        revision: pod.revision,
        node: pod.node.clone(),
        ip: pod.ip,
        started: pod.phase == Phase::Running,
        ready: pod.ready,
        terminating: pod.terminating,
        restarts: pod.restarts,
        message: pod.message.clone(),
    }
}

/// Pods by number.
pub type Pods = BTreeMap<u8, PodView>;

impl Cluster {
    fn shared(&self) -> &Shared {
        &self.shared
    }

    fn with<T>(&self, what: impl FnOnce(&Shared, &mut State) -> T) -> T {
        let shared = self.shared();
        let mut state = shared.lock();
        let came = what(shared, &mut state);
        shared.tell(&mut state);
        came
    }

    /// `kubectl apply`.
    ///
    /// # Errors
    /// Something of it is not understood, or may not be changed in a StatefulSet.
    pub fn apply(&self, yaml: &str) -> Result<(), Unclear> {
        let objects = manifest::read(yaml)?;
        self.with(|shared, state| {
            if let Some(old) = &state.objects {
                immutable(old, &objects)?;
            }
            let template = Arc::new(objects.set.template.clone());
            let known = state.templates.iter().find(|(_, t)| **t == template).map(|(revision, _)| *revision);
            let revision = known.unwrap_or(state.templates.len() as Revision + 1);
            state.templates.insert(revision, template);
            state.revision = revision;
            let text = format!("applied: {} pods of revision {revision}", objects.set.replicas);
            state.objects = Some(Arc::new(objects));
            shared.note(state, text);
            if let Err(e) = remount(shared, state) {
                shared.note(state, format!("a mounted file cannot be changed: {e}"));
            }
            Ok(())
        })
    }

    /// `kubectl scale`.
    pub fn scale(&self, replicas: u8) {
        self.with(|shared, state| {
            if let Some(objects) = &mut state.objects {
                Arc::make_mut(objects).set.replicas = replicas;
            }
            shared.note(state, format!("scaled to {replicas}"));
        });
    }

    /// `kubectl delete sts`: all pods at once, in no order.
    pub fn delete_set(&self) {
        self.with(|shared, state| {
            if let Some(objects) = &mut state.objects {
                Arc::make_mut(objects).set.replicas = 0;
            }
            shared.note(state, "the StatefulSet is deleted".to_owned());
            for pod in state.pods.keys().copied().collect::<Vec<_>>() {
                let grace = grace_of(state, pod);
                shared.delete(state, pod, grace, "its StatefulSet is gone");
            }
        });
    }

    /// `kubectl create secret`, or an edit of one: mounted files follow.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn secret(&self, name: &str, key: &str, value: &str) -> io::Result<()> {
        self.with(|shared, state| {
            state.secrets.entry(name.to_owned()).or_default().insert(key.to_owned(), value.to_owned());
            remount(shared, state)
        })
    }

    /// `kubectl delete pod`.
    pub fn delete(&self, pod: u8, how: How) {
        self.with(|shared, state| match how {
            How::InOrder => {
                let grace = grace_of(state, pod);
                shared.delete(state, pod, grace, "by a person");
            }
            How::ByForce | How::Unheard => {
                if let Some(found) = state.pods.remove(&pod) {
                    if how == How::ByForce {
                        let _ = found.inbox.send(Message::Stop(Duration::ZERO));
                    }
                    let name = Shared::name(state, pod);
                    shared.note(state, format!("{name}: deleted by force"));
                    state.forgotten.push(found);
                }
            }
        });
    }

    /// Kubelets hear of pods that were deleted meanwhile.
    pub fn hear(&self) {
        self.with(|_, state| {
            for pod in &state.forgotten {
                let _ = pod.inbox.send(Message::Stop(Duration::ZERO));
            }
        });
    }

    /// The kubelet of a pod is started anew.
    pub fn restart_kubelet(&self, pod: u8) {
        self.with(|_, state| state.pods.get(&pod).map(|p| p.inbox.send(Message::Again)));
    }

    /// The Eviction API; false: the budget says no.
    pub fn evict(&self, pod: u8) -> bool {
        self.with(|shared, state| {
            let Some(objects) = state.objects.as_ref().map(Arc::clone) else { return false };
            let Some(found) = state.pods.get(&pod) else { return true };
            let healthy = state.pods.values().filter(|p| p.ready && !p.terminating).count();
            let allowed = objects.budget.as_ref().is_none_or(|budget| {
                let least = usize::from(objects.set.replicas.saturating_sub(budget.max_unavailable));
                match budget.unhealthy_pod_eviction_policy {
                    manifest::Unhealthy::AlwaysAllow if !found.ready => true,
                    manifest::Unhealthy::AlwaysAllow | manifest::Unhealthy::IfHealthyBudget => healthy > least,
                }
            });
            if allowed && !found.terminating {
                let grace = grace_of(state, pod);
                shared.delete(state, pod, grace, "evicted");
            }
            allowed
        })
    }

    /// Whether pods may be put on a node: `kubectl cordon`, `kubectl uncordon`.
    pub fn cordon(&self, node: &str, how: Cordon) {
        self.with(|shared, state| {
            state.nodes.insert(node.to_owned(), how == Cordon::Open);
            shared.note(state, format!("{node}: {how:?}"));
        });
    }

    /// `kubectl drain`: returns when no pod of before is left on the node.
    ///
    /// # Errors
    /// [`Hang`].
    pub fn drain(&self, node: &str) -> Result<(), Hang> {
        self.cordon(node, Cordon::Closed);
        let there: Vec<(u8, u64)> =
            self.pods().iter().filter(|(_, p)| p.node == node).map(|(n, p)| (*n, p.uid)).collect();
        for (pod, uid) in there {
            // A refusal is asked again when something has changed.
            loop {
                let before = self.pods();
                if before.get(&pod).is_none_or(|p| p.uid != uid) || self.evict(pod) {
                    break;
                }
                self.wait(&format!("leave to evict pod {pod}"), |pods| *pods != before)?;
            }
            self.wait(&format!("pod {pod} to leave {node}"), |pods| pods.get(&pod).is_none_or(|p| p.uid != uid))?;
        }
        Ok(())
    }

    /// The volume of a pod is lost as soon as nobody has mounted it.
    pub fn lose_volume(&self, pod: u8) {
        self.with(|shared, state| {
            if state.mounted.get(&pod).is_none_or(BTreeMap::is_empty) {
                shared.drop_claim(state, pod);
            } else {
                state.doomed.insert(pod);
            }
        });
    }

    /// Name servers say nothing about these pods.
    pub fn silence(&self, pods: &[u8]) {
        self.with(|_, state| state.silent = pods.iter().copied().collect());
    }

    /// A signal to the first process of a pod.
    pub fn signal(&self, pod: u8, signal: Signal) {
        let first = self.shared().lock().pods.get(&pod).and_then(|p| p.first);
        if let Some(pid) = first {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// SIGKILL to everything in the container of a pod, as when it runs out of memory.
    pub fn kill(&self, pod: u8) {
        if let Some(container) = self.container(pod) {
            container.kill_all();
        }
    }

    /// The power is gone: no process is left, and the pods are forgotten.
    pub fn lose_power(&self) {
        let pods: Vec<u8> = self.pods().into_keys().collect();
        self.with(|shared, state| {
            shared.note(state, "the power is gone".to_owned());
            for pod in pods {
                let Some(found) = state.pods.remove(&pod) else { continue };
                let _ = found.inbox.send(Message::Stop(Duration::ZERO));
                if let Some(container) = &found.container {
                    container.kill_all();
                }
                state.forgotten.push(found);
            }
        });
    }

    fn container(&self, pod: u8) -> Option<Arc<Sandbox>> {
        self.shared().lock().pods.get(&pod).and_then(|p| p.container.clone())
    }

    /// Processes of a pod's container.
    #[must_use]
    pub fn processes(&self, pod: u8) -> Vec<Pid> {
        self.container(pod).map(|c| c.processes()).unwrap_or_default()
    }

    /// `kubectl exec`: how it ended, and its output.
    ///
    /// # Errors
    /// There is no container, or the program cannot be started.
    pub fn exec(&self, pod: u8, words: &[&str]) -> io::Result<(Came, String)> {
        let container = self.container(pod).ok_or_else(|| io::Error::other(format!("pod {pod} has no container")))?;
        container.exec(&words.iter().map(ToString::to_string).collect::<Vec<_>>(), LIMIT)
    }

    /// A file in a pod's container; empty when it is not there.
    #[must_use]
    pub fn file(&self, pod: u8, path: &str) -> String {
        self.container(pod).and_then(|c| fs::read_to_string(c.path(path)).ok()).unwrap_or_default()
    }

    /// A run of a CronJob.
    ///
    /// # Errors
    /// There is no such job, or it cannot be started.
    pub fn job(&self, name: &str) -> Result<(Came, String), ClusterError> {
        let shared = self.shared();
        let mut state = shared.lock();
        state.made += 1;
        let uid = state.made;
        let job = state.objects.as_ref().and_then(|o| o.jobs.get(name)).cloned();
        let job = job.ok_or_else(|| io::Error::other(format!("no CronJob {name}")))?.job_template.spec;
        let dir = kubelet::pod_dir(&shared.dir, name, uid);
        let mounts = Shared::mounts(&state, &dir, &job.template, None)?;
        drop(state);
        let mut sandbox = Sandbox::make(&dir, &shared.image, shared.log_file(name), &mounts)?;
        shared.variables(&mut sandbox, &job.template, name, Ipv4Addr::LOCALHOST)?;
        let container = &job.template.spec.containers[0];
        let words: Vec<_> = container.command.iter().chain(&container.args).cloned().collect();
        let came = sandbox.exec(&words, Duration::from_secs(job.active_deadline_seconds))?;
        sandbox.kill_all();
        Ok(came)
    }

    /// Where a Service leads to.
    #[must_use]
    pub fn addresses(&self, service: &str) -> BTreeMap<u8, Ipv4Addr> {
        self.shared().lock().addresses(service)
    }

    /// All pods.
    #[must_use]
    pub fn pods(&self) -> Pods {
        self.shared().lock().pods.iter().map(|(n, pod)| (*n, view(pod))).collect()
    }

    /// Waits until the pods are so.
    ///
    /// # Errors
    /// [`Hang`].
    pub fn wait(&self, what: &str, mut until: impl FnMut(&Pods) -> bool) -> Result<(), Hang> {
        let shared = self.shared();
        let end = Instant::now() + LIMIT;
        let mut state = shared.lock();
        loop {
            if until(&state.pods.iter().map(|(n, pod)| (*n, view(pod))).collect()) {
                return Ok(());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let events = state.events.iter().map(ToString::to_string).collect();
                return Err(Hang { what: what.to_owned(), events });
            }
            state = shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether there are so many pods, all of the newest template and ready, and no others.
    #[must_use]
    pub fn is_settled(&self, replicas: u8) -> bool {
        let (pods, revision) = (self.pods(), self.shared().lock().revision);
        pods.keys().copied().eq(0..replicas) && pods.values().all(|p| p.is_settled(revision))
    }

    /// Waits until there are so many pods, all of the newest template and ready, and no others.
    ///
    /// # Errors
    /// [`Hang`].
    pub fn settled(&self, replicas: u8) -> Result<(), Hang> {
        let revision = self.shared().lock().revision;
        self.wait(&format!("{replicas} pods, all ready, of revision {revision}"), |pods| {
            pods.keys().copied().eq(0..replicas) && pods.values().all(|p| p.is_settled(revision))
        })
    }

    /// What happened.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.shared().lock().events.clone()
    }

    /// `kubectl logs`, of all containers that pods of this number ever had.
    #[must_use]
    pub fn log(&self, pod: u8) -> String {
        let name = Shared::name(&self.shared().lock(), pod);
        fs::read_to_string(self.shared().log_file(&name)).unwrap_or_default()
    }
}

/// Whether a node takes pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cordon {
    /// It does.
    Open,
    /// It does not.
    Closed,
}

impl std::fmt::Display for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{:8.3}  {}", self.at.as_secs_f64(), self.text)
    }
}

/// Files of ConfigMaps and Secrets follow in pods that are there.
fn remount(shared: &Shared, state: &State) -> io::Result<()> {
    for (n, pod) in &state.pods {
        let dir = kubelet::pod_dir(&shared.dir, &Shared::name(state, *n), pod.uid);
        if let Some(template) = state.templates.get(&pod.revision).filter(|_| dir.exists()) {
            Shared::mounts(state, &dir, template, Some(&shared.claim(state, *n)))?;
        }
    }
    Ok(())
}

fn grace_of(state: &State, pod: u8) -> Duration {
    let template = state.pods.get(&pod).and_then(|p| state.templates.get(&p.revision));
    template.map(|t| kubelet::grace(t)).unwrap_or_default()
}

/// What an API server refuses to change in a StatefulSet.
fn immutable(old: &Objects, new: &Objects) -> Result<(), Unclear> {
    let kept = |o: &Objects| {
        let set = &o.set;
        (o.name.clone(), set.service_name.clone(), set.selector.clone(), set.volume_claim_templates.clone())
    };
    if kept(old) == kept(new) {
        return Ok(());
    }
    let what = "name, serviceName, selector and volumeClaimTemplates cannot be changed".to_owned();
    Err(Unclear::Object { kind: "StatefulSet".to_owned(), name: new.name.clone(), what })
}
