//! Runs that could lose rows beside what a catalog shows: copies of volumes, streams of pods that do not answer, slaves that
//! hold different rows.

use aku_core::observe::MarkerView;

use super::*;

fn rules(plan: &Plan, w: &Worlds) -> Vec<&'static str> {
    check::check(plan, &w.desired, &w.observed).iter().map(|v| v.rule).collect()
}

/// Pod 2 of three got a copy of the volume of pod 1.
fn copy_of_pod_1(goal: Goal) -> Worlds {
    let w = Worlds::new(desired(goal, 3, 1)).up(0, 0).up(1, 0).up(2, 0).ledgers();
    let mut w = w.pair(0, 1, "LL").pair(1, 2, "LL").side(0, 2, 'L').marker(MarkerView::Present);
    let seen = w.pod_mut(1).clone();
    w.pod_mut(2).server.signature = seen.server.signature;
    w.pod_mut(2).ledger = seen.ledger;
    w
}

#[test]
fn an_end_with_the_volume_of_another_pod_closes_it_and_writes_no_ledger() {
    let w = copy_of_pod_1(Goal::End(ord(2)));
    let plan = made(&w);
    assert_eq!(steps(&plan), ["2:fence", "2:unmark"]);
    // An end as usual would forget what the original keeps, and call the copy pod 2's.
    let usual = made(&copy_of_pod_1(Goal::End(ord(1))));
    assert!(usual.actions.iter().any(|a| step(a) == "1:fence"), "{:?}", steps(&usual));
    assert!(!steps(&usual).contains(&"2:ledger".to_owned()), "{:?}", steps(&usual));
    let moved = Plan { goal: w.desired.goal, actions: usual.actions, ..plan };
    assert!(rules(&moved, &w).contains(&"cloned"));
    assert_eq!(refused(&copy_of_pod_1(Goal::Clean(ord(2)))).because[0].code, Code::Cloned);
}

#[test]
fn which_of_two_is_the_copy_is_said_only_where_the_ledger_proves_it() {
    let told = |w: &Worlds| refused(w).next.join("\n");
    assert!(told(&copy_of_pod_1(Goal::Reconcile)).contains("remove the volume of pod 2"));
    // Both have a row of their own by now.
    let both = copy_of_pod_1(Goal::Reconcile).edit_ledger(2, |l| l.pod = ord(2));
    assert!(!told(&both).contains("volume of pod"), "{}", told(&both));
}

#[test]
fn a_clean_of_all_pods_leaves_the_marker_of_a_pod_that_is_not_there() {
    for marker in [MarkerView::Present, MarkerView::Stale] {
        let w = Worlds::new(desired(Goal::CleanEverywhere, 3, 1)).up(1, 0).up(2, 0).pair(1, 2, "LL");
        let plan = made(&w.marker(marker));
        assert!(!steps(&plan).iter().any(|s| s.contains("unmark")), "{:?}", steps(&plan));
    }
}

#[test]
fn a_sender_that_a_recovery_starts_is_stopped_before_its_place_is_forgotten() {
    let goal = Goal::Recover(Some(ord(2)));
    let w = Worlds::new(desired(goal, 3, 1)).up(0, 1).up(1, 0).up(2, 0);
    let w = w.pair(1, 2, "ll").side(1, 0, 'T').side(2, 0, 'T').rows(0, 0).rows(1, 9).rows(2, 9);
    let mut plan = made(&w);
    assert!(waits(&plan, "1:stop AKU_REP_12", "1:start AKU_REP_12"), "{:#?}", steps(&plan));
    assert!(waits(&plan, "1:reset AKU_REP_12", "1:stop AKU_REP_12"), "{:#?}", steps(&plan));
    let stop = plan.actions.iter().find(|a| step(a) == "1:stop AKU_REP_12").unwrap().id;
    for a in &mut plan.actions {
        a.after.retain(|after| !after.before.actions().contains(&stop));
    }
    assert!(rules(&plan, &w).contains(&"reset-stopped"));
}

#[test]
fn a_pod_whose_streams_stand_is_not_forgotten() {
    let w = || Worlds::new(desired(Goal::Forget(ord(2)), 3, 1)).up(0, 0).up(1, 0).pair(0, 1, "LL");
    let plan = made(&w().side(0, 2, 'T').side(1, 2, 'l'));
    let stands = [
        w().side(0, 2, 'L').side(1, 2, 'l'),
        w().side(0, 2, 'l').side(1, 2, 'L'),
        w().side(0, 2, 'l').side(1, 2, 'T').edit(1, 2, |r| r.receiver = Some(aku_core::observe::Conflicts::default())),
    ];
    for w in stands {
        let refusal = refused(&w);
        assert_eq!((refusal.kind, refusal.because[0].code), (RefusalKind::CannotTell, Code::StillHere));
        assert!(rules(&plan, &w).contains(&"forget"));
    }
}

#[test]
fn a_recovery_names_both_where_another_slave_holds_more_than_the_one_in_service() {
    let w = |from| {
        let w = Worlds::new(desired(Goal::Recover(from), 3, 1)).up(0, 1).up(1, 1).up(2, 0);
        w.pair(1, 2, "lT").side(1, 0, 'l').side(2, 0, 'T').rows(0, 0)
    };
    let refusal = refused(&w(None).rows(1, 22).rows(2, 20));
    assert_eq!((refusal.kind, refusal.because[0].code), (RefusalKind::Refused, Code::NoRecoverySource));
    for from in ["aku plan recover --from 1", "aku plan recover --from 2"] {
        assert!(refusal.next.iter().any(|n| n == from), "{:?}", refusal.next);
    }
    let told: Vec<_> = refusal.because.iter().map(|r| r.text.as_str()).collect();
    assert!(told.iter().any(|t| t.contains("22 rows")) && told.iter().any(|t| t.contains("20 rows")), "{told:?}");
    // Nobody has more than the one in service, or a person chose.
    assert_eq!(made(&w(None).rows(1, 20).rows(2, 20)).goal, Goal::Recover(Some(ord(2))));
    assert_eq!(made(&w(Some(ord(1))).rows(1, 22).rows(2, 20)).goal, Goal::Recover(Some(ord(1))));
}
