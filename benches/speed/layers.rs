//! 60 actions in 6 layers of 10, 10 ms a statement, ten at a time: the whole against its own critical path.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use aku::{
    apply::{self, StopFlag},
    plan::Plan,
};

use super::{
    Done, bound, fake,
    shapes::{self, Shape},
    table::{Gate, Series, Table, Unit, ms},
};

/// The DAG that `terraform apply` is compared on, too.
pub const ACTIONS: usize = 60;
/// What a statement takes.
pub const EACH: Duration = Duration::from_millis(10);
const PODS: u8 = 5;
const RUNS: usize = 20;

/// Wall time of one run, and its bound.
pub fn once() -> Result<(Duration, Duration), String> {
    let plan = shapes::plan(Shape::Layers, ACTIONS, PODS);
    let pods = Arc::new(fake::Sleepers::new(EACH));
    let context = fake::context(Arc::clone(&pods) as _, shapes::WIDTH);
    let began = Instant::now();
    let report = apply::run(&plan, &context, &StopFlag::new(), &mut |_| {});
    let wall = began.elapsed();
    if !report.complete() {
        return Err(format!("the run did not get to its end: {:?}", report.outcomes));
    }
    let slept = pods.slept();
    let took =
        |plan: &Plan| -> BTreeMap<_, _> { plan.actions.iter().map(|a| (a.id, slept[&shapes::object(a.id)])).collect() };
    let lanes = u32::try_from(shapes::WIDTH).unwrap_or(u32::MAX);
    let bound = bound::of(&plan, &took(&plan), |_| lanes).lanes;
    if wall < bound {
        return Err(format!("a run of {wall:?} was faster than its bound of {bound:?}, so the bound is wrong"));
    }
    Ok((wall, bound))
}

/// Measures.
pub fn run(table: &mut Table) -> Done {
    let runs = (0..RUNS).map(|_| once()).collect::<Result<Vec<_>, _>>()?;
    let walls = Series::new(runs.iter().map(|(wall, _)| ms(*wall)).collect());
    let bounds = Series::new(runs.iter().map(|(_, bound)| ms(*bound)).collect());
    let ratios = Series::new(runs.iter().map(|(wall, bound)| ms(*wall) / ms(*bound)).collect());
    table.line("60 actions, 6 layers of 10, 10 ms each: wall", Unit::Ms, &walls, Gate::None);
    table.line("critical path, from what each statement really took", Unit::Ms, &bounds, Gate::None);
    table.line("wall / critical path", Unit::Times, &ratios, Gate::AtMost(1.05));
    Ok(())
}
