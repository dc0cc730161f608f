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
            None => Of::Wrong("is missing".to_owned()),
            Some(found) if !found.is_table => Of::Wrong("is no plain table".to_owned()),
            Some(_) => Of::Right,
        }
    });
    let fix = "add a primary key: without one nothing is replicated (ERR-61113)";
    all.extend(ask(scope, "primary keys", "every table has one", fix, |seen, t| {
        there(seen, t, |f| (!f.primary_key).then(|| "has no primary key".to_owned()))
    }));
    let fix = "drop the foreign key: such a table cannot be replicated (ERR-61112)";
    all.extend(ask(scope, "foreign keys", "none", fix, |seen, t| {
        there(seen, t, |f| f.foreign_key.then(|| "has a foreign key".to_owned()))
    }));
    let fix = "create the partition, or correct aku.conf";
    all.extend(ask(scope, "partitions", "as aku.conf names them", fix, |seen, t| {
        let Some(partition) = &t.partition else { return Of::Right };
        there(seen, t, |f| (!f.partitions.contains(partition)).then(|| format!("has no partition {partition}")))
    }));
    all.extend(layouts(scope));
    all
}

/// What a pod answers about one target.
enum Of {
    Right,
    Wrong(String),
    /// Nobody knows: the table is not there.
    NotThere,
}

/// A question about a table that has to be there.
fn there(seen: &Pod, target: &Target, wrong: impl FnOnce(&Table) -> Option<String>) -> Of {
    match seen.tables.get(&TableName::of(target)).filter(|t| t.is_table) {
        None => Of::NotThere,
        Some(found) => wrong(found).map_or(Of::Right, Of::Wrong),
    }
}

/// One question about every target on every pod; targets with the same answer on the same pods share a line.
fn ask(
    scope: Scope<'_>,
    question: &'static str,
    pass: &str,
    fix: &str,
    answer: impl Fn(&Pod, &Target) -> Of,
) -> Vec<Finding> {
    let mut answers = Answers::to(question);
    let mut tables: BTreeMap<(Vec<Ordinal>, String), Vec<String>> = BTreeMap::new();
    let mut not_there = 0;
    for target in scope.desired.targets() {
        let of = |(pod, seen)| match answer(seen, target) {
            Of::Right => None,
            Of::Wrong(what) => Some((pod, what)),
            Of::NotThere => {
                not_there += 1;
                None
            }
        };
        for (what, pods) in by_value(scope.seen().filter_map(of)) {
            let names = tables.entry((pods, what)).or_default();
            if !names.contains(&target.table_sql()) {
                names.push(target.table_sql());
            }
        }
    }
    for ((pods, what), names) in tables {
        answers.ask(Level::Fail, pods, format!("{} {what}", names.join(", ")), fix);
    }
    // That they are missing is told by a question of its own.
    answers.or_pass(if not_there == 0 { pass.to_owned() } else { format!("{pass}, of those that are there") })
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
            answers.ask(
                Level::Fail,
                Vec::new(),
                format!("{}.{} differs between {here} and {there}: {what}", table.user, table.table),
                fix,
            );
        }
    }
    let silent: Vec<_> = scope.seen().map(|(pod, _)| pod).filter(|pod| !scope.layouts.contains_key(pod)).collect();
    if !silent.is_empty() {
        answers.mind(Level::Warn, silent, "columns could not be read: not compared");
    }
    match scope.layouts.len() {
        0 => answers.or_pass("not compared: no pod gave its columns"),
        1 => answers.or_pass("only one pod to look at"),
        n => {
            let everywhere = |t: &&TableName| scope.layouts.values().all(|of| of.contains_key(*t));
            let (there, missing): (Vec<_>, Vec<_>) = tables.iter().partition(everywhere);
            let missing: Vec<_> = missing.iter().map(|t| format!("{}.{}", t.user, t.table)).collect();
            let rest = if missing.is_empty() {
                String::new()
            } else {
                format!("; not compared on every pod, because it is missing: {}", missing.join(", "))
            };
            answers.or_pass(format!("{} tables are equal on {n} pods{rest}", there.len()))
        }
    }
}
