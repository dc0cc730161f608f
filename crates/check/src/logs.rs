//! Rules about logs of a dead pod that survivors read: only a dead pod's, only where it is known or said whose they are,
//! through an object that is stopped, and everything is as before afterwards. No other goal reads any.

use aku_core::{
    attributes::ObjectOption,
    desired::Goal,
    logs::{LogPath, Seen},
    observe::{PodView, Sender},
    plan::{
        Action, ApprovalClass,
        action::{Op, RunWhen},
    },
    topology::{Ordinal, ReplicationName},
};

use super::Checker;

impl<'a> Checker<'a> {
    /// Who does what: the goal that reads logs does nothing else, and no other does it.
    pub(super) fn logs_only(&mut self) {
        let dead = match self.desired.goal {
            Goal::RecoverLog(dead) => Some(dead),
            Goal::Start(_)
            | Goal::End(_)
            | Goal::Clean(_)
            | Goal::CleanEverywhere
            | Goal::Reconcile
            | Goal::Recover(_)
            | Goal::Forget(_)
            | Goal::Repair(_) => None,
        };
        for a in &self.plan.actions {
            let (reads, peer) = match &a.op {
                Op::SetLogPath { peer, .. } | Op::ReadLogs { peer, .. } => (true, Some(*peer)),
                Op::Retry { peer, .. }
                | Op::Stop { peer, .. }
                | Op::ClearOption { peer, option: ObjectOption::Offline, .. } => (false, Some(*peer)),
                _ => (false, None),
            };
            match dead {
                None if reads => self.broken("logs", format!("{} is no work of this goal", a.id)),
                Some(dead) if peer != Some(dead) || a.pod == dead => {
                    self.broken("logs", format!("{} is not about what pod {dead} sends to pod {}", a.id, a.pod));
                }
                None | Some(_) => {}
            }
        }
        let Some(dead) = dead.filter(|_| !self.plan.actions.is_empty()) else { return };
        match self.observed.pods.get(&dead) {
            Some(PodView::Absent { .. }) => {}
            Some(PodView::Seen(_) | PodView::Broken { .. }) | None => {
                self.broken("logs-of-the-living", format!("pod {dead} may live, and its log is read"));
            }
        }
    }

    /// START RETRY towards a dead pod: never where it would begin now, and never with the option still to be taken off.
    pub(super) fn retry(&mut self, a: &Action, name: &'a ReplicationName, peer: Ordinal) {
        if self.observed.pod(peer).is_some() {
            self.broken("retry", format!("{} does not look whether pod {peer}, which answers, lets it in", a.id));
        }
        if !self.live(a.pod, name) {
            self.broken("retry", format!("{} starts {name} on pod {}, which holds no position", a.id, a.pod));
        }
        let clears = self.index.about(a.pod, name).filter(|b| is_clear(&b.op)).map(|b| b.id).collect::<Vec<_>>();
        let late = clears.iter().any(|id| !a.waits().any(|before| before == *id));
        if late || clears.is_empty() {
            self.broken("retry", format!("{} starts {name} on pod {} before OFFLINE is taken off", a.id, a.pod));
        }
    }

    /// The option is put on a stopped object, and taken off whatever happens.
    pub(super) fn set_log_path(&mut self, a: &Action, name: &'a ReplicationName) {
        let found = self.observed.replication(a.pod, name);
        let runs = found.is_some_and(|r| r.is_started || r.sender != Sender::None);
        let stop = self.index.about(a.pod, name).find(|b| matches!(b.op, Op::Stop { .. })).map(|b| b.id);
        if runs && !self.did(a, a.pod, name, |op| matches!(op, Op::Stop { .. })) {
            self.broken("logs", format!("{} sets OFFLINE on {name} of pod {}, which sends", a.id, a.pod));
        }
        let off = self.index.about(a.pod, name).any(|b| is_clear(&b.op) && b.run == RunWhen::Always { armed_by: a.id });
        if !off {
            self.broken(
                "put-back",
                format!("{} sets OFFLINE on {name} of pod {} and nothing takes it off", a.id, a.pod),
            );
        }
        let armed = |id| {
            self.index
                .about(a.pod, name)
                .any(|b| matches!(b.op, Op::Retry { .. }) && b.run == RunWhen::Always { armed_by: id })
        };
        if let Some(stop) = stop.filter(|id| self.live(a.pod, name) && !armed(*id)) {
            self.broken("put-back", format!("{stop} stops {name} on pod {} and nothing starts it again", a.pod));
        }
    }

    /// The directory is the one that was named for this pod, the option was set to it, nothing shows that it is another pod's,
    /// and somebody says yes to it.
    pub(super) fn read_logs(&mut self, a: &Action, name: &'a ReplicationName, path: &LogPath) {
        let Goal::RecoverLog(dead) = self.desired.goal else { return };
        let k = a.pod;
        let set = self
            .index
            .about(k, name)
            .any(|b| matches!(&b.op, Op::SetLogPath { path: p, .. } if p == path) && self.is_before(b, a));
        let later = self.index.about(k, name).filter(|b| is_clear(&b.op)).all(|b| b.waits().any(|id| id == a.id));
        if !set || !later {
            self.broken("logs", format!("{} reads {path} on pod {k}, and OFFLINE is not set to it then", a.id));
        }
        if !self.observed.replication(k, name).is_some_and(|r| r.position.is_live() || r.gave_up.is_some()) {
            self.broken(
                "logs",
                format!("{} reads for {name} on pod {k}, which is not connected with pod {dead}", a.id),
            );
        }
        let Some(directory) = self.observed.logs.get(&k).filter(|d| d.path == *path) else {
            self.broken("whose-logs", format!("{} reads {path} on pod {k}, which nobody named", a.id));
            return;
        };
        if let Some(owner) = self.writes_there(path) {
            self.broken("whose-logs", format!("{} reads {path} on pod {k}, where pod {owner} writes its log", a.id));
        }
        let scope = format!("{}/{k}", self.desired.statefulset);
        let asks = self.plan.approvals.iter().any(|y| y.class == ApprovalClass::UnprovedLogs && y.scope == scope);
        let others = match &directory.seen {
            Seen::NotLooked | Seen::Unreadable(_) => false,
            Seen::Read(contents) => contents.rows.iter().any(|row| row.0.contains_key(&dead)),
        };
        if others {
            self.broken("whose-logs", format!("{} reads {path} on pod {k}, which holds another pod's ledger", a.id));
        }
        if !asks {
            self.broken("whose-logs", format!("{} reads {path} on pod {k}, and nobody is asked whose it is", a.id));
        }
    }

    fn writes_there(&self, path: &LogPath) -> Option<Ordinal> {
        let own = |k: &Ordinal| self.observed.pod(*k).and_then(|p| p.properties.get("LOG_DIR"));
        self.desired.pods.keys().copied().find(|k| own(k).is_some_and(|text| path.is_same_as(text)))
    }
}

fn is_clear(op: &Op) -> bool {
    matches!(op, Op::ClearOption { option: ObjectOption::Offline, .. })
}
