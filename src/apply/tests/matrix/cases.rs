//! Every goal, and a life in which its plan has much to do.

use super::life::{Life, PODS, ordinary, pod};
use crate::{
    attributes::{Attributes, Conflict, GroupMode},
    conf::GroupId,
    desired::{Desired, Goal},
    plan::testing,
};

/// A goal, the life it is asked for in, and what a person does afterwards.
pub struct Case {
    pub name: &'static str,
    pub goal: Goal,
    pub life: fn() -> Life,
    /// Pods that start before the goal is asked for again: those that were in service and died, the master before the
    /// others, as a StatefulSet does it.
    pub first: &'static [u8],
    /// Pods that start afterwards.
    pub then: &'static [u8],
    /// Who holds the rows in the end.
    pub joined: &'static [u8],
    /// Who never comes back.
    pub gone: Option<u8>,
}

fn restarted(n: u8) -> Life {
    let life = Life::started(PODS);
    life.sql(1, "INSERT INTO T1 VALUES (100, 'before')");
    life.pass(8);
    life.cluster.sim().kill(usize::from(n));
    life.sql((n + 1) % PODS, "INSERT INTO T1 VALUES (200, 'meanwhile')");
    life.cluster.sim().start(usize::from(n)).unwrap();
    life.pass(3);
    life
}

fn ended() -> Life {
    let life = Life::started(PODS);
    life.reach(Goal::End(pod(2)));
    life
}

fn full_join() -> Life {
    let life = Life::started(2);
    life.sql(1, "INSERT INTO T1 VALUES (100, 'of pod 1')");
    life
}

fn eager(goal: Goal) -> Desired {
    let mut desired = ordinary(goal);
    for group in desired.groups.values_mut() {
        group.attributes = Attributes::new(GroupMode::Eager, Conflict::None, []).expect("EAGER alone");
    }
    desired
}

fn eager_join() -> Life {
    let life = Life::booted().wanting(eager);
    life.start(2);
    life.sql(1, "INSERT INTO T1 VALUES (100, 'of pod 1')");
    life
}

/// Pod 2 has a row that pod 0 never got, and pod 1 has forgotten it meanwhile.
fn unsent() -> Life {
    let life = Life::started(PODS);
    life.pass(8);
    life.cluster.sim().rules.cut(2, 0);
    life.sql(2, "INSERT INTO T1 VALUES (300, 'unsent')");
    life.pass(3);
    life.cluster.sim().kill(2);
    life.sql(1, "ALTER REPLICATION AKU_REP_12 STOP");
    life.sql(1, "ALTER REPLICATION AKU_REP_12 RESET");
    life.cluster.sim().start(2).unwrap();
    // The server starts its senders by itself.
    life.sql(2, "ALTER REPLICATION AKU_REP_02 STOP");
    life.sql(2, "ALTER REPLICATION AKU_REP_12 STOP");
    life.sql(2, "ALTER REPLICATION AKU_REP_12 RESET");
    life.cluster.sim().heal(2, 0);
    life.pass(3);
    life
}

fn leaving() -> Life {
    let life = Life::started(PODS);
    life.sql(2, "INSERT INTO T1 VALUES (300, 'of pod 2')");
    life
}

/// T1 and T3, of which aku.conf later wants T1 and T2.
fn other_tables(goal: Goal) -> Desired {
    let mut desired = ordinary(goal);
    if let Some(group) = desired.groups.get_mut(&GroupId(0)) {
        group.targets = vec![testing::target("T1"), testing::target("T3")];
    }
    desired
}

fn with_other_tables() -> Life {
    let life = Life::booted().wanting(other_tables);
    for n in 0..PODS {
        life.table(n, "T3");
        life.sql(n, "DELETE FROM T2");
    }
    life.start(PODS);
    life
}

/// Everything that can be corrected where it stands: an item too many, one missing, an address, a sender that is down.
fn astray() -> Life {
    let life = with_other_tables().wanting(ordinary);
    life.pass(8);
    life.sql(1, "INSERT INTO T1 VALUES (100, 'of pod 1')");
    life.sql(1, "ALTER REPLICATION AKU_REP_01 STOP");
    life.sql(1, "ALTER REPLICATION AKU_REP_01 ADD HOST '10.9.9.9', 20301");
    life.sql(1, "ALTER REPLICATION AKU_REP_01 START");
    life.sql(2, "ALTER REPLICATION AKU_REP_12 STOP");
    life.sql(2, "INSERT INTO T1 VALUES (200, 'of pod 2')");
    life
}

/// A table that aku.conf gained holds rows on pod 0, so it is copied.
fn gained() -> Life {
    let life = with_other_tables().wanting(ordinary);
    for key in 0..4 {
        life.sql(0, &format!("INSERT INTO T2 VALUES ({key}, 'new')"));
    }
    life.sql(2, "INSERT INTO T1 VALUES (200, 'of pod 2')");
    life.pass(8);
    life
}

/// Pod 0 came back with an empty volume.
fn lost_master() -> Life {
    let life = Life::started(PODS);
    life.sql(2, "INSERT INTO T1 VALUES (200, 'of pod 2')");
    life.sql(1, "INSERT INTO T2 VALUES (100, 'of pod 1')");
    life.pass(8);
    life.cluster.sim().wipe(0);
    life.sql(1, "INSERT INTO T1 VALUES (101, 'meanwhile')");
    life.cluster.sim().start(0).unwrap();
    life.tables(0);
    life.pass(8);
    life
}

/// Pod 2 is taken away, and the others keep log for it.
fn abandoned() -> Life {
    let life = Life::started(PODS);
    life.pass(8);
    life.cluster.sim().kill(2);
    life.sql(1, "INSERT INTO T1 VALUES (100, 'of pod 1')");
    life.pass(8);
    life
}

fn in_service() -> Life {
    let life = Life::started(PODS);
    life.sql(1, "INSERT INTO T1 VALUES (100, 'of pod 1')");
    life
}

/// All of them, or the one that `AKU_CASE` names.
pub fn cases() -> Vec<Case> {
    let one = std::env::var("AKU_CASE").ok();
    all().into_iter().filter(|case| one.as_deref().is_none_or(|name| name == case.name)).collect()
}

fn all() -> Vec<Case> {
    let start = |name, n, life| Case {
        name,
        goal: Goal::Start(pod(n)),
        life,
        first: &[],
        then: &[],
        joined: &[0, 1, 2],
        gone: None,
    };
    let of_all = |name, goal, life| Case { goal, ..start(name, 0, life) };
    vec![
        Case { joined: &[0], ..start("first start of the master", 0, Life::booted as fn() -> Life) },
        Case { first: &[0, 1], ..start("full join", 2, full_join) },
        Case { first: &[0, 1], ..start("full join of an eager group", 2, eager_join) },
        Case { first: &[0, 1], ..start("full join with unsent rows", 2, unsent) },
        Case { first: &[0, 1], ..start("catch-up of a slave", 2, || restarted(2)) },
        Case { first: &[1, 2], ..start("catch-up of the master", 0, || restarted(0)) },
        Case { first: &[0, 1], joined: &[0, 1], ..of_all("end", Goal::End(pod(2)), leaving) },
        Case { first: &[0, 1], joined: &[0, 1], ..of_all("clean", Goal::Clean(pod(2)), ended) },
        of_all("clean everywhere", Goal::CleanEverywhere, in_service),
        Case { then: &[0, 1, 2], ..of_all("reconcile", Goal::Reconcile, astray) },
        Case { then: &[0, 1, 2], ..of_all("reconcile with a copy", Goal::Reconcile, gained) },
        Case { then: &[0, 1, 2], ..of_all("recover", Goal::Recover(Some(pod(1))), lost_master) },
        Case { first: &[0, 1], joined: &[0, 1], gone: Some(2), ..of_all("forget", Goal::Forget(pod(2)), abandoned) },
    ]
}
