//! The lab carries loads: amounts that a slow path would not finish. No clock is looked at; a run that hangs is seen.

use super::{SECOND, TABLE, create, number, ok, pods};
use crate::server::Generation;

/// Rows 1 to `count`, by doubling.
fn fill(sim: &mut super::Sim, client: super::ClientId, count: i64) {
    ok(sim, client, "INSERT INTO T1 VALUES (1, 'row')");
    let mut have = 1;
    while have < count {
        let sql = format!("INSERT INTO T1 SELECT I1 + {have}, C2 FROM T1 WHERE I1 <= {}", count - have);
        ok(sim, client, &sql);
        have = (2 * have).min(count);
    }
}

#[test]
fn many_changes_pass_through_one_pair() {
    let (mut sim, c) = pods(Generation::V7_2, 2, 1);
    for (client, peer) in [(c[0], 1), (c[1], 0)] {
        ok(&mut sim, client, TABLE);
        create(&mut sim, client, "R01", peer);
        ok(&mut sim, client, "ALTER REPLICATION R01 RESET");
    }
    ok(&mut sim, c[0], "ALTER REPLICATION R01 START");
    fill(&mut sim, c[0], 20_000);
    ok(&mut sim, c[0], "UPDATE T1 SET C2 = 'new'");
    ok(&mut sim, c[0], "DELETE FROM T1 WHERE I1 <= 10000");
    ok(&mut sim, c[0], "ALTER REPLICATION R01 FLUSH ALL WAIT 60");
    assert_eq!(number(&mut sim, c[1], "SELECT COUNT(*) FROM T1 WHERE C2 = 'new'"), 10_000);
}

#[test]
fn a_large_table_is_copied_while_it_changes() {
    let (mut sim, c) = pods(Generation::V7_2, 2, 1);
    for (client, peer) in [(c[0], 1), (c[1], 0)] {
        ok(&mut sim, client, TABLE);
        create(&mut sim, client, "R01", peer);
    }
    fill(&mut sim, c[0], 50_000);
    sim.send(c[0], "ALTER REPLICATION R01 SYNC");
    sim.run_for(1_000);
    let writer = sim.connect_sys(0).expect("SYS logs in");
    ok(&mut sim, writer, "DELETE FROM T1 WHERE I1 > 40000");
    let answer = sim.wait(c[0]);
    assert_eq!(super::code(&answer), 0, "{answer:?}");
    ok(&mut sim, c[0], "ALTER REPLICATION R01 FLUSH ALL WAIT 60");
    sim.run_for(SECOND);
    assert_eq!(number(&mut sim, c[1], "SELECT COUNT(*) FROM T1"), 40_000);
}

/// Thousands of small scenarios fit into a minute; `AKU_CASES` asks for more of them.
#[test]
fn small_scenarios_are_cheap() {
    let cases: u64 = std::env::var("AKU_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(100);
    for seed in 0..cases {
        let (mut sim, c) = pods(Generation::V7_2, 2, seed);
        for (client, peer) in [(c[0], 1), (c[1], 0)] {
            ok(&mut sim, client, TABLE);
            create(&mut sim, client, "R01", peer);
            ok(&mut sim, client, "ALTER REPLICATION R01 START RETRY");
        }
        for key in 0..40 {
            let pod = usize::from(sim.rng().percent(50));
            ok(&mut sim, c[pod], &format!("INSERT INTO T1 VALUES ({key}, 'x')"));
        }
        for client in &c {
            ok(&mut sim, *client, "ALTER REPLICATION R01 FLUSH ALL WAIT 60");
        }
        assert_eq!(number(&mut sim, c[0], "SELECT COUNT(*) FROM T1"), 40);
        assert_eq!(number(&mut sim, c[1], "SELECT COUNT(*) FROM T1"), 40);
    }
}
