//! The lines of aku 7.1 (`aku-behaviour.md` A.5, B.1 to B.5), for scripts that match them: `--output-style 7.1`, or
//! AKU_CLI_OUTPUT_STYLE for hooks. The misspelling REPLICAION is theirs. What 7.1 does not say is not said, except warnings
//! (`[WARN]`) and errors (`[ERROR]`). The dialect of `aku.conf` decides nothing: later releases read the quoted one, too.

use std::fmt::Write as _;

use clap::ValueEnum;

use crate::{
    apply::{ActionError, Event, Outcome},
    conf::Config,
    db::DbError,
    desired::Goal,
    observe::{Observed, PodView},
    plan::{Action, Op, Plan},
    topology::Ordinal,
};

/// Whose lines the documented front door prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Style {
    /// Of 7.1.0.9.6 and later, and 7.3.
    #[default]
    #[value(name = "7.3")]
    V73,
    /// Of 7.1 before that.
    #[value(name = "7.1")]
    V71,
}

/// The first line.
#[must_use]
pub fn begins(pod: Ordinal) -> &'static str {
    if pod.is_master() { "MASTER AKU Initialize" } else { "SLAVE AKU Initialize" }
}

/// What is said of pods that do not answer, one block each.
#[must_use]
pub fn not_connected(conf: &Config, observed: &Observed) -> String {
    let mut text = String::new();
    for (pod, view) in &observed.pods {
        if let PodView::Absent { said, .. } = view {
            let _ = writeln!(text, "[Error][akuDbConnect:344] Failed to execute SQLDriverConnect: {}", conf.host(*pod));
            text.push_str(&diagnostic("08001", said, 0x50032));
        }
    }
    text
}

/// What is said of an event; empty for most.
#[must_use]
pub fn told(plan: &Plan, conf: &Config, event: &Event) -> String {
    let (id, ended) = match event {
        Event::ActionStart { id } => (*id, None),
        Event::ActionEnd { id, outcome } => (*id, Some(outcome)),
        Event::RunStart | Event::RunEnd | Event::Progress { .. } | Event::Retry { .. } | Event::Signal { .. } => {
            return String::new();
        }
    };
    let Some(action) = plan.action(id) else { return String::new() };
    match ended {
        None => {
            let syncs = |a: &&Action| matches!(a.op, Op::Sync { .. });
            let first = plan.actions.iter().find(syncs).is_some_and(|a| a.id == id);
            if first { "Sync Process Master Pod To My Pod\n".to_owned() } else { String::new() }
        }
        Some(outcome) => over(plan, conf, action, outcome),
    }
}

fn over(plan: &Plan, conf: &Config, action: &Action, outcome: &Outcome) -> String {
    let leaves = matches!(plan.goal, Goal::End(_) | Goal::Clean(_) | Goal::CleanEverywhere);
    let (word, name) = match &action.op {
        Op::Sync { name, .. } => ("Sync", name),
        Op::Start { name, .. } => ("Start", name),
        // Those before a copy are none of 7.1's.
        Op::Stop { name, .. } if leaves => ("STOP", name),
        Op::Reset { name, .. } if leaves => ("RESET", name),
        _ => return String::new(),
    };
    let host = conf.host(action.pod);
    match outcome {
        Outcome::Done { .. } | Outcome::Already => format!("{host}: REPLICAION {name} {word} Success\n"),
        Outcome::Failed(e) | Outcome::Unknown(e) => {
            format!("{}{host}: REPLICAION {name} {word} Failure\n", failed(&host, e))
        }
        Outcome::NotRun { .. } | Outcome::NotNeeded { .. } => String::new(),
    }
}

fn failed(host: &str, e: &ActionError) -> String {
    let sql = e.statement.as_deref().unwrap_or_default();
    let said = match &e.error {
        Some(DbError { sqlstate, native, message, .. }) => diagnostic(sqlstate, message, *native),
        None => diagnostic("HY000", &e.meaning, 0),
    };
    format!("[Error][akuExecuteQuery:406] [EXECUTE BY :{host}] [SQL:{sql}] : Failed to execute sql.\n{said}")
}

fn diagnostic(sqlstate: &str, message: &str, native: i32) -> String {
    let message = message.lines().next().unwrap_or_default();
    format!(
        "  Diagnostic Record 1\n    SQLSTATE     : {sqlstate}\n    Message text : {message}\n    Message len  : {}\n    Native error : {native:#X}\n",
        message.len()
    )
    .replace("0X", "0x")
}
