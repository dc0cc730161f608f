//! The anchor of an EAGER object: the lock around START and STOP, in every state, with each thing that can go wrong.

use super::*;
use crate::apply::testing::Then;

const WHOLE: [&str; 5] = [
    "1 LOCK TABLE SYS.T1 IN SHARE MODE WAIT 1",
    "1 LOCK TABLE SYS.T2 IN SHARE MODE NOWAIT",
    "1 R_01 START",
    "1 R_01 STOP",
    "1 COMMIT",
];
const FORGOTTEN: &str = "1 R_01 RESET";

fn anchor() -> Op {
    Op::Anchor { name: name("R_01"), peer: pod(0), targets: targets(), lock_s: 1, held_s: 4 }
}

fn eager() -> Stage {
    let stage = Stage::new(2);
    stage.cluster.world().object(1, "R_01").eager = true;
    stage
}

/// Sender, IS_STARTED and whether it has a position.
fn state(stage: &Stage) -> (bool, bool, bool) {
    let mut world = stage.cluster.world();
    let object = world.object(1, "R_01");
    (object.sender, object.is_started, object.xsn != -1)
}

const ANCHORED: (bool, bool, bool) = (false, false, true);
const NOTHING: (bool, bool, bool) = (false, false, false);

#[test]
fn start_and_stop_lie_between_the_locks_and_their_end() {
    let stage = eager();
    assert!(stage.word(anchor()).starts_with("done: keeps log from SN"));
    assert_eq!(stage.changes(), WHOLE);
    assert_eq!(state(&stage), ANCHORED);
    let all = stage.cluster.world().changes.clone();
    let said = anchor().statements().iter().map(|s| (1, s.to_string())).collect::<Vec<_>>();
    assert_eq!(all, said, "what a reviewer reads is what is sent");
}

#[test]
fn a_position_that_is_there_is_not_an_anchor() {
    for (sender, is_started, xsn) in [(false, false, 50), (true, true, 50), (false, true, 50), (true, false, -1)] {
        let stage = eager();
        {
            let mut world = stage.cluster.world();
            let object = world.object(1, "R_01");
            (object.sender, object.is_started, object.xsn) = (sender, is_started, xsn);
        }
        assert_eq!(stage.word(anchor()), "failed E117", "{sender} {is_started} {xsn}");
        assert!(stage.changes().is_empty());
    }
}

/// A long transaction of a user: nobody waits longer for us than a second, nothing is held while we wait, and it is tried
/// again.
#[test]
fn a_lock_that_is_not_had_puts_it_off() {
    let stage = eager();
    stage.cluster.rule(1, "LOCK TABLE SYS.T2", Then::Refuse(69_749));
    assert!(stage.word(anchor()).starts_with("done: keeps log from SN"));
    let [waits, at_once] = ["1 LOCK TABLE SYS.T2 IN SHARE MODE WAIT 1", "1 LOCK TABLE SYS.T1 IN SHARE MODE NOWAIT"];
    let sent = stage.changes();
    assert_eq!(sent, [WHOLE[0], "1 ROLLBACK", waits, at_once, WHOLE[2], WHOLE[3], WHOLE[4]]);
    let stage = eager();
    for _ in 0..10_000 {
        stage.cluster.rule(1, "LOCK TABLE SYS.T1", Then::Refuse(69_749));
    }
    assert_eq!(stage.word(anchor()), "failed E141");
    assert!(!stage.changes().iter().any(|s| s.contains("START")), "{:?}", stage.changes());
    assert_eq!(state(&stage), NOTHING);
}

#[test]
fn receivers_that_give_up_sooner_bar_the_lock() {
    for seconds in [Some(4), Some(0), None] {
        let stage = eager();
        {
            let mut world = stage.cluster.world();
            let properties = &mut world.pod(1).properties;
            match seconds {
                Some(s) => drop(properties.insert("REPLICATION_LOCK_TIMEOUT", s)),
                None => drop(properties.remove("REPLICATION_LOCK_TIMEOUT")),
            }
        }
        assert_eq!(stage.word(anchor()), "failed E134", "{seconds:?}");
        assert!(stage.changes().is_empty());
    }
}

/// The session that locks is gone before the STOP has returned: nobody knows what was committed in between.
#[test]
fn a_lock_that_was_lost_is_not_trusted() {
    let stage = eager();
    stage.cluster.rule(1, "COMMIT", Then::LoseBefore);
    assert!(stage.word(anchor()).starts_with("done: keeps log from SN"));
    let sent = stage.changes();
    assert_eq!(sent[..5], [WHOLE[0], WHOLE[1], WHOLE[2], WHOLE[3], FORGOTTEN]);
    assert_eq!(sent[5..], WHOLE);
    assert_eq!(state(&stage), ANCHORED);
    let stage = eager();
    for _ in 0..3 {
        stage.cluster.rule(1, "COMMIT", Then::LoseBefore);
    }
    assert_eq!(stage.word(anchor()), "failed E119");
    assert_eq!(state(&stage), NOTHING);
}

/// START takes longer than anybody may wait: the lock is let go, and what came of the START is forgotten.
#[test]
fn nobody_waits_for_longer_than_the_bound() {
    let stage = eager();
    for _ in 0..3 {
        stage.cluster.rule(1, "ALTER REPLICATION R_01 START", Then::Hang(Duration::from_millis(100)));
    }
    assert_eq!(stage.word(anchor()), "failed E119");
    // Users first, then the START is cancelled, and whatever came of it is stopped.
    let once = [WHOLE[0], WHOLE[1], WHOLE[4], WHOLE[3]];
    assert_eq!(stage.changes(), [once, once, once].concat());
    assert_eq!(state(&stage), NOTHING);
}

#[test]
fn a_lost_answer_is_looked_into_and_all_is_done_again() {
    for text in ["ALTER REPLICATION R_01 START", "ALTER REPLICATION R_01 STOP"] {
        for then in [Then::LoseBefore, Then::LoseAfter] {
            let before = matches!(then, Then::LoseBefore);
            let stage = eager();
            stage.cluster.rule(1, text, then);
            assert!(stage.word(anchor()).starts_with("done"), "{text} {before}");
            assert_eq!(state(&stage), ANCHORED, "{text} {before}");
            let sent = stage.changes();
            assert_eq!(sent[sent.len() - 5..], WHOLE, "{text} {before}: {sent:?}");
        }
    }
}

#[test]
fn a_peer_that_cannot_be_reached_leaves_nothing_and_no_lock() {
    let stage = eager();
    stage.cluster.world().object(1, "R_01").refused = true;
    assert_eq!(stage.word(anchor()), "failed E120");
    assert_eq!(state(&stage), NOTHING);
    let sent = stage.changes();
    assert_eq!(sent.iter().filter(|s| s.contains("COMMIT")).count(), 3, "{sent:?}");
}

/// The wish to stop comes between START and STOP: the STOP is sent, and the undo forgets the position.
#[test]
fn a_signal_leaves_no_sender_behind() {
    let mut stage = eager();
    stage.context.limits.grace = Duration::ZERO;
    let stop = stage.stop.clone();
    let raise = move |_: &mut ScriptedPods| stop.raise("SIGTERM");
    stage.cluster.rule(1, "ALTER REPLICATION R_01 START", Then::First(Box::new(raise)));
    let undo = act(3, 1, Op::Unpin { name: name("R_01"), peer: pod(0) }, &[2]);
    let undo = when(undo, RunWhen::Undo { armed_by: ActionId(1), until: Milestone::of([ActionId(2)]) });
    let sync = act(2, 0, Op::Drain { wait_s: 1 }, &[1]);
    let run = stage.run(vec![act(1, 1, anchor(), &[]), sync, undo]);
    assert_eq!(state(&stage), NOTHING, "{:?}: {:?}", run.words(), stage.changes());
    assert!(stage.changes()[..4].ends_with(&[WHOLE[2].to_owned(), WHOLE[3].to_owned()]), "{:?}", stage.changes());
}

/// While the lock is waited for nothing is lost by stopping, so nobody waits for the end of the grace.
#[test]
fn a_signal_ends_the_wait_for_the_lock() {
    let stage = eager();
    let stop = stage.stop.clone();
    let raise = move |_: &mut ScriptedPods| stop.raise("SIGTERM");
    stage.cluster.rule(1, "LOCK TABLE SYS.T2", Then::First(Box::new(raise)));
    let run = stage.run(vec![act(1, 1, anchor(), &[])]);
    assert_eq!(run.words(), ["failed E106"]);
    assert_eq!(stage.changes(), WHOLE[..2], "the lock goes with its session");
    assert_eq!(state(&stage), NOTHING);
}

/// The grace is over while STOP is under way: a sender that is left started would make users' commits fail.
#[test]
fn the_stop_is_not_cancelled_when_the_grace_is_over() {
    let mut stage = eager();
    stage.context.limits.grace = Duration::ZERO;
    let stop = stage.stop.clone();
    let raise = move |_: &mut ScriptedPods| stop.raise("SIGTERM");
    stage.cluster.rule(1, "ALTER REPLICATION R_01 START", Then::First(Box::new(raise)));
    // It takes so long that the engine looks several times at what it would cancel.
    let slow = |_: &mut ScriptedPods, round: u32| round >= 100;
    stage.cluster.rule(1, "ALTER REPLICATION R_01 STOP", Then::Until(Box::new(slow)));
    let run = stage.run(vec![act(1, 1, anchor(), &[])]);
    assert!(!state(&stage).0 && !state(&stage).1, "{:?}: {:?}", run.words(), stage.changes());
    assert_eq!(stage.changes()[..4], WHOLE[..4], "{:?}", run.words());
}

/// Somebody starts the object while the lock is waited for: his position is no anchor, and is not taken back.
#[test]
fn a_position_that_comes_while_the_lock_is_waited_for_is_left_alone() {
    let stage = eager();
    let started = |world: &mut ScriptedPods| {
        let object = world.object(1, "R_01");
        (object.sender, object.is_started, object.xsn) = (true, true, 50);
    };
    stage.cluster.rule(1, "LOCK TABLE SYS.T2", Then::First(Box::new(started)));
    let undo = act(3, 1, Op::Unpin { name: name("R_01"), peer: pod(0) }, &[2]);
    let undo = when(undo, RunWhen::Undo { armed_by: ActionId(1), until: Milestone::of([ActionId(2)]) });
    let next = act(2, 0, Op::Drain { wait_s: 1 }, &[1]);
    let run = stage.run(vec![act(1, 1, anchor(), &[]), next, undo]);
    assert_eq!(run.words()[0], "failed E117");
    assert_eq!(stage.changes(), WHOLE[..2], "the lock goes with its session");
    assert_eq!(state(&stage), (true, true, true));
}
