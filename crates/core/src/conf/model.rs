//! What a valid `aku.conf` says (`aku-behaviour.md` A.1).

use std::{fmt, time::Duration};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{HostTemplate, MemberDown};
use crate::{
    attributes::Attributes,
    topology::{Ordinal, Pair, ReplicationName, ServerCount, Target},
};

/// A property that is 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// 0
    Off,
    /// 1
    On,
}

/// AKU_COMPARE_AT_START: what a pod that comes back compares with a joined pod before it opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// Nothing.
    Off,
    /// How many rows each target holds.
    Counts,
    /// Every row of every target.
    Contents,
}

impl Compare {
    /// Every value, the default first.
    pub const ALL: [Self; 3] = [Self::Counts, Self::Contents, Self::Off];

    /// The word in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Counts => "counts",
            Self::Contents => "contents",
        }
    }
}

/// Index of a REPLICATIONS group in the order of the file, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GroupId(pub u8);

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One REPLICATIONS entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupConf {
    /// REPLICATION_NAME_PREFIX as the catalog spells it, so that prefix, `_` and the ordinals fit 40 bytes.
    pub prefix: String,
    /// SYNC_PARALLEL_COUNT, `1..=100`.
    pub sync_parallel: u8,
    /// MODE, CONFLICT, PARALLEL, GAPLESS, GROUPING, RECOVERY.
    pub attributes: Attributes,
    /// Replicated tables and partitions in the order of the file, at least one, no duplicates.
    pub targets: Vec<Target>,
}

/// A validated `aku.conf`. Fields are named after the properties without `AKU_`.
#[derive(Clone, Debug)]
pub struct Config {
    /// AKU_STS_NAME
    pub sts_name: String,
    /// AKU_SVC_NAME
    pub svc_name: String,
    /// AKU_SERVER_COUNT
    pub server_count: ServerCount,
    /// AKU_SYS_PASSWORD of the file; `None` when the environment must give it.
    pub sys_password: Option<SecretString>,
    /// AKU_PORT_NO, `1024..=65535`
    pub port_no: u16,
    /// AKU_REPLICATION_PORT_NO, `1024..=65535`
    pub replication_port_no: u16,
    /// AKU_QUERY_TIMEOUT, seconds; zero means none. Does not bound SYNC (DESIGN: it would loop for ever).
    pub query_timeout: Duration,
    /// AKU_QUERY_RETRY_COUNT
    pub query_retry_count: u32,
    /// AKU_QUERY_RETRY_DELAY_MSEC
    pub query_retry_delay: Duration,
    /// AKU_ADDRESS_CHECK_COUNT, attempts one second apart
    pub address_check_count: u32,
    /// AKU_FLUSH_AT_START
    pub flush_at_start: Switch,
    /// AKU_FLUSH_TIMEOUT_AT_START, seconds as written; 0 means 300 s
    pub flush_timeout_at_start: u32,
    /// AKU_DELAY_START_COMPLETE_TIME
    pub delay_start_complete: Duration,
    /// AKU_COMPARE_AT_START
    pub compare_at_start: Compare,
    /// AKU_LEDGER
    pub ledger: Switch,
    /// AKU_MEMBER_DOWN
    pub member_down: MemberDown,
    /// AKU_FLUSH_AT_END
    pub flush_at_end: Switch,
    /// AKU_REPLICATION_RESET_AT_END
    pub replication_reset_at_end: Switch,
    /// HOST_TEMPLATE: where the other pods reach the replication of a pod, at most 64 bytes when filled
    pub host_template: HostTemplate,
    /// REPLICATIONS, at least one
    pub groups: Vec<GroupConf>,
}

impl Config {
    /// Pod name, `<STS>-<n>`.
    #[must_use]
    pub fn pod_name(&self, pod: Ordinal) -> String {
        format!("{}-{pod}", self.sts_name)
    }

    /// Host name of a pod inside the cluster, `<STS>-<n>.<SVC>`: where sessions go.
    #[must_use]
    pub fn host(&self, pod: Ordinal) -> String {
        format!("{}-{pod}.{}", self.sts_name, self.svc_name)
    }

    /// Host of a pod in CREATE REPLICATION, unless an endpoints file says another one.
    #[must_use]
    pub fn replication_host(&self, pod: Ordinal) -> String {
        self.host_template.host(&self.sts_name, &self.svc_name, pod)
    }

    /// Every group with its index.
    pub fn groups(&self) -> impl Iterator<Item = (GroupId, &GroupConf)> {
        (0u8..).map(GroupId).zip(&self.groups)
    }

    /// The group with that index.
    ///
    /// # Panics
    /// When the id comes from another configuration.
    #[must_use]
    pub fn group(&self, id: GroupId) -> &GroupConf {
        &self.groups[usize::from(id.0)]
    }

    /// Name of a pair's object: `<PREFIX>_<i><j>`, and two digits each when there are more than ten pods, because
    /// `_110` could be 1 and 10 or 11 and 0 (`aku-behaviour.md` A.4).
    ///
    /// # Panics
    /// Never for a configuration that passed validation: the prefix was checked against the 40 bytes.
    #[must_use]
    pub fn replication_name(&self, group: GroupId, pair: Pair) -> ReplicationName {
        let prefix = &self.group(group).prefix;
        let (low, high) = (pair.low(), pair.high());
        let name = if self.server_count.get() > 10 {
            format!("{prefix}_{:02}{:02}", low.get(), high.get())
        } else {
            format!("{prefix}_{low}{high}")
        };
        ReplicationName::exact(name).expect("validation leaves room for the ordinals in every prefix")
    }
}
