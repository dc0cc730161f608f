//! The goals beside start, end and clean in a life: whom they concern, what a yes to them gives up, and what must hold
//! right after them.

use std::collections::BTreeSet;

use super::{
    conf::Edit,
    scenario::{Ended, Life, pod},
    sim_cluster::Cut,
};
use crate::{
    desired::Goal,
    plan::{Approval, ApprovalClass, Code, Refusal},
};

impl Life {
    /// Done without a cut: the same plan again is empty.
    fn settled(&mut self, goal: Goal, cut: Cut, ended: &Ended) {
        if !matches!(ended, Ended::Done) || cut != Cut::Never {
            return;
        }
        match self.plan(goal) {
            Ok(plan) => assert!(plan.is_empty(), "{}", self.told(&format!("{goal:?} again: {:#?}", plan.actions))),
            Err(refusal) => panic!("{}", self.told(&format!("{goal:?} again: {refusal:#?}"))),
        }
    }

    /// The running pods are brought back to the file. A plan that leaves something to the next run says so; three runs do
    /// it all.
    pub fn reconcile(&mut self, cut: Cut) -> Ended {
        let mut says = self.leaves_something();
        let ended = self.run(Goal::Reconcile, cut);
        let mut last = ended.clone();
        for _ in 0..2 {
            if !says || cut != Cut::Never || !matches!(last, Ended::Done) {
                break;
            }
            says = self.leaves_something();
            last = self.run(Goal::Reconcile, Cut::Never);
        }
        self.settled(Goal::Reconcile, cut, &last);
        ended
    }

    /// Whether the plan of a reconcile says that another run has to follow.
    fn leaves_something(&mut self) -> bool {
        let says = |plan: crate::plan::Plan| plan.notes.iter().any(|n| n.text.contains("run this again"));
        self.plan(Goal::Reconcile).is_ok_and(says)
    }

    /// Nobody is to be kept in sync any more.
    pub fn clean_everywhere(&mut self, cut: Cut) -> Ended {
        let ended = self.run(Goal::CleanEverywhere, cut);
        self.named_is_forgotten();
        if !matches!(ended, Ended::Nothing | Ended::Refused(_) | Ended::Unapproved(_)) {
            self.touched.extend(0..self.pods());
            self.joined.clear();
        }
        self.settled(Goal::CleanEverywhere, cut, &ended);
        ended
    }

    /// A pod that is not there has left for good: what only it had is given up.
    pub fn forget(&mut self, p: usize, cut: Cut) -> Ended {
        let goal = Goal::Forget(pod(p));
        let ended = self.run(goal, cut);
        if !matches!(ended, Ended::Nothing | Ended::Refused(_)) {
            self.forgotten(p);
            self.joined.remove(&p);
        }
        self.settled(goal, cut, &ended);
        ended
    }

    /// Pod 0 gets the rows of a slave. What pod 0 had sent to another slave only, and what has to be said yes to by name,
    /// is given up.
    pub fn recover(&mut self, cut: Cut) -> Ended {
        self.recover_from(None, cut)
    }

    fn recover_from(&mut self, from: Option<crate::topology::Ordinal>, cut: Cut) -> Ended {
        for p in 0..self.pods() {
            self.still(p);
        }
        let given_up: BTreeSet<usize> = match self.plan(Goal::Recover(from)) {
            Ok(plan) => plan.approvals.iter().filter(|a| a.class != ApprovalClass::DeletesRows).map(scope).collect(),
            Err(_) => BTreeSet::new(),
        };
        self.forgotten(0);
        for p in given_up {
            self.forgotten(p);
        }
        self.tables_given_up(from);
        let ended = self.run(Goal::Recover(from), cut);
        if !matches!(ended, Ended::Nothing | Ended::Refused(_)) {
            // The others leave; each comes back by its own start.
            self.joined.clear();
        }
        ended
    }

    /// Tables that only pod 0 has rows of, which a recovery names and somebody says yes to.
    fn tables_given_up(&mut self, from: Option<crate::topology::Ordinal>) {
        let Ok(plan) = self.plan(Goal::Recover(from)) else { return };
        let named = plan.approvals.iter().filter(|a| a.class == ApprovalClass::EmptySource && scope(a) == 0);
        let words: Vec<String> = named.map(|a| a.because.clone()).collect();
        let tables = self.shape.tables;
        let given = |t: &usize| words.iter().any(|w| w.contains(&format!("of SYS.T{t}")));
        let given: BTreeSet<usize> = (1..=tables).filter(given).collect();
        self.stage.lock().heirlooms.retain(|(t, _), _| !given.contains(t));
    }

    /// Somebody edits aku.conf. A pod that it no longer has ends first, or is just taken away.
    pub fn edit_conf(&mut self) -> Option<Edit> {
        let shape = self.shape;
        let edit = self.conf.edit(&mut self.rng, &shape)?;
        self.stage.say(format!("--- aku.conf: {edit:?}"));
        if let Edit::Count(before, after) = edit
            && after < before
        {
            let gone = usize::from(after);
            let new = std::mem::replace(&mut self.conf.count, before);
            if self.rng.percent(60) && self.stage.lock().sim.is_up(gone) {
                self.end(gone, Cut::Never);
            }
            self.conf.count = new;
            self.still(gone);
            self.forgotten(gone);
            self.joined.remove(&gone);
            self.kill(gone);
        }
        Some(edit)
    }

    /// Somebody gives groups other names or other tables.
    pub fn turn_conf(&mut self, rng: &mut crate::lab::sim::Rng) {
        let edit = self.conf.turn(rng);
        self.stage.say(format!("--- aku.conf: {edit:?}"));
    }

    /// What a start said that only another goal can help with; then that is done.
    pub fn help(&mut self, p: usize, said: &Ended) -> bool {
        match said {
            // It does not hold the rows of the others, and was not opened: it is copied anew, as the advice says.
            Ended::Incomplete(which) if which.contains(crate::apply::codes::Code::RowsDiffer.as_str()) => {
                if p == 0 {
                    let others = (1..self.pods()).filter(|k| which.contains(&format!("source: Ordinal({k})")));
                    let from = others.map(pod).next();
                    return matches!(self.recover_from(from, Cut::Never), Ended::Done);
                }
                let left = self.clean(p, Cut::Never);
                // What only it has is said yes to.
                self.forgotten(p);
                self.strangers.insert(p);
                matches!(left, Ended::Done)
            }
            Ended::Refused(refusal) => self.help_refused(refusal),
            // It would delete rows that others cannot take because their objects are not as aku.conf says.
            Ended::Unapproved(open) if open.iter().any(|a| a.class == ApprovalClass::LosesUnsent) => {
                matches!(self.reconcile(Cut::Never), Ended::Done)
            }
            // Pod 0 is empty and somebody has rows.
            Ended::Unapproved(open) if open.iter().any(|a| a.class == ApprovalClass::EmptySource && scope(a) == 0) => {
                matches!(self.recover(Cut::Never), Ended::Done)
            }
            Ended::Nothing | Ended::Done | Ended::Incomplete(_) | Ended::Unapproved(_) => false,
        }
    }

    fn help_refused(&mut self, refusal: &Refusal) -> bool {
        let said = |code: Code| refusal.because.iter().any(|r| r.code == code);
        if said(Code::ConflictRule) {
            return self.set_as_told(refusal);
        }
        if said(Code::Cloned) {
            return self.remove_copies();
        }
        if said(Code::CleanBrokeOff) {
            // Either of the two that it advises.
            let again = self.rng.percent(50) && matches!(self.clean(0, Cut::Never), Ended::Done);
            return again || matches!(self.recover(Cut::Never), Ended::Done);
        }
        if said(Code::MasterFailed) || said(Code::MasterRestored) {
            return matches!(self.recover(Cut::Never), Ended::Done);
        }
        if said(Code::DefinitionDiffers) {
            return matches!(self.reconcile(Cut::Never), Ended::Done);
        }
        if said(Code::ConfDiffers) {
            let mut helped = false;
            for gone in usize::from(self.conf.count)..self.pods() {
                helped |= matches!(self.forget(gone, Cut::Never), Ended::Done);
            }
            let reconciled = matches!(self.reconcile(Cut::Never), Ended::Done);
            return helped || reconciled;
        }
        false
    }
}

/// The pod that an approval is about.
pub fn scope(approval: &Approval) -> usize {
    approval.scope.rsplit_once('/').and_then(|(_, pod)| pod.parse().ok()).expect("a scope names a pod")
}
