//! What killed runs left set: every goal that finds it puts it back, and nobody takes it from a run that needs it.

use aku_core::{
    desired::Goal,
    observe::{Client, Sender},
    sql::setting::Setting,
};

use super::*;

const LOCK: &str = "REPLICATION_SYNC_LOCK_TIMEOUT";
const DDL: &str = "REPLICATION_DDL_ENABLE";

fn members(goal: Goal) -> Worlds {
    let w = Worlds::new(desired(goal, 3, 1)).up(0, 0).up(1, 0).up(2, 0);
    w.pair(0, 1, "LL").pair(0, 2, "LL").pair(1, 2, "LL")
}

/// `pod:set NAME=value` of every setting that is put back or changed.
fn sets(w: &Worlds) -> Vec<String> {
    steps(&made(w)).into_iter().filter(|s| s.contains(":set ")).collect()
}

fn at_work(mut w: Worlds, pod: u8, app: &str) -> Worlds {
    let client = |app: &str| Client {
        user: "SYS".to_owned(),
        app: app.to_owned(),
        from: "10.0.0.2".to_owned(),
        sysdba: false,
        sessions: 1,
    };
    w.pod_mut(pod).clients.push(client(app));
    w
}

#[test]
fn whoever_finds_a_setting_that_was_left_puts_it_back() {
    let left = |w: Worlds| w.set(0, LOCK, 0).set(1, DDL, 1);
    let closed = |w: Worlds| w.set(2, "ADMIN_MODE", 1);
    let back = ["0:set REPLICATION_SYNC_LOCK_TIMEOUT=30", "1:set REPLICATION_DDL_ENABLE=0"];
    assert_eq!(sets(&left(members(Goal::Reconcile))), back);
    assert_eq!(sets(&left(members(Goal::Start(ord(0))))), back, "pod 0, in service");
    assert_eq!(sets(&left(members(Goal::Start(ord(0))).set(0, "ADMIN_MODE", 1))), back, "pod 0 comes back");
    assert_eq!(sets(&left(closed(members(Goal::Start(ord(2)))))), back, "a catch-up");
    // Another pod that is closed has one session: a start leaves it to that pod's own start.
    let other = |goal| closed(members(goal)).set(2, DDL, 1);
    assert_eq!(sets(&other(Goal::Start(ord(1)))), [""; 0]);
    assert_eq!(sets(&other(Goal::Reconcile)), ["2:set REPLICATION_DDL_ENABLE=0"]);
    let text: Vec<_> = made(&left(members(Goal::Reconcile))).actions.into_iter().map(|a| a.because).collect();
    assert_eq!(codes(&text), [Code::SettingLeft; 2]);
}

/// The copy needs it as it was left, so it is put back once, after the copy, also when the copy fails.
#[test]
fn a_copy_puts_back_what_it_found() {
    let joins = |n| {
        let w = Worlds::new(desired(Goal::Start(ord(1)), 2, 1)).up(0, 0).side(0, 1, 'R').up(1, 1).rows(0, n).rows(1, 0);
        w.set(0, LOCK, 0).set(1, DDL, 1)
    };
    let plan = made(&joins(10));
    let sets: Vec<_> = plan.actions.iter().filter(|a| matches!(a.op, Op::SetProperty { .. })).collect();
    let words: Vec<_> = sets.iter().map(|a| step(a)).collect();
    assert_eq!(words, ["1:set REPLICATION_DDL_ENABLE=0", "0:set REPLICATION_SYNC_LOCK_TIMEOUT=30"]);
    assert!(sets.iter().all(|a| matches!(a.run, RunWhen::Always { .. })), "{sets:?}");
    assert_eq!(plan.notes.iter().filter(|n| n.code == Code::SettingLeft).count(), 2);
}

/// The value that the site had, where the run that changed it wrote it down.
#[test]
fn the_value_before_is_remembered() {
    let mut w = members(Goal::Reconcile).set(0, LOCK, 0);
    w.observed.remembered.entry(ord(0)).or_default().insert(Setting::SyncLockTimeout, 45);
    assert_eq!(sets(&w), ["0:set REPLICATION_SYNC_LOCK_TIMEOUT=45"]);
    // What another pod had is not what this one had, and what a run needs is nobody's value.
    w.observed.remembered.clear();
    w.observed.remembered.entry(ord(1)).or_default().insert(Setting::SyncLockTimeout, 45);
    w.observed.remembered.entry(ord(0)).or_default().insert(Setting::SyncLockTimeout, 0);
    assert_eq!(sets(&w), ["0:set REPLICATION_SYNC_LOCK_TIMEOUT=30"]);
}

#[test]
fn nothing_is_taken_from_a_run_that_is_at_work() {
    let left = |goal| members(goal).set(0, LOCK, 0);
    let run = "aku lock 20261121T121044Z-1f3a9c start pod 2 pid 7 on h";
    for goal in [Goal::Reconcile, Goal::Start(ord(1)), Goal::Start(ord(0))] {
        assert_eq!(sets(&at_work(left(goal), 0, run)), [""; 0], "{goal:?}");
        assert_eq!(sets(&left(goal).edit(0, 2, |r| r.sender = Sender::Syncing)), [""; 0], "{goal:?}");
        // A run that only looks, a person, and a run on another pod need nothing here.
        let back = ["0:set REPLICATION_SYNC_LOCK_TIMEOUT=30"];
        assert_eq!(sets(&at_work(left(goal), 0, "aku 0.1.0 start pod 0 pid 7")), back, "{goal:?}");
        assert_eq!(sets(&at_work(left(goal), 0, "isql")), back, "{goal:?}");
        assert_eq!(sets(&at_work(left(goal), 1, run)), back, "{goal:?}");
    }
}

/// The checker knows it by itself.
#[test]
fn a_plan_that_leaves_or_takes_a_setting_is_caught() {
    let rules = |plan: &Plan, w: &Worlds| -> Vec<&'static str> {
        check::check(plan, &w.desired, &w.observed).into_iter().map(|v| v.rule).collect()
    };
    let sound = members(Goal::Reconcile);
    let left = members(Goal::Reconcile).set(0, LOCK, 0);
    assert_eq!(rules(&made(&sound), &left), ["left-behind"]);
    assert_eq!(rules(&made(&left), &sound), ["put-back"]);
    let mut half = made(&left);
    half.actions[0].run = RunWhen::Always { armed_by: ActionId(1) };
    half.actions[0].op = Op::SetProperty { property: Setting::SyncLockTimeout, from: 0, to: 0 };
    assert_eq!(rules(&half, &left), ["put-back", "left-behind"]);
}
