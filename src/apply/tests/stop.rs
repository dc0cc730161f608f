//! Signals, the deadline, statements that hang, panics.

use super::*;
use crate::{
    apply::{StopLevel, testing::Then},
    db::{session_keeper::SessionKeeper, setting::Setting},
    lock::{self, LockId, Wanted},
    plan::Expect,
};

fn flush(id: u32) -> Action {
    act(id, 1, Op::Flush { name: name("R_01"), peer: pod(0), wait_s: 20 }, &[])
}

fn start(id: u32, after: &[u32]) -> Action {
    act(id, 1, Op::Start { name: name("R_01"), peer: pod(0), expect: Expect::Fresh }, after)
}

fn set(id: u32, to: i64, after: &[u32]) -> Action {
    let property = Setting::SyncLockTimeout;
    act(id, 0, Op::SetProperty { property, from: 30 - to, to }, after)
}

fn running(stage: &Stage) {
    let mut world = stage.cluster.world();
    let object = world.object(1, "R_01");
    (object.sender, object.is_started, object.xsn) = (true, true, 50);
}

/// Raises the flag so often while the statement runs.
fn raising(stage: &Stage, rounds: u32, times: u32) -> Then {
    let stop = stage.stop.clone();
    let raise = move |_: &mut ScriptedPods, round| {
        if round <= times {
            stop.raise("SIGTERM");
        }
        round >= rounds
    };
    Then::Until(Box::new(raise))
}

#[test]
fn a_flush_is_cancelled_at_the_first_signal() {
    let stage = Stage::new(2);
    running(&stage);
    stage.cluster.rule(1, "ALTER REPLICATION R_01 FLUSH", raising(&stage, u32::MAX, 1));
    let stop = act(2, 1, Op::Stop { name: name("R_01"), peer: pod(0) }, &[1]);
    let run = stage.run(vec![flush(1), stop]);
    assert_eq!(run.words(), ["failed E106", "not run, A1"]);
    assert_eq!(run.report.stopped.as_deref(), Some("SIGTERM"));
    let signals = run.events.iter().filter(|e| **e == Event::Signal { name: "SIGTERM" }).count();
    assert_eq!(signals, 1);
}

#[test]
fn other_statements_finish_and_what_puts_back_still_runs() {
    let stage = Stage::new(2);
    stage.cluster.rule(1, "ALTER REPLICATION R_01 START", raising(&stage, 20, 1));
    let back = when(set(4, 30, &[3]), RunWhen::Always { armed_by: ActionId(1) });
    let never = when(set(5, 30, &[3]), RunWhen::Always { armed_by: ActionId(3) });
    let run = stage.run(vec![set(1, 0, &[]), start(2, &[1]), set(3, 5, &[2]), back, never]);
    assert_eq!(run.words(), ["done", "done", "not run", "done", "not run"]);
    assert_eq!(stage.cluster.world().pod(0).properties["REPLICATION_SYNC_LOCK_TIMEOUT"], 30);
    assert_eq!(stage.stop.level(), StopLevel::Finish);
}

/// Pin, SYNC, and the undo of the pin.
fn join() -> Vec<Action> {
    let pin = act(1, 2, Op::Pin { name: name("R_12"), peer: pod(1) }, &[]);
    let sync = act(2, 0, Op::Sync { name: name("R_01"), peer: pod(1), parallel: 1, rows: None }, &[1]);
    let undo = act(3, 2, Op::Unpin { name: name("R_12"), peer: pod(1) }, &[2]);
    let run = RunWhen::Undo { armed_by: ActionId(1), until: Milestone::of([ActionId(2)]) };
    vec![pin, sync, when(undo, run)]
}

#[test]
fn pins_are_taken_back_unless_the_copy_finished() {
    let pinned = |stage: &Stage| stage.cluster.world().object(2, "R_12").xsn != -1;
    let stage = Stage::new(3);
    let run = stage.run(join());
    assert_eq!((run.words()[1..].join(", ").as_str(), pinned(&stage)), ("done, not needed", true));
    assert!(run.report.complete());

    let stage = Stage::new(3);
    stage.cluster.rule(0, "ALTER REPLICATION R_01 SYNC", Then::Refuse(397_651));
    let run = stage.run(join());
    assert_eq!((run.words()[1..].join(", ").as_str(), pinned(&stage)), ("failed E121, done", false));

    // A signal in the middle of the copy.
    let stage = Stage::new(3);
    stage.cluster.rule(0, "ALTER REPLICATION R_01 SYNC", raising(&stage, u32::MAX, 1));
    let run = stage.run(join());
    assert_eq!((run.words()[1..].join(", ").as_str(), pinned(&stage)), ("failed E106, done", false));

    // A pin that broke in its middle is taken back too.
    let stage = Stage::new(3);
    stage.cluster.rule(2, "ALTER REPLICATION R_12 STOP", Then::Refuse(200_836));
    let run = stage.run(join());
    assert_eq!((run.words().join(", ").as_str(), pinned(&stage)), ("failed E108, not run, A1, done", false));
}

#[test]
fn what_somebody_else_made_is_not_taken_back() {
    let stage = Stage::new(3);
    {
        let mut world = stage.cluster.world();
        let object = world.object(2, "R_12");
        (object.sender, object.is_started, object.xsn) = (true, true, 50);
    }
    let run = stage.run(join());
    assert_eq!(run.words(), ["failed E117", "not run, A1", "not run, A1"]);
    assert_eq!(stage.changes(), Vec::<String>::new());
}

#[test]
fn a_stuck_statement_is_left_alone_at_the_second_signal() {
    let stage = Stage::new(2);
    stage.cluster.rule(1, "ALTER REPLICATION R_01 START", Then::Stuck);
    let back = when(set(3, 30, &[2]), RunWhen::Always { armed_by: ActionId(1) });
    let stop = stage.stop.clone();
    let run = stage.run_plan(&plan(vec![set(1, 0, &[]), start(2, &[1]), back]), |event| {
        if *event == (Event::ActionStart { id: ActionId(2) }) {
            stop.raise("SIGINT");
            stop.raise("SIGTERM");
        }
    });
    // It came back while the statement is still stuck.
    assert!(!stage.cluster.release.load(std::sync::atomic::Ordering::Acquire));
    assert!(run.word(2) == "unknown E107" || run.word(2) == "failed E106", "{}", run.word(2));
    assert_eq!((run.word(1).as_str(), run.word(3).as_str()), ("done", "not run"));
    assert_eq!(run.report.stopped.as_deref(), Some("SIGINT, SIGTERM"));
    stage.cluster.release.store(true, std::sync::atomic::Ordering::Release);
}

#[test]
fn an_aborted_statement_is_unknown() {
    let stage = Stage::new(2);
    stage.cluster.rule(1, "ALTER REPLICATION R_01 START", raising(&stage, u32::MAX, 2));
    let run = stage.run(vec![start(1, &[])]);
    assert_eq!(run.words(), ["unknown E106"]);
}

#[test]
fn a_statement_beyond_every_bound_is_left_alone_and_the_pod_goes_on() {
    let mut stage = Stage::new(2);
    stage.context.limits.progress = Duration::ZERO;
    stage.context.limits.lanes = 1;
    stage.cluster.rule(1, "ALTER REPLICATION R_01 START", Then::Stuck);
    let property = Setting::DdlEnable;
    let other = act(2, 1, Op::SetProperty { property, from: 1, to: 0 }, &[]);
    let clock = Arc::clone(&stage.cluster.clock);
    let run = stage.run_plan(&plan(vec![start(1, &[]), other]), |event| {
        if matches!(event, Event::Progress { .. }) {
            clock.sleep(Duration::from_secs(5));
        }
    });
    assert_eq!(run.words(), ["unknown E107", "done"]);
    stage.cluster.release.store(true, std::sync::atomic::Ordering::Release);
}

#[test]
fn the_deadline_ends_waits_and_begins_nothing_but_what_puts_back() {
    let mut stage = Stage::new(2);
    stage.context.deadline = Some(stage.cluster.clock.now() + Duration::from_secs(30));
    running(&stage);
    stage.cluster.rule(1, "ALTER REPLICATION R_01 FLUSH", Then::Hang(Duration::from_millis(10)));
    let waits = Action { after: start(0, &[1]).after, ..flush(2) };
    let back = when(set(4, 30, &[3]), RunWhen::Always { armed_by: ActionId(1) });
    let run = stage.run(vec![set(1, 0, &[]), waits, start(3, &[2]), back, start(5, &[1]), start(6, &[2])]);
    assert_eq!(run.words(), ["done", "failed E106", "not run, A2", "done", "already", "not run, A2"]);
    assert_eq!(run.report.stopped.as_deref(), Some("the deadline passed"));

    let mut stage = Stage::new(2);
    stage.context.deadline = Some(stage.cluster.clock.now());
    let run = stage.run(vec![start(1, &[])]);
    assert_eq!(run.words(), ["not run"]);
    assert_eq!(stage.cluster.world().pod(1).logins.len(), 0);
}

#[test]
fn what_cannot_be_over_before_the_deadline_is_not_begun() {
    for (seconds, words) in [(60, ["done", "not run", "not run", "done"]), (20, ["done", "done", "done", "done"])] {
        let mut stage = Stage::new(2);
        stage.context.deadline = Some(stage.cluster.clock.now() + Duration::from_secs(30));
        let delay = act(2, 1, Op::Delay { seconds }, &[1]);
        let back = when(set(4, 30, &[3]), RunWhen::Always { armed_by: ActionId(1) });
        let run = stage.run(vec![set(1, 0, &[]), delay, start(3, &[2]), back]);
        assert_eq!(run.words(), words);
        let told = format!("{:?}", run.report.outcomes);
        assert!(!told.contains("circle"), "{told}");
        assert_eq!(run.report.stopped.is_some(), seconds == 60, "{:?}", run.report.stopped);
    }
}

#[test]
fn a_statement_that_outlasts_the_grace_is_cancelled_and_what_puts_back_runs() {
    let mut stage = Stage::new(2);
    stage.context.limits.grace = Duration::from_secs(3);
    let stop = stage.stop.clone();
    let clock = Arc::clone(&stage.cluster.clock);
    // It ends only when it is cancelled, and that is not before the grace is over.
    let began = clock.now();
    let hang = move |_: &mut ScriptedPods, round| {
        if round == 1 {
            stop.raise("SIGTERM");
        }
        clock.sleep(Duration::from_millis(100));
        false
    };
    stage.cluster.rule(1, "ALTER REPLICATION R_01 START", Then::Until(Box::new(hang)));
    let back = when(set(3, 30, &[2]), RunWhen::Always { armed_by: ActionId(1) });
    let run = stage.run(vec![set(1, 0, &[]), start(2, &[1]), back]);
    assert_eq!(run.words(), ["done", "failed E106", "done"]);
    assert!(stage.cluster.clock.now() >= began + Duration::from_secs(3));
}

#[test]
fn a_lost_lock_begins_nothing_but_what_puts_back() {
    let mut stage = Stage::new(2);
    let connector = Arc::new(FakeConnector(Arc::clone(&stage.cluster)));
    let app = "aku lock 20261121T121044Z-1f3a9c start pod 1 pid 7 on here".parse().unwrap();
    let wanted = Wanted {
        id: LockId::of("a", "b"),
        pods: vec![pod(0), pod(1)],
        own: pod(1),
        app,
        connect_timeout: Duration::from_secs(1),
        patience: Duration::ZERO,
    };
    let held = Arc::new(lock::acquire(&Arc::new(SessionKeeper::new(connector)), &wanted, &mut |_| {}).unwrap());
    stage.context.lock = Some(Arc::clone(&held));
    let session = held.session(pod(0)).unwrap();
    let lose = move |world: &mut ScriptedPods, round| {
        if round == 1 {
            world.pod(0).end_session(session);
        }
        held.lost().is_some()
    };
    stage.cluster.rule(1, "ALTER REPLICATION R_01 START", Then::Until(Box::new(lose)));
    let back = when(set(3, 30, &[2]), RunWhen::Always { armed_by: ActionId(1) });
    let run = stage.run(vec![set(1, 0, &[]), start(2, &[1]), back, start(4, &[2])]);
    assert_eq!(run.words(), ["done", "done", "done", "not run"]);
    assert!(run.report.stopped.unwrap().contains("the lock on pod 0 was lost"));
}

#[test]
fn a_signal_before_the_run_begins_nothing() {
    let stage = Stage::new(2);
    stage.stop.raise("SIGHUP");
    let run = stage.run(vec![start(1, &[]), start(2, &[1])]);
    assert_eq!(run.words(), ["not run", "not run"]);
    assert_eq!(stage.cluster.world().pod(1).logins.len(), 0);
}

#[test]
fn a_panic_is_a_failure_and_the_rest_goes_on() {
    let stage = Stage::new(2);
    stage.cluster.rule(1, "ALTER REPLICATION R_01 START", Then::Panic);
    let run = stage.run(vec![start(1, &[]), set(2, 0, &[]), set(3, 7, &[1]), set(4, 30, &[2])]);
    assert_eq!(run.words(), ["failed E100", "done", "not run, A1", "done"]);
    assert!(run.meaning(1).ends_with("scripted panic"), "{}", run.meaning(1));
}
