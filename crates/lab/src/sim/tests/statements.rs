//! Every statement that the program may send is understood by the lab, on both builds.

use aku_core::{
    attributes::Shape,
    sql::{ChangeSql, ReadSql, facts::FactBatch},
    topology::{Identifier, ReplicationName, Target},
};
use aku_db::wire::Response;

use super::{BOTH, TABLE, native, ok, pods};

fn target(table: &str, partition: Option<&str>) -> Target {
    let name = |n| Identifier::exact(n).expect("a name");
    Target { user: name("SYS"), table: name(table), partition: partition.map(name) }
}

const PARTITIONED: &str = "CREATE TABLE T2 (I1 INTEGER PRIMARY KEY, C2 VARCHAR(20)) PARTITION BY RANGE (I1) \
                           (PARTITION P1 VALUES LESS THAN (100), PARTITION P2 VALUES DEFAULT)";

fn reads() -> Vec<ReadSql> {
    let sys = vec![Identifier::exact("SYS").expect("a name")];
    vec![
        ReadSql::Properties,
        ReadSql::Server,
        ReadSql::Hosts,
        ReadSql::Items,
        ReadSql::Senders,
        ReadSql::Receivers,
        ReadSql::Gaps,
        ReadSql::SyncProgress,
        ReadSql::Tables(sys.clone()),
        ReadSql::Constraints(sys.clone()),
        ReadSql::Partitions(sys.clone()),
        ReadSql::Columns(sys.clone()),
        ReadSql::KeyColumns(sys.clone()),
        ReadSql::FactBatch(FactBatch::Streams),
        ReadSql::FactBatch(FactBatch::Tables(sys.clone())),
        ReadSql::FactBatch(FactBatch::Columns(sys)),
        ReadSql::Definitions,
        ReadSql::DefinitionsOfOld,
        ReadSql::ServerAndLocale,
        ReadSql::AnyRows(vec![target("T1", None), target("T2", Some("P1")), target("T2", None)]),
        ReadSql::Sessions,
        ReadSql::SessionId,
        ReadSql::OpenWriters,
        ReadSql::CountRows(vec![target("T1", None), target("T2", Some("P1")), target("T2", None)]),
        ReadSql::Property("ADMIN_MODE"),
        ReadSql::Replication(ReplicationName::exact("R01").expect("a name")),
        ReadSql::Shape(ReplicationName::exact("R01").expect("a name")),
    ]
}

#[test]
fn every_statement_of_the_program_is_understood() {
    for generation in BOTH {
        let (mut sim, c) = pods(generation, 2, 1);
        let name = ReplicationName::exact("R01").expect("a name");
        for (client, peer) in [(c[0], 1), (c[1], 0)] {
            ok(&mut sim, client, TABLE);
            ok(&mut sim, client, PARTITIONED);
            let host = sim.ip(peer);
            let targets = vec![target("T1", None), target("T2", Some("P1"))];
            let shape = Shape::default();
            let create = ChangeSql::CreateReplication { name: name.clone(), host, port: 20_301, targets, shape };
            ok(&mut sim, client, &create.to_string());
        }
        let set = |value| ChangeSql::SetSystem { property: "REPLICATION_DDL_ENABLE", value };
        let before = [
            set(1),
            ChangeSql::Truncate(target("T1", None)),
            ChangeSql::Truncate(target("T2", Some("P1"))),
            set(0),
            ChangeSql::SessionQueryTimeout(100),
            ChangeSql::StartRetry(name.clone()),
            ChangeSql::Stop(name.clone()),
            ChangeSql::Reset(name.clone()),
            ChangeSql::Sync { name: name.clone(), parallel: 2 },
            ChangeSql::Stop(name.clone()),
            ChangeSql::Start(name.clone()),
            ChangeSql::Flush { name: name.clone(), wait_s: 10 },
        ];
        for change in before {
            ok(&mut sim, c[0], &change.to_string());
        }
        ok(&mut sim, c[1], &ChangeSql::Start(name.clone()).to_string());
        for read in reads() {
            match sim.execute(c[0], &read.to_string()) {
                Response::Rows { rows, .. } => assert!(
                    !rows.is_empty() || matches!(read, ReadSql::OpenWriters),
                    "{generation:?}: {read} gives nothing"
                ),
                other => panic!("{generation:?}: {read}: {other:?}"),
            }
        }
        let close = ChangeSql::CloseSession { database: Identifier::exact("mydb").expect("a name"), session: 99 };
        ok(&mut sim, c[0], &close.to_string());
        for change in [ChangeSql::Stop(name.clone()), ChangeSql::Reset(name.clone()), ChangeSql::DropReplication(name)]
        {
            ok(&mut sim, c[0], &change.to_string());
        }
    }
}

/// REPLICATION_PORT_NO 0 switches replication off: views are empty, starts are refused, the rest works.
#[test]
fn without_a_replication_port() {
    for generation in BOTH {
        let mut sim = super::Sim::new(1);
        let mut config = crate::server::PodConfig::new(generation, "10.0.0.0");
        sim.add_pod(config.clone()).expect("a pod starts");
        let c = sim.connect_sys(0).expect("SYS logs in");
        ok(&mut sim, c, TABLE);
        ok(&mut sim, c, "CREATE REPLICATION R01 WITH '10.0.0.1', 20301 FROM SYS.T1 TO SYS.T1");
        ok(&mut sim, c, "ALTER REPLICATION R01 START RETRY");
        config.replication_port = 0;
        *sim.config_mut(0) = config;
        sim.kill(0);
        sim.start(0).expect("the pod starts");
        let c = sim.connect_sys(0).expect("SYS logs in");
        let codes = ["START", "SYNC", "FLUSH", "STOP", "RESET"]
            .map(|verb| native(&mut sim, c, &format!("ALTER REPLICATION R01 {verb}")));
        assert_eq!(codes, [397_347, 397_347, 397_347, 397_351, 0]);
        assert!(super::rows(&mut sim, c, "SELECT * FROM V$REPEXEC").is_empty());
    }
}

/// One replication over very many tables: nothing takes time with the square of their number.
#[test]
fn many_tables_in_one_replication() {
    const TABLES: usize = 2_000;
    let (mut sim, c) = pods(crate::server::Generation::V7_2, 2, 1);
    let items: Vec<_> = (0..TABLES).map(|n| format!("FROM SYS.M{n} TO SYS.M{n}")).collect();
    for (client, peer) in [(c[0], 1), (c[1], 0)] {
        for n in 0..TABLES {
            ok(&mut sim, client, &format!("CREATE TABLE M{n} (I1 INTEGER PRIMARY KEY)"));
        }
        let host = sim.ip(peer);
        ok(&mut sim, client, &format!("CREATE REPLICATION R01 WITH '{host}', 20301 {}", items.join(", ")));
    }
    ok(&mut sim, c[0], "INSERT INTO M1999 VALUES (1)");
    ok(&mut sim, c[0], "ALTER REPLICATION R01 SYNC");
    let counted = "SELECT SUM(REPLICATION_COUNT) FROM SYSTEM_.SYS_TABLES_";
    assert_eq!(super::number(&mut sim, c[0], counted), 2_000);
    assert_eq!(super::number(&mut sim, c[0], "SELECT COUNT(*) FROM V$REPSYNC"), 2_000);
    assert_eq!(super::number(&mut sim, c[1], "SELECT COUNT(*) FROM M1999"), 1);
}
