//! PodMonitor and PrometheusRule, for clusters with the Prometheus operator.

use super::{
    Manifest,
    labels::{Part, map, meta, servers},
    manifest,
};
use crate::{
    api::{Endpoint, Object, PodMonitorSpec, Rule, RuleGroup, RuleSpec, Spec},
    spec::Cluster,
};

/// Name of the port of the metrics.
pub(super) const PORT: &str = "metrics";

pub(super) fn objects(c: &Cluster) -> [Manifest; 2] {
    let api_version = "monitoring.coreos.com/v1";
    let monitor = Object {
        api_version,
        kind: "PodMonitor",
        metadata: meta(c, c.spec.name.clone(), Part::Database),
        rest: Spec {
            spec: PodMonitorSpec {
                selector: servers(c),
                pod_metrics_endpoints: vec![Endpoint { port: PORT, interval: "30s", honor_labels: true }],
            },
        },
    };
    let rules = Object {
        api_version,
        kind: "PrometheusRule",
        metadata: meta(c, c.spec.name.clone(), Part::Database),
        rest: Spec { spec: RuleSpec { groups: vec![RuleGroup { name: "aku", rules: rules() }] } },
    };
    let why = [(
        "spec.podMetricsEndpoints[0].honorLabels",
        "aku's label pod is the number of the pod that a series is about, not the pod that was asked.",
    )];
    [manifest("podmonitor.yaml", &monitor, &why), manifest("prometheusrule.yaml", &rules, &[])]
}

/// What is worth waking somebody for, and what is worth a look. Each pod tells of all pods, so one that sees is enough.
fn rules() -> Vec<Rule> {
    let rule = |alert, severity, lasts, expr: &str, summary: &str, next: &str| Rule {
        alert,
        expr: expr.to_owned(),
        lasts,
        labels: map([("severity", severity)]),
        annotations: map([("summary", summary), ("description", next)]),
    };
    vec![
        rule(
            "AkuPodDown",
            "critical",
            "15m",
            "max by (namespace, pod) (aku_pod_up) == 0",
            "Pod {{ $labels.pod }} cannot be looked at by any pod",
            "The others keep log for it until it returns. If it left for good: aku plan forget {{ $labels.pod }}",
        ),
        rule(
            "AkuSenderStopped",
            "critical",
            "15m",
            "max by (namespace, pod, replication) (aku_replication_initialised) == 1 \
             and max by (namespace, pod, replication) (aku_replication_started) == 0",
            "Pod {{ $labels.pod }} keeps log for {{ $labels.replication }} and does not send",
            "Its disk fills with log. aku status shows how much; aku plan reconcile shows what to do.",
        ),
        rule(
            "AkuDriftCritical",
            "critical",
            "15m",
            "sum by (namespace, pod, kind) (aku_drift_items{severity=\"critical\"}) > 0",
            "Pod {{ $labels.pod }} is not what aku.conf says: {{ $labels.kind }}",
            "aku drift shows it, aku explain {{ $labels.kind }} tells about it.",
        ),
        rule(
            "AkuDrift",
            "warning",
            "1h",
            "sum by (namespace, pod, kind) (aku_drift_items{severity=\"warning\"}) > 0",
            "Pod {{ $labels.pod }} is not what aku.conf says: {{ $labels.kind }}",
            "aku drift shows it, aku explain {{ $labels.kind }} tells about it.",
        ),
        rule(
            "AkuJoinTakesLong",
            "warning",
            "2h",
            "max by (namespace, pod) (aku_join_state) == 1",
            "Pod {{ $labels.pod }} joins since two hours",
            "kubectl logs shows how far it is. No pod after it is started meanwhile.",
        ),
        rule(
            "AkuConflicts",
            "warning",
            "10m",
            "sum by (namespace, pod, replication) (max by (namespace, pod, replication, change) \
             (increase(aku_replication_conflicts_total[10m]))) > 0",
            "Pod {{ $labels.pod }} cannot apply changes of {{ $labels.replication }}",
            "Two pods changed one row, or the pods differ. aku verify shows which rows.",
        ),
        rule(
            "AkuLogKept",
            "warning",
            "30m",
            "max by (namespace, pod, replication) (aku_replication_retained_bytes) > 1073741824",
            "Pod {{ $labels.pod }} keeps {{ $value | humanize1024 }}B of log for {{ $labels.replication }}",
            "It grows until the other pod of the replication returns. If that left for good: aku plan forget N",
        ),
        rule(
            "AkuGapLarge",
            "warning",
            "15m",
            "max by (namespace, pod, replication) (aku_replication_gap_bytes) > 268435456",
            "Pod {{ $labels.pod }} has {{ $value | humanize1024 }}B left to send in {{ $labels.replication }}",
            "What users read on the other pod is that far behind. aku status --watch shows whether it shrinks.",
        ),
        rule(
            "AkuLagLong",
            "warning",
            "10m",
            "max by (namespace, pod, replication) (aku_replication_lag_seconds) > 300 \
             and max by (namespace, pod, replication) (aku_replication_started) == 1",
            "Pod {{ $labels.pod }} is {{ $value | humanizeDuration }} behind in {{ $labels.replication }}",
            "What it logged so long ago is not sent. aku status --watch shows whether it shrinks.",
        ),
        rule(
            "AkuLogDiskFull",
            "critical",
            "15m",
            "min by (namespace, pod) (aku_pod_log_disk_full_seconds) < 86400",
            "The log disk of pod {{ $labels.pod }} is full in {{ $value | humanizeDuration }}",
            "A server whose log disk is full stands still. aku status shows for whom the log is kept: bring that pod back.",
        ),
        rule(
            "AkuSeesTooLittle",
            "warning",
            "30m",
            "max by (namespace) (aku_view_complete) == 0",
            "No pod sees all pods",
            "A 0 of another series may mean: not seen. aku check tells why.",
        ),
        rule(
            "AkuLookTooOld",
            "warning",
            "15m",
            "time() - max by (namespace) (aku_last_success_timestamp_seconds) > 1800",
            "Nobody looked at the pods for half an hour",
            "aku check tells why.",
        ),
        rule(
            "AkuSilent",
            "warning",
            "30m",
            "absent(aku_build_info)",
            "No pod gives metrics of aku",
            "No other alert of this group can fire meanwhile.",
        ),
    ]
}
