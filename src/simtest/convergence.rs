//! What happens when a cluster is left alone: everybody who can be there is there and is started until nothing is left to
//! do. Then what was promised to writers must be on every member.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    scenario::{Ended, Life, pod},
    sim_cluster::Cut,
};
use crate::{db::wire::Response, desired::Goal, found::as_found, plan, plan::testing};

impl Life {
    /// Left alone: every pod that can be there is there, writers rest, starts are repeated until they say that there is
    /// nothing to do or refuse. Then what was promised must hold. The pods that were compared.
    pub fn settle(&mut self, absent: &BTreeSet<usize>) -> BTreeSet<usize> {
        self.release();
        self.stage.lock().sim.rules.clear();
        let pods = usize::from(self.conf.count);
        let absent: BTreeSet<usize> = absent.iter().copied().chain(pods..self.pods()).collect();
        for p in 0..self.pods() {
            let up = self.stage.lock().sim.is_up(p);
            if absent.contains(&p) {
                self.still(p);
                self.forgotten(p);
                if up {
                    self.kill(p);
                }
            } else if !up {
                self.boot(p);
                self.create_tables(p);
            }
        }
        let mut last: BTreeMap<usize, Ended> = BTreeMap::new();
        let mut helped = 0;
        // A clean of pod 0 that broke off is finished by one run and begun anew by the next (volumes 277).
        for _ in 0..6 {
            // What a writer locks is corrected when it rests.
            let corrected = !self.conf.edited || !matches!(self.reconcile(Cut::Never), Ended::Incomplete(_));
            for p in (0..pods).filter(|p| !absent.contains(p)) {
                let ended = self.start(p, Cut::Never);
                if helped < 2 {
                    helped += usize::from(self.help(p, &ended));
                }
                let in_service = |e: &Ended| matches!(e, Ended::Refused(r) if r.because.iter().any(|b| b.code == plan::Code::NotAdminMode));
                if in_service(&ended) {
                    // What the refusal says: close it to users, then start again. A restart does that.
                    self.still(p);
                    self.kill(p);
                    self.boot(p);
                }
                last.insert(p, ended);
            }
            if corrected && last.values().all(|e| matches!(e, Ended::Nothing)) {
                break;
            }
            self.stage.lock().pump(3_000_000);
        }
        let mut reached = BTreeSet::new();
        for (p, ended) in &last {
            match ended {
                Ended::Nothing => drop(reached.insert(*p)),
                Ended::Refused(_) | Ended::Unapproved(_) => {}
                Ended::Done | Ended::Incomplete(_) => {
                    panic!("{}", self.told(&format!("the start of pod {p} comes to no end: {ended:?}")));
                }
            }
        }
        self.compare(&reached);
        self.somewhere();
        reached
    }

    fn compare(&mut self, members: &BTreeSet<usize>) {
        for p in 0..self.pods() {
            self.still(p);
        }
        self.stage.lock().pump(2_000_000);
        let desired = self.desired(Goal::Start(pod(0)));
        let observed = self.observe(&desired);
        self.stage.lock().pump(2_000);
        let desired = as_found(&desired, &observed);
        let live = |p: crate::topology::Ordinal, name| {
            observed.replication(p, name).is_some_and(|r| r.position.is_live() && r.gave_up.is_none())
        };
        for p in members {
            for (k, object) in desired.objects_of(pod(*p)) {
                if members.contains(&usize::from(k.get())) {
                    let sql = format!("ALTER REPLICATION {} FLUSH ALL WAIT 60", object.name);
                    let answer = self.stage.lock().by_hand(*p, &sql);
                    let flushed = matches!(answer, Response::Done { .. });
                    // A group that the file gained may have to wait for a person; then it has no place on some side.
                    let both_live = live(object.pair.low(), &object.name) && live(object.pair.high(), &object.name);
                    let waits = !self.conf.is_steady_group(object.group) && !both_live;
                    assert!(flushed || waits, "{}", self.told(&format!("{sql}: {answer:?}")));
                }
            }
        }
        let compared = self.compared(members);
        let mut inner = self.stage.lock();
        let mut wanted = inner.heirlooms.clone();
        let mut doubt = self.doubt.clone();
        for w in &inner.writers {
            doubt.extend(&w.doubt);
            wanted.extend(w.rows.clone());
        }
        if let (true, Some(first)) = (self.new_line, members.first()) {
            wanted = inner.contents(*first);
        }
        wanted.retain(|(t, _), _| compared.contains(t));
        let mut found = Vec::new();
        for p in members {
            let mut held = inner.contents(*p);
            held.retain(|(t, _), _| compared.contains(t));
            for (place, value) in wanted.iter().filter(|(place, _)| !doubt.contains(place)) {
                if held.get(place) != Some(value) {
                    found.push(format!("pod {p} has {:?} at {place:?}, promised was {value}", held.get(place)));
                }
            }
            let extra = held.keys().filter(|place| !wanted.contains_key(place) && !doubt.contains(place));
            found.extend(extra.map(|place| format!("pod {p} has {place:?}, which nobody promised")));
        }
        drop(inner);
        assert!(found.is_empty(), "{}", self.told(&found.join("\n")));
    }

    /// Tables that must be alike on the members: those that were in the file all the time, and those that it gained as far
    /// as every pair of members replicates them.
    fn compared(&self, members: &BTreeSet<usize>) -> BTreeSet<usize> {
        let desired = self.desired(Goal::Reconcile);
        let observed = self.observe(&desired);
        self.stage.lock().pump(2_000);
        let desired = as_found(&desired, &observed);
        let replicated = |t: usize| {
            let target = testing::target(&format!("T{t}"));
            let of_members = |p: crate::topology::Ordinal| members.contains(&usize::from(p.get()));
            let mut objects = desired.objects.iter().filter(|o| {
                let ours = of_members(o.pair.low()) && of_members(o.pair.high());
                ours && desired.groups[&o.group].targets.contains(&target)
            });
            objects.all(|o| {
                [o.pair.low(), o.pair.high()].iter().all(|p| {
                    let held = observed.replication(*p, &o.name);
                    held.is_some_and(|r| r.position.is_live() && r.items.iter().any(|i| i.local == target))
                })
            })
        };
        self.conf.tables().into_iter().filter(|t| self.conf.is_steady(*t) || replicated(*t)).collect()
    }
}
