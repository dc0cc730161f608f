//! Scenarios of every run.

use rustix::process::Signal;

use crate::stage::Stage;

#[test]
fn s01_install() {
    let stage = Stage::new("1 install");
    stage.install(4);
    let order = stage.story(&["created", "Ready"]);
    assert_eq!(
        order,
        ["0 created", "0 Ready", "1 created", "1 Ready", "2 created", "2 Ready", "3 created", "3 Ready"]
    );
    stage.end(4);
}

#[test]
fn s03_rolling_restart_under_load() {
    let stage = Stage::new("3 rolling restart");
    stage.install(4);
    let before: Vec<_> = (0..4).map(|pod| stage.copies(pod)).collect();
    let seen = stage.cluster.events().len();
    // `kubectl rollout restart` adds an annotation; any other change of the template does the same.
    stage.cluster.apply(&stage.manifests(&["--replicas", "4"])).unwrap();
    stage.settled(4);
    let order: Vec<String> = stage.story(&["deleted", "Ready"]).split_off(
        stage.cluster.events()[..seen].iter().filter(|e| e.text.ends_with(": Ready")).count(),
    );
    assert_eq!(
        order,
        ["3 deleted", "3 Ready", "2 deleted", "2 Ready", "1 deleted", "1 Ready", "0 deleted", "0 Ready"]
    );
    let after: Vec<_> = (0..4).map(|pod| stage.copies(pod)).collect();
    assert_eq!(before, after, "AKU_REPLICATION_RESET_AT_END = 0: everybody catches up");
    assert!(stage.story(&["SIGKILL"]).is_empty());
    stage.end(4);
}

#[test]
fn s05_every_pod_is_killed() {
    let stage = Stage::new("5 SIGKILL");
    stage.install(3);
    for pod in [0, 1, 2] {
        stage.let_write();
        let before = stage.cluster.pods()[&pod].clone();
        if pod == 1 {
            // The first process alone: in a container nobody outlives it.
            stage.cluster.signal(pod, Signal::KILL);
        } else {
            stage.cluster.kill(pod);
        }
        stage.wait("a restart", |pods| pods[&pod].restarts > before.restarts && pods[&pod].ready);
        assert_eq!(stage.cluster.pods()[&pod].uid, before.uid, "it is the same pod");
    }
    stage.end(3);
}

#[test]
fn s13_the_volume_of_pod_0_is_lost() {
    let stage = Stage::new("13 volume of pod 0");
    stage.install(2);
    stage.let_write();
    // What is on pod 0 alone is gone with it: nobody writes there, and the rest is sent.
    stage.clients.as_ref().unwrap().keep_off(0);
    stage.flush(&[0, 1]);
    stage.cluster.lose_volume(0);
    stage.cluster.delete(0, aku_stateful::cluster::How::InOrder);
    // A database is made in the empty volume, and it is not let in: pod 1 has the rows.
    stage.wait("a refused start", |pods| {
        pods.get(&0).is_some_and(|p| !p.ready) && stage.cluster.file(0, "/dev/termination-log").contains("PARKED")
    });
    let why = stage.cluster.file(0, "/dev/termination-log");
    println!("{why}");
    assert!(stage.cluster.pods()[&1].ready);
    stage.clients.as_ref().unwrap().come_back(0);
}
