//! What every pod holds of the rows that were found to differ: read twice, with time in between for what is on its way. A
//! repair is planned from this; what changes between the two readings is left to replication.

use std::collections::BTreeMap;

use super::{Compared, Key, Print, Settle, Source, Sources, Unreadable};
use crate::{
    db::{Value, page::Range},
    observe::{SeenRow, Undelivered},
    topology::Ordinal,
};

/// Rows that differ on any pod, as all pods show them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenEverywhere {
    /// In the order found; prints in the order of the pods, the reference among them.
    pub rows: Vec<SeenRow>,
    /// Rows that were not read here because there were too many.
    pub left: u64,
    /// Rows that changed in between.
    pub changing: u64,
    /// Streams that were not drained before the last look.
    pub undelivered: Vec<Undelivered>,
}

/// Reads what was found once more on every pod, at most `limit` rows.
///
/// # Errors
/// A pod could not be read.
pub fn seen_everywhere(
    (here, reference): (Ordinal, &mut dyn Source),
    others: &mut Sources<'_>,
    compared: &Compared,
    settle: Settle,
    limit: usize,
    pause: &dyn Fn(),
) -> Result<SeenEverywhere, Unreadable> {
    let (keys, left) = keys(compared, limit);
    if keys.is_empty() {
        return Ok(SeenEverywhere { left, ..SeenEverywhere::default() });
    }
    let mut pods: BTreeMap<Ordinal, &mut dyn Source> = BTreeMap::new();
    pods.insert(here, reference);
    for (pod, source) in others.iter_mut() {
        pods.insert(*pod, &mut **source);
    }
    let first = look(&mut pods, &keys)?;
    pause();
    let mut undelivered = Vec::new();
    if settle == Settle::Flush {
        for (pod, source) in &mut pods {
            undelivered.extend(super::flushed(*pod, &mut **source)?);
        }
    }
    let second = look(&mut pods, &keys)?;
    let mut found = SeenEverywhere { left, undelivered, ..SeenEverywhere::default() };
    for (key, (before, now)) in keys.iter().zip(first.into_iter().zip(second)) {
        if before != now {
            found.changing += 1;
        } else if now.windows(2).any(|pair| pair[0] != pair[1]) {
            let seen = now.into_iter().map(|print| print.map(Print::short)).collect();
            found.rows.push(SeenRow { key: key.iter().map(text).collect(), seen });
        }
    }
    Ok(found)
}

/// Each key once, in the order found; and about how many more there are.
fn keys(compared: &Compared, limit: usize) -> (Vec<Key>, u64) {
    let mut met = std::collections::HashSet::new();
    let mut keys: Vec<Key> = Vec::new();
    for (_, key) in compared.others.values().flat_map(|v| &v.found) {
        if met.insert(key) {
            keys.push(key.clone());
        }
    }
    let beyond = compared.others.values().map(|v| v.beyond).max().unwrap_or(0);
    let more = keys.len().saturating_sub(limit);
    keys.truncate(limit);
    (keys, beyond + u64::try_from(more).unwrap_or(u64::MAX))
}

type Views = Vec<Vec<Option<Print>>>;

/// By key, then pod.
fn look(pods: &mut BTreeMap<Ordinal, &mut dyn Source>, keys: &[Key]) -> Result<Views, Unreadable> {
    let mut views: Views = keys.iter().map(|_| Vec::new()).collect();
    for (pod, source) in pods {
        for (key, view) in keys.iter().zip(&mut views) {
            let rows = source.rows(&Range::Exactly(key.clone()), 1);
            let rows = rows.map_err(|error| Unreadable { pod: *pod, error })?;
            view.push(rows.first().map(|(_, print)| *print));
        }
    }
    Ok(views)
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Int(n) => n.to_string(),
        Value::Text(t) => t.clone(),
    }
}
