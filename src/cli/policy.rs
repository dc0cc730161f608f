//! `--policy FILE` and `--policy-cmd CMD`: the levels of a site, and a program that may say no. Holds no rule itself.
//!
//! Whatever goes wrong with the program counts as no: a plan is not applied because its judge could not be asked.

use std::{ffi::OsString, path::PathBuf, process::Command, time::Duration};

use clap::Args;
use serde::Deserialize;

use super::{
    child,
    env::Env,
    env::Talk,
    stream::{OutputStyle, Streams, tell, told},
};
use crate::{
    exit::Exit,
    plan::{
        policy::{self, Finding, Policy, Subject, Use},
        saved::Saved,
    },
    render::{self, Diagnostic},
};

/// Flags of every command that judges.
#[derive(Args, Clone, Debug, Default)]
pub struct PolicyArgs {
    /// Levels of rules (off, warn, deny), protected tables, limits: a TOML file
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// A program that gets the plan, or the report of drift, on standard input; exit 0 or 2, findings as JSON on its standard output
    #[arg(long, value_name = "PROGRAM")]
    pub policy_cmd: Option<OsString>,
}

/// Variables that stand for the flags, for pod hooks, which have none.
const FILE_VARIABLE: &str = "AKU_CLI_POLICY";
const PROGRAM_VARIABLE: &str = "AKU_CLI_POLICY_CMD";

impl PolicyArgs {
    /// With what the environment says where no flag does.
    #[must_use]
    pub fn or_env(&self, env: &Env) -> Self {
        Self {
            policy: self.policy.clone().or_else(|| env.var(FILE_VARIABLE).map(PathBuf::from)),
            policy_cmd: self.policy_cmd.clone().or_else(|| env.var(PROGRAM_VARIABLE).map(Into::into)),
        }
    }
}

/// The levels of the file, or the built-in ones.
///
/// # Errors
/// The file cannot be read or is no policy.
pub fn load(args: &PolicyArgs) -> Result<Policy, Diagnostic> {
    let Some(path) = &args.policy else { return Ok(Policy::default()) };
    let trouble = |exit, text: String| {
        Diagnostic::new(exit, "policy", text)
            .fact("file", path.display().to_string())
            .fact("changed", "nothing: no pod was contacted")
    };
    let text = super::env::read_small(path)
        .map_err(|e| trouble(Exit::NoInput, format!("the policy cannot be read: {e}")))
        .and_then(|bytes| {
            String::from_utf8(bytes).map_err(|_| trouble(Exit::BadData, "the policy is not text".to_owned()))
        })?;
    policy::parse(&text).map_err(|e| trouble(Exit::BadData, format!("the policy is not valid: {e}")))
}

/// What the rules and the program find about a plan.
///
/// # Errors
/// The program could not be asked, or answered something else than findings.
pub fn judge(args: &PolicyArgs, policy: &Policy, saved: &Saved, how: Use) -> Result<Vec<Finding>, Diagnostic> {
    let own = policy::judge(policy, Subject { facts: &saved.facts, plan: Some(&saved.plan) }, how);
    // A program gets the plan as a file would have it.
    let said = verdict(args, || saved.clone().judged(policy.clone(), own.clone()).text())?;
    Ok(own.into_iter().chain(said).collect())
}

/// What the program finds about a document; nothing when there is no program.
///
/// # Errors
/// As [`judge`].
pub fn verdict(args: &PolicyArgs, document: impl FnOnce() -> String) -> Result<Vec<Finding>, Diagnostic> {
    let Some(program) = &args.policy_cmd else { return Ok(Vec::new()) };
    ask(program, &document()).map_err(|said| {
        Diagnostic::new(Exit::Refused, "policy-cmd", format!("the policy program gave no verdict: {said}"))
            .fact("program", program.to_string_lossy())
            .fact("changed", "nothing")
    })
}

/// Tells warnings and refuses what is denied. For commands that are about to change something.
///
/// # Errors
/// Exit 3, with every finding that denies.
pub fn pass(findings: &[Finding], look: &OutputStyle, s: &mut Streams<'_>) -> Result<(), Diagnostic> {
    if let Some(trouble) = refusal(findings) {
        return Err(trouble);
    }
    let rules = render::policy(findings, look.width);
    if look.talk == Talk::Full {
        tell(s, &told(&rules, look));
    }
    Ok(())
}

/// The refusal of a plan that a rule denies.
#[must_use]
pub fn refusal(findings: &[Finding]) -> Option<Diagnostic> {
    let mut denied = policy::denied(findings);
    let first = denied.next()?;
    let trouble = Diagnostic::new(Exit::Refused, first.code.to_string(), first.text.clone());
    let trouble = denied.fold(trouble, |t, f| t.fact("and", format!("{} [{}]", f.text, f.code)));
    let known = policy::Rule::ALL.iter().any(|r| r.as_str() == first.code);
    let trouble = trouble.fact("changed", "nothing: a policy denies it");
    Some(if known { trouble.next(format!("aku explain {}", first.code)) } else { trouble })
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Bare(Vec<Finding>),
    Wrapped { findings: Vec<Finding> },
}

/// How long the program may take. It is asked under the lock of a run, and the deadline of a run ends it as well.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks the program. It gets no password: neither the plan nor its environment has one.
fn ask(program: &OsString, plan: &str) -> Result<Vec<Finding>, String> {
    let mut command = Command::new(program);
    command.env_remove(crate::conf::password::VARIABLE).env_remove(crate::conf::password::FILE_VARIABLE);
    let done = child::ask(command, plan.to_owned(), PATIENCE)?;
    match done.status.code() {
        Some(0 | 2) => {}
        Some(code) => return Err(format!("it ended with exit code {code}; 0 and 2 are expected")),
        None => return Err("it was killed".to_owned()),
    }
    let text = String::from_utf8(done.text).map_err(|_| "its answer is not text".to_owned())?;
    if text.trim().is_empty() {
        return match done.status.code() {
            Some(0) => Ok(Vec::new()),
            _ => Err("it ended with exit code 2 and named no finding".to_owned()),
        };
    }
    match serde_json::from_str(&text) {
        Ok(Answer::Bare(findings) | Answer::Wrapped { findings }) => Ok(findings),
        Err(e) => Err(format!("its answer holds no findings: {e}")),
    }
}
