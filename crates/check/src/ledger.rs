//! Rules about the ledger: a row goes forward only, is written where it belongs, and stands before users come; an older copy
//! of a volume is never opened as it is.

use aku_core::{
    conf::Switch,
    desired::Goal,
    ledger::{Ledger, Standing, View},
    topology::Ordinal,
};

use super::{Action, Checker, Op};

impl Checker<'_> {
    pub(super) fn row(&self, pod: Ordinal) -> Option<&Ledger> {
        let seen = self.observed.pod(pod)?;
        let here = |l: &&Ledger| l.pod == pod && seen.server.signature.as_deref().map(str::trim) == Some(&l.signature);
        seen.ledger.held().filter(here)
    }

    /// Whether the newest ledger that knows of a pod which was not seen calls it running; of the cluster of pod 0, or, where
    /// pod 0 has no ledger, of the newest.
    pub(super) fn called_running(&self, pod: Ordinal) -> bool {
        if self.desired.ledger == Switch::Off {
            return false;
        }
        let rows = || self.desired.pods.keys().filter_map(|k| self.row(*k));
        let Some(of) = self.row(Ordinal::MASTER).or_else(|| rows().max_by_key(|l| l.run)) else { return false };
        let knows =
            rows().filter(|l| l.cluster == of.cluster).filter_map(|l| Some((l.run, l.peers.get(&pod)?.standing)));
        knows.max_by_key(|(run, _)| *run).is_some_and(|(_, standing)| standing == Standing::Running)
    }

    pub(super) fn write_ledger(&mut self, a: &Action, row: &Ledger) {
        let Some(seen) = self.observed.pod(a.pod) else { return };
        let signature = seen.server.signature.as_deref().map(str::trim);
        let writable = match &seen.ledger {
            View::Missing | View::Empty | View::Held(_) => true,
            View::NotRead | View::Broken { .. } | View::Newer { .. } => false,
        };
        if self.desired.ledger == Switch::Off || !writable {
            self.broken("ledger", format!("{} writes a ledger on pod {} that is not to be touched", a.id, a.pod));
        }
        if row.pod != a.pod || signature != Some(&row.signature) {
            self.broken("ledger", format!("{} writes the row of another database on pod {}", a.id, a.pod));
        }
        let back = |l: &Ledger| l.cluster == row.cluster && (l.run >= row.run || l.incarnation > row.incarnation);
        if self.row(a.pod).is_some_and(back) {
            self.broken("ledger", format!("{} takes the ledger of pod {} back", a.id, a.pod));
        }
        self.keeps_proofs(a, row);
    }

    /// Of a pod that neither opens nor gets a copy a run writes what the pod shows itself: whose rows it has, and that its volume
    /// was put back, must still be seen afterwards.
    fn keeps_proofs(&mut self, a: &Action, row: &Ledger) {
        let renewed = match self.desired.goal {
            Goal::Start(pod) => pod == a.pod,
            Goal::Recover(_) => row.copied.is_some_and(|c| c.run == row.run),
            Goal::End(_)
            | Goal::Clean(_)
            | Goal::CleanEverywhere
            | Goal::Reconcile
            | Goal::Forget(_)
            | Goal::Repair(_)
            | Goal::RecoverLog(_) => false,
        };
        if renewed {
            return;
        }
        let others = self.desired.pods.keys().filter(|k| **k != a.pod).filter_map(|k| self.row(*k));
        let remembered = others.filter_map(|l| l.peers.get(&a.pod)).filter(|p| p.signature == row.signature);
        let furthest = remembered.map(|p| p.incarnation).max();
        let hidden = match self.row(a.pod) {
            Some(held) => held.cluster != row.cluster || held.incarnation < row.incarnation,
            None => furthest.is_some(),
        };
        if hidden {
            self.broken("ledger", format!("{} hides on pod {} whose rows it has, or that they are old", a.id, a.pod));
        }
    }

    /// A pod opens with a row that says so, and never as an older copy of itself.
    pub(super) fn opens_as_itself(&mut self, open: &Action) {
        let (pod, on_start) = match self.desired.goal {
            Goal::Start(pod) => (pod, open.pod == pod),
            Goal::Recover(_)
            | Goal::End(_)
            | Goal::Clean(_)
            | Goal::CleanEverywhere
            | Goal::Reconcile
            | Goal::Forget(_)
            | Goal::Repair(_)
            | Goal::RecoverLog(_) => return,
        };
        if self.desired.ledger == Switch::Off || !on_start {
            return;
        }
        let is_row = |a: &&Action| a.pod == pod && matches!(a.op, Op::WriteLedger { .. });
        if let Some(written) = self.plan.actions.iter().find(is_row)
            && !self.is_before(written, open)
        {
            self.broken("ledger", format!("{} opens pod {pod} before its ledger says so", open.id));
        }
        let mine = self.observed.pod(pod).and_then(|p| p.server.signature.as_deref()).map(str::trim);
        let shown = self.row(pod);
        let missing = match self.observed.pod(pod).map(|p| &p.ledger) {
            Some(View::Missing | View::Empty) => true,
            Some(View::NotRead | View::Broken { .. } | View::Newer { .. } | View::Held(_)) | None => false,
        };
        let older = |k: &Ordinal| {
            let Some(theirs) = self.row(*k) else { return false };
            let Some(then) = theirs.peers.get(&pod).filter(|p| Some(p.signature.as_str()) == mine) else {
                return false;
            };
            missing || shown.is_some_and(|s| s.cluster == theirs.cluster && s.incarnation < then.incarnation)
        };
        let others = self.desired.pods.keys().filter(|k| **k != pod).any(older);
        let emptied = self.index.of(pod, super::Kind::Truncate).any(|t| self.is_before(t, open));
        if others && !emptied {
            let text = format!("{} opens pod {pod}, whose volume is an older copy of itself, as it is", open.id);
            self.broken("restored", text);
        }
    }
}
