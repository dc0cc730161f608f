//! Objects that carry another name than aku.conf gives them get theirs: the prefix was changed, or the count passed ten. Where
//! both pods run, the new object takes over from the old one (`handover`); where neither side remembers anything, the old one
//! goes, and the new one is made by whoever joins.

use std::collections::BTreeMap;

use aku_core::{
    desired::Object,
    observe::{Mode, Pod, Side},
    plan::{
        Refusal, RefusalKind,
        action::{ActionId, Op},
        reason::{Code, Reason},
    },
    topology::{Ordinal, ReplicationName},
};

use super::{
    added_targets::Newcomers,
    build::{Builder, Dependencies, why},
    cluster_view::{ClusterView, runs},
    handover,
    links::{self, Link},
    shapes, steps,
};

/// One object with the name that it should have.
pub(super) struct Rename<'a> {
    pub object: &'a Object,
    pub wanted: &'a ReplicationName,
    pub road: Road,
}

impl Rename<'_> {
    /// Whether both pods run, and no table of it has to change hands first.
    pub fn takes_over(&self, world: &ClusterView<'_>) -> bool {
        self.road == Road::TakesOver && !world.moves.is_open(&self.object.name)
    }
}

/// How it gets there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Road {
    /// Both pods run.
    TakesOver,
    /// No side that was seen remembers anything, and nobody sends.
    Goes,
    /// Something has to come first.
    Waits,
}

pub(super) fn all<'a>(world: &ClusterView<'a>, both_run: impl Fn(&Object) -> bool) -> Vec<Rename<'a>> {
    let renamed = world.desired.objects.iter().filter_map(|o| Some((o, world.desired.renames.get(&o.name)?)));
    let road = |o: &Object| match links::link(world, o) {
        Link::Live | Link::None if both_run(o) => Road::TakesOver,
        Link::Live | Link::None | Link::Half if is_idle(world, o) => Road::Goes,
        Link::Live | Link::None | Link::Half => Road::Waits,
    };
    renamed.map(|(object, wanted)| Rename { object, wanted, road: road(object) }).collect()
}

fn is_idle(world: &ClusterView<'_>, object: &Object) -> bool {
    links::sides(object).iter().all(|(pod, _)| {
        matches!(world.observed.side(*pod, &object.name), Side::Missing | Side::Reset | Side::Unknown)
            && !world.replication(*pod, object).is_some_and(runs)
    })
}

/// Every pod that holds both objects for a while needs room for one more at least.
pub(super) fn room(world: &ClusterView<'_>, renames: &[Rename<'_>]) -> Result<(), Refusal> {
    let (mut because, mut next) = (Vec::new(), Vec::new());
    for pod in world.seen() {
        let here = |r: &&Rename<'_>| r.road == Road::TakesOver && r.object.pair.contains(pod);
        let (Some(seen), true) = (world.pod(pod), renames.iter().any(|r| here(&r))) else { continue };
        if left(seen) == Some(0) {
            let text = format!(
                "objects of pod {pod} get other names, one after the other, and a new one is there before the old one goes; pod {pod} holds {}, and REPLICATION_MAX_COUNT allows no more (ERR-61102)",
                seen.replications.len()
            );
            because.push(Reason::new(Code::PropertyBars, text));
            next.push(format!(
                "raise REPLICATION_MAX_COUNT to {} or more on pod {pod} and restart its server, or give the old prefix back to aku.conf",
                seen.replications.len() + 1
            ));
        }
    }
    if because.is_empty() { Ok(()) } else { Err(Refusal { kind: RefusalKind::Refused, because, next }) }
}

/// How many more objects a pod can hold; `None` when it does not say.
fn left(seen: &Pod) -> Option<usize> {
    let max = usize::try_from(seen.property("REPLICATION_MAX_COUNT")?).ok()?;
    Some(max.saturating_sub(seen.replications.len()))
}

/// What the plan gets of it.
pub(super) struct Renamed {
    pub notes: Vec<Reason>,
    pub dropped: Vec<(Ordinal, ReplicationName)>,
}

pub(super) fn plan(
    world: &ClusterView<'_>,
    build: &mut Builder,
    renames: &[Rename<'_>],
    newcomers: &Newcomers,
    makes: impl Fn(Ordinal) -> bool,
) -> Renamed {
    let mut done = Renamed { notes: Vec::new(), dropped: Vec::new() };
    // Side by side where there is room for all of them.
    let tight = world.seen().any(|pod| {
        let mine = renames.iter().filter(|r| r.road == Road::TakesOver && r.object.pair.contains(pod)).count();
        world.pod(pod).and_then(left).is_some_and(|left| left < mine)
    });
    let mut last: Vec<ActionId> = Vec::new();
    let mut on_pod: BTreeMap<Ordinal, ActionId> = BTreeMap::new();
    for rename in renames {
        let object = rename.object;
        let put_off = newcomers.is_put_off(object) || newcomers.is_copied(object);
        let eager = links::sides(object)
            .iter()
            .any(|(pod, _)| world.replication(*pod, object).is_some_and(|r| r.mode != Mode::Lazy));
        match rename.road {
            Road::TakesOver if shapes::is_to_be_eager(world, object) => {
                let high = object.pair.high();
                let text = format!(
                    "an EAGER object cannot be pinned (ERR-61121), so no other takes over from it; aku apply end --ordinal {high}, run this again, then start pod {high}"
                );
                done.notes.push(keeps(rename, &text));
            }
            Road::TakesOver if put_off || eager || world.moves.is_open(&object.name) => {
                done.notes.push(keeps(rename, "what is said of it above comes first; run this again after that"));
            }
            Road::TakesOver => {
                let earlier = links::sides(object).map(|(pod, _)| build.about(pod, &object.name)).concat();
                let mut before = Dependencies::on(earlier, "one change of an object at a time");
                if tight {
                    before = before.and(last.iter().copied(), "there is no room for all at once");
                }
                let unit = handover::renamed(world, object, rename.wanted.clone());
                let made = handover::unit(world, build, &unit, &before);
                done.dropped.extend(made.dropped);
                last = made.all;
            }
            Road::Goes => {
                for (pod, peer) in links::sides(object) {
                    if world.replication(pod, object).is_none() {
                        continue;
                    }
                    let op = Op::DropReplication { name: object.name.clone(), peer };
                    let text = format!("aku.conf calls it {}; nothing is remembered under this name", rename.wanted);
                    // It may be corrected by the same plan: nobody asked for its name then.
                    let waits = Dependencies::on(on_pod.get(&pod).copied(), "one after the other")
                        .and(build.about(pod, &object.name), "one change of an object at a time");
                    let gone = build.add(pod, op, why(Code::Moved, text.clone()), waits);
                    done.dropped.push((pod, object.name.clone()));
                    on_pod.insert(pod, gone);
                    if makes(pod) && world.observed.replication(pod, rename.wanted).is_none() {
                        let wanted = Object { name: rename.wanted.clone(), ..object.clone() };
                        let op = steps::create_op(world, pod, &wanted);
                        let waits = Dependencies::on([gone], "the address must be free");
                        on_pod.insert(pod, build.add(pod, op, why(Code::Moved, text), waits));
                    }
                }
            }
            Road::Waits => {
                let (low, high) = (object.pair.low(), object.pair.high());
                let text = format!("pods {low} and {high} have to be in service and connected for that");
                done.notes.push(keeps(rename, &text));
            }
        }
    }
    done
}

fn keeps(rename: &Rename<'_>, why: &str) -> Reason {
    let (low, high) = (rename.object.pair.low(), rename.object.pair.high());
    let text = format!(
        "{} between pods {low} and {high} is called {} in aku.conf, and keeps its name for now: {why}",
        rename.object.name, rename.wanted
    );
    Reason::new(Code::Differs, text)
}
