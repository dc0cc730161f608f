//! A pod left for good: nobody keeps log for it any more. STOP and RESET of every object towards it, on every pod that is
//! seen. No row is touched; what the pod had not sent is not waited for, and if it comes back it is copied anew.

use aku_core::{
    observe::{PodView, Replication, Side},
    plan::{
        Approval, ApprovalClass, Decision, Plan, Refusal, RefusalKind,
        action::Op,
        reason::{Code, Reason},
    },
    topology::{Ordinal, ReplicationName},
};

use super::{
    build::{Builder, Dependencies, why},
    cluster_view::{ClusterView, STREAM_ENDS, is_connected, runs},
    identity,
    unmanaged::{self, Kind},
};

pub(super) fn plan(world: &ClusterView<'_>, gone: Ordinal) -> Result<Plan, Refusal> {
    judge(world, gone)?;
    let mut build = Builder::default();
    let mut notes = world.notes(Some(gone));
    let held = held(world, gone);
    let mut right = 0;
    let mut kept = Vec::new();
    for (pod, name, found) in &held {
        if found.position.is_live() || found.gave_up.is_some() || runs(found) {
            kept.push(format!("{name} on pod {pod}{}", since(world, *pod, name, found)));
            steps(&mut build, gone, *pod, name, found);
        } else {
            right += 1;
        }
    }
    for (pod, view) in &world.observed.pods {
        if *pod != gone && !matches!(view, PodView::Seen(_)) {
            notes.push(Reason::new(
                Code::LogKept,
                format!("pod {pod} was not seen; if it keeps log for pod {gone}, it goes on until `aku apply forget {gone}` is run again with pod {pod} there"),
            ));
        }
    }
    let member = world.is_down(gone, Some(gone));
    let approvals = if kept.is_empty() && !member {
        Vec::new()
    } else {
        let scope = format!("{}/{gone}", world.desired.statefulset);
        let because = format!(
            "what pod {gone} committed and had not sent is given up, and so is what the others kept for it; if pod {gone} ever comes back, its rows are deleted and copied anew; as long as its log can be read, `aku recover-log {gone} --log-path DIR` gives the others what it had not sent"
        );
        let mut all = vec![Approval { class: ApprovalClass::LosesUnsent, scope, because }];
        let what = format!("whether pod {gone} left, or is with it where nobody looked, cannot be told from here");
        all.extend(identity::quorum_asked(world, Some(gone), &what));
        all
    };
    let text = if kept.is_empty() && member {
        format!("no pod that was seen keeps log for pod {gone}, and the ledgers call it a running member until this")
    } else if kept.is_empty() {
        format!("no pod that was seen keeps log for pod {gone}")
    } else {
        format!("log is kept for pod {gone} and is freed at the next checkpoint after this: {}", kept.join("; "))
    };
    Ok(Plan {
        goal: world.desired.goal,
        statefulset: world.desired.statefulset.clone(),
        decision: Decision::None { because: vec![why(Code::GoneForGood, text)] },
        pods: world.lines(Some(gone)),
        notes,
        approvals,
        actions: build.finish(),
        already_right: right,
    })
}

/// Objects towards the pod on every pod that was seen, also those of a pod beyond AKU_SERVER_COUNT.
fn held<'a>(world: &ClusterView<'a>, gone: Ordinal) -> Vec<(Ordinal, ReplicationName, &'a Replication)> {
    let wanted = world
        .desired
        .objects_of(gone)
        .filter_map(|(k, o)| world.replication(k, o).map(|found| (k, o.name.clone(), found)));
    let surplus = unmanaged::all(world)
        .into_iter()
        .filter(|s| matches!(s.kind, Kind::Surplus(k) | Kind::OldGroup(k) | Kind::Twin(k) if k == gone))
        .map(|s| (s.pod, s.name.clone(), s.found));
    wanted.chain(surplus).filter(|(pod, _, _)| *pod != gone).collect()
}

fn since(world: &ClusterView<'_>, pod: Ordinal, name: &ReplicationName, found: &Replication) -> String {
    let gap = found.gap.map(|g| format!(", gap {g}")).unwrap_or_default();
    match world.observed.side(pod, name) {
        Side::Live(sn) => format!(" (from SN {sn}{gap})"),
        Side::GaveUp => " (given up already)".to_owned(),
        Side::Missing | Side::Reset | Side::Unknown => String::new(),
    }
}

fn steps(build: &mut Builder, gone: Ordinal, pod: Ordinal, name: &ReplicationName, found: &Replication) {
    let text = format!("pod {pod} keeps log for pod {gone}, which left for good");
    let stopped = runs(found).then(|| {
        let op = Op::Stop { name: name.clone(), peer: gone };
        build.add(pod, op, why(Code::GoneForGood, text.clone()), Dependencies::none())
    });
    if found.position.is_live() || found.gave_up.is_some() {
        let op = Op::Reset { name: name.clone(), peer: gone };
        build.add(pod, op, why(Code::GoneForGood, text), Dependencies::on(stopped, "RESET needs a stopped sender"));
    }
}

fn judge(world: &ClusterView<'_>, gone: Ordinal) -> Result<(), Refusal> {
    let refuse = |kind, code, text: String, next: Vec<String>| {
        Err(Refusal { kind, because: vec![Reason::new(code, text)], next })
    };
    if gone.is_master() {
        return refuse(
            RefusalKind::Refused,
            Code::StillHere,
            "pod 0 is the source of all copies; the log that is kept for it is how it catches up, so it is never forgotten; nothing was changed".to_owned(),
            vec![
                "bring pod 0 back: aku -p start there".to_owned(),
                "if its volume is lost: start an empty pod 0 and run `aku plan recover`".to_owned(),
            ],
        );
    }
    match world.observed.pods.get(&gone) {
        Some(PodView::Broken { said, .. }) => refuse(
            RefusalKind::CannotTell,
            Code::BrokenPod,
            format!("pod {gone} cannot be looked at ({said}), so it may be in service; nothing was changed"),
            vec![
                format!("make pod {gone} answer, or take it away for good (kubectl scale, delete its pod)"),
                format!("then run `aku plan forget {gone}` again"),
            ],
        ),
        Some(PodView::Seen(pod)) => {
            let sends = world.desired.objects_of(gone).any(|(_, o)| world.observed.side(gone, &o.name).has_position());
            if pod.admin_mode() && !sends {
                return Ok(());
            }
            let state = if pod.admin_mode() { "answers and holds positions" } else { "is in service" };
            refuse(
                RefusalKind::Refused,
                Code::StillHere,
                format!(
                    "pod {gone} {state}, so it did not leave; forgetting it would lose what it has not sent; nothing was changed"
                ),
                vec![
                    format!(
                        "aku apply end --ordinal {gone}    (it leaves in an orderly way, and nothing has to be forgotten)"
                    ),
                    format!("aku apply start --ordinal {gone}  (it comes back)"),
                ],
            )
        }
        Some(PodView::Absent { .. }) | None => match held(world, gone).iter().find(|(_, _, found)| is_connected(found))
        {
            None => Ok(()),
            Some((pod, name, _)) => refuse(
                RefusalKind::CannotTell,
                Code::StillHere,
                format!(
                    "pod {gone} does not answer here, and pod {pod} still has a stream with it ({name}): it may live and be cut off from here alone; {STREAM_ENDS}; nothing was changed"
                ),
                vec![
                    format!("stop the server of pod {gone}, or make it answer here"),
                    format!("then run `aku plan forget {gone}` again"),
                ],
            ),
        },
    }
}
