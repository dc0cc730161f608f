//! A pod joins or comes back: which road, and everything that bars it. The roads themselves are `master`, `catch_up`
//! and `full`.

use aku_core::{
    observe::Side,
    plan::{
        Plan, Refusal, RefusalKind,
        reason::{Code, Reason},
    },
    topology::{Ordinal, Target},
};

use super::{
    catch_up,
    cluster_view::ClusterView,
    conflicts,
    draft::{Draft, missing_objects},
    due, full, identity,
    links::word,
    master, preflight, steps,
};

/// How the rows of a slave come to be right.
pub(super) enum Transfer {
    CatchUp,
    Full(Vec<Reason>),
}

pub(super) fn plan(world: &ClusterView<'_>, me: Ordinal) -> Result<Plan, Refusal> {
    let creating = missing_objects(world, me);
    let mut checked = vec![me];
    checked.extend(creating.iter().map(|(pod, _)| *pod).filter(|pod| *pod != me));
    let mut draft = Draft::new(world, me);
    if me.is_master() {
        master::judge(world, &mut draft.notes)?;
        preflight::check(world, &distinct(checked), &creating)?;
        conflicts::bar(world, &[me])?;
        draft.build.put_back_left(world, &[], &mut draft.notes);
        Ok(master::plan(world, draft, &creating))
    } else {
        full::nothing_in_common(world, me)?;
        match road(world, me) {
            Transfer::CatchUp => {
                unlike(world, me)?;
                preflight::check(world, &distinct(checked), &creating)?;
                conflicts::bar(world, &[me])?;
                draft.build.put_back_left(world, &[], &mut draft.notes);
                Ok(catch_up::plan(world, me, draft, &creating))
            }
            Transfer::Full(because) => {
                full::bars(world, me, &because)?;
                checked.extend(full::members(world, me));
                preflight::check(world, &distinct(checked), &creating)?;
                conflicts::bar(world, &[me])?;
                Ok(full::plan(world, me, draft, &creating, because))
            }
        }
    }
}

/// A closed pod gets nothing through a pair whose two sides differ, so it cannot catch up. Which side is right is not for a
/// start to say: a correction that broke off looks like a table that somebody dropped by hand.
fn unlike(world: &ClusterView<'_>, me: Ordinal) -> Result<(), Refusal> {
    let closed = world.pod(me).is_some_and(aku_core::observe::Pod::admin_mode);
    let differ: Vec<_> = world
        .desired
        .objects_of(me)
        .filter(|(k, o)| closed && world.sides(me, *k, o).both_live() && !world.unmatched(o).is_empty())
        .map(|(_, o)| Reason::new(Code::Differs, steps::unlike_sides(world, o)))
        .collect();
    if differ.is_empty() {
        return Ok(());
    }
    let text = format!(
        "pod {me} only has to catch up, and cannot, because the two sides of a pair do not have the same tables; nothing was changed"
    );
    let mut because = vec![Reason::new(Code::DefinitionDiffers, text)];
    because.extend(differ);
    let next = vec![
        "aku plan reconcile    (brings both sides to aku.conf; goes on with a correction that broke off)".to_owned(),
        format!("then start pod {me} again: aku -p start there"),
    ];
    Err(Refusal { kind: RefusalKind::Refused, because, next })
}

pub(super) fn row_questions(world: &ClusterView<'_>, me: Ordinal) -> Vec<(Ordinal, Vec<Target>)> {
    if me.is_master() {
        return master::row_questions(world);
    }
    let Transfer::Full(because) = road(world, me) else { return Vec::new() };
    if full::bars(world, me, &because).is_err() || preflight::check(world, &[me, Ordinal::MASTER], &[]).is_err() {
        return Vec::new();
    }
    let targets: Vec<_> = world.targets().cloned().collect();
    vec![(Ordinal::MASTER, targets.clone()), (me, targets)]
}

fn distinct(mut pods: Vec<Ordinal>) -> Vec<Ordinal> {
    pods.sort();
    pods.dedup();
    pods
}

/// Decides per pod, over all groups and both sides of every pair (`aku-behaviour.md` B.8).
pub(super) fn road(world: &ClusterView<'_>, me: Ordinal) -> Transfer {
    let source = Ordinal::MASTER;
    let mut because = Vec::new();
    for (k, object) in world.objects_of(me) {
        let is_source = k == source;
        let sides = world.sides(me, k, object);
        let name = &object.name;
        let none = Side::has_no_position;
        // A counterpart counts only if it is itself joined; the source counts whenever it is seen. A member that is just
        // coming back counts where it is certain that changes were missed: log was given up, or it has no place towards this
        // pod, which it lost, because a join connects pod 0 last.
        let missed = sides.mine == Side::GaveUp || sides.theirs == Side::GaveUp || none(sides.theirs);
        if !(is_source || world.is_joined(k) || (world.is_member(k) && missed)) {
            continue;
        }
        let reason = match (sides.mine, sides.theirs) {
            (Side::Live(_), Side::Live(_)) => continue,
            (Side::Live(_), Side::Unknown) if is_source => continue,
            (Side::GaveUp, _) | (_, Side::GaveUp) => Reason::new(
                Code::GaveUp,
                format!(
                    "{name}: a server gave up unsent log, so the copies differ ({})",
                    both(me, k, sides.mine, sides.theirs)
                ),
            ),
            // Its own side alone says that it has no place.
            (mine, theirs) if none(mine) && (none(theirs) || theirs == Side::Unknown) && is_source => {
                Reason::new(Code::NeverJoined, format!("{name}: {}", both(me, k, mine, theirs)))
            }
            (mine, theirs) if none(mine) && none(theirs) => Reason::new(
                Code::JoinedMeanwhile,
                format!("{name}: pod {k} joined while pod {me} was away ({})", both(me, k, mine, theirs)),
            ),
            (mine, theirs) => Reason::new(Code::SidesDisagree, format!("{name}: {}", both(me, k, mine, theirs))),
        };
        because.push(reason);
    }
    let heard = world.seen_others(me).filter(|k| k.is_master() || world.is_joined(*k));
    for (k, gap) in heard.flat_map(|k| due::gaps(world, me, k).into_iter().map(move |gap| (k, gap))) {
        let (object, sides) = gap;
        let said = both(me, k, sides.mine, sides.theirs);
        let text = format!("{}, of a group that aku.conf does not have: {said}", object.name);
        because.push(Reason::new(Code::SidesDisagree, text));
    }
    because.extend(identity::behind(world, me).map(|evidence| {
        let text = format!(
            "the volume of pod {me} was put back from an older copy ({evidence}): what it had committed since is missing there, and what it would commit is skipped by the others"
        );
        Reason::new(Code::Restored, text)
    }));
    // A pod whose own place towards the source is whole, but which never had a stream from another joined pod, was
    // away when that one joined; a pod that never joined is told so once, not once per peer.
    if because.iter().any(|r| r.code == Code::NeverJoined) {
        because.retain(|r| r.code != Code::JoinedMeanwhile);
    }
    if because.is_empty() { Transfer::CatchUp } else { Transfer::Full(because) }
}

fn both(me: Ordinal, k: Ordinal, mine: Side, theirs: Side) -> String {
    format!("pod {me} {}, pod {k} {}", word(mine), word(theirs))
}
