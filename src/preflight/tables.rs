//! Questions about tables: there, fit to be replicated, and the same on every pod.

use std::collections::BTreeMap;

use super::{Answers, Finding, Level, Scope, by_value};
use crate::{
    observe::{Pod, Table, TableName},
    topology::{Ordinal, Target},
};

pub(super) fn examine(scope: Scope<'_>) -> Vec<Finding> {
    let mut all = ask(scope, "tables exist", "all of them, on every pod", "create the tables", |seen, t| {
        match seen.tables.get(&TableName::of(t)) {
            None => Some("is missing".to_owned()),
            Some(found) if !found.is_table => Some("is no plain table".to_owned()),
            Some(_) => None,
        }
    });
    let fix = "add a primary key: without one nothing is replicated (ERR-61113)";
    all.extend(ask(scope, "primary keys", "every table has one", fix, |seen, t| {
        found(seen, t).filter(|f| !f.primary_key).map(|_| "has no primary key".to_owned())
    }));
    let fix = "drop the foreign key: such a table cannot be replicated (ERR-61112)";
    all.extend(ask(scope, "foreign keys", "none", fix, |seen, t| {
        found(seen, t).filter(|f| f.foreign_key).map(|_| "has a foreign key".to_owned())
    }));
    let fix = "create the partition, or correct aku.conf";
    all.extend(ask(scope, "partitions", "as aku.conf names them", fix, |seen, t| {
        let partition = t.partition.as_ref()?;
        found(seen, t).filter(|f| !f.partitions.contains(partition)).map(|_| format!("has no partition {partition}"))
    }));
    all.extend(layouts(scope));
    all
}

fn found<'a>(seen: &'a Pod, target: &Target) -> Option<&'a Table> {
    seen.tables.get(&TableName::of(target)).filter(|t| t.is_table)
}

/// One question about every target on every pod; targets with the same answer on the same pods share a line.
fn ask(
    scope: Scope<'_>,
    question: &'static str,
    pass: &str,
    fix: &str,
    wrong: impl Fn(&Pod, &Target) -> Option<String>,
) -> Vec<Finding> {
    let mut answers = Answers::to(question);
    let mut tables: BTreeMap<(Vec<Ordinal>, String), Vec<String>> = BTreeMap::new();
    for target in scope.desired.targets() {
        for (what, pods) in by_value(scope.seen().filter_map(|(pod, seen)| Some((pod, wrong(seen, target)?)))) {
            let names = tables.entry((pods, what)).or_default();
            if !names.contains(&target.table_sql()) {
                names.push(target.table_sql());
            }
        }
    }
    for ((pods, what), names) in tables {
        answers.add(Level::Fail, pods, format!("{} {what}", names.join(", ")), fix);
    }
    answers.or_pass(pass)
}

fn layouts(scope: Scope<'_>) -> Vec<Finding> {
    let mut answers = Answers::to("table layouts");
    let fix = "make columns, types, NOT NULL and primary key equal on all pods: the handshake compares them";
    let mut tables: Vec<TableName> = scope.desired.targets().map(TableName::of).collect();
    tables.sort();
    tables.dedup();
    for table in &tables {
        let digests = scope.layouts.iter().filter_map(|(pod, all)| Some((*pod, all.get(table)?.digest())));
        let groups: Vec<Vec<Ordinal>> = by_value(digests).into_values().collect();
        let of = |pod: &Ordinal| scope.layouts.get(pod).and_then(|all| all.get(table));
        // Everybody against the pod with the lowest number: that is the one rows are copied from.
        let Some(first) = groups.iter().find(|g| g.contains(groups.iter().flatten().min().unwrap_or(&g[0]))) else {
            continue;
        };
        for others in groups.iter().filter(|g| *g != first) {
            let (Some(a), Some(b)) = (of(&first[0]), of(&others[0])) else { continue };
            let what = a.differences(b).join("; ");
            let (here, there) = (crate::status::pods(first), crate::status::pods(others));
            answers.add(
                Level::Fail,
                Vec::new(),
                format!("{}.{} differs between {here} and {there}: {what}", table.user, table.table),
                fix,
            );
        }
    }
    let silent: Vec<_> = scope.seen().map(|(pod, _)| pod).filter(|pod| !scope.layouts.contains_key(pod)).collect();
    if !silent.is_empty() {
        answers.add(Level::Warn, silent, "columns could not be read: not compared", "");
    }
    match scope.layouts.len() {
        0 => answers.or_pass("not compared: no pod gave its columns"),
        1 => answers.or_pass("only one pod to look at"),
        n => answers.or_pass(format!("{} tables are equal on {n} pods", tables.len())),
    }
}
