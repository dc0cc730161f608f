//! The same operations in one thread, one after the other, in an order that the caller chooses among what may begin: a
//! run that a seed repeats. For tests; what hangs is not watched here and nothing is cancelled.

use std::{
    collections::BTreeMap,
    sync::{Arc, mpsc},
};

use super::{
    context::Context,
    control::{self, Control, StopSource},
    engine,
    event::{Outcome, Report},
    schedule::{Admit, Schedule, SideEffect},
    slot::Slot,
    stop::{StopFlag, StopLevel},
    work::Work,
    worker,
};
use crate::plan::{Plan, cost};

/// Carries out a plan. `pick` is given how many actions may begin and says which does.
pub(crate) fn run(plan: &Plan, context: &Context, stop: &StopFlag, pick: &mut dyn FnMut(usize) -> usize) -> Report {
    let shared = Arc::new(engine::shared(plan, context));
    let mut schedule = Schedule::new(&plan.actions, &cost::turns(&plan.actions), |_| None);
    let (send, _heard_by_nobody) = mpsc::channel();
    let mut outcomes: BTreeMap<_, Outcome> = BTreeMap::new();
    let began = context.clock.now();
    let wish = StopSource::new(context, stop.clone());
    loop {
        let why = || "the run was stopped".to_owned();
        let admit = match wish.level() {
            StopLevel::Go => Admit::All,
            StopLevel::Finish | StopLevel::Hurry => Admit::PutBack(why()),
            StopLevel::Abort => Admit::Nothing(why()),
        };
        outcomes.extend(schedule.settle(&admit));
        let ready = schedule.ready(|_| usize::MAX);
        let Some(action) = ready.get(pick(ready.len())).and_then(|id| plan.action(*id)) else { break };
        schedule.begin(action.id);
        let slot = Arc::new(Slot::default());
        let control = Control { wish: wish.clone(), yields_at: control::yields_at(action) };
        let mut work = Work::new(&shared, action, control, &slot, &send);
        let outcome = worker::carry_out(&mut work);
        let trace = if work.memory.sent { SideEffect::Some } else { SideEffect::None };
        drop(work);
        schedule.end(action.id, &outcome, trace);
        outcomes.insert(action.id, outcome);
    }
    outcomes.extend(schedule.give_up("the actions wait for each other in a circle"));
    shared.sessions.close();
    let took = context.clock.now().saturating_duration_since(began);
    Report { outcomes, took, stopped: stop.raised_by().first().map(|s| (*s).to_owned()) }
}
