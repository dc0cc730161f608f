//! Who the data of each pod is, as its own ledger says, or, for a pod that was not seen, as the newest ledger of another
//! does. Comparable between pods: cluster, incarnation, the last run that it knows of, the end of its log.

use std::collections::BTreeMap;

use aku_core::{
    conf::Switch,
    desired::Desired,
    ledger::{ClusterId, Copied, Ledger, Standing, View},
    observe::Observed,
    topology::{Ordinal, optional_sn},
};
use schemars::JsonSchema;
use serde::Serialize;

/// Who a pod's data is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct IdentityStatus {
    /// The cluster its rows belong to.
    pub cluster: ClusterId,
    /// How often a start opened it with this database.
    pub incarnation: u64,
    /// How it left, or that it did not.
    pub standing: Standing,
    /// The last changing run that it knows of; that of the pod that remembers it, where it was not seen.
    pub run: u64,
    /// Where its rows were copied from.
    pub copied: Option<Copied>,
    /// Where its log ends, or did when a run looked last, as an SN.
    #[serde(with = "optional_sn")]
    #[schemars(with = "Option<String>")]
    pub log_end: Option<u64>,
    /// The pod that remembers this; `None` when its own ledger says so.
    pub remembered_by: Option<Ordinal>,
}

pub(super) fn of(desired: &Desired, observed: &Observed) -> BTreeMap<Ordinal, IdentityStatus> {
    if desired.ledger == Switch::Off {
        return BTreeMap::new();
    }
    let ledgers: Vec<&Ledger> =
        desired.pods.keys().filter_map(|k| observed.pod(*k)?.ledger.held().filter(|l| l.pod == *k)).collect();
    let own = |pod: Ordinal| {
        let seen = observed.pod(pod)?;
        let ledger = seen.ledger.held()?;
        Some(IdentityStatus {
            cluster: ledger.cluster,
            incarnation: ledger.incarnation,
            standing: ledger.standing,
            run: ledger.run,
            copied: ledger.copied,
            log_end: seen.log_end,
            remembered_by: None,
        })
    };
    let remembered = |pod: Ordinal| {
        let knows = |l: &&&Ledger| l.peers.contains_key(&pod);
        let newest = ledgers.iter().filter(knows).max_by_key(|l| (l.run, std::cmp::Reverse(l.pod)))?;
        let peer = newest.peers.get(&pod)?;
        Some(IdentityStatus {
            cluster: newest.cluster,
            incarnation: peer.incarnation,
            standing: peer.standing,
            run: newest.run,
            copied: None,
            log_end: peer.log_end,
            remembered_by: Some(newest.pod),
        })
    };
    let of = |pod: &Ordinal| {
        let found = match observed.pod(*pod).map(|p| &p.ledger) {
            Some(View::Held(_)) => own(*pod),
            Some(View::NotRead | View::Missing | View::Empty | View::Broken { .. } | View::Newer { .. }) => None,
            None => remembered(*pod),
        };
        found.map(|identity| (*pod, identity))
    };
    desired.pods.keys().filter_map(of).collect()
}
