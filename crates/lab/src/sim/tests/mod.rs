//! Whole servers under virtual time.

mod conformance;
mod crew;
mod facts;
mod join;
mod offline;
mod pace;
mod random;
mod speed;
mod stamps;
mod statements;
mod verbs;
mod volumes;

use aku_db::wire::{Cell, Response};

use super::{ClientId, Sim};
use crate::server::{Generation, PodConfig};

pub(super) const SECOND: u64 = 1_000_000;
pub(super) const BOTH: [Generation; 2] = [Generation::V2018, Generation::V7_2];

/// Pods with one SYS session each.
pub(super) fn pods(generation: Generation, count: usize, seed: u64) -> (Sim, Vec<ClientId>) {
    let mut sim = Sim::new(seed);
    let mut clients = Vec::new();
    for pod in 0..count {
        sim.add_pod(PodConfig::new(generation, format!("10.0.0.{pod}"))).expect("a pod starts");
        clients.push(sim.connect_sys(pod).expect("SYS logs in"));
    }
    (sim, clients)
}

/// Must succeed without rows.
pub(super) fn ok(sim: &mut Sim, client: ClientId, sql: &str) {
    match sim.execute(client, sql) {
        Response::Done { .. } => {}
        other => panic!("{sql}: {other:?}"),
    }
}

/// Native code of a refusal, 0 for success.
pub(super) fn native(sim: &mut Sim, client: ClientId, sql: &str) -> i32 {
    code(&sim.execute(client, sql))
}

pub(super) fn code(response: &Response) -> i32 {
    match response {
        Response::Error { native, .. } => *native,
        Response::Done { .. } | Response::Rows { .. } | Response::Connected { .. } => 0,
    }
}

/// Rows of a query.
pub(super) fn rows(sim: &mut Sim, client: ClientId, sql: &str) -> Vec<Vec<Cell>> {
    match sim.execute(client, sql) {
        Response::Rows { rows, .. } => rows,
        other => panic!("{sql}: {other:?}"),
    }
}

/// The single number of a query.
pub(super) fn number(sim: &mut Sim, client: ClientId, sql: &str) -> i64 {
    match rows(sim, client, sql).first().and_then(|r| r.first()) {
        Some(Cell::Int(n)) => *n,
        other => panic!("{sql}: {other:?}"),
    }
}

/// A replication of T1 between two pods, on one of them.
pub(super) fn create(sim: &mut Sim, client: ClientId, name: &str, peer: usize) {
    let host = sim.ip(peer);
    ok(sim, client, &format!("CREATE REPLICATION {name} WITH '{host}', 20301 FROM SYS.T1 TO SYS.T1"));
}

pub(super) const TABLE: &str = "CREATE TABLE T1 (I1 INTEGER PRIMARY KEY, C2 VARCHAR(20))";

/// Contents of T1.
pub(super) fn contents(sim: &mut Sim, client: ClientId) -> Vec<Vec<Cell>> {
    rows(sim, client, "SELECT I1, C2 FROM T1 ORDER BY I1")
}
