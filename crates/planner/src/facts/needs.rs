//! Which facts an action needs, which it was decided from, and what it makes of them. Pure; looks at no value.
//!
//! What an action *needs* is what would make it wrong or pointless. What it was *decided from* counts only for what cannot
//! be taken back (rows, definitions, positions, admitting users): the sides and pods that chose the road.

use std::{collections::BTreeSet, fmt};

use aku_core::{
    conf::GroupId,
    desired::{Desired, Goal, Object},
    plan::{Action, Decision, Effect, Expect, Op, Plan, PodState},
    topology::{Ordinal, ReplicationName, Target},
};
use foldhash::{HashMap, HashMapExt as _};

use super::{ANYTHING, AS_CONFIGURED, NO_OBJECT, Post};

/// What a fact is about, on a pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// Whether the pod answers.
    View,
    /// What the pod is to the others.
    Standing,
    /// Which database it is (DB_SIGNATURE): a volume that was lost or restored has another one.
    Signature,
    /// Its ledger.
    Ledger,
    /// Its release.
    Version,
    /// A property.
    Property(String),
    /// An object and whether it has a position.
    Side(ReplicationName),
    /// That position.
    Xsn(ReplicationName),
    /// Its sender.
    Sender(ReplicationName),
    /// Whether it is what the configuration says.
    Definition(ReplicationName),
    /// The tables of a group: whether they can be replicated, and their shape.
    Tables(GroupId),
    /// Rows of a table or partition.
    Rows(Target),
    /// Replications of our tables that are not ours.
    Foreign,
    /// The start marker.
    Marker,
}

impl Key {
    /// Whether it moves by itself while clients write, or tells nothing that an action depends on.
    #[must_use]
    pub fn volatile(&self) -> bool {
        match self {
            Self::Version | Self::Xsn(_) | Self::Sender(_) | Self::Rows(_) | Self::Foreign => true,
            Self::View
            | Self::Standing
            | Self::Signature
            | Self::Ledger
            | Self::Property(_)
            | Self::Side(_)
            | Self::Definition(_)
            | Self::Tables(_)
            | Self::Marker => false,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::View => f.write_str("pod/view"),
            Self::Standing => f.write_str("pod/standing"),
            Self::Signature => f.write_str("database/signature"),
            Self::Ledger => f.write_str("database/ledger"),
            Self::Version => f.write_str("server/version"),
            Self::Property(name) => write!(f, "property/{name}"),
            Self::Side(name) => write!(f, "replication/{name}/side"),
            Self::Xsn(name) => write!(f, "replication/{name}/xsn"),
            Self::Sender(name) => write!(f, "replication/{name}/sender"),
            Self::Definition(name) => write!(f, "replication/{name}/definition"),
            Self::Tables(group) => write!(f, "tables/group-{}", u32::from(group.0) + 1),
            Self::Rows(target) => {
                f.write_str("rows/")?;
                fmt::Display::fmt(target, f)
            }
            Self::Foreign => f.write_str("replication/foreign"),
            Self::Marker => f.write_str("marker"),
        }
    }
}

pub(super) struct Needs<'a> {
    plan: &'a Plan,
    desired: &'a Desired,
    /// Groups that have a target.
    groups: HashMap<&'a Target, Vec<GroupId>>,
}

type Facts = Vec<(Ordinal, Key)>;

fn admin_mode() -> Key {
    Key::Property("ADMIN_MODE".to_owned())
}

impl<'a> Needs<'a> {
    pub fn new(plan: &'a Plan, desired: &'a Desired) -> Self {
        let mut groups: HashMap<&Target, Vec<GroupId>> = HashMap::new();
        for (id, group) in &desired.groups {
            for target in &group.targets {
                groups.entry(target).or_default().push(*id);
            }
        }
        Self { plan, desired, groups }
    }

    fn groups_of(&self, targets: &[Target]) -> BTreeSet<GroupId> {
        targets.iter().filter_map(|t| self.groups.get(t)).flatten().copied().collect()
    }

    /// What must hold before the action runs.
    pub fn pre(&self, a: &Action) -> Facts {
        let pod = a.pod;
        let mut need = vec![(pod, Key::View)];
        match &a.op {
            Op::CreateReplication { name, targets, .. } => {
                need.push((pod, Key::Side(name.clone())));
                need.extend(self.groups_of(targets).into_iter().map(|g| (pod, Key::Tables(g))));
            }
            Op::DropReplication { name, .. } => {
                need.extend([Key::Side(name.clone()), Key::Definition(name.clone())].map(|k| (pod, k)));
            }
            Op::Start { name, peer, .. } => {
                need.extend([Key::Side(name.clone()), Key::Definition(name.clone())].map(|k| (pod, k)));
                need.push((*peer, Key::View));
            }
            Op::AddTable { name, target, .. } => {
                need.extend([Key::Side(name.clone()), Key::Definition(name.clone())].map(|k| (pod, k)));
                need.extend(self.groups_of(std::slice::from_ref(target)).into_iter().map(|g| (pod, Key::Tables(g))));
            }
            Op::DropTable { name, .. }
            | Op::ChangeHost { name, .. }
            | Op::ClearOption { name, .. }
            | Op::SetOption { name, .. } => {
                need.extend([Key::Side(name.clone()), Key::Definition(name.clone())].map(|k| (pod, k)));
            }
            Op::SyncTables { name, peer, targets, .. } => {
                for k in [pod, *peer] {
                    need.extend([Key::View, Key::Signature, Key::Definition(name.clone())].map(|key| (k, key)));
                    need.extend(targets.iter().map(|t| (k, Key::Rows(t.clone()))));
                }
                need.push((pod, Key::Side(name.clone())));
            }
            Op::SetLogPath { name, peer, .. } | Op::ReadLogs { name, peer, .. } => {
                need.extend([Key::Side(name.clone()), Key::Definition(name.clone())].map(|k| (pod, k)));
                need.extend([(pod, Key::Signature), (*peer, Key::View)]);
            }
            Op::Pin { name, .. }
            | Op::Retry { name, .. }
            | Op::Anchor { name, .. }
            | Op::Stop { name, .. }
            | Op::Reset { name, .. }
            | Op::Unpin { name, .. }
            | Op::Flush { name, .. } => need.push((pod, Key::Side(name.clone()))),
            Op::SetProperty { property, .. } => need.push((pod, Key::Property(property.name().to_owned()))),
            Op::Truncate { target, source } => {
                for k in [pod, *source] {
                    need.extend(
                        [Key::View, Key::Signature, admin_mode(), Key::Rows(target.clone())].map(|key| (k, key)),
                    );
                    need.extend(self.groups_of(std::slice::from_ref(target)).into_iter().map(|g| (k, Key::Tables(g))));
                }
            }
            Op::CheckEmpty { .. } => need.push((pod, Key::Signature)),
            Op::Sync { name, peer, .. } => {
                for k in [pod, *peer] {
                    need.extend([Key::View, Key::Signature, Key::Definition(name.clone())].map(|key| (k, key)));
                }
                need.push((pod, Key::Side(name.clone())));
            }
            Op::CheckContents { source, .. } => {
                for k in [pod, *source] {
                    need.extend([Key::View, Key::Signature].map(|key| (k, key)));
                }
            }
            Op::CheckHolds { of, .. } => {
                for k in [pod, *of] {
                    need.extend([Key::View, Key::Signature].map(|key| (k, key)));
                }
            }
            Op::Fence | Op::Open => need.push((pod, admin_mode())),
            Op::CheckDelivered { names } => need.extend(names.iter().map(|n| (pod, Key::Side(n.clone())))),
            Op::WriteMarker | Op::RemoveMarker => need.push((pod, Key::Marker)),
            Op::WriteLedger { .. } => need.extend([Key::Signature, Key::Ledger].map(|key| (pod, key))),
            // Which rows are there is looked at when it runs, one by one.
            Op::MendRows(repair) | Op::DeleteRows(repair) => {
                for k in &repair.pods {
                    need.extend([Key::View, Key::Signature].map(|key| (*k, key)));
                    let groups = self.groups_of(std::slice::from_ref(&repair.target));
                    need.extend(groups.into_iter().map(|g| (*k, Key::Tables(g))));
                }
            }
            Op::Drain { .. } | Op::CheckQuiet { .. } | Op::Delay { .. } => {}
        }
        need
    }

    /// Whether what the plan was decided from counts for the action.
    pub fn is_decided(a: &Action) -> bool {
        match a.op.effect() {
            Effect::DeletesRows | Effect::CopiesRows | Effect::RemovesDefinition | Effect::ForgetsPosition => true,
            Effect::Setting => a.op == Op::Open,
            Effect::Observe | Effect::Define | Effect::Run | Effect::Marks => false,
        }
    }

    /// The objects of the pod that the plan is about, with that pod and its peer; every object when it is about all.
    fn objects(&self) -> Vec<(Ordinal, Ordinal, &'a Object)> {
        match self.plan.goal.single() {
            Some(me) => self.desired.objects_of(me).map(|(k, o)| (me, k, o)).collect(),
            None => self.desired.objects.iter().map(|o| (o.pair.low(), o.pair.high(), o)).collect(),
        }
    }

    /// What chose the road: the goal pod's own sides, both sides towards whoever counts, and who counts.
    pub fn decision(&self) -> Facts {
        let me = match self.plan.goal {
            Goal::Start(pod) | Goal::End(pod) | Goal::Clean(pod) | Goal::Forget(pod) => pod,
            // They look at every pair.
            Goal::CleanEverywhere | Goal::Reconcile | Goal::Recover(_) | Goal::Repair(_) | Goal::RecoverLog(_) => {
                return self.everybody();
            }
        };
        let source = match &self.plan.decision {
            Decision::Full { source, .. } => *source,
            Decision::None { .. } | Decision::CatchUp { .. } | Decision::Repair { .. } | Decision::Logs { .. } => {
                Ordinal::MASTER
            }
        };
        let joined: BTreeSet<Ordinal> =
            self.plan.pods.iter().filter(|l| l.state == PodState::Joined).map(|l| l.pod).collect();
        let mut need = vec![(source, admin_mode())];
        // A pod that is forgotten must not have come back.
        if matches!(self.plan.goal, Goal::Forget(_)) {
            need.push((me, Key::Standing));
        }
        for (me, k, o) in self.objects() {
            need.push((me, Key::Side(o.name.clone())));
            need.push((k, Key::Standing));
            if k == source || joined.contains(&k) {
                need.push((k, Key::Side(o.name.clone())));
            }
        }
        need
    }

    fn everybody(&self) -> Facts {
        let standing = self.desired.pods.keys().map(|pod| (*pod, Key::Standing));
        let sides = self
            .desired
            .objects
            .iter()
            .flat_map(|o| [o.pair.low(), o.pair.high()].map(|pod| (pod, Key::Side(o.name.clone()))));
        standing.chain(sides).collect()
    }

    /// What reviewers and rules want to see, whether or not an action hangs on it.
    pub fn informative(&self) -> impl Iterator<Item = (Ordinal, Key)> {
        let sides = self.objects().into_iter().flat_map(move |(me, k, o)| {
            let keys = || [Key::Side(o.name.clone()), Key::Xsn(o.name.clone()), Key::Sender(o.name.clone())];
            let definition = Key::Definition(o.name.clone());
            [me, k]
                .into_iter()
                .flat_map(move |pod| keys().map(|key| (pod, key)))
                .chain([(k, definition.clone()), (me, definition)])
        });
        self.desired.pods.keys().flat_map(|pod| of_pod(self.desired, *pod)).chain(sides)
    }

    /// What holds after the action.
    pub fn post(a: &Action) -> Vec<Post> {
        let to = |key: Key, value: &str| Post { pod: a.pod, key: key.to_string(), value: value.to_owned() };
        let side = |name: &ReplicationName, value| to(Key::Side(name.clone()), value);
        match &a.op {
            Op::CreateReplication { name, .. } => {
                vec![side(name, "reset"), to(Key::Definition(name.clone()), AS_CONFIGURED)]
            }
            Op::DropReplication { name, .. } => {
                vec![side(name, "missing"), to(Key::Definition(name.clone()), NO_OBJECT)]
            }
            Op::Start { name, expect: Expect::Fresh, .. }
            | Op::Pin { name, .. }
            | Op::Anchor { name, .. }
            | Op::Sync { name, .. }
            | Op::SyncTables { name, .. } => vec![side(name, "live")],
            Op::Reset { name, .. } | Op::Unpin { name, .. } => vec![side(name, "reset")],
            Op::SetProperty { property, to: value, .. } => {
                vec![to(Key::Property(property.name().to_owned()), &value.to_string())]
            }
            Op::Truncate { target, .. } => vec![to(Key::Rows(target.clone()), "0")],
            Op::Fence => vec![to(admin_mode(), "1")],
            Op::Open => vec![to(admin_mode(), "0")],
            Op::WriteMarker => vec![to(Key::Marker, "present")],
            Op::RemoveMarker => vec![to(Key::Marker, "missing")],
            Op::WriteLedger { ledger } => vec![to(Key::Ledger, &ledger.to_string())],
            // One of several steps towards the definition.
            Op::AddTable { name, .. }
            | Op::DropTable { name, .. }
            | Op::ChangeHost { name, .. }
            | Op::ClearOption { name, .. }
            | Op::SetOption { name, .. }
            | Op::SetLogPath { name, .. } => {
                vec![to(Key::Definition(name.clone()), ANYTHING)]
            }
            Op::Start { expect: Expect::Live, .. }
            | Op::ReadLogs { .. }
            | Op::Retry { .. }
            | Op::Stop { .. }
            | Op::Drain { .. }
            | Op::Flush { .. }
            | Op::CheckQuiet { .. }
            | Op::CheckEmpty { .. }
            | Op::CheckContents { .. }
            | Op::CheckHolds { .. }
            | Op::CheckDelivered { .. }
            | Op::MendRows(_)
            | Op::DeleteRows(_)
            | Op::Delay { .. } => Vec::new(),
        }
    }
}

fn of_pod(desired: &Desired, pod: Ordinal) -> impl Iterator<Item = (Ordinal, Key)> {
    let fixed = [Key::View, Key::Standing, Key::Version, Key::Foreign, admin_mode()];
    fixed.into_iter().chain(desired.groups.keys().map(|g| Key::Tables(*g))).map(move |key| (pod, key))
}

/// Everything that rules about the whole cluster look at, by pod, then object.
pub(super) fn whole_cluster(desired: &Desired) -> impl Iterator<Item = (Ordinal, Key)> {
    desired.pods.keys().flat_map(move |pod| {
        let sides =
            desired.objects_of(*pod).flat_map(|(_, o)| [Key::Side(o.name.clone()), Key::Definition(o.name.clone())]);
        of_pod(desired, *pod).chain(sides.map(|key| (*pod, key)))
    })
}
