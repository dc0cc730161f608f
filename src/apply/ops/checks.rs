//! Proofs before and after what cannot be taken back. They send SELECTs, and FLUSH before contents are compared.

use super::super::{
    codes::Code,
    look,
    trouble::Trouble,
    work::{Ended, Work},
};
use super::{rows, waits};
use crate::{
    db::sql::FlushUntil,
    topology::{Ordinal, ReplicationName, Target},
};

fn list<T: ToString>(things: impl IntoIterator<Item = T>) -> String {
    things.into_iter().map(|t| t.to_string()).collect::<Vec<_>>().join(", ")
}

pub(super) fn no_gap(work: &mut Work<'_>, names: &[ReplicationName]) -> Result<Ended, Trouble> {
    let bound = work.shared.context.limits.no_gap;
    let mut left = Vec::new();
    let proved = work.poll(bound, |work| {
        left.clear();
        for name in names {
            match look::gap(work, work.action.pod, name)? {
                Some(0) => {}
                Some(gap) => left.push(format!("{name} REP_GAP {gap}")),
                None => left.push(format!("{name} has no sender")),
            }
        }
        work.slot.say("waiting for the gap to become 0");
        Ok(left.is_empty().then_some(()))
    })?;
    match proved {
        Some(()) => Ok(Ended::done()),
        None => Err(work.told(Code::GapLeft, list(left))),
    }
}

pub(super) fn quiet(work: &mut Work<'_>, names: &[ReplicationName]) -> Result<Ended, Trouble> {
    let mut live = Vec::new();
    for name in names {
        let side = look::side_of(work, name)?;
        if !side.is_reset() {
            live.push(format!("{name} is at {}", side.position));
        }
    }
    if !live.is_empty() {
        return Err(work.told(Code::NotQuiet, list(live)));
    }
    // A receiver whose peer was killed lingers for a while.
    let mut arriving = Vec::new();
    let proved = work.poll(work.shared.context.limits.quiet, |work| {
        arriving = look::receivers(work, names)?;
        work.slot.say(format!("{} receivers still run", arriving.len()));
        Ok(arriving.is_empty().then_some(()))
    })?;
    match proved {
        Some(()) => Ok(Ended::done()),
        None => Err(work.told(Code::NotQuiet, format!("receivers of {}", list(arriving)))),
    }
}

pub(super) fn empty(work: &mut Work<'_>, targets: &[Target]) -> Result<Ended, Trouble> {
    let counts = look::count(work, work.action.pod, targets)?;
    let full = targets.iter().zip(counts).filter(|(_, n)| *n > 0);
    let full: Vec<_> = full.map(|(target, n)| format!("{target} holds {n} rows")).collect();
    if full.is_empty() { Ok(Ended::done()) } else { Err(work.told(Code::NotEmpty, list(full))) }
}

/// Counts the fenced pod, then this one: what arrives in between only makes this one fuller. What the fenced pod has just
/// delivered may still be applied, so it is tried again.
pub(super) fn holds(work: &mut Work<'_>, of: Ordinal, targets: &[Target]) -> Result<Ended, Trouble> {
    let here = work.action.pod;
    let mut lacking = Vec::new();
    for attempt in 1..=TRIES {
        if attempt > 1 {
            work.control.pause(work.shared.context.limits.poll)?;
        }
        work.slot.say(format!("counting {} targets, try {attempt} of {TRIES}", targets.len()));
        let there = look::count(work, of, targets)?;
        let mine = look::count(work, here, targets)?;
        let fewer = targets.iter().zip(there.iter().zip(&mine)).filter(|(_, (there, mine))| there > mine);
        lacking = fewer.map(|(t, (n, m))| format!("{t} has {n} rows on pod {of} and {m} on pod {here}")).collect();
        if lacking.is_empty() {
            let held: u64 = mine.iter().sum();
            return Ok(Ended::said(rows::count(held, "row")));
        }
    }
    Err(work.told(Code::SourceLacks, list(lacking)))
}

/// How often contents are compared before it is called "not proved".
const TRIES: u32 = 3;

/// FLUSH, count the source, the joiner, the source again. The joiner must lie between the two passes. Under load it may
/// not, so it is tried again; where the source stood still in all tries, a difference is a failure.
pub(super) fn contents(
    work: &mut Work<'_>,
    source: Ordinal,
    names: &[ReplicationName],
    targets: &[Target],
    wait_s: u32,
) -> Result<Ended, Trouble> {
    let joiner = work.action.pod;
    let mut first: Option<Vec<u64>> = None;
    let mut still = true;
    let mut differences = Vec::new();
    for attempt in 1..=TRIES {
        if attempt > 1 {
            work.control.pause(work.shared.context.limits.poll)?;
        }
        for name in names {
            waits::flush(work, source, name, FlushUntil::Issued, wait_s)?;
        }
        work.slot.say(format!("counting {} targets, try {attempt} of {TRIES}", targets.len()));
        let before = look::count(work, source, targets)?;
        let copy = look::count(work, joiner, targets)?;
        let after = look::count(work, source, targets)?;
        differences.clear();
        for (((target, b), c), a) in targets.iter().zip(&before).zip(&copy).zip(&after) {
            if c < b.min(a) || c > b.max(a) {
                differences.push(format!("{target} has {a} rows on pod {source} and {c} on pod {joiner}"));
            }
        }
        if differences.is_empty() {
            let copied: u64 = copy.iter().sum();
            return Ok(Ended::said(format!(
                "{} in {}",
                rows::count(copied, "row"),
                rows::count(targets.len() as u64, "target")
            )));
        }
        still &= before == after && *first.get_or_insert(before) == after;
    }
    if still {
        Err(work.told(Code::ContentsDiffer, list(differences)))
    } else {
        Ok(Ended::said("not proved under load, run aku verify"))
    }
}
