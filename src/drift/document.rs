//! The report of a look as a document: what `--format json` prints and `--previous` reads. Holds no secret and no SQL.

use jiff::Timestamp;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Deserialize, Serialize};

use super::{Checked, Completeness, Difference, Kind, PodState, accept::Note};
use crate::{
    document,
    plan::policy::{self, Finding},
    status::Mark,
    topology::Ordinal,
};

/// The kind of these files.
pub const DOCUMENT: document::Kind = document::Kind { word: "aku.drift", noun: "drift report", version: "1.0" };

/// One look, judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// When it was looked.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: Timestamp,
    /// How long it took, milliseconds.
    pub took_ms: u64,
    /// Version of the program.
    pub producer: String,
    /// AKU_STS_NAME
    pub statefulset: String,
    /// AKU_SVC_NAME
    pub service: String,
    /// The pod it was looked from; null elsewhere.
    pub observer: Option<Ordinal>,
    /// What aku.conf meant, without the password.
    #[schemars(regex(pattern = r"^sha256:"))]
    pub conf_digest: String,
    /// When the look was that this one is compared with; null without one, and then everything is new.
    #[schemars(with = "Option<String>")]
    pub compared_with: Option<Timestamp>,
    /// What was seen.
    pub view: View,
    /// Differences that were not there, or not told, in the look before.
    pub new: Vec<Item>,
    /// Differences that were.
    pub known: Vec<Item>,
    /// Differences younger than --since-ok; they do not count yet.
    pub settling: Vec<Item>,
    /// Differences that the accept list covers; they do not count.
    pub accepted: Vec<Accepted>,
    /// Differences of the look before that are gone.
    pub resolved: Vec<Item>,
    /// Differences of the look before whose pods cannot be seen now: neither there nor resolved.
    pub unchecked: Vec<Item>,
    /// Entries of the accept list that should be removed.
    pub accept_notes: Vec<Note>,
    /// Since when senders are behind; only with --lag-limit, which needs them from look to look.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
    /// How many objects were looked at.
    pub checked: Checked,
    /// What the rules find (`aku explain P007`).
    pub policy: Vec<Finding>,
    /// Kinds of --deny that were found.
    pub denied: Vec<Kind>,
    /// The exit code: 0 clean, 2 drift, 3 denied, 7 cannot tell.
    pub exit: u8,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct View {
    /// Whether everything that matters was.
    pub completeness: Completeness,
    /// Every pod of aku.conf.
    pub pods: Vec<PodEntry>,
}

/// A pod, and since when it is what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PodEntry {
    /// What it is.
    #[serde(flatten)]
    pub state: PodState,
    /// The first look in a row that saw it so.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub since: Timestamp,
    /// The first look in a row that saw it joining, or closed and not joined.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_since: Option<Timestamp>,
    /// What could not be looked at although it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<String>,
}

/// A difference, and since when it is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Item {
    /// The first look in a row that found it.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub since: Timestamp,
    /// What it is.
    #[serde(flatten)]
    pub difference: Difference,
}

/// A difference that somebody wants no alarm about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Accepted {
    /// The difference.
    #[serde(flatten)]
    pub item: Item,
    /// Why it is accepted.
    pub reason: String,
    /// The end, as written in the list.
    pub until: String,
}

impl Report {
    /// Whether a rule or --deny says no.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        !self.denied.is_empty() || policy::denied(&self.policy).next().is_some()
    }

    /// Adds what a program of the site finds about it; the exit code follows.
    pub fn add(&mut self, found: Vec<Finding>) {
        self.policy.extend(found);
        self.exit = super::compare::exit(self) as u8;
    }

    /// Differences that count.
    pub fn counted(&self) -> impl Iterator<Item = &Item> {
        self.new.iter().chain(&self.known)
    }
}

impl document::Document for Report {
    const KIND: document::Kind = DOCUMENT;
}

/// The report of `aku drift --format json`. Readers ignore fields they do not know.
#[derive(JsonSchema, Serialize)]
#[schemars(title = "aku drift")]
struct Document {
    /// Major and minor; a reader takes any minor of the major it knows.
    #[schemars(regex(pattern = r"^1\.[0-9]+$"))]
    format_version: String,
    /// Tells reports from other files.
    #[schemars(regex(pattern = r"^aku\.drift$"))]
    kind: String,
    /// SHA-256 of the document without this field, RFC 8785.
    #[schemars(regex(pattern = r"^sha256:[0-9a-f]{64}$"))]
    digest: String,
    #[serde(flatten)]
    report: Report,
}

/// The schema, draft 2020-12, as text.
#[must_use]
pub fn schema() -> String {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    format!("{:#}\n", generator.into_root_schema_for::<Document>().to_value())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{super::tests::reports, *};
    use crate::document::{Document as _, Fault};

    #[test]
    fn the_kept_schema_is_that_of_the_types() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/plans/drift-1.schema.json");
        if std::env::var_os("AKU_WRITE_SCHEMA").is_some() {
            std::fs::write(path, schema()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), schema(), "AKU_WRITE_SCHEMA=1 cargo test writes it");
    }

    #[test]
    fn another_validator_takes_every_report_and_refuses_what_is_none() {
        type Edit = fn(&mut Value);
        let mut schemas = boon::Schemas::new();
        let mut compiler = boon::Compiler::new();
        compiler.add_resource("drift.json", serde_json::from_str(&schema()).unwrap()).unwrap();
        let index = compiler.compile("drift.json", &mut schemas).unwrap();
        let edits: [Edit; 6] = [
            |d| d["format_version"] = "2.0".into(),
            |d| d["kind"] = "aku.plan".into(),
            |d| d["view"]["pods"][0]["standing"] = "asleep".into(),
            |d| d["new"] = json!([{ "kind": "D999-nothing" }]),
            |d| drop(d["view"].as_object_mut().unwrap().remove("completeness")),
            |d| d["exit"] = "2".into(),
        ];
        for (name, report) in reports() {
            let document = report.document();
            if let Err(e) = schemas.validate(&document, index) {
                panic!("{name}: {e}\n{document:#}");
            }
            for edit in edits {
                let mut broken = document.clone();
                edit(&mut broken);
                assert!(schemas.validate(&broken, index).is_err(), "{name}: {broken:#}");
            }
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for (name, report) in reports() {
            assert_eq!(Report::parse(&report.text()).unwrap(), report, "{name}");
            let edited = report.text().replacen("\"exit\": ", "\"exit\": 1", 1);
            assert!(matches!(Report::parse(&edited), Err(Fault::Edited(_))), "{name}");
        }
    }
}
