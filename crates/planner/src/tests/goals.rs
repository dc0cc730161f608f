//! forget, reconcile, recover, clean everywhere.

use aku_core::{
    desired::{Goal, ReplicationAddress},
    observe::{Item, Replication},
};

use super::*;

fn goal(goal: Goal, pods: u8) -> Worlds {
    Worlds::new(desired(goal, pods, 1))
}

fn running(goal_: Goal) -> Worlds {
    goal(goal_, 3).up(0, 0).up(1, 0).up(2, 0).pair(0, 1, "LL").pair(0, 2, "LL").pair(1, 2, "LL")
}

fn without(r: &mut Replication, table: &str) {
    r.items.retain(|i| i.local.table.as_str() != table);
}

/// T2 is in aku.conf and on no pod's objects.
fn gained(w: Worlds) -> Worlds {
    [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)].into_iter().fold(w, |w, (a, b)| w.edit(a, b, |r| without(r, "T2")))
}

fn approvals(plan: &Plan) -> Vec<(ApprovalClass, &str)> {
    plan.approvals.iter().map(|a| (a.class, a.scope.as_str())).collect()
}

#[test]
fn forgetting_stops_before_it_resets_and_asks_by_name() {
    let plan = made(&goal(Goal::Forget(ord(2)), 3).up(0, 0).up(1, 0).pair(0, 1, "LL").side(0, 2, 'T').side(1, 2, 'l'));
    same_steps(&plan, &["0:stop AKU_REP_02", "0:reset AKU_REP_02", "1:reset AKU_REP_12"]);
    assert!(waits(&plan, "0:reset AKU_REP_02", "0:stop AKU_REP_02"));
    assert_eq!(approvals(&plan), [(ApprovalClass::LosesUnsent, "altibase-sts/2")]);
    assert!(made(&goal(Goal::Forget(ord(2)), 3).up(0, 0).side(0, 2, 'R')).is_empty());
}

#[test]
fn reconcile_leaves_a_healthy_cluster_alone() {
    let plan = made(&running(Goal::Reconcile));
    assert!(plan.is_empty() && plan.notes.is_empty(), "{:?} {:?}", steps(&plan), plan.notes);
    assert_eq!(plan.already_right, 6);
}

#[test]
fn a_new_empty_table_is_added_one_side_after_the_other_and_proved_in_between() {
    let w = gained(running(Goal::Reconcile)).rows(0, 0).rows(1, 0).rows(2, 0);
    let plan = made(&w);
    assert!(waits(&plan, "0:add SYS.T2 AKU_REP_01", "1:stop AKU_REP_01"), "older servers refuse it while a peer sends");
    assert!(waits(&plan, "1:add SYS.T2 AKU_REP_01", "0:add SYS.T2 AKU_REP_01"));
    assert!(waits(&plan, "0:start AKU_REP_01", "1:add SYS.T2 AKU_REP_01"));
    assert!(!steps(&plan).iter().any(|s| s.contains("fence") || s.contains("sync")), "{:?}", steps(&plan));
    for a in plan.actions.iter().filter(|a| matches!(a.op, Op::Start { .. })) {
        assert!(
            matches!(a.run, RunWhen::Always { .. }),
            "a sender that was stopped is started whatever happens: {a:?}"
        );
    }
}

#[test]
fn a_new_table_with_rows_is_copied_into_fenced_slaves_that_forgot_their_place() {
    let w = gained(running(Goal::Reconcile)).rows(0, 7).rows(1, 0).rows(2, 0);
    let plan = made(&w);
    for (later, earlier) in [
        ("1:flush AKU_REP_01", "1:fence"),
        ("1:stop AKU_REP_01", "1:delivered"),
        ("1:empty", "0:stop AKU_REP_01"),
        ("1:reset AKU_REP_01", "1:empty"),
        ("1:reset AKU_REP_01", "1:flush AKU_REP_01"),
        ("1:add SYS.T2 AKU_REP_01", "1:reset AKU_REP_01"),
        ("0:sync-tables AKU_REP_01", "1:reset AKU_REP_12"),
        ("1:contents", "0:sync-tables AKU_REP_01"),
        ("1:start-fresh AKU_REP_12", "2:contents"),
        ("1:open", "1:start-fresh AKU_REP_12"),
        ("1:open", "2:start-fresh AKU_REP_12"),
    ] {
        assert!(waits(&plan, later, earlier), "{later} must wait for {earlier}: {:#?}", steps(&plan));
    }
    assert!(!steps(&plan).iter().any(|s| s.starts_with("0:fence") || s.starts_with("0:reset")), "{:?}", steps(&plan));
    assert_eq!(plan.approvals, []);
}

#[test]
fn what_another_slave_committed_is_in_the_copy_before_it_is_taken() {
    // Pod 1 has the table already, pod 2 does not.
    let w = [(0, 2), (2, 0), (1, 2), (2, 1)]
        .into_iter()
        .fold(running(Goal::Reconcile), |w, (a, b)| w.edit(a, b, |r| without(r, "T2")));
    let plan = made(&w.rows(0, 7).rows(1, 7).rows(2, 0));
    for (later, earlier) in [
        ("1:flush AKU_REP_01", "1:add SYS.T2 AKU_REP_12"),
        ("0:sync-tables AKU_REP_02", "1:flush AKU_REP_01"),
        ("1:start AKU_REP_12", "2:contents"),
    ] {
        assert!(waits(&plan, later, earlier), "{later} must wait for {earlier}: {:#?}", steps(&plan));
    }
    assert!(!steps(&plan).iter().any(|s| s == "1:fence"), "{:?}", steps(&plan));
}

#[test]
fn a_new_table_that_a_slave_holds_rows_of_is_refused() {
    let w = gained(running(Goal::Reconcile)).rows(0, 7).rows(1, 1).rows(2, 0);
    assert_eq!(refused(&w).because[0].code, Code::NewTableNotEmpty);
    let uncounted = gained(running(Goal::Reconcile)).rows(0, 7);
    assert_eq!(refused(&uncounted).kind, RefusalKind::CannotTell);
}

#[test]
fn a_table_that_is_gone_and_a_wrong_address_are_corrected_where_they_stand() {
    let extra = Item { local: super::super::testing::target("T9"), remote: super::super::testing::target("T9") };
    let w = running(Goal::Reconcile).edit(0, 1, |r| {
        r.items.insert(extra.clone());
        r.hosts = vec![ReplicationAddress { host: "10.9.9.9".to_owned(), port: 1 }];
    });
    let plan = made(&w);
    for (later, earlier) in [
        ("0:remove SYS.T9 AKU_REP_01", "1:stop AKU_REP_01"),
        ("0:host AKU_REP_01", "0:stop AKU_REP_01"),
        ("0:start AKU_REP_01", "0:remove SYS.T9 AKU_REP_01"),
        ("1:start AKU_REP_01", "0:host AKU_REP_01"),
    ] {
        assert!(waits(&plan, later, earlier), "{later} must wait for {earlier}: {:#?}", steps(&plan));
    }
    assert!(!steps(&plan).iter().any(|s| s.contains("drop") || s.contains("reset")), "{:?}", steps(&plan));
}

#[test]
fn recover_takes_the_named_slave_and_lets_the_others_leave_first() {
    fn alone() -> Worlds {
        let w = goal(Goal::Recover(Some(ord(1))), 3).up(0, 1).up(1, 0).up(2, 0).pair(1, 2, "RL");
        w.side(1, 0, 'T').side(2, 0, 'T').rows(0, 3).rows(1, 9).rows(2, 11)
    }
    let w = goal(Goal::Recover(Some(ord(1))), 3)
        .up(0, 1)
        .up(1, 0)
        .up(2, 0)
        .pair(1, 2, "LL")
        .side(1, 0, 'T')
        .side(2, 0, 'T');
    let w = w.rows(0, 3).rows(1, 9).rows(2, 11);
    let plan = made(&w);
    for (later, earlier) in [
        // What it has too much may be on its way: it is proved before anything is forgotten, and nobody is asked.
        ("1:holds 2", "2:flush AKU_REP_12"),
        ("2:reset AKU_REP_12", "1:holds 2"),
        ("0:truncate SYS.T1", "1:holds 2"),
        ("0:truncate SYS.T1", "2:flush AKU_REP_12"),
        ("0:truncate SYS.T1", "2:reset AKU_REP_12"),
        ("0:truncate SYS.T1", "1:reset AKU_REP_01"),
        ("0:truncate SYS.T1", "0:fence"),
        ("2:flush AKU_REP_12", "2:fence"),
        ("1:sync AKU_REP_01", "0:empty"),
        ("0:start-fresh AKU_REP_01", "0:contents"),
    ] {
        assert!(waits(&plan, later, earlier), "{later} must wait for {earlier}: {:#?}", steps(&plan));
    }
    assert!(!steps(&plan).iter().any(|s| s == "0:open"), "pod 0 opens by its own start");
    assert_eq!(approvals(&plan), [(ApprovalClass::DeletesRows, "altibase-sts/0")]);
    assert_eq!(plan.goal, Goal::Recover(Some(ord(1))));
    // Nobody writes on a closed slave, so its numbers stand; and one that cannot deliver has them for itself.
    for lonely in [w.set(2, "ADMIN_MODE", 1), alone()] {
        let plan = made(&lonely);
        assert!(approvals(&plan).contains(&(ApprovalClass::LosesUnsent, "altibase-sts/2")), "{:?}", plan.approvals);
        assert!(codes(&plan.notes).contains(&Code::AnotherAdvanced));
        assert!(!steps(&plan).iter().any(|s| s.contains("holds")), "{:?}", steps(&plan));
    }
}

#[test]
fn recover_chooses_and_refuses() {
    let w = || goal(Goal::Recover(None), 3).up(0, 1).up(1, 0).up(2, 0).pair(1, 2, "LL").side(1, 0, 'T').side(2, 0, 'T');
    assert_eq!(made(&w().rows(0, 0).rows(1, 9).rows(2, 11)).goal, Goal::Recover(Some(ord(2))));
    assert_eq!(made(&w().rows(0, 0).rows(1, 9).rows(2, 9)).goal, Goal::Recover(Some(ord(1))));
    assert_eq!(refused(&w().rows(0, 5).rows(1, 0).rows(2, 0)).because[0].code, Code::NoRecoverySource);
    assert_eq!(refused(&w().set(0, "ADMIN_MODE", 0)).because[0].code, Code::NotAdminMode);
    let sound = goal(Goal::Recover(None), 2).up(0, 1).up(1, 0).pair(0, 1, "TL").rows(0, 5).rows(1, 5);
    assert_eq!(refused(&sound).because[0].code, Code::NotFailed);
}

#[test]
fn after_a_recovery_pod_0_starts_as_ever() {
    let w = start(0, 3).up(0, 1).up(1, 0).up(2, 1).pair(0, 1, "LL").pair(0, 2, "RR").pair(1, 2, "RR");
    let plan = made(&w);
    same_steps(&plan, &["0:flush AKU_REP_01", "1:flush AKU_REP_01", "0:open", "0:mark"]);
}

#[test]
fn cleaning_everywhere_drops_nothing_that_anybody_sends_to() {
    let plan = made(&running(Goal::CleanEverywhere));
    for (later, earlier) in [
        ("0:drop AKU_REP_01", "1:stop AKU_REP_01"),
        ("1:drop AKU_REP_01", "0:stop AKU_REP_01"),
        ("0:stop AKU_REP_01", "1:flush AKU_REP_01"),
    ] {
        assert!(waits(&plan, later, earlier), "{later} must wait for {earlier}");
    }
    assert_eq!(plan.approvals.len(), 3);
}

#[test]
fn a_pod_that_is_back_names_the_pods_that_lack_its_tail() {
    let w =
        start(1, 3).up(0, 0).up(2, 0).up(1, 1).pair(0, 1, "TT").pair(0, 2, "LL").pair(1, 2, "RR").rows(0, 5).rows(1, 5);
    let plan = made(&w);
    let Decision::Full { unsent, .. } = &plan.decision else { panic!("{:?}", plan.decision) };
    assert_eq!(unsent.iter().map(|u| u.peer).collect::<Vec<_>>(), [ord(2)]);
    assert!(approvals(&plan).contains(&(ApprovalClass::LosesUnsent, "altibase-sts/1")));
    assert!(codes(&plan.notes).contains(&Code::TailMissing));
    let ended = start(1, 3).up(0, 0).up(2, 0).up(1, 1).pair(0, 1, "RR").pair(0, 2, "LL").pair(1, 2, "RR");
    let plan = made(&ended.rows(0, 5).rows(1, 5));
    assert!(!approvals(&plan).iter().any(|(class, _)| *class == ApprovalClass::LosesUnsent), "it delivered at its end");
}

#[test]
fn a_member_is_pinned_although_aku_conf_gained_a_group() {
    let w = Worlds::new(desired(Goal::Start(ord(2)), 3, 2)).up(0, 0).up(1, 0).up(2, 1);
    let mut w = w.pair(0, 1, "LL").rows(0, 5).rows(2, 0);
    for (pod, peer) in [(0, 1), (1, 0)] {
        let new = w.desired.objects_between(ord(pod), ord(peer)).last().unwrap().name.clone();
        w.pod_mut(pod).replications.remove(&new);
    }
    let plan = made(&w);
    assert!(waits(&plan, "2:truncate SYS.T1", "1:pin AKU_REP1_12"), "{:#?}", steps(&plan));
    assert!(!steps(&plan).iter().any(|s| s.contains("truncate SYS.T3")), "rows of a table that nobody replicates stay");
}

/// Each mutation of a good plan is caught by the rule that it breaks.
#[test]
fn the_checker_knows_the_new_goals() {
    fn drop_ops(plan: &mut Plan, is: impl Fn(&Action) -> bool) {
        let gone: Vec<_> = plan.actions.iter().filter(|a| is(a)).map(|a| a.id).collect();
        assert!(!gone.is_empty(), "the mutation must change something");
        plan.actions.retain(|a| !gone.contains(&a.id));
        let is_gone = |id: ActionId| gone.contains(&id);
        let mut thinned = Thinned::without(&is_gone);
        for a in &mut plan.actions {
            thinned.thin(&mut a.after);
        }
    }
    type Mutation = fn(&mut Plan);
    let copied = || gained(running(Goal::Reconcile)).rows(0, 7).rows(1, 0).rows(2, 0);
    let added = || gained(running(Goal::Reconcile)).rows(0, 0).rows(1, 0).rows(2, 0);
    let recovered = || {
        let w = goal(Goal::Recover(None), 3).up(0, 1).up(1, 0).up(2, 0).pair(1, 2, "LL");
        w.side(1, 0, 'T').side(2, 0, 'T').rows(0, 3).rows(1, 11).rows(2, 9)
    };
    let cleaned = || running(Goal::CleanEverywhere);
    let ahead = || {
        let w = goal(Goal::Recover(Some(ord(1))), 3).up(0, 1).up(1, 0).up(2, 0).pair(1, 2, "LL");
        w.side(1, 0, 'T').side(2, 0, 'T').rows(0, 3).rows(1, 9).rows(2, 11)
    };
    let table: [(&str, &dyn Fn() -> Worlds, Mutation); 11] = [
        ("holds", &ahead, |p| drop_ops(p, |a| matches!(a.op, Op::CheckHolds { .. }))),
        ("half-copy", &copied, |p| drop_ops(p, |a| matches!(a.op, Op::Reset { .. }))),
        ("fenced", &copied, |p| drop_ops(p, |a| a.op == Op::Fence)),
        ("unsent", &copied, |p| drop_ops(p, |a| matches!(a.op, Op::Flush { .. }))),
        ("unproved", &copied, |p| drop_ops(p, |a| matches!(a.op, Op::CheckDelivered { .. }))),
        ("empty-target", &copied, |p| drop_ops(p, |a| matches!(a.op, Op::CheckEmpty { .. }))),
        ("contents", &copied, |p| drop_ops(p, |a| matches!(a.op, Op::CheckContents { .. }))),
        ("new-table", &added, |p| drop_ops(p, |a| matches!(a.op, Op::CheckEmpty { .. }))),
        ("others-leave", &recovered, |p| drop_ops(p, |a| a.op == Op::Fence && a.pod == ord(2))),
        ("others-leave", &recovered, |p| drop_ops(p, |a| matches!(a.op, Op::Flush { .. }) && a.pod == ord(2))),
        ("drop", &cleaned, |p| drop_ops(p, |a| matches!(a.op, Op::Stop { .. }))),
    ];
    for (rule, world, mutate) in table {
        let w = world();
        let mut bad = made(&w);
        mutate(&mut bad);
        let found = check::check(&bad, &w.desired, &w.observed);
        assert!(found.iter().any(|v| v.rule == rule), "{rule} is not caught: {found:?}");
    }
    let w = goal(Goal::Forget(ord(2)), 3).up(0, 0).side(0, 2, 'T');
    let plan = made(&w);
    let back = w.up(2, 0);
    assert!(check::check(&plan, &back.desired, &back.observed).iter().any(|v| v.rule == "forget"));
}
