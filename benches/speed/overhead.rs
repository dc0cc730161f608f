//! What the engine itself costs per action: statements that take no time, no journal, events told and thrown away.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use aku::apply::{self, StopFlag};

use super::{
    Done, fake,
    shapes::{self, Shape},
    table::{Gate, Series, Table, Unit, us},
};

const ACTIONS: usize = 600;
const RUNS: usize = 20;

/// Measures.
pub fn run(table: &mut Table) -> Done {
    for (what, shape) in [
        ("600 actions in 60 layers, per action", Shape::Layers),
        ("600 actions one after another, per action", Shape::Chain),
        ("600 actions that wait for nothing, per action", Shape::Flat),
    ] {
        let plan = shapes::plan(shape, ACTIONS, 5);
        let per_action = Series::of(RUNS, || {
            let context = fake::context(Arc::new(fake::Sleepers::new(Duration::ZERO)), shapes::WIDTH);
            let mut events = 0_usize;
            let began = Instant::now();
            let report = apply::run(&plan, &context, &StopFlag::new(), &mut |_| events += 1);
            let wall = began.elapsed();
            // A start and an end each, and those of the run.
            if report.complete() && events == 2 * ACTIONS + 2 {
                Ok(us(wall) / f64::from(u32::try_from(ACTIONS).unwrap_or(u32::MAX)))
            } else {
                Err(format!("{events} events; complete: {}", report.complete()))
            }
        })?;
        table.line(what, Unit::Us, &per_action, Gate::AtMost(200.0));
    }
    Ok(())
}
