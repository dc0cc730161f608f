//! The off-line replicator: each operation in every state, with every code, and with the link lost before and after.

use super::*;
use crate::{apply::testing::Then, attributes::ObjectOption, logs::LogPath};

const SET: &str = "ALTER REPLICATION R_01 SET OFFLINE ENABLE";
const READ: &str = "ALTER REPLICATION R_01 START WITH OFFLINE";
const RETRY: &str = "ALTER REPLICATION R_01 START RETRY";

fn path() -> LogPath {
    "/mnt/dead/logs".parse().unwrap()
}

fn set() -> Op {
    Op::SetLogPath { name: name("R_01"), peer: pod(0), path: path() }
}

fn read() -> Op {
    Op::ReadLogs { name: name("R_01"), peer: pod(0), path: path() }
}

fn retry() -> Op {
    Op::Retry { name: name("R_01"), peer: pod(0) }
}

fn clear() -> Op {
    Op::ClearOption { name: name("R_01"), peer: pod(0), option: ObjectOption::Offline }
}

/// Pod 1 waits for pod 0, which is dead; the object is stopped, with the option for that directory or without.
fn stage(logs: Option<&str>) -> Stage {
    let stage = Stage::new(2);
    let mut world = stage.cluster.world();
    let object = world.object(1, "R_01");
    object.xsn = 50;
    object.logs = logs.map(str::to_owned);
    object.options = logs.map_or(0, |_| ObjectOption::Offline.bit());
    drop(world);
    stage
}

#[test]
fn the_option_is_set_once_and_another_one_makes_room() {
    let fresh = stage(None);
    assert_eq!([fresh.word(set()), fresh.word(set())], ["done", "already"]);
    assert_eq!(fresh.changes(), ["1 R_01 SET OFFLINE ENABLE WITH '/mnt/dead/logs'"]);
    assert_eq!([fresh.word(clear()), fresh.word(clear())], ["done", "already"]);
    let other = stage(Some("/of/another/run"));
    assert_eq!(other.word(set()), "done");
    assert_eq!(other.changes(), ["1 R_01 SET OFFLINE DISABLE", "1 R_01 SET OFFLINE ENABLE WITH '/mnt/dead/logs'"]);
    let odd = stage(Some("relative"));
    assert_eq!(odd.word(set()), "done", "what is no path of ours is another one");
}

#[test]
fn nothing_is_set_while_something_is_sent() {
    for (sender, is_started) in [(true, true), (false, true), (true, false)] {
        let stage = stage(None);
        let mut world = stage.cluster.world();
        (world.object(1, "R_01").sender, world.object(1, "R_01").is_started) = (sender, is_started);
        drop(world);
        assert_eq!(stage.word(set()), "failed E112");
        assert_eq!(stage.changes(), Vec::<String>::new());
    }
    let fed = stage(None);
    fed.cluster.world().pod(1).receivers.insert(name("R_01"));
    assert_eq!(fed.word(set()), "failed E133");
    let gone = stage(None);
    gone.cluster.world().pod(1).objects.clear();
    assert_eq!([gone.word(set()), gone.word(read()), gone.word(retry())], ["failed E110"; 3]);
}

#[test]
fn only_the_directory_of_the_plan_is_read_and_only_of_a_dead_pod() {
    let right = stage(Some("/mnt/dead/logs/"));
    assert_eq!([right.word(read()), right.word(read())], ["done: read to its end"; 2], "again is harmless");
    assert_eq!([stage(None).word(read()), stage(Some("/other")).word(read())], ["failed E183"; 2]);
    let back = stage(Some("/mnt/dead/logs"));
    back.cluster.world().pod(1).receivers.insert(name("R_01"));
    assert_eq!(back.word(read()), "failed E185");
    for stage in [&back, &right] {
        assert!(!stage.changes().iter().any(|c| c.contains("RESET")));
    }
    // It says that it ended, and the view says otherwise.
    let broke_off = stage(Some("/mnt/dead/logs"));
    let fails = |world: &mut ScriptedPods| world.object(1, "R_01").read = 3;
    broke_off.cluster.rule(1, "SELECT STATUS", Then::First(Box::new(fails)));
    assert_eq!(broke_off.word(read()), "failed E182");
}

#[test]
fn every_code_of_the_server() {
    let codes = [
        (READ, 397_506, "E180"),
        (READ, 397_391, "E181"),
        (READ, 397_511, "E182"),
        (READ, 397_610, "E183"),
        (READ, 397_322, "E112"),
        (READ, 200_705, "E108"),
        (SET, 397_603, "E183"),
        (SET, 397_575, "E184"),
        (SET, 397_576, "E184"),
        (SET, 397_648, "E184"),
        (SET, 397_606, "E110"),
    ];
    for (text, native, want) in codes {
        let stage = stage((text == READ).then_some("/mnt/dead/logs"));
        stage.cluster.rule(1, text, Then::Refuse(native));
        let op = if text == READ { read() } else { set() };
        assert_eq!(stage.word(op), format!("failed {want}"), "{native}");
    }
    let cleared = stage(Some("/mnt/dead/logs"));
    cleared.cluster.rule(1, "ALTER REPLICATION R_01 SET OFFLINE DISABLE", Then::Refuse(397_604));
    assert_eq!(cleared.word(clear()), "done", "somebody was quicker");
}

#[test]
fn a_lost_link_is_looked_at_first() {
    for (text, op, logs) in [(SET, set(), None), (READ, read(), Some("/mnt/dead/logs")), (RETRY, retry(), None)] {
        for lost in [Then::LoseBefore, Then::LoseAfter] {
            let stage = stage(logs);
            stage.cluster.rule(1, text, lost);
            let word = stage.word(op.clone());
            assert!(word.starts_with("done") || word == "already", "{text}: {word}");
        }
    }
}

/// START on -1 would begin now, and what was committed before would be lost.
#[test]
fn an_object_waits_again_from_where_it_was() {
    let stage = stage(None);
    assert_eq!([stage.word(retry()), stage.word(retry())], ["done", "already"]);
    assert_eq!(stage.changes(), ["1 R_01 START RETRY"]);
    let reset = Stage::new(2);
    assert_eq!((reset.word(retry()), reset.changes()), ("failed E114".to_owned(), Vec::new()));
}
