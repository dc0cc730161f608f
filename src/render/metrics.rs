//! `aku drift --metrics` as a Prometheus textfile (`contract.md` 2.13). Every series is there on every run,
//! 0 rather than missing, so that an alert never hangs on a series that came or went. No SQL, no rows, no password.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use jiff::Timestamp;

use super::safe;
use crate::{
    desired::Desired,
    drift::{Completeness, Kind, document::Report},
    exit::Exit,
    observe::{Observed, Sender},
    status::{self, Full, State, Status, Trend},
    topology::{Ordinal, ReplicationName},
};

/// A run, also one that never came to look.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// When it ended.
    pub at: Timestamp,
    /// When a run last saw everything that matters; `None` = never, shown as 0.
    pub success: Option<Timestamp>,
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub exit: Exit,
}

/// What was looked at.
#[derive(Clone, Copy)]
pub struct Looked<'a> {
    /// What aku.conf says.
    pub desired: &'a Desired,
    /// What was seen.
    pub observed: &'a Observed,
    /// What it amounts to.
    pub report: &'a Report,
    /// This look and those before it.
    pub trend: &'a Trend,
    /// Bytes of log that the disk of a pod holds, where somebody said so.
    pub disk: Option<u64>,
}

struct Text(String);

impl Text {
    fn family(&mut self, name: &str, help: &str) {
        self.family_of("gauge", name, help);
    }

    fn family_of(&mut self, kind: &str, name: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {}", help.replace('\\', "\\\\").replace('\n', "\\n"));
        let _ = writeln!(self.0, "# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<_> = labels.iter().map(|(k, v)| format!("{k}=\"{}\"", safe::prometheus(v))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    fn single(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, help);
        self.sample(name, &[], value);
    }

    fn of_pods<V: std::fmt::Display>(&mut self, look: &Looked<'_>, name: &str, help: &str, of: impl Fn(Ordinal) -> V) {
        self.family(name, help);
        for pod in look.desired.pods.keys() {
            self.sample(name, &[("pod", &pod.to_string())], of(*pod));
        }
    }

    fn of_objects<V: std::fmt::Display>(
        &mut self,
        look: &Looked<'_>,
        name: &str,
        help: &str,
        of: impl Fn(Ordinal, &ReplicationName) -> V,
    ) {
        self.family(name, help);
        for pod in look.desired.pods.keys() {
            for (_, o) in look.desired.objects_of(*pod) {
                let labels = [("pod", pod.to_string()), ("replication", o.name.as_str().to_owned())];
                self.sample(name, &[(labels[0].0, &labels[0].1), (labels[1].0, &labels[1].1)], of(*pod, &o.name));
            }
        }
    }
}

/// The file. Without a look, what is known of the run alone.
#[must_use]
pub fn metrics(run: &Run, look: Option<&Looked<'_>>) -> String {
    let mut text = Text(String::new());
    text.family("aku_build_info", "The version of aku that wrote this file.");
    text.sample("aku_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    text.single("aku_last_run_timestamp_seconds", "When aku drift last ran.", run.at.as_second());
    let success = run.success.map_or(0, Timestamp::as_second);
    text.single("aku_last_success_timestamp_seconds", "When aku drift last saw everything that matters.", success);
    text.single("aku_run_seconds", "How long the last run took.", format!("{:.3}", run.took.as_secs_f64()));
    text.single(
        "aku_exit_code",
        "How the last run ended: 0 clean, 2 drift, 3 denied, 7 cannot tell, 64 and above: it did not look.",
        run.exit as u8,
    );
    let full = look.is_some_and(|l| l.report.view.completeness == Completeness::Full);
    text.single(
        "aku_view_complete",
        "1 when every pod that matters was seen; when 0, a 0 of another series may mean not seen.",
        u8::from(full),
    );
    if let Some(look) = look {
        of_pods(&mut text, look);
        of_objects(&mut text, look);
        retained_log(&mut text, look);
        conflicts(&mut text, look);
        items(&mut text, look);
    }
    text.0
}

fn of_pods(text: &mut Text, look: &Looked<'_>) {
    let status = Status::of(look.desired, look.observed);
    let up = |pod| u8::from(look.observed.pod(pod).is_some());
    text.of_pods(look, "aku_pod_up", "1 when the pod could be looked at.", up);
    text.of_pods(
        look,
        "aku_join_state",
        "0 not joined or not seen, 1 joining, 2 copying to another pod, 3 joined and closed, 4 in service, -1 error.",
        |pod| match status.pods.get(&pod).map(|p| p.state) {
            Some(State::Undefined) | None => 0,
            Some(State::Joiner) => 1,
            Some(State::Donor) => 2,
            Some(State::Joined) => 3,
            Some(State::Synced) => 4,
            Some(State::Error) => -1,
        },
    );
    let foreign = |pod| status.strangers.iter().filter(|s| s.on == pod).count();
    text.of_pods(look, "aku_foreign_objects", "Replications on the pod that aku.conf does not know.", foreign);
    text.family("aku_pod_info", "The version of each server; empty when it was not seen.");
    for pod in look.desired.pods.keys() {
        let version = look.observed.pod(*pod).and_then(|p| p.server.version.clone()).unwrap_or_default();
        text.sample("aku_pod_info", &[("pod", &pod.to_string()), ("version", &version)], 1);
    }
}

fn of_objects(text: &mut Text, look: &Looked<'_>) {
    let found = |pod, name: &_| look.observed.replication(pod, name);
    text.of_objects(look, "aku_replication_started", "1 when a sender runs or tries to.", |pod, name| {
        u8::from(found(pod, name).is_some_and(|r| r.sender != Sender::None))
    });
    text.of_objects(look, "aku_replication_initialised", "1 when the pod keeps its place in the log.", |pod, name| {
        u8::from(look.observed.side(pod, name).is_live())
    });
    text.of_objects(
        look,
        "aku_replication_gap",
        "What is left to send, V$REPGAP.REP_GAP; its unit differs between server releases; NaN where nobody can tell.",
        |pod, name| found(pod, name).and_then(|r| r.gap).map_or_else(|| "NaN".to_owned(), |gap| gap.to_string()),
    );
    text.of_objects(
        look,
        "aku_replication_gap_bytes",
        "The same in bytes of log; NaN where nobody can tell, e.g. without a sender.",
        |pod, name| or_nan(status::gap(look.observed, pod, name).and_then(|log| log.bytes)),
    );
    text.of_objects(
        look,
        "aku_replication_lag_seconds",
        "For how long, at least, the oldest log that the sender did not reach waits, changes of others in it included; needs two looks, NaN where nobody can tell.",
        |pod, name| or_nan(look.trend.lag(pod, name).map(|lag| lag.as_secs())),
    );
}

fn or_nan(n: Option<u64>) -> String {
    n.map_or_else(|| "NaN".to_owned(), |n| n.to_string())
}

fn retained_log(text: &mut Text, look: &Looked<'_>) {
    text.of_objects(
        look,
        "aku_replication_retained_files",
        "Log files of the pod between its place and the end of the log; NaN where nobody can tell.",
        |pod, name| or_nan(status::kept(look.observed, pod, name).map(|r| r.files)),
    );
    text.of_objects(
        look,
        "aku_replication_retained_bytes",
        "The same in bytes: what the disk cannot give back before it is sent; NaN where nobody can tell.",
        |pod, name| or_nan(status::kept(look.observed, pod, name).and_then(|r| r.bytes)),
    );
    let most = |pod| status::kept_by(look.desired, look.observed, pod).and_then(|kept| kept.log.bytes);
    text.of_pods(
        look,
        "aku_pod_retained_bytes",
        "Log that the pod keeps for the replication that is furthest behind; NaN where nobody can tell.",
        |pod| or_nan(most(pod)),
    );
    text.of_pods(
        look,
        "aku_pod_log_growth_bytes_per_second",
        "By how much that grows, over the looks of ten minutes; NaN where nobody can tell.",
        |pod| look.trend.pace(pod, None).growth.map_or_else(|| "NaN".to_owned(), |n| n.to_string()),
    );
    text.of_pods(
        look,
        "aku_pod_log_disk_full_seconds",
        "When a disk of --log-disk is full at that pace; +Inf where it does not grow, NaN where nobody can tell or said how large it is.",
        |pod| match look.trend.pace(pod, look.disk).full {
            Some(Full::In { seconds }) => seconds.to_string(),
            Some(Full::NotFilling) => "+Inf".to_owned(),
            Some(Full::Unknown) | None => "NaN".to_owned(),
        },
    );
}

fn conflicts(text: &mut Text, look: &Looked<'_>) {
    let name = "aku_replication_conflicts_total";
    text.family_of("counter", name, "Changes that the receiver on the pod could not apply since its sender connected.");
    for pod in look.desired.pods.keys() {
        for (_, o) in look.desired.objects_of(*pod) {
            let counts = look.observed.replication(*pod, &o.name).and_then(|r| r.receiver).unwrap_or_default();
            for (change, n) in [("insert", counts.insert), ("update", counts.update), ("delete", counts.delete)] {
                let labels = [("pod", &*pod.to_string()), ("replication", o.name.as_str()), ("change", change)];
                text.sample(name, &labels, n);
            }
        }
    }
}

fn items(text: &mut Text, look: &Looked<'_>) {
    let mut counts: BTreeMap<(Ordinal, Kind), usize> = BTreeMap::new();
    for item in look.report.counted() {
        *counts.entry((item.difference.pod, item.difference.kind)).or_default() += 1;
    }
    text.family("aku_drift_items", "Differences that count, by pod and kind; accepted ones do not.");
    for pod in look.desired.pods.keys() {
        for kind in Kind::ALL {
            let n = counts.get(&(*pod, *kind)).copied().unwrap_or(0);
            let labels = [("pod", &*pod.to_string()), ("kind", kind.as_str()), ("severity", kind.severity().as_str())];
            text.sample("aku_drift_items", &labels, n);
        }
    }
}
