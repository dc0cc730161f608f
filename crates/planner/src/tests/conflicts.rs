//! CONFLICT = TIMESTAMP and REPLACE: what servers and tables have to be like, worked out here from the words of the rule.

use aku_core::{
    attributes::{Attributes, Conflict, GroupMode},
    observe::{Stamp, TableName},
};

use super::*;
use crate::testing::target;

const STAMPS: &str = "REPLICATION_TIMESTAMP_RESOLUTION";
const INSERTS: &str = "REPLICATION_INSERT_REPLACE";
const UPDATES: &str = "REPLICATION_UPDATE_REPLACE";

fn rule(conflict: Conflict) -> Attributes {
    Attributes::new(GroupMode::Lazy, conflict, []).unwrap()
}

/// Two pods of one group; pod 0 is in service and right, pod 1 is closed.
fn world(goal: Goal, conflict: Conflict) -> Worlds {
    let mut w = Worlds::new(desired(goal, 2, 1)).attributes(&rule(conflict)).up(0, 0).up(1, 1).pair(0, 1, "LL");
    for pod in [0, 1] {
        w.pod_mut(pod).tables.values_mut().for_each(|t| t.timestamp = Stamp::Lacks);
    }
    w
}

/// A value of a property; `None` is not told.
type Value = Option<i64>;

fn with(mut w: Worlds, pod: u8, values: [Value; 3], stamp: Stamp) -> Worlds {
    for (name, value) in [STAMPS, INSERTS, UPDATES].into_iter().zip(values) {
        w = match value {
            Some(value) => w.set(pod, name, value),
            None => w,
        };
    }
    w.pod_mut(pod).tables.values_mut().for_each(|t| t.timestamp = stamp);
    w
}

/// Every combination of values, and whether a pod may come into service with it: worked out from the words of the rule.
#[test]
fn a_pod_is_opened_with_the_rule_of_the_file_or_not_at_all() {
    let values: [Value; 4] = [None, Some(0), Some(1), Some(2)];
    let mut opened = 0;
    for conflict in Conflict::ALL {
        for stamps in values {
            for inserts in values {
                for updates in values {
                    for stamp in [Stamp::Unknown, Stamp::Lacks, Stamp::Has] {
                        let right = match conflict {
                            Conflict::None | Conflict::MasterSlave => true,
                            Conflict::Timestamp => stamps == Some(1) && stamp == Stamp::Has,
                            Conflict::Replace => inserts == Some(1) && updates == Some(1),
                        };
                        let w = with(world(Goal::Start(ord(1)), conflict), 1, [stamps, inserts, updates], stamp);
                        let what = format!("{conflict:?} {stamps:?} {inserts:?} {updates:?} {stamp:?}");
                        match crate::make(&w.desired, &w.observed) {
                            Ok(plan) => {
                                assert!(right, "{what}: opened");
                                opened += usize::from(plan.actions.iter().any(|a| a.op == Op::Open));
                            }
                            Err(refusal) => {
                                assert!(!right, "{what}: {refusal:?}");
                                assert!(
                                    refusal.because.iter().all(|r| r.code == Code::ConflictRule),
                                    "{what}: {refusal:?}"
                                );
                                assert!(refusal.next.len() > 1, "{what}: {refusal:?}");
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(opened > 0);
}

/// Who is in service already is told of, with what to type, and bars nobody.
#[test]
fn pods_in_service_are_told_of() {
    let sides = |goal| {
        with(
            with(world(goal, Conflict::Replace), 1, [None, Some(1), Some(1)], Stamp::Lacks),
            0,
            [None, Some(1), Some(0)],
            Stamp::Lacks,
        )
    };
    for goal in [Goal::Start(ord(1)), Goal::Reconcile] {
        let w = sides(goal);
        let plan = made(&w);
        let told: Vec<_> = plan.notes.iter().filter(|n| n.code == Code::ConflictRuleOff).collect();
        assert_eq!(told.len(), 1, "{goal:?}: {:?}", plan.notes);
        assert!(told[0].text.contains("on pod 0 REPLICATION_UPDATE_REPLACE is 0"), "{}", told[0].text);
        assert!(told[0].text.contains("ALTER SYSTEM SET REPLICATION_UPDATE_REPLACE = 1 on pod 0"), "{}", told[0].text);
    }
    // An end takes nobody into service.
    let w = sides(Goal::End(ord(0)));
    assert!(crate::make(&w.desired, &w.observed).is_ok());
}

/// The pin of a third pod repeats what the copy has.
#[test]
fn a_copy_beside_others_says_what_replace_does_to_repeats() {
    for (conflict, want) in [(Conflict::Replace, true), (Conflict::MasterSlave, false)] {
        let mut w =
            Worlds::new(desired(Goal::Start(ord(2)), 3, 1)).attributes(&rule(conflict)).up(0, 0).up(1, 0).up(2, 1);
        w = w.pair(0, 1, "LL").rows(0, 9).rows(2, 0);
        for pod in [0, 1, 2] {
            w = with(w, pod, [None, Some(1), Some(1)], Stamp::Lacks);
        }
        let plan = made(&w);
        let told = plan.notes.iter().any(|n| n.code == Code::RepeatsReplace);
        assert_eq!(told, want, "{conflict:?}: {:?}", plan.notes);
    }
}

/// The checker has rules of its own: the same plan is wrong in a world where the property is not right.
#[test]
fn the_checker_sees_a_pod_opened_with_other_rules() {
    for (conflict, values, stamp) in [
        (Conflict::Replace, [None, Some(1), Some(1)], Stamp::Lacks),
        (Conflict::Timestamp, [Some(1), None, None], Stamp::Has),
    ] {
        let world = || with(world(Goal::Start(ord(1)), conflict), 1, values, stamp);
        let plan = made(&world());
        let broken = |w: &Worlds| {
            let found = check::check(&plan, &w.desired, &w.observed);
            found.into_iter().map(|v| v.rule).collect::<Vec<_>>()
        };
        assert_eq!(broken(&world()), Vec::<&str>::new());
        let names: &[&str] = if conflict == Conflict::Replace { &[INSERTS, UPDATES] } else { &[STAMPS] };
        for name in names {
            let mut off = world().set(1, name, 0);
            assert_eq!(broken(&off), ["conflict-rule"], "{name}");
            off.pod_mut(1).properties.remove(*name);
            assert_eq!(broken(&off), ["conflict-rule"], "{name}");
        }
        if conflict == Conflict::Timestamp {
            let mut bare = world();
            bare.pod_mut(1).tables.get_mut(&TableName::of(&target("T2"))).unwrap().timestamp = Stamp::Lacks;
            assert_eq!(broken(&bare), ["conflict-rule"]);
        }
    }
}
