//! A pod joins or comes back: which road, and everything that bars it. The roads themselves are `master`, `catch_up`
//! and `full`.

use aku_core::{
    desired::Object,
    observe::{MarkerView, PodView, Side},
    plan::{
        Plan, Refusal, RefusalKind,
        reason::{Code, Reason},
    },
    topology::{Ordinal, Target},
};
use foldhash::HashSet;

use super::{
    build::Builder,
    catch_up, full, identity, ledger, master, preflight,
    strays::{self, Kind},
    world::World,
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
        draft.build.put_back_left(world, &[], &mut draft.notes);
        Ok(master::plan(world, draft, &creating))
    } else {
        full::nothing_in_common(world, me)?;
        match road(world, me) {
            Road::CatchUp => {
                unlike(world, me)?;
                preflight::check(world, &distinct(checked), &creating)?;
                draft.build.put_back_left(world, &[], &mut draft.notes);
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

/// A closed pod gets nothing through a pair whose two sides differ, so it cannot catch up. Which side is right is not for a
/// start to say: a correction that broke off looks like a table that somebody dropped by hand.
fn unlike(world: &World<'_>, me: Ordinal) -> Result<(), Refusal> {
    let closed = world.pod(me).is_some_and(aku_core::observe::Pod::admin_mode);
    let differ: Vec<_> = world
        .desired
        .objects_of(me)
        .filter(|(k, o)| closed && world.sides(me, *k, o).both_live() && !world.unmatched(o).is_empty())
        .map(|(_, o)| Reason::new(Code::Differs, catch_up::unlike_sides(world, o)))
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

pub(super) fn row_questions(world: &World<'_>, me: Ordinal) -> Vec<(Ordinal, Vec<Target>)> {
    if me.is_master() {
        return master::row_questions(world);
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
    /// Where the rows of the pod are copied from, on a road that copies them.
    pub copied_from: Option<Ordinal>,
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
        notes.extend(ledger::notes(world));
        notes.extend(ledger::without(world));
        Self { me, notes, build: Builder::default(), copied_from: None }
    }

    pub fn into_plan(
        self,
        world: &World<'_>,
        decision: aku_core::plan::Decision,
        approvals: Vec<aku_core::plan::Approval>,
    ) -> Plan {
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
        .flat_map(|(id, group)| {
            let connected: HashSet<_> = world.targets_of(*id).iter().collect();
            group.targets.iter().filter(move |t| !connected.contains(t))
        })
        .map(ToString::to_string)
        .collect();
    if new.is_empty() {
        return Vec::new();
    }
    let them = if new.len() == 1 { "it" } else { "them" };
    let text = format!(
        "aku.conf has {}, which no running pod replicates yet; a start leaves {them} alone, and `aku plan reconcile` adds {them} on all pods",
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

/// Objects on the pod that aku.conf does not ask for.
fn foreign(world: &World<'_>, me: Ordinal) -> Vec<Reason> {
    let count = world.desired.pods.len();
    let note = |stray: strays::Stray<'_>| {
        let name = stray.name;
        match stray.kind {
            Kind::Foreign => Reason::new(
                Code::Foreign,
                format!(
                    "{name} on pod {me} replicates a table of aku.conf but is not one of its objects; it is left alone"
                ),
            ),
            Kind::Surplus(peer) => Reason::new(
                Code::Surplus,
                format!("{name} on pod {me} is for pod {peer}, and AKU_SERVER_COUNT is {count} here; it is left alone"),
            ),
            Kind::Twin(peer) => Reason::new(
                Code::Surplus,
                format!(
                    "{name} on pod {me} is to take over from another object towards pod {peer}, and that broke off; `aku plan reconcile` goes on"
                ),
            ),
            Kind::OldGroup(peer) => Reason::new(
                Code::Surplus,
                format!(
                    "{name} on pod {me} sends to pod {peer} for a group that aku.conf does not have; it is left alone, and `aku plan reconcile` says what becomes of it"
                ),
            ),
        }
    };
    strays::of(world, me).into_iter().map(note).collect()
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
            match world.observed.pods.get(&source) {
                Some(PodView::Broken { .. }) => {
                    format!("make pod {source} answer (what it said is above), then run this again")
                }
                Some(PodView::Seen(_) | PodView::Absent { .. }) | None => {
                    format!("bring pod {source} into service first (aku -p start there), then run this again")
                }
            },
            "if pod 0 is lost for good, empty nothing: start an empty pod 0 and run `aku plan recover`".to_owned(),
        ],
    }
}
