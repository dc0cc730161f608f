//! What storage does to a cluster: a volume is put back to a snapshot, a pod gets a copy of another's, pod 0 comes up on an
//! empty volume and is filled by somebody. And the account: every row that a client was told is committed, and that no yes
//! named, is on some volume in the end, whether or not anybody reached his goal.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering as Atomic},
};

use super::{
    scenario::{Life, pod},
    sim_cluster::{Contents, Cut},
};
use crate::{
    desired::Goal,
    lab::sim::{Rng, Volume},
    plan,
};

/// Volumes that were put back while their pod had gone on: of which ledgers show it, and of which nothing does.
pub static NOTICED: AtomicUsize = AtomicUsize::new(0);
pub static UNNOTICED: AtomicUsize = AtomicUsize::new(0);

/// A volume as it was at some moment.
pub struct Snapshot {
    store: Volume,
    held: Contents,
}

/// Snapshots by pod, and who holds a copy of whose volume.
#[derive(Default)]
pub struct Volumes {
    taken: BTreeMap<usize, Snapshot>,
    pub copies: BTreeMap<usize, usize>,
}

impl Life {
    /// One thing that may happen to a volume.
    pub fn storage(&mut self, rng: &mut Rng) {
        let pods = self.pods();
        let below = |rng: &mut Rng, n: usize| usize::try_from(rng.below(n as u64)).unwrap_or(0);
        let p = below(rng, pods);
        match rng.below(20) {
            0..8 => self.take_snapshot(p),
            8..14 => self.put_back(p, p),
            14 if pods > 1 => self.put_back(p, (p + 1) % pods),
            15..17 => self.refill(rng.below(9)),
            _ => {}
        }
    }

    /// Containers are restarted, one after another and in any order, before anybody has looked: hooks only, also where a start
    /// was refused. A refusal that does not outlive them is none.
    pub fn restarts(&mut self, rng: &mut Rng) {
        for _ in 0..=rng.below(4) {
            let p = usize::try_from(rng.below(self.pods() as u64)).unwrap_or(0);
            if p >= usize::from(self.conf.count) {
                continue;
            }
            if self.stage.lock().sim.is_up(p) {
                if rng.percent(50) {
                    self.start(p, Cut::Never);
                }
                self.end(p, Cut::Never);
                self.kill(p);
            }
            if rng.percent(80) {
                self.boot(p);
                self.start(p, Cut::Never);
            }
        }
    }

    fn take_snapshot(&mut self, p: usize) {
        self.stage.say(format!("--- a snapshot of the volume of pod {p}"));
        let mut inner = self.stage.lock();
        let held = inner.contents(p);
        let store = inner.sim.snapshot(p);
        drop(inner);
        self.volumes.taken.insert(p, Snapshot { store, held });
    }

    /// The volume of `p` becomes the snapshot of `of`. Whatever only `p` had is gone with the volume that it had.
    fn put_back(&mut self, p: usize, of: usize) {
        let Some(snapshot) = self.volumes.taken.get(&of) else { return };
        let (store, held) = (snapshot.store.clone(), snapshot.held.clone());
        self.stage.say(format!("--- pod {p} gets the volume that pod {of} had"));
        self.still(p);
        self.forgotten(p);
        self.joined.remove(&p);
        if p != of {
            self.copies.remove(&p);
            self.volumes.copies.insert(p, of);
        }
        let mut inner = self.stage.lock();
        let same = inner.contents(p) == held;
        inner.sim.restore(p, &store);
        // What went with an earlier volume and is in this one may come back, and nobody waits for it.
        let heirlooms = inner.heirlooms.clone();
        self.doubt.extend(held.iter().filter(|(at, _)| at.1 < 100 && !heirlooms.contains_key(at)).map(|(at, _)| *at));
        inner.kept[p] = held;
        inner.lost_heirlooms();
        inner.pump(1_000);
        drop(inner);
        self.boot(p);
        if p == of && !same && !self.is_noticed(p) {
            // Since the snapshot nobody noted anything of the pod: no pod shows it, and a person has to know.
            UNNOTICED.fetch_add(1, Atomic::AcqRel);
            self.wipe(p);
            self.boot(p);
            self.create_tables(p);
        } else if p == of && !same {
            NOTICED.fetch_add(1, Atomic::AcqRel);
        }
    }

    /// Whether ledgers show that the volume of the pod is an older copy.
    fn is_noticed(&mut self, p: usize) -> bool {
        let desired = self.desired(Goal::Start(pod(p)));
        let observed = self.observe(&desired);
        self.stage.lock().pump(2_000);
        plan::put_back(&desired, &observed).contains_key(&pod(p))
    }

    /// Everything goes down, pod 0 loses its volume, comes up first and alone, and somebody fills it with other rows.
    fn refill(&mut self, rows: u64) {
        for p in 0..self.pods() {
            self.still(p);
            if self.stage.lock().sim.is_up(p) {
                self.kill(p);
            }
        }
        self.wipe(0);
        self.boot(0);
        self.create_tables(0);
        self.start(0, Cut::Never);
        let mut inner = self.stage.lock();
        for t in 1..=self.shape.tables {
            for key in 0..rows {
                inner.by_hand(0, &format!("INSERT INTO T{t} (I1, C2) VALUES ({}, 'refilled')", 800_000_000 + key));
            }
        }
    }

    /// A pod that holds a copy of another's volume gets an empty one, as the refusal says.
    pub fn remove_copies(&mut self) -> bool {
        let copies: Vec<usize> = std::mem::take(&mut self.volumes.copies).into_keys().collect();
        for p in &copies {
            self.wipe(*p);
            self.boot(*p);
            self.create_tables(*p);
        }
        !copies.is_empty()
    }

    /// Every row that was promised is on some volume, as far as it is in doubt for nobody.
    pub fn somewhere(&mut self) {
        let title = Goal::Start(pod(0)).title();
        let mut inner = self.stage.lock();
        let all: Vec<Contents> = (0..inner.kept.len()).map(|p| inner.contents(p)).collect();
        let mut doubt = self.doubt.clone();
        let mut wanted = inner.heirlooms.clone();
        for w in &inner.writers {
            doubt.extend(&w.doubt);
            wanted.extend(w.rows.clone());
        }
        drop(inner);
        let gone: Vec<_> = wanted
            .iter()
            .filter(|(place, value)| !doubt.contains(place) && !all.iter().any(|held| held.get(place) == Some(value)))
            .map(|(place, value)| format!("{place:?} {value}"))
            .collect();
        assert!(gone.is_empty(), "{}", self.told(&format!("after {title}: nowhere any more: {}", gone.join(", "))));
    }
}
