//! Scenarios of every run.

use aku_stateful::cluster::How;
use rustix::process::Signal;

use crate::stage::{Stage, get};

#[test]
fn s01_install() {
    let stage = Stage::new("1 install");
    stage.install(4);
    let order = stage.story(&["created", "Ready"]);
    assert_eq!(order, ["0 created", "0 Ready", "1 created", "1 Ready", "2 created", "2 Ready", "3 created", "3 Ready"]);
    stage.end(4);
}

#[test]
fn s03_rolling_restart_under_load() {
    let stage = Stage::new("3 rolling restart");
    stage.install(4);
    let before: Vec<_> = (0..4).map(|pod| stage.copies(pod)).collect();
    let seen = stage.story(&["deleted", "Ready"]).len();
    // The template changes: databases are not made any more, and metrics are served.
    stage.cluster.apply(&stage.manifests(&["--replicas", "4", "--monitoring"])).unwrap();
    stage.settled(4);
    let order = stage.story(&["deleted", "Ready"]).split_off(seen);
    assert_eq!(order, ["3 deleted", "3 Ready", "2 deleted", "2 Ready", "1 deleted", "1 Ready", "0 deleted", "0 Ready"]);
    let after: Vec<_> = (0..4).map(|pod| stage.copies(pod)).collect();
    assert_eq!(before, after, "AKU_REPLICATION_RESET_AT_END = 0: everybody catches up");
    assert_eq!(stage.story(&["SIGKILL"]), [""; 0]);
    // Each pod serves, at the port that the PodMonitor names.
    for there in stage.cluster.pods().values() {
        let ok = |path| get(there.ip, 9440, path).filter(|(status, _)| status.contains(" 200 ")).map(|(_, text)| text);
        stage.until("metrics", || ok("/metrics").is_some());
        assert!(ok("/livez").is_some() && ok("/metrics").is_some_and(|page| !page.contains("manager")));
    }
    // Looks are 30 s apart; that of pod 0, which came back last, has all pods.
    let (_, page) = get(stage.cluster.pods()[&0].ip, 9440, "/metrics").unwrap();
    for pod in 0..4 {
        assert!(page.contains(&format!("aku_pod_up{{pod=\"{pod}\"}} 1\n")), "{page}");
    }
    let known = |line: &str| line.starts_with("aku_replication_retained_bytes{") && !line.ends_with("NaN");
    assert_eq!(page.lines().filter(|line| known(line)).count(), 12, "{page}");
    stage.end(4);
}

/// Kills everything in the container of a pod as soon as it is in a state; false when that had passed already.
fn killed_in(stage: &Stage, pod: u8, state: &str, later: &[&str]) -> bool {
    let uid = stage.cluster.pods()[&pod].uid;
    let mut killed = false;
    stage.until(state, || {
        let now = stage.state(pod);
        if now == state {
            stage.cluster.kill(pod);
            killed = true;
        }
        killed || later.contains(&now.as_str()) || stage.cluster.pods().get(&pod).is_none_or(|p| p.uid != uid)
    });
    killed
}

#[test]
fn s05_every_pod_is_killed_in_every_state() {
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
    // On the way up, from one restart to the next.
    let restarts = stage.cluster.pods()[&1].restarts;
    stage.cluster.kill(1);
    for (n, state) in [(1, "BOOT"), (2, "JOIN")] {
        stage.wait("a restart", |pods| pods[&1].restarts == restarts + n);
        assert!(killed_in(&stage, 1, state, &["SERVE"]), "{state}");
    }
    stage.wait("pod 1", |pods| pods[&1].restarts == restarts + 3 && pods[&1].ready);
    // On the way down.
    for state in ["END", "STOP"] {
        stage.let_write();
        stage.cluster.delete(2, How::InOrder);
        let killed = killed_in(&stage, 2, state, &[]);
        // A server of the lab stops in a few milliseconds, which nobody has to hit.
        assert!(killed || state == "STOP", "{state}");
        stage.settled(3);
    }
    stage.end(3);
}

#[test]
fn s06_a_marker_on_an_empty_dir_outlives_its_container_and_is_not_believed() {
    for (name, on_empty_dir) in [("6 restart, marker in the layer", false), ("6 restart, marker on an emptyDir", true)]
    {
        let stage = Stage::new(name);
        let mut yaml = stage.manifests(&["--create-database", "--replicas", "2"]);
        if on_empty_dir {
            let mount = "          volumeMounts:\n";
            yaml = yaml.replacen(mount, &format!("{mount}            - name: tmp\n              mountPath: /tmp\n"), 1);
            yaml =
                yaml.replacen("      volumes:\n", "      volumes:\n        - name: tmp\n          emptyDir: {}\n", 1);
        }
        stage.cluster.apply(&yaml).unwrap();
        stage.settled(2);
        for restarts in 1..=2 {
            stage.let_write();
            stage.cluster.kill(1);
            stage.wait("a restart", |pods| pods[&1].restarts >= restarts && pods[&1].ready);
            // It is ready after it was joined in this life, and not before.
            let joined = stage.cluster.log(1).matches("SERVE: the pod is joined and open").count();
            assert_eq!(joined, usize::try_from(restarts).unwrap() + 1, "{name}");
        }
        stage.end(2);
    }
}

#[test]
fn s13_the_volume_of_pod_0_is_lost() {
    let stage = Stage::new("13 volume of pod 0");
    stage.install(2);
    stage.let_write();
    // What is on pod 0 alone is gone with its volume: nobody writes there, and the rest is sent.
    stage.clients().keep_off(0);
    stage.flush(&[0, 1]);
    stage.cluster.lose_volume(0);
    stage.cluster.delete(0, How::InOrder);
    // A database is made in the empty volume, and it is not let in: pod 1 has the rows.
    stage.until("a refused start", || stage.last_words(0).contains("PARKED"));
    let why = stage.last_words(0);
    assert!(why.contains("exit 3"), "{why}");
    assert!(!stage.cluster.pods()[&0].ready && stage.cluster.pods()[&1].ready);
    assert!(!stage.rows(1).is_empty());
    // A person says whose rows count.
    let (code, out) = stage.exec(1, &["aku", "apply", "recover", "--from", "1", "--yes"]);
    println!("{why}\n{out}");
    assert_eq!(code, Some(0), "{out}");
    stage.cluster.signal(0, Signal::HUP);
    stage.settled(2);
    stage.clients().come_back(0);
    stage.end(2);
}
