//! TIMESTAMP columns: who is later wins, whoever comes last (reference 7, "newer wins"; not recorded).

use aku_db::wire::Cell;

use super::{BOTH, ClientId, SECOND, Sim, contents, create, number, ok, pods};

/// Two pods with T1 on both, connected, and row 1.
fn pair(generation: crate::server::Generation) -> (Sim, Vec<ClientId>) {
    let (mut sim, c) = pods(generation, 2, 1);
    for (client, peer) in [(c[0], 1), (c[1], 0)] {
        ok(&mut sim, client, "CREATE TABLE T1 (I1 INTEGER PRIMARY KEY, C2 VARCHAR(20), C3 TIMESTAMP)");
        create(&mut sim, client, "R01", peer);
    }
    ok(&mut sim, c[0], "INSERT INTO T1 (I1, C2) VALUES (1, 'old')");
    ok(&mut sim, c[1], "INSERT INTO T1 (I1, C2) VALUES (1, 'old')");
    (sim, c)
}

fn text(sim: &mut Sim, client: ClientId) -> Vec<String> {
    let value = |row: Vec<Cell>| match row.as_slice() {
        [Cell::Int(_), Cell::Text(value)] => value.clone(),
        other => panic!("{other:?}"),
    };
    contents(sim, client).into_iter().map(value).collect()
}

/// Both change row 1 while nobody sends, pod 0 first, and both insert row 2; then both send, pod 1 first or last.
fn met(sim: &mut Sim, c: &[ClientId], first: usize) -> [Vec<String>; 2] {
    for client in c {
        // Each keeps its log from here on.
        ok(sim, *client, "ALTER REPLICATION R01 START RETRY");
        ok(sim, *client, "ALTER REPLICATION R01 STOP");
    }
    for (client, value) in [(c[0], "earlier"), (c[1], "later")] {
        ok(sim, client, &format!("UPDATE T1 SET C2 = '{value}' WHERE I1 = 1"));
        ok(sim, client, &format!("INSERT INTO T1 (I1, C2) VALUES (2, '{value}')"));
        sim.run_for(SECOND);
    }
    for pod in [first, 1 - first] {
        ok(sim, c[pod], "ALTER REPLICATION R01 START");
        ok(sim, c[pod], "ALTER REPLICATION R01 FLUSH WAIT 30");
    }
    sim.run_for(10 * SECOND);
    [text(sim, c[0]), text(sim, c[1])]
}

#[test]
fn the_later_change_wins_on_both_pods() {
    for generation in BOTH {
        for first in [0, 1] {
            let (mut sim, c) = pair(generation);
            let later = vec!["later".to_owned(); 2];
            assert_eq!(met(&mut sim, &c, first), [later.clone(), later], "{generation:?} {first}");
        }
    }
}

/// Without the property each keeps its own, as REPLICATION_INSERT_REPLACE and REPLICATION_UPDATE_REPLACE say.
#[test]
fn without_the_property_it_is_a_column_as_any_other() {
    for generation in BOTH {
        let (mut sim, c) = pair(generation);
        for client in &c {
            ok(&mut sim, *client, "ALTER SYSTEM SET REPLICATION_TIMESTAMP_RESOLUTION = 0");
        }
        let own = |value: &str| vec![value.to_owned(); 2];
        assert_eq!(met(&mut sim, &c, 0), [own("earlier"), own("later")], "{generation:?}");
    }
}

#[test]
fn the_catalog_tells_of_the_column() {
    for generation in BOTH {
        let (mut sim, c) = pair(generation);
        ok(&mut sim, c[0], "CREATE TABLE T2 (I1 INTEGER PRIMARY KEY)");
        ok(&mut sim, c[0], "ALTER TABLE T2 ADD COLUMN (C2 TIMESTAMP)");
        let sql = "SELECT COUNT(*) FROM SYSTEM_.SYS_CONSTRAINTS_ WHERE CONSTRAINT_TYPE = 5";
        assert_eq!(number(&mut sim, c[0], sql), 2);
        assert_eq!(number(&mut sim, c[1], sql), 1);
        let sql = "SELECT DATA_TYPE FROM SYSTEM_.SYS_COLUMNS_ WHERE COLUMN_NAME = 'C3'";
        assert_eq!(number(&mut sim, c[0], sql), 20_001);
    }
}
