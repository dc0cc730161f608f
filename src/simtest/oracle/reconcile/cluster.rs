//! Clusters that aku.conf and the catalogs disagree about, for the model and for the planner alike: random, most of them a
//! running cluster with a few things wrong.

use std::collections::BTreeMap;

use super::super::world::{Pod, pick};
use crate::{
    conf::GroupId,
    db::Privilege,
    desired::{Goal, ReplicationAddress},
    lab::sim::Rng,
    observe::{Item, MarkerView, Mode, Replication},
    plan::testing,
    topology::{ReplicationName, Target},
};

/// What a pod holds towards another for one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// As in [`testing::Worlds::side`].
    pub letter: char,
    /// Tables of the group that are no items, one bit each.
    pub lacks: u8,
    /// A table that aku.conf does not have is one.
    pub extra: bool,
    pub address: Address,
    pub eager: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    Right,
    Old,
    OldAndRight,
}

/// An object that aku.conf does not ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    pub pod: usize,
    pub whose: Whose,
    pub letter: char,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Towards a pod beyond the count.
    Surplus,
    /// Towards that pod, for a group that was there once.
    OldGroup(usize),
    /// The same name, and an address of nobody.
    OldNameElsewhere(usize),
    Foreign,
}

#[derive(Clone, Debug)]
pub struct Cluster {
    pub pods: Vec<Pod>,
    pub groups: u8,
    pub held: BTreeMap<(usize, usize, u8), Held>,
    /// Rows of a table (numbered from 0 over all groups) on a pod; `None` where they were not counted.
    pub rows: BTreeMap<(usize, u8), Option<u64>>,
    pub strays: Vec<Stray>,
    pub lock: bool,
}

/// Number of the pod that a surplus object is for.
const BEYOND: usize = 7;

/// Number of the table that aku.conf does not have.
pub const EXTRA: u8 = 8;

fn small(n: usize) -> u8 {
    u8::try_from(n).expect("a few pods")
}

fn held(letter: char, items: char, address: char, mode: char) -> Held {
    let (lacks, extra) = match items {
        'a' => (1, false),
        'b' => (2, false),
        'x' => (0, true),
        'A' => (1, true),
        'B' => (2, true),
        'Z' => (3, true),
        _ => (0, false),
    };
    let address = match address {
        'o' => Address::Old,
        'b' => Address::OldAndRight,
        _ => Address::Right,
    };
    Held { letter, lacks, extra, address, eager: mode == 'e' }
}

impl Cluster {
    pub fn random(rng: &mut Rng) -> Self {
        let mut pick = |from: &str| pick(rng, from);
        let count = if pick("233") == '2' { 2 } else { 3 };
        let groups = if pick("1112") == '2' { 2 } else { 1 };
        let pods = (0..count).map(|_| Pod::of(pick("abcccoooooooooooooooooo"))).collect();
        let mut sides = BTreeMap::new();
        // Some have nothing wrong with their items, some something everywhere.
        let items = match pick("nfm") {
            'n' => "=",
            'f' => "======abxABZ",
            _ => "=abxxABZ",
        };
        for low in 0..count {
            for high in low + 1..count {
                for group in 0..groups {
                    let letters = match (low, group) {
                        (0, 0) => "LLLLLLLLLlTRG-",
                        (0, _) => "LLLLLlTRRR---",
                        (_, _) => "LLLLlTRRR---G",
                    };
                    let first = pick(letters);
                    let second = if pick("ssssx") == 's' { first } else { pick("LLlTR-G") };
                    let these = pick(items);
                    let those = if pick("ssx") == 's' { these } else { pick(items) };
                    let address = ["======ob", "====ob"].map(&mut pick);
                    let mode = ["=================e"; 2].map(&mut pick);
                    sides.insert((low, high, group), held(first, these, address[0], mode[0]));
                    sides.insert((high, low, group), held(second, those, address[1], mode[1]));
                }
            }
        }
        let mut rows = BTreeMap::new();
        let mood = pick("eeeermms");
        for pod in 0..count {
            for table in 0..2 * groups {
                let n = match mood {
                    'e' => Some(0),
                    'r' => Some(5),
                    's' => Some(if pod == 0 { 5 } else { 0 }),
                    _ => match pick("00000055?") {
                        '5' => Some(5),
                        '?' => None,
                        _ => Some(0),
                    },
                };
                rows.insert((pod, table), n);
            }
        }
        let strays = Self::random_strays(count, &mut pick);
        let lock = pick("1110") == '1';
        Self { pods, groups, held: sides, rows, strays, lock }
    }

    fn random_strays(count: usize, pick: &mut impl FnMut(&str) -> char) -> Vec<Stray> {
        let mut strays = Vec::new();
        for pod in 0..count {
            match pick("--------SF") {
                'S' => strays.push(Stray { pod, whose: Whose::Surplus, letter: pick("RRLlTG") }),
                'F' => strays.push(Stray { pod, whose: Whose::Foreign, letter: pick("RL") }),
                _ => {}
            }
        }
        for low in 0..count {
            for high in low + 1..count {
                if pick("---O") == '-' {
                    continue;
                }
                let first = pick("LLLLRRlTG-");
                let second = if pick("sssx") == 's' { first } else { pick("LRlTG-") };
                for (pod, peer, letter) in [(low, high, first), (high, low, second)] {
                    let whose =
                        if pick("=======e") == 'e' { Whose::OldNameElsewhere(peer) } else { Whose::OldGroup(peer) };
                    if letter != '-' {
                        strays.push(Stray { pod, whose, letter });
                    }
                }
            }
        }
        strays
    }

    /// How aku.conf calls the object of a pair.
    pub fn name(&self, low: usize, high: usize, group: u8) -> String {
        let number = if self.groups == 1 { String::new() } else { (group + 1).to_string() };
        format!("AKU_REP{number}_{low}{high}")
    }

    pub fn stray_name(&self, stray: &Stray) -> String {
        match stray.whose {
            Whose::Surplus => self.name(stray.pod, BEYOND, 0),
            Whose::OldGroup(peer) | Whose::OldNameElsewhere(peer) => {
                format!("OLD_REP_{}{}", stray.pod.min(peer), stray.pod.max(peer))
            }
            Whose::Foreign => "BILLING".to_owned(),
        }
    }

    pub fn table(number: u8) -> Target {
        testing::target(&format!("T{}", number + 1))
    }

    pub fn observed(&self) -> testing::Worlds {
        let mut w = testing::Worlds::new(testing::desired(Goal::Reconcile, small(self.pods.len()), self.groups));
        for (p, pod) in self.pods.iter().enumerate() {
            w = match pod {
                Pod::Absent => w,
                Pod::Broken => w.broken(small(p)),
                Pod::Closed => w.up(small(p), 1),
                Pod::Open => w.up(small(p), 0),
            };
        }
        let seen = |p: usize| matches!(self.pods[p], Pod::Closed | Pod::Open);
        for p in (0..self.pods.len()).filter(|p| seen(*p)) {
            let pod = w.pod_mut(small(p));
            pod.privilege = Privilege::Normal;
            let counted =
                |(&(k, t), n): (&(usize, u8), &Option<u64>)| n.filter(|_| k == p).map(|n| (Self::table(t), n.into()));
            pod.rows = self.rows.iter().filter_map(counted).collect();
            w = w.set(small(p), "REPLICATION_SYNC_LOCK_TIMEOUT", if self.lock { 30 } else { 0 });
        }
        let new = Self::table(EXTRA);
        for ((from, to, group), held) in self.held.iter().filter(|((from, ..), _)| seen(*from)) {
            let Some(mut made) = self.template(*from, *to, *group, held.letter) else { continue };
            for bit in (0..2).filter(|bit| held.lacks & (1 << bit) != 0) {
                made.items.retain(|i| i.local != Self::table(2 * group + bit));
            }
            made.items.extend(held.extra.then(|| Item { local: new.clone(), remote: new.clone() }));
            let old = ReplicationAddress { host: "10.9.9.9".to_owned(), port: 20301 };
            match held.address {
                Address::Right => {}
                Address::Old => made.hosts = vec![old],
                Address::OldAndRight => made.hosts.push(old),
            }
            if held.eager {
                made.mode = Mode::Eager;
            }
            let name = self.name(*from.min(to), *from.max(to), *group);
            w.pod_mut(small(*from)).replications.insert(ReplicationName::exact(name).expect("a name"), made);
        }
        for stray in self.strays.iter().filter(|s| seen(s.pod)) {
            let other = usize::from(stray.pod == 0);
            let mut made = self.template(stray.pod, other, 0, stray.letter).expect("it is there");
            let host = match stray.whose {
                Whose::OldGroup(peer) => format!("10.0.0.{peer}"),
                Whose::Surplus => format!("10.0.0.{BEYOND}"),
                Whose::OldNameElsewhere(_) | Whose::Foreign => "10.8.8.8".to_owned(),
            };
            made.hosts = vec![ReplicationAddress { host, port: 20301 }];
            if matches!(stray.whose, Whose::OldGroup(_)) {
                // Its tables are gone from aku.conf as well; what carries tables of aku.conf changes hands, and is not modelled.
                let gone = Self::table(EXTRA + 1);
                made.items = std::iter::once(Item { local: gone.clone(), remote: gone }).collect();
            }
            let name = ReplicationName::exact(self.stray_name(stray)).expect("a name");
            w.pod_mut(small(stray.pod)).replications.insert(name, made);
        }
        w.marker(MarkerView::Elsewhere)
    }

    /// The object as it should be, in the state of that letter.
    fn template(&self, from: usize, to: usize, group: u8, letter: char) -> Option<Replication> {
        let desired = testing::desired(Goal::Reconcile, small(self.pods.len()), self.groups);
        let objects = |o: &&crate::desired::Object| o.group == GroupId(group);
        let pair = [testing::ord(small(from)), testing::ord(small(to))];
        let name = desired.objects_between(pair[0], pair[1]).find(objects).map(|o| o.name.clone())?;
        let mut alone = testing::Worlds::new(desired).up(small(from), 0).side(small(from), small(to), letter);
        alone.pod_mut(small(from)).replications.remove(&name)
    }
}
