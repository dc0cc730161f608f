//! Tables that aku.conf lost: what was committed to them is delivered before they go.

use aku_core::observe::{Item, Sender};

use super::{super::testing::target, *};

fn item(table: &str) -> Item {
    Item { local: target(table), remote: target(table) }
}

/// Two pods in service replicate T9, which aku.conf does not have.
fn lost_a_table(senders: [Sender; 2]) -> Worlds {
    let w = Worlds::new(desired(Goal::Reconcile, 2, 1)).up(0, 0).up(1, 0).pair(0, 1, "LL");
    [(0, 1), (1, 0)].into_iter().zip(senders).fold(w, |w, ((pod, peer), sender)| {
        w.edit(pod, peer, |r| {
            r.items.insert(item("T9"));
            (r.sender, r.is_started) = (sender, sender != Sender::None);
        })
    })
}

#[test]
fn what_was_committed_to_a_table_that_goes_is_delivered_first() {
    use Sender::{None, Running};
    for senders in [[Running, Running], [None, Running], [Running, None], [None, None]] {
        let plan = made(&lost_a_table(senders));
        for (pod, peer) in [(0, 1), (1, 0)] {
            for from in [pod, peer] {
                let (removed, flushed) =
                    (format!("{pod}:remove SYS.T9 AKU_REP_01"), format!("{from}:flush AKU_REP_01"));
                assert!(waits(&plan, &removed, &flushed), "{senders:?}: {:#?}", steps(&plan));
            }
        }
        assert_eq!(plan.approvals, []);
    }
}

#[test]
fn a_pair_that_does_not_agree_delivers_when_it_does() {
    // A correction that broke off left T8 on one side only.
    let w = lost_a_table([Sender::Trying, Sender::None]).edit(0, 1, |r| {
        r.items.insert(item("T8"));
    });
    let plan = made(&w);
    for (later, earlier) in [
        ("0:start AKU_REP_01", "0:remove SYS.T8 AKU_REP_01"),
        ("0:flush AKU_REP_01", "0:remove SYS.T8 AKU_REP_01"),
        ("1:remove SYS.T9 AKU_REP_01", "0:flush AKU_REP_01"),
        ("0:remove SYS.T9 AKU_REP_01", "1:flush AKU_REP_01"),
    ] {
        assert!(waits(&plan, later, earlier), "{later} before {earlier}: {:#?}", steps(&plan));
    }
    assert_eq!(plan.approvals, []);
}

#[test]
fn what_does_not_get_through_is_asked_for_by_name() {
    let plan = made(&lost_a_table([Sender::Running, Sender::Trying]));
    let asked: Vec<_> = plan.approvals.iter().map(|a| (a.class, a.scope.as_str())).collect();
    assert_eq!(asked, [(ApprovalClass::LosesUnsent, "altibase-sts/1")]);
    assert!(plan.approvals[0].because.contains("SYS.T9"), "{}", plan.approvals[0].because);
    assert!(waits(&plan, "1:remove SYS.T9 AKU_REP_01", "0:flush AKU_REP_01"));
}

#[test]
fn the_checker_stops_a_plan_that_does_not_deliver_first() {
    let w = lost_a_table([Sender::Running, Sender::Running]);
    let mut plan = made(&w);
    let flush = plan.actions.iter().find(|a| step(a) == "1:flush AKU_REP_01").unwrap().id;
    for a in &mut plan.actions {
        a.after.retain(|after| !after.before.actions().contains(&flush));
    }
    let rules: Vec<_> = check::check(&plan, &w.desired, &w.observed).iter().map(|v| v.rule).collect();
    assert!(rules.contains(&"delivered-before-it-goes"), "{rules:?}");
}
