//! Proofs before and after what cannot be taken back. They send SELECTs, and FLUSH before contents are compared.

use super::super::{
    codes::Code,
    look,
    op_error::OpError,
    work::{Ended, Work},
};
use super::{fence, rows, waits};
use crate::{
    observe::Sender,
    plan,
    topology::{Ordinal, ReplicationName, Target},
};

fn list<T: ToString>(things: impl IntoIterator<Item = T>) -> String {
    things.into_iter().map(|t| t.to_string()).collect::<Vec<_>>().join(", ")
}

/// The FLUSHes returned behind the fence, so the peer has what was committed: here it is seen that this still holds.
/// Users are out, nobody is left who could commit more, and the senders run that the FLUSHes asked.
pub(super) fn delivered(work: &mut Work<'_>, names: &[ReplicationName]) -> Result<Ended, OpError> {
    if look::property(work, work.action.pod, "ADMIN_MODE")? == Some(0) {
        return Err(work.told(Code::NotDelivered, "users are admitted again (ADMIN_MODE 0)"));
    }
    let mut left = Vec::new();
    // A look of somebody else passes, and so does a link that was lost: what the peer acknowledged, it has.
    let proved = work.poll(work.shared.context.limits.delivered, |work| {
        left = fence::others(work)?.into_iter().map(|(_, words)| words).collect();
        left.extend(waits::writers(work)?.iter().map(|id| format!("transaction {id} has not ended")));
        for name in names {
            let side = look::side_of(work, name)?;
            match (look::stream(work, name)?, side.gave_up) {
                (Sender::Running, None) => {}
                (_, Some(at)) => left.push(format!("{name}: the server gave up log at {at}")),
                (Sender::None, None) => left.push(format!("{name} has no sender")),
                (Sender::Trying, None) => left.push(format!("{name} is not connected")),
                (Sender::Syncing, None) => left.push(format!("{name} copies rows")),
            }
        }
        work.slot.say(format!("{} things are in the way of the proof", left.len()));
        Ok(left.is_empty().then_some(()))
    })?;
    match proved {
        Some(()) => Ok(Ended::done()),
        None => Err(work.told(Code::NotDelivered, list(left))),
    }
}

pub(super) fn quiet(work: &mut Work<'_>, names: &[ReplicationName]) -> Result<Ended, OpError> {
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

pub(super) fn empty(work: &mut Work<'_>, targets: &[Target]) -> Result<Ended, OpError> {
    let counts = look::count(work, work.action.pod, targets)?;
    let full = targets.iter().zip(counts).filter(|(_, n)| *n > 0);
    let full: Vec<_> = full.map(|(target, n)| format!("{target} holds {n} rows")).collect();
    if full.is_empty() { Ok(Ended::done()) } else { Err(work.told(Code::NotEmpty, list(full))) }
}

/// Counts the fenced pod, then this one: what arrives in between only makes this one fuller. What the fenced pod has just
/// delivered may still be applied, so it is tried again.
pub(super) fn holds(work: &mut Work<'_>, of: Ordinal, targets: &[Target]) -> Result<Ended, OpError> {
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

/// How often contents are compared before a difference is called one.
const TRIES: u32 = 3;

/// Whether what the source committed so far is on the joiner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Flushed,
    MayLag,
}

/// What the counts of one target say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Proved,
    /// The source changed since the copy began. What another pod committed meanwhile is on the source, and reaches the joiner
    /// only with that pod's own stream, so a joiner that differs may be right.
    UnderLoad,
    /// The source stood still since before the copy, and the joiner differs.
    Differs,
}

/// Rows of one target: on the source before the copy, where that is known; on the source, on the joiner, on the source again.
fn verdict(began: Option<u64>, stream: Stream, [before, copy, after]: [u64; 3]) -> Verdict {
    let still = before == after && began.is_none_or(|n| n == before);
    let between = (before.min(after)..=before.max(after)).contains(&copy);
    match (still, between, stream) {
        (true, true, _) | (false, true, Stream::Flushed) => Verdict::Proved,
        (true, false, _) => Verdict::Differs,
        (false, true, Stream::MayLag) | (false, false, _) => Verdict::UnderLoad,
    }
}

/// Counts the source, the joiner, the source again. Where the source stood still since before the copy, the joiner holds the
/// same; if not, something may be on its way: FLUSH, and count again, and after some tries it is a failure (DESIGN D16). Where
/// anything changes, counts prove nothing however often they are taken (up to 17 s, `measured.md` 8), and that is said at once.
pub(super) fn contents(
    work: &mut Work<'_>,
    source: Ordinal,
    names: &[ReplicationName],
    targets: &[Target],
    wait_s: u32,
) -> Result<Ended, OpError> {
    let joiner = work.action.pod;
    let began: Vec<_> = targets.iter().map(|t| work.source_before(t)).collect();
    let mut stream = Stream::MayLag;
    for attempt in 1.. {
        if attempt > 1 || began.contains(&None) {
            for name in names {
                waits::flush(work, source, name, wait_s)?;
            }
            stream = Stream::Flushed;
        }
        work.slot.say(format!("counting {} targets, try {attempt} of {TRIES}", targets.len()));
        let before = look::count(work, source, targets)?;
        let copy = look::count(work, joiner, targets)?;
        let after = look::count(work, source, targets)?;
        let (mut differences, mut moving) = (Vec::new(), Vec::new());
        for (i, target) in targets.iter().enumerate() {
            match verdict(began[i], stream, [before[i], copy[i], after[i]]) {
                Verdict::Proved => {}
                Verdict::UnderLoad => moving.push(target),
                Verdict::Differs => {
                    let (here, there) = (copy[i], after[i]);
                    differences.push(format!("{target} has {there} rows on pod {source} and {here} on pod {joiner}"));
                }
            }
        }
        if differences.is_empty() {
            let copied: u64 = copy.iter().sum();
            let all = format!("{} in {}", rows::count(copied, "row"), rows::count(targets.len() as u64, "target"));
            return Ok(Ended::said(match moving.as_slice() {
                [] => all,
                moving => format!("{all}; {} not proved under load, run aku verify", list(moving)),
            }));
        }
        if attempt == TRIES {
            // Nothing was copied: whether that is to be done is for a person to say.
            let returns = work.action.because.code == plan::Code::CompareFirst;
            return Err(work.told(if returns { Code::RowsDiffer } else { Code::ContentsDiffer }, list(differences)));
        }
        work.control.pause(work.shared.context.limits.poll)?;
    }
    unreachable!("the last try returns")
}
