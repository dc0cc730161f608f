//! Both sides of every object, and the log that is kept because of them.

use aku_core::{
    conf::GroupId,
    desired::Object,
    observe::{Observed, Replication, Sender, Side},
    topology::{Ordinal, ReplicationName, sn},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::log::{Log, gap, kept};

/// One object as both pods of its pair hold it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PairStatus {
    /// Its name.
    pub object: ReplicationName,
    /// Its group.
    pub group: GroupId,
    /// The lower pod and what it holds.
    pub low: SideStatus,
    /// The higher pod and what it holds.
    pub high: SideStatus,
}

/// What one pod holds of a pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SideStatus {
    /// The pod.
    pub pod: Ordinal,
    /// The object and its XSN.
    pub side: Side,
    /// Its sender; `None` without the object.
    pub sender: Option<Sender>,
    /// V$REPGAP.REP_GAP; only zero has a meaning in every release.
    pub gap: Option<i64>,
    /// The same in bytes; `None` without a sender, and where the server does not say how far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap_bytes: Option<u64>,
    /// What the pod keeps of its log because of this object; `None` where nobody can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<Log>,
    /// Changes of the peer that could not be applied here since the peer's sender connected.
    pub conflicts: Option<i64>,
}

/// Log that a server keeps for a pod that is not joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Retained {
    /// Whose log.
    pub on: Ordinal,
    /// For whom.
    pub towards: Ordinal,
    /// The object.
    pub object: ReplicationName,
    /// It is kept from this SN on.
    #[serde(with = "sn")]
    #[schemars(with = "String")]
    pub since_xsn: u64,
    /// How much that is by now; `None` where nobody can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<Log>,
}

pub(super) fn of(observed: &Observed, object: &Object) -> PairStatus {
    let side = |pod| {
        let found: Option<&Replication> = observed.replication(pod, &object.name);
        SideStatus {
            pod,
            side: observed.side(pod, &object.name),
            sender: found.map(|r| r.sender),
            gap: found.and_then(|r| r.gap),
            gap_bytes: gap(observed, pod, &object.name).and_then(|log| log.bytes),
            kept: found.and_then(|_| kept(observed, pod, &object.name)),
            conflicts: found.and_then(|r| r.receiver).map(|c| c.insert + c.update + c.delete),
        }
    };
    let (low, high) = (side(object.pair.low()), side(object.pair.high()));
    PairStatus { object: object.name.clone(), group: object.group, low, high }
}
