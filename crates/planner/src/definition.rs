//! How an object that is there differs from what aku.conf asks for, and the least disruptive steps that correct it.
//!
//! Corrects one side of a pair; the caller stops both sides first and starts them again. Never touches a position.

use aku_core::{
    attributes::{GroupOption, ObjectOption},
    desired::{Object, ReplicationAddress},
    observe::{Fixed, Item, Unlike},
    plan::{
        action::{ActionId, Op},
        reason::{Code, Reason},
    },
    topology::{Ordinal, Target},
};

use super::{
    build::{Builder, Dependencies, why},
    cluster_view::ClusterView,
    preflight,
};

/// What is wrong with one side of a pair.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Targets of the group that are no items.
    pub missing: Vec<Target>,
    /// Items that are no targets of the group.
    pub extra: Vec<Item>,
    /// Whether an address other than the peer's stands there.
    pub address: Address,
    /// Options that are taken off where they stand.
    pub options: Vec<ObjectOption>,
    /// Options that are put on where it stands, after the others went.
    pub wanted: Vec<GroupOption>,
    /// LAZY or EAGER cannot be changed (ERR-610FF), and neither can a role, a conflict resolution or LOCAL.
    pub mode: Fixed,
}

/// The addresses of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Address {
    /// Exactly that of the peer.
    #[default]
    Right,
    /// These must go, and that of the peer is added where it is missing.
    Wrong(Vec<ReplicationAddress>),
}

/// The same in the order in which a pair is corrected.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    /// Only the addresses and options.
    pub address: Wrong,
    /// Only what is missing.
    pub missing: Wrong,
    /// Only what is too much.
    pub extra: Wrong,
}

impl Wrong {
    /// Apart, without the mode, which is not corrected in place.
    pub fn in_turn(self) -> Turns {
        let Self { missing, extra, address, options, wanted, mode: _ } = self;
        Turns {
            address: Self { address, options, wanted, ..Self::default() },
            missing: Self { missing, ..Self::default() },
            extra: Self { extra, ..Self::default() },
        }
    }

    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// What is left to correct when these items went already: they come back where the group has them.
    pub fn without(mut self, gone: &[Item], targets: &[Target]) -> Self {
        self.extra.retain(|i| !gone.contains(i));
        let again = gone.iter().map(|i| &i.local).filter(|t| targets.contains(t));
        self.missing.extend(again.cloned().collect::<Vec<_>>());
        self
    }

    /// Only ADD TABLE is needed.
    pub fn only_missing(&self) -> bool {
        self.extra.is_empty()
            && self.address == Address::Right
            && self.options.is_empty()
            && self.wanted.is_empty()
            && self.mode == Fixed::Right
    }

    /// Whether the tables are those of the group.
    pub fn has_its_tables(&self) -> bool {
        self.missing.is_empty() && self.extra.is_empty()
    }
}

/// What is wrong with what `pod` holds, but for tables that go over to or from another object of the pair; nothing where it
/// holds nothing.
pub(super) fn wrong(world: &ClusterView<'_>, pod: Ordinal, peer: Ordinal, object: &Object) -> Wrong {
    let mut wrong = all_wrong(world, pod, peer, object);
    let name = &object.name;
    wrong.missing.retain(|t| !world.moves.gains(name, t));
    wrong.extra.retain(|i| !world.moves.loses(name, &i.local));
    wrong
}

/// The same with them.
pub(super) fn all_wrong(world: &ClusterView<'_>, pod: Ordinal, peer: Ordinal, object: &Object) -> Wrong {
    let Some(found) = world.replication(pod, object) else { return Wrong::default() };
    let unlike = world.items_against(pod, object).unwrap_or_default();
    let address = &world.desired.pods[&peer];
    let old: Vec<_> = found.hosts.iter().filter(|h| *h != address).cloned().collect();
    let Unlike { fixed, clear, set } = found.unlike(&world.desired.shape(pod, object));
    Wrong {
        missing: unlike.0.clone(),
        extra: unlike.1.clone(),
        address: if old.is_empty() && found.hosts.contains(address) { Address::Right } else { Address::Wrong(old) },
        options: clear,
        wanted: set,
        mode: fixed,
    }
}

/// Corrects one stopped side: addresses first, then what is missing, then what is too much. On one object the steps
/// follow each other; the last id is that of the last one.
pub(super) fn correct(
    world: &ClusterView<'_>,
    build: &mut Builder,
    (pod, peer): (Ordinal, Ordinal),
    object: &Object,
    waits: &Dependencies,
) -> Vec<ActionId> {
    let wrong = wrong(world, pod, peer, object);
    correct_what(world, build, (pod, peer), object, wrong, waits)
}

/// As [`correct`], where the caller knows what is wrong by then.
pub(super) fn correct_what(
    world: &ClusterView<'_>,
    build: &mut Builder,
    (pod, peer): (Ordinal, Ordinal),
    object: &Object,
    wrong: Wrong,
    waits: &Dependencies,
) -> Vec<ActionId> {
    let mut done: Vec<ActionId> = Vec::new();
    let mut add = |op, because: Reason| {
        let waits = match done.last() {
            None => waits.clone(),
            Some(last) => Dependencies::on([*last], "one change of an object at a time"),
        };
        done.push(build.add(pod, op, because, waits));
    };
    let name = &object.name;
    if let Address::Wrong(old) = wrong.address {
        let address = &world.desired.pods[&peer];
        let text = preflight::difference(world, pod, peer, object).map_or_else(
            || format!("pod {peer} listens at {}:{}", address.host, address.port),
            |diff| format!("pod {peer} listens at {}:{}:\n{}", address.host, address.port, diff.trim_end()),
        );
        let (host, port) = (address.host.clone(), address.port);
        add(Op::ChangeHost { name: name.clone(), peer, host, port, old }, why(Code::AddressChanged, text));
    }
    for option in wrong.options {
        let text = match wrong.wanted.iter().find(|w| w.kind() == option) {
            None => format!("aku.conf asks for no {option}, and {name} on pod {pod} has it: set by hand?"),
            Some(other) => format!("aku.conf asks for {other}, and another number needs 0 first (397665)"),
        };
        add(Op::ClearOption { name: name.clone(), peer, option }, why(Code::CorrectDefinition, text));
    }
    for option in wrong.wanted {
        let text = format!("aku.conf asks for {option}, and {name} on pod {pod} is not so");
        add(Op::SetOption { name: name.clone(), peer, option }, why(Code::CorrectDefinition, text));
    }
    // The last item of an object cannot be dropped (ERR-6106F), so what is missing goes in first.
    for target in wrong.missing {
        let text = format!("aku.conf has {target} in this group, and {name} on pod {pod} does not");
        add(Op::AddTable { name: name.clone(), peer, target }, why(Code::NewTable, text));
    }
    for item in wrong.extra {
        let text = format!(
            "aku.conf does not have {} in this group (any more); its rows stay as they are on every pod",
            item.local
        );
        let op = Op::DropTable { name: name.clone(), peer, target: item.local, remote: item.remote };
        add(op, why(Code::TableGone, text));
    }
    done
}

/// The steps of a definition that can only be dropped and made again.
pub(super) fn remake(
    world: &ClusterView<'_>,
    build: &mut Builder,
    (pod, peer): (Ordinal, Ordinal),
    object: &Object,
    waits: Dependencies,
) -> ActionId {
    let diff = preflight::difference(world, pod, peer, object).unwrap_or_default();
    let text =
        format!("it is not what aku.conf says, and it holds no position that could be lost:\n{}", diff.trim_end());
    let op = Op::DropReplication { name: object.name.clone(), peer };
    let dropped = build.add(pod, op, why(Code::Differs, text.clone()), waits);
    let op = super::steps::create_op(world, pod, object);
    build.add(pod, op, why(Code::Differs, text), Dependencies::on([dropped], "the name must be free"))
}
