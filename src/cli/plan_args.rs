//! The flags of `aku plan` and `aku apply`: what is to be reached, from where, in which form, and what is approved.
//! Decides what they mean together; reads no environment and no file.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, ValueEnum};

use super::{
    gate::Approve,
    goal_args::{self, Everywhere, Extras, From, GoalArgs, GoalWord, LogPathGiven},
    log_files::LogPathArg,
    policy::PolicyArgs,
    run_args::RunArgs,
    signing::RequireArgs,
};
use crate::topology::Ordinal;

/// Flags of `aku plan`.
#[derive(Args, Clone, Debug)]
pub struct PlanArgs {
    /// What is to be reached
    #[arg(
        value_enum,
        default_value = "start",
        ignore_case = true,
        value_name = goal_args::WORDS,
        hide_possible_values = true
    )]
    pub what: GoalWord,
    /// With forget: the pod that left for good; with recover-log: the pod that is dead
    #[arg(value_name = "N")]
    pub gone: Option<Ordinal>,
    /// With clean: on every pod
    #[arg(long)]
    pub everywhere: bool,
    /// With recover-log: where the survivors find the logs of the dead pod; K=DIR for pod K alone; may be repeated
    #[arg(long, value_name = "[K=]DIR")]
    pub log_path: Vec<LogPathArg>,
    /// Save the plan, to be applied with: aku apply FILE
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Sign the saved plan with this ssh key (ed25519, without passphrase)
    #[arg(long, value_name = "KEY", requires = "output")]
    pub sign: Option<PathBuf>,
    /// Form of the plan on standard output
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Exit 2 when there is something to do
    #[arg(long)]
    pub exit_code: bool,
    /// Plan from a file saved by `aku capture`, without any database; with recover: the slave that is the source
    #[arg(long, value_name = "CAPTURE|N")]
    pub from: Vec<From>,
    /// Compare with a saved plan: exit 0 when both say the same, 2 and the differences otherwise
    #[arg(long, value_name = "PLAN", conflicts_with_all = ["exit_code", "sql", "format"])]
    pub against: Option<PathBuf>,
    /// Show every statement
    #[arg(long, conflicts_with = "format")]
    pub sql: bool,
    #[command(flatten)]
    pub policy: PolicyArgs,
}

/// Forms of output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for people.
    #[default]
    Human,
    /// One JSON document.
    Json,
}

/// Flags of `aku apply`.
#[expect(clippy::struct_excessive_bools, reason = "flags are what they are")]
#[derive(Args, Clone, Debug)]
pub struct ApplyArgs {
    /// What is to be reached, or a file saved by `aku plan -o`
    #[arg(default_value = "start", value_name = "start|end|clean|reconcile|recover|forget|recover-log|FILE")]
    pub what: OsString,
    /// With forget: the pod that left for good; with recover-log: the pod that is dead
    #[arg(value_name = "N")]
    pub gone: Option<Ordinal>,
    /// With clean: on every pod
    #[arg(long)]
    pub everywhere: bool,
    /// With recover-log: where the survivors find the logs of the dead pod; K=DIR for pod K alone; may be repeated
    #[arg(long, value_name = "[K=]DIR")]
    pub log_path: Vec<LogPathArg>,
    /// With recover: the slave that is the source
    #[arg(long, value_name = "N")]
    pub from: Option<Ordinal>,
    /// Go on with a saved plan that an earlier run left half done, where the rest of it still holds
    #[arg(long)]
    pub resume: bool,
    #[command(flatten)]
    pub require: RequireArgs,
    /// Do not ask; covers nothing that deletes or loses rows
    #[arg(long)]
    pub yes: bool,
    /// Say yes to a class of loss by name, e.g. deletes-rows=altibase-sts/2; may be repeated
    #[arg(long, value_name = "CLASS=SCOPE", value_parser = Approve::parse)]
    pub approve: Vec<Approve>,
    #[command(flatten)]
    pub run: RunArgs,
    /// Never ask; refuse instead
    #[arg(long)]
    pub no_input: bool,
    /// Show every statement
    #[arg(long)]
    pub sql: bool,
    #[command(flatten)]
    pub policy: PolicyArgs,
}

impl PlanArgs {
    /// What is to be reached.
    ///
    /// # Errors
    /// Something is missing, or would be ignored.
    pub fn wish(&self) -> Result<GoalArgs, String> {
        let pods: Vec<Ordinal> =
            self.from.iter().filter_map(|f| if let From::Pod(p) = f { Some(*p) } else { None }).collect();
        if pods.len() > 1 || self.from.len() - pods.len() > 1 {
            return Err("--from is given more than once".to_owned());
        }
        let everywhere = self.everywhere.then_some(Everywhere);
        let log_path = (!self.log_path.is_empty()).then_some(LogPathGiven);
        if log_path.is_some() && self.capture().is_some() {
            return Err("a capture holds no logs: recover-log is planned from the pods".to_owned());
        }
        goal_args::wish(self.what, Extras { gone: self.gone, from: pods.first().copied(), everywhere, log_path })
    }

    /// The capture to plan from.
    #[must_use]
    pub fn capture(&self) -> Option<&PathBuf> {
        self.from.iter().find_map(|f| if let From::Capture(path) = f { Some(path) } else { None })
    }
}

impl ApplyArgs {
    /// What is to be reached; `None` for a saved plan.
    ///
    /// # Errors
    /// Something is missing, or would be ignored.
    pub fn wish(&self) -> Result<Option<GoalArgs>, String> {
        let everywhere = self.everywhere.then_some(Everywhere);
        let log_path = (!self.log_path.is_empty()).then_some(LogPathGiven);
        let extras = Extras { gone: self.gone, from: self.from, everywhere, log_path };
        match self.what.to_str().and_then(|text| GoalWord::from_str(text, true).ok()) {
            Some(_) if self.resume => {
                Err("--resume goes on with a saved plan; without a file aku apply plans anew from what is there"
                    .to_owned())
            }
            Some(word) => goal_args::wish(word, extras).map(Some),
            None if extras.gone.is_some() || extras.from.is_some() || everywhere.is_some() || log_path.is_some() => {
                Err("a saved plan says everything itself".to_owned())
            }
            None => Ok(None),
        }
    }
}
