//! Rules about single rows that are made the same on all pods: nothing is sent to a pod that is right, a row goes only with
//! a yes that names how many go where, and what is done follows from what was seen.

use std::collections::BTreeMap;

use aku_core::{
    desired::{Goal, Object, Right},
    observe::{Compared, PodView, RowPrint, SeenRow, Sender},
    plan::{Action, ApprovalClass, RowRepair, action::Op},
    topology::{Ordinal, Target},
};

use super::Checker;

/// What an action does to its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Inserts and updates.
    Mends,
    /// Deletes.
    Deletes,
}

/// How much a yes has to cover: rows by pod and target.
type Going<'a> = BTreeMap<(Ordinal, &'a Target), usize>;

impl<'a> Checker<'a> {
    /// A repair does nothing else; and no other goal repairs.
    pub(super) fn repairs_only(&mut self) {
        let (goal, mut going) = (self.desired.goal, Going::new());
        for a in &self.plan.actions {
            let repairs = match &a.op {
                Op::DeleteRows(rows) => {
                    *going.entry((a.pod, &rows.target)).or_default() += rows.rows.len();
                    true
                }
                Op::MendRows(_) => true,
                _ => false,
            };
            if repairs != matches!(goal, Goal::Repair(_)) {
                self.broken("repair", format!("{} is no work of the goal {}", a.id, goal.as_str()));
            }
        }
        for ((pod, target), n) in going {
            let scope = format!("{}/{pod}/{target}/{n}", self.desired.statefulset);
            let asked =
                self.plan.approvals.iter().any(|y| y.class == ApprovalClass::DeletesSurplus && y.scope == scope);
            if !asked {
                self.broken(
                    "deletes-surplus",
                    format!("{n} rows of {target} are deleted on pod {pod}, and nobody is asked for them"),
                );
            }
        }
    }

    /// A stream of a table between compared pods of which nobody knows that it is empty.
    fn undelivered(&self, compared: &Compared, target: &Target) -> Option<String> {
        let table = compared.tables.iter().find(|t| t.target == *target)?;
        if let Some(stream) = table.undelivered.first() {
            return Some(format!("{} of pod {}", stream.name, stream.pod));
        }
        let carries = |o: &&Object| self.groups.get(target).is_some_and(|groups| groups.contains(&o.group));
        let pairs = self.desired.objects.iter().filter(carries).flat_map(|o| {
            let ends = [o.pair.low(), o.pair.high()];
            ends.map(|k| (k, ends, o))
        });
        let stands = |(k, ends, o): &(Ordinal, [Ordinal; 2], &Object)| {
            ends.iter().all(|k| compared.pods.contains(k))
                && self
                    .observed
                    .replication(*k, &o.name)
                    .is_some_and(|r| r.position.is_live() && r.gave_up.is_none() && r.sender != Sender::Running)
        };
        pairs.filter(stands).map(|(k, _, o)| format!("{} of pod {k}", o.name)).next()
    }

    /// One action, row by row.
    pub(super) fn repair(&mut self, a: &Action, repair: &'a RowRepair, kind: Kind) {
        let Goal::Repair(rule) = self.desired.goal else { return };
        let Some(compared) = self.observed.compared.as_deref() else {
            self.broken("repair", format!("{} rests on no comparison", a.id));
            return;
        };
        if !self.desired.targets().any(|t| *t == repair.target) {
            self.broken("repair", format!("{} writes to {}, which is not in aku.conf", a.id, repair.target));
        }
        if let Some(stream) = self.undelivered(compared, &repair.target) {
            let text = format!(
                "{} rests on a comparison beside {stream}, which may still carry changes of {}",
                a.id, repair.target
            );
            self.broken("repair", text);
        }
        let blind = compared.pods.iter().find(|k| !matches!(self.observed.pods.get(k), Some(PodView::Seen(_))));
        if let Some(pod) = blind {
            self.broken("repair", format!("{} rests on pod {pod}, which was not seen", a.id));
        }
        if let Some(why) = wrong(a.pod, repair, kind, rule, compared) {
            self.broken("repair", format!("{} {why}", a.id));
        }
    }
}

/// What is wrong with an action.
fn wrong(pod: Ordinal, repair: &RowRepair, kind: Kind, rule: Right, compared: &Compared) -> Option<String> {
    let place = |k: Ordinal| compared.pods.iter().position(|p| *p == k);
    let (Some(here), Some(right)) = (place(pod), place(repair.right)) else {
        return Some(format!("is about pods {pod} and {}, which were not both compared", repair.right));
    };
    if repair.pods != compared.pods {
        return Some("names other pods than were compared".to_owned());
    }
    if rule != Right::Majority && rule != Right::Pod(repair.right) {
        return Some(format!("takes pod {} for right, and that is not the one that was named", repair.right));
    }
    let Some(table) = compared.tables.iter().find(|t| t.target == repair.target && t.by == repair.by) else {
        return Some(format!("is about {}, which was not compared by that key", repair.target));
    };
    if let Some(why) = &table.cannot {
        return Some(format!("is about {}, which cannot be repaired: {why}", repair.target));
    }
    let seen: BTreeMap<&[String], &SeenRow> = table.rows.iter().map(|r| (r.key.as_slice(), r)).collect();
    let of_all = compared.pods.len() + compared.unread.len();
    repair.rows.iter().find_map(|row| {
        let key = || format!("the row ({}) of {}", row.key.join(", "), repair.target);
        if seen.get(row.key.as_slice()) != Some(&row) || row.seen.len() != compared.pods.len() {
            return Some(format!("has {} otherwise than it was seen", key()));
        }
        let value: &Option<RowPrint> = &row.seen[right];
        if *value == row.seen[here] {
            return Some(format!("touches {} on pod {pod}, which is right", key()));
        }
        let holders = row.seen.iter().filter(|v| *v == value).count();
        if rule == Right::Majority && holders * 2 <= of_all {
            return Some(format!("takes what {holders} of {of_all} pods hold of {} for right", key()));
        }
        match (kind, value) {
            (Kind::Mends, Some(_)) | (Kind::Deletes, None) => None,
            (Kind::Mends, None) => Some(format!("mends {}, which the right pod does not have", key())),
            (Kind::Deletes, Some(_)) => Some(format!("deletes {}, which the right pod holds", key())),
        }
    })
}
