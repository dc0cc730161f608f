//! Planning stays quick with many pods, groups and tables. The normal run compares two sizes; the ignored test holds the
//! largest cluster against what it may cost.

use std::time::{Duration, Instant};

use aku_core::desired::Goal;

use super::super::{
    testing::{Worlds, desired, ord, target},
    *,
};

/// Everybody runs but the last pod, which is closed and whose pairs look as `last` says; every group has `tables` tables.
fn world(goal: Goal, (pods, groups, tables): (u8, u8, u16), last: &str) -> Worlds {
    let mut d = desired(goal, pods, groups);
    for (id, group) in &mut d.groups {
        group.targets = (0..tables).map(|t| target(&format!("G{}_T{t}", id.0))).collect();
    }
    let mut w = Worlds::new(d);
    for pod in 0..pods {
        w = w.up(pod, i64::from(pod == pods - 1)).set(pod, "REPLICATION_MAX_COUNT", 10_000);
    }
    for a in 0..pods {
        for b in a + 1..pods {
            w = w.pair(a, b, if b == pods - 1 { last } else { "LL" });
        }
    }
    for pod in 0..pods {
        w = w.rows(pod, 10);
    }
    w
}

/// The quickest of some runs of planner and checker: what else happens on the machine only adds.
fn quickest(w: &Worlds) -> (Duration, Duration, usize) {
    let run = || {
        let begin = Instant::now();
        let plan = make(&w.desired, &w.observed).unwrap_or_else(|r| panic!("refused: {:?}", r.because[0]));
        let whole = begin.elapsed();
        let begin = Instant::now();
        assert_eq!(aku_check::check(&plan, &w.desired, &w.observed), []);
        (whole, begin.elapsed(), plan.actions.len())
    };
    (0..5).map(|_| run()).min().expect("it ran")
}

#[test]
fn twice_the_tables_cost_about_twice_the_work() {
    let join = |tables| quickest(&world(Goal::Start(ord(5)), (6, 4, tables), "RR"));
    // What else happens on the machine can only make one of the two slower: the calmest of some attempts counts.
    let attempt = || {
        let ((small, _, few), (large, _, many)) = (join(50), join(100));
        assert!(few < many, "the work really grew: {few} and {many} actions");
        let ratio = large.as_secs_f64() / small.as_secs_f64();
        println!("{few} actions in {small:?}, {many} in {large:?}: {ratio:.2}");
        ratio
    };
    let ratio = (0..4).map(|_| attempt()).fold(f64::INFINITY, f64::min);
    assert!(ratio < 4.0, "twice the tables cost {ratio:.2} times the work");
}

fn admin(w: &mut Worlds, pod: u8, mode: &str) {
    w.pod_mut(pod).properties.insert("ADMIN_MODE".to_owned(), mode.to_owned());
}

/// Most memory that this process ever held, KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// `cargo test --release --lib -- --ignored --nocapture plan::tests::scale` prints it, and fails when planner and checker
/// together take more than 200 ms for a goal, or the process (with the worlds) more than 200 MB.
#[test]
#[ignore = "a measurement: run it in release mode"]
fn the_largest_cluster() {
    type Edit = fn(&mut Worlds);
    const LARGEST: (u8, u8, u16) = (33, 8, 125);
    let newest = Goal::Start(ord(32));
    let same: Edit = |_| {};
    let open: Edit = |w| admin(w, 32, "0");
    let gained: Edit = |w| {
        admin(w, 32, "0");
        for group in w.desired.groups.values_mut() {
            let new = target(&format!("{}_NEW", group.prefix));
            group.targets.push(new.clone());
            for pod in 0..33 {
                let seen = w.observed.pods.get_mut(&ord(pod));
                let Some(aku_core::observe::PodView::Seen(seen)) = seen else { continue };
                let table = seen.tables.values().next().cloned().expect("it has tables");
                seen.tables.insert(aku_core::observe::TableName::of(&new), table);
                seen.rows.push((new.clone(), 0.into()));
            }
        }
    };
    let lost: Edit = |w| {
        admin(w, 0, "1");
        for r in w.pod_mut(0).replications.values_mut() {
            r.position = aku_core::topology::Position::Reset;
        }
        admin(w, 32, "0");
    };
    let table: [(&str, Goal, &str, Edit); 8] = [
        ("a new pod joins", newest, "RR", same),
        ("a pod joins that was cut off", newest, "GL", same),
        ("a pod catches up", newest, "ll", same),
        ("a pod leaves", Goal::End(ord(31)), "LL", same),
        ("everything is cleaned", Goal::CleanEverywhere, "LL", same),
        ("reconcile: senders are down", Goal::Reconcile, "ll", open),
        ("reconcile: a new table in every group", Goal::Reconcile, "LL", gained),
        ("pod 0 is recovered", Goal::Recover(None), "LL", lost),
    ];
    let mut slow = Vec::new();
    for (name, goal, last, edit) in table {
        let mut w = world(goal, LARGEST, last);
        edit(&mut w);
        let (took, checked, actions) = quickest(&w);
        let line = format!(
            "{name:<38} {actions:>6} actions {took:>12.1?} of which checked in {checked:>12.1?}, peak {} MB",
            peak() / 1024
        );
        println!("{line}");
        if took > Duration::from_millis(200) {
            slow.push(line);
        }
    }
    assert!(slow.is_empty(), "{slow:#?}");
    assert!(peak() < 200 * 1024, "{} KiB", peak());
}
