//! Reports built by hand, beside the plans of `plan::testing`, for tests of everything that is shown.

use std::time::Duration;

use crate::{
    apply::{ActionError, Outcome, Report},
    db::DbError,
    plan::{Action, ActionId, Op, Plan, RunWhen},
};

pub use crate::plan::testing::{plans::*, saved};

/// Golden outputs lie in the top-level `snapshots/`, without module names.
pub fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

/// A report in which everything up to `last` is done, `last + 1` failed and the rest was not run.
pub fn broken_report(plan: &Plan, last: u32) -> Report {
    let failed = ActionId(last + 1);
    let outcomes = plan.actions.iter().map(|a| {
        let outcome = match a.id.0 {
            n if n <= last => Outcome::Done { took: Duration::from_millis(u64::from(n) * 3), said: None },
            n if n == last + 1 => Outcome::Failed(handshake(a)),
            _ if is_undo(a) => Outcome::Done { took: Duration::from_millis(800), said: None },
            _ => Outcome::NotRun { because_of: Some(failed), why: "it waits for a failed action".to_owned() },
        };
        (a.id, outcome)
    });
    Report { outcomes: outcomes.collect(), took: Duration::from_millis(7_213), stopped: None }
}

fn is_undo(a: &Action) -> bool {
    matches!(a.run, RunWhen::Undo { .. })
}

pub fn handshake(a: &Action) -> ActionError {
    ActionError {
        code: "E120",
        pod: a.pod,
        statement: a.op.statements().last().map(ToString::to_string),
        error: Some(DbError {
            sqlstate: "HY000".to_owned(),
            native: 397_325,
            message: "[Sender] Failed to handshake with the peer server (connect timeout)".to_owned(),
        }),
        meaning: "the pod could not reach its peer on the replication port, or the two definitions differ".to_owned(),
        next: vec!["nc -zv altibase-sts-2.altibase-svc 20301    from pod 0".to_owned()],
        attempts: 3,
    }
}

/// Everything done; undo actions were not needed.
pub fn whole_report(plan: &Plan) -> Report {
    let outcomes = plan.actions.iter().map(|a| {
        let outcome = match &a.op {
            _ if is_undo(a) => Outcome::NotNeeded { why: "the copy is complete".to_owned() },
            Op::Sync { .. } => {
                Outcome::Done { took: Duration::from_millis(31_700), said: Some("1,307,466 rows".to_owned()) }
            }
            Op::CreateReplication { .. } => Outcome::Already,
            _ => Outcome::Done { took: Duration::from_millis(4), said: None },
        };
        (a.id, outcome)
    });
    Report { outcomes: outcomes.collect(), took: Duration::from_millis(32_441), stopped: None }
}
