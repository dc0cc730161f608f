//! Rows that differ between the pods are made the same: on every pod that is wrong about a row, what the right pod holds is
//! written, or what it does not have is deleted. Rests on a comparison that somebody made; asks nobody.

use std::collections::BTreeMap;

use aku_core::{
    desired::{Object, Right},
    observe::{Compared, ComparedTable, Pod, PodView, SeenRow, Sender},
    plan::{
        Approval, ApprovalClass, Decision, Plan, Refusal, RefusalKind, RowRepair,
        action::Op,
        reason::{Code, Reason},
    },
    topology::{Ordinal, Target},
    words::counted,
};

use super::{
    build::{Builder, Dependencies, pods, why},
    cluster_view::ClusterView,
    links::sides,
};

/// Rows of one action: what is lost with one that breaks off, and what its report is about.
const ROWS: usize = 500;

/// What has to be done to rows of one table on one pod, by the pod that is right.
#[derive(Default)]
struct Work<'a> {
    mend: BTreeMap<Ordinal, Vec<&'a SeenRow>>,
    delete: BTreeMap<Ordinal, Vec<&'a SeenRow>>,
    inserts: usize,
    updates: usize,
    deletes: usize,
}

pub(super) fn plan(world: &ClusterView<'_>, rule: Right) -> Result<Plan, Refusal> {
    let compared = judge(world, rule)?;
    delivered(world, compared, rule)?;
    let mut build = Builder::default();
    let (mut because, mut notes, mut approvals) = (Vec::new(), world.notes(None), Vec::new());
    for table in &compared.tables {
        if let Some(why) = &table.cannot {
            let text = format!("{} is not repaired: {why}", table.target);
            notes.push(Reason::new(Code::NotRepairable, text));
            continue;
        }
        let (work, undecided) = divide(table, compared, rule);
        for (pod, work) in &work {
            because.push(told(*pod, &table.target, work));
            approvals.extend(asked(world, compared, *pod, &table.target, work.deletes));
            steps(&mut build, *pod, table, compared, work);
        }
        notes.extend(left_alone(table, &undecided));
    }
    if because.is_empty() {
        because.push(why(Code::RowsWrong, "no row that was compared can be made the same, or none differs"));
    }
    Ok(Plan {
        goal: world.desired.goal,
        statefulset: world.desired.statefulset.clone(),
        decision: Decision::Repair { because, compared: Box::new(compared.clone()) },
        pods: world.lines(None),
        notes,
        approvals,
        actions: build.finish(),
        already_right: 0,
    })
}

/// The comparison, where it can be gone by.
fn judge<'a>(world: &ClusterView<'a>, rule: Right) -> Result<&'a Compared, Refusal> {
    let again = format!("aku verify --plan --right {rule} -o FILE");
    let refuse = |kind, code, text: String| {
        Err(Refusal { kind, because: vec![Reason::new(code, text)], next: vec![again.clone()] })
    };
    let Some(compared) = world.observed.compared.as_deref() else {
        let text = "a repair is planned from a comparison of all pods; nothing was changed";
        return refuse(RefusalKind::Refused, Code::NotCompared, text.to_owned());
    };
    if let Right::Pod(right) = rule
        && !compared.pods.contains(&right)
    {
        let text = format!(
            "pod {right} is to be right, and its rows could not be compared (compared: {}); nothing was changed",
            pods(&compared.pods)
        );
        return refuse(RefusalKind::CannotTell, Code::ComparedPodGone, text);
    }
    let gone = compared.pods.iter().find(|k| !matches!(world.observed.pods.get(k), Some(PodView::Seen(_))));
    if let Some(pod) = gone {
        let text = format!(
            "pod {pod} was compared and cannot be looked at now, so nobody can tell what it holds; nothing was changed"
        );
        return refuse(RefusalKind::CannotTell, Code::ComparedPodGone, text);
    }
    Ok(compared)
}

/// What a pod committed and has not delivered looks as if the others were right. A server that gave the log up delivers it to
/// nobody, so there is nothing to wait for.
fn delivered(world: &ClusterView<'_>, compared: &Compared, rule: Right) -> Result<(), Refusal> {
    let (mut because, mut next) = (Vec::new(), Vec::new());
    let mut told = |text: String, what: String| {
        let reason = Reason::new(Code::Undelivered, text);
        if !because.contains(&reason) {
            because.push(reason);
        }
        if !next.contains(&what) {
            next.push(what);
        }
    };
    for table in compared.tables.iter().filter(|t| t.cannot.is_none() && !t.rows.is_empty()) {
        for (pod, peer, object) in ways(world, compared, &table.target) {
            let Some(found) = world.replication(pod, object) else { continue };
            let stands = match found.sender {
                Sender::Running => continue,
                Sender::None => "does not run",
                Sender::Trying => "does not get through",
                Sender::Syncing => "is copying",
            };
            if world.observed.side(pod, &object.name).is_live() {
                let closed = [pod, peer].into_iter().find(|k| world.pod(*k).is_some_and(Pod::admin_mode));
                told(
                    format!(
                        "the sender of pod {pod} to pod {peer} ({}) {stands}, so what pod {pod} committed to {} may not be on pod {peer} yet; nothing was changed",
                        object.name, table.target
                    ),
                    match closed {
                        Some(closed) => format!("aku apply start --ordinal {closed}    (its streams run again)"),
                        None => "aku apply reconcile    (the senders run again)".to_owned(),
                    },
                );
            }
        }
        for stream in &table.undelivered {
            told(
                format!(
                    "{} of pod {} did not deliver everything before the rows of {} were read ({}): what differs may be on its way; nothing was changed",
                    stream.name, stream.pod, table.target, stream.said
                ),
                "aku status    (shows whether the senders run; raise AKU_FLUSH_TIMEOUT_AT_START if they are only slow)"
                    .to_owned(),
            );
        }
    }
    if because.is_empty() {
        return Ok(());
    }
    next.push(format!("then again: aku verify --plan --right {rule} -o FILE"));
    Err(Refusal { kind: RefusalKind::CannotTell, because, next })
}

/// Both directions of every object that carries a target between pods that were compared.
fn ways<'a>(world: &ClusterView<'a>, compared: &Compared, target: &Target) -> Vec<(Ordinal, Ordinal, &'a Object)> {
    let has = |o: &&Object| world.desired.groups.get(&o.group).is_some_and(|g| g.targets.contains(target));
    let both = |o: &&Object| sides(o).iter().all(|(pod, _)| compared.pods.contains(pod));
    let objects = world.desired.objects.iter().filter(has).filter(both);
    objects.flat_map(|o| sides(o).map(|(pod, peer)| (pod, peer, o))).collect()
}

/// The pod that holds what is right of a row, by its place; `None` where nobody can tell.
fn right(row: &SeenRow, compared: &Compared, rule: Right) -> Option<usize> {
    match rule {
        Right::Pod(pod) => compared.pods.iter().position(|k| *k == pod),
        Right::Majority => {
            let all = compared.pods.len() + compared.unread.len();
            let holders = |value| row.seen.iter().filter(|v| *v == value).count();
            (0..row.seen.len()).find(|i| holders(&row.seen[*i]) * 2 > all)
        }
    }
}

fn divide<'a>(
    table: &'a ComparedTable,
    compared: &Compared,
    rule: Right,
) -> (BTreeMap<Ordinal, Work<'a>>, Vec<&'a SeenRow>) {
    let (mut all, mut undecided): (BTreeMap<Ordinal, Work<'_>>, Vec<&SeenRow>) = (BTreeMap::new(), Vec::new());
    for row in &table.rows {
        let Some((value, source)) = right(row, compared, rule).and_then(|i| Some((row.seen.get(i)?, compared.pods[i])))
        else {
            undecided.push(row);
            continue;
        };
        for (pod, held) in compared.pods.iter().zip(&row.seen).filter(|(_, held)| *held != value) {
            let work = all.entry(*pod).or_default();
            let (list, number) = match (value, held) {
                (None, _) => (&mut work.delete, &mut work.deletes),
                (Some(_), None) => (&mut work.mend, &mut work.inserts),
                (Some(_), Some(_)) => (&mut work.mend, &mut work.updates),
            };
            list.entry(source).or_default().push(row);
            *number += 1;
        }
    }
    (all, undecided)
}

fn told(pod: Ordinal, target: &Target, work: &Work<'_>) -> Reason {
    let parts = [(work.inserts, "inserted"), (work.updates, "updated"), (work.deletes, "DELETED")];
    let parts: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", counted(*n, "row"))).collect();
    why(Code::RowsWrong, format!("{target} on pod {pod}: {}", parts.join(", ")))
}

fn asked(
    world: &ClusterView<'_>,
    compared: &Compared,
    pod: Ordinal,
    target: &Target,
    deletes: usize,
) -> Option<Approval> {
    let others: Vec<Ordinal> = compared.pods.iter().copied().filter(|k| *k != pod).collect();
    (deletes > 0).then(|| Approval {
        class: ApprovalClass::DeletesSurplus,
        scope: format!("{}/{pod}/{target}/{deletes}", world.desired.statefulset),
        because: format!(
            "{} of {target} {} deleted on pod {pod}, because the pod that is right does not have {}; {} may hold no copy either",
            counted(deletes, "row"),
            if deletes == 1 { "is" } else { "are" },
            if deletes == 1 { "it" } else { "them" },
            pods(&others)
        ),
    })
}

fn steps(build: &mut Builder, pod: Ordinal, table: &ComparedTable, compared: &Compared, work: &Work<'_>) {
    let target = &table.target;
    let part = |right: Ordinal, rows: &[&SeenRow]| {
        Box::new(RowRepair {
            target: target.clone(),
            right,
            pods: compared.pods.clone(),
            by: table.by.clone(),
            rows: rows.iter().map(|r| (*r).clone()).collect(),
        })
    };
    let mut gone = Vec::new();
    for (right, rows) in &work.delete {
        for rows in rows.chunks(ROWS) {
            let text = format!("pod {pod} holds rows of {target} that pod {right} does not have");
            let op = Op::DeleteRows(part(*right, rows));
            gone.push(build.add(pod, op, why(Code::RowsSurplus, text), Dependencies::none()));
        }
    }
    let first = Dependencies::on(gone, "a value that must be unique may be freed by it");
    for (right, rows) in &work.mend {
        for rows in rows.chunks(ROWS) {
            let text = format!("rows of {target} on pod {pod} are not as on pod {right}");
            build.add(pod, Op::MendRows(part(*right, rows)), why(Code::RowsWrong, text), first.clone());
        }
    }
}

/// Keys that a note names.
const NAMED: usize = 10;

fn left_alone(table: &ComparedTable, undecided: &[&SeenRow]) -> Vec<Reason> {
    let target = &table.target;
    let mut notes = Vec::new();
    if !undecided.is_empty() {
        let key = |row: &&SeenRow| format!("({})", row.key.join(", "));
        let keys: Vec<String> = undecided.iter().take(NAMED).map(key).collect();
        let more = match undecided.len().saturating_sub(NAMED) {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        let text = format!(
            "{} of {target} {} left alone, because no value is held by more than half of the pods: {}{more}",
            counted(undecided.len(), "row"),
            if undecided.len() == 1 { "is" } else { "are" },
            keys.join(", ")
        );
        notes.push(Reason::new(Code::NoMajority, text));
    }
    if table.left > 0 {
        let text = format!(
            "about {} more of {target} differ and are not in this plan; run `aku verify --plan` again when it was applied",
            table.left
        );
        notes.push(Reason::new(Code::RowsLeft, text));
    }
    if table.changing > 0 {
        let text = format!(
            "{} of {target} changed whenever they were looked at and are left alone; run `aku verify` again later",
            counted(usize::try_from(table.changing).unwrap_or(usize::MAX), "row")
        );
        notes.push(Reason::new(Code::RowsLeft, text));
    }
    notes
}
