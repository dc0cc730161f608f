//! Reading journals: which runs there were, how they ended, and what nobody knows about them. Never changes one; `gc`
//! removes whole files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use super::{RUNS, SUFFIX, path};
use crate::{
    bounded,
    db::setting::Setting,
    events::{ActionOutcome, Line, RunOutcome, StatementOutcome, What},
    observe::Remembered,
    plan::{
        ActionId,
        resume::{CompletedActions, PriorOutcome},
    },
    run_id::RunId,
    topology::Ordinal,
};

/// A run as its journal tells it.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// Every line that could be read, in order.
    pub lines: Vec<Line>,
    /// Lines that could not be read: cut off by a crash or a full disk.
    pub unreadable: usize,
}

/// A changing statement whose outcome the journal does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenIntent {
    /// The action.
    pub id: ActionId,
    /// What the action was to do, in words.
    pub what: String,
    /// The pod it was sent to.
    pub pod: Ordinal,
    /// Its text.
    pub sql: String,
}

/// Numbers of all runs, newest first; of those that began in one second, the one that wrote last. None where there is no
/// directory yet.
///
/// # Errors
/// The directory cannot be read.
pub fn list(state: &Path) -> io::Result<Vec<RunId>> {
    let entries = match fs::read_dir(state.join(RUNS)) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let mut runs = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        // Other files are none of ours.
        let id = name.to_str().and_then(|n| n.strip_suffix(SUFFIX)).and_then(|n| n.parse::<RunId>().ok());
        let wrote = entry.metadata().and_then(|m| m.modified()).ok();
        runs.extend(id.map(|id| (id.began(), wrote, id)));
    }
    runs.sort();
    Ok(runs.into_iter().rev().map(|(_, _, id)| id).collect())
}

/// Largest journal that is read, bytes.
const MAX_BYTES: u64 = 256 << 20;

/// Reads a journal. What a crash cut off is counted, not an error.
///
/// # Errors
/// The file cannot be read.
pub fn load(state: &Path, id: &RunId) -> io::Result<Run> {
    let text = bounded::read(&path(state, id), MAX_BYTES)?;
    let text = String::from_utf8_lossy(&text);
    let (mut lines, mut unreadable) = (Vec::new(), 0);
    for line in text.lines().filter(|l| !l.is_empty()) {
        match serde_json::from_str(line) {
            Ok(line) => lines.push(line),
            Err(_) => unreadable += 1,
        }
    }
    Ok(Run { id: id.clone(), lines, unreadable })
}

/// What the runs of a saved plan did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Half {
    /// The newest of them.
    pub run: RunId,
    /// What all of them did with its actions.
    pub past: CompletedActions,
    /// The first run of something else that worked on `pod` after it.
    pub since: Option<RunId>,
}

/// What the runs of a saved plan did with its actions, and who worked on its pod since; `None` when none of them began
/// it. Journals that cannot be read are passed over: what they would tell counts as not done.
///
/// # Errors
/// The directory cannot be read.
pub fn half(state: &Path, digest: &str, pod: Ordinal) -> io::Result<Option<Half>> {
    let mut runs: Vec<Run> = list(state)?.iter().filter_map(|id| load(state, id).ok()).collect();
    // The first line tells more than the seconds of a number.
    runs.sort_by_cached_key(|run| run.lines.first().map(|l| l.ts.clone()));
    let mut half: Option<Half> = None;
    for run in runs {
        if run.digest() == Some(digest) {
            let (past, since) = half.map(|h| (h.past, h.since)).unwrap_or_default();
            let past = run.continued(past);
            half = Some(Half { run: run.id, past, since });
        } else if let Some(half) = &mut half
            && half.since.is_none()
            && run.worked_on(pod)
        {
            half.since = Some(run.id);
        }
    }
    // A run that was refused at the gate began nothing.
    Ok(half.filter(|half| !half.past.is_empty()))
}

/// How many journals are looked through for what nobody has looked into yet.
const LOOKED_THROUGH: usize = 50;

/// Runs of a StatefulSet, other than `run`, that ended in the middle of statements which no run has looked into since, newest first. Which
/// run came last is not told from their numbers: a clock may have been set back meanwhile.
///
/// # Errors
/// The directory cannot be read. A journal that cannot be read is passed over: it is evidence, never truth.
pub fn unresolved(state: &Path, statefulset: &str, run: &RunId) -> io::Result<Vec<(RunId, Vec<OpenIntent>)>> {
    let ids = list(state)?.into_iter().filter(|id| id != run).take(LOOKED_THROUGH);
    let runs: Vec<Run> = ids.filter_map(|id| load(state, &id).ok()).collect();
    let looked_into: BTreeSet<&str> = runs.iter().flat_map(|run| &run.lines).filter_map(resolves).collect();
    let open = |run: &Run| {
        let intents = run.open_intents();
        let others = run.statefulset().is_some_and(|of| of != statefulset);
        let known = others || looked_into.contains(run.id.as_str()) || intents.is_empty();
        (!known).then(|| (run.id.clone(), intents))
    };
    Ok(runs.iter().filter_map(open).collect())
}

/// What settings were before runs of a StatefulSet changed them for a while, as far as their journals tell: the newest
/// run that changed one counts.
///
/// # Errors
/// The directory cannot be read. A journal that cannot be read is passed over.
pub fn settings_before(state: &Path, statefulset: &str) -> io::Result<Remembered> {
    let mut before = Remembered::new();
    for run in list(state)?.into_iter().take(LOOKED_THROUGH).filter_map(|id| load(state, &id).ok()) {
        if run.statefulset() != Some(statefulset) {
            continue;
        }
        for (pod, setting, value) in run.settings() {
            before.entry(pod).or_default().entry(setting).or_insert(value);
        }
    }
    Ok(before)
}

/// `set REPLICATION_SYNC_LOCK_TIMEOUT 30 -> 0`, as `plan::words::short` writes it.
fn setting(what: &str) -> Option<(Setting, i64, i64)> {
    let words: Vec<&str> = what.split_whitespace().collect();
    let ["set", name, from, "->", to] = words.as_slice() else { return None };
    let setting = Setting::ALL.into_iter().find(|s| s.name() == *name)?;
    Some((setting, from.parse().ok()?, to.parse().ok()?))
}

/// The run that a line looks into.
fn resolves(line: &Line) -> Option<&str> {
    match &line.what {
        What::Resolved { of_run, .. } => Some(of_run),
        _ => None,
    }
}

/// Removes all but the newest `keep` journals; how many are gone.
///
/// # Errors
/// What the system says; those before it are gone.
pub fn gc(state: &Path, keep: usize) -> io::Result<usize> {
    let old: Vec<RunId> = list(state)?.into_iter().skip(keep).collect();
    for id in &old {
        fs::remove_file(path(state, id))?;
    }
    Ok(old.len())
}

impl Run {
    /// What was asked for.
    #[must_use]
    pub fn command(&self) -> Option<&str> {
        self.lines.iter().find_map(|l| match &l.what {
            What::RunStart { command, .. } => Some(command.as_str()),
            _ => None,
        })
    }

    /// How it ended and with which exit code; `None` for a run that was killed or still goes on.
    #[must_use]
    pub fn ended(&self) -> Option<(RunOutcome, u8)> {
        self.lines.iter().rev().find_map(|l| match &l.what {
            What::RunEnd { outcome, exit_code, .. } => Some((*outcome, *exit_code)),
            _ => None,
        })
    }

    /// Digest of the saved plan that it carried out, if it came as far as that.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.lines.iter().find_map(|l| match &l.what {
            What::Plan { digest, .. } => digest.as_deref(),
            _ => None,
        })
    }

    /// AKU_STS_NAME of its plan; `None` for a run that never had one.
    fn statefulset(&self) -> Option<&str> {
        self.lines.iter().find_map(|l| match &l.what {
            What::Plan { statefulset, .. } => Some(statefulset.as_str()),
            _ => None,
        })
    }

    /// Whether it began an action there.
    fn worked_on(&self, pod: Ordinal) -> bool {
        self.lines.iter().any(|l| matches!(&l.what, What::ActionStart { ordinal, .. } if *ordinal == pod))
    }

    /// What is known of the plan's actions after this run, when `past` was known before it.
    fn continued(&self, past: CompletedActions) -> CompletedActions {
        let mut now: BTreeMap<ActionId, Option<PriorOutcome>> = BTreeMap::new();
        for line in &self.lines {
            match &line.what {
                What::ActionStart { id, .. } => drop(now.insert(*id, Some(PriorOutcome::Begun))),
                What::ActionEnd { id, outcome, .. } => {
                    let how = match (outcome, past.get(id)) {
                        // So already because an earlier run did it, or got it through, is done by a run.
                        (ActionOutcome::Done, _)
                        | (ActionOutcome::Already, Some(PriorOutcome::Did | PriorOutcome::Begun)) => PriorOutcome::Did,
                        (ActionOutcome::Already, Some(PriorOutcome::FoundSo) | None) => PriorOutcome::FoundSo,
                        (ActionOutcome::Failed | ActionOutcome::Unknown, _) => PriorOutcome::Begun,
                    };
                    now.insert(*id, Some(how));
                }
                // Not begun by this run: what an earlier one did of it does not count any more, but may be there.
                What::ActionSkipped { id, .. } => drop(now.entry(*id).or_insert(None)),
                _ => {}
            }
        }
        // A run that began nothing changed nothing.
        if now.values().all(Option::is_none) {
            return past;
        }
        let ids: BTreeSet<ActionId> = now.keys().chain(past.keys()).copied().collect();
        let merged = ids.into_iter().filter_map(|id| match (now.get(&id), past.get(&id)) {
            (Some(Some(how)), _) => Some((id, *how)),
            (Some(None) | None, Some(_)) => Some((id, PriorOutcome::Begun)),
            (Some(None) | None, None) => None,
        });
        merged.collect()
    }

    /// Settings that it began to change for a while, with their values before.
    fn settings(&self) -> impl Iterator<Item = (Ordinal, Setting, i64)> + '_ {
        let begun = |line: &Line| match &line.what {
            What::ActionStart { ordinal, what, .. } => Some((*ordinal, setting(what)?)),
            _ => None,
        };
        let changed = |(pod, (setting, from, to)): (Ordinal, (Setting, i64, i64))| {
            (to == setting.during() && from != to).then_some((pod, setting, from))
        };
        self.lines.iter().filter_map(begun).filter_map(changed)
    }

    /// Words of an action, from the plan in the journal.
    #[must_use]
    pub fn words(&self, id: ActionId) -> Option<&str> {
        self.lines.iter().find_map(|l| match &l.what {
            What::Plan { actions, .. } => actions.iter().find(|a| a.id == id).map(|a| a.what.as_str()),
            _ => None,
        })
    }

    /// Statements that were about to be sent and of which nothing more is known, unless their action found out.
    #[must_use]
    pub fn open_intents(&self) -> Vec<OpenIntent> {
        let mut open: BTreeMap<u64, OpenIntent> = BTreeMap::new();
        let mut settled: BTreeSet<ActionId> = BTreeSet::new();
        for line in &self.lines {
            match &line.what {
                What::Intent { statement, id, ordinal, sql } => {
                    let what = self.words(*id).unwrap_or_default().to_owned();
                    let intent = OpenIntent { id: *id, what, pod: *ordinal, sql: sql.clone() };
                    settled.remove(id);
                    open.insert(*statement, intent);
                }
                What::StatementEnd { statement, outcome, .. } => match outcome {
                    StatementOutcome::Ok | StatementOutcome::Failed => drop(open.remove(statement)),
                    StatementOutcome::Lost => {}
                },
                What::ActionEnd { id, outcome, .. } => match outcome {
                    // It looked at the pod before it said so.
                    ActionOutcome::Done | ActionOutcome::Already | ActionOutcome::Failed => drop(settled.insert(*id)),
                    ActionOutcome::Unknown => {}
                },
                _ => {}
            }
        }
        open.into_values().filter(|intent| !settled.contains(&intent.id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        events::DbFault,
        plan::{Op, words},
    };

    #[test]
    fn a_journal_tells_what_a_setting_was() {
        let start = |id, pod, from, to| {
            let what = words::short(&Op::SetProperty { property: Setting::SyncLockTimeout, from, to });
            What::ActionStart { id: ActionId(id), ordinal: Ordinal::new(pod).unwrap(), what }
        };
        let run = run(vec![start(1, 0, 45, 0), start(2, 0, 0, 45), start(3, 1, 0, 0)]);
        let found: Vec<_> = run.settings().collect();
        assert_eq!(found, [(Ordinal::MASTER, Setting::SyncLockTimeout, 45)]);
        assert_eq!(setting("set NO_SUCH 1 -> 0"), None);
    }

    fn run(whats: Vec<What>) -> Run {
        let id: RunId = "20261121T121044Z-1f3a9c".parse().unwrap();
        let line = |(i, what)| Line { seq: i as u64 + 1, ts: String::new(), run_id: id.to_string(), what };
        Run { lines: whats.into_iter().enumerate().map(line).collect(), id: id.clone(), unreadable: 0 }
    }

    fn intent(statement: u64, action: u32) -> What {
        let sql = format!("ALTER REPLICATION R_{statement} STOP");
        What::Intent { statement, id: ActionId(action), ordinal: Ordinal::MASTER, sql }
    }

    fn back(statement: u64, outcome: StatementOutcome) -> What {
        let fault = DbFault { sqlstate: "08S01".to_owned(), native: 331_843, message: String::new() };
        let error = (outcome != StatementOutcome::Ok).then_some(fault);
        What::StatementEnd { statement, outcome, error }
    }

    fn end(action: u32, outcome: ActionOutcome) -> What {
        What::ActionEnd { id: ActionId(action), outcome, took_us: None, said: None, error: None }
    }

    #[test]
    fn an_intent_is_open_until_something_is_known() {
        use StatementOutcome::{Failed, Lost, Ok};
        let open = |whats| run(whats).open_intents().iter().map(|i| i.id.0).collect::<Vec<_>>();
        assert_eq!(open(vec![intent(1, 1)]), [1]);
        assert_eq!(open(vec![intent(1, 1), back(1, Ok)]), [0_u32; 0]);
        assert_eq!(open(vec![intent(1, 1), back(1, Failed)]), [0_u32; 0]);
        assert_eq!(open(vec![intent(1, 1), back(1, Lost)]), [1]);
        // The second attempt looked and found it done.
        assert_eq!(open(vec![intent(1, 1), back(1, Lost), end(1, ActionOutcome::Done)]), [0_u32; 0]);
        assert_eq!(open(vec![intent(1, 1), back(1, Lost), end(1, ActionOutcome::Unknown)]), [1]);
        assert_eq!(open(vec![intent(1, 1), intent(2, 2), back(1, Ok)]), [2]);
    }

    #[test]
    fn what_several_runs_of_a_plan_did() {
        use ActionOutcome::{Already, Done, Failed};
        let start = |id: u32| What::ActionStart { id: ActionId(id), ordinal: Ordinal::MASTER, what: String::new() };
        let skipped = |id: u32| What::ActionSkipped {
            id: ActionId(id),
            kind: crate::events::SkipKind::NotRun,
            because_of: None,
            why: String::new(),
        };
        let first = run(vec![start(1), end(1, Done), start(2), end(2, Already), start(3), end(3, Failed), skipped(4)]);
        let known = |past: &CompletedActions| past.iter().map(|(id, how)| (id.0, *how)).collect::<Vec<_>>();
        let past = first.continued(CompletedActions::new());
        assert_eq!(known(&past), [(1, PriorOutcome::Did), (2, PriorOutcome::FoundSo), (3, PriorOutcome::Begun)]);
        // One that was refused leaves all as it was; one that goes on says so of what is done.
        assert_eq!(run(vec![]).continued(past.clone()), past);
        let second = run(vec![end(1, Already), end(2, Already), start(3), end(3, Already), start(4)]);
        let past = second.continued(past);
        let all =
            [(1, PriorOutcome::Did), (2, PriorOutcome::FoundSo), (3, PriorOutcome::Did), (4, PriorOutcome::Begun)];
        assert_eq!(known(&past), all);
        // What was to be done again and was not reached counts no more.
        let third = run(vec![end(1, Already), start(2), end(2, Done), skipped(3)]);
        let past = third.continued(past);
        let all = [(1, PriorOutcome::Did), (2, PriorOutcome::Did), (3, PriorOutcome::Begun), (4, PriorOutcome::Begun)];
        assert_eq!(known(&past), all);
    }

    #[test]
    fn who_worked_on_the_pod_since_is_told() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(RUNS)).unwrap();
        let start =
            |pod: u8| What::ActionStart { id: ActionId(1), ordinal: Ordinal::new(pod).unwrap(), what: String::new() };
        let plan = |digest: Option<&str>| What::Plan {
            goal: "start".to_owned(),
            ordinal: Ordinal::new(2).unwrap(),
            statefulset: String::new(),
            transfer: String::new(),
            digest: digest.map(str::to_owned),
            milestones: Vec::new(),
            actions: Vec::new(),
        };
        let write = |second: u8, whats: Vec<What>| {
            let id: RunId = format!("20261121T1210{second:02}Z-1f3a9c").parse().unwrap();
            let line =
                |what| Line { seq: 1, ts: format!("2026-11-21T12:10:{second:02}Z"), run_id: id.to_string(), what };
            let lines = whats.into_iter().map(|w| serde_json::to_string(&line(w)).unwrap() + "\n");
            fs::write(path(dir.path(), &id), lines.collect::<String>()).unwrap();
            id
        };
        let pod = Ordinal::new(2).unwrap();
        let half = || half(dir.path(), "sha256:a", pod).unwrap();
        write(1, vec![plan(None), start(2)]);
        write(2, vec![plan(Some("sha256:a"))]);
        assert_eq!(half(), None, "it began nothing");
        let own = write(3, vec![plan(Some("sha256:a")), start(2)]);
        write(4, vec![plan(None), start(1)]);
        write(5, vec![plan(Some("sha256:b"))]);
        assert_eq!(half().map(|h| (h.run, h.since)), Some((own.clone(), None)));
        let other = write(6, vec![plan(None), start(2)]);
        assert_eq!(half().map(|h| (h.run, h.since)), Some((own, Some(other))));
    }

    #[test]
    fn what_a_crash_cut_off_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let id: RunId = "20261121T121044Z-1f3a9c".parse().unwrap();
        fs::create_dir(dir.path().join(RUNS)).unwrap();
        let whole = serde_json::to_string(&run(vec![intent(1, 1)]).lines[0]).unwrap();
        fs::write(path(dir.path(), &id), format!("{whole}\n\n{}", &whole[..whole.len() / 2])).unwrap();
        let read = load(dir.path(), &id).unwrap();
        assert_eq!((read.lines.len(), read.unreadable), (1, 1));
        assert_eq!(read.open_intents().len(), 1);
        assert_eq!(read.ended(), None);
    }

    /// Writes a journal with an intent that nobody knows the outcome of, and what it says about other runs.
    fn broken_off(state: &Path, id: &str, about: &[&str]) -> RunId {
        let id: RunId = id.parse().unwrap();
        fs::create_dir_all(state.join(RUNS)).unwrap();
        let resolved = about.iter().map(|of_run| What::Resolved {
            of_run: (*of_run).to_owned(),
            id: ActionId(1),
            what: String::new(),
            verdict: crate::events::Verdict::NotNeeded,
        });
        let lines = run(resolved.chain([intent(1, 1)]).collect()).lines;
        let text = lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect::<String>();
        fs::write(path(state, &id), text).unwrap();
        id
    }

    #[test]
    fn what_broke_off_is_looked_into_once_also_when_the_clock_was_set_back() {
        let dir = tempfile::tempdir().unwrap();
        let open = |run: &RunId| -> Vec<String> {
            unresolved(dir.path(), "sts", run).unwrap().into_iter().map(|(id, _)| id.to_string()).collect()
        };
        // The clock is six hours ahead, and a run is killed.
        let ahead = "20261121T180000Z-1f3a9c";
        broken_off(dir.path(), ahead, &[]);
        // It is set right; the next run looks into that, and is killed itself.
        let next = broken_off(dir.path(), "20261121T120500Z-000001", &[]);
        assert_eq!(open(&next), [ahead]);
        broken_off(dir.path(), next.as_str(), &[ahead]);
        // The one after it has the earlier number of the two, and only that is news.
        let last = broken_off(dir.path(), "20261121T121000Z-000002", &[]);
        assert_eq!(open(&last), [next.as_str()]);
        broken_off(dir.path(), last.as_str(), &[next.as_str()]);
        let quiet: RunId = "20261121T121500Z-000003".parse().unwrap();
        assert_eq!(open(&quiet), [last.as_str()]);
        assert_eq!(unresolved(&dir.path().join("none"), "sts", &quiet).unwrap(), []);
        // Another cluster's journals may lie in the same place.
        let plan = What::Plan {
            goal: "start".to_owned(),
            ordinal: Ordinal::MASTER,
            statefulset: "other".to_owned(),
            transfer: "none".to_owned(),
            digest: None,
            milestones: Vec::new(),
            actions: Vec::new(),
        };
        let theirs = run(vec![plan, intent(1, 1)]).lines;
        let text = theirs.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect::<String>();
        fs::write(path(dir.path(), &last), text).unwrap();
        assert_eq!(open(&quiet), [next.as_str()]);
    }

    #[test]
    fn the_newest_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(list(dir.path()).unwrap(), []);
        fs::create_dir(dir.path().join(RUNS)).unwrap();
        for day in 1..=5 {
            let id: RunId = format!("2026112{day}T121044Z-1f3a9c").parse().unwrap();
            fs::write(path(dir.path(), &id), "").unwrap();
        }
        fs::write(dir.path().join(RUNS).join("notes.txt"), "").unwrap();
        assert_eq!(gc(dir.path(), 2).unwrap(), 3);
        let left: Vec<_> = list(dir.path()).unwrap().iter().map(|id| id.as_str()[..8].to_owned()).collect();
        assert_eq!(left, ["20261125", "20261124"]);
        assert!(dir.path().join(RUNS).join("notes.txt").exists());
    }
}
