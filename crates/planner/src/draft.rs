//! What every start begins with: its notes, its actions so far, and how a plan is made of them.

use aku_core::{
    desired::Object,
    observe::{MarkerView, PodView, Side},
    plan::{
        Plan, Refusal, RefusalKind,
        reason::{Code, Reason},
    },
    topology::Ordinal,
};
use foldhash::HashSet;

use super::{
    build::Builder,
    cluster_view::ClusterView,
    conflicts, ledger, preflight,
    unmanaged::{self, Kind},
};

/// What every road of a start begins with.
pub(super) struct Draft {
    pub me: Ordinal,
    pub notes: Vec<Reason>,
    pub build: Builder,
    /// Where the rows of the pod are copied from, on a road that copies them.
    pub copied_from: Option<Ordinal>,
}

impl Draft {
    pub fn new(world: &ClusterView<'_>, me: Ordinal) -> Self {
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
        notes.extend(conflicts::notes(world, Some(me)));
        notes.extend(newcomers(world));
        notes.extend(foreign(world, me));
        notes.extend(ledger::notes(world));
        notes.extend(ledger::without(world));
        Self { me, notes, build: Builder::default(), copied_from: None }
    }

    pub fn into_plan(
        self,
        world: &ClusterView<'_>,
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
fn newcomers(world: &ClusterView<'_>) -> Vec<Reason> {
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

/// Objects on the pod that aku.conf does not ask for.
fn foreign(world: &ClusterView<'_>, me: Ordinal) -> Vec<Reason> {
    let count = world.desired.pods.len();
    let note = |stray: unmanaged::Stray<'_>| {
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
    unmanaged::of(world, me).into_iter().map(note).collect()
}

/// Whether the marker has to be written at the end of a start.
pub(super) fn marker_wanted(world: &ClusterView<'_>) -> bool {
    match world.observed.marker {
        MarkerView::Missing | MarkerView::Stale => true,
        MarkerView::Elsewhere | MarkerView::Present => false,
    }
}

/// Objects of pod `me` that do not exist: on itself for every pair, on others only where they are members, because a
/// pod that is not creates its own when it starts.
pub(super) fn missing_objects<'a>(world: &ClusterView<'a>, me: Ordinal) -> Vec<(Ordinal, &'a Object)> {
    let missing = |pod: Ordinal, o: &Object| world.observed.side(pod, &o.name) == Side::Missing;
    let mine = world.desired.objects_of(me).filter(|(_, o)| missing(me, o)).map(|(_, o)| (me, o));
    let theirs = world.desired.objects_of(me).filter(|(k, o)| world.is_member(*k) && missing(*k, o));
    mine.chain(theirs).collect()
}

/// Refusal for a source that cannot be used, with what is known about it.
pub(super) fn no_source(world: &ClusterView<'_>, me: Ordinal, because: &[Reason]) -> Refusal {
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
