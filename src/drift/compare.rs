//! One look against the one before: new, known, resolved, accepted; and what it all amounts to. Pure: time is passed in.
//!
//! Never resolved because it could not be looked at: what was there and cannot be seen now is *unchecked*, and keeps
//! the moment since when it is there.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    Completeness, Difference, Drift, Identity, Kind, Scope, Severity, Standing,
    accept::{Accepts, Note, NoteState},
    document::{Accepted, Item, PodEntry, Report, View},
    remedy::{self, Way},
};
use crate::{exit::Exit, plan::policy::Finding, status::Mark, topology::Ordinal};

/// What a look is judged by.
pub struct Rules<'a> {
    /// The look before.
    pub previous: Option<&'a Report>,
    /// What nobody wants to hear of.
    pub accepts: &'a Accepts,
    /// What the rules of the site find about what was seen.
    pub policy: Vec<Finding>,
    /// Kinds that end in exit 3.
    pub deny: &'a BTreeSet<Kind>,
    /// Younger differences do not count yet.
    pub since_ok: Option<Duration>,
    /// Since when senders are behind, for the next look.
    pub marks: Vec<Mark>,
    /// Longest time that a join may take.
    pub join_limit: Duration,
}

/// Who looked, and at what.
#[derive(Clone, Debug)]
pub struct Setting {
    /// AKU_STS_NAME
    pub statefulset: String,
    /// AKU_SVC_NAME
    pub service: String,
    /// The pod it was looked from, if from one.
    pub observer: Option<Ordinal>,
    /// See [`crate::plan::saved::conf_digest`].
    pub conf_digest: String,
}

/// Judges a look.
#[must_use]
pub fn compare(
    scope: Scope<'_>,
    drift: &Drift,
    setting: Setting,
    rules: Rules<'_>,
    now: Timestamp,
    took: Duration,
) -> Report {
    let before = Before::new(rules.previous);
    let view = view(drift, &before, now);
    let mut found = drift.differences.clone();
    let mut stuck = stuck(&view, rules.join_limit, now);
    remedy::close(scope, &mut stuck);
    found.extend(stuck);
    let present: BTreeSet<Identity> = found.iter().map(Difference::identity).collect();
    let (mut new, mut known, mut settling, mut accepted) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut used = BTreeSet::new();
    for difference in found {
        let id = difference.identity();
        let since = before.since.get(&id).copied().unwrap_or(now);
        let cover = rules.accepts.covering(&difference, now);
        let item = Item { since, difference };
        if let Some((number, entry)) = cover {
            used.insert(number);
            accepted.push(Accepted { item, reason: entry.reason.clone(), until: entry.until.clone() });
        } else if rules.since_ok.is_some_and(|limit| now.duration_since(since).unsigned_abs() < limit) {
            settling.push(item);
        } else if before.counted.contains(&id) {
            known.push(item);
        } else {
            new.push(item);
        }
    }
    let (mut resolved, mut unchecked) = (Vec::new(), Vec::new());
    for (item, counted) in before.items.iter().filter(|(i, _)| !present.contains(&i.difference.identity())) {
        if !could_check(drift, &item.difference) {
            unchecked.push((*item).clone());
        } else if *counted {
            resolved.push((*item).clone());
        }
    }
    let denied: BTreeSet<Kind> =
        new.iter().chain(&known).map(|i: &Item| i.difference.kind).filter(|k| rules.deny.contains(k)).collect();
    let mut report = Report {
        at: now,
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        producer: env!("CARGO_PKG_VERSION").to_owned(),
        statefulset: setting.statefulset,
        service: setting.service,
        observer: setting.observer,
        conf_digest: setting.conf_digest,
        compared_with: rules.previous.map(|p| p.at),
        view,
        new,
        known,
        settling,
        accepted,
        resolved,
        unchecked,
        accept_notes: notes(rules.accepts, &used, drift.completeness(), now),
        marks: rules.marks,
        checked: drift.checked,
        policy: rules.policy,
        denied: denied.into_iter().collect(),
        exit: 0,
    };
    report.exit = exit(&report) as u8;
    report
}

/// What the look before said.
struct Before<'a> {
    /// Since when each difference is there.
    since: BTreeMap<Identity, Timestamp>,
    /// Those that were told of.
    counted: BTreeSet<Identity>,
    /// Everything that was there, and whether its end is worth telling.
    items: Vec<(&'a Item, bool)>,
    pods: BTreeMap<Ordinal, &'a PodEntry>,
}

impl<'a> Before<'a> {
    fn new(previous: Option<&'a Report>) -> Self {
        let mut all =
            Self { since: BTreeMap::new(), counted: BTreeSet::new(), items: Vec::new(), pods: BTreeMap::new() };
        let Some(p) = previous else { return all };
        let told = p.new.iter().chain(&p.known).chain(&p.unchecked).map(|i| (i, true));
        let accepted = p.accepted.iter().map(|a| (&a.item, true));
        all.items = told.clone().chain(accepted).chain(p.settling.iter().map(|i| (i, false))).collect();
        all.since = all.items.iter().map(|(i, _)| (i.difference.identity(), i.since)).collect();
        all.counted = told.map(|(i, _)| i.difference.identity()).collect();
        all.pods = p.view.pods.iter().map(|e| (e.state.pod, e)).collect();
        all
    }
}

fn view(drift: &Drift, before: &Before<'_>, now: Timestamp) -> View {
    let pods = drift.pods.iter().map(|state| {
        let earlier = before.pods.get(&state.pod);
        let same = earlier.filter(|e| e.state.standing == state.standing);
        let kept_out = state.standing.is_kept_out();
        PodEntry {
            state: state.clone(),
            since: same.map_or(now, |e| e.since),
            out_since: kept_out.then(|| earlier.and_then(|e| e.out_since).unwrap_or(now)),
            gap: drift.gaps.get(&state.pod).cloned(),
        }
    });
    View { completeness: drift.completeness(), pods: pods.collect() }
}

/// Pods that are joining, or closed and not joined, for longer than they may. A start that fails again and again changes
/// between the two, so both count together.
fn stuck(view: &View, limit: Duration, now: Timestamp) -> Vec<Difference> {
    let out = |e: &&PodEntry| e.out_since.is_some_and(|since| now.duration_since(since).unsigned_abs() > limit);
    let one = |e: &PodEntry| {
        let pod = e.state.pod;
        let (kind, fact, headline) = if e.state.standing == Standing::Joining {
            (Kind::JoinStuck, "joined", "has been joining for too long")
        } else {
            (Kind::ClosedLong, "ADMIN_MODE", "closed and not joined for too long")
        };
        Difference::new(kind, pod, fact, headline).text(e.state.text.clone()).mended(Way::Usual)
    };
    view.pods.iter().filter(out).map(one).collect()
}

/// Whether a difference that is not there any more would have been seen.
fn could_check(drift: &Drift, d: &Difference) -> bool {
    let standing = |pod| drift.pods.iter().find(|p| p.pod == pod).map(|p| p.standing);
    let full = drift.completeness() == Completeness::Full;
    let peer = match d.peer.and_then(standing) {
        Some(Standing::Unseen | Standing::Joining | Standing::Down) => false,
        Some(Standing::NotThere) => full,
        Some(
            Standing::InService
            | Standing::Apart
            | Standing::Closed
            | Standing::Unfinished
            | Standing::Lost
            | Standing::Left,
        )
        | None => true,
    };
    let of_pod = matches!(d.kind, Kind::MemberDown | Kind::JoinStuck | Kind::ClosedLong);
    let own = match standing(d.pod) {
        // aku.conf does not know the pod any more.
        None => true,
        Some(Standing::Unseen) => false,
        Some(Standing::Joining | Standing::Down) => of_pod,
        // It left in good order: what was odd about it went with it.
        Some(Standing::NotThere) => full,
        Some(
            Standing::InService
            | Standing::Apart
            | Standing::Closed
            | Standing::Unfinished
            | Standing::Lost
            | Standing::Left,
        ) => d.kind != Kind::TableDiffers || !drift.gaps.contains_key(&d.pod),
    };
    own && peer
}

fn notes(accepts: &Accepts, used: &BTreeSet<usize>, view: Completeness, now: Timestamp) -> Vec<Note> {
    let state = |number: usize, ends: Timestamp| {
        if ends <= now {
            Some(NoteState::Expired)
        } else if view == Completeness::Full && !used.contains(&number) {
            Some(NoteState::Unused)
        } else {
            None
        }
    };
    let note = |(entry, e): (usize, &super::accept::Entry)| {
        let state = state(entry, e.ends)?;
        Some(Note { entry, state, what: e.what(), reason: e.reason.clone(), until: e.until.clone() })
    };
    accepts.numbered().filter_map(note).collect()
}

/// Denied, cannot tell, drift, clean: in this order (`contract.md` 2.3). What was not seen is never clean.
#[must_use]
pub fn exit(report: &Report) -> Exit {
    if report.is_denied() {
        return Exit::Refused;
    }
    match report.view.completeness {
        Completeness::Partial | Completeness::None => Exit::Unknown,
        Completeness::Full if report.counted().next().is_some() => Exit::Changes,
        Completeness::Full => Exit::Ok,
    }
}

/// The four answers of a monitoring plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Plugin {
    /// 0
    Ok = 0,
    /// 1: warnings only.
    Warning = 1,
    /// 2: a critical or denied difference, also when not everything was seen.
    Critical = 2,
    /// 3: cannot tell.
    Unknown = 3,
}

impl Plugin {
    /// Of a report.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let worst = report.counted().map(|i| i.difference.severity).max();
        match (worst, report.view.completeness) {
            _ if report.is_denied() => Self::Critical,
            (Some(Severity::Critical), _) => Self::Critical,
            (_, Completeness::Partial | Completeness::None) => Self::Unknown,
            (Some(Severity::Warning), Completeness::Full) => Self::Warning,
            (None, Completeness::Full) => Self::Ok,
        }
    }

    /// The word of the line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}
