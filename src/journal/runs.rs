//! Reading journals: which runs there were, how they ended, and what nobody knows about them. Never changes one; `gc`
//! removes whole files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use super::{RUNS, SUFFIX, own_folder, path};
use crate::{
    bounded,
    db::setting::Setting,
    desired::Goal,
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
    let folder = state.join(RUNS);
    let entries = match own_folder(&folder).and_then(|()| fs::read_dir(&folder)) {
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

/// Whether the last run that closed or opened a pod to users was an end, or a clean, since its server came up: the pod was in
/// service until then.
///
/// # Errors
/// The directory cannot be read. A journal that cannot be read is passed over.
pub fn is_shut_out(state: &Path, statefulset: &str, pod: Ordinal, server_started_s: i64) -> io::Result<bool> {
    let runs = list(state)?.into_iter().take(LOOKED_THROUGH).filter_map(|id| load(state, &id).ok());
    let mut of_here = runs.filter(|run| run.statefulset() == Some(statefulset));
    Ok(of_here.find_map(|run| run.shut_out(pod, server_started_s)).unwrap_or(false))
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

    /// Whether it left the pod closed to users as an end does; `None` for a run that neither closed nor opened it.
    fn shut_out(&self, pod: Ordinal, server_started_s: i64) -> Option<bool> {
        // What was sent: a pod that was closed already is fenced as well, and nothing is sent for it.
        let touched = |line: &Line| match &line.what {
            What::Intent { ordinal, sql, .. } if *ordinal == pod => match sql.as_str() {
                "ALTER SYSTEM SET ADMIN_MODE = 1" => Some(true),
                "ALTER SYSTEM SET ADMIN_MODE = 0" => Some(false),
                _ => None,
            },
            _ => None,
        };
        let closed = self.lines.iter().rev().find_map(touched)?;
        let leaves = self.lines.iter().any(|line| match &line.what {
            What::Plan { goal, ordinal, .. } => {
                *ordinal == pod && [Goal::End(pod).as_str(), Goal::Clean(pod).as_str()].contains(&goal.as_str())
            }
            _ => false,
        });
        let now = self.id.began().is_some_and(|at| at.as_second() >= server_started_s);
        Some(closed && leaves && now)
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
#[path = "runs_tests.rs"]
mod tests;
