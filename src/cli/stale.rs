//! Whether a reviewed plan is still the plan: compares it with the one made now for the same goal. Pure.
//!
//! What is done, in which order, on what conditions and with which approvals must be equal. Row counts move while
//! clients write, so they may differ, with one exception: more rows to delete than the reviewer saw is another plan.

use std::collections::BTreeSet;

use crate::{
    observe::RowCount,
    plan::{Action, ActionId, Before, Decision, MilestoneId, Numbers, Op, Plan},
    render::{op, words::rows_in_all},
};

/// One way in which two plans differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A line of the footprint that is gone.
    Gone(String),
    /// A line of the footprint that is new.
    New(String),
    /// The same lines with other numbers, dependencies or conditions.
    Order,
    /// More rows would be deleted.
    MoreRows {
        /// The table or partition.
        target: String,
        /// Then.
        then: RowCount,
        /// Now.
        now: RowCount,
    },
}

/// Every difference that matters; empty when `now` may be applied in the place of `then`.
#[must_use]
pub fn differences(then: &Plan, now: &Plan) -> Vec<Difference> {
    let (old, new) = (footprint(then), footprint(now));
    let mut found: Vec<Difference> = similar::TextDiff::from_slices(
        &old.iter().map(String::as_str).collect::<Vec<_>>(),
        &new.iter().map(String::as_str).collect::<Vec<_>>(),
    )
    .iter_all_changes()
    .filter_map(|change| match change.tag() {
        similar::ChangeTag::Equal => None,
        similar::ChangeTag::Delete => Some(Difference::Gone(change.value().to_owned())),
        similar::ChangeTag::Insert => Some(Difference::New(change.value().to_owned())),
    })
    .collect();
    if found.is_empty() && !same_work(then, now) {
        found.push(Difference::Order);
    }
    found.extend(more_rows(then, now));
    found
}

/// What a plan does, one line each, without numbers that a longer plan would shift.
fn footprint(plan: &Plan) -> Vec<String> {
    let mut lines = vec![format!("{} of {}", plan.goal.title(), plan.statefulset)];
    match &plan.decision {
        Decision::None { .. } => lines.push("no rows move".to_owned()),
        Decision::CatchUp { .. } => lines.push("catch-up".to_owned()),
        // The rows themselves are compared with the actions.
        Decision::Repair { .. } => lines.push("rows are repaired".to_owned()),
        Decision::Logs { paths, .. } => {
            lines.extend(paths.iter().map(|(pod, path)| format!("pod {pod} reads {path}")));
        }
        Decision::Full { source, unsent, .. } => {
            lines.push(format!("full copy from pod {source}"));
            lines.extend(unsent.iter().map(|u| format!("loses what {} has not sent to pod {}", u.name, u.peer)));
        }
    }
    lines.extend(plan.approvals.iter().map(|a| format!("needs --approve {}={}", a.class.as_str(), a.scope)));
    lines.extend(plan.actions.iter().map(line));
    lines
}

fn line(a: &Action) -> String {
    let sql: Vec<String> = a.op.statements().iter().map(ToString::to_string).collect();
    let sql = if sql.is_empty() { String::new() } else { format!(": {}", sql.join("; ")) };
    format!("pod {} {}{sql}", a.pod, op::short(&a.op))
}

/// Whether both do the same with the same numbers, in the same order and on the same conditions, whatever their sentences
/// and counts.
fn same_work(then: &Plan, now: &Plan) -> bool {
    let mut numbers = Numbers::default();
    let mut same = |(a, b): (&Action, &Action)| {
        a.id == b.id
            && a.pod == b.pod
            && a.because.code == b.because.code
            && same_op(&a.op, &b.op)
            && a.run == b.run
            && same_waits(a, b, &mut numbers)
    };
    then.actions.len() == now.actions.len() && then.actions.iter().zip(&now.actions).all(&mut same)
}

fn same_op(a: &Op, b: &Op) -> bool {
    let uncounted = |op: &Op| match op.clone() {
        Op::Sync { name, peer, parallel, rows: _ } => Op::Sync { name, peer, parallel, rows: None },
        other => other,
    };
    a == b || (matches!(a, Op::Sync { .. }) && uncounted(a) == uncounted(b))
}

/// Whether they wait for the same actions, one by one or through milestones: older plans have none.
fn same_waits(a: &Action, b: &Action, numbers: &mut Numbers) -> bool {
    let mut points = |a: &Action| -> BTreeSet<Result<ActionId, MilestoneId>> {
        let mut point = |before: &Before| match before {
            Before::Action(id) => Ok(*id),
            Before::Milestone(m) => Err(numbers.of(m)),
        };
        a.after.iter().map(|after| point(&after.before)).collect()
    };
    let each = |a: &Action| a.waits().collect::<BTreeSet<_>>();
    points(a) == points(b) || each(a) == each(b)
}

fn more_rows(then: &Plan, now: &Plan) -> Vec<Difference> {
    let (Decision::Full { rows: old, .. }, Decision::Full { rows: new, .. }) = (&then.decision, &now.decision) else {
        return Vec::new();
    };
    new.iter()
        .filter_map(|n| {
            let o = old.iter().find(|o| o.target == n.target)?;
            let more = match (o.joiner, n.joiner) {
                (RowCount::Counted(o), RowCount::Counted(n)) => n > o,
                (RowCount::Counted(_), RowCount::AtLeast { .. } | RowCount::NotCounted) => true,
                // Somebody said yes to a number without an upper bound.
                (RowCount::AtLeast { .. } | RowCount::NotCounted, _) => false,
            };
            more.then(|| Difference::MoreRows { target: n.target.to_string(), then: o.joiner, now: n.joiner })
        })
        .collect()
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rows = |n: &RowCount| rows_in_all(*n).unwrap_or_else(|| "an unknown number of rows".to_owned());
        match self {
            Self::Gone(line) => write!(f, "- {line}"),
            Self::New(line) => write!(f, "+ {line}"),
            Self::Order => f.write_str("~ the same actions in another order or on other conditions"),
            Self::MoreRows { target, then, now } => {
                write!(f, "~ TRUNCATE {target} would delete {}, not {} as planned", rows(now), rows(then))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::{Approval, ApprovalClass, PodState},
        render::fixtures,
    };

    #[test]
    fn what_moves_while_clients_write_does_not_matter() {
        let then = fixtures::full_join();
        let mut now = then.clone();
        now.pods[0].detail = "another".to_owned();
        now.pods[3].state = PodState::NotJoined;
        now.notes.clear();
        now.already_right = 99;
        now.actions[0].because.text = "other words".to_owned();
        for a in &mut now.actions {
            if let Op::Sync { rows, .. } = &mut a.op {
                *rows = Some(7);
            }
        }
        if let Decision::Full { rows, .. } = &mut now.decision {
            rows[0].joiner = RowCount::Counted(511);
            rows[0].source = RowCount::Counted(1);
        }
        assert_eq!(differences(&then, &now), []);
    }

    #[test]
    fn what_matters_is_named() {
        type Edit = fn(&mut Plan);
        let edits: [(Edit, &str); 6] = [
            (
                |p| {
                    p.actions.pop();
                },
                "- pod 1 unpin AKU_REP_12 to pod 2: ALTER REPLICATION AKU_REP_12 STOP; ALTER REPLICATION AKU_REP_12 RESET",
            ),
            (
                |p| p.actions[13].pod = fixtures::pod(1),
                "+ pod 1 sync AKU_REP_02 to pod 2: ALTER REPLICATION AKU_REP_02 SYNC PARALLEL 1",
            ),
            (|p| p.actions[13].after.clear(), "~ the same actions in another order or on other conditions"),
            (|p| p.statefulset = "other".to_owned(), "+ start pod 2 of other"),
            (
                |p| {
                    p.approvals.push(Approval {
                        class: ApprovalClass::EmptySource,
                        scope: "altibase-sts/2".to_owned(),
                        because: String::new(),
                    });
                },
                "+ needs --approve empty-source=altibase-sts/2",
            ),
            (
                |p| {
                    if let Decision::Full { rows, .. } = &mut p.decision {
                        rows[1].joiner = RowCount::Counted(1000);
                    }
                },
                "~ TRUNCATE SYS.T2 would delete 1,000 rows, not 0 rows as planned",
            ),
        ];
        for (edit, want) in edits {
            let then = fixtures::full_join();
            let mut now = then.clone();
            edit(&mut now);
            let found: Vec<String> = differences(&then, &now).iter().map(ToString::to_string).collect();
            assert!(found.iter().any(|d| d == want), "{found:#?}\nlacks {want}");
        }
        let other = differences(&fixtures::full_join(), &fixtures::catch_up());
        assert!(other.contains(&Difference::New("catch-up".to_owned())), "{other:?}");
    }
}
