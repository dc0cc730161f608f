//! Worlds in letters, for the search and for the planner alike: random, mostly near something that happens.

use std::collections::BTreeMap;

use crate::{
    conf::Switch,
    db::Privilege,
    desired::Goal,
    lab::sim::Rng,
    ledger::{ClusterId, Ledger, Peer, Standing, View},
    observe::MarkerView,
    plan::testing,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pod {
    Absent,
    Broken,
    Closed,
    Open,
}

impl Pod {
    /// `a`bsent, `b`roken, `c`losed, anything else open.
    pub fn of(letter: char) -> Self {
        match letter {
            'a' => Self::Absent,
            'b' => Self::Broken,
            'c' => Self::Closed,
            _ => Self::Open,
        }
    }
}

/// One of these letters; how often it stands there is how likely it is.
pub fn pick(rng: &mut Rng, from: &str) -> char {
    let at = usize::try_from(rng.below(from.len() as u64)).unwrap_or(0);
    from.chars().nth(at).unwrap_or('-')
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    Missing,
    None,
    Live,
    GaveUp,
    Pinned,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Side {
    pub place: Place,
    pub sender: bool,
    pub flushed: bool,
}

impl Side {
    pub fn of(letter: char) -> Self {
        let (place, sender) = match letter {
            'R' => (Place::None, false),
            'L' | 'T' => (Place::Live, true),
            'l' => (Place::Live, false),
            'G' => (Place::GaveUp, false),
            _ => (Place::Missing, false),
        };
        Self { place, sender, flushed: false }
    }

    pub fn live(self) -> bool {
        self.place == Place::Live
    }

    pub fn forgotten(self) -> bool {
        matches!(self.place, Place::Missing | Place::None) && !self.sender
    }
}

/// What there is of ledgers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ledgers {
    /// AKU_LEDGER is 0.
    Off,
    /// No pod has one yet.
    None,
    /// Every pod has one.
    Held,
    /// As well, and the others remember more of the pod that starts than it shows.
    PutBack,
}

/// A world, as letters: what each pod is, and what it holds towards each other.
#[expect(clippy::struct_excessive_bools, reason = "independent switches of the configuration")]
#[derive(Clone, Debug)]
pub struct OracleState {
    pub pods: Vec<Pod>,
    pub sides: BTreeMap<(usize, usize), char>,
    pub me: usize,
    pub flush: bool,
    pub delay: bool,
    pub marker: bool,
    pub lock: bool,
    pub ledgers: Ledgers,
}

impl OracleState {
    pub fn random(rng: &mut Rng) -> Self {
        let mut pick = |from: &str| pick(rng, from);
        let count = if pick("233") == '2' { 2 } else { 3 };
        let me = pick("00111222").to_digit(10).map_or(0, |n| n as usize).min(count - 1);
        let pods = (0..count).map(|p| Pod::of(pick(if p == me { "cccco" } else { "aaabccccoooooooooo" }))).collect();
        let mut sides = BTreeMap::new();
        // Some worlds are wild, most are near something that happens.
        let wild = pick("wnn") == 'w';
        for low in 0..count {
            for high in low + 1..count {
                let both = if wild { ['x', 'x'] } else { [pick("-RLLx"), pick("sssx")] };
                let first = if both[0] == 'x' { pick("--RRLLlTG") } else { both[0] };
                let second = if both[1] == 's' { first } else { pick("--RRLLlTG") };
                sides.insert((low, high), first);
                sides.insert((high, low), second);
            }
        }
        let flush = pick("111110") == '1';
        let (delay, marker, lock) = (pick("001") == '1', pick("01") == '1', pick("1110") == '1');
        let ledgers = match pick("-nhhhp") {
            'n' => Ledgers::None,
            'h' => Ledgers::Held,
            'p' => Ledgers::PutBack,
            _ => Ledgers::Off,
        };
        Self { pods, sides, me, flush, delay, marker, lock, ledgers }
    }

    pub fn seen(&self, pod: usize) -> bool {
        matches!(self.pods[pod], Pod::Closed | Pod::Open)
    }

    pub fn side(&self, from: usize, to: usize) -> Side {
        Side::of(self.sides[&(from, to)])
    }

    /// Its copy was completed once: live with pod 0 both ways, as far as pod 0 can be asked.
    pub fn member(&self, pod: usize) -> bool {
        let theirs = || !self.seen(0) || self.side(0, pod).live();
        self.seen(pod) && (pod == 0 || (self.side(pod, 0).live() && theirs()))
    }

    /// Somebody who was seen remembers more of the pod that starts than it shows.
    pub fn put_back(&self) -> bool {
        self.ledgers == Ledgers::PutBack && (0..self.pods.len()).any(|p| p != self.me && self.seen(p))
    }

    /// Pod 0 is closed and connected with nobody: it may have come back without its rows.
    pub fn is_lost(&self, pod: usize) -> bool {
        pod == 0 && self.pods[0] == Pod::Closed && !(1..self.pods.len()).any(|k| self.member(k))
    }

    /// Whether the pod notes in its ledger that it opens; a ledger begins only with a pod 0 that opens, or has its rows.
    pub fn notes(&self) -> bool {
        match self.ledgers {
            Ledgers::Off => false,
            Ledgers::None => self.seen(0) && (self.me == 0 || !self.is_lost(0)),
            Ledgers::Held | Ledgers::PutBack => true,
        }
    }

    fn ledger(&self, pod: usize) -> View {
        let small = |n: usize| u8::try_from(n).expect("a few pods");
        let signature = |n: usize| format!("BA35EC82171{n}-6B00DD1A:000E578D-7257D71A");
        let peer = |k: usize| Peer {
            signature: signature(k),
            incarnation: if k == self.me && self.ledgers == Ledgers::PutBack { 2 } else { 1 },
            standing: Standing::Running,
            log_end: None,
            applied: None,
        };
        match self.ledgers {
            Ledgers::Off | Ledgers::None => View::Missing,
            Ledgers::Held | Ledgers::PutBack => View::Held(Box::new(Ledger {
                cluster: ClusterId::founded_on("A"),
                pod: testing::ord(small(pod)),
                signature: signature(pod),
                incarnation: 1,
                run: 3,
                standing: Standing::Running,
                copied: None,
                peers: (0..self.pods.len()).filter(|k| *k != pod).map(|k| (testing::ord(small(k)), peer(k))).collect(),
            })),
        }
    }

    pub fn observed(&self) -> testing::Worlds {
        let small = |n: usize| u8::try_from(n).expect("a few pods");
        let goal = Goal::Start(testing::ord(small(self.me)));
        let mut desired = testing::desired(goal, small(self.pods.len()), 1);
        desired.flush_at_start = if self.flush { Switch::On } else { Switch::Off };
        desired.delay_start_complete_s = if self.delay { 5 } else { 0 };
        desired.ledger = if self.ledgers == Ledgers::Off { Switch::Off } else { Switch::On };
        let mut w = testing::Worlds::new(desired);
        for (p, pod) in self.pods.iter().enumerate() {
            w = match pod {
                Pod::Absent => w,
                Pod::Broken => w.broken(small(p)),
                Pod::Closed => w.up(small(p), 1),
                Pod::Open => w.up(small(p), 0),
            };
        }
        for ((from, to), letter) in &self.sides {
            if self.seen(*from) {
                w = w.side(small(*from), small(*to), *letter);
            }
        }
        for p in (0..self.pods.len()).filter(|p| self.seen(*p)) {
            let seen = w.pod_mut(small(p));
            seen.privilege = Privilege::Normal;
            seen.server.signature = Some(format!("BA35EC82171{p}-6B00DD1A:000E578D-7257D71A"));
            seen.ledger = self.ledger(p);
            w = w.rows(small(p), 5);
            w = w.set(small(p), "REPLICATION_SYNC_LOCK_TIMEOUT", if self.lock { 30 } else { 0 });
        }
        w.marker(if self.marker { MarkerView::Missing } else { MarkerView::Elsewhere })
    }
}
