//! Rules about rows that nobody else may have: each goes only with a yes that is about it.

use aku_core::{
    conf::Switch,
    desired::Goal,
    ledger::{ClusterId, Peer, Standing},
    observe::RowCount,
    plan::{Action, Approval, ApprovalClass, action::Op},
    topology::{Ordinal, Target},
};

use super::Checker;

impl Checker<'_> {
    fn counted(&self, pod: Ordinal, target: &Target) -> RowCount {
        self.rows.get(&(pod, target)).copied().unwrap_or(RowCount::NotCounted)
    }

    fn asks(&self, class: ApprovalClass, pod: Ordinal) -> bool {
        let scope = format!("{}/{pod}", self.desired.statefulset);
        self.plan.approvals.iter().any(|y: &Approval| y.class == class && y.scope == scope)
    }

    /// Rows of one table that a copy deletes.
    pub(super) fn rows_named(&mut self, a: &Action, target: &Target, source: Ordinal) {
        let joiner = a.pod;
        let (mine, theirs) = (self.counted(joiner, target), self.counted(source, target));
        if mine.is_empty() == Some(true) {
            return;
        }
        if !self.asks(ApprovalClass::DeletesRows, joiner) {
            self.broken("deletes-rows", format!("{} empties {target} on pod {joiner}, and nobody is asked", a.id));
        }
        let asks_source = self.asks(ApprovalClass::EmptySource, joiner);
        let explained = theirs.is_empty() == Some(true) && self.delivered_at_its_end(joiner, source);
        if theirs.is_empty() != Some(false) && !asks_source && !explained {
            let text =
                format!("{} empties {target} for pod {source}, which may be empty there, and nobody is asked", a.id);
            self.broken("empty-source", text);
        }
        match self.desired.goal {
            Goal::Start(_) => {}
            // It was filled anew because it is the one that failed.
            Goal::Recover(_)
            | Goal::End(_)
            | Goal::Clean(_)
            | Goal::CleanEverywhere
            | Goal::Reconcile
            | Goal::Forget(_)
            | Goal::Repair(_)
            | Goal::RecoverLog(_) => return,
        }
        if self.began_anew(joiner, source) && !asks_source {
            let text = format!(
                "{} empties {target} for pod {source}, whose database is younger than that of pod {joiner}, and nobody is asked",
                a.id
            );
            self.broken("younger-source", text);
        }
        let more = theirs.exact().is_some_and(|n| mine.at_least() > n);
        let told = self.cluster(source).filter(|_| self.desired.ledger == Switch::On);
        let kin = told.is_none_or(|c| self.cluster(joiner) == Some(c));
        let unknown = if let Some(known) = self.strangers.get(&(joiner, source)) {
            *known
        } else {
            let none = self.between(joiner, source).all(|o| self.observed.replication(joiner, &o.name).is_none());
            self.strangers.insert((joiner, source), none);
            none
        };
        if unknown && (more || !kin) && !(asks_source || self.asks(ApprovalClass::LosesUnsent, joiner)) {
            let text = format!("{} empties {target} on pod {joiner}, which sent to nobody, and nobody is asked", a.id);
            self.broken("sent-to-nobody", text);
        }
    }

    /// The source's database was created after the joiner's, and no older pod is live with the source both ways.
    fn began_anew(&self, joiner: Ordinal, source: Ordinal) -> bool {
        let second = |pod: Ordinal| {
            let signature = self.observed.pod(pod)?.server.signature.as_ref()?;
            let middle = signature.split(['-', ':']).nth(1)?;
            u32::from_str_radix(middle, 16).ok()
        };
        let Some(source_born) = second(source) else { return false };
        let older = |pod: Ordinal| second(pod).is_some_and(|born| born < source_born);
        let beside = |k: &Ordinal| *k != joiner && *k != source;
        let copied = |k: Ordinal| self.row(k).is_some_and(|l| l.copied.is_some_and(|c| c.from == source));
        older(joiner)
            && self.cluster(joiner).is_none_or(|c| self.cluster(source) != Some(c))
            && !self
                .desired
                .pods
                .keys()
                .copied()
                .filter(beside)
                .any(|k| older(k) && self.is_member(k, source) && !copied(k))
    }

    fn cluster(&self, pod: Ordinal) -> Option<ClusterId> {
        self.row(pod).map(|l| l.cluster)
    }

    /// Both ledgers say that the joiner, as it is, left in order: the source had all its rows.
    fn delivered_at_its_end(&self, joiner: Ordinal, source: Ordinal) -> bool {
        let (Some(mine), Some(theirs)) = (self.row(joiner), self.row(source)) else { return false };
        let ended = |p: &Peer| p.standing == Standing::Ended && p.incarnation == mine.incarnation;
        mine.cluster == theirs.cluster
            && mine.standing == Standing::Ended
            && theirs.peers.get(&joiner).is_some_and(ended)
    }

    /// A pod that leaves with another's volume is closed, and that is all.
    fn leaves_with_its_own(&mut self) {
        let me = match self.desired.goal {
            Goal::End(me) | Goal::Clean(me) => me,
            Goal::Start(_)
            | Goal::CleanEverywhere
            | Goal::Reconcile
            | Goal::Recover(_)
            | Goal::Forget(_)
            | Goal::Repair(_)
            | Goal::RecoverLog(_) => return,
        };
        let Some(seen) = self.observed.pod(me) else { return };
        let of_another = seen
            .ledger
            .held()
            .filter(|l| l.pod != me && seen.server.signature.as_deref().map(str::trim) == Some(l.signature.as_str()));
        let Some(other) = of_another.filter(|_| self.desired.ledger == Switch::On).map(|l| l.pod) else { return };
        let touches = |a: &&Action| !matches!(a.op, Op::Fence | Op::RemoveMarker);
        if let Some(id) = self.plan.actions.iter().find(touches).map(|a| a.id) {
            self.broken(
                "cloned",
                format!("{id} touches more than the door of pod {me}, which holds the volume of pod {other}"),
            );
        }
    }

    /// A pod that holds the database of another gets nothing made.
    pub(super) fn clones(&mut self) {
        self.leaves_with_its_own();
        let joins = match self.desired.goal {
            Goal::Start(_) | Goal::Recover(_) | Goal::Reconcile => true,
            Goal::End(_)
            | Goal::Clean(_)
            | Goal::CleanEverywhere
            | Goal::Forget(_)
            | Goal::Repair(_)
            | Goal::RecoverLog(_) => false,
        };
        let signature = |pod: Ordinal| self.observed.pod(pod).and_then(|p| p.server.signature.clone());
        let about: Vec<_> = match self.desired.goal.single() {
            Some(pod) => vec![pod],
            None => self.desired.pods.keys().copied().collect(),
        };
        let same = |a: Ordinal, b: Ordinal| a != b && signature(a).is_some() && signature(a) == signature(b);
        let twin = about.iter().find_map(|a| self.desired.pods.keys().find(|b| same(*a, **b)).map(|b| (*a, *b)));
        if let (true, Some((a, b)), false) = (joins, twin, self.plan.actions.is_empty()) {
            self.broken("cloned", format!("pods {a} and {b} hold the same database"));
        }
    }
}
