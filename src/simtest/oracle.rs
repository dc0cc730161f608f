//! A second opinion on starts: brute force over an abstract model of up to three pods, one group, two tables. It shares
//! no code with the planner; where both see the same world, the planner must find a plan if and only if the search does,
//! and its longest chain of actions must be as long as the search's fewest rounds: not longer, and not shorter, because
//! then it would skip something that the model asks for.
//!
//! **The search.** Breadth first, round by round: in a round every object side may do one of the steps that are open to
//! it, or none; all combinations are tried. What a round may do is what [`Search::steps`] says, and nothing else.
//!
//! **The model.** A pod is absent, broken, closed or open. A side (what one pod holds towards another) is missing, or
//! has a position (none, live, given up, pinned) and a sender or none. Rows are only: does the joiner's copy hold what
//! the others committed, is it empty, copied, proved. Tables are emptied together. Not modelled: contents, time,
//! failures of steps, EAGER, definitions that differ, several groups (each object of a pair would do the same steps),
//! and what somebody has to approve: a plan that needs a yes is a plan.
//!
//! **What a copy owes** (DESIGN D1, D15, D16): all CREATEs of a pod follow each other, and come before any START; the
//! joiner delivers what it has not sent to source and members before it forgets; it forgets before its peer does; every
//! member is pinned when its own side and the pair of the joiner with pod 0 are forgotten, then drained, then flushed to pod 0; nothing is emptied before it is quiet,
//! with the switch open for that only; the copy goes into tables proved empty, without the SYNC lock; nothing is live
//! before the copy is proved; then the streams to the joiner run, and its own, that to pod 0 as the last of them, because by
//! it the others know a member; ledgers are written before users come, users come last, the marker after them. A pod of which
//! others remember more than it shows is copied anew, and pod 0 is not opened then.

mod handover;
mod leaving;
mod reconcile;
mod world;

use std::collections::{BTreeMap, HashSet};

use self::world::{OracleState, Place, Pod, Side};
use super::play;
use crate::{
    lab::sim::Rng,
    plan::{self, Action, RefusalKind, RunWhen},
};

/// Where a search stands. Sides are those of the joiner: `[other pod][0]` its own, `[1]` the other's.
#[expect(clippy::struct_excessive_bools, reason = "independent steps of a search")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct State {
    sides: [[Side; 2]; 2],
    /// The joiner's sender was started anew, because its peer had no object.
    woken: [bool; 2],
    drained: [bool; 2],
    to_source: [bool; 2],
    /// Nobody is on the joiner any more; only a copy asks for it.
    fenced: bool,
    stage: Stage,
    waited: bool,
    /// The joiner's ledger says that it opens.
    noted: bool,
    open: bool,
    marked: bool,
    /// The lock timeout that a killed run left is put back, which waits for nothing.
    put_back: bool,
}

/// How far a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Stage {
    Before,
    Quiet,
    SwitchOpen,
    Emptied,
    SwitchClosed,
    ProvedEmpty,
    Unlocked,
    Copied,
    Proved,
}

struct Search<'w> {
    w: &'w OracleState,
    others: Vec<usize>,
    /// The joiner's rows need a copy: it missed something, or others missed something of it.
    needs_copy: bool,
    may_copy: bool,
}

impl<'w> Search<'w> {
    fn new(w: &'w OracleState) -> Self {
        let others: Vec<_> = (0..w.pods.len()).filter(|p| *p != w.me).collect();
        // A gap is certain where log was given up, and where a member that is just coming back has no place: whoever joins
        // gets the one towards pod 0 last.
        let gap = |k: usize| {
            let (mine, theirs) = (w.side(w.me, k).place, w.side(k, w.me).place);
            mine == Place::GaveUp || matches!(theirs, Place::GaveUp | Place::Missing | Place::None)
        };
        let counts = |k: usize| k == 0 || (w.member(k) && (w.pods[k] == Pod::Open || gap(k)));
        let whole = |k: usize| {
            let theirs = || if w.seen(k) { w.side(k, w.me).live() } else { k == 0 };
            w.side(w.me, k).live() && theirs()
        };
        let needs_copy = w.me != 0 && (w.put_back() || others.iter().any(|k| counts(*k) && !whole(*k)));
        let broken = w.pods.contains(&Pod::Broken);
        let may_copy = w.me != 0 && w.pods[0] == Pod::Open && w.pods[w.me] == Pod::Closed && !broken;
        Self { w, others, needs_copy, may_copy }
    }

    /// Pod 0 is never copied to: what it cannot get from a slave by a stream, a person has to get.
    fn master_lost(&self) -> bool {
        self.w.me == 0
            && (self.w.put_back()
                || self.others.iter().any(|k| {
                    let mine = self.w.side(0, *k);
                    match self.w.pods[*k] {
                        Pod::Absent => false,
                        Pod::Broken => !mine.live(),
                        Pod::Closed | Pod::Open => {
                            let theirs = self.w.side(*k, 0);
                            let unconnected = self.w.pods[*k] == Pod::Open
                                && matches!(mine.place, Place::Missing | Place::None)
                                && theirs.place == Place::None;
                            theirs.place == Place::GaveUp || (theirs.live() && !mine.live()) || unconnected
                        }
                    }
                }))
    }

    fn start(&self) -> State {
        let nothing = Side { place: Place::None, sender: false, flushed: false };
        let mut sides = [[nothing; 2]; 2];
        for (i, k) in self.others.iter().enumerate() {
            sides[i] = [self.w.side(self.w.me, *k), self.w.side(*k, self.w.me)];
        }
        State {
            sides,
            woken: [false; 2],
            drained: [false; 2],
            to_source: [false; 2],
            fenced: false,
            stage: Stage::Before,
            waited: false,
            noted: !self.w.notes(),
            open: self.w.pods[self.w.me] == Pod::Open,
            marked: !self.w.marker,
            put_back: self.w.lock,
        }
    }

    /// Pods that send to the joiner and hear from it in the end.
    fn receives(&self, i: usize) -> bool {
        self.w.member(self.others[i])
    }

    fn pinned_pods(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.others.len()).filter(|i| self.receives(*i) && self.others[*i] != 0)
    }

    fn missing(&self, s: &State, i: usize, d: usize) -> bool {
        let wanted = d == 0 || self.receives(i);
        wanted && s.sides[i][d].place == Place::Missing
    }

    fn all_created(&self, s: &State) -> bool {
        (0..self.others.len()).all(|i| !self.missing(s, i, 0) && !self.missing(s, i, 1))
    }

    /// The joiner has a sender to a member that has no object.
    fn asleep(&self, i: usize) -> bool {
        let k = self.others[i];
        let mine = self.w.side(self.w.me, k);
        self.copies()
            && mine.live()
            && mine.sender
            && self.receives(i)
            && self.w.side(k, self.w.me).place == Place::Missing
    }

    fn is_forgotten(&self, s: &State, i: usize) -> bool {
        s.sides[i][0].forgotten() && (!self.w.seen(self.others[i]) || s.sides[i][1].forgotten())
    }

    /// What side `d` of pair `i` may do next.
    fn steps(&self, s: &State, i: usize, d: usize) -> Vec<Side> {
        let side = s.sides[i][d];
        let mut next = Vec::new();
        if !self.w.seen(if d == 0 { self.w.me } else { self.others[i] }) {
            return next;
        }
        let peer_seen = self.w.seen(self.others[i]);
        let before = s.stage == Stage::Before;
        // What is written after a salvage would be lost.
        let shut = d == 1 || !self.copies() || s.fenced;
        if self.missing(s, i, d) {
            next.push(Side { place: Place::None, ..side });
        }
        if side.live() && !side.sender && self.all_created(s) && peer_seen && before && shut {
            next.push(Side { sender: true, ..side });
        }
        // A sender that was turned away because its peer had no object sleeps for long.
        let asleep = d == 0 && self.asleep(i) && !s.woken[i];
        if asleep && side.sender && shut && before && self.copies() {
            next.push(Side { sender: false, ..side });
        }
        if side.live() && side.sender && !side.flushed && peer_seen && shut && !asleep {
            next.push(Side { flushed: true, ..side });
        }
        // Forgetting: the joiner first, and not before it delivered; only for a copy, or a leftover towards somebody who
        // is not joined and holds nothing.
        let joined = self.receives(i) && self.w.pods[self.others[i]] == Pod::Open;
        let was_closed = self.w.pods[self.w.me] == Pod::Closed;
        let leftover = d == 0 && peer_seen && !joined && was_closed && !s.sides[i][1].live();
        let delivered = d == 1 || !side.live() || !self.receives(i) || side.flushed;
        let turn = d == 0 || s.sides[i][0].forgotten();
        let for_copy = self.copies() && before && delivered && turn;
        if for_copy || (leftover && !self.needs_copy) {
            if side.sender {
                next.push(Side { sender: false, ..side });
            } else if matches!(side.place, Place::Live | Place::GaveUp) {
                next.push(Side { place: Place::None, flushed: false, ..side });
            }
        }
        let pins = d == 1 && self.receives(i) && self.others[i] != 0;
        if pins && self.may_copy && before && side.forgotten() && self.pinnable(s) {
            next.push(Side { place: Place::Pinned, ..side });
        }
        if s.stage == Stage::Proved && self.receives(i) {
            match (d, side.place) {
                (0, Place::None) if self.others[i] != 0 || self.members_hear(s) => {
                    next.push(Side { place: Place::Live, sender: true, flushed: true });
                }
                (1, Place::Pinned) => {
                    next.push(Side { place: Place::Live, sender: true, flushed: true });
                }
                _ => {}
            }
        }
        next
    }

    fn copies(&self) -> bool {
        self.needs_copy && self.may_copy
    }

    /// The joiner's streams to all but pod 0 are there.
    fn members_hear(&self, s: &State) -> bool {
        (0..self.others.len()).all(|i| self.others[i] == 0 || !self.receives(i) || s.sides[i][0].live())
    }

    /// The joiner is shut, everything is created, and the pair with pod 0 is forgotten.
    fn pinnable(&self, s: &State) -> bool {
        let gone = (0..self.others.len()).filter(|j| self.others[*j] == 0).all(|j| self.is_forgotten(s, j));
        s.fenced && self.all_created(s) && gone
    }

    /// Everything is forgotten, pins of this run apart.
    fn all_forgotten(&self, s: &State) -> bool {
        let mut without = *s;
        for pair in &mut without.sides {
            if pair[1].place == Place::Pinned {
                pair[1].place = Place::None;
            }
        }
        (0..self.others.len()).all(|j| self.is_forgotten(&without, j))
    }

    /// Steps that are no choice: they only look or wait, or have one order; each takes a round.
    fn forced(&self, old: &State, new: &mut State) {
        let pinned = |i: usize| old.sides[i][1].place == Place::Pinned;
        new.fenced = self.copies();
        new.put_back = true;
        for i in self.pinned_pods() {
            new.drained[i] |= pinned(i);
            new.to_source[i] |= old.drained[i];
        }
        new.stage = match old.stage {
            Stage::Before
                if self.may_copy
                    && self.needs_copy
                    && self.pinnable(old)
                    && self.all_forgotten(old)
                    && self.pinned_pods().all(|i| old.to_source[i]) =>
            {
                Stage::Quiet
            }
            Stage::Before => Stage::Before,
            Stage::Quiet => Stage::SwitchOpen,
            Stage::SwitchOpen => Stage::Emptied,
            Stage::Emptied => Stage::SwitchClosed,
            Stage::SwitchClosed if self.w.lock => Stage::ProvedEmpty,
            Stage::SwitchClosed | Stage::ProvedEmpty => Stage::Unlocked,
            Stage::Unlocked => {
                if let Some(i) = self.others.iter().position(|k| *k == 0) {
                    new.sides[i][1] = Side { place: Place::Live, sender: true, flushed: true };
                }
                Stage::Copied
            }
            Stage::Copied | Stage::Proved => Stage::Proved,
        };
        let rows = self.rows_right(old);
        let right = rows && (self.all_created(old) || old.open);
        // Pod 0 does not wait: it is the first, and nobody was let in before it.
        let delay = self.w.delay && self.w.me != 0;
        new.waited |= rows && delay;
        let ready = right && (old.waited || !delay);
        new.noted |= ready;
        new.open |= ready && old.noted;
        new.marked |= old.open && self.rows_right(old) && self.all_created(old);
    }

    /// A pod that was closed and stopped in good order connects its pairs when it starts; an open one does not wait for it.
    fn ended(&self, i: usize) -> bool {
        let k = self.others[i];
        let stopped = !self.w.side(self.w.me, k).sender && !self.w.side(k, self.w.me).sender;
        self.w.pods[self.w.me] == Pod::Open && self.w.pods[k] == Pod::Closed && stopped
    }

    /// The joiner has what the others committed, they have what it committed, and the streams run.
    fn rows_right(&self, s: &State) -> bool {
        let closed = self.w.pods[self.w.me] == Pod::Closed;
        let runs = |i: usize| {
            let [mine, theirs] = s.sides[i];
            let both = mine.live() && theirs.live();
            let flushed = !self.w.flush || !closed || (mine.flushed && theirs.flushed);
            !both || (mine.sender && theirs.sender && flushed) || self.ended(i)
        };
        let seen = |i: &usize| self.w.seen(self.others[*i]);
        let all = (0..self.others.len()).filter(seen).all(runs);
        if self.needs_copy {
            let joined = |i: usize| !self.receives(i) || s.sides[i].iter().all(|side| side.live() && side.sender);
            s.stage == Stage::Proved && (0..self.others.len()).all(joined)
        } else {
            s.stage == Stage::Before && all
        }
    }

    fn done(&self, s: &State) -> bool {
        // A closed pod clears what it keeps for pods that are not joined and hold nothing.
        let leftover = |i: usize| {
            let k = self.others[i];
            let joined = self.receives(i) && self.w.pods[k] == Pod::Open;
            let was_closed = self.w.pods[self.w.me] == Pod::Closed;
            was_closed && self.w.seen(k) && !joined && s.sides[i][0].live() && !s.sides[i][1].live()
        };
        s.open
            && s.marked
            && s.put_back
            && self.rows_right(s)
            && self.all_created(s)
            && (self.needs_copy || self.w.me == 0 || !(0..self.others.len()).any(leftover))
    }

    /// Fewest rounds to the goal; `None` when there is no way.
    fn fewest_rounds(&self) -> Option<usize> {
        if self.master_lost() {
            return None;
        }
        let first = self.start();
        let mut known = HashSet::from([first]);
        let mut layer = vec![first];
        for round in 0.. {
            if layer.iter().any(|s| self.done(s)) {
                return Some(round);
            }
            let mut next = Vec::new();
            for s in &layer {
                self.rounds(s, &mut |new| {
                    if known.insert(new) {
                        next.push(new);
                    }
                });
            }
            if next.is_empty() {
                return None;
            }
            layer = next;
        }
        None
    }

    /// Every way in which one round can go.
    fn rounds(&self, s: &State, found: &mut dyn FnMut(State)) {
        let mut all = vec![*s];
        let mut created: Vec<Vec<usize>> = vec![Vec::new()];
        for i in 0..self.others.len() {
            for d in 0..2 {
                let pod = if d == 0 { self.w.me } else { self.others[i] };
                let steps = self.steps(s, i, d);
                for at in 0..all.len() {
                    for side in &steps {
                        let is_new = s.sides[i][d].place == Place::Missing;
                        if is_new && created[at].contains(&pod) {
                            continue;
                        }
                        let mut new = all[at];
                        let begins = s.stage == Stage::Before && side.sender && !s.sides[i][d].sender;
                        new.woken[i] |= d == 0 && begins;
                        new.sides[i][d] = *side;
                        let mut made = created[at].clone();
                        made.extend(is_new.then_some(pod));
                        all.push(new);
                        created.push(made);
                    }
                }
            }
        }
        for mut new in all {
            self.forced(s, &mut new);
            found(new);
        }
    }
}

/// Longest chain of actions that run when all goes well.
fn depth(actions: &[Action]) -> usize {
    let mut deep: BTreeMap<plan::ActionId, usize> = BTreeMap::new();
    for a in actions {
        let before = a.waits().filter_map(|id| deep.get(&id)).max().copied().unwrap_or(0);
        deep.insert(a.id, before + 1);
    }
    let normal = actions.iter().filter(|a| a.run == RunWhen::Normal);
    normal.filter_map(|a| deep.get(&a.id)).max().copied().unwrap_or(0)
}

fn case(seed: u64) {
    let mut rng = Rng::new(seed.wrapping_mul(0x9e37_79b9).wrapping_add(77));
    let world = OracleState::random(&mut rng);
    let w = world.observed();
    let ours = plan::make(&w.desired, &w.observed);
    let theirs = Search::new(&world).fewest_rounds();
    let told = || format!("seed {seed}: {world:?}\nours: {ours:#?}\nthe search: {theirs:?} rounds");
    match (&ours, theirs) {
        (Ok(plan), Some(rounds)) => {
            // Not shorter either: then it would owe something that the model asks for.
            assert_eq!(depth(&plan.actions), rounds, "{}", told());
        }
        (Err(refusal), None) => assert_ne!(refusal.kind, RefusalKind::OurBug, "{}", told()),
        (Ok(_), None) => panic!("a plan where there is none; {}", told()),
        (Err(_), Some(_)) => panic!("no plan where there is one; {}", told()),
    }
}

#[test]
fn the_planner_finds_a_plan_if_and_only_if_there_is_one_and_none_is_shorter() {
    play("oracle", 1_000, case);
}

#[test]
fn what_takes_objects_away_does_so_as_a_search_would_and_asks_for_what_it_costs() {
    play("leaving", 2_000, leaving::case);
}

#[test]
fn names_that_change_are_planned_in_the_fewest_rounds() {
    play("handover", 500, handover::case);
}

#[test]
fn a_reconcile_does_in_each_round_what_a_search_would_and_takes_no_round_more() {
    play("reconcile", 2_000, reconcile::case);
}
