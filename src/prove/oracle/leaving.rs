//! The goals that take objects or places away (clean, clean everywhere, forget) beside a search of their own, pair by pair:
//! no pair of theirs waits for another. And when a recovery must be offered.
//!
//! **The model.** A side is there or not, has a place or not, a sender or not. In a round each side may do one of: FLUSH,
//! STOP, RESET, DROP. What is committed and can be delivered is delivered before anything of the pair stops; a place goes
//! only from a side without a sender; an object goes only when neither side sends.

use std::collections::HashSet;

use super::{
    depth,
    world::{Ledgers, Place, Pod, World},
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
        Goal::CleanEverywhere => Duty { deliver: [true; 2], drop: [true; 2], forget: [false; 2] },
        Goal::Clean(p) => {
            let mine = is(p);
            let others = mine.map(|m| !m && mine != [false; 2]);
            let deliver = if p.is_master() { [mine[0] || others[0], mine[1] || others[1]] } else { mine };
            Duty { deliver, drop: mine, forget: others }
        }
        Goal::Forget(p) => {
            let mine = is(p);
            Duty { deliver: [false; 2], drop: [false; 2], forget: mine.map(|m| !m && mine != [false; 2]) }
        }
        Goal::Start(_) | Goal::End(_) | Goal::Reconcile | Goal::Recover(_) => {
            Duty { deliver: [false; 2], drop: [false; 2], forget: [false; 2] }
        }
    }
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
fn due(w: &World, goal: Goal) -> Vec<usize> {
    let stuck = |p: usize, k: usize| {
        let letter = w.sides[&(p, k)];
        w.seen(p) && matches!(letter, 'L' | 'l' | 'T') && !w.seen(k)
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
        Goal::Start(_) | Goal::End(_) | Goal::Reconcile | Goal::Recover(_) => {}
    }
    let mut pods: Vec<_> = pods.into_iter().collect();
    pods.sort_unstable();
    pods
}

/// Whether there must be a plan.
fn possible(w: &World, goal: Goal) -> bool {
    let somebody = (0..w.pods.len()).any(|p| w.seen(p));
    let place = |p: usize, k: usize| matches!(w.side(p, k).place, Place::Live | Place::GaveUp);
    match goal {
        Goal::Clean(p) => w.seen(usize::from(p.get())),
        Goal::CleanEverywhere => somebody,
        Goal::Forget(p) => {
            let p = usize::from(p.get());
            let left = match w.pods[p] {
                Pod::Absent => true,
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
    }
}

pub fn case(seed: u64) {
    let mut rng = Rng::new(seed.wrapping_mul(0x9e37_79b9).wrapping_add(78));
    let mut world = World::random(&mut rng);
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
    let mut rounds = 0;
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
    assert!(depth(&plan.actions) <= rounds + 2, "{}", told());
    let asked = plan.approvals.iter().filter(|a| a.class == ApprovalClass::LosesUnsent);
    let mut asked: Vec<usize> = asked.filter_map(|a| a.scope.rsplit('/').next()?.parse().ok()).collect();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked, due(&world, goal), "{}", told());
}
