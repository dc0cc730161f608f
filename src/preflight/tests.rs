use std::collections::BTreeMap;

use super::{Finding, Level, Scope, examine, worst};
use crate::{
    attributes::{Attributes, Conflict, GroupMode},
    desired::Goal,
    observe::{
        TableName,
        layout::{Column, Layout},
    },
    plan::testing::{Worlds, characters, desired, ord, target},
    render::fixtures::config,
    topology::{Identifier, ReplicationName},
};

fn layout(precision: i64) -> Layout {
    let id = Identifier::exact("ID").unwrap();
    Layout {
        columns: vec![Column { name: id.clone(), data_type: 12, precision, scale: 0, not_null: true }],
        key: vec![id],
    }
}

fn asked(w: &Worlds, precisions: &[i64]) -> Vec<Finding> {
    let tables = |p| BTreeMap::from([(TableName::of(&target("T1")), layout(p))]);
    let layouts = (0u8..).zip(precisions).map(|(n, p)| (ord(n), tables(*p))).collect();
    let conf = config();
    examine(Scope { conf: &conf, desired: &w.desired, observed: &w.observed, layouts: &layouts })
}

fn world(groups: u8) -> Worlds {
    Worlds::new(desired(Goal::Start(ord(0)), 3, groups))
        .up(0, 0)
        .up(1, 0)
        .up(2, 0)
        .pair(0, 1, "LL")
        .pair(0, 2, "LL")
        .pair(1, 2, "LL")
}

fn of(findings: &[Finding], question: &str) -> Level {
    worst(&findings.iter().filter(|f| f.question == question).cloned().collect::<Vec<_>>())
}

#[test]
fn a_sound_cluster_passes_every_question() {
    let found = asked(&world(2), &[20, 20, 20]);
    let not_passed: Vec<_> = found.iter().filter(|f| f.level != Level::Pass).collect();
    assert!(not_passed.is_empty(), "{not_passed:#?}");
    assert!(found.len() >= 20, "{}", found.len());
}

#[test]
fn every_question_finds_its_fault() {
    type Spoil = fn(Worlds) -> Worlds;
    let table: [(&str, Spoil, Level); 21] = [
        ("pods answer", |w| w.broken(2), Level::Unknown),
        (
            "server version",
            |mut w| {
                w.pod_mut(1).server.version = Some("7.1".to_owned());
                w
            },
            Level::Warn,
        ),
        (
            "replication protocol",
            |mut w| {
                w.pod_mut(0).server.replication_protocol = Some("7.4.2".to_owned());
                w.pod_mut(1).server.replication_protocol = Some("7.4.8".to_owned());
                w
            },
            Level::Fail,
        ),
        ("REPLICATION_PORT_NO", |w| w.set(1, "REPLICATION_PORT_NO", 0), Level::Fail),
        ("REPLICATION_PORT_NO", |w| w.set(1, "REPLICATION_PORT_NO", 20999), Level::Fail),
        ("ADMIN_MODE", |w| w.set(1, "ADMIN_MODE", 1), Level::Pass),
        ("REMOTE_SYSDBA_ENABLE", |w| w.set(1, "REMOTE_SYSDBA_ENABLE", 0), Level::Fail),
        ("REPLICATION_ALLOW_DUPLICATE_HOSTS", |w| w.set(1, "REPLICATION_ALLOW_DUPLICATE_HOSTS", 0), Level::Fail),
        ("REPLICATION_MAX_COUNT", |w| w.set(1, "REPLICATION_MAX_COUNT", 3), Level::Fail),
        ("REPLICATION_MAX_LOGFILE", |w| w.set(1, "REPLICATION_MAX_LOGFILE", 9), Level::Warn),
        ("REPLICATION_DDL_ENABLE", |w| w.set(1, "REPLICATION_DDL_ENABLE", 1), Level::Warn),
        ("REPLICATION_SYNC_LOCK_TIMEOUT", |w| w.set(1, "REPLICATION_SYNC_LOCK_TIMEOUT", 0), Level::Warn),
        (
            "TRANSACTION_TABLE_SIZE",
            |w| w.set(0, "TRANSACTION_TABLE_SIZE", 1024).set(1, "TRANSACTION_TABLE_SIZE", 64),
            Level::Fail,
        ),
        (
            "character sets",
            |mut w| {
                w.pod_mut(2).server.characters = characters("KSC5601", "UTF16");
                w
            },
            Level::Fail,
        ),
        (
            "character sets",
            |mut w| {
                w.pod_mut(2).server.characters = None;
                w
            },
            Level::Unknown,
        ),
        (
            "time zone",
            |mut w| {
                w.pod_mut(1).server.time_zone = Some("+09:00".to_owned());
                w
            },
            Level::Warn,
        ),
        ("definitions", |w| w.edit(0, 1, |r| r.items.clear()), Level::Fail),
        ("definitions", |w| w.edit(0, 1, |r| r.hosts[0].port = 1), Level::Fail),
        (
            "foreign objects",
            |mut w| {
                let any = w.observed.replication(ord(0), &w.desired.objects[0].name).unwrap().clone();
                w.pod_mut(1).replications.insert(ReplicationName::exact("OTHER").unwrap(), any);
                w
            },
            Level::Warn,
        ),
        (
            "tables exist",
            |mut w| {
                w.pod_mut(1).tables.remove(&TableName::of(&target("T2")));
                w
            },
            Level::Fail,
        ),
        (
            "primary keys",
            |mut w| {
                w.pod_mut(1).tables.get_mut(&TableName::of(&target("T2"))).unwrap().primary_key = false;
                w
            },
            Level::Fail,
        ),
    ];
    for (question, spoil, want) in table {
        let found = asked(&spoil(world(2)), &[20, 20, 20]);
        assert_eq!(of(&found, question), want, "{question}: {found:#?}");
        let others = found.iter().filter(|f| f.question != question && f.level != Level::Pass);
        assert_eq!(others.count(), 0, "{question}: {found:#?}");
    }
    assert_eq!(of(&asked(&world(1), &[20, 21]), "table layouts"), Level::Fail);
    // A value that is not told is not right.
    let replace = Attributes::new(GroupMode::Lazy, Conflict::Replace, []).unwrap();
    let rules = |told: &[(u8, i64)]| {
        let mut w = world(1).attributes(&replace);
        for (pod, value) in told {
            w = w.set(*pod, "REPLICATION_INSERT_REPLACE", 1).set(*pod, "REPLICATION_UPDATE_REPLACE", *value);
        }
        of(&asked(&w, &[20, 20]), "conflict rules")
    };
    assert_eq!(rules(&[(0, 1), (1, 1), (2, 1)]), Level::Pass);
    assert_eq!(rules(&[(0, 1), (1, 0), (2, 1)]), Level::Fail);
    assert_eq!(rules(&[(0, 1), (2, 1)]), Level::Unknown);
    // What is missing is not said to have a key.
    let mut missing = world(1);
    missing.pod_mut(1).tables.remove(&TableName::of(&target("T2")));
    let found = asked(&missing, &[20, 20]);
    let said = |question: &str| found.iter().find(|f| f.question == question).map(|f| f.said.as_str());
    assert_eq!(said("primary keys"), Some("every table has one, of those that are there"));
    assert_eq!(said("foreign keys"), Some("none, of those that are there"));
    assert_eq!(
        of(&asked(&world(1).set(1, "REPLICATION_ALLOW_DUPLICATE_HOSTS", 0), &[]), "REPLICATION_ALLOW_DUPLICATE_HOSTS"),
        Level::Pass
    );
}
