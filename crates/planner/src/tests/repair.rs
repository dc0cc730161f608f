//! Which rows a repair touches, on which pods, what it asks for and what it leaves alone.

use aku_core::{
    desired::{Goal, Right},
    observe::{Compared, ComparedTable, RowPrint, SeenRow},
    plan::{ApprovalClass, Code, Plan, RefusalKind, action::Op},
    topology::Identifier,
};
use proptest::prelude::*;

use super::{codes, steps};
use crate::testing::{Worlds, desired, ord};

/// `ab-` is what pods 0, 1 and 2 hold of a row; a key is its number.
fn row(key: usize, held: &str) -> SeenRow {
    let print = |c: char| (c != '-').then(|| RowPrint(c.to_string()));
    SeenRow { key: vec![key.to_string()], seen: held.chars().map(print).collect() }
}

fn world(right: Right, pods: u8, rows: &[&str]) -> Worlds {
    let desired = desired(Goal::Repair(right), pods, 1);
    let target = desired.targets().next().expect("a group has a target").clone();
    let mut w = Worlds::new(desired);
    for p in 0..pods {
        w = w.up(p, 0);
        for k in 0..p {
            w = w.pair(k, p, "LL");
        }
    }
    let table = ComparedTable {
        target,
        by: vec![Identifier::exact("ID").expect("a name")],
        rows: rows.iter().enumerate().map(|(key, held)| row(key, held)).collect(),
        left: 0,
        changing: 0,
        cannot: None,
        undelivered: Vec::new(),
    };
    w.observed.compared =
        Some(Box::new(Compared { pods: (0..pods).map(ord).collect(), unread: Vec::new(), tables: vec![table] }));
    w
}

fn compared(w: &mut Worlds) -> &mut Compared {
    w.observed.compared.as_mut().expect("it was compared")
}

fn made(w: &Worlds) -> Plan {
    crate::make(&w.desired, &w.observed).unwrap_or_else(|refusal| panic!("{refusal:#?}"))
}

/// Pod, verb and keys of each action: `1:mend 0,3 as 0`.
fn told(plan: &Plan) -> Vec<String> {
    let of = |a: &aku_core::plan::Action| {
        let (verb, r) = match &a.op {
            Op::MendRows(r) => ("mend", r),
            Op::DeleteRows(r) => ("delete", r),
            other => panic!("{other:?}"),
        };
        let keys: Vec<&str> = r.rows.iter().map(|row| row.key[0].as_str()).collect();
        format!("{}:{verb} {} as {}", a.pod, keys.join(","), r.right)
    };
    plan.actions.iter().map(of).collect()
}

#[test]
fn by_the_pod_that_is_named() {
    let rows = ["aba", "a-a", "-aa", "ab-"];
    let table: [(u8, &[&str]); 3] = [
        (0, &["1:delete 2 as 0", "1:mend 0,1,3 as 0", "2:delete 2 as 0", "2:mend 3 as 0"]),
        (1, &["0:delete 1 as 1", "0:mend 0,2,3 as 1", "2:delete 1 as 1", "2:mend 0,3 as 1"]),
        (2, &["0:delete 3 as 2", "0:mend 2 as 2", "1:delete 3 as 2", "1:mend 0,1 as 2"]),
    ];
    for (right, want) in table {
        let plan = made(&world(Right::Pod(ord(right)), 3, &rows));
        assert_eq!(told(&plan), want, "pod {right} is right");
        // Deletes come first: they may free a value that must be unique.
        assert!(plan.actions.iter().filter(|a| matches!(a.op, Op::MendRows(_))).all(|a| a.waits().count() == 1));
        let asked: Vec<_> = plan.approvals.iter().map(|a| (a.class, a.scope.as_str())).collect();
        assert_eq!(asked.len(), 2);
        assert!(asked.iter().all(|(class, scope)| *class == ApprovalClass::DeletesSurplus && scope.ends_with("/1")));
    }
}

#[test]
fn by_what_most_hold() {
    let plan = made(&world(Right::Majority, 3, &["aba", "a--", "abc", "-bb", "aab"]));
    assert_eq!(told(&plan), ["0:delete 1 as 1", "0:mend 3 as 1", "1:mend 0 as 0", "2:mend 4 as 0"]);
    let notes = codes(&plan.notes);
    assert!(notes.contains(&Code::NoMajority), "{notes:?}");
    let note = plan.notes.iter().find(|n| n.code == Code::NoMajority).expect("it is noted");
    assert!(note.text.contains("1 row of") && note.text.contains("(2)"), "{}", note.text);
    // Half is no majority, and who could not be asked may hold another value.
    assert!(made(&world(Right::Majority, 2, &["ab", "a-"])).is_empty());
    let mut unread = world(Right::Majority, 3, &["aab", "aaa"]);
    compared(&mut unread).unread = vec![ord(3)];
    assert!(made(&unread).is_empty(), "2 of 4 pods are no majority");
}

#[test]
fn what_is_left_is_said_and_what_cannot_be_written_is_refused() {
    let mut w = world(Right::Pod(ord(0)), 2, &["ab"]);
    compared(&mut w).tables[0].left = 41;
    let plan = made(&w);
    assert!(plan.notes.iter().any(|n| n.code == Code::RowsLeft && n.text.contains("41 more")), "{:?}", plan.notes);
    compared(&mut w).tables[0].cannot = Some("has L of type CLOB, which cannot be written exactly".to_owned());
    let plan = made(&w);
    assert!(plan.is_empty());
    assert!(plan.notes.iter().any(|n| n.code == Code::NotRepairable && n.text.contains("CLOB")));
}

#[test]
fn without_a_comparison_or_a_pod_of_it_nothing_is_planned() {
    let mut w = world(Right::Pod(ord(1)), 3, &["ab-"]);
    w.observed.compared = None;
    let refusal = crate::make(&w.desired, &w.observed).expect_err("nobody compared");
    assert_eq!(refusal.because[0].code, Code::NotCompared);
    assert!(refusal.next[0].contains("aku verify --plan --right 1"), "{:?}", refusal.next);
    let w = world(Right::Pod(ord(1)), 3, &["ab-"]).broken(2);
    let refusal = crate::make(&w.desired, &w.observed).expect_err("a pod is gone");
    assert_eq!((refusal.kind, refusal.because[0].code), (RefusalKind::CannotTell, Code::ComparedPodGone));
    let mut w = world(Right::Pod(ord(1)), 3, &["ab-"]);
    compared(&mut w).pods = vec![ord(0), ord(2), ord(3)];
    let refusal = crate::make(&w.desired, &w.observed).expect_err("the right pod was not compared");
    assert_eq!(refusal.because[0].code, Code::ComparedPodGone);
}

#[test]
fn many_rows_are_several_actions() {
    let rows = vec!["ab"; 1_201];
    let plan = made(&world(Right::Pod(ord(0)), 2, &rows));
    let sizes: Vec<usize> =
        plan.actions.iter().map(|a| if let Op::MendRows(r) = &a.op { r.rows.len() } else { 0 }).collect();
    assert_eq!((steps(&plan).len(), sizes), (3, vec![500, 500, 201]));
}

/// What each pod holds when all of it was done.
fn played(plan: &Plan, rows: &[String]) -> Vec<Vec<char>> {
    let mut now: Vec<Vec<char>> = rows.iter().map(|r| r.chars().collect()).collect();
    for a in &plan.actions {
        let (Op::MendRows(repair) | Op::DeleteRows(repair)) = &a.op else { panic!("{a:?}") };
        for row in &repair.rows {
            let held = &mut now[row.key[0].parse::<usize>().expect("a number")];
            held[usize::from(a.pod.get())] = held[usize::from(repair.right.get())];
        }
    }
    now
}

#[test]
fn nothing_is_repaired_while_a_change_may_be_on_its_way() {
    let w = || world(Right::Pod(ord(0)), 3, &["aba"]);
    let plan = made(&w());
    let stands = ['l', 'T'].into_iter().flat_map(|state| [(1, 2, state), (0, 1, state), (2, 0, state)]);
    let mut worlds: Vec<Worlds> = stands.map(|(pod, peer, state)| w().side(pod, peer, state)).collect();
    let mut undrained = w();
    let name = aku_core::topology::ReplicationName::exact("AKU_REP_01").expect("a name");
    let stream = aku_core::observe::Undelivered { pod: ord(1), name, said: "timed out".to_owned() };
    compared(&mut undrained).tables[0].undelivered.push(stream);
    worlds.push(undrained);
    for w in worlds {
        let refusal = crate::make(&w.desired, &w.observed).expect_err("something may be on its way");
        assert_eq!((refusal.kind, refusal.because[0].code), (RefusalKind::CannotTell, Code::Undelivered));
        assert!(refusal.next.last().is_some_and(|n| n.contains("aku verify --plan --right 0")), "{:?}", refusal.next);
        let found = aku_check::check(&plan, &w.desired, &w.observed);
        assert!(found.iter().any(|v| v.rule == "repair"), "{found:?}");
    }
    let mut closed = w().side(0, 1, 'l').side(1, 0, 'l');
    closed = closed.set(1, "ADMIN_MODE", 1);
    let refusal = crate::make(&closed.desired, &closed.observed).expect_err("pod 1 has ended");
    assert!(refusal.next[0].starts_with("aku apply start --ordinal 1"), "{:?}", refusal.next);
    // Nobody delivers what was given up, and a table without a difference needs no stream.
    made(&w().side(0, 1, 'G'));
    let mut same = w().side(0, 1, 'l');
    compared(&mut same).tables[0].rows.clear();
    made(&same);
}

proptest! {
    #[test]
    fn as_the_rule_says_and_nothing_else(
        pods in 2u8..5,
        rows in prop::collection::vec("[ab-]{4}", 1..12),
        named in 0u8..5,
    ) {
        let rows: Vec<String> = rows.iter().map(|r| r[..usize::from(pods)].to_owned()).collect();
        let short: Vec<&str> = rows.iter().map(String::as_str).collect();
        let right = if named < pods { Right::Pod(ord(named)) } else { Right::Majority };
        let plan = made(&world(right, pods, &short));
        for (before, after) in rows.iter().zip(played(&plan, &rows)) {
            let before: Vec<char> = before.chars().collect();
            let majority = before.iter().find(|v| before.iter().filter(|w| w == v).count() * 2 > before.len());
            let want = match right {
                Right::Pod(p) => Some(before[usize::from(p.get())]),
                Right::Majority => majority.copied(),
            };
            let alike = |want| after.iter().all(|v| *v == want);
            prop_assert!(want.map_or(before == after, alike), "{before:?} {after:?}");
        }
    }
}
