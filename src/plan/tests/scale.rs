//! Planning stays quick with many pods, groups and tables. The normal run compares two sizes; the ignored test prints what
//! the largest cluster costs.

use std::time::{Duration, Instant};

use super::super::{
    testing::{Worlds, desired, ord, target},
    *,
};
use crate::desired::Goal;

/// Everybody runs but the last pod, which joins anew; every group has `tables` tables.
fn world(pods: u8, groups: u8, tables: u16) -> Worlds {
    let mut d = desired(Goal::Start(ord(pods - 1)), pods, groups);
    for (id, group) in &mut d.groups {
        group.targets = (0..tables).map(|t| target(&format!("G{}_T{t}", id.0))).collect();
    }
    let mut w = Worlds::new(d);
    for pod in 0..pods {
        w = w.up(pod, i64::from(pod == pods - 1)).set(pod, "REPLICATION_MAX_COUNT", 10_000);
    }
    for a in 0..pods {
        for b in a + 1..pods {
            w = w.pair(a, b, if b == pods - 1 { "RR" } else { "LL" });
        }
    }
    w.rows(0, 10).rows(pods - 1, 10)
}

/// The quickest of some runs: what else happens on the machine only adds.
fn quickest(w: &Worlds) -> (Duration, usize) {
    let run = || {
        let begin = Instant::now();
        let actions = make(&w.desired, &w.observed).expect("a full copy is planned").actions.len();
        (begin.elapsed(), actions)
    };
    (0..5).map(|_| run()).min().expect("it ran")
}

#[test]
fn twice_the_tables_cost_about_twice_the_work() {
    let (small, few) = quickest(&world(6, 4, 50));
    let (large, many) = quickest(&world(6, 4, 100));
    assert!(few < many, "the work really grew: {few} and {many} actions");
    let ratio = large.as_secs_f64() / small.as_secs_f64();
    println!("{few} actions in {small:?}, {many} in {large:?}: {ratio:.2}");
    assert!(ratio < 4.0, "twice the tables cost {ratio:.2} times the work");
}

/// `cargo test --release --lib -- --ignored --nocapture plan::tests::scale` prints it.
#[test]
#[ignore = "a measurement: run it in release mode"]
fn the_largest_cluster() {
    let w = world(33, 8, 125);
    let (took, actions) = quickest(&w);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or("VmHWM: unknown").to_owned();
    println!("33 pods, 8 groups, 1,000 tables: {actions} actions in {took:?}, peak memory with the world {peak}");
}
