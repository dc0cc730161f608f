//! ADD and DROP TABLE, ADD and DROP HOST, SYNC of single tables: each in every state, with every code, and with the link
//! lost before and after.

use super::*;
use crate::{
    apply::testing::Then,
    attributes::{Appliers, GroupOption},
    db::ConnectFailure,
    desired::ReplicationAddress,
};

const ADD: &str = "ALTER REPLICATION R_01 ADD TABLE";
const DROP: &str = "ALTER REPLICATION R_01 DROP TABLE";
const ADD_HOST: &str = "ALTER REPLICATION R_01 ADD HOST";
const DROP_HOST: &str = "ALTER REPLICATION R_01 DROP HOST";
const SYNC: &str = "ALTER REPLICATION R_01 SYNC";

fn add() -> Op {
    Op::AddTable { name: name("R_01"), peer: pod(0), target: target("T3") }
}

fn drop_called(remote: &str) -> Op {
    Op::DropTable { name: name("R_01"), peer: pod(0), target: target("T2"), remote: target(remote) }
}

fn change_host() -> Op {
    let old = |host: &str| ReplicationAddress { host: host.to_owned(), port: 20301 };
    let old = vec![old("10.0.0.0"), old("10.9.9.9")];
    Op::ChangeHost { name: name("R_01"), peer: pod(0), host: "10.0.0.7".to_owned(), port: 20301, old }
}

fn corrections() -> [(Op, &'static str); 3] {
    [(add(), ADD), (drop_called("T2"), DROP), (change_host(), ADD_HOST)]
}

fn items(stage: &Stage) -> Vec<String> {
    stage.cluster.world().object(1, "R_01").items.iter().map(|t| t.table.to_string()).collect()
}

fn hosts(stage: &Stage) -> Vec<String> {
    stage.cluster.world().object(1, "R_01").hosts.iter().map(|(host, _)| host.clone()).collect()
}

#[test]
fn a_correction_is_made_once() {
    let stage = Stage::new(2);
    assert_eq!([stage.word(add()), stage.word(add())], ["done", "already"]);
    assert_eq!(items(&stage), ["T1", "T2", "T3"]);
    assert_eq!([stage.word(drop_called("T2")), stage.word(drop_called("T2"))], ["done", "already"]);
    assert_eq!(items(&stage), ["T1", "T3"]);
    // The right address comes before the others go, and of those only what is there.
    assert_eq!([stage.word(change_host()), stage.word(change_host())], ["done", "already"]);
    assert_eq!(hosts(&stage), ["10.0.0.7"]);
    assert_eq!(
        stage.changes(),
        [
            "1 R_01 ADD TABLE FROM SYS.T3 TO SYS.T3",
            "1 R_01 DROP TABLE FROM SYS.T2 TO SYS.T2",
            "1 R_01 ADD HOST '10.0.0.7', 20301",
            "1 R_01 DROP HOST '10.0.0.0', 20301",
        ]
    );
}

#[test]
fn an_item_that_is_called_differently_there_is_told_from_one_that_is_not() {
    let stage = Stage::new(2);
    // T2 goes to T2, so there is no item from T2 to T9, and nothing is sent.
    assert_eq!(stage.word(drop_called("T9")), "already");
    assert_eq!((items(&stage), stage.changes()), (vec!["T1".to_owned(), "T2".to_owned()], Vec::new()));
}

#[test]
fn a_change_of_address_that_broke_off_is_finished() {
    let stage = Stage::new(2);
    let address = |host: &str| (host.to_owned(), 20301);
    stage.cluster.world().object(1, "R_01").hosts = vec![address("10.9.9.9"), address("10.0.0.7"), address("10.8.8.8")];
    assert_eq!(stage.word(change_host()), "done");
    // An address that the plan did not name stays: somebody else put it there since.
    assert_eq!(hosts(&stage), ["10.0.0.7", "10.8.8.8"]);
    assert_eq!(stage.changes(), ["1 R_01 DROP HOST '10.9.9.9', 20301"]);
}

#[test]
fn nothing_is_corrected_while_something_is_sent() {
    for (op, _) in corrections() {
        let stage = Stage::new(2);
        stage.cluster.world().pod(1).objects.clear();
        assert_eq!(stage.word(op.clone()), "failed E110", "{op:?}");
        for (sender, is_started) in [(true, true), (false, true), (true, false)] {
            let stage = Stage::new(2);
            let mut world = stage.cluster.world();
            let object = world.object(1, "R_01");
            (object.sender, object.is_started, object.xsn) = (sender, is_started, 50);
            drop(world);
            assert_eq!(stage.word(op.clone()), "failed E112", "{op:?}");
            assert_eq!(stage.changes(), Vec::<String>::new());
        }
        // The peer's sender has been stopped, and its receiver is still there: for a moment, or for ever.
        for (lingers, want) in [(true, "done"), (false, "failed E133")] {
            let stage = Stage::new(2);
            stage.cluster.world().pod(1).receivers.insert(name("R_01"));
            if lingers {
                let ends = |world: &mut ScriptedPods| {
                    world.pod(1).receivers.clear();
                };
                stage.cluster.rule_after(2, 1, "SELECT REP_NAME, APPLY_XSN", Then::First(Box::new(ends)));
            }
            // An address says nothing about who sends here.
            let want = if matches!(op, Op::ChangeHost { .. }) { "done" } else { want };
            assert_eq!(stage.word(op.clone()), want, "{op:?}");
        }
    }
}

#[test]
fn every_code_of_a_correction() {
    // A lock and a receiver that came in between may pass; the others do not.
    let codes = [
        (69_749, "E141", 3),
        (397_471, "E133", 3),
        (397_566, "E113", 1),
        (397_322, "E112", 1),
        (200_836, "E108", 1),
        (397_497, "E108", 1),
        (4164, "E109", 3),
        (4202, "E106", 1),
    ];
    for (op, text) in corrections() {
        for (native, code, attempts) in codes {
            let stage = Stage::new(2);
            for _ in 0..attempts {
                stage.cluster.rule(1, text, Then::Refuse(native));
            }
            let run = stage.run(vec![act(1, 1, op.clone(), &[])]);
            let Outcome::Failed(error) = &run.report.outcomes[&ActionId(1)] else {
                panic!("{op:?} {native}: {}", run.word(1));
            };
            assert_eq!((error.code, error.attempts), (code, attempts), "{op:?} {native}");
            assert_eq!(error.error.as_ref().map(|e| e.native), Some(native));
            assert_eq!(stage.changes(), Vec::<String>::new(), "{op:?} {native}");
            if attempts > 1 {
                let stage = Stage::new(2);
                stage.cluster.rule(1, text, Then::Refuse(native));
                assert_eq!(stage.word(op.clone()), "done", "{op:?} {native}");
            }
        }
    }
}

#[test]
fn a_lost_answer_to_a_correction_is_looked_up() {
    let table = corrections().into_iter().chain([(change_host(), DROP_HOST)]);
    for (op, text) in table {
        for (then, got_through) in [(Then::LoseBefore, false), (Then::LoseAfter, true)] {
            let stage = Stage::new(2);
            stage.cluster.rule(1, text, then);
            let word = stage.word(op.clone());
            // A change of address goes on with its second statement, so there is nothing to find out afterwards.
            let found = got_through && !text.starts_with(ADD_HOST);
            let want = if found { "done: the answer was lost; the pod shows that it was done" } else { "done" };
            assert_eq!(word, want, "{text}, got through: {got_through}");
            let words = text.replace("ALTER REPLICATION", "1");
            let times = stage.changes().iter().filter(|c| c.starts_with(&words)).count();
            assert_eq!(times, 1, "{text} {:?}", stage.changes());
        }
        let stage = Stage::new(2);
        stage.cluster.rule(1, text, Then::LoseAfter);
        let silent = Some((ConnectFailure::Timeout, 331_853));
        stage.cluster.world().pod(1).connect_errors = [None].into_iter().chain([silent; 9]).collect();
        assert_eq!(stage.word(op), "unknown E105", "{text}");
    }
}

fn sync_tables() -> Action {
    let (name, targets) = (name("R_01"), vec![target("T2")]);
    act(1, 0, Op::SyncTables { name, peer: pod(1), parallel: 2, targets, rows: Some(10) }, &[])
}

/// Pod 0 goes on from SN 50 as soon as it sends again.
fn stopped() -> Stage {
    let stage = Stage::new(2);
    stage.cluster.world().object(0, "R_01").xsn = 50;
    stage
}

#[test]
fn a_copy_of_some_tables_copies_these_and_keeps_the_position() {
    let stage = stopped();
    assert_eq!(stage.run(vec![sync_tables()]).word(1), "done");
    assert_eq!(stage.changes(), ["0 R_01 SYNC PARALLEL 2 TABLE SYS.T2"]);
    let mut world = stage.cluster.world();
    assert_eq!(["T1", "T2"].map(|t| world.pod(1).rows[&target(t)]), [0, 10]);
    assert_eq!(world.object(0, "R_01").xsn, 50);
    // Its session is its own, and has no time limits.
    assert_eq!(world.pod(0).logins.last(), Some(&(Privilege::Normal, None, None)));
}

#[test]
fn a_copy_of_some_tables_begins_only_where_the_others_go_on() {
    for (sender, xsn, gave_up, want) in [
        (true, 50, None, "failed E112"),
        (false, -1, None, "failed E114"),
        (false, 60, Some("2024-01-01"), "failed E114"),
    ] {
        let stage = Stage::new(2);
        {
            let mut world = stage.cluster.world();
            let object = world.object(0, "R_01");
            (object.sender, object.xsn, object.gave_up) = (sender, xsn, gave_up);
        }
        assert_eq!(stage.run(vec![sync_tables()]).word(1), want);
        assert_eq!(stage.changes(), Vec::<String>::new());
    }
    let stage = Stage::new(2);
    stage.cluster.world().pod(0).objects.clear();
    assert_eq!(stage.run(vec![sync_tables()]).word(1), "failed E110");
}

#[test]
fn every_code_of_a_copy_of_some_tables() {
    let table = [
        (397_325, 3, "failed E120"),
        (397_651, 1, "failed E121"),
        (69_749, 1, "failed E141"),
        (397_328, 1, "failed E124"),
        (397_322, 1, "failed E112"),
        (200_836, 1, "failed E108"),
    ];
    for (native, attempts, want) in table {
        let stage = stopped();
        for _ in 0..attempts {
            stage.cluster.rule(0, SYNC, Then::Refuse(native));
        }
        let run = stage.run(vec![sync_tables()]);
        assert_eq!(run.word(1), want, "{native}");
        let retries = run.events.iter().filter(|e| matches!(e, Event::Retry { .. })).count();
        assert_eq!((retries, stage.changes().len()), (attempts - 1, 0), "{native}");
    }
    // What is there already is refused by the server, once.
    let stage = stopped();
    stage.cluster.world().pod(1).rows.insert(target("T2"), 1);
    assert_eq!(stage.run(vec![sync_tables()]).word(1), "failed E121");
    assert_eq!(stage.changes().len(), 1);
}

#[test]
fn a_lost_answer_to_a_copy_of_some_tables_is_looked_up_and_never_sent_again() {
    let table = [
        (Then::LoseAfter, "done: the answer was lost; the pod shows that the copy finished", 1),
        (Then::LoseBefore, "failed E121", 0),
    ];
    for (then, want, sent) in table {
        let stage = stopped();
        stage.cluster.rule(0, SYNC, then);
        assert_eq!(stage.run(vec![sync_tables()]).word(1), want);
        assert_eq!(stage.changes().len(), sent, "{want}");
    }
    let stage = stopped();
    stage.cluster.rule(0, SYNC, Then::LoseAfter);
    let silent = Some((ConnectFailure::Timeout, 331_853));
    // The action's session and the copy's own get in, and nobody afterwards.
    stage.cluster.world().pod(0).connect_errors = [None, None].into_iter().chain([silent; 9]).collect();
    let closes = |world: &mut ScriptedPods| world.pod(0).sessions.clear();
    stage.cluster.rule_after(1, 0, "SELECT REP_NAME, START_FLAG", Then::First(Box::new(closes)));
    assert_eq!(stage.run(vec![sync_tables()]).word(1), "unknown E105");
}

fn set(option: GroupOption) -> Action {
    act(1, 1, Op::SetOption { name: name("R_01"), peer: pod(0), option }, &[])
}

fn parallel(n: u16) -> GroupOption {
    GroupOption::Parallel { appliers: Appliers::new(n).unwrap(), buffer: None }
}

#[test]
fn an_option_is_put_on_once() {
    let stage = stopped();
    assert_eq!(stage.run(vec![set(GroupOption::Gapless)]).word(1), "done");
    assert_eq!(stage.run(vec![set(GroupOption::Gapless)]).word(1), "already");
    assert_eq!(stage.run(vec![set(parallel(4))]).word(1), "done");
    assert_eq!(stage.run(vec![set(parallel(4))]).word(1), "already");
    assert_eq!(stage.changes(), ["1 R_01 SET GAPLESS ENABLE", "1 R_01 SET PARALLEL 4"]);
    // Another number is none that is there already; the server wants 0 first.
    assert!(stage.run(vec![set(parallel(8))]).word(1).starts_with("failed"));
    assert_eq!(stage.cluster.world().object(1, "R_01").appliers, 4);
}

#[test]
fn an_option_is_put_on_only_while_nobody_sends() {
    let stage = Stage::new(2);
    {
        let mut world = stage.cluster.world();
        let object = world.object(1, "R_01");
        (object.sender, object.is_started) = (true, true);
    }
    assert_eq!(stage.run(vec![set(GroupOption::Grouping)]).word(1), "failed E112");
    assert_eq!(stage.changes(), Vec::<String>::new());
    let stage = stopped();
    stage.cluster.world().pod(1).objects.clear();
    assert_eq!(stage.run(vec![set(GroupOption::Grouping)]).word(1), "failed E110");
}

#[test]
fn a_lost_answer_to_an_option_is_looked_up() {
    for (then, sent) in [(Then::LoseAfter, 1), (Then::LoseBefore, 1)] {
        let stage = stopped();
        stage.cluster.rule(1, "ALTER REPLICATION R_01 SET", then);
        let word = stage.run(vec![set(GroupOption::Recovery)]).word(1);
        assert!(word == "already" || word == "done" || word.starts_with("done"), "{word}");
        assert_eq!(stage.changes().len(), sent);
        assert_eq!(stage.cluster.world().object(1, "R_01").options, 1);
    }
}
