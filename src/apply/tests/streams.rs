//! START, STOP, RESET, pin and unpin: each in every state, and with the link lost before and after.

use super::*;
use crate::{apply::testing::Then, plan::Expect};

/// State of R_01 on pod 1: (sender, IS_STARTED, XSN, given up).
type State = (bool, bool, i64, bool);

const RESET: State = (false, false, -1, false);
const LIVE: State = (false, false, 50, false);
const DEAD: State = (false, true, 50, false);
const RUNS: State = (true, true, 50, false);
const SYNCS: State = (true, false, -1, false);
const GAVE_UP: State = (false, false, 60, true);
const GAVE_UP_AND_RUNS: State = (true, true, 60, true);

fn in_state((sender, is_started, xsn, gave_up): State) -> Stage {
    let stage = Stage::new(2);
    let mut world = stage.cluster.world();
    let object = world.object(1, "R_01");
    (object.sender, object.is_started, object.xsn) = (sender, is_started, xsn);
    object.gave_up = gave_up.then_some("2024-01-01");
    drop(world);
    stage
}

fn ops() -> [Op; 6] {
    let (r, peer) = (|| name("R_01"), pod(0));
    [
        Op::Start { name: r(), peer, expect: Expect::Live },
        Op::Start { name: r(), peer, expect: Expect::Fresh },
        Op::Stop { name: r(), peer },
        Op::Reset { name: r(), peer },
        Op::Pin { name: r(), peer },
        Op::Unpin { name: r(), peer },
    ]
}

#[test]
fn every_operation_in_every_state() {
    let states = [RESET, LIVE, DEAD, RUNS, SYNCS, GAVE_UP, GAVE_UP_AND_RUNS];
    let row = |op: &Op| -> Vec<String> {
        states
            .iter()
            .map(|state| {
                let stage = in_state(*state);
                let word = stage.word(op.clone());
                let sent: Vec<_> = stage.changes().iter().map(|c| c.replace("1 R_01 ", "")).collect();
                let word = word.split(':').next().unwrap_or_default().to_owned();
                if sent.is_empty() { word } else { format!("{word} {}", sent.join("+")) }
            })
            .collect()
    };
    let [live, fresh, stop, reset, pin, unpin] = ops();
    let e = "failed E114";
    assert_eq!(
        row(&live),
        [e, "done START RETRY", "done START RETRY", "already", "failed E112", "failed E115", "failed E115"]
    );
    assert_eq!(
        row(&fresh),
        [
            "done START RETRY",
            "done START RETRY",
            "done START RETRY",
            "already",
            "failed E112",
            "failed E115",
            "failed E115"
        ]
    );
    assert_eq!(row(&stop), ["already", "already", "done STOP", "done STOP", "done STOP", "already", "done STOP"]);
    assert_eq!(
        row(&reset),
        ["already", "done RESET", "done RESET", "failed E112", "failed E112", "done RESET", "failed E112"]
    );
    let e = "failed E117";
    assert_eq!(row(&pin), ["done START RETRY+STOP", e, e, e, e, e, e]);
    assert_eq!(
        row(&unpin),
        [
            "already",
            "done RESET",
            "done STOP+RESET",
            "done STOP+RESET",
            "done STOP+RESET",
            "done RESET",
            "done STOP+RESET"
        ]
    );
}

#[test]
fn a_missing_object_is_an_error_only_where_it_is_needed() {
    let words: Vec<_> = ops()
        .into_iter()
        .map(|op| {
            let stage = Stage::new(2);
            stage.cluster.world().pod(1).objects.clear();
            stage.word(op)
        })
        .collect();
    assert_eq!(words, ["failed E110", "failed E110", "already", "already", "failed E110", "already"]);
}

/// State in which each operation has something to do.
fn busy(op: &Op) -> State {
    match op {
        Op::Start { expect: Expect::Live, .. } | Op::Reset { .. } => LIVE,
        Op::Stop { .. } | Op::Unpin { .. } => RUNS,
        _ => RESET,
    }
}

#[test]
fn a_lost_answer_is_looked_up() {
    for op in ops() {
        let first = op.statements()[0].to_string();
        let text: &'static str = Box::leak(first.into_boxed_str());
        for then in [Then::LoseBefore, Then::LoseAfter] {
            let before = matches!(then, Then::LoseBefore);
            let stage = in_state(busy(&op));
            stage.cluster.rule(1, text, then);
            let word = stage.word(op.clone());
            assert!(word.starts_with("done"), "{op:?}: {word}");
            let times = stage.changes().iter().filter(|c| text.ends_with(&c[2..])).count();
            // Not sent twice where it got through; the lost one never reached the server.
            assert_eq!(times, 1, "{op:?} before: {before}");
        }
    }
}

#[test]
fn a_lost_answer_and_no_way_back_is_unknown() {
    for op in ops() {
        let first: &'static str = Box::leak(op.statements()[0].to_string().into_boxed_str());
        let stage = in_state(busy(&op));
        stage.cluster.rule(1, first, Then::LoseAfter);
        let silent = Some((crate::db::ConnectFailure::Timeout, 331_853));
        stage.cluster.world().pod(1).connect_errors = [None].into_iter().chain([silent; 9]).collect();
        let run = stage.run(vec![act(1, 1, op.clone(), &[])]);
        assert_eq!(run.word(1), "unknown E105", "{op:?}");
        let Outcome::Unknown(error) = &run.report.outcomes[&ActionId(1)] else { unreachable!() };
        assert_eq!(error.statement.as_deref(), Some(first));
        assert_eq!(error.attempts, 3);
    }
}

#[test]
fn an_unreachable_pod_is_a_failure_not_a_doubt() {
    let table = [
        (crate::db::ConnectFailure::Absent, 327_730, "failed E101", 3),
        (crate::db::ConnectFailure::LoginRefused, 266_286, "failed E102", 1),
        (crate::db::ConnectFailure::SysdbaBusy, 266_305, "failed E103", 3),
        (crate::db::ConnectFailure::Timeout, 331_853, "failed E104", 3),
    ];
    for (failure, native, want, attempts) in table {
        let stage = in_state(LIVE);
        stage.cluster.world().pod(1).connect_errors = [Some((failure, native)); 9].into();
        let run = stage.run(vec![act(1, 1, ops()[3].clone(), &[])]);
        assert_eq!(run.word(1), want);
        let Outcome::Failed(error) = &run.report.outcomes[&ActionId(1)] else { unreachable!() };
        assert_eq!(error.attempts, attempts, "{want}");
    }
}

#[test]
fn races_that_end_well() {
    let [live, _, stop, _, _, unpin] = ops();
    let table =
        [(live, "ALTER REPLICATION R_01 START", 397_322, LIVE), (stop, "ALTER REPLICATION R_01 STOP", 397_351, RUNS)];
    for (op, text, native, state) in table {
        let stage = in_state(state);
        stage.cluster.rule(1, text, Then::Refuse(native));
        assert_eq!(stage.word(op), "already");
    }
    let stage = in_state(DEAD);
    stage.cluster.rule(1, "ALTER REPLICATION R_01 STOP", Then::Refuse(397_351));
    assert_eq!(stage.word(unpin), "done");
}

#[test]
fn a_handshake_is_tried_again_as_often_as_the_configuration_says() {
    let [live, ..] = ops();
    // The peer turns the sender away: START RETRY says nothing, so the object is put back, and a plain START is asked.
    let refused = || {
        let stage = in_state(LIVE);
        stage.cluster.world().object(1, "R_01").refused = true;
        stage
    };
    let stage = refused();
    let run = stage.run(vec![act(1, 1, live.clone(), &[])]);
    assert_eq!(run.word(1), "failed E120");
    let Outcome::Failed(error) = &run.report.outcomes[&ActionId(1)] else { unreachable!() };
    assert_eq!(error.attempts, 3);
    assert_eq!(error.statement.as_deref(), Some("ALTER REPLICATION R_01 START"));
    let again = ["1 R_01 START RETRY", "1 R_01 STOP", "1 R_01 START", "1 R_01 START", "1 R_01 START"];
    assert_eq!(stage.changes(), again);
    assert_eq!(stage.cluster.world().object(1, "R_01").xsn, 50);
    // It lets it in a moment later.
    let stage = refused();
    let let_in = |world: &mut ScriptedPods| world.object(1, "R_01").refused = false;
    stage.cluster.rule(1, "ALTER REPLICATION R_01 STOP", Then::First(Box::new(let_in)));
    assert_eq!(stage.word(live.clone()), "done");
    assert_eq!(stage.changes(), ["1 R_01 START RETRY", "1 R_01 STOP", "1 R_01 START"]);
    let stage = in_state(LIVE);
    stage.cluster.rule(1, "ALTER REPLICATION R_01 START RETRY", Then::Refuse(200_836));
    let run = stage.run(vec![act(1, 1, live, &[])]);
    assert_eq!(run.word(1), "failed E108");
    assert!(!run.events.iter().any(|e| matches!(e, Event::Retry { .. })));
}

#[test]
fn a_start_from_now_that_is_refused_leaves_no_position() {
    let [_, fresh, ..] = ops();
    let stage = in_state(RESET);
    stage.cluster.world().object(1, "R_01").refused = true;
    let run = stage.run(vec![act(1, 1, fresh, &[])]);
    assert_eq!(run.word(1), "failed E120");
    let sent = stage.changes();
    assert_eq!(sent[..4], ["1 R_01 START RETRY", "1 R_01 STOP", "1 R_01 RESET", "1 R_01 START"]);
    assert!(sent[4..].iter().all(|s| s == "1 R_01 START"), "{sent:?}");
    let mut world = stage.cluster.world();
    let object = world.object(1, "R_01");
    assert_eq!((object.xsn, object.is_started, object.sender), (-1, false, false));
}

#[test]
fn an_eager_object_gets_the_plain_start() {
    let [live, ..] = ops();
    let stage = in_state(LIVE);
    stage.cluster.world().object(1, "R_01").eager = true;
    assert_eq!(stage.word(live), "done");
    assert_eq!(stage.changes(), ["1 R_01 START"]);
}

#[test]
fn starts_of_a_pod_with_one_session_are_sent_before_the_first_has_connected() {
    let mut stage = Stage::new(3);
    // Sleeping costs no time here.
    stage.context.limits.connect = Duration::from_secs(3_600);
    let names = ["R_12", "R_02"];
    {
        let mut world = stage.cluster.world();
        world.pod(2).properties.insert("ADMIN_MODE", 1);
        for r in names {
            let object = world.object(2, r);
            (object.xsn, object.slow) = (50, true);
        }
    }
    let start = |id, r, peer| act(id, 2, Op::Start { name: name(r), peer: pod(peer), expect: Expect::Live }, &[]);
    // Neither connects before both were sent.
    let both = move |world: &mut ScriptedPods| {
        for r in names {
            world.object(2, r).slow = false;
        }
    };
    stage.cluster.rule(2, "ALTER REPLICATION R_02 START RETRY", Then::First(Box::new(both)));
    let run = stage.run(vec![start(1, "R_12", 1), start(2, "R_02", 0)]);
    assert_eq!(run.words(), ["done", "done"]);
    assert_eq!(stage.changes(), ["2 R_12 START RETRY", "2 R_02 START RETRY"]);
    assert_eq!(stage.cluster.world().pod(2).logins.len(), 1);
}

#[test]
fn a_pin_waits_for_its_sender_to_go() {
    let [.., pin, _] = ops();
    let stop = "ALTER REPLICATION R_01 STOP";
    // STOP says yes, and the sender lingers in V$REPSENDER for three looks.
    let stage = in_state(RESET);
    let linger = |yes: bool| -> Then {
        Then::First(Box::new(move |world| {
            let object = world.object(1, "R_01");
            (object.sender, object.is_started) = (yes, yes);
        }))
    };
    stage.cluster.rule_after(1, 1, "SELECT REP_NAME, START_FLAG", linger(true));
    stage.cluster.rule_after(2, 1, "SELECT REP_NAME, START_FLAG", linger(false));
    assert!(stage.word(pin.clone()).starts_with("done: keeps log from SN"));
    // It never goes.
    let stage = in_state(RESET);
    stage.cluster.rule_after(1, 1, "SELECT REP_NAME, START_FLAG", linger(true));
    assert_eq!(stage.word(pin.clone()), "failed E118");
    // The pin is lost.
    let stage = in_state(RESET);
    stage.cluster.rule(1, stop, Then::First(Box::new(|world| world.object(1, "R_01").xsn = -1)));
    assert_eq!(stage.word(pin), "failed E118");
}
