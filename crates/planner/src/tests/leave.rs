//! A pod ends, or is cleaned.

use aku_core::{conf::Switch, desired::Goal, observe::MarkerView};

use super::*;

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
        ("2:flush AKU_REP_02", "2:fence"),
        ("2:delivered", "2:flush AKU_REP_02"),
        ("2:stop AKU_REP_02", "2:flush AKU_REP_02"),
        ("0:stop AKU_REP_02", "2:flush AKU_REP_02"),
        ("2:reset AKU_REP_02", "2:stop AKU_REP_02"),
        ("0:reset AKU_REP_02", "0:stop AKU_REP_02"),
        ("0:reset AKU_REP_02", "2:reset AKU_REP_02"),
        ("1:reset AKU_REP_12", "2:flush AKU_REP_12"),
    ] {
        assert!(waits(&plan, later, earlier), "{later} must wait for {earlier}: {:#?}", steps(&plan));
    }
    assert!(!waits(&plan, "2:reset AKU_REP_02", "2:flush AKU_REP_12"), "one pair does not wait for another");
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
    assert!(steps(&made(&w)).contains(&"1:flush AKU_REP_01".to_owned()));
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
    assert!(waits(&plan, "1:flush AKU_REP_01", "1:fence"), "{:#?}", steps(&plan));
}

/// Pod 2 stops its sender to pod 1 before it starts it anew.
fn stops_before_its_start(plan: &Plan) -> bool {
    let id = |what: &str| plan.actions.iter().find(|a| step(a) == what).map(|a| a.id);
    let start = plan.actions.iter().find(|a| step(a) == "2:start AKU_REP_12");
    start.is_some_and(|a| a.waits().any(|w| Some(w) == id("2:stop AKU_REP_12")))
}

#[test]
fn an_end_gives_a_peer_back_the_object_that_it_lost() {
    // Pod 1 lost its object; the sender of pod 2 is turned away and sleeps.
    let w = end(2, 3).up(0, 0).up(1, 0).up(2, 0).pair(0, 1, "LL").pair(0, 2, "LL").pair(1, 2, "-T");
    let plan = made(&w);
    for (later, earlier) in [
        ("2:start AKU_REP_12", "1:create AKU_REP_12"),
        ("2:flush AKU_REP_12", "2:start AKU_REP_12"),
        ("2:reset AKU_REP_12", "2:delivered"),
    ] {
        assert!(waits(&plan, later, earlier), "{later} does not come after {earlier}: {:?}", steps(&plan));
    }
    assert!(stops_before_its_start(&plan));
    // A stopped one is only started.
    let plan = made(&end(2, 3).up(0, 0).up(1, 0).up(2, 0).pair(0, 1, "LL").pair(0, 2, "LL").pair(1, 2, "-l"));
    assert!(waits(&plan, "2:start AKU_REP_12", "1:create AKU_REP_12"), "{:?}", steps(&plan));
    // Pod 0 is a peer as any other.
    let plan = made(&end(1, 2).up(0, 0).up(1, 0).pair(0, 1, "-T"));
    assert!(waits(&plan, "1:flush AKU_REP_01", "0:create AKU_REP_01"), "{:?}", steps(&plan));
}

#[test]
fn an_end_keeps_what_it_cannot_deliver_and_says_so() {
    // The table of the lost object is not fit to be replicated there.
    let mut w = end(2, 3).up(0, 0).up(1, 0).up(2, 0).pair(0, 1, "LL").pair(0, 2, "LL").pair(1, 2, "-T");
    for table in w.pod_mut(1).tables.values_mut() {
        table.primary_key = false;
    }
    let plan = made(&w);
    let all = steps(&plan);
    assert!(
        !all.iter().any(|s| s.contains("create") || s == "2:flush AKU_REP_12" || s == "2:reset AKU_REP_12"),
        "{all:?}"
    );
    assert!(all.contains(&"2:stop AKU_REP_12".to_owned()) && all.contains(&"2:reset AKU_REP_02".to_owned()), "{all:?}");
    let said = plan.notes.iter().filter(|n| n.code == Code::LogKept && n.text.contains("cannot be delivered now"));
    assert_eq!(said.count(), 1, "{:?}", plan.notes);
    // Items differ, and the sender is turned away: towards pod 0, so nothing at all is forgotten.
    let unlike = |r: &mut aku_core::observe::Replication| {
        r.items.pop_last();
    };
    let w = end(2, 3).up(0, 0).up(1, 0).up(2, 0).pair(0, 1, "LL").pair(0, 2, "LT").pair(1, 2, "LL").edit(0, 2, unlike);
    let plan = made(&w);
    let all = steps(&plan);
    assert!(!all.iter().any(|s| s.contains(":reset ") || s == "2:flush AKU_REP_02"), "{all:?}");
    assert!(all.contains(&"2:flush AKU_REP_12".to_owned()) && all.contains(&"2:stop AKU_REP_02".to_owned()), "{all:?}");
}

#[test]
fn a_salvage_wakes_the_sender_of_a_peer_that_lost_its_object() {
    let w = start(2, 3).up(0, 0).up(1, 0).up(2, 1).pair(0, 1, "LL").pair(0, 2, "RT").pair(1, 2, "-T");
    let plan = made(&w.rows(0, 9).rows(2, 9));
    for (later, earlier) in
        [("2:start AKU_REP_12", "1:create AKU_REP_12"), ("2:flush AKU_REP_12", "2:start AKU_REP_12")]
    {
        assert!(waits(&plan, later, earlier), "{later} does not come after {earlier}: {:?}", steps(&plan));
    }
    assert!(
        !steps(&plan).contains(&"2:start AKU_REP_02".to_owned())
            || waits(&plan, "2:start AKU_REP_02", "2:flush AKU_REP_02")
    );
}

#[test]
fn a_recovery_makes_what_the_source_lost_or_asks() {
    let w = || {
        let w = Worlds::new(desired(Goal::Recover(Some(ord(1))), 3, 1)).up(0, 1).up(1, 0).up(2, 0);
        w.side(1, 0, 'T').side(2, 0, 'T').rows(0, 0).rows(1, 9).rows(2, 9)
    };
    let plan = made(&w().pair(1, 2, "-T"));
    assert!(waits(&plan, "2:start AKU_REP_12", "1:create AKU_REP_12"), "{:?}", steps(&plan));
    assert!(waits(&plan, "2:delivered", "2:flush AKU_REP_12"), "{:?}", steps(&plan));
    let asked =
        |plan: &Plan| plan.approvals.iter().any(|a| a.class == ApprovalClass::LosesUnsent && a.scope.ends_with("/2"));
    assert!(!asked(&plan), "{:?}", plan.approvals);
    // Items differ: nothing gets through, so somebody says yes to the loss.
    let unlike = |r: &mut aku_core::observe::Replication| {
        r.items.pop_last();
    };
    let plan = made(&w().pair(1, 2, "LT").edit(1, 2, unlike));
    assert!(asked(&plan), "{:?}", plan.approvals);
    assert!(!steps(&plan).contains(&"2:flush AKU_REP_12".to_owned()), "{:?}", steps(&plan));
}

/// Each step that makes a clean an end is missed when it is not there.
#[test]
fn the_checker_sees_a_clean_that_loses_rows() {
    let one = Worlds::new(desired(Goal::Clean(ord(1)), 2, 1)).up(0, 0).up(1, 0).pair(0, 1, "LL");
    let all = Worlds::new(desired(Goal::CleanEverywhere, 2, 1)).up(0, 0).up(1, 0).pair(0, 1, "LL");
    for w in [&one, &all] {
        let good = made(w);
        let rules = |plan: &Plan| -> Vec<&'static str> {
            check::check(plan, &w.desired, &w.observed).into_iter().map(|v| v.rule).collect()
        };
        assert_eq!(rules(&good), [""; 0]);
        let without = |is: fn(&Op) -> bool| {
            let mut plan = good.clone();
            let gone: Vec<ActionId> = plan.actions.iter().filter(|a| is(&a.op)).map(|a| a.id).collect();
            plan.actions.retain(|a| !gone.contains(&a.id));
            let is_gone = |id| gone.contains(&id);
            let mut thinned = Thinned::without(&is_gone);
            plan.actions.iter_mut().for_each(|a| thinned.thin(&mut a.after));
            assert!(!gone.is_empty());
            plan
        };
        assert!(rules(&without(|op| matches!(op, Op::Fence))).contains(&"fenced"));
        assert!(rules(&without(|op| matches!(op, Op::Flush { .. }))).contains(&"unsent"));
        assert!(rules(&without(|op| matches!(op, Op::CheckDelivered { .. }))).contains(&"unsent"));
        assert!(rules(&without(|op| matches!(op, Op::Stop { .. }))).contains(&"drop"));
    }
    // The other pod forgets before the object is gone here.
    let mut early = made(&one);
    let drops: Vec<ActionId> =
        early.actions.iter().filter(|a| matches!(a.op, Op::DropReplication { .. })).map(|a| a.id).collect();
    let drop = |id| drops.contains(&id);
    let mut thinned = Thinned::without(&drop);
    early.actions.iter_mut().for_each(|a| thinned.thin(&mut a.after));
    let found: Vec<_> = check::check(&early, &one.desired, &one.observed).into_iter().map(|v| v.rule).collect();
    assert_eq!(found, ["clean-order"]);
    // What cannot be delivered goes with a yes.
    let away = Worlds::new(desired(Goal::Clean(ord(1)), 3, 1)).up(0, 0).up(1, 0).pair(0, 1, "LL").side(1, 2, 'T');
    let mut silent = made(&away);
    assert!(silent.approvals.iter().any(|a| a.class == ApprovalClass::LosesUnsent && a.because.contains("AKU_REP_12")));
    silent.approvals.retain(|a| a.class != ApprovalClass::LosesUnsent);
    assert!(check::check(&silent, &away.desired, &away.observed).iter().any(|v| v.rule == "unsent"));
}

#[test]
fn a_clean_of_pod_0_that_broke_off_is_no_lost_pod_0() {
    let w = start(0, 2).up(0, 1).up(1, 0).pair(0, 1, "-L").ledgers();
    let lost = |w: &Worlds| make(&w.desired, &w.observed).expect_err("it does not open").because[0].code;
    assert_eq!(lost(&w), Code::MasterFailed);
    let cleaned = w.edit_ledger(0, |l| l.standing = aku_core::ledger::Standing::Cleaned);
    assert_eq!(lost(&cleaned), Code::CleanBrokeOff);
}

#[test]
fn who_the_ledger_calls_running_is_down_and_not_absent() {
    let w = || start(2, 3).up(0, 0).up(2, 1).ledgers().rows(0, 5).rows(2, 0);
    let asked = |w: &Worlds| {
        let plan = made(w);
        plan.approvals.iter().any(|a| a.class == ApprovalClass::MemberDown && a.scope.ends_with("/1"))
    };
    assert!(!asked(&w()), "nobody knows of pod 1");
    assert!(asked(&w().remembers(0, 1, 1)), "nobody keeps log for it, and the ledger of pod 0 knows it");
    // Once it is forgotten it is not asked about any more.
    let gone = w().remembers(0, 1, 1).edit_ledger(0, |l| {
        l.peers.values_mut().for_each(|p| p.standing = aku_core::ledger::Standing::Forgotten);
    });
    assert!(!asked(&gone));
    let forget = Worlds { desired: desired(Goal::Forget(ord(1)), 3, 1), ..w().remembers(0, 1, 1) };
    let plan = made(&forget);
    assert!(steps(&plan).iter().any(|s| s.starts_with("0:")), "the ledgers are told: {:?}", steps(&plan));
}

/// A pod that pod 0's cluster does not know: as many rows may be other rows.
#[test]
fn rows_of_a_stranger_are_named_however_many() {
    let w = || start(1, 2).up(0, 0).up(1, 1).ledgers().rows(0, 9).rows(1, 2);
    let named = |w: &Worlds| {
        let plan = made(w);
        plan.approvals.iter().any(|a| a.class == ApprovalClass::LosesUnsent && a.because.contains("2 rows of SYS.T1"))
    };
    assert!(!named(&w()), "it is one of us");
    let stranger = |mut w: Worlds| {
        w.pod_mut(1).ledger = aku_core::ledger::View::Missing;
        w
    };
    assert!(named(&stranger(w())));
    assert!(!named(&stranger(w()).rows(1, 0)), "nothing is deleted");
}

#[test]
fn an_end_forgets_only_what_was_in_service_beside_a_pod_0_in_service() {
    let pairs = |w: Worlds| w.pair(0, 1, "LL").pair(0, 2, "LL").pair(1, 2, "LL");
    let in_order = || pairs(end(1, 3).up(0, 0).up(1, 0).up(2, 0));
    let resets = |w: &Worlds| steps(&made(w)).into_iter().filter(|s| s.contains("reset")).count();
    assert_eq!(resets(&in_order()), 4);
    // Pod 0 is closed: its own start may have been refused because rows are missing there.
    assert_eq!(resets(&pairs(end(1, 3).up(0, 1).up(1, 0).up(2, 0))), 0);
    // The start of the pod itself was refused, and why is to be seen again.
    let closed = || pairs(end(1, 3).up(0, 0).up(1, 1).up(2, 0));
    assert_eq!(resets(&closed()), 0);
    assert!(steps(&made(&closed())).contains(&"1:flush AKU_REP_01".to_owned()), "what it has is delivered");
    // Its copy broke off: it keeps nothing itself, and the others keep log for nobody.
    let half = end(1, 3).up(0, 0).up(1, 1).up(2, 0).pair(0, 1, "LR").pair(0, 2, "LL").pair(1, 2, "RL");
    assert_eq!(resets(&half), 2);
    // It was this end that closed it.
    let mut shut_out = closed();
    shut_out.observed.shut_out.insert(ord(1));
    assert_eq!(resets(&shut_out), 4);

    let w = in_order();
    let mut closed_source = made(&w);
    closed_source.approvals.clear();
    let mut seen = w.observed.clone();
    let Some(aku_core::observe::PodView::Seen(pod)) = seen.pods.get_mut(&ord(0)) else { panic!("it is seen") };
    pod.properties.insert("ADMIN_MODE".to_owned(), "1".to_owned());
    let found = check::check(&closed_source, &w.desired, &seen);
    assert!(found.iter().any(|v| v.rule == "end"), "the checker does not see it: {found:?}");
}
