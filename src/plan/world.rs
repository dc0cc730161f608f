//! What the observed pods are to each other: who is a member, who is joined, who is down (DESIGN D1).

use std::collections::BTreeMap;

use super::{
    PodLine, PodState,
    reason::{Code, Reason},
};
use crate::{
    db::Privilege,
    desired::{Desired, Object},
    observe::{Observed, Pod, PodView, Replication, Sender, Side},
    topology::Ordinal,
};

/// Desired and observed side by side, with the questions the planner asks.
pub(super) struct World<'a> {
    pub desired: &'a Desired,
    pub observed: &'a Observed,
}

/// Both sides of one object, seen from one pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sides {
    pub mine: Side,
    pub theirs: Side,
}

impl Sides {
    pub fn both_live(self) -> bool {
        matches!((self.mine, self.theirs), (Side::Live(_), Side::Live(_)))
    }
}

impl<'a> World<'a> {
    pub fn new(desired: &'a Desired, observed: &'a Observed) -> Self {
        Self { desired, observed }
    }

    pub fn pod(&self, pod: Ordinal) -> Option<&'a Pod> {
        self.observed.pod(pod)
    }

    /// Every other pod that was seen, in ordinal order.
    pub fn seen_others(&self, me: Ordinal) -> impl Iterator<Item = Ordinal> + '_ {
        self.desired.pods.keys().copied().filter(move |k| *k != me && self.pod(*k).is_some())
    }

    pub fn replication(&self, pod: Ordinal, object: &Object) -> Option<&'a Replication> {
        self.observed.replication(pod, &object.name)
    }

    pub fn sides(&self, me: Ordinal, other: Ordinal, object: &Object) -> Sides {
        Sides { mine: self.observed.side(me, &object.name), theirs: self.observed.side(other, &object.name) }
    }

    /// Both sides of every group are live.
    pub fn all_live(&self, a: Ordinal, b: Ordinal) -> bool {
        self.desired.objects_between(a, b).all(|o| self.sides(a, b, o).both_live())
    }

    /// Seen, and its copy was completed: live with the source in both directions, in every group. Whether users are
    /// admitted does not matter. While the source is not seen, the pod's own sides towards it must do.
    pub fn is_member(&self, pod: Ordinal) -> bool {
        if self.pod(pod).is_none() {
            return false;
        }
        let source = Ordinal::MASTER;
        pod == source
            || self.desired.objects_between(pod, source).all(|o| {
                let sides = self.sides(pod, source, o);
                matches!((sides.mine, sides.theirs), (Side::Live(_), Side::Live(_) | Side::Unknown))
            })
    }

    /// A member that admits users.
    pub fn is_joined(&self, pod: Ordinal) -> bool {
        self.is_member(pod) && self.pod(pod).is_some_and(|p| !p.admin_mode())
    }

    /// Not there, while a member keeps log for it. `but` is the pod a run is about; what it keeps does not count.
    pub fn is_down(&self, pod: Ordinal, but: Ordinal) -> bool {
        matches!(self.observed.pods.get(&pod), Some(PodView::Absent { .. }) | None)
            && self.desired.objects_of(pod).any(|(other, o)| {
                other != but && self.is_member(other) && matches!(self.observed.side(other, &o.name), Side::Live(_))
            })
    }

    pub fn pods_down(&self, me: Ordinal) -> Vec<Ordinal> {
        self.desired.pods.keys().copied().filter(|k| *k != me && self.is_down(*k, me)).collect()
    }

    pub fn pods_broken(&self) -> Vec<Ordinal> {
        let broken = |view: &PodView| matches!(view, PodView::Broken { .. });
        self.observed.pods.iter().filter(|(_, v)| broken(v)).map(|(k, _)| *k).collect()
    }

    /// Whether a sender thread exists or is wished for.
    pub fn is_started(&self, pod: Ordinal, object: &Object) -> bool {
        self.replication(pod, object).is_some_and(|r| r.is_started || r.sender != Sender::None)
    }

    /// The head lines of the plan.
    pub fn lines(&self, me: Ordinal) -> Vec<PodLine> {
        let line = |(pod, view): (&Ordinal, &PodView)| {
            let (state, detail) = match view {
                PodView::Seen(p) => {
                    let state = if self.is_joined(*pod) { PodState::Joined } else { PodState::NotJoined };
                    (state, seen_detail(p))
                }
                PodView::Absent { said, .. } if self.is_down(*pod, me) => (PodState::MemberDown, said.clone()),
                PodView::Absent { .. } => (PodState::Absent, "not created yet, or left in an orderly way".to_owned()),
                PodView::Broken { said, .. } => (PodState::Broken, said.clone()),
            };
            PodLine { pod: *pod, state, detail }
        };
        self.observed.pods.iter().map(line).collect()
    }

    /// Notes about pods that are not as they should be.
    pub fn notes(&self, me: Ordinal) -> Vec<Reason> {
        let mut notes = Vec::new();
        for pod in self.pods_down(me) {
            let keepers: BTreeMap<_, _> = self
                .desired
                .objects_of(pod)
                .filter(|(other, _)| *other != me && self.is_member(*other))
                .filter_map(|(other, o)| match self.observed.side(other, &o.name) {
                    Side::Live(sn) => Some((other, sn)),
                    Side::Missing | Side::Reset | Side::GaveUp | Side::Unknown => None,
                })
                .collect();
            let keepers: Vec<_> = keepers.iter().map(|(k, sn)| format!("pod {k} (from SN {sn})")).collect();
            notes.push(Reason::new(
                Code::MemberDown,
                format!(
                    "pod {pod} is down, and log is kept for it on {}; it may hold rows that no other pod has",
                    keepers.join(", ")
                ),
            ));
        }
        for pod in self.pods_broken() {
            if let Some(PodView::Broken { said, .. }) = self.observed.pods.get(&pod) {
                notes.push(Reason::new(Code::PodBroken, format!("pod {pod} cannot be looked at: {said}")));
            }
        }
        for pod in self.seen_others(me) {
            let open = self.pod(pod).is_some_and(|p| !p.admin_mode());
            if open && pod != Ordinal::MASTER && !self.is_member(pod) {
                notes.push(Reason::new(
                    Code::NotConnected,
                    format!("pod {pod} admits users but is not connected with pod 0 in both directions; `aku plan start --ordinal {pod}` says why"),
                ));
            }
        }
        notes
    }
}

fn seen_detail(p: &Pod) -> String {
    let version = p.server.version.as_deref().unwrap_or("unknown version");
    let mode = match (p.admin_mode(), p.privilege) {
        (true, Privilege::Normal | Privilege::Sysdba) => "closed to users (ADMIN_MODE 1)",
        (false, Privilege::Normal | Privilege::Sysdba) => "in service",
    };
    format!("{version}, {mode}")
}
