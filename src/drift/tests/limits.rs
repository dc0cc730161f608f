//! What somebody sets a limit for.

use std::time::Duration;

use super::*;
use crate::{
    drift::limits::{Limits, examine as limited, late},
    observe::Sending,
    status::Trend,
};

const FILE: i64 = 10 << 20;

/// The sender of pod 0 towards 1 has so many bytes left, and pod 0 keeps so many for 1.
fn world(gap: u64, kept: u64) -> Worlds {
    let sn = |bytes: u64| ((bytes / FILE.unsigned_abs()) << 32) + bytes % FILE.unsigned_abs();
    let mut w = three();
    for pod in 0..3 {
        w = w.set(pod, "LOG_FILE_SIZE", FILE);
        for peer in (0..3).filter(|k| *k != pod) {
            w = w.edit(pod, peer, |r| r.gap = Some(0));
        }
        w.pod_mut(pod).log_end = Some(500);
    }
    w = w.edit(0, 1, |r| {
        r.gap = Some(1);
        r.sending = Some(Sending { at: sn(500), end: sn(500 + gap) });
    });
    // XSN is 500 in these worlds.
    w.pod_mut(0).log_end = Some(sn(500 + kept));
    w
}

fn found(w: &Worlds, limits: Limits) -> (Vec<String>, BTreeSet<u8>) {
    let scope = Scope { desired: &w.desired, observed: &w.observed };
    let mut drift = examine(scope);
    assert_eq!(drift.differences, [], "nothing without a limit");
    limited(scope, limits, &mut drift);
    (told(&drift), drift.gaps.keys().map(|pod| pod.get()).collect())
}

#[test]
fn what_exceeds_its_limit_is_a_difference() {
    let big = 25 * FILE.unsigned_abs();
    let w = world(big, big);
    let name = w.desired.objects[0].name.to_string();
    let (gap, log) = (format!("0 D306 {name} gap"), "kept log");
    assert_eq!(found(&w, Limits::default()), (vec![], BTreeSet::new()));
    assert_eq!(found(&w, Limits { gap: Some(big), log: Some(big) }), (vec![], BTreeSet::new()));
    assert_eq!(found(&w, Limits { gap: Some(big - 1), log: None }), (vec![gap], BTreeSet::new()));
    let (told, unknown) = found(&w, Limits { gap: None, log: Some(big - 1) });
    assert!(told.len() == 1 && told[0].starts_with("0 D307 ") && told[0].ends_with(log), "{told:?}");
    assert_eq!(unknown, BTreeSet::new());
}

#[test]
fn what_cannot_be_measured_is_not_within_its_limit() {
    let mut w = world(100, 100).edit(1, 2, |r| (r.gap, r.sending) = (Some(3), None));
    w.pod_mut(2).log_end = None;
    let limits = Limits { gap: Some(1 << 30), log: Some(1 << 30) };
    assert_eq!(found(&w, limits), (vec![], BTreeSet::from([1, 2])));
    let scope = Scope { desired: &w.desired, observed: &w.observed };
    let mut drift = examine(scope);
    limited(scope, limits, &mut drift);
    assert_eq!(drift.completeness(), Completeness::Partial);
    // Nobody asked for a limit.
    assert_eq!(found(&w, Limits::default()).1, BTreeSet::new());
}

#[test]
fn who_is_behind_for_longer_than_the_limit_is_a_difference() {
    let mut trend = Trend::default();
    let look = |trend: &mut Trend, w: &Worlds, second: i64| {
        let scope = Scope { desired: &w.desired, observed: &w.observed };
        trend.look(&w.desired, &w.observed, jiff::Timestamp::from_second(1_800_000_000 + second).unwrap());
        let mut drift = examine(scope);
        late(scope, Duration::from_secs(60), trend, &mut drift);
        told(&drift)
    };
    let w = world(1000, 1000);
    let name = &w.desired.objects[0].name;
    assert_eq!(look(&mut trend, &w, 0), Vec::<String>::new(), "one look cannot tell");
    assert_eq!(look(&mut trend, &w, 60), Vec::<String>::new());
    assert_eq!(look(&mut trend, &w, 61), [format!("0 D308 {name} lag")]);
    assert_eq!(look(&mut trend, &world(0, 1000), 70), Vec::<String>::new(), "it caught up");
}
