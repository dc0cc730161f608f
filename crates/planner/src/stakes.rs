//! Rows that a copy deletes: which tables, how many, and whether anybody else is known to have them. Judged table by table;
//! a sum over tables hides the one that matters.

use aku_core::{
    observe::{Pod, RowCount, Side, grouped},
    plan::{Approval, ApprovalClass, RowsAtStake},
    topology::{Ordinal, Target},
};
use foldhash::HashSet;

use super::{build::pods, cluster_view::ClusterView, identity};

/// How many tables are named one by one.
const NAMED: usize = 4;

/// `7 rows of SYS.T1 and 1 row of SYS.T2`; of many tables the fullest, and how many more there are.
pub(super) fn of_tables<'t>(list: impl IntoIterator<Item = (&'t Target, RowCount)>) -> String {
    let mut all: Vec<_> = list.into_iter().collect();
    if all.len() > NAMED {
        all.sort_by_key(|(_, n)| std::cmp::Reverse(n.at_least()));
    }
    let mut words: Vec<String> = all.iter().take(NAMED).map(|(t, n)| format!("{} of {t}", rows_of(*n))).collect();
    let rest = all.get(NAMED..).unwrap_or_default();
    if !rest.is_empty() {
        let tables = if rest.len() == 1 { "table" } else { "tables" };
        let rows = RowCount::sum(rest.iter().map(|(_, n)| *n));
        words.push(format!("{} of {} more {tables}", rows_of(rows), grouped(rest.len() as u64)));
    }
    match words.as_slice() {
        [] => "no row".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// Whether something that the pod committed reaches nobody before its rows are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsent {
    /// Everything is delivered first, as far as anybody knows.
    Delivered,
    /// Some of it may be nowhere else.
    Lost,
}

/// What has to be said yes to because a full copy deletes these rows on `me`.
pub(super) fn of_a_copy(world: &ClusterView<'_>, me: Ordinal, rows: &[RowsAtStake], unsent: Unsent) -> Vec<Approval> {
    let held: Vec<&RowsAtStake> = rows.iter().filter(|r| r.joiner.is_empty() != Some(true)).collect();
    if held.is_empty() {
        return Vec::new();
    }
    let doubtful = doubtful(world, me, &held);
    let doubted: HashSet<&Target> = doubtful.iter().flat_map(|d| d.rows.iter().map(|r| &r.target)).collect();
    let scope = format!("{}/{me}", world.desired.statefulset);
    let deleted = of_tables(held.iter().map(|r| (&r.target, r.joiner)));
    let one = matches!(held.as_slice(), [r] if r.joiner == RowCount::Counted(1));
    let are = if one { "is" } else { "are" };
    let known = doubted.is_empty() && unsent == Unsent::Delivered;
    let more = held.iter().any(|r| has_more(r));
    let because = if known && !more {
        format!("{deleted} on pod {me} {are} deleted and copied anew from pod 0")
    } else {
        let source = of_tables(held.iter().map(|r| (&r.target, r.source)));
        let them = if held.len() == 1 { "it" } else { "them" };
        let why = if known && identity::left_in_order(world, me) {
            format!(
                "pod {me} left in order, so pod 0 had its rows: what it has not it deleted since, or it came from a pod that sent it to pod {me} alone"
            )
        } else {
            "that pod 0 has the same rows is not known".to_owned()
        };
        format!(
            "{deleted} on pod {me} {are} deleted, and pod {me} gets what pod 0 holds of {them} instead ({source}); {why}"
        )
    };
    let mut all = vec![Approval { class: ApprovalClass::DeletesRows, scope: scope.clone(), because }];
    all.extend(doubtful.into_iter().map(|d| Approval { class: d.class, scope: scope.clone(), because: d.because }));
    all
}

/// Rows of the joiner that nobody else is known to have, and why.
struct Doubtful<'r> {
    class: ApprovalClass,
    rows: Vec<&'r RowsAtStake>,
    because: String,
}

fn doubtful<'r>(world: &ClusterView<'_>, me: Ordinal, held: &[&'r RowsAtStake]) -> Vec<Doubtful<'r>> {
    let source = Ordinal::MASTER;
    let joiner = |rows: &[&RowsAtStake]| of_tables(rows.iter().map(|r| (&r.target, r.joiner)));
    let mut all = Vec::new();
    let mut left: Vec<&RowsAtStake> = held.to_vec();
    let mut doubt = |class, is: &dyn Fn(&RowsAtStake) -> bool, say: &dyn Fn(&[&RowsAtStake]) -> String| {
        let (rows, rest) = left.iter().partition::<Vec<&RowsAtStake>, _>(|r| is(r));
        left = rest;
        if !rows.is_empty() {
            let because = say(&rows);
            all.push(Doubtful { class, rows, because });
        }
    };
    if let Some((mine, theirs)) = identity::foreign_source(world, me) {
        doubt(ApprovalClass::EmptySource, &|_| true, &|rows| {
            let theirs = theirs.map_or_else(|| "none".to_owned(), |id| format!("cluster {}", id.short()));
            format!(
                "pod {me} belongs to cluster {} and the ledger of pod 0 names {theirs}: pod 0 began anew without this cluster, so nobody that the copy is taken from has {} of pod {me}",
                mine.short(),
                joiner(rows)
            )
        });
    }
    if identity::left_unnoted(world, me) {
        doubt(ApprovalClass::EmptySource, &|_| true, &|rows| {
            format!(
                "pod {me} left in order while pod 0 was there, and pod 0 does not know it: the volume of pod 0 may have been put back from an older copy, and then nobody else has {} of pod {me}",
                joiner(rows)
            )
        });
    }
    // What pod 0 had when the pod left in order, it deleted itself since.
    let explained = identity::left_in_order(world, me);
    doubt(ApprovalClass::EmptySource, &|r| r.source.is_empty() == Some(true) && !explained, &|rows| {
        format!(
            "pod {me} holds {}, and pod 0, which the copy is taken from, has no row there: pod 0 may have come back with an empty volume, and then nobody else has these rows",
            joiner(rows)
        )
    });
    doubt(ApprovalClass::EmptySource, &|r| r.source.is_empty().is_none(), &|rows| {
        format!(
            "pod {me} holds {}, and whether pod 0, which the copy is taken from, holds any row there took too long to find out",
            joiner(rows)
        )
    });
    let filled = identity::filled_beside(world, me).is_some() || identity::one_cluster(world, source, me);
    if identity::is_younger(world, source, me) && !filled {
        doubt(ApprovalClass::EmptySource, &|_| true, &|rows| {
            format!(
                "the database of pod 0 was created after that of pod {me} (by their signatures), and no older pod is connected with pod 0: pod 0 may have come back with an empty volume and been filled with other rows ({}), and then nobody else has {} of pod {me}",
                of_tables(rows.iter().map(|r| (&r.target, r.source))),
                joiner(rows)
            )
        });
    }
    if identity::was_cleaned(world, me) {
        doubt(ApprovalClass::LosesUnsent, &|_| true, &|rows| {
            format!(
                "pod {me} was cleaned, or let users in when it had ended, so what was written there since was sent to nobody: of its {} (pod 0 holds {}) some may be on no other pod",
                joiner(rows),
                of_tables(rows.iter().map(|r| (&r.target, r.source)))
            )
        });
    } else if is_stranger(world, me) {
        // Numbers say nothing of rows that came from somewhere else: as many may be others. Where the ledger says that the pod
        // is one of us, or pod 0 has none that could tell, only what is too much was written since.
        let kin = identity::one_cluster(world, source, me) || world.held(source).is_none();
        doubt(ApprovalClass::LosesUnsent, &|r| !kin || has_more(r), &|rows| {
            let some = if rows.iter().any(|r| has_more(r)) { "some are" } else { "any may be" };
            format!(
                "pod {me} has no object towards pod 0 (it was cleaned, or never took part), so what was written there was sent to nobody: of its {} (pod 0 holds {}) {some} on no other pod",
                joiner(rows),
                of_tables(rows.iter().map(|r| (&r.target, r.source)))
            )
        });
    }
    all
}

/// Whether the joiner holds more rows of a table than the source, or it may and nobody counted to the end.
fn has_more(r: &RowsAtStake) -> bool {
    match (r.joiner.exact(), r.source.exact()) {
        (_, Some(source)) => r.joiner == RowCount::NotCounted || r.joiner.at_least() > source,
        (Some(joiner), None) => joiner > r.source.at_least() && r.source == RowCount::NotCounted,
        (None, None) => true,
    }
}

/// Whether the pod has no object at all towards the source: it was cleaned, or never started.
fn is_stranger(world: &ClusterView<'_>, me: Ordinal) -> bool {
    world.objects_between(me, Ordinal::MASTER).all(|o| world.observed.side(me, &o.name) == Side::Missing)
}

/// Whether pod 0 has to be looked into before it opens: it is closed and no pod is connected with it in both directions, so
/// nothing but its rows tells whether it came back with an empty volume.
pub(super) fn asks_of_master(world: &ClusterView<'_>) -> bool {
    let me = Ordinal::MASTER;
    world.pod(me).is_some_and(Pod::admin_mode) && !world.seen_others(me).any(|k| world.is_member(k))
}

/// What has to be said yes to before pod 0 opens with tables empty of which others hold rows: it is the source of all copies
/// then.
pub(super) fn of_an_empty_master(world: &ClusterView<'_>) -> Option<Approval> {
    let me = Ordinal::MASTER;
    if !asks_of_master(world) {
        return None;
    }
    let mut kept: Vec<(Ordinal, Vec<(&Target, RowCount)>)> = Vec::new();
    if let Some(approval) = of_a_new_master(world) {
        return Some(approval);
    }
    for k in world.seen_others(me) {
        let only =
            |t: &'_ &Target| world.rows(me, t).is_empty() != Some(false) && world.rows(k, t).is_empty() == Some(false);
        let rows: Vec<_> = world.desired.targets().filter(only).map(|t| (t, world.rows(k, t))).collect();
        if !rows.is_empty() {
            kept.push((k, rows));
        }
    }
    let (best, _) = kept
        .iter()
        .max_by_key(|(k, rows)| (RowCount::sum(rows.iter().map(|(_, n)| *n)).at_least(), std::cmp::Reverse(*k)))?;
    let words: Vec<_> =
        kept.iter().map(|(k, rows)| format!("pod {k} holds {}", of_tables(rows.iter().copied()))).collect();
    let holders: Vec<Ordinal> = kept.iter().map(|(k, _)| *k).collect();
    let start = if holders.len() == 1 { "starts" } else { "start" };
    Some(Approval {
        class: ApprovalClass::EmptySource,
        scope: format!("{}/{me}", world.desired.statefulset),
        because: format!(
            "{}, and pod 0, which is connected with nobody, has no row there: opened like this it becomes the source of all copies, and those rows are deleted when {} {start}; `aku plan recover --from {best}` gives them to pod 0 instead",
            words.join(" and "),
            pods(&holders)
        ),
    })
}

/// Pod 0 does not know the cluster that another pod with rows belongs to.
fn of_a_new_master(world: &ClusterView<'_>) -> Option<Approval> {
    let me = Ordinal::MASTER;
    let holds = |k: Ordinal| world.desired.targets().any(|t| world.rows(k, t).is_empty() != Some(true));
    let (k, (theirs, mine)) =
        world.seen_others(me).filter(|k| holds(*k)).find_map(|k| Some((k, identity::foreign_source(world, k)?)))?;
    let mine = mine.map_or_else(|| "none".to_owned(), |id| format!("cluster {}", id.short()));
    let rows =
        of_tables(world.desired.targets().map(|t| (t, world.rows(k, t))).filter(|(_, n)| n.is_empty() != Some(true)));
    Some(Approval {
        class: ApprovalClass::EmptySource,
        scope: format!("{}/{me}", world.desired.statefulset),
        because: format!(
            "pod {k} belongs to cluster {} and holds {rows}, and the ledger of pod 0 names {mine}: opened like this pod 0 begins a new cluster, and those rows are deleted when pod {k} starts; `aku plan recover --from {k}` gives them to pod 0 instead",
            theirs.short()
        ),
    })
}

/// `1 row`, `7 rows`, `at least 7 rows`.
pub(super) fn rows_of(n: RowCount) -> String {
    match n {
        RowCount::Counted(1) => "1 row".to_owned(),
        RowCount::Counted(n) => format!("{} rows", grouped(n)),
        RowCount::AtLeast { at_least } => format!("at least {} rows", grouped(at_least)),
        RowCount::NotCounted => "an unknown number of rows".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::target;

    #[test]
    fn tables_are_named_up_to_a_few() {
        let tables: Vec<Target> = (1..=7).map(|n| target(&format!("T{n}"))).collect();
        let counted = |n: usize| tables.iter().take(n).zip(1..).map(|(t, n)| (t, RowCount::Counted(n)));
        assert_eq!(of_tables(counted(0)), "no row");
        assert_eq!(of_tables(counted(1)), "1 row of SYS.T1");
        assert_eq!(of_tables(counted(2)), "1 row of SYS.T1 and 2 rows of SYS.T2");
        assert_eq!(
            of_tables(counted(7)),
            "7 rows of SYS.T7, 6 rows of SYS.T6, 5 rows of SYS.T5, 4 rows of SYS.T4 and 6 rows of 3 more tables"
        );
    }
}
