//! The JSON Schema of a saved plan, made from the types, so that it cannot differ from what is written.

use std::collections::BTreeMap;

use aku_core::{
    plan::{Effect, Plan},
    topology::Ordinal,
};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    facts::{Fact, FactId, Post},
    policy::{Finding, Policy},
    risk::Risk,
    saved::{Cited, List, Signature},
};

/// A plan saved by `aku plan -o`. Readers ignore fields they do not know.
#[derive(JsonSchema, Serialize)]
#[schemars(title = "aku plan")]
struct Document {
    /// Major and minor; a reader takes any minor of the major it knows.
    #[schemars(regex(pattern = r"^1\.[0-9]+$"))]
    format_version: String,
    /// Tells plans from other files.
    #[schemars(regex(pattern = r"^aku\.plan$"))]
    kind: String,
    /// What a reader must know about before it applies the plan; empty in this version.
    must_understand: Vec<String>,
    /// Differs between any two plans.
    #[schemars(regex(pattern = r"^[0-9A-Z]{26}$"))]
    plan_id: String,
    /// When the facts were seen.
    #[schemars(extend("format" = "date-time"))]
    created_at: String,
    /// After this it is not applied any more.
    #[schemars(extend("format" = "date-time"))]
    expires_at: String,
    /// What made it.
    producer: Producer,
    /// Where it was made.
    observer: Observer,
    /// What aku.conf meant, without the password.
    #[schemars(regex(pattern = r"^sha256:"))]
    conf_digest: String,
    /// What it is for.
    target: Target,
    /// How much was seen.
    view: View,
    /// What the plan rests on, and what a reviewer may want to know; actions name them in `pre` and `because.facts`.
    facts: Vec<Fact>,
    /// Lists of facts that several actions were decided from; absent when there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fact_lists: Vec<List>,
    /// The rules that judged it when it was made; absent when they are the built-in ones.
    #[serde(skip_serializing_if = "Policy::is_built_in")]
    rules: Policy,
    /// What those rules found when it was made, and behind that what a program of the site said.
    policy: Vec<Finding>,
    /// What it can cost.
    risk: Risk,
    /// How many actions of each kind.
    summary: BTreeMap<String, usize>,
    /// SHA-256 over pod, key and value of the facts that actions name and that do not move by themselves.
    #[schemars(regex(pattern = r"^sha256:[0-9a-f]{64}$"))]
    fingerprint: String,
    /// Who said yes to it: ssh signatures over the digest and a line feed, in the namespace `aku-plan`. Not part of the digest.
    signatures: Vec<Signature>,
    /// SHA-256 of the document without this field and `signatures`, RFC 8785.
    #[schemars(regex(pattern = r"^sha256:[0-9a-f]{64}$"))]
    digest: String,
    /// The plan.
    plan: Plan,
}

#[derive(JsonSchema, Serialize)]
struct Producer {
    /// Version of the program.
    aku: String,
    /// A plan of another revision is shown and never applied.
    planner_rev: u32,
}

#[derive(JsonSchema, Serialize)]
struct Target {
    /// AKU_STS_NAME
    statefulset: String,
    /// AKU_SVC_NAME
    service: String,
}

#[derive(JsonSchema, Serialize)]
struct View {
    /// `partial` when a pod could not be looked at.
    #[schemars(regex(pattern = r"^(full|partial)$"))]
    completeness: String,
}

#[derive(JsonSchema, Serialize)]
struct Observer {
    /// The pod it was made on; null elsewhere.
    ordinal: Option<Ordinal>,
}

/// The schema, draft 2020-12, as text.
#[must_use]
pub fn text() -> String {
    format!("{:#}\n", schema())
}

/// The schema, draft 2020-12.
#[must_use]
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let effect = generator.subschema_for::<Effect>();
    let ids = generator.subschema_for::<Vec<FactId>>().to_value();
    let cited = generator.subschema_for::<Cited>().to_value();
    let posts = generator.subschema_for::<Vec<Post>>().to_value();
    let mut schema = generator.into_root_schema_for::<Document>().to_value();
    // A saved action also tells its effect, its statements and its facts, which follow from the rest.
    let action = &mut schema["$defs"]["Action"];
    action["properties"]["effect"] = effect.to_value();
    action["properties"]["sql"] = json!({
        "description": "The statements it sends, as far as they are known before it runs.",
        "type": "array",
        "items": { "type": "string" },
    });
    let because = action["properties"]["because"].take();
    action["properties"]["because"] = json!({
        "allOf": [because],
        "properties": { "facts": { "description": "What it was decided from: facts, or a list of them.", "allOf": [cited] } },
        "required": ["facts"],
    });
    action["properties"]["pre"] = json!({ "description": "What must hold before it runs.", "allOf": [ids] });
    action["properties"]["post"] = json!({ "description": "What holds after it.", "allOf": [posts] });
    if let Some(required) = action["required"].as_array_mut() {
        required.extend(["effect", "sql", "pre", "post"].map(Value::from));
    }
    schema
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // The schema is a file of the repository.
mod tests {
    use super::*;
    use crate::testing::plans as fixtures;

    #[test]
    fn the_kept_schema_is_that_of_the_types() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plans/plan-1.schema.json");
        if std::env::var_os("AKU_WRITE_SCHEMA").is_some() {
            std::fs::write(path, text()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), text(), "AKU_WRITE_SCHEMA=1 cargo test writes it");
    }

    fn documents() -> Vec<Value> {
        let fixtures = [
            fixtures::full_join(),
            fixtures::full_join_with_losses(),
            fixtures::catch_up(),
            fixtures::end(),
            fixtures::clean(),
            fixtures::empty(),
        ];
        let made = fixtures.map(|plan| crate::testing::saved(plan).document());
        let kept = ["first-start", "end", "catch-up"].map(|name| {
            let path = format!("{}/../../plans/{name}.json", env!("CARGO_MANIFEST_DIR"));
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
        });
        made.into_iter().chain(kept).collect()
    }

    #[test]
    fn another_validator_takes_every_plan_and_refuses_what_is_none() {
        type Edit = fn(&mut Value);
        let mut schemas = boon::Schemas::new();
        let mut compiler = boon::Compiler::new();
        compiler.add_resource("plan.json", schema()).unwrap();
        let index = compiler.compile("plan.json", &mut schemas).unwrap();
        let edits: [Edit; 6] = [
            |d| d["format_version"] = "2.0".into(),
            |d| d["plan"]["goal"]["goal"] = "dance".into(),
            |d| d["plan"]["pods"][0]["pod"] = "0".into(),
            |d| drop(d["plan"].as_object_mut().unwrap().remove("decision")),
            |d| d["digest"] = 1.into(),
            |d| d["plan"]["actions"] = json!([{ "id": 1, "pod": 0, "op": "explode" }]),
        ];
        for document in documents() {
            if let Err(e) = schemas.validate(&document, index) {
                panic!("{e}\n{document:#}");
            }
            for edit in edits {
                let mut broken = document.clone();
                edit(&mut broken);
                assert!(schemas.validate(&broken, index).is_err(), "{broken:#}");
            }
        }
    }
}
