//! What the ledgers of the pods say, as the rest of the planner asks it.

use std::collections::BTreeSet;

use aku_core::{
    ledger::{Ledger, Standing},
    topology::Ordinal,
};

use super::cluster_view::ClusterView;

impl<'a> ClusterView<'a> {
    /// The signature of the database of a pod.
    pub fn signature(&self, pod: Ordinal) -> Option<&'a str> {
        self.pod(pod)?.server.signature.as_deref().map(str::trim).filter(|s| !s.is_empty())
    }

    /// The ledger of a pod, when it was written for this pod in this database.
    pub fn held(&self, pod: Ordinal) -> Option<&Ledger> {
        self.ledger(pod).held().filter(|l| l.pod == pod && self.signature(pod).is_none_or(|s| s == l.signature))
    }

    /// Pods that the ledgers of this cluster call running: each by its own row, one that was not seen by what the newest row
    /// remembers of it. The cluster is that of pod 0; while pod 0 is not there or has no ledger, that of the newest row.
    pub fn called_running(&self) -> BTreeSet<Ordinal> {
        let newest = || self.seen().filter_map(|k| self.held(k)).max_by_key(|l| l.run);
        let Some(cluster) = self.held(Ordinal::MASTER).or_else(newest).map(|l| l.cluster) else {
            return BTreeSet::new();
        };
        let ledgers = || self.seen().filter_map(|k| self.held(k)).filter(|l| l.cluster == cluster);
        let newest = |pod: Ordinal| {
            let own = ledgers().find(|l| l.pod == pod).map(|l| (l.run, l.standing));
            let noted = ledgers().filter_map(|l| l.peers.get(&pod).map(|p| (l.run, p.standing)));
            own.or_else(|| noted.max_by_key(|(run, _)| *run)).map(|(_, standing)| standing)
        };
        self.desired.pods.keys().copied().filter(|k| newest(*k) == Some(Standing::Running)).collect()
    }
}
