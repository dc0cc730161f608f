//! The full join: a slave's targets are emptied and copied anew from pod 0, pinned so that nothing that other pods
//! commit meanwhile is missed. Order and reasons: DESIGN D1, D15, D16; measured in `measured.md` 1.

use std::collections::BTreeSet;

use aku_core::{
    conf::{GroupId, MemberDown},
    desired::Object,
    observe::Side,
    plan::{
        Approval, ApprovalClass, Decision, Plan, Refusal, RefusalKind, RowsAtStake, Unsent,
        reason::{Code, Reason},
    },
    topology::{Ordinal, Target},
};

use super::{
    anchor,
    build::{Dependencies, pods},
    cluster_view::ClusterView,
    conflicts,
    deliver::{self, Delivery},
    draft::{Draft, no_source},
    due, identity,
    join::{self, Join},
    preflight, service, stakes, steps,
    unmanaged::{self, Kind},
};

/// Members other than source and joiner: the pods that must be pinned.
pub(super) fn members(world: &ClusterView<'_>, me: Ordinal) -> Vec<Ordinal> {
    world.seen_others(me).filter(|k| !k.is_master() && world.is_member(*k)).collect()
}

/// Everything that bars a full join before rows are even counted.
pub(super) fn bars(world: &ClusterView<'_>, me: Ordinal, because: &[Reason]) -> Result<(), Refusal> {
    let source = Ordinal::MASTER;
    let refuse = |kind, code, text: String, next: Vec<String>| {
        let mut all = vec![Reason::new(code, text)];
        all.extend(because.iter().cloned());
        Err(Refusal { kind, because: all, next })
    };
    if world.pod(source).is_none_or(aku_core::observe::Pod::admin_mode) {
        return Err(no_source(world, me, because));
    }
    let broken = world.pods_broken();
    if !broken.is_empty() {
        let text = format!(
            "pod {me} must be copied anew, which deletes its rows, while {} cannot be looked at; nothing was changed",
            pods(&broken)
        );
        let mut all = vec![Reason::new(Code::BrokenPod, text)];
        all.extend(world.notes(Some(me)).into_iter().filter(|n| n.code == Code::PodBroken));
        all.extend(because.iter().cloned());
        let next = vec![format!("make {} answer, or stop it, then run this again", pods(&broken))];
        return Err(Refusal { kind: RefusalKind::CannotTell, because: all, next });
    }
    if !world.pod(me).is_some_and(aku_core::observe::Pod::admin_mode) {
        let sends = world.desired.objects_of(me).any(|(_, o)| world.observed.side(me, &o.name).is_live());
        let next = if service::admits_unkept(world, me) {
            // Closed by hand, nothing would tell the next start that users were there.
            vec![format!(
                "aku apply end --ordinal {me}    (closes it, and notes that nobody got what users wrote there; its start then asks for a yes)"
            )]
        } else {
            // An end has nothing to do where nothing is sent, and leaves the pod open.
            let or = if sends { format!(" (or run `aku apply end --ordinal {me}`)") } else { String::new() };
            vec![
                format!("on pod {me}: ALTER SYSTEM SET ADMIN_MODE = 1 and close the sessions{or}, then start again"),
                "boot the server with ADMIN_MODE = 1, so that users wait until aku opens the pod".to_owned(),
            ]
        };
        return refuse(
            RefusalKind::Refused,
            Code::NotAdminMode,
            format!(
                "pod {me} must be copied anew, but it admits users (ADMIN_MODE 0), and what they write would be deleted; nothing was changed"
            ),
            next,
        );
    }
    let differs = conf_differs(world, me);
    if !differs.is_empty() {
        let what = format!(
            "pod {me} must be copied anew, and the pods were set up from another aku.conf than this one; nothing is deleted before they agree, and nothing was changed"
        );
        return Err(other_conf(what, differs));
    }
    let members = members(world, me);
    let others: Vec<_> = std::iter::once(source).chain(members.iter().copied()).collect();
    preflight::let_in(world, me, &others).and_then(|()| anchor::bars(world, me, &members)).map_err(|mut refusal| {
        refusal.because.extend(because.iter().cloned());
        refusal
    })
}

fn other_conf(what: String, differs: Vec<Reason>) -> Refusal {
    let mut because = vec![Reason::new(Code::ConfDiffers, what)];
    because.extend(differs);
    let next = vec![
        "compare aku.conf on all pods; correct the one that is wrong, and run this again".to_owned(),
        "if aku.conf was changed on purpose: aku plan reconcile    (brings the running pods to it first)".to_owned(),
    ];
    Refusal { kind: RefusalKind::Refused, because, next }
}

/// Bars a pod that is not connected while the running pods replicate nothing that this configuration has: it would be
/// opened beside them.
pub(super) fn nothing_in_common(world: &ClusterView<'_>, me: Ordinal) -> Result<(), Refusal> {
    if world.is_member(me) || world.targets().next().is_some() || world.desired.groups.is_empty() {
        return Ok(());
    }
    let what = format!(
        "the running pods replicate nothing that this aku.conf has, so there is nothing to connect pod {me} with; nothing was changed"
    );
    Err(other_conf(what, conf_differs(world, me)))
}

/// What the running pods show of another configuration: a pod beyond AKU_SERVER_COUNT that log is kept for, our tables
/// under another prefix, tables that they replicate and this configuration does not have.
fn conf_differs(world: &ClusterView<'_>, me: Ordinal) -> Vec<Reason> {
    let reason = |text| Reason::new(Code::ConfDiffers, text);
    let mut found: Vec<Reason> = unmanaged::all(world)
        .into_iter()
        .filter(|s| unmanaged::side(world, s).is_live())
        .filter(|s| !is_forgotten(world, me, s))
        .filter_map(|s| match s.kind {
            Kind::Surplus(peer) => Some(reason(format!(
                "pod {} keeps log for pod {peer} ({}), and AKU_SERVER_COUNT is {} here; if pod {peer} left for good: aku apply forget {peer}",
                s.pod,
                s.name,
                world.desired.pods.len()
            ))),
            // Both sides of a pair are said once.
            Kind::OldGroup(peer) if peer < s.pod && world.observed.replication(peer, s.name).is_some() => None,
            Kind::OldGroup(peer) => {
                let ours = |t: &&Target| s.found.items.iter().any(|i| i.local.user == t.user && i.local.table == t.table);
                world.desired.targets().find(ours).map(|t| {
                    reason(format!(
                        "pods {} and {peer} replicate {t} through {}, and no group here has that prefix",
                        s.pod, s.name
                    ))
                })
            }
            Kind::Twin(_) | Kind::Foreign => None,
        })
        .collect();
    for k in members(world, me) {
        for object in world.desired.objects_between(Ordinal::MASTER, k) {
            let live = world.sides(Ordinal::MASTER, k, object).both_live();
            let Some(held) = world.replication(Ordinal::MASTER, object).filter(|_| live) else { continue };
            if world.has_the_items_of(object.group, held) {
                continue;
            }
            let targets = &world.desired.groups[&object.group].targets;
            let extra: Vec<_> =
                held.items.iter().filter(|i| !targets.contains(&i.local)).map(|i| i.local.to_string()).collect();
            if !extra.is_empty() {
                found.push(reason(format!(
                    "pods 0 and {k} replicate {} through {}, and this group does not have it here",
                    extra.join(", "),
                    object.name
                )));
            }
        }
    }
    found
}

/// Whether the copy of a pod forgets an object that aku.conf does not have: it concerns that pod alone, and all its tables
/// are copied.
fn is_forgotten(world: &ClusterView<'_>, me: Ordinal, stray: &unmanaged::Stray<'_>) -> bool {
    let declared = |target: &Target| world.desired.targets().any(|t| t == target);
    match stray.kind {
        Kind::OldGroup(peer) => (stray.pod == me || peer == me) && stray.found.items.iter().all(|i| declared(&i.local)),
        Kind::Twin(_) | Kind::Surplus(_) | Kind::Foreign => false,
    }
}

pub(super) fn plan(
    world: &ClusterView<'_>,
    me: Ordinal,
    mut draft: Draft,
    creating: &[(Ordinal, &Object)],
    because: Vec<Reason>,
) -> Plan {
    let source = Ordinal::MASTER;
    let rows = rows_at_stake(world, me);
    let unsent = unsent(world, me);
    let approvals = approvals(world, me, &rows, &unsent);
    draft.copied_from = Some(source);
    join::put_back_left(world, &mut draft, me, source);
    let mut join = Join { world, me, source, members: members(world, me), draft: &mut draft };

    let fenced = join.fence();
    let created = steps::create(world, &mut join.draft.build, creating);
    let mended = join.recreate_receivers(fenced);
    let salvaged = join.deliver_unsent(&created, &mended, fenced);
    let forgotten = join.reset_positions(&salvaged);
    let stopped: Vec<_> = forgotten.iter().map(|g| g.id).collect();
    let defined = join.redefine(&stopped, &mended);
    let mut ready: Vec<_> = [fenced].iter().chain(&created).chain(&defined).copied().collect();
    let (pins, flushed) = join.pin(&ready, &forgotten);
    ready.extend(&stopped);
    let cleared = join.recovery_off(&ready);
    ready.extend(cleared);
    let names = world.desired.objects_of(me).map(|(_, o)| o.name.clone()).collect();
    let quiet = join.check_quiet(names, &ready, &pins, &flushed);
    let emptied = join.truncate(quiet);
    let emptied = join.recovery_on(emptied);
    let synced = join.sync(&emptied, &rows, &pins);
    let proved = join.prove(&synced);
    let running = join.start_all(proved);
    let delayed = steps::delay(
        world,
        &mut draft,
        Dependencies::on(running.iter().copied(), "the delay counts from the moment the rows are right"),
    );
    let opened = steps::open(
        world,
        &mut draft,
        Dependencies::on(running, "users come in when every stream runs").and(delayed, "after the delay"),
    );
    steps::marker(world, &mut draft, opened);
    draft.notes.retain(|n| n.code != Code::Differs);
    draft.notes.extend(anchor::note(&anchor::of_members(world, me, &members(world, me))));
    if !members(world, me).is_empty() {
        draft.notes.extend(conflicts::repeats(world, "a pod in service", &format!("of the copy on pod {me}")));
    }
    let lacking: BTreeSet<_> = unsent.iter().filter(|u| u.side.has_no_position()).map(|u| u.peer).collect();
    for k in lacking {
        draft.notes.push(Reason::new(
            Code::TailMissing,
            format!(
                "pod {k} joined while pod {me} was away and may lack what pod {me} committed last; afterwards `aku verify` shows it, and `aku apply end --ordinal {k}` with `aku apply start --ordinal {k}` copies pod {k} anew"
            ),
        ));
    }
    draft.into_plan(world, Decision::Full { source, because, rows, unsent }, approvals)
}

fn rows_at_stake(world: &ClusterView<'_>, me: Ordinal) -> Vec<RowsAtStake> {
    let counted = |target: &Target| RowsAtStake {
        target: target.clone(),
        joiner: world.rows(me, target),
        source: world.rows(Ordinal::MASTER, target),
    };
    world.targets().map(counted).collect()
}

/// Sides of the joiner that cannot deliver what they hold.
fn unsent(world: &ClusterView<'_>, me: Ordinal) -> Vec<Unsent> {
    // With a position towards the source the pod was a member in that group, and may hold something that others do not have
    // yet. An end forgets the source first, and so does the copy of a new table, so one that broke off leaves none.
    let live = |o: &&Object| world.observed.side(me, &o.name).is_live();
    let tails: BTreeSet<GroupId> = world.objects_between(me, Ordinal::MASTER).filter(live).map(|o| o.group).collect();
    let tail = |group: GroupId| tails.contains(&group);
    let lost = |(k, o): (Ordinal, &'_ Object)| {
        let sides = world.sides(me, k, o);
        let undelivered = match (sides.mine, sides.theirs) {
            (Side::GaveUp, _) => true,
            (Side::Live(_), Side::Unknown) => world.is_down(k, Some(me)),
            (Side::Live(_), Side::Missing | Side::Reset | Side::Live(_) | Side::GaveUp) => {
                world.is_member(k) && deliver::delivery(world, me, k, o) == Delivery::Impossible
            }
            // The peer joined while the pod was away, or somebody made the pod forget it: the source gets the tail and does
            // not pass it on.
            (Side::Missing | Side::Reset, Side::Missing | Side::Reset | Side::GaveUp | Side::Live(_)) => {
                tail(o.group) && !k.is_master() && world.is_member(k)
            }
            (Side::Missing | Side::Reset, Side::Unknown) | (Side::Unknown, _) => false,
        };
        undelivered.then(|| Unsent { name: o.name.clone(), peer: k, side: sides.mine })
    };
    let ours = world.objects_of(me).filter_map(lost);
    ours.chain(due_and_stuck(world, me)).collect()
}

/// The same of objects that aku.conf does not have, through which something of its tables is due.
fn due_and_stuck(world: &ClusterView<'_>, me: Ordinal) -> impl Iterator<Item = Unsent> {
    let peers = world.desired.pods.keys().copied().filter(move |k| *k != me);
    peers.flat_map(move |k| {
        let counts =
            if world.pod(k).is_some() { world.is_member(k) || k.is_master() } else { world.is_down(k, Some(me)) };
        let sent: BTreeSet<_> = due::deliverable(world, me, k).into_iter().map(|o| o.name).collect();
        let stuck = due::from(world, me, k).into_iter().filter(move |o| counts && !sent.contains(&o.name));
        stuck.map(move |o| Unsent { side: world.observed.side(me, &o.name), name: o.name, peer: k })
    })
}

/// Whether a slave that is there may hold rows that the source does not get: it was a member once and is none now. A join that
/// broke off looks like that in single groups; nobody was admitted to it.
fn is_cut_off(world: &ClusterView<'_>, k: Ordinal) -> bool {
    let source = Ordinal::MASTER;
    let (mut was_member, mut broke_off) = (false, false);
    for object in world.objects_between(k, source) {
        let sides = world.sides(k, source, object);
        was_member |= sides.mine.has_position();
        broke_off |= sides.mine.has_no_position() && sides.theirs.is_live();
    }
    let closed = world.pod(k).is_some_and(aku_core::observe::Pod::admin_mode);
    let never_joined = closed && broke_off;
    was_member && !(k.is_master() || world.is_member(k) || never_joined)
}

/// What the policy of the site makes of it.
fn goes_on(policy: MemberDown, me: Ordinal) -> String {
    match policy {
        MemberDown::Ask => String::new(),
        MemberDown::ProceedAfter(_) => format!(
            "; when it comes back they reach pod 0, and pod {me} has to be copied anew to get them; AKU_MEMBER_DOWN = {policy}: a start hook goes on by itself when that pod has been down that long and nothing else is asked"
        ),
    }
}

fn approvals(world: &ClusterView<'_>, me: Ordinal, rows: &[RowsAtStake], unsent: &[Unsent]) -> Vec<Approval> {
    let scope = |pod: Ordinal| format!("{}/{pod}", world.desired.statefulset);
    let (because, lost) = undelivered(world, me, rows, unsent).unzip();
    let lost = lost.unwrap_or(stakes::Unsent::Delivered);
    let mut all = stakes::of_a_copy(world, me, rows, lost);
    let minority = identity::no_quorum(world);
    let away: BTreeSet<_> = world.pods_down(Some(me)).into_iter().chain(minority.iter().copied()).collect();
    for pod in away {
        let what = if minority.contains(&pod) {
            format!(
                "no quorum: the ledgers call pod {pod} a running member, and half of the members or more were not seen; it"
            )
        } else {
            format!("pod {pod} is down and")
        };
        all.push(Approval {
            class: ApprovalClass::MemberDown,
            scope: scope(pod),
            because: format!(
                "{what} may hold rows that pod {me} will not get from anybody{}",
                if minority.contains(&pod) { String::new() } else { goes_on(world.desired.member_down, me) }
            ),
        });
    }
    if let Some(evidence) = identity::behind(world, Ordinal::MASTER) {
        all.push(Approval {
            class: ApprovalClass::UnprovedSource,
            scope: scope(Ordinal::MASTER),
            because: format!(
                "the volume of pod 0, which the copy is taken from, was put back from an older copy ({evidence}): what was committed since is missing there"
            ),
        });
    }
    for k in world.seen_others(me).filter(|k| is_cut_off(world, *k)) {
        all.push(Approval {
            class: ApprovalClass::LosesUnsent,
            scope: scope(k),
            because: format!(
                "pod {k} is not connected with pod 0 in both directions, so the copy lacks what pod {k} committed since, and the log that it keeps for pod {me} is forgotten; start pod {k} first"
            ),
        });
    }
    all.extend(because.map(|because| Approval { class: ApprovalClass::LosesUnsent, scope: scope(me), because }));
    all.sort();
    all.dedup();
    all
}

/// What the pod committed and somebody does not get before its rows are deleted, why, and whether it is then nowhere.
fn undelivered(
    world: &ClusterView<'_>,
    me: Ordinal,
    rows: &[RowsAtStake],
    unsent: &[Unsent],
) -> Option<(String, stakes::Unsent)> {
    let held = || rows.iter().filter(|r| r.joiner.is_empty() != Some(true));
    let some = || {
        format!(
            "of its {} (pod 0 holds {}) some may be on no other pod, and they are deleted",
            stakes::of_tables(held().map(|r| (&r.target, r.joiner))),
            stakes::of_tables(held().map(|r| (&r.target, r.source)))
        )
    };
    if unsent.iter().any(|u| u.side == Side::GaveUp) {
        let text = format!("pod {me} gave up log that it had not sent: {}", some());
        return Some((text, stakes::Unsent::Lost));
    }
    if let Some(k) = beside_the_source(world, me) {
        let text = format!(
            "pods {me} and {k} send to each other in a group in which neither is connected with pod 0; what they committed there since is not in the copy: {}",
            some()
        );
        return Some((text, stakes::Unsent::Lost));
    }
    let without: BTreeSet<_> = unsent.iter().filter(|u| u.side.has_no_position()).map(|u| u.peer).collect();
    if !without.is_empty() {
        let text = format!(
            "what pod {me} committed before it went away reaches pod 0, but not {}, which joined without it; there it is missing until that pod is copied anew",
            pods(&without)
        );
        return Some((text, stakes::Unsent::Delivered));
    }
    // A pod that is not there is approved as a member down.
    let stuck = unsent.iter().filter(|u| world.pod(u.peer).is_some());
    let stuck: Vec<_> = stuck.map(|u| format!("{} to pod {}", u.name, u.peer)).collect();
    let text = format!(
        "what pod {me} has not sent through {} cannot be sent, because the definitions do not go together: {}",
        stuck.join(", "),
        some()
    );
    (!stuck.is_empty()).then_some((text, stakes::Unsent::Lost))
}

/// A slave with which the pod is live in a group that neither has a place in towards the source: a clean of pod 0 broke off.
fn beside_the_source(world: &ClusterView<'_>, me: Ordinal) -> Option<Ordinal> {
    let source = Ordinal::MASTER;
    let none = |k: Ordinal, group: GroupId| {
        let object = world.desired.object_between(k, source, group).filter(|o| !world.is_new(o.group));
        object.is_none_or(|o| world.observed.side(k, &o.name).has_no_position())
    };
    let live = |k: Ordinal, o: &Object| k != source && world.sides(me, k, o).both_live();
    world.objects_of(me).find(|(k, o)| live(*k, o) && none(me, o.group) && none(*k, o.group)).map(|(k, _)| k)
}
