//! What a reconcile owes to a cluster: who takes part, what becomes of each object, who gets rows, and when there is no plan.

use std::collections::BTreeSet;

use super::{
    super::world::Pod,
    cluster::{Address, Cluster, Stray, Whose},
    object::{Fate, Object, Place, Side},
};

/// What the model says about a cluster.
pub struct Model<'c> {
    pub c: &'c Cluster,
    takers: BTreeSet<usize>,
    /// Slaves that get rows.
    pub copies: BTreeSet<(usize, u8)>,
    /// Pod 0 cannot be a source, so no table is new to anybody.
    sourceless: bool,
}

impl<'c> Model<'c> {
    pub fn new(c: &'c Cluster) -> Self {
        let mut model = Self { c, takers: BTreeSet::new(), copies: BTreeSet::new(), sourceless: false };
        model.takers = (0..c.pods.len()).filter(|p| model.takes_part(*p)).collect();
        model.sourceless = !model.takers.contains(&0);
        let from_0 = |t: &u8| c.rows[&(0, *t)] != Some(0);
        let gets = |(low, high, group): &(usize, usize, u8)| {
            *low == 0 && !model.sourceless && model.new_tables(*low, *high, *group).iter().any(from_0)
        };
        model.copies = model.pairs().filter(gets).map(|(_, high, group)| (high, group)).collect();
        model
    }

    pub fn is_open(&self, p: usize) -> bool {
        self.c.pods[p] == Pod::Open
    }

    fn seen(&self, p: usize) -> bool {
        matches!(self.c.pods[p], Pod::Closed | Pod::Open)
    }

    /// What a pod that was seen holds.
    fn side(&self, from: usize, to: usize, group: u8) -> Side {
        let held = self.c.held[&(from, to, group)];
        let seen = self.seen(from);
        let there = seen && held.letter != '-';
        Side {
            seen,
            there,
            place: match held.letter {
                'L' | 'l' | 'T' if there => Place::Live,
                'G' if there => Place::GaveUp,
                _ => Place::None,
            },
            sends: there && matches!(held.letter, 'L' | 'T'),
            lacks: if there { held.lacks } else { 0 },
            extra: there && held.extra,
            moved: there && held.address != Address::Right,
            reaches: there && held.address != Address::Old,
            eager: there && held.eager,
            gaining: false,
            proved: false,
            flushed: false,
        }
    }

    fn both(&self, low: usize, high: usize, group: u8) -> [Side; 2] {
        [self.side(low, high, group), self.side(high, low, group)]
    }

    /// Live with pod 0 in every group that is connected, and in one at least, as far as pod 0 can be asked.
    fn member(&self, p: usize) -> bool {
        let group = |g| {
            let [theirs, mine] = self.both(0, p, g);
            let reset = mine.place == Place::None && (!theirs.seen || theirs.place == Place::None);
            let live = mine.is_live() && (!theirs.seen || theirs.is_live());
            (reset, live)
        };
        let groups = || (0..self.c.groups).map(group);
        let whole = || groups().all(|(reset, live)| reset || live) && groups().any(|(_, live)| live);
        self.seen(p) && (p == 0 || whole())
    }

    /// Members in service, and slaves that a correction closed and left half done.
    fn takes_part(&self, p: usize) -> bool {
        let half_done = |k: usize| {
            (0..self.c.groups).any(|g| {
                let [mine, theirs] = [self.side(p, k, g), self.side(k, p, g)];
                let unlike = (mine.lacks, mine.extra) != (theirs.lacks, theirs.extra);
                mine.is_live() && theirs.is_live() && (unlike || mine.extra)
            })
        };
        let others = || (0..self.c.pods.len()).filter(|k| *k != p && self.member(*k));
        self.member(p) && (self.c.pods[p] == Pod::Open || (p != 0 && others().any(half_done)))
    }

    /// Pairs of pods that take part.
    fn pairs(&self) -> impl Iterator<Item = (usize, usize, u8)> + '_ {
        self.c
            .held
            .keys()
            .copied()
            .filter(|(low, high, _)| low < high)
            .filter(|(low, high, _)| self.takers.contains(low) && self.takers.contains(high))
    }

    /// Bits of the tables that a pair does not replicate yet, where it can.
    pub fn lacks(&self, low: usize, high: usize, group: u8) -> u8 {
        let [a, b] = self.both(low, high, group);
        match (a.place, b.place) {
            (Place::Live, Place::Live) => a.lacks | b.lacks,
            (Place::None, Place::None) => 3,
            _ => 0,
        }
    }

    fn new_tables(&self, low: usize, high: usize, group: u8) -> Vec<u8> {
        let lacks = self.lacks(low, high, group);
        (0..2).filter(|bit| lacks & (1 << bit) != 0).map(|bit| 2 * group + bit).collect()
    }

    /// A person decides where a slave holds rows of a new table, or nobody knows; no copy goes past a pod that cannot be
    /// looked at.
    pub fn is_refused(&self) -> bool {
        let unclear = |(low, high, group): (usize, usize, u8)| {
            let tables = self.new_tables(low, high, group);
            tables.iter().any(|t| self.c.rows[&(high, *t)] != Some(0) || self.c.rows[&(0, *t)].is_none())
        };
        let blind = self.c.pods.contains(&Pod::Broken) && !self.copies.is_empty();
        let nobody = !(0..self.c.pods.len()).any(|p| self.seen(p));
        nobody || blind || (!self.sourceless && self.pairs().filter(|(low, ..)| *low == 0).any(unclear))
    }

    fn fate(&self, low: usize, high: usize, group: u8) -> Fate {
        let sides = self.both(low, high, group);
        let [here, there] = [low, high].map(|p| self.takers.contains(&p));
        if !(here && there) {
            // Nobody sends to it, and nobody has anything for it.
            let alone = |i: usize| {
                let (side, other) = (sides[i], sides[1 - i]);
                side.there && side.place == Place::None && other.place == Place::None && !other.sends
            };
            // A pod that is closed and has no place is corrected as well: it has ended.
            let ended = |i: usize| self.c.pods[[low, high][i]] == Pod::Closed;
            let mine = [(here || ended(0)) && alone(0), (there || ended(1)) && alone(1)];
            return if mine == [false; 2] { Fate::Left } else { Fate::Settled(mine) };
        }
        let new = self.lacks(low, high, group);
        let half = (sides[0].place == Place::None) != (sides[1].place == Place::None);
        if half || sides.iter().any(|s| s.place == Place::GaveUp) {
            // Only a new copy of one of them helps.
            return Fate::Left;
        }
        let brought = |k: usize| if self.copies.contains(&(k, group)) { self.lacks(0, k, group) } else { 0 };
        if brought(low) | brought(high) != 0 {
            // Never connected, and the rows of a table that is not copied were never exchanged.
            let rest = new & !(brought(low) | brought(high)) != 0;
            return if rest && !sides[0].is_live() { Fate::Left } else { Fate::Copied };
        }
        let tables = self.new_tables(low, high, group);
        let filled = low != 0 && tables.iter().any(|t| [low, high].iter().any(|p| self.c.rows[&(*p, *t)] != Some(0)));
        let waits = new != 0 && (self.sourceless || filled);
        match (sides[0].place, sides[1].place) {
            (Place::Live, Place::Live) if sides.iter().any(|s| s.eager) => Fate::Left,
            (Place::Live, Place::Live) if waits || sides.iter().all(|s| s.is_right()) => Fate::Runs,
            (Place::Live, Place::Live) => Fate::Corrected { new },
            _ if waits => Fate::Left,
            _ => Fate::Connected,
        }
    }

    /// An object is made where nobody would send to it at once.
    fn creates(&self, from: usize, to: usize, group: u8) -> bool {
        let (mine, theirs) = (self.side(from, to, group), self.side(to, from, group));
        let awaited = theirs.place != Place::None || theirs.sends;
        self.takers.contains(&from) && !mine.there && !awaited
    }

    pub fn objects(&self) -> Vec<Object> {
        let mut objects = Vec::new();
        for &(low, high, group) in self.c.held.keys().filter(|(low, high, _)| low < high) {
            let mut sides = self.both(low, high, group);
            let made = [self.creates(low, high, group), self.creates(high, low, group)];
            for (side, made) in sides.iter_mut().zip(made) {
                side.there |= made;
            }
            let (name, ends, fate) = (self.c.name(low, high, group), [low, high], self.fate(low, high, group));
            objects.push(Object { name, ends, group, fate, made, sides });
        }
        objects.extend(self.strays());
        objects
    }

    fn stray_side(&self, pod: usize, found: Option<&Stray>) -> Side {
        let letter = found.filter(|_| self.seen(pod)).map_or('-', |s| s.letter);
        let sends = matches!(letter, 'L' | 'T');
        let place = match letter {
            'L' | 'l' | 'T' => Place::Live,
            'G' => Place::GaveUp,
            _ => Place::None,
        };
        let (seen, there) = (self.seen(pod), letter != '-');
        let (gaining, proved, flushed) = (false, false, false);
        let (lacks, extra, moved, reaches, eager) = (0, false, false, true, false);
        Side { seen, there, place, sends, lacks, extra, moved, reaches, eager, gaining, proved, flushed }
    }

    /// What aku.conf does not ask for goes where nothing can be unsent: forgotten on both sides, or delivered by both.
    fn strays(&self) -> Vec<Object> {
        let of = |pod: usize, whose: Whose| self.c.strays.iter().find(|s| s.pod == pod && s.whose == whose);
        let object = |name, ends, fate, sides| Object { name, ends, group: 0, fate, made: [false; 2], sides };
        let mut found = Vec::new();
        for s in self.c.strays.iter().filter(|s| s.whose == Whose::Surplus && self.seen(s.pod)) {
            let sides = [self.stray_side(s.pod, Some(s)), self.stray_side(s.pod, None)];
            let fate = if sides[0].place == Place::None { Fate::Removed } else { Fate::Left };
            found.push(object(self.c.stray_name(s), [s.pod, usize::MAX], fate, sides));
        }
        for (low, high) in (0..self.c.pods.len()).flat_map(|h| (0..h).map(move |l| (l, h))) {
            let both = [of(low, Whose::OldGroup(high)), of(high, Whose::OldGroup(low))];
            let Some(one) = both[0].or(both[1]) else { continue };
            let sides = [self.stray_side(low, both[0]), self.stray_side(high, both[1])];
            let letters = both.map(|s| s.map_or('-', |s| s.letter));
            let forgotten = letters.iter().all(|l| matches!(l, 'R' | '-'));
            // Of an object whose other side has the address of somebody else nobody knows whose it is.
            let unclear = of(low, Whose::OldNameElsewhere(high)).or(of(high, Whose::OldNameElsewhere(low))).is_some();
            let goes = !unclear && self.seen(low) && self.seen(high) && (forgotten || letters == ['L', 'L']);
            let fate = if goes { Fate::Removed } else { Fate::Left };
            found.push(object(self.c.stray_name(one), [low, high], fate, sides));
        }
        found
    }
}
