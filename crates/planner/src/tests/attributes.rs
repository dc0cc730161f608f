//! Mode, role and options of a group: what a start, a reconcile, a recovery and an end make of each.

use aku_core::{
    attributes::{Appliers, Attributes, Conflict, GroupMode, GroupOption},
    observe::Replication,
};

use super::*;

fn parallel() -> GroupOption {
    GroupOption::Parallel { appliers: Appliers::new(4).unwrap(), buffer: None }
}

fn asks(mode: GroupMode, conflict: Conflict, options: &[GroupOption]) -> Attributes {
    Attributes::new(mode, conflict, options.iter().copied()).unwrap()
}

fn eager() -> Attributes {
    asks(GroupMode::Eager, Conflict::None, &[])
}

fn roles() -> Attributes {
    asks(GroupMode::Lazy, Conflict::MasterSlave, &[])
}

fn options(all: &[GroupOption]) -> Attributes {
    asks(GroupMode::Lazy, Conflict::None, all)
}

/// Every one alone, and what the sides of pod 0 and pod 1 are made with.
fn each() -> Vec<(Attributes, [&'static str; 2])> {
    vec![
        (eager(), ["EAGER REPLICATION AKU_REP_01 WITH", "EAGER REPLICATION AKU_REP_01 WITH"]),
        (roles(), ["REPLICATION AKU_REP_01 AS MASTER WITH", "REPLICATION AKU_REP_01 AS SLAVE WITH"]),
        (options(&[parallel()]), ["AKU_REP_01 OPTIONS PARALLEL 4 WITH"; 2]),
        (options(&[GroupOption::Gapless]), ["AKU_REP_01 OPTIONS GAPLESS WITH"; 2]),
        (options(&[GroupOption::Grouping]), ["AKU_REP_01 OPTIONS GROUPING WITH"; 2]),
        (options(&[GroupOption::Recovery]), ["AKU_REP_01 OPTIONS RECOVERY WITH"; 2]),
    ]
}

fn in_service(pods: u8, goal: Goal, attributes: &Attributes) -> Worlds {
    let mut w = Worlds::new(desired(goal, pods, 1)).attributes(attributes);
    for pod in 0..pods {
        w = w.up(pod, 0);
    }
    for low in 0..pods {
        for high in low + 1..pods {
            w = w.pair(low, high, "LL");
        }
    }
    w
}

/// The same, made before aku.conf asked for anything.
fn declared_later(pods: u8, attributes: &Attributes) -> Worlds {
    in_service(pods, Goal::Reconcile, &Attributes::default()).attributes(attributes)
}

fn sql(plan: &Plan) -> Vec<String> {
    plan.actions.iter().flat_map(|a| a.op.statements().into_iter().map(move |s| format!("{}:{s}", a.pod))).collect()
}

#[test]
fn a_start_makes_objects_with_all_that_is_asked_for() {
    for (attributes, [zero, one]) in each() {
        let master = Worlds::new(desired(Goal::Start(ord(0)), 2, 1)).attributes(&attributes).up(0, 1);
        let text = sql(&made(&master)).join("\n");
        assert!(text.contains(zero), "{attributes:?}\n{text}");
        let slave = Worlds::new(desired(Goal::Start(ord(1)), 2, 1)).attributes(&attributes).up(0, 0).up(1, 1);
        let plan = made(&slave.side(0, 1, 'R').rows(0, 5).rows(1, 0));
        let text = sql(&plan).join("\n");
        assert!(text.contains(one) && text.contains("SYNC"), "{attributes:?}\n{text}");
    }
}

#[test]
fn what_is_as_asked_stays() {
    for (attributes, _) in each() {
        let w = in_service(2, Goal::Reconcile, &attributes);
        assert_eq!(steps(&made(&w)), Vec::<String>::new(), "{attributes:?}");
        // A pod that comes back only catches up.
        let back = in_service(2, Goal::Start(ord(1)), &attributes).set(1, "ADMIN_MODE", 1);
        assert!(matches!(made(&back).decision, Decision::CatchUp { .. }), "{attributes:?}");
    }
}

#[test]
fn an_option_is_put_on_while_both_sides_stand() {
    for option in [parallel(), GroupOption::Gapless, GroupOption::Grouping, GroupOption::Recovery] {
        let plan = made(&declared_later(2, &options(&[option])));
        let set = [format!("0:set {option}"), format!("1:set {option}")];
        same_steps(
            &plan,
            &["0:stop AKU_REP_01", "1:stop AKU_REP_01", &set[0], &set[1], "0:start AKU_REP_01", "1:start AKU_REP_01"],
        );
        for set in &set {
            for stop in ["0:stop AKU_REP_01", "1:stop AKU_REP_01"] {
                assert!(waits(&plan, set, stop), "{set} {stop}");
            }
            assert!(waits(&plan, "0:start AKU_REP_01", set) && waits(&plan, "1:start AKU_REP_01", set));
        }
        assert!(plan.approvals.is_empty(), "{:?}", plan.approvals);
    }
}

#[test]
fn what_was_changed_by_hand_is_put_right() {
    let asked = options(&[parallel(), GroupOption::Gapless]);
    let by_hand = |f: fn(&mut Replication)| {
        let steps = steps(&made(&in_service(2, Goal::Reconcile, &asked).edit(1, 0, f)));
        steps.into_iter().filter(|s| s.contains("set ") || s.contains("clear ")).collect::<Vec<_>>()
    };
    // Another number needs 0 first (397665).
    assert_eq!(by_hand(|r| r.parallel_applier = 2), ["1:clear PARALLEL", "1:set PARALLEL 4"]);
    assert_eq!(by_hand(|r| r.options &= !4), ["1:set GAPLESS"]);
    assert_eq!(by_hand(|r| r.options |= 16), ["1:clear GROUPING"]);
}

#[test]
fn mode_and_role_wait_for_an_end() {
    for attributes in [eager(), roles()] {
        let w = declared_later(2, &attributes);
        let plan = made(&w);
        assert!(plan.is_empty() && codes(&plan.notes).contains(&Code::Differs), "{:?}", plan.notes);
        // The pod has ended: nothing is remembered, so both sides are made anew.
        let ended = Worlds::new(desired(Goal::Reconcile, 2, 1)).up(0, 0).up(1, 1).pair(0, 1, "RR");
        let plan = made(&ended.attributes(&attributes));
        same_steps(&plan, &["0:drop AKU_REP_01", "0:create AKU_REP_01", "1:drop AKU_REP_01", "1:create AKU_REP_01"]);
        // And so does its start, which copies it.
        let start = Worlds::new(desired(Goal::Start(ord(1)), 2, 1)).up(0, 0).up(1, 1).pair(0, 1, "RR");
        let plan = made(&start.attributes(&attributes).rows(0, 5).rows(1, 5));
        for step in ["0:drop AKU_REP_01", "0:create AKU_REP_01", "1:drop AKU_REP_01", "1:create AKU_REP_01"] {
            assert!(waits(&plan, "0:sync AKU_REP_01", step), "{:?}", steps(&plan));
        }
    }
}

/// Only the side with the larger ordinal is wrong: it is told as well.
#[test]
fn a_role_that_is_wrong_on_one_side_is_told() {
    let w = in_service(2, Goal::Reconcile, &roles()).edit(1, 0, |r| r.conflict_resolution = 0);
    let plan = made(&w);
    assert!(plan.is_empty() && plan.notes.iter().any(|n| n.text.contains("on pod 1")), "{:?}", plan.notes);
}

#[test]
fn a_third_pod_does_not_join_an_eager_group_beside_a_slave() {
    let two = |slave: &str| {
        let w = Worlds::new(desired(Goal::Start(ord(2)), 3, 1)).attributes(&eager()).up(0, 0).up(1, 0).up(2, 1);
        w.pair(0, 1, slave).rows(0, 5).rows(1, 5).rows(2, 0)
    };
    assert_eq!(codes(&refused(&two("LL")).because)[0], Code::EagerJoin);
    // Objects that are still LAZY are made anew as EAGER, so that is the same.
    let lazy = Worlds::new(desired(Goal::Start(ord(2)), 3, 1)).up(0, 0).up(1, 0).up(2, 1);
    let lazy = lazy.pair(0, 1, "LL").pair(0, 2, "RR").pair(1, 2, "RR").attributes(&eager());
    assert_eq!(codes(&refused(&lazy).because)[0], Code::EagerJoin);
    // Pod 1 has ended: pod 0 alone is in service.
    let alone = two("RR").set(1, "ADMIN_MODE", 1);
    let plan = made(&alone);
    assert!(!steps(&plan).iter().any(|s| s.contains("pin")), "{:?}", steps(&plan));
}

#[test]
fn an_eager_pair_is_never_pinned_by_a_reconcile() {
    let never = |w: &Worlds| {
        let plan = made(w);
        assert!(!plan.actions.iter().any(|a| matches!(a.op, Op::Pin { .. })), "{:?}", steps(&plan));
        assert!(codes(&plan.notes).contains(&Code::EagerJoin), "{:?}", plan.notes);
    };
    // Two slaves that were never connected, their tables empty.
    let w = in_service(3, Goal::Reconcile, &eager()).pair(1, 2, "RR").rows(0, 0).rows(1, 0).rows(2, 0);
    never(&w);
    // The whole group is new, and pod 0 has rows in it.
    let mut w = in_service(2, Goal::Reconcile, &Attributes::default());
    let fresh = Worlds::new(desired(Goal::Reconcile, 2, 2)).desired;
    w.desired = fresh;
    let group = w.desired.groups.values_mut().next_back().unwrap();
    group.attributes = eager();
    let tables: Vec<_> = w.desired.targets().cloned().collect();
    for (pod, rows) in [(0, 5), (1, 0)] {
        let table = w.pod_mut(pod).tables.values().next().unwrap().clone();
        for t in &tables {
            w.pod_mut(pod).tables.insert(aku_core::observe::TableName::of(t), table.clone());
        }
        let first = w.pod_mut(pod).replications.values().next().unwrap().clone();
        let name = w.desired.objects[0].name.clone();
        w.pod_mut(pod).replications = [(name, first)].into();
        w = w.rows(pod, rows);
    }
    assert_eq!(codes(&refused(&w).because), [Code::EagerJoin]);
}

#[test]
fn recovery_is_off_while_tables_are_emptied() {
    let recovery = options(&[GroupOption::Recovery]);
    let w = Worlds::new(desired(Goal::Start(ord(1)), 2, 1)).attributes(&recovery).up(0, 0).up(1, 1);
    let plan = made(&w.pair(0, 1, "RR").rows(0, 5).rows(1, 5));
    for table in ["1:truncate SYS.T1", "1:truncate SYS.T2"] {
        assert!(waits(&plan, table, "1:clear RECOVERY"), "{:?}", steps(&plan));
        assert!(waits(&plan, "1:set RECOVERY", table), "{:?}", steps(&plan));
    }
    assert!(waits(&plan, "0:sync AKU_REP_01", "1:set RECOVERY"), "{:?}", steps(&plan));
}

#[test]
fn the_tables_of_an_object_with_recovery_do_not_change() {
    let recovery = options(&[GroupOption::Recovery]);
    let lacks = |r: &mut Replication| {
        r.items = r.items.iter().take(1).cloned().collect();
    };
    let w = in_service(2, Goal::Reconcile, &recovery).edit(0, 1, lacks).edit(1, 0, lacks);
    assert_eq!(codes(&refused(&w.rows(0, 0).rows(1, 0)).because), [Code::DefinitionDiffers]);
    // Without a place it is simply made anew.
    let ended = Worlds::new(desired(Goal::Reconcile, 2, 1)).attributes(&recovery).up(0, 0).up(1, 1);
    let plan = made(&ended.pair(0, 1, "RR").edit(1, 0, lacks));
    same_steps(&plan, &["1:drop AKU_REP_01", "1:create AKU_REP_01"]);
}

#[test]
fn a_server_that_is_too_old_bars_what_it_does_not_know() {
    let old = |version: Option<&str>| {
        let mut w = Worlds::new(desired(Goal::Start(ord(0)), 2, 1)).attributes(&options(&[parallel()])).up(0, 1);
        w.pod_mut(0).server.version = version.map(str::to_owned);
        w
    };
    let refusal = refused(&old(Some("6.5.1.4.4")));
    assert_eq!(codes(&refusal.because), [Code::AttributeUnknown]);
    let text = &refusal.because[0].text;
    assert!(text.contains("6.5.1.4.4") && text.contains("PARALLEL 4") && text.contains("pod 0"), "{text}");
    for version in [Some("7.1.0.9.5"), None] {
        assert!(!made(&old(version)).is_empty(), "{version:?}");
    }
    let mut plain = Worlds::new(desired(Goal::Start(ord(0)), 2, 1)).up(0, 1);
    plain.pod_mut(0).server.version = Some("6.5.1.4.4".to_owned());
    assert!(!made(&plain).is_empty());
}

#[test]
fn an_end_and_a_recovery_are_what_they_were() {
    for (attributes, _) in each() {
        let plain = made(&in_service(2, Goal::End(ord(1)), &Attributes::default()));
        assert_eq!(steps(&made(&in_service(2, Goal::End(ord(1)), &attributes))), steps(&plain), "{attributes:?}");
        let lost = Worlds::new(desired(Goal::Recover(None), 2, 1)).attributes(&attributes).up(0, 1).up(1, 0);
        let plan = made(&lost.side(1, 0, 'L').rows(0, 0).rows(1, 5));
        assert!(sql(&plan).iter().any(|s| s.contains("SYNC")), "{attributes:?}: {:?}", steps(&plan));
    }
}

/// An object made by hand without its role turns the other side away (ERR-610CC), so what is unsent cannot go that way.
#[test]
fn roles_that_do_not_fit_deliver_nothing() {
    let w = Worlds::new(desired(Goal::Start(ord(1)), 2, 1)).attributes(&roles()).up(0, 0).up(1, 1);
    let w = w.side(0, 1, 'R').side(1, 0, 'l').rows(0, 5).rows(1, 6);
    let right = made(&w);
    assert!(steps(&right).iter().any(|s| s == "1:flush AKU_REP_01"), "{:?}", steps(&right));
    let plain = w.edit(0, 1, |r| r.conflict_resolution = 0);
    let mended = made(&plain);
    assert!(waits(&mended, "1:flush AKU_REP_01", "0:create AKU_REP_01"), "{:?}", steps(&mended));
}
