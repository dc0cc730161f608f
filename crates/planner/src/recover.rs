//! Pod 0 lost its rows or its place in the log: it is emptied and copied from a slave. The manual's master recovery as a
//! plan, for any number of slaves and groups (`aku-behaviour.md` B.6), and the only goal that deletes rows on pod 0.
//!
//! Pod 0 may have delivered its last changes to one slave and not to another, and slaves do not pass on what they receive,
//! so slaves may differ and nothing in a catalog shows it. One slave is the source; the others deliver what they committed
//! themselves, leave, and are copied anew from pod 0 when they start again. Pod 0 stays closed: `aku -p start` opens it.

mod actions;
mod choice;

use std::collections::BTreeSet;

use aku_core::{
    desired::{Goal, Object},
    observe::{Pod, RowCount, Side, grouped},
    plan::{
        Approval, ApprovalClass, Decision, Plan, Refusal, RefusalKind, RowsAtStake, Unsent,
        reason::{Code, Reason},
    },
    topology::{Ordinal, Target},
};

use super::{
    build::pods,
    cluster_view::ClusterView,
    conflicts,
    deliver::{self, Passable, Way},
    draft::Draft,
    identity,
    join::{self, Join},
    master, preflight, stakes, steps,
};
use actions::Recovery;
use choice::{chosen, most_advanced};

/// Every pod that was seen is counted: rows are the only evidence there is.
pub(super) fn row_questions(world: &ClusterView<'_>) -> Vec<(Ordinal, Vec<Target>)> {
    if !world.pod(Ordinal::MASTER).is_some_and(Pod::admin_mode) {
        return Vec::new();
    }
    let targets: Vec<_> = world.desired.targets().cloned().collect();
    let whole = |pod: &Ordinal| preflight::check(world, &[*pod], &[]).is_ok();
    world.seen().filter(whole).map(|pod| (pod, targets.clone())).collect()
}

pub(super) fn plan(world: &ClusterView<'_>, from: Option<Ordinal>) -> Result<Plan, Refusal> {
    let me = Ordinal::MASTER;
    let lost = bars(world, from)?;
    let slaves: Vec<Slave> = world.seen_others(me).map(|pod| Slave::of(world, pod)).collect();
    let source = chosen(world, &slaves, from)?;
    let creating = creating(world, &slaves, source.pod);
    preflight::check(world, &[me, source.pod], &creating)?;
    preflight::let_in(world, me, &[source.pod])?;
    conflicts::bar(world, &[me, source.pod])?;

    let mut draft = Draft::new(world, me);
    // They are not connected because pod 0 failed; that is said once.
    draft.notes.retain(|n| n.code != Code::NotConnected);
    let rows = rows_at_stake(world, source.pod);
    let unsent = unsent(world, source.pod);
    let approvals = approvals(world, &slaves, source, &rows, &unsent);
    notes(world, &mut draft, &slaves, source);

    let created = steps::create(world, &mut draft.build, &creating);
    join::put_back_left(world, &mut draft, me, source.pod);
    let mut recovery = Recovery { world, source, draft: &mut draft };
    let mut ready = recovery.open_source();
    ready.extend(recovery.others_leave(&slaves));
    let fenced = recovery.fence_master();
    recovery.unmark(Ordinal::MASTER, fenced);
    let mut join = Join { world, me, source: source.pod, members: Vec::new(), draft: &mut draft };
    let mended = join.recreate_receivers(fenced);
    let salvaged = join.deliver_unsent(&created, &mended, fenced);
    let forgotten = join.reset_positions(&salvaged);
    let stopped: Vec<_> = forgotten.iter().map(|g| g.id).collect();
    let defined = join.redefine(&stopped, &mended);
    ready.extend(created.iter().chain(&stopped).chain(&defined).copied());
    ready.push(fenced);
    let cleared = join.recovery_off(&ready);
    ready.extend(cleared);
    let names = world.desired.objects_of(me).map(|(_, o)| o.name.clone()).collect();
    let quiet = join.check_quiet(names, &ready, &[], &[]);
    let emptied = join.truncate(quiet);
    let emptied = join.recovery_on(emptied);
    let synced = join.sync(&emptied, &rows, &[]);
    let proved = join.prove(&synced);
    join.start_all(proved);

    let mut because = vec![Reason::new(
        Code::Recover,
        format!("pod 0 lost its rows or its place in the log and gets the rows of pod {}", source.pod),
    )];
    if from.is_none() {
        because.push(Reason::new(Code::MostAdvanced, most_advanced(source)));
    }
    because.extend(lost);
    draft.notes.retain(|n| n.code != Code::Differs);
    let mut plan = draft.into_plan(world, Decision::Full { source: source.pod, because, rows, unsent }, approvals);
    // What a reviewer approved is this source, not another choice from later facts.
    plan.goal = Goal::Recover(Some(source.pod));
    Ok(plan)
}

/// A slave as a possible source.
struct Slave {
    pod: Ordinal,
    service: Service,
    /// It holds a position towards some pod: its copy was completed at some time (DESIGN D1).
    completed: bool,
    /// Rows of each target, or a lower bound; `None` when one of them could not even be looked at.
    rows: Option<Vec<(Target, u64)>>,
}

/// Whether a slave admits users.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Service {
    Closed,
    Open,
}

impl Slave {
    fn of(world: &ClusterView<'_>, pod: Ordinal) -> Self {
        let closed = world.pod(pod).is_none_or(Pod::admin_mode);
        let live = |o: &Object| world.observed.side(pod, &o.name).is_live();
        let count = |t: &'_ Target| match world.rows(pod, t) {
            RowCount::NotCounted => None,
            n => Some((t.clone(), n.at_least())),
        };
        Self {
            pod,
            service: if closed { Service::Closed } else { Service::Open },
            completed: !closed || world.desired.objects_of(pod).any(|(_, o)| live(o)),
            rows: world.desired.targets().map(count).collect(),
        }
    }

    fn total(&self) -> u64 {
        self.rows.iter().flatten().map(|(_, n)| n).sum()
    }

    /// Targets of which it holds more rows than another.
    fn ahead_of<'s>(&'s self, other: &'s Self) -> impl Iterator<Item = (&'s Target, u64, u64)> {
        let (mine, theirs) = (self.rows.iter().flatten(), other.rows.iter().flatten());
        mine.zip(theirs).filter(|((_, m), (_, t))| m > t).map(|((target, m), (_, t))| (target, *m, *t))
    }
}

fn refuse<T>(kind: RefusalKind, because: Vec<Reason>, next: Vec<String>) -> Result<T, Refusal> {
    Err(Refusal { kind, because, next })
}

/// What bars a recovery; otherwise what shows that pod 0 needs one.
fn bars(world: &ClusterView<'_>, from: Option<Ordinal>) -> Result<Vec<Reason>, Refusal> {
    let me = Ordinal::MASTER;
    if !world.pod(me).is_some_and(Pod::admin_mode) {
        let text = "pod 0 admits users (ADMIN_MODE 0), and what they write would be deleted by a recovery; nothing was changed";
        let next = vec![
            "if pod 0 is sound, there is nothing to recover: `aku status` and `aku verify` show it".to_owned(),
            "otherwise close it first, on pod 0: ALTER SYSTEM SET ADMIN_MODE = 1".to_owned(),
        ];
        return refuse(RefusalKind::Refused, vec![Reason::new(Code::NotAdminMode, text)], next);
    }
    let broken = world.pods_broken();
    if !broken.is_empty() {
        let text = format!(
            "{} cannot be looked at, and may be the slave with the most recent rows; nothing was changed",
            pods(&broken)
        );
        let mut because = vec![Reason::new(Code::BrokenPod, text)];
        because.extend(world.notes(Some(me)).into_iter().filter(|n| n.code == Code::PodBroken));
        let next = vec!["make those pods answer, or take them away, then run this again".to_owned()];
        return refuse(RefusalKind::CannotTell, because, next);
    }
    let lost = master::lost_pairs(world, &mut Vec::new());
    if !lost.is_empty() {
        return Ok(lost);
    }
    if let Some(evidence) = identity::behind(world, me) {
        let text = format!("the volume of pod 0 was put back from an older copy ({evidence})");
        return Ok(vec![Reason::new(Code::MasterRestored, text)]);
    }
    if let Some(text) = emptied(world) {
        return Ok(vec![Reason::new(Code::Recover, text)]);
    }
    if let Some(k) = from.filter(|k| is_unlike(world, *k)) {
        let text = format!(
            "pod 0 shows no sign of a failure by its positions, and it does not hold as many rows as pod {k}, which somebody named as the one that is right"
        );
        return Ok(vec![Reason::new(Code::Recover, text)]);
    }
    let text = "pod 0 shows no sign of a failure: no slave has a position that pod 0 lost, and its tables are not empty while a slave's are full; nothing was changed";
    let next = vec![
        "aku plan start --ordinal 0   (the ordinary way back into service)".to_owned(),
        "aku verify                   (shows whether the rows of the pods differ)".to_owned(),
    ];
    refuse(RefusalKind::Refused, vec![Reason::new(Code::NotFailed, text)], next)
}

/// Whether anything shows that pod 0 failed.
fn is_failed(world: &ClusterView<'_>) -> bool {
    let lost = || !master::lost_pairs(world, &mut Vec::new()).is_empty();
    lost() || identity::behind(world, Ordinal::MASTER).is_some() || emptied(world).is_some()
}

/// Whether two pods were counted with different numbers of rows: a volume that was put back shows nothing else.
fn is_unlike(world: &ClusterView<'_>, k: Ordinal) -> bool {
    let differ = |t: &Target| matches!((world.rows(Ordinal::MASTER, t).exact(), world.rows(k, t).exact()), (Some(a), Some(b)) if a != b);
    world.pod(k).is_some() && world.desired.targets().any(differ)
}

/// Tables that are empty on pod 0 and not on another pod: all of them, or some while pod 0 is connected with nobody.
fn emptied(world: &ClusterView<'_>) -> Option<String> {
    let me = Ordinal::MASTER;
    let elsewhere = |t: &Target| {
        let holders = world.seen_others(me).filter(|k| world.rows(*k, t).is_empty() == Some(false));
        holders.collect::<Vec<_>>()
    };
    let empty = |t: &&Target| world.rows(me, t).is_empty() == Some(true);
    let lost: Vec<(&Target, Vec<Ordinal>)> =
        world.desired.targets().filter(empty).map(|t| (t, elsewhere(t))).filter(|(_, k)| !k.is_empty()).collect();
    let all = world.desired.targets().all(|t| empty(&t));
    let fuller: BTreeSet<Ordinal> = lost.iter().flat_map(|(_, holders)| holders.iter().copied()).collect();
    let hold = if fuller.len() == 1 { "holds" } else { "hold" };
    match lost.as_slice() {
        [] => None,
        _ if all => Some(format!("every target on pod 0 is empty, and {} {hold} rows", pods(&fuller))),
        [(first, _), rest @ ..] if stakes::asks_of_master(world) => {
            let more = if rest.is_empty() { String::new() } else { format!(" and {} more tables", rest.len()) };
            Some(format!(
                "pod 0 is connected with nobody and has no row of {first}{more}, and {} {hold} some",
                pods(&fuller)
            ))
        }
        [_, ..] => None,
    }
}

/// On pod 0 every object that is missing; on the source those of the pair with pod 0, and those without which another slave
/// cannot deliver.
fn creating<'a>(world: &ClusterView<'a>, slaves: &[Slave], source: Ordinal) -> Vec<(Ordinal, &'a Object)> {
    let me = Ordinal::MASTER;
    let missing = |pod: Ordinal, o: &Object| world.observed.side(pod, &o.name) == Side::Missing;
    let mine = world.desired.objects_of(me).filter(|(_, o)| missing(me, o)).map(|(_, o)| (me, o));
    let theirs = world.desired.objects_between(me, source).filter(|o| missing(source, o)).map(|o| (source, o));
    let others = slaves.iter().map(|s| s.pod).filter(|k| *k != source);
    let lost = others.flat_map(|k| {
        let lost = move |o: &&Object| missing(source, o) && delivers(world, k, source, o);
        world.desired.objects_between(k, source).filter(lost).map(|o| (source, o))
    });
    mine.chain(theirs).chain(lost).collect()
}

fn rows_at_stake(world: &ClusterView<'_>, source: Ordinal) -> Vec<RowsAtStake> {
    let row = |target: &Target| RowsAtStake {
        target: target.clone(),
        joiner: world.rows(Ordinal::MASTER, target),
        source: world.rows(source, target),
    };
    world.desired.targets().map(row).collect()
}

/// What pod 0 itself still holds for the source and cannot deliver.
fn unsent(world: &ClusterView<'_>, source: Ordinal) -> Vec<Unsent> {
    let me = Ordinal::MASTER;
    let lost = |o: &Object| {
        let sides = world.sides(me, source, o);
        let undelivered = match (sides.mine, sides.theirs) {
            (Side::GaveUp, _) | (Side::Live(_), Side::Missing) => true,
            (Side::Live(_), Side::Reset | Side::Live(_) | Side::GaveUp | Side::Unknown)
            | (Side::Missing | Side::Reset | Side::Unknown, _) => false,
        };
        undelivered.then(|| Unsent { name: o.name.clone(), peer: source, side: sides.mine })
    };
    world.desired.objects_between(me, source).filter_map(lost).collect()
}

fn approvals(
    world: &ClusterView<'_>,
    slaves: &[Slave],
    source: &Slave,
    rows: &[RowsAtStake],
    unsent: &[Unsent],
) -> Vec<Approval> {
    let scope = |pod: Ordinal| format!("{}/{pod}", world.desired.statefulset);
    let from = source.pod;
    let mut all = Vec::new();
    let held: Vec<_> = rows.iter().filter(|r| r.joiner.is_empty() != Some(true)).collect();
    let deleted = stakes::of_tables(held.iter().map(|r| (&r.target, r.joiner)));
    if !held.is_empty() {
        let one = matches!(held.as_slice(), [r] if r.joiner == RowCount::Counted(1));
        all.push(Approval {
            class: ApprovalClass::DeletesRows,
            scope: scope(Ordinal::MASTER),
            because: format!(
                "{deleted} on pod 0 {} deleted, and pod 0 gets those of pod {from} ({})",
                if one { "is" } else { "are" },
                stakes::of_tables(held.iter().map(|r| (&r.target, r.source)))
            ),
        });
    }
    let only_here: Vec<_> = held.iter().filter(|r| r.source.is_empty() != Some(false)).collect();
    if !only_here.is_empty() {
        all.push(Approval {
            class: ApprovalClass::EmptySource,
            scope: scope(Ordinal::MASTER),
            because: format!(
                "pod 0 holds {}, and pod {from} is not known to hold any row there: after the recovery pod 0 has none of them",
                stakes::of_tables(only_here.iter().map(|r| (&r.target, r.joiner)))
            ),
        });
    }
    if is_unlike(world, from) && !is_failed(world) {
        all.push(Approval {
            class: ApprovalClass::LosesUnsent,
            scope: scope(Ordinal::MASTER),
            because: format!(
                "nothing but the word of whoever named pod {from} shows that pod 0 is the one that is wrong: rows that only pod 0 has are deleted"
            ),
        });
    }
    if !source.completed {
        all.push(Approval {
            class: ApprovalClass::UnprovedSource,
            scope: scope(from),
            because: format!(
                "pod {from} is closed and holds no position: it ended in an orderly way, or a copy into it broke off in the middle; nothing shows which, so look at its rows first"
            ),
        });
    }
    if !unsent.is_empty() {
        all.push(Approval {
            class: ApprovalClass::LosesUnsent,
            scope: scope(Ordinal::MASTER),
            because: format!("what pod 0 has not sent to pod {from} cannot be delivered any more and is deleted"),
        });
    }
    for other in slaves.iter().filter(|s| s.pod != from) {
        let more: Vec<_> =
            other.ahead_of(source).map(|(t, m, n)| format!("{t} {} instead of {}", grouped(m), grouped(n))).collect();
        if is_on_its_way(world, other, source) {
            // What it has too much is on its way, or the plan finds out before anything is forgotten.
            continue;
        }
        let lost = |o: &Object| match world.observed.side(other.pod, &o.name) {
            Side::GaveUp => true,
            Side::Live(_) => !delivers(world, other.pod, from, o),
            Side::Missing | Side::Reset | Side::Unknown => false,
        };
        let stuck = world.desired.objects_between(other.pod, from).any(lost);
        if more.is_empty() && !stuck {
            continue;
        }
        let because = if more.is_empty() {
            format!(
                "pod {} cannot deliver to pod {from} what it committed; that is deleted when it starts again",
                other.pod
            )
        } else {
            format!(
                "pod {} holds more rows than pod {from} ({}); what only pod {} has, and cannot deliver itself, is deleted when it starts again",
                other.pod,
                more.join(", "),
                other.pod
            )
        };
        all.push(Approval { class: ApprovalClass::LosesUnsent, scope: scope(other.pod), because });
    }
    let minority = identity::no_quorum(world);
    for down in world.pods_down(Some(Ordinal::MASTER)) {
        let what = if minority.contains(&down) {
            format!(
                "no quorum: the ledgers call pod {down} a running member, and half of the members or more were not seen; it"
            )
        } else {
            format!("pod {down} is down and")
        };
        let because = format!("{what} may hold rows that pod {from} does not have");
        all.push(Approval { class: ApprovalClass::MemberDown, scope: scope(down), because });
    }
    all.sort();
    all.dedup();
    all
}

/// Whether a slave was counted with more rows than the source while clients may be writing on it, and delivers what it
/// committed: its numbers move, and prove nothing before it is closed.
fn is_on_its_way(world: &ClusterView<'_>, other: &Slave, source: &Slave) -> bool {
    let open = other.service == Service::Open;
    let mut pairs = world.desired.objects_between(other.pod, source.pod);
    open && other.ahead_of(source).next().is_some() && pairs.all(|o| world.sides(other.pod, source.pod, o).both_live())
}

fn notes(world: &ClusterView<'_>, draft: &mut Draft, slaves: &[Slave], source: &Slave) {
    let from = source.pod;
    for other in slaves.iter().filter(|s| s.pod != from && !is_on_its_way(world, s, source)) {
        if other.ahead_of(source).next().is_some() {
            draft.notes.push(Reason::new(
                Code::AnotherAdvanced,
                format!(
                    "pod {} holds more rows than pod {from} in some tables ({} and {} in all); compare them (`aku verify`) before you say yes",
                    other.pod,
                    stakes::rows_of(RowCount::Counted(other.total())),
                    stakes::rows_of(RowCount::Counted(source.total()))
                ),
            ));
        }
    }
    draft.notes.push(Reason::new(
        Code::CannotBeKnown,
        format!(
            "what pod 0 committed and sent to nobody is gone with it; what it sent to another slave and not to pod {from} shows only as a difference in rows, and rows that were changed or deleted show nowhere; if the log of the lost volume can still be read, stop pod 0, run `aku recover-log 0 --log-path DIR`, start it and plan this again"
        ),
    ));
    let others: Vec<_> = slaves.iter().map(|s| s.pod).filter(|pod| *pod != from).collect();
    let then = match others.as_slice() {
        [] => String::new(),
        [one] => format!(", then on pod {one}, which is emptied and copied anew from pod 0"),
        more => format!(", then on {}, each of which is emptied and copied anew from pod 0", pods(more)),
    };
    draft
        .notes
        .push(Reason::new(Code::Afterwards, format!("afterwards run `aku -p start` on pod 0, which opens it{then}")));
    let open = |k: &Ordinal| world.pod(*k).is_some_and(|p| !p.admin_mode()) && !world.observed.marked_here.contains(k);
    let ready: Vec<_> = others.into_iter().filter(open).collect();
    if !ready.is_empty() {
        let text = format!(
            "the start markers of {} are in their containers, so their startup probes go on passing although users are shut out; `aku -p start` there takes a marker beside a closed server as not there",
            pods(&ready)
        );
        draft.notes.push(Reason::new(Code::Afterwards, text));
    }
}

/// Whether what a slave that leaves has not sent can be delivered to the source.
fn delivers(world: &ClusterView<'_>, k: Ordinal, source: Ordinal, object: &Object) -> bool {
    let live = world.observed.side(k, &object.name).is_live();
    let way = Way { from: k, to: source, object };
    live && world.pod(source).is_some() && !matches!(deliver::passable(world, way), Passable::No(_))
}

fn both_ways(pod: Ordinal, peer: Ordinal) -> String {
    format!("pods {pod} and {peer} part")
}
