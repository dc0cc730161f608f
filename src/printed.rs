//! The JSON documents that commands print and no command reads back: of which kind they are, in which version, and their
//! schemas, made from the types, so that they cannot differ from what is written.
//!
//! Within a major version fields are added and never taken away, renamed or given another meaning.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    plan::{Refusal, diff::Change, policy::Finding as Rule},
    preflight, status,
    topology::Ordinal,
    verify,
};

/// Version of all of them.
const VERSION: &str = "1.0";

/// What a command prints once.
pub trait Printed: Serialize + JsonSchema {
    /// Tells these documents from others.
    const KIND: &'static str;

    /// The document, as it is printed.
    fn document(&self) -> Value {
        let mut document = json!({ "format_version": VERSION, "kind": Self::KIND });
        if let (Some(all), Ok(Value::Object(own))) = (document.as_object_mut(), serde_json::to_value(self)) {
            all.extend(own);
        }
        document
    }
}

/// The schema of a document, draft 2020-12, as text.
#[must_use]
pub fn schema<P: Printed>() -> String {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<P>().to_value();
    schema["title"] = P::KIND.replace('.', " ").into();
    schema["properties"]["format_version"] = json!({ "description": "Major and minor; a reader takes any minor of the major it knows.", "type": "string", "pattern": r"^1\.[0-9]+$" });
    schema["properties"]["kind"] = json!({ "description": "Tells these documents from others.", "const": P::KIND });
    if let Some(required) = schema["required"].as_array_mut() {
        required.extend([json!("format_version"), json!("kind")]);
    }
    format!("{schema:#}\n")
}

/// `aku status --format json`.
#[derive(Serialize, JsonSchema)]
pub struct StatusDocument {
    /// When it was looked.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: Timestamp,
    /// AKU_STS_NAME
    pub statefulset: String,
    /// What the screen shows.
    pub status: status::Status,
    /// What each pod keeps of its log, and where that leads; only with --watch, because one look cannot tell.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pace: BTreeMap<Ordinal, status::Pace>,
    /// The exit code.
    pub exit: u8,
}

impl Printed for StatusDocument {
    const KIND: &'static str = "aku.status";
}

/// `aku check --format json`.
#[derive(Serialize, JsonSchema)]
pub struct CheckDocument {
    /// When it was looked.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: Timestamp,
    /// AKU_STS_NAME
    pub statefulset: String,
    /// Every question and its answer.
    pub findings: Vec<preflight::Finding>,
    /// The exit code.
    pub exit: u8,
}

impl Printed for CheckDocument {
    const KIND: &'static str = "aku.check";
}

/// `aku verify --format json`.
#[derive(Serialize, JsonSchema)]
pub struct VerifyDocument {
    /// When it was looked.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: Timestamp,
    /// AKU_STS_NAME
    pub statefulset: String,
    /// Every target and what came of it.
    pub report: verify::report::Report,
    /// The exit code.
    pub exit: u8,
}

impl Printed for VerifyDocument {
    const KIND: &'static str = "aku.verify";
}

/// `aku plan --format json` where there is no plan.
#[derive(Serialize, JsonSchema)]
pub struct RefusalDocument {
    /// Why, and what to do.
    pub refusal: Refusal,
    /// The exit code.
    pub exit: u8,
}

impl Printed for RefusalDocument {
    const KIND: &'static str = "aku.refusal";
}

/// `aku review --format json`.
#[derive(Serialize, JsonSchema)]
pub struct ReviewDocument {
    /// The file that was reviewed.
    pub file: String,
    /// Its plan; null where it is none.
    pub plan_id: Option<String>,
    /// Of the whole document.
    pub digest: Option<String>,
    /// Of what it would do, without times and names of runs.
    pub fingerprint: Option<String>,
    /// After this it is not applied any more.
    pub expires_at: Option<String>,
    /// What speaks against it.
    pub findings: Vec<Rule>,
    /// The exit code.
    pub exit: u8,
}

impl Printed for ReviewDocument {
    const KIND: &'static str = "aku.review";
}

/// `aku diff --format json`.
#[derive(Serialize, JsonSchema)]
pub struct DiffDocument {
    /// Digest of the first plan.
    pub then: String,
    /// Digest of the second one.
    pub now: String,
    /// What the second one does otherwise.
    pub changes: Vec<Change>,
}

impl Printed for DiffDocument {
    const KIND: &'static str = "aku.diff";
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::{
        desired::Goal,
        files,
        plan::testing::{Worlds, desired, ord},
        plan::{self, diff::diff, saved::Reading},
        review,
    };

    const AT: &str = "2026-11-30T12:00:00Z";

    fn schemas() -> BTreeMap<&'static str, String> {
        [
            (StatusDocument::KIND, schema::<StatusDocument>()),
            (CheckDocument::KIND, schema::<CheckDocument>()),
            (VerifyDocument::KIND, schema::<VerifyDocument>()),
            (RefusalDocument::KIND, schema::<RefusalDocument>()),
            (ReviewDocument::KIND, schema::<ReviewDocument>()),
            (DiffDocument::KIND, schema::<DiffDocument>()),
        ]
        .into()
    }

    /// One document of each kind, of things that differ as much as they can.
    fn documents() -> Vec<Value> {
        let at: Timestamp = AT.parse().unwrap();
        let w = Worlds::new(desired(Goal::Start(ord(2)), 4, 2))
            .up(0, 0)
            .up(1, 0)
            .up(2, 1)
            .broken(3)
            .pair(0, 1, "LL")
            .pair(0, 2, "LR")
            .pair(1, 2, "GR")
            .ledgers();
        let statefulset = w.desired.statefulset.clone();
        let status = status::Status::of(&w.desired, &w.observed);
        let finding = |level, remedy| preflight::Finding {
            question: "definitions",
            level,
            pods: vec![ord(1)],
            said: "they differ".to_owned(),
            remedy,
            fix: Some("aku plan reconcile".to_owned()),
        };
        let findings = vec![
            finding(preflight::Level::Fail, crate::remedy::Remedy::Goal(Goal::Reconcile)),
            finding(preflight::Level::Pass, crate::remedy::Remedy::Nothing),
        ];
        let pod = |verdict, keys: &[&str]| verify::report::PodReport {
            verdict,
            rows: 2,
            differs: keys.iter().map(ToString::to_string).collect(),
            only_reference: Vec::new(),
            only_here: Vec::new(),
            beyond: 1,
            changing: 0,
        };
        let pods = [
            (ord(1), pod(verify::report::Verdict::Equal, &[])),
            (ord(2), pod(verify::report::Verdict::Different, &["I1 = 7"])),
            (ord(3), pod(verify::report::Verdict::Unsettled, &[])),
        ];
        let targets = [
            verify::report::Outcome::Compared {
                rows: 2,
                pods: pods.into(),
                not_compared: vec!["C3".to_owned()],
                undelivered: Vec::new(),
            },
            verify::report::Outcome::CannotTell { why: "it is not on pod 1".to_owned() },
        ];
        let targets =
            targets.map(|outcome| verify::report::TargetReport { target: "SYS.T1".to_owned(), outcome }).into();
        let left_out = vec![verify::report::LeftOut {
            pod: ord(3),
            because: verify::report::Because::CannotBeSeen,
            why: "it does not answer".to_owned(),
        }];
        let report = verify::report::Report { reference: Some(ord(0)), left_out, targets };
        let refusal = plan::make(&w.desired, &w.observed).expect_err("pod 3 cannot be looked at");
        let file = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("plans").join(name);
        let (join, end) = (files::saved(&file("catch-up.json")).unwrap(), files::saved(&file("end.json")).unwrap());
        let pace = status::Pace { kept: Some(1), growth: Some(-2), full: Some(status::Full::In { seconds: 3 }) };
        vec![
            StatusDocument {
                at,
                statefulset: statefulset.clone(),
                status,
                pace: BTreeMap::from([(ord(0), pace)]),
                exit: 0,
            }
            .document(),
            CheckDocument { at, statefulset: statefulset.clone(), findings, exit: 3 }.document(),
            VerifyDocument { at, statefulset, report, exit: 7 }.document(),
            RefusalDocument { refusal, exit: 7 }.document(),
            review::judged(Reading { saved: Some(join.clone()), misfits: Vec::new() }, &[], at)
                .json("plans/catch-up.json"),
            DiffDocument { then: join.digest(), now: end.digest(), changes: diff(&join.plan, &end.plan) }.document(),
        ]
    }

    /// What another validator says of it; nothing where it is right.
    fn wrong(schema: &str, document: &Value) -> Option<String> {
        let (mut all, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
        compiler.add_resource("one.json", serde_json::from_str(schema).unwrap()).unwrap();
        let index = compiler.compile("one.json", &mut all).unwrap();
        all.validate(document, index).err().map(|e| e.to_string())
    }

    #[test]
    fn every_document_is_as_its_schema_says_and_the_kept_schemas_are_those_of_the_types() {
        let schemas = schemas();
        for (kind, text) in &schemas {
            let path =
                format!("{}/plans/{}-1.schema.json", env!("CARGO_MANIFEST_DIR"), kind.trim_start_matches("aku."));
            if std::env::var_os("AKU_WRITE_SCHEMA").is_some() {
                fs::write(&path, text).unwrap();
            }
            assert_eq!(fs::read_to_string(&path).unwrap(), *text, "AKU_WRITE_SCHEMA=1 cargo test writes {path}");
        }
        let documents = documents();
        assert_eq!(documents.len(), schemas.len());
        for mut document in documents {
            let kind = document["kind"].as_str().unwrap().to_owned();
            assert_eq!(wrong(&schemas[&*kind], &document), None, "{document:#}");
            document["kind"] = "aku.other".into();
            assert!(wrong(&schemas[&*kind], &document).is_some());
            document["kind"] = kind.clone().into();
            document
                .as_object_mut()
                .unwrap()
                .remove("exit")
                .or_else(|| document.as_object_mut().unwrap().remove("now"));
            assert!(wrong(&schemas[&*kind], &document).is_some(), "{kind}: a field may be missing");
        }
    }

    /// Documents of releases before this one: whoever reads them with today's schema still can. They are never made anew.
    #[test]
    fn documents_of_earlier_releases_are_still_as_the_schemas_say() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/documents");
        for document in documents() {
            let kind = document["kind"].as_str().unwrap().trim_start_matches("aku.").to_owned();
            let path = folder.join(format!("{kind}-1.0.json"));
            if std::env::var_os("AKU_WRITE_SCHEMA").is_some() && !path.exists() {
                fs::create_dir_all(&folder).unwrap();
                fs::write(path, format!("{document:#}\n")).unwrap();
            }
        }
        let mut read = 0;
        for entry in fs::read_dir(folder).unwrap() {
            let document: Value = serde_json::from_str(&fs::read_to_string(entry.unwrap().path()).unwrap()).unwrap();
            assert_eq!(wrong(&schemas()[document["kind"].as_str().unwrap()], &document), None, "{document:#}");
            read += 1;
        }
        assert!(read >= schemas().len());
    }
}
