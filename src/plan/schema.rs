//! The JSON Schema of a saved plan, made from the types, so that it cannot differ from what is written.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Effect, Plan};
use crate::topology::Ordinal;

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
    /// SHA-256 of the document without this field, RFC 8785.
    #[schemars(regex(pattern = r"^sha256:[0-9a-f]{64}$"))]
    digest: String,
    /// The plan.
    plan: Plan,
}

#[derive(JsonSchema, Serialize)]
struct Producer {
    /// Version of the program.
    aku: String,
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

fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let effect = generator.subschema_for::<Effect>();
    let mut schema = generator.into_root_schema_for::<Document>().to_value();
    // A saved action also tells its effect and its statements, which follow from the rest.
    let action = &mut schema["$defs"]["Action"];
    action["properties"]["effect"] = effect.to_value();
    action["properties"]["sql"] = json!({
        "description": "The statements it sends, as far as they are known before it runs.",
        "type": "array",
        "items": { "type": "string" },
    });
    if let Some(required) = action["required"].as_array_mut() {
        required.extend(["effect", "sql"].map(Value::from));
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plan::saved::Saved, render::fixtures};

    #[test]
    fn the_kept_schema_is_that_of_the_types() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/plans/plan-1.schema.json");
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
        let conf = format!("sha256:{}", "0".repeat(64));
        let now = "2026-11-20T23:41:07Z".parse().unwrap();
        let made = fixtures.map(|plan| Saved::new(plan, None, conf.clone(), now).document());
        let kept = ["first-start", "end", "catch-up"].map(|name| {
            let path = format!("{}/plans/{name}.json", env!("CARGO_MANIFEST_DIR"));
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
