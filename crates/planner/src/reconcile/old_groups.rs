//! Objects of groups that aku.conf no longer has: they go when everything is delivered and nothing of theirs is still needed.

use aku_core::{
    desired::Object,
    observe::{Item, Sender, Side},
    plan::{action::Op, reason::Code},
    topology::{Ordinal, Target},
};

use super::Reconcile;
use crate::{
    build::{Dependencies, why},
    cluster_view::runs,
    links::{self, Link},
    unmanaged::{self, Stray},
};

impl Reconcile<'_, '_> {
    /// FLUSH both ways, STOP both, DROP both: what was committed while the group was there arrives.
    pub(super) fn old_group(&mut self, stray: &Stray<'_>, peer: Ordinal, other: Option<&Stray<'_>>) {
        let world = self.world;
        let both: Vec<(&Stray<'_>, Ordinal)> =
            std::iter::once((stray, peer)).chain(other.map(|o| (o, stray.pod))).collect();
        let states: Vec<Side> = both.iter().map(|(s, _)| unmanaged::side(world, s)).collect();
        let peer_known = world.pod(peer).is_some();
        if peer_known && (states.contains(&Side::Reset) || states.len() == 1) && self.is_taken_over(&both) {
            self.finish_old(&both);
            return;
        }
        let safe = peer_known
            && (states.iter().all(|s| *s == Side::Reset)
                || (states.len() == 2
                    && both
                        .iter()
                        .all(|(s, _)| unmanaged::side(world, s).is_live() && s.found.sender == Sender::Running)));
        if !safe {
            let said: Vec<_> = both
                .iter()
                .zip(&states)
                .map(|((s, _), side)| format!("pod {} {}", s.pod, links::word(*side)))
                .collect();
            self.note(
                Code::Surplus,
                format!(
                    "{} is of a group that aku.conf does not have ({}); it is not dropped, because something may be unsent: start it on both pods, or STOP and RESET it on both, then run this again",
                    stray.name,
                    said.join(", ")
                ),
            );
            return;
        }
        // Where a pod of the pair is closed, no other object takes these tables over: without this one nothing would.
        let only: Vec<&Target> = self.only_here(&both).collect();
        if let Some(target) = only.first() {
            let text = format!(
                "{} is of a group that aku.conf does not have, and nothing else carries {target} between pods {} and {peer} yet; it is not dropped: start both pods, then run this again",
                stray.name, stray.pod
            );
            self.note(Code::Surplus, text);
            return;
        }
        let text = "aku.conf no longer has the group that it was made for; the tables stay as they are";
        let mut flushed = Vec::new();
        let mut stopped = Vec::new();
        for (s, to) in both.iter().filter(|(s, _)| s.found.sender == Sender::Running) {
            let wait_s = world.desired.flush_wait_s();
            let op = Op::Flush { name: s.name.clone(), peer: *to, wait_s };
            let because = why(Code::FlushBeforeStop, format!("what pod {} committed so far reaches pod {to}", s.pod));
            flushed.push(self.build.add(s.pod, op, because, Dependencies::none()));
        }
        let delivered = Dependencies::on(flushed, "everything is delivered before the streams stop");
        for (s, to) in both.iter().filter(|(s, _)| runs(s.found)) {
            let op = Op::Stop { name: s.name.clone(), peer: *to };
            stopped.push(self.build.add(s.pod, op, why(Code::SurplusObject, text), delivered.clone()));
        }
        let waits = Dependencies::on(stopped, "neither side may be sending");
        for (s, to) in both {
            self.drop_stray(s, to, text, waits.clone());
        }
    }

    /// Whether other objects of the pair have taken over everything that aku.conf has of it: one of its sides is forgotten,
    /// which comes after everything was delivered (`handover`).
    fn is_taken_over(&self, both: &[(&Stray<'_>, Ordinal)]) -> bool {
        let ours = |i: &Item| self.world.desired.targets().any(|d| *d == i.local);
        both.iter().flat_map(|(s, _)| &s.found.items).any(ours) && self.only_here(both).next().is_none()
    }

    /// Tables of `aku.conf` that no other live object of the pair carries.
    fn only_here<'s>(&self, both: &[(&'s Stray<'_>, Ordinal)]) -> impl Iterator<Item = &'s Target> {
        let world = self.world;
        let live: Vec<&Object> = match both.first() {
            Some((stray, peer)) => world
                .desired
                .objects_between(stray.pod, *peer)
                .filter(|o| links::link(world, o) == Link::Live)
                .collect(),
            None => Vec::new(),
        };
        let pair = both.first().map(|(stray, peer)| [stray.pod, *peer]);
        let carried = move |t: &Target| {
            let has = |pod: Ordinal, o: &Object| {
                world.replication(pod, o).is_some_and(|r| r.items.iter().any(|i| i.local == *t))
            };
            pair.is_some_and(|pods| live.iter().any(|o| pods.iter().all(|pod| has(*pod, o))))
        };
        let items: Vec<&'s Target> = both.iter().flat_map(|(s, _)| s.found.items.iter().map(|i| &i.local)).collect();
        items.into_iter().filter(move |t| world.desired.targets().any(|d| d == *t) && !carried(t))
    }

    /// What is left of an object that others have taken over.
    fn finish_old(&mut self, both: &[(&Stray<'_>, Ordinal)]) {
        let text = "other objects of these pods have taken over its tables, and one side of it is forgotten already";
        let mut gone = Vec::new();
        for (s, to) in both {
            let stopped = runs(s.found).then(|| {
                let op = Op::Stop { name: s.name.clone(), peer: *to };
                self.build.add(s.pod, op, why(Code::Moved, text), Dependencies::none())
            });
            let mut last = stopped;
            if s.found.position.is_live() || s.found.gave_up.is_some() {
                let op = Op::Reset { name: s.name.clone(), peer: *to };
                let waits = Dependencies::on(stopped, "RESET needs a stopped sender");
                last = Some(self.build.add(s.pod, op, why(Code::Moved, text), waits));
            }
            gone.extend(last);
        }
        for (s, to) in both {
            let waits = Dependencies::on(gone.iter().copied(), "no place of it is left");
            self.drop_stray(s, *to, text, waits);
        }
    }
}
