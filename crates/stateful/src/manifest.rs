//! The objects of a stream of YAML, read strictly: what is not understood is a failure, never a silence.
//!
//! A field is either in a struct here, and then the model does what it says, or in [`NO_BEARING`] with the reason why it changes
//! nothing here. Everything else is refused with its name.

use std::collections::{BTreeMap, BTreeSet};

use aku_kube::yaml;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value as Json;

use crate::controller::Kept;

/// Fields that change nothing here, by kind and path (`[]` for every entry of a list), and why.
pub const NO_BEARING: &[(&str, &str, &str)] = &[
    ("*", "metadata.namespace", "there is one namespace"),
    ("StatefulSet", "spec.template.spec.automountServiceAccountToken", "there is no token to mount"),
    ("StatefulSet", "spec.template.spec.enableServiceLinks", "no variables of Services are made"),
    ("StatefulSet", "spec.template.spec.securityContext", "everything runs as the user of the test"),
    (
        "StatefulSet",
        "spec.template.spec.topologySpreadConstraints",
        "pods are spread over the nodes as evenly as possible",
    ),
    ("StatefulSet", "spec.template.spec.containers[].image", "there is one image: aku and a server of the lab"),
    ("StatefulSet", "spec.template.spec.containers[].imagePullPolicy", "nothing is pulled"),
    ("StatefulSet", "spec.template.spec.containers[].resources", "nobody is short of memory or CPU"),
    ("StatefulSet", "spec.template.spec.containers[].securityContext", "everything runs as the user of the test"),
    ("StatefulSet", "spec.template.spec.containers[].volumeMounts[].readOnly", "nobody writes there"),
    ("StatefulSet", "spec.template.spec.volumes[].configMap.defaultMode", "files are of one user"),
    ("StatefulSet", "spec.template.spec.volumes[].secret.defaultMode", "files are of one user"),
    ("StatefulSet", "spec.volumeClaimTemplates[].spec.resources", "disks do not fill up"),
    ("StatefulSet", "spec.volumeClaimTemplates[].spec.storageClassName", "there is one class"),
    ("StatefulSet", "spec.volumeClaimTemplates[].metadata.labels", "nothing selects claims"),
    ("CronJob", "spec.schedule", "a test says when"),
    ("CronJob", "spec.timeZone", "a test says when"),
    ("CronJob", "spec.startingDeadlineSeconds", "no start is missed"),
    ("CronJob", "spec.concurrencyPolicy", "a test runs one job at a time"),
    ("CronJob", "spec.successfulJobsHistoryLimit", "no history is kept"),
    ("CronJob", "spec.failedJobsHistoryLimit", "no history is kept"),
    ("CronJob", "spec.jobTemplate.spec.template.spec.automountServiceAccountToken", "there is no token to mount"),
    ("CronJob", "spec.jobTemplate.spec.template.spec.enableServiceLinks", "no variables of Services are made"),
    ("CronJob", "spec.jobTemplate.spec.template.spec.securityContext", "everything runs as the user of the test"),
    ("CronJob", "spec.jobTemplate.spec.template.spec.containers[].image", "there is one image"),
    ("CronJob", "spec.jobTemplate.spec.template.spec.containers[].imagePullPolicy", "nothing is pulled"),
    ("CronJob", "spec.jobTemplate.spec.template.spec.containers[].resources", "nobody is short of memory or CPU"),
    ("CronJob", "spec.jobTemplate.spec.template.spec.containers[].securityContext", "one user runs everything"),
    ("CronJob", "spec.jobTemplate.spec.template.spec.containers[].volumeMounts[].readOnly", "nobody writes there"),
    ("CronJob", "spec.jobTemplate.spec.template.spec.volumes[].configMap.defaultMode", "files are of one user"),
    ("CronJob", "spec.jobTemplate.spec.template.spec.volumes[].secret.defaultMode", "files are of one user"),
    ("Service", "spec.ports", "all ports of a pod can be reached"),
];

/// Kinds without any bearing here, and why.
pub const NO_BEARING_KINDS: &[(&str, &str)] = &[
    ("NetworkPolicy", "loopback has no policy"),
    ("PodMonitor", "nobody scrapes by itself"),
    ("PrometheusRule", "judged by promtool"),
];

/// Why a stream cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum Unclear {
    /// It is no YAML.
    #[error("no YAML: {0}")]
    Yaml(String),
    /// Something of an object is not understood.
    #[error("{kind} {name}: not understood: {what}")]
    Object {
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
        /// What.
        what: String,
    },
    /// Something that has to be there is not.
    #[error("{0}")]
    Missing(&'static str),
}

macro_rules! strict {
    ($($(#[$doc:meta])* $name:ident { $($(#[$attr:meta])* $field:ident: $kind:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        #[allow(missing_docs, reason = "fields are called as in Kubernetes")]
        pub struct $name { $($(#[$attr])* pub $field: $kind),* }
    )*};
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Object<S> {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    metadata: Meta,
    spec: S,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ConfigMapObject {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    metadata: Meta,
    data: BTreeMap<String, String>,
    #[serde(default, rename = "immutable")]
    _immutable: bool,
}

strict! {
    /// metadata
    Meta {
        #[serde(default)] name: Option<String>,
        #[serde(default)] labels: BTreeMap<String, String>,
        #[serde(default)] annotations: BTreeMap<String, String>,
    }
    /// spec of a StatefulSet
    StatefulSet {
        service_name: String,
        replicas: u8,
        pod_management_policy: Order,
        update_strategy: Strategy,
        persistent_volume_claim_retention_policy: Retention,
        selector: Selector,
        template: PodTemplate,
        #[serde(default)] volume_claim_templates: Vec<Claim>,
    }
    /// spec.updateStrategy
    Strategy { r#type: Rolling }
    /// spec.persistentVolumeClaimRetentionPolicy
    Retention { when_deleted: Kept, when_scaled: Kept }
    /// A selector of labels.
    Selector { match_labels: BTreeMap<String, String> }
    /// A template of pods.
    PodTemplate { metadata: Meta, spec: PodSpec }
    /// spec of a pod
    PodSpec {
        #[serde(default)] restart_policy: Option<RestartPolicy>,
        #[serde(default)] termination_grace_period_seconds: Option<u64>,
        containers: Vec<Container>,
        #[serde(default)] volumes: Vec<Volume>,
    }
    /// A container.
    Container {
        name: String,
        command: Vec<String>,
        #[serde(default)] args: Vec<String>,
        #[serde(default)] env: Vec<EnvVar>,
        #[serde(default)] ports: Vec<Port>,
        #[serde(default)] startup_probe: Option<Probe>,
        #[serde(default)] readiness_probe: Option<Probe>,
        #[serde(default)] liveness_probe: Option<Probe>,
        #[serde(default)] lifecycle: Option<Lifecycle>,
        #[serde(default)] volume_mounts: Vec<Mount>,
    }
    /// A variable.
    EnvVar {
        name: String,
        #[serde(default)] value: Option<String>,
        #[serde(default)] value_from: Option<ValueFrom>,
    }
    /// Where a variable's value comes from.
    ValueFrom { field_ref: FieldRef }
    /// A field of the pod.
    FieldRef { field_path: FieldPath }
    /// A port of a container.
    Port { name: String, container_port: u16 }
    /// A probe: a program in the container.
    Probe {
        exec: Exec,
        #[serde(default = "ten")] period_seconds: u64,
        #[serde(default = "one")] timeout_seconds: u64,
        #[serde(default = "three")] failure_threshold: u32,
    }
    /// A program in the container.
    Exec { command: Vec<String> }
    /// Hooks.
    Lifecycle { pre_stop: Handler }
    /// A hook.
    Handler { exec: Exec }
    /// Where a volume is in a container.
    Mount {
        name: String,
        mount_path: String,
        #[serde(default)] sub_path: Option<String>,
    }
    /// A volume of a pod.
    Volume {
        name: String,
        #[serde(default)] config_map: Option<ConfigVolume>,
        #[serde(default)] secret: Option<SecretVolume>,
        #[serde(default)] empty_dir: Option<EmptyDir>,
    }
    /// A ConfigMap as files.
    ConfigVolume { name: String }
    /// A Secret as files.
    SecretVolume { secret_name: String, items: Vec<Item> }
    /// A key of a Secret as a file.
    Item { key: String, path: String }
    /// A directory that lives as long as the pod.
    EmptyDir {}
    /// A template of claims.
    Claim { metadata: Meta, spec: ClaimSpec }
    /// spec of a claim
    ClaimSpec { access_modes: Vec<Access> }
    /// spec of a Service
    Service {
        r#type: ServiceType,
        selector: BTreeMap<String, String>,
        #[serde(default, rename = "clusterIP")] cluster_ip: Option<Headless>,
        #[serde(default)] publish_not_ready_addresses: bool,
    }
    /// spec of a PodDisruptionBudget
    Budget { max_unavailable: u8, unhealthy_pod_eviction_policy: Unhealthy, selector: Selector }
    /// spec of a CronJob
    CronJob { job_template: JobTemplate }
    /// A template of jobs.
    JobTemplate { spec: Job }
    /// spec of a job
    Job { backoff_limit: u32, active_deadline_seconds: u64, template: PodTemplate }
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$attr:meta])* $word:ident),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
        #[allow(missing_docs, reason = "words are those of Kubernetes")]
        pub enum $name { $($(#[$attr])* $word),* }
    )*};
}

words! {
    /// podManagementPolicy
    Order { OrderedReady }
    /// updateStrategy.type
    Rolling { RollingUpdate }
    /// restartPolicy
    RestartPolicy { Always, Never }
    /// Who may mount a volume.
    Access { ReadWriteOnce, ReadWriteOncePod }
    /// spec.type of a Service
    ServiceType { ClusterIP }
    /// clusterIP
    Headless { None }
    /// Whether a pod that is not ready may be evicted.
    Unhealthy { AlwaysAllow, IfHealthyBudget }
    /// What a variable may ask of the pod.
    FieldPath { #[serde(rename = "metadata.name")] Name }
}

const fn ten() -> u64 {
    10
}
const fn one() -> u64 {
    1
}
const fn three() -> u32 {
    3
}

/// Everything that is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objects {
    /// Name of the StatefulSet.
    pub name: String,
    /// The StatefulSet.
    pub set: StatefulSet,
    /// Services by name.
    pub services: BTreeMap<String, Service>,
    /// ConfigMaps by name.
    pub configs: BTreeMap<String, BTreeMap<String, String>>,
    /// The PodDisruptionBudget.
    pub budget: Option<Budget>,
    /// CronJobs by name.
    pub jobs: BTreeMap<String, CronJob>,
}

/// Reads a stream.
///
/// # Errors
/// [`Unclear`]: whatever of it is not understood.
pub fn read(text: &str) -> Result<Objects, Unclear> {
    let documents = yaml::read(text).map_err(|e| Unclear::Yaml(format!("{e:?}")))?;
    let (mut sets, mut services, mut configs) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    let (mut budget, mut jobs) = (None, BTreeMap::new());
    for document in documents {
        let mut json = document.to_json();
        let word = |path: &str| json.pointer(path).and_then(Json::as_str).unwrap_or_default().to_owned();
        let (kind, name) = (word("/kind"), word("/metadata/name"));
        without_bearing(&kind, &mut json);
        let at = At { kind: &kind, name: &name };
        match kind.as_str() {
            "StatefulSet" => sets.push((name.clone(), at.spec::<StatefulSet>(json)?)),
            "Service" => drop(services.insert(name.clone(), at.spec::<Service>(json)?)),
            "ConfigMap" => {
                let object: ConfigMapObject = at.typed(json)?;
                configs.insert(object.metadata.name.unwrap_or_default(), object.data);
            }
            "PodDisruptionBudget" => budget = Some(at.spec::<Budget>(json)?),
            "CronJob" => drop(jobs.insert(name.clone(), at.spec::<CronJob>(json)?)),
            other if NO_BEARING_KINDS.iter().any(|(kind, _)| *kind == other) => {}
            _ => return Err(at.unclear("the kind")),
        }
    }
    let (name, set) = sets.pop().ok_or(Unclear::Missing("there is no StatefulSet"))?;
    let at = At { kind: "StatefulSet", name: &name };
    if !sets.is_empty() {
        return Err(at.unclear("a second StatefulSet"));
    }
    if set.selector.match_labels.iter().any(|(k, v)| set.template.metadata.labels.get(k) != Some(v)) {
        return Err(at.unclear("a selector that does not select the template"));
    }
    if !services.contains_key(&set.service_name) {
        return Err(at.unclear("a serviceName without a Service"));
    }
    if set.template.spec.restart_policy == Some(RestartPolicy::Never) {
        return Err(at.unclear("restartPolicy Never"));
    }
    one_container(&set.template).map_err(|what| at.unclear(what))?;
    for (name, job) in &jobs {
        let at = At { kind: "CronJob", name };
        one_container(&job.job_template.spec.template).map_err(|what| at.unclear(what))?;
    }
    Ok(Objects { name, set, services, configs, budget, jobs })
}

/// Which entries of [`NO_BEARING`] a stream has.
///
/// # Errors
/// It is no YAML.
pub fn left_out(text: &str) -> Result<BTreeSet<(&'static str, &'static str)>, Unclear> {
    let documents = yaml::read(text).map_err(|e| Unclear::Yaml(format!("{e:?}")))?;
    let of = |mut json: Json| {
        let kind = json["kind"].as_str().unwrap_or_default().to_owned();
        without_bearing(&kind, &mut json)
    };
    Ok(documents.into_iter().flat_map(|d| of(d.to_json())).collect())
}

/// What the model has no words for although each field is understood.
fn one_container(template: &PodTemplate) -> Result<(), &'static str> {
    let [container] = template.spec.containers.as_slice() else { return Err("more than one container") };
    if container.command.iter().chain(&container.args).any(|word| word.starts_with('/')) {
        return Err("a path among the words of the command: only variables are mapped into a container's root");
    }
    let single = |v: &Volume| {
        usize::from(v.config_map.is_some()) + usize::from(v.secret.is_some()) + usize::from(v.empty_dir.is_some()) == 1
    };
    if template.spec.volumes.iter().all(single) { Ok(()) } else { Err("a volume that is not of one kind") }
}

struct At<'a> {
    kind: &'a str,
    name: &'a str,
}

impl At<'_> {
    fn unclear(&self, what: impl Into<String>) -> Unclear {
        Unclear::Object { kind: self.kind.to_owned(), name: self.name.to_owned(), what: what.into() }
    }

    fn typed<T: DeserializeOwned>(&self, json: Json) -> Result<T, Unclear> {
        serde_json::from_value(json).map_err(|e| self.unclear(e.to_string()))
    }

    fn spec<S: DeserializeOwned>(&self, json: Json) -> Result<S, Unclear> {
        Ok(self.typed::<Object<S>>(json)?.spec)
    }
}

/// Removes what has no bearing; the paths that were there.
fn without_bearing(kind: &str, json: &mut Json) -> BTreeSet<(&'static str, &'static str)> {
    let own = NO_BEARING.iter().filter(|(k, _, _)| *k == kind || *k == "*");
    own.filter(|(_, path, _)| remove(json, &path.split('.').collect::<Vec<_>>()))
        .map(|(k, path, _)| (*k, *path))
        .collect()
}

fn remove(json: &mut Json, path: &[&str]) -> bool {
    let [first, rest @ ..] = path else { return false };
    let (key, each) = first.strip_suffix("[]").map_or((*first, false), |key| (key, true));
    let Some(map) = json.as_object_mut() else { return false };
    match (map.get_mut(key), rest) {
        (None, _) => false,
        (Some(_), []) => map.remove(key).is_some(),
        (Some(Json::Array(list)), rest) if each => {
            list.iter_mut().fold(false, |found, item| remove(item, rest) | found)
        }
        (Some(inner), rest) => remove(inner, rest),
    }
}
