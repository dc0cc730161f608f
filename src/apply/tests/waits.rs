//! Drain, FLUSH, delay, and the checks that wait.

use super::*;
use crate::apply::testing::{FakePod, Then};

fn flush() -> Op {
    Op::Flush { name: name("R_01"), peer: pod(0), wait_s: 20 }
}

fn running(stage: &Stage, on: u8) {
    let mut world = stage.cluster.world();
    let object = world.object(on, "R_01");
    (object.sender, object.is_started, object.xsn) = (true, true, 50);
}

#[test]
fn drain_waits_for_those_who_were_there_and_for_nobody_else() {
    let stage = Stage::new(2);
    assert_eq!(stage.word(Op::Drain { wait_s: 5 }), "done: 0 open transactions");
    stage.cluster.world().pod(1).writers = [7, 8].into();
    let look = "SELECT ID, SESSION_ID FROM V$TRANSACTION";
    let leave = |ids: &'static [i64]| {
        Then::First(Box::new(move |world: &mut ScriptedPods| world.pod(1).writers = ids.iter().copied().collect()))
    };
    stage.cluster.rule_after(3, 1, look, leave(&[8, 9]));
    stage.cluster.rule_after(6, 1, look, leave(&[9, 10]));
    assert_eq!(stage.word(Op::Drain { wait_s: 5 }), "done: 2 open transactions");
}

#[test]
fn drain_that_never_ends_names_the_session() {
    let stage = Stage::new(2);
    {
        let mut world = stage.cluster.world();
        let here: &mut FakePod = world.pod(1);
        let id = here.new_session("batch", false);
        here.sessions.get_mut(&id).unwrap().transaction = 7;
        here.writers = [7, 8].into();
    }
    let run = stage.run(vec![act(1, 1, Op::Drain { wait_s: 5 }, &[])]);
    assert_eq!(run.word(1), "failed E130");
    let told = run.meaning(1);
    assert!(told.contains("transaction 7 of session 1 of SYS batch from TCP 10.9.9.9:4000"), "{told}");
    assert!(told.contains("transaction 8 (no session)"), "{told}");
}

#[test]
fn drain_keeps_its_list_over_a_lost_session() {
    let stage = Stage::new(2);
    stage.cluster.world().pod(1).writers = [7].into();
    let look = "SELECT ID, SESSION_ID FROM V$TRANSACTION";
    stage.cluster.rule_after(2, 1, look, Then::LoseBefore);
    stage.cluster.rule_after(
        4,
        1,
        look,
        Then::First(Box::new(|world: &mut ScriptedPods| world.pod(1).writers = [9].into())),
    );
    assert_eq!(stage.word(Op::Drain { wait_s: 30 }), "done: 1 open transaction");
}

#[test]
fn flush_tells_what_is_left() {
    let stage = Stage::new(2);
    assert_eq!(stage.word(flush()), "failed E116");
    running(&stage, 1);
    assert_eq!(stage.word(flush()), "done");
    stage.cluster.world().pod(1).gaps.insert(name("R_01"), 42);
    let run = stage.run(vec![act(1, 1, flush(), &[])]);
    assert_eq!(run.word(1), "failed E131");
    assert!(run.meaning(1).ends_with("after 20 s V$REPGAP.REP_GAP of R_01 is 42"), "{}", run.meaning(1));
    assert_eq!(stage.changes().last().map(String::as_str), Some("1 R_01 FLUSH WAIT 20"));
}

#[test]
fn no_session_times_out_before_its_flush() {
    let mut stage = Stage::new(2);
    running(&stage, 1);
    stage.context.login.silence_timeout = Some(Duration::from_secs(10));
    let long = Op::Flush { name: name("R_01"), peer: pod(0), wait_s: 300 };
    assert_eq!(stage.word(long), "done");
    let limit = Some(Duration::from_secs(330));
    assert_eq!(stage.cluster.world().pod(1).logins, [(Privilege::Normal, limit, limit)]);
}

#[test]
fn a_drain_waits_for_clients_and_not_for_receivers() {
    let stage = Stage::new(2);
    stage.cluster.world().pod(1).applying = [(7, 0), (8, -1)].into();
    assert_eq!(stage.word(Op::Drain { wait_s: 5 }), "done: 0 open transactions");
    stage.cluster.world().pod(1).writers = [9].into();
    let run = stage.run(vec![act(1, 1, Op::Drain { wait_s: 5 }, &[])]);
    assert_eq!(run.word(1), "failed E130");
    let told = run.meaning(1);
    assert!(
        told.contains("transaction 9") && !told.contains("transaction 7") && !told.contains("transaction 8"),
        "{told}"
    );
}

/// A pod behind its fence, with one flushed object.
fn fenced(more: impl FnOnce(&mut ScriptedPods)) -> (String, String) {
    let stage = Stage::new(2);
    running(&stage, 1);
    {
        let mut world = stage.cluster.world();
        more(&mut world);
    }
    let check = Op::CheckDelivered { names: vec![name("R_01")] };
    let run = stage.run(vec![act(1, 1, Op::Fence, &[]), act(2, 1, check, &[1])]);
    assert_eq!(run.word(1).split(':').next(), Some("done"));
    (run.word(2), if run.word(2) == "done" { String::new() } else { run.meaning(2).to_owned() })
}

type Spoil = fn(&mut ScriptedPods);

#[test]
fn what_a_flush_proved_still_holds() {
    assert_eq!(fenced(|_| {}), ("done".to_owned(), String::new()));
    // What is received is not this pod's to deliver, and moves V$REPGAP all the time.
    let busy = fenced(|world| {
        world.pod(1).applying = [(7, 0)].into();
        world.pod(1).gaps.insert(name("R_01"), 42);
    });
    assert_eq!(busy.0, "done");
    let table: [(&str, Spoil); 4] = [
        ("R_01 has no sender", |w| w.object(1, "R_01").sender = false),
        ("R_01 is not connected", |w| w.object(1, "R_01").refused = true),
        ("gave up log at 2024-01-01", |w| w.object(1, "R_01").gave_up = Some("2024-01-01")),
        ("transaction 9 has not ended", |w| w.pod(1).writers = [9].into()),
    ];
    for (words, spoil) in table {
        let (word, told) = fenced(spoil);
        assert_eq!(word, "failed E132", "{words}");
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn who_comes_after_the_flush_undoes_its_proof() {
    let check = Op::CheckDelivered { names: vec![name("R_01")] };
    let plan = || vec![act(1, 1, Op::Fence, &[]), act(2, 1, check.clone(), &[1])];
    let look = "SELECT VALUE1 FROM V$PROPERTY WHERE NAME = 'ADMIN_MODE'";
    let stage = Stage::new(2);
    running(&stage, 1);
    let open = |world: &mut ScriptedPods| {
        world.pod(1).properties.insert("ADMIN_MODE", 0);
    };
    stage.cluster.rule_after(1, 1, look, Then::First(Box::new(open)));
    let run = stage.run(plan());
    assert_eq!(
        (run.word(2).as_str(), run.meaning(2).ends_with("users are admitted again (ADMIN_MODE 0)")),
        ("failed E132", true)
    );
    // A colleague who only looks and leaves does no harm; one who stays could commit.
    for (stays, want) in [(false, "done"), (true, "failed E132")] {
        let stage = Stage::new(2);
        running(&stage, 1);
        let come = |world: &mut ScriptedPods| {
            world.pod(1).new_session("dba", true);
        };
        stage.cluster.rule_after(1, 1, look, Then::First(Box::new(come)));
        if !stays {
            let go = |world: &mut ScriptedPods| world.pod(1).sessions.retain(|_, s| s.app != "dba");
            stage.cluster.rule_after(3, 1, "SELECT ID, TRANS_ID", Then::First(Box::new(go)));
        }
        assert_eq!(stage.run(plan()).word(2), want);
    }
}

#[test]
fn quiet_means_reset_and_nobody_sending() {
    let check = || Op::CheckQuiet { names: vec![name("R_01")] };
    let stage = Stage::new(2);
    assert_eq!(stage.word(check()), "done");
    stage.cluster.world().pod(1).receivers.insert(name("R_01"));
    let run = stage.run(vec![act(1, 1, check(), &[])]);
    assert_eq!((run.word(1).as_str(), run.meaning(1).ends_with("receivers of R_01")), ("failed E133", true));
    // A receiver whose peer was killed lingers, then goes.
    stage.cluster.rule_after(
        20,
        1,
        "SELECT REP_NAME, APPLY_XSN",
        Then::First(Box::new(|world: &mut ScriptedPods| world.pod(1).receivers.clear())),
    );
    assert_eq!(stage.word(check()), "done");
    stage.cluster.world().object(1, "R_01").xsn = 77;
    let run = stage.run(vec![act(1, 1, check(), &[])]);
    assert_eq!((run.word(1).as_str(), run.meaning(1).ends_with("R_01 is at 77")), ("failed E133", true));
    assert_eq!(stage.changes(), Vec::<String>::new());
}

#[test]
fn a_delay_reports_while_it_waits() {
    let stage = Stage::new(1);
    let before = stage.cluster.clock.now();
    let run = stage.run(vec![act(1, 0, Op::Delay { seconds: 60 }, &[])]);
    assert_eq!(run.word(1), "done");
    assert!(stage.cluster.clock.now() - before >= Duration::from_secs(60));
    assert_eq!(stage.cluster.world().pod(0).logins.len(), 0);
}
