//! When each action of a run was at work, what it waited for, and which chain of actions the run waited for. Read from the
//! journal alone, by the clock of the machine that it ran on.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::runs::Run;
use crate::{
    events::{ActionOutcome, What},
    plan::{ActionId, MilestoneId},
    topology::Ordinal,
};

/// A run on a line of time. All times are microseconds from its first line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// How long it took, or how long the journal tells of it.
    pub took: u64,
    /// Every action that was begun, by the time that it was begun at.
    pub bars: Vec<Bar>,
}

/// One action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Its number.
    pub id: ActionId,
    /// The pod it was sent to.
    pub pod: Ordinal,
    /// In words.
    pub what: String,
    /// When the last of what it waits for was over: from then on it waited for its turn.
    pub ready: u64,
    /// When it was begun.
    pub began: u64,
    /// When it was over, or the end of the journal.
    pub over: u64,
    /// How it ended; `None` where the journal does not say.
    pub outcome: Option<ActionOutcome>,
    /// Attempts that failed before the last one.
    pub retries: u32,
    /// Whether the run waited for it: it is in the chain that ended last.
    pub critical: bool,
}

impl Bar {
    /// How long it was at work.
    #[must_use]
    pub fn took(&self) -> u64 {
        self.over - self.began
    }
}

impl Timeline {
    /// Of a run; `None` where its journal tells of no plan or of no action.
    #[must_use]
    pub fn of(run: &Run) -> Option<Self> {
        let first: Timestamp = run.lines.first()?.ts.parse().ok()?;
        let mut last = 0;
        let mut waits: BTreeMap<ActionId, BTreeSet<ActionId>> = BTreeMap::new();
        let mut bars: BTreeMap<ActionId, Bar> = BTreeMap::new();
        for line in &run.lines {
            // A clock that was set back must not turn a bar around.
            let at = line.ts.parse::<Timestamp>().ok().map_or(last, |ts| micros(first, ts)).max(last);
            last = at;
            match &line.what {
                What::Plan { actions, milestones, .. } => {
                    let reached: BTreeMap<MilestoneId, &Vec<ActionId>> =
                        milestones.iter().map(|m| (m.id, &m.actions)).collect();
                    for a in actions {
                        let behind = a.milestones.iter().filter_map(|m| reached.get(m)).flat_map(|ids| ids.iter());
                        waits.insert(a.id, a.after.iter().chain(behind).copied().collect());
                    }
                }
                What::ActionStart { id, ordinal, what } => {
                    let over = |id: &ActionId| bars.get(id).map_or(0, |b: &Bar| b.over);
                    let ready = waits.get(id).into_iter().flatten().map(over).max().unwrap_or(0);
                    let bar = Bar {
                        id: *id,
                        pod: *ordinal,
                        what: what.clone(),
                        // The end of an action that this one waited for may be missing from a broken journal.
                        ready: if ready == 0 { at } else { ready.min(at) },
                        began: at,
                        over: u64::MAX,
                        outcome: None,
                        retries: 0,
                        critical: false,
                    };
                    bars.insert(*id, bar);
                }
                What::ActionRetry { id, .. } => {
                    if let Some(bar) = bars.get_mut(id) {
                        bar.retries += 1;
                    }
                }
                What::ActionEnd { id, outcome, .. } => {
                    if let Some(bar) = bars.get_mut(id) {
                        (bar.over, bar.outcome) = (at, Some(*outcome));
                    }
                }
                What::RunStart { .. }
                | What::Lock { .. }
                | What::Pod { .. }
                | What::Intent { .. }
                | What::StatementEnd { .. }
                | What::ActionProgress { .. }
                | What::ActionSkipped { .. }
                | What::Signal { .. }
                | What::Diagnostic { .. }
                | What::Resolved { .. }
                | What::RunEnd { .. } => {}
            }
        }
        for bar in bars.values_mut().filter(|b| b.over == u64::MAX) {
            bar.over = last;
        }
        mark_critical(&mut bars, &waits);
        let mut bars: Vec<Bar> = bars.into_values().collect();
        bars.sort_by_key(|b| (b.began, b.id));
        (!bars.is_empty()).then_some(Self { took: last, bars })
    }

    /// The chain that the run waited for, in order.
    pub fn critical(&self) -> impl Iterator<Item = &Bar> {
        self.bars.iter().filter(|b| b.critical)
    }

    /// The bars of each pod, those that overlap on lines of their own.
    #[must_use]
    pub fn lanes(&self) -> BTreeMap<Ordinal, Vec<Vec<&Bar>>> {
        let mut lanes: BTreeMap<Ordinal, Vec<Vec<&Bar>>> = BTreeMap::new();
        for bar in &self.bars {
            let lines = lanes.entry(bar.pod).or_default();
            let free = |line: &&mut Vec<&Bar>| line.last().is_none_or(|before| before.over <= bar.began);
            match lines.iter_mut().find(free) {
                Some(line) => line.push(bar),
                None => lines.push(vec![bar]),
            }
        }
        lanes
    }
}

fn micros(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_micros()).unwrap_or(0)
}

/// From the action that ended last back to what it waited for longest, until something waited for nothing.
fn mark_critical(bars: &mut BTreeMap<ActionId, Bar>, waits: &BTreeMap<ActionId, BTreeSet<ActionId>>) {
    let latest = |ids: &mut dyn Iterator<Item = ActionId>, bars: &BTreeMap<ActionId, Bar>| {
        ids.filter_map(|id| bars.get(&id)).max_by_key(|b| (b.over, b.id)).map(|b| b.id)
    };
    let mut next = latest(&mut bars.keys().copied(), bars);
    while let Some(id) = next {
        let Some(bar) = bars.get_mut(&id) else { return };
        // A plan is a DAG; a journal may say anything.
        if std::mem::replace(&mut bar.critical, true) {
            return;
        }
        next = waits.get(&id).and_then(|w| latest(&mut w.iter().copied(), bars));
    }
}

#[cfg(test)]
pub mod testing {
    use super::*;
    use crate::events::{Line, Planned};

    /// An action: its number, pod, begin and end in milliseconds, and what it waits for.
    pub type Acted<'a> = (u32, u8, u64, Option<u64>, &'a [u32]);

    /// A journal of such actions.
    pub fn journal(actions: &[Acted<'_>]) -> Run {
        let begin: Timestamp = "2026-11-30T12:00:00Z".parse().unwrap();
        let pod = |n: u8| crate::plan::testing::ord(n);
        let planned = |(id, on, _, _, after): &Acted<'_>| Planned {
            id: ActionId(*id),
            ordinal: pod(*on),
            what: format!("START AKU_REP_0{on} <b>&"),
            after: after.iter().map(|a| ActionId(*a)).collect(),
            milestones: Vec::new(),
        };
        let mut whats = vec![
            (
                0,
                What::RunStart {
                    v: 1,
                    aku: "0.1.0".into(),
                    pid: 4711,
                    host: "altibase-sts-2".into(),
                    command: "aku apply start".into(),
                },
            ),
            (
                0,
                What::Plan {
                    goal: "start".into(),
                    ordinal: pod(2),
                    statefulset: "altibase-sts".into(),
                    transfer: "full".into(),
                    digest: None,
                    milestones: Vec::new(),
                    actions: actions.iter().map(planned).collect(),
                },
            ),
        ];
        for a @ (id, on, begin, end, _) in actions {
            let id = ActionId(*id);
            whats.push((*begin, What::ActionStart { id, ordinal: pod(*on), what: planned(a).what }));
            let over = |outcome| What::ActionEnd { id, outcome, took_us: None, said: None, error: None };
            whats.extend(end.map(|end| (end, over(ActionOutcome::Done))));
        }
        whats.sort_by_key(|(at, what)| (*at, matches!(what, What::ActionStart { .. })));
        let id: crate::run_id::RunId = "20261130T120000Z-00beef".parse().unwrap();
        let line = |(i, (at, what)): (usize, (u64, What))| Line {
            seq: i as u64 + 1,
            ts: (begin + jiff::SignedDuration::from_millis(i64::try_from(at).unwrap())).to_string(),
            run_id: id.to_string(),
            what,
        };
        Run { lines: whats.into_iter().enumerate().map(line).collect(), id: id.clone(), unreadable: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_that_ended_last_and_the_waits_before_it() {
        let run = testing::journal(&[
            (1, 0, 0, Some(1_000), &[]),
            (2, 1, 0, Some(300), &[]),
            (3, 1, 1_200, Some(2_000), &[1, 2]),
            (4, 2, 1_000, Some(1_500), &[1]),
        ]);
        let line = Timeline::of(&run).unwrap();
        assert_eq!(line.took, 2_000_000);
        assert_eq!(line.critical().map(|b| b.id.0).collect::<Vec<_>>(), [1, 3]);
        let third = line.bars.iter().find(|b| b.id.0 == 3).unwrap();
        assert_eq!((third.ready, third.began, third.took()), (1_000_000, 1_200_000, 800_000));
    }

    #[test]
    fn what_overlaps_on_a_pod_has_a_line_of_its_own_and_what_never_ended_lasts_to_the_end() {
        let run =
            testing::journal(&[(1, 0, 0, Some(1_000), &[]), (2, 0, 500, None, &[]), (3, 0, 1_000, Some(1_600), &[1])]);
        let line = Timeline::of(&run).unwrap();
        let lanes: Vec<Vec<u32>> =
            line.lanes().into_values().flatten().map(|bars| bars.iter().map(|b| b.id.0).collect()).collect();
        assert_eq!(lanes, [vec![1, 3], vec![2]]);
        let open = line.bars.iter().find(|b| b.id.0 == 2).unwrap();
        assert_eq!((open.over, open.outcome), (1_600_000, None));
    }

    #[test]
    fn an_end_that_a_broken_journal_lost_makes_nobody_wait_before_time() {
        let run = testing::journal(&[(1, 0, 0, None, &[]), (2, 0, 500, Some(800), &[1])]);
        let line = Timeline::of(&run).unwrap();
        let second = line.bars.iter().find(|b| b.id.0 == 2).unwrap();
        assert_eq!((second.ready, second.began, second.over), (500_000, 500_000, 800_000));
    }

    #[test]
    fn a_journal_without_actions_has_no_line() {
        assert_eq!(Timeline::of(&testing::journal(&[])), None);
    }
}
