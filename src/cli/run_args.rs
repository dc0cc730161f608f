//! The flags of everything that changes pods, and where they come from on the front door, which has none: variables
//! `AKU_CLI_<FLAG>`. A flag outweighs its variable.

use std::time::Duration;

use clap::Args;

use super::{env::Env, time};
use crate::{apply::Limits, exit::Exit, journal::recorder::EventsTo, render::Diagnostic};

/// Flags of a run.
#[derive(Args, Clone, Debug, Default)]
pub struct RunArgs {
    /// Stop in good order after this time, e.g. 90s
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub deadline: Option<Duration>,
    /// How long running statements may go on after a signal before they are cancelled [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = time::parse_or_nothing)]
    pub grace: Option<Duration>,
    /// How long to wait for another run on the same pods; 0 does not wait [default: 0]
    #[arg(long, value_name = "TIME", value_parser = time::parse_or_nothing)]
    pub lock_timeout: Option<Duration>,
    /// Tell programs what happens, as lines of JSON: FILE, fd:N, or - for standard output (see: aku schema event)
    #[arg(long, value_name = "FILE|-|fd:N")]
    pub events: Option<EventsTo>,
}

/// What a run goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// From its beginning, waiting for the lock included.
    pub deadline: Option<Duration>,
    /// See `--grace`.
    pub grace: Duration,
    /// See `--lock-timeout`.
    pub lock_timeout: Duration,
    /// See `--events`.
    pub events: Option<EventsTo>,
}

/// How patient a run is when nobody says anything: a person wants to know at once; a pod that starts has time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// `aku apply`
    Person,
    /// `aku -p`
    Hook,
}

impl Door {
    fn patience(self) -> Duration {
        match self {
            Self::Person => Duration::ZERO,
            Self::Hook => Duration::from_secs(60),
        }
    }
}

impl RunOptions {
    /// From flags, then variables, then defaults.
    ///
    /// # Errors
    /// A variable that cannot be read (exit 64).
    pub fn new(args: &RunArgs, env: &Env, door: Door) -> Result<Self, Diagnostic> {
        let deadline = deadline(env)?;
        let grace = variable(env, "AKU_CLI_GRACE", time::parse_or_nothing)?;
        let lock_timeout = variable(env, "AKU_CLI_LOCK_TIMEOUT", time::parse_or_nothing)?;
        let events = variable(env, "AKU_CLI_EVENTS", str::parse)?;
        Ok(Self {
            deadline: args.deadline.or(deadline),
            grace: args.grace.or(grace).unwrap_or(Limits::GRACE),
            lock_timeout: args.lock_timeout.or(lock_timeout).unwrap_or(door.patience()),
            events: args.events.clone().or(events),
        })
    }
}

/// The deadline that the environment sets for any command.
///
/// # Errors
/// It cannot be read (exit 64).
pub fn deadline(env: &Env) -> Result<Option<Duration>, Diagnostic> {
    variable(env, "AKU_CLI_DEADLINE", time::parse)
}

/// A variable that stands for a flag.
///
/// # Errors
/// It cannot be read (exit 64).
pub fn variable<T>(
    env: &Env,
    name: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, Diagnostic> {
    let Some(value) = env.var(name) else { return Ok(None) };
    let text = value.to_string_lossy();
    let wrong =
        |e| Diagnostic::new(Exit::Usage, "usage", format!("{name} is \"{text}\": {e}")).fact("changed", "nothing");
    parse(&text).map(Some).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flag_then_variable_then_door() {
        let none = Env::fixed::<&str, &str>([]);
        let some = Env::fixed([("AKU_CLI_DEADLINE", "25s"), ("AKU_CLI_LOCK_TIMEOUT", "0"), ("AKU_CLI_EVENTS", "fd:3")]);
        let seconds = Duration::from_secs;
        let options = |args: &RunArgs, env, door| {
            let o = RunOptions::new(args, env, door).unwrap();
            (o.deadline, o.grace, o.lock_timeout, o.events)
        };
        let flags = RunArgs { deadline: Some(seconds(9)), grace: Some(Duration::ZERO), ..RunArgs::default() };
        let ten = seconds(10);
        assert_eq!(options(&RunArgs::default(), &none, Door::Person), (None, ten, seconds(0), None));
        assert_eq!(options(&RunArgs::default(), &none, Door::Hook), (None, ten, seconds(60), None));
        let third = Some(EventsTo::Descriptor(3));
        let want = (Some(seconds(25)), ten, seconds(0), third.clone());
        assert_eq!(options(&RunArgs::default(), &some, Door::Hook), want);
        assert_eq!(options(&flags, &some, Door::Hook), (Some(seconds(9)), seconds(0), seconds(0), third));
        let wrong = Env::fixed([("AKU_CLI_DEADLINE", "25")]);
        let trouble = RunOptions::new(&RunArgs::default(), &wrong, Door::Hook).unwrap_err();
        assert_eq!(trouble.exit, Exit::Usage);
    }
}
