//! The exit code of a run that changed pods (`contract.md` 2.3). Pure.

use crate::{
    apply::{Outcome, Report, codes::Code},
    exit::Exit,
    plan::Plan,
    render::reached,
};

/// Precedence: aborted, partial, stopped, done.
#[must_use]
pub fn exit(plan: &Plan, report: &Report, signals: &[&str]) -> Exit {
    // What was cancelled because the run was to stop is no failure of its own.
    let bad = |o: &Outcome| match o {
        Outcome::Failed(e) => e.code != Code::Stopped.as_str(),
        Outcome::Unknown(_) => true,
        Outcome::Done { .. } | Outcome::Already | Outcome::NotRun { .. } | Outcome::NotNeeded { .. } => false,
    };
    match signals.get(1) {
        Some(&"SIGTERM") => Exit::Terminated,
        Some(_) => Exit::Interrupted,
        None if report.outcomes.values().any(bad) => Exit::Partial,
        None if reached(plan, report) => Exit::Ok,
        None if report.stopped.is_some() || !signals.is_empty() => Exit::Stopped,
        // Nothing failed, nobody stopped it, and still it is not done: nobody knows why.
        None => Exit::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plan::ActionId, render::fixtures};

    #[test]
    fn precedence() {
        let plan = fixtures::full_join();
        let whole = fixtures::whole_report(&plan);
        let broken = fixtures::broken_report(&plan, 3);
        let mut stopped = whole.clone();
        stopped.stopped = Some("SIGTERM".to_owned());
        stopped.outcomes.insert(ActionId(20), Outcome::NotRun { because_of: None, why: String::new() });
        let mut lost = stopped.clone();
        lost.stopped = None;
        let mut cancelled = broken.clone();
        cancelled.stopped = Some("SIGTERM".to_owned());
        for o in cancelled.outcomes.values_mut() {
            if let Outcome::Failed(e) = o {
                e.code = Code::Stopped.as_str();
            }
        }
        let table = [
            (&cancelled, vec!["SIGTERM"], Exit::Stopped),
            (&whole, vec![], Exit::Ok),
            (&whole, vec!["SIGTERM"], Exit::Ok),
            (&broken, vec![], Exit::Partial),
            (&broken, vec!["SIGINT"], Exit::Partial),
            (&broken, vec!["SIGINT", "SIGINT"], Exit::Interrupted),
            (&stopped, vec!["SIGTERM"], Exit::Stopped),
            (&stopped, vec![], Exit::Stopped),
            (&stopped, vec!["SIGINT", "SIGTERM"], Exit::Terminated),
            (&lost, vec![], Exit::Internal),
        ];
        for (report, signals, want) in table {
            assert_eq!(exit(&plan, report, &signals), want, "{signals:?}");
        }
    }
}
