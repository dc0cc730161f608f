//! The fence: everybody else is out, the run's own sessions are spared.

use std::sync::atomic::{AtomicBool, Ordering as Atomic};

use super::*;
use crate::{
    apply::testing::{FakePod, Then},
    db::ConnectFailure,
};

/// Pod 2 of 3 with senders to both others and two clients.
fn stage() -> Stage {
    let stage = Stage::new(3);
    {
        let mut world = stage.cluster.world();
        for r in ["R_02", "R_12"] {
            let object = world.object(2, r);
            (object.sender, object.is_started, object.xsn) = (true, true, 50);
        }
        let here = world.pod(2);
        here.new_session("shop", false);
        here.new_session("isql", true);
    }
    stage
}

fn flush(id: u32, r: &str, to: u8) -> Action {
    let op = Op::Flush { name: name(r), peer: pod(to), wait_s: 20 };
    act(id, 2, op, &[1])
}

fn end() -> Vec<Action> {
    vec![act(1, 2, Op::Fence, &[]), flush(2, "R_02", 0), flush(3, "R_12", 1)]
}

#[test]
fn everybody_else_is_closed_and_the_run_goes_on() {
    let stage = stage();
    let run = stage.run(end());
    assert_eq!(run.words(), ["done: 2 sessions closed", "done", "done"]);
    let changes = stage.changes();
    assert_eq!(
        changes[..3],
        [
            "2 ALTER SYSTEM SET ADMIN_MODE = 1",
            "2 ALTER DATABASE MYDB SESSION CLOSE 1",
            "2 ALTER DATABASE MYDB SESSION CLOSE 2"
        ]
    );
    let mut world = stage.cluster.world();
    let here = world.pod(2);
    assert_eq!(here.properties["ADMIN_MODE"], 1);
    // All sessions were open before the fence, as ordinary ones: afterwards only one SYSDBA login gets in, and that is this
    // run's, once the one that somebody had is closed.
    let logins: Vec<_> = here.logins.iter().map(|l| l.0).collect();
    assert_eq!(logins, [Privilege::Normal, Privilege::Normal, Privilege::Normal, Privilege::Sysdba]);
    assert!(here.sessions.is_empty(), "the run closes its own sessions at its end");
}

#[test]
fn a_fence_that_stands_is_left_alone() {
    let stage = Stage::new(3);
    stage.cluster.world().pod(2).properties.insert("ADMIN_MODE", 1);
    let run = stage.run(vec![act(1, 2, Op::Fence, &[])]);
    assert_eq!(run.words(), ["already"]);
    assert_eq!(stage.changes(), Vec::<String>::new());
    // Somebody came in before: he is closed.
    let stage = self::stage();
    stage.cluster.world().pod(2).sessions.remove(&2);
    stage.cluster.world().pod(2).properties.insert("ADMIN_MODE", 1);
    let run = stage.run(vec![act(1, 2, Op::Fence, &[])]);
    assert_eq!(run.words(), ["done: ADMIN_MODE was 1 already, 1 closed"]);
}

#[test]
fn only_sessions_of_users_count() {
    let stage = stage();
    for login in stage.cluster.world().pod(2).sessions.values_mut() {
        (login.user, login.sysdba) = (None, false);
    }
    let run = stage.run(vec![act(1, 2, Op::Fence, &[])]);
    assert_eq!(run.words(), ["done: 0 sessions closed"]);
    assert_eq!(stage.cluster.world().pod(2).sessions.len(), 2);
}

#[test]
fn a_session_that_cannot_be_closed_is_named_and_nothing_follows() {
    let stage = stage();
    stage.cluster.world().pod(2).sticky.insert(1);
    let run = stage.run(end());
    assert_eq!(run.words(), ["failed E151", "not run, A1", "not run, A1"]);
    assert!(run.meaning(1).ends_with("session 1 of SYS shop from TCP 10.9.9.9:4000"), "{}", run.meaning(1));
    let Outcome::Failed(error) = &run.report.outcomes[&ActionId(1)] else { unreachable!() };
    assert_eq!(error.error.as_ref().map(|e| e.native), Some(266_364));
    // It stays fenced.
    assert_eq!(stage.cluster.world().pod(2).properties["ADMIN_MODE"], 1);
}

#[test]
fn somebody_who_slips_in_is_closed_too() {
    let stage = stage();
    let login = |world: &mut ScriptedPods| {
        let here: &mut FakePod = world.pod(2);
        here.new_session("late", false);
    };
    stage.cluster.rule_after(1, 2, "SELECT ID, TRANS_ID", Then::First(Box::new(login)));
    let run = stage.run(vec![act(1, 2, Op::Fence, &[])]);
    assert_eq!(run.words(), ["done: 3 sessions closed"]);
}

/// Writers that are shut out come back as SYSDBA: the one session of that kind is the run's, until the run is over.
#[test]
fn nobody_comes_back_as_sysdba() {
    let stage = stage();
    let held = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&held);
    let look = move |world: &mut ScriptedPods| {
        let mut slots = world.pod(2).sessions.values().filter(|s| s.sysdba);
        seen.store(slots.next().is_some_and(|s| s.app.starts_with("aku")) && slots.next().is_none(), Atomic::Release);
    };
    stage.cluster.rule(2, "ALTER REPLICATION R_12 FLUSH", Then::First(Box::new(look)));
    let run = stage.run(end());
    assert_eq!(run.words()[1..], ["done", "done"]);
    assert!(held.load(Atomic::Acquire), "the run has no SYSDBA session while it delivers");
    assert!(stage.cluster.world().pod(2).sessions.is_empty(), "and gives it back at its end");
}

/// Somebody's SYSDBA session that cannot be closed is named, and nothing follows.
#[test]
fn a_slot_that_is_not_to_be_had_stops_the_fence() {
    let stage = stage();
    // The server shows no user for it, so it is none that the fence closes.
    stage.cluster.world().pod(2).sessions.get_mut(&2).unwrap().user = None;
    let run = stage.run(end());
    assert_eq!(run.words(), ["failed E151", "not run, A1", "not run, A1"]);
    assert!(run.meaning(1).ends_with("a SYSDBA session that is not this run's"), "{}", run.meaning(1));
}

/// A server that lets no SYSDBA in from afar lets none of the writers there in either.
#[test]
fn where_no_sysdba_gets_in_nobody_does() {
    let stage = stage();
    let refused = Some((ConnectFailure::LoginRefused, 266_441));
    stage.cluster.world().pod(2).connect_errors = [None; 3].into_iter().chain([refused; 9]).collect();
    let run = stage.run(end());
    assert_eq!(run.words(), ["done: 2 sessions closed", "done", "done"]);
}

#[test]
fn a_lost_session_behind_the_fence_comes_back_as_sysdba() {
    let mut stage = stage();
    stage.context.limits.lanes = 1;
    stage.cluster.rule(2, "ALTER REPLICATION R_02 FLUSH", Then::LoseBefore);
    let run = stage.run(vec![act(1, 2, Op::Fence, &[]), flush(2, "R_02", 0)]);
    assert_eq!(run.words()[1], "done");
    let here = stage.cluster.world().pod(2).logins.iter().map(|l| l.0).collect::<Vec<_>>();
    assert_eq!(here.last(), Some(&Privilege::Sysdba));
}
