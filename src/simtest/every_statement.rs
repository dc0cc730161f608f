//! The same life, stopped after each of its statements in turn: killed, or asked to stop. The next run converges.

use std::collections::BTreeSet;

use super::{
    conf::Conf,
    scenario::{Ended, Life, Shape, pod},
    sim_cluster::Cut,
    writer::{Style, Writer},
};
use crate::{
    attributes::{Attributes, Conflict, GroupMode},
    conf::{GroupId, Switch},
    desired::Goal,
    lab::server::Generation,
    plan::{ApprovalClass, Expect, Op},
};

fn begin(generation: Generation, reset_at_end: Switch) -> Life {
    begin_with(generation, reset_at_end, None)
}

fn begin_with(generation: Generation, reset_at_end: Switch, put_off: Option<usize>) -> Life {
    let mut life = begin_as(generation, reset_at_end, put_off, |_| {});
    life.stale_rows(2);
    life
}

/// Pods 0 and 1 in service, with a writer on each.
fn begin_as(generation: Generation, reset_at_end: Switch, put_off: Option<usize>, edit: fn(&mut Conf)) -> Life {
    let shape = Shape {
        generation,
        pods: 3,
        groups: 2,
        tables: if put_off.is_some() { 3 } else { 2 },
        flush_at_end: Switch::On,
        reset_at_end,
        flush_at_start: Switch::On,
        ledger: Switch::On,
    };
    let mut conf = Conf::new(&shape, put_off);
    edit(&mut conf);
    let mut life = Life::new(7, shape, conf);
    for p in 0..2 {
        let ended = life.start(p, Cut::Never);
        assert!(matches!(ended, Ended::Done), "{}", life.told(&format!("{ended:?}")));
        life.write(p);
    }
    life
}

/// Plays `scene` with a cut after 1, 2, 3 .. statements, until it runs to its end; how many that were.
fn every(scene: fn(Cut) -> (Life, Ended), cut: fn(u64) -> Cut) -> u64 {
    // Without a cut it comes to its end: else no number of statements is enough.
    let (life, whole) = scene(Cut::Never);
    assert!(matches!(whole, Ended::Done | Ended::Nothing), "{}", life.told(&format!("without a cut: {whole:?}")));
    for n in 1..400 {
        let (mut life, ended) = scene(cut(n));
        let over = matches!(ended, Ended::Done | Ended::Nothing);
        assert!(over || matches!(ended, Ended::Incomplete(_)), "{n} {}", life.told(&format!("{ended:?}")));
        let reached = life.settle(&BTreeSet::new());
        assert_eq!(reached.len(), 3, "{}", life.told(&format!("cut {n}: some pod was refused")));
        if over {
            return n;
        }
    }
    panic!("it never runs to its end")
}

fn join(cut: Cut) -> (Life, Ended) {
    let mut life = begin(Generation::V7_2, Switch::On);
    let ended = life.start(2, cut);
    (life, ended)
}

fn all_eager(conf: &mut Conf) {
    conf.attributes = Attributes::new(GroupMode::Eager, Conflict::None, []).expect("EAGER alone");
}

fn one_eager(conf: &mut Conf) {
    all_eager(conf);
    conf.asks = Some(GroupId(1));
}

/// A pod joins EAGER groups beside two that are written to; nobody is told of a conflict unless the program is killed between
/// a START and its STOP.
fn join_eager(edit: fn(&mut Conf), cut: Cut) -> (Life, Ended) {
    let mut life = begin_as(Generation::V7_2, Switch::On, None, edit);
    life.stale_rows(2);
    life.stage.lock().writers.iter_mut().for_each(Writer::keep_on);
    let ended = life.start(2, cut);
    life.stage.lock().pump(100_000);
    let refused: Vec<_> = life.stage.lock().writers.iter().flat_map(|w| w.refused.clone()).collect();
    let whole = matches!(cut, Cut::Never | Cut::Signal(_));
    assert!(!whole || refused.is_empty(), "{}", life.told(&format!("{cut:?}: users were refused: {refused:?}")));
    (life, ended)
}

fn join_all_eager(cut: Cut) -> (Life, Ended) {
    join_eager(all_eager, cut)
}

fn join_one_eager(cut: Cut) -> (Life, Ended) {
    join_eager(one_eager, cut)
}

#[test]
fn an_eager_join_can_be_stopped_anywhere() {
    assert!(every(join_all_eager, Cut::Kill) > 30);
    assert!(every(join_all_eager, Cut::Signal) > 30);
    assert!(every(join_one_eager, Cut::Kill) > 30);
}

/// What the refusal of a new table says works, beside writers.
#[test]
fn a_new_table_of_an_eager_group_comes_when_the_slaves_end_and_start() {
    let mut life = begin_as(Generation::V7_2, Switch::On, Some(3), all_eager);
    assert!(matches!(life.start(2, Cut::Never), Ended::Done), "{}", life.told(""));
    life.conf.gain(3, 0);
    let refused = life.reconcile(Cut::Never);
    let Ended::Refused(refusal) = refused else { panic!("{}", life.told(&format!("{refused:?}"))) };
    let word = |line: &String| line.split("    ").next().map(str::to_owned);
    let next: Vec<_> = refusal.next.iter().filter_map(word).collect();
    let said = [
        "aku apply end --ordinal 1",
        "aku apply end --ordinal 2",
        "aku apply reconcile",
        "aku apply start --ordinal 1",
        "aku apply start --ordinal 2",
    ];
    assert_eq!(next, said);
    let ended = [
        life.end(1, Cut::Never),
        life.end(2, Cut::Never),
        life.reconcile(Cut::Never),
        life.start(1, Cut::Never),
        life.start(2, Cut::Never),
    ];
    let well = |e: &Ended| matches!(e, Ended::Done | Ended::Nothing);
    assert!(ended.iter().all(well), "{}", life.told(&format!("{ended:?}")));
    assert_eq!(life.settle(&BTreeSet::new()).len(), 3, "{}", life.told(""));
}

/// Two members of EAGER groups, both closed, without positions towards each other: what the refusal says works.
#[test]
fn two_closed_members_do_not_send_to_each_other_for_ever() {
    let mut life = begin_as(Generation::V7_2, Switch::On, None, all_eager);
    assert!(matches!(life.start(2, Cut::Never), Ended::Done), "{}", life.told(""));
    for p in 0..3 {
        life.still(p);
    }
    life.stage.lock().pump(1_000_000);
    let names: Vec<_> = life.desired(Goal::Reconcile).objects_between(pod(1), pod(2)).map(|o| o.name.clone()).collect();
    for (p, name) in [1, 2].into_iter().flat_map(|p| names.iter().map(move |name| (p, name))) {
        for what in ["STOP", "RESET"] {
            life.stage.lock().by_hand(p, &format!("ALTER REPLICATION {name} {what}"));
        }
    }
    for p in [1, 2] {
        life.kill(p);
        life.boot(p);
    }
    let refused = life.start(2, Cut::Never);
    let Ended::Refused(refusal) = refused else { panic!("{}", life.told(&format!("{refused:?}"))) };
    let word = |line: &String| line.split("    ").next().map(str::to_owned);
    let next: Vec<_> = refusal.next.iter().filter_map(word).collect();
    assert_eq!(next, ["aku apply clean --ordinal 2", "aku apply start --ordinal 1"]);
    life.yes.insert(ApprovalClass::LosesUnsent);
    let ended = [life.clean(2, Cut::Never), life.start(1, Cut::Never), life.start(2, Cut::Never)];
    assert!(ended.iter().all(|e| matches!(e, Ended::Done)), "{}", life.told(&format!("{ended:?}")));
    assert_eq!(life.settle(&BTreeSet::new()).len(), 3, "{}", life.told(""));
}

/// The lab shows what an anchor is for: with a START in its place a user is told of a conflict, and the copy does not begin.
#[test]
fn an_eager_sender_towards_a_pod_without_rows_is_noticed() {
    let mut life = begin_as(Generation::V7_2, Switch::On, None, all_eager);
    life.stage.lock().writers.iter_mut().for_each(Writer::keep_on);
    let mut plan = life.plan(Goal::Start(pod(2))).expect("a plan");
    for action in &mut plan.actions {
        if let Op::Anchor { name, peer, .. } = &action.op {
            action.op = Op::Start { name: name.clone(), peer: *peer, expect: Expect::Fresh };
        }
    }
    let ended = life.carry_out(&plan, Cut::Never);
    assert!(matches!(ended, Ended::Incomplete(_)), "{}", life.told(&format!("{ended:?}")));
    let refused: Vec<_> = life.stage.lock().writers.iter().flat_map(|w| w.refused.clone()).collect();
    assert!(refused.contains(&397_549), "{}", life.told(&format!("{refused:?}")));
}

fn leave(cut: Cut) -> (Life, Ended) {
    let mut life = begin(Generation::V2018, Switch::On);
    assert!(matches!(life.start(2, Cut::Never), Ended::Done), "{}", life.told(""));
    life.write(2);
    let ended = life.end(2, cut);
    life.kill(2);
    (life, ended)
}

fn come_back(cut: Cut) -> (Life, Ended) {
    let mut life = begin(Generation::V7_2, Switch::Off);
    assert!(matches!(life.start(2, Cut::Never), Ended::Done), "{}", life.told(""));
    life.write(2);
    life.stage.lock().pump(50_000);
    life.kill(2);
    life.stage.lock().pump(50_000);
    life.boot(2);
    let ended = life.start(2, cut);
    (life, ended)
}

/// Pod 1 was killed; what only it has may be missing on pod 2 for ever, and somebody said yes to that.
fn join_beside_a_dead_pod(cut: Cut) -> (Life, Ended) {
    let mut life = begin(Generation::V7_2, Switch::On);
    life.still(1);
    life.kill(1);
    life.forgotten(1);
    // A join that breaks off between its START and its opening leaves a closed member that may have been in service. The
    // first of the two that starts says what the other lacks of it (DESIGN D1: named on its return).
    life.yes.extend([ApprovalClass::MemberDown, ApprovalClass::LosesUnsent]);
    let ended = life.start(2, cut);
    (life, ended)
}

#[test]
fn a_join_beside_a_dead_pod_can_be_stopped_anywhere() {
    assert!(every(join_beside_a_dead_pod, Cut::Kill) > 15);
    assert!(every(join_beside_a_dead_pod, Cut::Signal) > 15);
}

fn reconcile(cut: Cut) -> (Life, Ended) {
    let mut life = begin_with(Generation::V7_2, Switch::On, Some(3));
    // Two slaves that were stopped between their groups: the one that starts second is asked about what the other's copy may
    // lack of it. It delivered everything before, and the rows are compared in the end, but no catalog shows that.
    life.yes.insert(ApprovalClass::LosesUnsent);
    life.clear(3, 2);
    assert!(matches!(life.start(2, Cut::Never), Ended::Done), "{}", life.told(""));
    // It knows the tables of the file as it was: a row of its in the new one, before the fence, would be refused.
    life.write(2);
    life.conf.gain(3, 0);
    let ended = life.reconcile(cut);
    (life, ended)
}

#[test]
fn a_new_table_can_be_stopped_anywhere() {
    assert!(every(reconcile, Cut::Kill) > 15);
    assert!(every(reconcile, Cut::Signal) > 15);
}

fn recover(cut: Cut) -> (Life, Ended) {
    let mut life = begin(Generation::V7_2, Switch::Off);
    assert!(matches!(life.start(2, Cut::Never), Ended::Done), "{}", life.told(""));
    life.write(2);
    life.stage.lock().pump(50_000);
    life.wipe(0);
    // The slaves are there and know better: pod 0 does not come up empty.
    life.new_line = false;
    life.boot(0);
    life.create_tables(0);
    let ended = life.recover(cut);
    (life, ended)
}

#[test]
fn a_recovery_can_be_stopped_anywhere() {
    assert!(every(recover, Cut::Kill) > 15);
    assert!(every(recover, Cut::Signal) > 15);
}

/// Three pods in service, with writers on all of them.
fn in_service(generation: Generation) -> Life {
    let mut life = begin(generation, Switch::Off);
    assert!(matches!(life.start(2, Cut::Never), Ended::Done), "{}", life.told(""));
    life.write(2);
    life.stage.lock().pump(50_000);
    // A pod that was cleaned is asked about when it comes back: what is written there is sent to nobody. Here nobody writes
    // there, and the rows are compared in the end.
    life.yes.insert(ApprovalClass::LosesUnsent);
    life
}

/// No yes may be what excuses a lost row: every pod is there, so everything can be delivered.
fn nothing_named(life: &Life) {
    let named = life.given.iter().filter(|a| a.class == ApprovalClass::LosesUnsent);
    assert_eq!(named.count(), 0, "{}", life.told(&format!("{:?}", life.given)));
}

fn clean_a_slave(cut: Cut) -> (Life, Ended) {
    let mut life = in_service(Generation::V7_2);
    let ended = life.clean(2, cut);
    nothing_named(&life);
    (life, ended)
}

/// A clean is stopped, and the next one finishes it.
fn clean_a_slave_twice(cut: Cut) -> (Life, Ended) {
    let (mut life, ended) = clean_a_slave(cut);
    if matches!(ended, Ended::Incomplete(_)) {
        let again = life.clean(2, Cut::Never);
        assert!(matches!(again, Ended::Done | Ended::Nothing), "{}", life.told(&format!("{again:?}")));
    }
    (life, ended)
}

/// The slaves of pod 0 lose their source, which has a yes for each; they do not write meanwhile.
fn clean_pod_0(cut: Cut) -> (Life, Ended) {
    let mut life = in_service(Generation::V2018);
    let ended = life.clean(0, cut);
    (life, ended)
}

fn clean_everywhere(cut: Cut) -> (Life, Ended) {
    let mut life = in_service(Generation::V7_2);
    // Pod 0 starts without knowing what it was.
    life.yes.insert(ApprovalClass::EmptySource);
    let ended = life.clean_everywhere(cut);
    nothing_named(&life);
    (life, ended)
}

/// Three pods in service with writers on all of them, two groups of which the first has two tables.
fn three(generation: Generation, begin: fn(&mut Conf)) -> Life {
    let shape = Shape {
        generation,
        pods: 3,
        groups: 2,
        tables: 3,
        flush_at_end: Switch::On,
        reset_at_end: Switch::Off,
        flush_at_start: Switch::On,
        ledger: Switch::On,
    };
    let mut conf = Conf::new(&shape, None);
    begin(&mut conf);
    conf.edited = false;
    let mut life = Life::new(11, shape, conf);
    for p in 0..3 {
        let ended = life.start(p, Cut::Never);
        assert!(matches!(ended, Ended::Done), "{}", life.told(&format!("{ended:?}")));
        // Transactions of minutes make a definition fail with E141, whatever is cut; that is another test's.
        life.write_as(p, Style::Autocommit);
    }
    life.stage.lock().pump(50_000);
    life
}

/// The file is changed and the pods are brought to it; nobody is asked about a row.
fn turned(mut life: Life, edit: impl Fn(&mut Conf), cut: Cut) -> (Life, Ended) {
    edit(&mut life.conf);
    let ended = life.reconcile(cut);
    nothing_named(&life);
    (life, ended)
}

/// The first group has all three tables, and there is no other.
fn all_in_one(conf: &mut Conf) {
    conf.move_table(2, 0);
}

fn prefix_changed(cut: Cut) -> (Life, Ended) {
    turned(three(Generation::V7_2, |_| {}), Conf::rename, cut)
}

fn prefix_changed_2018(cut: Cut) -> (Life, Ended) {
    turned(three(Generation::V2018, all_in_one), Conf::rename, cut)
}

/// One object for each address: the old one goes before the new one is connected.
fn prefix_changed_one_address(cut: Cut) -> (Life, Ended) {
    let life = three(Generation::V7_2, all_in_one);
    for p in 0..3 {
        life.stage.lock().by_hand(p, "ALTER SYSTEM SET REPLICATION_ALLOW_DUPLICATE_HOSTS = 0");
    }
    turned(life, Conf::rename, cut)
}

fn table_moved(cut: Cut) -> (Life, Ended) {
    turned(three(Generation::V7_2, |_| {}), |conf| conf.move_table(3, 1), cut)
}

fn group_split(cut: Cut) -> (Life, Ended) {
    turned(three(Generation::V2018, all_in_one), |conf| conf.move_table(2, 1), cut)
}

fn groups_merged(cut: Cut) -> (Life, Ended) {
    turned(three(Generation::V7_2, |_| {}), all_in_one, cut)
}

#[test]
fn a_change_of_the_prefix_can_be_stopped_anywhere() {
    assert!(every(prefix_changed, Cut::Kill) > 60);
    assert!(every(prefix_changed_2018, Cut::Kill) > 30);
    assert!(every(prefix_changed_2018, Cut::Signal) > 30);
    assert!(every(prefix_changed_one_address, Cut::Kill) > 30);
    assert!(every(prefix_changed_one_address, Cut::Signal) > 30);
}

#[test]
fn a_table_that_moves_can_be_stopped_anywhere() {
    assert!(every(table_moved, Cut::Kill) > 30);
    assert!(every(table_moved, Cut::Signal) > 30);
}

#[test]
fn a_split_can_be_stopped_anywhere() {
    assert!(every(group_split, Cut::Kill) > 30);
    assert!(every(group_split, Cut::Signal) > 30);
}

#[test]
fn a_merge_can_be_stopped_anywhere() {
    assert!(every(groups_merged, Cut::Kill) > 30);
    assert!(every(groups_merged, Cut::Signal) > 30);
}

#[test]
fn a_clean_can_be_stopped_anywhere() {
    assert!(every(clean_a_slave, Cut::Kill) > 15);
    assert!(every(clean_a_slave, Cut::Signal) > 15);
    assert!(every(clean_a_slave_twice, Cut::Kill) > 15);
}

#[test]
fn a_clean_of_pod_0_can_be_stopped_anywhere() {
    assert!(every(clean_pod_0, Cut::Kill) > 15);
    assert!(every(clean_pod_0, Cut::Signal) > 15);
}

#[test]
fn a_clean_everywhere_can_be_stopped_anywhere() {
    assert!(every(clean_everywhere, Cut::Kill) > 20);
    assert!(every(clean_everywhere, Cut::Signal) > 20);
}

#[test]
fn a_join_can_be_stopped_anywhere() {
    assert!(every(join, Cut::Kill) > 20);
    assert!(every(join, Cut::Signal) > 20);
}

#[test]
fn an_end_can_be_stopped_anywhere() {
    assert!(every(leave, Cut::Kill) > 10);
    assert!(every(leave, Cut::Signal) > 10);
}

#[test]
fn a_return_can_be_stopped_anywhere() {
    assert!(every(come_back, Cut::Kill) > 4);
    assert!(every(come_back, Cut::Signal) > 4);
}
