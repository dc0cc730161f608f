//! Whose rows are whose: what signatures, row counts and ledgers forbid, and that the checker sees it with code of its own.

use aku_core::{
    conf::Switch,
    ledger::{Ledger, View},
};

use super::{
    super::{testing::Worlds, *},
    *,
};
use crate::testing::signature;

fn with_ledgers(w: Worlds) -> Worlds {
    w.ledgers()
}

fn remembers(w: Worlds, pod: u8, peer: u8, incarnation: u64) -> Worlds {
    w.remembers(pod, peer, incarnation)
}

fn rows_written(plan: &Plan) -> Vec<(u8, u64, u64, &'static str)> {
    let row = |a: &Action| match &a.op {
        Op::WriteLedger { ledger } => Some((a.pod.get(), ledger.run, ledger.incarnation, ledger.standing.as_str())),
        _ => None,
    };
    plan.actions.iter().filter_map(row).collect()
}

#[test]
fn a_start_notes_itself_before_it_opens_and_the_others_after_it() {
    let w = with_ledgers(start(1, 3).up(0, 0).up(1, 1).up(2, 0).pair(0, 1, "TL").pair(0, 2, "LL").pair(1, 2, "LT"));
    let plan = made(&w);
    assert_eq!(rows_written(&plan), [(1, 8, 3, "running"), (0, 8, 2, "running"), (2, 8, 2, "running")]);
    assert!(
        waits(&plan, "1:open", "1:ledger")
            && waits(&plan, "0:ledger", "1:ledger")
            && waits(&plan, "2:ledger", "1:ledger")
    );
    assert!(waits(&plan, "1:ledger", "0:flush AKU_REP_01"));
    let Some(Op::WriteLedger { ledger }) = plan.actions.iter().find(|a| step(a) == "0:ledger").map(|a| &a.op) else {
        panic!("pod 0 notes it");
    };
    assert_eq!(ledger.peers[&ord(1)].incarnation, 3);
    assert_eq!(ledger.peers[&ord(2)].incarnation, 2, "it does not open");
}

#[test]
fn without_ledgers_nothing_is_written_and_nothing_fails() {
    let base = || start(1, 2).up(0, 0).up(1, 1).pair(0, 1, "TL");
    let none = [
        ("nobody looked", base()),
        ("switched off", {
            let mut w = base().ledgers();
            w.desired.ledger = Switch::Off;
            w
        }),
        ("no signature", {
            let mut w = base();
            w.desired.ledger = Switch::On;
            w.pod_mut(0).ledger = View::Missing;
            w.pod_mut(1).ledger = View::Missing;
            w
        }),
        ("pod 0 keeps another table of that name", {
            let mut w = with_ledgers(base());
            w.pod_mut(0).ledger = View::Broken { why: "no such column".to_owned() };
            w
        }),
    ];
    for (name, w) in none {
        let plan = made(&w);
        assert_eq!(rows_written(&plan), [], "{name}");
        assert!(steps(&plan).contains(&"1:open".to_owned()), "{name}");
    }
}

#[test]
fn an_end_is_noted_when_all_is_delivered_and_not_without_a_flush() {
    let w = with_ledgers(end(1, 2).up(0, 0).up(1, 0).pair(0, 1, "LL"));
    let plan = made(&w);
    assert_eq!(rows_written(&plan), [(0, 8, 2, "running"), (1, 8, 2, "ended")]);
    assert!(waits(&plan, "1:ledger", "0:ledger"), "who left in order is known to have");
    for step in ["1:delivered", "1:reset AKU_REP_01", "0:reset AKU_REP_01"] {
        assert!(waits(&plan, "0:ledger", step), "{step}");
    }
    let mut without = with_ledgers(end(1, 2).up(0, 0).up(1, 0).pair(0, 1, "LL"));
    without.desired.flush_at_end = Switch::Off;
    assert_eq!(rows_written(&made(&without)), []);
}

/// Each rule that protects rows of unknown descent, and a world in which only it speaks.
#[test]
fn the_checker_sees_whose_rows_are_whose() {
    let born = |mut w: Worlds, pod: u8, second: &str| {
        w.pod_mut(pod).server.signature = Some(signature(pod, second));
        w
    };
    let base = || start(1, 2).up(0, 0).up(1, 1).pair(0, 1, "RT").rows(0, 150).rows(1, 100);
    let younger = born(born(base(), 0, "6B00FFFF"), 1, "6B00DD1A");
    let stranger = start(1, 2).up(0, 0).up(1, 1).pair(0, 1, "--").rows(0, 5).rows(1, 7);
    let mut one_table = base();
    one_table.pod_mut(0).rows[1].1 = 0.into();
    for (rule, w) in [("younger-source", younger), ("sent-to-nobody", stranger), ("empty-source", one_table)] {
        let mut plan = made(&w);
        plan.approvals.retain(|a| a.class == ApprovalClass::DeletesRows);
        let found = check::check(&plan, &w.desired, &w.observed);
        assert!(found.iter().any(|v| v.rule == rule), "{rule} is not caught: {found:?}");
    }
    let mut unasked = made(&base());
    unasked.approvals.clear();
    let found = check::check(&unasked, &base().desired, &base().observed);
    assert!(found.iter().any(|v| v.rule == "deletes-rows"), "{found:?}");

    // A plan that was made without what is known now.
    let healthy = || start(1, 2).up(0, 0).up(1, 1).pair(0, 1, "TL");
    let twins = born(born(healthy(), 0, "6B00DD1A"), 1, "6B00DD1A");
    let same = twins.observed.pod(ord(0)).unwrap().server.signature.clone();
    let mut twins = twins;
    twins.pod_mut(1).server.signature = same;
    let restored = remembers(with_ledgers(healthy()), 0, 1, 3);
    let ledgers = with_ledgers(healthy());
    for (rule, plan, w) in [("cloned", made(&healthy()), twins), ("restored", made(&ledgers), restored)] {
        let found = check::check(&plan, &w.desired, &w.observed);
        assert!(found.iter().any(|v| v.rule == rule), "{rule} is not caught: {found:?}");
    }
}

#[test]
fn the_checker_lets_a_ledger_go_forward_only() {
    type Mutation = fn(&mut Plan);
    fn rows(plan: &mut Plan) -> impl Iterator<Item = &mut Ledger> {
        plan.actions.iter_mut().filter_map(|a| match &mut a.op {
            Op::WriteLedger { ledger } => Some(&mut **ledger),
            _ => None,
        })
    }
    let w = with_ledgers(start(1, 2).up(0, 0).up(1, 1).pair(0, 1, "TL"));
    let good = made(&w);
    let table: [(&str, Mutation); 5] = [
        ("an old run", |p| rows(p).for_each(|l| l.run = 7)),
        ("an old incarnation", |p| rows(p).for_each(|l| l.incarnation = 1)),
        ("another pod's row", |p| rows(p).for_each(|l| l.pod = ord(2))),
        ("another database's row", |p| rows(p).for_each(|l| l.signature = "X".to_owned())),
        ("after the opening", |p| {
            let open = p.actions.iter_mut().find(|a| a.op == Op::Open).unwrap();
            open.after.retain(|w| w.because != "the ledger knows of it before users do");
        }),
    ];
    for (name, mutate) in table {
        let mut bad = good.clone();
        mutate(&mut bad);
        let found = check::check(&bad, &w.desired, &w.observed);
        assert!(found.iter().any(|v| v.rule == "ledger"), "{name} is not caught: {found:?}");
    }
}

#[test]
fn a_volume_that_was_put_back_is_copied_anew_and_pod_0_is_refused() {
    let slave = remembers(with_ledgers(start(1, 2).up(0, 0).up(1, 1).pair(0, 1, "LL").rows(0, 9).rows(1, 5)), 0, 1, 3);
    let plan = made(&slave);
    let Decision::Full { because, .. } = &plan.decision else { panic!("{:?}", plan.decision) };
    assert_eq!(codes(because), [Code::Restored]);
    assert!(waits(&plan, "1:truncate SYS.T1", "1:flush AKU_REP_01"), "what it has not sent goes out first");
    assert_eq!(rows_written(&plan)[0], (1, 8, 4, "running"), "beyond what anybody remembers");

    let master = remembers(with_ledgers(start(0, 2).up(0, 1).up(1, 0).pair(0, 1, "LL")), 1, 0, 3);
    assert_eq!(refused(&master).because[0].code, Code::MasterRestored);
}

/// Kills between any two writes of a run leave nobody who looks like an older copy of itself.
#[test]
fn a_run_that_is_killed_between_two_rows_makes_nobody_look_put_back() {
    let base = |admin| start(1, 3).up(0, 0).up(1, admin).up(2, 0).pair(0, 1, "LL").pair(0, 2, "LL").pair(1, 2, "LL");
    let mut first = base(1);
    first.desired.ledger = Switch::On;
    for p in 0..3 {
        let pod = first.pod_mut(p);
        pod.server.signature = Some(signature(p, "6B00DD1A"));
        pod.ledger = View::Missing;
    }
    for mut w in [first, with_ledgers(base(1))] {
        let plan = made(&w);
        let writes: Vec<_> = plan.actions.iter().filter(|a| matches!(a.op, Op::WriteLedger { .. })).cloned().collect();
        assert_eq!(writes.len(), 3);
        for a in writes {
            let Op::WriteLedger { ledger } = a.op else { continue };
            w.pod_mut(a.pod.get()).ledger = View::Held(ledger);
            let found = put_back(&w.desired, &w.observed);
            assert!(found.is_empty(), "after the row of pod {}: {found:?}", a.pod);
        }
    }
}

/// The cluster that a row names, by the pod it is written on.
fn clusters_written(plan: &Plan) -> Vec<(u8, aku_core::ledger::ClusterId)> {
    let row = |a: &Action| match &a.op {
        Op::WriteLedger { ledger } => Some((a.pod.get(), ledger.cluster)),
        _ => None,
    };
    plan.actions.iter().filter_map(row).collect()
}

#[test]
fn an_end_founds_no_cluster_and_takes_nobody_out_of_his() {
    // Pod 0 came back without its rows, and its start was refused; everybody's container is restarted.
    let lost = |goal: Worlds| {
        let mut w = with_ledgers(goal.up(0, 1).up(1, 0).pair(0, 1, "-T"));
        w.pod_mut(0).ledger = View::Missing;
        w.pod_mut(0).server.signature = Some(signature(0, "6B00FFFF"));
        w
    };
    let of_0 = made(&lost(end(0, 2)));
    assert_eq!(rows_written(&of_0), [], "{:?}", steps(&of_0));
    let w = lost(end(1, 2));
    let of_1 = made(&w);
    assert!(!steps(&of_1).iter().any(|s| s.contains("create") || s.contains("reset")), "{:?}", steps(&of_1));
    assert_eq!(rows_written(&of_1), [], "what it committed is not with pod 0: {:?}", steps(&of_1));
    let Some(mine) = w.observed.pod(ord(1)).and_then(|p| p.ledger.held()).map(|l| l.cluster) else {
        panic!("pod 1 has a ledger");
    };
    // Where it has nothing left to deliver there, it leaves its own cluster.
    let mut w = with_ledgers(end(1, 3).up(0, 1).up(1, 0).up(2, 0).pair(0, 1, "-R").pair(0, 2, "-R").pair(1, 2, "LL"));
    w.pod_mut(0).ledger = View::Missing;
    w.pod_mut(0).server.signature = Some(signature(0, "6B00FFFF"));
    let written = clusters_written(&made(&w));
    assert!(written.iter().all(|(pod, cluster)| *pod != 0 && *cluster == mine) && !written.is_empty(), "{written:?}");
}

#[test]
fn no_run_beside_a_volume_that_was_put_back_hides_it() {
    let goals: [(&str, Worlds, u8); 3] = [
        ("its own end", remembers(with_ledgers(end(0, 2).up(0, 0).up(1, 0).pair(0, 1, "LL")), 1, 0, 3), 0),
        ("the end of a slave", remembers(with_ledgers(end(1, 2).up(0, 1).up(1, 0).pair(0, 1, "LL")), 1, 0, 3), 0),
        (
            "another pod's end",
            remembers(
                with_ledgers(end(2, 3).up(0, 0).up(1, 1).up(2, 0).pair(0, 1, "LL").pair(0, 2, "LL").pair(1, 2, "LL")),
                0,
                1,
                3,
            ),
            1,
        ),
    ];
    for (name, mut w, old) in goals {
        let plan = made(&w);
        let resets = steps(&plan).into_iter().filter(|s| s.contains("reset")).count();
        assert!(old != 0 || resets == 0, "{name}: {:?}", steps(&plan));
        for a in &plan.actions {
            if let Op::WriteLedger { ledger } = &a.op {
                w.pod_mut(a.pod.get()).ledger = View::Held(ledger.clone());
            }
        }
        let found = put_back(&w.desired, &w.observed);
        assert!(found.contains_key(&ord(old)), "{name}: {found:?}");
    }
}

#[test]
fn a_pod_0_that_does_not_know_of_an_end_is_asked_about() {
    use aku_core::ledger::Standing;
    let base = |noted: Standing| {
        let w = with_ledgers(start(1, 2).up(0, 0).up(1, 1).pair(0, 1, "RR").rows(0, 9).rows(1, 5));
        let mut w = remembers(w, 0, 1, 2);
        let View::Held(mine) = &mut w.pod_mut(1).ledger else { panic!("it has a ledger") };
        mine.standing = Standing::Ended;
        let View::Held(theirs) = &mut w.pod_mut(0).ledger else { panic!("it has a ledger") };
        theirs.peers.get_mut(&ord(1)).expect("they know each other").standing = noted;
        w
    };
    let asked = |noted| made(&base(noted)).approvals.iter().any(|a| a.class == ApprovalClass::EmptySource);
    assert!(asked(Standing::Running) && !asked(Standing::Ended));
}

#[test]
fn the_checker_sees_a_row_that_hides_whose_rows_a_pod_has() {
    type Mutation = fn(&mut Ledger);
    let w = remembers(with_ledgers(end(1, 2).up(0, 0).up(1, 0).pair(0, 1, "LL")), 1, 0, 2);
    let good = made(&w);
    let table: [(&str, Mutation); 2] = [
        ("a later incarnation of a pod that does not open", |l| l.incarnation += 1),
        ("another cluster", |l| l.cluster = aku_core::ledger::ClusterId::founded_on("other")),
    ];
    for (name, mutate) in table {
        let mut bad = good.clone();
        for a in &mut bad.actions {
            if let Op::WriteLedger { ledger } = &mut a.op
                && a.pod == ord(0)
            {
                mutate(ledger);
            }
        }
        let found = check::check(&bad, &w.desired, &w.observed);
        assert!(found.iter().any(|v| v.rule == "ledger"), "{name} is not caught: {found:?}");
    }
}
