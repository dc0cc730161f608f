//! CREATE, DROP, properties, the marker file.

use std::{fs, os::unix::fs::PermissionsExt};

use super::*;
use crate::{
    apply::{Marker, testing::Then},
    attributes::{GroupOption, Role, Shape},
    db::setting::Setting,
};

fn create(targets: Vec<Target>, host: &str) -> Op {
    Op::CreateReplication {
        name: name("R_01"),
        peer: pod(0),
        host: host.to_owned(),
        port: 20301,
        targets,
        shape: Shape::default(),
    }
}

#[test]
fn create_compares_what_is_there() {
    let stage = Stage::new(2);
    assert_eq!(stage.word(create(targets(), "10.0.0.0")), "already");
    assert_eq!(stage.word(create(vec![target("T2"), target("T1")], "10.0.0.0")), "already");
    assert_eq!(stage.word(create(targets(), "10.0.0.9")), "failed E111");
    assert_eq!(stage.word(create(vec![target("T1")], "10.0.0.0")), "failed E111");
    assert_eq!(stage.changes(), Vec::<String>::new());
    stage.cluster.world().pod(1).objects.clear();
    assert_eq!(stage.word(create(targets(), "10.0.0.0")), "done");
    assert_eq!(stage.changes().len(), 1);
}

#[test]
fn create_that_somebody_else_did_meanwhile_is_compared() {
    for (host, want) in [("10.0.0.0", "already"), ("10.0.0.7", "failed E111")] {
        let stage = Stage::new(2);
        stage.cluster.world().pod(1).objects.clear();
        let theirs = Object::new(host, &targets());
        stage.cluster.rule(
            1,
            "CREATE",
            Then::First(Box::new(move |world| {
                world.pod(1).objects.insert(name("R_01"), theirs.clone());
            })),
        );
        assert_eq!(stage.word(create(targets(), "10.0.0.0")), want);
    }
}

#[test]
fn create_on_a_locked_table_is_tried_again() {
    let stage = Stage::new(2);
    stage.cluster.world().pod(1).objects.clear();
    stage.cluster.rule(1, "CREATE", Then::Refuse(69_749));
    let run = stage.run(vec![act(1, 1, create(targets(), "10.0.0.0"), &[])]);
    assert_eq!(run.word(1), "done");
    let retries = run.events.iter().filter(|e| matches!(e, Event::Retry { attempt: 1, .. })).count();
    assert_eq!(retries, 1);
    for _ in 0..3 {
        stage.cluster.rule(1, "CREATE", Then::Refuse(69_749));
    }
    stage.cluster.world().pod(1).objects.clear();
    assert_eq!(stage.word(create(targets(), "10.0.0.0")), "failed E141");
}

#[test]
fn drop_of_what_is_gone_or_started() {
    let drop = || Op::DropReplication { name: name("R_01"), peer: pod(0) };
    let stage = Stage::new(2);
    stage.cluster.world().object(1, "R_01").is_started = true;
    assert_eq!(stage.word(drop()), "failed E113");
    stage.cluster.world().object(1, "R_01").is_started = false;
    assert_eq!(stage.word(drop()), "done");
    assert_eq!(stage.word(drop()), "already");
    assert_eq!(stage.changes().len(), 2);
}

#[test]
fn a_property_is_set_once() {
    let set = |property, from, to| Op::SetProperty { property, from, to };
    let stage = Stage::new(2);
    assert_eq!(stage.word(set(Setting::SyncLockTimeout, 30, 0)), "done");
    assert_eq!(stage.word(set(Setting::SyncLockTimeout, 30, 0)), "already");
    assert_eq!(stage.word(set(Setting::SyncLockTimeout, 7, 30)), "done: it was 0, not 7");
    stage.cluster.world().pod(1).properties.remove("REPLICATION_DDL_ENABLE");
    assert_eq!(stage.word(set(Setting::DdlEnable, 0, 1)), "failed E150");
    assert_eq!(stage.word(Op::Open), "already");
    stage.cluster.world().pod(1).properties.insert("ADMIN_MODE", 1);
    assert_eq!(stage.word(Op::Open), "done");
    assert_eq!(stage.cluster.world().pod(1).properties["ADMIN_MODE"], 0);
}

#[test]
fn the_marker_appears_whole_and_goes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aku_start_completed");
    let mut stage = Stage::new(1);
    assert_eq!(stage.run(vec![act(1, 0, Op::WriteMarker, &[])]).word(1), "failed E160");
    stage.context.marker = Some(Marker { path: path.clone(), text: "pid 1\n".to_owned() });
    let go = |op| stage.run(vec![act(1, 0, op, &[])]).word(1);
    assert_eq!(go(Op::RemoveMarker), "already");
    assert_eq!(go(Op::WriteMarker), "done");
    assert_eq!(fs::read_to_string(&path).unwrap(), "pid 1\n");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(go(Op::WriteMarker), "already");
    fs::write(&path, "stale").unwrap();
    assert_eq!(go(Op::WriteMarker), "done");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(go(Op::RemoveMarker), "done");
    assert!(!path.exists());
    // That of another pod whose marker is on this machine.
    let other = folder.path().join("of-0");
    fs::write(&other, "").unwrap();
    fs::write(&path, "").unwrap();
    let mut both = Stage::new(1);
    both.context.marker = Some(Marker { path: path.clone(), text: String::new() });
    both.context.marked_here.insert(pod(0), other.clone());
    assert_eq!(both.run(vec![act(1, 0, Op::RemoveMarker, &[])]).word(1), "done");
    assert!(path.exists() && !other.exists());
    // The marker needs no session.
    assert_eq!(stage.cluster.world().pod(0).logins.len(), 0);
}

#[test]
fn an_object_is_made_in_its_shape() {
    let stage = Stage::new(2);
    let shape = || Shape { role: Some(Role::Slave), options: [GroupOption::Gapless].into(), ..Shape::default() };
    let op = |shape| Op::CreateReplication {
        name: name("R_07"),
        peer: pod(0),
        host: "10.0.0.7".to_owned(),
        port: 20301,
        targets: vec![target("T1")],
        shape,
    };
    assert_eq!(stage.word(op(shape())), "done");
    assert_eq!(stage.word(op(shape())), "already");
    let found = stage.cluster.world().object(1, "R_07").clone();
    assert_eq!((found.options, found.conflict, found.eager), (4, 2, false));
    // One of that name with another role is not ours to change.
    stage.cluster.world().object(1, "R_07").conflict = 1;
    assert_eq!(stage.word(op(shape())), "failed E111");
    // Without attributes nobody asks, as before.
    assert_eq!(stage.word(op(Shape::default())), "already");
}
