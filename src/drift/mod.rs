//! How the pods differ from what `aku.conf` declares, for cron. Pure; proposes nothing.
//!
//! [`find`] looks, [`report`](Report) compares with the run before and with what a person accepted, `metrics` writes for
//! Prometheus. What cannot be seen is never called right: it makes the answer "cannot tell", and what was known of it
//! before stays known.

mod accept;
mod find;
mod metrics;
mod report;
#[cfg(test)]
mod tests;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::topology::{Ordinal, ReplicationName};

pub use accept::{Accept, AcceptError, parse as parse_accepts};
pub use find::{Found, find};
pub use metrics::{Run, metrics, without_pods};
pub use report::{
    AcceptNote, AcceptState, Accepted, Completeness, DOCUMENT, Difference, News, PodSeen, Report, Seen, schema,
};

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $variant:ident = $word:literal, $severity:ident;)+) => {
        /// Kinds of differences, by stable words.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum Kind {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Kind {
            /// Every kind, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// How bad it is.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity),+ }
            }
        }
    };
}

kinds! {
    /// The pod cannot be looked at.
    CannotTell = "cannot-tell", Unknown;
    /// The pod is not there, and others keep their log for it.
    MemberDown = "member-down", Critical;
    /// The pod answers and admits no users.
    Closed = "closed", Warning;
    /// A copy is under way.
    UnderWay = "under-way", Info;
    /// Two pods in service do not replicate with each other.
    NotConnected = "not-connected", Critical;
    /// One side of a pair kept its place and the other did not.
    SidesDisagree = "sides-disagree", Critical;
    /// A server gave up unsent log.
    GaveUp = "gave-up", Critical;
    /// Both sides kept their place and a sender does not run.
    Stopped = "stopped", Critical;
    /// A sender tries to reach its peer and does not.
    Trying = "trying", Warning;
    /// A pod keeps its log for one that is not joined.
    LogKept = "log-kept", Warning;
    /// An object is not there.
    ObjectMissing = "object-missing", Warning;
    /// An object is not what the configuration says.
    Differs = "differs", Warning;
    /// A table is missing or cannot be replicated.
    Table = "table", Critical;
    /// The tables of a group differ between pods.
    Shape = "shape", Warning;
    /// A replication that the configuration does not know replicates one of its tables.
    Foreign = "foreign", Warning;
    /// A setting that a run changes for a while was left behind.
    SettingLeft = "setting-left", Warning;
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How bad a difference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It passes by itself.
    Info,
    /// It should be looked at.
    Warning,
    /// Rows do not arrive, or cannot any more.
    Critical,
    /// Nobody can say.
    Unknown,
}

impl Severity {
    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Item {
    /// The same for the same difference on every run: pod, kind and what it is about.
    pub id: String,
    /// The pod it is on.
    pub pod: Ordinal,
    /// What it is.
    pub kind: Kind,
    /// How bad it is.
    pub severity: Severity,
    /// The replication object it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ReplicationName>,
    /// One sentence.
    pub text: String,
}

impl Item {
    /// A difference; `about` tells it from others of its kind on the pod.
    fn new(pod: Ordinal, kind: Kind, about: &str, text: impl Into<String>) -> Self {
        let id = if about.is_empty() { format!("{pod}/{kind}") } else { format!("{pod}/{kind}/{about}") };
        Self { id, pod, kind, severity: kind.severity(), object: None, text: text.into() }
    }

    fn of(self, name: &ReplicationName) -> Self {
        Self { object: Some(name.clone()), ..self }
    }
}

/// The schema of reports, as text.
#[must_use]
pub fn schema_text() -> String {
    format!("{:#}\n", schema())
}
