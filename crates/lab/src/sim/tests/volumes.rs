//! A volume that is put back (`measured.md` 9.2).

use super::{ClientId, SECOND, Sim, TABLE, contents, create, number, ok, pods};
use crate::server::Generation;

fn running_pair() -> (Sim, Vec<ClientId>) {
    let (mut sim, c) = pods(Generation::V7_2, 2, 1);
    for (client, peer) in [(c[0], 1), (c[1], 0)] {
        ok(&mut sim, client, TABLE);
        create(&mut sim, client, "R01", peer);
    }
    for client in &c {
        ok(&mut sim, *client, "ALTER REPLICATION R01 START");
    }
    (sim, c)
}

fn insert(sim: &mut Sim, client: ClientId, keys: std::ops::Range<i64>) {
    for key in keys {
        ok(sim, client, &format!("INSERT INTO T1 VALUES ({key}, 'a')"));
    }
}

#[test]
fn a_pod_that_was_put_back_is_not_heard_until_it_starts_anew() {
    let (mut sim, c) = running_pair();
    insert(&mut sim, c[1], 0..5);
    sim.run_for(SECOND);
    let volume = sim.snapshot(1);
    insert(&mut sim, c[1], 5..50);
    insert(&mut sim, c[0], 100..110);
    ok(&mut sim, c[1], "ALTER REPLICATION R01 FLUSH WAIT 5");
    ok(&mut sim, c[0], "ALTER REPLICATION R01 FLUSH WAIT 5");
    let signature = "SELECT COUNT(*) FROM V$DATABASE WHERE DB_SIGNATURE = 'x'";
    assert_eq!(number(&mut sim, c[1], signature), 0);
    let applied = "SELECT APPLY_XSN FROM V$REPRECEIVER";
    let before = number(&mut sim, c[0], applied);

    sim.restore(1, &volume);
    sim.start(1).expect("the pod starts");
    sim.run_for(SECOND);
    let back = sim.connect_sys(1).expect("SYS logs in");
    assert_eq!(contents(&mut sim, back).len(), 5, "what was committed since is missing");
    assert!(number(&mut sim, c[0], applied) < before, "the only trace at the peer");
    assert_eq!(number(&mut sim, back, "SELECT STATUS FROM V$REPSENDER"), 1);

    let there = contents(&mut sim, c[0]).len();
    insert(&mut sim, back, 200..203);
    sim.run_for(SECOND);
    assert_eq!(contents(&mut sim, c[0]).len(), there, "dropped");
    assert_eq!(number(&mut sim, back, "SELECT REP_GAP FROM V$REPGAP"), 0);
    ok(&mut sim, back, "ALTER REPLICATION R01 STOP");
    ok(&mut sim, back, "ALTER REPLICATION R01 START");
    ok(&mut sim, c[0], "ALTER REPLICATION R01 STOP");
    ok(&mut sim, c[0], "ALTER REPLICATION R01 RESET");
    ok(&mut sim, c[0], "ALTER REPLICATION R01 START");
    insert(&mut sim, back, 203..206);
    sim.run_for(SECOND);
    assert_eq!(contents(&mut sim, c[0]).len(), there, "neither STOP and START nor RESET on the peer help");

    ok(&mut sim, back, "ALTER REPLICATION R01 STOP");
    ok(&mut sim, back, "ALTER REPLICATION R01 RESET");
    ok(&mut sim, back, "ALTER REPLICATION R01 START");
    insert(&mut sim, back, 206..208);
    sim.run_for(SECOND);
    assert_eq!(contents(&mut sim, c[0]).len(), there + 2, "new rows flow, dropped ones never come");
}

#[test]
fn a_pod_that_was_put_back_is_heard_again_when_its_log_has_grown() {
    let (mut sim, c) = running_pair();
    let volume = sim.snapshot(1);
    insert(&mut sim, c[1], 0..20);
    ok(&mut sim, c[1], "ALTER REPLICATION R01 FLUSH WAIT 5");
    sim.restore(1, &volume);
    sim.start(1).expect("the pod starts");
    sim.run_for(SECOND);
    let back = sim.connect_sys(1).expect("SYS logs in");
    insert(&mut sim, back, 100..160);
    sim.run_for(SECOND);
    let arrived = contents(&mut sim, c[0]).len() - 20;
    assert!((20..60).contains(&arrived), "{arrived} of 60");
}

#[test]
fn the_memory_of_a_peer_ends_with_its_process() {
    let (mut sim, c) = running_pair();
    let volume = sim.snapshot(1);
    insert(&mut sim, c[1], 0..20);
    ok(&mut sim, c[1], "ALTER REPLICATION R01 FLUSH WAIT 5");
    sim.kill(0);
    sim.restore(1, &volume);
    for pod in [0, 1] {
        sim.start(pod).expect("the pod starts");
    }
    sim.run_for(SECOND);
    let c = [0, 1].map(|pod| sim.connect_sys(pod).expect("SYS logs in"));
    insert(&mut sim, c[1], 100..103);
    sim.run_for(SECOND);
    assert_eq!(contents(&mut sim, c[0]).len(), 23);
}

#[test]
fn a_cloned_volume_is_the_same_database() {
    let (mut sim, c) = running_pair();
    let volume = sim.snapshot(0);
    sim.restore(1, &volume);
    sim.start(1).expect("the pod starts");
    let clone = sim.connect_sys(1).expect("SYS logs in");
    let signature = "SELECT DB_SIGNATURE FROM V$DATABASE";
    assert_eq!(super::rows(&mut sim, clone, signature), super::rows(&mut sim, c[0], signature));
}
