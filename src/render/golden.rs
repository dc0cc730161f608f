//! Golden outputs of everything that people read, at the widths they read it in.

use std::time::Duration;

use jiff::Timestamp;

use unicode_width::UnicodeWidthStr as _;

use super::{
    Again, Colour, Diagnostic, Doc, Head, Layout, Sql, event,
    fixtures::{self, settings},
    plan, reached, report, trouble,
};
use crate::{
    apply::{Event, Outcome, Report},
    exit::Exit,
    plan::{ActionId, Code, Plan, Refusal, RefusalKind},
};

pub fn at() -> Timestamp {
    "2026-11-20T23:41:07Z".parse().unwrap()
}

/// Text that is the same with colour taken away, and nowhere ends in blanks.
pub fn text(doc: &Doc) -> String {
    let plain = doc.text(Colour::Plain);
    assert_eq!(anstream::adapter::strip_str(&doc.text(Colour::Ansi)).to_string(), plain);
    assert!(plain.lines().all(|l| l.trim_end() == l), "trailing blanks:\n{plain}");
    plain
}

/// A screen at every width that terminals have: nothing is wider, and colour changes no byte.
pub fn every_width(name: &str, screen: impl Fn(usize) -> Doc) {
    let mut all = String::new();
    for width in [40, 80, 120, 200] {
        let shown = text(&screen(width).folded(width));
        for line in shown.lines() {
            assert!(line.width() <= width, "{name} at {width}: {line}");
        }
        let rule: String = format!("---- {width} ").chars().chain(std::iter::repeat('-')).take(width).collect();
        all.extend([rule.as_str(), "\n", shown.as_str()]);
    }
    settings().bind(|| insta::assert_snapshot!(format!("widths-{name}"), all));
}

fn planned(p: &Plan, width: usize, sql: Sql) -> Doc {
    let head = Head {
        command: "aku plan",
        at: at(),
        here: Some(p.goal.pod()),
        conf: "sha256:9f2c41aa0000",
        apply: Some(&format!("aku apply {}", p.goal.as_str())),
    };
    plan(p, &head, Layout { width, sql })
}

fn shown(p: &Plan, width: usize, sql: Sql) -> String {
    text(&planned(p, width, sql))
}

#[test]
fn plans() {
    settings().bind(|| {
        insta::assert_snapshot!("plan-full-join-100", shown(&fixtures::full_join(), 100, Sql::Hidden));
        insta::assert_snapshot!("plan-full-join-sql", shown(&fixtures::full_join(), 100, Sql::Shown));
        insta::assert_snapshot!("plan-losses-100", shown(&fixtures::full_join_with_losses(), 100, Sql::Hidden));
        insta::assert_snapshot!("plan-catch-up-100", shown(&fixtures::catch_up(), 100, Sql::Hidden));
        insta::assert_snapshot!("plan-end-100", shown(&fixtures::end(), 100, Sql::Hidden));
        insta::assert_snapshot!("plan-clean-80", shown(&fixtures::clean(), 80, Sql::Hidden));
        insta::assert_snapshot!("plan-empty-100", shown(&fixtures::empty(), 100, Sql::Hidden));
    });
    every_width("plan", |width| planned(&fixtures::full_join(), width, Sql::Hidden));
    every_width("plan-sql", |width| planned(&fixtures::full_join_with_losses(), width, Sql::Shown));
}

#[test]
fn what_must_never_be_cut_is_there_at_every_width() {
    let p = fixtures::full_join();
    for width in 20..130 {
        let text = shown(&p, width, Sql::Hidden);
        for a in p.actions.iter().filter(|a| a.op.object().is_some()) {
            let words = super::op::words(&a.op);
            let mut lines = text.lines();
            let id = format!(" {} ", a.id);
            let found = lines.any(|l| l.contains(&id) && l.contains(words.verb) && l.contains(&words.object));
            assert!(found, "{} {} at width {width}:\n{text}", a.id, words.object);
        }
    }
}

#[test]
fn refusals() {
    let refusal = Refusal {
        kind: RefusalKind::Refused,
        because: vec![
            fixtures::because(Code::NoSource, "pod 0 is not in service, so there is nothing to copy from"),
            fixtures::because(Code::PodAbsent, "pod 0 does not answer at altibase-sts-0.altibase-svc:20300"),
            fixtures::because(Code::NeverJoined, "pod 2 needs a full copy: both sides of AKU_REP_02 are at -1"),
        ],
        next: vec!["start pod 0 first".to_owned(), "aku plan start    (once pod 0 is in service)".to_owned()],
    };
    let unknown = Refusal {
        kind: RefusalKind::CannotTell,
        because: vec![fixtures::because(Code::BrokenPod, "pod 1 cannot be looked at")],
        next: vec!["close the other SYSDBA session on pod 1".to_owned()],
    };
    let conf =
        Diagnostic::new(Exit::BadData, "conf", "aku.conf is not valid\n  3 | AKU_PORT_NO = x\n    |               ^");
    settings().bind(|| {
        insta::assert_snapshot!("refusal-80", text(&trouble(&Diagnostic::from(&refusal), 80)));
        insta::assert_snapshot!("refusal-cannot-tell-100", text(&trouble(&Diagnostic::from(&unknown), 100)));
        insta::assert_snapshot!("trouble-conf-100", text(&trouble(&conf, 100)));
    });
    every_width("refusal", |width| trouble(&Diagnostic::from(&refusal), width));
}

fn reporting(p: &Plan, r: &Report, width: usize) -> Doc {
    report(p, r, &Again::anew(format!("aku apply {}", p.goal.as_str())), Exit::Partial, width)
}

fn reported(p: &Plan, r: &Report, width: usize) -> String {
    text(&reporting(p, r, width))
}

#[test]
fn reports() {
    let (join, end, clean) = (fixtures::full_join(), fixtures::end(), fixtures::clean());
    let mut stopped = fixtures::broken_report(&join, 5);
    stopped.stopped = Some("SIGTERM".to_owned());
    stopped.outcomes.insert(ActionId(6), Outcome::NotRun { because_of: None, why: "SIGTERM came".to_owned() });
    let mut unknown = fixtures::broken_report(&join, 8);
    if let Some(Outcome::Failed(e)) = unknown.outcomes.get(&ActionId(9)).cloned() {
        unknown.outcomes.insert(ActionId(9), Outcome::Unknown(e));
    }
    assert!(reached(&join, &fixtures::whole_report(&join)));
    assert!(!reached(&join, &stopped));
    settings().bind(|| {
        insta::assert_snapshot!("report-complete-100", reported(&join, &fixtures::whole_report(&join), 100));
        insta::assert_snapshot!("report-complete-end-100", reported(&end, &fixtures::whole_report(&end), 100));
        insta::assert_snapshot!("report-sync-failed-100", reported(&join, &fixtures::broken_report(&join, 13), 100));
        insta::assert_snapshot!("report-stopped-100", reported(&join, &stopped, 100));
        insta::assert_snapshot!("report-truncate-unknown-100", reported(&join, &unknown, 100));
        insta::assert_snapshot!("report-end-failed-100", reported(&end, &fixtures::broken_report(&end, 2), 100));
        insta::assert_snapshot!("report-clean-failed-100", reported(&clean, &fixtures::broken_report(&clean, 1), 100));
    });
    every_width("report-sync-failed", |width| reporting(&join, &fixtures::broken_report(&join, 13), width));
    every_width("report-complete", |width| reporting(&join, &fixtures::whole_report(&join), width));
}

#[test]
fn progress_lines() {
    let p = fixtures::full_join();
    let (sync, retried) = (ActionId(14), fixtures::handshake(&p.actions[13]).error);
    let progress = |s, done, all| Event::Progress {
        id: sync,
        elapsed: Duration::from_secs(s),
        rows: Some((done, all)),
        doing: "SYS.T1".to_owned(),
    };
    let end = |id, outcome| Event::ActionEnd { id: ActionId(id), outcome };
    let events = [
        Event::RunStart,
        Event::ActionStart { id: ActionId(1) },
        end(1, Outcome::Done { took: Duration::from_millis(4), said: None }),
        end(2, Outcome::Already),
        Event::ActionStart { id: sync },
        progress(10, 405_311, Some(1_307_466)),
        progress(20, 405_311, None),
        progress(30, 0, Some(0)),
        Event::Retry { id: sync, attempt: 1, delay: Duration::from_secs(1), error: retried.unwrap() },
        Event::Signal { name: "SIGTERM" },
        end(14, Outcome::Done { took: Duration::from_millis(31_700), said: Some("1,307,466 rows".to_owned()) }),
        end(15, Outcome::Failed(fixtures::handshake(&p.actions[14]))),
        end(16, Outcome::NotRun { because_of: Some(ActionId(15)), why: "it failed".to_owned() }),
        Event::RunEnd,
    ];
    let mut doc = Doc::default();
    for e in &events {
        if let Some(line) = event(&p, e, at(), 100) {
            doc.line(line);
        }
    }
    settings().bind(|| insta::assert_snapshot!("progress", text(&doc)));
}

/// What the planner itself says of typical situations, so that its sentences are read where they are shown.
#[test]
fn plans_of_the_planner() {
    use crate::{
        desired::Goal,
        plan::{
            make,
            testing::{Worlds, desired, ord},
        },
    };
    let world = |goal| Worlds::new(desired(goal, 4, 1));
    let full = world(Goal::Start(ord(2))).up(0, 0).up(1, 0).up(2, 1).pair(0, 1, "LL").side(0, 2, 'L').side(0, 3, 'R');
    let full = full.side(1, 2, 'R').rows(0, 1_204_332).rows(2, 512);
    let end = world(Goal::End(ord(2))).up(0, 0).up(1, 0).up(2, 0).pair(0, 1, "LL").pair(0, 2, "LL").pair(1, 2, "LL");
    let refused = world(Goal::Start(ord(2))).up(1, 0).up(2, 1);
    let planned = |w: &Worlds| match make(&w.desired, &w.observed) {
        Ok(p) => shown(&p, 100, Sql::Hidden),
        Err(r) => text(&trouble(&Diagnostic::from(&r), 100)),
    };
    settings().bind(|| {
        insta::assert_snapshot!("planner-full-join", planned(&full));
        insta::assert_snapshot!("planner-end", planned(&end));
        insta::assert_snapshot!("planner-refused", planned(&refused));
    });
}
