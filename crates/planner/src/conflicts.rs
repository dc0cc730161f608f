//! Who wins a conflict, as far as servers and tables decide it and not the objects: CONFLICT = TIMESTAMP and REPLACE rest on
//! properties of every server, TIMESTAMP on a column of every table. Bars the start of a pod that would resolve conflicts
//! otherwise than aku.conf says, and tells of the others. Sets nothing: a value that lives in memory only would be another
//! one after the next restart.

use std::{collections::BTreeSet, fmt};

use aku_core::{
    attributes::Conflict,
    desired::Desired,
    observe::{Pod, Stamp, TableName},
    plan::{
        Refusal, RefusalKind,
        reason::{Code, Reason},
    },
    topology::Ordinal,
};

use super::cluster_view::ClusterView;

/// Something that a pod lacks for the rule of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// The rule.
    pub rule: Conflict,
    /// What it lacks.
    pub lacks: Lacks,
}

/// What a pod lacks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lacks {
    /// The property has to be 1.
    Property {
        /// Its name.
        name: &'static str,
        /// Its value; `None` when the server does not tell, which is never right.
        is: Option<String>,
    },
    /// The table has to have a TIMESTAMP column.
    Column {
        /// `USER.TABLE`
        table: String,
        /// Whether somebody looked.
        known: Known,
    },
}

/// Whether what is missing was seen to be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Known {
    /// It was.
    Missing,
    /// Nobody can tell.
    Unknown,
}

/// As the end of a sentence about the pod: `REPLICATION_UPDATE_REPLACE is 0`.
impl fmt::Display for Lacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Property { name, is: Some(is) } => write!(f, "{name} is {is}"),
            Self::Property { name, is: None } => write!(f, "{name} cannot be read"),
            Self::Column { table, known: Known::Missing } => write!(f, "{table} has no TIMESTAMP column"),
            Self::Column { table, known: Known::Unknown } => {
                write!(f, "nobody can tell whether {table} has a TIMESTAMP column")
            }
        }
    }
}

impl Gap {
    /// Whether it was seen to be so.
    #[must_use]
    pub fn known(&self) -> Known {
        match &self.lacks {
            Lacks::Property { is: Some(_), .. } => Known::Missing,
            Lacks::Property { is: None, .. } => Known::Unknown,
            Lacks::Column { known, .. } => *known,
        }
    }

    /// What to type about it.
    #[must_use]
    pub fn fix(&self, pod: Ordinal) -> String {
        match &self.lacks {
            Lacks::Property { name, .. } => {
                format!("ALTER SYSTEM SET {name} = 1 on pod {pod}, and {name} = 1 in its altibase.properties")
            }
            Lacks::Column { table, .. } => {
                format!("give {table} a TIMESTAMP column on every pod, or put another CONFLICT into aku.conf")
            }
        }
    }
}

/// All that a pod lacks for the rules of aku.conf, each once. A table that is not there is not told here.
#[must_use]
pub fn gaps(desired: &Desired, seen: &Pod) -> Vec<Gap> {
    let mut all = BTreeSet::new();
    for group in desired.groups.values() {
        let rule = group.attributes.conflict();
        for name in rule.properties() {
            if seen.property(name) != Some(1) {
                let is = seen.properties.get(*name).map(|v| v.trim().to_owned());
                all.insert(Gap { rule, lacks: Lacks::Property { name, is } });
            }
        }
        match rule {
            Conflict::None | Conflict::MasterSlave | Conflict::Replace => {}
            Conflict::Timestamp => all.extend(group.targets.iter().filter_map(|target| {
                let known = match seen.tables.get(&TableName::of(target))?.timestamp {
                    Stamp::Has => return None,
                    Stamp::Lacks => Known::Missing,
                    Stamp::Unknown => Known::Unknown,
                };
                Some(Gap { rule, lacks: Lacks::Column { table: target.table_sql(), known } })
            })),
        }
    }
    all.into_iter().collect()
}

fn text(pod: Ordinal, gap: &Gap) -> String {
    format!(
        "aku.conf asks for CONFLICT = {}, and on pod {pod} {}: conflicts would be resolved otherwise there",
        gap.rule.as_str(),
        gap.lacks
    )
}

/// Bars what would open closed ones of these pods with other rules.
pub(super) fn bar(world: &ClusterView<'_>, pods: &[Ordinal]) -> Result<(), Refusal> {
    let closed = pods.iter().filter_map(|pod| Some((*pod, world.pod(*pod).filter(|p| p.admin_mode())?)));
    let gaps: Vec<_> =
        closed.flat_map(|(pod, seen)| gaps(world.desired, seen).into_iter().map(move |g| (pod, g))).collect();
    if gaps.is_empty() {
        return Ok(());
    }
    let mut next: Vec<String> = gaps.iter().map(|(pod, gap)| gap.fix(*pod)).collect();
    next.push("then run the same command again".to_owned());
    let because = gaps.iter().map(|(pod, gap)| Reason::new(Code::ConflictRule, text(*pod, gap))).collect();
    Err(Refusal { kind: RefusalKind::Refused, because, next })
}

/// What pods in reach lack; the one whose start is barred by it apart.
pub(super) fn notes(world: &ClusterView<'_>, me: Option<Ordinal>) -> Vec<Reason> {
    let told = |pod: Ordinal| {
        let seen = world.pod(pod).filter(|p| Some(pod) != me || !p.admin_mode());
        let gaps = seen.map(|seen| gaps(world.desired, seen)).unwrap_or_default();
        gaps.into_iter()
            .map(move |gap| Reason::new(Code::ConflictRuleOff, format!("{}; {}", text(pod, &gap), gap.fix(pod))))
    };
    world.seen().flat_map(told).collect()
}

/// What changes that are repeated do where what arrives replaces what is there: they are older than the copy.
pub(super) fn repeats(world: &ClusterView<'_>, whose: &str, at: &str) -> Option<Reason> {
    let replaces = world.desired.groups.values().any(|g| g.attributes.conflict() == Conflict::Replace);
    let text = format!(
        "CONFLICT = REPLACE: what {whose} repeats replaces newer values {at} where a row was changed on another pod since; `aku verify` afterwards shows such rows"
    );
    replaces.then(|| Reason::new(Code::RepeatsReplace, text))
}
