//! Journals as they are found: whole, cut off, of others.

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

#[test]
fn a_journal_tells_that_an_end_shut_users_out() {
    let sent =
        |sql: &str| What::Intent { statement: 1, id: ActionId(1), ordinal: Ordinal::MASTER, sql: sql.to_owned() };
    let (fence, open) = (|| sent("ALTER SYSTEM SET ADMIN_MODE = 1"), || sent("ALTER SYSTEM SET ADMIN_MODE = 0"));
    let fenced = || What::ActionStart { id: ActionId(1), ordinal: Ordinal::MASTER, what: words::short(&Op::Fence) };
    let plan = |goal: &str| What::Plan {
        goal: goal.to_owned(),
        ordinal: Ordinal::MASTER,
        statefulset: "s".to_owned(),
        transfer: "none".to_owned(),
        digest: None,
        milestones: Vec::new(),
        actions: Vec::new(),
    };
    let began = "2026-11-21T12:10:44Z".parse::<jiff::Timestamp>().unwrap().as_second();
    let table = [
        (vec![plan("end"), fenced(), fence()], began, Some(true)),
        (vec![plan("clean"), fence()], began, Some(true)),
        // It was closed before.
        (vec![plan("end"), fenced()], began, None),
        // The server was started anew since.
        (vec![plan("end"), fence()], began + 1, Some(false)),
        (vec![plan("start"), fence(), open()], began, Some(false)),
        (vec![plan("start"), fence()], began, Some(false)),
    ];
    for (lines, server, expected) in table {
        assert_eq!(run(lines.clone()).shut_out(Ordinal::MASTER, server), expected, "{lines:?}");
        assert_eq!(run(lines).shut_out(Ordinal::new(1).unwrap(), server), None);
    }
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
    let all = [(1, PriorOutcome::Did), (2, PriorOutcome::FoundSo), (3, PriorOutcome::Did), (4, PriorOutcome::Begun)];
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
        let line = |what| Line { seq: 1, ts: format!("2026-11-21T12:10:{second:02}Z"), run_id: id.to_string(), what };
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
    let other = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(dir.path().join(RUNS), other.path().join(RUNS)).unwrap();
    assert!(list(other.path()).unwrap_err().to_string().contains("is a symbolic link"));
    assert!(super::super::Journal::create(other.path(), &list(dir.path()).unwrap()[0]).is_err());
    let left: Vec<_> = list(dir.path()).unwrap().iter().map(|id| id.as_str()[..8].to_owned()).collect();
    assert_eq!(left, ["20261125", "20261124"]);
    assert!(dir.path().join(RUNS).join("notes.txt").exists());
}
