//! Mode, role and options of a group: what a start, a reconcile, a recovery and an end make of each.

use aku_core::{
    attributes::{Appliers, Attributes, Conflict, GroupMode, GroupOption},
    conf::Switch,
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

/// Pod 2 joins an EAGER group of pods 0 and 1, whose objects are as the letters say.
fn third(slave: &str) -> Worlds {
    let w = Worlds::new(desired(Goal::Start(ord(2)), 3, 1)).attributes(&eager()).up(0, 0).up(1, 0).up(2, 1);
    w.pair(0, 1, slave).rows(0, 5).rows(1, 5).rows(2, 0)
}

/// `measured.md` 9.5: what a member has committed is in the copy or behind its anchor, and it sends when the copy is proved.
#[test]
fn a_third_pod_joins_an_eager_group_beside_a_slave() {
    // Objects that are still LAZY are made anew as EAGER, so that is the same.
    let lazy = Worlds::new(desired(Goal::Start(ord(2)), 3, 1)).up(0, 0).up(1, 0).up(2, 1);
    let lazy = lazy.pair(0, 1, "LL").pair(0, 2, "RR").pair(1, 2, "RR").attributes(&eager());
    for w in [third("LL"), third("LL").pair(0, 2, "LL").pair(1, 2, "LL").side(2, 0, 'R'), lazy] {
        let plan = made(&w);
        let order = [
            "1:anchor AKU_REP_12",
            "1:drain",
            "1:flush AKU_REP_01",
            "2:quiet",
            "2:truncate SYS.T1",
            "2:empty",
            "0:sync AKU_REP_02",
            "2:contents",
            "1:start AKU_REP_12",
            "2:open",
        ];
        for pair in order.windows(2) {
            assert!(waits(&plan, pair[1], pair[0]), "{pair:?}: {:?}", steps(&plan));
        }
        assert!(!steps(&plan).iter().any(|s| s.contains(":pin")), "{:?}", steps(&plan));
        assert!(codes(&plan.notes).contains(&Code::UsersWait), "{:?}", plan.notes);
        let text = sql(&plan).join("\n");
        let held = "1:ALTER SESSION SET AUTOCOMMIT = FALSE\n1:LOCK TABLE SYS.T1 IN SHARE MODE WAIT 1\n1:LOCK TABLE SYS.T2 IN SHARE MODE NOWAIT\n1:ALTER REPLICATION AKU_REP_12 START\n1:ALTER REPLICATION AKU_REP_12 STOP\n1:COMMIT";
        assert!(text.contains(held), "{text}");
    }
    // Pod 1 has ended: pod 0 alone is in service.
    let alone = third("RR").set(1, "ADMIN_MODE", 1);
    let plan = made(&alone);
    assert!(!steps(&plan).iter().any(|s| s.contains("anchor")), "{:?}", steps(&plan));
    assert!(!codes(&plan.notes).contains(&Code::UsersWait), "{:?}", plan.notes);
}

/// Made by hand, and aku.conf says LAZY: its position is forgotten anyway, so it is made anew and pinned.
#[test]
fn an_object_that_is_eager_by_hand_is_made_anew_and_pinned() {
    let w = Worlds::new(desired(Goal::Start(ord(2)), 3, 1)).up(0, 0).up(1, 0).up(2, 1);
    let w = w.pair(0, 1, "LL").pair(0, 2, "RR").pair(1, 2, "RR");
    let plan = made(&w.edit(1, 2, |r| r.mode = aku_core::observe::Mode::Eager).rows(0, 5).rows(1, 5).rows(2, 0));
    assert!(waits(&plan, "1:pin AKU_REP_12", "1:create AKU_REP_12"), "{:?}", steps(&plan));
}

/// Locks are not held at the same time, on whatever pods: a commit of one waits for receivers of the others.
#[test]
fn one_lock_at_a_time() {
    let world = || {
        let w =
            Worlds::new(desired(Goal::Start(ord(3)), 4, 2)).attributes(&eager()).up(0, 0).up(1, 0).up(2, 0).up(3, 1);
        w.pair(0, 1, "LL").pair(0, 2, "LL").pair(1, 2, "LL").rows(0, 5).rows(3, 0)
    };
    let three = world();
    let mut w = world();
    w.desired.groups.values_mut().next().unwrap().attributes = Attributes::default();
    let anchors = |plan: &Plan| steps(plan).into_iter().filter(|s| s.contains(":anchor")).collect::<Vec<_>>();
    let (mixed, plan) = (made(&w), made(&three));
    // LAZY groups are pinned, before the locks of the same pod.
    assert_eq!(anchors(&mixed).len(), 2, "{:?}", steps(&mixed));
    for pod in ["1", "2"] {
        let of_pod: Vec<_> = steps(&mixed).into_iter().filter(|s| s.starts_with(&format!("{pod}:"))).collect();
        let pin = of_pod.iter().find(|s| s.contains(":pin")).unwrap();
        assert!(waits(&mixed, of_pod.iter().find(|s| s.contains(":anchor")).unwrap(), pin), "{of_pod:?}");
    }
    let all = anchors(&plan);
    assert_eq!(all.len(), 4, "{:?}", steps(&plan));
    for pair in all.windows(2) {
        assert!(waits(&plan, &pair[1], &pair[0]), "{pair:?}");
    }
}

#[test]
fn a_member_that_cannot_be_anchored_bars_the_copy() {
    let refusal = refused(&third("LL").set(1, "ADMIN_MODE", 1));
    assert_eq!(codes(&refusal.because)[0], Code::EagerJoin);
    assert!(refusal.next.iter().any(|n| n.contains("aku apply start --ordinal 1")), "{:?}", refusal.next);
    assert_eq!(refusal.next.len(), 1, "{:?}", refusal.next);
    // Both are members, closed, and without a position towards each other: the start of either would send to the other.
    let both = |me: u8| {
        let w = Worlds::new(desired(Goal::Start(ord(me)), 3, 1)).attributes(&eager()).up(0, 0).up(1, 1).up(2, 1);
        w.pair(0, 1, "LL").pair(0, 2, "LL").rows(0, 5).rows(1, 5).rows(2, 5)
    };
    for (me, other, reset) in [(2, 1, Switch::On), (1, 2, Switch::On), (1, 2, Switch::Off)] {
        let mut w = both(me);
        w.desired.reset_at_end = reset;
        let refusal = refused(&w);
        assert_eq!(codes(&refusal.because)[0], Code::EagerJoin, "{me}");
        let [first, then] = refusal.next.as_slice() else { panic!("{:?}", refusal.next) };
        assert!(first.starts_with(&format!("aku apply clean --ordinal {me}")), "{first}");
        assert!(then.starts_with(&format!("aku apply start --ordinal {other}")), "{then}");
    }
    let refusal = refused(&third("LL").set(1, "REPLICATION_LOCK_TIMEOUT", 4));
    assert_eq!(codes(&refusal.because)[0], Code::EagerJoin);
    assert!(refusal.next.iter().any(|n| n.contains("REPLICATION_LOCK_TIMEOUT = 5")), "{:?}", refusal.next);
    assert!(!made(&third("LL").set(1, "REPLICATION_LOCK_TIMEOUT", 5)).is_empty());
}

#[test]
fn the_checker_knows_an_eager_join() {
    let w = third("LL");
    let good = made(&w);
    let is = |is: fn(&Op) -> bool| good.actions.iter().find(|a| is(&a.op)).map(|a| a.id).unwrap();
    let (anchor, start) = (
        is(|op| matches!(op, Op::Anchor { .. })),
        is(|op| matches!(op, Op::Start { name, expect: Expect::Live, .. } if name.as_str() == "AKU_REP_12")),
    );
    let unpin = is(|op| matches!(op, Op::Unpin { .. }));
    let without = |gone: ActionId| {
        let mut plan = good.clone();
        plan.actions.retain(|a| a.id != gone);
        let is_gone = |id: ActionId| id == gone;
        let mut thinned = Thinned::without(&is_gone);
        for a in &mut plan.actions {
            thinned.thin(&mut a.after);
        }
        plan
    };
    let with = |change: &dyn Fn(&mut Action)| {
        let mut plan = good.clone();
        plan.actions.iter_mut().for_each(change);
        plan
    };
    let pinned = |a: &mut Action| {
        if let Op::Anchor { name, peer, .. } = &a.op {
            a.op = Op::Pin { name: name.clone(), peer: *peer };
        }
    };
    let half_locked = |a: &mut Action| {
        if let Op::Anchor { targets, .. } = &mut a.op {
            targets.pop();
        }
    };
    let too_long = |a: &mut Action| {
        if let Op::Anchor { held_s, .. } = &mut a.op {
            *held_s = 5;
        }
    };
    let late = |a: &mut Action| {
        if a.op == Op::Open {
            a.after.clear();
        }
    };
    for (rule, bad) in [
        ("pinned", without(anchor)),
        ("anchored", without(anchor)),
        ("pinned", without(unpin)),
        ("anchor-sends", without(start)),
        ("eager-pin", with(&pinned)),
        ("anchor-locks", with(&half_locked)),
        ("anchor-sends", with(&late)),
    ] {
        let found = check::check(&bad, &w.desired, &w.observed);
        assert!(found.iter().any(|v| v.rule == rule), "{rule} is not caught: {found:?}");
    }
    let shipped = third("LL").set(1, "REPLICATION_LOCK_TIMEOUT", 5);
    let found = check::check(&with(&too_long), &shipped.desired, &shipped.observed);
    assert!(found.iter().any(|v| v.rule == "anchor-bound"), "{found:?}");
    let closed = third("LL").set(1, "ADMIN_MODE", 1);
    let found = check::check(&good, &closed.desired, &closed.observed);
    assert!(found.iter().any(|v| v.rule == "anchor-closed"), "{found:?}");
}

#[test]
fn an_eager_pair_is_anchored_by_a_reconcile() {
    // Two slaves that were never connected, their tables empty.
    let w = || in_service(3, Goal::Reconcile, &eager()).pair(1, 2, "RR").rows(0, 0).rows(1, 0).rows(2, 0);
    let plan = made(&w());
    same_steps(
        &plan,
        &[
            "1:anchor AKU_REP_12",
            "2:anchor AKU_REP_12",
            "1:empty",
            "2:empty",
            "1:unpin AKU_REP_12",
            "2:unpin AKU_REP_12",
            "1:start AKU_REP_12",
            "2:start AKU_REP_12",
        ],
    );
    assert!(waits(&plan, "2:anchor AKU_REP_12", "1:anchor AKU_REP_12"), "{:?}", steps(&plan));
    assert!(codes(&plan.notes).contains(&Code::UsersWait), "{:?}", plan.notes);
    let short = made(&w().set(2, "REPLICATION_LOCK_TIMEOUT", 2));
    assert!(short.is_empty() && codes(&short.notes).contains(&Code::EagerJoin), "{:?}", short.notes);
}

#[test]
fn new_tables_of_an_eager_group_are_not_copied_in_part() {
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
    let refusal = refused(&w);
    assert_eq!(codes(&refusal.because), [Code::EagerJoin]);
    let words: Vec<_> = refusal.next.iter().map(|n| n.split("    ").next().unwrap()).collect();
    assert_eq!(words, ["aku apply end --ordinal 1", "aku apply reconcile", "aku apply start --ordinal 1"]);
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
