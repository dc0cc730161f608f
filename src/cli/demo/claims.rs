//! Checks behind the demo's claims: rows and catalog, asked from the pods themselves.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use super::{
    DemoError,
    writer::{Book, Known},
};
use crate::{
    db::wire::{Cell, Response},
    lab::Lab,
    topology::Ordinal,
};

/// Rows of SYS.T1: C3 by I1.
pub(super) type Rows = BTreeMap<i64, i64>;

/// Longest wait for streams to deliver.
const SETTLE: Duration = Duration::from_secs(20);

/// Rows of T1 on a pod.
pub(super) fn rows(lab: &Lab, pod: Ordinal) -> Result<Rows, DemoError> {
    let answer = lab.sql(pod, "SELECT I1, C3 FROM T1")?;
    of_table(&answer).ok_or_else(|| DemoError::Claim(format!("pod {pod} returned rows of another shape")))
}

/// Two numbers of each row.
pub(super) fn of_table(answer: &Response) -> Option<Rows> {
    let Response::Rows { rows, .. } = answer else { return None };
    let number = |cell: &Cell| match cell {
        Cell::Int(n) => Some(*n),
        Cell::Text(t) => t.parse().ok(),
        Cell::Null => None,
    };
    let row = |row: &Vec<Cell>| match row.as_slice() {
        [key, value] => number(key).zip(number(value)),
        _ => None,
    };
    rows.iter().map(row).collect()
}

/// Waits until all pods hold the same rows, and returns how many.
pub(super) fn equal(lab: &Lab, pods: &[Ordinal]) -> Result<Rows, DemoError> {
    let deadline = Instant::now() + SETTLE;
    loop {
        let all = pods.iter().map(|pod| rows(lab, *pod)).collect::<Result<Vec<_>, _>>()?;
        if let Some(first) = all.first().filter(|first| all.iter().all(|r| r == *first)) {
            return Ok(first.clone());
        }
        if Instant::now() > deadline {
            let counts: Vec<_> = pods.iter().zip(&all).map(|(p, r)| format!("pod {p} has {}", r.len())).collect();
            return Err(DemoError::Claim(format!("the pods do not hold the same rows: {}", counts.join(", "))));
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Every acknowledged change is in `rows`; returns how many keys were looked at.
pub(super) fn kept(rows: &Rows, book: &Book) -> Result<usize, DemoError> {
    let wrong: Vec<_> = book
        .iter()
        .filter(|(key, known)| match known {
            Known::Is(value) => rows.get(key) != Some(value),
            Known::Gone => rows.contains_key(key),
            Known::Unknown => false,
        })
        .map(|(key, known)| format!("key {key}: acknowledged {known:?}, found {:?}", rows.get(key)))
        .collect();
    if wrong.is_empty() {
        return Ok(book.len());
    }
    let shown = wrong.iter().take(3).cloned().collect::<Vec<_>>().join("; ");
    Err(DemoError::Claim(format!("{} acknowledged changes are lost: {shown}", wrong.len())))
}

/// A number that one statement answers with.
pub(super) fn number(lab: &Lab, pod: Ordinal, sql: &str) -> Result<i64, DemoError> {
    match lab.sql(pod, sql)? {
        Response::Rows { rows, .. } => match rows.first().and_then(|r| r.first()) {
            Some(Cell::Int(n)) => Ok(*n),
            Some(Cell::Text(t)) => t.parse().map_err(|_| DemoError::Claim(format!("{sql}: no number"))),
            Some(Cell::Null) | None => Err(DemoError::Claim(format!("{sql}: no answer"))),
        },
        Response::Done { .. } | Response::Connected { .. } | Response::Error { .. } => {
            Err(DemoError::Claim(format!("{sql}: no rows")))
        }
    }
}

/// Fails with `what` unless it holds.
pub(super) fn claim(holds: bool, what: impl FnOnce() -> String) -> Result<(), DemoError> {
    if holds { Ok(()) } else { Err(DemoError::Claim(what())) }
}
