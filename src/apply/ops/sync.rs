//! SYNC: in a session and a thread of its own without time limits, watched over the action's session.
//!
//! It is sent once. A second SYNC into a target that holds rows leaves rows out silently (`measured.md` 3), so after any
//! failure past the handshake the next run starts over.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use super::super::{
    codes::Code,
    look,
    op_error::{OpError, OpFinding, Sent, Statement},
    retry::Fault,
    work::{Begun, Ended, Work},
};
use crate::{
    db::{
        Cancel, DbError, Session,
        sql::{ChangeSql, ReadSql},
    },
    topology::{ReplicationName, Target},
};

/// Longest sleep of the watching thread.
const TICK: Duration = Duration::from_millis(20);

type Answer = Result<(), DbError>;

pub(super) fn sync(
    work: &mut Work<'_>,
    name: &ReplicationName,
    parallel: u8,
    rows: Option<u64>,
) -> Result<Ended, OpError> {
    if work.memory.begun == Some(Begun::Sync) {
        return after_lost_link(work, name);
    }
    let side = side_without_sender(work, name)?;
    if !side.is_reset() {
        return Err(work.told(Code::SyncNotReset, format!("{name} is at {}", side.position)));
    }
    let items: Vec<_> = look::definition(work, name)?.targets.into_iter().collect();
    count_source(work, &items)?;
    copy(work, &ChangeSql::Sync { name: name.clone(), parallel }, rows)
}

/// What the source holds, for the check of the copy, where nobody counted it yet.
fn count_source(work: &mut Work<'_>, targets: &[Target]) -> Result<(), OpError> {
    let unknown: Vec<_> = targets.iter().filter(|t| work.remembered_source(t).is_none()).cloned().collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let counts = look::count(work, work.action.pod, &unknown)?;
    unknown.iter().zip(counts).for_each(|(target, rows)| work.remember_source(target, rows));
    Ok(())
}

/// SYNC of some items of an object that keeps its position for the others.
pub(super) fn sync_tables(
    work: &mut Work<'_>,
    name: &ReplicationName,
    parallel: u8,
    targets: &[Target],
    rows: Option<u64>,
) -> Result<Ended, OpError> {
    if work.memory.begun == Some(Begun::Sync) {
        return after_lost_link(work, name);
    }
    let side = side_without_sender(work, name)?;
    if !side.position.is_live() || side.gave_up.is_some() {
        // Without a position the other items would go on from now, and what they missed would be lost.
        return Err(work.told(Code::PositionLost, format!("{name} is at {}", side.position)));
    }
    count_source(work, targets)?;
    copy(work, &ChangeSql::SyncTables { name: name.clone(), parallel, targets: targets.to_vec() }, rows)
}

/// A SYNC is refused while a sender exists (ERR-6100A).
fn side_without_sender(work: &mut Work<'_>, name: &ReplicationName) -> Result<look::Side, OpError> {
    let side = look::side_of(work, name)?;
    if side.sender { Err(work.told(Code::SenderExists, name.to_string())) } else { Ok(side) }
}

fn copy(work: &mut Work<'_>, sql: &ChangeSql, rows: Option<u64>) -> Result<Ended, OpError> {
    let session = prepare(work)?;
    work.memory.begun = Some(Begun::Sync);
    work.memory.sent = true;
    let answer = run(work, session, sql, rows)?;
    match answer {
        Ok(()) => Ok(Ended::done()),
        Err(error) => {
            let fault = Fault::of(&error);
            // The handshake comes before the first row.
            if fault == Fault::Handshake {
                work.memory.begun = None;
            }
            let (pod, sql) = (work.action.pod, sql.to_string());
            if fault == Fault::Lost {
                let (sql, error, detail) = (Some(sql.clone()), Some(error.clone()), String::new());
                work.memory.doubt(OpFinding { code: Code::LostLink, pod, sql, error, detail });
            }
            Err(OpError::Statement(Box::new(Statement { pod, sent: Sent::Change, sql, error })))
        }
    }
}

fn prepare(work: &mut Work<'_>) -> Result<Box<dyn Session>, OpError> {
    let pod = work.action.pod;
    let no_session = |e| OpError::NoSession(Box::new(e));
    let mut session = work.shared.sessions.private(pod, None).map_err(no_session)?;
    // The server has a default of its own (7.2: 600 s).
    let sql = ChangeSql::SessionQueryTimeout(0);
    session.execute(&sql).map_err(|error| {
        OpError::Statement(Box::new(Statement { pod, sent: Sent::Read, sql: sql.to_string(), error }))
    })?;
    if work.control.stopped() { Err(OpError::Stopped) } else { Ok(session) }
}

/// Sends it and watches until it is back, or is given up.
fn run(
    work: &mut Work<'_>,
    mut session: Box<dyn Session>,
    sql: &ChangeSql,
    rows: Option<u64>,
) -> Result<Answer, OpError> {
    let cancel = session.canceller();
    let text = sql.to_string();
    work.slot.say(text.clone());
    let (send, receive) = mpsc::channel();
    let key = work.slot.enter(work.now(), None, Arc::clone(&cancel));
    let statement = sql.clone();
    let witness = work.shared.context.witness.clone();
    let number = witness.as_ref().map(|w| w.intent(work.action.id, work.action.pod, &text));
    let spawned = thread::Builder::new().name(format!("sync {}", work.action.id)).spawn(move || {
        let answer = session.execute(&statement);
        if let (Some(witness), Some(number)) = (witness, number) {
            witness.came_back(number, answer.as_ref().copied());
        }
        if !answer.as_ref().is_err_and(DbError::lost_session) {
            // Closed before the run can end; closing a lost one may block.
            drop(session);
        }
        // Nobody listens any more when the statement was given up.
        let _ = send.send(answer);
    });
    let answer = match spawned {
        Ok(_detached) => watch(work, &receive, &cancel, &text, rows),
        Err(e) => Err(work.told(Code::Internal, format!("no thread: {e}"))),
    };
    work.slot.leave(key);
    answer
}

/// Why a running SYNC was cancelled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    Stopped,
    Stalled,
}

fn watch(
    work: &mut Work<'_>,
    receive: &mpsc::Receiver<Answer>,
    cancel: &Arc<dyn Cancel>,
    text: &str,
    rows: Option<u64>,
) -> Result<Answer, OpError> {
    let limits = work.shared.context.limits;
    let told = |work: &Work<'_>, code, error, detail: String| OpFinding {
        code,
        pod: work.action.pod,
        sql: Some(text.to_owned()),
        error,
        detail,
    };
    let mut cancelled: Option<(Why, Instant)> = None;
    let mut copied = Copied { rows: 0, since: work.now(), looked: work.now() };
    loop {
        match receive.recv_timeout(TICK) {
            Ok(answer) => {
                return match (answer, cancelled) {
                    (Err(error), Some((Why::Stalled, _))) => {
                        let detail = format!("for {} s, after {} rows", limits.no_progress.as_secs(), copied.rows);
                        Err(OpError::OpFinding(Box::new(told(work, Code::SyncStalled, Some(error), detail))))
                    }
                    (Err(error), Some((Why::Stopped, _))) => {
                        Err(OpError::OpFinding(Box::new(told(work, Code::Stopped, Some(error), String::new()))))
                    }
                    (answer, _) => Ok(answer),
                };
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let detail = "the thread of the SYNC ended without an answer".to_owned();
                return Err(OpError::Lost(Box::new(told(work, Code::Internal, None, detail))));
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        match cancelled {
            Some((_, since)) if work.now() >= since + limits.cancel => {
                return Err(OpError::Lost(Box::new(told(work, Code::Abandoned, None, String::new()))));
            }
            Some(_) => {}
            // The engine cancels what runs when the run is to stop.
            None if work.control.stopped() => cancelled = Some((Why::Stopped, work.now())),
            None => {
                copied.look(work, rows);
                if work.now() >= copied.since + limits.no_progress {
                    cancelled = Some((Why::Stalled, work.now()));
                    let cancel = Arc::clone(cancel);
                    // It may block for as long as a connect does. Without a thread the copy is given up as it is.
                    let _detached = thread::Builder::new().name("cancel".to_owned()).spawn(move || cancel.cancel());
                }
            }
        }
    }
}

struct Copied {
    rows: u64,
    /// Last change of `rows`.
    since: Instant,
    looked: Instant,
}

impl Copied {
    /// Looks at V$REPSYNC, at most once a second. A pod that cannot be looked at makes no progress.
    fn look(&mut self, work: &mut Work<'_>, all: Option<u64>) {
        if work.now() < self.looked + Duration::from_secs(1) {
            return;
        }
        self.looked = work.now();
        let Ok(answer) = work.read(&ReadSql::SyncProgress) else {
            work.drop_lost();
            return;
        };
        let name = work.action.op.object().map(ReplicationName::as_str);
        // -1 stands for "not being copied now".
        let rows = answer
            .iter()
            .filter(|row| row.text("REP_NAME").as_deref() == name)
            .filter_map(|row| row.int("SYNC_RECORD_COUNT").and_then(|n| u64::try_from(n).ok()))
            .sum();
        if rows != self.rows {
            (self.rows, self.since) = (rows, work.now());
            work.slot.count(rows, all);
        }
    }
}

/// The answer was lost. The server goes on only until it notices; what it shows then decides.
fn after_lost_link(work: &mut Work<'_>, name: &ReplicationName) -> Result<Ended, OpError> {
    let bound = work.shared.context.limits.cancel;
    let over = work.poll(bound, |work| {
        let side = look::side_of(work, name)?;
        Ok(match (side.sender, side.is_started, side.position.is_live()) {
            (true, true, true) => Some(true),
            // A copy of single tables leaves the position that was there before.
            (false, false, _) => Some(false),
            (true, _, _) | (false, true, _) => None,
        })
    })?;
    match over {
        Some(true) => Ok(Ended::said("the answer was lost; the pod shows that the copy finished")),
        Some(false) => Err(work.told(Code::SyncFailed, "the link was lost, and the server gave the copy up")),
        None => {
            let detail = "the pod does not show how the copy ended".to_owned();
            let (code, pod) = (Code::LostLink, work.action.pod);
            Err(OpError::Lost(Box::new(OpFinding { code, pod, sql: None, error: None, detail })))
        }
    }
}
