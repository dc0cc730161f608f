//! What the apply engine costs (`plan-apply-anchors.md` 5.5): `cargo bench --bench engine`. Prints each figure beside its
//! bound and ends with 1 when one is missed. `AKU_BENCH_ROUNDS` (default 20) sets how often each is repeated.
#![allow(clippy::unwrap_used)] // A bench that cannot run says so by panicking.

mod cluster;
mod dag;
mod terraform;

use std::process::ExitCode;

/// One figure beside its bound.
struct Figure {
    what: &'static str,
    got: f64,
    bound: f64,
    sense: Sense,
}

#[derive(Clone, Copy)]
enum Sense {
    AtMost,
    AtLeast,
}

impl Figure {
    fn holds(&self) -> bool {
        match self.sense {
            Sense::AtMost => self.got <= self.bound,
            Sense::AtLeast => self.got >= self.bound,
        }
    }

    fn print(&self) {
        let sign = match self.sense {
            Sense::AtMost => "<=",
            Sense::AtLeast => ">=",
        };
        let verdict = if self.holds() { "ok" } else { "MISSED" };
        println!("{:<68} {:>9.3}  {sign} {:>8.3}  {verdict}", self.what, self.got, self.bound);
    }
}

fn rounds() -> usize {
    std::env::var("AKU_BENCH_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(20)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() -> ExitCode {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load {}", load.trim());
    let mut figures = dag::figures();
    figures.extend(cluster::figures());
    for figure in &figures {
        figure.print();
    }
    terraform::compare();
    if figures.iter().all(Figure::holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
