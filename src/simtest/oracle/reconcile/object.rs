//! One object of a pair: what its two sides are, what there is to reach, which steps are open, and the fewest rounds there.

use std::collections::HashSet;

use super::cluster::Cluster;
use crate::topology::Target;

/// A place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    None,
    Pinned,
    Live,
    GaveUp,
}

#[expect(clippy::struct_excessive_bools, reason = "independent facts about a side")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Side {
    pub seen: bool,
    pub there: bool,
    pub place: Place,
    pub sends: bool,
    /// Tables that it lacks, one bit each.
    pub lacks: u8,
    pub extra: bool,
    /// Its addresses are not exactly that of the peer.
    pub moved: bool,
    /// That of the peer is among them.
    pub reaches: bool,
    pub eager: bool,
    /// It got a table and is not proved empty yet.
    pub gaining: bool,
    pub proved: bool,
    pub flushed: bool,
}

impl Side {
    pub fn is_right(self) -> bool {
        self.lacks == 0 && !self.extra && !self.moved && !self.eager
    }

    pub fn is_live(self) -> bool {
        self.place == Place::Live
    }
}

/// What there is to reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing.
    Left,
    /// Both sides send where they can; the definitions stay.
    Runs,
    /// Both sides are right and send; these tables are proved empty, if any.
    Corrected { new: u8 },
    /// Never connected, and empty: both sides are right and send.
    Connected,
    /// The definitions of these sides are right; the other side does not take part, or neither does.
    Settled([bool; 2]),
    /// It goes.
    Removed,
    /// Rows of pod 0 go into one of its pods.
    Copied,
}

pub struct Object {
    pub name: String,
    pub ends: [usize; 2],
    pub group: u8,
    pub fate: Fate,
    /// Sides that are made by the plan; they count as there, and right.
    pub made: [bool; 2],
    pub sides: [Side; 2],
}

/// A statement, or a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Stop,
    Address,
    Add(u8),
    DropExtra,
    Remove,
    Create,
    Pin,
    Flush,
    Start,
}

impl Object {
    /// What side `i` may do next, and what it is then.
    pub fn steps(&self, s: &[Side; 2], i: usize, all_created: bool) -> Vec<(Step, Side)> {
        let (side, other) = (s[i], s[1 - i]);
        let mut next = Vec::new();
        if !side.seen {
            return next;
        }
        let right = s.iter().all(|side| side.is_right());
        match self.fate {
            Fate::Runs => {
                let meets = (side.lacks, side.extra) == (other.lacks, other.extra) && side.reaches;
                next.extend((!side.sends && meets).then_some((Step::Start, Side { sends: true, ..side })));
            }
            Fate::Corrected { new } => {
                let proved = new == 0 || s.iter().all(|side| side.proved);
                if side.sends && !right {
                    next.push((Step::Stop, Side { sends: false, ..side }));
                }
                if !side.sends && !other.sends {
                    let first = other.lacks != 0 && !other.gaining;
                    next.extend(side.redefined(other.proved || first, proved));
                }
                if right && proved && !side.sends {
                    next.push((Step::Start, Side { sends: true, ..side }));
                }
            }
            Fate::Connected => {
                next.extend(side.redefined(true, true));
                if right && s.iter().all(|s| s.there) && all_created && side.place == Place::None {
                    next.push((Step::Pin, Side { place: Place::Pinned, ..side }));
                }
                if s.iter().all(|s| s.proved) && side.place == Place::Pinned {
                    next.push((Step::Start, Side { place: Place::Live, sends: true, ..side }));
                }
            }
            Fate::Settled(mine) => {
                if mine[i] {
                    next.extend(side.redefined(true, true));
                }
            }
            Fate::Removed if side.there => {
                let due = |s: &Side| s.is_live() && s.sends && !s.flushed;
                if due(&side) {
                    next.push((Step::Flush, Side { flushed: true, ..side }));
                }
                if side.sends && !due(&side) && !due(&other) {
                    next.push((Step::Stop, Side { sends: false, ..side }));
                }
                if !side.sends && !other.sends && (side.place == Place::None || side.flushed) {
                    next.push((Step::Remove, Side { there: false, ..side }));
                }
            }
            Fate::Left | Fate::Copied | Fate::Removed => {}
        }
        next
    }

    /// Tables that side `i` may be proved empty of now.
    pub fn provable(&self, s: &[Side; 2], i: usize) -> Option<Vec<Target>> {
        let due = match self.fate {
            Fate::Corrected { new } => u8::from(s[i].lacks == 0) * new,
            Fate::Connected => u8::from(s[i].place == Place::Pinned) * 3,
            Fate::Left | Fate::Runs | Fate::Settled(_) | Fate::Removed | Fate::Copied => 0,
        };
        let tables = (0..2).filter(|bit| due & (1 << bit) != 0).map(|bit| Cluster::table(2 * self.group + bit));
        (due != 0 && !s[i].proved).then(|| tables.collect())
    }

    pub fn done(&self, s: &[Side; 2]) -> bool {
        match self.fate {
            Fate::Left | Fate::Copied => true,
            Fate::Runs => (0..2).all(|i| self.steps(s, i, true).is_empty()),
            Fate::Corrected { new } => s.iter().all(|s| s.is_right() && s.sends && (new == 0 || s.proved)),
            Fate::Connected => s.iter().all(|s| s.is_right() && s.is_live() && s.sends && s.proved),
            Fate::Settled(mine) => (0..2).all(|i| !mine[i] || (s[i].there && s[i].is_right())),
            Fate::Removed => s.iter().all(|s| !s.there),
        }
    }

    /// Everything that a side can be after a round.
    fn after_round(&self, s: &[Side; 2], i: usize, all_created: bool) -> Vec<Side> {
        let mut next: Vec<Side> = self.steps(s, i, all_created).into_iter().map(|(_, side)| side).collect();
        next.push(s[i]);
        if self.provable(s, i).is_some() {
            next = next.iter().map(|side| side.proved()).chain(next.iter().copied()).collect();
        }
        next
    }

    /// Fewest rounds; every pod has made its objects after so many.
    pub fn fewest(&self, created: usize) -> usize {
        let mut known = HashSet::from([self.sides]);
        for round in 0..50 {
            if known.iter().any(|s| self.done(s)) {
                return round;
            }
            let old: Vec<_> = known.iter().copied().collect();
            for s in &old {
                for a in self.after_round(s, 0, round >= created) {
                    for b in self.after_round(s, 1, round >= created) {
                        // Not both at once: one is first.
                        if !(a.gaining && b.gaining) {
                            known.insert([a, b]);
                        }
                    }
                }
            }
        }
        panic!("{} has no way from {:?} to {:?}", self.name, self.sides, self.fate)
    }
}

impl Side {
    pub fn proved(self) -> Self {
        Self { proved: true, gaining: false, ..self }
    }

    /// Corrections of a side of which nothing runs. EAGER is changed by making it anew, where no place is lost.
    fn redefined(self, may_gain: bool, may_lose: bool) -> Vec<(Step, Self)> {
        if !self.there {
            let new = Self { there: true, lacks: 0, extra: false, moved: false, eager: false, ..self };
            return if self.eager { vec![(Step::Create, new)] } else { Vec::new() };
        }
        if self.eager {
            return vec![(Step::Remove, Self { there: false, ..self })];
        }
        if self.moved {
            return vec![(Step::Address, Self { moved: false, reaches: true, ..self })];
        }
        let bits = (0..2).filter(|bit| may_gain && self.lacks & (1 << bit) != 0);
        let gaining = self.place == Place::Live;
        let mut next: Vec<_> =
            bits.map(|bit| (Step::Add(bit), Self { lacks: self.lacks & !(1 << bit), gaining, ..self })).collect();
        if self.extra && self.lacks == 0 && may_lose {
            next.push((Step::DropExtra, Self { extra: false, ..self }));
        }
        next
    }
}
