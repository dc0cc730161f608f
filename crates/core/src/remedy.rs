//! What ends a finding: one typed answer for every code of drift, check, refusals and failed actions. Says how it is
//! printed; decides none.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::desired::Goal;

/// What makes a finding go away. Following what is printed ends (DESIGN D21).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "remedy", content = "with")]
pub enum Remedy {
    /// A plan for this goal mends it; the plan is shown first and says what it costs.
    Goal(Goal),
    /// A person has to decide or to do this; a sentence without a period, which says why or what ends it.
    Person(String),
    /// It ends by itself when this is over; if it does not, the finding stays and says since when.
    Wait(String),
    /// Nothing has to be done.
    #[default]
    Nothing,
}

impl Remedy {
    /// A person has to.
    pub fn person(what: impl Into<String>) -> Self {
        Self::Person(what.into())
    }

    /// The command that shows the plan, where a plan mends it.
    #[must_use]
    pub fn command(&self) -> Option<String> {
        match self {
            Self::Goal(goal) => Some(format!("aku plan {}", goal.command())),
            Self::Person(_) | Self::Wait(_) | Self::Nothing => None,
        }
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Goal(goal) => write!(f, "aku plan {}", goal.command()),
            Self::Person(what) => f.write_str(what),
            Self::Wait(what) => write!(f, "wait: {what}"),
            Self::Nothing => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::Ordinal;

    #[test]
    fn only_a_goal_is_a_command() {
        let start = Remedy::Goal(Goal::Start(Ordinal::MASTER));
        assert_eq!(start.command().as_deref(), Some("aku plan start --ordinal 0"));
        assert_eq!(start.to_string(), "aku plan start --ordinal 0");
        for (remedy, said) in [
            (Remedy::person("create the table"), "create the table"),
            (Remedy::Wait("the start of pod 1".to_owned()), "wait: the start of pod 1"),
            (Remedy::Nothing, ""),
        ] {
            assert_eq!((remedy.command(), remedy.to_string().as_str()), (None, said));
        }
    }
}
