//! Which value of which object is an expression.

use super::edit::{Edit, apply};
use crate::build::config;

/// The template of an object.
pub(super) fn template(file: &str, yaml: &str) -> String {
    let mut edits = vec![Edit::first("metadata.labels", "{{- include \"aku.labels\" . | nindent 4 }}")];
    let mut only_if = None;
    match file {
        "configmap.yaml" => {
            edits.push(Edit::lines("data", "data:\n  aku.conf: {{ .Files.Get \"files/aku.conf\" | toJson }}"));
            return format!("{{{{- include \"aku.guard\" . }}}}\n{}", apply(yaml, &edits));
        }
        "service-clients.yaml" => edits.extend([
            Edit::value("spec.type", "{{ .Values.clientService.type }}"),
            Edit::after(
                "metadata.labels",
                "{{- with .Values.clientService.annotations }}\nannotations:\n  {{- toYaml . | nindent 4 }}\n{{- end }}",
            ),
        ]),
        "poddisruptionbudget.yaml" => only_if = Some(".Values.podDisruptionBudget.enabled"),
        "networkpolicy.yaml" => {
            only_if = Some(".Values.networkPolicy.enabled");
            edits.push(Edit::only_if("spec.ingress[2]", ".Values.monitoring.enabled"));
        }
        "statefulset.yaml" => edits.extend(stateful_set()),
        "cronjob-drift.yaml" => {
            only_if = Some(".Values.drift.enabled");
            edits.push(Edit::value("spec.schedule", "{{ .Values.drift.schedule | quote }}"));
            edits.extend(pod("spec.jobTemplate.spec.template.spec"));
        }
        "tests/check.yaml" => edits.extend(pod("spec")),
        "podmonitor.yaml" | "prometheusrule.yaml" => {
            only_if = Some(".Values.monitoring.enabled");
            edits.push(Edit::first(
                "metadata.labels",
                "{{- with .Values.monitoring.labels }}\n{{- toYaml . | nindent 4 }}\n{{- end }}",
            ));
        }
        // What is left is the Services of the pods, and that of the peers, which nobody may change.
        _ => only_if = file.starts_with("service-pod-").then_some(".Values.perPodServices.enabled"),
    }
    let text = apply(yaml, &edits);
    match only_if {
        Some(condition) => format!("{{{{- if {condition} }}}}\n{text}{{{{- end }}}}\n"),
        None => text,
    }
}

/// What pods have in common.
fn pod(at: &str) -> Vec<Edit> {
    // A number this large would be printed as 1.00068e+09 without the cast.
    let user = "{{ int64 .Values.user }}";
    let of = |path: &str| format!("{at}.{path}");
    vec![
        Edit::value(of("securityContext.runAsUser"), user),
        Edit::value(of("securityContext.runAsGroup"), user),
        Edit::value(of("securityContext.fsGroup"), user),
        Edit::before(
            of("containers"),
            "{{- with .Values.image.pullSecrets }}\nimagePullSecrets:\n  {{- toYaml . | nindent PULL }}\n{{- end }}"
                .replace("PULL", &(at.split('.').count() * 2 + 2).to_string())
                .as_str(),
        ),
        Edit::value(of("containers[0].image"), "{{ .Values.image.reference | quote }}"),
        Edit::value(of("containers[0].imagePullPolicy"), "{{ .Values.image.pullPolicy }}"),
        Edit::value(of("containers[0].env[ALTIBASE_HOME].value"), "{{ .Values.home | quote }}"),
        Edit::value(of("containers[0].env[ALTIBASE_NLS_USE].value"), "{{ .Values.charset | quote }}"),
        Edit::value(of("volumes[password].secret.secretName"), "{{ .Values.password.secret | quote }}"),
        Edit::value(of("volumes[password].secret.items[0].key"), "{{ .Values.password.key | quote }}"),
    ]
}

fn stateful_set() -> Vec<Edit> {
    let at = "spec.template.spec";
    let inside = "spec.template.spec.containers[0]";
    let of = |path: &str| format!("{at}.{path}");
    let inner = |path: &str| format!("{inside}.{path}");
    let mut edits = pod(at);
    // On one line: what follows an item comes before the condition that the item is under.
    edits.extend([
        Edit::value("spec.replicas", "{{ int .Values.replicas }}"),
        Edit::first(
            "spec.template.metadata.labels",
            "{{- with .Values.podLabels }}\n{{- toYaml . | nindent 8 }}\n{{- end }}",
        ),
        Edit::first(
            "spec.template.metadata.annotations",
            "{{- with .Values.podAnnotations }}\n{{- toYaml . | nindent 8 }}\n{{- end }}",
        ),
        Edit::value(
            format!("spec.template.metadata.annotations.{}", config::CHECKSUM),
            "{{ .Files.Get \"files/aku.conf\" | sha256sum }}",
        ),
        Edit::value(of("terminationGracePeriodSeconds"), "{{ include \"aku.grace\" . }}"),
        Edit::value(
            of("topologySpreadConstraints[0].whenUnsatisfiable"),
            "{{ .Values.topologySpread.whenUnsatisfiable }}",
        ),
        Edit::value(
            of("topologySpreadConstraints[1].whenUnsatisfiable"),
            "{{ .Values.topologySpread.whenUnsatisfiable }}",
        ),
        Edit::before(of("containers"), WHERE),
        Edit::value(
            inner("args[1]"),
            "--grace={{ sub (include \"aku.grace\" . | int) (int .Values.preStopSleepSeconds) }}s",
        ),
        Edit::value(inner("args[2]"), "--server-stop={{ int .Values.serverStopSeconds }}s"),
        Edit::value(inner("args[3]"), "--stop-signal={{ .Values.stopSignal }}"),
        Edit::only_if(inner("args[3]"), "ne .Values.stopSignal \"INT\""),
        Edit::only_if(inner("args[4]"), ".Values.createDatabase"),
        Edit::only_if(inner("env[AKU_METRICS]"), ".Values.monitoring.enabled"),
        Edit::lines(inner("args[6]"), "{{- range .Values.server }}\n- {{ . | quote }}\n{{- end }}"),
        Edit::after(
            inner("env[ALTIBASE_REPLICATION_PORT_NO]"),
            "{{- with .Values.extraEnv }}\n{{- toYaml . | nindent 12 }}\n{{- end }}",
        ),
        Edit::only_if(inner("ports[metrics]"), ".Values.monitoring.enabled"),
        Edit::value(
            inner("startupProbe.failureThreshold"),
            "{{ div (add (int .Values.startup.limitSeconds) 4) 5 | max 1 }}",
        ),
        Edit::after(
            inner("readinessProbe"),
            "{{- with .Values.livenessProbe }}\nlivenessProbe:\n  {{- toYaml . | nindent 12 }}\n{{- end }}",
        ),
        Edit::value(inner("lifecycle.preStop.exec.command[1]"), "{{ int .Values.preStopSleepSeconds | quote }}"),
        Edit::only_if(inner("lifecycle"), "gt (int .Values.preStopSleepSeconds) 0"),
        Edit::lines(inner("resources"), "resources:\n  {{- toYaml .Values.resources | nindent 12 }}"),
        Edit::after(
            inner("volumeMounts[licence]"),
            "{{- with .Values.extraVolumeMounts }}\n{{- toYaml . | nindent 12 }}\n{{- end }}",
        ),
        Edit::only_if(inner("volumeMounts[licence]"), ".Values.licence.secret"),
        Edit::value(inner("volumeMounts[licence].mountPath"), "{{ .Values.home }}/conf/license"),
        Edit::after(
            of("volumes[licence]"),
            "{{- with .Values.extraVolumes }}\n{{- toYaml . | nindent 8 }}\n{{- end }}",
        ),
        Edit::only_if(of("volumes[licence]"), ".Values.licence.secret"),
        Edit::value(of("volumes[licence].secret.secretName"), "{{ .Values.licence.secret | quote }}"),
        Edit::value(of("volumes[licence].secret.items[0].key"), "{{ .Values.licence.key | quote }}"),
        Edit::value("spec.volumeClaimTemplates[0].spec.accessModes[0]", "{{ .Values.storage.accessMode }}"),
        Edit::value("spec.volumeClaimTemplates[0].spec.storageClassName", "{{ .Values.storage.className | quote }}"),
        Edit::only_if("spec.volumeClaimTemplates[0].spec.storageClassName", ".Values.storage.className"),
        Edit::value(
            "spec.volumeClaimTemplates[0].spec.resources.requests.storage",
            "{{ .Values.storage.size | quote }}",
        ),
    ]);
    edits.extend(["dbs", "logs", "arch_logs", "trc", "aku"].iter().enumerate().map(|(n, dir)| {
        Edit::value(inner(&format!("volumeMounts[{n}].mountPath")), &format!("{{{{ .Values.home }}}}/{dir}"))
    }));
    edits
}

/// Where pods may run.
const WHERE: &str = "\
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 8 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 8 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 8 }}
{{- end }}";
