//! Pod 0 comes up. It is never truncated, never reset, never the target of a SYNC (BUG-50259).

use aku_core::{
    desired::Object,
    observe::Side,
    plan::{
        Decision, Plan, Refusal, RefusalKind,
        reason::{Code, Reason},
    },
    topology::{Ordinal, Target},
};

use super::{
    build::{Dependencies, why},
    cluster_view::ClusterView,
    draft::Draft,
    identity,
    links::word,
    preflight, stakes, steps,
};

/// The pairs where pod 0 lost its place while a slave has one; what is odd about slaves goes to `notes`.
pub(super) fn lost_pairs(world: &ClusterView<'_>, notes: &mut Vec<Reason>) -> Vec<Reason> {
    let me = Ordinal::MASTER;
    let mut failed = Vec::new();
    for k in world.seen_others(me) {
        let in_service = world.pod(k).is_some_and(|p| !p.admin_mode());
        // A group that aku.conf gained has no position on either side, and nothing was lost in it.
        let connected = world.is_member(k);
        for object in world.desired.objects_between(me, k) {
            let (mine, theirs) = (world.observed.side(me, &object.name), world.observed.side(k, &object.name));
            let name = &object.name;
            let lost = match (mine, theirs) {
                (Side::Missing | Side::Reset | Side::GaveUp, Side::Live(_) | Side::GaveUp)
                | (Side::Live(_), Side::GaveUp) => true,
                (Side::Missing | Side::Reset, Side::Reset) => in_service && !connected,
                (Side::Live(_), Side::Missing | Side::Reset) if in_service => {
                    notes.push(Reason::new(
                        Code::SlaveFailed,
                        format!("The SLAVE server is detected to have failed: {name} on pod {k} {}; `aku -p start` on pod {k} copies it anew", word(theirs)),
                    ));
                    false
                }
                (Side::GaveUp, Side::Missing | Side::Reset) => {
                    notes.push(Reason::new(
                        Code::SlaveFailed,
                        format!(
                            "{name}: pod 0 gave up unsent log for pod {k}; `aku -p start` on pod {k} copies it anew"
                        ),
                    ));
                    false
                }
                (Side::Live(_), Side::Live(_) | Side::Missing | Side::Reset)
                | (Side::Missing | Side::Reset, Side::Missing)
                | (_, Side::Unknown)
                | (Side::Unknown, _) => false,
            };
            if lost {
                failed.push(Reason::new(
                    Code::MasterFailed,
                    format!(
                        "{name}: pod 0 {}, pod {k} {}{}",
                        word(mine),
                        word(theirs),
                        if in_service { " and in service" } else { "" }
                    ),
                ));
            }
        }
    }
    failed
}

/// Refuses when pod 0 lost its place while a slave has one: what the slaves committed meanwhile never reached it.
pub(super) fn judge(world: &ClusterView<'_>, notes: &mut Vec<Reason>) -> Result<(), Refusal> {
    let failed = lost_pairs(world, notes);
    if failed.is_empty() {
        restored(world)?;
        return unseen_slaves(world);
    }
    if identity::was_cleaned(world, Ordinal::MASTER) && is_kept_for(world) {
        return Err(clean_broke_off(failed));
    }
    let mut because = vec![Reason::new(
        Code::MasterFailed,
        "pod 0 lost its place in the log, and a slave has one or is in service; opening it would copy stale or empty tables over the slaves",
    )];
    because.extend(failed);
    Err(Refusal {
        kind: RefusalKind::Refused,
        because,
        next: vec![
            "aku plan recover            (shows which slave would be the source and what that costs; changes nothing)"
                .to_owned(),
            "aku plan recover --from N   (the same with the slave that you choose)".to_owned(),
            "after `aku apply recover`: aku -p start on pod 0 again, then on the other slaves".to_owned(),
        ],
    })
}

/// Whether a slave keeps log for pod 0: a clean of pod 0 that went to its end leaves no such place.
fn is_kept_for(world: &ClusterView<'_>) -> bool {
    let me = Ordinal::MASTER;
    let live = |k: Ordinal, o: &Object| world.observed.side(k, &o.name).is_live();
    world.seen_others(me).any(|k| world.desired.objects_between(me, k).any(|o| live(k, o)))
}

fn clean_broke_off(failed: Vec<Reason>) -> Refusal {
    let text = "a clean of pod 0 broke off: its ledger says that it is no longer kept in sync, and slaves still keep log for it; pod 0 did not lose its rows, and opening it would leave it beside them; nothing was changed";
    let mut because = vec![Reason::new(Code::CleanBrokeOff, text)];
    because.extend(failed);
    Refusal {
        kind: RefusalKind::Refused,
        because,
        next: vec![
            "aku apply clean --ordinal 0  (goes on with the clean)".to_owned(),
            "aku plan recover            (takes pod 0 in again, with the rows of a slave; shows of which, and what that costs)"
                .to_owned(),
        ],
    }
}

/// Refuses when the volume of pod 0 is an older copy of itself: what it had acknowledged since is on the slaves only.
fn restored(world: &ClusterView<'_>) -> Result<(), Refusal> {
    let Some(evidence) = identity::behind(world, Ordinal::MASTER) else { return Ok(()) };
    let text = format!(
        "the volume of pod 0 was put back from an older copy ({evidence}): what pod 0 had committed since is missing there, and what it would commit now is skipped by the others; nothing was changed"
    );
    Err(Refusal {
        kind: RefusalKind::Refused,
        because: vec![Reason::new(Code::MasterRestored, text)],
        next: vec![
            "aku plan recover            (pod 0 gets the rows of a slave; shows of which, and what that costs)"
                .to_owned(),
            "aku plan recover --from N   (the same with the slave that you choose)".to_owned(),
            "after `aku apply recover`: aku -p start on pod 0 again, then on the other slaves".to_owned(),
        ],
    })
}

/// A pod that cannot be looked at may be a slave that is ahead of pod 0. Where pod 0 has no place in the log towards it,
/// nobody can tell.
fn unseen_slaves(world: &ClusterView<'_>) -> Result<(), Refusal> {
    let me = Ordinal::MASTER;
    let doubtful: Vec<_> = world
        .pods_broken()
        .into_iter()
        .filter(|k| {
            let lost = |o: &Object| !world.observed.side(me, &o.name).is_live();
            world.desired.objects_between(me, *k).any(lost)
        })
        .map(|k| format!("pod {k}"))
        .collect();
    if doubtful.is_empty() {
        return Ok(());
    }
    let text = format!(
        "{} cannot be looked at, and pod 0 has no place in the log towards it: whether pod 0 lost its rows cannot be told; nothing was changed",
        doubtful.join(", ")
    );
    let mut because = vec![Reason::new(Code::BrokenPod, text)];
    because.extend(world.notes(Some(me)).into_iter().filter(|n| n.code == Code::PodBroken));
    Err(Refusal {
        kind: RefusalKind::CannotTell,
        because,
        next: vec!["make those pods answer (or stop them), then run `aku -p start` on pod 0 again".to_owned()],
    })
}

/// Creates what is missing, catches up with every pod that is live in both directions, opens.
pub(super) fn plan(world: &ClusterView<'_>, mut draft: Draft, creating: &[(Ordinal, &Object)]) -> Plan {
    let created = steps::create(world, &mut draft.build, creating);
    let caught_up = steps::streams(
        world,
        &mut draft,
        &Dependencies::on(created.iter().copied(), "an object must exist before it starts"),
    );
    let compared =
        steps::compare(world, &mut draft, Dependencies::on(caught_up.iter().copied(), "it looks at what they brought"));
    let opened = steps::open(
        world,
        &mut draft,
        Dependencies::on(created, "objects first")
            .and(caught_up, "users come in when the streams are caught up")
            .and(compared, "the rows are those of the others"),
    );
    steps::marker(world, &mut draft, opened);
    let because = vec![why(Code::Master, "pod 0 is the source of all copies; no rows are copied to it")];
    let approvals = stakes::of_an_empty_master(world).into_iter().collect();
    draft.into_plan(world, Decision::None { because }, approvals)
}

/// Where nothing but rows tells whether pod 0 came back with an empty volume, they are counted on everybody.
pub(super) fn row_questions(world: &ClusterView<'_>) -> Vec<(Ordinal, Vec<Target>)> {
    let me = Ordinal::MASTER;
    let others: Vec<_> = world.seen_others(me).filter(|k| preflight::check(world, &[*k], &[]).is_ok()).collect();
    let barred = preflight::check(world, &[me], &[]).is_err() || judge(world, &mut Vec::new()).is_err();
    if others.is_empty() || barred || !stakes::asks_of_master(world) {
        return Vec::new();
    }
    let targets: Vec<_> = world.desired.targets().cloned().collect();
    std::iter::once(me).chain(others).map(|pod| (pod, targets.clone())).collect()
}
