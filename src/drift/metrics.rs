//! A run as a text file for Prometheus' node exporter. Every series is there on every run, 0 rather than missing, so that
//! an alert can tell "all is well" from "nobody looked". Holds no password, no SQL, no row.

use std::{fmt::Write as _, time::Duration};

use jiff::Timestamp;

use super::{Kind, Report};
use crate::{
    desired::Desired,
    exit::Exit,
    observe::{Observed, Sender, Side},
    plan::facts::Facts,
    topology::Ordinal,
};

/// What is told of the run itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub exit: Exit,
    /// When a run saw every pod last, if one ever did.
    pub last_success: Option<Timestamp>,
}

/// The file of a run that looked at the pods.
#[must_use]
pub fn metrics(desired: &Desired, observed: &Observed, report: &Report, run: Run) -> String {
    let mut out = Out(String::new());
    out.family("aku_info", "What wrote this file.");
    out.series("aku_info", &[("version", env!("CARGO_PKG_VERSION")), ("statefulset", &desired.statefulset)], 1);
    out.family("aku_drift_items", "Differences that nobody accepted, by pod and kind.");
    for pod in desired.pods.keys() {
        for kind in Kind::ALL {
            let n = report.differences.iter().filter(|d| d.item.pod == *pod && d.item.kind == *kind).count();
            let (pod, severity) = (pod.to_string(), kind.severity().word());
            out.series("aku_drift_items", &[("pod", &pod), ("kind", kind.word()), ("severity", severity)], n);
        }
    }
    out.family("aku_drift_accepted_items", "Differences that somebody accepted.");
    out.series("aku_drift_accepted_items", &[], report.accepted.len());
    of_pods(&mut out, desired, observed);
    of_replications(&mut out, desired, observed);
    out.family("aku_view_complete", "1 when every pod could be looked at or is known to be absent.");
    let complete = report.ends() != Exit::Unknown && report.view.checked == report.view.total;
    out.series("aku_view_complete", &[], usize::from(complete));
    of_run(&mut out, run);
    out.0
}

/// The file of a run that did not get to look at any pod: the configuration was not there, for example.
#[must_use]
pub fn without_pods(run: Run) -> String {
    let mut out = Out(String::new());
    out.family("aku_info", "What wrote this file.");
    out.series("aku_info", &[("version", env!("CARGO_PKG_VERSION")), ("statefulset", "")], 1);
    out.family("aku_view_complete", "1 when every pod could be looked at or is known to be absent.");
    out.series("aku_view_complete", &[], 0);
    of_run(&mut out, run);
    out.0
}

struct Out(String);

impl Out {
    fn family(&mut self, name: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} gauge");
    }

    fn series(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> = labels.iter().map(|(k, v)| format!("{k}=\"{}\"", escape(v))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}

/// A label's value.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn of_pods(out: &mut Out, desired: &Desired, observed: &Observed) {
    let facts = Facts::of_cluster(desired, observed);
    let each = |out: &mut Out, name: &str, help: &str, value: &dyn Fn(Ordinal) -> usize| {
        out.family(name, help);
        for pod in desired.pods.keys() {
            out.series(name, &[("pod", &pod.to_string())], value(*pod));
        }
    };
    let is = |pod, key: &str, value: &str| usize::from(facts.value(pod, key) == Some(value));
    each(out, "aku_pod_up", "1 when the pod could be looked at.", &|pod| is(pod, "pod/view", "seen"));
    each(out, "aku_pod_broken", "1 when the pod is there, or should be, and cannot be looked at.", &|pod| {
        is(pod, "pod/view", "broken")
    });
    each(out, "aku_pod_open", "1 when the pod admits users.", &|pod| is(pod, "property/ADMIN_MODE", "0"));
    each(out, "aku_join_state", "0 not joined or not seen, 1 joined, 2 down while log is kept for it.", &|pod| {
        match facts.value(pod, "pod/standing") {
            Some("joined") => 1,
            Some("member down") => 2,
            Some(_) | None => 0,
        }
    });
    each(out, "aku_foreign_objects", "Replications of our tables that aku.conf does not know.", &|pod| match facts
        .value(pod, "replication/foreign")
    {
        Some("none" | "not seen") | None => 0,
        Some(names) => names.split(", ").count(),
    });
}

fn of_replications(out: &mut Out, desired: &Desired, observed: &Observed) {
    let mut each = |name: &str, help: &str, value: &dyn Fn(Ordinal, &crate::desired::Object) -> i64| {
        out.family(name, help);
        for o in &desired.objects {
            for pod in [o.pair.low(), o.pair.high()] {
                let labels = [("pod", pod.to_string()), ("replication", o.name.as_str().to_owned())];
                let labels: Vec<(&str, &str)> = labels.iter().map(|(k, v)| (*k, v.as_str())).collect();
                out.series(name, &labels, value(pod, o));
            }
        }
    };
    let object = |pod, o: &crate::desired::Object| observed.replication(pod, &o.name);
    each("aku_replication_started", "1 when its sender runs.", &|pod, o| {
        i64::from(object(pod, o).is_some_and(|r| matches!(r.sender, Sender::Running | Sender::Syncing)))
    });
    each("aku_replication_initialised", "1 when it has a position in the log (XSN is not -1).", &|pod, o| {
        i64::from(matches!(observed.side(pod, &o.name), Side::Live(_) | Side::GaveUp))
    });
    each(
        "aku_replication_gap",
        "V$REPGAP.REP_GAP; its unit differs between releases, only 0 has a meaning.",
        &|pod, o| object(pod, o).and_then(|r| r.gap).unwrap_or(0),
    );
    each("aku_replication_conflicts", "Changes that could not be applied since the peer connected.", &|pod, o| {
        object(pod, o).and_then(|r| r.receiver).map_or(0, |c| c.insert + c.update + c.delete)
    });
}

fn of_run(out: &mut Out, run: Run) {
    let mut one = |name: &str, help: &str, value: String| {
        out.family(name, help);
        out.series(name, &[], value);
    };
    one("aku_last_run_timestamp_seconds", "When the last run began.", run.at.as_second().to_string());
    let success = run.last_success.map_or(0, Timestamp::as_second);
    one(
        "aku_last_success_timestamp_seconds",
        "When a run could tell last (exit 0, 2 or 3); 0 for never.",
        success.to_string(),
    );
    one("aku_run_seconds", "How long the last run took.", format!("{:.3}", run.took.as_secs_f64()));
    one(
        "aku_exit_code",
        "How the last run ended: 0 clean, 2 drift, 3 denied, 7 cannot tell.",
        (run.exit as u8).to_string(),
    );
}
