//! Golden outputs of `aku drift` at every width, its plugin line, and the grammar of its metrics.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    process::Stdio,
    time::Duration,
};

use super::{
    Looked, Run, drift,
    fixtures::{PASSWORD, settings},
    golden::{every_width, text},
    metrics, plugin_line,
};
use crate::{
    document::Document as _,
    drift::{
        document::Report,
        tests::{reports, scenes},
    },
    exit::Exit,
    plan::testing::Worlds,
    status::Trend,
};

#[test]
fn screens() {
    settings().bind(|| {
        for (name, report) in reports() {
            if name == "mixed" {
                every_width("drift", |width| drift(&report, width));
            } else {
                insta::assert_snapshot!(format!("drift-{name}-80"), text(&drift(&report, 80)));
            }
        }
        let mixed = reports().into_iter().find(|(name, _)| *name == "mixed").unwrap().1;
        insta::assert_snapshot!("drift-mixed-json", mixed.text().replace(env!("CARGO_PKG_VERSION"), "VERSION"));
        let lines: String = reports().iter().map(|(_, r)| plugin_line(r)).collect();
        insta::assert_snapshot!("drift-nagios", lines);
    });
}

/// What a person copies is in one piece.
#[test]
fn no_command_is_broken_over_lines() {
    for (name, report) in reports() {
        for width in 24..130 {
            let shown = text(&drift(&report, width));
            for command in report.counted().filter_map(|i| i.difference.remedy.command()) {
                assert!(shown.lines().any(|l| l.contains(&command)), "{name} at {width}: {command}\n{shown}");
            }
        }
    }
}

#[test]
fn a_plugin_says_one_line_whatever_a_database_says() {
    let mut report = reports().remove(3).1;
    for entry in &mut report.view.pods {
        entry.state.text = "two\nlines | with \"perfdata\"=1".to_owned();
    }
    let line = plugin_line(&report);
    assert_eq!((line.lines().count(), line.matches('|').count()), (1, 1), "{line}");
}

fn file(w: &Worlds, report: &Report) -> String {
    let run = Run {
        at: report.at,
        success: Some(report.at),
        took: Duration::from_millis(report.took_ms),
        exit: crate::drift::compare::exit(report),
    };
    let mut trend = Trend::default();
    trend.look(&w.desired, &w.observed, report.at);
    metrics(
        &run,
        Some(&Looked { desired: &w.desired, observed: &w.observed, report, trend: &trend, disk: Some(1 << 30) }),
    )
}

/// Files of every kind of run.
fn files() -> Vec<String> {
    let of_scenes = scenes().into_iter().map(|(_, mut w, report)| {
        w.desired.statefulset = PASSWORD.to_owned();
        file(&w, &report)
    });
    let mut all: Vec<String> = of_scenes.collect();
    let at = "2026-11-21T06:00:00Z".parse().unwrap();
    all.push(metrics(&Run { at, success: None, took: Duration::ZERO, exit: Exit::BadData }, None));
    let (_, mut w, report) = scenes().remove(0);
    w.pod_mut(0).server.version = Some("a \"quoted\\\" \n version".to_owned());
    all.push(file(&w, &report));
    all
}

#[test]
fn metrics_file() {
    let (_, w, report) = scenes().into_iter().find(|(name, ..)| *name == "mixed").unwrap();
    let text = file(&w, &report).replace(env!("CARGO_PKG_VERSION"), "VERSION");
    // The many zeros say nothing to a reader of the golden file.
    let zero = |l: &&str| !(l.starts_with("aku_drift_items") && l.ends_with(" 0"));
    let text: String = text.lines().filter(zero).flat_map(|l| [l, "\n"]).collect();
    settings().bind(|| insta::assert_snapshot!("drift-metrics", text));
}

/// Series and their values; panics where the text format is broken.
fn parsed(text: &str) -> BTreeMap<String, f64> {
    let name = |s: &str| {
        let mut bytes = s.bytes();
        bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
            && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    assert!(text.ends_with('\n'));
    let (mut family, mut typed, mut series) = (String::new(), false, BTreeMap::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (of, help) = rest.split_once(' ').unwrap();
            assert!(name(of) && help.len() > 10, "{line}");
            assert!(!series.keys().any(|s: &String| s == of || s.starts_with(&format!("{of}{{"))), "twice: {of}");
            (family, typed) = (of.to_owned(), false);
            continue;
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let kind = if family.ends_with("_total") { "counter" } else { "gauge" };
            assert_eq!(rest, format!("{family} {kind}"));
            typed = true;
            continue;
        }
        assert!(typed, "{line}");
        let (of, value) = line.rsplit_once(' ').unwrap();
        let value: f64 = value.parse().unwrap();
        let rest = of.strip_prefix(&family).unwrap_or_else(|| panic!("{line} in {family}"));
        if !rest.is_empty() {
            let mut rest = rest.strip_prefix('{').unwrap();
            loop {
                let (label, after) = rest.split_once("=\"").unwrap();
                assert!(name(label), "{line}");
                let mut chars = after.char_indices();
                let end = loop {
                    match chars.next().unwrap() {
                        (_, '\\') => assert!(matches!(chars.next().unwrap().1, '\\' | '"' | 'n'), "{line}"),
                        (at, '"') => break at,
                        _ => {}
                    }
                };
                rest = &after[end + 1..];
                match rest {
                    "}" => break,
                    more => rest = more.strip_prefix(',').unwrap(),
                }
            }
        }
        assert!(series.insert(of.to_owned(), value).is_none(), "twice: {of}");
    }
    series
}

#[test]
fn every_series_is_there_on_every_run() {
    let all: Vec<_> = files().iter().map(|text| parsed(text)).collect();
    let known = |series: &BTreeMap<String, f64>| -> Vec<String> {
        series.keys().filter(|s| !s.starts_with("aku_pod_info")).cloned().collect()
    };
    let first = known(&all[0]);
    for (n, series) in all.iter().enumerate() {
        if series.contains_key("aku_pod_up{pod=\"0\"}") {
            assert_eq!(known(series), first, "file {n}");
        }
    }
    let wanted = [
        "aku_drift_items{",
        "aku_pod_up{",
        "aku_view_complete",
        "aku_replication_started{",
        "aku_replication_initialised{",
        "aku_replication_gap{",
        "aku_replication_gap_bytes{",
        "aku_pod_retained_bytes{",
        "aku_replication_lag_seconds{",
        "aku_pod_log_growth_bytes_per_second{",
        "aku_pod_log_disk_full_seconds{",
        "aku_replication_retained_files{",
        "aku_replication_retained_bytes{",
        "aku_replication_conflicts_total{",
        "aku_join_state{",
        "aku_foreign_objects{",
        "aku_last_run_timestamp_seconds",
        "aku_last_success_timestamp_seconds",
        "aku_run_seconds",
        "aku_exit_code",
    ];
    for name in wanted {
        assert!(first.iter().any(|s| s.starts_with(name)), "{name}");
    }
    for text in files() {
        assert!(!text.contains(PASSWORD) && !text.contains("SELECT"), "{text}");
    }
    let values = |name: &str| all.iter().map(|s| s[name]).collect::<Vec<_>>();
    assert_eq!(values("aku_exit_code"), [0.0, 2.0, 3.0, 7.0, 7.0, 0.0, 2.0, 65.0, 0.0]);
    assert_eq!(values("aku_view_complete"), [1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0]);
}

/// A dashboard or an alert on a series that is not there stays green for ever.
#[test]
fn dashboard_and_alerts_ask_for_series_that_are_there() {
    let all: BTreeSet<String> = files()
        .iter()
        .flat_map(|text| {
            text.lines()
                .filter_map(|l| l.strip_prefix("# HELP ")?.split(' ').next())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    let mut asked = BTreeSet::new();
    for file in ["grafana.json", "alerts.yaml"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("conf").join(file);
        let text = std::fs::read_to_string(path).unwrap();
        let exprs = text.lines().filter(|l| l.trim_start().trim_start_matches('"').starts_with("expr"));
        for word in exprs.flat_map(|l| l.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')) {
            if word.starts_with("aku_") {
                assert!(all.contains(word), "{file}: {word}");
                asked.insert(word.to_owned());
            }
        }
        if file == "grafana.json" {
            let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert!(dashboard["panels"].as_array().is_some_and(|panels| panels.len() > 10));
        }
    }
    // What nobody asks for is of the run itself, or a name.
    let unasked: Vec<_> = all.difference(&asked).map(String::as_str).collect();
    assert_eq!(unasked, ["aku_last_run_timestamp_seconds", "aku_pod_info"]);
}

/// Runs when promtool is there; `AKU_REQUIRE_PROMTOOL=1` insists on it.
#[test]
fn promtool_finds_nothing() {
    for text in files() {
        let child = std::process::Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(e) => {
                assert!(std::env::var_os("AKU_REQUIRE_PROMTOOL").is_none(), "promtool: {e}");
                eprintln!("promtool is not here, so it was not asked: {e}");
                return;
            }
        };
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let done = child.wait_with_output().unwrap();
        let said = [done.stdout, done.stderr].concat();
        assert!(done.status.success() && said.is_empty(), "{}\n{text}", String::from_utf8_lossy(&said));
    }
}
