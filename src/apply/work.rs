//! One action being carried out: its session, its statements, what it remembers between attempts.
//!
//! Every statement of the engine is sent here, so that each can be cancelled, is watched, and counts as "in doubt"
//! when its session is lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::{Duration, Instant},
};

use super::{
    codes::Code,
    context::Context,
    control::Control,
    event::{Event, Outcome},
    op_error::{OpError, OpFinding, Sent, Statement},
    schedule::SideEffect,
    sessions::{Age, Lease, Sessions},
    slot::Slot,
    stop::StopLevel,
    turns::Turns,
};
use crate::{
    db::{
        DbError, Rows, Session,
        sql::{ChangeSql, ReadSql},
    },
    plan::{Action, ActionId},
    topology::{Ordinal, Target},
};

/// What all actions of a run share.
pub(super) struct Shared {
    pub context: Context,
    pub sessions: Arc<Sessions>,
    /// Longest time for one statement, SYNC apart, before it is cancelled; `None` = the configuration sets none.
    pub bound: Option<Duration>,
    /// Rows that the source had when the plan was made.
    pub planned: Vec<(Target, u64)>,
    /// How many actions of each pod use a session.
    pub wanted: BTreeMap<Ordinal, usize>,
    /// Whose turn it is at a table.
    pub turns: Turns,
    /// What the source held of a target right before it was copied.
    pub before_copy: Mutex<BTreeMap<Target, u64>>,
}

/// From an action's thread to the engine.
pub(super) enum Message {
    /// To be told as it is.
    Event(Event),
    /// A session was opened.
    Wake,
    /// The action only looks from now on, and takes up no lane any more.
    Yields(ActionId),
    /// The action is over.
    Over(ActionId, Box<Outcome>, SideEffect),
}

/// How an operation ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Done, and what there is to say.
    Done(Option<String>),
    /// Only SELECTs were sent.
    Already,
}

impl Ended {
    pub fn done() -> Self {
        Self::Done(None)
    }

    pub fn said(words: impl Into<String>) -> Self {
        Self::Done(Some(words.into()))
    }
}

/// A step after which a second attempt goes another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begun {
    /// START RETRY went out: the position is this run's own pin.
    Pin,
    /// A START went out under a lock: what the object shows is of no use unless the lock was held to its end.
    Anchor,
    /// START RETRY went out, and this is where the object stood before.
    Start(Stood),
    /// START RETRY did not connect, and was taken back: only a plain START tells why.
    Refused,
    /// SYNC went out, and its copy may have begun.
    Sync,
}

/// Where an object stood before a START.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stood {
    /// At -1: a START that fails leaves it there.
    Nowhere,
    /// At a position, which a START keeps.
    Somewhere,
}

/// What survives from one attempt to the next.
#[derive(Default)]
pub(super) struct Memory {
    /// A changing statement went out.
    pub sent: bool,
    /// A changing statement whose outcome nobody knows.
    pub doubt: Option<OpFinding>,
    /// The action's own pod has answered since, so what the operation finds there is about that statement, too.
    pub looked: bool,
    /// Transactions that a drain waits for, and since when.
    pub draining: Option<(BTreeSet<i64>, Instant)>,
    /// A statement of this action ended without a usable answer.
    pub lost_once: bool,
    /// What this action began and must not begin twice.
    pub begun: Option<Begun>,
}

impl Memory {
    /// Nobody knows what became of a statement.
    pub fn doubt(&mut self, about: OpFinding) {
        (self.doubt, self.looked) = (Some(about), false);
    }
}

/// One action being carried out.
pub(super) struct Work<'a> {
    pub shared: &'a Arc<Shared>,
    pub action: &'a Action,
    pub control: Control,
    pub slot: &'a Arc<Slot>,
    pub memory: Memory,
    pub tell: &'a mpsc::Sender<Message>,
    lease: Option<Lease>,
    helper: Option<Lease>,
}

impl<'a> Work<'a> {
    pub fn new(
        shared: &'a Arc<Shared>,
        action: &'a Action,
        control: Control,
        slot: &'a Arc<Slot>,
        tell: &'a mpsc::Sender<Message>,
    ) -> Self {
        Self { shared, action, control, slot, memory: Memory::default(), tell, lease: None, helper: None }
    }

    pub fn now(&self) -> Instant {
        self.shared.context.clock.now()
    }

    /// A finding about the action's own pod.
    pub fn told(&self, code: Code, detail: impl Into<String>) -> OpError {
        OpError::told(self.action.pod, code, detail)
    }

    /// The same, to be completed.
    pub fn finding(&self, code: Code, detail: String) -> OpFinding {
        OpFinding { code, pod: self.action.pod, sql: None, error: None, detail }
    }

    /// Looks at a pod with questions of somebody else's making.
    pub fn look<T>(
        &mut self,
        pod: Ordinal,
        what: &str,
        look: impl FnOnce(&mut dyn Session) -> Result<T, DbError>,
    ) -> Result<T, OpError> {
        self.send(pod, Sent::Read, what, |lease| look(lease.session()))
    }

    /// Asks the action's own pod.
    pub fn read(&mut self, sql: &ReadSql) -> Result<Rows, OpError> {
        self.read_on(self.action.pod, sql)
    }

    /// Asks a pod; another one than the action's own over a second session.
    pub fn read_on(&mut self, pod: Ordinal, sql: &ReadSql) -> Result<Rows, OpError> {
        let rows = self.send(pod, Sent::Read, &sql.to_string(), |lease| lease.session().query(sql))?;
        if pod == self.action.pod {
            self.memory.looked = true;
        }
        Ok(rows)
    }

    /// Changes something on the action's own pod.
    pub fn change(&mut self, sql: &ChangeSql) -> Result<(), OpError> {
        self.change_on(self.action.pod, sql)
    }

    /// Changes something on a pod.
    pub fn change_on(&mut self, pod: Ordinal, sql: &ChangeSql) -> Result<(), OpError> {
        self.changing(pod, sql.to_string(), |session| session.execute(sql))
    }

    /// Several statements that belong together, on the action's own pod, under words of their own: those of rows hold
    /// people's values, which no journal and no log is to show.
    pub fn change_with<T>(
        &mut self,
        what: &str,
        run: impl FnOnce(&mut dyn Session) -> Result<T, DbError>,
    ) -> Result<T, OpError> {
        self.changing(self.action.pod, what.to_owned(), run)
    }

    fn changing<T>(
        &mut self,
        pod: Ordinal,
        text: String,
        run: impl FnOnce(&mut dyn Session) -> Result<T, DbError>,
    ) -> Result<T, OpError> {
        if self.memory.looked {
            // This is what was found to be left to do.
            self.memory.doubt = None;
        }
        let answer = self.send(pod, Sent::Change, &text, |lease| run(lease.session()));
        if let Err(OpError::Statement(s)) = &answer {
            let aborted = self.control.level() == StopLevel::Abort;
            if s.error.lost_session() || aborted {
                let code = if aborted { Code::Stopped } else { Code::LostLink };
                let error = Some(s.error.clone());
                self.memory.doubt(OpFinding { code, pod, sql: Some(text), error, detail: String::new() });
            }
        }
        answer
    }

    /// As [`change`](Self::change), but that code is no failure.
    pub fn change_unless(&mut self, sql: &ChangeSql, fine: i32) -> Result<(), OpError> {
        match self.change(sql) {
            Err(OpError::Statement(s)) if s.error.native == fine => Ok(()),
            other => other,
        }
    }

    /// Looks until `look` finds what it wants, at most `bound` long. `None`: it never did.
    pub fn poll<T>(
        &mut self,
        bound: Duration,
        mut look: impl FnMut(&mut Self) -> Result<Option<T>, OpError>,
    ) -> Result<Option<T>, OpError> {
        let until = self.now() + bound;
        loop {
            if let Some(found) = look(self)? {
                return Ok(Some(found));
            }
            if self.now() >= until {
                return Ok(None);
            }
            self.control.pause(self.shared.context.limits.poll)?;
        }
    }

    /// What the source of a copy holds right now.
    pub fn remember_source(&self, target: &Target, rows: u64) {
        let mut before = self.shared.before_copy.lock().unwrap_or_else(PoisonError::into_inner);
        before.insert(target.clone(), rows);
    }

    /// What the source held right before the copy; `None` when no copy of this run looked.
    pub fn remembered_source(&self, target: &Target) -> Option<u64> {
        self.shared.before_copy.lock().unwrap_or_else(PoisonError::into_inner).get(target).copied()
    }

    /// The same, or what the plan saw where an earlier run copied; `None` when nobody counted.
    pub fn source_before(&self, target: &Target) -> Option<u64> {
        let planned = || self.shared.planned.iter().find(|(t, n)| t == target && *n > 0).map(|(_, n)| *n);
        self.remembered_source(target).or_else(planned)
    }

    /// What follows only looks now and then: others may use the session, and be begun, in between.
    pub fn yield_lane(&mut self) {
        if self.lease.take().is_some() {
            let _ = self.tell.send(Message::Yields(self.action.id));
        }
    }

    /// As [`poll`](Self::poll), for what is there within a moment: looks sooner, and gives the session back in between.
    pub fn glance<T>(
        &mut self,
        bound: Duration,
        mut look: impl FnMut(&mut Self) -> Result<Option<T>, OpError>,
    ) -> Result<Option<T>, OpError> {
        const FIRST: Duration = Duration::from_millis(10);
        let until = self.now() + bound;
        let mut pause = FIRST.min(self.shared.context.limits.poll);
        loop {
            self.control.pause(pause)?;
            if let Some(found) = look(self)? {
                return Ok(Some(found));
            }
            if self.now() >= until {
                return Ok(None);
            }
            self.lease = None;
            pause = (pause * 2).min(self.shared.context.limits.poll);
        }
    }

    /// Throws away sessions that were lost, so that the next statement opens new ones.
    pub fn drop_lost(&mut self) {
        for lease in [&mut self.lease, &mut self.helper] {
            if lease.as_ref().is_some_and(Lease::is_lost) {
                *lease = None;
            }
        }
    }

    /// Closes the session of the action's own pod: what was set in it is not for others.
    pub fn close_own(&mut self) {
        if let Some(lease) = &mut self.lease {
            lease.lose();
        }
        self.lease = None;
    }

    /// After a panic nobody knows what its sessions are in the middle of.
    pub fn lose_all(&mut self) {
        for lease in [&mut self.lease, &mut self.helper].into_iter().flatten() {
            lease.lose();
        }
    }

    fn send<T>(
        &mut self,
        pod: Ordinal,
        sent: Sent,
        text: &str,
        run: impl FnOnce(&mut Lease) -> Result<T, DbError>,
    ) -> Result<T, OpError> {
        let (shared, control) = (self.shared, &self.control);
        let place = if pod == self.action.pod { &mut self.lease } else { &mut self.helper };
        if place.as_ref().is_some_and(|l| l.is_lost() || l.pod != pod) {
            *place = None;
        }
        let lease = match place {
            Some(lease) => lease,
            empty @ None => {
                let taken = shared.sessions.take(pod, self.action.id, control)?;
                if taken.age() == Age::New {
                    // More may begin now that the pod's ADMIN_MODE is known.
                    let _ = self.tell.send(Message::Wake);
                }
                empty.insert(taken)
            }
        };
        if control.stopped() {
            return Err(OpError::Stopped);
        }
        let mut statement = None;
        if sent == Sent::Change {
            self.memory.sent = true;
            self.slot.say(text);
            let witness = shared.context.witness.as_ref();
            statement = witness.map(|w| (w, w.intent(self.action.id, pod, text)));
        }
        let cancel = lease.session().canceller();
        let key = self.slot.enter(shared.context.clock.now(), shared.bound, cancel);
        let began = shared.context.clock.now();
        let answer = run(lease);
        self.slot.leave(key);
        let took = shared.context.clock.now().saturating_duration_since(began);
        tracing::trace!(%pod, action = %self.action.id, sql = text, ?took, ok = answer.is_ok(), "statement");
        if let Some((witness, number)) = statement {
            witness.came_back(number, answer.as_ref().map(|_| ()));
        }
        answer.map_err(|error| {
            if error.lost_session() {
                lease.lose();
            }
            OpError::Statement(Box::new(Statement { pod, sent, sql: text.to_owned(), error }))
        })
    }
}
