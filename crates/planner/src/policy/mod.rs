//! Rules about plans and clusters: stable codes, levels that a file may set, findings. Pure.
//!
//! A rule never makes a plan safe or unsafe: what protects rows cannot be switched off and is not here. Rules tell what a
//! site may want to know or forbid. What they look for is in [`rules`](self), the file of levels in [`file`].

mod file;
mod rules;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use aku_core::{
    plan::{ActionId, Plan},
    stable_codes,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::facts::Facts;
pub use file::{PolicyError, parse};
pub use rules::estimate;

/// What a rule's finding does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The rule is not asked.
    Off,
    /// It is told.
    Warn,
    /// The plan is refused: exit 3.
    Deny,
}

impl Level {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Warn => "warn",
            Self::Deny => "deny",
        }
    }
}

macro_rules! rules {
    ($($(#[doc = $doc:literal])+ $variant:ident = $word:literal, $level:ident;)+) => {
        stable_codes! {
            /// Built-in rules, by their stable codes.
            pub enum Rule;
            $($(#[doc = $doc])+ $variant = $word;)+
        }

        impl Rule {
            /// What it does unless a policy file says otherwise.
            #[must_use]
            pub fn default_level(self) -> Level {
                match self { $(Self::$variant => Level::$level),+ }
            }
        }
    };
}

rules! {
    /// A pod could not be looked at, so what is known of the cluster is incomplete. Destructive actions are barred anyway;
    /// this rule lets a site refuse every plan made from a partial view.
    PartialView = "P001-partial-view", Warn;
    /// Pods run different releases of the server. Replication works between some releases only, and a release may answer
    /// in other words.
    VersionSkew = "P002-version-skew", Warn;
    /// Tables are emptied and copied anew. The plan names the surviving copy; this rule lets a site keep such plans out of
    /// a pipeline.
    Truncate = "P003-truncate", Warn;
    /// A pod holds an object that is not what aku.conf says here. Either the object is old, or that pod was started with
    /// another aku.conf.
    ConfDiffers = "P004-conf-differs", Warn;
    /// A table has no primary key on a pod, so the server does not replicate it (ERR-61113).
    NoPrimaryKey = "P005-no-primary-key", Warn;
    /// The tables of a group are not alike on all pods: missing, other partitions, other columns. Replication between
    /// them fails or leaves rows out. `aku check` names the differences.
    ShapeDiffers = "P006-shape-differs", Warn;
    /// A server keeps its log for a pod that is not there. Its disk fills until the pod comes back or is forgotten
    /// (`aku plan forget N`). One look cannot tell for how many minutes: `aku drift --previous` tells since when, and its
    /// --since-ok lets the difference count only after that time.
    LogPinned = "P007-log-pinned", Warn;
    /// The deadline is shorter than the plan takes at best: the start delay and an optimistic 100,000 rows a second along
    /// the longest chain. The run would be stopped half-way.
    DeadlineTooShort = "P008-deadline-too-short", Warn;
    /// A pipeline (the variable CI is set) applies a destructive plan straight from a goal, so nobody reviewed it. Save
    /// it with `aku plan -o FILE`, have it reviewed, and apply the file. That it comes from a file is all that this rule
    /// sees. Who said yes to it is seen by `aku apply FILE --require-signature ALLOWED`.
    Unreviewed = "P009-unreviewed", Off;
    /// A replication that aku.conf does not know replicates one of our tables. Its changes arrive by a road of their own.
    Foreign = "P010-foreign-object", Warn;
    /// One side of a pair kept its place in the log and the other did not. START would silently skip what was committed
    /// in between, so the next start of one of the two copies anew.
    SidesDisagree = "P012-sides-disagree", Warn;
    /// A table that the policy file protects would be emptied. Without `protect` in the file this rule finds nothing.
    Protected = "P013-protected-table", Deny;
    /// More rows would be deleted than `max_rows_deleted` of the policy file allows, or they were not counted. Without it
    /// this rule finds nothing.
    TooManyRows = "P014-too-many-rows", Deny;
}

/// Levels and limits of a site.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Levels that the site chose.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    levels: BTreeMap<Rule, Level>,
    /// Tables that are never emptied, as `USER.TABLE`; a partition is protected with its table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub protect: Vec<String>,
    /// Most rows that a plan may delete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rows_deleted: Option<u64>,
}

impl Policy {
    /// Whether the built-in levels hold, and no limit.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        *self == Self::default()
    }

    /// The level of a rule.
    #[must_use]
    pub fn level(&self, rule: Rule) -> Level {
        self.levels.get(&rule).copied().unwrap_or(rule.default_level())
    }
}

/// What a rule found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Of a built-in rule, or any word of another program.
    pub code: Cow<'static, str>,
    /// What it does.
    pub level: Level,
    /// One sentence.
    pub text: String,
    /// The actions it is about.
    #[serde(default)]
    pub actions: Vec<ActionId>,
}

/// What the rules look at.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// What was seen.
    pub facts: &'a Facts,
    /// The plan, when it is about one.
    pub plan: Option<&'a Plan>,
}

/// How the plan is about to be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// `--deadline`
    pub deadline: Option<Duration>,
    /// Whether it was reviewed.
    pub review: Review,
}

/// Whether somebody saw the plan before it is applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Review {
    /// It is only looked at, or it comes from a file, or a person is there.
    #[default]
    Possible,
    /// A pipeline applies what it has just made.
    Impossible,
}

/// What every rule that is not off finds, by code.
#[must_use]
pub fn judge(policy: &Policy, subject: Subject<'_>, how: Use) -> Vec<Finding> {
    let mut found = Vec::new();
    for rule in Rule::ALL {
        let level = policy.level(*rule);
        if level == Level::Off {
            continue;
        }
        let of_rule = rules::find(*rule, policy, subject, how);
        found.extend(of_rule.into_iter().map(|(text, actions)| Finding {
            code: rule.as_str().into(),
            level,
            text,
            actions,
        }));
    }
    found
}

/// The findings that refuse.
pub fn denied(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    findings.iter().filter(|f| f.level == Level::Deny)
}
