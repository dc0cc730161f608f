//! Half-applied plans on small worlds: which actions are done, what is done again, and what bars the rest.

use aku_core::{desired::Goal, sql::setting::Setting};

use super::*;
use crate::testing::{Worlds, desired, ord};

/// Pods 0 and 1 in service, pod 2 fresh, pod 3 not created.
fn fresh() -> Worlds {
    let w = Worlds::new(desired(Goal::Start(ord(2)), 4, 1)).up(0, 0).up(1, 0).up(2, 1);
    let w = w.pair(0, 1, "LL").side(0, 2, 'R').side(0, 3, 'R').side(1, 2, 'R').side(1, 3, 'R');
    w.rows(0, 100).rows(2, 5)
}

struct Half {
    plan: Plan,
    facts: Facts,
}

impl Half {
    fn of(w: &Worlds) -> Self {
        let plan = crate::make(&w.desired, &w.observed).unwrap();
        let facts = Facts::of(&plan, &w.desired, &w.observed);
        Self { plan, facts }
    }

    fn find(&self, is: impl Fn(&Op) -> bool) -> ActionId {
        self.plan.actions.iter().find(|a| is(&a.op)).unwrap().id
    }

    /// Everything up to an action, itself excluded, that runs in any case.
    fn before(&self, id: ActionId) -> CompletedActions {
        let normal = |a: &&Action| !matches!(a.run, RunWhen::Undo { .. });
        self.plan.actions.iter().filter(|a| a.id < id).filter(normal).map(|a| (a.id, PriorOutcome::Did)).collect()
    }

    /// The world after these actions, in the order of the plan.
    fn after(&self, ids: impl IntoIterator<Item = ActionId>) -> Facts {
        let mut now = self.facts.clone();
        for id in ids {
            for post in &self.facts.uses[&id].post {
                if let Some(f) = now.all.iter_mut().find(|f| f.pod == post.pod && f.key == post.key) {
                    f.value.clone_from(&post.value);
                }
            }
        }
        now
    }

    fn left(&self, now: &Facts, past: &CompletedActions) -> Result<Vec<ActionId>, Changes> {
        let done = done(&self.plan, &self.facts, now, past)?;
        Ok(self.plan.actions.iter().map(|a| a.id).filter(|id| !done.contains_key(id)).collect())
    }

    fn from(&self, id: ActionId) -> Vec<ActionId> {
        self.plan.actions.iter().map(|a| a.id).filter(|a| *a >= id).collect()
    }
}

fn set(now: &mut Facts, key: &str, pod: u8, value: &str) {
    let f = now.all.iter_mut().find(|f| f.pod == ord(pod) && f.key == key).unwrap_or_else(|| panic!("no fact {key}"));
    value.clone_into(&mut f.value);
}

/// Actions by number that do not follow each other in the DAG end up on either side; what is left always contains
/// everything that waits for something left.
fn closed(half: &Half, left: &[ActionId]) {
    for a in &half.plan.actions {
        if a.waits().any(|id| left.contains(&id)) {
            assert!(left.contains(&a.id), "{} waits for what is left: {left:?}", a.id);
        }
    }
}

#[test]
fn it_goes_on_from_every_point_where_it_was_cut_off_between_two_actions() {
    let goals = [Goal::Start(ord(2)), Goal::End(ord(1)), Goal::Clean(ord(1))];
    for goal in goals {
        let mut w = fresh();
        w.desired.goal = goal;
        let half = Half::of(&w);
        for a in &half.plan.actions {
            let past = half.before(a.id);
            let now = half.after(past.keys().copied());
            let left = half.left(&now, &past).unwrap_or_else(|c| panic!("{goal:?} before {}: {c:#?}", a.id));
            closed(&half, &left);
            let undo = |id: &ActionId| matches!(half.plan.action(*id).unwrap().run, RunWhen::Undo { .. });
            // What is done and still so stays done; looks are made again, and what is empty may be emptied.
            let changes = |id: &ActionId| match half.plan.action(*id).unwrap().op.effect() {
                Effect::CopiesRows | Effect::ForgetsPosition | Effect::RemovesDefinition | Effect::Define => true,
                Effect::Observe | Effect::Run | Effect::DeletesRows | Effect::Setting | Effect::Marks => false,
            };
            let again: Vec<_> = left.iter().filter(|id| **id < a.id && changes(id) && !undo(id)).collect();
            assert!(again.is_empty(), "{goal:?} before {}: {again:?} of {left:?}", a.id);
            let protects = |op: &Op| matches!(op, Op::CheckEmpty { .. } | Op::CheckContents { .. });
            let copy = left.iter().any(|id| half.plan.action(*id).unwrap().op.effect() == Effect::CopiesRows);
            let looks = half.plan.actions.iter().filter(|a| protects(&a.op)).all(|a| left.contains(&a.id));
            assert!(!copy || looks, "{goal:?} before {}: copies without a look: {left:?}", a.id);
        }
    }
}

#[test]
fn without_a_journal_nothing_is_done_and_traces_bar() {
    let half = Half::of(&fresh());
    let create = half.find(|op| matches!(op, Op::CreateReplication { .. }));
    assert_eq!(half.left(&half.facts, &CompletedActions::new()), Ok(half.from(ActionId(1))));
    let changes = half.left(&half.after([create]), &CompletedActions::new()).unwrap_err();
    assert!(changes.matter.iter().all(|c| c.now != c.then && !c.used_by.is_empty()), "{changes:#?}");
    // A statement whose answer was lost: both are its own trace.
    let begun = CompletedActions::from([(create, PriorOutcome::Begun)]);
    for now in [half.facts.clone(), half.after([create])] {
        assert_eq!(half.left(&now, &begun), Ok(half.from(ActionId(1))));
    }
}

#[test]
fn what_was_taken_back_is_done_again_with_all_that_rests_on_it() {
    let half = Half::of(&fresh());
    let (pin, sync) = (half.find(|op| matches!(op, Op::Pin { .. })), half.find(|op| matches!(op, Op::Sync { .. })));
    let unpin = half.find(|op| matches!(op, Op::Unpin { .. }));
    let mut past = half.before(sync);
    past.insert(sync, PriorOutcome::Begun);
    past.insert(unpin, PriorOutcome::Did);
    // The copy never began: the handshake failed.
    let now = half.after(past.keys().copied().filter(|id| *id != sync));
    let left = half.left(&now, &past).unwrap();
    closed(&half, &left);
    for is in [
        |op: &Op| matches!(op, Op::Pin { .. }),
        |op: &Op| matches!(op, Op::Drain { .. }),
        |op: &Op| matches!(op, Op::Truncate { .. }),
        |op: &Op| matches!(op, Op::CheckEmpty { .. }),
        |op: &Op| matches!(op, Op::Sync { .. }),
        |op: &Op| matches!(op, Op::Unpin { .. }),
    ] {
        assert!(left.contains(&half.find(is)), "{left:?}");
    }
    // The same when nobody knows whether it was taken back: the pod shows it.
    past.insert(unpin, PriorOutcome::Begun);
    assert_eq!(half.left(&now, &past).unwrap(), left);
    // A setting that was put back is set again for the TRUNCATE that needs it.
    let sets = half.plan.actions.iter().filter(|a| matches!(a.op, Op::SetProperty { .. })).map(|a| a.id);
    assert!(sets.clone().count() >= 2 && sets.into_iter().all(|id| left.contains(&id)), "{left:?}");
    assert!(left.iter().all(|id| *id >= pin) || left.len() < half.plan.actions.len(), "{left:?}");
}

#[test]
fn a_copy_that_broke_off_is_never_taken_for_one_and_never_copied_into() {
    let half = Half::of(&fresh());
    let sync = half.find(|op| matches!(op, Op::Sync { .. }));
    let mut past = half.before(sync);
    past.insert(sync, PriorOutcome::Begun);
    // Killed in the middle: the pins stay, half of the rows are there, the source's side is live.
    let mut now = half.after(past.keys().copied());
    set(&mut now, "rows/SYS.T1", 2, "50");
    let changes = half.left(&now, &past).unwrap_err();
    assert!(changes.matter.iter().any(|c| c.key.ends_with("/side") && c.used_by.contains(&sync)), "{changes:#?}");
    // Where the side says that it was reset, the target is emptied and proved empty again.
    set(&mut now, "replication/AKU_REP_02/side", 0, "reset");
    match half.left(&now, &past) {
        Ok(left) => {
            closed(&half, &left);
            for is in [|op: &Op| matches!(op, Op::Truncate { .. }), |op: &Op| matches!(op, Op::CheckEmpty { .. })] {
                assert!(left.contains(&half.find(is)), "{left:?}");
            }
        }
        Err(changes) => panic!("{changes:#?}"),
    }
    // Rows that no copy of this plan can have brought.
    let mut past = half.before(sync);
    let mut now = half.after(past.keys().copied());
    set(&mut now, "rows/SYS.T1", 2, "7");
    past.remove(&sync);
    let changes = half.left(&now, &past).unwrap_err();
    assert!(changes.matter.iter().any(|c| c.key == "rows/SYS.T1" && c.now == "7"), "{changes:#?}");
}

#[test]
fn what_somebody_else_changed_bars_the_rest() {
    let half = Half::of(&fresh());
    let sync = half.find(|op| matches!(op, Op::Sync { .. }));
    let past = half.before(sync);
    let edits: [(&str, u8, &str); 4] = [
        ("property/ADMIN_MODE", 0, "1"),
        ("pod/view", 1, "broken"),
        ("pod/standing", 1, "not joined"),
        ("replication/AKU_REP_02/side", 2, "live"),
    ];
    for (key, pod, value) in edits {
        let mut now = half.after(past.keys().copied());
        set(&mut now, key, pod, value);
        let changes = half.left(&now, &past).unwrap_err();
        let one = changes.matter.iter().find(|c| c.key == key && c.pod == ord(pod));
        assert!(one.is_some_and(|c| c.now == value && !c.used_by.is_empty()), "{key}: {changes:#?}");
    }
    // A volume that was lost under a finished part.
    let mut now = half.after(past.keys().copied());
    set(&mut now, "database/signature", 2, "another");
    assert!(half.left(&now, &past).is_err());
}

#[test]
fn a_setting_that_a_kill_left_is_put_back_and_one_that_a_restart_lost_is_set_again() {
    let half = Half::of(&fresh());
    let truncate = half.find(|op| matches!(op, Op::Truncate { .. }));
    let set_one =
        half.find(|op| matches!(op, Op::SetProperty { property, to: 1, .. } if *property == Setting::DdlEnable));
    let back = half.find(|op| matches!(op, Op::SetProperty { property, to: 0, .. } if *property == Setting::DdlEnable));
    let past = half.before(truncate);
    let mut now = half.after(past.keys().copied());
    let left = half.left(&now, &past).unwrap();
    assert!(left.contains(&back), "{left:?}");
    set(&mut now, "property/REPLICATION_DDL_ENABLE", 2, "0");
    let left = half.left(&now, &past).unwrap();
    assert!(left.contains(&set_one) && left.contains(&truncate) && left.contains(&back), "{left:?}");
}

#[test]
fn the_rest_goes_no_further_than_a_plan_of_now() {
    let half = Half::of(&fresh());
    assert_eq!(beyond(&half.plan, &CompletedActions::new(), &half.plan), Vec::<&Action>::new());
    let mut fresh = half.plan.clone();
    for a in &mut fresh.actions {
        if let Op::Sync { rows, .. } = &mut a.op {
            *rows = Some(9);
        }
    }
    assert_eq!(beyond(&half.plan, &CompletedActions::new(), &fresh), Vec::<&Action>::new());
    fresh.actions.retain(|a| !matches!(a.op, Op::Truncate { .. }));
    let more = beyond(&half.plan, &CompletedActions::new(), &fresh);
    assert!(!more.is_empty() && more.iter().all(|a| matches!(a.op, Op::Truncate { .. })));
    let done: CompletedActions = more.iter().map(|a| (a.id, PriorOutcome::Did)).collect();
    assert_eq!(beyond(&half.plan, &done, &fresh), Vec::<&Action>::new());
}
