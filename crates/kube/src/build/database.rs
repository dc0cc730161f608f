//! The StatefulSet.

use std::borrow::Cow;

use super::{
    Manifest, config,
    labels::{Part, map, meta, of, servers},
    manifest, place, services,
};
use crate::{
    api::{
        Capabilities, Claim, ClaimResources, ClaimSpec, ConfigMapVolume, Container, ContainerPort, EnvVar, Exec,
        FieldRef, Handler, KeyPath, Lifecycle, Meta, Mount, Object, PodSecurity, PodSpec, PodTemplate, Probe,
        Resources, Retention, Seccomp, SecretVolume, Security, Spec, Spread, StatefulSetSpec, UpdateStrategy,
        ValueFrom, Volume, VolumeSource,
    },
    print::Why,
    spec::{Cluster, METRICS_PORT, Members, STARTUP_PERIOD, StopSignal, Wanted},
};

/// Name of the container.
pub(crate) const CONTAINER: &str = "altibase";
/// Name of the volume of the data.
const DATA: &str = "data";
/// Annotation that says that volumes go with the pods.
pub(crate) const MEMBERS: &str = "aku/members";
/// The directories below the home that have to outlive a pod; `aku` holds the journals.
const KEPT: [&str; 5] = ["dbs", "logs", "arch_logs", "trc", "aku"];

pub(super) fn stateful_set(c: &Cluster) -> Manifest {
    let (when_scaled, members) = match c.options.members {
        Members::Durable => ("Retain", None),
        Members::Ephemeral => ("Delete", Some("ephemeral")),
    };
    let mut metadata = meta(c, c.spec.name.clone(), Part::Database);
    metadata.annotations.extend(members.map(|word| (MEMBERS.to_owned(), word.to_owned())));
    let object = Object {
        api_version: "apps/v1",
        kind: "StatefulSet",
        metadata,
        rest: Spec {
            spec: StatefulSetSpec {
                service_name: c.spec.service.clone(),
                replicas: c.options.replicas,
                pod_management_policy: "OrderedReady",
                update_strategy: UpdateStrategy { kind: "RollingUpdate" },
                persistent_volume_claim_retention_policy: Retention { when_deleted: "Retain", when_scaled },
                selector: servers(c),
                template: template(c),
                volume_claim_templates: vec![claim(c)],
            },
        },
    };
    manifest("statefulset.yaml", &object, &reasons(c))
}

fn template(c: &Cluster) -> PodTemplate {
    let o = &c.options;
    let conf = ConfigMapVolume { name: config::name(c), default_mode: 0o444 };
    let password = secret(&o.password, place::PASSWORD_FILE);
    let mut volumes = vec![
        Volume { name: "conf", source: VolumeSource::ConfigMap(conf) },
        Volume { name: "password", source: VolumeSource::Secret(password) },
    ];
    volumes.extend(
        o.licence.as_ref().map(|key| Volume { name: "licence", source: VolumeSource::Secret(secret(key, "license")) }),
    );
    PodTemplate {
        metadata: Meta {
            labels: of(c, Part::Database),
            annotations: map([(config::CHECKSUM, &config::checksum(&c.spec.conf))]),
            ..Meta::default()
        },
        spec: PodSpec {
            restart_policy: None,
            termination_grace_period_seconds: Some(c.grace()),
            automount_service_account_token: false,
            enable_service_links: false,
            security_context: pod_security(c),
            topology_spread_constraints: ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
                .map(|topology_key| Spread {
                    max_skew: 1,
                    topology_key,
                    when_unsatisfiable: "ScheduleAnyway",
                    label_selector: servers(c),
                })
                .into(),
            containers: vec![container(c)],
            volumes,
        },
    }
}

fn secret(key: &crate::spec::SecretKey, path: &'static str) -> SecretVolume {
    SecretVolume {
        secret_name: key.secret.clone(),
        default_mode: 0o440,
        items: vec![KeyPath { key: key.key.clone(), path }],
    }
}

pub(super) fn pod_security(c: &Cluster) -> PodSecurity {
    PodSecurity {
        run_as_non_root: true,
        run_as_user: c.options.user,
        run_as_group: c.options.user,
        fs_group: c.options.user,
        fs_group_change_policy: "OnRootMismatch",
        seccomp_profile: Seccomp { kind: "RuntimeDefault" },
    }
}

pub(super) fn security() -> Security {
    Security { allow_privilege_escalation: false, capabilities: Capabilities { drop: vec!["ALL"] } }
}

/// A variable with a fixed value.
pub(super) fn var(name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> EnvVar {
    EnvVar { name: name.into(), value: Some(value.into()), value_from: None }
}

/// A mount that cannot be written.
pub(super) fn mount(name: &'static str, path: impl Into<String>) -> Mount {
    Mount { name, mount_path: path.into(), sub_path: None, read_only: Some(true) }
}

/// The variables of everything that runs aku.
pub(super) fn aku_vars(c: &Cluster) -> Vec<EnvVar> {
    vec![
        var("ALTIBASE_HOME", &c.options.home),
        var("AKU_CONF", format!("{}/{}", place::CONF, config::KEY)),
        var("AKU_SYS_PASSWORD_FILE", format!("{}/{}", place::PASSWORD, place::PASSWORD_FILE)),
        var("ALTIBASE_NLS_USE", &c.options.charset),
    ]
}

fn container(c: &Cluster) -> Container {
    let o = &c.options;
    let pod_name = ValueFrom { field_ref: FieldRef { field_path: "metadata.name" } };
    let mut env = vec![EnvVar { name: "POD_NAME".into(), value: None, value_from: Some(pod_name) }];
    env.extend(aku_vars(c));
    env.extend([
        var("ALTIBASE_ADMIN_MODE", "1"),
        var("ALTIBASE_REMOTE_SYSDBA_ENABLE", "1"),
        var("ALTIBASE_PORT_NO", c.spec.port.to_string()),
        var("ALTIBASE_REPLICATION_PORT_NO", c.spec.replication_port.to_string()),
    ]);
    if c.spec.groups > 1 {
        env.push(var("ALTIBASE_REPLICATION_ALLOW_DUPLICATE_HOSTS", "1"));
    }
    env.extend(c.spec.conflict_properties.iter().map(|name| var(format!("ALTIBASE_{name}"), "1")));
    let mut args = vec!["run".to_owned(), format!("--grace={}s", c.grace() - o.pre_stop_sleep)];
    args.push(format!("--server-stop={}s", o.server_stop));
    match o.stop_signal {
        StopSignal::Int => {}
        other @ (StopSignal::Term | StopSignal::Quit) => args.push(format!("--stop-signal={}", other.as_str())),
    }
    match o.create_database {
        Wanted::Yes => args.push("--create-database".to_owned()),
        Wanted::No => {}
    }
    let mut ports = vec![
        ContainerPort { name: services::SQL, container_port: c.spec.port },
        ContainerPort { name: services::REPLICATION, container_port: c.spec.replication_port },
    ];
    match o.monitoring {
        Wanted::Yes => {
            env.push(var("AKU_METRICS", format!("0.0.0.0:{METRICS_PORT}")));
            ports.push(ContainerPort { name: super::monitoring::PORT, container_port: METRICS_PORT });
        }
        Wanted::No => {}
    }
    args.push("--".to_owned());
    args.extend(o.server.iter().cloned());
    let mut mounts: Vec<Mount> = KEPT
        .iter()
        .map(|dir| Mount { name: DATA, mount_path: format!("{}/{dir}", o.home), sub_path: Some(dir), read_only: None })
        .collect();
    mounts.push(mount("conf", place::CONF));
    mounts.push(mount("password", place::PASSWORD));
    mounts.extend(
        o.licence
            .as_ref()
            .map(|_| Mount { sub_path: Some("license"), ..mount("licence", format!("{}/conf/license", o.home)) }),
    );
    let memory = o.memory.to_string();
    let exec = |words: &[&str]| Exec { command: words.iter().map(ToString::to_string).collect() };
    let probe = |word, failure_threshold| Probe {
        exec: exec(&["aku", "probe", word]),
        period_seconds: u32::try_from(STARTUP_PERIOD).unwrap_or(5),
        timeout_seconds: 5,
        failure_threshold,
    };
    Container {
        name: CONTAINER,
        image: o.image.clone(),
        image_pull_policy: "IfNotPresent",
        command: vec!["aku".to_owned()],
        args,
        env,
        ports,
        startup_probe: Some(probe("startup", c.startup_threshold())),
        readiness_probe: Some(probe("ready", 2)),
        lifecycle: (o.pre_stop_sleep > 0)
            .then(|| Lifecycle { pre_stop: Handler { exec: exec(&["sleep", &o.pre_stop_sleep.to_string()]) } }),
        resources: Resources {
            requests: map([("cpu", &o.cpu.to_string()), ("memory", &memory)]),
            limits: map([("memory", &memory)]),
        },
        security_context: security(),
        volume_mounts: mounts,
    }
}

fn claim(c: &Cluster) -> Claim {
    let o = &c.options;
    Claim {
        metadata: Meta { name: Some(DATA.to_owned()), labels: of(c, Part::Database), ..Meta::default() },
        spec: ClaimSpec {
            access_modes: vec![o.access.as_str()],
            storage_class_name: o.storage_class.clone(),
            resources: ClaimResources { requests: map([("storage", &o.storage.to_string())]) },
        },
    }
}

/// Why the values are what they are.
fn reasons(c: &Cluster) -> Vec<Why> {
    let mut all = REASONS.to_vec();
    match c.options.members {
        Members::Durable => all.push((
            "spec.persistentVolumeClaimRetentionPolicy",
            "The volume of a pod that is scaled away may hold rows that no other pod has yet.",
        )),
        Members::Ephemeral => all.push((
            "spec.persistentVolumeClaimRetentionPolicy",
            "A copy that is scaled away leaves nothing: its end resets its places in the logs, its volume goes with it. \
             Pod 0 keeps its volume. A copy whose end was cut short takes rows along that it had not sent.",
        )),
    }
    if c.spec.groups > 1 {
        all.push((
            "spec.template.spec.containers[0].env[ALTIBASE_REPLICATION_ALLOW_DUPLICATE_HOSTS]",
            "Several groups have several replications to one pod.",
        ));
    }
    if c.options.pre_stop_sleep > 0 {
        all.push((
            "spec.template.spec.containers[0].lifecycle",
            "Load balancers forget the pod before it closes. The time is part of the grace period.",
        ));
    }
    if c.options.licence.is_some() {
        all.push((
            "spec.template.spec.volumes[licence]",
            "Licences name hosts, and those are the pods: another AKU_STS_NAME needs another licence.",
        ));
    }
    all
}

const REASONS: [Why; 22] = [
    ("metadata.name", "AKU_STS_NAME: the pods are found by it."),
    ("spec.serviceName", "AKU_SVC_NAME: <pod>.<service> is the name that the other pods look up."),
    ("spec.replicas", "Never more than AKU_SERVER_COUNT: no pod has replications for one beyond it."),
    ("spec.podManagementPolicy", "A pod joins from pods that are there; the next one waits until it is ready."),
    (
        "spec.template.metadata.annotations",
        "A changed aku.conf restarts the pods, one after another, pod 0 last. Never with --atomic.",
    ),
    (
        "spec.template.spec.terminationGracePeriodSeconds",
        "What an end takes at most (aku validate), the stop of the server, and the hook. Too short means SIGKILL in the \
         middle; --grace below tells aku the same number.",
    ),
    ("spec.template.spec.automountServiceAccountToken", "Nothing in here talks to Kubernetes."),
    (
        "spec.template.spec.enableServiceLinks",
        "Variables of Services may begin with ALTIBASE_, and those are read as properties of the server.",
    ),
    (
        "spec.template.spec.securityContext.fsGroupChangePolicy",
        "A change of owner of every file would take minutes at each start.",
    ),
    (
        "spec.template.spec.topologySpreadConstraints",
        "Spread, but never wait for a node: one pending pod holds up all pods after it.",
    ),
    (
        "spec.template.spec.containers[0].command",
        "aku is the first process: it starts the server, joins, and on SIGTERM ends and stops the server in order. To \
         the server itself a SIGTERM is a crash.",
    ),
    ("spec.template.spec.containers[0].env[POD_NAME]", "The number of the pod; a host name can be changed."),
    (
        "spec.template.spec.containers[0].env[ALTIBASE_ADMIN_MODE]",
        "The server boots closed; aku opens it when its rows are complete.",
    ),
    (
        "spec.template.spec.containers[0].env[ALTIBASE_REMOTE_SYSDBA_ENABLE]",
        "aku on one pod works on the others while they are closed.",
    ),
    (
        "spec.template.spec.containers[0].startupProbe",
        "Its limit is the longest join there may be: when it runs out, the pod is killed and copies from the beginning.",
    ),
    (
        "spec.template.spec.containers[0].readinessProbe",
        "Ready means joined and open, never how far behind: a slow peer would hold up everything. There is no liveness \
         probe: when the server dies, aku ends with it, and a restart in a join only loses time.",
    ),
    (
        "spec.template.spec.containers[0].resources",
        "No limit on CPU: it would slow down what the other pods wait for. Memory has to exceed MEM_MAX_DB_SIZE.",
    ),
    (
        "spec.template.spec.containers[0].securityContext",
        "The restricted profile. The root file system stays writable: the marker of the probes is in /tmp and has to \
         vanish with the container, which it would not on an emptyDir.",
    ),
    (
        "spec.template.spec.containers[0].volumeMounts",
        "What is on the volume outlives the pod; aku keeps its journals there.",
    ),
    (
        "spec.template.spec.volumes[password]",
        "A file and no variable: every child process has the variables. The mode is 0440.",
    ),
    (
        "spec.volumeClaimTemplates",
        "Kubernetes refuses to change this part later; docs/kubernetes.md tells how disks grow.",
    ),
    (
        "spec.volumeClaimTemplates[0].spec.accessModes",
        "Never ReadWriteMany: a second server on the same files destroys them.",
    ),
];
