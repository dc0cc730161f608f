//! The goals that take objects or places away beside a model of their own. And when a recovery must be offered.
//!
//! **A forget** is searched pair by pair: no pair of it waits for another. A side is there or not, has a place or not, a
//! sender or not. In a round each side may do one of: FLUSH, STOP, RESET, DROP. A place goes only from a side without a
//! sender; an object goes only when neither side sends.
//!
//! **A clean** leaves no choice, so the earliest round of each step is reckoned: users are out before anything is delivered,
//! everything is delivered before a stream stops, a place goes before its object, pod 0 is forgotten before the others, and
//! the others forget when the object is gone here.

use std::collections::{BTreeMap, HashSet};

use super::{
    depth,
    world::{Ledgers, OracleState, Place, Pod},
};
use crate::{
    desired::Goal,
    lab::sim::Rng,
    plan::{self, Action, ApprovalClass, Op, RefusalKind, testing},
};

#[expect(clippy::struct_excessive_bools, reason = "independent facts about a side")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Side {
    seen: bool,
    there: bool,
    place: bool,
    sends: bool,
    flushed: bool,
}

/// What a goal asks of one pair: first the side of the smaller pod.
#[derive(Clone, Copy, Debug)]
struct Duty {
    /// Sides that deliver first, where their sender runs and the peer is there.
    deliver: [bool; 2],
    /// Sides whose object goes.
    drop: [bool; 2],
    /// Sides whose place goes.
    forget: [bool; 2],
}

fn duty(goal: Goal, low: usize, high: usize) -> Duty {
    let is = |p: crate::topology::Ordinal| [low, high].map(|k| k == usize::from(p.get()));
    match goal {
        Goal::Forget(p) => {
            let mine = is(p);
            Duty { deliver: [false; 2], drop: [false; 2], forget: mine.map(|m| !m && mine != [false; 2]) }
        }
        Goal::Start(_)
        | Goal::End(_)
        | Goal::Clean(_)
        | Goal::CleanEverywhere
        | Goal::Reconcile
        | Goal::Recover(_)
        | Goal::Repair(_)
        | Goal::RecoverLog(_) => Duty { deliver: [false; 2], drop: [false; 2], forget: [false; 2] },
    }
}

/// The round in which what `p` has for `k` is flushed, after its fence; `None` when it has nothing, or `k` is not there.
/// `made`: the round in which `k` gets an object that it lost.
fn flush_round(w: &OracleState, p: usize, k: usize, fence: usize, made: usize) -> Option<usize> {
    if !w.seen(p) || !w.seen(k) {
        return None;
    }
    let has = w.side(k, p).place != Place::Missing;
    if !has && w.is_lost(k) && w.sides[&(p, k)] != 'L' {
        return None;
    }
    match (w.sides[&(p, k)], has) {
        ('L', _) | ('T', true) => Some(fence + 1),
        ('l', true) => Some(fence + 2),
        // It sleeps, so it is stopped and started anew.
        ('T', false) => Some((fence + 1).max(made) + 2),
        ('l', false) => Some(fence.max(made) + 2),
        _ => None,
    }
}

/// Whether the delivery needs an object that the peer lost.
fn needs_object(w: &OracleState, p: usize, k: usize) -> bool {
    w.seen(p) && w.seen(k) && matches!(w.sides[&(p, k)], 'T' | 'l') && gone(w, p, k) && !w.is_lost(k)
}

fn gone(w: &OracleState, p: usize, k: usize) -> bool {
    w.side(k, p).place == Place::Missing
}

/// The latest round of a clean of `me`.
fn clean_rounds(w: &OracleState, me: usize) -> usize {
    let others: Vec<usize> = (0..w.pods.len()).filter(|k| *k != me).collect();
    let takes_part = |k: &usize| w.side(me, *k).live() || w.side(me, *k).sender;
    let fence = usize::from(others.iter().any(takes_part));
    let (mut last, mut source) = (fence, 0);
    for k in others {
        let (mine, theirs) = (w.side(me, k), w.side(k, me));
        let flush = flush_round(w, me, k, fence, 1);
        let to_source = me == 0 && w.seen(k) && w.sides[&(k, me)] == 'L';
        let flushed = flush.map_or(0, |round| round + 1).max(usize::from(to_source));
        let stop = |is: bool| if is { flushed.max(fence) + 1 } else { 0 };
        let my_stop = stop(mine.sender || flush.is_some());
        let their_stop = stop(w.seen(k) && theirs.sender);
        let reset = if mine.live() { my_stop.max(flushed).max(source).max(fence) + 1 } else { 0 };
        if k == 0 {
            source = reset;
        }
        let drop = if mine.place == Place::Missing { 0 } else { my_stop.max(their_stop).max(reset) + 1 };
        let held = w.seen(k) && matches!(theirs.place, Place::Live | Place::GaveUp);
        let forgot = if held { their_stop.max(reset).max(flushed).max(drop) + 1 } else { 0 };
        last = [last, flushed, my_stop, their_stop, reset, drop, forgot].into_iter().max().unwrap_or(0);
    }
    last
}

/// The latest round of a clean of all pods.
fn everywhere_rounds(w: &OracleState) -> usize {
    let count = w.pods.len();
    let sends = |p: usize, k: usize| p != k && (w.side(p, k).live() || w.side(p, k).sender);
    let fence: Vec<usize> = (0..count).map(|p| usize::from(w.seen(p) && (0..count).any(|k| sends(p, k)))).collect();
    let mut delivered = vec![0; count];
    let mut made = vec![0; count];
    let mut last = fence.iter().copied().max().unwrap_or(0);
    let (mut forgotten, mut drops) = (BTreeMap::new(), false);
    for low in 0..count {
        for high in low + 1..count {
            for (p, k) in [(low, high), (high, low)] {
                made[k] += usize::from(needs_object(w, p, k));
                if let Some(round) = flush_round(w, p, k, fence[p], made[k]) {
                    delivered[p] = delivered[p].max(round + 1);
                }
            }
        }
    }
    for low in 0..count {
        for high in low + 1..count {
            let first = [delivered[low], delivered[high], fence[low], fence[high]].into_iter().max().unwrap_or(0);
            let ends = [(high, low), (low, high)];
            let moves = |(p, k): &(usize, usize)| {
                w.seen(*p) && (w.side(*p, *k).sender || flush_round(w, *p, *k, 0, 0).is_some())
            };
            let stopped = if ends.iter().any(moves) { first + 1 } else { first };
            let live =
                |(p, k): &&(usize, usize)| w.seen(*p) && matches!(w.side(*p, *k).place, Place::Live | Place::GaveUp);
            for (after, (p, _)) in ends.iter().filter(live).enumerate() {
                let round = forgotten.entry(*p).or_insert(0);
                *round = (*round).max(stopped + after + 1);
            }
            let there = |(p, k): &(usize, usize)| {
                w.seen(*p) && (w.side(*p, *k).place != Place::Missing || needs_object(w, *k, *p))
            };
            drops |= ends.iter().any(there);
            last = last.max(stopped);
        }
    }
    // Each pod sees that no place is left, and the last one speaks for all.
    let others = forgotten.iter().skip(1).map(|(_, round)| round + 1).max().unwrap_or(0);
    let quiet = forgotten.values().next().map_or(0, |own| others.max(*own) + 1);
    last.max(quiet) + usize::from(drops)
}

/// Fewest rounds until the pair is as it should be.
fn fewest(first: [Side; 2], running: [bool; 2], duty: Duty) -> usize {
    let owes = |s: &[Side; 2], i: usize| {
        duty.deliver[i] && running[i] && s[0].seen && s[1].seen && s[i].there && !s[i].flushed
    };
    let done = |s: &[Side; 2]| {
        (0..2).all(|i| {
            let gone = !duty.drop[i] || !s[i].there;
            let forgotten = !duty.forget[i] || (!s[i].place && !s[i].sends);
            !s[i].seen || (gone && forgotten)
        })
    };
    let steps = |s: &[Side; 2], i: usize| {
        let (side, other) = (s[i], s[1 - i]);
        let mut next = vec![side];
        let settled = !owes(s, 0) && !owes(s, 1);
        if !side.seen || !side.there {
            return next;
        }
        if owes(s, i) {
            next.push(Side { flushed: true, ..side });
        }
        if side.sends && settled {
            next.push(Side { sends: false, ..side });
        }
        if side.place && !side.sends && settled && duty.forget[i] {
            next.push(Side { place: false, ..side });
        }
        if duty.drop[i] && !side.sends && !(other.seen && other.sends) && settled {
            next.push(Side { there: false, place: false, ..side });
        }
        next
    };
    let mut known = HashSet::from([first]);
    let mut layer = vec![first];
    for round in 0.. {
        if layer.iter().any(done) {
            return round;
        }
        let mut next = Vec::new();
        for s in &layer {
            for a in steps(s, 0) {
                for b in steps(s, 1) {
                    if known.insert([a, b]) {
                        next.push([a, b]);
                    }
                }
            }
        }
        assert!(!next.is_empty(), "{first:?} {duty:?} has no way");
        layer = next;
    }
    unreachable!("a finite search ends")
}

/// A yes is due for every pod that loses what it has not sent, and for every slave that pod 0 leaves behind.
fn due(w: &OracleState, goal: Goal) -> Vec<usize> {
    let stuck = |p: usize, k: usize| match w.sides[&(p, k)] {
        'L' => w.seen(p) && !w.seen(k),
        'l' | 'T' => w.seen(p) && (!w.seen(k) || (w.is_lost(k) && gone(w, p, k))),
        letter => letter == 'G' && w.seen(p),
    };
    let others = |p: usize| (0..w.pods.len()).filter(move |k| *k != p);
    let mut pods = HashSet::new();
    match goal {
        Goal::Clean(p) => {
            let p = usize::from(p.get());
            pods.extend(others(p).any(|k| stuck(p, k)).then_some(p));
            if p == 0 {
                let held = |k: &usize| matches!(w.side(*k, 0).place, Place::Live | Place::GaveUp) && w.seen(*k);
                pods.extend(others(0).filter(held));
            }
        }
        Goal::CleanEverywhere => {
            pods.extend((0..w.pods.len()).filter(|p| others(*p).any(|k| stuck(*p, k))));
        }
        Goal::Forget(p) => {
            let p = usize::from(p.get());
            let kept = |k: usize| {
                w.seen(k) && (w.side(k, p).sender || !matches!(w.side(k, p).place, Place::Missing | Place::None))
            };
            pods.extend(others(p).any(kept).then_some(p));
        }
        Goal::Start(_) | Goal::End(_) | Goal::Reconcile | Goal::Recover(_) | Goal::Repair(_) | Goal::RecoverLog(_) => {}
    }
    let mut pods: Vec<_> = pods.into_iter().collect();
    pods.sort_unstable();
    pods
}

/// Whether there must be a plan.
fn possible(w: &OracleState, goal: Goal) -> bool {
    let somebody = (0..w.pods.len()).any(|p| w.seen(p));
    let place = |p: usize, k: usize| matches!(w.side(p, k).place, Place::Live | Place::GaveUp);
    match goal {
        Goal::Clean(p) => w.seen(usize::from(p.get())),
        Goal::CleanEverywhere => somebody,
        Goal::Forget(p) => {
            let p = usize::from(p.get());
            let left = match w.pods[p] {
                // Somebody is connected with it still: it is not gone.
                Pod::Absent => !(0..w.pods.len()).any(|k| k != p && w.seen(k) && w.sides[&(k, p)] == 'L'),
                Pod::Broken | Pod::Open => false,
                Pod::Closed => !(0..w.pods.len()).any(|k| k != p && place(p, k)),
            };
            somebody && p != 0 && left
        }
        Goal::Recover(_) => {
            let lost = |k: usize| {
                let (mine, theirs) = (w.side(0, k), w.side(k, 0));
                let unconnected = w.pods[k] == Pod::Open
                    && theirs.place == Place::None
                    && matches!(mine.place, Place::Missing | Place::None);
                w.seen(k) && (theirs.place == Place::GaveUp || (theirs.live() && !mine.live()) || unconnected)
            };
            // Somebody remembers more of pod 0 than it shows, or it lost a place.
            let failed = (w.me == 0 && w.put_back()) || (1..w.pods.len()).any(lost);
            w.pods[0] == Pod::Closed && !w.pods.contains(&Pod::Broken) && failed
        }
        Goal::Start(_) | Goal::End(_) | Goal::Reconcile => true,
        // Nobody compared anything here.
        Goal::Repair(_) | Goal::RecoverLog(_) => false,
    }
}

pub fn case(seed: u64) {
    let mut rng = Rng::new(seed.wrapping_mul(0x9e37_79b9).wrapping_add(78));
    let mut world = OracleState::random(&mut rng);
    world.marker = false;
    let pod = testing::ord(u8::try_from(world.me).expect("a few pods"));
    let goal = [Goal::Clean(pod), Goal::CleanEverywhere, Goal::Forget(pod), Goal::Recover(None)]
        [usize::try_from(rng.below(4)).unwrap_or(0)];
    let mut w = world.observed();
    w.desired.goal = goal;
    let ours = plan::make(&w.desired, &w.observed);
    let told = || format!("seed {seed}: {goal:?} {world:?}\nours: {ours:#?}");
    let plan = match (&ours, possible(&world, goal)) {
        (Ok(plan), true) => plan,
        (Err(refusal), false) => {
            assert_ne!(refusal.kind, RefusalKind::OurBug, "{}", told());
            return;
        }
        (Ok(_), false) => panic!("a plan where there is none; {}", told()),
        (Err(_), true) => panic!("no plan where there is one; {}", told()),
    };
    if matches!(goal, Goal::Recover(_)) {
        return;
    }
    let mut rounds = match goal {
        Goal::Clean(_) => clean_rounds(&world, world.me),
        Goal::CleanEverywhere => everywhere_rounds(&world),
        Goal::Forget(_)
        | Goal::Start(_)
        | Goal::End(_)
        | Goal::Reconcile
        | Goal::Recover(_)
        | Goal::Repair(_)
        | Goal::RecoverLog(_) => 0,
    };
    for low in 0..world.pods.len() {
        for high in low + 1..world.pods.len() {
            let ends = [(low, high), (high, low)];
            let side = |(p, k)| {
                let s = world.side(p, k);
                let seen = world.seen(p);
                Side {
                    seen,
                    there: seen && s.place != Place::Missing,
                    place: seen && matches!(s.place, Place::Live | Place::GaveUp),
                    sends: seen && s.sender,
                    flushed: false,
                }
            };
            let running = ends.map(|end| world.sides[&end] == 'L');
            rounds = rounds.max(fewest(ends.map(side), running, duty(goal, low, high)));
        }
    }
    // Ledgers are written when all else is done: that of a pod that changes, then those of the others.
    let is_row = |a: &&Action| matches!(a.op, Op::WriteLedger { .. });
    let (rows, rest): (Vec<&Action>, Vec<&Action>) = plan.actions.iter().partition(is_row);
    let rest: Vec<Action> = rest.into_iter().cloned().collect();
    assert_eq!(depth(&rest), rounds, "{}", told());
    assert!(rows.is_empty() || world.ledgers != Ledgers::Off, "{}", told());
    // The row of a pod that is cleaned stands before anything is forgotten.
    assert!(depth(&plan.actions) <= rounds + 4, "{}", told());
    let asked = plan.approvals.iter().filter(|a| a.class == ApprovalClass::LosesUnsent);
    let mut asked: Vec<usize> = asked.filter_map(|a| a.scope.rsplit('/').next()?.parse().ok()).collect();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked, due(&world, goal), "{}", told());
}
