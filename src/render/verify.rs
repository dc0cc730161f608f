//! `aku verify` as text.

use super::{
    style::{Doc, Line, Role},
    words::{count, wrap},
};
use crate::{
    topology::Ordinal,
    verify::report::{Because, Outcome, PodReport, Report, Verdict},
};

/// Keys shown of one kind; the JSON has more.
const KEYS: usize = 5;

/// The text.
#[must_use]
pub fn verify(report: &Report, statefulset: &str, width: usize) -> Doc {
    let mut doc = Doc::default();
    doc.line(Line::plain("aku verify").with(Role::Dim, format!("   {statefulset}")));
    doc.gap();
    for l in &report.left_out {
        let role = match l.because {
            Because::NotJoined => Role::Dim,
            Because::CannotBeSeen => Role::Wait,
        };
        paragraph(&mut doc, role, 0, &format!("pod {} is left out: {}", l.pod, l.why), width);
    }
    let Some(reference) = report.reference else {
        paragraph(&mut doc, Role::Wait, 0, "cannot tell: there are not two pods with a complete copy", width);
        return doc;
    };
    for t in &report.targets {
        doc.gap();
        match &t.outcome {
            Outcome::CannotTell { why } => {
                doc.line(Line::plain(&t.target));
                paragraph(&mut doc, Role::Wait, 2, &format!("cannot tell: {why}"), width);
            }
            Outcome::Compared { rows, pods, not_compared, undelivered } => {
                doc.line(
                    Line::plain(&t.target).with(Role::Dim, format!("   pod {reference}: {}", count(*rows, "row"))),
                );
                for (pod, p) in pods {
                    one(&mut doc, (reference, *rows), (*pod, p), width);
                }
                for stream in undelivered {
                    let text = format!(
                        "{} of pod {} has not delivered everything ({}), so what differs may only be on its way",
                        stream.name, stream.pod, stream.said
                    );
                    paragraph(&mut doc, Role::Wait, 2, &text, width);
                }
                if !not_compared.is_empty() {
                    let text = format!("not compared: {} (large objects)", not_compared.join(", "));
                    paragraph(&mut doc, Role::Dim, 2, &text, width);
                }
            }
        }
    }
    doc
}

fn paragraph(doc: &mut Doc, role: Role, indent: usize, text: &str, width: usize) {
    for part in wrap(text, width.saturating_sub(indent)) {
        let mut line = Line::default();
        line.pad_to(indent);
        line.push(role, part);
        doc.line(line);
    }
}

fn one(doc: &mut Doc, (reference, rows): (Ordinal, u64), (pod, p): (Ordinal, &PodReport), width: usize) {
    let (role, word) = match p.verdict {
        Verdict::Equal => (Role::Add, "equal"),
        Verdict::Different => (Role::Destroy, "DIFFERENT"),
        Verdict::Unsettled => (Role::Wait, "cannot tell"),
    };
    let mut line = Line::plain(format!("  pod {pod}: {}  ", count(p.rows, "row")));
    line.push(role, word);
    if p.verdict == Verdict::Equal && p.rows != rows {
        line.push(Role::Dim, "   (rows came or went while they were read)");
    }
    doc.line(line);
    let kinds = [
        ("same key differs".to_owned(), &p.differs),
        (format!("only on pod {reference}"), &p.only_reference),
        (format!("only on pod {pod}"), &p.only_here),
    ];
    for (what, keys) in kinds.into_iter().filter(|(_, keys)| !keys.is_empty()) {
        let first = keys.iter().take(KEYS).cloned().collect::<Vec<_>>().join("; ");
        let more = keys.len().saturating_sub(KEYS);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        paragraph(doc, Role::Plain, 4, &format!("{what} ({}): {first}{more}", keys.len()), width);
    }
    if p.beyond > 0 {
        let text = format!("{} more disagreed at first sight and were not read again", count(p.beyond, "row"));
        paragraph(doc, Role::Dim, 4, &text, width);
    }
    if p.changing > 0 {
        let text = format!(
            "{} changed at every reading: try again when it is quieter, or with --flush",
            count(p.changing, "row")
        );
        paragraph(doc, Role::Wait, 4, &text, width);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        exit::Exit,
        plan::testing::ord,
        render::{
            fixtures::settings,
            golden::{every_width, text},
        },
        verify::report::{LeftOut, TargetReport},
    };

    fn pod(verdict: Verdict, rows: u64) -> PodReport {
        let none = Vec::new;
        PodReport { verdict, rows, differs: none(), only_reference: none(), only_here: none(), beyond: 0, changing: 0 }
    }

    fn report(pods: Vec<PodReport>) -> Report {
        let pods: BTreeMap<_, _> = (1u8..).map(ord).zip(pods).collect();
        let outcome = Outcome::Compared { rows: 1204, pods, not_compared: Vec::new(), undelivered: Vec::new() };
        Report {
            reference: Some(ord(0)),
            left_out: Vec::new(),
            targets: vec![TargetReport { target: "SYS.T1".to_owned(), outcome }],
        }
    }

    #[test]
    fn reports_and_exit_codes() {
        let equal = report(vec![pod(Verdict::Equal, 1204), pod(Verdict::Equal, 1204)]);
        let keys = |n: u64| (0..n).map(|n| format!("ID = {n}")).collect::<Vec<_>>();
        let other = PodReport {
            differs: keys(1),
            only_reference: keys(8),
            only_here: keys(2),
            beyond: 30,
            changing: 1,
            ..pod(Verdict::Different, 1198)
        };
        let different = report(vec![pod(Verdict::Equal, 1204), other]);
        let mut unknown =
            report(vec![pod(Verdict::Equal, 1204), PodReport { changing: 3, ..pod(Verdict::Unsettled, 9) }]);
        let why = "pod 1: HY000 native 1 (ERR-00001): no".to_owned();
        unknown.targets.push(TargetReport { target: "SYS.T2".to_owned(), outcome: Outcome::CannotTell { why } });
        unknown.left_out = vec![
            LeftOut { pod: ord(2), because: Because::NotJoined, why: "nobody answers at x:20300".to_owned() },
            LeftOut { pod: ord(3), because: Because::CannotBeSeen, why: "cannot be looked at: silence".to_owned() },
        ];
        let alone = Report { reference: None, left_out: unknown.left_out[..1].to_vec(), targets: Vec::new() };
        let exits = [&equal, &different, &unknown, &alone].map(Report::exit);
        assert_eq!(exits, [Exit::Ok, Exit::Changes, Exit::Unknown, Exit::Unknown]);
        settings().bind(|| {
            insta::assert_snapshot!("verify-equal-100", text(&verify(&equal, "altibase-sts", 100)));
            insta::assert_snapshot!("verify-different-80", text(&verify(&different, "altibase-sts", 80)));
            insta::assert_snapshot!("verify-unknown-100", text(&verify(&unknown, "altibase-sts", 100)));
            insta::assert_snapshot!("verify-alone-100", text(&verify(&alone, "altibase-sts", 100)));
        });
        every_width("verify", |width| verify(&different, "altibase-sts", width));
    }
}
