//! A pod ends, or is cleaned.

use super::{
    super::{
        testing::{Worlds, desired, ord},
        *,
    },
    *,
};
use crate::{conf::Switch, desired::Goal, observe::MarkerView};

#[test]
fn an_end_fences_flushes_stops_and_forgets_in_that_order() {
    let w = end(2, 3)
        .up(0, 0)
        .up(1, 0)
        .up(2, 0)
        .pair(0, 1, "LL")
        .pair(0, 2, "LL")
        .pair(1, 2, "LL")
        .marker(MarkerView::Present);
    let plan = made(&w);
    for (later, earlier) in [
        ("2:unmark", "2:fence"),
        ("2:flush-all AKU_REP_02", "2:fence"),
        ("2:no-gap", "2:flush-all AKU_REP_02"),
        ("2:stop AKU_REP_02", "2:flush-all AKU_REP_02"),
        ("0:stop AKU_REP_02", "2:flush-all AKU_REP_02"),
        ("2:reset AKU_REP_02", "2:stop AKU_REP_02"),
        ("0:reset AKU_REP_02", "0:stop AKU_REP_02"),
        ("0:reset AKU_REP_02", "2:reset AKU_REP_02"),
        ("1:reset AKU_REP_12", "2:flush-all AKU_REP_12"),
    ] {
        assert!(waits(&plan, later, earlier), "{later} must wait for {earlier}: {:#?}", steps(&plan));
    }
    assert!(!waits(&plan, "2:reset AKU_REP_02", "2:flush-all AKU_REP_12"), "one pair does not wait for another");
}

#[test]
fn an_end_that_happened_has_nothing_left() {
    let reset = end(1, 2).up(0, 0).up(1, 1).pair(0, 1, "RR");
    assert_eq!(steps(&made(&reset)), Vec::<String>::new());
    let mut kept = end(1, 2).up(0, 0).up(1, 1).pair(0, 1, "ll");
    kept.desired.reset_at_end = Switch::Off;
    assert_eq!(steps(&made(&kept)), Vec::<String>::new());
}

#[test]
fn an_end_of_pod_0_resets_nothing() {
    let plan = made(&end(0, 2).up(0, 0).up(1, 0).pair(0, 1, "LL"));
    assert!(!steps(&plan).iter().any(|s| s.contains("reset")), "{:?}", steps(&plan));
    assert!(steps(&plan).contains(&"1:stop AKU_REP_01".to_owned()));
}

#[test]
fn without_flush_at_end_nothing_is_forgotten() {
    let mut w = end(1, 2).up(0, 0).up(1, 0).pair(0, 1, "LL");
    w.desired.flush_at_end = Switch::Off;
    let plan = made(&w);
    same_steps(&plan, &["1:fence", "1:stop AKU_REP_01", "0:stop AKU_REP_01"]);
    assert!(codes(&plan.notes).contains(&Code::NoFlushAtEnd));
}

#[test]
fn the_start_timeout_has_no_say_in_an_end() {
    let mut w = end(1, 2).up(0, 0).up(1, 0).pair(0, 1, "LL");
    w.desired.flush_timeout_at_start = 0;
    assert!(steps(&made(&w)).contains(&"1:flush-all AKU_REP_01".to_owned()));
}

#[test]
fn a_pair_whose_peer_is_away_stays_live() {
    let plan = made(&end(2, 3).up(0, 0).up(2, 0).pair(0, 2, "LL").side(2, 1, 'T'));
    assert!(!steps(&plan).iter().any(|s| s.contains("AKU_REP_12")), "{:?}", steps(&plan));
    assert!(codes(&plan.notes).contains(&Code::LogKept));
}

#[test]
fn a_clean_drops_here_and_resets_there_and_needs_approval() {
    let w = Worlds::new(desired(Goal::Clean(ord(1)), 3, 1)).up(0, 0).up(1, 0).pair(0, 1, "LL").side(1, 2, 'R');
    let plan = made(&w);
    for (later, earlier) in [
        ("1:drop AKU_REP_01", "1:stop AKU_REP_01"),
        ("1:drop AKU_REP_01", "0:stop AKU_REP_01"),
        ("0:reset AKU_REP_01", "0:stop AKU_REP_01"),
    ] {
        assert!(waits(&plan, later, earlier), "{later} must wait for {earlier}");
    }
    assert!(steps(&plan).contains(&"1:drop AKU_REP_12".to_owned()));
    assert!(codes(&plan.notes).contains(&Code::LogKept), "the peer that cannot be reached is named");
    assert_eq!(plan.approvals[0].class, ApprovalClass::RemovesDefinition);
}

#[test]
fn an_end_that_broke_off_after_closing_the_door_throws_out_who_is_still_inside() {
    let plan = made(&end(1, 2).up(0, 0).up(1, 1).pair(0, 1, "LL"));
    assert!(waits(&plan, "1:flush-all AKU_REP_01", "1:fence"), "{:#?}", steps(&plan));
}
