//! A dead pod's unsent tail is read from its online logs by its survivors (`measured.md` 9.6): STOP, SET OFFLINE ENABLE, START
//! WITH OFFLINE, SET OFFLINE DISABLE, START RETRY. Every survivor reads for itself, because what a pod receives it does not
//! send on. No position is touched, so a pod that comes back goes on where it was.

use std::collections::BTreeMap;

use aku_core::{
    attributes::ObjectOption,
    desired::Object,
    logs::LogPath,
    observe::{Mode, PodView, Replication},
    plan::{
        Approval, ApprovalClass, Decision, Plan, Refusal, RefusalKind, RunWhen,
        action::Op,
        reason::{Code, Reason},
    },
    topology::Ordinal,
};

use super::{
    build::{Builder, Dependencies, pods, why},
    cluster_view::{ClusterView, STREAM_ENDS, is_connected, runs},
    conflicts, whose_logs,
};

pub(super) fn plan(world: &ClusterView<'_>, dead: Ordinal) -> Result<Plan, Refusal> {
    is_dead(world, dead)?;
    let (connected, mut left) = connected(world, dead);
    let told = told(world, dead, &connected, &left)?;
    left.extend(left_out(world, dead, &connected));
    let mut notes = world.notes(Some(dead));
    notes.extend(left);
    notes.extend(conflicts::repeats(world, "the log", "on the survivors"));
    let (mut build, mut approvals) = (Builder::default(), Vec::new());
    let mut because = vec![why(
        Code::ReadLogs,
        format!(
            "what pod {dead} committed and had not sent to {} is applied there from its log, as if it had come back for a moment; what is there already is skipped, and what it had not committed does not come",
            pods(&told.keys().copied().collect::<Vec<_>>())
        ),
    )];
    for (k, (path, known)) in &told {
        because.push(why(Code::WhoseLogs, format!("pod {k}: {known}")));
        approvals.push(asked(world, dead, *k, path, known));
        for (object, found) in connected.get(k).into_iter().flatten() {
            steps(&mut build, (*k, dead), (object, found), path, &whose_logs::applied(world, dead, *k));
        }
    }
    Ok(Plan {
        goal: world.desired.goal,
        statefulset: world.desired.statefulset.clone(),
        decision: Decision::Logs { because, paths: told.into_iter().map(|(k, (path, _))| (k, path)).collect() },
        pods: world.lines(Some(dead)),
        notes,
        approvals,
        actions: build.finish(),
        already_right: 0,
    })
}

/// Objects of survivors that are connected with the dead pod, and through which a log can be read.
type Connected<'a> = BTreeMap<Ordinal, Vec<(&'a Object, &'a Replication)>>;

/// Those, and what else of a survivor that was seen gets nothing.
fn connected<'a>(world: &ClusterView<'a>, dead: Ordinal) -> (Connected<'a>, Vec<Reason>) {
    let (mut all, mut left) = (Connected::new(), Vec::new());
    for k in world.seen_others(dead) {
        let mut note = |text: String| left.push(Reason::new(Code::LogsNotRead, text));
        for object in world.objects_between(k, dead) {
            let keeps = world.observed.side(k, &object.name).has_position();
            match world.replication(k, object).filter(|_| keeps) {
                None => note(format!(
                    "pod {k} gets nothing through {}: it keeps no position towards pod {dead}, so it was not connected with it",
                    object.name
                )),
                Some(found) => match bar(found) {
                    Some(why) => note(format!("pod {k} gets nothing through {}, which {why}", object.name)),
                    None => all.entry(k).or_default().push((object, found)),
                },
            }
        }
    }
    (all, left)
}

/// Why the server does not read logs for an object.
fn bar(found: &Replication) -> Option<&'static str> {
    if found.options & ObjectOption::Recovery.bit() != 0 {
        return Some("has the option RECOVERY (397575)");
    }
    match found.mode {
        Mode::Lazy => None,
        Mode::Eager | Mode::Other(_) => Some("is not LAZY (397576); a commit of an EAGER object waits for its peers"),
    }
}

fn steps(
    build: &mut Builder,
    (k, dead): (Ordinal, Ordinal),
    (object, found): (&Object, &Replication),
    path: &LogPath,
    known: &str,
) {
    let (name, peer, path) = (|| object.name.clone(), dead, || path.clone());
    let text = format!("pod {k} waits for pod {dead}, and an object that sends reads no logs (397322)");
    let stopped = runs(found)
        .then(|| build.add(k, Op::Stop { name: name(), peer }, why(Code::StopFirst, text), Dependencies::none()));
    let waits = Dependencies::on(stopped, "only a stopped object takes the option");
    let text = format!("where pod {k} finds the log of pod {dead}");
    let set = build.add(k, Op::SetLogPath { name: name(), peer, path: path() }, why(Code::ReadLogs, text), waits);
    let text = format!("pod {k}{known} gets what pod {dead} committed and had not sent through {}", object.name);
    let waits = Dependencies::on([set], "it reads that directory");
    let read = build.add(k, Op::ReadLogs { name: name(), peer, path: path() }, why(Code::ReadLogs, text), waits);
    let text = "the option is for this run only; left behind it would be drift";
    let cleared = build.add_when(
        k,
        Op::ClearOption { name: name(), peer, option: ObjectOption::Offline },
        why(Code::PutBack, text),
        Dependencies::on([set, read], "it is needed until the log is read"),
        RunWhen::Always { armed_by: set },
    );
    if found.position.is_live() && (stopped.is_some() || found.gave_up.is_none()) {
        let text = format!("pod {k} waits for pod {dead} again; its own position is where it was");
        build.add_when(
            k,
            Op::Retry { name: name(), peer },
            why(Code::PutBack, text),
            Dependencies::on([cleared].into_iter().chain(stopped), "an object that sends keeps its options"),
            RunWhen::Always { armed_by: stopped.unwrap_or(set) },
        );
    }
}

fn asked(world: &ClusterView<'_>, dead: Ordinal, k: Ordinal, path: &LogPath, known: &str) -> Approval {
    Approval {
        class: ApprovalClass::UnprovedLogs,
        scope: format!("{}/{k}", world.desired.statefulset),
        because: format!(
            "pod {k} reads {path} as the log of pod {dead} ({known}), and a server takes another pod's log without a word: its rows would be applied as those of pod {dead}"
        ),
    }
}

/// Where each survivor reads, and what is known of it.
fn told(
    world: &ClusterView<'_>,
    dead: Ordinal,
    connected: &Connected<'_>,
    left: &[Reason],
) -> Result<BTreeMap<Ordinal, (LogPath, String)>, Refusal> {
    let give_up = if dead.is_master() {
        "aku plan recover    (an empty pod 0 is filled from a slave; what pod 0 had not sent is given up)".to_owned()
    } else {
        format!("aku plan forget {dead}    (gives up what pod {dead} had not sent)")
    };
    let refuse = |because: Vec<Reason>, next: Vec<String>| Refusal { kind: RefusalKind::Refused, because, next };
    if connected.is_empty() {
        let text = format!(
            "no pod that was seen can read the log of pod {dead}: none keeps a position towards it through an object that reads logs; nothing was changed"
        );
        let mut because = vec![Reason::new(Code::NobodyReads, text)];
        because.extend(left.iter().cloned());
        return Err(refuse(because, vec!["aku status".to_owned()]));
    }
    let (mut told, mut wrong) = (BTreeMap::new(), Vec::new());
    for (k, directory) in world.observed.logs.iter().filter(|(k, _)| connected.contains_key(k)) {
        match whose_logs::judge(world, dead, *k, directory) {
            Ok(known) => drop(told.insert(*k, (directory.path.clone(), known))),
            Err(why) => wrong.push(why),
        }
    }
    if told.is_empty() && wrong.is_empty() {
        let text = format!(
            "no directory is named for {}, which could read the log of pod {dead}; nothing was changed",
            pods(&connected.keys().copied().collect::<Vec<_>>())
        );
        let next = vec![format!("aku plan recover-log {dead} --log-path DIR    (--log-path K=DIR for pod K alone)")];
        return Err(refuse(vec![Reason::new(Code::NobodyReads, text)], next));
    }
    if wrong.is_empty() {
        return Ok(told);
    }
    let next = vec![
        format!("find the log of pod {dead}: its volume, mounted or copied to a path of its own beside each survivor"),
        format!("aku plan recover-log {dead} --log-path DIR"),
        give_up,
    ];
    Err(refuse(wrong, next))
}

/// Who gets nothing, and why.
fn left_out(world: &ClusterView<'_>, dead: Ordinal, connected: &Connected<'_>) -> Vec<Reason> {
    let mut notes = Vec::new();
    let mut note = |text: String| notes.push(Reason::new(Code::LogsNotRead, text));
    for k in connected.keys().filter(|k| !world.observed.logs.contains_key(k)) {
        note(format!(
            "pod {k} gets nothing: no directory is named for it, and what others read is not sent on; `aku apply recover-log {dead} --log-path {k}=DIR` does it"
        ));
    }
    for (pod, view) in &world.observed.pods {
        match view {
            PodView::Absent { .. } | PodView::Broken { .. } if *pod != dead && world.is_down(*pod, Some(dead)) => {
                note(format!("pod {pod} was not seen and gets nothing; run this again when it is back"));
            }
            PodView::Absent { .. } | PodView::Broken { .. } | PodView::Seen(_) => {}
        }
    }
    notes
}

/// Nothing is read in the stead of a pod that may live: it sends by itself.
fn is_dead(world: &ClusterView<'_>, dead: Ordinal) -> Result<(), Refusal> {
    let refuse = |kind, code, text: String, next: Vec<String>| {
        Err(Refusal { kind, because: vec![Reason::new(code, text)], next })
    };
    let again = format!("aku plan recover-log {dead} --log-path DIR");
    match world.observed.pods.get(&dead) {
        None => {
            return refuse(
                RefusalKind::Refused,
                Code::SurplusPod,
                format!(
                    "AKU_SERVER_COUNT is {}, so there is no pod {dead}; nothing was changed",
                    world.desired.pods.len()
                ),
                vec!["aku status".to_owned()],
            );
        }
        Some(PodView::Seen(_)) => {
            return refuse(
                RefusalKind::Refused,
                Code::StillHere,
                format!(
                    "pod {dead} answers, so it is not dead: what it has not sent it delivers itself when it starts; nothing was changed"
                ),
                vec![format!("aku apply start --ordinal {dead}")],
            );
        }
        Some(PodView::Broken { said, .. }) => {
            return refuse(
                RefusalKind::CannotTell,
                Code::BrokenPod,
                format!("pod {dead} cannot be looked at ({said}), so it may live and send; nothing was changed"),
                vec![format!("make pod {dead} answer, or stop its server"), again],
            );
        }
        Some(PodView::Absent { .. }) => {}
    }
    let streams =
        |k: &Ordinal| world.objects_between(*k, dead).filter_map(|o| world.replication(*k, o)).any(is_connected);
    match world.seen_others(dead).find(streams) {
        None => Ok(()),
        Some(k) => refuse(
            RefusalKind::CannotTell,
            Code::BrokenPod,
            format!(
                "pod {dead} does not answer here, and pod {k} still has a stream with it: it may live; {STREAM_ENDS}; nothing was changed"
            ),
            vec!["aku status".to_owned(), again],
        ),
    }
}
