//! How long the five goals of `measured.md` 8 take by the measured costs: four pods, two groups, writers on all. Model time,
//! so it is the same on every machine.

use std::collections::BTreeSet;

use aku_core::topology::Ordinal;

use super::*;

/// Milliseconds of the run, and of that what its SYNCs take.
fn takes(w: &Worlds) -> (u64, u64) {
    let plan = made(w);
    let closed: BTreeSet<Ordinal> = w
        .desired
        .pods
        .keys()
        .copied()
        .filter(|p| w.observed.pod(*p).is_some_and(aku_core::observe::Pod::admin_mode))
        .collect();
    let times = rehearse(&plan.actions, &closed);
    let run = plan.actions.iter().filter(|a| !matches!(a.run, RunWhen::Undo { .. }));
    assert_eq!(times.len(), run.count(), "everything runs");
    let whole = times.values().map(|(_, end)| *end).max().unwrap_or(0);
    let copy = |is: fn((u64, u64)) -> u64| {
        let syncs = plan.actions.iter().filter(|a| matches!(a.op, Op::Sync { .. }));
        syncs.map(|a| is(times[&a.id])).collect::<Vec<_>>()
    };
    let begin = copy(|(begin, _)| begin).into_iter().min().unwrap_or(0);
    let end = copy(|(_, end)| end).into_iter().max().unwrap_or(0);
    (whole, end - begin)
}

fn four(goal: Goal, closed: &[u8]) -> Worlds {
    (0..4).fold(Worlds::new(desired(goal, 4, 2)), |w, pod| w.up(pod, i64::from(closed.contains(&pod))))
}

/// Every pair of `pods`, all alike.
fn pairs(w: Worlds, pods: &[u8], states: &str) -> Worlds {
    let all = pods.iter().flat_map(|a| pods.iter().map(move |b| (*a, *b))).filter(|(a, b)| a < b);
    all.fold(w, |w, (a, b)| w.pair(a, b, states))
}

#[test]
fn the_five_goals_take_this_long() {
    let counted = |w: Worlds| w.rows(0, 20_000).rows(3, 20_000);
    let with_pod_3 = |w: Worlds, states: &str| [0, 1, 2].iter().fold(w, |w, k| w.pair(*k, 3, states));
    let join = counted(with_pod_3(pairs(four(Goal::Start(ord(3)), &[3]), &[0, 1, 2], "LL"), "RR"));
    let salvage = counted(with_pod_3(pairs(four(Goal::Start(ord(3)), &[3]), &[0, 1, 2], "LL"), "Rl"));
    let restart = pairs(four(Goal::Start(ord(0)), &[0]), &[1, 2, 3], "LL");
    let restart = [1, 2, 3].iter().fold(restart, |w, k| w.pair(0, *k, "ll"));
    let end = pairs(four(Goal::End(ord(3)), &[]), &[0, 1, 2, 3], "LL");
    let back = pairs(four(Goal::Start(ord(1)), &[1]), &[0, 2, 3], "LL");
    let back = back.pair(0, 1, "Ll").pair(1, 2, "lL").pair(1, 3, "lL");
    // Whole run without its SYNCs, tenths of a second. Goals: 40, 140, 80, 90, 80. An end is up to 5 s of FLUSH behind the fence
    // and six STOPs of a second each on one server, neither of which a plan can do without: it keeps to its goal only where
    // FLUSH is quicker.
    let table = [("join", join), ("salvage", salvage), ("restart of pod 0", restart), ("end", end), ("catch-up", back)];
    let tenths = table.map(|(name, w)| {
        let (whole, copy) = takes(&w);
        (name, (whole - copy) / 100)
    });
    assert_eq!(tenths, [("join", 39), ("salvage", 126), ("restart of pod 0", 53), ("end", 112), ("catch-up", 53)]);
}
