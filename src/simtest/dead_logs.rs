//! A pod dies with rows that it never sent, and its survivors read them from its log; the run is stopped after each of its
//! statements. Every row that was acknowledged is on both survivors, and on all three when the pod comes back.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering as Atomic},
};

use super::{
    conf::Conf,
    play,
    scenario::{Ended, Life, Shape, pod},
    sim_cluster::Cut,
    writer::Style,
};
use crate::{
    attributes::ObjectOption,
    conf::Switch,
    desired::Goal,
    lab::{
        server::Generation,
        sim::{Rng, Sim},
    },
    logs::{Directory, Seen},
    plan::{ApprovalClass, Code},
};

/// The pod that dies.
const DEAD: usize = 2;

fn tail(generation: Generation) -> Life {
    let shape = Shape {
        generation,
        pods: 3,
        groups: 2,
        tables: 2,
        flush_at_end: Switch::On,
        reset_at_end: Switch::Off,
        flush_at_start: Switch::On,
        ledger: Switch::On,
    };
    let mut life = Life::new(23, shape, Conf::new(&shape, None));
    for p in 0..3 {
        let ended = life.start(p, Cut::Never);
        assert!(matches!(ended, Ended::Done), "{}", life.told(&format!("{ended:?}")));
    }
    life.write_as(DEAD, Style::Autocommit);
    life.stage.lock().pump(100_000);
    // Its senders are stopped, and it goes on committing.
    let names: Vec<_> = life.desired(Goal::Reconcile).objects_of(pod(DEAD)).map(|(_, o)| o.name.clone()).collect();
    for name in names {
        life.stage.lock().by_hand(DEAD, &format!("ALTER REPLICATION {name} STOP"));
    }
    life.write_as(DEAD, Style::Autocommit);
    life.write_as(DEAD, Style::Transactions);
    life.stage.lock().pump(400_000);
    life.kill(DEAD);
    life.stage.lock().pump(2_000_000);
    assert!(missing(&life, 0) > 20 && missing(&life, 1) > 20, "{}", life.told("nothing was left unsent"));
    named(&mut life, &Sim::log_directory(DEAD));
    life
}

/// Both survivors are told that directory; nobody looks into it.
fn named(life: &mut Life, path: &str) {
    let directory = Directory { path: path.parse().expect("a path"), seen: Seen::NotLooked };
    life.logs = (0..DEAD).map(|k| (pod(k), directory.clone())).collect();
    life.yes.insert(ApprovalClass::UnprovedLogs);
}

/// Acknowledged rows of clients of the dead pod that `on` lacks or holds otherwise.
fn missing(life: &Life, on: usize) -> usize {
    missing_of(life, DEAD, on)
}

fn missing_of(life: &Life, dead: usize, on: usize) -> usize {
    let mut inner = life.stage.lock();
    let held = inner.contents(on);
    let writers = inner.writers.iter().filter(|w| w.pod == dead);
    let lacks = |w: &super::writer::Writer| {
        let known = w.touched.iter().filter(|place| !w.doubt.contains(place));
        known.filter(|place| held.get(place) != w.rows.get(place)).count()
    };
    writers.map(lacks).sum()
}

fn all_there(life: &Life) {
    for on in 0..DEAD {
        assert_eq!(missing(life, on), 0, "{}", life.told(&format!("pod {on} lacks rows of the dead pod")));
    }
}

/// What the survivors hold towards the dead pod has no OFFLINE any more.
fn as_before(life: &Life) {
    let desired = life.desired(Goal::Reconcile);
    let observed = life.observe(&desired);
    for k in 0..DEAD {
        for object in desired.objects_between(pod(k), pod(DEAD)) {
            let found = observed.replication(pod(k), &object.name).expect("it is there");
            assert_eq!(found.options & ObjectOption::Offline.bit(), 0, "{}", life.told("OFFLINE is left"));
            assert!(found.position.is_live(), "{}", life.told("a position is gone"));
        }
    }
    life.stage.lock().pump(2_000);
}

/// Plays it with a cut after 1, 2, 3 .. statements until it runs to its end; `then` is what follows a run that was cut.
fn every(generation: Generation, cut: fn(u64) -> Cut, then: fn(&mut Life)) -> u64 {
    for n in 1..200 {
        let mut life = tail(generation);
        let ended = life.run(Goal::RecoverLog(pod(DEAD)), cut(n));
        let over = matches!(ended, Ended::Done);
        assert!(over || matches!(ended, Ended::Incomplete(_)), "{n} {}", life.told(&format!("{ended:?}")));
        if !over {
            then(&mut life);
        }
        all_there(&life);
        as_before(&life);
        life.logs.clear();
        let reached = life.settle(&BTreeSet::new());
        assert_eq!(reached.len(), 3, "{}", life.told(&format!("cut {n}: some pod was refused")));
        if over {
            return n;
        }
    }
    panic!("it never runs to its end")
}

/// The same command again.
fn again(life: &mut Life) {
    let ended = life.run(Goal::RecoverLog(pod(DEAD)), Cut::Never);
    assert!(matches!(ended, Ended::Done), "{}", life.told(&format!("{ended:?}")));
}

/// Somebody brings the pods back to the file first.
fn reconciled_and_again(life: &mut Life) {
    let ended = life.reconcile(Cut::Never);
    assert!(matches!(ended, Ended::Done | Ended::Nothing), "{}", life.told(&format!("{ended:?}")));
    as_before(life);
    again(life);
}

#[test]
fn a_recovery_of_a_log_can_be_stopped_anywhere() {
    assert!(every(Generation::V7_2, Cut::Kill, again) > 15);
    assert!(every(Generation::V2018, Cut::Signal, again) > 15);
}

#[test]
fn what_a_killed_recovery_of_a_log_leaves_is_taken_off() {
    assert!(every(Generation::V7_2, Cut::Kill, reconciled_and_again) > 15);
}

/// A server that boots anew has forgotten what it needs to read the log; the other survivor has read it, and the dead pod sends
/// the rest when it comes back.
#[test]
fn a_survivor_may_die_at_any_statement() {
    for n in 1..60 {
        for dies in 0..DEAD {
            let mut life = tail(Generation::V7_2);
            let ended = life.run(Goal::RecoverLog(pod(DEAD)), Cut::PodDies(n, dies));
            if matches!(ended, Ended::Done) {
                assert!(n > 10, "{}", life.told("it did nothing"));
                return;
            }
            assert!(matches!(ended, Ended::Incomplete(_)), "{n} {}", life.told(&format!("{ended:?}")));
            assert_eq!(missing(&life, 1 - dies), 0, "{}", life.told("the other one lacks rows"));
            life.logs.clear();
            let reached = life.settle(&BTreeSet::new());
            assert_eq!(reached.len(), 3, "{}", life.told(&format!("{n}: some pod was refused")));
        }
    }
    panic!("it never runs to its end")
}

/// The dead pod comes back although the log was read in part, and nobody reads on: it sends the rest itself, what was delivered
/// is skipped, and what the run left is taken off once both are in service.
#[test]
fn a_pod_comes_back_after_any_statement() {
    for n in 1..60 {
        let mut life = tail(Generation::V7_2);
        let ended = life.run(Goal::RecoverLog(pod(DEAD)), Cut::Kill(n));
        life.logs.clear();
        let reached = life.settle(&BTreeSet::new());
        assert_eq!(reached.len(), 3, "{}", life.told(&format!("{n}: some pod was refused")));
        let brought = life.reconcile(Cut::Never);
        assert!(matches!(brought, Ended::Done | Ended::Nothing), "{}", life.told(&format!("{brought:?}")));
        as_before(&life);
        if matches!(ended, Ended::Done) {
            assert!(n > 15, "{}", life.told("it did nothing"));
            return;
        }
    }
    panic!("it never runs to its end")
}

/// Cases in which a survivor lacked rows of the dead pod.
static UNSENT: AtomicUsize = AtomicUsize::new(0);

/// Any pod dies in any world, with any of its senders stopped, beside writers; some survivors read its log, the run meets
/// something, is run again or not, and the dead pod comes back or never does.
fn case(seed: u64) {
    let mut rng = Rng::new(seed.wrapping_mul(0x9e37_79b9).wrapping_add(17));
    let pods = 2 + usize::try_from(rng.below(3)).unwrap_or(0);
    let shape = Shape {
        generation: if rng.percent(50) { Generation::V7_2 } else { Generation::V2018 },
        pods: u8::try_from(pods).unwrap_or(2),
        groups: 1 + u8::try_from(rng.below(2)).unwrap_or(0),
        tables: 2,
        flush_at_end: Switch::On,
        reset_at_end: Switch::Off,
        flush_at_start: Switch::On,
        ledger: Switch::On,
    };
    let mut life = Life::new(seed, shape, Conf::new(&shape, None));
    for p in 0..pods {
        let ended = life.start(p, Cut::Never);
        assert!(matches!(ended, Ended::Done), "{}", life.told(&format!("{ended:?}")));
        life.write(p);
    }
    let dead = usize::try_from(rng.below(pods as u64)).unwrap_or(0);
    let names: Vec<_> = life.desired(Goal::Reconcile).objects_of(pod(dead)).map(|(_, o)| o.name.clone()).collect();
    for name in names.into_iter().filter(|_| rng.percent(80)) {
        life.stage.lock().by_hand(dead, &format!("ALTER REPLICATION {name} STOP"));
    }
    for _ in 0..=rng.below(3) {
        life.write(dead);
    }
    let micros = 50_000 + rng.below(700_000);
    life.stage.lock().pump(micros);
    life.kill(dead);
    life.stage.lock().pump(2_000_000);

    let survivors: Vec<usize> = (0..pods).filter(|k| *k != dead).collect();
    let directory = Directory { path: Sim::log_directory(dead).parse().expect("a path"), seen: Seen::NotLooked };
    let mut readers: BTreeSet<usize> = survivors.iter().copied().filter(|_| rng.percent(85)).collect();
    readers.insert(survivors[0]);
    life.logs = readers.iter().map(|k| (pod(*k), directory.clone())).collect();
    if readers.iter().any(|k| missing_of(&life, dead, *k) > 0) {
        UNSENT.fetch_add(1, Atomic::AcqRel);
    }
    let n = 1 + rng.below(24);
    let cut = match rng.below(4) {
        0 => Cut::Never,
        1 => Cut::Kill(n),
        2 => Cut::Signal(n),
        _ => Cut::PodDies(n, survivors[usize::try_from(rng.below(survivors.len() as u64)).unwrap_or(0)]),
    };
    for k in survivors.iter().filter(|_| rng.percent(50)) {
        life.write(*k);
    }
    let goal = Goal::RecoverLog(pod(dead));
    let mut ended = life.run(goal, cut);
    if matches!(ended, Ended::Incomplete(_)) && !matches!(cut, Cut::PodDies(..)) {
        if rng.percent(30) {
            life.reconcile(Cut::Never);
        }
        ended = life.run(goal, Cut::Never);
        assert!(matches!(ended, Ended::Done), "{}", life.told(&format!("{ended:?}")));
    }
    assert!(matches!(ended, Ended::Done | Ended::Incomplete(_)), "{}", life.told(&format!("{ended:?}")));
    if matches!(ended, Ended::Done) {
        life.stage.lock().pump(1_000_000);
        for k in &readers {
            assert_eq!(missing_of(&life, dead, *k), 0, "{}", life.told(&format!("pod {k} lacks rows of pod {dead}")));
        }
    }
    life.logs.clear();
    // For ever only where nobody is left without its rows, and never pod 0.
    let all_up = !matches!(cut, Cut::PodDies(..));
    let whole = matches!(ended, Ended::Done) && all_up && readers.len() == survivors.len();
    let stays = whole && dead != 0 && rng.percent(40);
    let absent: BTreeSet<usize> = stays.then_some(dead).into_iter().collect();
    if stays {
        life.yes.extend([ApprovalClass::MemberDown, ApprovalClass::LosesUnsent]);
        let forgotten = life.run(Goal::Forget(pod(dead)), Cut::Never);
        assert!(matches!(forgotten, Ended::Done), "{}", life.told(&format!("{forgotten:?}")));
        for k in &survivors {
            assert_eq!(missing_of(&life, dead, *k), 0, "{}", life.told(&format!("pod {k} lacks rows of pod {dead}")));
        }
    }
    life.joined.retain(|p| !absent.contains(p));
    let reached = life.settle(&absent);
    assert_eq!(reached.len(), pods - absent.len(), "{}", life.told("some pod was refused"));
}

#[test]
fn logs_of_dead_pods_lose_nothing() {
    play("dead-logs", 60, case);
    // Else it would show nothing.
    let unsent = UNSENT.load(Atomic::Acquire);
    assert!(std::env::var_os("AKU_SEED").is_some() || unsent > 20, "rows were unsent in {unsent} cases only");
}

/// The server would take it without a word.
#[test]
fn another_pods_log_is_refused() {
    let mut life = tail(Generation::V7_2);
    for k in 0..DEAD {
        named(&mut life, &Sim::log_directory(k));
        match life.run(Goal::RecoverLog(pod(DEAD)), Cut::Never) {
            Ended::Refused(r) => assert!(r.because.iter().all(|b| b.code == Code::OtherLogs), "{r:?}"),
            other => panic!("{}", life.told(&format!("{other:?}"))),
        }
    }
}

/// A pod that comes back by itself, read or not, and a life in which its log was read and it never comes back: nothing that
/// was acknowledged is lost when it is forgotten then.
#[test]
fn a_pod_whose_log_was_read_can_be_forgotten_without_loss() {
    let mut life = tail(Generation::V7_2);
    again(&mut life);
    all_there(&life);
    life.yes.insert(ApprovalClass::LosesUnsent);
    let ended = life.run(Goal::Forget(pod(DEAD)), Cut::Never);
    assert!(matches!(ended, Ended::Done), "{}", life.told(&format!("{ended:?}")));
    all_there(&life);
}
