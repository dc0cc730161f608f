//! Whose rows are whose: pods of another cluster than most, volumes that were put back, ledgers that cannot be used.

use std::collections::BTreeMap;

use super::{Difference, Kind, Scope, remedy::Way};
use crate::{
    conf::Switch,
    ledger::{ClusterId, View},
    plan::put_back,
    status::pods,
    topology::Ordinal,
};

pub(super) fn examine(scope: Scope<'_>) -> Vec<Difference> {
    let mut all = Vec::new();
    if scope.desired.ledger == Switch::Off {
        return all;
    }
    clusters(scope, &mut all);
    for (pod, evidence) in put_back(scope.desired, scope.observed) {
        let text = format!(
            "{evidence}; what it had committed since is missing there, and what is committed there now is skipped by the others"
        );
        all.push(
            Difference::new(Kind::PutBack, pod, "ledger", "its volume is an older copy of itself")
                .text(text)
                .mended(Way::Usual),
        );
    }
    for (pod, seen) in scope.seen() {
        let odd = match &seen.ledger {
            View::Held(l) if l.pod != pod => {
                format!("it was written for pod {}: the volume was moved or copied", l.pod)
            }
            View::NotRead | View::Missing | View::Empty | View::Held(_) => continue,
            View::Broken { why } => format!("it is not one of ours: {why}"),
            View::Newer { layout } => format!("a later release wrote it (layout {layout})"),
        };
        all.push(
            Difference::new(Kind::LedgerOdd, pod, "ledger", "its ledger cannot be used").text(odd).mended(Way::Usual),
        );
    }
    all
}

/// The cluster of pod 0 is the measure where pod 0 has one, else that of most.
fn clusters(scope: Scope<'_>, all: &mut Vec<Difference>) {
    let mut groups: BTreeMap<ClusterId, Vec<Ordinal>> = BTreeMap::new();
    for (pod, seen) in scope.seen() {
        if let Some(ledger) = seen.ledger.held() {
            groups.entry(ledger.cluster).or_default().push(pod);
        }
    }
    let usual = groups.iter().max_by_key(|(_, on)| (on.contains(&Ordinal::MASTER), on.len(), std::cmp::Reverse(on[0])));
    let Some((usual, on)) = usual.map(|(id, on)| (*id, on.clone())) else { return };
    for (cluster, others) in groups.iter().filter(|(id, _)| **id != usual) {
        for pod in others {
            let text = format!(
                "its ledger names cluster {}, and that of {} names {}: the rows of the two have different beginnings",
                cluster.short(),
                pods(&on),
                usual.short()
            );
            all.push(
                Difference::new(
                    Kind::AnotherCluster,
                    *pod,
                    "cluster",
                    format!("belongs to cluster {}", cluster.short()),
                )
                .text(text)
                .mended(Way::Usual),
            );
        }
    }
}
