//! The documented progress messages, from the events of a run (`aku-behaviour.md` A.5). A phase is told once, when its
//! first action begins, and its end once, when all its actions are done.

use std::collections::BTreeSet;

use crate::{
    apply::{Event, Outcome},
    desired::Goal,
    plan::{ActionId, Decision, Op, Plan},
};

struct Phase {
    begins: &'static str,
    ended: &'static str,
    left: BTreeSet<ActionId>,
    begun: bool,
}

/// The phases of one plan.
pub struct Phases(Vec<Phase>);

impl Phases {
    /// Those that the documents name and the plan has.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let ids = |is: fn(&Op) -> bool| plan.actions.iter().filter(|a| is(&a.op)).map(|a| a.id).collect();
        let phase = |begins, ended, left| Phase { begins, ended, left, begun: false };
        let mut all = vec![
            phase(
                "Truncate tables for replications.",
                "Table truncation has ended.",
                ids(|o| matches!(o, Op::Truncate { .. })),
            ),
            phase(
                "Sync tables from MASTER Server.",
                "Replication sync has ended.",
                ids(|o| matches!(o, Op::Sync { .. })),
            ),
        ];
        // The flushes of a copy are its own affair; the documents know those of a catch-up and of an end.
        let flushes = match (&plan.goal, &plan.decision) {
            (Goal::Start(_), Decision::Full { .. } | Decision::Repair { .. } | Decision::Logs { .. })
            | (
                Goal::Clean(_)
                | Goal::CleanEverywhere
                | Goal::Reconcile
                | Goal::Recover(_)
                | Goal::Forget(_)
                | Goal::Repair(_)
                | Goal::RecoverLog(_),
                _,
            ) => BTreeSet::new(),
            (Goal::Start(_), Decision::None { .. } | Decision::CatchUp { .. }) | (Goal::End(_), _) => {
                ids(|o| matches!(o, Op::Flush { .. }))
            }
        };
        all.push(phase("Flush replications.", "Replication flush has ended.", flushes));
        if let Goal::End(_) = plan.goal {
            let resets = ids(|o| matches!(o, Op::Reset { .. }));
            all.push(phase("Reset replications.", "Replication reset has ended.", resets));
        }
        all.retain(|p| !p.left.is_empty());
        Self(all)
    }

    /// What is told before the event's own line.
    pub fn before(&mut self, event: &Event) -> Vec<&'static str> {
        let id = match event {
            // What is so already may end without having begun.
            Event::ActionStart { id } | Event::ActionEnd { id, outcome: Outcome::Done { .. } | Outcome::Already } => {
                *id
            }
            _ => return Vec::new(),
        };
        let begins = |p: &mut Phase| {
            let now = !p.begun && p.left.contains(&id);
            p.begun |= now;
            now.then_some(p.begins)
        };
        self.0.iter_mut().filter_map(begins).collect()
    }

    /// What is told after it.
    pub fn after(&mut self, event: &Event) -> Vec<&'static str> {
        let Event::ActionEnd { id, outcome: Outcome::Done { .. } | Outcome::Already } = event else {
            return Vec::new();
        };
        let ended = |p: &mut Phase| (p.left.remove(id) && p.left.is_empty()).then_some(p.ended);
        self.0.iter_mut().filter_map(ended).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixtures;

    fn told(plan: &Plan, fail: Option<u32>) -> Vec<&'static str> {
        let mut phases = Phases::new(plan);
        let mut all = Vec::new();
        for a in &plan.actions {
            let outcome = if fail == Some(a.id.0) { Outcome::Failed(fixtures::handshake(a)) } else { Outcome::Already };
            for event in [Event::ActionStart { id: a.id }, Event::ActionEnd { id: a.id, outcome }] {
                all.extend(phases.before(&event));
                all.extend(phases.after(&event));
            }
        }
        all
    }

    #[test]
    fn documented_messages_once_each() {
        let (truncate, sync) = (
            ["Truncate tables for replications.", "Table truncation has ended."],
            ["Sync tables from MASTER Server.", "Replication sync has ended."],
        );
        let (flush, reset) = (
            ["Flush replications.", "Replication flush has ended."],
            ["Reset replications.", "Replication reset has ended."],
        );
        assert_eq!(told(&fixtures::full_join(), None), [truncate, sync].concat());
        assert_eq!(told(&fixtures::catch_up(), None), flush);
        assert_eq!(told(&fixtures::end(), None), [flush, reset].concat());
        assert_eq!(told(&fixtures::clean(), None), [""; 0]);
        assert_eq!(told(&fixtures::full_join(), Some(14)), [truncate[0], truncate[1], sync[0]]);
    }
}
