//! Tables that changed their group while a pod of the pair was away: the object that still has them counts.

use aku_core::desired::Goal;

use super::*;

/// T1 is in the group of aku.conf and not yet in its object; OLD_01 has it, with these sides.
fn moved(goal: Goal, ours: &str, old: &str) -> Worlds {
    let mut w = Worlds::new(desired(goal, 2, 1)).up(0, 0).up(1, 1).pair(0, 1, ours);
    for (pod, letter) in [0, 1].into_iter().zip(old.chars()) {
        w = w.held(pod, "OLD_01", 1 - pod, letter, &["T1"]);
        w = w.edit(pod, 1 - pod, |r| r.items.retain(|i| i.local.table.as_str() != "T1"));
    }
    w
}

#[test]
fn a_gap_in_an_old_group_means_a_new_copy() {
    let road = |old| made(&moved(Goal::Start(ord(1)), "LL", old)).decision;
    assert!(matches!(road("LL"), Decision::CatchUp { .. }));
    for old in ["RL", "LR"] {
        let Decision::Full { because, .. } = road(old) else { panic!("{old}: nothing is copied") };
        assert_eq!(codes(&because), [Code::SidesDisagree], "{old}");
    }
    // Nothing was ever connected there: aku.conf gained the table.
    assert!(matches!(road("RR"), Decision::CatchUp { .. }));
}

#[test]
fn what_an_old_group_holds_back_is_delivered_before_it_is_deleted() {
    let plan = made(&moved(Goal::Start(ord(1)), "RR", "LL"));
    for (later, earlier) in [
        ("1:reset OLD_01", "1:flush OLD_01"),
        ("0:reset OLD_01", "1:reset OLD_01"),
        ("1:truncate SYS.T1", "1:flush OLD_01"),
    ] {
        assert!(waits(&plan, later, earlier), "{later} must wait for {earlier}: {:#?}", steps(&plan));
    }
}

#[test]
fn an_end_delivers_through_an_old_group_as_well() {
    let w = moved(Goal::End(ord(1)), "LL", "LL").set(1, "ADMIN_MODE", 0);
    let plan = made(&w);
    for (later, earlier) in
        [("1:flush OLD_01", "1:fence"), ("1:reset OLD_01", "1:flush OLD_01"), ("0:reset OLD_01", "1:reset OLD_01")]
    {
        assert!(waits(&plan, later, earlier), "{later} must wait for {earlier}: {:#?}", steps(&plan));
    }
}

#[test]
fn a_clean_of_all_pods_takes_old_groups_with_it() {
    let open = |w: Worlds| w.set(0, "ADMIN_MODE", 0).set(1, "ADMIN_MODE", 0);
    // T1 is still in the old group alone: it is delivered first.
    let plan = made(&open(moved(Goal::CleanEverywhere, "LL", "LL")));
    for (later, earlier) in
        [("1:flush OLD_01", "1:fence"), ("1:reset OLD_01", "1:flush OLD_01"), ("1:drop OLD_01", "0:reset OLD_01")]
    {
        assert!(waits(&plan, later, earlier), "{later} must wait for {earlier}: {:#?}", steps(&plan));
    }
    // Our own object has it as well: the old one is behind, and sends nothing after what is newer.
    let mut w = Worlds::new(desired(Goal::CleanEverywhere, 2, 1)).up(0, 0).up(1, 0).pair(0, 1, "LL");
    for pod in [0, 1] {
        w = w.held(pod, "OLD_01", 1 - pod, 'L', &["T1"]);
    }
    let plan = made(&w);
    assert!(steps(&plan).iter().all(|s| !s.contains("flush OLD_01")), "{:#?}", steps(&plan));
    for (later, earlier) in [
        ("1:reset OLD_01", "1:fence"),
        ("1:flush AKU_REP_01", "1:reset OLD_01"),
        ("0:drop OLD_01", "0:reset OLD_01"),
        ("0:drop OLD_01", "1:reset OLD_01"),
    ] {
        assert!(waits(&plan, later, earlier), "{later} must wait for {earlier}: {:#?}", steps(&plan));
    }
}
