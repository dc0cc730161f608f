//! A pod joins or comes back: which road, and everything that bars it. The roads themselves are `master`, `catch_up`
//! and `full`.

use super::{
    Plan, Refusal, RefusalKind,
    build::Builder,
    catch_up, full, master, preflight,
    reason::{Code, Reason},
    world::World,
};
use crate::{
    desired::Object,
    observe::{MarkerView, PodView, Side},
    topology::{Ordinal, Target},
};

/// How the rows of a slave come to be right.
pub(super) enum Road {
    CatchUp,
    Full(Vec<Reason>),
}

pub(super) fn plan(world: &World<'_>, me: Ordinal) -> Result<Plan, Refusal> {
    let creating = missing_objects(world, me);
    let mut checked = vec![me];
    checked.extend(creating.iter().map(|(pod, _)| *pod).filter(|pod| *pod != me));
    let mut draft = Draft::new(world, me);
    if me.is_master() {
        master::judge(world, &mut draft.notes)?;
        preflight::check(world, &distinct(checked), &creating)?;
        Ok(master::plan(world, draft, &creating))
    } else {
        match road(world, me) {
            Road::CatchUp => {
                preflight::check(world, &distinct(checked), &creating)?;
                Ok(catch_up::plan(world, me, draft, &creating))
            }
            Road::Full(because) => {
                full::bars(world, me, &because)?;
                checked.extend(full::members(world, me));
                preflight::check(world, &distinct(checked), &creating)?;
                Ok(full::plan(world, me, draft, &creating, because))
            }
        }
    }
}

pub(super) fn row_questions(world: &World<'_>, me: Ordinal) -> Vec<(Ordinal, Vec<Target>)> {
    if me.is_master() {
        return Vec::new();
    }
    let Road::Full(because) = road(world, me) else { return Vec::new() };
    if full::bars(world, me, &because).is_err() || preflight::check(world, &[me, Ordinal::MASTER], &[]).is_err() {
        return Vec::new();
    }
    let targets: Vec<_> = world.targets().cloned().collect();
    vec![(Ordinal::MASTER, targets.clone()), (me, targets)]
}

/// What every road of a start begins with.
pub(super) struct Draft {
    pub me: Ordinal,
    pub notes: Vec<Reason>,
    pub build: Builder,
}

impl Draft {
    pub fn new(world: &World<'_>, me: Ordinal) -> Self {
        let mut notes = world.notes(Some(me));
        for (other, object) in world.desired.objects_of(me) {
            for pod in [me, other] {
                let peer = if pod == me { other } else { me };
                if let Some(diff) = preflight::difference(world, pod, peer, object) {
                    let text = format!("{} on pod {pod} is not what aku.conf says:\n{}", object.name, diff.trim_end());
                    notes.push(Reason::new(Code::Differs, text));
                }
            }
        }
        notes.extend(newcomers(world));
        notes.extend(foreign(world, me));
        Self { me, notes, build: Builder::default() }
    }

    pub fn into_plan(self, world: &World<'_>, decision: super::Decision, approvals: Vec<super::Approval>) -> Plan {
        let right = world
            .desired
            .objects_of(self.me)
            .filter(|(other, o)| {
                world.replication(self.me, o).is_some() && preflight::difference(world, self.me, *other, o).is_none()
            })
            .count();
        Plan {
            goal: world.desired.goal,
            statefulset: world.desired.statefulset.clone(),
            decision,
            pods: world.lines(Some(self.me)),
            notes: self.notes,
            approvals,
            actions: self.build.finish(),
            already_right: right,
        }
    }
}

/// What aku.conf gained and the running pods do not replicate yet.
fn newcomers(world: &World<'_>) -> Vec<Reason> {
    let new: Vec<_> = world
        .desired
        .groups
        .iter()
        .flat_map(|(id, group)| group.targets.iter().filter(|t| !world.targets_of(*id).contains(t)))
        .map(ToString::to_string)
        .collect();
    if new.is_empty() {
        return Vec::new();
    }
    let text = format!(
        "aku.conf has {}, which no running pod replicates yet; a start leaves that alone, and `aku plan reconcile` adds it on all pods",
        new.join(", ")
    );
    vec![Reason::new(Code::Afterwards, text)]
}

/// Whether the marker has to be written at the end of a start.
pub(super) fn marker_wanted(world: &World<'_>) -> bool {
    match world.observed.marker {
        MarkerView::Missing | MarkerView::Stale => true,
        MarkerView::Elsewhere | MarkerView::Present => false,
    }
}

/// Objects of pod `me` that do not exist: on itself for every pair, on others only where they are members, because a
/// pod that is not creates its own when it starts.
pub(super) fn missing_objects<'a>(world: &World<'a>, me: Ordinal) -> Vec<(Ordinal, &'a Object)> {
    let missing = |pod: Ordinal, o: &Object| world.observed.side(pod, &o.name) == Side::Missing;
    let mine = world.desired.objects_of(me).filter(|(_, o)| missing(me, o)).map(|(_, o)| (me, o));
    let theirs = world.desired.objects_of(me).filter(|(k, o)| world.is_member(*k) && missing(*k, o));
    mine.chain(theirs).collect()
}

fn distinct(mut pods: Vec<Ordinal>) -> Vec<Ordinal> {
    pods.sort();
    pods.dedup();
    pods
}

fn foreign(world: &World<'_>, me: Ordinal) -> Vec<Reason> {
    let Some(seen) = world.pod(me) else { return Vec::new() };
    let ours = |name: &crate::topology::ReplicationName| world.desired.objects.iter().any(|o| o.name == *name);
    seen.replications
        .iter()
        .filter(|(name, _)| !ours(name))
        .filter(|(_, r)| {
            r.items.iter().any(|i| world.desired.targets().any(|t| t.user == i.local.user && t.table == i.local.table))
        })
        .map(|(name, _)| {
            Reason::new(
                Code::Foreign,
                format!(
                    "{name} on pod {me} replicates a table of aku.conf but is not one of its objects; it is left alone"
                ),
            )
        })
        .collect()
}

/// Decides per pod, over all groups and both sides of every pair (`aku-behaviour.md` B.8).
pub(super) fn road(world: &World<'_>, me: Ordinal) -> Road {
    let source = Ordinal::MASTER;
    let mut because = Vec::new();
    for (k, object) in world.objects_of(me) {
        let is_source = k == source;
        let sides = world.sides(me, k, object);
        let name = &object.name;
        let none = |s| matches!(s, Side::Missing | Side::Reset);
        // A counterpart counts only if it is itself joined; the source counts whenever it is seen. A member that is just
        // coming back counts where it is certain that changes were missed: log was given up, or neither has a place.
        let missed =
            sides.mine == Side::GaveUp || sides.theirs == Side::GaveUp || (none(sides.mine) && none(sides.theirs));
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
            (mine, theirs) if none(mine) && none(theirs) && is_source => {
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
    // A pod whose own place towards the source is whole, but which never had a stream from another joined pod, was
    // away when that one joined; a pod that never joined is told so once, not once per peer.
    if because.iter().any(|r| r.code == Code::NeverJoined) {
        because.retain(|r| r.code != Code::JoinedMeanwhile);
    }
    if because.is_empty() { Road::CatchUp } else { Road::Full(because) }
}

fn both(me: Ordinal, k: Ordinal, mine: Side, theirs: Side) -> String {
    format!("pod {me} {}, pod {k} {}", word(mine), word(theirs))
}

/// A side in words.
pub(super) fn word(side: Side) -> String {
    match side {
        Side::Missing => "has no object".to_owned(),
        Side::Reset => "at XSN -1".to_owned(),
        Side::Live(sn) => format!("live at XSN {sn}"),
        Side::GaveUp => "gave up".to_owned(),
        Side::Unknown => "not seen".to_owned(),
    }
}

/// Refusal for a source that cannot be used, with what is known about it.
pub(super) fn no_source(world: &World<'_>, me: Ordinal, because: &[Reason]) -> Refusal {
    let source = Ordinal::MASTER;
    let state = match world.observed.pods.get(&source) {
        Some(PodView::Absent { address, .. }) => format!("does not answer at {address}"),
        Some(PodView::Broken { said, .. }) => format!("cannot be looked at ({said})"),
        Some(PodView::Seen(_)) => "is not in service yet (ADMIN_MODE 1)".to_owned(),
        None => "was not looked at".to_owned(),
    };
    let mut all = vec![Reason::new(
        Code::NoSource,
        format!("pod {me} must be copied anew from pod {source}, and pod {source} {state}; nothing was changed"),
    )];
    all.extend(because.iter().cloned());
    Refusal {
        kind: RefusalKind::CannotTell,
        because: all,
        next: vec![
            format!("bring pod {source} into service first (aku -p start there), then run this again"),
            "if pod 0 is lost for good, do not truncate anything: recover it from the most advanced slave first"
                .to_owned(),
        ],
    }
}
