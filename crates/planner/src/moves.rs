//! Tables that go from one object of a pair to another while both pods run: aku.conf has them in another group, or the
//! object under another name. Finds who carries what by now; `handover` says in which steps it changes hands.
//!
//! A table counts as carried by an object only where both sides have a place and both replicate it: then it holds every
//! change, sent or not, and nothing needs to be copied. Everything else belongs to `newcomers`, or needs a person.

use std::collections::{BTreeMap, BTreeSet};

use aku_core::{
    desired::Object,
    observe::{Mode, Replication},
    plan::reason::{Code, Reason},
    topology::{Ordinal, ReplicationName, Target},
};

use super::{
    cluster_view::ClusterView,
    links::{self, Link},
    moved::{Gives, How, Loser, Moves, Unit},
    shapes,
    unmanaged::{self, Kind},
};

/// An object of a pair that sends both ways, or could.
struct Carrier<'a> {
    name: &'a ReplicationName,
    sides: [&'a Replication; 2],
    /// aku.conf asks for it.
    wanted: Option<&'a Object>,
}

impl Carrier<'_> {
    fn has(&self, target: &Target) -> bool {
        self.sides.iter().all(|r| r.items.iter().any(|i| i.local == *target && i.remote == *target))
    }

    /// Tables that one side has and the other has not.
    fn surplus(&self, [low, high]: [Ordinal; 2]) -> Vec<(Ordinal, Target)> {
        let [here, there] = self.sides.map(|r| r.items.iter().map(|i| &i.local).collect::<BTreeSet<_>>());
        let only = |pod, mine: &BTreeSet<&Target>, theirs: &BTreeSet<&Target>| {
            mine.difference(theirs).map(|t| (pod, (*t).clone())).collect::<Vec<_>>()
        };
        [only(low, &here, &there), only(high, &there, &here)].concat()
    }

    fn is_lazy(&self) -> bool {
        self.sides.iter().all(|r| r.mode == Mode::Lazy)
    }
}

/// All of them between pods that take part.
pub(super) fn find(world: &ClusterView<'_>, active: &BTreeSet<Ordinal>) -> Moves {
    let mut moves = Moves::default();
    let pods: Vec<Ordinal> = active.iter().copied().collect();
    let strays = unmanaged::all(world);
    for (i, low) in pods.iter().enumerate() {
        for high in &pods[i + 1..] {
            let carriers = carriers(world, &strays, *low, *high);
            if carriers.len() > 1 || carriers.iter().any(|c| c.wanted.is_none()) || lacks_object(world, *low, *high) {
                of_pair(world, [*low, *high], &carriers, &mut moves);
            }
        }
    }
    moves
}

fn lacks_object(world: &ClusterView<'_>, low: Ordinal, high: Ordinal) -> bool {
    world.desired.objects_between(low, high).any(|o| links::link(world, o) != Link::Live)
}

fn carriers<'a>(
    world: &ClusterView<'a>,
    strays: &[unmanaged::Stray<'a>],
    low: Ordinal,
    high: Ordinal,
) -> Vec<Carrier<'a>> {
    let sides = |name: &ReplicationName| {
        let both = [low, high].map(|p| world.observed.side(p, name).is_live());
        let found = [low, high].map(|p| world.observed.replication(p, name));
        match (both, found) {
            ([true, true], [Some(here), Some(there)]) => Some([here, there]),
            ([true | false, true | false], [Some(_) | None, Some(_) | None]) => None,
        }
    };
    let wanted = world.desired.objects_between(low, high);
    let wanted = wanted.filter_map(|o| Some(Carrier { name: &o.name, sides: sides(&o.name)?, wanted: Some(o) }));
    let of_pair = |s: &&unmanaged::Stray<'a>| {
        let peer = strays.iter().find(|t| t.pod == high && t.name == s.name);
        s.pod == low && s.kind == Kind::OldGroup(high) && peer.is_some_and(|t| t.kind == Kind::OldGroup(low))
    };
    let gone = strays.iter().filter(of_pair);
    let gone = gone.filter_map(|s| Some(Carrier { name: s.name, sides: sides(s.name)?, wanted: None }));
    wanted.chain(gone).collect()
}

/// A table with the objects that carry it now.
type Sought<'a> = (&'a Target, Vec<&'a Carrier<'a>>);

fn of_pair(world: &ClusterView<'_>, pods: [Ordinal; 2], carriers: &[Carrier<'_>], moves: &mut Moves) {
    let [low, high] = pods;
    // Items that each carrier is left with, as the units before have changed them.
    let mut left: BTreeMap<&ReplicationName, usize> = BTreeMap::new();
    for c in carriers {
        left.insert(c.name, c.sides.iter().map(|r| r.items.len()).min().unwrap_or(0));
    }
    let mut waiting: Vec<(&Object, Vec<Sought<'_>>)> = Vec::new();
    for object in world.desired.objects_between(low, high) {
        let targets = &world.desired.groups[&object.group].targets;
        let carried = |t: &&Target| {
            let from = |c: &&Carrier<'_>| {
                let keeps = c.wanted.is_some_and(|o| world.desired.groups[&o.group].targets.contains(t));
                *c.name != object.name && !keeps && c.has(t)
            };
            let from: Vec<_> = carriers.iter().filter(from).collect();
            (!from.is_empty()).then_some(from)
        };
        let carried: Vec<_> = targets.iter().filter_map(|t| Some((t, carried(&t)?))).collect();
        if carried.is_empty() {
            continue;
        }
        for (target, from) in &carried {
            for carrier in from {
                moves.add(&object.name, carrier.name, target);
            }
        }
        waiting.push((object, carried));
    }
    let mut open: BTreeMap<&ReplicationName, usize> = BTreeMap::new();
    for carrier in waiting.iter().flat_map(|(_, c)| c).flat_map(|(_, from)| from) {
        *open.entry(carrier.name).or_default() += 1;
    }
    // What can be done is done in turn; an object that would be left with nothing waits until it got something.
    while let Some(next) = waiting.iter().position(|(object, carried)| {
        barred(world, pods, object, carried, carriers).is_none()
            && carried.iter().flat_map(|(_, from)| from).all(|c| c.wanted.is_none() || left[c.name] > gives(carried, c))
    }) {
        let (object, carried) = waiting.remove(next);
        let mut losers: Vec<Loser> = Vec::new();
        for carrier in carriers.iter().filter(|c| gives(&carried, c) > 0) {
            let given: Vec<Target> =
                carried.iter().filter(|(_, from)| has(from, carrier)).map(|(t, _)| (*t).clone()).collect();
            let rest = open.get_mut(carrier.name).expect("every carrier is counted");
            *rest -= given.len();
            let gives = if carrier.wanted.is_none() && *rest == 0 { Gives::All } else { Gives::Tables(given.clone()) };
            if let Some(n) = left.get_mut(carrier.name) {
                *n -= given.len().min(*n);
            }
            losers.push(Loser { name: carrier.name.clone(), gives, surplus: carrier.surplus(pods) });
        }
        let targets: Vec<Target> = carried.iter().map(|(t, _)| (*t).clone()).collect();
        let how = how(world, pods, object, &targets);
        if let (How::Added, Some(n)) = (&how, left.get_mut(&object.name)) {
            *n += targets.len();
        }
        moves.units.push(Unit { object: object.clone(), how, targets, losers });
    }
    for (object, carried) in &waiting {
        let tables: Vec<_> = carried.iter().map(|(t, _)| t.to_string()).collect();
        let from: BTreeSet<_> = carried.iter().flat_map(|(_, from)| from).map(|c| c.name.to_string()).collect();
        let bar = barred(world, pods, object, carried, carriers).unwrap_or_else(|| {
            Bar::Open("an object that gives all its tables away would be left with none (ERR-6106F)".to_owned())
        });
        let why = match bar {
            Bar::Uneven(name) => format!(
                "the two sides of {name} do not have the same tables, so nothing can be delivered through it; they are made the same first, and the next `aku apply reconcile` moves it"
            ),
            Bar::Open(why) => format!(
                "{why}; it moves while the slaves are closed: `aku apply end` on every slave, `aku apply reconcile`, then `aku apply start` on each"
            ),
        };
        let text = format!(
            "{} of {} stays in {} for now, where it is replicated between pods {low} and {high}: {why}",
            tables.join(", "),
            object.name,
            Vec::from_iter(from).join(", ")
        );
        moves.notes.push(Reason::new(Code::Differs, text));
    }
}

fn has(from: &[&Carrier<'_>], carrier: &Carrier<'_>) -> bool {
    from.iter().any(|c| c.name == carrier.name)
}

fn gives(carried: &[Sought<'_>], carrier: &Carrier<'_>) -> usize {
    carried.iter().filter(|(_, from)| has(from, carrier)).count()
}

fn how(world: &ClusterView<'_>, pods: [Ordinal; 2], object: &Object, moved: &[Target]) -> How {
    let targets = &world.desired.groups[&object.group].targets;
    let fresh: Vec<Target> = targets.iter().filter(|t| !moved.contains(t)).cloned().collect();
    let own = |pod: &Ordinal| {
        let found = world.observed.replication(*pod, &object.name);
        found.is_some_and(|r| r.items.iter().any(|i| !moved.contains(&i.local)))
    };
    match links::link(world, object) {
        Link::Live if pods.iter().any(own) => How::Added,
        Link::Live | Link::None | Link::Half => How::Connected { fresh },
    }
}

/// Why an object does not get its tables by now.
enum Bar {
    /// The sides of this object, which carries one of them, do not have the same tables: none of its senders connects
    /// (397325), and no other object carries what is only on one side. A correction that broke off leaves it so; aku.conf has
    /// the object, so it is corrected as any other.
    Uneven(ReplicationName),
    /// It cannot while both pods run.
    Open(String),
}

/// Why an object cannot get these tables in this run.
fn barred(
    world: &ClusterView<'_>,
    pods: [Ordinal; 2],
    object: &Object,
    carried: &[Sought<'_>],
    carriers: &[Carrier<'_>],
) -> Option<Bar> {
    let elsewhere = |c: &Carrier<'_>, t: &Target| carriers.iter().any(|o| o.name != c.name && o.has(t));
    let uneven = carried.iter().flat_map(|(_, from)| from);
    let uneven = uneven.into_iter().find(|c| c.surplus(pods).iter().any(|(_, t)| !elsewhere(c, t)));
    match uneven {
        Some(c) if c.wanted.is_some() => Some(Bar::Uneven(c.name.clone())),
        Some(c) => Some(Bar::Open(format!("the two sides of {} do not have the same tables", c.name))),
        None => barred_while_open(world, pods, object, carried).map(Bar::Open),
    }
}

fn barred_while_open(
    world: &ClusterView<'_>,
    pods: [Ordinal; 2],
    object: &Object,
    carried: &[Sought<'_>],
) -> Option<String> {
    let moved: Vec<Target> = carried.iter().map(|(t, _)| (*t).clone()).collect();
    let eager = carried.iter().flat_map(|(_, from)| from).find(|c| !c.is_lazy());
    if let Some(c) = eager {
        return Some(format!("{} is EAGER, which cannot be changed while it runs", c.name));
    }
    if shapes::is_to_be_eager(world, object) {
        return Some(format!("{} is EAGER, which cannot be pinned (ERR-61121)", object.name));
    }
    let found = pods.iter().filter_map(|p| world.observed.replication(*p, &object.name));
    if found.clone().any(|r| r.mode != Mode::Lazy) {
        return Some(format!("{} is EAGER, which cannot be changed while it runs", object.name));
    }
    match (how(world, pods, object, &moved), links::link(world, object)) {
        (How::Added | How::Renamed, Link::Live | Link::None | Link::Half) => None,
        (How::Connected { fresh }, Link::Live | Link::None) => {
            let filled = |t: &&Target| pods.iter().any(|p| world.rows(*p, t).is_empty() != Some(true));
            let filled = fresh.iter().find(filled)?;
            Some(format!("{filled} is new in the same group and not known to be empty"))
        }
        (How::Connected { fresh }, Link::Half) if fresh.is_empty() => None,
        (How::Connected { .. }, Link::Half) => Some(format!("{} has lost one of its two places", object.name)),
    }
}
