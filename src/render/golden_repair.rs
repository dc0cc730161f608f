//! Golden outputs of a repair: the plan, the file, its Markdown, and what is said afterwards.

use std::time::Duration;

use super::{
    Again, Doc, Head, Layout, Sql,
    fixtures::{saved, settings},
    golden::{at, every_width, text},
    markdown, plan, report,
};
use crate::{
    apply::{Outcome, Report},
    desired::{Goal, Right},
    exit::Exit,
    observe::{Compared, ComparedTable, RowPrint, SeenRow},
    plan::{
        Plan,
        testing::{Worlds, desired, ord},
    },
    topology::Identifier,
};

fn row(key: &[&str], held: &str) -> SeenRow {
    let print = |c: char| (c != '-').then(|| RowPrint(format!("{:016x}", u32::from(c))));
    SeenRow { key: key.iter().map(|k| (*k).to_owned()).collect(), seen: held.chars().map(print).collect() }
}

/// Three pods: a table with seven rows that differ, and one that cannot be written.
fn repair(right: Right) -> Plan {
    let desired = desired(Goal::Repair(right), 3, 2);
    let targets: Vec<_> = desired.targets().cloned().collect();
    let mut w = Worlds::new(desired).up(0, 0).up(1, 0).up(2, 0).pair(0, 1, "LL").pair(0, 2, "LL").pair(1, 2, "LL");
    let table = |target: usize, rows: Vec<SeenRow>, left, cannot| ComparedTable {
        target: targets[target].clone(),
        by: ["ID", "low k"].map(|n| Identifier::exact(n).unwrap()).to_vec(),
        rows,
        left,
        changing: 0,
        cannot,
        undelivered: Vec::new(),
    };
    let rows = vec![
        row(&["3", "plain"], "aba"),
        row(&["4", "it's; DROP"], "a-a"),
        row(&["5", "\u{1b}[31mred\u{202e}"], "--a"),
        row(&["6", "a key that is much longer than what fits into a line of a screen"], "-aa"),
        row(&["7", "nobody knows"], "abc"),
        row(&["8", "x"], "aab"),
        row(&["9", "x"], "aab"),
    ];
    let lob = Some("has L of type CLOB, which cannot be written exactly".to_owned());
    w.observed.compared = Some(Box::new(Compared {
        pods: (0..3).map(ord).collect(),
        unread: Vec::new(),
        tables: vec![table(0, rows, 41, None), table(1, vec![row(&["1", "x"], "aab")], 0, lob)],
    }));
    crate::plan::make(&w.desired, &w.observed).unwrap_or_else(|refusal| panic!("{refusal:#?}"))
}

fn planned(p: &Plan, width: usize) -> Doc {
    let head = Head {
        command: "aku verify --plan",
        at: at(),
        here: None,
        conf: "sha256:9f2c41aa0000",
        apply: Some("aku apply repair.json"),
    };
    plan(p, &head, Layout { width, sql: Sql::Hidden })
}

#[test]
fn plans() {
    for (name, right) in [("majority", Right::Majority), ("pod-0", Right::Pod(ord(0)))] {
        let p = repair(right);
        settings().bind(|| insta::assert_snapshot!(format!("repair-{name}-100"), text(&planned(&p, 100))));
    }
    let p = repair(Right::Majority);
    every_width("repair", |width| planned(&p, width));
    let file = saved(p.clone());
    settings().bind(|| insta::assert_snapshot!("repair-file", file.text()));
    settings().bind(|| insta::assert_snapshot!("repair-md", markdown(&file, "repair.json")));
}

#[test]
fn afterwards() {
    let p = repair(Right::Majority);
    let said = |text: &str| Outcome::Done { took: Duration::from_millis(120), said: Some(text.to_owned()) };
    let outcomes = p.actions.iter().map(|a| {
        let outcome = match a.id.0 {
            1 => said("1 of 1 row as on pod 0 now (1 written)"),
            2 => Outcome::Already,
            _ => said("1 of 2 rows as on pod 0 now (1 changed meanwhile and left alone)"),
        };
        (a.id, outcome)
    });
    let done = Report { outcomes: outcomes.collect(), took: Duration::from_millis(480), stopped: None };
    let again = Again::anew("aku apply repair.json".to_owned());
    let doc = report(&p, &done, &again, Exit::Ok, 100);
    settings().bind(|| insta::assert_snapshot!("repair-report-100", text(&doc)));
}
