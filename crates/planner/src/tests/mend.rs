//! What a reconcile mends where drift sends to it: options that were set by hand, and definitions of pods that have ended.

use aku_core::{
    desired::ReplicationAddress,
    observe::{Mode, Replication},
};

use super::*;
use crate::testing::target;

/// Pods 0 and 1 in service, pod 2 has ended and answers.
fn ended() -> Worlds {
    let up = Worlds::new(desired(Goal::Reconcile, 3, 1)).up(0, 0).up(1, 0).up(2, 1);
    up.pair(0, 1, "LL").pair(0, 2, "RR").pair(1, 2, "RR")
}

fn planned(w: &Worlds) -> Vec<String> {
    steps(&make(&w.desired, &w.observed).unwrap_or_else(|r| panic!("{r:?}")))
}

#[test]
fn options_are_taken_off_while_both_sides_stand() {
    let w = ended().edit(0, 1, |r| (r.options, r.parallel_applier) = (8 + 4, 2));
    let done = planned(&w);
    assert_eq!(
        done,
        [
            "0:stop AKU_REP_01",
            "1:stop AKU_REP_01",
            "0:clear GAPLESS",
            "0:clear PARALLEL",
            "0:start AKU_REP_01",
            "1:start AKU_REP_01"
        ],
        "{done:?}"
    );
    // On a side without a place nothing has to stop.
    let w = ended().edit(1, 2, |r| r.options = 16);
    assert_eq!(planned(&w), ["1:clear GROUPING"]);
}

#[test]
fn what_only_create_gives_waits_for_an_end() {
    for edit in [
        |r: &mut Replication| r.role = 1,
        |r: &mut Replication| r.options = 32,
        |r: &mut Replication| r.conflict_resolution = 1,
    ] {
        let w = ended().edit(0, 1, edit);
        let plan = make(&w.desired, &w.observed).unwrap();
        assert!(plan.is_empty() && plan.notes.iter().any(|n| n.code == Code::Differs), "{plan:?}");
        let w = ended().edit(0, 2, edit);
        assert_eq!(planned(&w), ["0:drop AKU_REP_02", "0:create AKU_REP_02"]);
    }
}

#[test]
fn a_pod_that_has_ended_is_corrected_where_nothing_sends() {
    let eager = ended().edit(2, 1, |r| r.mode = Mode::Eager);
    assert_eq!(planned(&eager), ["2:drop AKU_REP_12", "2:create AKU_REP_12"]);
    let plan = make(&eager.desired, &eager.observed).unwrap();
    assert_eq!(plan.approvals.len(), 1, "a DROP needs a yes: {:?}", plan.approvals);
    let moved = ended().edit(2, 0, |r| r.hosts = vec![ReplicationAddress { host: "h".to_owned(), port: 1 }]);
    assert_eq!(planned(&moved), ["2:host AKU_REP_02"]);
    let lacks = ended().edit(2, 0, |r| r.items.retain(|i| i.local != target("T2")));
    assert_eq!(planned(&lacks), ["2:add SYS.T2 AKU_REP_02"]);
    // Somebody keeps log for it: it delivers first, when it starts.
    let fed = ended().side(1, 2, 'l').edit(2, 1, |r| r.mode = Mode::Eager);
    assert!(!planned(&fed).iter().any(|s| s.starts_with("2:")), "{:?}", planned(&fed));
    // It admits users: its own start decides.
    let open = ended().set(2, "ADMIN_MODE", 0).edit(2, 1, |r| r.mode = Mode::Eager);
    assert!(!planned(&open).iter().any(|s| s.starts_with("2:")), "{:?}", planned(&open));
}
