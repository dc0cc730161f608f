//! Random histories under a seed: whatever happened to processes and links, two live pods end up equal, and hold
//! everything that was acknowledged.
//!
//! Each run plays other seeds, from the one it prints on: `AKU_SEED` gives it again, `AKU_CASES` asks for more. Ten
//! thousand take less than a minute of one core in a release build.

use std::hash::{BuildHasher as _, RandomState};

use aku_db::wire::{Cell, Response};

use super::{
    BOTH, ClientId, SECOND, Sim, TABLE, contents, create,
    crew::{Crew, Style, Writer, compare},
    ok, pods,
};
use crate::server::Generation;

fn pair(generation: Generation, seed: u64) -> (Sim, Vec<ClientId>) {
    let (mut sim, clients) = pods(generation, 2, seed);
    for (client, peer) in [(clients[0], 1), (clients[1], 0)] {
        ok(&mut sim, client, TABLE);
        create(&mut sim, client, "R01", peer);
    }
    for client in &clients {
        ok(&mut sim, *client, "ALTER REPLICATION R01 START");
    }
    (sim, clients)
}

/// A statement on a pod that may be dead; the session is opened anew when it is gone.
fn attempt(sim: &mut Sim, clients: &mut [ClientId], pod: usize, sql: &str) -> Option<Response> {
    if !sim.is_up(pod) {
        return None;
    }
    if !sim.is_open(clients[pod]) {
        clients[pod] = sim.connect_sys(pod).ok()?;
    }
    Some(sim.execute(clients[pod], sql))
}

fn trouble(crew: &mut Crew, clients: &mut [ClientId], number: &mut i64, gone: &mut Vec<Writer>) {
    let sim = &mut crew.sim;
    let pod = usize::from(sim.rng().percent(50));
    match sim.rng().below(8) {
        0 => sim.kill(pod),
        1 | 2 => {
            sim.start(pod).expect("a pod starts");
        }
        3 => sim.rules.cut(pod, 1 - pod),
        4 | 5 => {
            sim.heal(0, 1);
            sim.heal(1, 0);
        }
        6 => {
            attempt(sim, clients, pod, "ALTER REPLICATION R01 STOP");
            attempt(sim, clients, pod, "ALTER REPLICATION R01 START RETRY");
        }
        _ => {
            let latency = 50 + sim.rng().below(5_000);
            sim.rules.set_latency(pod, 1 - pod, latency);
        }
    }
    gone.extend(crew.writers.extract_if(.., |w| !w.alive));
    let sim = &mut crew.sim;
    for pod in 0..2 {
        if sim.is_up(pod) && crew.writers.len() < 4 {
            *number += 1;
            let style = if sim.rng().percent(50) { Style::Autocommit } else { Style::Transactions };
            crew.writers.push(Writer::new(sim, pod, *number, style));
        }
    }
}

/// Everything is repaired; the pods are equal after both flushed.
fn quiesce(crew: &mut Crew, clients: &mut [ClientId], seed: u64) {
    let sim = &mut crew.sim;
    for pod in 0..2 {
        sim.start(pod).expect("a pod starts");
    }
    sim.heal(0, 1);
    sim.heal(1, 0);
    crew.rest();
    let sim = &mut crew.sim;
    sim.run_for(SECOND);
    for pod in 0..2 {
        // Ended by the trouble maker's STOP while the peer was away.
        attempt(sim, clients, pod, "ALTER REPLICATION R01 START RETRY");
    }
    for pod in 0..2 {
        let answer = attempt(sim, clients, pod, "ALTER REPLICATION R01 FLUSH ALL WAIT 300");
        assert!(matches!(answer, Some(Response::Done { .. })), "seed {seed}: pod {pod} flushes: {answer:?}");
    }
}

/// How much happens in a history.
#[derive(Clone, Copy)]
struct Length {
    troubles: u32,
    /// Microseconds between two of them, at most.
    pause: u64,
}

/// Some 50 statements.
const SHORT: Length = Length { troubles: 3, pause: 2_000 };
/// Several hundred.
const LONG: Length = Length { troubles: 12, pause: 7_000 };

/// What became of a history.
#[derive(Debug, PartialEq)]
struct Outcome {
    ended: u64,
    rows: Vec<Vec<Cell>>,
    statements: u64,
}

/// Plays one history.
fn history(generation: Generation, seed: u64, length: Length) -> Outcome {
    let (sim, mut clients) = pair(generation, seed);
    let mut crew = Crew::new(sim, Vec::new());
    let mut number = 0;
    let mut gone = Vec::new();
    for _ in 0..length.troubles {
        trouble(&mut crew, &mut clients, &mut number, &mut gone);
        let pause = length.pause / 6 + crew.sim.rng().below(length.pause - length.pause / 6);
        crew.run_for(pause);
    }
    quiesce(&mut crew, &mut clients, seed);
    let mut all: Vec<_> = clients.iter().map(|c| contents(&mut crew.sim, *c)).collect();
    assert_eq!(compare(&all[0], &all[1]), (0, 0, 0), "{generation:?} seed {seed}: pods differ");
    let kept: std::collections::BTreeMap<_, _> = all[0].iter().map(|r| (format!("{:?}", r[0]), r[1].clone())).collect();
    for writer in crew.writers.iter().chain(&gone) {
        // What was under way when the pod died may have been done or not.
        for (key, value) in writer.rows.iter().filter(|(key, _)| !writer.in_doubt(**key)) {
            let got = kept.get(&format!("{:?}", Cell::Int(*key)));
            assert_eq!(got, Some(&Cell::Text(value.clone())), "{generation:?} seed {seed}: row {key}");
        }
    }
    let statements = crew.writers.iter().chain(&gone).map(|w| w.done).sum();
    Outcome { ended: crew.sim.now(), rows: all.swap_remove(0), statements }
}

#[test]
fn the_same_seed_gives_the_same_history() {
    for seed in 0..5 {
        let play = || history(Generation::V7_2, seed, LONG);
        assert_eq!(play(), play(), "seed {seed}");
    }
}

#[test]
fn pods_are_equal_after_any_history() {
    let number = |name: &str| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let first = number("AKU_SEED").unwrap_or_else(|| RandomState::new().hash_one("histories") >> 16);
    let cases = number("AKU_CASES").unwrap_or(1_000);
    println!("pods_are_equal_after_any_history: AKU_SEED={first}, {cases} cases");
    let play = |n: u64| history(BOTH[usize::from(n.is_multiple_of(2))], first + n, SHORT).statements;
    let statements: u64 = (0..cases).map(play).sum();
    println!("{} statements in each", statements / cases.max(1));
}

#[test]
fn pods_are_equal_after_a_long_history() {
    for seed in 0..30 {
        history(BOTH[usize::from(seed % 2 == 0)], seed, LONG);
    }
}
