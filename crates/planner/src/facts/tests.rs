//! Facts of real plans on small worlds: what bars a reviewed plan, what does not, and what a half-applied one still needs.

use aku_core::{desired::Goal, plan::Op};

use super::*;
use crate::testing::{Worlds, desired, ord};

/// Pods 0 and 1 in service, pod 2 fresh, pod 3 not created.
fn fresh() -> Worlds {
    let w = Worlds::new(desired(Goal::Start(ord(2)), 4, 1)).up(0, 0).up(1, 0).up(2, 1);
    let w = w.pair(0, 1, "LL").side(0, 2, 'R').side(0, 3, 'R').side(1, 2, 'R').side(1, 3, 'R');
    w.rows(0, 100).rows(2, 5)
}

fn made(w: &Worlds) -> (Plan, Facts) {
    let plan = crate::make(&w.desired, &w.observed).unwrap();
    let facts = Facts::of(&plan, &w.desired, &w.observed);
    (plan, facts)
}

fn changes(edit: impl Fn(Worlds) -> Worlds) -> Changes {
    let w = fresh();
    let (plan, facts) = made(&w);
    let now = edit(w);
    facts.changes(&Facts::of(&plan, &now.desired, &now.observed), &BTreeSet::new())
}

#[test]
fn what_does_not_matter_does_not_matter() {
    type Edit = fn(Worlds) -> Worlds;
    let edits: [(Edit, bool); 7] = [
        (|w| w, false),
        (|w| w.rows(0, 999).rows(2, 4), true),
        (|w| w.edit(0, 1, |r| r.position = aku_core::topology::Position::Live(9_999)), false),
        (|w| w.edit(1, 0, |r| r.sender = aku_core::observe::Sender::Trying), false),
        (|w| w.set(1, "REPLICATION_MAX_COUNT", 99), false),
        // A pod that came up and has not joined decides about itself.
        (|w| w.up(3, 1), true),
        (
            |mut w| {
                w.pod_mut(2).server.version = Some("7.9".to_owned());
                w
            },
            true,
        ),
    ];
    for (n, (edit, idle)) in edits.into_iter().enumerate() {
        let found = changes(edit);
        assert_eq!(found.matter, [], "edit {n}");
        assert_eq!(found.idle > 0, idle, "edit {n}: {found:#?}");
    }
}

#[test]
fn what_matters_is_named_with_the_actions_that_need_it() {
    type Edit = fn(Worlds) -> Worlds;
    let table: [(Edit, &str, &str, &str); 9] = [
        (|w| w.side(2, 0, 'R'), "pod 2 replication/AKU_REP_02/side", "missing", "reset"),
        (|w| w.side(0, 2, 'L'), "pod 0 replication/AKU_REP_02/side", "reset", "live"),
        (|w| w.set(0, "ADMIN_MODE", 1), "pod 0 property/ADMIN_MODE", "0", "1"),
        (|w| w.set(2, "REPLICATION_DDL_ENABLE", 1), "pod 2 property/REPLICATION_DDL_ENABLE", "0", "1"),
        (|w| w.broken(1), "pod 1 pod/view", "seen", "broken"),
        (|w| w.marker(aku_core::observe::MarkerView::Present), "pod 2 marker", "missing", "present"),
        (
            |mut w| {
                w.pod_mut(0).server.signature = Some("another database".to_owned());
                w
            },
            "pod 0 database/signature",
            "none",
            "another database",
        ),
        (
            |mut w| {
                w.pod_mut(2).tables.values_mut().for_each(|t| t.primary_key = false);
                w
            },
            "pod 2 tables/group-1",
            "2 of 2 fit",
            "0 of 2 fit",
        ),
        (|w| w.side(1, 0, 'R'), "pod 1 pod/standing", "joined", "not joined"),
    ];
    let w = fresh();
    let (plan, _) = made(&w);
    for (edit, what, then, now) in table {
        let found = changes(edit);
        let one = found.matter.iter().find(|c| format!("pod {} {}", c.pod, c.key) == what);
        let one = one.unwrap_or_else(|| panic!("{what} is not among {found:#?}"));
        assert!(one.then.starts_with(then) && one.now.starts_with(now), "{one:?}");
        assert!(!one.used_by.is_empty(), "{one:?}");
    }
    // Whoever empties a table hangs on the source.
    let found = changes(|w| w.set(0, "ADMIN_MODE", 1));
    let users = &found.matter.iter().find(|c| c.key == "property/ADMIN_MODE").unwrap().used_by;
    let truncates = plan.actions.iter().filter(|a| matches!(a.op, Op::Truncate { .. })).map(|a| a.id);
    assert!(truncates.clone().count() > 0 && truncates.into_iter().all(|id| users.contains(&id)), "{users:?}");
}

/// The world after an action, as far as facts tell.
fn after(facts: &Facts, done: &BTreeSet<ActionId>) -> Facts {
    let mut now = facts.clone();
    for (_, uses) in facts.uses.iter().filter(|(id, _)| done.contains(id)) {
        for post in &uses.post {
            if let Some(f) = now.all.iter_mut().find(|f| f.pod == post.pod && f.key == post.key) {
                f.value.clone_from(&post.value);
            }
        }
    }
    now
}

#[test]
fn a_half_applied_plan_goes_on_from_every_point_and_begins_from_none() {
    let (plan, facts) = made(&fresh());
    for n in 0..=plan.actions.len() {
        let done = ids(&plan.actions[..n]);
        let now = after(&facts, &done);
        assert_eq!(facts.changes(&now, &done).matter, [], "after {n} actions");
        let from_the_start = facts.changes(&now, &BTreeSet::new());
        // A fence on a pod that is closed already leaves no trace in the facts.
        let changed = now.all != facts.all;
        assert!(!changed || !from_the_start.done.is_empty() || from_the_start.idle > 0, "after {n} actions");
        // A world that only half looks like it is refused.
        let mut other = now.clone();
        let last_needs = facts.uses[&plan.actions.last().unwrap().id].pre.clone();
        if n < plan.actions.len() {
            let needed = other.all.iter_mut().find(|f| last_needs.contains(&f.id) && !f.volatile).unwrap();
            needed.value = "something else".to_owned();
            assert_ne!(facts.changes(&other, &done).matter, [], "after {n} actions");
        }
    }
    let first = plan.actions.iter().find(|a| matches!(a.op, Op::CreateReplication { .. })).unwrap().id;
    let done = BTreeSet::from([first]);
    assert_eq!(facts.changes(&after(&facts, &done), &BTreeSet::new()).done, [first]);
}

#[test]
fn numbers_follow_plan_and_configuration_alone() {
    let w = fresh();
    let (plan, facts) = made(&w);
    let elsewhere = Worlds::new(w.desired.clone());
    let blind = Facts::of(&plan, &elsewhere.desired, &elsewhere.observed);
    assert!(facts.same_questions(&blind));
    assert!(blind.all.iter().all(|f| f.value == "not seen" || f.value == "absent" || !f.value.is_empty()));
    let ids: Vec<u32> = facts.all.iter().map(|f| f.id.0).collect();
    assert_eq!(ids, (1..=u32::try_from(ids.len()).unwrap()).collect::<Vec<_>>());
    let cited: BTreeSet<FactId> =
        facts.uses.values().flat_map(|u| u.pre.iter().chain(u.because.facts())).copied().collect();
    assert!(cited.iter().all(|id| facts.all.iter().any(|f| f.id == *id)));
    assert_eq!(facts.uses.len(), plan.actions.len());
    assert!(facts.uses.values().all(|u| !u.pre.is_empty()), "an action that needs nothing");
    // Other goals have facts of their own.
    for goal in [Goal::End(ord(1)), Goal::Clean(ord(1)), Goal::Start(ord(1))] {
        let mut w = fresh();
        w.desired.goal = goal;
        let (plan, facts) = made(&w);
        assert_eq!(facts.changes(&facts, &BTreeSet::new()), Changes::default(), "{goal:?}");
        assert_eq!(facts.uses.len(), plan.actions.len());
    }
}

#[test]
fn the_whole_cluster_has_every_side() {
    let w = fresh();
    let facts = Facts::of_cluster(&w.desired, &w.observed);
    let sides = facts.all.iter().filter(|f| f.key.ends_with("/side")).count();
    assert_eq!(sides, 2 * w.desired.objects.len());
    assert_eq!(facts.value(ord(3), "pod/view"), Some("absent"));
    assert_eq!(facts.value(ord(1), "replication/AKU_REP_01/side"), Some("live"));
}
