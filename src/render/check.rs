//! `aku check` as a table.

use super::{
    style::{Doc, Line, Role},
    table::table,
};
use crate::preflight::{Finding, Level};

fn mark(level: Level) -> (Role, &'static str) {
    match level {
        Level::Pass => (Role::Add, "pass"),
        Level::Warn => (Role::Change, "warn"),
        Level::Unknown => (Role::Wait, "unknown"),
        Level::Fail => (Role::Destroy, "FAIL"),
    }
}

/// The table.
#[must_use]
pub fn check(findings: &[Finding], statefulset: &str, width: usize) -> Doc {
    let mut doc = Doc::default();
    doc.line(Line::plain("aku check").with(Role::Dim, format!("   {statefulset}   nothing is changed")));
    doc.gap();
    let mut rows = Vec::new();
    for f in findings {
        let (role, word) = mark(f.level);
        let on = if f.pods.is_empty() { String::new() } else { format!("{}: ", crate::status::pods(&f.pods)) };
        let question = (Role::Plain, f.question.to_owned());
        rows.push(vec![(role, word.to_owned()), question, (Role::Plain, format!("{on}{}", f.said))]);
        if let Some(fix) = &f.fix {
            rows.push(vec![
                (Role::Plain, String::new()),
                (Role::Plain, String::new()),
                (Role::Dim, format!("fix: {fix}")),
            ]);
        }
    }
    table(&mut doc, &rows, width);
    doc.gap();
    let number = |level| findings.iter().filter(|f| f.level == level).count();
    let levels = [Level::Pass, Level::Warn, Level::Unknown, Level::Fail].into_iter();
    let parts = levels.filter(|l| number(*l) > 0).map(|l| format!("{} {}", number(l), mark(l).1.to_lowercase()));
    doc.line(Line::plain(parts.collect::<Vec<_>>().join(", ")));
    doc
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        desired::Goal,
        plan::testing::{Worlds, desired, ord},
        preflight::{Scope, examine},
        render::{
            fixtures::{config, settings},
            golden::{every_width, text},
        },
    };

    #[test]
    fn tables() {
        let sound = Worlds::new(desired(Goal::Start(ord(0)), 3, 1)).up(0, 0).up(1, 0).pair(0, 1, "LL");
        let mut spoilt = Worlds::new(desired(Goal::Start(ord(0)), 4, 2)).up(0, 0).up(1, 0).up(2, 1).broken(3);
        spoilt = spoilt.set(1, "REPLICATION_PORT_NO", 0).set(0, "REPLICATION_DDL_ENABLE", 1);
        spoilt = spoilt.set(1, "REPLICATION_ALLOW_DUPLICATE_HOSTS", 0).pair(0, 1, "RR");
        spoilt = spoilt.edit(0, 1, |r| r.items.clear());
        spoilt.pod_mut(2).tables.clear();
        let screen = |w: &Worlds, width| {
            let (conf, layouts) = (config(), BTreeMap::new());
            let (desired, observed) = (&w.desired, &w.observed);
            let scope = Scope { conf: &conf, desired, observed, layouts: &layouts };
            check(&examine(scope), "altibase-sts", width)
        };
        let shown = |w: &Worlds, width| text(&screen(w, width));
        settings().bind(|| {
            insta::assert_snapshot!("check-sound-100", shown(&sound, 100));
            insta::assert_snapshot!("check-spoilt-100", shown(&spoilt, 100));
        });
        every_width("check", |width| screen(&spoilt, width));
    }
}
