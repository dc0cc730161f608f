//! Objects that give tables while one side has a table that the other has not: a change that broke off left it.

use std::collections::BTreeSet;

use aku_core::{
    plan::{action::Op, reason::Code},
    topology::{Ordinal, ReplicationName},
};

use super::{
    super::{build::Dependencies, cluster_view::runs, links::sides},
    Handover,
};

/// Objects that give, after both sides of each have the same tables.
pub(super) struct Even {
    /// What their STARTs wait for.
    pub first: Dependencies,
    /// Those that ran and were stopped for that.
    pub stopped: BTreeSet<(Ordinal, ReplicationName)>,
}

impl Handover<'_, '_, '_> {
    /// (2) What only one side has of an object that gives goes out first, or no sender would connect. Another object carries
    /// it, so nothing of it is sent later or not at all.
    pub(super) fn even(&mut self, before: &Dependencies) -> Even {
        let (world, unit) = (self.world, self.unit);
        let mut even = Even { first: before.clone(), stopped: BTreeSet::new() };
        for loser in unit.losers.iter().filter(|l| !l.surplus.is_empty()) {
            let [here, there] = sides(&unit.object).map(|(pod, _)| self.build.about(pod, &loser.name));
            if !here.is_empty() || !there.is_empty() {
                // A change before this one did so.
                continue;
            }
            let mut stops = Vec::new();
            for (pod, peer) in sides(&unit.object) {
                if world.observed.replication(pod, &loser.name).is_some_and(runs) {
                    let op = Op::Stop { name: loser.name.clone(), peer };
                    let text = "its sides do not have the same tables, so nothing gets through until they have";
                    stops.push(self.act(pod, op, Code::CorrectDefinition, text, before.clone()));
                    even.stopped.insert((pod, loser.name.clone()));
                }
            }
            let stopped = before.clone().and(stops, "neither side may be sending");
            for (pod, target) in &loser.surplus {
                let peer = unit.object.pair.other(*pod);
                let (name, remote) = (loser.name.clone(), target.clone());
                let op = Op::DropTable { name, peer, target: target.clone(), remote };
                let text =
                    format!("a change that broke off left {target} on pod {pod} alone; another object carries it");
                let id = self.act(*pod, op, Code::Moved, text, stopped.clone());
                even.first = even.first.and([id], "both sides must agree before they meet");
            }
        }
        even
    }
}
