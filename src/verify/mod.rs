//! Compares the rows of one target on several pods: pages of the reference pod by primary key, and the same stretch of
//! keys on every other pod. Bounded: one page of the reference and one of each other pod are in memory.
//!
//! The order of rows is the servers' own; nothing here compares keys by size. What differs is read again before it is
//! reported, because changes travel between the pods meanwhile; a row that is still changing is called that, never
//! equal and never different. Trailing blanks of texts are not compared: no transport hands them over.

pub mod report;
mod seen;
mod source;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    thread,
};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

pub use seen::{SeenEverywhere, seen_everywhere};
pub use source::{Reader, Shape};

use crate::{
    db::{DbError, Value, page::Range},
    observe::{RowPrint, Undelivered},
    topology::{Ordinal, ReplicationName},
};

/// Values of a row's primary key.
pub type Key = Vec<Value>;

/// SHA-256 of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Print([u8; 32]);

impl Print {
    /// Of the cells of a row, in the order of the columns.
    #[must_use]
    pub fn of(cells: &[Value]) -> Self {
        let mut hash = Sha256::new();
        for cell in cells {
            let (tag, bytes) = match cell {
                Value::Null => (0u8, Vec::new()),
                Value::Int(n) => (1, n.to_string().into_bytes()),
                // Blanks at the end are not compared, and a text of nothing else is NULL to a transport that takes them away.
                Value::Text(t) if t.trim_end_matches(' ').is_empty() => (0, Vec::new()),
                Value::Text(t) => (1, t.clone().into_bytes()),
            };
            hash.update([tag]);
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(&bytes);
        }
        Self(hash.finalize().into())
    }

    /// Its first eight bytes, for files.
    #[must_use]
    pub fn short(self) -> RowPrint {
        RowPrint(self.0.iter().take(8).fold(String::new(), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        }))
    }
}

/// Rows of one target on one pod.
pub trait Source: Send {
    /// Rows in the server's order of the key.
    ///
    /// # Errors
    /// What the database said.
    fn rows(&mut self, range: &Range, limit: u32) -> Result<Vec<(Key, Print)>, DbError>;

    /// Waits until what was logged here is on the other pods. Gives the replications that did not get it there, with the
    /// database's words.
    ///
    /// # Errors
    /// The session is lost.
    fn flush(&mut self) -> Result<Vec<(ReplicationName, String)>, DbError>;
}

/// How rows that differ are given time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settle {
    /// A pause only.
    Pause,
    /// FLUSH on every pod as well.
    Flush,
}

/// Bounds of a comparison.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Rows of a page, at least 1.
    pub page: u32,
    /// Suspicious rows of one pod that are read again; more are only counted.
    pub suspects: usize,
    /// How often they are read again, at least 1.
    pub attempts: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { page: 1_000, suspects: 200, attempts: 3 }
    }
}

/// In which way two pods disagree about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Both have the key, other columns differ.
    Differs,
    /// Only the reference has it.
    OnlyReference,
    /// Only the other pod has it.
    OnlyOther,
}

/// What came of comparing one pod with the reference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versus {
    /// Rows read on the other pod.
    pub rows: u64,
    /// Keys that disagree, in the order found.
    pub found: Vec<(Kind, Key)>,
    /// Rows that disagreed at first sight and were too many to be read again.
    pub beyond: u64,
    /// Keys that changed each time they were read again: neither equal nor different can be said.
    pub changing: u64,
}

/// What came of one target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Rows read on the reference.
    pub rows: u64,
    /// Every other pod.
    pub others: BTreeMap<Ordinal, Versus>,
    /// Streams that were not drained before rows that differ were read for the last time.
    pub undelivered: Vec<Undelivered>,
}

/// A pod that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("pod {pod}: {error}")]
pub struct Unreadable {
    /// Which.
    pub pod: Ordinal,
    /// The database's words.
    pub error: DbError,
}

/// Pods with their rows.
pub type Sources<'a> = BTreeMap<Ordinal, Box<dyn Source + 'a>>;

/// Compares `others` with `reference`. `pause` is called before each repeated reading.
///
/// # Errors
/// A pod could not be read; nothing is known then.
pub fn compare(
    reference: (Ordinal, &mut dyn Source),
    others: &mut Sources<'_>,
    settle: Settle,
    bounds: Bounds,
    pause: &dyn Fn(),
) -> Result<Compared, Unreadable> {
    let (here, source) = reference;
    let unreadable = |error| Unreadable { pod: here, error };
    let others_of = others.keys().map(|pod| (*pod, Versus::default())).collect();
    let mut compared = Compared { rows: 0, others: others_of, undelivered: Vec::new() };
    let mut after: Option<Key> = None;
    loop {
        let range = Range::Between { after: after.clone(), until: None };
        let page = source.rows(&range, bounds.page).map_err(unreadable)?;
        compared.rows += page.len() as u64;
        let last = page.last().map(|(key, _)| key.clone());
        let until = if page.len() < bounds.page as usize { None } else { last };
        if until.is_some() && until == after {
            return Err(unreadable(stuck()));
        }
        side_by_side(&page, after.as_ref(), until.as_ref(), others, &mut compared.others, bounds)?;
        match until {
            None => break,
            Some(key) => after = Some(key),
        }
    }
    read_again((here, source), others, &mut compared, settle, bounds, pause)?;
    Ok(compared)
}

/// Paging stands still, e.g. because two keys differ in trailing blanks only.
fn stuck() -> DbError {
    let message = "rows cannot be told apart by their keys (do they differ in trailing blanks only?)".to_owned();
    DbError { sqlstate: "HY000".to_owned(), native: 0, message }
}

fn no_thread(e: &std::io::Error) -> DbError {
    DbError { sqlstate: "HY000".to_owned(), native: 0, message: format!("there is no thread to read it with: {e}") }
}

fn side_by_side(
    page: &[(Key, Print)],
    after: Option<&Key>,
    until: Option<&Key>,
    others: &mut Sources<'_>,
    results: &mut BTreeMap<Ordinal, Versus>,
    bounds: Bounds,
) -> Result<(), Unreadable> {
    let answers: Vec<Result<(), Unreadable>> = thread::scope(|scope| {
        let threads: Vec<_> = others
            .iter_mut()
            .zip(results.values_mut())
            .map(|((pod, source), versus)| {
                let spawned = thread::Builder::new().spawn_scoped(scope, move || {
                    stretch(page, after, until, &mut **source, versus, bounds)
                        .map_err(|error| Unreadable { pod: *pod, error })
                });
                spawned.map_err(|e| Unreadable { pod: *pod, error: no_thread(&e) })
            })
            .collect();
        let join = |t: thread::ScopedJoinHandle<'_, _>| t.join().expect("reading rows does not panic");
        threads.into_iter().map(|t| t.and_then(join)).collect()
    });
    answers.into_iter().collect()
}

/// One stretch of keys on one other pod.
fn stretch(
    page: &[(Key, Print)],
    after: Option<&Key>,
    until: Option<&Key>,
    source: &mut dyn Source,
    versus: &mut Versus,
    bounds: Bounds,
) -> Result<(), DbError> {
    // Only looked up, never walked: its order reaches nothing.
    let wanted: HashMap<&Key, usize> = page.iter().enumerate().map(|(i, (key, _))| (key, i)).collect();
    let mut met = vec![false; page.len()];
    let mut after = after.cloned();
    loop {
        let range = Range::Between { after: after.clone(), until: until.cloned() };
        let rows = source.rows(&range, bounds.page)?;
        versus.rows += rows.len() as u64;
        for (key, print) in &rows {
            match wanted.get(key) {
                Some(&i) => {
                    met[i] = true;
                    if page[i].1 != *print {
                        suspect(versus, Kind::Differs, key, bounds);
                    }
                }
                None => suspect(versus, Kind::OnlyOther, key, bounds),
            }
        }
        let Some((last, _)) = rows.last().filter(|_| rows.len() >= bounds.page as usize) else { break };
        if after.as_ref() == Some(last) {
            return Err(stuck());
        }
        after = Some(last.clone());
    }
    for ((key, _), _) in page.iter().zip(&met).filter(|(_, met)| !**met) {
        suspect(versus, Kind::OnlyReference, key, bounds);
    }
    Ok(())
}

fn suspect(versus: &mut Versus, kind: Kind, key: &Key, bounds: Bounds) {
    if versus.found.len() < bounds.suspects {
        versus.found.push((kind, key.clone()));
    } else {
        versus.beyond += 1;
    }
}

/// What both pods say of one key.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Both {
    reference: Option<Print>,
    other: Option<Print>,
}

impl Both {
    fn kind(self) -> Option<Kind> {
        match (self.reference, self.other) {
            (a, b) if a == b => None,
            (Some(_), None) => Some(Kind::OnlyReference),
            (None, Some(_)) => Some(Kind::OnlyOther),
            (Some(_) | None, Some(_) | None) => Some(Kind::Differs),
        }
    }
}

/// FLUSH of what a pod sends; streams that did not deliver.
fn flushed(pod: Ordinal, source: &mut dyn Source) -> Result<Vec<Undelivered>, Unreadable> {
    let left = source.flush().map_err(|error| Unreadable { pod, error })?;
    Ok(left.into_iter().map(|(name, said)| Undelivered { pod, name, said }).collect())
}

fn read_again(
    (here, reference): (Ordinal, &mut dyn Source),
    others: &mut Sources<'_>,
    compared: &mut Compared,
    settle: Settle,
    bounds: Bounds,
    pause: &dyn Fn(),
) -> Result<(), Unreadable> {
    let mut last: BTreeMap<(Ordinal, usize), Both> = BTreeMap::new();
    let mut moved: BTreeMap<(Ordinal, usize), bool> = BTreeMap::new();
    let mut open: Vec<(Ordinal, usize)> =
        compared.others.iter().flat_map(|(pod, v)| (0..v.found.len()).map(|i| (*pod, i))).collect();
    for _ in 0..bounds.attempts.max(2) {
        if open.is_empty() {
            break;
        }
        pause();
        if settle == Settle::Flush {
            compared.undelivered = flushed(here, reference)?;
            for (pod, source) in others.iter_mut() {
                compared.undelivered.extend(flushed(*pod, &mut **source)?);
            }
        }
        let mut still = Vec::new();
        for (pod, i) in open {
            let range = Range::Exactly(compared.others[&pod].found[i].1.clone());
            let one = |at: Ordinal, source: &mut dyn Source| {
                let rows = source.rows(&range, 1).map_err(|error| Unreadable { pod: at, error })?;
                Ok(rows.first().map(|(_, print)| *print))
            };
            let source = others.get_mut(&pod).expect("every result has its source");
            let both = Both { reference: one(here, reference)?, other: one(pod, &mut **source)? };
            if both.kind().is_some() {
                moved.insert((pod, i), last.get(&(pod, i)).is_some_and(|before| *before != both));
                last.insert((pod, i), both);
                still.push((pod, i));
            }
        }
        open = still;
    }
    if open.is_empty() {
        // Nothing differs any more, whatever is on its way.
        compared.undelivered.clear();
    }
    for (pod, versus) in &mut compared.others {
        let found = std::mem::take(&mut versus.found);
        for (i, (_, key)) in found.into_iter().enumerate().filter(|(i, _)| open.contains(&(*pod, *i))) {
            match last.get(&(*pod, i)).and_then(|both| both.kind()) {
                Some(_) if moved.get(&(*pod, i)) == Some(&true) => versus.changing += 1,
                Some(kind) => versus.found.push((kind, key)),
                None => {}
            }
        }
    }
    Ok(())
}
