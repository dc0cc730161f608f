//! What a pin is to an EAGER object: START and STOP while a session of its own holds a SHARE lock on everything that the
//! object sends (`measured.md` 9.5).
//!
//! A position counts only if the lock was held from before the START to after the STOP: without it a commit may have met a
//! sender whose peer has no rows. What is not sure is stopped and forgotten, and done again. The lock is let go when its time
//! is up, whatever the server is at: behind it receivers of the pod wait, and skip what they wait for after
//! REPLICATION_LOCK_TIMEOUT (`measured.md` 1). A kill takes the lock with its session, and may leave a started sender: the
//! next plan stops it before anything else.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use super::{
    super::{
        clock::Clock,
        codes::Code,
        look,
        op_error::{OpError, Sent, Statement},
        stop::StopLevel,
        work::{Begun, Ended, Work},
    },
    streams,
};
use crate::{
    conf::Switch,
    db::{Cancel, Session, error::native, sql::ChangeSql},
    topology::{ReplicationName, Target},
};

/// Longest sleep of the thread that holds the lock.
const TICK: Duration = Duration::from_millis(20);
/// How often it is tried when the lock was not held to its end.
const TRIES: usize = 3;
/// How long the locks are asked for, with pauses in which users go on, before the action fails.
const PATIENCE: Duration = Duration::from_secs(15);
/// With less left, START is not begun: it answers at once or after a second, when it looks for its peer again (`measured.md`
/// 9.1).
const SHORTEST: Duration = Duration::from_secs(1);
/// Shortest such pause.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) fn anchor(
    work: &mut Work<'_>,
    name: &ReplicationName,
    targets: &[Target],
    (lock_s, held_s): (u32, u32),
) -> Result<Ended, OpError> {
    // Whoever waits for a lock can begin again.
    work.control.yields_at = StopLevel::Finish;
    let side = look::side_of(work, name)?;
    if work.memory.begun == Some(Begun::Anchor) {
        // Of an attempt of this action, and nobody knows under which lock.
        streams::unpin(work, name)?;
    } else if !side.is_reset() {
        return Err(streams::old_position(work, name, &side));
    }
    let waits = look::property(work, work.action.pod, "REPLICATION_LOCK_TIMEOUT")?;
    if waits.is_none_or(|s| s <= i64::from(held_s)) {
        let is = waits.map_or_else(|| "is not known".to_owned(), |s| format!("is {s} s"));
        return Err(work.told(Code::LockTooLong, format!("it {is}, and the lock may be held for {held_s} s")));
    }
    let tables = Target::tables(targets);
    for _ in 0..TRIES {
        if let Some(took) = once(work, name, &tables, (lock_s, held_s))? {
            let position = streams::pinned(work, name)?;
            let took = took.as_millis();
            return Ok(Ended::said(format!("keeps log from SN {position}; {took} ms under the lock")));
        }
        streams::unpin(work, name)?;
    }
    Err(work.told(Code::AnchorNotHeld, format!("{name}, {TRIES} times, within {held_s} s each")))
}

/// Lock, START, STOP, and the lock is let go; how long users waited. `None`: it was not held to its end.
fn once(
    work: &mut Work<'_>,
    name: &ReplicationName,
    tables: &[Target],
    (lock_s, held_s): (u32, u32),
) -> Result<Option<Duration>, OpError> {
    let held = Duration::from_secs(u64::from(held_s));
    let no_session = |e| OpError::NoSession(Box::new(e));
    let mut session = work.shared.sessions.private(work.action.pod, Some(held)).map_err(no_session)?;
    // Where our own COMMIT does not arrive, the server closes the session.
    send(work, &mut *session, &ChangeSql::SessionIdleTimeout(held_s))?;
    send(work, &mut *session, &ChangeSql::SessionAutocommit(Switch::Off))?;
    // Known before users wait.
    let cancel = work.look(work.action.pod, "how a START is cancelled", |session| Ok(session.canceller()))?;
    let began = lock(work, &mut *session, tables, lock_s)?;
    // Whoever returns here closes the session, and the lock goes with it.
    let side = look::side_of(work, name)?;
    if !side.is_reset() {
        // Somebody used it while the lock was waited for.
        return Err(streams::old_position(work, name, &side));
    }
    if work.now().saturating_duration_since(began) + SHORTEST > held {
        return Ok(None);
    }
    let holder = Holder::begin(work, session, cancel, began + held)?;
    let sent = start_and_stop(work, name);
    let in_time = holder.release(work);
    match sent {
        // It was cancelled because its time was up.
        Err(OpError::Statement(s)) if !in_time && s.error.native == native::CANCELLED => return Ok(None),
        other => other?,
    }
    Ok(in_time.then(|| work.now().saturating_duration_since(began)))
}

/// Locks all tables; when the first was asked for. Only the first is waited for: a session that waited with a lock in its
/// hands could be in a deadlock with a user's transaction, and the server would end that one. The table that was not free is
/// the first the next time, and users go on in between for as long as they were kept waiting.
fn lock(work: &mut Work<'_>, session: &mut dyn Session, tables: &[Target], lock_s: u32) -> Result<Instant, OpError> {
    let mut tables = tables.to_vec();
    let until = work.now() + PATIENCE;
    loop {
        let began = work.now();
        let mut busy = None;
        for (i, table) in tables.iter().enumerate() {
            let wait_s = if i == 0 { lock_s } else { 0 };
            match send(work, session, &ChangeSql::LockTable { table: table.clone(), wait_s }) {
                Ok(()) => {}
                Err(OpError::Statement(s)) if s.error.native == native::LOCK_TIMEOUT && work.now() < until => {
                    busy = Some(i);
                    break;
                }
                Err(other) => return Err(other),
            }
        }
        let Some(busy) = busy else { return Ok(began) };
        send(work, session, &ChangeSql::Rollback)?;
        tables.rotate_left(busy);
        let waited = work.now().saturating_duration_since(began);
        work.control.pause(waited.max(PAUSE))?;
    }
}

/// Nothing comes between the two but an abort: a sender that is left started would make users' commits fail. The engine
/// cancels an anchor at nothing less either.
fn start_and_stop(work: &mut Work<'_>, name: &ReplicationName) -> Result<(), OpError> {
    let before = std::mem::replace(&mut work.control.yields_at, StopLevel::Abort);
    work.memory.begun = Some(Begun::Anchor);
    let started = work.change(&ChangeSql::Start(name.clone()));
    // Whatever became of the START: its answer may have been lost.
    let stopped = work.change_unless(&ChangeSql::Stop(name.clone()), native::NOT_STARTED);
    work.control.yields_at = before;
    started.and(stopped)
}

/// A statement of the session that locks.
fn send(work: &mut Work<'_>, session: &mut dyn Session, sql: &ChangeSql) -> Result<(), OpError> {
    if work.control.stopped() {
        return Err(OpError::Stopped);
    }
    let (pod, text) = (work.action.pod, sql.to_string());
    work.slot.say(text.clone());
    let witness = work.shared.context.witness.clone();
    let number = witness.as_ref().map(|w| w.intent(work.action.id, pod, &text));
    let key = work.slot.enter(work.now(), work.shared.bound, session.canceller());
    let answer = session.execute(sql);
    work.slot.leave(key);
    if let (Some(witness), Some(number)) = (witness, number) {
        witness.came_back(number, answer.as_ref().copied());
    }
    answer.map_err(|error| OpError::Statement(Box::new(Statement { pod, sent: Sent::Change, sql: text, error })))
}

/// Holds the lock in a thread of its own, until it is told to let go or the time is up.
struct Holder {
    tell: mpsc::Sender<()>,
    /// Whether it was told in time, and the server said that the lock was still there.
    answer: mpsc::Receiver<bool>,
    until: Instant,
}

impl Holder {
    fn begin(
        work: &Work<'_>,
        mut session: Box<dyn Session>,
        cancel: Arc<dyn Cancel>,
        until: Instant,
    ) -> Result<Self, OpError> {
        let (tell, told) = mpsc::channel();
        let (say, answer) = mpsc::channel();
        let clock = Arc::clone(&work.shared.context.clock);
        let hold = move || {
            let in_time = wait(&told, &*clock, until);
            // A session that is gone had let go before, and nobody knows when.
            let kept = session.execute(&ChangeSql::Commit).is_ok();
            drop(session);
            if !in_time {
                cancel.cancel();
            }
            // Nobody listens any more when the action was given up.
            let _ = say.send(in_time && kept);
        };
        let name = format!("lock {}", work.action.id);
        match thread::Builder::new().name(name).spawn(hold) {
            Ok(_detached) => Ok(Self { tell, answer, until }),
            Err(e) => Err(work.told(Code::Internal, format!("no thread: {e}"))),
        }
    }

    /// Lets go; whether the lock was held until now.
    fn release(self, work: &Work<'_>) -> bool {
        let late = work.now() > self.until;
        // Its thread is gone only after it answered.
        let _ = self.tell.send(());
        let kept = self.answer.recv_timeout(work.shared.context.limits.cancel);
        kept.unwrap_or(false) && !late
    }
}

/// Whether it was told before its time was up.
fn wait(told: &mpsc::Receiver<()>, clock: &dyn Clock, until: Instant) -> bool {
    loop {
        match told.recv_timeout(TICK) {
            Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => return true,
            Err(mpsc::RecvTimeoutError::Timeout) if clock.now() >= until => return false,
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
    }
}
