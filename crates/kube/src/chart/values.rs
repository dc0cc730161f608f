//! values.yaml: what the installer may choose, with what was chosen when the chart was written.

use crate::spec::{Cluster, Wanted};

/// A scalar that is what it says, whatever it looks like.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn enabled(wanted: Wanted) -> bool {
    match wanted {
        Wanted::Yes => true,
        Wanted::No => false,
    }
}

pub(super) fn text(c: &Cluster) -> String {
    let o = &c.options;
    let server: Vec<String> = o.server.iter().map(|word| quoted(word)).collect();
    let (licence, licence_key) =
        o.licence.as_ref().map_or(("", "license"), |key| (key.secret.as_str(), key.key.as_str()));
    format!(
        "\
# Names, ports and numbers of pods come from files/aku.conf and are no values: write the chart anew for another one.

image:
  # Altibase and aku; conf/container/Dockerfile makes it from your own Altibase image.
  reference: {image}
  pullPolicy: IfNotPresent
  pullSecrets: []

# At most AKU_SERVER_COUNT = {count}.
replicas: {replicas}

# Whether a pod without data files gets an empty database. Set it to false once pod 0 is up.
createDatabase: {create}

# 0 = what an end takes ({end} s, aku validate) + serverStopSeconds + preStopSleepSeconds; another value has to be more.
terminationGracePeriodSeconds: 0
# A clean stop writes what is in memory to disk; large databases need more.
serverStopSeconds: {server_stop}
# INT stops Altibase and pods of the lab in order; TERM and QUIT are for servers that say so.
stopSignal: {signal}
# For load balancers that learn late that a pod ends.
preStopSleepSeconds: {sleep}

startup:
  # The longest join there may be. A pod that needs more is killed and begins anew.
  limitSeconds: {limit}

# None by default: when the server dies the container ends with it.
livenessProbe: {{}}

# In the image: ALTIBASE_HOME, the user and group (a number) of the server, and its command.
home: {home}
user: {user}
server: [{server}]
# ALTIBASE_NLS_USE
charset: {charset}

# Memory has to exceed MEM_MAX_DB_SIZE. A limit on CPU slows down what the other pods wait for.
resources:
  requests:
    cpu: {cpu}
    memory: {memory}
  limits:
    memory: {memory}

storage:
  size: {size}
  # Empty: the default class.
  className: {class}
  # ReadWriteOncePod where the driver has it: no second pod can mount the volume then, even after a forced deletion.
  accessMode: {access}

# The Secret with the password of SYS; it has to exist.
password:
  secret: {password}
  key: {password_key}

# The Secret with the licence; empty where the server needs none. Licences name the pods.
licence:
  secret: {licence}
  key: {licence_key}

clientService:
  type: ClusterIP
  annotations: {{}}

# A Service for each pod, for clients that stay with one.
perPodServices:
  enabled: {per_pod}

podDisruptionBudget:
  enabled: true

networkPolicy:
  enabled: {network}

# The look for what differs from aku.conf.
drift:
  enabled: {drift}
  schedule: {schedule}

# Metrics of each pod, PodMonitor and PrometheusRule; needs the Prometheus operator.
monitoring:
  enabled: {monitoring}
  # What your Prometheus selects by.
  labels: {{}}

topologySpread:
  # DoNotSchedule leaves a pod pending, and that holds up all pods after it.
  whenUnsatisfiable: ScheduleAnyway

podLabels: {{}}
podAnnotations: {{}}
priorityClassName: \"\"
nodeSelector: {{}}
affinity: {{}}
tolerations: []

# Properties of the server as ALTIBASE_<NAME>, for example ALTIBASE_MEM_MAX_DB_SIZE.
extraEnv: []
# No emptyDir over /tmp: the marker of the probes would outlive the container.
extraVolumes: []
extraVolumeMounts: []
",
        image = quoted(&o.image),
        count = c.spec.server_count,
        replicas = o.replicas,
        create = enabled(o.create_database),
        end = c.spec.end.total(),
        server_stop = o.server_stop,
        signal = o.stop_signal.as_str(),
        sleep = o.pre_stop_sleep,
        limit = o.startup_limit,
        home = quoted(&o.home),
        user = o.user,
        server = server.join(", "),
        charset = quoted(&o.charset),
        cpu = quoted(&o.cpu.to_string()),
        memory = quoted(&o.memory.to_string()),
        size = quoted(&o.storage.to_string()),
        class = quoted(o.storage_class.as_deref().unwrap_or_default()),
        access = o.access.as_str(),
        password = quoted(&o.password.secret),
        password_key = quoted(&o.password.key),
        licence = quoted(licence),
        licence_key = quoted(licence_key),
        per_pod = enabled(o.per_pod),
        network = enabled(o.network_policy),
        drift = enabled(o.drift),
        schedule = quoted(&o.drift_schedule),
        monitoring = enabled(o.monitoring),
    )
}
