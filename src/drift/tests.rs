//! Every kind of difference on a world that has it; runs that follow each other; accepted differences; metrics.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::*;
use crate::{
    desired::Goal,
    exit::Exit,
    observe::{Sender, Side},
    plan::testing::{Worlds, desired, ord},
    topology::Position,
};

/// Three of four pods in service, all well.
fn well() -> Worlds {
    let w = Worlds::new(desired(Goal::Start(ord(0)), 4, 1)).up(0, 0).up(1, 0).up(2, 0);
    let w = w.pair(0, 1, "LL").pair(0, 2, "LL").pair(1, 2, "LL");
    w.side(0, 3, 'R').side(1, 3, 'R').side(2, 3, 'R')
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn run_at(w: &Worlds, accepts: &str, previous: Option<&Report>, when: &str) -> Report {
    let accepts = parse_accepts(accepts).unwrap();
    let found = find(&w.desired, &w.observed);
    let seen = (&w.desired, &w.observed);
    Report::new(seen, "sha256:00", found, Vec::new(), &accepts, previous, at(when))
}

fn run(w: &Worlds) -> Report {
    run_at(w, "", None, "2026-11-21T06:00:03Z")
}

fn kinds(w: &Worlds) -> BTreeSet<Kind> {
    find(&w.desired, &w.observed).items.iter().map(|i| i.kind).collect()
}

#[test]
fn a_sound_cluster_has_none() {
    let report = run(&well());
    assert_eq!((report.exit, report.differences.as_slice()), (0, &[][..]));
    assert_eq!(report.view.checked, report.view.total);
    assert_eq!(report.view.right, report.view.total);
}

#[test]
fn every_kind_is_found() {
    let stop = |w: Worlds| w.edit(1, 2, |r| r.sender = Sender::None);
    let table: Vec<(Kind, Worlds)> = vec![
        (Kind::CannotTell, well().broken(1)),
        (Kind::MemberDown, {
            let mut w = well();
            let gone = Worlds::new(w.desired.clone()).observed.pods[&ord(2)].clone();
            w.observed.pods.insert(ord(2), gone);
            w
        }),
        (Kind::Closed, well().set(2, "ADMIN_MODE", 1)),
        (Kind::UnderWay, well().set(2, "ADMIN_MODE", 1).edit(0, 2, |r| r.sender = Sender::Syncing)),
        (Kind::NotConnected, well().pair(1, 2, "RR")),
        (Kind::SidesDisagree, well().pair(1, 2, "LR")),
        (Kind::GaveUp, well().pair(1, 2, "GL")),
        (Kind::Stopped, stop(well())),
        (Kind::Trying, well().pair(1, 2, "TL")),
        (Kind::LogKept, well().set(2, "ADMIN_MODE", 1).pair(0, 2, "LR").pair(1, 2, "RR")),
        (Kind::ObjectMissing, {
            let mut w = well();
            let name = w.desired.objects_between(ord(1), ord(3)).next().unwrap().name.clone();
            w.pod_mut(1).replications.remove(&name);
            w
        }),
        (Kind::Differs, well().edit(1, 2, |r| r.hosts[0].host = "elsewhere".to_owned())),
        (Kind::Table, {
            let mut w = well();
            w.pod_mut(1).tables.clear();
            w
        }),
        (Kind::Shape, {
            let mut w = well();
            let part = crate::topology::Identifier::exact("P1").unwrap();
            w.pod_mut(1).tables.values_mut().for_each(|t| t.partitions = [part.clone()].into());
            w
        }),
        (Kind::Foreign, {
            let mut w = well();
            let copy = w.pod_mut(1).replications.values().next().unwrap().clone();
            w.pod_mut(1).replications.insert(crate::topology::ReplicationName::exact("OTHER").unwrap(), copy);
            w
        }),
        (Kind::SettingLeft, well().set(2, "REPLICATION_DDL_ENABLE", 1)),
    ];
    assert_eq!(table.iter().map(|(k, _)| *k).collect::<Vec<_>>(), Kind::ALL);
    for (kind, w) in table {
        let found = kinds(&w);
        assert!(found.contains(&kind), "{kind} is not in {found:?}");
        let report = run(&w);
        let want = if kind == Kind::CannotTell { Exit::Unknown } else { Exit::Changes };
        assert_eq!(report.ends(), want, "{kind}");
        assert!(report.view.right < report.view.total, "{kind}");
        let ids: BTreeSet<_> = report.differences.iter().map(|d| &d.item.id).collect();
        assert_eq!(ids.len(), report.differences.len(), "{kind}: the same id twice");
    }
}

#[test]
fn unknown_is_never_clean() {
    // Nobody answers at all.
    let nobody = Worlds::new(desired(Goal::Start(ord(0)), 4, 1));
    assert_eq!(run(&nobody).ends(), Exit::Unknown);
    // A difference on a pod that cannot be looked at any more is not gone.
    let first = run(&well().edit(1, 2, |r| r.sender = Sender::None));
    assert_eq!(first.differences.len(), 1);
    let second = run_at(&well().broken(1), "", Some(&first), "2026-11-21T06:01:03Z");
    assert_eq!((second.ends(), second.resolved.len()), (Exit::Unknown, 0));
    assert_eq!(second.count(News::Unclear), 1, "{second:#?}");
    let third = run_at(&well(), "", Some(&second), "2026-11-21T06:02:03Z");
    assert_eq!((third.ends(), third.resolved.len()), (Exit::Ok, 2));
    // It cannot be accepted either, whatever the entry names.
    let accept = "[[accept]]\npod = 1\nreason = \"in repair\"\nuntil = 2027-01-01\n";
    assert_eq!(run_at(&well().broken(1), accept, None, "2026-11-21T06:00:03Z").ends(), Exit::Unknown);
    let named = "[[accept]]\nfact = \"cannot-tell\"\nreason = \"r\"\nuntil = 2027-01-01\n";
    assert!(parse_accepts(named).unwrap_err().to_string().contains("cannot be accepted"));
}

#[test]
fn what_is_known_is_not_news() {
    let stopped = well().edit(1, 2, |r| r.sender = Sender::None);
    let first = run(&stopped);
    assert_eq!((first.count(News::New), first.ends()), (1, Exit::Changes));
    // What only moves does not make news.
    let moved = stopped.edit(1, 2, |r| r.position = Position::Live(77_777));
    let second = run_at(&moved, "", Some(&Report::parse(&first.text()).unwrap()), "2026-11-21T06:01:03Z");
    assert_eq!((second.count(News::New), second.count(News::Known)), (0, 1));
    assert_eq!(second.differences[0].since, first.at);
    let third = run_at(&well(), "", Some(&second), "2026-11-21T06:02:03Z");
    assert_eq!((third.exit, third.resolved.len()), (0, 1));
    let again = run_at(&moved, "", Some(&third), "2026-11-21T06:03:03Z");
    assert_eq!(again.count(News::New), 1);
    assert!(matches!(again.differences[0].item.kind, Kind::Stopped));
    let edited = first.text().replace("stopped", "trying");
    assert!(Report::parse(&edited).is_err());
    assert_eq!(moved.observed.side(ord(1), &again.differences[0].item.object.clone().unwrap()), Side::Live(77_777));
}

#[test]
fn accepted_differences_have_a_reason_and_an_end() {
    let stopped = well().edit(1, 2, |r| r.sender = Sender::None);
    let entry = |until: &str| {
        format!(
            "[[accept]]\nobject = \"AKU_REP_12\"\npod = 1\nfact = \"stopped\"\nreason = \"repair\"\nuntil = {until}\n"
        )
    };
    let accepted = run_at(&stopped, &entry("2026-12-01"), None, "2026-11-21T06:00:03Z");
    assert_eq!((accepted.exit, accepted.accepted.len(), accepted.accept_notes.len()), (0, 1, 0));
    let quoted = run_at(&stopped, &entry("\"2026-12-01\""), None, "2026-11-21T06:00:03Z");
    assert_eq!(quoted, accepted);
    let late = run_at(&stopped, &entry("2026-12-01"), None, "2026-12-01T00:00:00Z");
    assert_eq!((late.exit, late.accepted.len(), late.accept_notes[0].state), (2, 0, AcceptState::Expired));
    let unused = run_at(&well(), &entry("2026-12-01"), None, "2026-11-21T06:00:03Z");
    assert_eq!((unused.exit, unused.accept_notes[0].state), (0, AcceptState::Unused));
    let wrong = [
        ("[[accept]]\nreason = \"r\"\nuntil = 2026-12-01\n", "accept everything"),
        ("[[accept]]\npod = 1\nreason = \" \"\nuntil = 2026-12-01\n", "reason is empty"),
        ("[[accept]]\npod = 1\nreason = \"r\"\n", "until"),
        ("[[accept]]\npod = 1\nreason = \"r\"\nuntil = \"soon\"\n", "no date"),
        ("[[accept]]\npod = 1\nfact = \"x\"\nreason = \"r\"\nuntil = 2026-12-01\n", "known are member-down"),
        ("[[accept]]\npods = 1\nreason = \"r\"\nuntil = 2026-12-01\n", "unknown field"),
    ];
    for (text, want) in wrong {
        let said = parse_accepts(text).unwrap_err().to_string();
        assert!(said.contains(want), "{text}: {said}");
    }
}

fn metrics_of(w: &Worlds) -> String {
    let report = run(w);
    let last = Some(at("2026-11-21T05:00:00Z"));
    let run =
        Run { at: report.at, took: std::time::Duration::from_millis(41), exit: report.ends(), last_success: last };
    metrics(&w.desired, &w.observed, &report, run)
}

fn series(text: &str) -> BTreeSet<&str> {
    text.lines().filter(|l| !l.starts_with('#')).map(|l| l.rsplit_once(' ').unwrap().0).collect()
}

#[test]
fn every_series_is_there_on_every_run() {
    let nobody = Worlds::new(desired(Goal::Start(ord(0)), 4, 1));
    let all = [well(), well().broken(1), well().pair(1, 2, "RR"), nobody].map(|w| metrics_of(&w));
    for text in &all[1..] {
        assert_eq!(series(text), series(&all[0]));
    }
    for (text, lines) in [
        (&all[0], ["aku_exit_code 0", "aku_view_complete 1", "aku_pod_up{pod=\"1\"} 1"]),
        (&all[1], ["aku_exit_code 7", "aku_view_complete 0", "aku_pod_broken{pod=\"1\"} 1"]),
        (
            &all[2],
            [
                "aku_exit_code 2",
                "aku_drift_items{pod=\"2\",kind=\"not-connected\",severity=\"critical\"} 1",
                "aku_replication_initialised{pod=\"1\",replication=\"AKU_REP_12\"} 0",
            ],
        ),
    ] {
        for line in lines {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }
    let without = without_pods(Run {
        at: at("2026-11-21T05:00:00Z"),
        took: std::time::Duration::ZERO,
        exit: Exit::BadData,
        last_success: None,
    });
    assert!(without.contains("\naku_exit_code 65\n") && without.contains("aku_view_complete 0"));
    assert!(series(&without).iter().all(|s| s.starts_with("aku_info") || series(&all[0]).contains(s)));
}

#[test]
fn another_validator_takes_every_report() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/plans/drift-1.schema.json");
    if std::env::var_os("AKU_WRITE_SCHEMA").is_some() {
        std::fs::write(path, schema_text()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), schema_text(), "AKU_WRITE_SCHEMA=1 cargo test writes it");
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler.add_resource("drift.json", schema()).unwrap();
    let index = compiler.compile("drift.json", &mut schemas).unwrap();
    let accept = "[[accept]]\npod = 1\nfact = \"stopped\"\nreason = \"r\"\nuntil = 2027-01-01\n";
    let stopped = || well().edit(1, 2, |r| r.sender = Sender::None);
    let first = run(&well().pair(0, 2, "LR"));
    let reports = [
        run(&well()),
        first.clone(),
        run_at(&stopped(), accept, Some(&first), "2026-11-21T06:00:03Z"),
        run_at(&well().broken(1), accept, Some(&first), "2026-11-21T06:00:03Z"),
    ];
    for report in reports {
        let document: serde_json::Value = serde_json::from_str(&report.text()).unwrap();
        if let Err(e) = schemas.validate(&document, index) {
            panic!("{e}\n{document:#}");
        }
        for field in ["at", "view", "differences", "exit", "digest"] {
            let mut broken = document.clone();
            broken.as_object_mut().unwrap().remove(field);
            assert!(schemas.validate(&broken, index).is_err(), "{field}");
        }
        assert_eq!(Report::parse(&report.text()).unwrap(), report);
    }
}
