//! A run of `aku drift`, for people and for plugin runners.

use jiff::{SignedDuration, Timestamp};

use super::{
    policy::finding,
    style::{Doc, Line, Role},
    words::{counted, duration, wrap},
};
use crate::{
    drift::{AcceptState, Completeness, Difference, News, Report, Severity},
    exit::Exit,
};

/// Column where sentences begin.
const TEXT_AT: usize = 3;

/// The whole report, ending with the verdict and the exit code.
#[must_use]
pub fn drift(report: &Report, took: std::time::Duration, width: usize) -> Doc {
    let mut doc = Doc::default();
    let view = match report.view.completeness {
        Completeness::Full => "view full",
        Completeness::Partial => "view PARTIAL",
    };
    let head = format!("aku drift   {}   {}   {view}   {}", report.statefulset, report.at, duration(took));
    doc.line(Line::plain(head));
    doc.gap();
    for d in &report.differences {
        difference(&mut doc, d, report.at, width);
    }
    for a in &report.accepted {
        let text = format!("{}; accepted until {}: {}", a.item.text, a.until, a.reason);
        paragraph(&mut doc, (".", Role::Dim), &text, width);
    }
    for i in &report.resolved {
        paragraph(&mut doc, ("-", Role::Add), &format!("gone since the run before: {}", i.text), width);
    }
    for n in &report.accept_notes {
        let text = match n.state {
            AcceptState::Expired => format!("accepted entry \"{}\" ({}) has expired on {}", n.about, n.reason, n.until),
            AcceptState::Unused => format!("accepted entry \"{}\" ({}) accepts nothing any more", n.about, n.reason),
        };
        paragraph(&mut doc, ("!", Role::Change), &text, width);
    }
    doc.gap();
    report.policy.iter().for_each(|f| finding(&mut doc, f, width));
    doc.gap();
    for line in wrap(&verdict(report), width) {
        doc.line(Line::plain(line));
    }
    doc
}

fn difference(doc: &mut Doc, d: &Difference, now: Timestamp, width: usize) {
    let mark = match d.item.severity {
        Severity::Unknown => ("?", Role::Wait),
        Severity::Critical => ("!!", Role::Destroy),
        Severity::Warning => ("~", Role::Change),
        Severity::Info => (">", Role::Start),
    };
    let news = match d.news {
        News::New => "new".to_owned(),
        News::Known => format!("since {}", since(d.since, now)),
        News::Unclear => format!("since {}, and cannot be looked at now", since(d.since, now)),
    };
    paragraph(doc, mark, &format!("{} [{}, {news}]", d.item.text, d.item.kind), width);
}

fn since(then: Timestamp, now: Timestamp) -> String {
    let age = now.duration_since(then).max(SignedDuration::ZERO).unsigned_abs();
    format!("{then} ({})", duration(age))
}

fn paragraph(doc: &mut Doc, (mark, role): (&str, Role), text: &str, width: usize) {
    for (i, part) in wrap(text, width.saturating_sub(TEXT_AT).max(20)).into_iter().enumerate() {
        let mut line = Line::default();
        if i == 0 {
            line.push(role, mark);
        }
        line.pad_to(TEXT_AT);
        line.push(Role::Plain, part);
        doc.line(line);
    }
}

/// What was found, in one sentence, with what to do and the exit code.
fn verdict(report: &Report) -> String {
    let v = &report.view;
    let n = report.differences.iter().filter(|d| d.item.severity != Severity::Unknown).count();
    let known = report.count(News::Known) + report.count(News::Unclear);
    let split = format!("{} new, {known} known", report.count(News::New));
    match report.ends() {
        Exit::Ok => format!(
            "Drift: none. {} accepted, {} of {} things looked at and right. Exit 0",
            report.accepted.len(),
            v.right,
            v.total
        ),
        Exit::Unknown => format!(
            "Drift: cannot tell. {} of {} things could be looked at, {} among them. Exit 7",
            v.checked,
            v.total,
            counted(n, "difference")
        ),
        Exit::Refused => format!("Drift: denied by a rule; {} ({split}). Exit 3", counted(n, "difference")),
        other => format!(
            "Drift: {} ({split}), {} accepted, {} right. See: aku status, aku plan. Exit {}",
            counted(n, "difference"),
            report.accepted.len(),
            v.right,
            other as u8
        ),
    }
}

/// One line for plugin runners (Nagios, Icinga): status word, counts, performance data.
#[must_use]
pub fn nagios(report: &Report) -> String {
    let n = report.differences.len();
    let first = report.differences.iter().max_by_key(|d| d.item.severity).map_or_else(String::new, |d| {
        // A bar would begin performance data.
        format!(", {}", d.item.text.replace('|', "/").replace('\n', " "))
    });
    format!(
        "AKU {}: {}{first} | differences={n} accepted={} checked={};;;0;{}\n",
        nagios_status(report).word(),
        counted(n, "difference"),
        report.accepted.len(),
        report.view.checked,
        report.view.total
    )
}

/// Statuses of plugin runners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nagios {
    /// 0
    Ok,
    /// 1
    Warning,
    /// 2
    Critical,
    /// 3
    Unknown,
}

impl Nagios {
    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// Critical differences are told even when some pod cannot be looked at.
#[must_use]
pub fn nagios_status(report: &Report) -> Nagios {
    let critical = report.differences.iter().any(|d| d.item.severity == Severity::Critical);
    match report.ends() {
        Exit::Refused => Nagios::Critical,
        _ if critical => Nagios::Critical,
        Exit::Ok => Nagios::Ok,
        Exit::Changes => Nagios::Warning,
        _ => Nagios::Unknown,
    }
}
