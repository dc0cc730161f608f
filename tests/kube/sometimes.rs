//! Scenarios of AKU_KUBE_ALL=1.

use std::num::NonZeroU32;

use aku::db::wire::Cell;
use aku_lab::Pace;
use aku_stateful::cluster::{Came, Cordon, How};
use rustix::process::Signal;

use crate::stage::{Stage, aku};

/// Whether the long scenarios are left out.
fn left_out() -> bool {
    let left_out = std::env::var_os("AKU_KUBE_ALL").is_none();
    if left_out {
        println!("left out: set AKU_KUBE_ALL=1");
    }
    left_out
}

#[test]
fn s02_scale_down_and_up() {
    if left_out() {
        return;
    }
    for (name, reset) in [("2 scale, positions kept", "0"), ("2 scale, positions reset", "1")] {
        let mut stage = Stage::new(name);
        stage.conf("AKU_REPLICATION_RESET_AT_END", reset);
        stage.install(4);
        let before: Vec<_> = (0..4).map(|pod| stage.copies(pod)).collect();
        stage.let_write();
        stage.cluster.scale(2);
        stage.settled(2);
        assert_eq!(stage.story(&["deleted", "gone"]), ["3 deleted", "3 gone", "2 deleted", "2 gone"]);
        stage.let_write();
        stage.cluster.scale(4);
        stage.settled(4);
        let again: Vec<_> = (0..4).map(|pod| stage.copies(pod) - before[usize::from(pod)]).collect();
        assert_eq!(again, if reset == "1" { [0, 0, 1, 1] } else { [0; 4] }, "{name}: who was copied anew");
        stage.end(4);
    }
}

#[test]
fn s04_a_template_that_never_gets_ready() {
    if left_out() {
        return;
    }
    let stage = Stage::new("4 broken template");
    stage.install(3);
    let good = stage.manifests(&["--create-database", "--replicas", "3"]);
    let before = stage.cluster.pods();
    stage.cluster.apply(&good.replace("--server-stop=120s", "--server-stop=soon")).unwrap();
    let fails = |n| move |pods: &aku_stateful::cluster::Pods| pods.get(&2).is_some_and(|p| p.restarts >= n);
    stage.wait("pod 2 to fail over and over", fails(3));
    stage.cluster.apply(&good).unwrap();
    // The right template mends nothing: the controller waits for a pod that never gets ready.
    stage.wait("pod 2 to fail once more", fails(4));
    let broken = stage.cluster.pods();
    assert_eq!([broken[&0].uid, broken[&1].uid], [before[&0].uid, before[&1].uid], "the others are untouched");
    stage.let_write();
    stage.cluster.delete(2, How::InOrder);
    stage.settled(3);
    stage.end(3);
}

#[test]
fn s07_a_grace_that_is_too_short() {
    if left_out() {
        return;
    }
    let stage = Stage::at_pace("7 short grace", Pace::Real);
    let good = stage.manifests(&["--create-database", "--replicas", "3"]);
    let grace = good.lines().find(|l| l.contains("terminationGracePeriodSeconds:")).unwrap();
    let short = good.replace(grace, "      terminationGracePeriodSeconds: 3");
    let (code, out) = aku(&["k8s", "lint", "-", "--conf", &stage.conf_file()], &short);
    assert!(code == Some(2) && out.contains("error[K301]"), "{out}");
    stage.cluster.apply(&short).unwrap();
    stage.settled(3);
    stage.let_write();
    stage.cluster.delete(2, How::InOrder);
    stage.wait("another pod 2", |pods| pods.get(&2).is_none_or(|p| !p.terminating));
    assert_eq!(stage.story(&["SIGKILL"]), ["2 SIGKILL"]);
    stage.settled(3);
    stage.end(3);
}

/// The manifests with `aku -p end` as the preStop hook as well.
fn with_hook(stage: &Stage, flags: &[&str]) -> String {
    let hook = "          lifecycle:\n            preStop:\n              exec:\n                command:\n                  \
                - aku\n                  - -p\n                  - end\n          readinessProbe:\n";
    stage.manifests(flags).replacen("          readinessProbe:\n", hook, 1)
}

#[test]
fn s08_hook_and_first_process_both_end_the_pod() {
    if left_out() {
        return;
    }
    let stage = Stage::new("8 hook beside aku run");
    stage.cluster.apply(&with_hook(&stage, &["--create-database", "--replicas", "3"])).unwrap();
    stage.settled(3);
    for pod in [2, 0] {
        stage.let_write();
        stage.cluster.delete(pod, How::InOrder);
        stage.settled(3);
    }
    assert_eq!(stage.story(&["preStop", "SIGKILL", "FailedPreStopHook"]), ["2 preStop", "0 preStop"]);
    stage.end(3);
}

#[test]
fn s09_a_hook_that_runs_twice() {
    if left_out() {
        return;
    }
    let stage = Stage::new("9 hook twice");
    stage.cluster.apply(&with_hook(&stage, &["--create-database", "--replicas", "3"])).unwrap();
    stage.settled(3);
    stage.let_write();
    stage.cluster.delete(2, How::InOrder);
    stage.until("the hook", || !stage.story(&["preStop"]).is_empty());
    stage.cluster.restart_kubelet(2);
    stage.settled(3);
    assert_eq!(stage.story(&["preStop once more", "SIGKILL"]), ["2 preStop once more"]);
    stage.end(3);
}

#[test]
fn s10_the_node_of_pod_0_is_drained() {
    if left_out() {
        return;
    }
    let stage = Stage::new("10 drain");
    stage.install(3);
    stage.let_write();
    let before = stage.cluster.pods()[&0].clone();
    stage.good(stage.cluster.drain(&before.node));
    stage.settled(3);
    let after = stage.cluster.pods()[&0].clone();
    assert!(after.node != before.node && after.ip != before.ip, "{before:?} {after:?}");
    stage.end(3);
}

#[test]
fn s11_two_pods_on_one_volume() {
    if left_out() {
        return;
    }
    let stage = Stage::new("11 force delete");
    stage.install(2);
    stage.let_write();
    // The new pod goes to the node of the old one, which has not heard that it is gone.
    let old = stage.cluster.pods()[&1].clone();
    for node in ["node-a", "node-b"].iter().filter(|node| **node != old.node) {
        stage.cluster.cordon(node, Cordon::Closed);
    }
    stage.cluster.delete(1, How::Unheard);
    stage.until("the second container to find the volume taken", || {
        stage.cluster.log(1).contains("another container has this volume")
    });
    assert_ne!(stage.cluster.pods()[&1].uid, old.uid);
    assert!(stage.story(&["ended with 6"]).iter().all(|s| s.starts_with('1')));
    stage.cluster.hear();
    stage.settled(2);
    stage.end(2);
}

#[test]
fn s12_the_volume_of_a_slave_is_lost() {
    if left_out() {
        return;
    }
    let stage = Stage::new("12 volume of a slave");
    stage.install(3);
    stage.let_write();
    stage.clients().keep_off(1);
    stage.flush(&[0, 1, 2]);
    stage.cluster.lose_volume(1);
    let before = stage.copies(1);
    stage.cluster.delete(1, How::InOrder);
    stage.settled(3);
    assert_eq!(stage.copies(1), before + 1);
    stage.clients().come_back(1);
    stage.end(3);
}

#[test]
fn s14_everything_is_killed_at_once() {
    if left_out() {
        return;
    }
    let stage = Stage::new("14 all at once");
    stage.install(3);
    stage.let_write();
    let seen = stage.story(&["created"]).len();
    stage.cluster.lose_power();
    stage.settled(3);
    assert_eq!(stage.story(&["created"])[seen..], ["0 created", "1 created", "2 created"]);
    stage.let_write();
    // All containers of pods that stay: they come back side by side.
    for pod in 0..3 {
        stage.cluster.kill(pod);
    }
    stage.wait("all pods", |pods| pods.values().all(|p| p.ready && p.restarts == 1));
    stage.end(3);
}

#[test]
fn s15_the_set_is_deleted_without_scaling_down() {
    if left_out() {
        return;
    }
    let stage = Stage::new("15 delete sts");
    stage.install(3);
    stage.let_write();
    stage.cluster.delete_set();
    stage.wait("no pod", std::collections::BTreeMap::is_empty);
    stage.cluster.apply(&stage.manifests(&["--create-database", "--replicas", "3"])).unwrap();
    stage.settled(3);
    stage.end(3);
}

#[test]
fn s16_a_startup_limit_shorter_than_the_join() {
    if left_out() {
        return;
    }
    let stage = Stage::copying("16 startup limit", Pace::Fast, NonZeroU32::new(400));
    let flags = ["--create-database", "--startup-limit", "100s", "--replicas"];
    stage.cluster.apply(&stage.manifests(&[&flags[..], &["1"]].concat())).unwrap();
    stage.settled(1);
    let mut session = stage.session(0);
    session.execute("ALTER SESSION SET AUTOCOMMIT = FALSE").unwrap();
    for key in 0..4000 {
        session.execute(&format!("INSERT INTO SYS.T2 VALUES ({key}, 'old', 0)")).unwrap();
    }
    session.execute("COMMIT").unwrap();
    stage.cluster.scale(2);
    stage.wait("pod 1 to be killed in its join, twice", |pods| pods.get(&1).is_some_and(|p| p.restarts >= 2));
    assert!(stage.story(&["the startup probe failed"]).len() >= 2);
    stage.let_write();
    // A longer limit, and the pod that holds everything up is deleted by hand.
    stage.cluster.apply(&stage.manifests(&["--create-database", "--replicas", "2"])).unwrap();
    stage.cluster.delete(1, How::InOrder);
    stage.settled(2);
    stage.end(2);
}

#[test]
fn s17_a_wrong_password() {
    if left_out() {
        return;
    }
    let stage = Stage::new("17 wrong password");
    stage.install(1);
    stage.cluster.secret("altibase-sys", "password", "not-this-1").unwrap();
    stage.cluster.scale(2);
    for restarts in 0..2 {
        stage.until("a refused login", || {
            stage.last_words(1).contains("PARKED") && stage.last_words(1).contains("exit 77")
        });
        assert_eq!(stage.cluster.pods()[&1].restarts, restarts, "a joiner is not restarted for it");
        assert_eq!(stage.state(1), "PARKED");
        if restarts == 0 {
            stage.cluster.kill(1);
            stage.wait("a restart", |pods| pods[&1].restarts == 1);
        }
    }
    stage.let_write();
    assert!(!stage.cluster.log(1).contains("not-this-1"));
    stage.cluster.secret("altibase-sys", "password", "manager").unwrap();
    stage.cluster.signal(1, Signal::HUP);
    stage.settled(2);
    stage.end(2);
}

#[test]
fn s18_a_peer_whose_name_nobody_tells() {
    if left_out() {
        return;
    }
    let stage = Stage::new("18 no name server");
    stage.install(2);
    stage.let_write();
    stage.cluster.silence(&[0]);
    // A pod that has its rows comes back without pod 0, and keeps log for it.
    stage.cluster.delete(1, How::InOrder);
    stage.settled(2);
    assert!(stage.cluster.log(1).contains("W102-pod-broken"));
    // One that has none waits: it cannot be told whether pod 0 is there.
    stage.cluster.scale(3);
    stage.until("a start that cannot tell", || stage.last_words(2).contains("PARKED"));
    let why = stage.last_words(2);
    assert!(why.contains("it may succeed by itself"), "{why}");
    stage.let_write();
    stage.cluster.silence(&[]);
    stage.settled(3);
    // Servers look names up again when their senders try again, which is a matter of theirs.
    let sends = |pod| {
        let rows = stage.sql(pod, "SELECT STATUS FROM V$REPSENDER WHERE REP_NAME = 'AKU_REP_01'");
        matches!(rows.first().map(Vec::as_slice), Some([Cell::Int(1)]))
    };
    stage.until("pods 0 and 1 to send to each other", || sends(0) && sends(1));
    stage.flush(&[0, 1, 2]);
    stage.end(3);
}

#[test]
fn s19_the_drift_job_during_a_roll_out() {
    if left_out() {
        return;
    }
    let stage = Stage::new("19 drift in a roll-out");
    stage.install(3);
    let job = || stage.cluster.job("altibase-sts-drift").unwrap();
    assert_eq!(job().0, Came::Code(0));
    stage.cluster.apply(&stage.manifests(&["--replicas", "3"])).unwrap();
    let mut codes = std::collections::BTreeMap::new();
    while !stage.cluster.is_settled(3) {
        let (came, out) = job();
        *codes.entry(format!("{came:?}")).or_insert(0) += 1;
        // 2 is drift. A pod that is on its way is none, and what cannot be told is 7.
        assert!([Came::Code(0), Came::Code(7)].contains(&came), "{came:?}\n{out}");
    }
    println!("{codes:?}");
    let (came, out) = job();
    assert_eq!(came, Came::Code(0), "{out}");
    stage.end(3);
}

#[test]
fn s20_more_pods_than_aku_conf_has() {
    if left_out() {
        return;
    }
    let stage = Stage::new("20 too many pods");
    stage.install(4);
    stage.cluster.scale(5);
    stage.wait("pod 4 to be refused, twice", |pods| pods.get(&4).is_some_and(|p| p.restarts >= 2));
    let why = stage.cluster.pods()[&4].message.clone();
    assert!(why.contains("X200-surplus-pod") && !stage.cluster.pods()[&4].ready, "{why}");
    assert!(!stage.cluster.log(4).contains("BOOT"), "no server is started for nothing");
    assert!((0..4).all(|pod| stage.cluster.pods()[&pod].ready));
    stage.let_write();
    stage.cluster.scale(4);
    stage.settled(4);
    stage.end(4);
}
