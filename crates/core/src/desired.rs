//! Configuration and goal together: what should exist and what is to be reached. Pure.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    attributes::{Attributes, Shape},
    conf::{Compare, Config, GroupId, MemberDown, Switch},
    topology::{Ordinal, Pair, ReplicationName, Target},
};

/// What a run is for. Goals are data: they shape [`Desired`], the differ is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "goal", content = "pod")]
pub enum Goal {
    /// This pod joins, or comes back.
    Start(Ordinal),
    /// This pod leaves in an orderly way.
    End(Ordinal),
    /// This pod's replication objects go.
    Clean(Ordinal),
    /// The replication objects of every pod go.
    CleanEverywhere,
    /// The running pods are brought back to the configuration, without copying rows that are there.
    Reconcile,
    /// Pod 0 lost its rows or its place in the log and gets a copy from this slave; `None` lets the planner choose.
    Recover(Option<Ordinal>),
    /// This pod left for good: nobody keeps log for it any more.
    Forget(Ordinal),
    /// Rows that differ between the pods are made the same.
    Repair(Right),
    /// What this pod, which is dead, committed and had not sent is read from its logs by its survivors.
    RecoverLog(Ordinal),
}

/// Which pod is right about a row that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Right {
    /// What more than half of the pods hold.
    Majority,
    /// This one, about every row.
    Pod(Ordinal),
}

impl std::fmt::Display for Right {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Majority => f.write_str("majority"),
            Self::Pod(pod) => write!(f, "{pod}"),
        }
    }
}

impl Goal {
    /// The one pod it is about; `None` where it is about all of them.
    #[must_use]
    pub fn single(self) -> Option<Ordinal> {
        match self {
            Self::Start(p) | Self::End(p) | Self::Clean(p) | Self::Forget(p) | Self::RecoverLog(p) => Some(p),
            Self::Recover(_) => Some(Ordinal::MASTER),
            Self::CleanEverywhere | Self::Reconcile | Self::Repair(_) => None,
        }
    }

    /// The pod that stands first where pods are listed: the one it is about, or pod 0.
    #[must_use]
    pub fn pod(self) -> Ordinal {
        self.single().unwrap_or(Ordinal::MASTER)
    }

    /// One word: `start`, `end`, `clean`, `reconcile`, `recover`, `forget`, `repair` or `recover-log`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start(_) => "start",
            Self::End(_) => "end",
            Self::Clean(_) | Self::CleanEverywhere => "clean",
            Self::Reconcile => "reconcile",
            Self::Recover(_) => "recover",
            Self::Forget(_) => "forget",
            Self::Repair(_) => "repair",
            Self::RecoverLog(_) => "recover-log",
        }
    }

    /// For headlines: `start pod 2`, `recover pod 0 from pod 1`, `reconcile all pods`.
    #[must_use]
    pub fn title(self) -> String {
        match self {
            Self::Start(p) | Self::End(p) | Self::Clean(p) | Self::Forget(p) => format!("{} pod {p}", self.as_str()),
            Self::RecoverLog(p) => format!("recover the log of pod {p}"),
            Self::CleanEverywhere | Self::Reconcile => format!("{} all pods", self.as_str()),
            Self::Recover(Some(from)) => format!("recover pod 0 from pod {from}"),
            Self::Recover(None) => "recover pod 0".to_owned(),
            Self::Repair(Right::Pod(pod)) => format!("repair rows, pod {pod} is right"),
            Self::Repair(Right::Majority) => "repair rows, the majority is right".to_owned(),
        }
    }

    /// What is typed behind `aku plan` on the pod itself: `start`, `forget 3`, `recover --from 1`.
    #[must_use]
    pub fn arguments(self) -> String {
        match self {
            Self::Start(_) | Self::End(_) | Self::Clean(_) | Self::Reconcile | Self::Recover(None) => {
                self.as_str().to_owned()
            }
            Self::CleanEverywhere => "clean --everywhere".to_owned(),
            Self::Recover(Some(from)) => format!("recover --from {from}"),
            Self::Forget(p) => format!("forget {p}"),
            // Which directory, only a person can say.
            Self::RecoverLog(p) => format!("recover-log {p} --log-path DIR"),
            // Not a goal that `aku plan` knows: it takes a comparison.
            Self::Repair(right) => format!("repair --right {right}"),
        }
    }

    /// What is typed behind `aku plan` on any machine: `start --ordinal 2`, `forget 3`.
    #[must_use]
    pub fn command(self) -> String {
        match self {
            Self::Start(p) | Self::End(p) | Self::Clean(p) => format!("{} --ordinal {p}", self.arguments()),
            Self::CleanEverywhere
            | Self::Reconcile
            | Self::Recover(_)
            | Self::Forget(_)
            | Self::Repair(_)
            | Self::RecoverLog(_) => self.arguments(),
        }
    }
}

/// One replication object as both pods of its pair should hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its name, equal on both pods.
    pub name: ReplicationName,
    /// Its group.
    pub group: GroupId,
    /// The two pods.
    pub pair: Pair,
}

/// What is replicated together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// REPLICATION_NAME_PREFIX: tells our objects of pods and groups that are gone from those of others.
    pub prefix: String,
    /// Tables and partitions, in the order of the file.
    pub targets: Vec<Target>,
    /// SYNC_PARALLEL_COUNT
    pub sync_parallel: u8,
    /// Mode, roles and options of its objects.
    pub attributes: Attributes,
}

/// Where a pod listens for its peers' senders; goes into CREATE REPLICATION.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct ReplicationAddress {
    /// Host name or number, at most 64 bytes.
    pub host: String,
    /// REPLICATION_PORT_NO of that pod.
    pub port: u16,
}

/// Everything the planner needs to know of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// What the run is for.
    pub goal: Goal,
    /// AKU_STS_NAME
    pub statefulset: String,
    /// AKU_SVC_NAME
    pub service: String,
    /// Every pod the configuration allows, with its replication address.
    pub pods: BTreeMap<Ordinal, ReplicationAddress>,
    /// Groups by index.
    pub groups: BTreeMap<GroupId, Group>,
    /// Every object of the full mesh, ordered by pair, then group.
    pub objects: Vec<Object>,
    /// Objects that are there under another name than aku.conf gives them, with the name that they should have
    /// ([`as_found`](crate::found::as_found)).
    pub renames: BTreeMap<ReplicationName, ReplicationName>,
    /// FLUSH when a pod comes back (AKU_FLUSH_AT_START).
    pub flush_at_start: Switch,
    /// Bound of the peers' FLUSH towards a pod that comes back, seconds as written (0 = [`DEFAULT_FLUSH_WAIT_S`](Self::DEFAULT_FLUSH_WAIT_S)).
    pub flush_timeout_at_start: u32,
    /// Seconds between "in sync" and "open" (AKU_DELAY_START_COMPLETE_TIME).
    pub delay_start_complete_s: u64,
    /// AKU_MEMBER_DOWN: what a start hook does beside a member that is down.
    pub member_down: MemberDown,
    /// AKU_COMPARE_AT_START: what a pod that comes back compares before it opens.
    pub compare_at_start: Compare,
    /// AKU_LEDGER: whether runs note who the data of each pod is.
    pub ledger: Switch,
    /// AKU_FLUSH_AT_END
    pub flush_at_end: Switch,
    /// AKU_REPLICATION_RESET_AT_END
    pub reset_at_end: Switch,
}

impl Desired {
    /// Shortest FLUSH bound in seconds: 7.2 needs 6 s when all is well (`measured.md` 5, DESIGN D15).
    pub const MIN_FLUSH_WAIT_S: u32 = 10;
    /// FLUSH bound in seconds where the configuration says 0.
    pub const DEFAULT_FLUSH_WAIT_S: u32 = 300;

    /// Builds the full mesh. `address` gives each pod's replication host and port.
    ///
    /// ```
    /// use aku_core::{conf, desired::{Desired, Goal, ReplicationAddress}, topology::Ordinal};
    ///
    /// let text = "AKU_STS_NAME = db\nAKU_SVC_NAME = db-svc\nREPLICATIONS = (REPLICATION_NAME_PREFIX = R (SYS.T1))\n";
    /// let conf = conf::parse("aku.conf", text.as_bytes()).config.expect("a valid file");
    /// let address = |pod| ReplicationAddress { host: conf.host(pod), port: conf.replication_port_no };
    /// let desired = Desired::new(&conf, Goal::Start(Ordinal::MASTER), address);
    ///
    /// // Four pods: six pairs, and one group.
    /// let names: Vec<_> = desired.objects.iter().map(|o| o.name.to_string()).collect();
    /// assert_eq!(names, ["R_01", "R_02", "R_03", "R_12", "R_13", "R_23"]);
    /// ```
    #[must_use]
    pub fn new(conf: &Config, goal: Goal, address: impl Fn(Ordinal) -> ReplicationAddress) -> Self {
        let all = conf.server_count.ordinals();
        let pairs = all.clone().flat_map(|low| {
            Pair::of(low, conf.server_count).map(|(_, pair)| pair).filter(move |pair| pair.low() == low)
        });
        let objects = pairs
            .flat_map(|pair| {
                conf.groups().map(move |(group, _)| Object { name: conf.replication_name(group, pair), group, pair })
            })
            .collect();
        Self {
            goal,
            statefulset: conf.sts_name.clone(),
            service: conf.svc_name.clone(),
            pods: all.map(|pod| (pod, address(pod))).collect(),
            groups: conf
                .groups()
                .map(|(id, g)| {
                    let (prefix, targets, attributes) = (g.prefix.clone(), g.targets.clone(), g.attributes.clone());
                    (id, Group { prefix, targets, sync_parallel: g.sync_parallel, attributes })
                })
                .collect(),
            objects,
            renames: BTreeMap::new(),
            flush_at_start: conf.flush_at_start,
            flush_timeout_at_start: conf.flush_timeout_at_start,
            delay_start_complete_s: conf.delay_start_complete.as_secs(),
            member_down: conf.member_down,
            compare_at_start: conf.compare_at_start,
            ledger: conf.ledger,
            flush_at_end: conf.flush_at_end,
            reset_at_end: conf.replication_reset_at_end,
        }
    }

    /// Objects of a pod, with the other pod of each.
    pub fn objects_of(&self, pod: Ordinal) -> impl Iterator<Item = (Ordinal, &Object)> {
        self.objects.iter().filter(move |o| o.pair.contains(pod)).map(move |o| {
            let other = o.pair.other(pod);
            (other, o)
        })
    }

    /// Objects of one pair, one per group.
    pub fn objects_between(&self, a: Ordinal, b: Ordinal) -> impl Iterator<Item = &Object> {
        // They are ordered by pair.
        let here = Pair::new(a, b).map_or(0..0, |pair| {
            let begin = self.objects.partition_point(|o| o.pair < pair);
            begin..begin + self.objects[begin..].partition_point(|o| o.pair == pair)
        });
        self.objects[here].iter()
    }

    /// The object of one pair in one group.
    #[must_use]
    pub fn object_between(&self, a: Ordinal, b: Ordinal, group: GroupId) -> Option<&Object> {
        let pair = Pair::new(a, b)?;
        let at = self.objects.partition_point(|o| (o.pair, o.group) < (pair, group));
        self.objects.get(at).filter(|o| o.pair == pair && o.group == group)
    }

    /// Every target of every group, in order.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.groups.values().flat_map(|g| &g.targets)
    }

    /// Pod name, `<STS>-<n>`.
    #[must_use]
    pub fn pod_name(&self, pod: Ordinal) -> String {
        format!("{}-{pod}", self.statefulset)
    }

    /// What `pod` should hold of an object, beside its tables and addresses.
    #[must_use]
    pub fn shape(&self, pod: Ordinal, object: &Object) -> Shape {
        let group = self.groups.get(&object.group);
        group.map(|g| g.attributes.shape(pod, object.pair)).unwrap_or_default()
    }

    /// Bound of a FLUSH, seconds.
    #[must_use]
    pub fn flush_wait_s(&self) -> u32 {
        match self.flush_timeout_at_start {
            0 => Self::DEFAULT_FLUSH_WAIT_S,
            n => n.max(Self::MIN_FLUSH_WAIT_S),
        }
    }
}
