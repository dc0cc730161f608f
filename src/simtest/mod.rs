//! Proofs of planner and executor together on the deterministic lab: random configurations, worlds and faults under a
//! seed, in virtual time, in one thread.
//!
//! * [`sim_cluster`]: the simulated cluster with writers ([`writer`]), as a `Connector` and a `Clock`.
//! * [`scenario`]: what happens to a cluster: starts, ends, kills, lost volumes, meddling by hand. * [`goals`]: the other
//!   goals in it. * [`volumes`]: what storage does to it. * [`conf`]: its aku.conf, which somebody edits.
//! * [`convergence`]: what must hold when it is left alone.
//! * [`random`]: random lives. * [`advice`]: somebody does what is printed. * [`every_statement`]: the same life, stopped
//!   after each of its statements in turn. * [`repair`]: rows that differ, made the same beside writers.
//! * [`conflicts`]: lives whose servers decide who wins one.
//! * [`oracle`]: a search over an abstract model, with no planner code, that says whether a safe plan exists.
//!
//! `AKU_SEED=n` plays one case and tells it; `AKU_CASES=n` plays that many. Seeds that once failed are in
//! `regressions.txt` and are played in every run.

mod advice;
mod conf;
mod conflicts;
mod convergence;
mod dead_logs;
mod every_statement;
mod goals;
mod oracle;
mod random;
mod repair;
mod scenario;
mod sim_cluster;
mod volumes;
mod writer;

use std::{env, panic};

/// Seeds to play: one, or the remembered ones of that kind and then so many.
fn seeds(kind: &str, cases: u64) -> Vec<u64> {
    let number = |name| env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    if let Some(seed) = number("AKU_SEED") {
        return vec![seed];
    }
    let remembered = include_str!("regressions.txt").lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some(kind)).then(|| words.next()?.parse().ok()).flatten()
    });
    remembered.chain(0..number("AKU_CASES").unwrap_or(cases)).collect()
}

/// Plays every seed, and names all that fail.
fn play(kind: &str, cases: u64, case: impl Fn(u64) + panic::RefUnwindSafe) {
    let seeds = seeds(kind, cases);
    eprintln!("{kind}: {} cases", seeds.len());
    let failed: Vec<_> = seeds.into_iter().filter(|seed| panic::catch_unwind(|| case(*seed)).is_err()).collect();
    assert!(failed.is_empty(), "{kind}: seeds {failed:?} failed; play one alone with AKU_SEED");
}
