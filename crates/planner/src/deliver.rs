//! What a pod committed goes to a peer through one object: the object is made anew where the peer lost it, the sender is
//! started where it is down, and FLUSH waits. Plans no FLUSH that cannot return.

use std::collections::BTreeSet;

use aku_core::{
    desired::Object,
    observe::{Sender, Side},
    plan::{
        action::{ActionId, Expect, Op},
        reason::{Code, Reason},
    },
    topology::Ordinal,
};

use super::{
    build::{Builder, Dependencies},
    cluster_view::ClusterView,
    preflight, stakes,
};

/// One direction of an object.
#[derive(Clone, Copy)]
pub(super) struct Way<'o> {
    pub from: Ordinal,
    pub to: Ordinal,
    pub object: &'o Object,
}

/// Whether a FLUSH can return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Passable {
    Yes,
    /// Once the peer, which lost its object, has it again.
    OnceMade,
    /// Why not, in words.
    No(String),
}

/// Whether what `from` holds back can be delivered.
pub(super) fn passable(world: &ClusterView<'_>, way: Way<'_>) -> Passable {
    let Way { from, to, object } = way;
    if world.replication(from, object).is_some_and(|r| r.sender == Sender::Running) {
        // It gets through, whatever the catalogs say.
        return Passable::Yes;
    }
    if world.observed.side(to, &object.name) == Side::Missing {
        if to.is_master() && stakes::asks_of_master(world) {
            let text = "pod 0 is closed, has no object and is connected with nobody: it came back without its rows, or was cleaned, and what is unsent would only be a part of them";
            return Passable::No(text.to_owned());
        }
        let right = delivery(world, from, to, object) == Delivery::Possible;
        return match preflight::check(world, &[to], &[(to, object)]) {
            Ok(()) if right => Passable::OnceMade,
            Ok(()) => {
                Passable::No(format!("pod {to} lost its object, and that of pod {from} is not what aku.conf says"))
            }
            Err(refusal) => {
                let because = refusal.because.first().map(|r| format!(": {}", r.text)).unwrap_or_default();
                Passable::No(format!("pod {to} lost its object, and it cannot be made anew there{because}"))
            }
        };
    }
    match delivery(world, from, to, object) {
        Delivery::Possible => Passable::Yes,
        Delivery::AfterMending | Delivery::Impossible => Passable::No(format!(
            "the two definitions do not go together, so pod {to} turns pod {from} away (ERR-6100D)"
        )),
    }
}

/// Why nothing more than a look follows a FLUSH behind the fence.
pub(super) fn proof(to: &str) -> Reason {
    let text = format!(
        "FLUSH has returned and users are out, so {to} got everything that clients committed; this sees that nobody is left to commit more, and that the senders still run"
    );
    Reason::new(Code::ProveDelivered, text)
}

/// What the steps of a delivery wait for.
pub(super) struct Gate {
    /// All of them.
    pub first: Dependencies,
    /// The START.
    pub start: Dependencies,
    /// Whether the peer's object is made in this plan.
    pub peer: Peer,
}

/// Whether the peer has the object already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    Has,
    /// It gets it in this plan.
    Gets,
    /// It gets another one in this plan, for which the sender was stopped.
    Swaps,
}

/// FLUSH, and a START where there is no sender. One that the peer turned away because it had no object sleeps for up to a
/// minute (REPLICATION_SENDER_SLEEP_TIMEOUT), so where the peer gets it in this plan the sender is started anew.
pub(super) fn deliver(
    world: &ClusterView<'_>,
    build: &mut Builder,
    way: Way<'_>,
    (start, flush): (Reason, Reason),
    gate: Gate,
) -> ActionId {
    let Gate { first, start: objects, peer } = gate;
    let Way { from, to, object } = way;
    let name = || object.name.clone();
    let sender = world.replication(from, object).map_or(Sender::None, |r| r.sender);
    let anew = peer != Peer::Has;
    let stopped = (peer == Peer::Gets && world.is_started(from, object)).then(|| {
        let op = Op::Stop { name: name(), peer: to };
        build.add(from, op, start.clone(), first.clone())
    });
    let started = (sender == Sender::None || anew).then(|| {
        let op = Op::Start { name: name(), peer: to, expect: Expect::Live };
        let waits = first.clone().and_all(objects).and(stopped, "its sender may sleep for a minute");
        build.add(from, op, start, waits)
    });
    let op = Op::Flush { name: name(), peer: to, wait_s: world.desired.flush_wait_s() };
    build.add(from, op, flush, first.and(started, "only a running sender can be flushed"))
}

/// Whether a sender of `me` can get through to another pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// It knows the right address, and the two definitions go together (ERR-6100D otherwise).
    Possible,
    /// Once the peer's side, which has no place in the log, is made anew as aku.conf says.
    AfterMending,
    Impossible,
}

/// What becomes of what `me` has not sent to member `k`. Where `k` has no object, it is created first.
pub(super) fn delivery(world: &ClusterView<'_>, me: Ordinal, k: Ordinal, object: &Object) -> Delivery {
    let Some(mine) = world.replication(me, object) else { return Delivery::Impossible };
    let possible = |yes| if yes { Delivery::Possible } else { Delivery::Impossible };
    let right = preflight::is_let_in(world, me, k, object, world.targets_of(object.group));
    let Some(theirs) = world.replication(k, object) else { return possible(right) };
    let mirrored: BTreeSet<_> = theirs.items.iter().map(|i| (&i.remote, &i.local)).collect();
    let together = mine.hosts.contains(&world.desired.pods[&k])
        && mine.mode == theirs.mode
        && preflight::roles_fit(mine.conflict_resolution, theirs.conflict_resolution)
        && (mine.options ^ theirs.options) & preflight::COMPARED == 0
        && mine.items.iter().map(|i| (&i.local, &i.remote)).collect::<BTreeSet<_>>() == mirrored;
    let idle = world.observed.side(k, &object.name) == Side::Reset && !world.is_started(k, object);
    if !together && right && idle { Delivery::AfterMending } else { possible(together) }
}
