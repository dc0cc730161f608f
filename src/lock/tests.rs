//! The lock on a little cluster of its own: order, waiting, loss.

use std::sync::atomic::{AtomicUsize, Ordering as Atomic};

use super::*;
use crate::apply::testing::{Cluster, FakeConnector, ScriptedPods};

/// Pods 0 and 1 in service, 2 and 3 in ADMIN_MODE.
fn cluster() -> Arc<Cluster> {
    let mut world = ScriptedPods::default();
    for n in 0..4 {
        world.pod(n).properties.insert("ADMIN_MODE", i64::from(n >= 2));
    }
    Cluster::new(world)
}

fn pod(n: u8) -> Ordinal {
    Ordinal::new(n).unwrap()
}

fn wanted(own: u8, patience: Duration) -> Wanted {
    Wanted {
        id: LockId::of("altibase-sts", "altibase-svc"),
        pods: (0..4).map(pod).collect(),
        own: pod(own),
        app: App {
            run: crate::run_id::RunId::new("2026-11-21T12:10:44Z".parse().unwrap()),
            goal: "start".to_owned(),
            pod: pod(own),
            pid: 7,
            host: "here".to_owned(),
        },
        connect_timeout: Duration::from_secs(1),
        patience,
    }
}

fn keeper(cluster: &Arc<Cluster>) -> Arc<SessionKeeper> {
    Arc::new(SessionKeeper::new(Arc::new(FakeConnector(Arc::clone(cluster)))))
}

fn pods(held: &Held) -> Vec<u8> {
    held.pods().into_iter().map(Ordinal::get).collect()
}

#[test]
fn pods_in_service_and_the_own_pod_are_locked() {
    let cluster = cluster();
    let keeper = keeper(&cluster);
    let held = acquire(&keeper, &wanted(2, Duration::ZERO), &mut |_| panic!("nobody is there")).unwrap();
    assert_eq!(pods(&held), [0, 1, 2]);
    assert_eq!(held.without_pods().keys().copied().collect::<Vec<_>>(), [pod(3)]);
    assert!(held.session(pod(0)).is_some() && held.session(pod(2)).is_none());
    // The single SYSDBA session of pod 2 serves the run, and nobody else gets one.
    let sysdba = login(&wanted(2, Duration::ZERO), Privilege::Sysdba);
    drop(keeper.connect(pod(2), &sysdba).unwrap());
    let other = FakeConnector(Arc::clone(&cluster));
    let refused = crate::db::Connector::connect(&other, pod(2), &sysdba).map(drop).unwrap_err();
    assert_eq!(refused.failure, ConnectFailure::SysdbaBusy);
    drop(held);
    crate::db::Connector::connect(&other, pod(2), &sysdba).unwrap();
}

/// Nobody is in service, so two runs about different pods have no pod to meet on; each keeps the other out of its own.
#[test]
fn where_nobody_is_in_service_a_run_keeps_others_out_of_its_pod() {
    let cluster = cluster();
    for n in 0..4 {
        cluster.world().pod(n).properties.insert("ADMIN_MODE", 1);
    }
    let (first, second) = (keeper(&cluster), keeper(&cluster));
    let on_2 = acquire(&first, &wanted(2, Duration::ZERO), &mut |_| panic!("nobody is there")).unwrap();
    let on_0 = acquire(&second, &wanted(0, Duration::ZERO), &mut |_| panic!("they cannot meet")).unwrap();
    assert_eq!((pods(&on_2), pods(&on_0)), (vec![2], vec![0]));
    let sysdba = login(&wanted(0, Duration::ZERO), Privilege::Sysdba);
    let other = |keeper: &Arc<SessionKeeper>, on| keeper.connect(pod(on), &sysdba).map(drop).map_err(|e| e.failure);
    // Also between two statements of the other, when its session is not lent.
    assert_eq!(other(&second, 2), Err(ConnectFailure::SysdbaBusy));
    assert_eq!(other(&first, 0), Err(ConnectFailure::SysdbaBusy));
    // A third pod is whose who comes first, and the people's between two runs.
    assert_eq!((other(&first, 1), other(&second, 1)), (Ok(()), Ok(())));
    let held = first.connect(pod(1), &sysdba).unwrap();
    assert_eq!(other(&second, 1), Err(ConnectFailure::SysdbaBusy));
    drop((held, on_2));
    assert_eq!((other(&second, 2), other(&second, 1)), (Ok(()), Ok(())));
}

#[test]
fn the_holder_is_named() {
    let cluster = cluster();
    let first = acquire(&keeper(&cluster), &wanted(2, Duration::ZERO), &mut |_| {}).unwrap();
    let mut rounds = 0;
    let patient = wanted(3, Duration::from_millis(250));
    let waiting = acquire(&keeper(&cluster), &patient, &mut |_| rounds += 1).unwrap_err();
    assert_eq!((waiting.pod, waiting.holder.unwrap().app.pod), (pod(0), pod(2)));
    assert!(rounds >= 1 && waiting.waited >= Duration::from_millis(250));
    assert_eq!(first.lost(), None);
}

#[test]
fn two_runs_are_never_inside_at_once() {
    let seed = crate::run_id::RunId::new(jiff::Timestamp::now()).as_str().bytes().map(u64::from).sum::<u64>();
    println!("seed {seed}");
    let (cluster, inside) = (cluster(), Arc::new(AtomicUsize::new(0)));
    let runs: Vec<_> = [2, 3, 1]
        .into_iter()
        .map(|own| {
            let (cluster, inside) = (Arc::clone(&cluster), Arc::clone(&inside));
            thread::spawn(move || {
                let mut dice = seed.wrapping_mul(u64::from(own) + 1) | 1;
                for _ in 0..6 {
                    let keeper = keeper(&cluster);
                    let held = acquire(&keeper, &wanted(own, Duration::from_secs(60)), &mut |_| {}).unwrap();
                    assert_eq!(inside.fetch_add(1, Atomic::SeqCst), 0, "somebody else is inside");
                    dice ^= dice << 13;
                    dice ^= dice >> 7;
                    for _ in 0..dice % 50 {
                        thread::yield_now();
                    }
                    assert!(pods(&held).starts_with(&[0, 1]) && held.lost().is_none());
                    inside.fetch_sub(1, Atomic::SeqCst);
                }
            })
        })
        .collect();
    for run in runs {
        run.join().unwrap();
    }
}

#[test]
fn a_lost_session_is_noticed() {
    let cluster = cluster();
    let held = acquire(&keeper(&cluster), &wanted(2, Duration::ZERO), &mut |_| {}).unwrap();
    cluster.world().pod(1).end_session(held.session(pod(1)).unwrap());
    let until = Instant::now() + Duration::from_secs(30);
    while held.lost().is_none() && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
    }
    assert!(held.lost().unwrap().starts_with("the lock on pod 1 was lost with its session"), "{:?}", held.lost());
}

#[test]
fn the_number_depends_on_both_names_and_is_stable() {
    let id = LockId::of("altibase-sts", "altibase-svc");
    assert_eq!(id, LockId::of("altibase-sts", "altibase-svc"));
    assert_ne!(id, LockId::of("altibase-sts", "other"));
    assert_ne!(id, LockId::of("other", "altibase-svc"));
    assert!((1..=0x7fff_ffff).contains(&id.0), "{id:?}");
}

#[test]
fn what_a_session_says_is_read_back() {
    let app = App {
        run: "20261121T121044Z-1f3a9c".parse().unwrap(),
        goal: "start".to_owned(),
        pod: Ordinal::new(2).unwrap(),
        pid: 4711,
        host: "altibase-sts-2".to_owned(),
    };
    let (text, run) = (app.to_string(), app.run.clone());
    assert_eq!(text, "aku lock 20261121T121044Z-1f3a9c start pod 2 pid 4711 on altibase-sts-2");
    assert_eq!(text.parse::<App>(), Ok(app.clone()));
    assert!(App { host: "h ".repeat(300), ..app }.to_string().len() <= 128);
    for ours in [&text, &working("start", app.pod, 7, Some(&run))] {
        assert!(is_of_a_run(ours) && ours.len() <= 128, "{ours}");
    }
    // Commands that only look are no run, and neither is whoever calls itself so.
    for other in ["aku", "aku lab", "isql", &working("start", app.pod, 7, None), "aku 0.1.0 start pod 2 pid 7 run x"] {
        assert!(!is_of_a_run(other), "{other}");
    }
    for other in ["", "aku lock", "aku 0.1.0 start pod 2 pid 7", "isql", "aku lock x start pod 2 pid 7 on h"] {
        assert!(other.parse::<App>().is_err(), "{other}");
    }
}
