//! SYNC: sent once, watched, cancelled when it stands still, never repeated once rows may have been copied.

use std::sync::atomic::Ordering;

use super::*;
use crate::apply::testing::Then;

const SYNC: &str = "ALTER REPLICATION R_01 SYNC";

fn sync(after: &[u32]) -> Action {
    act(1, 0, Op::Sync { name: name("R_01"), peer: pod(1), parallel: 2, rows: Some(20) }, after)
}

fn copied(world: &mut ScriptedPods, rows: i64) {
    world.pod(0).syncing.insert(name("R_01"), rows);
}

#[test]
fn a_copy_runs_without_time_limits() {
    let stage = Stage::new(2);
    assert_eq!(stage.run(vec![sync(&[])]).word(1), "done");
    assert_eq!(stage.changes(), ["0 R_01 SYNC PARALLEL 2"]);
    let mut world = stage.cluster.world();
    assert_eq!(world.pod(1).rows[&target("T1")], 10);
    // The second session is the copy's own.
    assert_eq!(world.pod(0).logins.last(), Some(&(Privilege::Normal, None, None)));
    assert!(world.changes.iter().any(|(_, sql)| sql == "ALTER SESSION SET QUERY_TIMEOUT = 0"));
}

#[test]
fn a_copy_begins_only_from_a_reset_side() {
    for (sender, xsn, want) in [(true, 50, "failed E112"), (false, 50, "failed E123")] {
        let stage = Stage::new(2);
        {
            let mut world = stage.cluster.world();
            let object = world.object(0, "R_01");
            (object.sender, object.xsn) = (sender, xsn);
        }
        assert_eq!(stage.run(vec![sync(&[])]).word(1), want);
        assert_eq!(stage.changes(), Vec::<String>::new());
    }
}

#[test]
fn a_slow_copy_is_let_finish_and_reports() {
    let stage = Stage::new(2);
    let clock = Arc::clone(&stage.cluster.clock);
    let (mut rows, mut looks) = (0, 0);
    // A row a minute, and time passes only when somebody has looked.
    let copy = move |world: &mut ScriptedPods, round| {
        let now = world.pod(0).sync_looks.load(Ordering::Acquire);
        if round == 1 || now > looks {
            (rows, looks) = (rows + 1, now);
            copied(world, rows);
            clock.sleep(Duration::from_secs(60));
        }
        rows == 30
    };
    stage.cluster.rule(0, SYNC, Then::Until(Box::new(copy)));
    let run = stage.run(vec![sync(&[])]);
    assert_eq!(run.word(1), "done");
    let seen = run.events.iter().filter(|e| matches!(e, Event::Progress { rows: Some((_, Some(20))), .. })).count();
    assert!(seen > 3, "{:?}", run.events);
}

#[test]
fn a_copy_that_stands_still_is_cancelled() {
    let mut stage = Stage::new(2);
    stage.context.limits.cancel = Duration::from_secs(100_000);
    copied(&mut stage.cluster.world(), 7);
    stage.cluster.rule(0, SYNC, Then::Hang(Duration::from_secs(1)));
    let run = stage.run(vec![sync(&[])]);
    assert_eq!(run.word(1), "failed E122");
    assert!(run.meaning(1).ends_with("for 120 s, after 7 rows"), "{}", run.meaning(1));
}

#[test]
fn a_copy_that_cannot_be_cancelled_is_left_alone() {
    let mut stage = Stage::new(2);
    stage.context.limits.progress = Duration::ZERO;
    stage.cluster.rule(0, SYNC, Then::Stuck);
    let clock = Arc::clone(&stage.cluster.clock);
    let run = stage.run_plan(&plan(vec![sync(&[])]), |event| {
        if matches!(event, Event::Progress { .. }) {
            clock.sleep(Duration::from_secs(5));
        }
    });
    assert_eq!(run.word(1), "unknown E107");
    stage.cluster.release.store(true, Ordering::Release);
}

#[test]
fn a_failed_copy_is_not_sent_again() {
    for native in [397_651, 69_749, 397_328] {
        let stage = Stage::new(2);
        stage.cluster.rule(0, SYNC, Then::Refuse(native));
        let run = stage.run(vec![sync(&[])]);
        assert!(run.word(1).starts_with("failed"), "{native}");
        assert!(stage.changes().is_empty() && !run.events.iter().any(|e| matches!(e, Event::Retry { .. })));
    }
    let stage = Stage::new(2);
    stage.cluster.world().pod(1).rows.insert(target("T1"), 1);
    assert_eq!(stage.run(vec![sync(&[])]).word(1), "failed E121");
    assert_eq!(stage.changes().len(), 1);
}

#[test]
fn a_handshake_that_failed_copied_nothing_and_is_tried_again() {
    let stage = Stage::new(2);
    stage.cluster.rule(0, SYNC, Then::Refuse(397_325));
    assert_eq!(stage.run(vec![sync(&[])]).word(1), "done");
}

#[test]
fn after_a_lost_answer_the_pod_decides() {
    let table: [(Then, &str); 3] = [
        (Then::LoseAfter, "done: the answer was lost; the pod shows that the copy finished"),
        (Then::LoseBefore, "failed E121"),
        (
            // The server has not noticed that nobody listens, and never does.
            Then::First(Box::new(|world| world.object(0, "R_01").sender = true)),
            "failed E112",
        ),
    ];
    for (then, want) in table {
        let stage = Stage::new(2);
        stage.cluster.rule(0, SYNC, then);
        assert_eq!(stage.run(vec![sync(&[])]).word(1), want);
        assert!(stage.changes().len() <= 1, "{want}");
    }
    let stage = Stage::new(2);
    stage.cluster.rule(0, SYNC, Then::LoseBefore);
    let still_copying = |world: &mut ScriptedPods| world.object(0, "R_01").sender = true;
    stage.cluster.rule_after(1, 0, "SELECT REP_NAME, START_FLAG", Then::First(Box::new(still_copying)));
    assert_eq!(stage.run(vec![sync(&[])]).word(1), "unknown E105");
}

#[test]
fn copies_of_several_groups_run_side_by_side() {
    let stage = Stage::new(2);
    {
        let mut world = stage.cluster.world();
        for on in [0, 1] {
            let object = Object::new("10.0.0.9", &[target("T3")]);
            world.pod(on).objects.insert(name("S_01"), object);
            world.pod(on).rows.insert(target("T3"), 0);
        }
    }
    let met = Arc::default();
    for text in [SYNC, "ALTER REPLICATION S_01 SYNC"] {
        stage.cluster.rule(0, text, Then::Meet(Arc::clone(&met), 2));
    }
    let second = act(2, 0, Op::Sync { name: name("S_01"), peer: pod(1), parallel: 1, rows: None }, &[]);
    let run = stage.run(vec![sync(&[]), second]);
    assert_eq!(run.words(), ["done", "done"]);
}
