//! One run of `aku drift` as a value and as a JSON document: what is new against the run before, what went away, what a
//! person accepted, and how it ends.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Accept, Found, Item, Kind, Severity};
use crate::{
    desired::Desired,
    document::{self, Fault},
    exit::Exit,
    observe::{Observed, PodView},
    plan::policy::{Finding, denied},
    topology::Ordinal,
};

/// The kind of these files.
pub const DOCUMENT: document::Kind = document::Kind { word: "aku.drift", noun: "drift report", version: "1.0" };

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "aku drift")]
pub struct Report {
    /// When the pods were looked at.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: Timestamp,
    /// AKU_STS_NAME
    pub statefulset: String,
    /// Digest of what aku.conf meant.
    pub conf_digest: String,
    /// What was seen.
    pub view: Seen,
    /// Differences that count, by pod.
    pub differences: Vec<Difference>,
    /// Differences of the run before that are gone.
    pub resolved: Vec<Item>,
    /// Differences that a person accepted.
    pub accepted: Vec<Accepted>,
    /// Accepted entries that do not work (any more).
    pub accept_notes: Vec<AcceptNote>,
    /// What rules found.
    pub policy: Vec<Finding>,
    /// How it ended: 0 clean, 2 differences, 3 denied by a rule, 7 cannot tell.
    pub exit: u8,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    /// Whether every pod could be looked at.
    pub completeness: Completeness,
    /// Every pod.
    pub pods: Vec<PodSeen>,
    /// Pods and sides of pairs that could be looked at.
    pub checked: usize,
    /// Pods and sides of pairs that there are.
    pub total: usize,
    /// Those that are right.
    pub right: usize,
}

/// Whether every pod could be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Completeness {
    /// Yes.
    Full,
    /// No: the answer is at best "cannot tell".
    Partial,
}

/// One pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PodSeen {
    /// Which.
    pub pod: Ordinal,
    /// `seen`, `absent` or `broken`.
    pub view: String,
}

/// A difference that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// What it is.
    #[serde(flatten)]
    pub item: Item,
    /// Against the run before.
    pub news: News,
    /// When it was found first, as far as the runs before tell.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub since: Timestamp,
}

/// What a difference is against the run before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum News {
    /// It was not there, or there was no run before.
    New,
    /// It was there.
    Known,
    /// It was there, and its pod cannot be looked at now.
    Unclear,
}

/// A difference that a person accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Accepted {
    /// What it is.
    #[serde(flatten)]
    pub item: Item,
    /// Why it is accepted.
    pub reason: String,
    /// The first day on which it is not.
    pub until: String,
}

/// An accepted entry that does not work (any more).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AcceptNote {
    /// What the entry is about.
    pub about: String,
    /// What is wrong with it.
    pub state: AcceptState,
    /// Its reason.
    pub reason: String,
    /// Its end.
    pub until: String,
}

/// What is wrong with an accepted entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AcceptState {
    /// Its end has passed; what it accepted counts again.
    Expired,
    /// No difference needs it.
    Unused,
}

impl Report {
    /// Puts a run together.
    #[must_use]
    pub fn new(
        (desired, observed): (&Desired, &Observed),
        conf_digest: &str,
        found: Found,
        policy: Vec<Finding>,
        accepts: &[Accept],
        previous: Option<&Self>,
        at: Timestamp,
    ) -> Self {
        let at = Timestamp::from_second(at.as_second()).unwrap_or(at);
        let view = seen(desired, observed, &found);
        let blind: BTreeSet<Ordinal> =
            found.items.iter().filter(|i| i.kind == Kind::CannotTell).map(|i| i.pod).collect();
        let today = at.to_zoned(jiff::tz::TimeZone::UTC).date();
        let valid = |a: &&Accept| today < a.until;
        let mut used = BTreeSet::new();
        let (mut differences, mut accepted) = (Vec::new(), Vec::new());
        let before: BTreeMap<&str, &Difference> =
            previous.iter().flat_map(|p| &p.differences).map(|d| (d.item.id.as_str(), d)).collect();
        for item in found.items {
            let covering: Vec<usize> =
                accepts.iter().enumerate().filter(|(_, a)| a.covers(&item)).map(|(i, _)| i).collect();
            used.extend(covering.iter().copied());
            if let Some(a) = covering.iter().map(|i| &accepts[*i]).find(valid) {
                accepted.push(Accepted { item, reason: a.reason.clone(), until: a.until.to_string() });
                continue;
            }
            let (news, since) = before.get(item.id.as_str()).map_or((News::New, at), |d| (News::Known, d.since));
            differences.push(Difference { item, news, since });
        }
        let now: BTreeSet<String> = differences
            .iter()
            .map(|d| d.item.id.clone())
            .chain(accepted.iter().map(|a: &Accepted| a.item.id.clone()))
            .collect();
        let mut resolved = Vec::new();
        for d in before.into_values().filter(|d| !now.contains(&d.item.id)) {
            // What was wrong on a pod that cannot be looked at has not become right.
            if blind.contains(&d.item.pod) {
                differences.push(Difference { news: News::Unclear, ..d.clone() });
            } else {
                resolved.push(d.item.clone());
            }
        }
        differences.sort_by(|a, b| (a.item.pod, a.item.kind, &a.item.id).cmp(&(b.item.pod, b.item.kind, &b.item.id)));
        let note = |(i, a): (usize, &Accept)| {
            let state = match (valid(&a), used.contains(&i)) {
                (false, _) => AcceptState::Expired,
                (true, false) => AcceptState::Unused,
                (true, true) => return None,
            };
            let (about, reason, until) = (a.about(), a.reason.clone(), a.until.to_string());
            Some(AcceptNote { about, state, reason, until })
        };
        let accept_notes = accepts.iter().enumerate().filter_map(note).collect();
        let mut report = Self {
            at,
            statefulset: desired.statefulset.clone(),
            conf_digest: conf_digest.to_owned(),
            view,
            differences,
            resolved,
            accepted,
            accept_notes,
            policy,
            exit: 0,
        };
        report.exit = report.ends() as u8;
        report
    }

    /// Nobody who cannot see everything says that all is well; a rule that denies comes first.
    #[must_use]
    pub fn ends(&self) -> Exit {
        let none_seen = !self.view.pods.iter().any(|p| p.view == "seen");
        if denied(&self.policy).next().is_some() {
            Exit::Refused
        } else if self.view.completeness == Completeness::Partial || none_seen {
            Exit::Unknown
        } else if self.differences.is_empty() {
            Exit::Ok
        } else {
            Exit::Changes
        }
    }

    /// The worst of the differences that count.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.differences.iter().map(|d| d.item.severity).max()
    }

    /// How many differences are news of a kind.
    #[must_use]
    pub fn count(&self, news: News) -> usize {
        self.differences.iter().filter(|d| d.news == news).count()
    }

    /// The document as text, indented, keys sorted, with a digest.
    #[must_use]
    pub fn text(&self) -> String {
        let value = serde_json::to_value(self).expect("reports have text keys and no floating point");
        format!("{:#}\n", document::seal(value, DOCUMENT))
    }

    /// Reads a document.
    ///
    /// # Errors
    /// See [`Fault`].
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let document = document::parse(text, DOCUMENT)?;
        serde_json::from_value(document).map_err(|e| Fault::Malformed { noun: DOCUMENT.noun, said: e.to_string() })
    }
}

fn seen(desired: &Desired, observed: &Observed, found: &Found) -> Seen {
    let view = |pod: &Ordinal| match observed.pods.get(pod) {
        Some(PodView::Seen(_)) => "seen",
        Some(PodView::Absent { .. }) => "absent",
        Some(PodView::Broken { .. }) | None => "broken",
    };
    let pods: Vec<PodSeen> = desired.pods.keys().map(|pod| PodSeen { pod: *pod, view: view(pod).to_owned() }).collect();
    let broken = pods.iter().any(|p| p.view == "broken");
    Seen {
        completeness: if broken { Completeness::Partial } else { Completeness::Full },
        pods,
        checked: found.checked,
        total: found.total,
        right: found.right,
    }
}

/// The JSON Schema of a report, made from the types.
#[must_use]
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<Report>().to_value();
    let sealed = [("format_version", r"^1\.[0-9]+$"), ("kind", r"^aku\.drift$"), ("digest", r"^sha256:[0-9a-f]{64}$")];
    for (field, pattern) in sealed {
        schema["properties"][field] = serde_json::json!({ "type": "string", "pattern": pattern });
        if let Some(required) = schema["required"].as_array_mut() {
            required.push(field.into());
        }
    }
    schema
}
