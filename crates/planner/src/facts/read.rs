//! The value of a fact in what was seen. Words, not numbers, so that a reviewer can read them.

use std::{collections::BTreeMap, fmt::Write as _};

use aku_core::{
    conf::GroupId,
    desired::Desired,
    ledger::View,
    observe::{MarkerView, Observed, Pod, PodView, RowCount, Sender, Side, Table, TableName},
    plan::PodState,
    topology::{Identifier, Ordinal, Position, ReplicationName},
};
use sha2::{Digest as _, Sha256};

use super::needs::Key;
use crate::{cluster_view::ClusterView, preflight};

/// An object that is what the configuration says.
pub const AS_CONFIGURED: &str = "as configured";
/// An object that is not there.
pub const NO_OBJECT: &str = "no object";
/// Nothing can be said of a pod that was not seen.
const UNSEEN: &str = "not seen";
/// What the server does not have, or does not tell.
const NONE: &str = "none";

pub(super) struct Reader<'a> {
    world: ClusterView<'a>,
    states: BTreeMap<Ordinal, PodState>,
}

impl<'a> Reader<'a> {
    pub fn new(desired: &'a Desired, observed: &'a Observed) -> Self {
        let world = ClusterView::new(desired, observed);
        let states = world.lines(desired.goal.single()).into_iter().map(|l| (l.pod, l.state)).collect();
        Self { world, states }
    }

    pub fn value(&self, pod: Ordinal, key: &Key) -> String {
        match key {
            Key::View => self.view(pod).to_owned(),
            Key::Standing => self.standing(pod).to_owned(),
            Key::Marker => self.marker(pod).to_owned(),
            Key::Side(name) => side(self.world.observed.side(pod, name)).to_owned(),
            Key::Signature
            | Key::Ledger
            | Key::Version
            | Key::Property(_)
            | Key::Xsn(_)
            | Key::Sender(_)
            | Key::Definition(_)
            | Key::Tables(_)
            | Key::Rows(_)
            | Key::Foreign => match self.world.pod(pod) {
                Some(seen) => self.of_seen(pod, seen, key),
                None => UNSEEN.to_owned(),
            },
        }
    }

    fn of_seen(&self, pod: Ordinal, seen: &Pod, key: &Key) -> String {
        let none = || NONE.to_owned();
        let object = |name: &ReplicationName| seen.replications.get(name);
        match key {
            Key::Signature => seen.server.signature.clone().unwrap_or_else(none),
            Key::Ledger => self.ledger(pod),
            Key::Version => seen.server.version.clone().unwrap_or_else(none),
            Key::Property(name) => seen.properties.get(name).map_or_else(none, |v| v.trim().to_owned()),
            Key::Xsn(name) => object(name).map_or_else(none, |r| match r.position {
                Position::Reset => "-1".to_owned(),
                Position::Live(sn) => sn.to_string(),
            }),
            Key::Sender(name) => object(name).map_or(NO_OBJECT, |r| sender(r.sender)).to_owned(),
            Key::Definition(name) => self.definition(pod, name),
            Key::Tables(group) => self.tables(seen, *group),
            Key::Rows(target) => rows(self.world.rows(pod, target)),
            Key::Foreign => self.foreign(seen),
            Key::View | Key::Standing | Key::Marker | Key::Side(_) => none(),
        }
    }

    fn ledger(&self, pod: Ordinal) -> String {
        match self.world.ledger(pod) {
            View::NotRead => "not read".to_owned(),
            View::Missing | View::Empty => NONE.to_owned(),
            View::Broken { why } => format!("not a ledger ({why})"),
            View::Newer { layout } => format!("layout {layout}"),
            View::Held(ledger) => ledger.to_string(),
        }
    }

    fn view(&self, pod: Ordinal) -> &'static str {
        match self.world.observed.pods.get(&pod) {
            Some(PodView::Seen(_)) => "seen",
            Some(PodView::Absent { .. }) | None => "absent",
            Some(PodView::Broken { .. }) => "broken",
        }
    }

    /// A pod that is not joined counts the same whether it is there or not: its own start decides about it.
    fn standing(&self, pod: Ordinal) -> &'static str {
        match self.states.get(&pod) {
            Some(PodState::Joined) => "joined",
            Some(PodState::JoinedClosed | PodState::NotJoined | PodState::Absent) | None => "not joined",
            Some(PodState::MemberDown) => "member down",
            Some(PodState::Broken) => "cannot tell",
        }
    }

    fn marker(&self, pod: Ordinal) -> &'static str {
        if pod != self.world.desired.goal.pod() {
            return if self.world.observed.marked_here.contains(&pod) { "present" } else { "elsewhere" };
        }
        match self.world.observed.marker {
            MarkerView::Elsewhere => "elsewhere",
            MarkerView::Missing => "missing",
            MarkerView::Present => "present",
            MarkerView::Stale => "stale",
        }
    }

    fn definition(&self, pod: Ordinal, name: &ReplicationName) -> String {
        if self.world.observed.replication(pod, name).is_none() {
            return NO_OBJECT.to_owned();
        }
        let Some(object) = self.world.object(name) else {
            return "not in aku.conf".to_owned();
        };
        let other = object.pair.other(pod);
        let targets = &self.world.desired.groups[&object.group].targets;
        match preflight::texts(&self.world, pod, other, object, targets) {
            None => AS_CONFIGURED.to_owned(),
            Some(both) => format!("differs ({})", short_digest(both.iter().map(String::as_str))),
        }
    }

    /// How many can be replicated, what is wrong with the others, and a digest of the shapes, to compare pods by.
    fn tables(&self, seen: &Pod, group: GroupId) -> String {
        let Some(group) = self.world.desired.groups.get(&group) else { return NONE.to_owned() };
        let mut wrong = Vec::new();
        let mut shapes = Vec::new();
        for target in &group.targets {
            let found = seen.tables.get(&TableName::of(target));
            shapes.push(found.map(shape).unwrap_or_default());
            let flaw = match found {
                None => "missing",
                Some(t) if !t.is_table => "no plain table",
                Some(t) if !t.primary_key => "no primary key",
                Some(t) if t.foreign_key => "has a foreign key",
                Some(t) if target.partition.as_ref().is_some_and(|p| !t.partitions.contains(p)) => "no such partition",
                Some(_) => continue,
            };
            wrong.push(format!("{target} {flaw}"));
        }
        let shape = short_digest(shapes.iter().map(String::as_str));
        let counted = format!("{} of {} fit, shape {shape}", group.targets.len() - wrong.len(), group.targets.len());
        if wrong.is_empty() { counted } else { format!("{counted}: {}", wrong.join(", ")) }
    }

    fn foreign(&self, seen: &Pod) -> String {
        let desired = self.world.desired;
        let names: Vec<String> = seen
            .replications
            .iter()
            .filter(|(name, _)| self.world.object(name).is_none())
            .filter(|(_, r)| {
                r.items.iter().any(|i| desired.targets().any(|t| t.user == i.local.user && t.table == i.local.table))
            })
            .map(|(name, _)| name.to_string())
            .collect();
        if names.is_empty() { NONE.to_owned() } else { names.join(", ") }
    }
}

/// What must be alike on all pods: columns and primary key where they were read, partitions.
fn shape(t: &Table) -> String {
    let partitions: Vec<&str> = t.partitions.iter().map(Identifier::as_str).collect();
    format!("{:?} {} {} {partitions:?}", t.layout, t.primary_key, t.foreign_key)
}

fn rows(n: RowCount) -> String {
    match n {
        RowCount::Counted(n) => n.to_string(),
        RowCount::AtLeast { at_least } => format!("at least {at_least}"),
        RowCount::NotCounted => "not counted".to_owned(),
    }
}

/// The word of a side; its position is another fact, because it moves.
fn side(side: Side) -> &'static str {
    match side {
        Side::Missing => "missing",
        Side::Reset => "reset",
        Side::Live(_) => "live",
        Side::GaveUp => "gave up",
        Side::Unknown => UNSEEN,
    }
}

fn sender(sender: Sender) -> &'static str {
    match sender {
        Sender::None => "none",
        Sender::Trying => "trying",
        Sender::Running => "running",
        Sender::Syncing => "syncing",
    }
}

/// Eight hexadecimal digits: enough to see that two things differ.
fn short_digest<'t>(parts: impl IntoIterator<Item = &'t str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let mut text = String::new();
    for byte in hash.finalize().iter().take(4) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
