//! What a plan is for, as it is typed: `start`, `clean --everywhere`, `forget 3`, `recover --from 1`. Decides what may be
//! combined with what; knows nothing of the cluster.

use std::{ffi::OsString, path::PathBuf, str::FromStr};

use clap::ValueEnum;

use crate::{
    desired::Goal,
    topology::{Ordinal, OrdinalError},
};

/// The word of a goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GoalWord {
    /// Join, or come back.
    Start,
    /// Leave in an orderly way; `stop` means the same.
    #[value(alias = "stop")]
    End,
    /// Remove replication objects.
    Clean,
    /// Bring the running pods back to aku.conf.
    Reconcile,
    /// Copy pod 0 from a slave.
    Recover,
    /// Keep no more log for a pod that left for good.
    Forget,
    /// Read what a dead pod had not sent from its logs.
    RecoverLog,
}

/// How the word is shown in help.
pub const WORDS: &str = "start|end|clean|reconcile|recover|forget|recover-log";

/// A goal that may still lack its pod.
#[derive(Clone, Copy, Debug)]
pub enum GoalArgs {
    /// About the pod that the command is about.
    Own(fn(Ordinal) -> Goal),
    /// About all pods, or about a pod that was named.
    Given(Goal),
}

impl GoalArgs {
    /// The goal, once the pod is known.
    #[must_use]
    pub fn goal(self, pod: Ordinal) -> Goal {
        match self {
            Self::Own(make) => make(pod),
            Self::Given(goal) => goal,
        }
    }
}

/// `--from` of `aku plan`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// The slave that pod 0 is recovered from.
    Pod(Ordinal),
    /// A file saved by `aku capture`.
    Capture(PathBuf),
}

impl FromStr for From {
    type Err = OrdinalError;

    fn from_str(text: &str) -> Result<Self, OrdinalError> {
        if text.bytes().all(|b| b.is_ascii_digit()) {
            text.parse().map(Self::Pod)
        } else {
            Ok(Self::Capture(text.into()))
        }
    }
}

/// What was typed besides the word.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extras {
    /// The pod behind `forget` or `recover-log`.
    pub gone: Option<Ordinal>,
    /// The pod behind `--from`.
    pub from: Option<Ordinal>,
    /// `--everywhere`
    pub everywhere: Option<Everywhere>,
    /// `--log-path`
    pub log_path: Option<LogPathGiven>,
}

/// `--everywhere` was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Everywhere;

/// `--log-path` was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogPathGiven;

/// The goal that was typed.
///
/// # Errors
/// Something is missing, or would be ignored; one sentence.
pub fn wish(word: GoalWord, extras: Extras) -> Result<GoalArgs, String> {
    let Extras { gone, from, everywhere, log_path } = extras;
    if gone.is_some() && !matches!(word, GoalWord::Forget | GoalWord::RecoverLog) {
        return Err(
            "a pod number is typed only behind forget and recover-log; for the others there is --ordinal N".to_owned()
        );
    }
    if from.is_some() && word != GoalWord::Recover {
        return Err("--from N has no meaning without recover (a file named by a number is written ./N)".to_owned());
    }
    if everywhere.is_some() && word != GoalWord::Clean {
        return Err("--everywhere has no meaning without clean".to_owned());
    }
    if log_path.is_some() != (word == GoalWord::RecoverLog) {
        return Err(if log_path.is_some() {
            "--log-path has no meaning without recover-log".to_owned()
        } else {
            "where are its logs? aku plan recover-log N --log-path DIR (--log-path K=DIR for pod K alone)".to_owned()
        });
    }
    Ok(match (word, everywhere) {
        (GoalWord::Start, _) => GoalArgs::Own(Goal::Start),
        (GoalWord::End, _) => GoalArgs::Own(Goal::End),
        (GoalWord::Clean, None) => GoalArgs::Own(Goal::Clean),
        (GoalWord::Clean, Some(Everywhere)) => GoalArgs::Given(Goal::CleanEverywhere),
        (GoalWord::Reconcile, _) => GoalArgs::Given(Goal::Reconcile),
        (GoalWord::Recover, _) => GoalArgs::Given(Goal::Recover(from)),
        (GoalWord::Forget, _) => match gone {
            Some(pod) => GoalArgs::Given(Goal::Forget(pod)),
            None => return Err("which pod left for good? aku plan forget N".to_owned()),
        },
        (GoalWord::RecoverLog, _) => match gone {
            Some(pod) => GoalArgs::Given(Goal::RecoverLog(pod)),
            None => return Err("which pod is dead? aku plan recover-log N --log-path DIR".to_owned()),
        },
    })
}

/// `aku forget 3`, `aku recover`, `aku recover-log 3` and `aku reconcile` are short for `aku apply ...`. `at`: where the command stands.
#[must_use]
pub fn spelt_out(mut args: Vec<OsString>, at: Option<usize>) -> Vec<OsString> {
    let short = |a: &OsString| matches!(a.to_str(), Some("forget" | "recover" | "recover-log" | "reconcile"));
    if let Some(at) = at.filter(|at| args.get(*at).is_some_and(short)) {
        args.insert(at, "apply".into());
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_what_belongs_to_them() {
        let pod = |n| Some(Ordinal::new(n).unwrap());
        let none = Extras::default();
        let all = Extras { everywhere: Some(Everywhere), ..none };
        let goal = |word, extras| wish(word, extras).map(|w| w.goal(Ordinal::MASTER)).ok();
        let table = [
            (GoalWord::Start, none, Some(Goal::Start(Ordinal::MASTER))),
            (GoalWord::Clean, none, Some(Goal::Clean(Ordinal::MASTER))),
            (GoalWord::Clean, all, Some(Goal::CleanEverywhere)),
            (GoalWord::Start, all, None),
            (GoalWord::Recover, none, Some(Goal::Recover(None))),
            (GoalWord::Recover, Extras { from: pod(2), ..none }, Some(Goal::Recover(pod(2)))),
            (GoalWord::Reconcile, Extras { from: pod(2), ..none }, None),
            (GoalWord::Forget, none, None),
            (GoalWord::Forget, Extras { gone: pod(3), ..none }, Some(Goal::Forget(pod(3).unwrap()))),
            (GoalWord::End, Extras { gone: pod(3), ..none }, None),
            (GoalWord::RecoverLog, Extras { gone: pod(3), ..none }, None),
            (GoalWord::RecoverLog, Extras { log_path: Some(LogPathGiven), ..none }, None),
            (
                GoalWord::RecoverLog,
                Extras { gone: pod(3), log_path: Some(LogPathGiven), ..none },
                Some(Goal::RecoverLog(pod(3).unwrap())),
            ),
            (GoalWord::Forget, Extras { gone: pod(3), log_path: Some(LogPathGiven), ..none }, None),
        ];
        for (word, extras, want) in table {
            assert_eq!(goal(word, extras), want, "{word:?} {extras:?}");
        }
    }

    #[test]
    fn from_is_a_pod_or_a_file() {
        assert_eq!("2".parse(), Ok(From::Pod(Ordinal::new(2).unwrap())));
        assert_eq!("./2".parse(), Ok(From::Capture("./2".into())));
        assert!("77".parse::<From>().is_err());
    }
}
