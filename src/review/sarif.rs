//! Findings as SARIF 2.1.0 (OASIS), which code hosts show beside a line of a file.

use serde_json::{Value, json};

use super::{Check, Review};
use crate::plan::{
    ActionId,
    policy::{Finding, Level, Rule},
};

/// The log of one run. `text` is the file, for the lines of its actions.
#[must_use]
pub fn sarif(review: &Review, file: &str, text: &str) -> Value {
    let rules: Vec<Value> = Check::ALL
        .iter()
        .map(|c| (c.as_str(), c.explanation()))
        .chain(Rule::ALL.iter().map(|r| (r.as_str(), r.explanation())))
        .map(|(id, story)| json!({ "id": id, "fullDescription": { "text": one_line(story) } }))
        .collect();
    let results: Vec<Value> = review
        .findings
        .iter()
        .map(|f| {
            json!({
                "ruleId": f.code,
                "level": level(f),
                "message": { "text": f.text },
                "locations": locations(f, file, text),
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "aku", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "results": results,
        }],
    })
}

fn level(f: &Finding) -> &'static str {
    match f.level {
        Level::Deny => "error",
        Level::Warn => "warning",
        Level::Off => "none",
    }
}

fn one_line(story: &str) -> String {
    story.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// One place for each action, or the file.
fn locations(f: &Finding, file: &str, text: &str) -> Vec<Value> {
    let place = |line: usize, name: Option<String>| {
        let mut place = json!({
            "physicalLocation": {
                "artifactLocation": { "uri": file },
                "region": { "startLine": line },
            },
        });
        if let Some(name) = name {
            place["logicalLocations"] = json!([{ "name": name, "kind": "action" }]);
        }
        place
    };
    if f.actions.is_empty() {
        return vec![place(1, None)];
    }
    f.actions.iter().map(|id| place(line_of(*id, text), Some(id.to_string()))).collect()
}

/// The line with the number of an action; 1 when the file was written in another way.
fn line_of(id: ActionId, text: &str) -> usize {
    let number = format!("\"id\": {},", id.0);
    text.lines().position(|l| l.trim() == number).map_or(1, |i| i + 1)
}
