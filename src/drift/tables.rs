//! The tables that aku.conf names: there, fit to be replicated, and alike on every pod that has joined.

use std::collections::{BTreeMap, BTreeSet};

use super::{Difference, Kind, Scope, Standing, remedy::Way};
use crate::{
    observe::{Pod, TableName},
    plan,
    status::pods,
    topology::Ordinal,
};

pub(super) fn examine(scope: Scope<'_>, standings: &BTreeMap<Ordinal, Standing>) -> Vec<Difference> {
    let matters = |pod: Ordinal| standings.get(&pod).is_some_and(|s| s.holds_tables());
    let mut all = Vec::new();
    for (pod, seen) in scope.seen().filter(|(pod, _)| matters(*pod)) {
        unfit(scope, pod, seen, &mut all);
    }
    layouts(scope, matters, &mut all);
    all
}

fn unfit(scope: Scope<'_>, pod: Ordinal, seen: &Pod, all: &mut Vec<Difference>) {
    for target in scope.desired.targets() {
        let Some(text) = plan::unfit(pod, seen, target) else { continue };
        let there = seen.tables.contains_key(&TableName::of(target));
        let (kind, headline) =
            if there { (Kind::TableUnfit, "cannot be replicated") } else { (Kind::TableMissing, "table missing") };
        let fact = target.partition.as_ref().map_or_else(|| "table".to_owned(), |p| format!("partition {p}"));
        let difference = Difference::new(kind, pod, fact, headline).object(&target.table_sql());
        all.push(difference.text(text).mended(Way::Usual));
    }
}

/// The digest of a table's columns and key, where the pod has the table and gave them.
fn layout<'a>(seen: &'a Pod, table: &TableName) -> Option<&'a str> {
    seen.tables.get(table)?.layout.as_deref()
}

fn names(scope: Scope<'_>) -> BTreeSet<TableName> {
    scope.desired.targets().map(TableName::of).collect()
}

/// Each pod against the lowest one that gave its columns.
fn layouts(scope: Scope<'_>, matters: impl Fn(Ordinal) -> bool, all: &mut Vec<Difference>) {
    for table in names(scope) {
        let on = scope.seen().filter(|(pod, _)| matters(*pod));
        let found: Vec<(Ordinal, &str)> = on.filter_map(|(pod, seen)| Some((pod, layout(seen, &table)?))).collect();
        let Some((first, digest)) = found.first() else { continue };
        for (pod, _) in found.iter().filter(|(_, d)| d != digest) {
            let name = format!("{}.{}", table.user, table.table);
            let text = format!(
                "columns, types, NOT NULL or primary key are not those of {}; the handshake compares them",
                pods(&[*first])
            );
            let difference = Difference::new(Kind::TableDiffers, *pod, "layout", "table of another shape");
            all.push(difference.object(&name).peer(*first).text(text).mended(Way::Usual));
        }
    }
}

/// Pods that have a table and did not give its columns.
pub(super) fn gaps(scope: Scope<'_>, standings: &BTreeMap<Ordinal, Standing>) -> BTreeMap<Ordinal, String> {
    let names = names(scope);
    let matters = |pod: &Ordinal| standings.get(pod).is_some_and(|s| s.holds_tables());
    let silent = |seen: &Pod| names.iter().any(|t| seen.tables.contains_key(t) && layout(seen, t).is_none());
    let on = scope.seen().filter(|(pod, seen)| matters(pod) && silent(seen));
    on.map(|(pod, _)| (pod, "the columns of its tables could not be read".to_owned())).collect()
}
