//! One action from its first look to its outcome: attempts, retries, doubt, panics.
//!
//! Never sends a statement itself; the operations do, through [`Work`](super::work::Work).

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use super::{
    codes::Code,
    event::{Event, Outcome},
    op_error::{OpError, OpFinding, Sent, error},
    ops,
    retry::{self, Fault, Kind, Verdict},
    stop::StopLevel,
    work::{Ended, Message, Work},
};
use crate::plan::RunWhen;

/// Carries the action out. Never panics.
pub(super) fn carry_out(work: &mut Work<'_>) -> Outcome {
    let action = work.action;
    catch_unwind(AssertUnwindSafe(|| attempts(work))).unwrap_or_else(|panic| {
        work.lose_all();
        let detail = said_by(&*panic);
        let told = OpFinding { code: Code::Internal, pod: action.pod, sql: None, error: None, detail };
        Outcome::Failed(error(told, action, 1))
    })
}

fn said_by(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without words".to_owned())
}

fn attempts(work: &mut Work<'_>) -> Outcome {
    let began = work.now();
    let retry = work.shared.context.retry;
    let mut attempt = 1;
    loop {
        let trouble = match ops::perform(work) {
            Ok(ended) => return well(work, ended, began.elapsed_at(work.now())),
            Err(trouble) => trouble,
        };
        work.drop_lost();
        let verdict = verdict(work, &trouble);
        // A look after a lost link is owed even where the configuration wants no retries.
        let allowed = match verdict {
            Verdict::Retry => retry.count,
            Verdict::LookFirst => retry.count.max(1),
            Verdict::AlreadySo => return already(work, began.elapsed_at(work.now())),
            Verdict::Fail => 0,
        };
        if attempt > allowed || work.control.level() >= last_retry(work, verdict) {
            return badly(work, trouble, attempt);
        }
        let delay = retry.pause(work.action.id, attempt);
        if let Some(error) = trouble.error().cloned() {
            let event = Event::Retry { id: work.action.id, attempt, delay, error };
            // The engine is gone only after an abort; then nobody listens.
            let _ = work.tell.send(Message::Event(event));
        }
        if work.control.pause(delay).is_err() {
            return badly(work, trouble, attempt);
        }
        attempt += 1;
    }
}

/// From which level on nothing is tried again. A lost answer is still looked into when the run is to stop, and what
/// puts things back does not give up before an abort.
fn last_retry(work: &Work<'_>, verdict: Verdict) -> StopLevel {
    match (&work.action.run, verdict) {
        (RunWhen::Normal, Verdict::LookFirst) => work.control.yields_at,
        (RunWhen::Normal, Verdict::Retry | Verdict::AlreadySo | Verdict::Fail) => StopLevel::Finish,
        (RunWhen::Always { .. } | RunWhen::Undo { .. }, _) => StopLevel::Abort,
    }
}

trait Elapsed {
    fn elapsed_at(self, now: Self) -> Duration;
}

impl Elapsed for std::time::Instant {
    fn elapsed_at(self, now: Self) -> Duration {
        now.saturating_duration_since(self)
    }
}

fn well(work: &Work<'_>, ended: Ended, took: Duration) -> Outcome {
    match ended {
        Ended::Done(said) => Outcome::Done { took, said },
        Ended::Already => already(work, took),
    }
}

/// "Already so" after this run sent something itself means that it got through although the answer was lost.
fn already(work: &Work<'_>, took: Duration) -> Outcome {
    if work.memory.sent && work.memory.lost_once {
        let said = "the answer was lost; the pod shows that it was done".to_owned();
        Outcome::Done { took, said: Some(said) }
    } else {
        Outcome::Already
    }
}

fn badly(work: &mut Work<'_>, trouble: OpError, attempts: u32) -> Outcome {
    let action = work.action;
    match (work.memory.doubt.take(), trouble) {
        // It looked, and what it says is about what is there now.
        (Some(_), trouble @ OpError::OpFinding(_)) if work.memory.looked => {
            Outcome::Failed(trouble.describe(action, attempts))
        }
        (Some(doubt), _) => Outcome::Unknown(error(doubt, action, attempts)),
        (None, trouble @ OpError::Lost(_)) => Outcome::Unknown(trouble.describe(action, attempts)),
        // Aborted between two statements that belong together.
        (None, trouble @ OpError::Stopped) if work.memory.sent && work.control.level() == StopLevel::Abort => {
            Outcome::Unknown(trouble.describe(action, attempts))
        }
        (None, trouble) => Outcome::Failed(cancelled(work, trouble).describe(action, attempts)),
    }
}

/// A statement that came back as cancelled because the run is to stop was stopped, whatever its code.
fn cancelled(work: &Work<'_>, trouble: OpError) -> OpError {
    match trouble {
        OpError::Statement(s) if work.control.stopped() => OpError::OpFinding(Box::new(OpFinding {
            code: Code::Stopped,
            pod: s.pod,
            sql: Some(s.sql),
            error: Some(s.error),
            detail: String::new(),
        })),
        other => other,
    }
}

fn verdict(work: &mut Work<'_>, trouble: &OpError) -> Verdict {
    match trouble {
        OpError::Statement(s) => {
            let fault = Fault::of(&s.error);
            match s.sent {
                Sent::Read => retry::decide_read(fault),
                Sent::Change => {
                    work.memory.lost_once |= fault == Fault::Lost || fault == Fault::QueryTimeout;
                    retry::decide(Kind::of(&work.action.op), fault)
                }
            }
        }
        OpError::NoSession(e) => retry::decide_connect(e.failure, &e.error),
        OpError::Stopped | OpError::OpFinding(_) | OpError::Lost(_) => Verdict::Fail,
    }
}
