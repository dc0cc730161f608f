//! What changes hands between objects of a pair, as values: `moves` finds it, `handover` says in which steps it is done, and
//! whoever asks what is wrong with an object leaves it out.

use std::collections::{BTreeMap, BTreeSet};

use aku_core::{
    desired::Object,
    plan::reason::Reason,
    topology::{Ordinal, ReplicationName, Target},
};

/// What is handed over between pods that take part.
#[derive(Clone, Default)]
pub(super) struct Moves {
    /// In the order in which they are done; those of one pair follow each other.
    pub units: Vec<Unit>,
    /// Tables that an object gets from another, or would get.
    pub gains: BTreeMap<ReplicationName, BTreeSet<Target>>,
    /// Tables that an object gives to another, or would give.
    losses: BTreeMap<ReplicationName, BTreeSet<Target>>,
    /// What a person should know.
    pub notes: Vec<Reason>,
}

/// One object gets tables from others of the same pair.
#[derive(Clone)]
pub(super) struct Unit {
    /// The object that gets them.
    pub object: Object,
    pub how: How,
    /// What it gets.
    pub targets: Vec<Target>,
    /// From whom.
    pub losers: Vec<Loser>,
}

/// How it gets them.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum How {
    /// It runs with other tables and gets these as well.
    Added,
    /// It has nothing of its own, so it begins anew; these tables come with it, and are empty.
    Connected { fresh: Vec<Target> },
    /// It is made under another name, and takes over everything.
    Renamed,
}

/// An object that carries tables by now.
#[derive(Clone)]
pub(super) struct Loser {
    pub name: ReplicationName,
    pub gives: Gives,
    /// Tables that one side has and the other has not, and that another object carries: a change that broke off left them.
    /// No sender connects before they are out again (397325).
    pub surplus: Vec<(Ordinal, Target)>,
}

/// What it gives.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Gives {
    /// These; it keeps others.
    Tables(Vec<Target>),
    /// Everything: it goes.
    All,
}

impl Moves {
    /// Whether an object takes part in one.
    pub fn concerns(&self, name: &ReplicationName) -> bool {
        self.units.iter().any(|u| u.object.name == *name || u.losers.iter().any(|l| l.name == *name))
    }

    /// Whether an object gets the table from another one, now or when what bars it is out of the way.
    pub fn gains(&self, name: &ReplicationName, target: &Target) -> bool {
        self.gains.get(name).is_some_and(|t| t.contains(target))
    }

    /// Whether an object carries the table for another one by now.
    pub fn loses(&self, name: &ReplicationName, target: &Target) -> bool {
        self.losses.get(name).is_some_and(|t| t.contains(target))
    }

    /// Whether an object is to get or to give tables, now or later.
    pub fn is_open(&self, name: &ReplicationName) -> bool {
        self.gains.contains_key(name) || self.losses.contains_key(name)
    }

    /// An object is to get a table from another.
    pub fn add(&mut self, gains: &ReplicationName, from: &ReplicationName, target: &Target) {
        self.gains.entry(gains.clone()).or_default().insert(target.clone());
        self.losses.entry(from.clone()).or_default().insert(target.clone());
    }
}
