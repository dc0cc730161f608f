//! What a look costs and what it survives, on lab servers of both builds.

use std::{collections::BTreeSet, sync::Arc};

use super::{Pod, RowCount, gather, observe_pod};
use crate::{
    db::{
        Cancel, DbError, Privilege, Rows, Session,
        error::native,
        lab,
        sql::{ChangeSql, ReadSql},
        wire::Response,
    },
    lab::{
        server::{Generation, PodConfig},
        sim::{ClientId, Sim},
    },
    topology::{Identifier, ReplicationName, Target},
};

struct NoCancel;

impl Cancel for NoCancel {
    fn cancel(&self) {}
}

/// Which refusal a query meets.
type Refuse = fn(&ReadSql) -> Option<i32>;

/// A session on a simulated pod that writes down what it is asked, and refuses what a rule says.
struct Recorder<'a> {
    sim: &'a mut Sim,
    client: ClientId,
    asked: Vec<ReadSql>,
    refuse: Refuse,
}

impl Session for Recorder<'_> {
    fn query(&mut self, sql: &ReadSql) -> Result<Rows, DbError> {
        self.asked.push(sql.clone());
        let refused = |native| DbError { sqlstate: "42S22".to_owned(), native, message: "refused".to_owned() };
        if let Some(native) = (self.refuse)(sql) {
            return Err(refused(native));
        }
        match self.sim.execute(self.client, &sql.to_string()) {
            Response::Error { sqlstate, native, message } => Err(DbError { sqlstate, native, message }),
            answer => Ok(lab::rows(answer)),
        }
    }

    fn execute(&mut self, sql: &ChangeSql) -> Result<(), DbError> {
        panic!("a look changes nothing: {sql}")
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        Arc::new(NoCancel)
    }
}

fn ok(sim: &mut Sim, client: ClientId, sql: &str) {
    let answer = sim.execute(client, sql);
    assert!(matches!(answer, Response::Done { .. }), "{sql}: {answer:?}");
}

fn sys() -> Vec<Identifier> {
    vec![Identifier::exact("SYS").unwrap()]
}

fn target(table: &str) -> Target {
    Target { user: sys().remove(0), table: Identifier::exact(table).unwrap(), partition: None }
}

/// Two pods that replicate T1 and T2, `tables` tables on each, another client on pod 0.
fn cluster(generation: Generation, tables: usize) -> (Sim, ClientId) {
    let mut sim = Sim::new(1);
    let mut clients = Vec::new();
    for pod in 0..2 {
        sim.add_pod(PodConfig::new(generation, format!("10.0.0.{pod}"))).unwrap();
        clients.push(sim.connect_sys(pod).unwrap());
    }
    for (pod, client) in clients.iter().enumerate() {
        for t in 1..=tables {
            // Key columns in another order than the table's.
            let sql = format!("CREATE TABLE T{t} (A VARCHAR(9), B INTEGER, C INTEGER, PRIMARY KEY (C, B))");
            ok(&mut sim, *client, &sql);
        }
        let sql = "CREATE TABLE P1 (I1 INTEGER PRIMARY KEY) PARTITION BY RANGE (I1) \
                   (PARTITION PA VALUES LESS THAN (9), PARTITION PB VALUES DEFAULT)";
        ok(&mut sim, *client, sql);
        let peer = 1 - pod;
        let sql =
            format!("CREATE REPLICATION R01 WITH '10.0.0.{peer}', 20301 FROM SYS.T1 TO SYS.T1, FROM SYS.T2 TO SYS.T2");
        ok(&mut sim, *client, &sql);
        ok(&mut sim, *client, "CREATE REPLICATION EMPTY1 WITH '10.0.0.9', 20301 FROM SYS.T1 TO SYS.T1");
    }
    for client in &clients {
        ok(&mut sim, *client, "ALTER REPLICATION R01 START");
    }
    let app = [("UID", "SYS"), ("PWD", "manager"), ("APP_INFO", "orders")];
    let other = sim.connect(0, &app).unwrap();
    for key in 0..3 {
        ok(&mut sim, other, &format!("INSERT INTO T1 VALUES ('x', {key}, {key})"));
    }
    let client = sim.connect_sys(0).unwrap();
    (sim, client)
}

fn looked(sim: &mut Sim, client: ClientId, refuse: Refuse) -> (Pod, usize) {
    let mut session = Recorder { sim, client, asked: Vec::new(), refuse };
    let pod = observe_pod(&mut session, Privilege::Normal, &[target("T1")]).unwrap();
    (pod, session.asked.len())
}

const BOTH: [Generation; 2] = [Generation::V2018, Generation::V7_2];

#[test]
fn nine_queries_whatever_the_number_of_tables() {
    for generation in BOTH {
        for tables in [2, 150] {
            let (mut sim, client) = cluster(generation, tables);
            let (pod, asked) = looked(&mut sim, client, |_| None);
            assert!(asked <= 9, "{asked} queries");
            assert_eq!(pod.tables.len(), tables + 1);
            let (name, t1) = pod.tables.iter().find(|(n, _)| n.table.as_str() == "T1").unwrap();
            assert_eq!(name.user.as_str(), "SYS");
            assert_eq!(t1.key.iter().map(ToString::to_string).collect::<Vec<_>>(), ["C", "B"]);
            assert!(t1.is_table && t1.primary_key && !t1.foreign_key);
            let layouts: BTreeSet<_> = pod.tables.values().map(|t| t.layout.clone()).collect();
            assert_eq!(layouts.len(), 2, "equal tables have one digest, P1 another: {layouts:?}");
            let p1 = pod.tables.iter().find(|(n, _)| n.table.as_str() == "P1").unwrap().1;
            assert_eq!(p1.partitions.iter().map(Identifier::as_str).collect::<Vec<_>>(), ["PA", "PB"]);
            let r01 = &pod.replications[&ReplicationName::exact("R01").unwrap()];
            assert_eq!((r01.hosts.len(), r01.items.len(), r01.sender), (1, 2, super::Sender::Running));
            assert!(r01.receiver.is_some() && r01.gap == Some(0) && r01.position.is_live(), "{r01:?}");
            let orders: Vec<_> = pod.clients.iter().filter(|c| c.app == "orders").collect();
            assert_eq!(orders.len(), 1, "{:?}", pod.clients);
            assert_eq!((orders[0].user.as_str(), orders[0].from.as_str()), ("SYS", "TCP 127.0.0.1"));
            // The session that asks is not among the others: one of the set-up, one of the application.
            assert_eq!(pod.clients.iter().map(|c| c.sessions).sum::<usize>(), 2);
        }
    }
}

#[test]
fn what_cannot_be_asked_at_once_is_asked_one_by_one_with_the_same_answers() {
    for generation in BOTH {
        let (mut sim, client) = cluster(generation, 3);
        let (at_once, _) = looked(&mut sim, client, |_| None);
        let (one_by_one, asked) = looked(&mut sim, client, |sql| match sql {
            ReadSql::FactBatch(_) => Some(native::SYNTAX),
            ReadSql::Definitions => Some(native::NO_COLUMN),
            _ => None,
        });
        assert_eq!(asked, 9 + 8 + 1);
        assert_eq!(at_once, one_by_one);
    }
}

#[test]
fn an_older_server_lacks_views_and_that_is_all() {
    let (mut sim, client) = cluster(Generation::V7_2, 2);
    let (pod, _) = looked(&mut sim, client, |sql| match sql {
        ReadSql::FactBatch(crate::db::facts::FactBatch::Streams) | ReadSql::Gaps | ReadSql::Sessions => {
            Some(native::NO_TABLE)
        }
        _ => None,
    });
    let name = ReplicationName::exact("R01").unwrap();
    assert_eq!((pod.replications[&name].gap, pod.clients.len()), (None, 0));
    assert_eq!(pod.replications[&name].sender, super::Sender::Running);
    assert!(pod.server.characters.is_some() && pod.server.time_zone.is_some(), "{:?}", pod.server);
    // Who the server is does not hang on what else it can say.
    let (known, _) = looked(&mut sim, client, |sql| matches!(sql, ReadSql::ServerAndLocale).then_some(native::SYNTAX));
    assert_eq!((&known.server.version, &known.server.signature), (&pod.server.version, &pod.server.signature));
    assert_eq!((known.server.characters, known.server.time_zone), (None, None));
    // A catalog that cannot be read is a failure: an object that is not seen would be created anew.
    for refuse in [
        (|sql| matches!(sql, ReadSql::Definitions | ReadSql::DefinitionsOfOld).then_some(native::NO_COLUMN)) as Refuse,
        |sql| matches!(sql, ReadSql::Items).then_some(native::NO_TABLE),
    ] {
        let mut session = Recorder { sim: &mut sim, client, asked: Vec::new(), refuse };
        assert!(observe_pod(&mut session, Privilege::Normal, &[target("T1")]).is_err());
    }
}

#[test]
fn rows_are_counted_as_far_as_time_allows() {
    let (mut sim, client) = cluster(Generation::V2018, 2);
    let targets = [target("T1"), target("T2"), target("P1")];
    let mut count = |refuse: Refuse| {
        let mut session = Recorder { sim: &mut sim, client, asked: Vec::new(), refuse };
        let counts = gather::count(&mut session, &targets).unwrap();
        (counts.into_iter().map(|(_, n)| n).collect::<Vec<_>>(), session.asked.len())
    };
    let empty = RowCount::Counted(0);
    assert_eq!(count(|_| None), (vec![RowCount::Counted(3), empty, empty], 2));
    let slow: Refuse = |sql| matches!(sql, ReadSql::CountRows(_)).then_some(native::QUERY_TIMEOUT);
    assert_eq!(count(slow).0, [RowCount::AtLeast { at_least: 1 }, empty, empty]);
    let blind: Refuse = |sql| matches!(sql, ReadSql::AnyRows(_)).then_some(native::QUERY_TIMEOUT);
    assert_eq!(count(blind), (vec![RowCount::NotCounted; 3], 1));
}
